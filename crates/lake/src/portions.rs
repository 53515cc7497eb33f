//! Parts of batches that hold no more than so much text, however large the rows are: a column of Arrow has room for 2 GiB, and
//! memory for less.

use std::ops::Range;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::compute::{SortColumn, concat, interleave_record_batch, lexsort_to_indices};
use arrow::datatypes::DataType;

use crate::error::Error;
use crate::limits::{BATCH_BYTES, BATCH_ROWS};

/// How many bytes of text these rows of a batch hold; words in dictionaries do not count.
pub(crate) fn text_bytes(batch: &RecordBatch, rows: Range<usize>) -> usize {
    let bytes = |offsets: &[i32]| usize::try_from(offsets[rows.end] - offsets[rows.start]).unwrap_or_default();
    texts(batch).map(bytes).sum()
}

fn texts(batch: &RecordBatch) -> impl Iterator<Item = &[i32]> {
    let texts = batch.columns().iter().filter(|column| *column.data_type() == DataType::Utf8);
    texts.map(|column| column.as_string::<i32>().value_offsets())
}

/// The rows of a batch in parts of which each holds at most so many bytes of text, or is one row.
pub(crate) fn portions(batch: &RecordBatch, bytes_max: usize) -> impl Iterator<Item = RecordBatch> {
    let mut from = 0;
    std::iter::from_fn(move || {
        let rows = rows_within(batch, from, bytes_max);
        let portion = (rows > 0).then(|| batch.slice(from, rows));
        from += rows;
        portion
    })
}

/// How many rows of a batch hold at most so many bytes of text, from a row on; one where that has more by itself.
pub(crate) fn rows_within(batch: &RecordBatch, from: usize, bytes_max: usize) -> usize {
    let left = batch.num_rows() - from;
    if left == 0 || text_bytes(batch, from..batch.num_rows()) <= bytes_max {
        return left;
    }
    let (mut fits, mut too_many) = (1, left);
    while too_many - fits > 1 {
        let middle = usize::midpoint(fits, too_many);
        if text_bytes(batch, from..from + middle) <= bytes_max { fits = middle } else { too_many = middle }
    }
    fits
}

/// The rows of several batches in the order of these columns, which are not texts.
pub(crate) fn in_order(batches: &[RecordBatch], by: [usize; 3]) -> Result<Vec<RecordBatch>, Error> {
    if batches.is_empty() {
        return Ok(Vec::new());
    }
    let mut columns = Vec::with_capacity(by.len());
    for column in by {
        let parts: Vec<&dyn Array> = batches.iter().map(|batch| batch.column(column).as_ref()).collect();
        columns.push(SortColumn { values: concat(&parts)?, options: None });
    }
    let mut begins = vec![0];
    begins.extend(batches.iter().scan(0, |rows, batch| {
        *rows += batch.num_rows();
        Some(*rows)
    }));
    let (mut sorted, mut taken, mut bytes) = (Vec::new(), Vec::with_capacity(BATCH_ROWS), 0);
    for row in lexsort_to_indices(&columns, None)?.values() {
        let row = *row as usize;
        let number = begins.partition_point(|begins| *begins <= row) - 1;
        let at = row - begins[number];
        bytes += text_bytes(&batches[number], at..at + 1);
        taken.push((number, at));
        if taken.len() >= BATCH_ROWS || bytes >= BATCH_BYTES {
            sorted.push(together(batches, &mut taken)?);
            bytes = 0;
        }
    }
    if !taken.is_empty() {
        sorted.push(together(batches, &mut taken)?);
    }
    Ok(sorted)
}

/// Rows that were taken, each a batch and a row of it, as one batch.
fn together(batches: &[RecordBatch], taken: &mut Vec<(usize, usize)>) -> Result<RecordBatch, Error> {
    // Of many batches, only a few are needed at a time.
    let mut used: Vec<usize> = taken.iter().map(|(number, _)| *number).collect();
    used.sort_unstable();
    used.dedup();
    for (number, _) in taken.iter_mut() {
        *number = used.binary_search(number).expect("it is one of them");
    }
    let used: Vec<&RecordBatch> = used.into_iter().map(|number| &batches[number]).collect();
    let batch = interleave_record_batch(&used, taken)?;
    taken.clear();
    Ok(batch)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, StringArray};
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn portions_are_all_rows_and_each_is_small_or_one_row(
            rows in prop::collection::vec(("a{0,9}", prop::option::of("b{0,30}")), 0..40),
            skipped in 0..5usize, bytes_max in 0..50usize,
        ) {
            let a: ArrayRef = Arc::new(StringArray::from_iter_values(rows.iter().map(|(a, _)| a)));
            let b: ArrayRef = Arc::new(rows.iter().map(|(_, b)| b.as_deref()).collect::<StringArray>());
            let batch = RecordBatch::try_from_iter_with_nullable([("a", a, false), ("b", b, true)]).expect("a batch");
            let batch = batch.slice(skipped.min(rows.len()), rows.len() - skipped.min(rows.len()));
            let portions: Vec<RecordBatch> = portions(&batch, bytes_max).collect();
            for portion in &portions {
                let bytes = text_bytes(portion, 0..portion.num_rows());
                prop_assert!(portion.num_rows() == 1 || bytes <= bytes_max, "{} rows of {bytes}", portion.num_rows());
            }
            let fewest = portions.windows(2).all(|two| {
                let next = text_bytes(&two[1], 0..1);
                text_bytes(&two[0], 0..two[0].num_rows()) + next > bytes_max
            });
            prop_assert!(fewest);
            let together = arrow::compute::concat_batches(&batch.schema(), &portions).expect("put together");
            prop_assert_eq!(together, batch);
        }
    }
}
