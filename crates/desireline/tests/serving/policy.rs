//! What another charter would have decided, over the log of a real server.

use crate::support::Place;

const SHOP: &str = "\
charter: 1
stages: {choice: {}, use: {}}
moments:
  visit:  {stage: choice, when: event = 'Visit'}
  ticket: {stage: use, when: event = 'Ticket'}
features:
  visits:  {count: visit}
  tickets: {count: ticket}
actions:
  coupon: {when: visits >= 1, value: 2}
  call:   {when: tickets >= 1, cap: {per: 7d, times: 1}, value: 5, deliver: {webhook: crm}}
";

#[test]
fn another_charter_is_tried_over_the_log_without_sending_or_writing() {
    let place = Place::new(SHOP);
    let other = place.beside("other.yaml");
    // Two tickets before somebody calls; otherwise the same.
    std::fs::write(&other, SHOP.replace("tickets >= 1", "tickets >= 2")).expect("a file");
    let (code, _, err) = place.run(&["replay", "--policy", "nowhere.yaml"]);
    assert_eq!(code, 4, "nothing came in live: {err}");

    let running = place.start();
    for (user, event) in [("ann", "Visit"), ("ann", "Ticket"), ("bob", "Ticket"), ("bob", "Ticket")] {
        running.send(&format!(r#"{{"userId":"{user}","event":"{event}"}}"#));
    }
    let (status, asked) = running.admin("POST /api/v1/decide", r#"{"keys":{"user_id":"ann"},"occasion":"page"}"#);
    assert_eq!((status, &asked["action"], &asked["asked"]), (200, &"coupon".into(), &true.into()), "{asked}");
    running.stop();

    let same = place.json(&["replay", "--policy", place.home.join("charter.yaml").to_str().expect("text")]);
    assert_eq!((&same["occasions"], &same["differing"]), (&3.into(), &0.into()), "{same}");
    let other = other.to_str().expect("text");
    let before = std::fs::read_dir(place.home.join("live")).expect("a folder").count();
    let changed = place.json(&["replay", "--policy", other, "--examples", "10"]);
    let call = changed["actions"].as_array().expect("a list").iter().find(|of| of["action"] == "call");
    assert_eq!(call.expect("it was chosen"), &serde_json::json!({"action": "call", "then": 2, "now": 1, "both": 0}));
    // Ann is not called, and Bob at his second ticket instead of his first.
    assert_eq!(changed["differing"], 3, "{changed}");
    let customers: Vec<&str> =
        changed["examples"].as_array().expect("a list").iter().filter_map(|one| one["customer"].as_str()).collect();
    assert_eq!(customers, ["user_id:ann", "user_id:bob", "user_id:bob"], "{changed}");
    assert_eq!(std::fs::read_dir(place.home.join("live")).expect("a folder").count(), before);
    // No key of a customer where none is asked for.
    let (code, table, _) = place.run(&["replay", "--policy", other]);
    assert!(code == 0 && table.contains("3 of 4 occasions") && !table.contains("ann"), "{table}");
    let none = place.json(&["replay", "--policy", other, "--to", "2020-01-01"]);
    assert_eq!(none["occasions"], 0, "{none}");
    let (code, _, err) = place.run(&["replay", "--policy", other, "--from", "2020-01-02", "--to", "2020-01-01"]);
    assert_eq!(code, 2, "{err}");
    let (code, _, _) = place.run(&["replay"]);
    assert_eq!(code, 0, "and nothing changed");
}
