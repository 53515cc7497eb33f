//! Keys that were read from the tables lately, in memory: every message looks for some, and they hardly ever change. A row that
//! is new is found before it is looked for here, and what is replaced is taken out then, so that what is here is what the tables
//! have.
//!
//! Of a key only a hash is kept, of 128 bits and with a secret seed, so that two keys that are the same here cannot be found by
//! trying and do not come by chance; a row costs 32 bytes, and a million customers with two keys each have room.

use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError};

use fjall::Slice;
use xxhash_rust::xxh3::xxh3_128_with_seed;

use crate::store::Table;

/// Parts with a lock each, so that readers are not in each other's way.
const PARTS: usize = 16;

/// Rows of one hash that there is room for; beyond them one gives way.
const SET_ROWS: usize = 8;

/// Bytes of a row of the table of keys.
const ROW_BYTES: usize = 12;

/// The hash of a key, and its row.
type Entry = (u128, [u8; ROW_BYTES]);

/// Nothing: no key has this hash.
const NONE: Entry = (0, [0; ROW_BYTES]);

/// Rows of the table of keys.
pub(super) struct Cache {
    parts: [Mutex<Vec<[Entry; SET_ROWS]>>; PARTS],
    /// Sets of a part once there is any.
    sets: usize,
    seed: u64,
}

/// Where a key is, if it is here.
struct Place {
    part: usize,
    set: usize,
    hash: u128,
}

impl Cache {
    /// A cache of about so many bytes; they are taken as they are needed.
    pub(super) fn new(bytes: u64) -> Self {
        let sets = usize::try_from(bytes).unwrap_or(usize::MAX) / PARTS / size_of::<[Entry; SET_ROWS]>();
        Self { parts: std::array::from_fn(|_| Mutex::default()), sets, seed: RandomState::new().hash_one(0) }
    }

    fn place(&self, key: &[u8]) -> Place {
        let hash = xxh3_128_with_seed(key, self.seed).max(1);
        let (part, set) = (hash % PARTS as u128, (hash / PARTS as u128) % self.sets.max(1) as u128);
        let fits = |number: u128| usize::try_from(number).expect("it is less than the number of sets");
        Place { part: fits(part), set: fits(set), hash }
    }

    fn part(&self, place: &Place) -> MutexGuard<'_, Vec<[Entry; SET_ROWS]>> {
        self.parts[place.part].lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn get(&self, table: Table, key: &[u8]) -> Option<Slice> {
        if table != Table::Keys {
            return None;
        }
        let place = self.place(key);
        let part = self.part(&place);
        let (_, row) = part.get(place.set)?.iter().find(|(hash, _)| *hash == place.hash)?;
        Some(Slice::from(row.as_slice()))
    }

    pub(super) fn put(&self, table: Table, key: &[u8], value: &Slice) {
        let row = <[u8; ROW_BYTES]>::try_from(&value[..]);
        let (Table::Keys, Ok(row), true) = (table, row, self.sets > 0) else { return };
        let place = self.place(key);
        let mut part = self.part(&place);
        if part.is_empty() {
            part.resize(self.sets, [NONE; SET_ROWS]);
        }
        let set = &mut part[place.set];
        let free = set.iter().position(|(hash, _)| *hash == place.hash || *hash == NONE.0);
        // Whichever it is: that of the hash is as good as any.
        let at = free.unwrap_or_else(|| usize::from(place.hash.to_be_bytes()[0]) % SET_ROWS);
        set[at] = (place.hash, row);
    }

    pub(super) fn remove<'k>(&self, table: Table, keys: impl Iterator<Item = &'k Slice>) {
        if table != Table::Keys {
            return;
        }
        for key in keys {
            let place = self.place(key);
            let mut part = self.part(&place);
            let found = part.get_mut(place.set).and_then(|set| set.iter_mut().find(|(hash, _)| *hash == place.hash));
            if let Some(entry) = found {
                *entry = NONE;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_here_is_what_was_put_last_and_not_taken_out() {
        let cache = Cache::new(64 << 10);
        let key = |n: u32| Slice::from(format!("user {n}").as_bytes());
        let row = |n: u32| Slice::from([&n.to_be_bytes()[..], &[7; 8]].concat());
        for n in 0..10_000 {
            cache.put(Table::Keys, &key(n), &row(n));
            assert_eq!(cache.get(Table::Keys, &key(n)), Some(row(n)));
        }
        let known = || (0..10_000).filter(|n| cache.get(Table::Keys, &key(*n)).is_some()).collect::<Vec<u32>>();
        assert!((1_000..=2_048).contains(&known().len()), "{} of them", known().len());
        assert!(known().iter().all(|n| cache.get(Table::Keys, &key(*n)) == Some(row(*n))));
        cache.put(Table::Keys, &key(9_999), &row(3));
        assert_eq!(cache.get(Table::Keys, &key(9_999)), Some(row(3)));
        cache.remove(Table::Keys, std::iter::once(&key(9_999)));
        assert_eq!(cache.get(Table::Keys, &key(9_999)), None);
        cache.put(Table::Links, &key(1), &row(1));
        cache.put(Table::Keys, &key(1), &Slice::from("of another length"));
        assert_eq!(cache.get(Table::Links, &key(1)), None);
        assert_ne!(cache.get(Table::Keys, &key(1)), Some(Slice::from("of another length")));
    }
}
