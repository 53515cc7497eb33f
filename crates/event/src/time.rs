//! Time as the whole program counts it: microseconds since 1970 in UTC.
//!
//! Microseconds in 64 bits reach 290,000 years either way, so the years 1 and 9999 that broken exports contain are
//! ordinary values here; what a reader does about them is its own decision.

use std::fmt;

/// A moment in time, in microseconds since 1970-01-01T00:00:00Z. Ordered; never carries a time zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(i64);

/// A text that is not a moment in time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a time: write it as 2026-03-02T09:00:00Z, or 2026-03-02 for the start of a day")]
pub struct TimestampError {
    /// The text that was given.
    pub text: String,
}

impl Timestamp {
    /// The moment this many microseconds after 1970-01-01T00:00:00Z.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Microseconds since 1970-01-01T00:00:00Z.
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// Reads an ISO 8601 time. One with an offset is honoured; a naive one, or a date alone (its first instant), is taken
    /// in `zone`.
    ///
    /// # Errors
    /// When the text is not such a time.
    pub fn parse(text: &str, zone: &jiff::tz::TimeZone) -> Result<Self, TimestampError> {
        let wrong = || TimestampError { text: text.to_owned() };
        if let Ok(absolute) = text.parse::<jiff::Timestamp>() {
            return Ok(Self(absolute.as_microsecond()));
        }
        let naive: jiff::civil::DateTime = text.parse().map_err(|_| wrong())?;
        Self::from_naive(naive, zone).ok_or_else(wrong)
    }

    /// The moment at which clocks in `zone` show `naive`; in the hour that a clock change skips or repeats, the moment
    /// that RFC 5545 prescribes (skipped: shifted forward; repeated: the first). `None` outside of years -9999 to 9999.
    pub fn from_naive(naive: jiff::civil::DateTime, zone: &jiff::tz::TimeZone) -> Option<Self> {
        Some(Self(zone.to_timestamp(naive).ok()?.as_microsecond()))
    }

    /// The same moment as a `jiff` timestamp, clamped to the years -9999 to 9999 that it can show.
    pub fn to_jiff(self) -> jiff::Timestamp {
        let nearest = if self.0 < 0 { jiff::Timestamp::MIN } else { jiff::Timestamp::MAX };
        jiff::Timestamp::from_microsecond(self.0).unwrap_or(nearest)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.to_jiff())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::tz::TimeZone;

    #[test]
    fn offsets_are_honoured_and_naive_times_take_the_zone() {
        let berlin = TimeZone::get("Europe/Berlin").expect("bundled");
        let at = |text| Timestamp::parse(text, &berlin).expect(text).to_string();
        assert_eq!(at("2026-03-02T09:00:00+05:00"), "2026-03-02T04:00:00Z");
        assert_eq!(at("2026-03-02T09:00"), "2026-03-02T08:00:00Z");
        assert_eq!(at("2026-07-02"), "2026-07-01T22:00:00Z");
    }

    #[test]
    fn the_hour_that_a_clock_change_skips_is_shifted_forward() {
        let berlin = TimeZone::get("Europe/Berlin").expect("bundled");
        let at = Timestamp::parse("2026-03-29T02:30", &berlin).expect("a time");
        assert_eq!(at.to_string(), "2026-03-29T01:30:00Z");
    }

    #[test]
    fn extreme_years_are_values() {
        for text in ["0001-01-01T00:00:00Z", "9999-12-30T21:59:59Z"] {
            assert_eq!(Timestamp::parse(text, &TimeZone::UTC).expect(text).to_string(), text);
        }
        assert!(Timestamp::parse("tomorrow", &TimeZone::UTC).is_err());
        assert_eq!(Timestamp::from_micros(i64::MAX).to_jiff(), jiff::Timestamp::MAX, "beyond what can be shown");
        assert_eq!(Timestamp::from_micros(i64::MIN).to_jiff(), jiff::Timestamp::MIN);
    }
}
