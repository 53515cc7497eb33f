//! What is read from the tables.

use std::collections::BTreeSet;
use std::ops::{ControlFlow, Range};

use crate::bytes::Eye;
use crate::commit::Link;
use crate::error::Error;
use crate::ledger::apply::is_seen;
use crate::ledger::chunk::{self, Chunk};
use crate::ledger::parcel::Parcel;
use crate::ledger::{Head, keys};
use crate::limits::LOG_PAGE_BYTES;
use crate::loaded::{Customer, Dead, Key, KeyNumber, Loaded, Logged, Record, Stored, Version, Waiting, Wanted};
use crate::store::{Read, Table, scan_prefix};

pub(super) const GO_ON: Result<ControlFlow<()>, Error> = Ok(ControlFlow::Continue(()));
pub(super) const ENOUGH: Result<ControlFlow<()>, Error> = Ok(ControlFlow::Break(()));

pub(crate) fn load(read: &dyn Read, wanted: &Wanted) -> Result<Loaded, Error> {
    let mut seen: Vec<_> = if wanted.messages.is_empty() { Vec::new() } else { read.tables() };
    seen.retain(is_seen);
    seen.reverse();
    let mut known = vec![false; wanted.messages.len()];
    for place in in_order(&wanted.messages) {
        for table in &seen {
            known[place] = known[place] || read.has(*table, &wanted.messages[place].0)?;
        }
    }
    let mut found = vec![None; wanted.keys.len()];
    for place in in_order(&wanted.keys) {
        let row = read.get(Table::Keys, &wanted.keys[place])?;
        found[place] = row.map(|row| number_and_customer(&row)).transpose()?;
    }
    let mut customers: Vec<Customer> = found.iter().flatten().map(|(_, customer)| *customer).collect();
    customers.extend_from_slice(&wanted.customers);
    customers.sort_unstable();
    customers.dedup();
    let mut states = Vec::with_capacity(customers.len());
    for customer in customers {
        let row = read.get(Table::States(wanted.generation), &keys::customer(customer))?;
        let none = Stored { customer, version: Version::NONE, bytes: Vec::new() };
        states.push(row.map(|row| stored(customer, &row)).transpose()?.unwrap_or(none));
    }
    Ok(Loaded { as_of: Version(Head::read(read)?.version), known, keys: found, states })
}

/// The places of all of these, in the order of what stands there: rows that are neighbours are found on nearly the same way,
/// which is in the caches of the processor then.
fn in_order<T: Ord>(all: &[T]) -> Vec<usize> {
    let mut places: Vec<usize> = (0..all.len()).collect();
    places.sort_unstable_by_key(|place| &all[*place]);
    places
}

fn number_and_customer(row: &[u8]) -> Result<(KeyNumber, Customer), Error> {
    let mut eye = Eye::new(row);
    Ok((KeyNumber(eye.u32()?), Customer(eye.i64()?)))
}

fn stored(customer: Customer, row: &[u8]) -> Result<Stored, Error> {
    let mut eye = Eye::new(row);
    Ok(Stored { customer, version: Version(eye.u64()?), bytes: eye.rest().to_vec() })
}

pub(crate) fn keys_by_number(read: &dyn Read, numbers: &[KeyNumber]) -> Result<Vec<Key>, Error> {
    let mut found = Vec::new();
    for number in numbers.iter().copied().collect::<BTreeSet<_>>() {
        if let Some(row) = read.get(Table::Numbers, &keys::number(number))? {
            let mut eye = Eye::new(&row);
            found.push(Key { number, customer: Customer(eye.i64()?), bytes: eye.rest().to_vec() });
        }
    }
    Ok(found)
}

pub(crate) fn keys_of(read: &dyn Read, customers: &[Customer]) -> Result<Vec<Key>, Error> {
    let mut found = Vec::new();
    for customer in customers.iter().copied().collect::<BTreeSet<_>>() {
        let mut numbers = Vec::new();
        let prefix = keys::customer(customer);
        scan_prefix(read, Table::KeysOf, &prefix, &prefix, &mut |key, _| {
            numbers.push(KeyNumber(Eye::new(&key[prefix.len()..]).u32()?));
            GO_ON
        })?;
        found.extend(keys_by_number(read, &numbers)?);
    }
    Ok(found)
}

pub(crate) fn links(read: &dyn Read, numbers: &[KeyNumber], limit: usize) -> Result<Vec<Link>, Error> {
    let mut found = BTreeSet::new();
    for this in numbers.iter().copied().collect::<BTreeSet<_>>() {
        let prefix = keys::number(this);
        scan_prefix(read, Table::Links, &prefix, &prefix, &mut |key, row| {
            if found.len() == limit {
                return ENOUGH;
            }
            let mut eye = Eye::new(&key[prefix.len()..]);
            let other = KeyNumber(eye.u32()?);
            let undo = eye.u8()? != 0;
            found.insert(Link { low: this.min(other), high: this.max(other), undo, at_us: Eye::new(row).i64()? });
            GO_ON
        })?;
    }
    Ok(found.into_iter().collect())
}

pub(crate) fn evidence(read: &dyn Read, pairs: &[(KeyNumber, KeyNumber)]) -> Result<Vec<Option<i64>>, Error> {
    let mut found = vec![None; pairs.len()];
    for place in in_order(pairs) {
        let (low, high) = pairs[place];
        let row = read.get(Table::Links, &keys::link(low, high, false))?;
        found[place] = row.map(|row| Eye::new(&row).i64()).transpose()?;
    }
    Ok(found)
}

pub(crate) fn every_key(read: &dyn Read, after: Option<KeyNumber>, limit: usize) -> Result<Vec<Key>, Error> {
    let from = after.map(|after| past(&keys::number(after))).unwrap_or_default();
    let mut page = Vec::new();
    read.scan(Table::Numbers, &from, &mut |key, row| {
        if page.len() == limit {
            return ENOUGH;
        }
        let mut eye = Eye::new(row);
        let (number, customer) = (KeyNumber(Eye::new(key).u32()?), Customer(eye.i64()?));
        page.push(Key { number, customer, bytes: eye.rest().to_vec() });
        GO_ON
    })?;
    Ok(page)
}

pub(crate) fn every_link(read: &dyn Read, after: Option<Link>, limit: usize) -> Result<Vec<Link>, Error> {
    let from = after.map(|after| past(&keys::link(after.low, after.high, after.undo))).unwrap_or_default();
    let mut page = Vec::new();
    read.scan(Table::Links, &from, &mut |key, row| {
        if page.len() == limit {
            return ENOUGH;
        }
        let mut eye = Eye::new(key);
        let (low, high, undo) = (KeyNumber(eye.u32()?), KeyNumber(eye.u32()?), eye.u8()? != 0);
        // It stands there both ways round.
        if low <= high {
            page.push(Link { low, high, undo, at_us: Eye::new(row).i64()? });
        }
        GO_ON
    })?;
    Ok(page)
}

pub(crate) fn states(
    read: &dyn Read,
    generation: u32,
    after: Option<Customer>,
    limit: usize,
) -> Result<Vec<Stored>, Error> {
    let from = after.map(|after| past(&keys::customer(after))).unwrap_or_default();
    let mut page = Vec::new();
    read.scan(Table::States(generation), &from, &mut |key, row| {
        if page.len() == limit {
            return ENOUGH;
        }
        page.push(stored(keys::customer_of(key)?, row)?);
        GO_ON
    })?;
    Ok(page)
}

/// The first key after this one.
pub(super) fn past(key: &[u8]) -> Vec<u8> {
    [key, &[0]].concat()
}

pub(crate) fn log_span(read: &dyn Read) -> Result<Range<u64>, Error> {
    let head = Head::read(read)?;
    Ok(head.first..head.next)
}

pub(crate) fn log(read: &dyn Read, from: u64, limit: usize) -> Result<Vec<Logged>, Error> {
    let span = log_span(read)?;
    if from < span.start {
        return Err(Error::Truncated { first: span.start });
    }
    let mut page = Vec::new();
    let mut bytes = 0;
    read.scan(Table::Log, &keys::position(from), &mut |key, row| {
        for entry in chunk::decode(keys::position_of(key)?, row)? {
            if page.len() == limit || bytes >= LOG_PAGE_BYTES {
                return ENOUGH;
            }
            if entry.position >= from {
                bytes += entry.bytes.len();
                page.push(entry);
            }
        }
        GO_ON
    })?;
    Ok(page)
}

pub(crate) fn chunks(read: &dyn Read, from: u64, bytes: usize) -> Result<Vec<Chunk>, Error> {
    let span = log_span(read)?;
    if from < span.start {
        return Err(Error::Truncated { first: span.start });
    }
    let (mut page, mut read_bytes) = (Vec::new(), 0);
    read.scan(Table::Log, &keys::position(from), &mut |key, row| {
        if read_bytes >= bytes {
            return ENOUGH;
        }
        read_bytes += row.len();
        page.push(Chunk::new(from, keys::position_of(key)?, row));
        GO_ON
    })?;
    Ok(page)
}

pub(crate) fn log_of(read: &dyn Read, customers: &[Customer], before: u64, limit: usize) -> Result<Vec<Logged>, Error> {
    let first = log_span(read)?.start;
    let customers: BTreeSet<Customer> = customers.iter().copied().collect();
    let mut positions = Vec::new();
    for customer in &customers {
        let Some(newest) = before.checked_sub(1) else { break };
        let (prefix, mut found) = (keys::customer(*customer), 0);
        scan_prefix(read, Table::LogOf, &prefix, &keys::log_of(*customer, newest), &mut |key, _| {
            let position = keys::log_of_position(key)?;
            if found == limit || position < first {
                return ENOUGH;
            }
            found += 1;
            positions.push(position);
            GO_ON
        })?;
    }
    positions.sort_unstable_by(|a, b| b.cmp(a));
    let mut page: Vec<Logged> = Vec::new();
    let mut bytes = 0;
    for position in positions {
        // What a commit has of these customers comes at once.
        if page.last().is_some_and(|last| position >= last.position) {
            continue;
        }
        if page.len() >= limit || bytes >= LOG_PAGE_BYTES {
            break;
        }
        let Some((last, row)) = chunk_with(read, position)? else { continue };
        let entries = chunk::decode(last, &row)?.into_iter().rev();
        let from = page.len();
        page.extend(
            entries.filter(|entry| !entry.erased && entry.position >= first && customers.contains(&entry.customer)),
        );
        bytes += page[from..].iter().map(|entry| entry.bytes.len()).sum::<usize>();
    }
    Ok(page)
}

/// The chunk with the entry of a position, and its last position; nothing where it is gone.
pub(super) fn chunk_with(read: &dyn Read, position: u64) -> Result<Option<(u64, Vec<u8>)>, Error> {
    let mut found = None;
    read.scan(Table::Log, &keys::position(position), &mut |key, row| {
        found = Some((keys::position_of(key)?, row.to_vec()));
        ENOUGH
    })?;
    Ok(found)
}

pub(crate) fn waiting(read: &dyn Read, target: &str, limit: usize) -> Result<Vec<Waiting>, Error> {
    let prefix = keys::target(target);
    let due_bytes = keys::outbox_due(target, 0, &[]).len();
    let mut ids = Vec::new();
    scan_prefix(read, Table::OutboxDue, &prefix, &prefix, &mut |key, _| {
        if ids.len() == limit {
            return ENOUGH;
        }
        ids.push(key[due_bytes..].to_vec());
        GO_ON
    })?;
    let mut first = Vec::with_capacity(ids.len());
    for id in ids {
        let row = read.get(Table::Outbox, &id)?.ok_or_else(|| Error::corrupt("a delivery that waits is not there"))?;
        let Parcel { post, attempts, why, .. } = Parcel::decode(&id, &row)?;
        first.push(Waiting { post, attempts, why });
    }
    Ok(first)
}

pub(crate) fn dead(read: &dyn Read, target: &str, after: Option<&[u8]>, limit: usize) -> Result<Vec<Dead>, Error> {
    let prefix = keys::target(target);
    let from = after.map_or_else(|| prefix.clone(), |after| past(&keys::outbox_dead(target, after)));
    let mut ids = Vec::new();
    scan_prefix(read, Table::OutboxDead, &prefix, &from, &mut |key, _| {
        if ids.len() == limit {
            return ENOUGH;
        }
        ids.push(key[prefix.len()..].to_vec());
        GO_ON
    })?;
    let mut page = Vec::with_capacity(ids.len());
    for id in ids {
        let row = read.get(Table::Outbox, &id)?.ok_or_else(|| Error::corrupt("a dead delivery is not there"))?;
        let Parcel { post, attempts, why, .. } = Parcel::decode(&id, &row)?;
        page.push(Dead { post, attempts, why });
    }
    Ok(page)
}

pub(crate) fn records(read: &dyn Read, prefix: &str, after: Option<&str>, limit: usize) -> Result<Vec<Record>, Error> {
    let from = after.map_or_else(Vec::new, |after| past(after.as_bytes())).max(prefix.as_bytes().to_vec());
    let mut page = Vec::new();
    scan_prefix(read, Table::Records, prefix.as_bytes(), &from, &mut |key, row| {
        if page.len() == limit {
            return ENOUGH;
        }
        let name = String::from_utf8(key.to_vec()).map_err(|_| Error::corrupt("the name of a record is not UTF-8"))?;
        let mut eye = Eye::new(row);
        page.push(Record { name, version: Version(eye.u64()?), bytes: eye.rest().to_vec() });
        GO_ON
    })?;
    Ok(page)
}
