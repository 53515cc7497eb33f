//! docs/guide/expectations.md

use std::collections::BTreeSet;

use charter::journeys::Expectation;
use serde_json::{Value, json};

use super::figures::{count, first, limit, median, most_frequent, object, percentile, seconds, share};
use super::log::{Customer, Log};
use super::outcomes::{Case, between};
use super::promises::{Made, Rule, State, balance, key_of, made};
use crate::world::Question;

/// Channels that are shown.
const CHANNELS_SHOWN: usize = 50;

pub(super) fn rule<'a>(log: &Log<'a>, expectation: &'a Expectation) -> Rule<'a> {
    Rule {
        after: &expectation.after,
        promise: &expectation.promise,
        within: expectation.within,
        key: Some(key_of(log.charter, expectation)),
        once: false,
    }
}

/// The promises of an expectation that were made inside of journeys, and what came of each; they may be fulfilled after them.
fn promises<'l>(log: &'l Log<'_>, expectation: &Expectation) -> Vec<(&'l Customer<'l>, Made, State)> {
    let mut all = Vec::new();
    for journey in &log.journeys {
        let inside = |made: &Made| (journey.start..journey.end).contains(&made.at);
        let (made, _) = made(log.charter, &rule(log, expectation), &journey.customer.run);
        let state = |made: Made| {
            let state = made.state(Some(log.until_us));
            (&journey.customer, made, state)
        };
        all.extend(made.into_iter().filter(inside).map(state));
    }
    all
}

pub(super) fn answer(log: &Log<'_>, question: &Question) -> Option<Value> {
    let charter = log.charter;
    if charter.expectations.is_empty() {
        return None;
    }
    let expected = charter.expectations.iter().map(|expectation| expected(log, expectation, limit(question, 5)));
    // The departments of the list, then those that only a moment or an expectation names.
    let mut owners: Vec<Option<String>> = charter.departments.iter().map(|one| Some(one.name.clone())).collect();
    owners.extend(charter.moments.iter().map(|moment| moment.owner.clone()));
    owners.extend(charter.expectations.iter().map(|expectation| expectation.owner.clone()));
    let mut seen = BTreeSet::new();
    owners.retain(|owner| owner.is_some() && seen.insert(owner.clone()));
    owners.push(None);
    let owner = |owner: Option<String>| {
        let own = charter.expectations.iter().filter(|expectation| expectation.owner == owner);
        let states: Vec<State> = own.flat_map(|expectation| promises(log, expectation)).map(|(_, _, s)| s).collect();
        (!states.is_empty()).then(|| json!({"owner": owner, "balance": balance(&states)}))
    };
    Some(json!({
        "journeys": log.journeys.len(),
        "customers": log.customers().len(),
        "times": "exact",
        "expectations": expected.collect::<Vec<_>>(),
        "owners": owners.into_iter().filter_map(owner).collect::<Vec<_>>(),
    }))
}

fn expected(log: &Log<'_>, expectation: &Expectation, limit: usize) -> Value {
    let promises = promises(log, expectation);
    let states: Vec<State> = promises.iter().map(|(_, _, state)| *state).collect();
    let late = promises
        .iter()
        .filter(|(_, _, state)| *state == State::Late)
        .map(|(_, made, _)| seconds(made.fulfilled_us.expect("it came") - made.due_us.expect("it was due")));
    let late: Vec<f64> = late.collect();
    let unasked: u64 =
        log.customers().iter().map(|customer| made(log.charter, &rule(log, expectation), &customer.run).1).sum();
    let channel = |(customer, made, _): &(&Customer<'_>, Made, State)| customer.run[made.at].channel.clone();
    let channels = most_frequent(count(promises.iter().map(channel))).into_iter().map(|(name, _)| {
        let states: Vec<State> = promises.iter().filter(|p| channel(p) == name).map(|(_, _, state)| *state).collect();
        json!({"channel": name, "balance": balance(&states)})
    });
    // What is due is decided: kept or broken.
    let due = promises.iter().filter_map(|(customer, made, state)| {
        let due_us = made.due_us.filter(|due_us| *due_us <= log.until_us)?;
        Some((*customer, made.at, due_us, usize::from(*state != State::Kept)))
    });
    let due: Vec<(&Customer<'_>, usize, i64, usize)> = due.collect();
    let cases: Vec<Case<'_>> = due
        .iter()
        .map(|(customer, at, due_us, group)| Case { customer, first: at + 1, from_us: *due_us, group: *group })
        .collect();
    json!({
        "expectation": expectation.name,
        "label": expectation.label,
        "after": expectation.after,
        "promise": expectation.promise,
        "within": expectation.within.to_string(),
        "owner": expectation.owner,
        "balance": balance(&states),
        "late_median_s": median(&late),
        "late_p90_s": percentile(&late, 0.9),
        "unasked": unasked,
        "channels": first(channels.collect(), CHANNELS_SHOWN),
        "next": first(next(&due), limit),
        "outcomes": between(log, &cases, ["kept", "broken"]),
    })
}

/// The first moment after the promise fell due.
fn next(due: &[(&Customer<'_>, usize, i64, usize)]) -> Vec<Value> {
    let after = |(customer, _, due_us, _): &(&Customer<'_>, usize, i64, usize)| {
        customer.run.iter().find(|seen| seen.at_us > *due_us).map(|seen| seen.moment.clone())
    };
    let of = [0, 1].map(|group: usize| due.iter().filter(|case| case.3 == group).count() as u64);
    let row = |(moment, _): (Option<String>, u64)| {
        let number = |group: usize| due.iter().filter(|case| case.3 == group && after(case) == moment).count() as u64;
        let (kept, broken) = (number(0), number(1));
        object([
            json!({"moment": moment, "kept": kept, "broken": broken}),
            share("kept_share", kept, of[0]),
            share("broken_share", broken, of[1]),
        ])
    };
    most_frequent(count(due.iter().map(after))).into_iter().map(row).collect()
}

/// What came of the promises of a whole run.
pub(super) fn of_run(log: &Log<'_>, expectation: &Expectation, customer: &Customer<'_>) -> Vec<State> {
    let (made, _) = made(log.charter, &rule(log, expectation), &customer.run);
    made.iter().map(|made| made.state(Some(log.until_us))).collect()
}
