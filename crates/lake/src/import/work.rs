//! Which runs an import takes the place of: those from which rows move, and those that are due to become one.

use std::collections::BTreeMap;

use crate::identity::Moves;
use crate::limits::RUNS_MAX;
use crate::table::DataFile;

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

impl Work {
    /// Runs that new ones take the place of.
    pub(super) fn replaced(&self) -> impl Iterator<Item = &DataFile> {
        self.leaving.iter().chain(self.runs.values().flat_map(|runs| &runs.merged))
    }
}

/// How many of the latest runs of a bucket are merged with `new` rows. None, as long as there are few; then many at once, down
/// to one that is much larger than all behind it: so every row is written again only a logarithmic number of times.
fn due(runs: &[DataFile], new: u64) -> usize {
    if new == 0 || runs.len() < RUNS_MAX {
        return 0;
    }
    let (mut merged, mut rows) = (0, new);
    for run in runs.iter().rev() {
        if merged >= RUNS_MAX / 2 && run.rows > rows.saturating_mul(2) {
            break;
        }
        merged += 1;
        rows += run.rows;
    }
    merged
}
