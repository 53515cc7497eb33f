//! One value of a row, as a table gives it: text from CSV, typed values from Parquet or JSON.

use std::fmt::Write as _;

use event::Timestamp;

use crate::json;

/// One value of a row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Cell<'a> {
    /// No value.
    Empty,
    /// A text; it may still be empty or the text of a number or a time.
    Text(&'a str),
    /// A whole number.
    Int(i64),
    /// A number; NaN counts as no value.
    Float(f64),
    /// True or false.
    Bool(bool),
    /// A moment in time.
    Time(Timestamp),
    /// What a clock on a wall showed; which moment that was depends on a time zone.
    Local(jiff::civil::DateTime),
    /// The text of a JSON value (an object, an array), which must be valid JSON.
    Json(&'a str),
}

impl<'a> Cell<'a> {
    /// Whether there is nothing in it: no value, blank text, NaN, JSON's `null`.
    pub fn is_empty(&self) -> bool {
        match self {
            Cell::Empty => true,
            Cell::Text(text) => text.is_empty() || text.bytes().all(|b| b == b' ' || b == b'\t'),
            Cell::Float(number) => number.is_nan(),
            Cell::Json(text) => *text == "null",
            _ => false,
        }
    }

    /// The text of a text cell.
    pub fn as_text(&self) -> Option<&'a str> {
        if let Cell::Text(text) = self { Some(text) } else { None }
    }

    /// Appends the value as plain text, as an identifier or a name would be written.
    pub fn write_text(&self, out: &mut String) {
        match self {
            Cell::Empty => {}
            Cell::Text(text) | Cell::Json(text) => out.push_str(text),
            Cell::Int(number) => json::push_int(out, *number),
            // A whole number that came through a float column (pandas does that where values are missing) is an
            // identifier like any other: 17.0 is customer 17.
            Cell::Float(number) => {
                let _ = write!(out, "{number}");
            }
            Cell::Bool(truth) => out.push_str(if *truth { "true" } else { "false" }),
            Cell::Time(at) => {
                let _ = write!(out, "{at}");
            }
            Cell::Local(at) => {
                let _ = write!(out, "{at}");
            }
        }
    }

    /// Appends a date and the time of day of another cell as one text; without a time of day, the date alone.
    pub(crate) fn write_joined(&self, time_of_day: &Cell<'_>, out: &mut String) {
        match self {
            Cell::Local(at) => {
                let _ = write!(out, "{}", at.date());
            }
            date => date.write_text(out),
        }
        out.truncate(out.trim_end().len());
        if !time_of_day.is_empty() {
            out.push(' ');
            time_of_day.write_text(out);
        }
    }

    /// Appends the value as JSON. Numbers that JSON cannot write (infinities) become text.
    pub fn write_json(&self, out: &mut String) {
        match self {
            Cell::Empty => out.push_str("null"),
            Cell::Json(text) => out.push_str(text),
            Cell::Text(text) => json::push_string(out, text),
            Cell::Int(number) => json::push_int(out, *number),
            Cell::Bool(truth) => out.push_str(if *truth { "true" } else { "false" }),
            Cell::Float(number) if number.is_finite() => json::push_float(out, *number),
            Cell::Float(_) | Cell::Time(_) | Cell::Local(_) => {
                out.push('"');
                self.write_text(out);
                out.push('"');
            }
        }
    }
}

/// Empties a list but keeps its memory, for cells of another lifetime.
pub(crate) fn recycle<'b>(mut cells: Vec<Cell<'_>>) -> Vec<Cell<'b>> {
    cells.clear();
    // `collect` reuses the allocation where the types have the same layout, as here.
    cells.into_iter().map(|_| Cell::Empty).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn both(cell: Cell<'_>) -> (String, String) {
        let (mut text, mut json) = (String::new(), String::new());
        cell.write_text(&mut text);
        cell.write_json(&mut json);
        (text, json)
    }

    #[test]
    fn values_write_as_text_and_as_json() {
        let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        assert_eq!(both(Cell::Text("a\"b")), pair("a\"b", r#""a\"b""#));
        assert_eq!(both(Cell::Int(-7)), pair("-7", "-7"));
        assert_eq!(both(Cell::Float(17.0)), pair("17", "17.0"));
        assert_eq!(both(Cell::Float(f64::INFINITY)), pair("inf", "\"inf\""));
        assert_eq!(both(Cell::Bool(true)), pair("true", "true"));
        assert_eq!(
            both(Cell::Time(Timestamp::from_micros(0))),
            pair("1970-01-01T00:00:00Z", "\"1970-01-01T00:00:00Z\"")
        );
        assert_eq!(both(Cell::Json("[1,2]")), pair("[1,2]", "[1,2]"));
    }

    #[test]
    fn a_recycled_list_keeps_its_memory() {
        let mut cells = Vec::with_capacity(100);
        cells.push(Cell::Text("x"));
        let cells: Vec<Cell<'_>> = recycle(cells);
        assert!(cells.is_empty());
        assert_eq!(cells.capacity(), 100);
    }

    #[test]
    fn blank_text_nan_and_null_are_empty() {
        assert!([Cell::Empty, Cell::Text(" "), Cell::Float(f64::NAN), Cell::Json("null")].iter().all(Cell::is_empty));
        assert!(![Cell::Text("0"), Cell::Int(0), Cell::Bool(false)].iter().any(Cell::is_empty));
    }
}
