//! How keys and values of the tables are written: keys so that their order is that of what they mean, values in order of their
//! fields. Little is written, and read by the same file, so a format of our own costs less than one that describes itself.

use crate::error::Error;

/// A signed number, such that smaller ones come first.
pub(crate) fn in_order(value: i64) -> [u8; 8] {
    (value.cast_unsigned() ^ (1 << 63)).to_be_bytes()
}

/// Writes a key or value.
#[derive(Debug, Default)]
pub(crate) struct Pen(Vec<u8>);

impl Pen {
    pub(crate) fn with_capacity(bytes: usize) -> Self {
        Self(Vec::with_capacity(bytes))
    }

    /// Goes on behind these bytes.
    pub(crate) fn after(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    pub(crate) fn u8(mut self, value: u8) -> Self {
        self.0.push(value);
        self
    }

    pub(crate) fn u32(mut self, value: u32) -> Self {
        self.0.extend_from_slice(&value.to_be_bytes());
        self
    }

    pub(crate) fn u64(mut self, value: u64) -> Self {
        self.0.extend_from_slice(&value.to_be_bytes());
        self
    }

    /// A signed number, as [`in_order`].
    pub(crate) fn i64(self, value: i64) -> Self {
        self.rest(&in_order(value))
    }

    /// Bytes with their length: what follows is not taken for a part of them.
    pub(crate) fn sized(self, bytes: &[u8]) -> Self {
        let length = u32::try_from(bytes.len()).expect("sizes are checked against limits far below 4 GiB");
        self.u32(length).rest(bytes)
    }

    /// Bytes up to the end.
    pub(crate) fn rest(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }

    pub(crate) fn done(self) -> Vec<u8> {
        self.0
    }
}

/// Reads what a [`Pen`] wrote.
#[derive(Debug)]
pub(crate) struct Eye<'a>(&'a [u8]);

impl<'a> Eye<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(crate) fn is_at_end(&self) -> bool {
        self.0.is_empty()
    }

    fn take(&mut self, n: usize) -> Result<&'a [u8], Error> {
        let (taken, rest) =
            self.0.split_at_checked(n).ok_or_else(|| Error::corrupt("a row is shorter than it says"))?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        Ok(self.take(N)?.try_into().expect("as many bytes were taken"))
    }

    pub(crate) fn u8(&mut self) -> Result<u8, Error> {
        Ok(u8::from_be_bytes(self.array()?))
    }

    pub(crate) fn u32(&mut self) -> Result<u32, Error> {
        Ok(u32::from_be_bytes(self.array()?))
    }

    pub(crate) fn u64(&mut self) -> Result<u64, Error> {
        Ok(u64::from_be_bytes(self.array()?))
    }

    pub(crate) fn i64(&mut self) -> Result<i64, Error> {
        Ok((self.u64()? ^ (1 << 63)).cast_signed())
    }

    pub(crate) fn sized(&mut self) -> Result<&'a [u8], Error> {
        let length = self.u32()?;
        self.take(usize::try_from(length).expect("32 bits fit into a usize"))
    }

    pub(crate) fn text(&mut self) -> Result<String, Error> {
        String::from_utf8(self.sized()?.to_vec()).map_err(|_| Error::corrupt("a text is not UTF-8"))
    }

    pub(crate) fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.0)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may fail anywhere")]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let bytes = Pen::default().u8(7).i64(-5).u32(9).u64(11).sized(b"ab").rest(b"end").done();
        let mut eye = Eye::new(&bytes);
        assert_eq!((eye.u8().unwrap(), eye.i64().unwrap(), eye.u32().unwrap(), eye.u64().unwrap()), (7, -5, 9, 11));
        assert_eq!((eye.sized().unwrap(), eye.rest()), (&b"ab"[..], &b"end"[..]));
        assert!(matches!(eye.u8(), Err(Error::Corrupt { .. })));
    }

    #[test]
    fn keys_sort_as_their_numbers() {
        let numbers = [i64::MIN, -1_000_000, -1, 0, 1, 255, 256, 1_790_000_000_000_000, i64::MAX];
        let keys: Vec<_> = numbers.iter().map(|n| Pen::default().i64(*n).done()).collect();
        assert!(keys.is_sorted());
    }
}
