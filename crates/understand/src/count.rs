//! The counting core that views share: which pairs of moments occur, and how many customers are behind a count.

use hashbrown::{HashMap, HashTable};
use journey::Moment;
use rapidhash::fast::SeedableState;
use rapidhash::v3::rapidhash_v3;
use serde::{Deserialize, Serialize};

use crate::limits::SQUARE_MOMENTS_MAX;

/// The mark of a pair that has not been met.
const NONE: u32 = u32::MAX;

/// Gives every pair of moments that occurs a small number (slot), so that what is counted about pairs lies densely in a
/// `Vec`. Looking up is one load from a square table while there are few moments.
#[derive(Debug, Default)]
pub(crate) struct Pairs {
    /// The side of the square table: a power of two, or 0 once there are too many moments for one.
    side: usize,
    square: Vec<u32>,
    map: HashTable<u32>,
    by_slot: Vec<(Moment, Moment)>,
}

impl Pairs {
    /// The slot of a pair that was met before, if the square table knows it.
    #[inline]
    pub(crate) fn find(&self, from: Moment, to: Moment) -> Option<usize> {
        if to.index() >= self.side {
            return None;
        }
        let slot = *self.square.get(from.index() * self.side + to.index())?;
        (slot != NONE).then_some(slot as usize)
    }

    /// The slot of a pair, a new one if it was not met before. What is indexed by slot has to grow to
    /// [`len`](Self::len).
    #[cold]
    #[inline(never)]
    pub(crate) fn slot(&mut self, from: Moment, to: Moment) -> usize {
        if let Some(slot) = self.find(from, to) {
            return slot;
        }
        let next = u32::try_from(self.by_slot.len()).expect("fewer than 2^32 pairs fit in memory");
        let largest = from.max(to).index();
        if largest >= self.side && self.map.is_empty() {
            self.grow(largest);
        }
        if self.side > 0 {
            self.square[from.index() * self.side + to.index()] = next;
        } else if let Some(known) = self.map.find(hash((from, to)), |slot| self.by_slot[*slot as usize] == (from, to)) {
            return *known as usize;
        } else {
            let by_slot = &self.by_slot;
            self.map.insert_unique(hash((from, to)), next, |slot| hash(by_slot[*slot as usize]));
        }
        self.by_slot.push((from, to));
        self.by_slot.len() - 1
    }

    fn grow(&mut self, largest: usize) {
        if largest < SQUARE_MOMENTS_MAX {
            self.side = (largest + 1).next_power_of_two();
            self.square = vec![NONE; self.side * self.side];
            for (slot, (from, to)) in (0u32..).zip(&self.by_slot) {
                self.square[from.index() * self.side + to.index()] = slot;
            }
        } else {
            self.side = 0;
            self.square = Vec::new();
            let by_slot = &self.by_slot;
            for (slot, pair) in (0u32..).zip(by_slot) {
                self.map.insert_unique(hash(*pair), slot, |slot| hash(by_slot[*slot as usize]));
            }
        }
    }

    /// The number of pairs.
    pub(crate) fn len(&self) -> usize {
        self.by_slot.len()
    }

    /// All pairs, by slot.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Moment, Moment)> + '_ {
        self.by_slot.iter().copied()
    }
}

fn hash((from, to): (Moment, Moment)) -> u64 {
    rapidhash_v3(&(u64::from(from.0) << 32 | u64::from(to.0)).to_le_bytes())
}

/// Counts customers, whose journeys come one after the other, and gives each a turn number for [`Seen`].
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Customers {
    #[serde(skip)]
    last: Option<i64>,
    /// How many there were so far; the turn of the present one.
    pub(crate) turn: u32,
}

impl Customers {
    /// Notes whose journey comes next; whether it is another customer's than the one before.
    #[inline]
    pub(crate) fn enter(&mut self, customer: i64) -> bool {
        let new = self.last != Some(customer);
        if new {
            self.last = Some(customer);
            self.turn = self.turn.checked_add(1).expect("fewer than 2^32 customers in one fold");
        }
        new
    }

    /// Takes in the customers of another fold, which are other ones.
    pub(crate) fn merge(&mut self, other: &Self) {
        // The next customer gets a turn that nobody had on either side, so that no `Seen` takes it for an earlier one.
        self.turn = self.turn.checked_add(other.turn).expect("fewer than 2^32 customers in one fold");
        self.last = None;
    }

    /// Takes out the customers of another fold, of a fold that resumed: it looks at none itself, so turns do not matter.
    pub(crate) fn subtract(&mut self, other: &Self) {
        self.turn -= other.turn;
        self.last = None;
    }

    /// How many there were.
    pub(crate) fn count(&self) -> u64 {
        u64::from(self.turn)
    }
}

/// How many customers did something, each counted once: the turn of the last one tells.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(crate) struct Seen {
    customers: u32,
    /// Nobody's once it was kept.
    #[serde(skip)]
    turn: u32,
}

impl Seen {
    /// The customer whose turn it is does it, perhaps not for the first time.
    #[inline]
    pub(crate) fn note(&mut self, turn: u32) {
        self.customers += u32::from(self.turn != turn);
        self.turn = turn;
    }

    /// Takes in other customers.
    pub(crate) fn merge(&mut self, other: Self) {
        self.customers += other.customers;
    }

    /// Takes out other customers.
    pub(crate) fn subtract(&mut self, other: Self) {
        self.customers -= other.customers;
    }

    /// How many customers.
    pub(crate) fn count(self) -> u64 {
        u64::from(self.customers)
    }
}

/// Empties a table for the next customer. One that has grown for a customer with very much is made anew: emptying takes as
/// long as it is large, for everybody who comes after.
pub(crate) fn empty<K, V>(table: &mut HashMap<K, V, SeedableState<'static>>) {
    const ROOM_KEPT: usize = 1 << 6;
    if table.capacity() > ROOM_KEPT && table.capacity() / 8 > table.len() {
        *table = HashMap::with_hasher(SeedableState::fixed());
    }
    table.clear();
}

/// The element for a moment or a slot; everything up to it comes into being.
#[inline]
pub(crate) fn at<T: Clone + Default>(list: &mut Vec<T>, index: usize) -> &mut T {
    if index >= list.len() {
        list.resize(index + 1, T::default());
    }
    &mut list[index]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        #[test]
        fn a_pair_keeps_its_slot_however_many_moments_come(
            steps in prop::collection::vec((0u32..4, 0u32..600, 0u32..600), 0..80),
        ) {
            let mut pairs = Pairs::default();
            let mut slots = BTreeMap::new();
            for (shift, from, to) in steps {
                let pair = (Moment(from >> shift), Moment(to >> shift));
                let slot = pairs.slot(pair.0, pair.1);
                prop_assert_eq!(*slots.entry(pair).or_insert(slot), slot);
                prop_assert!(pairs.find(pair.0, pair.1).is_none_or(|found| found == slot));
            }
            prop_assert_eq!(pairs.len(), slots.len());
            prop_assert!(pairs.iter().enumerate().all(|(slot, pair)| slots.get(&pair) == Some(&slot)));
        }
    }

    #[test]
    fn a_customer_counts_once_and_merged_folds_go_on() {
        let (mut customers, mut seen) = (Customers::default(), Seen::default());
        for customer in [7, 7, 8] {
            customers.enter(customer);
            seen.note(customers.turn);
        }
        customers.merge(&Customers { last: Some(9), turn: 1 });
        seen.merge(Seen { customers: 1, turn: 1 });
        customers.enter(8);
        seen.note(customers.turn);
        assert_eq!((customers.count(), seen.count()), (4, 4));
    }
}
