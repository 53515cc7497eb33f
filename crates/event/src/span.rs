//! Spans of time as people write them in a charter: `30m`, `14d`, `6w`, `3bd`.

use std::fmt;
use std::str::FromStr;

/// A length of time. Days and weeks are exactly 24 and 168 hours of elapsed time, so a window is never an hour short when
/// clocks change; only business days need a [`Calendar`](crate::Calendar).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Span {
    /// Elapsed time, in microseconds; never negative.
    Elapsed(i64),
    /// Working days of the charter's calendar.
    BusinessDays(u32),
}

/// A text that is not a span of time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is not a span of time: write a whole number and a unit: s, m, h, d, w, or bd for business days, as in 30m or 3bd"
)]
pub struct SpanError {
    /// The text that was given.
    pub text: String,
}

const SECOND: i64 = 1_000_000;
/// Units, longest first where one divides another, so that `Display` picks the largest that fits.
const UNITS: [(&str, i64); 6] = [
    ("w", 604_800 * SECOND),
    ("d", 86_400 * SECOND),
    ("h", 3_600 * SECOND),
    ("m", 60 * SECOND),
    ("s", SECOND),
    ("us", 1),
];

impl Span {
    /// A span of whole seconds.
    pub const fn seconds(seconds: i64) -> Self {
        Span::Elapsed(seconds * SECOND)
    }

    /// The elapsed time in microseconds; `None` for business days.
    pub const fn as_micros(self) -> Option<i64> {
        match self {
            Span::Elapsed(micros) => Some(micros),
            Span::BusinessDays(_) => None,
        }
    }
}

impl FromStr for Span {
    type Err = SpanError;

    fn from_str(text: &str) -> Result<Self, SpanError> {
        let wrong = || SpanError { text: text.to_owned() };
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = text.split_at_checked(digits).ok_or_else(wrong)?;
        if unit == "bd" {
            return number.parse().map(Span::BusinessDays).map_err(|_| wrong());
        }
        let number: i64 = number.parse().map_err(|_| wrong())?;
        let (_, micros) = UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(wrong)?;
        number.checked_mul(*micros).map(Span::Elapsed).ok_or_else(wrong)
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Span::BusinessDays(days) => write!(f, "{days}bd"),
            Span::Elapsed(0) => f.write_str("0s"),
            Span::Elapsed(micros) => {
                let (unit, size) =
                    UNITS.iter().find(|(_, size)| micros % size == 0).expect("one microsecond divides all");
                write!(f, "{}{unit}", micros / size)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_read_and_write_the_same() {
        for text in ["30m", "13d", "6w", "3bd", "90s", "0s", "36h"] {
            assert_eq!(text.parse::<Span>().expect(text).to_string(), text);
        }
        assert_eq!("7d".parse::<Span>().map(|s| s.to_string()), Ok("1w".to_owned()), "the largest unit that fits");
    }

    #[test]
    fn other_texts_are_refused() {
        for text in ["", "d", "3", "3 d", "-3d", "3.5d", "3days", "99999999999999w", "ä"] {
            assert!(text.parse::<Span>().is_err(), "{text}");
        }
    }
}
