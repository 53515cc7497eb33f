//! Counting what waits, in pages: who reads holds up who writes, and millions may wait.

use std::collections::BTreeMap;

use crate::bytes::Eye;
use crate::error::Error;
use crate::ledger::read::{ENOUGH, GO_ON, past};
use crate::limits::COUNTED_ROWS;
use crate::loaded::Queue;
use crate::store::{Read, Table};

/// The tables that are counted, one after the other.
const TABLES: [Table; 3] = [Table::OutboxDue, Table::OutboxDead, Table::Paused];

/// What was counted so far.
#[derive(Debug, Default)]
pub(crate) struct Counting {
    queues: BTreeMap<String, Queue>,
    /// How many tables are done with.
    done: usize,
    /// From where on the next one is to be read.
    from: Vec<u8>,
}

impl Counting {
    /// Counts a page; says whether there is more. Each may be as of another moment.
    pub(crate) fn page(&mut self, read: &dyn Read) -> Result<bool, Error> {
        let Some(table) = TABLES.get(self.done).copied() else { return Ok(false) };
        let queues = &mut self.queues;
        let (mut rows, mut next) = (0, None);
        read.scan(table, &self.from, &mut |key, _| {
            count(queues, table, key)?;
            rows += 1;
            if rows < COUNTED_ROWS {
                return GO_ON;
            }
            next = Some(past(key));
            ENOUGH
        })?;
        self.done += usize::from(next.is_none());
        self.from = next.unwrap_or_default();
        Ok(self.done < TABLES.len())
    }

    /// What waits at each target.
    pub(crate) fn finish(self) -> Vec<Queue> {
        self.queues.into_values().collect()
    }
}

/// All of it, as of one moment.
pub(crate) fn queues(read: &dyn Read) -> Result<Vec<Queue>, Error> {
    let mut counting = Counting::default();
    while counting.page(read)? {}
    Ok(counting.finish())
}

fn count(queues: &mut BTreeMap<String, Queue>, table: Table, key: &[u8]) -> Result<(), Error> {
    let mut eye = Eye::new(key);
    let target = if table == Table::Paused {
        String::from_utf8(key.to_vec()).map_err(|_| Error::corrupt("the name of a target is not UTF-8"))?
    } else {
        eye.text()?
    };
    let none =
        |target: &String| Queue { target: target.clone(), paused: false, waiting: 0, first_due_us: None, dead: 0 };
    let queue = queues.entry(target).or_insert_with_key(none);
    match table {
        Table::OutboxDue => {
            queue.waiting += 1;
            queue.first_due_us.get_or_insert(eye.i64()?);
        }
        Table::OutboxDead => queue.dead += 1,
        _ => queue.paused = true,
    }
    Ok(())
}
