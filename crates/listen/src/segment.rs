//! Messages of the Segment API, as SDKs send them and as archives keep them.
//!
//! Source: Segment, "Spec: Common Fields" and "HTTP Tracking API"; `RudderStack`'s variations of it. The live API and
//! the import of files read a message by the same function, [`message`], so that an archive gives the same events.
//!
//! Kept are the identifiers, times, properties, traits, context and the fields that belong to the type. `integrations`,
//! `_metadata`, `writeKey` and `version` are about the delivery of the message; they, and top-level fields that the API
//! does not define, are not kept.

pub(crate) mod times;

use std::borrow::Cow;

use event::{Event, Key, Timestamp};

use crate::json::{self, Members};
use crate::sink::{Reason, Stop};

/// When a message arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival {
    /// Just now; what the message says about its arrival is not trusted.
    At(Timestamp),
    /// As the message says; it comes from an archive.
    Recorded,
}

/// What a message was taken for, beside its event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Doubts {
    /// A time in it was not readable and counts as absent.
    pub unreadable_time: bool,
    /// Its time was more than an hour ahead of its arrival and was set to the arrival.
    pub from_the_future: bool,
}

/// What came out of one message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// An event.
    Event(Doubts),
    /// Nothing, because it says nothing: an alias of a person to itself.
    Nothing,
}

/// Why a message cannot be an event.
#[derive(Debug, thiserror::Error)]
pub enum MessageError {
    /// The message itself is wrong.
    #[error("{reason}: {detail}")]
    Refused {
        /// Why.
        reason: Reason,
        /// What exactly is wrong.
        detail: String,
    },
    /// Whoever takes the event in stops the reading.
    #[error(transparent)]
    Stopped(#[from] Stop),
}

impl MessageError {
    /// Why the message is rejected; a receiver that knows that its keys name nobody rejects it too.
    pub(crate) fn rejection(self) -> Result<(Reason, String), Stop> {
        match self {
            MessageError::Refused { reason, detail } => Ok((reason, detail)),
            MessageError::Stopped(stop) => Ok((Reason::JunkKey, stop.names_nobody()?.detail)),
        }
    }
}

fn refused<T>(reason: Reason, detail: impl Into<String>) -> Result<T, MessageError> {
    Err(MessageError::Refused { reason, detail: detail.into() })
}

/// What a message says, by its `type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Somebody did something.
    Track,
    /// Who somebody is, and what is known of them.
    Identify,
    /// Somebody saw a page.
    Page,
    /// Somebody saw a screen of an app.
    Screen,
    /// Somebody belongs to a group, such as a company.
    Group,
    /// Two identifiers are one person's.
    Alias,
}

impl Kind {
    /// All of them, with the names by which `type` says them.
    pub const NAMED: [(&'static str, Kind); 6] = [
        ("track", Kind::Track),
        ("identify", Kind::Identify),
        ("page", Kind::Page),
        ("screen", Kind::Screen),
        ("group", Kind::Group),
        ("alias", Kind::Alias),
    ];

    /// The name by which `type` says it.
    pub fn name(self) -> &'static str {
        Self::NAMED.iter().find(|(_, known)| *known == self).map_or("?", |(name, _)| name)
    }

    pub(crate) fn of(message: &Members<'_>) -> Result<Self, MessageError> {
        let name = message.get("type").and_then(json::text).unwrap_or_default();
        let found = Self::NAMED.iter().find(|(known, _)| known.eq_ignore_ascii_case(&name));
        match found {
            Some((_, kind)) => Ok(*kind),
            None if name.is_empty() => refused(Reason::UnknownType, "the message has no `type`"),
            None => {
                refused(Reason::UnknownType, format!("`{name}` is not track, identify, page, screen, group or alias"))
            }
        }
    }
}

/// Whether an object is a message of the Segment API rather than any other: it has a type of it, and an identifier.
pub(crate) fn is_message(object: &Members<'_>) -> bool {
    let ids = ["userId", "anonymousId", "previousId"].iter().any(|name| object.get(name).is_some());
    ids && Kind::of(object).is_ok()
}

/// Reads one message, the text of a JSON object, and hands its event to `take`.
///
/// Names of events: what `track` says; `Page Viewed`, `Screen Viewed`, `Identified`, `Group Joined`, `Aliased`.
///
/// # Errors
/// When the message cannot be an event, with the reason; when `take` stops the reading.
pub fn message(
    text: &str,
    arrival: Arrival,
    take: &mut dyn FnMut(&Event<'_>) -> Result<(), Stop>,
) -> Result<Taken, MessageError> {
    read(&members(text)?, arrival, &mut |event, _| take(event))
}

/// The members of a message.
pub(crate) fn members(text: &str) -> Result<Members<'_>, MessageError> {
    match Members::parse(text) {
        Ok(message) => Ok(message),
        Err(error) if error.is_data() => refused(Reason::NotAnObject, "the message is not a JSON object"),
        Err(error) => refused(Reason::BadJson, error.to_string()),
    }
}

/// As [`message`], from the members of one; `take` is told the doubts too.
pub(crate) fn read(
    message: &Members<'_>,
    arrival: Arrival,
    take: &mut dyn FnMut(&Event<'_>, Doubts) -> Result<(), Stop>,
) -> Result<Taken, MessageError> {
    let kind = Kind::of(message)?;
    let context = object(message, "context")?;
    let name = name(message, kind)?;
    let Ids { user, mut anonymous, previous } = Ids::of(message, kind)?;
    if kind == Kind::Group && id(message, "groupId")?.is_none() {
        return refused(Reason::BadField, "a group message needs groupId");
    }
    if kind == Kind::Alias {
        if user.is_none() || previous.is_none() {
            return refused(Reason::MissingCustomer, "an alias needs userId and previousId");
        }
        if user == previous {
            return Ok(Taken::Nothing);
        }
        // The older identifier is nearly always the anonymous one.
        anonymous = previous;
    }
    // A group is a company; what visitors of one browser do for it says nothing about who they are.
    if kind == Kind::Group && user.is_some() {
        anonymous = None;
    }
    let mut keys = [Key { kind: "", value: "" }; 2];
    let mut count = 0;
    for (kind, value) in [("user_id", &user), ("anonymous_id", &anonymous)] {
        if let Some(value) = value {
            keys[count] = Key { kind, value };
            count += 1;
        }
    }
    if count == 0 && context.get("cloudevent").is_some() {
        return refused(Reason::MissingCustomer, "the event has no `subject`");
    }
    if count == 0 {
        return refused(Reason::MissingCustomer, "neither userId nor anonymousId has a value");
    }
    let (when, doubts) = times::read(message, arrival)?;
    let properties = properties(message, &context, kind)?;
    let traits = traits(message, &context, kind)?;
    let channel = context.get("channel").or_else(|| message.get("channel")).and_then(json::text);
    let message_id = id(message, "messageId")?;
    let event = Event {
        received_at: when.received_at,
        channel: channel.as_deref(),
        message_id: message_id.as_deref(),
        properties: (!properties.is_empty()).then_some(&properties),
        traits: (!traits.is_empty()).then_some(&traits),
        ..Event::new(&name, when.at, &keys[..count])
    };
    take(&event, doubts)?;
    Ok(Taken::Event(doubts))
}

/// The identifiers of a message.
#[derive(Debug)]
pub(crate) struct Ids<'a> {
    pub(crate) user: Option<Cow<'a, str>>,
    pub(crate) anonymous: Option<Cow<'a, str>>,
    pub(crate) previous: Option<Cow<'a, str>>,
}

impl<'a> Ids<'a> {
    pub(crate) fn of(message: &Members<'a>, kind: Kind) -> Result<Self, MessageError> {
        let [user, anonymous, previous] = ["userId", "anonymousId", "previousId"].map(|field| id(message, field));
        let mut ids = Self { user: user?, anonymous: anonymous?, previous: previous? };
        if kind == Kind::Alias {
            // The names that the two had once.
            ids.user = ids.user.or(id(message, "to")?);
            ids.previous = ids.previous.or(id(message, "from")?);
        }
        Ok(ids)
    }
}

fn name<'a>(message: &Members<'a>, kind: Kind) -> Result<Cow<'a, str>, MessageError> {
    Ok(match kind {
        Kind::Track => match message.get("event").and_then(json::identifier) {
            Some(name) => name,
            None => return refused(Reason::MissingEvent, "a track message needs an event"),
        },
        Kind::Identify => "Identified".into(),
        Kind::Page => "Page Viewed".into(),
        Kind::Screen => "Screen Viewed".into(),
        Kind::Group => "Group Joined".into(),
        Kind::Alias => "Aliased".into(),
    })
}

/// An identifier: a text or a number; `null` and blank ones count as absent.
pub(crate) fn id<'a>(message: &Members<'a>, field: &str) -> Result<Option<Cow<'a, str>>, MessageError> {
    match message.get(field) {
        Some(value) if value.starts_with(['{', '[', 't', 'f']) => {
            refused(Reason::BadField, format!("{field} is neither a text nor a number"))
        }
        value => Ok(value.and_then(json::identifier)),
    }
}

/// A member that has to be an object; an absent one is empty.
pub(crate) fn object<'a>(message: &Members<'a>, field: &str) -> Result<Members<'a>, MessageError> {
    match message.get(field) {
        None => Ok(Members::default()),
        Some(value) => match Members::parse(value) {
            Ok(members) => Ok(members),
            Err(_) => refused(Reason::BadField, format!("{field} is not an object")),
        },
    }
}

/// The properties, with the fields of the message that have no place of their own.
fn properties(message: &Members<'_>, context: &Members<'_>, kind: Kind) -> Result<String, MessageError> {
    // With room for the context, which mostly comes to it.
    let room = ["properties", "context"].map(|name| message.get(name).map_or(0, str::len));
    let mut out = String::with_capacity(room.iter().sum::<usize>() + 16);
    let given = object(message, "properties")?;
    json::push_members(&mut out, &given, &[]);
    let named: &[&str] = match kind {
        Kind::Page | Kind::Screen => &["name", "category"],
        Kind::Group => &["groupId"],
        _ => &[],
    };
    for field in named {
        if let (Some(value), None) = (message.get(field), given.get(field)) {
            json::push_name(&mut out, field);
            out.push_str(value);
        }
    }
    if kind == Kind::Group
        && let Some(traits) = message.get("traits")
    {
        json::push_name(&mut out, "traits");
        out.push_str(traits);
    }
    let mut rest = String::with_capacity(room[1]);
    // The traits in the context are taken as the traits of the event.
    json::push_members(&mut rest, context, &["traits"]);
    if !rest.is_empty() && given.get("context").is_none() {
        rest.push('}');
        json::push_name(&mut out, "context");
        out.push_str(&rest);
    }
    if !out.is_empty() {
        out.push('}');
    }
    Ok(out)
}

/// What the message says about the customer: `context.traits`, overlaid by `traits`.
fn traits(message: &Members<'_>, context: &Members<'_>, kind: Kind) -> Result<String, MessageError> {
    let mut out = String::new();
    let own = object(message, "traits")?;
    // The traits of a group are about the group.
    let own = if kind == Kind::Group { Members::default() } else { own };
    json::push_members(&mut out, &own.over(&object(context, "traits")?), &[]);
    if !out.is_empty() {
        out.push('}');
    }
    Ok(out)
}

#[cfg(test)]
mod tests;
