//! docs/guide/conformance.md: every journey is aligned with the drawn one by a plain dynamic programme over the automaton of the
//! pattern, written out state by state.
//!
//! Which of equally cheap alignments is told is left open by the guide. So of every moment the answer says how often it may be
//! skipped and added, at least and at most, and how many moves there are together.

use std::collections::BTreeMap;

use charter::Pattern;
use charter::pattern::MomentTest;
use serde_json::{Value, json};

use super::figures::{count, first, limit, mean, median, most_frequent, object, percentile, seconds, share};
use super::log::{Ending, Journey, Log, Seen};
use super::outcomes::{Case, between, compared};
use super::promises::{Rule, State, balance, made};
use crate::world::Question;

const GROUPS: [&str; 2] = ["as_drawn", "parted"];

/// What a journey may do other than it is drawn, and how often at least and at most.
type Moves = BTreeMap<Move, [usize; 2]>;

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Move {
    Skipped(String),
    Added(String),
}

/// A journey beside the drawing.
struct Told<'l, 'a> {
    journey: &'l Journey<'a>,
    cost: usize,
    fitness: f64,
    /// How many of its moments are the beginning of a drawn journey.
    beginning: usize,
    /// By what is skipped and what is added: how often at least and at most.
    moves: Moves,
}

impl Told<'_, '_> {
    fn parted(&self) -> bool {
        self.beginning < self.journey.events().len()
    }

    fn is_over(&self) -> bool {
        matches!(self.journey.ending, Ending::Succeeded | Ending::Abandoned)
    }

    /// The last moment that followed the drawing, of the first `n`.
    fn after(&self, n: usize) -> Option<String> {
        n.checked_sub(1).map(|i| self.journey.events()[i].moment.clone())
    }
}

pub(super) fn answer(log: &Log<'_>, question: &Question) -> Option<Value> {
    let cut = log.cut?;
    let designed = cut.designed.as_ref()?;
    let told: Vec<Told<'_, '_>> = log.journeys.iter().map(|journey| tell(journey, designed)).collect();
    let all = told.len() as u64;
    let conditional = designed.text().contains(['@', '{']);
    let endings = [Ending::Succeeded, Ending::Abandoned, Ending::Open, Ending::Whole];
    let endings = endings.into_iter().zip(["succeeded", "abandoned", "open", "whole"]).filter_map(|(ending, name)| {
        let of: Vec<&Told<'_, '_>> = told.iter().filter(|told| told.journey.ending == ending).collect();
        let fitting = of.iter().filter(|told| told.cost == 0).count();
        let fitness = mean(&of.iter().map(|told| told.fitness).collect::<Vec<_>>())?;
        Some(json!({"ending": name, "journeys": of.len(), "fitting": fitting, "fitness": fitness}))
    });
    let fitting = told.iter().filter(|told| told.cost == 0).count() as u64;
    let over: Vec<&Told<'_, '_>> = told.iter().filter(|told| told.is_over()).collect();
    let cases: Vec<Case<'_>> = told
        .iter()
        .filter(|told| told.journey.ending != Ending::Open)
        .map(|told| Case {
            customer: &told.journey.customer,
            first: told.journey.end,
            from_us: told.journey.customer.run[told.journey.end - 1].at_us,
            group: usize::from(told.parted()),
        })
        .collect();
    Some(object([
        json!({
            "journey": cut.name,
            "designed": designed.text(),
            "journeys": all,
            "customers": log.customers().len(),
            "variants": (!conditional).then(|| count(log.journeys.iter().map(Journey::moments)).len()),
            "fitness": mean(&told.iter().map(|told| told.fitness).collect::<Vec<_>>()),
            "fitting": fitting,
            "endings": endings.collect::<Vec<_>>(),
            "moves": moves(&told),
            "partings": partings(log, &told, limit(question, 3)),
            "success": success(&over, |told| Some(told.parted())),
            "outcomes": between(log, &cases, GROUPS),
            "promised": promised(log),
            "times": "exact",
        }),
        share("fitting_share", fitting, all),
    ]))
}

/// Whether a state of the pattern accepts the moment at `i` of a journey.
fn accepts(pattern: &Pattern, state: usize, events: &[Seen<'_>], i: usize) -> bool {
    let Some(test) = pattern.automaton().test(state) else { return false };
    let name = |symbol: &u8| pattern.moments()[usize::from(*symbol)].name.as_str();
    let moment = match &test.moment {
        MomentTest::Any => true,
        MomentTest::Is(symbol) => events[i].moment == name(symbol),
        MomentTest::AnyBut(symbols) => !symbols.iter().any(|symbol| events[i].moment == name(symbol)),
    };
    let channel = test.channel.map(|channel| &pattern.channels()[usize::from(channel)].name);
    let time = test.time.is_none_or(|time| {
        let since_us = i.checked_sub(1).map(|before| events[i].at_us - events[before].at_us);
        since_us.is_some_and(|since_us| match (time.at_most, time.or_equal) {
            (true, true) => since_us <= time.limit_us,
            (true, false) => since_us < time.limit_us,
            (false, true) => since_us >= time.limit_us,
            (false, false) => since_us > time.limit_us,
        })
    });
    moment && time && channel.is_none_or(|channel| events[i].channel.as_ref() == Some(channel))
}

/// The states that can be reached with the moment at `i`.
pub(super) fn next(pattern: &Pattern, from: &[usize], events: &[Seen<'_>], i: usize) -> Vec<usize> {
    let reached = from.iter().flat_map(|state| pattern.automaton().next(*state));
    let mut next: Vec<usize> = reached.filter(|state| accepts(pattern, *state, events, i)).collect();
    next.sort_unstable();
    next.dedup();
    next
}

/// From a moment and a state on: what the cheapest alignment costs, and what it may hold.
type Rest = Option<(usize, Moves)>;

fn tell<'l, 'a>(journey: &'l Journey<'a>, pattern: &Pattern) -> Told<'l, 'a> {
    let events = journey.events();
    let (cost, moves) = align(pattern, events);
    let (shortest, _) = align(pattern, &[]);
    let mut current = vec![0];
    let beginning = (0..events.len()).find(|i| {
        current = next(pattern, &current, events, *i);
        current.is_empty()
    });
    let fitness = 1.0 - cost as f64 / (events.len() + shortest) as f64;
    Told { journey, cost, fitness, beginning: beginning.unwrap_or(events.len()), moves }
}

/// The cheapest alignments of a whole journey, taken from its last moment to its first, for every state of the pattern.
fn align(pattern: &Pattern, events: &[Seen<'_>]) -> (usize, Moves) {
    let automaton = pattern.automaton();
    let states = automaton.states();
    let mut after: Vec<Rest> = (0..states).map(|state| automaton.accepts(state).then(|| (0, Moves::new()))).collect();
    skip(pattern, &mut after);
    for i in (0..events.len()).rev() {
        let mut here: Vec<Rest> = vec![None; states];
        for state in 0..states {
            // The moment is added,
            better(&mut here[state], with(&after[state], Move::Added(events[i].moment.clone())));
            // or it is what is drawn.
            for to in automaton.next(state).filter(|to| accepts(pattern, *to, events, i)) {
                better(&mut here[state], after[to].clone());
            }
        }
        skip(pattern, &mut here);
        after = here;
    }
    after[0].clone().expect("everything may be skipped and added")
}

/// One more move.
fn with(rest: &Rest, one: Move) -> Rest {
    let (cost, mut moves) = rest.clone()?;
    moves.entry(one).or_default().iter_mut().for_each(|bound| *bound += 1);
    Some((cost + 1, moves))
}

/// Takes a way that is cheaper; of what is as cheap, the bounds are those of either.
fn better(known: &mut Rest, way: Rest) {
    match (&mut *known, way) {
        (_, None) => {}
        (Some((cost, _)), Some(way)) if way.0 > *cost => {}
        (Some((cost, moves)), Some((as_much, others))) if as_much == *cost => {
            let all: Vec<Move> = moves.keys().chain(others.keys()).cloned().collect();
            for one in all {
                let [least, most] = others.get(&one).copied().unwrap_or_default();
                let bound = moves.entry(one).or_default();
                *bound = [bound[0].min(least), bound[1].max(most)];
            }
        }
        (_, way) => *known = way,
    }
}

/// Lets steps of the pattern be skipped, as long as that changes anything.
fn skip(pattern: &Pattern, here: &mut [Rest]) {
    loop {
        let before = here.to_vec();
        for state in 0..here.len() {
            for to in pattern.automaton().next(state) {
                let way = with(&here[to], Move::Skipped(name(pattern, to)));
                better(&mut here[state], way);
            }
        }
        if before == here {
            return;
        }
    }
}

/// A step as it is called: the moment, or the step as it is drawn where that is not one moment.
fn name(pattern: &Pattern, state: usize) -> String {
    match pattern.automaton().test(state).map(|test| &test.moment) {
        Some(MomentTest::Is(symbol)) => pattern.moments()[usize::from(*symbol)].name.clone(),
        _ => pattern.step_text(state),
    }
}

/// Of all journeys together: how many moves there are, and of each how often at least and at most.
fn moves(told: &[Told<'_, '_>]) -> Value {
    let [mut skipped, mut added] = [(); 2].map(|()| BTreeMap::<&str, [usize; 2]>::new());
    for (one, [least, most]) in told.iter().flat_map(|told| &told.moves) {
        let bound = match one {
            Move::Skipped(name) => skipped.entry(name).or_default(),
            Move::Added(name) => added.entry(name).or_default(),
        };
        *bound = [bound[0] + least, bound[1] + most];
    }
    json!({"all": told.iter().map(|told| told.cost).sum::<usize>(), "skipped": skipped, "added": added})
}

fn owner(log: &Log<'_>, moment: &str) -> Option<String> {
    log.charter.moments.iter().find(|known| known.name == moment)?.owner.clone()
}

/// Of journeys that are over, how many succeeded: of those that are in the second group or not, as `parted` says.
fn success(over: &[&Told<'_, '_>], parted: impl Fn(&Told<'_, '_>) -> Option<bool>) -> Value {
    let of = |group: bool| {
        let of = over.iter().filter(|told| parted(told) == Some(group));
        let succeeded = of.clone().filter(|told| told.journey.ending == Ending::Succeeded).count();
        [succeeded as u64, of.count() as u64]
    };
    compared("success", false, None, GROUPS, [of(false), of(true)], &[Vec::new(), Vec::new()])
}

fn partings(log: &Log<'_>, told: &[Told<'_, '_>], limit: usize) -> Vec<Value> {
    let over: Vec<&Told<'_, '_>> = told.iter().filter(|told| told.is_over()).collect();
    let places = most_frequent(count(told.iter().filter(|told| told.parted()).map(|told| told.after(told.beginning))));
    let row = |(after, journeys): (Option<String>, u64)| {
        let here = |told: &&Told<'_, '_>| told.parted() && told.after(told.beginning) == after;
        let came = told.iter().filter(here).map(|told| told.journey.events()[told.beginning].moment.clone());
        let came = first(most_frequent(count(came)), limit).into_iter();
        let went_on = |told: &Told<'_, '_>| (0..told.beginning).any(|n| told.after(n) == after);
        // Whoever parts here is followed from there, whoever went on from the first time that they were here.
        let cases = told.iter().filter_map(|told| {
            let parted = here(&told);
            let n = if parted { told.beginning } else { (0..told.beginning).find(|n| told.after(*n) == after)? };
            let events = told.journey.events();
            let from_us = events[n.saturating_sub(1)].at_us;
            let customer = &told.journey.customer;
            Some(Case { customer, first: told.journey.start + n, from_us, group: usize::from(parted) })
        });
        let cases: Vec<Case<'_>> = cases.collect();
        object([
            json!({
                "after": after,
                "owner": after.as_deref().and_then(|moment| owner(log, moment)),
                "journeys": journeys,
                "came": came.map(|(moment, journeys)| json!({"moment": moment, "journeys": journeys})).collect::<Vec<_>>(),
                // Whoever parts here did not go on from here, even if that went well an earlier time.
                "outcomes": between(log, &cases, GROUPS),
                "success": success(&over, |told| if here(&told) { Some(true) } else { went_on(told).then_some(false) }),
            }),
            share("share", journeys, told.len() as u64),
        ])
    };
    places.into_iter().map(row).collect()
}

fn promised(log: &Log<'_>) -> Vec<Value> {
    let promise = |promise: &charter::journeys::Promise| {
        let rule = Rule { after: &promise.from, promise: &promise.to, within: promise.within, key: None, once: true };
        let (mut states, mut times) = (Vec::new(), Vec::new());
        for journey in &log.journeys {
            // Journeys that are over have nothing pending.
            let until_us = (journey.ending == Ending::Open).then_some(log.until_us);
            for promise in made(log.charter, &rule, journey.events()).0 {
                states.push(promise.state(until_us));
                times.extend(promise.fulfilled_us.map(|at_us| seconds(at_us - journey.events()[promise.at].at_us)));
            }
        }
        debug_assert!(states.iter().filter(|state| [State::Kept, State::Late].contains(state)).count() == times.len());
        json!({
            "from": promise.from,
            "to": promise.to,
            "within": promise.within.to_string(),
            "balance": balance(&states),
            "median_s": median(&times),
            "p90_s": percentile(&times, 0.9),
        })
    };
    log.cut.into_iter().flat_map(|cut| &cut.promised).map(promise).collect()
}
