//! What changed lately. A commit that says as of when it was loaded need only be checked against what came since: what its load
//! has read is not read again.

use hashbrown::HashMap;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::limits::RECENT_ROWS;
use crate::loaded::Version;
use crate::store::Table;

/// A row, by a hash: two rows that share one are only checked once more than need be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Row(u64);

impl Row {
    pub(super) fn of(table: Table, key: &[u8]) -> Self {
        let seed = match table {
            // An id is known or not, in whichever table.
            Table::Seen(_) => 0,
            Table::Keys => 1,
            Table::Numbers => 2,
            Table::States(generation) => u64::from(generation) + 4,
            // Rows of these are not asked for, and may share one.
            _ => 3,
        };
        Self(xxh3_64_with_seed(key, seed))
    }
}

/// Which rows were changed by the latest commits.
#[derive(Debug)]
pub(super) struct Recent {
    /// Everything that changed after this version is in here.
    since: u64,
    older: HashMap<Row, u64>,
    /// Everything that changed after this version is in `newer`.
    newer_since: u64,
    newer: HashMap<Row, u64>,
}

impl Recent {
    /// Knows of every change after this version.
    pub(super) fn since(version: u64) -> Self {
        Self { since: version, older: HashMap::new(), newer_since: version, newer: HashMap::new() }
    }

    /// Takes note that a commit changes a row.
    pub(super) fn note(&mut self, row: Row, version: u64) {
        if self.newer.len() >= RECENT_ROWS / 2 {
            (self.since, self.newer_since) = (self.newer_since, version);
            self.older = std::mem::take(&mut self.newer);
        }
        self.newer.insert(row, version);
    }

    /// Whether a row is certainly as it was when this was the last commit.
    pub(super) fn is_as_of(&self, row: Row, as_of: Version) -> bool {
        let changed = self.newer.get(&row).or_else(|| self.older.get(&row));
        // A commit that does not say when it was loaded is looked up whole.
        as_of != Version::NONE && as_of.0 >= self.since && changed.is_none_or(|version| *version <= as_of.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_forgotten_counts_as_changed() {
        let row = |n: u64| Row::of(Table::Keys, &n.to_be_bytes());
        let mut recent = Recent::since(5);
        assert!(!recent.is_as_of(row(0), Version(4)) && recent.is_as_of(row(0), Version(5)));
        recent.note(row(0), 6);
        assert!(!recent.is_as_of(row(0), Version(5)) && recent.is_as_of(row(0), Version(6)));
        let rows = RECENT_ROWS as u64;
        (1..=rows).for_each(|n| recent.note(row(n), 6 + n));
        assert!(!recent.is_as_of(row(0), Version(6)), "it is too long ago to tell");
        assert!(recent.is_as_of(row(0), Version(6 + rows)));
        assert!(!recent.is_as_of(row(rows), Version(5 + rows)));
    }
}
