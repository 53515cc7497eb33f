//! Actions out: what a decision brings about goes to other systems as signed webhooks, and is never lost.
//!
//! The commit that decides also writes a [`keep::Post`], whose bytes are the message as it will be sent ([`Message`]). Each
//! [`Target`] has a queue and a task of its own, so that a dead or slow one slows nobody else. An attempt resolves the target's
//! host, refuses addresses that nobody outside should be able to reach through us ([`Webhooks`]), signs the bytes and sends them.
//! What comes back decides: done, later, or given up and kept to be looked at. A process that is killed in the middle of an
//! attempt sends the message again with the same id, after the lease of that attempt has ended.
//!
//! It may know targets, HTTP and addresses; it must not know what an action means, nor customers.

mod address;
mod answer;
mod counts;
mod error;
mod gate;
mod judge;
pub mod limits;
mod manage;
mod message;
mod outbox;
mod secret;
mod shown;
mod sign;
mod stored;
mod target;
mod webhooks;
mod wire;

pub use counts::Counts;
pub use error::Error;
pub use gate::{Gate, Sending};
pub use manage::Put;
pub use message::{Message, message_id};
pub use outbox::Outbox;
pub use secret::Secret;
pub use shown::{ShownDead, ShownTarget, ShownWaiting};
pub use target::{Hold, Holder, Signing, Target};
pub use webhooks::{Lookup, SystemLookup, Webhooks};
pub use wire::{Answer, Request, Wire};
