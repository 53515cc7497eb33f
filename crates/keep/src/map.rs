//! Rows by their keys, in whichever way is best for their table.

use std::borrow::Borrow;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::hash::Hash;
use std::iter::from_fn;
use std::ops::{Bound, RangeBounds as _};

use hashbrown::HashMap;

/// Rows by their keys.
#[derive(Debug)]
pub(crate) enum Map<K, V> {
    /// Of a table in which they are looked up one by one, and hardly ever in order.
    Apart(HashMap<K, V>),
    InOrder(BTreeMap<K, V>),
}

impl<K: Hash + Ord, V> Map<K, V> {
    pub(crate) fn is_empty(&self) -> bool {
        match self {
            Map::Apart(rows) => rows.is_empty(),
            Map::InOrder(rows) => rows.is_empty(),
        }
    }

    /// None, with room for as many where they lie apart.
    pub(crate) fn room_for_as_many(&self) -> Option<Self> {
        let Map::Apart(rows) = self else { return None };
        Some(Map::Apart(HashMap::with_capacity(rows.len())))
    }

    /// How many there is room for and none of; none where room is not made beforehand.
    pub(crate) fn spare(&self) -> usize {
        let Map::Apart(rows) = self else { return 0 };
        rows.capacity() - rows.len()
    }

    pub(crate) fn shrink(&mut self) {
        if let Map::Apart(rows) = self {
            rows.shrink_to_fit();
        }
    }

    pub(crate) fn insert(&mut self, key: K, row: V) -> Option<V> {
        match self {
            Map::Apart(rows) => rows.insert(key, row),
            Map::InOrder(rows) => rows.insert(key, row),
        }
    }

    pub(crate) fn get<Q: Hash + Ord + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        match self {
            Map::Apart(rows) => rows.get(key),
            Map::InOrder(rows) => rows.get(key),
        }
    }

    /// All in order, from one on.
    pub(crate) fn from(&self, from: Bound<K>) -> Box<dyn Iterator<Item = (&K, &V)> + '_> {
        let rows = match self {
            Map::InOrder(rows) => return Box::new(rows.range((from, Bound::Unbounded))),
            Map::Apart(rows) => rows,
        };
        if from == Bound::Unbounded {
            let mut rows: Vec<_> = rows.iter().collect();
            rows.sort_unstable_by_key(|(key, _)| *key);
            return Box::new(rows.into_iter());
        }
        // Whoever reads a page takes the first of them: these are found without sorting the others.
        let rest = rows.keys().filter(|key| (from.as_ref(), Bound::Unbounded).contains(*key));
        let mut rest: BinaryHeap<_> = rest.map(Reverse).collect();
        Box::new(from_fn(move || rest.pop().map(|Reverse(key)| (key, &rows[key]))))
    }

    pub(crate) fn len(&self) -> usize {
        match self {
            Map::Apart(rows) => rows.len(),
            Map::InOrder(rows) => rows.len(),
        }
    }

    /// All; in order where they do not lie apart.
    pub(crate) fn iter(&self) -> Box<dyn Iterator<Item = (&K, &V)> + '_> {
        match self {
            Map::Apart(rows) => Box::new(rows.iter()),
            Map::InOrder(rows) => Box::new(rows.iter()),
        }
    }
}

impl<K: 'static, V: 'static> IntoIterator for Map<K, V> {
    type Item = (K, V);
    type IntoIter = Box<dyn Iterator<Item = (K, V)>>;

    fn into_iter(self) -> Self::IntoIter {
        match self {
            Map::Apart(rows) => Box::new(rows.into_iter()),
            Map::InOrder(rows) => Box::new(rows.into_iter()),
        }
    }
}
