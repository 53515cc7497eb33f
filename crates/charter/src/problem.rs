//! What is wrong with a charter: where, why, and what would be right.
//!
//! Problems are plain data, so that the program can draw them with colours and a server can send them as JSON;
//! [`Problem::render`] is the plain form.

use std::fmt::{self, Write};
use std::ops::Range;

/// How bad a problem is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The charter cannot be used.
    Error,
    /// It can be used, but probably says something else than was meant.
    Warning,
}

/// The kinds of problem, each with a stable code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Code {
    /// The text is not YAML.
    Syntax,
    /// A tab where YAML wants spaces.
    Tab,
    /// A key is given twice.
    DuplicateKey,
    /// A key that does not exist.
    UnknownKey,
    /// A key that is needed is not there.
    MissingKey,
    /// A text where a number is needed, a list where a text is, and so on.
    WrongType,
    /// A value that is none of those allowed.
    BadValue,
    /// A name that the charter does not define.
    UnknownName,
    /// A condition that is not one.
    BadCondition,
    /// A pattern that is not one.
    BadPattern,
    /// A time, date, period or span of time that is not one.
    BadTime,
    /// A number outside of its range.
    OutOfRange,
    /// A version of the charter language that this program does not read.
    Version,
    /// A column of an event that does not exist.
    UnknownColumn,
    /// Two statements that exclude each other.
    Contradiction,
    /// More than can be read: too long, too deeply nested, too many repeats.
    TooLarge,
    /// A moment that can never occur, because an earlier one has the same condition.
    Unreachable,
    /// Something that is defined and never used.
    Unused,
    /// A text with a comma that is not in quotes.
    Comma,
    /// A channel that is not in the list of channels.
    UnlistedChannel,
    /// A drawing that no journey can be like, or every journey is.
    IdlePattern,
    /// Something that is said and means nothing, or something else than it seems.
    Idle,
}

impl Code {
    /// Every code with its number and what it means, in the order of numbers.
    pub const ALL: [(Code, &'static str, &'static str); 22] = [
        (Code::Syntax, "DL-C001", "the text is not YAML"),
        (Code::Tab, "DL-C002", "a tab where YAML wants spaces"),
        (Code::DuplicateKey, "DL-C003", "a key is given twice"),
        (Code::UnknownKey, "DL-C004", "a key that does not exist"),
        (Code::MissingKey, "DL-C005", "a key that is needed is missing"),
        (Code::WrongType, "DL-C006", "a value of the wrong type"),
        (Code::BadValue, "DL-C007", "a value that is none of those allowed"),
        (Code::UnknownName, "DL-C008", "a name that the charter does not define"),
        (Code::BadCondition, "DL-C009", "a condition that is not one"),
        (Code::BadPattern, "DL-C010", "a pattern that is not one"),
        (Code::BadTime, "DL-C011", "a time, date or span of time that is not one"),
        (Code::OutOfRange, "DL-C012", "a number outside of its range"),
        (Code::Version, "DL-C013", "a version of the charter that this program does not read"),
        (Code::UnknownColumn, "DL-C014", "a column of an event that does not exist"),
        (Code::Contradiction, "DL-C015", "two statements that exclude each other"),
        (Code::TooLarge, "DL-C016", "more than can be read"),
        (Code::Unreachable, "DL-C017", "a moment that can never occur"),
        (Code::Unused, "DL-C018", "something that is defined and never used"),
        (Code::Comma, "DL-C019", "a text with a comma that is not in quotes"),
        (Code::UnlistedChannel, "DL-C020", "a channel that is not in the list of channels"),
        (Code::IdlePattern, "DL-C021", "a drawing that no journey can be like, or every journey is"),
        (Code::Idle, "DL-C022", "something that means nothing, or something else than it seems"),
    ];

    /// The stable code, such as `DL-C008`.
    pub fn as_str(self) -> &'static str {
        Code::ALL.iter().find(|(code, ..)| *code == self).map_or("DL-C000", |(_, number, _)| number)
    }

    /// What it means, as a fragment of a sentence.
    pub fn meaning(self) -> &'static str {
        Code::ALL.iter().find(|(code, ..)| *code == self).map_or("", |(.., meaning)| meaning)
    }

    /// How bad it is.
    pub fn severity(self) -> Severity {
        match self {
            Code::Unreachable | Code::Unused | Code::Comma | Code::UnlistedChannel | Code::IdlePattern | Code::Idle => {
                Severity::Warning
            }
            _ => Severity::Error,
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The most characters of a line that are quoted, and how many of them stand before what is blamed.
const QUOTED_MAX: usize = 160;
const QUOTED_BEFORE_MAX: usize = 100;

/// One thing that is wrong with a charter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Which kind of problem it is.
    pub code: Code,
    /// The line, from 1.
    pub line: usize,
    /// The column, in characters from 1.
    pub column: usize,
    /// The part of the text that is blamed, in bytes.
    pub bytes: Range<usize>,
    /// The line as it stands.
    pub quote: String,
    /// What is wrong.
    pub reason: String,
    /// What would be right, where that can be said.
    pub hint: Option<String>,
}

impl Problem {
    /// A problem with the part `bytes` of `text`.
    pub(crate) fn at(code: Code, text: &str, bytes: Range<usize>, reason: String, hint: Option<String>) -> Self {
        let start = floor_boundary(text, bytes.start);
        let end = floor_boundary(text, bytes.end).max(start);
        let before = text.get(..start).unwrap_or("");
        let line_start = before.rfind('\n').map_or(0, |i| i + 1);
        let rest = text.get(line_start..).unwrap_or("");
        Self {
            code,
            line: before.bytes().filter(|b| *b == b'\n').count() + 1,
            column: before.get(line_start..).unwrap_or("").chars().count() + 1,
            bytes: start..end,
            quote: rest.lines().next().unwrap_or("").to_owned(),
            reason,
            hint,
        }
    }

    /// The problem in plain text: the reason, the place, the line with the blamed part underlined, the hint.
    ///
    /// `file` is shown as the place; `text` is the charter that was parsed.
    pub fn render(&self, file: &str, text: &str) -> String {
        let kind = match self.code.severity() {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        let number = self.line.to_string();
        let margin = " ".repeat(number.len());
        let mut out = format!("{kind}[{}]: {}\n", self.code, self.reason);
        let _ = writeln!(out, "{margin}--> {file}:{}:{}\n{margin} |", self.line, self.column);
        // Of a very long line, the part around what is blamed is shown.
        let before = (self.column - 1).min(QUOTED_BEFORE_MAX);
        let shown: String = self.quote.chars().skip(self.column - 1 - before).take(QUOTED_MAX).collect();
        let _ = writeln!(out, "{number} | {shown}");
        let blamed = text.get(self.bytes.clone()).and_then(|part| part.lines().next()).unwrap_or("");
        let length = blamed.trim_end().chars().count().clamp(1, (QUOTED_MAX - before).max(1));
        // A tab in the quoted line stays a tab here, so that the mark stands under what it means.
        let indent: String = shown.chars().take(before).map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
        let _ = writeln!(out, "{margin} | {indent}{}", "^".repeat(length));
        if let Some(hint) = &self.hint {
            let _ = writeln!(out, "{margin} = hint: {hint}");
        }
        out
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}: {}", self.line, self.column, self.code, self.reason)
    }
}

fn floor_boundary(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_distinct_and_complete() {
        for (i, (code, number, meaning)) in Code::ALL.iter().enumerate() {
            assert_eq!(*number, format!("DL-C{:03}", i + 1));
            assert_eq!((code.as_str(), code.meaning()), (*number, *meaning));
        }
    }

    #[test]
    fn the_mark_stands_under_what_is_blamed() {
        let text = "a: 1\n\tgröße: viel\nb: 2";
        let start = text.find("viel").expect("it is there");
        let problem =
            Problem::at(Code::WrongType, text, start..start + 4, "it is a text".into(), Some("a number".into()));
        assert_eq!(
            problem.render("x.yaml", text),
            "error[DL-C006]: it is a text\n --> x.yaml:2:9\n  |\n2 | \tgröße: viel\n  | \t       ^^^^\n  = hint: a number\n"
        );
    }
}
