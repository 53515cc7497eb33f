//! Secrets by which a target knows that a message is ours.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::error::Error;
use super::limits::{SECRET_BYTES, SECRET_BYTES_MADE};

/// How a secret is written begins so.
const PREFIX: &str = "whsec_";

/// A secret of Standard Webhooks, `whsec_…`. Never shown by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret {
    key: Vec<u8>,
}

impl Secret {
    /// A new one.
    ///
    /// # Errors
    /// When the machine has no randomness to give.
    pub fn random() -> Result<Self, Error> {
        let mut key = vec![0; SECRET_BYTES_MADE];
        getrandom::fill(&mut key).map_err(|source| Error::NoRandomness { source })?;
        Ok(Self { key })
    }

    /// Reads one as it is written.
    ///
    /// # Errors
    /// When it is not `whsec_` and 24 to 64 bytes in base64.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let key = text.trim().strip_prefix(PREFIX).and_then(|rest| STANDARD.decode(rest).ok());
        let key = key.filter(|key| SECRET_BYTES.contains(&key.len()));
        let wrong = || {
            Error::invalid("a secret is `whsec_` and 24 to 64 random bytes in base64; leave it out to have one made")
        };
        key.map(|key| Self { key }).ok_or_else(wrong)
    }

    /// As it is written, to be given to whoever receives.
    pub fn reveal(&self) -> String {
        format!("{PREFIX}{}", STANDARD.encode(&self.key))
    }

    /// What signs.
    pub(super) fn key(&self) -> &[u8] {
        &self.key
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}
