//! What is known of one customer, and how it changes.

mod decided;
mod history;
mod replay;
mod stored;

use event::{Event, Timestamp};
use serde::{Deserialize, Serialize};

pub use decided::{Drawn, Lesson, Postponed, Taken};
pub use history::{History, Noted};
pub use replay::replay;
pub use stored::StateError;

use crate::digest::{Digest, Place};
use crate::known::{Known, Series};
use crate::limits::{CONSENTS_MAX, LATE_EVENTS_MAX, PURPOSE_BYTES_MAX};
use crate::news::{News, Teller, differences};
use crate::plan::{Plan, index};
use crate::value::{Kept, cut};

/// What is known of one customer: a function of the events, consents and decisions that were put in, whatever their order,
/// and of the time up to which it was looked at.
///
/// Events count in the order of their time, those of the same time in the order of arrival. The latest of them are kept as
/// they came ([`LATE_EVENTS_MAX`]), and all before them only as what follows from them, so that one which arrives late falls
/// into its place.
#[derive(Debug, Clone, PartialEq)]
pub struct State {
    /// Up to when has been told what follows from time alone, in microseconds since 1970.
    seen_us: i64,
    /// What follows from all events but the latest; `None` where there are no others, as with most customers.
    settled: Option<Box<Known>>,
    /// The latest events, in their order.
    late: Vec<Digest>,
    /// What follows from all events: a function of `settled` and `late`, and not stored.
    known: Known,
    /// Columns of the latest event, see [`Plan::latest`].
    latest: Vec<Kept>,
    /// In the order of names.
    consents: Vec<Consent>,
    /// In the order of time.
    decided: Vec<Taken>,
    /// The first lot that was drawn.
    drawn: Option<Drawn>,
    /// What is looked at again, in the order of time.
    postponed: Vec<Postponed>,
}

/// What a customer decided about a purpose.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Consent {
    /// The purpose, as actions of the charter name it.
    pub purpose: String,
    /// When, in microseconds since 1970.
    pub at_us: i64,
    /// Whether it may be done.
    pub granted: bool,
}

/// What a customer's state takes in.
#[derive(Debug, Clone, Copy)]
pub enum Input<'a> {
    /// Something happened.
    Event {
        /// What.
        event: &'a Event<'a>,
        /// Its place in the order of arrival, which no other event of this customer has.
        seq: u64,
    },
    /// The customer decided about a purpose.
    Consent(&'a Consent),
    /// A lot was drawn for the customer, whatever it was decided to do.
    Drawn(&'a Drawn),
    /// It was decided what to do for the customer.
    Decided(&'a Taken),
    /// Only time kept from the customer what might have been done.
    Postponed(Postponed),
    /// Nothing but that time has passed: what follows from that is due.
    Wake,
}

/// What is to be done after a step. All of it is data, for the shell to carry out.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Effects {
    /// What is new.
    pub news: Vec<News>,
    /// What had been told, before or in this step, and turned out not to be so by what came late: a promise told to be
    /// broken that was kept.
    pub withdrawn: Vec<News>,
    /// When this customer has to be woken, in microseconds since 1970: one timer for each customer, which replaces the one
    /// before. Waking too early, or twice, changes nothing.
    pub wake_us: Option<i64>,
    /// The event belongs before all that the state keeps apart, and was not taken in: the state has to be built anew from
    /// the customer's history, see [`replay`](replay()).
    pub replay: bool,
    /// What propensities can be learnt from.
    pub lessons: Vec<Lesson>,
}

/// Something that there was no room for, so that what is known is not all that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bound {
    /// What is concerned, as `feature.NAME`, `expectation.NAME`, `interaction.NAME`, `decisions` or `consents`.
    pub what: String,
    /// The bound.
    pub most: usize,
}

/// Moves one customer's state by one input. Same inputs, same state: always.
///
/// `now` is when the input became known: for an event, when it was received.
pub fn step(state: &mut State, input: Input<'_>, plan: &Plan, now: Timestamp) -> Effects {
    let now_us = now.as_micros().min(i64::MAX - 1);
    let mut effects = Effects::default();
    match input {
        Input::Event { event, seq } => {
            // What fell due before the event became known was told before it.
            state.pass(now_us.saturating_sub(1), plan, &mut effects);
            if let Some(digest) = plan.digest(event, seq) {
                state.take(digest, || plan.latest_of(event), plan, &mut effects);
            }
        }
        Input::Consent(consent) => state.consent(consent),
        Input::Drawn(drawn) => state.draw(drawn),
        Input::Decided(taken) => state.decide(taken, plan, &mut effects),
        Input::Postponed(postponed) => state.postpone(postponed),
        Input::Wake => {}
    }
    state.pass(now_us, plan, &mut effects);
    effects.wake_us = state.wake_us(plan);
    effects
}

impl State {
    /// A customer of whom nothing is known.
    pub fn new(plan: &Plan) -> Self {
        Self {
            seen_us: i64::MIN,
            settled: None,
            late: Vec::new(),
            known: Known::new(plan),
            latest: Vec::new(),
            consents: Vec::new(),
            decided: Vec::new(),
            drawn: None,
            postponed: Vec::new(),
        }
    }

    /// Up to when it was looked at, in microseconds since 1970. Two states of the same inputs are equal once both were
    /// woken at the same time.
    pub fn seen_us(&self) -> i64 {
        self.seen_us
    }

    /// When this customer has to be woken, see [`Effects::wake_us`].
    pub fn wake_us(&self, plan: &Plan) -> Option<i64> {
        let known = self.known.next_us(self.seen_us, plan);
        let lessons = self.decided.iter().filter_map(|taken| self.lesson_due_us(taken, plan));
        let again = self.postponed.first().map(|postponed| postponed.until_us);
        known.into_iter().chain(lessons).chain(again).min()
    }

    /// What the customer decided about purposes, in the order of names.
    pub fn consents(&self) -> &[Consent] {
        &self.consents
    }

    pub(crate) fn known(&self) -> &Known {
        &self.known
    }

    pub(crate) fn latest(&self) -> &[Kept] {
        &self.latest
    }

    /// Whether an event of the customer lies ahead of a time.
    pub(crate) fn lies_ahead(&self, now_us: i64) -> bool {
        self.late.last().is_some_and(|last| last.at_us > now_us)
    }

    /// Whether an event belongs before the latest that are kept as they came.
    fn is_settled(&self, place: Place) -> bool {
        self.settled.as_ref().and_then(|settled| settled.last).is_some_and(|last| place <= last)
    }

    /// The latest events up to a time.
    fn until(&self, now_us: i64) -> &[Digest] {
        &self.late[..self.late.partition_point(|digest| digest.at_us <= now_us)]
    }

    /// What follows from the events up to a time; of those that are not kept apart any more, from all.
    pub(crate) fn known_by(&self, now_us: i64, plan: &Plan) -> Known {
        stored::follows(self.settled.as_deref(), self.until(now_us), plan)
    }

    /// The latest value of a series up to a time, and of when it is.
    pub(crate) fn last_of(&self, series: usize, now_us: i64, plan: &Plan) -> Option<(i64, &Kept)> {
        fn in_series(known: &Known, series: usize) -> Option<(i64, &Kept)> {
            let Series::Last(last) = &known.series[series] else { return None };
            last.as_ref().map(|(at_us, value)| (*at_us, value))
        }
        if !self.lies_ahead(now_us) {
            return in_series(&self.known, series);
        }
        for digest in self.until(now_us).iter().rev() {
            let feeds = &plan.roles[index(digest.moment)].feeds;
            if let Some((_, value)) = feeds.iter().find(|(fed, _)| index(*fed) == series) {
                let value = value.and_then(|value| digest.values.get(value)).unwrap_or(&Kept::Null);
                return Some((digest.at_us, value));
            }
        }
        in_series(self.settled.as_deref()?, series)
    }

    /// Takes in what another customer's state knows, who turned out to be the same one. Where that takes the history of
    /// either, [`Effects::replay`] says so, and nothing was changed.
    pub fn join(&mut self, other: &State, plan: &Plan, now: Timestamp) -> Effects {
        let mut effects = Effects::default();
        let fits = other.settled.is_none() && other.late.iter().all(|digest| !self.is_settled(digest.place()));
        if !fits {
            return Effects { replay: true, ..effects };
        }
        self.pass(other.seen_us.max(now.as_micros().saturating_sub(1)), plan, &mut effects);
        for digest in &other.late {
            self.take(digest.clone(), || other.latest.clone(), plan, &mut effects);
        }
        other.consents.iter().for_each(|consent| self.consent(consent));
        other.drawn.iter().for_each(|drawn| self.draw(drawn));
        other.decided.iter().for_each(|taken| self.decide(taken, plan, &mut effects));
        other.postponed.iter().for_each(|postponed| self.postpone(*postponed));
        self.pass(now.as_micros().min(i64::MAX - 1), plan, &mut effects);
        effects.wake_us = self.wake_us(plan);
        effects
    }

    /// Lets time pass up to `to_us`.
    fn pass(&mut self, to_us: i64, plan: &Plan, effects: &mut Effects) {
        if to_us <= self.seen_us {
            return;
        }
        let mut teller = Teller { seen_us: self.seen_us, ..Teller::default() };
        self.known.pass(to_us, plan, &mut teller);
        teller.news.sort_unstable();
        effects.news.append(&mut teller.news);
        self.teach(to_us, plan, effects);
        self.seen_us = to_us;
        self.forget_decisions(plan);
        self.forget_postponed();
    }

    /// Takes in an event; `latest` are its columns that are kept if it is the latest.
    fn take(&mut self, digest: Digest, latest: impl FnOnce() -> Vec<Kept>, plan: &Plan, effects: &mut Effects) {
        let place = digest.place();
        if self.is_settled(place) {
            effects.replay = true;
            return;
        }
        let position = self.late.partition_point(|known| known.place() < place);
        if self.late.get(position).is_some_and(|known| known.place() == place) {
            return;
        }
        if position == self.late.len() {
            let mut teller = Teller { seen_us: self.seen_us, ..Teller::default() };
            self.known.apply(&digest, plan, &mut teller);
            if !teller.withdrawn.is_empty() {
                (teller.news, teller.withdrawn) = differences(teller.withdrawn, teller.news);
            }
            effects.news.append(&mut teller.news);
            effects.withdrawn.append(&mut teller.withdrawn);
            self.latest = latest();
            self.late.push(digest);
        } else {
            let (_, before) = self.tell(plan);
            self.late.insert(position, digest);
            let (known, after) = self.tell(plan);
            let (mut news, mut withdrawn) = differences(before, after);
            effects.news.append(&mut news);
            effects.withdrawn.append(&mut withdrawn);
            self.known = known;
        }
        if self.late.len() > LATE_EVENTS_MAX {
            let first = self.late.remove(0);
            let settled = self.settled.get_or_insert_with(|| Box::new(Known::new(plan)));
            settled.apply(&first, plan, &mut Teller::mute());
        }
    }

    /// All that follows from the latest events, and all that is told of it up to now.
    fn tell(&self, plan: &Plan) -> (Known, Vec<News>) {
        let mut teller = Teller::afresh();
        let mut known = stored::follows(self.settled.as_deref(), &[], plan);
        self.late.iter().for_each(|digest| known.apply(digest, plan, &mut teller));
        known.pass(self.seen_us, plan, &mut teller);
        (known, teller.news)
    }

    fn consent(&mut self, consent: &Consent) {
        let purpose = cut(&consent.purpose, PURPOSE_BYTES_MAX);
        let consent = Consent { purpose: purpose.to_owned(), ..consent.clone() };
        match self.consents.binary_search_by(|known| known.purpose.as_str().cmp(purpose)) {
            // Of two at the same time the refusal counts.
            Ok(at) => {
                let known = &mut self.consents[at];
                if (known.at_us, !known.granted) < (consent.at_us, !consent.granted) {
                    *known = consent;
                }
            }
            Err(at) => self.consents.insert(at, consent),
        }
        if self.consents.len() > CONSENTS_MAX
            && let Some((oldest, _)) =
                self.consents.iter().enumerate().min_by_key(|(_, known)| (known.at_us, &known.purpose))
        {
            self.consents.remove(oldest);
        }
    }
}
