//! Files that were damaged on their way: whatever a byte or a cut does to them, reading neither panics nor loses a row
//! without a word.

use event::Event;
use listen::{Format, Options, Rejection, Sink, Stop, plan, read};
use proptest::prelude::*;

const CSV: &str = "user_id;event;at;n\nu1;\"A; \"\"b\"\"\";02/03/2026 09:00;1\nu2;B;31/12/2026 10:00;2,5\n";
const JSONL: &str = r#"{"user_id":1,"event":"A","at":"2026-03-02T09:00:00Z","x":{"y":[1,"\u00e4"]}}
{"user_id":2,"event":"B","at":"2026-03-02T09:00:00Z"}
"#;
const SEGMENT: &str = r#"[{"type":"track","event":"A","userId":"u","timestamp":"2026-03-02T09:00:00Z","properties":{"a":1}},
{"type":"identify","anonymousId":"a","sentAt":"2026-03-02T09:00:00Z","receivedAt":"2026-03-02T10:00:00Z","traits":{"p":"x"}}]"#;
const XES: &str = r#"<?xml version="1.0"?><log><trace><string key="concept:name" value="c"/><event><string key="concept:name" value="A">
<int key="n" value="1"/></string><date key="time:timestamp" value="2026-03-02T09:00:00Z"/><list key="l"><values><int key="a" value="1"/></values></list></event></trace></log>"#;
const OCEL_JSON: &str = r#"{"objectTypes":[{"name":"C"}],"eventTypes":[{"name":"A","attributes":[{"name":"n","type":"integer"}]}],
"objects":[{"id":"c","type":"C"}],"events":[{"id":"e","type":"A","time":"2026-03-02T09:00:00Z","attributes":[{"name":"n","value":"1"}],"relationships":[{"objectId":"c","qualifier":"q"}]}]}"#;
const OCEL_XML: &str = r#"<log><event-types><event-type name="A"><attributes><attribute name="n" type="integer"/></attributes></event-type></event-types>
<objects><object id="c" type="C"/></objects><events><event id="e" type="A" time="2026-03-02T09:00:00Z"><attributes><attribute name="n">1</attribute></attributes>
<objects><relationship object-id="c" qualifier="q"/></objects></event></events></log>"#;

/// An OCEL 2.0 database with one event.
fn sqlite() -> Vec<u8> {
    let database = rusqlite::Connection::open_in_memory().expect("memory");
    let tables = r"create table event_map_type (ocel_type, ocel_type_map); insert into event_map_type values ('A', 'A');
        create table object_map_type (ocel_type, ocel_type_map); insert into object_map_type values ('C', 'C');
        create table event (ocel_id, ocel_type); insert into event values ('e', 'A');
        create table object (ocel_id, ocel_type); insert into object values ('c', 'C');
        create table event_A (ocel_id, ocel_time, n integer); insert into event_A values ('e', '2026-03-02 09:00:00', 1);
        create table object_C (ocel_id, ocel_time, ocel_changed_field);
        create table event_object (ocel_event_id, ocel_object_id, ocel_qualifier); insert into event_object values ('e', 'c', 'q');";
    database.execute_batch(tables).expect("valid SQL");
    database.serialize("main").expect("memory").to_vec()
}

#[derive(Default)]
struct Counted {
    events: u64,
    rejected: u64,
}

impl Sink for Counted {
    fn event(&mut self, event: &Event<'_>) -> Result<(), Stop> {
        self.events += 1;
        let is_about = |properties: &str| properties.contains("\"objects\":[");
        assert!(!event.event.is_empty() && (!event.keys.is_empty() || event.properties.is_some_and(is_about)));
        Ok(())
    }

    fn reject(&mut self, rejection: &Rejection<'_>) -> Result<(), Stop> {
        self.rejected += 1;
        assert!(rejection.line > 0 && !rejection.detail.is_empty());
        Ok(())
    }
}

/// Reads a file as the program does; says how many events there were, if all went well.
fn check(bytes: &[u8]) -> Option<u64> {
    let format = Format::detect("file", bytes).ok()?;
    let plan = plan(format, bytes, &Options::default()).ok()?;
    let mut counted = Counted::default();
    let summary = read(&plan, Box::new(bytes), &mut counted).ok()?;
    let passed_over: u64 = summary.passed_over.values().sum();
    assert_eq!((summary.events, summary.rejected_total()), (counted.events, counted.rejected));
    assert!(summary.rows <= counted.events + counted.rejected + passed_over, "a row is lost: {summary:?}");
    Some(summary.events)
}

#[test]
fn the_files_are_readable_as_long_as_nothing_happens_to_them() {
    let texts = [CSV, JSONL, SEGMENT, XES, OCEL_JSON, OCEL_XML].map(|text| check(text.as_bytes()));
    assert_eq!(texts, [Some(2), Some(2), Some(2), Some(1), Some(1), Some(1)]);
    assert_eq!(check(&sqlite()), Some(1));
}

proptest! {
    #[test]
    fn damaged_texts_neither_panic_nor_lose_rows(
        which in 0..6_usize,
        damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        cut in proptest::option::of(any::<prop::sample::Index>()),
    ) {
        let mut bytes = [CSV, JSONL, SEGMENT, XES, OCEL_JSON, OCEL_XML][which].as_bytes().to_vec();
        for (at, byte) in damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        check(&bytes);
    }

    #[test]
    fn damaged_databases_do_not_panic(damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..20)) {
        let mut bytes = sqlite();
        for (at, byte) in damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        check(&bytes);
    }

    #[test]
    fn damaged_archives_do_not_panic(at in any::<prop::sample::Index>(), byte in any::<u8>(), zstd in any::<bool>()) {
        let mut bytes = if zstd {
            zstd::encode_all(CSV.as_bytes(), 1).expect("memory")
        } else {
            let mut encoder = flate2::read::GzEncoder::new(CSV.as_bytes(), flate2::Compression::fast());
            let mut bytes = Vec::new();
            std::io::Read::read_to_end(&mut encoder, &mut bytes).expect("memory");
            bytes
        };
        let at = at.index(bytes.len());
        bytes[at] = byte;
        check(&bytes);
    }
}
