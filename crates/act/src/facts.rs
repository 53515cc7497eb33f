//! What was known of a customer, as it is written with a decision: values in the order of their names, which the charter alone says
//! and which are kept once for it.

use event::{Timestamp, Value};
use serde::{Deserialize, Serialize};

use crate::customer::Customer;
use crate::plan::Plan;

/// A value, as it is written.
#[derive(Debug, Serialize, Deserialize)]
enum Stored<'a> {
    Absent,
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(&'a str),
    Time(i64),
}

impl<'a> From<Option<Value<'a>>> for Stored<'a> {
    fn from(value: Option<Value<'a>>) -> Self {
        match value {
            None => Stored::Absent,
            Some(Value::Null) => Stored::Null,
            Some(Value::Bool(truth)) => Stored::Bool(truth),
            Some(Value::Int(number)) => Stored::Int(number),
            Some(Value::Float(number)) => Stored::Float(number),
            Some(Value::Text(text)) => Stored::Text(text),
            Some(Value::Time(at)) => Stored::Time(at.as_micros()),
        }
    }
}

impl<'a> Stored<'a> {
    fn value(self) -> Option<Value<'a>> {
        Some(match self {
            Stored::Absent => return None,
            Stored::Null => Value::Null,
            Stored::Bool(truth) => Value::Bool(truth),
            Stored::Int(number) => Value::Int(number),
            Stored::Float(number) => Value::Float(number),
            Stored::Text(text) => Value::Text(text),
            Stored::Time(at_us) => Value::Time(Timestamp::from_micros(at_us)),
        })
    }
}

impl Plan {
    /// The names of all that conditions of actions may name and do, by the words that they have for it, in the order of
    /// [`Customer::facts`].
    pub fn facts(&self) -> Vec<String> {
        let charter = self.charter();
        let columns = self.latest.iter().map(ToString::to_string);
        let surveys = charter.surveys.iter().map(|survey| survey.name.clone());
        let features = charter.features.iter().map(|feature| feature.name.clone());
        columns.chain(["moment", "stage"].map(str::to_owned)).chain(surveys).chain(features).collect()
    }
}

impl Customer<'_> {
    /// All that conditions may name, as it is written; [`facts_of`] reads it.
    pub fn facts_to_bytes(&self) -> Vec<u8> {
        self.facts().fold(Vec::with_capacity(128), |bytes, fact| {
            postcard::to_extend(&Stored::from(fact), bytes).expect("memory takes what is written")
        })
    }
}

/// What was known, by the names that the charter had for it; `None` where these are not as many values as names.
pub fn facts_of<'a>(mut bytes: &'a [u8], names: &'a [String]) -> Option<Vec<(&'a str, Value<'a>)>> {
    let mut facts = Vec::with_capacity(names.len());
    for name in names {
        let (stored, rest) = postcard::take_from_bytes::<Stored<'_>>(bytes).ok()?;
        bytes = rest;
        facts.extend(stored.value().map(|value| (name.as_str(), value)));
    }
    bytes.is_empty().then_some(facts)
}
