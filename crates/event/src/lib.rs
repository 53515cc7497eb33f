//! One data point: something happened, to a customer, at a time, through a channel.
//!
//! This crate holds the vocabulary that every other crate speaks: [`Event`], its [`Key`]s, its [`Timestamp`], the
//! [`Value`]s that conditions compare, [`Span`]s of time and working [`Calendar`]s; and how a misspelt word is recognised.
//! It may know units and the calendar; it must not know stages, owners, files or what time it is now.

mod calendar;
mod column;
mod data_point;
mod due;
mod key;
mod nearest;
mod periods;
mod span;
mod time;
mod value;

pub use calendar::{Calendar, Deadline, Weekdays};
pub use column::Column;
pub use data_point::{Event, Key};
pub use due::Due;
pub use key::{Normalise, normalise_email, normalise_phone};
pub use nearest::{nearest, similar};
pub use periods::{Period, PeriodError, Periods};
pub use span::{Span, SpanError};
pub use time::{Timestamp, TimestampError};
pub use value::Value;
