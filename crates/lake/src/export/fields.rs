//! What XES and OCEL call the attributes of an event: one flat list of names with typed values.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::value::RawValue;

use super::Row;

/// What a value is; in order of how much it can say, so that two kinds together are the later one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Truth,
    Integer,
    Float,
    Text,
}

impl Kind {
    /// The kind as which both a value of this kind and one of the other can be written.
    pub(super) fn with(self, other: Self) -> Self {
        if (self == Kind::Truth) == (other == Kind::Truth) { self.max(other) } else { Kind::Text }
    }
}

/// One attribute, with its value as text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Field<'a> {
    pub name: Cow<'a, str>,
    pub kind: Kind,
    pub value: Cow<'a, str>,
}

/// The members of a JSON object, by name, as they are written; none where it is no object.
pub(super) fn members(json: Option<&str>) -> BTreeMap<String, &RawValue> {
    json.and_then(|json| serde_json::from_str(json).ok()).unwrap_or_default()
}

/// All attributes of an event. `columns` says how the format calls channel, source, resource, department, case and phase;
/// `taken` are its own other names. A property of such a name is called `properties.` and its name, if both are there;
/// traits are called `traits.` and their name.
pub(super) fn fields<'a>(row: &Row<'a>, columns: [&'static str; 6], taken: &[&str]) -> Vec<Field<'a>> {
    let values = [row.channel, row.source, row.resource, row.department, row.case_id, row.phase];
    let named = columns.into_iter().zip(values);
    let text = |(name, value): (&'static str, Option<&'a str>)| {
        value.map(|value| Field { name: name.into(), kind: Kind::Text, value: value.into() })
    };
    let mut fields: Vec<Field<'a>> = named.filter_map(text).collect();
    let columns = fields.len();
    for (name, json) in members(row.properties) {
        let is_taken =
            taken.contains(&name.as_str()) || fields.iter().take(columns).any(|field| field.name == name.as_str());
        let name = if is_taken { format!("properties.{name}") } else { name };
        fields.extend(field(name, json.get()));
    }
    for (name, json) in members(row.traits) {
        fields.extend(field(format!("traits.{name}"), json.get()));
    }
    fields
}

/// A member as an attribute; `null` is none, and what is nested is the text of its JSON.
pub(super) fn field(name: String, json: &str) -> Option<Field<'_>> {
    let (kind, value) = match json.bytes().next() {
        Some(b'n') | None => return None,
        Some(b't' | b'f') => (Kind::Truth, json.into()),
        Some(b'"') => (Kind::Text, serde_json::from_str::<String>(json).unwrap_or_default().into()),
        Some(b'{' | b'[') => (Kind::Text, json.into()),
        Some(_) if json.parse::<i64>().is_ok() => (Kind::Integer, json.into()),
        Some(_) => (Kind::Float, json.into()),
    };
    Some(Field { name: name.into(), kind, value })
}
