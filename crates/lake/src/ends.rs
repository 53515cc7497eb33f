//! Up to when events are known, where some lie in the future.
//!
//! What has not happened by the end of what is known is pending, silent or abandoned. One event that is dated wrongly, years
//! ahead, would move that end and decide about all of them. So no event moves it beyond the time at which the lake was last
//! written to: nobody can have known more by then.

use arrow::array::AsArray;
use arrow::datatypes::TimestampMicrosecondType;

use crate::error::Error;
use crate::limits::{AHEAD_US, BATCH_ROWS};
use crate::open_file::OpenFile;
use crate::run_file::read_run;
use crate::schema::event_column;
use crate::store::Lake;

/// Where what is known ends; times are in microseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Ends {
    /// Up to when events are known: the time of the latest one that does not lie after the lake was last written to; where
    /// all do, that of the latest. 0 in an empty lake.
    pub until_us: i64,
    /// How many events lie after that.
    pub ahead: u64,
}

impl Lake {
    /// Where what is known ends.
    ///
    /// # Errors
    /// When the log cannot be read, or an event file in which something lies ahead.
    pub async fn ends(&self) -> Result<Ends, Error> {
        self.settled(async |lake| lake.ends_of_state().await).await
    }

    async fn ends_of_state(&self) -> Result<Ends, Error> {
        let files = self.events.files().await?;
        let latest_us = files.iter().filter_map(|file| file.at_max_us).max().unwrap_or_default();
        let written_us = files.iter().map(|file| file.written_us).max().unwrap_or(i64::MAX);
        let limit_us = written_us.saturating_add(AHEAD_US);
        if latest_us <= limit_us {
            return Ok(Ends { until_us: latest_us, ahead: 0 });
        }
        let (mut until_us, mut ahead) = (None, 0);
        for file in files {
            if file.at_max_us.is_none_or(|at_us| at_us <= limit_us) {
                until_us = until_us.max(file.at_max_us);
                continue;
            }
            let run = OpenFile::open(&self.events.root().join(&file.path))?;
            for batch in read_run(&run, &[event_column("at")], false, BATCH_ROWS)? {
                let batch = batch?;
                for at_us in batch.column(0).as_primitive::<TimestampMicrosecondType>().values() {
                    if *at_us > limit_us {
                        ahead += 1;
                    } else {
                        until_us = until_us.max(Some(*at_us));
                    }
                }
            }
        }
        Ok(until_us.map_or(Ends { until_us: latest_us, ahead: 0 }, |until_us| Ends { until_us, ahead }))
    }
}
