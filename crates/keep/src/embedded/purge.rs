//! Getting deleted bytes off the disk: what was deleted lies in older files of states and runs until they are rewritten, and in older
//! files of the store until they are merged, and those stay for as long as a snapshot might read them.

use crate::embedded::files::{Files, explain};
use crate::embedded::fold::rewrite;
use crate::embedded::runs::Runs;
use crate::embedded::states::States;
use crate::error::Error;

/// A table of nothing that matters: the store looks for what nobody reads any more when rows are put into one.
const SWEPT: &str = "swept";

/// Rewrites all files, so that no bytes of rows are left that were deleted or replaced before all was settled. Commits go on
/// meanwhile.
pub(super) fn purge(files: &Files) -> Result<(), Error> {
    {
        let _turn = files.shared.rewriting();
        rewrite(&files.shared, States::purged, Runs::without_removed)?;
    }
    // Once to leave out what was deleted, once more to let go of the files in which it was.
    for _ in 0..2 {
        sweep(files)?;
        for table in files.shared.beneath().settled.tables.values() {
            table.major_compact().map_err(failed(files))?;
        }
    }
    Ok(())
}

fn failed(files: &Files) -> impl Fn(fjall::Error) -> Error {
    |error| explain("get deleted bytes off the disk", &files.shared.folder, error)
}

/// Has the store find out that what was before now is not read any more.
fn sweep(files: &Files) -> Result<(), Error> {
    let swept = files.shared.db.keyspace(SWEPT, fjall::KeyspaceCreateOptions::default).map_err(failed(files))?;
    for _ in 0..2 {
        files.shared.change_settled(|settled| settled.snapshot = files.shared.db.snapshot());
        let mut into = swept.start_ingestion().map_err(failed(files))?;
        into.write(SWEPT, []).and_then(|()| into.finish()).map_err(failed(files))?;
    }
    Ok(())
}
