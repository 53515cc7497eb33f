//! A table that is not yet drawn: the terminal, CSV and the report each give it their own look.

use std::fmt;
use std::fmt::Write;
use std::sync::Arc;

use evidence::Doubt;

/// What stands in a cell.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    /// Nothing is known or nothing applies.
    Empty,
    /// A name.
    Text(Arc<str>),
    /// A number of things.
    Count(u64),
    /// A share, from 0 to 1.
    Share(f64),
    /// A difference of shares, from -1 to 1.
    Difference(f64),
    /// A length of time in seconds.
    Seconds(f64),
    /// Any other number: a score, an amount.
    Number(f64),
}

/// Rows of cells under headers, all rows as long as the headers.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// What it shows.
    pub title: String,
    /// One name per column, as in the JSON answer where there is a counterpart.
    pub headers: Vec<String>,
    /// The cells.
    pub rows: Vec<Vec<Cell>>,
    /// What a reader has to know besides: totals, doubts.
    pub notes: Vec<String>,
}

impl Table {
    pub(crate) fn new(title: &str, headers: &[&str]) -> Self {
        let headers = headers.iter().map(|header| (*header).to_owned()).collect();
        Self { title: title.to_owned(), headers, rows: Vec::new(), notes: Vec::new() }
    }

    pub(crate) fn row(&mut self, cells: impl Into<Vec<Cell>>) {
        let cells = cells.into();
        debug_assert_eq!(cells.len(), self.headers.len(), "in `{}`", self.title);
        self.rows.push(cells);
    }

    pub(crate) fn doubts(mut self, doubts: &[Doubt]) -> Self {
        self.notes.extend(doubts.iter().map(ToString::to_string));
        self
    }

    /// The table as CSV (RFC 4180): numbers as they are, shares from 0 to 1, times in seconds, without title and notes.
    pub fn csv(&self) -> String {
        let mut text = String::new();
        let headers: Vec<Cell> = self.headers.iter().map(|header| Cell::Text(header.as_str().into())).collect();
        for row in std::iter::once(&headers).chain(&self.rows) {
            for (i, cell) in row.iter().enumerate() {
                text.push_str(if i > 0 { "," } else { "" });
                cell.csv(&mut text);
            }
            text.push_str("\r\n");
        }
        text
    }
}

impl Cell {
    fn csv(&self, text: &mut String) {
        let written = match self {
            Cell::Empty => Ok(()),
            Cell::Count(count) => write!(text, "{count}"),
            Cell::Share(number) | Cell::Difference(number) | Cell::Seconds(number) | Cell::Number(number) => {
                write!(text, "{number}")
            }
            Cell::Text(name) if name.contains([',', '"', '\n', '\r']) => {
                write!(text, "\"{}\"", name.replace('"', "\"\""))
            }
            Cell::Text(name) => write!(text, "{name}"),
        };
        written.expect("writing to a string does not fail");
    }
}

/// For people: `12,345`, `34.5 %`, `2.5 d`. Control characters in names show as `·`, so that a name cannot steer a
/// terminal.
impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Cell::Empty => Ok(()),
            Cell::Text(name) => name.chars().try_for_each(|c| f.write_char(if c.is_control() { '·' } else { c })),
            Cell::Count(count) => f.write_str(&thousands(*count)),
            Cell::Share(share) => write!(f, "{:.1} %", share * 100.0),
            Cell::Difference(difference) => write!(f, "{:+.1} points", difference * 100.0),
            Cell::Seconds(seconds) => f.write_str(&duration(*seconds)),
            Cell::Number(number) => write!(f, "{number:.2}"),
        }
    }
}

fn thousands(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Each unit is used up to one and a half of the next, where one digit behind the point still tells neighbours apart.
fn duration(seconds: f64) -> String {
    const UNITS: [(f64, &str); 4] = [(60.0, "s"), (3_600.0, "min"), (86_400.0, "h"), (f64::INFINITY, "d")];
    let mut size = 1.0;
    for (next, unit) in UNITS {
        if seconds < 1.5 * next {
            return format!("{:.1} {unit}", seconds / size);
        }
        size = next;
    }
    String::new()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_read_well() {
        let shown = |cell: Cell| cell.to_string();
        assert_eq!(shown(Cell::Count(1_234_567)), "1,234,567");
        assert_eq!(shown(Cell::Count(999)), "999");
        assert_eq!(shown(Cell::Share(0.3456)), "34.6 %");
        assert_eq!(shown(Cell::Difference(-0.021)), "-2.1 points");
        assert_eq!(shown(Cell::Text("a\u{1b}[31m".into())), "a·[31m");
        let times = [0.25, 89.0, 91.0, 100_000.0, 200_000.0].map(|s| shown(Cell::Seconds(s)));
        assert_eq!(times, ["0.2 s", "89.0 s", "1.5 min", "27.8 h", "2.3 d"]);
    }

    #[test]
    fn csv_is_raw_and_quoted() {
        let mut table = Table::new("t", &["from", "share", "median_s"]);
        table.row([Cell::Text("a, \"b\"".into()), Cell::Share(0.5), Cell::Empty]);
        assert_eq!(table.csv(), "from,share,median_s\r\n\"a, \"\"b\"\"\",0.5,\r\n");
    }
}
