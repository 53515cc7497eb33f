//! The slow and obvious way to the answer of every view, for tests.
//!
//! Nothing here is shared with `understand` but what a charter says and what a calendar shows. Every answer is written
//! from the definitions of the guide ([docs/guide](../../../../docs/guide/views.md)) with lists, loops and sorting, one
//! file per view, so that it can be checked by reading it beside the page of the view. It is a JSON value of the same shape as
//! that of the program, but for the doubts, and for what the guide leaves open, which is left out.

mod abandonment;
mod absences;
mod channels;
mod conformance;
mod expectations;
mod figures;
mod funnel;
mod interactions;
mod log;
mod map;
mod outcomes;
mod paths;
mod promises;
mod quality;
mod requests;
mod retention;
mod sankey;
mod say_do;
mod scores;
mod segments;
mod stages;
mod steps;
mod surveys;
mod variants;

use charter::Charter;
use serde_json::{Value, json};

use crate::world::{Event, Question};
use log::Log;

/// The answer to a question, in the plainest way: that of the view, or those of two groups (`groups`) where the question
/// compares. `None` where the charter has not what the view is about.
pub fn answer(charter: &Charter, events: &[Event], question: &Question) -> Option<Value> {
    let (names, logs) = log::asked(charter, events, question);
    let all: Vec<&Log<'_>> = logs.iter().collect();
    let mut answers = logs.iter().map(|log| view(log, &all, question));
    if names.is_empty() {
        return answers.next()?;
    }
    let groups = names.into_iter().zip(answers).map(|(name, answer)| Some(json!({"name": name, "answer": answer?})));
    Some(json!({"groups": groups.collect::<Option<Vec<Value>>>()?}))
}

/// From when on moments are known: no wrong date is taken for the beginning.
pub fn began_us(charter: &Charter, events: &[Event], question: &Question) -> Option<i64> {
    log::began(charter, events, question)
}

/// The answer about one group; `all` are the groups.
fn view(log: &Log<'_>, all: &[&Log<'_>], question: &Question) -> Option<Value> {
    Some(match question.view {
        "map" => map::answer(log, question),
        "variants" => variants::answer(log, all, question),
        "funnel" => funnel::answer(log, question),
        "steps" => steps::answer(log, question),
        "sankey" => sankey::answer(log, question),
        "abandonment" => abandonment::answer(log, question)?,
        "channels" => channels::answer(log, question),
        "interactions" => interactions::answer(log, question)?,
        "expectations" => expectations::answer(log, question)?,
        "absences" => absences::answer(log),
        "conformance" => conformance::answer(log, question)?,
        "paths" => paths::answer(log, question),
        "retention" => retention::answer(log, question),
        "surveys" => surveys::answer(log, question)?,
        "say-do" => say_do::answer(log, question)?,
        "stages" => stages::answer(log)?,
        "segments" => segments::answer(log, question)?,
        "quality" => quality::answer(log),
        other => panic!("there is no view `{other}`"),
    })
}
