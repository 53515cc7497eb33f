//! A few customers to look at, for whoever wants to see what a figure is made of.

use serde::{Deserialize, Serialize};

use crate::limits::{EXAMPLES_KEPT_MAX, EXAMPLES_MAX};

/// The smallest numbers of the customers that were noted: the same few, whoever saw which. Some more are kept than are
/// shown, so that others take the place of those that are taken out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Examples {
    /// In ascending order, each once.
    smallest: Vec<i64>,
    /// From this one on, customers were left out.
    left_out: Option<i64>,
}

impl Examples {
    /// Notes a customer, perhaps not for the first time.
    #[inline]
    pub(crate) fn note(&mut self, customer: i64) {
        if self.left_out.is_some_and(|left_out| left_out <= customer) {
            return;
        }
        if let Err(place) = self.smallest.binary_search(&customer) {
            self.smallest.insert(place, customer);
            if self.smallest.len() > EXAMPLES_KEPT_MAX {
                self.left_out = self.smallest.pop();
            }
        }
    }

    /// Takes in what was noted elsewhere.
    pub(crate) fn merge(&mut self, other: &Self) {
        if let Some(theirs) = other.left_out {
            self.left_out = Some(self.left_out.map_or(theirs, |ours| ours.min(theirs)));
            self.smallest.retain(|customer| *customer < theirs);
        }
        other.smallest.iter().for_each(|customer| self.note(*customer));
    }

    /// Takes out customers that were noted here and elsewhere.
    pub(crate) fn subtract(&mut self, other: &Self) {
        // Whoever is among the smallest here is so among those, since they are fewer.
        self.smallest.retain(|customer| other.smallest.binary_search(customer).is_err());
    }

    /// Whether too many were taken out to say which the smallest are.
    pub(crate) fn exhausted(&self) -> bool {
        self.left_out.is_some() && self.smallest.len() < EXAMPLES_MAX
    }

    /// The customers, in ascending order.
    pub(crate) fn finish(mut self) -> Vec<i64> {
        self.smallest.truncate(EXAMPLES_MAX);
        self.smallest
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn noted(customers: impl IntoIterator<Item = i64>) -> Examples {
        let mut examples = Examples::default();
        customers.into_iter().for_each(|customer| examples.note(customer));
        examples
    }

    #[test]
    fn the_smallest_few_are_named_once_each() {
        let (mut one, other) = (noted((0..30).rev().map(|customer| customer * 2)), noted(0..5));
        one.merge(&other);
        one.note(3);
        assert_eq!(one.finish(), [0, 1, 2, 3, 4, 6, 8, 10, 12, 14]);
    }

    proptest! {
        #[test]
        fn others_take_the_place_of_those_that_are_taken_out(
            customers in prop::collection::vec((0i64..400, any::<bool>(), any::<bool>()), 0..400),
            rare in any::<bool>(),
        ) {
            let before = |(customer, before, _): &(i64, bool, bool)| before.then_some(*customer);
            let after = |(customer, _, after): &(i64, bool, bool)| after.then_some(*customer);
            let touched = |customer: i64| if rare { customer % 20 == 0 } else { customer % 2 == 0 };
            let all = || customers.iter();
            let mut resumed = noted(all().filter_map(before));
            resumed.subtract(&noted(all().filter_map(before).filter(|customer| touched(*customer))));
            resumed.merge(&noted(all().filter_map(after).filter(|customer| touched(*customer))));
            let untouched = all().filter_map(before).filter(|customer| !touched(*customer));
            let fresh = noted(untouched.chain(all().filter_map(after).filter(|customer| touched(*customer))));
            prop_assert!(!rare || !resumed.exhausted(), "so few are taken out that there are others");
            if !resumed.exhausted() {
                prop_assert_eq!(resumed.finish(), fresh.finish());
            }
        }
    }
}
