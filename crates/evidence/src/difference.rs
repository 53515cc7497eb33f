//! The difference of two shares with its interval.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Share;

/// The difference of two shares of independent groups, with its 95 % interval.
///
/// The interval is Newcombe's hybrid score interval without continuity correction. It assumes independent cases and
/// groups that do not overlap; it says nothing about why the groups differ.
/// Source: method 10 in Newcombe, "Interval estimation for the difference between independent proportions", Statistics
/// in Medicine 17, 1998.
///
/// ```
/// use evidence::{Difference, Share};
/// let difference = Difference::between(Share::new(56, 70), Share::new(48, 80));
/// let (low, high) = difference.low.zip(difference.high).expect("both groups have cases");
/// assert!((low - 0.0524).abs() < 5e-5 && (high - 0.3339).abs() < 5e-5);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Difference {
    /// The share in the first group.
    pub a: Share,
    /// The share in the second group.
    pub b: Share,
    /// `a.share - b.share`, from -1 to 1; null where either is a share of nothing.
    pub difference: Option<f64>,
    /// Lower end of the 95 % interval; null likewise.
    pub low: Option<f64>,
    /// Upper end of the 95 % interval; null likewise.
    pub high: Option<f64>,
}

impl Difference {
    /// How much larger the share `a` is than the share `b`.
    pub fn between(a: Share, b: Share) -> Self {
        let ends = |share: Share| Some((share.share?, share.low?, share.high?));
        let between = ends(a).zip(ends(b)).map(|((a, a_low, a_high), (b, b_low, b_high))| {
            let (below, above) = ((a - a_low).hypot(b_high - b), (a_high - a).hypot(b - b_low));
            (a - b, (a - b - below).max(-1.0), (a - b + above).min(1.0))
        });
        let [difference, low, high] =
            between.map_or([None; 3], |(difference, low, high)| [difference, low, high].map(Some));
        Self { a, b, difference, low, high }
    }

    /// Whether the interval leaves out that there is no difference.
    pub fn excludes_zero(&self) -> bool {
        self.low.zip(self.high).is_some_and(|(low, high)| low > 0.0 || high < 0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Table II of Newcombe 1998 (difference), method 10.
    #[test]
    fn the_published_intervals() {
        for (a, b, difference, low, high) in [
            ((56, 70), (48, 80), 0.2, 0.0524, 0.3339),
            ((9, 10), (3, 10), 0.6, 0.1705, 0.8090),
            ((10, 10), (0, 20), 1.0, 0.6791, 1.0),
        ] {
            let found = Difference::between(Share::new(a.0, a.1), Share::new(b.0, b.1));
            let close = |x: Option<f64>, y: f64| x.is_some_and(|x| (x - y).abs() < 5.1e-5);
            assert!(
                close(found.difference, difference) && close(found.low, low) && close(found.high, high),
                "{found:?}"
            );
        }
    }

    #[test]
    fn nothing_is_known_of_the_difference_from_an_empty_group() {
        let difference = Difference::between(Share::new(10, 10), Share::new(0, 0));
        assert_eq!((difference.difference, difference.low, difference.high), (None, None, None));
        assert!(!difference.excludes_zero(), "{difference:?}");
    }

    proptest! {
        #[test]
        fn swapping_the_groups_turns_the_sign(a in 0u64..=50, b in 0u64..=90) {
            let (a, b) = (Share::new(a, 50), Share::new(b, 90));
            let (one, other) = (Difference::between(a, b), Difference::between(b, a));
            let sum = |a: Option<f64>, b: Option<f64>| a.zip(b).map_or(f64::NAN, |(a, b)| (a + b).abs());
            prop_assert!(sum(one.low, other.high) < 1e-12 && sum(one.high, other.low) < 1e-12);
            prop_assert!(one.low <= one.difference && one.difference <= one.high);
            prop_assert_eq!(one.excludes_zero(), other.excludes_zero());
        }
    }
}
