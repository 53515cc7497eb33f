//! The lake as files that other tools read: CSV, Parquet, XES, OCEL 2.0 (JSON, XML, `SQLite`).
//!
//! Events are written as they are read, so memory follows neither their number nor that of the customers' objects. Each
//! format says what an event is in its own way; what all say is decided here: the order, and the [`Names`] of customers.

mod csv;
mod fields;
mod ocel;
mod out;
mod parquet;
mod xes;
mod xml;

use std::path::Path;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{Int64Type, TimestampMicrosecondType};
use event::Timestamp;
use listen::stitch::{Names, Node, Rules};

use self::csv::CsvOut;
use self::ocel::OcelOut;
use self::out::{Draft, Out};
use self::parquet::ParquetOut;
use self::xes::XesOut;
use crate::error::Error;
use crate::run_file::read_schema;
use crate::scan::{Part, Projection, Rerouted, read_part_whole};
use crate::store::Lake;
use crate::waiting::Renamed;

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
    /// The same as XML.
    OcelXml,
    /// The same as an `SQLite` database.
    OcelSqlite,
}

impl ExportFormat {
    /// The format that the ending of a file's name says; `.gz` behind it does not matter.
    pub fn of_name(path: &Path) -> Option<Self> {
        let name = path.file_name()?.to_string_lossy().to_lowercase();
        let name = name.strip_suffix(".gz").unwrap_or(&name);
        Some(match name.rsplit_once('.')?.1 {
            "csv" => ExportFormat::Csv,
            "parquet" => ExportFormat::Parquet,
            "xes" => ExportFormat::Xes,
            "jsonocel" | "json" => ExportFormat::OcelJson,
            "xmlocel" | "xml" => ExportFormat::OcelXml,
            "sqlite" | "sqlite3" | "db" => ExportFormat::OcelSqlite,
            _ => return None,
        })
    }

    /// Whether an event may be there that is no customer's but only about objects.
    fn has_room_for_nobody(self) -> bool {
        matches!(self, ExportFormat::OcelJson | ExportFormat::OcelXml | ExportFormat::OcelSqlite)
    }

    /// Whether a file of this format may be compressed as a whole: not one that is read in no order.
    pub fn can_be_gzipped(self) -> bool {
        !matches!(self, ExportFormat::Parquet | ExportFormat::OcelSqlite)
    }
}

/// What was exported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Exported {
    /// Events.
    pub events: u64,
    /// Customers.
    pub customers: u64,
    /// Events that are nobody's, for which only OCEL has room.
    pub left_out: u64,
}

/// One event with the name of its customer.
struct Row<'a> {
    /// Another one than before: all events of a customer come together.
    new_customer: bool,
    /// Empty where the event is nobody's.
    customer: &'a str,
    /// The value of the key that names the customer.
    key: &'a str,
    at: Timestamp,
    event: &'a str,
    channel: Option<&'a str>,
    source: Option<&'a str>,
    message_id: &'a str,
    resource: Option<&'a str>,
    department: Option<&'a str>,
    case_id: Option<&'a str>,
    phase: Option<&'a str>,
    properties: Option<&'a str>,
    traits: Option<&'a str>,
}

/// Something that writes one format.
trait Write {
    fn event(&mut self, row: &Row<'_>) -> Result<(), Error>;
    fn finish(self: Box<Self>) -> Result<(), Error>;
}

fn writer(format: ExportFormat, path: &Path) -> Result<Box<dyn Write>, Error> {
    Ok(match format {
        ExportFormat::Csv => Box::new(CsvOut::new(Out::new(path)?)?),
        ExportFormat::Parquet => Box::new(ParquetOut::new(Draft::new(path)?)?),
        ExportFormat::Xes => Box::new(XesOut::new(Out::new(path)?)?),
        ExportFormat::OcelJson | ExportFormat::OcelXml | ExportFormat::OcelSqlite => {
            Box::new(OcelOut::new(format, path)?)
        }
    })
}

impl Lake {
    /// Writes all events to a file, customer by customer in time order; compressed where its name ends in `.gz` and the
    /// format [can be](ExportFormat::can_be_gzipped). The file takes its name when it is complete.
    ///
    /// # Errors
    /// When the lake cannot be read or the file not be written.
    pub async fn export(&self, format: ExportFormat, path: &Path, rules: &Rules) -> Result<Exported, Error> {
        let taken = self.settled(async |lake| Ok((lake.parts(rules).await?, lake.identity(rules.clone()).await?)));
        let ((parts, rerouted), identity) = taken.await?;
        // Whose a key is follows from where the rows are that are read, not from evidence that has come since.
        let names = match &rerouted {
            Some(rerouted) => rerouted.names(&identity),
            None => identity.names(&Renamed::new()),
        };
        let mut writer = writer(format, path)?;
        let mut left_out = 0;
        let exported = each_row(&parts, rerouted.as_ref(), &names, |row| {
            if row.customer.is_empty() && !format.has_room_for_nobody() {
                left_out += 1;
                return Ok(());
            }
            writer.event(row)
        })?;
        writer.finish()?;
        Ok(Exported { events: exported.events - left_out, left_out, ..exported })
    }
}

fn each_row(
    parts: &[Part],
    rerouted: Option<&Rerouted>,
    names: &Names<'_>,
    mut each: impl FnMut(&Row<'_>) -> Result<(), Error>,
) -> Result<Exported, Error> {
    let projection = Projection { columns: (0..read_schema(false).fields().len()).collect(), dictionaries: false };
    let mut exported = Exported::default();
    let mut last = None;
    let mut name = String::new();
    for part in parts {
        read_part_whole(part, &projection, rerouted, |batch| {
            let text = |column: usize, i: usize| text_at(batch, column, i);
            for i in 0..batch.num_rows() {
                let number = batch.column(0).as_primitive::<Int64Type>().value(i);
                let customer = (number >= 0).then(|| u32::try_from(number).map(Node)).transpose();
                let customer = customer.map_err(|_| Error::Corrupt { what: format!("customer number {number}") })?;
                let new_customer = customer.is_some() && last != customer;
                if last != customer {
                    last = customer;
                    name = customer.map(|customer| names.name(customer).into_owned()).unwrap_or_default();
                }
                exported.events += 1;
                exported.customers += u64::from(new_customer);
                each(&Row {
                    new_customer,
                    customer: &name,
                    key: customer.map_or("", |customer| names.key(customer).1),
                    at: Timestamp::from_micros(batch.column(1).as_primitive::<TimestampMicrosecondType>().value(i)),
                    event: text(3, i).unwrap_or_default(),
                    channel: text(4, i),
                    source: text(5, i),
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
    Ok(exported)
}

fn text_at(batch: &RecordBatch, column: usize, row: usize) -> Option<&str> {
    let column = batch.column(column).as_string::<i32>();
    column.is_valid(row).then(|| column.value(row))
}

/// The columns of CSV and Parquet.
const COLUMNS: [&str; 12] = [
    "customer",
    "event",
    "at",
    "channel",
    "source",
    "resource",
    "department",
    "case_id",
    "phase",
    "message_id",
    "properties",
    "traits",
];

fn columns<'a>(row: &Row<'a>, at: &'a str) -> [Option<&'a str>; 12] {
    [
        Some(row.customer),
        Some(row.event),
        Some(at),
        row.channel,
        row.source,
        row.resource,
        row.department,
        row.case_id,
        row.phase,
        Some(row.message_id),
        row.properties,
        row.traits,
    ]
}
