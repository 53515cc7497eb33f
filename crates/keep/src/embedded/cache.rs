//! Keys that were read from the tables lately, in memory: every message looks for some, and they hardly ever change. A row that
//! is new is found before it is looked for here, and what is replaced is taken out then, so that what is here is what the tables
//! have.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError};

use fjall::Slice;

use crate::store::Table;

/// Parts with a lock each, so that readers are not in each other's way.
const PARTS: usize = 16;

/// What a row costs besides its bytes, about.
const ROW_BYTES: usize = 80;

/// Rows of the table of keys.
pub(super) struct Cache {
    parts: [Mutex<Part>; PARTS],
    part_bytes: usize,
    hasher: RandomState,
}

/// What was read since the newer rows were a half of all; then the older ones are forgotten.
#[derive(Default)]
struct Part {
    newer: HashMap<Slice, Slice>,
    older: HashMap<Slice, Slice>,
    newer_bytes: usize,
}

impl Cache {
    /// A cache of about so many bytes.
    pub(super) fn new(bytes: u64) -> Self {
        let part_bytes = usize::try_from(bytes).unwrap_or(usize::MAX) / PARTS;
        Self { parts: std::array::from_fn(|_| Mutex::default()), part_bytes, hasher: RandomState::new() }
    }

    fn part(&self, key: &[u8]) -> MutexGuard<'_, Part> {
        let hash = usize::try_from(self.hasher.hash_one(key) % PARTS as u64).expect("it is less than 16");
        self.parts[hash].lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn get(&self, table: Table, key: &[u8]) -> Option<Slice> {
        if table != Table::Keys {
            return None;
        }
        let mut part = self.part(key);
        if let Some(value) = part.newer.get(key) {
            return Some(value.clone());
        }
        let (key, value) = part.older.remove_entry(key)?;
        part.put(key, value.clone(), self.part_bytes);
        Some(value)
    }

    pub(super) fn put(&self, table: Table, key: &[u8], value: &Slice) {
        if table == Table::Keys {
            // A copy: the block in which it was found is not to be held by it.
            self.part(key).put(Slice::from(key), Slice::from(&value[..]), self.part_bytes);
        }
    }

    pub(super) fn remove<'k>(&self, table: Table, keys: impl Iterator<Item = &'k Slice>) {
        if table != Table::Keys {
            return;
        }
        for key in keys {
            let mut part = self.part(key);
            part.older.remove(key);
            if let Some(value) = part.newer.remove(key) {
                part.newer_bytes -= key.len() + value.len() + ROW_BYTES;
            }
        }
    }
}

impl Part {
    fn put(&mut self, key: Slice, value: Slice, part_bytes: usize) {
        let bytes = key.len() + value.len() + ROW_BYTES;
        if self.newer_bytes + bytes > part_bytes / 2 {
            self.older = std::mem::take(&mut self.newer);
            self.newer_bytes = 0;
        }
        if self.newer.insert(key, value).is_none() {
            self.newer_bytes += bytes;
        }
    }
}
