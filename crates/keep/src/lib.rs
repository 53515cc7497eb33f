//! Live state and the durable log: what the engine knows of every customer, kept so that an answer that was given stays true.
//!
//! One trait, [`Keep`], with three homes: [`Memory`] (simulation, with faults to order), [`Embedded`] (one process, a folder)
//! and [`Postgres`] (any number of processes). It may know disks, databases and clocks of databases; it must not know what is
//! inside a state, an entry or a timer (bytes), what a key means, nor who is who: it keeps what it is given.

mod keep;

mod commit;
mod error;
pub mod limits;
mod loaded;
mod map;

mod bytes;
mod ledger;
mod store;

mod embedded;
mod give_way;
mod memory;
mod postgres;

pub use commit::{Change, Commit, Entry, Fired, Link, Outcome, Post, RecordChange, Settled, StateChange, Timer, Was};
pub use embedded::{Embedded, EmbeddedOptions};
pub use error::{Conflict, Error};
pub use give_way::give_way;
pub use keep::Keep;
pub use ledger::chunk::Chunk;
pub use loaded::{
    Committed, Customer, Dead, Delivery, Due, Erased, Fate, Key, KeyNumber, Lease, Loaded, Logged, MessageId, Queue,
    Record, Stored, Take, TimerId, Version, Waiting, Wanted,
};
pub use memory::{Fault, Memory, Operation};
pub use postgres::Postgres;
