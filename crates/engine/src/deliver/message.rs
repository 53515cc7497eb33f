//! What is sent: a `CloudEvent`, made once, when it is posted.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use event::Timestamp;
use keep::{Customer, Post};
use serde::Serialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

/// A message for a target.
///
/// ```
/// use engine::deliver::{Message, message_id};
/// let data = serde_json::json!({"action": "call-back"});
/// let id = message_id(&["crm", "17", "call-back", "order 9"]);
/// let message = Message { id: &id, kind: "desireline.action.decided", source: "/desireline/shop", subject: Some("ann"), at_us: 0, data: &data };
/// let post = message.post("crm", keep::Customer(17), 0);
/// assert_eq!(post.id, id.as_bytes());
/// assert!(String::from_utf8(post.bytes)?.starts_with(r#"{"specversion":"1.0","id":"msg_"#));
/// # Ok::<(), std::string::FromUtf8Error>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Message<'a> {
    /// Its id, of [`message_id`]. The same one is never sent for two things, and every attempt has it.
    pub id: &'a str,
    /// What kind of message, such as `desireline.action.decided`.
    pub kind: &'a str,
    /// Who says so, such as `/desireline/shop`.
    pub source: &'a str,
    /// Whom it is about, by the name that others know.
    pub subject: Option<&'a str>,
    /// When it happened, in microseconds since 1970.
    pub at_us: i64,
    /// What it says.
    pub data: &'a Value,
}

/// The JSON form of `CloudEvents` 1.0.
#[derive(Serialize)]
struct CloudEvent<'a> {
    specversion: &'static str,
    id: &'a str,
    source: &'a str,
    r#type: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<&'a str>,
    time: String,
    datacontenttype: &'static str,
    data: &'a Value,
}

impl Message<'_> {
    /// To be delivered to this target, first at `due_us`. Its bytes are those that will be sent, at every attempt.
    pub fn post(&self, target: &str, customer: Customer, due_us: i64) -> Post {
        let event = CloudEvent {
            specversion: "1.0",
            id: self.id,
            source: self.source,
            r#type: self.kind,
            // An attribute that is there is not empty.
            subject: self.subject.filter(|subject| !subject.is_empty()),
            time: Timestamp::from_micros(self.at_us).to_string(),
            datacontenttype: "application/json",
            data: self.data,
        };
        let bytes = serde_json::to_vec(&event).expect("texts and JSON are written to memory");
        Post { target: target.to_owned(), id: self.id.as_bytes().to_vec(), customer, due_us, bytes }
    }
}

/// An id that follows from what the message is about: target, customer, action and occasion, say. Those who ask for the same get
/// the same, and nobody can find two that are taken for one.
///
/// ```
/// use engine::deliver::message_id;
/// assert_eq!(message_id(&["crm", "17", "call-back", "order 9"]), message_id(&["crm", "17", "call-back", "order 9"]));
/// assert_ne!(message_id(&["crm", "1"]), message_id(&["crm1", ""]));
/// ```
pub fn message_id(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part.as_bytes());
    }
    format!("msg_{}", URL_SAFE_NO_PAD.encode(&hash.finalize()[..16]))
}
