//! What follows from a customer's events, taken in one after the other in the order of time.

mod interactions;
mod journeys;
mod promises;
mod series;

use serde::{Deserialize, Serialize};

use interactions::{OpenInteraction, Requests};
use journeys::Journeys;
pub(crate) use promises::Promise;
use promises::Promises;
pub(crate) use series::Series;

use crate::digest::{Digest, Place};
use crate::news::{Teller, What};
use crate::plan::{Plan, index};

/// What is known of a customer. It depends on the events and their order alone; what follows from time passing (a promise
/// that fell due, a silence) is asked of it for a given time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Known {
    /// How many events were taken in.
    pub(crate) events: u64,
    /// The place of the latest.
    pub(crate) last: Option<Place>,
    /// Its moment.
    pub(crate) moment: u32,
    /// The stage of the latest moment that has one, and since when the customer is in it.
    pub(crate) stage: Option<(u32, i64)>,
    /// By journey of the charter.
    pub(crate) journeys: Vec<Journeys>,
    /// Promises that were not fulfilled, in the order in which they were made.
    pub(crate) open: Vec<Promise>,
    /// By expectation of the charter.
    pub(crate) promises: Vec<Promises>,
    /// Interactions that are open, in the order in which they began.
    pub(crate) requested: Vec<OpenInteraction>,
    /// By interaction of the charter.
    pub(crate) requests: Vec<Requests>,
    /// By feature of the charter.
    pub(crate) series: Vec<Series>,
    /// By outcome of the charter: how often it came, and when last.
    pub(crate) outcomes: Vec<Came>,
    /// By survey of the charter, the latest score.
    pub(crate) surveys: Vec<Option<f64>>,
}

/// How often something came.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Came {
    pub(crate) times: u64,
    /// When last, in microseconds since 1970; meaningless where it never came.
    pub(crate) last_us: i64,
}

impl Known {
    /// Nothing yet.
    pub(crate) fn new(plan: &Plan) -> Self {
        let charter = plan.charter();
        Self {
            events: 0,
            last: None,
            moment: 0,
            stage: None,
            journeys: vec![Journeys::default(); charter.journeys.len()],
            open: Vec::new(),
            promises: vec![Promises::default(); charter.expectations.len()],
            requested: Vec::new(),
            requests: vec![Requests::default(); charter.interactions.len()],
            series: plan.series.iter().map(|kind| Series::new(*kind)).collect(),
            outcomes: vec![Came::default(); charter.outcomes.len()],
            surveys: vec![None; charter.surveys.len()],
        }
    }

    /// Whether it may be what a plan made: all positions are those of its charter.
    pub(crate) fn fits(&self, plan: &Plan) -> bool {
        let charter = plan.charter();
        let lengths = [
            (self.journeys.len(), charter.journeys.len()),
            (self.promises.len(), charter.expectations.len()),
            (self.requests.len(), charter.interactions.len()),
            (self.outcomes.len(), charter.outcomes.len()),
            (self.surveys.len(), charter.surveys.len()),
            (self.series.len(), plan.series.len()),
        ];
        lengths.iter().all(|(found, wanted)| found == wanted)
            && (self.last.is_none() || index(self.moment) < plan.roles.len())
            && self.stage.is_none_or(|(stage, _)| index(stage) < charter.stages.len())
            && self.open.iter().all(|promise| index(promise.rule) < charter.expectations.len())
            && self.requested.iter().all(|open| index(open.kind) < charter.interactions.len())
            && self.series.iter().zip(&plan.series).all(|(series, kind)| series.is(*kind))
    }

    /// Takes in the next event.
    pub(crate) fn apply(&mut self, digest: &Digest, plan: &Plan, teller: &mut Teller) {
        debug_assert!(self.last.is_none_or(|last| last < digest.place()), "events come in their order");
        let role = &plan.roles[index(digest.moment)];
        let at_us = digest.at_us;
        teller.tell(What::Moment, digest.moment, at_us, at_us, digest.seq);
        for outcome in &digest.outcomes {
            let came = &mut self.outcomes[index(*outcome)];
            *came = Came { times: came.times.saturating_add(1), last_us: at_us };
            teller.tell(What::Outcome, *outcome, at_us, at_us, digest.seq);
        }
        self.run(role, at_us, plan, teller);
        if let Some(stage) = role.stage
            && self.stage.is_none_or(|(before, _)| before != stage)
        {
            self.stage = Some((stage, at_us));
            teller.tell(What::Stage, stage, at_us, at_us, digest.seq);
        }
        self.promise(role, digest, plan, teller);
        self.request(role, digest, plan, teller);
        for (series, value) in &role.feeds {
            let value = value.and_then(|value| digest.values.get(value));
            let known_us = at_us.min(digest.received_us);
            self.series[index(*series)].push(plan.series[index(*series)], at_us, known_us, value);
        }
        for (survey, score) in &role.surveys {
            if let Some(score) = digest.values.get(*score).and_then(crate::value::Kept::number) {
                self.surveys[index(*survey)] = Some(score);
            }
        }
        self.events = self.events.saturating_add(1);
        (self.last, self.moment) = (Some(digest.place()), digest.moment);
    }

    /// Tells what follows from the time after `teller.seen_us` up to `to_us`: promises that fell due, silences.
    pub(crate) fn pass(&self, to_us: i64, plan: &Plan, teller: &mut Teller) {
        let from_us = teller.seen_us;
        for silence in self.silences(plan) {
            if from_us <= silence.ends_us && silence.ends_us < to_us {
                teller.tell(silence.what, silence.of, silence.began_us, silence.ends_us, silence.key);
            }
        }
        for promise in &self.open {
            let warn_us = promise.warn_us(plan);
            if from_us < warn_us && warn_us <= to_us {
                teller.tell(What::AboutToBreak, promise.rule, promise.made_us, warn_us, promise.key);
            }
            if from_us < promise.due_us && promise.due_us <= to_us {
                teller.tell(What::Broken, promise.rule, promise.made_us, promise.due_us, promise.key);
            }
        }
    }

    /// When something will follow from time alone, after `seen_us`, in microseconds since 1970.
    pub(crate) fn next_us(&self, seen_us: i64, plan: &Plan) -> Option<i64> {
        let silences = self.silences(plan).map(|silence| silence.ends_us.saturating_add(1));
        let promises = self.open.iter().flat_map(|promise| [promise.warn_us(plan), promise.due_us]);
        silences.chain(promises).filter(|at_us| *at_us > seen_us && *at_us < i64::MAX).min()
    }

    /// What will be over if nothing comes.
    fn silences<'a>(&'a self, plan: &'a Plan) -> impl Iterator<Item = Silence> + 'a {
        let last_us = self.last.map_or(0, |(at_us, _)| at_us);
        let journeys = self.journeys.iter().enumerate().filter_map(move |(i, journeys)| {
            let began_us = journeys.open?;
            let ends_us = plan.journeys[i].as_ref()?.ends_us(last_us);
            Some(Silence { what: What::JourneyAbandoned, of: crate::plan::number(i), began_us, ends_us, key: 0 })
        });
        let interactions = self.requested.iter().filter_map(|open| open.silence(plan));
        journeys.chain(interactions)
    }
}

/// Something that is over once nothing came for long enough.
pub(crate) struct Silence {
    pub(crate) what: What,
    pub(crate) of: u32,
    pub(crate) began_us: i64,
    /// The last moment at which it is not over.
    pub(crate) ends_us: i64,
    pub(crate) key: u64,
}
