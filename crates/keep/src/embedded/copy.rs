//! A copy of a home while it is in use.

use std::ops::ControlFlow;
use std::path::Path;

use fjall::Slice;

use crate::embedded::EmbeddedOptions;
use crate::embedded::files::{Beneath, Files};
use crate::error::Error;
use crate::limits::{COPY_CACHE_BYTES, GROUP_BYTES_MAX};
use crate::store::{Read, Writes};

/// Writes everything, as of a moment, into an empty folder.
pub(super) fn copy(files: &Files, still: Beneath, folder: &Path) -> Result<(), Error> {
    if std::fs::read_dir(folder).is_ok_and(|mut there| there.next().is_some()) {
        return Err(Error::Invalid { what: format!("{} is not empty: name a folder that is", folder.display()) });
    }
    let view = files.view_of(still);
    let options = EmbeddedOptions { cache_bytes: COPY_CACHE_BYTES, ..EmbeddedOptions::default() };
    let target = Files::open(folder, &options)?;
    for table in view.tables() {
        let mut rows = table.map();
        let mut bytes = 0;
        view.scan(table, &[], &mut |key, value| {
            bytes += key.len() + value.len();
            rows.insert(Slice::from(key), Some(Slice::from(value)));
            if bytes >= GROUP_BYTES_MAX {
                target.write(Writes::from([(table, std::mem::replace(&mut rows, table.map()))]))?;
                target.go_on()?;
                bytes = 0;
            }
            Ok(ControlFlow::Continue(()))
        })?;
        target.write(Writes::from([(table, rows)]))?;
    }
    target.settle()
}
