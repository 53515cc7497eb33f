//! What was decided for a customer: so that caps are kept, the same occasion gives the same decision, and what followed is
//! learnt from.

use serde::{Deserialize, Serialize};

use super::{Effects, State};
use crate::digest::Digest;
use crate::limits::DECISIONS_MAX;
use crate::plan::{Plan, index};

/// A decision for an action, as the state keeps it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Taken {
    /// When, in microseconds since 1970.
    pub at_us: i64,
    /// What gave rise to it; the same occasion gives the same decision.
    pub occasion: u64,
    /// The action, by its position in the charter.
    pub action: u32,
    /// What was known of the customer, where the propensity of the action is learnt.
    pub features: Vec<f32>,
}

/// Something that only time kept out: quiet hours, or a cap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Postponed {
    /// When it is looked at again, in microseconds since 1970.
    pub until_us: i64,
    /// What gave rise to it.
    pub occasion: u64,
}

/// What followed a decision.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Lesson {
    /// The action, by its position in the charter.
    pub action: u32,
    /// When it was decided, in microseconds since 1970.
    pub decided_us: i64,
    /// What was known of the customer.
    pub features: Vec<f32>,
    /// Whether the outcome came in time.
    pub came: bool,
}

impl Taken {
    fn kept_until_us(&self, plan: &Plan) -> i64 {
        self.at_us.saturating_add(plan.actions[index(self.action)].kept_us)
    }

    fn room(&self, plan: &Plan) -> usize {
        plan.actions[index(self.action)].room
    }

    fn lesson(&self, came: bool) -> Lesson {
        Lesson { action: self.action, decided_us: self.at_us, features: self.features.clone(), came }
    }

    /// The outcome that is waited for, and the last moment at which it counts; none where nothing can be learnt from it,
    /// because what was known is not told in the numbers of this charter.
    fn waits(&self, plan: &Plan) -> Option<(usize, i64)> {
        let action = plan.actions.get(index(self.action))?;
        if self.features.len() != plan.numbers() {
            return None;
        }
        Some((action.learnt?, self.at_us.saturating_add(action.horizon_us)))
    }
}

impl State {
    /// What was decided, as far as it still matters, in the order of time.
    pub fn decided(&self) -> &[Taken] {
        &self.decided
    }

    pub(super) fn decide(&mut self, taken: &Taken, plan: &Plan) {
        if index(taken.action) >= plan.actions.len() {
            return;
        }
        // Two for one occasion are those of customers who turned out to be one: both were made, and the earlier answers.
        let place = |taken: &Taken| (taken.at_us, taken.occasion, taken.action);
        match self.decided.binary_search_by_key(&place(taken), place) {
            Ok(_) => return,
            Err(position) => self.decided.insert(position, taken.clone()),
        }
        self.make_room(taken.room(plan), plan);
        self.forget_decisions(plan);
    }

    /// Forgets the oldest decision of a room that there is none left in.
    fn make_room(&mut self, room: usize, plan: &Plan) {
        let mut alike = self.decided.iter().enumerate().filter(|(_, taken)| taken.room(plan) == room);
        let oldest = alike.next().map(|(position, _)| position);
        if let Some(oldest) = oldest
            && alike.count() >= DECISIONS_MAX
        {
            self.decided.remove(oldest);
        }
    }

    /// Whether so much was decided that more of it would push out what was decided before.
    pub(crate) fn has_full_rooms(&self, plan: &Plan) -> bool {
        let mut rooms = vec![0; plan.actions.len() + 1];
        self.decided.iter().for_each(|taken| rooms[taken.room(plan)] += 1);
        rooms.into_iter().any(|decided| decided >= DECISIONS_MAX)
    }

    /// What is to be looked at again, and was not yet, in the order of time: when one of them is due, all is decided anew, so that
    /// one is kept of those of the same time.
    pub fn postponed(&self) -> &[Postponed] {
        &self.postponed
    }

    pub(super) fn postpone(&mut self, postponed: Postponed) {
        match self.postponed.binary_search_by_key(&postponed.until_us, |known| known.until_us) {
            Ok(known) => self.postponed[known] = self.postponed[known].min(postponed),
            Err(place) => self.postponed.insert(place, postponed),
        }
        self.forget_postponed();
    }

    pub(super) fn forget_postponed(&mut self) {
        let seen_us = self.seen_us;
        self.postponed.retain(|postponed| postponed.until_us > seen_us);
    }

    pub(super) fn forget_decisions(&mut self, plan: &Plan) {
        let seen_us = self.seen_us;
        self.decided.retain(|taken| taken.kept_until_us(plan) >= seen_us);
    }

    /// An event brings outcomes, the first of which after a decision is a lesson.
    pub(super) fn learn(&self, digest: &Digest, plan: &Plan, effects: &mut Effects) {
        for taken in &self.decided {
            let Some((outcome, ends_us)) = taken.waits(plan) else { continue };
            let came = digest.outcomes.iter().any(|of| index(*of) == outcome);
            let in_time = taken.at_us < digest.at_us && digest.at_us <= ends_us;
            if came && in_time && !self.came_after(outcome, taken.at_us) && self.seen_us <= ends_us {
                effects.lessons.push(taken.lesson(true));
            }
        }
    }

    /// Decisions after which the outcome did not come in time.
    pub(super) fn miss_lessons(&self, to_us: i64, plan: &Plan, effects: &mut Effects) {
        for taken in &self.decided {
            if let Some((outcome, ends_us)) = taken.waits(plan)
                && self.seen_us <= ends_us
                && ends_us < to_us
                && !self.came_after(outcome, taken.at_us)
            {
                effects.lessons.push(taken.lesson(false));
            }
        }
    }

    /// When it will be known that the outcome did not come in time.
    pub(super) fn lesson_due_us(&self, taken: &Taken, plan: &Plan) -> Option<i64> {
        let (outcome, ends_us) = taken.waits(plan)?;
        let waits = self.seen_us <= ends_us && ends_us < i64::MAX && !self.came_after(outcome, taken.at_us);
        waits.then(|| ends_us + 1)
    }

    fn came_after(&self, outcome: usize, at_us: i64) -> bool {
        let came = self.known.outcomes[outcome];
        came.times > 0 && came.last_us > at_us
    }
}
