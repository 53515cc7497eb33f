//! docs/guide/paths.md: every part of a journey is tried.

use charter::Pattern;
use charter::pattern::MomentTest;
use serde_json::{Value, json};

use super::conformance::next;
use super::figures::{median, object, percentile, seconds, share};
use super::log::{Journey, Log, Seen};
use super::outcomes::{Case, between};
use crate::world::Question;

pub(super) fn answer(log: &Log<'_>, question: &Question) -> Value {
    let text = question.option("pattern").expect("a pattern");
    let pattern = Pattern::parse(text).expect("a pattern");
    let found: Vec<Option<(usize, Vec<usize>)>> =
        log.journeys.iter().map(|journey| occurrence(&pattern, journey.events())).collect();
    let matching = found.iter().flatten().count() as u64;
    let journeys = log.journeys.len() as u64;
    // From one named moment to the next, and from the first to the last.
    let (mut parts, mut wholes) = (Vec::<(usize, usize, f64)>::new(), Vec::new());
    for (journey, found) in log.journeys.iter().zip(&found) {
        let Some((start, states)) = found else { continue };
        let named: Vec<(usize, i64)> = states
            .iter()
            .enumerate()
            .map(|(i, state)| (*state, journey.events()[start + i].at_us))
            .filter(|(state, _)| pattern.automaton().test(*state).is_some_and(|test| test.moment != MomentTest::Any))
            .collect();
        parts.extend(named.windows(2).map(|pair| (pair[0].0, pair[1].0, seconds(pair[1].1 - pair[0].1))));
        if named.len() > 1 {
            wholes.push(seconds(named[named.len() - 1].1 - named[0].1));
        }
    }
    let mut pairs: Vec<(usize, usize)> = parts.iter().map(|(from, to, _)| (*from, *to)).collect();
    pairs.sort_unstable();
    pairs.dedup();
    let parts = pairs.into_iter().map(|(from, to)| {
        let times: Vec<f64> = parts.iter().filter(|part| (part.0, part.1) == (from, to)).map(|part| part.2).collect();
        json!({
            "from": pattern.step_text(from), "from_step": from,
            "to": pattern.step_text(to), "to_step": to,
            "took": took(&times),
        })
    });
    let mut examples: Vec<i64> = Vec::new();
    let whose = log.journeys.iter().zip(&found).filter(|(_, found)| found.is_some());
    examples.extend(whose.map(|(journey, _)| journey.customer.number));
    examples.dedup();
    let matching_customers = examples.len();
    examples.truncate(10);
    let case = |(journey, found): (_, &Option<(usize, Vec<usize>)>)| {
        let journey: &Journey<'_> = journey;
        let from_us = journey.events()[0].at_us;
        Case { customer: &journey.customer, first: journey.start, from_us, group: usize::from(found.is_none()) }
    };
    let cases: Vec<Case<'_>> = log.journeys.iter().zip(&found).map(case).collect();
    object([
        json!({
            "pattern": text,
            "extent": extent(&pattern, matching, journeys),
            "journeys": journeys,
            "customers": log.customers().len(),
            "matching": matching,
            "matching_customers": matching_customers,
            "times": "exact",
            "whole": took(&wholes),
            "parts": parts.collect::<Vec<_>>(),
            "outcomes": between(log, &cases, ["matching", "others"]),
            "examples": examples,
        }),
        share("matching_share", matching, journeys),
    ])
}

fn took(times: &[f64]) -> Option<Value> {
    Some(json!({"count": times.len(), "median_s": median(times)?, "p90_s": percentile(times, 0.9)?}))
}

fn from_start(pattern: &Pattern) -> bool {
    pattern.text().trim_start().starts_with('^')
}

fn to_end(pattern: &Pattern) -> bool {
    pattern.text().trim_end().ends_with('$')
}

fn extent(pattern: &Pattern, matching: u64, journeys: u64) -> &'static str {
    if !pattern.can_match() {
        "impossible"
    } else if pattern.automaton().accepts(0) && !(from_start(pattern) && to_end(pattern)) {
        // Nothing at all is a match, and nothing is everywhere.
        "always"
    } else if matching == 0 {
        "none"
    } else if matching == journeys {
        "all"
    } else {
        "some"
    }
}

/// The occurrence that starts first and, of those, ends first: where it starts, and which step of the pattern each of its
/// moments is.
fn occurrence(pattern: &Pattern, events: &[Seen<'_>]) -> Option<(usize, Vec<usize>)> {
    let starts = if from_start(pattern) { 0..1 } else { 0..events.len() + 1 };
    for start in starts {
        let ends = if to_end(pattern) { events.len()..events.len() + 1 } else { start..events.len() + 1 };
        for end in ends {
            if is_drawn(pattern, &[0], events, start, end) {
                return Some((start, steps(pattern, events, start, end)));
            }
        }
    }
    None
}

/// Whether the pattern can be completed with exactly the moments from `start` to before `end`.
fn is_drawn(pattern: &Pattern, from: &[usize], events: &[Seen<'_>], start: usize, end: usize) -> bool {
    let mut current = from.to_vec();
    for i in start..end {
        current = next(pattern, &current, events, i);
    }
    current.iter().any(|state| pattern.automaton().accepts(*state))
}

/// Every next step of the pattern is taken as early as it can be.
fn steps(pattern: &Pattern, events: &[Seen<'_>], start: usize, end: usize) -> Vec<usize> {
    let (mut steps, mut current) = (Vec::new(), 0);
    for i in start..end {
        let possible = next(pattern, &[current], events, i);
        let completes = |state: &&usize| is_drawn(pattern, &[**state], events, i + 1, end);
        current = *possible.iter().rev().find(completes).expect("the whole is drawn");
        steps.push(current);
    }
    steps
}
