//! How rows of a file or topic become events: guessed by `init`, corrected by hand, carried out by the reader of the
//! files.

mod glob;

use jiff::tz::TimeZone;

use crate::problem::Code;
use crate::read::{Fields, Kind, Reader};
use crate::yaml::{Node, Value};

pub use glob::Glob;

/// What a role takes from a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Taken {
    /// The value of a column.
    Column {
        /// Its name in the file.
        column: String,
        /// How its times are written: in `strptime` letters such as `%d/%m/%Y %H:%M`, or by a name such as `dmy`.
        format: Option<String>,
    },
    /// The same text for every row; written with quotes inside of quotes: `"'shop'"`.
    Literal(String),
}

/// What becomes of the values of a column over the rows that are one event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Aggregate {
    /// The first value that there is.
    First,
    /// The last one.
    Last,
    /// The sum of the numbers.
    Sum,
    /// Their mean.
    Mean,
    /// The least value; numbers come before texts.
    Min,
    /// The greatest value.
    Max,
    /// How many rows have a value.
    Count,
    /// How many different values there are.
    Distinct,
    /// All values as a list, in the order of the rows.
    List,
}

impl Aggregate {
    /// All of them, with the names by which they are called.
    pub const NAMED: [(&'static str, Aggregate); 9] = [
        ("first", Aggregate::First),
        ("last", Aggregate::Last),
        ("sum", Aggregate::Sum),
        ("mean", Aggregate::Mean),
        ("min", Aggregate::Min),
        ("max", Aggregate::Max),
        ("count", Aggregate::Count),
        ("distinct", Aggregate::Distinct),
        ("list", Aggregate::List),
    ];

    /// The name by which it is called.
    pub fn name(self) -> &'static str {
        Self::NAMED.iter().find(|(_, known)| *known == self).map_or("?", |(name, _)| name)
    }
}

/// What a property or trait takes from the row, or the rows, of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Taking {
    /// The same text for every event.
    Literal(String),
    /// How many rows there are.
    Rows,
    /// From the values of a column.
    Column(Aggregate, String),
}

impl Taking {
    /// Reads `total`, `'shop'`, `count()` or `sum(total)`; `Duration (s)` is a column like any other. `None` for a call
    /// that cannot be carried out.
    pub fn parse(text: &str) -> Option<Self> {
        if let Some(text) = literal(text) {
            return Some(Taking::Literal(text));
        }
        let column = || Some(Taking::Column(Aggregate::First, text.to_owned()));
        let Some((function, inner)) = text.strip_suffix(')').and_then(|text| text.split_once('(')) else {
            return column();
        };
        let function = function.to_ascii_lowercase();
        let named = Aggregate::NAMED.iter().find(|(name, _)| *name == function);
        let Some((_, aggregate)) = named else {
            // Meant as a call: by whoever knows SQL, or misspelt.
            let names = Aggregate::NAMED.iter().map(|(name, _)| *name);
            let is_call =
                ["avg", "average", "median"].contains(&function.as_str()) || event::nearest(&function, names).is_some();
            return if is_call { None } else { column() };
        };
        let aggregate = *aggregate;
        match inner.trim() {
            "" | "*" => (aggregate == Aggregate::Count).then_some(Taking::Rows),
            inner => Some(Taking::Column(aggregate, inner.to_owned())),
        }
    }

    /// The column that it is taken from.
    pub fn column(&self) -> Option<&str> {
        if let Taking::Column(_, column) = self { Some(column) } else { None }
    }

    /// Whether it only makes sense where several rows are one event.
    pub fn needs_rows(&self) -> bool {
        !matches!(self, Taking::Literal(_) | Taking::Column(Aggregate::First, _))
    }
}

/// A member of the properties or traits, and where it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Its name in the event.
    pub name: String,
    /// Where it comes from.
    pub from: Taking,
}

/// Which columns go into the properties or traits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Members {
    /// All that have no role.
    All,
    /// These.
    Listed(Vec<Member>),
}

/// How the rows of some files become events.
#[derive(Debug, Clone, PartialEq)]
pub struct SourceMap {
    /// Which files.
    pub glob: Glob,
    /// What happened.
    pub event: Option<Taken>,
    /// The identifiers: each with its kind (the name of a key).
    pub keys: Vec<(String, Taken)>,
    /// When it happened.
    pub at: Option<Taken>,
    /// When it began, where a row has a beginning and an end: it becomes two phases of one activity.
    pub start: Option<Taken>,
    /// When it ended.
    pub end: Option<Taken>,
    /// When it was received.
    pub received_at: Option<Taken>,
    /// Where it happened.
    pub channel: Option<Taken>,
    /// Which system it came from.
    pub source: Option<Taken>,
    /// The sender's id of the message.
    pub message_id: Option<Taken>,
    /// Who did it.
    pub resource: Option<Taken>,
    /// The department that did it.
    pub department: Option<Taken>,
    /// The case that it belongs to.
    pub case_id: Option<Taken>,
    /// Which part of an activity it is.
    pub phase: Option<Taken>,
    /// What goes into the properties; without it, all columns that have no role, unless these are the traits.
    pub properties: Option<Members>,
    /// What goes into the traits; without it, nothing.
    pub traits: Option<Members>,
    /// Rows with the same value of this column are one event.
    pub one_per: Option<String>,
    /// Values that mean "not known" in this file.
    pub unknown: Vec<String>,
    /// The zone in which times without an offset are meant; without it, the charter's.
    pub timezone: Option<TimeZone>,
    /// What separates the columns of a text file.
    pub delimiter: Option<char>,
    /// How the text is encoded, by its name: `utf-8`, `windows-1252`.
    pub encoding: Option<String>,
    /// In an object-centric log: the type of object that is the customer.
    pub object_type: Option<String>,
}

impl SourceMap {
    /// A source of these files about which nothing is said.
    pub fn new(glob: Glob) -> Self {
        Self {
            glob,
            event: None,
            keys: Vec::new(),
            at: None,
            start: None,
            end: None,
            received_at: None,
            channel: None,
            source: None,
            message_id: None,
            resource: None,
            department: None,
            case_id: None,
            phase: None,
            properties: None,
            traits: None,
            one_per: None,
            unknown: Vec::new(),
            timezone: None,
            delimiter: None,
            encoding: None,
            object_type: None,
        }
    }
}

/// The roles that take one value.
pub(crate) const ROLES: [&str; 12] = [
    "event",
    "at",
    "start",
    "end",
    "received_at",
    "channel",
    "source",
    "message_id",
    "resource",
    "department",
    "case_id",
    "phase",
];
/// The other keys of a source.
pub(crate) const SETTINGS: [&str; 8] =
    ["properties", "traits", "one_per", "unknown", "timezone", "delimiter", "encoding", "object_type"];

/// The ways to write times that have a name, besides patterns.
pub(crate) const TIME_FORMS: [&str; 9] =
    ["iso", "dmy", "mdy", "month-name", "unix", "unix-ms", "unix-us", "unix-ns", "excel"];

pub(crate) fn read(reader: &mut Reader<'_>, node: &Node) -> Vec<SourceMap> {
    let mut sources = Vec::new();
    for (name, node) in reader.entries(node, "`sources`") {
        let kinds = reader.names.of(Kind::Key).to_vec();
        let known: Vec<&str> = ROLES.into_iter().chain(SETTINGS).chain(kinds.iter().map(String::as_str)).collect();
        let fields = reader.fields(node, "a source", &known);
        let role = |reader: &mut Reader<'_>, key: &str| fields.get(key).and_then(|n| read_taken(reader, n));
        let keys = kinds.iter().filter_map(|kind| Some((kind.clone(), role(reader, kind)?))).collect();
        let text = |reader: &mut Reader<'_>, key: &str| fields.get(key).and_then(|n| reader.text(n));
        let one_per = text(reader, "one_per");
        let source = SourceMap {
            glob: Glob::new(name.text),
            event: role(reader, "event"),
            keys,
            at: role(reader, "at"),
            start: role(reader, "start"),
            end: role(reader, "end"),
            received_at: role(reader, "received_at"),
            channel: role(reader, "channel"),
            source: role(reader, "source"),
            message_id: role(reader, "message_id"),
            resource: role(reader, "resource"),
            department: role(reader, "department"),
            case_id: role(reader, "case_id"),
            phase: role(reader, "phase"),
            properties: fields.get("properties").and_then(|n| read_members(reader, n, one_per.is_some())),
            traits: fields.get("traits").and_then(|n| read_members(reader, n, one_per.is_some())),
            one_per,
            unknown: fields.get("unknown").map(|n| read_unknown(reader, n)).unwrap_or_default(),
            timezone: fields.get("timezone").and_then(|n| reader.time_zone(n)),
            delimiter: fields.get("delimiter").and_then(|n| read_delimiter(reader, n)),
            encoding: text(reader, "encoding"),
            object_type: text(reader, "object_type"),
        };
        check_times(reader, &fields);
        sources.push(source);
    }
    sources
}

fn check_times(reader: &mut Reader<'_>, fields: &Fields<'_>) {
    if let (Some(at), Some(_)) = (fields.get("at"), fields.get("start").or(fields.get("end"))) {
        let hint = Some("keep `at`, or `start` and `end`".to_owned());
        reader.report(Code::Contradiction, at.bytes.clone(), "a row has one time, or a beginning and an end", hint);
    }
    if fields.get("end").is_some() && fields.get("start").is_none() {
        reader.required(fields, "start");
    }
}

fn read_unknown(reader: &mut Reader<'_>, node: &Node) -> Vec<String> {
    node.items().into_iter().filter_map(|item| reader.datum(item)).collect()
}

fn read_delimiter(reader: &mut Reader<'_>, node: &Node) -> Option<char> {
    let text = reader.text(node)?;
    let mut chars = text.chars();
    match (text.as_str(), chars.next(), chars.next()) {
        ("tab" | "\\t", ..) => Some('\t'),
        (_, Some(only), None) if only.is_ascii() => Some(only),
        _ => {
            let hint = Some("such as \";\", or tab".to_owned());
            reader.report(Code::BadValue, node.bytes.clone(), format!("`{text}` is not one character"), hint);
            None
        }
    }
}

/// The text between single quotes, if it is written so.
fn literal(text: &str) -> Option<String> {
    let inner = text.strip_prefix('\'')?.strip_suffix('\'')?;
    Some(inner.replace("''", "'"))
}

fn read_taken(reader: &mut Reader<'_>, node: &Node) -> Option<Taken> {
    if let Value::Map(_) = node.value {
        let fields = reader.fields(node, "a column", &["column", "format"]);
        let column = reader.required(&fields, "column").and_then(|n| reader.datum(n))?;
        let format = fields.get("format").and_then(|n| read_format(reader, n));
        return Some(Taken::Column { column, format });
    }
    // A column may be called `2024` or `no`, so any scalar is a name.
    let text = reader.datum(node)?;
    Some(literal(&text).map_or(Taken::Column { column: text, format: None }, Taken::Literal))
}

const FORMAT_HINT: &str = "%Y %m %d %H %M %S %f %z and others of strftime, such as \"%d/%m/%Y %H:%M\"";

/// What is wrong with a form of times: it cannot be carried out, or what is written by it has no date.
fn wrong_in(format: &str) -> Option<String> {
    let moment = jiff::civil::date(2001, 12, 31).at(23, 58, 59, 0).to_zoned(jiff::tz::TimeZone::UTC).ok()?;
    let written = match jiff::fmt::strtime::format(format, &moment) {
        Ok(written) => written,
        Err(error) => return Some(format!("is no form of times: {error}")),
    };
    match jiff::fmt::strtime::parse(format, &written) {
        Err(error) => Some(format!("is no form of times: {error}")),
        Ok(parts) if parts.to_date().is_err() && parts.to_timestamp().is_err() => Some("has no whole date".to_owned()),
        Ok(_) => None,
    }
}

fn read_format(reader: &mut Reader<'_>, node: &Node) -> Option<String> {
    let format = reader.text(node)?;
    if TIME_FORMS.contains(&format.as_str()) {
        return Some(format);
    }
    if format.contains('%') {
        let Some(wrong) = wrong_in(&format) else { return Some(format) };
        reader.report(Code::BadTime, node.bytes.clone(), format!("`{format}` {wrong}"), Some(FORMAT_HINT.to_owned()));
        return None;
    }
    let hint = Some(format!("such as \"%d/%m/%Y %H:%M\", or one of: {}", TIME_FORMS.join(", ")));
    reader.report(Code::BadTime, node.bytes.clone(), format!("`{format}` does not say how times are written"), hint);
    None
}

fn read_members(reader: &mut Reader<'_>, node: &Node, one_per: bool) -> Option<Members> {
    let mut members = Vec::new();
    match &node.value {
        Value::Scalar(_) => {
            return reader.word(node, "`all` or a list of columns", &[("all", ())]).map(|()| Members::All);
        }
        Value::Map(_) => read_named(reader, node, one_per, &mut members),
        Value::List(items) => {
            for item in items {
                if let Value::Map(_) = item.value {
                    read_named(reader, item, one_per, &mut members);
                } else if let Some(name) = reader.datum(item) {
                    members.push(Member { from: Taking::Column(Aggregate::First, name.clone()), name });
                }
            }
        }
    }
    Some(Members::Listed(members))
}

fn read_named(reader: &mut Reader<'_>, node: &Node, one_per: bool, members: &mut Vec<Member>) {
    for (name, node) in reader.entries(node, "a list of properties") {
        let Some(text) = reader.datum(node) else { continue };
        let Some(from) = Taking::parse(&text) else {
            let calls: Vec<String> = Aggregate::NAMED.iter().map(|(name, _)| format!("{name}(c)")).collect();
            let hint = Some(format!("one of: a column, a quoted text, count(), {}", calls.join(", ")));
            reader.report(Code::BadValue, node.bytes.clone(), format!("`{text}` does not say what to take"), hint);
            continue;
        };
        if !one_per && from.needs_rows() {
            let hint = Some("add `one_per:`, the column whose values tell one event from the next".to_owned());
            let reason = format!("`{text}` needs several rows per event");
            reader.report(Code::Contradiction, node.bytes.clone(), reason, hint);
        }
        members.push(Member { name: name.owned(), from });
    }
}
