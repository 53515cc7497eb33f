//! The trait: what a home of live state can do.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::{Range, RangeInclusive};
use std::path::Path;

use async_trait::async_trait;

use crate::commit::{Commit, Link};
use crate::error::Error;
use crate::ledger::chunk::Chunk;
use crate::loaded::{
    Committed, Customer, Dead, Delivery, Due, Erased, Fate, Key, KeyNumber, Loaded, Logged, Queue, Record, Stored,
    Take, Waiting, Wanted,
};

/// A home of live state: loads what a batch of messages needs, and commits what became of it in one durable transaction.
///
/// # How the engine uses it
///
/// 1. [`load`](Self::load): which of these messages are known already, whose are these keys, and the states of those
///    customers, all as of one moment.
/// 2. The engine steps each customer through a pure function. New keys get numbers from [`reserve`](Self::reserve).
/// 3. [`commit`](Self::commit): log entries, states, keys, links, timers, deliveries and records, all or nothing. `Ok` means that
///    it survives a power cut. Only then is the request answered.
/// 4. [`Error::Conflict`] says what somebody else changed between 1 and 3: those are loaded and stepped again.
///
/// # What holds for every home
///
/// - **All or nothing.** Of a commit, everything is there or nothing is, whatever happens, and nobody sees a part of it.
/// - **No lost update.** A state is replaced only if its version is the one that was loaded; a message id, a key, a fired timer
///   and a settled delivery each succeed once. Whoever comes second gets a conflict and has changed nothing.
/// - **Order.** Positions of the log are dense, start at 0 and are in the order of commits: entries of a later commit
///   have higher positions, and nobody sees a position before all lower ones. Entries of one commit keep their order.
/// - **Unknown outcomes.** After [`Error::Unavailable`] and [`Error::Full`] a commit may have happened. Loading its messages
///   again tells: known ones are stored. After every other error it has not happened.
/// - **Leases.** A due timer or delivery that was taken is shown to nobody else until its lease ends. The lease is also a fence:
///   once somebody else has taken it, the first one's commit conflicts. So a node that is killed holds up what it had taken
///   for the length of a lease and no longer, and one that only seemed dead cannot do a thing twice.
/// - **Times** are microseconds since 1970, and come from the caller, so that a simulation owns the clock. Nodes that
///   share a home correct theirs by [`skew_us`](Self::skew_us).
/// - **Generations.** States and timers belong to a generation; everything else is common to all. So a changed charter
///   builds the next generation from the log while the present one goes on, and one record says which one is in force.
///
/// # Why it is async
///
/// A commit waits for a disk or a database, and many requests wait at once for the same flush: hundreds of threads would cost
/// more than the work. The futures of [`Memory`](crate::Memory) are ready when they are first polled, so that a simulation
/// needs no runtime and its order is its own.
#[async_trait]
pub trait Keep: Send + Sync + std::fmt::Debug {
    /// What is known about these messages, keys and customers, as of one moment.
    async fn load(&self, wanted: &Wanted) -> Result<Loaded, Error>;

    /// Writes all of it, or nothing. `Ok` means durable.
    async fn commit(&self, commit: Commit) -> Result<Committed, Error>;

    /// Numbers that nobody else gets, all of them above `above`, to be given to new keys. Those that are not used are lost:
    /// numbers are dense but for what a crash or a conflict left out.
    async fn reserve(&self, count: u32, above: Option<KeyNumber>) -> Result<Range<u32>, Error>;

    /// The keys with these numbers, ordered by number; numbers that nobody has are left out.
    async fn keys(&self, numbers: &[KeyNumber]) -> Result<Vec<Key>, Error>;

    /// The keys of these customers, ordered by customer and number.
    async fn keys_of(&self, customers: &[Customer]) -> Result<Vec<Key>, Error>;

    /// The links, and counter-links, in which one of these keys takes part, ordered, each once. No more than `limit`: a key that a
    /// thousand people use is not read whole, and the caller sees by the length that there may be more.
    async fn links(&self, keys: &[KeyNumber], limit: usize) -> Result<Vec<Link>, Error>;

    /// The time of the link of each of these pairs of keys, the smaller number first; `None` where there is no link, whatever is
    /// said against one.
    async fn evidence(&self, pairs: &[(KeyNumber, KeyNumber)]) -> Result<Vec<Option<i64>>, Error>;

    /// A page of all keys, ordered by number, from after `after` on.
    async fn every_key(&self, after: Option<KeyNumber>, limit: usize) -> Result<Vec<Key>, Error>;

    /// A page of all links and counter-links, ordered by their keys, each once, from after `after` on.
    async fn every_link(&self, after: Option<Link>, limit: usize) -> Result<Vec<Link>, Error>;

    /// A page of states, ordered by customer, from after `after` on.
    async fn states(&self, generation: u32, after: Option<Customer>, limit: usize) -> Result<Vec<Stored>, Error>;

    /// Drops all states and timers of a generation.
    async fn drop_generation(&self, generation: u32) -> Result<(), Error>;

    /// The positions that can be read: from the first that was not truncated to the one that the next entry gets.
    async fn log_span(&self) -> Result<Range<u64>, Error>;

    /// Entries from a position on: at least one if there is one, and no more than `limit`, nor than
    /// [`LOG_PAGE_BYTES`](crate::limits::LOG_PAGE_BYTES) but for the last. [`Error::Truncated`] where `from` is gone.
    async fn log(&self, from: u64, limit: usize) -> Result<Vec<Logged>, Error>;

    /// The same as it is kept, for whoever reads much of it: chunks until so many bytes are reached, at least one if there is one.
    async fn chunks(&self, from: u64, bytes: usize) -> Result<Vec<Chunk>, Error>;

    /// Entries of these customers from before the position `before`, the newest first: all that one commit has of them at
    /// once, and no further commit once there are `limit` or [`LOG_PAGE_BYTES`](crate::limits::LOG_PAGE_BYTES). The next page
    /// is before the last one's position; an empty page ends them. Entries are a customer's by the number they were written
    /// under, also where its keys are another's since, unless [an erasure](Self::erase) filed them under another.
    async fn log_of(&self, customers: &[Customer], before: u64, limit: usize) -> Result<Vec<Logged>, Error>;

    /// Drops the entries before this position: they have been exported. May be repeated.
    async fn truncate(&self, before: u64) -> Result<(), Error>;

    /// Takes timers that are due, the earliest first, for as long as the lease lasts. They fire by being in
    /// [`Commit::fired`], together with what they bring about.
    async fn due(&self, generation: u32, take: Take) -> Result<Vec<Due>, Error>;

    /// Takes deliveries of one target that are due, the earliest first; none while the target is paused. They are settled by
    /// [`Commit::settled`].
    async fn deliveries(&self, target: &str, take: Take) -> Result<Vec<Delivery>, Error>;

    /// What waits at each target. Counts everything that waits, and not as of one moment: to look at, not to work by.
    async fn queues(&self) -> Result<Vec<Queue>, Error>;

    /// The deliveries that wait at a target, those that are taken included, the first due first: no more than `limit`. To look at.
    async fn waiting(&self, target: &str, limit: usize) -> Result<Vec<Waiting>, Error>;

    /// A page of the deliveries of a target that were given up, ordered by id, from after `after` on.
    async fn dead(&self, target: &str, after: Option<&[u8]>, limit: usize) -> Result<Vec<Dead>, Error>;

    /// A page of the records whose name begins like this, ordered by name, from after `after` on.
    async fn records(&self, prefix: &str, after: Option<&str>, limit: usize) -> Result<Vec<Record>, Error>;

    /// Deletes everything of these customers but their entries in the log: states and timers of every generation, deliveries,
    /// keys, and links of those keys. What becomes of an entry is told by its position, because whose it is need not be the
    /// one it was written under; those that were erased before, or are not there, are passed over. `keys` are all keys that the
    /// customers had when they were looked for: where they have others by now, somebody else became one with them or they lost
    /// one to somebody else, it is a [`Conflict`](Error::Conflict) and nothing is written. When it returns, no file of an
    /// embedded home holds bytes of what is gone; see [`Postgres`](crate::Postgres) for what its server keeps, and for how
    /// long.
    async fn erase(
        &self,
        customers: &[Customer],
        keys: &BTreeSet<KeyNumber>,
        entries: &BTreeMap<u64, Fate>,
    ) -> Result<Erased, Error>;

    /// What has to be added to the caller's clock so that all nodes of this home agree, at least and at most: the longer the way to
    /// the home, the less is known. 0 where there is one node.
    async fn skew_us(&self, now_us: i64) -> Result<RangeInclusive<i64>, Error>;

    /// Writes a copy, as of now, into a folder that is empty or not there, while commits go on: a backup, which is opened like
    /// any other home. [`Error::Invalid`] where something is in the folder, or where this home is copied by other means.
    async fn copy_to(&self, _folder: &Path) -> Result<(), Error> {
        Err(Error::Invalid { what: "this home of live state has to be backed up where it is".to_owned() })
    }

    /// Finishes what was begun and lets go of files and connections. Afterwards everything is [`Error::Unavailable`].
    async fn close(&self);
}
