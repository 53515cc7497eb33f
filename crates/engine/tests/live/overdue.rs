//! Timers that are overdue, as after a stop, and who comes before they go off.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use engine::Options;
use futures::executor::block_on;

use crate::open;
use crate::stories::{SHOP, Shop, asked, track};
use crate::watched::{NOBODYS, Watched};

const LONG_AGO: &str = r#","timestamp":"2026-03-04T06:00:00Z""#;

/// Whether a purpose is consented to, as a word about consent says it.
fn says(shop: &Shop, granted: bool) {
    let said = BTreeMap::from([("service".to_owned(), granted)]);
    let _ = block_on(shop.engine.consent("user_id", "u1", &said)).expect("memory is there");
}

/// A shop that says sorry to those alone who want to hear of it, and somebody who does, to whom a promise is overdue.
fn overdue() -> Shop {
    let charter = SHOP.replace("sorry:  {when: broken >= 1,", "sorry:  {when: broken >= 1, purpose: service,");
    assert_ne!(charter, SHOP);
    let mut shop = Shop::new();
    shop.engine = open(&charter, &shop.keep, &shop.clock, Options::default()).expect("memory is there");
    says(&shop, true);
    shop.send(&track("Order", r#""userId":"u1""#, ""));
    shop.at("2026-03-04T10:00");
    shop
}

#[test]
fn whoever_comes_before_a_timer_that_is_overdue_does_not_keep_it_from_acting() {
    let late = |shop: &Shop| drop(shop.send(&track("Visit", r#""userId":"u1","anonymousId":"a1""#, LONG_AGO)));
    let agrees = |shop: &Shop| says(shop, true);
    let asks = |shop: &Shop| drop(block_on(shop.engine.decide(asked("user_id", "u1", "page"))));
    for first in [&late as &dyn Fn(&Shop), &agrees, &asks] {
        let shop = overdue();
        first(&shop);
        while shop.wake() > 0 {}
        let sent = shop.deliveries("mail");
        assert!(sent.len() == 1 && sent[0].contains(r#""subject":"u1""#), "{sent:?}");
        shop.is_its_replay();
    }
}

#[test]
fn whoever_says_no_or_that_it_was_kept_is_not_written_to_because_of_it() {
    let refuses = |shop: &Shop| says(shop, false);
    let no = r#","context":{"consent":{"categoryPreferences":{"service":false}}}"#;
    let sends = |shop: &Shop, event: &str, more: &str| {
        drop(shop.send(&track(event, r#""userId":"u1""#, &format!("{LONG_AGO}{more}"))));
    };
    let refuses_by_the_way = |shop: &Shop| sends(shop, "Visit", no);
    // What was buffered meanwhile: it came in time.
    let has_it = |shop: &Shop| sends(shop, "Delivered", "");
    for first in [&refuses as &dyn Fn(&Shop), &refuses_by_the_way, &has_it] {
        let shop = overdue();
        first(&shop);
        while shop.wake() > 0 {}
        assert_eq!(shop.deliveries("mail"), [""; 0]);
        shop.is_its_replay();
    }
}

#[test]
fn somebody_whose_history_is_damaged_holds_up_no_other() {
    let mut shop = Shop::new();
    for user in ["u1", "u2", "u3"] {
        shop.send(&track("Order", &format!(r#""userId":"{user}""#), ""));
    }
    let damaged = shop.customer("user_id", "u2").expect("known").customer;
    let watched = Watched::new(&shop.keep);
    // By another charter, every state is built anew.
    let charter = SHOP.replace("value: 3", "value: 4");
    shop.engine = open(&charter, &watched, &shop.clock, Options::default()).expect("memory is there");
    watched.damaged.store(damaged, Ordering::Relaxed);
    shop.at("2026-03-04T09:01");
    while shop.wake() > 0 {}
    assert_eq!(shop.deliveries("mail").len(), 2);
    assert_eq!(shop.engine.counts().timers_failed.load(Ordering::Relaxed), 1);
    watched.damaged.store(NOBODYS, Ordering::Relaxed);
    shop.at("2026-03-04T09:02");
    while shop.wake() > 0 {}
    assert_eq!(shop.deliveries("mail").len(), 3, "it comes again");
    shop.is_its_replay();
}

#[test]
fn timers_that_are_too_much_for_one_commit_are_worked_off_each_on_its_own() {
    let mut shop = Shop::new();
    for user in ["u1", "u2", "u3"] {
        shop.send(&track("Order", &format!(r#""userId":"{user}""#), ""));
    }
    let watched = Watched::new(&shop.keep);
    shop.engine = open(SHOP, &watched, &shop.clock, Options::default()).expect("memory is there");
    watched.room.store(2, Ordering::Relaxed);
    shop.at("2026-03-04T09:01");
    while shop.wake() > 0 {}
    assert_eq!(shop.deliveries("mail").len(), 3);
    assert_eq!(shop.engine.counts().timers_failed.load(Ordering::Relaxed), 0);
    shop.is_its_replay();
}
