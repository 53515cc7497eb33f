//! The stage board: how every stage of the life cycle does by its own goal, and how customers go from stage to stage.
//!
//! A measure comes with its change against the period before, where one was asked for and the lake knows the one before, and
//! otherwise of the later half of the period against the earlier half, which is as long. Each is looked at as if nothing were
//! known outside of it, so that the later one is not the poorer for having had less time.

use std::sync::Arc;

use charter::Charter;
use charter::journeys::Journey as Drawn;
use charter::moments::Goal;
use evidence::{Doubt, Share};
use journey::{Dues, Fold, Hands, Journey, Moment, Moments, Setting, Wanted, flag};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::count::{Customers, Seen, at};
use crate::durations::{self, Durations, Times};
use crate::kept;
use crate::limits::EXACT_TIMES_BYTES;
use crate::pending::Pending;
use crate::person::shown;
use crate::question::Question;
use crate::scores::read;
use crate::sketch::RELATIVE_ERROR;
use crate::{Comparison, Error, Table};

mod answer;
mod goals;
mod measure;
mod table;
#[cfg(test)]
mod tests;
mod visits;

pub use answer::{Answer, Stage, Transition};
use goals::{Asked, Valued, asked, valued};
pub use measure::Measure;
use visits::{Counts, HALVES, Halves, Stay, Tally, Visits, WINDOWS};

/// The stage board has no options of its own.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Options {}

impl Question for Options {
    const NAME: &'static str = "stages";
    const TITLE: &'static str = "How each stage does";
    const ABOUT: &'static str = "Every stage of the life cycle by the measure of its own goal over the whole period, and how the \
         later half of the period differs from the earlier half, or the period from the one before.";
    const OPTIONS: &'static [(&'static str, &'static str)] = &[];
    type Answer = Answer;
    type Fold = StagesFold;

    fn set(&mut self, option: &str, _: &str) -> Result<(), Error> {
        Err(Error::unknown_option(Self::NAME, option, Self::OPTIONS))
    }

    fn wants(&self, charter: &Charter, wanted: &mut Wanted) -> Result<(), Error> {
        if charter.stages.is_empty() {
            let example = "stages: {choice: {goal: conversion}, use: {goal: lifetime}}";
            return Err(Error::charter_lacks(Self::NAME, "stages", example));
        }
        valued(charter, wanted);
        asked(charter, wanted);
        Ok(())
    }

    fn names(&self, charter: &Charter, journey: Option<&Drawn>) -> Vec<String> {
        let counts = |one: &&Drawn| journey.is_none_or(|drawn| drawn.name == one.name);
        let succeeds = charter.journeys.iter().filter(counts).flat_map(|journey| &journey.succeeds);
        staged(charter).into_iter().chain(succeeds.cloned()).collect()
    }

    fn fold(&self, setting: &Setting) -> StagesFold {
        let charter = &setting.charter;
        let mut wanted = (*setting.wanted).clone();
        let (valued, asked) = (valued(charter, &mut wanted), asked(charter, &mut wanted));
        let stages = charter.stages.len();
        let mut told: Vec<Told> = Vec::new();
        let index = |name: &str| setting.moments.intern(name).index();
        for (moment, known) in charter.moments.iter().enumerate() {
            at(&mut told, index(&known.name)).stage = charter.stage_of(moment);
        }
        let journeys = charter.journeys.iter().filter(|j| setting.journey.as_ref().is_none_or(|name| *name == j.name));
        let succeeds: Vec<usize> = journeys.flat_map(|journey| &journey.succeeds).map(|name| index(name)).collect();
        for moment in &succeeds {
            at(&mut told, *moment).succeeds = true;
        }
        for survey in &charter.surveys {
            at(&mut told, index(&survey.moment)).asks = true;
        }
        let mut durations = Durations::new(EXACT_TIMES_BYTES);
        durations.grow(stages * stages + 2 * stages);
        let halves = Halves::of(setting);
        StagesFold {
            charter: Arc::clone(charter),
            halves,
            to_us: setting.to_us,
            told,
            ends_by_success: !succeeds.is_empty(),
            valued_flags: valued.iter().map(|valued| flag::wanted(valued.condition)).fold(0, |all, flag| all | flag),
            valued,
            asked,
            survey_moments: charter.surveys.iter().map(|survey| setting.moments.intern(&survey.moment)).collect(),
            journeys: 0,
            customers: Customers::default(),
            present: 0,
            visits: Visits::new(stages, halves),
            transitions: vec![(0, Seen::default()); stages * stages],
            durations,
            pending: Pending::new(setting.until_us),
            goes_on: true,
        }
    }

    fn compare(a: (&str, StagesFold), b: (&str, StagesFold), moments: &Moments) -> Result<Comparison<Answer>, Error> {
        Ok(Comparison::new((a.0, a.1.finish(moments)?), (b.0, b.1.finish(moments)?), answer::shares)
            .with_means(answer::means))
    }

    fn tables(answer: &Answer) -> Vec<Table> {
        table::tables(answer)
    }
}

/// The moments that have a stage.
pub(crate) fn staged(charter: &Charter) -> Vec<String> {
    charter.moments.iter().filter(|moment| moment.stage.is_some()).map(|moment| moment.name.clone()).collect()
}

/// What is to be known of a moment.
#[derive(Debug, Clone, Copy, Default)]
struct Told {
    stage: Option<usize>,
    /// Whether a journey succeeds with it.
    succeeds: bool,
    /// Whether it answers a survey.
    asks: bool,
}

/// What the stage board counts.
#[derive(Debug)]
pub struct StagesFold {
    charter: Arc<Charter>,
    halves: Option<Halves>,
    /// The end of the period that was asked for.
    to_us: Option<i64>,
    /// By moment, as far as the charter knows them.
    told: Vec<Told>,
    valued: Vec<Valued>,
    /// The flags of events that are worth something.
    valued_flags: u64,
    /// Whether any moment is a success.
    ends_by_success: bool,
    asked: Vec<Option<Asked>>,
    /// By survey, the moment of its answers.
    survey_moments: Vec<Moment>,
    journeys: u64,
    customers: Customers,
    /// The present customer.
    present: i64,
    visits: Visits,
    /// By stage before and stage after: how often, and who.
    transitions: Vec<(u64, Seen)>,
    /// First of transitions, then of stays, then of lifetimes, by stage.
    durations: Durations,
    pending: Pending,
    /// Whether the period is of the kind that it was when this was kept.
    goes_on: bool,
}

/// What is kept: the period, what is counted, times, and of whom something else is counted later.
type Kept = (Option<Halves>, (u64, Customers, Counts, Vec<(u64, Seen)>), durations::Kept, Dues);

impl StagesFold {
    fn stages(&self) -> usize {
        self.charter.stages.len()
    }

    /// Notes what the customer did so far, when another one comes or nobody does any more.
    fn leave(&mut self) {
        let stages = self.stages();
        let durations = &mut self.durations;
        let due_us = self.visits.leave(|stage, lifetime_us| {
            durations.push(stages * stages + stages + stage, lifetime_us);
            durations.added(1);
        });
        if let Some(due_us) = due_us {
            self.pending.note(self.present, due_us);
        }
    }

    /// Counts stays and changes of stage in a journey, and what happens in its stages, for the whole period and its halves; of
    /// a journey that belongs to the period before, only what happens there.
    fn walk(&mut self, journey: &Journey<'_>) {
        let stages = self.stages();
        let up_to = |end_us: i64| journey.at_us.partition_point(|at_us| *at_us < end_us);
        let [start, middle, end] = self
            .halves
            .map_or([0; 3], |halves| [halves.since_us, halves.middle_us, halves.until_us.saturating_add(1)].map(up_to));
        let is_before = self.halves.is_some_and(|halves| halves.is_before(journey.at_us[0]));
        let (whole, end) = if is_before { (None, middle) } else { (Some(0), end) };
        self.journeys += u64::from(!is_before);
        self.visits.come([!is_before, start < middle, middle < end]);
        // The stage of the moment before, when that was, and since when the customer is in that stage.
        let mut before: Option<(usize, i64, i64)> = None;
        // Moments that follow each other in one stage and one part of the period are counted together.
        let (mut stay, mut half_before): (Option<Stay>, _) = (None, None);
        let mut timed = 0;
        let flags = journey.run.flags.get(journey.start..).unwrap_or_default();
        let bounds = [0, start, middle, end, journey.moments.len()];
        for part in 0..4 {
            let windows = || [whole, Some(part).filter(|part| HALVES.contains(part))].into_iter().flatten();
            for i in bounds[part]..bounds[part + 1] {
                let (moment, at_us) = (journey.moments[i], journey.at_us[i]);
                let Some(told) = self.told.get(moment.index()).copied() else { continue };
                if let Some(stage) = told.stage {
                    match (&mut stay, &mut before) {
                        (Some(stay), Some((_, last_us, _))) if stay.stage == stage && stay.part == part => {
                            stay.go_on(at_us);
                            *last_us = at_us;
                        }
                        _ => {
                            let mut since_us = at_us;
                            let changed = before.is_none_or(|(from, ..)| from != stage);
                            if let Some((from, last_us, entered_us)) = before.filter(|_| !is_before) {
                                if changed {
                                    let (count, seen) = &mut self.transitions[from * stages + stage];
                                    *count += 1;
                                    seen.note(self.customers.turn);
                                    self.durations.push(from * stages + stage, at_us.abs_diff(last_us));
                                    self.durations.push(stages * stages + from, at_us.abs_diff(entered_us));
                                    timed += 2;
                                } else {
                                    since_us = entered_us;
                                }
                            }
                            before = Some((stage, at_us, since_us));
                            let last = stay.replace(Stay::new(stage, part, changed, at_us));
                            self.visits.stay(last, whole, &mut half_before);
                        }
                    }
                }
                // A moment without a stage may be a success too.
                if told.succeeds {
                    self.visits.stay(stay.take(), whole, &mut half_before);
                    windows().for_each(|window| self.visits.succeed(window));
                }
                if let Some(stage) = told.stage
                    && (told.asks || flags.get(i).is_some_and(|flags| flags & self.valued_flags != 0))
                {
                    self.gain(journey, i, stage, windows());
                }
            }
        }
        self.visits.stay(stay, whole, &mut half_before);
        self.durations.added(timed);
        if let Some(at_us) = journey.at_us.get(middle).filter(|_| self.halves.is_some()) {
            self.visits.later_us = Some(self.visits.later_us.map_or(*at_us, |later_us| later_us.min(*at_us)));
        }
    }

    /// Takes in what an event of a stage is worth, and what it says.
    #[inline]
    fn gain(&mut self, journey: &Journey<'_>, i: usize, stage: usize, windows: impl Iterator<Item = usize> + Clone) {
        for valued in self.valued.iter().filter(|valued| journey.holds(valued.condition, i)) {
            let value = valued.number.map_or(valued.amount, |number| journey.numbers(number)[i]);
            windows.clone().for_each(|window| self.visits.earn(window, stage, value));
        }
        if let Some(asked) = self.asked[stage]
            && self.survey_moments[asked.survey] == journey.moments[i]
            && let Ok(score) = read(asked.kind, journey.numbers(asked.score)[i])
        {
            windows.for_each(|window| self.visits.say(window, stage, score));
        }
    }
}

impl Fold for StagesFold {
    type Answer = Result<Answer, Error>;

    fn journey(&mut self, journey: &Journey<'_>) {
        if self.customers.enter(journey.customer) {
            self.leave();
            self.present = journey.customer;
        }
        self.walk(journey);
    }

    fn merge(&mut self, mut other: Self) {
        self.leave();
        other.leave();
        self.journeys += other.journeys;
        self.customers.merge(&other.customers);
        self.visits.counts.merge(&other.visits.counts);
        for ((count, seen), (more, others)) in self.transitions.iter_mut().zip(other.transitions) {
            *count += more;
            seen.merge(others);
        }
        let same: Vec<usize> = (0..self.stages() * (self.stages() + 2)).collect();
        self.durations.merge(other.durations, &same);
        self.pending.merge(other.pending);
    }

    fn settle(&mut self, hands: &dyn Hands) {
        self.leave();
        self.durations.settle(hands);
    }

    fn keep(&mut self) -> Option<Vec<u8>> {
        self.leave();
        let counted = (self.journeys, &self.customers, &self.visits.counts, &self.transitions);
        kept::keep(&(self.halves, counted, self.durations.keep()?, self.pending.keep()))
    }

    fn resume(&mut self, kept: &[u8]) -> bool {
        let Some((halves, counted, durations, pending)) = kept::resume::<Kept>(kept) else { return false };
        self.goes_on = match (halves, self.halves) {
            (None, None) => true,
            (Some(earlier), Some(now)) => now.goes_on(earlier),
            _ => false,
        };
        (self.journeys, self.customers, self.visits.counts, self.transitions) = counted;
        self.pending.resume(pending);
        self.durations.resume(durations);
        true
    }

    fn due(&self, until_us: i64) -> Option<Vec<i64>> {
        // The period may end before that.
        let until_us = self.halves.map_or(until_us, |halves| halves.until_us);
        self.pending.due(until_us).filter(|_| self.goes_on)
    }

    fn subtract(&mut self, mut other: Self) {
        other.leave();
        self.journeys -= other.journeys;
        self.customers.subtract(&other.customers);
        self.visits.counts.subtract(&other.visits.counts);
        for ((count, seen), (fewer, others)) in self.transitions.iter_mut().zip(other.transitions) {
            *count -= fewer;
            seen.subtract(others);
        }
        let same: Vec<usize> = (0..self.stages() * (self.stages() + 2)).collect();
        self.durations.subtract(other.durations, &same);
        self.pending.subtract(other.pending);
    }

    fn finish(mut self, _: &Moments) -> Result<Answer, Error> {
        self.leave();
        let stages = self.stages();
        let times = self.durations.times();
        let durations = std::mem::replace(&mut self.durations, Durations::new(0));
        let medians: Vec<Option<f64>> = durations.finish().into_iter().map(|s| s.map(|s| s.median_s)).collect();
        let names: Vec<Arc<str>> = self.charter.stages.iter().map(|stage| stage.name.as_str().into()).collect();
        let mut transitions = Vec::new();
        let (mut back, mut all) = (0, 0);
        for (slot, (count, seen)) in self.transitions.iter().enumerate().filter(|(_, (count, _))| *count > 0) {
            let (from, to) = (slot / stages, slot % stages);
            all += count;
            back += if to < from { *count } else { 0 };
            transitions.push(Transition {
                from: Arc::clone(&names[from]),
                to: Arc::clone(&names[to]),
                back: to < from,
                count: *count,
                customers: seen.count(),
                median_s: medians[slot],
            });
        }
        transitions.sort_by_key(|transition| std::cmp::Reverse(transition.count));
        let back = Share::new(back, all);
        let customers = self.visits.counts.customers[0];
        let approximate = (times == Times::Sketch)
            .then(|| Doubt::Approximate { what: "median times".to_owned(), relative_error: RELATIVE_ERROR });
        let without = Doubt::left_out("outcomes", self.visits.counts.without_value, "without a value that is a number");
        let time = |us: i64| shown(us, &self.charter);
        let until_us = |halves: Halves| {
            if self.to_us == Some(halves.until_us + 1) { halves.until_us + 1 } else { halves.until_us }
        };
        Ok(Answer {
            since: self.halves.map(|halves| time(halves.since_us)),
            middle: self.halves.map(|halves| time(halves.middle_us)),
            until: self.halves.map(|halves| time(until_us(halves))),
            before: self.halves.is_some_and(|halves| halves.before),
            currency: self.charter.currency.clone(),
            journeys: self.journeys,
            customers,
            times,
            stages: (0..stages).map(|stage| self.stage(stage, &medians)).collect(),
            transitions,
            back: back.count,
            back_share: back.share,
            back_share_low: back.low,
            back_share_high: back.high,
            doubts: Doubt::few("customers", customers)
                .into_iter()
                .chain(approximate)
                .chain(without)
                .chain(self.empty())
                .chain(self.few())
                .collect(),
        })
    }
}

impl StagesFold {
    /// The doubt that nothing is known of change, because one of the two times has no moment.
    fn empty(&self) -> Option<Doubt> {
        let (halves, [whole, earlier, later]) = (self.halves?, self.visits.counts.customers);
        let time = |us: i64| shown(us, &self.charter);
        let (from_us, to_us) = match (earlier, later) {
            (0, _) if whole > 0 => (halves.since_us, halves.middle_us),
            (_, 0) if whole > 0 => (halves.middle_us, halves.until_us),
            _ => return None,
        };
        let what = format!("moment from {} to {}", time(from_us), time(to_us));
        Some(Doubt::missing(&what, "nothing is said of changes"))
    }

    /// The doubts that few answered a survey that measures a stage, on the whole or in one of the two times.
    fn few(&self) -> Vec<Doubt> {
        let measured = self.charter.stages.iter().zip(&self.asked).enumerate();
        let measured = measured.filter(|(_, (stage, _))| stage.goal == Some(Goal::Advocacy));
        let of_stage = |(number, (_, asked)): (usize, (_, &Option<Asked>))| {
            let survey = &self.charter.surveys[asked.as_ref()?.survey].name;
            let few = |window: usize, when: &str| {
                let n = self.visits.counts.tallies[window][number].scores.n();
                Doubt::few(&format!("answers of {survey}{when}"), n)
            };
            let halves = || few(1, " in the earlier part").or_else(|| few(2, " in the later part"));
            few(0, "").or_else(|| self.halves.and_then(|_| halves()))
        };
        measured.filter_map(of_stage).collect()
    }

    fn stage(&self, number: usize, medians: &[Option<f64>]) -> Stage {
        let stages = self.stages();
        let told = &self.charter.stages[number];
        let windows: [&Tally; WINDOWS] = std::array::from_fn(|window| &self.visits.counts.tallies[window][number]);
        let tally = windows[0];
        let fell_back = Share::new(tally.fell_back, tally.customers);
        let survey = self.asked[number].map(|asked| &self.charter.surveys[asked.survey]);
        let last = number + 1 == stages;
        let measures = told.goal.map(|goal| {
            let context = measure::Context {
                customers: self.visits.counts.customers,
                survey,
                currency: self.charter.currency.as_deref(),
                halves: self.halves,
                ends: last && !self.ends_by_success,
                last,
            };
            measure::measures(goal, windows, &context)
        });
        Stage {
            stage: told.name.as_str().into(),
            label: told.label.as_str().into(),
            goal: told.goal.map(|goal| measure::goal_name(goal).into()),
            customers: tally.customers,
            events: tally.events,
            fell_back: fell_back.count,
            fell_back_share: fell_back.share,
            fell_back_share_low: fell_back.low,
            fell_back_share_high: fell_back.high,
            stay_median_s: medians[stages * stages + number],
            lifetime_median_s: medians[stages * stages + stages + number],
            measures: measures.unwrap_or_default(),
        }
    }
}
