//! What the business got after something, in two groups (docs/guide/expectations.md, "What followed").

use event::Span;
use serde_json::{Value, json};

use super::figures::{interval, newcombe, object, seconds, share};
use super::log::{Customer, Log};

/// A case: whose it is, from which event of the run on and from when on outcomes count, and in which of the two groups it is.
#[derive(Debug)]
pub(super) struct Case<'a> {
    pub(super) customer: &'a Customer<'a>,
    pub(super) first: usize,
    pub(super) from_us: i64,
    pub(super) group: usize,
}

/// Every outcome of the charter among these cases. A case counts only where the horizon is over by the end of what is known.
pub(super) fn between(log: &Log<'_>, cases: &[Case<'_>], groups: [&str; 2]) -> Vec<Value> {
    let outcome = |outcome: &charter::journeys::Outcome| {
        let horizon_us = outcome.horizon.and_then(Span::as_micros);
        let mut counts = [[0; 2]; 2];
        for case in cases {
            let end_us = horizon_us.map_or(log.until_us, |horizon_us| case.from_us + horizon_us);
            if end_us > log.until_us || case.from_us > log.until_us {
                continue;
            }
            let mut later = case.customer.run[case.first..].iter();
            let came =
                later.any(|seen| log.holds(&outcome.when, seen) && (case.from_us..=end_us).contains(&seen.at_us));
            counts[case.group][0] += u64::from(came);
            counts[case.group][1] += 1;
        }
        compared(&outcome.name, outcome.bad, horizon_us.map(seconds), groups, counts)
    };
    log.charter.outcomes.iter().map(outcome).collect()
}

/// An outcome in two groups: in how many cases, of how many.
pub(super) fn compared(
    name: &str,
    bad: bool,
    horizon_s: Option<f64>,
    groups: [&str; 2],
    counts: [[u64; 2]; 2],
) -> Value {
    let group = |(group, [count, of]): (&str, [u64; 2])| {
        object([json!({"group": group, "count": count, "of": of}), share("share", count, of)])
    };
    object([
        json!({
            "outcome": name,
            "bad": bad,
            "horizon_s": horizon_s,
            "groups": groups.into_iter().zip(counts).map(group).collect::<Vec<_>>(),
        }),
        interval("difference", newcombe(counts[0], counts[1])),
    ])
}
