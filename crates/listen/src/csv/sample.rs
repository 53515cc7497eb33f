//! What a file of delimited text looks like, from its beginning.

use crate::cell::Cell;
use crate::json;
use crate::limits::SAMPLE_ROWS;
use crate::plan::PlanError;
use crate::times::{DateOrder, TimeFormat};

use super::Layout;
use super::records::{Records, Step};

/// The columns of a file, and its first rows.
#[derive(Debug)]
pub(crate) struct Sample {
    pub(crate) layout: Layout,
    pub(crate) columns: Vec<String>,
    pub(crate) rows: Vec<Vec<String>>,
}

impl Sample {
    pub(crate) fn cells(&self) -> Vec<Vec<Cell<'_>>> {
        let whole = self.rows.iter().filter(|row| row.len() == self.columns.len());
        whole.map(|row| row.iter().map(|text| Cell::Text(text)).collect()).collect()
    }
}

const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];

/// Looks at the beginning of a file, which must be UTF-8.
pub(crate) fn sample(text: &[u8], delimiter: Option<u8>) -> Result<Sample, PlanError> {
    let (said, text) = sep_line(text).map_or((None, text), |(said, rest)| (Some(said), rest));
    let (delimiter, mut rows) = match delimiter.or(said) {
        Some(delimiter) => (delimiter, records(text, delimiter)),
        None => guess_delimiter(text)?,
    };
    let Some(first) = rows.first() else { return Err(PlanError::Empty) };
    let header = is_header(first);
    let names = if header { rows.remove(0) } else { vec![String::new(); first.len()] };
    let columns = name_columns(names);
    if rows.is_empty() {
        return Err(PlanError::HeaderOnly { columns });
    }
    Ok(Sample { layout: Layout { delimiter, sep_line: said.is_some(), header }, columns, rows })
}

/// What the first line says that separates the fields, and the lines behind it.
fn sep_line(text: &[u8]) -> Option<(u8, &[u8])> {
    let (line, rest) = text.split_at(memchr::memchr2(b'\n', b'\r', text)?);
    let bare = line.strip_prefix(b"\"").and_then(|line| line.strip_suffix(b"\"")).unwrap_or(line);
    match bare.split_at_checked(4)? {
        (name, [delimiter]) if name.eq_ignore_ascii_case(b"sep=") => Some((*delimiter, rest)),
        _ => None,
    }
}

/// The first records. The last is left out where it is probably cut.
fn records(text: &[u8], delimiter: u8) -> Vec<Vec<String>> {
    let mut records = Records::new(text, delimiter);
    let mut rows: Vec<Vec<String>> = Vec::new();
    let mut columns = 0;
    while rows.len() < SAMPLE_ROWS {
        match records.step(columns) {
            Ok(Step::Row { fields, .. }) => {
                let mut cells = Vec::new();
                if records.cells(fields, &mut cells).is_none() {
                    continue;
                }
                let texts: Vec<String> =
                    cells.iter().map(|cell| cell.as_text().unwrap_or_default().to_owned()).collect();
                columns = rows.first().map_or(texts.len(), Vec::len);
                rows.push(texts);
            }
            Ok(Step::Bad { .. }) => {}
            Ok(Step::End) | Err(_) => break,
        }
    }
    let cut = rows.len() > 2 && !text.ends_with(b"\n") && !text.ends_with(b"\r");
    if cut {
        rows.pop();
    }
    rows
}

/// The delimiter with which the rows have as many fields as the first; of several, the one that makes the most columns.
fn guess_delimiter(text: &[u8]) -> Result<(u8, Vec<Vec<String>>), PlanError> {
    let mut best: Option<(bool, usize, u8, Vec<Vec<String>>)> = None;
    for delimiter in DELIMITERS {
        let rows = records(text, delimiter);
        let Some(first) = rows.first() else { return Err(PlanError::Empty) };
        let columns = first.len();
        let alike = rows.iter().filter(|row| row.len() == columns).count();
        let mostly = alike * 10 >= rows.len() * 8;
        if columns > 1 && best.as_ref().is_none_or(|(good, most, ..)| (mostly, columns) > (*good, *most)) {
            best = Some((mostly, columns, delimiter, rows));
        }
    }
    if let Some((_, _, delimiter, rows)) = best {
        return Ok((delimiter, rows));
    }
    let first = text.split(|b| matches!(b, b'\n' | b'\r')).find(|line| !line.is_empty()).unwrap_or_default();
    let line = String::from_utf8_lossy(first).chars().take(120).collect();
    Err(PlanError::OneColumn { line })
}

/// Whether a first row names columns: every row of events has a time, and a name is none.
fn is_header(row: &[String]) -> bool {
    let forms = [
        TimeFormat::YearFirst,
        TimeFormat::YearLast(DateOrder::DayMonthYear),
        TimeFormat::YearLast(DateOrder::MonthDayYear),
        TimeFormat::MonthName,
    ];
    let is_time = |text: &str| forms.iter().any(|form| form.read(text).is_ok());
    let is_count = |text: &str| text.len() >= 9 && json::is_number(text);
    !row.iter().any(|text| is_time(text) || is_count(text)) && row.iter().any(|text| !json::is_number(text.trim()))
}

/// Gives every column a name of its own: `c3` for the third if it has none, `name_2` for the second of a name.
fn name_columns(names: Vec<String>) -> Vec<String> {
    let mut columns: Vec<String> = Vec::with_capacity(names.len());
    for (at, name) in names.into_iter().enumerate() {
        let base = if name.trim().is_empty() { format!("c{}", at + 1) } else { name.trim().to_owned() };
        let mut unique = base.clone();
        let mut n = 2;
        while columns.contains(&unique) {
            unique = format!("{base}_{n}");
            n += 1;
        }
        columns.push(unique);
    }
    columns
}
