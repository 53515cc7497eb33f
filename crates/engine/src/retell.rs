//! The whole log, told again customer by customer: read once, by several cores, and what it says laid aside until the last
//! entry is read. Where more is laid aside than memory is meant for, it is read again for the rest.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use futures::executor::block_on;
use keep::{Chunk, Customer, Stored};
use tokio::sync::watch;

use crate::engine::Engine;
use crate::error::Error;
use crate::everybody::Everybody;
use crate::hands::Hands;
use crate::limits::{CHUNKS_BYTES, NEIGHBOURS};
use crate::rebuild::{Past, Recalled};
use crate::shelf::{Parts, Row, Shelf, each_customer};

/// How a log is told again.
pub(crate) struct Retelling<'e> {
    pub(crate) engine: &'e Engine,
    everybody: Everybody,
    parts: Parts,
    /// How much may be laid aside.
    pub(crate) bytes_max: usize,
    /// Whether events are told from which nothing follows.
    pub(crate) all_events: bool,
    /// Who says that it is to end before it is through.
    pub(crate) stop: Option<watch::Receiver<bool>>,
}

/// How far the log was read.
struct Reading {
    at: u64,
    until: u64,
    /// Parts from this one on are left for when the log is read again.
    parts_until: usize,
    laid_aside_bytes: usize,
}

/// Neighbouring customers: their states as they are kept, and what the log says of them.
pub(crate) struct Neighbours {
    states: Vec<Stored>,
    rows: Vec<Row>,
}

impl Neighbours {
    /// Each that has a state, or of whom the log says something, in the order of their numbers. No state is an empty one.
    pub(crate) fn each(self, mut visit: impl FnMut(Stored, Past) -> Result<(), Error>) -> Result<(), Error> {
        let mut states = self.states.into_iter().peekable();
        each_customer(&self.rows, |customer, recalled| {
            while let Some(before) = states.next_if(|stored| stored.customer < customer) {
                visit(before, Past::default())?;
            }
            let none = Stored { customer, version: keep::Version::NONE, bytes: Vec::new() };
            let stored = states.next_if(|stored| stored.customer == customer).unwrap_or(none);
            let mut past = Past::default();
            recalled.for_each(|recalled| past.add(recalled));
            visit(stored, past)
        })?;
        states.try_for_each(|stored| visit(stored, Past::default()))
    }
}

impl<'e> Retelling<'e> {
    pub(crate) fn new(engine: &'e Engine, bytes_max: usize) -> Result<Self, Error> {
        let everybody = block_on(Everybody::look(&*engine.keep, &engine.rules))?;
        // None is reserved: this only says which number comes next, above those of all customers.
        let parts = Parts::up_to(Customer(block_on(engine.keep.reserve(0, None))?.start.into()));
        Ok(Self { engine, everybody, parts, bytes_max, all_events: false, stop: None })
    }

    fn is_stopped(&self) -> bool {
        self.stop.as_ref().is_some_and(|stop| *stop.borrow())
    }

    /// Tells it, neighbours by neighbours, and says how many entries were read. Whoever stops it has not heard everything.
    pub(crate) fn tell(
        &self,
        hands: &Hands,
        hear: impl Fn(Neighbours) -> Result<(), Error> + Sync,
    ) -> Result<u64, Error> {
        let (mut from, mut entries) = (0, 0);
        while from < self.parts.count && !self.is_stopped() {
            let span = block_on(self.engine.keep.log_span())?;
            let (at, until) = (span.start, span.end);
            let reading = Mutex::new(Reading { at, until, parts_until: self.parts.count, laid_aside_bytes: 0 });
            let read = hands.all(|| self.read(from, &reading))?;
            let parts_until = reading.into_inner().unwrap_or_else(PoisonError::into_inner).parts_until;
            entries = read.iter().map(|(_, entries)| entries).sum();
            let shelves: Vec<Mutex<Shelf>> = read.into_iter().map(|(shelf, _)| Mutex::new(shelf)).collect();
            let next = AtomicUsize::new(from);
            hands.all(|| {
                loop {
                    let part = next.fetch_add(1, Ordering::Relaxed);
                    if part >= parts_until || self.is_stopped() {
                        return Ok::<_, Error>(());
                    }
                    let take = |shelf: &Mutex<Shelf>| shelf.lock().unwrap_or_else(PoisonError::into_inner).take(part);
                    let rows = shelves.iter().map(take).collect();
                    hear(Neighbours { states: self.states(part)?, rows })?;
                }
            })?;
            from = parts_until;
        }
        Ok(entries)
    }

    /// Reads of the log what nobody else reads, and lays aside what it says of customers; with the number of entries.
    fn read(&self, from: usize, reading: &Mutex<Reading>) -> Result<(Shelf, u64), Error> {
        let (mut shelf, mut entries, mut counted_bytes) = (Shelf::new(self.parts, from), 0, 0);
        loop {
            let page = {
                let mut reading = reading.lock().unwrap_or_else(PoisonError::into_inner);
                shelf.cut(reading.parts_until);
                reading.laid_aside_bytes = reading.laid_aside_bytes + shelf.bytes() - counted_bytes;
                if reading.laid_aside_bytes > self.bytes_max && reading.parts_until > from + 1 {
                    reading.parts_until = from + (reading.parts_until - from) / 2;
                    let before = shelf.bytes();
                    shelf.cut(reading.parts_until);
                    reading.laid_aside_bytes -= before - shelf.bytes();
                }
                counted_bytes = shelf.bytes();
                if reading.at >= reading.until || self.is_stopped() {
                    return Ok((shelf, entries));
                }
                let page = block_on(self.engine.keep.chunks(reading.at, CHUNKS_BYTES))?;
                reading.at = page.last().map_or(reading.until, Chunk::end);
                page
            };
            for chunk in &page {
                chunk.each(|logged| {
                    if logged.erased {
                        return Ok(());
                    }
                    entries += 1;
                    match self.engine.recall(Some(&self.everybody), &logged, &mut |_| ())? {
                        None => {}
                        Some((_, Recalled::Event(_, None, consents))) if consents.is_empty() && !self.all_events => {}
                        Some((whose, recalled)) => shelf.add(whose, &recalled),
                    }
                    Ok::<_, Error>(())
                })?;
            }
        }
    }

    fn states(&self, part: usize) -> Result<Vec<Stored>, Error> {
        let (numbers, engine) = (self.parts.numbers(part), self.engine);
        let mut after = numbers.start.checked_sub(1).map(Customer);
        let mut states: Vec<Stored> = Vec::new();
        let most = usize::try_from(NEIGHBOURS).expect("it is small");
        loop {
            let page = block_on(engine.keep.states(engine.generation, after, most))?;
            let is_whole = page.len() < most || page.last().is_some_and(|last| last.customer.0 >= numbers.end);
            after = page.last().map(|last| last.customer);
            states.extend(page.into_iter().filter(|stored| numbers.contains(&stored.customer.0)));
            if is_whole {
                return Ok(states);
            }
        }
    }
}
