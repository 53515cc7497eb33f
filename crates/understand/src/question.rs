//! What all views have in common, so that whoever runs them need not know one from the other.

use std::sync::Arc;

use charter::Charter;
use charter::journeys::Journey as Drawn;
use event::Span;
use evidence::Doubt;
use journey::{Fold, Moment, Moments, Setting, Wanted, Words};
use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::views::Doubted;
use crate::{Comparison, Error, Table};

/// The options of a view: with them it becomes a fold, whose answer becomes tables.
pub trait Question: Clone + Default + Serialize + DeserializeOwned + JsonSchema + Send + Sync + 'static {
    /// The name that people ask for it by.
    const NAME: &'static str;
    /// Its heading in a report, as a manager would put it; empty where it has a part of the report of its own.
    const TITLE: &'static str = "";
    /// What its figures mean, in a sentence or two that a manager reads.
    const ABOUT: &'static str = "";
    /// The names of its options, each with what it means in a few words.
    const OPTIONS: &'static [(&'static str, &'static str)];
    /// Whether it is about the charter's journeys and says little about a customer's whole run.
    const ABOUT_JOURNEYS: bool = false;
    /// What is known at the end.
    type Answer: Doubted + Clone + PartialEq + Serialize + DeserializeOwned + JsonSchema + Send + 'static;
    /// What sees the journeys.
    type Fold: Fold<Answer = Result<Self::Answer, Error>>;

    /// Sets one of [`OPTIONS`](Self::OPTIONS) from text, as it stands on a command line or in a URL.
    ///
    /// # Errors
    /// When there is no such option, or when it cannot have this value.
    fn set(&mut self, option: &str, value: &str) -> Result<(), Error>;

    /// Whether the options make a question at all.
    ///
    /// # Errors
    /// When they do not; the error says what is missing.
    fn check(&self) -> Result<(), Error> {
        Ok(())
    }

    /// To how many rows the lists in its tables are cut, where two groups are compared and the lists themselves have to be
    /// whole; 0 for none.
    fn limit(&self) -> usize {
        0
    }

    /// Says what has to be known of events besides their moments and times.
    ///
    /// # Errors
    /// When the charter has not what the view is about.
    fn wants(&self, charter: &Charter, wanted: &mut Wanted) -> Result<(), Error> {
        let _ = (charter, wanted);
        Ok(())
    }

    /// The moments without which the answer says little; `journey` is the charter's journey that runs are cut into.
    fn names(&self, charter: &Charter, journey: Option<&Drawn>) -> Vec<String> {
        let _ = (charter, journey);
        Vec::new()
    }

    /// A fold that has seen nothing yet. All folds of one question share the setting, in which everything is wanted that
    /// [`wants`](Self::wants) said.
    fn fold(&self, setting: &Setting) -> Self::Fold;

    /// The answers of two groups and how they differ.
    ///
    /// # Errors
    /// As the fold's `finish`.
    fn compare(
        a: (&str, Self::Fold),
        b: (&str, Self::Fold),
        moments: &Moments,
    ) -> Result<Comparison<Self::Answer>, Error>;

    /// The answer as tables, the main one first.
    fn tables(answer: &Self::Answer) -> Vec<Table>;

    /// The tables for a program to read, as CSV, where they hold more than people could take in.
    fn raw_tables(answer: &Self::Answer) -> Vec<Table> {
        Self::tables(answer)
    }
}

/// The names of moments, by number, with their alphabetical order.
pub(crate) struct Names {
    names: Vec<Arc<str>>,
    ranks: Vec<u32>,
}

impl Names {
    pub(crate) fn of(moments: &Moments) -> Self {
        let names = moments.names();
        let mut order: Vec<usize> = (0..names.len()).collect();
        order.sort_unstable_by_key(|i| &names[*i]);
        let mut ranks = vec![0; names.len()];
        for (rank, i) in (0u32..).zip(order) {
            ranks[i] = rank;
        }
        Self { names, ranks }
    }

    pub(crate) fn name(&self, moment: Moment) -> Arc<str> {
        Arc::clone(&self.names[moment.index()])
    }

    /// The place of the name among all names in alphabetical order.
    pub(crate) fn rank(&self, moment: Moment) -> u32 {
        self.ranks[moment.index()]
    }
}

/// The doubt that not all texts of events have a name of their own, if there were so many.
pub(crate) fn crowded(words: &Words) -> Option<Doubt> {
    let what = format!("name for texts beyond the first {} distinct ones", words.len());
    words.are_full().then(|| Doubt::missing(&what, "they are all shown as one"))
}

/// The error for a moment that nothing is known of, if it is one.
pub(crate) fn known_moment(moments: &Moments, name: &str) -> Result<Moment, Error> {
    moments.find(name).ok_or_else(|| {
        let names = moments.names();
        let nearest = event::similar(name, names.iter().map(AsRef::as_ref));
        Error::UnknownMoment {
            moment: name.to_owned(),
            nearest,
            known: names.iter().map(ToString::to_string).collect(),
        }
    })
}

pub(crate) fn number(view: &str, option: &str, value: &str) -> Result<usize, Error> {
    value.parse().map_err(|_| Error::wrong_value(view, option, value, "a whole number"))
}

pub(crate) fn yes_or_no(view: &str, option: &str, value: &str) -> Result<bool, Error> {
    match value {
        "" | "true" | "yes" => Ok(true),
        "false" | "no" => Ok(false),
        _ => Err(Error::wrong_value(view, option, value, "`true` or `false`")),
    }
}

/// A span of elapsed time, in microseconds.
pub(crate) fn elapsed_us(view: &str, option: &str, value: &str) -> Result<i64, Error> {
    let span = value.parse::<Span>().ok().and_then(Span::as_micros);
    span.ok_or_else(|| Error::wrong_value(view, option, value, "a span of time such as 30m, 12h or 30d"))
}
