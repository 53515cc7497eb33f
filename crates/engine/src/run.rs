//! What goes on by itself: timers.

use std::sync::Arc;

use tokio::sync::watch;

use crate::engine::Engine;
use crate::limits::TIMERS_POLL_US;

impl Engine {
    /// Works off what falls due, until `stop` says so. Errors are met by trying again.
    pub async fn run(self: Arc<Self>, mut stop: watch::Receiver<bool>) {
        loop {
            let some = self.wake_some().await;
            if *stop.borrow() {
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
