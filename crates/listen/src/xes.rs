//! XES, the IEEE standard for event logs: traces of events with typed, nested attributes.
//!
//! Source: IEEE 1849-2016. The trace is the customer (key `case`), unless an attribute is said to be, as `customer` in a
//! log of tickets; then the trace is the case. Attributes without a role become properties under their own names, those
//! of the trace under `case:` and theirs, as pm4py names them. An attribute with attributes of its own becomes
//! `{"value": …, "attributes": {…}}`, a list an array of objects with one member, a container an object. What the log
//! says about itself (extensions, globals, classifiers, its attributes) comes with the summary as JSON. Globals are not
//! filled in: they say what an attribute without a value would be, and logs give times of 1970 there.
//!
//! Why not the reader of the crate `process_mining` 0.6: it holds whole traces (a trace of a million events took it 1.0 GB
//! where this one took 5 MB, at the same speed), takes naive times for UTC whatever is asked for, and turns values that it
//! cannot read into none without a word.

mod attributes;

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::io::Read;

use event::{Event, Key, Timestamp};
use quick_xml::events::{BytesStart, Event as XmlEvent};

use crate::json;
use crate::plan::{Plan, ReadError};
use crate::sink::{Counting, Reason, Rejection, Sink, Stop, Summary, counted};
use crate::times::{Clock, Fault, TimeFormat, zone_name};
use crate::xml::{self, Xml};

use attributes::Attributes;

/// Where in the log the reader is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Level {
    Outside,
    Log,
    Global,
    Trace,
    Event,
}

/// So many names of attributes are offered to whoever named one that is not there.
const NAMES_MAX: usize = 20;

/// The attributes that have a role in an event.
const ROLES: [&str; 6] =
    ["concept:name", "time:timestamp", "org:resource", "org:group", "lifecycle:transition", "identity:id"];

/// Reads events until the log ends.
pub(crate) fn read(input: impl Read, plan: &Plan, sink: &mut dyn Sink) -> Result<Summary, ReadError> {
    let mut counting = Counting::new(sink);
    let mut xml = Xml::new(input);
    let mut log = Log::new(plan);
    loop {
        let position = xml.position();
        let read = match xml.next(&counting.summary)? {
            XmlEvent::Start(element) => log.open(&element, false, &mut counting),
            XmlEvent::Empty(element) => log.open(&element, true, &mut counting),
            XmlEvent::End(element) => log.close(element.name().as_ref(), &mut counting).map_err(Failure::Stopped),
            XmlEvent::Eof => break,
            _ => Ok(()),
        };
        match read {
            Ok(()) => {}
            Err(Failure::Stopped(stop)) => return Err(stop.into()),
            Err(Failure::Xml(error)) => return Err(xml::broken(error, position, &counting.summary)),
            Err(Failure::What(what)) => {
                return Err(ReadError::Xml { position, what, events: counting.summary.events });
            }
        }
    }
    if !log.seen {
        return Err(ReadError::NotReadable { what: "the file has no <log>, so it is not XES".to_owned() });
    }
    if let Some(attribute) = plan.customer.as_ref().filter(|_| log.customers == 0 && counting.summary.rows > 0) {
        let known = std::mem::take(&mut log.names).into_iter().collect();
        return Err(ReadError::NoSuchAttribute { attribute: attribute.clone(), known });
    }
    let mut summary = counting.summary;
    summary.about = log.about();
    summary.naive = log.naive;
    if log.naive > 0 && log.naive < summary.rows {
        summary.warnings.push(format!(
            "{} taken in the time zone {}; others have one",
            counted(log.naive, "time has no offset and was", "times have no offset and were"),
            zone_name(&plan.zone)
        ));
    }
    Ok(summary)
}

/// Why an element cannot be taken in.
enum Failure {
    Stopped(Stop),
    Xml(quick_xml::Error),
    What(String),
}

impl From<quick_xml::Error> for Failure {
    fn from(error: quick_xml::Error) -> Self {
        Failure::Xml(error)
    }
}

struct Log<'p> {
    plan: &'p Plan,
    clock: Clock,
    level: Level,
    seen: bool,
    naive: u64,
    /// What the log says about itself.
    own: Attributes,
    globals: Vec<(String, String)>,
    global: Attributes,
    scope: String,
    extensions: Vec<String>,
    classifiers: Vec<String>,
    trace: Attributes,
    event: Attributes,
    properties: String,
    /// Events that had a value for the customer.
    customers: u64,
    /// The names of attributes, as long as no event had one.
    names: BTreeSet<String>,
}

impl<'p> Log<'p> {
    fn new(plan: &'p Plan) -> Self {
        let customer = plan.customer.as_deref();
        Self {
            plan,
            clock: Clock::new(plan.zone.clone()),
            level: Level::Outside,
            seen: false,
            naive: 0,
            own: Attributes::new(&[], ""),
            globals: Vec::new(),
            global: Attributes::new(&[], ""),
            scope: String::new(),
            extensions: Vec::new(),
            classifiers: Vec::new(),
            trace: Attributes::with_watched(&ROLES[..1], "case:", customer),
            event: Attributes::with_watched(&ROLES, "", customer),
            properties: String::new(),
            customers: 0,
            names: BTreeSet::new(),
        }
    }

    fn open(&mut self, element: &BytesStart<'_>, empty: bool, sink: &mut Counting<'_>) -> Result<(), Failure> {
        let name = element.name();
        match (self.level, name.as_ref()) {
            (Level::Outside, "log") => {
                self.seen = true;
                self.level = if empty { Level::Outside } else { Level::Log };
            }
            (Level::Outside, other) => return Err(Failure::What(format!("<{other}> where <log> was expected"))),
            (Level::Log, "extension") => self.extensions.push(flat(element, ["name", "prefix", "uri"])?),
            (Level::Log, "classifier") => self.classifiers.push(flat(element, ["name", "keys", "scope"])?),
            (Level::Log, "global") if !empty => {
                let [scope] = xml::attributes(element, ["scope"])?;
                self.scope = scope.map_or_else(|| "event".to_owned(), Cow::into_owned);
                self.global.clear();
                self.level = Level::Global;
            }
            (Level::Log, "trace") if !empty => {
                self.trace.clear();
                self.level = Level::Trace;
            }
            (Level::Log | Level::Trace, "event") => {
                if self.level == Level::Log {
                    self.trace.clear();
                }
                self.event.clear();
                if empty {
                    return self.emit(sink).map_err(Failure::Stopped);
                }
                self.event.outside_trace = self.level == Level::Log;
                self.level = Level::Event;
            }
            (Level::Log, _) => self.own.open(element, empty)?,
            (Level::Global, _) => self.global.open(element, empty)?,
            (Level::Trace, _) => self.trace.open(element, empty)?,
            (Level::Event, _) => self.event.open(element, empty)?,
        }
        Ok(())
    }

    fn close(&mut self, name: &str, sink: &mut Counting<'_>) -> Result<(), Stop> {
        match (self.level, name) {
            (Level::Log, "log") => self.level = Level::Outside,
            (Level::Global, "global") => {
                self.globals.push((std::mem::take(&mut self.scope), self.global.take()));
                self.level = Level::Log;
            }
            (Level::Trace, "trace") => self.level = Level::Log,
            (Level::Event, "event") => {
                self.level = if self.event.outside_trace { Level::Log } else { Level::Trace };
                self.emit(sink)?;
            }
            (Level::Log, _) => self.own.close(),
            (Level::Global, _) => self.global.close(),
            (Level::Trace, _) => self.trace.close(),
            (Level::Event, _) => self.event.close(),
            (Level::Outside, _) => {}
        }
        Ok(())
    }

    /// Hands the event that has just ended to the sink.
    fn emit(&mut self, sink: &mut Counting<'_>) -> Result<(), Stop> {
        sink.summary.rows += 1;
        let line = sink.summary.rows;
        self.properties.clear();
        self.properties.push_str(self.event.members());
        let of_trace = self.trace.members();
        if let (false, Some(more)) = (self.properties.is_empty(), of_trace.strip_prefix('{')) {
            self.properties.push(',');
            self.properties.push_str(more);
        } else {
            self.properties.push_str(of_trace);
        }
        if !self.properties.is_empty() {
            self.properties.push('}');
        }
        let at = match self.time() {
            Ok(at) => at,
            Err((reason, detail)) => return self.reject(line, reason, &detail, sink),
        };
        let [name, _, resource, group, phase, id] = ROLES.map(|role| self.event.get(role));
        let trace = self.trace.get(ROLES[0]);
        let customer = match &self.plan.customer {
            Some(attribute) => {
                self.event.watched().or(self.trace.watched()).ok_or(format!("no attribute `{attribute}`"))
            }
            None => trace.ok_or("the trace has no concept:name".to_owned()),
        };
        let value = match customer {
            Ok(value) => value,
            Err(detail) => {
                self.learn_names();
                return self.reject(line, Reason::MissingCustomer, &detail, sink);
            }
        };
        self.customers += 1;
        let Some(name) = name else {
            return self.reject(line, Reason::MissingEvent, "the event has no concept:name", sink);
        };
        let chosen = self.plan.customer.is_some();
        let keys = [Key { kind: if chosen { "user_id" } else { "case" }, value }];
        let taken = sink.event(&Event {
            message_id: id,
            resource,
            department: group,
            case_id: if chosen { trace } else { None },
            phase,
            properties: (!self.properties.is_empty()).then_some(&self.properties),
            ..Event::new(name, at, &keys)
        });
        match taken {
            Ok(()) => Ok(()),
            Err(stop) => self.reject(line, Reason::JunkKey, &stop.names_nobody()?.detail, sink),
        }
    }

    /// Which attributes there are, for whoever named one that is not: those of the first events.
    fn learn_names(&mut self) {
        if self.customers > 0 || self.names.len() >= NAMES_MAX {
            return;
        }
        let members: serde_json::Map<String, serde_json::Value> =
            serde_json::from_str(&self.properties).unwrap_or_default();
        let roles = ROLES.into_iter().filter(|role| self.event.get(role).is_some()).map(str::to_owned);
        self.names
            .extend(roles.chain(members.into_iter().map(|(name, _)| name.trim_start_matches("case:").to_owned())));
    }

    fn time(&mut self) -> Result<Timestamp, (Reason, String)> {
        let Some(text) = self.event.get(ROLES[1]) else {
            return Err((Reason::MissingTime, "the event has no time:timestamp".to_owned()));
        };
        let reading = TimeFormat::YearFirst.read(text);
        self.naive += u64::from(reading.is_ok_and(|reading| reading.offset_s.is_none()));
        reading.and_then(|reading| self.clock.moment(reading)).map_err(|fault| match fault {
            Fault::NotOfThisForm => (Reason::BadTime, format!("`{text}` is not a time of ISO 8601")),
            Fault::YearOutOfRange => (Reason::YearOutOfRange, format!("`{text}` is not within the years 1 to 9999")),
            Fault::Placeholder => (Reason::PlaceholderDate, format!("`{text}` stands for no date")),
        })
    }

    /// Rejects the event; XML has no rows, so what was read of it is written as JSON.
    fn reject(&self, line: u64, reason: Reason, detail: &str, sink: &mut Counting<'_>) -> Result<(), Stop> {
        let mut row = String::new();
        if let Some(trace) = self.trace.get(ROLES[0]) {
            json::push_name(&mut row, "case:concept:name");
            json::push_string(&mut row, trace);
        }
        for role in ROLES {
            if let Some(text) = self.event.get(role) {
                json::push_name(&mut row, role);
                json::push_string(&mut row, text);
            }
        }
        if !self.properties.is_empty() {
            json::push_name(&mut row, "properties");
            row.push_str(&self.properties);
        }
        row.push_str(if row.is_empty() { "{}" } else { "}" });
        sink.reject(&Rejection { line, reason, detail: detail.into(), row: row.as_bytes() })
    }

    /// What the log says about itself, as a JSON object.
    fn about(&mut self) -> Option<String> {
        let mut out = String::new();
        for (name, list) in [("extensions", &self.extensions), ("classifiers", &self.classifiers)] {
            if !list.is_empty() {
                json::push_name(&mut out, name);
                out.push('[');
                out.push_str(&list.join(","));
                out.push(']');
            }
        }
        for (scope, global) in &self.globals {
            json::push_name(&mut out, &format!("global_{scope}"));
            out.push_str(global);
        }
        let own = self.own.take();
        if own != "{}" {
            json::push_name(&mut out, "attributes");
            out.push_str(&own);
        }
        if out.is_empty() {
            return None;
        }
        out.push('}');
        Some(out)
    }
}

/// The XML attributes of an element as a JSON object.
fn flat(element: &BytesStart<'_>, names: [&str; 3]) -> Result<String, Failure> {
    let mut out = String::new();
    for (name, value) in names.iter().zip(xml::attributes(element, names)?) {
        if let Some(value) = value {
            json::push_name(&mut out, name);
            json::push_string(&mut out, &value);
        }
    }
    out.push_str(if out.is_empty() { "{}" } else { "}" });
    Ok(out)
}

#[cfg(test)]
mod tests;
