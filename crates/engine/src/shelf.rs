//! What the log says of customers, laid aside until all of it is read: in parts of neighbouring customers, so that each can be
//! gone through by itself, and written small.

use std::ops::Range;

use keep::Customer;

use crate::limits::NEIGHBOURS;
use crate::rebuild::Recalled;

/// Customers by their numbers, in parts of neighbours.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Parts {
    pub(crate) count: usize,
}

impl Parts {
    /// For numbers up to this one. What lies beyond belongs to the last part, and what lies below 0 to the first.
    pub(crate) fn up_to(last: Customer) -> Self {
        Self { count: usize::try_from(last.0 / NEIGHBOURS).unwrap_or_default() + 1 }
    }

    /// The part of a customer.
    fn of(self, customer: Customer) -> usize {
        usize::try_from(customer.0 / NEIGHBOURS).unwrap_or_default().min(self.count - 1)
    }

    /// The numbers of a part.
    pub(crate) fn numbers(self, part: usize) -> Range<i64> {
        let from = i64::try_from(part).map_or(i64::MAX, |part| part.saturating_mul(NEIGHBOURS));
        let until = if part + 1 == self.count { i64::MAX } else { from.saturating_add(NEIGHBOURS) };
        if part == 0 { i64::MIN..until } else { from..until }
    }
}

/// What one hand has laid aside.
#[derive(Debug)]
pub(crate) struct Shelf {
    parts: Parts,
    from: usize,
    rows: Vec<Row>,
}

/// One part of it.
#[derive(Debug, Default)]
pub(crate) struct Row {
    /// Whose, and where it is written.
    places: Vec<(Customer, usize)>,
    bytes: Vec<u8>,
}

impl Shelf {
    /// For the parts from one on.
    pub(crate) fn new(parts: Parts, from: usize) -> Self {
        Self { parts, from, rows: (from..parts.count).map(|_| Row::default()).collect() }
    }

    /// Lays something aside, if it is of a part that is wanted.
    pub(crate) fn add(&mut self, customer: Customer, recalled: &Recalled) {
        let row = self.parts.of(customer).checked_sub(self.from).and_then(|row| self.rows.get_mut(row));
        if let Some(row) = row {
            row.places.push((customer, row.bytes.len()));
            let bytes = std::mem::take(&mut row.bytes);
            row.bytes = postcard::to_extend(recalled, bytes).expect("memory takes what is written");
        }
    }

    /// How many bytes it takes, about.
    pub(crate) fn bytes(&self) -> usize {
        self.rows.iter().map(|row| row.bytes.len() + row.places.len() * size_of::<(Customer, usize)>()).sum()
    }

    /// Throws away what is of parts from one on.
    pub(crate) fn cut(&mut self, until: usize) {
        self.rows.truncate(until - self.from);
    }

    /// Takes out a part.
    pub(crate) fn take(&mut self, part: usize) -> Row {
        std::mem::take(&mut self.rows[part - self.from])
    }
}

/// What several hands laid aside of the same part, customer by customer, in the order of their numbers.
pub(crate) fn each_customer<E>(
    rows: &[Row],
    mut visit: impl FnMut(Customer, &mut dyn Iterator<Item = Recalled>) -> Result<(), E>,
) -> Result<(), E> {
    let places = rows.iter().enumerate().flat_map(|(row, of)| of.places.iter().map(move |(who, at)| (*who, row, *at)));
    let mut places: Vec<(Customer, usize, usize)> = places.collect();
    places.sort_unstable();
    for of_one in places.chunk_by(|a, b| a.0 == b.0) {
        let read = |(_, row, at): &(Customer, usize, usize)| {
            postcard::from_bytes(&rows[*row].bytes[*at..]).expect("it was written by `add`")
        };
        visit(of_one[0].0, &mut of_one.iter().map(read))?;
    }
    Ok(())
}
