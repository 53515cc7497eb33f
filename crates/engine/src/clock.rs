//! What time it is: the only place that asks.

use std::fmt::Debug;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;

/// A clock, and waiting by it.
#[async_trait]
pub trait Clock: Send + Sync + Debug {
    /// What time it is, in microseconds since 1970.
    fn now_us(&self) -> i64;

    /// Waits for so many microseconds.
    async fn sleep_us(&self, us: i64);
}

/// The clock of this machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

#[async_trait]
impl Clock for SystemClock {
    fn now_us(&self) -> i64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
    }

    async fn sleep_us(&self, us: i64) {
        tokio::time::sleep(Duration::from_micros(us.max(0).cast_unsigned())).await;
    }
}
