//! What was kept of a message, read again: as the event that it is, and as it looks to those who sent it.

use std::borrow::Cow;

use event::{Event, Key, Timestamp};

use crate::json::{self, Members};
use crate::segment::{self, Arrival, Doubts, Ids, Kind, MessageError, Taken, times};
use crate::sink::{Reason, Stop};

use super::rows::{self, Sources};

/// Reads the text that was kept of a message ([`Accepted::text`](super::Accepted::text)): the event is the one that was
/// handed out with it, to the bit. Rows are read by the sources of the charter as it is now.
///
/// # Errors
/// When the text is not one that was kept, or its source is no longer there; when `take` stops the reading.
pub fn replay(
    text: &str,
    sources: &Sources,
    take: &mut dyn FnMut(&Event<'_>) -> Result<(), Stop>,
) -> Result<(), MessageError> {
    let kept = segment::members(text)?;
    if let Some(event) = imported(&kept) {
        return read_imported(event, take);
    }
    match row(&kept) {
        Some(row) => rows::replay(&kept, row, sources, take),
        None => event_of(&kept, &mut |event, _, _| event.map_or(Ok(()), &mut *take)),
    }
}

/// The row that was kept; messages have a type instead.
fn row<'a>(kept: &Members<'a>) -> Option<&'a str> {
    if kept.get("type").is_none() { kept.get("row") } else { None }
}

/// The member under which an event stands that did not come as a message.
const IMPORTED: &str = "imported";

/// What is kept of such an event begins like this.
const IMPORTED_BEGINS: &str = "{\"imported\":{\"at_us\":";

/// Whether what is kept is an event that did not come as a message. A message may begin like one: it has a type.
pub fn is_imported(kept: &str) -> bool {
    kept.starts_with(IMPORTED_BEGINS) && segment::members(kept).is_ok_and(|kept| imported(&kept).is_some())
}

/// Whether what is kept is an object, of which the charter says how it is read. A message may begin like one: it has a type.
pub fn is_row(kept: &str) -> bool {
    kept.starts_with(rows::BEGINS) && segment::members(kept).is_ok_and(|kept| row(&kept).is_some())
}

/// The event that was imported; messages have a type instead.
fn imported<'a>(kept: &Members<'a>) -> Option<&'a str> {
    if kept.get("type").is_none() { kept.get(IMPORTED) } else { None }
}

/// The text that is kept of an event that did not come as a message, such as one of a file: [`replay`] gives it again.
pub fn record(event: &Event<'_>) -> String {
    let mut out = format!("{IMPORTED_BEGINS}{}", event.at.as_micros());
    let mut write = |name: &str, json: Option<&str>| {
        if let Some(json) = json {
            json::push_name(&mut out, name);
            out.push_str(json);
        }
    };
    write("received_us", event.received_at.map(|at| at.as_micros().to_string()).as_deref());
    let texts = [
        ("event", Some(event.event)),
        ("message_id", event.message_id),
        ("source", event.source),
        ("channel", event.channel),
        ("resource", event.resource),
        ("department", event.department),
        ("case_id", event.case_id),
        ("phase", event.phase),
    ];
    for (name, text) in texts {
        write(name, text.map(json::quoted).as_deref());
    }
    let keys = event.keys.iter().map(|key| format!("[{},{}]", json::quoted(key.kind), json::quoted(key.value)));
    write("keys", Some(&format!("[{}]", keys.collect::<Vec<_>>().join(","))));
    write("properties", event.properties);
    write("traits", event.traits);
    out.push_str("}}");
    out
}

fn read_imported(raw: &str, take: &mut dyn FnMut(&Event<'_>) -> Result<(), Stop>) -> Result<(), MessageError> {
    let refused = |what: &str| MessageError::Refused { reason: Reason::BadField, detail: what.to_owned() };
    let kept = segment::members(raw)?;
    let text = |name: &str| kept.get(name).and_then(json::text);
    let time = |name: &str| kept.get(name).and_then(|us| us.parse().ok()).map(Timestamp::from_micros);
    let at = time("at_us").ok_or_else(|| refused("what was kept does not say when it happened"))?;
    let name = text("event").ok_or_else(|| refused("what was kept does not say what happened"))?;
    let keys: Vec<(Cow<'_, str>, Cow<'_, str>)> =
        serde_json::from_str(kept.get("keys").unwrap_or("[]")).map_err(|_| refused("what was kept has no keys"))?;
    let keys: Vec<Key<'_>> = keys.iter().map(|(kind, value)| Key { kind, value }).collect();
    let [message_id, source, channel, resource, department, case_id, phase] =
        ["message_id", "source", "channel", "resource", "department", "case_id", "phase"].map(text);
    take(&Event {
        received_at: time("received_us"),
        message_id: message_id.as_deref(),
        source: source.as_deref(),
        channel: channel.as_deref(),
        resource: resource.as_deref(),
        department: department.as_deref(),
        case_id: case_id.as_deref(),
        phase: phase.as_deref(),
        properties: kept.get("properties"),
        traits: kept.get("traits"),
        ..Event::new(&name, at, &keys)
    })
    .map_err(MessageError::from)
}

type Take<'t> = dyn FnMut(Option<&Event<'_>>, &[Key<'_>], Doubts) -> Result<(), Stop> + 't;

/// The event of what is kept of a message; `None` for one that says nothing, with the keys of whose it is.
pub(super) fn event_of(merged: &Members<'_>, take: &mut Take<'_>) -> Result<(), MessageError> {
    let source = merged.get("source").and_then(json::text);
    let taken = segment::read(merged, Arrival::Recorded, &mut |event, doubts| {
        take(Some(&Event { source: source.as_deref(), ..*event }), event.keys, doubts)
    })?;
    if taken == Taken::Nothing {
        let ids = Ids::of(merged, Kind::Alias)?;
        let value = ids.user.as_deref().expect("an alias without a user is refused");
        take(None, &[Key { kind: "user_id", value }], Doubts::default())?;
    }
    Ok(())
}

/// A kept message as its sender would write it, with everything that its type may have: a JSON object with `messageId`,
/// `type`, `event`, `name`, `category`, `userId`, `anonymousId`, `groupId`, `previousId`, `properties`, `traits`, `context`,
/// `integrations`, `originalTimestamp`, `sentAt`, `receivedAt` and `timestamp`.
///
/// Identifiers are texts, and `null` where there is none; `timestamp` is when it happened, corrected by the sender's
/// clock; the traits of an identify are those of its context too.
///
/// A row, or what was imported, is shown as a track message with its name, time, user id, anonymous id, properties and traits.
///
/// # Errors
/// As [`replay`].
pub fn normalised(text: &str, sources: &Sources) -> Result<String, MessageError> {
    let message = segment::members(text)?;
    if row(&message).is_none() && imported(&message).is_none() {
        return normal(&message);
    }
    let mut out = String::new();
    replay(text, sources, &mut |event| {
        out = as_message(event);
        Ok(())
    })?;
    normal(&segment::members(&out)?)
}

/// An event as a message that says the same.
fn as_message(event: &Event<'_>) -> String {
    let mut out = String::from("{\"type\":\"track\"");
    let mut write = |name: &str, json: Option<&str>| {
        if let Some(json) = json {
            json::push_name(&mut out, name);
            out.push_str(json);
        }
    };
    let text = |text: Option<&str>| text.map(json::quoted);
    let key = |kind: &str| text(event.keys.iter().find(|key| key.kind == kind).map(|key| key.value));
    write("event", text(Some(event.event)).as_deref());
    write("messageId", text(event.message_id).as_deref());
    write("userId", key("user_id").as_deref());
    write("anonymousId", key("anonymous_id").as_deref());
    write("properties", event.properties);
    write("traits", event.traits);
    write("timestamp", Some(&json::quoted(&event.at.to_string())));
    write("receivedAt", event.received_at.map(|at| json::quoted(&at.to_string())).as_deref());
    out.push('}');
    out
}

fn normal(message: &Members<'_>) -> Result<String, MessageError> {
    let kind = Kind::of(message)?;
    let ids = Ids::of(message, kind)?;
    let context = segment::object(message, "context")?;
    // An alias of a person to itself is kept whatever its other members are.
    let mut traits = segment::object(message, "traits").unwrap_or_default();
    if kind == Kind::Identify {
        traits = traits.over(&segment::object(&context, "traits")?);
    }
    let at = times::read(message, Arrival::Recorded)?.0.at;
    let mut out = String::new();
    let mut write = |name: &str, json: Option<&str>| {
        json::push_name(&mut out, name);
        out.push_str(json.unwrap_or("null"));
    };
    let text = |text: Option<&str>| text.map(json::quoted);
    let [message_id, group] = ["messageId", "groupId"].map(|name| message.get(name).and_then(json::identifier));
    write("messageId", text(message_id.as_deref()).as_deref());
    write("type", Some(&json::quoted(kind.name())));
    for name in ["event", "name", "category"] {
        write(name, message.get(name));
    }
    write("userId", text(ids.user.as_deref()).as_deref());
    write("anonymousId", text(ids.anonymous.as_deref()).as_deref());
    write("groupId", text(group.as_deref()).as_deref());
    write("previousId", text(ids.previous.as_deref()).as_deref());
    write("properties", Some(message.get("properties").unwrap_or("{}")));
    write("traits", Some(&traits.to_json()));
    write("context", Some(&context.to_json()));
    write("integrations", Some(message.get("integrations").unwrap_or("{}")));
    let received_at = message.get("receivedAt");
    let original = message.get("originalTimestamp").or_else(|| message.get("timestamp")).or(received_at);
    write("originalTimestamp", original);
    write("sentAt", message.get("sentAt"));
    write("receivedAt", received_at);
    write("timestamp", Some(&json::quoted(&at.to_string())));
    out.push('}');
    Ok(out)
}
