//! What is written at once.

use crate::error::Error;
use crate::limits::{COMMIT_BYTES_MAX, ID_BYTES_MAX, KEY_BYTES_MAX, VALUE_BYTES_MAX};
use crate::loaded::{Customer, Key, KeyNumber, Lease, MessageId, TimerId, Version};

/// Everything that came of a batch, to be written in one durable transaction: all of it, or nothing.
///
/// Where parts touch the same thing, they take effect in the order of the fields: a timer that fired, is cleared and is set
/// again is set.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Commit {
    /// What time it is: decides for how long the messages are known.
    pub now_us: i64,
    /// The [`as_of`](crate::Loaded::as_of) of the first load that it stands on, where all of its messages, states and keys were
    /// looked up by then or later, and so was what it says of timers: homes that can tell what changed since need not read them
    /// again. [`Version::NONE`] where that is not so.
    pub as_of: Version,
    /// The generation of `states`, `fired`, `cleared` and `timers`.
    pub generation: u32,
    /// Messages that are taken in. A known one is a conflict.
    pub messages: Vec<MessageId>,
    /// Appended to the log, in this order: what came in, and what was decided.
    pub entries: Vec<Entry>,
    /// States that are replaced, deleted or held. A customer occurs once.
    pub states: Vec<StateChange>,
    /// Keys that are new, or belong to another customer from now on. A key that has another number is a conflict.
    pub keys: Vec<Key>,
    /// Evidence that keys belong together, or that they do not. Of evidence that is there already, the earlier time stays.
    pub links: Vec<Link>,
    /// Timers that went off. One that was replaced, cleared, or taken by somebody else since is a conflict.
    pub fired: Vec<Fired>,
    /// Customers all of whose timers are cleared, because their state is built anew.
    pub unset: Vec<Customer>,
    /// Timers that are cleared. One that is not there is no matter.
    pub cleared: Vec<TimerId>,
    /// Timers that are set. One with the same customer and id is replaced.
    pub timers: Vec<Timer>,
    /// Deliveries that came back. One that somebody else has taken since is a conflict.
    pub settled: Vec<Settled>,
    /// Ids of dead deliveries that are tried again, now, with their attempts forgotten. Others are no matter.
    pub resent: Vec<Vec<u8>>,
    /// What is to be delivered. An id that waits or is dead already is the same delivery: it stays as it is.
    pub posts: Vec<Post>,
    /// Targets that are paused (`true`) or go on. A paused target holds what waits.
    pub paused: Vec<(String, bool)>,
    /// Named records that change.
    pub records: Vec<RecordChange>,
}

/// An entry for the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Whose it is.
    pub customer: Customer,
    /// What kind of entry it is; means something to the engine only.
    pub kind: u8,
    /// When it was received.
    pub at_us: i64,
    /// What came in, as it came.
    pub bytes: Vec<u8>,
}

/// A state that changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateChange {
    /// Whose it is.
    pub customer: Customer,
    /// The version that was loaded. Another one is a conflict.
    pub expected: Version,
    /// What becomes of it.
    pub change: Change,
}

/// What becomes of a state.
///
/// A customer who was merged into another is best left with a small state that says so: a deleted one looks like one who never
/// had a state, so that whoever loaded "nothing" before the merge would not be stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// It is replaced, and gets a version that no state had before.
    Put(Vec<u8>),
    /// It is deleted.
    Delete,
    /// It stays, and nobody may have changed it: the commit relies on what it says.
    Hold,
}

/// Evidence that two keys are one customer's, or (`undo`) that they are not. `low` is less than `high`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Link {
    /// The smaller number.
    pub low: KeyNumber,
    /// The larger number.
    pub high: KeyNumber,
    /// Whether it takes the link back.
    pub undo: bool,
    /// When it was first seen.
    pub at_us: i64,
}

/// Something to be done about a customer at a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timer {
    /// Whose it is.
    pub customer: Customer,
    /// Which of the customer's; a new one with the same id replaces it.
    pub id: Vec<u8>,
    /// When it is due.
    pub due_us: i64,
    /// What the engine has to know when it is.
    pub bytes: Vec<u8>,
    /// What it replaces.
    pub was: Was,
}

/// What is known of the timer that one replaces, as of [`Commit::as_of`] or later: a home that can tell that this has not changed
/// since need not look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Was {
    /// Nothing is known.
    #[default]
    Unknown,
    /// There is none.
    Unset,
    /// It is due at this time.
    Due(i64),
}

/// A timer that went off; see [`Due`](crate::Due).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fired {
    /// Whose it is.
    pub customer: Customer,
    /// Which of the customer's.
    pub id: Vec<u8>,
    /// By which it was taken.
    pub lease: Lease,
}

/// Something to be delivered to a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Post {
    /// To which target.
    pub target: String,
    /// Which delivery, of all targets: the same customer, action and occasion have the same one.
    pub id: Vec<u8>,
    /// About whom.
    pub customer: Customer,
    /// When it is to be tried first.
    pub due_us: i64,
    /// What is delivered.
    pub bytes: Vec<u8>,
}

/// A delivery that came back; see [`Delivery`](crate::Delivery).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settled {
    /// Which one.
    pub id: Vec<u8>,
    /// By which it was taken.
    pub lease: Lease,
    /// What came of it.
    pub outcome: Outcome,
}

/// What came of an attempt to deliver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It arrived, and is forgotten.
    Done,
    /// It did not arrive, and is tried again.
    Retry {
        /// When.
        due_us: i64,
        /// What went wrong, for whoever looks.
        why: String,
    },
    /// It is given up, and kept to be looked at and sent again.
    Dead {
        /// What went wrong.
        why: String,
    },
    /// It was not tried, and is to be tried later.
    Postponed {
        /// When.
        due_us: i64,
        /// Why not now.
        why: String,
    },
    /// It was not tried, and is kept to be looked at and sent again.
    Withheld {
        /// Why.
        why: String,
    },
}

impl Outcome {
    /// Whether it counts as an attempt.
    pub(crate) fn is_attempt(&self) -> bool {
        !matches!(self, Outcome::Postponed { .. } | Outcome::Withheld { .. })
    }
}

/// A named record that changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordChange {
    /// Which one.
    pub name: String,
    /// The version that was read, `Version::NONE` for "not there"; another one is a conflict. `None`: whatever is there.
    pub expected: Option<Version>,
    /// What it becomes; `None` deletes it.
    pub bytes: Option<Vec<u8>>,
}

/// What a row costs besides its bytes, about.
const ROW_BYTES: usize = 32;

/// Adds up what a commit takes, and looks at each part.
#[derive(Default)]
struct Sizes {
    bytes: usize,
}

impl Sizes {
    fn add(&mut self, what: &'static str, size: usize, most: usize) -> Result<(), Error> {
        self.bytes += size + ROW_BYTES;
        if size > most { Err(Error::TooLarge { what, size, most }) } else { Ok(()) }
    }

    /// Something by which a row is found.
    fn add_id(&mut self, what: &'static str, id: &[u8], most: usize) -> Result<(), Error> {
        if id.is_empty() {
            return Err(Error::Invalid { what: format!("{what} is empty") });
        }
        self.add(what, id.len(), most)
    }

    fn add_name(&mut self, what: &'static str, name: &str) -> Result<(), Error> {
        if name.contains('\0') {
            return Err(Error::Invalid { what: format!("{what} contains a zero byte: {name:?}") });
        }
        self.add_id(what, name.as_bytes(), ID_BYTES_MAX)
    }
}

impl Commit {
    /// About how many bytes it takes to keep it; an error where a part or the whole is too large.
    pub(crate) fn size(&self) -> Result<usize, Error> {
        let mut sizes = Sizes::default();
        for entry in &self.entries {
            sizes.add("an entry of the log", entry.bytes.len(), VALUE_BYTES_MAX)?;
        }
        for state in &self.states {
            let Change::Put(bytes) = &state.change else { continue };
            sizes.add("a state", bytes.len(), VALUE_BYTES_MAX)?;
        }
        for key in &self.keys {
            sizes.add_id("a key", &key.bytes, KEY_BYTES_MAX)?;
        }
        for timer in &self.timers {
            sizes.add("the id of a timer", timer.id.len(), ID_BYTES_MAX)?;
            sizes.add("a timer", timer.bytes.len(), VALUE_BYTES_MAX)?;
        }
        for post in &self.posts {
            sizes.add_name("the name of a target", &post.target)?;
            sizes.add_id("the id of a delivery", &post.id, ID_BYTES_MAX)?;
            sizes.add("a delivery", post.bytes.len(), VALUE_BYTES_MAX)?;
        }
        for (target, _) in &self.paused {
            sizes.add_name("the name of a target", target)?;
        }
        for record in &self.records {
            sizes.add_name("the name of a record", &record.name)?;
            sizes.add("a record", record.bytes.as_ref().map_or(0, Vec::len), VALUE_BYTES_MAX)?;
        }
        let others =
            self.messages.len() + self.links.len() + self.fired.len() + self.cleared.len() + self.settled.len();
        sizes.bytes += others * ROW_BYTES;
        if sizes.bytes > COMMIT_BYTES_MAX {
            return Err(Error::TooLarge { what: "a commit", size: sizes.bytes, most: COMMIT_BYTES_MAX });
        }
        Ok(sizes.bytes)
    }
}
