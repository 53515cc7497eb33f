//! A few customers to look at, for whoever wants to see what a figure is made of.

use serde::{Deserialize, Serialize};

use crate::limits::EXAMPLES_MAX;

/// The smallest numbers of the customers that were noted: the same few, whoever saw which.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Examples(Vec<i64>);

impl Examples {
    /// Notes a customer, perhaps not for the first time.
    #[inline]
    pub(crate) fn note(&mut self, customer: i64) {
        if self.0.len() == EXAMPLES_MAX && self.0.last().is_some_and(|last| *last <= customer) {
            return;
        }
        if let Err(place) = self.0.binary_search(&customer) {
            self.0.insert(place, customer);
            self.0.truncate(EXAMPLES_MAX);
        }
    }

    /// Takes in what was noted elsewhere.
    pub(crate) fn merge(&mut self, other: &Self) {
        other.0.iter().for_each(|customer| self.note(*customer));
    }

    /// The customers, in ascending order.
    pub(crate) fn finish(self) -> Vec<i64> {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smallest_few_are_kept_once_each() {
        let (mut one, mut other) = (Examples::default(), Examples::default());
        (0..30).rev().for_each(|customer| one.note(customer * 2));
        (0..5).for_each(|customer| other.note(customer));
        one.merge(&other);
        one.note(3);
        assert_eq!(one.finish(), [0, 1, 2, 3, 4, 6, 8, 10, 12, 14]);
    }
}
