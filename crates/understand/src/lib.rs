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
mod limits;
mod nearest;
mod question;
mod sequences;
mod sketch;
mod table;
mod views;

pub mod funnel;
pub mod map;
pub mod person;
pub mod quality;
pub mod sankey;
pub mod segments;
pub mod steps;
pub mod variants;

pub use compare::{Comparison, Differing, Group};
pub use durations::Times;
pub use error::Error;
pub use nearest::nearest;
pub use question::Question;
pub use table::{Cell, Table};
pub use views::{Answered, GroupFold, View};
