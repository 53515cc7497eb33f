//! `CloudEvents` 1.0 in a body: one as JSON, many as a JSON list, or one in the headers with its data as the body.
//!
//! Each becomes a message of the Segment API, so that it is kept, read and shown like those: `type` is its event, `subject`
//! its user, `time` its time, `data` its properties; all other attributes are in `context.cloudevent`. Its identity is
//! `source` and `id` together, and so is the id of the message. Where the charter's `sources:` have one that is called as
//! the event's `source`, this says how it is read instead, as of any other JSON object: `user_id: data.customer.id`.
//!
//! Source: `CloudEvents` 1.0.2, "JSON Event Format" and "HTTP Protocol Binding".

use std::borrow::Cow;

use rapidhash::v3::{RapidSecrets, rapidhash_v3_seeded};
use serde_json::value::RawValue;

use crate::json::{self, Members};
use crate::sink::Stop;

use super::envelope::{list, text};
use super::merge::{Merging, Shared};
use super::rows::{self, Row, Sources};
use super::{BodyError, Received, Receiver};

/// The attributes that have a place in a message of their own, or none.
const PLACED: [&str; 6] = ["specversion", "type", "subject", "time", "data", "data_base64"];

/// `CloudEvents` that are of the right form.
#[derive(Debug)]
pub struct CloudEvents<'a>(Vec<One<'a>>);

#[derive(Debug)]
struct One<'a> {
    /// As JSON.
    text: Cow<'a, str>,
    source: String,
    /// The id of its message.
    id: String,
    /// As a message of the Segment API.
    message: String,
}

impl<'a> CloudEvents<'a> {
    /// Looks at a request, decompressed, with its headers by name. Which form it has, its content type says.
    ///
    /// # Errors
    /// When the content type is that of no form, [`BodyError::UnknownForm`]. When the body is not of its form, or any of
    /// the events lacks one of `id`, `source`, `type` or is of another version: nothing of a batch is taken then.
    pub fn parse(headers: &[(&str, &[u8])], body: &'a [u8]) -> Result<Self, BodyError> {
        let header = |name: &str| headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, v)| *v);
        let content_type = header("content-type").map(String::from_utf8_lossy).unwrap_or_default();
        let media = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let unknown = || BodyError::UnknownForm { content_type: content_type.clone().into_owned() };
        let begins = |prefix: &str| media.strip_prefix(prefix).map(|format| format.is_empty() || format == "+json");
        let events = match (begins("application/cloudevents-batch"), begins("application/cloudevents")) {
            (Some(true), _) => batch(text(body)?)?,
            (None, Some(true)) => vec![one(0, Cow::Borrowed(text(body)?))?],
            (None, None) if header("ce-specversion").is_some() => {
                vec![one(0, Cow::Owned(event_of(headers, &content_type, &media, body)?))?]
            }
            _ => return Err(unknown()),
        };
        Ok(Self(events))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Hands every event to the receiver, in order, each exactly once; as two, where the charter says that it has a beginning
    /// and an end.
    ///
    /// # Errors
    /// When the receiver stops it.
    pub fn read(&self, sources: &Sources, received: &Received<'_>, receiver: &mut dyn Receiver) -> Result<(), Stop> {
        let mut merging = Merging::new(None, Shared::default(), received);
        self.0.iter().enumerate().try_for_each(|(index, event)| match sources.named(&event.source) {
            Ok(source) => {
                let row = Row { raw: &event.text, id: Some(&event.id) };
                rows::read_one(index, row, source, received, receiver)
            }
            Err(_) => merging.message(index, &event.message, receiver),
        })
    }
}

fn batch(text: &str) -> Result<Vec<One<'_>>, BodyError> {
    let events = if text.trim_start().starts_with('[') {
        list(text)?
    } else {
        let _: &RawValue =
            serde_json::from_str(text).map_err(|error| BodyError::NotJson { detail: error.to_string() })?;
        return Err(BodyError::WrongForm { detail: "a batch of events is a JSON list".to_owned() });
    };
    events.iter().enumerate().map(|(at, event)| one(at, Cow::Borrowed(event.get()))).collect()
}

/// An event, with what it is as a message.
fn one(at: usize, json: Cow<'_, str>) -> Result<One<'_>, BodyError> {
    let wrong = |detail: String| Err(BodyError::WrongForm { detail: format!("event {at}: {detail}") });
    let event = match Members::parse(&json) {
        Ok(event) => event,
        Err(error) if error.is_data() => return wrong("it is not a JSON object".to_owned()),
        Err(error) => return Err(BodyError::NotJson { detail: error.to_string() }),
    };
    let text = |name: &str| event.get(name).and_then(json::text).filter(|text| !text.is_empty());
    let version = text("specversion").unwrap_or_default();
    if version != "1.0" {
        return wrong(format!("specversion is `{version}`, and 1.0 is understood"));
    }
    let [id, source, kind] = ["id", "source", "type"].map(text);
    let (Some(id), Some(source), Some(kind)) = (id, source, kind) else {
        return wrong("it needs id, source and type, each a text".to_owned());
    };
    let id = message_id(&source, &id);
    let (message, source) = (message(&event, &kind, &id), source.into_owned());
    Ok(One { source, id, message, text: json })
}

/// An event as a message of the Segment API.
fn message(event: &Members<'_>, kind: &str, id: &str) -> String {
    let mut out = String::new();
    let mut write = |name: &str, json: &str| {
        json::push_name(&mut out, name);
        out.push_str(json);
    };
    write("type", "\"track\"");
    write("event", &json::quoted(kind));
    write("messageId", &json::quoted(id));
    for (name, attribute) in [("userId", "subject"), ("timestamp", "time")] {
        if let Some(value) = event.get(attribute) {
            write(name, value);
        }
    }
    if let Some(properties) = properties(event) {
        write("properties", &properties);
    }
    let mut others = String::new();
    for (name, value) in event.0.iter().filter(|(name, value)| !PLACED.contains(&name.as_ref()) && *value != "null") {
        json::push_name(&mut others, name);
        others.push_str(value);
    }
    write("context", &format!("{{\"cloudevent\":{others}}}}}"));
    out.push('}');
    out
}

/// The data of an event; what is no object is one member.
fn properties<'a>(event: &Members<'a>) -> Option<Cow<'a, str>> {
    let (name, data) = match event.get("data") {
        Some(data) if data.starts_with('{') => return Some(Cow::Borrowed(data)),
        Some(data) => ("data", data),
        None => ("data_base64", event.get("data_base64")?),
    };
    Some(Cow::Owned(format!("{{\"{name}\":{data}}}")))
}

/// One id for both parts of the identity: 128 bits, so that no two events have the same by chance.
fn message_id(source: &str, id: &str) -> String {
    // The length tells where one part ends.
    let identity = format!("{}:{source}{id}", source.len());
    let half = |seed| rapidhash_v3_seeded(identity.as_bytes(), &RapidSecrets::seed(seed));
    format!("ce~{:016x}{:016x}", half(1), half(2))
}

/// An event in headers, as one in JSON.
fn event_of(headers: &[(&str, &[u8])], content_type: &str, media: &str, body: &[u8]) -> Result<String, BodyError> {
    let mut out = String::new();
    for (name, value) in headers {
        let prefix = name.get(..3).filter(|prefix| prefix.eq_ignore_ascii_case("ce-"));
        let Some(attribute) = prefix.and_then(|_| name.get(3..)) else { continue };
        let attribute = attribute.to_ascii_lowercase();
        if ["data", "data_base64", "datacontenttype"].contains(&attribute.as_str()) {
            continue;
        }
        let Some(value) = header_text(value) else {
            return Err(BodyError::WrongForm { detail: format!("the header {name} is not UTF-8") });
        };
        json::push_name(&mut out, &attribute);
        json::push_string(&mut out, &value);
    }
    if !content_type.is_empty() {
        json::push_name(&mut out, "datacontenttype");
        json::push_string(&mut out, content_type);
    }
    let is_json = ["", "application/json", "text/json"].contains(&media) || media.ends_with("+json");
    if body.is_empty() {
    } else if is_json {
        let data: &RawValue =
            serde_json::from_str(text(body)?).map_err(|error| BodyError::NotJson { detail: error.to_string() })?;
        json::push_name(&mut out, "data");
        out.push_str(data.get());
    } else if let (true, Ok(data)) = (media.starts_with("text/"), std::str::from_utf8(body)) {
        json::push_name(&mut out, "data");
        json::push_string(&mut out, data);
    } else {
        json::push_name(&mut out, "data_base64");
        json::push_string(&mut out, &base64(body));
    }
    out.push('}');
    Ok(out)
}

/// The text of a header: quotes around it and escapes inside of them are taken off once, then percent signs are decoded
/// once; `None` if that is not UTF-8.
fn header_text(value: &[u8]) -> Option<String> {
    let value = value.trim_ascii();
    let quoted = value.len() > 1 && value.starts_with(b"\"") && value.ends_with(b"\"");
    let inner = if quoted { &value[1..value.len() - 1] } else { value };
    let mut bytes = Vec::with_capacity(inner.len());
    let mut rest = inner.iter();
    while let Some(byte) = rest.next() {
        let escaped = if quoted && *byte == b'\\' { rest.next() } else { None };
        bytes.push(*escaped.unwrap_or(byte));
    }
    let hex = |at: usize| bytes.get(at).and_then(|byte| char::from(*byte).to_digit(16));
    let (mut out, mut at) = (Vec::with_capacity(bytes.len()), 0);
    while let Some(byte) = bytes.get(at) {
        if let (b'%', Some(high), Some(low)) = (byte, hex(at + 1), hex(at + 2)) {
            out.push(u8::try_from(high * 16 + low).expect("two hexadecimal digits are a byte"));
            at += 3;
        } else {
            out.push(*byte);
            at += 1;
        }
    }
    String::from_utf8(out).ok()
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for three in bytes.chunks(3) {
        let word = three.iter().fold(0, |word, byte| word << 8 | usize::from(*byte)) << (8 * (3 - three.len()));
        for digit in 0..4 {
            let shown = digit <= three.len();
            out.push(if shown { char::from(DIGITS[word >> (18 - 6 * digit) & 63]) } else { '=' });
        }
    }
    out
}

#[cfg(test)]
mod tests;
