//! Means with their intervals, from sums that merge.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::share::Z;

/// Sums of numbers, from which their mean comes. They are whole millionths, so that any order of adding and merging gives
/// the same sums to the last digit, and taking out is the inverse of taking in.
///
/// ```
/// let mut sums = evidence::Sums::default();
/// for value in [1.0, 2.0, 4.5] {
///     assert!(sums.add(value));
/// }
/// assert!(!sums.add(f64::NAN));
/// assert_eq!((sums.n(), sums.mean().mean), (3, Some(2.5)));
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sums {
    n: u64,
    /// In millionths.
    sum: i128,
    /// The sum of the squares in millionths of millionths, modulo 2^128, and how often it went over that.
    squares: u128,
    carried: u64,
}

/// Millionths in one.
const SCALE: f64 = 1e6;

impl Sums {
    /// Numbers further from zero than this are refused, since their squares would leave the sums.
    pub const VALUE_MAX: f64 = 9e12;

    /// Takes in a number, rounded to millionths; `false` where it is none or beyond [`VALUE_MAX`](Self::VALUE_MAX), and
    /// then nothing is taken in.
    #[inline]
    pub fn add(&mut self, value: f64) -> bool {
        if value.is_nan() || value.abs() > Self::VALUE_MAX {
            return false;
        }
        #[expect(clippy::cast_possible_truncation, reason = "at most 9e18, which 64 bits hold")]
        let millionths = if value == 0.0 { 0 } else { (value * SCALE).round() as i64 };
        self.add_millionths(millionths);
        true
    }

    /// Takes in a number of millionths, such as microseconds as seconds.
    #[inline]
    pub fn add_millionths(&mut self, millionths: i64) {
        let square = u128::from(millionths.unsigned_abs()).pow(2);
        self.merge(&Self { n: 1, sum: i128::from(millionths), squares: square, carried: 0 });
    }

    /// Takes in the same number so many times; `false` as [`add`](Self::add).
    pub fn add_many(&mut self, value: f64, times: u64) -> bool {
        let mut some = Self::default();
        let known = some.add(value);
        // By doubling: 1, 2, 4, 8 … times.
        for bit in 0..u64::BITS - times.leading_zeros() {
            if times & (1 << bit) != 0 {
                self.merge(&some);
            }
            let same = some;
            some.merge(&same);
        }
        known
    }

    /// Takes in what others have summed up.
    #[inline]
    pub fn merge(&mut self, other: &Self) {
        let (squares, over) = self.squares.overflowing_add(other.squares);
        self.n += other.n;
        self.sum += other.sum;
        self.squares = squares;
        self.carried += other.carried + u64::from(over);
    }

    /// Takes out what was taken in before.
    pub fn subtract(&mut self, other: &Self) {
        let (squares, under) = self.squares.overflowing_sub(other.squares);
        self.n -= other.n;
        self.sum -= other.sum;
        self.squares = squares;
        self.carried -= other.carried + u64::from(under);
    }

    /// How many numbers there are.
    pub fn n(&self) -> u64 {
        self.n
    }

    /// Their sum.
    pub fn sum(&self) -> f64 {
        self.sum as f64 / SCALE
    }

    /// Their mean with its interval.
    pub fn mean(&self) -> Mean {
        let n = self.n as f64;
        if self.n == 0 {
            return Mean { n: 0, mean: None, deviation: None, low: None, high: None };
        }
        let mean = self.sum() / n;
        let around = self.around_the_mean();
        if around <= 0.0 {
            return Mean { n: self.n, mean: Some(mean), deviation: None, low: None, high: None };
        }
        let deviation = (around / (n - 1.0)).sqrt() / SCALE;
        let spread = t_97_5(n - 1.0) * deviation / n.sqrt();
        let (low, high) = (Some(mean - spread), Some(mean + spread));
        Mean { n: self.n, mean: Some(mean), deviation: Some(deviation), low, high }
    }

    /// The sum of the squared distances from the mean, in millionths of millionths.
    ///
    /// Squares minus squared sum would lose all digits where the mean is large and the numbers lie close to it. So the
    /// distances are taken from a whole number near the mean, in whole numbers: those wrap around 2^128, but what is left
    /// at the end does not, as long as the squares themselves fit.
    fn around_the_mean(&self) -> f64 {
        let n = i128::from(self.n);
        if self.carried > 0 {
            let squares = self.squares as f64 + self.carried as f64 * 2f64.powi(128);
            return (squares - (self.sum as f64).powi(2) / self.n as f64).max(0.0);
        }
        let near = self.sum.div_euclid(n);
        let rest = self.sum.rem_euclid(n) as f64;
        let once = near.wrapping_mul(self.sum).wrapping_mul(2).cast_unsigned();
        let twice = near.wrapping_mul(near).wrapping_mul(n).cast_unsigned();
        let around_near = self.squares.wrapping_sub(once).wrapping_add(twice) as f64;
        (around_near - rest * rest / self.n as f64).max(0.0)
    }
}

/// The mean of some cases with its 95 % interval.
///
/// The interval is Student's t. It assumes cases that are independent of each other, and a mean that is about normally
/// distributed: with skewed numbers (money, waiting times) that takes many cases. Cases that are all equal say nothing of
/// how much others differ, however many they are: an interval without width would exclude whatever else there is, so there
/// is none.
/// Source: Student, "The probable error of a mean", Biometrika 6, 1908.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Mean {
    /// How many cases.
    pub n: u64,
    /// Their mean; null without cases.
    pub mean: Option<f64>,
    /// Their standard deviation; null with fewer than two cases and where all are equal, as the interval is.
    pub deviation: Option<f64>,
    /// Lower end of the 95 % interval.
    pub low: Option<f64>,
    /// Upper end of the 95 % interval.
    pub high: Option<f64>,
}

impl Mean {
    /// The mean of `n` cases of which the interval is known: Student's t has only one deviation with these ends.
    pub fn of_interval(n: u64, mean: Option<f64>, low: Option<f64>, high: Option<f64>) -> Self {
        let ends = low.zip(high).filter(|_| n > 1);
        let deviation = ends.map(|(low, high)| (high - low) / 2.0 * (n as f64).sqrt() / t_97_5(n as f64 - 1.0));
        Self { n, mean, deviation, low, high }
    }
}

/// The difference of two means with its 95 % interval.
///
/// The interval is Welch's, which does not assume that both groups vary alike; it assumes independent cases and groups
/// that do not overlap.
/// Source: Welch, "The generalization of Student's problem when several different population variances are involved",
/// Biometrika 34, 1947.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MeanDifference {
    /// The mean of the first group less that of the second; null where one has no cases.
    pub difference: Option<f64>,
    /// Lower end of the 95 % interval; null where a group has none of its own: fewer than two cases, or all equal.
    pub low: Option<f64>,
    /// Upper end of the 95 % interval.
    pub high: Option<f64>,
}

impl MeanDifference {
    /// How much larger the mean `a` is than the mean `b`.
    pub fn between(a: Mean, b: Mean) -> Self {
        let difference = a.mean.zip(b.mean).map(|(a, b)| a - b);
        let squared_error = |mean: Mean| mean.deviation.map(|deviation| deviation.powi(2) / mean.n as f64);
        let (Some(difference), Some(va), Some(vb)) = (difference, squared_error(a), squared_error(b)) else {
            return Self { difference, low: None, high: None };
        };
        let variance = va + vb;
        let freedom = variance.powi(2) / (va.powi(2) / (a.n as f64 - 1.0) + vb.powi(2) / (b.n as f64 - 1.0));
        let spread = t_97_5(freedom) * variance.sqrt();
        Self { difference: Some(difference), low: Some(difference - spread), high: Some(difference + spread) }
    }
}

/// The 97.5 % point of Student's t, with one or more degrees of freedom, whole or not.
///
/// Up to a thousand it is found by halving; beyond, it is the expansion around the normal distribution, which is then good
/// to eleven digits.
/// Source: Abramowitz and Stegun, "Handbook of Mathematical Functions", 26.7.1 and 26.7.5.
fn t_97_5(freedom: f64) -> f64 {
    if freedom <= 1000.0 {
        let (mut low, mut high) = (Z, 13.0);
        while high - low > 1e-12 {
            let middle = f64::midpoint(low, high);
            if beyond(middle, freedom) > 0.05 { low = middle } else { high = middle }
        }
        return low;
    }
    let z = Z;
    let first = (z.powi(3) + z) / 4.0;
    let second = (5.0 * z.powi(5) + 16.0 * z.powi(3) + 3.0 * z) / 96.0;
    let third = (3.0 * z.powi(7) + 19.0 * z.powi(5) + 17.0 * z.powi(3) - 15.0 * z) / 384.0;
    z + first / freedom + second / freedom.powi(2) + third / freedom.powi(3)
}

/// The probability that Student's t lies further from zero than `t`: the incomplete beta function of half the degrees of
/// freedom and a half, by its continued fraction (Abramowitz and Stegun 26.5.8; evaluated as Lentz does).
fn beyond(t: f64, freedom: f64) -> f64 {
    let half = freedom / 2.0;
    let (x, rest) = (freedom / (freedom + t * t), t * t / (freedom + t * t));
    let mut c = 1.0;
    let mut d = 1.0 / (1.0 - (half + 0.5) * x / (half + 1.0));
    let mut fraction = d;
    for m in (1..=500).map(f64::from) {
        let at = half + 2.0 * m;
        let even = m * (0.5 - m) * x / ((at - 1.0) * at);
        let odd = -(half + m) * (half + 0.5 + m) * x / (at * (at + 1.0));
        let before = fraction;
        for term in [even, odd] {
            d = 1.0 / (1.0 + term * d);
            c = 1.0 + term / c;
            fraction *= c * d;
        }
        if (fraction - before).abs() <= f64::EPSILON * fraction.abs() {
            break;
        }
    }
    x.powf(half) * rest.sqrt() * fraction / half * gamma_ratio(half) / std::f64::consts::PI.sqrt()
}

/// Γ(x + ½) / Γ(x): by its expansion for a large `x` (Tricomi and Erdélyi 1951), from which smaller ones follow.
fn gamma_ratio(x: f64) -> f64 {
    let (mut large, mut factor) = (x, 1.0);
    while large < 40.0 {
        factor *= large / (large + 0.5);
        large += 1.0;
    }
    let y = 1.0 / large;
    let series = 1.0 - y / 8.0 + y.powi(2) / 128.0 + 5.0 * y.powi(3) / 1024.0
        - 21.0 * y.powi(4) / 32_768.0
        - 399.0 * y.powi(5) / 262_144.0;
    factor * large.sqrt() * series
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sums(values: &[f64]) -> Sums {
        let mut sums = Sums::default();
        for value in values {
            assert!(sums.add(*value));
        }
        sums
    }

    fn close(a: Option<f64>, b: f64) {
        let a = a.expect("a number");
        assert!((a - b).abs() <= 1e-9 * b.abs().max(1.0), "{a} is not {b}");
    }

    const A: [f64; 15] = [27.5, 21.0, 19.0, 23.6, 17.0, 17.9, 16.9, 20.1, 21.9, 22.6, 23.1, 19.6, 19.0, 21.7, 21.4];
    const B: [f64; 15] = [27.1, 22.0, 20.8, 23.4, 23.4, 23.5, 25.8, 22.0, 24.8, 20.2, 21.9, 22.1, 22.9, 30.5, 24.0];

    /// mpmath 1.3, 25 digits: where `betainc(df / 2, 1 / 2, 0, df / (df + t²), regularized=True)` is 0.05.
    #[test]
    fn the_quantiles_of_mpmath() {
        for (freedom, t) in [
            (1.0, 12.706_204_736_174_7),
            (1.1, 10.276_801_286_281_21),
            (1.5, 6.016_663_104_427_932),
            (2.0, 4.302_652_729_749_464),
            (3.7, 2.867_520_707_191_189),
            (5.0, 2.570_581_835_636_314_6),
            (29.5, 2.043_724_966_772_122),
            (100.0, 1.983_971_518_523_551_2),
            (1000.0, 1.962_339_080_826_408_3),
            (1000.5, 1.962_337_892_459_348),
            (1e6, 1.959_966_356_814_107),
        ] {
            assert!((t_97_5(freedom) / t - 1.0).abs() < 1e-11, "{freedom}: {} is not {t}", t_97_5(freedom));
        }
    }

    /// numpy: `mean`, `std(ddof=1)`; scipy: `t.interval`, `ttest_ind(equal_var=False).confidence_interval()`.
    #[test]
    fn the_figures_of_numpy_and_scipy() {
        let (a, b) = (sums(&A).mean(), sums(&B).mean());
        close(a.mean, 20.82);
        close(a.deviation, 2.804_893_682_731_766_5);
        close(a.low, 19.266_701_652_451_24);
        close(a.high, 22.373_298_347_548_754);
        let difference = MeanDifference::between(a, b);
        close(difference.low, -4.839_181_715_591_076);
        close(difference.high, -0.774_151_617_742_260_7);
    }

    #[test]
    fn what_is_too_little_says_so() {
        assert_eq!(sums(&[]).mean(), Mean { n: 0, mean: None, deviation: None, low: None, high: None });
        let one = sums(&[3.0]).mean();
        assert_eq!((one.mean, one.low), (Some(3.0), None));
        let difference = MeanDifference::between(one, sums(&[1.0, 2.0]).mean());
        assert_eq!((difference.difference, difference.low), (Some(1.5), None));
    }

    #[test]
    fn cases_that_are_all_equal_have_no_interval() {
        let equal = sums(&[0.1; 40]).mean();
        assert_eq!((equal.mean, equal.deviation, equal.low, equal.high), (Some(0.1), None, None, None));
        for other in [sums(&[4.0; 3]).mean(), sums(&[4.0, 5.0]).mean()] {
            let difference = MeanDifference::between(other, equal);
            assert!(difference.difference.is_some_and(|difference| difference > 3.0));
            assert_eq!((difference.low, difference.high), (None, None));
        }
    }

    #[test]
    fn digits_are_not_lost_to_a_large_mean() {
        let close_together = sums(&[9e9 - 4.0, 9e9 - 7.0, 9e9 - 10.0]).mean();
        close(close_together.deviation, 3.0);
        assert!(!Sums::default().add(9.1e12) && !Sums::default().add(f64::INFINITY));
    }

    #[test]
    fn many_of_a_number_are_so_many_times_one() {
        for times in [0, 1, 5, 64, 77] {
            let mut many = sums(&[3.0]);
            assert!(many.add_many(-2.5, times));
            let one_by_one = [vec![3.0], vec![-2.5; usize::try_from(times).expect("few")]].concat();
            assert_eq!(many, sums(&one_by_one));
        }
        assert!(!Sums::default().add_many(f64::NAN, 3));
    }

    #[test]
    fn squares_beyond_128_bits_are_carried() {
        let large = [9e12, -9e12, 9e12, -9e12, 9e12, -9e12];
        close(sums(&large).mean().deviation, 9e12 * (6.0f64 / 5.0).sqrt());
        let mut taken_out = sums(&large);
        taken_out.subtract(&sums(&large[..3]));
        assert_eq!(taken_out, sums(&large[3..]));
    }

    proptest! {
        #[test]
        fn any_order_and_split_gives_the_same_sums(
            values in prop::collection::vec(-1e12f64..1e12, 2..40),
            cut in 0usize..40,
        ) {
            let cut = cut.min(values.len());
            let mut reversed = values.clone();
            reversed.reverse();
            let whole = sums(&values);
            prop_assert_eq!(whole, sums(&reversed));
            let mut parts = sums(&values[cut..]);
            parts.merge(&sums(&values[..cut]));
            prop_assert_eq!(whole, parts);
            parts.subtract(&sums(&values[..cut]));
            prop_assert_eq!(parts, sums(&values[cut..]));
            // In two passes, the plain way.
            let n = values.len() as f64;
            let mean = values.iter().sum::<f64>() / n;
            let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (n - 1.0);
            let found = whole.mean().deviation.expect("two or more");
            prop_assert!((found - variance.sqrt()).abs() <= 1e-9 * found);
        }
    }
}
