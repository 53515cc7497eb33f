//! What was promised and what came of it (docs/guide/expectations.md, "Which event fulfils which promise").

use charter::Charter;
use charter::journeys::Expectation;
use event::{Column, Span};
use serde_json::{Value, json};

use super::figures::{object, share};
use super::log::{Seen, due, text};

/// A promise.
#[derive(Debug, Clone)]
pub(super) struct Made {
    /// The event that made it, by its position.
    pub(super) at: usize,
    key: Option<String>,
    /// When it fell due; `None` where the calendar has no such day.
    pub(super) due_us: Option<i64>,
    pub(super) fulfilled_us: Option<i64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Kept,
    Late,
    Never,
    Pending,
}

impl Made {
    /// What is known of it up to a time; `None` when nothing can come any more.
    pub(super) fn state(&self, until_us: Option<i64>) -> State {
        let is_due = |at_us: i64| self.due_us.is_some_and(|due_us| due_us <= at_us);
        match self.fulfilled_us {
            Some(at_us) if self.due_us.is_none_or(|due_us| at_us <= due_us) => State::Kept,
            Some(_) => State::Late,
            None if until_us.is_none_or(is_due) => State::Never,
            None => State::Pending,
        }
    }
}

/// Where it is said which events belong to the same promise.
pub(super) fn key_of(charter: &Charter, expectation: &Expectation) -> Column {
    let interaction = charter.interactions.iter().find(|interaction| {
        interaction.opens.contains(&expectation.after) && interaction.resolves.contains(&expectation.promise)
    });
    interaction.and_then(|interaction| interaction.key.clone()).unwrap_or(Column::CaseId)
}

/// What is promised after which moment.
#[derive(Debug, Clone)]
pub(super) struct Rule<'a> {
    pub(super) after: &'a str,
    pub(super) promise: &'a str,
    pub(super) within: Span,
    /// Which events belong to the same promise, if anything says so.
    pub(super) key: Option<Column>,
    /// Whether a second attempt promises nothing new while the first is open, whatever their keys.
    pub(super) once: bool,
}

/// The promises that these events made, and how many promised moments came that nothing had been open for.
pub(super) fn made(charter: &Charter, rule: &Rule<'_>, events: &[Seen<'_>]) -> (Vec<Made>, u64) {
    let (mut made, mut unasked) = (Vec::<Made>::new(), 0);
    for (at, seen) in events.iter().enumerate() {
        let key = rule.key.as_ref().and_then(|column| text(seen.event, column));
        if seen.moment == rule.promise {
            let open = |promise: &&mut Made| promise.fulfilled_us.is_none();
            let mut oldest = made.iter_mut().filter(open);
            let found = match &key {
                None => oldest.next(),
                Some(_) if made.iter().any(|m| m.fulfilled_us.is_none() && m.key == key) => {
                    made.iter_mut().find(|m| m.fulfilled_us.is_none() && m.key == key)
                }
                Some(_) => made.iter_mut().find(|m| m.fulfilled_us.is_none() && m.key.is_none()),
            };
            match found {
                Some(promise) => promise.fulfilled_us = Some(seen.at_us),
                None => unasked += 1,
            }
        }
        // What has the key of a promise that is open is the same promise.
        let same = |promise: &Made| rule.once || key.is_some() && promise.key == key;
        let waits = made.iter().any(|promise| promise.fulfilled_us.is_none() && same(promise));
        if seen.moment == rule.after && !waits {
            let due_us = due(charter, rule.within, seen.at_us);
            made.push(Made { at, key, due_us, fulfilled_us: None });
        }
    }
    (made, unasked)
}

pub(super) fn balance(states: &[State]) -> Value {
    let number = |state: State| states.iter().filter(|one| **one == state).count() as u64;
    let [kept, late, never, pending] = [State::Kept, State::Late, State::Never, State::Pending].map(number);
    object([
        json!({
            "made": states.len(),
            "kept": kept,
            "broken": late + never,
            "late": late,
            "never": never,
            "pending": pending,
        }),
        share("kept_share", kept, kept + late + never),
    ])
}
