//! Which journeys of a customer a question is about.
//!
//! The charter cuts a customer's run into journeys ([`Cut`]); conditions, a period and a comparison then choose among them
//! ([`Selection`]). All views share this one place, so that two views that show the same number mean the same journeys.

use event::{Calendar, Deadline};

use crate::{Moment, Moments, Run, Segment, Word};

/// Bits that say which conditions hold for an event.
pub mod flag {
    /// The event satisfies `--where`.
    pub const WHERE: u64 = 1;
    /// The event satisfies `--compare`.
    pub const COMPARE: u64 = 2;
    /// The most conditions that one question wants to know of each event.
    pub const WANTED_MAX: usize = 62;

    /// The event satisfies this condition of [`Wanted`](crate::Wanted), by its position.
    pub const fn wanted(position: usize) -> u64 {
        4 << position
    }
}

/// How a journey ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Ending {
    /// It is the customer's whole run; nothing says what its end means.
    Whole,
    /// It reached its goal.
    Succeeded,
    /// Nothing followed for the charter's time.
    Abandoned,
    /// It may still go on.
    Open,
}

/// One customer's own run of events towards something, as the charter cuts it, as borrowed columns of one length.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Journey<'a> {
    /// The customer.
    pub customer: i64,
    /// What happened, in time order; events of the same time in the order of arrival. Never empty.
    pub moments: &'a [Moment],
    /// When, in microseconds since 1970 in UTC, never decreasing.
    pub at_us: &'a [i64],
    /// How it ended.
    pub ending: Ending,
    /// The customer's whole run, which the journey is a part of.
    pub run: &'a Run<'a>,
    /// Where in the run it starts.
    pub start: usize,
}

impl<'a> Journey<'a> {
    /// The words of each of its events that were wanted at this position of [`Wanted`](crate::Wanted).
    #[inline]
    pub fn words(&self, wanted: usize) -> &'a [Word] {
        self.part(&self.run.details.words[wanted])
    }

    /// The keys of each of its events that were wanted at this position; 0 where there is none.
    #[inline]
    pub fn keys(&self, wanted: usize) -> &'a [u64] {
        self.part(&self.run.details.keys[wanted])
    }

    /// The numbers of each of its events that were wanted at this position; NaN where there is none.
    #[inline]
    pub fn numbers(&self, wanted: usize) -> &'a [f64] {
        self.part(&self.run.details.numbers[wanted])
    }

    /// Whether the condition that was wanted at this position holds for the event at `i`.
    #[inline]
    pub fn holds(&self, wanted: usize, i: usize) -> bool {
        self.run.flags[self.start + i] & flag::wanted(wanted) != 0
    }

    /// Whether the condition that was wanted at this position holds for any of its events.
    #[inline]
    pub fn holds_anywhere(&self, wanted: usize) -> bool {
        let flags = &self.run.flags[self.start..][..self.moments.len()];
        flags.iter().fold(0, |all, flags| all | flags) & flag::wanted(wanted) != 0
    }

    #[inline]
    fn part<T>(&self, column: &'a [T]) -> &'a [T] {
        &column[self.run.begins + self.start..][..self.moments.len()]
    }
}

/// How the charter cuts a customer's run into journeys.
///
/// A journey starts at a moment of `starts` while none is open, takes in everything that follows, and ends with a moment of
/// `succeeds` or before a silence longer than `abandoned_after`. What lies outside of journeys is left out.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Cut {
    /// By moment: whether it starts a journey. Empty: anything does.
    pub starts: Vec<bool>,
    /// By moment: whether a journey reaches its goal there.
    pub succeeds: Vec<bool>,
    /// The silence after which a journey counts as abandoned.
    pub abandoned_after: Option<Deadline>,
    /// Up to when anything is known, in microseconds since 1970: a journey that was silent for long enough by then is
    /// abandoned, otherwise open.
    pub until_us: i64,
}

impl Cut {
    /// As this journey of the charter says; `until_us` is up to when anything is known.
    pub fn of(journey: &charter::journeys::Journey, calendar: &Calendar, moments: &Moments, until_us: i64) -> Self {
        let mask = |names: &[String]| {
            let mut mask = vec![false; if names.is_empty() { 0 } else { moments.len() }];
            for name in names {
                let moment = moments.intern(name).index();
                mask.resize(mask.len().max(moment + 1), false);
                mask[moment] = true;
            }
            mask
        };
        Self {
            starts: mask(&journey.starts),
            succeeds: mask(&journey.succeeds),
            abandoned_after: journey.abandoned_after.map(|span| Deadline::new(span, calendar)),
            until_us,
        }
    }

    fn starts(&self, moment: Moment) -> bool {
        self.starts.is_empty() || self.starts.get(moment.index()).copied().unwrap_or(false)
    }

    fn succeeds(&self, moment: Moment) -> bool {
        self.succeeds.get(moment.index()).copied().unwrap_or(false)
    }

    fn silent(&self, from_us: i64, to_us: i64) -> bool {
        self.abandoned_after.as_ref().is_some_and(|deadline| deadline.is_over(from_us, to_us))
    }

    /// Calls `each` with the bounds and the ending of every journey of `run`.
    pub(crate) fn journeys(&self, run: &Run<'_>, mut each: impl FnMut(usize, usize, Ending)) {
        let mut start = None;
        for (i, moment) in run.moments.iter().enumerate() {
            if let Some(open) = start
                && self.silent(run.at_us[i - 1], run.at_us[i])
            {
                each(open, i, Ending::Abandoned);
                start = None;
            }
            if start.is_none() && self.starts(*moment) {
                start = Some(i);
            }
            if let Some(open) = start
                && self.succeeds(*moment)
            {
                each(open, i + 1, Ending::Succeeded);
                start = None;
            }
        }
        if let Some(open) = start {
            let last = run.at_us[run.at_us.len() - 1];
            let ending = if self.silent(last, self.until_us) { Ending::Abandoned } else { Ending::Open };
            each(open, run.moments.len(), ending);
        }
    }
}

/// A segment, and whether customers have to belong to it or must not.
#[derive(Debug, Clone, PartialEq)]
pub struct Member {
    /// The segment.
    pub segment: Segment,
    /// Whether they belong to it.
    pub belongs: bool,
}

/// Which journeys count, and to which of two groups each belongs.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Selection {
    /// Only customers of whom all of these are true. They are asked of the whole run, before it is cut.
    pub segments: Vec<Member>,
    /// How the run is cut; without it, it is one journey.
    pub cut: Option<Cut>,
    /// Only journeys that start at this time or later, in microseconds since 1970.
    pub from_us: Option<i64>,
    /// Only journeys that start before this time, in microseconds since 1970.
    pub to_us: Option<i64>,
    /// Only journeys with at least one event that is flagged [`flag::WHERE`].
    pub with: bool,
    /// Two groups: journeys with at least one event that is flagged [`flag::COMPARE`] are group 0, the others group 1.
    pub compare: bool,
}

impl Selection {
    /// Whether a journey may start in the periods of both.
    pub fn overlaps(&self, other: &Self) -> bool {
        let ends_us = [self.to_us, other.to_us].into_iter().flatten().min();
        let begins_us = self.from_us.max(other.from_us);
        ends_us.is_none_or(|ends_us| begins_us.is_none_or(|begins_us| begins_us < ends_us))
    }

    /// Calls `each` with every journey of `run` that counts, and with its group (0 where nothing is compared).
    #[inline]
    pub fn journeys<'r>(&self, run: &'r Run<'_>, mut each: impl FnMut(&Journey<'r>, usize)) {
        if self.segments.iter().any(|member| member.segment.holds(run) != member.belongs) {
            return;
        }
        match &self.cut {
            None => self.consider(run, 0, run.moments.len(), Ending::Whole, &mut each),
            Some(cut) => cut.journeys(run, |start, end, ending| self.consider(run, start, end, ending, &mut each)),
        }
    }

    #[inline]
    fn consider<'r>(
        &self,
        run: &'r Run<'_>,
        start: usize,
        end: usize,
        ending: Ending,
        each: &mut impl FnMut(&Journey<'r>, usize),
    ) {
        debug_assert!(start < end, "a journey is never empty");
        let began = run.at_us[start];
        if self.from_us.is_some_and(|from| began < from) || self.to_us.is_some_and(|to| began >= to) {
            return;
        }
        let mut group = 0;
        if self.with || self.compare {
            let flags = run.flags[start..end].iter().fold(0, |all, one| all | one);
            if self.with && flags & flag::WHERE == 0 {
                return;
            }
            group = usize::from(self.compare && flags & flag::COMPARE == 0);
        }
        let journey = Journey {
            customer: run.customer,
            moments: &run.moments[start..end],
            at_us: &run.at_us[start..end],
            ending,
            run,
            start,
        };
        each(&journey, group);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Moments 0 = start, 1 = other, 2 = goal; times are given.
    fn cut(moments: &[u32], at_us: &[i64], until_us: i64) -> Vec<(usize, usize, Ending)> {
        let moments: Vec<Moment> = moments.iter().copied().map(Moment).collect();
        let run = Run::plain(1, &moments, at_us);
        let abandoned_after = Some(Deadline::Elapsed(10));
        let cut = Cut { starts: vec![true], succeeds: vec![false, false, true], abandoned_after, until_us };
        let mut all = Vec::new();
        cut.journeys(&run, |start, end, ending| all.push((start, end, ending)));
        all
    }

    #[test]
    fn periods_overlap_that_have_a_time_in_common() {
        let of = |(from_us, to_us)| Selection { from_us, to_us, ..Selection::default() };
        let overlap = |a, b| [of(a).overlaps(&of(b)), of(b).overlaps(&of(a))];
        assert_eq!(overlap((Some(1), Some(5)), (Some(4), Some(9))), [true; 2]);
        assert_eq!(overlap((Some(1), Some(5)), (Some(5), Some(9))), [false; 2], "the end is no part of it");
        assert_eq!(overlap((None, Some(5)), (Some(5), None)), [false; 2]);
        assert_eq!(overlap((None, Some(5)), (None, Some(9))), [true; 2]);
        assert_eq!(overlap((None, None), (Some(5), Some(9))), [true; 2]);
    }

    #[test]
    fn a_journey_ends_with_its_goal_or_with_silence() {
        assert_eq!(cut(&[0, 1, 2, 0, 1], &[0, 1, 2, 3, 4], 5), [(0, 3, Ending::Succeeded), (3, 5, Ending::Open)]);
        assert_eq!(cut(&[0, 1, 0, 2], &[0, 1, 12, 13], 99), [(0, 2, Ending::Abandoned), (2, 4, Ending::Succeeded)]);
        assert_eq!(cut(&[0, 1], &[0, 1], 12), [(0, 2, Ending::Abandoned)]);
        assert_eq!(cut(&[0, 1], &[0, 1], 11), [(0, 2, Ending::Open)], "the limit itself is not yet over it");
    }

    #[test]
    fn what_lies_outside_of_journeys_is_left_out() {
        assert_eq!(cut(&[1, 2, 1, 0, 2, 1], &[0, 1, 2, 3, 4, 5], 5), [(3, 5, Ending::Succeeded)]);
        assert_eq!(cut(&[1, 1], &[0, 1], 5), []);
    }

    #[test]
    fn conditions_period_and_comparison_choose() {
        let moments = [Moment(0); 4];
        let flags = [0, flag::WHERE, flag::COMPARE, 0];
        let run = Run { flags: &flags, ..Run::plain(1, &moments, &[5, 6, 7, 8]) };
        let groups = |selection: &Selection| {
            let mut all = Vec::new();
            selection.journeys(&run, |_, group| all.push(group));
            all
        };
        assert_eq!(groups(&Selection { with: true, compare: true, ..Selection::default() }), [0]);
        assert_eq!(groups(&Selection { from_us: Some(6), ..Selection::default() }), [] as [usize; 0]);
        assert_eq!(groups(&Selection { from_us: Some(5), to_us: Some(6), ..Selection::default() }), [0]);
        let quiet = Run { flags: &[0; 4], ..run };
        let mut all = Vec::new();
        Selection { compare: true, ..Selection::default() }.journeys(&quiet, |_, group| all.push(group));
        assert_eq!(all, [1]);
    }
}
