//! One message, with what stood around it: the text that is kept, and its event.

use std::borrow::Cow;

use crate::json::{self, Members};
use crate::limits::{ID_BYTES_MAX, LINE_BYTES_KEPT, MESSAGE_BYTES_MAX, MESSAGE_ID_CHARS_MAX};
use crate::segment::{self, Kind, MessageError};
use crate::sink::{Reason, Stop};

use super::{Accepted, Received, Receiver, Rejected, recorded};

/// The members of a batch that all its messages get.
pub(super) const SHARED: [&str; 3] = ["context", "integrations", "sentAt"];

/// What all messages of a batch share: each has it, unless it says something else itself.
#[derive(Debug, Default)]
pub(super) struct Shared<'a> {
    context: Members<'a>,
    integrations: Members<'a>,
    sent_at: Option<&'a str>,
}

impl<'a> Shared<'a> {
    pub(super) fn of(outer: &Members<'a>) -> Self {
        let object = |name| outer.get(name).and_then(|text| Members::parse(text).ok()).unwrap_or_default();
        let [context, integrations, sent_at] = SHARED;
        Self { context: object(context), integrations: object(integrations), sent_at: outer.get(sent_at) }
    }
}

/// Names of libraries that run in the browser of a customer, so that the address of the sender is the customer's.
const BROWSERS: [&str; 2] = ["analytics.js", "RudderLabs JavaScript SDK"];

/// An address by which senders ask that none is stored.
const NO_ADDRESS: &str = "0.0.0.0";

/// Members that are never kept as they came: the secret, and what only we can know.
const NOT_KEPT: [&str; 3] = ["writeKey", "receivedAt", "source"];

/// Merges messages, one after another.
pub(super) struct Merging<'r> {
    /// The type of all of them, where the address says it, as JSON.
    kind: Option<String>,
    shared: Shared<'r>,
    received_at: String,
    source: Option<String>,
    peer: Option<String>,
    text: String,
}

/// What a message is given that it did not have, as JSON.
#[derive(Default)]
struct Given {
    id: Option<String>,
    context: Option<String>,
    integrations: Option<String>,
}

impl<'r> Merging<'r> {
    pub(super) fn new(kind: Option<Kind>, shared: Shared<'r>, received: &Received<'_>) -> Self {
        Self {
            kind: kind.map(|kind| json::quoted(kind.name())),
            shared,
            received_at: json::quoted(&received.at.to_string()),
            source: received.source.map(json::quoted),
            peer: received.peer.map(|peer| json::quoted(&peer.to_canonical().to_string())),
            text: String::new(),
        }
    }

    /// Hands one message to the receiver.
    pub(super) fn message(&mut self, index: usize, raw: &str, receiver: &mut dyn Receiver) -> Result<(), Stop> {
        let Ok(message) = segment::members(raw) else {
            // It is valid JSON; what is no object has no members that have to be left out.
            let (reason, detail) = (Reason::NotAnObject, "the message is not a JSON object");
            return receiver.rejected(&Rejected { index, message_id: None, reason, detail, text: kept(raw, raw) });
        };
        let id = message.get("messageId").and_then(json::identifier);
        let fits = check(raw, &message, id.as_deref());
        let given = match fits {
            Ok(()) => self.given(&message, id.is_none().then(|| receiver.new_id())),
            Err(_) => Given::default(),
        };
        let mut text = std::mem::take(&mut self.text);
        let merged = self.merged(message, &given);
        text.clear();
        json::push_members(&mut text, &merged, &[]);
        text.push('}');
        let outcome = match fits.and_then(|()| accept(index, &text, &merged, receiver)) {
            Ok(()) => Ok(()),
            Err(error) => error.rejection().and_then(|(reason, detail)| {
                let (message_id, text) = (id.as_deref(), kept(raw, &text));
                receiver.rejected(&Rejected { index, message_id, reason, detail: &detail, text })
            }),
        };
        self.text = text;
        outcome
    }

    fn given(&self, message: &Members<'_>, new_id: Option<String>) -> Given {
        let integrations = (!self.shared.integrations.0.is_empty())
            .then(|| Some(object(message, "integrations")?.over(&self.shared.integrations).to_json()));
        Given {
            id: new_id.map(|id| json::quoted(&id)),
            context: self.context(message),
            integrations: integrations.flatten(),
        }
    }

    /// The context of a message, where it is another one than that which it came with.
    fn context(&self, message: &Members<'_>) -> Option<String> {
        let beneath = &self.shared.context;
        let mentions = |word: &str| {
            message.get("context").is_some_and(|text| memchr::memmem::find(text.as_bytes(), word.as_bytes()).is_some())
        };
        // Most contexts stay as they are, and need not be looked into.
        let of_browser = self.peer.is_some() && BROWSERS.into_iter().any(mentions);
        if beneath.0.is_empty() && !of_browser && !mentions(NO_ADDRESS) {
            return None;
        }
        let mut context = object(message, "context")?.over(beneath);
        let ip = context.get("ip").and_then(json::text);
        let library = context.get("library").and_then(|library| Members::parse(library).ok());
        let library = library.as_ref().and_then(|library| json::text(library.get("name")?));
        let of_browser = library.is_some_and(|name| BROWSERS.contains(&name.as_ref()));
        if ip.is_none()
            && of_browser
            && let Some(peer) = &self.peer
        {
            context.set("ip", peer);
        } else if ip.as_deref() == Some(NO_ADDRESS) {
            context.remove("ip");
        } else if beneath.0.is_empty() {
            return None;
        }
        Some(context.to_json())
    }

    /// The members that are kept: what we know in the place of what the message says about it.
    fn merged<'m>(&'m self, mut message: Members<'m>, given: &'m Given) -> Members<'m> {
        let sent_at = self.shared.sent_at.filter(|_| message.get("sentAt").is_none());
        let ours = [
            ("type", self.kind.as_deref()),
            ("messageId", given.id.as_deref()),
            ("context", given.context.as_deref()),
            ("integrations", given.integrations.as_deref()),
            ("sentAt", sent_at),
            ("source", self.source.as_deref()),
            ("receivedAt", Some(self.received_at.as_str())),
        ];
        let ours = ours.into_iter().filter_map(|(name, value)| Some((name, value?)));
        let replaced = |name: &str| NOT_KEPT.contains(&name) || ours.clone().any(|(known, _)| known == name);
        message.0.retain(|(name, _)| !replaced(name));
        message.0.extend(ours.map(|(name, value)| (Cow::Borrowed(name), value)));
        message
    }
}

/// What is wrong with a message before it is read.
fn check(raw: &str, message: &Members<'_>, message_id: Option<&str>) -> Result<(), MessageError> {
    const IDS: [&str; 6] = ["userId", "anonymousId", "previousId", "groupId", "from", "to"];
    let refused = |reason, detail| Err(MessageError::Refused { reason, detail });
    if raw.len() > MESSAGE_BYTES_MAX {
        let detail = format!("{} bytes, and a message may have {MESSAGE_BYTES_MAX}", raw.len());
        return refused(Reason::TooLarge, detail);
    }
    let chars = message_id.map_or(0, |id| id.chars().count());
    if chars > MESSAGE_ID_CHARS_MAX {
        let detail = format!("messageId has {chars} characters, and may have {MESSAGE_ID_CHARS_MAX}");
        return refused(Reason::BadField, detail);
    }
    // An identifier is not longer than its message.
    for name in IDS.into_iter().filter(|_| raw.len() > ID_BYTES_MAX) {
        let bytes = message.get(name).and_then(json::identifier).map_or(0, |id| id.len());
        if bytes > ID_BYTES_MAX {
            return refused(Reason::BadField, format!("{name} has {bytes} bytes, and may have {ID_BYTES_MAX}"));
        }
    }
    Ok(())
}

fn accept(index: usize, text: &str, merged: &Members<'_>, receiver: &mut dyn Receiver) -> Result<(), MessageError> {
    let message_id = merged.get("messageId").and_then(json::identifier);
    recorded::event_of(merged, &mut |event, keys, doubts| {
        receiver.accepted(&Accepted { index, text, message_id: message_id.as_deref(), keys, event, doubts })
    })
}

/// A member that is an object, or empty where there is none; `None` where it is something else.
fn object<'a>(message: &Members<'a>, name: &str) -> Option<Members<'a>> {
    message.get(name).map_or_else(|| Some(Members::default()), |text| Members::parse(text).ok())
}

/// What is kept of a message that is rejected.
pub(super) fn kept<'t>(raw: &str, text: &'t str) -> &'t str {
    let beginning = || text.get(..text.floor_char_boundary(LINE_BYTES_KEPT)).unwrap_or(text);
    if raw.len() <= MESSAGE_BYTES_MAX { text } else { beginning() }
}
