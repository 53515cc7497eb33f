//! What can go wrong when targets are managed, by what the caller can do about it.

/// An error of the outbox.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// What was asked for makes no sense. Ask for something else.
    #[error("{what}")]
    Invalid {
        /// What is wrong, and what to do.
        what: String,
    },
    /// Nobody put such a target, or nothing with this id was given up.
    #[error("there is no {what}")]
    NotFound {
        /// What was looked for.
        what: String,
    },
    /// Others changed the target again and again. Look at it, and ask again.
    #[error("target `{name}` was changed by somebody else: look at it and try again")]
    Changed {
        /// The target.
        name: String,
    },
    /// What is kept of a target cannot be read. Put it again.
    #[error("what is kept of target `{name}` cannot be read ({what}): put it again")]
    Unreadable {
        /// The target.
        name: String,
        /// What is wrong.
        what: String,
    },
    /// The machine has no randomness for a secret.
    #[error("the machine gave no random bytes for a secret")]
    NoRandomness {
        /// What it said.
        source: getrandom::Error,
    },
    /// Live state cannot be read or written.
    #[error("targets cannot be read or written")]
    Keep {
        /// Why.
        #[from]
        source: keep::Error,
    },
}

impl Error {
    pub(super) fn invalid(what: impl Into<String>) -> Self {
        Error::Invalid { what: what.into() }
    }

    pub(super) fn no_target(name: &str) -> Self {
        Error::NotFound { what: format!("target `{name}`") }
    }
}
