//! What customers say about purposes: when it counts, and what it keeps from being done.

use std::collections::BTreeMap;

use futures::executor::block_on;

use crate::stories::{Shop, asked, track};

fn says(shop: &Shop, kind: &str, value: &str, granted: bool) {
    let said = BTreeMap::from([("service".to_owned(), granted)]);
    let _ = block_on(shop.engine.consent(kind, value, &said)).expect("memory is there");
}

/// A tablet that somebody is known to use who consented.
fn tablet_of_u1() -> Shop {
    let shop = Shop::new();
    shop.send(&track("Visit", r#""anonymousId":"tablet""#, ""));
    shop.send(&track("Visit", r#""userId":"u1""#, ""));
    says(&shop, "user_id", "u1", true);
    shop.at("2026-03-02T09:10").send(r#"{"type":"identify","userId":"u1","anonymousId":"tablet"}"#);
    shop
}

/// Somebody else turns out to use it, too, or the link is taken back.
fn falls_apart(shop: &Shop, by_itself: bool) {
    if by_itself {
        shop.at("2026-03-02T12:00").send(&track("Visit", r#""userId":"u2","anonymousId":"tablet""#, ""));
    } else {
        let (user, tablet) = (("user_id", "u1"), ("anonymous_id", "tablet"));
        assert!(block_on(shop.at("2026-03-02T12:00").engine.unlink(user, tablet, &[])).expect("memory is there"));
    }
    let number = |kind, value| shop.customer(kind, value).expect("known").customer;
    assert_ne!(number("user_id", "u1"), number("anonymous_id", "tablet"));
}

#[test]
fn who_refused_is_left_alone_whatever_falls_apart() {
    let cases = [("user_id", "u1"), ("anonymous_id", "tablet")].map(|by| [(by, true), (by, false)]);
    for ((kind, value), by_itself) in cases.into_iter().flatten() {
        let shop = tablet_of_u1();
        says(shop.at("2026-03-02T10:00"), kind, value, false);
        falls_apart(&shop, by_itself);
        let granted = |kind, value| shop.customer(kind, value).expect("known").consents[0].granted;
        assert!(!granted("user_id", "u1"), "said by {kind}");
        assert!(!granted("anonymous_id", "tablet"), "said by {kind}: who it was is not known");
        let ticket = track("Ticket", r#""userId":"u1""#, "");
        shop.send(&[ticket.as_str(), ticket.as_str()].join(","));
        assert_eq!(shop.deliveries("crm"), [""; 0]);
        shop.is_its_replay();
        // The last word counts again.
        says(shop.at("2026-03-02T13:00"), "user_id", "u1", true);
        assert!(granted("user_id", "u1") && !granted("anonymous_id", "tablet"));
        shop.is_its_replay();
    }
}

#[test]
fn what_somebody_had_is_theirs_whatever_falls_apart() {
    for by_itself in [true, false] {
        let shop = tablet_of_u1();
        let ticket = track("Ticket", r#""userId":"u1""#, "");
        shop.at("2026-03-02T10:00").send(&[ticket.as_str(), ticket.as_str()].join(","));
        assert_eq!(shop.deliveries("crm").len(), 1);
        let answer = block_on(shop.engine.decide(asked("user_id", "u1", "page"))).expect("memory is there").action;
        falls_apart(&shop, by_itself);
        let decided = |kind, value| shop.customer(kind, value).expect("known").decided.len();
        assert_eq!((decided("user_id", "u1"), decided("anonymous_id", "tablet")), (2, 0));
        shop.at("2026-03-02T13:00").send(&ticket);
        assert_eq!(shop.deliveries("crm").len(), 1, "once in two weeks");
        let again = block_on(shop.engine.decide(asked("user_id", "u1", "page"))).expect("memory is there");
        assert!(again.repeated && again.action == answer);
        shop.is_its_replay();
    }
}

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
