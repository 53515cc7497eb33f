//! The same past by other charters.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use engine::Options;
use futures::executor::block_on;
use keep::Keep;

use crate::open;
use crate::stories::{SHOP, Shop, asked, track};

/// A day of a shop that leaves some of its decisions to chance, and the days after it, in which promises break.
fn day_of_chance() -> (Shop, String) {
    let chance = format!("{SHOP}deciding: {{explore_share: 0.3, random_share: 0.2, none_share: 0.1}}\n");
    let mut shop = Shop::new();
    shop.engine = open(&chance, &shop.keep, &shop.clock, Options { seed: Some(5), node: 1 }).expect("memory is there");
    let mut lot: u64 = 1;
    for minute in 0..4 * 24 * 60 {
        shop.clock.0.fetch_add(60_000_000, Ordering::Relaxed);
        shop.wake();
        if minute >= 24 * 60 {
            continue;
        }
        lot = lot.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let (event, of) = (["Visit", "Order", "Ticket", "Delivered"][(lot >> 33) as usize % 4], (lot >> 40) % 12);
        let ids = match (lot >> 50) % 3 {
            0 => format!(r#""userId":"u{of}""#),
            1 => format!(r#""anonymousId":"a{of}""#),
            _ => format!(r#""userId":"u{of}","anonymousId":"a{of}""#),
        };
        let consent = r#","context":{"consent":{"categoryPreferences":{"service":true}}}"#;
        shop.send(&[track(event, &ids, consent), track("Ticket", &ids, "")].join(","));
        if minute % 7 == 0 {
            let ask = asked("user_id", &format!("u{of}"), &minute.to_string());
            block_on(shop.engine.decide(ask)).expect("memory is there");
        }
        if minute % 200 == 10 {
            let _ = block_on(shop.engine.link(("user_id", "u1"), ("user_id", "u2"), &[]));
        } else if minute % 200 == 100 {
            let _ = block_on(shop.engine.unlink(("user_id", "u1"), ("user_id", "u2"), &[]));
        }
    }
    (shop, chance)
}

#[test]
fn the_same_charter_decides_the_same_and_another_one_otherwise() {
    let (shop, charter) = day_of_chance();
    let redecide = |text: &str| {
        let charter = charter::Charter::parse(text).unwrap_or_else(|problems| panic!("{problems:?}")).0;
        let all = i64::MIN..i64::MAX;
        block_on(shop.engine.redecide(Arc::new(charter), all, 3)).expect("memory is there")
    };
    // Two customers who are asked about on one page are two occasions.
    let before = redecide(&charter).occasions;
    for user in ["u1", "u5"] {
        block_on(shop.engine.decide(asked("user_id", user, "one page"))).expect("memory is there");
    }
    assert_eq!(redecide(&charter).occasions, before + 2);
    let entries = block_on(shop.keep.log_span()).expect("memory is there").end;
    let same = redecide(&charter);
    assert_eq!((same.differing, &same.examples), (0, &Vec::new()), "{same:?}");
    assert!(same.occasions > 100 && same.actions.len() == 3, "{same:?}");
    assert!(same.actions.iter().all(|of| of.then > 5 && of.then == of.now && of.now == of.both), "{same:?}");

    let other = redecide(&charter.replace("tickets_7d >= 2", "tickets_7d < 0"));
    let of = |name: &str| other.actions.iter().find(|of| of.action == name).expect("it was chosen").clone();
    assert_eq!(of("call").now, 0);
    assert!(of("call").then > 5 && of("banner").then > 5 && other.differing >= of("call").then, "{other:?}");
    assert_eq!(other.examples.len(), 3);
    assert!(other.examples.iter().all(|one| one.then != one.now && one.customer.contains(':')), "{other:?}");
    assert_eq!(block_on(shop.keep.log_span()).expect("memory is there").end, entries, "nothing is written");
}
