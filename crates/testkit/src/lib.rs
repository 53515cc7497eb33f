//! What tests of several crates share: small logs as text, folds over them however they are cut up, random logs, a
//! `PostgreSQL` to be killed, a disk that is full, and the long forms of tests.
//!
//! A test that reads like the story it tells (`u1: visit@0 order@5`) can be checked by somebody who knows the business.
//! It may know events, journeys and folds; it must not know any particular question. Nothing but tests depends on it.

mod disk;
mod log;
mod postgres;
mod random;
mod soak;
mod split;
mod told;

pub use disk::SmallDisk;
pub use log::{Log, log};
pub use postgres::Postgres;
pub use random::{logs, splits};
pub use soak::{each_seed, rounds, soak};
pub use split::{Split, answer, answer_split};
pub use told::{Told, ToldEvent, told};
