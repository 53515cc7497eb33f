//! What becomes of a batch, before it is committed: the customers concerned, each stepped in memory, and all that follows.

use std::collections::{BTreeMap, BTreeSet};

use act::{Consent, Effects, Input, Lesson, step};
use event::Timestamp;
use hashbrown::HashMap;
use keep::{
    Change as StateBecomes, Commit, Customer, Entry, Loaded, StateChange, Stored, Timer, TimerId, Version, Was,
};

use crate::carried::Carried;
use crate::changes::{Change, Told};
use crate::counts::Counts;
use crate::engine::Engine;
use crate::entry::{self, StoredMessage, kind};
use crate::message::Parsed;
use crate::models::LESSONS;
use crate::profile::{Kept, Profile};

/// The one timer of a customer.
pub(crate) const WAKE: &[u8] = b"wake";

/// A customer in the middle of a batch.
#[derive(Debug)]
pub(crate) struct Person {
    version: Version,
    /// The timer that is set in what is kept.
    timer: Was,
    pub(crate) profile: Box<Profile>,
    /// It was found to be another one.
    gone: bool,
    touched: bool,
}

/// Somebody who was woken.
#[derive(Debug, Clone)]
pub(crate) struct Woken {
    /// The time of the timer.
    pub(crate) due_us: i64,
    /// Whether anything fell due.
    pub(crate) is_news: bool,
    /// What gave rise to what was postponed until now, and is not decided on yet.
    pub(crate) again: Vec<u64>,
}

/// A batch in the making.
#[derive(Debug)]
pub(crate) struct Work<'e> {
    pub(crate) engine: &'e Engine,
    pub(crate) now_us: i64,
    /// In no order, because they are looked for again and again.
    people: HashMap<Customer, Person>,
    /// Customers whose state has to be built anew from their history, each up to when all that fell due was told of it.
    pub(crate) anew: BTreeMap<Customer, i64>,
    /// What customers who fell apart refused as long as they were one: each of them refuses it still, whoever said it.
    pub(crate) refused: BTreeMap<Customer, Vec<Consent>>,
    /// Customers who were woken, and of whom something is to be decided by that, and is not yet.
    pub(crate) woken: BTreeMap<Customer, Woken>,
    pub(crate) commit: Commit,
    pub(crate) aftermath: Aftermath,
    /// What was learnt, in its order.
    lessons: Vec<Lesson>,
}

/// What follows once a batch is committed.
#[derive(Debug)]
pub(crate) struct Aftermath {
    /// What history wants to have; `None` where it reads it from the log.
    pub(crate) events: Option<Vec<Carried>>,
    pub(crate) changes: Vec<Change>,
    /// Whether there is something to learn.
    pub(crate) teaches: bool,
    /// Decisions for an action.
    pub(crate) decided: usize,
    /// Decisions for none.
    pub(crate) undecided: usize,
}

impl Aftermath {
    /// Counts a decision.
    pub(crate) fn count(&mut self, is_for_action: bool) {
        *(if is_for_action { &mut self.decided } else { &mut self.undecided }) += 1;
    }
}

impl<'e> Work<'e> {
    pub(crate) fn new(engine: &'e Engine, now_us: i64) -> Self {
        let commit = Commit { now_us, generation: engine.generation, ..Commit::default() };
        let (people, anew, refused, woken) = Default::default();
        let events = engine.tail.is_wanted().then(Vec::new);
        let aftermath = Aftermath { events, changes: Vec::new(), teaches: false, decided: 0, undecided: 0 };
        Self { engine, now_us, people, anew, refused, woken, commit, aftermath, lessons: Vec::new() }
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.now_us)
    }

    /// Puts in what was loaded before anything else.
    pub(crate) fn admit_all(&mut self, loaded: &Loaded) {
        self.commit.as_of = loaded.as_of;
        loaded.states.iter().for_each(|stored| self.admit(stored));
    }

    /// Puts in what is kept of a customer, unless it is there already.
    pub(crate) fn admit(&mut self, stored: &Stored) {
        if self.people.contains_key(&stored.customer) {
            return;
        }
        let plan = &self.engine.plan;
        // A timer is only ever set together with a state that says so.
        let mut timer = Was::Unset;
        let profile = match Kept::read(&stored.bytes, plan) {
            Kept::Profile(profile) => {
                timer = profile.wake_us.map_or(Was::Unset, Was::Due);
                profile
            }
            Kept::Nobody => Box::new(Profile::new(plan)),
            Kept::Moved => {
                timer = Was::Unknown;
                self.anew.insert(stored.customer, self.now_us);
                Box::new(Profile::new(plan))
            }
            Kept::Stale(stale) => {
                timer = Was::Unknown;
                self.anew.insert(stored.customer, stale.told_until_us(self.now_us));
                let mut profile = Box::new(Profile { elsewhere: stale.elsewhere, ..Profile::new(plan) });
                for consent in &stale.consents {
                    step(&mut profile.state, Input::Consent(consent), plan, Timestamp::from_micros(i64::MIN));
                }
                profile
            }
        };
        let person = Person { version: stored.version, timer, profile, gone: false, touched: false };
        self.people.insert(stored.customer, person);
    }

    /// A customer of the batch; somebody of whom nothing is kept is new.
    pub(crate) fn person(&mut self, customer: Customer) -> &mut Person {
        let plan = &self.engine.plan;
        self.people.entry(customer).or_insert_with(|| {
            let profile = Box::new(Profile::new(plan));
            Person { version: Version::NONE, timer: Was::Unset, profile, gone: false, touched: false }
        })
    }

    /// Wakes those whose timer should have gone off by now, before anything else happens to them: what they take in next would
    /// let the time pass, and their timer would have nothing left to act on.
    pub(crate) fn wake_overdue(&mut self) {
        let here = self.people.iter().filter(|(_, person)| !person.gone);
        let set = here.filter_map(|(customer, person)| Some((*customer, person.profile.wake_us?)));
        let mut overdue: Vec<(Customer, i64)> = set.filter(|(_, due_us)| *due_us <= self.now_us).collect();
        overdue.sort_unstable();
        for (customer, due_us) in overdue {
            self.wake(customer, due_us);
        }
    }

    /// The timer of a customer went off, and is not set any more.
    pub(crate) fn wake(&mut self, customer: Customer, due_us: i64) {
        let now_us = self.now_us;
        let person = self.person(customer);
        person.timer = Was::Unknown;
        let due = person.profile.state.postponed().iter().take_while(|postponed| postponed.until_us <= now_us);
        let again: Vec<u64> = due.map(|postponed| postponed.occasion).collect();
        let is_news = self.step(customer, Input::Wake);
        if is_news || !again.is_empty() {
            self.woken.insert(customer, Woken { due_us, is_news, again });
        }
    }

    /// Takes in a message: into the log, and into the customer's state.
    pub(crate) fn take_message(&mut self, customer: Customer, parsed: &Parsed, text: &str) {
        let (engine, now_us) = (self.engine, self.now_us);
        let person = self.person(customer);
        let seq = engine.next_seq(now_us, person.profile.last_seq);
        person.profile.last_seq = seq;
        let bytes = entry::bytes(&StoredMessage { seq, text });
        self.commit.entries.push(Entry { customer, kind: kind::MESSAGE, at_us: now_us, bytes });
        if let Some(event) = &parsed.event {
            if let Some(events) = &mut self.aftermath.events {
                events.push(event.clone());
            }
            event.with(|event| self.step(customer, Input::Event { event, seq }));
        }
        for consent in &parsed.consents {
            self.step(customer, Input::Consent(consent));
        }
    }

    /// Moves a customer's state by one input, and says whether there is news of it.
    pub(crate) fn step(&mut self, customer: Customer, input: Input<'_>) -> bool {
        let now = self.now();
        let engine = self.engine;
        let person = self.person(customer);
        person.touched = true;
        let effects = step(&mut person.profile.state, input, &engine.plan, now);
        person.profile.wake_us = effects.wake_us;
        let seen_us = person.profile.state.seen_us();
        if effects.replay {
            self.build_anew(customer, seen_us);
        }
        let is_news = !effects.news.is_empty();
        self.follow(customer, effects);
        is_news
    }

    /// A customer's state has to be built anew; all that fell due was told up to then.
    fn build_anew(&mut self, customer: Customer, told_until_us: i64) {
        let until_us = self.anew.entry(customer).or_insert(told_until_us);
        *until_us = told_until_us.min(*until_us);
    }

    /// Up to when all that fell due is told of a customer.
    pub(crate) fn told_until_us(&mut self, customer: Customer) -> i64 {
        let now_us = self.now_us;
        let of_anew = self.anew.get(&customer).copied();
        of_anew.unwrap_or_else(|| self.person(customer).profile.told_until_us(now_us))
    }

    fn follow(&mut self, customer: Customer, effects: Effects) {
        let engine = self.engine;
        self.lessons.extend(effects.lessons);
        if engine.is_watched() && !(effects.news.is_empty() && effects.withdrawn.is_empty()) {
            self.aftermath.changes.push(Change {
                customer: customer.0,
                news: Told::all(&effects.news, &engine.plan),
                withdrawn: Told::all(&effects.withdrawn, &engine.plan),
                action: None,
            });
        }
    }

    /// Says that an action was decided for.
    pub(crate) fn tell_action(&mut self, customer: Customer, action: &str) {
        if self.engine.is_watched() {
            let (news, withdrawn) = (Vec::new(), Vec::new());
            self.aftermath.changes.push(Change {
                customer: customer.0,
                news,
                withdrawn,
                action: Some(action.to_owned()),
            });
        }
    }

    /// One customer was found to be another: its state goes over, or both are built anew.
    pub(crate) fn join(&mut self, from: Customer, to: Customer) {
        let now = self.now();
        let plan = &self.engine.plan;
        if !self.people.contains_key(&from) {
            return;
        }
        let until_us = self.told_until_us(to).min(self.told_until_us(from));
        let is_anew = self.anew.remove(&from).is_some() || self.anew.contains_key(&to);
        let leaving = self.person(from);
        let other = std::mem::replace(&mut leaving.profile, Box::new(Profile::new(plan)));
        leaving.gone = true;
        leaving.touched = true;
        let person = self.person(to);
        person.touched = true;
        person.profile.last_seq = person.profile.last_seq.max(other.last_seq);
        person.profile.elsewhere.extend(&other.elsewhere);
        // The other's time would pass with it, so what is overdue has to be told before.
        if is_anew || until_us < now.as_micros() {
            return self.build_anew(to, until_us);
        }
        let mut effects = person.profile.state.join(&other.state, plan, now);
        if effects.replay {
            // The one with the longer history takes in the other.
            let mut longer = other.state;
            effects = longer.join(&person.profile.state, plan, now);
            if effects.replay {
                return self.build_anew(to, until_us);
            }
            person.profile.state = longer;
        }
        person.profile.wake_us = effects.wake_us;
        self.follow(to, effects);
    }

    /// A customer who fell apart: what is kept of it belongs to nobody until it is built anew. Entries of its own may stand
    /// under these customers. All that fell due was told of it up to then. What it refused, it refuses still.
    pub(crate) fn empty(&mut self, customer: Customer, elsewhere: &[i64], told_until_us: i64) {
        let plan = &self.engine.plan;
        let until_us = self.told_until_us(customer).min(told_until_us);
        let person = self.person(customer);
        let before = std::mem::replace(&mut person.profile, Box::new(Profile::new(plan)));
        self.refused.entry(customer).or_default().extend(before.refused());
        let person = self.person(customer);
        let all: BTreeSet<i64> = before.elsewhere.iter().chain(elsewhere).copied().collect();
        person.profile.last_seq = before.last_seq;
        person.profile.elsewhere = all.into_iter().filter(|other| *other != customer.0).collect();
        person.touched = true;
        self.build_anew(customer, until_us);
    }

    /// A customer who has no key any more.
    pub(crate) fn leave(&mut self, customer: Customer) {
        let person = self.person(customer);
        (person.gone, person.touched) = (true, true);
        self.anew.remove(&customer);
    }

    /// A customer nobody knew before, who is another one from the beginning.
    pub(crate) fn is_another(&mut self, customer: Customer) {
        let change = StateBecomes::Put(Kept::MOVED_BYTES.to_vec());
        self.commit.states.push(StateChange { customer, expected: Version::NONE, change });
    }

    /// The state of a customer as it was built anew.
    pub(crate) fn replace(&mut self, customer: Customer, profile: Profile) {
        let person = self.person(customer);
        *person.profile = profile;
        person.touched = true;
        Counts::add(&self.engine.counts.rebuilt, 1);
    }

    /// All that there is to commit, and what follows from it.
    pub(crate) fn finish(mut self) -> (Commit, Aftermath) {
        let plan = &self.engine.plan;
        let mut people: Vec<(Customer, Person)> =
            self.people.into_iter().filter(|(_, person)| person.touched).collect();
        people.sort_unstable_by_key(|(customer, _)| *customer);
        for (customer, mut person) in people {
            let id = || TimerId { customer, id: WAKE.to_vec() };
            let bytes = if person.gone {
                // One that was to be built anew does not know whether it is set.
                self.commit.cleared.push(id());
                Kept::MOVED_BYTES.to_vec()
            } else {
                match (person.timer, person.profile.wake_us) {
                    // One that goes off early sets the right one. Most events only put off what is due, so that setting it
                    // each time would cost more than the state itself.
                    (Was::Due(set_us), Some(due_us)) if set_us <= due_us => person.profile.wake_us = Some(set_us),
                    (was, Some(due_us)) => {
                        self.commit.timers.push(Timer { customer, id: WAKE.to_vec(), due_us, bytes: Vec::new(), was });
                    }
                    (Was::Unset, None) => {}
                    // Otherwise one might stay of which the state does not know.
                    (_, None) => self.commit.cleared.push(id()),
                }
                person.profile.to_bytes(plan)
            };
            let change = StateBecomes::Put(bytes);
            self.commit.states.push(StateChange { customer, expected: person.version, change });
        }
        let now_us = self.now_us;
        let lesson = |lesson: &Lesson| Entry {
            customer: LESSONS,
            kind: kind::LESSON,
            at_us: now_us,
            bytes: entry::bytes(lesson),
        };
        self.commit.entries.extend(self.lessons.iter().map(lesson));
        self.aftermath.teaches = !self.lessons.is_empty();
        (self.commit, self.aftermath)
    }
}
