//! What the organisation can do for a customer, and what it has to know to choose: features, actions, caps, stakes.

use event::{Column, Span};
use jiff::civil::Time;

use crate::condition::{Condition, Type};
use crate::moments::label;
use crate::problem::Code;
use crate::read::{Fields, Kind, Reader};
use crate::words::Fact;
use crate::yaml::Node;

/// What a feature measures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Measure {
    /// How often a moment occurred.
    Count(String),
    /// The sum of a column over a moment.
    Sum(String, Column),
    /// A column of the latest such moment.
    Last(String, Column),
    /// How long ago the latest such moment was; in conditions a span of time.
    Since(String),
    /// How often an expectation was kept.
    Kept(String),
    /// How often an expectation was broken.
    Broken(String),
    /// How many of an expectation are still open.
    Pending(String),
}

/// Something that is known about each customer, live and in replay alike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Feature {
    /// Its name, by which conditions mean it.
    pub name: String,
    /// What it measures.
    pub measure: Measure,
    /// Only what happened so recently.
    pub within: Option<Span>,
}

impl Feature {
    /// Its type in conditions.
    pub fn of_type(&self) -> Type {
        match self.measure {
            Measure::Count(_) | Measure::Kept(_) | Measure::Broken(_) | Measure::Pending(_) => Type::Int,
            Measure::Sum(..) => Type::Float,
            Measure::Last(..) => Type::Unknown,
            Measure::Since(_) => Type::Duration,
        }
    }
}

/// How often a cap may allow something: so many decisions of an action are remembered for each customer.
pub const CAP_TIMES_MAX: u32 = 64;

/// How many times a feature with `within` knows exactly: what goes beyond is "more than that".
pub const WINDOW_MAX: u32 = 64;

/// How much of a text is kept of an event, in bytes, for conditions about customers.
pub const TEXT_BYTES_MAX: usize = 64;

/// At most so often in a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// The time.
    pub per: Span,
    /// How often, up to [`CAP_TIMES_MAX`].
    pub times: u32,
}

/// A cap over all actions, or those of one channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cap {
    /// Only actions on this channel count.
    pub channel: Option<String>,
    /// How often at most.
    pub limit: Limit,
}

/// Hours in which nobody is disturbed; they may go over midnight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QuietHours {
    /// When they begin.
    pub from: Time,
    /// When they end.
    pub to: Time,
}

/// How probable it is that an action brings what it is for.
#[derive(Debug, Clone, PartialEq)]
pub enum Propensity {
    /// This share of customers, 0 to 1.
    Given(f64),
    /// Learnt from how often this outcome followed.
    Learnt(String),
}

/// How an action reaches the customer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delivery {
    /// By the webhook of this name.
    Webhook(String),
}

/// What makes an action weigh more, or less, in a situation.
#[derive(Debug, Clone, PartialEq)]
pub struct Weight {
    /// The situation.
    pub when: Condition<Fact>,
    /// By how much its score is multiplied then.
    pub weight: f64,
}

/// Something that the organisation can do for a customer now.
#[derive(Debug, Clone, PartialEq)]
pub struct Action {
    /// Its name.
    pub name: String,
    /// How it is shown.
    pub label: String,
    /// For which customers it may be chosen.
    pub when: Condition<Fact>,
    /// The channel that it uses.
    pub channel: Option<String>,
    /// The consent that it needs.
    pub purpose: Option<String>,
    /// How often a customer may get it.
    pub cap: Option<Limit>,
    /// When it is not delivered.
    pub quiet: Option<QuietHours>,
    /// What it is worth when it brings what it is for, in the currency of the charter.
    pub value: f64,
    /// How probable that is.
    pub propensity: Option<Propensity>,
    /// What makes it weigh more, or less; all that hold are multiplied.
    pub context: Vec<Weight>,
    /// By how much the organisation favours it, whatever the situation; 1 for not at all.
    pub lever: f64,
    /// How it is delivered.
    pub deliver: Option<Delivery>,
}

/// How it is decided between actions. Shares are from 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Deciding {
    /// The share of decisions that are drawn by lot among what may be chosen, so that it becomes known what the others
    /// would have brought.
    pub explore_share: f64,
    /// The share of customers for whom every decision is drawn by lot.
    pub random_share: f64,
    /// The share of customers for whom nothing is ever chosen.
    pub none_share: f64,
}

/// Who handles a case of high stakes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Handling {
    /// A person.
    Person,
    /// The script, like everything else.
    Script,
}

/// Which cases are rare and costly.
#[derive(Debug, Clone, PartialEq)]
pub struct Stakes {
    /// When they are high.
    pub high: Condition<Fact>,
    /// Who handles them then.
    pub then: Handling,
}

pub(crate) const FEATURE: &[&str] = &["count", "sum", "last", "since", "kept", "broken", "pending", "value", "within"];
pub(crate) const ACTION: &[&str] =
    &["label", "when", "channel", "purpose", "cap", "quiet", "value", "propensity", "context", "lever", "deliver"];
pub(crate) const WEIGHT: &[&str] = &["when", "weight"];
pub(crate) const DECIDING: &[&str] = &["explore_share", "random_share", "none_share"];
pub(crate) const LIMIT: &[&str] = &["per", "times"];
pub(crate) const CAP: &[&str] = &["channel", "per", "times"];
pub(crate) const STAKES: &[&str] = &["high", "then"];
pub(crate) const HANDLING: [(&str, Handling); 2] = [("person", Handling::Person), ("script", Handling::Script)];

/// The measures by the key that asks for each, and what each is measured on.
const MEASURES: [(&str, Kind); 7] = [
    ("count", Kind::Moment),
    ("sum", Kind::Moment),
    ("last", Kind::Moment),
    ("since", Kind::Moment),
    ("kept", Kind::Expectation),
    ("broken", Kind::Expectation),
    ("pending", Kind::Expectation),
];

pub(crate) fn read_features(reader: &mut Reader<'_>, node: &Node) -> Vec<Feature> {
    let mut features = Vec::new();
    for (name, node) in reader.entries(node, "`features`") {
        reader.check_not_a_column(&name);
        let fields = reader.fields(node, "a feature", FEATURE);
        let within = fields.get("within").and_then(|n| reader.span(n));
        let Some(measure) = read_measure(reader, &fields) else { continue };
        let feature = Feature { name: name.owned(), measure, within };
        reader.names.feature_types.insert(name.owned(), feature.of_type());
        if within.is_some() && matches!(feature.of_type(), Type::Int) {
            reader.names.windowed.insert(name.owned());
        }
        features.push(feature);
    }
    features
}

fn read_measure(reader: &mut Reader<'_>, fields: &Fields<'_>) -> Option<Measure> {
    let given: Vec<_> = MEASURES.iter().filter_map(|(key, kind)| Some((*key, *kind, fields.get(key)?))).collect();
    let [(key, kind, node)] = given.as_slice() else {
        let hint = Some("one of: count, sum, last, since, kept, broken, pending".to_owned());
        let code = if given.is_empty() { Code::MissingKey } else { Code::Contradiction };
        reader.report(code, fields.bytes(), "a feature measures exactly one thing", hint);
        return None;
    };
    let of = reader.reference(node, *kind)?;
    let needs_value = matches!(*key, "sum" | "last");
    if !needs_value && let Some(value) = fields.get("value") {
        reader.report(Code::Contradiction, value.bytes.clone(), format!("`{key}` has no value to take"), None);
        return None;
    }
    let column = if needs_value { reader.required(fields, "value").and_then(|n| reader.column(n)) } else { None };
    Some(match (*key, column) {
        ("count", _) => Measure::Count(of),
        ("since", _) => Measure::Since(of),
        ("kept", _) => Measure::Kept(of),
        ("broken", _) => Measure::Broken(of),
        ("pending", _) => Measure::Pending(of),
        ("sum", Some(column)) => Measure::Sum(of, column),
        ("last", Some(column)) => Measure::Last(of, column),
        _ => return None,
    })
}

fn read_limit(reader: &mut Reader<'_>, fields: &Fields<'_>) -> Option<Limit> {
    let per = reader.required(fields, "per").and_then(|n| reader.span(n));
    let times = reader.required(fields, "times");
    let times = times.and_then(|n| {
        let times = reader.whole(n, 1)?;
        if times > CAP_TIMES_MAX {
            let reason = format!("a cap counts up to {CAP_TIMES_MAX}, because no more decisions are remembered");
            reader.report(Code::OutOfRange, n.bytes.clone(), reason, Some("count over a shorter time".to_owned()));
        }
        Some(times)
    });
    Some(Limit { per: per?, times: times? })
}

pub(crate) fn read_actions(reader: &mut Reader<'_>, node: &Node) -> Vec<Action> {
    let mut actions = Vec::new();
    for (name, node) in reader.entries(node, "`actions`") {
        let fields = reader.fields(node, "an action", ACTION);
        let when = reader.required(&fields, "when").and_then(|n| reader.fact_condition(n, true));
        let label = label(reader, &fields, &name);
        let channel = fields.get("channel").and_then(|n| reader.reference(n, Kind::Channel));
        let purpose = fields.get("purpose").and_then(|n| reader.text(n));
        let cap = fields.get("cap").and_then(|n| {
            let fields = reader.fields(n, "a cap", LIMIT);
            read_limit(reader, &fields)
        });
        let quiet = fields.get("quiet").and_then(|n| reader.hours(n)).map(|(from, to)| QuietHours { from, to });
        let value = fields.get("value").and_then(|n| reader.number_within(n, 0.0, f64::INFINITY)).unwrap_or(0.0);
        let propensity = fields.get("propensity").and_then(|n| read_propensity(reader, n));
        let context = fields.get("context").map(|n| read_context(reader, n)).unwrap_or_default();
        let lever = fields.get("lever").and_then(|n| reader.number_within(n, 0.0, f64::INFINITY)).unwrap_or(1.0);
        let deliver = fields.get("deliver").and_then(|n| {
            let fields = reader.fields(n, "a delivery", &["webhook"]);
            reader.required(&fields, "webhook").and_then(|n| reader.text(n)).map(Delivery::Webhook)
        });
        if let Some(when) = when {
            actions.push(Action {
                name: name.owned(),
                label,
                when,
                channel,
                purpose,
                cap,
                quiet,
                value,
                propensity,
                context,
                lever,
                deliver,
            });
        }
    }
    actions
}

fn read_context(reader: &mut Reader<'_>, node: &Node) -> Vec<Weight> {
    let mut context = Vec::new();
    for item in node.items() {
        let fields = reader.fields(item, "a weight", WEIGHT);
        let when = reader.required(&fields, "when").and_then(|n| reader.fact_condition(n, true));
        let weight = reader.required(&fields, "weight").and_then(|n| reader.number_within(n, 0.0, f64::INFINITY));
        if let (Some(when), Some(weight)) = (when, weight) {
            context.push(Weight { when, weight });
        }
    }
    context
}

fn read_propensity(reader: &mut Reader<'_>, node: &Node) -> Option<Propensity> {
    if node.scalar().is_some() {
        return reader.number_within(node, 0.0, 1.0).map(Propensity::Given);
    }
    let fields = reader.fields(node, "a propensity", &["from"]);
    let from = reader.required(&fields, "from")?;
    let text = reader.text(from)?;
    let Some(outcome) = text.strip_prefix("outcome.") else {
        let hint = Some("write it as `{from: outcome.renewal}`".to_owned());
        reader.report(Code::BadValue, from.bytes.clone(), format!("`{text}` is not an outcome"), hint);
        return None;
    };
    reader.check_reference(outcome, Kind::Outcome, from.bytes.clone()).then(|| Propensity::Learnt(outcome.to_owned()))
}

pub(crate) fn read_caps(reader: &mut Reader<'_>, node: &Node) -> Vec<Cap> {
    let mut caps = Vec::new();
    for item in node.items() {
        let fields = reader.fields(item, "a cap", CAP);
        let channel = fields.get("channel").and_then(|n| reader.reference(n, Kind::Channel));
        if let Some(limit) = read_limit(reader, &fields) {
            caps.push(Cap { channel, limit });
        }
    }
    caps
}

pub(crate) fn read_deciding(reader: &mut Reader<'_>, node: &Node) -> Deciding {
    let fields = reader.fields(node, "`deciding`", DECIDING);
    let mut share = |key| fields.get(key).and_then(|n| reader.number_within(n, 0.0, 1.0)).unwrap_or_default();
    let deciding = Deciding {
        explore_share: share("explore_share"),
        random_share: share("random_share"),
        none_share: share("none_share"),
    };
    if deciding.random_share + deciding.none_share > 1.0 {
        let reason = "`random_share` and `none_share` are shares of the same customers, and come to more than 1";
        reader.report(Code::OutOfRange, node.bytes.clone(), reason, None);
    }
    deciding
}

pub(crate) fn read_stakes(reader: &mut Reader<'_>, node: &Node) -> Option<Stakes> {
    let fields = reader.fields(node, "`stakes`", STAKES);
    let high = reader.required(&fields, "high").and_then(|n| reader.fact_condition(n, true));
    let then = reader.required(&fields, "then").and_then(|n| reader.word(n, "a way to handle it", &HANDLING));
    Some(Stakes { high: high?, then: then? })
}
