//! Every bound of this crate, by name.

/// Identifiers of one message, those included that the charter takes from its columns; more are not looked at, and the
/// message says so.
pub(crate) const KEYS_MAX: usize = 32;

/// Bytes of the kind and value of a key. A longer one names nobody.
pub(crate) const KEY_BYTES_MAX: usize = 1_000;

/// An id of a message that is shorter may be one that is counted, as `order-17`, and others may have it for something else. SDKs draw
/// theirs by chance, and a UUID has 32 digits.
pub(crate) const COUNTED_ID_BYTES: usize = 32;

/// Keys that are looked at to find out who is who. Whoever has more around them stays as they are, and the evidence waits.
pub(crate) const AROUND_KEYS_MAX: usize = 5_000;

/// Links that are read at once around some keys.
pub(crate) const AROUND_LINKS_MAX: usize = 20_000;

/// Numbers for keys that are reserved at once; those that are left when the program ends are lost.
pub(crate) const NUMBERS_RESERVED: u32 = 256;

/// Pairs of keys that are remembered to be linked, so that the same evidence is not looked up again: 12 bytes each. A million
/// customers with two keys each fit, where some sets of pairs are fuller than others.
pub(crate) const LINKS_REMEMBERED: usize = 3 << 19;

/// How often a batch is tried again at once when others were quicker; then it has its turn alone.
pub(crate) const COLLISIONS_MAX: usize = 4;

/// Messages of several batches that are taken in together, and their bytes: what waits beyond them has its turn after them, so
/// that whoever comes with one waits for a commit of a few milliseconds.
pub(crate) const TOGETHER_MESSAGES: usize = 512;

/// See [`TOGETHER_MESSAGES`].
pub(crate) const TOGETHER_BYTES: usize = 8 << 20;

/// Groups of batches that are on their way at the same time: one is worked on while another one is written.
pub(crate) const LANES: usize = 2;

/// Batches of up to so many messages have a lane of their own besides.
pub(crate) const QUICK_MESSAGES: usize = 8;

/// Batches that wait to be taken in. Beyond them the sender is told to come again.
pub(crate) const BATCHES_WAITING: usize = 1_024;

/// Questions, and batches that take the history of a customer, that are worked on at the same time; more wait for their turn.
pub(crate) const BATCHES_AT_ONCE: usize = 64;

/// How far ahead of the clock an event may lie, in microseconds: one hour, for clocks that differ. Messages of SDKs that say
/// more are set to their arrival; what else lies further ahead is refused, because no event could ever come after it.
pub(crate) const AHEAD_US_MAX: i64 = 3_600 * 1_000_000;

/// How often states are built anew within a batch, so that an event of it is decided on without what comes after it. Whoever sends
/// old and new events in turns has the history of a customer read this often, and once more.
pub(crate) const REBUILT_AT_ONCE: usize = 32;

/// An event that is older brings about no action by itself: whoever did it is not there any more. In microseconds.
pub(crate) const ACTED_ON_US: i64 = 3_600 * 1_000_000;

/// Occasions of one customer that wait until time lets something in, for any moment and those before it; on what happens beyond them
/// it is not decided again then.
pub(crate) const POSTPONED_MAX: usize = 16;

/// All of them: what waits for a cap that ends in weeks leaves room for what waits for the morning.
pub(crate) const POSTPONED_ALL_MAX: usize = 2 * POSTPONED_MAX;

/// Timers that are worked off at once, between which requests have their turn.
pub(crate) const TIMERS_AT_ONCE: usize = 256;

/// For how long nobody else gets timers that were taken.
pub(crate) const TIMERS_LEASE_US: i64 = 30 * 1_000_000;

/// States that are built anew by another charter in one commit.
pub(crate) const FOLLOWED_AT_ONCE: usize = 64;

/// States that are looked at, whether they are by the charter, at once. Many, because for each page all that came in lately is
/// looked through.
pub(crate) const STATES_FOLLOWED: usize = 1024;

/// Entries of the log that are read at once.
pub(crate) const LOG_AT_ONCE: usize = 4_096;

/// Entries of the log that are read at once where the newest are looked at first: few are wanted most of the time, and all that are
/// read are in memory together.
pub(crate) const LOG_BACKWARDS: u64 = 512;

/// Keys and links that are read at once where all are read.
pub(crate) const ROWS_AT_ONCE: usize = 65_536;

/// Bytes of the log, as it is kept, that one core reads at once when all of it is read.
pub(crate) const CHUNKS_BYTES: usize = 1 << 20;

/// Customers with neighbouring numbers whose states are compared with the log at once.
pub(crate) const NEIGHBOURS: i64 = 8_192;

/// Bytes of what the log says of customers that are held when all states are compared with it; beyond them the log is read
/// again for the rest.
pub(crate) const LAID_ASIDE_BYTES: usize = 512 << 20;

/// The same when they follow another charter, while requests are answered.
pub(crate) const FOLLOWED_BYTES: usize = 256 << 20;

/// Changes that wait for a listener who is slow; beyond them the oldest are passed over, and the listener is told.
pub(crate) const CHANGES_WAITING: usize = 1_024;

/// Events that are shown of a customer's timeline where nothing else is asked for.
pub(crate) const TIMELINE_EVENTS: usize = 200;

/// How often it is looked for timers that are due, in microseconds.
pub(crate) const TIMERS_POLL_US: i64 = 100_000;

/// Entries of the log that are handed to history at once, about.
pub(crate) const EXPORT_ENTRIES: usize = 500_000;

/// Bytes of them, about.
pub(crate) const EXPORT_BYTES: usize = 64 << 20;

/// Bytes of events that wait in memory to be handed to history; beyond them it is read from the log.
pub(crate) const TAIL_BYTES: usize = 32 << 20;

/// From so many entries on they are handed over without waiting for more.
pub(crate) const EXPORT_AT_ONCE: u64 = 50_000;

/// How often what came in is handed to history, in microseconds.
pub(crate) const EXPORT_EVERY_US: i64 = 300_000;

/// When it is tried again after history took nothing in, in microseconds.
pub(crate) const EXPORT_RETRY_US: i64 = 1_000_000;

/// Decisions whose customers' histories are read at once, to find what followed.
pub(crate) const DECISIONS_AT_ONCE: usize = 64;

/// Entries of the log that are looked through for each decision that is asked for: a million for a page of a thousand, in seconds.
pub(crate) const ENTRIES_A_DECISION: usize = 1_000;

/// Lessons that are read at once when it is looked for new ones; where all of them are new, more, up to [`LOG_AT_ONCE`].
pub(crate) const LESSONS_AT_FIRST: usize = 16;

/// How often it is looked for what other processes have learnt, in microseconds.
pub(crate) const LESSONS_LOOKED_US: i64 = 1_000_000;

/// How often models are kept, in microseconds.
pub(crate) const MODELS_KEPT_US: i64 = 5_000_000;
