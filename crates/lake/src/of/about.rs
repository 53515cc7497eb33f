//! What an event is about: the objects of a name that a row of the lake mentions.

use std::borrow::Cow;
use std::fmt;

use arrow::array::{Array, AsArray, RecordBatch};
use rapidhash::v3::rapidhash_v3;
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::Of;
use crate::details::with_text;
use crate::lens::{Row, column_of};
use crate::limits::OF_PARTS;
use crate::scan::Projection;

/// The number of a object: follows from its id alone, so that it is the same wherever it is mentioned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Object(pub(super) i64);

/// Bits of the number of a object.
const BITS: u32 = 63;

impl Object {
    fn of(id: &str) -> Self {
        Self((rapidhash_v3(id.as_bytes()) >> (u64::BITS - BITS)).cast_signed())
    }

    /// In which part of all objects it is; parts are in the order of the numbers.
    pub(super) fn part(self) -> usize {
        usize::try_from(self.0 >> (BITS - OF_PARTS.trailing_zeros())).expect("numbers of objects are not negative")
    }
}

/// By row of a batch, what it is about.
#[derive(Debug, Default)]
pub(super) struct About {
    objects: Vec<Object>,
    /// By row, where its objects end.
    ends: Vec<usize>,
    /// By row, what it has in common with rows that are the same event; 0 where there are none.
    same: Vec<u64>,
}

impl About {
    /// The objects of a row, each once, and what it has in common with other rows of the same event.
    pub(super) fn of(&self, row: usize) -> (&[Object], u64) {
        let begins = if row == 0 { 0 } else { self.ends[row - 1] };
        (&self.objects[begins..self.ends[row]], self.same[row])
    }

    fn clear(&mut self) {
        self.objects.clear();
        self.ends.clear();
        self.same.clear();
    }

    /// The row is complete.
    fn end(&mut self, same: u64) {
        let begins = self.ends.last().copied().unwrap_or(0);
        self.objects[begins..].sort_unstable();
        let mut kept = begins;
        for at in begins..self.objects.len() {
            if kept == begins || self.objects[kept - 1] != self.objects[at] {
                self.objects[kept] = self.objects[at];
                kept += 1;
            }
        }
        self.objects.truncate(kept);
        self.ends.push(kept);
        self.same.push(same);
    }
}

/// Finds the objects of one name.
pub(super) struct Finder<'a> {
    of: &'a Of,
    /// The name as it stands in a JSON text.
    quoted: String,
    /// What has to be read.
    pub(super) wide: Projection,
    /// Where in it is what the lenses see.
    pub(super) narrow: Vec<usize>,
    /// Where the customer is among that.
    pub(super) customer: usize,
    /// Where in `wide` the order of arrival is.
    pub(super) seq: usize,
    keys: usize,
    properties: usize,
    message_id: usize,
}

impl<'a> Finder<'a> {
    pub(super) fn new(of: &'a Of, seen: &Projection) -> Self {
        let mut wide = seen.with(&["seq", "keys", "properties", "message_id"]);
        if let Some(column) = &of.column {
            wide = wide.and(Projection { columns: vec![column_of(column)], dictionaries: true });
        }
        let narrow = seen.columns.iter().map(|c| wide.columns.binary_search(c).expect("wide has all")).collect();
        Self {
            of,
            quoted: serde_json::Value::from(of.name.as_str()).to_string(),
            narrow,
            customer: seen.position("customer"),
            seq: wide.position("seq"),
            keys: wide.position("keys"),
            properties: wide.position("properties"),
            message_id: wide.position("message_id"),
            wide,
        }
    }

    /// What every row of a batch is about.
    pub(super) fn find(&self, batch: &RecordBatch, about: &mut About) {
        about.clear();
        let text = |column: usize| batch.column(column).as_string::<i32>();
        let (keys, properties, ids) = (text(self.keys), text(self.properties), text(self.message_id));
        for at in 0..batch.num_rows() {
            if let Some(column) = &self.of.column {
                let row = Row::new(batch, at, &self.wide);
                about.objects.extend(with_text(&row, column, Object::of));
            }
            if keys.is_valid(at) && self.may_say(keys.value(at)) {
                let kind = Keys { kind: &self.of.name, objects: &mut about.objects };
                // Not JSON, so it says nothing of keys.
                let _ = kind.deserialize(&mut serde_json::Deserializer::from_str(keys.value(at)));
            }
            let mut same = 0;
            // Who shares an event shares it in every journey, whatever makes it one.
            let says = |json: &str| self.may_say(json) || json.contains(SAME_EVENT);
            if properties.is_valid(at) && says(properties.value(at)) {
                let before = about.objects.len();
                let objects = Properties { kind: &self.of.name, objects: &mut about.objects, same: &mut same };
                let said = objects.deserialize(&mut serde_json::Deserializer::from_str(properties.value(at)));
                if said.is_err() {
                    about.objects.truncate(before);
                } else if same == 0 && about.objects.len() > before {
                    same = number(ids.value(at));
                }
            }
            about.end(same);
        }
    }

    /// Whether the name can stand in this JSON text; most texts are not read for it.
    fn may_say(&self, json: &str) -> bool {
        json.contains(&self.quoted) || json.contains('\\')
    }
}

/// The property that says which event a row is a part of, as it stands in a JSON text.
const SAME_EVENT: &str = "\"same_event\"";

/// What rows of one event have in common.
fn number(event: &str) -> u64 {
    rapidhash_v3(event.as_bytes()).max(1)
}

/// Reads the keys of one kind out of an event's keys.
struct Keys<'a> {
    kind: &'a str,
    objects: &'a mut Vec<Object>,
}

/// One key of a kind, or several.
#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMore {
    One(String),
    More(Vec<String>),
}

impl<'de> DeserializeSeed<'de> for Keys<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Keys<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("keys by kind")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(kind) = map.next_key::<Cow<'de, str>>()? {
            if kind != self.kind {
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            match map.next_value()? {
                OneOrMore::One(value) => self.objects.push(Object::of(&value)),
                OneOrMore::More(values) => self.objects.extend(values.iter().map(|value| Object::of(value))),
            }
        }
        Ok(())
    }
}

/// Reads the objects of one type out of an event's properties, and which event it is.
struct Properties<'a> {
    kind: &'a str,
    objects: &'a mut Vec<Object>,
    same: &'a mut u64,
}

impl<'de> DeserializeSeed<'de> for Properties<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Properties<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("properties with objects")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key::<Cow<'de, str>>()? {
            match name.as_ref() {
                "objects" => map.next_value_seed(Objects { kind: self.kind, objects: self.objects })?,
                "same_event" => *self.same = number(map.next_value::<&RawValue>()?.get()),
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }
}

/// The ids of the objects of one type.
struct Objects<'a> {
    kind: &'a str,
    objects: &'a mut Vec<Object>,
}

/// An object as the import of OCEL keeps it.
#[derive(Deserialize)]
pub(super) struct Mentioned<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow, default)]
    pub(super) r#type: Cow<'a, str>,
}

impl<'de> DeserializeSeed<'de> for Objects<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Objects<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of objects")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while let Some(object) = list.next_element::<Mentioned<'de>>()? {
            if object.r#type == self.kind {
                self.objects.push(Object::of(&object.id));
            }
        }
        Ok(())
    }
}
