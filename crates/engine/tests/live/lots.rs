//! What is left to chance, and how it stands in the log.

use engine::{Options, decision_of};
use futures::executor::block_on;
use keep::Keep;
use serde_json::Value;

use crate::open;
use crate::stories::{Shop, track};

/// A shop in which this is done at every order; some of it is left to chance.
pub(crate) fn shop(actions: &str, deciding: &str) -> Shop {
    let charter = format!(
        "charter: 1\ntimezone: UTC\nkeys: {{user_id: {{unique: true, priority: 1}}, anonymous_id: {{limit: 9}}}}\n\
         moments: {{order: {{when: event = 'Order'}}}}\nactions:\n{actions}deciding: {{{deciding}}}\n"
    );
    let mut shop = Shop::new();
    shop.engine = open(&charter, &shop.keep, &shop.clock, Options { seed: 5, node: 1 }).expect("memory is there");
    shop
}

/// All decisions that stand in the log, as whoever reads them gets them.
pub(crate) fn logged(shop: &Shop) -> Vec<Value> {
    let log = block_on(shop.keep.log(0, 1_000_000)).expect("memory is there");
    let decided = log.iter().filter_map(|logged| decision_of(logged).expect("it can be read"));
    decided.map(|decided| serde_json::from_str(&decided.json).expect("it is JSON")).collect()
}

fn probability_of_choice(decision: &Value) -> f64 {
    let chosen = decision["action"].as_str().expect("something was chosen");
    let actions = decision["actions"].as_array().expect("a list");
    let choice = actions.iter().find(|one| one["action"] == chosen).expect("it is one of them");
    choice["probability"].as_f64().expect("a number")
}

/// Everybody orders, again and again.
fn orders(shop: &Shop, customers: usize, times: usize) {
    for _ in 0..times {
        shop.clock.0.fetch_add(60_000_000, std::sync::atomic::Ordering::Relaxed);
        let all: Vec<String> = (0..customers).map(|n| track("Order", &format!(r#""userId":"u{n}""#), "")).collect();
        shop.send(&all.join(","));
    }
}

#[test]
fn what_would_not_be_done_is_not_drawn_either() {
    let actions = "  mail: {when: moment = 'order', value: 1, deliver: {webhook: crm}, cap: {per: 365d, times: 1}}\n  \
                   tip: {when: moment = 'order', value: 10}\n";
    let shop = shop(actions, "explore_share: 0.5, random_share: 0.2");
    orders(&shop, 60, 20);
    assert_eq!(logged(&shop).len(), 0, "the best waits for somebody who asks, whatever the lots say");
}

#[test]
fn every_lot_that_nobody_asked_for_is_in_the_log_with_its_probability() {
    let actions = "  call: {when: moment = 'order', value: 10, deliver: {webhook: crm}, cap: {per: 365d, times: 1}}\n  \
                   tip: {when: moment = 'order', value: 5}\n  \
                   mail: {when: moment = 'order', value: 1, deliver: {webhook: crm}, cap: {per: 365d, times: 1}}\n";
    let shop = shop(actions, "explore_share: 0.5");
    let customers = 400;
    orders(&shop, customers, 1);
    let all = logged(&shop);
    assert_eq!(all.len(), customers, "all were drawn for");
    let of = |action: &'static str| all.iter().filter(move |one| one["action"] == action);
    for (action, probability) in [("call", 0.75), ("mail", 0.25)] {
        assert!(of(action).all(|one| (probability_of_choice(one) - probability).abs() < 1e-12));
        // So many should be as there are customers: each stands for as many as its probability says.
        let stands_for = of(action).count() as f64 / probability;
        assert!((stands_for - customers as f64).abs() < 80.0, "{action} stands for {stands_for}");
    }
    assert!(all.iter().all(|one| one["actions"][1]["probability"] == 0.0), "what is not delivered is not drawn");
}
