//! Which events are there already: of two with one message id, a customer has the first.

use arrow::array::AsArray;
use arrow::datatypes::Int64Type;
use hashbrown::{HashMap, HashSet};
use rapidhash::fast::RandomState;

use super::FROM_LAKE;
use crate::error::Error;
use crate::message_id;
use crate::open_file::OpenFile;
use crate::run_file::Places;
use crate::schema::event_column;
use crate::spill::Row;
use crate::touched::rows_of;
use crate::waiting::Renamed;

/// The message ids of a bucket, to tell what is there already.
#[derive(Debug, Default)]
pub(crate) struct SeenIds {
    /// By customer: the ids of rows of the lake.
    there: HashSet<(i64, u64), RandomState>,
    /// The ids of this import that the customer has whose rows come now.
    new: NewIds,
}

/// The ids of one customer that an import brings.
#[derive(Debug, Default)]
struct NewIds {
    customer: i64,
    /// By id: the file that has it.
    by_id: HashMap<u64, u32, RandomState>,
    /// By file and content: how many equal rows this file has had, where more than one.
    repeats: HashMap<(u32, u64), u64, RandomState>,
}

impl SeenIds {
    /// Takes in a row that is there already.
    pub(crate) fn insert(&mut self, customer: i64, id: u64) {
        self.there.insert((customer, id));
    }

    /// Takes in the rows of a run that are filed under these customers, who are in ascending order, and may be `renamed` since.
    pub(crate) fn read(&mut self, run: &OpenFile, customers: &[i64], renamed: &Renamed) -> Result<(), Error> {
        let columns = ["customer", "message_id"].map(event_column);
        let places = Places::of(run, false)?;
        let rows = rows_of(&places, customers)?;
        if !rows.selects_any() {
            return Ok(());
        }
        for batch in places.read(&columns, Some(rows)) {
            let batch = batch?;
            let ids = batch.column(1).as_string::<i32>();
            for (row, filed) in batch.column(0).as_primitive::<Int64Type>().values().iter().enumerate() {
                self.insert(*renamed.get(filed).unwrap_or(filed), message_id::hash(ids.value(row)));
            }
        }
        Ok(())
    }

    /// The id of a row that is new; `None` when it is there already. Rows come customer by customer.
    ///
    /// Equal rows of one file are different events (two looks at a page in one second), so the second one of a file gets
    /// another id; when the same file comes again, both are known.
    pub(super) fn admit(&mut self, customer: i64, row: &Row<'_>) -> Option<u64> {
        if row.file == FROM_LAKE {
            return Some(row.hash);
        }
        if self.new.customer != customer {
            self.new = NewIds { customer, ..NewIds::default() };
        }
        let NewIds { by_id, repeats, .. } = &mut self.new;
        let given = row.texts[0].is_some();
        let mut nth = if given { 0 } else { repeats.get(&(row.file, row.hash)).copied().unwrap_or(0) };
        loop {
            let id = message_id::nth(row.hash, nth);
            let is_there = self.there.contains(&(customer, id));
            let holder = if is_there { Some(FROM_LAKE) } else { by_id.insert(id, row.file) };
            match holder {
                None => {
                    if nth > 0 {
                        repeats.insert((row.file, row.hash), nth);
                    }
                    return Some(id);
                }
                Some(file) if given || file != row.file => {
                    if !given {
                        repeats.insert((row.file, row.hash), nth + 1);
                    }
                    return None;
                }
                Some(_) => nth += 1,
            }
        }
    }
}
