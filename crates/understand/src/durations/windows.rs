//! What is kept of a list of durations, so that its figures stay exact while a few durations come and go.
//!
//! The median and the 90th percentile need a handful of ranks. A *window* is the part of the sorted list around them, with
//! the number of durations that lie below. A duration that comes or goes below a window moves all its ranks by one, one
//! inside of it is put in or taken out, and one above changes nothing: as long as the window has the ranks that the figures
//! need, they are those of the whole list.

use serde::{Deserialize, Serialize};

use super::{Summary, ranks, summary};
use crate::limits::{MARGIN_DURATIONS, MARGIN_ONE_IN};

/// A list of which only some windows are known.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct List {
    count: u64,
    sum: u128,
    /// Those of the ranks that are needed, in ascending order; they may overlap.
    windows: Vec<Window>,
}

/// A part of a sorted list that has no gaps.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Window {
    /// How many durations of the list come before it.
    below: u64,
    /// In ascending order.
    values: Vec<u64>,
}

/// The first and the last rank that the median needs of so many durations, and those that the 90th percentile needs.
fn needed(count: u64) -> [(u64, u64); 2] {
    let (middle, rank_90, _) = ranks(count);
    [middle, (rank_90, (rank_90 + 1).min(count - 1))]
}

/// The same with what is kept on either side; one where the two would touch.
fn spans(count: u64) -> Vec<(u64, u64)> {
    if count == 0 {
        return Vec::new();
    }
    let margin = MARGIN_DURATIONS + count / MARGIN_ONE_IN;
    let wide = |(first, last): (u64, u64)| (first.saturating_sub(margin), (last + margin).min(count - 1));
    let [middle, at_90] = needed(count).map(wide);
    if middle.1 + 1 >= at_90.0 { vec![(middle.0, at_90.1)] } else { vec![middle, at_90] }
}

impl List {
    /// Of all durations, which are put in another order.
    pub(super) fn of(list: &mut [u64]) -> Self {
        let (count, sum) = (list.len() as u64, list.iter().map(|duration| u128::from(*duration)).sum());
        let mut spans = spans(count);
        let mut windows = Vec::with_capacity(spans.len());
        let mut rest = list;
        // The upper one first: the lower part alone is then selected from.
        while let Some((first, last)) = spans.pop() {
            let [first, length] = [first, last - first + 1].map(|n| usize::try_from(n).expect("the list is in memory"));
            if first > 0 {
                rest.select_nth_unstable(first);
            }
            let (below, above) = rest.split_at_mut(first);
            if length < above.len() {
                above.select_nth_unstable(length);
            }
            let values = &mut above[..length];
            values.sort_unstable();
            windows.push(Window { below: first as u64, values: values.to_vec() });
            rest = below;
        }
        windows.reverse();
        Self { count, sum, windows }
    }

    /// Puts in some durations and takes out others, which all are there; whether they were, as far as is known.
    pub(super) fn change(&mut self, plus: &mut [u64], minus: &mut [u64]) -> bool {
        plus.sort_unstable();
        minus.sort_unstable();
        // What comes and goes was always there: whoever did more since did the same as before, mostly.
        let (mut plus, mut minus) = (plus.iter().copied().peekable(), minus.iter().copied().peekable());
        let (mut come, mut gone): (Vec<u64>, Vec<u64>) = (Vec::new(), Vec::new());
        loop {
            match (plus.peek(), minus.peek()) {
                (Some(a), Some(b)) if a == b => {
                    plus.next();
                    minus.next();
                }
                (Some(a), b) if b.is_none_or(|b| a < b) => come.extend(plus.next()),
                (_, Some(_)) => gone.extend(minus.next()),
                _ => break,
            }
        }
        // First those that come, so that equal ones last longer.
        for value in come {
            self.put_in(value);
        }
        gone.into_iter().all(|value| self.take_out(value))
    }

    fn put_in(&mut self, value: u64) {
        if self.count == 0 {
            self.windows = vec![Window::default()];
        }
        self.windows.iter_mut().for_each(|window| window.put_in(value, self.count));
        self.count += 1;
        self.sum += u128::from(value);
    }

    fn take_out(&mut self, value: u64) -> bool {
        let known = self.count > 0
            && self.sum >= u128::from(value)
            && self.windows.iter_mut().all(|window| window.take_out(value, self.count));
        if known {
            self.count -= 1;
            self.sum -= u128::from(value);
        }
        known
    }

    /// How many durations there are.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// Leaves no more of the windows than is worth keeping; nothing where the figures are not known.
    pub(super) fn trimmed(&self) -> Option<Self> {
        if self.count == 0 {
            return Some(Self::default());
        }
        let [middle, at_90] = needed(self.count).map(|need| self.windows.iter().find(|window| window.has(need)));
        let (middle, at_90) = (middle?, at_90?);
        let windows = match spans(self.count).as_slice() {
            [both] if std::ptr::eq(middle, at_90) => vec![middle.part(*both)],
            [both] => vec![middle.part(*both), at_90.part(*both)],
            spans => vec![middle.part(spans[0]), at_90.part(spans[1])],
        };
        Some(Self { count: self.count, sum: self.sum, windows })
    }

    /// The figures; nothing where there is no duration, or where the ranks that they need are not known.
    pub(super) fn summary(&self) -> Option<Summary> {
        if self.count == 0 {
            return None;
        }
        let at = |rank: u64| self.windows.iter().find_map(|window| window.at(rank)).map(|value| value as f64);
        let [(low, high), (rank_90, after_90)] = needed(self.count);
        Some(summary(self.count, self.sum, (at(low)?, at(high)?), at(rank_90)?, at(after_90)?))
    }
}

impl Window {
    fn end(&self) -> u64 {
        self.below + self.values.len() as u64
    }

    /// Whether it has all ranks from the first to the last.
    fn has(&self, (first, last): (u64, u64)) -> bool {
        self.below <= first && last < self.end()
    }

    /// As much as it has of the ranks from the first to the last, of which it has some.
    fn part(&self, (first, last): (u64, u64)) -> Self {
        let (from, to) = (first.max(self.below), (last + 1).min(self.end()));
        let place = |rank: u64| usize::try_from(rank - self.below).expect("within the window");
        Self { below: from, values: self.values[place(from)..place(to)].to_vec() }
    }

    fn at(&self, rank: u64) -> Option<u64> {
        self.values.get(usize::try_from(rank.checked_sub(self.below)?).ok()?).copied()
    }

    /// A duration comes into a list of so many.
    fn put_in(&mut self, value: u64, count: u64) {
        let (Some(first), Some(last)) = (self.values.first(), self.values.last()) else {
            // Where others are there, nobody knows on which side of them it comes.
            if count == 0 {
                self.values.push(value);
            }
            return;
        };
        if value < *first && self.below > 0 {
            self.below += 1;
        } else if value <= *last || self.end() == count {
            let place = self.values.partition_point(|other| *other < value);
            self.values.insert(place, value);
        }
    }

    /// A duration goes out of a list of so many; whether it can have been there.
    fn take_out(&mut self, value: u64, count: u64) -> bool {
        let (Some(first), Some(last)) = (self.values.first(), self.values.last()) else { return true };
        if value < *first {
            let known = self.below > 0;
            self.below -= u64::from(known);
            return known;
        }
        if value > *last {
            return self.end() < count;
        }
        // Equal ones that lie outside are as good as those inside.
        let found = self.values.binary_search(&value);
        found.map(|place| self.values.remove(place)).is_ok()
    }

    /// Each value as the difference to the one before, which takes fewer bytes.
    fn differences(&mut self) {
        for i in (1..self.values.len()).rev() {
            self.values[i] -= self.values[i - 1];
        }
    }

    /// The values whose differences these are.
    fn sums(&mut self) {
        for i in 1..self.values.len() {
            self.values[i] = self.values[i].wrapping_add(self.values[i - 1]);
        }
    }
}

/// Lists as they are written.
pub(super) fn packed(mut lists: Vec<List>) -> Vec<List> {
    lists.iter_mut().flat_map(|list| &mut list.windows).for_each(Window::differences);
    lists
}

/// Lists as they were before they were written.
pub(super) fn unpacked(mut lists: Vec<List>) -> Vec<List> {
    lists.iter_mut().flat_map(|list| &mut list.windows).for_each(Window::sums);
    lists
}
