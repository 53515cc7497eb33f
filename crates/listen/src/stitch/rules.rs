//! The rules by which keys lead to customers, as the charter gives them.

use std::borrow::Cow;
use std::collections::BTreeSet;

use charter::Facts;
use charter::keys::Keys;
use event::{Column, Event, Normalise, Value};

/// What is known about one kind of key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRule {
    /// The kind: `user_id`, `email`.
    pub kind: String,
    /// Which key names the customer where an event has several: the lowest number wins.
    pub priority: u32,
    /// One person has exactly one of these, so two of them are never one person's.
    pub unique: bool,
    /// How many of these one person may have.
    pub limit: Option<u32>,
    /// How values are made comparable.
    pub normalise: Normalise,
}

impl KeyRule {
    /// How many of these one person may have, a unique key counting as a limit of one.
    pub fn most(&self) -> Option<u32> {
        if self.unique { Some(1) } else { self.limit }
    }
}

/// The rules by which keys lead to customers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    pub(super) kinds: Vec<KeyRule>,
    /// Values, in lower case, that name nobody.
    junk: BTreeSet<String>,
    /// Kinds of key that are also taken from a column of the event.
    from: Vec<(String, Column)>,
}

/// A key that the charter gives no priority comes behind those that it does, in its own order.
const PRIORITY_FIRST_FREE: u32 = 100;
/// The priority of a kind that no rule names: behind those that one does.
const PRIORITY_UNNAMED: u32 = 1_000;

/// The rule of a kind that no rule names.
static UNNAMED: KeyRule =
    KeyRule { kind: String::new(), priority: PRIORITY_UNNAMED, unique: true, limit: None, normalise: Normalise::Trim };

impl Default for Rules {
    /// What holds without a charter: the rules of its usual keys.
    fn default() -> Self {
        Self::from(&Keys::default())
    }
}

impl From<&Keys> for Rules {
    fn from(keys: &Keys) -> Self {
        let rule = |(n, key): (u32, &charter::keys::Key)| KeyRule {
            kind: key.name.clone(),
            priority: key.priority.unwrap_or(PRIORITY_FIRST_FREE + n),
            unique: key.unique,
            limit: key.limit,
            normalise: key.normalise,
        };
        let from = keys.kinds.iter().filter_map(|key| Some((key.name.clone(), key.from.clone()?)));
        let rules = Self::new((0..).zip(&keys.kinds).map(rule).collect(), keys.junk.iter().cloned());
        Self { from: from.collect(), ..rules }
    }
}

impl Rules {
    /// These rules; a kind that none names is unique and comes last.
    pub fn new(kinds: Vec<KeyRule>, junk: impl IntoIterator<Item = String>) -> Self {
        let junk = junk.into_iter().map(|value| value.trim().to_lowercase()).collect();
        Self { kinds, junk, from: Vec::new() }
    }

    /// The keys that an event has besides those that it came with: kinds that it lacks, with the values that the
    /// charter says to take `from` another of its columns.
    pub fn further_keys(&self, event: &Event<'_>) -> Vec<(String, String)> {
        let lacks = |kind: &str| event.keys.iter().all(|key| key.kind != kind);
        let taken = |(kind, column): &(String, Column)| Some((kind.clone(), text_of(event, column)?));
        self.from.iter().filter(|(kind, _)| lacks(kind)).filter_map(taken).collect()
    }

    /// The kinds of key that are also taken from a column of the event, each with the column.
    pub fn taken_from(&self) -> impl Iterator<Item = (&str, &Column)> {
        self.from.iter().map(|(kind, column)| (kind.as_str(), column))
    }

    /// Whether no key is taken from another column.
    pub fn is_from_keys_alone(&self) -> bool {
        self.from.is_empty()
    }

    /// A key as it is compared with others; `None` when the value names nobody: it is junk, or not of its kind.
    pub fn comparable<'v>(&self, kind: &str, value: &'v str) -> Option<Cow<'v, str>> {
        if self.is_junk(value) {
            return None;
        }
        self.rule(kind).normalise.apply(value)
    }

    /// The kinds of key that the charter names.
    pub fn named(&self) -> impl Iterator<Item = &str> {
        self.kinds.iter().map(|rule| rule.kind.as_str())
    }

    /// Whether a key names somebody.
    pub fn names_somebody(&self, kind: &str, value: &str) -> bool {
        !self.is_junk(value) && self.rule(kind).normalise.apply(value).is_some()
    }

    /// Which key names the customer where an event has several: that with the lowest of these, then by kind and value.
    pub fn priority(&self, kind: &str) -> u32 {
        self.rule(kind).priority
    }

    /// How many keys of a kind one person may have; `None` where that is not said.
    pub fn most(&self, kind: &str) -> Option<u32> {
        self.rule(kind).most()
    }

    /// Whether a key of one kind that came with so many of another is shared by several people, and so glues nobody.
    pub fn is_too_many(&self, kind: &str, of: &str, count: u32) -> bool {
        !self.rule(kind).unique && self.rule(of).most().is_some_and(|most| count > most)
    }

    /// The rule of a kind, under whatever name.
    pub(super) fn rule(&self, kind: &str) -> &KeyRule {
        self.kinds.iter().find(|rule| rule.kind == kind).unwrap_or(&UNNAMED)
    }

    pub(super) fn is_junk(&self, value: &str) -> bool {
        // The longest junk value bounds what has to be compared; identifiers are usually longer.
        let value = value.trim();
        self.junk.contains(value)
            || (value.bytes().any(|b| b.is_ascii_uppercase()) && self.junk.contains(&value.to_lowercase()))
    }

    /// A number that changes whenever the rules do; the same on every machine.
    pub fn fingerprint(&self) -> u64 {
        rapidhash::v3::rapidhash_v3(format!("{self:?}").as_bytes())
    }
}

/// What a column of an event says, as an identifier; truth values and times name nobody.
pub fn text_of(event: &impl Facts, column: &Column) -> Option<String> {
    match event.get(column).value()? {
        Value::Text(text) => Some(text.to_owned()),
        Value::Int(number) => Some(number.to_string()),
        Value::Float(number) => Some(number.to_string()),
        Value::Null | Value::Bool(_) | Value::Time(_) => None,
    }
}
