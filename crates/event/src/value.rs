//! The values that conditions compare.

use crate::Timestamp;

/// One value of an event: what a column holds, or what a condition compares it with.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value<'a> {
    /// Nothing is known: SQL's NULL.
    Null,
    /// True or false.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A number.
    Float(f64),
    /// A text.
    Text(&'a str),
    /// A moment in time.
    Time(Timestamp),
}

impl Value<'_> {
    /// Whether nothing is known.
    pub fn is_null(&self) -> bool {
        matches!(self, Value::Null)
    }
}
