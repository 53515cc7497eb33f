//! What charters alone say of decisions: the names and figures of their actions, and the names of what was known. It would be most of
//! every decision in the log, so it is kept once for each charter by which anything was decided, together with the first decision, and
//! for good: whoever reads a decision needs it, long after its charter is no longer in use.
//!
//! What a program makes of a charter may be something else than what the next one does, say where more is known of customers. So
//! decisions do not name the charter alone, but what was made of it, too, and nothing that they refer to is ever overwritten.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use act::{Decision, Given, Plan, facts_of};
use keep::{Commit, Keep, RecordChange};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::entry::{self, StoredDecision, kind};
use crate::error::Error;
use crate::show::json_of;

/// What one charter says.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Terms {
    /// By action.
    pub(crate) actions: Vec<Given>,
    /// The names of what is known of a customer, in the order in which it is written.
    facts: Vec<String>,
}

/// Those that were read so far, by their names.
#[derive(Debug)]
pub(crate) struct AllTerms {
    /// Of the charter that is in use.
    pub(crate) own: Arc<Terms>,
    /// The hash of that charter, and a fingerprint of what this program makes of it: by this decisions refer to them.
    pub(crate) name: String,
    /// Whether this process has had them kept.
    are_kept: AtomicBool,
    read: Mutex<BTreeMap<String, Arc<Terms>>>,
}

/// The record in which those of this name are kept.
fn record_of(name: &str) -> String {
    format!("terms/{name}")
}

/// The name of what a program makes of a charter, which has this hash.
fn name_of(charter: &str, terms: &Terms) -> String {
    let digest = Sha256::digest(entry::bytes(terms));
    let [a, b, c, d, ..]: [u8; 32] = digest.into();
    format!("{charter}/{:08x}", u32::from_be_bytes([a, b, c, d]))
}

impl Terms {
    fn of(plan: &Plan) -> Self {
        Self { actions: plan.given(), facts: plan.facts() }
    }

    /// Those of the charter by which this was decided.
    ///
    /// # Errors
    /// When they cannot be read, or are not there.
    pub(crate) async fn read(keep: &dyn Keep, decided: &StoredDecision<'_>) -> Result<Self, Error> {
        let (name, charter) = (record_of(decided.terms), decided.charter());
        let record = keep.records(&name, None, 1).await?.into_iter().find(|record| record.name == name);
        let Some(record) = record else {
            // Programs before this one kept nothing of a charter without actions.
            let has_none = decided.decision.candidates.is_empty();
            let missing = || format!("nothing is kept of the charter {charter}, by which something was decided");
            return if has_none { Ok(Self::default()) } else { Err(Error::Damaged(missing())) };
        };
        let damaged = |_| Error::Damaged(format!("what is kept of the charter {charter} cannot be read"));
        postcard::from_bytes(&record.bytes).map_err(damaged)
    }

    /// Completes a decision, which stands at a position of the log.
    ///
    /// # Errors
    /// When it is none by this charter.
    pub(crate) fn complete(&self, decision: &mut Decision, position: u64) -> Result<(), Error> {
        if decision.complete(&self.actions) { Ok(()) } else { Err(entry::damaged(position)) }
    }

    /// What was known of a customer when something was decided, as JSON.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(crate) fn known(&self, bytes: &[u8], position: u64) -> Result<String, Error> {
        if self.facts.is_empty() {
            // Nothing is kept of the charter: every one has names for something.
            return Ok("{}".to_owned());
        }
        let facts = facts_of(bytes, &self.facts).ok_or_else(|| entry::damaged(position))?;
        let known: BTreeMap<&str, serde_json::Value> =
            facts.into_iter().map(|(name, value)| (name, json_of(value))).collect();
        Ok(serde_json::to_string(&known).expect("texts and numbers can be written"))
    }
}

impl AllTerms {
    /// What the charter in use says.
    pub(crate) fn new(plan: &Plan) -> Self {
        let own = Arc::new(Terms::of(plan));
        let name = name_of(&plan.charter().hash, &own);
        let read = Mutex::new(BTreeMap::from([(name.clone(), Arc::clone(&own))]));
        Self { own, name, are_kept: AtomicBool::new(false), read }
    }

    /// Has them kept with the first decision by them, and says whether this commit is one by which they are: then
    /// [that is to be said](Self::are_kept) once it is durable. No decision is without them, as whoever begins one later finds them said
    /// to be kept, or brings them along as well. Every process does so once, and writes the same.
    pub(crate) fn come_along(&self, commit: &mut Commit) -> bool {
        let come =
            !self.are_kept.load(Ordering::Relaxed) && commit.entries.iter().any(|entry| entry.kind == kind::DECISION);
        if come {
            let (name, bytes) = (record_of(&self.name), Some(entry::bytes(&*self.own)));
            commit.records.push(RecordChange { name, expected: None, bytes });
        }
        come
    }

    /// They came with a commit that is durable.
    pub(crate) fn are_kept(&self) {
        self.are_kept.store(true, Ordering::Relaxed);
    }

    /// Those of the charter by which this was decided, be it by another process.
    ///
    /// # Errors
    /// When they cannot be read, or are not there.
    pub(crate) async fn of(&self, keep: &dyn Keep, decided: &StoredDecision<'_>) -> Result<Arc<Terms>, Error> {
        let all = || self.read.lock().unwrap_or_else(PoisonError::into_inner);
        let read = all().get(decided.terms).map(Arc::clone);
        if let Some(terms) = read {
            return Ok(terms);
        }
        let terms = Arc::new(Terms::read(keep, decided).await?);
        all().insert(decided.terms.to_owned(), Arc::clone(&terms));
        Ok(terms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_another_program_makes_of_a_charter_has_another_name() {
        let facts = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let [before, after] = [facts(&["moment", "stage"]), facts(&["moment", "stage", "weather"])]
            .map(|facts| Terms { actions: Vec::new(), facts });
        assert_eq!(name_of("0123", &before), name_of("0123", &before.clone()));
        assert_ne!(name_of("0123", &before), name_of("0123", &after));
        assert_ne!(name_of("0123", &before), name_of("4567", &before));
    }
}
