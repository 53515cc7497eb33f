//! What is said about the quality of data.

use std::sync::Arc;

use evidence::Doubt;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Finding, Unknown};

/// Whether the data are fit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// The number of events.
    pub events: u64,
    /// The number of customers.
    pub customers: u64,
    /// Customers of whom one event is known.
    pub single_customers: u64,
    /// As a share of all customers.
    pub single_share: Option<f64>,
    /// Lower end of the 95 % interval of that share.
    pub single_share_low: Option<f64>,
    /// Upper end.
    pub single_share_high: Option<f64>,
    /// Events that are there before: of the same customer, moment and second.
    pub repeated_events: u64,
    /// As a share of all events.
    pub repeated_share: Option<f64>,
    /// Lower end of the 95 % interval of that share.
    pub repeated_share_low: Option<f64>,
    /// Upper end.
    pub repeated_share_high: Option<f64>,
    /// Events exactly at midnight of the charter's time zone.
    pub midnight_events: u64,
    /// As a share of all events.
    pub midnight_share: Option<f64>,
    /// Lower end of the 95 % interval of that share.
    pub midnight_share_low: Option<f64>,
    /// Upper end.
    pub midnight_share_high: Option<f64>,
    /// Customers to whom more than one key leads, whether or not an event came with each; null where keys were not looked at, or
    /// of a part of the lake.
    pub stitched_customers: Option<u64>,
    /// As a share of all customers.
    pub stitched_share: Option<f64>,
    /// Lower end of the 95 % interval of that share.
    pub stitched_share_low: Option<f64>,
    /// Upper end.
    pub stitched_share_high: Option<f64>,
    /// Events that are no moment of the charter; null where that was not counted, or of a part of the lake.
    pub unknown: Option<Unknown>,
    /// The channels, by name; an event without one has the channel `(none)`.
    pub channels: Vec<Feed>,
    /// The sources, by name.
    pub sources: Vec<Feed>,
    /// What was found, the weightiest first; what is about less than one in a thousand events comes last.
    pub findings: Vec<Finding>,
    /// What stands against these figures.
    pub doubts: Vec<Doubt>,
}

/// The events that came through one channel, or from one source.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Feed {
    /// Its name.
    pub name: Arc<str>,
    /// How many events.
    pub events: u64,
    /// The hour of the first, in the charter's time zone.
    pub first: String,
    /// The hour of the latest.
    pub last: String,
    /// How many days have events.
    pub days: u64,
    /// Of ten times from one day with events to the next, nine are at most so many days.
    pub gap_days_p90: u64,
    /// How many days it has been silent by the end of the data.
    pub silent_days: u64,
}
