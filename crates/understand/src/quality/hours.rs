//! Hours and days of the charter's time zone, without asking the zone for every event: between two changes of its clocks
//! the offset is the same.

use charter::Charter;
use event::Timestamp;

pub(super) const HOUR_US: i64 = 3_600_000_000;
pub(super) const DAY_US: i64 = 24 * HOUR_US;

/// What has to be added to UTC, from when on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Offsets {
    /// Sorted; the first holds before all others too.
    from_us: Vec<(i64, i64)>,
}

impl Offsets {
    /// Those of a zone between two times.
    pub(super) fn of(zone: &jiff::tz::TimeZone, since_us: i64, until_us: i64) -> Self {
        let since = Timestamp::from_micros(since_us).to_jiff();
        let offset_us = |offset: jiff::tz::Offset| i64::from(offset.seconds()) * 1_000_000;
        let mut from_us = vec![(i64::MIN, offset_us(zone.to_offset(since)))];
        let changes = zone.following(since).take_while(|change| change.timestamp().as_microsecond() <= until_us);
        from_us.extend(changes.map(|change| (change.timestamp().as_microsecond(), offset_us(change.offset()))));
        Self { from_us }
    }

    /// The offset at a time, in microseconds.
    #[inline]
    pub(super) fn at(&self, at_us: i64) -> i64 {
        let after = self.from_us.partition_point(|(from_us, _)| *from_us <= at_us);
        self.from_us[after.saturating_sub(1)].1
    }

    /// The hour of a time, as an hour since 1970 that the zone's clocks show.
    #[inline]
    pub(super) fn hour(&self, at_us: i64) -> i64 {
        at_us.saturating_add(self.at(at_us)).div_euclid(HOUR_US)
    }
}

/// When a date of the charter's zone begins, in microseconds since 1970.
pub(super) fn day_of(date: jiff::civil::Date, charter: &Charter) -> Option<i64> {
    Timestamp::from_naive(date.at(0, 0, 0, 0), &charter.timezone).map(Timestamp::as_micros)
}

/// An hour since 1970, as a person writes it.
pub(super) fn shown(hour: i64) -> String {
    let at = Timestamp::from_micros(hour.saturating_mul(HOUR_US));
    at.to_jiff().strftime("%Y-%m-%d %H:00").to_string()
}

/// A day since 1970, as a person writes it.
pub(super) fn shown_day(day: i64) -> String {
    Timestamp::from_micros(day.saturating_mul(DAY_US)).to_jiff().strftime("%Y-%m-%d").to_string()
}

/// Whether a day since 1970 is a first of January (proleptic Gregorian calendar).
pub(super) fn is_new_year(day: i64) -> bool {
    /// Days in 400 years, after which the calendar repeats.
    const CYCLE: i64 = 146_097;
    // Counted from 1 January 2000, which begins such a cycle.
    let in_cycle = (day - 10_957).rem_euclid(CYCLE);
    let days_before = |year: i64| year * 365 + (year + 3) / 4 - (year + 99) / 100 + (year + 399) / 400;
    let year = in_cycle / 365;
    (year.saturating_sub(1)..=year).any(|year| days_before(year) == in_cycle)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_january_of_every_year_and_no_other_day() {
        let zone = jiff::tz::TimeZone::UTC;
        for year in [1, 1899, 1900, 1970, 1999, 2000, 2001, 2004, 2023, 2024, 2100, 9999] {
            let new_year = jiff::civil::date(year, 1, 1);
            let at = Timestamp::from_naive(new_year.at(0, 0, 0, 0), &zone).expect("a year that can be shown");
            let day = at.as_micros().div_euclid(DAY_US);
            let found: Vec<i64> = (day - 200..day + 160).filter(|day| is_new_year(*day)).collect();
            assert_eq!(found, [day], "{year}");
        }
    }

    #[test]
    fn hours_are_those_of_the_zone_over_a_change_of_clocks() {
        let zone = jiff::tz::TimeZone::get("Europe/Berlin").expect("bundled");
        let us = |text: &str| Timestamp::parse(text, &zone).expect(text).as_micros();
        let offsets = Offsets::of(&zone, us("2026-01-01"), us("2026-12-31"));
        for (text, hours) in [("2026-03-29T01:30", 1), ("2026-03-29T03:30", 2), ("2026-10-25T04:00", 1)] {
            assert_eq!(offsets.at(us(text)), hours * HOUR_US, "{text}");
        }
        let samoa = jiff::tz::TimeZone::get("Pacific/Apia").expect("bundled");
        let us = |text: &str| Timestamp::parse(text, &samoa).expect(text).as_micros();
        let offsets = Offsets::of(&samoa, us("2011-12-01"), us("2012-01-31"));
        let day = |text: &str| (us(text) + offsets.at(us(text))).div_euclid(DAY_US);
        assert_eq!(day("2011-12-31T12:00") - day("2011-12-29T12:00"), 2, "the 30th never was");
    }
}
