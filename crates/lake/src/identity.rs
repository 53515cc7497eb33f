//! Keys and links at rest, and what follows from them for rows that are filed already.
//!
//! Rows keep the keys that they came with, and are filed under the customer that the keys meant then. When the evidence or
//! the rules change, [`Identity::moves`] says whose rows no longer lie where they belong.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, BooleanArray, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use arrow::datatypes::{Int64Type, TimestampMicrosecondType};
use deltalake_core::kernel::Add;
use listen::stitch::{Customers, Graph, Node, Rules};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::{EnabledStatistics, WriterProperties};

use crate::error::Error;
use crate::schema::{CUSTOMERS, Column, LINKS, arrow_schema, utc};
use crate::table::{Purpose, Table, add_entry};

/// All keys and links of a lake, with where each key's events are filed.
#[derive(Debug)]
pub(crate) struct Identity {
    /// The keys, in order of their numbers, and the evidence.
    pub graph: Graph,
    /// By node: the customer under which its events are filed. Nodes beyond its end are new.
    pub filed: Vec<i64>,
    links_known: BTreeMap<(Node, Node), i64>,
}

/// Rows that no longer lie where they belong.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Moves {
    /// Customers whose rows all belong to another one now.
    pub renamed: BTreeMap<i64, i64>,
    /// Customers whose rows belong to several now: each row's own keys say to whom.
    pub split: Vec<i64>,
}

impl Moves {
    /// Whether every row lies where it belongs.
    pub(crate) fn is_empty(&self) -> bool {
        self.renamed.is_empty() && self.split.is_empty()
    }

    /// Whether rows filed under this customer belong elsewhere, or may.
    pub(crate) fn concerns(&self, customer: i64) -> bool {
        self.renamed.contains_key(&customer) || self.split.binary_search(&customer).is_ok()
    }
}

impl Identity {
    /// Nobody is known yet.
    pub(crate) fn new(rules: Rules) -> Self {
        Self { graph: Graph::new(rules), filed: Vec::new(), links_known: BTreeMap::new() }
    }

    /// Reads all keys and links.
    pub(crate) async fn load(customers: &Table, links: &Table, rules: Rules) -> Result<Self, Error> {
        let mut this = Self::new(rules);
        let mut keys: Vec<(i64, String, String, i64)> = Vec::new();
        for batch in read_all(customers).await? {
            let (number, customer) =
                (batch.column(0).as_primitive::<Int64Type>(), batch.column(3).as_primitive::<Int64Type>());
            let (kind, value) = (batch.column(1).as_string::<i32>(), batch.column(2).as_string::<i32>());
            keys.extend(
                (0..batch.num_rows())
                    .map(|i| (number.value(i), kind.value(i).to_owned(), value.value(i).to_owned(), customer.value(i))),
            );
        }
        keys.sort_unstable();
        for (number, kind, value, customer) in keys {
            let node = this.graph.restore(&kind, &value);
            if i64::from(node.0) != number {
                return Err(Error::Corrupt { what: format!("key number {number} is there twice or out of order") });
            }
            this.filed.push(customer);
        }
        for batch in read_all(links).await? {
            let at = batch.column(0).as_primitive::<TimestampMicrosecondType>();
            let text = |column: usize| batch.column(column).as_string::<i32>();
            let undo = batch.column(5).as_boolean();
            for i in 0..batch.num_rows() {
                let a = this.graph.restore(text(1).value(i), text(2).value(i));
                let b = this.graph.restore(text(3).value(i), text(4).value(i));
                if undo.value(i) {
                    this.graph.undo(a, b);
                } else {
                    this.graph.link(&[a, b], at.value(i));
                }
            }
        }
        this.links_known = this.graph.links().into_iter().map(|(a, b, at)| ((a, b), at)).collect();
        Ok(this)
    }

    /// Whose rows no longer lie where they belong, now that `customers` is who is who.
    pub(crate) fn moves(&self, customers: &Customers) -> Moves {
        let mut now: BTreeMap<i64, (i64, bool)> = BTreeMap::new();
        for (n, filed) in (0u32..).zip(&self.filed) {
            let customer = i64::from(customers.of(Node(n)).0);
            now.entry(*filed).and_modify(|(to, split)| *split |= *to != customer).or_insert((customer, false));
        }
        let mut moves = Moves::default();
        for (filed, (customer, split)) in now {
            if split {
                moves.split.push(filed);
            } else if filed != customer {
                moves.renamed.insert(filed, customer);
            }
        }
        moves
    }

    /// Writes keys that are new and links whose first evidence is new or earlier, so that a later crash finds them known.
    pub(crate) async fn save(
        &self,
        customers_table: &mut Table,
        links_table: &mut Table,
        customers: &Customers,
    ) -> Result<(), Error> {
        let new: Vec<u32> =
            (self.filed.len()..self.graph.len()).map(|n| u32::try_from(n).expect("nodes have 32 bits")).collect();
        if !new.is_empty() {
            let batch = self.customers_batch(&new, customers)?;
            append(customers_table, CUSTOMERS, &batch).await?;
        }
        let links: Vec<(Node, Node, i64)> = self
            .graph
            .links()
            .into_iter()
            .filter(|(a, b, at)| self.links_known.get(&(*a, *b)).is_none_or(|known| at < known))
            .collect();
        if !links.is_empty() {
            append(links_table, LINKS, &self.links_batch(&links, false)?).await?;
        }
        Ok(())
    }

    /// Replaces the table of keys, after rows have been filed anew or keys are gone.
    pub(crate) async fn rewrite(&self, customers_table: &mut Table, customers: &Customers) -> Result<(), Error> {
        let all: Vec<u32> = (0..).take(self.graph.len()).collect();
        let batch = self.customers_batch(&all, customers)?;
        replace(customers_table, CUSTOMERS, &batch).await
    }

    /// The rows of the table of keys, with these keys' kinds and values gone; their numbers stay taken.
    pub(crate) fn customers_without(&self, gone: &std::collections::BTreeSet<Node>) -> Result<RecordBatch, Error> {
        let all: Vec<u32> = (0..).take(self.graph.len()).collect();
        let batch = self.customers_batch(&all, &self.graph.resolve())?;
        let (kinds, values): (Vec<String>, Vec<String>) = all
            .iter()
            .map(|n| {
                if gone.contains(&Node(*n)) {
                    ("erased".to_owned(), n.to_string())
                } else {
                    (self.graph.key(Node(*n)).0.to_owned(), self.graph.key(Node(*n)).1.to_owned())
                }
            })
            .unzip();
        let mut columns = batch.columns().to_vec();
        columns[1] = Arc::new(StringArray::from(kinds));
        columns[2] = Arc::new(StringArray::from(values));
        Ok(RecordBatch::try_new(batch.schema(), columns)?)
    }

    fn customers_batch(&self, nodes: &[u32], customers: &Customers) -> Result<RecordBatch, Error> {
        let key = |n: &u32| self.graph.key(Node(*n));
        let columns: Vec<ArrayRef> = vec![
            Arc::new(Int64Array::from_iter_values(nodes.iter().map(|n| i64::from(*n)))),
            Arc::new(StringArray::from_iter_values(nodes.iter().map(|n| key(n).0))),
            Arc::new(StringArray::from_iter_values(nodes.iter().map(|n| key(n).1))),
            Arc::new(Int64Array::from_iter_values(nodes.iter().map(|n| i64::from(customers.of(Node(*n)).0)))),
        ];
        Ok(RecordBatch::try_new(arrow_schema(CUSTOMERS), columns)?)
    }

    /// The rows of the table of links for these.
    pub(crate) fn links_batch(&self, links: &[(Node, Node, i64)], undo: bool) -> Result<RecordBatch, Error> {
        let text = |pick: &dyn Fn(&(Node, Node, i64)) -> String| -> ArrayRef {
            Arc::new(StringArray::from_iter_values(links.iter().map(pick)))
        };
        let at_us = TimestampMicrosecondArray::from_iter_values(links.iter().map(|(_, _, at)| *at));
        let columns: Vec<ArrayRef> = vec![
            Arc::new(at_us.with_timezone(utc())),
            text(&|(a, ..)| self.graph.key(*a).0.to_owned()),
            text(&|(a, ..)| self.graph.key(*a).1.to_owned()),
            text(&|(_, b, _)| self.graph.key(*b).0.to_owned()),
            text(&|(_, b, _)| self.graph.key(*b).1.to_owned()),
            Arc::new(BooleanArray::from(vec![undo; links.len()])),
        ];
        Ok(RecordBatch::try_new(arrow_schema(LINKS), columns)?)
    }
}

/// All rows of a small table.
pub(crate) async fn read_all(table: &Table) -> Result<Vec<RecordBatch>, Error> {
    let mut batches = Vec::new();
    for file in table.files().await? {
        let path = table.root().join(&file.path);
        let file = std::fs::File::open(&path).map_err(Error::file("open", &path))?;
        for batch in ParquetRecordBatchReaderBuilder::try_new(file)?.build()? {
            batches.push(batch?);
        }
    }
    Ok(batches)
}

/// Adds rows to a small table.
pub(crate) async fn append(table: &mut Table, columns: &[Column], batch: &RecordBatch) -> Result<(), Error> {
    let add = write_small(table, columns, batch)?;
    table.commit(Purpose::Append, vec![add], Vec::new(), &[]).await
}

/// Puts these rows in the place of all others of a small table, and deletes the files that held those.
pub(crate) async fn replace(table: &mut Table, columns: &[Column], batch: &RecordBatch) -> Result<(), Error> {
    let old = table.files().await?;
    let add = write_small(table, columns, batch)?;
    table.commit(Purpose::Erase, vec![add], old.iter().map(|file| file.remove.clone()).collect(), &[]).await?;
    for file in old {
        let path = table.root().join(&file.path);
        std::fs::remove_file(&path).map_err(Error::file("delete", &path))?;
    }
    Ok(())
}

fn write_small(table: &Table, columns: &[Column], batch: &RecordBatch) -> Result<Add, Error> {
    let name = format!("{:012}.parquet", table.version() + 1);
    let path = table.root().join(&name);
    let file = std::fs::File::create(&path).map_err(Error::file("make", &path))?;
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(1).expect("1 is a level of zstd")))
        .set_statistics_enabled(EnabledStatistics::None)
        .build();
    let options = ArrowWriterOptions::new().with_properties(properties).with_skip_arrow_metadata(true);
    let mut writer = ArrowWriter::try_new_with_options(file, arrow_schema(columns), options)?;
    writer.write(batch)?;
    writer.into_inner()?.sync_all().map_err(Error::file("sync", &path))?;
    add_entry(table.root(), name, None, serde_json::json!({"numRecords": batch.num_rows()}).to_string(), true)
}
