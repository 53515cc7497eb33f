//! What can go wrong with the lake, by what the caller can do about it.

use std::path::PathBuf;

/// An error of the lake.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no lake where one was expected.
    #[error("there is no lake in {}: import something first", path.display())]
    NoLake {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// The lake was written by a newer version of the program.
    #[error("the lake in {} has format {found}, this program reads up to {known}: use the newer program that wrote it", path.display())]
    NewerFormat {
        /// Where the lake is.
        path: PathBuf,
        /// Its format.
        found: u32,
        /// The highest format that is known here.
        known: u32,
    },
    /// Another process works on the lake.
    #[error("another desireline works on {}: wait until it is done, or end it", path.display())]
    Locked {
        /// The home that is locked.
        path: PathBuf,
    },
    /// Somebody else wrote while this was read.
    #[error("the lake was changed while it was read: ask again")]
    Overtaken,
    /// A file could not be read or written.
    #[error("could not {doing} {}", path.display())]
    File {
        /// What was being done.
        doing: &'static str,
        /// With which file.
        path: PathBuf,
        /// Why it failed.
        #[source]
        source: std::io::Error,
    },
    /// The Delta log could not be read or written.
    #[error("the table's log failed")]
    Delta(#[from] deltalake_core::DeltaTableError),
    /// A Parquet file could not be read or written.
    #[error("a Parquet file failed")]
    Parquet(#[from] parquet::errors::ParquetError),
    /// A file of the lake does not hold what was written to it.
    #[error("the lake is damaged: {} cannot be read", path.display())]
    RunFile {
        /// Which one.
        path: PathBuf,
        /// Why not.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A batch of columns could not be made.
    #[error("columns failed")]
    Arrow(#[from] arrow::error::ArrowError),
    /// The object store failed.
    #[error("the store failed")]
    Store(#[from] object_store::Error),
    /// SQL failed.
    #[error("the query failed")]
    Sql(#[from] datafusion::error::DataFusionError),
    /// A database that is exported could not be written.
    #[error("the SQLite database failed")]
    Sqlite(#[from] rusqlite::Error),
    /// A value of such a database is not what was put there.
    #[error("the SQLite database failed")]
    SqliteValue(#[from] rusqlite::types::FromSqlError),
    /// A table is not as it should be.
    #[error("the lake is damaged: {what}")]
    Corrupt {
        /// What is wrong.
        what: String,
    },
    /// A question wants more conditions of each event than there are flags.
    #[error("a question can ask {most} conditions of each event, this one asks {asked}: ask fewer views at once")]
    TooManyConditions {
        /// How many it asks.
        asked: usize,
        /// How many there can be.
        most: usize,
    },
    /// The user stopped it.
    #[error("stopped; nothing of this import was kept, and the same command completes it")]
    Interrupted,
    /// What was asked for does not exist.
    #[error("{what}")]
    NotFound {
        /// What was looked for, and what there is instead.
        what: String,
    },
    /// An input cannot be read.
    #[error("{what}")]
    Invalid {
        /// What is wrong, and what to do.
        what: String,
    },
}

impl Error {
    /// Whether a commit of somebody else explains it.
    pub(crate) fn may_be_overtaken(&self) -> bool {
        match self {
            Error::Overtaken => true,
            Error::File { source, .. } => source.kind() == std::io::ErrorKind::NotFound,
            _ => false,
        }
    }

    /// A file error with what was being done.
    pub(crate) fn file(doing: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Error {
        let path = path.into();
        move |source| Error::File { doing, path, source }
    }
}
