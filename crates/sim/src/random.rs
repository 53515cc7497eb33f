//! Random numbers that are the same on every run.
//!
//! `SplitMix64` (Steele, Lea, Flood, "Fast Splittable Pseudorandom Number Generators", OOPSLA 2014): eight bytes of state, so
//! that each of five million customers can have a stream of their own, which no other customer's behaviour disturbs.
//! The `rand` crates promise no stable stream across versions for their distributions; twenty lines of our own do.

/// A stream of random numbers that follows from its seed alone.
///
/// ```
/// let mut one = sim::Random::new(7);
/// let mut same = sim::Random::new(7);
/// assert_eq!(one.next_u64(), same.next_u64());
/// ```
#[derive(Debug, Clone)]
pub struct Random(u64);

/// The odd number closest to 2^64 divided by the golden ratio, the increment of `SplitMix64`.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

impl Random {
    /// The stream of this seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The stream of the `number`th member of a family that shares a seed.
    pub fn member(seed: u64, number: u64) -> Self {
        let mut family = Self(seed ^ 0x6a09_e667_f3bc_c908);
        let base = family.next_u64();
        let mut member = Self(base ^ number.wrapping_mul(0xd134_2543_de82_ef95));
        Self(member.next_u64())
    }

    /// The next 64 random bits.
    #[inline]
    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(GOLDEN);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number in `[0, 1)`.
    #[inline]
    pub fn unit(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// A whole number in `0..n`. Its bias is below n / 2^32, which no test here can see.
    ///
    /// # Panics
    /// When `n` is 0, in debug builds.
    #[inline]
    pub fn below(&mut self, n: u32) -> u32 {
        debug_assert!(n > 0, "a choice needs something to choose from");
        let scaled = (self.next_u64() >> 32) * u64::from(n);
        u32::try_from(scaled >> 32).expect("a product of two 32-bit numbers, shifted by 32")
    }

    /// A number in `[from, to)`.
    pub fn between(&mut self, from: f64, to: f64) -> f64 {
        from + (to - from) * self.unit()
    }

    /// Whether something happens that has this probability.
    #[inline]
    pub fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// A waiting time with this mean, without memory.
    #[inline]
    pub fn exponential(&mut self, mean: f64) -> f64 {
        -(1.0 - self.unit()).ln() * mean
    }

    /// A standard normal number (Box and Muller 1958; the second of the pair is not kept).
    pub fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.unit()).cos()
    }

    /// A positive, skewed number with this median; `spread` is the standard deviation of its logarithm.
    pub fn skewed(&mut self, median: f64, spread: f64) -> f64 {
        median * (spread * self.normal()).exp()
    }

    /// One of `choices`, all equally likely.
    ///
    /// # Panics
    /// When there is nothing to choose from.
    pub fn pick<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        let n = u32::try_from(choices.len()).expect("choices are few");
        &choices[self.below(n) as usize]
    }

    /// One of `choices`, each as likely as its weight; the weights are positive.
    ///
    /// # Panics
    /// When there is nothing to choose from.
    pub fn weighted<'a, T>(&mut self, choices: &'a [(T, f64)]) -> &'a T {
        let total: f64 = choices.iter().map(|(_, weight)| weight).sum();
        let mut left = self.unit() * total;
        for (choice, weight) in choices {
            left -= weight;
            if left < 0.0 {
                return choice;
            }
        }
        &choices[choices.len() - 1].0
    }
}

/// The whole part of a number; what does not fit becomes the nearest that does.
#[expect(clippy::cast_possible_truncation, reason = "dropping the fraction is what this does, and `as` saturates")]
pub(crate) fn whole(number: f64) -> i64 {
    number as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stream_is_the_published_one() {
        // The first numbers of the reference implementation (Vigna, splitmix64.c) for seed 1234567.
        let mut random = Random::new(1_234_567);
        let first: [u64; 3] = std::array::from_fn(|_| random.next_u64());
        assert_eq!(first, [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]);
    }

    #[test]
    fn members_of_a_family_differ() {
        let firsts: std::collections::BTreeSet<u64> = (0..1000).map(|n| Random::member(1, n).next_u64()).collect();
        assert_eq!(firsts.len(), 1000);
        assert_ne!(Random::member(1, 0).next_u64(), Random::member(2, 0).next_u64());
    }

    #[test]
    fn distributions_have_their_means() {
        let mut random = Random::new(3);
        let n = 200_000;
        let mut mean =
            |draw: &mut dyn FnMut(&mut Random) -> f64| (0..n).map(|_| draw(&mut random)).sum::<f64>() / f64::from(n);
        assert!((mean(&mut Random::unit) - 0.5).abs() < 0.005);
        assert!((mean(&mut |r| r.exponential(3.0)) - 3.0).abs() < 0.03);
        assert!(mean(&mut Random::normal).abs() < 0.01);
        assert!((mean(&mut |r| f64::from(r.below(10))) - 4.5).abs() < 0.03);
        assert!((mean(&mut |r| f64::from(u8::from(*r.weighted(&[(true, 1.0), (false, 3.0)])))) - 0.25).abs() < 0.005);
    }
}
