//! What came in last goes into the tables of the store: sorted, as files of their own, past its journal and its memory.

use std::sync::Arc;

use fjall::KeyspaceCreateOptions;
use fjall::config::PinningPolicy;

use crate::embedded::files::{Settled, Shared, explain};
use crate::embedded::journal;
use crate::error::Error;
use crate::store::Table;

/// Puts what was set apart into the tables, and deletes the files of the journal before this number. What was put in before a
/// crash is put in once more, which changes nothing.
pub(super) fn fold(shared: &Shared, number: u64) -> Result<(), Error> {
    let failed = |error| explain("put rows into the tables of live state", &shared.folder, error);
    let beneath = shared.beneath();
    let Some(apart) = beneath.apart else { return Ok(()) };
    let mut tables = beneath.settled.tables.clone();
    for table in apart.tables() {
        let keyspace = shared.db.keyspace(&table.name(), || settings(table)).map_err(failed)?;
        let mut into = keyspace.start_ingestion().map_err(failed)?;
        for (key, row) in apart.from(table, &[]) {
            match row {
                Some(value) => into.write(key.clone(), value.clone()),
                None => into.write_tombstone(key.clone()),
            }
            .map_err(failed)?;
        }
        into.finish().map_err(failed)?;
        tables.insert(table, keyspace);
    }
    let settled = Arc::new(Settled { tables, snapshot: shared.db.snapshot() });
    // A row that came in since is found before what is put here, and takes its place when it is folded itself.
    for (key, row) in apart.from(Table::Keys, &[]) {
        match row {
            Some(row) => shared.cache.put(Table::Keys, key, row),
            None => shared.cache.remove(Table::Keys, std::iter::once(key)),
        }
    }
    shared.change(|beneath| (beneath.settled, beneath.apart) = (settled, None));
    journal::remove_before(&shared.folder, number)
}

pub(super) fn settings(table: Table) -> KeyspaceCreateOptions {
    // What says whether and where a row is in a file is looked at by every message.
    let often = matches!(table, Table::Seen(_) | Table::States(_) | Table::Keys);
    let pinned = || if often { PinningPolicy::all(true) } else { PinningPolicy::new([true, true, false]) };
    KeyspaceCreateOptions::default().filter_block_pinning_policy(pinned()).index_block_pinning_policy(pinned())
}
