//! What can be wrong with a question.

use event::similar;

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
    #[error("{}: write {expected}", cannot_be(view, option, value))]
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
    #[error("`{moment}` is no moment of these events{}", did_you_mean_or_list(nearest, known))]
    UnknownMoment {
        /// The name that was given.
        moment: String,
        /// Names that look like it, nearest first.
        nearest: Vec<String>,
        /// All moments, in the order in which they were first seen.
        known: Vec<String>,
    },
    /// The charter has not what the view is about.
    #[error("`{view}` is about the charter's `{section}:`, of which it has none: add some, such as\n{example}")]
    CharterLacks {
        /// The view.
        view: String,
        /// The section of the charter.
        section: String,
        /// Lines that could stand in the charter.
        example: String,
    },
    /// A channel that the question names is not among those of the charter.
    #[error("the charter has no channel `{channel}`{}", did_you_mean(nearest))]
    UnknownChannel {
        /// The name that was given.
        channel: String,
        /// Names that look like it, nearest first.
        nearest: Vec<String>,
    },
    /// A text that should be a pattern is none.
    #[error("`{option}` of `{view}` is no pattern: {reason}, at `{place}` in `{pattern}`{}", hint.as_ref().map_or(String::new(), |hint| format!(" ({hint})")))]
    WrongPattern {
        /// The view.
        view: String,
        /// The option.
        option: String,
        /// The text that was given.
        pattern: String,
        /// The part of it that is wrong, or all that follows it.
        place: String,
        /// What is wrong.
        reason: String,
        /// What would be right, where that can be said.
        hint: Option<String>,
    },
    /// The journey that was chosen was not drawn.
    #[error("the journey `{journey}` of the charter has no `designed:`; those that have one: `{}`", drawn.join("`, `"))]
    NotDesigned {
        /// The journey.
        journey: String,
        /// The journeys that were drawn.
        drawn: Vec<String>,
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
    pub(crate) fn charter_lacks(view: &str, section: &str, example: &str) -> Self {
        Error::CharterLacks { view: view.to_owned(), section: section.to_owned(), example: example.to_owned() }
    }

    pub(crate) fn unknown_option(view: &str, option: &str, known: &[(&str, &str)]) -> Self {
        Error::UnknownOption {
            view: view.to_owned(),
            option: option.to_owned(),
            nearest: similar(option, known.iter().map(|(name, _)| *name)),
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

fn cannot_be(view: &str, option: &str, value: &str) -> String {
    match value {
        "" => format!("`{view}` needs `{option}`"),
        value => format!("`{option}` of `{view}` cannot be `{value}`"),
    }
}

/// How many names are listed where none looks like the one that was given.
const LISTED: usize = 20;

fn did_you_mean_or_list(nearest: &[String], known: &[String]) -> String {
    match (nearest, known) {
        ([], []) => "; there are none: nothing fits the question".to_owned(),
        ([], known) if known.len() > LISTED => {
            format!("; there are {} and {} more", known[..LISTED].join(", "), known.len() - LISTED)
        }
        ([], known) => {
            let quoted = |name: &String| if name.contains(',') { format!("`{name}`") } else { name.clone() };
            let list = known.iter().map(quoted).collect::<Vec<_>>().join(", ");
            let commas = known.iter().any(|name| name.contains(','));
            let hint = if commas { r#"; names with commas are written as a list, such as ["a, b","c"]"# } else { "" };
            format!("; there are {list}{hint}")
        }
        _ => did_you_mean(nearest),
    }
}

fn did_you_mean(nearest: &[String]) -> String {
    match nearest {
        [] => String::new(),
        names => format!(" (did you mean `{}`?)", names.join("`, `")),
    }
}
