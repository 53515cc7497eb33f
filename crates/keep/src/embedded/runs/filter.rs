//! Says of most keys that are not in a run that they are not, with one look into memory.

use xxhash_rust::xxh3::xxh3_128;

use crate::embedded::fresh::Mark;

/// So much says it of a key that is there: of a hundred keys that are not, about one is looked for in vain.
const KEY_BITS: u64 = 10;

/// Bits of a key. They take up half of a hash with where each is in its line.
const MARKS: u32 = 7;

const WORDS: usize = 8;
const LINE_BITS: u64 = 64 * WORDS as u64;
pub(super) const LINE_BYTES: usize = 8 * WORDS;

/// What lies in the caches of a processor together.
#[derive(Clone, Copy)]
#[repr(align(64))]
struct Line([u64; WORDS]);

/// What a filter asks of a key.
#[derive(Clone, Copy)]
pub(super) struct Asked {
    line: u64,
    bits: u64,
}

impl Asked {
    pub(super) fn of(key: &Mark) -> Self {
        let hash = xxh3_128(key);
        let [line, bits] = [hash >> 64, hash & u128::from(u64::MAX)].map(|half| u64::try_from(half).expect("a half"));
        Self { line, bits }
    }

    /// The bits of its line: word, and bit in the word.
    fn marks(self) -> impl Iterator<Item = (usize, u64)> {
        (0..MARKS).map(move |n| {
            let bit = (self.bits >> (9 * n)) & (LINE_BITS - 1);
            (usize::try_from(bit / 64).expect("few"), 1 << (bit % 64))
        })
    }
}

pub(super) struct Filter(Vec<Line>);

impl Filter {
    /// One of which every key so far is not there, for so many keys at most.
    pub(super) fn with_room_for(keys: u64) -> Self {
        let lines = (keys.max(1) * KEY_BITS).div_ceil(LINE_BITS);
        Self(vec![Line([0; WORDS]); usize::try_from(lines).expect("they are in memory")])
    }

    pub(super) fn decode(bytes: &[u8]) -> Self {
        let words = |line: &[u8; LINE_BYTES]| {
            let words = line.as_chunks().0;
            Line(std::array::from_fn(|n| u64::from_le_bytes(words[n])))
        };
        Self(bytes.as_chunks().0.iter().map(words).collect())
    }

    pub(super) fn encode(&self, bytes: &mut Vec<u8>) {
        bytes.extend(self.0.iter().flat_map(|line| line.0.iter().flat_map(|word| word.to_le_bytes())));
    }

    fn line(&self, asked: Asked) -> usize {
        let line = (u128::from(asked.line) * self.0.len() as u128) >> 64;
        usize::try_from(line).expect("it is less than how many there are")
    }

    pub(super) fn add(&mut self, key: &Mark) {
        let asked = Asked::of(key);
        let line = self.line(asked);
        for (word, bit) in asked.marks() {
            self.0[line].0[word] |= bit;
        }
    }

    /// Whether a key may be there.
    pub(super) fn may_have(&self, asked: Asked) -> bool {
        self.0.get(self.line(asked)).is_some_and(|line| asked.marks().all(|(word, bit)| line.0[word] & bit != 0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_may_be_and_of_what_is_not_little() {
        let key = |n: u128| n.to_be_bytes();
        let mut filter = Filter::with_room_for(10_000);
        (0..10_000).for_each(|n| filter.add(&key(n)));
        let mut bytes = Vec::new();
        filter.encode(&mut bytes);
        assert_eq!((bytes.len() % LINE_BYTES, bytes.len() * 8 / 10_000), (0, 10));
        let filter = Filter::decode(&bytes);
        assert!((0..10_000).all(|n| filter.may_have(Asked::of(&key(n)))));
        let wrong = (10_000..110_000).filter(|n| filter.may_have(Asked::of(&key(*n)))).count();
        assert!((200..2_000).contains(&wrong), "{wrong} of 100,000");
        assert!(!Filter::decode(&[]).may_have(Asked::of(&key(1))));
    }
}
