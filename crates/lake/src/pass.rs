//! One pass over events: every core takes the next bucket, reads its sorted runs, cuts them into customers and journeys, and
//! shows each journey to its own folds; at the end the folds of all cores merge. A customer lies in one bucket, so nothing
//! has to be exchanged.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use arrow::array::RecordBatch;
use event::Due;
use journey::{AnyFold, Dues, Ending, Run, Runs, Selection};

use crate::ask::{LeftOut, MakeFolds, Taken, Vocabulary};
use crate::cores::{AllCores, each_on_all_cores, run_on_all_cores};
use crate::error::Error;
use crate::lens::{Lens, Looking};
use crate::scan::{Projection, read_part};

/// A question at one of its selections.
#[derive(Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub(crate) lens: &'a Lens,
    pub(crate) selection: &'a Selection,
    pub(crate) vocabulary: &'a Vocabulary,
    pub(crate) folds: &'a MakeFolds<'a>,
    /// Whether it has to be known whose open journey becomes abandoned when.
    pub(crate) notes_dues: bool,
}

/// What became of it.
pub(crate) struct Seen {
    /// By group: its folds.
    pub(crate) groups: Vec<Vec<Box<dyn AnyFold>>>,
    pub(crate) left_out: LeftOut,
    /// Whose open journey becomes abandoned when nothing more happens.
    pub(crate) dues: Dues,
}

impl Seen {
    fn folds(&self) -> impl Iterator<Item = &Box<dyn AnyFold>> {
        self.groups.iter().flatten()
    }

    /// Takes in what else was seen than by folds.
    fn merge_besides(&mut self, more: &Self) {
        for (name, n) in &more.left_out {
            *self.left_out.entry(name.clone()).or_default() += n;
        }
        self.dues.merge(&more.dues);
    }
}

/// Shows all journeys of the lake; gives what was seen in the order of `asked`, and how many events were read.
pub(crate) fn show_all(taken: &Taken, asked: &[Asked<'_>]) -> Result<(Vec<Seen>, u64), Error> {
    let Some(projection) = projection(asked) else { return Ok((Vec::new(), 0)) };
    let (next, events) = (AtomicUsize::new(0), AtomicU64::new(0));
    let done = Mutex::new(Vec::new());
    run_on_all_cores(|| {
        let mut showing = Showing::new(asked, &projection);
        let mut read = 0;
        while let Some(part) = taken.parts.get(next.fetch_add(1, Ordering::Relaxed)) {
            read_part(part, &projection, taken.rerouted.as_ref(), |batch| {
                read += batch.num_rows() as u64;
                showing.show(batch)
            })?;
            showing.finish_part();
        }
        events.fetch_add(read, Ordering::Relaxed);
        done.lock().expect("no holder of this lock panics").push(showing.into_seen());
        Ok(())
    })?;
    let done = done.into_inner().expect("no holder of this lock panics");
    let mut seen = merged(done).expect("there is at least one core");
    settle(&mut seen);
    Ok((seen, events.into_inner()))
}

/// Lets folds that have seen everything put themselves in order, one after the other, each with all cores.
pub(crate) fn settle(seen: &mut [Seen]) {
    seen.iter_mut().flat_map(|seen| &mut seen.groups).flatten().for_each(|fold| fold.settle(&AllCores));
}

/// What several cores have seen, as one. Different folds merge on different cores.
pub(crate) fn merged(done: Vec<Vec<Seen>>) -> Option<Vec<Seen>> {
    let mut done = done.into_iter();
    let mut all = done.next()?;
    let mut others: Vec<Vec<Box<dyn AnyFold>>> = all.iter().flat_map(Seen::folds).map(|_| Vec::new()).collect();
    for more in done {
        all.iter_mut().zip(&more).for_each(|(all, more)| all.merge_besides(more));
        let folds = more.into_iter().flat_map(|more| more.groups).flatten();
        others.iter_mut().zip(folds).for_each(|(others, fold)| others.push(fold));
    }
    let ours = all.iter_mut().flat_map(|seen| seen.groups.iter_mut().flatten());
    let mut pairs: Vec<_> = ours.zip(others).collect();
    // What takes longest begins first, so that no core waits for another at the end.
    pairs.sort_by_key(|(ours, _)| std::cmp::Reverse(ours.size()));
    each_on_all_cores(pairs, |(ours, others)| {
        for other in others {
            ours.merge(other);
        }
    });
    Some(all)
}

/// The columns that have to be read for all of these; `None` where there are none.
pub(crate) fn projection(asked: &[Asked<'_>]) -> Option<Projection> {
    asked.iter().map(|asked| asked.lens.projection()).reduce(Projection::and)
}

/// Questions at work on one core.
pub(crate) struct Showing<'a> {
    looks: Vec<Look<'a>>,
    shown: Vec<Shown<'a>>,
}

impl<'a> Showing<'a> {
    pub(crate) fn new(asked: &'a [Asked<'a>], projection: &Projection) -> Self {
        let looks = lenses(asked).into_iter().map(|through| Look::new(through, projection)).collect();
        Self { looks, shown: asked.iter().map(Shown::new).collect() }
    }

    /// Takes in the next events, which are sorted.
    pub(crate) fn show(&mut self, batch: &RecordBatch) -> Result<(), Error> {
        self.looks.iter_mut().try_for_each(|look| look.show(batch, &mut self.shown))
    }

    /// No more events come of the customer that came last.
    pub(crate) fn finish_part(&mut self) {
        self.looks.iter_mut().for_each(|look| look.finish(&mut self.shown));
    }

    pub(crate) fn into_seen(self) -> Vec<Seen> {
        let mut left_out = vec![LeftOut::new(); self.shown.len()];
        for look in self.looks {
            let names = look.looking.left_out();
            for number in look.of {
                left_out[number].clone_from(&names);
            }
        }
        self.shown.into_iter().zip(left_out).map(|(shown, left_out)| shown.into_seen(left_out)).collect()
    }
}

/// One lens at work, for all that look through it.
struct Look<'a> {
    looking: Looking<'a>,
    runs: Runs,
    /// Who looks through it.
    of: Vec<usize>,
}

impl<'a> Look<'a> {
    fn new(Through { lens, vocabulary, of }: Through<'a>, projection: &Projection) -> Self {
        let looking = Looking::new(lens, projection.clone(), &vocabulary.moments, &vocabulary.words);
        Self { looking, runs: Runs::default(), of }
    }

    fn show(&mut self, batch: &RecordBatch, shown: &mut [Shown<'_>]) -> Result<(), Error> {
        let columns = self.looking.look(batch)?;
        self.runs.feed_together(&columns, |runs| self.of.iter().for_each(|number| shown[*number].show(runs)));
        Ok(())
    }

    fn finish(&mut self, shown: &mut [Shown<'_>]) {
        self.runs.finish(|run| self.of.iter().for_each(|number| shown[*number].show(std::slice::from_ref(run))));
    }
}

/// Who looks through one lens.
pub(crate) struct Through<'a> {
    pub(crate) lens: &'a Lens,
    pub(crate) vocabulary: &'a Vocabulary,
    /// Their positions.
    pub(crate) of: Vec<usize>,
}

/// The distinct lenses, each with all that look through it.
pub(crate) fn lenses<'a>(asked: &[Asked<'a>]) -> Vec<Through<'a>> {
    let mut lenses: Vec<Through<'a>> = Vec::new();
    for (number, one) in asked.iter().enumerate() {
        let same = |known: &&mut Through<'_>| known.lens == one.lens && known.vocabulary == one.vocabulary;
        match lenses.iter_mut().find(same) {
            Some(known) => known.of.push(number),
            None => lenses.push(Through { lens: one.lens, vocabulary: one.vocabulary, of: vec![number] }),
        }
    }
    lenses
}

/// To what one selection shows journeys.
pub(crate) struct Shown<'a> {
    selection: &'a Selection,
    groups: Vec<Vec<Box<dyn AnyFold>>>,
    /// When open journeys become abandoned, where that has to be known.
    abandoned: Option<Due>,
    dues: Dues,
}

impl<'a> Shown<'a> {
    pub(crate) fn new(asked: &Asked<'a>) -> Self {
        let selection = asked.selection;
        let groups = if selection.compare { 2 } else { 1 };
        let deadline = selection.cut.as_ref().and_then(|cut| cut.abandoned_after.as_ref());
        Self {
            selection,
            groups: (0..groups).map(|_| (asked.folds)()).collect(),
            abandoned: deadline.filter(|_| asked.notes_dues).map(Due::from),
            dues: Dues::default(),
        }
    }

    pub(crate) fn into_seen(self, left_out: LeftOut) -> Seen {
        Seen { groups: self.groups, left_out, dues: self.dues }
    }

    /// Shows the journeys of some customers to one fold after the other: a fold that sees many at once has what it needs at
    /// hand.
    pub(crate) fn show(&mut self, runs: &[Run<'_>]) {
        let mut groups = vec![Vec::with_capacity(runs.len()); self.groups.len()];
        for run in runs {
            self.selection.journeys(run, |journey, group| groups[group].push(*journey));
        }
        for (folds, journeys) in self.groups.iter_mut().zip(&groups) {
            for fold in folds {
                fold.journeys(journeys);
            }
        }
        let Some(due) = &mut self.abandoned else { return };
        for journey in groups.iter().flatten().filter(|journey| journey.ending == Ending::Open) {
            let last_us = journey.at_us[journey.at_us.len() - 1];
            self.dues.note(due.after(last_us).saturating_add(1), journey.customer);
        }
    }
}
