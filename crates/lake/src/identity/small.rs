//! The files of small tables: rows that are added, rows that take the place of all others.

use std::path::{Path, PathBuf};

use arrow::array::RecordBatch;
use deltalake_core::kernel::Add;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::{EnabledStatistics, WriterProperties};

use crate::error::Error;
use crate::limits::SMALL_BATCH_ROWS;
use crate::open_file::OpenFile;
use crate::run_file::{GroupReader, GroupWriter, Places};
use crate::schema::{Column, arrow_schema};
use crate::table::{Purpose, Table, add_entry, due};

/// All rows of a small table; none where there is no table yet.
pub(crate) async fn read_all(table: Option<&Table>) -> Result<Vec<RecordBatch>, Error> {
    read_columns(table, None).await
}

/// The same with these columns alone, by position.
pub(crate) async fn read_columns(table: Option<&Table>, columns: Option<&[usize]>) -> Result<Vec<RecordBatch>, Error> {
    let mut batches = Vec::new();
    let gather = |batch| {
        batches.push(batch);
        Ok(())
    };
    read_each(table, columns, gather).await?;
    Ok(batches)
}

/// The same, one batch after the other.
pub(super) async fn read_each(
    table: Option<&Table>,
    columns: Option<&[usize]>,
    mut each: impl FnMut(RecordBatch) -> Result<(), Error>,
) -> Result<(), Error> {
    let Some(table) = table else { return Ok(()) };
    let paths = match table.prepared() {
        Some(version) => vec![name_of(version)],
        None => table.files().await?.into_iter().map(|file| file.path).collect(),
    };
    // The first file holds what took the place of all others last. Is it newer than the events know, then so are the
    // customers that it says rows are filed under.
    if paths.first().is_some_and(|first| *first > name_of(table.replaced().unwrap_or(FIRST_VERSION))) {
        return Err(Error::Overtaken);
    }
    for path in paths {
        for batch in read_file(&table.root().join(path), columns)? {
            each(batch?)?;
        }
    }
    Ok(())
}

/// Adds rows to a small table, so many, in one file with those of its latest files that are due for it. Gives these, to be deleted
/// once the events are committed: whoever has opened the table before finds then that there is a newer one.
///
/// The first file stays by itself, because its name says since when it counts.
pub(crate) async fn append(
    table: &mut Table,
    columns: &[Column],
    batches: impl Iterator<Item = Result<RecordBatch, Error>>,
    rows: usize,
) -> Result<Vec<PathBuf>, Error> {
    let files = table.files().await?;
    let later = files.get(1..).unwrap_or_default();
    let due = &later[later.len() - due(later, rows as u64)..];
    let old = due.iter().map(|file| read_file(&table.root().join(&file.path), None)).collect::<Result<Vec<_>, _>>()?;
    let all = old.into_iter().flatten().chain(batches);
    // The schema that they were read by is that of the file, not ours.
    let ours = |batch: Result<_, Error>| {
        let batch: RecordBatch = batch?;
        Ok(RecordBatch::try_new(arrow_schema(columns), batch.columns().to_vec())?)
    };
    let add = write_small(table, columns, all.map(ours))?;
    table.commit(Purpose::Append, vec![add], due.iter().map(|file| file.remove.clone()).collect(), &[]).await?;
    Ok(due.iter().map(|file| table.root().join(&file.path)).collect())
}

/// The rows of a file of a small table, or these columns of them, in batches that have room for them.
fn read_file(path: &Path, columns: Option<&[usize]>) -> Result<GroupReader, Error> {
    let places = Places::of_any(&OpenFile::open(path)?)?;
    let all: Vec<usize> = (0..places.columns()).collect();
    Ok(places.read(columns.unwrap_or(&all), None).with_batch_rows(SMALL_BATCH_ROWS))
}

/// Writes rows that will take the place of all others of a small table, once a commit of the events has named the version
/// that this gives.
pub(super) fn prepare(
    table: &Table,
    columns: &[Column],
    batches: impl Iterator<Item = Result<RecordBatch, Error>>,
) -> Result<i64, Error> {
    write_small(table, columns, batches)?;
    Ok(table.next_version())
}

/// Puts prepared rows in the place of all others of a small table, and deletes the files that held those. Does nothing when
/// the table has that version already.
pub(crate) async fn complete(table: &mut Table, version: i64) -> Result<(), Error> {
    if table.next_version() > version {
        return Ok(());
    }
    let name = name_of(version);
    let path = table.root().join(&name);
    let rows = Places::of_any(&OpenFile::open(&path)?)?.rows();
    let add = add_entry(table.root(), name, None, serde_json::json!({"numRecords": rows}).to_string(), true)?;
    let old = table.files().await?;
    table.commit(Purpose::Erase, vec![add], old.iter().map(|file| file.remove.clone()).collect(), &[]).await?;
    for file in old {
        let path = table.root().join(&file.path);
        std::fs::remove_file(&path).map_err(Error::file("delete", &path))?;
    }
    Ok(())
}

/// The version of the first rows of a table; 0 makes the table.
const FIRST_VERSION: i64 = 1;

fn name_of(version: i64) -> String {
    format!("{version:012}.parquet")
}

fn write_small(
    table: &Table,
    columns: &[Column],
    batches: impl Iterator<Item = Result<RecordBatch, Error>>,
) -> Result<Add, Error> {
    let name = name_of(table.next_version());
    let path = table.root().join(&name);
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(1).expect("1 is a level of zstd")))
        .set_statistics_enabled(EnabledStatistics::None)
        .build();
    let mut writer = GroupWriter::create(&path, columns, properties)?;
    let mut rows = 0;
    for batch in batches {
        let batch = batch?;
        rows += batch.num_rows();
        writer.write(&batch)?;
    }
    writer.finish(&path)?;
    add_entry(table.root(), name, None, serde_json::json!({"numRecords": rows}).to_string(), true)
}
