//! What a live log says was refused: it is in the quarantine before the log's position has moved, once, and in few files.

use std::path::Path;

use lake::{Error, ImportOptions, Origin, Writer};
use listen::{Reason, Rejection, Sink as _};

use crate::home::runtime;

const DAY: &str = "live.2026-11-30";

/// Hands over the refusals at these positions of a log, which ends with them.
async fn refuse(writer: &mut Writer, day: &str, positions: std::ops::Range<u64>) -> Result<(), Error> {
    let origin = Origin::Live { until: Some(positions.end) };
    let mut importer = writer.importer(ImportOptions { origin, ..ImportOptions::default() }).await?;
    importer.begin_file(day)?;
    for position in positions {
        let row = format!("{{\"messageId\":\"m{position}\"}}");
        let (line, reason, detail) = (position + 1, Reason::MissingEvent, "it says not what happened".into());
        importer.reject(&Rejection { line, reason, detail, row: row.as_bytes() }).expect("it is put aside");
    }
    writer.finish(importer).await
}

/// By file of the quarantine: the lines of its rows in the log.
fn refused(home: &Path) -> Vec<(String, Vec<u64>)> {
    let entries = std::fs::read_dir(home.join("quarantine")).expect("a folder");
    let mut files: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    files.sort();
    let line = |row: &str| {
        let row: serde_json::Value = serde_json::from_str(row).unwrap_or_else(|error| panic!("{error}: {row}"));
        row["line"].as_u64().expect("a line")
    };
    let lines = |path: &Path| std::fs::read_to_string(path).expect("text").lines().map(line).collect();
    files.iter().map(|path| (path.file_name().expect("a name").to_string_lossy().into_owned(), lines(path))).collect()
}

#[test]
fn many_parts_of_a_log_with_a_refusal_each_make_one_file_of_a_day() {
    runtime().block_on(async {
        let home = tempfile::tempdir().expect("a folder");
        let mut writer = Writer::new(home.path());
        for position in 0..200 {
            refuse(&mut writer, DAY, position..position + 1).await.expect("committed");
        }
        refuse(&mut writer, "live.2026-12-01", 200..202).await.expect("committed");
        let expected =
            [(format!("{DAY}.jsonl"), (1..=200).collect()), ("live.2026-12-01.jsonl".into(), vec![201, 202])];
        assert_eq!(refused(home.path()), expected);
    });
}

#[test]
fn rows_of_a_log_that_begins_again_are_kept_beside_those_of_the_old_one() {
    runtime().block_on(async {
        let home = tempfile::tempdir().expect("a folder");
        let mut writer = Writer::new(home.path());
        // More than is read at once to see what is there.
        refuse(&mut writer, DAY, 10..1_500).await.expect("committed");
        refuse(&mut writer, DAY, 3..5).await.expect("committed");
        let [(_, lines)] = refused(home.path()).try_into().expect("one file");
        assert_eq!(lines, (11..=1_500).chain([4, 5]).collect::<Vec<_>>());
    });
}
