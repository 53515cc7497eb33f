//! From sorted columns to one slice per customer.
//!
//! The lake delivers batches sorted by customer and time, cut anywhere. [`Runs`] finds where one customer ends and the next
//! begins and hands out slices of the batch itself; only a customer that spans two batches is copied.

use crate::{Details, Moment};

/// Events of any number of customers, sorted by (customer, time), as columns of one length.
#[derive(Debug, Clone, Copy)]
pub struct Columns<'a> {
    /// Whose event it is.
    pub customer: &'a [i64],
    /// What happened, never [`Moment::NONE`].
    pub moments: &'a [Moment],
    /// When, in microseconds since 1970 in UTC.
    pub at_us: &'a [i64],
    /// What conditions say of each event, see [`flag`](crate::flag); empty where nothing was asked.
    pub flags: &'a [u64],
    /// What else was wanted of each event, as columns in which these events begin at `begins`.
    pub details: &'a Details,
    /// Where in `details` these events begin.
    pub begins: usize,
}

/// All events of one customer, in time order; events of the same time in the order of arrival.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Run<'a> {
    /// The customer.
    pub customer: i64,
    /// What happened.
    pub moments: &'a [Moment],
    /// When, in microseconds since 1970 in UTC, never decreasing.
    pub at_us: &'a [i64],
    /// What conditions say of each event; empty where nothing was asked.
    pub flags: &'a [u64],
    /// What else was wanted of each event, as columns in which the run begins at `begins`.
    pub details: &'a Details,
    /// Where in `details` the run begins.
    pub begins: usize,
}

impl<'a> Run<'a> {
    /// A run of which nothing but moments and times is known.
    pub fn plain(customer: i64, moments: &'a [Moment], at_us: &'a [i64]) -> Self {
        Self { customer, moments, at_us, flags: &[], details: Details::NONE, begins: 0 }
    }
}

/// So many customers are handed out together: enough that whoever looks at them gets into its stride, and few enough that
/// their events are still at hand when the next one looks.
const TOGETHER: usize = 64;

/// Cuts batches of [`Columns`] into [`Run`]s.
#[derive(Debug, Default)]
pub struct Runs {
    customer: i64,
    moments: Vec<Moment>,
    at_us: Vec<i64>,
    flags: Vec<u64>,
    details: Details,
}

impl Runs {
    /// Hands out every customer that is complete; the last one of the batch is kept until the next batch, or until
    /// [`finish`](Self::finish), shows that it is.
    pub fn feed(&mut self, columns: &Columns<'_>, mut each: impl FnMut(&Run<'_>)) {
        self.feed_together(columns, |runs| runs.iter().for_each(&mut each));
    }

    /// As [`feed`](Self::feed), with some customers at a time.
    pub fn feed_together(&mut self, columns: &Columns<'_>, mut each: impl FnMut(&[Run<'_>])) {
        let customers = columns.customer;
        debug_assert!(customers.len() == columns.moments.len() && customers.len() == columns.at_us.len());
        debug_assert!(customers.is_sorted(), "a batch is sorted by customer");
        let Some(last) = customers.last().copied() else { return };
        let mut start = 0;
        if !self.moments.is_empty() {
            let more = run_length(customers, 0, self.customer);
            self.keep(columns, 0, more);
            start = more;
            if start == customers.len() {
                return;
            }
            self.finish(|run| each(std::slice::from_ref(run)));
        }
        let mut together = Vec::with_capacity(TOGETHER);
        while customers[start] != last {
            let customer = customers[start];
            let end = start + run_length(customers, start, customer);
            together.push(Run {
                customer,
                moments: &columns.moments[start..end],
                at_us: &columns.at_us[start..end],
                flags: columns.flags.get(start..end).unwrap_or(&[]),
                details: columns.details,
                begins: columns.begins + start,
            });
            if together.len() == TOGETHER {
                each(&together);
                together.clear();
            }
            start = end;
        }
        if !together.is_empty() {
            each(&together);
        }
        self.customer = last;
        self.keep(columns, start, customers.len());
    }

    /// Hands out the customer that was kept, if any.
    pub fn finish(&mut self, mut each: impl FnMut(&Run<'_>)) {
        if !self.moments.is_empty() {
            each(&Run {
                customer: self.customer,
                moments: &self.moments,
                at_us: &self.at_us,
                flags: &self.flags,
                details: &self.details,
                begins: 0,
            });
        }
        self.moments.clear();
        self.at_us.clear();
        self.flags.clear();
        self.details.clear();
    }

    fn keep(&mut self, columns: &Columns<'_>, start: usize, end: usize) {
        self.moments.extend_from_slice(&columns.moments[start..end]);
        self.at_us.extend_from_slice(&columns.at_us[start..end]);
        self.flags.extend_from_slice(columns.flags.get(start..end).unwrap_or(&[]));
        self.details.extend(columns.details, columns.begins + start..columns.begins + end);
    }
}

/// How many events from `start` on are this customer's.
#[inline]
fn run_length(customers: &[i64], start: usize, customer: i64) -> usize {
    let rest = &customers[start..];
    // Customers are sorted: while the last of eight is the same, all eight are, which costs one comparison.
    let mut length = 0;
    while rest.get(length + 7).is_some_and(|last| *last == customer) {
        length += 8;
    }
    let tail = &rest[length..rest.len().min(length + 7)];
    length + tail.iter().map(|other| usize::from(*other == customer)).sum::<usize>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    type Rows = Vec<(i64, u32, i64)>;
    type Seen = (i64, Vec<u32>, Vec<i64>, Vec<u64>, Vec<f64>);

    fn runs_of(batches: &[Rows]) -> Vec<Seen> {
        let mut runs = Runs::default();
        let mut seen = Vec::new();
        let mut each = |run: &Run<'_>| {
            seen.push((
                run.customer,
                run.moments.iter().map(|m| m.0).collect(),
                run.at_us.to_vec(),
                run.flags.to_vec(),
                run.details.numbers[0][run.begins..run.begins + run.moments.len()].to_vec(),
            ));
        };
        for rows in batches {
            let customer: Vec<i64> = rows.iter().map(|r| r.0).collect();
            let moments: Vec<Moment> = rows.iter().map(|r| Moment(r.1)).collect();
            let at_us: Vec<i64> = rows.iter().map(|r| r.2).collect();
            let flags: Vec<u64> = rows.iter().map(|r| u64::from(r.1 % 2)).collect();
            let details =
                Details { numbers: vec![rows.iter().map(|r| f64::from(r.1)).collect()], ..Details::default() };
            let columns = Columns {
                customer: &customer,
                moments: &moments,
                at_us: &at_us,
                flags: &flags,
                details: &details,
                begins: 0,
            };
            runs.feed(&columns, &mut each);
        }
        runs.finish(&mut each);
        seen
    }

    proptest! {
        #[test]
        fn any_split_into_batches_gives_the_same_runs(
            mut rows in prop::collection::vec((0i64..6, 0u32..4, 0i64..100), 0..60),
            cuts in prop::collection::vec(0usize..61, 0..8),
        ) {
            rows.sort_by_key(|r| (r.0, r.2));
            let mut cuts: Vec<usize> = cuts.into_iter().map(|c| c.min(rows.len())).chain([0, rows.len()]).collect();
            cuts.sort_unstable();
            let batches: Vec<Rows> = cuts.windows(2).map(|w| rows[w[0]..w[1]].to_vec()).collect();
            let split = runs_of(&batches);
            prop_assert_eq!(&split, &runs_of(&[rows.clone()]));
            prop_assert_eq!(split.iter().map(|r| r.1.len()).sum::<usize>(), rows.len());
            prop_assert!(split.windows(2).all(|w| w[0].0 < w[1].0), "one run per customer");
        }
    }
}
