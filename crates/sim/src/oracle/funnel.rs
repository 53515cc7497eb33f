//! docs/guide/funnel.md

use event::Span;
use serde_json::{Value, json};

use super::figures::{median, object, seconds, share};
use super::log::{Log, Seen};
use crate::world::Question;

/// For every step that is reached: when the step before and the step itself were taken.
type Taken = Vec<Option<(i64, i64)>>;

pub(super) fn answer(log: &Log<'_>, question: &Question) -> Value {
    let steps: Vec<&str> = question.option("steps").expect("a funnel has steps").split(',').collect();
    let within = question.option("within").map(|within| within.parse::<Span>().expect("a span"));
    let within_us = within.and_then(Span::as_micros);
    let from_first = question.option("from_first").is_some();
    let way = if from_first { from_the_first } else { by_every_start };
    // Each customer counts once, with the first of their journeys that gets to a step.
    let mut customers: Vec<(i64, Vec<Option<f64>>)> = Vec::new();
    for journey in &log.journeys {
        if customers.last().is_none_or(|(number, _)| *number != journey.customer.number) {
            customers.push((journey.customer.number, vec![None; steps.len()]));
        }
        let (_, times) = customers.last_mut().expect("there is one");
        let taken = way(journey.events(), &steps, within_us.unwrap_or(i64::MAX));
        for (time, taken) in times.iter_mut().zip(taken) {
            *time = time.or(taken.map(|(before_us, at_us)| seconds(at_us - before_us)));
        }
    }
    let reached = |i: usize| customers.iter().filter(|(_, times)| times[i].is_some()).count() as u64;
    let step = |i: usize| {
        let times: Vec<f64> = customers.iter().filter_map(|(_, times)| times[i]).collect();
        let here = reached(i);
        object([
            json!({"moment": steps[i], "customers": here, "median_s": if i == 0 { None } else { median(&times) }}),
            share("of_first", here, reached(0)),
            share("of_previous", here, reached(i.saturating_sub(1))),
        ])
    };
    json!({
        "semantics": if from_first { "from_first" } else { "window" },
        "within_s": within_us.map(seconds),
        "journeys": log.journeys.len(),
        "customers": customers.len(),
        "times": "exact",
        "steps": (0..steps.len()).map(step).collect::<Vec<_>>(),
    })
}

/// From each event of the first step, each next step at the earliest event after it.
fn by_every_start(events: &[Seen<'_>], steps: &[&str], within_us: i64) -> Taken {
    let mut best: Vec<Option<(usize, i64, i64)>> = vec![None; steps.len()];
    for start in (0..events.len()).filter(|i| events[*i].moment == steps[0]) {
        let start_us = events[start].at_us;
        best[0] = best[0].or(Some((start, start_us, start_us)));
        let mut at = start;
        for step in 1..steps.len() {
            let Some(next) = (at + 1..events.len()).find(|i| events[*i].moment == steps[step]) else { break };
            if events[next].at_us - start_us > within_us {
                break;
            }
            // The chain that first gets here; of several that do at the same event, the one that started last.
            let better =
                best[step].is_none_or(|(event, started, _)| next < event || next == event && start_us > started);
            if better {
                best[step] = Some((next, start_us, events[at].at_us));
            }
            at = next;
        }
    }
    best.into_iter().map(|best| best.map(|(event, _, before_us)| (before_us, events[event].at_us))).collect()
}

/// From the earliest first step, each next one as early as it comes.
fn from_the_first(events: &[Seen<'_>], steps: &[&str], within_us: i64) -> Taken {
    let mut taken: Taken = Vec::new();
    for seen in events {
        let first_us = taken.first().copied().flatten().map_or(seen.at_us, |(_, at_us)| at_us);
        if steps.get(taken.len()) == Some(&&*seen.moment) && seen.at_us - first_us <= within_us {
            let before_us = taken.last().copied().flatten().map_or(seen.at_us, |(_, at_us)| at_us);
            taken.push(Some((before_us, seen.at_us)));
        }
    }
    taken.resize(steps.len(), None);
    taken
}
