//! Events by hour, and where some are missing: a gap is told by what is usual at that hour or on that day of the week.

use std::collections::BTreeMap;
use std::sync::Arc;

use journey::Word;

use super::hours::Hours;
use crate::strays;

/// Events by hour since 1970, ascending, none of them 0.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Series(Vec<(i64, u64)>);

/// What a series is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Summary {
    pub(super) events: u64,
    pub(super) first: i64,
    pub(super) last: i64,
    pub(super) days: u64,
    pub(super) gap_days_p90: u64,
    pub(super) silent_days: u64,
}

/// Slots without any event, where so many would have been usual.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Gap {
    pub(super) from: i64,
    /// The first slot with events again.
    pub(super) to: i64,
    pub(super) usual: u64,
}

/// A gap is one where usually at least so many events come.
const USUAL_MIN: u64 = 20;
/// From so many weeks on, a day or hour is compared with the same one of other weeks.
const WEEKS_MIN: i64 = 4;
/// One in so many events at either end may be a wrong time where more than a week lies between it and the others, so the
/// range of a series begins and ends without it. Few events that follow on others are no wrong times: they may be all that
/// comes since the largest channel broke.
const STRAY_SHARE: u64 = 1_000;
const WEEK_DAYS: i64 = 7;
const WEEK_HOURS: i64 = 168;

fn name(word: u32, names: &[Arc<str>]) -> Arc<str> {
    match Word(word) {
        Word::NONE => "(none)".into(),
        Word::OTHER => "(others)".into(),
        known => Arc::clone(&names[known.index()]),
    }
}

/// One series for each word, by name.
pub(super) fn by_name(hours: &Hours, names: &[Arc<str>]) -> Vec<(Arc<str>, Series)> {
    let mut by_word: BTreeMap<u32, Vec<(i64, u64)>> = BTreeMap::new();
    for ((word, hour), n) in hours.iter() {
        by_word.entry(word).or_default().push((hour, n));
    }
    let mut all: BTreeMap<Arc<str>, Vec<(i64, u64)>> = BTreeMap::new();
    for (word, slots) in by_word {
        all.entry(name(word, names)).or_default().extend(slots);
    }
    all.into_iter().map(|(name, slots)| (name, Series::of(slots))).collect()
}

/// All words together.
pub(super) fn together(hours: &Hours) -> Series {
    Series::of(hours.iter().map(|((_, hour), n)| (hour, n)).collect())
}

impl Series {
    /// Of counts in any order, several of one slot.
    pub(super) fn of(mut slots: Vec<(i64, u64)>) -> Self {
        // They come hour by hour and word by word: this sort joins such runs.
        slots.sort_by_key(|(slot, _)| *slot);
        Self::of_ascending(slots)
    }

    /// Of counts in ascending order, several of one slot.
    fn of_ascending(mut slots: Vec<(i64, u64)>) -> Self {
        slots.dedup_by(|next, before| {
            let same = next.0 == before.0;
            before.1 += if same { next.1 } else { 0 };
            same
        });
        Self(slots)
    }

    fn events(&self) -> u64 {
        self.0.iter().map(|(_, n)| n).sum()
    }

    fn days(&self) -> Series {
        Series::of_ascending(self.0.iter().map(|(hour, n)| (hour.div_euclid(24), *n)).collect())
    }

    /// The part without the few earliest and latest events that lie apart; a week is so many slots.
    fn trimmed(&self, week: i64) -> &[(i64, u64)] {
        let (start, end) = (self.apart(self.0.iter(), week), self.apart(self.0.iter().rev(), week));
        self.0.get(start..self.0.len() - end).unwrap_or(&[])
    }

    /// How many of these slots, from the first on, are few events that lie apart from the rest.
    fn apart<'s>(&self, slots: impl Iterator<Item = &'s (i64, u64)> + Clone, week: i64) -> usize {
        let (stray, mut sum) = (self.events() / STRAY_SHARE, 0);
        let few = slots.clone().zip(slots.skip(1)).take_while(|((_, n), _)| {
            sum += n;
            sum <= stray
        });
        let apart = few.enumerate().filter(|(_, (slot, next))| (next.0 - slot.0).abs() > week);
        apart.last().map_or(0, |(i, _)| i + 1)
    }

    /// The last hour, but for the few latest events that lie apart.
    pub(super) fn end(&self) -> i64 {
        self.trimmed(WEEK_HOURS).last().map_or(0, |(hour, _)| *hour)
    }

    /// How many events are few and far before all others up to this hour, the day of the first of them, and that of the
    /// first of the others.
    pub(super) fn early(&self, end: i64) -> Option<(u64, i64, i64)> {
        let mut days = self.days().0;
        days.retain(|(day, _)| *day <= end.div_euclid(24));
        let (early, rest) = days.split_at(strays::early(&days));
        Some((early.iter().map(|(_, n)| n).sum(), early.first()?.0, rest.first()?.0))
    }

    /// What it is like, when the data end at an hour.
    pub(super) fn summary(&self, end: i64) -> Summary {
        let days = self.days();
        let (first, last) = (self.0.first().map_or(0, |s| s.0), self.0.last().map_or(0, |s| s.0));
        let mut gaps: Vec<i64> = days.0.windows(2).map(|pair| pair[1].0 - pair[0].0).collect();
        gaps.sort_unstable();
        // Rounded up: the smallest gap that nine in ten do not exceed.
        let p90 = gaps.get((gaps.len() * 9).div_ceil(10).saturating_sub(1)).copied().unwrap_or(0);
        Summary {
            events: self.events(),
            first,
            last,
            days: days.0.len() as u64,
            gap_days_p90: p90.unsigned_abs(),
            silent_days: u64::try_from(end.div_euclid(24) - last.div_euclid(24)).unwrap_or(0),
        }
    }

    /// Days without any event.
    pub(super) fn day_gaps(&self, holidays: &[i64]) -> Vec<Gap> {
        let days = self.days();
        gaps(days.trimmed(WEEK_DAYS), WEEK_DAYS, 1, |day| holidays.contains(&day))
    }

    /// Hours without any event, on days that have some.
    pub(super) fn hour_gaps(&self, holidays: &[i64]) -> Vec<Gap> {
        let known = self.day_gaps(holidays);
        let free = |hour: i64| {
            let day = hour.div_euclid(24);
            holidays.contains(&day) || known.iter().any(|gap| (gap.from..gap.to).contains(&day))
        };
        gaps(self.trimmed(WEEK_HOURS), WEEK_HOURS, 24, free)
    }
}

/// The gaps of slots that repeat by week (in so many slots) or, in a short range, by a shorter period; of slots that are
/// free nothing is expected.
fn gaps(slots: &[(i64, u64)], week: i64, short: i64, free: impl Fn(i64) -> bool) -> Vec<Gap> {
    let (Some((first, _)), Some((last, _))) = (slots.first(), slots.last()) else { return Vec::new() };
    let period = if last - first >= WEEKS_MIN * week { week } else { short };
    let usual = usual(slots, period);
    let of = |slot: i64| usual[usize::try_from(slot.rem_euclid(period)).unwrap_or(0)];
    let whole: u64 = usual.iter().sum();
    let mut found = Vec::new();
    for pair in slots.windows(2) {
        let (from, to) = (pair[0].0 + 1, pair[1].0);
        // Whole periods are not walked through: a wrong year would make that long.
        let rest = from + (to - from).rem_euclid(period);
        let periods = u64::try_from((to - rest) / period).unwrap_or(0);
        let expected: u64 = (from..rest).filter(|slot| !free(*slot)).map(of).sum();
        let expected = expected + periods.saturating_mul(whole);
        if expected >= USUAL_MIN {
            found.push(Gap { from, to, usual: expected });
        }
    }
    found
}

/// By place in the period: the lower median of the counts of all such slots between the first and the last, empty ones
/// included.
fn usual(slots: &[(i64, u64)], period: i64) -> Vec<u64> {
    let (first, last) = (slots[0].0, slots[slots.len() - 1].0);
    let mut counts: Vec<Vec<u64>> = vec![Vec::new(); usize::try_from(period).unwrap_or(0)];
    for (slot, n) in slots {
        counts[usize::try_from(slot.rem_euclid(period)).unwrap_or(0)].push(*n);
    }
    let median = |(place, mut counts): (i64, Vec<u64>)| {
        let slots = (last - place).div_euclid(period) - (first - 1 - place).div_euclid(period);
        let empty = usize::try_from(slots).unwrap_or(0).saturating_sub(counts.len());
        let middle = (empty + counts.len()).saturating_sub(1) / 2;
        counts.sort_unstable();
        middle.checked_sub(empty).and_then(|i| counts.get(i)).copied().unwrap_or(0)
    };
    (0..).zip(counts).map(median).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// So many events at 9 and at 15 o'clock of every weekday, from Monday 5 January 1970 on, without some days.
    fn office(weeks: i64, n: u64, without: &[i64]) -> Series {
        let days = (4..4 + weeks * 7).filter(|day| (day - 4) % 7 < 5 && !without.contains(day));
        Series::of(days.flat_map(|day| [(day * 24 + 9, n), (day * 24 + 15, n)]).collect())
    }

    #[test]
    fn a_weekday_without_events_is_a_gap_and_a_weekend_is_none() {
        assert_eq!(office(8, 15, &[]).day_gaps(&[]), []);
        let tuesdays = [12];
        assert_eq!(office(8, 15, &tuesdays).day_gaps(&[]), [Gap { from: 12, to: 13, usual: 30 }]);
        assert_eq!(office(8, 15, &tuesdays).day_gaps(&tuesdays), [], "a holiday");
        assert_eq!(office(8, 5, &tuesdays).day_gaps(&[]), [], "too few to say");
        let from_friday = [8, 11, 12];
        assert_eq!(office(8, 15, &from_friday).day_gaps(&[]), [Gap { from: 8, to: 13, usual: 90 }]);
    }

    #[test]
    fn an_hour_without_events_is_a_gap_where_the_day_has_some() {
        let mut series = office(8, 25, &[]);
        series.0.retain(|(hour, _)| *hour != 12 * 24 + 15);
        let found = series.hour_gaps(&[]);
        assert_eq!(found, [Gap { from: 12 * 24 + 10, to: 13 * 24 + 9, usual: 25 }]);
        assert_eq!(office(8, 25, &[12]).hour_gaps(&[]), [], "a gap of days is told once");
    }

    #[test]
    fn one_wrong_year_hides_nothing_and_costs_nothing() {
        let mut slots = office(40, 15, &[12]).0;
        slots.push((9_999 * 8_766, 1));
        let series = Series::of(slots);
        assert_eq!(series.day_gaps(&[]), [Gap { from: 12, to: 13, usual: 30 }]);
        assert_eq!(series.end(), office(40, 15, &[]).end());
    }

    #[test]
    fn a_small_channel_that_goes_on_is_no_wrong_time() {
        let main = (0..107).map(|day| (day * 24 + 9, 1_000));
        let small = (0..120).map(|day| (day * 24 + 10, 5));
        let all = Series::of(main.clone().chain(small).collect());
        assert_eq!(all.end(), 119 * 24 + 10, "the last thirteen days have 65 of 107,600 events");
        assert_eq!(Series::of(main.collect()).summary(all.end()).silent_days, 13);
    }

    #[test]
    fn how_long_it_is_silent_and_what_is_usual() {
        let series = office(2, 1, &[]);
        let summary = series.summary(30 * 24);
        assert_eq!((summary.events, summary.days, summary.gap_days_p90, summary.silent_days), (20, 10, 3, 15));
    }
}
