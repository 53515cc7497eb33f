//! The bounds of this crate, each with what happens beyond it.

/// Up to this many moments, pairs of moments are looked up in a square table (1 MiB at the limit); beyond, in a hash
/// map, since a square of 5,000 moments would take 100 MB for the few pairs that occur.
pub(crate) const SQUARE_MOMENTS_MAX: usize = 512;

/// Durations that one fold keeps exactly before it turns to a sketch, in bytes.
pub(crate) const EXACT_TIMES_BYTES: u64 = 256 << 20;

/// Durations that one fold keeps exactly whatever the budget, since their positions have 32 bits: 8 GiB.
pub(crate) const HELD_MAX: u64 = 1 << 30;

/// Durations that wait, once a fold sketches, before they are taken into the sketches: 8 MiB, few enough to stay cheap
/// and many enough to be worth a pass over all sketches.
pub(crate) const WAITING_DURATIONS_MAX: u64 = 1 << 20;

/// The most steps that the step matrix and the flow go; beyond, nobody could read them, and memory grows with each.
pub(crate) const STEPS_MAX: usize = 100;

/// Contacts of one interaction that follow each other within this time on the same channel are one contact: half an hour,
/// after which web analytics begins a new session.
pub(crate) const CONTACT_US: i64 = 30 * 60 * 1_000_000;
/// The most customers that are named as examples of one thing.
pub(crate) const EXAMPLES_MAX: usize = 10;

/// The most channels that are shown apart; data that have hundreds hold something else in that column.
pub(crate) const CHANNELS_SHOWN_MAX: usize = 50;
/// The most periods or brackets that retention follows a cohort for; beyond, nobody could read them.
pub(crate) const RETENTION_PERIODS_MAX: usize = 400;

/// Durations that are kept on either side of those that the figures need, so that they are still exact when as many came or
/// went; beyond, it is asked afresh.
pub(crate) const MARGIN_DURATIONS: u64 = 64;

/// Of a long list one in so many more, on either side: durations that all are long, as those of customers who come back,
/// move the 90th percentile by nearly as many as they are, and a list of one for each customer changes in as many places as
/// customers have new events. All lists together keep one duration in fifty at most.
pub(crate) const MARGIN_ONE_IN: u64 = 200;

/// Customers that are kept beyond those that are named as examples, to take the place of some that are no longer.
pub(crate) const EXAMPLES_KEPT_MAX: usize = 8 * EXAMPLES_MAX;
