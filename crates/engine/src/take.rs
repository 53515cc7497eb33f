//! Messages become steps of customers, and one durable commit.

use std::collections::{BTreeMap, BTreeSet};

use act::Input;
use hashbrown::{HashMap, HashSet};
use keep::{Commit, Customer, Entry, Key, KeyNumber, Link, Loaded, MessageId, Wanted};
use listen::stitch::said;

use crate::counts::Counts;
use crate::decide::{Named, occasion_of};
use crate::engine::Engine;
use crate::entry::{self, StoredRefusal, kind};
use crate::identity::{Around, Most, Seed, customer_named_by};
use crate::limits::{COLLISIONS_MAX, REBUILT_AT_ONCE};
use crate::message::{Ids, Item, Parsed, Ranked, Took, key_of};
use crate::newcomers::{Came, newcomers};
use crate::work::{Aftermath, Work};

/// Nobody: whose messages are that were refused.
pub(crate) const NOBODY: Customer = Customer(-1);

/// Entries of the log about which history need not ask the log.
const IN_TAIL: [u8; 5] = [kind::MESSAGE, kind::CONSENT, kind::DECISION, kind::LESSON, kind::POSTPONED];

/// An event that is new.
#[derive(Debug, Clone, Copy)]
struct Fresh<'a> {
    ids: &'a Ids,
    text: &'a str,
    parsed: &'a Parsed,
    /// Its keys, by their places in the batch.
    keys: &'a [usize],
}

/// Why messages are not taken in at once.
#[derive(Debug, Clone)]
pub(crate) enum Undone {
    /// Too much stands around some of their keys, or comes of them: those who have nothing to do with it must not suffer.
    TooMuch,
    /// A state has to be built anew from its history, and others wait.
    TakesHistory,
    Failed(keep::Error),
}

/// Whether anybody waits besides the sender.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Haste {
    None,
    OthersWait,
}

impl From<keep::Error> for Undone {
    fn from(error: keep::Error) -> Self {
        Undone::Failed(error)
    }
}

/// A key as the batch has it.
#[derive(Debug, Clone, Copy)]
struct Place {
    number: KeyNumber,
    customer: Customer,
    new: bool,
}

impl Engine {
    /// Takes in a batch on its own, for as long as it takes.
    pub(crate) async fn take_alone(&self, items: &[&Item], now_us: i64) -> Result<Vec<Took>, keep::Error> {
        let (mut took, mut parts) = (Vec::with_capacity(items.len()), vec![items]);
        while let Some(part) = parts.pop() {
            match self.take_part(part, now_us, Haste::None).await {
                Ok(mut more) => took.append(&mut more),
                Err(Undone::Failed(error)) => return Err(error),
                Err(Undone::TooMuch | Undone::TakesHistory) => {
                    let (first, second) = part.split_at(part.len() / 2);
                    parts.extend([second, first]);
                }
            }
        }
        Ok(took)
    }

    /// Takes in messages while others wait.
    pub(crate) async fn take_at_once(&self, items: &[&Item], now_us: i64) -> Result<Vec<Took>, Undone> {
        self.take_part(items, now_us, Haste::OthersWait).await
    }

    async fn take_part(&self, items: &[&Item], now_us: i64, haste: Haste) -> Result<Vec<Took>, Undone> {
        let mut collisions = 0;
        loop {
            let (mut _together, mut _alone) = (None, None);
            if collisions < COLLISIONS_MAX {
                _together = Some(self.together.read().await);
            } else {
                _alone = Some(self.together.write().await);
            }
            match self.try_take(items, now_us, haste).await {
                Err(Undone::Failed(keep::Error::Conflict(_))) if collisions < 2 * COLLISIONS_MAX => {
                    collisions += 1;
                    Counts::add(&self.counts.collisions, 1);
                }
                // Each may bring about decisions, which say of every action how it fared.
                Err(Undone::Failed(keep::Error::TooLarge { .. })) if items.len() > 1 => return Err(Undone::TooMuch),
                done => return done,
            }
        }
    }

    pub(crate) fn count(&self, took: &[Took]) {
        for took in took {
            match took {
                Took::Stored => Counts::add(&self.counts.stored, 1),
                Took::Duplicate => Counts::add(&self.counts.duplicates, 1),
                Took::Refused { reason, .. } => self.counts.add_refused(reason.name()),
            }
        }
    }

    async fn try_take(&self, items: &[&Item], now_us: i64, haste: Haste) -> Result<Vec<Took>, Undone> {
        let fit = || {
            items.iter().filter_map(|item| match item {
                Item::Fit { ids, text, parsed } => Some((ids, text, parsed)),
                Item::Refused { .. } => None,
            })
        };
        let (mut positions, mut keys): (HashMap<&[u8], usize>, Vec<Vec<u8>>) = (HashMap::new(), Vec::new());
        let position = |key| {
            *positions.entry(key).or_insert_with_key(|bytes| {
                keys.push(bytes.to_vec());
                keys.len() - 1
            })
        };
        let places: Vec<usize> =
            fit().flat_map(|(_, _, parsed)| &parsed.keys).map(Ranked::bytes).map(position).collect();
        let messages = fit().flat_map(|(ids, ..)| ids.all()).collect();
        let wanted = Wanted { generation: self.generation, messages, keys, customers: Vec::new() };
        let loaded = self.keep.load(&wanted).await?;
        let known = wanted.messages.iter().zip(&loaded.known).filter(|(_, known)| **known);
        let mut seen: HashSet<MessageId> = known.map(|(id, _)| *id).collect();
        let mut is_new = |ids: &Ids| {
            let is_new = !ids.all().any(|id| seen.contains(&id));
            seen.extend(ids.kept().filter(|_| is_new));
            is_new
        };
        let new: Vec<bool> = fit().map(|(ids, ..)| is_new(ids)).collect();
        let mut places = places.as_slice();
        let each = fit().map(|(ids, text, parsed)| {
            let (keys, others) = places.split_at(parsed.keys.len());
            places = others;
            Fresh { ids, text, parsed, keys }
        });
        let fresh: Vec<Fresh<'_>> = each.zip(&new).filter_map(|(fresh, new)| new.then_some(fresh)).collect();
        let mut work = Work::new(self, now_us);
        refuse(&mut work.commit, items, now_us);
        if !fresh.is_empty() {
            let (places, links) = (Vec::new(), Vec::new());
            let mut batch = Batch { engine: self, wanted, loaded, work, places, links, haste };
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
    pub(crate) async fn commit(
        &self,
        mut commit: Commit,
        aftermath: Aftermath,
    ) -> Result<keep::Committed, keep::Error> {
        let links = commit.links.clone();
        let targets: BTreeSet<String> = commit.posts.iter().map(|post| post.target.clone()).collect();
        let entries = commit.entries.len() as u64;
        // Of what else history wants to know the log tells.
        let is_told = commit.entries.iter().all(|entry| IN_TAIL.contains(&entry.kind));
        let brings_terms = self.terms.come_along(&mut commit);
        let committed = self.keep.commit(commit).await?;
        if brings_terms {
            self.terms.are_kept();
        }
        if let Some(events) = aftermath.events.filter(|_| is_told) {
            self.tail.add(committed.position, committed.position + entries, events);
        }
        Counts::add(&self.counts.decided, aftermath.decided);
        Counts::add(&self.counts.undecided, aftermath.undecided);
        self.remember_links(&links);
        for target in &targets {
            self.posted(target);
        }
        self.tell(aftermath.changes);
        if aftermath.teaches {
            // What cannot be read now is learnt a little later.
            let _ = self.learn_until(committed.position + entries).await;
        }
        Ok(committed)
    }
}

/// What became of each message; `new` says it of the events among them.
fn told(items: &[&Item], new: &[bool]) -> Vec<Took> {
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
fn refuse(commit: &mut Commit, items: &[&Item], now_us: i64) {
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
    work: Work<'e>,
    /// By key of `wanted`.
    places: Vec<Place>,
    /// Evidence that is not known to be kept.
    links: Vec<Link>,
    haste: Haste,
}

impl Batch<'_> {
    /// Gives numbers to new keys, and finds the evidence.
    async fn place(&mut self, fresh: &[Fresh<'_>]) -> Result<(), keep::Error> {
        // Keys of duplicates stay as they are.
        let mut used = vec![false; self.wanted.keys.len()];
        for key in fresh.iter().flat_map(|fresh| fresh.keys) {
            used[*key] = true;
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
        let mut links: Vec<Link> = Vec::with_capacity(fresh.len());
        for Fresh { parsed, keys, .. } in fresh {
            // The first is the one of the highest rank.
            let [first, others @ ..] = *keys else { continue };
            let (first, at_us) = (self.places[*first].number, said::evidence_us(parsed.at_us));
            let others = others.iter().map(|other| self.places[*other].number);
            links.extend(others.map(|other| Link {
                low: first.min(other),
                high: first.max(other),
                undo: false,
                at_us,
            }));
        }
        // Of each pair the earliest evidence.
        links.sort_unstable_by_key(|link| (link.low, link.high, link.at_us));
        links.dedup_by_key(|link| (link.low, link.high));
        let new: HashSet<KeyNumber> = self.places.iter().filter(|place| place.new).map(|place| place.number).collect();
        let (mut links, known): (Vec<Link>, Vec<Link>) =
            links.into_iter().partition(|link| new.contains(&link.low) || new.contains(&link.high));
        links.append(&mut self.engine.not_kept(known).await?);
        self.links = links;
        Ok(())
    }

    /// Has all keys of somebody new be one customer's, who is named by the oldest of them, and gives those keys.
    fn admit_newcomers(&mut self, fresh: &[Fresh<'_>]) -> HashSet<KeyNumber> {
        let keys = self.places.iter().zip(&self.wanted.keys);
        let came: Vec<Came<'_>> = keys
            .map(|(place, bytes)| Came { kind: key_of(bytes).map_or("", |(kind, _)| kind), is_new: place.new })
            .collect();
        let messages: Vec<&[usize]> = fresh.iter().map(|fresh| fresh.keys).collect();
        let mut theirs = HashSet::new();
        for keys in newcomers(&came, &messages) {
            let oldest = keys.iter().map(|key| self.places[*key].customer).min().expect("there are several");
            for key in keys {
                let place = &mut self.places[*key];
                theirs.insert(place.number);
                let alone = std::mem::replace(&mut place.customer, oldest);
                if alone != oldest {
                    self.work.is_another(alone);
                }
            }
        }
        theirs
    }

    /// Messages of which it has to be found out whose they are: their keys are several customers', or there is evidence about others
    /// than `newcomers`.
    fn unclear<'f>(&self, fresh: &[Fresh<'f>], newcomers: &HashSet<KeyNumber>) -> BTreeSet<&'f usize> {
        let ends = self.links.iter().flat_map(|link| [link.low, link.high]);
        let evident: HashSet<KeyNumber> = ends.filter(|number| !newcomers.contains(number)).collect();
        let is_unclear = |keys: &[usize]| {
            let places = || keys.iter().map(|key| self.places[*key]);
            let first = places().next().map(|place| place.customer);
            keys.len() > 1 && places().any(|place| Some(place.customer) != first || evident.contains(&place.number))
        };
        fresh.iter().filter(|fresh| is_unclear(fresh.keys)).flat_map(|fresh| fresh.keys).collect()
    }

    /// Who is who now, and every message to its customer.
    async fn resolve_and_take(&mut self, fresh: &[Fresh<'_>]) -> Result<(), Undone> {
        self.work.admit_all(&self.loaded);
        let newcomers = self.admit_newcomers(fresh);
        let unclear = self.unclear(fresh, &newcomers);
        let around = if unclear.is_empty() { None } else { self.look(&unclear).await? };
        if around.is_none() && !unclear.is_empty() {
            if fresh.len() > 1 {
                return Err(Undone::TooMuch);
            }
            Counts::add(&self.engine.counts.unresolved, 1);
        }
        if let Some(around) = &around {
            let moved = around.moved();
            self.engine.move_people(&mut self.work, around, &moved).await?;
            let mut at: HashMap<KeyNumber, usize> = HashMap::new();
            at.extend(self.places.iter().enumerate().map(|(at, place)| (place.number, at)));
            for moved in moved {
                let place = at.get(&moved.key.number).map(|at| &mut self.places[*at]);
                let is_new = place.is_some_and(|place| {
                    place.customer = moved.key.customer;
                    place.new
                });
                if !is_new {
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
        // What fell due meanwhile is told before what comes now.
        self.rebuild_all(around.as_ref()).await?;
        self.work.wake_overdue();
        let whose: Vec<Customer> = fresh.iter().map(|fresh| self.whose(fresh, around.as_ref())).collect();
        // What waited until now is decided on as things stood, but for what is refused now.
        self.hear(fresh, &whose);
        self.engine.decide_postponed(&mut self.work).await?;
        // Each event is decided on as things stand with it, and not with what comes after it. Where a state is known only once it
        // is built anew, that is done first, for so many of a batch: of the others, it is done once, at the end.
        let (mut rebuilt, mut waiting): (usize, Vec<(Customer, &Fresh<'_>)>) = (0, Vec::new());
        for (each @ Fresh { ids, text, parsed, .. }, customer) in fresh.iter().zip(whose) {
            self.work.commit.messages.extend(ids.kept());
            self.work.take_message(customer, parsed, text);
            if !self.engine.acts_after(parsed.at_us, self.work.now_us) {
                continue;
            }
            if rebuilt < REBUILT_AT_ONCE
                && let Some(until_us) = self.work.anew.remove(&customer)
            {
                rebuilt += 1;
                self.rebuild(BTreeMap::from([(customer, until_us)]), around.as_ref()).await?;
            }
            if self.work.anew.contains_key(&customer) {
                waiting.push((customer, each));
            } else {
                self.decide_after(customer, each);
            }
        }
        self.rebuild_all(around.as_ref()).await?;
        for (customer, each) in waiting {
            self.decide_after(customer, each);
        }
        Ok(self.engine.decide_woken(&mut self.work).await?)
    }

    /// Has those for whom something waited until now have said already what they say with these messages of purposes: a refusal counts
    /// for the actions that it is about, and for no other. Said once more with its message, it changes nothing.
    fn hear(&mut self, fresh: &[Fresh<'_>], whose: &[Customer]) {
        for (fresh, customer) in fresh.iter().zip(whose) {
            if self.work.woken.get(customer).is_some_and(|woken| !woken.again.is_empty()) {
                for consent in &fresh.parsed.consents {
                    self.work.step(*customer, Input::Consent(consent));
                }
            }
        }
    }

    /// Whose a message is.
    fn whose(&self, fresh: &Fresh<'_>, around: Option<&Around>) -> Customer {
        let numbers = || fresh.keys.iter().map(|key| self.places[*key].number);
        // With others nothing changes: they are in it by some of their keys at most, as neighbours of a key that many share.
        let around = around.filter(|around| fresh.keys.len() > 1 && numbers().all(|number| around.has_inside(number)));
        let customer = around.and_then(|around| around.whose_of(&numbers().collect::<Vec<_>>()));
        customer.unwrap_or_else(|| self.places[fresh.keys[0]].customer)
    }

    /// Builds anew what has to be.
    async fn rebuild_all(&mut self, around: Option<&Around>) -> Result<(), Undone> {
        let anew = std::mem::take(&mut self.work.anew);
        self.rebuild(anew, around).await
    }

    async fn rebuild(&mut self, anew: BTreeMap<Customer, i64>, around: Option<&Around>) -> Result<(), Undone> {
        if anew.is_empty() {
            return Ok(());
        }
        if self.haste == Haste::OthersWait {
            return Err(Undone::TakesHistory);
        }
        Ok(self.engine.rebuild(&mut self.work, anew, around).await?)
    }

    /// Each event may bring about an action by itself, whatever comes together with it.
    fn decide_after(&mut self, customer: Customer, Fresh { ids, parsed, keys, .. }: &Fresh<'_>) {
        // The first that is the customer's: one of a higher rank may be shared by too many.
        let theirs = keys.iter().position(|key| self.places[*key].customer == customer).unwrap_or_default();
        let filed = customer_named_by(self.places[keys[theirs]].number);
        let subject = parsed.keys.get(theirs).map_or("", Ranked::value);
        let named = Named { filed, subject };
        self.engine.decide_after(&mut self.work, customer, named, occasion_of(&ids.own.0), parsed.at_us);
    }

    async fn look(&self, unclear: &BTreeSet<&usize>) -> Result<Option<Around>, keep::Error> {
        let seed = |key: &&usize| {
            let (place, bytes) = (self.places[**key], self.wanted.keys[**key].clone());
            Seed { number: place.number, customer: place.customer, bytes, new: place.new }
        };
        let seeds: Vec<Seed> = unclear.iter().map(seed).collect();
        Around::look(&*self.engine.keep, &self.engine.rules, &seeds, &self.links, Most::IN_A_REQUEST).await
    }
}
