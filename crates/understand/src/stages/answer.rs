//! What the stage board shows.

use std::sync::Arc;

use evidence::{Doubt, Mean, Share, Z};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Measure;
use crate::compare::{Figured, Means, Shares};
use crate::durations::Times;

/// How the stages do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// When the period begins (RFC 3339, in the charter's time zone); null where it has no bounds, and then nothing is said
    /// about change.
    pub since: Option<String>,
    /// Where its later half begins.
    pub middle: Option<String>,
    /// When it ends.
    pub until: Option<String>,
    /// Whether `since` to `middle` is the period before the one that was asked for, which is `middle` to `until`; otherwise
    /// they are the halves of the period.
    pub before: bool,
    /// The currency of amounts, as the charter has it.
    pub currency: Option<String>,
    /// The number of journeys.
    pub journeys: u64,
    /// The number of customers.
    pub customers: u64,
    /// Whether the times are exact.
    pub times: Times,
    /// The stages in the order of the charter.
    pub stages: Vec<Stage>,
    /// Changes from one stage to another.
    pub transitions: Vec<Transition>,
    /// How many changes led to an earlier stage.
    pub back: u64,
    /// As a share of all changes.
    pub back_share: Option<f64>,
    /// Lower end of its 95 % interval.
    pub back_share_low: Option<f64>,
    /// Upper end.
    pub back_share_high: Option<f64>,
    /// What stands against these figures.
    pub doubts: Vec<Doubt>,
}

/// One stage.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Stage {
    /// Its name.
    pub stage: Arc<str>,
    /// How it is shown.
    pub label: Arc<str>,
    /// What it is for: `reach`, `conversion`, `basket`, `lifetime`, `advocacy`; null where the charter does not say.
    pub goal: Option<Arc<str>>,
    /// Customers with a moment of the stage.
    pub customers: u64,
    /// Events that are moments of the stage.
    pub events: u64,
    /// Customers who came to an earlier stage after it.
    pub fell_back: u64,
    /// As a share of those in the stage.
    pub fell_back_share: Option<f64>,
    /// Lower end of its 95 % interval.
    pub fell_back_share_low: Option<f64>,
    /// Upper end.
    pub fell_back_share_high: Option<f64>,
    /// Median time of a stay in seconds: from its first moment to the first moment of the next stage. Stays that nothing
    /// followed are left out.
    pub stay_median_s: Option<f64>,
    /// Median time in seconds between a customer's first and last moment in the stage.
    pub lifetime_median_s: Option<f64>,
    /// The measures of its goal, the main one first.
    pub measures: Vec<Measure>,
}

/// Changes from one stage to another: neighbouring moments of a journey, those without a stage left out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Transition {
    /// The stage before.
    pub from: Arc<str>,
    /// The stage after.
    pub to: Arc<str>,
    /// Whether it leads to an earlier stage.
    pub back: bool,
    /// How often.
    pub count: u64,
    /// By how many customers.
    pub customers: u64,
    /// Median time in seconds between the two moments.
    pub median_s: Option<f64>,
}

pub(super) fn shares(answer: &Answer) -> Shares {
    let mut by_name = std::collections::BTreeMap::new();
    for stage in &answer.stages {
        by_name.insert(format!("{}: reached", stage.stage), Share::new(stage.customers, answer.customers));
        by_name.insert(format!("{}: fell back", stage.stage), Share::new(stage.fell_back, stage.customers));
        for measure in stage.measures.iter().filter(|measure| measure.unit == "share") {
            let name = format!("{}: {}", stage.stage, measure.measure);
            by_name.insert(name, Share::new(measure.count.unwrap_or(0), measure.n));
        }
    }
    Shares { of: answer.customers, by_name }
}

pub(super) fn means(answer: &Answer) -> Means {
    let mut all = Means::new();
    for stage in &answer.stages {
        for measure in stage.measures.iter().filter(|measure| measure.unit != "share") {
            let Measure { n, value, low, high, .. } = *measure;
            let figure = if measure.unit == "points" {
                // An end beyond the scale stands at the end of the scale, the other one then does not.
                let spread = value.zip(low.zip(high)).map(|(value, (low, high))| (value - low).max(high - value));
                Figured::Score { n, score: value, error: spread.map(|spread| spread / Z) }
            } else {
                Mean::of_interval(n, value, low, high).into()
            };
            all.insert(format!("{}: {}", stage.stage, measure.measure), figure);
        }
    }
    all
}
