//! What is kept of a list of durations, so that its figures stay exact while a few durations come and go.
//!
//! The median and the 90th percentile need a handful of ranks. A *window* is the part of the sorted list around them, with
//! the number of durations that lie below. A duration that comes or goes below a window moves all its ranks by one, one
//! inside of it is put in or taken out, and one above changes nothing: as long as the window has the ranks that the figures
//! need, they are those of the whole list.

use serde::{Deserialize, Serialize};

use super::{Part, Summary, of_halves, of_short, ranks, summary};
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

/// Lists of no more are sorted.
const SORTED_MAX: u64 = 1 << 9;

/// Memory for looking at one list after the other.
#[derive(Debug, Default)]
pub(super) struct Room {
    list: Vec<u64>,
    /// The durations near the first and the second window.
    near: [Vec<u64>; 2],
    /// How many durations there are of each size: 64 sizes up to every power of two. Those at even places and those at odd ones
    /// are counted apart, since equal ones often follow each other, and a count that was just written is not read at once.
    heaps: [Vec<u32>; 2],
}

/// Sizes up to every power of two, and all that there are.
const FINE: u32 = 6;
const SIZES: usize = (64 - FINE as usize + 1) << FINE;

/// The size of a duration: longer ones are never smaller.
#[inline]
fn size(duration: u64) -> usize {
    let shift = (duration >> FINE | 1).ilog2();
    ((shift as usize) << FINE) + usize::try_from(duration >> shift).expect("a few bits")
}

/// The shortest duration of a size.
fn shortest(size: usize) -> u64 {
    let shift = (size >> FINE).saturating_sub(1);
    ((size - (shift << FINE)) as u64) << shift
}

/// Where ranks lie among durations of which the first has the rank `below`.
fn places(first: u64, last: u64, below: u64) -> std::ops::RangeInclusive<usize> {
    let place = |rank: u64| usize::try_from(rank - below).expect("within the list");
    place(first)..=place(last)
}

/// Durations around a window: all from the shortest on, which are so many longer at most, and how many are shorter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Near {
    from: u64,
    span: u64,
    below: u64,
}

impl Near {
    /// Whether any duration as short, or as long, as those of a part is one of them.
    fn meets(self, part: Part<'_>) -> bool {
        match part {
            Part::Short(_) => u32::try_from(self.from).is_ok(),
            Part::Long(_) => u32::try_from(self.from + self.span).is_err(),
        }
    }

    #[inline]
    fn has(self, duration: u64) -> bool {
        duration.wrapping_sub(self.from) <= self.span
    }
}

impl Room {
    /// Counts durations by size; gives their sum.
    fn heap_up<'a>(&mut self, parts: impl Iterator<Item = Part<'a>>) -> u128 {
        for heap in &mut self.heaps {
            heap.clear();
            heap.resize(SIZES, 0);
        }
        let mut sums = [0; 2];
        for part in parts {
            match part {
                Part::Short(durations) => self.heap_up_part(durations, of_short, &mut sums),
                Part::Long(durations) => self.heap_up_part(durations, of_halves, &mut sums),
            }
        }
        let [even, odd] = &mut self.heaps;
        even.iter_mut().zip(odd).for_each(|(all, more)| *all += *more);
        let [low, high] = sums.map(u128::from);
        low + (high << u32::BITS)
    }

    /// The same of one part. Sums are those of the halves of their 64 bits, of which the sums of four thousand million fit
    /// again.
    #[inline]
    fn heap_up_part<T: Copy>(&mut self, durations: &[T], of: impl Fn(T) -> u64, sums: &mut [u64; 2]) {
        let [even, odd] = &mut self.heaps;
        let [mut low, mut high] = *sums;
        let mut add = |duration: u64| {
            low += duration & u64::from(u32::MAX);
            high += duration >> u32::BITS;
        };
        let (pairs, rest) = durations.as_chunks::<2>();
        for [first, second] in pairs {
            let (first, second) = (of(*first), of(*second));
            even[size(first)] += 1;
            odd[size(second)] += 1;
            add(first);
            add(second);
        }
        for duration in rest.iter().copied().map(of) {
            even[size(duration)] += 1;
            add(duration);
        }
        *sums = [low, high];
    }

    /// The durations of all sizes in which the ranks from the first to the last lie.
    fn near(&self, (first, last): (u64, u64)) -> Near {
        // The size of the duration of a rank, and the rank of the first one of that size.
        let of_rank = |rank: u64| {
            let mut below = 0;
            let holds = |heap: &u32| {
                below += u64::from(*heap);
                below > rank
            };
            let size = self.heaps[0].iter().position(holds).expect("there are more durations than the rank");
            (size, below - u64::from(self.heaps[0][size]))
        };
        let ((from, below), (to, _)) = (of_rank(first), of_rank(last));
        let from = shortest(from);
        // Beyond the largest size lies nothing, and its end wraps around.
        Near { from, span: shortest(to + 1).wrapping_sub(1) - from, below }
    }

    /// The windows of these ranks, of durations that were counted.
    fn windows<'a>(&mut self, parts: impl Iterator<Item = Part<'a>>, spans: &[(u64, u64)]) -> Vec<Window> {
        let all: Vec<Near> = spans.iter().map(|span| self.near(*span)).collect();
        self.near.iter_mut().for_each(Vec::clear);
        let [first, second] = &mut self.near;
        // Where most are equal both windows lie among the same ones, which may be all of them.
        let (one, other) = (all[0], all.get(1).copied().filter(|other| *other != all[0]));
        for part in parts {
            let near = [Some(one), other].map(|near| near.filter(|near| near.meets(part)));
            match part {
                Part::Short(durations) => gather(durations.iter().copied().map(of_short), near, [first, second]),
                Part::Long(durations) => gather(durations.iter().copied().map(of_halves), near, [first, second]),
            }
        }
        first.sort_unstable();
        second.sort_unstable();
        let window = |(near, (from, to)): (&Near, &(u64, u64))| {
            let list = if *near == all[0] { &*first } else { &*second };
            Window { below: *from, values: list[places(*from, *to, near.below)].to_vec() }
        };
        all.iter().zip(spans).map(window).collect()
    }
}

/// Puts durations into the lists of those near which they are.
#[inline]
fn gather(durations: impl Iterator<Item = u64>, near: [Option<Near>; 2], [first, second]: [&mut Vec<u64>; 2]) {
    match near {
        [Some(one), Some(other)] => {
            for duration in durations {
                if one.has(duration) {
                    first.push(duration);
                }
                if other.has(duration) {
                    second.push(duration);
                }
            }
        }
        [Some(one), None] => first.extend(durations.filter(|duration| one.has(*duration))),
        [None, Some(other)] => second.extend(durations.filter(|duration| other.has(*duration))),
        [None, None] => {}
    }
}

impl List {
    /// Of durations that lie in several parts.
    pub(super) fn of<'a>(parts: impl Iterator<Item = Part<'a>> + Clone, room: &mut Room) -> Self {
        let count = parts.clone().map(|part| part.len() as u64).sum();
        if count <= SORTED_MAX {
            room.list.clear();
            parts.for_each(|part| part.join(&mut room.list));
            room.list.sort_unstable();
            let sum = room.list.iter().map(|duration| u128::from(*duration)).sum();
            let window = |(first, last)| Window { below: first, values: room.list[places(first, last, 0)].to_vec() };
            return Self { count, sum, windows: spans(count).into_iter().map(window).collect() };
        }
        let sum = room.heap_up(parts.clone());
        Self { count, sum, windows: room.windows(parts, &spans(count)) }
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

#[cfg(test)]
mod tests {
    use super::super::halves_of;
    use super::*;
    use proptest::prelude::*;

    /// Of lists, each as a part of what is short and one of what is long in it.
    fn of_lists(lists: &[&[u64]], room: &mut Room) -> List {
        let short = |list: &&[u64]| list.iter().filter_map(|duration| u32::try_from(*duration).ok()).collect();
        let is_long = |duration: &u64| u32::try_from(*duration).is_err();
        let long = |list: &&[u64]| list.iter().copied().filter(is_long).map(halves_of).collect();
        let halved: Vec<(Vec<u32>, Vec<[u32; 2]>)> = lists.iter().map(|list| (short(list), long(list))).collect();
        let parts = halved.iter().flat_map(|(short, long)| [Part::Short(short), Part::Long(long)]);
        List::of(parts, room)
    }

    #[test]
    fn durations_that_are_alike_are_gathered_once() {
        let mut list = vec![7; 100_000];
        list[..1_000].fill(u64::MAX);
        let mut room = Room::default();
        let found = of_lists(&[&list], &mut room);
        assert_eq!(room.near.each_ref().map(Vec::len), [99_000, 0]);
        let spans = spans(100_000);
        assert_eq!((found.windows.len(), spans.len()), (2, 2));
        for (window, (first, last)) in found.windows.iter().zip(spans) {
            let expected = vec![7; usize::try_from(last - first + 1).expect("few")];
            assert_eq!((window.below, &window.values), (first, &expected));
        }
    }

    proptest! {
        #[test]
        fn longer_durations_are_never_smaller(value in any::<u64>(), shift in 0u32..64) {
            let duration = value >> shift;
            let size = size(duration);
            prop_assert!(shortest(size) <= duration);
            prop_assert!(size + 1 == SIZES || duration < shortest(size + 1));
            prop_assert!(duration - shortest(size) <= duration >> FINE, "close to it");
        }

        #[test]
        fn windows_of_many_are_those_of_the_sorted_list(
            values in prop::collection::vec((any::<u64>(), 0u32..64), 600..1500),
            alike in 0usize..600,
            cut in 0usize..1500,
        ) {
            let mut list: Vec<u64> = values.into_iter().map(|(value, shift)| value >> shift).collect();
            list[..alike].fill(7);
            let (one, other) = list.split_at(cut.min(list.len()));
            let found = of_lists(&[one, other], &mut Room::default());
            list.sort_unstable();
            prop_assert_eq!(found.count, list.len() as u64);
            prop_assert_eq!(found.sum, list.iter().map(|duration| u128::from(*duration)).sum());
            prop_assert_eq!(found.windows.len(), spans(found.count).len());
            for (window, (first, last)) in found.windows.iter().zip(spans(found.count)) {
                prop_assert_eq!(window.below, first);
                prop_assert_eq!(&window.values, &list[places(first, last, 0)]);
            }
        }
    }
}
