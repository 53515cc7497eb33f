//! OCEL, the standard for object-centric event logs: events that touch several objects, as JSON, XML or `SQLite`.
//!
//! Source: Berti et al., "OCEL (Object-Centric Event Log) 2.0 Specification", 2023; files of version 1.0 are read too.
//! One type of objects is the customer. An event that touches several customers becomes one event for each, of which the
//! property `same_event` says that they are one; an event that touches none is nobody's. All objects are kept in the
//! property `objects`, with type and qualifier, so that journeys of other objects can be told from the events as they are
//! kept. The attributes of objects themselves are not part of any event, and the summary says so.
//!
//! References may point forwards, so a file is held in memory while it is read, up to a bound.
//!
//! Why not the readers of the crate `process_mining` 0.6: one event with an unreadable time makes the whole file
//! unreadable in its JSON and XML; a text between elements makes its XML reader panic; rows of `SQLite` that do not fit are
//! dropped without a word, in a random order; and naive times are taken for UTC whatever is asked for.

mod as_json;
mod as_sqlite;
mod as_xml;

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::Read;

use event::{Event, Key, Timestamp};
use hashbrown::HashMap;
use rapidhash::fast::RandomState;

use crate::json;
use crate::limits::OCEL_BYTES_MAX;
use crate::mapping::Kind;
use crate::plan::{Plan, ReadError};
use crate::sink::{Counting, Reason, Rejection, Sink, Stop, Summary, counted};
use crate::times::{Clock, Fault, TimeFormat};

pub(crate) use as_json::read_json;
pub(crate) use as_sqlite::read_sqlite;
pub(crate) use as_xml::read_xml;

/// Everything of a file, which has to fit the bound.
fn hold(mut input: impl Read) -> Result<Vec<u8>, ReadError> {
    let failed = |source| ReadError::from_io(source, &Summary::default());
    let mut bytes = Vec::new();
    input.by_ref().take(OCEL_BYTES_MAX).read_to_end(&mut bytes).map_err(failed)?;
    // Whether there is more is asked apart: one byte beyond the bound would double the room.
    if bytes.len() as u64 == OCEL_BYTES_MAX && input.take(1).read_to_end(&mut Vec::new()).map_err(failed)? > 0 {
        let what = format!(
            "an OCEL file may have {} MiB, because it is held in memory; this one is larger",
            OCEL_BYTES_MAX >> 20
        );
        return Err(ReadError::NotReadable { what });
    }
    Ok(bytes)
}

/// The objects of a file: which types there are, and which type each is of.
#[derive(Debug, Default)]
struct Objects<'a> {
    types: Vec<(Cow<'a, str>, u64)>,
    type_of: HashMap<Cow<'a, str>, usize, RandomState>,
    with_attributes: u64,
}

impl<'a> Objects<'a> {
    fn add(&mut self, id: Cow<'a, str>, type_name: Cow<'a, str>) {
        let at = self.types.iter().position(|(known, _)| *known == type_name).unwrap_or_else(|| {
            self.types.push((type_name, 0));
            self.types.len() - 1
        });
        // An object that is described twice is one object.
        if self.type_of.insert(id, at).is_none() {
            self.types[at].1 += 1;
        }
    }

    /// The type that is the customer: the one that is asked for, or the only one.
    fn customer(&self, asked: Option<&str>) -> Result<usize, ReadError> {
        let exact = |asked: &str| self.types.iter().position(|(name, _)| *name == asked);
        let loose = |asked: &str| self.types.iter().position(|(name, _)| name.eq_ignore_ascii_case(asked));
        let found = match (asked, self.types.len()) {
            (Some(asked), _) => exact(asked).or_else(|| loose(asked)),
            (None, 1) => Some(0),
            (None, _) => None,
        };
        found.ok_or_else(|| {
            let mut types: Vec<_> =
                self.types.iter().map(|(name, count)| (name.clone().into_owned(), *count)).collect();
            types.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
            ReadError::WhichCustomer { asked: asked.map(str::to_owned), types }
        })
    }
}

/// One event as a file has it.
#[derive(Debug, Default)]
struct Found<'a> {
    id: Cow<'a, str>,
    name: Cow<'a, str>,
    time: Cow<'a, str>,
    /// The ids of its objects, with qualifiers.
    objects: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    /// Its attributes: `{"a":1,"b":2`, or nothing.
    attributes: String,
}

/// Turns what is found into events of customers.
struct Emitter<'o, 's> {
    objects: &'o Objects<'o>,
    customer: usize,
    clock: Clock,
    sink: Counting<'s>,
    properties: String,
    message_id: String,
    shared: u64,
    /// Events that touch no customer.
    of_nobody: u64,
}

impl<'o, 's> Emitter<'o, 's> {
    fn new(objects: &'o Objects<'o>, plan: &Plan, sink: &'s mut dyn Sink) -> Result<Self, ReadError> {
        let customer = objects.customer(plan.customer.as_deref())?;
        let clock = Clock::new(plan.zone.clone());
        let sink = Counting::new(sink);
        let (properties, message_id) = (String::new(), String::new());
        Ok(Self { objects, customer, clock, sink, properties, message_id, shared: 0, of_nobody: 0 })
    }

    /// Hands an event to the sink, once for each of its customers, or as nobody's. `raw` is the event as it was read.
    fn take(&mut self, found: &Found<'_>, raw: &dyn Fn() -> Vec<u8>) -> Result<(), Stop> {
        match self.check(found) {
            Err((reason, detail)) => self.reject(reason, &detail, raw),
            Ok(at) => {
                self.sink.summary.rows += 1;
                self.emit(found, at, raw)
            }
        }
    }

    fn reject(&mut self, reason: Reason, detail: &str, raw: &dyn Fn() -> Vec<u8>) -> Result<(), Stop> {
        self.sink.summary.rows += 1;
        let (line, row) = (self.sink.summary.rows, raw());
        self.sink.reject(&Rejection { line, reason, detail: detail.into(), row: &row })
    }

    fn is_customer(&self, id: &str) -> bool {
        self.objects.type_of.get(id) == Some(&self.customer)
    }

    fn check(&mut self, found: &Found<'_>) -> Result<Timestamp, (Reason, String)> {
        if found.name.trim().is_empty() {
            return Err((Reason::MissingEvent, "the event has no type".to_owned()));
        }
        if let Some((id, _)) = found.objects.iter().find(|(id, _)| !self.objects.type_of.contains_key(id.as_ref())) {
            return Err((
                Reason::DanglingReference,
                format!("the event refers to object `{id}`, which is not in the file"),
            ));
        }
        if found.objects.iter().all(|(id, _)| id.trim().is_empty()) {
            return Err((Reason::MissingCustomer, "the event touches no object".to_owned()));
        }
        let text = found.time.trim();
        if text.is_empty() {
            return Err((Reason::MissingTime, "the event has no time".to_owned()));
        }
        let reading = TimeFormat::YearFirst.read(text).or_else(|fault| match fault {
            // Some exporters write dates as browsers show them.
            Fault::NotOfThisForm => TimeFormat::MonthName.read(text),
            other => Err(other),
        });
        reading.and_then(|reading| self.clock.moment(reading)).map_err(|fault| match fault {
            Fault::NotOfThisForm => (Reason::BadTime, format!("`{text}` is not a time of ISO 8601")),
            Fault::YearOutOfRange => (Reason::YearOutOfRange, format!("`{text}` is not within the years 1 to 9999")),
            Fault::Placeholder => (Reason::PlaceholderDate, format!("`{text}` stands for no date")),
        })
    }

    fn emit(&mut self, found: &Found<'_>, at: Timestamp, raw: &dyn Fn() -> Vec<u8>) -> Result<(), Stop> {
        let mut customers: Vec<&str> = Vec::new();
        for (id, _) in &found.objects {
            if self.is_customer(id) && !id.trim().is_empty() && !customers.contains(&id.as_ref()) {
                customers.push(id);
            }
        }
        self.properties.clear();
        self.properties.push_str(&found.attributes);
        self.write_objects(found);
        if customers.len() > 1 {
            self.shared += 1;
            self.write_same_event(found);
        }
        self.properties.push('}');
        if customers.is_empty() {
            self.of_nobody += 1;
            return self.sink.event(&Event {
                message_id: (!found.id.is_empty()).then_some(&found.id),
                properties: Some(&self.properties),
                ..Event::new(&found.name, at, &[])
            });
        }
        for customer in &customers {
            self.message_id.clear();
            self.message_id.push_str(&found.id);
            if customers.len() > 1 {
                // Two events may not have one id: the second would be taken for a repetition of the first.
                let _ = write!(self.message_id, "#{customer}");
            }
            let keys = [Key { kind: "user_id", value: customer }];
            let taken = self.sink.event(&Event {
                message_id: (!found.id.is_empty()).then_some(&self.message_id),
                properties: Some(&self.properties),
                ..Event::new(&found.name, at, &keys)
            });
            if let Err(stop) = taken {
                let (line, detail) = (self.sink.summary.rows, stop.names_nobody()?.detail.into());
                self.sink.reject(&Rejection { line, reason: Reason::JunkKey, detail, row: &raw() })?;
            }
        }
        Ok(())
    }

    /// Writes the objects of an event as a property.
    fn write_objects(&mut self, found: &Found<'_>) {
        let out = &mut self.properties;
        json::push_name(out, "objects");
        for (n, (id, qualifier)) in found.objects.iter().enumerate() {
            out.push(if n == 0 { '[' } else { ',' });
            let kind = self.objects.type_of.get(id).map_or("", |at| self.objects.types[*at].0.as_ref());
            let mut object = String::new();
            for (name, value) in [("id", id.as_ref()), ("type", kind), ("qualifier", qualifier.as_ref())] {
                if !value.is_empty() {
                    json::push_name(&mut object, name);
                    json::push_string(&mut object, value);
                }
            }
            out.push_str(&object);
            out.push('}');
        }
        out.push(']');
    }

    /// Says of an event that becomes several that they are one. Where the file says so itself, it is an export of ours.
    fn write_same_event(&mut self, found: &Found<'_>) {
        if found.attributes.contains("\"same_event\":") {
            return;
        }
        json::push_name(&mut self.properties, "same_event");
        match found.id.as_ref() {
            "" => json::push_string(&mut self.properties, &format!("row {}", self.sink.summary.rows)),
            id => json::push_string(&mut self.properties, id),
        }
    }

    fn finish(self) -> Summary {
        let mut summary = self.sink.summary;
        if self.shared > 0 {
            summary.warnings.push(format!(
                "{} once for each",
                counted(
                    self.shared,
                    "event touches several customers and counts",
                    "events touch several customers and count"
                )
            ));
        }
        if self.of_nobody > 0 {
            summary.warnings.push(format!(
                "{} no object of type `{}`: only journeys of other objects have them (`--of`)",
                counted(self.of_nobody, "event touches", "events touch"),
                self.objects.types[self.customer].0
            ));
        }
        if self.objects.with_attributes > 0 {
            summary.warnings.push(format!(
                "{} attributes of their own, which are not part of any event and were not kept",
                counted(self.objects.with_attributes, "object has", "objects have")
            ));
        }
        summary
    }
}

/// Which attributes are declared as numbers and truths, by type and name; in XML all values are texts.
#[derive(Debug, Default)]
struct Declared<'a>(HashMap<(Cow<'a, str>, Cow<'a, str>), Kind, RandomState>);

impl<'a> Declared<'a> {
    fn add(&mut self, type_name: Cow<'a, str>, attribute: Cow<'a, str>, kind: &str) {
        let kind = match kind {
            "integer" | "float" | "int" | "double" => Kind::Number,
            "boolean" | "bool" => Kind::Truth,
            _ => return,
        };
        self.0.insert((type_name, attribute), kind);
    }

    fn kind(&self, type_name: &str, attribute: &str) -> Kind {
        let key = (Cow::Borrowed(type_name), Cow::Borrowed(attribute));
        // The key's lifetime is that of the question; the map's own keys live longer.
        self.0.get(&key as &(Cow<'_, str>, Cow<'_, str>)).copied().unwrap_or_default()
    }
}

/// Adds an attribute to those of an event; blank ones are none.
fn push_attribute(out: &mut String, name: &str, text: &str, kind: Kind) {
    if text.is_empty() {
        return;
    }
    json::push_name(out, name);
    match kind {
        // Declared as a number, so it is none of the identifiers like `12e3` that undeclared texts may be.
        Kind::Number if json::is_number(text) || serde_json::from_str::<serde_json::Number>(text).is_ok() => {
            out.push_str(text);
        }
        Kind::Truth if matches!(text, "true" | "false") => out.push_str(text),
        _ => json::push_string(out, text),
    }
}

#[cfg(test)]
mod tests;
