//! What a person is asked about a file, where somebody sits in front of it: whatever would otherwise be a guess that is
//! not sure, or an error.

use std::path::Path;

use listen::{DateOrder, GuessError, GuessTimesError, Options, Plan, Role};

use crate::draw;

/// The questions about one file.
#[derive(Debug)]
pub(crate) struct Asking<'p> {
    path: &'p Path,
    /// Roles whose guess was found right.
    confirmed: Vec<Role>,
}

impl<'p> Asking<'p> {
    pub(crate) fn new(path: &'p Path) -> Self {
        Self { path, confirmed: Vec::new() }
    }

    /// Asks about the first guess that is not sure; whether the answer needs another plan.
    pub(crate) fn confirm(&mut self, plan: &mut Plan, options: &mut Options) -> bool {
        for at in 0..plan.notes.len() {
            let note = &plan.notes[at];
            if note.sure {
                continue;
            }
            let question =
                format!("which column says {}? `{}` is a guess: {}", what(&note.role), note.column, note.why);
            let answer = if self.confirmed.contains(&note.role) {
                None
            } else {
                self.column(&question, &plan.columns, " (Enter takes the guess)")
            };
            if let Some(column) = answer.filter(|column| *column != plan.notes[at].column) {
                let role = plan.notes[at].role.clone();
                if let Role::Key(wrong) = &role {
                    // What was guessed beside it still holds.
                    options.map.keys = plan.mapping.keys.iter().filter(|(kind, _)| kind != wrong).cloned().collect();
                    options.map.give(&Role::Key("user_id".to_owned()), &column);
                } else {
                    options.map.give(&role, &column);
                }
                return true;
            }
            let note = &mut plan.notes[at];
            note.sure = true;
            self.confirmed.push(note.role.clone());
        }
        false
    }

    /// Asks about what could not be guessed; whether there was an answer.
    pub(crate) fn answer(&self, error: &GuessError, options: &mut Options) -> bool {
        match error {
            GuessError::Times {
                source: GuessTimesError::Ambiguous { .. } | GuessTimesError::Undecided { .. }, ..
            } => {
                draw::note(&format!("{}: {error}", self.path.display()));
                options.dates = match draw::ask("day first (d) or month first (m)?").as_deref() {
                    Some("d" | "dmy") => Some(DateOrder::DayMonthYear),
                    Some("m" | "mdy") => Some(DateOrder::MonthDayYear),
                    _ => return false,
                };
                true
            }
            GuessError::NotFound { role, what, columns, .. } => {
                let question = format!("which column says {what}? nothing looks like it");
                let answer = self.column(&question, columns, "");
                if let Some(column) = &answer {
                    options.map.give(&Role::from_name(&role.to_string()), column);
                }
                answer.is_some()
            }
            _ => false,
        }
    }

    /// One of the columns; `None` when nothing is answered.
    fn column(&self, question: &str, columns: &[String], otherwise: &str) -> Option<String> {
        draw::note(&format!("{}: {question}", self.path.display()));
        draw::note(&format!("  the columns are {}", columns.join(", ")));
        loop {
            let answer = draw::ask(&format!("column{otherwise}:")).filter(|answer| !answer.is_empty())?;
            if columns.contains(&answer) {
                return Some(answer);
            }
            let near = event::nearest(&answer, columns.iter().map(String::as_str));
            let near = near.map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
            draw::note(&format!("there is no column `{answer}`{near}"));
        }
    }
}

/// What a role says about an event.
fn what(role: &Role) -> String {
    match role {
        Role::Event => "what happened".to_owned(),
        Role::At => "when it happened".to_owned(),
        Role::Key(_) => "who the customer is".to_owned(),
        other => format!("the {other}"),
    }
}
