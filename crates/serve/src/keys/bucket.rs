//! How many requests a key may send: a bucket of tokens that fills by itself.

use std::sync::{Mutex, PoisonError};

/// A bucket that holds the tokens of two seconds.
#[derive(Debug)]
pub(super) struct Bucket {
    per_second: u32,
    /// How many tokens there are, in millionths, and as of when.
    level: Mutex<(i64, i64)>,
}

const TOKEN: i64 = 1_000_000;

impl Bucket {
    /// A full one.
    pub(super) fn new(per_second: u32) -> Self {
        let per_second = per_second.max(1);
        Self { per_second, level: Mutex::new((Self::full(per_second), i64::MIN)) }
    }

    fn full(per_second: u32) -> i64 {
        i64::from(per_second) * 2 * TOKEN
    }

    /// Takes a token; says after how many whole seconds there will be one where there is none.
    pub(super) fn take(&self, now_us: i64) -> Result<(), u64> {
        let mut level = self.level.lock().unwrap_or_else(PoisonError::into_inner);
        let (tokens, as_of_us) = *level;
        // A second fills `per_second` tokens, so a microsecond fills as many millionths of one. A clock that is set back
        // fills nothing until it has caught up.
        let passed_us = now_us.saturating_sub(as_of_us).clamp(0, 2_000_000);
        let tokens = (tokens + passed_us * i64::from(self.per_second)).min(Self::full(self.per_second));
        let enough = tokens >= TOKEN;
        *level = (if enough { tokens - TOKEN } else { tokens }, as_of_us.max(now_us));
        if enough { Ok(()) } else { Err(1) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_the_tokens_of_two_seconds_and_fills_by_itself() {
        let bucket = Bucket::new(3);
        let took = |now_us| (0..10).filter(|_| bucket.take(now_us).is_ok()).count();
        assert_eq!(took(1_000_000), 6);
        assert_eq!(took(1_000_001), 0);
        assert_eq!(took(1_333_335), 1);
        assert_eq!(took(2_333_335), 3);
        assert_eq!(took(99_000_000), 6);
        assert_eq!(took(50_000_000), 0, "a clock that is set back fills nothing");
        assert_eq!(bucket.take(50_000_000), Err(1));
    }
}
