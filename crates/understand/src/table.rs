//! A table that is not yet drawn: the terminal, CSV and the report each give it their own look.

use std::fmt;
use std::fmt::Write;
use std::sync::Arc;

use evidence::{Doubt, grouped};

/// What stands in a cell.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    /// Nothing is known or nothing applies.
    Empty,
    /// A name.
    Text(Arc<str>),
    /// The names of the steps of a path, repeats kept.
    Path(Vec<Arc<str>>),
    /// A number of things.
    Count(u64),
    /// A share, from 0 to 1.
    Share(f64),
    /// A difference of shares, from -1 to 1.
    Difference(f64),
    /// A length of time in seconds.
    Seconds(f64),
    /// A number of any kind, such as a mean or an amount.
    Number(f64),
    /// A figure and the ends of its interval; in tables for people only.
    Within(Box<[Cell; 3]>),
}

impl Cell {
    /// A share; a share of nothing is an empty cell.
    pub(crate) fn share(share: impl Into<Option<f64>>) -> Self {
        share.into().map_or(Cell::Empty, Cell::Share)
    }

    /// A difference of shares; one of which nothing is known is an empty cell.
    pub(crate) fn difference(difference: impl Into<Option<f64>>) -> Self {
        difference.into().map_or(Cell::Empty, Cell::Difference)
    }
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

    /// Leaves out all but the first `limit` rows, and says so; 0 for all.
    pub(crate) fn cut(&mut self, limit: usize, what: &str) {
        let (shown, of) = (limit as u64, self.rows.len() as u64);
        if limit > 0 {
            self.rows.truncate(limit);
            self.notes.extend(Doubt::truncated(what, shown, of).map(|doubt| doubt.to_string()));
        }
    }

    pub(crate) fn doubts(mut self, doubts: &[Doubt]) -> Self {
        self.notes.extend(doubts.iter().map(ToString::to_string));
        self
    }

    /// The table for people: the ends of an interval stand in the cell of their figure and not in columns of their own.
    #[must_use]
    pub fn for_people(&self) -> Self {
        let place = |name: &str| self.headers.iter().position(|header| header == name);
        let ends = |column: usize| -> Option<[usize; 2]> {
            let name = &self.headers[column];
            let own = place(&format!("{name}_low")).zip(place(&format!("{name}_high")));
            // An interval without a name of its own is that of the figure before it.
            let next = || place("low").zip(place("high")).filter(|(low, _)| *low == column + 1);
            own.or_else(next).map(|(low, high)| [low, high])
        };
        let intervals: Vec<Option<[usize; 2]>> = (0..self.headers.len()).map(ends).collect();
        let is_end = |column: &usize| intervals.iter().flatten().flatten().any(|end| end == column);
        let columns: Vec<usize> = (0..self.headers.len()).filter(|column| !is_end(column)).collect();
        let cell = |row: &[Cell], column: usize| match intervals[column] {
            Some([low, high]) => match [&row[column], &row[low], &row[high]] {
                [figure, Cell::Empty, _] | [figure, _, Cell::Empty] | [figure @ Cell::Empty, ..] => figure.clone(),
                all => Cell::Within(Box::new(all.map(Clone::clone))),
            },
            None => row[column].clone(),
        };
        let row = |row: &Vec<Cell>| columns.iter().map(|column| cell(row, *column)).collect();
        Self {
            title: self.title.clone(),
            headers: columns.iter().map(|column| self.headers[*column].clone()).collect(),
            rows: self.rows.iter().map(row).collect(),
            notes: self.notes.clone(),
        }
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

/// A figure and the ends of its interval in one text, the unit said once: `34.6 % (30.1–40.2)`.
pub fn within(figure: &str, low: &str, high: &str) -> String {
    let unit = figure.rsplit_once(' ').map_or("", |(_, unit)| unit);
    let bare = |text: &str| text.strip_suffix(unit).unwrap_or(text).trim_end().to_owned();
    let (low, high) = (bare(low), bare(high));
    let between = if low.starts_with(['-', '+']) { " to " } else { "–" };
    format!("{figure} ({low}{between}{high})")
}

impl Cell {
    fn csv(&self, text: &mut String) {
        let written = match self {
            Cell::Empty => Ok(()),
            Cell::Within(parts) => return parts[0].csv(text),
            Cell::Count(count) => write!(text, "{count}"),
            Cell::Share(number) | Cell::Difference(number) | Cell::Seconds(number) | Cell::Number(number) => {
                write!(text, "{number}")
            }
            Cell::Path(names) => return Cell::Text(names.join(" → ").into()).csv(text),
            Cell::Text(name) if name.contains([',', '"', '\n', '\r']) => {
                write!(text, "\"{}\"", name.replace('"', "\"\""))
            }
            Cell::Text(name) => write!(text, "{name}"),
        };
        written.expect("writing to a string does not fail");
    }
}

/// For people: `12,345`, `34.5 %`, `2.5 d`, `visit ×3 → order`. Control characters in names show as `·`, so that a name
/// cannot steer a terminal.
impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Cell::Empty => Ok(()),
            Cell::Text(name) => tame(name, f),
            Cell::Path(names) => path(names, f),
            Cell::Count(count) => f.write_str(&grouped(*count)),
            Cell::Share(share) => write!(f, "{:.1} %", share * 100.0),
            Cell::Difference(difference) => write!(f, "{:+.1} points", difference * 100.0),
            Cell::Seconds(seconds) => f.write_str(&duration(*seconds)),
            Cell::Number(number) => f.write_str(&rounded(*number)),
            Cell::Within(parts) => {
                let [figure, low, high] = parts.each_ref().map(ToString::to_string);
                f.write_str(&within(&figure, &low, &high))
            }
        }
    }
}

fn tame(name: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    name.chars().try_for_each(|c| f.write_char(if c.is_control() { '·' } else { c }))
}

/// Longer paths are shown up to here; CSV and JSON have them whole.
const PATH_SHOWN: usize = 12;

/// A path with what is repeated written once.
fn path(names: &[Arc<str>], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let mut left = names.len();
    for (i, same) in names.chunk_by(|a, b| a == b).enumerate() {
        f.write_str(if i > 0 { " → " } else { "" })?;
        if i == PATH_SHOWN {
            return write!(f, "… {} more", grouped(left as u64));
        }
        tame(&same[0], f)?;
        if same.len() > 1 {
            write!(f, " ×{}", grouped(same.len() as u64))?;
        }
        left -= same.len();
    }
    Ok(())
}

/// Two digits behind the point, thousands apart.
fn rounded(number: f64) -> String {
    let text = format!("{:.2}", number.abs());
    let (whole, part) = text.split_once('.').unwrap_or((&text, "00"));
    let sign = if number < 0.0 && text.bytes().any(|b| (b'1'..=b'9').contains(&b)) { "-" } else { "" };
    match whole.parse() {
        Ok(whole) => format!("{sign}{}.{part}", grouped(whole)),
        Err(_) => format!("{sign}{text}"),
    }
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
        let numbers = [1234.5, -0.001, -2.0, 1e300].map(|n| shown(Cell::Number(n)).chars().take(8).collect::<String>());
        assert_eq!(numbers, ["1,234.50", "0.00", "-2.00", "10000000"]);
        let times = [0.25, 89.0, 91.0, 100_000.0, 200_000.0].map(|s| shown(Cell::Seconds(s)));
        assert_eq!(times, ["0.2 s", "89.0 s", "1.5 min", "27.8 h", "2.3 d"]);
    }

    #[test]
    fn a_path_is_short_for_people_and_whole_for_machines() {
        let names = |text: &str| -> Vec<Arc<str>> { text.split(' ').map(Arc::from).collect() };
        assert_eq!(Cell::Path(names("visit visit visit cart visit")).to_string(), "visit ×3 → cart → visit");
        let long = names("a b ".repeat(500).trim_end());
        let shown = Cell::Path(long.clone()).to_string();
        assert!(shown.starts_with("a → b → a") && shown.ends_with(" → … 988 more"), "{shown}");
        let mut table = Table::new("t", &["sequence"]);
        table.row([Cell::Path(long)]);
        assert_eq!(table.csv().matches('a').count(), 500);
    }

    #[test]
    fn people_see_an_interval_beside_its_figure() {
        let mut table = Table::new("t", &["what", "share", "difference", "low", "high", "share_low", "share_high"]);
        let [share, difference] = [Cell::Share, Cell::Difference];
        let points = [0.031, -0.01, 0.072].map(difference);
        table.row([&[Cell::Text("a".into()), share(0.346)][..], &points, &[share(0.3), share(0.402)]].concat());
        table.row([&[Cell::Text("b".into())][..], &vec![Cell::Empty; 6]].concat());
        let shown = table.for_people();
        assert_eq!(shown.headers, ["what", "share", "difference"]);
        let texts = |row: usize| shown.rows[row].iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(texts(0), ["a", "34.6 % (30.0–40.2)", "+3.1 points (-1.0 to +7.2)"]);
        assert_eq!(texts(1), ["b", "", ""]);
    }

    #[test]
    fn csv_is_raw_and_quoted() {
        let mut table = Table::new("t", &["from", "share", "median_s"]);
        table.row([Cell::Text("a, \"b\"".into()), Cell::Share(0.5), Cell::Empty]);
        assert_eq!(table.csv(), "from,share,median_s\r\n\"a, \"\"b\"\"\",0.5,\r\n");
    }
}
