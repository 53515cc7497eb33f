//! One run: keys in order, of each whether it is there or was removed, in pages that have a checksum each. In the footer how many there
//! are, the first key of every page, and the filter.

use std::path::Path;
use std::sync::Arc;

use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::embedded::fresh::Mark;
use crate::embedded::runs::filter::{self, Asked, Filter};
use crate::embedded::sealed::{self, FIRST, Footer, Kind, Sealed};
use crate::error::Error;

pub(super) static KIND: Kind = Kind {
    mark: *b"DLR\x01\0\0\0\0",
    extension: "run",
    line_bytes: KEY_BYTES,
    reading: "read a run of live state",
    writing: "write a run of live state",
};

const KEY_BYTES: usize = size_of::<Mark>();

/// Bytes of a page: a checksum, how many keys are in it, a bit for each that was removed, and the keys.
const PAGE_BYTES: usize = 4096;
const COUNT_AT: usize = 8;
const GONE_AT: usize = 16;
const KEYS_AT: usize = GONE_AT + 32;

/// Keys of a page.
pub(super) const PAGE_KEYS: usize = (PAGE_BYTES - KEYS_AT) / KEY_BYTES;

/// A run, open.
pub(super) struct Run {
    file: Arc<Sealed>,
    /// The first key of every page.
    firsts: Vec<Mark>,
    filter: Option<Filter>,
    /// How many keys it says something of.
    pub(super) keys: u64,
    /// How many of them were removed.
    pub(super) gone: u64,
}

impl Run {
    pub(super) fn number(&self) -> u64 {
        self.file.number
    }

    /// Takes up a file that was opened.
    pub(super) fn of(file: Arc<Sealed>, footer: &Footer) -> Result<Self, Error> {
        let damaged = || file.damaged(footer.at);
        let pages_bytes = footer.at - FIRST;
        if !pages_bytes.is_multiple_of(PAGE_BYTES as u64) {
            return Err(damaged());
        }
        let pages = usize::try_from(pages_bytes / PAGE_BYTES as u64).map_err(|_| damaged())?;
        let (lines, _) = footer.lines.as_chunks::<KEY_BYTES>();
        let (counts, lines) = lines.split_first().ok_or_else(damaged)?;
        let (firsts, _) = lines.split_at_checked(pages).ok_or_else(damaged)?;
        let filter = &footer.lines[(1 + pages) * KEY_BYTES..];
        if !filter.len().is_multiple_of(filter::LINE_BYTES) {
            return Err(damaged());
        }
        let [keys, gone] = [0, 1].map(|n| u64::from_le_bytes(counts.as_chunks().0[n]));
        let filter = (!filter.is_empty()).then(|| Filter::decode(filter));
        Ok(Self { firsts: firsts.to_vec(), filter, keys, gone, file })
    }

    fn page(&self, number: usize) -> Result<Page, Error> {
        let mut page = Page { bytes: Box::new([0; PAGE_BYTES]) };
        self.read_page(number, &mut page)?;
        Ok(page)
    }

    fn read_page(&self, number: usize, page: &mut Page) -> Result<(), Error> {
        let at = FIRST + (number * PAGE_BYTES) as u64;
        self.file.read(at, &mut *page.bytes)?;
        if page.checksum(self.file.number, number) != page.bytes[..COUNT_AT] || !(1..=PAGE_KEYS).contains(&page.count())
        {
            return Err(self.file.damaged(at));
        }
        Ok(())
    }

    /// The page in which a key is, if it is in one.
    fn page_of(&self, key: &Mark) -> Option<usize> {
        self.firsts.partition_point(|first| first <= key).checked_sub(1)
    }

    /// Whether a key is there; nothing where this run says nothing of it.
    pub(super) fn get(&self, key: &Mark, asked: Asked) -> Result<Option<bool>, Error> {
        if self.filter.as_ref().is_some_and(|filter| !filter.may_have(asked)) {
            return Ok(None);
        }
        let Some(page) = self.page_of(key).map(|page| self.page(page)).transpose()? else { return Ok(None) };
        Ok(page.keys().binary_search(key).ok().map(|n| !page.is_gone(n)))
    }
}

/// A page, as it lies in its file.
struct Page {
    bytes: Box<[u8; PAGE_BYTES]>,
}

impl Page {
    /// Seeded with its file and its place, so that one that is another is found out.
    fn checksum(&self, file: u64, number: usize) -> [u8; COUNT_AT] {
        xxh3_64_with_seed(&self.bytes[COUNT_AT..], file.rotate_left(32) ^ number as u64).to_le_bytes()
    }

    fn count(&self) -> usize {
        usize::from(self.bytes[COUNT_AT])
    }

    fn keys(&self) -> &[Mark] {
        &self.bytes[KEYS_AT..].as_chunks().0[..self.count()]
    }

    fn is_gone(&self, n: usize) -> bool {
        self.bytes[GONE_AT + n / 8] & 1 << (n % 8) != 0
    }
}

/// Reads a run in order.
pub(super) struct Cursor<'a> {
    run: &'a Run,
    page: Page,
    next_page: usize,
    /// The key of the page that comes next.
    at: usize,
}

impl<'a> Cursor<'a> {
    /// From the first key on of which `is_before` does not hold; it is in the page of `from`, or the next.
    pub(super) fn new(run: &'a Run, from: &Mark, is_before: impl Fn(&Mark) -> bool) -> Result<Self, Error> {
        let page = Page { bytes: Box::new([0; PAGE_BYTES]) };
        let mut cursor = Self { run, page, next_page: run.page_of(from).unwrap_or_default(), at: 0 };
        cursor.turn()?;
        cursor.at = cursor.page.keys().partition_point(is_before);
        cursor.turn_at_end()?;
        Ok(cursor)
    }

    /// The key that comes next.
    pub(super) fn key(&self) -> Option<u128> {
        self.page.keys().get(self.at).map(|key| u128::from_be_bytes(*key))
    }

    /// Whether that was removed.
    pub(super) fn is_gone(&self) -> bool {
        self.page.is_gone(self.at)
    }

    /// Goes on behind it.
    pub(super) fn go_on(&mut self) -> Result<(), Error> {
        self.at += 1;
        self.turn_at_end()
    }

    fn turn_at_end(&mut self) -> Result<(), Error> {
        if self.at >= self.page.count() { self.turn() } else { Ok(()) }
    }

    fn turn(&mut self) -> Result<(), Error> {
        if self.next_page < self.run.firsts.len() {
            self.run.read_page(self.next_page, &mut self.page)?;
            (self.next_page, self.at) = (self.next_page + 1, 0);
        }
        Ok(())
    }
}

/// A run that is being written.
pub(super) struct Begun {
    into: sealed::Begun,
    page: Page,
    firsts: Vec<Mark>,
    filter: Option<Filter>,
    keys: u64,
    gone: u64,
}

impl Begun {
    /// Begins the run of this number in a folder; it has a filter, where it is to have one, for so many keys at most.
    pub(super) fn new(folder: &Path, number: u64, filter: Option<u64>) -> Result<Self, Error> {
        Ok(Self {
            into: sealed::Begun::new(&KIND, folder, number)?,
            page: Page { bytes: Box::new([0; PAGE_BYTES]) },
            firsts: Vec::new(),
            filter: filter.map(Filter::with_room_for),
            keys: 0,
            gone: 0,
        })
    }

    /// Appends a key that is behind all others.
    pub(super) fn append(&mut self, key: &Mark, is_there: bool) -> Result<(), Error> {
        let n = self.page.count();
        let at = KEYS_AT + n * KEY_BYTES;
        self.page.bytes[at..at + KEY_BYTES].copy_from_slice(key);
        if n == 0 {
            self.firsts.push(*key);
        }
        if !is_there {
            self.page.bytes[GONE_AT + n / 8] |= 1 << (n % 8);
            self.gone += 1;
        }
        self.page.bytes[COUNT_AT] += 1;
        self.keys += 1;
        if let Some(filter) = &mut self.filter {
            filter.add(key);
        }
        if n + 1 == PAGE_KEYS { self.end_page() } else { Ok(()) }
    }

    fn end_page(&mut self) -> Result<(), Error> {
        let sum = self.page.checksum(self.into.file.number, self.firsts.len() - 1);
        self.page.bytes[..COUNT_AT].copy_from_slice(&sum);
        self.into.append(&[&*self.page.bytes])?;
        self.page.bytes.fill(0);
        Ok(())
    }

    /// Ends it: from now on it counts, and these beside it. It is on the disk when this returns.
    pub(super) fn finish(mut self, others: &[u64]) -> Result<Run, Error> {
        if self.page.count() > 0 {
            self.end_page()?;
        }
        let Self { into, firsts, filter, keys, gone, .. } = self;
        let mut lines = [keys.to_le_bytes(), gone.to_le_bytes()].concat();
        lines.extend_from_slice(firsts.as_flattened());
        if let Some(filter) = &filter {
            filter.encode(&mut lines);
        }
        let file = Arc::clone(&into.file);
        into.finish(lines, others)?;
        Ok(Run { file, firsts, filter, keys, gone })
    }
}
