//! Any JSON objects in a body, read as the charter's `sources:` say.
//!
//! An object is read by the code that reads files of JSON objects, as a file that holds nothing but it. So the same object
//! imported from a file is the same event, as long as its source says what cannot be seen in one object: the form of
//! times that may be read in two ways, and which member is the id. One difference remains: a text such as `"12"` becomes a
//! number here, and in a file only where all texts of its column are numbers.
//!
//! What is kept is the object as it came, with the name of the source: a changed charter reads it anew.

use charter::Charter;
use charter::sources::Glob;
use event::{Event, Timestamp};
use serde_json::value::RawValue;

use crate::guess::GuessError;
use crate::json::{self, Members};
use crate::jsonl;
use crate::limits::{ID_BYTES_MAX, MESSAGE_BYTES_MAX};
use crate::mapping::{Mapping, Role, TimeColumn};
use crate::plan::{Options, PlanError, ReadError};
use crate::segment::{Doubts, MessageError, members};
use crate::sink::{Reason, Rejection, Sink, Stop};
use crate::times::TimeFormat;

use super::envelope::{list, text};
use super::merge::kept;
use super::{Accepted, BodyError, Received, Receiver, Rejected};

/// The member under which the time of arrival is shown to the reader; no sender has a member of this name.
const ARRIVAL: &str = "\u{0}arrival";

/// The sources of a charter, as far as objects can be posted to them.
#[derive(Debug, Default)]
pub struct Sources(Vec<(Glob, Result<Options, String>)>);

/// Why no objects can be posted to a source.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SourceError {
    /// The charter has none of this name.
    #[error("the charter's `sources:` have none that is called `{name}`")]
    Unknown {
        /// The name.
        name: String,
    },
    /// It says too little, or something that needs more than one object.
    #[error("the charter's source `{name}` {what}")]
    NotForObjects {
        /// The name.
        name: String,
        /// What is missing, or too much.
        what: String,
    },
}

/// How the objects of one source become events.
#[derive(Debug, Clone, Copy)]
pub struct Source<'s> {
    name: &'s str,
    options: &'s Options,
}

impl Sources {
    /// The sources of a charter.
    pub fn of(charter: &Charter) -> Self {
        let options = |source: &charter::sources::SourceMap| {
            let map = Mapping::of_source(source, &charter.keys).map_err(|error| format!("is wrong: {error}"))?;
            if map.event.is_none() {
                return Err("does not say what happened: add `event:`".to_owned());
            }
            if map.keys.is_empty() {
                return Err("does not say whose it is: add a key, such as `user_id:`".to_owned());
            }
            if map.one_per.is_some() {
                return Err("makes one event of several rows (`one_per:`), which needs a file".to_owned());
            }
            let zone = source.timezone.clone().unwrap_or_else(|| charter.timezone.clone());
            Ok(Options { map, zone, ..Options::default() })
        };
        Self(charter.sources.iter().map(|source| (source.glob.clone(), options(source))).collect())
    }

    /// The source of this name: the first whose pattern fits it.
    ///
    /// # Errors
    /// When there is none, or objects cannot be posted to it.
    pub fn named<'s>(&'s self, name: &'s str) -> Result<Source<'s>, SourceError> {
        let found = self.0.iter().find(|(glob, _)| glob.matches(name));
        let (_, options) = found.ok_or_else(|| SourceError::Unknown { name: name.to_owned() })?;
        match options {
            Ok(options) => Ok(Source { name, options }),
            Err(what) => Err(SourceError::NotForObjects { name: name.to_owned(), what: what.clone() }),
        }
    }
}

/// A body of objects.
#[derive(Debug)]
pub struct Rows<'a>(Vec<&'a RawValue>);

impl<'a> Rows<'a> {
    /// Looks at a body, decompressed: an object, or a list of objects.
    ///
    /// # Errors
    /// When it is not JSON in UTF-8, neither of the two, or has more objects than it may.
    pub fn parse(body: &'a [u8]) -> Result<Self, BodyError> {
        let text = text(body)?;
        let not_json = |error: serde_json::Error| BodyError::NotJson { detail: error.to_string() };
        let whole: &RawValue = serde_json::from_str(text).map_err(not_json)?;
        let rows = match whole.get().as_bytes().first() {
            Some(b'{') => vec![whole],
            Some(b'[') => list(whole.get())?,
            _ => {
                return Err(BodyError::WrongForm { detail: "the body is neither a JSON object nor a list".to_owned() });
            }
        };
        Ok(Self(rows))
    }

    /// Hands every object to the receiver, in order: as an event, as two where it has a beginning and an end, or as
    /// rejected.
    ///
    /// # Errors
    /// When the receiver stops it.
    pub fn read(&self, source: Source<'_>, received: &Received<'_>, receiver: &mut dyn Receiver) -> Result<(), Stop> {
        let mut numbered = self.0.iter().enumerate();
        numbered
            .try_for_each(|(index, row)| read_one(index, Row { raw: row.get(), id: None }, source, received, receiver))
    }
}

/// One object, and its id where that does not stand in a member of its own.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row<'a> {
    pub(super) raw: &'a str,
    pub(super) id: Option<&'a str>,
}

/// Hands one object to the receiver.
pub(super) fn read_one(
    index: usize,
    row: Row<'_>,
    source: Source<'_>,
    received: &Received<'_>,
    receiver: &mut dyn Receiver,
) -> Result<(), Stop> {
    let mut part = 0;
    let read = check(row.raw).and_then(|()| {
        events(row.raw, source, received.at, &mut |event| {
            let id = row.id.map(|id| id_of(id, part));
            let text = text_of(row.raw, id.as_deref(), source, received, part);
            part += 1;
            let message_id = event.message_id.or(id.as_deref());
            let event = Event { source: event.source.or(received.source), message_id, ..*event };
            let (keys, doubts) = (event.keys, Doubts::default());
            receiver.accepted(&Accepted { index, text: &text, message_id, keys, event: Some(&event), doubts })
        })
    });
    read.or_else(|error| {
        let (reason, detail) = error.rejection()?;
        let (message_id, text) = (row.id, kept(row.raw, row.raw));
        receiver.rejected(&Rejected { index, message_id, reason, detail: &detail, text })
    })
}

/// Two events may not have one id: the second would be taken for a repetition of the first.
fn id_of(id: &str, part: usize) -> String {
    if part == 0 { id.to_owned() } else { format!("{id}#{part}") }
}

fn check(raw: &str) -> Result<(), MessageError> {
    if raw.len() <= MESSAGE_BYTES_MAX {
        return Ok(());
    }
    let detail = format!("{} bytes, and an object may have {MESSAGE_BYTES_MAX}", raw.len());
    Err(MessageError::Refused { reason: Reason::TooLarge, detail })
}

/// What is kept of an object, for one of its events.
fn text_of(raw: &str, id: Option<&str>, source: Source<'_>, received: &Received<'_>, part: usize) -> String {
    let mut out = String::new();
    let mut write = |name: &str, json: &str| {
        json::push_name(&mut out, name);
        out.push_str(json);
    };
    write("mapping", &json::quoted(source.name));
    if let Some(source) = received.source {
        write("source", &json::quoted(source));
    }
    if let Some(id) = id {
        write("messageId", &json::quoted(id));
    }
    if part > 0 {
        write("part", &part.to_string());
    }
    write("receivedAt", &json::quoted(&received.at.to_string()));
    write("row", raw);
    out.push('}');
    out
}

/// What is kept of an object begins like this.
pub(super) const BEGINS: &str = "{\"mapping\":";

/// Reads again what is kept of an object.
pub(super) fn replay(
    kept: &Members<'_>,
    row: &str,
    sources: &Sources,
    take: &mut dyn FnMut(&Event<'_>) -> Result<(), Stop>,
) -> Result<(), MessageError> {
    let refused = |detail: String| MessageError::Refused { reason: Reason::BadField, detail };
    let text = |name: &str| kept.get(name).and_then(json::text);
    let name = text("mapping").ok_or_else(|| refused("what was kept does not say by which source".to_owned()))?;
    let source = sources.named(&name).map_err(|error| refused(error.to_string()))?;
    let at = text("receivedAt").and_then(|at| at.parse::<jiff::Timestamp>().ok());
    let at = at.ok_or_else(|| refused("what was kept does not say when it arrived".to_owned()))?;
    let wanted = kept.get("part").map_or(Some(0), |part| part.parse::<usize>().ok());
    let [from, id] = ["source", "messageId"].map(text);
    let mut part = 0;
    events(row, source, Timestamp::from_micros(at.as_microsecond()), &mut |event| {
        let is_it = Some(part) == wanted;
        part += 1;
        let (source, message_id) = (event.source.or(from.as_deref()), event.message_id.or(id.as_deref()));
        if is_it { take(&Event { source, message_id, ..*event }) } else { Ok(()) }
    })
}

/// The events of one object. One that says no time happened when it arrived.
fn events(
    raw: &str,
    source: Source<'_>,
    arrival: Timestamp,
    take: &mut dyn FnMut(&Event<'_>) -> Result<(), Stop>,
) -> Result<(), MessageError> {
    let mut object = members(raw)?;
    let mut take = |event: &Event<'_>| take(&Event { received_at: event.received_at.or(Some(arrival)), ..*event });
    match read(&object, raw, source.options, &mut take) {
        Err(MessageError::Refused { reason: Reason::MissingTime, .. }) => {}
        other => return other,
    }
    let mut options = source.options.clone();
    let at = TimeColumn::of(ARRIVAL, Some(TimeFormat::YearFirst));
    (options.map.at, options.map.start, options.map.end) = (Some(at), None, None);
    let arrival = json::quoted(&arrival.to_string());
    object.set(ARRIVAL, &arrival);
    read(&object, raw, &options, &mut take)
}

fn read(
    object: &Members<'_>,
    raw: &str,
    options: &Options,
    take: &mut dyn FnMut(&Event<'_>) -> Result<(), Stop>,
) -> Result<(), MessageError> {
    let refused = |reason, detail| Err(MessageError::Refused { reason, detail });
    let plan = match jsonl::plan_one(object, options) {
        Ok(plan) => plan,
        Err(PlanError::Guess(error)) => {
            let reason = match &error {
                GuessError::NotFound { role: Role::At, .. } => Reason::MissingTime,
                GuessError::NotFound { .. } | GuessError::Mapping(_) => Reason::BadField,
                GuessError::Times { .. } => Reason::BadTime,
            };
            return refused(reason, in_a_source(&error));
        }
        Err(error) => return refused(Reason::BadField, error.to_string()),
    };
    if options.map.times().iter().all(|(_, time)| time.is_none()) && plan.notes.iter().any(|note| note.by_values) {
        return refused(Reason::MissingTime, "no member says by its name when it happened".to_owned());
    }
    for ((_, given), (_, found)) in options.map.times().iter().zip(plan.mapping.times()) {
        let said = given.is_some_and(|time| time.format.is_some());
        if let Some(TimeColumn { column, format: Some(TimeFormat::YearLast(_)), .. }) = found.filter(|_| !said) {
            let detail = format!("`{column}` may be read in two ways; add `format:` to the source");
            return refused(Reason::BadTime, detail);
        }
    }
    let mut passing = Passing { take, rejected: None };
    match jsonl::read_one(object, raw, &plan, &mut passing) {
        Ok(()) => passing.rejected.map_or(Ok(()), |(reason, detail)| refused(reason, detail)),
        Err(ReadError::Stopped(stop)) => Err(MessageError::Stopped(stop)),
        Err(error) => refused(Reason::BadField, error.to_string()),
    }
}

/// What is wrong, with what its source may say: who posts objects has no options to give.
fn in_a_source(error: &GuessError) -> String {
    match error {
        GuessError::Times { column, source, .. } if source.is_about_order() => {
            format!("`{column}` may be read in two ways; add `format: dmy` or `format: mdy` to the source")
        }
        GuessError::Times { role, column, source } => format!(
            "`{column}`: {source}; the source may say its form: `{role}: {{column: {column}, format: \"{}\"}}`",
            source.example_form()
        ),
        error => error.to_string(),
    }
}

/// Passes events on, and keeps the rejection.
struct Passing<'t> {
    take: &'t mut dyn FnMut(&Event<'_>) -> Result<(), Stop>,
    rejected: Option<(Reason, String)>,
}

impl Sink for Passing<'_> {
    fn event(&mut self, event: &Event<'_>) -> Result<(), Stop> {
        let Some(long) = event.keys.iter().find(|key| key.value.len() > ID_BYTES_MAX) else {
            return (self.take)(event);
        };
        let detail = format!("{} has {} bytes, and may have {ID_BYTES_MAX}", long.kind, long.value.len());
        self.rejected = Some((Reason::BadField, detail));
        Ok(())
    }

    fn reject(&mut self, rejection: &Rejection<'_>) -> Result<(), Stop> {
        self.rejected = Some((rejection.reason, rejection.detail.to_string()));
        Ok(())
    }
}

#[cfg(test)]
mod tests;
