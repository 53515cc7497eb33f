//! What events bring about by themselves.

use crate::stories::{Shop, track};

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
