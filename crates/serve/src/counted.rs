//! What waits at each target. Counting reads all that waits, so it is done by one at a time, and remembered for those who come soon.

use std::sync::Arc;
use std::time::{Duration, Instant};

use engine::deliver::{Outbox, ShownTarget};
use tokio::sync::Mutex;

use crate::problem::Problem;

/// All targets, as they were counted last, and when that began.
#[derive(Debug, Clone, Default)]
pub(crate) struct Counted(Arc<Mutex<Option<Count>>>);

/// When counting began, and what was found.
type Count = (Instant, Vec<ShownTarget>);

impl Counted {
    /// All targets, as they are or were at most so long before this was asked. Who stops waiting leaves the counting to the next.
    pub(crate) async fn targets(&self, outbox: &Arc<Outbox>, age_max: Duration) -> Result<Vec<ShownTarget>, Problem> {
        let asked = Instant::now();
        let mut last = Arc::clone(&self.0).lock_owned().await;
        if let Some((began, targets)) = &*last
            && *began + age_max >= asked
        {
            return Ok(targets.clone());
        }
        let outbox = Arc::clone(outbox);
        let counting = tokio::spawn(async move {
            let began = Instant::now();
            let targets = outbox.targets().await?;
            *last = Some((began, targets.clone()));
            Ok::<_, Problem>(targets)
        });
        counting.await?
    }
}
