//! Every bound of deliveries, by name.

use std::time::Duration;

/// How long an attempt may take, from asking for the address to the answer.
pub const ATTEMPT: Duration = Duration::from_secs(15);

/// For how long nobody else gets a delivery that was taken. Longer than an attempt, so that a slow answer is not overtaken.
pub const LEASE_US: i64 = 60 * SECOND_US;

/// After how long it is asked again whether something may be sent where that cannot be told; after twice as long each time that it still
/// cannot.
pub const UNSURE_US: i64 = 5 * SECOND_US;

/// The longest of these.
pub const UNSURE_US_MAX: i64 = 5 * MINUTE_US;

/// Deliveries of a target of which it is remembered how long they were put off because of that; any other is by [`UNSURE_US`].
pub const UNSURE_KNOWN: usize = 10_000;

/// Attempts at one target at a time.
pub const IN_FLIGHT: usize = 16;

/// How often a queue is looked at besides when something is posted: retries fall due, and other nodes post, too.
pub const POLL: Duration = Duration::from_secs(1);

/// How often it is looked at which targets there are.
pub const REFRESH: Duration = Duration::from_secs(5);

/// Targets.
pub const TARGETS_MAX: usize = 256;

/// How long to wait before each attempt, after the one before has failed: those that Standard Webhooks recommends. About 76
/// hours in all.
pub const DELAYS_US: [i64; 10] = [
    0,
    5 * SECOND_US,
    5 * MINUTE_US,
    30 * MINUTE_US,
    2 * HOUR_US,
    5 * HOUR_US,
    10 * HOUR_US,
    14 * HOUR_US,
    20 * HOUR_US,
    24 * HOUR_US,
];

/// A delay is up to one part in so many longer or shorter, so that what failed together does not come back together.
pub const JITTER_PARTS: i64 = 10;

/// A target that says when to come back is believed up to this.
pub const RETRY_AFTER_US_MAX: i64 = 24 * HOUR_US;

/// A target at which everything has failed for so long is put on hold.
pub const FAILING_US_MAX: i64 = 5 * 24 * HOUR_US;

/// For how long both secrets sign after a change.
pub const ROTATION_US: i64 = 24 * HOUR_US;

/// Secrets that sign at a time.
pub const SECRETS_MAX: usize = 4;

/// Bytes of a secret, as Standard Webhooks has it.
pub const SECRET_BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// Bytes of a secret that is made here.
pub const SECRET_BYTES_MADE: usize = 32;

/// Bytes of the name of a target.
pub const NAME_BYTES_MAX: usize = 200;

/// Bytes of an address.
pub const URL_BYTES_MAX: usize = 2_000;

/// Hosts and addresses that a target may name although they are private.
pub const ALLOWED_MAX: usize = 100;

/// Bytes of an answer that are read; a target that sends more has its connection closed.
pub const ANSWER_BYTES_MAX: usize = 16 << 10;

/// How long the rest of an answer is waited for once its status is known.
pub const ANSWER_REST: Duration = Duration::from_secs(1);

/// Characters of an answer that are kept with a failure.
pub const ANSWER_SHOWN_MAX: usize = 200;

/// How long a connection may lie idle to be used again.
pub const IDLE: Duration = Duration::from_secs(20);

/// Sets of connections: one for each different `allow` of the targets, usually one in all. Beyond it, all are made anew.
pub const LINES_MAX: usize = 64;

/// Times that a change is tried again when somebody else was quicker.
pub const TRIES_MAX: usize = 5;

/// Deliveries that are read at once where all are worked on.
pub const PAGE: usize = 500;

/// A second.
pub(crate) const SECOND_US: i64 = 1_000_000;

/// A minute.
pub(crate) const MINUTE_US: i64 = 60 * SECOND_US;

/// An hour.
pub(crate) const HOUR_US: i64 = 60 * MINUTE_US;
