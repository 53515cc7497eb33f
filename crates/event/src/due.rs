//! When promises fall due, for questions that ask it of millions of events.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;

use crate::{Calendar, Deadline, Span, Timestamp};

const HOUR_US: i64 = 3_600_000_000;

/// When promises of one length fall due. Business days take a calendar and a time zone, which is slow, so what they come to
/// is kept by the hour.
#[derive(Debug, Clone)]
pub struct Due {
    within: Span,
    calendar: Calendar,
    /// By hour since 1970 in UTC: how long it takes from any time in that hour, where that is the same for all of it.
    by_hour: BTreeMap<i64, Option<i64>>,
}

impl Due {
    /// For promises of this length by this calendar.
    pub fn new(within: Span, calendar: &Calendar) -> Self {
        Self { within, calendar: calendar.clone(), by_hour: BTreeMap::new() }
    }

    /// When something falls due that was promised at `from_us`, both in microseconds since 1970; `i64::MAX` where the
    /// calendar has no such day.
    pub fn after(&mut self, from_us: i64) -> i64 {
        let days = match self.within {
            Span::Elapsed(span_us) => return from_us.saturating_add(span_us),
            Span::BusinessDays(days) => days,
        };
        let calendar = &self.calendar;
        let hour = from_us.div_euclid(HOUR_US);
        let takes_us = *self.by_hour.entry(hour).or_insert_with(|| takes_us(calendar, days, hour));
        match takes_us {
            Some(takes_us) => from_us.saturating_add(takes_us),
            None => exactly(calendar, days, from_us).unwrap_or(i64::MAX),
        }
    }
}

impl From<&Deadline> for Due {
    /// What is over by this deadline is over when it has fallen due, from the next microsecond on.
    fn from(deadline: &Deadline) -> Self {
        match deadline {
            Deadline::Elapsed(span_us) => Self::new(Span::Elapsed(*span_us), &Calendar::weekdays(TimeZone::UTC)),
            Deadline::BusinessDays(days, calendar) => Self::new(Span::BusinessDays(*days), calendar),
        }
    }
}

fn exactly(calendar: &Calendar, days: u32, from_us: i64) -> Option<i64> {
    calendar.after_business_days(Timestamp::from_micros(from_us), days).map(Timestamp::as_micros)
}

/// How long it takes from any time in an hour, where that is the same for all of it. Inside of working hours on one day it
/// is, if it is for the first and the last: neither is moved to an opening, and no clock is changed in between.
fn takes_us(calendar: &Calendar, days: u32, hour: i64) -> Option<i64> {
    let first = hour.checked_mul(HOUR_US)?;
    let last = first.checked_add(HOUR_US - 1)?;
    let local = |at_us| Timestamp::from_micros(at_us).to_jiff().to_zoned(calendar.zone.clone()).datetime();
    let works = |at_us| (calendar.opens..=calendar.closes).contains(&local(at_us).time());
    let alike = local(first).date() == local(last).date() && works(first) && works(last);
    let takes_us = exactly(calendar, days, first)? - first;
    (alike && exactly(calendar, days, last)? - last == takes_us).then_some(takes_us)
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::{date, time};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn kept_by_the_hour_is_the_calendar_itself(
            at_us in prop::collection::vec(1_767_000_000_000_000i64..1_799_000_000_000_000, 1..40),
            zone in prop::sample::select(vec!["Europe/Berlin", "Australia/Lord_Howe", "Asia/Kolkata", "Africa/Cairo", "Pacific/Apia"]),
            hours in prop::sample::select(vec![(0, 0, 23, 59), (8, 0, 18, 0), (8, 30, 17, 15), (0, 0, 23, 30)]),
            days in 0u32..5,
        ) {
            let calendar = Calendar {
                opens: time(hours.0, hours.1, 0, 0),
                closes: time(hours.2, hours.3, 0, 0),
                holidays: [date(2026, 12, 25), date(2026, 1, 1)].into(),
                ..Calendar::weekdays(TimeZone::get(zone).expect("bundled"))
            };
            let mut due = Due::new(Span::BusinessDays(days), &calendar);
            for at in at_us.iter().flat_map(|at| [*at, at + 600_000_000, at + 3_000_000_000, at / HOUR_US * HOUR_US]) {
                let exactly = calendar.after_business_days(Timestamp::from_micros(at), days).expect("it falls due");
                prop_assert_eq!(due.after(at), exactly.as_micros());
                for deadline in [Deadline::BusinessDays(days, calendar.clone()), Deadline::Elapsed(i64::from(days))] {
                    let due_us = Due::from(&deadline).after(at);
                    prop_assert_eq!([due_us, due_us + 1].map(|to_us| deadline.is_over(at, to_us)), [false, true]);
                }
            }
        }
    }
}
