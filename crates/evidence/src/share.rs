//! A share with its interval.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The 97.5 % point of the standard normal distribution: all intervals are two-sided 95 % ones.
pub const Z: f64 = 1.959_963_984_540_054;

/// How many of how many, with the 95 % interval of the share that they are a sample of.
///
/// The interval is Wilson's score interval without continuity correction. It assumes that the cases are independent of
/// each other; cases that come in clusters (several journeys of one customer) make it too narrow.
/// Source: Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22, 1927; method 3 in
/// Newcombe, "Two-sided confidence intervals for the single proportion", Statistics in Medicine 17, 1998.
///
/// ```
/// let share = evidence::Share::new(81, 263);
/// let (low, high) = share.low.zip(share.high).expect("there are cases");
/// assert!((low - 0.2553).abs() < 5e-5 && (high - 0.3662).abs() < 5e-5);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Share {
    /// How many.
    pub count: u64,
    /// Of how many.
    pub of: u64,
    /// `count / of`, from 0 to 1; null where there are no cases: a share of nothing is nothing, and not 0.
    pub share: Option<f64>,
    /// Lower end of the 95 % interval; null without cases.
    pub low: Option<f64>,
    /// Upper end of the 95 % interval; null without cases.
    pub high: Option<f64>,
}

impl Share {
    /// The share of `count` cases in `of`; `count` is at most `of`. Without cases nothing is known.
    pub fn new(count: u64, of: u64) -> Self {
        debug_assert!(count <= of, "{count} of {of}");
        if of == 0 {
            return Self { count, of, share: None, low: None, high: None };
        }
        let n = of as f64;
        let share = count as f64 / n;
        let z2 = Z * Z;
        let middle = share + z2 / (2.0 * n);
        let spread = Z * (share * (1.0 - share) / n + z2 / (4.0 * n * n)).sqrt();
        let scale = 1.0 + z2 / n;
        // Rounding would leave 1e-17 where the formula gives exactly 0 or 1.
        let low = if count == 0 { 0.0 } else { ((middle - spread) / scale).max(0.0) };
        let high = if count == of { 1.0 } else { ((middle + spread) / scale).min(1.0) };
        Self { count, of, share: Some(share), low: Some(low), high: Some(high) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Table I of Newcombe 1998 (single proportion), method 3.
    #[test]
    fn the_published_intervals() {
        for (count, of, low, high) in
            [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)]
        {
            let share = Share::new(count, of);
            let close = |found: Option<f64>, wanted: f64| found.is_some_and(|found| (found - wanted).abs() < 5.1e-5);
            assert!(close(share.low, low) && close(share.high, high), "{share:?}");
        }
    }

    #[test]
    fn without_cases_nothing_is_known() {
        assert_eq!(Share::new(0, 0), Share { count: 0, of: 0, share: None, low: None, high: None });
        assert_eq!(Share::new(0, 1).share, Some(0.0));
    }

    proptest! {
        #[test]
        fn the_interval_holds_the_share_and_mirrors(of in 1u64..1_000_000_000, part in 0.0f64..=1.0) {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and `of`")]
            let count = ((of as f64 * part) as u64).min(of);
            let (share, rest) = (Share::new(count, of), Share::new(of - count, of));
            let ends = |share: Share| Some((share.low?, share.share?, share.high?));
            let ((low, middle, high), (_, _, rest_high)) = ends(share).zip(ends(rest)).expect("there are cases");
            prop_assert!(0.0 <= low && low <= middle && middle <= high && high <= 1.0);
            prop_assert!((low - (1.0 - rest_high)).abs() < 1e-9);
        }
    }
}
