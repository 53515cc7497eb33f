//! HTTP: what others speak at their paths, and our own API.
//!
//! A request is read whole ([`limits`] says how much), finds its route, whose list is also the `OpenAPI` document, and is
//! answered from the engine. What was sent is answered once it is durable.
//! It may know HTTP, keys and what clients look for in an answer; it must not know what an event means or how a decision is
//! made.

mod access;
mod app;
mod backups;
mod body;
mod cors;
mod counted;
mod keys;
pub mod limits;
mod metrics;
mod openapi;
mod problem;
mod room;
mod routes;
mod sender;
mod server;
mod traces;

pub use backups::{Backup, Backups};
pub use keys::{Given, Role};
pub use problem::Code;
pub use server::{Error, FirstKeys, Happened, Log, Options, Server};
pub use traces::Traces;
