//! Many distinct sequences of moments, each with a count, in little memory.
//!
//! All sequences lie one behind the other in one buffer, one byte per moment while there are few moments. Finding one
//! takes a hash over those bytes and, where the hash is known, a comparison of the bytes themselves, so that two
//! sequences never pass for one.

use hashbrown::HashTable;
use journey::Moment;
use rapidhash::v3::rapidhash_v3;
use serde::{Deserialize, Serialize};

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
///
/// Those that were kept lie first, in the order of their hashes, and are found by halving; a table of them would take longer
/// to make than everything else that a question asked again has to do.
#[derive(Debug, Default)]
pub(crate) struct Sequences {
    /// A part of the hash, so that most others are passed over without looking at their bytes, and the number.
    table: HashTable<(u32, u32)>,
    /// Where the bytes of each end; they start where those of the one before end.
    ends: Vec<usize>,
    bytes: Vec<u8>,
    counts: Vec<u64>,
    /// How many lie in the order of their hashes, and not in the table.
    sorted: usize,
    /// Whether sequences were taken out that were not there.
    astray: bool,
}

/// What is kept of sequences: in the order of their hashes, how often each was added, how long it is, and all their bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Kept {
    counts: Vec<u64>,
    lengths: Vec<usize>,
    #[serde(with = "whole")]
    bytes: Vec<u8>,
}

impl Sequences {
    /// Adds `count` to a sequence, and gives its number: they are dense, from 0, in the order in which sequences came.
    pub(crate) fn add(&mut self, sequence: &[u8], count: u64) -> usize {
        let Self { table, ends, bytes, counts, .. } = self;
        let part = part(sequence);
        let found = table
            .find(spread(part), |(other, number)| *other == part && slice(bytes, ends, *number as usize) == sequence);
        if let Some((_, number)) = found {
            counts[*number as usize] += count;
            return *number as usize;
        }
        if self.sorted > 0
            && let Some(number) = self.find_sorted(sequence)
        {
            self.counts[number] += count;
            return number;
        }
        let Self { table, ends, bytes, counts, .. } = self;
        let number = u32::try_from(counts.len()).expect("fewer than 2^32 sequences fit in memory");
        table.insert_unique(spread(part), (part, number), |(part, _)| spread(*part));
        bytes.extend_from_slice(sequence);
        ends.push(bytes.len());
        counts.push(count);
        number as usize
    }

    /// The number of a sequence among those that lie in the order of their hashes.
    #[cold]
    #[inline(never)]
    fn find_sorted(&self, sequence: &[u8]) -> Option<usize> {
        let wanted = part(sequence);
        let mut alike = (self.place(wanted)..self.sorted).take_while(|number| part(self.bytes_of(*number)) == wanted);
        alike.find(|number| self.bytes_of(*number) == sequence)
    }

    /// Where a hash stands, or would, among those that lie in the order of their hashes.
    fn place(&self, wanted: u32) -> usize {
        let (mut first, mut end) = (0, self.sorted);
        while first < end {
            let middle = usize::midpoint(first, end);
            if part(self.bytes_of(middle)) < wanted { first = middle + 1 } else { end = middle }
        }
        first
    }

    /// The number of a sequence.
    fn find(&self, sequence: &[u8]) -> Option<usize> {
        let part = part(sequence);
        let same = |(other, number): &(u32, u32)| *other == part && self.bytes_of(*number as usize) == sequence;
        let found = self.table.find(spread(part), same).map(|(_, number)| *number as usize);
        found.or_else(|| self.find_sorted(sequence))
    }

    /// How often a sequence was added.
    pub(crate) fn count_of(&self, sequence: &[u8]) -> u64 {
        self.find(sequence).map_or(0, |number| self.count(number))
    }

    /// Takes in other sequences; numbers are others afterwards.
    pub(crate) fn merge(&mut self, mut other: Self) {
        if other.len() > self.len() {
            std::mem::swap(self, &mut other);
        }
        self.astray |= other.astray;
        for number in other.numbers() {
            self.add(other.bytes_of(number), other.count(number));
        }
    }

    /// Takes out other sequences, which are all here as often or more often.
    pub(crate) fn subtract(&mut self, other: &Self) {
        for number in 0..other.len() {
            match self.find(other.bytes_of(number)) {
                Some(ours) if self.counts[ours] >= other.counts[number] => self.counts[ours] -= other.counts[number],
                _ => self.astray = true,
            }
        }
    }

    /// What has to be known of them to go on another day; nothing where too much was taken out.
    pub(crate) fn keep(&self) -> Option<Kept> {
        if self.astray {
            return None;
        }
        // As one number each, hash first, half a million of them are in order in a tenth of the time.
        let one = |(part, number): &(u32, u32)| u64::from(*part) << 32 | u64::from(*number);
        let new = self.table.iter().filter(|(_, number)| self.counts[*number as usize] > 0);
        let mut new: Vec<u64> = new.map(one).collect();
        new.sort_unstable();
        let mut kept = Kept {
            counts: Vec::with_capacity(self.len()),
            lengths: Vec::with_capacity(self.len()),
            bytes: Vec::with_capacity(self.bytes.len()),
        };
        // Nearly all is in order already, and goes over in long pieces.
        let mut from = 0;
        #[expect(clippy::cast_possible_truncation, reason = "either half at a time")]
        for one in new {
            let (place, number) = (self.place((one >> 32) as u32), one as u32 as usize);
            self.copy(from, place, &mut kept);
            self.copy(number, number + 1, &mut kept);
            from = place;
        }
        self.copy(from, self.sorted, &mut kept);
        Some(kept)
    }

    /// Writes the sequences from one number to before another, without those that are gone.
    fn copy(&self, from: usize, to: usize, kept: &mut Kept) {
        let mut start = from;
        while start < to {
            let end = (start..to).find(|number| self.counts[*number] == 0).unwrap_or(to);
            if start < end {
                kept.counts.extend_from_slice(&self.counts[start..end]);
                kept.lengths.extend((start..end).map(|number| self.bytes_of(number).len()));
                let first = self.ends[start] - self.bytes_of(start).len();
                kept.bytes.extend_from_slice(&self.bytes[first..self.ends[end - 1]]);
            }
            start = end + 1;
        }
    }

    /// Takes up what was kept.
    pub(crate) fn resume(&mut self, kept: Kept) {
        let mut end = 0;
        let ends = kept.lengths.into_iter().map(|length| {
            end += length;
            end
        });
        *self = Self { ends: ends.collect(), bytes: kept.bytes, counts: kept.counts, ..Self::default() };
        self.sorted = self.counts.len();
    }

    /// The numbers of those that were added more often than taken out.
    pub(crate) fn numbers(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.len()).filter(|number| self.counts[*number] > 0)
    }

    /// The number of distinct sequences, with those that were taken out again.
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

/// Bytes as they are, and not one after the other, which serde does otherwise.
mod whole {
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(bytes)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        <&[u8]>::deserialize(deserializer).map(<[u8]>::to_vec)
    }
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

        #[test]
        fn kept_ones_are_counted_on(
            rounds in prop::collection::vec(prop::collection::vec((0u8..40, any::<bool>()), 0..60), 1..4),
        ) {
            let (mut sequences, mut map): (Sequences, BTreeMap<Vec<u8>, u64>) = Default::default();
            for round in rounds {
                let (mut out, mut more) = (Sequences::default(), Sequences::default());
                for (of, put_in) in round {
                    let sequence = vec![of; usize::from(of % 5)];
                    let count = map.entry(sequence.clone()).or_default();
                    if put_in {
                        more.add(&sequence, 1);
                        *count += 1;
                    } else if sequences.count_of(&sequence) > out.count_of(&sequence) {
                        out.add(&sequence, 1);
                        *count -= 1;
                    }
                }
                sequences.subtract(&out);
                for number in more.numbers() {
                    sequences.add(more.bytes_of(number), more.count(number));
                }
                for (sequence, count) in &map {
                    prop_assert_eq!(sequences.count_of(sequence), *count);
                }
                prop_assert_eq!(sequences.numbers().count(), map.values().filter(|count| **count > 0).count());
                let kept = sequences.keep().expect("all were there");
                sequences = Sequences::default();
                sequences.resume(kept.clone());
                prop_assert_eq!(sequences.keep(), Some(kept), "in any order of adding");
            }
            let mut stranger = Sequences::default();
            stranger.add(b"never", 1);
            sequences.subtract(&stranger);
            prop_assert_eq!(sequences.keep(), None);
        }
    }
}
