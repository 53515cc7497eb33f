//! From the bytes of a body to those of its text.

use std::borrow::Cow;
use std::io::Read as _;

use flate2::bufread::MultiGzDecoder;

use crate::text::Compression;

use super::BodyError;

/// Undoes the compression of a body. `encoding` is what the sender calls it, `max` how many bytes may come out.
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
    if !gzip {
        return if body.len() > max { Err(BodyError::TooLarge { max }) } else { Ok(Cow::Borrowed(body)) };
    }
    // What may come out is bounded by what is asked for, so that a small body cannot fill the memory.
    let mut out = Vec::with_capacity(max.min(body.len().saturating_mul(4)));
    let mut limited = MultiGzDecoder::new(body).take(max as u64 + 1);
    limited.read_to_end(&mut out).map_err(|error| BodyError::BrokenGzip { detail: error.to_string() })?;
    if out.len() > max { Err(BodyError::TooLarge { max }) } else { Ok(Cow::Owned(out)) }
}
