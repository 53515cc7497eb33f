//! Reading XML from anybody: element by element, in bounded memory, without expanding what a document defines itself.
//!
//! Entities of a document's own can make a kilobyte a gigabyte ("billion laughs"), and no log needs them; so a DOCTYPE
//! with entities is refused by name, and no other reference than the five of XML and character numbers is understood.

use std::borrow::Cow;
use std::io::{self, BufRead, BufReader, Read};

use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::{Error, Reader, XmlVersion};

use crate::limits::LINE_BYTES_MAX;
use crate::plan::ReadError;
use crate::sink::Summary;

/// A reader of XML elements.
pub(crate) struct Xml<R> {
    reader: Reader<Fuse<BufReader<R>>>,
    buffer: Vec<u8>,
    open: u64,
}

impl<R: Read> Xml<R> {
    pub(crate) fn new(input: R) -> Self {
        let mut reader =
            Reader::from_reader(Fuse { inner: BufReader::with_capacity(128 << 10, input), left: LINE_BYTES_MAX });
        reader.config_mut().check_end_names = true;
        Self { reader, buffer: Vec::new(), open: 0 }
    }

    /// The next element, text or end. At the end of the input all elements must be closed.
    pub(crate) fn next(&mut self, summary: &Summary) -> Result<Event<'_>, ReadError> {
        self.buffer.clear();
        self.reader.get_mut().left = LINE_BYTES_MAX;
        let position = self.reader.buffer_position();
        let event = match self.reader.read_event_into(&mut self.buffer) {
            Ok(event) => event,
            Err(error) => return Err(broken(error, self.reader.error_position(), summary)),
        };
        match &event {
            Event::Start(_) => self.open += 1,
            Event::End(_) => self.open = self.open.saturating_sub(1),
            Event::DocType(text) if text.contains("<!ENTITY") => return Err(ReadError::Entities { position }),
            Event::Eof if self.open > 0 => {
                let what = format!("the file ends with {} elements open", self.open);
                return Err(ReadError::Xml { position, what, events: summary.events });
            }
            _ => {}
        }
        Ok(event)
    }

    /// Where the reader is, in bytes.
    pub(crate) fn position(&self) -> u64 {
        self.reader.buffer_position()
    }
}

/// The error for XML that cannot be read any further.
pub(crate) fn broken(error: Error, position: u64, summary: &Summary) -> ReadError {
    match error {
        Error::Io(source) => ReadError::from_io(io::Error::new(source.kind(), source.to_string()), summary),
        other => ReadError::Xml { position, what: other.to_string(), events: summary.events },
    }
}

/// The values of some attributes of an element.
pub(crate) fn attributes<'e, const N: usize>(
    element: &'e BytesStart<'_>,
    names: [&str; N],
) -> Result<[Option<Cow<'e, str>>; N], Error> {
    let mut values = [const { None }; N];
    for attribute in element.attributes() {
        let attribute = attribute?;
        if let Some(at) = names.iter().position(|name| attribute.key.as_ref() == *name) {
            values[at] = Some(attribute.normalized_value(XmlVersion::Implicit1_0)?);
        }
    }
    Ok(values)
}

/// The character that a reference in a text stands for.
pub(crate) fn push_reference(out: &mut String, reference: &BytesRef<'_>) -> Result<(), Error> {
    if let Some(character) = reference.resolve_char_ref()? {
        out.push(character);
        return Ok(());
    }
    let Some(text) = quick_xml::escape::resolve_predefined_entity(reference) else {
        let unknown = quick_xml::escape::EscapeError::UnrecognizedEntity(0..reference.len(), reference.to_string());
        return Err(unknown.into());
    };
    out.push_str(text);
    Ok(())
}

/// A reader that fails when one element is too long, instead of holding all of it.
struct Fuse<R> {
    inner: R,
    left: usize,
}

impl<R: BufRead> Read for Fuse<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.left = self.left.saturating_sub(count);
        Ok(count)
    }
}

impl<R: BufRead> BufRead for Fuse<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.left == 0 {
            let what = format!("an element of more than {LINE_BYTES_MAX} bytes");
            return Err(io::Error::new(io::ErrorKind::InvalidData, what));
        }
        self.inner.fill_buf()
    }

    fn consume(&mut self, count: usize) {
        self.left = self.left.saturating_sub(count);
        self.inner.consume(count);
    }
}
