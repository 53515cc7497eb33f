//! Few customers with large rows: no batch of columns is asked to hold more than there is room for, and nothing is lost.

use std::path::Path;

use event::{Event, Key, Timestamp};
use lake::{ExportFormat, ImportOptions, Lake};
use listen::Sink as _;
use listen::stitch::Rules;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::Compression;
use parquet::file::metadata::RowGroupMetaData;

use crate::home::runtime;

const ROW_BYTES: usize = 100 << 10;

/// Imports events with these numbers, of two accounts and in no order of time.
async fn bring(home: &Path, numbers: std::ops::Range<i64>) {
    bring_rows(home, numbers, ROW_BYTES).await;
}

/// The same of rows that have so many bytes.
async fn bring_rows(home: &Path, numbers: std::ops::Range<i64>, row_bytes: usize) {
    let lake = Lake::open_or_create(home).await.expect("a lake");
    let mut importer = lake.importer(ImportOptions::default()).await.expect("an importer");
    importer.begin_file("large").expect("a file");
    let filling = "x".repeat(row_bytes);
    for n in numbers {
        let (account, name) = (format!("a{}", n % 2), format!("e{n}"));
        let keys = [Key { kind: "user_id", value: &account }];
        let at = Timestamp::from_micros(n * 7919 % 10_007 * 1_000_000);
        let properties = format!(r#"{{"n":{n},"text":"{filling}"}}"#);
        let event = Event { properties: Some(&properties), ..Event::new(&name, at, &keys) };
        importer.event(&event).expect("taken in");
    }
    importer.finish().await.expect("committed");
}

/// The row groups of the files of a bucket.
fn groups(bucket: &Path) -> Vec<RowGroupMetaData> {
    let files = std::fs::read_dir(bucket).expect("a folder").map(|entry| entry.expect("an entry").path());
    let groups = |path| {
        let file = std::fs::File::open(path).expect("a file");
        let builder = ParquetRecordBatchReaderBuilder::try_new(file).expect("Parquet");
        builder.metadata().row_groups().to_vec()
    };
    files.flat_map(groups).collect()
}

/// How many bytes the columns of each are, not compressed.
fn group_bytes(bucket: &Path) -> Vec<i64> {
    groups(bucket).iter().map(RowGroupMetaData::total_byte_size).collect()
}

#[test]
fn what_is_compressed_stays_so_when_it_is_merged() {
    runtime().block_on(async {
        let folder = tempfile::tempdir().expect("a folder");
        let (home, bucket) = (folder.path(), folder.path().join("lake/events/bucket=0"));
        let is_compressed = |group: &RowGroupMetaData| {
            group.columns().iter().any(|column| column.compression() != Compression::UNCOMPRESSED)
        };
        let compressed = || groups(&bucket).iter().map(is_compressed).collect::<Vec<_>>();
        bring_rows(home, 0..10, 1_000).await;
        assert_eq!(compressed(), [false], "it is small");
        for n in 1..8 {
            bring_rows(home, n * 500..(n + 1) * 500, 1_000).await;
        }
        assert_eq!(compressed().iter().filter(|compressed| **compressed).count(), 7);
        // With this one it is time to make one of them all, whose files are small.
        bring_rows(home, 4_000..4_010, 1_000).await;
        assert_eq!(compressed(), [true]);
    });
}

#[test]
fn large_rows_are_imported_merged_and_read() {
    runtime().block_on(async {
        let folder = tempfile::tempdir().expect("a folder");
        let (home, rules) = (folder.path(), Rules::default());
        bring(home, 0..2_000).await;
        bring(home, 1_500..2_500).await;
        let mut lake = Lake::open(home).await.expect("a lake");
        for is_compact in [false, true] {
            if is_compact {
                assert_eq!(lake.compact(&rules).await.expect("compacted").files_after, 1);
            }
            let groups = group_bytes(&home.join("lake/events/bucket=0"));
            assert!(groups.iter().all(|bytes| *bytes <= 130 << 20), "{groups:?}");
            let query =
                "select customer, count(distinct event), sum(length(properties)) from events group by 1 order by 1";
            let rows = lake.sql(query, &rules, &[]).await.expect("an answer").rows;
            let bytes = |account: i64| -> usize {
                let numbers = (0..2_500i64).filter(|n| n % 2 == account);
                numbers.map(|n| ROW_BYTES + r#"{"n":,"text":""}"#.len() + n.to_string().len()).sum()
            };
            let counts: Vec<[String; 2]> =
                rows.into_iter().map(|row| [1, 2].map(|column| row[column].clone().expect("a number"))).collect();
            assert_eq!(counts, [0, 1].map(|account| ["1250".to_owned(), bytes(account).to_string()]));
        }
        let person = lake.person("user_id:a1", &rules).await.expect("read").expect("somebody");
        assert_eq!(person.events.len(), 1_250);
        let out = home.join("out.parquet");
        assert_eq!(lake.export(ExportFormat::Parquet, &out, &rules).await.expect("exported").events, 2_500);
    });
}
