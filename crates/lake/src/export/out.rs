//! The file that is being written: beside its place until it is complete, so that nobody takes half of it for all.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::error::Error;

/// A file that takes its name when it is complete, and is gone if it never is.
pub(super) struct Draft {
    target: PathBuf,
    /// Where it is until then; the target itself where that is no regular file (a pipe, `/dev/stdout`).
    path: PathBuf,
    complete: bool,
}

impl Draft {
    /// A draft for this file.
    pub(super) fn new(target: &Path) -> Result<Self, Error> {
        Self::create(target, if is_special(target) { target.to_owned() } else { beside(target, ".part") })
    }

    /// A file that is needed until this one is complete.
    pub(super) fn scratch(target: &Path) -> Result<Self, Error> {
        let beside_it = beside(target, ".stage");
        let elsewhere = || std::env::temp_dir().join(format!("desireline-{}.stage", std::process::id()));
        Self::create(target, if is_special(target) { elsewhere() } else { beside_it })
    }

    fn create(target: &Path, path: PathBuf) -> Result<Self, Error> {
        let draft = Self { target: target.to_owned(), path, complete: false };
        File::create(&draft.path).map_err(Error::file("make", &draft.path))?;
        Ok(draft)
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The empty file.
    pub(super) fn open(&self) -> Result<File, Error> {
        File::options().write(true).open(&self.path).map_err(Error::file("open", &self.path))
    }

    /// Gives it its name.
    pub(super) fn finish(mut self) -> Result<(), Error> {
        self.complete = true;
        if self.path == self.target {
            return Ok(());
        }
        std::fs::rename(&self.path, &self.target).map_err(Error::file("replace", &self.target))
    }
}

fn is_special(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|there| !there.is_file())
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut path = path.as_os_str().to_owned();
    path.push(ending);
    path.into()
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.complete && self.path != self.target {
            // It is an error already that brought us here.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

enum Body {
    Plain(BufWriter<File>),
    Gzip(Box<GzEncoder<BufWriter<File>>>),
}

/// A text file, compressed where its name says so.
pub(super) struct Out {
    body: Body,
    draft: Draft,
}

/// How much is put together before it is written.
const BUFFER_BYTES: usize = 1 << 20;

impl Out {
    pub(super) fn new(path: &Path) -> Result<Self, Error> {
        let draft = Draft::new(path)?;
        let file = BufWriter::with_capacity(BUFFER_BYTES, draft.open()?);
        let gzip = path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("gz"));
        let body =
            if gzip { Body::Gzip(Box::new(GzEncoder::new(file, Compression::fast()))) } else { Body::Plain(file) };
        Ok(Self { body, draft })
    }

    pub(super) fn put(&mut self, text: &str) -> Result<(), Error> {
        let written = match &mut self.body {
            Body::Plain(file) => file.write_all(text.as_bytes()),
            Body::Gzip(file) => file.write_all(text.as_bytes()),
        };
        written.map_err(Error::file("write", &self.draft.path))
    }

    pub(super) fn finish(self) -> Result<(), Error> {
        let flushed = match self.body {
            Body::Plain(mut file) => file.flush(),
            Body::Gzip(file) => file.finish().and_then(|mut file| file.flush()),
        };
        flushed.map_err(Error::file("write", &self.draft.path))?;
        self.draft.finish()
    }
}
