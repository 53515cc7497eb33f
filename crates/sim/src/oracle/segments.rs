//! docs/guide/segments.md, and the facts of docs/guide/charter.md#segments

use charter::journeys::{Outcome, Worth};
use charter::{Answer, Condition, CustomerFact, Facts};
use event::{Timestamp, Value as Known};
use serde_json::{Value, json};

use super::figures::{count, median, most_frequent, object, share};
use super::log::{Customer, Ending, Journey, Log, number, parts};
use crate::world::Question;

const DAY_US: f64 = 86_400_000_000.0;

/// Whether a customer belongs to a segment; what is NULL does not hold.
pub(super) fn belongs(log: &Log<'_>, customer: &Customer<'_>, condition: &Condition<CustomerFact>) -> bool {
    condition.holds(&Whole { log, customer })
}

/// A customer's whole run.
struct Whole<'l, 'a> {
    log: &'l Log<'a>,
    customer: &'l Customer<'a>,
}

impl Whole<'_, '_> {
    fn times_of(&self, moment: &str) -> Vec<i64> {
        self.customer.run.iter().filter(|seen| seen.moment == moment).map(|seen| seen.at_us).collect()
    }

    fn journeys(&self, name: &str, ending: Option<Ending>) -> usize {
        let charter = self.log.charter;
        let cut = charter.journeys.iter().find(|cut| cut.name == name).expect("a journey of the charter");
        let parts = parts(charter, cut, &self.customer.run, self.log.until_us);
        parts.iter().filter(|part| ending.is_none_or(|ending| part.2 == ending)).count()
    }

    /// How often an outcome, and what it is worth together.
    fn outcome(&self, name: &str) -> (usize, f64) {
        let is_it = |outcome: &&Outcome| outcome.name == name;
        let outcome = self.log.charter.outcomes.iter().find(is_it).expect("an outcome of the charter");
        let events = self.customer.run.iter().filter(|seen| self.log.holds(&outcome.when, seen));
        let worth = events.clone().filter_map(|seen| match outcome.value.as_ref()? {
            Worth::Amount(amount) => Some(*amount),
            Worth::Column(column) => number(seen.event, column),
        });
        (events.count(), worth.sum())
    }
}

impl Facts<CustomerFact> for Whole<'_, '_> {
    fn get(&self, fact: &CustomerFact) -> Answer<'_> {
        let run = &self.customer.run;
        let now = self.log.until_us;
        let number = |n: usize| Known::Int(i64::try_from(n).expect("few"));
        let days = |from_us: i64, to_us: i64| Known::Float((to_us - from_us) as f64 / DAY_US);
        let time = |at_us: i64| Known::Time(Timestamp::from_micros(at_us));
        let (first, last) = (run[0].at_us, run[run.len() - 1].at_us);
        let some =
            |at_us: Option<&i64>, what: &dyn Fn(i64) -> Known<'static>| at_us.map_or(Known::Null, |at| what(*at));
        let value = match fact {
            CustomerFact::Events => number(run.len()),
            CustomerFact::First => time(first),
            CustomerFact::Last => time(last),
            CustomerFact::Days => days(first, last),
            CustomerFact::DaysSinceFirst => days(first, now),
            CustomerFact::DaysSinceLast => days(last, now),
            CustomerFact::DaysBetweenMedian => {
                let gaps: Vec<f64> = run.windows(2).map(|pair| (pair[1].at_us - pair[0].at_us) as f64).collect();
                median(&gaps).map_or(Known::Null, |gap| Known::Float(gap / DAY_US))
            }
            CustomerFact::Channels => number(count(run.iter().filter_map(|seen| seen.channel.as_ref())).len()),
            CustomerFact::Stage => {
                let stage = run.iter().rev().find_map(|seen| seen.stage);
                stage.map_or(Known::Null, |stage| Known::Text(&self.log.charter.stages[stage].name))
            }
            CustomerFact::FirstMoment => Known::Text(&run[0].moment),
            CustomerFact::LastMoment => Known::Text(&run[run.len() - 1].moment),
            CustomerFact::CountOf(name) => number(self.times_of(name).len()),
            CustomerFact::FirstOf(name) => some(self.times_of(name).first(), &time),
            CustomerFact::LastOf(name) => some(self.times_of(name).last(), &time),
            CustomerFact::DaysSinceFirstOf(name) => some(self.times_of(name).first(), &|at| days(at, now)),
            CustomerFact::DaysSinceLastOf(name) => some(self.times_of(name).last(), &|at| days(at, now)),
            CustomerFact::ShareOfChannel(name) => {
                let there = run.iter().filter(|seen| seen.channel.as_ref() == Some(name)).count();
                Known::Float(there as f64 / run.len() as f64)
            }
            CustomerFact::JourneysOf(name) => number(self.journeys(name, None)),
            CustomerFact::SucceededOf(name) => number(self.journeys(name, Some(Ending::Succeeded))),
            CustomerFact::AbandonedOf(name) => number(self.journeys(name, Some(Ending::Abandoned))),
            CustomerFact::OutcomesOf(name) => number(self.outcome(name).0),
            CustomerFact::ValueOf(name) => Known::Float(self.outcome(name).1),
        };
        value.into()
    }
}

pub(super) fn answer(log: &Log<'_>, question: &Question) -> Option<Value> {
    let charter = log.charter;
    let mut segments: Vec<(String, String, Condition<CustomerFact>)> =
        charter.segments.iter().map(|s| (s.name.clone(), s.label.clone(), s.when.clone())).collect();
    if let Some(sql) = question.option("sql") {
        let condition = charter.customer_condition(sql).expect("a condition");
        segments.push((sql.to_owned(), sql.to_owned(), condition));
    }
    if segments.is_empty() {
        return None;
    }
    let members = |condition: &Condition<CustomerFact>| -> Vec<i64> {
        let all = log.customers().into_iter();
        all.filter(|customer| belongs(log, customer, condition)).map(|customer| customer.number).collect()
    };
    let members: Vec<Vec<i64>> = segments.iter().map(|(_, _, condition)| members(condition)).collect();
    let each = segments.iter().zip(&members).map(|((name, label, condition), members)| {
        object([json!({"segment": name, "label": label, "when": condition.text()}), of_segment(log, members)])
    });
    let part = |both: usize, of: usize| (of > 0).then(|| both as f64 / of as f64);
    let mut overlaps = Vec::new();
    for a in 0..segments.len() {
        for b in a + 1..segments.len() {
            let both = members[a].iter().filter(|number| members[b].contains(number)).count();
            overlaps.push(json!({
                "a": segments[a].0, "b": segments[b].0, "customers": both,
                "of_a": part(both, members[a].len()), "of_b": part(both, members[b].len()),
            }));
        }
    }
    Some(json!({
        "customers": log.customers().len(),
        "events": log.journeys.iter().map(|journey| journey.events().len()).sum::<usize>(),
        "journeys": log.journeys.len(),
        "segments": each.collect::<Vec<_>>(),
        "overlaps": overlaps,
    }))
}

fn of_segment(log: &Log<'_>, members: &[i64]) -> Value {
    let journeys: Vec<&Journey<'_>> = log.journeys.iter().filter(|j| members.contains(&j.customer.number)).collect();
    let first = most_frequent(count(journeys.iter().map(|journey| journey.moments()[0]))).into_iter().next();
    let customers = members.len() as u64;
    let outcomes = log.charter.outcomes.iter().map(|outcome| {
        let had = journeys.iter().filter(|journey| journey.events().iter().any(|s| log.holds(&outcome.when, s)));
        let had = count(had.map(|journey| journey.customer.number)).len() as u64;
        object([json!({"outcome": outcome.name, "customers": had}), share("customers_share", had, customers)])
    });
    object([
        json!({
            "customers": customers,
            "events": journeys.iter().map(|journey| journey.events().len()).sum::<usize>(),
            "journeys": journeys.len(),
            "first_moment": first.as_ref().map(|(moment, _)| moment),
            "first_moment_share": first.as_ref().map(|(_, n)| *n as f64 / journeys.len() as f64),
            "outcomes": outcomes.collect::<Vec<_>>(),
        }),
        share("customers_share", customers, log.customers().len() as u64),
    ])
}
