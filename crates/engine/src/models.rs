//! Learnt propensities at rest: one record for each charter, written now and then. What was learnt in the seconds before a
//! crash is lost; it only sharpens a guess.

use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use act::{Models, Plan};
use keep::{Commit, Keep, RecordChange};

use crate::engine::Engine;
use crate::error::Error;

fn name(plan: &Plan) -> String {
    format!("models/{}", plan.charter().hash)
}

/// What was learnt by this charter so far.
pub(crate) async fn load(keep: &dyn Keep, plan: &Plan) -> Result<Models, Error> {
    let name = name(plan);
    let found = keep.records(&name, None, 1).await?.into_iter().find(|record| record.name == name);
    // What an older program learnt may be of another form: then it is learnt anew.
    Ok(found.and_then(|record| postcard::from_bytes(&record.bytes).ok()).unwrap_or_else(|| Models::new(plan)))
}

impl Engine {
    /// Keeps what was learnt since.
    pub(crate) async fn keep_models(&self) -> Result<(), Error> {
        if !self.learnt.swap(false, Ordering::Relaxed) {
            return Ok(());
        }
        let bytes = {
            let models = self.models.lock().unwrap_or_else(PoisonError::into_inner);
            postcard::to_allocvec(&*models).expect("memory takes what is written")
        };
        let records = vec![RecordChange { name: name(&self.plan), expected: None, bytes: Some(bytes) }];
        let commit = Commit { now_us: self.clock.now_us(), generation: self.generation, records, ..Commit::default() };
        if let Err(error) = self.keep.commit(commit).await {
            self.learnt.store(true, Ordering::Relaxed);
            return Err(error.into());
        }
        Ok(())
    }
}
