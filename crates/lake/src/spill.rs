//! What an import holds while it reads: rows in a compact form of our own, in one file per bucket.
//!
//! Events arrive in any order and must lie sorted by customer. They are appended to the part of their bucket as they come;
//! when all are read, each part is sorted by itself, in memory or in pieces ([`sorted`](crate::sorted)). So memory does not
//! follow the size of the input, and nearly every event is written twice, once raw and once for good.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::limits::SPILL_BUFFER_BYTES;

/// A row as it waits: interned words as numbers (0 is none), everything else as it came.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Row<'a> {
    /// Microseconds since 1970.
    pub at_us: i64,
    /// Arrival number.
    pub seq: u64,
    /// Of the message id, or of the content where there is none.
    pub hash: u64,
    /// Which file of this import it came from.
    pub file: u32,
    /// The keys, as nodes of the graph; none where the event is nobody's.
    pub nodes: Nodes<'a>,
    /// Event, channel, source, resource, department, phase.
    pub words: [u32; WORDS],
    /// Microseconds since 1970, where known.
    pub received_at_us: Option<i64>,
    /// Message id, keys, case id, properties, traits.
    pub texts: [Option<&'a str>; TEXTS],
}

/// How many columns are kept as interned words.
pub(crate) const WORDS: usize = 6;
/// How many columns are kept as text.
pub(crate) const TEXTS: usize = 5;

/// The nodes of a row, either as given or as they lie in the file.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Nodes<'a> {
    Given(&'a [listen::stitch::Node]),
    Written(&'a [u8]),
}

impl Nodes<'_> {
    /// The nodes, into a buffer that is reused.
    pub(crate) fn read(&self, into: &mut Vec<listen::stitch::Node>) {
        into.clear();
        match self {
            Nodes::Given(nodes) => into.extend_from_slice(nodes),
            Nodes::Written(bytes) => into.extend(
                bytes
                    .chunks_exact(4)
                    .map(|four| listen::stitch::Node(u32::from_le_bytes(four.try_into().expect("chunks of four")))),
            ),
        }
    }
}

fn put(out: &mut Vec<u8>, mut n: u64) {
    while n >= 0x80 {
        out.push(n.to_le_bytes()[0] | 0x80);
        n >>= 7;
    }
    out.push(n.to_le_bytes()[0]);
}

fn take(bytes: &mut &[u8]) -> Option<u64> {
    let (mut n, mut shift) = (0u64, 0);
    loop {
        let (first, rest) = bytes.split_first()?;
        *bytes = rest;
        n |= u64::from(first & 0x7f) << shift;
        if first & 0x80 == 0 {
            return Some(n);
        }
        shift += 7;
        if shift > 63 {
            return None;
        }
    }
}

fn take_8(bytes: &mut &[u8]) -> Option<[u8; 8]> {
    let (first, rest) = bytes.split_at_checked(8)?;
    *bytes = rest;
    first.try_into().ok()
}

impl<'a> Row<'a> {
    /// Appends the row, its length first.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(&[0; 4]);
        out.extend_from_slice(&self.at_us.to_le_bytes());
        out.extend_from_slice(&self.hash.to_le_bytes());
        put(out, self.seq);
        put(out, u64::from(self.file));
        match self.nodes {
            Nodes::Given(nodes) => {
                put(out, nodes.len() as u64);
                for node in nodes {
                    out.extend_from_slice(&node.0.to_le_bytes());
                }
            }
            Nodes::Written(bytes) => {
                put(out, bytes.len() as u64 / 4);
                out.extend_from_slice(bytes);
            }
        }
        self.words.iter().for_each(|word| put(out, u64::from(*word)));
        match self.received_at_us {
            None => out.push(0),
            Some(at) => {
                out.push(1);
                out.extend_from_slice(&at.to_le_bytes());
            }
        }
        for text in self.texts {
            match text {
                None => out.push(0),
                Some(text) => {
                    put(out, text.len() as u64 + 1);
                    out.extend_from_slice(text.as_bytes());
                }
            }
        }
        let length = u32::try_from(out.len() - start - 4).expect("a row is smaller than 4 GiB");
        out[start..start + 4].copy_from_slice(&length.to_le_bytes());
    }

    /// The row at the start of `bytes`, and the rest; `None` when they do not hold a row.
    pub(crate) fn read(bytes: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let (length, rest) = bytes.split_first_chunk::<4>()?;
        let (mut row, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
        let row = &mut row;
        let at_us = i64::from_le_bytes(take_8(row)?);
        let hash = u64::from_le_bytes(take_8(row)?);
        let seq = take(row)?;
        let file = u32::try_from(take(row)?).ok()?;
        let count = usize::try_from(take(row)?).ok()?;
        let (nodes, after) = row.split_at_checked(count.checked_mul(4)?)?;
        *row = after;
        let mut words = [0; WORDS];
        for word in &mut words {
            *word = u32::try_from(take(row)?).ok()?;
        }
        let (known, after) = row.split_first()?;
        *row = after;
        let received_at_us = if *known == 1 { Some(i64::from_le_bytes(take_8(row)?)) } else { None };
        let mut texts = [None; TEXTS];
        for text in &mut texts {
            let length = usize::try_from(take(row)?).ok()?;
            if length > 0 {
                let (bytes, after) = row.split_at_checked(length - 1)?;
                *row = after;
                *text = Some(std::str::from_utf8(bytes).ok()?);
            }
        }
        Some((Self { at_us, seq, hash, file, nodes: Nodes::Written(nodes), words, received_at_us, texts }, rest))
    }
}

/// One growing file per bucket, in a folder of its own that goes when the import does.
#[derive(Debug)]
pub(crate) struct Spill {
    folder: PathBuf,
    parts: Vec<Part>,
}

#[derive(Debug, Default)]
struct Part {
    buffer: Vec<u8>,
    file: Option<File>,
    bytes: u64,
    rows: u64,
}

impl Spill {
    /// Empty parts for so many buckets, in a new folder.
    pub(crate) fn new(folder: &Path, buckets: u32) -> Result<Self, Error> {
        std::fs::create_dir_all(folder).map_err(Error::file("make the folder", folder))?;
        let parts = (0..buckets).map(|_| Part::default()).collect();
        Ok(Self { folder: folder.to_owned(), parts })
    }

    fn path(&self, bucket: u32) -> PathBuf {
        self.folder.join(format!("{bucket}.rows"))
    }

    /// Appends a row to the part of this bucket.
    pub(crate) fn push(&mut self, bucket: u32, row: &Row<'_>) -> Result<(), Error> {
        let part = &mut self.parts[bucket as usize];
        row.write(&mut part.buffer);
        part.rows += 1;
        if part.buffer.len() >= SPILL_BUFFER_BYTES {
            self.flush(bucket)?;
        }
        Ok(())
    }

    fn flush(&mut self, bucket: u32) -> Result<(), Error> {
        let path = self.path(bucket);
        let part = &mut self.parts[bucket as usize];
        let file = match &mut part.file {
            Some(file) => file,
            none => none.insert(File::create(&path).map_err(Error::file("make", &path))?),
        };
        file.write_all(&part.buffer).map_err(Error::file("write", &path))?;
        part.bytes += part.buffer.len() as u64;
        part.buffer.clear();
        Ok(())
    }

    /// How many rows wait for this bucket.
    pub(crate) fn rows(&self, bucket: u32) -> u64 {
        self.parts[bucket as usize].rows
    }

    /// How many bytes they are.
    pub(crate) fn bytes(&self, bucket: u32) -> u64 {
        let part = &self.parts[bucket as usize];
        part.bytes + part.buffer.len() as u64
    }

    /// Reads the rows of a bucket in the order in which they came.
    pub(crate) fn reader(&self, bucket: u32) -> Result<RowsReader<impl Read>, Error> {
        let part = &self.parts[bucket as usize];
        let path = self.path(bucket);
        let file = match part.file {
            Some(_) => Some(File::open(&path).map_err(Error::file("open", &path))?),
            None => None,
        };
        let written: Box<dyn Read> = match file {
            Some(file) => Box::new(file),
            None => Box::new(std::io::empty()),
        };
        Ok(RowsReader::new(written.chain(part.buffer.as_slice()), path))
    }

    /// The folder that goes when this does.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }
}

/// Reads rows one after the other, as [`Row::write`] wrote them.
pub(crate) struct RowsReader<R> {
    bytes: BufReader<R>,
    path: PathBuf,
}

impl<R: Read> RowsReader<R> {
    /// Reads on in something; `path` is what an error calls it.
    pub(crate) fn new(bytes: R, path: PathBuf) -> Self {
        Self { bytes: BufReader::with_capacity(SPILL_BUFFER_BYTES, bytes), path }
    }

    /// Appends the next row; whether there is one.
    pub(crate) fn next_into(&mut self, into: &mut Vec<u8>) -> Result<bool, Error> {
        self.read_row(into).map_err(Error::file("read", &self.path))
    }

    fn read_row(&mut self, into: &mut Vec<u8>) -> std::io::Result<bool> {
        if self.bytes.fill_buf()?.is_empty() {
            return Ok(false);
        }
        let mut length = [0; 4];
        self.bytes.read_exact(&mut length)?;
        into.extend_from_slice(&length);
        let begins = into.len();
        into.resize(begins + u32::from_le_bytes(length) as usize, 0);
        self.bytes.read_exact(&mut into[begins..])?;
        Ok(true)
    }
}

impl Drop for Spill {
    fn drop(&mut self) {
        // Left over, it would only take up space: the next import removes it.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use listen::stitch::Node;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn rows_come_back_as_they_went(
            at_us in any::<i64>(), seq in any::<u64>(), hash in any::<u64>(), file in any::<u32>(),
            nodes in prop::collection::vec(any::<u32>(), 1..5), words in any::<[u32; WORDS]>(),
            received_at_us in any::<Option<i64>>(), texts in prop::collection::vec(any::<Option<String>>(), TEXTS),
        ) {
            let nodes: Vec<Node> = nodes.into_iter().map(Node).collect();
            let mut borrowed = [None; TEXTS];
            for (to, from) in borrowed.iter_mut().zip(&texts) { *to = from.as_deref(); }
            let row = Row { at_us, seq, hash, file, nodes: Nodes::Given(&nodes), words, received_at_us, texts: borrowed };
            let mut bytes = Vec::new();
            row.write(&mut bytes);
            row.write(&mut bytes);
            let (first, rest) = Row::read(&bytes).expect("a row");
            let (second, rest) = Row::read(rest).expect("a row");
            prop_assert!(rest.is_empty());
            prop_assert_eq!(first, second);
            let mut read = Vec::new();
            first.nodes.read(&mut read);
            prop_assert_eq!(&read, &nodes);
            prop_assert_eq!((first.at_us, first.seq, first.hash, first.file), (at_us, seq, hash, file));
            prop_assert_eq!((first.words, first.received_at_us, first.texts), (words, received_at_us, borrowed));
        }

        #[test]
        fn torn_bytes_are_no_row(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Row::read(&bytes);
        }
    }
}
