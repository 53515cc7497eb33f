//! Erasing a customer from live state.
//!
//! The log is found by the number of a customer, and that is no answer to whose an entry is: what came by a key before it was
//! found to be the customer's stands under the number of that key, and what came by a key that was taken from the customer
//! since stands under the customer's own. So each entry that may be theirs is asked whose it is, as when a state is built anew.

use std::collections::{BTreeMap, BTreeSet};

use keep::{Customer, Erased, Fate, KeyNumber, Logged, Wanted};
use listen::stitch::Rules;

use crate::counts::Counts;
use crate::engine::Engine;
use crate::entry::{self, StoredPair, kind};
use crate::error::Error;
use crate::identity::{Around, Most, Seed};
use crate::limits::{COLLISIONS_MAX, LOG_AT_ONCE};
use crate::message::{key_bytes, key_of};
use crate::rebuild::filed;
use crate::take::NOBODY;
use crate::work::Work;

/// What an erasure deleted, and by which keys those were known who were erased.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Forgotten {
    /// How much of what.
    pub erased: Erased,
    /// Their keys, each as kind and value.
    pub keys: BTreeSet<(String, String)>,
}

impl Forgotten {
    /// Adds what was erased after it.
    pub fn add(&mut self, more: Self) {
        self.add_erased(more.erased);
        self.keys.extend(more.keys);
    }

    fn add_erased(&mut self, more: Erased) {
        let erased = &mut self.erased;
        erased.states += more.states;
        erased.timers += more.timers;
        erased.deliveries += more.deliveries;
        erased.keys.extend(more.keys);
        erased.links += more.links;
        erased.entries += more.entries;
    }
}

/// Customers who are to be erased.
struct Gone {
    keys: BTreeSet<KeyNumber>,
    /// The same as bytes, and those that were asked for: whoever repeats this may find them no more.
    bytes: BTreeSet<Vec<u8>>,
    /// Those of their keys, and so their own: whatever is kept under one of them is theirs, but for entries of the log.
    numbers: BTreeSet<Customer>,
    /// Under which entries of theirs may stand besides.
    elsewhere: BTreeSet<Customer>,
    /// Keys that have to do with theirs, and are not: linked by evidence that is not followed, or once one with them.
    others: Vec<Seed>,
    around: Around,
}

impl Gone {
    /// Whether an entry that is nobody's may name one of their keys, as it is written by these rules or was when it was said. What was
    /// said of two others is to reach history still. Where nobody is known by these keys, neither do messages go that were refused and
    /// that none of them stands in: the key may be mistyped.
    fn is_in(&self, logged: &Logged, rules: &Rules) -> bool {
        if !matches!(logged.kind, kind::LINK | kind::UNLINK) {
            return !self.keys.is_empty() || self.bytes.iter().any(|key| stands_in(key, &logged.bytes));
        }
        let said = entry::read::<StoredPair>(&logged.bytes, logged.position);
        let is_theirs = |kind: &str, value: &str| self.bytes.contains(&key_bytes(kind, value));
        said.map_or(true, |StoredPair { a, b }| {
            [a, b].iter().any(|(kind, value)| {
                is_theirs(kind, value) || rules.comparable(kind, value).is_some_and(|now| is_theirs(kind, &now))
            })
        })
    }
}

/// Whether the value of a key may stand in a text, however it is written there.
fn stands_in(key: &[u8], text: &[u8]) -> bool {
    let plain = |text: &[u8]| -> Vec<u8> {
        text.iter().filter(|byte| byte.is_ascii_alphanumeric()).map(u8::to_ascii_lowercase).collect()
    };
    let value = key_of(key).map_or("", |(_, value)| value);
    let (name, text) = (plain(value.as_bytes()), plain(text));
    // In JSON there are several ways to write what is not ASCII.
    !value.is_ascii() || name.is_empty() || text.windows(name.len()).any(|part| part == name)
}

impl Engine {
    /// Erases the customers whose these keys are, each as kind and value: states, timers, deliveries, keys, links, and what
    /// the log has of them, whatever number it is filed under. Messages that were refused go with them, whoever sent them,
    /// because nobody knows whose they are (where nobody is known by these keys, those in which one stands), and so do entries
    /// about what people said of two keys, where it is one of theirs: what was said stays in force, and history must have all of
    /// the log before. All others are as if they had never been linked with
    /// them; what they sent stays as they sent it, also where it names a device that they shared.
    ///
    /// # Errors
    /// When what is kept cannot be reached. It may be repeated.
    pub async fn erase(&self, keys: &[(String, String)]) -> Result<Forgotten, Error> {
        let comparable = |(kind, value): &(String, String)| Some(key_bytes(kind, &self.rules.comparable(kind, value)?));
        let given: Vec<Vec<u8>> = keys.iter().map(|(kind, value)| key_bytes(kind, value)).collect();
        let now = keys.iter().zip(&given).map(|(key, given)| comparable(key).unwrap_or_else(|| given.clone()));
        let mut wanted = Wanted { generation: self.generation, keys: now.collect(), ..Wanted::default() };
        // What nobody is known by may be kept as other rules wrote it when it came.
        let there = self.keep.load(&wanted).await?.keys;
        wanted.keys.extend(given.into_iter().zip(there).filter(|(_, there)| there.is_none()).map(|(given, _)| given));
        let known: BTreeSet<Customer> =
            self.keep.load(&wanted).await?.keys.into_iter().flatten().map(|(_, customer)| customer).collect();
        // Other rules may not have reached them yet.
        self.read_again(&known.into_iter().collect::<Vec<_>>(), false).await?;
        let _alone = self.together.write().await;
        let (mut collisions, mut forgotten, mut taken_for_them) = (0, Forgotten::default(), BTreeSet::new());
        loop {
            match self.try_erase(&wanted, &mut taken_for_them, &mut forgotten).await {
                Err(keep::Error::Conflict(_)) if collisions < COLLISIONS_MAX => {
                    collisions += 1;
                    Counts::add(&self.counts.collisions, 1);
                }
                done => break done?,
            }
        }
        self.tail.clear();
        Ok(forgotten)
    }

    /// Erases whomever these keys lead to, and adds what that was. Where another node has found them to be one with somebody
    /// meanwhile, or one of their keys to be somebody else's, it is a conflict: then they are to be looked for once more.
    /// `taken_for_them` has the keys that were found to be theirs before, by which entries of the log may have gone.
    async fn try_erase(
        &self,
        wanted: &Wanted,
        taken_for_them: &mut BTreeSet<Vec<u8>>,
        forgotten: &mut Forgotten,
    ) -> Result<(), keep::Error> {
        let gone = self.gone(wanted).await?;
        self.build_others_anew(&*taken_for_them - &gone.bytes).await?;
        taken_for_them.extend(gone.bytes.iter().cloned());
        let numbers: Vec<Customer> = gone.numbers.iter().copied().collect();
        let under: BTreeSet<Customer> = &(&gone.numbers | &gone.elsewhere) | &BTreeSet::from([NOBODY]);
        let end = self.keep.log_span().await?.end;
        let fates = self.fates(&under.into_iter().collect::<Vec<_>>(), 0, &gone).await?;
        forgotten.erased.entries += self.settle_others(&gone, &fates).await?;
        // The log first, which takes long; what names them last, so that whoever repeats this finds them.
        let of_nobody = BTreeSet::new();
        forgotten.erased.entries += self.keep.erase(&[], &of_nobody, &fates).await?.entries;
        let erased = self.keep.erase(&numbers, &gone.keys, &BTreeMap::new()).await?;
        let named = erased.keys.iter().filter_map(|key| key_of(&key.bytes));
        forgotten.keys.extend(named.map(|(kind, value)| (kind.to_owned(), value.to_owned())));
        forgotten.add_erased(erased);
        // What another node has taken in since the log was read; now it knows them no more.
        let mut fates = self.fates(&[NOBODY], end, &gone).await?;
        loop {
            fates.extend(self.fates(&numbers, 0, &gone).await?);
            if fates.is_empty() {
                return Ok(());
            }
            let fates = std::mem::take(&mut fates);
            forgotten.erased.entries += self.keep.erase(&[], &of_nobody, &fates).await?.entries;
        }
    }

    /// Builds anew whoever has one of these keys: entries of the log may have gone that their states follow from.
    async fn build_others_anew(&self, keys: BTreeSet<Vec<u8>>) -> Result<(), keep::Error> {
        if keys.is_empty() {
            return Ok(());
        }
        let wanted = Wanted { generation: self.generation, keys: keys.into_iter().collect(), ..Wanted::default() };
        let loaded = self.keep.load(&wanted).await?;
        let mut work = Work::new(self, self.clock.now_us());
        work.admit_all(&loaded);
        for (_, customer) in loaded.keys.into_iter().flatten() {
            let now_us = work.now_us;
            work.empty(customer, &[], now_us);
        }
        let anew = std::mem::take(&mut work.anew);
        self.rebuild(&mut work, anew, None).await?;
        let (commit, aftermath) = work.finish();
        self.commit(commit, aftermath).await.map(drop)
    }

    async fn gone(&self, wanted: &Wanted) -> Result<Gone, keep::Error> {
        let loaded = self.keep.load(wanted).await?;
        let customers: BTreeSet<Customer> = loaded.keys.iter().flatten().map(|(_, customer)| *customer).collect();
        let mut work = Work::new(self, self.clock.now_us());
        work.admit_all(&loaded);
        let elsewhere: BTreeSet<i64> =
            customers.iter().flat_map(|customer| work.person(*customer).profile.elsewhere.clone()).collect();
        let theirs = self.keep.keys_of(&customers.iter().copied().collect::<Vec<_>>()).await?;
        let keys: BTreeSet<KeyNumber> = theirs.iter().map(|key| key.number).collect();
        let bytes = theirs.iter().map(|key| &key.bytes).chain(&wanted.keys).cloned().collect();
        let linked: BTreeSet<KeyNumber> = {
            let numbers: Vec<KeyNumber> = keys.iter().copied().collect();
            let links = self.keep.links(&numbers, usize::MAX).await?;
            &links.iter().flat_map(|link| [link.low, link.high]).collect::<BTreeSet<_>>() - &keys
        };
        let others = elsewhere.iter().filter_map(|number| u32::try_from(*number).ok()).map(KeyNumber);
        let others: BTreeSet<KeyNumber> = others.filter(|number| !keys.contains(number)).chain(linked).collect();
        let others: Vec<Seed> =
            self.keep.keys(&others.into_iter().collect::<Vec<_>>()).await?.into_iter().map(Seed::from).collect();
        let seeds: Vec<Seed> = theirs.into_iter().map(Seed::from).chain(others.iter().cloned()).collect();
        let around = Around::look(&*self.keep, &self.rules, &seeds, &[], Most::ALL).await?;
        let around = around.expect("everything is looked at");
        let own = keys.iter().map(|number| Customer(number.0.into()));
        let numbers = own.chain(customers).collect();
        Ok(Gone { keys, bytes, numbers, elsewhere: elsewhere.into_iter().map(Customer).collect(), others, around })
    }

    /// What becomes of entries under these numbers, from this position of the log on. One of somebody else stays, and is filed under its own number where that
    /// would not be clear any more without the links that go.
    async fn fates(&self, under: &[Customer], from: u64, gone: &Gone) -> Result<BTreeMap<u64, Fate>, keep::Error> {
        let (mut fates, mut before) = (BTreeMap::new(), u64::MAX);
        while before > from {
            let mut page = self.keep.log_of(under, before, LOG_AT_ONCE).await?;
            let Some(last) = page.last() else { break };
            before = last.position;
            page.retain(|logged| logged.position >= from);
            let whose = self.recall_each(&gone.around, &page).await?;
            for (logged, (whose, _)) in page.iter().zip(whose) {
                let is_theirs = if logged.customer == NOBODY {
                    gone.is_in(logged, &self.rules)
                } else {
                    gone.numbers.contains(&whose)
                };
                if is_theirs {
                    fates.insert(logged.position, Fate::Emptied);
                } else if logged.customer != NOBODY && whose != filed(Some(&gone.around), logged.customer) {
                    fates.insert(logged.position, Fate::FiledUnder(whose));
                }
            }
        }
        Ok(fates)
    }

    /// Has everybody else be who they are without the links that go: a key that too many people used may glue again. Returns how
    /// many entries were erased on the way.
    async fn settle_others(&self, gone: &Gone, fates: &BTreeMap<u64, Fate>) -> Result<u64, keep::Error> {
        let around = Around::look_without(&*self.keep, &self.rules, &gone.others, &[], &gone.keys, Most::ALL).await?;
        let around = around.expect("everything is looked at");
        let moved = around.moved();
        if moved.is_empty() && around.unsettled().is_empty() {
            return Ok(0);
        }
        // What is to go goes first, so that none of it finds its way into others; the keys go last, so that whoever repeats this
        // finds them.
        let erased = self.keep.erase(&[], &BTreeSet::new(), fates).await?;
        let mut work = Work::new(self, self.clock.now_us());
        self.move_people(&mut work, &around, &moved).await?;
        work.commit.keys.extend(moved.into_iter().map(|moved| moved.key));
        let anew = std::mem::take(&mut work.anew);
        self.rebuild(&mut work, anew, Some(&around)).await?;
        let (commit, aftermath) = work.finish();
        self.commit(commit, aftermath).await?;
        Ok(erased.entries)
    }
}
