//! A state as bytes: the same state gives the same bytes, and what cannot be read is an error.

use std::borrow::Cow;
use std::iter;

use serde::{Deserialize, Serialize, Serializer};

use super::{Consent, Drawn, Postponed, State, Taken};
use crate::digest::{Digest, Place};
use crate::known::Known;
use crate::limits::{CONSENTS_MAX, DECISIONS_MAX, LATE_EVENTS_MAX};
use crate::news::Teller;
use crate::plan::{Plan, index};
use crate::value::Kept;

/// The version of the form, in the first byte. A form that was ever written is read for good, or refused by its number. Up to
/// when a state was looked at stands behind the charter's fingerprint in all of them, see [`State::seen_us_of`]; what the customer
/// decided about purposes behind that since the third, see [`State::consents_of`].
const VERSION: u8 = 3;

/// How long the fingerprint of a charter is.
const FINGERPRINT_BYTES: usize = 8;

/// Why bytes are no state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StateError {
    /// Another version of the program wrote it.
    #[error("this state has the form {found}, and only {VERSION} is read: build it anew from the customer's history")]
    Version {
        /// Its version.
        found: u8,
    },
    /// It is of another charter.
    #[error("this state is of another charter: build it anew from the customer's history")]
    OtherCharter,
    /// It is damaged.
    #[error("this state is damaged: build it anew from the customer's history")]
    Damaged,
}

/// What is kept before what follows from all events but the latest: borrowed where it is written, owned where it is read.
#[derive(Serialize, Deserialize)]
struct Before<'a> {
    seen_us: i64,
    consents: Cow<'a, [Consent]>,
}

/// What is kept behind that, with the latest events.
#[derive(Serialize, Deserialize)]
struct Behind<'a, L> {
    late: L,
    latest: Cow<'a, [Kept]>,
    decided: Cow<'a, [Taken]>,
    drawn: Option<Drawn>,
    postponed: Cow<'a, [Postponed]>,
}

/// The latest events, as they are written one by one.
struct Late<'a>(&'a State);

impl Serialize for Late<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let State { settled, late, .. } = self.0;
        let before = iter::once(last_of(settled.as_deref())).chain(late.iter().map(Digest::place));
        serializer.collect_seq(late.iter().zip(before).map(|(digest, (before_us, before_seq))| StoredEvent {
            after_us: digest.at_us.wrapping_sub(before_us),
            seq_more: digest.seq.wrapping_sub(before_seq).cast_signed(),
            received_more: digest.received_us.wrapping_sub(digest.at_us),
            moment: digest.moment,
            outcomes: Cow::Borrowed(&digest.outcomes),
            values: Cow::Borrowed(&digest.values),
        }))
    }
}

/// The place of the last event before the latest.
fn last_of(settled: Option<&Known>) -> Place {
    settled.and_then(|settled| settled.last).unwrap_or_default()
}

/// An event, by how it differs from the one before.
#[derive(Serialize, Deserialize)]
struct StoredEvent<'a> {
    after_us: i64,
    seq_more: i64,
    received_more: i64,
    moment: u32,
    outcomes: Cow<'a, [u32]>,
    values: Cow<'a, [Kept]>,
}

impl State {
    /// The state as bytes.
    pub fn to_bytes(&self, plan: &Plan) -> Vec<u8> {
        self.append_to(Vec::with_capacity(512), plan)
    }

    /// The state as bytes, after these.
    pub fn append_to(&self, mut bytes: Vec<u8>, plan: &Plan) -> Vec<u8> {
        fn written<T: Serialize>(part: &T, bytes: Vec<u8>) -> Vec<u8> {
            postcard::to_extend(part, bytes).expect("memory takes what is written")
        }
        bytes.push(VERSION);
        bytes.extend_from_slice(&plan.fingerprint);
        bytes = written(&Before { seen_us: self.seen_us, consents: Cow::Borrowed(&self.consents) }, bytes);
        match &self.settled {
            Some(settled) => bytes = written(settled, bytes),
            None => bytes.extend_from_slice(&plan.nothing),
        }
        let behind = Behind {
            late: Late(self),
            latest: Cow::Borrowed(&self.latest),
            decided: Cow::Borrowed(&self.decided),
            drawn: self.drawn,
            postponed: Cow::Borrowed(&self.postponed),
        };
        written(&behind, bytes)
    }

    /// Up to when a state was looked at, by its bytes, of whatever charter and version it is; the rest of them may be damaged.
    pub fn seen_us_of(bytes: &[u8]) -> Option<i64> {
        let (seen_us, _) = postcard::take_from_bytes(bytes.get(1 + FINGERPRINT_BYTES..)?).ok()?;
        Some(seen_us)
    }

    /// What the customer of a state decided about purposes, by its bytes, of whatever charter it is; the rest of them may be
    /// damaged. `None` of an earlier version.
    pub fn consents_of(bytes: &[u8]) -> Option<Vec<Consent>> {
        let rest = bytes.strip_prefix(&[VERSION])?.get(FINGERPRINT_BYTES..)?;
        let ((_, consents), _) = postcard::take_from_bytes::<(i64, Vec<Consent>)>(rest).ok()?;
        Some(consents)
    }

    /// Reads a state.
    ///
    /// # Errors
    /// When the bytes are no state of this charter that this version of the program reads.
    pub fn from_bytes(bytes: &[u8], plan: &Plan) -> Result<Self, StateError> {
        let rest = of(bytes, plan)?;
        state(rest, plan).ok_or(StateError::Damaged)
    }
}

/// What is kept of a state of this charter, in the form that is read.
fn of<'a>(bytes: &'a [u8], plan: &Plan) -> Result<&'a [u8], StateError> {
    let (version, rest) = bytes.split_first().ok_or(StateError::Damaged)?;
    if *version != VERSION {
        return Err(StateError::Version { found: *version });
    }
    let (fingerprint, rest) = rest.split_first_chunk::<FINGERPRINT_BYTES>().ok_or(StateError::Damaged)?;
    if *fingerprint != plan.fingerprint {
        return Err(StateError::OtherCharter);
    }
    Ok(rest)
}

/// What follows from all events.
pub(super) fn follows(settled: Option<&Known>, late: &[Digest], plan: &Plan) -> Known {
    let mut known = settled.map_or_else(|| Known::new(plan), Known::clone);
    let mut teller = Teller::mute();
    for digest in late {
        known.apply(digest, plan, &mut teller);
    }
    known
}

/// The state that is kept in these bytes; `None` where it is none of this charter.
fn state(bytes: &[u8], plan: &Plan) -> Option<State> {
    let (Before { seen_us, consents }, rest) = postcard::take_from_bytes(bytes).ok()?;
    let (settled, rest): (Option<Box<Known>>, _) = match rest.strip_prefix(plan.nothing.as_slice()) {
        Some(rest) => (None, rest),
        None => postcard::take_from_bytes(rest).map(|(settled, rest)| (Some(settled), rest)).ok()?,
    };
    let (behind, rest): (Behind<'_, Vec<StoredEvent<'_>>>, _) = postcard::take_from_bytes(rest).ok()?;
    let Behind { late, latest, decided, drawn, postponed } = behind;
    let mut place = last_of(settled.as_deref());
    let digest = |stored: StoredEvent<'_>| {
        let at_us = place.0.wrapping_add(stored.after_us);
        let digest = Digest {
            at_us,
            seq: place.1.wrapping_add(stored.seq_more.cast_unsigned()),
            received_us: at_us.wrapping_add(stored.received_more),
            moment: stored.moment,
            outcomes: stored.outcomes.into_owned(),
            values: stored.values.into_owned(),
        };
        place = digest.place();
        digest
    };
    let late: Vec<Digest> = late.into_iter().map(digest).collect();
    let outcomes = plan.charter().outcomes.len();
    let fits = |digest: &Digest| {
        let role = plan.roles.get(index(digest.moment));
        role.is_some_and(|role| role.takes.len() + role.promises.len() == digest.values.len())
            && digest.outcomes.iter().all(|outcome| index(*outcome) < outcomes)
    };
    let last = settled.as_ref().and_then(|settled| settled.last);
    let in_order = late.is_sorted_by(|a, b| a.place() < b.place())
        && late.first().is_none_or(|first| last.is_none_or(|last| last < first.place()));
    let bounded = late.len() <= LATE_EVENTS_MAX
        && consents.len() <= CONSENTS_MAX
        && decided.len() <= DECISIONS_MAX * 2 * (plan.actions.len() + 1);
    let actions = decided.iter().all(|taken| index(taken.action) < plan.actions.len());
    let columns = latest.is_empty() || latest.len() == plan.latest.len();
    let again = postponed.is_sorted_by(|a, b| a < b) && postponed.first().is_none_or(|first| first.until_us > seen_us);
    let settled_fits = settled.as_ref().is_none_or(|settled| settled.fits(plan));
    let whole = rest.is_empty();
    if !(whole && settled_fits && late.iter().all(fits) && in_order && bounded && actions && columns && again) {
        return None;
    }
    Some(State {
        seen_us,
        known: follows(settled.as_deref(), &late, plan),
        settled,
        late,
        latest: latest.into_owned(),
        consents: consents.into_owned(),
        decided: decided.into_owned(),
        drawn,
        postponed: postponed.into_owned(),
    })
}
