//! Every bound of this crate, by name.

use std::time::Duration;

/// Buckets that a new lake is divided into: enough that all cores have work and a bucket that is written again is a small
/// part of the lake, few enough that a small lake is a handful of files.
pub(crate) const BUCKETS: u32 = 64;

/// Customers with neighbouring numbers share a bucket in blocks of this size, so that the differences between neighbouring
/// customers in a file are 0 or 1, which take one bit each.
pub(crate) const CUSTOMERS_PER_BLOCK: i64 = 256;

/// Sorted runs that a bucket may have before they are merged, and files of keys or links besides the first.
pub(crate) const RUNS_MAX: usize = 8;

/// Rows of so many customers may wait to be put where they belong, or of one for so many rows, and for so long: to put them
/// there takes about as long as to import all rows, and voids what was kept of answers.
pub(crate) const WAITING_MIN: u64 = 1024;
pub(crate) const WAITING_ROWS: u64 = 1024;
pub(crate) const WAITING_MAX: Duration = Duration::from_hours(1);

/// All of them may have so many events, or one of so many: every question reads them on one core, and holds them in memory.
pub(crate) const WAITING_EVENTS_MIN: u64 = 1 << 16;
pub(crate) const WAITING_EVENTS_ROWS: u64 = 64;

/// What was said of rows that wait stays for so many commits, for whoever has opened the lake before them.
pub(crate) const WAITING_FILES: i64 = 64;

/// Rows in a row group of the events table: what a reader holds of one bucket at a time.
pub(crate) const ROW_GROUP_ROWS: usize = 1 << 20;

/// Bytes of a run from which on it is compressed, as is one that a compressed one goes into. Whoever writes every second makes
/// one for each bucket, soon to be merged with others: making ready to compress the columns of each would take longer than
/// writing them.
pub(crate) const COMPRESSED_FROM: u64 = 256 << 10;

/// Rows in a batch when a fold reads: its columns stay in the second-level cache.
pub(crate) const BATCH_ROWS: usize = 16_384;

/// Rows in a batch of keys or links. Those that programs wrote before have row groups of any size, and a text that is repeated
/// takes up nothing there: a batch has room for keys of a mebibyte.
pub(crate) const SMALL_BATCH_ROWS: usize = 1024;

/// Bytes that one bucket's part of an import may take up in memory before it is written to its spill file.
pub(crate) const SPILL_BUFFER_BYTES: usize = 256 << 10;

/// An event may lie so far ahead of the time at which the lake was written: clocks differ. 5 minutes.
pub(crate) const AHEAD_US: i64 = 300_000_000;

/// Rows that are taken from the spill into one batch of columns when a run is written.
pub(crate) const WRITE_BATCH_ROWS: usize = 1 << 16;

/// Bytes of text in a batch of columns, read or written: beyond, it has fewer rows. A single row may have more.
pub(crate) const BATCH_BYTES: usize = 16 << 20;

/// Bytes of text in a row group of the events table: beyond, it has fewer rows. No batch that is read of it can have more, so
/// that a column always has room for it, and several of them are in memory at once.
pub(crate) const ROW_GROUP_BYTES: usize = 128 << 20;

/// Bytes of rows that are sorted in memory at a time, on all cores together. A bucket that has more is sorted in pieces, which
/// wait on disk until they are merged.
pub(crate) const SORT_BYTES: usize = 512 << 20;

/// One core sorts at least so many at a time, however many cores there are.
pub(crate) const SORT_BYTES_MIN: usize = 32 << 20;

/// Pieces that buckets are sorted in at most, on all cores together, but a few on each: all are open when they are merged, and
/// a process may often have no more than 1024 files open. Beyond, they are larger.
pub(crate) const PIECES_MAX: usize = 256;
pub(crate) const PIECES_MIN: usize = 8;

/// The format of the lake that this program writes. A lake with a higher number was written by a newer program.
pub(crate) const FORMAT: u32 = 1;

/// Columns that a table of `SQLite` may have: one for each attribute of a type of events.
pub(crate) const SQLITE_COLUMNS_MAX: usize = 2000;

/// Bytes of events that wait to be told object by object; beyond, the objects are told in several passes.
pub(crate) const OF_BYTES_MAX: usize = 512 << 20;

/// Parts that objects are divided into, by their numbers: a pass takes as many as have room.
pub(crate) const OF_PARTS: usize = 256;

/// From so many events the names of properties and traits are learnt, to offer one for a name that no event has.
pub(crate) const NAMED_ROWS: usize = 20_000;

/// Bytes that a home keeps of answers; those that were used least lately make room.
pub(crate) const KEPT_BYTES_MAX: u64 = 256 << 20;

/// An answer that went on from what was kept is kept anew where it takes no more bytes than this, or than so many for each
/// event that was read for it: writing a byte takes about a hundredth of the time of reading an event.
pub(crate) const WRITTEN_MIN: u64 = 1 << 20;
pub(crate) const WRITTEN_PER_EVENT: u64 = 128;

/// So many customers of whom something has changed are always read by themselves.
pub(crate) const TOUCHED_MIN: u64 = 1024;

/// Beyond that, a question is asked afresh where there is more than one such customer for so many events.
pub(crate) const TOUCHED_ROWS: u64 = 64;

/// Who wants to write waits so long for whoever does, and looks so often: a server that hands over a lot beside requests holds the
/// lake for seconds. Who hands over from a live log waits less, as it tries again anyway and may have to end.
pub(crate) const LOCK_WAITED: Duration = Duration::from_mins(1);
pub(crate) const LOCK_WAITED_LIVE: Duration = Duration::from_secs(10);
pub(crate) const LOCK_TRIED_EVERY: Duration = Duration::from_millis(20);

/// Ranges of arrival numbers that were told to live state, and that are remembered in case it is set back. Each is two names with a
/// number in every checkpoint of the events table.
pub(crate) const TOLD_RANGES: usize = 64;
