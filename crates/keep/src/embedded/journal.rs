//! The journal: every group of changes is appended to it and flushed before anybody is told, and read again when a home is
//! opened. Once what is in a journal is in the tables of the store, it is deleted.
//!
//! A record is flushed before the next one begins, so a power cut leaves at most the last one unfinished, and nobody was told
//! of it: it is cut off. A record that cannot be read with whole ones behind it is damage, and nothing is cut off then.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::embedded::files::explain;
use crate::error::Error;

/// With what a record begins: a mark, its number, its length and the checksum of what it holds.
const MARK: [u8; 4] = *b"DLJ\x01";
const HEAD_BYTES: usize = 4 + 8 + 4 + 8;

/// The ending of the names of its files, which are numbers.
const EXTENSION: &str = "journal";

/// The journal, at its end.
pub(super) struct Journal {
    folder: PathBuf,
    /// The file that is appended to; those before it are on their way into the tables.
    number: u64,
    file: File,
    next: u64,
    bytes: u64,
    /// Room for a record, used again and again.
    record: Vec<u8>,
}

impl Journal {
    /// Reads what is in the journal of a folder, one record after the other, and begins a new file behind it.
    pub(super) fn open(folder: &Path, take: &mut dyn FnMut(&[u8]) -> Result<(), Error>) -> Result<Self, Error> {
        let failed = |error: std::io::Error| explain("read the journal of live state", folder, error.into());
        let (mut last, mut bytes) = (None, 0);
        let files = numbered(folder, EXTENSION).map_err(failed)?;
        for (n, (_, path)) in files.iter().enumerate() {
            let journal = fs::read(path).map_err(failed)?;
            let mut at = 0;
            while let Some((number, length, held)) = record(&journal[at..])
                && last.is_none_or(|last| number == last + 1)
            {
                take(held)?;
                (last, at) = (Some(number), at + length);
            }
            let rest = &journal[at..];
            if !rest.is_empty() {
                if n + 1 < files.len() || has_record(rest) {
                    let path = path.display();
                    let what = format!("{path} cannot be read from byte {at} on, and what follows was acknowledged");
                    return Err(Error::corrupt(what));
                }
                let file = OpenOptions::new().write(true).open(path).map_err(failed)?;
                file.set_len(at as u64).and_then(|()| file.sync_all()).map_err(failed)?;
            }
            if at == 0 {
                fs::remove_file(path).map_err(failed)?;
            }
            bytes += at as u64;
        }
        let number = files.last().map_or(0, |(number, _)| *number) + 1;
        let file = begin(folder, number)?;
        Ok(Self {
            folder: folder.to_owned(),
            number,
            file,
            next: last.unwrap_or_default() + 1,
            bytes,
            record: Vec::new(),
        })
    }

    /// The number of the file that is appended to.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// How much would have to be read again after a crash.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Appends a record, whose content `fill` writes; it is on the disk when this returns.
    pub(super) fn append(&mut self, fill: impl FnOnce(&mut Vec<u8>)) -> Result<(), Error> {
        let record = &mut self.record;
        record.clear();
        record.resize(HEAD_BYTES, 0);
        fill(record);
        let length = u32::try_from(record.len() - HEAD_BYTES).expect("a group of commits is far below 4 GiB");
        let sum = xxh3_64_with_seed(&record[HEAD_BYTES..], self.next);
        record[..4].copy_from_slice(&MARK);
        record[4..12].copy_from_slice(&self.next.to_le_bytes());
        record[12..16].copy_from_slice(&length.to_le_bytes());
        record[16..HEAD_BYTES].copy_from_slice(&sum.to_le_bytes());
        let written = self.file.write_all(record).and_then(|()| self.file.sync_data());
        written.map_err(|error| explain("write the journal of live state", &self.folder, error.into()))?;
        self.next += 1;
        self.bytes += record.len() as u64;
        Ok(())
    }

    /// Goes on in a new file: those before it can go once what is in them is in the tables.
    pub(super) fn turn(&mut self) -> Result<(), Error> {
        self.file = begin(&self.folder, self.number + 1)?;
        (self.number, self.bytes) = (self.number + 1, 0);
        Ok(())
    }
}

/// Deletes the files before this number.
pub(super) fn remove_before(folder: &Path, number: u64) -> Result<(), Error> {
    let remove = || {
        let mut old = numbered(folder, EXTENSION)?;
        old.retain(|(of, _)| *of < number);
        // The oldest first: what is left after a crash is the end, without a gap.
        old.iter().try_for_each(|(_, path)| fs::remove_file(path))
    };
    remove().map_err(|error| explain("delete a journal of live state", folder, error.into()))
}

/// A new file, which is there also after a power cut.
fn begin(folder: &Path, number: u64) -> Result<File, Error> {
    let path = folder.join(format!("{number:012}.{EXTENSION}"));
    let made = OpenOptions::new().create_new(true).append(true).open(path);
    let made = made.and_then(|file| sync(folder).map(|()| file));
    made.map_err(|error| explain("begin a journal of live state", folder, error.into()))
}

/// Has the names in a folder on the disk.
pub(super) fn sync(folder: &Path) -> std::io::Result<()> {
    File::open(folder)?.sync_all()
}

/// All files of a folder whose names are numbers with this ending, in their order.
pub(super) fn numbered(folder: &Path, extension: &str) -> std::io::Result<Vec<(u64, PathBuf)>> {
    let mut found = Vec::new();
    let files = match fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(found),
        files => files?,
    };
    for file in files {
        let path = file?.path();
        let number = path.file_stem().and_then(|stem| stem.to_str()?.parse().ok());
        if let Some(number) = number.filter(|_| path.extension().is_some_and(|of| of == extension)) {
            found.push((number, path));
        }
    }
    found.sort();
    Ok(found)
}

/// The number, length and content of the record with which these bytes begin, if it is whole.
fn record(bytes: &[u8]) -> Option<(u64, usize, &[u8])> {
    let (head, rest) = bytes.split_at_checked(HEAD_BYTES)?;
    let number = u64::from_le_bytes(head[4..12].try_into().ok()?);
    let length = u32::from_le_bytes(head[12..16].try_into().ok()?);
    let sum = u64::from_le_bytes(head[16..].try_into().ok()?);
    let held = rest.get(..usize::try_from(length).ok()?)?;
    let is_whole = head.starts_with(&MARK) && xxh3_64_with_seed(held, number) == sum;
    is_whole.then_some((number, HEAD_BYTES + held.len(), held))
}

fn has_record(bytes: &[u8]) -> bool {
    let starts = bytes.iter().enumerate().filter(|(_, byte)| **byte == MARK[0]);
    starts.into_iter().any(|(at, _)| record(&bytes[at..]).is_some())
}
