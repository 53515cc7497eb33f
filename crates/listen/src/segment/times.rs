//! When a message happened, in spite of the clock of the device that sent it.

use event::Timestamp;

use crate::json::{self, Members};
use crate::sink::Reason;
use crate::times::{Fault, Reading, TimeFormat, Unit};

use super::{Arrival, Doubts, MessageError, refused};

const SECOND: i64 = 1_000_000;
/// Sending a message takes time; below this, the difference between the clocks is taken for that, and times stay as
/// they were given, so that sending again gives the same.
const DELAY_MAX_MICROS: i64 = 5 * SECOND;
/// No event happened later than it arrived; a clock may be ahead by less than this.
const AHEAD_MAX_MICROS: i64 = 3_600 * SECOND;

pub(crate) struct When {
    pub(crate) at: Timestamp,
    pub(crate) received_at: Option<Timestamp>,
}

/// Corrects the time of a message by how far the sender's clock is off: the time on arrival by our clock, less what
/// passed between the event and the sending by theirs.
///
/// Source: Segment, "Spec: Common Fields", section Timestamps.
pub(crate) fn read(message: &Members<'_>, arrival: Arrival) -> Result<(When, Doubts), MessageError> {
    let mut doubts = Doubts::default();
    let mut fault = None;
    let mut time = |field: &str| match message.get(field).map(|value| (value, moment(value))) {
        Some((_, Ok(at))) => Some(at),
        Some((value, Err(kind))) => {
            fault.get_or_insert((kind, format!("{value} in {field}")));
            None
        }
        None => None,
    };
    let [sent, original, given, recorded] = ["sentAt", "originalTimestamp", "timestamp", "receivedAt"].map(&mut time);
    let received = match arrival {
        Arrival::At(now) => Some(now),
        Arrival::Recorded => recorded,
    };
    doubts.unreadable_time = fault.is_some();
    let corrected = match (received, sent, original.or(given)) {
        (Some(received), Some(sent), Some(original)) => {
            let skew = received.as_micros() - sent.as_micros();
            let shift = if skew.abs() < DELAY_MAX_MICROS { 0 } else { skew };
            let shifted = Timestamp::from_micros(original.as_micros() + shift);
            // A clock that is off by millennia says nothing about when anything was.
            Some(if is_in_range(shifted) { shifted } else { original })
        }
        // Without a time of arrival, an archive's `timestamp` is the corrected one.
        (None, _, _) => given.or(original),
        (Some(received), None, original) => Some(original.unwrap_or(received)),
        (Some(received), Some(_), None) => Some(received),
    };
    let Some(mut at) = corrected else {
        return match fault {
            Some((Fault::YearOutOfRange, value)) => refused(Reason::YearOutOfRange, value),
            Some((Fault::Placeholder, value)) => refused(Reason::PlaceholderDate, value),
            Some((Fault::NotOfThisForm, value)) => refused(Reason::BadTime, value),
            None => refused(Reason::MissingTime, "none of originalTimestamp, timestamp, receivedAt has a value"),
        };
    };
    if let Some(received) = received
        && at.as_micros() > received.as_micros() + AHEAD_MAX_MICROS
    {
        at = received;
        doubts.from_the_future = true;
    }
    Ok((When { at, received_at: received }, doubts))
}

/// Whether a time lies within the years 1 to 9999.
fn is_in_range(at: Timestamp) -> bool {
    const DAY: i64 = 86_400 * SECOND;
    (-719_162 * DAY..2_932_897 * DAY).contains(&at.as_micros())
}

/// A time in a message: ISO 8601, in UTC where it does not say otherwise, or a count of seconds or milliseconds.
pub(crate) fn moment(json: &str) -> Result<Timestamp, Fault> {
    // Seconds of the year 5138 are milliseconds of 1973.
    const MILLIS_MIN: f64 = 1e11;
    if let Some(text) = json::text(json) {
        return TimeFormat::YearFirst.read(&text).and_then(Reading::in_utc);
    }
    let number: f64 = json.parse().map_err(|_| Fault::NotOfThisForm)?;
    let unit = if number.abs() < MILLIS_MIN { Unit::Seconds } else { Unit::Millis };
    TimeFormat::Unix(unit).read_number(number).and_then(Reading::in_utc)
}
