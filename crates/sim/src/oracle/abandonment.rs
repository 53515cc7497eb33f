//! docs/guide/abandonment.md

use charter::journeys::{Outcome, Worth};
use serde_json::{Value, json};

use super::figures::{first, limit, median, object, percentile, seconds, share};
use super::log::{self, Ending, Journey, Log};
use crate::world::Question;

pub(super) fn answer(log: &Log<'_>, question: &Question) -> Option<Value> {
    let cut = log.cut?;
    let ended = |ending: Ending| log.journeys.iter().filter(move |journey| journey.ending == ending);
    let [succeeded, open, abandoned] =
        [Ending::Succeeded, Ending::Open, Ending::Abandoned].map(|ending| ended(ending).count() as u64);
    let mut names: Vec<&str> = log.journeys.iter().flat_map(Journey::moments).collect();
    names.sort_unstable();
    names.dedup();
    let mut moments: Vec<(u64, u64, &str)> = names
        .into_iter()
        .map(|name| {
            let left = ended(Ending::Abandoned).filter(|journey| last(journey) == name).count() as u64;
            let here = log.journeys.iter().filter(|journey| journey.moments().contains(&name)).count() as u64;
            (left, here, name)
        })
        .collect();
    moments.sort_by_key(|(left, here, name)| (std::cmp::Reverse(*left), std::cmp::Reverse(*here), *name));
    let moments = first(moments, limit(question, 20)).into_iter().map(|(_, _, name)| place(log, name));
    let left: Vec<&Journey<'_>> = ended(Ending::Abandoned).collect();
    let priced = log.charter.outcomes.iter().filter(|outcome| outcome.value.is_some());
    Some(object([
        json!({
            "journey": cut.name,
            "abandoned_after": cut.abandoned_after.map(|span| span.to_string()),
            "journeys": log.journeys.len(),
            "customers": log.customers().len(),
            "succeeded": succeeded,
            "open": open,
            "abandoned": abandoned,
            "came_back": came_back(log, &left),
            "currency": log.charter.currency,
            "value": value(log, &left),
            "outcomes": priced.map(|outcome| valued(log, outcome)).collect::<Vec<_>>(),
            "times": "exact",
            "moments": moments.collect::<Vec<_>>(),
        }),
        share("abandoned_share", abandoned, succeeded + abandoned),
    ]))
}

fn last<'j>(journey: &'j Journey<'_>) -> &'j str {
    journey.moments().last().expect("a journey has events")
}

/// What the events of a journey that are an outcome are worth; `None` where none says what it is worth.
fn worth_of(log: &Log<'_>, journey: &Journey<'_>, outcome: &Outcome) -> Option<f64> {
    let amounts =
        journey.events().iter().filter(|seen| log.holds(&outcome.when, seen)).filter_map(|seen| {
            match outcome.value.as_ref()? {
                Worth::Amount(amount) => Some(*amount),
                Worth::Column(column) => log::number(seen.event, column),
            }
        });
    let amounts: Vec<f64> = amounts.collect();
    (!amounts.is_empty()).then(|| amounts.iter().sum())
}

/// What was in a journey: all outcomes that are not bad; `None` where none says what it is worth.
fn worth(log: &Log<'_>, journey: &Journey<'_>) -> Option<f64> {
    let good = log.charter.outcomes.iter().filter(|outcome| !outcome.bad);
    let amounts: Vec<f64> = good.filter_map(|outcome| worth_of(log, journey, outcome)).collect();
    (!amounts.is_empty()).then(|| amounts.iter().sum())
}

/// What is in these journeys, those without an amount included.
fn value(log: &Log<'_>, journeys: &[&Journey<'_>]) -> Value {
    let amounts: Vec<Option<f64>> = journeys.iter().map(|journey| worth(log, journey)).collect();
    let all: Vec<f64> = amounts.iter().map(|amount| amount.unwrap_or(0.0)).collect();
    let priced = amounts.iter().flatten().count();
    json!({"priced": priced, "total": all.iter().sum::<f64>(), "mean": super::figures::mean(&all)})
}

fn valued(log: &Log<'_>, outcome: &Outcome) -> Value {
    let having = |ending: Ending| -> Vec<&Journey<'_>> {
        let ended = log.journeys.iter().filter(|journey| journey.ending == ending);
        ended.filter(|journey| journey.events().iter().any(|seen| log.holds(&outcome.when, seen))).collect()
    };
    let known = |journeys: &[&Journey<'_>]| {
        let amounts: Vec<f64> = journeys.iter().filter_map(|journey| worth_of(log, journey, outcome)).collect();
        json!({"priced": amounts.len(), "total": amounts.iter().sum::<f64>(), "mean": super::figures::mean(&amounts)})
    };
    let (abandoned, succeeded) = (having(Ending::Abandoned), having(Ending::Succeeded));
    json!({
        "outcome": outcome.name,
        "abandoned": abandoned.len(),
        "in_abandoned": known(&abandoned),
        "succeeded": succeeded.len(),
        "in_succeeded": known(&succeeded),
    })
}

/// After how many of these journeys the customer started another one, whether or not that one is asked about.
fn came_back(log: &Log<'_>, left: &[&Journey<'_>]) -> Value {
    let cut = log.cut.expect("journeys are cut");
    let times = left.iter().filter_map(|journey| {
        let run = &journey.customer.run;
        let next = log::parts(log.charter, cut, run, log.until_us).into_iter().find(|part| part.0 >= journey.end)?;
        Some(seconds(run[next.0].at_us - run[journey.end - 1].at_us))
    });
    let times: Vec<f64> = times.collect();
    let count = times.len() as u64;
    object([json!({"count": count, "median_s": median(&times)}), share("share", count, left.len() as u64)])
}

fn place(log: &Log<'_>, name: &str) -> Value {
    let here: Vec<&Journey<'_>> = log.journeys.iter().filter(|journey| journey.moments().contains(&name)).collect();
    let ended_here = |ending: Ending| -> Vec<&Journey<'_>> {
        here.iter().filter(|journey| journey.ending == ending && last(journey) == name).copied().collect()
    };
    let left = ended_here(Ending::Abandoned);
    let others = here.iter().filter(|journey| journey.ending == Ending::Succeeded || last(journey) != name);
    let others: Vec<f64> = others.map(|journey| worth(log, journey).unwrap_or(0.0)).collect();
    let (mut events, mut waits) = (0, Vec::new());
    for journey in &here {
        let all = journey.events();
        for i in (0..all.len()).filter(|i| all[*i].moment == name) {
            events += 1;
            waits.extend(all.get(i + 1).map(|next| seconds(next.at_us - all[i].at_us)));
        }
    }
    object([
        json!({
            "moment": name,
            "journeys": here.len(),
            "abandoned": left.len(),
            "open": ended_here(Ending::Open).len(),
            "succeeded": ended_here(Ending::Succeeded).len(),
            "value": value(log, &left),
            "others_value_mean": super::figures::mean(&others),
            "events": events,
            "went_on": waits.len(),
            "wait_median_s": median(&waits),
            "wait_p90_s": percentile(&waits, 0.9),
            "came_back": came_back(log, &left),
        }),
        share("abandoned_share", left.len() as u64, here.len() as u64),
        share("went_on_share", waits.len() as u64, events),
    ])
}
