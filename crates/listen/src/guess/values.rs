//! What the values of a column look like.

use std::collections::BTreeSet;

use crate::cell::Cell;
use crate::json::{self, Members};
use crate::mapping::Kind;
use crate::times::{DateOrder, GuessTimesError, TimeFormat, guess_times};

/// One column of the sample.
#[derive(Debug, Clone, Copy)]
pub(super) struct Column<'a, 'c> {
    pub(super) name: &'a str,
    pub(super) at: usize,
    pub(super) rows: &'a [Vec<Cell<'c>>],
    pub(super) unknown: &'a [String],
}

impl<'a, 'c> Column<'a, 'c> {
    /// The values that say something.
    fn values(&self) -> impl Iterator<Item = &'a Cell<'c>> {
        let (at, unknown) = (self.at, self.unknown);
        let cells = self.rows.iter().filter_map(move |row| row.get(at));
        cells.filter(move |cell| {
            !cell.is_empty() && !cell.as_text().is_some_and(|text| unknown.iter().any(|word| word == text))
        })
    }

    pub(super) fn filled(&self) -> usize {
        self.values().count()
    }

    /// Whether there is any value; a table without rows may have values everywhere.
    pub(super) fn has_values(&self) -> bool {
        self.rows.is_empty() || self.values().next().is_some()
    }

    pub(super) fn distinct(&self) -> usize {
        let texts: BTreeSet<String> = self.values().map(text).collect();
        texts.len()
    }

    /// Whether the values are times. Counts since 1970 are only taken for times where the name says so, because any
    /// number of ten digits would be one.
    pub(super) fn looks_like_times(&self, counts_too: bool) -> bool {
        match self.time_format(Some(DateOrder::DayMonthYear)) {
            Ok(Some(TimeFormat::Unix(_))) => counts_too,
            Ok(Some(_)) => true,
            // Typed, or a table without rows.
            Ok(None) => self.has_values() && !self.rows.is_empty() || counts_too && self.rows.is_empty(),
            Err(_) => false,
        }
    }

    /// How the times of this column are written; `None` where they are typed or there are none.
    pub(super) fn time_format(&self, dates: Option<DateOrder>) -> Result<Option<TimeFormat>, GuessTimesError> {
        let typed = |cell: &&Cell<'c>| matches!(cell, Cell::Time(_) | Cell::Local(_));
        if self.values().any(|cell| typed(&cell)) {
            return Ok(None);
        }
        let texts: Vec<String> = self.values().map(text).collect();
        guess_times(texts.iter().map(String::as_str), dates)
    }

    /// Whether the values are dates, none of which says a time of day.
    pub(super) fn is_dates_only(&self) -> bool {
        let no_time = |cell: &Cell<'c>| match cell {
            Cell::Local(at) => at.time() == jiff::civil::Time::midnight(),
            Cell::Text(text) => !text.contains(':'),
            _ => false,
        };
        self.values().next().is_some() && self.values().all(no_time)
    }

    /// Whether the values are times of day, as in `9:30`, `09:30:00.5` and `9:30 PM`.
    pub(super) fn is_times_of_day(&self) -> bool {
        self.values().next().is_some() && self.values().all(|cell| is_time_of_day(&text(cell)))
    }

    /// How dates are written together with the times of day of another column.
    pub(super) fn joined_format(
        &self,
        time_of_day: &Self,
        dates: Option<DateOrder>,
    ) -> Result<Option<TimeFormat>, GuessTimesError> {
        let joined = self.rows.iter().filter_map(|row| {
            let date = row.get(self.at).filter(|cell| !cell.is_empty())?;
            let mut text = String::new();
            date.write_joined(row.get(time_of_day.at)?, &mut text);
            Some(text)
        });
        let texts: Vec<String> = joined.filter(|text| !self.unknown.contains(text)).collect();
        guess_times(texts.iter().map(String::as_str), dates)
    }

    /// Whether the values are texts, but no times.
    pub(super) fn is_words(&self) -> bool {
        let mut texts = self.values().filter_map(Cell::as_text).peekable();
        texts.peek().is_some() && !texts.all(json::is_number) && !self.looks_like_times(false)
    }

    /// Whether the values may be identifiers: texts without spaces, or whole numbers.
    pub(super) fn is_identifiers(&self) -> bool {
        let identifier = |cell: &Cell<'c>| match cell {
            Cell::Int(_) => true,
            Cell::Float(number) => number.fract() == 0.0,
            Cell::Text(text) => !text.contains(char::is_whitespace) && (!json::is_number(text) || !text.contains('.')),
            _ => false,
        };
        self.has_values() && self.values().all(identifier) && !self.looks_like_times(false)
    }

    /// How its texts are best written.
    pub(super) fn kind(&self) -> Kind {
        let all = |fits: fn(&str) -> bool| {
            self.values().next().is_some() && self.values().all(|cell| cell.as_text().is_some_and(fits))
        };
        if all(json::is_number) {
            Kind::Number
        } else if all(|text| text.eq_ignore_ascii_case("true") || text.eq_ignore_ascii_case("false")) {
            Kind::Truth
        } else if SPREAD.contains(&self.name) && all(|text| Members::parse(text).is_ok()) {
            Kind::Members
        } else {
            Kind::Text
        }
    }
}

/// A column of this name whose texts are JSON objects is all properties, or traits, and not one: our own exports.
pub(super) const SPREAD: [&str; 2] = ["properties", "traits"];

/// Hours and minutes, perhaps seconds, and perhaps which half of the day.
fn is_time_of_day(text: &str) -> bool {
    let text = text.trim();
    let half = ["AM", "PM", "am", "pm"].iter().find_map(|half| text.strip_suffix(half));
    let clock = half.unwrap_or(text).trim_end();
    let parts: Vec<&str> = clock.split(':').collect();
    let below = |part: &str, most: u32| part.len() <= 2 && part.parse::<u32>().is_ok_and(|number| number < most);
    let second = |part: &str| below(part.split('.').next().unwrap_or(part), 61);
    match parts.as_slice() {
        [hour, minute] => below(hour, 24) && below(minute, 60),
        [hour, minute, rest] => below(hour, 24) && below(minute, 60) && second(rest),
        _ => false,
    }
}

fn text(cell: &Cell<'_>) -> String {
    let mut text = String::new();
    cell.write_text(&mut text);
    text
}
