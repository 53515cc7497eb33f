//! A charter that has changed: live state is read again by it, while everything goes on.
//!
//! A state says by which charter it is, and one by another charter is built anew from the log before anything is said or decided
//! about its customer. So a new charter is in force at once, for everybody. What is left to do is those about whom nobody asks:
//! a promise of theirs may fall due. Only when all are read again is it noted by which charter they are, so that whoever is
//! stopped on the way begins once more and finds less to do.

use std::collections::BTreeSet;

use keep::{Commit, Customer, RecordChange, Stored, Wanted};
use tokio::sync::watch;

use crate::counts::Counts;
use crate::engine::Engine;
use crate::error::Error;
use crate::identity::{Around, Most, Seed};
use crate::limits::{COLLISIONS_MAX, STATES_FOLLOWED};
use crate::profile::Kept;
use crate::work::Work;

/// The record that says by which charter all states are.
const FOLLOWED: &str = "live state follows";

impl Engine {
    /// Builds every state anew that is by another charter than this one, and has keys be the customers' that they are by its
    /// rules; says how many customers that were. Where nothing has changed it is over at once.
    ///
    /// Of a kind of key that only this charter names, the evidence is what comes from now on.
    ///
    /// # Errors
    /// When what is kept cannot be reached.
    pub async fn follow(&self, stop: &watch::Receiver<bool>) -> Result<u64, Error> {
        let rules = format!("{:016x}", self.rules.fingerprint());
        let now = format!("{rules} {}", self.charter().hash);
        let record = self.keep.records(FOLLOWED, None, 1).await?.into_iter().next();
        let before = record.map(|record| String::from_utf8_lossy(&record.bytes).into_owned());
        if before.as_ref() == Some(&now) {
            return Ok(0);
        }
        let same_rules = before.as_ref().is_none_or(|before| before.starts_with(&rules));
        let (mut after, mut read) = (None, 0);
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
            for customer in customers {
                if *stop.borrow() {
                    return Ok(read);
                }
                self.read_again(customer, same_rules).await?;
                read += 1;
            }
        }
        let record = RecordChange { name: FOLLOWED.to_owned(), expected: None, bytes: Some(now.into_bytes()) };
        let now_us = self.clock.now_us();
        self.keep.commit(Commit { now_us, records: vec![record], ..Commit::default() }).await?;
        Ok(read)
    }

    async fn read_again(&self, customer: Customer, same_rules: bool) -> Result<(), Error> {
        let _turn = self.turn().await?;
        let mut collisions = 0;
        loop {
            let done = if same_rules {
                self.try_read_again(customer).await
            } else {
                let _alone = self.together.write().await;
                self.try_sort_again(customer).await
            };
            match done {
                Err(keep::Error::Conflict(_)) if collisions < COLLISIONS_MAX => {
                    collisions += 1;
                    Counts::add(&self.counts.collisions, 1);
                }
                done => return done.map_err(Error::from),
            }
        }
    }

    /// Builds a state anew.
    async fn try_read_again(&self, customer: Customer) -> Result<(), keep::Error> {
        let wanted = Wanted { generation: self.generation, customers: vec![customer], ..Wanted::default() };
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
        let anew: BTreeSet<Customer> = std::mem::take(&mut work.anew);
        self.rebuild(&mut work, anew, Some(around)).await?;
        let (commit, aftermath) = work.finish();
        self.commit(commit, aftermath).await.map(drop)
    }
}
