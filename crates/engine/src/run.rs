//! What goes on by itself: timers, and learning.

use std::sync::Arc;

use tokio::sync::watch;

use crate::engine::Engine;
use crate::limits::{LESSONS_LOOKED_US, MODELS_KEPT_US, TIMERS_POLL_US};

impl Engine {
    /// Works off what falls due, until `stop` says so. Errors are met by trying again.
    pub async fn run(self: Arc<Self>, mut stop: watch::Receiver<bool>) {
        let (mut kept_us, mut learnt_us) = (self.clock.now_us(), self.clock.now_us());
        loop {
            let some = self.wake_some().await;
            let stopping = *stop.borrow();
            if self.clock.now_us() - learnt_us > LESSONS_LOOKED_US {
                learnt_us = self.clock.now_us();
                // What cannot be read now is learnt the next time.
                let _ = self.learn().await;
            }
            if stopping || self.clock.now_us() - kept_us > MODELS_KEPT_US {
                kept_us = self.clock.now_us();
                // What cannot be kept now is kept the next time.
                let _ = self.keep_models().await;
            }
            if stopping {
                return;
            }
            match some {
                // More may be due; requests have their turn in between.
                Ok(more) if more > 0 => tokio::task::yield_now().await,
                Ok(_) | Err(_) => {
                    tokio::select! {
                        () = self.clock.sleep_us(TIMERS_POLL_US) => {}
                        _ = stop.changed() => {}
                    }
                }
            }
        }
    }
}
