//! Customers are handed out some at a time, and all of them.

use journey::{Columns, Details, Moment, Run, Runs};

#[test]
fn however_many_customers_there_are_each_is_handed_out_once_and_whole() {
    for customers in [1, 2, 63, 64, 65, 66, 128, 129, 200] {
        // Of customer `n` there are one, two or three events; the batch ends in the middle of the last one's.
        let events = |n: i64| std::iter::repeat_n(n, usize::try_from(1 + n % 3).expect("few"));
        let customer: Vec<i64> = (0..customers).flat_map(events).collect();
        let moments = vec![Moment(0); customer.len()];
        let at_us: Vec<i64> = (0..).take(customer.len()).collect();
        let columns = |from: usize, to: usize| Columns {
            customer: &customer[from..to],
            moments: &moments[from..to],
            at_us: &at_us[from..to],
            flags: &[],
            details: Details::NONE,
            begins: 0,
        };
        let (mut runs, mut seen, mut at_once) = (Runs::default(), Vec::new(), 0);
        let mut each = |runs: &[Run<'_>]| {
            at_once = at_once.max(runs.len());
            seen.extend(runs.iter().map(|run| (run.customer, run.at_us.to_vec())));
        };
        let cut = customer.len() - 1;
        runs.feed_together(&columns(0, cut), &mut each);
        runs.feed_together(&columns(cut, customer.len()), &mut each);
        runs.finish(|run| each(std::slice::from_ref(run)));
        let all: Vec<i64> = seen.iter().map(|(customer, _)| *customer).collect();
        assert_eq!(all, (0..customers).collect::<Vec<_>>());
        assert_eq!(seen.iter().flat_map(|(_, at_us)| at_us.clone()).collect::<Vec<_>>(), at_us);
        assert!(customers < 3 || at_once > 1, "{customers} customers, {at_once} at once");
    }
}
