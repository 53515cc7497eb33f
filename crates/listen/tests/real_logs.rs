//! Real logs that others have counted: each is read as anybody's file would be, and must give the same numbers.
//!
//! The files are not part of the project; where they are missing, the tests say so and prove nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use event::Event;
use listen::{Format, Mapping, Options, Rejection, Sink, Stop, Summary, plan, read};
use serde_json::Value;

/// The folder with the files; `None`, said aloud, where it is missing.
#[expect(clippy::print_stderr, reason = "a test that proves nothing has to say so")]
fn data() -> Option<PathBuf> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    if !folder.is_dir() {
        eprintln!("skipped: {} is missing", folder.display());
        return None;
    }
    Some(folder)
}

/// What was read, counted.
#[derive(Default)]
struct Tally {
    events: BTreeMap<String, u64>,
    customers: BTreeSet<String>,
    cases: BTreeSet<String>,
    first: Option<event::Timestamp>,
    last: Option<event::Timestamp>,
    lines: Vec<String>,
    rejected: Vec<String>,
}

impl Sink for Tally {
    fn event(&mut self, event: &Event<'_>) -> Result<(), Stop> {
        *self.events.entry(event.event.to_owned()).or_default() += 1;
        self.customers.extend(event.keys.first().map(|key| key.value.to_owned()));
        self.cases.extend(event.case_id.map(str::to_owned));
        self.first = Some(self.first.map_or(event.at, |first| first.min(event.at)));
        self.last = self.last.max(Some(event.at));
        let keys: Vec<&str> = event.keys.iter().map(|key| key.value).collect();
        let mut line = format!(
            "{} {} {keys:?} {:?} {:?} {:?}",
            event.at, event.event, event.resource, event.department, event.phase
        );
        line.push_str(event.properties.unwrap_or_default());
        self.lines.push(line);
        if let Some(properties) = event.properties {
            serde_json::from_str::<serde_json::Map<String, Value>>(properties).expect("properties are a JSON object");
        }
        Ok(())
    }

    fn reject(&mut self, rejection: &Rejection<'_>) -> Result<(), Stop> {
        self.rejected.push(format!("{}: {}", rejection.line, rejection.reason));
        Ok(())
    }
}

fn tally(path: &Path, options: &Options) -> (Tally, Summary) {
    let bytes = fs::read(path).expect("readable");
    let format = Format::detect(&path.to_string_lossy(), &bytes).expect("a known format");
    let plan = plan(format, &bytes[..bytes.len().min(1 << 20)], options).expect("a plan");
    let mut tally = Tally::default();
    let file = fs::File::open(path).expect("readable");
    let summary = read(&plan, Box::new(BufReader::new(file)), &mut tally).expect("readable");
    assert_eq!(summary.events, tally.events.values().sum::<u64>());
    (tally, summary)
}

fn map(text: &str) -> Options {
    Options { map: Mapping::parse_map(text).expect("a map"), ..Options::default() }
}

fn reference(folder: &Path, file: &str) -> Value {
    let text = fs::read_to_string(folder.join("reference").join(file)).expect("readable");
    serde_json::from_str(&text).expect("JSON")
}

#[test]
fn xes_logs_have_the_published_counts() {
    let Some(folder) = data() else { return };
    let reference = reference(&folder, "event_logs.json");
    let logs = reference.as_object().expect("an object");
    assert!(logs.len() >= 6);
    for (name, expected) in logs {
        let (tally, summary) = tally(&folder.join(name), &Options::default());
        assert_eq!(Some(summary.events), expected["events"].as_u64(), "{name}");
        assert_eq!(Some(tally.customers.len() as u64), expected["cases"].as_u64(), "{name}");
        assert_eq!(summary.rejected_total(), 0, "{name}");
        assert_eq!(Some(tally.events.len() as u64), expected["activities"].as_u64(), "{name}");
        let counts = expected["activity_counts"].as_object().expect("counts");
        for (activity, count) in counts {
            assert_eq!(tally.events.get(activity).copied(), count.as_u64(), "{name}: {activity}");
        }
        for (key, at) in [("first_event", tally.first), ("last_event", tally.last)] {
            let expected = expected[key].as_str().expect("a time").replace(' ', "T");
            let expected: jiff::Timestamp = expected.parse().expect("a time");
            assert_eq!(at.map(event::Timestamp::to_jiff), Some(expected), "{name}: {key}");
        }
    }
}

#[test]
fn the_same_log_as_csv_and_as_xes_gives_the_same_events() {
    let Some(folder) = data() else { return };
    for (xes, csv) in [
        ("receipt_wabo/receipt.xes.gz", "receipt_wabo/receipt.csv"),
        ("pm4py_example_logs/running-example.xes", "pm4py_example_logs/running-example.csv"),
        ("pm4py_example_logs/01_running-example.xes.gz", "pm4py_example_logs/running-example.csv"),
    ] {
        let [(xes, _), (csv, _)] = [xes, csv].map(|name| tally(&folder.join(name), &Options::default()));
        let short = |line: &String| line.split('{').next().unwrap_or_default().to_owned();
        let sorted = |lines: &[String]| {
            let mut short: Vec<String> = lines.iter().map(short).collect();
            short.sort_unstable();
            short
        };
        assert_eq!(sorted(&xes.lines), sorted(&csv.lines));
        assert!(csv.rejected.is_empty());
    }
}

#[test]
fn tickets_belong_to_customers_who_have_many() {
    let Some(folder) = data() else { return };
    let options = Options { customer: Some("customer".to_owned()), ..Options::default() };
    let (tally, _) = tally(&folder.join("helpdesk_italian/helpdesk.xes.gz"), &options);
    assert_eq!((tally.cases.len(), tally.customers.len()), (4580, 397));
}

#[test]
fn tables_have_the_published_counts() {
    let Some(folder) = data() else { return };
    let (tickets, _) = tally(&folder.join("helpdesk_italian/helpdesk_verenich2016.csv"), &Options::default());
    assert_eq!((tickets.lines.len(), tickets.customers.len(), tickets.rejected.len()), (13_710, 3_804, 0));
    let tables = reference(&folder, "tables.json");
    let options = map("event='Booking',customer='guest',at=reservation_status_date,channel=distribution_channel");
    let (bookings, summary) = tally(&folder.join("hotel_bookings/hotel_bookings.csv.gz"), &options);
    assert_eq!(Some(summary.rows), tables["hotel_bookings"]["rows"].as_u64());
    assert!(bookings.rejected.is_empty());
}

#[test]
fn object_centric_logs_are_the_same_in_every_form() {
    let Some(folder) = data() else { return };
    // The same events, as moments in JSON and as what clocks in Central Europe showed in XML and SQLite.
    let zone = jiff::tz::TimeZone::get("Europe/Berlin").expect("bundled");
    let read_as = |end: &str, customer: &str| {
        let options = Options { customer: Some(customer.to_owned()), zone: zone.clone(), ..Options::default() };
        let (tally, summary) = tally(&folder.join("ocel").join(end), &options);
        let mut lines = tally.lines;
        lines.sort_unstable();
        (lines, tally.rejected.len(), summary.rows)
    };
    let count = |name: &str, part: &str| {
        let json: Value =
            serde_json::from_slice(&fs::read(folder.join("ocel").join(name)).expect("readable")).expect("JSON");
        match &json[part] {
            Value::Array(list) => list.len() as u64,
            Value::Object(map) => map.len() as u64,
            other => panic!("{part} is {other}"),
        }
    };
    let json = read_as("ocel20_example.jsonocel", "Purchase Order");
    assert_eq!(json.2, count("ocel20_example.jsonocel", "events"));
    assert!(!json.0.is_empty());
    assert_eq!(json, read_as("ocel20_example.xmlocel", "Purchase Order"));
    assert_eq!(json, read_as("ocel20_example.sqlite", "Purchase Order"));
    let old = read_as("example_log.jsonocel", "order");
    assert_eq!(old.2, count("example_log.jsonocel", "ocel:events"));
    let short = |(lines, rejected, rows): (Vec<String>, usize, u64)| {
        let short: Vec<String> =
            lines.iter().map(|line| line.split('{').next().unwrap_or_default().to_owned()).collect();
        (short, rejected, rows)
    };
    let old = short(old);
    assert_eq!(old, short(read_as("example_log.xmlocel", "order")));
    assert_eq!(old, short(read_as("example_log.sqlite", "order")));
    let (lines, _, rows) = read_as("newocel.jsonocel", "order");
    assert_eq!(rows, count("newocel.jsonocel", "ocel:events"));
    assert!(!lines.is_empty());
}
