//! docs/guide/map.md

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::figures::{count, first, limit, mean, median, most_frequent, object, percentile, seconds, share};
use super::log::Log;
use crate::world::Question;

pub(super) fn answer(log: &Log<'_>, question: &Question) -> Value {
    let customers = log.customers().len() as u64;
    let journeys = log.journeys.len() as u64;
    let mut times: BTreeMap<(String, String), Vec<f64>> = BTreeMap::new();
    for journey in &log.journeys {
        for pair in journey.events().windows(2) {
            let edge = (pair[0].moment.clone(), pair[1].moment.clone());
            times.entry(edge).or_default().push(seconds(pair[1].at_us - pair[0].at_us));
        }
    }
    let counts = times.iter().map(|(edge, times)| (edge.clone(), times.len() as u64)).collect();
    let edges = most_frequent(counts).into_iter().map(|((from, to), count)| {
        let times = &times[&(from.clone(), to.clone())];
        let took = log.customers_where(|journey| journey.moments().windows(2).any(|pair| pair == [&*from, &*to]));
        object([
            json!({"from": from, "to": to, "count": count, "customers": took}),
            share("customers_share", took, customers),
            json!({"median_s": median(times), "p90_s": percentile(times, 0.9), "mean_s": mean(times)}),
        ])
    });
    let edges: Vec<Value> = edges.collect();
    let of = edges.len();
    let edges = first(edges, limit(question, 0));
    let moments = count(log.journeys.iter().flat_map(|journey| journey.moments()));
    let events: u64 = moments.values().sum();
    let moments = most_frequent(moments).into_iter().map(|(moment, events)| {
        let had = log.customers_where(|journey| journey.moments().contains(&moment));
        object([
            json!({"moment": moment, "events": events, "customers": had}),
            share("customers_share", had, customers),
        ])
    });
    let terminals = |counts: BTreeMap<&str, u64>| -> Vec<Value> {
        let terminal = |(moment, count): (&str, u64)| {
            object([json!({"moment": moment, "count": count}), share("share", count, journeys)])
        };
        most_frequent(counts).into_iter().map(terminal).collect()
    };
    json!({
        "journeys": journeys,
        "customers": customers,
        "events": events,
        "times": "exact",
        "shown": edges.len(),
        "of": of,
        "moments": moments.collect::<Vec<_>>(),
        "edges": edges,
        "starts": terminals(count(log.journeys.iter().map(|journey| journey.moments()[0]))),
        "ends": terminals(count(log.journeys.iter().map(|journey| *journey.moments().last().expect("some event")))),
    })
}
