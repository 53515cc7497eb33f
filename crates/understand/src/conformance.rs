//! The designed journey beside the real ones: how much of reality follows the drawing, what is skipped and added, where
//! journeys part from it, and what becomes of those that do.
//!
//! How far a journey is from the drawing is its cheapest alignment, which is exact; where it parts from it is the first
//! moment with which it no longer is the beginning of any drawn one, which needs no alignment.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use charter::journeys::Journey as Drawn;
use charter::pattern::Aligner;
use charter::{Charter, Pattern};
use journey::{Dues, Ending, Fold, Hands, Journey, Moments, OneHand, Setting, Wanted};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::count::Customers;
use crate::durations::{self, Durations};
use crate::kept;
use crate::limits::EXACT_TIMES_BYTES;
use crate::outcomes::{Counts, Outcomes};
use crate::pending::Pending;
use crate::promises::{self, Rule, State, Watch};
use crate::question::{Question, number};
use crate::sequences::{self, Sequences, decode, encode};
use crate::table::Table;
use crate::trail::{self, Trail};
use crate::{Comparison, Error};

mod answer;
mod finish;
mod tally;

pub use answer::{Answer, ByEnding, Came, Department, Moved, Parting, Promised};
use tally::Tally;

/// The options of the conformance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// How many of the moments that came instead are shown at each place where journeys part; 0 for all.
    pub limit: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { limit: 3 }
    }
}

const EXAMPLE: &str = "  purchase: {starts: visit, succeeds: order, designed: \"visit .. cart checkout order\"}";

impl Question for Options {
    const NAME: &'static str = "conformance";
    const TITLE: &'static str = "The journey as drawn, and as it is";
    const ABOUT: &'static str = "Each real journey beside the designed one of the charter: what was skipped, what was added, and \
         where the two part.";
    const OPTIONS: &'static [(&'static str, &'static str)] =
        &[("limit", "how many of the moments that came instead are listed at each place; 0 for all")];
    const ABOUT_JOURNEYS: bool = true;
    type Answer = Answer;
    type Fold = ConformanceFold;

    fn set(&mut self, option: &str, value: &str) -> Result<(), Error> {
        match option {
            "limit" => self.limit = number(Self::NAME, option, value)?,
            _ => return Err(Error::unknown_option(Self::NAME, option, Self::OPTIONS)),
        }
        Ok(())
    }

    fn wants(&self, charter: &Charter, wanted: &mut Wanted) -> Result<(), Error> {
        let drawn = charter.journeys.iter().filter_map(|journey| journey.designed.as_ref());
        if drawn.map(|designed| trail::channel(designed, wanted)).count() == 0 {
            return Err(Error::charter_lacks(Self::NAME, "designed", EXAMPLE));
        }
        Outcomes::new(charter, wanted, 0);
        Ok(())
    }

    fn names(&self, _: &Charter, journey: Option<&Drawn>) -> Vec<String> {
        let drawn = journey.and_then(|journey| journey.designed.as_ref());
        drawn.map(|drawn| drawn.moments().iter().map(|named| named.name.clone()).collect()).unwrap_or_default()
    }

    fn fold(&self, setting: &Setting) -> ConformanceFold {
        let mut wanted = (*setting.wanted).clone();
        let outcomes = Outcomes::new(&setting.charter, &mut wanted, setting.until_us);
        let promised = setting.journey().map(|journey| journey.promised.clone()).unwrap_or_default();
        let rule = |promise: &charter::journeys::Promise| Rule {
            after: promise.from.clone(),
            promise: promise.to.clone(),
            within: promise.within,
            once: true,
        };
        let mut times = Durations::new(EXACT_TIMES_BYTES);
        times.grow(promised.len());
        let plan = setting.journey().and_then(|journey| journey.designed.as_ref()).map(|designed| Plan {
            trail: Trail::new(designed, &mut wanted, &setting.moments, &setting.words),
            aligner: Aligner::new(designed),
            labels: tally::labels(designed),
            pattern: designed.clone(),
        });
        ConformanceFold {
            limit: self.limit,
            charter: Arc::clone(&setting.charter),
            journey: setting.journey.clone(),
            until_us: setting.until_us,
            plan,
            journeys: 0,
            customers: Customers::default(),
            variants: Sequences::default(),
            bytes: Vec::new(),
            known: Vec::new(),
            aligned: false,
            tally: Tally::default(),
            watch: Watch::new(promised.iter().map(rule).collect(), &setting.charter.calendar, &setting.moments),
            promised: vec![promises::Tally::default(); promised.len()],
            times,
            counts: outcomes.counts(),
            places: Vec::new(),
            met: Vec::new(),
            pending: Pending::new(setting.until_us),
            outcomes,
        }
    }

    fn compare(
        a: (&str, ConformanceFold),
        b: (&str, ConformanceFold),
        moments: &Moments,
    ) -> Result<Comparison<Answer>, Error> {
        Ok(Comparison::new((a.0, a.1.finish(moments)?), (b.0, b.1.finish(moments)?), finish::shares))
    }

    fn tables(answer: &Answer) -> Vec<Table> {
        finish::tables(answer)
    }
}

/// What the conformance counts.
#[derive(Debug)]
pub struct ConformanceFold {
    limit: usize,
    charter: Arc<Charter>,
    journey: Option<String>,
    until_us: i64,
    plan: Option<Plan>,
    journeys: u64,
    customers: Customers,
    /// The distinct journeys, aligned once each at the end: two with the same moments cost the same unless the plan asks for
    /// more than moments.
    variants: Sequences,
    /// The present journey's sequence.
    bytes: Vec<u8>,
    /// By variant, until it is aligned.
    known: Vec<Variant>,
    /// Whether all variants are aligned, so that there are no more of them to come.
    aligned: bool,
    /// Of what is aligned: journeys as they come, where each is for itself.
    tally: Tally,
    watch: Watch,
    promised: Vec<promises::Tally>,
    times: Durations,
    outcomes: Outcomes,
    counts: Counts,
    /// By the last moment that followed the plan (its number and one, 0 for the start): outcomes after journeys had come
    /// there, of those that went on as drawn and those that parted.
    places: Vec<Counts>,
    /// The places where the journey at hand was, so that each counts once in it.
    met: Vec<usize>,
    pending: Pending,
}

/// What is kept of the conformance.
#[derive(Serialize, Deserialize)]
struct Kept<'a> {
    journeys: u64,
    customers: Customers,
    #[serde(borrow)]
    variants: sequences::Kept<'a>,
    tally: Tally,
    promised: Vec<promises::Tally>,
    times: durations::Kept,
    counts: Counts,
    places: Vec<Counts>,
    pending: Dues,
}

/// The journey as it was drawn, at work.
#[derive(Debug)]
struct Plan {
    pattern: Pattern,
    trail: Trail,
    aligner: Aligner,
    /// By state, the number of the moment that it is, as [`tally::labels`] gives them.
    labels: Vec<usize>,
}

/// Variants are aligned in so many heaps, by whoever has a hand free.
const HEAPS: usize = 16;

/// What is known of journeys with the same moments.
#[derive(Debug, Clone, Copy, Default)]
struct Variant {
    /// How many ended in each way.
    endings: [u64; 4],
    /// How many moments follow the plan.
    beginning: usize,
}

/// The ways to end, in the order of [`ending`].
const ENDINGS: [&str; 4] = ["succeeded", "abandoned", "open", "whole"];

fn ending(ending: Ending) -> usize {
    match ending {
        Ending::Succeeded => 0,
        Ending::Abandoned => 1,
        Ending::Open => 2,
        Ending::Whole => 3,
    }
}

impl ConformanceFold {
    /// How many moments of a journey follow the plan.
    fn beginning(&mut self, journey: &Journey<'_>) -> usize {
        let Some(plan) = &mut self.plan else { return 0 };
        let mut endings = [0; 4];
        endings[ending(journey.ending)] = 1;
        if plan.pattern.automaton().is_conditional() {
            let steps = plan.trail.steps(journey);
            let beginning = plan.pattern.automaton().beginning(steps);
            let alignment = plan.aligner.align(steps);
            self.tally.note(journey.moments, alignment, &plan.labels, &endings, beginning);
            return beginning;
        }
        encode(journey.moments, &mut self.bytes);
        let number = self.variants.add(&self.bytes, 1);
        if number == self.known.len() {
            let beginning = plan.pattern.automaton().beginning(plan.trail.moments(journey.moments));
            self.known.push(Variant { endings: [0; 4], beginning });
        }
        let known = &mut self.known[number];
        known.endings[ending(journey.ending)] += 1;
        known.beginning
    }

    fn look_at_promises(&mut self, journey: &Journey<'_>) {
        // A journey that is over has nothing pending.
        let until_us = if journey.ending == Ending::Open { self.until_us } else { i64::MAX };
        self.watch.look(journey.moments, journey.at_us, |_, _| 0);
        for made in self.watch.made() {
            let state = made.state(until_us);
            self.promised[made.rule].add(state);
            if state == State::Pending {
                self.pending.note(journey.customer, made.due_us);
            }
            if let (State::Kept | State::Late(_), Some(at_us)) = (state, made.fulfilled_us) {
                self.times.push(made.rule, at_us.abs_diff(journey.at_us[made.at]));
                self.times.added(1);
            }
        }
    }

    /// Counts what came after the journey was at each place of the plan: whether it then went on as drawn or parted is
    /// decided by the next moment, so both are followed from the same time.
    fn follow(&mut self, journey: &Journey<'_>, beginning: usize) {
        let key = |i: usize| i.checked_sub(1).map_or(0, |before| journey.moments[before].index() + 1);
        let parting = (beginning < journey.moments.len()).then(|| key(beginning));
        self.met.clear();
        for i in 0..(beginning + 1).min(journey.moments.len()) {
            let (place, parted) = (key(i), i == beginning);
            // Whoever parts from here did not go on, even if that went well an earlier time.
            if !parted && (parting == Some(place) || self.met.contains(&place)) {
                continue;
            }
            self.met.push(place);
            if place >= self.places.len() {
                self.places.resize(place + 1, self.outcomes.counts());
            }
            let (next, from_us) = (journey.start + i, journey.at_us[i.saturating_sub(1)]);
            let (counts, pending) = (&mut self.places[place], &mut self.pending);
            self.outcomes.count(journey, next, from_us, usize::from(parted), counts, pending);
        }
    }

    /// Aligns every variant that was met, once and for all.
    fn align(&mut self, hands: &dyn Hands) {
        self.aligned = true;
        let known = std::mem::take(&mut self.known);
        let Some(plan) = self.plan.as_ref().filter(|_| !known.is_empty()) else { return };
        let (variants, found) = (&self.variants, vec![OnceLock::new(); HEAPS]);
        hands.share(HEAPS, &|heap| {
            let (mut aligner, mut trail) = (plan.aligner.clone(), plan.trail.clone());
            let (mut tally, mut moments) = (Tally::default(), Vec::new());
            let mine = known.len() * heap / HEAPS..known.len() * (heap + 1) / HEAPS;
            for (number, Variant { endings, beginning }) in mine.clone().zip(&known[mine]) {
                moments.clear();
                moments.extend(decode(variants.bytes_of(number)));
                let alignment = aligner.align(trail.moments(&moments));
                tally.note(&moments, alignment, &plan.labels, endings, *beginning);
            }
            found[heap].get_or_init(|| tally);
        });
        found.into_iter().filter_map(OnceLock::into_inner).for_each(|tally| self.tally.merge(tally));
    }
}

impl Fold for ConformanceFold {
    type Answer = Result<Answer, Error>;

    fn journey(&mut self, journey: &Journey<'_>) {
        self.journeys += 1;
        self.customers.enter(journey.customer);
        let beginning = self.beginning(journey);
        let parted = beginning < journey.moments.len();
        if !self.promised.is_empty() {
            self.look_at_promises(journey);
        }
        if journey.ending != Ending::Open {
            let last = journey.moments.len() - 1;
            let (next, from_us) = (journey.start + journey.moments.len(), journey.at_us[last]);
            self.outcomes.count(journey, next, from_us, usize::from(parted), &mut self.counts, &mut self.pending);
        }
        if !self.outcomes.is_empty() {
            self.follow(journey, beginning);
        }
    }

    fn merge(&mut self, mut other: Self) {
        self.journeys += other.journeys;
        self.customers.merge(&other.customers);
        if self.aligned || other.aligned {
            self.align(&OneHand);
            other.align(&OneHand);
            self.variants.merge(std::mem::take(&mut other.variants));
        }
        for (number, theirs) in other.known.iter().enumerate() {
            let ours = self.variants.add(other.variants.bytes_of(number), other.variants.count(number));
            if ours == self.known.len() {
                self.known.push(Variant { endings: [0; 4], ..*theirs });
            }
            for (ours, theirs) in self.known[ours].endings.iter_mut().zip(theirs.endings) {
                *ours += theirs;
            }
        }
        self.tally.merge(other.tally);
        for (ours, theirs) in self.promised.iter_mut().zip(&other.promised) {
            ours.merge(*theirs);
        }
        let same: Vec<usize> = (0..self.promised.len()).collect();
        self.times.merge(other.times, &same);
        self.counts.merge(&other.counts);
        let most = self.places.len().max(other.places.len());
        self.places.resize(most, self.outcomes.counts());
        self.places.iter_mut().zip(&other.places).for_each(|(ours, theirs)| ours.merge(theirs));
        self.pending.merge(other.pending);
    }

    fn size(&self) -> usize {
        self.known.len()
    }

    fn settle(&mut self, hands: &dyn Hands) {
        self.align(hands);
        self.times.settle(hands);
    }

    fn keep(&mut self) -> Option<Vec<u8>> {
        self.align(&OneHand);
        kept::keep(&Kept {
            journeys: self.journeys,
            customers: self.customers.clone(),
            variants: self.variants.keep()?,
            tally: self.tally.clone(),
            promised: self.promised.clone(),
            times: self.times.keep()?,
            counts: self.counts.clone(),
            places: self.places.clone(),
            pending: self.pending.keep(),
        })
    }

    fn can_keep(&mut self) -> bool {
        self.align(&OneHand);
        self.variants.can_keep() && self.times.keep().is_some()
    }

    fn resume(&mut self, kept: &[u8]) -> bool {
        let Some(kept) = kept::resume::<Kept<'_>>(kept) else { return false };
        self.journeys = kept.journeys;
        self.customers = kept.customers;
        self.variants.resume(kept.variants);
        self.aligned = true;
        self.tally = kept.tally;
        self.promised = kept.promised;
        self.times.resume(kept.times);
        self.counts = kept.counts;
        self.places = kept.places;
        self.pending.resume(kept.pending);
        true
    }

    fn due(&self, until_us: i64) -> Option<Vec<i64>> {
        self.pending.due(until_us)
    }

    fn subtract(&mut self, mut other: Self) {
        self.journeys -= other.journeys;
        self.customers.subtract(&other.customers);
        self.align(&OneHand);
        other.align(&OneHand);
        self.variants.subtract(other.variants);
        self.tally.subtract(&other.tally);
        for (ours, theirs) in self.promised.iter_mut().zip(&other.promised) {
            ours.subtract(*theirs);
        }
        let same: Vec<usize> = (0..self.promised.len()).collect();
        self.times.subtract(other.times, &same);
        self.counts.subtract(&other.counts);
        self.places.iter_mut().zip(&other.places).for_each(|(ours, theirs)| ours.subtract(theirs));
        self.pending.subtract(other.pending);
    }

    fn finish(mut self, moments: &Moments) -> Result<Answer, Error> {
        self.align(&OneHand);
        let drawn = self.charter.journeys.iter().filter(|journey| journey.designed.is_some());
        let drawn: BTreeMap<&str, &Pattern> =
            drawn.filter_map(|journey| Some((journey.name.as_str(), journey.designed.as_ref()?))).collect();
        let journey = self.journey.clone().unwrap_or_default();
        match drawn.get(journey.as_str()) {
            Some(designed) => {
                let designed = (*designed).clone();
                drop(drawn);
                Ok(finish::answer(self, &journey, &designed, moments))
            }
            None if drawn.is_empty() => Err(Error::charter_lacks(Options::NAME, "designed", EXAMPLE)),
            None => Err(Error::NotDesigned { journey, drawn: drawn.into_keys().map(str::to_owned).collect() }),
        }
    }
}

#[cfg(test)]
mod tests;
