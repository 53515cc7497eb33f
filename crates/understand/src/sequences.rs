//! Many distinct sequences of moments, each with a count, in little memory.
//!
//! All sequences lie one behind the other in one buffer, one byte per moment while there are few moments. Finding one
//! takes a hash over those bytes and, where the hash is known, a comparison of the bytes themselves, so that two
//! sequences never pass for one.

use std::borrow::Cow;

use hashbrown::HashTable;
use journey::Moment;
use rapidhash::v3::rapidhash_v3;
use serde::{Deserialize, Serialize};

/// Up to this number a moment takes one byte.
const ONE_BYTE: u32 = 0x80;

/// Of so many that were kept one may be looked for by itself; where more are, all are put into the table.
const LISTED_ONE_IN: usize = 16;

/// Bytes for whatever else is kept beside sequences.
const ROOM: usize = 1 << 12;

/// Bits by which those that are looked for are told from others: few enough for the first-level cache.
const WANTED_BITS: usize = 1 << 17;

/// A sequence as bytes: seven bits of a moment in each, the lowest first, with the top bit set where more follow
/// (LEB128). Different sequences are different bytes.
pub(crate) fn encode(moments: &[Moment], bytes: &mut Vec<u8>) {
    bytes.clear();
    append(moments, bytes);
}

fn append(moments: &[Moment], bytes: &mut Vec<u8>) {
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
    /// The part of the hash of each; those of sequences that were kept are known once they are needed.
    parts: Vec<u32>,
    all: Vec<Sequence>,
    bytes: Vec<u8>,
    /// So many, the first, were kept and are in the table only where they were looked for: putting all there would take
    /// longer than everything else that a question asked again has to do.
    kept: usize,
    /// Whether sequences were taken out that were not there.
    astray: bool,
}

/// Sequences that wait to be added. Those that were added before lie far apart in memory, and to wait for one after the other
/// takes long; many at once are fetched together.
#[derive(Debug, Default)]
pub(crate) struct Waiting {
    bytes: Vec<u8>,
    ends: Vec<usize>,
    /// The part of the hash of each, and where it may be.
    found: Vec<(u32, Option<u32>)>,
}

/// So many sequences wait.
const WAITING_MAX: usize = 64;

impl Waiting {
    /// Lets a sequence wait; whether so many do that they should be added.
    #[inline]
    pub(crate) fn push(&mut self, sequence: &[Moment]) -> bool {
        append(sequence, &mut self.bytes);
        self.ends.push(self.bytes.len());
        self.ends.len() == WAITING_MAX
    }

    fn each(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, end)| &self.bytes[start..*end])
    }
}

/// What is known of one: both lie together, since whoever is found is counted.
#[derive(Debug, Clone, Copy)]
struct Sequence {
    /// Where its bytes end; they start where those of the one before end.
    end: usize,
    count: u64,
}

/// What is kept of sequences, as they lie: how often each was added, how long it is, and all their bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Kept<'a> {
    #[serde(borrow)]
    counts: Small<'a>,
    #[serde(borrow)]
    lengths: Small<'a>,
    #[serde(borrow, with = "whole")]
    bytes: Cow<'a, [u8]>,
}

/// Numbers that mostly fit into a byte each, so that they are written and read as one piece.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Small<'a> {
    #[serde(borrow, with = "whole")]
    bytes: Cow<'a, [u8]>,
    /// Those in whose place stands [`LARGE`], in order.
    large: Vec<u64>,
}

/// What stands for a number that is as large or larger.
const LARGE: u8 = u8::MAX;

impl Small<'_> {
    fn push(&mut self, number: u64) {
        let small = u8::try_from(number).ok().filter(|small| *small < LARGE);
        self.bytes.to_mut().push(small.unwrap_or(LARGE));
        self.large.extend(small.is_none().then_some(number));
    }

    fn numbers(&self) -> impl Iterator<Item = u64> {
        let mut large = self.large.iter();
        let number = move |byte: &u8| match *byte {
            LARGE => large.next().copied().unwrap_or_default(),
            small => u64::from(small),
        };
        self.bytes.iter().map(number)
    }
}

impl Sequences {
    /// Adds `count` to a sequence, and gives its number: they are dense, from 0, in the order in which sequences came.
    #[inline]
    pub(crate) fn add(&mut self, sequence: &[u8], count: u64) -> usize {
        if self.kept > 0 {
            self.list_all();
        }
        self.put(part(sequence), sequence, count)
    }

    /// Adds all that wait, once each.
    pub(crate) fn add_waiting(&mut self, waiting: &mut Waiting) {
        // What was kept is put into the table only for whoever adds to it.
        if waiting.ends.is_empty() {
            return;
        }
        if self.kept > 0 {
            self.list_all();
        }
        let mut found = std::mem::take(&mut waiting.found);
        found.clear();
        // First where each may be, then whether it is there: no step has to wait for the one before.
        found.extend(waiting.each().map(|sequence| {
            let part = part(sequence);
            (part, self.table.find(spread(part), |(other, _)| *other == part).map(|(_, number)| *number))
        }));
        for ((part, number), sequence) in found.iter().zip(waiting.each()) {
            match number {
                Some(number) if self.bytes_of(*number as usize) == sequence => self.all[*number as usize].count += 1,
                _ => _ = self.put(*part, sequence, 1),
            }
        }
        waiting.found = found;
        waiting.bytes.clear();
        waiting.ends.clear();
    }

    /// As [`add`](Self::add), where the sequence is in the table if it is there at all.
    #[inline]
    fn put(&mut self, part: u32, sequence: &[u8], count: u64) -> usize {
        if let Some(number) = self.find(part, sequence) {
            self.all[number].count += count;
            return number;
        }
        let number = u32::try_from(self.len()).expect("fewer than 2^32 sequences fit in memory");
        self.table.insert_unique(spread(part), (part, number), |(part, _)| spread(*part));
        self.parts.push(part);
        self.bytes.extend_from_slice(sequence);
        self.all.push(Sequence { end: self.bytes.len(), count });
        number as usize
    }

    /// The number of a sequence, by the table.
    #[inline]
    fn find(&self, part: u32, sequence: &[u8]) -> Option<usize> {
        let same = |(other, number): &(u32, u32)| *other == part && self.bytes_of(*number as usize) == sequence;
        self.table.find(spread(part), same).map(|(_, number)| *number as usize)
    }

    /// How often each of some sequences was added.
    pub(crate) fn counts_of(&mut self, sequences: &[&[u8]]) -> Vec<u64> {
        self.list_all();
        let count = |bytes: &&[u8]| self.find(part(bytes), bytes).map_or(0, |number| self.count(number));
        sequences.iter().map(count).collect()
    }

    /// Takes in other sequences; numbers are others afterwards.
    pub(crate) fn merge(&mut self, mut other: Self) {
        if other.len() > self.len() {
            std::mem::swap(self, &mut other);
        }
        self.astray |= other.astray;
        other.know_parts();
        self.list(&other.parts);
        for number in other.numbers() {
            self.put(other.parts[number], other.bytes_of(number), other.count(number));
        }
    }

    /// Takes out other sequences, which are all here as often or more often.
    pub(crate) fn subtract(&mut self, mut other: Self) {
        other.know_parts();
        self.list(&other.parts);
        for number in 0..other.len() {
            match self.find(other.parts[number], other.bytes_of(number)) {
                Some(ours) if self.count(ours) >= other.count(number) => self.all[ours].count -= other.count(number),
                _ => self.astray = true,
            }
        }
    }

    /// Makes sure that the part of every hash is known.
    fn know_parts(&mut self) {
        if self.parts.len() < self.len() {
            self.parts = (0..self.len()).map(|number| part(self.bytes_of(number))).collect();
        }
    }

    /// Puts those that were kept into the table whose hashes have one of these parts.
    fn list(&mut self, wanted: &[u32]) {
        if self.kept == 0 {
            return;
        }
        if wanted.len() > self.kept / LISTED_ONE_IN {
            return self.list_all();
        }
        self.know_parts();
        // Most are none of them, and one bit says so.
        let mut some = vec![0u64; WANTED_BITS / 64];
        let place = |part: u32| (part as usize % WANTED_BITS / 64, part % 64);
        for (word, bit) in wanted.iter().map(|part| place(*part)) {
            some[word] |= 1 << bit;
        }
        let mut wanted = wanted.to_vec();
        wanted.sort_unstable();
        for number in 0..self.kept {
            let part = self.parts[number];
            let (word, bit) = place(part);
            if some[word] >> bit & 1 == 1 && wanted.binary_search(&part).is_ok() {
                self.list_one(number);
            }
        }
    }

    /// Puts all that were kept into the table.
    fn list_all(&mut self) {
        self.know_parts();
        self.table.reserve(self.kept, |(part, _)| spread(*part));
        (0..self.kept).for_each(|number| self.list_one(number));
        self.kept = 0;
    }

    /// Puts one into the table, if it is not there.
    fn list_one(&mut self, number: usize) {
        let part = self.parts[number];
        let one = (part, u32::try_from(number).expect("fewer than 2^32 sequences fit in memory"));
        if self.table.find(spread(part), |other| *other == one).is_none() {
            self.table.insert_unique(spread(part), one, |(part, _)| spread(*part));
        }
    }

    /// Whether no more was taken out than was there.
    pub(crate) fn can_keep(&self) -> bool {
        !self.astray
    }

    /// What has to be known of them to go on another day; nothing where too much was taken out.
    pub(crate) fn keep(&self) -> Option<Kept<'_>> {
        if !self.can_keep() {
            return None;
        }
        let mut bytes = Cow::Borrowed(self.bytes.as_slice());
        if self.all.iter().any(|sequence| sequence.count == 0) {
            // Nearly all are there still, and go over in long pieces.
            let mut left = Vec::with_capacity(self.bytes.len());
            let mut from = 0;
            for gone in (0..self.len()).filter(|number| self.count(*number) == 0) {
                let end = self.all[gone].end;
                left.extend_from_slice(&self.bytes[from..end - self.bytes_of(gone).len()]);
                from = end;
            }
            left.extend_from_slice(&self.bytes[from..]);
            bytes = Cow::Owned(left);
        }
        let room = || Small { bytes: Vec::with_capacity(self.len()).into(), large: Vec::new() };
        let (mut counts, mut lengths) = (room(), room());
        for number in self.numbers() {
            counts.push(self.count(number));
            lengths.push(self.bytes_of(number).len() as u64);
        }
        Some(Kept { counts, lengths, bytes })
    }

    /// About how many bytes they take when they are kept.
    pub(crate) fn room(&self) -> usize {
        // Counts and lengths are small numbers mostly.
        self.bytes.len() + 3 * self.len() + ROOM
    }

    /// Takes up what was kept.
    pub(crate) fn resume(&mut self, kept: Kept<'_>) {
        let mut end = 0;
        let sequence = |(length, count)| {
            end += usize::try_from(length).expect("it fitted in memory when it was kept");
            Sequence { end, count }
        };
        let all: Vec<Sequence> = kept.lengths.numbers().zip(kept.counts.numbers()).map(sequence).collect();
        *self = Self { kept: all.len(), all, bytes: kept.bytes.into_owned(), ..Self::default() };
    }

    /// The numbers of those that were added more often than taken out.
    pub(crate) fn numbers(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.len()).filter(|number| self.count(*number) > 0)
    }

    /// The number of distinct sequences, with those that were taken out again.
    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }

    /// The bytes of the sequence of this number.
    pub(crate) fn bytes_of(&self, number: usize) -> &[u8] {
        let start = if number == 0 { 0 } else { self.all[number - 1].end };
        &self.bytes[start..self.all[number].end]
    }

    /// How often the sequence of this number was added.
    pub(crate) fn count(&self, number: usize) -> u64 {
        self.all[number].count
    }
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
    use std::borrow::Cow;

    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(bytes)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Cow<'de, [u8]>, D::Error> {
        <&[u8]>::deserialize(deserializer).map(Cow::Borrowed)
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
            let (mut together, mut waiting) = (Sequences::default(), Waiting::default());
            let mut bytes = Vec::new();
            for (sequence, count) in added {
                let moment = |(number, shift): (u32, u32)| Moment((number << shift) % 1_000_000);
                let sequence: Vec<Moment> = sequence.into_iter().map(moment).collect();
                encode(&sequence, &mut bytes);
                prop_assert_eq!(&decode(&bytes).collect::<Vec<_>>(), &sequence);
                sequences.add(&bytes, count);
                for _ in 0..count {
                    if waiting.push(&sequence) {
                        together.add_waiting(&mut waiting);
                    }
                }
                *map.entry(sequence).or_insert(0) += count;
            }
            together.add_waiting(&mut waiting);
            prop_assert_eq!(sequences.len(), map.len());
            prop_assert_eq!(together.keep(), sequences.keep());
            for (sequence, count) in map {
                encode(&sequence, &mut bytes);
                prop_assert_eq!(sequences.counts_of(&[&bytes]), [count]);
            }
        }

        #[test]
        fn kept_ones_are_counted_on(
            rounds in prop::collection::vec(prop::collection::vec((0u32..800, any::<bool>()), 0..60), 1..4),
            many in any::<bool>(),
        ) {
            let (mut sequences, mut map): (Sequences, BTreeMap<Vec<u8>, u64>) = Default::default();
            let sequence = |of: u32| format!("{of:03}").repeat(of as usize % 5).into_bytes();
            // Of many few are looked for, of few all.
            let mut rounds = rounds;
            rounds[0].extend((0..if many { 780 } else { 0 }).map(|of| (of, true)));
            for round in rounds {
                let (mut out, mut more) = (Sequences::default(), Sequences::default());
                let mut left = map.clone();
                for sequence in round.iter().filter(|(_, put_in)| !put_in).map(|(of, _)| sequence(*of)) {
                    if let Some(count) = left.get_mut(&sequence).filter(|count| **count > 0) {
                        out.add(&sequence, 1);
                        *count -= 1;
                    }
                }
                map = left;
                for sequence in round.iter().filter(|(_, put_in)| *put_in).map(|(of, _)| sequence(*of)) {
                    more.add(&sequence, 1);
                    *map.entry(sequence).or_default() += 1;
                }
                sequences.subtract(out);
                sequences.merge(more);
                prop_assert_eq!(sequences.numbers().count(), map.values().filter(|count| **count > 0).count());
                let kept = postcard::to_stdvec(&sequences.keep().expect("all were there")).expect("plain numbers");
                let resumed = |kept: &[u8]| {
                    let mut resumed = Sequences::default();
                    resumed.resume(postcard::from_bytes(kept).expect("as written"));
                    resumed
                };
                let wanted: Vec<&[u8]> = map.keys().map(Vec::as_slice).collect();
                let counts: Vec<u64> = map.values().copied().collect();
                prop_assert_eq!(&resumed(&kept).counts_of(&wanted), &counts);
                let mut added = resumed(&kept);
                added.add(b"000", 7);
                prop_assert_eq!(added.counts_of(&[b"000"])[0], map.get(&b"000"[..]).copied().unwrap_or(0) + 7);
                sequences = resumed(&kept);
            }
            let mut stranger = Sequences::default();
            stranger.add(b"never", 1);
            sequences.subtract(stranger);
            prop_assert_eq!(sequences.keep(), None);
        }
    }
}
