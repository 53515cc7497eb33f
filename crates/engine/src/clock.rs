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
    async fn sleep_us(&self, us: i64) {
        tokio::time::sleep(Duration::from_micros(us.max(0).cast_unsigned())).await;
    }
}

/// The clock of this machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now_us(&self) -> i64 {
        let us = |time: Duration| i64::try_from(time.as_micros()).unwrap_or(i64::MAX);
        SystemTime::now().duration_since(UNIX_EPOCH).map_or_else(|before| -us(before.duration()), us)
    }
}
