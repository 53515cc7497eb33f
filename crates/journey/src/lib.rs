//! A customer's path told in charter words, and the question that is asked of every path.
//!
//! [`Fold`] is the heart of the product: a question asked once of every [`Journey`], whose partial answers merge. [`Runs`]
//! cuts sorted columns into one slice per customer, [`Selection`] says which journeys of a customer count, [`Moments`] holds
//! the words.
//! It may know the charter; it must not know storage, other customers, or what to do about what it sees.

mod dues;
mod fold;
mod names;
mod run;
mod segment;
mod selection;
mod setting;
mod wanted;

pub use dues::Dues;
pub use fold::{AnyFold, Fold, Hands, OneHand};
pub use names::{Moment, Moments, Names, WORDS_MAX, Word, Words};
pub use run::{Columns, Run, Runs};
pub use segment::Segment;
pub use selection::{Cut, Ending, Journey, Member, Selection, flag};
pub use setting::Setting;
pub use wanted::{Details, Of, Want, Wanted};
