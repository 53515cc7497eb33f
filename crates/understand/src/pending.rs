//! Customers of whom something is pending: a promise that is not yet due, a horizon that is not over. They count otherwise
//! once enough time has gone by, even if nothing more happens, and whoever goes on from what was kept has to look at them
//! again.

use journey::Dues;

/// When customers count otherwise for the first time, and who they are.
#[derive(Debug, Clone)]
pub(crate) struct Pending {
    /// Up to when events are known: what falls due by then is decided.
    until_us: i64,
    /// The customer at hand, and the first time of theirs.
    present: Option<(i64, i64)>,
    dues: Dues,
}

impl Pending {
    /// Nobody yet, where events are known up to `until_us`.
    pub(crate) fn new(until_us: i64) -> Self {
        Self { until_us, present: None, dues: Dues::default() }
    }

    /// A customer, whose journeys come one after the other, counts otherwise as soon as events are known up to `at_us`, in
    /// microseconds since 1970. Nothing is noted where that is so already, or where it will never be (`i64::MAX`).
    #[inline]
    pub(crate) fn note(&mut self, customer: i64, at_us: i64) {
        if at_us <= self.until_us || at_us == i64::MAX {
            return;
        }
        match &mut self.present {
            Some((last, earliest_us)) if *last == customer => *earliest_us = at_us.min(*earliest_us),
            _ => {
                self.close();
                self.present = Some((customer, at_us));
            }
        }
    }

    fn close(&mut self) {
        if let Some((customer, at_us)) = self.present.take() {
            self.dues.note(at_us, customer);
        }
    }

    /// Takes in other customers.
    pub(crate) fn merge(&mut self, mut other: Self) {
        self.dues.merge(&other.keep());
    }

    /// Takes out all customers of another fold.
    pub(crate) fn subtract(&mut self, mut other: Self) {
        // Whoever is among the soonest here is so among those, since they are fewer.
        self.dues.forget(&other.keep().customers());
    }

    /// What is kept of them.
    pub(crate) fn keep(&mut self) -> Dues {
        self.close();
        self.dues.settle();
        self.dues.clone()
    }

    /// Takes up what was kept.
    pub(crate) fn resume(&mut self, kept: Dues) {
        self.dues = kept;
    }

    /// Who counts otherwise when events are known up to `until_us`; `None` where too many do.
    pub(crate) fn due(&self, until_us: i64) -> Option<Vec<i64>> {
        self.dues.by(until_us)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pending(until_us: i64, noted: &[(i64, i64)]) -> Pending {
        let mut pending = Pending::new(until_us);
        noted.iter().for_each(|(customer, at_us)| pending.note(*customer, *at_us));
        pending
    }

    #[test]
    fn the_earliest_of_each_customer_counts() {
        let mut resumed = Pending::new(15);
        resumed.resume(pending(10, &[(1, 10), (1, 30), (1, 20), (2, i64::MAX), (3, 11), (3, 40)]).keep());
        assert_eq!(resumed.due(10), Some(vec![]));
        assert_eq!(resumed.due(19), Some(vec![3]));
        assert_eq!(resumed.due(20), Some(vec![1, 3]));
    }

    #[test]
    fn who_is_taken_out_is_gone_and_who_is_taken_in_is_there() {
        let mut resumed = Pending::new(12);
        resumed.resume(pending(10, &[(1, 20), (2, 11), (3, 12), (4, 30)]).keep());
        resumed.subtract(pending(10, &[(2, 11), (4, 30)]));
        resumed.merge(pending(12, &[(2, 40), (4, 13), (5, 14)]));
        let fresh = pending(12, &[(1, 20), (2, 40), (4, 13), (5, 14)]);
        assert_eq!(resumed.due(15), Some(vec![3, 4, 5]), "3 was due and was not taken out");
        assert_eq!(resumed.due(13), Some(vec![3, 4]));
        assert_eq!(fresh.clone().keep().customers(), [1, 2, 4, 5]);
        assert_eq!(resumed.keep().customers(), [1, 2, 3, 4, 5]);
    }
}
