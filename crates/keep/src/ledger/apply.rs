//! What a commit that stands changes in the tables.

use std::io::Read as _;

use fjall::Slice;

use crate::bytes::{Eye, Pen, in_order};
use crate::commit::{Change, Commit, Link, Outcome, Settled, Timer, Was};
use crate::error::Error;
use crate::ledger::lease::Leases;
use crate::ledger::parcel::{Parcel, shortened};
use crate::ledger::recent::{Recent, Row};
use crate::ledger::{Head, Prepared, keys, last_of_each};
use crate::limits::MESSAGE_BUCKETS;
use crate::loaded::{Customer, Key, TimerId};
use crate::store::{Draft, Table};

pub(super) fn apply(
    draft: &mut Draft<'_>,
    leases: &mut Leases,
    recent: &Recent,
    prepared: &Prepared,
    head: &mut Head,
    known_us: i64,
) -> Result<(), Error> {
    let commit = &prepared.commit;
    apply_messages(draft, commit, known_us);
    if !commit.entries.is_empty() {
        let whose = commit.entries.iter().map(|entry| entry.customer).zip(head.next..);
        for (customer, position) in last_of_each(whose) {
            draft.put(Table::LogOf, keys::log_of(customer, position), []);
        }
        head.next += commit.entries.len() as u64;
        draft.put(Table::Log, keys::position(head.next - 1), prepared.chunk.as_slice());
    }
    apply_states(draft, commit, head.version);
    for key in &commit.keys {
        apply_key(draft, key)?;
    }
    for link in &commit.links {
        apply_link(draft, *link)?;
    }
    apply_timers(draft, leases, recent, commit)?;
    for settled in &commit.settled {
        leases.release_delivery(&settled.id);
        settle(draft, settled)?;
    }
    apply_outbox(draft, commit)?;
    for record in &commit.records {
        let name = record.name.as_bytes();
        match &record.bytes {
            Some(bytes) => draft.put(Table::Records, name, versioned(head.version, bytes)),
            None => draft.remove(Table::Records, name),
        }
    }
    Ok(())
}

/// The tables of message ids, the newest first: a message that comes again mostly comes soon.
pub(super) fn seen_tables(draft: &Draft<'_>) -> Vec<Table> {
    let mut seen: Vec<_> = draft.tables().into_iter().filter(is_seen).collect();
    // Those that only this group writes to are not there yet.
    seen.extend(draft.writes.keys().copied().filter(is_seen));
    seen.sort_unstable_by(|a, b| b.cmp(a));
    seen.dedup();
    seen
}

pub(super) fn is_seen(table: &Table) -> bool {
    matches!(table, Table::Seen(_))
}

fn apply_messages(draft: &mut Draft<'_>, commit: &Commit, known_us: i64) {
    if commit.messages.is_empty() {
        return;
    }
    // The table that is in use goes on being used until its time is over, also where the time that ids are known for is
    // another since; then the next one begins.
    let current =
        draft.tables().into_iter().filter(|table| matches!(table, Table::Seen(until) if *until > commit.now_us)).min();
    let span = known_us / MESSAGE_BUCKETS;
    let table = current.unwrap_or_else(|| Table::Seen((commit.now_us.div_euclid(span) + 1).saturating_mul(span)));
    for message in &commit.messages {
        draft.put(table, message.0, []);
    }
}

fn versioned(version: u64, bytes: &[u8]) -> Slice {
    let row = Slice::from_reader(&mut version.to_be_bytes().chain(bytes), 8 + bytes.len());
    row.expect("there are as many bytes")
}

fn apply_states(draft: &mut Draft<'_>, commit: &Commit, version: u64) {
    let table = Table::States(commit.generation);
    for state in &commit.states {
        let key = keys::customer(state.customer);
        match &state.change {
            Change::Put(bytes) => draft.put(table, key, versioned(version, bytes)),
            Change::Delete => draft.remove(table, key),
            Change::Hold => {}
        }
    }
}

fn apply_key(draft: &mut Draft<'_>, key: &Key) -> Result<(), Error> {
    let number = keys::number(key.number);
    if let Some(row) = draft.get(Table::Numbers, &number)? {
        let before = Customer(Eye::new(&row).i64()?);
        draft.remove(Table::KeysOf, keys::key_of(before, key.number));
    }
    draft.put(Table::Keys, key.bytes.as_slice(), Pen::with_capacity(12).u32(key.number.0).i64(key.customer.0).done());
    let row = Pen::with_capacity(8 + key.bytes.len()).i64(key.customer.0).rest(&key.bytes).done();
    draft.put(Table::Numbers, number, row);
    draft.put(Table::KeysOf, keys::key_of(key.customer, key.number), []);
    Ok(())
}

fn apply_link(draft: &mut Draft<'_>, link: Link) -> Result<(), Error> {
    let there = draft.get(Table::Links, &keys::link(link.low, link.high, link.undo))?;
    let earlier = there.map(|row| Eye::new(&row).i64()).transpose()?.map_or(link.at_us, |at_us| at_us.min(link.at_us));
    for (this, other) in [(link.low, link.high), (link.high, link.low)] {
        draft.put(Table::Links, keys::link(this, other, link.undo), in_order(earlier));
    }
    Ok(())
}

fn apply_timers(draft: &mut Draft<'_>, leases: &mut Leases, recent: &Recent, commit: &Commit) -> Result<(), Error> {
    let generation = commit.generation;
    for fired in &commit.fired {
        clear(draft, leases, generation, &TimerId { customer: fired.customer, id: fired.id.clone() })?;
    }
    for customer in &commit.unset {
        unset(draft, leases, generation, *customer)?;
    }
    for timer in &commit.cleared {
        clear(draft, leases, generation, timer)?;
    }
    for timer in &commit.timers {
        leases.release_timer(generation, &TimerId { customer: timer.customer, id: timer.id.clone() });
        set(draft, recent, commit, timer)?;
    }
    Ok(())
}

/// Clears all timers of a customer; returns how many there were.
pub(super) fn unset(
    draft: &mut Draft<'_>,
    leases: &mut Leases,
    generation: u32,
    customer: Customer,
) -> Result<u64, Error> {
    let rows = draft.rows(Table::Timers(generation), &keys::customer(customer))?;
    for key in rows.keys() {
        clear(draft, leases, generation, &TimerId { customer, id: key[8..].to_vec() })?;
    }
    Ok(rows.len() as u64)
}

fn clear(draft: &mut Draft<'_>, leases: &mut Leases, generation: u32, timer: &TimerId) -> Result<(), Error> {
    // One that goes off is gone by what was taken, whatever else is said of it.
    let taken_us = leases.release_timer(generation, timer);
    let key = keys::timer(timer.customer, &timer.id);
    let due_us = due_us(draft, Table::Timers(generation), &key)?;
    if due_us.is_some() {
        draft.remove(Table::Timers(generation), key);
    }
    for due_us in due_us.into_iter().chain(taken_us) {
        draft.remove(Table::TimersDue(generation), keys::timer_due(due_us, timer.customer, &timer.id));
    }
    Ok(())
}

/// When a timer is due; nothing where there is none.
fn due_us(draft: &Draft<'_>, table: Table, key: &[u8]) -> Result<Option<i64>, Error> {
    draft.get(table, key)?.map(|row| Eye::new(&row).i64()).transpose()
}

fn set(draft: &mut Draft<'_>, recent: &Recent, commit: &Commit, timer: &Timer) -> Result<(), Error> {
    let table = Table::Timers(commit.generation);
    let key = keys::timer(timer.customer, &timer.id);
    let is_as_loaded = || !draft.is_written(table, &key) && recent.is_as_of(Row::of(table, &key), commit.as_of);
    let was_us = match timer.was {
        Was::Unset if is_as_loaded() => None,
        Was::Due(due_us) if is_as_loaded() => Some(due_us),
        _ => due_us(draft, table, &key)?,
    };
    let due = Table::TimersDue(commit.generation);
    if let Some(was_us) = was_us {
        draft.remove(due, keys::timer_due(was_us, timer.customer, &timer.id));
    }
    draft.put(table, key, in_order(timer.due_us));
    draft.put(due, keys::timer_due(timer.due_us, timer.customer, &timer.id), timer.bytes.clone());
    Ok(())
}

fn parcel(draft: &Draft<'_>, id: &[u8]) -> Result<Option<Parcel>, Error> {
    draft.get(Table::Outbox, id)?.map(|row| Parcel::decode(id, &row)).transpose()
}

/// Takes a delivery out of all tables.
pub(super) fn take_out(draft: &mut Draft<'_>, parcel: &Parcel) {
    let post = &parcel.post;
    draft.remove(Table::Outbox, post.id.clone());
    if parcel.dead {
        draft.remove(Table::OutboxDead, keys::outbox_dead(&post.target, &post.id));
    } else {
        draft.remove(Table::OutboxDue, keys::outbox_due(&post.target, post.due_us, &post.id));
    }
}

fn put_in(draft: &mut Draft<'_>, parcel: &Parcel) {
    let post = &parcel.post;
    if parcel.dead {
        draft.put(Table::OutboxDead, keys::outbox_dead(&post.target, &post.id), []);
    } else {
        draft.put(Table::OutboxDue, keys::outbox_due(&post.target, post.due_us, &post.id), []);
    }
    draft.put(Table::Outbox, post.id.clone(), parcel.encode());
}

fn settle(draft: &mut Draft<'_>, settled: &Settled) -> Result<(), Error> {
    let Some(mut parcel) = parcel(draft, &settled.id)? else { return Ok(()) };
    take_out(draft, &parcel);
    match &settled.outcome {
        Outcome::Done => return Ok(()),
        Outcome::Retry { due_us, why } | Outcome::Postponed { due_us, why } => {
            parcel.post.due_us = *due_us;
            parcel.why = shortened(why);
        }
        Outcome::Dead { why } | Outcome::Withheld { why } => {
            parcel.dead = true;
            parcel.why = shortened(why);
        }
    }
    parcel.attempts = parcel.attempts.saturating_add(u32::from(settled.outcome.is_attempt()));
    put_in(draft, &parcel);
    Ok(())
}

fn apply_outbox(draft: &mut Draft<'_>, commit: &Commit) -> Result<(), Error> {
    for id in &commit.resent {
        if let Some(mut parcel) = parcel(draft, id)?.filter(|parcel| parcel.dead) {
            take_out(draft, &parcel);
            parcel.dead = false;
            parcel.attempts = 0;
            parcel.post.due_us = commit.now_us;
            put_in(draft, &parcel);
        }
    }
    for post in &commit.posts {
        if !draft.has(Table::Outbox, &post.id)? {
            put_in(draft, &Parcel { post: post.clone(), attempts: 0, dead: false, why: String::new() });
        }
    }
    for (target, paused) in &commit.paused {
        let key = target.as_bytes();
        if *paused {
            draft.put(Table::Paused, key, []);
        } else {
            draft.remove(Table::Paused, key);
        }
    }
    Ok(())
}
