//! docs/guide/absences.md

use serde_json::{Value, json};

use super::expectations;
use super::figures::{object, share};
use super::log::{Customer, Log};
use super::promises::State;

const DAY_US: i64 = 86_400_000_000;

/// Something that may not have happened: whose it is, and whether it did not.
type Cases = Vec<(i64, bool)>;

pub(super) fn answer(log: &Log<'_>) -> Value {
    let customers = log.customers();
    let stages = log.charter.stages.len();
    let mut absences = Vec::new();
    for expectation in &log.charter.expectations {
        let (mut cases, mut came_late) = (Cases::new(), 0);
        for customer in &customers {
            for state in expectations::of_run(log, expectation, customer) {
                came_late += u64::from(state == State::Late);
                if state != State::Pending {
                    cases.push((customer.number, state != State::Kept));
                }
            }
        }
        absences.push(absence("promise", Some(&expectation.name), Some(came_late), &cases));
    }
    for (number, stage) in log.charter.stages.iter().enumerate() {
        let entered = |customer: &Customer<'_>, stage| customer.run.iter().any(|seen| seen.stage == Some(stage));
        let later = |customer: &Customer<'_>| (number + 1..stages).any(|stage| entered(customer, stage));
        let case = |customer: &&Customer<'_>| (customer.number, !entered(customer, number));
        absences.push(absence("stage", Some(&stage.name), None, &customers.iter().map(case).collect()));
        if number + 1 < stages {
            let cases = customers.iter().filter(|customer| later(customer)).map(case).collect();
            absences.push(absence("stage_passed_over", Some(&stage.name), None, &cases));
        }
    }
    let silence = customers.iter().filter_map(|customer| Some((customer.number, is_silent(log, customer)?)));
    absences.push(absence("silence", None, None, &silence.collect()));
    json!({"customers": customers.len(), "absences": absences})
}

/// Whether a customer is silent for longer than is usual for them; `None` where nothing is known to be usual.
fn is_silent(log: &Log<'_>, customer: &Customer<'_>) -> Option<bool> {
    let times: Vec<i64> = customer.run.iter().map(|seen| seen.at_us).collect();
    let silences = times.windows(2).map(|pair| pair[1] - pair[0]).filter(|silence| *silence >= DAY_US);
    let silences: Vec<i64> = silences.collect();
    // The shortest one that at least nine in ten do not exceed.
    let usual = silences.iter().filter(|usual| {
        let within = silences.iter().filter(|silence| silence <= usual).count();
        within * 10 >= silences.len() * 9
    });
    let usual = *usual.min()?;
    (silences.len() >= 5).then(|| log.until_us - times[times.len() - 1] > 3 * usual)
}

fn absence(kind: &str, what: Option<&str>, came_late: Option<u64>, cases: &Cases) -> Value {
    let mut whose: Vec<i64> = cases.iter().filter(|(_, absent)| *absent).map(|(number, _)| *number).collect();
    let (count, of) = (whose.len() as u64, cases.len() as u64);
    whose.sort_unstable();
    whose.dedup();
    whose.truncate(10);
    object([
        json!({
            "kind": kind,
            "what": what,
            "count": count,
            "of": of,
            "came_late": came_late,
            "customers": whose,
        }),
        share("share", count, of),
    ])
}
