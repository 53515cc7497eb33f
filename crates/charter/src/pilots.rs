//! What the organisation wants to know: pilots, beliefs, and the checklist of each stage.

use crate::condition::Condition;
use crate::problem::Code;
use crate::read::{Fields, Kind, Reader};
use crate::words::Fact;
use crate::yaml::Node;

/// One arm of a pilot.
#[derive(Debug, Clone, PartialEq)]
pub struct Arm {
    /// Its name.
    pub name: String,
    /// Its share of the customers, relative to the other arms.
    pub weight: f64,
}

/// A controlled trial of an action or of a change.
#[derive(Debug, Clone, PartialEq)]
pub struct Pilot {
    /// Its name.
    pub name: String,
    /// The action that is tried; without it, a change that is made elsewhere.
    pub action: Option<String>,
    /// Two arms or more.
    pub arms: Vec<Arm>,
    /// The outcome by which it is judged.
    pub primary: String,
    /// Outcomes that must not suffer.
    pub guardrails: Vec<String>,
    /// What is supposed to happen, and why.
    pub hypothesis: Option<String>,
    /// The department that runs it.
    pub owner: Option<String>,
}

/// Which way a difference is claimed to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// More often, or more.
    More,
    /// Less often, or less.
    Less,
}

/// A claim that the organisation holds already.
#[derive(Debug, Clone, PartialEq)]
pub struct Belief {
    /// Its name.
    pub name: String,
    /// The claim in words.
    pub claim: String,
    /// The customers that it is about.
    pub of: Condition<Fact>,
    /// The customers that they are compared with; without it, all others.
    pub against: Option<Condition<Fact>>,
    /// The outcome in which they are said to differ.
    pub outcome: String,
    /// Which way.
    pub direction: Direction,
}

/// Where the answer to a question of a checklist comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AnsweredBy {
    /// A person.
    Person,
    /// A view, for one journey of the charter or all.
    View {
        /// The name of the view.
        view: String,
        /// The journey.
        journey: Option<String>,
    },
}

/// A question of a checklist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// The question.
    pub ask: String,
    /// Where its answer comes from.
    pub answer: AnsweredBy,
}

/// The questions of a stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checklist {
    /// The stage.
    pub stage: String,
    /// Its questions.
    pub questions: Vec<Question>,
}

pub(crate) const PILOT: &[&str] = &["action", "arms", "measures", "hypothesis", "owner"];
pub(crate) const MEASURES: &[&str] = &["primary", "guardrails"];
pub(crate) const BELIEF: &[&str] = &["claim", "of", "against", "outcome", "direction"];
pub(crate) const QUESTION: &[&str] = &["ask", "answer"];
pub(crate) const VIEW: &[&str] = &["view", "journey"];
pub(crate) const DIRECTIONS: [(&str, Direction); 2] = [("more", Direction::More), ("less", Direction::Less)];

pub(crate) fn read_pilots(reader: &mut Reader<'_>, node: &Node) -> Vec<Pilot> {
    let mut pilots = Vec::new();
    for (name, node) in reader.entries(node, "`pilots`") {
        let fields = reader.fields(node, "a pilot", PILOT);
        let action = fields.get("action").and_then(|n| reader.reference(n, Kind::Action));
        let arms = read_arms(reader, &fields);
        let measures = reader.required(&fields, "measures").map(|n| reader.fields(n, "`measures`", MEASURES));
        let primary = measures
            .as_ref()
            .and_then(|m| reader.required(m, "primary"))
            .and_then(|n| reader.reference(n, Kind::Outcome));
        let guardrails = measures.as_ref().and_then(|m| m.get("guardrails"));
        let guardrails = guardrails.map(|n| reader.references(n, Kind::Outcome)).unwrap_or_default();
        let hypothesis = fields.get("hypothesis").and_then(|n| reader.text(n));
        let owner = fields.get("owner").and_then(|n| reader.reference(n, Kind::Department));
        if let Some(primary) = primary {
            pilots.push(Pilot { name: name.owned(), action, arms, primary, guardrails, hypothesis, owner });
        }
    }
    pilots
}

fn read_arms(reader: &mut Reader<'_>, fields: &Fields<'_>) -> Vec<Arm> {
    let Some(node) = reader.required(fields, "arms") else { return Vec::new() };
    let mut arms = Vec::new();
    for (name, node) in reader.entries(node, "`arms`") {
        let weight = reader.number_within(node, 0.0, f64::INFINITY);
        arms.push(Arm { name: name.owned(), weight: weight.unwrap_or(0.0) });
    }
    if arms.iter().filter(|arm| arm.weight > 0.0).count() < 2 {
        let hint = Some("such as `arms: {control: 50, treatment: 50}`".to_owned());
        reader.report(
            Code::OutOfRange,
            node.bytes.clone(),
            "a pilot compares at least two arms with customers in them",
            hint,
        );
    }
    arms
}

pub(crate) fn read_beliefs(reader: &mut Reader<'_>, node: &Node) -> Vec<Belief> {
    let mut beliefs = Vec::new();
    for (name, node) in reader.entries(node, "`beliefs`") {
        let fields = reader.fields(node, "a belief", BELIEF);
        let claim = reader.required(&fields, "claim").and_then(|n| reader.text(n));
        let of = reader.required(&fields, "of").and_then(|n| reader.fact_condition(n, true));
        let against = fields.get("against").and_then(|n| reader.fact_condition(n, true));
        let outcome = reader.required(&fields, "outcome").and_then(|n| reader.reference(n, Kind::Outcome));
        let direction = reader.required(&fields, "direction");
        let direction = direction.and_then(|n| reader.word(n, "a direction", &DIRECTIONS));
        if let (Some(claim), Some(of), Some(outcome), Some(direction)) = (claim, of, outcome, direction) {
            beliefs.push(Belief { name: name.owned(), claim, of, against, outcome, direction });
        }
    }
    beliefs
}

pub(crate) fn read_checklists(reader: &mut Reader<'_>, node: &Node) -> Vec<Checklist> {
    let mut checklists = Vec::new();
    for (stage, node) in reader.entries(node, "`checklists`") {
        reader.check_reference(stage.text, Kind::Stage, stage.bytes.clone());
        let mut questions = Vec::new();
        for item in node.items() {
            let fields = reader.fields(item, "a question", QUESTION);
            let ask = reader.required(&fields, "ask").and_then(|n| reader.text(n));
            let answer = match fields.get("answer") {
                None => Some(AnsweredBy::Person),
                Some(node) => read_answer(reader, node),
            };
            if let (Some(ask), Some(answer)) = (ask, answer) {
                questions.push(Question { ask, answer });
            }
        }
        checklists.push(Checklist { stage: stage.owned(), questions });
    }
    checklists
}

fn read_answer(reader: &mut Reader<'_>, node: &Node) -> Option<AnsweredBy> {
    if node.scalar().is_some() {
        return reader.word(node, "who or what answers", &[("person", ())]).map(|()| AnsweredBy::Person);
    }
    let fields = reader.fields(node, "an answer", VIEW);
    let view = reader.required(&fields, "view").and_then(|n| reader.text(n))?;
    let journey = fields.get("journey").and_then(|n| reader.reference(n, Kind::Journey));
    Some(AnsweredBy::View { view, journey })
}
