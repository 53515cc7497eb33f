//! The event itself, as it passes from the dialect that read it to whoever keeps it.
//!
//! Everything is borrowed: an event lives for one call. What wants to keep it copies what it needs, so reading a file
//! of a hundred million rows allocates nothing per row.

use crate::Timestamp;

/// One identifier that an event came with, as `kind` (the name of a key in the charter) and `value`.
///
/// The value is as it came; normalising it and deciding whether it may be stitched on is the charter's affair.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key<'a> {
    /// The kind of identifier, such as `user_id`, `email` or `anonymous_id`.
    pub kind: &'a str,
    /// Its value, never empty.
    pub value: &'a str,
}

/// Something that happened, to a customer, at a time, through a channel.
///
/// ```
/// use event::{Event, Key, Timestamp};
/// let keys = [Key { kind: "user_id", value: "u1" }];
/// let event = Event::new("Order Completed", Timestamp::from_micros(0), &keys);
/// assert_eq!(event.channel, None);
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Event<'a> {
    /// What happened, in the words of the source: `Order Completed`.
    pub event: &'a str,
    /// When it happened.
    pub at: Timestamp,
    /// When it was received, where that is known apart from `at`.
    pub received_at: Option<Timestamp>,
    /// Where it happened: `web`, `call`, `shop`.
    pub channel: Option<&'a str>,
    /// Which file or system it came from.
    pub source: Option<&'a str>,
    /// The sender's own id of this message; where there is none, one is derived from the content.
    pub message_id: Option<&'a str>,
    /// The identifiers that it came with; none where it is nobody's and only about objects, which are then in the property
    /// `objects`.
    pub keys: &'a [Key<'a>],
    /// Who did it, where work is done by somebody: a person, a machine.
    pub resource: Option<&'a str>,
    /// The department that did it.
    pub department: Option<&'a str>,
    /// The case, ticket or order that it belongs to.
    pub case_id: Option<&'a str>,
    /// Which part of an activity this is: `start`, `complete`.
    pub phase: Option<&'a str>,
    /// Everything else about the event, as the text of a JSON object.
    pub properties: Option<&'a str>,
    /// What the event says about the customer, as the text of a JSON object.
    pub traits: Option<&'a str>,
}

impl<'a> Event<'a> {
    /// An event with nothing but its name, time and keys.
    pub fn new(event: &'a str, at: Timestamp, keys: &'a [Key<'a>]) -> Self {
        Self {
            event,
            at,
            received_at: None,
            channel: None,
            source: None,
            message_id: None,
            keys,
            resource: None,
            department: None,
            case_id: None,
            phase: None,
            properties: None,
            traits: None,
        }
    }
}
