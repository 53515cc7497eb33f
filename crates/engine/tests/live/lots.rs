//! What is left to chance, and how it stands in the log.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use engine::{Options, decision_of};
use futures::executor::block_on;
use keep::{Keep, Memory, Wanted};
use serde_json::Value;

use crate::open;
use crate::stories::{Shop, asked, track};

/// A shop in which this is done at every order; some of it is left to chance.
pub(crate) fn shop(actions: &str, deciding: &str) -> Shop {
    let charter = format!(
        "charter: 1\ntimezone: UTC\nkeys: {{user_id: {{unique: true, priority: 1}}, anonymous_id: {{limit: 9}}}}\n\
         moments: {{order: {{when: event = 'Order'}}}}\nactions:\n{actions}deciding: {{{deciding}}}\n"
    );
    let mut shop = Shop::new();
    shop.engine = open(&charter, &shop.keep, &shop.clock, Options { seed: Some(5), node: 1 }).expect("memory is there");
    shop
}

/// All decisions that stand in the log, as whoever reads them gets them.
pub(crate) fn logged(shop: &Shop) -> Vec<Value> {
    let log = block_on(shop.keep.log(0, 1_000_000)).expect("memory is there");
    let decided = log.iter().filter_map(|logged| block_on(decision_of(&*shop.keep, logged)).expect("it can be read"));
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
        shop.clock.0.fetch_add(60_000_000, Ordering::Relaxed);
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

const ONCE: &str = "  mail: {when: moment = 'order', value: 1, cap: {per: 365d, times: 1}, deliver: {webhook: crm}}\n";

fn decide(shop: &Shop, kind: &str, value: &str, occasion: &str) -> Value {
    let decided = block_on(shop.engine.decide(asked(kind, value, occasion))).expect("memory is there");
    serde_json::from_str(&decided.json).expect("it is JSON")
}

#[test]
fn an_arm_is_for_life_and_of_two_the_first_one_stays() {
    let shop = shop("  tip: {when: moment = 'order', value: 1}\n", "none_share: 0.3, random_share: 0.3");
    for n in 0..40 {
        shop.send(&track("Order", &format!(r#""anonymousId":"a{n}""#), ""));
    }
    let later = || shop.clock.0.fetch_add(1_000_000, Ordering::Relaxed);
    for n in 0..40 {
        later();
        shop.send(&track("Order", &format!(r#""userId":"u{n}""#), ""));
        // The first half was known before they came by another device, of the others the device was.
        let (user, device) = (format!("u{n}"), format!("a{n}"));
        let (known, other) = (("user_id", user.as_str()), ("anonymous_id", device.as_str()));
        let (first, second) = if n < 20 { (known, other) } else { (other, known) };
        let arm = decide(&shop, first.0, first.1, "one")["arm"].clone();
        later();
        if n % 2 == 0 {
            decide(&shop, second.0, second.1, "another");
        }
        later();
        shop.send(&track("Order", &format!(r#""userId":"{user}","anonymousId":"{device}""#), ""));
        assert_eq!(decide(&shop, "user_id", &user, "after the login")["arm"], arm, "{user}");
    }
    shop.is_its_replay();
}

#[test]
fn as_much_is_decided_for_whom_nothing_is_done_as_for_the_others() {
    let shop = shop(ONCE, "none_share: 0.5");
    orders(&shop, 40, 10);
    let mut entries: BTreeMap<i64, Vec<Value>> = BTreeMap::new();
    for decision in logged(&shop) {
        entries.entry(decision["customer"].as_i64().expect("a number")).or_default().push(decision);
    }
    assert_eq!(entries.len(), 40);
    let none = |of: &Vec<Value>| of[0]["arm"] == "none";
    assert!((10..30).contains(&entries.values().filter(|of| none(of)).count()));
    for of in entries.values() {
        assert_eq!(of.len(), 1, "{of:?}");
        let (action, withheld) = if none(of) { (Value::Null, "mail".into()) } else { ("mail".into(), Value::Null) };
        assert_eq!((&of[0]["action"], &of[0]["withheld"]), (&action, &withheld));
    }
    assert!(shop.deliveries("crm").len() < 30, "nothing goes out that is withheld");
    for n in 0..40 {
        let user = format!("u{n}");
        decide(&shop, "user_id", &user, "page");
        let shown = shop.customer("user_id", &user).expect("known");
        assert_eq!((shown.decided.len(), shown.decided[0].withheld), (1, none(&entries[&shown.customer])));
    }
    shop.is_its_replay();
}

#[test]
fn nothing_is_learnt_of_an_action_from_whom_it_was_withheld() {
    let actions = "  mail: {when: moment = 'order', value: 1, propensity: {from: outcome.buy}, deliver: {webhook: crm}}\n\
                   outcomes: {buy: {when: event = 'Buy', horizon: 1d}}\n";
    for (none_share, lessons) in [(0, 3), (1, 0)] {
        let shop = shop(actions, &format!("none_share: {none_share}"));
        orders(&shop, 3, 1);
        assert_eq!(logged(&shop).len(), 3);
        shop.clock.0.fetch_add(2 * 86_400_000_000, Ordering::Relaxed);
        while shop.wake() > 0 {}
        assert_eq!(shop.engine.learnt()[0].lessons, lessons, "none_share: {none_share}");
        shop.is_its_replay();
    }
}

#[test]
fn nothing_is_chosen_once_for_an_occasion() {
    let shop = shop("  tip: {when: moment = 'order', value: 1}\n", "none_share: 1");
    shop.send(&track("Order", r#""userId":"u""#, ""));
    let answers: Vec<Value> = (0..20).map(|_| decide(&shop, "user_id", "u", "page")).collect();
    assert_eq!((answers[0]["repeated"].clone(), answers[0]["action"].clone()), (false.into(), Value::Null));
    assert!(answers[1..].iter().all(|again| again["repeated"] == true && again["none_probability"] == 1.0));
    assert_eq!(logged(&shop).len(), 1);
}

#[test]
fn every_home_draws_lots_of_its_own_and_keeps_to_them() {
    let charter = format!("charter: 1\nkeys: {{user_id: {{}}}}\nactions:\n{ONCE}deciding: {{none_share: 0.5}}\n");
    let arms = |shop: &Shop| {
        let arm = |n: i32| decide(shop, "user_id", &format!("u{n}"), "x")["arm"].as_str().map(str::to_owned);
        (0..64).map(arm).collect::<Vec<_>>()
    };
    let of_home = || {
        let mut shop = Shop::new();
        shop.keep = Arc::new(Memory::new(keep::limits::MESSAGES_KNOWN_US));
        shop.engine = open(&charter, &shop.keep, &shop.clock, Options::default()).expect("memory is there");
        shop
    };
    let (one, mut other) = (of_home(), of_home());
    assert_ne!(arms(&one), arms(&other));
    let before = arms(&other);
    other.engine = open(&charter, &other.keep, &other.clock, Options { seed: Some(1), node: 2 }).expect("there");
    assert_eq!(arms(&other), before, "whoever opens it");
}

#[test]
fn a_decision_for_nothing_relies_on_the_state_like_any_other() {
    let shop = shop("  tip: {when: moment = 'order', value: 1}\n", "explore_share: 0");
    shop.send(&track("Visit", r#""userId":"u""#, ""));
    let version = || {
        let wanted = Wanted { keys: vec![b"user_id\0u".to_vec()], ..Wanted::default() };
        block_on(shop.keep.load(&wanted)).expect("memory is there").states[0].version
    };
    let before = version();
    assert_eq!(decide(&shop, "user_id", "u", "page")["action"], Value::Null);
    assert_ne!(version(), before, "whoever decided by the state from before would be told");
    shop.is_its_replay();
}
