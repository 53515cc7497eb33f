//! Parquet files as an input: typed columns become the cells that every other table's rows become.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, RecordBatchReader};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Fields, Float64Type, Int64Type, TimeUnit, TimestampMicrosecondType, UInt64Type};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use event::Timestamp;
use jiff::tz::TimeZone;
use listen::{Cell, Format, Guess, GuessError, MappingError, Options, Plan, RowMapper, Sink, Stop, Summary};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::file::metadata::{ColumnChunkMetaData, RowGroupMetaData};

use crate::limits::BATCH_BYTES;

/// Why a Parquet file cannot be read, or not to its end.
#[derive(Debug, thiserror::Error)]
pub enum ParquetError {
    /// The file cannot be opened.
    #[error("it cannot be opened")]
    Open(#[source] std::io::Error),
    /// It is not a Parquet file, or a broken one.
    #[error("it is cut off or not a Parquet file; {events} events before that were read")]
    Broken {
        /// How many events were read.
        events: u64,
        /// What is wrong.
        #[source]
        source: parquet::errors::ParquetError,
    },
    /// A column cannot be decoded.
    #[error("a column cannot be read; {events} events before that were read")]
    Column {
        /// How many events were read.
        events: u64,
        /// What is wrong.
        #[source]
        source: arrow::error::ArrowError,
    },
    /// It has columns and no rows.
    #[error("the file has columns ({}) but no rows", columns.join(", "))]
    NoRows {
        /// The names of the columns.
        columns: Vec<String>,
    },
    /// The roles of the columns are not clear.
    #[error(transparent)]
    Guess(#[from] GuessError),
    /// The mapping does not fit.
    #[error(transparent)]
    Mapping(#[from] MappingError),
    /// The sink stopped it.
    #[error(transparent)]
    Stopped(#[from] Stop),
}

/// Rows that are looked at before the file is read.
const SAMPLE_ROWS: usize = 2_000;
/// Rows in a batch; fewer where they are large.
const BATCH_ROWS: usize = 8_192;

fn open(path: &Path, batch_rows: usize) -> Result<ParquetRecordBatchReaderBuilder<File>, ParquetError> {
    let file = File::open(path).map_err(ParquetError::Open)?;
    let builder =
        ParquetRecordBatchReaderBuilder::try_new(file).map_err(|source| ParquetError::Broken { events: 0, source })?;
    let row_bytes = |group: &RowGroupMetaData| {
        let bytes: i64 = group.columns().iter().map(ColumnChunkMetaData::uncompressed_size).sum();
        usize::try_from(bytes / group.num_rows().max(1)).unwrap_or_default()
    };
    let row_bytes = builder.metadata().row_groups().iter().map(row_bytes).max().unwrap_or_default();
    let fit = (BATCH_BYTES / row_bytes.max(1)).clamp(1, batch_rows);
    Ok(builder.with_batch_size(fit))
}

/// Plans how to read a Parquet file.
///
/// # Errors
/// When it cannot be read, has no rows, or the roles of its columns are not clear.
pub fn plan_parquet(path: &Path, options: &Options) -> Result<Plan, ParquetError> {
    let builder = open(path, SAMPLE_ROWS)?;
    let columns: Vec<String> = builder.schema().fields().iter().map(|field| field.name().clone()).collect();
    let broken = |source| ParquetError::Broken { events: 0, source };
    let mut reader = builder.build().map_err(broken)?;
    let first = reader.next().transpose().map_err(|source| ParquetError::Column { events: 0, source })?;
    let Some(first) = first.filter(|batch| batch.num_rows() > 0) else { return Err(ParquetError::NoRows { columns }) };
    let readers = Readers::new(&first, &options.zone).map_err(|source| ParquetError::Column { events: 0, source })?;
    let sample: Vec<Vec<Cell<'_>>> = (0..first.num_rows()).map(|row| readers.cells(row)).collect();
    let Guess { mapping, notes } = listen::guess(&columns, &sample, &options.map, options.dates)?;
    Ok(Plan {
        format: Format::Parquet,
        encoding: listen::Encoding::Utf8,
        layout: None,
        json: None,
        columns,
        mapping,
        notes,
        zone: options.zone.clone(),
        customer: None,
    })
}

/// How many rows a Parquet file says that it has.
///
/// # Errors
/// When it cannot be opened.
pub fn parquet_rows(path: &Path) -> Result<u64, ParquetError> {
    let rows = open(path, 1)?.metadata().file_metadata().num_rows();
    Ok(u64::try_from(rows).unwrap_or_default())
}

/// Reads a Parquet file as planned; `progress` is told how many rows have been read.
///
/// # Errors
/// When the sink stops it, or the rest of the file cannot be read; what came before has gone to the sink.
pub fn read_parquet(
    path: &Path,
    plan: &Plan,
    sink: &mut dyn Sink,
    progress: &dyn Fn(u64),
) -> Result<Summary, ParquetError> {
    let mut sink = listen::Counting::new(sink);
    let mut mapper = RowMapper::new(&plan.mapping, &plan.columns, plan.zone.clone())?;
    let reader = open(path, BATCH_ROWS)?.build().map_err(|source| ParquetError::Broken { events: 0, source })?;
    let mut rows = 0;
    // Those in UTC are taken as what they are, and not counted one by one.
    let naive = plan.zone == TimeZone::UTC && has_naive_times(plan, reader.schema().fields());
    for batch in reader {
        let column = |source, events| ParquetError::Column { events, source };
        let batch = batch.map_err(|source| column(source, sink.summary().events))?;
        let readers = Readers::new(&batch, &plan.zone).map_err(|source| column(source, sink.summary().events))?;
        let mut cells = Vec::with_capacity(batch.num_columns());
        for row in 0..batch.num_rows() {
            rows += 1;
            readers.read(row, &mut cells);
            mapper.row(rows, &cells, &|| raw(&batch, row), &mut sink)?;
        }
        progress(rows);
    }
    mapper.finish(&mut sink)?;
    let mut summary = sink.into_summary();
    summary.rows = rows;
    summary.naive = mapper.naive() + if naive { summary.events } else { 0 };
    summary.warnings.extend(mapper.warnings());
    Ok(summary)
}

/// Whether the column of when things happened has times without a zone.
fn has_naive_times(plan: &Plan, fields: &Fields) -> bool {
    let when = [&plan.mapping.at, &plan.mapping.start, &plan.mapping.end];
    let names = when.into_iter().flatten().map(|time| &time.column);
    let is_naive = |kind: &DataType| matches!(kind, DataType::Timestamp(_, None) | DataType::Date32 | DataType::Date64);
    names.filter_map(|name| fields.find(name)).any(|(_, field)| is_naive(field.data_type()))
}

/// A rejected row as text: a JSON array of its values.
fn raw(batch: &RecordBatch, row: usize) -> Vec<u8> {
    let options = FormatOptions::default();
    let value = |column: &ArrayRef| match ArrayFormatter::try_new(column, &options) {
        Ok(formatter) if column.is_valid(row) => serde_json::Value::from(formatter.value(row).to_string()),
        _ => serde_json::Value::Null,
    };
    serde_json::Value::Array(batch.columns().iter().map(value).collect()).to_string().into_bytes()
}

/// The columns of a batch in a form whose cells cost nothing to take.
struct Readers(Vec<Reader>);

enum Reader {
    Text(ArrayRef),
    Int(ArrayRef),
    /// Numbers that the other two cannot hold, all of them: as texts.
    Exact(ArrayRef),
    Float(ArrayRef),
    Bool(ArrayRef),
    /// Microseconds in UTC.
    Time(ArrayRef),
    /// Microseconds on a clock on a wall.
    Local(ArrayRef),
    /// Nested values, as JSON text.
    Json(ArrayRef),
    Nothing,
}

impl Readers {
    fn new(batch: &RecordBatch, zone: &TimeZone) -> Result<Self, arrow::error::ArrowError> {
        let utc = *zone == TimeZone::UTC;
        batch.columns().iter().map(|column| Reader::new(column, utc)).collect::<Result<_, _>>().map(Self)
    }

    fn cells(&self, row: usize) -> Vec<Cell<'_>> {
        let mut cells = Vec::with_capacity(self.0.len());
        self.read(row, &mut cells);
        cells
    }

    fn read<'a>(&'a self, row: usize, cells: &mut Vec<Cell<'a>>) {
        cells.clear();
        cells.extend(self.0.iter().map(|reader| reader.cell(row)));
    }
}

impl Reader {
    fn new(column: &ArrayRef, zone_is_utc: bool) -> Result<Self, arrow::error::ArrowError> {
        let micros = |zone: Option<Arc<str>>| DataType::Timestamp(TimeUnit::Microsecond, zone);
        Ok(match column.data_type() {
            DataType::Null => Reader::Nothing,
            DataType::Boolean => Reader::Bool(Arc::clone(column)),
            DataType::Utf8 => Reader::Text(Arc::clone(column)),
            kind if kind.is_integer() => {
                let numbers = cast(column, &DataType::Int64)?;
                if numbers.null_count() > column.null_count() {
                    return Ok(Reader::Exact(cast(column, &DataType::Utf8)?));
                }
                Reader::Int(numbers)
            }
            kind if kind.is_floating() => Reader::Float(cast(column, &DataType::Float64)?),
            DataType::Decimal32(..) | DataType::Decimal64(..) | DataType::Decimal128(..) | DataType::Decimal256(..) => {
                Reader::Exact(cast(column, &DataType::Utf8)?)
            }
            // What nanoseconds have below a microsecond is cut off; what does not fit becomes NULL and is rejected by name.
            DataType::Timestamp(_, Some(_)) => Reader::Time(cast(column, &micros(Some("UTC".into())))?),
            DataType::Timestamp(_, None) | DataType::Date32 | DataType::Date64 if zone_is_utc => {
                Reader::Time(cast(column, &micros(None))?)
            }
            DataType::Timestamp(_, None) | DataType::Date32 | DataType::Date64 => {
                Reader::Local(cast(column, &micros(None))?)
            }
            kind if kind.is_nested() => Reader::Json(json_texts(column)),
            DataType::LargeUtf8 | DataType::Utf8View | DataType::Dictionary(..) => {
                Reader::Text(cast(column, &DataType::Utf8)?)
            }
            _ => Reader::Text(texts(column)),
        })
    }

    fn cell(&self, row: usize) -> Cell<'_> {
        let (Reader::Text(column)
        | Reader::Int(column)
        | Reader::Exact(column)
        | Reader::Float(column)
        | Reader::Bool(column)
        | Reader::Time(column)
        | Reader::Local(column)
        | Reader::Json(column)) = self
        else {
            return Cell::Empty;
        };
        if column.is_null(row) {
            return Cell::Empty;
        }
        match self {
            Reader::Text(column) => Cell::Text(column.as_string::<i32>().value(row)),
            Reader::Int(column) => Cell::Int(column.as_primitive::<Int64Type>().value(row)),
            Reader::Exact(column) => exact(column.as_string::<i32>().value(row)),
            Reader::Float(column) => Cell::Float(column.as_primitive::<Float64Type>().value(row)),
            Reader::Bool(column) => Cell::Bool(column.as_boolean().value(row)),
            Reader::Time(column) => Cell::Time(Timestamp::from_micros(micros_at(column, row))),
            Reader::Local(column) => {
                let shown = Timestamp::from_micros(micros_at(column, row)).to_jiff();
                Cell::Local(TimeZone::UTC.to_datetime(shown))
            }
            Reader::Json(column) => Cell::Json(column.as_string::<i32>().value(row)),
            Reader::Nothing => Cell::Empty,
        }
    }
}

fn micros_at(column: &ArrayRef, row: usize) -> i64 {
    column.as_primitive::<TimestampMicrosecondType>().value(row)
}

/// A number as exactly as a cell can hold it: as a text where it has more digits than a number would keep.
fn exact(text: &str) -> Cell<'_> {
    if let Ok(number) = text.parse() {
        return Cell::Int(number);
    }
    let digits = text.bytes().filter(u8::is_ascii_digit).skip_while(|digit| *digit == b'0').count();
    match text.parse() {
        Ok(number) if digits <= f64::DIGITS as usize && text.contains('.') => Cell::Float(number),
        _ => Cell::Text(text),
    }
}

/// Values of any other kind as texts. Bytes that are no text are written in hexadecimal digits, 16 of one length as a UUID.
fn texts(column: &ArrayRef) -> ArrayRef {
    let of_bytes = |bytes: &[u8]| match std::str::from_utf8(bytes) {
        Ok(text) if !text.contains('\0') => text.to_owned(),
        _ => hex(bytes),
    };
    let text = |row: usize| match column.data_type() {
        DataType::Binary => of_bytes(column.as_binary::<i32>().value(row)),
        DataType::LargeBinary => of_bytes(column.as_binary::<i64>().value(row)),
        DataType::BinaryView => of_bytes(column.as_binary_view().value(row)),
        DataType::FixedSizeBinary(16) => uuid(&hex(column.as_fixed_size_binary().value(row))),
        DataType::FixedSizeBinary(_) => of_bytes(column.as_fixed_size_binary().value(row)),
        _ => match ArrayFormatter::try_new(column, &FormatOptions::default()) {
            Ok(formatter) => formatter.value(row).to_string(),
            Err(_) => String::new(),
        },
    };
    let texts: arrow::array::StringArray =
        (0..column.len()).map(|row| column.is_valid(row).then(|| text(row))).collect();
    Arc::new(texts)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |hex, byte| hex + &format!("{byte:02x}"))
}

/// 32 hexadecimal digits in groups of 8, 4, 4, 4 and 12.
fn uuid(hex: &str) -> String {
    [0..8, 8..12, 12..16, 16..20, 20..32].map(|digits| hex.get(digits).unwrap_or_default()).join("-")
}

/// Nested values as JSON texts.
fn json_texts(column: &ArrayRef) -> ArrayRef {
    let texts: arrow::array::StringArray =
        (0..column.len()).map(|row| column.is_valid(row).then(|| json_of(column, row).to_string())).collect();
    Arc::new(texts)
}

fn json_of(column: &ArrayRef, row: usize) -> serde_json::Value {
    use serde_json::Value;
    if column.is_null(row) {
        return Value::Null;
    }
    let list = |values: ArrayRef| Value::Array((0..values.len()).map(|i| json_of(&values, i)).collect());
    match column.data_type() {
        DataType::List(_) => list(column.as_list::<i32>().value(row)),
        DataType::LargeList(_) => list(column.as_list::<i64>().value(row)),
        DataType::FixedSizeList(..) => list(column.as_fixed_size_list().value(row)),
        DataType::Struct(fields) => {
            let columns = column.as_struct().columns();
            fields
                .iter()
                .zip(columns)
                .map(|(f, c)| (f.name().clone(), json_of(c, row)))
                .collect::<serde_json::Map<_, _>>()
                .into()
        }
        DataType::Map(..) => list(Arc::new(column.as_map().value(row))),
        DataType::Boolean => Value::Bool(column.as_boolean().value(row)),
        DataType::UInt64 => Value::from(column.as_primitive::<UInt64Type>().value(row)),
        kind if kind.is_integer() => match cast(&column.slice(row, 1), &DataType::Int64) {
            Ok(one) if one.is_valid(0) => Value::from(one.as_primitive::<Int64Type>().value(0)),
            _ => Value::Null,
        },
        kind if kind.is_floating() => match cast(&column.slice(row, 1), &DataType::Float64) {
            Ok(one) => Value::from(one.as_primitive::<Float64Type>().value(0)),
            Err(_) => Value::Null,
        },
        _ => match ArrayFormatter::try_new(column, &FormatOptions::default()) {
            Ok(formatter) => Value::from(formatter.value(row).to_string()),
            Err(_) => Value::Null,
        },
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{BinaryArray, Decimal128Array, FixedSizeBinaryArray, UInt64Array};

    use super::*;

    fn cells(column: impl Array + 'static) -> Vec<String> {
        let column: ArrayRef = Arc::new(column);
        let reader = Reader::new(&column, true).expect("it can be read");
        (0..column.len()).map(|row| format!("{:?}", reader.cell(row))).collect()
    }

    #[test]
    fn no_digit_of_a_number_is_lost() {
        let decimals = |values: Vec<i128>, scale| {
            let array = Decimal128Array::from(values).with_precision_and_scale(38, scale).expect("it fits");
            cells(array)
        };
        let key = 1_234_567_890_123_456_789;
        let cents = vec![2_000, 1_234_567_890_123_456_789, -5];
        assert_eq!(decimals(vec![key, key + 1], 0), ["Int(1234567890123456789)", "Int(1234567890123456790)"]);
        assert_eq!(decimals(vec![key * 1_000], 0), [r#"Text("1234567890123456789000")"#]);
        assert_eq!(decimals(cents, 2), ["Float(20.0)", r#"Text("12345678901234567.89")"#, "Float(-0.05)"]);
        let ids = UInt64Array::from(vec![Some(7), None, Some(u64::MAX)]);
        assert_eq!(cells(ids), ["Int(7)", "Empty", r#"Text("18446744073709551615")"#]);
    }

    #[test]
    fn bytes_are_texts_or_digits() {
        let bytes = BinaryArray::from(vec![b"ann".as_slice(), &[0xff, 0x01], &[0, 1]]);
        assert_eq!(cells(bytes), [r#"Text("ann")"#, r#"Text("ff01")"#, r#"Text("0001")"#]);
        let ids = FixedSizeBinaryArray::try_from_iter([[0x0f; 16]].into_iter()).expect("16 bytes each");
        assert_eq!(cells(ids), [r#"Text("0f0f0f0f-0f0f-0f0f-0f0f-0f0f0f0f0f0f")"#]);
    }
}
