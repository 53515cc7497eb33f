//! Rows that are one event together: the lines of one basket, the positions of one invoice.
//!
//! They need not stand side by side, so all groups are kept until the end of the table. That is the only thing in
//! reading a table whose memory follows the data; it has a bound, and reaching it is an error that says so.

use charter::sources::Aggregate;
use event::{Event, Key, Timestamp};
use hashbrown::HashMap;
use rapidhash::fast::RandomState;

use crate::cell::Cell;
use crate::json;
use crate::limits::{GROUPS_BYTES_MAX, KEYS_MAX};
use crate::sink::{NamesNobody, Reason, Rejection, Sink, Stop};

use super::Refusal;
use super::collected::{Collected, number};
use super::slots::{MemberSlot, Source, says_nothing};

/// The groups have grown too large for memory.
#[derive(Debug, thiserror::Error)]
#[error("one_per would keep more than {} MiB of groups in memory at line {line}: split the file, or prepare it with SQL first", GROUPS_BYTES_MAX >> 20)]
struct TooManyGroups {
    line: u64,
}

#[derive(Debug)]
pub(super) struct Groups {
    column: usize,
    properties: Vec<MemberSlot>,
    traits: Vec<MemberSlot>,
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
    texts: [Option<Box<str>>; 8],
    keys: Vec<(Box<str>, Box<str>)>,
    properties: Vec<Collected>,
    traits: Vec<Collected>,
    rows: u64,
}

impl Groups {
    pub(super) fn new(column: usize, properties: Vec<MemberSlot>, traits: Vec<MemberSlot>) -> Self {
        Self { column, properties, traits, index: HashMap::default(), all: Vec::new(), bytes: 0, name: String::new() }
    }

    /// Takes in a row, which has become `event` apart from its properties and traits.
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
            let mut alone = Group::new(line, event, &self.properties, &self.traits);
            alone.collect(&self.properties, &self.traits, cells, unknown);
            return Ok(alone.emit(&self.properties, &self.traits, sink));
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
            let group = Group::new(line, event, &self.properties, &self.traits);
            self.bytes += group.bytes() + 2 * self.name.len();
            self.index.insert(self.name.as_str().into(), self.all.len());
            self.all.push(group);
            self.all.len() - 1
        };
        let group = &mut self.all[at];
        group.at = group.at.min(event.at);
        self.bytes += group.collect(&self.properties, &self.traits, cells, unknown);
        Ok(if self.bytes > GROUPS_BYTES_MAX { Err(Stop::new(TooManyGroups { line })) } else { Ok(()) })
    }

    fn check_numbers(&self, cells: &[Cell<'_>], unknown: &[String]) -> Result<(), Refusal> {
        let added = |member: &&MemberSlot| matches!(member.aggregate, Aggregate::Sum | Aggregate::Mean);
        for member in self.properties.iter().chain(&self.traits).filter(added) {
            let Some(cell) = member.cell(cells) else { continue };
            if !says_nothing(cell, unknown) && number(cell).is_none() {
                let mut value = String::new();
                cell.write_text(&mut value);
                let detail =
                    format!("`{value}` is not a number that can be added up as {}", member.name.trim_end_matches(':'));
                return Err(Refusal { reason: Reason::BadNumber, detail });
            }
        }
        Ok(())
    }

    pub(super) fn finish(&mut self, sink: &mut dyn Sink) -> Result<(), Stop> {
        self.index.clear();
        self.bytes = 0;
        for group in std::mem::take(&mut self.all) {
            if let Err(stop) = group.emit(&self.properties, &self.traits, sink) {
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
    fn new(line: u64, event: &Event<'_>, properties: &[MemberSlot], traits: &[MemberSlot]) -> Self {
        let nothing = |members: &[MemberSlot]| members.iter().map(|_| Collected::Nothing).collect();
        let texts = [
            Some(event.event),
            event.channel,
            event.source,
            event.message_id,
            event.resource,
            event.department,
            event.case_id,
            event.phase,
        ];
        Self {
            line,
            at: event.at,
            received_at: event.received_at,
            texts: texts.map(|text| text.map(Into::into)),
            keys: event.keys.iter().map(|key| (key.kind.into(), key.value.into())).collect(),
            properties: nothing(properties),
            traits: nothing(traits),
            rows: 0,
        }
    }

    /// About how many bytes it takes.
    fn bytes(&self) -> usize {
        let texts: usize = self.texts.iter().flatten().map(|text| text.len() + 8).sum();
        let keys: usize = self.keys.iter().map(|(kind, value)| kind.len() + value.len() + 48).sum();
        size_of::<Self>() + texts + keys + (self.properties.len() + self.traits.len()) * size_of::<Collected>()
    }

    /// Takes in the members of a row; returns about how many bytes were added.
    fn collect(
        &mut self,
        properties: &[MemberSlot],
        traits: &[MemberSlot],
        cells: &[Cell<'_>],
        unknown: &[String],
    ) -> usize {
        self.rows += 1;
        let properties = self.properties.iter_mut().zip(properties);
        let mut bytes = 0;
        for (collected, member) in properties.chain(self.traits.iter_mut().zip(traits)) {
            let Some(cell) = member.cell(cells) else { continue };
            if !says_nothing(cell, unknown) {
                bytes += collected.take(member, cell);
            }
        }
        bytes
    }

    /// Writes the members that have a value as a JSON object; nothing at all if there is none.
    fn write(&self, collected: &[Collected], members: &[MemberSlot]) -> String {
        let mut out = String::new();
        for (collected, member) in collected.iter().zip(members) {
            let of_column = matches!(member.source, Source::Column(_));
            if of_column && collected.is_absent(member.aggregate) {
                continue;
            }
            out.push(if out.is_empty() { '{' } else { ',' });
            out.push_str(&member.name);
            match &member.source {
                Source::Column(_) => collected.write(member.aggregate, &mut out),
                Source::Literal(text) => out.push_str(text),
                Source::Rows => json::push_int(&mut out, i64::try_from(self.rows).unwrap_or(i64::MAX)),
            }
        }
        if !out.is_empty() {
            out.push('}');
        }
        out
    }

    fn emit(&self, properties: &[MemberSlot], traits: &[MemberSlot], sink: &mut dyn Sink) -> Result<(), Stop> {
        let properties = self.write(&self.properties, properties);
        let traits = self.write(&self.traits, traits);
        let [name, channel, source, message_id, resource, department, case_id, phase] =
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
            traits: (!traits.is_empty()).then_some(&traits),
            ..Event::new(name.expect("every group has the name of its event"), self.at, &keys[..self.keys.len()])
        })
    }
}
