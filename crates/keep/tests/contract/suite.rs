//! What every home has to do. Each case gets an empty home.

mod identity;
mod log;
mod outbox;
mod state;
mod timers;
mod whole;

pub(crate) use identity::*;
pub(crate) use log::*;
pub(crate) use outbox::*;
pub(crate) use state::*;
pub(crate) use timers::*;
pub(crate) use whole::*;

use std::collections::BTreeMap;

use keep::{
    Change, Commit, Conflict, Customer, Entry, Erased, Error, Fate, Keep, Key, KeyNumber, Loaded, MessageId,
    StateChange, Take, Timer, Version, Wanted, Was,
};

/// Some time in 2026.
pub(crate) const NOW_US: i64 = 1_790_000_000_000_000;

pub(crate) const SECOND_US: i64 = 1_000_000;

pub(crate) fn commit() -> Commit {
    Commit { now_us: NOW_US, ..Commit::default() }
}

pub(crate) fn id(text: &str) -> MessageId {
    MessageId::of(text.as_bytes())
}

pub(crate) fn put(customer: i64, expected: Version, bytes: &str) -> StateChange {
    StateChange { customer: Customer(customer), expected, change: Change::Put(bytes.as_bytes().to_vec()) }
}

pub(crate) fn entry(customer: i64, bytes: &str) -> Entry {
    Entry { customer: Customer(customer), kind: 1, at_us: NOW_US, bytes: bytes.as_bytes().to_vec() }
}

pub(crate) fn key(number: u32, customer: i64, bytes: &str) -> Key {
    Key { number: KeyNumber(number), customer: Customer(customer), bytes: bytes.as_bytes().to_vec() }
}

pub(crate) fn timer(customer: i64, id: &str, due_us: i64) -> Timer {
    let bytes = format!("{customer} {id}").into_bytes();
    Timer { customer: Customer(customer), id: id.as_bytes().to_vec(), due_us, bytes, was: Was::Unknown }
}

pub(crate) fn take(now_us: i64, limit: usize) -> Take {
    Take { now_us, limit, lease_us: 30 * SECOND_US }
}

pub(crate) async fn load_customers(keep: &dyn Keep, customers: &[i64]) -> Loaded {
    let customers = customers.iter().copied().map(Customer).collect();
    keep.load(&Wanted { customers, ..Wanted::default() }).await.unwrap()
}

/// All entries of these customers, to be emptied.
pub(crate) async fn all_of(keep: &dyn Keep, customers: &[i64]) -> BTreeMap<u64, Fate> {
    let customers: Vec<_> = customers.iter().copied().map(Customer).collect();
    let found = keep.log_of(&customers, u64::MAX, 1_000).await.unwrap();
    found.into_iter().map(|logged| (logged.position, Fate::Emptied)).collect()
}

/// Erases customers with all that the log has of them.
pub(crate) async fn erase(keep: &dyn Keep, customers: &[i64]) -> Erased {
    let entries = all_of(keep, customers).await;
    let customers: Vec<_> = customers.iter().copied().map(Customer).collect();
    let keys = keep.keys_of(&customers).await.unwrap().iter().map(|key| key.number).collect();
    keep.erase(&customers, &keys, &entries).await.unwrap()
}

/// The version and the text of a state.
pub(crate) async fn state(keep: &dyn Keep, customer: i64) -> (Version, String) {
    let loaded = load_customers(keep, &[customer]).await;
    let stored = loaded.state(Customer(customer)).expect("it was asked for");
    (stored.version, String::from_utf8(stored.bytes.clone()).unwrap())
}

/// The conflict with which this has to end.
pub(crate) fn conflict<T: std::fmt::Debug>(result: Result<T, Error>) -> Conflict {
    match result {
        Err(Error::Conflict(conflict)) => *conflict,
        other => panic!("expected a conflict, got {other:?}"),
    }
}
