//! The parts of a mapping, resolved to positions in a row.

use charter::sources::{Aggregate, Taking};
use event::Timestamp;

use crate::cell::Cell;
use crate::json::{self, Members};
use crate::mapping::{Kind, MappingError, Member, Role, TimeColumn, Value};
use crate::times::{Clock, Fault, Reading, TimeFormat};

use super::{Piece, Refusal, Seen, fault};

/// Where a column is.
pub(super) fn position(column: &str, role: &Role, columns: &[String]) -> Result<usize, MappingError> {
    columns.iter().position(|name| name == column).ok_or_else(|| MappingError::NoSuchColumn {
        role: role.clone(),
        column: column.to_owned(),
        columns: columns.to_vec(),
    })
}

/// Whether the cell says nothing: it is blank, or a text that means "not known".
pub(super) fn says_nothing(cell: &Cell<'_>, unknown: &[String]) -> bool {
    cell.is_empty() || cell.as_text().is_some_and(|text| unknown.iter().any(|word| word == text))
}

/// Where a text comes from.
#[derive(Debug)]
pub(super) enum Slot {
    Column(usize),
    Literal(String),
}

impl Slot {
    pub(super) fn new(value: &Value, role: &Role, columns: &[String]) -> Result<Self, MappingError> {
        match value {
            Value::Column(column) => Ok(Slot::Column(position(column, role, columns)?)),
            Value::Literal(text) => Ok(Slot::Literal(text.clone())),
        }
    }

    /// Whether an object or a list stands where a name or an identifier should.
    pub(super) fn is_nested(&self, cells: &[Cell<'_>]) -> bool {
        matches!(self, Slot::Column(at) if matches!(cells[*at], Cell::Json(_)) && !cells[*at].is_empty())
    }

    pub(super) fn piece<'a>(&'a self, cells: &[Cell<'a>], unknown: &[String], buffer: &mut String) -> Piece<'a> {
        match self {
            Slot::Literal(text) => Piece::Borrowed(text),
            Slot::Column(at) => {
                let cell = &cells[*at];
                if says_nothing(cell, unknown) {
                    return Piece::Nothing;
                }
                match cell {
                    Cell::Text(text) => Piece::Borrowed(text),
                    typed => {
                        let start = buffer.len();
                        typed.write_text(buffer);
                        Piece::Written(start..buffer.len())
                    }
                }
            }
        }
    }
}

/// A column of times, or of dates with one of times of day.
#[derive(Debug)]
pub(super) struct TimeSlot {
    pub(super) name: String,
    column: usize,
    time_of_day: Option<usize>,
    format: TimeFormat,
}

impl TimeSlot {
    pub(super) fn new(
        time: Option<&TimeColumn>,
        role: &Role,
        columns: &[String],
    ) -> Result<Option<Self>, MappingError> {
        let Some(time) = time else { return Ok(None) };
        let column = position(&time.column, role, columns)?;
        let time_of_day = time.time_of_day.as_ref().map(|name| position(name, role, columns)).transpose()?;
        let format = time.format.clone().unwrap_or(TimeFormat::YearFirst);
        Ok(Some(Self { name: time.name(), column, time_of_day, format }))
    }

    pub(super) fn read(
        &self,
        cells: &[Cell<'_>],
        unknown: &[String],
        clock: &mut Clock,
        seen: &mut Seen,
    ) -> Result<Option<Timestamp>, Refusal> {
        let cell = &cells[self.column];
        if let Some(time_of_day) = self.time_of_day.map(|at| &cells[at]).filter(|cell| !says_nothing(cell, unknown)) {
            return self.read_joined(cell, time_of_day, unknown, clock, seen);
        }
        let reading = match cell {
            // NaN in a column of times is not a missing value: columns of times have none.
            Cell::Float(number) => self.format.read_number(*number),
            cell if says_nothing(cell, unknown) => return Ok(None),
            Cell::Time(at) => return self.named(Clock::absolute(*at), cell).map(Some),
            Cell::Local(naive) => {
                seen.naive += 1;
                return self.named(clock.local(*naive), cell).map(Some);
            }
            Cell::Text(text) => self.format.read(text),
            Cell::Int(number) => self.format.read_int(*number),
            Cell::Empty | Cell::Bool(_) | Cell::Json(_) => Err(Fault::NotOfThisForm),
        };
        let moment = reading.and_then(|reading| {
            count(seen, reading);
            clock.moment(reading)
        });
        self.named(moment, cell).map(Some)
    }

    /// The date of one cell and the time of day of another.
    fn read_joined(
        &self,
        date: &Cell<'_>,
        time_of_day: &Cell<'_>,
        unknown: &[String],
        clock: &mut Clock,
        seen: &mut Seen,
    ) -> Result<Option<Timestamp>, Refusal> {
        if says_nothing(date, unknown) {
            return Ok(None);
        }
        let mut text = String::new();
        date.write_joined(time_of_day, &mut text);
        let moment = self.format.read(&text).and_then(|reading| {
            count(seen, reading);
            clock.moment(reading)
        });
        self.named(moment, &Cell::Text(&text)).map(Some)
    }

    fn named(&self, read: Result<Timestamp, Fault>, cell: &Cell<'_>) -> Result<Timestamp, Refusal> {
        read.map_err(|kind| {
            let mut value = String::new();
            cell.write_text(&mut value);
            fault(kind, value.trim(), &self.name)
        })
    }
}

fn count(seen: &mut Seen, reading: Reading) {
    *(if reading.offset_s.is_some() { &mut seen.with_offset } else { &mut seen.naive }) += 1;
}

/// Where the value of a member comes from.
#[derive(Debug, Clone)]
pub(super) enum Source {
    Column(usize),
    /// A text, as JSON.
    Literal(String),
    /// The number of rows.
    Rows,
}

/// One member of the properties or traits.
#[derive(Debug, Clone)]
pub(super) struct MemberSlot {
    /// Its name as JSON, with the colon.
    pub(super) name: String,
    pub(super) source: Source,
    pub(super) aggregate: Aggregate,
    kind: Kind,
}

impl MemberSlot {
    pub(super) fn all(members: &[Member], role: &Role, columns: &[String]) -> Result<Vec<Self>, MappingError> {
        members.iter().map(|member| Self::new(member, role, columns)).collect()
    }

    /// The cell of its column, if it has one.
    pub(super) fn cell<'r, 'c>(&self, cells: &'r [Cell<'c>]) -> Option<&'r Cell<'c>> {
        if let Source::Column(at) = self.source { cells.get(at) } else { None }
    }

    fn new(member: &Member, role: &Role, columns: &[String]) -> Result<Self, MappingError> {
        let mut name = String::new();
        json::push_string(&mut name, &member.name);
        name.push(':');
        let (aggregate, source) = match &member.from {
            Taking::Column(aggregate, column) => (*aggregate, Source::Column(position(column, role, columns)?)),
            Taking::Rows => (Aggregate::Count, Source::Rows),
            Taking::Literal(text) => {
                let mut quoted = String::new();
                json::push_string(&mut quoted, text);
                (Aggregate::First, Source::Literal(quoted))
            }
        };
        Ok(Self { name, source, aggregate, kind: member.kind })
    }

    /// Appends the value as JSON.
    pub(super) fn write(&self, out: &mut String, cell: &Cell<'_>) {
        match (self.kind, cell) {
            (Kind::Number, Cell::Text(text)) if json::is_number(text) => out.push_str(text),
            (Kind::Truth, Cell::Text(text)) if text.eq_ignore_ascii_case("true") => out.push_str("true"),
            (Kind::Truth, Cell::Text(text)) if text.eq_ignore_ascii_case("false") => out.push_str("false"),
            (_, cell) => cell.write_json(out),
        }
    }
}

/// Writes the members that have a value as a JSON object, and `others` (`{"a":1,"b":2`, or nothing) after them; nothing
/// at all if there is none.
pub(super) fn write_members(
    out: &mut String,
    members: &[MemberSlot],
    cells: &[Cell<'_>],
    others: &str,
    unknown: &[String],
) {
    out.clear();
    for member in members {
        if let Source::Literal(text) = &member.source {
            out.push(if out.is_empty() { '{' } else { ',' });
            out.push_str(&member.name);
            out.push_str(text);
            continue;
        }
        let Some(cell) = member.cell(cells) else { continue };
        if says_nothing(cell, unknown) {
            continue;
        }
        let object = match (member.kind, cell) {
            (Kind::Members, Cell::Json(object)) => Some(*object),
            (Kind::Members, Cell::Text(text)) if Members::parse(text).is_ok() => Some(text.trim()),
            _ => None,
        };
        if let Some(inner) = object.and_then(|object| object.strip_prefix('{')?.strip_suffix('}')) {
            if !inner.trim().is_empty() {
                out.push(if out.is_empty() { '{' } else { ',' });
                out.push_str(inner);
            }
            continue;
        }
        out.push(if out.is_empty() { '{' } else { ',' });
        out.push_str(&member.name);
        member.write(out, cell);
    }
    if let Some(inner) = others.strip_prefix('{') {
        out.push(if out.is_empty() { '{' } else { ',' });
        out.push_str(inner);
    }
    if !out.is_empty() {
        out.push('}');
    }
}
