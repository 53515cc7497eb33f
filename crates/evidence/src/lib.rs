//! What may be believed: figures with their intervals, differences, and the doubts that go with them.
//!
//! A figure that the product shows is an estimate with an interval, never a bare number; this crate holds the forms
//! that every view answers in, so that a share means and a count reads the same wherever it is shown. It may know statistics; it must not
//! know how a figure was computed or what it is about.

mod count;
mod difference;
mod doubt;
mod mean;
mod nps;
mod share;

pub use count::{counted, grouped};
pub use difference::Difference;
pub use doubt::{Doubt, FEW};
pub use mean::{Mean, MeanDifference, Sums};
pub use nps::Nps;
pub use share::{Share, Z};
