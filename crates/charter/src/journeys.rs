//! What customers are on their way to: journeys, interactions, outcomes, surveys and expectations.

use event::{Column, Span};

use crate::condition::Condition;
use crate::moments::label;
use crate::pattern::Pattern;
use crate::problem::Code;
use crate::read::{Kind, Reader};
use crate::words::Fact;
use crate::yaml::{Node, Scalar};

/// How a customer's run of events is cut into journeys of one kind.
#[derive(Debug, Clone, PartialEq)]
pub struct Journey {
    /// Its name.
    pub name: String,
    /// How it is shown.
    pub label: String,
    /// The moments that start one; empty: any moment does.
    pub starts: Vec<String>,
    /// The moments with which it reaches its goal.
    pub succeeds: Vec<String>,
    /// The silence after which it counts as abandoned.
    pub abandoned_after: Option<Span>,
    /// The journey as it was drawn.
    pub designed: Option<Pattern>,
    /// The times promised between its moments.
    pub promised: Vec<Promise>,
}

/// A time promised between two moments of a journey.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Promise {
    /// The moment from which it counts.
    pub from: String,
    /// The moment that it promises.
    pub to: String,
    /// Within how long.
    pub within: Span,
}

/// How events about one request of one customer belong together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interaction {
    /// Its name.
    pub name: String,
    /// How it is shown.
    pub label: String,
    /// The column that says what it is about.
    pub request: Option<Column>,
    /// The column that tells one request from another; without it: the same topic of the same customer within `window`.
    pub key: Option<Column>,
    /// The moments that open it.
    pub opens: Vec<String>,
    /// The moments that resolve it.
    pub resolves: Vec<String>,
    /// A new contact on the same request within this time, always elapsed time, means that it was not resolved accurately.
    pub window: Option<Span>,
}

/// What something is worth.
#[derive(Debug, Clone, PartialEq)]
pub enum Worth {
    /// What this column of the event says, in the currency of the charter.
    Column(Column),
    /// This much each time, in the currency of the charter.
    Amount(f64),
}

/// What the business gets.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// Its name.
    pub name: String,
    /// How it is shown.
    pub label: String,
    /// Which events it is.
    pub when: Condition<Fact>,
    /// What it is worth.
    pub value: Option<Worth>,
    /// How long after something it still counts as its result, always elapsed time.
    pub horizon: Option<Span>,
    /// Whether less of it is better.
    pub bad: bool,
}

/// The scale of a survey.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SurveyKind {
    /// Net promoter score: 0 to 10.
    Nps,
    /// Customer satisfaction: 1 to 5.
    Csat,
    /// Customer effort score: 1 to 7.
    Ces,
}

/// A question that customers are asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Survey {
    /// Its name, by which conditions mean the latest score.
    pub name: String,
    /// The moment of the answer.
    pub moment: String,
    /// The column of the score.
    pub score: Column,
    /// The scale.
    pub kind: SurveyKind,
    /// The column of the reason given.
    pub reason: Option<Column>,
    /// The moment with which a customer is asked, where the events tell.
    pub asked: Option<String>,
}

/// What the customer may expect after a moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expectation {
    /// Its name.
    pub name: String,
    /// How it is shown.
    pub label: String,
    /// The moment after which it is expected.
    pub after: String,
    /// The moment that is promised.
    pub promise: String,
    /// Within how long.
    pub within: Span,
    /// How long before it falls due it is about to break.
    pub warn: Option<Span>,
    /// The department that promises it.
    pub owner: Option<String>,
}

pub(crate) const JOURNEY: &[&str] = &["label", "starts", "succeeds", "abandoned_after", "designed", "promised"];
pub(crate) const INTERACTION: &[&str] = &["label", "request", "key", "opens", "resolves", "window"];
pub(crate) const OUTCOME: &[&str] = &["label", "when", "value", "horizon", "bad"];
pub(crate) const SURVEY: &[&str] = &["moment", "score", "kind", "reason", "asked"];
pub(crate) const EXPECTATION: &[&str] = &["label", "after", "promise", "within", "warn", "owner"];

pub(crate) const SURVEY_KINDS: [(&str, SurveyKind); 3] =
    [("nps", SurveyKind::Nps), ("csat", SurveyKind::Csat), ("ces", SurveyKind::Ces)];

pub(crate) fn read_journeys(reader: &mut Reader<'_>, node: &Node) -> Vec<Journey> {
    let mut journeys = Vec::new();
    for (name, node) in reader.entries(node, "`journeys`") {
        let fields = reader.fields(node, "a journey", JOURNEY);
        let moments = |reader: &mut Reader<'_>, key| {
            fields.get(key).map(|n| reader.references(n, Kind::Moment)).unwrap_or_default()
        };
        journeys.push(Journey {
            label: label(reader, &fields, &name),
            starts: moments(reader, "starts"),
            succeeds: moments(reader, "succeeds"),
            abandoned_after: fields.get("abandoned_after").and_then(|n| reader.span(n)),
            designed: fields.get("designed").and_then(|n| read_designed(reader, n)),
            promised: fields.get("promised").map(|n| read_promised(reader, n)).unwrap_or_default(),
            name: name.owned(),
        });
    }
    journeys
}

/// A drawing; one that says nothing about any journey is probably not what was meant.
fn read_designed(reader: &mut Reader<'_>, node: &Node) -> Option<Pattern> {
    let designed = reader.pattern(node)?;
    let reason = if designed.can_draw() {
        designed.draws_everything().then_some("every journey is like this drawing, so nothing can part from it")
    } else {
        Some("no journey can be like this drawing: it asks for less than no time, or for time before its first moment")
    };
    if let Some(reason) = reason {
        reader.report(Code::IdlePattern, node.bytes.clone(), reason, None);
    }
    Some(designed)
}

fn read_promised(reader: &mut Reader<'_>, node: &Node) -> Vec<Promise> {
    let mut promised = Vec::new();
    for (steps, node) in reader.entries(node, "`promised`") {
        let Some((from, to)) = steps.text.split_once("..") else {
            let hint = Some("write it as `checkout..order: 10m`".to_owned());
            let reason = format!("`{}` does not name two moments", steps.text);
            reader.report(Code::BadPattern, steps.bytes, reason, hint);
            continue;
        };
        let (from, to) = (from.trim(), to.trim());
        reader.check_reference(from, Kind::Moment, steps.bytes.clone());
        reader.check_reference(to, Kind::Moment, steps.bytes.clone());
        if let Some(within) = reader.span(node) {
            promised.push(Promise { from: from.to_owned(), to: to.to_owned(), within });
        }
    }
    promised
}

pub(crate) fn read_interactions(reader: &mut Reader<'_>, node: &Node) -> Vec<Interaction> {
    let mut interactions = Vec::new();
    for (name, node) in reader.entries(node, "`interactions`") {
        let fields = reader.fields(node, "an interaction", INTERACTION);
        let opens = reader.required(&fields, "opens");
        interactions.push(Interaction {
            label: label(reader, &fields, &name),
            request: fields.get("request").and_then(|n| reader.column(n)),
            key: fields.get("key").and_then(|n| reader.column(n)),
            opens: opens.map(|n| reader.references(n, Kind::Moment)).unwrap_or_default(),
            resolves: fields.get("resolves").map(|n| reader.references(n, Kind::Moment)).unwrap_or_default(),
            window: fields.get("window").and_then(|n| {
                reader.elapsed(n, "a window is elapsed time, nights and weekends included", "such as 7d")
            }),
            name: name.owned(),
        });
    }
    interactions
}

pub(crate) fn read_outcomes(reader: &mut Reader<'_>, node: &Node) -> Vec<Outcome> {
    let mut outcomes = Vec::new();
    for (name, node) in reader.entries(node, "`outcomes`") {
        let fields = reader.fields(node, "an outcome", OUTCOME);
        let label = label(reader, &fields, &name);
        let value = fields.get("value").and_then(|n| read_worth(reader, n));
        let horizon = fields.get("horizon").and_then(|n| {
            reader.elapsed(n, "a horizon is elapsed time, nights and weekends included", "such as 7d or 90d")
        });
        let bad = fields.get("bad").and_then(|n| reader.flag(n)).unwrap_or(false);
        let when = reader.required(&fields, "when").and_then(|n| reader.fact_condition(n, false));
        if let Some(when) = when {
            outcomes.push(Outcome { name: name.owned(), label, when, value, horizon, bad });
        }
    }
    outcomes
}

fn read_worth(reader: &mut Reader<'_>, node: &Node) -> Option<Worth> {
    match node.scalar().and_then(Scalar::number) {
        Some(amount) => Some(Worth::Amount(amount)),
        None => reader.column(node).map(Worth::Column),
    }
}

pub(crate) fn read_surveys(reader: &mut Reader<'_>, node: &Node) -> Vec<Survey> {
    let mut surveys = Vec::new();
    for (name, node) in reader.entries(node, "`surveys`") {
        reader.check_not_a_column(&name);
        let fields = reader.fields(node, "a survey", SURVEY);
        let moment = reader.required(&fields, "moment").and_then(|n| reader.reference(n, Kind::Moment));
        let score = reader.required(&fields, "score").and_then(|n| reader.column(n));
        let kind = reader.required(&fields, "kind").and_then(|n| reader.word(n, "a kind of survey", &SURVEY_KINDS));
        let reason = fields.get("reason").and_then(|n| reader.column(n));
        let asking = fields.get("asked");
        let asked = asking.and_then(|n| reader.reference(n, Kind::Moment));
        if let Some(node) = asking.filter(|_| asked.is_some() && asked == moment) {
            let reason = "nobody is asked by the moment of the answer: everybody asked would have answered";
            let hint = Some("name the moment of the invitation, or leave `asked` out".to_owned());
            reader.report(Code::Contradiction, node.bytes.clone(), reason, hint);
        }
        if let (Some(moment), Some(score), Some(kind)) = (moment, score, kind) {
            surveys.push(Survey { name: name.owned(), moment, score, kind, reason, asked });
        }
    }
    surveys
}

pub(crate) fn read_expectations(reader: &mut Reader<'_>, node: &Node) -> Vec<Expectation> {
    let mut expectations = Vec::new();
    for (name, node) in reader.entries(node, "`expectations`") {
        let fields = reader.fields(node, "an expectation", EXPECTATION);
        let label = label(reader, &fields, &name);
        let after = reader.required(&fields, "after").and_then(|n| reader.reference(n, Kind::Moment));
        let promise = reader.required(&fields, "promise").and_then(|n| reader.reference(n, Kind::Moment));
        let within = reader.required(&fields, "within").and_then(|n| reader.span(n));
        let warn = fields
            .get("warn")
            .and_then(|n| reader.elapsed(n, "a warning is given so much elapsed time before", "such as 4h or 1d"));
        let owner = fields.get("owner").and_then(|n| reader.reference(n, Kind::Department));
        if let (Some(after), Some(promise), Some(within)) = (after, promise, within) {
            expectations.push(Expectation { name: name.owned(), label, after, promise, within, warn, owner });
        }
    }
    expectations
}
