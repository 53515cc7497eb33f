//! Apache Parquet: the columns of the CSV, with `at` as a time.

use std::fs::File;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringBuilder, TimestampMicrosecondArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;

use super::{COLUMNS, Draft, Row, Write, columns};
use crate::error::Error;
use crate::limits::{BATCH_BYTES, ROW_GROUP_BYTES, WRITE_BATCH_ROWS};
use crate::schema::utc;

pub(super) struct ParquetOut {
    writer: ArrowWriter<File>,
    draft: Draft,
    builders: Vec<StringBuilder>,
    at_us: Vec<i64>,
}

fn export_schema() -> SchemaRef {
    let field = |name: &&str| match *name {
        "at" => Field::new("at", DataType::Timestamp(TimeUnit::Microsecond, Some(utc())), false),
        name => Field::new(name, DataType::Utf8, true),
    };
    Arc::new(Schema::new(COLUMNS.iter().map(field).collect::<Vec<_>>()))
}

impl ParquetOut {
    pub(super) fn new(draft: Draft) -> Result<Self, Error> {
        let zstd = Compression::ZSTD(ZstdLevel::try_new(1).expect("1 is a level of zstd"));
        let properties =
            WriterProperties::builder().set_compression(zstd).set_max_row_group_bytes(Some(ROW_GROUP_BYTES)).build();
        let writer = ArrowWriter::try_new(draft.open()?, export_schema(), Some(properties))?;
        Ok(Self { writer, draft, builders: COLUMNS.iter().map(|_| StringBuilder::new()).collect(), at_us: Vec::new() })
    }

    fn flush(&mut self) -> Result<(), Error> {
        let at = TimestampMicrosecondArray::from(std::mem::take(&mut self.at_us)).with_timezone(utc());
        let mut columns: Vec<ArrayRef> = self.builders.iter_mut().map(|b| Arc::new(b.finish()) as ArrayRef).collect();
        columns[2] = Arc::new(at);
        self.writer.write(&RecordBatch::try_new(export_schema(), columns)?)?;
        Ok(())
    }
}

impl Write for ParquetOut {
    fn event(&mut self, row: &Row<'_>) -> Result<(), Error> {
        for (n, (builder, value)) in self.builders.iter_mut().zip(columns(row, "")).enumerate() {
            if n != 2 {
                builder.append_option(value);
            }
        }
        self.at_us.push(row.at.as_micros());
        let bytes: usize = self.builders.iter().map(|column| column.values_slice().len()).sum();
        if self.at_us.len() >= WRITE_BATCH_ROWS || bytes >= BATCH_BYTES { self.flush() } else { Ok(()) }
    }

    fn finish(mut self: Box<Self>) -> Result<(), Error> {
        self.flush()?;
        self.writer.close()?;
        self.draft.finish()
    }
}
