//! What to do for a customer next, and why.
//!
//! Every action of the charter passes the same gates in the same order: its condition, the customer's consent, its own cap,
//! the caps over channels, quiet hours. Where the stakes are high a person gets the case. What is left is ranked by value ×
//! propensity × context weight × lever.

mod gates;

pub use gates::quiet_until_us;

use event::Timestamp;
use serde::{Deserialize, Serialize};

use crate::customer::Customer;
use crate::draw::Draw;
use crate::model::Models;
use crate::plan::{Plan, index};
use crate::state::{State, Taken};

/// Why an action was not chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FellOut {
    /// Its condition does not hold.
    Condition,
    /// The customer has not consented to its purpose.
    Consent,
    /// The customer had it as often as it may be.
    Cap,
    /// The customer had as many actions as there may be, on this channel or at all; the position of the cap.
    SharedCap(usize),
    /// It is in its quiet hours.
    Quiet,
    /// The customer belongs to those for whom nothing is chosen, so that it becomes known what deciding is worth.
    Control,
    /// Another one was chosen.
    Outranked,
}

/// An action, as it came through a decision.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Candidate {
    /// Its position in the charter.
    pub action: u32,
    /// Why it was not chosen; `None` for the one that was.
    pub fell_out: Option<FellOut>,
    /// When what kept it out will be over, where that is a matter of time alone, in microseconds since 1970.
    pub until_us: Option<i64>,
    /// What it is worth when it brings what it is for.
    pub value: f64,
    /// How probable that is.
    pub propensity: f64,
    /// How the situation weighs.
    pub context_weight: f64,
    /// How the organisation favours it.
    pub lever: f64,
    /// The product of the four.
    pub score: f64,
    /// How probable it was that this one would be chosen, by the lots of this customer's arm.
    pub probability: f64,
}

/// By what rule it is chosen for a customer; drawn once for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Arm {
    /// The best, and now and then another one.
    Best,
    /// Any one that may be chosen.
    Random,
    /// None.
    None,
}

/// Who carries it out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Handling {
    /// The script, as for everybody.
    Script,
    /// A person, because the case is rare and costly. Then nothing is left to chance.
    Person,
}

/// What was decided for a customer, and why.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Decision {
    /// When, in microseconds since 1970.
    pub at_us: i64,
    /// What gave rise to it.
    pub occasion: u64,
    /// The action, by its position in the charter; `None` for none.
    pub chosen: Option<u32>,
    /// Whether it was decided before, on the same occasion: then there is nothing to deliver.
    pub repeated: bool,
    /// Who carries it out.
    pub handling: Handling,
    /// By what rule it was chosen.
    pub arm: Arm,
    /// Whether it was drawn by lot.
    pub explored: bool,
    /// How probable it was that nothing would be chosen, by the lots of this customer's arm.
    pub none_probability: f64,
    /// All actions, in the order of the charter.
    pub candidates: Vec<Candidate>,
    /// When it is worth deciding again, because what kept an action out is over then, in microseconds since 1970.
    pub again_us: Option<i64>,
    /// The customer in numbers, where the propensity of the chosen action is learnt.
    pub features: Vec<f32>,
}

/// Chooses what to do for a customer next. Decides everything; the shell has no choices left to make.
///
/// `occasion` is what gave rise to the question (a hash of the id of the event, for example): the same occasion gives the same
/// decision, however often it is asked for, once the state has taken in what was [decided](Decision::taken).
pub fn decide(state: &State, plan: &Plan, models: &Models, now: Timestamp, occasion: u64, draw: &Draw) -> Decision {
    let customer = state.at(plan, now);
    let charter = plan.charter();
    let handling = gates::handling(&customer);
    let numbers = plan.actions.iter().any(|action| action.learnt.is_some()).then(|| customer.numbers());
    let numbers = numbers.unwrap_or_default();
    let each = charter.actions.iter().enumerate();
    let mut candidates: Vec<Candidate> =
        each.map(|(action, _)| candidate(&customer, action, occasion, models, &numbers)).collect();
    let arm = arm(handling, plan, draw);
    let explore_share = if handling == Handling::Person { 0.0 } else { charter.deciding.explore_share };
    let explored = arm == Arm::Random || (arm == Arm::Best && draw.explore < explore_share);
    let mut chosen = choose(&mut candidates, arm, explore_share, explored.then_some(draw.pick));
    let before = state.decided().iter().find(|taken| taken.occasion == occasion);
    if let Some(taken) = before {
        chosen = Some(index(taken.action));
    }
    for (action, candidate) in candidates.iter_mut().enumerate() {
        if chosen == Some(action) {
            candidate.fell_out = None;
        } else if candidate.fell_out.is_none() {
            candidate.fell_out = Some(if arm == Arm::None { FellOut::Control } else { FellOut::Outranked });
        }
    }
    let learnt = chosen.is_some_and(|action| plan.actions[action].learnt.is_some());
    Decision {
        at_us: now.as_micros(),
        occasion,
        chosen: chosen.map(crate::plan::number),
        repeated: before.is_some(),
        handling,
        arm,
        explored: explored && chosen.is_some(),
        none_probability: if candidates.iter().any(|c| c.probability > 0.0) { 0.0 } else { 1.0 },
        again_us: candidates.iter().filter_map(|candidate| candidate.until_us).min(),
        candidates,
        features: if learnt { numbers } else { Vec::new() },
    }
}

/// What may be done that nobody has to ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ByItself {
    /// [`decide`] may find an action that is delivered, or that the customer is one of those for whom nothing is chosen.
    Perhaps,
    /// Only time keeps such an action out.
    Later(KeptOut),
    /// There is none.
    Nothing,
}

/// An action that is delivered, and that only time keeps out: the one for which it is over first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeptOut {
    /// Its position in the charter.
    pub action: u32,
    /// Why.
    pub fell_out: FellOut,
    /// Until when, in microseconds since 1970.
    pub until_us: i64,
}

/// What may be done that nobody has to ask for. Most events bring nothing, and this is seen sooner than all actions are ranked.
pub fn by_itself(state: &State, plan: &Plan, now: Timestamp, occasion: u64, draw: &Draw) -> ByItself {
    let customer = state.at(plan, now);
    if arm(gates::handling(&customer), plan, draw) == Arm::None {
        return ByItself::Perhaps;
    }
    let mut later = None;
    for (action, _) in plan.charter().actions.iter().enumerate().filter(|(_, told)| told.deliver.is_some()) {
        match gates::pass(&customer, action, occasion) {
            Ok(()) => return ByItself::Perhaps,
            Err((fell_out, until_us)) => {
                later = sooner(later, kept_out(crate::plan::number(action), fell_out, until_us))
            }
        }
    }
    later.map_or(ByItself::Nothing, ByItself::Later)
}

fn kept_out(action: u32, fell_out: FellOut, until_us: Option<i64>) -> Option<KeptOut> {
    // What is never over need not be waited for.
    let until_us = until_us.filter(|until_us| *until_us < i64::MAX)?;
    Some(KeptOut { action, fell_out, until_us })
}

fn sooner(a: Option<KeptOut>, b: Option<KeptOut>) -> Option<KeptOut> {
    a.into_iter().chain(b).min_by_key(|kept_out| kept_out.until_us)
}

impl Decision {
    /// What the state has to take in, once it was decided for an action.
    pub fn taken(&self) -> Option<Taken> {
        let action = self.chosen?;
        Some(Taken { at_us: self.at_us, occasion: self.occasion, action, features: self.features.clone() })
    }

    /// Of the actions that are delivered, the one that time will let in first.
    pub fn kept_out(&self, plan: &Plan) -> Option<KeptOut> {
        let is_delivered = |candidate: &&Candidate| plan.charter().actions[index(candidate.action)].deliver.is_some();
        let delivered = self.candidates.iter().filter(is_delivered);
        let kept_out = delivered.map(|c| c.fell_out.and_then(|why| kept_out(c.action, why, c.until_us)));
        kept_out.fold(None, sooner)
    }

    /// The candidate that was chosen.
    pub fn choice(&self) -> Option<&Candidate> {
        self.candidates.get(index(self.chosen?))
    }
}

/// An action at the gates, with its scores whether it passes or not.
fn candidate(customer: &Customer<'_>, action: usize, occasion: u64, models: &Models, numbers: &[f32]) -> Candidate {
    let charter = customer.plan.charter();
    let told = &charter.actions[action];
    let (fell_out, until_us) = match gates::pass(customer, action, occasion) {
        Ok(()) => (None, None),
        Err((fell_out, until_us)) => (Some(fell_out), until_us),
    };
    let propensity = match &told.propensity {
        None => 1.0,
        Some(charter::actions::Propensity::Given(share)) => *share,
        Some(charter::actions::Propensity::Learnt(_)) => models.propensity(action, numbers),
    };
    let weights = told.context.iter().filter(|weight| weight.when.holds(customer));
    let context_weight = weights.map(|weight| weight.weight).product();
    let score = told.value * propensity * context_weight * told.lever;
    Candidate {
        action: crate::plan::number(action),
        fell_out,
        until_us,
        value: told.value,
        propensity,
        context_weight,
        lever: told.lever,
        score,
        probability: 0.0,
    }
}

fn arm(handling: Handling, plan: &Plan, draw: &Draw) -> Arm {
    let deciding = plan.charter().deciding;
    if handling == Handling::Person {
        Arm::Best
    } else if draw.arm < deciding.none_share {
        Arm::None
    } else if draw.arm < deciding.none_share + deciding.random_share {
        Arm::Random
    } else {
        Arm::Best
    }
}

/// Chooses among the candidates that passed, and notes how probable each was; `pick` is the lot where it is drawn.
fn choose(candidates: &mut [Candidate], arm: Arm, explore_share: f64, pick: Option<f64>) -> Option<usize> {
    let passed: Vec<usize> = (0..candidates.len()).filter(|i| candidates[*i].fell_out.is_none()).collect();
    // The first of the best: of equal scores, the one that stands first in the charter.
    let better = |best: usize, next: usize| {
        if candidates[next].score.total_cmp(&candidates[best].score).is_gt() { next } else { best }
    };
    let best = passed.iter().copied().reduce(better)?;
    let even = 1.0 / passed.len() as f64;
    for i in &passed {
        candidates[*i].probability = match arm {
            Arm::None => 0.0,
            Arm::Random => even,
            Arm::Best => explore_share * even + if *i == best { 1.0 - explore_share } else { 0.0 },
        };
    }
    match (arm, pick) {
        (Arm::None, _) => None,
        (_, None) => Some(best),
        (_, Some(pick)) => {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 up to their number")]
            let lot = (pick * passed.len() as f64) as usize;
            passed.get(lot.min(passed.len() - 1)).copied()
        }
    }
}
