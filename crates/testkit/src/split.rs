//! Folds over a log, however it is cut up.

use journey::{Fold, Runs, Selection};

use crate::Log;

/// How a log is cut into parts and how the partial answers come together again.
#[derive(Debug, Clone, Default)]
pub struct Split {
    /// The number of events in a batch; 0 for all in one.
    pub batch: usize,
    /// Customer `i` goes to fold `folds[i % folds.len()]`; empty for all in one.
    pub folds: Vec<usize>,
    /// Which two folds are merged next, one step after the other, as positions among those that are left.
    pub merges: Vec<(usize, usize)>,
}

/// The answer of one fold over the whole log.
pub fn answer<F: Fold>(log: &Log, selection: &Selection, new: impl Fn() -> F) -> F::Answer {
    answer_split(log, selection, &Split::default(), new)
}

/// The answer when several folds each see some of the customers, in batches, and are merged in any order. Among them is
/// always one that sees nothing.
pub fn answer_split<F: Fold>(log: &Log, selection: &Selection, split: &Split, new: impl Fn() -> F) -> F::Answer {
    let count = split.folds.iter().max().map_or(1, |last| last + 1);
    let mut folds: Vec<F> = (0..=count).map(|_| new()).collect();
    let fold_of = |customer: i64| {
        let turn = customer.unsigned_abs().checked_rem(split.folds.len() as u64).unwrap_or(0);
        usize::try_from(turn).ok().and_then(|turn| split.folds.get(turn)).copied().unwrap_or(0)
    };
    let events = log.customer.len();
    let batch = if split.batch == 0 { events.max(1) } else { split.batch };
    let mut runs = Runs::default();
    let mut each = |run: &journey::Run<'_>| {
        let fold = &mut folds[fold_of(run.customer)];
        selection.journeys(run, |journey, _| fold.journey(journey));
    };
    for start in (0..events).step_by(batch) {
        runs.feed(&log.part(start, (start + batch).min(events)), &mut each);
    }
    runs.finish(&mut each);
    for (from, into) in split.merges.iter().copied().chain(std::iter::repeat_n((0, 0), count)) {
        if folds.len() == 1 {
            break;
        }
        let from = folds.swap_remove(from % folds.len());
        let into = into % folds.len();
        folds[into].merge(from);
    }
    folds.swap_remove(0).finish(&log.moments)
}
