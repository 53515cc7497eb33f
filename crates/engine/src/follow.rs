//! A charter that has changed: live state is read again by it, while everything goes on.
//!
//! A state says by which charter it is, and one by another charter is built anew from the log before anything is said or decided
//! about its customer. So a new charter is in force at once, for everybody. What is left to do is those about whom nobody asks:
//! a promise of theirs may fall due. What fell due until then is told and acted on by their timer, as if nothing had changed: a
//! state is built anew up to when it was told of. Only when all are read again is it noted by which charter they are, so that whoever is
//! stopped on the way begins once more and finds less to do.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures::executor::block_on;
use keep::{Commit, Customer, RecordChange, Stored, Version, Wanted};
use tokio::sync::watch;

use crate::counts::Counts;
use crate::engine::Engine;
use crate::error::Error;
use crate::hands::Hands;
use crate::identity::{Around, Most, Seed};
use crate::limits::{COLLISIONS_MAX, FOLLOWED_AT_ONCE, FOLLOWED_BYTES, STATES_FOLLOWED};
use crate::profile::{Kept, Profile};
use crate::retell::Retelling;
use crate::work::Work;

/// The record that says by which charter all states are.
const FOLLOWED: &str = "live state follows";

/// How far states have come to follow a charter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Followed {
    /// Customers who were read again.
    pub customers: u64,
    /// Whether that was everybody; otherwise it was told to stop on the way.
    pub whole: bool,
}

impl Engine {
    /// Builds every state anew that is by another charter than this one, and has keys be the customers' that they are by its
    /// rules. Where nothing has changed it is over at once.
    ///
    /// Of a kind of key that only this charter names, the evidence is what comes from now on.
    ///
    /// # Errors
    /// When what is kept cannot be reached.
    pub async fn follow(self: &Arc<Self>, stop: &watch::Receiver<bool>) -> Result<Followed, Error> {
        let rules = format!("{:016x}", self.rules.fingerprint());
        let now = format!("{rules} {}", self.charter().hash);
        let record = self.keep.records(FOLLOWED, None, 1).await?.into_iter().next();
        let before = record.map(|record| String::from_utf8_lossy(&record.bytes).into_owned());
        if before.as_ref() == Some(&now) {
            return Ok(Followed { customers: 0, whole: true });
        }
        let same_rules = before.as_ref().is_none_or(|before| before.starts_with(&rules));
        let mut read = if same_rules { self.follow_at_once(stop).await? } else { 0 };
        let mut after = None;
        loop {
            let page = self.keep.states(self.generation, after, STATES_FOLLOWED).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.customer);
            let concerned = |stored: &&Stored| match Kept::read(&stored.bytes, &self.plan) {
                Kept::Nobody | Kept::Moved => false,
                Kept::Stale(_) => true,
                Kept::Profile(_) => !same_rules,
            };
            let customers: Vec<Customer> = page.iter().filter(concerned).map(|stored| stored.customer).collect();
            for some in customers.chunks(if same_rules { FOLLOWED_AT_ONCE } else { 1 }) {
                if *stop.borrow() {
                    return Ok(Followed { customers: read, whole: false });
                }
                self.read_again(some, same_rules).await?;
                read += some.len() as u64;
            }
        }
        let record = RecordChange { name: FOLLOWED.to_owned(), expected: None, bytes: Some(now.into_bytes()) };
        let now_us = self.clock.now_us();
        self.keep.commit(Commit { now_us, records: vec![record], ..Commit::default() }).await?;
        Ok(Followed { customers: read, whole: true })
    }

    /// Builds anew by one pass over the log whoever has not changed since it began, on every second core; says how many that were.
    /// Who is left is read again one by one.
    async fn follow_at_once(self: &Arc<Self>, stop: &watch::Receiver<bool>) -> Result<u64, Error> {
        let as_of = self.keep.load(&Wanted::default()).await?.as_of;
        if as_of == Version::NONE {
            // It does not say what there is.
            return Ok(0);
        }
        let (engine, stop) = (Arc::clone(self), Some(stop.clone()));
        let all = move |hands: &Hands| {
            let mut retelling = Retelling::new(&engine, FOLLOWED_BYTES)?;
            (retelling.all_events, retelling.stop) = (true, stop);
            let read = AtomicU64::new(0);
            retelling.tell(hands, |neighbours| {
                let mut work = Work::new(&engine, engine.clock.now_us());
                let mut waiting = 0;
                neighbours.each(|stored, past| {
                    let Kept::Stale(stale) = Kept::read(&stored.bytes, &engine.plan) else { return Ok(()) };
                    if stored.version > as_of {
                        return Ok(());
                    }
                    work.admit(&stored);
                    let profile = past.profile(&engine.plan, stale.told_until_us(work.now_us));
                    work.replace(stored.customer, Profile { elsewhere: stale.elsewhere, ..profile });
                    waiting += 1;
                    if waiting == FOLLOWED_AT_ONCE {
                        let whole = std::mem::replace(&mut work, Work::new(&engine, engine.clock.now_us()));
                        read.fetch_add(engine.put_followed(whole)?, Ordering::Relaxed);
                        waiting = 0;
                    }
                    Ok(())
                })?;
                read.fetch_add(engine.put_followed(work)?, Ordering::Relaxed);
                Ok(())
            })?;
            Ok(read.into_inner())
        };
        Hands::aside(Hands::HALF, all).await
    }

    /// Commits states that were built anew, and says how many. Where somebody was quicker with one of them, none is.
    fn put_followed(&self, work: Work<'_>) -> Result<u64, Error> {
        let (commit, aftermath) = work.finish();
        let count = commit.states.len() as u64;
        if count == 0 {
            return Ok(0);
        }
        match block_on(self.commit(commit, aftermath)) {
            Err(keep::Error::Conflict(_)) => {
                Counts::add(&self.counts.collisions, 1);
                Ok(0)
            }
            done => done.map(|_| count).map_err(Error::from),
        }
    }

    /// Builds states anew; where the rules are others, it has keys be the customers' that they are by them first.
    pub(crate) async fn read_again(&self, customers: &[Customer], same_rules: bool) -> Result<(), Error> {
        let _turn = self.turn().await?;
        if same_rules {
            match self.try_read_again(customers).await {
                // Somebody was quicker with one of them: each on its own.
                Err(keep::Error::Conflict(_)) => Counts::add(&self.counts.collisions, 1),
                done => return done.map_err(Error::from),
            }
        }
        for customer in customers {
            let mut collisions = 0;
            loop {
                let done = if same_rules {
                    self.try_read_again(&[*customer]).await
                } else {
                    let _alone = self.together.write().await;
                    self.try_sort_again(*customer).await
                };
                match done {
                    Err(keep::Error::Conflict(_)) if collisions < COLLISIONS_MAX => {
                        collisions += 1;
                        Counts::add(&self.counts.collisions, 1);
                    }
                    done => break done?,
                }
            }
        }
        Ok(())
    }

    /// Builds states anew.
    async fn try_read_again(&self, customers: &[Customer]) -> Result<(), keep::Error> {
        let wanted = Wanted { generation: self.generation, customers: customers.to_vec(), ..Wanted::default() };
        let loaded = self.keep.load(&wanted).await?;
        let mut work = Work::new(self, self.clock.now_us());
        work.admit_all(&loaded);
        let anew = std::mem::take(&mut work.anew);
        self.rebuild(&mut work, anew, None).await?;
        let (commit, aftermath) = work.finish();
        self.commit(commit, aftermath).await.map(drop)
    }

    /// Has the keys of a customer be whose they are by the rules, and builds all states anew that this concerns.
    async fn try_sort_again(&self, customer: Customer) -> Result<(), keep::Error> {
        let seeds: Vec<Seed> = self.keep.keys_of(&[customer]).await?.into_iter().map(Seed::from).collect();
        let wanted = Wanted { generation: self.generation, customers: vec![customer], ..Wanted::default() };
        let loaded = self.keep.load(&wanted).await?;
        let mut work = Work::new(self, self.clock.now_us());
        work.admit_all(&loaded);
        let around = Around::look(&*self.keep, &self.rules, &seeds, &[], Most::ALL).await?;
        let around = around.expect("everything is looked at");
        let moved = around.moved();
        self.move_people(&mut work, &around, &moved).await?;
        work.commit.keys.extend(moved.into_iter().map(|moved| moved.key));
        let anew = std::mem::take(&mut work.anew);
        self.rebuild(&mut work, anew, Some(&around)).await?;
        let (commit, aftermath) = work.finish();
        self.commit(commit, aftermath).await.map(drop)
    }
}
