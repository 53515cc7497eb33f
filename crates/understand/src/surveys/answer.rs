//! What is known of surveys in the end.

use std::collections::BTreeMap;
use std::sync::Arc;

use charter::journeys::SurveyKind;
use evidence::{Doubt, Mean, Share};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::compare::{Figured, Means, Shares};
use crate::scores::{Said, Score};

/// What was answered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// The surveys of the charter, in its order.
    pub surveys: Vec<Survey>,
    /// What stands against these figures.
    pub doubts: Vec<Doubt>,
}

/// The answers to one survey.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Survey {
    /// Its name.
    pub survey: Arc<str>,
    /// Its scale: `nps`, `csat` or `ces`.
    pub kind: Arc<str>,
    /// The moment of the answer.
    pub moment: Arc<str>,
    /// How many customers answered.
    pub customers: u64,
    /// What the answers come to.
    pub score: Score,
    /// How often each score was given.
    pub distribution: Vec<Given>,
    /// Events of the moment that carry no score of this survey.
    pub without_score: u64,
    /// Scores that were rejected because they lie outside of the scale.
    pub out_of_range: u64,
    /// Scores that were rejected because they are no whole numbers.
    pub not_whole: u64,
    /// Texts that stand where a score should and are no number, such as `n/a` or `9,0`.
    pub unreadable: u64,
    /// How often customers were asked; null where nothing tells: see `asked` of the survey in the charter, and
    /// the option of that name.
    pub asked: Option<u64>,
    /// The share of these that was answered before the customer was asked again, with a score that counts or one that does
    /// not.
    pub response_share: Option<f64>,
    /// Lower end of its 95 % interval.
    pub response_share_low: Option<f64>,
    /// Upper end.
    pub response_share_high: Option<f64>,
    /// By the last moment before the answer that is no answer to a survey, the most frequent first.
    pub by_moment: Vec<By>,
    /// By the channel of that moment.
    pub by_channel: Vec<By>,
    /// By segment of the charter, in its order; a customer may belong to several.
    pub by_segment: Vec<BySegment>,
    /// By the reason that was given.
    pub reasons: Vec<By>,
}

/// The answers of the customers of a segment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BySegment {
    /// The segment.
    pub segment: Arc<str>,
    /// How many customers of it answered.
    pub customers: u64,
    /// What their answers come to.
    pub score: Score,
    /// How often they were asked; null where nothing tells.
    pub asked: Option<u64>,
    /// The share of these that was answered.
    pub response_share: Option<f64>,
    /// Lower end of its 95 % interval.
    pub response_share_low: Option<f64>,
    /// Upper end.
    pub response_share_high: Option<f64>,
}

/// How often a score was given.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Given {
    /// The score.
    pub score: u64,
    /// How often.
    pub count: u64,
}

/// The answers that have something in common.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct By {
    /// What they have in common; `(none)` where there is nothing.
    pub name: Arc<str>,
    /// What they come to.
    pub score: Score,
}

pub(super) fn shares(answer: &Answer) -> Shares {
    let mut by_name = BTreeMap::new();
    for survey in &answer.surveys {
        let kind = if &*survey.kind == "nps" { SurveyKind::Nps } else { SurveyKind::Csat };
        let score = &survey.score;
        for (said, share) in [(Said::Well, score.top_share), (Said::Badly, score.low_share)] {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count, times rounding")]
            let count = (share.unwrap_or_default() * score.n as f64).round() as u64;
            by_name.insert(format!("{}: {}", survey.survey, said.name(kind)), Share::new(count, score.n));
        }
    }
    Shares { of: answer.surveys.first().map_or(0, |survey| survey.score.n), by_name }
}

pub(super) fn means(answer: &Answer) -> Means {
    let mut all = Means::new();
    for Survey { survey, score, .. } in &answer.surveys {
        let mean = Mean::of_interval(score.n, score.mean, score.mean_low, score.mean_high);
        all.insert(format!("{survey}: mean score"), mean.into());
        if score.nps.is_some() {
            let nps = Figured::Score { n: score.n, score: score.nps, error: score.nps_standard_error };
            all.insert(format!("{survey}: NPS"), nps);
        }
    }
    all
}
