//! What is exported and read again tells the same journeys.

use std::collections::BTreeMap;
use std::io::BufReader;
use std::path::Path;

use lake::{ExportFormat, ImportOptions, Lake, plan_parquet, read_parquet};
use listen::stitch::Rules;
use listen::{Format, Options};
use proptest::prelude::*;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use crate::home::{Row, import, runtime, sequences};

const FORMATS: [(Format, &str); 6] = [
    (Format::Csv, "log.csv"),
    (Format::Parquet, "log.parquet"),
    (Format::Xes, "log.xes.gz"),
    (Format::OcelJson, "log.jsonocel"),
    (Format::OcelXml, "log.xml.gz"),
    (Format::OcelSqlite, "log.sqlite"),
];

fn format_of(name: &str) -> ExportFormat {
    ExportFormat::of_name(Path::new(name)).expect("a known ending")
}

async fn import_file(home: &Path, file: &Path, format: Format) -> lake::Imported {
    let lake = Lake::open_or_create(home).await.expect("a lake");
    let mut importer = lake.importer(ImportOptions::default()).await.expect("an importer");
    importer.begin_file("log").expect("a file");
    let is_ocel = matches!(format, Format::OcelJson | Format::OcelXml | Format::OcelSqlite);
    let options = Options { customer: is_ocel.then(|| "customer".to_owned()), ..Options::default() };
    if format == Format::Parquet {
        let plan = plan_parquet(file, &options).expect("a plan");
        read_parquet(file, &plan, &mut importer, &|_| {}).expect("read");
    } else {
        let bytes = std::fs::read(file).expect("a file");
        let plan = listen::plan(format, &bytes, &options).expect("a plan");
        listen::read(&plan, Box::new(BufReader::new(bytes.as_slice())), &mut importer).expect("read");
    }
    importer.finish().await.expect("committed").1
}

/// Texts that formats have to write in other ways than they are. XML cannot say most control characters, and NUL is no
/// text anywhere, so those are tested apart.
const PIECES: [&str; 21] = [
    "a",
    "Ü",
    "日本",
    "🛒",
    "👩\u{200d}👧",
    "\"",
    "'",
    ",",
    ";",
    "<b>",
    "&amp;",
    "]]>",
    "{",
    "\\",
    "\\n",
    "\n",
    "\r\n",
    "\t",
    "\u{202e}",
    "e\u{301}",
    "x y",
];

fn text() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(&PIECES[..]), 0..5).prop_map(|pieces| format!("v{}w", pieces.concat()))
}

/// Kinds of keys, some of which have the same values.
const KINDS: [&str; 3] = ["user_id", "case", "device"];

fn customer() -> impl Strategy<Value = (&'static str, String)> {
    let value =
        prop_oneof![prop::sample::select(vec!["a", "b", "case:a", "user_id:a"]).prop_map(str::to_owned), text()];
    (prop::sample::select(&KINDS[..]), value)
}

/// Type, id and qualifier of what else an event is about; ids are those of customers, too.
fn objects() -> impl Strategy<Value = Vec<[String; 3]>> {
    let type_name = prop::sample::select(vec!["order", "Item", "customer"]).prop_map(str::to_owned);
    let id = prop_oneof![prop::sample::select(vec!["a", "b", "order:a"]).prop_map(str::to_owned), text()];
    prop::collection::vec((type_name, id, text()).prop_map(|(kind, id, qualifier)| [kind, id, qualifier]), 0..3)
}

/// Customer, event, time, words, text, numbers, objects.
type Drawn = ((&'static str, String), String, i64, [Option<String>; 5], String, (i64, f64, bool), Vec<[String; 3]>);

fn rows() -> impl Strategy<Value = Vec<Row>> {
    let word = || prop::option::of(text());
    let words = [word(), word(), word(), word(), word()];
    let numbers = (any::<i64>(), prop::num::f64::NORMAL, any::<bool>());
    let row = (customer(), text(), 0..4_000_000_000_000_000i64, words, text(), numbers, objects());
    prop::collection::vec(row, 1..20).prop_map(|rows| {
        let row = |(n, (customer, event, at, words, text, numbers, objects)): (i64, Drawn)| {
            let object = |[kind, id, qualifier]: [String; 3]| json!({"type": kind, "id": id, "qualifier": qualifier});
            let (integer, float, truth) = numbers;
            let properties = json!({
                "Text": text, "text": text, "integer": integer, "float": float, "truth": truth, "ocel_id": text,
                "nested": {"n": [1, text]}, "objects": objects.into_iter().map(object).collect::<Vec<_>>(),
            });
            Row {
                words,
                properties: Some(properties.to_string()),
                ..Row::new(vec![customer], &event, at / 100 * 100 + n)
            }
        };
        (0..).zip(rows).map(row).collect()
    })
}

const WORDS: &str =
    "select event, cast(at as bigint), channel, case_id, phase, department, resource from events order by 2";
const PROPERTIES: &str = "select properties from events order by at";

async fn ask(home: &Path, query: &str) -> Vec<Vec<Option<String>>> {
    let lake = Lake::open(home).await.expect("a lake");
    lake.sql(query, &Rules::default(), &[]).await.expect("rows").rows
}

/// The properties of every event, in order of time. Formats that have no room for what is nested give the text of its JSON,
/// and OCEL says what an event is about in a way of its own.
async fn properties(home: &Path, nested: bool) -> Vec<Map<String, Value>> {
    let parse = |row: Vec<Option<String>>| {
        let text = row[0].as_deref().expect("properties");
        let mut parsed: Map<String, Value> = serde_json::from_str(text).expect("JSON");
        // `serde_json` may read a float as its neighbour, and differently so where it is written with other digits.
        let raw: BTreeMap<String, &RawValue> = serde_json::from_str(text).expect("JSON");
        let exact: f64 = raw["float"].get().parse().expect("a number");
        parsed.insert("float".to_owned(), exact.to_string().into());
        parsed
    };
    let mut all: Vec<Map<String, Value>> = ask(home, PROPERTIES).await.into_iter().map(parse).collect();
    for one in &mut all {
        one.remove("objects");
        if !nested {
            one.values_mut().filter(|v| v.is_object()).for_each(|value| *value = value.to_string().into());
        }
    }
    all
}

/// The names of columns of the database differ without regard to case, and none is one of its own.
fn renamed(name: &str, format: Format) -> &str {
    match (name, format) {
        ("text", Format::OcelSqlite) => "text_2",
        ("ocel_id", Format::OcelJson | Format::OcelXml | Format::OcelSqlite) => "properties.ocel_id",
        (name, _) => name,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    #[test]
    fn an_export_read_again_tells_the_same_journeys(rows in rows()) {
        runtime().block_on(async {
            let home = tempfile::tempdir().expect("a folder");
            import(home.path(), &rows).await;
            let (told, expected) = (sequences(home.path()).await, ask(home.path(), WORDS).await);
            let lake = Lake::open(home.path()).await.expect("a lake");
            for (format, name) in FORMATS {
                let file = home.path().join(name);
                let exported = lake.export(format_of(name), &file, &Rules::default()).await.expect("exported");
                prop_assert_eq!(exported.events, rows.len() as u64);
                prop_assert_eq!(exported.customers, told.values().sum::<u64>());
                let other = tempfile::tempdir().expect("a folder");
                let imported = import_file(other.path(), &file, format).await;
                prop_assert_eq!(imported.rejected_by_reason().len(), 0, "{:?}", imported.rejected);
                prop_assert_eq!(&sequences(other.path()).await, &told, "{}", name);
                let is_table = matches!(format, Format::Csv | Format::Parquet);
                if is_table {
                    prop_assert_eq!(&ask(other.path(), WORDS).await, &expected, "{}", name);
                }
                let found = properties(other.path(), is_table).await;
                for (one, found) in properties(home.path(), is_table).await.iter().zip(found) {
                    for (key, value) in one {
                        prop_assert_eq!(found.get(renamed(key, format)), Some(value), "{}: {} in {:?}", name, key, found);
                    }
                }
            }
            let left = |entry: std::io::Result<std::fs::DirEntry>| entry.expect("an entry").file_name();
            let mut left: Vec<_> = std::fs::read_dir(home.path()).expect("a folder").map(left).collect();
            left.retain(|name| name.to_string_lossy().starts_with("log."));
            prop_assert_eq!(left.len(), FORMATS.len(), "{:?}", left);
            Ok(())
        })?;
    }
}

/// Ids that are unique within a customer, a type or a file may clash in one log: each keeps being another one.
#[test]
fn ocel_says_of_ids_that_clash_which_is_which() {
    runtime().block_on(async {
        let home = tempfile::tempdir().expect("a folder");
        let about = |kind: &str| Some(json!({"objects": [{"id": "7", "type": kind}]}).to_string());
        let row = |kind, customer: &str, at, about| Row {
            id: Some("e1".to_owned()),
            properties: about,
            ..Row::new(vec![(kind, customer.to_owned())], "visit", at)
        };
        let rows =
            [row("user_id", "7", 1, about("order")), row("user_id", "8", 2, about("item")), row("case", "7", 3, None)];
        import(home.path(), &rows).await;
        let file = home.path().join("log.jsonocel");
        let lake = Lake::open(home.path()).await.expect("a lake");
        lake.export(ExportFormat::OcelJson, &file, &Rules::default()).await.expect("exported");
        let log: Value = serde_json::from_slice(&std::fs::read(&file).expect("a file")).expect("JSON");
        let ids =
            |of: &str| log[of].as_array().expect("a list").iter().map(|one| one["id"].clone()).collect::<Vec<_>>();
        assert_eq!(ids("events"), ["e1", "e1#2", "e1#3"]);
        // `user_id:7` is about an order 7, which is not the customer.
        assert_eq!(ids("objects"), ["user_id:7", "8", "case:7", "7"]);
    });
}

#[test]
fn what_xml_cannot_say_is_replaced_and_the_rest_stays() {
    runtime().block_on(async {
        let home = tempfile::tempdir().expect("a folder");
        let row = Row::new(vec![("user_id", "u\u{1}".to_owned())], "a\u{8}b\u{fffe}c\u{85}d", 1);
        import(home.path(), &[row]).await;
        let file = home.path().join("log.xes");
        Lake::open(home.path())
            .await
            .expect("a lake")
            .export(ExportFormat::Xes, &file, &Rules::default())
            .await
            .expect("exported");
        let other = tempfile::tempdir().expect("a folder");
        import_file(other.path(), &file, Format::Xes).await;
        let told = sequences(other.path()).await;
        assert_eq!(told.into_keys().collect::<Vec<_>>(), [vec![("a\u{fffd}b\u{fffd}c\u{85}d".to_owned(), 1)]]);
    });
}
