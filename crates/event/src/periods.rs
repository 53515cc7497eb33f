//! Days, weeks and months of a time zone, numbered so that neighbours differ by one.
//!
//! Which day it is somewhere takes a search in the rules of a time zone, too slow for every event. [`Periods`] looks each
//! start up once. It numbers the periods that there really were: where clocks jumped over a whole day (Samoa had no 30
//! December 2011), the day after the 29th is the 31st, and nobody seems to have stayed away for a day that did not exist.

use std::collections::VecDeque;
use std::fmt;
use std::str::FromStr;

use jiff::ToSpan;
use jiff::civil::{Date, Time, date};
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// A length of time in the calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Period {
    /// From midnight to midnight: 23, 24 or 25 hours where clocks change.
    Day,
    /// From Monday on, as in ISO 8601.
    Week,
    /// From the first of the month on.
    Month,
}

impl Period {
    /// All of them, with their names.
    pub const ALL: [(&'static str, Period); 3] =
        [("day", Period::Day), ("week", Period::Week), ("month", Period::Month)];

    /// The first day of the period that has the number 0.
    fn epoch(self) -> Date {
        match self {
            Period::Day | Period::Month => date(1970, 1, 1),
            Period::Week => date(1969, 12, 29),
        }
    }

    fn moved(self, from: Date, by: i64) -> Option<Date> {
        let span = match self {
            Period::Day => by.days(),
            Period::Week => by.weeks(),
            Period::Month => by.months(),
        };
        from.checked_add(span).ok().filter(|date| (YEAR_MIN..YEAR_MAX).contains(&date.year()))
    }

    /// About how long it is, in microseconds.
    fn usual_us(self) -> i64 {
        let days = match self {
            Period::Day => 1.0,
            Period::Week => 7.0,
            Period::Month => 30.436_875,
        };
        #[expect(clippy::cast_possible_truncation, reason = "a small number")]
        let usual = (days * 86_400e6) as i64;
        usual
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Self::ALL.iter().find(|(_, period)| period == self).map_or("?", |(name, _)| name))
    }
}

/// A text that is no period.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no period: write day, week or month")]
pub struct PeriodError {
    /// The text that was given.
    pub text: String,
}

impl FromStr for Period {
    type Err = PeriodError;

    fn from_str(text: &str) -> Result<Self, PeriodError> {
        let known = Self::ALL.iter().find(|(name, _)| *name == text);
        known.map(|(_, period)| *period).ok_or_else(|| PeriodError { text: text.to_owned() })
    }
}

/// Years outside of which periods have no numbers: 146,000 days at most are looked up, whatever years an export invents.
const YEAR_MIN: i16 = 1800;
const YEAR_MAX: i16 = 2200;

/// The periods of one kind in a time zone, by number. Number 0 is the one with 1 January 1970 there.
///
/// ```
/// use event::{Period, Periods, Timestamp};
/// let zone = jiff::tz::TimeZone::get("Pacific/Apia").unwrap();
/// let mut days = Periods::new(Period::Day, zone.clone());
/// let mut number = |text| days.number(Timestamp::parse(text, &zone).unwrap().as_micros()).unwrap();
/// assert_eq!(number("2011-12-31T08:00") - number("2011-12-29T20:00"), 1, "there was no 30 December");
/// ```
#[derive(Debug, Clone)]
pub struct Periods {
    period: Period,
    zone: TimeZone,
    /// The number of the first of `starts`.
    first: i32,
    /// When periods begin, in microseconds since 1970: one after the other, and at last when the last one ends.
    starts: VecDeque<i64>,
    /// The dates up to which `starts` was made, on both sides.
    made: (Date, Date),
}

impl Periods {
    /// The periods of a zone.
    pub fn new(period: Period, zone: TimeZone) -> Self {
        let epoch = period.epoch();
        let mut periods = Self { period, zone, first: 0, starts: VecDeque::new(), made: (epoch, epoch) };
        periods.starts.extend(periods.start_of(epoch));
        periods
    }

    /// What kind they are.
    pub fn period(&self) -> Period {
        self.period
    }

    /// The number of the period in which a time lies, in microseconds since 1970; `None` outside of the years 1800 to
    /// 2199.
    pub fn number(&mut self, at_us: i64) -> Option<i32> {
        while *self.starts.front()? > at_us {
            self.extend_back()?;
        }
        while *self.starts.back()? <= at_us {
            self.extend()?;
        }
        // Periods are about equally long, so this is the right place or next to it.
        let guess = at_us.saturating_sub(self.starts[0]) / self.period.usual_us();
        let mut place = usize::try_from(guess).unwrap_or(0).min(self.starts.len() - 2);
        while self.starts[place] > at_us {
            place -= 1;
        }
        while self.starts[place + 1] <= at_us {
            place += 1;
        }
        Some(self.first + i32::try_from(place).expect("fewer than 146,000 periods"))
    }

    /// When the period of a number begins, in microseconds since 1970; `None` outside of the years 1800 to 2199.
    pub fn start(&mut self, number: i32) -> Option<i64> {
        while number < self.first {
            self.extend_back()?;
        }
        let place = usize::try_from(i64::from(number) - i64::from(self.first)).ok()?;
        while place >= self.starts.len() {
            self.extend()?;
        }
        Some(self.starts[place])
    }

    /// The name of the period of a number: `2011-12-31`, `2020-W53`, `2011-12`; empty where there is none.
    pub fn name(&mut self, number: i32) -> String {
        let Some(start) = self.start(number) else { return String::new() };
        let day = Timestamp::from_micros(start).to_jiff().to_zoned(self.zone.clone()).date();
        match self.period {
            Period::Day => day.to_string(),
            Period::Week => {
                let week = day.iso_week_date();
                format!("{}-W{:02}", week.year(), week.week())
            }
            Period::Month => format!("{}-{:02}", day.year(), day.month()),
        }
    }

    fn start_of(&self, day: Date) -> Option<i64> {
        Timestamp::from_naive(day.to_datetime(Time::midnight()), &self.zone).map(Timestamp::as_micros)
    }

    fn extend(&mut self) -> Option<()> {
        let day = self.period.moved(self.made.1, 1)?;
        let start = self.start_of(day)?;
        self.made.1 = day;
        // Midnight of a day that was left out is that of the day after it, which is then there already.
        if self.starts.back().is_none_or(|last| *last < start) {
            self.starts.push_back(start);
        }
        Some(())
    }

    fn extend_back(&mut self) -> Option<()> {
        let day = self.period.moved(self.made.0, -1)?;
        let start = self.start_of(day)?;
        self.made.0 = day;
        if self.starts.front().is_none_or(|first| *first > start) {
            self.starts.push_front(start);
            self.first -= 1;
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    struct Place {
        zone: TimeZone,
        periods: Periods,
    }

    impl Place {
        fn new(zone: &str, period: Period) -> Self {
            let zone = TimeZone::get(zone).expect("bundled");
            Self { periods: Periods::new(period, zone.clone()), zone }
        }

        fn number(&mut self, text: &str) -> i32 {
            self.periods.number(Timestamp::parse(text, &self.zone).expect(text).as_micros()).expect("in range")
        }

        fn name(&mut self, text: &str) -> String {
            let number = self.number(text);
            self.periods.name(number)
        }

        fn hours(&mut self, text: &str) -> i64 {
            let number = self.number(text);
            let (start, end) = (self.periods.start(number), self.periods.start(number + 1));
            (end.expect("in range") - start.expect("in range")) / 3_600_000_000
        }
    }

    #[test]
    fn a_day_that_was_left_out_has_no_number() {
        let mut apia = Place::new("Pacific/Apia", Period::Day);
        assert_eq!(apia.number("2011-12-31T08:00") - apia.number("2011-12-29T20:00"), 1);
        assert_eq!(apia.name("2011-12-29T20:00"), "2011-12-29");
        assert_eq!(apia.name("2011-12-31T00:00"), "2011-12-31");
        // The week had six days and is one week.
        let mut weeks = Place::new("Pacific/Apia", Period::Week);
        assert_eq!(weeks.hours("2011-12-29T20:00"), 6 * 24);
        assert_eq!(weeks.number("2012-01-02T00:00") - weeks.number("2011-12-26T00:00"), 1);
        let mut early = Place::new("Pacific/Kwajalein", Period::Day);
        let from_below = early.number("1993-08-22T12:00") - early.number("1993-08-20T12:00");
        assert_eq!(from_below, 1, "there was no 21 August 1993");
        let kiritimati = Place::new("Pacific/Kiritimati", Period::Month).name("1995-01-02T12:00");
        assert_eq!(kiritimati, "1995-01");
    }

    #[test]
    fn days_on_which_clocks_change_are_one_day() {
        // In Cairo clocks went from 00:00 to 01:00: the day begins at 01:00.
        let mut cairo = Place::new("Africa/Cairo", Period::Day);
        assert_eq!((cairo.hours("2023-04-28T12:00"), cairo.hours("2023-10-26T12:00")), (23, 25));
        assert_eq!(cairo.name("2023-04-28T01:00"), "2023-04-28");
        assert_eq!(cairo.number("2023-04-28T01:00") - cairo.number("2023-04-27T23:59:59"), 1);
        // On Lord Howe Island by half an hour.
        let mut howe = Place::new("Australia/Lord_Howe", Period::Day);
        assert_eq!(howe.hours("2024-04-07T12:00"), 24, "24 and a half");
        assert_eq!(howe.hours("2024-10-06T12:00"), 23, "23 and a half");
        assert_eq!(howe.number("2024-10-07T00:00") - howe.number("2024-10-05T23:59"), 2);
    }

    #[test]
    fn leap_days_and_weeks_53_are_periods_like_others() {
        let mut days = Place::new("UTC", Period::Day);
        assert_eq!(days.number("2024-03-01") - days.number("2024-02-28"), 2);
        assert_eq!(days.number("2023-03-01") - days.number("2023-02-28"), 1);
        assert_eq!(days.number("2000-01-01"), 10_957, "days since 1970");
        let mut weeks = Place::new("UTC", Period::Week);
        for (day, name) in [
            ("2020-12-31", "2020-W53"),
            ("2021-01-03", "2020-W53"),
            ("2021-01-04", "2021-W01"),
            ("2024-12-30", "2025-W01"),
            ("2016-01-01", "2015-W53"),
        ] {
            assert_eq!(weeks.name(day), name, "{day}");
        }
        let mut months = Place::new("UTC", Period::Month);
        assert_eq!((months.name("2024-02-29"), months.number("1971-02-28")), ("2024-02".to_owned(), 13));
    }

    #[test]
    fn years_that_nobody_means_have_no_number() {
        let mut days = Periods::new(Period::Day, TimeZone::UTC);
        for text in ["0001-01-01", "1799-12-31", "2200-01-01", "9999-12-30"] {
            let at_us = Timestamp::parse(text, &TimeZone::UTC).expect(text).as_micros();
            assert_eq!(days.number(at_us), None, "{text}");
        }
        assert_eq!((days.number(i64::MIN), days.number(i64::MAX), days.start(i32::MAX)), (None, None, None));
        assert_eq!(days.name(i32::MIN), "");
    }

    proptest! {
        /// The plain way: the date that clocks show.
        #[test]
        fn a_period_is_that_of_the_date(
            seconds in -5_300_000_000i64..7_200_000_000,
            zone in prop::sample::select(vec!["Africa/Cairo", "Australia/Lord_Howe", "America/New_York", "Asia/Tehran"]),
            period in prop::sample::select(vec![Period::Day, Period::Week, Period::Month]),
        ) {
            let zone = TimeZone::get(zone).expect("bundled");
            let mut periods = Periods::new(period, zone.clone());
            let number = periods.number(seconds * 1_000_000).expect("in range");
            let (start, end) = (periods.start(number).expect("it"), periods.start(number + 1).expect("next"));
            prop_assert!(start <= seconds * 1_000_000 && seconds * 1_000_000 < end);
            let day = Timestamp::from_micros(seconds * 1_000_000).to_jiff().to_zoned(zone).date();
            let name = match period {
                Period::Day => day.to_string(),
                Period::Week => {
                    let monday = day.checked_sub(i64::from(day.weekday().to_monday_zero_offset()).days()).expect("a day");
                    let week = monday.iso_week_date();
                    format!("{}-W{:02}", week.year(), week.week())
                }
                Period::Month => format!("{}-{:02}", day.year(), day.month()),
            };
            prop_assert_eq!(periods.name(number), name);
        }
    }
}
