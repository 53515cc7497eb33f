//! A customer's state as it is kept: what `act` knows, and what the engine has to know beside it.

use act::{Plan, State, StateError};

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
    /// It has to be built anew from its history, some of which stands under these numbers, see [`Profile::elsewhere`].
    Stale(Vec<i64>),
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
        let Some((header, rest)) = bytes.split_at_checked(HEADER_BYTES) else { return Kept::Stale(Vec::new()) };
        let number = |at: usize| header.get(at..at + 8).and_then(|eight| eight.try_into().ok()).unwrap_or_default();
        let wake_us = i64::from_le_bytes(number(9));
        let Ok((elsewhere, rest)) = postcard::take_from_bytes(rest) else { return Kept::Stale(Vec::new()) };
        match State::from_bytes(rest, plan) {
            Ok(state) if header.first() == Some(&PROFILE) => Kept::Profile(Box::new(Profile {
                last_seq: u64::from_le_bytes(number(1)),
                wake_us: (wake_us != NEVER).then_some(wake_us),
                elsewhere,
                state,
            })),
            Ok(_) | Err(StateError::Version { .. } | StateError::OtherCharter | StateError::Damaged) => {
                Kept::Stale(elsewhere)
            }
        }
    }
}
