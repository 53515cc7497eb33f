//! The lake as files that other tools read: CSV, Parquet, XES, OCEL 2.0 (JSON).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{Int64Type, TimestampMicrosecondType};
use event::Timestamp;
use listen::stitch::{Graph, Node, Rules};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use serde_json::{Map, Value, json};

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
trait Write1 {
    fn event(&mut self, row: &Row<'_>) -> Result<(), Error>;
    fn finish(self: Box<Self>) -> Result<(), Error>;
}

fn writer(format: ExportFormat, path: &Path) -> Result<Box<dyn Write1>, Error> {
    let file = File::create(path).map_err(Error::file("make", path))?;
    Ok(match format {
        ExportFormat::Csv => Box::new(CsvOut::new(Out::new(file, path))?),
        ExportFormat::Parquet => Box::new(ParquetOut::new(file)?),
        ExportFormat::Xes => Box::new(XesOut::new(Out::new(file, path))?),
        ExportFormat::OcelJson => {
            Box::new(OcelOut { out: Out::new(file, path), events: Vec::new(), objects: Map::new() })
        }
    })
}

/// A file that knows its name when something goes wrong.
struct Out {
    file: BufWriter<File>,
    path: std::path::PathBuf,
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

struct CsvOut(Out);

impl CsvOut {
    fn new(mut out: Out) -> Result<Self, Error> {
        out.put(&COLUMNS.join(","))?;
        out.put("\n")?;
        Ok(Self(out))
    }
}

impl Write1 for CsvOut {
    fn event(&mut self, row: &Row<'_>) -> Result<(), Error> {
        let at = row.at.to_string();
        let mut line = String::new();
        for (n, value) in columns(row, &at).into_iter().enumerate() {
            if n > 0 {
                line.push(',');
            }
            let value = value.unwrap_or_default();
            if value.contains([',', '"', '\n', '\r']) {
                line.push('"');
                line.push_str(&value.replace('"', "\"\""));
                line.push('"');
            } else {
                line.push_str(value);
            }
        }
        line.push('\n');
        self.0.put(&line)
    }

    fn finish(self: Box<Self>) -> Result<(), Error> {
        self.0.finish()
    }
}

struct ParquetOut {
    writer: ArrowWriter<File>,
    builders: Vec<arrow::array::StringBuilder>,
    at_us: Vec<i64>,
}

fn export_schema() -> arrow::datatypes::SchemaRef {
    use arrow::datatypes::{DataType, Field, Schema, TimeUnit};
    let field = |name: &&str| match *name {
        "at" => Field::new("at", DataType::Timestamp(TimeUnit::Microsecond, Some(crate::schema::utc())), false),
        name => Field::new(name, DataType::Utf8, true),
    };
    std::sync::Arc::new(Schema::new(COLUMNS.iter().map(field).collect::<Vec<_>>()))
}

impl ParquetOut {
    fn new(file: File) -> Result<Self, Error> {
        let zstd = Compression::ZSTD(ZstdLevel::try_new(1).expect("1 is a level of zstd"));
        let properties = WriterProperties::builder().set_compression(zstd).build();
        let writer = ArrowWriter::try_new(file, export_schema(), Some(properties))?;
        Ok(Self {
            writer,
            builders: COLUMNS.iter().map(|_| arrow::array::StringBuilder::new()).collect(),
            at_us: Vec::new(),
        })
    }

    fn flush(&mut self) -> Result<(), Error> {
        let at = arrow::array::TimestampMicrosecondArray::from(std::mem::take(&mut self.at_us))
            .with_timezone(crate::schema::utc());
        let mut columns: Vec<arrow::array::ArrayRef> =
            self.builders.iter_mut().map(|b| std::sync::Arc::new(b.finish()) as arrow::array::ArrayRef).collect();
        columns[2] = std::sync::Arc::new(at);
        self.writer.write(&RecordBatch::try_new(export_schema(), columns)?)?;
        Ok(())
    }
}

impl Write1 for ParquetOut {
    fn event(&mut self, row: &Row<'_>) -> Result<(), Error> {
        for (n, (builder, value)) in self.builders.iter_mut().zip(columns(row, "")).enumerate() {
            if n != 2 {
                builder.append_option(value);
            }
        }
        self.at_us.push(row.at.as_micros());
        if self.at_us.len() >= crate::limits::WRITE_BATCH_ROWS { self.flush() } else { Ok(()) }
    }

    fn finish(mut self: Box<Self>) -> Result<(), Error> {
        self.flush()?;
        self.writer.close()?;
        Ok(())
    }
}

struct XesOut {
    out: Out,
    trace: Option<i64>,
}

/// Properties with this prefix are the trace's, not the event's, as the import of XES writes them.
const OF_TRACE: &str = "case:";

impl XesOut {
    fn new(mut out: Out) -> Result<Self, Error> {
        out.put(concat!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n",
            "<log xes.version=\"1849-2016\" xmlns=\"http://www.xes-standard.org/\">\n",
            "<extension name=\"Concept\" prefix=\"concept\" uri=\"http://www.xes-standard.org/concept.xesext\"/>\n",
            "<extension name=\"Time\" prefix=\"time\" uri=\"http://www.xes-standard.org/time.xesext\"/>\n",
            "<extension name=\"Organizational\" prefix=\"org\" uri=\"http://www.xes-standard.org/org.xesext\"/>\n",
            "<extension name=\"Lifecycle\" prefix=\"lifecycle\" uri=\"http://www.xes-standard.org/lifecycle.xesext\"/>\n",
        ))?;
        Ok(Self { out, trace: None })
    }
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' => out.push_str("&#10;"),
            '\r' => out.push_str("&#13;"),
            '\t' => out.push_str("&#9;"),
            // XML 1.0 has no way to write these.
            c if c.is_control() => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

fn attribute(key: &str, value: &Value, out: &mut String) {
    let simple = |kind: &str, value: &str| format!("<{kind} key=\"{}\" value=\"{}\"/>\n", escaped(key), escaped(value));
    match value {
        Value::Null => {}
        Value::Bool(truth) => out.push_str(&simple("boolean", &truth.to_string())),
        Value::Number(n) if n.is_i64() => out.push_str(&simple("int", &n.to_string())),
        Value::Number(n) => out.push_str(&simple("float", &n.to_string())),
        Value::String(text) => out.push_str(&simple("string", text)),
        nested => out.push_str(&simple("string", &nested.to_string())),
    }
}

fn members(json: Option<&str>) -> Map<String, Value> {
    json.and_then(|json| serde_json::from_str(json).ok()).unwrap_or_default()
}

impl Write1 for XesOut {
    fn event(&mut self, row: &Row<'_>) -> Result<(), Error> {
        let mut text = String::new();
        let properties = members(row.properties);
        if self.trace != Some(row.customer) {
            if self.trace.is_some() {
                text.push_str("</trace>\n");
            }
            self.trace = Some(row.customer);
            text.push_str("<trace>\n");
            attribute("concept:name", &row.key.1.into(), &mut text);
            for (key, value) in &properties {
                if let Some(key) = key.strip_prefix(OF_TRACE) {
                    attribute(key, value, &mut text);
                }
            }
        }
        text.push_str("<event>\n");
        let at = row.at.to_jiff().strftime("%Y-%m-%dT%H:%M:%S%.6f+00:00");
        let _ = writeln!(text, "<date key=\"time:timestamp\" value=\"{at}\"/>");
        let named = [
            ("concept:name", Some(row.event)),
            ("org:resource", row.resource),
            ("org:group", row.department),
            ("lifecycle:transition", row.phase),
            ("channel", row.channel),
            ("case_id", row.case_id),
        ];
        for (key, value) in named {
            attribute(key, &value.map_or(Value::Null, Value::from), &mut text);
        }
        let own = properties.iter().filter(|(key, _)| !key.starts_with(OF_TRACE));
        own.for_each(|(key, value)| attribute(key, value, &mut text));
        text.push_str("</event>\n");
        self.out.put(&text)
    }

    fn finish(mut self: Box<Self>) -> Result<(), Error> {
        self.out.put(if self.trace.is_some() { "</trace>\n</log>\n" } else { "</log>\n" })?;
        self.out.finish()
    }
}

/// The whole log is held in memory, because OCEL lists its types, which are known only at the end, first.
struct OcelOut {
    out: Out,
    events: Vec<Value>,
    objects: Map<String, Value>,
}

/// The object type of customers.
const CUSTOMER: &str = "customer";

impl Write1 for OcelOut {
    fn event(&mut self, row: &Row<'_>) -> Result<(), Error> {
        let customer = row.key.1.to_owned();
        self.objects
            .entry(customer.clone())
            .or_insert_with(|| json!({"id": customer, "type": CUSTOMER, "attributes": [], "relationships": []}));
        let mut relationships = vec![json!({"objectId": customer, "qualifier": CUSTOMER})];
        let mut attributes = Vec::new();
        let named = [
            ("channel", row.channel),
            ("resource", row.resource),
            ("department", row.department),
            ("case_id", row.case_id),
            ("phase", row.phase),
        ];
        for (name, value) in named {
            attributes.extend(value.map(|value| json!({"name": name, "value": value})));
        }
        for (name, value) in members(row.properties) {
            if let ("objects", Value::Array(objects)) = (name.as_str(), &value) {
                for object in objects {
                    let [id, kind, qualifier] =
                        ["id", "type", "qualifier"].map(|m| object[m].as_str().unwrap_or_default());
                    self.objects
                        .entry(id.to_owned())
                        .or_insert_with(|| json!({"id": id, "type": kind, "attributes": [], "relationships": []}));
                    relationships.push(json!({"objectId": id, "qualifier": qualifier}));
                }
            } else {
                let value = if let Value::String(text) = value { text } else { value.to_string() };
                attributes.push(json!({"name": name, "value": value}));
            }
        }
        self.events.push(json!({
            "id": row.message_id,
            "type": row.event,
            "time": row.at.to_string(),
            "attributes": attributes,
            "relationships": relationships,
        }));
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<(), Error> {
        let types_of = |items: &mut dyn Iterator<Item = &Value>| {
            let mut types: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
            for item in items {
                let names = types.entry(item["type"].as_str().unwrap_or_default().to_owned()).or_default();
                let attributes = item["attributes"].as_array().into_iter().flatten();
                names.extend(attributes.filter_map(|a| a["name"].as_str().map(str::to_owned)));
            }
            let attribute = |name: String| json!({"name": name, "type": "string"});
            let kind = |(name, names): (String, BTreeSet<String>)| json!({"name": name, "attributes": names.into_iter().map(attribute).collect::<Vec<_>>()});
            types.into_iter().map(kind).collect::<Vec<_>>()
        };
        let log = json!({
            "objectTypes": types_of(&mut self.objects.values()),
            "eventTypes": types_of(&mut self.events.iter()),
            "objects": self.objects.values().collect::<Vec<_>>(),
            "events": self.events,
        });
        self.out.put(&log.to_string())?;
        self.out.finish()
    }
}
