//! One person's journey as a timeline: what happened, at which stage, in which journeys and requests, and what was
//! promised. A pure function of the charter and the events, for whoever talks to that person next.

mod requests;

use std::sync::Arc;

use charter::journeys::Worth;
use charter::{Charter, EventFacts, Facts};
use event::{Column, Event, Timestamp, Value};
use journey::{Cut, Ending, Moment, Moments, Run, Selection};
use rapidhash::v3::rapidhash_v3;
use schemars::{JsonSchema, schema_for};
use serde::{Deserialize, Serialize};

use crate::expectations;
use crate::promises::{Made, State};
use crate::table::{Cell, Table};

/// All that is known of one person.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// The keys that lead to this person, as `KIND:VALUE`.
    pub keys: Vec<String>,
    /// The evidence that joins them, the earliest first.
    pub links: Vec<Link>,
    /// The stage of the latest moment that has one.
    pub stage: Option<String>,
    /// What happened, in order of time.
    pub events: Vec<Happened>,
    /// The journeys of each kind that the charter knows.
    pub journeys: Vec<OneJourney>,
    /// The requests and what became of them.
    pub interactions: Vec<OneInteraction>,
    /// What was promised.
    pub promises: Vec<OnePromise>,
}

/// Evidence that two keys are one person's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Link {
    /// One key, as `KIND:VALUE`.
    pub a: String,
    /// The other.
    pub b: String,
    /// When they first came together in one event.
    pub since: String,
    /// What was made of it.
    pub standing: LinkStanding,
}

/// What was made of evidence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LinkStanding {
    /// Both keys lead to this person.
    Followed,
    /// Somebody took it back with `unmerge`.
    TakenBack,
    /// The charter's limits do not allow it.
    Refused,
}

/// An event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Happened {
    /// When, in the charter's time zone.
    pub at: String,
    /// What the source calls it.
    pub event: String,
    /// The moment that it is; null where it is none.
    pub moment: Option<String>,
    /// The stage of the moment.
    pub stage: Option<String>,
    /// The channel, as the charter sees it.
    pub channel: Option<String>,
    /// Who did it.
    pub resource: Option<String>,
    /// The department that did it.
    pub department: Option<String>,
    /// The case that it belongs to.
    pub case_id: Option<String>,
    /// The outcomes of the charter that it is.
    pub outcomes: Vec<Outcome>,
    /// Everything else about it.
    pub properties: serde_json::Value,
}

/// An outcome and its worth.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Outcome {
    /// Its name.
    pub outcome: String,
    /// What it is worth, in the charter's currency; null where nobody says.
    pub value: Option<f64>,
}

/// A journey.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OneJourney {
    /// Its kind.
    pub journey: String,
    /// When it began.
    pub from: String,
    /// Its latest event.
    pub to: String,
    /// `succeeded`, `abandoned` or `open`.
    pub ending: String,
    /// Its moments.
    pub moments: Vec<String>,
}

/// A request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OneInteraction {
    /// Its kind.
    pub interaction: String,
    /// What it is about.
    pub request: Option<String>,
    /// What tells it from others.
    pub key: Option<String>,
    /// When it was opened.
    pub opened: String,
    /// `resolved`, `abandoned` or `open`.
    pub ending: String,
    /// When it was resolved; null where it was not.
    pub resolved: Option<String>,
    /// How often the customer made contact until then, as the view `interactions` counts it.
    pub contacts: u64,
    /// The first contact on the same request within the charter's window after it was resolved; null where there was none.
    pub again: Option<String>,
}

/// A promise.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OnePromise {
    /// The expectation of the charter.
    pub expectation: String,
    /// The department that promised.
    pub owner: Option<String>,
    /// When it was promised.
    pub promised: String,
    /// Until when; null where the calendar never works.
    pub due: Option<String>,
    /// When what was promised happened; null where it did not yet.
    pub happened: Option<String>,
    /// Whether it was kept.
    pub standing: PromiseStanding,
    /// By how much it was late, in seconds; so far, where it has not happened yet.
    pub late_s: Option<f64>,
}

/// How a promise stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PromiseStanding {
    /// It happened in time.
    Kept,
    /// It happened late, or did not happen in time.
    Broken,
    /// It may still happen in time.
    Pending,
}

/// The JSON Schema of the answer.
pub fn schema() -> serde_json::Value {
    schema_for!(Answer).to_value()
}

/// A time as it is shown: in the charter's time zone, with its offset.
pub fn shown(at_us: i64, charter: &Charter) -> String {
    let zoned = Timestamp::from_micros(at_us).to_jiff().to_zoned(charter.timezone.clone());
    zoned.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
}

/// An event with the moment that it is, by its position in the charter.
struct Told<'a> {
    event: &'a Event<'a>,
    moment: Option<usize>,
    at_us: i64,
}

impl Told<'_> {
    /// The name of the moment; without a list, every event is a moment of its own name.
    fn name<'n>(&'n self, charter: &'n Charter) -> Option<&'n str> {
        match self.moment {
            Some(moment) => Some(&charter.moments[moment].name),
            None => charter.moments.is_empty().then_some(self.event.event),
        }
    }
}

/// The timeline of one person from events in order of time; `until_us` is up to when anything is known, in microseconds since
/// 1970. Keys and links are for whoever knows them.
pub fn timeline(charter: &Charter, events: &[Event<'_>], until_us: i64) -> Answer {
    let told: Vec<Told<'_>> = events
        .iter()
        .map(|event| Told { event, moment: charter.moment_of(event), at_us: event.at.as_micros() })
        .collect();
    let happened: Vec<Happened> = told.iter().map(|told| one_event(charter, told)).collect();
    Answer {
        keys: Vec::new(),
        links: Vec::new(),
        stage: happened.iter().rev().find_map(|one| one.stage.clone()),
        events: happened,
        journeys: journeys(charter, &told, until_us),
        interactions: requests::interactions(charter, &told, until_us),
        promises: promises(charter, &told, until_us),
    }
}

fn one_event(charter: &Charter, told: &Told<'_>) -> Happened {
    let event = told.event;
    let moment = told.moment.map(|moment| &charter.moments[moment]);
    let name = told.name(charter);
    let stage = moment.and_then(|moment| moment.stage.as_deref());
    let facts = EventFacts { event, moment: name, stage };
    let outcomes = charter.outcomes.iter().filter(|outcome| outcome.when.holds(&facts)).map(|outcome| Outcome {
        outcome: outcome.name.clone(),
        value: match &outcome.value {
            None => None,
            Some(Worth::Amount(amount)) => Some(*amount),
            Some(Worth::Column(column)) => number(event, column),
        },
    });
    Happened {
        at: shown(told.at_us, charter),
        event: event.event.to_owned(),
        moment: name.map(str::to_owned),
        stage: stage.map(str::to_owned),
        channel: channel(charter, event).map(str::to_owned),
        resource: event.resource.map(str::to_owned),
        department: event.department.map(str::to_owned),
        case_id: event.case_id.map(str::to_owned),
        outcomes: outcomes.collect(),
        properties: event.properties.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default(),
    }
}

/// The channel of an event, as the charter sees it.
fn channel<'a>(charter: &'a Charter, event: &Event<'a>) -> Option<&'a str> {
    charter.channel_of(event).map(|channel| charter.channels[channel].name.as_str()).or(event.channel)
}

fn number(event: &Event<'_>, column: &Column) -> Option<f64> {
    match event.get(column).value()? {
        Value::Int(number) => Some(number as f64),
        Value::Float(number) => Some(number),
        Value::Text(text) => text.trim().parse().ok().filter(|number: &f64| number.is_finite()),
        _ => None,
    }
}

fn text(event: &Event<'_>, column: Option<&Column>) -> Option<String> {
    match event.get(column?).value()? {
        Value::Text(text) => Some(text.to_owned()),
        Value::Int(number) => Some(number.to_string()),
        Value::Float(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        _ => None,
    }
}

fn journeys(charter: &Charter, told: &[Told<'_>], until_us: i64) -> Vec<OneJourney> {
    let numbers = Moments::new();
    charter.moments.iter().for_each(|moment| {
        numbers.intern(&moment.name);
    });
    let seen = told.iter().filter_map(|told| Some((told.name(charter)?, told.at_us)));
    let (moments, at_us): (Vec<Moment>, Vec<i64>) = seen.map(|(name, at_us)| (numbers.intern(name), at_us)).unzip();
    let names = numbers.names();
    let mut found = Vec::new();
    for journey in charter.journeys.iter().filter(|_| !moments.is_empty()) {
        let cut = Some(Cut::of(journey, &charter.calendar, &numbers, until_us));
        Selection { cut, ..Selection::default() }.journeys(&Run::plain(0, &moments, &at_us), |one, _| {
            let ending = match one.ending {
                Ending::Succeeded => "succeeded",
                Ending::Abandoned => "abandoned",
                Ending::Open | Ending::Whole => "open",
            };
            found.push(OneJourney {
                journey: journey.name.clone(),
                from: shown(one.at_us[0], charter),
                to: shown(one.at_us[one.at_us.len() - 1], charter),
                ending: ending.to_owned(),
                moments: one.moments.iter().map(|moment| names[moment.index()].to_string()).collect(),
            });
        });
    }
    found
}

/// What was promised, and what became of it, as the view `expectations` sees it; the promises of one kind after the other.
fn promises(charter: &Charter, told: &[Told<'_>], until_us: i64) -> Vec<OnePromise> {
    let numbers = Moments::new();
    let named = |told: &Told<'_>| Some(numbers.intern(told.name(charter)?));
    let (seen, moments): (Vec<&Told<'_>>, Vec<Moment>) =
        told.iter().filter_map(|told| Some((told, named(told)?))).unzip();
    let at_us: Vec<i64> = seen.iter().map(|told| told.at_us).collect();
    let columns: Vec<Column> = charter.expectations.iter().map(|one| expectations::key_of(charter, one)).collect();
    let key = |rule: usize, i: usize| {
        text(seen[i].event, Some(&columns[rule])).map_or(0, |key| rapidhash_v3(key.as_bytes()).max(1))
    };
    let mut watch = expectations::watch(charter, &numbers);
    watch.look(&moments, &at_us, key);
    let mut made = watch.made().to_vec();
    made.sort_by_key(|made| made.rule);
    let promise = |made: Made| {
        let of = &charter.expectations[made.rule];
        let due_us = Some(made.due_us).filter(|us| *us != i64::MAX);
        let (standing, late_us) = match made.state(until_us) {
            State::Kept => (PromiseStanding::Kept, None),
            State::Late(late_us) => (PromiseStanding::Broken, Some(late_us)),
            State::Never => (PromiseStanding::Broken, Some(until_us.abs_diff(made.due_us))),
            State::Pending => (PromiseStanding::Pending, None),
        };
        OnePromise {
            expectation: of.name.clone(),
            owner: of.owner.clone(),
            promised: shown(at_us[made.at], charter),
            due: due_us.map(|us| shown(us, charter)),
            happened: made.fulfilled_us.map(|us| shown(us, charter)),
            standing,
            late_s: late_us.map(|us| us as f64 / 1e6),
        }
    };
    made.into_iter().map(promise).collect()
}

fn cell(text: &str) -> Cell {
    if text.is_empty() { Cell::Empty } else { Cell::Text(text.into()) }
}

fn maybe(text: Option<&String>) -> Cell {
    text.map_or(Cell::Empty, |text| cell(text))
}

/// The answer as tables, the timeline first; what has no rows is left out.
pub fn tables(answer: &Answer) -> Vec<Table> {
    let mut events = Table::new(
        "Timeline",
        &["at", "moment", "stage", "channel", "event", "department", "case_id", "outcomes", "properties"],
    );
    for one in &answer.events {
        let worth = |outcome: &Outcome| match outcome.value {
            Some(value) => format!("{} {value}", outcome.outcome),
            None => outcome.outcome.clone(),
        };
        let properties = if one.properties.is_null() { String::new() } else { one.properties.to_string() };
        events.row([
            cell(&one.at),
            maybe(one.moment.as_ref()),
            maybe(one.stage.as_ref()),
            maybe(one.channel.as_ref()),
            cell(&one.event),
            maybe(one.department.as_ref()),
            maybe(one.case_id.as_ref()),
            cell(&one.outcomes.iter().map(worth).collect::<Vec<_>>().join(", ")),
            cell(&properties),
        ]);
    }
    if let Some(stage) = &answer.stage {
        events.notes.push(format!("at the stage `{stage}` now"));
    }
    let mut journeys = Table::new("Journeys", &["journey", "from", "to", "ending", "moments"]);
    for one in &answer.journeys {
        journeys.row([
            cell(&one.journey),
            cell(&one.from),
            cell(&one.to),
            cell(&one.ending),
            cell(&one.moments.join(" ")),
        ]);
    }
    let mut interactions = Table::new(
        "Interactions",
        &["interaction", "request", "key", "opened", "ending", "resolved", "contacts", "again"],
    );
    for one in &answer.interactions {
        interactions.row([
            cell(&one.interaction),
            maybe(one.request.as_ref()),
            maybe(one.key.as_ref()),
            cell(&one.opened),
            cell(&one.ending),
            maybe(one.resolved.as_ref()),
            Cell::Count(one.contacts),
            maybe(one.again.as_ref()),
        ]);
    }
    let mut promises =
        Table::new("Promises", &["expectation", "owner", "promised", "due", "happened", "standing", "late_s"]);
    for one in &answer.promises {
        let standing = match one.standing {
            PromiseStanding::Kept => "kept",
            PromiseStanding::Broken => "broken",
            PromiseStanding::Pending => "pending",
        };
        promises.row([
            cell(&one.expectation),
            maybe(one.owner.as_ref()),
            cell(&one.promised),
            maybe(one.due.as_ref()),
            maybe(one.happened.as_ref()),
            cell(standing),
            one.late_s.map_or(Cell::Empty, Cell::Seconds),
        ]);
    }
    let mut keys = Table::new("Keys", &["key"]);
    answer.keys.iter().for_each(|key| keys.row([Cell::Text(Arc::from(key.as_str()))]));
    let mut links = Table::new("Why they are one person", &["a", "b", "since", "standing"]);
    for link in &answer.links {
        let standing = match link.standing {
            LinkStanding::Followed => "followed: they came in one event",
            LinkStanding::TakenBack => "taken back",
            LinkStanding::Refused => "refused: more keys than one person may have",
        };
        links.row([cell(&link.a), cell(&link.b), cell(&link.since), cell(standing)]);
    }
    let more = [journeys, interactions, promises, keys, links].into_iter().filter(|table| !table.rows.is_empty());
    std::iter::once(events).chain(more).collect()
}

#[cfg(test)]
mod tests;
