//! From compressed bytes in some encoding to UTF-8, without holding the file.
//!
//! Everything here wraps a reader that somebody else opened. Compression is told by its magic bytes, never by a file
//! name; the encoding by the byte order mark or the pattern of the bytes.

use std::io::{self, BufRead, BufReader, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use encoding_rs::{CoderResult, Decoder};

/// How many bytes of a reader have been consumed; for a progress bar, so of the compressed file.
#[derive(Debug, Clone, Default)]
pub struct Progress(Arc<AtomicU64>);

impl Progress {
    /// The bytes consumed so far.
    pub fn bytes(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A reader that counts what is read from it.
#[derive(Debug)]
pub struct Counted<R> {
    inner: R,
    progress: Progress,
}

impl<R: Read> Counted<R> {
    /// Counts the bytes of `inner`; the second value shows how many there were, also from another thread.
    pub fn new(inner: R) -> (Self, Progress) {
        let progress = Progress::default();
        (Self { inner, progress: progress.clone() }, progress)
    }
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.progress.0.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}

/// How bytes are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    Plain,
    /// By gzip, in one member or several.
    Gzip,
    /// By Zstandard.
    Zstd,
}

impl Compression {
    /// Tells by the first bytes.
    pub fn detect(first: &[u8]) -> Self {
        match first {
            [0x1f, 0x8b, ..] => Compression::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Compression::Zstd,
            _ => Compression::Plain,
        }
    }
}

/// The size of the buffers between the stages.
const BUFFER: usize = 128 * 1024;

/// Undoes the compression, whichever it is.
///
/// # Errors
/// When the first bytes cannot be read, or are a broken Zstandard header.
pub fn decompress<'a>(mut input: Box<dyn BufRead + 'a>) -> io::Result<Box<dyn Read + 'a>> {
    Ok(match Compression::detect(input.fill_buf()?) {
        Compression::Plain => input,
        Compression::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(input)),
        Compression::Zstd => Box::new(zstd::stream::read::Decoder::with_buffer(input)?),
    })
}

/// The first bytes of a file, decompressed as far as they go, at most `max` of them.
pub fn decompress_sample(first: &[u8], max: usize) -> Vec<u8> {
    let mut sample = Vec::new();
    if let Ok(mut reader) = decompress(Box::new(first)) {
        let mut chunk = vec![0; BUFFER];
        // A sample ends in the middle, so an error at its end says nothing; what was read before it counts.
        while sample.len() < max {
            match reader.read(&mut chunk) {
                Ok(0) | Err(_) => break,
                Ok(count) => sample.extend_from_slice(&chunk[..count]),
            }
        }
    }
    sample.truncate(max);
    sample
}

/// Whether these bytes are compressed and do not come to an end.
pub(crate) fn is_cut(bytes: &[u8]) -> bool {
    let all = decompress(Box::new(bytes)).and_then(|mut reader| io::copy(&mut reader, &mut io::sink()));
    all.is_err()
}

/// How text is written as bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Encoding {
    /// UTF-8, with or without a byte order mark.
    #[default]
    Utf8,
    /// UTF-16, low byte first.
    Utf16Le,
    /// UTF-16, high byte first.
    Utf16Be,
    /// Windows-1252, the superset of Latin-1 that Western exports use.
    Windows1252,
}

impl Encoding {
    /// The name, as messages and options use it.
    pub const fn name(self) -> &'static str {
        match self {
            Encoding::Utf8 => "utf-8",
            Encoding::Utf16Le => "utf-16le",
            Encoding::Utf16Be => "utf-16be",
            Encoding::Windows1252 => "windows-1252",
        }
    }

    /// The encoding of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        let all = [Encoding::Utf8, Encoding::Utf16Le, Encoding::Utf16Be, Encoding::Windows1252];
        all.into_iter().find(|encoding| encoding.name().eq_ignore_ascii_case(name))
    }

    /// Tells the encoding of a sample.
    pub fn detect(sample: &[u8]) -> Self {
        match sample {
            [0xef, 0xbb, 0xbf, ..] => return Encoding::Utf8,
            [0xff, 0xfe, ..] => return Encoding::Utf16Le,
            [0xfe, 0xff, ..] => return Encoding::Utf16Be,
            _ => {}
        }
        if let Some(encoding) = by_zero_bytes(sample) {
            return encoding;
        }
        // One broken character does not make a file Windows-1252: then there are hardly any characters of more than one
        // byte that happen to be UTF-8.
        let (mut good, mut broken) = (0_usize, 0_usize);
        for chunk in sample.utf8_chunks() {
            good += chunk.valid().chars().filter(|c| !c.is_ascii()).count();
            broken += usize::from(!chunk.invalid().is_empty());
        }
        // The sample may be cut in the middle of a character.
        let cut = std::str::from_utf8(sample).is_err_and(|error| error.error_len().is_none());
        broken -= usize::from(cut && broken > 0);
        if broken > good { Encoding::Windows1252 } else { Encoding::Utf8 }
    }
}

/// In UTF-16, every other byte of Western text is zero.
fn by_zero_bytes(sample: &[u8]) -> Option<Encoding> {
    let sample = sample.get(..sample.len().min(4096)).unwrap_or_default();
    let zeros = |at: usize| sample.iter().skip(at).step_by(2).filter(|b| **b == 0).count();
    let (even, odd) = (zeros(0), zeros(1));
    let many = sample.len() / 2 * 4 / 10;
    match (even > many, odd > many) {
        (false, true) if many > 0 => Some(Encoding::Utf16Le),
        (true, false) if many > 0 => Some(Encoding::Utf16Be),
        _ => None,
    }
}

/// A sample as UTF-8; a character cut at its end is left out.
pub fn decode_sample(sample: &[u8], encoding: Encoding) -> Vec<u8> {
    let mut text = Vec::new();
    let mut reader = Decoded::new(sample, encoding).0;
    let read = reader.read_to_end(&mut text);
    debug_assert!(read.is_ok(), "reading from memory does not fail");
    text
}

/// Whether a text had characters that could not be decoded and were replaced by U+FFFD.
#[derive(Debug, Clone, Default)]
pub(crate) struct Replaced(Arc<AtomicBool>);

impl Replaced {
    /// Whether there was any.
    pub(crate) fn any(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// A reader of UTF-8 over a reader of bytes in some encoding. UTF-8 passes as it is, apart from its byte order mark.
pub(crate) struct Decoded<R> {
    inner: BufReader<R>,
    decoder: Option<Decoder>,
    started: bool,
    ended: bool,
    ready: Vec<u8>,
    taken: usize,
    replaced: Replaced,
}

impl<R: Read> Decoded<R> {
    pub(crate) fn new(inner: R, encoding: Encoding) -> (Self, Replaced) {
        let decoder = match encoding {
            Encoding::Utf8 => None,
            Encoding::Utf16Le => Some(encoding_rs::UTF_16LE.new_decoder_with_bom_removal()),
            Encoding::Utf16Be => Some(encoding_rs::UTF_16BE.new_decoder_with_bom_removal()),
            Encoding::Windows1252 => Some(encoding_rs::WINDOWS_1252.new_decoder_without_bom_handling()),
        };
        let replaced = Replaced::default();
        let inner = BufReader::with_capacity(BUFFER, inner);
        (
            Self {
                inner,
                decoder,
                started: false,
                ended: false,
                ready: Vec::new(),
                taken: 0,
                replaced: replaced.clone(),
            },
            replaced,
        )
    }

    fn skip_mark(&mut self) -> io::Result<()> {
        self.started = true;
        if self.decoder.is_none() && self.inner.fill_buf()?.starts_with(b"\xef\xbb\xbf") {
            self.inner.consume(3);
        }
        Ok(())
    }

    /// Decodes the next piece into `ready`.
    fn refill(&mut self, decoder: &mut Decoder) -> io::Result<()> {
        self.taken = 0;
        self.ready.resize(BUFFER * 3, 0);
        let input = self.inner.fill_buf()?;
        let last = input.is_empty();
        let (result, read, written, had_errors) = decoder.decode_to_utf8(input, &mut self.ready, last);
        self.inner.consume(read);
        self.ready.truncate(written);
        self.ended = last && result == CoderResult::InputEmpty;
        if had_errors {
            self.replaced.0.store(true, Ordering::Relaxed);
        }
        Ok(())
    }
}

impl<R: Read> Read for Decoded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if !self.started {
            self.skip_mark()?;
        }
        let Some(mut decoder) = self.decoder.take() else { return self.inner.read(buffer) };
        let mut filled = Ok(());
        while self.taken == self.ready.len() && !self.ended && filled.is_ok() {
            filled = self.refill(&mut decoder);
        }
        self.decoder = Some(decoder);
        filled?;
        let count = buffer.len().min(self.ready.len() - self.taken);
        buffer[..count].copy_from_slice(&self.ready[self.taken..self.taken + count]);
        self.taken += count;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    const TEXT: &str = "Name;Größe\nÄnne;1 €\n";

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).expect("memory");
        encoder.finish().expect("memory")
    }

    fn utf16(text: &str, big: bool) -> Vec<u8> {
        text.encode_utf16().flat_map(|unit| if big { unit.to_be_bytes() } else { unit.to_le_bytes() }).collect()
    }

    #[test]
    fn the_encoding_is_told_by_the_bytes() {
        let (windows, _, _) = encoding_rs::WINDOWS_1252.encode(TEXT);
        let marked = |mark: &[u8], text: Vec<u8>| [mark, &text].concat();
        let cases = [
            (TEXT.as_bytes().to_vec(), Encoding::Utf8),
            (marked(b"\xef\xbb\xbf", TEXT.into()), Encoding::Utf8),
            (marked(b"\xff\xfe", utf16(TEXT, false)), Encoding::Utf16Le),
            (marked(b"\xfe\xff", utf16(TEXT, true)), Encoding::Utf16Be),
            (utf16(TEXT, false), Encoding::Utf16Le),
            (utf16(TEXT, true), Encoding::Utf16Be),
            (windows.into_owned(), Encoding::Windows1252),
        ];
        for (bytes, encoding) in cases {
            assert_eq!(Encoding::detect(&bytes), encoding);
            assert_eq!(String::from_utf8(decode_sample(&bytes, encoding)).as_deref(), Ok(TEXT), "{encoding:?}");
        }
        assert_eq!(Encoding::detect(b""), Encoding::Utf8);
        assert_eq!(Encoding::detect("Größe".as_bytes().split_at(3).0), Encoding::Utf8, "cut inside a character");
        assert_eq!(Encoding::detect("Größe Änne ü \u{fc}".as_bytes()), Encoding::Utf8);
        assert_eq!(Encoding::detect(b"\xc3\xb6\xc3\xa4 \xfc"), Encoding::Utf8, "one broken character among good ones");
    }

    #[test]
    fn characters_that_cannot_be_decoded_are_noticed() {
        let (mut reader, replaced) = Decoded::new(&[0x41, 0x00, 0x00, 0xd8, 0x42, 0x00][..], Encoding::Utf16Le);
        let mut text = String::new();
        reader.read_to_string(&mut text).expect("UTF-8");
        assert_eq!(text, "A\u{fffd}B");
        assert!(replaced.any());
    }

    #[test]
    fn compression_is_undone_and_counted() {
        let two_members = [gzip(b"one "), gzip(b"two")].concat();
        let zstd = zstd::encode_all(&b"one two"[..], 1).expect("memory");
        for bytes in [two_members, zstd, b"one two".to_vec()] {
            let (counted, progress) = Counted::new(bytes.as_slice());
            let mut text = String::new();
            let mut reader = decompress(Box::new(BufReader::new(counted))).expect("a known compression");
            reader.read_to_string(&mut text).expect("text");
            assert_eq!(text, "one two");
            assert_eq!(progress.bytes(), bytes.len() as u64);
        }
    }

    #[test]
    fn a_cut_gzip_gives_what_it_has() {
        let text = (0..50_000).map(|n| n.to_string()).collect::<Vec<_>>().join("\n");
        let bytes = gzip(text.as_bytes());
        let half = &bytes[..bytes.len() / 2];
        let sample = decompress_sample(half, 1 << 20);
        assert!(sample.len() > 1000 && text.as_bytes().starts_with(&sample), "{}", sample.len());
        let mut all = Vec::new();
        let error = decompress(Box::new(half)).expect("gzip").read_to_end(&mut all).expect_err("cut");
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    }
}
