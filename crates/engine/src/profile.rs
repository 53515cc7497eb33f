//! A customer's state as it is kept: what `act` knows, and what the engine has to know beside it.

use act::{Consent, Plan, State, StateError};

/// What is kept of a customer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Profile {
    /// The place in the order of arrival of the latest message; the next one gets a higher one.
    pub(crate) last_seq: u64,
    /// The timer that is set.
    pub(crate) wake_us: Option<i64>,
    /// Customers that are none of its own keys, under which entries of its own may stand in the log: it was one with them.
    pub(crate) elsewhere: Vec<i64>,
    pub(crate) state: State,
}

/// What the bytes of a customer say.
#[derive(Debug)]
pub(crate) enum Kept {
    /// Nothing is known.
    Nobody,
    /// It is this one.
    Profile(Box<Profile>),
    /// It was found to be another one, who has its keys now.
    Moved,
    /// It has to be built anew from its history.
    Stale(Stale),
}

/// What is known of a state that has to be built anew.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Stale {
    /// See [`Profile::elsewhere`].
    pub(crate) elsewhere: Vec<i64>,
    /// What the customer decided about purposes.
    pub(crate) consents: Vec<Consent>,
    wake_us: Option<i64>,
    seen_us: Option<i64>,
}

/// Up to when all that fell due is told of somebody whose timer is set to `wake_us`, and who was looked at until `seen_us`: up to
/// now, unless the timer has yet to go off. A state that is built anew until then goes on as if it had not been.
fn told_until_us(wake_us: Option<i64>, seen_us: i64, now_us: i64) -> i64 {
    let untold_us = wake_us.filter(|due_us| *due_us <= now_us);
    seen_us.max(untold_us.map_or(now_us, |due_us| due_us.saturating_sub(1)))
}

impl Stale {
    /// Up to when all that fell due is told.
    pub(crate) fn told_until_us(&self, now_us: i64) -> i64 {
        told_until_us(self.wake_us, self.seen_us.unwrap_or(i64::MIN), now_us)
    }
}

const PROFILE: u8 = 1;
const MOVED: u8 = 2;
/// No timer is set.
const NEVER: i64 = i64::MIN;
const HEADER_BYTES: usize = 1 + 8 + 8;

impl Profile {
    pub(crate) fn new(plan: &Plan) -> Self {
        Self { last_seq: 0, wake_us: None, elsewhere: Vec::new(), state: State::new(plan) }
    }

    /// What the customer refused, by the last word.
    pub(crate) fn refused(&self) -> Vec<Consent> {
        self.state.consents().iter().filter(|consent| !consent.granted).cloned().collect()
    }

    /// Up to when all that fell due is told.
    pub(crate) fn told_until_us(&self, now_us: i64) -> i64 {
        told_until_us(self.wake_us, self.state.seen_us(), now_us)
    }

    pub(crate) fn to_bytes(&self, plan: &Plan) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(768);
        bytes.push(PROFILE);
        bytes.extend_from_slice(&self.last_seq.to_le_bytes());
        bytes.extend_from_slice(&self.wake_us.unwrap_or(NEVER).to_le_bytes());
        let bytes = postcard::to_extend(&self.elsewhere, bytes).expect("memory takes what is written");
        self.state.append_to(bytes, plan)
    }
}

impl Kept {
    /// The bytes of a customer who was found to be another one.
    pub(crate) const MOVED_BYTES: &'static [u8] = &[MOVED];

    /// The state in the bytes of a customer, unread.
    pub(crate) fn state_of(bytes: &[u8]) -> Option<&[u8]> {
        let rest = bytes.strip_prefix(&[PROFILE])?.get(HEADER_BYTES - 1..)?;
        postcard::take_from_bytes::<Vec<i64>>(rest).ok().map(|(_, state)| state)
    }

    pub(crate) fn read(bytes: &[u8], plan: &Plan) -> Self {
        if bytes.is_empty() {
            return Kept::Nobody;
        }
        if bytes == Self::MOVED_BYTES {
            return Kept::Moved;
        }
        let Some((header, rest)) = bytes.split_at_checked(HEADER_BYTES) else { return Kept::Stale(Stale::default()) };
        let number = |at: usize| header.get(at..at + 8).and_then(|eight| eight.try_into().ok()).unwrap_or_default();
        let wake_us = Some(i64::from_le_bytes(number(9))).filter(|wake_us| *wake_us != NEVER);
        let Ok((elsewhere, rest)) = postcard::take_from_bytes(rest) else { return Kept::Stale(Stale::default()) };
        match State::from_bytes(rest, plan) {
            Ok(state) if header.first() == Some(&PROFILE) => {
                let last_seq = u64::from_le_bytes(number(1));
                Kept::Profile(Box::new(Profile { last_seq, wake_us, elsewhere, state }))
            }
            Err(StateError::Version { .. } | StateError::OtherCharter) => {
                let consents = State::consents_of(rest).unwrap_or_default();
                Kept::Stale(Stale { elsewhere, consents, wake_us, seen_us: State::seen_us_of(rest) })
            }
            // Nothing else is to be believed.
            Ok(_) | Err(StateError::Damaged) => Kept::Stale(Stale { elsewhere, ..Stale::default() }),
        }
    }
}
