//! What customers say about purposes: when it counts, and what it keeps from being done.

use std::collections::BTreeMap;

use futures::executor::block_on;

use crate::stories::{Shop, asked, track};

#[test]
fn consent_cap_and_occasion_are_kept() {
    let shop = Shop::new();
    let ticket = track("Ticket", r#""userId":"u1""#, "");
    shop.send(&[ticket.as_str(), ticket.as_str()].join(","));
    assert_eq!(shop.deliveries("crm"), [""; 0]);
    let consent = r#","context":{"consent":{"categoryPreferences":{"service":true}}}"#;
    shop.send(&track("Ticket", r#""userId":"u1""#, consent));
    assert_eq!(shop.deliveries("crm").len(), 1);
    shop.at("2026-03-02T12:00").send(&ticket);
    assert_eq!(shop.customer("user_id", "u1").expect("known").decided.len(), 1);
    let ask = || block_on(shop.engine.decide(asked("user_id", "u1", "page 7"))).expect("memory is there");
    let (first, again) = (ask(), ask());
    assert_eq!(first.action, again.action);
    let told: serde_json::Value = serde_json::from_str(&first.json).expect("it is JSON");
    assert_eq!(told["actions"][0]["fell_out"], "cap");
    shop.is_its_replay();
}

#[test]
fn the_last_word_counts_though_a_clock_that_is_wrong_said_the_one_before() {
    let shop = Shop::new();
    let ahead = r#","timestamp":"2026-03-02T09:50:00Z""#;
    let consent = r#","context":{"consent":{"categoryPreferences":{"service":true}}}"#;
    shop.send(&track("Visit", r#""userId":"u1""#, &format!("{ahead}{consent}")));
    shop.at("2026-03-02T09:05");
    let no = BTreeMap::from([("service".to_owned(), false)]);
    block_on(shop.engine.consent("user_id", "u1", &no)).expect("memory is there");
    let granted = |shop: &Shop| shop.customer("user_id", "u1").expect("known").consents[0].granted;
    assert!(!granted(&shop));
    shop.is_its_replay();
    // What was said long ago and becomes known late is older than that, too.
    let long_ago = r#","timestamp":"2026-03-02T08:00:00Z""#;
    shop.at("2026-03-02T10:00").send(&track("Visit", r#""userId":"u1""#, &format!("{long_ago}{consent}")));
    assert!(!granted(&shop));
    shop.send(&track("Visit", r#""userId":"u1""#, consent));
    assert!(granted(&shop));
    shop.is_its_replay();
}

#[test]
fn consent_that_is_given_elsewhere_is_an_entry_of_the_log() {
    let shop = Shop::new();
    let say = |granted| {
        let said = BTreeMap::from([("service".to_owned(), granted)]);
        block_on(shop.engine.consent("user_id", "u1", &said)).expect("memory is there")
    };
    say(true);
    let ticket = track("Ticket", r#""userId":"u1""#, "");
    shop.at("2026-03-02T10:00").send(&[ticket.as_str(), ticket.as_str()].join(","));
    assert_eq!(shop.deliveries("crm").len(), 1, "it was given before the first event");
    shop.at("2026-03-20T10:00");
    say(false);
    shop.send(&[ticket.as_str(), ticket.as_str()].join(","));
    let shown = shop.customer("user_id", "u1").expect("known");
    assert!(!shown.consents[0].granted);
    assert_eq!(shop.deliveries("crm").len(), 1, "and taken back before the others");
    shop.is_its_replay();
    for said in [BTreeMap::new(), BTreeMap::from([(" ".to_owned(), true)])] {
        assert!(block_on(shop.engine.consent("user_id", "u1", &said)).is_err());
    }
}
