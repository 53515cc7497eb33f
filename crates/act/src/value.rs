//! Values as a state keeps them.

use event::{Timestamp, Value};
use rapidhash::v3::rapidhash_v3;
use serde::{Deserialize, Serialize};

use crate::limits::TEXT_BYTES_MAX;

/// A value that was copied out of an event.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(crate) enum Kept {
    #[default]
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(Box<str>),
    Time(i64),
    /// A text of which only matters whether it is the same as another; never 0.
    Same(u64),
}

impl Kept {
    /// Copies a value; a long text is cut.
    pub(crate) fn copy(value: Value<'_>) -> Self {
        match value {
            Value::Null => Kept::Null,
            Value::Bool(truth) => Kept::Bool(truth),
            Value::Int(number) => Kept::Int(number),
            Value::Float(number) => Kept::Float(number),
            Value::Text(text) => Kept::Text(cut(text, TEXT_BYTES_MAX).into()),
            Value::Time(at) => Kept::Time(at.as_micros()),
        }
    }

    /// What tells this value from others; numbers as their text, times not at all.
    pub(crate) fn same(value: Value<'_>) -> Self {
        match value {
            Value::Null | Value::Time(_) => Kept::Null,
            Value::Text(text) => Kept::Same(hash(text)),
            Value::Int(number) => Kept::Same(hash(&number.to_string())),
            Value::Float(number) => Kept::Same(hash(&number.to_string())),
            Value::Bool(truth) => Kept::Same(hash(if truth { "true" } else { "false" })),
        }
    }

    /// As conditions see it.
    pub(crate) fn value(&self) -> Value<'_> {
        match self {
            Kept::Null | Kept::Same(_) => Value::Null,
            Kept::Bool(truth) => Value::Bool(*truth),
            Kept::Int(number) => Value::Int(*number),
            Kept::Float(number) => Value::Float(*number),
            Kept::Text(text) => Value::Text(text),
            Kept::Time(at_us) => Value::Time(Timestamp::from_micros(*at_us)),
        }
    }

    /// As a number, which a text may be one too: exports often quote their numbers.
    pub(crate) fn number(&self) -> Option<f64> {
        match self {
            Kept::Int(number) => Some(*number as f64),
            Kept::Float(number) => Some(*number),
            Kept::Text(text) => text.trim().parse().ok().filter(|number: &f64| number.is_finite()),
            Kept::Time(at_us) => Some(*at_us as f64),
            Kept::Null | Kept::Bool(_) | Kept::Same(_) => None,
        }
    }

    /// What tells it from others; 0 where there is nothing.
    pub(crate) fn sameness(&self) -> u64 {
        if let Kept::Same(hash) = self { *hash } else { 0 }
    }
}

fn hash(text: &str) -> u64 {
    rapidhash_v3(text.as_bytes()).max(1)
}

/// The beginning of a text, at most so many bytes long.
pub(crate) fn cut(text: &str, bytes_max: usize) -> &str {
    text.get(..text.floor_char_boundary(bytes_max)).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_are_cut_between_letters() {
        let long = "ä".repeat(TEXT_BYTES_MAX);
        let Kept::Text(kept) = Kept::copy(Value::Text(&long)) else { panic!("a text stays one") };
        assert_eq!(kept.len(), TEXT_BYTES_MAX);
        assert_eq!(cut("aä", 2), "a");
    }

    #[test]
    fn numbers_are_the_same_as_their_texts() {
        assert_eq!(Kept::same(Value::Int(5)), Kept::same(Value::Text("5")));
        assert_eq!(Kept::same(Value::Null).sameness(), 0);
        assert_eq!(Kept::copy(Value::Text(" 7.5 ")).number(), Some(7.5));
        assert_eq!(Kept::copy(Value::Text("NaN")).number(), None);
    }
}
