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
/// assert!((difference.low - 0.0524).abs() < 5e-5 && (difference.high - 0.3339).abs() < 5e-5);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Difference {
    /// The share in the first group.
    pub a: Share,
    /// The share in the second group.
    pub b: Share,
    /// `a.share - b.share`, from -1 to 1.
    pub difference: f64,
    /// Lower end of the 95 % interval.
    pub low: f64,
    /// Upper end of the 95 % interval.
    pub high: f64,
}

impl Difference {
    /// How much larger the share `a` is than the share `b`.
    pub fn between(a: Share, b: Share) -> Self {
        let difference = a.share - b.share;
        let below = (a.share - a.low).hypot(b.high - b.share);
        let above = (a.high - a.share).hypot(b.share - b.low);
        Self { a, b, difference, low: (difference - below).max(-1.0), high: (difference + above).min(1.0) }
    }

    /// Whether the interval leaves out that there is no difference.
    pub fn excludes_zero(&self) -> bool {
        self.low > 0.0 || self.high < 0.0
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
            let close = |x: f64, y: f64| (x - y).abs() < 5.1e-5;
            assert!(
                close(found.difference, difference) && close(found.low, low) && close(found.high, high),
                "{found:?}"
            );
        }
    }

    #[test]
    fn an_empty_group_excludes_nothing() {
        let difference = Difference::between(Share::new(10, 10), Share::new(0, 0));
        assert!(!difference.excludes_zero(), "{difference:?}");
    }

    proptest! {
        #[test]
        fn swapping_the_groups_turns_the_sign(a in 0u64..=50, b in 0u64..=90) {
            let (a, b) = (Share::new(a, 50), Share::new(b, 90));
            let (one, other) = (Difference::between(a, b), Difference::between(b, a));
            prop_assert!((one.low + other.high).abs() < 1e-12 && (one.high + other.low).abs() < 1e-12);
            prop_assert!(one.low <= one.difference && one.difference <= one.high);
            prop_assert_eq!(one.excludes_zero(), other.excludes_zero());
        }
    }
}
