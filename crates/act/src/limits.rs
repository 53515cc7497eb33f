//! The bounds of what is kept of one customer, each with what happens beyond it. Every one of them shows in
//! [`Customer::bounds`](crate::Customer::bounds) when it was reached.

/// How many of a customer's latest events are kept as they came, so that one which arrives late still falls into its place
/// without the customer's history. What belongs before all of them asks for the history
/// ([`Effects::replay`](crate::Effects::replay)).
pub const LATE_EVENTS_MAX: usize = 12;

/// How many times, or amounts, one feature with `within` keeps; beyond, the oldest is forgotten. Where the window reaches back
/// that far, a count is one more than this, which stands for "more than that", and a sum is not known.
pub const SERIES_MAX: usize = charter::actions::WINDOW_MAX as usize;

/// How many promises may be open for one customer; beyond, the oldest is given up.
pub const PROMISES_OPEN_MAX: usize = 64;

/// How many interactions may be open for one customer; beyond, the one that was silent longest is given up.
pub const INTERACTIONS_OPEN_MAX: usize = 32;

/// How many decisions are kept for one customer of each action that a cap counts or that is learnt from, and of all other
/// actions together; of those that are learnt from, as many besides. Beyond, the oldest of them is forgotten. No cap counts further.
pub const DECISIONS_MAX: usize = charter::actions::CAP_TIMES_MAX as usize;

/// How many decisions of one customer may wait at a time for the outcome that is learnt from; another one that is made meanwhile
/// teaches nothing, whatever follows.
pub const LESSONS_WAITING_MAX: usize = 16;

/// How many purposes a customer may have decided on; beyond, the one that was decided longest ago is forgotten, which counts
/// as no consent.
pub const CONSENTS_MAX: usize = 32;

/// How much of a text is kept, in bytes: of a feature with `last`, or of a column that the condition of an action names. A
/// longer one is cut.
pub const TEXT_BYTES_MAX: usize = charter::actions::TEXT_BYTES_MAX;

/// How long the name of a purpose may be, in bytes; a longer one is cut.
pub const PURPOSE_BYTES_MAX: usize = 64;
