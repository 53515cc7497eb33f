//! From the bytes of a body to those of its text.

use std::borrow::Cow;
use std::io::Read as _;
use std::ops::RangeInclusive;

use flate2::bufread::MultiGzDecoder;

use crate::text::Compression;

use super::BodyError;

/// Undoes the compression of a body, and mends what is no JSON in it although clients write it: halves of characters, and numbers
/// that are none. `encoding` is what the sender calls it, `max` how many bytes may come out.
///
/// Gzip is also told by its first bytes, which are no JSON: some clients do not say that they compress.
///
/// # Errors
/// When the encoding is another one, the gzip is broken or cut off, or more than `max` bytes come out.
///
/// ```
/// use listen::intake::{BodyError, decode};
/// assert_eq!(decode(b"{}", Some("identity"), 10)?, &b"{}"[..]);
/// assert!(matches!(decode(b"{}", Some("br"), 10), Err(BodyError::UnknownEncoding { .. })));
/// # Ok::<(), BodyError>(())
/// ```
pub fn decode<'a>(body: &'a [u8], encoding: Option<&str>, max: usize) -> Result<Cow<'a, [u8]>, BodyError> {
    let encoding = encoding.unwrap_or_default().trim();
    let gzip = match encoding.to_ascii_lowercase().as_str() {
        "" | "identity" => Compression::detect(body) == Compression::Gzip,
        "gzip" | "x-gzip" => true,
        _ => return Err(BodyError::UnknownEncoding { encoding: encoding.to_owned() }),
    };
    let mut out = if gzip { Cow::Owned(gunzip(body, max)?) } else { Cow::Borrowed(body) };
    if out.len() > max {
        return Err(BodyError::TooLarge { max });
    }
    mend(&mut out);
    mend_numbers(&mut out);
    Ok(out)
}

fn gunzip(body: &[u8], max: usize) -> Result<Vec<u8>, BodyError> {
    // What may come out is bounded by what is asked for, so that a small body cannot fill the memory.
    let mut out = Vec::with_capacity(max.min(body.len().saturating_mul(4)));
    let mut limited = MultiGzDecoder::new(body).take(max as u64 + 1);
    limited.read_to_end(&mut out).map_err(|error| BodyError::BrokenGzip { detail: error.to_string() })?;
    Ok(out)
}

/// Replaces halves of characters by U+FFFD: clients in JavaScript cut texts in the middle of an emoji, and write the half
/// as `\ud83d`, which is no text for anybody else. All escapes are of one length, so nothing moves.
fn mend(body: &mut Cow<'_, [u8]>) {
    const HIGH: RangeInclusive<u32> = 0xd800..=0xdbff;
    const LOW: RangeInclusive<u32> = 0xdc00..=0xdfff;
    let suspect = |escape: &[u8]| memchr::memmem::find(body, escape).is_some();
    if !suspect(b"\\ud") && !suspect(b"\\uD") {
        return;
    }
    let mut at = 0;
    while let Some(found) = memchr::memchr(b'\\', body.get(at..).unwrap_or_default()) {
        at += found;
        let unit = escape(body, at);
        let pair =
            unit.is_some_and(|unit| HIGH.contains(&unit)) && escape(body, at + 6).is_some_and(|low| LOW.contains(&low));
        if !pair && unit.is_some_and(|unit| HIGH.contains(&unit) || LOW.contains(&unit)) {
            body.to_mut()[at..at + 6].copy_from_slice(b"\\ufffd");
        }
        // An escaped backslash is no beginning of an escape.
        at += if pair { 12 } else { 2 };
    }
}

/// Replaces numbers that are none by `null`: `json.dumps` of Python writes `NaN`, `Infinity` and `-Infinity` as they are, and one of
/// them would lose all messages of its batch. What is no object or list, such as a text, stays as it came.
fn mend_numbers(body: &mut Cow<'_, [u8]>) {
    const WORDS: [&[u8]; 3] = [b"NaN", b"Infinity", b"-Infinity"];
    let is_suspect = WORDS[..2].iter().any(|word| memchr::memmem::find(body, word).is_some());
    if !is_suspect || !matches!(body.trim_ascii_start().first(), Some(b'{' | b'[')) {
        return;
    }
    let (mut out, mut copied, mut at) = (Vec::new(), 0, 0);
    while let Some(byte) = body.get(at) {
        if *byte == b'"' {
            at = behind_text(body, at);
        } else if let Some(word) = WORDS.iter().find(|word| body[at..].starts_with(word)) {
            out.extend_from_slice(&body[copied..at]);
            out.extend_from_slice(b"null");
            at += word.len();
            copied = at;
        } else {
            at += 1;
        }
    }
    if copied > 0 {
        out.extend_from_slice(&body[copied..]);
        *body = Cow::Owned(out);
    }
}

/// Where it goes on behind the text that begins here; behind everything, where it does not end.
fn behind_text(body: &[u8], begin: usize) -> usize {
    let mut at = begin + 1;
    while let Some(found) = memchr::memchr2(b'"', b'\\', body.get(at..).unwrap_or_default()) {
        at += found;
        if body[at] == b'"' {
            return at + 1;
        }
        at += 2;
    }
    body.len()
}

/// The number of the escape `\uXXXX` that begins here.
fn escape(body: &[u8], at: usize) -> Option<u32> {
    let digits = body.get(at..at + 6)?.strip_prefix(b"\\u")?;
    digits.iter().try_fold(0, |number, digit| Some(number * 16 + char::from(*digit).to_digit(16)?))
}
