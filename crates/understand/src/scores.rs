//! What customers answered: how a score is read, counted and summed up. Shared by every view that shows scores, so that
//! the same answers give the same figures.

use charter::journeys::{Survey, SurveyKind};
use evidence::{Nps, Share, Sums};
use journey::{Of, Wanted};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where the columns of a survey's answers stand.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Places {
    pub(crate) score: usize,
    pub(crate) reason: Option<usize>,
}

impl Places {
    /// Asks for the columns of a survey, of its answers alone.
    pub(crate) fn of(survey: &Survey, wanted: &mut Wanted) -> Self {
        let of = Of::Moments(vec![survey.moment.clone()]);
        let reason = survey.reason.as_ref().map(|column| wanted.word(column, of.clone()));
        Self { score: wanted.number(&survey.score, of), reason }
    }
}

/// The name that a charter gives to a scale.
pub(crate) fn kind_name(kind: SurveyKind) -> &'static str {
    match kind {
        SurveyKind::Nps => "nps",
        SurveyKind::Csat => "csat",
        SurveyKind::Ces => "ces",
    }
}

/// What an answer says on the whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Said {
    /// Promoters (9, 10); 4 and 5 of CSAT; 5 to 7 of CES.
    Well,
    /// Passives (7, 8); 3 of CSAT; 4 of CES.
    Neither,
    /// Detractors (0 to 6); 1 and 2 of CSAT; 1 to 3 of CES.
    Badly,
}

impl Said {
    pub(crate) const ALL: [Said; 3] = [Said::Well, Said::Neither, Said::Badly];

    pub(crate) fn of(kind: SurveyKind, score: usize) -> Self {
        let (neither, well) = match kind {
            SurveyKind::Nps => (7, 9),
            SurveyKind::Csat => (3, 4),
            SurveyKind::Ces => (4, 5),
        };
        match score {
            score if score >= well => Said::Well,
            score if score >= neither => Said::Neither,
            _ => Said::Badly,
        }
    }

    pub(crate) fn name(self, kind: SurveyKind) -> &'static str {
        match (self, kind) {
            (Said::Well, SurveyKind::Nps) => "promoters",
            (Said::Neither, SurveyKind::Nps) => "passives",
            (Said::Badly, SurveyKind::Nps) => "detractors",
            (Said::Well, _) => "top",
            (Said::Neither, _) => "middle",
            (Said::Badly, _) => "low",
        }
    }
}

/// Why an answer has no score that counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoScore {
    /// The answer has none, or none that is a number.
    Missing,
    /// It is no whole number.
    NotWhole,
    /// It lies outside of the scale.
    OutOfRange,
}

/// Reads a score.
pub(crate) fn read(kind: SurveyKind, number: f64) -> Result<usize, NoScore> {
    let scale = match kind {
        SurveyKind::Nps => 0..=10u8,
        SurveyKind::Csat => 1..=5,
        SurveyKind::Ces => 1..=7,
    };
    if number.is_nan() {
        return Err(NoScore::Missing);
    }
    if number.fract().abs() > 0.0 {
        return Err(NoScore::NotWhole);
    }
    let score = scale.into_iter().find(|score| (f64::from(*score) - number).abs() < 0.5);
    score.map(usize::from).ok_or(NoScore::OutOfRange)
}

/// How often each score was given.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Scores([u64; 11]);

impl Scores {
    pub(crate) fn add(&mut self, score: usize) {
        self.0[score] += 1;
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        self.0.iter_mut().zip(other.0).for_each(|(ours, theirs)| *ours += theirs);
    }

    pub(crate) fn subtract(&mut self, other: &Self) {
        self.0.iter_mut().zip(other.0).for_each(|(ours, theirs)| *ours -= theirs);
    }

    pub(crate) fn n(&self) -> u64 {
        self.0.iter().sum()
    }

    /// Every score that was given, with how often.
    pub(crate) fn given(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        (0..).zip(self.0).filter(|(_, count)| *count > 0)
    }

    pub(crate) fn who(&self, kind: SurveyKind, said: Said) -> u64 {
        let of = |score: usize| Said::of(kind, score) == said;
        self.0.iter().enumerate().filter(|(score, _)| of(*score)).map(|(_, count)| count).sum()
    }

    pub(crate) fn nps(&self) -> Nps {
        let [promoters, passives, detractors] = Said::ALL.map(|said| self.who(SurveyKind::Nps, said));
        Nps::new(promoters, passives, detractors)
    }

    pub(crate) fn sums(&self) -> Sums {
        let mut sums = Sums::default();
        for (score, count) in self.given() {
            sums.add_many(score as f64, count);
        }
        sums
    }

    pub(crate) fn score(&self, kind: SurveyKind) -> Score {
        let mean = self.sums().mean();
        let n = self.n();
        let top = Share::new(self.who(kind, Said::Well), n);
        let low = Share::new(self.who(kind, Said::Badly), n);
        let nps = (kind == SurveyKind::Nps).then(|| self.nps());
        Score {
            n,
            mean: mean.mean,
            mean_low: mean.low,
            mean_high: mean.high,
            top_share: top.share,
            top_share_low: top.low,
            top_share_high: top.high,
            low_share: low.share,
            low_share_low: low.low,
            low_share_high: low.high,
            nps: nps.and_then(|nps| nps.score),
            nps_low: nps.and_then(|nps| nps.low),
            nps_high: nps.and_then(|nps| nps.high),
            nps_standard_error: nps.and_then(|nps| nps.standard_error),
        }
    }
}

/// What answers come to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Score {
    /// How many answers.
    pub n: u64,
    /// The mean score; null without answers.
    pub mean: Option<f64>,
    /// Lower end of its 95 % interval (Student's t); null with fewer than two answers and where all are
    /// equal.
    pub mean_low: Option<f64>,
    /// Upper end.
    pub mean_high: Option<f64>,
    /// The share of high scores: 9 and 10 of NPS, 4 and 5 of CSAT, 5 to 7 of CES.
    pub top_share: Option<f64>,
    /// Lower end of its 95 % interval (Wilson).
    pub top_share_low: Option<f64>,
    /// Upper end.
    pub top_share_high: Option<f64>,
    /// The share of low scores: 0 to 6 of NPS, 1 and 2 of CSAT, 1 to 3 of CES.
    pub low_share: Option<f64>,
    /// Lower end of its 95 % interval (Wilson).
    pub low_share_low: Option<f64>,
    /// Upper end.
    pub low_share_high: Option<f64>,
    /// The net promoter score in points from -100 to 100; null on other scales.
    pub nps: Option<f64>,
    /// Lower end of its 95 % interval, from the multinomial variance; null of fewer than 10 or all alike.
    pub nps_low: Option<f64>,
    /// Upper end.
    pub nps_high: Option<f64>,
    /// Its standard error in points.
    pub nps_standard_error: Option<f64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_outside_of_their_scale_are_told_apart() {
        assert_eq!(read(SurveyKind::Nps, 0.0), Ok(0));
        assert_eq!(read(SurveyKind::Nps, 10.0), Ok(10));
        for (kind, number) in
            [(SurveyKind::Nps, 11.0), (SurveyKind::Csat, 0.0), (SurveyKind::Ces, -1.0), (SurveyKind::Nps, 1e300)]
        {
            assert_eq!(read(kind, number), Err(NoScore::OutOfRange), "{number}");
        }
        assert_eq!(read(SurveyKind::Csat, 4.5), Err(NoScore::NotWhole));
        assert_eq!(read(SurveyKind::Csat, f64::NAN), Err(NoScore::Missing));
        assert_eq!(read(SurveyKind::Csat, f64::INFINITY), Err(NoScore::OutOfRange));
    }

    #[test]
    fn figures_by_hand() {
        let mut scores = Scores::default();
        for score in [10, 9, 9, 8, 6, 0] {
            scores.add(score);
        }
        let score = scores.score(SurveyKind::Nps);
        assert_eq!((score.n, score.mean, score.top_share), (6, Some(7.0), Some(0.5)));
        let nps = score.nps.expect("answers");
        assert!((nps - 100.0 / 6.0).abs() < 1e-9, "3 promoters, 2 detractors of 6: {nps}");
        assert_eq!((scores.score(SurveyKind::Ces).nps, scores.who(SurveyKind::Nps, Said::Neither)), (None, 1));
    }
}
