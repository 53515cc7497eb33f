//! The bodies of requests: what senders post becomes events, or named rejections, one by one and in order.
//!
//! [`decode`] undoes the compression, [`Body::parse`] looks at the whole, [`Body::read`] hands every message to a
//! [`Receiver`], exactly once. What is accepted comes with the text that is to be kept of it: the message with what stood
//! around it, without its write key, with the time at which it arrived and an id. Its event is read from that text, by the
//! reader of archives, so that [`replay`] gives the same event whenever it is asked. [`CloudEvents`] and [`Rows`], any JSON
//! objects that the charter's `sources:` know, are taken in the same way.
//!
//! ```
//! use listen::Stop;
//! use listen::intake::{Accepted, Body, Endpoint, Received, Receiver, Rejected, decode};
//!
//! struct Desk(Vec<String>);
//! impl Receiver for Desk {
//!     fn accepted(&mut self, accepted: &Accepted<'_>) -> Result<(), Stop> {
//!         Ok(self.0.push(format!("{} of {}", accepted.event.map_or("nothing", |e| e.event), accepted.keys[0].value)))
//!     }
//!     fn rejected(&mut self, rejected: &Rejected<'_>) -> Result<(), Stop> {
//!         Ok(self.0.push(rejected.reason.to_string()))
//!     }
//!     fn new_id(&mut self) -> String {
//!         format!("id{}", self.0.len())
//!     }
//! }
//! let body = br#"{"batch":[{"type":"track","event":"Order","userId":"ann"},{"type":"track","userId":"bob"}]}"#;
//! let body = decode(body, None, 1_000)?;
//! let mut desk = Desk(Vec::new());
//! let received = Received { at: event::Timestamp::from_micros(0), source: None, peer: None };
//! Body::parse(&body, Endpoint::Batch)?.read(&received, &mut desk)?;
//! assert_eq!(desk.0, ["Order of ann", "missing-event"]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! It may know bytes and what clients send; it must not know HTTP: status codes and headers belong to whoever answers.
//! Source: Segment, "HTTP Tracking API" and "Spec: Common Fields"; `RudderStack`, "HTTP API".

mod cloud_events;
mod consent;
mod decode;
mod envelope;
mod merge;
mod posthog;
mod recorded;
mod rows;

use std::net::IpAddr;

use event::{Event, Key, Timestamp};

use crate::limits::{ENVELOPE_BYTES_MAX, MESSAGES_MAX, SHARED_BYTES_MAX};
use crate::segment::{Doubts, Kind};
use crate::sink::{Reason, Stop};

pub use cloud_events::CloudEvents;
pub use consent::{Consent, consents};
pub use decode::decode;
pub use envelope::Body;
pub use posthog::from_posthog;
pub use recorded::{is_imported, is_row, normalised, record, replay};
pub use rows::{Rows, Source, SourceError, Sources};

/// What is posted to an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Endpoint {
    /// One message, whose type the address says.
    Message(Kind),
    /// Messages of any type, in `batch`.
    Batch,
}

impl Endpoint {
    /// By the last part of the address: `track` or `t`, `batch` or `b`, `import`.
    ///
    /// ```
    /// use listen::{intake::Endpoint, segment::Kind};
    /// assert_eq!(Endpoint::named("p"), Some(Endpoint::Message(Kind::Page)));
    /// assert_eq!(Endpoint::named("import"), Some(Endpoint::Batch));
    /// assert_eq!(Endpoint::named("m"), None);
    /// ```
    pub fn named(name: &str) -> Option<Self> {
        if ["batch", "b", "import"].contains(&name) {
            return Some(Endpoint::Batch);
        }
        let is_it = |known: &str| name == known || known.get(..1) == Some(name);
        Kind::NAMED.iter().find(|(known, _)| is_it(known)).map(|(_, kind)| Endpoint::Message(*kind))
    }
}

/// How a body was received.
#[derive(Debug, Clone, Copy)]
pub struct Received<'a> {
    /// When, by our clock.
    pub at: Timestamp,
    /// Which system it came from, as the write key says; becomes the source of its events.
    pub source: Option<&'a str>,
    /// The address of who sent it, if it is to be noted with messages of browsers that do not say it themselves.
    pub peer: Option<IpAddr>,
}

/// Who takes in what was received.
pub trait Receiver {
    /// Takes in a message that is an event, or is to be kept without being one.
    ///
    /// # Errors
    /// [`Stop`] ends the reading. Only with [`NamesNobody`](crate::NamesNobody) in it, the reading goes on, and the message
    /// comes back as rejected.
    fn accepted(&mut self, accepted: &Accepted<'_>) -> Result<(), Stop>;

    /// Takes in a message that cannot be an event, so that it is never lost.
    ///
    /// # Errors
    /// [`Stop`] ends the reading.
    fn rejected(&mut self, rejected: &Rejected<'_>) -> Result<(), Stop>;

    /// An id for a message that has none; must be another one each time.
    fn new_id(&mut self) -> String;
}

/// A message that was accepted.
#[derive(Debug, Clone, Copy)]
pub struct Accepted<'a> {
    /// Its place in the body, counted from 0.
    pub index: usize,
    /// What is to be kept of it: a JSON object, from which [`replay`] gives the same event again.
    pub text: &'a str,
    /// Its id, the sender's or a new one; rows without one have none: it follows from the content of their event.
    pub message_id: Option<&'a str>,
    /// Whose it is.
    pub keys: &'a [Key<'a>],
    /// What happened; `None` where it says nothing: an alias of a person to itself.
    pub event: Option<&'a Event<'a>>,
    /// What it was taken for.
    pub doubts: Doubts,
}

/// A message that was rejected.
#[derive(Debug, Clone, Copy)]
pub struct Rejected<'a> {
    /// Its place in the body, counted from 0.
    pub index: usize,
    /// The sender's id of it, where that is readable.
    pub message_id: Option<&'a str>,
    /// Why it cannot be an event.
    pub reason: Reason,
    /// What exactly is wrong.
    pub detail: &'a str,
    /// The message, without its write key; of one that is too large only the beginning.
    pub text: &'a str,
}

/// Why nothing of a body can be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// It is compressed in a way that is not understood.
    #[error("the body is encoded as `{encoding}`; gzip is understood, and no encoding")]
    UnknownEncoding {
        /// What the sender calls it.
        encoding: String,
    },
    /// It is said to be gzip, or begins like it, and is not.
    #[error("the body is not whole gzip: {detail}")]
    BrokenGzip {
        /// What is wrong.
        detail: String,
    },
    /// It is larger than a body may be.
    #[error("the body has more than {max} bytes, decompressed")]
    TooLarge {
        /// How large it may be, in bytes.
        max: usize,
    },
    /// There are more messages than a body may have.
    #[error("the body has {count} messages, and may have {MESSAGES_MAX}")]
    TooMany {
        /// How many there are.
        count: usize,
    },
    /// What is to be added to each message is too large.
    #[error(
        "`context`, `integrations` and `sentAt` of the batch have {bytes} bytes together, and may have {ENVELOPE_BYTES_MAX}"
    )]
    EnvelopeTooLarge {
        /// How large they are.
        bytes: usize,
    },
    /// What is to be added to each message is too large for so many.
    #[error(
        "each of {count} messages gets {bytes} bytes of `context`, `integrations` and `sentAt` of the batch, and all of them may get {SHARED_BYTES_MAX}: send fewer at once"
    )]
    TooMuchShared {
        /// How many messages there are.
        count: usize,
        /// How much each of them gets.
        bytes: usize,
    },
    /// Its content type is none that is understood here.
    #[error(
        "the content type is `{content_type}`; application/cloudevents+json and application/cloudevents-batch+json are understood, and events in headers"
    )]
    UnknownForm {
        /// What the sender calls it.
        content_type: String,
    },
    /// It is not JSON.
    #[error("the body is not JSON: {detail}")]
    NotJson {
        /// What is wrong.
        detail: String,
    },
    /// It is JSON, but not of the form that is expected here.
    #[error("{detail}")]
    WrongForm {
        /// What is expected.
        detail: String,
    },
}

#[cfg(test)]
mod tests;
