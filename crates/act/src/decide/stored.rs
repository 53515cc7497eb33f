//! How candidates are written in the log: a byte for what most of them have in common, and figures only where they are not what
//! they are for nearly everybody. There are as many as the charter has actions, in every decision, so this is most of the log. What
//! the charter alone says of an action is not among them, see [`Given`].

use charter::actions::Propensity;
use serde::{Deserialize, Serialize};

use super::{Candidate, Decision, FellOut, score};
use crate::plan::{Plan, number};

/// What the charter alone says of an action, whoever it is decided for: kept once for a charter, and not in every decision.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Given {
    /// Its name.
    pub name: String,
    /// What it is worth when it brings what it is for.
    pub value: f64,
    /// How probable that is; `None` where it is learnt.
    pub propensity: Option<f64>,
    /// How the organisation favours it.
    pub lever: f64,
}

/// The bits of the first byte. The lowest three say where it fell out.
const UNTIL: u8 = 1 << 3;
const PROPENSITY: u8 = 1 << 4;
const CONTEXT_WEIGHT: u8 = 1 << 5;
const PROBABILITY: u8 = 1 << 6;
const FELL_OUT: u8 = UNTIL - 1;

/// Of [`FellOut::SharedCap`], after which its position follows.
const SHARED_CAP: u8 = 4;

fn number_of(fell_out: Option<FellOut>) -> u8 {
    match fell_out {
        None => 0,
        Some(FellOut::Condition) => 1,
        Some(FellOut::Consent) => 2,
        Some(FellOut::Cap) => 3,
        Some(FellOut::SharedCap(_)) => SHARED_CAP,
        Some(FellOut::Quiet) => 5,
        Some(FellOut::Control) => 6,
        Some(FellOut::Outranked) => 7,
    }
}

impl Plan {
    /// What the charter alone says of its actions, in their order.
    pub fn given(&self) -> Vec<Given> {
        let actions = self.charter().actions.iter().map(|action| Given {
            name: action.name.clone(),
            value: action.value,
            propensity: match &action.propensity {
                None => Some(1.0),
                Some(Propensity::Given(share)) => Some(*share),
                Some(Propensity::Learnt(_)) => None,
            },
            lever: action.lever,
        });
        actions.collect()
    }
}

impl Decision {
    /// The candidates as they are written: without what is given.
    pub fn candidates_to_bytes(&self, plan: &Plan) -> Vec<u8> {
        let actions = &plan.charter().actions;
        let is_learnt = |at: usize| matches!(actions[at].propensity, Some(Propensity::Learnt(_)));
        to_bytes(&self.candidates, is_learnt)
    }

    /// Takes in candidates as they were written; what is given is 1 in them until they are [completed](Self::complete). Says whether
    /// they are whole.
    #[must_use]
    pub fn take_candidates(&mut self, bytes: &[u8]) -> bool {
        let candidates = read(bytes);
        let is_whole = candidates.is_some();
        self.candidates = candidates.unwrap_or_default();
        is_whole
    }

    /// Puts into the candidates what is given of their actions. Says whether they are candidates of these.
    #[must_use]
    pub fn complete(&mut self, given: &[Given]) -> bool {
        for (candidate, given) in self.candidates.iter_mut().zip(given) {
            candidate.value = given.value;
            candidate.lever = given.lever;
            candidate.propensity = given.propensity.unwrap_or(candidate.propensity);
            let Candidate { value, propensity, context_weight, lever, .. } = *candidate;
            candidate.score = score(value, propensity, context_weight, lever);
        }
        self.candidates.len() == given.len()
    }
}

fn to_bytes(candidates: &[Candidate], is_learnt: impl Fn(usize) -> bool) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(candidates.len() * 2 + 32);
    for (at, candidate) in candidates.iter().enumerate() {
        let Candidate { fell_out, until_us, propensity, context_weight, probability, .. } = candidate;
        let figures = [
            (PROPENSITY, propensity, if is_learnt(at) { 1.0 } else { *propensity }),
            (CONTEXT_WEIGHT, context_weight, 1.0),
            (PROBABILITY, probability, 0.0),
        ];
        let mut first = number_of(*fell_out) | if until_us.is_some() { UNTIL } else { 0 };
        for (bit, figure, usual) in figures {
            first |= if figure.to_bits() == f64::to_bits(usual) { 0 } else { bit };
        }
        bytes.push(first);
        if let Some(FellOut::SharedCap(cap)) = fell_out {
            bytes.extend_from_slice(&number(*cap).to_le_bytes());
        }
        if let Some(until_us) = until_us {
            bytes.extend_from_slice(&until_us.to_le_bytes());
        }
        for (_, figure, _) in figures.iter().filter(|(bit, ..)| first & bit != 0) {
            bytes.extend_from_slice(&figure.to_le_bytes());
        }
    }
    bytes
}

/// The next bytes, which are taken away.
fn next<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (next, rest) = bytes.split_first_chunk::<N>()?;
    *bytes = rest;
    Some(*next)
}

fn read(mut bytes: &[u8]) -> Option<Vec<Candidate>> {
    let mut candidates = Vec::with_capacity(bytes.len().min(64));
    while let Some((first, rest)) = bytes.split_first() {
        bytes = rest;
        let fell_out = match first & FELL_OUT {
            0 => None,
            1 => Some(FellOut::Condition),
            2 => Some(FellOut::Consent),
            3 => Some(FellOut::Cap),
            SHARED_CAP => Some(FellOut::SharedCap(usize::try_from(u32::from_le_bytes(next(&mut bytes)?)).ok()?)),
            5 => Some(FellOut::Quiet),
            6 => Some(FellOut::Control),
            _ => Some(FellOut::Outranked),
        };
        let until_us = if first & UNTIL == 0 { None } else { Some(i64::from_le_bytes(next(&mut bytes)?)) };
        let mut figure =
            |bit: u8, usual: f64| if first & bit == 0 { Some(usual) } else { next(&mut bytes).map(f64::from_le_bytes) };
        let (propensity, context_weight) = (figure(PROPENSITY, 1.0)?, figure(CONTEXT_WEIGHT, 1.0)?);
        let probability = figure(PROBABILITY, 0.0)?;
        candidates.push(Candidate {
            action: u32::try_from(candidates.len()).ok()?,
            fell_out,
            until_us,
            value: 1.0,
            propensity,
            context_weight,
            lever: 1.0,
            score: score(1.0, propensity, context_weight, 1.0),
            probability,
        });
    }
    Some(candidates)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{Arm, Handling};
    use super::*;

    fn figure(usual: f64) -> impl Strategy<Value = f64> {
        prop_oneof![Just(usual), -1e9..1e9, Just(-0.0)]
    }

    fn fell_out() -> impl Strategy<Value = Option<FellOut>> {
        prop_oneof![
            Just(None),
            Just(Some(FellOut::Condition)),
            Just(Some(FellOut::Consent)),
            Just(Some(FellOut::Cap)),
            (0..9_usize).prop_map(|cap| Some(FellOut::SharedCap(cap))),
            Just(Some(FellOut::Quiet)),
            Just(Some(FellOut::Control)),
            Just(Some(FellOut::Outranked)),
        ]
    }

    prop_compose! {
        /// What is given of an action, and the action as it came through a decision.
        fn action()(
            fell_out in fell_out(),
            until_us in prop::option::of(any::<i64>()),
            value in figure(1.0),
            propensity in figure(1.0),
            is_learnt in any::<bool>(),
            context_weight in figure(1.0),
            lever in figure(1.0),
            probability in figure(0.0),
        ) -> (Given, Candidate) {
            let score = score(value, propensity, context_weight, lever);
            let given = Given { name: String::new(), value, propensity: (!is_learnt).then_some(propensity), lever };
            let candidate =
                Candidate { action: 0, fell_out, until_us, value, propensity, context_weight, lever, score, probability };
            (given, candidate)
        }
    }

    fn decision(candidates: Vec<Candidate>) -> Decision {
        Decision {
            at_us: 0,
            occasion: 0,
            chosen: None,
            withheld: None,
            lot: 0.5,
            repeated: false,
            handling: Handling::Script,
            arm: Arm::Best,
            explored: false,
            none_probability: 1.0,
            candidates,
            again_us: None,
            features: Vec::new(),
        }
    }

    proptest! {
        #[test]
        fn candidates_are_read_as_they_were_written(actions in prop::collection::vec(action(), 0..20)) {
            let (given, mut candidates): (Vec<Given>, Vec<Candidate>) = actions.into_iter().unzip();
            for (action, candidate) in candidates.iter_mut().enumerate() {
                candidate.action = number(action);
            }
            let bytes = to_bytes(&candidates, |action| given[action].propensity.is_none());
            let mut again = decision(Vec::new());
            prop_assert!(again.take_candidates(&bytes));
            prop_assert!(again.complete(&given));
            // By bits, so that a zero below zero stays one.
            prop_assert_eq!(format!("{:?}", again.candidates), format!("{:?}", candidates));
        }

        #[test]
        fn what_ends_too_soon_is_refused(action in action(), cut in 1..9_usize) {
            let bytes = to_bytes(&[action.1], |_| true);
            let bytes = &bytes[..bytes.len().saturating_sub(cut)];
            prop_assert_eq!(decision(Vec::new()).take_candidates(bytes), bytes.is_empty());
        }

        #[test]
        fn candidates_of_another_charter_are_told(actions in prop::collection::vec(action(), 1..4)) {
            let (mut given, candidates): (Vec<Given>, Vec<Candidate>) = actions.into_iter().unzip();
            given.pop();
            prop_assert!(!decision(candidates).complete(&given));
        }
    }
}
