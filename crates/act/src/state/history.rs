//! A state built from all of a customer's history at once.

use event::{Event, Timestamp};
use serde::{Deserialize, Serialize};

use super::stored::follows;
use super::{Consent, Drawn, Effects, Postponed, State, Taken};
use crate::digest::Digest;
use crate::known::Known;
use crate::limits::LATE_EVENTS_MAX;
use crate::news::Teller;
use crate::plan::{Plan, index};
use crate::value::Kept;

/// An event as far as a state has any use for it. Most of what taking an event in costs is to make this of it, which asks no
/// state: so the events of many customers can be read in any order, on all cores, and wait here for those that are theirs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Noted {
    digest: Digest,
    /// See [`Plan::latest`].
    latest: Vec<Kept>,
}

/// All that went into one customer's state, in whatever order.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct History {
    /// Every event, once.
    pub events: Vec<Noted>,
    /// What the customer decided about purposes.
    pub consents: Vec<Consent>,
    /// Lots that were drawn for the customer.
    pub drawn: Vec<Drawn>,
    /// What was decided for the customer.
    pub decided: Vec<Taken>,
    /// What was to be looked at again.
    pub postponed: Vec<Postponed>,
}

impl Noted {
    /// When it happened, in microseconds since 1970, and the outcomes that it is, by their positions in the charter.
    pub fn outcomes(&self) -> impl Iterator<Item = (usize, i64)> {
        let at_us = self.digest.at_us;
        self.digest.outcomes.iter().map(move |outcome| (index(*outcome), at_us))
    }
}

impl Plan {
    /// What a state has a use for of an event; `None` where that is nothing. `seq` is its place in the order of arrival.
    pub fn note(&self, event: &Event<'_>, seq: u64) -> Option<Noted> {
        let digest = self.digest(event, seq)?;
        Some(Noted { digest, latest: self.latest_of(event) })
    }
}

impl History {
    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
            && self.consents.is_empty()
            && self.drawn.is_empty()
            && self.decided.is_empty()
            && self.postponed.is_empty()
    }

    /// The customer's state, as it is known at `until`: the same as [`replay`](super::replay()) gives, step by step.
    /// What would have been told on the way is not made up.
    pub fn state(mut self, plan: &Plan, until: Timestamp) -> State {
        self.events.sort_by_key(|noted| noted.digest.place());
        self.events.dedup_by_key(|noted| noted.digest.place());
        let latest = self.events.last_mut().map(|noted| std::mem::take(&mut noted.latest)).unwrap_or_default();
        let mut events = self.events.into_iter().map(|noted| noted.digest);
        let mut settled: Option<Box<Known>> = None;
        let before = events.len().saturating_sub(LATE_EVENTS_MAX);
        for digest in events.by_ref().take(before) {
            settled.get_or_insert_with(|| Box::new(Known::new(plan))).apply(&digest, plan, &mut Teller::mute());
        }
        let late: Vec<Digest> = events.collect();
        let known = follows(settled.as_deref(), &late, plan);
        let mut state = State { settled, late, known, latest, ..State::new(plan) };
        self.consents.iter().for_each(|consent| state.consent(consent));
        self.drawn.iter().for_each(|drawn| state.draw(drawn));
        // What there was to learn was learnt then.
        let mut taught = Effects::default();
        // Which of two for one occasion counts is not to depend on whether the first is forgotten by now.
        self.decided.iter().for_each(|taken| state.decide(taken, plan, &mut taught));
        state.seen_us = until.as_micros().min(i64::MAX - 1);
        self.postponed.iter().for_each(|postponed| state.postpone(*postponed));
        state.forget_decisions(plan);
        state
    }
}
