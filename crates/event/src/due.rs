//! When promises fall due, for questions that ask it of millions of events.

use crate::{Calendar, Deadline, Span, Timestamp};

const HOUR_US: i64 = 3_600_000_000;

/// When promises of one length fall due. Business days take a calendar and a time zone, which is slow, so what they come to
/// is kept by the hour.
#[derive(Debug, Clone)]
pub struct Due {
    deadline: Deadline,
    /// Of the hours since 1970 in UTC that have the same remainder of [`HOURS`], the one that was asked for last.
    hours: Vec<(i64, Hour)>,
}

/// When promises fall due that are made in one hour.
#[derive(Debug, Clone, Copy)]
enum Hour {
    /// So many microseconds later, whenever in the hour.
    After(i64),
    /// At this time, whenever in the hour.
    At(i64),
    /// Not all alike.
    Mixed,
}

/// So many hours are known at once: nearly two years.
const HOURS: usize = 1 << 14;

impl Due {
    /// For promises of this length by this calendar.
    pub fn new(within: Span, calendar: &Calendar) -> Self {
        Self::from(&Deadline::new(within, calendar))
    }

    /// As [`Deadline::ends_us`].
    pub fn after(&mut self, from_us: i64) -> i64 {
        let Deadline::BusinessDays(_, calendar) = &self.deadline else { return self.deadline.ends_us(from_us) };
        let hour = from_us.div_euclid(HOUR_US);
        if self.hours.is_empty() {
            self.hours = vec![(i64::MAX, Hour::Mixed); HOURS];
        }
        #[expect(clippy::cast_possible_truncation, reason = "only the remainder counts")]
        let known = &mut self.hours[hour.cast_unsigned() as usize % HOURS];
        if known.0 != hour {
            *known = (hour, Hour::of(&self.deadline, calendar, hour));
        }
        match known.1 {
            Hour::After(us) => from_us.saturating_add(us),
            Hour::At(us) => us,
            Hour::Mixed => self.deadline.ends_us(from_us),
        }
    }
}

impl From<&Deadline> for Due {
    fn from(deadline: &Deadline) -> Self {
        Self { deadline: deadline.clone(), hours: Vec::new() }
    }
}

impl Hour {
    /// What is true of the first and the last time of an hour is true of all of them on one day: inside of working hours they
    /// take equally long, and outside, or where nobody works that day, all are moved to the same opening.
    fn of(deadline: &Deadline, calendar: &Calendar, hour: i64) -> Self {
        let Some(first) = hour.checked_mul(HOUR_US) else { return Self::Mixed };
        let Some(last) = first.checked_add(HOUR_US - 1) else { return Self::Mixed };
        let local = |at_us| Timestamp::from_micros(at_us).to_jiff().to_zoned(calendar.zone.clone()).datetime();
        let works = |at_us| (calendar.opens..=calendar.closes).contains(&local(at_us).time());
        let [first_ends, last_ends] = [first, last].map(|at_us| deadline.ends_us(at_us));
        if local(first).date() != local(last).date() || first_ends == i64::MAX || last_ends == i64::MAX {
            return Self::Mixed;
        }
        match (works(first), works(last)) {
            (true, true) | (false, false) if first_ends == last_ends => Self::At(first_ends),
            (true, true) if first_ends - first == last_ends - last => Self::After(first_ends - first),
            _ => Self::Mixed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::{date, time};
    use jiff::tz::TimeZone;
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
