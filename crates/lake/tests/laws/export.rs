//! What is exported and read again tells the same journeys.

use std::io::BufReader;
use std::path::Path;

use lake::{ExportFormat, ImportOptions, Lake, plan_parquet, read_parquet};
use listen::stitch::Rules;
use listen::{Format, Options};
use proptest::prelude::*;

use crate::home::{Row, import, runtime, sequences};

const FORMATS: [(ExportFormat, Format, &str); 4] = [
    (ExportFormat::Csv, Format::Csv, "log.csv"),
    (ExportFormat::Parquet, Format::Parquet, "log.parquet"),
    (ExportFormat::Xes, Format::Xes, "log.xes"),
    (ExportFormat::OcelJson, Format::OcelJson, "log.jsonocel"),
];

async fn import_file(home: &Path, file: &Path, format: Format) -> lake::Imported {
    let lake = Lake::open_or_create(home).await.expect("a lake");
    let mut importer = lake.importer(ImportOptions::default()).await.expect("an importer");
    importer.begin_file("log").expect("a file");
    let options = Options::default();
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

/// Customer, event, time, words, property.
type Drawn = (String, String, i64, [Option<String>; 5], String);

fn rows() -> impl Strategy<Value = Vec<Row>> {
    let word = || prop::option::of(text());
    let row = (text(), text(), 0..4_000_000_000_000_000i64, [word(), word(), word(), word(), word()], text());
    prop::collection::vec(row, 1..20).prop_map(|rows| {
        let row = |(n, (customer, event, at, words, property)): (i64, Drawn)| Row {
            words,
            properties: Some(serde_json::json!({"n": property, "nested": {"n": [1, property]}}).to_string()),
            ..Row::new(vec![("user_id", customer)], &event, at / 100 * 100 + n)
        };
        (0..).zip(rows).map(row).collect()
    })
}

const WORDS: &str =
    "select event, cast(at as bigint), channel, case_id, phase, department, resource from events order by 2";

async fn words(home: &Path) -> Vec<Vec<Option<String>>> {
    let lake = Lake::open(home).await.expect("a lake");
    lake.sql(WORDS, &Rules::default()).await.expect("rows").rows
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn an_export_read_again_tells_the_same_journeys(rows in rows()) {
        runtime().block_on(async {
            let home = tempfile::tempdir().expect("a folder");
            import(home.path(), &rows).await;
            let (told, expected) = (sequences(home.path()).await, words(home.path()).await);
            let lake = Lake::open(home.path()).await.expect("a lake");
            for (format, read_as, name) in FORMATS {
                let file = home.path().join(name);
                let exported = lake.export(format, &file, &Rules::default()).await.expect("exported");
                prop_assert_eq!(exported.events, rows.len() as u64);
                prop_assert_eq!(exported.customers, told.values().sum::<u64>());
                let other = tempfile::tempdir().expect("a folder");
                let imported = import_file(other.path(), &file, read_as).await;
                prop_assert_eq!(imported.rejected_by_reason().len(), 0, "{:?}", imported.rejected);
                prop_assert_eq!(&sequences(other.path()).await, &told, "{}", name);
                if matches!(format, ExportFormat::Csv | ExportFormat::Parquet) {
                    prop_assert_eq!(&words(other.path()).await, &expected, "{}", name);
                }
            }
            Ok(())
        })?;
    }
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
