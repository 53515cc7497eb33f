//! The questions about all journeys: one file per view, each with its options, its fold, its answer and its tables.
//!
//! A view is a [`Question`]: options become a fold, which sees every journey once, and whose answer becomes JSON, a
//! table or CSV. [`View`] has all of them by name. What two views count alike is counted by the same code, and a test
//! compares them. It may know journeys and what may be believed; it must not know where events are kept, who asks, or
//! what is done about it.

mod compare;
mod count;
mod durations;
mod error;
mod examples;
mod figures;
mod kept;
mod limits;
mod outcomes;
mod pending;
mod promises;
mod question;
mod scores;
mod sequences;
mod sketch;
mod table;
mod trail;
mod views;

pub mod abandonment;
pub mod absences;
pub mod channels;
pub mod conformance;
pub mod expectations;
pub mod extent;
pub mod funnel;
pub mod interactions;
pub mod map;
pub mod paths;
pub mod person;
pub mod quality;
pub mod retention;
pub mod sankey;
pub mod say_do;
pub mod segments;
pub mod stages;
pub mod steps;
mod strays;
pub mod surveys;
pub mod variants;

pub use compare::{Comparison, Differing, Group, schema as comparison_schema};
pub use durations::Times;
pub use error::Error;
pub use figures::{
    Changed, changes, csv as changes_csv, schema as changes_schema, sort_by_size, table as changes_table,
};
pub use outcomes::{OutcomeAmong, OutcomeBetween};
pub use promises::Balance;
pub use question::Question;
pub use scores::Score;
pub use table::{Cell, Table, within};
pub use views::{Answered, Doubted, GroupFold, View};
