//! What can go wrong, by what the caller can do about it.

use std::sync::Arc;

/// An error of the engine.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// More comes in than can be written. Nothing was taken in; come again in a moment.
    #[error("more comes in than can be written: come again in a moment")]
    Busy,
    /// There is no room left. It may have been taken in; sending it again does no harm.
    #[error("there is no room left where live state is kept: free some, and it goes on by itself")]
    Full,
    /// What is kept cannot be reached. It may have been taken in; sending it again does no harm.
    #[error("live state cannot be reached: try again later")]
    Unavailable(#[source] Arc<dyn std::error::Error + Send + Sync>),
    /// What was asked for makes no sense.
    #[error("{0}")]
    Invalid(String),
    /// What is kept is not as it should be. Somebody has to look.
    #[error("{0}")]
    Damaged(String),
}

impl From<keep::Error> for Error {
    fn from(error: keep::Error) -> Self {
        match error {
            // Whoever commits deals with conflicts; one that comes here was tried often enough.
            keep::Error::Busy | keep::Error::Conflict(_) => Error::Busy,
            keep::Error::Full => Error::Full,
            keep::Error::TooLarge { .. } | keep::Error::Invalid { .. } => Error::Invalid(error.to_string()),
            keep::Error::Corrupt { .. }
            | keep::Error::NewerFormat { .. }
            | keep::Error::OlderFormat { .. }
            | keep::Error::Truncated { .. } => Error::Damaged(error.to_string()),
            keep::Error::Unavailable { .. } | keep::Error::Locked { .. } => Error::Unavailable(Arc::new(error)),
        }
    }
}
