//! CSV and JSON Lines, written by hand: none of the values needs quoting or escaping, which a test holds.

use std::io::{self, Write};

use super::super::{CHANNELS, MOMENTS, PAGES, Row, Traffic, YEAR_STARTS_US};

/// How one event becomes a line.
pub(super) trait Line {
    /// The line before the first event, with its end; may be empty.
    fn header(&self) -> &'static str;
    /// Writes the line of one event, with its end.
    fn line(&self, to: &mut Vec<u8>, row: &Row, at: &str) -> io::Result<()>;
}

pub(super) fn write(traffic: &mut Traffic, mut to: impl Write, format: &impl Line) -> io::Result<u64> {
    to.write_all(format.header().as_bytes())?;
    let mut clock = Clock::default();
    let (mut rows, mut lines) = (Vec::new(), Vec::new());
    let mut written = 0;
    while traffic.next_hour(&mut rows) {
        lines.clear();
        for row in &rows {
            format.line(&mut lines, row, clock.text(row.at_us))?;
        }
        to.write_all(&lines)?;
        written += rows.len() as u64;
    }
    to.flush()?;
    Ok(written)
}

pub(super) struct Csv;

impl Line for Csv {
    fn header(&self) -> &'static str {
        "user_id,event,at,channel,amount,page\n"
    }

    fn line(&self, to: &mut Vec<u8>, row: &Row, at: &str) -> io::Result<()> {
        super::write_user(to, row)?;
        for value in [MOMENTS[usize::from(row.moment)].name, at, CHANNELS[usize::from(row.channel)]] {
            to.push(b',');
            to.extend_from_slice(value.as_bytes());
        }
        to.push(b',');
        if let Some(cents) = row.amount_cents {
            write!(to, "{}.{:02}", cents.get() / 100, cents.get() % 100)?;
        }
        to.push(b',');
        to.extend_from_slice(row.page.map_or("", |page| PAGES[usize::from(page)]).as_bytes());
        to.push(b'\n');
        Ok(())
    }
}

pub(super) struct JsonLines;

impl Line for JsonLines {
    fn header(&self) -> &'static str {
        ""
    }

    fn line(&self, to: &mut Vec<u8>, row: &Row, at: &str) -> io::Result<()> {
        to.extend_from_slice(b"{\"user_id\":\"");
        super::write_user(to, row)?;
        let (event, channel) = (MOMENTS[usize::from(row.moment)].name, CHANNELS[usize::from(row.channel)]);
        write!(to, "\",\"event\":\"{event}\",\"at\":\"{at}\",\"channel\":\"{channel}\"")?;
        if let Some(cents) = row.amount_cents {
            write!(to, ",\"amount\":{}.{:02}", cents.get() / 100, cents.get() % 100)?;
        }
        if let Some(page) = row.page {
            write!(to, ",\"page\":\"{}\"", PAGES[usize::from(page)])?;
        }
        to.extend_from_slice(b"}\n");
        Ok(())
    }
}

/// Writes times of the year that is played; as they only increase, the date is made once a day.
#[derive(Default)]
struct Clock {
    day: Option<i64>,
    text: String,
}

const DAY_US: i64 = 86_400_000_000;
const MONTH_DAYS: [i64; 12] = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
const DATE_BYTES: usize = "2025-01-01T".len();

/// The digits of a time of day: what each counts, in microseconds, and what is written after it.
const DIGITS: [(i64, &str); 12] = [
    (36_000_000_000, ""),
    (3_600_000_000, ":"),
    (600_000_000, ""),
    (60_000_000, ":"),
    (10_000_000, ""),
    (1_000_000, "."),
    (100_000, ""),
    (10_000, ""),
    (1_000, ""),
    (100, ""),
    (10, ""),
    (1, "Z"),
];

impl Clock {
    /// `2025-03-01T09:30:00.000001Z`.
    fn text(&mut self, at_us: i64) -> &str {
        let since = at_us - YEAR_STARTS_US;
        let (day, mut rest) = (since / DAY_US, since % DAY_US);
        if self.day != Some(day) {
            self.day = Some(day);
            self.text = date(day);
        }
        self.text.truncate(DATE_BYTES);
        for (unit_us, mark) in DIGITS {
            let digit = u8::try_from(rest / unit_us).expect("one digit");
            rest %= unit_us;
            self.text.push(char::from(b'0' + digit));
            self.text.push_str(mark);
        }
        &self.text
    }
}

/// The date of a day of 2025, counted from 0, with the `T` that follows it.
fn date(mut day: i64) -> String {
    let mut month = 1;
    for days in MONTH_DAYS {
        if day < days {
            break;
        }
        day -= days;
        month += 1;
    }
    format!("2025-{month:02}-{:02}T", day + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_rfc_3339() {
        let mut clock = Clock::default();
        assert_eq!(clock.text(YEAR_STARTS_US), "2025-01-01T00:00:00.000000Z");
        let at = YEAR_STARTS_US + 59 * DAY_US + 34_200_000_001;
        assert_eq!(clock.text(at), "2025-03-01T09:30:00.000001Z");
        assert_eq!(clock.text(YEAR_STARTS_US + 365 * DAY_US - 1), "2025-12-31T23:59:59.999999Z");
    }

    #[test]
    fn no_word_needs_quotes_or_escapes() {
        let words = MOMENTS.iter().map(|moment| moment.name).chain(CHANNELS).chain(PAGES);
        for word in words {
            assert!(!word.contains([',', '"', '\\', '\n']), "{word}");
        }
    }
}
