use std::collections::{BTreeMap, BTreeSet};

use super::*;

fn rows(events: u64, seed: u64) -> Vec<Row> {
    let mut traffic = Traffic::new(events, seed);
    let (mut hour, mut all) = (Vec::new(), Vec::new());
    while traffic.next_hour(&mut hour) {
        all.extend_from_slice(&hour);
    }
    all
}

#[test]
fn as_many_events_as_asked_for_in_time_order() {
    for events in [0, 1, 777, 50_000] {
        let all = rows(events, 1);
        assert_eq!(all.len() as u64, events);
        assert!(all.is_sorted_by_key(|row| row.at_us));
        assert!(all.iter().all(|row| (YEAR_STARTS_US..YEAR_ENDS_US).contains(&row.at_us)));
    }
}

#[test]
fn within_a_customer_no_two_events_share_a_time() {
    let all = rows(300_000, 2);
    let distinct: BTreeSet<(u32, i64)> = all.iter().map(|row| (row.customer, row.at_us)).collect();
    assert_eq!(distinct.len(), all.len());
}

#[test]
fn the_same_seed_gives_the_same_events_and_another_gives_others() {
    assert_eq!(rows(20_000, 5), rows(20_000, 5));
    assert_ne!(rows(20_000, 5), rows(20_000, 6));
}

#[test]
fn customers_are_heavy_tailed_with_a_mean_of_twenty() {
    let all = rows(1_000_000, 1);
    let mut per_customer: BTreeMap<u32, u32> = BTreeMap::new();
    for row in &all {
        *per_customer.entry(row.customer).or_default() += 1;
    }
    let mean = all.len() as f64 / per_customer.len() as f64;
    assert!((18.5..21.5).contains(&mean), "mean {mean}");
    let most = per_customer.values().max().copied().unwrap_or(0);
    assert!((1_000..=u32::from(EVENTS_PER_CUSTOMER_MAX)).contains(&most), "most {most}");
    let few = per_customer.values().filter(|n| **n <= 7).count() as f64 / per_customer.len() as f64;
    assert!((0.45..0.65).contains(&few), "share of customers with at most seven events: {few}");
}

#[test]
fn every_moment_channel_and_page_occurs_and_the_first_moment_most() {
    let all = rows(200_000, 1);
    let mut moments = [0u32; MOMENTS.len()];
    for row in &all {
        moments[usize::from(row.moment)] += 1;
    }
    assert!(moments.iter().all(|n| *n > 200), "{moments:?}");
    assert!(moments[2] > moments[39] * 5, "popularity falls steeply: {moments:?}");
    assert_eq!(all.iter().map(|row| row.channel).collect::<BTreeSet<_>>().len(), CHANNELS.len());
    assert_eq!(all.iter().filter_map(|row| row.page).collect::<BTreeSet<_>>().len(), PAGES.len());
    assert!(all.iter().any(|row| row.amount_cents.is_some()));
}
