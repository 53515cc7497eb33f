//! Which column of a table plays which role in an event.
//!
//! A mapping comes from `--map`, from the charter's `sources:`, or is guessed; however it came about, it is the same
//! plain data, shown before anything is read, and resolved against the header by [`RowMapper`](crate::RowMapper).

mod parse;

use std::fmt;

use crate::times::TimeFormat;

/// What a column may be for an event.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// What happened.
    Event,
    /// An identifier of the customer, by the kind of key: `user_id`, `email`.
    Key(String),
    /// When it happened.
    At,
    /// When an activity began.
    Start,
    /// When it ended.
    End,
    /// When the event was received.
    ReceivedAt,
    /// Where it happened.
    Channel,
    /// Which file or system it came from.
    Source,
    /// The sender's id of the message.
    MessageId,
    /// Who did it.
    Resource,
    /// The department that did it.
    Department,
    /// The case it belongs to.
    CaseId,
    /// Which part of an activity it is.
    Phase,
    /// Rows with the same value are one event.
    OnePer,
    /// Everything else about the event.
    Properties,
    /// What it says about the customer.
    Traits,
}

impl Role {
    const NAMED: [(&'static str, Role); 15] = [
        ("event", Role::Event),
        ("at", Role::At),
        ("start", Role::Start),
        ("end", Role::End),
        ("received_at", Role::ReceivedAt),
        ("channel", Role::Channel),
        ("source", Role::Source),
        ("message_id", Role::MessageId),
        ("resource", Role::Resource),
        ("department", Role::Department),
        ("case_id", Role::CaseId),
        ("phase", Role::Phase),
        ("one_per", Role::OnePer),
        ("properties", Role::Properties),
        ("traits", Role::Traits),
    ];

    /// The role of this name; every name that is no other role is a kind of key, `customer` being `user_id`.
    pub fn from_name(name: &str) -> Self {
        let named = Self::NAMED.iter().find(|(known, _)| *known == name).map(|(_, role)| role.clone());
        named.unwrap_or_else(|| Role::Key(if name == "customer" { "user_id" } else { name }.to_owned()))
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Role::Key(kind) => f.write_str(kind),
            other => f.write_str(Self::NAMED.iter().find(|(_, role)| role == other).map_or("?", |(name, _)| name)),
        }
    }
}

/// Where the value of a role comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// From this column.
    Column(String),
    /// It is always this text.
    Literal(String),
}

impl Value {
    /// The column, if it comes from one.
    pub fn column(&self) -> Option<&str> {
        if let Value::Column(column) = self { Some(column) } else { None }
    }
}

/// A column of times.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimeColumn {
    /// The name of the column.
    pub column: String,
    /// How its times are written; `None` where they are typed, or until it has been guessed.
    pub format: Option<TimeFormat>,
}

/// What one value becomes of the values of several rows that are one event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Aggregate {
    /// The first value that there is.
    First,
    /// The sum of the numbers.
    Sum,
    /// How many rows there are.
    Count,
}

/// How the texts of a column are written into the properties.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Kind {
    /// As texts.
    #[default]
    Text,
    /// As numbers where they are numbers, otherwise as texts.
    Number,
    /// As true and false where they are, otherwise as texts.
    Truth,
    /// The members of an object become members themselves.
    Members,
}

/// One member of the properties or traits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Its name.
    pub name: String,
    /// The column that it comes from; `None` for a count.
    pub column: Option<String>,
    /// What becomes of it where several rows are one event.
    pub aggregate: Aggregate,
    /// How its texts are written.
    pub kind: Kind,
}

impl Member {
    /// The member that keeps a column under its own name.
    pub fn of_column(column: &str) -> Self {
        Self { name: column.to_owned(), column: Some(column.to_owned()), aggregate: Aggregate::First, kind: Kind::Text }
    }
}

/// Which columns become properties.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Properties {
    /// All columns that have no other role.
    #[default]
    Rest,
    /// These.
    Only(Vec<Member>),
}

/// Which column plays which role.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Mapping {
    /// What happened.
    pub event: Option<Value>,
    /// The identifiers of the customer: kind of key, and where its value comes from.
    pub keys: Vec<(String, Value)>,
    /// When it happened.
    pub at: Option<TimeColumn>,
    /// When an activity began: a row with `start` and `end` (or `at`) is two events, with the phases `start` and
    /// `complete`.
    pub start: Option<TimeColumn>,
    /// When an activity ended.
    pub end: Option<TimeColumn>,
    /// When the event was received.
    pub received_at: Option<TimeColumn>,
    /// Where it happened.
    pub channel: Option<Value>,
    /// Which file or system it came from.
    pub source: Option<Value>,
    /// The sender's id of the message.
    pub message_id: Option<Value>,
    /// Who did it.
    pub resource: Option<Value>,
    /// The department that did it.
    pub department: Option<Value>,
    /// The case it belongs to.
    pub case_id: Option<Value>,
    /// Which part of an activity it is.
    pub phase: Option<Value>,
    /// Rows with the same value of this column, and the same customer, are one event, at the earliest of their times.
    pub one_per: Option<String>,
    /// Everything else about the event.
    pub properties: Properties,
    /// What it says about the customer.
    pub traits: Vec<Member>,
    /// Texts that mean "not known"; they count as no value wherever they stand.
    pub unknown: Vec<String>,
}

/// Why a mapping cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MappingError {
    /// The table has no such column.
    #[error("there is no column `{column}` for {role}{}; the columns are {}", did_you_mean(column, columns), columns.join(", "))]
    NoSuchColumn {
        /// The role that the column was to play.
        role: Role,
        /// The column that is missing.
        column: String,
        /// The columns that there are.
        columns: Vec<String>,
    },
    /// No column says what the role needs.
    #[error("nothing says which column is {role}: give --map {role}=COLUMN; the columns are {}", columns.join(", "))]
    NotMapped {
        /// The role that nothing plays.
        role: Role,
        /// The columns that there are.
        columns: Vec<String>,
    },
    /// More kinds of keys than an event may have.
    #[error("{count} keys are mapped, and an event may have {max}")]
    TooManyKeys {
        /// How many there are.
        count: usize,
        /// How many there may be.
        max: usize,
    },
    /// Rows that are two events cannot be one event together.
    #[error("one_per needs one time per row: map `at`, not `start` and `end`")]
    OnePerWithPhases,
    /// A sum or count where every row is an event of its own.
    #[error("`{member}` adds up rows, which needs one_per=COLUMN to say which rows are one event")]
    AggregateWithoutOnePer {
        /// The member of the properties.
        member: String,
    },
    /// A text of `--map` that is not a mapping.
    #[error(
        "`{part}` is not a part of a mapping: write role=column, as in event=status,customer=caller,at=updated:%d/%m/%Y"
    )]
    NotAMapping {
        /// The part that was not understood.
        part: String,
    },
    /// The same role twice.
    #[error("{role} is mapped twice")]
    Twice {
        /// The role.
        role: Role,
    },
}

/// `, did you mean …?` for a column name with a typing error.
fn did_you_mean(column: &str, columns: &[String]) -> String {
    let wanted = column.to_lowercase();
    let nearest = columns.iter().map(|name| (distance(&wanted, &name.to_lowercase()), name)).min();
    match nearest {
        Some((steps, name)) if steps <= 1 + wanted.chars().count() / 4 => format!(" (did you mean `{name}`?)"),
        _ => String::new(),
    }
}

/// How many characters have to be changed, added or left out to make one text the other (Levenshtein 1966).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let change = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = change.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

impl Mapping {
    /// Reads a mapping as `--map` takes it: `event=status,customer=caller,at=updated:%d/%m/%Y`.
    ///
    /// Roles are those of [`Role`], any other name is a kind of key, and `customer` means the key `user_id`. A column
    /// name with a comma stands in double quotes; `channel='shop'` is a literal; a form of times follows its column
    /// after a colon; members of properties and traits are separated by `|`, as in `properties=store|sum(total)|count()`.
    ///
    /// # Errors
    /// When a part is not `role=column`, a role comes twice, or a form of times is not known.
    pub fn parse_map(text: &str) -> Result<Self, MappingError> {
        parse::mapping(text)
    }

    /// The columns that have a role, with it; properties and traits included where they are named.
    pub fn used(&self) -> Vec<(Role, &str)> {
        let texts = self.texts();
        let keys = self.keys.iter().map(|(kind, value)| (Role::Key(kind.clone()), Some(value)));
        let values = texts.into_iter().chain(keys).filter_map(|(role, value)| Some((role, value?.column()?)));
        let times = self.times().into_iter().filter_map(|(role, time)| Some((role, time?.column.as_str())));
        let one_per = self.one_per.iter().map(|column| (Role::OnePer, column.as_str()));
        let traits = self.traits.iter().filter_map(|member| Some((Role::Traits, member.column.as_deref()?)));
        let members: &[Member] = if let Properties::Only(members) = &self.properties { members } else { &[] };
        let members = members.iter().filter_map(|member| Some((Role::Properties, member.column.as_deref()?)));
        values.chain(times).chain(one_per).chain(traits).chain(members).collect()
    }

    /// The roles that are texts, in the order of [`RowMapper`](crate::RowMapper).
    pub(crate) fn texts(&self) -> [(Role, Option<&Value>); 8] {
        [
            (Role::Event, self.event.as_ref()),
            (Role::Channel, self.channel.as_ref()),
            (Role::Source, self.source.as_ref()),
            (Role::MessageId, self.message_id.as_ref()),
            (Role::Resource, self.resource.as_ref()),
            (Role::Department, self.department.as_ref()),
            (Role::CaseId, self.case_id.as_ref()),
            (Role::Phase, self.phase.as_ref()),
        ]
    }

    /// The roles that are times.
    pub(crate) fn times(&self) -> [(Role, Option<&TimeColumn>); 4] {
        [
            (Role::At, self.at.as_ref()),
            (Role::Start, self.start.as_ref()),
            (Role::End, self.end.as_ref()),
            (Role::ReceivedAt, self.received_at.as_ref()),
        ]
    }

    pub(crate) fn text_mut(&mut self, role: &Role) -> Option<&mut Option<Value>> {
        Some(match role {
            Role::Event => &mut self.event,
            Role::Channel => &mut self.channel,
            Role::Source => &mut self.source,
            Role::MessageId => &mut self.message_id,
            Role::Resource => &mut self.resource,
            Role::Department => &mut self.department,
            Role::CaseId => &mut self.case_id,
            Role::Phase => &mut self.phase,
            _ => return None,
        })
    }

    pub(crate) fn time_mut(&mut self, role: &Role) -> Option<&mut Option<TimeColumn>> {
        Some(match role {
            Role::At => &mut self.at,
            Role::Start => &mut self.start,
            Role::End => &mut self.end,
            Role::ReceivedAt => &mut self.received_at,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests;
