//! Deliveries: against real receivers on this machine, and against a simulated one over days.
#![expect(clippy::unwrap_used, reason = "a test may fail anywhere")]

mod addresses;
mod clocks;
mod managing;
mod receiver;
mod sending;
mod setting;
mod simulated;
