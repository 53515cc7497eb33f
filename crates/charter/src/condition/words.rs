//! Which names a condition may use, and what type each has.

use std::fmt;

use event::Column;

use super::Condition;

/// The type of an expression, as far as it is known when the charter loads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Type {
    /// True or false.
    Bool,
    /// A whole number.
    Int,
    /// A number.
    Float,
    /// A text.
    Text,
    /// A moment in time.
    Time,
    /// A length of time, counted in microseconds; a text such as `'3d'` is read as one where it is compared with one.
    Duration,
    /// Known only from the data: a member of the properties or traits, or NULL. Compares with anything.
    Unknown,
}

impl Type {
    /// Whether it is a number, as far as is known.
    pub(super) fn is_number(self) -> bool {
        matches!(self, Type::Int | Type::Float | Type::Unknown)
    }

    /// Whether it may be a number, or is counted like one.
    pub(super) fn may_be_number(self) -> bool {
        self.is_number() || self == Type::Duration
    }

    /// Whether it may be `wanted`.
    pub(super) fn may_be(self, wanted: Type) -> bool {
        self == wanted || self == Type::Unknown
    }

    /// Whether values of the two types can be compared.
    pub(super) fn compares_with(self, other: Type) -> bool {
        self.may_be(other) || other == Type::Unknown || (self.is_number() && other.is_number())
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Type::Bool => "true or false",
            Type::Int | Type::Float => "a number",
            Type::Text => "a text",
            Type::Time => "a time",
            Type::Duration => "a span of time",
            Type::Unknown => "of unknown type",
        })
    }
}

/// The names that a condition may use.
pub trait Vocabulary {
    /// What a name stands for.
    type Column: Clone + PartialEq;

    /// The column that these name parts mean, such as `["properties", "total"]`, and its type; `None` if there is none.
    fn find(&self, parts: &[&str]) -> Option<(Self::Column, Type)>;

    /// The condition that a name stands for, which holds or does not in its place; `None` where it is the name of none.
    fn condition(&self, _name: &str) -> Option<&Condition<Self::Column>> {
        None
    }

    /// Names to suggest in place of a misspelt one.
    fn names(&self) -> Vec<String>;

    /// The only texts that a column can hold, where these are known; anything else compared with it is a mistake.
    fn values(&self, _column: &Self::Column) -> Option<Vec<String>> {
        None
    }

    /// What names there are, for a name that looks like none of them.
    fn hint(&self) -> String {
        "members of an event are written `properties.name`".to_owned()
    }
}

/// The columns of an event: what `when:` of a moment may use.
#[derive(Debug, Clone, Copy, Default)]
pub struct EventColumns;

impl Vocabulary for EventColumns {
    type Column = Column;

    fn find(&self, parts: &[&str]) -> Option<(Column, Type)> {
        let column = Column::from_parts(parts.iter().copied()).or_else(|| {
            // SQL does not tell upper from lower case in names; members of the properties keep theirs.
            let (first, rest) = parts.split_first()?;
            let first = first.to_ascii_lowercase();
            Column::from_parts(std::iter::once(first.as_str()).chain(rest.iter().copied()))
        })?;
        let of_type = match column {
            Column::At | Column::ReceivedAt => Type::Time,
            Column::Property(_) | Column::Trait(_) => Type::Unknown,
            _ => Type::Text,
        };
        Some((column, of_type))
    }

    fn names(&self) -> Vec<String> {
        let named = Column::NAMED.iter().map(|(name, _)| (*name).to_owned());
        named.chain(["properties".to_owned(), "traits".to_owned()]).collect()
    }
}
