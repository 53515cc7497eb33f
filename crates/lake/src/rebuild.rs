//! Making the runs of a bucket: rows in, in whatever order; one sorted run without repetitions out.
//!
//! Import, compaction, moving rows to another customer and erasing a customer are all this one thing, with other rows in.

mod new_rows;
mod seen_ids;

use std::collections::BTreeSet;
use std::path::Path;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{Int64Type, TimestampMicrosecondType};
use deltalake_core::kernel::Add;
use listen::stitch::{Customers, Graph, Node};
use parquet::file::reader::Length;

use self::new_rows::NewRows;
pub(crate) use self::seen_ids::SeenIds;
use crate::error::Error;
use crate::limits::{COMPRESSED_FROM, WRITE_BATCH_ROWS};
use crate::message_id;
use crate::open_file::OpenFile;
use crate::run_file::{RunReader, RunWriter, read_run};
use crate::scan::{Projection, merge};
use crate::schema::EVENTS;
use crate::sorted::{damaged, piece_bytes};
use crate::spill::{Nodes, Row, Spill};
use crate::store::{bucket_of, nobody};
use crate::table::add_entry;
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
    /// Rows that were new to the lake.
    pub new: u64,
    /// Rows that were there already.
    pub duplicates: u64,
}

/// The mark of a row that came from the lake, not from a file of this import.
pub(crate) const FROM_LAKE: u32 = u32::MAX;

/// Writes one run from the rows of a bucket that wait in `waiting`, and of `merged`, which are runs of the bucket whose rows all
/// stay in it; `ids` are the message ids that these customers have already, `None` where all rows come from the lake. `bytes`
/// is empty, and used again.
pub(crate) fn build_run(
    known: &Known<'_>,
    waiting: &[&Spill],
    bytes: &mut Vec<u8>,
    keep: impl Fn(i64) -> bool,
    ids: Option<impl FnOnce(&[i64]) -> Result<SeenIds, Error>>,
    merged: &[OpenFile],
    (root, bucket, version): (&Path, u32, u64),
) -> Result<Built, Error> {
    let all = waiting.iter().map(|spill| spill.bytes(bucket)).sum();
    let mut new = NewRows::of(known, waiting, (bucket, piece_bytes(all)), bytes, keep, ids)?;
    let first = new.next();
    if first.is_none() && merged.is_empty() {
        return Ok(Built { duplicates: new.duplicates, ..Built::default() });
    }
    let path = format!("bucket={bucket}/{version:012}.parquet");
    let full = root.join(&path);
    let columns = Projection { columns: (0..EVENTS.len()).collect(), dictionaries: false };
    let read = |run| read_run(run, &columns.columns, false, WRITE_BATCH_ROWS);
    let runs = merged.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    // How large a compressed run is says little of its rows.
    let is_large = all + merged.iter().map(Length::len).sum::<u64>() >= COMPRESSED_FROM;
    let mut writer = RunWriter::create(&full, is_large || runs.iter().any(RunReader::is_compressed))?;
    let mut all_new = first.into_iter().chain(&mut new);
    if runs.is_empty() {
        all_new.try_for_each(|batch| writer.write(&batch?))?;
    } else {
        let mut sources: Vec<Box<dyn Iterator<Item = Result<RecordBatch, Error>> + '_>> = vec![Box::new(all_new)];
        sources.extend(runs.into_iter().map(|run| Box::new(run) as _));
        merge(sources, &columns, &columns, |batch| writer.write(batch))?;
    }
    let (stats, _) = writer.finish(&full)?;
    let add = Some(add_entry(root, path, Some(bucket), stats, true)?);
    Ok(Built { add, new: new.new, duplicates: new.duplicates })
}

/// Under whom a row is filed that came with these keys at this time: a customer, or [`nobody`].
pub(crate) fn filed_under(graph: &Graph, customers: &Customers, nodes: &[Node], at_us: i64) -> i64 {
    graph.customer(nodes, customers).map_or_else(|| nobody(at_us), |customer| i64::from(customer.0))
}

/// Keys as the text of a JSON object: `{"user_id":"u1"}`; several of a kind as an array.
pub(crate) fn keys_text(graph: &Graph, nodes: &[Node], out: &mut String) {
    keys_json(nodes.iter().map(|node| graph.key(*node)), out);
}

/// As [`keys_text`], from kinds and values.
pub(crate) fn keys_json<'a>(keys: impl Iterator<Item = (&'a str, &'a str)>, out: &mut String) {
    out.clear();
    let mut keys: Vec<(&str, &str)> = keys.collect();
    keys.sort_by_key(|(kind, _)| *kind);
    let quote = |text: &str, out: &mut String| {
        if text.bytes().any(|byte| matches!(byte, b'"' | b'\\' | 0..b' ')) {
            out.push_str(&serde_json::Value::from(text).to_string());
        } else {
            out.extend(["\"", text, "\""]);
        }
    };
    out.push('{');
    for (n, same) in keys.chunk_by(|(one, _), (other, _)| one == other).enumerate() {
        if n > 0 {
            out.push(',');
        }
        quote(same[0].0, out);
        out.push_str(if same.len() == 1 { ":" } else { ":[" });
        for (n, (_, value)) in same.iter().enumerate() {
            if n > 0 {
                out.push(',');
            }
            quote(value, out);
        }
        if same.len() > 1 {
            out.push(']');
        }
    }
    out.push('}');
}

/// The nodes of keys as [`keys_text`] wrote them; none of an event that is nobody's.
pub(crate) fn nodes_of_keys(graph: &Graph, text: &str, nodes: &mut Vec<Node>) -> Result<(), Error> {
    let bad = || Error::Corrupt { what: "keys of an event are not a JSON object of known keys".to_owned() };
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
    let bad = || Error::Corrupt { what: "keys of an event are not a JSON object".to_owned() };
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
    mut place: impl FnMut(&[Node], &Row<'_>, &Words) -> Result<(), Error>,
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
                place(&nodes, &row, words)?;
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
        let mut rows = waiting.reader(bucket)?;
        while rows.next_into(&mut bytes)? {
            let (row, _) = Row::read(&bytes).ok_or_else(damaged)?;
            row.nodes.read(&mut nodes);
            let home = bucket_of(filed_under(known.graph, known.customers, &nodes, row.at_us));
            if home != bucket {
                moved.push(home, &row)?;
            }
            bytes.clear();
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_json_whatever_is_in_them() {
        let text = |keys: &[(&str, &str)]| {
            let mut out = String::from("before");
            keys_json(keys.iter().copied(), &mut out);
            let read: serde_json::Value = serde_json::from_str(&out).expect("JSON");
            (out, read)
        };
        assert_eq!(text(&[]).0, "{}");
        let keys = [("user_id", "u1"), ("email", "ä@x"), ("user_id", "u0")];
        assert_eq!(text(&keys).0, r#"{"email":"ä@x","user_id":["u1","u0"]}"#);
        let odd = ["a\"b", "a\\b", "a\u{1f}b", "a\nb", "\u{7f}\u{2028}"];
        for value in odd {
            assert_eq!(text(&[(value, value)]).1, serde_json::json!({ value: value }));
        }
    }
}
