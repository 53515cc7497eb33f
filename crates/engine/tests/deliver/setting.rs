//! What the tests have in common: a clock that is set by hand, an outbox, something to post.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use engine::Clock;
use engine::deliver::limits::DELAYS_US;
use engine::deliver::{Message, Outbox, Put, Secret, Webhooks, Wire, message_id};
use keep::{Commit, Customer, Keep, Memory};

pub(crate) const SECOND_US: i64 = 1_000_000;
pub(crate) const HOUR_US: i64 = 3_600 * SECOND_US;

/// 2026-03-01T09:00:00Z.
pub(crate) const NOW_US: i64 = 1_772_355_600 * SECOND_US;

/// A clock that stands still until somebody sets it.
#[derive(Debug)]
pub(crate) struct HandClock(AtomicI64);

impl HandClock {
    pub(crate) fn advance(&self, us: i64) {
        self.0.fetch_add(us, Ordering::SeqCst);
    }

    pub(crate) fn set(&self, us: i64) {
        self.0.store(us, Ordering::SeqCst);
    }
}

impl Clock for HandClock {
    fn now_us(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }
}

/// An outbox on a home, with a clock.
#[derive(Debug)]
pub(crate) struct Setting {
    pub(crate) keep: Arc<dyn Keep>,
    pub(crate) clock: Arc<HandClock>,
    pub(crate) outbox: Arc<Outbox>,
}

impl Setting {
    pub(crate) fn new(keep: Arc<dyn Keep>, wire: Arc<dyn Wire>) -> Self {
        let clock = Arc::new(HandClock(AtomicI64::new(NOW_US)));
        let outbox = Outbox::new(Arc::clone(&keep), Arc::clone(&clock) as Arc<dyn Clock>, wire);
        Self { keep, clock, outbox: Arc::new(outbox) }
    }

    /// In memory, over real HTTP.
    pub(crate) fn real() -> Self {
        Self::new(Arc::new(Memory::default()), Arc::new(Webhooks::default()))
    }

    /// The same, for receivers that never answer.
    pub(crate) fn impatient() -> Self {
        Self::new(Arc::new(Memory::default()), Arc::new(Webhooks::default().waiting(Duration::from_millis(300))))
    }

    /// A target on this machine.
    pub(crate) async fn target(&self, name: &str, url: &str) -> Secret {
        let allow = vec!["127.0.0.1".to_owned()];
        let put = Put { name: name.to_owned(), url: url.to_owned(), allow, secret: None };
        self.outbox.put(put, &[]).await.unwrap()
    }

    /// Posts a message about something, due now; comes back with its id.
    pub(crate) async fn post(&self, target: &str, about: &str) -> String {
        let id = message_id(&[target, about]);
        let data = serde_json::json!({"action": "call-back", "note": "Ё \"quoted\""});
        let kind = "desireline.action.decided";
        let (source, at_us) = ("/desireline/shop", self.clock.now_us());
        let message = Message { id: &id, kind, source, subject: Some(about), at_us, data: &data };
        let posts = vec![message.post(target, Customer(1), at_us)];
        self.keep.commit(Commit { now_us: at_us, posts, ..Commit::default() }).await.unwrap();
        self.outbox.posted(target);
        id
    }

    /// Attempts whatever is due, once.
    pub(crate) async fn deliver(&self) -> usize {
        self.outbox.deliver_due().await.unwrap()
    }

    /// Sets the clock to when everything is due that has just been tried for the `attempt`th time, counted from 1.
    pub(crate) fn wait_after(&self, attempt: usize) {
        let delay_us = DELAYS_US.get(attempt).copied().unwrap_or_default();
        self.clock.advance(delay_us + delay_us / 10);
    }

    /// What went wrong with the only delivery that waits at a target.
    pub(crate) async fn why(&self, target: &str) -> String {
        let waiting = self.outbox.waiting(target, 10).await.unwrap();
        assert_eq!(waiting.len(), 1, "{waiting:?}");
        waiting[0].why.clone().unwrap_or_default()
    }
}
