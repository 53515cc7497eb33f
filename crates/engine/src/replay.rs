//! All states at once: as they are, and as they follow from the log.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZero;

use act::{Input, Plan, State, step};
use event::Timestamp;
use hashbrown::HashMap;
use keep::{Customer, KeyNumber, Stored};

use crate::engine::Engine;
use crate::error::Error;
use crate::identity::{Around, Most, Seed};
use crate::limits::{ALONE_MAX, ENTRIES_REPLAYED_AT_ONCE, LOG_AT_ONCE, STATES_AT_ONCE};
use crate::profile::Kept;
use crate::rebuild::Past;

/// What came of comparing states with the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compared {
    /// Customers of whom anything is known.
    pub customers: u64,
    /// Entries of the log that were read.
    pub entries: u64,
    /// Customers whose state is not what follows from the log, by their numbers.
    pub differing: Vec<i64>,
}

impl Engine {
    /// Builds every state anew from the log, who is who included, and compares it with the one that is kept. Nothing may be taken in meanwhile.
    ///
    /// # Errors
    /// When states or log cannot be read.
    pub async fn compare_with_log(&self) -> Result<Compared, Error> {
        let span = self.keep.log_span().await?;
        let now_us = self.clock.now_us();
        let (live, replayed) = (self.looked_at(now_us).await?, self.replayed(now_us).await?);
        let all: BTreeSet<i64> = live.keys().chain(replayed.keys()).copied().collect();
        let differing = all.iter().copied().filter(|customer| live.get(customer) != replayed.get(customer)).collect();
        Ok(Compared { customers: all.len() as u64, entries: span.end - span.start, differing })
    }

    /// The state of every customer as bytes, looked at until a time.
    async fn looked_at(&self, now_us: i64) -> Result<BTreeMap<i64, Vec<u8>>, Error> {
        let mut states = BTreeMap::new();
        let mut after: Option<Customer> = None;
        loop {
            let page = self.keep.states(self.generation, after, STATES_AT_ONCE).await?;
            let Some(last) = page.last() else { return Ok(states) };
            after = Some(last.customer);
            for looked_at in by_all_hands(&page, |stored| self.look_at(stored, now_us)) {
                states.extend(looked_at?);
            }
        }
    }

    fn look_at(&self, stored: &Stored, now_us: i64) -> Result<Option<(i64, Vec<u8>)>, Error> {
        let now = Timestamp::from_micros(now_us);
        match Kept::read(&stored.bytes, &self.plan) {
            Kept::Profile(mut profile) => {
                step(&mut profile.state, Input::Wake, &self.plan, now);
                // Of a key that came only with others nothing is known, as if it had no state.
                let is_anybody = !is_empty(&profile.state, &self.plan, now);
                Ok(is_anybody.then(|| (stored.customer.0, profile.state.to_bytes(&self.plan))))
            }
            Kept::Stale(_) => Err(Error::Damaged(format!("the state of {:?}", stored.customer))),
            Kept::Nobody | Kept::Moved => Ok(None),
        }
    }

    /// The state of every customer as it follows from the log, as bytes, looked at until a time.
    async fn replayed(&self, now_us: i64) -> Result<BTreeMap<i64, Vec<u8>>, Error> {
        let now = Timestamp::from_micros(now_us);
        let around = self.everybody().await?;
        let mut pasts: HashMap<Customer, Past> = HashMap::new();
        let mut at = self.keep.log_span().await?.start;
        loop {
            let page = self.keep.log(at, ENTRIES_REPLAYED_AT_ONCE).await?;
            let Some(last) = page.last() else { break };
            at = last.position + 1;
            for recalled in by_all_hands(&page, |logged| self.recall(Some(&around), logged)) {
                if let Some((whose, recalled)) = recalled? {
                    pasts.entry(whose).or_default().add(recalled);
                }
            }
        }
        let pasts: Vec<(Customer, Past)> = pasts.into_iter().collect();
        let states = by_all_hands(&pasts, |(customer, past)| {
            let state = past.profile(self, now_us).state;
            (!is_empty(&state, &self.plan, now)).then(|| (customer.0, state.to_bytes(&self.plan)))
        });
        Ok(states.into_iter().flatten().collect())
    }
}

/// Does something with each, by all cores where there is much to do; the results are in the same order.
fn by_all_hands<T: Sync, R: Send>(all: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let hands = std::thread::available_parallelism().map_or(1, NonZero::get);
    if all.len() < ALONE_MAX {
        return all.iter().map(work).collect();
    }
    std::thread::scope(|scope| {
        let work = &work;
        let one = |share| scope.spawn(move || <[T]>::iter(share).map(work).collect::<Vec<R>>());
        let shares: Vec<_> = all.chunks(all.len().div_ceil(hands)).map(one).collect();
        shares.into_iter().flat_map(|share| share.join().expect("a panic is one here, too")).collect()
    })
}

impl Engine {
    /// Who is who among all keys. Memory follows their number, as in an import of files.
    async fn everybody(&self) -> Result<Around, Error> {
        let mut seeds: Vec<Seed> = Vec::new();
        // None is reserved: this only says which number comes next.
        let mut numbers = 0..self.keep.reserve(0, None).await?.start;
        loop {
            let page: Vec<KeyNumber> = numbers.by_ref().take(LOG_AT_ONCE).map(KeyNumber).collect();
            if page.is_empty() {
                break;
            }
            seeds.extend(self.keep.keys(&page).await?.into_iter().map(Seed::from));
        }
        let around = Around::look(&*self.keep, &self.rules, &seeds, &[], Most::ALL).await?;
        around.ok_or_else(|| Error::Damaged("there are more keys than can be counted".to_owned()))
    }
}

/// Whether nothing is known but the time.
fn is_empty(state: &State, plan: &Plan, now: Timestamp) -> bool {
    let mut nobody = State::new(plan);
    step(&mut nobody, Input::Wake, plan, now);
    *state == nobody
}
