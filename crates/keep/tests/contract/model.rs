//! The contract as a slow and obvious model, and random commits that are compared with it.

use std::collections::{BTreeMap, BTreeSet};

use keep::{
    Change, Commit, Conflict, Customer, Error, Fired, Keep, Key, KeyNumber, Link, MessageId, Outcome, Post, Queue,
    Record, RecordChange, Settled, StateChange, Stored, Timer, TimerId, Version, Wanted, Was,
};

use crate::homes::Home;
use crate::suite::{NOW_US, SECOND_US, take};

/// Everything that can be read without taking anything.
#[derive(Debug, PartialEq)]
pub(crate) struct Picture {
    states: Vec<Stored>,
    keys: Vec<Key>,
    links: Vec<Link>,
    log: Vec<(u64, i64, Vec<u8>)>,
    log_of: Vec<(u64, i64, Vec<u8>)>,
    queues: Vec<Queue>,
    dead: Vec<Vec<u8>>,
    records: Vec<Record>,
}

impl Picture {
    pub(crate) async fn take(keep: &dyn Keep) -> Self {
        let numbers: Vec<_> = (0..100).map(KeyNumber).collect();
        let span = keep.log_span().await.unwrap();
        let told = |logged: keep::Logged| (logged.position, logged.customer.0, logged.bytes);
        let mut log = Vec::new();
        let mut from = span.start;
        while from < span.end {
            let page = keep.log(from, 10).await.unwrap();
            from += page.len() as u64;
            log.extend(page.into_iter().map(told));
        }
        let (mut log_of, mut before) = (Vec::new(), u64::MAX);
        loop {
            let page = keep.log_of(&[Customer(1), Customer(3)], before, 7).await.unwrap();
            let Some(last) = page.last() else { break };
            before = last.position;
            log_of.extend(page.into_iter().map(told));
        }
        log_of.reverse();
        let queues = keep.queues().await.unwrap();
        let mut dead = Vec::new();
        for queue in &queues {
            dead.extend(keep.dead(&queue.target, None, 1000).await.unwrap().into_iter().map(|dead| dead.post.id));
        }
        Self {
            states: keep.states(0, None, 1000).await.unwrap(),
            keys: keep.keys(&numbers).await.unwrap(),
            links: keep.links(&numbers, 1000).await.unwrap(),
            log,
            log_of,
            queues,
            dead,
            records: keep.records("", None, 1000).await.unwrap(),
        }
    }

    pub(crate) fn newest_version(&self) -> Version {
        self.states
            .iter()
            .map(|stored| stored.version)
            .chain(self.records.iter().map(|r| r.version))
            .max()
            .unwrap_or(Version::NONE)
    }
}

/// The same numbers for the same seed.
struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }

    fn few<T>(&mut self, most: u64, mut one: impl FnMut(&mut Self) -> T) -> Vec<T> {
        let count = self.below(most + 1);
        (0..count).map(|_| one(self)).collect()
    }

    fn customer(&mut self) -> Customer {
        Customer(i64::try_from(self.below(6)).unwrap())
    }

    fn bytes(&mut self) -> Vec<u8> {
        format!("{:x}", self.below(1 << 30)).into_bytes()
    }
}

/// What was committed, told simply.
#[derive(Clone, Default)]
struct Model {
    messages: BTreeSet<MessageId>,
    states: BTreeMap<Customer, (Version, Vec<u8>)>,
    keys: BTreeMap<Vec<u8>, (KeyNumber, Customer)>,
    links: BTreeMap<(KeyNumber, KeyNumber, bool), i64>,
    log: Vec<(u64, i64, Vec<u8>)>,
    timers: BTreeMap<TimerId, (i64, Vec<u8>)>,
    waiting: BTreeMap<Vec<u8>, Post>,
    dead: BTreeMap<Vec<u8>, Post>,
    paused: BTreeSet<String>,
    records: BTreeMap<String, (Version, Vec<u8>)>,
}

impl Model {
    fn version(&self, customer: Customer) -> Version {
        self.states.get(&customer).map_or(Version::NONE, |(version, _)| *version)
    }

    /// A commit that may or may not stand.
    fn random_commit(&self, random: &mut Random, n: i64) -> Commit {
        let mut customers = BTreeSet::new();
        let states = random.few(3, |random| {
            let customer = random.customer();
            let stale = random.below(12) == 0;
            let expected = if stale { Version(1) } else { self.version(customer) };
            let change = match random.below(6) {
                0 => Change::Delete,
                1 => Change::Hold,
                _ => Change::Put(random.bytes()),
            };
            StateChange { customer, expected, change }
        });
        let states = states.into_iter().filter(|state| customers.insert(state.customer)).collect();
        let mut known = BTreeSet::new();
        let keys = random.few(2, |random| {
            // A key's number follows from its bytes, but for now and then.
            let number = u32::try_from(random.below(8)).unwrap();
            let bytes = format!("key {}", if random.below(20) == 0 { 0 } else { number }).into_bytes();
            Key { number: KeyNumber(number), customer: random.customer(), bytes }
        });
        let keys = keys.into_iter().filter(|key| known.insert(key.number) && known.len() == 1).collect();
        let link = |random: &mut Random| {
            let low = u32::try_from(random.below(4)).unwrap();
            let high = low + 1 + u32::try_from(random.below(3)).unwrap();
            let at_us = i64::try_from(random.below(100)).unwrap();
            Link { low: KeyNumber(low), high: KeyNumber(high), undo: random.below(4) == 0, at_us }
        };
        let timer_id = |random: &mut Random| vec![b'a' + u8::try_from(random.below(3)).unwrap()];
        Commit {
            now_us: NOW_US + n * 1000,
            messages: random.few(1, |random| MessageId::of(&random.below(200).to_be_bytes())),
            entries: random.few(4, |random| keep::Entry {
                customer: random.customer(),
                kind: 0,
                at_us: 0,
                bytes: random.bytes(),
            }),
            states,
            keys,
            links: random.few(2, link),
            unset: random.few(1, Random::customer).into_iter().filter(|c| c.0 == 0).collect(),
            cleared: random.few(1, |random| TimerId { customer: random.customer(), id: timer_id(random) }),
            timers: random.few(3, |random| Timer {
                customer: random.customer(),
                id: timer_id(random),
                due_us: NOW_US + i64::try_from(random.below(100_000)).unwrap(),
                bytes: random.bytes(),
                was: Was::Unknown,
            }),
            posts: random.few(2, |random| Post {
                target: format!("t{}", random.below(2)),
                id: random.below(30).to_string().into_bytes(),
                customer: random.customer(),
                due_us: NOW_US + i64::try_from(random.below(100_000)).unwrap(),
                bytes: random.bytes(),
            }),
            resent: random.few(1, |random| random.below(30).to_string().into_bytes()),
            paused: random.few(1, |random| (format!("t{}", random.below(2)), random.below(3) == 0)),
            records: random.few(1, |random| RecordChange {
                name: format!("r{}", random.below(3)),
                expected: (random.below(3) == 0).then_some(Version::NONE),
                bytes: (random.below(3) != 0).then(|| random.bytes()),
            }),
            ..Commit::default()
        }
    }

    /// A commit that stands on what there was when this was the model, and says so.
    fn loaded_commit(&self, as_of: Version, random: &mut Random, n: i64) -> Commit {
        let mut commit = Commit { as_of, ..self.random_commit(random, n) };
        commit.states.iter_mut().for_each(|state| state.expected = self.version(state.customer));
        let Conflict { messages, keys, .. } = self.conflict(&commit);
        commit.messages.retain(|message| !messages.contains(message));
        commit.keys.retain(|key| !keys.contains(&key.bytes));
        for timer in &mut commit.timers {
            let there = self.timers.get(&TimerId { customer: timer.customer, id: timer.id.clone() });
            timer.was = there.map_or(Was::Unset, |(due_us, _)| Was::Due(*due_us));
        }
        commit
    }

    fn conflict(&self, commit: &Commit) -> Conflict {
        let stale = commit.states.iter().filter(|state| self.version(state.customer) != state.expected);
        let key_is_taken = |key: &&Key| {
            let by_bytes = self.keys.get(&key.bytes).is_some_and(|(number, _)| *number != key.number);
            by_bytes || self.keys.iter().any(|(bytes, (number, _))| *number == key.number && *bytes != key.bytes)
        };
        let record = |change: &&RecordChange| {
            let version = self.records.get(&change.name).map_or(Version::NONE, |(version, _)| *version);
            change.expected.is_some_and(|expected| expected != version)
        };
        Conflict {
            customers: stale.map(|state| state.customer).collect(),
            messages: commit.messages.iter().filter(|message| self.messages.contains(message)).copied().collect(),
            keys: commit.keys.iter().filter(key_is_taken).map(|key| key.bytes.clone()).collect(),
            records: commit.records.iter().filter(record).map(|change| change.name.clone()).collect(),
            ..Conflict::default()
        }
    }

    fn apply(&mut self, commit: Commit, version: Version) {
        self.messages.extend(commit.messages);
        for entry in commit.entries {
            self.log.push((self.log.len() as u64, entry.customer.0, entry.bytes));
        }
        for state in commit.states {
            match state.change {
                Change::Put(bytes) => drop(self.states.insert(state.customer, (version, bytes))),
                Change::Delete => drop(self.states.remove(&state.customer)),
                Change::Hold => {}
            }
        }
        for key in commit.keys {
            self.keys.insert(key.bytes, (key.number, key.customer));
        }
        for link in commit.links {
            let at_us = self.links.entry((link.low, link.high, link.undo)).or_insert(link.at_us);
            *at_us = link.at_us.min(*at_us);
        }
        for fired in commit.fired {
            self.timers.remove(&TimerId { customer: fired.customer, id: fired.id });
        }
        self.timers.retain(|timer, _| !commit.unset.contains(&timer.customer) && !commit.cleared.contains(timer));
        for timer in commit.timers {
            self.timers.insert(TimerId { customer: timer.customer, id: timer.id }, (timer.due_us, timer.bytes));
        }
        for settled in commit.settled {
            let Some(mut post) = self.waiting.remove(&settled.id) else { continue };
            match settled.outcome {
                Outcome::Done => {}
                Outcome::Retry { due_us, .. } | Outcome::Postponed { due_us, .. } => {
                    post.due_us = due_us;
                    self.waiting.insert(settled.id, post);
                }
                Outcome::Dead { .. } | Outcome::Withheld { .. } => drop(self.dead.insert(settled.id, post)),
            }
        }
        for id in commit.resent {
            if let Some(post) = self.dead.remove(&id) {
                self.waiting.insert(id, Post { due_us: commit.now_us, ..post });
            }
        }
        for post in commit.posts {
            if !self.dead.contains_key(&post.id) {
                self.waiting.entry(post.id.clone()).or_insert(post);
            }
        }
        for (target, paused) in commit.paused {
            if paused {
                self.paused.insert(target)
            } else {
                self.paused.remove(&target)
            };
        }
        for change in commit.records {
            match change.bytes {
                Some(bytes) => drop(self.records.insert(change.name, (version, bytes))),
                None => drop(self.records.remove(&change.name)),
            }
        }
    }

    fn picture(&self) -> Picture {
        let mut queues: BTreeMap<String, Queue> = BTreeMap::new();
        let empty =
            |target: &str| Queue { target: target.to_owned(), paused: false, waiting: 0, first_due_us: None, dead: 0 };
        for post in self.waiting.values() {
            let queue = queues.entry(post.target.clone()).or_insert_with(|| empty(&post.target));
            queue.waiting += 1;
            queue.first_due_us = Some(queue.first_due_us.map_or(post.due_us, |first| first.min(post.due_us)));
        }
        for post in self.dead.values() {
            queues.entry(post.target.clone()).or_insert_with(|| empty(&post.target)).dead += 1;
        }
        for target in &self.paused {
            queues.entry(target.clone()).or_insert_with(|| empty(target)).paused = true;
        }
        let mut dead: Vec<_> = self.dead.values().map(|post| (post.target.clone(), post.id.clone())).collect();
        dead.sort();
        let mut keys: Vec<Key> = self
            .keys
            .iter()
            .map(|(bytes, (number, customer))| Key { number: *number, customer: *customer, bytes: bytes.clone() })
            .collect();
        keys.sort();
        let stored = |(customer, (version, bytes)): (&Customer, &(Version, Vec<u8>))| Stored {
            customer: *customer,
            version: *version,
            bytes: bytes.clone(),
        };
        let record = |(name, (version, bytes)): (&String, &(Version, Vec<u8>))| Record {
            name: name.clone(),
            version: *version,
            bytes: bytes.clone(),
        };
        Picture {
            states: self.states.iter().map(stored).collect(),
            keys,
            links: self
                .links
                .iter()
                .map(|((low, high, undo), at_us)| Link { low: *low, high: *high, undo: *undo, at_us: *at_us })
                .collect(),
            log: self.log.clone(),
            log_of: self.log.iter().filter(|(_, customer, _)| [1, 3].contains(customer)).cloned().collect(),
            queues: queues.into_values().collect(),
            dead: dead.into_iter().map(|(_, id)| id).collect(),
            records: self.records.iter().map(record).collect(),
        }
    }

    /// The timers that are due, in their order.
    fn due(&self, now_us: i64) -> Vec<Timer> {
        let mut due: Vec<_> = self.timers.iter().filter(|(_, (due_us, _))| *due_us <= now_us).collect();
        due.sort_by_key(|(timer, (due_us, _))| (*due_us, (*timer).clone()));
        let timer = |(timer, (due_us, bytes)): (&TimerId, &(i64, Vec<u8>))| Timer {
            customer: timer.customer,
            id: timer.id.clone(),
            due_us: *due_us,
            bytes: bytes.clone(),
            was: Was::Unknown,
        };
        due.into_iter().map(timer).collect()
    }

    fn deliverable(&self, target: &str, now_us: i64) -> Vec<Post> {
        let is_due = |post: &&Post| post.target == target && post.due_us <= now_us && !self.paused.contains(target);
        let mut due: Vec<Post> = self.waiting.values().filter(is_due).cloned().collect();
        due.sort_by_key(|post| (post.due_us, post.id.clone()));
        due
    }
}

/// Random commits, takes and settlements; after each the home has to look as the model does.
pub(crate) async fn run(home: &mut Home, seed: u64, commits: i64) {
    let mut random = Random(seed);
    let mut model = Model::default();
    let mut past = vec![(Version::NONE, model.clone())];
    home.clear().await;
    for n in 0..commits {
        let keep = if random.below(2) == 0 { home.keep() } else { home.another() };
        // So much later each time that what was taken before is free again.
        let now_us = NOW_US + n * 60 * SECOND_US;
        let mut commit = if random.below(2) == 0 {
            model.random_commit(&mut random, n)
        } else {
            // Others may have committed since.
            let back = usize::try_from(random.below(4)).unwrap().min(past.len() - 1);
            let (as_of, then) = &past[past.len() - 1 - back];
            then.loaded_commit(*as_of, &mut random, n)
        };
        if random.below(3) == 0 {
            let due = keep.due(0, take(now_us, 4)).await.unwrap();
            assert_eq!(
                due.iter().map(|due| due.timer.clone()).collect::<Vec<_>>(),
                model.due(now_us).into_iter().take(4).collect::<Vec<_>>()
            );
            commit.fired = due
                .into_iter()
                .map(|due| Fired { customer: due.timer.customer, id: due.timer.id, lease: due.lease })
                .collect();
        }
        if random.below(2) == 0 {
            let target = format!("t{}", random.below(2));
            let taken = keep.deliveries(&target, take(now_us, 3)).await.unwrap();
            let expected: Vec<Post> = model.deliverable(&target, now_us).into_iter().take(3).collect();
            assert_eq!(taken.iter().map(|delivery| delivery.post.clone()).collect::<Vec<_>>(), expected);
            for delivery in taken {
                let outcome = match random.below(5) {
                    0 => Outcome::Done,
                    1 => Outcome::Retry { due_us: now_us + 7, why: String::new() },
                    2 => Outcome::Postponed { due_us: now_us + 7, why: String::new() },
                    3 => Outcome::Withheld { why: "no".to_owned() },
                    _ => Outcome::Dead { why: "gone".to_owned() },
                };
                commit.settled.push(Settled { id: delivery.post.id, lease: delivery.lease, outcome });
            }
        }
        let expected = model.conflict(&commit);
        match keep.commit(commit.clone()).await {
            Ok(committed) => {
                assert!(expected.is_empty(), "seed {seed}, commit {n} should conflict: {expected:?}");
                model.apply(commit, committed.version);
            }
            Err(Error::Conflict(conflict)) => assert_eq!(*conflict, expected, "seed {seed}, commit {n}"),
            Err(error) => panic!("seed {seed}, commit {n}: {error:?}"),
        }
        assert_eq!(Picture::take(&*keep).await, model.picture(), "seed {seed}, commit {n}");
        past.push((keep.load(&Wanted::default()).await.unwrap().as_of, model.clone()));
        if random.below(20) == 0 {
            home.restart().await;
        }
    }
    let all: Vec<MessageId> = (0..200_u64).map(|n| MessageId::of(&n.to_be_bytes())).collect();
    let known = home.keep().load(&Wanted { messages: all.clone(), ..Wanted::default() }).await.unwrap().known;
    assert_eq!(known, all.iter().map(|message| model.messages.contains(message)).collect::<Vec<_>>());
}
