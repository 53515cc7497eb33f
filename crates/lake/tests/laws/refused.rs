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
        for position in 0..50 {
            refuse(&mut writer, DAY, position..position + 1).await.expect("committed");
        }
        refuse(&mut writer, "live.2026-12-01", 50..52).await.expect("committed");
        let expected = [(format!("{DAY}.jsonl"), (1..=50).collect()), ("live.2026-12-01.jsonl".into(), vec![51, 52])];
        assert_eq!(refused(home.path()), expected);
    });
}

#[test]
fn what_was_refused_is_put_aside_before_the_position_moves_and_once() {
    runtime().block_on(async {
        let home = tempfile::tempdir().expect("a folder");
        let folder = home.path().join("quarantine");
        let mut writer = Writer::new(home.path());
        refuse(&mut writer, DAY, 0..1).await.expect("committed");
        // In the way of the folder: nothing can be put aside, as on a full disk.
        std::fs::rename(&folder, home.path().join("away")).expect("moved");
        std::fs::write(&folder, b"").expect("written");
        assert!(refuse(&mut writer, DAY, 1..3).await.is_err());
        std::fs::remove_file(&folder).expect("removed");
        std::fs::rename(home.path().join("away"), &folder).expect("moved");
        let writer = Writer::new(home.path());
        assert_eq!(writer.log_position().await.expect("a position"), 1, "the part is told again");
        // A process that died after it put some of them aside, the last one half.
        let path = folder.join(format!("{DAY}.jsonl"));
        let kept = std::fs::read(&path).expect("a file");
        refuse(&mut Writer::new(home.path()), DAY, 1..4).await.expect("committed");
        let whole = std::fs::read(&path).expect("a file");
        for cut in [kept.len() + 1, whole.len() - 1, whole.len()] {
            let home = tempfile::tempdir().expect("a folder");
            let mut writer = Writer::new(home.path());
            refuse(&mut writer, DAY, 0..1).await.expect("committed");
            std::fs::write(home.path().join("quarantine").join(format!("{DAY}.jsonl")), &whole[..cut])
                .expect("written");
            refuse(&mut writer, DAY, 1..6).await.expect("committed");
            assert_eq!(refused(home.path())[0].1, [1, 2, 3, 4, 5, 6], "cut at {cut}");
        }
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
