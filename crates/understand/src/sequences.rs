//! Many distinct sequences of moments, each with a count, in little memory.
//!
//! All sequences lie one behind the other in one buffer, one byte per moment while there are few moments. Finding one
//! takes a hash over those bytes and, where the hash is known, a comparison of the bytes themselves, so that two
//! sequences never pass for one.

use hashbrown::HashTable;
use journey::Moment;
use rapidhash::v3::rapidhash_v3;

/// Up to this number a moment takes one byte.
const ONE_BYTE: u32 = 0x80;

/// A sequence as bytes: seven bits of a moment in each, the lowest first, with the top bit set where more follow
/// (LEB128). Different sequences are different bytes.
pub(crate) fn encode(moments: &[Moment], bytes: &mut Vec<u8>) {
    bytes.clear();
    #[expect(clippy::cast_possible_truncation, reason = "seven bits at a time")]
    if moments.iter().fold(0, |all, moment| all | moment.0) < ONE_BYTE {
        bytes.extend(moments.iter().map(|moment| moment.0 as u8));
    } else {
        for moment in moments {
            let mut rest = moment.0;
            while rest >= ONE_BYTE {
                bytes.push((rest | ONE_BYTE) as u8);
                rest >>= 7;
            }
            bytes.push(rest as u8);
        }
    }
}

/// The sequence that bytes stand for.
pub(crate) fn decode(bytes: &[u8]) -> impl Iterator<Item = Moment> + '_ {
    let mut bytes = bytes.iter();
    std::iter::from_fn(move || {
        let (mut moment, mut shift) = (0, 0);
        loop {
            let byte = u32::from(*bytes.next()?);
            moment |= (byte & (ONE_BYTE - 1)) << shift;
            if byte < ONE_BYTE {
                return Some(Moment(moment));
            }
            shift += 7;
        }
    })
}

/// Sequences and how often each was added.
#[derive(Debug, Default)]
pub(crate) struct Sequences {
    /// A part of the hash, so that most others are passed over without looking at their bytes, and the number.
    table: HashTable<(u32, u32)>,
    /// Where the bytes of each end; they start where those of the one before end.
    ends: Vec<usize>,
    bytes: Vec<u8>,
    counts: Vec<u64>,
}

impl Sequences {
    /// Adds `count` to a sequence, and gives its number: they are dense, from 0, in the order in which sequences came.
    pub(crate) fn add(&mut self, sequence: &[u8], count: u64) -> usize {
        let Self { table, ends, bytes, counts } = self;
        let part = part(sequence);
        let found = table
            .find(spread(part), |(other, number)| *other == part && slice(bytes, ends, *number as usize) == sequence);
        if let Some((_, number)) = found {
            counts[*number as usize] += count;
            return *number as usize;
        }
        let number = u32::try_from(counts.len()).expect("fewer than 2^32 sequences fit in memory");
        table.insert_unique(spread(part), (part, number), |(part, _)| spread(*part));
        bytes.extend_from_slice(sequence);
        ends.push(bytes.len());
        counts.push(count);
        number as usize
    }

    /// How often a sequence was added.
    pub(crate) fn count_of(&self, sequence: &[u8]) -> u64 {
        let part = part(sequence);
        let same = |(other, number): &(u32, u32)| *other == part && self.bytes_of(*number as usize) == sequence;
        self.table.find(spread(part), same).map_or(0, |(_, number)| self.count(*number as usize))
    }

    /// The number of distinct sequences.
    pub(crate) fn len(&self) -> usize {
        self.counts.len()
    }

    /// The bytes of the sequence of this number.
    pub(crate) fn bytes_of(&self, number: usize) -> &[u8] {
        slice(&self.bytes, &self.ends, number)
    }

    /// How often the sequence of this number was added.
    pub(crate) fn count(&self, number: usize) -> u64 {
        self.counts[number]
    }
}

#[inline]
fn slice<'a>(bytes: &'a [u8], ends: &[usize], number: usize) -> &'a [u8] {
    let start = if number == 0 { 0 } else { ends[number - 1] };
    &bytes[start..ends[number]]
}

#[expect(clippy::cast_possible_truncation, reason = "half of the hash is enough to tell most apart")]
#[inline]
fn part(sequence: &[u8]) -> u32 {
    rapidhash_v3(sequence) as u32
}

/// The table takes the place from the lower bits and a tag from the upper ones, so both halves have to vary.
#[inline]
fn spread(part: u32) -> u64 {
    u64::from(part).wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        #[test]
        fn sequences_are_counted_as_a_map_would(
            added in prop::collection::vec((prop::collection::vec((0u32..300, 0u32..32), 0..6), 1u64..4), 0..200),
        ) {
            let (mut sequences, mut map) = (Sequences::default(), BTreeMap::new());
            let mut bytes = Vec::new();
            for (sequence, count) in added {
                let moment = |(number, shift): (u32, u32)| Moment((number << shift) % 1_000_000);
                let sequence: Vec<Moment> = sequence.into_iter().map(moment).collect();
                encode(&sequence, &mut bytes);
                prop_assert_eq!(&decode(&bytes).collect::<Vec<_>>(), &sequence);
                sequences.add(&bytes, count);
                *map.entry(sequence).or_insert(0) += count;
            }
            prop_assert_eq!(sequences.len(), map.len());
            for (sequence, count) in map {
                encode(&sequence, &mut bytes);
                prop_assert_eq!(sequences.count_of(&bytes), count);
            }
        }
    }
}
