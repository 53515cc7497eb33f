//! All states at once: as they are, and as they follow from the log.

use std::sync::{Arc, Mutex, PoisonError};

use act::{Input, Plan, State, step};
use event::Timestamp;
use keep::Stored;

use crate::engine::Engine;
use crate::error::Error;
use crate::hands::Hands;
use crate::limits::LAID_ASIDE_BYTES;
use crate::profile::Kept;
use crate::rebuild::Past;
use crate::retell::Retelling;

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
        let all = move |hands: &Hands| Retelling::new(&engine, LAID_ASIDE_BYTES)?.compare(hands);
        Hands::aside(Hands::ALL, all).await
    }

    fn look_at(&self, stored: &Stored, now: Timestamp) -> Result<Option<Vec<u8>>, Error> {
        match Kept::read(&stored.bytes, &self.plan) {
            Kept::Profile(mut profile) => {
                step(&mut profile.state, Input::Wake, &self.plan, now);
                // Of a key that came only with others nothing is known, as if it had no state.
                let is_anybody = !is_empty(&profile.state, &self.plan, now);
                Ok(is_anybody.then(|| profile.state.to_bytes(&self.plan)))
            }
            Kept::Stale(_) => Err(Error::Damaged(format!("the state of {:?}", stored.customer))),
            Kept::Nobody | Kept::Moved => Ok(None),
        }
    }
}

impl Retelling<'_> {
    fn compare(&self, hands: &Hands) -> Result<Compared, Error> {
        let now = Timestamp::from_micros(self.engine.clock.now_us());
        let all = Mutex::new(Compared::default());
        let entries = self.tell(hands, |neighbours| {
            let mut found = Compared::default();
            neighbours.each(|stored, past| self.compare_one(&stored, past, now, &mut found))?;
            let mut all = all.lock().unwrap_or_else(PoisonError::into_inner);
            all.customers += found.customers;
            all.differing.append(&mut found.differing);
            Ok(())
        })?;
        let mut all = all.into_inner().unwrap_or_else(PoisonError::into_inner);
        all.differing.sort_unstable();
        Ok(Compared { entries, ..all })
    }

    fn compare_one(&self, stored: &Stored, past: Past, now: Timestamp, found: &mut Compared) -> Result<(), Error> {
        let plan = &self.engine.plan;
        // As of when the one that is kept was looked at, it need not be read.
        let kept = Kept::state_of(&stored.bytes);
        let until_us = kept.and_then(State::seen_us_of).unwrap_or(now.as_micros());
        let has_events = past.has_events();
        let mut state = past.state(plan, until_us);
        let is_same = kept.is_some_and(|kept| *kept == *state.to_bytes(plan));
        if is_same && has_events {
            found.customers += 1;
            return Ok(());
        }
        step(&mut state, Input::Wake, plan, now);
        let replayed = !is_empty(&state, plan, now);
        let live = self.engine.look_at(stored, now)?;
        found.customers += u64::from(replayed || live.is_some());
        if live != replayed.then(|| state.to_bytes(plan)) {
            found.differing.push(stored.customer.0);
        }
        Ok(())
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
    use std::sync::atomic::{AtomicI64, Ordering};

    use charter::Charter;
    use event::{Event, Key};
    use futures::executor::block_on;
    use keep::{Change, Commit, Customer, Keep, Memory, StateChange, Wanted};
    use listen::Sink;

    use super::*;
    use crate::clock::Clock;
    use crate::engine::Options;
    use crate::limits::NEIGHBOURS;

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
            let compare = move |hands: &Hands| Retelling::new(&engine, laid_aside_bytes_max)?.compare(hands);
            block_on(Hands::aside(Hands::ALL, compare)).expect("memory is there")
        };
        let at_once = compare(usize::MAX);
        assert_eq!((at_once.customers, at_once.entries), (u64::from(people), u64::from(people)));
        assert_eq!(at_once.differing, wrong.map(|customer| customer.0));
        assert_eq!(compare(1), at_once);
    }
}
