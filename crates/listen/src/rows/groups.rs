//! Rows that are one event together: the lines of one basket, the positions of one invoice.
//!
//! They need not stand side by side, so all groups are kept until the end of the table. That is the only thing in
//! reading a table whose memory follows the data; it has a bound, and reaching it is an error that says so.

use event::{Event, Key, Timestamp};
use hashbrown::HashMap;
use rapidhash::fast::RandomState;

use crate::cell::Cell;
use crate::json;
use crate::limits::{GROUPS_BYTES_MAX, KEYS_MAX};
use crate::mapping::Aggregate;
use crate::sink::{NamesNobody, Reason, Rejection, Sink, Stop};

use super::Refusal;
use super::slots::{MemberSlot, says_nothing};

/// The groups have grown too large for memory.
#[derive(Debug, thiserror::Error)]
#[error("one_per would keep more than {} MiB of groups in memory at line {line}: split the file, or prepare it with SQL first", GROUPS_BYTES_MAX >> 20)]
struct TooManyGroups {
    line: u64,
}

#[derive(Debug)]
pub(super) struct Groups {
    column: usize,
    members: Vec<MemberSlot>,
    /// By the value that makes the group and the keys.
    index: HashMap<Box<str>, usize, RandomState>,
    all: Vec<Group>,
    bytes: usize,
    name: String,
}

/// One event in the making: its texts are those of its first row, its time is the earliest.
#[derive(Debug)]
struct Group {
    /// The line of its first row.
    line: u64,
    at: Timestamp,
    received_at: Option<Timestamp>,
    texts: [Option<Box<str>>; 9],
    keys: Vec<(Box<str>, Box<str>)>,
    members: Vec<Collected>,
    rows: u64,
}

#[derive(Debug)]
enum Collected {
    Nothing,
    /// The JSON text of the first value.
    First(Box<str>),
    Sum(Sum),
}

/// A sum of numbers that stays exact for whole numbers and compensates rounding otherwise (Neumaier 1974).
#[derive(Debug, Clone, Copy)]
enum Sum {
    Whole(i64),
    Fraction { total: f64, lost: f64 },
}

impl Sum {
    fn add(self, other: Sum) -> Sum {
        if let (Sum::Whole(a), Sum::Whole(b)) = (self, other)
            && let Some(sum) = a.checked_add(b)
        {
            return Sum::Whole(sum);
        }
        let (a, lost) = self.parts();
        let (b, also_lost) = other.parts();
        let total = a + b;
        let rounded = if a.abs() >= b.abs() { (a - total) + b } else { (b - total) + a };
        Sum::Fraction { total, lost: lost + also_lost + rounded }
    }

    fn parts(self) -> (f64, f64) {
        match self {
            Sum::Whole(number) => (number as f64, 0.0),
            Sum::Fraction { total, lost } => (total, lost),
        }
    }

    fn write(self, out: &mut String) {
        match self {
            Sum::Whole(number) => json::push_int(out, number),
            Sum::Fraction { .. } => {
                let (total, lost) = self.parts();
                // Fifteen digits are what a 64-bit float holds surely: 0.1 + 0.2 is 0.3.
                let shown = format!("{:.14e}", total + lost).parse().unwrap_or(total);
                json::push_float(out, if f64::is_finite(shown) { shown } else { f64::MAX });
            }
        }
    }
}

fn number(cell: &Cell<'_>) -> Option<Sum> {
    let fraction = |number: f64| number.is_finite().then_some(Sum::Fraction { total: number, lost: 0.0 });
    match cell {
        Cell::Int(number) => Some(Sum::Whole(*number)),
        Cell::Float(number) => fraction(*number),
        Cell::Text(text) => {
            let text = text.trim();
            text.parse().map(Sum::Whole).ok().or_else(|| fraction(text.parse().ok()?))
        }
        _ => None,
    }
}

impl Groups {
    pub(super) fn new(column: usize, members: Vec<MemberSlot>) -> Self {
        Self { column, members, index: HashMap::default(), all: Vec::new(), bytes: 0, name: String::new() }
    }

    /// Takes in a row, which has become `event` apart from its properties.
    pub(super) fn add(
        &mut self,
        line: u64,
        event: &Event<'_>,
        cells: &[Cell<'_>],
        unknown: &[String],
        sink: &mut dyn Sink,
    ) -> Result<Result<(), Stop>, Refusal> {
        self.check_numbers(cells, unknown)?;
        if says_nothing(&cells[self.column], unknown) {
            // Without a value that makes a group, the row stands alone.
            let mut alone = Group::new(line, event, self.members.len());
            alone.collect(&self.members, cells, unknown);
            return Ok(alone.emit(&self.members, sink));
        }
        self.name.clear();
        cells[self.column].write_text(&mut self.name);
        for key in event.keys {
            self.name.push('\0');
            self.name.push_str(key.value);
        }
        let at = if let Some(at) = self.index.get(self.name.as_str()) {
            *at
        } else {
            let group = Group::new(line, event, self.members.len());
            self.bytes += group.bytes() + 2 * self.name.len();
            self.index.insert(self.name.as_str().into(), self.all.len());
            self.all.push(group);
            self.all.len() - 1
        };
        let group = &mut self.all[at];
        group.at = group.at.min(event.at);
        self.bytes += group.collect(&self.members, cells, unknown);
        Ok(if self.bytes > GROUPS_BYTES_MAX { Err(Stop::new(TooManyGroups { line })) } else { Ok(()) })
    }

    fn check_numbers(&self, cells: &[Cell<'_>], unknown: &[String]) -> Result<(), Refusal> {
        for member in self.members.iter().filter(|member| member.aggregate == Aggregate::Sum) {
            let Some(cell) = member.column.map(|at| &cells[at]) else { continue };
            if !says_nothing(cell, unknown) && number(cell).is_none() {
                let mut value = String::new();
                cell.write_text(&mut value);
                let detail =
                    format!("`{value}` is not a number that can be summed as {}", member.name.trim_end_matches(':'));
                return Err(Refusal { reason: Reason::BadNumber, detail });
            }
        }
        Ok(())
    }

    pub(super) fn finish(&mut self, sink: &mut dyn Sink) -> Result<(), Stop> {
        self.index.clear();
        self.bytes = 0;
        for group in std::mem::take(&mut self.all) {
            if let Err(stop) = group.emit(&self.members, sink) {
                // Of its rows none is kept; what they came to is.
                let NamesNobody { detail, row } = stop.names_nobody()?;
                let (line, row) = (group.line, row.as_bytes());
                sink.reject(&Rejection { line, reason: Reason::JunkKey, detail: detail.into(), row })?;
            }
        }
        Ok(())
    }
}

impl Group {
    fn new(line: u64, event: &Event<'_>, members: usize) -> Self {
        let texts = [
            Some(event.event),
            event.channel,
            event.source,
            event.message_id,
            event.resource,
            event.department,
            event.case_id,
            event.phase,
            event.traits,
        ];
        Self {
            line,
            at: event.at,
            received_at: event.received_at,
            texts: texts.map(|text| text.map(Into::into)),
            keys: event.keys.iter().map(|key| (key.kind.into(), key.value.into())).collect(),
            members: (0..members).map(|_| Collected::Nothing).collect(),
            rows: 0,
        }
    }

    /// About how many bytes it takes.
    fn bytes(&self) -> usize {
        let texts: usize = self.texts.iter().flatten().map(|text| text.len() + 8).sum();
        let keys: usize = self.keys.iter().map(|(kind, value)| kind.len() + value.len() + 48).sum();
        size_of::<Self>() + texts + keys + self.members.len() * size_of::<Collected>()
    }

    /// Takes in the members of a row; returns about how many bytes were added.
    fn collect(&mut self, members: &[MemberSlot], cells: &[Cell<'_>], unknown: &[String]) -> usize {
        self.rows += 1;
        let mut bytes = 0;
        for (collected, member) in self.members.iter_mut().zip(members) {
            let Some(cell) = member.column.map(|at| &cells[at]) else { continue };
            if says_nothing(cell, unknown) {
                continue;
            }
            match (member.aggregate, &*collected) {
                (Aggregate::First, Collected::Nothing) => {
                    let mut text = String::new();
                    member.write(&mut text, cell);
                    bytes += text.len();
                    *collected = Collected::First(text.into());
                }
                (Aggregate::Sum, before) => {
                    let Some(more) = number(cell) else { continue };
                    *collected = Collected::Sum(if let Collected::Sum(sum) = before { sum.add(more) } else { more });
                }
                _ => {}
            }
        }
        bytes
    }

    fn emit(&self, members: &[MemberSlot], sink: &mut dyn Sink) -> Result<(), Stop> {
        let mut properties = String::new();
        for (collected, member) in self.members.iter().zip(members) {
            let counts = member.aggregate == Aggregate::Count;
            if !counts && matches!(collected, Collected::Nothing) {
                continue;
            }
            properties.push(if properties.is_empty() { '{' } else { ',' });
            properties.push_str(&member.name);
            match collected {
                Collected::First(text) => properties.push_str(text),
                Collected::Sum(sum) => sum.write(&mut properties),
                Collected::Nothing => json::push_int(&mut properties, i64::try_from(self.rows).unwrap_or(i64::MAX)),
            }
        }
        if !properties.is_empty() {
            properties.push('}');
        }
        let [name, channel, source, message_id, resource, department, case_id, phase, traits] =
            self.texts.each_ref().map(Option::as_deref);
        let mut keys = [Key { kind: "", value: "" }; KEYS_MAX];
        for (place, (kind, value)) in keys.iter_mut().zip(&self.keys) {
            *place = Key { kind, value };
        }
        sink.event(&Event {
            received_at: self.received_at,
            channel,
            source,
            message_id,
            resource,
            department,
            case_id,
            phase,
            properties: (!properties.is_empty()).then_some(&properties),
            traits,
            ..Event::new(name.expect("every group has the name of its event"), self.at, &keys[..self.keys.len()])
        })
    }
}
