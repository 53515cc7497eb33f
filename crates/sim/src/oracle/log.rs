//! The events as a charter sees them, and the journeys that a question is about (docs/guide/charter.md, views.md).

use std::collections::BTreeMap;

use charter::journeys::Journey as Cut;
use charter::{Charter, Condition, CustomerFact, EventFacts, Fact, Facts};
use event::{Column, Span, Timestamp, Value};

use super::segments;
use crate::world::{Event, Question};

/// An event that is a moment.
#[derive(Debug, Clone)]
pub(super) struct Seen<'a> {
    pub(super) event: &'a Event,
    pub(super) moment: String,
    /// The stage of the moment, by its position.
    pub(super) stage: Option<usize>,
    pub(super) channel: Option<String>,
    pub(super) at_us: i64,
}

/// How a journey ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    Whole,
    Succeeded,
    Abandoned,
    Open,
}

/// A customer and all that they did, in the order of time.
#[derive(Debug, Clone)]
pub(super) struct Customer<'a> {
    pub(super) number: i64,
    pub(super) run: Vec<Seen<'a>>,
}

/// A part of a customer's run.
#[derive(Debug, Clone)]
pub(super) struct Journey<'a> {
    pub(super) customer: Customer<'a>,
    /// Its first event in the run.
    pub(super) start: usize,
    /// The event after its last one.
    pub(super) end: usize,
    pub(super) ending: Ending,
}

/// What a view is asked about.
#[derive(Debug)]
pub(super) struct Log<'a> {
    pub(super) charter: &'a Charter,
    /// The journeys that count, by customer and time.
    pub(super) journeys: Vec<Journey<'a>>,
    /// Those of the period before, of which the stage board tells how this one differs.
    pub(super) earlier: Vec<Journey<'a>>,
    /// How the charter cuts them, if it does.
    pub(super) cut: Option<&'a Cut>,
    /// The times of the first and of the last event of all, whether or not it is asked about.
    pub(super) since_us: i64,
    pub(super) until_us: i64,
    /// The beginning of the first day with a moment.
    pub(super) began_us: i64,
    /// The period that was asked for.
    pub(super) from_us: Option<i64>,
    pub(super) to_us: Option<i64>,
}

impl<'a> Journey<'a> {
    pub(super) fn events(&self) -> &[Seen<'a>] {
        &self.customer.run[self.start..self.end]
    }

    pub(super) fn moments(&self) -> Vec<&str> {
        self.events().iter().map(|seen| seen.moment.as_str()).collect()
    }
}

impl<'a> Log<'a> {
    /// Every customer of whom a journey counts, once.
    pub(super) fn customers(&self) -> Vec<&Customer<'a>> {
        let mut customers: Vec<&Customer<'a>> = self.journeys.iter().map(|journey| &journey.customer).collect();
        customers.dedup_by_key(|customer| customer.number);
        customers
    }

    /// For how many customers a journey holds for which this is true.
    pub(super) fn customers_where(&self, holds: impl Fn(&Journey<'a>) -> bool) -> u64 {
        let mut numbers: Vec<i64> = self.journeys.iter().filter(|j| holds(j)).map(|j| j.customer.number).collect();
        numbers.dedup();
        numbers.len() as u64
    }

    /// The same of some of the journeys.
    fn part(&self, holds: impl Fn(&Journey<'a>) -> bool) -> Self {
        let journeys = self.journeys.iter().filter(|journey| holds(journey)).cloned().collect();
        Self { journeys, earlier: Vec::new(), ..*self }
    }

    /// When the period before the one that was asked for began, which is as long as what is known of that one, where moments
    /// are known for so long.
    pub(super) fn before_us(&self) -> Option<i64> {
        let (from_us, to_us) = (self.from_us?, self.to_us?.min(self.until_us + 1));
        (from_us < to_us).then(|| from_us - (to_us - from_us)).filter(|before_us| *before_us >= self.began_us)
    }

    fn starts_in(journey: &Journey<'a>, from_us: Option<i64>, to_us: Option<i64>) -> bool {
        let started_us = journey.events()[0].at_us;
        from_us.is_none_or(|from_us| started_us >= from_us) && to_us.is_none_or(|to_us| started_us < to_us)
    }

    /// Whether a condition of the charter holds for an event.
    pub(super) fn holds(&self, condition: &Condition<Fact>, seen: &Seen<'_>) -> bool {
        holds(self.charter, condition, seen)
    }
}

/// What a column of an event says, as a text.
pub(super) fn text(event: &Event, column: &Column) -> Option<String> {
    match event.get(column).value()? {
        Value::Text(text) => Some(text.to_owned()),
        Value::Float(number) => Some(number.to_string()),
        _ => None,
    }
}

/// What a column of an event says, as a number.
pub(super) fn number(event: &Event, column: &Column) -> Option<f64> {
    match event.get(column).value()? {
        Value::Float(number) => Some(number),
        _ => None,
    }
}

/// What is asked about: the names of the groups, if two are compared, and the journeys of each.
pub(super) fn asked<'a>(charter: &'a Charter, events: &'a [Event], question: &Question) -> (Vec<String>, Vec<Log<'a>>) {
    // A view about journeys is about the first one where none is chosen.
    let about_journeys = ["abandonment", "conformance"].contains(&question.view);
    let cut = match question.select("journey") {
        Some(name) => charter.journeys.iter().find(|cut| cut.name == name),
        None => charter.journeys.first().filter(|_| about_journeys),
    };
    let times = events.iter().map(|event| event.at_us);
    let given = |name| question.select(name).map(|text| time(charter, text));
    let mut all = Log {
        charter,
        journeys: Vec::new(),
        earlier: Vec::new(),
        cut,
        since_us: times.clone().min().unwrap_or(0),
        until_us: times.clone().max().unwrap_or(0),
        began_us: 0,
        from_us: given("from"),
        to_us: given("to"),
    };
    all.began_us = began(charter, events, question).unwrap_or(all.since_us);
    all.journeys = journeys(charter, events, question, &all);
    if let Some(compare) = question.select("compare") {
        return groups(&all, compare);
    }
    let mut asked = all.part(|journey| Log::starts_in(journey, all.from_us, all.to_us));
    if let Some(before_us) = all.before_us() {
        asked.earlier = all.part(|journey| Log::starts_in(journey, Some(before_us), all.from_us)).journeys;
    }
    (Vec::new(), vec![asked])
}

/// A time as answers show it: in the charter's zone, to the second.
pub(super) fn shown(charter: &Charter, at_us: i64) -> String {
    let zoned = Timestamp::from_micros(at_us).to_jiff().to_zoned(charter.timezone.clone());
    zoned.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
}

fn holds(charter: &Charter, condition: &Condition<Fact>, seen: &Seen<'_>) -> bool {
    let stage = seen.stage.map(|stage| charter.stages[stage].name.as_str());
    condition.holds(&EventFacts { event: seen.event, moment: Some(&seen.moment), stage })
}

/// The beginning of the first day with a moment that `--events` leaves, but for customers who begin far before all others.
pub(super) fn began(charter: &Charter, events: &[Event], question: &Question) -> Option<i64> {
    let only = question.select("events").map(|text| charter.condition(text).expect("a condition"));
    let mut first: BTreeMap<i64, i64> = BTreeMap::new();
    let seen = events.iter().filter_map(|event| see(charter, event));
    for seen in seen.filter(|seen| only.as_ref().is_none_or(|only| holds(charter, only, seen))) {
        let first_us = first.entry(seen.event.customer).or_insert(seen.at_us);
        *first_us = seen.at_us.min(*first_us);
    }
    let mut starts: Vec<i64> = first.values().map(|at_us| day_start(charter, *at_us)).collect();
    starts.sort_unstable();
    // Rounded, as days with a change of clocks are not of the same length.
    let days: Vec<i64> = starts.iter().map(|at_us| (at_us + 43_200_000_000).div_euclid(86_400_000_000)).collect();
    starts.get(early(&days)).copied()
}

/// How many of the first of these days lie so far before the rest that they are taken for wrong: of twenty or more one, and
/// one in a thousand, where more than a week lies between, and more than a tenth of the time that is left; one in twenty where
/// more than all of that time does.
pub(super) fn early(days: &[i64]) -> usize {
    let few = (days.len() / 1_000).max(usize::from(days.len() >= 20));
    let some = few.max(days.len() / 20);
    let far = |n: &usize| {
        let (gap, left) = (days[*n] - days[n - 1], days[days.len() - 1] - days[*n]);
        gap > 7 && gap > if *n > few { left } else { left / 10 }
    };
    (1..=some.min(days.len().saturating_sub(1))).rev().find(far).unwrap_or(0)
}

fn day_start(charter: &Charter, at_us: i64) -> i64 {
    let zoned = Timestamp::from_micros(at_us).to_jiff().to_zoned(charter.timezone.clone());
    zoned.start_of_day().expect("a day has a start").timestamp().as_microsecond()
}

/// The names of two groups and the journeys of each.
fn groups<'a>(all: &Log<'a>, compare: &str) -> (Vec<String>, Vec<Log<'a>>) {
    let charter = all.charter;
    let names = |a: &str, b: &str| vec![a.to_owned(), b.to_owned()];
    let either = names(compare, &format!("not ({compare})"));
    let group = |holds: &dyn Fn(&Journey<'a>) -> bool| {
        all.part(|journey| Log::starts_in(journey, all.from_us, all.to_us) && holds(journey))
    };
    let segment = |name: &str| charter.segments.iter().find(|segment| segment.name == name).map(|s| s.when.clone());
    let belongs =
        |journey: &Journey<'a>, segment: &Condition<CustomerFact>| segments::belongs(all, &journey.customer, segment);
    if let Some(inside) = segment(compare) {
        return (
            either,
            vec![group(&|journey| belongs(journey, &inside)), group(&|journey| !belongs(journey, &inside))],
        );
    }
    match compare.split_once(',') {
        Some((a, b)) if a.contains("..") => {
            // Two periods, each with two times, of which one may be missing.
            let of = |text: &str| {
                let (from, to) = text.split_once("..").expect("a period");
                let [from_us, to_us] = [from, to].map(|text| (!text.is_empty()).then(|| time(charter, text)));
                all.part(|journey| Log::starts_in(journey, from_us, to_us))
            };
            (names(a, b), vec![of(a), of(b)])
        }
        Some((a, b)) if segment(a).is_some() && segment(b).is_some() => {
            let of = |name: &str| {
                let segment = segment(name).expect("a segment of the charter");
                group(&|journey| belongs(journey, &segment))
            };
            (names(a, b), vec![of(a), of(b)])
        }
        _ => {
            let condition = charter.condition(compare).expect("a condition");
            let has = |journey: &Journey<'a>| journey.events().iter().any(|seen| all.holds(&condition, seen));
            (either, vec![group(&|journey| has(journey)), group(&|journey| !has(journey))])
        }
    }
}

fn time(charter: &Charter, text: &str) -> i64 {
    Timestamp::parse(text, &charter.timezone).expect("a time").as_micros()
}

/// All journeys that `--events`, `--segment`, `--journey` and `--where` leave, whenever they start.
fn journeys<'a>(charter: &'a Charter, events: &'a [Event], question: &Question, log: &Log<'a>) -> Vec<Journey<'a>> {
    let condition = |name| question.select(name).map(|text| charter.condition(text).expect("a condition"));
    let (only, with) = (condition("events"), condition("where"));
    let segment = question.select("segment").map(|name| {
        charter.segments.iter().find(|segment| segment.name == name).expect("a segment of the charter").when.clone()
    });
    let mut seen: Vec<Seen<'a>> = events.iter().filter_map(|event| see(charter, event)).collect();
    seen.retain(|seen| only.as_ref().is_none_or(|only| log.holds(only, seen)));
    // Ties in time stay in the order of arrival.
    seen.sort_by_key(|seen| (seen.event.customer, seen.at_us));
    let mut all = Vec::new();
    for run in seen.chunk_by(|a, b| a.event.customer == b.event.customer) {
        let customer = Customer { number: run[0].event.customer, run: run.to_vec() };
        if segment.as_ref().is_some_and(|segment| !segments::belongs(log, &customer, segment)) {
            continue;
        }
        let parts = match log.cut {
            None => vec![(0, run.len(), Ending::Whole)],
            Some(cut) => parts(charter, cut, &customer.run, log.until_us),
        };
        for (start, end, ending) in parts {
            let journey = Journey { customer: customer.clone(), start, end, ending };
            if with.as_ref().is_none_or(|with| journey.events().iter().any(|seen| log.holds(with, seen))) {
                all.push(journey);
            }
        }
    }
    all
}

/// What a charter sees in an event: the first moment whose condition holds, or its name where there are none.
fn see<'a>(charter: &Charter, event: &'a Event) -> Option<Seen<'a>> {
    let known = charter.moments.iter().find(|moment| moment.when.holds(event));
    if known.is_none() && !charter.moments.is_empty() {
        return None;
    }
    let stage = known.and_then(|moment| moment.stage.as_ref());
    let by_condition = charter.channels.iter().find(|channel| channel.when.as_ref().is_some_and(|w| w.holds(event)));
    Some(Seen {
        event,
        moment: known.map_or_else(|| event.name.clone(), |moment| moment.name.clone()),
        stage: stage.and_then(|stage| charter.stages.iter().position(|known| known.name == *stage)),
        channel: by_condition.map(|channel| channel.name.clone()).or_else(|| event.columns.get("channel").cloned()),
        at_us: event.at_us,
    })
}

/// The journeys of a run: a journey begins at a moment of `starts` while none is open, takes in everything that follows, and
/// ends with a moment of `succeeds` or before a silence longer than `abandoned_after`.
pub(super) fn parts(charter: &Charter, cut: &Cut, run: &[Seen<'_>], until_us: i64) -> Vec<(usize, usize, Ending)> {
    let silent = |from_us: i64, to_us: i64| match cut.abandoned_after {
        None => false,
        Some(span) => due(charter, span, from_us).is_some_and(|due_us| to_us > due_us),
    };
    let mut parts = Vec::new();
    let mut i = 0;
    while i < run.len() {
        if !cut.starts.is_empty() && !cut.starts.contains(&run[i].moment) {
            i += 1;
            continue;
        }
        let start = i;
        let ending = loop {
            if cut.succeeds.contains(&run[i].moment) {
                break Ending::Succeeded;
            }
            let next_us = run.get(i + 1).map_or(until_us, |next| next.at_us);
            if silent(run[i].at_us, next_us) {
                break Ending::Abandoned;
            }
            if i + 1 == run.len() {
                break Ending::Open;
            }
            i += 1;
        };
        i += 1;
        parts.push((start, i, ending));
    }
    parts
}

/// When a span that begins at a time is over; `None` where the calendar has no such day.
pub(super) fn due(charter: &Charter, span: Span, from_us: i64) -> Option<i64> {
    match span {
        Span::Elapsed(us) => Some(from_us + us),
        Span::BusinessDays(days) => {
            charter.calendar.after_business_days(Timestamp::from_micros(from_us), days).map(Timestamp::as_micros)
        }
    }
}
