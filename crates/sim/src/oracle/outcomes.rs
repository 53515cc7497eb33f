//! What the business got after something, in two groups (docs/guide/expectations.md, "What followed").

use charter::journeys::{Outcome, Worth};
use event::Span;
use serde_json::{Value, json};

use super::figures::{interval, newcombe, object, seconds, share, student, welch};
use super::log::{Customer, Log, Seen, number};

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
    let outcome = |outcome: &Outcome| {
        let horizon_us = outcome.horizon.and_then(Span::as_micros);
        let mut counts = [[0; 2]; 2];
        let mut values = [Vec::new(), Vec::new()];
        for case in cases {
            let end_us = horizon_us.map_or(log.until_us, |horizon_us| case.from_us + horizon_us);
            if end_us > log.until_us || case.from_us > log.until_us {
                continue;
            }
            let later = case.customer.run[case.first..].iter();
            let came: Vec<&Seen<'_>> = later
                .filter(|seen| log.holds(&outcome.when, seen) && (case.from_us..=end_us).contains(&seen.at_us))
                .collect();
            counts[case.group][0] += u64::from(!came.is_empty());
            counts[case.group][1] += 1;
            values[case.group].push(came.iter().filter_map(|seen| worth(outcome, seen)).sum::<f64>());
        }
        let values = values.map(|values| if outcome.value.is_some() { values } else { Vec::new() });
        compared(&outcome.name, outcome.bad, horizon_us.map(seconds), groups, counts, &values)
    };
    log.charter.outcomes.iter().map(outcome).collect()
}

/// What an event that is an outcome is worth, as far as it says so.
fn worth(outcome: &Outcome, seen: &Seen<'_>) -> Option<f64> {
    match outcome.value.as_ref()? {
        Worth::Amount(amount) => Some(*amount),
        Worth::Column(column) => number(seen.event, column),
    }
}

/// An outcome in two groups: in how many cases, of how many, and what it was worth in each case.
pub(super) fn compared(
    name: &str,
    bad: bool,
    horizon_s: Option<f64>,
    groups: [&str; 2],
    counts: [[u64; 2]; 2],
    values: &[Vec<f64>; 2],
) -> Value {
    let value = |name: &str, [value, low, high]: [Option<f64>; 3]| json!({name: value, format!("{name}_low"): low, format!("{name}_high"): high});
    let group = |((group, [count, of]), values): ((&str, [u64; 2]), &Vec<f64>)| {
        let first = json!({"group": group, "count": count, "of": of});
        object([first, share("share", count, of), value("value_mean", student(values))])
    };
    object([
        json!({
            "outcome": name,
            "bad": bad,
            "horizon_s": horizon_s,
            "groups": groups.into_iter().zip(counts).zip(values).map(group).collect::<Vec<_>>(),
        }),
        interval("difference", newcombe(counts[0], counts[1])),
        value("value_difference", welch(&values[0], &values[1])),
    ])
}
