//! docs/guide/variants.md

use serde_json::{Value, json};

use super::figures::{count, first, limit, most_frequent, object, share};
use super::log::Log;
use crate::world::Question;

/// The answer about a group; what the other group has is listed too.
pub(super) fn answer(log: &Log<'_>, others: &[&Log<'_>], question: &Question) -> Value {
    let journeys = log.journeys.len() as u64;
    let mut counts = count(log.journeys.iter().map(|journey| journey.moments()));
    let of = counts.len();
    for other in others.iter().flat_map(|other| &other.journeys) {
        counts.entry(other.moments()).or_default();
    }
    let all = most_frequent(counts);
    let covered_share = |covered: u64| (journeys > 0).then(|| covered as f64 / journeys as f64);
    let mut covered = 0;
    let mut variants = Vec::new();
    for (sequence, count) in first(all, limit(question, 20)) {
        covered += count;
        variants.push(object([
            json!({"sequence": sequence, "count": count, "covered_share": covered_share(covered)}),
            share("share", count, journeys),
        ]));
    }
    json!({
        "journeys": journeys,
        "customers": log.customers().len(),
        "shown": variants.len(),
        "of": of,
        "covered_share": covered_share(covered),
        "variants": variants,
    })
}
