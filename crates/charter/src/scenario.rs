//! `tests:` of a charter: events in, and what should follow. Here they are read and checked; they are run where
//! journeys are.

use std::collections::BTreeMap;

use event::{Event, Key, Timestamp};

use crate::problem::Code;
use crate::read::{Kind, Name, Reader};
use crate::yaml::{Node, Value};

/// A test: events in, expectations out.
#[derive(Debug, Clone, PartialEq)]
pub struct Scenario {
    /// Its name.
    pub name: String,
    /// The line of the charter on which it stands, from 1.
    pub line: usize,
    /// What happens, in the order of the charter.
    pub events: Vec<ScenarioEvent>,
    /// The time at which it is looked at; without it, the time of the last event.
    pub until: Option<Timestamp>,
    /// The purposes to which the customer has consented; without it, to all.
    pub consent: Option<Vec<String>>,
    /// What the customer of the last event was decided for before.
    pub decided: Vec<ScenarioDecision>,
    /// What should have come out.
    pub expect: Vec<Expected>,
}

/// A decision of a test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScenarioDecision {
    /// The action.
    pub action: String,
    /// When.
    pub at: Timestamp,
}

/// An event of a test.
#[derive(Debug, Clone, PartialEq)]
pub struct ScenarioEvent {
    /// What happened.
    pub event: String,
    /// When.
    pub at: Timestamp,
    /// When it was received.
    pub received_at: Option<Timestamp>,
    /// The identifiers: kind and value.
    pub keys: Vec<(String, String)>,
    /// The columns without a type of their own, by their names: `channel`, `source`, `message_id`, `resource`,
    /// `department`, `case_id`, `phase`.
    pub columns: BTreeMap<String, String>,
    /// The properties, as the text of a JSON object.
    pub properties: Option<String>,
    /// The traits, as the text of a JSON object.
    pub traits: Option<String>,
}

impl ScenarioEvent {
    /// Its identifiers, as an event borrows them.
    pub fn keys(&self) -> Vec<Key<'_>> {
        self.keys.iter().map(|(kind, value)| Key { kind, value }).collect()
    }

    /// The event itself, with the identifiers of [`keys`](Self::keys).
    pub fn event<'a>(&'a self, keys: &'a [Key<'a>]) -> Event<'a> {
        let column = |name: &str| self.columns.get(name).map(String::as_str);
        Event {
            received_at: self.received_at,
            channel: column("channel"),
            source: column("source"),
            message_id: column("message_id"),
            resource: column("resource"),
            department: column("department"),
            case_id: column("case_id"),
            phase: column("phase"),
            properties: self.properties.as_deref(),
            traits: self.traits.as_deref(),
            ..Event::new(&self.event, self.at, keys)
        }
    }
}

/// How a journey stands at the end of a test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// It reached its goal.
    Succeeded,
    /// It was silent for too long.
    Abandoned,
    /// It goes on.
    Open,
}

/// How an expectation stands at the end of a test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// What was promised came in time.
    Kept,
    /// It did not.
    Broken,
    /// There is time left.
    Pending,
}

/// One thing that should have come out of a test.
#[derive(Debug, Clone, PartialEq)]
pub enum Expected {
    /// `stage`: the stage that the customer is in; `none` for none.
    Stage(Option<String>),
    /// `moments`: the moments that the events are, in the order of time.
    Moments(Vec<String>),
    /// `customers`: how many customers there are after stitching.
    Customers(u32),
    /// `action`: the action that is decided after the last event; `none` for none.
    Action(Option<String>),
    /// `journey.NAME`: the endings of the journeys of this kind, in the order of time.
    Journeys(String, Vec<Ending>),
    /// `expectation.NAME`: how it stands.
    Expectation(String, Standing),
    /// `feature.NAME`: its value, as written.
    Feature(String, String),
    /// `outcome.NAME`: how often it came.
    Outcome(String, u32),
}

pub(crate) const SCENARIO: &[&str] = &["name", "events", "until", "consent", "decided", "expect"];
pub(crate) const DECIDED: &[&str] = &["action", "at"];
pub(crate) const COLUMNS: [&str; 7] = ["channel", "source", "message_id", "resource", "department", "case_id", "phase"];
pub(crate) const EXPECTED: [&str; 4] = ["stage", "moments", "customers", "action"];
pub(crate) const EXPECTED_OF: [(&str, Kind); 4] = [
    ("journey", Kind::Journey),
    ("expectation", Kind::Expectation),
    ("feature", Kind::Feature),
    ("outcome", Kind::Outcome),
];
pub(crate) const ENDINGS: [(&str, Ending); 3] =
    [("succeeded", Ending::Succeeded), ("abandoned", Ending::Abandoned), ("open", Ending::Open)];
pub(crate) const STANDINGS: [(&str, Standing); 3] =
    [("kept", Standing::Kept), ("broken", Standing::Broken), ("pending", Standing::Pending)];

pub(crate) fn read(reader: &mut Reader<'_>, node: &Node) -> Vec<Scenario> {
    let mut scenarios = Vec::new();
    for item in node.items() {
        let fields = reader.fields(item, "a test", SCENARIO);
        let name = reader.required(&fields, "name").and_then(|n| reader.text(n));
        let events = reader.required(&fields, "events");
        let events = events.map(|n| n.items()).unwrap_or_default();
        let events: Vec<ScenarioEvent> = events.into_iter().filter_map(|n| read_event(reader, n)).collect();
        let until = fields.get("until").and_then(|n| reader.timestamp(n));
        let consent =
            fields.get("consent").map(|n| n.items().into_iter().filter_map(|item| reader.text(item)).collect());
        let decided = fields.get("decided").map(Node::items).unwrap_or_default();
        let decided = decided.into_iter().filter_map(|n| read_decision(reader, n)).collect();
        let expect = reader.required(&fields, "expect").map(|n| read_expect(reader, n)).unwrap_or_default();
        let line = reader.line(&item.bytes);
        if let Some(name) = name {
            scenarios.push(Scenario { name, line, events, until, consent, decided, expect });
        }
    }
    scenarios
}

fn read_decision(reader: &mut Reader<'_>, node: &Node) -> Option<ScenarioDecision> {
    let fields = reader.fields(node, "a decision of a test", DECIDED);
    let action = reader.required(&fields, "action").and_then(|n| reader.reference(n, Kind::Action));
    let at = reader.required(&fields, "at").and_then(|n| reader.timestamp(n));
    Some(ScenarioDecision { action: action?, at: at? })
}

fn read_event(reader: &mut Reader<'_>, node: &Node) -> Option<ScenarioEvent> {
    let Value::Map(_) = node.value else {
        reader.entries(node, "an event of a test");
        return None;
    };
    let kinds = reader.names.of(Kind::Key).to_vec();
    let known: Vec<&str> = ["event", "at", "received_at", "properties", "traits"]
        .into_iter()
        .chain(COLUMNS)
        .chain(kinds.iter().map(String::as_str))
        .collect();
    let fields = reader.fields(node, "an event of a test", &known);
    let text = |reader: &mut Reader<'_>, key: &str| fields.get(key).and_then(|n| reader.datum(n));
    let keys: Vec<_> = kinds.iter().filter_map(|kind| Some((kind.clone(), text(reader, kind)?))).collect();
    let columns = COLUMNS.iter().filter_map(|name| Some(((*name).to_owned(), text(reader, name)?))).collect();
    if keys.is_empty() {
        let hint = Some(format!("add one of: {}", kinds.join(", ")));
        reader.report(Code::MissingKey, fields.bytes(), "an event of a test needs a key that says whose it is", hint);
    }
    let event = reader.required(&fields, "event").and_then(|n| reader.datum(n));
    let at = reader.required(&fields, "at").and_then(|n| reader.timestamp(n));
    Some(ScenarioEvent {
        received_at: fields.get("received_at").and_then(|n| reader.timestamp(n)),
        properties: fields.get("properties").and_then(|n| read_object(reader, n)),
        traits: fields.get("traits").and_then(|n| read_object(reader, n)),
        keys,
        columns,
        event: event?,
        at: at?,
    })
}

fn read_object(reader: &mut Reader<'_>, node: &Node) -> Option<String> {
    let Value::Map(_) = node.value else {
        reader.entries(node, "an object");
        return None;
    };
    Some(json(node).to_string())
}

/// YAML as JSON: plain numbers and truth values are such, everything else is text.
fn json(node: &Node) -> serde_json::Value {
    match &node.value {
        _ if node.is_null() => serde_json::Value::Null,
        Value::List(items) => items.iter().map(json).collect(),
        Value::Map(entries) => {
            entries.iter().filter_map(|(key, value)| Some((key.scalar()?.text.clone(), json(value)))).collect()
        }
        Value::Scalar(scalar) => match (scalar.truth(), scalar.number()) {
            (Some(truth), _) => truth.into(),
            (None, Some(number)) => scalar.text.parse::<i64>().map_or_else(|_| number.into(), Into::into),
            _ => scalar.text.clone().into(),
        },
    }
}

fn read_expect(reader: &mut Reader<'_>, node: &Node) -> Vec<Expected> {
    let mut expected = Vec::new();
    for (name, node) in reader.entries(node, "`expect`") {
        expected.extend(read_expected(reader, &name, node));
    }
    expected
}

fn read_expected(reader: &mut Reader<'_>, name: &Name<'_>, node: &Node) -> Option<Expected> {
    let or_none = |reader: &mut Reader<'_>, kind| {
        let none = node.is_null() || node.scalar().is_some_and(|s| s.text == "none");
        if none { Some(None) } else { reader.reference(node, kind).map(Some) }
    };
    if let Some((what, of)) = name.text.split_once('.')
        && let Some((_, kind)) = EXPECTED_OF.iter().find(|(known, _)| *known == what)
    {
        if !reader.check_reference(of, *kind, name.bytes.clone()) {
            return None;
        }
        let of = of.to_owned();
        return match kind {
            Kind::Journey => {
                let endings = node.items().into_iter();
                Some(Expected::Journeys(of, endings.filter_map(|n| reader.word(n, "an ending", &ENDINGS)).collect()))
            }
            Kind::Expectation => {
                reader.word(node, "a way that an expectation stands", &STANDINGS).map(|s| Expected::Expectation(of, s))
            }
            Kind::Feature => reader.datum(node).map(|value| Expected::Feature(of, value)),
            _ => reader.whole(node, 0).map(|times| Expected::Outcome(of, times)),
        };
    }
    match name.text {
        "stage" => or_none(reader, Kind::Stage).map(Expected::Stage),
        "moments" => Some(Expected::Moments(reader.references(node, Kind::Moment))),
        "customers" => reader.whole(node, 0).map(Expected::Customers),
        "action" => or_none(reader, Kind::Action).map(Expected::Action),
        other => {
            let known = EXPECTED.iter().map(|n| (*n).to_owned());
            let known: Vec<String> = known.chain(EXPECTED_OF.iter().map(|(n, _)| format!("{n}.NAME"))).collect();
            let hint = crate::nearest::hint(other, known.iter().map(String::as_str));
            reader.report(Code::UnknownKey, name.bytes.clone(), format!("a test cannot expect `{other}`"), hint);
            None
        }
    }
}
