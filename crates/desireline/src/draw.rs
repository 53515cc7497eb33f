//! How things look in a terminal. The only place that prints.
#![expect(clippy::print_stderr, reason = "this is where printing belongs")]

use std::error::Error as _;
use std::io::{IsTerminal, Write};

use comfy_table::{CellAlignment, ContentArrangement, LineStyle, TableStyle};
use understand::{Cell, Table};

use crate::error::Error;

/// Data, to standard output. A reader that closed the pipe wants no more.
pub(crate) fn data(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes());
    if !text.ends_with('\n') {
        let _ = out.write_all(b"\n");
    }
    let _ = out.flush();
}

/// A remark, to standard error.
pub(crate) fn note(text: &str) {
    eprintln!("{text}");
}

/// Whether somebody sits in front of it and can answer.
pub(crate) fn can_ask() -> bool {
    std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}

/// Asks for a line; `None` at the end of input.
pub(crate) fn ask(question: &str) -> Option<String> {
    eprint!("{question} ");
    let mut line = String::new();
    let read = std::io::stdin().read_line(&mut line).ok()?;
    (read > 0).then(|| line.trim().to_owned())
}

/// An error with its causes.
pub(crate) fn error(error: &Error) {
    if let Error::Charter { rendered, .. } = error {
        eprintln!("{rendered}\n");
    }
    eprintln!("error: {error}");
    let mut cause = error.source();
    while let Some(one) = cause {
        eprintln!("  because {one}");
        cause = one.source();
    }
}

/// A line under the header, and nothing else.
const PLAIN: TableStyle = TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─'));

/// Rows under headers.
pub(crate) fn rows<C: Into<comfy_table::Cell>>(
    headers: &[String],
    rows: impl IntoIterator<Item = impl IntoIterator<Item = C>>,
) -> String {
    let mut drawn = comfy_table::Table::new();
    drawn.load_style(PLAIN).set_content_arrangement(ContentArrangement::Disabled).set_header(headers);
    for row in rows {
        drawn.add_row(row);
    }
    drawn.to_string()
}

/// A table with its title and notes.
pub(crate) fn table(table: &Table) -> String {
    let drawn = rows(&table.headers, table.rows.iter().map(|row| row.iter().map(cell)));
    let mut text = format!("{}\n\n{drawn}\n\n", table.title);
    for note in &table.notes {
        text.push_str(note);
        text.push('\n');
    }
    text
}

fn cell(cell: &Cell) -> comfy_table::Cell {
    let right = |text: String| comfy_table::Cell::new(text).set_alignment(CellAlignment::Right);
    match cell {
        Cell::Empty => comfy_table::Cell::new(""),
        Cell::Text(text) => comfy_table::Cell::new(text),
        Cell::Count(count) => right(grouped(*count)),
        Cell::Share(share) => right(format!("{:.1} %", share * 100.0)),
        Cell::Difference(difference) => right(format!("{:+.1} pts", difference * 100.0)),
        Cell::Seconds(seconds) => right(span(*seconds)),
    }
}

/// A count with its thousands apart.
pub(crate) fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (n, digit) in digits.chars().enumerate() {
        if n > 0 && (digits.len() - n).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A length of time in the unit that a person would use.
pub(crate) fn span(seconds: f64) -> String {
    let magnitude = seconds.abs();
    let units = [
        (604_800.0 * 2.0, 604_800.0, "weeks"),
        (86_400.0 * 2.0, 86_400.0, "d"),
        (3_600.0, 3_600.0, "h"),
        (60.0, 60.0, "min"),
    ];
    match units.iter().find(|(from, ..)| magnitude >= *from) {
        Some((_, size, unit)) => format!("{:.1} {unit}", seconds / size),
        None if magnitude == 0.0 => "0 s".to_owned(),
        None => format!("{seconds:.1} s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_readable() {
        assert_eq!(
            ["0", "999", "1,000", "1,234,567"],
            [0, 999, 1000, 1_234_567].map(grouped).each_ref().map(String::as_str)
        );
        assert_eq!(
            ["0 s", "59.0 s", "1.5 min", "25.0 h", "3.0 d"],
            [0.0, 59.0, 90.0, 90_000.0, 259_200.0].map(span).each_ref().map(String::as_str)
        );
    }
}
