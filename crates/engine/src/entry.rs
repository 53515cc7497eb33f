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
/// reads them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct StoredDecision<'a> {
    /// The hash of the charter by which it was decided.
    pub(crate) charter: &'a str,
    /// The names of its actions, by position.
    #[serde(borrow)]
    pub(crate) actions: Vec<&'a str>,
    /// The webhook by which the chosen one is delivered.
    pub(crate) delivered_to: Option<&'a str>,
    /// Whether somebody asked; otherwise an event, or time passing, gave rise to it.
    pub(crate) asked: bool,
    /// The model that learns from what follows, if one does.
    pub(crate) model: Option<u64>,
    /// What was known of the customer, as JSON: all that conditions may name.
    #[serde(borrow)]
    pub(crate) known: Cow<'a, str>,
    pub(crate) decision: Decision,
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
    postcard::from_bytes(bytes).map_err(|_| Error::Damaged(format!("entry {position} of the log cannot be read")))
}

impl<'a> StoredDecision<'a> {
    pub(crate) fn new(decision: Decision, plan: &'a Plan, asked: bool, known: String) -> Self {
        let charter = plan.charter();
        let chosen = decision.chosen.and_then(|action| charter.actions.get(action as usize));
        Self {
            charter: &charter.hash,
            actions: charter.actions.iter().map(|action| action.name.as_str()).collect(),
            delivered_to: chosen
                .and_then(|action| action.deliver.as_ref())
                .map(|Delivery::Webhook(name)| name.as_str()),
            asked,
            model: decision.chosen.and_then(|action| plan.model(action as usize)),
            known: Cow::Owned(known),
            decision,
        }
    }

    /// The name of the action that was chosen.
    pub(crate) fn chosen(&self) -> Option<&'a str> {
        self.actions.get(self.decision.chosen? as usize).copied()
    }

    /// The name of the action that was chosen, or withheld.
    pub(crate) fn taken(&self) -> Option<&'a str> {
        self.actions.get(self.decision.chosen.or(self.decision.withheld)? as usize).copied()
    }
}
