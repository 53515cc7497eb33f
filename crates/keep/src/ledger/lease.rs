//! Who has taken what. Kept in memory: whoever had taken something is gone when the process is.

use std::collections::HashMap;
use std::ops::ControlFlow;

use crate::commit::{Post, Timer, Was};
use crate::error::Error;
use crate::ledger::keys;
use crate::ledger::parcel::Parcel;
use crate::loaded::{Delivery, Due, Lease, Take, TimerId};
use crate::store::{Read, Table, Writes, scan_prefix};

#[derive(Debug, Clone, Copy)]
struct Held {
    lease: Lease,
    until_us: i64,
    /// For when it was due.
    due_us: i64,
    /// Whether it is decided that it is given back, and not written yet: whoever reads sees it wait still. It is nobody's, and
    /// nobody may take it.
    leaving: bool,
}

impl Held {
    fn is_by(&self, lease: Lease) -> bool {
        !self.leaving && self.lease == lease
    }

    fn is_free(&self, now_us: i64) -> bool {
        !self.leaving && self.until_us <= now_us
    }
}

/// What is taken, and where the rows of what waits begin.
#[derive(Debug, Default)]
pub(crate) struct Leases {
    last: u64,
    timers: HashMap<(u32, TimerId), Held>,
    deliveries: HashMap<Vec<u8>, Held>,
    leaving_timers: Vec<(u32, TimerId)>,
    leaving_deliveries: Vec<Vec<u8>>,
    /// No row of the table (for a target: whose key begins so) is before this key. What was worked off leaves deleted rows
    /// behind until the store tidies up, and looking for the first one again and again would step over all of them each time:
    /// a backlog of a million timers would take a million times a million steps.
    floors: HashMap<(Table, Vec<u8>), Vec<u8>>,
}

/// The first of the rows that a commit adds to a queue.
#[derive(Debug)]
pub(super) struct FirstRow {
    table: Table,
    prefix: Vec<u8>,
    key: Vec<u8>,
}

/// The first rows that these changes add to each queue.
pub(super) fn first_rows(writes: &Writes) -> Vec<FirstRow> {
    let mut rows: Vec<FirstRow> = Vec::new();
    let queues = writes.iter().filter(|(table, _)| matches!(table, Table::TimersDue(_) | Table::OutboxDue));
    for (table, changed) in queues {
        for (key, _) in changed.iter().filter(|(_, value)| value.is_some()) {
            let prefix = if *table == Table::OutboxDue { keys::target_prefix_of(key) } else { &[] };
            if rows.last().is_none_or(|row| row.table != *table || row.prefix != prefix) {
                rows.push(FirstRow { table: *table, prefix: prefix.to_vec(), key: key.to_vec() });
            }
        }
    }
    rows
}

impl Leases {
    fn next(&mut self) -> Lease {
        self.last += 1;
        Lease(self.last)
    }

    pub(super) fn is_timer_held(&self, generation: u32, timer: &TimerId, lease: Lease) -> bool {
        self.timers.get(&(generation, timer.clone())).is_some_and(|held| held.is_by(lease))
    }

    pub(super) fn is_delivery_held(&self, id: &[u8], lease: Lease) -> bool {
        self.deliveries.get(id).is_some_and(|held| held.is_by(lease))
    }

    /// Decides that a timer is given back; it is when that [is written](Self::let_go). Says for when the one was due that is
    /// given back.
    pub(super) fn release_timer(&mut self, generation: u32, timer: &TimerId) -> Option<i64> {
        if self.timers.is_empty() {
            return None;
        }
        let timer = (generation, timer.clone());
        let held = self.timers.get_mut(&timer)?;
        held.leaving = true;
        let due_us = held.due_us;
        self.leaving_timers.push(timer);
        Some(due_us)
    }

    /// Decides that a delivery is given back; it is when that [is written](Self::let_go).
    pub(super) fn release_delivery(&mut self, id: &[u8]) {
        if let Some(held) = self.deliveries.get_mut(id) {
            held.leaving = true;
            self.leaving_deliveries.push(id.to_vec());
        }
    }

    /// What was decided is written: what was given back may be taken by others.
    pub(super) fn let_go(&mut self) {
        for timer in self.leaving_timers.drain(..) {
            self.timers.remove(&timer);
        }
        for id in self.leaving_deliveries.drain(..) {
            self.deliveries.remove(&id);
        }
    }

    /// What was decided could not be written: what was to be given back stays with whoever has it.
    pub(super) fn hold_on(&mut self) {
        for timer in self.leaving_timers.drain(..) {
            self.timers.entry(timer).and_modify(|held| held.leaving = false);
        }
        for id in self.leaving_deliveries.drain(..) {
            self.deliveries.entry(id).and_modify(|held| held.leaving = false);
        }
    }

    /// Takes note of rows that came to be before those that were the first.
    pub(super) fn lower_floors(&mut self, rows: Vec<FirstRow>) {
        for FirstRow { table, prefix, key } in rows {
            if let Some(floor) = self.floors.get_mut(&(table, prefix))
                && key < *floor
            {
                *floor = key;
            }
        }
    }

    /// Nothing is known of where the rows of what waits begin.
    pub(super) fn forget_floors(&mut self) {
        self.floors.clear();
    }

    /// Takes timers that are due. `read` has to be as of a moment after the lock on these leases was taken.
    pub(crate) fn take_timers(&mut self, read: &dyn Read, generation: u32, take: Take) -> Result<Vec<Due>, Error> {
        let table = Table::TimersDue(generation);
        let floor = self.floors.get(&(table, Vec::new())).cloned().unwrap_or_default();
        let mut first = None;
        let mut found = Vec::new();
        read.scan(table, &floor, &mut |key, bytes| {
            first.get_or_insert_with(|| key.to_vec());
            let (due_us, customer, id) = keys::timer_due_of(key)?;
            if due_us > take.now_us || found.len() == take.limit {
                return Ok(ControlFlow::Break(()));
            }
            let timer = (generation, TimerId { customer, id });
            if self.timers.get(&timer).is_none_or(|held| held.is_free(take.now_us)) {
                found.push(Timer { customer, id: timer.1.id, due_us, bytes: bytes.to_vec(), was: Was::Unknown });
            }
            Ok(ControlFlow::Continue(()))
        })?;
        if let Some(first) = first {
            self.floors.insert((table, Vec::new()), first);
        }
        let until_us = take.now_us.saturating_add(take.lease_us);
        let mut taken = Vec::with_capacity(found.len());
        for timer in found {
            let lease = self.next();
            let id = TimerId { customer: timer.customer, id: timer.id.clone() };
            self.timers.insert((generation, id), Held { lease, until_us, due_us: timer.due_us, leaving: false });
            taken.push(Due { timer, lease });
        }
        Ok(taken)
    }

    /// Takes deliveries of a target that are due. `read` has to be as of a moment after the lock on these leases was taken.
    pub(crate) fn take_deliveries(
        &mut self,
        read: &dyn Read,
        target: &str,
        take: Take,
    ) -> Result<Vec<Delivery>, Error> {
        if read.has(Table::Paused, target.as_bytes())? {
            return Ok(Vec::new());
        }
        let prefix = keys::target(target);
        let floor = self.floors.get(&(Table::OutboxDue, prefix.clone())).cloned().unwrap_or_else(|| prefix.clone());
        let until = keys::outbox_due(target, take.now_us, &[]);
        let mut first = None;
        let mut ids = Vec::new();
        scan_prefix(read, Table::OutboxDue, &prefix, &floor, &mut |key, _| {
            first.get_or_insert_with(|| key.to_vec());
            let is_due = key.get(..until.len()).is_some_and(|due| due <= until.as_slice());
            if !is_due || ids.len() == take.limit {
                return Ok(ControlFlow::Break(()));
            }
            let id = &key[until.len()..];
            if self.deliveries.get(id).is_none_or(|held| held.is_free(take.now_us)) {
                ids.push(id.to_vec());
            }
            Ok(ControlFlow::Continue(()))
        })?;
        if let Some(first) = first {
            self.floors.insert((Table::OutboxDue, prefix), first);
        }
        let until_us = take.now_us.saturating_add(take.lease_us);
        let mut taken = Vec::with_capacity(ids.len());
        for id in ids {
            let row = read.get(Table::Outbox, &id)?;
            let row = row.ok_or_else(|| Error::corrupt("a delivery that waits is not there"))?;
            let Parcel { post, attempts, .. } = Parcel::decode(&id, &row)?;
            let lease = self.next();
            self.deliveries.insert(id, Held { lease, until_us, due_us: post.due_us, leaving: false });
            taken.push(Delivery { post: Post { ..post }, attempts, lease });
        }
        Ok(taken)
    }
}
