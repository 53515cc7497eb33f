//! How things look in a terminal. The only place that prints.
#![expect(clippy::print_stderr, reason = "this is where printing belongs")]

use std::error::Error as _;
use std::io::{IsTerminal, Write};
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};

use comfy_table::{ContentArrangement, LineStyle, TableStyle};
use evidence::grouped;
use understand::{Cell, Table};

use crate::error::Error;

mod fit;

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
    remark("note", text, &[]);
}

/// Whether remarks are JSON objects.
static AS_JSON: AtomicBool = AtomicBool::new(false);

/// From now on a remark is a JSON object in a line of its own, for whoever collects lines of many programs.
pub(crate) fn remarks_are_json() {
    AS_JSON.store(true, Ordering::Relaxed);
}

/// A remark of which more is known: what happened, by a name that stays, and fields.
pub(crate) fn remark(what: &str, text: &str, fields: &[(&str, &str)]) {
    if !AS_JSON.load(Ordering::Relaxed) {
        eprintln!("{}", tame(text));
        return;
    }
    let mut line = serde_json::Map::new();
    line.insert("at".to_owned(), jiff::Timestamp::now().to_string().into());
    line.insert("what".to_owned(), what.into());
    line.insert("text".to_owned(), text.into());
    line.extend(fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).into())));
    eprintln!("{}", serde_json::Value::Object(line));
}

/// Messages quote names from data, which must not steer the terminal either.
fn tame(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && !matches!(c, '\n' | '\t') { '·' } else { c }).collect()
}

/// Whether somebody sits in front of it and can answer: questions stand on standard error, because standard output may
/// go to a file; `yes` says that nobody wants to be asked.
pub(crate) fn can_ask(yes: bool) -> bool {
    let automatic = std::env::var_os("CI").is_some_and(|value| !value.is_empty());
    !yes && !automatic && std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
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
        eprintln!("{rendered}");
    }
    eprintln!("error: {}", tame(&error.to_string()));
    if let Error::Condition { text, wrong, .. } = error {
        eprintln!("{}", underlined(text, &wrong.bytes));
        if let Some(hint) = &wrong.hint {
            eprintln!("  = hint: {hint}");
        }
    }
    for cause in causes(error) {
        eprintln!("  because {}", tame(&cause));
    }
}

/// What an error was caused by, each said once.
fn causes(error: &Error) -> Vec<String> {
    let mut said: Vec<String> = Vec::new();
    let mut cause = error.source();
    while let Some(one) = cause {
        let text = one.to_string();
        if !said.iter().any(|before| before.contains(&text)) {
            said.push(text);
        }
        cause = one.source();
    }
    if matches!(error, Error::Lake(lake::Error::Sql(_))) {
        // What stands above the last cause repeats it as a Rust value.
        said.drain(..said.len().saturating_sub(1));
    }
    said
}

/// The line of a text in which something is wrong, with a mark under it.
fn underlined(text: &str, bytes: &Range<usize>) -> String {
    let (before, rest) = text.split_at(text.floor_char_boundary(bytes.start));
    let (line_before, line_rest) = (before.lines().next_back().unwrap_or(""), rest.lines().next().unwrap_or(""));
    let line_before = if before.ends_with('\n') { "" } else { line_before };
    let blamed = text.get(before.len()..bytes.end).and_then(|part| part.lines().next()).unwrap_or("");
    let indent = " ".repeat(line_before.chars().count());
    format!("  | {line_before}{line_rest}\n  | {indent}{}", "^".repeat(blamed.chars().count().max(1)))
}

/// A line under the header, and nothing else.
const PLAIN: TableStyle = TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─'));

/// A text from data as people read it: on one line, and without anything in it that would steer the terminal.
pub(crate) fn plain(text: &str) -> String {
    Cell::Text(text.into()).to_string()
}

/// Rows under headers. Headers may be names from data; cells are shown as they are given.
pub(crate) fn rows<C: Into<comfy_table::Cell>>(
    headers: &[String],
    rows: impl IntoIterator<Item = impl IntoIterator<Item = C>>,
) -> String {
    let mut drawn = comfy_table::Table::new();
    let headers = headers.iter().map(|header| plain(header));
    drawn.load_style(PLAIN).set_content_arrangement(ContentArrangement::Disabled).set_header(headers);
    for row in rows {
        drawn.add_row(row);
    }
    drawn.to_string()
}

/// A table with its title and notes, as wide as the terminal at most.
pub(crate) fn table(table: &Table) -> String {
    table_within(&table.for_people(), fit::width())
}

fn table_within(table: &Table, width: Option<usize>) -> String {
    let mut text = format!("{}\n\n", table.title);
    for block in fit::fit(table, width.unwrap_or(usize::MAX)) {
        let headers: Vec<String> = block.iter().map(|(column, _)| table.headers[*column].clone()).collect();
        let cell = |row: &[Cell], (column, most): fit::Column| {
            let (text, side) = fit::shown(&row[column]);
            comfy_table::Cell::new(fit::broken(&text, most)).set_alignment(side)
        };
        let drawn = rows(&headers, table.rows.iter().map(|row| block.iter().map(|column| cell(row, *column))));
        text.push_str(&drawn);
        text.push_str("\n\n");
    }
    let most = width.unwrap_or(usize::MAX);
    for note in &table.notes {
        text.push_str(&fit::broken(note, most));
        text.push('\n');
    }
    text
}

/// A longer text would push everything else out of the terminal.
const TEXT_MAX: usize = 160;

/// How much of a longer text is shown: enough is left out to be worth saying so.
const TEXT_SHOWN: usize = 120;

/// The beginning of a text, and how much is not shown.
fn shortened(text: &str) -> String {
    let length = text.chars().count();
    if length <= TEXT_MAX {
        return text.to_owned();
    }
    let shown: String = text.chars().take(TEXT_SHOWN).collect();
    format!("{shown}… {} more characters", grouped((length - TEXT_SHOWN) as u64))
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
    fn what_is_wrong_is_marked_in_its_line() {
        assert_eq!(underlined("a = 'é' or b", &(12..13)), "  | a = 'é' or b\n  |            ^");
        assert_eq!(underlined("a or\nbc or\nd", &(5..7)), "  | bc or\n  | ^^");
        assert_eq!(underlined("a =", &(3..3)), "  | a =\n  |    ^");
        assert_eq!(underlined("", &(7..9)), "  | \n  | ^");
    }

    #[test]
    fn a_long_text_says_how_much_is_not_shown() {
        assert_eq!(shortened("visit"), "visit");
        let long = "é".repeat(1_300);
        assert!(shortened(&long).ends_with("é… 1,180 more characters"), "{}", shortened(&long));
    }

    #[test]
    fn a_name_cannot_steer_the_terminal() {
        assert_eq!(tame("there are a\u{1b}[31m, b\n\tc"), "there are a·[31m, b\n\tc");
        for name in ["a\u{1b}[31m", "a\nb", "a\rb\tc"] {
            for cell_of in [|name: &str| Cell::Text(name.into()), |name: &str| Cell::Path(vec![name.into()])] {
                let shown = rows(&[name.to_owned()], [[fit::shown(&cell_of(name)).0]]);
                assert_eq!(shown.lines().count(), 3, "{shown:?}");
                assert!(!shown.contains(['\u{1b}', '\r', '\t']), "{shown:?}");
            }
        }
    }

    #[test]
    fn numbers_are_readable() {
        assert_eq!(
            ["0 s", "59.0 s", "1.5 min", "25.0 h", "3.0 d"],
            [0.0, 59.0, 90.0, 90_000.0, 259_200.0].map(span).each_ref().map(String::as_str)
        );
    }
}
