//! Learnt propensities: what follows decisions stands in the log as lessons, written in the commit that found them out, and models
//! are what comes of taking all of them in their order. So every process of a home has the same models, whoever is killed when,
//! and whoever starts anew. They are kept now and then with how far they have come, so that it need not begin at the beginning.

use std::sync::{Arc, PoisonError};

use act::{Models, Plan};
use keep::{Commit, Customer, Keep, Logged, RecordChange, Version};
use serde::{Deserialize, Serialize};

use crate::engine::Engine;
use crate::entry;
use crate::error::Error;
use crate::limits::{LESSONS_AT_FIRST, LOG_AT_ONCE};

/// Whom lessons are filed under, which are about nobody.
pub(crate) const LESSONS: Customer = Customer(-2);

/// The record in which models are kept.
const MODELS: &str = "models";

/// How far the log was learnt from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Learning {
    /// The position before which every lesson is taken: behind the latest one.
    until: u64,
    /// The position before which it was looked for lessons, whether there were any.
    looked_until: u64,
    /// The same as `until`, of what is kept.
    kept_until: u64,
    /// Which writing of the record that is.
    version: Version,
}

/// What is kept.
#[derive(Debug, Serialize, Deserialize)]
struct Stored {
    until: u64,
    models: Models,
}

/// The models as they are kept.
pub(crate) async fn load(keep: &dyn Keep, plan: &Plan) -> Result<(Models, Learning), keep::Error> {
    let (stored, version) = kept(keep).await?;
    // What an older program learnt may be of another form: then it is learnt anew.
    let Stored { until, models } = stored.unwrap_or_else(|| Stored { until: 0, models: Models::new(plan) });
    Ok((models, Learning { until, looked_until: until, kept_until: until, version }))
}

async fn kept(keep: &dyn Keep) -> Result<(Option<Stored>, Version), keep::Error> {
    let record = keep.records(MODELS, None, 1).await?.into_iter().find(|record| record.name == MODELS);
    let Some(record) = record else { return Ok((None, Version::NONE)) };
    Ok((postcard::from_bytes(&record.bytes).ok(), record.version))
}

/// The lessons from a position on, the newest first. Most of the time there are few or none: so few are asked for at first, because
/// where there are no new ones those that come are old.
async fn lessons(keep: &dyn Keep, from: u64) -> Result<Vec<Logged>, keep::Error> {
    let (mut found, mut before, mut most) = (Vec::new(), u64::MAX, LESSONS_AT_FIRST);
    while before > from {
        let page = keep.log_of(&[LESSONS], before, most).await?;
        let Some(last) = page.last() else { break };
        before = last.position;
        most = (4 * most).min(LOG_AT_ONCE);
        found.extend(page.into_iter().filter(|logged| logged.position >= from));
    }
    Ok(found)
}

impl Engine {
    /// The models as they are now. Whoever decides by them holds up nobody.
    pub(crate) fn models(&self) -> Arc<Models> {
        Arc::clone(&self.models.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes the lessons that this or another process has put into the log since.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub async fn learn(&self) -> Result<(), Error> {
        if !self.plan.learns() {
            return Ok(());
        }
        let end = self.keep.log_span().await?.end;
        self.learn_until(end).await
    }

    /// The same of a log that is known to reach up to this position.
    pub(crate) async fn learn_until(&self, end: u64) -> Result<(), Error> {
        let mut learning = self.learning.lock().await;
        if !self.plan.learns() || end <= learning.looked_until {
            return Ok(());
        }
        for logged in lessons(&*self.keep, learning.until).await?.iter().rev() {
            let lesson = entry::read(&logged.bytes, logged.position)?;
            Arc::make_mut(&mut *self.models.lock().unwrap_or_else(PoisonError::into_inner)).learn(&lesson);
            learning.until = logged.position + 1;
        }
        learning.looked_until = end.max(learning.until);
        Ok(())
    }

    /// Keeps what was learnt since. Of several processes the one that has come furthest counts.
    pub(crate) async fn keep_models(&self) -> Result<(), Error> {
        let mut learning = self.learning.lock().await;
        if learning.until == learning.kept_until {
            return Ok(());
        }
        let bytes = {
            let models = Models::clone(&self.models());
            entry::bytes(&Stored { until: learning.until, models })
        };
        let record = RecordChange { name: MODELS.to_owned(), expected: Some(learning.version), bytes: Some(bytes) };
        let now_us = self.clock.now_us();
        match self.keep.commit(Commit { now_us, records: vec![record], ..Commit::default() }).await {
            Ok(committed) => (learning.version, learning.kept_until) = (committed.version, learning.until),
            Err(keep::Error::Conflict(_)) => {
                let (stored, version) = kept(&*self.keep).await?;
                learning.version = version;
                learning.kept_until = stored.map_or(0, |stored| stored.until.min(learning.until));
            }
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }
}
