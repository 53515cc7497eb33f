//! The forms in which times are written, read byte by byte.
//!
//! Reading a time is what importing a table mostly does; a general parser takes several times as long as all other
//! work on the row together. A test holds these readers equal to those of `jiff`.

use super::clock::DAY_MICROS;
use super::{DateOrder, Fault, Reading, Unit};

type Read = Result<Reading, Fault>;

const MICROS: i64 = 1_000_000;
const NO: Fault = Fault::NotOfThisForm;

/// A text being read from left to right.
struct Cursor<'a> {
    rest: &'a [u8],
}

impl Cursor<'_> {
    fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    fn skip(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        if found {
            self.rest = &self.rest[1..];
        }
        found
    }

    fn skip_any(&mut self, bytes: &[u8]) -> bool {
        let count = self.rest.iter().take_while(|b| bytes.contains(b)).count();
        self.rest = &self.rest[count..];
        count > 0
    }

    /// The number that begins here and how many digits it has; at most nine digits are read.
    fn number(&mut self) -> Option<(i64, usize)> {
        let mut value = 0;
        let mut digits = 0;
        while let Some(digit @ b'0'..=b'9') = self.peek() {
            if digits == 9 {
                return None;
            }
            value = value * 10 + i64::from(digit - b'0');
            digits += 1;
            self.rest = &self.rest[1..];
        }
        (digits > 0).then_some((value, digits))
    }

    fn number_of(&mut self, digits_max: usize) -> Option<i64> {
        self.number().filter(|(_, digits)| *digits <= digits_max).map(|(value, _)| value)
    }

    /// Exactly this many digits, even if more follow.
    fn digits(&mut self, count: usize) -> Option<i64> {
        let (head, tail) = self.rest.split_at_checked(count)?;
        self.rest = tail;
        head.iter().try_fold(0, |value, b| b.is_ascii_digit().then(|| value * 10 + i64::from(b - b'0')))
    }

    /// The letters that begin here.
    fn word(&mut self) -> &[u8] {
        let count = self.rest.iter().take_while(|b| b.is_ascii_alphabetic()).count();
        let (word, rest) = self.rest.split_at(count);
        self.rest = rest;
        word
    }
}

/// Days since 1970-01-01 of a date in the Gregorian calendar.
///
/// Source: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", `days_from_civil`.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year - era * 400;
    let day_of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
}

/// A date in microseconds since 1970.
fn date(year: i64, month: i64, day: i64) -> Result<i64, Fault> {
    match (year, month, day) {
        (0, 0, 0) => Err(Fault::Placeholder),
        (_, 1..=12, 1..=31) if day <= days_in_month(year, month) => {
            let in_range = (1..=9999).contains(&year);
            if in_range { Ok(days_since_1970(year, month, day) * DAY_MICROS) } else { Err(Fault::YearOutOfRange) }
        }
        _ => Err(NO),
    }
}

pub(super) fn year_first(text: &[u8]) -> Read {
    let mut cursor = Cursor { rest: text };
    let negative = cursor.skip(b'-');
    let signed = negative || cursor.skip(b'+');
    if text.len() >= 8 && text[..8].iter().all(u8::is_ascii_digit) && !text.get(8).is_some_and(|b| is_separator(*b)) {
        return compact(text);
    }
    let (mut year, digits) = cursor.number().ok_or(NO)?;
    let separator = cursor.peek().filter(|b| is_separator(*b)).ok_or(NO)?;
    cursor.skip(separator);
    // Years of five and more digits are still years, although none that an event may have.
    if digits < 4 {
        return Err(NO);
    }
    let month = cursor.number_of(2).ok_or(NO)?;
    if !cursor.skip(separator) {
        return Err(NO);
    }
    let day = cursor.number_of(2).ok_or(NO)?;
    if signed && negative {
        year = -year;
    }
    with_time(date(year, month, day), cursor)
}

/// `20260302`, `20260302T090000Z`, `20260302090000`.
fn compact(text: &[u8]) -> Read {
    let mut cursor = Cursor { rest: text };
    let mut next = |digits| cursor.digits(digits).ok_or(NO);
    let day = date(next(4)?, next(2)?, next(2)?);
    if cursor.rest.is_empty() {
        return Ok(Reading { local_micros: day?, offset_s: None });
    }
    cursor.skip_any(b"T ");
    if cursor.rest.get(2) == Some(&b':') {
        return finish(day?, &mut cursor);
    }
    let mut next = || cursor.digits(2).ok_or(NO);
    let (hour, minute) = (next()?, next()?);
    let second = if cursor.peek().is_some_and(|b| b.is_ascii_digit()) { cursor.digits(2).ok_or(NO)? } else { 0 };
    let time = time_of_day(hour, minute, second, fraction(&mut cursor))?;
    let offset_s = offset(&mut cursor)?;
    Ok(Reading { local_micros: day? + time, offset_s })
}

fn is_separator(byte: u8) -> bool {
    matches!(byte, b'-' | b'/' | b'.')
}

/// Whether a date is written with dots, as in 31.12.2026.
pub(super) fn has_dots(text: &[u8]) -> bool {
    text.iter().find(|b| is_separator(**b)) == Some(&b'.')
}

pub(super) fn year_last(text: &[u8], order: DateOrder) -> Read {
    let mut cursor = Cursor { rest: text };
    let first = cursor.number_of(2).ok_or(NO)?;
    let separator = cursor.peek().filter(|b| is_separator(*b)).ok_or(NO)?;
    cursor.skip(separator);
    let second = cursor.number_of(2).ok_or(NO)?;
    if !cursor.skip(separator) {
        return Err(NO);
    }
    let (year, digits) = cursor.number().ok_or(NO)?;
    // Two digits of a year could as well be a day, so they need a pattern.
    if digits < 4 {
        return Err(NO);
    }
    let (day, month) = match order {
        DateOrder::DayMonthYear => (first, second),
        DateOrder::MonthDayYear => (second, first),
    };
    with_time(date(year, month, day), cursor)
}

const MONTHS: [&[u8]; 12] =
    [b"jan", b"feb", b"mar", b"apr", b"may", b"jun", b"jul", b"aug", b"sep", b"oct", b"nov", b"dec"];
const WEEKDAYS: [&[u8]; 7] = [b"mon", b"tue", b"wed", b"thu", b"fri", b"sat", b"sun"];

fn position(names: &[&[u8]], word: &[u8]) -> Option<usize> {
    let start = word.get(..3)?;
    names.iter().position(|name| name.eq_ignore_ascii_case(start))
}

fn month(cursor: &mut Cursor<'_>) -> Result<i64, Fault> {
    let at = position(&MONTHS, cursor.word()).ok_or(NO)?;
    Ok(i64::try_from(at).expect("below twelve") + 1)
}

pub(super) fn month_name(text: &[u8]) -> Read {
    const BETWEEN: &[u8] = b" ,-/.";
    let mut cursor = Cursor { rest: text };
    let before = cursor.rest;
    if position(&WEEKDAYS, cursor.word()).is_some() {
        cursor.skip_any(BETWEEN);
    } else {
        cursor.rest = before;
    }
    let day_first = cursor.peek().is_some_and(|b| b.is_ascii_digit());
    let (mut day, mut name) = (0, 0);
    for is_day in [day_first, !day_first] {
        if is_day {
            day = cursor.number_of(2).ok_or(NO)?;
        } else {
            name = month(&mut cursor)?;
        }
        cursor.skip_any(BETWEEN);
    }
    // `Mon Mar  2 09:00:00 2026`, as C writes it, has the year at the end.
    if cursor.rest.get(2) == Some(&b':') {
        let time = clock_time(&mut cursor)?;
        cursor.skip_any(b" ");
        let (year, _) = cursor.number().filter(|(_, digits)| *digits >= 4).ok_or(NO)?;
        let end = cursor.rest.is_empty();
        return if end { Ok(Reading { local_micros: date(year, name, day)? + time, offset_s: None }) } else { Err(NO) };
    }
    let (year, _) = cursor.number().filter(|(_, digits)| *digits >= 4).ok_or(NO)?;
    with_time(date(year, name, day), cursor)
}

/// What follows a date: nothing, or a time of day, perhaps with an offset.
///
/// A date without a meaning is reported only if what follows is of the form, so that a guess does not take
/// `0000-00-00 and so on` for a date.
fn with_time(date: Result<i64, Fault>, mut cursor: Cursor<'_>) -> Read {
    if date == Err(NO) {
        return Err(NO);
    }
    if cursor.rest.is_empty() {
        return Ok(Reading { local_micros: date?, offset_s: None });
    }
    let separated = cursor.skip(b'T') || cursor.skip(b't') || cursor.skip_any(b" ,");
    // The offset of a date alone, `2026-03-02Z` or `2026-03-02+01:00`, as XML writes it.
    if !separated {
        let offset_s = offset(&mut cursor)?;
        return Ok(Reading { local_micros: date?, offset_s });
    }
    let time = finish(0, &mut cursor)?;
    Ok(Reading { local_micros: date? + time.local_micros, ..time })
}

fn finish(day: i64, cursor: &mut Cursor<'_>) -> Read {
    let time = clock_time(cursor)?;
    Ok(Reading { local_micros: day + time, offset_s: offset(cursor)? })
}

/// `9:00`, `09:00:00.123456`, `9:00 AM`.
fn clock_time(cursor: &mut Cursor<'_>) -> Result<i64, Fault> {
    let mut hour = cursor.number_of(2).ok_or(NO)?;
    let (mut minute, mut second, mut parts) = (0, 0, 0);
    if cursor.skip(b':') {
        minute = cursor.number_of(2).ok_or(NO)?;
        parts = 1;
        if cursor.skip(b':') {
            second = cursor.number_of(2).ok_or(NO)?;
            parts = 2;
        }
    }
    let fraction = if parts == 2 { fraction(cursor) } else { 0 };
    match half_of_day(cursor) {
        Some(_) if !(1..=12).contains(&hour) => return Err(NO),
        Some(afternoon) => hour = hour % 12 + if afternoon { 12 } else { 0 },
        // `2026-03-02 9` is no time of day.
        None if parts == 0 => return Err(NO),
        None => {}
    }
    time_of_day(hour, minute, second, fraction)
}

fn time_of_day(hour: i64, minute: i64, second: i64, fraction: i64) -> Result<i64, Fault> {
    if hour > 23 || minute > 59 || second > 60 {
        return Err(NO);
    }
    // A leap second is the second before it, as everywhere in Unix time.
    Ok(((hour * 60 + minute) * 60 + second.min(59)) * MICROS + fraction)
}

/// The digits after a point or comma, in microseconds; further digits are cut off.
fn fraction(cursor: &mut Cursor<'_>) -> i64 {
    let [b'.' | b',', b'0'..=b'9', ..] = cursor.rest else { return 0 };
    cursor.rest = &cursor.rest[1..];
    let (mut micros, mut unit) = (0, 100_000);
    while let Some(digit @ b'0'..=b'9') = cursor.peek() {
        micros += i64::from(digit - b'0') * unit;
        unit /= 10;
        cursor.rest = &cursor.rest[1..];
    }
    micros
}

/// `AM`, `pm`, `p.m.`: whether it is the afternoon.
fn half_of_day(cursor: &mut Cursor<'_>) -> Option<bool> {
    let before = cursor.rest;
    cursor.skip_any(b" ");
    let half = match cursor.rest {
        [half @ (b'a' | b'A' | b'p' | b'P'), b'm' | b'M', rest @ ..]
        | [half @ (b'a' | b'A' | b'p' | b'P'), b'.', b'm' | b'M', b'.', rest @ ..] => Some((*half, rest)),
        _ => None,
    };
    let Some((half, rest)) = half else {
        cursor.rest = before;
        return None;
    };
    cursor.rest = rest;
    Some(half.eq_ignore_ascii_case(&b'p'))
}

/// The offset at the end of a time, which must be the end of the text: `Z`, `+01:00`, `+0100`, `-5`, `UTC`,
/// `GMT+0100 (CET)`, `+01:00[Europe/Berlin]`.
fn offset(cursor: &mut Cursor<'_>) -> Result<Option<i32>, Fault> {
    cursor.skip_any(b" ");
    if cursor.rest.is_empty() {
        return Ok(None);
    }
    let named = match cursor.word() {
        b"" => false,
        name if [&b"z"[..], b"utc", b"gmt", b"ut"].iter().any(|known| name.eq_ignore_ascii_case(known)) => true,
        _ => return Err(NO),
    };
    let seconds = match cursor.peek() {
        Some(sign @ (b'+' | b'-')) => {
            cursor.rest = &cursor.rest[1..];
            let seconds = offset_number(cursor)?;
            if sign == b'-' { -seconds } else { seconds }
        }
        _ if named => 0,
        _ => return Err(NO),
    };
    cursor.skip_any(b" ");
    let remark = matches!(cursor.rest, [b'[', .., b']'] | [b'(', .., b')']);
    if cursor.rest.is_empty() || remark { Ok(Some(seconds)) } else { Err(NO) }
}

fn offset_number(cursor: &mut Cursor<'_>) -> Result<i32, Fault> {
    let (number, digits) = cursor.number().ok_or(NO)?;
    let (hours, mut minutes, mut seconds) = match digits {
        1 | 2 => (number, 0, 0),
        4 => (number / 100, number % 100, 0),
        _ => return Err(NO),
    };
    if digits <= 2 && cursor.skip(b':') {
        minutes = cursor.digits(2).ok_or(NO)?;
        if cursor.skip(b':') {
            seconds = cursor.digits(2).ok_or(NO)?;
        }
    }
    if hours > 25 || minutes > 59 || seconds > 59 {
        return Err(NO);
    }
    i32::try_from((hours * 60 + minutes) * 60 + seconds).map_err(|_| NO)
}

/// Moments are always in UTC.
fn in_utc(micros: i64) -> Reading {
    Reading { local_micros: micros, offset_s: Some(0) }
}

pub(super) fn unix(text: &str, unit: Unit) -> Read {
    match text.parse::<i64>() {
        Ok(count) => unix_int(count, unit),
        // `inf` and `NaN` are numbers for Rust, and a time column with them is one of counts.
        Err(_) => unix_number(text.parse().map_err(|_| NO)?, unit),
    }
}

pub(super) fn unix_int(count: i64, unit: Unit) -> Read {
    let micros = match unit {
        Unit::Nanos => Some(count.div_euclid(1_000)),
        unit => count.checked_mul(MICROS / unit.per_second()),
    };
    micros.map(in_utc).ok_or(Fault::YearOutOfRange)
}

pub(super) fn unix_number(count: f64, unit: Unit) -> Read {
    let micros = count * (1e6 / unit.per_second() as f64);
    // NaN is not below it either.
    if micros.abs() < 9e18 { Ok(in_utc(round(micros))) } else { Err(Fault::YearOutOfRange) }
}

pub(super) fn excel(text: &str) -> Read {
    excel_number(text.parse().map_err(|_| NO)?)
}

pub(super) fn excel_number(days: f64) -> Read {
    // 1899-12-30 is 25,569 days before 1970. Milliseconds, because the fraction of a day has no more exact digits.
    let millis = (days - 25_569.0) * 86_400_000.0;
    let known = millis.abs() < 9e15;
    if known { Ok(Reading { local_micros: round(millis) * 1_000, offset_s: None }) } else { Err(Fault::YearOutOfRange) }
}

#[expect(clippy::cast_possible_truncation, reason = "callers have checked the range")]
fn round(number: f64) -> i64 {
    number.round() as i64
}

pub(super) fn pattern(pattern: &str, text: &str) -> Read {
    let parts = jiff::fmt::strtime::BrokenDownTime::parse(pattern, text).map_err(|_| NO)?;
    if let Some(at) = parts.timestamp() {
        return Ok(in_utc(at.as_microsecond()));
    }
    let day = parts.to_date().map_err(|_| NO)?;
    let time = if parts.hour().is_some() { parts.to_time().map_err(|_| NO)? } else { jiff::civil::Time::midnight() };
    let micros = date(day.year().into(), day.month().into(), day.day().into())?;
    let since_midnight = i64::from(time.hour()) * 3_600 + i64::from(time.minute()) * 60 + i64::from(time.second());
    let local_micros = micros + since_midnight * MICROS + i64::from(time.subsec_nanosecond()) / 1_000;
    Ok(Reading { local_micros, offset_s: parts.offset().map(jiff::tz::Offset::seconds) })
}
