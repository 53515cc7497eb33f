//! The organisation's own words: one YAML file, read with positions, checked all at once, and kept as an immutable
//! [`Charter`].
//!
//! It may know how a charter is written and what its conditions and patterns mean. It must not know files, customers or
//! results: whoever reads the file hands in its text, whoever holds events hands in [`Facts`].

pub mod actions;
mod charter;
pub mod condition;
pub mod draft;
mod idle;
pub mod journeys;
mod json_path;
pub mod keys;
pub mod moments;
mod nearest;
pub mod pattern;
pub mod pilots;
mod problem;
mod read;
pub mod scenario;
mod schema;
pub mod segments;
pub mod sources;
mod words;
mod yaml;

pub use charter::{Charter, VERSION};
pub use condition::{Answer, Condition, ConditionError, EventColumns, Facts, Fault, Truth, Type, Vocabulary};
pub use json_path::json_path;
pub use pattern::{Pattern, PatternError, Step};
pub use problem::{Code, Problem, Severity};
pub use schema::schema;
pub use segments::CustomerFact;
pub use words::{EventFacts, Fact};
pub use yaml::CHARTER_BYTES_MAX;
