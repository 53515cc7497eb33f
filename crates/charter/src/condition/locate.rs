//! From the lines and columns that the SQL parser counts to bytes of the text.

use std::ops::Range;

use sqlparser::tokenizer::{Location, Span};

/// The byte at which a line and column (both from 1, columns in characters) lie; the end of the text where they lie
/// beyond.
fn byte_of(text: &str, location: Location) -> usize {
    let line_start = if location.line <= 1 {
        0
    } else {
        let nth = usize::try_from(location.line - 2).unwrap_or(usize::MAX);
        text.match_indices('\n').nth(nth).map_or(text.len(), |(i, _)| i + 1)
    };
    let rest = text.get(line_start..).unwrap_or("");
    let column = usize::try_from(location.column.saturating_sub(1)).unwrap_or(usize::MAX);
    line_start + rest.char_indices().nth(column).map_or(rest.len(), |(i, _)| i)
}

/// The bytes of a span; the whole text where the parser does not know.
pub(super) fn bytes_of(text: &str, span: Span) -> Range<usize> {
    if span.start.line == 0 {
        return 0..text.len();
    }
    let start = byte_of(text, span.start);
    let end = if span.end.line == 0 { start } else { byte_of(text, span.end) };
    start..end.max(start)
}

/// The position that a message of the parser names at its end (`… at Line: 1, Column: 5`), and the message without it.
pub(super) fn located(text: &str, message: &str) -> (String, Range<usize>) {
    let message = message.trim_start_matches("sql parser error: ");
    let Some((reason, place)) = message.rsplit_once(" at Line: ") else {
        return (message.to_owned(), 0..text.len());
    };
    let numbers = place
        .split_once(", Column: ")
        .and_then(|(line, column)| Some(Location { line: line.parse().ok()?, column: column.parse().ok()? }));
    match numbers {
        Some(at) if at.line > 0 => {
            let start = byte_of(text, at);
            let rest = text.get(start..).unwrap_or("");
            let word = rest.find(|c: char| c.is_whitespace() || c == ')').unwrap_or(rest.len());
            (reason.to_owned(), start..start + word)
        }
        _ => (reason.to_owned(), text.len()..text.len()),
    }
}
