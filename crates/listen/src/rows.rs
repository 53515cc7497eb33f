//! Rows of a table into events: the one place where that happens, whatever format the table had.
//!
//! A row costs no allocation: texts are borrowed from the cells, typed values are written into buffers that stay, and
//! the properties are written as JSON text directly.

mod collected;
mod groups;
mod slots;

use std::ops::Range;

use event::{Event, Key, Timestamp};
use jiff::tz::TimeZone;

use crate::cell::Cell;
use crate::limits::KEYS_MAX;
use crate::mapping::{Mapping, MappingError, Members, Role};
use crate::sink::{Reason, Rejection, Sink, Stop, counted};
use crate::times::{Clock, Fault, zone_name};

use groups::Groups;
use slots::{MemberSlot, Slot, TimeSlot, write_members};

/// Turns the rows of one table into events.
///
/// ```
/// # use listen::{Cell, Mapping, Rejection, RowMapper, Sink, Stop};
/// # use event::Event;
/// struct Names(Vec<String>);
/// impl Sink for Names {
///     fn event(&mut self, event: &Event<'_>) -> Result<(), Stop> {
///         Ok(self.0.push(format!("{} of {} at {}", event.event, event.keys[0].value, event.at)))
///     }
///     fn reject(&mut self, rejection: &Rejection<'_>) -> Result<(), Stop> {
///         Ok(self.0.push(rejection.reason.to_string()))
///     }
/// }
/// let mapping = Mapping::parse_map("event='Order',customer=who,at=when")?;
/// let columns = ["who".to_owned(), "when".to_owned()];
/// let mut rows = RowMapper::new(&mapping, &columns, jiff::tz::TimeZone::UTC)?;
/// let mut names = Names(Vec::new());
/// rows.row(1, &[Cell::Int(7), Cell::Text("2026-03-02 09:00")], &Vec::new, &mut names)?;
/// rows.row(2, &[Cell::Empty, Cell::Text("2026-03-02 09:00")], &Vec::new, &mut names)?;
/// rows.finish(&mut names)?;
/// assert_eq!(names.0, ["Order of 7 at 2026-03-02T09:00:00Z", "missing-customer"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct RowMapper {
    columns: usize,
    texts: [Option<Slot>; 8],
    keys: Vec<(String, Slot)>,
    at: Option<TimeSlot>,
    start: Option<TimeSlot>,
    end: Option<TimeSlot>,
    received_at: Option<TimeSlot>,
    properties: Vec<MemberSlot>,
    traits: Vec<MemberSlot>,
    unknown: Vec<String>,
    clock: Clock,
    /// The name of the zone in which times without an offset are taken.
    zone: String,
    groups: Option<Groups>,
    buffers: Buffers,
    seen: Seen,
}

/// Memory that every row uses again.
#[derive(Debug, Default)]
struct Buffers {
    text: String,
    properties: String,
    traits: String,
    message_id: String,
}

/// What a reader of the summary should know about the times of the table.
#[derive(Debug, Default)]
struct Seen {
    naive: u64,
    with_offset: u64,
    open_ends: u64,
    left_out: u64,
}

/// A text of the row: borrowed, or written into the buffer.
#[derive(Debug, Clone, Default)]
enum Piece<'a> {
    #[default]
    Nothing,
    Borrowed(&'a str),
    Written(Range<usize>),
}

impl<'a> Piece<'a> {
    fn text(&self, buffer: &'a str) -> Option<&'a str> {
        match self {
            Piece::Nothing => None,
            Piece::Borrowed(text) => Some(text),
            Piece::Written(range) => buffer.get(range.clone()),
        }
    }
}

/// Further members of an object, as its properties and traits: `{"a":1,"b":2`, or nothing.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Others<'a> {
    pub(crate) properties: &'a str,
    pub(crate) traits: &'a str,
}

/// Why the row cannot be an event.
struct Refusal {
    reason: Reason,
    detail: String,
}

/// When the event of a row happened: once, or as the two ends of an activity.
#[derive(Clone, Copy)]
struct When {
    at: Option<Timestamp>,
    start: Option<Timestamp>,
    end: Option<Timestamp>,
    received_at: Option<Timestamp>,
}

impl RowMapper {
    /// Resolves a mapping against the columns of a table. Naive times are taken in `zone`.
    ///
    /// # Errors
    /// When a column does not exist, when nothing is mapped to the event, the customer or the time, and when parts of
    /// the mapping contradict each other.
    pub fn new(mapping: &Mapping, columns: &[String], zone: TimeZone) -> Result<Self, MappingError> {
        check(mapping, columns)?;
        let mut mapping = mapping.clone();
        mapping.settle_times(columns);
        mapping.settle_members(columns);
        let text_roles = mapping.texts();
        let mut texts = [const { None }; 8];
        for (place, (role, value)) in texts.iter_mut().zip(text_roles) {
            *place = value.map(|value| Slot::new(value, &role, columns)).transpose()?;
        }
        let key =
            |(kind, value): &(String, _)| Ok((kind.clone(), Slot::new(value, &Role::Key(kind.clone()), columns)?));
        let [at, start, end, received_at] = mapping.times().map(|(role, time)| TimeSlot::new(time, &role, columns));
        let properties = MemberSlot::all(Members::named(mapping.properties.as_ref()), &Role::Properties, columns)?;
        let traits = MemberSlot::all(Members::named(mapping.traits.as_ref()), &Role::Traits, columns)?;
        let one_per =
            mapping.one_per.as_ref().map(|column| slots::position(column, &Role::OnePer, columns)).transpose()?;
        Ok(Self {
            columns: columns.len(),
            texts,
            keys: mapping.keys.iter().map(key).collect::<Result<_, MappingError>>()?,
            at: at?,
            start: start?,
            end: end?,
            received_at: received_at?,
            groups: one_per.map(|column| Groups::new(column, properties.clone(), traits.clone())),
            properties,
            traits,
            unknown: mapping.unknown.clone(),
            zone: zone_name(&zone),
            clock: Clock::new(zone),
            buffers: Buffers::default(),
            seen: Seen::default(),
        })
    }

    /// Takes in one row: events, or a rejection, go to the sink. Rows that are one event together are kept until
    /// [`finish`](Self::finish).
    ///
    /// `line` is where the row is, counted from 1; `raw` gives the row as it was read, and is only called for a row
    /// that is rejected.
    ///
    /// # Errors
    /// When the sink stops the reading.
    pub fn row(
        &mut self,
        line: u64,
        cells: &[Cell<'_>],
        raw: &dyn Fn() -> Vec<u8>,
        sink: &mut dyn Sink,
    ) -> Result<(), Stop> {
        self.row_with_others(line, cells, Others::default(), raw, sink)
    }

    /// As [`row`](Self::row), with members that are no columns.
    pub(crate) fn row_with_others(
        &mut self,
        line: u64,
        cells: &[Cell<'_>],
        others: Others<'_>,
        raw: &dyn Fn() -> Vec<u8>,
        sink: &mut dyn Sink,
    ) -> Result<(), Stop> {
        let Refusal { reason, detail } = match self.read(line, cells, others, sink) {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(stop)) => Refusal { reason: Reason::JunkKey, detail: stop.names_nobody()?.detail },
            Err(refusal) => refusal,
        };
        sink.reject(&Rejection { line, reason, detail: detail.into(), row: &raw() })
    }

    fn read(
        &mut self,
        line: u64,
        cells: &[Cell<'_>],
        others: Others<'_>,
        sink: &mut dyn Sink,
    ) -> Result<Result<(), Stop>, Refusal> {
        if cells.len() != self.columns {
            let detail = format!("{} fields, and the header has {}", cells.len(), self.columns);
            return Err(Refusal { reason: Reason::WrongColumnCount, detail });
        }
        let when = self.when(cells)?;
        let Self { texts, keys, properties, traits, unknown, buffers, groups, .. } = self;
        check_names(texts[0].as_ref(), keys, cells)?;
        buffers.text.clear();
        let mut pieces = [const { Piece::Nothing }; 8];
        for (piece, slot) in pieces.iter_mut().zip(texts.iter()) {
            if let Some(slot) = slot {
                *piece = slot.piece(cells, unknown, &mut buffers.text);
            }
        }
        let mut key_pieces = [const { Piece::Nothing }; KEYS_MAX];
        for (piece, (_, slot)) in key_pieces.iter_mut().zip(keys.iter()) {
            *piece = slot.piece(cells, unknown, &mut buffers.text);
        }
        let mut all_keys = [Key { kind: "", value: "" }; KEYS_MAX];
        let mut count = 0;
        for (piece, (kind, _)) in key_pieces.iter().zip(keys.iter()) {
            if let Some(value) = piece.text(&buffers.text) {
                all_keys[count] = Key { kind, value };
                count += 1;
            }
        }
        if count == 0 {
            let kinds: Vec<&str> = keys.iter().map(|(kind, _)| kind.as_str()).collect();
            return Err(Refusal {
                reason: Reason::MissingCustomer,
                detail: format!("no value for {}", kinds.join(", ")),
            });
        }
        let [name, channel, source, message_id, resource, department, case_id, phase] =
            pieces.each_ref().map(|piece| piece.text(&buffers.text));
        let Some(name) = name else {
            return Err(Refusal { reason: Reason::MissingEvent, detail: "no value for event".to_owned() });
        };
        write_members(&mut buffers.traits, traits, cells, others.traits, unknown);
        let traits = (!buffers.traits.is_empty()).then_some(buffers.traits.as_str());
        let at = when.at.or(when.end).or(when.start).expect("a row without any time is refused before");
        let mut event = Event {
            received_at: when.received_at,
            channel,
            source,
            message_id,
            resource,
            department,
            case_id,
            phase,
            traits,
            ..Event::new(name, at, &all_keys[..count])
        };
        if let Some(groups) = groups {
            self.seen.left_out += u64::from(!(others.properties.is_empty() && others.traits.is_empty()));
            return groups.add(line, &event, cells, unknown, sink);
        }
        write_members(&mut buffers.properties, properties, cells, others.properties, unknown);
        event.properties = (!buffers.properties.is_empty()).then_some(buffers.properties.as_str());
        Ok(emit(&event, when, &mut buffers.message_id, sink))
    }

    /// Gives out the events that consist of several rows, in the order in which they first appeared.
    ///
    /// # Errors
    /// When the sink stops the reading.
    pub fn finish(&mut self, sink: &mut dyn Sink) -> Result<(), Stop> {
        match &mut self.groups {
            Some(groups) => groups.finish(sink),
            None => Ok(()),
        }
    }

    /// How many times had no offset.
    pub fn naive(&self) -> u64 {
        self.seen.naive
    }

    /// What was read but may not mean what it seems to.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        let Seen { naive, with_offset, open_ends, left_out } = self.seen;
        if naive > 0 && with_offset > 0 {
            warnings.push(format!(
                "{} an offset and {naive} none; those without were taken in the time zone {}",
                counted(with_offset, "time has", "times have"),
                self.zone
            ));
        }
        if open_ends > 0 {
            warnings.push(format!(
                "{} read as no date, because another time is known",
                counted(open_ends, "date such as 9999-12-31 was", "dates such as 9999-12-31 were")
            ));
        }
        if left_out > 0 {
            warnings.push(format!(
                "{} members that were not among the first rows; rows that are one event together leave them out",
                counted(left_out, "row has", "rows have")
            ));
        }
        warnings
    }

    /// When the row happened.
    fn when(&mut self, cells: &[Cell<'_>]) -> Result<When, Refusal> {
        let Self { clock, unknown, seen, .. } = self;
        let mut read = |slot: &Option<TimeSlot>| match slot {
            Some(slot) => slot.read(cells, unknown, clock, seen),
            None => Ok(None),
        };
        let received_at = read(&self.received_at);
        let plain = self.start.is_none() && self.end.is_none();
        if plain {
            let at = read(&self.at)?;
            let at = at.ok_or_else(|| missing_time(self.at.as_ref()))?;
            return Ok(When { at: Some(at), start: None, end: None, received_at: optional(received_at, seen)? });
        }
        let start = read(&self.start);
        let end = read(if self.end.is_some() { &self.end } else { &self.at });
        let (start, end) = match (start, end) {
            // An end of 9999-12-31 says that the activity goes on.
            (Ok(Some(start)), end) => (Some(start), optional(end, seen)?),
            (start, Ok(Some(end))) => (optional(start, seen)?, Some(end)),
            (start, end) => (start?, end?),
        };
        if start.is_none() && end.is_none() {
            return Err(missing_time(self.start.as_ref()));
        }
        Ok(When { at: None, start, end, received_at: optional(received_at, seen)? })
    }
}

/// The event's name and the keys are texts or numbers, or there are none: the text of a list would be a customer of its
/// own.
fn check_names(event: Option<&Slot>, keys: &[(String, Slot)], cells: &[Cell<'_>]) -> Result<(), Refusal> {
    let keys = keys.iter().map(|(kind, slot)| (kind.as_str(), slot));
    let nested = event.map(|slot| ("event", slot)).into_iter().chain(keys).find(|(_, slot)| slot.is_nested(cells));
    match nested {
        None => Ok(()),
        Some((role, _)) => {
            Err(Refusal { reason: Reason::BadField, detail: format!("{role} is neither a text nor a number") })
        }
    }
}

/// A time that need not be there: a placeholder counts as none.
fn optional(read: Result<Option<Timestamp>, Refusal>, seen: &mut Seen) -> Result<Option<Timestamp>, Refusal> {
    match read {
        Err(refusal) if refusal.reason == Reason::PlaceholderDate => {
            seen.open_ends += 1;
            Ok(None)
        }
        other => other,
    }
}

fn missing_time(slot: Option<&TimeSlot>) -> Refusal {
    let column = slot.map_or("at", |slot| slot.name.as_str());
    Refusal { reason: Reason::MissingTime, detail: format!("no value in `{column}`") }
}

fn emit(event: &Event<'_>, when: When, id: &mut String, sink: &mut dyn Sink) -> Result<(), Stop> {
    if when.at.is_some() {
        return sink.event(event);
    }
    let both = when.start.is_some() && when.end.is_some();
    for (at, phase) in [(when.start, "start"), (when.end, "complete")] {
        let Some(at) = at else { continue };
        // Two events may not have one id: the second would be taken for a repetition of the first.
        let message_id = match event.message_id {
            Some(given) if both => {
                id.clear();
                id.push_str(given);
                id.push('#');
                id.push_str(phase);
                Some(id.as_str())
            }
            given => given,
        };
        sink.event(&Event { at, phase: Some(phase), message_id, ..*event })?;
    }
    Ok(())
}

fn fault(fault: Fault, value: &str, column: &str) -> Refusal {
    let (reason, what) = match fault {
        Fault::NotOfThisForm => (Reason::BadTime, "is not a time of the form of this column"),
        Fault::YearOutOfRange => (Reason::YearOutOfRange, "is not within the years 1 to 9999"),
        Fault::Placeholder => (Reason::PlaceholderDate, "stands for no date"),
    };
    Refusal { reason, detail: format!("`{value}` in `{column}` {what}") }
}

fn check(mapping: &Mapping, columns: &[String]) -> Result<(), MappingError> {
    let not_mapped = |role: Role| Err(MappingError::NotMapped { role, columns: columns.to_vec() });
    if mapping.event.is_none() {
        return not_mapped(Role::Event);
    }
    if mapping.keys.is_empty() {
        return not_mapped(Role::Key("customer".to_owned()));
    }
    if mapping.at.is_none() && mapping.start.is_none() && mapping.end.is_none() {
        return not_mapped(Role::At);
    }
    if mapping.keys.len() > KEYS_MAX {
        return Err(MappingError::TooManyKeys { count: mapping.keys.len(), max: KEYS_MAX });
    }
    let phases = mapping.start.is_some() || mapping.end.is_some();
    if mapping.one_per.is_some() && phases {
        return Err(MappingError::OnePerWithPhases);
    }
    let members = Members::named(mapping.properties.as_ref()).iter().chain(Members::named(mapping.traits.as_ref()));
    let added = members.clone().find(|member| member.from.needs_rows());
    match added {
        Some(member) if mapping.one_per.is_none() => {
            Err(MappingError::AggregateWithoutOnePer { member: member.name.clone() })
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
