//! Erasing customers from all tables.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use crate::bytes::Eye;
use crate::error::Error;
use crate::ledger::apply::{take_out, unset};
use crate::ledger::lease::Leases;
use crate::ledger::parcel::Parcel;
use crate::ledger::read::chunk_with;
use crate::ledger::{chunk, keys};
use crate::loaded::{Customer, Erased, Fate, Key, KeyNumber};
use crate::store::{Draft, Read, Table, Writes};

/// What erasing these customers writes, and what it deletes.
pub(super) fn erase(
    read: &dyn Read,
    leases: &mut Leases,
    customers: &[Customer],
    keys: &BTreeSet<KeyNumber>,
    entries: &BTreeMap<u64, Fate>,
) -> Result<(Writes, Erased), Error> {
    let gone: BTreeSet<Customer> = customers.iter().copied().collect();
    let mut draft = Draft::new(read);
    let mut erased = Erased::default();
    for customer in &gone {
        erase_keys(&mut draft, *customer, &mut erased)?;
    }
    // Before any lease is let go.
    erased.are_of(keys)?;
    for table in read.tables() {
        for customer in &gone {
            match table {
                Table::States(_) if read.has(table, &keys::customer(*customer))? => {
                    draft.remove(table, keys::customer(*customer));
                    erased.states += 1;
                }
                Table::Timers(generation) => erased.timers += unset(&mut draft, leases, generation, *customer)?,
                _ => {}
            }
        }
    }
    erase_deliveries(read, &mut draft, leases, &gone, &mut erased)?;
    erased.entries = rewrite_log(read, &mut draft, entries)?;
    Ok((draft.writes, erased))
}

/// Rewrites the chunks with these entries; returns how many were emptied.
fn rewrite_log(read: &dyn Read, draft: &mut Draft<'_>, entries: &BTreeMap<u64, Fate>) -> Result<u64, Error> {
    let (mut emptied, mut from) = (0, 0);
    while let Some((position, _)) = entries.range(from..).next() {
        // Nothing was ever that far on.
        let Some((last, chunk)) = chunk_with(read, *position)? else { break };
        if let Some(rewritten) = chunk::rewritten(last, &chunk, entries)? {
            emptied += rewritten.emptied;
            draft.put(Table::Log, keys::position(last), rewritten.bytes);
            for (customer, position) in rewritten.found_before {
                draft.remove(Table::LogOf, keys::log_of(customer, position));
            }
            for (customer, position) in rewritten.found_now {
                draft.put(Table::LogOf, keys::log_of(customer, position), []);
            }
        }
        from = last + 1;
    }
    Ok(emptied)
}

fn erase_keys(draft: &mut Draft<'_>, customer: Customer, erased: &mut Erased) -> Result<(), Error> {
    for key_of in draft.rows(Table::KeysOf, &keys::customer(customer))?.into_keys() {
        let number = KeyNumber(Eye::new(&key_of[8..]).u32()?);
        if let Some(row) = draft.get(Table::Numbers, &keys::number(number))? {
            let bytes = row[8..].to_vec();
            draft.remove(Table::Keys, bytes.clone());
            draft.remove(Table::Numbers, keys::number(number));
            erased.keys.push(Key { number, customer, bytes });
        }
        draft.remove(Table::KeysOf, key_of);
        for link in draft.rows(Table::Links, &keys::number(number))?.into_keys() {
            let mut eye = Eye::new(&link[4..]);
            let (other, undo) = (KeyNumber(eye.u32()?), eye.u8()? != 0);
            draft.remove(Table::Links, link);
            draft.remove(Table::Links, keys::link(other, number, undo));
            erased.links += 1;
        }
    }
    Ok(())
}

fn erase_deliveries(
    read: &dyn Read,
    draft: &mut Draft<'_>,
    leases: &mut Leases,
    gone: &BTreeSet<Customer>,
    erased: &mut Erased,
) -> Result<(), Error> {
    read.scan(Table::Outbox, &[], &mut |id, row| {
        let parcel = Parcel::decode(id, row)?;
        if gone.contains(&parcel.post.customer) {
            leases.release_delivery(id);
            take_out(draft, &parcel);
            erased.deliveries += 1;
        }
        Ok(ControlFlow::Continue(()))
    })
}
