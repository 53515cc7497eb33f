//! Where the state of every customer is: 8 bytes for each, in memory.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::embedded::states::file::SUM_BYTES;

/// Bits that say which file it is, where in it, and how long. The longest state has 16 MiB and 8 bytes.
const SLOT_BITS: u32 = 9;
const AT_BITS: u32 = 30;
const LENGTH_BITS: u32 = 25;

/// Files that can be told apart.
pub(super) const SLOTS: usize = 1 << SLOT_BITS;

/// Where the last record of a file may begin.
const AT_MAX: u64 = (1 << AT_BITS) - 1;

/// In the place of a length: the state was deleted.
const GONE: u64 = (1 << LENGTH_BITS) - 1;

/// Where a record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place(u64);

impl Place {
    /// Nothing is there: a file does not begin with a record.
    const NONE: Place = Place(0);

    /// Of a state that has so many bytes, or was deleted.
    pub(super) fn new(slot: usize, at: u64, length: Option<usize>) -> Self {
        assert!(slot < SLOTS && Self::fits(at, length), "sizes are checked where they come in");
        let length = length.map_or(GONE, |length| length as u64);
        Self((slot as u64) << (AT_BITS + LENGTH_BITS) | at << LENGTH_BITS | length)
    }

    /// Its file, by the place of that among the files.
    pub(super) fn slot(self) -> usize {
        usize::try_from(self.0 >> (AT_BITS + LENGTH_BITS)).expect("it has few bits")
    }

    /// Where in its file it begins.
    pub(super) fn at(self) -> u64 {
        (self.0 >> LENGTH_BITS) & AT_MAX
    }

    /// How many bytes the state has; `None` where it was deleted.
    pub(super) fn length(self) -> Option<usize> {
        let length = self.0 & GONE;
        (length != GONE).then(|| usize::try_from(length).expect("it has few bits"))
    }

    /// Whether a record that begins here and is so long can be said.
    pub(super) fn fits(at: u64, length: Option<usize>) -> bool {
        at <= AT_MAX && length.is_none_or(|length| (length as u64) < GONE)
    }

    /// How much of its file it takes.
    pub(super) fn bytes(self) -> u64 {
        SUM_BYTES as u64 + self.length().unwrap_or_default() as u64
    }
}

/// Customers whose places lie together. A page is copied when one of them changes and somebody reads it still. A power of two, so
/// that pages end where the numbers of customers do.
const PAGE: u16 = 512;

type Page = [Place; PAGE as usize];

/// The places of all customers. Numbers of customers are dense; where they are not, each takes a page.
#[derive(Clone, Default)]
pub(super) struct Places(BTreeMap<i64, Arc<Page>>);

fn page_and_line(customer: i64) -> (i64, usize) {
    let line = customer.rem_euclid(PAGE.into());
    (customer.div_euclid(PAGE.into()), usize::try_from(line).expect("it is less than the length of a page"))
}

impl Places {
    /// Where the record of a customer is.
    pub(super) fn get(&self, customer: i64) -> Option<Place> {
        let (page, line) = page_and_line(customer);
        Some(self.0.get(&page)?[line]).filter(|place| *place != Place::NONE)
    }

    /// Says where it is; returns where it was.
    pub(super) fn set(&mut self, customer: i64, place: Place) -> Option<Place> {
        let (page, line) = page_and_line(customer);
        let page = self.0.entry(page).or_insert_with(|| Arc::new([Place::NONE; PAGE as usize]));
        let before = std::mem::replace(&mut Arc::make_mut(page)[line], place);
        Some(before).filter(|place| *place != Place::NONE)
    }

    /// All places in order of their customers, from one on.
    pub(super) fn from(&self, customer: i64) -> impl Iterator<Item = (i64, Place)> {
        let pages = self.0.range(page_and_line(customer).0..);
        let places = pages.flat_map(|(page, lines)| {
            lines.iter().zip(0_i64..).map(move |(place, line)| (page * i64::from(PAGE) + line, *place))
        });
        places.filter(move |(of, place)| *place != Place::NONE && *of >= customer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::VALUE_BYTES_MAX;

    #[test]
    fn a_place_says_what_was_said() {
        let lengths = [None, Some(0), Some(1), Some(300), Some(VALUE_BYTES_MAX + 8)];
        for (slot, at) in [(0, 8), (SLOTS - 1, AT_MAX), (1, 8), (0, AT_MAX)] {
            for length in lengths {
                let place = Place::new(slot, at, length);
                assert_eq!((place.slot(), place.at(), place.length()), (slot, at, length));
                assert_ne!(place, Place::NONE);
            }
        }
    }

    #[test]
    fn customers_of_any_number_are_found_in_order() {
        let customers = [i64::MIN, i64::MIN + 1, -513, -512, -1, 0, 511, 512, 1 << 40, i64::MAX - 1, i64::MAX];
        let place = |n: usize| Place::new(n, 8, Some(n));
        let mut places = Places::default();
        for (n, customer) in customers.iter().enumerate().rev() {
            assert_eq!((places.get(*customer), places.set(*customer, place(n))), (None, None));
        }
        let before = places.clone();
        assert_eq!(places.set(-1, place(20)), Some(place(4)));
        assert_eq!((before.get(-1), places.get(-1)), (Some(place(4)), Some(place(20))));
        for from in customers.into_iter().chain([-2, 1, 7_000]) {
            let found: Vec<i64> = places.from(from).map(|(customer, _)| customer).collect();
            let expected: Vec<i64> = customers.into_iter().filter(|customer| *customer >= from).collect();
            assert_eq!(found, expected, "from {from}");
        }
    }
}
