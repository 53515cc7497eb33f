//! The live side over a home in memory: small stories, and simulated lives in which everything fails.

mod backlog;
mod charters;
mod consents;
mod decisions;
mod erased;
mod evaluated;
mod handed;
mod ids;
mod large;
mod learning;
mod lots;
mod overdue;
mod policies;
mod postponed;
mod shown;
mod simulated;
mod stories;
mod times;
mod watched;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use async_trait::async_trait;
use charter::Charter;
use engine::{Clock, Engine, Error, Options};
use futures::executor::block_on;
use keep::Keep;

/// A clock that goes when it is told to.
#[derive(Debug, Default)]
struct Told(AtomicI64);

#[async_trait]
impl Clock for Told {
    fn now_us(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// An engine by this charter over what is kept.
fn open<K: Keep + 'static, C: Clock + 'static>(
    charter: &str,
    keep: &Arc<K>,
    clock: &Arc<C>,
    options: Options,
) -> Result<Arc<Engine>, Error> {
    let charter = Charter::parse(charter).unwrap_or_else(|problems| panic!("{problems:#?}")).0;
    let (keep, clock): (Arc<dyn Keep>, Arc<dyn Clock>) = (Arc::<K>::clone(keep), Arc::<C>::clone(clock));
    block_on(Engine::open(keep, Arc::new(charter), clock, options))
}
