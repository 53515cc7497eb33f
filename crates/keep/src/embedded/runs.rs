//! Tables of keys of 16 bytes with nothing beside them: sorted runs in files of our own that are only ever written whole.
//!
//! What is new becomes a run; when those that came last have as much as one before them, they and that one become one, which costs
//! a copy of their keys. What is newer counts. A key that was removed is said to be until all that is older is rewritten with it.
//! Of every run the first key of each page is in memory, and a filter where keys are looked for one by one.

mod filter;
mod run;
#[cfg(test)]
mod tests;

use std::ops::{Bound, RangeBounds as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::embedded::fresh::{Mark, first_mark};
use crate::embedded::sealed;
use crate::error::Error;
use crate::limits::RUN_KEYS;
use crate::store::Table;
use filter::Asked;
use run::{Begun, Cursor, KIND, Run};

/// Runs that become one have this many times as much as the oldest of them, at least, so that a key is seldom copied.
const FOLD: u64 = 4;

/// The runs of one table, as of one moment. What is new makes another one; who has this one reads on.
#[derive(Clone)]
pub(super) struct Runs {
    folder: PathBuf,
    /// Whether keys are looked for one by one, and most of them are not there.
    filtered: bool,
    /// Runs do not become one with more keys than this.
    most: u64,
    /// The newest last. A run that was written later is newer: only the last become one.
    all: Vec<Arc<Run>>,
}

impl Runs {
    /// None of a table, in the folder of a home.
    pub(super) fn new(home: &Path, table: Table) -> Self {
        Self::none(sealed::folder_of(home, table), matches!(table, Table::Seen(_)), RUN_KEYS)
    }

    /// Opens those of a table, in the folder of a home.
    pub(super) fn open(home: &Path, table: Table) -> Result<Self, Error> {
        Self::new(home, table).opened()
    }

    fn none(folder: PathBuf, filtered: bool, most: u64) -> Self {
        Self { folder, filtered, most, all: Vec::new() }
    }

    /// The same with what is in its folder.
    fn opened(self) -> Result<Self, Error> {
        let files = sealed::open_files(&KIND, &self.folder)?;
        let runs = files.into_iter().map(|(file, footer)| Ok(Arc::new(Run::of(file, &footer)?)));
        Ok(Self { all: runs.collect::<Result<_, Error>>()?, ..self })
    }

    /// Whether a key is there.
    pub(super) fn has(&self, key: &[u8]) -> Result<bool, Error> {
        let Ok(key) = key.try_into() else { return Ok(false) };
        let asked = Asked::of(key);
        for run in self.all.iter().rev() {
            if let Some(is_there) = run.get(key, asked)? {
                return Ok(is_there);
            }
        }
        Ok(false)
    }

    /// All keys in order, from one on.
    pub(super) fn from(&self, from: &[u8]) -> impl Iterator<Item = Result<Mark, Error>> + use<'_> {
        let from = if from.is_empty() { Bound::Unbounded } else { first_mark(from) };
        let rows = merged(&self.all, from);
        rows.filter(|row| row.as_ref().map_or(true, |(_, is_there)| *is_there)).map(|row| row.map(|(key, _)| key))
    }

    /// The same with keys that are new, in order, and so many at most; `false` removes one. They are on the disk when this returns.
    pub(super) fn put(&self, most: u64, keys: impl Iterator<Item = (Mark, bool)>) -> Result<Self, Error> {
        sealed::make_folder(&self.folder)?;
        self.write(self.all.len(), most, keys.map(Ok))
    }

    /// The same in fewer runs, or with less that was removed; nothing where that is not worth it.
    pub(super) fn gathered(&self) -> Result<Option<Self>, Error> {
        let sum = |of: fn(&Run) -> u64| self.all.iter().map(|run| of(run)).sum::<u64>();
        // A key that was removed is there twice, with what says so.
        let half_is_of_no_use = FOLD * sum(|run| run.gone) > sum(|run| run.keys);
        if half_is_of_no_use { self.without_removed() } else { self.joined(to_gather(&self.sizes(), self.most)) }
    }

    /// The same with nothing that was removed; nothing where it is like that.
    pub(super) fn without_removed(&self) -> Result<Option<Self>, Error> {
        self.joined(if self.all.iter().any(|run| run.gone > 0) { 0 } else { self.all.len() })
    }

    fn sizes(&self) -> Vec<u64> {
        self.all.iter().map(|run| run.keys).collect()
    }

    /// The same with one run instead of this and those that are newer.
    fn joined(&self, first: usize) -> Result<Option<Self>, Error> {
        let newer = &self.all[first..];
        if newer.is_empty() {
            return Ok(None);
        }
        let most = newer.iter().map(|run| run.keys).sum();
        Ok(Some(self.write(first, most, merged(newer, Bound::Unbounded))?))
    }

    /// Writes a run that comes behind so many of these, instead of the others.
    fn write(
        &self,
        behind: usize,
        most: u64,
        rows: impl Iterator<Item = Result<(Mark, bool), Error>>,
    ) -> Result<Self, Error> {
        let (older, number) = (&self.all[..behind], self.all.last().map_or(0, |run| run.number()) + 1);
        let write = || {
            let mut begun = Begun::new(&self.folder, number, self.filtered.then_some(most))?;
            for row in rows {
                let (key, is_there) = row?;
                // Of what was removed nothing need be said where nothing is older.
                if is_there || behind > 0 {
                    begun.append(&key, is_there)?;
                }
            }
            let others: Vec<u64> = older.iter().map(|run| run.number()).collect();
            begun.finish(&others)
        };
        let run = write().inspect_err(|_| {
            // It takes up room; where it cannot be deleted now, it is when the home is opened.
            let _ = sealed::remove_part(&self.folder);
        })?;
        Ok(Self { all: older.iter().cloned().chain([Arc::new(run)]).collect(), ..self.clone() })
    }

    /// Deletes files that do not count any more. Who reads them has them open, and reads on.
    pub(super) fn remove_rest(&self) -> Result<(), Error> {
        sealed::remove_rest(&KIND, &self.folder, |number| self.all.iter().any(|run| run.number() == number))
    }
}

/// The first of those runs, from the oldest to the newest, that are to become one; behind the last where none are.
fn to_gather(sizes: &[u64], most: u64) -> usize {
    let (mut first, mut newer) = (sizes.len(), 0);
    for (n, keys) in sizes.iter().enumerate().rev() {
        if newer > 0 && newer + keys <= most && (FOLD - 1) * keys <= newer {
            first = n;
        }
        newer += keys;
    }
    first
}

/// What runs say together, from a key on: each key once, as the newest has it.
fn merged(runs: &[Arc<Run>], from: Bound<Mark>) -> impl Iterator<Item = Result<(Mark, bool), Error>> + use<'_> {
    let first = match from {
        Bound::Included(first) | Bound::Excluded(first) => first,
        Bound::Unbounded => Mark::default(),
    };
    let is_before = move |key: &Mark| !(from, Bound::Unbounded).contains(key);
    let cursors: Result<Vec<_>, Error> = runs.iter().rev().map(|run| Cursor::new(run, &first, is_before)).collect();
    let (mut cursors, mut failed) = match cursors {
        Ok(cursors) => (cursors, None),
        Err(error) => (Vec::new(), Some(error)),
    };
    std::iter::from_fn(move || {
        if let Some(error) = failed.take() {
            cursors.clear();
            return Some(Err(error));
        }
        let next = cursors.iter().filter_map(Cursor::key).min()?;
        let mut is_there = None;
        for cursor in cursors.iter_mut().filter(|cursor| cursor.key() == Some(next)) {
            is_there.get_or_insert(!cursor.is_gone());
            if let Err(error) = cursor.go_on() {
                failed = Some(error);
            }
        }
        Some(Ok((next.to_be_bytes(), is_there?)))
    })
}
