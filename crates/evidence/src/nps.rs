//! The net promoter score with its interval.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::share::Z;

/// The net promoter score: the share of those who answer 9 or 10 less the share of those who answer 0 to 6, in points
/// from -100 to 100, with its 95 % interval.
///
/// The standard error is that of the difference of two shares of one multinomial sample:
/// √((p + d − (p − d)²) / n). It assumes independent answers. Of fewer than 10 answers, or where all are alike, it would
/// be far too small (0, where two customers give a 9), so nothing is said of it then.
/// Source: Reichheld, "The one number you need to grow", Harvard Business Review 81, 2003, for the score; Goodman, "On
/// simultaneous confidence intervals for multinomial proportions", Technometrics 7, 1965, for the variance.
///
/// ```
/// let nps = evidence::Nps::new(60, 25, 15);
/// assert_eq!(nps.score, Some(45.0));
/// assert!((nps.standard_error.expect("answers") - 7.4).abs() < 0.01);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Nps {
    /// Answers of 9 and 10.
    pub promoters: u64,
    /// Answers of 7 and 8.
    pub passives: u64,
    /// Answers of 0 to 6.
    pub detractors: u64,
    /// The score in points; null without answers.
    pub score: Option<f64>,
    /// Its standard error in points; null with fewer than 10 answers and where all are alike, as the interval is.
    pub standard_error: Option<f64>,
    /// Lower end of the 95 % interval.
    pub low: Option<f64>,
    /// Upper end of the 95 % interval.
    pub high: Option<f64>,
}

/// Of fewer answers the variance says too little.
const ANSWERS_MIN: u64 = 10;

impl Nps {
    /// The score of so many answers.
    pub fn new(promoters: u64, passives: u64, detractors: u64) -> Self {
        let answers = promoters + passives + detractors;
        let n = answers as f64;
        let score = (answers > 0).then(|| 100.0 * (promoters as f64 - detractors as f64) / n);
        let alike = [promoters, passives, detractors].contains(&answers);
        let standard_error = (answers >= ANSWERS_MIN && !alike).then(|| {
            let (p, d) = (promoters as f64 / n, detractors as f64 / n);
            ((p + d - (p - d).powi(2)).max(0.0) / n).sqrt() * 100.0
        });
        let ends = score.zip(standard_error).map(|(score, error)| (score - Z * error, score + Z * error));
        let (low, high) = (ends.map(|ends| ends.0.max(-100.0)), ends.map(|ends| ends.1.min(100.0)));
        Self { promoters, passives, detractors, score, standard_error, low, high }
    }

    /// How many points higher this score is than `other`, of other customers, with the lower and upper end of the 95 %
    /// interval where both have one; `None` where there is no answer on either side.
    pub fn difference(&self, other: &Self) -> Option<(f64, Option<(f64, f64)>)> {
        let difference = self.score? - other.score?;
        let spread = self.standard_error.zip(other.standard_error).map(|(a, b)| Z * a.hypot(b));
        Some((difference, spread.map(|spread| (difference - spread, difference + spread))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By hand: 60, 25 and 15 of 100 make 45; the variance is 0.75 − 0.2025 = 0.5475, the error √0.005475.
    #[test]
    fn a_score_by_hand() {
        let nps = Nps::new(60, 25, 15);
        assert_eq!(nps.score, Some(45.0));
        let error = nps.standard_error.expect("answers");
        assert!((error - 7.399_324).abs() < 1e-6);
        let (low, high) = nps.low.zip(nps.high).expect("answers");
        assert!((low - 30.497_591).abs() < 1e-5 && (high - 59.502_409).abs() < 1e-5, "{nps:?}");
        let (difference, ends) = nps.difference(&Nps::new(10, 80, 10)).expect("answers");
        let (low, high) = ends.expect("enough answers");
        assert!((difference - 45.0).abs() < 1e-12 && (low + high - 90.0).abs() < 1e-9);
    }

    /// The variance of +1, 0 and −1, with n below the line, is that of the multinomial.
    #[test]
    fn the_error_is_that_of_the_mean_of_plus_and_minus_one() {
        let values = [vec![1.0; 7], vec![0.0; 4], vec![-1.0; 5]].concat();
        let mean = values.iter().sum::<f64>() / 16.0;
        let variance = values.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / 16.0;
        let error = Nps::new(7, 4, 5).standard_error.expect("answers");
        assert!((error - 100.0 * (variance / 16.0).sqrt()).abs() < 1e-9);
    }

    #[test]
    fn without_answers_nothing_is_known() {
        let none = Nps::new(0, 0, 0);
        assert_eq!((none.score, none.low, none.difference(&none)), (None, None, None));
    }

    #[test]
    fn few_answers_and_answers_that_are_all_alike_have_no_interval() {
        for nps in [Nps::new(2, 0, 0), Nps::new(5, 0, 4), Nps::new(40, 0, 0), Nps::new(0, 40, 0), Nps::new(0, 0, 40)] {
            assert_eq!((nps.standard_error, nps.low, nps.high), (None, None, None), "{nps:?}");
            assert!(nps.score.is_some());
            assert_eq!(nps.difference(&Nps::new(6, 0, 4)).map(|(_, ends)| ends), Some(None));
        }
        assert!(Nps::new(6, 0, 4).low.is_some());
    }
}
