//! What another charter would have decided over the same log.
//!
//! The log is lived through once more by the same engine, in memory: every batch as it came, every question as it was asked,
//! every timer when it falls due. So who is who at each moment, caps that are used up and what was learnt are those of
//! that life. Nobody is told anything, and nothing is written. Memory follows the log.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use act::Consent;
use async_trait::async_trait;
use charter::Charter;
use event::Timestamp;
use keep::{Commit, Keep, KeyNumber, Logged, Memory, Take};
use serde::Serialize;

use crate::clock::Clock;
use crate::engine::{Engine, Options};
use crate::entry::{self, StoredDecision, StoredMessage, StoredPair, kind};
use crate::error::Error;
use crate::identity::customer_named_by;
use crate::limits::{LOG_AT_ONCE, TIMERS_AT_ONCE, TIMERS_LEASE_US};
use crate::message::{Inbox, Item, Ranked, key_of};

/// What another charter would have decided, beside what was decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Redecided {
    /// The hash of the other charter.
    pub charter: String,
    /// Entries of the log that were lived through.
    pub entries: u64,
    /// Occasions on which then or now something was decided, be it for no action.
    pub occasions: u64,
    /// On how many of them another action would have been chosen, or one in the place of none, or none.
    pub differing: u64,
    /// Every action that was chosen then or now, by name.
    pub actions: Vec<ThenAndNow>,
    /// The first occasions that differ, in the order of time; as many as were asked for.
    pub examples: Vec<Differs>,
}

/// How often an action was, and would have been chosen.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ThenAndNow {
    /// The action.
    pub action: String,
    /// How often it was chosen.
    pub then: u64,
    /// How often the other charter chooses it.
    pub now: u64,
    /// On how many occasions both do.
    pub both: u64,
}

/// An occasion on which another action would have been chosen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Differs {
    /// When it was decided.
    pub at: String,
    /// A key of the customer, as `kind:value`.
    pub customer: String,
    /// The action that was chosen, if any was.
    pub then: Option<String>,
    /// The action that the other charter chooses, if any.
    pub now: Option<String>,
}

/// A decision of either charter.
#[derive(Debug, Clone)]
struct Made {
    at_us: i64,
    customer: i64,
    action: Option<String>,
}

/// A clock that says what the log said.
#[derive(Debug, Default)]
struct Then(AtomicI64);

#[async_trait]
impl Clock for Then {
    fn now_us(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Engine {
    /// What another charter would have decided over the same log, of what lies in `within`, in microseconds since 1970. The
    /// first `examples` occasions that differ are shown.
    ///
    /// Its own decisions count for its caps, and it learns anew from the beginning of the log; what customers did stays what
    /// they did. Timers go off on time. Nothing may be taken in meanwhile.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub async fn redecide(
        &self,
        charter: Arc<Charter>,
        within: Range<i64>,
        examples: usize,
    ) -> Result<Redecided, Error> {
        let hash = charter.hash.clone();
        let life = Life::new(self, charter).await?;
        let entries = life.live(self).await?;
        life.wake_until(within.end.min(self.clock.now_us())).await?;
        let mut decisions: BTreeMap<(i64, u64), [Option<Made>; 2]> = BTreeMap::new();
        for (which, engine) in [self, &*life.engine].into_iter().enumerate() {
            for (occasion, made) in engine.decisions().await? {
                decisions.entry(occasion).or_default()[which] = Some(made);
            }
        }
        let mut found =
            Redecided { charter: hash, entries, occasions: 0, differing: 0, actions: Vec::new(), examples: Vec::new() };
        let differing = found.count(decisions.into_values(), &within);
        for (made, [then, now]) in differing.into_iter().take(examples) {
            let (at, customer) = (Timestamp::from_micros(made.at_us).to_string(), self.name_of(made.customer).await?);
            found.examples.push(Differs { at, customer, then, now });
        }
        Ok(found)
    }

    /// Every decision in the log by its customer and occasion. One that came again after it was decided for nothing counts as the last.
    async fn decisions(&self) -> Result<BTreeMap<(i64, u64), Made>, Error> {
        let mut made = BTreeMap::new();
        self.each_entry::<Error>(0, &mut |logged| {
            if logged.kind == kind::DECISION {
                let stored = StoredDecision::read(&logged.bytes, logged.position)?;
                let action = stored.chosen().map(str::to_owned);
                let of = Made { at_us: logged.at_us, customer: logged.customer.0, action };
                made.insert((logged.customer.0, stored.decision.occasion), of);
            }
            Ok(true)
        })
        .await?;
        Ok(made)
    }

    /// The key whose number a customer has; empty where it is gone.
    async fn name_of(&self, customer: i64) -> Result<String, Error> {
        let number = u32::try_from(customer).ok().map(KeyNumber);
        let keys = self.keep.keys(&Vec::from_iter(number)).await?;
        let named = keys.first().and_then(|key| key_of(&key.bytes));
        Ok(named.map_or_else(String::new, |(kind, value)| format!("{kind}:{value}")))
    }
}

impl Redecided {
    /// Counts what lies in a period, and gives what differs, in the order of time, each with its action then and now.
    fn count(
        &mut self,
        decisions: impl Iterator<Item = [Option<Made>; 2]>,
        within: &Range<i64>,
    ) -> Vec<(Made, [Option<String>; 2])> {
        let mut actions: BTreeMap<String, ThenAndNow> = BTreeMap::new();
        let mut differing = Vec::new();
        for [then, now] in decisions {
            let Some(made) = then.as_ref().or(now.as_ref()).filter(|made| within.contains(&made.at_us)) else {
                continue;
            };
            let made = made.clone();
            let [then, now] = [then, now].map(|made| made.and_then(|made| made.action));
            self.occasions += 1;
            let mut count = |action: &Option<String>, add: fn(&mut ThenAndNow)| {
                if let Some(action) = action {
                    let entry = actions.entry(action.clone());
                    add(entry.or_insert_with(|| ThenAndNow { action: action.clone(), ..ThenAndNow::default() }));
                }
            };
            count(&then, |of| of.then += 1);
            count(&now, |of| of.now += 1);
            if then == now {
                count(&now, |of| of.both += 1);
            } else {
                self.differing += 1;
                differing.push((made, [then, now]));
            }
        }
        self.actions = actions.into_values().collect();
        differing.sort_by_key(|(made, _)| (made.at_us, made.customer));
        differing
    }
}

/// The same log once more, by another charter.
struct Life {
    engine: Arc<Engine>,
    clock: Arc<Then>,
}

impl Life {
    /// Begins it with all keys that are known, each its own customer, so that lots are drawn by the same numbers.
    async fn new(of: &Engine, charter: Arc<Charter>) -> Result<Self, Error> {
        let clock = Arc::new(Then::default());
        let memory: Arc<dyn Keep> = Arc::new(Memory::default());
        // None is reserved: this only says which number comes next.
        if let Some(last) = of.keep.reserve(0, None).await?.start.checked_sub(1) {
            memory.reserve(0, Some(KeyNumber(last))).await?;
        }
        let mut after = None;
        loop {
            let page = of.keep.every_key(after, LOG_AT_ONCE).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.number);
            let alone = |key: keep::Key| keep::Key { customer: customer_named_by(key.number), ..key };
            let keys: Vec<keep::Key> = page.into_iter().map(alone).collect();
            memory.commit(Commit { keys, ..Commit::default() }).await?;
        }
        let its_clock: Arc<dyn Clock> = Arc::<Then>::clone(&clock);
        let options = Options { seed: Some(of.seed), ..Options::default() };
        Ok(Self { engine: Engine::open(memory, charter, its_clock, options).await?, clock })
    }

    /// Lives through a log, and says how many entries it has; those that were erased are none.
    async fn live(&self, of: &Engine) -> Result<u64, Error> {
        let span = of.keep.log_span().await?;
        let (mut at, mut entries) = (span.start, 0);
        // What was committed at once has one time.
        let mut batch: Vec<Logged> = Vec::new();
        while at < span.end {
            let page = of.keep.log(at, LOG_AT_ONCE).await?;
            let Some(last) = page.last() else { break };
            at = last.position + 1;
            for logged in page.into_iter().filter(|logged| !logged.erased) {
                if batch.first().is_some_and(|first| first.at_us != logged.at_us) {
                    self.repeat(&std::mem::take(&mut batch)).await?;
                }
                entries += 1;
                batch.push(logged);
            }
        }
        self.repeat(&batch).await?;
        Ok(entries)
    }

    async fn repeat(&self, batch: &[Logged]) -> Result<(), Error> {
        let Some(at_us) = batch.first().map(|first| first.at_us) else { return Ok(()) };
        self.wake_until(at_us).await?;
        self.clock.0.store(at_us, Ordering::Relaxed);
        let engine = &*self.engine;
        let mut items = Vec::new();
        for logged in batch.iter().filter(|logged| logged.kind == kind::MESSAGE) {
            let stored: StoredMessage<'_> = entry::read(&logged.bytes, logged.position)?;
            items.extend(Item::again(stored.text, &engine.sources, &engine.rules));
        }
        if !items.is_empty() {
            engine.take(Inbox::of(engine, Timestamp::from_micros(at_us), items)).await?;
        }
        for logged in batch {
            match logged.kind {
                kind::DECISION => self.ask(logged).await?,
                kind::CONSENT => {
                    if let Some(key) = self.key_of(logged).await? {
                        let consent: Consent = entry::read(&logged.bytes, logged.position)?;
                        engine.try_consent(&key, &[consent], at_us).await?;
                    }
                }
                kind::LINK | kind::UNLINK => {
                    let StoredPair { a, b } = entry::read(&logged.bytes, logged.position)?;
                    let (a, b) = ((a.0.as_str(), a.1.as_str()), (b.0.as_str(), b.1.as_str()));
                    engine.hear(logged.kind == kind::LINK, a, b).await?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Asks again what somebody had asked.
    async fn ask(&self, logged: &Logged) -> Result<(), Error> {
        let stored = StoredDecision::read(&logged.bytes, logged.position)?;
        if stored.asked
            && let Some(key) = self.key_of(logged).await?
        {
            self.engine.try_decide(&[key], stored.decision.occasion, logged.at_us).await?;
        }
        Ok(())
    }

    /// The key by whose number an entry is filed; `None` where it names nobody by the rules of this life.
    async fn key_of(&self, logged: &Logged) -> Result<Option<Ranked>, Error> {
        let named = self.engine.name_of(logged.customer.0).await?;
        Ok(named.split_once(':').and_then(|(kind, value)| Ranked::new(kind, value, &self.engine.rules)))
    }

    /// Works off the timers that fall due until a time, each on its time.
    async fn wake_until(&self, until_us: i64) -> Result<(), Error> {
        loop {
            let take = Take { now_us: until_us, limit: TIMERS_AT_ONCE, lease_us: TIMERS_LEASE_US };
            let due = self.engine.keep.due(self.engine.generation, take).await?;
            if due.is_empty() {
                return Ok(());
            }
            for one in &due {
                // One that was due before it was set, for something that became known late, goes off at once.
                let now_us = one.timer.due_us.max(self.clock.now_us());
                self.clock.0.store(now_us, Ordering::Relaxed);
                self.engine.try_wake(std::slice::from_ref(one), now_us).await?;
            }
        }
    }
}
