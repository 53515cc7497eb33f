//! Asking all journeys any number of questions in one pass: the operator that runs folds.
//!
//! Every core takes the next bucket, reads its sorted runs, cuts them into customers and journeys, and shows each journey to
//! its own folds; at the end the folds of all cores merge. A customer lies in one bucket, so nothing has to be exchanged.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use arrow::array::RecordBatch;
use journey::{AnyFold, Moments, Run, Runs, Selection, Words, flag};
use listen::stitch::Rules;

use crate::error::Error;
use crate::import::run_on_all_cores;
use crate::lens::{Lens, Looking};
use crate::open_file::OpenFile;
use crate::scan::{Part, Projection, Rerouted, read_part};
use crate::store::Lake;

/// What is looked at, which journeys count, and what they are shown to.
pub struct Question<'a> {
    /// What is seen in an event. Questions with the same lens share the looking.
    pub lens: Lens,
    /// Which journeys count.
    pub selection: Selection,
    /// Makes folds that have seen nothing, one set for each core and group.
    pub folds: Box<dyn Fn() -> Vec<Box<dyn AnyFold>> + Sync + 'a>,
}

impl std::fmt::Debug for Question<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Question").field("lens", &self.lens).field("selection", &self.selection).finish_non_exhaustive()
    }
}

/// By question, by group (two where something is compared): folds.
pub type Groups = Vec<Vec<Vec<Box<dyn AnyFold>>>>;

/// What a pass over the lake gave.
pub struct Answered {
    /// The merged folds.
    pub groups: Groups,
    /// Events that were read.
    pub events: u64,
    /// By question, by name: events that its lens left out because they are no moment.
    pub left_out: Vec<LeftOut>,
}

/// By name: how many events are no moment.
pub type LeftOut = BTreeMap<String, u64>;

impl std::fmt::Debug for Answered {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Answered").field("events", &self.events).finish_non_exhaustive()
    }
}

/// The numbers of names, which all questions of a pass share.
#[derive(Debug, Clone, Default)]
pub struct Vocabulary {
    /// Of moments.
    pub moments: Moments,
    /// Of other words.
    pub words: Words,
}

impl Lake {
    /// Shows every journey to the folds of all questions in one pass; `rules` say by which keys lead to customers.
    ///
    /// # Errors
    /// When a file cannot be read, or a question wants to know more of an event than there are flags.
    pub async fn ask(
        &self,
        rules: &Rules,
        vocabulary: &Vocabulary,
        questions: &[Question<'_>],
    ) -> Result<Answered, Error> {
        check(questions)?;
        let (parts, rerouted) = self.settled(async |lake| lake.parts(rules).await).await?;
        let lenses = lenses(questions);
        let projection = lenses.iter().map(|(lens, _)| lens.projection()).reduce(Projection::and);
        let Some(projection) = projection else {
            return Ok(Answered { groups: Vec::new(), events: 0, left_out: Vec::new() });
        };
        let next = AtomicUsize::new(0);
        let events = AtomicU64::new(0);
        let done: Mutex<Vec<(Groups, Vec<LeftOut>)>> = Mutex::new(Vec::new());
        let worker = || -> Result<(), Error> {
            let mut folds = folds_of(questions);
            let mut looks: Vec<Look<'_>> =
                lenses.iter().map(|(lens, of)| Look::new(lens, of, &projection, vocabulary)).collect();
            let mut read = 0;
            while let Some(part) = parts.get(next.fetch_add(1, Ordering::Relaxed)) {
                read_part(part, &projection, rerouted.as_ref(), |batch| {
                    read += batch.num_rows() as u64;
                    looks.iter_mut().try_for_each(|look| look.show(batch, questions, &mut folds))
                })?;
                for look in &mut looks {
                    look.finish(questions, &mut folds);
                }
            }
            events.fetch_add(read, Ordering::Relaxed);
            let left_out = looks.into_iter().map(|look| look.looking.left_out()).collect();
            done.lock().expect("no holder of this lock panics").push((folds, left_out));
            Ok(())
        };
        run_on_all_cores(worker)?;
        let merged = done.into_inner().expect("no holder of this lock panics").into_iter().reduce(|mut all, more| {
            merge(&mut all.0, more.0);
            for (all, more) in all.1.iter_mut().zip(more.1) {
                for (name, n) in more {
                    *all.entry(name).or_default() += n;
                }
            }
            all
        });
        let (groups, by_lens) = merged.expect("there is at least one core");
        let mut left_out = vec![LeftOut::new(); questions.len()];
        for ((_, of), names) in lenses.iter().zip(by_lens) {
            for question in of {
                left_out[*question].clone_from(&names);
            }
        }
        Ok(Answered { groups, events: events.into_inner(), left_out })
    }

    /// What there is to read, the largest first so that no core is left with it at the end; to be taken
    /// [`settled`](Self::settled).
    pub(crate) async fn parts(&self, rules: &Rules) -> Result<(Vec<Part>, Option<Rerouted>), Error> {
        let mut buckets: BTreeMap<u32, (u64, Vec<OpenFile>)> = BTreeMap::new();
        for file in self.events.files().await? {
            let (size, runs) = buckets.entry(file.bucket).or_default();
            *size += file.size;
            runs.push(OpenFile::open(&self.events.root().join(&file.path))?);
        }
        let rerouted =
            if self.is_filed(rules).await? { None } else { Rerouted::new(self.identity(rules.clone()).await?) };
        let mut parts = Vec::new();
        if let Some(rerouted) = &rerouted {
            let concerned = rerouted.buckets();
            let runs = buckets.iter().filter(|(bucket, _)| concerned.contains(bucket)).flat_map(|(_, (_, runs))| runs);
            parts.push(Part::Moved(runs.cloned().collect()));
        }
        let mut by_size: Vec<(u64, Part)> =
            buckets.into_iter().map(|(bucket, (size, runs))| (size, Part::Bucket(bucket, runs))).collect();
        by_size.sort_by_key(|(size, _)| std::cmp::Reverse(*size));
        parts.extend(by_size.into_iter().map(|(_, part)| part));
        Ok((parts, rerouted))
    }
}

/// Whether every question asks no more of an event than there are flags.
pub(crate) fn check(questions: &[Question<'_>]) -> Result<(), Error> {
    let most = questions.iter().map(|question| question.lens.wanted.conditions.len()).max().unwrap_or(0);
    if most > flag::WANTED_MAX {
        return Err(Error::TooManyConditions { asked: most, most: flag::WANTED_MAX });
    }
    Ok(())
}

/// Folds that have seen nothing, for every question.
pub(crate) fn folds_of(questions: &[Question<'_>]) -> Groups {
    let groups = |question: &Question<'_>| if question.selection.compare { 2 } else { 1 };
    questions.iter().map(|question| (0..groups(question)).map(|_| (question.folds)()).collect()).collect()
}

/// Takes in what other folds of the same questions have seen.
pub(crate) fn merge(all: &mut Groups, more: Groups) {
    for (all, more) in all.iter_mut().flatten().flatten().zip(more.into_iter().flatten().flatten()) {
        all.merge(more);
    }
}

/// The distinct lenses, each with the questions that look through it.
pub(crate) fn lenses<'q>(questions: &'q [Question<'_>]) -> Vec<(&'q Lens, Vec<usize>)> {
    let mut lenses: Vec<(&Lens, Vec<usize>)> = Vec::new();
    for (number, question) in questions.iter().enumerate() {
        match lenses.iter_mut().find(|(lens, _)| **lens == question.lens) {
            Some((_, of)) => of.push(number),
            None => lenses.push((&question.lens, vec![number])),
        }
    }
    lenses
}

/// One lens at work on one core.
struct Look<'a> {
    looking: Looking<'a>,
    runs: Runs,
    /// The questions that look through it.
    of: &'a [usize],
}

impl<'a> Look<'a> {
    fn new(lens: &'a Lens, of: &'a [usize], projection: &Projection, vocabulary: &Vocabulary) -> Self {
        let looking = Looking::new(lens, projection.clone(), &vocabulary.moments, &vocabulary.words);
        Self { looking, runs: Runs::default(), of }
    }

    fn show(&mut self, batch: &RecordBatch, questions: &[Question<'_>], folds: &mut Groups) -> Result<(), Error> {
        let columns = self.looking.look(batch)?;
        self.runs.feed(&columns, |run| show(run, self.of, questions, folds));
        Ok(())
    }

    fn finish(&mut self, questions: &[Question<'_>], folds: &mut Groups) {
        self.runs.finish(|run| show(run, self.of, questions, folds));
    }
}

/// Shows a run to the folds of these questions.
#[inline]
pub(crate) fn show(run: &Run<'_>, of: &[usize], questions: &[Question<'_>], folds: &mut Groups) {
    for number in of {
        let folds = &mut folds[*number];
        questions[*number].selection.journeys(run, |journey, group| {
            for fold in &mut folds[group] {
                fold.journey(journey);
            }
        });
    }
}
