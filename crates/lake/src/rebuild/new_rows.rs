//! What is new of the rows of a bucket, in order and as batches of columns.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringBuilder, TimestampMicrosecondArray};
use hashbrown::HashSet;
use listen::stitch::Node;
use rapidhash::fast::RandomState;

use super::seen_ids::SeenIds;
use super::{FROM_LAKE, Known, keys_text};
use crate::error::Error;
use crate::limits::{BATCH_BYTES, WRITE_BATCH_ROWS};
use crate::message_id;
use crate::schema::{EVENTS, arrow_schema, utc};
use crate::sorted::Sorted;
use crate::spill::{Row, Spill, TEXTS, WORDS};

/// Rows in order as batches, without those that are there already.
pub(crate) struct NewRows<'a> {
    known: Known<'a>,
    rows: Sorted<'a>,
    seen: SeenIds,
    columns: ColumnsOf,
    /// Rows that were new to the lake.
    pub(crate) new: u64,
    /// Rows that were there already.
    pub(crate) duplicates: u64,
}

impl<'a> NewRows<'a> {
    /// The rows of a bucket that wait in any of these, sorted so many bytes at a time; `ids` are the message ids that these
    /// customers, who are in ascending order, have already; `None` where nothing comes but what is in the lake.
    pub(crate) fn of(
        known: &Known<'a>,
        waiting: &[&Spill],
        place: (u32, usize),
        bytes: &'a mut Vec<u8>,
        keep: impl Fn(i64) -> bool,
        ids: Option<impl FnOnce(&[i64]) -> Result<SeenIds, Error>>,
    ) -> Result<Self, Error> {
        let (mut there, mut come) = (Vec::new(), HashSet::with_hasher(RandomState::default()));
        let rows = Sorted::new(known, waiting, place, bytes, keep, |customer, row| {
            if row.file != FROM_LAKE {
                come.insert(customer);
            } else if ids.is_some() {
                there.push((customer, row.hash));
            }
        })?;
        let mut customers: Vec<i64> = come.iter().copied().collect();
        customers.sort_unstable();
        let mut seen = ids.map_or_else(|| Ok(SeenIds::default()), |ids| ids(&customers))?;
        // Rows from the lake come first, so that of two equal rows the one that is there already stays.
        for (customer, id) in there.into_iter().filter(|(customer, _)| come.contains(customer)) {
            seen.insert(customer, id);
        }
        Ok(Self { known: *known, rows, seen, columns: ColumnsOf::default(), new: 0, duplicates: 0 })
    }

    /// The next batch; one without rows at the end.
    fn read(&mut self) -> Result<RecordBatch, Error> {
        while !self.columns.is_full()
            && let Some((customer, row)) = self.rows.head()?
        {
            match self.seen.admit(customer, &row) {
                Some(id) => {
                    self.new += u64::from(row.file != FROM_LAKE);
                    self.columns.push(&self.known, (customer, id), &row);
                }
                None => self.duplicates += 1,
            }
            self.rows.advance()?;
        }
        self.columns.finish()
    }
}

impl Iterator for NewRows<'_> {
    type Item = Result<RecordBatch, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        Some(self.read()).filter(|batch| !batch.as_ref().is_ok_and(|batch| batch.num_rows() == 0))
    }
}

/// The columns of rows that are put together.
#[derive(Default)]
struct ColumnsOf {
    customer: Vec<i64>,
    at_us: Vec<i64>,
    seq: Vec<i64>,
    received_at_us: Vec<Option<i64>>,
    words: [StringBuilder; WORDS],
    texts: [StringBuilder; TEXTS],
    nodes: Vec<Node>,
    keys: String,
}

impl ColumnsOf {
    /// Whether the rows are enough for a batch.
    fn is_full(&self) -> bool {
        let columns = || self.words.iter().chain(&self.texts).map(|column| column.values_slice().len());
        self.customer.len() >= WRITE_BATCH_ROWS || columns().sum::<usize>() >= BATCH_BYTES
    }

    fn push(&mut self, known: &Known<'_>, (customer, id): (i64, u64), row: &Row<'_>) {
        self.customer.push(customer);
        self.at_us.push(row.at_us);
        self.seq.push(row.seq.cast_signed());
        self.received_at_us.push(row.received_at_us);
        for (builder, word) in self.words.iter_mut().zip(row.words) {
            builder.append_option(known.words.text(word));
        }
        let [message_id, own_keys, rest @ ..] = row.texts;
        match message_id {
            Some(given) => self.texts[0].append_value(given),
            None => self.texts[0].append_value(message_id::text(id)),
        }
        if let Some(given) = own_keys {
            self.texts[1].append_value(given);
        } else {
            row.nodes.read(&mut self.nodes);
            keys_text(known.graph, &self.nodes, &mut self.keys);
            self.texts[1].append_value(&self.keys);
        }
        for (builder, text) in self.texts.iter_mut().skip(2).zip(rest) {
            builder.append_option(text);
        }
    }

    /// All that was put together, as a batch; begins anew.
    fn finish(&mut self) -> Result<RecordBatch, Error> {
        let time = |us: TimestampMicrosecondArray| Arc::new(us.with_timezone(utc())) as ArrayRef;
        let text = |column: &mut StringBuilder| Arc::new(column.finish()) as ArrayRef;
        let [event, channel, source, resource, department, phase] = self.words.each_mut().map(text);
        let [message_id, keys, case_id, properties, traits] = self.texts.each_mut().map(text);
        let columns: Vec<ArrayRef> = vec![
            Arc::new(Int64Array::from(std::mem::take(&mut self.customer))),
            time(std::mem::take(&mut self.at_us).into()),
            Arc::new(Int64Array::from(std::mem::take(&mut self.seq))),
            event,
            channel,
            source,
            message_id,
            keys,
            resource,
            department,
            case_id,
            phase,
            properties,
            traits,
            time(std::mem::take(&mut self.received_at_us).into()),
        ];
        Ok(RecordBatch::try_new(arrow_schema(EVENTS), columns)?)
    }
}

#[cfg(test)]
mod tests {
    use listen::stitch::{Graph, Rules};
    use proptest::prelude::*;

    use super::*;
    use crate::spill::Nodes;
    use crate::words::Words;

    proptest! {
        #[test]
        fn rows_that_are_sorted_in_pieces_get_the_ids_of_those_that_are_not(
            rows in prop::collection::vec((0..3u32, 0..3i64, 1..4u32, 0..5u64, any::<bool>(), 0..8u8), 0..60),
            there in prop::collection::vec((0..3i64, 0..5u64), 0..6),
            piece_bytes in 1..3_000usize,
        ) {
            let mut graph = Graph::new(Rules::default());
            for n in 0..3 {
                graph.restore("user_id", &n.to_string());
            }
            let (customers, mut words) = (graph.resolve(), Words::default());
            let event = words.number(Some("visit"));
            let known = Known { graph: &graph, customers: &customers, words: &words };
            let folder = tempfile::tempdir().expect("a folder");
            let mut spill = Spill::new(&folder.path().join("rows"), 1).expect("a spill");
            for (seq, (customer, at_us, file, hash, given, from_lake)) in (0..).zip(&rows) {
                let (id, nodes) = (message_id::text(*hash), [Node(*customer)]);
                let mut texts = [None; TEXTS];
                texts[0] = given.then_some(id.as_str());
                let file = if *from_lake == 0 { FROM_LAKE } else { *file };
                let (nodes, mut words) = (Nodes::Given(&nodes), [0; WORDS]);
                words[0] = event;
                let row = Row { at_us: *at_us, seq, hash: *hash, file, nodes, words, received_at_us: None, texts };
                spill.push(0, &row).expect("written");
            }
            let new = |piece_bytes: usize| {
                let ids = |customers: &[i64]| {
                    let mut seen = SeenIds::default();
                    let theirs = there.iter().filter(|(customer, _)| customers.contains(customer));
                    theirs.for_each(|(customer, id)| seen.insert(*customer, *id));
                    Ok(seen)
                };
                let mut bytes = Vec::new();
                let mut new =
                    NewRows::of(&known, &[&spill], (0, piece_bytes), &mut bytes, |_| true, Some(ids)).expect("sorted");
                let batches: Vec<RecordBatch> = new.by_ref().map(|batch| batch.expect("a batch")).collect();
                (batches, new.new, new.duplicates)
            };
            prop_assert_eq!(new(piece_bytes), new(usize::MAX));
        }
    }
}
