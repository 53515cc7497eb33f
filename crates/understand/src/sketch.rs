//! Quantiles of more durations than can be kept, within half a percent.
//!
//! Durations fall into buckets whose width grows with the duration: below 256 µs each value has its own, above each
//! power of two is cut into 128 equal ones. A bucket's middle is at most 1/256 of the value away. Buckets do not depend
//! on what else is counted, so that sketches merge without loss and in any order.
//! Source: the log-linear buckets of `HdrHistogram` (Tene 2012); the guarantee is that of `DDSketch` (Masson, Rim, Lee
//! 2019).

use serde::{Deserialize, Serialize};

/// By how much a quantile from a sketch may be off, as a share of the quantile.
pub(crate) const RELATIVE_ERROR: f64 = 1.0 / 256.0;

/// Bits of a duration that the buckets keep below the leading one.
const KEPT_BITS: u32 = 7;
/// The number of buckets for all `u64`.
const BUCKETS: usize = bucket(u64::MAX) as usize + 1;
/// A bucket and its count share a word: the count is in the lower bits. 2^48 durations are more than any lake holds.
const COUNT_BITS: u32 = 48;
const COUNT_MASK: u64 = (1 << COUNT_BITS) - 1;
/// From so many durations on, counting by bucket beats sorting.
const MANY: usize = 512;

#[expect(clippy::cast_possible_truncation, reason = "at most 57 * 128 + 127")]
const fn bucket(value: u64) -> u16 {
    let shift = (u64::BITS - value.leading_zeros()).saturating_sub(KEPT_BITS + 1);
    (((shift as u64) << KEPT_BITS) + (value >> shift)) as u16
}

/// The middle of a bucket.
fn middle(bucket: u16) -> f64 {
    let bucket = u64::from(bucket);
    let shift = (bucket >> KEPT_BITS).saturating_sub(1);
    let first = (bucket - (shift << KEPT_BITS)) << shift;
    first as f64 + ((1u64 << shift) - 1) as f64 / 2.0
}

/// How many durations are in which bucket, and their exact number and sum.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Sketch {
    /// Buckets that are not empty, ascending, each with its count in the lower bits. Never larger than the durations
    /// were.
    #[serde(with = "words")]
    buckets: Vec<u64>,
    count: u64,
    sum: u128,
}

/// Room for counting, used again for every list.
#[derive(Debug, Default)]
pub(crate) struct Workspace {
    counts: Vec<u32>,
    codes: Vec<u16>,
}

impl Sketch {
    /// Takes in durations.
    pub(crate) fn extend(&mut self, durations: &[u64], workspace: &mut Workspace) {
        let added = if durations.len() < MANY { sorted(durations, workspace) } else { counted(durations, workspace) };
        let sum = durations.iter().map(|d| u128::from(*d)).sum();
        self.merge(&Sketch { buckets: added, count: durations.len() as u64, sum });
    }

    /// Takes in another sketch.
    pub(crate) fn merge(&mut self, other: &Sketch) {
        self.count += other.count;
        self.sum += other.sum;
        let mut merged = Vec::with_capacity(self.buckets.len() + other.buckets.len());
        let (mut mine, mut theirs) =
            (self.buckets.iter().copied().peekable(), other.buckets.iter().copied().peekable());
        while let (Some(a), Some(b)) = (mine.peek().copied(), theirs.peek().copied()) {
            let (bucket_a, bucket_b) = (a >> COUNT_BITS, b >> COUNT_BITS);
            if bucket_a <= bucket_b {
                mine.next();
            }
            if bucket_b <= bucket_a {
                theirs.next();
            }
            merged.push(match bucket_a.cmp(&bucket_b) {
                std::cmp::Ordering::Less => a,
                std::cmp::Ordering::Greater => b,
                std::cmp::Ordering::Equal => a + (b & COUNT_MASK),
            });
        }
        merged.extend(mine);
        merged.extend(theirs);
        self.buckets = merged;
    }

    /// Takes out another sketch; whether all of it was there.
    pub(crate) fn subtract(&mut self, other: &Sketch) -> bool {
        if self.count < other.count || self.sum < other.sum {
            return false;
        }
        self.count -= other.count;
        self.sum -= other.sum;
        let mut theirs = other.buckets.iter().copied().peekable();
        let mut enough = true;
        self.buckets.retain_mut(|word| {
            if let Some(out) = theirs.next_if(|out| out >> COUNT_BITS == *word >> COUNT_BITS) {
                enough &= *word & COUNT_MASK >= out & COUNT_MASK;
                *word -= (out & COUNT_MASK).min(*word & COUNT_MASK);
            }
            *word & COUNT_MASK > 0
        });
        enough && theirs.next().is_none()
    }

    /// The number of durations.
    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// Their exact sum.
    pub(crate) fn sum(&self) -> u128 {
        self.sum
    }

    /// The duration of this rank, from 0, within [`RELATIVE_ERROR`].
    pub(crate) fn at_rank(&self, rank: u64) -> f64 {
        let mut left = rank;
        for word in &self.buckets {
            let count = word & COUNT_MASK;
            if left < count {
                return middle(u16::try_from(word >> COUNT_BITS).expect("a bucket has 16 bits"));
            }
            left -= count;
        }
        0.0
    }
}

fn sorted(durations: &[u64], workspace: &mut Workspace) -> Vec<u64> {
    let codes = &mut workspace.codes;
    codes.clear();
    codes.extend(durations.iter().map(|duration| bucket(*duration)));
    codes.sort_unstable();
    codes.chunk_by(|a, b| a == b).map(|same| word(same[0], same.len() as u64)).collect()
}

fn counted(durations: &[u64], workspace: &mut Workspace) -> Vec<u64> {
    let counts = &mut workspace.counts;
    counts.resize(BUCKETS, 0);
    let (mut first, mut last) = (BUCKETS, 0);
    for duration in durations {
        let bucket = usize::from(bucket(*duration));
        counts[bucket] += 1;
        (first, last) = (first.min(bucket), last.max(bucket));
    }
    let mut words = Vec::new();
    for (bucket, count) in (0u16..).zip(counts.iter_mut()).take(last + 1).skip(first) {
        if *count > 0 {
            words.push(word(bucket, u64::from(std::mem::take(count))));
        }
    }
    words
}

fn word(bucket: u16, count: u64) -> u64 {
    u64::from(bucket) << COUNT_BITS | count
}

/// Buckets apart from their counts, which takes fewer bytes.
mod words {
    use serde::{Deserialize, Deserializer, Serializer};

    use super::{COUNT_BITS, COUNT_MASK, word};

    pub(super) fn serialize<S: Serializer>(words: &[u64], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(words.iter().map(|word| (word >> COUNT_BITS, word & COUNT_MASK)))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u64>, D::Error> {
        let pairs = Vec::<(u16, u64)>::deserialize(deserializer)?;
        Ok(pairs.into_iter().map(|(bucket, count)| word(bucket, count)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn buckets_are_continuous_and_ascend() {
        assert_eq!((0..=256).map(bucket).collect::<Vec<_>>(), (0..=256).collect::<Vec<_>>());
        assert_eq!(bucket(257), bucket(256));
        assert_eq!(bucket(258), 257);
        for power in 8..64 {
            let value = 1u64 << power;
            assert_eq!(bucket(value), bucket(value - 1) + 1, "2^{power}");
        }
    }

    proptest! {
        #[test]
        fn a_bucket_is_within_half_a_percent(value in any::<u64>(), shift in 0u32..64) {
            let value = value >> shift;
            prop_assert!((middle(bucket(value)) - value as f64).abs() <= value as f64 * RELATIVE_ERROR);
        }

        #[test]
        fn ranks_are_those_of_the_sorted_durations(
            mut durations in prop::collection::vec((any::<u64>(), 20u32..64).prop_map(|(v, s)| v >> s), 1..1500),
            cut in any::<prop::sample::Index>(),
        ) {
            let mut workspace = Workspace::default();
            let (left, right) = durations.split_at(cut.index(durations.len()));
            let (mut sketch, mut other) = (Sketch::default(), Sketch::default());
            sketch.extend(left, &mut workspace);
            other.extend(right, &mut workspace);
            sketch.merge(&other);
            let mut whole = Sketch::default();
            whole.extend(&durations, &mut workspace);
            prop_assert_eq!(&sketch, &whole);
            durations.sort_unstable();
            for (rank, exact) in (0u64..).zip(&durations) {
                prop_assert!((sketch.at_rank(rank) - *exact as f64).abs() <= *exact as f64 * RELATIVE_ERROR);
            }
            prop_assert_eq!(sketch.sum(), durations.iter().map(|d| u128::from(*d)).sum::<u128>());
        }
    }
}
