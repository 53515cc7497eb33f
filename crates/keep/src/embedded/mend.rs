//! What a power cut leaves of the journal.
//!
//! A batch is flushed before the next one begins, so at most the last one can be written in part, and nobody was told of it. But
//! a disk may write the end of a batch and not its middle. The store takes that for damage and does not open; and real damage
//! in the middle of a journal it takes for the end of it, and cuts off what follows. So the journal is looked at before the
//! store sees it: an unfinished end is cut off, and damage with whole batches behind it is an error.

use std::fs;
use std::path::Path;

use xxhash_rust::xxh3::xxh3_64;

use crate::error::Error;

/// With what a batch ends, in the third format of the store.
const END_MAGIC: [u8; 4] = *b"FJL\x03";

const START: u8 = 1;
const ITEM: u8 = 2;
const END: u8 = 3;
const CLEAR: u8 = 4;

/// Looks at all journals in a folder, and cuts off the unfinished end of the last one.
pub(super) fn mend(folder: &Path) -> Result<(), Error> {
    let failed = || Error::unavailable("read the journal of live state");
    let mut journals = Vec::new();
    let files = match fs::read_dir(folder) {
        Ok(files) => files,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed()(error)),
    };
    for file in files {
        let path = file.map_err(failed())?.path();
        let number = path.file_stem().and_then(|stem| stem.to_str()?.parse::<u64>().ok());
        if let Some(number) = number.filter(|_| path.extension().is_some_and(|extension| extension == "jnl")) {
            journals.push((number, path));
        }
    }
    journals.sort();
    let last = journals.len();
    for (n, (_, path)) in journals.into_iter().enumerate() {
        let journal = fs::read(&path).map_err(failed())?;
        let whole = whole_batches(&journal);
        let rest = &journal[whole..];
        if rest.iter().all(|byte| *byte == 0) {
            continue;
        }
        if n + 1 < last || has_batch(rest) {
            return Err(damaged(&path, whole));
        }
        let file = fs::OpenOptions::new().write(true).open(&path).map_err(failed())?;
        file.set_len(whole as u64).and_then(|()| file.sync_all()).map_err(failed())?;
    }
    Ok(())
}

fn damaged(path: &Path, at: usize) -> Error {
    Error::corrupt(format!("{} cannot be read from byte {at} on, and what follows was acknowledged", path.display()))
}

/// How many bytes at the beginning are whole batches, in the order in which they were written: the number of a batch, which its
/// checksum does not cover, grows.
fn whole_batches(journal: &[u8]) -> usize {
    let mut at = 0;
    let mut last = None;
    while let Some((length, number)) = journal.get(at..).and_then(batch)
        && last.is_none_or(|last| number > last)
    {
        at += length;
        last = Some(number);
    }
    at
}

fn has_batch(bytes: &[u8]) -> bool {
    let starts = bytes.iter().enumerate().filter(|(_, byte)| **byte == START);
    starts.into_iter().any(|(at, _)| batch(&bytes[at..]).is_some())
}

/// The length and number of the batch with which these bytes begin, if it is whole.
fn batch(bytes: &[u8]) -> Option<(usize, u64)> {
    let (head, mut rest) = bytes.split_at_checked(13)?;
    if head[0] != START {
        return None;
    }
    let count = u32::from_le_bytes(head[1..5].try_into().ok()?);
    let number = u64::from_le_bytes(head[5..13].try_into().ok()?);
    for _ in 0..count {
        rest = rest.get(item(rest)?..)?;
    }
    let items = &bytes[13..bytes.len() - rest.len()];
    let end = rest.get(..13)?;
    let checksum = u64::from_le_bytes(end[1..9].try_into().ok()?);
    let is_whole = end[0] == END && end[9..] == END_MAGIC && xxh3_64(items) == checksum;
    is_whole.then_some((13 + items.len() + 13, number))
}

/// The length of an item, as far as its own head says: what it holds is for the checksum to judge.
fn item(bytes: &[u8]) -> Option<usize> {
    match *bytes.first()? {
        ITEM => {
            let head = bytes.get(..21)?;
            let key = u16::from_le_bytes(head[11..13].try_into().ok()?);
            let value = u32::from_le_bytes(head[17..21].try_into().ok()?);
            Some(21 + usize::from(key) + usize::try_from(value).ok()?)
        }
        CLEAR => Some(9),
        _ => None,
    }
}
