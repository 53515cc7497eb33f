//! Which column of a table plays which role in an event.
//!
//! A mapping comes from `--map`, from the charter's `sources:`, or is guessed; however it came about, it is the same
//! plain data, shown before anything is read, and resolved against the header by [`RowMapper`](crate::RowMapper).

mod parse;
mod source;

use std::collections::BTreeMap;
use std::fmt;

use charter::sources::{Aggregate, Taking};

use crate::times::{TimeFormat, TimeFormatError};

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

    /// The role that a name is most probably a slip for.
    pub(crate) fn nearest(name: &str) -> Option<&'static str> {
        event::nearest(name, Self::NAMED.iter().map(|(known, _)| *known).chain(["customer"]))
    }

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

/// A column of times, or a column of dates and one of times of day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimeColumn {
    /// The name of the column.
    pub column: String,
    /// The column of the time of day, where the date has a column of its own.
    pub time_of_day: Option<String>,
    /// How its times are written; `None` where they are typed, or until it has been guessed.
    pub format: Option<TimeFormat>,
}

impl TimeColumn {
    /// Of this column, or of the two in `date+time`, as far as that can be known without a header.
    pub fn of(column: impl Into<String>, format: Option<TimeFormat>) -> Self {
        Self { column: column.into(), time_of_day: None, format }
    }

    /// Takes `date+time` for two columns, where there is none of this name and there are both of these.
    pub(crate) fn settle(&mut self, columns: &[String]) {
        let is_column = |name: &str| columns.iter().any(|column| column == name);
        let both = self.column.split_once('+').map(|(date, time)| (date.trim(), time.trim()));
        if let Some((date, time)) = both.filter(|(date, time)| is_column(date) && is_column(time))
            && !is_column(&self.column)
        {
            (self.time_of_day, self.column) = (Some(time.to_owned()), date.to_owned());
        }
    }

    /// The column, or `date+time`.
    pub fn name(&self) -> String {
        match &self.time_of_day {
            Some(time) => format!("{}+{time}", self.column),
            None => self.column.clone(),
        }
    }

    /// The columns that it takes.
    fn columns(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.column.as_str()).chain(self.time_of_day.as_deref())
    }
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
    /// What it takes from the row, or the rows, of the event.
    pub from: Taking,
    /// How the texts of its column are written.
    pub kind: Kind,
}

impl Member {
    /// The member that keeps a column under its own name.
    pub fn of_column(column: &str) -> Self {
        let from = Taking::Column(Aggregate::First, column.to_owned());
        Self { name: column.to_owned(), from, kind: Kind::Text }
    }
}

/// Which columns become properties, or traits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Members {
    /// All columns that have no other role.
    Rest,
    /// These.
    Only(Vec<Member>),
}

impl Members {
    /// Those that are named.
    pub(crate) fn named(members: Option<&Members>) -> &[Member] {
        if let Some(Members::Only(members)) = members { members } else { &[] }
    }
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
    /// Everything else about the event; `None`: what has no role, unless that is the traits.
    pub properties: Option<Members>,
    /// What it says about the customer; `None`: nothing.
    pub traits: Option<Members>,
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
    /// The table has several columns not.
    #[error("there are no columns {}; the columns are {}", missing.iter().map(|(role, column)| format!("`{column}` for {role}{}", did_you_mean(column, columns))).collect::<Vec<_>>().join(", "), columns.join(", "))]
    NoSuchColumns {
        /// The roles, with the columns that are missing.
        missing: Vec<(Role, String)>,
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
    /// A sum, count or the like where every row is an event of its own.
    #[error("`{member}` takes several rows together, which needs one_per=COLUMN to say which rows are one event")]
    AggregateWithoutOnePer {
        /// The member of the properties.
        member: String,
    },
    /// A form of times in the charter that is not known.
    #[error("the charter's `{role}`: {source}")]
    Time {
        /// The role.
        role: Role,
        /// What is wrong.
        source: TimeFormatError,
    },
    /// A time in the charter that is a text.
    #[error("the charter says that `{role}` is always the same time")]
    LiteralTime {
        /// The role.
        role: Role,
    },
    /// A text of `--map` that is not a mapping.
    #[error(
        "`{part}` is not a part of a mapping: write role=column, as in event=status,customer=caller,at=updated:%d/%m/%Y"
    )]
    NotAMapping {
        /// The part that was not understood.
        part: String,
    },
    /// A name that is taken for a kind of key, and hardly is one.
    #[error("`{name}` is no role (did you mean `{nearest}`?); any other name is a kind of key")]
    UnknownRole {
        /// The name that was given.
        name: String,
        /// The role that it looks like.
        nearest: &'static str,
    },
    /// The same role twice.
    #[error("{role} is mapped twice")]
    Twice {
        /// The role.
        role: Role,
    },
}

/// ` (did you mean …?)` for a column name with a typing error.
fn did_you_mean(column: &str, columns: &[String]) -> String {
    let nearest = event::nearest(column, columns.iter().map(String::as_str));
    nearest.map_or_else(String::new, |name| format!(" (did you mean `{name}`?)"))
}

impl Mapping {
    /// Reads a mapping as `--map` takes it: `event=status,customer=caller,at=updated:%d/%m/%Y`.
    ///
    /// Roles are those of [`Role`], any other name is a kind of key, and `customer` means the key `user_id`. A column
    /// name with a comma stands in double quotes; `at=date+time` joins two columns; `channel='shop'` is a literal; a form of times follows its column
    /// after a colon; members of properties and traits are separated by `|`, as in `properties=store|sum(total)|count()`.
    ///
    /// # Errors
    /// When a part is not `role=column`, a role comes twice, or a form of times is not known.
    pub fn parse_map(text: &str) -> Result<Self, MappingError> {
        parse::mapping(text)
    }

    /// Gives a column to a role that takes one, such as the event, the time or a key, instead of what had it before.
    pub fn give(&mut self, role: &Role, column: &str) {
        if let Role::Key(kind) = role {
            self.keys.retain(|(known, _)| known != kind);
            self.keys.push((kind.clone(), Value::Column(column.to_owned())));
        } else if let Some(place) = self.text_mut(role) {
            *place = Some(Value::Column(column.to_owned()));
        } else if let Some(place) = self.time_mut(role) {
            *place = Some(TimeColumn::of(column, None));
        }
    }

    /// The columns that have a role, with it; properties and traits included where they are named.
    pub fn used(&self) -> Vec<(Role, &str)> {
        let texts = self.texts();
        let keys = self.keys.iter().map(|(kind, value)| (Role::Key(kind.clone()), Some(value)));
        let values = texts.into_iter().chain(keys).filter_map(|(role, value)| Some((role, value?.column()?)));
        let times = self.times().into_iter().filter_map(|(role, time)| Some((role, time?)));
        let times = times.flat_map(|(role, time)| time.columns().map(move |column| (role.clone(), column)));
        let one_per = self.one_per.iter().map(|column| (Role::OnePer, column.as_str()));
        let members = |role: Role, members| {
            let columns = Members::named(members).iter().filter_map(|member| member.from.column());
            columns.map(move |column| (role.clone(), column))
        };
        let traits = members(Role::Traits, self.traits.as_ref());
        let properties = members(Role::Properties, self.properties.as_ref());
        values.chain(times).chain(one_per).chain(traits).chain(properties).collect()
    }

    /// What each role is taken from, as `--map` would say it: to be shown, and to compare two mappings by.
    pub fn shown(&self) -> BTreeMap<String, String> {
        let value = |value: &Value| match value {
            Value::Column(column) => column.clone(),
            Value::Literal(text) => format!("'{text}'"),
        };
        let texts = self.texts().into_iter().filter_map(|(role, text)| Some((role.to_string(), value(text?))));
        let keys = self.keys.iter().map(|(kind, key)| (kind.clone(), value(key)));
        let time = |time: &TimeColumn| match &time.format {
            Some(format) => format!("{}:{format}", time.name()),
            None => time.name(),
        };
        let times = self.times().into_iter().filter_map(|(role, at)| Some((role.to_string(), time(at?))));
        let member = |member: &Member| match &member.from {
            Taking::Literal(text) => format!("'{text}'"),
            Taking::Rows => "count()".to_owned(),
            Taking::Column(Aggregate::First, column) => column.clone(),
            Taking::Column(aggregate, column) => format!("{}({column})", aggregate.name()),
        };
        let members = [(Role::Properties, &self.properties), (Role::Traits, &self.traits)].map(|(role, members)| {
            let shown: Vec<String> = Members::named(members.as_ref()).iter().map(member).collect();
            (role.to_string(), shown.join("|"))
        });
        let others = [("one_per", self.one_per.clone().unwrap_or_default()), ("unknown", self.unknown.join("|"))];
        let others = others.map(|(role, shown)| (role.to_owned(), shown));
        let all = texts.chain(keys).chain(times).chain(members).chain(others);
        all.filter(|(_, shown)| !shown.is_empty()).collect()
    }

    /// Finds the columns of dates and of times of day in `date+time`.
    pub(crate) fn settle_times(&mut self, columns: &[String]) {
        let times = [&mut self.at, &mut self.start, &mut self.end, &mut self.received_at];
        times.into_iter().flatten().for_each(|time| time.settle(columns));
    }

    /// Names the members of properties and traits that are all columns without a role.
    pub(crate) fn settle_members(&mut self, columns: &[String]) {
        let used: Vec<&str> = self.used().into_iter().map(|(_, column)| column).collect();
        let rest = columns.iter().filter(|column| !used.contains(&column.as_str())).map(|c| Member::of_column(c));
        let rest: Vec<Member> = rest.collect();
        let to_traits = self.traits == Some(Members::Rest);
        if to_traits {
            self.traits = Some(Members::Only(rest.clone()));
        }
        match self.properties {
            Some(Members::Only(_)) => {}
            None if to_traits => self.properties = Some(Members::Only(Vec::new())),
            None | Some(Members::Rest) => self.properties = Some(Members::Only(rest)),
        }
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
