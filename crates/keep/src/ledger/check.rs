//! Whether a commit still stands on what was loaded for it.

use crate::bytes::Eye;
use crate::commit::Commit;
use crate::error::{Conflict, Error};
use crate::ledger::lease::Leases;
use crate::ledger::{apply, keys};
use crate::loaded::{TimerId, Version};
use crate::store::{Draft, Table};

/// Everything in which somebody else was quicker.
pub(super) fn check(draft: &Draft<'_>, leases: &Leases, commit: &Commit) -> Result<Conflict, Error> {
    let mut conflict = Conflict::default();
    for change in &commit.states {
        let key = keys::customer(change.customer);
        if version(draft, Table::States(commit.generation), &key)? != change.expected {
            conflict.customers.push(change.customer);
        }
    }
    let seen = apply::seen_tables(draft);
    for message in &commit.messages {
        if is_known(draft, &seen, &message.0)? {
            conflict.messages.push(*message);
        }
    }
    for key in &commit.keys {
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
