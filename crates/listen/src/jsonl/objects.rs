//! Where one JSON object ends and the next begins.

use std::io::{self, Read};

use crate::limits::{LINE_BYTES_KEPT, LINE_BYTES_MAX};
use crate::sink::Reason;
use crate::window::Window;

/// What comes next in the input.
pub(super) enum Step {
    /// What should be an object, beginning on this line.
    Object { line: u64 },
    /// Bytes that are none.
    Bad { line: u64, reason: Reason, detail: String },
    /// Nothing.
    End,
}

/// How objects are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    /// By line ends.
    Lines,
    /// By their braces; commas, brackets and line ends between them do not matter.
    Values,
}

pub(super) struct Objects<R> {
    window: Window<R>,
    framing: Framing,
    line: u64,
    raw: usize,
    kept: Option<Vec<u8>>,
    failed: Option<io::Error>,
}

/// Where the next object ends, as far as the window shows.
enum End {
    At(usize),
    /// Not in the window.
    Open,
}

impl<R: Read> Objects<R> {
    pub(super) fn new(input: R, framing: Framing) -> Self {
        Self { window: Window::new(input), framing, line: 1, raw: 0, kept: None, failed: None }
    }

    /// The bytes of the last step.
    pub(super) fn raw(&self) -> &[u8] {
        self.kept.as_deref().unwrap_or(&self.window.data()[..self.raw])
    }

    pub(super) fn step(&mut self) -> io::Result<Step> {
        self.leave(self.raw);
        (self.raw, self.kept) = (0, None);
        if !self.skip_between()? {
            return Ok(Step::End);
        }
        let line = self.line;
        let mut scan = Scan::default();
        loop {
            let end = match self.framing {
                Framing::Lines => scan.line(self.window.data()),
                Framing::Values => scan.value(self.window.data()),
            };
            if let End::At(end) = end {
                self.raw = end;
                return Ok(Step::Object { line });
            }
            if self.window.data().len() >= LINE_BYTES_MAX {
                return self.too_long();
            }
            match self.window.grow() {
                Ok(true) => {}
                Ok(false) => {
                    self.raw = self.window.data().len();
                    return Ok(Step::Object { line });
                }
                Err(error) => {
                    self.raw = self.window.data().len();
                    self.failed = Some(error);
                    let detail = "the file ends inside this object".to_owned();
                    return Ok(Step::Bad { line, reason: Reason::Truncated, detail });
                }
            }
        }
    }

    fn too_long(&mut self) -> io::Result<Step> {
        let line = self.line;
        self.kept = Some(self.window.data()[..LINE_BYTES_KEPT].to_vec());
        // Where an object without end began to go wrong nobody knows; the next line is a new chance.
        let first_line = memchr::memchr(b'\n', self.window.data());
        let bytes = match first_line {
            Some(end) => {
                self.leave(end);
                end as u64
            }
            None => self.window.skip_line()?,
        };
        let detail =
            format!("{bytes} bytes or more, and an object may have {LINE_BYTES_MAX}; only its beginning is kept");
        Ok(Step::Bad { line, reason: Reason::LineTooLong, detail })
    }

    fn leave(&mut self, count: usize) {
        self.line += memchr::memchr_iter(b'\n', &self.window.data()[..count]).count() as u64;
        self.window.consume(count);
    }

    /// Leaves what stands between objects behind; says whether anything follows.
    fn skip_between(&mut self) -> io::Result<bool> {
        let between: &[u8] = if self.framing == Framing::Lines { b" \t\r\n" } else { b" \t\r\n,[]" };
        loop {
            if let Some(error) = self.failed.take() {
                return Err(error);
            }
            if !self.window.fill()? {
                return Ok(false);
            }
            let count = self.window.data().iter().take_while(|b| between.contains(b)).count();
            let all = count == self.window.data().len();
            self.leave(count);
            if !all {
                return Ok(true);
            }
        }
    }
}

/// How far the window has been looked through.
#[derive(Default)]
struct Scan {
    at: usize,
    depth: u32,
    in_text: bool,
}

impl Scan {
    fn line(&mut self, data: &[u8]) -> End {
        let end = memchr::memchr(b'\n', &data[self.at..]).map(|found| self.at + found);
        self.at = data.len();
        end.map_or(End::Open, End::At)
    }

    fn value(&mut self, data: &[u8]) -> End {
        while self.at < data.len() {
            let byte = data[self.at];
            if self.in_text && byte == b'\\' && self.at + 1 == data.len() {
                return End::Open;
            }
            self.at += 1;
            match byte {
                b'\\' if self.in_text => self.at += 1,
                b'"' => self.in_text = !self.in_text,
                _ if self.in_text => {}
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' => {
                    self.depth = self.depth.saturating_sub(1);
                    if self.depth == 0 {
                        return End::At(self.at);
                    }
                }
                // Something that is no object ends where its line does.
                b'\n' if self.depth == 0 => return End::At(self.at),
                _ => {}
            }
        }
        End::Open
    }
}
