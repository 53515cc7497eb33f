//! The part of an input that is being looked at: it grows until a record is complete, up to a bound, and never holds
//! more than one record and one read.

use std::io::{self, Read};

/// The size of one read.
const READ_BYTES: usize = 256 * 1024;

pub(crate) struct Window<R> {
    input: R,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    ended: bool,
}

impl<R: Read> Window<R> {
    pub(crate) fn new(input: R) -> Self {
        Self { input, buffer: vec![0; READ_BYTES], start: 0, end: 0, ended: false }
    }

    /// What has been read and not yet consumed.
    pub(crate) fn data(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    /// Leaves the first bytes behind.
    pub(crate) fn consume(&mut self, count: usize) {
        self.start += count;
        assert!(self.start <= self.end, "more is consumed than was read");
    }

    /// Reads more; says whether there was any.
    ///
    /// After an error of the input there is no more; what was read before stays.
    pub(crate) fn grow(&mut self) -> io::Result<bool> {
        if self.ended {
            return Ok(false);
        }
        if self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        if self.buffer.len() - self.end < READ_BYTES / 2 {
            self.buffer.resize(self.buffer.len() * 2, 0);
        }
        loop {
            match self.input.read(&mut self.buffer[self.end..]) {
                Ok(count) => {
                    self.end += count;
                    self.ended = count == 0;
                    return Ok(count > 0);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.ended = true;
                    return Err(error);
                }
            }
        }
    }

    /// Makes sure that there is data; says whether there is.
    pub(crate) fn fill(&mut self) -> io::Result<bool> {
        if self.start < self.end { Ok(true) } else { self.grow() }
    }

    /// Leaves everything up to the end of the line behind, without holding it; returns how many bytes that were, the
    /// line end not among them.
    pub(crate) fn skip_line(&mut self) -> io::Result<u64> {
        let mut skipped = 0;
        loop {
            let end = memchr::memchr2(b'\n', b'\r', self.data());
            let count = end.unwrap_or(self.data().len());
            self.consume(count);
            skipped += count as u64;
            if end.is_some() || !self.grow()? {
                return Ok(skipped);
            }
        }
    }
}
