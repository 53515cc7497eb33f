//! Customers about whom time alone decides: what is pending of theirs falls due, though nothing more happens to them.

use serde::{Deserialize, Serialize};

/// How many are kept, the soonest.
const DUES_MAX: usize = 1 << 14;

/// The customers who will count otherwise when events are known up to a later time, the soonest of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dues {
    /// When, in microseconds since 1970, and who.
    soonest: Vec<(i64, i64)>,
    /// Whoever is due from this time on may be missing.
    beyond_us: i64,
}

impl Default for Dues {
    fn default() -> Self {
        Self { soonest: Vec::new(), beyond_us: i64::MAX }
    }
}

impl Dues {
    /// From `at_us` on, in microseconds since 1970, this customer counts otherwise.
    #[inline]
    pub fn note(&mut self, at_us: i64, customer: i64) {
        if at_us < self.beyond_us {
            self.soonest.push((at_us, customer));
            if self.soonest.len() >= 2 * DUES_MAX {
                self.settle();
            }
        }
    }

    /// Takes in what others have noted.
    pub fn merge(&mut self, other: &Self) {
        self.beyond_us = self.beyond_us.min(other.beyond_us);
        self.soonest.extend_from_slice(&other.soonest);
        self.settle();
    }

    /// Forgets these customers, who are in ascending order.
    pub fn forget(&mut self, customers: &[i64]) {
        self.soonest.retain(|(_, customer)| customers.binary_search(customer).is_err());
    }

    /// Everybody who is known to fall due, in ascending order.
    pub fn customers(&self) -> Vec<i64> {
        let mut all: Vec<i64> = self.soonest.iter().map(|(_, customer)| *customer).collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    /// Who is due by `until_us`, in ascending order; `None` where that is not known so far ahead.
    pub fn by(&self, until_us: i64) -> Option<Vec<i64>> {
        if until_us >= self.beyond_us {
            return None;
        }
        let mut due: Vec<i64> =
            self.soonest.iter().filter(|(at_us, _)| *at_us <= until_us).map(|(_, customer)| *customer).collect();
        due.sort_unstable();
        due.dedup();
        Some(due)
    }

    /// Puts the soonest in order and lets go of others.
    pub fn settle(&mut self) {
        self.soonest.sort_unstable();
        if let Some((at_us, _)) = self.soonest.get(DUES_MAX) {
            self.beyond_us = self.beyond_us.min(*at_us);
        }
        let known = self.soonest.partition_point(|(at_us, _)| *at_us < self.beyond_us);
        self.soonest.truncate(known);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_soonest_are_known_and_beyond_them_nothing_is_claimed() {
        let mut dues = Dues::default();
        assert_eq!(dues.by(i64::MAX - 1), Some(vec![]));
        let many = i64::try_from(3 * DUES_MAX).expect("few");
        // The latest first, so that others have to make room.
        (0..many).rev().for_each(|n| dues.note(n / 2, n % 100));
        dues.settle();
        let known = i64::try_from(DUES_MAX / 2).expect("few");
        assert_eq!(dues.by(0), Some(vec![0, 1]));
        assert_eq!(dues.by(known - 1).map(|due| due.len()), Some(100));
        assert_eq!(dues.by(known), None, "two are due then, and one of them may not have been noted");
        dues.forget(&[0, 1]);
        assert_eq!(dues.by(0), Some(vec![]));
        assert_eq!(dues.customers(), (2..100).collect::<Vec<_>>());
    }

    #[test]
    fn any_split_knows_the_same() {
        let mut all = Dues::default();
        let mut parts = [Dues::default(), Dues::default()];
        for n in 0..i64::try_from(3 * DUES_MAX).expect("few") {
            let at_us = n * 7_919 % 50_021;
            all.note(at_us, n);
            parts[usize::from(n % 3 == 0)].note(at_us, n);
        }
        all.settle();
        let [mut a, b] = parts;
        a.merge(&b);
        assert_eq!(a, all);
    }
}
