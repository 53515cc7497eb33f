//! What is going to be read, and how: made from the beginning of a file, shown to a person, then carried out.
//!
//! Nothing is guessed while reading, so the same file gives the same events however it is split into reads.

use std::io::{self, BufRead};

use jiff::tz::TimeZone;

use crate::csv::{self, Layout};
use crate::guess::{GuessError, Note, guess};
use crate::limits::SAMPLE_BYTES;
use crate::mapping::{Mapping, MappingError, Value};
use crate::sink::{Sink, Stop, Summary, counted};
use crate::sniff::Format;
use crate::text::{Compression, Decoded, Encoding, decode_sample, decompress, decompress_sample, is_cut};
use crate::times::DateOrder;
use crate::{jsonl, ocel, xes};

/// What a person or a charter has said about a file; everything else is guessed.
#[derive(Debug, Clone)]
pub struct Options {
    /// The roles that are given.
    pub map: Mapping,
    /// Whether day or month comes first in dates that could be either.
    pub dates: Option<DateOrder>,
    /// The time zone of times that have none.
    pub zone: TimeZone,
    /// What separates the fields of delimited text.
    pub delimiter: Option<u8>,
    /// How text is written as bytes.
    pub encoding: Option<Encoding>,
    /// Who the customer is: of OCEL the object type, of XES the attribute (of trace or event), of tables the column.
    pub customer: Option<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            map: Mapping::default(),
            dates: None,
            zone: TimeZone::UTC,
            delimiter: None,
            encoding: None,
            customer: None,
        }
    }
}

/// How a file is going to be read.
#[derive(Debug, Clone)]
pub struct Plan {
    /// What kind of file it is.
    pub format: Format,
    /// How its text is written as bytes.
    pub encoding: Encoding,
    /// The layout of delimited text.
    pub layout: Option<Layout>,
    /// How JSON objects are laid out.
    pub json: Option<jsonl::Shape>,
    /// The columns, or the members of JSON objects; empty for formats that have neither.
    pub columns: Vec<String>,
    /// Which column plays which role; empty for formats that say so themselves.
    pub mapping: Mapping,
    /// Why each role was given to its column.
    pub notes: Vec<Note>,
    /// The time zone of times that have none.
    pub zone: TimeZone,
    /// Who the customer is: of OCEL the object type, of XES the attribute.
    pub customer: Option<String>,
}

/// Why a file cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// There is nothing in it.
    #[error("the file is empty")]
    Empty,
    /// It is compressed, and nothing comes out of it.
    #[error("the compressed file holds nothing, or is cut off at its very beginning")]
    NothingInside,
    /// It has a header and nothing else.
    #[error("the file has a header ({}) but no rows", columns.join(", "))]
    HeaderOnly {
        /// The names of the columns.
        columns: Vec<String>,
    },
    /// None of the usual delimiters separates anything.
    #[error(
        "only one column was found with comma, semicolon, tab or pipe as delimiter: give --delimiter; the first line is `{line}`"
    )]
    OneColumn {
        /// The beginning of the first line.
        line: String,
    },
    /// No line of it is a JSON object.
    #[error("no JSON object was found at the beginning of the file; the first line is `{line}`")]
    NoObject {
        /// The beginning of the first line.
        line: String,
    },
    /// The format is read by another crate.
    #[error("{} is not a text format", format.name())]
    NotText {
        /// The format.
        format: Format,
    },
    /// The format says itself what plays which role.
    #[error("{} files say themselves what each attribute is; only the customer can be chosen, with --customer", format.name())]
    RolesAreFixed {
        /// The format.
        format: Format,
    },
    /// The roles of the columns are not clear.
    #[error(transparent)]
    Guess(#[from] GuessError),
}

/// Why reading came to an end before the file did.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The sink stopped it.
    #[error(transparent)]
    Stopped(#[from] Stop),
    /// The mapping does not fit.
    #[error(transparent)]
    Mapping(#[from] MappingError),
    /// The compressed file is cut off.
    #[error("the compressed file ends too early; {}", read_before(*events))]
    Truncated {
        /// How many events were read.
        events: u64,
    },
    /// The bytes cannot be read, or not be decompressed.
    #[error("reading failed; {}", read_before(*events))]
    Io {
        /// How many events were read.
        events: u64,
        /// What failed.
        source: io::Error,
    },
    /// The XML is broken.
    #[error("broken XML at byte {position}: {what}; {}", read_before(*events))]
    Xml {
        /// Where, in bytes of the decompressed file.
        position: u64,
        /// What is wrong.
        what: String,
        /// How many events were read.
        events: u64,
    },
    /// The XML defines entities of its own, which can make a small file a huge one.
    #[error(
        "the XML defines entities of its own (DOCTYPE at byte {position}), which is refused because they may expand without end"
    )]
    Entities {
        /// Where, in bytes of the decompressed file.
        position: u64,
    },
    /// The file is not of the format, or of a version that is not read.
    #[error("{what}")]
    NotReadable {
        /// What is wrong, and what to do.
        what: String,
    },
    /// No trace or event has the attribute that was said to be the customer.
    #[error("no trace or event has an attribute `{attribute}`{}", did_you_mean_or(attribute, known))]
    NoSuchAttribute {
        /// The name that was given.
        attribute: String,
        /// The names that there are.
        known: Vec<String>,
    },
    /// Nobody said which type of objects the customers are.
    #[error("{} give --customer TYPE; the types, with their numbers of objects, are {}", question(asked.as_deref()), shown_types(types))]
    WhichCustomer {
        /// The type that was asked for and is not there.
        asked: Option<String>,
        /// The object types, with how many objects each has.
        types: Vec<(String, u64)>,
    },
}

/// The names that there are, after the one that may be meant.
fn did_you_mean_or(name: &str, known: &[String]) -> String {
    let near = event::nearest(name, known.iter().map(String::as_str));
    let near = near.map_or_else(String::new, |near| format!(" (did you mean `{near}`?)"));
    if known.is_empty() { near } else { format!("{near}; there are {}", known.join(", ")) }
}

fn read_before(events: u64) -> String {
    counted(events, "event before that was read", "events before that were read")
}

fn question(asked: Option<&str>) -> String {
    match asked {
        Some(asked) => format!("there are no objects of type `{asked}`:"),
        None => "which type of objects is the customer?".to_owned(),
    }
}

fn shown_types(types: &[(String, u64)]) -> String {
    let shown: Vec<String> = types.iter().map(|(name, count)| format!("{name} ({count})")).collect();
    shown.join(", ")
}

impl ReadError {
    pub(crate) fn from_io(source: io::Error, summary: &Summary) -> Self {
        let events = summary.events;
        if source.kind() == io::ErrorKind::UnexpectedEof {
            ReadError::Truncated { events }
        } else {
            ReadError::Io { events, source }
        }
    }
}

/// Plans how to read a file of this format from its first bytes, which may be compressed; a megabyte is enough.
///
/// # Errors
/// When the file holds nothing that could be read, or the roles of its columns are not clear.
pub fn plan(format: Format, first: &[u8], options: &Options) -> Result<Plan, PlanError> {
    if format == Format::Parquet {
        return Err(PlanError::NotText { format });
    }
    let mut options = options.clone();
    if matches!(format, Format::Csv | Format::Jsonl) {
        take_customer_as_column(&mut options);
    } else {
        take_column_as_customer(&mut options, format)?;
    }
    let options = &options;
    let mut plan = Plan {
        format,
        encoding: Encoding::Utf8,
        layout: None,
        json: None,
        columns: Vec::new(),
        mapping: Mapping::default(),
        notes: Vec::new(),
        zone: options.zone.clone(),
        customer: options.customer.clone(),
    };
    match format {
        Format::Csv => {
            let text = text_sample(&mut plan, first, options)?;
            let sample = csv::sample(&text, options.delimiter).map_err(|error| match error {
                // The rows are behind the cut.
                PlanError::HeaderOnly { .. } if is_cut(first) => PlanError::NothingInside,
                other => other,
            })?;
            let guess = guess(&sample.columns, &sample.cells(), &options.map, options.dates)?;
            plan.layout = Some(sample.layout);
            (plan.columns, plan.mapping, plan.notes) = (sample.columns, guess.mapping, guess.notes);
        }
        Format::Jsonl => {
            let text = text_sample(&mut plan, first, options)?;
            jsonl::plan(&mut plan, &text, options)?;
        }
        Format::Xes | Format::OcelXml => {
            let bytes = decompress_sample(first, 4096);
            plan.encoding = options.encoding.unwrap_or_else(|| declared_encoding(&bytes));
        }
        Format::OcelJson => plan.encoding = Encoding::detect(&decompress_sample(first, 4096)),
        Format::OcelSqlite | Format::Parquet => {}
    }
    Ok(plan)
}

/// In a table, the customer is a column.
fn take_customer_as_column(options: &mut Options) {
    if let (Some(column), true) = (&options.customer, options.map.keys.is_empty()) {
        options.map.keys.push(("user_id".to_owned(), Value::Column(column.clone())));
    }
}

/// In a log, `--map customer=x` means the same as `--customer x`, and other roles cannot be given.
fn take_column_as_customer(options: &mut Options, format: Format) -> Result<(), PlanError> {
    let fixed = Mapping { keys: Vec::new(), ..options.map.clone() } != Mapping::default();
    let chosen = match options.map.keys.as_slice() {
        [] => None,
        [(kind, Value::Column(name))] if kind == "user_id" && !fixed => Some(name.clone()),
        _ => return Err(PlanError::RolesAreFixed { format }),
    };
    if fixed {
        return Err(PlanError::RolesAreFixed { format });
    }
    options.customer = options.customer.take().or(chosen);
    Ok(())
}

/// The encoding that an XML file says it has, unless its bytes say otherwise.
fn declared_encoding(bytes: &[u8]) -> Encoding {
    let detected = Encoding::detect(bytes);
    let head = String::from_utf8_lossy(bytes.get(..bytes.len().min(200)).unwrap_or_default());
    let declared =
        head.split_once("encoding=").and_then(|(_, rest)| rest.get(1..)?.split(['"', '\'']).next().map(str::to_owned));
    let label = declared.and_then(|name| encoding_rs::Encoding::for_label(name.as_bytes()));
    if detected == Encoding::Utf8 && label == Some(encoding_rs::WINDOWS_1252) {
        Encoding::Windows1252
    } else {
        detected
    }
}

/// The beginning of a file of text, as UTF-8.
fn text_sample(plan: &mut Plan, first: &[u8], options: &Options) -> Result<Vec<u8>, PlanError> {
    let bytes = decompress_sample(first, SAMPLE_BYTES);
    plan.encoding = options.encoding.unwrap_or_else(|| Encoding::detect(&bytes));
    let text = decode_sample(&bytes, plan.encoding);
    match Compression::detect(first) {
        _ if !text.iter().all(u8::is_ascii_whitespace) => Ok(text),
        Compression::Plain => Err(PlanError::Empty),
        Compression::Gzip | Compression::Zstd => Err(PlanError::NothingInside),
    }
}

/// Reads a file as planned, from its beginning; compression is undone here. Every event and every rejected row goes to
/// the sink.
///
/// # Errors
/// When the sink stops it, or the rest of the file cannot be read; what came before has gone to the sink.
pub fn read<'a>(plan: &Plan, input: Box<dyn BufRead + 'a>, sink: &mut dyn Sink) -> Result<Summary, ReadError> {
    let input = decompress(input).map_err(|source| ReadError::from_io(source, &Summary::default()))?;
    let (text, replaced) = Decoded::new(input, plan.encoding);
    let mut summary = match plan.format {
        Format::Csv => {
            let layout = plan.layout.unwrap_or(Layout { delimiter: b',', sep_line: false, header: true });
            csv::read(text, layout, plan, sink)
        }
        Format::Jsonl => jsonl::read(text, plan, sink),
        Format::Xes => xes::read(text, plan, sink),
        Format::OcelJson => ocel::read_json(text, plan, sink),
        Format::OcelXml => ocel::read_xml(text, plan, sink),
        Format::OcelSqlite => ocel::read_sqlite(text, plan, sink),
        Format::Parquet => Err(ReadError::NotReadable { what: "parquet is not a text format".to_owned() }),
    }?;
    if replaced.any() {
        summary.warnings.push(format!("some characters are not {} and were read as U+FFFD", plan.encoding.name()));
    }
    Ok(summary)
}
