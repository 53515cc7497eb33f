//! What is learnt of what follows: it outlives whoever is killed, is the same for all who share a home, and for whoever reads the
//! log from its beginning.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use engine::{Engine, Options};
use futures::executor::block_on;
use keep::{Commit, Keep, RecordChange};
use serde_json::Value;

use crate::open;
use crate::stories::{Shop, asked, track};
use crate::watched::Watched;

const CHARTER: &str = "\
charter: 1
timezone: UTC
keys: {user_id: {unique: true, priority: 1}}
moments: {visit: {when: event = 'Visit'}, order: {when: event = 'Order'}}
outcomes: {order: {when: moment = 'order', horizon: 1d}}
features: {visits: {count: visit}}
actions:
  offer: {when: visits >= 1, value: 1, propensity: {from: outcome.order}}
";

const DAY_US: i64 = 86_400_000_000;

fn node(shop: &Shop, charter: &str, node: u64) -> Arc<Engine> {
    open(charter, &shop.keep, &shop.clock, Options { seed: Some(5), node }).expect("memory is there")
}

/// Customers from one on are offered something, and every fifth orders; by the end of it all that is over.
fn days(shop: &mut Shop, nodes: &[Arc<Engine>], from: usize) {
    for n in from..from + 40 {
        shop.engine = Arc::clone(&nodes[n % nodes.len()]);
        let ids = format!(r#""userId":"u{n}""#);
        shop.send(&track("Visit", &ids, ""));
        block_on(shop.engine.decide(asked("user_id", &format!("u{n}"), "page"))).expect("memory is there");
        shop.clock.0.fetch_add(60_000_000, Ordering::Relaxed);
        if n % 5 == 0 {
            shop.send(&track("Order", &ids, ""));
        }
    }
    shop.clock.0.fetch_add(DAY_US, Ordering::Relaxed);
    for node in nodes {
        while block_on(node.wake_some()).expect("memory is there") > 0 {}
    }
    for node in nodes {
        block_on(node.learn()).expect("memory is there");
    }
}

/// How probable it is that an offer brings an order, to the bit.
fn propensity(engine: &Arc<Engine>, occasion: &str) -> u64 {
    let decided = block_on(engine.decide(asked("user_id", "u3", occasion))).expect("memory is there");
    let decided: Value = serde_json::from_str(&decided.json).expect("it is JSON");
    decided["actions"][0]["propensity"].as_f64().expect("a number").to_bits()
}

#[test]
fn what_was_learnt_outlives_whoever_is_killed_and_is_what_the_log_says() {
    let mut shop = Shop::new();
    let first = node(&shop, CHARTER, 1);
    days(&mut shop, &[Arc::clone(&first)], 0);
    let learnt = propensity(&first, "a");
    assert!((f64::from_bits(learnt) - 0.2).abs() < 0.1, "{}", f64::from_bits(learnt));
    // Nothing was said to it before it was killed.
    drop(first);
    let second = node(&shop, CHARTER, 2);
    assert_eq!(propensity(&second, "b"), learnt);
    shop.is_its_replay();
}

#[test]
fn two_who_share_a_home_learn_the_same_from_what_either_sees() {
    let mut shop = Shop::new();
    let nodes = [node(&shop, CHARTER, 1), node(&shop, CHARTER, 2)];
    days(&mut shop, &nodes, 0);
    days(&mut shop, &nodes, 40);
    let learnt = propensity(&nodes[0], "a");
    assert_eq!(propensity(&nodes[1], "b"), learnt);
    assert!((f64::from_bits(learnt) - 0.2).abs() < 0.1, "{}", f64::from_bits(learnt));
}

#[test]
fn models_that_are_kept_are_those_of_the_log_and_nobody_goes_back() {
    let mut shop = Shop::new();
    let nodes = [node(&shop, CHARTER, 1), node(&shop, CHARTER, 2)];
    let keep_models = |engine: &Arc<Engine>| {
        // Whoever is told to stop keeps what was learnt.
        let (_tell, stop) = tokio::sync::watch::channel(true);
        block_on(Arc::clone(engine).run(stop));
    };
    let kept = |shop: &Shop| {
        let records = block_on(shop.keep.records("models", None, 9)).expect("memory is there");
        records.into_iter().map(|record| (record.name, record.bytes)).collect::<Vec<_>>()
    };
    days(&mut shop, &nodes[..1], 0);
    keep_models(&nodes[0]);
    let early = kept(&shop);
    days(&mut shop, &nodes[1..], 40);
    keep_models(&nodes[1]);
    keep_models(&nodes[1]);
    let late = kept(&shop);
    assert_ne!(late, early, "the second was told that the first one had written, and then wrote");
    keep_models(&nodes[0]);
    assert_eq!(kept(&shop), late);
    let by_record = propensity(&node(&shop, CHARTER, 3), "a");
    let forget = RecordChange { name: "models".to_owned(), expected: None, bytes: None };
    block_on(shop.keep.commit(Commit { records: vec![forget], ..Commit::default() })).expect("memory is there");
    assert_eq!(propensity(&node(&shop, CHARTER, 4), "b"), by_record, "from the beginning of the log");
}

#[test]
fn another_label_takes_nothing_of_what_was_learnt_and_of_what_is_waited_for() {
    let mut shop = Shop::new();
    let first = node(&shop, CHARTER, 1);
    days(&mut shop, &[Arc::clone(&first)], 0);
    let learnt = propensity(&first, "a");
    let relabelled = node(&shop, &CHARTER.replace("{when: visits >= 1", "{label: An offer, when: visits >= 1"), 2);
    assert_eq!(propensity(&relabelled, "b"), learnt);
    // The question by the first charter waits for its outcome still, and is learnt by the second.
    shop.clock.0.fetch_add(2 * DAY_US, Ordering::Relaxed);
    while block_on(relabelled.wake_some()).expect("memory is there") > 0 {}
    let later = propensity(&relabelled, "c");
    assert_ne!(later, learnt);
    assert_eq!(propensity(&node(&shop, CHARTER, 3), "d"), later);
    // What is asked of other numbers is another model.
    let other = CHARTER.replace("{count: visit}", "{count: visit, within: 30d}");
    assert!((f64::from_bits(propensity(&node(&shop, &other, 4), "e")) - 0.5).abs() < 1e-12);
}

#[test]
fn how_well_predictions_come_true_is_told() {
    let mut shop = Shop::new();
    let nodes = [node(&shop, CHARTER, 1)];
    let of_nothing = nodes[0].learnt();
    assert_eq!((of_nothing.len(), of_nothing[0].lessons, of_nothing[0].calibration), (1, 0, None));
    for from in (0..400).step_by(40) {
        days(&mut shop, &nodes, from);
    }
    let learnt = nodes[0].learnt().remove(0);
    assert_eq!((learnt.action.as_str(), learnt.outcome.as_str(), learnt.lessons), ("offer", "order", 400));
    let all = learnt.calibration.expect("it has learnt");
    assert_eq!((all.n, all.came), (400, 80));
    assert!(all.observed_share_low < 0.2 && 0.2 < all.observed_share_high, "{all:?}");
    assert_eq!(learnt.deciles.iter().map(|decile| decile.n).sum::<u64>(), 400);
    let off = |of: &&engine::ShownCalibration| (of.predicted_share - of.observed_share).abs() > 0.1;
    let off: u64 = learnt.deciles.iter().filter(off).map(|decile| decile.n).sum();
    assert!(off <= 40, "those of the first days alone: {:?}", learnt.deciles);
}

#[test]
fn what_was_learnt_long_ago_is_not_read_again_when_it_is_looked_for_what_is_new() {
    let mut shop = Shop::new();
    let watched = Watched::new(&shop.keep);
    let nodes = [open(CHARTER, &watched, &shop.clock, Options { seed: Some(5), node: 1 }).expect("memory is there")];
    for from in (0..400).step_by(40) {
        days(&mut shop, &nodes, from);
    }
    assert_eq!(nodes[0].learnt()[0].lessons, 400);
    let read = |shop: &Shop| {
        watched.entries_of.store(0, Ordering::Relaxed);
        block_on(shop.engine.learn()).expect("memory is there");
        watched.entries_of.load(Ordering::Relaxed)
    };
    assert_eq!(read(&shop), 0, "nothing has happened");
    shop.send(&track("Visit", r#""userId":"u1""#, ""));
    assert!(read(&shop) <= 40, "those of the last commit");
    assert_eq!(read(&shop), 0);
}
