//! A body of the Segment API: one message, or a batch with what all its messages share.

use std::fmt;

use serde::Deserializer as _;
use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::json::{self, Members, Name};
use crate::limits::{ENVELOPE_BYTES_MAX, MESSAGES_MAX, SHARED_BYTES_MAX};
use crate::segment;
use crate::sink::Stop;

use super::merge::{Merging, SHARED, Shared};
use super::{BodyError, Endpoint, Received, Receiver};

/// A body that is of the right form; what its messages are worth is not known yet.
#[derive(Debug)]
pub struct Body<'a> {
    /// The members of the body, apart from the messages.
    outer: Members<'a>,
    messages: Messages<'a>,
    shared_bytes: usize,
}

#[derive(Debug)]
enum Messages<'a> {
    One(segment::Kind, &'a str),
    Batch(Vec<&'a RawValue>),
}

impl<'a> Body<'a> {
    /// Looks at a body, decompressed.
    ///
    /// # Errors
    /// When it is not JSON in UTF-8, not an object, has no `batch` that is a list where one is expected, or has more
    /// messages, or more to be added to each, than it may.
    pub fn parse(body: &'a [u8], endpoint: Endpoint) -> Result<Self, BodyError> {
        let text = text(body)?;
        match endpoint {
            Endpoint::Message(kind) => {
                let outer = Members::parse(text).map_err(|error| wrong(&error))?;
                Ok(Self { outer, messages: Messages::One(kind, text), shared_bytes: 0 })
            }
            Endpoint::Batch => batch(text),
        }
    }

    /// How many messages there are.
    pub fn len(&self) -> usize {
        match &self.messages {
            Messages::One(..) => 1,
            Messages::Batch(messages) => messages.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many bytes the messages get of what they share, all of them together: they become so much larger than the body is.
    pub fn shared_bytes(&self) -> usize {
        self.shared_bytes
    }

    /// The write key that the body names: its own, or that of its first message. For requests that do not name one
    /// elsewhere.
    pub fn write_key(&self) -> Option<String> {
        let key = |members: &Members<'_>| members.get("writeKey").and_then(json::identifier).map(String::from);
        key(&self.outer).or_else(|| match &self.messages {
            Messages::Batch(messages) => key(&Members::parse(messages.first()?.get()).ok()?),
            Messages::One(..) => None,
        })
    }

    /// Hands every message to the receiver, in order, each exactly once.
    ///
    /// # Errors
    /// When the receiver stops it.
    pub fn read(&self, received: &Received<'_>, receiver: &mut dyn Receiver) -> Result<(), Stop> {
        match &self.messages {
            Messages::One(kind, text) => {
                // The members are those of the message itself, so nothing is shared.
                Merging::new(Some(*kind), Shared::default(), received).message(0, text, receiver)
            }
            Messages::Batch(messages) => {
                let mut merging = Merging::new(None, Shared::of(&self.outer), received);
                let mut numbered = messages.iter().enumerate();
                numbered.try_for_each(|(index, message)| merging.message(index, message.get(), receiver))
            }
        }
    }
}

/// The text of a body: UTF-8, whatever the sender says.
pub(super) fn text(body: &[u8]) -> Result<&str, BodyError> {
    let text = std::str::from_utf8(body)
        .map_err(|error| BodyError::NotJson { detail: format!("it is not UTF-8 at byte {}", error.valid_up_to()) })?;
    Ok(text.strip_prefix('\u{feff}').unwrap_or(text))
}

/// The values of a JSON list, no more of them than a body may have: nothing is made of more.
pub(super) fn list(json: &str) -> Result<Vec<&RawValue>, BodyError> {
    let mut reader = serde_json::Deserializer::from_str(json);
    let list = Listing.deserialize(&mut reader).and_then(|list| reader.end().map(|()| list));
    list.map_err(|error| BodyError::NotJson { detail: error.to_string() })?.few()
}

pub(super) fn wrong(error: &serde_json::Error) -> BodyError {
    if error.is_data() {
        BodyError::WrongForm { detail: "the body is not a JSON object".to_owned() }
    } else {
        BodyError::NotJson { detail: error.to_string() }
    }
}

fn batch(text: &str) -> Result<Body<'_>, BodyError> {
    let mut parts = Parts::default();
    let mut json = serde_json::Deserializer::from_str(text);
    let parsed = json.deserialize_map(Filling(&mut parts)).and_then(|()| json.end());
    if let Err(error) = parsed {
        // What exactly is wrong is worth a second look, because it is rare.
        let outer = Members::parse(text).map_err(|error| wrong(&error))?;
        let detail = match outer.get("batch") {
            None => "the body has no `batch`".to_owned(),
            Some(batch) if !batch.starts_with('[') => "`batch` is not a list".to_owned(),
            Some(_) => return Err(BodyError::NotJson { detail: error.to_string() }),
        };
        return Err(BodyError::WrongForm { detail });
    }
    let Some(messages) = parts.batch else {
        return Err(BodyError::WrongForm { detail: "the body has no `batch`".to_owned() });
    };
    let messages = messages.few()?;
    let outer = parts.outer;
    // Every message gets these, so a small body could become a huge log.
    let bytes: usize = SHARED.iter().filter_map(|name| outer.get(name)).map(str::len).sum();
    if bytes > ENVELOPE_BYTES_MAX {
        return Err(BodyError::EnvelopeTooLarge { bytes });
    }
    let (count, shared_bytes) = (messages.len(), bytes * messages.len());
    if shared_bytes > SHARED_BYTES_MAX {
        return Err(BodyError::TooMuchShared { count, bytes });
    }
    Ok(Body { outer, messages: Messages::Batch(messages), shared_bytes })
}

#[derive(Default)]
struct Parts<'a> {
    outer: Members<'a>,
    batch: Option<List<'a>>,
}

struct Filling<'p, 'a>(&'p mut Parts<'a>);

impl<'a> Visitor<'a> for Filling<'_, 'a> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key::<Name<'a>>()? {
            if name.0 == "batch" {
                self.0.batch = Some(map.next_value_seed(Listing)?);
            } else {
                let value: &'a RawValue = map.next_value()?;
                self.0.outer.0.push((name.0, value.get()));
            }
        }
        Ok(())
    }
}

/// The values of a list: how many there are, and the first of them, as many as may be read.
struct List<'a> {
    first: Vec<&'a RawValue>,
    count: usize,
}

impl<'a> List<'a> {
    /// All of them, where they are no more than there may be.
    fn few(self) -> Result<Vec<&'a RawValue>, BodyError> {
        if self.count > MESSAGES_MAX { Err(BodyError::TooMany { count: self.count }) } else { Ok(self.first) }
    }
}

struct Listing;

impl<'a> DeserializeSeed<'a> for Listing {
    type Value = List<'a>;

    fn deserialize<D: serde::Deserializer<'a>>(self, json: D) -> Result<List<'a>, D::Error> {
        json.deserialize_seq(self)
    }
}

impl<'a> Visitor<'a> for Listing {
    type Value = List<'a>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'a>>(self, mut seq: A) -> Result<List<'a>, A::Error> {
        let mut first = Vec::new();
        while first.len() < MESSAGES_MAX {
            let Some(value) = seq.next_element()? else { break };
            first.push(value);
        }
        let mut count = first.len();
        while seq.next_element::<IgnoredAny>()?.is_some() {
            count += 1;
        }
        Ok(List { first, count })
    }
}
