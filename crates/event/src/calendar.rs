//! The working calendar of an organisation: which days and hours count when it promises something in business days.

use std::collections::BTreeSet;

use jiff::ToSpan;
use jiff::civil::{Date, Time, Weekday};
use jiff::tz::TimeZone;

use crate::Timestamp;

/// Which days of the week are worked, Monday first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Weekdays(pub [bool; 7]);

impl Weekdays {
    /// Monday to Friday.
    pub const MONDAY_TO_FRIDAY: Weekdays = Weekdays([true, true, true, true, true, false, false]);

    /// Whether this day of the week is worked.
    pub fn contains(self, day: Weekday) -> bool {
        self.0[usize::try_from(day.to_monday_zero_offset()).expect("0 to 6")]
    }
}

/// The days and hours in which an organisation works, in its own time zone.
#[derive(Debug, Clone, PartialEq)]
pub struct Calendar {
    /// The time zone in which days and hours are meant.
    pub zone: TimeZone,
    /// Days of the week that are worked.
    pub days: Weekdays,
    /// When work begins on such a day.
    pub opens: Time,
    /// When it ends; after `opens`.
    pub closes: Time,
    /// Dates on which nobody works.
    pub holidays: BTreeSet<Date>,
}

/// A calendar without a working day for this long is one in which nothing ever falls due.
const DAYS_SEARCHED_MAX: u32 = 3660;

impl Calendar {
    /// Monday to Friday, all day, without holidays.
    pub fn weekdays(zone: TimeZone) -> Self {
        Self {
            zone,
            days: Weekdays::MONDAY_TO_FRIDAY,
            opens: Time::midnight(),
            closes: Time::MAX,
            holidays: BTreeSet::new(),
        }
    }

    /// Whether anybody works on this date.
    pub fn is_working_day(&self, date: Date) -> bool {
        self.days.contains(date.weekday()) && !self.holidays.contains(&date)
    }

    /// When something falls due that was promised at `from` within `days` business days.
    ///
    /// The promise counts from `from`, or from the next opening when nobody was working then, and falls due at the same
    /// time of day so many working days later. `None` when there is no such day within ten years.
    pub fn after_business_days(&self, from: Timestamp, days: u32) -> Option<Timestamp> {
        let local = from.to_jiff().to_zoned(self.zone.clone()).datetime();
        let (mut date, mut time) = (local.date(), local.time());
        if time < self.opens {
            time = self.opens;
        } else if time > self.closes {
            (date, time) = (date.tomorrow().ok()?, self.opens);
        }
        if !self.is_working_day(date) {
            (date, time) = (self.next_working_day(date)?, self.opens);
        }
        for _ in 0..days {
            date = self.next_working_day(date)?;
        }
        Timestamp::from_naive(date.to_datetime(time), &self.zone)
    }

    fn next_working_day(&self, after: Date) -> Option<Date> {
        (1..=DAYS_SEARCHED_MAX)
            .map_while(|n| after.checked_add(i64::from(n).days()).ok())
            .find(|date| self.is_working_day(*date))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::{date, time};

    fn due(from: &str, days: u32) -> String {
        let zone = TimeZone::get("Europe/Berlin").expect("bundled");
        let calendar = Calendar {
            opens: time(8, 0, 0, 0),
            closes: time(18, 0, 0, 0),
            holidays: BTreeSet::from([date(2026, 12, 25)]),
            ..Calendar::weekdays(zone.clone())
        };
        let from = Timestamp::parse(from, &zone).expect("a time");
        let due = calendar.after_business_days(from, days).expect("there are working days");
        due.to_jiff().to_zoned(zone).datetime().to_string()
    }

    #[test]
    fn business_days_skip_weekends_and_holidays() {
        assert_eq!(due("2026-03-02T09:00", 3), "2026-03-05T09:00:00", "Monday to Thursday");
        assert_eq!(due("2026-03-05T09:00", 3), "2026-03-10T09:00:00", "over a weekend");
        assert_eq!(due("2026-12-24T09:00", 1), "2026-12-28T09:00:00", "over Christmas and a weekend");
    }

    #[test]
    fn outside_of_hours_it_counts_from_the_next_opening() {
        assert_eq!(due("2026-03-02T06:00", 1), "2026-03-03T08:00:00");
        assert_eq!(due("2026-03-02T22:00", 1), "2026-03-04T08:00:00");
        assert_eq!(due("2026-03-07T12:00", 1), "2026-03-10T08:00:00", "Saturday counts from Monday");
    }

    #[test]
    fn clock_changes_keep_the_time_of_day() {
        assert_eq!(due("2026-03-27T09:00", 1), "2026-03-30T09:00:00");
    }

    #[test]
    fn without_any_working_day_nothing_falls_due() {
        let never = Calendar { days: Weekdays([false; 7]), ..Calendar::weekdays(TimeZone::UTC) };
        assert_eq!(never.after_business_days(Timestamp::from_micros(0), 1), None);
    }
}
