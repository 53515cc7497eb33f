//! Delimited text: commas, semicolons, tabs or pipes; quotes; any line ends.
//!
//! `csv-core` does the parsing. What is ours is what it leaves out: which line a row is on, the row as it was read, a
//! bound for the length of a line, and getting back on track after a quote that is never closed, which would otherwise
//! swallow the rest of the file.

mod records;
mod sample;

use std::io::Read;

use crate::cell::{Cell, recycle};
use crate::limits::LINE_BYTES_KEPT;
use crate::plan::{Plan, ReadError};
use crate::rows::RowMapper;
use crate::sink::{Counting, Reason, Rejection, Sink, Stop, Summary};

pub(crate) use sample::sample;

use records::{Records, Step};

/// How a file of delimited text is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    /// What separates the fields.
    pub delimiter: u8,
    /// Whether a line before all others says what separates the fields (`sep=;`), as Excel writes and reads it.
    pub sep_line: bool,
    /// Whether the first row names the columns.
    pub header: bool,
}

/// Reads rows until the input ends.
pub(crate) fn read(input: impl Read, layout: Layout, plan: &Plan, sink: &mut dyn Sink) -> Result<Summary, ReadError> {
    let mut mapper = RowMapper::new(&plan.mapping, &plan.columns, plan.zone.clone())?;
    let mut counting = Counting::new(sink);
    let mut records = Records::new(input, layout.delimiter);
    let (mut sep_line, mut header) = (layout.sep_line, layout.header);
    let mut cells = Vec::new();
    let ended = loop {
        let step = match records.step(plan.columns.len()) {
            Ok(step) => step,
            Err(error) => break Err(error),
        };
        if std::mem::take(&mut sep_line) {
            continue;
        }
        if std::mem::take(&mut header) && matches!(step, Step::Row { .. }) {
            continue;
        }
        match step {
            Step::End => break Ok(()),
            Step::Row { line, fields } => {
                counting.summary.rows += 1;
                cells = take(&mut mapper, &records, line, fields, cells, &mut counting)?;
            }
            Step::Bad { line, reason, detail } => {
                counting.summary.rows += 1;
                let row = records.raw();
                let row = row.get(..row.len().min(LINE_BYTES_KEPT)).unwrap_or(row);
                counting.reject(&Rejection { line, reason, detail: detail.into(), row })?;
            }
        }
    };
    mapper.finish(&mut counting)?;
    let mut summary = counting.summary;
    summary.naive = mapper.naive();
    summary.warnings.extend(mapper.warnings());
    ended.map_err(|source| ReadError::from_io(source, &summary))?;
    Ok(summary)
}

/// Gives one row to the mapper, and the list of cells back for the next.
fn take<'a, R: Read>(
    mapper: &mut RowMapper,
    records: &Records<R>,
    line: u64,
    fields: usize,
    cells: Vec<Cell<'_>>,
    sink: &mut Counting<'_>,
) -> Result<Vec<Cell<'a>>, Stop> {
    let mut cells = recycle(cells);
    let raw = records.raw();
    let reject = |sink: &mut Counting<'_>, reason, detail: &str| {
        sink.reject(&Rejection { line, reason, detail: detail.into(), row: raw })
    };
    if memchr::memchr(0, raw).is_some() {
        reject(sink, Reason::NulByte, "the line contains a NUL byte")?;
    } else if records.cells(fields, &mut cells).is_none() {
        reject(
            sink,
            Reason::BadEncoding,
            "the line is not UTF-8; if the file is in another encoding, give --encoding",
        )?;
    } else {
        mapper.row(line, &cells, &|| raw.to_vec(), sink)?;
    }
    Ok(recycle(cells))
}

#[cfg(test)]
mod tests;
