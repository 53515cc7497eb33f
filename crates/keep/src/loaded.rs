//! What is asked for, and what comes back.

use std::collections::BTreeSet;

use sha2::{Digest, Sha256};

use crate::error::{Conflict, Error};

/// The number of a customer: that of one of its keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Customer(pub i64);

/// The number of a key, dense, given by [`Keep::reserve`](crate::Keep::reserve).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyNumber(pub u32);

/// Which writing of a state or record this is. No two writings of a home share one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Version(pub u64);

impl Version {
    /// The version of what is not there.
    pub const NONE: Version = Version(0);
}

/// By which something was taken: whoever takes it later has another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lease(pub u64);

/// A message id, shortened: 128 bits of SHA-256, so that ids of any length take the same room and nobody can find two that
/// are taken for one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageId(pub [u8; 16]);

impl MessageId {
    /// The id that a sender gave. What makes it unique (the source, say) belongs into `text`.
    ///
    /// ```
    /// use keep::MessageId;
    /// assert_eq!(MessageId::of(b"web/ajs-next-1"), MessageId::of(b"web/ajs-next-1"));
    /// assert_ne!(MessageId::of(b"web/ajs-next-1"), MessageId::of(b"app/ajs-next-1"));
    /// ```
    pub fn of(text: &[u8]) -> Self {
        let digest = Sha256::digest(text);
        Self(digest[..16].try_into().expect("SHA-256 has 32 bytes"))
    }
}

/// A timer, by whose it is and which of the customer's.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TimerId {
    /// Whose it is.
    pub customer: Customer,
    /// Which of the customer's.
    pub id: Vec<u8>,
}

/// A key: its bytes, its number, and the customer whose it is now.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// Its number.
    pub number: KeyNumber,
    /// Whose it is.
    pub customer: Customer,
    /// What it is: kind and value, as the engine writes them.
    pub bytes: Vec<u8>,
}

/// What a batch needs to know.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// The generation of the states.
    pub generation: u32,
    /// Are these messages known?
    pub messages: Vec<MessageId>,
    /// Whose are these keys? The states of their customers come along.
    pub keys: Vec<Vec<u8>>,
    /// Customers whose states are wanted besides.
    pub customers: Vec<Customer>,
}

/// What is known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Loaded {
    /// The last commit that is in it, for [`Commit::as_of`](crate::Commit::as_of).
    pub as_of: Version,
    /// For each message of [`Wanted`], in its order: whether it is known.
    pub known: Vec<bool>,
    /// For each key of [`Wanted`], in its order: its number and its customer, if it is known.
    pub keys: Vec<Option<(KeyNumber, Customer)>>,
    /// The states of all customers concerned, ordered, each once; with [`Version::NONE`] and no bytes where there is none.
    pub states: Vec<Stored>,
}

impl Loaded {
    /// The state of a customer that was wanted, or whose key was.
    pub fn state(&self, customer: Customer) -> Option<&Stored> {
        let found = self.states.binary_search_by_key(&customer, |stored| stored.customer);
        found.ok().map(|index| &self.states[index])
    }
}

/// A state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Whose it is.
    pub customer: Customer,
    /// Which writing of it.
    pub version: Version,
    /// The state.
    pub bytes: Vec<u8>,
}

/// What a commit did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Committed {
    /// The position of its first entry; where it had none, the one that the next entry gets.
    pub position: u64,
    /// The version of the states and records that it wrote.
    pub version: Version,
}

/// An entry of the log, with its bytes, or lent by whoever has them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Logged<B = Vec<u8>> {
    /// Where it stands.
    pub position: u64,
    /// Whose it is.
    pub customer: Customer,
    /// What kind of entry it is.
    pub kind: u8,
    /// When it was received.
    pub at_us: i64,
    /// What came in.
    pub bytes: B,
    /// Whether its customer was erased: then customer, kind, time and bytes are empty.
    pub erased: bool,
}

/// How much to take, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Take {
    /// What time it is.
    pub now_us: i64,
    /// How many at most.
    pub limit: usize,
    /// For how long nobody else gets them.
    pub lease_us: i64,
}

/// A timer that is due, and was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    /// The timer.
    pub timer: crate::Timer,
    /// By which it was taken.
    pub lease: Lease,
}

/// A delivery that is due, and was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// What is to be delivered. `due_us` is that of this attempt.
    pub post: crate::Post,
    /// How often it was tried before.
    pub attempts: u32,
    /// By which it was taken.
    pub lease: Lease,
}

/// What waits at a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queue {
    /// The target.
    pub target: String,
    /// Whether it is paused.
    pub paused: bool,
    /// How many wait, those that are taken included.
    pub waiting: u64,
    /// When the first of them is due.
    pub first_due_us: Option<i64>,
    /// How many were given up.
    pub dead: u64,
}

/// A delivery that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// What is to be delivered. `due_us` is that of the next attempt.
    pub post: crate::Post,
    /// How often it was tried.
    pub attempts: u32,
    /// What went wrong the last time; empty where it was not tried.
    pub why: String,
}

/// A delivery that was given up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dead {
    /// What was to be delivered. `due_us` is that of the last attempt.
    pub post: crate::Post,
    /// How often it was tried.
    pub attempts: u32,
    /// What went wrong the last time.
    pub why: String,
}

/// A named record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Its name.
    pub name: String,
    /// Which writing of it.
    pub version: Version,
    /// What it says.
    pub bytes: Vec<u8>,
}

/// What an erasure makes of an entry of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// Its content is deleted; its position stays, with [`Logged::erased`].
    Emptied,
    /// It stays, and is found by this customer from now on.
    FiledUnder(Customer),
}

/// What an erasure deleted, for its receipt.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Erased {
    /// States, of all generations.
    pub states: u64,
    /// Timers, of all generations.
    pub timers: u64,
    /// Deliveries, waiting and dead.
    pub deliveries: u64,
    /// Keys, in no order: as they were when they went.
    pub keys: Vec<Key>,
    /// Links and counter-links of those keys.
    pub links: u64,
    /// Entries of the log whose content was emptied.
    pub entries: u64,
}

impl Erased {
    /// A conflict where these are not the keys that are to go.
    pub(crate) fn are_of(&self, keys: &BTreeSet<KeyNumber>) -> Result<(), Error> {
        let theirs: BTreeSet<KeyNumber> = self.keys.iter().map(|key| key.number).collect();
        if theirs == *keys {
            return Ok(());
        }
        let others = self.keys.iter().filter(|key| !keys.contains(&key.number));
        let keys = others.map(|key| key.bytes.clone()).collect();
        Err(Error::Conflict(Box::new(Conflict { keys, ..Conflict::default() })))
    }
}
