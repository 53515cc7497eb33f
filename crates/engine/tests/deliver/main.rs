//! Deliveries: against real receivers on this machine, and against a simulated one over days.

mod addresses;
mod managing;
mod receiver;
mod sending;
mod setting;
mod simulated;
