//! Actions and caps, made ready.

use charter::actions::{Action, Cap, Limit, Measure, Propensity};
use charter::{Charter, Condition, Fact};
use event::{Column, Deadline};
use rapidhash::v3::rapidhash_v3;

use super::at_most_us;

/// A decision is kept at least so long, so that the same occasion gives the same decision.
const OCCASION_US: i64 = 7 * 86_400_000_000;

/// An action, made ready.
#[derive(Debug)]
pub(crate) struct ActionPlan {
    pub(crate) cap: Option<(Deadline, usize)>,
    /// The outcome that its propensity is learnt from.
    pub(crate) learnt: Option<usize>,
    /// The model that its propensity is learnt by: the same as long as the same is asked of the same numbers, whatever else
    /// changes in the charter.
    pub(crate) model: Option<u64>,
    /// How long after the decision that outcome counts, in microseconds.
    pub(crate) horizon_us: i64,
    /// How long a decision for it is kept: as long as a cap looks back, or an outcome may follow.
    pub(crate) kept_us: i64,
    /// With which others it shares the [room](crate::limits::DECISIONS_MAX) for decisions: with none where more than the
    /// occasion asks for them, so that what is decided all the time pushes out nothing that somebody needs.
    pub(crate) room: usize,
}

/// A cap over the actions of one channel, or all.
#[derive(Debug)]
pub(crate) struct SharedCap {
    /// By action: whether it counts.
    pub(crate) counts: Vec<bool>,
    pub(crate) per: Deadline,
    pub(crate) times: usize,
}

fn limit(charter: &Charter, limit: Limit) -> (Deadline, usize) {
    (Deadline::new(limit.per, &charter.calendar), usize::try_from(limit.times).unwrap_or(usize::MAX))
}

fn learnt(charter: &Charter, action: &Action) -> Option<usize> {
    let Some(Propensity::Learnt(outcome)) = &action.propensity else { return None };
    charter.outcomes.iter().position(|known| known.name == *outcome)
}

/// How long an outcome counts that has no horizon.
const HORIZON_US: i64 = 90 * 86_400_000_000;

pub(super) fn horizon_us(charter: &Charter, outcome: usize) -> i64 {
    charter.outcomes[outcome].horizon.map_or(HORIZON_US, |horizon| at_most_us(horizon, &charter.calendar))
}

/// What tells one model from another: the action, its outcome, and what the numbers mean that it is over.
fn model(charter: &Charter, action: &Action, outcome: usize) -> u64 {
    let horizon = horizon_us(charter, outcome).to_string();
    let mut said = vec![action.name.clone(), charter.outcomes[outcome].name.clone(), horizon];
    for feature in &charter.features {
        let (kind, of, column) = match &feature.measure {
            Measure::Count(of) => ("count", of, None),
            Measure::Sum(of, column) => ("sum", of, Some(column)),
            Measure::Last(of, column) => ("last", of, Some(column)),
            Measure::Since(of) => ("since", of, None),
            Measure::Kept(of) => ("kept", of, None),
            Measure::Broken(of) => ("broken", of, None),
            Measure::Pending(of) => ("pending", of, None),
        };
        let column = column.map_or_else(String::new, Column::to_string);
        let within = feature.within.map_or_else(String::new, |within| within.to_string());
        said.extend([feature.name.clone(), kind.to_owned(), of.clone(), column, within]);
    }
    said.push("surveys".to_owned());
    said.extend(charter.surveys.iter().map(|survey| survey.name.clone()));
    said.push("stages".to_owned());
    said.extend(charter.stages.iter().map(|stage| stage.name.clone()));
    if charter.features.is_empty() && charter.surveys.is_empty() && charter.stages.is_empty() {
        // The number that says nothing, which has no name either.
        said.push(String::new());
    }
    rapidhash_v3(said.join("\0").as_bytes())
}

pub(super) fn compile(charter: &Charter) -> Vec<ActionPlan> {
    let action = |(i, action): (usize, &Action)| {
        let learnt = learnt(charter, action);
        let horizon_us = learnt.map_or(0, |outcome| horizon_us(charter, outcome));
        let shared = charter.caps.iter().filter(|cap| counts(cap, action)).map(|cap| cap.limit);
        let longest_us =
            action.cap.into_iter().chain(shared).map(|limit| at_most_us(limit.per, &charter.calendar)).max();
        let is_needed = longest_us.is_some() || learnt.is_some();
        ActionPlan {
            cap: action.cap.map(|cap| limit(charter, cap)),
            learnt,
            model: learnt.map(|outcome| model(charter, action, outcome)),
            horizon_us,
            kept_us: longest_us.unwrap_or(0).max(horizon_us).max(OCCASION_US),
            room: if is_needed { i } else { charter.actions.len() },
        }
    };
    charter.actions.iter().enumerate().map(action).collect()
}

fn counts(cap: &Cap, action: &Action) -> bool {
    cap.channel.is_none() || action.channel == cap.channel
}

pub(super) fn shared(charter: &Charter) -> Vec<SharedCap> {
    let shared = charter.caps.iter().map(|cap| {
        let (per, times) = limit(charter, cap.limit);
        SharedCap { counts: charter.actions.iter().map(|action| counts(cap, action)).collect(), per, times }
    });
    shared.collect()
}

/// The columns of an event that are named by conditions about customers.
pub(super) fn latest(charter: &Charter) -> Vec<Column> {
    let whens = charter.actions.iter().map(|action| &action.when);
    let context = charter.actions.iter().flat_map(|action| action.context.iter().map(|weight| &weight.when));
    let stakes = charter.stakes.iter().map(|stakes| &stakes.high);
    let facts = whens.chain(context).chain(stakes).flat_map(Condition::columns);
    let mut columns: Vec<Column> = facts
        .filter_map(|fact| match fact {
            Fact::Event(column) => Some(column.clone()),
            // Where the charter lists no moments, an event that nothing refers to is one by its own name.
            Fact::Moment if charter.moments.is_empty() => Some(Column::Event),
            _ => None,
        })
        .collect();
    columns.sort_unstable();
    columns.dedup();
    columns
}
