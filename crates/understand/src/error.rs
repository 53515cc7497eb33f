//! What can be wrong with a question.

use crate::nearest;

/// A question that cannot be asked, or not of these events.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// There is no view of this name.
    #[error("`{name}` is no view{}; there are {}", did_you_mean(nearest), known.join(", "))]
    UnknownView {
        /// The name that was given.
        name: String,
        /// Names that look like it, nearest first.
        nearest: Vec<String>,
        /// All names.
        known: Vec<String>,
    },
    /// The view has no option of this name.
    #[error("`{view}` has no option `{option}`{}; it takes {}", did_you_mean(nearest), known.join(", "))]
    UnknownOption {
        /// The view.
        view: String,
        /// The option that was given.
        option: String,
        /// Names that look like it, nearest first.
        nearest: Vec<String>,
        /// All options of the view.
        known: Vec<String>,
    },
    /// An option has a value that it cannot have.
    #[error("`{option}` of `{view}` cannot be `{value}`: write {expected}")]
    WrongValue {
        /// The view.
        view: String,
        /// The option.
        option: String,
        /// The value that was given.
        value: String,
        /// What it could be.
        expected: String,
    },
    /// A moment that the question names is not among the moments of the events.
    #[error("`{moment}` is no moment of these events{}", did_you_mean(nearest))]
    UnknownMoment {
        /// The name that was given.
        moment: String,
        /// Names that look like it, nearest first.
        nearest: Vec<String>,
    },
    /// A condition over customers cannot be understood.
    #[error("`{option}` of `{view}`: {reason}{}", hint.as_ref().map(|hint| format!(" ({hint})")).unwrap_or_default())]
    WrongCondition {
        /// The view.
        view: String,
        /// The option.
        option: String,
        /// What is wrong.
        reason: String,
        /// What would be right, where that can be said.
        hint: Option<String>,
    },
    /// The charter has no segments, and none was given.
    #[error(
        "the charter has no segments: add some, such as `segments: {{loyal: events >= 10 and days_since_last <= 90}}`, or ask \
         for one with --sql \"events >= 10\""
    )]
    NoSegments,
}

impl Error {
    pub(crate) fn unknown_option(view: &str, option: &str, known: &[(&str, &str)]) -> Self {
        Error::UnknownOption {
            view: view.to_owned(),
            option: option.to_owned(),
            nearest: nearest(option, known.iter().map(|(name, _)| *name)),
            known: known.iter().map(|(name, _)| (*name).to_owned()).collect(),
        }
    }

    pub(crate) fn wrong_value(view: &str, option: &str, value: &str, expected: &str) -> Self {
        Error::WrongValue {
            view: view.to_owned(),
            option: option.to_owned(),
            value: value.to_owned(),
            expected: expected.to_owned(),
        }
    }
}

fn did_you_mean(nearest: &[String]) -> String {
    match nearest {
        [] => String::new(),
        names => format!(" (did you mean `{}`?)", names.join("`, `")),
    }
}
