//! What events bring about by themselves.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use futures::executor::block_on;
use keep::{Fault, Operation};

use crate::stories::{Shop, asked, track};

#[test]
fn what_comes_together_with_a_late_event_is_decided_as_if_each_came_alone() {
    let consent = r#","context":{"consent":{"categoryPreferences":{"service":true}}}"#;
    let of =
        |event: &str, id: u32, more: &str| track(event, r#""userId":"u1""#, &format!(r#","messageId":"m{id}"{more}"#));
    // Before more events than are kept as they came.
    let late = |id| of("Visit", id, r#","timestamp":"2026-02-20T09:00:00Z""#);
    let ticket = |id| of("Ticket", id, consent);
    let batch = [late(50), ticket(51), late(52), ticket(53), ticket(54)];
    let told = |together: bool| {
        let shop = Shop::new();
        (0..20).for_each(|id| drop(shop.send(&of("Visit", id, ""))));
        shop.at("2026-03-02T09:30");
        if together {
            shop.send(&batch.join(","));
        } else {
            for message in &batch {
                shop.send(message);
            }
        }
        shop.is_its_replay();
        assert_eq!(shop.customer("user_id", "u1").expect("known").features["visits"], 22);
        shop.deliveries("crm")
    };
    let (together, alone) = (told(true), told(false));
    assert!(together.len() == 1 && together == alone, "after the second ticket: {together:?}, and alone {alone:?}");
}

#[test]
fn what_is_not_kept_is_not_counted_as_decided() {
    let shop = Shop::new();
    let visit = track("Visit", r#""userId":"u1""#, "");
    shop.send(&visit);
    let decided = || {
        let counts = shop.engine.counts();
        (counts.decided.load(Ordering::Relaxed), counts.undecided.load(Ordering::Relaxed))
    };
    let tickets = [track("Ticket", r#""userId":"u1""#, ""), track("Ticket", r#""userId":"u1""#, "")].join(",");
    let consent = BTreeMap::from([("service".to_owned(), true)]);
    let _ = block_on(shop.engine.consent("user_id", "u1", &consent)).expect("memory is there");
    shop.keep.order_faults(|operation| (operation == Operation::Commit).then_some(Fault::Busy));
    assert!(block_on(shop.engine.decide(asked("user_id", "u1", "page"))).is_err());
    assert!(block_on(shop.engine.take(shop.inbox(&tickets))).is_err());
    assert_eq!(decided(), (0, 0));
    shop.keep.order_faults(|_| None);
    shop.send(&tickets);
    assert_eq!((shop.deliveries("crm").len(), decided()), (1, (1, 0)));
    block_on(shop.engine.decide(asked("user_id", "u1", "page"))).expect("memory is there");
    assert_eq!(decided(), (2, 0));
}
