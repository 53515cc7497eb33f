//! A chunk of the log: the entries of one commit, compressed. One row for many entries costs the store what one entry would,
//! and what one sender sends compresses well together.

use std::cell::RefCell;

use crate::bytes::{Eye, Pen};
use crate::commit::Entry;
use crate::error::Error;
use crate::limits::COMMIT_BYTES_MAX;
use crate::loaded::{Customer, Logged};

/// How the entries of a chunk are written.
const PLAIN: u8 = 0;
const ZSTD: u8 = 1;

/// From so many bytes on compressing pays.
const COMPRESSED_FROM_BYTES: usize = 512;

thread_local! {
    /// Making one costs more than compressing a chunk. `None` where memory ran out: then chunks stay plain.
    static COMPRESSOR: RefCell<Option<zstd::bulk::Compressor<'static>>> = RefCell::new(zstd::bulk::Compressor::new(1).ok());
}

/// The entries as a chunk; nothing for no entries.
pub(crate) fn encode(entries: &[Entry]) -> Vec<u8> {
    if entries.is_empty() {
        return Vec::new();
    }
    let bytes: usize = entries.iter().map(|entry| entry.bytes.len() + 32).sum();
    let pen = entries.iter().fold(Pen::with_capacity(bytes), |pen, entry| {
        pen.u8(0).i64(entry.customer.0).u8(entry.kind).i64(entry.at_us).sized(&entry.bytes)
    });
    pack(&pen.done())
}

fn pack(plain: &[u8]) -> Vec<u8> {
    let compressed = (plain.len() >= COMPRESSED_FROM_BYTES)
        .then(|| COMPRESSOR.with_borrow_mut(|zstd| zstd.as_mut().and_then(|zstd| zstd.compress(plain).ok())))
        .flatten();
    match compressed {
        Some(compressed) => Pen::with_capacity(compressed.len() + 5)
            .u8(ZSTD)
            .u32(u32::try_from(plain.len()).expect("a commit is far below 4 GiB"))
            .rest(&compressed)
            .done(),
        None => Pen::with_capacity(plain.len() + 1).u8(PLAIN).rest(plain).done(),
    }
}

/// The entries of a chunk whose last position is `last`.
pub(crate) fn decode(last: u64, chunk: &[u8]) -> Result<Vec<Logged>, Error> {
    let broken = || Error::corrupt(format!("the chunk of the log that ends at {last} cannot be read"));
    let mut eye = Eye::new(chunk);
    let unpacked;
    let plain = match eye.u8()? {
        PLAIN => eye.rest(),
        ZSTD => {
            let bytes = usize::try_from(eye.u32()?).expect("32 bits fit into a usize");
            // A length that no commit can have is damage, not a reason to ask for that much memory.
            if bytes > COMMIT_BYTES_MAX * 2 {
                return Err(broken());
            }
            unpacked = zstd::bulk::decompress(eye.rest(), bytes).map_err(|_| broken())?;
            &unpacked
        }
        _ => return Err(broken()),
    };
    let mut entries = Vec::new();
    let mut eye = Eye::new(plain);
    while !eye.is_at_end() {
        let erased = eye.u8()? != 0;
        let (customer, kind, at_us) = (Customer(eye.i64()?), eye.u8()?, eye.i64()?);
        entries.push(Logged { position: 0, customer, kind, at_us, bytes: eye.sized()?.to_vec(), erased });
    }
    let first = (last + 1).checked_sub(entries.len() as u64).ok_or_else(broken)?;
    for (entry, position) in entries.iter_mut().zip(first..) {
        entry.position = position;
    }
    Ok(entries)
}

/// The same chunk without what belongs to these customers, and how many entries that were; `None` where none was.
pub(crate) fn without(
    last: u64,
    chunk: &[u8],
    is_gone: impl Fn(Customer) -> bool,
) -> Result<Option<(Vec<u8>, u64)>, Error> {
    let entries = decode(last, chunk)?;
    let gone = |entry: &&Logged| !entry.erased && is_gone(entry.customer);
    let count = entries.iter().filter(gone).count() as u64;
    if count == 0 {
        return Ok(None);
    }
    let pen = entries.iter().fold(Pen::default(), |pen, entry| {
        if entry.erased || is_gone(entry.customer) {
            pen.u8(1).i64(0).u8(0).i64(0).sized(&[])
        } else {
            pen.u8(0).i64(entry.customer.0).u8(entry.kind).i64(entry.at_us).sized(&entry.bytes)
        }
    });
    Ok(Some((pack(&pen.done()), count)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chunk_that_is_damaged_is_read_or_refused() {
        for repeats in [1, 100] {
            let bytes = b"what came in ".repeat(repeats);
            let entry = |n| Entry { customer: Customer(n), kind: 1, at_us: -n, bytes: bytes.clone() };
            let chunk = encode(&[entry(1), entry(2)]);
            assert_eq!(decode(1, &chunk).expect("it is whole").len(), 2);
            for at in 0..chunk.len() {
                for change in [1, 0x80, 0xFF] {
                    let mut damaged = chunk.clone();
                    damaged[at] ^= change;
                    // What the store's own checksum lets through must not panic, nor ask for memory without bounds.
                    let _ = decode(1, &damaged);
                    let _ = without(1, &damaged, |_| true);
                }
                let _ = decode(1, &chunk[..at]);
            }
        }
    }
}
