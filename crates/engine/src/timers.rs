//! Timers: a promise about to break, a journey that was silent for too long, an outcome that did not come, quiet hours or a cap
//! that are over.
//!
//! A customer has one timer, which says when it is worth looking again; what fell due follows from the state alone. So a timer
//! that goes off twice, late, or after an event has settled the matter changes nothing.

use std::collections::BTreeMap;

use keep::{Customer, Due, Fired, Key, KeyNumber, Take, Wanted};

use crate::counts::Counts;
use crate::decide::{Named, occasion_of};
use crate::engine::Engine;
use crate::error::Error;
use crate::identity::customer_named_by;
use crate::limits::{TIMERS_AT_ONCE, TIMERS_LEASE_US};
use crate::message::key_of;
use crate::profile::Kept;
use crate::work::{Woken, Work};

/// Whether none of them could be worked off now.
fn concerns_all(error: &keep::Error) -> bool {
    matches!(error, keep::Error::Unavailable { .. } | keep::Error::Busy | keep::Error::Full)
}

impl Engine {
    /// Works off timers that are due, a few at a time; says how many there were. When there are none left it is 0.
    ///
    /// # Errors
    /// When what is kept cannot be reached. Timers that were taken come again once their lease is over, and so do those of whom alone it
    /// is not possible.
    pub async fn wake_some(&self) -> Result<usize, Error> {
        let now_us = self.clock.now_us();
        let take = Take { now_us, limit: TIMERS_AT_ONCE, lease_us: TIMERS_LEASE_US };
        let due = self.keep.due(self.generation, take).await?;
        if due.is_empty() {
            return Ok(0);
        }
        match self.try_wake(&due, now_us).await {
            // Somebody was quicker with one of them, its history is damaged, or all are too much for one commit: each on its own, so
            // that it holds up no other.
            Err(error) if !concerns_all(&error) => {
                for one in &due {
                    match self.try_wake(std::slice::from_ref(one), now_us).await {
                        Err(keep::Error::Conflict(_)) => Counts::add(&self.counts.collisions, 1),
                        Err(error) if !concerns_all(&error) => Counts::add(&self.counts.timers_failed, 1),
                        done => done?,
                    }
                }
            }
            done => done?,
        }
        Ok(due.len())
    }

    pub(crate) async fn try_wake(&self, due: &[Due], now_us: i64) -> Result<(), keep::Error> {
        let customers: Vec<Customer> = due.iter().map(|due| due.timer.customer).collect();
        let wanted = Wanted { generation: self.generation, customers, ..Wanted::default() };
        let mut loaded = self.keep.load(&wanted).await?;
        // Who was found to be somebody else has nothing to wake up for.
        loaded.states.retain(|stored| stored.bytes != Kept::MOVED_BYTES);
        let mut work = Work::new(self, now_us);
        work.admit_all(&loaded);
        let anew = std::mem::take(&mut work.anew);
        if !anew.is_empty() {
            self.rebuild(&mut work, anew, None).await?;
        }
        let due_us =
            |customer| due.iter().find(|due| due.timer.customer == customer).map_or(now_us, |due| due.timer.due_us);
        for stored in &loaded.states {
            work.wake(stored.customer, due_us(stored.customer));
        }
        self.decide_woken(&mut work).await?;
        work.commit.fired = due
            .iter()
            .map(|due| Fired { customer: due.timer.customer, id: due.timer.id.clone(), lease: due.lease })
            .collect();
        let (commit, aftermath) = work.finish();
        self.commit(commit, aftermath).await?;
        Counts::add(&self.counts.timers, due.len());
        Ok(())
    }

    /// Decides on what was postponed until now of those who were woken.
    pub(crate) async fn decide_postponed(&self, work: &mut Work<'_>) -> Result<(), keep::Error> {
        let woken = work.woken.iter_mut();
        let postponed = woken.map(|(customer, woken)| (*customer, std::mem::take(&mut woken.again))).collect();
        self.decide_each(work, postponed).await
    }

    /// Decides what to do about what fell due of those who were woken, and about what was postponed until now and not decided on yet.
    /// Where they were woken by what came in of them, after that: it may say that a promise was kept, or that they do not want to hear
    /// of it.
    pub(crate) async fn decide_woken(&self, work: &mut Work<'_>) -> Result<(), keep::Error> {
        let occasions = std::mem::take(&mut work.woken).into_iter().map(|(customer, woken)| {
            let Woken { due_us, is_news, again } = woken;
            // Not the time at which it goes off, which no two runs have in common.
            let news = is_news.then(|| occasion_of(format!("wake/{}/{due_us}", customer.0).as_bytes()));
            (customer, again.into_iter().chain(news).collect())
        });
        self.decide_each(work, occasions.collect()).await
    }

    /// Decides about each of these customers, on each of these occasions, as things stand.
    async fn decide_each(
        &self,
        work: &mut Work<'_>,
        mut occasions: BTreeMap<Customer, Vec<u64>>,
    ) -> Result<(), keep::Error> {
        occasions.retain(|_, occasions| !occasions.is_empty());
        if occasions.is_empty() || !self.acts_by_itself() {
            return Ok(());
        }
        let customers: Vec<Customer> = occasions.keys().copied().collect();
        // Some of them may be somebody else's by what came in.
        let now: BTreeMap<KeyNumber, &Key> = work.commit.keys.iter().map(|key| (key.number, key)).collect();
        let mut keys = self.keep.keys_of(&customers).await?;
        keys.retain(|key| !now.contains_key(&key.number));
        keys.extend(now.into_values().cloned());
        for (customer, occasions) in occasions {
            let of_customer = keys.iter().filter(|key| key.customer == customer);
            let named = of_customer.filter_map(|key| Some((key.number, key_of(&key.bytes)?)));
            let first = named.min_by_key(|(_, (kind, value))| (self.rules.priority(kind), *kind, *value));
            let named = first.map(|(number, (_, value))| Named { filed: customer_named_by(number), subject: value });
            let named = named.unwrap_or(Named { filed: customer, subject: "" });
            for occasion in occasions {
                self.decide_after(work, customer, named, occasion, work.now_us);
            }
        }
        Ok(())
    }
}
