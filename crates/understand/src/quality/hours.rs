//! Hours and days of the charter's time zone, without asking the zone for every event: between two changes of its clocks
//! the offset is the same.

use charter::Charter;
use event::Timestamp;
use hashbrown::HashMap;
use journey::Word;
use rapidhash::fast::RandomState;

use super::place;

pub(super) const HOUR_US: i64 = 3_600_000_000;
pub(super) const DAY_US: i64 = 24 * HOUR_US;

/// What has to be added to UTC, from when on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Offsets {
    /// Sorted; the first holds before all others too.
    from_us: Vec<(i64, i64)>,
    /// The first and the last hour that the zone's clocks show in that time.
    hours: (i64, i64),
}

impl Offsets {
    /// Those of a zone between two times.
    pub(super) fn of(zone: &jiff::tz::TimeZone, since_us: i64, until_us: i64) -> Self {
        let since = Timestamp::from_micros(since_us).to_jiff();
        let offset_us = |offset: jiff::tz::Offset| i64::from(offset.seconds()) * 1_000_000;
        let mut from_us = vec![(i64::MIN, offset_us(zone.to_offset(since)))];
        let changes = zone.following(since).take_while(|change| change.timestamp().as_microsecond() <= until_us);
        from_us.extend(changes.map(|change| (change.timestamp().as_microsecond(), offset_us(change.offset()))));
        let mut offsets = Self { from_us, hours: (0, 0) };
        offsets.hours = (offsets.hour_of(since_us).number, offsets.hour_of(until_us).number);
        offsets
    }

    /// What holds at a time.
    #[inline]
    pub(super) fn at(&self, at_us: i64) -> Offset {
        let after = self.from_us.partition_point(|(from_us, _)| *from_us <= at_us).max(1);
        let until_us = self.from_us.get(after).map_or(i64::MAX, |(from_us, _)| *from_us);
        Offset { us: self.from_us[after - 1].1, until_us }
    }

    /// The hour of a time.
    #[inline]
    pub(super) fn hour_of(&self, at_us: i64) -> Hour {
        self.at(at_us).hour_of(at_us)
    }
}

/// What has to be added to UTC for a while.
#[derive(Debug, Clone, Copy)]
pub(super) struct Offset {
    us: i64,
    /// When the clocks change next.
    pub(super) until_us: i64,
}

impl Offset {
    /// The hour of a time at which it holds.
    #[inline]
    pub(super) fn hour_of(self, at_us: i64) -> Hour {
        let number = at_us.saturating_add(self.us).div_euclid(HOUR_US);
        let begins_us = number.saturating_mul(HOUR_US).saturating_sub(self.us);
        Hour { number, begins_us, until_us: begins_us.saturating_add(HOUR_US).min(self.until_us) }
    }
}

/// An hour that the clocks of a zone show.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hour {
    /// Which one, since 1970.
    pub(super) number: i64,
    /// When it begins; the clocks may have shown another one then.
    pub(super) begins_us: i64,
    /// Up to when the clocks show it.
    pub(super) until_us: i64,
}

/// Events by word and hour.
///
/// Of the first words that come, the hours of the period lie one beside the other, which is found at once; other words and
/// hours, such as those of clocks that were wrong, are looked up.
#[derive(Debug)]
pub(super) struct Hours {
    /// The first hour that has a place, and how many have one.
    first: i64,
    placed: usize,
    /// By word (see [`place`]): its row, [`NO_ROW`] where it has none.
    rows: Vec<u32>,
    /// By row.
    words: Vec<Word>,
    /// Row by row, hour by hour.
    counts: Vec<u64>,
    others: HashMap<(u32, i64), u64, RandomState>,
}

const NO_ROW: u32 = u32::MAX;
/// So many counts lie one beside the other: 2 MiB.
const COUNTS_MAX: usize = 1 << 18;

impl Hours {
    /// None yet, of a period whose offsets these are.
    pub(super) fn new(offsets: &Offsets) -> Self {
        let (first, last) = offsets.hours;
        // A period that is too long for one row has none.
        let hours = usize::try_from(last.saturating_sub(first)).map_or(0, |hours| hours.saturating_add(1));
        Self {
            first,
            placed: if hours > COUNTS_MAX { 0 } else { hours },
            rows: Vec::new(),
            words: Vec::new(),
            counts: Vec::new(),
            others: HashMap::default(),
        }
    }

    /// How many words have a place.
    pub(super) fn rows_max(&self) -> usize {
        COUNTS_MAX.checked_div(self.placed).unwrap_or(0)
    }

    /// The count of a word and an hour.
    #[inline]
    pub(super) fn of(&mut self, word: Word, hour: i64) -> &mut u64 {
        let hours = usize::try_from(hour.wrapping_sub(self.first)).unwrap_or(usize::MAX);
        let row = self.rows.get(place(word)).copied().unwrap_or(NO_ROW);
        if hours < self.placed && (row != NO_ROW || self.learn(word)) {
            return &mut self.counts[self.rows[place(word)] as usize * self.placed + hours];
        }
        self.others.entry((word.0, hour)).or_default()
    }

    /// Gives a word a row, if there is room for another.
    #[cold]
    fn learn(&mut self, word: Word) -> bool {
        let counts = self.counts.len() + self.placed;
        let row = u32::try_from(self.words.len()).unwrap_or(NO_ROW);
        if counts > COUNTS_MAX || row == NO_ROW {
            return false;
        }
        let place = place(word);
        self.rows.resize(self.rows.len().max(place + 1), NO_ROW);
        self.rows[place] = row;
        self.words.push(word);
        self.counts.resize(counts, 0);
        true
    }

    /// Every word and hour that has events, with how many, in no order.
    pub(super) fn iter(&self) -> impl Iterator<Item = ((u32, i64), u64)> + '_ {
        let of_row = |(word, counts): (&Word, _)| {
            let word = word.0;
            (self.first..).zip(counts).map(move |(hour, n): (i64, &u64)| ((word, hour), *n))
        };
        let rows = self.words.iter().zip(self.counts.chunks(self.placed.max(1)));
        let others = self.others.iter().map(|(key, n)| (*key, *n));
        rows.flat_map(of_row).chain(others).filter(|(_, n)| *n > 0)
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
            let (at_us, hour) = (us(text), offsets.hour_of(us(text)));
            assert_eq!(hour.number * HOUR_US - hour.begins_us, hours * HOUR_US, "{text}");
            assert!(hour.begins_us <= at_us && at_us < hour.until_us, "{text}");
        }
        let samoa = jiff::tz::TimeZone::get("Pacific/Apia").expect("bundled");
        let us = |text: &str| Timestamp::parse(text, &samoa).expect(text).as_micros();
        let offsets = Offsets::of(&samoa, us("2011-12-01"), us("2012-01-31"));
        let day = |text: &str| offsets.hour_of(us(text)).number.div_euclid(24);
        let last = offsets.hour_of(us("2011-12-29T23:30"));
        assert_eq!(offsets.hour_of(last.until_us).number - last.number, 25, "a day is left out at once");
        let mut at_us = us("2011-12-25");
        while at_us < us("2012-01-03") {
            let (now, next) = (offsets.hour_of(at_us), offsets.hour_of(offsets.hour_of(at_us).until_us));
            assert!(next.number > now.number && offsets.hour_of(now.until_us - 1).number == now.number);
            at_us = now.until_us;
        }
        assert_eq!(day("2011-12-31T12:00") - day("2011-12-29T12:00"), 2, "the 30th never was");
    }
}
