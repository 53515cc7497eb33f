//! A delivery as a row.

use crate::bytes::{Eye, Pen};
use crate::commit::Post;
use crate::error::Error;
use crate::limits::WHY_BYTES_MAX;
use crate::loaded::Customer;

/// A delivery that waits or was given up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Parcel {
    pub(super) post: Post,
    pub(super) attempts: u32,
    pub(super) dead: bool,
    /// What went wrong the last time.
    pub(super) why: String,
}

impl Parcel {
    pub(super) fn encode(&self) -> Vec<u8> {
        let bytes = 64 + self.post.target.len() + self.why.len() + self.post.bytes.len();
        Pen::with_capacity(bytes)
            .u8(u8::from(self.dead))
            .u32(self.attempts)
            .i64(self.post.customer.0)
            .i64(self.post.due_us)
            .sized(self.post.target.as_bytes())
            .sized(self.why.as_bytes())
            .rest(&self.post.bytes)
            .done()
    }

    pub(super) fn decode(id: &[u8], row: &[u8]) -> Result<Self, Error> {
        let mut eye = Eye::new(row);
        let dead = eye.u8()? != 0;
        let attempts = eye.u32()?;
        let (customer, due_us) = (Customer(eye.i64()?), eye.i64()?);
        let (target, why) = (eye.text()?, eye.text()?);
        let post = Post { target, id: id.to_vec(), customer, due_us, bytes: eye.rest().to_vec() };
        Ok(Self { post, attempts, dead, why })
    }
}

/// Why an attempt failed, no longer than may be kept; and without zero bytes, which some homes cannot keep.
pub(crate) fn shortened(why: &str) -> String {
    let end = why.floor_char_boundary(WHY_BYTES_MAX);
    why.chars()
        .scan(0, |bytes, c| {
            *bytes += c.len_utf8();
            (*bytes <= end).then_some(c)
        })
        .filter(|c| *c != '\0')
        .collect()
}
