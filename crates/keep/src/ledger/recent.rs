//! What changed lately. A commit that says as of when it was loaded need only be checked against what came since: what its load
//! has read is not read again.

use std::collections::VecDeque;

use hashbrown::HashSet;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::limits::{RECENT_GROUPS, RECENT_ROWS};
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
            Table::Timers(generation) => u64::from(generation) + (1 << 40),
            // Rows of these are not asked for, and may share one.
            _ => 3,
        };
        Self(xxh3_64_with_seed(key, seed))
    }
}

/// Which rows were changed by the latest groups of commits. Who reads sees all of a group or none of it, so that a question is about
/// whole groups, of which there are few: those that were written while somebody worked on a batch.
#[derive(Debug)]
pub(super) struct Recent {
    /// Everything that changed after this version is in here.
    since: u64,
    /// Each with the version of its last commit, the oldest first.
    groups: VecDeque<(u64, HashSet<Row>)>,
    /// Of all groups.
    rows: usize,
    /// Changed by the group in the making.
    making: HashSet<Row>,
}

impl Recent {
    /// Knows of every change after this version.
    pub(super) fn since(version: u64) -> Self {
        Self { since: version, groups: VecDeque::new(), rows: 0, making: HashSet::new() }
    }

    /// Takes note that a commit changes a row.
    pub(super) fn note(&mut self, row: Row) {
        self.making.insert(row);
    }

    /// The group ends with the commit of this version.
    pub(super) fn end_group(&mut self, version: u64) {
        if self.making.is_empty() {
            return;
        }
        let next = HashSet::with_capacity(self.making.len());
        let group = std::mem::replace(&mut self.making, next);
        self.rows += group.len();
        self.groups.push_back((version, group));
        while (self.rows > RECENT_ROWS || self.groups.len() > RECENT_GROUPS)
            && let Some((version, group)) = self.groups.pop_front()
        {
            self.rows -= group.len();
            self.since = version;
        }
    }

    /// Whether a row is certainly as it was when this was the last commit.
    pub(super) fn is_as_of(&self, row: Row, as_of: Version) -> bool {
        // A commit that does not say when it was loaded is looked up whole.
        if as_of == Version::NONE || as_of.0 < self.since || self.making.contains(&row) {
            return false;
        }
        let mut later = self.groups.iter().rev().take_while(|(version, _)| *version > as_of.0);
        later.all(|(_, group)| !group.contains(&row))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(n: usize) -> Row {
        Row::of(Table::Keys, &n.to_be_bytes())
    }

    #[test]
    fn what_is_forgotten_counts_as_changed() {
        let mut recent = Recent::since(5);
        assert!(!recent.is_as_of(row(0), Version(4)) && recent.is_as_of(row(0), Version(5)));
        recent.note(row(0));
        assert!(!recent.is_as_of(row(0), Version(5)), "by the group that is in the making");
        recent.end_group(6);
        assert!(!recent.is_as_of(row(0), Version(5)) && recent.is_as_of(row(0), Version(6)));
        (1..=RECENT_ROWS).for_each(|n| recent.note(row(n)));
        recent.end_group(9);
        assert!(!recent.is_as_of(row(RECENT_ROWS), Version(8)) && recent.is_as_of(row(0), Version(6)));
        recent.note(row(0));
        recent.end_group(10);
        assert!(!recent.is_as_of(row(RECENT_ROWS + 1), Version(8)), "it is too long ago to tell");
        assert!(recent.is_as_of(row(RECENT_ROWS), Version(9)) && !recent.is_as_of(row(0), Version(9)));
    }

    #[test]
    fn no_question_is_about_many_groups() {
        let mut recent = Recent::since(5);
        for version in 6..7 + RECENT_GROUPS as u64 {
            recent.note(row(0));
            recent.end_group(version);
        }
        assert!(!recent.is_as_of(row(1), Version(5)), "it is too long ago to tell");
        assert!(recent.is_as_of(row(1), Version(6)));
    }
}
