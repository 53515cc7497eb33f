//! The columns of an event that a condition may name.

use std::fmt;

/// A column of an event, as conditions and queries name it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Column {
    /// `event`: what happened.
    Event,
    /// `at`: when it happened.
    At,
    /// `received_at`: when it was received.
    ReceivedAt,
    /// `channel`: where it happened.
    Channel,
    /// `source`: the file or system it came from.
    Source,
    /// `message_id`: the sender's id of the message.
    MessageId,
    /// `resource`: who did it.
    Resource,
    /// `department`: the department that did it.
    Department,
    /// `case_id`: the case it belongs to.
    CaseId,
    /// `phase`: which part of an activity it is.
    Phase,
    /// `properties.a.b`: a member of the properties, by its path.
    Property(Vec<String>),
    /// `traits.a.b`: a member of the traits, by its path.
    Trait(Vec<String>),
}

impl Column {
    /// The columns without a path, with the names that conditions use.
    pub const NAMED: [(&'static str, Column); 10] = [
        ("event", Column::Event),
        ("at", Column::At),
        ("received_at", Column::ReceivedAt),
        ("channel", Column::Channel),
        ("source", Column::Source),
        ("message_id", Column::MessageId),
        ("resource", Column::Resource),
        ("department", Column::Department),
        ("case_id", Column::CaseId),
        ("phase", Column::Phase),
    ];

    /// The column that these name parts mean, such as `["properties", "total"]`; `None` if there is no such column.
    pub fn from_parts<'a>(parts: impl IntoIterator<Item = &'a str>) -> Option<Self> {
        let parts: Vec<&str> = parts.into_iter().collect();
        let path = || parts.iter().skip(1).map(ToString::to_string).collect();
        match parts.as_slice() {
            ["properties", _, ..] => Some(Column::Property(path())),
            ["traits", _, ..] => Some(Column::Trait(path())),
            [name] => Self::NAMED.iter().find(|(n, _)| n == name).map(|(_, c)| c.clone()),
            _ => None,
        }
    }
}

impl fmt::Display for Column {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Column::Property(path) => write!(f, "properties.{}", path.join(".")),
            Column::Trait(path) => write!(f, "traits.{}", path.join(".")),
            named => {
                let name = Self::NAMED.iter().find(|(_, c)| c == named).map_or("?", |(n, _)| n);
                f.write_str(name)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_and_display_are_inverse() {
        for text in ["event", "at", "case_id", "properties.total", "traits.address.city"] {
            let column = Column::from_parts(text.split('.')).expect(text);
            assert_eq!(column.to_string(), text);
        }
        assert_eq!(Column::from_parts(["properties"]), None);
        assert_eq!(Column::from_parts(["event", "x"]), None);
        assert_eq!(Column::from_parts(["nonsense"]), None);
    }
}
