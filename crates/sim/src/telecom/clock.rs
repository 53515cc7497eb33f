//! The company's wall clock: seconds of local time since the start of 2025, and how the exports write them.

/// Seconds of local time since 2025-01-01 00:00 in Berlin.
pub(super) type Seconds = i64;

pub(super) const MINUTE: Seconds = 60;
pub(super) const HOUR: Seconds = 3_600;
pub(super) const DAY: Seconds = 86_400;
pub(super) const YEAR: Seconds = 365 * DAY;

const MONTH_DAYS: [i64; 12] = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
/// New Year, Good Friday, Easter Monday, 1 May, Ascension, Whit Monday, 3 October, Christmas: days of the year from 0.
const HOLIDAYS: [i64; 9] = [0, 107, 110, 120, 148, 159, 275, 358, 359];
/// Summer time is from 30 March 2:00 to 26 October 3:00.
const SUMMER: std::ops::Range<Seconds> = 88 * DAY + 2 * HOUR..298 * DAY + 3 * HOUR;

/// Monday is 0; the year starts on a Wednesday.
pub(super) fn weekday(at: Seconds) -> i64 {
    (at.div_euclid(DAY) + 2).rem_euclid(7)
}

pub(super) fn is_working_day(at: Seconds) -> bool {
    weekday(at) < 5 && !HOLIDAYS.contains(&at.div_euclid(DAY))
}

/// When the company opens and closes its books, by which it counts business days.
const BUSINESS_HOURS: std::ops::Range<Seconds> = 8 * HOUR..18 * HOUR;

/// The same time of day so many business days later; outside of business hours it counts from the next opening.
pub(super) fn after_business_days(at: Seconds, days: u32) -> Seconds {
    let mut at = at;
    let (day, time) = (at.div_euclid(DAY) * DAY, at.rem_euclid(DAY));
    if time < BUSINESS_HOURS.start {
        at = day + BUSINESS_HOURS.start;
    } else if time > BUSINESS_HOURS.end {
        at = day + DAY + BUSINESS_HOURS.start;
    }
    while !is_working_day(at) {
        at = at.div_euclid(DAY) * DAY + DAY + BUSINESS_HOURS.start;
    }
    let mut left = days;
    while left > 0 {
        at += DAY;
        left -= u32::from(is_working_day(at));
    }
    at
}

/// (year, month, day), for times up to some years before or after.
fn date(at: Seconds) -> (i64, usize, i64) {
    let (mut year, mut day) = (2025, at.div_euclid(DAY));
    let length = |year: i64| if year % 4 == 0 { 366 } else { 365 };
    while day < 0 {
        year -= 1;
        day += length(year);
    }
    while day >= length(year) {
        day -= length(year);
        year += 1;
    }
    let mut month = 1;
    for days in MONTH_DAYS {
        let days = days + i64::from(month == 2 && year % 4 == 0);
        if day < days {
            break;
        }
        day -= days;
        month += 1;
    }
    (year, month, day + 1)
}

fn time_of_day(at: Seconds) -> String {
    let second = at.rem_euclid(DAY);
    format!("{:02}:{:02}:{:02}", second / HOUR, second / MINUTE % 60, second % 60)
}

/// `2025-03-01`.
pub(super) fn iso_date(at: Seconds) -> String {
    let (year, month, day) = date(at);
    format!("{year}-{month:02}-{day:02}")
}

/// `2025-03-01 09:30:00`, local.
pub(super) fn iso_local(at: Seconds) -> String {
    format!("{} {}", iso_date(at), time_of_day(at))
}

/// `01.03.2025 09:30:00`, local.
pub(super) fn german(at: Seconds) -> String {
    let (year, month, day) = date(at);
    format!("{day:02}.{month:02}.{year} {}", time_of_day(at))
}

/// `2025-03-01T08:30:00.250Z`.
pub(super) fn utc(at: Seconds, millis: u32) -> String {
    let offset = if SUMMER.contains(&at) { 2 * HOUR } else { HOUR };
    let at = at - offset;
    format!("{}T{}.{millis:03}Z", iso_date(at), time_of_day(at))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_and_offsets() {
        assert_eq!(german(59 * DAY + 9 * HOUR), "01.03.2025 09:00:00");
        assert_eq!(iso_date(-1), "2024-12-31");
        assert_eq!(iso_date(-307 * DAY), "2024-02-29");
        assert_eq!(iso_local(YEAR), "2026-01-01 00:00:00");
        assert_eq!(utc(0, 5), "2024-12-31T23:00:00.005Z");
        assert_eq!(utc(180 * DAY + 12 * HOUR, 0), "2025-06-30T10:00:00.000Z");
    }

    #[test]
    fn business_days_skip_weekends_and_holidays() {
        assert_eq!(weekday(0), 2);
        assert_eq!(iso_date(after_business_days(106 * DAY, 1)), "2025-04-22", "over Easter");
        let saturday = 59 * DAY + 12 * HOUR;
        assert_eq!(iso_local(after_business_days(saturday, 1)), "2025-03-04 08:00:00", "from Monday's opening");
        assert_eq!(iso_date(HOLIDAYS[6] * DAY), "2025-10-03");
    }
}
