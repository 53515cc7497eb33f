//! What came in last goes where it stays: states into files of their own, keys with nothing beside them into runs, all else into the
//! tables of the store, sorted, as finished files past its journal and its memory.

use std::collections::BTreeMap;
use std::sync::Arc;

use fjall::config::{FilterPolicy, PinningPolicy};
use fjall::{Keyspace, KeyspaceCreateOptions};

use crate::embedded::files::{Beneath, Settled, Shared, explain};
use crate::embedded::fresh::{self, Fresh};
use crate::embedded::journal;
use crate::embedded::runs::Runs;
use crate::embedded::states::States;
use crate::error::Error;
use crate::store::Table;

/// Puts what was set apart into the tables, and deletes the files of the journal before this number. What was put in before a
/// crash is put in once more, which changes nothing.
pub(super) fn fold(shared: &Shared, number: u64) -> Result<(), Error> {
    let _turn = shared.rewriting();
    let Beneath { apart: Some(apart), settled } = shared.beneath() else { return Ok(()) };
    let Settled { mut tables, mut states, mut runs, .. } = (*settled).clone();
    for table in apart.tables() {
        if let Table::States(generation) = table {
            let before =
                states.remove(&generation).unwrap_or_else(|| Arc::new(States::new(&shared.folder, generation)));
            states.insert(generation, Arc::new(before.put(apart.from(table, &[]))?));
        } else if fresh::is_of_marks(table) {
            let before = runs.remove(&table).unwrap_or_else(|| Arc::new(Runs::new(&shared.folder, table)));
            let (most, marks) = apart.marks(table);
            runs.insert(table, Arc::new(before.put(most, marks)?));
        } else {
            tables.insert(table, ingest(shared, &apart, table)?);
        }
    }
    let settled = Arc::new(Settled { tables, states, runs, snapshot: shared.db.snapshot() });
    // A row that came in since is found before what is put here, and takes its place when it is folded itself.
    for (key, row) in apart.from(Table::Keys, &[]) {
        match row {
            Some(row) => shared.cache.put(Table::Keys, &key, &row),
            None => shared.cache.remove(Table::Keys, std::iter::once(&key)),
        }
    }
    shared.change(|beneath| (beneath.settled, beneath.apart) = (settled, None));
    journal::remove_before(&shared.folder, number)?;
    match rewrite(shared, States::reclaimed, Runs::gathered) {
        // It takes room to make some. Nothing is lost, and the next time there may be more.
        Err(Error::Full) => Ok(()),
        rewritten => rewritten,
    }
}

/// Puts the rows of a table of the store into it.
fn ingest(shared: &Shared, apart: &Fresh, table: Table) -> Result<Keyspace, Error> {
    let failed = |error| explain("put rows into the tables of live state", &shared.folder, error);
    let keyspace = shared.db.keyspace(&table.name(), || settings(table)).map_err(failed)?;
    let mut into = keyspace.start_ingestion().map_err(failed)?;
    for (key, row) in apart.from(table, &[]) {
        match row {
            Some(value) => into.write(key, value),
            None => into.write_tombstone(key),
        }
        .map_err(failed)?;
    }
    into.finish().map_err(failed)?;
    Ok(keyspace)
}

/// Rewrites files of states and runs, those of each table as these say, and deletes what does not count any more. For those whose
/// turn it is.
pub(super) fn rewrite(
    shared: &Shared,
    states: impl Fn(&States) -> Result<Option<States>, Error>,
    runs: impl Fn(&Runs) -> Result<Option<Runs>, Error>,
) -> Result<(), Error> {
    rewrite_each(shared, |settled| &mut settled.states, states, States::remove_rest)?;
    rewrite_each(shared, |settled| &mut settled.runs, runs, Runs::remove_rest)
}

fn rewrite_each<K: Ord + Copy, T>(
    shared: &Shared,
    of: impl Fn(&mut Settled) -> &mut BTreeMap<K, Arc<T>>,
    rewrite: impl Fn(&T) -> Result<Option<T>, Error>,
    remove_rest: impl Fn(&T) -> Result<(), Error>,
) -> Result<(), Error> {
    for (key, mut held) in shared.change_settled(|settled| of(settled).clone()) {
        if let Some(rewritten) = rewrite(&held)? {
            held = Arc::new(rewritten);
            shared.change_settled(|settled| of(settled).insert(key, Arc::clone(&held)));
        }
        remove_rest(&held)?;
    }
    Ok(())
}

pub(super) fn settings(table: Table) -> KeyspaceCreateOptions {
    // What says whether and where a row is in a file is looked at by every message.
    let often = table == Table::Keys;
    let pinned = || if often { PinningPolicy::all(true) } else { PinningPolicy::new([true, true, false]) };
    let settings =
        KeyspaceCreateOptions::default().filter_block_pinning_policy(pinned()).index_block_pinning_policy(pinned());
    if is_found_in_order(table) { settings.filter_policy(FilterPolicy::disabled()) } else { settings }
}

/// Whether nobody looks for a row by the whole of its key: then no file need say whether it has one.
fn is_found_in_order(table: Table) -> bool {
    match table {
        Table::Log | Table::TimersDue(_) | Table::KeysOf | Table::OutboxDue | Table::OutboxDead => true,
        Table::Head
        | Table::LogOf
        | Table::Seen(_)
        | Table::States(_)
        | Table::Timers(_)
        | Table::Keys
        | Table::Numbers
        | Table::Links
        | Table::Outbox
        | Table::Paused
        | Table::Records => false,
    }
}
