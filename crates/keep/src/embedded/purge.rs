//! Getting deleted bytes off the disk. The store only appends: what was deleted lies in older files until they are merged, and in
//! the journal until that is full.

use std::time::Duration;

use fjall::{KeyspaceCreateOptions, PersistMode};

use crate::embedded::files::Files;
use crate::error::Error;
use crate::limits::JOURNAL_BYTES;

/// A table of nothing that matters, to fill the journal with.
const PADDING: &str = "padding";

/// How much of it is written at once.
const PIECE_BYTES: usize = 8 << 20;

/// Rewrites all files, so that no bytes of rows that are deleted or replaced are left. Commits go on meanwhile.
pub(super) fn purge(files: &Files) -> Result<(), Error> {
    let failed = files.explain("get deleted bytes off the disk");
    let settings = || KeyspaceCreateOptions::default().max_memtable_size(PIECE_BYTES as u64);
    let padding = files.db.keyspace(PADDING, settings).map_err(&failed)?;
    let pad = |bytes: usize| {
        // Flushed one by one like everything else, so that a power cut leaves at most one batch unfinished.
        let mut batch = files.db.batch().durability(Some(PersistMode::SyncData));
        batch.insert(&padding, PADDING, vec![0_u8; bytes]);
        batch.commit().and_then(|()| padding.rotate_memtable_and_wait()).map_err(&failed)
    };
    // A journal goes when it is full and all that is in it is in tables: it is filled up, and everything put into tables.
    for _ in 0..=JOURNAL_BYTES / PIECE_BYTES {
        pad(PIECE_BYTES)?;
    }
    let tables = files.tables();
    for table in tables.values() {
        table.rotate_memtable_and_wait().map_err(&failed)?;
        while table.sealed_memtable_count() > 0 {
            std::thread::sleep(Duration::from_millis(5));
        }
    }
    // It goes when the next table is written, and before tables are merged: without the marks of what was deleted, a table looks
    // as if it had not been written yet.
    pad(1)?;
    pad(1)?;
    for table in tables.values() {
        table.major_compact().map_err(&failed)?;
    }
    // And so do files that were merged. The padding stays, small as it is: batches are numbered on from the highest number that
    // any table has, and if that were in a table which went, the next batch after opening again would have a lower one than
    // those before it in the journal, which is what damage looks like.
    padding.major_compact().map_err(&failed)?;
    pad(1)?;
    pad(1)
}
