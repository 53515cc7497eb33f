//! What stands in the log: everything that a customer's state follows from, so that it can be built anew from there.

use std::borrow::Cow;

use act::{Decision, FellOut, Plan, Postponed};
use charter::actions::Delivery;
use serde::{Deserialize, Serialize};

use crate::error::Error;

/// What kind of entry it is, as `keep` has it.
pub(crate) mod kind {
    pub(crate) const MESSAGE: u8 = 1;
    pub(crate) const CONSENT: u8 = 2;
    pub(crate) const DECISION: u8 = 3;
    pub(crate) const REFUSED: u8 = 4;
    pub(crate) const UNLINK: u8 = 5;
    pub(crate) const LINK: u8 = 6;
    /// What followed a decision, see [`act::Lesson`].
    pub(crate) const LESSON: u8 = 7;
    /// What only time keeps out, to be looked at again.
    pub(crate) const POSTPONED: u8 = 8;
}

/// A message that was taken in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredMessage<'a> {
    /// Its place in the order of arrival.
    pub(crate) seq: u64,
    /// What is kept of it.
    pub(crate) text: &'a str,
}

/// A decision, with all that is needed to judge it later without asking again: in figures, which are put into words for whoever
/// reads them. What its charter alone says is not in it, but kept once, see [`Terms`](crate::terms::Terms).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct StoredDecision<'a> {
    /// What the charter says by which it was decided: its hash, and after a slash a fingerprint of what the program made of it,
    /// which those of before this was so have not.
    pub(crate) terms: &'a str,
    /// The name of the action that was chosen, or withheld: what another charter knows it by.
    pub(crate) taken: Option<&'a str>,
    /// The webhook by which the chosen one is delivered.
    pub(crate) delivered_to: Option<&'a str>,
    /// Whether somebody asked; otherwise an event, or time passing, gave rise to it.
    pub(crate) asked: bool,
    /// The model that learns from what follows, if one does.
    pub(crate) model: Option<u64>,
    /// What was known of the customer: all that conditions may name, see [`act::facts_of`].
    #[serde(borrow, serialize_with = "as_bytes")]
    pub(crate) known: Cow<'a, [u8]>,
    /// Those of the decision, see [`Decision::take_candidates`].
    #[serde(borrow, serialize_with = "as_bytes")]
    candidates: Cow<'a, [u8]>,
    pub(crate) decision: Decision,
}

/// At once, and not byte by byte.
fn as_bytes<S: serde::Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_bytes(bytes)
}

/// Something that only time kept out, to be looked at again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredPostponed<'a> {
    pub(crate) postponed: Postponed,
    /// The action that is waited for.
    pub(crate) action: &'a str,
    /// What keeps it out.
    pub(crate) fell_out: FellOut,
}

/// A message that was refused, for whoever looks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredRefusal<'a> {
    pub(crate) reason: &'a str,
    pub(crate) detail: &'a str,
    /// The sender's id of it, where that was readable.
    #[serde(borrow)]
    pub(crate) message_id: Option<&'a str>,
    pub(crate) text: &'a str,
}

/// Two keys of which a person said that they are one customer's, or not: each as kind and value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredPair {
    pub(crate) a: (String, String),
    pub(crate) b: (String, String),
}

/// As much as most entries take.
const ENTRY_BYTES: usize = 512;

/// Writes an entry.
pub(crate) fn bytes<T: Serialize>(entry: &T) -> Vec<u8> {
    postcard::to_extend(entry, Vec::with_capacity(ENTRY_BYTES)).expect("memory takes what is written")
}

/// Reads an entry.
///
/// # Errors
/// When it is none.
pub(crate) fn read<'a, T: Deserialize<'a>>(bytes: &'a [u8], position: u64) -> Result<T, Error> {
    postcard::from_bytes(bytes).map_err(|_| damaged(position))
}

/// That an entry cannot be read.
pub(crate) fn damaged(position: u64) -> Error {
    Error::Damaged(format!("entry {position} of the log cannot be read"))
}

impl<'a> StoredDecision<'a> {
    /// A decision by these terms; `known` is what was known of the customer, as [`act::Customer::facts_to_bytes`] writes it.
    pub(crate) fn new(decision: Decision, plan: &'a Plan, terms: &'a str, asked: bool, known: Vec<u8>) -> Self {
        let charter = plan.charter();
        let action = |action: u32| charter.actions.get(action as usize);
        Self {
            terms,
            taken: decision.chosen.or(decision.withheld).and_then(action).map(|action| action.name.as_str()),
            delivered_to: decision
                .chosen
                .and_then(action)
                .and_then(|action| action.deliver.as_ref())
                .map(|Delivery::Webhook(name)| name.as_str()),
            asked,
            model: decision.chosen.and_then(|action| plan.model(action as usize)),
            known: Cow::Owned(known),
            candidates: Cow::Owned(decision.candidates_to_bytes(plan)),
            decision,
        }
    }

    /// Reads a decision. Its candidates have to be [completed](crate::terms::Terms::complete) before they are told.
    ///
    /// # Errors
    /// When it is none.
    pub(crate) fn read(bytes: &'a [u8], position: u64) -> Result<Self, Error> {
        let mut stored: Self = read(bytes, position)?;
        if !stored.decision.take_candidates(&stored.candidates) {
            return Err(damaged(position));
        }
        Ok(stored)
    }

    /// The hash of the charter by which it was decided.
    pub(crate) fn charter(&self) -> &'a str {
        self.terms.split_once('/').map_or(self.terms, |(charter, _)| charter)
    }

    /// The name of the action that was chosen.
    pub(crate) fn chosen(&self) -> Option<&'a str> {
        self.taken.filter(|_| self.decision.chosen.is_some())
    }
}
