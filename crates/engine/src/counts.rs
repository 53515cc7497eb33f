//! What is counted while the engine runs: for whoever watches it, not for anybody who decides.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// Counters since the engine was opened.
#[derive(Debug, Default)]
pub struct Counts {
    /// Messages that were taken in.
    pub stored: AtomicU64,
    /// Messages that were taken in before.
    pub duplicates: AtomicU64,
    /// Messages with a time that was not readable and counts as none, whenever they came.
    pub unreadable_times: AtomicU64,
    /// Messages whose time was ahead of their arrival and was set to it, whenever they came.
    pub from_the_future: AtomicU64,
    /// Batches that were tried again because others were quicker.
    pub collisions: AtomicU64,
    /// Customers whose state was built anew from their history.
    pub rebuilt: AtomicU64,
    /// Times that evidence about keys waits because there is too much around them.
    pub unresolved: AtomicU64,
    /// Timers that went off.
    pub timers: AtomicU64,
    /// Timers that could not be worked off, and come again.
    pub timers_failed: AtomicU64,
    /// Decisions for an action.
    pub decided: AtomicU64,
    /// Decisions for none.
    pub undecided: AtomicU64,
    refused: Mutex<BTreeMap<&'static str, u64>>,
}

impl Counts {
    pub(crate) fn add(counter: &AtomicU64, n: usize) {
        counter.fetch_add(n as u64, Ordering::Relaxed);
    }

    pub(crate) fn add_refused(&self, reason: &'static str) {
        *self.refused.lock().unwrap_or_else(PoisonError::into_inner).entry(reason).or_default() += 1;
    }

    /// Messages that were refused, by the name of the reason.
    pub fn refused(&self) -> BTreeMap<&'static str, u64> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
