//! After a customer is erased, no byte of any file in the home names it.

use std::path::{Path, PathBuf};

use arrow::util::display::{ArrayFormatter, FormatOptions};
use lake::{Error, ImportOptions, Lake};
use listen::stitch::Rules;
use listen::{Reason, Rejection, Sink};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use crate::home::{Row, import, runtime, spread};

/// Everything of the customer that must go carries one of these, in any case.
const SECRETS: [&str; 6] = ["zq-user", "zq-anon", "zq.mail@", "zq-message", "zq-property", "4930987654"];

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()) {
        if entry.is_dir() { all.extend(files(&entry)) } else { all.push(entry) }
    }
    all
}

/// A file as text: as it is, and what its compressed columns hold.
fn text(path: &Path) -> String {
    let bytes = std::fs::read(path).expect("a file");
    let mut text = String::from_utf8_lossy(&bytes).into_owned();
    if path.extension().is_some_and(|e| e == "parquet") {
        let file = std::fs::File::open(path).expect("a file");
        for batch in ParquetRecordBatchReaderBuilder::try_new(file).expect("Parquet").build().expect("a reader") {
            for column in batch.expect("a batch").columns() {
                let options = FormatOptions::default();
                let shown = ArrayFormatter::try_new(column, &options).expect("every type can be shown");
                text.extend((0..column.len()).map(|row| format!("{}\n", shown.value(row))));
            }
        }
    }
    text.to_lowercase()
}

fn traces(home: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for path in files(home) {
        let text = text(&path);
        let shown = path.strip_prefix(home).expect("inside").display().to_string();
        found.extend(
            SECRETS.iter().filter(|secret| text.contains(*secret)).map(|secret| format!("{secret} in {shown}")),
        );
    }
    found
}

fn row(keys: &[(&'static str, &str)], at: i64) -> Row {
    let keys = keys.iter().map(|(kind, value)| (*kind, (*value).to_owned())).collect();
    Row::new(keys, "visit", at)
}

fn theirs() -> Vec<Row> {
    let mut rows = vec![
        row(&[("user_id", "zq-user"), ("anonymous_id", "zq-anon")], 1),
        row(&[("anonymous_id", "zq-anon"), ("email", "Zq.Mail@Example.com")], 2),
        row(&[("email", "zq.mail@example.com"), ("phone", "+49 (0)30 / 98 76 54")], 3),
        row(&[("user_id", "zq-user"), ("anonymous_id", "kiosk")], 4),
    ];
    for (n, row) in rows.iter_mut().enumerate() {
        row.id = Some(format!("zq-message-{n}"));
        row.properties = Some(r#"{"note":"zq-property"}"#.to_owned());
        row.words[1] = Some("zq-property".to_owned());
    }
    rows
}

async fn reject(home: &Path, rows: &[&str]) {
    let lake = Lake::open(home).await.expect("a lake");
    let mut importer = lake.importer(ImportOptions::default()).await.expect("an importer");
    importer.begin_file("broken.csv").expect("a file");
    for row in rows {
        let rejection = Rejection { line: 1, reason: Reason::ALL[0], detail: "".into(), row: row.as_bytes() };
        importer.reject(&rejection).expect("taken in");
    }
    importer.finish().await.expect("committed");
}

#[test]
fn nothing_of_an_erased_customer_is_left_in_any_file() {
    runtime().block_on(async {
        let home = tempfile::tempdir().expect("a folder");
        let mut first = theirs();
        // Of another customer, but with a key of this one: the link is refused, because it would give it a second user id.
        first.push(row(&[("user_id", "other"), ("email", "ZQ.mail@example.com")], 90));
        first.push(row(&[("user_id", "third"), ("anonymous_id", "kiosk")], 91));
        import(home.path(), &spread(&first)).await;
        import(
            home.path(),
            &theirs()
                .into_iter()
                .map(|row| Row { at: row.at + 1000, id: row.id.map(|id| id + "b"), ..row })
                .collect::<Vec<_>>(),
        )
        .await;
        reject(
            home.path(),
            &["ZQ-user,visit,never", "x,visit,+49 30 987654", "zq-users,visit,never", "other,visit,never"],
        )
        .await;
        assert!(!traces(home.path()).is_empty());
        let lake = Lake::open(home.path()).await.expect("a lake");
        let before = lake.size(&Rules::default()).await.expect("a size");
        drop(lake);
        let mut lake = Lake::open(home.path()).await.expect("a lake");
        // Asked for by another key, written in another way.
        let receipt = lake.erase(("phone", "0049 30 987654"), &Rules::default(), "now").await.expect("erased");
        assert_eq!((receipt.events, receipt.quarantined_rows), (8, 2), "{receipt:?}");
        assert_eq!(receipt.keys.values().sum::<u64>(), 4, "{receipt:?}");
        // The one row of another that only looks alike stays, on purpose.
        let left: Vec<String> =
            traces(home.path()).into_iter().filter(|t| t != "zq-user in quarantine/broken.csv.jsonl").collect();
        assert_eq!(left, Vec::<String>::new());
        let after = lake.size(&Rules::default()).await.expect("a size");
        assert_eq!(
            (before.0 - after.0, before.1),
            (8, after.1 + 1),
            "the kiosk had no events before, and is the third's now"
        );
        let rows = lake
            .sql("select keys from events where event = 'visit' order by at", &Rules::default(), &[])
            .await
            .expect("rows");
        let keys: Vec<_> = rows.rows.into_iter().flatten().flatten().collect();
        assert_eq!(keys, [r#"{"user_id":"other"}"#, r#"{"anonymous_id":"kiosk","user_id":"third"}"#]);
        for (kind, value) in [("user_id", "zq-user"), ("email", "zq.mail@example.com")] {
            let again = lake.erase((kind, value), &Rules::default(), "now").await;
            assert!(matches!(again, Err(Error::NotFound { .. })), "{again:?}");
        }
    });
}
