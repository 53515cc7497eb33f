//! One file of states: records (checksum, bytes), and in the footer of every record its customer and its length.

use std::path::Path;
use std::sync::Arc;

use fjall::Slice;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::embedded::sealed::{self, FIRST, Footer, Kind, Sealed};
use crate::embedded::states::places::Place;
use crate::error::Error;

pub(super) static KIND: Kind = Kind {
    mark: *b"DLS\x01\0\0\0\0",
    extension: "states",
    line_bytes: LINE_BYTES,
    reading: "read states of customers",
    writing: "write states of customers",
};

/// The checksum before the bytes of a record.
pub(super) const SUM_BYTES: usize = 4;

/// What the footer says of a record: customer and length.
const LINE_BYTES: usize = 8 + 4;

/// In the place of a length: the state was deleted.
const GONE: u32 = u32::MAX;

/// Records of up to this size are read without asking for memory first.
const SHORT_BYTES: usize = 512;

/// Reads the state of a customer that has so many bytes.
pub(super) fn read(file: &Sealed, customer: i64, at: u64, length: usize) -> Result<Slice, Error> {
    let bytes = SUM_BYTES + length;
    let (mut short, mut long) = ([0; SHORT_BYTES], Vec::new());
    let record = if bytes <= SHORT_BYTES {
        &mut short[..bytes]
    } else {
        long.resize(bytes, 0);
        &mut long[..]
    };
    file.read(at, record)?;
    let (sum, state) = record.split_at(SUM_BYTES);
    if sum != checksum(customer, state) {
        return Err(file.damaged(at));
    }
    Ok(Slice::from(state))
}

/// Seeded with the customer, so that a record that is somebody else's is found out.
fn checksum(customer: i64, state: &[u8]) -> [u8; SUM_BYTES] {
    let sum = xxh3_64_with_seed(state, customer.cast_unsigned()).to_le_bytes();
    [sum[0], sum[1], sum[2], sum[3]]
}

fn record_bytes(length: Option<usize>) -> u64 {
    (SUM_BYTES + length.unwrap_or_default()) as u64
}

/// Whose each record of a file is, where, and how long its state; `None` where that was deleted.
pub(super) fn records<'a>(
    file: &Sealed,
    footer: &'a Footer,
) -> Result<impl Iterator<Item = (i64, u64, Option<usize>)> + use<'a>, Error> {
    let records = || {
        let mut next = FIRST;
        footer.lines.as_chunks::<LINE_BYTES>().0.iter().map(move |line| {
            let (customer, length) = line.split_at(8);
            let customer = i64::from_le_bytes(customer.try_into().expect("so many were split off"));
            let length = u32::from_le_bytes(length.try_into().expect("so many are left"));
            let length = (length != GONE).then(|| usize::try_from(length).expect("32 bits fit into a usize"));
            let at = next;
            next += record_bytes(length);
            (customer, at, length)
        })
    };
    let mut next = FIRST;
    for (_, at, length) in records() {
        if !Place::fits(at, length) {
            return Err(file.damaged(footer.at));
        }
        next = at + record_bytes(length);
    }
    if next == footer.at { Ok(records()) } else { Err(file.damaged(footer.at)) }
}

/// A file that is being written.
pub(super) struct Begun {
    begun: sealed::Begun,
    /// The footer, as far as it goes.
    lines: Vec<u8>,
}

impl Begun {
    /// Begins the file of this number in a folder. There is one at a time.
    pub(super) fn new(folder: &Path, number: u64) -> Result<Self, Error> {
        Ok(Self { begun: sealed::Begun::new(&KIND, folder, number)?, lines: Vec::new() })
    }

    pub(super) fn file(&self) -> &Arc<Sealed> {
        &self.begun.file
    }

    /// Where the next record begins.
    pub(super) fn at(&self) -> u64 {
        self.begun.at
    }

    /// Appends the state of a customer, or that it was deleted.
    pub(super) fn append(&mut self, customer: i64, state: Option<&[u8]>) -> Result<(), Error> {
        let bytes = state.unwrap_or_default();
        let length = state.map_or(GONE, |state| u32::try_from(state.len()).expect("a state has 16 MiB at most"));
        self.lines.extend_from_slice(&customer.to_le_bytes());
        self.lines.extend_from_slice(&length.to_le_bytes());
        self.begun.append(&[&checksum(customer, bytes), bytes])
    }

    /// Ends it: from now on it counts, and these beside it. It is on the disk when this returns.
    pub(super) fn finish(self, others: &[u64]) -> Result<(), Error> {
        self.begun.finish(self.lines, others)
    }
}
