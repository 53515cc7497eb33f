//! Every bound of this crate, by name.

use std::time::Duration;

/// The largest body of a request, as sent and once decompressed, in bytes.
pub const BODY_BYTES_MAX: usize = listen::limits::BODY_BYTES_MAX;

/// How much of a body that is too large is read and thrown away, so that its sender sees the answer and does not take it
/// for a broken connection.
pub(crate) const DRAINED_BYTES_MAX: u64 = 64 << 20;

/// What all bodies that are being worked on may take together, in bytes. Beyond it, requests are told to come again.
pub(crate) const BODIES_BYTES_MAX: usize = 256 << 20;

/// The same of requests that have no key in their head, or one that nobody knows: they take no room from others.
pub(crate) const STRANGERS_BYTES_MAX: usize = 64 << 20;

/// What one sender may take of that. The largest body, and all that is made of it, fit.
pub(crate) const STRANGER_BYTES_MAX: usize = STRANGERS_BYTES_MAX / 4;

/// Senders who are known apart before those are forgotten who have no body here any more.
pub(crate) const STRANGERS_APART: usize = 1_000;

/// How long the head of a request may take, and how long a connection may do nothing, or its client read nothing of what is
/// answered, where nothing else is said.
pub const HEAD_TIME_MAX: Duration = Duration::from_secs(20);

/// How long the body of a request may take, where nothing else is said.
pub const BODY_TIME_MAX: Duration = Duration::from_secs(30);

/// How long an answer may take.
pub(crate) const ANSWER_TIME_MAX: Duration = Duration::from_secs(30);

/// How long an answer waits for a backup; a longer one goes on without it.
pub(crate) const BACKUP_TIME_MAX: Duration = Duration::from_secs(25);

/// Bytes of the name of a backup.
pub(crate) const BACKUP_NAME_MAX: usize = 100;

/// How long a TLS handshake may take.
pub(crate) const HANDSHAKE_TIME_MAX: Duration = Duration::from_secs(10);

/// How long requests that are being answered may take after the server was told to stop.
pub(crate) const STOP_TIME_MAX: Duration = Duration::from_secs(20);

/// The head of a request, in bytes.
pub(crate) const HEAD_BYTES_MAX: usize = 64 << 10;

/// Connections at a time where nothing else is said. Beyond them, new ones wait.
pub const CONNECTIONS_MAX: usize = 10_000;

/// Requests of a key per second where nothing else is said; twice as many at once.
pub const REQUESTS_PER_SECOND_MAX: u32 = 50_000;

/// Bodies of this size and larger are read by a thread of their own, so that they hold up nobody else.
pub(crate) const INLINE_BYTES_MAX: usize = 64 << 10;

/// Keys that are kept.
pub(crate) const KEYS_MAX: usize = 10_000;

/// How often keys are read again, for those that another node made or withdrew.
pub(crate) const KEYS_READ_EVERY: Duration = Duration::from_secs(5);

/// Records that are read at once.
pub(crate) const RECORDS_PAGE: usize = 1_000;

/// Rows of an answer, where nothing else is asked for.
pub(crate) const ROWS: usize = 100;

/// Rows of an answer that may be asked for.
pub(crate) const ROWS_MAX: usize = 1_000;

/// For how long what waits at each target is not counted again for `/metrics`, which asks for no key.
pub(crate) const COUNTED_FOR: Duration = Duration::from_secs(5);

/// Streams of changes at a time.
pub(crate) const STREAMS_MAX: usize = 256;

/// How often a stream without changes says that it is alive, where nothing else is said.
pub const ALIVE_EVERY: Duration = Duration::from_secs(15);

/// After how long those who were told to come again may do so, in seconds.
pub(crate) const RETRY_AFTER_SECONDS: u64 = 1;
