//! What was done since the process began, for whoever watches it.

use std::sync::atomic::{AtomicU64, Ordering};

use keep::Outcome;

use super::wire::Answer;

/// Attempts by what came of them, and what was given up, since the process began.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Attempts that arrived.
    pub delivered: u64,
    /// Attempts that were answered otherwise, or not at all.
    pub failed: u64,
    /// Attempts that were not made, because the address is none to which they may go.
    pub refused: u64,
    /// Deliveries that were given up.
    pub given_up: u64,
    /// Times that something was not sent because it is in its quiet hours.
    pub postponed: u64,
    /// Deliveries that were put aside because the customer does not consent any more.
    pub withheld: u64,
}

#[derive(Debug, Default)]
pub(super) struct Counters {
    delivered: AtomicU64,
    failed: AtomicU64,
    refused: AtomicU64,
    given_up: AtomicU64,
    postponed: AtomicU64,
    withheld: AtomicU64,
}

impl Counters {
    pub(super) fn answered(&self, answer: &Answer) {
        let counter = match answer {
            Answer::Refused { .. } => &self.refused,
            answer if answer.is_success() => &self.delivered,
            Answer::Status { .. } | Answer::Failed { .. } => &self.failed,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn settled(&self, outcome: &Outcome) {
        let counter = match outcome {
            Outcome::Dead { .. } => &self.given_up,
            Outcome::Postponed { .. } => &self.postponed,
            Outcome::Withheld { .. } => &self.withheld,
            Outcome::Done | Outcome::Retry { .. } => return,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn read(&self) -> Counts {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Counts {
            delivered: read(&self.delivered),
            failed: read(&self.failed),
            refused: read(&self.refused),
            given_up: read(&self.given_up),
            postponed: read(&self.postponed),
            withheld: read(&self.withheld),
        }
    }
}
