//! What stands in the log: everything that a customer's state follows from, so that it can be built anew from there.

use act::{Decision, Taken};
use serde::{Deserialize, Serialize};

use crate::error::Error;

/// What kind of entry it is, as `keep` has it.
pub(crate) mod kind {
    pub(crate) const MESSAGE: u8 = 1;
    pub(crate) const CONSENT: u8 = 2;
    pub(crate) const DECISION: u8 = 3;
    pub(crate) const REFUSED: u8 = 4;
    pub(crate) const UNLINK: u8 = 5;
    pub(crate) const LINK: u8 = 6;
}

/// A message that was taken in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredMessage<'a> {
    /// Its place in the order of arrival.
    pub(crate) seq: u64,
    /// What is kept of it.
    pub(crate) text: &'a str,
}

/// A decision, with all that is needed to judge it later without asking again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct StoredDecision<'a> {
    pub(crate) taken: Option<Taken>,
    /// The hash of the charter by which it was decided.
    pub(crate) charter: &'a str,
    /// The decision in the words of the charter, as JSON.
    pub(crate) told: &'a str,
}

/// A message that was refused, for whoever looks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredRefusal<'a> {
    pub(crate) reason: &'a str,
    pub(crate) detail: &'a str,
    /// The sender's id of it, where that was readable.
    #[serde(borrow)]
    pub(crate) message_id: Option<&'a str>,
    pub(crate) text: &'a str,
}

/// Two keys of which a person said that they are one customer's, or not: each as kind and value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredPair {
    pub(crate) a: (String, String),
    pub(crate) b: (String, String),
}

/// Writes an entry.
pub(crate) fn bytes<T: Serialize>(entry: &T) -> Vec<u8> {
    postcard::to_allocvec(entry).expect("memory takes what is written")
}

/// Reads an entry.
///
/// # Errors
/// When it is none.
pub(crate) fn read<'a, T: Deserialize<'a>>(bytes: &'a [u8], position: u64) -> Result<T, Error> {
    postcard::from_bytes(bytes).map_err(|_| Error::Damaged(format!("entry {position} of the log cannot be read")))
}

impl<'a> StoredDecision<'a> {
    pub(crate) fn new(decision: &Decision, charter: &'a charter::Charter, told: &'a str) -> Self {
        Self { taken: decision.taken(), charter: &charter.hash, told }
    }
}
