//! What a commit means, in tables of bytes: the common half of the embedded home and the one in memory.

mod apply;
mod check;
pub(crate) mod chunk;
mod erase;
mod keys;
mod lease;
mod parcel;
mod queues;
mod read;
mod recent;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::{ControlFlow, Range};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use crate::bytes::{Eye, Pen};
use crate::commit::Commit;
use crate::error::Error;
use crate::limits::{FORMAT, MESSAGE_BUCKETS};
use crate::loaded::{Committed, Customer, Erased, Fate, KeyNumber, Version};
use crate::store::{Draft, Read, Table, Writes};

pub(crate) use lease::Leases;
pub(crate) use parcel::shortened;
pub(crate) use queues::{Counting, queues};
pub(crate) use read::{
    chunks, dead, every_key, every_link, evidence, keys_by_number, keys_of, links, load, log, log_of, log_span,
    records, states, waiting,
};
use recent::{Recent, Row};

/// The key of the only row of its table.
const HEAD: [u8; 1] = [0];

/// What the home knows about itself; written with every commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    /// The first position of the log that is there.
    first: u64,
    /// The position that the next entry gets.
    next: u64,
    /// The version of the last commit.
    version: u64,
    /// The number that the next key gets.
    number: u32,
}

impl Head {
    /// Of a home that is new.
    const NEW: Head = Head { first: 0, next: 0, version: 0, number: 0 };

    pub(crate) fn read(read: &dyn Read) -> Result<Head, Error> {
        read.get(Table::Head, &HEAD)?.map_or(Ok(Head::NEW), |bytes| Head::decode(&bytes))
    }

    fn decode(bytes: &[u8]) -> Result<Head, Error> {
        let mut eye = Eye::new(bytes);
        Error::unless_known(eye.u32()?, FORMAT)?;
        Ok(Head { first: eye.u64()?, next: eye.u64()?, version: eye.u64()?, number: eye.u32()? })
    }

    fn write(self, draft: &mut Draft<'_>) {
        let pen = Pen::default().u32(FORMAT).u64(self.first).u64(self.next).u64(self.version).u32(self.number);
        draft.put(Table::Head, HEAD, pen.done());
    }
}

/// What readers and the one who commits share: who has taken what, and which numbers are given away.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    leases: Mutex<Leases>,
    numbers: AtomicU32,
}

impl Shared {
    pub(crate) fn leases(&self) -> MutexGuard<'_, Leases> {
        self.leases.lock().expect("nothing panics while it holds the leases")
    }

    pub(crate) fn reserve(&self, count: u32, above: Option<KeyNumber>) -> Result<Range<u32>, Error> {
        let full = || Error::TooLarge { what: "the number of keys", size: usize::MAX, most: u32::MAX as usize };
        let least = above.map_or(Some(0), |number| number.0.checked_add(1)).ok_or_else(full)?;
        let next = |number: u32| number.max(least).checked_add(count);
        let before = self.numbers.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next).map_err(|_| full())?;
        let first = before.max(least);
        Ok(first..first + count)
    }
}

/// A commit whose sizes were looked at and whose entries are encoded, which need not happen one after the other.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) commit: Commit,
    pub(crate) chunk: Vec<u8>,
    /// About how many bytes it takes to keep it.
    pub(crate) bytes: usize,
}

impl Prepared {
    pub(crate) fn new(commit: Commit) -> Result<Self, Error> {
        let bytes = commit.size()?;
        let chunk = chunk::encode(&commit.entries);
        Ok(Self { commit, chunk, bytes })
    }
}

/// Of the entries of one commit, each with its position: the last one of every customer.
pub(crate) fn last_of_each(entries: impl IntoIterator<Item = (Customer, u64)>) -> BTreeMap<Customer, u64> {
    entries.into_iter().collect()
}

/// What is known of changes besides the changes themselves.
#[derive(Debug)]
pub(crate) struct Note {
    head: Head,
    first: Vec<lease::FirstRow>,
}

/// The one who commits. There is one of them for a home, and only it changes anything.
#[derive(Debug)]
pub(crate) struct Ledger {
    head: Head,
    known_us: i64,
    shared: Arc<Shared>,
    recent: Recent,
}

impl Ledger {
    /// Takes up a home as it is. `known_us` is for how long message ids are known.
    pub(crate) fn open(read: &dyn Read, known_us: i64, shared: Arc<Shared>) -> Result<Self, Error> {
        if known_us < MESSAGE_BUCKETS {
            return Err(Error::Invalid { what: format!("message ids cannot be known for {known_us} microseconds") });
        }
        let head = Head::read(read)?;
        shared.numbers.fetch_max(head.number, Ordering::Relaxed);
        let mut leases = shared.leases();
        // Whether what was decided last is written, the tables tell: what is not there cannot be given back again, and rows that
        // nobody took note of may be before those that were the first.
        leases.hold_on();
        leases.forget_floors();
        drop(leases);
        Ok(Self { head, known_us, shared, recent: Recent::since(head.version) })
    }

    /// What the home knows about itself, to be written where nothing else is.
    pub(crate) fn head(&self, read: &dyn Read) -> Writes {
        let mut draft = Draft::new(read);
        self.head.write(&mut draft);
        draft.writes
    }

    /// Decides about a group of commits, one after the other: what is to be written, and what to answer once it is.
    pub(crate) fn commit(
        &mut self,
        read: &dyn Read,
        group: impl IntoIterator<Item = Prepared>,
    ) -> Result<(Writes, Vec<Result<Committed, Error>>), Error> {
        let mut draft = Draft::new(read);
        let mut answers = Vec::new();
        let mut head = self.head;
        let shared = Arc::clone(&self.shared);
        let mut leases = shared.leases();
        // Left from a group of which something could not be read.
        leases.hold_on();
        for prepared in group {
            let conflict = check::check(&draft, &leases, &self.recent, &prepared.commit)?;
            if !conflict.is_empty() {
                answers.push(Err(Error::Conflict(Box::new(conflict))));
                continue;
            }
            head.version += 1;
            let committed = Committed { position: head.next, version: Version(head.version) };
            check::note(&mut self.recent, &prepared.commit);
            apply::apply(&mut draft, &mut leases, &self.recent, &prepared, &mut head, self.known_us)?;
            answers.push(Ok(committed));
        }
        drop(leases);
        for (table, rows) in draft.writes.iter().filter(|(table, _)| matches!(table, Table::Timers(_))) {
            rows.iter().for_each(|(key, _)| self.recent.note(Row::of(*table, key)));
        }
        self.recent.end_group(head.version);
        if !draft.writes.is_empty() {
            head.number = self.shared.numbers.load(Ordering::Relaxed);
            head.write(&mut draft);
        }
        Ok((draft.writes, answers))
    }

    /// What has to be known of these changes once they are written.
    pub(crate) fn note(&self, writes: &Writes) -> Result<Note, Error> {
        let head = writes.get(&Table::Head).and_then(|rows| rows.get(HEAD.as_slice())?.as_ref());
        let head = head.map_or(Ok(self.head), |bytes| Head::decode(bytes))?;
        Ok(Note { head, first: lease::first_rows(writes) })
    }

    /// Takes note that what was decided last is written; only now do later commits build on it.
    pub(crate) fn written(&mut self, note: Note) {
        self.head = note.head;
        let mut leases = self.shared.leases();
        leases.let_go();
        leases.lower_floors(note.first);
    }

    /// What truncating the log before a position writes.
    pub(crate) fn truncate(&self, read: &dyn Read, before: u64) -> Result<Writes, Error> {
        let before = before.min(self.head.next);
        let mut draft = Draft::new(read);
        if before <= self.head.first {
            return Ok(draft.writes);
        }
        let from = keys::position(self.head.first);
        let until = keys::position(before);
        let mut gone = Vec::new();
        read.scan(Table::Log, &from, &mut |key, row| {
            // A chunk is named by its last position: one that reaches up to `before` or beyond stays whole.
            if key >= until.as_slice() {
                return Ok(ControlFlow::Break(()));
            }
            let entries = chunk::decode(keys::position_of(key)?, row)?;
            gone.push((key.to_vec(), chunk::found_by(&entries)));
            Ok(ControlFlow::Continue(()))
        })?;
        for (key, found_by) in gone {
            draft.remove(Table::Log, key);
            for (customer, position) in found_by {
                draft.remove(Table::LogOf, keys::log_of(customer, position));
            }
        }
        Head { first: before, ..self.head }.write(&mut draft);
        Ok(draft.writes)
    }

    /// Tables that are of no use any more at this time: all message ids in them have been known for long enough.
    pub(crate) fn expired(&self, tables: &[Table], now_us: i64) -> Vec<Table> {
        let old = |table: &&Table| matches!(table, Table::Seen(until) if until.saturating_add(self.known_us) <= now_us);
        tables.iter().filter(old).copied().collect()
    }

    /// Something changes that is no commit: those that were loaded before have to be checked by reading.
    pub(crate) fn changed(&mut self) {
        self.recent = Recent::since(self.head.version + 1);
    }

    /// Erases customers; see [`erase::erase`].
    pub(crate) fn erase(
        &mut self,
        read: &dyn Read,
        customers: &[Customer],
        keys: &BTreeSet<KeyNumber>,
        entries: &BTreeMap<u64, Fate>,
    ) -> Result<(Writes, Erased), Error> {
        self.changed();
        erase::erase(read, &mut self.shared.leases(), customers, keys, entries)
    }
}
