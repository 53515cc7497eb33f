//! Parquet, by the column writers of the `parquet` crate: no Arrow, a row group in memory at a time.

use std::fs::File;
use std::sync::Arc;

use parquet::basic::{Compression, LogicalType, Repetition, TimeUnit, Type as Physical, ZstdLevel};
use parquet::data_type::{ByteArray, ByteArrayType, DataType, DoubleType, Int64Type};
use parquet::errors::Result;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::types::Type;

use super::super::{CHANNELS, MOMENTS, PAGES, Row, Traffic};

/// What most writers of big tables use.
const ROW_GROUP_ROWS: usize = 1_000_000;
/// Rows that are turned into values at once, so that a row group is never held twice.
const BATCH_ROWS: usize = 16_384;

pub(super) fn write(traffic: &mut Traffic, file: File) -> Result<u64> {
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(1)?))
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_created_by("desireline sim (simulated events)".to_owned())
        .build();
    let mut writer = SerializedFileWriter::new(file, Arc::new(schema()?), Arc::new(properties))?;
    let words = Words::new();
    let (mut hour, mut group) = (Vec::new(), Vec::with_capacity(ROW_GROUP_ROWS));
    let mut written = 0;
    while traffic.next_hour(&mut hour) {
        written += hour.len() as u64;
        let mut rest = hour.as_slice();
        while !rest.is_empty() {
            let (now, later) = rest.split_at(rest.len().min(ROW_GROUP_ROWS - group.len()));
            group.extend_from_slice(now);
            rest = later;
            if group.len() == ROW_GROUP_ROWS {
                write_group(&mut writer, &group, &words)?;
                group.clear();
            }
        }
    }
    if !group.is_empty() {
        write_group(&mut writer, &group, &words)?;
    }
    writer.close()?;
    Ok(written)
}

fn schema() -> Result<Type> {
    let text = |name: &str, repetition| {
        Type::primitive_type_builder(name, Physical::BYTE_ARRAY)
            .with_logical_type(Some(LogicalType::String))
            .with_repetition(repetition)
            .build()
            .map(Arc::new)
    };
    let at = Type::primitive_type_builder("at", Physical::INT64)
        .with_logical_type(Some(LogicalType::timestamp(true, TimeUnit::MICROS)))
        .with_repetition(Repetition::REQUIRED)
        .build()?;
    let amount =
        Type::primitive_type_builder("amount", Physical::DOUBLE).with_repetition(Repetition::OPTIONAL).build()?;
    let fields = vec![
        text("user_id", Repetition::REQUIRED)?,
        text("event", Repetition::REQUIRED)?,
        Arc::new(at),
        text("channel", Repetition::REQUIRED)?,
        Arc::new(amount),
        text("page", Repetition::OPTIONAL)?,
    ];
    Type::group_type_builder("events").with_fields(fields).build()
}

/// The words of the vocabulary as Parquet values, made once and shared by all rows.
struct Words {
    moments: Vec<ByteArray>,
    channels: Vec<ByteArray>,
    pages: Vec<ByteArray>,
}

impl Words {
    fn new() -> Self {
        Self {
            moments: MOMENTS.iter().map(|moment| moment.name.into()).collect(),
            channels: CHANNELS.iter().map(|name| (*name).into()).collect(),
            pages: PAGES.iter().map(|name| (*name).into()).collect(),
        }
    }
}

type Group<'a> = SerializedRowGroupWriter<'a, File>;

fn write_group(writer: &mut SerializedFileWriter<File>, rows: &[Row], words: &Words) -> Result<()> {
    let moment = |row: &Row| Some(words.moments[usize::from(row.moment)].clone());
    let channel = |row: &Row| Some(words.channels[usize::from(row.channel)].clone());
    let amount = |row: &Row| row.amount_cents.map(|cents| f64::from(cents.get()) / 100.0);
    let page = |row: &Row| row.page.map(|page| words.pages[usize::from(page)].clone());
    let mut group = writer.next_row_group()?;
    write_users(&mut group, rows)?;
    write_column::<ByteArrayType>(&mut group, rows, moment, false)?;
    write_column::<Int64Type>(&mut group, rows, |row| Some(row.at_us), false)?;
    write_column::<ByteArrayType>(&mut group, rows, channel, false)?;
    write_column::<DoubleType>(&mut group, rows, amount, true)?;
    write_column::<ByteArrayType>(&mut group, rows, page, true)?;
    group.close()?;
    Ok(())
}

/// The next column of `group`, with the value that `value` gives for each row.
fn write_column<T: DataType>(
    group: &mut Group<'_>,
    rows: &[Row],
    value: impl Fn(&Row) -> Option<T::T>,
    nullable: bool,
) -> Result<()> {
    let mut column = group.next_column()?.expect("as many columns are written as the schema has");
    let (mut values, mut present) = (Vec::with_capacity(BATCH_ROWS), Vec::with_capacity(BATCH_ROWS));
    for batch in rows.chunks(BATCH_ROWS) {
        values.clear();
        present.clear();
        for row in batch {
            let value = value(row);
            present.push(i16::from(value.is_some()));
            values.extend(value);
        }
        column.typed::<T>().write_batch(&values, nullable.then_some(present.as_slice()), None)?;
    }
    column.close()
}

/// The first column: names that are made row by row, cut from one shared buffer per batch.
fn write_users(group: &mut Group<'_>, rows: &[Row]) -> Result<()> {
    let mut column = group.next_column()?.expect("the schema has columns");
    let (mut values, mut ends) = (Vec::with_capacity(BATCH_ROWS), Vec::with_capacity(BATCH_ROWS));
    for batch in rows.chunks(BATCH_ROWS) {
        values.clear();
        ends.clear();
        let mut names = Vec::with_capacity(batch.len() * 8);
        for row in batch {
            super::write_user(&mut names, row)?;
            ends.push(names.len());
        }
        let names = ByteArray::from(names);
        let mut start = 0;
        for end in &ends {
            values.push(names.slice(start, end - start));
            start = *end;
        }
        column.typed::<ByteArrayType>().write_batch(&values, None, None)?;
    }
    column.close()
}
