//! What to do for a customer next, and why.
//!
//! Every action of the charter passes the same gates in the same order: its condition, the customer's consent, its own cap,
//! the caps over channels, quiet hours. Where the stakes are high a person gets the case. What is left is ranked by value ×
//! propensity × context weight × lever.

mod gates;
mod stored;

pub use gates::quiet_until_us;
pub use stored::Given;

use event::Timestamp;
use serde::{Deserialize, Serialize};

use crate::customer::Customer;
use crate::draw::Draw;
use crate::limits::LESSONS_WAITING_MAX;
use crate::model::Models;
use crate::plan::{Plan, SharedCap, index};
use crate::state::{Drawn, State, Taken};

/// Why an action was not chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
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
#[derive(Debug, Clone, Copy, PartialEq)]
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

/// By what rule it is chosen for a customer; drawn once for each, at the first decision about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Arm {
    /// The best, and now and then another one.
    Best,
    /// Any one that may be chosen.
    Random,
    /// None: what would have been the best is withheld.
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

/// In what manner an action was chosen.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct How {
    /// Who carries it out.
    pub handling: Handling,
    /// By what rule.
    pub arm: Arm,
    /// Whether it was drawn by lot.
    pub explored: bool,
    /// How probable that was, by the lots of this customer's arm.
    pub probability: f64,
}

impl How {
    /// As the best, with nothing left to chance.
    pub const BEST: How = How { handling: Handling::Script, arm: Arm::Best, explored: false, probability: 1.0 };
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
    /// The action that would have been the best, where none is chosen because the customer belongs to [`Arm::None`]. It uses up
    /// caps as if it had been chosen, so that as much is decided for these customers as for the others.
    pub withheld: Option<u32>,
    /// The lot that says to which arm the customer belongs: the one of the first decision about it.
    pub lot: f64,
    /// Whether it was decided before, on the same occasion: then there is nothing to deliver, and all that is said of how it was
    /// chosen is as it was then, while the others are told as they are now.
    pub repeated: bool,
    /// Who carries it out.
    pub handling: Handling,
    /// By what rule it was chosen.
    pub arm: Arm,
    /// Whether it was drawn by lot.
    pub explored: bool,
    /// How probable it was that nothing would be chosen, by the lots of this customer's arm.
    pub none_probability: f64,
    /// All actions, in the order of the charter. They are written apart, see [`Decision::candidates_to_bytes`].
    #[serde(skip)]
    pub candidates: Vec<Candidate>,
    /// When it is worth deciding again, because what kept an action out is over then, in microseconds since 1970.
    pub again_us: Option<i64>,
    /// The customer in numbers, where the propensity of the chosen action is learnt from what follows; otherwise none.
    pub features: Vec<f32>,
}

/// Chooses what to do for a customer next. Decides everything; the shell has no choices left to make.
///
/// `occasion` is what gave rise to the question (a hash of the id of the event, for example): the same occasion gives the same
/// decision, however often it is asked for, once the state has taken in what was [decided](Decision::taken).
pub fn decide(state: &State, plan: &Plan, models: &Models, now: Timestamp, occasion: u64, draw: &Draw) -> Decision {
    decide_among(&state.at(plan, now), models, occasion, draw, &|_| true)
}

/// The same where nobody asks: an event, or time passing, has an action carried out only if it is delivered. Something is decided
/// if the best of all that may be chosen is delivered, and lots are drawn among those that are, so that every lot that is drawn
/// is part of a decision.
pub fn decide_by_itself(
    state: &State,
    plan: &Plan,
    models: &Models,
    now: Timestamp,
    occasion: u64,
    draw: &Draw,
) -> ByItself {
    let customer = state.at(plan, now);
    let delivers = |action: usize| plan.charter().actions[action].deliver.is_some();
    let later =
        |kept_out: Vec<KeptOut>| if kept_out.is_empty() { ByItself::Nothing } else { ByItself::Later(kept_out) };
    // Most events bring nothing, and this is seen sooner than all actions are ranked.
    let (mut out, mut passes) = (Vec::new(), false);
    for action in (0..plan.actions.len()).filter(|action| delivers(*action)) {
        match gates::pass(&customer, action, occasion) {
            Ok(()) => {
                passes = true;
                break;
            }
            Err((why, until_us)) => out.extend(kept_out(crate::plan::number(action), why, until_us)),
        }
    }
    if state.decided().iter().any(|taken| taken.occasion == occasion) {
        return ByItself::Nothing;
    }
    if !passes {
        return later(sooner_first(out));
    }
    let decision = decide_among(&customer, models, occasion, draw, &delivers);
    if decision.candidates.iter().any(|c| c.fell_out.is_none() || c.fell_out == Some(FellOut::Control)) {
        return ByItself::Decided(Box::new(decision));
    }
    later(decision.kept_out(plan))
}

/// Chooses among the actions that may be; nothing where the best of all is none of these.
fn decide_among(
    customer: &Customer<'_>,
    models: &Models,
    occasion: u64,
    draw: &Draw,
    may_be: &dyn Fn(usize) -> bool,
) -> Decision {
    let (state, plan) = (customer.state, customer.plan);
    let charter = plan.charter();
    let handling = gates::handling(customer);
    let numbers = plan.actions.iter().any(|action| action.learnt.is_some()).then(|| customer.numbers());
    let numbers = numbers.unwrap_or_default();
    let each = charter.actions.iter().enumerate();
    let mut candidates: Vec<Candidate> =
        each.map(|(action, _)| candidate(customer, action, occasion, models, &numbers)).collect();
    if let Some(taken) = state.decided().iter().find(|taken| taken.occasion == occasion) {
        return repeat(customer, taken, candidates);
    }
    let lot = state.lot().unwrap_or(draw.arm);
    let arm = arm(handling, plan, lot);
    let explore_share = if handling == Handling::Person { 0.0 } else { charter.deciding.explore_share };
    let explored = arm == Arm::Random || (arm == Arm::Best && draw.explore < explore_share);
    let pool = pool(&candidates, may_be);
    let chosen = choose(&mut candidates, &pool, arm, explore_share, explored.then_some(draw.pick));
    for (action, candidate) in candidates.iter_mut().enumerate() {
        if chosen == Some(action) {
            candidate.fell_out = None;
        } else if candidate.fell_out.is_none() {
            let withheld = arm == Arm::None && pool.contains(&action);
            candidate.fell_out = Some(if withheld { FellOut::Control } else { FellOut::Outranked });
        }
    }
    let learnt = chosen.is_some_and(|action| plan.actions[action].learnt.is_some());
    let teaches = learnt && state.waiting(plan) < LESSONS_WAITING_MAX;
    Decision {
        at_us: customer.now_us,
        occasion,
        chosen: chosen.map(crate::plan::number),
        withheld: pool.first().filter(|_| chosen.is_none()).copied().map(crate::plan::number),
        lot,
        repeated: false,
        handling,
        arm,
        explored: explored && chosen.is_some(),
        none_probability: if candidates.iter().any(|c| c.probability > 0.0) { 0.0 } else { 1.0 },
        again_us: candidates.iter().filter_map(|candidate| candidate.until_us).min(),
        candidates,
        features: if teaches { numbers } else { Vec::new() },
    }
}

/// What is done that nobody has to ask for.
#[derive(Debug, Clone, PartialEq)]
pub enum ByItself {
    /// This was decided.
    Decided(Box<Decision>),
    /// Only time keeps these actions out, at least one: those first for which it is over first.
    Later(Vec<KeptOut>),
    /// Nothing, now or again.
    Nothing,
}

/// An action that is delivered, and that only time keeps out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeptOut {
    /// Its position in the charter.
    pub action: u32,
    /// Why.
    pub fell_out: FellOut,
    /// Until when, in microseconds since 1970.
    pub until_us: i64,
}

fn kept_out(action: u32, fell_out: FellOut, until_us: Option<i64>) -> Option<KeptOut> {
    // What is never over need not be waited for.
    let until_us = until_us.filter(|until_us| *until_us < i64::MAX)?;
    Some(KeptOut { action, fell_out, until_us })
}

/// How many of these actions, which time keeps out until the same moment, may be done then: of those that are counted by one shared
/// cap that ends at that moment, as many as it has room for then, even where it is another cap that keeps them out.
pub fn let_in(state: &State, plan: &Plan, kept_out: &[KeptOut]) -> usize {
    let ends = |cap: usize| kept_out.iter().any(|one| one.fell_out == FellOut::SharedCap(cap));
    let until_us = kept_out.first().map_or(i64::MAX, |one| one.until_us);
    let room = |cap: &SharedCap| {
        let counted = state.decided().iter().filter(|taken| cap.counts[index(taken.action)]);
        // Several may end at once: in business days, what was done on a weekend counts from Monday.
        cap.times.saturating_sub(counted.filter(|taken| !cap.per.is_over(taken.at_us, until_us)).count())
    };
    let ending = plan.caps.iter().enumerate().filter(|(cap, _)| ends(*cap));
    let ending: Vec<(&SharedCap, usize)> = ending.map(|(_, cap)| (cap, room(cap))).collect();
    let mut let_in: Vec<usize> = Vec::new();
    for action in kept_out.iter().map(|one| index(one.action)) {
        let is_full = |(cap, room): &(&SharedCap, usize)| {
            cap.counts[action] && let_in.iter().filter(|other| cap.counts[**other]).count() >= *room
        };
        if !ending.iter().any(is_full) {
            let_in.push(action);
        }
    }
    let_in.len()
}

fn sooner_first(mut kept_out: Vec<KeptOut>) -> Vec<KeptOut> {
    kept_out.sort_by_key(|one| one.until_us);
    kept_out
}

impl Decision {
    /// What the state has to take in, once it was decided for an action, or one was withheld.
    pub fn taken(&self) -> Option<Taken> {
        let action = self.chosen.or(self.withheld)?;
        let probability = self.choice().map_or(self.none_probability, |choice| choice.probability);
        let how = How { handling: self.handling, arm: self.arm, explored: self.explored, probability };
        Some(Taken { at_us: self.at_us, occasion: self.occasion, action, how, features: self.features.clone() })
    }

    /// What the state has to take in of every decision, whatever was decided.
    pub fn drawn(&self) -> Drawn {
        Drawn { at_us: self.at_us, occasion: self.occasion, lot: self.lot }
    }

    /// Of the actions that are delivered, those that time will let in, the first of them first.
    pub fn kept_out(&self, plan: &Plan) -> Vec<KeptOut> {
        let is_delivered = |candidate: &&Candidate| plan.charter().actions[index(candidate.action)].deliver.is_some();
        let delivered = self.candidates.iter().filter(is_delivered);
        sooner_first(delivered.filter_map(|c| kept_out(c.action, c.fell_out?, c.until_us)).collect())
    }

    /// The candidate that was chosen.
    pub fn choice(&self) -> Option<&Candidate> {
        self.candidates.get(index(self.chosen?))
    }
}

/// By what actions are ranked.
fn score(value: f64, propensity: f64, context_weight: f64, lever: f64) -> f64 {
    value * propensity * context_weight * lever
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
        Some(charter::actions::Propensity::Learnt(_)) => models.propensity(customer.plan.model(action), numbers),
    };
    let weights = told.context.iter().filter(|weight| weight.when.holds(customer));
    let context_weight = weights.map(|weight| weight.weight).product();
    Candidate {
        action: crate::plan::number(action),
        fell_out,
        until_us,
        value: told.value,
        propensity,
        context_weight,
        lever: told.lever,
        score: score(told.value, propensity, context_weight, told.lever),
        probability: 0.0,
    }
}

/// The arm that a lot means: from either end, so that a share that changes moves nobody between the other arms.
fn arm(handling: Handling, plan: &Plan, lot: f64) -> Arm {
    let deciding = plan.charter().deciding;
    if handling == Handling::Person {
        Arm::Best
    } else if lot < deciding.none_share {
        Arm::None
    } else if lot >= 1.0 - deciding.random_share {
        Arm::Random
    } else {
        Arm::Best
    }
}

/// What was decided before, on the same occasion.
fn repeat(customer: &Customer<'_>, taken: &Taken, mut candidates: Vec<Candidate>) -> Decision {
    let How { handling, arm, explored, probability } = taken.how;
    let withheld = taken.is_withheld();
    let (fell_out, of_action) = if withheld { (Some(FellOut::Control), 0.0) } else { (None, probability) };
    for (action, candidate) in candidates.iter_mut().enumerate() {
        if action == index(taken.action) {
            *candidate = Candidate { fell_out, until_us: None, probability: of_action, ..*candidate };
        } else if candidate.fell_out.is_none() {
            candidate.fell_out = Some(FellOut::Outranked);
        }
    }
    Decision {
        at_us: customer.now_us,
        occasion: taken.occasion,
        chosen: (!withheld).then_some(taken.action),
        withheld: withheld.then_some(taken.action),
        lot: customer.state.lot().unwrap_or_default(),
        repeated: true,
        handling,
        arm,
        explored,
        none_probability: if withheld { probability } else { 0.0 },
        again_us: candidates.iter().filter_map(|candidate| candidate.until_us).min(),
        candidates,
        features: Vec::new(),
    }
}

/// The candidates that passed and may be chosen, the best first; none where the best that passed may not be.
fn pool(candidates: &[Candidate], may_be: &dyn Fn(usize) -> bool) -> Vec<usize> {
    let passed = (0..candidates.len()).filter(|i| candidates[*i].fell_out.is_none());
    // The first of the best: of equal scores, the one that stands first in the charter.
    let better = |best: usize, next: usize| {
        if candidates[next].score.total_cmp(&candidates[best].score).is_gt() { next } else { best }
    };
    let Some(best) = passed.clone().reduce(better).filter(|best| may_be(*best)) else { return Vec::new() };
    std::iter::once(best).chain(passed.filter(|i| *i != best && may_be(*i))).collect()
}

/// Chooses of a pool, and notes how probable each was; `pick` is the lot where it is drawn.
fn choose(
    candidates: &mut [Candidate],
    pool: &[usize],
    arm: Arm,
    explore_share: f64,
    pick: Option<f64>,
) -> Option<usize> {
    let best = *pool.first()?;
    let even = 1.0 / pool.len() as f64;
    for i in pool {
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
            let lot = (pick * pool.len() as f64) as usize;
            pool.get(lot.min(pool.len() - 1)).copied()
        }
    }
}
