//! What is known of conformance in the end.

use std::sync::Arc;

use evidence::Doubt;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::OutcomeBetween;
use crate::durations::Times;
use crate::promises::Balance;

/// How real journeys compare with the designed one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// The journey of the charter.
    pub journey: String,
    /// The journey as it was drawn.
    pub designed: String,
    /// The number of journeys.
    pub journeys: u64,
    /// The number of customers.
    pub customers: u64,
    /// How many distinct ways there are; null where the drawing has conditions on channels or times, because then each
    /// journey is aligned for itself.
    pub variants: Option<u64>,
    /// Mean over all journeys of 1 less what the cheapest alignment costs of the worst there is: all moments of the journey
    /// added and the shortest drawn one skipped. Null where there are no journeys.
    pub fitness: Option<f64>,
    /// How many journeys are as drawn from start to end.
    pub fitting: u64,
    /// As a share.
    pub fitting_share: Option<f64>,
    /// Lower end of the 95 % interval of that share.
    pub fitting_share_low: Option<f64>,
    /// Upper end.
    pub fitting_share_high: Option<f64>,
    /// The same by how journeys ended.
    pub endings: Vec<ByEnding>,
    /// The moments that are drawn and skipped, most often first.
    pub skipped: Vec<Moved>,
    /// The moments that are added, most often first.
    pub added: Vec<Moved>,
    /// Skipped and added moments by whose they are, in the order of the charter's departments, those of nobody last.
    pub departments: Vec<Department>,
    /// Where journeys part from the drawing, most journeys first.
    pub partings: Vec<Parting>,
    /// Of journeys that are over, how many succeeded: those that never parted from the drawing against those that did.
    pub success: OutcomeBetween,
    /// What the business got after the end of journeys that are over, in the same two groups.
    pub outcomes: Vec<OutcomeBetween>,
    /// The times promised between moments of the journey.
    pub promised: Vec<Promised>,
    /// Whether the times are exact.
    pub times: Times,
    /// What stands against these figures.
    pub doubts: Vec<Doubt>,
}

/// Journeys that ended in one way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ByEnding {
    /// How they ended: `succeeded`, `abandoned`, `open` or, where nothing says what the end means, `whole`.
    pub ending: String,
    /// How many.
    pub journeys: u64,
    /// How many are as drawn from start to end.
    pub fitting: u64,
    /// Mean fitness.
    pub fitness: f64,
}

/// A moment that is skipped or added.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Moved {
    /// The moment, or the step as it is drawn where that is not one moment.
    pub moment: Arc<str>,
    /// The department that owns the moment.
    pub owner: Option<String>,
    /// How often.
    pub count: u64,
    /// In how many journeys.
    pub journeys: u64,
    /// As a share of all journeys.
    pub journeys_share: Option<f64>,
    /// Lower end of the 95 % interval of that share.
    pub journeys_share_low: Option<f64>,
    /// Upper end.
    pub journeys_share_high: Option<f64>,
}

/// Moves of the moments of one department.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Department {
    /// The department; null for moments that nobody owns.
    pub owner: Option<String>,
    /// How many of its moments were skipped.
    pub skipped: u64,
    /// How many of its moments were added.
    pub added: u64,
}

/// A place where journeys part from the drawing: they followed it up to here, and then something came that is not drawn.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Parting {
    /// The last moment that followed the drawing; null for journeys that never did.
    pub after: Option<Arc<str>>,
    /// The department that owns it.
    pub owner: Option<String>,
    /// How many journeys part here.
    pub journeys: u64,
    /// As a share of all journeys.
    pub share: Option<f64>,
    /// Lower end of the 95 % interval of that share.
    pub share_low: Option<f64>,
    /// Upper end.
    pub share_high: Option<f64>,
    /// What came instead, most journeys first.
    pub came: Vec<Came>,
    /// Of journeys that are over, how many succeeded: those that went on from here as drawn against those that parted here.
    pub success: OutcomeBetween,
    /// What the business got after they had come here, in the same two groups, of journeys that are over and of others.
    pub outcomes: Vec<OutcomeBetween>,
}

/// What came where something else was drawn.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Came {
    /// The moment.
    pub moment: Arc<str>,
    /// In how many journeys.
    pub journeys: u64,
}

/// A time promised between two moments of the journey.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Promised {
    /// From which moment.
    pub from: String,
    /// To which moment.
    pub to: String,
    /// Within how long, as the charter writes it.
    pub within: String,
    /// What became of it.
    pub balance: Balance,
    /// Median time from one to the other, where it came, in seconds of elapsed time.
    pub median_s: Option<f64>,
    /// Its 90th percentile.
    pub p90_s: Option<f64>,
}
