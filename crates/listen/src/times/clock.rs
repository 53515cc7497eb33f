//! From what a clock showed to the moment that it was.

use event::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::{Fault, Reading};

const MICROS: i64 = 1_000_000;
pub(super) const DAY_MICROS: i64 = 86_400 * MICROS;

/// Days for which the offset of the zone is remembered: more than a year of events in any order. Nine bits.
const DAYS_REMEMBERED: usize = 512;

/// Turns readings into moments; naive ones are taken in one time zone.
///
/// Asking a time zone for its offset costs ten times as much as reading the time, so the offset of each day is
/// remembered. A day on which clocks change is asked for again each time.
#[derive(Debug, Clone)]
pub struct Clock {
    zone: TimeZone,
    days: Box<[Remembered]>,
}

#[derive(Debug, Clone, Copy)]
struct Remembered {
    day: i64,
    offset_micros: Option<i64>,
}

impl Clock {
    /// A clock for naive times of this zone.
    pub fn new(zone: TimeZone) -> Self {
        let nothing = Remembered { day: i64::MIN, offset_micros: None };
        Self { zone, days: vec![nothing; DAYS_REMEMBERED].into_boxed_slice() }
    }

    /// The moment that a reading means.
    ///
    /// # Errors
    /// [`Fault::Placeholder`] for 0001-01-01 and 9999-12-31, [`Fault::YearOutOfRange`] outside of the years between.
    pub fn moment(&mut self, reading: Reading) -> Result<Timestamp, Fault> {
        check_range(reading.local_micros)?;
        if let Some(offset) = reading.offset_s {
            return Ok(Timestamp::from_micros(reading.local_micros - i64::from(offset) * MICROS));
        }
        if let Some(offset) = self.remembered(reading.local_micros.div_euclid(DAY_MICROS)) {
            return Ok(Timestamp::from_micros(reading.local_micros - offset));
        }
        let naive = civil(reading.local_micros).ok_or(Fault::YearOutOfRange)?;
        Timestamp::from_naive(naive, &self.zone).ok_or(Fault::YearOutOfRange)
    }

    /// The offset of a day, asked for once.
    fn remembered(&mut self, day: i64) -> Option<i64> {
        // The two low bytes are enough to tell the days of more than a year apart.
        let slot = usize::from(day.to_le_bytes()[0]) | usize::from(day.to_le_bytes()[1] & 1) << 8;
        if self.days[slot].day != day {
            self.days[slot] = Remembered { day, offset_micros: self.offset_of_day(day) };
        }
        self.days[slot].offset_micros
    }

    /// The moment at which a clock of this zone shows `naive`.
    ///
    /// # Errors
    /// As [`moment`](Self::moment).
    pub fn local(&mut self, naive: DateTime) -> Result<Timestamp, Fault> {
        let since = naive.duration_since(DateTime::constant(1970, 1, 1, 0, 0, 0, 0));
        let local_micros = i64::try_from(since.as_micros()).map_err(|_| Fault::YearOutOfRange)?;
        self.moment(Reading { local_micros, offset_s: None })
    }

    /// The same moment, if it is one that a time of an event may be.
    ///
    /// # Errors
    /// As [`moment`](Self::moment).
    pub fn absolute(at: Timestamp) -> Result<Timestamp, Fault> {
        check_range(at.as_micros()).map(|()| at)
    }

    /// By how much clocks are ahead of UTC on this day, if it is the same from its first to its last moment.
    fn offset_of_day(&self, day: i64) -> Option<i64> {
        let offset_at = |local_micros: i64| {
            let naive = civil(local_micros)?;
            let moment = self.zone.to_ambiguous_timestamp(naive);
            let plain = !moment.is_ambiguous();
            plain.then(|| moment.compatible().ok()).flatten().map(|at| local_micros - at.as_microsecond())
        };
        let first = day.checked_mul(DAY_MICROS)?;
        let offset = offset_at(first)?;
        (offset_at(first + DAY_MICROS - 1)? == offset).then_some(offset)
    }
}

impl Reading {
    /// The moment that it means, naive ones being taken in UTC.
    ///
    /// # Errors
    /// As [`Clock::moment`].
    pub fn in_utc(self) -> Result<Timestamp, Fault> {
        check_range(self.local_micros)?;
        Ok(Timestamp::from_micros(self.local_micros - i64::from(self.offset_s.unwrap_or(0)) * MICROS))
    }
}

/// 0001-01-01 and 9999-12-31, in days since 1970.
const FIRST_DAY: i64 = -719_162;
const LAST_DAY: i64 = 2_932_896;

fn check_range(local_micros: i64) -> Result<(), Fault> {
    match local_micros.div_euclid(DAY_MICROS) {
        FIRST_DAY | LAST_DAY => Err(Fault::Placeholder),
        FIRST_DAY..=LAST_DAY => Ok(()),
        _ => Err(Fault::YearOutOfRange),
    }
}

fn civil(local_micros: i64) -> Option<DateTime> {
    let at = jiff::Timestamp::from_microsecond(local_micros).ok()?;
    Some(jiff::tz::Offset::UTC.to_datetime(at))
}

/// The date of a reading, as ISO 8601.
pub(super) fn written_date(reading: &Reading) -> String {
    civil(reading.local_micros).map_or_else(|| "no date".to_owned(), |at| at.date().to_string())
}
