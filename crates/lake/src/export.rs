//! The lake as files that other tools read: CSV, Parquet, XES, OCEL 2.0 (JSON).

mod csv;
mod ocel;
mod parquet;
mod xes;

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{Int64Type, TimestampMicrosecondType};
use event::Timestamp;
use listen::stitch::{Graph, Node, Rules};
use serde_json::{Map, Value};

use self::csv::CsvOut;
use self::ocel::OcelOut;
use self::parquet::ParquetOut;
use self::xes::XesOut;
use crate::error::Error;
use crate::run_file::read_schema;
use crate::scan::{Projection, read_part};
use crate::store::Lake;

/// A format that events are exported in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExportFormat {
    /// Comma-separated, one row an event, properties as JSON text.
    Csv,
    /// The same columns as Apache Parquet.
    Parquet,
    /// An XES log, one trace a customer.
    Xes,
    /// OCEL 2.0 as JSON, customers as objects.
    OcelJson,
}

/// What was exported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Exported {
    /// Events.
    pub events: u64,
    /// Customers.
    pub customers: u64,
}

/// One event with the name of its customer.
struct Row<'a> {
    customer: i64,
    /// The kind and value of the customer's oldest key.
    key: (&'a str, &'a str),
    at: Timestamp,
    event: &'a str,
    channel: Option<&'a str>,
    message_id: &'a str,
    resource: Option<&'a str>,
    department: Option<&'a str>,
    case_id: Option<&'a str>,
    phase: Option<&'a str>,
    properties: Option<&'a str>,
    traits: Option<&'a str>,
}

impl Lake {
    /// Writes all events to a file, customer by customer in time order.
    ///
    /// # Errors
    /// When the lake cannot be read or the file not be written.
    pub async fn export(&self, format: ExportFormat, path: &Path, rules: &Rules) -> Result<Exported, Error> {
        let identity = self.identity(rules.clone()).await?;
        let mut writer = writer(format, path)?;
        let mut exported = Exported::default();
        let mut last = None;
        let graph = identity.graph;
        self.each_row(&graph, rules, |row| {
            exported.events += 1;
            exported.customers += u64::from(last != Some(row.customer));
            last = Some(row.customer);
            writer.event(row)
        })
        .await?;
        writer.finish()?;
        Ok(exported)
    }

    async fn each_row(
        &self,
        graph: &Graph,
        rules: &Rules,
        mut each: impl FnMut(&Row<'_>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let (parts, rerouted) = self.parts(rules).await?;
        let projection = Projection { columns: (0..read_schema(false).fields().len()).collect(), dictionaries: false };
        for part in &parts {
            read_part(part, &projection, rerouted.as_ref(), |batch| {
                let text = |column: usize, i: usize| text_at(batch, column, i);
                for i in 0..batch.num_rows() {
                    let customer = batch.column(0).as_primitive::<Int64Type>().value(i);
                    let node = u32::try_from(customer)
                        .map_err(|_| Error::Corrupt { what: format!("customer number {customer}") })?;
                    each(&Row {
                        customer,
                        key: graph.key(Node(node)),
                        at: Timestamp::from_micros(batch.column(1).as_primitive::<TimestampMicrosecondType>().value(i)),
                        event: text(3, i).unwrap_or_default(),
                        channel: text(4, i),
                        message_id: text(6, i).unwrap_or_default(),
                        resource: text(8, i),
                        department: text(9, i),
                        case_id: text(10, i),
                        phase: text(11, i),
                        properties: text(12, i),
                        traits: text(13, i),
                    })?;
                }
                Ok(())
            })?;
        }
        Ok(())
    }
}

fn text_at(batch: &RecordBatch, column: usize, row: usize) -> Option<&str> {
    let column = batch.column(column).as_string::<i32>();
    column.is_valid(row).then(|| column.value(row))
}

/// Something that writes one format.
trait Write {
    fn event(&mut self, row: &Row<'_>) -> Result<(), Error>;
    fn finish(self: Box<Self>) -> Result<(), Error>;
}

fn writer(format: ExportFormat, path: &Path) -> Result<Box<dyn Write>, Error> {
    let file = File::create(path).map_err(Error::file("make", path))?;
    Ok(match format {
        ExportFormat::Csv => Box::new(CsvOut::new(Out::new(file, path))?),
        ExportFormat::Parquet => Box::new(ParquetOut::new(file)?),
        ExportFormat::Xes => Box::new(XesOut::new(Out::new(file, path))?),
        ExportFormat::OcelJson => Box::new(OcelOut::new(Out::new(file, path))),
    })
}

/// A file that knows its name when something goes wrong.
struct Out {
    file: BufWriter<File>,
    path: PathBuf,
}

impl Out {
    fn new(file: File, path: &Path) -> Self {
        Self { file: BufWriter::with_capacity(1 << 20, file), path: path.to_owned() }
    }

    fn put(&mut self, text: &str) -> Result<(), Error> {
        self.file.write_all(text.as_bytes()).map_err(Error::file("write", &self.path))
    }

    fn finish(mut self) -> Result<(), Error> {
        self.file.flush().map_err(Error::file("write", &self.path))
    }
}

const COLUMNS: [&str; 12] = [
    "customer",
    "event",
    "at",
    "channel",
    "resource",
    "department",
    "case_id",
    "phase",
    "message_id",
    "properties",
    "traits",
    "customer_key",
];

fn columns<'a>(row: &Row<'a>, at: &'a str) -> [Option<&'a str>; 12] {
    [
        Some(row.key.1),
        Some(row.event),
        Some(at),
        row.channel,
        row.resource,
        row.department,
        row.case_id,
        row.phase,
        Some(row.message_id),
        row.properties,
        row.traits,
        Some(row.key.0),
    ]
}

/// Properties as they were written.
fn members(json: Option<&str>) -> Map<String, Value> {
    json.and_then(|json| serde_json::from_str(json).ok()).unwrap_or_default()
}
