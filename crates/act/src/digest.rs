//! What is kept of one event: enough to take it in again, should another one turn out to belong before it.

use serde::{Deserialize, Serialize};

use crate::value::Kept;

/// One event, as far as the charter has any use for it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Digest {
    pub(crate) at_us: i64,
    /// Its place in the order of arrival, by which events of the same time are ordered.
    pub(crate) seq: u64,
    pub(crate) received_us: i64,
    pub(crate) moment: u32,
    /// The outcomes that it is.
    pub(crate) outcomes: Vec<u32>,
    /// The columns that its moment takes, see [`Role::takes`](crate::plan::Role); then, for every promise that it makes, how
    /// long until it falls due, because business days take a calendar and an event is taken in several times.
    pub(crate) values: Vec<Kept>,
}

/// The order of events: by time, then by arrival.
pub(crate) type Place = (i64, u64);

impl Digest {
    pub(crate) fn place(&self) -> Place {
        (self.at_us, self.seq)
    }

    /// When the promise falls due whose time stands at this position of the values, in microseconds since 1970; `i64::MAX`
    /// where it never does.
    pub(crate) fn due_us(&self, position: usize) -> i64 {
        match self.values.get(position) {
            Some(Kept::Int(takes_us)) => self.at_us.saturating_add(*takes_us),
            _ => i64::MAX,
        }
    }

    /// What tells a promise or a request from others; 0 where there is nothing.
    pub(crate) fn sameness(&self, take: usize) -> u64 {
        self.values.get(take).map_or(0, Kept::sameness)
    }
}
