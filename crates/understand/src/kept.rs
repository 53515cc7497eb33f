//! What folds keep, as bytes: a hash stands before them, so that damaged ones are refused before anything is counted from
//! them.

use rapidhash::v3::rapidhash_v3;
use serde::{Deserialize, Serialize};

const HASH_BYTES: usize = size_of::<u64>();

/// The bytes of a state.
pub(crate) fn keep(state: &impl Serialize) -> Option<Vec<u8>> {
    keep_in(state, 0)
}

/// As [`keep`], of a state that will take about so many bytes, if that is known: growing takes time where they are many.
pub(crate) fn keep_in(state: &impl Serialize, room: usize) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(HASH_BYTES + room);
    bytes.extend_from_slice(&[0; HASH_BYTES]);
    let mut bytes = postcard::to_extend(state, bytes).ok()?;
    let (hash, state) = bytes.split_first_chunk_mut::<HASH_BYTES>()?;
    *hash = rapidhash_v3(state).to_le_bytes();
    Some(bytes)
}

/// The state that was kept as these bytes; `None` where they are not those that were written.
pub(crate) fn resume<'a, State: Deserialize<'a>>(kept: &'a [u8]) -> Option<State> {
    let (hash, bytes) = kept.split_first_chunk()?;
    if rapidhash_v3(bytes) != u64::from_le_bytes(*hash) {
        return None;
    }
    let (state, rest) = postcard::take_from_bytes(bytes).ok()?;
    rest.is_empty().then_some(state)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_written_is_read() {
        let kept = keep(&(7u64, vec![1i64, -2, 3])).expect("plain numbers");
        assert_eq!(resume(&kept), Some((7u64, vec![1i64, -2, 3])));
        for place in 0..kept.len() {
            let mut damaged = kept.clone();
            damaged[place] ^= 1;
            assert_eq!(resume::<(u64, Vec<i64>)>(&damaged), None, "byte {place}");
            assert_eq!(resume::<(u64, Vec<i64>)>(&kept[..place]), None, "cut at {place}");
        }
        assert_eq!(resume::<u64>(&kept), None, "of another kind");
    }
}
