//! What charters alone say of decisions: the names and figures of their actions, and the names of what was known. It would be most of
//! every decision in the log, so it is kept once for each charter by which anything was decided, before the first decision is, and
//! for good: whoever reads a decision needs it, long after its charter is no longer in use.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use act::{Decision, Given, Plan, facts_of};
use keep::{Commit, Keep, RecordChange};
use serde::{Deserialize, Serialize};

use crate::entry;
use crate::error::Error;
use crate::show::json_of;

/// What one charter says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Terms {
    /// By action.
    pub(crate) actions: Vec<Given>,
    /// The names of what is known of a customer, in the order in which it is written.
    facts: Vec<String>,
}

/// Those that were read so far, by the hashes of their charters.
#[derive(Debug)]
pub(crate) struct AllTerms {
    /// Of the charter that is in use.
    pub(crate) own: Arc<Terms>,
    read: Mutex<BTreeMap<String, Arc<Terms>>>,
}

/// The record in which those of a charter are kept.
fn record_of(charter: &str) -> String {
    format!("terms/{charter}")
}

impl Terms {
    fn of(plan: &Plan) -> Self {
        Self { actions: plan.given(), facts: plan.facts() }
    }

    async fn kept(keep: &dyn Keep, charter: &str) -> Result<Option<Self>, Error> {
        let name = record_of(charter);
        let record = keep.records(&name, None, 1).await?.into_iter().find(|record| record.name == name);
        let damaged = || Error::Damaged(format!("what is kept of the charter {charter} cannot be read"));
        record.map(|record| postcard::from_bytes(&record.bytes).map_err(|_| damaged())).transpose()
    }

    /// Those of a charter by which something was decided.
    ///
    /// # Errors
    /// When they cannot be read, or are not there.
    pub(crate) async fn read(keep: &dyn Keep, charter: &str) -> Result<Self, Error> {
        let missing =
            || Error::Damaged(format!("nothing is kept of the charter {charter}, by which something was decided"));
        Self::kept(keep, charter).await?.ok_or_else(missing)
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
        let facts = facts_of(bytes, &self.facts).ok_or_else(|| entry::damaged(position))?;
        let known: BTreeMap<&str, serde_json::Value> =
            facts.into_iter().map(|(name, value)| (name, json_of(value))).collect();
        Ok(serde_json::to_string(&known).expect("texts and numbers can be written"))
    }
}

impl AllTerms {
    /// Has what the charter in use says kept, before anything is decided by it.
    ///
    /// # Errors
    /// When what is kept cannot be reached.
    pub(crate) async fn open(keep: &dyn Keep, plan: &Plan) -> Result<Self, Error> {
        let (own, charter) = (Terms::of(plan), &plan.charter().hash);
        if !own.actions.is_empty() && Terms::kept(keep, charter).await?.as_ref() != Some(&own) {
            // Of several processes with one charter each writes the same.
            let record = RecordChange { name: record_of(charter), expected: None, bytes: Some(entry::bytes(&own)) };
            keep.commit(Commit { records: vec![record], ..Commit::default() }).await?;
        }
        let own = Arc::new(own);
        Ok(Self { read: Mutex::new(BTreeMap::from([(charter.clone(), Arc::clone(&own))])), own })
    }

    /// Those of a charter by which something was decided, be it by another process.
    ///
    /// # Errors
    /// When they cannot be read, or are not there.
    pub(crate) async fn of(&self, keep: &dyn Keep, charter: &str) -> Result<Arc<Terms>, Error> {
        let all = || self.read.lock().unwrap_or_else(PoisonError::into_inner);
        let read = all().get(charter).map(Arc::clone);
        if let Some(terms) = read {
            return Ok(terms);
        }
        let terms = Arc::new(Terms::read(keep, charter).await?);
        all().insert(charter.to_owned(), Arc::clone(&terms));
        Ok(terms)
    }
}
