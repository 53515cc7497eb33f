//! A chunk of the log: the entries of one commit, compressed. One row for many entries costs the store what one entry would,
//! and what one sender sends compresses well together.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::BTreeMap;

use crate::bytes::{Eye, Pen};
use crate::commit::Entry;
use crate::error::Error;
use crate::ledger::last_of_each;
use crate::limits::COMMIT_BYTES_MAX;
use crate::loaded::{Customer, Fate, Logged};

/// How the entries of a chunk are written.
const PLAIN: u8 = 0;
const ZSTD: u8 = 1;

/// From so many bytes on compressing pays.
const COMPRESSED_FROM_BYTES: usize = 512;

/// The first level that does without a code for single bytes: of chunks of a few KiB it takes half the time of level 1, and makes
/// them 6 % larger.
const LEVEL: i32 = -1;

thread_local! {
    /// Making one costs more than compressing a chunk. `None` where memory ran out: then chunks stay plain.
    static COMPRESSOR: RefCell<Option<zstd::bulk::Compressor<'static>>> = RefCell::new(zstd::bulk::Compressor::new(LEVEL).ok());
    /// The same.
    static DECOMPRESSOR: RefCell<Option<zstd::bulk::Decompressor<'static>>> = RefCell::new(zstd::bulk::Decompressor::new().ok());
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

/// A chunk of the log as it is kept. Unpacking takes most of the time in which a log is read and asks no home, so that many
/// can do it at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunk {
    /// The position of its last entry.
    last: u64,
    /// Entries before this position are passed over.
    from: u64,
    packed: Vec<u8>,
}

impl Chunk {
    pub(crate) fn new(from: u64, last: u64, packed: &[u8]) -> Self {
        Self { last, from, packed: packed.to_vec() }
    }

    /// The position after that of its last entry.
    pub fn end(&self) -> u64 {
        self.last + 1
    }

    /// Lends its entries in their order.
    ///
    /// # Errors
    /// [`Error::Corrupt`]; the error of `visit`.
    pub fn each<E: From<Error>>(&self, mut visit: impl FnMut(Logged<&[u8]>) -> Result<(), E>) -> Result<(), E> {
        let plain = unpack(self.last, &self.packed)?;
        for logged in entries(self.last, &plain)?.filter(|logged| logged.position >= self.from) {
            visit(logged)?;
        }
        Ok(())
    }
}

/// The entries of a chunk whose last position is `last`.
pub(crate) fn decode(last: u64, chunk: &[u8]) -> Result<Vec<Logged>, Error> {
    let plain = unpack(last, chunk)?;
    let owned = |Logged { position, customer, kind, at_us, bytes, erased }: Logged<&[u8]>| Logged {
        position,
        customer,
        kind,
        at_us,
        bytes: bytes.to_vec(),
        erased,
    };
    Ok(entries(last, &plain)?.map(owned).collect())
}

fn broken(last: u64) -> Error {
    Error::corrupt(format!("the chunk of the log that ends at {last} cannot be read"))
}

fn unpack(last: u64, chunk: &[u8]) -> Result<Cow<'_, [u8]>, Error> {
    let mut eye = Eye::new(chunk);
    match eye.u8()? {
        PLAIN => Ok(Cow::Borrowed(eye.rest())),
        ZSTD => {
            let bytes = usize::try_from(eye.u32()?).expect("32 bits fit into a usize");
            // A length that no commit can have is damage, not a reason to ask for that much memory.
            if bytes > COMMIT_BYTES_MAX * 2 {
                return Err(broken(last));
            }
            let plain = DECOMPRESSOR.with_borrow_mut(|zstd| match zstd {
                Some(zstd) => zstd.decompress(eye.rest(), bytes),
                None => zstd::bulk::decompress(eye.rest(), bytes),
            });
            plain.map(Cow::Owned).map_err(|_| broken(last))
        }
        _ => Err(broken(last)),
    }
}

/// Its entries; that they can be read was looked at before the first is given.
fn entries(last: u64, plain: &[u8]) -> Result<impl Iterator<Item = Logged<&[u8]>>, Error> {
    let mut count = 0;
    let mut eye = Eye::new(plain);
    while !eye.is_at_end() {
        next(&mut eye, 0)?;
        count += 1;
    }
    let first = (last + 1).checked_sub(count).ok_or_else(|| broken(last))?;
    let mut eye = Eye::new(plain);
    Ok((first..=last).map_while(move |position| next(&mut eye, position).ok()))
}

fn next<'a>(eye: &mut Eye<'a>, position: u64) -> Result<Logged<&'a [u8]>, Error> {
    let erased = eye.u8()? != 0;
    let (customer, kind, at_us) = (Customer(eye.i64()?), eye.u8()?, eye.i64()?);
    Ok(Logged { position, customer, kind, at_us, bytes: eye.sized()?, erased })
}

/// A chunk as an erasure leaves it.
#[derive(Debug)]
pub(crate) struct Rewritten {
    pub(crate) bytes: Vec<u8>,
    /// How many entries were emptied.
    pub(crate) emptied: u64,
    /// By which entries customers are found no more, and by which they are now.
    pub(crate) found_before: Vec<(Customer, u64)>,
    pub(crate) found_now: Vec<(Customer, u64)>,
}

/// The same chunk with entries emptied and filed under others; `None` where nothing changes.
pub(crate) fn rewritten(last: u64, chunk: &[u8], fates: &BTreeMap<u64, Fate>) -> Result<Option<Rewritten>, Error> {
    let mut entries = decode(last, chunk)?;
    let before = found_by(&entries);
    let (mut emptied, mut moved) = (0, false);
    for entry in entries.iter_mut().filter(|entry| !entry.erased) {
        match fates.get(&entry.position) {
            Some(Fate::Emptied) => {
                let (customer, position) = (Customer(0), entry.position);
                *entry = Logged { position, customer, kind: 0, at_us: 0, bytes: Vec::new(), erased: true };
                emptied += 1;
            }
            Some(Fate::FiledUnder(customer)) => {
                moved |= entry.customer != *customer;
                entry.customer = *customer;
            }
            None => {}
        }
    }
    if emptied == 0 && !moved {
        return Ok(None);
    }
    let now = found_by(&entries);
    let without = |all: &BTreeMap<Customer, u64>, others: &BTreeMap<Customer, u64>| {
        let only = all.iter().filter(|(customer, position)| others.get(customer) != Some(position));
        only.map(|(customer, position)| (*customer, *position)).collect()
    };
    let (found_before, found_now) = (without(&before, &now), without(&now, &before));
    let pen = entries.iter().fold(Pen::default(), |pen, entry| {
        let pen = pen.u8(entry.erased.into()).i64(entry.customer.0).u8(entry.kind);
        pen.i64(entry.at_us).sized(&entry.bytes)
    });
    Ok(Some(Rewritten { bytes: pack(&pen.done()), emptied, found_before, found_now }))
}

/// By which of its entries each customer of a chunk is found.
pub(crate) fn found_by(entries: &[Logged]) -> BTreeMap<Customer, u64> {
    last_of_each(entries.iter().filter(|entry| !entry.erased).map(|entry| (entry.customer, entry.position)))
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
            let fates = BTreeMap::from([(0, Fate::Emptied), (1, Fate::FiledUnder(Customer(3)))]);
            assert_eq!(decode(1, &chunk).expect("it is whole").len(), 2);
            for at in 0..chunk.len() {
                for change in [1, 0x80, 0xFF] {
                    let mut damaged = chunk.clone();
                    damaged[at] ^= change;
                    // What the store's own checksum lets through must not panic, nor ask for memory without bounds.
                    let _ = decode(1, &damaged);
                    let _ = rewritten(1, &damaged, &fates);
                }
                let _ = decode(1, &chunk[..at]);
            }
        }
    }
}
