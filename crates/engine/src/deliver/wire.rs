//! How a message gets to a target, so that a simulation can be the other side.

use std::fmt::Debug;

use async_trait::async_trait;
use keep::Post;

use super::sign::signatures;
use super::target::Target;

/// The way to targets.
#[async_trait]
pub trait Wire: Send + Sync + Debug {
    /// Sends a request, once, and says what came back. Never waits for much longer than [`ATTEMPT`](super::limits::ATTEMPT).
    async fn send(&self, target: &Target, request: &Request<'_>) -> Answer;
}

/// An attempt to deliver, signed: a POST to the address of the target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request<'a> {
    /// The headers that make it a webhook, with `content-type`.
    pub headers: [(&'static str, String); 4],
    /// The bytes that were signed.
    pub body: &'a [u8],
}

impl<'a> Request<'a> {
    /// The attempt at this time; `None` where the id of the post cannot be that of a webhook, which no id of ours is.
    pub(super) fn new(target: &Target, post: &'a Post, now_us: i64) -> Option<Self> {
        let id = std::str::from_utf8(&post.id).ok()?;
        if !id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-') {
            return None;
        }
        let at_seconds = now_us.div_euclid(super::limits::SECOND_US);
        let signature = signatures(target.signing(now_us), id, at_seconds, &post.bytes);
        let headers = [
            ("content-type", "application/cloudevents+json; charset=utf-8".to_owned()),
            ("webhook-id", id.to_owned()),
            ("webhook-timestamp", at_seconds.to_string()),
            ("webhook-signature", signature),
        ];
        Some(Self { headers, body: &post.bytes })
    }

    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(this, _)| *this == name).map(|(_, value)| value.as_str())
    }
}

/// What came of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// An answer came.
    Status {
        /// Its status.
        status: u16,
        /// Its header `retry-after`.
        retry_after: Option<String>,
        /// How its body begins.
        text: String,
    },
    /// No answer came.
    Failed {
        /// Why.
        why: String,
    },
    /// It was not sent: the address is none to which it may go.
    Refused {
        /// Why.
        why: String,
    },
}
