//! What each view says on the page: a sentence, the few figures that matter, a small picture, and the tables behind.
//!
//! One file per view. A view that has no file here still gets its tables.

mod abandonment;
mod absences;
mod channels;
mod conformance;
mod expectations;
mod interactions;
mod paths;
mod quality;
mod retention;
mod say_do;
mod segments;
mod stages;
mod surveys;

use std::any::Any;

use evidence::Doubt;
use understand::{Answered, Table, View};

use crate::figures::{interval, percent};
use crate::telling::Finding;
use crate::words::Words;

/// The order of the sections on the page: journeys, customers, what was asked and promised, the data.
const ORDER: [&str; 13] = [
    "abandonment",
    "conformance",
    "paths",
    "channels",
    "stages",
    "retention",
    "segments",
    "interactions",
    "expectations",
    "absences",
    "surveys",
    "say-do",
    "quality",
];

/// What one view says, ready for the page.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Section {
    /// The view's name.
    pub view: String,
    /// Its heading, as a manager would put it.
    pub title: String,
    /// What its figures mean, in a sentence or two.
    pub about: String,
    /// What it is about, where that is not what the page as a whole is about.
    pub scope: Option<String>,
    /// What it says most, in a sentence or two.
    pub says: Option<Finding>,
    /// The few figures that matter.
    pub(crate) tiles: Vec<Tile>,
    /// A picture, as HTML.
    pub(crate) picture: String,
    /// What stands against the figures.
    pub(crate) doubts: Vec<String>,
    /// Its tables, the main one first.
    pub tables: Vec<Table>,
}

/// One figure.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Tile {
    pub(crate) figure: String,
    /// Its interval, or else how many it rests on.
    pub(crate) besides: String,
    pub(crate) what: String,
}

impl Tile {
    /// A share with its interval.
    pub(crate) fn share([share, low, high]: [Option<f64>; 3], what: &str) -> Self {
        Self { figure: percent(share), besides: interval(low, high), what: what.to_owned() }
    }

    /// Anything else.
    pub(crate) fn plain(figure: String, what: &str) -> Self {
        Self { figure, besides: String::new(), what: what.to_owned() }
    }
}

/// What a view has to say of an answer.
pub(crate) struct Told {
    pub(crate) says: Finding,
    pub(crate) tiles: Vec<Tile>,
    pub(crate) picture: String,
    pub(crate) doubts: Vec<Doubt>,
}

/// The reason why there is nothing to say, and what to do about it.
pub(crate) type Silence = String;

/// Tries one kind of answer.
fn of<A: 'static>(
    answer: &dyn Any,
    words: &Words,
    tell: fn(&A, &Words) -> Result<Told, Silence>,
) -> Option<Result<Told, Silence>> {
    answer.downcast_ref::<A>().map(|answer| tell(answer, words))
}

fn told(answer: &dyn Any, words: &Words) -> Option<Result<Told, Silence>> {
    of(answer, words, abandonment::tell)
        .or_else(|| of(answer, words, absences::tell))
        .or_else(|| of(answer, words, channels::tell))
        .or_else(|| of(answer, words, conformance::tell))
        .or_else(|| of(answer, words, expectations::tell))
        .or_else(|| of(answer, words, interactions::tell))
        .or_else(|| of(answer, words, paths::tell))
        .or_else(|| of(answer, words, quality::tell))
        .or_else(|| of(answer, words, retention::tell))
        .or_else(|| of(answer, words, say_do::tell))
        .or_else(|| of(answer, words, segments::tell))
        .or_else(|| of(answer, words, stages::tell))
        .or_else(|| of(answer, words, surveys::tell))
}

/// What a view says of its answer. `subject` is what it is about, where the same view is asked of several journeys: it
/// stands behind the heading.
///
/// # Errors
/// Where it has nothing to say: why, and what to do about it.
pub fn section(view: &View, answer: &dyn Answered, subject: Option<&str>, words: &Words) -> Result<Section, String> {
    let (title, about) = view.heading();
    let subject = subject.map(|subject| format!(": {subject}")).unwrap_or_default();
    let mut section = Section {
        view: view.name().to_owned(),
        title: format!("{title}{subject}"),
        about: about.to_owned(),
        tables: answer.tables(),
        ..Section::default()
    };
    let Some(told) = told(answer.answer(), words) else { return Ok(section) };
    let told = told?;
    section.says = Some(told.says);
    section.tiles = told.tiles;
    section.picture = told.picture;
    // That a table is cut is said under the table.
    let doubts = told.doubts.iter().filter(|doubt| !matches!(doubt, Doubt::Truncated { .. }));
    section.doubts = doubts.map(ToString::to_string).collect();
    // What is said already need not be said again.
    for table in &mut section.tables {
        table.notes.retain(|note| !section.doubts.contains(note));
    }
    Ok(section)
}

/// The place of a view's section on the page.
pub(crate) fn place(view: &str) -> usize {
    ORDER.iter().position(|name| *name == view).unwrap_or(ORDER.len())
}
