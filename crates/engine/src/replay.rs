//! All states at once: as they are, and as they follow from the log.
//!
//! The log is read once, by all cores, and what it says is laid aside by customer; then every customer's state is built from
//! it and compared with the one that is kept. Where more is laid aside than memory is meant for, it is read again for the rest.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use act::{Input, Plan, State, step};
use event::Timestamp;
use futures::executor::block_on;
use keep::{Chunk, Customer, Stored};

use crate::engine::Engine;
use crate::error::Error;
use crate::everybody::Everybody;
use crate::hands::Hands;
use crate::limits::{CHUNKS_BYTES, LAID_ASIDE_BYTES, NEIGHBOURS};
use crate::profile::Kept;
use crate::rebuild::{Past, Recalled};
use crate::shelf::{Parts, Shelf, each_customer};

/// What came of comparing states with the log.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Compared {
    /// Customers of whom anything is known.
    pub customers: u64,
    /// Entries of the log that were read; of those that were erased there is nothing to read.
    pub entries: u64,
    /// Customers whose state is not what follows from the log, by their numbers.
    pub differing: Vec<i64>,
}

impl Engine {
    /// Builds every state anew from the log, who is who included, and compares it with the one that is kept. Nothing may be taken in meanwhile.
    ///
    /// # Errors
    /// When states or log cannot be read.
    pub async fn compare_with_log(self: &Arc<Self>) -> Result<Compared, Error> {
        let engine = Arc::clone(self);
        Hands::aside(move |hands| Comparison::new(&engine)?.compare(hands)).await
    }
}

/// All states being compared with the log.
struct Comparison<'e> {
    engine: &'e Engine,
    everybody: Everybody,
    parts: Parts,
    now_us: i64,
    /// See [`LAID_ASIDE_BYTES`].
    laid_aside_bytes_max: usize,
}

/// How far the log was read.
struct Reading {
    at: u64,
    until: u64,
    /// Parts from this one on are left for when the log is read again.
    parts_until: usize,
    laid_aside_bytes: usize,
}

impl<'e> Comparison<'e> {
    fn new(engine: &'e Engine) -> Result<Self, Error> {
        let everybody = block_on(Everybody::look(&*engine.keep, &engine.rules))?;
        // None is reserved: this only says which number comes next, above those of all customers.
        let parts = Parts::up_to(Customer(block_on(engine.keep.reserve(0, None))?.start.into()));
        let (now_us, laid_aside_bytes_max) = (engine.clock.now_us(), LAID_ASIDE_BYTES);
        Ok(Self { engine, everybody, parts, now_us, laid_aside_bytes_max })
    }

    fn compare(&self, hands: &Hands) -> Result<Compared, Error> {
        let mut all = Compared::default();
        let mut from = 0;
        while from < self.parts.count {
            let span = block_on(self.engine.keep.log_span())?;
            let (at, until) = (span.start, span.end);
            let reading = Reading { at, until, parts_until: self.parts.count, laid_aside_bytes: 0 };
            let reading = Mutex::new(reading);
            let read = hands.all(|| self.read(from, &reading))?;
            let reading = reading.into_inner().unwrap_or_else(PoisonError::into_inner);
            all.entries = read.iter().map(|(_, entries)| entries).sum();
            let shelves: Vec<Mutex<Shelf>> = read.into_iter().map(|(shelf, _)| Mutex::new(shelf)).collect();
            let next = AtomicUsize::new(from);
            let compared = hands.all(|| {
                let mut found = Compared::default();
                loop {
                    let part = next.fetch_add(1, Ordering::Relaxed);
                    if part >= reading.parts_until {
                        return Ok::<_, Error>(found);
                    }
                    self.compare_part(part, &shelves, &mut found)?;
                }
            })?;
            for found in compared {
                all.customers += found.customers;
                all.differing.extend(found.differing);
            }
            from = reading.parts_until;
        }
        all.differing.sort_unstable();
        Ok(all)
    }

    /// Reads of the log what nobody else reads, and lays aside what it says of customers; with the number of entries.
    fn read(&self, from: usize, reading: &Mutex<Reading>) -> Result<(Shelf, u64), Error> {
        let (mut shelf, mut entries, mut counted_bytes) = (Shelf::new(self.parts, from), 0, 0);
        loop {
            let page = {
                let mut reading = reading.lock().unwrap_or_else(PoisonError::into_inner);
                shelf.cut(reading.parts_until);
                reading.laid_aside_bytes = reading.laid_aside_bytes + shelf.bytes() - counted_bytes;
                if reading.laid_aside_bytes > self.laid_aside_bytes_max && reading.parts_until > from + 1 {
                    reading.parts_until = from + (reading.parts_until - from) / 2;
                    let before = shelf.bytes();
                    shelf.cut(reading.parts_until);
                    reading.laid_aside_bytes -= before - shelf.bytes();
                }
                counted_bytes = shelf.bytes();
                if reading.at >= reading.until {
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
                    match self.engine.recall(Some(&self.everybody), &logged)? {
                        // Nothing follows from it.
                        None => {}
                        Some((_, Recalled::Event(_, None, consents))) if consents.is_empty() => {}
                        Some((whose, recalled)) => shelf.add(whose, &recalled),
                    }
                    Ok::<_, Error>(())
                })?;
            }
        }
    }

    /// Compares the states of a part with what was laid aside of it.
    fn compare_part(&self, part: usize, shelves: &[Mutex<Shelf>], found: &mut Compared) -> Result<(), Error> {
        let take = |shelf: &Mutex<Shelf>| shelf.lock().unwrap_or_else(PoisonError::into_inner).take(part);
        let rows: Vec<_> = shelves.iter().map(take).collect();
        let mut states = self.states(part)?.into_iter().peekable();
        each_customer(&rows, |customer, recalled| {
            while let Some(before) = states.next_if(|stored| stored.customer < customer) {
                self.compare_one(&before, Past::default(), found)?;
            }
            let none = Stored { customer, version: keep::Version::NONE, bytes: Vec::new() };
            let stored = states.next_if(|stored| stored.customer == customer).unwrap_or(none);
            let mut past = Past::default();
            recalled.for_each(|recalled| past.add(recalled));
            self.compare_one(&stored, past, found)
        })?;
        states.try_for_each(|stored| self.compare_one(&stored, Past::default(), found))
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

    fn compare_one(&self, stored: &Stored, past: Past, found: &mut Compared) -> Result<(), Error> {
        let (plan, now) = (&self.engine.plan, Timestamp::from_micros(self.now_us));
        // As of when the one that is kept was looked at, it need not be read.
        let kept = Kept::state_of(&stored.bytes);
        let until_us = kept.and_then(|kept| State::seen_us_of(kept, plan).ok()).unwrap_or(self.now_us);
        let has_events = past.has_events();
        let mut state = past.state(plan, until_us);
        let is_same = kept.is_some_and(|kept| *kept == *state.to_bytes(plan));
        if is_same && has_events {
            found.customers += 1;
            return Ok(());
        }
        step(&mut state, Input::Wake, plan, now);
        let replayed = !is_empty(&state, plan, now);
        let live = self.look_at(stored)?;
        found.customers += u64::from(replayed || live.is_some());
        if live != replayed.then(|| state.to_bytes(plan)) {
            found.differing.push(stored.customer.0);
        }
        Ok(())
    }

    /// A state that is kept, looked at until now.
    fn look_at(&self, stored: &Stored) -> Result<Option<Vec<u8>>, Error> {
        let (plan, now) = (&self.engine.plan, Timestamp::from_micros(self.now_us));
        match Kept::read(&stored.bytes, plan) {
            Kept::Profile(mut profile) => {
                step(&mut profile.state, Input::Wake, plan, now);
                // Of a key that came only with others nothing is known, as if it had no state.
                let is_anybody = !is_empty(&profile.state, plan, now);
                Ok(is_anybody.then(|| profile.state.to_bytes(plan)))
            }
            Kept::Stale(_) => Err(Error::Damaged(format!("the state of {:?}", stored.customer))),
            Kept::Nobody | Kept::Moved => Ok(None),
        }
    }
}

/// Whether nothing is known but the time.
fn is_empty(state: &State, plan: &Plan, now: Timestamp) -> bool {
    let mut nobody = State::new(plan);
    step(&mut nobody, Input::Wake, plan, now);
    *state == nobody
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicI64;

    use charter::Charter;
    use event::{Event, Key};
    use keep::{Change, Commit, Keep, Memory, StateChange, Wanted};
    use listen::Sink;

    use super::*;
    use crate::clock::Clock;
    use crate::engine::Options;

    #[derive(Debug, Default)]
    struct Still(AtomicI64);

    #[async_trait::async_trait]
    impl Clock for Still {
        fn now_us(&self) -> i64 {
            self.0.load(Ordering::Relaxed)
        }
    }

    #[test]
    fn where_memory_is_short_the_log_is_read_several_times() {
        let keep: Arc<dyn Keep> = Arc::new(Memory::default());
        let charter = Charter::parse("charter: 1\n").expect("it is one").0;
        let clock: Arc<dyn Clock> = Arc::new(Still::default());
        let open = Engine::open(Arc::clone(&keep), Arc::new(charter), clock, Options::default());
        let engine = block_on(open).expect("memory is there");
        let people = u32::try_from(NEIGHBOURS * 5 / 2).expect("it is small");
        for first in (0..people).step_by(4_096) {
            let mut inbox = engine.inbox();
            for n in first..people.min(first + 4_096) {
                let keys = [Key { kind: "user_id", value: &format!("u{n}") }];
                inbox.event(&Event::new("Visit", Timestamp::from_micros(0), &keys)).expect("it is one");
            }
            block_on(engine.take(inbox)).expect("memory is there");
        }
        // Two states are not what the log says, but what it says of somebody else: one of the first part, one of the last.
        let wrong = [Customer(7), Customer(i64::from(people) - 7)];
        let wanted = Wanted { customers: [&wrong[..], &[Customer(8)]].concat(), ..Wanted::default() };
        let loaded = block_on(keep.load(&wanted)).expect("memory is there");
        let state = |customer| loaded.state(customer).expect("it was wanted").clone();
        let change = |customer: &Customer| StateChange {
            customer: *customer,
            expected: state(*customer).version,
            change: Change::Put(state(Customer(8)).bytes),
        };
        let states = wrong.iter().map(change).collect();
        block_on(keep.commit(Commit { states, ..Commit::default() })).expect("memory is there");
        let compare = |laid_aside_bytes_max| {
            let engine = Arc::clone(&engine);
            let compare =
                move |hands: &Hands| Comparison { laid_aside_bytes_max, ..Comparison::new(&engine)? }.compare(hands);
            block_on(Hands::aside(compare)).expect("memory is there")
        };
        let at_once = compare(usize::MAX);
        assert_eq!((at_once.customers, at_once.entries), (u64::from(people), u64::from(people)));
        assert_eq!(at_once.differing, wrong.map(|customer| customer.0));
        assert_eq!(compare(1), at_once);
    }
}
