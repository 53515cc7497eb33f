//! Whether a commit still stands on what was loaded for it.

use crate::bytes::Eye;
use crate::commit::Commit;
use crate::error::{Conflict, Error};
use crate::ledger::lease::Leases;
use crate::ledger::recent::{Recent, Row};
use crate::ledger::{apply, keys};
use crate::loaded::{TimerId, Version};
use crate::store::{Draft, Table};

/// Everything in which somebody else was quicker.
pub(super) fn check(draft: &Draft<'_>, leases: &Leases, recent: &Recent, commit: &Commit) -> Result<Conflict, Error> {
    let mut conflict = Conflict::default();
    let is_as_loaded = |table, key: &[u8]| recent.is_as_of(Row::of(table, key), commit.as_of);
    let states = Table::States(commit.generation);
    for change in &commit.states {
        let key = keys::customer(change.customer);
        // That there is none is cheap to see, and easy to believe without having looked.
        let stands = change.expected != Version::NONE && is_as_loaded(states, &key);
        if !stands && version(draft, states, &key)? != change.expected {
            conflict.customers.push(change.customer);
        }
    }
    let seen = apply::seen_tables(draft);
    for message in &commit.messages {
        if !is_as_loaded(Table::Seen(0), &message.0) && is_known(draft, &seen, &message.0)? {
            conflict.messages.push(*message);
        }
    }
    for key in &commit.keys {
        if is_as_loaded(Table::Keys, &key.bytes) && is_as_loaded(Table::Numbers, &keys::number(key.number)) {
            continue;
        }
        let by_bytes = draft.get(Table::Keys, &key.bytes)?;
        let by_number = draft.get(Table::Numbers, &keys::number(key.number))?;
        let other_number = by_bytes.is_some_and(|row| !row.starts_with(&keys::number(key.number)));
        let other_key = by_number.is_some_and(|row| row.get(8..) != Some(key.bytes.as_slice()));
        if other_number || other_key {
            conflict.keys.push(key.bytes.clone());
        }
    }
    for fired in &commit.fired {
        let timer = TimerId { customer: fired.customer, id: fired.id.clone() };
        let there = draft.has(Table::Timers(commit.generation), &keys::timer(fired.customer, &fired.id))?;
        if !there || !leases.is_timer_held(commit.generation, &timer, fired.lease) {
            conflict.fired.push(timer);
        }
    }
    for settled in &commit.settled {
        if !draft.has(Table::Outbox, &settled.id)? || !leases.is_delivery_held(&settled.id, settled.lease) {
            conflict.settled.push(settled.id.clone());
        }
    }
    for record in &commit.records {
        if let Some(expected) = record.expected
            && version(draft, Table::Records, record.name.as_bytes())? != expected
        {
            conflict.records.push(record.name.clone());
        }
    }
    Ok(conflict)
}

/// Takes note of what a commit changes of what others may stand on.
pub(super) fn note(recent: &mut Recent, commit: &Commit) {
    let states = Table::States(commit.generation);
    let changed = commit.states.iter().map(|change| Row::of(states, &keys::customer(change.customer)));
    let seen = commit.messages.iter().map(|message| Row::of(Table::Seen(0), &message.0));
    let by_bytes = commit.keys.iter().map(|key| Row::of(Table::Keys, &key.bytes));
    let by_number = commit.keys.iter().map(|key| Row::of(Table::Numbers, &keys::number(key.number)));
    changed.chain(seen).chain(by_bytes).chain(by_number).for_each(|row| recent.note(row));
}

/// The version of a state or record, with which its row begins.
fn version(draft: &Draft<'_>, table: Table, key: &[u8]) -> Result<Version, Error> {
    match draft.get(table, key)? {
        Some(row) => Ok(Version(Eye::new(&row).u64()?)),
        None => Ok(Version::NONE),
    }
}

fn is_known(draft: &Draft<'_>, seen: &[Table], message: &[u8]) -> Result<bool, Error> {
    for table in seen {
        if draft.has(*table, message)? {
            return Ok(true);
        }
    }
    Ok(false)
}
