//! What was kept of a message, read again: as the event that it is, and as it looks to those who sent it.

use event::{Event, Key};

use crate::json::{self, Members};
use crate::segment::{self, Arrival, Doubts, Ids, Kind, MessageError, Taken, times};
use crate::sink::Stop;

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
    match row(&kept) {
        Some(row) => rows::replay(&kept, row, sources, take),
        None => event_of(&kept, &mut |event, _, _| event.map_or(Ok(()), &mut *take)),
    }
}

/// The row that was kept; messages have a type instead.
fn row<'a>(kept: &Members<'a>) -> Option<&'a str> {
    if kept.get("type").is_none() { kept.get("row") } else { None }
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
/// A row is shown as a track message with its name, time, user id, anonymous id, properties and traits.
///
/// # Errors
/// As [`replay`].
pub fn normalised(text: &str, sources: &Sources) -> Result<String, MessageError> {
    let message = segment::members(text)?;
    if row(&message).is_none() {
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
