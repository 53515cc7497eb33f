//! Times in tables: which form a column has is guessed once over a sample, and from then on held to strictly.
//!
//! Guessing per value would read `03/04/2026` one way and `13/04/2026` the other, in the same column, without anybody
//! noticing. So a column has one [`TimeFormat`]; a value that does not fit it is rejected by name; and where a sample
//! allows both day/month orders, that is an error that says how to decide, never a guess.

mod clock;
mod parse;

use std::fmt;
use std::str::FromStr;

use jiff::tz::TimeZone;

pub use clock::Clock;

/// What a time zone is called.
pub(crate) fn zone_name(zone: &TimeZone) -> String {
    zone.iana_name().map_or_else(|| "of the plan".to_owned(), str::to_owned)
}

/// In which order day and month are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DateOrder {
    /// Day first: 31/12/2026.
    DayMonthYear,
    /// Month first: 12/31/2026.
    MonthDayYear,
}

/// The unit in which times are counted since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Seconds.
    Seconds,
    /// Milliseconds.
    Millis,
    /// Microseconds.
    Micros,
    /// Nanoseconds.
    Nanos,
}

impl Unit {
    const ALL: [Unit; 4] = [Unit::Seconds, Unit::Millis, Unit::Micros, Unit::Nanos];

    const fn per_second(self) -> i64 {
        match self {
            Unit::Seconds => 1,
            Unit::Millis => 1_000,
            Unit::Micros => 1_000_000,
            Unit::Nanos => 1_000_000_000,
        }
    }
}

/// How the times of a column are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TimeFormat {
    /// Year first, as in ISO 8601: `2026-03-02T09:00:00Z`, `2026/3/2 9:00`, `20260302`; with or without time, seconds,
    /// fraction and offset.
    YearFirst,
    /// Day or month first, with `/`, `-` or `.` between: `31/12/2026 23:59`, `12/31/2026 11:59 PM`.
    YearLast(DateOrder),
    /// With the name of the month in English: `2 Mar 2026 09:00`, `March 2, 2026 9:00 AM`, RFC 2822.
    MonthName,
    /// A count since 1970.
    Unix(Unit),
    /// Days since 1899-12-30 with the time of day as fraction, as spreadsheets count. Never guessed.
    Excel,
    /// A pattern as of `strptime`: `%d.%m.%y %H:%M`.
    Pattern(String),
}

impl TimeFormat {
    /// Reads a time.
    ///
    /// # Errors
    /// [`Fault::NotOfThisForm`] when the text is not of this form; the other faults when it is, but means no time.
    pub fn read(&self, text: &str) -> Result<Reading, Fault> {
        let text = text.trim_ascii();
        match self {
            TimeFormat::YearFirst => parse::year_first(text.as_bytes()),
            TimeFormat::YearLast(order) => parse::year_last(text.as_bytes(), *order),
            TimeFormat::MonthName => parse::month_name(text.as_bytes()),
            TimeFormat::Unix(unit) => parse::unix(text, *unit),
            TimeFormat::Excel => parse::excel(text),
            TimeFormat::Pattern(pattern) => parse::pattern(pattern, text),
        }
    }

    /// Reads a time that is given as a number.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn read_number(&self, number: f64) -> Result<Reading, Fault> {
        match self {
            TimeFormat::Unix(unit) => parse::unix_number(number, *unit),
            TimeFormat::Excel => parse::excel_number(number),
            // 20260302 as a number, where the sample was read as dates.
            TimeFormat::YearFirst if number.fract() == 0.0 => self.read(&format!("{number}")),
            _ => Err(Fault::NotOfThisForm),
        }
    }

    /// Reads a time that is given as a whole number.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn read_int(&self, number: i64) -> Result<Reading, Fault> {
        match self {
            TimeFormat::Unix(unit) => parse::unix_int(number, *unit),
            #[expect(clippy::cast_precision_loss, reason = "days and yyyymmdd are far below 2^53")]
            other => other.read_number(number as f64),
        }
    }
}

impl fmt::Display for TimeFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TimeFormat::YearFirst => "iso",
            TimeFormat::YearLast(DateOrder::DayMonthYear) => "dmy",
            TimeFormat::YearLast(DateOrder::MonthDayYear) => "mdy",
            TimeFormat::MonthName => "month-name",
            TimeFormat::Unix(Unit::Seconds) => "unix",
            TimeFormat::Unix(Unit::Millis) => "unix-ms",
            TimeFormat::Unix(Unit::Micros) => "unix-us",
            TimeFormat::Unix(Unit::Nanos) => "unix-ns",
            TimeFormat::Excel => "excel",
            TimeFormat::Pattern(pattern) => pattern,
        })
    }
}

/// A text that names no form of times.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is not a form of times: write iso, dmy, mdy, month-name, unix, unix-ms, unix-us, unix-ns, \
     excel, or a pattern such as %d/%m/%Y %H:%M"
)]
pub struct TimeFormatError {
    /// The text that was given.
    pub text: String,
}

impl FromStr for TimeFormat {
    type Err = TimeFormatError;

    fn from_str(text: &str) -> Result<Self, TimeFormatError> {
        let named = [
            TimeFormat::YearFirst,
            TimeFormat::YearLast(DateOrder::DayMonthYear),
            TimeFormat::YearLast(DateOrder::MonthDayYear),
            TimeFormat::MonthName,
            TimeFormat::Excel,
        ];
        let mut all = named.into_iter().chain(Unit::ALL.map(TimeFormat::Unix));
        match all.find(|format| format.to_string() == text) {
            Some(format) => Ok(format),
            None if text.contains('%') => Ok(TimeFormat::Pattern(text.to_owned())),
            None => Err(TimeFormatError { text: text.to_owned() }),
        }
    }
}

/// A time as it was written: what the clock showed, and how far that clock was from UTC, where it says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    /// What the clock showed, in microseconds since 1970-01-01T00:00 on that clock.
    pub local_micros: i64,
    /// By how many seconds that clock was ahead of UTC; `None` for a naive time.
    pub offset_s: Option<i32>,
}

/// Why a text is no time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It is not written in the form of its column.
    NotOfThisForm,
    /// Its year is not in 1 to 9999, or it is not a finite number.
    YearOutOfRange,
    /// It is one of the dates by which systems say "none": 0000-00-00, 0001-01-01, 9999-12-31.
    Placeholder,
}

/// Why no form of times fits a sample.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GuessTimesError {
    /// Some value reads as no time at all.
    #[error("`{example}` is not a time in any form that is known{}", perhaps(&forms(example)))]
    NotTimes {
        /// The first such value.
        example: String,
    },
    /// Both orders of day and month are possible.
    #[error(
        "`{example}` may be {day_first} (day first) or {month_first} (month first), and no other value \
         decides it: give --dates dmy or --dates mdy"
    )]
    Ambiguous {
        /// A value that reads differently.
        example: String,
        /// The date with the day first.
        day_first: String,
        /// The date with the month first.
        month_first: String,
    },
    /// All values are the same day in both orders, and the next one may not be.
    #[error("all values read the same with day or month first, as `{example}` does: give --dates dmy or --dates mdy")]
    Undecided {
        /// The first of them.
        example: String,
    },
    /// Some values can only be read with the day first, others only with the month first.
    #[error(
        "`{day_first}` has the day first and `{month_first}` the month first: give --dates dmy or \
         --dates mdy, and the others are put aside"
    )]
    BothOrders {
        /// A value that has the day first.
        day_first: String,
        /// A value that has the month first.
        month_first: String,
    },
}

impl GuessTimesError {
    /// A form in which the values can be read once somebody says so, for an example.
    pub fn example_form(&self) -> String {
        let forms = if let GuessTimesError::NotTimes { example } = self { forms(example) } else { Vec::new() };
        forms.first().map_or("%d/%m/%Y".to_owned(), |(form, _)| form.clone())
    }

    /// Whether the order of day and month is all that has to be said.
    pub fn is_about_order(&self) -> bool {
        !matches!(self, GuessTimesError::NotTimes { .. })
    }
}

/// What a text may be that is read only where somebody says so, because it could be something else as well: forms, with
/// what has to be explained of them.
fn forms(text: &str) -> Vec<(String, String)> {
    /// From 1954 to 2119, as spreadsheets count days.
    const EXCEL_DAYS: std::ops::Range<f64> = 20_000.0..80_000.0;
    let two_digits = ["%d/%m/%y", "%m/%d/%y", "%d.%m.%y", "%d-%m-%y", "%m-%d-%y"];
    let times = ["", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M:%S %p"];
    let patterns = two_digits.iter().flat_map(|date| times.iter().map(move |time| format!("{date}{time}")));
    let fits = |pattern: &String| TimeFormat::Pattern(pattern.clone()).read(text).is_ok();
    let fitting: Vec<(String, String)> = patterns.filter(fits).map(|pattern| (pattern, String::new())).collect();
    if fitting.is_empty() && text.parse::<f64>().is_ok_and(|days| EXCEL_DAYS.contains(&days)) {
        let date = TimeFormat::Excel.read(text).map(|reading| clock::written_date(&reading));
        let excel = date.map(|date| ("excel".to_owned(), format!(", which counts days: {date}")));
        return excel.into_iter().collect();
    }
    fitting
}

fn perhaps(forms: &[(String, String)]) -> String {
    let said: Vec<String> = forms.iter().map(|(form, what)| format!("{form}{what}")).collect();
    if said.is_empty() { String::new() } else { format!(" (perhaps {})", said.join(" or ")) }
}

/// Whether a form that reads this many of a sample is the form of the column: most of them, because exports have broken
/// rows, and those are rejected by name later.
fn is_most(count: usize, sample: &[&str]) -> bool {
    count * 2 > sample.len()
}

/// The form in which the times of a sample are written. Blank values are passed over; `None` when there is no other.
///
/// `order` decides between day and month first where the sample does not.
///
/// # Errors
/// When no form fits, or when both orders of day and month do and `order` is not given.
pub fn guess_times<'a>(
    sample: impl IntoIterator<Item = &'a str>,
    order: Option<DateOrder>,
) -> Result<Option<TimeFormat>, GuessTimesError> {
    let sample: Vec<&str> = sample.into_iter().map(str::trim_ascii).filter(|text| !text.is_empty()).collect();
    let Some(first) = sample.first() else { return Ok(None) };
    // Placeholders are of the form that they are in; they decide nothing but do not speak against it.
    let reads = |format: &TimeFormat, text: &str| format.read(text) != Err(Fault::NotOfThisForm);
    let enough = |format: &TimeFormat| {
        let count = sample.iter().filter(|text| reads(format, text)).count();
        is_most(count, &sample)
    };
    // Compact dates (20260302) are also counts of seconds, of 1970-08-23; nobody means that, so year first comes first.
    for format in [TimeFormat::YearFirst, TimeFormat::MonthName] {
        if enough(&format) {
            return Ok(Some(format));
        }
    }
    if let Some(format) = guess_unit(&sample) {
        return Ok(Some(format));
    }
    let either = [DateOrder::DayMonthYear, DateOrder::MonthDayYear].map(TimeFormat::YearLast);
    let readable = sample.iter().filter(|text| either.iter().any(|format| reads(format, text))).count();
    if is_most(readable, &sample) {
        return match order {
            Some(order) => Ok(Some(TimeFormat::YearLast(order))),
            None => guess_order(&sample).map(|order| Some(TimeFormat::YearLast(order))),
        };
    }
    let known = [TimeFormat::YearFirst, TimeFormat::MonthName].into_iter().chain(either);
    let known: Vec<TimeFormat> = known.collect();
    let example = sample.iter().find(|text| !known.iter().any(|format| reads(format, text))).unwrap_or(first);
    Err(GuessTimesError::NotTimes { example: (*example).to_owned() })
}

/// The unit of a count since 1970, by the number of digits: 9 or 10 for seconds since 1973, 12 or 13 for milliseconds …
fn guess_unit(sample: &[&str]) -> Option<TimeFormat> {
    let unit_of = |text: &str| {
        let whole = text.split('.').next().filter(|whole| whole.bytes().all(|b| b.is_ascii_digit()))?;
        let fits = text.len() == whole.len() || text.parse::<f64>().is_ok();
        fits.then_some(())?;
        match whole.len() {
            9..=10 => Some(Unit::Seconds),
            12..=13 => Some(Unit::Millis),
            15..=16 => Some(Unit::Micros),
            18..=19 => Some(Unit::Nanos),
            _ => None,
        }
    };
    let most = Unit::ALL.into_iter().find(|unit| {
        let count = sample.iter().filter(|text| unit_of(text) == Some(*unit)).count();
        is_most(count, sample)
    })?;
    Some(TimeFormat::Unix(most))
}

fn guess_order(sample: &[&str]) -> Result<DateOrder, GuessTimesError> {
    use DateOrder::{DayMonthYear, MonthDayYear};
    let only = |this: DateOrder, other: DateOrder| {
        sample.iter().find(|text| {
            TimeFormat::YearLast(this).read(text).is_ok() && TimeFormat::YearLast(other).read(text).is_err()
        })
    };
    match (only(DayMonthYear, MonthDayYear), only(MonthDayYear, DayMonthYear)) {
        (Some(_), None) => Ok(DayMonthYear),
        (None, Some(_)) => Ok(MonthDayYear),
        (Some(day), Some(month)) => {
            Err(GuessTimesError::BothOrders { day_first: (*day).to_owned(), month_first: (*month).to_owned() })
        }
        // With dots, no country writes the month first.
        (None, None) if sample.iter().all(|text| parse::has_dots(text.as_bytes())) => Ok(DayMonthYear),
        (None, None) => {
            let date = |text: &str, order| {
                TimeFormat::YearLast(order)
                    .read(text)
                    .map_or_else(|_| "no date".to_owned(), |r| clock::written_date(&r))
            };
            let differs = |text: &&&str| date(text, DayMonthYear) != date(text, MonthDayYear);
            let Some(example) = sample.iter().find(differs) else {
                return Err(GuessTimesError::Undecided { example: sample[0].to_owned() });
            };
            Err(GuessTimesError::Ambiguous {
                example: (*example).to_owned(),
                day_first: date(example, DayMonthYear),
                month_first: date(example, MonthDayYear),
            })
        }
    }
}

#[cfg(test)]
mod tests;
