//! How files are read: what the command line says, what the charter's `sources:` say, and what is guessed.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use charter::Charter;
use charter::sources::{Glob, SourceMap, Taken};
use jiff::tz::TimeZone;
use lake::{ParquetError, plan_parquet, read_parquet};
use listen::{
    Counted, DateOrder, Encoding, Format, GuessError, Mapping, MappingError, Note, Options, Plan, PlanError, Progress,
    Role, Sink, Summary, TimeColumn, TimeFormat, Value,
};

use crate::args::{Dates, ReadArgs};
use crate::asking::Asking;
use crate::draw;
use crate::error::Error;

/// A file and how it is going to be read.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) path: PathBuf,
    pub(crate) plan: Plan,
    /// Its size in bytes, or for Parquet in rows.
    pub(crate) size: u64,
    /// Whether the charter says how it is read.
    pub(crate) from_charter: bool,
}

/// How much of a file is looked at before it is read, in bytes.
const SAMPLE_BYTES: u64 = 1 << 20;

/// The files that are meant: of a folder, those that the charter's sources name, or all.
pub(crate) fn files(paths: &[PathBuf], charter: &Charter) -> Result<Vec<PathBuf>, Error> {
    let mut files = Vec::new();
    for path in paths {
        if !path.is_dir() {
            files.push(path.clone());
            continue;
        }
        let entries = std::fs::read_dir(path).map_err(Error::file("read the folder", path))?;
        let mut inside: Vec<PathBuf> = entries
            .filter_map(|entry| entry.ok().map(|entry| entry.path()))
            .filter(|path| path.is_file() && !is_hidden(path))
            .filter(|path| charter.sources.is_empty() || charter.source_for(&path.to_string_lossy()).is_some())
            .collect();
        if inside.is_empty() {
            let what = match charter.sources.as_slice() {
                [] => "there are no files in this folder",
                _ => "no file in this folder is named by the charter's sources",
            };
            return Err(Error::Input { path: path.clone(), what: what.to_owned() });
        }
        inside.sort();
        files.append(&mut inside);
    }
    Ok(files)
}

/// Whether a file is one that systems put into folders on their own, such as `.DS_Store`.
fn is_hidden(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'))
}

/// Plans how to read a file; asks where that is possible and needed.
pub(crate) fn plan(path: &Path, args: &ReadArgs, charter: &Charter) -> Result<Source, Error> {
    let mut options = options(path, args, charter)?;
    let mut asking = draw::can_ask(args.yes).then(|| Asking::new(path));
    loop {
        let wrong = |what| Error::Input { path: path.to_owned(), what };
        match try_plan(path, &options) {
            Ok((mut plan, size)) => {
                if asking.as_mut().is_some_and(|asking| asking.confirm(&mut plan, &mut options)) {
                    continue;
                }
                if let Some(what) = unconfirmed(&plan).filter(|_| !args.yes) {
                    return Err(wrong(what));
                }
                if args.delimiter.is_some() && plan.layout.is_none() {
                    let (path, format) = (path.display(), plan.format.name());
                    let what = format!("--delimiter is for delimited text, and {path} is {format}: leave it out");
                    return Err(Error::Usage(what));
                }
                let from_charter = charter.source_for(&path.to_string_lossy()).is_some();
                return Ok(Source { path: path.to_owned(), plan, size, from_charter });
            }
            Err(Trouble::Unreadable(error)) => return Err(Error::unreadable(path, &error)),
            Err(Trouble::Other(what)) => return Err(wrong(what)),
            Err(Trouble::Guess(error)) => {
                if !asking.as_ref().is_some_and(|asking| asking.answer(&error, &mut options)) {
                    return Err(wrong(error.to_string()));
                }
            }
        }
    }
}

/// What has to be confirmed before anything is read, because only values speak for it; `None` where nothing has.
fn unconfirmed(plan: &Plan) -> Option<String> {
    let guessed: Vec<&Note> = plan.notes.iter().filter(|note| note.by_values && !note.sure).collect();
    let (mut said, mut map) = (Vec::new(), Vec::new());
    for Note { role, column, why, .. } in guessed {
        let (what, role) = match role {
            Role::Event => ("what happened", "event".to_owned()),
            Role::Key(_) => ("who the customer is", "customer".to_owned()),
            Role::At => ("when it happened", "at".to_owned()),
            other => ("it", other.to_string()),
        };
        said.push(format!("{what}, and `{column}` is only a guess ({why})"));
        map.push(format!("{role}={column}"));
    }
    (!said.is_empty()).then(|| {
        format!(
            "no column says by its name {}: if that is right give --map {}, otherwise another column{}; there are {}",
            said.join("; "),
            map.join(","),
            if map.iter().any(|one| one.starts_with("event=")) {
                ", or --map \"event='Order'\" where every row is one such event"
            } else {
                ""
            },
            plan.columns.join(", ")
        )
    })
}

enum Trouble {
    /// A person could say more than the file does.
    Guess(GuessError),
    Unreadable(std::io::Error),
    Other(String),
}

fn try_plan(path: &Path, options: &Options) -> Result<(Plan, u64), Trouble> {
    let other = |error: &dyn std::error::Error| Trouble::Other(with_causes(error));
    let mut first = Vec::new();
    let open = File::open(path).and_then(|file| {
        let size = file.metadata()?.len();
        file.take(SAMPLE_BYTES).read_to_end(&mut first)?;
        Ok(size)
    });
    let size = open.map_err(Trouble::Unreadable)?;
    if first.is_empty() {
        return Err(other(&PlanError::Empty));
    }
    let format = Format::detect(&path.to_string_lossy(), &first).map_err(|error| other(&error))?;
    if format == Format::Parquet {
        let plan = plan_parquet(path, options).map_err(|error| match error {
            ParquetError::Guess(error) => Trouble::Guess(error),
            error => other(&error),
        })?;
        let rows = lake::parquet_rows(path).map_err(|error| other(&error))?;
        return Ok((plan, rows));
    }
    let plan = listen::plan(format, &first, options).map_err(|error| match error {
        PlanError::Guess(error) => Trouble::Guess(error),
        error => other(&error),
    })?;
    Ok((plan, size))
}

/// An error with what caused it, on one line.
pub(crate) fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(one) = cause {
        let one_text = one.to_string();
        if !text.contains(&one_text) {
            text.push_str(": ");
            text.push_str(&one_text);
        }
        cause = one.source();
    }
    text
}

/// What is known before the file is looked at: the command line first, then the charter.
/// Whether anybody said in which zone times without an offset are meant.
pub(crate) fn zone_is_said(path: &Path, args: &ReadArgs, charter: &Charter) -> bool {
    let source = charter.source_for(&path.to_string_lossy());
    args.timezone.is_some() || charter.timezone_said || source.is_some_and(|source| source.timezone.is_some())
}

fn options(path: &Path, args: &ReadArgs, charter: &Charter) -> Result<Options, Error> {
    let usage = |what: String| Error::Usage(what);
    let source = charter.source_for(&path.to_string_lossy());
    let map = match (&args.map, source) {
        (Some(text), _) => Mapping::parse_map(text).map_err(|error| usage(format!("--map: {error}")))?,
        (None, Some(source)) => {
            let wrong = |error: MappingError| Error::Input { path: path.to_owned(), what: error.to_string() };
            Mapping::of_source(source, &charter.keys).map_err(wrong)?
        }
        (None, None) => Mapping::default(),
    };
    let zone = match &args.timezone {
        Some(name) => TimeZone::get(name)
            .map_err(|_| usage(format!("--timezone: `{name}` is not a time zone; write one like Europe/Berlin")))?,
        None => source.and_then(|s| s.timezone.clone()).unwrap_or_else(|| charter.timezone.clone()),
    };
    let encoding = args.encoding.clone().or_else(|| source.and_then(|s| s.encoding.clone()));
    let delimiter = args.delimiter.clone().or_else(|| source.and_then(|s| s.delimiter).map(|c| c.to_string()));
    Ok(Options {
        map,
        dates: args.dates.map(|dates| match dates {
            Dates::Dmy => DateOrder::DayMonthYear,
            Dates::Mdy => DateOrder::MonthDayYear,
        }),
        zone,
        delimiter: delimiter.map(|text| one_byte(&text)).transpose()?,
        encoding: encoding
            .map(|name| {
                let unknown = || {
                    usage(format!("--encoding: `{name}` is not known; write utf-8, utf-16le, utf-16be or windows-1252"))
                };
                Encoding::from_name(&name).ok_or_else(unknown)
            })
            .transpose()?,
        customer: args.customer.clone().or_else(|| source.and_then(|s| s.object_type.clone())),
    })
}

fn one_byte(text: &str) -> Result<u8, Error> {
    match text {
        "tab" | "\\t" => Ok(b'\t'),
        text => match text.as_bytes() {
            [one] if one.is_ascii() => Ok(*one),
            _ => Err(Error::Usage(format!("--delimiter: `{text}` is not one character; write one like ; or `tab`"))),
        },
    }
}

/// A plan as the charter would write it, with what somebody said beside it.
pub(crate) fn source_map(source: &Source, args: &ReadArgs) -> Option<SourceMap> {
    let name = source.path.file_name()?.to_string_lossy().into_owned();
    let mapping = &source.plan.mapping;
    let taken = |value: &Value| match value {
        Value::Column(column) => Taken::Column { column: column.clone(), format: None },
        Value::Literal(text) => Taken::Literal(text.clone()),
    };
    let text = |value: &Option<Value>| value.as_ref().map(taken);
    let time = |time: &Option<TimeColumn>| {
        time.as_ref().map(|time| {
            let format = match &time.format {
                Some(TimeFormat::YearFirst) | None => None,
                Some(format) => Some(format.to_string()),
            };
            Taken::Column { column: time.name(), format }
        })
    };
    Some(SourceMap {
        event: text(&mapping.event),
        keys: mapping.keys.iter().map(|(kind, value)| (kind.clone(), taken(value))).collect(),
        at: time(&mapping.at),
        start: time(&mapping.start),
        end: time(&mapping.end),
        received_at: time(&mapping.received_at),
        channel: text(&mapping.channel),
        source: text(&mapping.source),
        message_id: text(&mapping.message_id),
        resource: text(&mapping.resource),
        department: text(&mapping.department),
        case_id: text(&mapping.case_id),
        phase: text(&mapping.phase),
        object_type: source.plan.customer.clone(),
        delimiter: args.delimiter.as_ref().and(source.plan.layout).map(|layout| char::from(layout.delimiter)),
        encoding: args.encoding.clone(),
        timezone: args.timezone.as_ref().map(|_| source.plan.zone.clone()),
        ..SourceMap::new(Glob::new(&name))
    })
}

/// Says how a file is going to be read.
pub(crate) fn describe(source: &Source) {
    let plan = &source.plan;
    let by = if source.from_charter { " as the charter says" } else { "" };
    draw::note(&format!("{} ({}){by}", source.path.display(), plan.format.name()));
    for note in &plan.notes {
        // What the charter says is known to whoever wrote it.
        if note.role != Role::Properties && !(source.from_charter && note.sure) {
            let sure = if note.sure { "" } else { "  (a guess: please look)" };
            draw::note(&format!("  {:<12} {} – {}{sure}", note.role.to_string(), note.column, note.why));
        }
    }
}

/// Reads a file as planned; `progress` is told how far it is, in the units of [`Source::size`].
pub(crate) fn read(
    source: &Source,
    sink: &mut dyn Sink,
    progress: &(dyn Fn(u64) + Sync),
    watch: impl FnOnce(Progress),
) -> Result<Summary, ReadFailure> {
    if source.plan.format == Format::Parquet {
        return read_parquet(&source.path, &source.plan, sink, progress).map_err(|error| match error {
            ParquetError::Stopped(stop) => ReadFailure::Stopped(stop.0),
            error => ReadFailure::Broken(with_causes(&error)),
        });
    }
    let file = File::open(&source.path).map_err(|error| ReadFailure::Broken(error.to_string()))?;
    let (counted, bytes) = Counted::new(file);
    watch(bytes);
    let input = Box::new(BufReader::with_capacity(1 << 20, counted));
    listen::read(&source.plan, input, sink).map_err(|error| match error {
        listen::ReadError::Stopped(stop) => ReadFailure::Stopped(stop.0),
        error @ (listen::ReadError::WhichCustomer { .. } | listen::ReadError::NoSuchAttribute { .. }) => {
            ReadFailure::Unsaid(error.to_string())
        }
        error => ReadFailure::Broken(with_causes(&error)),
    })
}

/// Why a file was not read to its end.
pub(crate) enum ReadFailure {
    /// Whoever took the events wanted no more.
    Stopped(Box<dyn std::error::Error + Send + Sync>),
    /// The file is in order, and whoever gave it has to say more.
    Unsaid(String),
    /// The rest of the file cannot be read; what came before has been taken.
    Broken(String),
}
