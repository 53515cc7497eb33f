//! JSON objects: one per line, one after another over several lines, or in an array.
//!
//! Messages of the Segment API are told by their members and read by [`segment`](crate::segment). Other objects are
//! rows like any others: their members are columns, in any order, nested ones reached by `--map customer=user.id`.
//! Members that first appear far into a file are kept as properties too.

mod objects;
mod row;

use std::collections::BTreeMap;
use std::io::Read;

use event::Event;

use crate::cell::Cell;
use crate::guess::guess;
use crate::json::Members;
use crate::limits::{LINE_BYTES_KEPT, SAMPLE_ROWS};
use crate::mapping::{self, Kind, Mapping, Value};
use crate::plan::{Options, Plan, PlanError, ReadError};
use crate::rows::{Others, RowMapper};
use crate::segment::{self, Arrival, Taken};
use crate::sink::{Counting, Reason, Rejection, Sink, Stop, Summary, counted};
use crate::sniff::Format;
use crate::text::Encoding;

use objects::{Framing, Objects, Step};
use row::Row;

/// How the JSON objects of a file are laid out and what they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// Whether each line is an object; otherwise objects follow one another, perhaps in an array.
    pub lines: bool,
    /// Whether they are messages of the Segment API.
    pub segment: bool,
    /// Whether members that were not seen in the sample become properties too.
    pub others_to_properties: bool,
    /// Whether they become traits.
    pub others_to_traits: bool,
}

impl Shape {
    fn framing(self) -> Framing {
        if self.lines { Framing::Lines } else { Framing::Values }
    }
}

/// Finds out what the objects are, from the beginning of the file.
pub(crate) fn plan(plan: &mut Plan, text: &[u8], options: &Options) -> Result<(), PlanError> {
    let lines = first_line_is_whole(text);
    let is_rest = |members: &Option<mapping::Members>| *members == Some(mapping::Members::Rest);
    let others_to_traits = is_rest(&options.map.traits);
    let others_to_properties =
        is_rest(&options.map.properties) || (options.map.properties.is_none() && !others_to_traits);
    let mut shape = Shape { lines, segment: false, others_to_properties, others_to_traits };
    let texts = sample(text, shape.framing());
    let objects: Vec<Members<'_>> = texts.iter().filter_map(|text| Members::parse(text).ok()).collect();
    if objects.is_empty() {
        let first = String::from_utf8_lossy(text).lines().next().unwrap_or_default().chars().take(120).collect();
        return Err(PlanError::NoObject { line: first });
    }
    let messages = objects.iter().filter(|object| segment::is_message(object)).count();
    shape.segment = messages * 2 > objects.len() && only_literals(&options.map);
    plan.json = Some(shape);
    if shape.segment {
        plan.mapping = options.map.clone();
        return Ok(());
    }
    plan.columns = columns(&objects, &options.map);
    settle(plan, &objects, options)
}

/// Plans how to read an object that came by itself: as a file that holds nothing else, but what the mapping names may be
/// missing.
pub(crate) fn plan_one(object: &Members<'_>, options: &Options) -> Result<Plan, PlanError> {
    let shape = Shape { lines: false, segment: false, others_to_properties: false, others_to_traits: false };
    let mut plan = Plan {
        format: Format::Jsonl,
        encoding: Encoding::Utf8,
        layout: None,
        json: Some(shape),
        columns: columns(std::slice::from_ref(object), &options.map),
        mapping: Mapping::default(),
        notes: Vec::new(),
        zone: options.zone.clone(),
        customer: None,
    };
    for (_, column) in options.map.used() {
        if !plan.columns.iter().any(|known| known == column) {
            plan.columns.push(column.to_owned());
        }
    }
    settle(&mut plan, std::slice::from_ref(object), options)?;
    Ok(plan)
}

/// Reads an object that came by itself.
pub(crate) fn read_one(object: &Members<'_>, raw: &str, plan: &Plan, sink: &mut dyn Sink) -> Result<(), ReadError> {
    let mut mapper = RowMapper::new(&plan.mapping, &plan.columns, plan.zone.clone())?;
    let row = Row::of(object, &plan.columns);
    mapper.row(1, &row.cells(), &|| raw.as_bytes().to_vec(), sink)?;
    Ok(())
}

/// Finds out which column is what.
fn settle(plan: &mut Plan, objects: &[Members<'_>], options: &Options) -> Result<(), PlanError> {
    let rows: Vec<Row<'_>> = objects.iter().map(|object| Row::of(object, &plan.columns)).collect();
    let cells: Vec<Vec<Cell<'_>>> = rows.iter().map(Row::cells).collect();
    let mut guess = guess(&plan.columns, &cells, &options.map, options.dates)?;
    spread(&mut guess.mapping);
    (plan.mapping, plan.notes) = (guess.mapping, guess.notes);
    Ok(())
}

/// Whether nothing is said about the members of objects, only what the channel, the source or the department always is:
/// messages of the Segment API are then read as such, with these.
fn only_literals(map: &Mapping) -> bool {
    let literal = |value: &Option<Value>| value.as_ref().is_none_or(|value| matches!(value, Value::Literal(_)));
    let rest = Mapping { channel: None, source: None, department: None, ..map.clone() };
    rest == Mapping::default() && literal(&map.channel) && literal(&map.source) && literal(&map.department)
}

/// The text that a role always has.
fn fixed(value: Option<&Value>) -> Option<&str> {
    match value {
        Some(Value::Literal(text)) => Some(text),
        _ => None,
    }
}

/// Whether the first line is an object by itself.
fn first_line_is_whole(text: &[u8]) -> bool {
    let first = text.split(|b| *b == b'\n').find(|line| !line.iter().all(u8::is_ascii_whitespace)).unwrap_or_default();
    std::str::from_utf8(first).is_ok_and(|line| Members::parse(line).is_ok())
}

fn sample(text: &[u8], framing: Framing) -> Vec<String> {
    let mut objects = Objects::new(text, framing);
    let mut texts = Vec::new();
    while texts.len() < SAMPLE_ROWS {
        match objects.step() {
            Ok(Step::Object { .. }) => texts.extend(std::str::from_utf8(objects.raw()).ok().map(str::to_owned)),
            Ok(Step::Bad { .. }) => {}
            Ok(Step::End) | Err(_) => break,
        }
    }
    texts
}

/// The members of all objects, in the order in which they first appear, and the nested ones that the mapping names.
fn columns(objects: &[Members<'_>], given: &Mapping) -> Vec<String> {
    let mut order: BTreeMap<&str, usize> = BTreeMap::new();
    for (name, _) in objects.iter().flat_map(|object| &object.0) {
        let next = order.len();
        order.entry(name).or_insert(next);
    }
    let mut names: Vec<(&str, usize)> = order.into_iter().collect();
    names.sort_by_key(|(_, at)| *at);
    let mut columns: Vec<String> = names.into_iter().map(|(name, _)| name.to_owned()).collect();
    for (_, path) in given.used() {
        let begins = |column: &String| path.strip_prefix(column.as_str()).is_some_and(|rest| rest.starts_with('.'));
        if !columns.iter().any(|column| column == path) && columns.iter().any(begins) {
            columns.push(path.to_owned());
        }
    }
    columns
}

/// A member called `properties` that is an object is not a property, but all of them; likewise `traits`.
fn spread(mapping: &mut Mapping) {
    let mapping::Members::Only(properties) = mapping.properties.get_or_insert(mapping::Members::Only(Vec::new()))
    else {
        return;
    };
    let is_traits = |member: &mut mapping::Member| member.name == "traits";
    let moved: Vec<_> = properties.extract_if(.., is_traits).collect();
    if !moved.is_empty()
        && let mapping::Members::Only(traits) = mapping.traits.get_or_insert(mapping::Members::Only(Vec::new()))
        && !traits.iter_mut().any(is_traits)
    {
        traits.extend(moved);
    }
    for (name, members) in [("properties", &mut mapping.properties), ("traits", &mut mapping.traits)] {
        let Some(mapping::Members::Only(members)) = members else { continue };
        for member in members.iter_mut().filter(|member| member.name == name) {
            member.kind = Kind::Members;
        }
    }
}

/// Reads objects until the input ends.
pub(crate) fn read(input: impl Read, plan: &Plan, sink: &mut dyn Sink) -> Result<Summary, ReadError> {
    let shape =
        plan.json.unwrap_or(Shape { lines: true, segment: false, others_to_properties: true, others_to_traits: false });
    let mut reader = Reader {
        mapper: if shape.segment {
            None
        } else {
            Some(RowMapper::new(&plan.mapping, &plan.columns, plan.zone.clone())?)
        },
        plan,
        shape,
        unreadable_times: 0,
        from_the_future: 0,
        others: String::new(),
    };
    let mut counting = Counting::new(sink);
    let mut objects = Objects::new(input, shape.framing());
    let ended = loop {
        match objects.step() {
            Err(error) => break Err(error),
            Ok(Step::End) => break Ok(()),
            Ok(Step::Object { line }) => {
                counting.summary.rows += 1;
                reader.object(line, objects.raw(), &mut counting)?;
            }
            Ok(Step::Bad { line, reason, detail }) => {
                counting.summary.rows += 1;
                let row = objects.raw();
                let row = row.get(..row.len().min(LINE_BYTES_KEPT)).unwrap_or(row);
                counting.reject(&Rejection { line, reason, detail: detail.into(), row })?;
            }
        }
    };
    if let Some(mapper) = &mut reader.mapper {
        mapper.finish(&mut counting)?;
    }
    let mut summary = counting.summary;
    summary.naive = reader.mapper.as_ref().map_or(0, RowMapper::naive);
    summary.warnings.extend(reader.warnings());
    ended.map_err(|source| ReadError::from_io(source, &summary))?;
    Ok(summary)
}

struct Reader<'p> {
    plan: &'p Plan,
    shape: Shape,
    mapper: Option<RowMapper>,
    unreadable_times: u64,
    from_the_future: u64,
    others: String,
}

impl Reader<'_> {
    fn object(&mut self, line: u64, raw: &[u8], sink: &mut Counting<'_>) -> Result<(), Stop> {
        let reject = |sink: &mut Counting<'_>, reason, detail: String| {
            sink.reject(&Rejection { line, reason, detail: detail.into(), row: raw })
        };
        let Ok(text) = std::str::from_utf8(raw) else {
            let detail = "the text is not UTF-8; if the file is in another encoding, give --encoding";
            return reject(sink, Reason::BadEncoding, detail.to_owned());
        };
        let Some(mapper) = &mut self.mapper else { return self.message(line, text, sink) };
        let members = match Members::parse(text) {
            Ok(members) => members,
            Err(_) if memchr::memchr(0, raw).is_some() => {
                return reject(sink, Reason::NulByte, "the line contains a NUL byte".to_owned());
            }
            Err(error) if error.is_data() => return reject(sink, Reason::NotAnObject, "not a JSON object".to_owned()),
            Err(error) => return reject(sink, Reason::BadJson, error.to_string()),
        };
        let row = Row::of(&members, &self.plan.columns);
        self.others.clear();
        let Shape { others_to_properties, others_to_traits, .. } = self.shape;
        if others_to_properties || others_to_traits {
            row.write_others(&members, &mut self.others);
        }
        let others = Others {
            properties: if others_to_properties { &self.others } else { "" },
            traits: if others_to_traits { &self.others } else { "" },
        };
        mapper.row_with_others(line, &row.cells(), others, &|| raw.to_vec(), sink)
    }

    fn message(&mut self, line: u64, text: &str, sink: &mut Counting<'_>) -> Result<(), Stop> {
        let map = &self.plan.mapping;
        let [channel, source, department] =
            [&map.channel, &map.source, &map.department].map(|value| fixed(value.as_ref()));
        let mut take = |event: &Event<'_>| {
            sink.event(&Event {
                channel: channel.or(event.channel),
                source: source.or(event.source),
                department: department.or(event.department),
                ..*event
            })
        };
        match segment::message(text, Arrival::Recorded, &mut take) {
            Ok(Taken::Event(doubts)) => {
                self.unreadable_times += u64::from(doubts.unreadable_time);
                self.from_the_future += u64::from(doubts.from_the_future);
                Ok(())
            }
            Ok(Taken::Nothing) => {
                *sink.summary.passed_over.entry("alias to itself".to_owned()).or_default() += 1;
                Ok(())
            }
            Err(error) => {
                let (reason, detail) = error.rejection()?;
                sink.reject(&Rejection { line, reason, detail: detail.into(), row: text.as_bytes() })
            }
        }
    }

    fn warnings(&self) -> Vec<String> {
        let mut warnings = self.mapper.as_ref().map(RowMapper::warnings).unwrap_or_default();
        if self.unreadable_times > 0 {
            let messages = counted(self.unreadable_times, "message has", "messages have");
            warnings.push(format!("{messages} a time that cannot be read; another one was used"));
        }
        if self.from_the_future > 0 {
            let messages = counted(self.from_the_future, "message was", "messages were");
            warnings.push(format!("{messages} dated after the arrival and set to it"));
        }
        warnings
    }
}

#[cfg(test)]
mod tests;
