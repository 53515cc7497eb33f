//! The working calendar of an organisation: which days and hours count when it promises something in business days.

use std::collections::BTreeSet;

use jiff::ToSpan;
use jiff::civil::{Date, Time, Weekday};
use jiff::tz::TimeZone;

use crate::{Span, Timestamp};

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
#[derive(Debug, Clone, PartialEq, Eq)]
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

    /// A length of time that is certainly as long as so many business days, whenever they begin, in microseconds; `i64::MAX`
    /// where no day of the week is worked.
    pub fn at_most_us(&self, days: u32) -> i64 {
        const DAY_US: i64 = 86_400_000_000;
        let worked = self.days.0.iter().filter(|worked| **worked).count() as u64;
        if worked == 0 {
            return i64::MAX;
        }
        // As many holidays as can lie in it make it longer, so that more of them may.
        let mut holidays = 0;
        loop {
            // It begins with the next opening, and a week is left over for where it begins and for zones that leave out a day.
            let weeks = (u64::from(days) + holidays + 1).div_ceil(worked) + 2;
            let most = self.holidays_within(weeks * 7);
            if most <= holidays {
                return i64::try_from(weeks * 7).map_or(i64::MAX, |days| days.saturating_mul(DAY_US));
            }
            holidays = most;
        }
    }

    /// How many holidays there are at most in so many days on end.
    fn holidays_within(&self, days: u64) -> u64 {
        let number = |date: &Date| date.duration_since(Date::ZERO).as_hours() / 24;
        let dates: Vec<i64> = self.holidays.iter().map(number).collect();
        let days = i64::try_from(days).unwrap_or(i64::MAX);
        let from = |first: usize| dates.partition_point(|date| date.saturating_sub(dates[first]) < days) - first;
        (0..dates.len()).map(from).max().unwrap_or(0) as u64
    }

    /// Whether `days` business days from `from_us` are over at `to_us`, both in microseconds since 1970.
    fn is_over(&self, days: u32, from_us: i64, to_us: i64) -> bool {
        const DAY_US: i64 = 86_400_000_000;
        // So many working days are never over sooner, even where a zone leaves out a day; most calls end here.
        let sooner = i64::from(days).saturating_sub(1) * DAY_US;
        to_us.saturating_sub(from_us) > sooner
            && self
                .after_business_days(Timestamp::from_micros(from_us), days)
                .is_some_and(|due| to_us > due.as_micros())
    }

    fn next_working_day(&self, after: Date) -> Option<Date> {
        (1..=DAYS_SEARCHED_MAX)
            .map_while(|n| after.checked_add(i64::from(n).days()).ok())
            .find(|date| self.is_working_day(*date))
    }
}

/// A span of time that can be asked whether it is over: elapsed time, or business days with the calendar that they need.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deadline {
    /// Elapsed time, in microseconds.
    Elapsed(i64),
    /// Working days of a calendar.
    BusinessDays(u32, Calendar),
}

impl Deadline {
    /// The deadline of a span; business days are those of `calendar`.
    pub fn new(span: Span, calendar: &Calendar) -> Self {
        match span {
            Span::Elapsed(micros) => Deadline::Elapsed(micros),
            Span::BusinessDays(days) => Deadline::BusinessDays(days, calendar.clone()),
        }
    }

    /// The last moment at which what began at `from_us` is not over, in microseconds since 1970; `i64::MAX` where the
    /// calendar has no such day.
    pub fn ends_us(&self, from_us: i64) -> i64 {
        match self {
            Deadline::Elapsed(limit) => from_us.saturating_add(*limit),
            Deadline::BusinessDays(days, calendar) => calendar
                .after_business_days(Timestamp::from_micros(from_us), *days)
                .map_or(i64::MAX, Timestamp::as_micros),
        }
    }

    /// Whether what began at `from_us` is over at `to_us`, both in microseconds since 1970 and in this order; at the
    /// deadline itself it is not yet.
    #[inline]
    pub fn is_over(&self, from_us: i64, to_us: i64) -> bool {
        match self {
            Deadline::Elapsed(limit) => to_us.saturating_sub(from_us) > *limit,
            Deadline::BusinessDays(days, calendar) => calendar.is_over(*days, from_us, to_us),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::{date, time};

    fn berlin() -> Calendar {
        Calendar {
            opens: time(8, 0, 0, 0),
            closes: time(18, 0, 0, 0),
            holidays: BTreeSet::from([date(2026, 12, 25)]),
            ..Calendar::weekdays(TimeZone::get("Europe/Berlin").expect("bundled"))
        }
    }

    fn due(from: &str, days: u32) -> String {
        let (calendar, zone) = (berlin(), berlin().zone);
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
    fn a_deadline_is_over_after_it_and_not_at_it() {
        let us = |text: &str| Timestamp::parse(text, &berlin().zone).expect("a time").as_micros();
        let over = |span: &str, from: &str, to_us: i64| {
            Deadline::new(span.parse().expect("a span"), &berlin()).is_over(us(from), to_us)
        };
        for (span, from, due) in [
            ("1bd", "2026-03-06T09:00", "2026-03-09T09:00"),
            ("3bd", "2026-12-24T09:00", "2026-12-30T09:00"),
            ("0bd", "2026-03-07T12:00", "2026-03-09T08:00"),
            ("3d", "2026-03-06T09:00", "2026-03-09T09:00"),
        ] {
            assert!(!over(span, from, us(due)) && over(span, from, us(due) + 1), "{span} from {from}");
            assert!(!over(span, from, us(from)), "{span} from {from} has just begun");
            assert_eq!(
                Deadline::new(span.parse().expect("a span"), &berlin()).ends_us(us(from)),
                us(due),
                "{span} from {from}"
            );
        }
        let never = Calendar { days: Weekdays([false; 7]), ..berlin() };
        let never = Deadline::BusinessDays(1, never);
        assert!(!never.is_over(0, i64::MAX) && never.ends_us(0) == i64::MAX, "nothing ever falls due");
    }

    #[test]
    fn nothing_takes_longer_than_it_takes_at_most() {
        let only = |day: usize| Weekdays(std::array::from_fn(|n| n == day));
        let every_week = (0..40).filter_map(|week| date(2026, 1, 3).checked_add(i64::from(7 * week).days()).ok());
        let calendars = [
            berlin(),
            Calendar { days: only(5), ..berlin() },
            Calendar { days: only(5), holidays: every_week.collect(), ..berlin() },
            Calendar { days: Weekdays([true; 7]), holidays: BTreeSet::new(), ..berlin() },
        ];
        for calendar in calendars {
            for days in [0, 1, 2, 5, 12, 60] {
                let most_us = calendar.at_most_us(days);
                for hour in 0..40 * 24 {
                    let from_us = 1_766_000_000_000_000 + hour * 3_600_000_000;
                    let due =
                        calendar.after_business_days(Timestamp::from_micros(from_us), days).expect("somebody works");
                    assert!(due.as_micros() - from_us <= most_us, "{days} business days from {from_us}");
                }
            }
        }
        assert!(berlin().at_most_us(12) <= 6 * 7 * 86_400_000_000, "and not much longer");
        assert_eq!(Calendar { days: Weekdays([false; 7]), ..berlin() }.at_most_us(1), i64::MAX);
    }

    #[test]
    fn without_any_working_day_nothing_falls_due() {
        let never = Calendar { days: Weekdays([false; 7]), ..Calendar::weekdays(TimeZone::UTC) };
        assert_eq!(never.after_business_days(Timestamp::from_micros(0), 1), None);
    }
}
