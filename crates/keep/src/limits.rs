//! Every bound of this crate, by name.

use std::time::Duration;

/// The format of an embedded home that this program writes and reads. One with a higher number was written by a newer program.
pub(crate) const FORMAT: u32 = 9;

/// The same of the tables in `PostgreSQL`.
pub(crate) const SCHEMA_FORMAT: u32 = 7;

/// For how long a message id is known where nothing else is said: 30 days.
pub const MESSAGES_KNOWN_US: i64 = 30 * 24 * 3600 * 1_000_000;

/// Parts into which that time is divided. A part is dropped whole when its last id has been known for long enough, so that an id
/// is known for the time asked for, and at most a third longer. More parts waste less room, and make every lookup longer:
/// an id that nobody has seen is looked for in all of them.
pub(crate) const MESSAGE_BUCKETS: i64 = 3;

/// Bytes of a key. `PostgreSQL` indexes no more than 2,704.
pub const KEY_BYTES_MAX: usize = 2_000;

/// Bytes of the id of a timer or delivery, of the name of a target or record.
pub const ID_BYTES_MAX: usize = 512;

/// Bytes of a state, an entry, a timer, a delivery or a record.
pub const VALUE_BYTES_MAX: usize = 16 << 20;

/// Bytes of one commit.
pub const COMMIT_BYTES_MAX: usize = 64 << 20;

/// Commits that wait to be written, and their bytes. Beyond them a commit is [`Busy`](crate::Error::Busy).
pub(crate) const QUEUED_COMMITS_MAX: usize = 4_096;

/// See [`QUEUED_COMMITS_MAX`].
pub(crate) const QUEUED_BYTES_MAX: usize = 128 << 20;

/// Bytes that are written with one flush: what waits beyond them is in the next one, so that nobody waits for too long.
pub(crate) const GROUP_BYTES_MAX: usize = 8 << 20;

/// Bytes of log entries that are read at once.
pub const LOG_PAGE_BYTES: usize = 8 << 20;

/// Why a delivery failed is kept up to this length.
pub(crate) const WHY_BYTES_MAX: usize = 1_000;

/// Message ids are known for no less than this, so that a retry is recognised.
pub const MESSAGES_KNOWN_US_MIN: i64 = 1_000_000;

/// Blocks of files, and rows, that an embedded home holds in memory where nothing else is said.
pub const CACHE_BYTES: u64 = 104 << 20;

/// Up to so many rows are read by the thread that asks, from memory or the page cache mostly, in some tens of microseconds.
pub(crate) const INLINE_ROWS_MAX: usize = 64;

/// Rows that are counted before whoever writes may go on: some milliseconds.
pub(crate) const COUNTED_ROWS: usize = 4_096;

/// What came in last is held in memory up to this size, about, and then folded into the tables: up to twice as much while that
/// goes on.
pub(crate) const FRESH_BYTES: usize = 40 << 20;

/// When nothing has come for so long, what came in last is folded as well, from this part of [`FRESH_BYTES`] on: whoever rests needs
/// no room for it.
pub(crate) const RESTING_AFTER: Duration = Duration::from_secs(10);

/// See [`RESTING_AFTER`].
pub(crate) const RESTING_SHARE: usize = 16;

/// The journal of an embedded home beyond which the same is done, because it is read again after a crash: up to twice as much, at
/// about a second of one core for 400 MB.
pub(crate) const JOURNAL_BYTES_MAX: u64 = 128 << 20;

/// Bytes of a file of states beyond which the next one begins: a state's place is 30 bits of where in its file it is.
pub(crate) const STATES_FILE_BYTES: u64 = 1 << 30;

/// Files of states of a generation, each of which is open: beyond them small ones are put together.
pub(crate) const STATES_FILES_MAX: usize = 64;

/// Keys beyond which runs do not become one: those are 64 MiB, and who folds copies them in about a second of one core.
pub(crate) const RUN_KEYS: u64 = 4 << 20;

/// Room that there has to be on the disk again before writing goes on after it was full.
pub(crate) const ROOM_BYTES: usize = 16 << 20;

/// Rows of which it is remembered which group of commits changed them: a number each. A commit that was loaded before all of them is
/// checked by reading.
pub(crate) const RECENT_ROWS: usize = 1 << 17;

/// The same of groups: a question is looked up in each that came since.
pub(crate) const RECENT_GROUPS: usize = 64;

/// Connections of a node to `PostgreSQL` for reading, besides the one that commits.
pub(crate) const READERS: usize = 3;

/// How long connecting to `PostgreSQL` may take.
pub(crate) const CONNECT_SECONDS: u64 = 5;

/// A node that says nothing for so long in the middle of a commit, or at all, is let go of by `PostgreSQL`.
pub(crate) const SILENT_SECONDS: u64 = 10;

/// How long an answer of `PostgreSQL` is waited for until the server is asked, on another way, whether it is at work for it: if not,
/// the way to it is gone. It is more than [`SILENT_SECONDS`], because a commit may wait for a node that is
/// silent.
pub(crate) const ANSWER_TIME_MAX: Duration = Duration::from_secs(15);

/// How long that question may take; then the server is gone, too.
pub(crate) const AT_WORK_TIME_MAX: Duration = Duration::from_secs(5);

/// How often a group of commits is tried again after it got into another node's way.
pub(crate) const COLLISIONS_MAX: usize = 10;

/// Rows of a generation that are deleted at once.
pub(crate) const DELETED_ROWS: i64 = 10_000;

/// Bytes of chunks of the log that are read from `PostgreSQL` at once.
pub(crate) const LOG_READ_BYTES: i64 = 2 << 20;

/// Blocks of files held in memory while a copy is written, which reads nothing.
pub(crate) const COPY_CACHE_BYTES: u64 = 1 << 20;
