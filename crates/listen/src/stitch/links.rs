//! The evidence by pair, and by either of its two keys.

use std::hash::BuildHasher;

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use rapidhash::fast::RandomState;

use super::Node;

/// No link: the end of a chain.
const NONE: u32 = u32::MAX;

/// Pairs of keys (smaller, larger), each with a time in microseconds since 1970.
#[derive(Debug, Default)]
pub(super) struct Links {
    all: Vec<Link>,
    by_pair: HashTable<u32>,
    /// By node: the last link that it is an end of. Nodes beyond its end have none.
    last_of: Vec<u32>,
    hasher: RandomState,
}

/// A link, in two chains: each leads to the link before of the same node.
#[derive(Debug)]
struct Link {
    ends: [Node; 2],
    at_us: i64,
    before: [u32; 2],
}

/// What came of putting in a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Put {
    New,
    /// It is there with a later time.
    Earlier,
    Known,
}

impl Links {
    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    /// The time of a pair.
    pub(super) fn at_us(&self, a: Node, b: Node) -> Option<i64> {
        let ends = [a.min(b), a.max(b)];
        let found = self.by_pair.find(self.hasher.hash_one(ends), |n| self.all[*n as usize].ends == ends)?;
        Some(self.all[*found as usize].at_us)
    }

    /// Puts in a pair, which keeps its earliest time.
    pub(super) fn put(&mut self, a: Node, b: Node, at_us: i64) -> Put {
        let ends = [a.min(b), a.max(b)];
        let (all, hasher) = (&mut self.all, &self.hasher);
        let entry = self.by_pair.entry(
            hasher.hash_one(ends),
            |n| all[*n as usize].ends == ends,
            |n| hasher.hash_one(all[*n as usize].ends),
        );
        match entry {
            Entry::Occupied(found) => {
                let known = &mut self.all[*found.get() as usize].at_us;
                let put = if at_us < *known { Put::Earlier } else { Put::Known };
                *known = at_us.min(*known);
                put
            }
            Entry::Vacant(free) => {
                let number = u32::try_from(self.all.len()).expect("fewer than 2^32 links fit in memory");
                free.insert(number);
                let most = ends[1].0 as usize;
                if self.last_of.len() <= most {
                    self.last_of.resize(most + 1, NONE);
                }
                let before = ends.map(|node| std::mem::replace(&mut self.last_of[node.0 as usize], number));
                self.all.push(Link { ends, at_us, before });
                Put::New
            }
        }
    }

    /// All pairs, in the order in which they came.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Node, Node, i64)> {
        self.all.iter().map(|Link { ends: [a, b], at_us, .. }| (*a, *b, *at_us))
    }

    /// The pairs that a node is an end of.
    pub(super) fn of(&self, node: Node) -> impl Iterator<Item = (Node, Node, i64)> {
        let mut next = self.last_of.get(node.0 as usize).copied().unwrap_or(NONE);
        std::iter::from_fn(move || {
            let Link { ends: [a, b], at_us, before } = self.all.get(next as usize)?;
            next = before[usize::from(*a != node)];
            Some((*a, *b, *at_us))
        })
    }
}
