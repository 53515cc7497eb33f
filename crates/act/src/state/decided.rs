//! What was decided for a customer: so that caps are kept, the same occasion gives the same decision, and what followed is
//! learnt from.

use serde::{Deserialize, Serialize};

use super::{Effects, State};
use crate::decide::{Arm, How};
use crate::digest::Digest;
use crate::known::Came;
use crate::limits::DECISIONS_MAX;
use crate::plan::{Plan, index};

/// A decision for an action, or to withhold it, as the state keeps it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Taken {
    /// When, in microseconds since 1970.
    pub at_us: i64,
    /// What gave rise to it; the same occasion gives the same decision.
    pub occasion: u64,
    /// The action, by its position in the charter.
    pub action: u32,
    /// In what manner it was chosen.
    pub how: How,
    /// What was known of the customer, in numbers, where something is to be learnt from what follows; otherwise none.
    pub features: Vec<f32>,
}

/// The lot that was drawn for a customer at a decision; the first one says for good to which arm it belongs. Of two customers
/// who turn out to be one that is the lot of whom was decided about first.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Drawn {
    /// When, in microseconds since 1970.
    pub at_us: i64,
    /// What gave rise to the decision.
    pub occasion: u64,
    /// The lot, from 0 up to 1.
    pub lot: f64,
}

/// Something that only time kept out: quiet hours, or a cap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Postponed {
    /// When it is looked at again, in microseconds since 1970.
    pub until_us: i64,
    /// What gave rise to it.
    pub occasion: u64,
}

/// What followed a decision. It names nobody.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Lesson {
    /// The model that it is for, see [`Plan::model`].
    pub model: u64,
    /// What was known of the customer.
    pub features: Vec<f32>,
    /// Whether the outcome came in time.
    pub came: bool,
}

impl Taken {
    /// Whether the action was not chosen, and only would have been.
    pub fn is_withheld(&self) -> bool {
        self.how.arm == Arm::None
    }

    fn lesson(&self, plan: &Plan, came: bool) -> Option<Lesson> {
        Some(Lesson { model: plan.model(index(self.action))?, features: self.features.clone(), came })
    }

    fn kept_until_us(&self, plan: &Plan) -> i64 {
        self.at_us.saturating_add(plan.actions[index(self.action)].kept_us)
    }

    /// The room that it is in: each of the plan has one for those that teach besides, so that they have their time, however many others
    /// are made meanwhile.
    fn room(&self, plan: &Plan) -> usize {
        2 * plan.actions[index(self.action)].room + usize::from(!self.features.is_empty())
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

    /// The lot that says to which arm the customer belongs, if any was drawn.
    pub(crate) fn lot(&self) -> Option<f64> {
        self.drawn.map(|drawn| drawn.lot)
    }

    pub(super) fn draw(&mut self, drawn: &Drawn) {
        let place = |drawn: &Drawn| (drawn.at_us, drawn.occasion);
        if self.drawn.is_none_or(|known| place(drawn) < place(&known)) {
            self.drawn = Some(*drawn);
        }
    }

    pub(super) fn decide(&mut self, taken: &Taken, plan: &Plan, effects: &mut Effects) {
        if index(taken.action) >= plan.actions.len() {
            return;
        }
        // Two for one occasion are those of customers who turned out to be one: both were made, and the earlier answers.
        let place = |taken: &Taken| (taken.at_us, taken.occasion, taken.action);
        match self.decided.binary_search_by_key(&place(taken), place) {
            Ok(_) => return,
            Err(position) => self.decided.insert(position, taken.clone()),
        }
        self.make_room(taken.room(plan), plan, effects);
        self.forget_decisions(plan);
    }

    /// Forgets the oldest decision of a room that there is none left in.
    fn make_room(&mut self, room: usize, plan: &Plan, effects: &mut Effects) {
        let mut alike = self.decided.iter().enumerate().filter(|(_, taken)| taken.room(plan) == room);
        let oldest = alike.next().map(|(position, _)| position);
        if let Some(oldest) = oldest
            && alike.count() >= DECISIONS_MAX
        {
            // Of one that had no time to wait until the end it is taught what came until now.
            let oldest = self.decided.remove(oldest);
            if let Some((outcome, ends_us)) = self.waits(&oldest, plan) {
                effects.lessons.extend(oldest.lesson(plan, self.came(outcome, oldest.at_us, ends_us)));
            }
        }
    }

    /// Whether so much was decided that more of it would push out what was decided before.
    pub(crate) fn has_full_rooms(&self, plan: &Plan) -> bool {
        let mut rooms = vec![0; 2 * (plan.actions.len() + 1)];
        self.decided.iter().for_each(|taken| rooms[taken.room(plan)] += 1);
        rooms.into_iter().any(|decided| decided >= DECISIONS_MAX)
    }

    /// What is to be looked at again, and was not yet, in the order of time.
    pub fn postponed(&self) -> &[Postponed] {
        &self.postponed
    }

    pub(super) fn postpone(&mut self, postponed: Postponed) {
        if let Err(place) = self.postponed.binary_search(&postponed) {
            self.postponed.insert(place, postponed);
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

    /// Lessons of decisions whose outcome had its time by now: each is taught once, whether it came or not, when that time is over.
    /// Were what came taught at once, and what did not only then, the first would seem more frequent than it is all the while.
    pub(super) fn teach(&self, to_us: i64, plan: &Plan, effects: &mut Effects) {
        for taken in &self.decided {
            if let Some((outcome, ends_us)) = self.waits(taken, plan)
                && ends_us < to_us
            {
                effects.lessons.extend(taken.lesson(plan, self.came(outcome, taken.at_us, ends_us)));
            }
        }
    }

    /// How many decisions wait for their outcome.
    pub(crate) fn waiting(&self, plan: &Plan) -> usize {
        self.decided.iter().filter(|taken| self.waits(taken, plan).is_some()).count()
    }

    /// When it will be known whether the outcome came in time.
    pub(super) fn lesson_due_us(&self, taken: &Taken, plan: &Plan) -> Option<i64> {
        let (_, ends_us) = self.waits(taken, plan)?;
        (ends_us < i64::MAX).then(|| ends_us + 1)
    }

    /// The outcome that a decision waits for still, and the last moment at which it counts.
    fn waits(&self, taken: &Taken, plan: &Plan) -> Option<(usize, i64)> {
        taken.waits(plan).filter(|(_, ends_us)| self.seen_us <= *ends_us)
    }

    /// Whether an outcome is known to have come in a time: all of the latest events are at hand, and of those before them the
    /// last one that brought it.
    fn came(&self, outcome: usize, after_us: i64, until_us: i64) -> bool {
        let in_time = |at_us: i64| after_us < at_us && at_us <= until_us;
        let settled = self.settled.as_ref().map_or_else(Came::default, |settled| settled.outcomes[outcome]);
        let is = |digest: &&Digest| digest.outcomes.iter().any(|of| index(*of) == outcome);
        (settled.times > 0 && in_time(settled.last_us)) || self.late.iter().filter(is).any(|late| in_time(late.at_us))
    }
}
