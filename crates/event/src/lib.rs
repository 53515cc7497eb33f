//! One data point: something happened, to a customer, at a time, through a channel.
//!
//! This crate holds the vocabulary that every other crate speaks: [`Event`], its [`Key`]s, its [`Timestamp`], the
//! [`Value`]s that conditions compare, [`Span`]s of time and working [`Calendar`]s.
//! It may know units and the calendar; it must not know stages, owners, files or what time it is now.

mod calendar;
mod column;
mod data_point;
mod key;
mod periods;
mod span;
mod time;
mod value;

pub use calendar::{Calendar, Weekdays};
pub use column::Column;
pub use data_point::{Event, Key};
pub use key::{Normalise, normalise_email, normalise_phone};
pub use periods::{Period, PeriodError, Periods};
pub use span::{Span, SpanError};
pub use time::{Timestamp, TimestampError};
pub use value::Value;
