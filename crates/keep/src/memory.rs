//! A home in memory: for simulation and tests. It runs the same code as the embedded one, on maps, and fails when it is told to.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::{Range, RangeInclusive};
use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;
use fjall::Slice;

use crate::commit::{Commit, Link};
use crate::error::Error;
use crate::ledger::chunk::Chunk;
use crate::ledger::{self, Ledger, Prepared, Shared};
use crate::limits::MESSAGES_KNOWN_US;
use crate::loaded::{
    Committed, Customer, Dead, Delivery, Due, Erased, Fate, Key, KeyNumber, Loaded, Logged, Queue, Record, Stored,
    Take, Waiting, Wanted,
};
use crate::store::{Read, Table, Visit, Writes};
use crate::{Keep, limits};

/// What is being done when a fault strikes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operation {
    /// [`Keep::load`].
    Load,
    /// [`Keep::commit`].
    Commit,
    /// [`Keep::due`] or [`Keep::deliveries`].
    Take,
    /// Anything else that reads.
    Read,
    /// Anything else that writes.
    Write,
}

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fault {
    /// Too much waits; nothing is written.
    Busy,
    /// The disk is full; whether the commit was written before that was noticed.
    Full {
        /// It was.
        written: bool,
    },
    /// The answer is lost; whether the commit was written before that.
    Lost {
        /// It was.
        written: bool,
    },
}

impl Fault {
    fn error(self) -> Error {
        match self {
            Fault::Busy => Error::Busy,
            Fault::Full { .. } => Error::Full,
            Fault::Lost { .. } => Error::unavailable("a fault that was ordered")(std::io::Error::from(
                std::io::ErrorKind::ConnectionReset,
            )),
        }
    }

    fn is_written(self) -> bool {
        matches!(self, Fault::Full { written: true } | Fault::Lost { written: true })
    }
}

/// Decides about each operation whether a fault strikes.
type Faults = Box<dyn FnMut(Operation) -> Option<Fault> + Send>;

/// Live state in memory. Its futures are ready when they are first polled.
pub struct Memory {
    inner: Mutex<Inner>,
}

struct Inner {
    tables: Tables,
    ledger: Ledger,
    shared: Arc<Shared>,
    known_us: i64,
    faults: Option<Faults>,
    /// Whether what is written next is not noted, because nobody learns that it was.
    unnoted: bool,
}

#[derive(Debug, Default)]
struct Tables(BTreeMap<Table, BTreeMap<Slice, Slice>>);

impl Read for Tables {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Slice>, Error> {
        Ok(self.0.get(&table).and_then(|rows| rows.get(key)).cloned())
    }

    fn has(&self, table: Table, key: &[u8]) -> Result<bool, Error> {
        Ok(self.0.get(&table).is_some_and(|rows| rows.contains_key(key)))
    }

    fn scan(&self, table: Table, from: &[u8], visit: &mut Visit<'_>) -> Result<(), Error> {
        for (key, value) in self.0.get(&table).into_iter().flat_map(|rows| rows.range(Slice::from(from)..)) {
            if visit(key, value)?.is_break() {
                break;
            }
        }
        Ok(())
    }

    fn tables(&self) -> Vec<Table> {
        self.0.keys().copied().collect()
    }
}

impl Tables {
    fn write(&mut self, writes: Writes) {
        for (table, changed) in writes {
            let rows = self.0.entry(table).or_default();
            for (key, value) in changed {
                match value {
                    Some(value) => rows.insert(key, value),
                    None => rows.remove(&key),
                };
            }
        }
    }
}

impl std::fmt::Debug for Memory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Memory").finish_non_exhaustive()
    }
}

impl Default for Memory {
    fn default() -> Self {
        Self::new(MESSAGES_KNOWN_US)
    }
}

impl Memory {
    /// An empty home that knows message ids for this long.
    pub fn new(messages_known_us: i64) -> Self {
        let shared = Arc::new(Shared::default());
        let known_us = messages_known_us.max(limits::MESSAGES_KNOWN_US_MIN);
        let ledger =
            Ledger::open(&Tables::default(), known_us, Arc::clone(&shared)).expect("nothing is in it to be wrong");
        let inner = Inner { tables: Tables::default(), ledger, shared, known_us, faults: None, unnoted: false };
        Self { inner: Mutex::new(inner) }
    }

    /// Has every operation from now on asked whether a fault strikes.
    pub fn order_faults(&self, faults: impl FnMut(Operation) -> Option<Fault> + Send + 'static) {
        self.inner().faults = Some(Box::new(faults));
    }

    /// As if the process had been killed and started again: what was committed is there, what was taken is free again. Faults
    /// stay ordered.
    pub fn restart(&self) {
        let mut inner = self.inner();
        let shared = Arc::new(Shared::default());
        let opened = Ledger::open(&inner.tables, inner.known_us, Arc::clone(&shared));
        inner.ledger = opened.expect("it was opened before");
        inner.shared = shared;
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().expect("nothing panics while it holds the home")
    }

    /// Does it, unless a fault strikes.
    fn run<T>(&self, operation: Operation, work: impl FnOnce(&mut Inner) -> Result<T, Error>) -> Result<T, Error> {
        let mut inner = self.inner();
        let fault = inner.faults.as_mut().and_then(|faults| faults(operation));
        match fault {
            None => work(&mut inner),
            Some(fault) if fault.is_written() => {
                inner.unnoted = true;
                let done = work(&mut inner);
                inner.unnoted = false;
                done.and(Err(fault.error()))
            }
            Some(fault) => Err(fault.error()),
        }
    }

    fn read<T>(&self, work: impl FnOnce(&Tables) -> Result<T, Error>) -> Result<T, Error> {
        self.run(Operation::Read, |inner| work(&inner.tables))
    }
}

impl Inner {
    fn write(&mut self, writes: Writes) -> Result<(), Error> {
        let note = self.ledger.note(&writes)?;
        self.tables.write(writes);
        if self.unnoted {
            // As the embedded home does: what is written is read again, and who has taken what is not forgotten.
            self.ledger = Ledger::open(&self.tables, self.known_us, Arc::clone(&self.shared))?;
        } else {
            self.ledger.written(note);
        }
        Ok(())
    }
}

#[async_trait]
impl Keep for Memory {
    async fn load(&self, wanted: &Wanted) -> Result<Loaded, Error> {
        self.run(Operation::Load, |inner| ledger::load(&inner.tables, wanted))
    }

    async fn commit(&self, commit: Commit) -> Result<Committed, Error> {
        let now_us = commit.now_us;
        let prepared = Prepared::new(commit)?;
        self.run(Operation::Commit, |inner| {
            let (writes, answers) = inner.ledger.commit(&inner.tables, [prepared])?;
            inner.write(writes)?;
            for table in inner.ledger.expired(&inner.tables.tables(), now_us) {
                inner.tables.0.remove(&table);
            }
            answers.into_iter().next().expect("every commit is answered")
        })
    }

    async fn reserve(&self, count: u32, above: Option<KeyNumber>) -> Result<Range<u32>, Error> {
        self.run(Operation::Write, |inner| inner.shared.reserve(count, above))
    }

    async fn keys(&self, numbers: &[KeyNumber]) -> Result<Vec<Key>, Error> {
        self.read(|tables| ledger::keys_by_number(tables, numbers))
    }

    async fn keys_of(&self, customers: &[Customer]) -> Result<Vec<Key>, Error> {
        self.read(|tables| ledger::keys_of(tables, customers))
    }

    async fn links(&self, keys: &[KeyNumber], limit: usize) -> Result<Vec<Link>, Error> {
        self.read(|tables| ledger::links(tables, keys, limit))
    }

    async fn evidence(&self, pairs: &[(KeyNumber, KeyNumber)]) -> Result<Vec<Option<i64>>, Error> {
        self.read(|tables| ledger::evidence(tables, pairs))
    }

    async fn every_key(&self, after: Option<KeyNumber>, limit: usize) -> Result<Vec<Key>, Error> {
        self.read(|tables| ledger::every_key(tables, after, limit))
    }

    async fn every_link(&self, after: Option<Link>, limit: usize) -> Result<Vec<Link>, Error> {
        self.read(|tables| ledger::every_link(tables, after, limit))
    }

    async fn states(&self, generation: u32, after: Option<Customer>, limit: usize) -> Result<Vec<Stored>, Error> {
        self.read(|tables| ledger::states(tables, generation, after, limit))
    }

    async fn drop_generation(&self, generation: u32) -> Result<(), Error> {
        self.run(Operation::Write, |inner| {
            inner.ledger.changed();
            for table in [Table::States(generation), Table::Timers(generation), Table::TimersDue(generation)] {
                inner.tables.0.remove(&table);
            }
            Ok(())
        })
    }

    async fn log_span(&self) -> Result<Range<u64>, Error> {
        self.read(|tables| ledger::log_span(tables))
    }

    async fn log(&self, from: u64, limit: usize) -> Result<Vec<Logged>, Error> {
        self.read(|tables| ledger::log(tables, from, limit))
    }

    async fn chunks(&self, from: u64, bytes: usize) -> Result<Vec<Chunk>, Error> {
        self.read(|tables| ledger::chunks(tables, from, bytes))
    }

    async fn log_of(&self, customers: &[Customer], before: u64, limit: usize) -> Result<Vec<Logged>, Error> {
        self.read(|tables| ledger::log_of(tables, customers, before, limit))
    }

    async fn truncate(&self, before: u64) -> Result<(), Error> {
        self.run(Operation::Write, |inner| {
            let writes = inner.ledger.truncate(&inner.tables, before)?;
            inner.write(writes)
        })
    }

    async fn due(&self, generation: u32, take: Take) -> Result<Vec<Due>, Error> {
        self.run(Operation::Take, |inner| inner.shared.leases().take_timers(&inner.tables, generation, take))
    }

    async fn deliveries(&self, target: &str, take: Take) -> Result<Vec<Delivery>, Error> {
        self.run(Operation::Take, |inner| inner.shared.leases().take_deliveries(&inner.tables, target, take))
    }

    async fn queues(&self) -> Result<Vec<Queue>, Error> {
        self.read(|tables| ledger::queues(tables))
    }

    async fn waiting(&self, target: &str, limit: usize) -> Result<Vec<Waiting>, Error> {
        self.read(|tables| ledger::waiting(tables, target, limit))
    }

    async fn dead(&self, target: &str, after: Option<&[u8]>, limit: usize) -> Result<Vec<Dead>, Error> {
        self.read(|tables| ledger::dead(tables, target, after, limit))
    }

    async fn records(&self, prefix: &str, after: Option<&str>, limit: usize) -> Result<Vec<Record>, Error> {
        self.read(|tables| ledger::records(tables, prefix, after, limit))
    }

    async fn erase(
        &self,
        customers: &[Customer],
        keys: &BTreeSet<KeyNumber>,
        entries: &BTreeMap<u64, Fate>,
    ) -> Result<Erased, Error> {
        self.run(Operation::Write, |inner| {
            let (writes, erased) = inner.ledger.erase(&inner.tables, customers, keys, entries)?;
            inner.write(writes)?;
            Ok(erased)
        })
    }

    async fn skew_us(&self, _now_us: i64) -> Result<RangeInclusive<i64>, Error> {
        Ok(0..=0)
    }

    async fn close(&self) {
        self.order_faults(|_| Some(Fault::Lost { written: false }));
    }
}
