//! Whether something may still be sent: decided is one time, sent another, and a night, a pause or a word may lie between.

use std::fmt::Debug;

use async_trait::async_trait;
use keep::{Outcome, Post};

/// Who knows whether something may be sent. It is asked before every attempt.
#[async_trait]
pub trait Gate: Send + Sync + Debug {
    /// Whether this may be sent at a time, in microseconds since 1970.
    ///
    /// # Errors
    /// When that cannot be told now. Then it is not sent, and asked again a moment later, and later each time.
    async fn ask(&self, post: &Post, now_us: i64) -> Result<Sending, crate::Error>;
}

/// Whether something may be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sending {
    /// It may.
    Now,
    /// Not yet.
    NotBefore {
        /// When it may, unless something else comes between; in microseconds since 1970.
        until_us: i64,
        /// Why.
        why: String,
    },
    /// It may not. It is put aside, to be looked at.
    Never {
        /// Why.
        why: String,
    },
}

impl Sending {
    /// What becomes of a delivery that is not sent now.
    pub(super) fn outcome(self) -> Option<Outcome> {
        match self {
            Sending::Now => None,
            Sending::NotBefore { until_us, why } => Some(Outcome::Postponed { due_us: until_us, why }),
            Sending::Never { why } => Some(Outcome::Withheld { why }),
        }
    }
}
