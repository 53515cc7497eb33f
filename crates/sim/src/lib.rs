//! The proving ground: customers who do not exist, made from one seed, so that speed can be measured and planted truths
//! can be found again.
//!
//! `sim` may know everything, because nothing depends on it. It draws every number from a [`Random`] that is handed a seed:
//! the same seed gives the same bytes, on every run.
//!
//! - [`traffic`]: any number of events in time order, for benchmarks.
//! - [`telecom`]: a small organisation with departments, promises and planted truths, for demos and later for methods.
//! - [`world`]: small random organisations for tests, and [`oracle`]: the slow and obvious way to what a view says of them.

pub mod oracle;
mod random;
pub mod telecom;
pub mod traffic;
pub mod world;

pub use random::Random;
