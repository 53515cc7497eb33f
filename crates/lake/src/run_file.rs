//! A run: one Parquet file of events of one bucket, sorted by (customer, at, seq).
//!
//! What every fold reads (customer, at, event) is encoded for decoding speed: differences bit-packed, words as dictionaries,
//! no compression on top. Measured on 10 M events: 65 MB and 0.07 CPU seconds to read and decode, against 76 MB and 0.13
//! for plain times under zstd. What is read seldom is compressed.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, new_null_array};
use arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef, TimestampMicrosecondType};
use event::Timestamp;
use parquet::arrow::ArrowWriter;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder, RowSelection,
};
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::column::page::{Page, PageReader};
use parquet::file::metadata::{PageIndexPolicy, ParquetMetaData, RowGroupMetaData};
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::serialized_reader::SerializedPageReader;
use parquet::file::statistics::Statistics;
use parquet::schema::types::ColumnPath;

use crate::error::Error;
use crate::limits::{BATCH_BYTES, BATCH_ROWS, ROW_GROUP_BYTES, ROW_GROUP_ROWS};
use crate::open_file::OpenFile;
use crate::portions::{portions, text_bytes};
use crate::schema::{Column, EVENTS, arrow_schema, event_column};

/// Columns that many folds read: not compressed, because decompressing them would cost more than the fold.
const HOT: [&str; 5] = ["customer", "at", "seq", "event", "channel"];

fn properties(compressed: bool) -> WriterProperties {
    let zstd = Compression::ZSTD(ZstdLevel::try_new(1).expect("1 is a level of zstd"));
    let mut builder = WriterProperties::builder()
        .set_compression(if compressed { zstd } else { Compression::UNCOMPRESSED })
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        // Text in statistics would keep a copy of personal data in every footer.
        .set_statistics_enabled(EnabledStatistics::None)
        .set_created_by("desireline".to_owned());
    for name in HOT {
        builder = builder.set_column_compression(ColumnPath::from(name), Compression::UNCOMPRESSED);
    }
    for name in ["customer", "at", "seq"] {
        builder = builder
            .set_column_dictionary_enabled(ColumnPath::from(name), false)
            .set_column_encoding(ColumnPath::from(name), Encoding::DELTA_BINARY_PACKED)
            .set_column_statistics_enabled(ColumnPath::from(name), EnabledStatistics::Chunk);
    }
    // Distinct in every row, and without pattern: neither a dictionary nor compression would help.
    builder = builder
        .set_column_dictionary_enabled(ColumnPath::from("message_id"), false)
        .set_column_compression(ColumnPath::from("message_id"), Compression::UNCOMPRESSED);
    if !compressed {
        // Of a few rows nearly each is of somebody else.
        builder = builder.set_column_dictionary_enabled(ColumnPath::from("keys"), false);
    }
    builder.build()
}

/// Writes row groups of which none has more text than a column has room for when it is read, however often a text is repeated.
pub(crate) struct GroupWriter {
    writer: ArrowWriter<File>,
    /// Text in the row group that is being written.
    group_bytes: usize,
}

impl GroupWriter {
    /// Starts to write rows of these columns into a new file.
    pub(crate) fn create(path: &Path, columns: &[Column], properties: WriterProperties) -> Result<Self, Error> {
        let file = File::create(path).map_err(Error::file("make", path))?;
        // Without the embedded Arrow schema every Delta reader copes with the file.
        let options = ArrowWriterOptions::new().with_properties(properties).with_skip_arrow_metadata(true);
        let writer = ArrowWriter::try_new_with_options(file, arrow_schema(columns), options)?;
        Ok(Self { writer, group_bytes: 0 })
    }

    /// Appends rows.
    pub(crate) fn write(&mut self, batch: &RecordBatch) -> Result<(), Error> {
        for portion in portions(batch, BATCH_BYTES) {
            self.group_bytes += text_bytes(&portion, 0..portion.num_rows());
            self.writer.write(&portion)?;
            if self.writer.in_progress_rows() == 0 {
                self.group_bytes = 0;
            } else if self.group_bytes > ROW_GROUP_BYTES - BATCH_BYTES {
                self.writer.flush()?;
                self.group_bytes = 0;
            }
        }
        Ok(())
    }

    /// Closes the file and makes it durable.
    pub(crate) fn finish(self, path: &Path) -> Result<(), Error> {
        self.writer.into_inner()?.sync_all().map_err(Error::file("sync", path))
    }
}

/// Writes one run.
pub(crate) struct RunWriter {
    writer: GroupWriter,
    rows: u64,
    customers: Option<(i64, i64)>,
    at_us: Option<(i64, i64)>,
    seq_min: i64,
    last: Option<(i64, i64)>,
}

impl RunWriter {
    /// Starts a run in a new file, whose columns are compressed or not: see [`COMPRESSED_FROM`](crate::limits::COMPRESSED_FROM).
    pub(crate) fn create(path: &Path, compressed: bool) -> Result<Self, Error> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(Error::file("make the folder", folder))?;
        }
        let writer = GroupWriter::create(path, EVENTS, properties(compressed))?;
        Ok(Self { writer, rows: 0, customers: None, at_us: None, seq_min: i64::MAX, last: None })
    }

    /// Appends rows, which continue the order.
    pub(crate) fn write(&mut self, batch: &RecordBatch) -> Result<(), Error> {
        if batch.num_rows() == 0 {
            return Ok(());
        }
        let customers = batch.column(0).as_primitive::<Int64Type>().values();
        let at_us = batch.column(1).as_primitive::<TimestampMicrosecondType>().values();
        for (customer, at) in customers.iter().zip(at_us.iter()) {
            assert!(self.last <= Some((*customer, *at)), "a run is written in order of customer and time");
            self.last = Some((*customer, *at));
            let (low, high) = self.at_us.unwrap_or((*at, *at));
            self.at_us = Some((low.min(*at), high.max(*at)));
        }
        let seqs = batch.column(2).as_primitive::<Int64Type>().values();
        self.seq_min = seqs.iter().copied().fold(self.seq_min, i64::min);
        let last = customers[customers.len() - 1];
        self.customers = Some((self.customers.map_or(customers[0], |(first, _)| first), last));
        self.rows += batch.num_rows() as u64;
        self.writer.write(batch)
    }

    /// Closes the file and makes it durable; gives its statistics as Delta's JSON and its number of rows.
    pub(crate) fn finish(self, path: &Path) -> Result<(String, u64), Error> {
        self.writer.finish(path)?;
        let (low, high) = self.customers.unwrap_or_default();
        let (first, last) = self.at_us.unwrap_or_default();
        let time = |us| Timestamp::from_micros(us).to_string();
        let stats = serde_json::json!({
            "numRecords": self.rows,
            "minValues": {"customer": low, "at": time(first), "seq": self.seq_min},
            "maxValues": {"customer": high, "at": time(last)},
            "nullCount": {"customer": 0, "at": 0},
        });
        Ok((stats.to_string(), self.rows))
    }
}

/// Reads these columns of a run (by position in the table, ascending), words and texts as dictionaries where
/// `dictionaries` says so. A batch has at most so many rows, and fewer where they are large.
pub(crate) fn read_run(
    file: &OpenFile,
    columns: &[usize],
    dictionaries: bool,
    batch_rows: usize,
) -> Result<RunReader, Error> {
    let schema = read_schema(dictionaries);
    let options =
        ArrowReaderOptions::new().with_schema(Arc::clone(&schema)).with_page_index_policy(PageIndexPolicy::Skip);
    let metadata = ArrowReaderMetadata::load(file, options).map_err(file.unreadable())?;
    let schema: SchemaRef = Arc::new(schema.project(columns)?);
    let mut empty = vec![false; columns.len()];
    for ((empty, column), field) in empty.iter_mut().zip(columns).zip(schema.fields()) {
        *empty = field.is_nullable() && says_nothing(file, metadata.metadata(), *column)?;
    }
    let read = columns.iter().zip(&empty).filter(|(_, empty)| !**empty).map(|(column, _)| *column).collect();
    let places = Places { file: file.clone(), metadata };
    let rows = GroupReader { places, columns: read, batch_rows, rows: None, group: 0, reader: None };
    let nothing = vec![None; columns.len()];
    Ok(RunReader { rows, schema, empty, nothing })
}

/// Whether a column has nothing in any row: then its dictionaries are empty. Decoding ten million rows that say nothing would
/// take longer than many a question.
fn says_nothing(file: &OpenFile, metadata: &ParquetMetaData, column: usize) -> Result<bool, Error> {
    let file = Arc::new(file.clone());
    for group in metadata.row_groups() {
        // What says something takes room, and its first page may be long.
        if group.column(column).uncompressed_size() > NOTHING_BYTES + group.num_rows() / NOTHING_ROWS {
            return Ok(false);
        }
        let rows = usize::try_from(group.num_rows()).unwrap_or(0);
        let pages = SerializedPageReader::new(Arc::clone(&file), group.column(column), rows, None);
        let first = pages.and_then(|mut pages| pages.get_next_page()).map_err(file.unreadable())?;
        if !matches!(first, Some(Page::DictionaryPage { num_values: 0, .. })) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// A column without anything takes at most so many bytes in a row group, and one more for so many rows: the heads of its
/// pages.
const NOTHING_BYTES: i64 = 1 << 12;
const NOTHING_ROWS: i64 = 1 << 6;

/// Reads a run batch by batch.
pub(crate) struct RunReader {
    rows: GroupReader,
    /// Of all columns that were asked for.
    schema: SchemaRef,
    /// By column: whether nothing is in it, so that it is not read.
    empty: Vec<bool>,
    /// By column: what stands for it then, made once.
    nothing: Vec<Option<ArrayRef>>,
}

impl RunReader {
    /// Whether it was written compressed.
    pub(crate) fn is_compressed(&self) -> bool {
        let mut columns = self.rows.places.metadata.metadata().row_groups().iter().flat_map(RowGroupMetaData::columns);
        columns.any(|column| column.compression() != Compression::UNCOMPRESSED)
    }
}

impl Iterator for RunReader {
    type Item = Result<RecordBatch, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let batch = self.rows.next()?;
        if !self.empty.contains(&true) {
            return Some(batch);
        }
        Some(batch.and_then(|batch| {
            let (mut read, rows) = (batch.columns().iter(), batch.num_rows());
            let columns = self.schema.fields().iter().zip(&self.empty).zip(&mut self.nothing);
            let columns = columns.map(|((field, empty), nothing)| {
                if !empty {
                    return Arc::clone(read.next().expect("what is not empty is read"));
                }
                match nothing {
                    Some(nothing) if rows <= nothing.len() => nothing.slice(0, rows),
                    _ => Arc::clone(nothing.insert(new_null_array(field.data_type(), rows))),
                }
            });
            Ok(RecordBatch::try_new(Arc::clone(&self.schema), columns.collect())?)
        }))
    }
}

/// Reads one row group after the other, in batches that are as large as its rows allow.
pub(crate) struct GroupReader {
    places: Places,
    columns: Vec<usize>,
    batch_rows: usize,
    /// Those that are wanted of the rows that were not reached yet.
    rows: Option<RowSelection>,
    /// The next one.
    group: usize,
    reader: Option<ParquetRecordBatchReader>,
}

impl GroupReader {
    /// The same in batches of so many rows at most.
    pub(crate) fn with_batch_rows(self, batch_rows: usize) -> Self {
        Self { batch_rows, ..self }
    }

    /// Starts to read the next group; whether there is one.
    fn open_next(&mut self) -> Result<bool, Error> {
        let Places { file, metadata } = &self.places;
        let groups = metadata.metadata().row_groups();
        loop {
            let Some(group) = groups.get(self.group) else { return Ok(false) };
            self.group += 1;
            let rows = usize::try_from(group.num_rows()).unwrap_or_default();
            let wanted = self.rows.as_mut().map(|all| all.split_off(rows));
            if wanted.as_ref().is_some_and(|wanted| !wanted.selects_any()) {
                continue;
            }
            let bytes: i64 = self.columns.iter().map(|column| group.column(*column).uncompressed_size()).sum();
            let row_bytes = usize::try_from(bytes).unwrap_or_default() / rows.max(1);
            let batch_rows = (BATCH_BYTES / row_bytes.max(1)).clamp(1, self.batch_rows);
            let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(file.clone(), metadata.clone());
            let mask = ProjectionMask::leaves(builder.parquet_schema(), self.columns.iter().copied());
            let builder =
                builder.with_projection(mask).with_row_groups(vec![self.group - 1]).with_batch_size(batch_rows);
            let builder = match wanted {
                Some(rows) => builder.with_row_selection(rows),
                None => builder,
            };
            self.reader = Some(builder.build().map_err(file.unreadable())?);
            return Ok(true);
        }
    }
}

impl Iterator for GroupReader {
    type Item = Result<RecordBatch, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(batch) = self.reader.as_mut().and_then(Iterator::next) {
                return Some(batch.map_err(self.places.file.unreadable()));
            }
            match self.open_next() {
                Ok(true) => {}
                Ok(false) => return None,
                Err(error) => return Some(Err(error)),
            }
        }
    }
}

/// A run, and where in it everything lies.
#[derive(Clone)]
pub(crate) struct Places {
    file: OpenFile,
    metadata: ArrowReaderMetadata,
}

impl Places {
    /// Learns where in a run everything lies.
    pub(crate) fn of(file: &OpenFile, dictionaries: bool) -> Result<Self, Error> {
        let options = ArrowReaderOptions::new()
            .with_schema(read_schema(dictionaries))
            .with_page_index_policy(PageIndexPolicy::Optional);
        let metadata = ArrowReaderMetadata::load(file, options).map_err(file.unreadable())?;
        Ok(Self { metadata, file: file.clone() })
    }

    /// The same of a file of any columns, which are read as they are.
    pub(crate) fn of_any(file: &OpenFile) -> Result<Self, Error> {
        let options = ArrowReaderOptions::new().with_page_index_policy(PageIndexPolicy::Skip);
        let metadata = ArrowReaderMetadata::load(file, options).map_err(file.unreadable())?;
        Ok(Self { metadata, file: file.clone() })
    }

    /// How many rows there are.
    pub(crate) fn rows(&self) -> i64 {
        self.metadata.metadata().file_metadata().num_rows()
    }

    /// How many columns there are.
    pub(crate) fn columns(&self) -> usize {
        self.metadata.schema().fields().len()
    }

    /// Reads these columns, of these rows or of all. Pages in which no such row lies are not looked at.
    pub(crate) fn read(&self, columns: &[usize], rows: Option<RowSelection>) -> GroupReader {
        let (places, columns) = (self.clone(), columns.to_vec());
        GroupReader { places, columns, batch_rows: BATCH_ROWS, rows, group: 0, reader: None }
    }
}

/// The greatest arrival number in a run, where its footer says so.
pub(crate) fn latest_seq(file: &OpenFile) -> Result<Option<i64>, Error> {
    let options = ArrowReaderOptions::new().with_page_index_policy(PageIndexPolicy::Skip);
    let loaded = ArrowReaderMetadata::load(file, options).map_err(file.unreadable())?;
    let latest = |group: &RowGroupMetaData| match group.column(event_column("seq")).statistics()? {
        Statistics::Int64(seqs) => seqs.max_opt().copied(),
        _ => None,
    };
    Ok(loaded.metadata().row_groups().iter().map(latest).try_fold(i64::MIN, |all, seq| Some(all.max(seq?))))
}

/// The columns of a run as they are read: texts as dictionaries (what is repeated is compared once) or as they are.
pub(crate) fn read_schema(dictionaries: bool) -> SchemaRef {
    let schema = arrow_schema(EVENTS);
    if !dictionaries {
        return schema;
    }
    let fields = schema.fields().iter().map(|field| match (field.name().as_str(), field.data_type()) {
        ("message_id" | "properties" | "traits" | "keys" | "case_id", _) => field.as_ref().clone(),
        (_, DataType::Utf8) => {
            let words = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
            Field::new(field.name(), words, field.is_nullable())
        }
        _ => field.as_ref().clone(),
    });
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

#[cfg(test)]
mod tests {
    use arrow::array::{Int64Array, StringArray, TimestampMicrosecondArray};

    use super::*;
    use crate::schema::utc;

    /// Rows of a mebibyte each; the same text, or another one in each.
    fn batch(rows: i64, distinct: bool) -> RecordBatch {
        let numbers = || Int64Array::from_iter_values(0..rows);
        let times = TimestampMicrosecondArray::from_iter_values(0..rows).with_timezone(utc());
        let text = |n: i64| format!("{}{}", if distinct { n } else { 0 }, "x".repeat(1 << 20));
        let column = |field: &std::sync::Arc<Field>| -> ArrayRef {
            match (field.data_type(), field.name().as_str()) {
                (DataType::Int64, _) => Arc::new(numbers()),
                (DataType::Timestamp(..), _) => Arc::new(times.clone()),
                (_, "properties") => Arc::new(StringArray::from_iter_values((0..rows).map(text))),
                (_, name) => Arc::new(StringArray::from_iter_values((0..rows).map(|_| name))),
            }
        };
        let schema = arrow_schema(EVENTS);
        RecordBatch::try_new(Arc::clone(&schema), schema.fields().iter().map(column).collect()).expect("a batch")
    }

    #[test]
    fn a_run_that_cannot_be_read_is_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("damaged.parquet");
        std::fs::write(&path, "not a run").expect("a file");
        let run = OpenFile::open(&path).expect("a file");
        let said = Places::of(&run, false).err().map(|error| error.to_string()).unwrap_or_default();
        assert!(said.contains("damaged.parquet"), "{said}");
        // Damaged where it is looked whether a column says anything.
        let mut writer = RunWriter::create(&path, false).expect("a run");
        writer.write(&batch(2, false)).expect("written");
        writer.finish(&path).expect("finished");
        let channel = event_column("channel");
        let places = Places::of(&OpenFile::open(&path).expect("a file"), false).expect("a footer");
        let (start, _) = places.metadata.metadata().row_group(0).column(channel).byte_range();
        let start = usize::try_from(start).expect("a short file");
        let mut bytes = std::fs::read(&path).expect("a file");
        bytes[start..start + 8].fill(0xff);
        std::fs::write(&path, bytes).expect("a file");
        let run = OpenFile::open(&path).expect("a file");
        let said = read_run(&run, &[channel], false, BATCH_ROWS).err().map(|error| error.to_string());
        assert!(said.as_ref().is_some_and(|said| said.contains("damaged.parquet")), "{said:?}");
    }

    #[test]
    fn large_rows_come_back_in_batches_that_have_room() {
        let folder = tempfile::tempdir().expect("a folder");
        for (distinct, bytes_max) in [(true, BATCH_BYTES), (false, ROW_GROUP_BYTES)] {
            let path = folder.path().join(format!("{distinct}.parquet"));
            let mut writer = RunWriter::create(&path, true).expect("a run");
            writer.write(&batch(200, distinct)).expect("written");
            assert_eq!(writer.finish(&path).expect("finished").1, 200);
            let all: Vec<usize> = (0..EVENTS.len()).collect();
            let mut read = 0;
            let run = OpenFile::open(&path).expect("a file");
            for batch in read_run(&run, &all, false, BATCH_ROWS).expect("a reader") {
                let batch = batch.expect("a batch");
                assert!(text_bytes(&batch, 0..batch.num_rows()) <= bytes_max, "{} rows", batch.num_rows());
                read += batch.num_rows();
            }
            assert_eq!(read, 200);
            let wanted = RowSelection::from_consecutive_ranges([3..5, 130..133, 199..200].into_iter(), 200);
            let places = Places::of(&run, false).expect("places").read(&[0], Some(wanted));
            let some: Vec<i64> = places
                .flat_map(|batch| batch.expect("a batch").column(0).as_primitive::<Int64Type>().values().to_vec())
                .collect();
            assert_eq!(some, [3, 4, 130, 131, 132, 199]);
        }
    }
}
