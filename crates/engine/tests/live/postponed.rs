//! What only time keeps out: quiet hours and caps that end.

use engine::Options;

use crate::open;
use crate::stories::{Shop, track};

/// A mail that nobody gets at night, and once in two weeks.
const NIGHT: &str = "\
charter: 1
timezone: UTC
actions:
  mail: {when: event = 'Ticket', cap: {per: 14d, times: 1}, quiet: \"20:00-08:00\", value: 1, deliver: {webhook: crm}}
";

fn shop() -> Shop {
    let mut shop = Shop::new();
    reopen(&mut shop, NIGHT);
    shop
}

fn reopen(shop: &mut Shop, charter: &str) {
    shop.engine = open(charter, &shop.keep, &shop.clock, Options::default()).expect("memory is there");
}

fn wakes_at(shop: &Shop) -> Option<String> {
    shop.customer("user_id", "u1").expect("known").wakes_at
}

#[test]
fn what_happens_at_night_is_acted_on_in_the_morning_and_what_a_cap_kept_out_when_it_ends() {
    let shop = shop();
    let ticket = track("Ticket", r#""userId":"u1""#, "");
    shop.at("2026-03-02T21:00").send(&[ticket.as_str(), ticket.as_str()].join(","));
    assert_eq!((shop.deliveries("crm").len(), wakes_at(&shop).as_deref()), (0, Some("2026-03-03T08:00:00Z")));
    let shown = shop.customer("user_id", "u1").expect("known");
    let postponed = shown.timeline.iter().filter(|happened| happened.kind == "postponed");
    let postponed: Vec<_> = postponed.map(|happened| happened.what.get()).collect();
    assert_eq!(postponed.len(), 1, "both wait for the same hour: {postponed:?}");
    assert!(postponed[0].contains(r#""action":"mail","fell_out":"quiet""#), "{postponed:?}");
    shop.is_its_replay();
    assert_eq!(shop.at("2026-03-03T07:59:59").wake(), 0);
    assert_eq!(shop.at("2026-03-03T08:00").wake(), 1);
    assert_eq!((shop.deliveries("crm").len(), wakes_at(&shop)), (1, None));
    shop.is_its_replay();

    shop.at("2026-03-04T10:00").send(&ticket);
    assert_eq!(wakes_at(&shop).as_deref(), Some("2026-03-17T08:00:00.000001Z"));
    shop.at("2026-03-17T08:00:01").wake();
    assert_eq!(shop.deliveries("crm").len(), 2);
    shop.at("2026-04-17T08:00:01").wake();
    assert_eq!(shop.deliveries("crm").len(), 2, "once for what happened");
    shop.is_its_replay();
}

#[test]
fn nothing_that_waits_is_lost_when_a_charter_changes_or_somebody_comes_first() {
    let mut shop = shop();
    let ticket = track("Ticket", r#""userId":"u1""#, "");
    shop.at("2026-03-02T21:00").send(&ticket);
    reopen(&mut shop, &NIGHT.replace("value: 1", "value: 2"));
    shop.at("2026-03-03T09:00").send(&track("Visit", r#""anonymousId":"a1","userId":"u1""#, ""));
    assert_eq!(shop.deliveries("crm").len(), 1, "it was due before the visit");
    shop.is_its_replay();
}
