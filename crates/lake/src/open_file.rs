//! A file of the lake that has been opened for reading.
//!
//! Whoever writes deletes the files that its commit replaces at once, because what was erased must be gone. A file that is
//! open outlives its deletion, so a question opens all files of one state of the lake before it reads the first, and is
//! never overtaken however long it takes. Nothing is read twice, nobody waits, and no file has to be kept for readers.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use parquet::file::reader::{ChunkReader, Length};

use crate::error::Error;

/// An open file, from which several readers read at once: each says where, and none moves another.
#[derive(Debug, Clone)]
pub(crate) struct OpenFile {
    file: Arc<File>,
    path: Arc<PathBuf>,
    bytes: u64,
    rows: u64,
    version: u64,
}

impl OpenFile {
    /// Opens a file of the lake.
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        let file = File::open(path).map_err(Error::file("open", path))?;
        let bytes = file.metadata().map_err(Error::file("look at", path))?.len();
        let version = path.file_stem().and_then(|stem| stem.to_str()?.parse().ok()).unwrap_or(u64::MAX);
        Ok(Self { file: Arc::new(file), path: Arc::new(path.to_owned()), bytes, rows: 0, version })
    }

    /// An error because what is in it cannot be read.
    pub(crate) fn unreadable<E: std::error::Error + Send + Sync + 'static>(&self) -> impl Fn(E) -> Error + use<E> {
        let path = Arc::clone(&self.path);
        move |source| Error::RunFile { path: path.to_path_buf(), source: Box::new(source) }
    }

    /// The same, with how many rows it has.
    pub(crate) fn with_rows(self, rows: u64) -> Self {
        Self { rows, ..self }
    }

    /// How many rows it has, as far as that was said.
    pub(crate) fn rows(&self) -> u64 {
        self.rows
    }

    /// The number of the commit that put it into its table, which it is called after; one that is called otherwise is as
    /// good as new.
    pub(crate) fn version(&self) -> u64 {
        self.version
    }
}

impl Length for OpenFile {
    fn len(&self) -> u64 {
        self.bytes
    }
}

impl ChunkReader for OpenFile {
    type T = BufReader<From>;

    fn get_read(&self, start: u64) -> parquet::errors::Result<Self::T> {
        Ok(BufReader::new(From { file: Arc::clone(&self.file), at: start }))
    }

    fn get_bytes(&self, start: u64, length: usize) -> parquet::errors::Result<Bytes> {
        let mut bytes = vec![0; length];
        From { file: Arc::clone(&self.file), at: start }.read_exact(&mut bytes)?;
        Ok(bytes.into())
    }
}

/// Reads on from a place in a file.
#[derive(Debug)]
pub(crate) struct From {
    file: Arc<File>,
    at: u64,
}

impl Read for From {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        #[cfg(unix)]
        let read = std::os::unix::fs::FileExt::read_at(self.file.as_ref(), buffer, self.at)?;
        #[cfg(windows)]
        let read = std::os::windows::fs::FileExt::seek_read(self.file.as_ref(), buffer, self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}
