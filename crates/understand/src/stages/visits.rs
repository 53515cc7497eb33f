//! What each customer did in each stage, summed up over customers, for the whole period and for its two halves.

use std::ops::RangeInclusive;

use evidence::Sums;
use journey::Setting;
use serde::{Deserialize, Serialize};

use crate::scores::Scores;

/// The whole, the earlier half and the later half.
pub(super) const WINDOWS: usize = 3;

/// The two halves among them.
pub(super) const HALVES: RangeInclusive<usize> = 1..=2;

/// A customer counts as active with a moment in so many microseconds before the end: 30 days.
pub(super) const ACTIVE_US: i64 = 30 * 86_400_000_000;

/// A period and its middle, in microseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Halves {
    pub(super) since_us: i64,
    pub(super) middle_us: i64,
    pub(super) until_us: i64,
    /// Whether what is earlier is the period before the one that was asked for: journeys that start there are in that one
    /// alone.
    pub(super) before: bool,
}

/// The middle is a whole second after the start.
const SECOND_US: i64 = 1_000_000;

impl Halves {
    /// The period that was asked for, as far as moments are known from its start on, in two halves, or behind the period
    /// before it where that is known; `None` where it has no bounds.
    pub(super) fn of(setting: &Setting) -> Option<Self> {
        let since_us = setting.from_us.map_or(setting.began_us, |from_us| from_us.max(setting.began_us));
        let until_us = setting.to_us.map_or(setting.until_us, |to_us| (to_us - 1).min(setting.until_us));
        let bounded = since_us != i64::MIN && until_us != i64::MAX && since_us < until_us;
        let halves = || {
            if let Some(before_us) = setting.before_us {
                return Self { since_us: before_us, middle_us: since_us, until_us, before: true };
            }
            let half_us = (until_us + 1 - since_us) / 2;
            let middle_us = since_us + half_us / SECOND_US * SECOND_US;
            Self { since_us, middle_us, until_us, before: false }
        };
        bounded.then(halves)
    }

    /// When a window ends, and whether it is longer than the time in which a customer counts as active.
    fn end_us(self, window: usize) -> Option<i64> {
        let (begins, ends) = match window {
            0 if !self.before => (self.since_us, self.until_us),
            1 => (self.since_us, self.middle_us),
            _ => (self.middle_us, self.until_us),
        };
        (ends - begins > ACTIVE_US).then_some(ends)
    }

    /// Whether either part that is compared is longer than the time in which a customer counts as active: in one that is not,
    /// nobody would be inactive.
    pub(super) fn are_long(self) -> bool {
        HALVES.into_iter().all(|window| self.end_us(window).is_some())
    }

    /// Whether counting can go on from an earlier end of the period: no window has become long enough since for what is only
    /// counted in long ones.
    pub(super) fn goes_on(self, earlier: Self) -> bool {
        let long = |halves: Self| [0, 1, 2].map(|window| halves.end_us(window).is_some());
        self.since_us == earlier.since_us && self.before == earlier.before && long(self) == long(earlier)
    }

    /// The end of the period with which the middle comes after a time; it never does where the middle is a given one.
    fn passes(self, at_us: i64) -> i64 {
        if self.before {
            return i64::MAX;
        }
        let half_us = ((at_us - self.since_us).div_euclid(SECOND_US) + 1).saturating_mul(SECOND_US);
        self.since_us.saturating_add(half_us.saturating_mul(2)).saturating_sub(1)
    }

    /// Whether a journey that starts then belongs to the period before alone.
    pub(super) fn is_before(self, start_us: i64) -> bool {
        self.before && start_us < self.middle_us
    }
}

/// What customers did in one stage and one window.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Tally {
    pub(super) customers: u64,
    pub(super) events: u64,
    /// Customers who came to a later stage, or succeeded where it is the last.
    pub(super) went_on: u64,
    /// Customers who came to an earlier stage.
    pub(super) fell_back: u64,
    /// Customers with a moment at the end of the window.
    pub(super) active: u64,
    /// Values of outcomes.
    pub(super) values: Sums,
    /// The same summed up by customer.
    pub(super) per_customer: Sums,
    /// Seconds between first and last moment, by customer; sums hold millionths, so microseconds are exact.
    pub(super) lifetimes_s: Sums,
    pub(super) scores: Scores,
}

impl Tally {
    fn merge(&mut self, other: &Self) {
        self.customers += other.customers;
        self.events += other.events;
        self.went_on += other.went_on;
        self.fell_back += other.fell_back;
        self.active += other.active;
        self.values.merge(&other.values);
        self.per_customer.merge(&other.per_customer);
        self.lifetimes_s.merge(&other.lifetimes_s);
        self.scores.merge(&other.scores);
    }

    fn subtract(&mut self, other: &Self) {
        self.customers -= other.customers;
        self.events -= other.events;
        self.went_on -= other.went_on;
        self.fell_back -= other.fell_back;
        self.active -= other.active;
        self.values.subtract(&other.values);
        self.per_customer.subtract(&other.per_customer);
        self.lifetimes_s.subtract(&other.lifetimes_s);
        self.scores.subtract(&other.scores);
    }
}

/// What the present customer did in one stage and one window.
///
/// Whether somebody went on from a stage, or fell back, follows at the end from turns: into which stage the customer changed
/// last, and since when this one is known. So nothing has to be told to all other stages at every change.
#[derive(Debug, Clone, Copy)]
struct Visit {
    /// How many moments; 0 where the customer was not here.
    moments: u64,
    first_us: i64,
    last_us: i64,
    /// The last one that lies in the period; [`i64::MIN`] where none does.
    last_inside_us: i64,
    /// The turn of the first stay.
    first_turn: u64,
    /// The turn of the last stay that came after one in another stage, or after nothing; 0 where none did.
    last_turn: u64,
    /// The last turn in which the customer changed to a later stage, or succeeded in the last one.
    later_turn: u64,
    value: f64,
}

/// Nobody was there.
const NOBODY: Visit = Visit {
    moments: 0,
    first_us: i64::MAX,
    last_us: i64::MIN,
    last_inside_us: i64::MIN,
    first_turn: 0,
    last_turn: 0,
    later_turn: 0,
    value: 0.0,
};

/// Moments of a journey that follow each other in one stage and one part of the period.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stay {
    pub(super) stage: usize,
    /// Before the period 0, in its [`HALVES`] their windows, after it one more.
    pub(super) part: usize,
    /// Whether the moment before was of another stage.
    changed: bool,
    first_us: i64,
    last_us: i64,
    moments: u64,
}

impl Stay {
    /// One moment.
    pub(super) fn new(stage: usize, part: usize, changed: bool, at_us: i64) -> Self {
        Self { stage, part, changed, first_us: at_us, last_us: at_us, moments: 1 }
    }

    /// One more.
    #[inline]
    pub(super) fn go_on(&mut self, at_us: i64) {
        self.last_us = at_us;
        self.moments += 1;
    }
}

/// What is counted of all customers.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Counts {
    /// By window and stage.
    pub(super) tallies: [Vec<Tally>; WINDOWS],
    /// Customers with any event, by window.
    pub(super) customers: [u64; WINDOWS],
    /// Outcomes that are worth something, but do not say how much.
    pub(super) without_value: u64,
}

impl Counts {
    pub(super) fn merge(&mut self, other: &Self) {
        self.without_value += other.without_value;
        self.customers.iter_mut().zip(other.customers).for_each(|(ours, theirs)| *ours += theirs);
        let theirs = other.tallies.iter().flatten();
        self.tallies.iter_mut().flatten().zip(theirs).for_each(|(ours, theirs)| ours.merge(theirs));
    }

    pub(super) fn subtract(&mut self, other: &Self) {
        self.without_value -= other.without_value;
        self.customers.iter_mut().zip(other.customers).for_each(|(ours, theirs)| *ours -= theirs);
        let theirs = other.tallies.iter().flatten();
        self.tallies.iter_mut().flatten().zip(theirs).for_each(|(ours, theirs)| ours.subtract(theirs));
    }
}

/// All customers, and the present one.
#[derive(Debug)]
pub(super) struct Visits {
    pub(super) counts: Counts,
    halves: Option<Halves>,
    /// Whether the present customer has any event, by window.
    seen: [bool; WINDOWS],
    present: [Vec<Visit>; WINDOWS],
    /// The number of stays and successes so far; those of each window know their turn.
    turn: u64,
    /// By window, the turn of the last success.
    succeeded: [u64; WINDOWS],
    /// The present customer's first event of the later half, of each journey the earliest.
    pub(super) later_us: Option<i64>,
}

impl Visits {
    pub(super) fn new(stages: usize, halves: Option<Halves>) -> Self {
        let counts = Counts {
            tallies: std::array::from_fn(|_| vec![Tally::default(); stages]),
            customers: [0; WINDOWS],
            without_value: 0,
        };
        let present = std::array::from_fn(|_| vec![NOBODY; stages]);
        let (seen, succeeded) = ([false; WINDOWS], [0; WINDOWS]);
        Self { counts, halves, seen, present, turn: 0, succeeded, later_us: None }
    }

    /// The customer has events in these windows.
    pub(super) fn come(&mut self, windows: [bool; WINDOWS]) {
        self.seen.iter_mut().zip(windows).for_each(|(seen, come)| *seen |= come);
    }

    /// The customer was in a stage, in the whole period where `whole` is one and in the half that the stay lies in;
    /// `half_before` is the one in which the journey's last stay was.
    pub(super) fn stay(&mut self, stay: Option<Stay>, whole: Option<usize>, half_before: &mut Option<usize>) {
        let Some(stay) = stay else { return };
        if let Some(whole) = whole {
            self.enter(whole, stay, stay.changed);
        }
        if HALVES.contains(&stay.part) {
            // To a half, its first moment comes after nothing.
            self.enter(stay.part, stay, stay.changed || *half_before != Some(stay.part));
            *half_before = Some(stay.part);
        }
    }

    #[inline]
    fn enter(&mut self, window: usize, stay: Stay, changed: bool) {
        self.turn += 1;
        let visit = &mut self.present[window][stay.stage];
        if visit.moments == 0 {
            visit.first_turn = self.turn;
        }
        if changed {
            visit.last_turn = self.turn;
        }
        visit.moments += stay.moments;
        // Journeys of a customer come in the order of time, but for those that begin together.
        visit.first_us = visit.first_us.min(stay.first_us);
        visit.last_us = visit.last_us.max(stay.last_us);
        if stay.part <= *HALVES.end() {
            visit.last_inside_us = visit.last_inside_us.max(stay.last_us);
        }
    }

    /// The customer succeeds: who is in the last stage has gone on from it.
    pub(super) fn succeed(&mut self, window: usize) {
        self.turn += 1;
        self.succeeded[window] = self.turn;
    }

    /// An outcome of some value.
    pub(super) fn earn(&mut self, window: usize, stage: usize, value: f64) {
        if self.counts.tallies[window][stage].values.add(value) {
            self.present[window][stage].value += value;
        } else if window == 0 {
            self.counts.without_value += 1;
        }
    }

    /// An answer to the survey of the stage.
    pub(super) fn say(&mut self, window: usize, stage: usize, score: usize) {
        self.counts.tallies[window][stage].scores.add(score);
    }

    /// Sums up the present customer and forgets it; `lifetime` is told stage and length of every stay of the whole period.
    /// Gives the earliest end of the period with which the same events of the customer come to something else.
    pub(super) fn leave(&mut self, mut lifetime: impl FnMut(usize, u64)) -> Option<i64> {
        let halves = self.halves;
        let Counts { tallies, customers, .. } = &mut self.counts;
        let mut due_us = halves.zip(self.later_us.take()).map(|(halves, later_us)| halves.passes(later_us));
        for window in 0..WINDOWS {
            if !std::mem::take(&mut self.seen[window]) {
                continue;
            }
            customers[window] += 1;
            let ends = halves.and_then(|halves| Some((halves, halves.end_us(window)?)));
            let present = &mut self.present[window];
            // From the last stage one goes on by success alone, from others by coming to a later one.
            let (mut later_turn, mut came_later) = (self.succeeded[window], 0);
            for visit in present.iter_mut().rev() {
                visit.later_turn = later_turn;
                came_later = visit.last_turn.max(came_later);
                later_turn = came_later;
            }
            let mut came_earlier = 0;
            for (stage, (visit, tally)) in present.iter_mut().zip(&mut tallies[window]).enumerate() {
                let visit = std::mem::replace(visit, NOBODY);
                let fell_back = came_earlier > visit.first_turn;
                came_earlier = visit.last_turn.max(came_earlier);
                let Visit { moments, first_us, last_us, last_inside_us, value, .. } = visit;
                if moments == 0 {
                    continue;
                }
                tally.customers += 1;
                tally.events += moments;
                tally.went_on += u64::from(visit.later_turn > visit.first_turn);
                tally.fell_back += u64::from(fell_back);
                if let Some((halves, end_us)) = ends
                    && last_inside_us > end_us - ACTIVE_US
                {
                    tally.active += 1;
                    let until_us = last_inside_us.saturating_add(ACTIVE_US);
                    let until_us = if window == 1 { halves.passes(until_us - 1) } else { until_us };
                    due_us = Some(due_us.map_or(until_us, |due_us| due_us.min(until_us)));
                }
                tally.per_customer.add(value);
                let length_us = last_us.abs_diff(first_us);
                tally.lifetimes_s.add_millionths(i64::try_from(length_us).unwrap_or(i64::MAX));
                if window == 0 {
                    lifetime(stage, length_us);
                }
            }
        }
        due_us
    }
}
