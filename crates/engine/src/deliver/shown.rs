//! Targets and deliveries as the API shows them: without secrets.

use event::Timestamp;
use keep::{Dead, Queue, Waiting};
use serde::Serialize;
use serde_json::value::RawValue;

use super::target::{Holder, Target};

/// A target and what waits there.
#[derive(Debug, Clone, Serialize)]
pub struct ShownTarget {
    /// Its name.
    pub name: String,
    /// Where it is; none where something was posted to a target that nobody has put.
    pub url: Option<String>,
    /// Hosts and addresses that may be reached although they are private.
    pub allow: Vec<String>,
    /// How many secrets sign now: two for a day after a change.
    pub secrets: usize,
    /// Why nothing is sent for now.
    pub hold: Option<ShownHold>,
    /// Since when everything has failed.
    pub failing_since: Option<String>,
    /// Why what is kept of it cannot be read, if so: then it has to be put again.
    pub problem: Option<String>,
    /// How many deliveries wait, those that are under way included.
    pub waiting: u64,
    /// When the first of them is due.
    pub first_due_at: Option<String>,
    /// How many were given up.
    pub dead: u64,
}

/// Why nothing is sent to a target.
#[derive(Debug, Clone, Serialize)]
pub struct ShownHold {
    /// `person`, `gone` (it answered 410), or `failing` (everything failed for five days).
    pub by: &'static str,
    /// Since when.
    pub since: String,
    /// What led to it.
    pub why: String,
}

/// A delivery that waits.
#[derive(Debug, Clone, Serialize)]
pub struct ShownWaiting {
    /// Its id, which is the header `webhook-id`.
    pub id: String,
    /// How often it was tried.
    pub attempts: u32,
    /// What went wrong the last time, or why it was not sent; none where it was not tried.
    pub why: Option<String>,
    /// When it is tried next.
    pub due_at: String,
    /// The message.
    pub message: Option<Box<RawValue>>,
}

/// A delivery that was given up.
#[derive(Debug, Clone, Serialize)]
pub struct ShownDead {
    /// Its id, which is the header `webhook-id`.
    pub id: String,
    /// How often it was tried.
    pub attempts: u32,
    /// What went wrong the last time, or why it may not be sent.
    pub why: String,
    /// When the last attempt was due.
    pub due_at: String,
    /// The message.
    pub message: Option<Box<RawValue>>,
}

impl ShownTarget {
    /// Of a target of which nothing is known but its name.
    pub(super) fn unknown(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            url: None,
            allow: Vec::new(),
            secrets: 0,
            hold: None,
            failing_since: None,
            problem: None,
            waiting: 0,
            first_due_at: None,
            dead: 0,
        }
    }

    pub(super) fn of(target: &Target, now_us: i64) -> Self {
        let by = |holder| match holder {
            Holder::Person => "person",
            Holder::Gone => "gone",
            Holder::Failing => "failing",
        };
        let hold = target.hold.as_ref();
        Self {
            url: Some(target.url.to_string()),
            allow: target.allow.iter().map(ToString::to_string).collect(),
            secrets: target.signing(now_us).count(),
            hold: hold.map(|it| ShownHold { by: by(it.by), since: time(it.since_us), why: it.why.clone() }),
            failing_since: target.failing_since_us.map(time),
            ..Self::unknown(&target.name)
        }
    }

    pub(super) fn add(&mut self, queue: &Queue) {
        self.waiting = queue.waiting;
        self.first_due_at = queue.first_due_us.map(time);
        self.dead = queue.dead;
    }
}

impl ShownWaiting {
    pub(super) fn of(waiting: Waiting) -> Self {
        let Waiting { post, attempts, why } = waiting;
        Self {
            id: id(&post.id),
            attempts,
            why: Some(why).filter(|why| !why.is_empty()),
            due_at: time(post.due_us),
            message: message(post.bytes),
        }
    }
}

impl ShownDead {
    pub(super) fn of(dead: Dead) -> Self {
        let Dead { post, attempts, why } = dead;
        Self { id: id(&post.id), attempts, why, due_at: time(post.due_us), message: message(post.bytes) }
    }
}

fn time(us: i64) -> String {
    Timestamp::from_micros(us).to_string()
}

fn id(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The message as it is sent; every message of ours is JSON.
fn message(bytes: Vec<u8>) -> Option<Box<RawValue>> {
    RawValue::from_string(String::from_utf8(bytes).ok()?).ok()
}
