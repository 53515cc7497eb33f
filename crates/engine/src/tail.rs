//! What was just taken in, on its way to history: so that it need not be read from the log, unpacked and understood once more.
//! What is not in here, or no longer, stands in the log.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::carried::Carried;
use crate::limits::TAIL_BYTES;

/// The end of the log, as events.
#[derive(Debug, Default)]
pub(crate) struct Tail {
    /// Whether anybody exports: otherwise it would only take up room.
    wanted: AtomicBool,
    chunks: Mutex<Chunks>,
}

#[derive(Debug, Default)]
struct Chunks {
    /// By the position of its first entry.
    by_position: BTreeMap<u64, Chunk>,
    bytes: usize,
}

/// The events of one commit, whose other entries mean nothing to history.
#[derive(Debug)]
pub(crate) struct Chunk {
    /// The position after its last entry.
    pub(crate) until: u64,
    pub(crate) events: Vec<Carried>,
    pub(crate) bytes: usize,
}

/// What an event takes besides its texts, about.
const CARRIED_BYTES: usize = 192;

impl Tail {
    fn chunks(&self) -> MutexGuard<'_, Chunks> {
        self.chunks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether anybody wants to have what is taken in.
    pub(crate) fn is_wanted(&self) -> bool {
        self.wanted.load(Ordering::Relaxed)
    }

    /// Adds what a commit brought, where there is room.
    pub(crate) fn add(&self, position: u64, until: u64, events: Vec<Carried>) {
        let bytes = events.iter().map(|event| event.len() + CARRIED_BYTES).sum();
        let mut chunks = self.chunks();
        if chunks.bytes + bytes <= TAIL_BYTES && until > position {
            chunks.bytes += bytes;
            chunks.by_position.insert(position, Chunk { until, events, bytes });
        }
    }

    /// Takes out the chunk that begins at a position; all before it is forgotten. Otherwise says where the next one begins.
    pub(crate) fn take(&self, position: u64) -> Result<Chunk, Option<u64>> {
        self.wanted.store(true, Ordering::Relaxed);
        let mut chunks = self.chunks();
        let mut left = chunks.by_position.split_off(&position);
        let found = left.remove(&position);
        let gone = chunks.by_position.values().chain(&found).map(|chunk| chunk.bytes).sum::<usize>();
        let next = left.keys().next().copied();
        chunks.bytes -= gone;
        chunks.by_position = left;
        found.ok_or(next)
    }

    /// Forgets everything.
    pub(crate) fn clear(&self) {
        *self.chunks() = Chunks::default();
    }
}
