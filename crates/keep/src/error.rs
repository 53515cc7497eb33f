//! What can go wrong, by what the caller can do about it.

use std::path::PathBuf;

use crate::loaded::{Customer, MessageId, TimerId};

/// What somebody else was quicker with. Everything in it is to be loaded again.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Conflict {
    /// Customers whose states are not as they were loaded.
    pub customers: Vec<Customer>,
    /// Messages that are known by now.
    pub messages: Vec<MessageId>,
    /// Keys that have another number by now.
    pub keys: Vec<Vec<u8>>,
    /// Timers that are not there any more, or were taken by somebody else.
    pub fired: Vec<TimerId>,
    /// Deliveries that are not there any more, or were taken by somebody else.
    pub settled: Vec<Vec<u8>>,
    /// Records that are not as they were read.
    pub records: Vec<String>,
}

impl Conflict {
    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        *self == Conflict::default()
    }
}

/// An error of a home.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// Load again what is in it, step again, commit again. Nothing was written.
    #[error("somebody else was quicker")]
    Conflict(Box<Conflict>),
    /// More waits to be written than may wait. Try again in a moment; nothing was written.
    #[error("more waits to be written than may wait: try again in a moment")]
    Busy,
    /// There is no room left. It may have been written. Reading goes on, writing does when there is room again.
    #[error("there is no room left where live state is kept: free some, and writing goes on by itself")]
    Full,
    /// The home cannot be reached, or was lost on the way. It may have been written. Try again later.
    #[error("live state cannot be reached ({doing})")]
    Unavailable {
        /// What was being done.
        doing: &'static str,
        /// Why it failed.
        #[source]
        source: std::sync::Arc<dyn std::error::Error + Send + Sync>,
    },
    /// What is kept is not as it should be. Somebody has to look; a backup helps.
    #[error("live state is damaged: {what}")]
    Corrupt {
        /// What is wrong, and where.
        what: String,
    },
    /// It was written by a newer version of the program.
    #[error("live state has format {found}, this program knows up to {known}: use the newer program that wrote it")]
    NewerFormat {
        /// Its format.
        found: u32,
        /// The highest format that is known here.
        known: u32,
    },
    /// It was written by an older version of the program, before the first release that keeps what its users have.
    #[error(
        "live state has format {found}, this program knows {known} only: use the older program, or begin with an empty home"
    )]
    OlderFormat {
        /// Its format.
        found: u32,
        /// The format that is known here.
        known: u32,
    },
    /// Another process has it open.
    #[error("another desireline works on {}: wait until it is done, or end it", path.display())]
    Locked {
        /// The folder.
        path: PathBuf,
    },
    /// A part is larger than may be kept. It never will be; nothing was written.
    #[error("{what} has {size}, at most {most} can be kept")]
    TooLarge {
        /// What is too large.
        what: &'static str,
        /// How large it is.
        size: usize,
        /// How large it may be.
        most: usize,
    },
    /// These positions of the log are gone: they were exported. Read them in the lake.
    #[error("the log begins at {first}: what came before was exported")]
    Truncated {
        /// The first position that is there.
        first: u64,
    },
    /// What was asked for makes no sense, such as an address that is none.
    #[error("{what}")]
    Invalid {
        /// What is wrong, and what to do.
        what: String,
    },
}

impl Error {
    /// An error unless the format is the one that is known.
    pub(crate) fn unless_known(found: u32, known: u32) -> Result<(), Self> {
        match found.cmp(&known) {
            std::cmp::Ordering::Less => Err(Error::OlderFormat { found, known }),
            std::cmp::Ordering::Equal => Ok(()),
            std::cmp::Ordering::Greater => Err(Error::NewerFormat { found, known }),
        }
    }

    pub(crate) fn unavailable<E>(doing: &'static str) -> impl FnOnce(E) -> Error
    where
        E: std::error::Error + Send + Sync + 'static,
    {
        move |source| Error::Unavailable { doing, source: std::sync::Arc::new(source) }
    }

    pub(crate) fn corrupt(what: impl Into<String>) -> Error {
        Error::Corrupt { what: what.into() }
    }
}
