//! One file of states: records, and behind them whose they are. It is written once, whole, under another name until it is on the
//! disk, and never changed.
//!
//! `DLS` and a number, records (checksum, bytes), then the footer: of every record its customer and its length, and the numbers of the
//! other files that count beside this one. At the end how many there are of both, the checksum of the footer, and the mark once more.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use fjall::Slice;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::bytes::{Eye, Pen};
use crate::embedded::files::explain;
use crate::embedded::journal::sync;
use crate::embedded::states::places::Place;
use crate::error::Error;

/// With what a file begins and ends.
const MARK: [u8; 8] = *b"DLS\x01\0\0\0\0";

/// Where the first record is.
const FIRST: u64 = MARK.len() as u64;

/// The checksum before the bytes of a record.
pub(super) const SUM_BYTES: usize = 4;

/// What is in the footer, its checksum, and the mark.
const TAIL_BYTES: u64 = 4 + 4 + 8 + MARK.len() as u64;

/// What the footer says of a record: customer and length.
const LINE_BYTES: usize = 8 + 4;

/// In the place of a length: the state was deleted.
const GONE: u32 = u32::MAX;

/// Records of up to this size are read without asking for memory first.
const SHORT_BYTES: usize = 512;

/// Bytes that are gathered before they are written.
const WRITTEN_BYTES: usize = 256 << 10;

/// The name of a file that is not whole yet.
const PART: &str = "part";

/// The ending of the names of all others, which are numbers.
pub(super) const EXTENSION: &str = "states";

/// A file, open.
pub(super) struct StatesFile {
    pub(super) number: u64,
    path: PathBuf,
    file: File,
}

impl StatesFile {
    /// Reads the state of a customer that has so many bytes.
    pub(super) fn read(&self, customer: i64, at: u64, length: usize) -> Result<Slice, Error> {
        let bytes = SUM_BYTES + length;
        let (mut short, mut long) = ([0; SHORT_BYTES], Vec::new());
        let record = if bytes <= SHORT_BYTES {
            &mut short[..bytes]
        } else {
            long.resize(bytes, 0);
            &mut long[..]
        };
        self.file.read_exact_at(record, at).map_err(|error| self.failed(at, error))?;
        let (sum, state) = record.split_at(SUM_BYTES);
        if sum != checksum(customer, state) {
            return Err(self.damaged(at));
        }
        Ok(Slice::from(state))
    }

    fn failed(&self, at: u64, error: std::io::Error) -> Error {
        match error.kind() {
            ErrorKind::UnexpectedEof => self.damaged(at),
            _ => explain("read states of customers", &self.path, error.into()),
        }
    }

    fn damaged(&self, at: u64) -> Error {
        Error::corrupt(format!("{} cannot be read from byte {at} on", self.path.display()))
    }

    /// Opens a file, and reads whose records are in it.
    pub(super) fn open(path: PathBuf, number: u64) -> Result<(Self, Footer), Error> {
        let opened = File::open(&path).and_then(|file| Ok((file.metadata()?.len(), file)));
        let (length, file) = opened.map_err(|error| explain("open states of customers", &path, error.into()))?;
        let file = Self { number, path, file };
        let at = length.checked_sub(TAIL_BYTES).ok_or_else(|| file.damaged(0))?;
        let tail = file.bytes(at, TAIL_BYTES)?;
        let mut eye = Eye::new(&tail);
        let (records, others, sum) = (u64::from(eye.u32()?), u64::from(eye.u32()?), eye.u64()?);
        let lines_bytes = records * LINE_BYTES as u64;
        let footer_bytes = lines_bytes + others * 8;
        let end = at.checked_sub(footer_bytes).filter(|end| *end >= FIRST && eye.rest() == MARK);
        let end = end.ok_or_else(|| file.damaged(at))?;
        let mut lines = file.bytes(end, footer_bytes)?;
        if xxh3_64_with_seed(&lines, number) != sum || file.bytes(0, FIRST)? != MARK {
            return Err(file.damaged(end));
        }
        let numbers = lines.split_off(usize::try_from(lines_bytes).expect("they were read"));
        let others = numbers.as_chunks().0.iter().map(|number| u64::from_le_bytes(*number)).collect();
        let footer = Footer { others, lines };
        let mut next = FIRST;
        for (_, at, length) in footer.records() {
            if !Place::fits(at, length) {
                return Err(file.damaged(end));
            }
            next = at + record_bytes(length);
        }
        if next == end { Ok((file, footer)) } else { Err(file.damaged(end)) }
    }

    fn bytes(&self, at: u64, length: u64) -> Result<Vec<u8>, Error> {
        let mut bytes = vec![0; usize::try_from(length).map_err(|_| self.damaged(at))?];
        self.file.read_exact_at(&mut bytes, at).map_err(|error| self.failed(at, error))?;
        Ok(bytes)
    }
}

/// Seeded with the customer, so that a record that is somebody else's is found out.
fn checksum(customer: i64, state: &[u8]) -> [u8; SUM_BYTES] {
    let sum = xxh3_64_with_seed(state, customer.cast_unsigned()).to_le_bytes();
    [sum[0], sum[1], sum[2], sum[3]]
}

fn record_bytes(length: Option<usize>) -> u64 {
    (SUM_BYTES + length.unwrap_or_default()) as u64
}

/// What a file says at its end.
pub(super) struct Footer {
    /// The numbers of the other files that count beside this one, as long as it is the newest; in order.
    pub(super) others: Vec<u64>,
    lines: Vec<u8>,
}

impl Footer {
    /// Whose each record is, where, and how long its state; `None` where that was deleted.
    pub(super) fn records(&self) -> impl Iterator<Item = (i64, u64, Option<usize>)> {
        let mut next = FIRST;
        self.lines.as_chunks::<LINE_BYTES>().0.iter().map(move |line| {
            let (customer, length) = line.split_at(8);
            let customer = i64::from_le_bytes(customer.try_into().expect("so many were split off"));
            let length = u32::from_le_bytes(length.try_into().expect("so many are left"));
            let length = (length != GONE).then(|| usize::try_from(length).expect("32 bits fit into a usize"));
            let at = next;
            next += record_bytes(length);
            (customer, at, length)
        })
    }
}

/// A file that is being written.
pub(super) struct Begun {
    pub(super) file: Arc<StatesFile>,
    /// Where the next record begins.
    pub(super) at: u64,
    /// What is not written yet.
    written: Vec<u8>,
    /// The footer, as far as it goes.
    lines: Vec<u8>,
}

impl Begun {
    /// Begins the file of this number in a folder. There is one at a time.
    pub(super) fn new(folder: &Path, number: u64) -> Result<Self, Error> {
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(folder.join(PART));
        let path = folder.join(format!("{number:012}.{EXTENSION}"));
        let file = file.map_err(|error| explain("begin a file of states", folder, error.into()))?;
        let file = Arc::new(StatesFile { number, path, file });
        Ok(Self { file, at: FIRST, written: MARK.to_vec(), lines: Vec::new() })
    }

    /// Appends the state of a customer, or that it was deleted.
    pub(super) fn append(&mut self, customer: i64, state: Option<&[u8]>) -> Result<(), Error> {
        let bytes = state.unwrap_or_default();
        self.written.extend_from_slice(&checksum(customer, bytes));
        self.written.extend_from_slice(bytes);
        self.at += record_bytes(Some(bytes.len()));
        let length = state.map_or(GONE, |state| u32::try_from(state.len()).expect("a state has 16 MiB at most"));
        self.lines.extend_from_slice(&customer.to_le_bytes());
        self.lines.extend_from_slice(&length.to_le_bytes());
        if self.written.len() >= WRITTEN_BYTES {
            self.write(&self.written)?;
            self.written.clear();
            // Whoever waits for the disk to answer somebody waits for this much, and not for the whole file.
            let synced = self.file.file.sync_data();
            synced.map_err(|error| explain("write states of customers", &self.file.path, error.into()))?;
        }
        Ok(())
    }

    fn write(&self, bytes: &[u8]) -> Result<(), Error> {
        let written = (&self.file.file).write_all(bytes);
        written.map_err(|error| explain("write states of customers", &self.file.path, error.into()))
    }

    /// Ends it: from now on it counts, and these beside it. It is on the disk when this returns.
    pub(super) fn finish(mut self, others: &[u64]) -> Result<(), Error> {
        let count = |count: usize| u32::try_from(count).expect("a file has room for far fewer");
        let counts = Pen::default().u32(count(self.lines.len() / LINE_BYTES)).u32(count(others.len()));
        self.lines.extend(others.iter().flat_map(|number| number.to_le_bytes()));
        let tail = counts.u64(xxh3_64_with_seed(&self.lines, self.file.number)).rest(&MARK).done();
        for bytes in [&self.written, &self.lines, &tail] {
            self.write(bytes)?;
        }
        let StatesFile { path, file, .. } = &*self.file;
        let folder = path.parent().expect("it is in a folder");
        let named = file.sync_all().and_then(|()| fs::rename(folder.join(PART), path)).and_then(|()| sync(folder));
        named.map_err(|error| explain("write states of customers", path, error.into()))
    }
}

/// Deletes a file that was begun and not ended, if there is one.
pub(super) fn remove_part(folder: &Path) -> std::io::Result<()> {
    match fs::remove_file(folder.join(PART)) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
