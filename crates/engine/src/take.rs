//! Messages become steps of customers, and one durable commit.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use hashbrown::{HashMap, HashSet};
use keep::{Commit, Customer, Entry, Key, KeyNumber, Link, Loaded, MessageId, Wanted};

use crate::counts::Counts;
use crate::decide::occasion_of;
use crate::engine::Engine;
use crate::entry::{self, StoredRefusal, kind};
use crate::error::Error;
use crate::identity::{Around, Most, Seed, customer_named_by};
use crate::limits::COLLISIONS_MAX;
use crate::message::{Inbox, Item, Parsed, Ranked, Took};
use crate::work::{Aftermath, Work};

/// Nobody: whose messages are that were refused.
pub(crate) const NOBODY: Customer = Customer(-1);

/// An event that is new.
#[derive(Debug, Clone, Copy)]
struct Fresh<'a> {
    id: MessageId,
    text: &'a str,
    parsed: &'a Parsed,
}

/// A key as the batch has it.
#[derive(Debug, Clone, Copy)]
struct Place {
    number: KeyNumber,
    customer: Customer,
    new: bool,
}

impl Engine {
    /// Takes in messages, and says what became of each, in their order. When it returns, they are durable.
    ///
    /// # Errors
    /// When they cannot be taken in now; then it is safe to send all of them again, and those that were taken in are
    /// recognised.
    pub async fn take(&self, inbox: Inbox<'_>) -> Result<Vec<Took>, Error> {
        let _turn = self.turn().await?;
        let (items, received_us) = (&inbox.items, inbox.received().as_micros());
        let mut collisions = 0;
        let took = loop {
            let (mut _together, mut _alone) = (None, None);
            if collisions < COLLISIONS_MAX {
                _together = Some(self.together.read().await);
            } else {
                _alone = Some(self.together.write().await);
            }
            match self.try_take(items, received_us).await {
                Err(keep::Error::Conflict(_)) if collisions < 2 * COLLISIONS_MAX => {
                    collisions += 1;
                    Counts::add(&self.counts.collisions, 1);
                }
                done => break done?,
            }
        };
        self.count(&took);
        Ok(took)
    }

    fn count(&self, took: &[Took]) {
        for took in took {
            match took {
                Took::Stored => Counts::add(&self.counts.stored, 1),
                Took::Duplicate => Counts::add(&self.counts.duplicates, 1),
                Took::Refused { reason, .. } => self.counts.add_refused(reason.name()),
            }
        }
    }

    async fn try_take(&self, items: &[Item], now_us: i64) -> Result<Vec<Took>, keep::Error> {
        let events = || {
            items.iter().filter_map(|item| match item {
                Item::Fit { id, text, parsed } => Some(Fresh { id: *id, text, parsed }),
                Item::Refused { .. } => None,
            })
        };
        let messages: Vec<MessageId> = events().map(|event| event.id).collect();
        let mut positions: HashMap<Vec<u8>, usize> = HashMap::new();
        let mut keys: Vec<Vec<u8>> = Vec::new();
        for bytes in events().flat_map(|event| &event.parsed.keys).map(Ranked::bytes) {
            positions.entry(bytes).or_insert_with_key(|bytes| {
                keys.push(bytes.clone());
                keys.len() - 1
            });
        }
        let wanted = Wanted { generation: self.generation, messages, keys, customers: Vec::new() };
        let loaded = self.keep.load(&wanted).await?;
        let mut seen: HashSet<MessageId> = HashSet::new();
        let new: Vec<bool> =
            wanted.messages.iter().zip(&loaded.known).map(|(id, known)| !known && seen.insert(*id)).collect();
        let fresh: Vec<Fresh<'_>> = events().zip(&new).filter(|(_, new)| **new).map(|(event, _)| event).collect();
        let mut work = Work::new(self, now_us);
        refuse(&mut work.commit, items, now_us);
        if !fresh.is_empty() {
            let (places, links) = (Vec::new(), Vec::new());
            let mut batch = Batch { engine: self, wanted, loaded, positions, work, places, links };
            batch.place(&fresh).await?;
            batch.resolve_and_take(&fresh).await?;
            work = batch.work;
        }
        let (commit, aftermath) = work.finish();
        if !commit.entries.is_empty() {
            self.commit(commit, aftermath).await?;
        }
        Ok(told(items, &new))
    }

    /// Commits, and lets follow what follows.
    pub(crate) async fn commit(&self, commit: Commit, aftermath: Aftermath) -> Result<keep::Committed, keep::Error> {
        let links = commit.links.clone();
        let targets: BTreeSet<String> = commit.posts.iter().map(|post| post.target.clone()).collect();
        let committed = self.keep.commit(commit).await?;
        self.remember_links(&links);
        for target in &targets {
            self.posted(target);
        }
        if !aftermath.lessons.is_empty() {
            let mut models = self.models.lock().unwrap_or_else(PoisonError::into_inner);
            aftermath.lessons.iter().for_each(|lesson| models.learn(lesson));
            self.learnt.store(true, Ordering::Relaxed);
        }
        self.tell(aftermath.changes);
        Ok(committed)
    }
}

/// What became of each message; `new` says it of the events among them.
fn told(items: &[Item], new: &[bool]) -> Vec<Took> {
    let mut new = new.iter();
    let took = items.iter().map(|item| match item {
        Item::Refused { message_id, reason, detail, .. } => {
            Took::Refused { message_id: message_id.clone(), reason: *reason, detail: detail.clone() }
        }
        Item::Fit { .. } => match new.next() {
            Some(true) => Took::Stored,
            _ => Took::Duplicate,
        },
    });
    took.collect()
}

/// Keeps what was refused, so that somebody can look.
fn refuse(commit: &mut Commit, items: &[Item], now_us: i64) {
    for item in items {
        let Item::Refused { message_id, reason, detail, text } = item else { continue };
        let refusal = StoredRefusal { reason: reason.name(), detail, message_id: message_id.as_deref(), text };
        let bytes = entry::bytes(&refusal);
        commit.entries.push(Entry { customer: NOBODY, kind: kind::REFUSED, at_us: now_us, bytes });
    }
}

/// New messages on their way to their customers.
struct Batch<'e> {
    engine: &'e Engine,
    wanted: Wanted,
    loaded: Loaded,
    positions: HashMap<Vec<u8>, usize>,
    work: Work<'e>,
    /// By key of `wanted`.
    places: Vec<Place>,
    /// Evidence that is not known to be kept.
    links: Vec<Link>,
}

impl Batch<'_> {
    /// Gives numbers to new keys, and finds the evidence.
    async fn place(&mut self, fresh: &[Fresh<'_>]) -> Result<(), keep::Error> {
        // Keys of duplicates stay as they are.
        let mut used = vec![false; self.wanted.keys.len()];
        for Fresh { parsed, .. } in fresh {
            parsed.keys.iter().for_each(|key| used[self.positions[&key.bytes()]] = true);
        }
        let new = self.loaded.keys.iter().zip(&used).filter(|(known, used)| known.is_none() && **used).count();
        let mut numbers = self.engine.new_numbers(new).await?.into_iter();
        self.places = Vec::with_capacity(used.len());
        for (known, used) in self.loaded.keys.iter().zip(&used) {
            self.places.push(if let Some((number, customer)) = known {
                Place { number: *number, customer: *customer, new: false }
            } else {
                let number = if *used { numbers.next().expect("as many as there are") } else { KeyNumber(u32::MAX) };
                Place { number, customer: customer_named_by(number), new: *used }
            });
        }
        let mut pairs: BTreeMap<(KeyNumber, KeyNumber), i64> = BTreeMap::new();
        for parsed in fresh.iter().map(|fresh| fresh.parsed).filter(|parsed| parsed.keys.len() > 1) {
            let numbers: Vec<KeyNumber> = parsed.keys.iter().map(|key| self.place_of(key).number).collect();
            let [first, others @ ..] = numbers.as_slice() else { continue };
            for other in others {
                let pair = (*first.min(other), *first.max(other));
                if !self.engine.is_linked(pair.0, pair.1, parsed.at_us) {
                    let at_us = pairs.entry(pair).or_insert(parsed.at_us);
                    *at_us = parsed.at_us.min(*at_us);
                }
            }
        }
        self.links = pairs.into_iter().map(|((low, high), at_us)| Link { low, high, undo: false, at_us }).collect();
        Ok(())
    }

    fn place_of(&self, key: &Ranked) -> Place {
        self.places[self.positions[&key.bytes()]]
    }

    /// Who is who now, and every message to its customer.
    async fn resolve_and_take(&mut self, fresh: &[Fresh<'_>]) -> Result<(), keep::Error> {
        for stored in &self.loaded.states {
            self.work.admit(stored);
        }
        let several = |parsed: &Parsed| {
            let mut customers = parsed.keys.iter().map(|key| self.place_of(key).customer);
            let first = customers.next();
            customers.any(|other| Some(other) != first)
        };
        let unclear: Vec<&Parsed> = fresh
            .iter()
            .map(|fresh| fresh.parsed)
            .filter(|parsed| {
                let linked = |number| self.links.iter().any(|link| link.low == number || link.high == number);
                several(parsed)
                    || (parsed.keys.len() > 1 && parsed.keys.iter().any(|key| linked(self.place_of(key).number)))
            })
            .collect();
        let around = if unclear.is_empty() { None } else { self.look(&unclear).await? };
        if let Some(around) = &around {
            let moved = around.moved();
            self.engine.move_people(&mut self.work, around, &moved).await?;
            for moved in moved {
                for place in self.places.iter_mut().filter(|place| place.number == moved.key.number) {
                    place.customer = moved.key.customer;
                }
                if !self.places.iter().any(|place| place.number == moved.key.number && place.new) {
                    self.work.commit.keys.push(moved.key);
                }
            }
        }
        let new = self.places.iter().zip(&self.wanted.keys).filter(|(place, _)| place.new);
        let new: Vec<Key> = new
            .map(|(place, bytes)| Key { number: place.number, customer: place.customer, bytes: bytes.clone() })
            .collect();
        self.work.commit.keys.extend(new);
        self.work.commit.links.append(&mut self.links);
        let mut last: BTreeMap<Customer, Fresh<'_>> = BTreeMap::new();
        for each @ Fresh { id, text, parsed } in fresh {
            let numbers: Vec<KeyNumber> = parsed.keys.iter().map(|key| self.place_of(key).number).collect();
            let customer = match &around {
                Some(around) if numbers.len() > 1 => around.whose(&numbers),
                _ => None,
            };
            let customer = customer.unwrap_or_else(|| self.place_of(&parsed.keys[0]).customer);
            self.work.commit.messages.push(*id);
            self.work.take_message(customer, parsed, text);
            last.insert(customer, *each);
        }
        let anew: BTreeSet<Customer> = std::mem::take(&mut self.work.anew);
        if !anew.is_empty() {
            self.engine.rebuild(&mut self.work, anew, around).await?;
        }
        for (customer, Fresh { id, parsed, .. }) in last {
            let subject = parsed.keys.first().map(|key| key.value.clone()).unwrap_or_default();
            self.engine.decide_after(&mut self.work, customer, occasion_of(&id.0), parsed.at_us, &subject);
        }
        Ok(())
    }

    async fn look(&self, unclear: &[&Parsed]) -> Result<Option<Around>, keep::Error> {
        let places: BTreeMap<KeyNumber, (Place, Vec<u8>)> = unclear
            .iter()
            .flat_map(|parsed| &parsed.keys)
            .map(|key| (self.place_of(key).number, (self.place_of(key), key.bytes())))
            .collect();
        let seeds: Vec<Seed> = places
            .into_iter()
            .map(|(number, (place, bytes))| Seed { number, customer: place.customer, bytes })
            .collect();
        let around =
            Around::look(&*self.engine.keep, &self.engine.rules, &seeds, &self.links, Most::IN_A_REQUEST).await?;
        if around.is_none() {
            Counts::add(&self.engine.counts.unresolved, 1);
        }
        Ok(around)
    }
}
