//! Asking all journeys any number of questions: the operator that runs folds.
//!
//! A question of which is kept what was counted before goes on from there, and reads the events of those customers alone of
//! whom anything has changed ([`again`](crate::again)). All others are asked in one pass over all events
//! ([`pass`](crate::pass)). What was counted is kept for the next time ([`kept`](crate::kept)).

use std::collections::BTreeMap;

use journey::{AnyFold, Dues, Moments, Selection, Words, flag};
use listen::stitch::Rules;

use crate::again::go_on;
use crate::error::Error;
use crate::kept::{Counted, Keeping, Kept};
use crate::lens::Lens;
use crate::limits::BUCKETS;
use crate::open_file::OpenFile;
use crate::pass::{Asked, Seen, show_all};
use crate::scan::{Part, Rerouted};
use crate::store::Lake;
use crate::waiting::Renamed;

/// Folds that have seen nothing, one by view.
pub type MakeFolds<'a> = Box<dyn Fn() -> Vec<Box<dyn AnyFold>> + Sync + 'a>;

/// What is looked at, which journeys count, and what they are shown to.
pub struct Question<'a> {
    /// What is seen in an event, and which journeys count: once, or twice where periods or customers are compared. What
    /// looks through the same lens shares the looking.
    pub selected: Vec<(Lens, Selection)>,
    /// The numbers of names; all questions of a pass may share one.
    pub vocabulary: Vocabulary,
    /// Makes folds that have seen nothing, one set for each core and group.
    pub folds: MakeFolds<'a>,
    /// By fold: all that its answer follows from besides the events, as a text. Under it is kept what it counts. Empty where
    /// nothing is to be kept.
    pub names: Vec<String>,
    /// What has been kept of it; then there is one fold.
    pub kept: Option<Before<'a>>,
}

/// What was counted of a question before, and how it was asked then. Only up to when events are known may differ.
pub struct Before<'a> {
    /// What was counted.
    pub kept: &'a Kept,
    /// Which journeys counted then.
    pub selections: Vec<Selection>,
    /// Makes folds that see journeys as they were seen then.
    pub folds: MakeFolds<'a>,
}

impl std::fmt::Debug for Question<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Question").field("selected", &self.selected).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Before<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Before").field("selections", &self.selections).finish_non_exhaustive()
    }
}

/// By question, by group (two where something is compared): folds.
pub type Groups = Vec<Vec<Vec<Box<dyn AnyFold>>>>;

/// What asking the lake gave.
pub struct Answered {
    /// The merged folds.
    pub groups: Groups,
    /// Events that were read.
    pub events: u64,
    /// By question, by name: events that its first lens left out because they are no moment.
    pub left_out: Vec<LeftOut>,
}

impl Answered {
    pub(crate) fn new(counted: impl Iterator<Item = Counted>, events: u64) -> Self {
        let (mut groups, mut left_out) = (Groups::new(), Vec::new());
        for counted in counted {
            groups.push(counted.groups);
            left_out.push(counted.left_out.into_iter().next().unwrap_or_default());
        }
        Self { groups, events, left_out }
    }
}

/// By name: how many events are no moment.
pub type LeftOut = BTreeMap<String, u64>;

impl std::fmt::Debug for Answered {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Answered").field("events", &self.events).finish_non_exhaustive()
    }
}

/// The numbers of names.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Vocabulary {
    /// Of moments.
    pub moments: Moments,
    /// Of other words.
    pub words: Words,
}

/// What there is to read, of one state of the lake.
pub(crate) struct Taken {
    pub(crate) parts: Vec<Part>,
    pub(crate) rerouted: Option<Rerouted>,
    /// The number of the commit that made this state.
    pub(crate) version: u64,
}

impl Taken {
    /// Whose rows are somebody else's; `None` where more has to be known of rows that are not where they belong.
    pub(crate) fn renamed(&self) -> Option<Renamed> {
        self.rerouted.as_ref().map_or_else(|| Some(Renamed::new()), |rerouted| rerouted.only_renamed().cloned())
    }
}

impl Question<'_> {
    /// How it is asked now.
    fn asked(&self) -> impl Iterator<Item = Asked<'_>> {
        self.selected.iter().map(|(lens, selection)| Asked {
            lens,
            selection,
            vocabulary: &self.vocabulary,
            folds: &self.folds,
            notes_dues: !self.names.is_empty(),
        })
    }

    /// How it was asked when what is kept was counted.
    pub(crate) fn asked_before<'q>(&'q self, before: &'q Before<'_>) -> impl Iterator<Item = Asked<'q>> {
        let each = self.selected.iter().zip(&before.selections);
        each.map(|((lens, _), selection)| Asked {
            lens,
            selection,
            vocabulary: &self.vocabulary,
            folds: &before.folds,
            notes_dues: false,
        })
    }

    /// What was seen by each of its selections, as one.
    pub(crate) fn counted(&self, seen: impl Iterator<Item = Seen>) -> Counted {
        let mut counted = Counted { groups: Vec::new(), left_out: Vec::new(), dues: Dues::default() };
        for seen in seen.take(self.selected.len()) {
            counted.groups.extend(seen.groups);
            counted.left_out.push(seen.left_out);
            counted.dues.merge(&seen.dues);
        }
        counted
    }
}

/// Whether every question asks no more of an event than there are flags.
pub(crate) fn check(questions: &[Question<'_>]) -> Result<(), Error> {
    let lenses = questions.iter().flat_map(|question| &question.selected);
    let most = lenses.map(|(lens, _)| lens.wanted.conditions.len()).max().unwrap_or(0);
    if most > flag::WANTED_MAX {
        return Err(Error::TooManyConditions { asked: most, most: flag::WANTED_MAX });
    }
    Ok(())
}

/// All selections of these questions, one after the other.
pub(crate) fn asked<'q>(questions: impl Iterator<Item = &'q Question<'q>>) -> Vec<Asked<'q>> {
    questions.flat_map(Question::asked).collect()
}

impl Lake {
    /// Shows journeys to the folds of all questions, in one pass over all events for those of which nothing is kept;
    /// `rules` say by which keys lead to customers. `keeping` is where what is counted is kept; it is that of this lake.
    ///
    /// # Errors
    /// When a file cannot be read, or a question wants to know more of an event than there are flags.
    pub async fn ask(
        &self,
        rules: &Rules,
        questions: &[Question<'_>],
        keeping: Option<&Keeping>,
    ) -> Result<Answered, Error> {
        check(questions)?;
        let taken = self.settled(async |lake| lake.take(rules).await).await?;
        // Where somebody has committed since, what is kept and what was asked are about another state.
        let keeping = keeping.filter(|keeping| keeping.is_about(&taken));
        let (mut counted, mut events) = match keeping {
            Some(keeping) => go_on(&taken, keeping, questions)?,
            None => (questions.iter().map(|_| None).collect(), 0),
        };
        let afresh: Vec<usize> = (0..questions.len()).filter(|n| counted[*n].is_none()).collect();
        if !afresh.is_empty() {
            let asked = asked(afresh.iter().map(|n| &questions[*n]));
            let (seen, read) = show_all(&taken, &asked)?;
            events += read;
            let mut seen = seen.into_iter();
            for n in afresh {
                let mut found = questions[n].counted(seen.by_ref());
                if let Some(keeping) = keeping {
                    keeping.keep(&questions[n].names, &questions[n].vocabulary, &mut found, None);
                }
                counted[n] = Some(found);
            }
        }
        let counted = counted.into_iter().map(|counted| counted.expect("what is not kept was asked afresh"));
        Ok(Answered::new(counted, events))
    }

    /// What there is to read; to be taken [`settled`](Self::settled).
    async fn take(&self, rules: &Rules) -> Result<Taken, Error> {
        let (parts, rerouted) = self.parts(rules).await?;
        Ok(Taken { parts, rerouted, version: self.events.version() })
    }

    /// What there is to read, the largest first so that no core is left with it at the end; to be taken
    /// [`settled`](Self::settled).
    pub(crate) async fn parts(&self, rules: &Rules) -> Result<(Vec<Part>, Option<Rerouted>), Error> {
        let rerouted = match self.filed(rules).await? {
            Some(renamed) => Rerouted::renamed(renamed),
            None => Rerouted::new(self.identity(rules.clone()).await?),
        };
        self.parts_by(rerouted).await
    }

    /// The same where it is known which rows do not lie where they belong.
    pub(crate) async fn parts_by(&self, rerouted: Option<Rerouted>) -> Result<(Vec<Part>, Option<Rerouted>), Error> {
        let mut buckets: BTreeMap<u32, (u64, Vec<OpenFile>)> = BTreeMap::new();
        for file in self.events.files().await? {
            let (size, runs) = buckets.entry(file.bucket).or_default();
            *size += file.size;
            runs.push(OpenFile::open(&self.events.root().join(&file.path))?.with_rows(file.rows));
        }
        let runs = || buckets.iter().map(|(bucket, (_, runs))| (*bucket, runs.as_slice()));
        let rerouted = rerouted.map(|rerouted| rerouted.among(runs()));
        if rerouted.is_some() {
            // Rows may belong where none lies.
            (0..BUCKETS).for_each(|bucket| _ = buckets.entry(bucket).or_default());
        }
        let mut by_size: Vec<(u64, Part)> =
            buckets.into_iter().map(|(bucket, (size, runs))| (size, Part { bucket, runs })).collect();
        by_size.sort_by_key(|(size, _)| std::cmp::Reverse(*size));
        Ok((by_size.into_iter().map(|(_, part)| part).collect(), rerouted))
    }
}
