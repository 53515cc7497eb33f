//! What the clients of `PostHog` send, as a batch of the Segment API.
//!
//! `uuid` is the id of the message, `distinct_id` its user, or its anonymous id where `$is_identified` is false; `$identify`
//! and `$set` identify, `$create_alias` is an alias, `$pageview` a page, `$screen` a screen, `$groupidentify` a group; all
//! else is tracked.
//!
//! Source: `PostHog`, "Capture and batch API endpoints", and what its clients send.

use std::borrow::Cow;

use event::Timestamp;
use serde_json::value::RawValue;

use crate::json::{self, Members};
use crate::segment::times;

use super::BodyError;
use super::envelope::{list, text, wrong};

/// How far from the arrival the time of sending may be that stands in an address: a day, in milliseconds.
const ADDRESS_MS_OFF_MAX: u64 = 86_400_000;

/// A body of `PostHog` (one event, a list of events, or a `batch` of them) as a body of a batch, with its key as write key. It
/// arrives at `arrival`; `sent_ms` is when it was sent by its sender's clock, in milliseconds since 1970, where the address says
/// so and the body does not. From then, or the arrival, the `offset` of an event counts back, which clients in browsers write in
/// the place of a time.
///
/// # Errors
/// When the body is not JSON in UTF-8, of another form, or has more events than it may.
///
/// ```
/// let body = br#"{"api_key":"k","batch":[{"event":"Seen","distinct_id":"ann","uuid":"1"}]}"#;
/// let batch = listen::intake::from_posthog(body, None, event::Timestamp::from_micros(0))?;
/// assert_eq!(batch, r#"{"writeKey":"k","batch":[{"type":"track","event":"Seen","messageId":"1","userId":"ann"}]}"#);
/// # Ok::<(), listen::intake::BodyError>(())
/// ```
pub fn from_posthog(body: &[u8], sent_ms: Option<i64>, arrival: Timestamp) -> Result<String, BodyError> {
    let arrival_ms = arrival.as_micros() / 1_000;
    // What is further off is no such time: seconds, or a number against caches.
    let sent_ms = sent_ms.filter(|sent| sent.abs_diff(arrival_ms) <= ADDRESS_MS_OFF_MAX);
    let body = text(body)?;
    let outer = if body.trim_start().starts_with('[') {
        Members::default()
    } else {
        Members::parse(body).map_err(|error| wrong(&error))?
    };
    let listed = if outer.0.is_empty() { Some(body) } else { outer.get("batch").or_else(|| outer.get("data")) };
    let events: Vec<&RawValue> = match listed {
        Some(listed) if listed.trim_start().starts_with('[') => list(listed)?,
        Some(_) => return Err(BodyError::WrongForm { detail: "`batch` is not a list".to_owned() }),
        None => vec![serde_json::from_str(body).map_err(|error| BodyError::NotJson { detail: error.to_string() })?],
    };
    let mut out = String::new();
    let inner = events.first().and_then(|event| Members::parse(event.get()).ok());
    let inner_key = inner.as_ref().and_then(|event| key(event).or_else(|| key(&object(event, "properties"))));
    if let Some(key) = key(&outer).or(inner_key) {
        json::push_name(&mut out, "writeKey");
        out.push_str(key);
    }
    let told = outer.get("sent_at").or_else(|| outer.get("sentAt")).map(Cow::Borrowed);
    let sent_at = told.or_else(|| sent_ms.map(|sent| Cow::Owned(time(sent))));
    if let Some(sent_at) = &sent_at {
        json::push_name(&mut out, "sentAt");
        out.push_str(sent_at);
    }
    // From where the time of an event is corrected, too.
    let sent = sent_at.and_then(|sent_at| times::moment(&sent_at).ok());
    let from_ms = sent.map_or(arrival_ms, |sent| sent.as_micros() / 1_000);
    json::push_name(&mut out, "batch");
    for (n, event) in events.iter().enumerate() {
        out.push(if n == 0 { '[' } else { ',' });
        out.push_str(&message(event.get(), from_ms));
    }
    out.push_str(if events.is_empty() { "[]}" } else { "]}" });
    Ok(out)
}

/// The key that stands in an object.
fn key<'a>(object: &Members<'a>) -> Option<&'a str> {
    object.get("api_key").or_else(|| object.get("token"))
}

fn object<'a>(of: &Members<'a>, name: &str) -> Members<'a> {
    of.get(name).and_then(|text| Members::parse(text).ok()).unwrap_or_default()
}

/// A count of milliseconds since 1970 as JSON of a time.
fn time(ms: i64) -> String {
    json::quoted(&Timestamp::from_micros(ms * 1_000).to_string())
}

/// An event as a message, its `offset` counted back from a time; what is no object stays as it is, and is rejected as such.
fn message(event: &str, from_ms: i64) -> Cow<'_, str> {
    let Ok(event) = Members::parse(event) else { return Cow::Borrowed(event) };
    let properties = object(&event, "properties");
    let name = event.get("event").and_then(json::text).unwrap_or_default();
    let kind = match name.as_ref() {
        "$identify" | "$set" => "identify",
        "$create_alias" => "alias",
        "$groupidentify" => "group",
        "$pageview" => "page",
        "$screen" => "screen",
        _ => "track",
    };
    let mut out = String::new();
    let mut write = |name: &str, value: Option<&str>| {
        if let Some(value) = value {
            json::push_name(&mut out, name);
            out.push_str(value);
        }
    };
    write("type", Some(&json::quoted(kind)));
    write("event", event.get("event").filter(|_| kind == "track"));
    write("messageId", event.get("uuid"));
    let who = event.get("distinct_id").or_else(|| properties.get("distinct_id"));
    let anonymous = properties.get("$is_identified") == Some("false");
    write(if anonymous { "anonymousId" } else { "userId" }, who);
    let set = event.get("$set").or_else(|| properties.get("$set"));
    match kind {
        "identify" => {
            write("anonymousId", properties.get("$anon_distinct_id").filter(|_| !anonymous));
            write("traits", set);
        }
        "alias" => write("previousId", properties.get("alias")),
        "group" => {
            write("groupId", properties.get("$group_key"));
            write("traits", properties.get("$group_set"));
        }
        "screen" => write("name", properties.get("$screen_name")),
        _ => {}
    }
    let offset = event.get("offset").and_then(|offset| offset.parse().ok());
    let before = offset.filter(|offset| (0..=from_ms).contains(offset)).map(|offset: i64| time(from_ms - offset));
    write("timestamp", event.get("timestamp").or(before.as_deref()));
    write("properties", event.get("properties").filter(|_| !properties.0.is_empty()));
    let library = properties.get("$lib").map(|name| {
        let version = properties.get("$lib_version").unwrap_or("null");
        format!("{{\"library\":{{\"name\":{name},\"version\":{version}}}}}")
    });
    write("context", library.as_deref());
    out.push('}');
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::super::tests::Desk;
    use super::super::{Body, Endpoint, Received};
    use super::*;
    use crate::limits::MESSAGES_MAX;

    fn posthog(body: &[u8]) -> Result<String, BodyError> {
        from_posthog(body, None, Timestamp::from_micros(0))
    }

    fn check(event: &str, expected: &str) {
        assert_eq!(message(event, 0), expected);
    }

    #[test]
    fn each_kind_of_event() {
        check(r#"{"event":"$pageview","distinct_id":7}"#, r#"{"type":"page","userId":7}"#);
        check(
            r#"{"event":"$identify","distinct_id":"ann","$set":{"plan":"x"},"properties":{"$anon_distinct_id":"a1"}}"#,
            r#"{"type":"identify","userId":"ann","anonymousId":"a1","traits":{"plan":"x"},"properties":{"$anon_distinct_id":"a1"}}"#,
        );
        check(
            r#"{"event":"$create_alias","distinct_id":"ann","properties":{"alias":"old"}}"#,
            r#"{"type":"alias","userId":"ann","previousId":"old","properties":{"alias":"old"}}"#,
        );
        check(
            r#"{"event":"$groupidentify","distinct_id":"ann","properties":{"$group_key":"g","$group_set":{"a":1}}}"#,
            r#"{"type":"group","userId":"ann","groupId":"g","traits":{"a":1},"properties":{"$group_key":"g","$group_set":{"a":1}}}"#,
        );
        check(
            r#"{"event":"Seen","distinct_id":"x","properties":{"$is_identified":false,"$lib":"web"},"timestamp":"t"}"#,
            r#"{"type":"track","event":"Seen","anonymousId":"x","timestamp":"t","properties":{"$is_identified":false,"$lib":"web"},"context":{"library":{"name":"web","version":null}}}"#,
        );
        check("7", "7");
    }

    #[test]
    fn each_form_of_a_body() {
        let event = r#"{"event":"Seen","distinct_id":"x","properties":{"token":"k"}}"#;
        let seen = r#"[{"type":"track","event":"Seen","userId":"x","properties":{"token":"k"}}]"#;
        let with_key = format!(r#"{{"writeKey":"k","batch":{seen}}}"#);
        assert_eq!(posthog(event.as_bytes()).as_deref(), Ok(with_key.as_str()));
        assert_eq!(posthog(format!("[{event}]").as_bytes()).as_deref(), Ok(with_key.as_str()));
        let batch = format!(r#"{{"api_key":"j","sent_at":"t","batch":[{event}]}}"#);
        let expected = format!(r#"{{"writeKey":"j","sentAt":"t","batch":{seen}}}"#);
        assert_eq!(posthog(batch.as_bytes()), Ok(expected));
        assert_eq!(posthog(b"[]").as_deref(), Ok(r#"{"batch":[]}"#));
        for wrong in [&b"7"[..], b"{\"batch\":7}", b"{", b"\xff", b""] {
            assert!(posthog(wrong).is_err(), "{wrong:?}");
        }
        let many = format!("[{}]", vec!["1"; MESSAGES_MAX + 1].join(","));
        for many in [format!("{{\"batch\":{many}}}"), many] {
            assert_eq!(posthog(many.as_bytes()), Err(BodyError::TooMany { count: MESSAGES_MAX + 1 }));
        }
    }

    #[test]
    fn a_time_is_counted_back_from_where_it_is_corrected() {
        let at = |time: &str| Timestamp::parse(time, &jiff::tz::TimeZone::UTC).expect("a time");
        let (arrival, ahead) = (at("2026-11-30T08:02"), at("2026-11-30T10:02"));
        let read = |sent_at: &str, sent: Option<i64>, when: &str| {
            let body = format!(r#"{{{sent_at}"event":"Seen","distinct_id":"x","uuid":"1",{when}}}"#);
            let batch = from_posthog(body.as_bytes(), sent, arrival).expect("a body");
            let mut desk = Desk::default();
            let received = Received { at: arrival, source: None, peer: None };
            let batch = Body::parse(batch.as_bytes(), Endpoint::Batch).expect("a batch");
            batch.read(&received, &mut desk).expect("nobody stops it");
            desk.events.concat().chars().take("2026-11-30T08:01:00Z".len()).collect::<String>()
        };
        let (offset, six) = (r#""offset":60000"#, r#""timestamp":"2026-11-30T06:00:00Z""#);
        // A clock that is two hours ahead, or behind, by what the body says, or the address.
        for sent_at in [r#""sent_at":"2026-11-30T10:02:00Z","#, r#""sent_at":"2026-11-30T06:02:00Z","#, ""] {
            assert_eq!(read(sent_at, None, offset), "2026-11-30T08:01:00Z", "{sent_at}");
        }
        let sent = Some(ahead.as_micros() / 1_000);
        assert_eq!(read("", sent, offset), "2026-11-30T08:01:00Z");
        assert_eq!(read("", sent, six), "2026-11-30T04:00:00Z");
        // In seconds, or no time at all.
        for none in [ahead.as_micros() / 1_000_000, 1, -1, i64::MIN, i64::MAX] {
            assert_eq!(read("", Some(none), offset), "2026-11-30T08:01:00Z", "{none}");
            assert_eq!(read("", Some(none), six), "2026-11-30T06:00:00Z", "{none}");
        }
    }
}
