//! What time it is: the only place that asks.

use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use keep::Keep;

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

/// A clock that is put right by that of a home, so that all nodes that share it agree: how long what somebody has taken is theirs,
/// and when something falls due.
#[derive(Debug)]
pub struct HomeClock {
    own: Arc<dyn Clock>,
    skew_us: AtomicI64,
}

impl HomeClock {
    /// This clock, as it is until it is [put right](Self::put_right).
    pub fn new(own: Arc<dyn Clock>) -> Self {
        Self { own, skew_us: AtomicI64::new(0) }
    }

    /// Asks the home what time it is, and goes by that: an answer that was long on its way, and fits what is known, changes nothing.
    ///
    /// # Errors
    /// When the home cannot be asked; then it goes on as it did.
    pub async fn put_right(&self, keep: &dyn Keep) -> Result<(), keep::Error> {
        let (least, most) = keep.skew_us(self.own.now_us()).await?.into_inner();
        let known = self.skew_us.load(Ordering::Relaxed);
        self.skew_us.store(known.clamp(least, most), Ordering::Relaxed);
        Ok(())
    }
}

#[async_trait]
impl Clock for HomeClock {
    fn now_us(&self) -> i64 {
        self.own.now_us().saturating_add(self.skew_us.load(Ordering::Relaxed))
    }

    async fn sleep_us(&self, us: i64) {
        self.own.sleep_us(us).await;
    }
}
