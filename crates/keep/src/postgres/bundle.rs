//! A group of commits as columns, one statement for each kind of thing in all of them.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use crate::commit::{Change, Commit, Outcome};
use crate::error::Conflict;
use crate::ledger::{Prepared, last_of_each, shortened};
use crate::loaded::{MessageId, TimerId, Version};

/// What a commit reads or writes that no other commit of its group may: where two touch the same, the second has to see what the
/// first did.
#[derive(Debug, PartialEq, Eq, Hash)]
enum Touched {
    State(i64),
    Timers(i64),
    Message(MessageId),
    Key(Vec<u8>),
    Number(u32),
    Delivery(Vec<u8>),
    Record(String),
    Target(String),
}

/// What the commits of a group touch.
#[derive(Debug, Default)]
pub(super) struct Claims(HashSet<Touched>);

impl Claims {
    /// Claims what this commit touches, or nothing if any of it is claimed.
    pub(super) fn claim(&mut self, commit: &Commit) -> bool {
        let mut touched = Vec::new();
        touched.extend(commit.states.iter().map(|state| Touched::State(state.customer.0)));
        let timers = commit.fired.iter().map(|fired| fired.customer).chain(commit.unset.iter().copied());
        let timers = timers.chain(commit.cleared.iter().map(|timer| timer.customer));
        touched.extend(
            timers.chain(commit.timers.iter().map(|timer| timer.customer)).map(|customer| Touched::Timers(customer.0)),
        );
        touched.extend(commit.messages.iter().copied().map(Touched::Message));
        touched.extend(commit.keys.iter().map(|key| Touched::Key(key.bytes.clone())));
        touched.extend(commit.keys.iter().map(|key| Touched::Number(key.number.0)));
        let deliveries = commit.settled.iter().map(|settled| &settled.id).chain(&commit.resent);
        touched.extend(deliveries.chain(commit.posts.iter().map(|post| &post.id)).cloned().map(Touched::Delivery));
        touched.extend(commit.records.iter().map(|record| Touched::Record(record.name.clone())));
        touched.extend(commit.paused.iter().map(|(target, _)| Touched::Target(target.clone())));
        if touched.iter().any(|one| self.0.contains(one)) {
            return false;
        }
        self.0.extend(touched);
        true
    }
}

/// The columns. Sorted by what identifies a row, so that two nodes lock rows in the same order.
#[derive(Debug, Default)]
pub(super) struct Bundle<'a> {
    pub(super) generation: i32,
    pub(super) customers: Vec<i64>,
    pub(super) updated: Columns<(i64, i64, i64, &'a [u8])>,
    pub(super) inserted: Columns<(i64, i64, &'a [u8])>,
    pub(super) deleted: Columns<(i64, i64)>,
    pub(super) messages: Vec<MessageId>,
    pub(super) keys: Columns<(i64, i64, &'a [u8])>,
    pub(super) links: Columns<(i64, i64, bool, i64)>,
    pub(super) fired: Columns<(i64, &'a [u8], i64)>,
    pub(super) unset: Vec<i64>,
    pub(super) cleared: Columns<(i64, &'a [u8])>,
    pub(super) timers: Columns<(i64, &'a [u8], i64, &'a [u8])>,
    pub(super) done: Columns<(&'a [u8], i64)>,
    pub(super) later: Columns<Later<'a>>,
    pub(super) resent: Columns<(&'a [u8], i64)>,
    pub(super) posts: Columns<Posted<'a>>,
    pub(super) paused: Vec<&'a str>,
    pub(super) going_on: Vec<&'a str>,
    pub(super) record_names: Vec<&'a str>,
    pub(super) records: Columns<(&'a str, i64, &'a [u8])>,
    pub(super) records_gone: Vec<&'a str>,
    /// How many entries there are up to the end of each chunk.
    pub(super) chunks: Columns<(i64, &'a [u8])>,
    pub(super) entries: i64,
    /// The last entry of each customer in each chunk, by its place among all entries.
    pub(super) entries_of: Columns<(i64, i64)>,
}

/// Id, lease, whether it is dead, when it is due, why, how many attempts it was.
type Later<'a> = (&'a [u8], i64, bool, Option<i64>, String, i64);

/// Id, target, customer, when it is due, bytes.
type Posted<'a> = (&'a [u8], &'a str, i64, i64, &'a [u8]);

/// Rows, to be taken apart into columns.
pub(super) type Columns<T> = Vec<T>;

impl<'a> Bundle<'a> {
    /// The commits of a group as one; the first gets this version, each of the others the next one.
    pub(super) fn new(group: &'a [Prepared], first_version: i64) -> Self {
        let generation = group.first().map_or(0, |prepared| prepared.commit.generation);
        let mut bundle = Self { generation: generation.cast_signed(), ..Self::default() };
        let mut links = BTreeMap::new();
        for (prepared, version) in group.iter().zip(first_version..) {
            let commit = &prepared.commit;
            bundle.add_states(commit, version);
            bundle.messages.extend(&commit.messages);
            bundle.add_identity(commit, &mut links);
            bundle.add_timers(commit);
            bundle.add_deliveries(commit);
            bundle.add_records(commit, version);
            if !commit.entries.is_empty() {
                let whose = commit.entries.iter().map(|entry| entry.customer).zip(bundle.entries.cast_unsigned()..);
                let last = last_of_each(whose).into_iter();
                bundle.entries_of.extend(last.map(|(customer, place)| (customer.0, place.cast_signed())));
                bundle.entries += i64::try_from(commit.entries.len()).expect("a commit is bounded");
                bundle.chunks.push((bundle.entries, &prepared.chunk));
            }
        }
        bundle.links = links.into_iter().map(|((low, high, undo), at_us)| (low, high, undo, at_us)).collect();
        bundle.sort();
        bundle
    }

    fn add_states(&mut self, commit: &'a Commit, version: i64) {
        for state in &commit.states {
            let (customer, expected) = (state.customer.0, state.expected.0.cast_signed());
            self.customers.push(customer);
            match &state.change {
                Change::Put(bytes) if state.expected == Version::NONE => self.inserted.push((customer, version, bytes)),
                Change::Put(bytes) => self.updated.push((customer, expected, version, bytes)),
                Change::Delete => self.deleted.push((customer, expected)),
                Change::Hold => {}
            }
        }
    }

    fn add_identity(&mut self, commit: &'a Commit, links: &mut BTreeMap<(i64, i64, bool), i64>) {
        let keys: BTreeMap<_, _> = commit.keys.iter().map(|key| (i64::from(key.number.0), key)).collect();
        self.keys.extend(keys.into_iter().map(|(number, key)| (number, key.customer.0, key.bytes.as_slice())));
        for link in &commit.links {
            let at_us = links.entry((link.low.0.into(), link.high.0.into(), link.undo)).or_insert(link.at_us);
            *at_us = link.at_us.min(*at_us);
        }
    }

    fn add_timers(&mut self, commit: &'a Commit) {
        self.fired.extend(
            commit.fired.iter().map(|fired| (fired.customer.0, fired.id.as_slice(), fired.lease.0.cast_signed())),
        );
        self.unset.extend(commit.unset.iter().map(|customer| customer.0));
        self.cleared.extend(commit.cleared.iter().map(|timer| (timer.customer.0, timer.id.as_slice())));
        // The last one counts where an id is set twice.
        let timers: BTreeMap<_, _> =
            commit.timers.iter().map(|timer| ((timer.customer.0, timer.id.as_slice()), timer)).collect();
        self.timers.extend(
            timers.into_iter().map(|((customer, id), timer)| (customer, id, timer.due_us, timer.bytes.as_slice())),
        );
    }

    fn add_deliveries(&mut self, commit: &'a Commit) {
        for settled in &commit.settled {
            let (id, lease) = (settled.id.as_slice(), settled.lease.0.cast_signed());
            match &settled.outcome {
                Outcome::Done => self.done.push((id, lease)),
                Outcome::Retry { due_us, why } | Outcome::Postponed { due_us, why } => {
                    let tries = i64::from(settled.outcome.is_attempt());
                    self.later.push((id, lease, false, Some(*due_us), shortened(why), tries));
                }
                Outcome::Dead { why } | Outcome::Withheld { why } => {
                    let tries = i64::from(settled.outcome.is_attempt());
                    self.later.push((id, lease, true, None, shortened(why), tries));
                }
            }
        }
        self.resent.extend(commit.resent.iter().map(|id| (id.as_slice(), commit.now_us)));
        let mut posted = HashSet::new();
        for post in commit.posts.iter().filter(|post| posted.insert(&post.id)) {
            self.posts.push((&post.id, &post.target, post.customer.0, post.due_us, &post.bytes));
        }
        let paused: BTreeMap<_, _> = commit.paused.iter().map(|(target, paused)| (target.as_str(), *paused)).collect();
        for (target, is_paused) in paused {
            if is_paused { self.paused.push(target) } else { self.going_on.push(target) }
        }
    }

    fn add_records(&mut self, commit: &'a Commit, version: i64) {
        let records: BTreeMap<_, _> = commit.records.iter().map(|record| (record.name.as_str(), record)).collect();
        for (name, record) in records {
            self.record_names.push(name);
            match &record.bytes {
                Some(bytes) => self.records.push((name, version, bytes)),
                None => self.records_gone.push(name),
            }
        }
    }

    fn sort(&mut self) {
        self.customers.sort_unstable();
        self.updated.sort_unstable();
        self.inserted.sort_unstable();
        self.deleted.sort_unstable();
        self.messages.sort_unstable();
        self.messages.dedup();
        self.keys.sort_unstable();
        self.fired.sort_unstable();
        self.unset.sort_unstable();
        self.cleared.sort_unstable();
        self.timers.sort_unstable();
        self.done.sort_unstable();
        self.later.sort_unstable();
        self.resent.sort_unstable();
        self.resent.dedup();
        self.posts.sort_unstable();
    }
}

/// What the statements found, by which each commit of the group is judged.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) versions: HashMap<i64, i64>,
    pub(super) inserted: HashSet<i64>,
    pub(super) known: HashSet<MessageId>,
    pub(super) taken_in: HashSet<MessageId>,
    pub(super) key_numbers: HashMap<Vec<u8>, i64>,
    pub(super) number_keys: HashMap<i64, Vec<u8>>,
    /// Keys that were put in: another node may have taken one in after it was looked for.
    pub(super) keys_put: HashSet<i64>,
    pub(super) fired: BTreeSet<TimerId>,
    pub(super) settled: HashSet<Vec<u8>>,
    pub(super) records: HashMap<String, i64>,
}

impl Found {
    /// Everything in which somebody else was quicker than this commit.
    pub(super) fn conflict(&self, commit: &Commit) -> Conflict {
        let mut conflict = Conflict::default();
        for state in &commit.states {
            let version = self.versions.get(&state.customer.0).copied().unwrap_or_default();
            let is_new = state.expected == Version::NONE && matches!(state.change, Change::Put(_));
            if version != state.expected.0.cast_signed() || (is_new && !self.inserted.contains(&state.customer.0)) {
                conflict.customers.push(state.customer);
            }
        }
        let is_late = |message: &&MessageId| self.known.contains(*message) || !self.taken_in.contains(*message);
        conflict.messages = commit.messages.iter().filter(is_late).copied().collect();
        for key in &commit.keys {
            let number = i64::from(key.number.0);
            let other_number = self.key_numbers.get(&key.bytes).is_some_and(|known| *known != number);
            let other_key = self.number_keys.get(&number).is_some_and(|known| *known != key.bytes);
            if other_number || other_key || !self.keys_put.contains(&number) {
                conflict.keys.push(key.bytes.clone());
            }
        }
        let fired = commit.fired.iter().map(|fired| TimerId { customer: fired.customer, id: fired.id.clone() });
        conflict.fired = fired.filter(|timer| !self.fired.contains(timer)).collect();
        let settled = commit.settled.iter().map(|settled| &settled.id).filter(|id| !self.settled.contains(*id));
        conflict.settled = settled.cloned().collect();
        for record in &commit.records {
            let version = self.records.get(&record.name).copied().unwrap_or_default();
            if record.expected.is_some_and(|expected| expected.0.cast_signed() != version) {
                conflict.records.push(record.name.clone());
            }
        }
        conflict
    }
}
