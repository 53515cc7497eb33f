//! Making the runs of a bucket: rows in, in whatever order; one sorted run without repetitions out.
//!
//! Import, compaction, moving rows to another customer and erasing a customer are all this one thing, with other rows in.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Int64Array, RecordBatch, StringBuilder, TimestampMicrosecondArray};
use arrow::datatypes::{Int64Type, TimestampMicrosecondType};
use deltalake_core::kernel::Add;
use hashbrown::HashMap;
use listen::stitch::{Customers, Graph, Node};
use rapidhash::fast::RandomState;

use crate::error::Error;
use crate::limits::WRITE_BATCH_ROWS;
use crate::message_id;
use crate::open_file::OpenFile;
use crate::run_file::{Places, RunWriter, read_run};
use crate::scan::{Projection, merge};
use crate::schema::{EVENTS, event_column, utc};
use crate::spill::{Nodes, Row, Spill, TEXTS, WORDS};
use crate::store::{bucket_of, nobody};
use crate::table::add_entry;
use crate::touched::rows_of;
use crate::waiting::Renamed;
use crate::words::Words;

/// Everything that is known when rows are put in their places.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Known<'a> {
    pub graph: &'a Graph,
    pub customers: &'a Customers,
    pub words: &'a Words,
}

/// What came out for one bucket.
#[derive(Debug, Default)]
pub(crate) struct Built {
    /// The new run, if any row is left.
    pub add: Option<Add>,
    /// Rows of the new run.
    pub rows: u64,
    /// Rows that were new to the lake.
    pub new: u64,
    /// Rows that were there already.
    pub duplicates: u64,
}

/// The mark of a row that came from the lake, not from a file of this import.
pub(crate) const FROM_LAKE: u32 = u32::MAX;

/// A row's place in the order, and where its bytes are.
#[derive(Debug, Clone, Copy)]
struct Place {
    customer: i64,
    at_us: i64,
    seq: u64,
    offset: usize,
}

/// Writes one run from the rows in `bytes`, as [`Row`]s one after the other, and of `merged`, which are runs of the bucket whose
/// rows all stay in it; `ids` are the message ids that these customers have already.
pub(crate) fn build_run(
    known: &Known<'_>,
    bytes: &[u8],
    keep: impl Fn(i64) -> bool,
    ids: impl FnOnce(&[i64]) -> Result<SeenIds, Error>,
    merged: &[OpenFile],
    place: (&Path, u32, u64),
) -> Result<Built, Error> {
    let (root, bucket, version) = place;
    let mut places = places_of(known, bytes, keep)?;
    places.sort_unstable_by_key(|place| (place.customer, place.at_us, place.seq));
    let mut built = Built::default();
    let (mut there, mut come) = (Vec::new(), Vec::new());
    for place in &places {
        let row = row_at(bytes, place.offset)?;
        if row.file == FROM_LAKE {
            there.push((place.customer, row.hash));
        } else {
            come.push(place.customer);
        }
    }
    come.dedup();
    let mut seen = ids(&come)?;
    // Rows from the lake come first, so that of two equal rows the one that is there already stays.
    for (customer, id) in there {
        seen.insert(customer, id);
    }
    let mut kept = Vec::with_capacity(places.len());
    for place in places {
        let row = row_at(bytes, place.offset)?;
        match seen.admit(place.customer, &row) {
            Some(id) => {
                built.new += u64::from(row.file != FROM_LAKE);
                kept.push((place, id));
            }
            None => built.duplicates += 1,
        }
    }
    if kept.is_empty() && merged.is_empty() {
        return Ok(built);
    }
    let path = format!("bucket={bucket}/{version:012}.parquet");
    let full = root.join(&path);
    let mut writer = RunWriter::create(&full)?;
    let schema = Arc::clone(writer.schema());
    let mut new = kept.chunks(WRITE_BATCH_ROWS).map(|chunk| columns_of(known, bytes, chunk, &schema));
    if merged.is_empty() {
        new.try_for_each(|batch| writer.write(&batch?))?;
    } else {
        let all = Projection { columns: (0..EVENTS.len()).collect(), dictionaries: false };
        let mut sources: Vec<Box<dyn Iterator<Item = Result<RecordBatch, Error>> + '_>> = vec![Box::new(new)];
        for run in merged {
            sources.push(Box::new(read_run(run, &all.columns, false, WRITE_BATCH_ROWS)?));
        }
        merge(sources, &all, &all, |batch| writer.write(batch))?;
    }
    let (stats, rows) = writer.finish(&full)?;
    built.rows = rows;
    built.add = Some(add_entry(root, path, Some(bucket), stats, true)?);
    Ok(built)
}

fn damaged() -> Error {
    Error::Corrupt { what: "a row that waited on disk did not come back as it went".to_owned() }
}

fn row_at(bytes: &[u8], offset: usize) -> Result<Row<'_>, Error> {
    bytes.get(offset..).and_then(Row::read).map(|(row, _)| row).ok_or_else(damaged)
}

fn places_of(known: &Known<'_>, bytes: &[u8], keep: impl Fn(i64) -> bool) -> Result<Vec<Place>, Error> {
    let mut places = Vec::new();
    let (mut rest, mut nodes) = (bytes, Vec::new());
    while !rest.is_empty() {
        let offset = bytes.len() - rest.len();
        let (row, after) = Row::read(rest).ok_or_else(damaged)?;
        rest = after;
        row.nodes.read(&mut nodes);
        let customer = filed_under(known.graph, known.customers, &nodes, row.at_us);
        if keep(customer) {
            places.push(Place { customer, at_us: row.at_us, seq: row.seq, offset });
        }
    }
    Ok(places)
}

/// Under whom a row is filed that came with these keys at this time: a customer, or [`nobody`].
pub(crate) fn filed_under(graph: &Graph, customers: &Customers, nodes: &[Node], at_us: i64) -> i64 {
    graph.customer(nodes, customers).map_or_else(|| nobody(at_us), |customer| i64::from(customer.0))
}

/// The message ids of a bucket, to tell what is there already.
#[derive(Debug, Default)]
pub(crate) struct SeenIds {
    /// By customer and id: the file of this import that has it, or [`FROM_LAKE`].
    by_id: HashMap<(i64, u64), u32, RandomState>,
    /// By file, customer and content: how many equal rows this file has had, where more than one.
    repeats: HashMap<(u32, i64, u64), u64, RandomState>,
}

impl SeenIds {
    /// Takes in a row that is there already.
    pub(crate) fn insert(&mut self, customer: i64, id: u64) {
        self.by_id.insert((customer, id), FROM_LAKE);
    }

    /// Takes in the rows of a run that are filed under these customers, who are in ascending order, and may be `renamed` since.
    pub(crate) fn read(&mut self, run: &OpenFile, customers: &[i64], renamed: &Renamed) -> Result<(), Error> {
        let columns = ["customer", "message_id"].map(event_column);
        let places = Places::of(run, false)?;
        let rows = rows_of(&places, customers)?;
        if !rows.selects_any() {
            return Ok(());
        }
        for batch in places.read(&columns, Some(rows))? {
            let batch = batch?;
            let ids = batch.column(1).as_string::<i32>();
            for (row, filed) in batch.column(0).as_primitive::<Int64Type>().values().iter().enumerate() {
                self.insert(*renamed.get(filed).unwrap_or(filed), message_id::hash(ids.value(row)));
            }
        }
        Ok(())
    }

    /// The id of a row that is new; `None` when it is there already.
    ///
    /// Equal rows of one file are different events (two looks at a page in one second), so the second one of a file gets
    /// another id; when the same file comes again, both are known.
    fn admit(&mut self, customer: i64, row: &Row<'_>) -> Option<u64> {
        if row.file == FROM_LAKE {
            return Some(row.hash);
        }
        let given = row.texts[0].is_some();
        let mut nth = if given { 0 } else { self.repeats.get(&(row.file, customer, row.hash)).copied().unwrap_or(0) };
        loop {
            let id = message_id::nth(row.hash, nth);
            let holder = self.by_id.insert((customer, id), row.file);
            match holder {
                None => {
                    if nth > 0 {
                        self.repeats.insert((row.file, customer, row.hash), nth);
                    }
                    return Some(id);
                }
                Some(file) if given || file != row.file => {
                    if !given {
                        self.repeats.insert((row.file, customer, row.hash), nth + 1);
                    }
                    return None;
                }
                Some(_) => nth += 1,
            }
        }
    }
}

fn columns_of(
    known: &Known<'_>,
    bytes: &[u8],
    chunk: &[(Place, u64)],
    schema: &arrow::datatypes::SchemaRef,
) -> Result<RecordBatch, Error> {
    let customer = Int64Array::from_iter_values(chunk.iter().map(|(place, _)| place.customer));
    let at =
        TimestampMicrosecondArray::from_iter_values(chunk.iter().map(|(place, _)| place.at_us)).with_timezone(utc());
    let seq = Int64Array::from_iter_values(chunk.iter().map(|(place, _)| place.seq.cast_signed()));
    let mut words: [StringBuilder; WORDS] = std::array::from_fn(|_| StringBuilder::new());
    let mut texts: [StringBuilder; TEXTS] = std::array::from_fn(|_| StringBuilder::new());
    let mut received = Vec::with_capacity(chunk.len());
    let (mut nodes, mut keys) = (Vec::new(), String::new());
    for (place, id) in chunk {
        let row = row_at(bytes, place.offset)?;
        for (builder, word) in words.iter_mut().zip(row.words) {
            builder.append_option(known.words.text(word));
        }
        let [message_id, own_keys, rest @ ..] = row.texts;
        match message_id {
            Some(given) => texts[0].append_value(given),
            None => texts[0].append_value(message_id::text(*id)),
        }
        if let Some(given) = own_keys {
            texts[1].append_value(given);
        } else {
            row.nodes.read(&mut nodes);
            keys_text(known.graph, &nodes, &mut keys);
            texts[1].append_value(&keys);
        }
        for (builder, text) in texts.iter_mut().skip(2).zip(rest) {
            builder.append_option(text);
        }
        received.push(row.received_at_us);
    }
    let [event, channel, source, resource, department, phase] = words.map(|mut b| Arc::new(b.finish()) as ArrayRef);
    let [message_id, keys, case_id, properties, traits] = texts.map(|mut b| Arc::new(b.finish()) as ArrayRef);
    let received = TimestampMicrosecondArray::from(received).with_timezone(utc());
    let columns: Vec<ArrayRef> = vec![
        Arc::new(customer),
        Arc::new(at),
        Arc::new(seq),
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
        Arc::new(received),
    ];
    Ok(RecordBatch::try_new(Arc::clone(schema), columns)?)
}

/// Keys as the text of a JSON object: `{"user_id":"u1"}`; several of a kind as an array.
pub(crate) fn keys_text(graph: &Graph, nodes: &[Node], out: &mut String) {
    keys_json(nodes.iter().map(|node| graph.key(*node)), out);
}

/// As [`keys_text`], from kinds and values.
pub(crate) fn keys_json<'a>(keys: impl Iterator<Item = (&'a str, &'a str)>, out: &mut String) {
    out.clear();
    let keys: Vec<(&str, &str)> = keys.collect();
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    let kinds: BTreeSet<&str> = keys.iter().map(|(kind, _)| *kind).collect();
    out.push('{');
    for (n, kind) in kinds.into_iter().enumerate() {
        if n > 0 {
            out.push(',');
        }
        out.push_str(&quoted(kind));
        out.push(':');
        let values: Vec<String> = keys.iter().filter(|(k, _)| *k == kind).map(|(_, value)| quoted(value)).collect();
        match values.as_slice() {
            [one] => out.push_str(one),
            many => {
                out.push('[');
                out.push_str(&many.join(","));
                out.push(']');
            }
        }
    }
    out.push('}');
}

/// The nodes of keys as [`keys_text`] wrote them; none of an event that is nobody's.
pub(crate) fn nodes_of_keys(graph: &Graph, text: &str, nodes: &mut Vec<Node>) -> Result<(), Error> {
    let bad = || Error::Corrupt { what: format!("keys {text:?} of an event are not a JSON object of known keys") };
    nodes.clear();
    let keys: serde_json::Map<String, serde_json::Value> = serde_json::from_str(text).map_err(|_| bad())?;
    for (kind, value) in &keys {
        let values = match value {
            serde_json::Value::Array(values) => values.as_slice(),
            one => std::slice::from_ref(one),
        };
        for value in values {
            nodes.extend(value.as_str().and_then(|value| graph.find(kind, value)));
        }
    }
    if nodes.is_empty() && !keys.is_empty() { Err(bad()) } else { Ok(()) }
}

/// Keys as [`keys_json`] wrote them, without these.
pub(crate) fn keys_without(graph: &Graph, text: &str, gone: &BTreeSet<Node>) -> Result<String, Error> {
    let bad = || Error::Corrupt { what: format!("keys {text:?} of an event are not a JSON object") };
    let keys: serde_json::Map<String, serde_json::Value> = serde_json::from_str(text).map_err(|_| bad())?;
    let values = |value: &'_ serde_json::Value| match value {
        serde_json::Value::Array(values) => values.clone(),
        one => vec![one.clone()],
    };
    let all: Vec<(&str, String)> = keys
        .iter()
        .flat_map(|(kind, value)| {
            values(value)
                .into_iter()
                .map(|one| (kind.as_str(), one.as_str().unwrap_or_default().to_owned()))
                .collect::<Vec<_>>()
        })
        .filter(|(kind, value)| graph.find(kind, value).is_none_or(|node| !gone.contains(&node)))
        .collect();
    let mut out = String::new();
    keys_json(all.iter().map(|(kind, value)| (*kind, value.as_str())), &mut out);
    Ok(out)
}

/// Takes all rows of these runs out of the lake and into the spill, where they wait to be filed again.
pub(crate) fn unfile(
    graph: &Graph,
    words: &mut Words,
    root: &Path,
    paths: &[String],
    mut place: impl FnMut(&[Node], &Row<'_>) -> Result<(), Error>,
) -> Result<(), Error> {
    let all: Vec<usize> = (0..EVENTS.len()).collect();
    let mut nodes = Vec::new();
    for path in paths {
        for batch in read_run(&OpenFile::open(&root.join(path))?, &all, false, WRITE_BATCH_ROWS)? {
            let batch = batch?;
            let at = batch.column(1).as_primitive::<TimestampMicrosecondType>();
            let seq = batch.column(2).as_primitive::<Int64Type>();
            let received = batch.column(14).as_primitive::<TimestampMicrosecondType>();
            let text = |column: usize, i: usize| {
                let column = batch.column(column).as_string::<i32>();
                column.is_valid(i).then(|| column.value(i))
            };
            for i in 0..batch.num_rows() {
                let keys = text(7, i);
                nodes_of_keys(graph, keys.unwrap_or_default(), &mut nodes)?;
                let message_id = text(6, i);
                let row = Row {
                    at_us: at.value(i),
                    seq: seq.value(i).cast_unsigned(),
                    hash: message_id::hash(message_id.unwrap_or_default()),
                    file: FROM_LAKE,
                    nodes: Nodes::Given(&nodes),
                    words: [3, 4, 5, 8, 9, 11].map(|column| words.number(text(column, i))),
                    received_at_us: received.is_valid(i).then(|| received.value(i)),
                    texts: [message_id, keys, text(10, i), text(12, i), text(13, i)],
                };
                place(&nodes, &row)?;
            }
        }
    }
    Ok(())
}

/// Rows that wait in parts to which they no longer belong, because who is who was known only at the end, into the parts to
/// which they do.
pub(crate) fn forward(known: &Known<'_>, waiting: &Spill, moved: &mut Spill, buckets: u32) -> Result<(), Error> {
    let (mut bytes, mut nodes) = (Vec::new(), Vec::new());
    for bucket in 0..buckets {
        bytes.clear();
        waiting.load(bucket, &mut bytes)?;
        let mut rest = bytes.as_slice();
        while !rest.is_empty() {
            let (row, after) = Row::read(rest).ok_or_else(damaged)?;
            rest = after;
            row.nodes.read(&mut nodes);
            let home = bucket_of(filed_under(known.graph, known.customers, &nodes, row.at_us));
            if home != bucket {
                moved.push(home, &row)?;
            }
        }
    }
    Ok(())
}
