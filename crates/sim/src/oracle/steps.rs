//! docs/guide/steps.md

use serde_json::{Value, json};

use super::figures::{count, most_frequent, object, share};
use super::log::{Ending, Log};
use crate::world::Question;

pub(super) fn answer(log: &Log<'_>, question: &Question) -> Value {
    let journeys = log.journeys.len() as u64;
    let steps: usize = question.option("steps").map_or(10, |steps| steps.parse().expect("a number"));
    let step = |i: usize| {
        let there = log.journeys.iter().filter_map(|journey| journey.moments().get(i).copied());
        let moments = most_frequent(count(there)).into_iter().map(|(moment, count)| {
            object([json!({"moment": moment, "count": count}), share("share", count, journeys)])
        });
        let gone = log.journeys.iter().filter(|journey| journey.moments().len() <= i);
        let (open, ended): (Vec<_>, Vec<_>) = gone.partition(|journey| journey.ending == Ending::Open);
        let (open, ended) = (open.len() as u64, ended.len() as u64);
        object([
            json!({"step": i + 1, "moments": moments.collect::<Vec<_>>(), "open": open, "ended": ended}),
            share("open_share", open, journeys),
            share("ended_share", ended, journeys),
        ])
    };
    json!({
        "journeys": journeys,
        "customers": log.customers().len(),
        "steps": (0..steps).map(step).collect::<Vec<_>>(),
    })
}
