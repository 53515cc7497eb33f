//! Asking all journeys any number of questions in one pass: the operator that runs folds.
//!
//! Every core takes the next bucket, reads its sorted runs, cuts them into customers and journeys, and shows each journey to
//! its own folds; at the end the folds of all cores merge. A customer lies in one bucket, so nothing has to be exchanged.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use journey::{AnyFold, Moments, Runs, Selection};
use listen::stitch::Rules;

use crate::error::Error;
use crate::import::run_on_all_cores;
use crate::lens::{Lens, Looking};
use crate::scan::{Part, Rerouted, full_paths, read_part};
use crate::store::Lake;

/// What is looked at, and which journeys count.
#[derive(Debug, Clone, Default)]
pub struct Question {
    /// What is seen in an event.
    pub lens: Lens,
    /// Which journeys count.
    pub selection: Selection,
    /// By which rules keys lead to customers.
    pub rules: Rules,
}

/// By group, by question: folds.
type Groups = Vec<Vec<Box<dyn AnyFold>>>;

/// What a pass over the lake gave.
pub struct Answered {
    /// By group, by question: the merged folds.
    pub groups: Groups,
    /// Events that were read.
    pub events: u64,
    /// Events that were part of any customer's run, after `--events` and the charter's moments.
    pub events_used: u64,
}

impl std::fmt::Debug for Answered {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Answered").field("events", &self.events).finish_non_exhaustive()
    }
}

impl Lake {
    /// Shows every journey to folds that `make` makes, one set for each core and group, and merges them.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub async fn ask(
        &self,
        question: &Question,
        moments: &Moments,
        make: impl Fn() -> Vec<Box<dyn AnyFold>> + Sync,
    ) -> Result<Answered, Error> {
        let mut answered = self.ask_once(question, moments, &make).await;
        let mut version = self.events.version();
        while matches!(&answered, Err(Error::File { source, .. }) if source.kind() == std::io::ErrorKind::NotFound) {
            // Whoever writes deletes files that a newer commit replaces. Where there is none, a file is really missing.
            let newer = Self::open(self.home()).await?;
            if newer.events.version() == version {
                break;
            }
            version = newer.events.version();
            answered = newer.ask_once(question, moments, &make).await;
        }
        answered
    }

    async fn ask_once(
        &self,
        question: &Question,
        moments: &Moments,
        make: &(impl Fn() -> Vec<Box<dyn AnyFold>> + Sync),
    ) -> Result<Answered, Error> {
        let (parts, rerouted) = self.parts(&question.rules).await?;
        let projection = question.lens.projection();
        let groups = if question.selection.compare { 2 } else { 1 };
        let next = AtomicUsize::new(0);
        let (events, events_used) = (AtomicU64::new(0), AtomicU64::new(0));
        let done: Mutex<Vec<Groups>> = Mutex::new(Vec::new());
        let worker = || -> Result<(), Error> {
            let mut folds: Groups = (0..groups).map(|_| make()).collect();
            let mut looking = Looking::new(&question.lens, projection.clone(), moments);
            let mut runs = Runs::default();
            let (mut read, mut used) = (0, 0);
            let mut show = |run: &journey::Run<'_>| {
                question.selection.journeys(run, |journey, group| {
                    for fold in &mut folds[group] {
                        fold.journey(journey);
                    }
                });
            };
            while let Some(part) = parts.get(next.fetch_add(1, Ordering::Relaxed)) {
                read_part(part, &projection, rerouted.as_ref(), |batch| {
                    read += batch.num_rows() as u64;
                    let columns = looking.look(batch)?;
                    used += columns.customer.len() as u64;
                    runs.feed(&columns, &mut show);
                    Ok(())
                })?;
                runs.finish(&mut show);
            }
            events.fetch_add(read, Ordering::Relaxed);
            events_used.fetch_add(used, Ordering::Relaxed);
            done.lock().expect("no holder of this lock panics").push(folds);
            Ok(())
        };
        run_on_all_cores(worker)?;
        let merged = done.into_inner().expect("no holder of this lock panics").into_iter().reduce(|mut all, more| {
            for (all, more) in all.iter_mut().flatten().zip(more.into_iter().flatten()) {
                all.merge(more);
            }
            all
        });
        Ok(Answered {
            groups: merged.expect("there is at least one core"),
            events: events.into_inner(),
            events_used: events_used.into_inner(),
        })
    }

    /// What there is to read, the largest first so that no core is left with it at the end.
    pub(crate) async fn parts(&self, rules: &Rules) -> Result<(Vec<Part>, Option<Rerouted>), Error> {
        let mut buckets: std::collections::BTreeMap<u32, (u64, Vec<String>)> = std::collections::BTreeMap::new();
        for file in self.events.files().await? {
            let (size, paths) = buckets.entry(file.bucket).or_default();
            *size += file.size;
            paths.push(file.path);
        }
        let rerouted =
            if self.is_filed(rules).await? { None } else { Rerouted::new(self.identity(rules.clone()).await?) };
        let paths = |paths: &[String]| full_paths(self.events.root(), paths.iter().map(String::as_str));
        let mut parts = Vec::new();
        if let Some(rerouted) = &rerouted {
            let concerned = rerouted.buckets();
            let runs = buckets.iter().filter(|(bucket, _)| concerned.contains(bucket)).flat_map(|(_, (_, p))| paths(p));
            parts.push(Part::Moved(runs.collect()));
        }
        let mut by_size: Vec<(u64, Vec<String>)> = buckets.into_values().collect();
        by_size.sort_by_key(|(size, _)| std::cmp::Reverse(*size));
        parts.extend(by_size.into_iter().map(|(_, p)| Part::Bucket(paths(&p))));
        Ok((parts, rerouted))
    }
}
