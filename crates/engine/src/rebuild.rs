//! Building states anew from the log: for an event that came too late, customers that fell apart or grew together, another
//! charter.

use std::collections::{BTreeMap, BTreeSet};

use act::{Consent, Drawn, History, Noted, Plan, Postponed, State, Taken};
use event::Timestamp;
use keep::{Customer, Entry, KeyNumber, Logged, Wanted};
use listen::intake;
use serde::{Deserialize, Serialize};

use crate::engine::Engine;
use crate::entry::{self, StoredDecision, StoredMessage, StoredPostponed, kind};
use crate::error::Error;
use crate::identity::{Around, Most, Moved, Seed, WhoIsWho};
use crate::message::{Ranked, consents_of, keys_of, names_somebody};
use crate::profile::Profile;
use crate::work::Work;

/// What is known of one customer, as it went into the log.
#[derive(Debug, Clone, Default)]
pub(crate) struct Past {
    history: History,
    last_seq: u64,
}

/// One thing of it.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Recalled {
    /// With its place in the order of arrival; it may be one that nothing follows from.
    Event(u64, Option<Noted>, Vec<Consent>),
    Consent(Consent),
    Decision(Drawn, Option<Taken>),
    Postponed(Postponed),
}

impl Past {
    pub(crate) fn add(&mut self, recalled: Recalled) {
        match recalled {
            Recalled::Event(seq, noted, consents) => {
                self.last_seq = self.last_seq.max(seq);
                self.history.events.extend(noted);
                self.history.consents.extend(consents);
            }
            Recalled::Consent(consent) => self.history.consents.push(consent),
            Recalled::Decision(drawn, taken) => {
                self.history.drawn.push(drawn);
                self.history.decided.extend(taken);
            }
            Recalled::Postponed(postponed) => self.history.postponed.push(postponed),
        }
    }

    /// Has it refused what it refused while it was one with others; says whether nothing else in it says so.
    fn refuse(&mut self, refused: &Consent) -> bool {
        let word = |consent: &Consent| (consent.at_us, !consent.granted);
        let mut said = self.history.consents.iter().filter(|consent| consent.purpose == refused.purpose);
        let is_new = !said.any(|consent| word(consent) >= word(refused));
        self.history.consents.extend(is_new.then(|| refused.clone()));
        is_new
    }

    /// Whether anything happened.
    pub(crate) fn has_events(&self) -> bool {
        !self.history.events.is_empty()
    }

    /// The state that follows, looked at until a time.
    pub(crate) fn state(self, plan: &Plan, until_us: i64) -> State {
        self.history.state(plan, Timestamp::from_micros(until_us))
    }

    /// The same, as it is kept.
    pub(crate) fn profile(self, plan: &Plan, until_us: i64) -> Profile {
        let (last_seq, state) = (self.last_seq, self.state(plan, until_us));
        Profile { last_seq, wake_us: state.wake_us(plan), elsewhere: Vec::new(), state }
    }
}

/// Whose a number of the log is: the number of a customer is that of one of its keys.
pub(crate) fn filed(who: Option<&dyn WhoIsWho>, customer: Customer) -> Customer {
    let number = u32::try_from(customer.0).ok().map(KeyNumber);
    number.and_then(|number| who?.customer_of(number)).unwrap_or(customer)
}

/// Under which numbers entries of these customers may stand in the log: any of their keys may have named them once.
pub(crate) fn numbers_of(around: &Around, customers: &BTreeSet<Customer>) -> Vec<i64> {
    around.numbers_of(customers).iter().map(|number| i64::from(number.0)).collect()
}

impl Engine {
    /// Carries out that keys belong to other customers now.
    pub(crate) async fn move_people(
        &self,
        work: &mut Work<'_>,
        around: &Around,
        moved: &[Moved],
    ) -> Result<(), keep::Error> {
        let unsettled = around.unsettled();
        if moved.is_empty() && unsettled.is_empty() {
            return Ok(());
        }
        let of_moved = moved.iter().flat_map(|moved| [moved.from, moved.key.customer]);
        let concerned: BTreeSet<Customer> = of_moved.chain(unsettled.iter().copied()).collect();
        let customers = concerned.iter().copied().collect();
        let wanted = Wanted { generation: self.generation, customers, ..Wanted::default() };
        for stored in &self.keep.load(&wanted).await?.states {
            work.admit(stored);
        }
        for from in moved.iter().map(|moved| moved.from).collect::<BTreeSet<_>>() {
            let now = around.now_of(from);
            match now.iter().copied().collect::<Vec<_>>().as_slice() {
                [to] if *to != from => work.join(from, *to),
                _ => {
                    let mut elsewhere = work.person(from).profile.elsewhere.clone();
                    elsewhere.extend(numbers_of(around, &BTreeSet::from([from])));
                    let until_us = work.told_until_us(from);
                    let refused = work.person(from).profile.refused();
                    for customer in &now {
                        work.empty(*customer, &elsewhere, until_us);
                        // Whose word it was is not sure: nobody is to be contacted who may have said no.
                        work.refused.entry(*customer).or_default().extend_from_slice(&refused);
                    }
                    if !now.contains(&from) {
                        work.leave(from);
                    }
                }
            }
        }
        let mut others = numbers_of(around, &unsettled);
        others.extend(unsettled.iter().flat_map(|customer| work.person(*customer).profile.elsewhere.clone()));
        for customer in &unsettled {
            work.empty(*customer, &others, work.now_us);
        }
        Ok(())
    }

    /// Builds the states of these customers anew, from the log and from what this batch adds to it, each up to when all that fell
    /// due was told. `around` is what was looked at because of what changes; a customer with whom nothing changes need not be in
    /// it.
    pub(crate) async fn rebuild(
        &self,
        work: &mut Work<'_>,
        customers: BTreeMap<Customer, i64>,
        around: Option<&Around>,
    ) -> Result<(), keep::Error> {
        let covered = |customer: Customer| around.is_some_and(|around| around.covers(customer));
        let (near, far): (BTreeMap<_, _>, BTreeMap<_, _>) =
            customers.into_iter().partition(|(customer, _)| covered(*customer));
        if let Some(around) = around.filter(|_| !near.is_empty()) {
            self.rebuild_within(work, near, around).await?;
        }
        if far.is_empty() {
            return Ok(());
        }
        if let Some(around) = self.around(far.keys().copied().collect(), Most::IN_A_REQUEST).await? {
            return self.rebuild_within(work, far, &around).await;
        }
        // Where there is too much around all of them, each is looked at alone, and then whatever there is: without it, what
        // stands under their other keys would be lost.
        for (customer, until_us) in far {
            let around = self.around(vec![customer], Most::ALL).await?.expect("everything is looked at");
            self.rebuild_within(work, BTreeMap::from([(customer, until_us)]), &around).await?;
        }
        Ok(())
    }

    async fn rebuild_within(
        &self,
        work: &mut Work<'_>,
        until_us: BTreeMap<Customer, i64>,
        around: &Around,
    ) -> Result<(), keep::Error> {
        let customers: BTreeSet<Customer> = until_us.keys().copied().collect();
        let mut numbers: BTreeSet<i64> = customers.iter().map(|customer| customer.0).collect();
        numbers.extend(numbers_of(around, &customers));
        for customer in &customers {
            numbers.extend(work.person(*customer).profile.elsewhere.iter());
        }
        let mut pasts: BTreeMap<Customer, Past> = customers.iter().map(|c| (*c, Past::default())).collect();
        let mut entries = self.entries_of(&numbers.iter().copied().map(Customer).collect::<Vec<_>>()).await?;
        let of_now = work.commit.entries.iter().filter(|entry| numbers.contains(&entry.customer.0));
        entries.extend(of_now.cloned().map(|Entry { customer, kind, at_us, bytes }| {
            // It gets its position when it is committed.
            Logged { position: u64::MAX, customer, kind, at_us, bytes, erased: false }
        }));
        for (whose, recalled) in self.recall_each(around, &entries).await? {
            if let (Some(past), Some(recalled)) = (pasts.get_mut(&whose), recalled) {
                past.add(recalled);
            }
        }
        for (customer, mut past) in pasts {
            let mut refused = work.refused.remove(&customer).unwrap_or_default();
            refused.retain(|consent| past.refuse(consent));
            let entries = refused.iter().map(|consent| Entry {
                customer,
                kind: kind::CONSENT,
                at_us: work.now_us,
                bytes: entry::bytes(consent),
            });
            work.commit.entries.extend(entries);
            let mut profile = past.profile(&self.plan, until_us[&customer]);
            let before = &work.person(customer).profile;
            profile.last_seq = profile.last_seq.max(before.last_seq);
            profile.elsewhere.clone_from(&before.elsewhere);
            work.replace(customer, profile);
        }
        Ok(())
    }

    pub(crate) async fn around(&self, customers: Vec<Customer>, most: Most) -> Result<Option<Around>, keep::Error> {
        let keys = self.keep.keys_of(&customers).await?;
        let seeds: Vec<Seed> = keys.into_iter().map(Seed::from).collect();
        Around::look(&*self.keep, &self.rules, &seeds, &[], most).await
    }

    /// What a state has to take in of a decision, which may be one by another charter: then the action is what has its name now.
    fn taken_by(&self, stored: &StoredDecision<'_>) -> Option<Taken> {
        let taken = stored.decision.taken()?;
        if stored.charter() == self.charter().hash {
            return Some(taken);
        }
        let name = stored.taken?;
        let action = self.charter().actions.iter().position(|action| action.name == name)?;
        let action = u32::try_from(action).expect("a charter has fewer actions");
        // Where the numbers in which the customer was known mean something else now, nothing can be learnt from them.
        let same_model = stored.model.is_some() && stored.model == self.plan.model(action as usize);
        let features = if same_model { taken.features } else { Vec::new() };
        Some(Taken { action, features, ..taken })
    }

    /// Of each entry of the log, whose it is now and what it says, if anything. Somebody may be among them whom nobody has looked
    /// at, who was one with the others once.
    pub(crate) async fn recall_each(
        &self,
        around: &Around,
        entries: &[Logged],
    ) -> Result<Vec<(Customer, Option<Recalled>)>, keep::Error> {
        let who = Some(around as &dyn WhoIsWho);
        let mut each = Vec::with_capacity(entries.len());
        let mut strange: BTreeMap<Vec<u8>, Vec<usize>> = BTreeMap::new();
        for (at, logged) in entries.iter().enumerate() {
            let mut note =
                |keys: &[Ranked]| keys.iter().for_each(|key| strange.entry(key.bytes().to_vec()).or_default().push(at));
            let recalled = self.recall(who, logged, &mut note);
            each.push(match recalled.map_err(|error| keep::Error::Corrupt { what: error.to_string() })? {
                Some((whose, recalled)) => (whose, Some(recalled)),
                None => (filed(who, logged.customer), None),
            });
        }
        if !strange.is_empty() {
            let wanted =
                Wanted { generation: self.generation, keys: strange.keys().cloned().collect(), ..Wanted::default() };
            let known = self.keep.load(&wanted).await?.keys;
            for (places, known) in strange.values().zip(known) {
                if let Some((_, customer)) = known {
                    for at in places {
                        each[*at].0 = customer;
                    }
                }
            }
        }
        Ok(each)
    }

    /// What an entry of the log says, and whose it is now; `None` where it says nothing about a customer. Of a message of whose
    /// keys nobody knows any, which goes by the number it is filed under, the keys are told to `strange`.
    pub(crate) fn recall<B: AsRef<[u8]>>(
        &self,
        who: Option<&dyn WhoIsWho>,
        logged: &Logged<B>,
        strange: &mut dyn FnMut(&[Ranked]),
    ) -> Result<Option<(Customer, Recalled)>, Error> {
        let (bytes, position) = (logged.bytes.as_ref(), logged.position);
        let by_number = || filed(who, logged.customer);
        Ok(match logged.kind {
            kind::MESSAGE => {
                let stored: StoredMessage<'_> = entry::read(bytes, position)?;
                let mut recalled = None;
                let read = intake::replay(stored.text, &self.sources, &mut |event| {
                    let whose = if let Some(sure) = who.and_then(|who| who.sure(logged.customer)) {
                        names_somebody(event, &self.rules).then_some(sure)
                    } else {
                        let keys = keys_of(event, &self.rules).ok();
                        keys.map(|keys| {
                            who.and_then(|who| who.whose(&keys)).unwrap_or_else(|| {
                                strange(&keys);
                                by_number()
                            })
                        })
                    };
                    recalled = whose.map(|whose| {
                        let (noted, consents) = (self.plan.note(event, stored.seq), consents_of(event, stored.text));
                        (whose, Recalled::Event(stored.seq, noted, consents))
                    });
                    Ok(())
                });
                read.ok().and(recalled)
            }
            kind::CONSENT => Some((by_number(), Recalled::Consent(entry::read(bytes, position)?))),
            kind::DECISION => {
                let stored = StoredDecision::read(bytes, position)?;
                Some((by_number(), Recalled::Decision(stored.decision.drawn(), self.taken_by(&stored))))
            }
            kind::POSTPONED => {
                let stored: StoredPostponed<'_> = entry::read(bytes, position)?;
                Some((by_number(), Recalled::Postponed(stored.postponed)))
            }
            _ => None,
        })
    }
}
