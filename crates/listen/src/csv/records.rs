//! Records of delimited text with their lines and raw bytes.

use std::io::{self, Read};

use csv_core::{ReadRecordResult, Reader, ReaderBuilder};

use crate::cell::Cell;
use crate::limits::LINE_BYTES_MAX;
use crate::sink::Reason;
use crate::window::Window;

/// What comes next in the input.
pub(super) enum Step {
    /// A record, as it should be or with a wrong number of fields.
    Row { line: u64, fields: usize },
    /// Bytes that are no record.
    Bad { line: u64, reason: Reason, detail: String },
    /// Nothing.
    End,
}

pub(super) struct Records<R> {
    window: Window<R>,
    parser: Reader,
    delimiter: u8,
    /// The line on which the next record begins, from 1.
    line: u64,
    after_return: bool,
    fields: Vec<u8>,
    ends: Vec<usize>,
    written: usize,
    /// How much of the window the last step looked at; left behind at the next.
    raw: usize,
    /// The beginning of a line that was too long to be held.
    kept: Option<Vec<u8>>,
    /// The error with which the input ended, once the row before it has been reported.
    failed: Option<io::Error>,
}

/// How parsing one record ended.
enum Parsed {
    Record { bytes: usize, fields: usize },
    TooLong,
    End,
}

impl<R: Read> Records<R> {
    pub(super) fn new(input: R, delimiter: u8) -> Self {
        Self {
            window: Window::new(input),
            parser: ReaderBuilder::new().delimiter(delimiter).build(),
            delimiter,
            line: 1,
            after_return: false,
            fields: vec![0; 4096],
            ends: vec![0; 64],
            written: 0,
            raw: 0,
            kept: None,
            failed: None,
        }
    }

    /// The bytes of the last step, without the line end.
    pub(super) fn raw(&self) -> &[u8] {
        if let Some(kept) = &self.kept {
            return kept;
        }
        let raw = &self.window.data()[..self.raw];
        raw.strip_suffix(b"\n").or_else(|| raw.strip_suffix(b"\r")).unwrap_or(raw)
    }

    /// The fields of the last record; `None` if they are not UTF-8.
    pub(super) fn cells<'a>(&'a self, fields: usize, cells: &mut Vec<Cell<'a>>) -> Option<()> {
        let text = std::str::from_utf8(&self.fields[..self.written]).ok()?;
        let mut start = 0;
        for end in &self.ends[..fields] {
            // `get` also refuses a character that two fields make up together.
            let field = text.get(start..*end)?;
            cells.push(if field.is_empty() { Cell::Empty } else { Cell::Text(field) });
            start = *end;
        }
        Some(())
    }

    /// Goes on to the next record. Of a table with `columns` columns, where that decides how to go on.
    pub(super) fn step(&mut self, columns: usize) -> io::Result<Step> {
        self.leave(self.raw);
        self.raw = 0;
        self.kept = None;
        if !self.skip_line_ends()? {
            return Ok(Step::End);
        }
        let line = self.line;
        match self.parse() {
            Ok(Parsed::End) => Ok(Step::End),
            Ok(Parsed::TooLong) => self.too_long(),
            Ok(Parsed::Record { bytes, fields }) => {
                self.raw = bytes;
                let first_line = memchr::memchr2(b'\n', b'\r', self.raw());
                match first_line {
                    Some(end) if !self.is_plausible(fields, columns) => Ok(self.unclosed_quote(end)),
                    _ => Ok(Step::Row { line, fields }),
                }
            }
            Err(error) => {
                self.raw = self.window.data().len();
                if self.raw == 0 {
                    return Err(error);
                }
                self.failed = Some(error);
                let detail = "the file ends inside this row".to_owned();
                Ok(Step::Bad { line, reason: Reason::Truncated, detail })
            }
        }
    }

    /// Whether a record over several lines is meant as one: with the right number of fields, and every quote where the
    /// format has one.
    fn is_plausible(&self, fields: usize, columns: usize) -> bool {
        (columns == 0 || fields == columns) && quotes_are_regular(self.raw(), self.delimiter)
    }

    /// Takes the first line alone for bad and goes on after it, because the quote has swallowed the lines that follow.
    fn unclosed_quote(&mut self, end: usize) -> Step {
        self.raw = end;
        let detail = "a quote is opened and not closed as it should be".to_owned();
        Step::Bad { line: self.line, reason: Reason::UnclosedQuote, detail }
    }

    fn too_long(&mut self) -> io::Result<Step> {
        let data = self.window.data();
        if let Some(end) = memchr::memchr2(b'\n', b'\r', data) {
            return Ok(self.unclosed_quote(end));
        }
        let line = self.line;
        let kept = data[..crate::limits::LINE_BYTES_KEPT].to_vec();
        let bytes = self.window.skip_line()?;
        let detail = format!("{bytes} bytes, and a line may have {LINE_BYTES_MAX}; only its beginning is kept");
        self.kept = Some(kept);
        Ok(Step::Bad { line, reason: Reason::LineTooLong, detail })
    }

    fn parse(&mut self) -> io::Result<Parsed> {
        self.parser.reset();
        let (mut read, mut fields) = (0, 0);
        self.written = 0;
        loop {
            let data = &self.window.data()[read..];
            let (result, bytes, written, ended) =
                self.parser.read_record(data, &mut self.fields[self.written..], &mut self.ends[fields..]);
            read += bytes;
            self.written += written;
            fields += ended;
            match result {
                ReadRecordResult::Record => return Ok(Parsed::Record { bytes: read, fields }),
                ReadRecordResult::End => return Ok(Parsed::End),
                ReadRecordResult::OutputFull => self.fields.resize(self.fields.len() * 2, 0),
                ReadRecordResult::OutputEndsFull => self.ends.resize(self.ends.len() * 2, 0),
                ReadRecordResult::InputEmpty if read >= LINE_BYTES_MAX => return Ok(Parsed::TooLong),
                // At the end of the input, the parser is asked again with nothing, and finishes the record.
                ReadRecordResult::InputEmpty => {
                    self.window.grow()?;
                }
            }
        }
    }

    /// Leaves bytes behind and counts their lines.
    fn leave(&mut self, count: usize) {
        let bytes = &self.window.data()[..count];
        // Nearly always the only line end is the last byte.
        let mut rest = bytes;
        while let Some(at) = memchr::memchr2(b'\n', b'\r', rest) {
            let return_before = at == 0 && self.after_return;
            let counts = rest[at] == b'\r' || !return_before;
            self.line += u64::from(counts);
            self.after_return = rest[at] == b'\r';
            rest = &rest[at + 1..];
            if !rest.is_empty() && rest[0] != b'\n' {
                self.after_return = false;
            }
        }
        if !rest.is_empty() {
            self.after_return = false;
        }
        self.window.consume(count);
    }

    /// Leaves line ends (and with them blank lines) behind; says whether anything follows.
    fn skip_line_ends(&mut self) -> io::Result<bool> {
        loop {
            if let Some(error) = self.failed.take() {
                return Err(error);
            }
            if !self.window.fill()? {
                return Ok(false);
            }
            let count = self.window.data().iter().take_while(|b| matches!(b, b'\n' | b'\r')).count();
            let all = count == self.window.data().len();
            self.leave(count);
            if !all {
                return Ok(true);
            }
        }
    }
}

/// Whether every quote opens a field, closes one, or is doubled.
fn quotes_are_regular(raw: &[u8], delimiter: u8) -> bool {
    let is_end = |byte: Option<&u8>| byte.is_none_or(|b| *b == delimiter || matches!(b, b'\n' | b'\r'));
    let (mut at, mut field_start) = (0, true);
    while at < raw.len() {
        if raw[at] == b'"' && field_start {
            match closing_quote(raw, at + 1) {
                Some(end) if is_end(raw.get(end + 1)) => at = end + 1,
                _ => return false,
            }
        }
        let Some(byte) = raw.get(at) else { return true };
        field_start = *byte == delimiter;
        at += 1;
    }
    true
}

/// Where the quote that is open at `from` is closed; doubled quotes belong to the text.
fn closing_quote(raw: &[u8], mut from: usize) -> Option<usize> {
    loop {
        let at = from + memchr::memchr(b'"', raw.get(from..)?)?;
        if raw.get(at + 1) != Some(&b'"') {
            return Some(at);
        }
        from = at + 2;
    }
}
