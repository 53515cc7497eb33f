//! How long things took: mean, median and 90th percentile of many lists of durations at once.
//!
//! The durations themselves are kept while all of them together fit a budget, and the figures are then exact. Beyond,
//! each list turns into a [`Sketch`]. Which of the two depends on the number of durations alone, not on how they were
//! split over folds: a fold that is over the budget stays over it whatever is merged.

use journey::OneHand;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::limits::{HELD_MAX, WAITING_DURATIONS_MAX};
use crate::sketch::{Sketch, Workspace};

mod kept;
mod windows;

pub(crate) use kept::Kept;
use windows::List;

/// Whether times are exact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Times {
    /// Medians and percentiles are those of all observations.
    Exact,
    /// Medians and percentiles come from a sketch and are at most 0.5 % off; means are exact.
    Sketch,
    /// Times were not asked for.
    None,
}

/// Mean, median and 90th percentile. The median is the mean of the two middle ones, the percentile interpolates
/// between neighbours (type 7 of Hyndman and Fan 1996, numpy's default).
#[derive(Debug, Clone, Copy, PartialEq)]
#[expect(clippy::struct_field_names, reason = "the unit is a part of each name")]
pub(crate) struct Summary {
    pub(crate) mean_s: f64,
    pub(crate) median_s: f64,
    pub(crate) p90_s: f64,
}

/// Lists of durations in microseconds, by slot.
///
/// A list is a chain of pieces, each twice as long as the one before, that lie in blocks shared by all lists. So a list
/// that grows is never copied, many short lists take little room, and merging hands over whole blocks. Short durations, of
/// less than 72 minutes, are most of all and lie apart from long ones: they take half as much room, and whoever looks for
/// what lies among the one kind passes over the other.
#[derive(Debug)]
pub(crate) struct Durations {
    /// By slot, where its next short duration goes, and its next long one.
    cursors: Vec<[Cursor; 2]>,
    /// Each as far as pieces were begun in it, so that memory is touched for the first time when it is written soon.
    blocks: Vec<Vec<u32>>,
    /// Where the part of `blocks` begins that no piece has.
    free: usize,
    /// All pieces but those that are being written.
    pieces: Vec<Piece>,
    /// Empty while everything is exact.
    sketches: Vec<Sketch>,
    /// How many durations the pieces hold: all, or those that wait for their sketch.
    held: u64,
    held_max: u64,
    /// How many durations in all are exact.
    exact_max: u64,
    exact: bool,
    /// What they go on from.
    base: Option<kept::Base>,
    /// Whether so much came or went that figures are not known.
    exhausted: bool,
}

/// Numbers in a block, of which a short duration is one and a long one two: 512 KiB.
const BLOCK: usize = 1 << 17;
/// Numbers in the first piece of a list, and in the longest, of which the last one of every list is half empty.
const PIECE_MIN: u32 = 8;
const PIECE_MAX: u32 = 1 << 10;

/// The piece that is being written, as positions counted over all blocks.
#[derive(Debug, Clone, Copy, Default)]
struct Cursor {
    next: u32,
    /// The last position of the piece, before which a duration has to begin: a short one is written like a long one.
    last: u32,
    size: u32,
}

#[derive(Debug, Clone, Copy)]
struct Piece {
    slot: usize,
    /// Whether its durations are long.
    long: bool,
    start: usize,
    len: usize,
}

/// All pieces of one list.
#[derive(Debug, Clone, Copy)]
struct Pieces<'a> {
    pieces: &'a [Piece],
    blocks: &'a [Vec<u32>],
}

/// Durations in microseconds that lie one behind the other.
#[derive(Debug, Clone, Copy)]
enum Part<'a> {
    Short(&'a [u32]),
    /// The lower half of each first.
    Long(&'a [[u32; 2]]),
}

impl Part<'_> {
    fn len(self) -> usize {
        match self {
            Part::Short(durations) => durations.len(),
            Part::Long(durations) => durations.len(),
        }
    }

    /// Puts the durations behind those of a list.
    fn join(self, list: &mut Vec<u64>) {
        match self {
            Part::Short(durations) => list.extend(durations.iter().copied().map(of_short)),
            Part::Long(durations) => list.extend(durations.iter().copied().map(of_halves)),
        }
    }
}

/// A short duration as one of all.
#[inline]
fn of_short(duration: u32) -> u64 {
    u64::from(duration)
}

/// The halves of a duration, the lower one first.
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "a half each")]
fn halves_of(duration_us: u64) -> [u32; 2] {
    [duration_us as u32, (duration_us >> u32::BITS) as u32]
}

/// A duration of two halves.
#[inline]
fn of_halves([low, high]: [u32; 2]) -> u64 {
    u64::from(low) | u64::from(high) << u32::BITS
}

impl Pieces<'_> {
    fn slot(&self) -> usize {
        self.pieces[0].slot
    }

    /// The durations, piece by piece.
    fn parts(&self) -> impl Iterator<Item = Part<'_>> + Clone {
        let blocks = self.blocks;
        self.pieces.iter().map(|Piece { long, start, len, .. }| {
            let numbers = &blocks[start / BLOCK][start % BLOCK..][..*len];
            if *long { Part::Long(numbers.as_chunks().0) } else { Part::Short(numbers) }
        })
    }
}

impl Durations {
    /// Lists that are exact up to this many bytes together.
    pub(crate) fn new(exact_bytes: u64) -> Self {
        Self::with_room((exact_bytes / size_of::<u64>() as u64).min(HELD_MAX))
    }

    fn with_room(exact_max: u64) -> Self {
        Self {
            cursors: Vec::new(),
            blocks: Vec::new(),
            free: 0,
            pieces: Vec::new(),
            sketches: Vec::new(),
            held: 0,
            held_max: exact_max,
            exact_max,
            exact: true,
            base: None,
            exhausted: false,
        }
    }

    /// Makes room for slots up to `len`.
    pub(crate) fn grow(&mut self, len: usize) {
        if self.cursors.len() < len {
            self.cursors.resize(len, <[Cursor; 2]>::default());
        }
    }

    /// Adds a duration to the list of a slot. Whoever adds says by [`added`](Self::added) how many, now and then.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "a call for each event is what most views spend on it otherwise")]
    pub(crate) fn push(&mut self, slot: usize, duration_us: u64) {
        let halves = halves_of(duration_us);
        // Long or short is no branch, since nobody could foretell it.
        let long = halves[1] != 0;
        if self.cursors[slot][usize::from(long)].next >= self.cursors[slot][usize::from(long)].last {
            self.next_piece(slot, long);
        }
        let cursor = &mut self.cursors[slot][usize::from(long)];
        let (block, place) = (cursor.next as usize / BLOCK, cursor.next as usize % BLOCK);
        cursor.next += 1 + u32::from(long);
        self.blocks[block][place..][..2].copy_from_slice(&halves);
    }

    #[cold]
    #[inline(never)]
    fn next_piece(&mut self, slot: usize, long: bool) {
        self.close(slot, long);
        let cursor = &mut self.cursors[slot][usize::from(long)];
        let size = (cursor.size * 2).clamp(PIECE_MIN, PIECE_MAX);
        // A piece lies in one block; what is left of a block that is too short for it stays empty.
        if self.free % BLOCK + size as usize > BLOCK {
            self.free = self.free.next_multiple_of(BLOCK);
        }
        if self.free / BLOCK == self.blocks.len() {
            self.blocks.push(Vec::with_capacity(BLOCK));
        }
        let (block, end) = (&mut self.blocks[self.free / BLOCK], self.free % BLOCK + size as usize);
        if block.len() < end {
            block.resize(end, 0);
        }
        let next = u32::try_from(self.free).expect("the budget is far below 2^32 durations");
        *cursor = Cursor { next, last: next + size - 1, size };
        self.free += size as usize;
    }

    /// Puts what was written of the present piece of a list to the others.
    fn close(&mut self, slot: usize, long: bool) {
        let cursor = &mut self.cursors[slot][usize::from(long)];
        let Cursor { next, last, size } = *cursor;
        let start = (last + 1).saturating_sub(size);
        if next > start {
            self.pieces.push(Piece { slot, long, start: start as usize, len: (next - start) as usize });
        }
        *cursor = Cursor { size, ..Cursor::default() };
    }

    /// Notes that so many durations were added; beyond the budget they go into sketches.
    #[inline]
    pub(crate) fn added(&mut self, count: u64) {
        self.held += count;
        if self.held > self.held_max {
            self.sketch();
        }
    }

    /// The pieces of every list, one list after the other; whoever has looked at them [forgets](Self::forget) them.
    fn close_all(&mut self) -> Vec<Pieces<'_>> {
        self.close_each();
        self.pieces.sort_unstable_by_key(|piece| (piece.slot, piece.long, piece.start));
        let blocks = &self.blocks;
        self.pieces.chunk_by(|a, b| a.slot == b.slot).map(|pieces| Pieces { pieces, blocks }).collect()
    }

    fn close_each(&mut self) {
        for slot in 0..self.cursors.len() {
            self.close(slot, false);
            self.close(slot, true);
        }
    }

    fn forget(&mut self) {
        self.pieces.clear();
        self.free = 0;
        self.held = 0;
        self.cursors.fill(<[Cursor; 2]>::default());
    }

    /// Hands out every list with its slot, joined, and forgets them.
    fn drain(&mut self, mut each: impl FnMut(usize, &mut [u64])) {
        let mut list = Vec::new();
        for pieces in self.close_all() {
            list.clear();
            pieces.parts().for_each(|part| part.join(&mut list));
            each(pieces.slot(), &mut list);
        }
        self.forget();
    }

    #[cold]
    fn sketch(&mut self) {
        let mut sketches = std::mem::take(&mut self.sketches);
        sketches.resize_with(self.cursors.len(), Sketch::default);
        let mut workspace = Workspace::default();
        self.drain(|slot, list| sketches[slot].extend(list, &mut workspace));
        self.sketches = sketches;
        self.exact = false;
        self.held_max = WAITING_DURATIONS_MAX;
        // Pieces of a list start short again, so so many blocks are enough from now on.
        self.blocks.truncate(4 * usize::try_from(WAITING_DURATIONS_MAX).map_or(0, |waiting| waiting / BLOCK));
    }

    /// Takes in other lists; `slots` says which of ours each of theirs is. There is room for them.
    pub(crate) fn merge(&mut self, mut other: Self, slots: &[usize]) {
        debug_assert!(other.base.is_none(), "what resumed takes in what came since");
        if !other.exact {
            self.sketch();
            other.sketch();
            self.sketches.resize_with(self.cursors.len(), Sketch::default);
            for (sketch, slot) in other.sketches.iter().zip(slots) {
                self.sketches[*slot].merge(sketch);
            }
            return;
        }
        other.close_each();
        let before = self.blocks.len() * BLOCK;
        let moved = other.pieces.into_iter();
        self.pieces.extend(moved.map(|p| Piece { slot: slots[p.slot], start: p.start + before, ..p }));
        self.blocks.append(&mut other.blocks);
        // What was free before the blocks that came is left so.
        self.free = self.blocks.len() * BLOCK;
        self.added(other.held);
    }

    /// Whether the figures are exact.
    pub(crate) fn times(&self) -> Times {
        match &self.base {
            Some(base) => base.times(),
            None if self.exact => Times::Exact,
            None => Times::Sketch,
        }
    }

    /// The figures by slot; nothing where there is no duration.
    pub(crate) fn finish(mut self) -> Vec<Option<Summary>> {
        self.settle(&OneHand);
        match self.base.map(|base| base.kept) {
            Some(Kept::Exact(lists)) => lists.iter().map(List::summary).collect(),
            Some(Kept::Sketches(sketches)) => sketches.iter().map(of_sketch).collect(),
            None => Vec::new(),
        }
    }
}

const US: f64 = 1_000_000.0;

/// Which ranks the figures need of `n` durations: the two middle ones, the one at 90 % and the way from it to the next.
fn ranks(n: u64) -> ((u64, u64), u64, f64) {
    let tenths = (n - 1) * 9;
    (((n - 1) / 2, n / 2), tenths / 10, (tenths % 10) as f64 / 10.0)
}

fn summary(n: u64, sum: u128, middle: (f64, f64), at_90: f64, after_90: f64) -> Summary {
    let (_, _, way) = ranks(n);
    Summary {
        mean_s: sum as f64 / n as f64 / US,
        median_s: f64::midpoint(middle.0, middle.1) / US,
        p90_s: (at_90 + (after_90 - at_90) * way) / US,
    }
}

fn of_sketch(sketch: &Sketch) -> Option<Summary> {
    let n = sketch.count();
    if n == 0 {
        return None;
    }
    let (middle, rank_90, _) = ranks(n);
    let middle = (sketch.at_rank(middle.0), sketch.at_rank(middle.1));
    Some(summary(n, sketch.sum(), middle, sketch.at_rank(rank_90), sketch.at_rank((rank_90 + 1).min(n - 1))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn durations(exact_bytes: u64, lists: &[Vec<u64>]) -> Durations {
        let mut durations = Durations::new(exact_bytes);
        durations.grow(lists.len());
        for (slot, list) in lists.iter().enumerate() {
            for duration in list {
                durations.push(slot, *duration);
                durations.added(1);
            }
        }
        durations
    }

    /// numpy: `median`, `percentile(90)`.
    #[test]
    fn the_figures_of_numpy() {
        let found = |list: &[u64]| {
            let s: Vec<u64> = list.iter().map(|s| s * 1_000_000).collect();
            let summary = durations(1000, &[s]).finish()[0].expect("there are some");
            (summary.mean_s, summary.median_s, summary.p90_s)
        };
        assert_eq!(found(&[3]), (3.0, 3.0, 3.0));
        assert_eq!(found(&[4, 1]), (2.5, 2.5, 3.7));
        assert_eq!(found(&[7, 1, 3]), (11.0 / 3.0, 3.0, 6.2));
        assert_eq!(found(&[4, 3, 2, 1]), (2.5, 2.5, 3.7));
        assert_eq!(found(&[9, 1, 8, 2, 7, 3, 6, 4, 5, 10, 11]), (6.0, 6.0, 10.0));
    }

    proptest! {
        #[test]
        fn any_split_gives_the_same_figures(
            lists in prop::collection::vec(prop::collection::vec(sizes(), 0..12), 3),
            more in prop::collection::vec(prop::collection::vec(0u64..50, 0..60), 3),
            exact_bytes in 0u64..1500,
        ) {
            let join = |(a, b): (&Vec<u64>, &Vec<u64>)| [a.as_slice(), b].concat();
            let together: Vec<Vec<u64>> = lists.iter().zip(&more).map(join).collect();
            let whole = durations(exact_bytes, &together);
            let (mut one, mut other) = (durations(exact_bytes, &lists), durations(exact_bytes, &more));
            one.merge(durations(exact_bytes, &more), &[0, 1, 2]);
            other.merge(durations(exact_bytes, &lists), &[0, 1, 2]);
            let times = whole.times();
            let fits = together.iter().map(Vec::len).sum::<usize>() as u64 * 8 <= exact_bytes;
            prop_assert_eq!(times == Times::Exact, fits);
            prop_assert!(one.times() == times && other.times() == times);
            let figures = whole.finish();
            prop_assert_eq!(&one.finish(), &figures);
            prop_assert_eq!(&other.finish(), &figures);
            for (mut list, found) in together.into_iter().zip(figures) {
                list.sort_unstable();
                let plain = plain(&list);
                prop_assert_eq!(plain.is_some(), found.is_some());
                if let (Some(plain), Some(found)) = (plain, found) {
                    let allowed = if times == Times::Exact { 1e-12 } else { 0.005 };
                    let figures = |s: Summary| [s.mean_s, s.median_s, s.p90_s];
                    for (a, b) in figures(plain).into_iter().zip(figures(found)) {
                        prop_assert!((a - b).abs() <= a * allowed, "{plain:?} {found:?}");
                    }
                }
            }
        }
    }

    fn sizes() -> impl Strategy<Value = u64> {
        (any::<u64>(), 20u32..64).prop_map(|(value, shift)| value >> shift)
    }

    fn plain(sorted: &[u64]) -> Option<Summary> {
        let n = sorted.len();
        let last = n.checked_sub(1)?;
        let at = |share: f64| {
            let place = last as f64 * share;
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "within the list")]
            let low = place.floor() as usize;
            let (a, b) = (sorted[low] as f64, sorted[(low + 1).min(last)] as f64);
            (a + (b - a) * (place - low as f64)) / US
        };
        let mean_s = sorted.iter().map(|d| *d as f64).sum::<f64>() / n as f64 / US;
        Some(Summary { mean_s, median_s: at(0.5), p90_s: at(0.9) })
    }
}
