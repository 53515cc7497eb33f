//! A telecom company that does not exist, through one year of its customers' lives.
//!
//! The demo and the methods need an organisation whose truth is known: who is who, what was promised, what broke, and what
//! that did. Customers here want things (buy, get help, see a bill), meet departments that have opening hours and queues, are
//! kept waiting, are handed over, come back, answer surveys or do not, and renew or leave. Everything is told the way a company
//! would export it: nine files that disagree about keys, separators and dates. `truth.json` says what was planted.
//!
//! It is a discrete-event simulation: one queue of tasks in time order, so that customers wait behind each other.

mod clock;
mod desk;
mod export;
mod life;
mod person;
mod truth;

pub use export::{Error, Export};

/// How large the organisation is, and which one of all the possible ones.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// How many customers it has at the start of the year.
    pub customers: u32,
    /// The seed.
    pub seed: u64,
}

/// Lives through the year and returns the files.
pub fn simulate(settings: Settings) -> Export {
    let mut world = life::World::new(settings);
    world.live();
    world.finish()
}

#[cfg(test)]
mod tests;
