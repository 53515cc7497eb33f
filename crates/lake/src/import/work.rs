//! Which runs an import takes the place of: those from which rows move, and those that are due to become one.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::error::Error;
use crate::identity::Moves;
use crate::open_file::OpenFile;
use crate::rebuild::SeenIds;
use crate::store::bucket_of;
use crate::table::{DataFile, due};
use crate::waiting::{Renamed, Waiting};

/// What an import changes besides adding rows.
#[derive(Debug, Default)]
pub(super) struct Work {
    pub(super) moves: Moves,
    /// Runs of buckets from which rows move to another one, or may.
    pub(super) leaving: Vec<DataFile>,
    /// The runs of all other buckets.
    pub(super) runs: BTreeMap<u32, Runs>,
}

/// The runs of a bucket in which all rows stay.
#[derive(Debug, Default)]
pub(super) struct Runs {
    pub(super) staying: Vec<DataFile>,
    /// Those that become one with what is new.
    pub(super) merged: Vec<DataFile>,
}

impl Runs {
    /// Has those become one with `new` rows that are due for it.
    pub(super) fn merge_due(&mut self, new: u64) {
        self.merged = self.staying.split_off(self.staying.len() - due(&self.staying, new));
    }
}

/// The rows that are in the lake and stay where they are, to tell what is there already.
pub(super) struct There<'a> {
    root: &'a Path,
    runs: BTreeMap<u32, Vec<&'a DataFile>>,
    renamed: &'a Renamed,
    /// By whose rows wait: under whom they are filed.
    waiting: BTreeMap<i64, Vec<i64>>,
}

impl There<'_> {
    /// The message ids of these customers.
    pub(super) fn ids(&self, customers: &[i64]) -> Result<SeenIds, Error> {
        let waiting = customers.iter().filter_map(|customer| self.waiting.get(customer)).flatten();
        let mut filed: BTreeMap<u32, BTreeSet<i64>> = BTreeMap::new();
        for customer in customers.iter().chain(waiting) {
            filed.entry(bucket_of(*customer)).or_default().insert(*customer);
        }
        let mut seen = SeenIds::default();
        for (bucket, theirs) in filed {
            let theirs = Vec::from_iter(theirs);
            for run in self.runs.get(&bucket).into_iter().flatten() {
                seen.read(&OpenFile::open(&self.root.join(&run.path))?, &theirs, self.renamed)?;
            }
        }
        Ok(seen)
    }
}

impl Work {
    /// The rows that stay where they are in runs that begin before this arrival number.
    pub(super) fn there<'a>(&'a self, root: &'a Path, waiting: &'a Waiting, before_seq: i64) -> There<'a> {
        let is_before = |file: &&DataFile| file.seq_min.unwrap_or_default() < before_seq;
        let before = |runs: &'a Runs| runs.staying.iter().chain(&runs.merged).filter(is_before).collect();
        let renamed = &waiting.renamed;
        let mut waiting: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
        for (filed, customer) in renamed {
            waiting.entry(*customer).or_default().push(*filed);
        }
        let runs = self.runs.iter().map(|(bucket, runs)| (*bucket, before(runs))).collect();
        There { root, runs, renamed, waiting }
    }

    /// Runs that new ones take the place of.
    pub(super) fn replaced(&self) -> impl Iterator<Item = &DataFile> {
        self.leaving.iter().chain(self.runs.values().flat_map(|runs| &runs.merged))
    }
}

/// Deletes files that no commit names any more. One that cannot be deleted only takes up space.
pub(super) fn remove_files<'a>(root: &Path, paths: impl Iterator<Item = &'a str>) {
    for path in paths {
        let _ = std::fs::remove_file(root.join(path));
    }
}
