//! What the embedded home and the one in memory have in common: tables of bytes, ordered by key, that change all at once.
//!
//! Everything above this line is the same code for both, so that a simulation in memory tries what runs on a disk.

use std::collections::BTreeMap;
use std::hash::Hash;
use std::ops::{Bound, ControlFlow};

use fjall::Slice;
use hashbrown::HashMap;

use crate::error::Error;
use crate::map::Map;

/// What a row becomes; `None` where it is deleted.
pub(crate) type Row = Option<Slice>;

/// A table. Some come and go: one for each generation, one for each span of time in which message ids are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Table {
    /// One row: [`Head`](crate::ledger::Head).
    Head,
    /// last position of a chunk → entries of one commit.
    Log,
    /// customer, position of its last entry in a chunk, the newest first → nothing.
    LogOf,
    /// message id → nothing. The number is the time up to which ids are put here.
    Seen(i64),
    /// customer → version, state.
    States(u32),
    /// customer, id → due.
    Timers(u32),
    /// due, customer, id → bytes.
    TimersDue(u32),
    /// bytes of a key → number, customer.
    Keys,
    /// number → customer, bytes of the key.
    Numbers,
    /// customer, number → nothing.
    KeysOf,
    /// number, number, undo → time; both ways round.
    Links,
    /// id → [`Parcel`](crate::ledger::Parcel).
    Outbox,
    /// target, due, id → nothing.
    OutboxDue,
    /// target, id → nothing.
    OutboxDead,
    /// target → nothing, where it is paused.
    Paused,
    /// name → version, bytes.
    Records,
}

impl Table {
    /// None of its rows.
    pub(crate) fn map<K: Hash + Ord, V>(self) -> Map<K, V> {
        match self {
            Table::Seen(_) | Table::States(_) | Table::Keys | Table::Numbers => Map::Apart(HashMap::new()),
            _ => Map::InOrder(BTreeMap::new()),
        }
    }

    /// Its name on a disk.
    pub(crate) fn name(self) -> String {
        match self {
            Table::Head => "head".to_owned(),
            Table::Log => "log".to_owned(),
            Table::LogOf => "log-of".to_owned(),
            Table::Seen(until) => format!("seen.{until}"),
            Table::States(generation) => format!("states.{generation}"),
            Table::Timers(generation) => format!("timers.{generation}"),
            Table::TimersDue(generation) => format!("timers-due.{generation}"),
            Table::Keys => "keys".to_owned(),
            Table::Numbers => "numbers".to_owned(),
            Table::KeysOf => "keys-of".to_owned(),
            Table::Links => "links".to_owned(),
            Table::Outbox => "outbox".to_owned(),
            Table::OutboxDue => "outbox-due".to_owned(),
            Table::OutboxDead => "outbox-dead".to_owned(),
            Table::Paused => "paused".to_owned(),
            Table::Records => "records".to_owned(),
        }
    }

    /// The table of that name.
    pub(crate) fn named(name: &str) -> Option<Table> {
        let fixed = [
            Table::Head,
            Table::Log,
            Table::LogOf,
            Table::Keys,
            Table::Numbers,
            Table::KeysOf,
            Table::Links,
            Table::Outbox,
            Table::OutboxDue,
            Table::OutboxDead,
            Table::Paused,
            Table::Records,
        ];
        if let Some(table) = fixed.into_iter().find(|table| table.name() == name) {
            return Some(table);
        }
        let (kind, number) = name.split_once('.')?;
        match kind {
            "seen" => number.parse().ok().map(Table::Seen),
            "states" => number.parse().ok().map(Table::States),
            "timers" => number.parse().ok().map(Table::Timers),
            "timers-due" => number.parse().ok().map(Table::TimersDue),
            _ => None,
        }
    }
}

/// What a scan does with a row: it goes on, or has seen enough.
pub(crate) type Visit<'a> = dyn FnMut(&[u8], &[u8]) -> Result<ControlFlow<()>, Error> + 'a;

/// The tables, as of one moment. No key is empty: there are stores that take none.
pub(crate) trait Read {
    /// The value of a key, shared with whoever else has it.
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Slice>, Error>;

    /// Whether there is such a key.
    fn has(&self, table: Table, key: &[u8]) -> Result<bool, Error>;

    /// Rows from the key `from` on, as long as `visit` goes on.
    fn scan(&self, table: Table, from: &[u8], visit: &mut Visit<'_>) -> Result<(), Error>;

    /// All tables that there are, ordered.
    fn tables(&self) -> Vec<Table>;
}

/// Rows whose key begins with `prefix`, from the key `from` on.
pub(crate) fn scan_prefix(
    read: &dyn Read,
    table: Table,
    prefix: &[u8],
    from: &[u8],
    visit: &mut Visit<'_>,
) -> Result<(), Error> {
    read.scan(table, from, &mut |key, value| {
        if key.starts_with(prefix) { visit(key, value) } else { Ok(ControlFlow::Break(())) }
    })
}

/// What is to change, by table and key. In order where it is looked up so, and because neighbours are cheaper to insert then.
pub(crate) type Writes = BTreeMap<Table, Map<Slice, Row>>;

/// Changes that are not written yet, on top of what is there, so that a commit sees those that go to disk with it.
pub(crate) struct Draft<'a> {
    base: &'a dyn Read,
    pub(crate) writes: Writes,
}

impl<'a> Draft<'a> {
    pub(crate) fn new(base: &'a dyn Read) -> Self {
        Self { base, writes: Writes::new() }
    }

    fn written(&self, table: Table, key: &[u8]) -> Option<&Row> {
        self.writes.get(&table)?.get(key)
    }

    pub(crate) fn is_written(&self, table: Table, key: &[u8]) -> bool {
        self.written(table, key).is_some()
    }

    pub(crate) fn get(&self, table: Table, key: &[u8]) -> Result<Option<Slice>, Error> {
        self.written(table, key).map_or_else(|| self.base.get(table, key), |written| Ok(written.clone()))
    }

    pub(crate) fn has(&self, table: Table, key: &[u8]) -> Result<bool, Error> {
        self.written(table, key).map_or_else(|| self.base.has(table, key), |written| Ok(written.is_some()))
    }

    pub(crate) fn put(&mut self, table: Table, key: impl Into<Slice>, value: impl Into<Slice>) {
        self.rows_of(table).insert(key.into(), Some(value.into()));
    }

    pub(crate) fn remove(&mut self, table: Table, key: impl Into<Slice>) {
        self.rows_of(table).insert(key.into(), None);
    }

    fn rows_of(&mut self, table: Table) -> &mut Map<Slice, Row> {
        self.writes.entry(table).or_insert_with(|| table.map())
    }

    /// All rows whose key begins with `prefix`: for what belongs to one customer.
    pub(crate) fn rows(&self, table: Table, prefix: &[u8]) -> Result<BTreeMap<Slice, Slice>, Error> {
        let mut rows = BTreeMap::new();
        scan_prefix(self.base, table, prefix, prefix, &mut |key, value| {
            rows.insert(Slice::from(key), Slice::from(value));
            Ok(ControlFlow::Continue(()))
        })?;
        let first = || Bound::Included(Slice::from(prefix));
        let written = self.writes.get(&table).into_iter().flat_map(|rows| rows.from(first()));
        for (key, value) in written.take_while(|(key, _)| key.starts_with(prefix)) {
            match value {
                Some(value) => rows.insert(key.clone(), value.clone()),
                None => rows.remove(key),
            };
        }
        Ok(rows)
    }

    pub(crate) fn tables(&self) -> Vec<Table> {
        self.base.tables()
    }
}
