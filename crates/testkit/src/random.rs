//! Random logs and random ways to cut them up.

use proptest::collection::vec;
use proptest::prelude::*;

use crate::{Log, Split};

/// Logs of up to `customers` customers and `events` events over the first `moments` letters, in which about half of the
/// events happen at the same time as another, and some are flagged.
pub fn logs(customers: i64, events: u16, moments: u16) -> impl Strategy<Value = Log> {
    let event = (0..customers, 0..usize::from(moments), 0..=i64::from(events / 2), 0u64..4);
    vec(event, 0..=usize::from(events)).prop_map(move |events| {
        let names: Vec<String> = (0..usize::from(moments)).map(name).collect();
        // Seconds of uneven length, so that sums and interpolations are not all whole.
        Log::new(
            events.iter().map(|(customer, moment, at, flags)| (*customer, &*names[*moment], at * 1_300_001, *flags)),
        )
    })
}

fn name(number: usize) -> String {
    let letter = ('a'..='z').nth(number % 26).expect("below 26");
    if number < 26 { letter.to_string() } else { format!("{letter}{}", number / 26) }
}

/// Ways to cut a log into batches and folds and to merge them again.
pub fn splits() -> impl Strategy<Value = Split> {
    (0usize..9, vec(0usize..4, 0..7), vec((0usize..5, 0usize..5), 0..5)).prop_map(|(batch, folds, merges)| Split {
        batch,
        folds,
        merges,
    })
}
