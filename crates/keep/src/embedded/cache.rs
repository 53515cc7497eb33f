//! Keys that were read from the tables lately, in memory: every message looks for some, and they hardly ever change. A row that
//! is new is found before it is looked for here, and what is replaced is taken out then, so that what is here is what the tables
//! have.
//!
//! Of a key only a hash with a secret seed is kept: 64 bits beside the row, and others say where that is. So two keys that are the
//! same here cannot be found by trying, and of a million million keys that are new the chance that one is taken for another is less than
//! one in a million. A row costs 20 bytes, and a million customers with two keys each have room.

use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError};

use fjall::Slice;
use xxhash_rust::xxh3::xxh3_128_with_seed;

use crate::store::Table;

/// Parts with a lock each, so that readers are not in each other's way.
const PARTS: usize = 16;

/// Rows of one set, of which each key has two: beyond them one gives way. With one set a key, an eighth of the keys would find no
/// room where there is room for all.
const SET_ROWS: usize = 8;

/// Bytes of a row of the table of keys.
const ROW_BYTES: usize = 12;

/// The hash of a key, never 0.
type Tag = [u32; 2];

/// The hash of a key, and its row. Of words, because memory for many words that are 0 is had from the system, which gives it when it
/// is first written to.
type Entry = (Tag, [u32; ROW_BYTES / 4]);

/// No key.
const NONE: Entry = ([0; 2], [0; ROW_BYTES / 4]);

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
    sets: [usize; 2],
    tag: Tag,
}

impl Cache {
    /// A cache of about so many bytes; they are taken as they are needed.
    pub(super) fn new(bytes: u64) -> Self {
        let sets = usize::try_from(bytes).unwrap_or(usize::MAX) / PARTS / size_of::<[Entry; SET_ROWS]>();
        Self { parts: std::array::from_fn(|_| Mutex::default()), sets, seed: RandomState::new().hash_one(0) }
    }

    fn place(&self, key: &[u8]) -> Place {
        let hash = xxh3_128_with_seed(key, self.seed);
        let word = |n: u32| u32::try_from(hash >> (32 * n) & u128::from(u32::MAX)).expect("it has 32 bits");
        let (parts, sets) = (PARTS as u64, self.sets.max(1) as u64);
        let fits = |number: u64| usize::try_from(number).expect("it is less than the number of sets");
        let place = [word(0), word(1)].map(u64::from);
        let sets = [place[0] << 28 | place[1] >> 4, place[1] << 28 | place[0] >> 4].map(|place| fits(place % sets));
        Place { part: fits(place[1] % parts), sets, tag: [word(2), word(3).max(1)] }
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
        let mut sets = place.sets.into_iter().filter_map(|set| part.get(set));
        let (_, row) = sets.find_map(|set| set.iter().find(|(tag, _)| *tag == place.tag))?;
        Some(Slice::from(row.map(u32::to_ne_bytes).as_flattened()))
    }

    pub(super) fn put(&self, table: Table, key: &[u8], value: &Slice) {
        let words: Option<[[u8; 4]; ROW_BYTES / 4]> = value.as_chunks().0.try_into().ok();
        let row = words.filter(|_| value.len() == ROW_BYTES);
        let (Table::Keys, Some(row), true) = (table, row, self.sets > 0) else { return };
        let place = self.place(key);
        let mut part = self.part(&place);
        if part.is_empty() {
            *part = vec![[NONE; SET_ROWS]; self.sets];
        }
        let at = |set: usize, wanted: Tag| part[set].iter().position(|(tag, _)| *tag == wanted).map(|at| (set, at));
        let free = |set: usize| part[set].iter().filter(|(tag, _)| *tag == NONE.0).count();
        let [one, other] = place.sets;
        let roomier = if free(other) > free(one) { other } else { one };
        // Where it is, or where there is most room, or whichever: that of the hash is as good as any.
        let known = at(one, place.tag).or_else(|| at(other, place.tag)).or_else(|| at(roomier, NONE.0));
        let any = || (place.sets[place.tag[1] as usize % 2], place.tag[0] as usize % SET_ROWS);
        let (set, at) = known.unwrap_or_else(any);
        part[set][at] = (place.tag, row.map(u32::from_ne_bytes));
    }

    pub(super) fn remove<'k>(&self, table: Table, keys: impl Iterator<Item = &'k Slice>) {
        if table != Table::Keys {
            return;
        }
        for key in keys {
            let place = self.place(key);
            let mut part = self.part(&place);
            for set in place.sets {
                let found = part.get_mut(set).and_then(|set| set.iter_mut().find(|(tag, _)| *tag == place.tag));
                if let Some(entry) = found {
                    *entry = NONE;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_here_is_what_was_put_last_and_not_taken_out() {
        let cache = Cache::new(40 << 10);
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

    #[test]
    fn nearly_all_keys_find_room_where_there_is_room_for_all() {
        let bytes = 2 << 20;
        let cache = Cache::new(bytes);
        let room = u32::try_from(bytes).expect("few") / 20;
        let keys: Vec<Slice> = (0..room / 100 * 95).map(|n| Slice::from(n.to_be_bytes())).collect();
        let row = Slice::from([7; ROW_BYTES]);
        for key in &keys {
            cache.put(Table::Keys, key, &row);
        }
        let found = keys.iter().filter(|key| cache.get(Table::Keys, key).is_some()).count();
        assert!(found > keys.len() / 100 * 97, "{found} of {}", keys.len());
        cache.remove(Table::Keys, keys.iter());
        assert!(keys.iter().all(|key| cache.get(Table::Keys, key).is_none()), "wherever it was");
    }
}
