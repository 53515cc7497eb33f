//! A charter that has changed: what was done, promised and decided by the one before stays what it was.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use engine::Options;
use futures::executor::block_on;
use keep::{Commit, Keep as _, RecordChange};

use crate::open;
use crate::stories::{SHOP, Shop, asked, track};
use crate::watched::Watched;

const CONSENTS: &str = r#","context":{"consent":{"categoryPreferences":{"service":true}}}"#;

fn change(shop: &mut Shop, charter: &str, at: &str) {
    shop.at(at);
    shop.engine = open(charter, &shop.keep, &shop.clock, Options::default()).expect("memory is there");
}

#[test]
fn a_cap_counts_what_was_done_by_the_name_of_the_action() {
    let mut shop = Shop::new();
    let ticket = |n: u32| track("Ticket", r#""userId":"u1""#, &format!(r#","messageId":"{n}"{CONSENTS}"#));
    shop.send(&[ticket(1), ticket(2)].join(","));
    assert_eq!(shop.deliveries("crm").len(), 1);
    // The other actions move down, and the new one comes where the one was that was taken.
    let longer = SHOP
        .replace("\nactions:\n", "\nactions:\n  flyer: {when: visits >= 100, cap: {per: 14d, times: 1}, value: 9}\n");
    change(&mut shop, &longer, "2026-03-02T10:00");
    shop.send(&[ticket(3), ticket(4)].join(","));
    assert_eq!(shop.deliveries("crm").len(), 1, "once in 14 days, whichever charter says so");
    let decided = shop.customer("user_id", "u1").expect("known").decided;
    assert_eq!(decided.iter().map(|taken| taken.action.as_str()).collect::<Vec<_>>(), ["call"]);
    shop.is_its_replay();
    // Without it nothing is left to count.
    let call = SHOP.lines().find(|line| line.trim_start().starts_with("call:")).expect("it is there");
    change(&mut shop, &SHOP.replace(call, ""), "2026-03-02T11:00");
    shop.send(&track("Visit", r#""userId":"u1""#, ""));
    assert!(shop.customer("user_id", "u1").expect("known").decided.is_empty());
    shop.is_its_replay();
}

#[test]
fn whoever_is_found_to_be_another_before_being_read_again_is_not_woken_any_more() {
    let mut shop = Shop::new();
    change(&mut shop, &SHOP.replace("within: 2d", "within: 1d"), "2026-03-02T09:10");
    shop.send(&track("Visit", r#""userId":"u1""#, ""));
    shop.send(&track("Order", r#""anonymousId":"a1""#, ""));
    change(&mut shop, SHOP, "2026-03-02T09:20");
    // The order is of an anonymous visitor whose state is by the charter before, and whose timer is set.
    shop.send(r#"{"type":"identify","userId":"u1","anonymousId":"a1"}"#);
    assert_eq!(shop.customer("anonymous_id", "a1").expect("known").keys.len(), 2);
    shop.is_its_replay();
    shop.at("2026-03-03T09:10:01");
    while shop.wake() > 0 {}
    shop.is_its_replay();
    shop.at("2026-03-05T09:10");
    while shop.wake() > 0 {}
    assert_eq!(shop.deliveries("mail").len(), 1, "one promise was broken, to one customer");
    shop.is_its_replay();
}

#[test]
fn what_stands_under_another_key_is_found_however_much_is_around() {
    let mut shop = Shop::new();
    shop.send(&track("Visit", r#""anonymousId":"own""#, ""));
    shop.send(&track("Visit", r#""userId":"u1","anonymousId":"own""#, ""));
    // More people at one kiosk than a request looks at.
    for thousand in 0..6 {
        let at_kiosk =
            |n: u32| track("Visit", &format!(r#""userId":"u{}","anonymousId":"kiosk""#, thousand * 1_000 + n), "");
        shop.send(&(0..1_000).map(at_kiosk).collect::<Vec<_>>().join(","));
    }
    assert_eq!(shop.customer("user_id", "u1").expect("known").features["visits"], 3);
    change(&mut shop, &SHOP.replace("within: 2d", "within: 1d"), "2026-03-02T10:00");
    shop.send(&track("Visit", r#""userId":"u1""#, ""));
    assert_eq!(shop.customer("user_id", "u1").expect("known").features["visits"], 4);
    let (_go, stop) = tokio::sync::watch::channel(false);
    assert!(block_on(shop.engine.follow(&stop)).expect("memory is there").whole);
    shop.is_its_replay();
}

#[test]
fn what_was_decided_is_told_in_the_words_of_its_charter_whichever_is_in_use() {
    let mut shop = Shop::new();
    let answer =
        |shop: &Shop, on: &str| block_on(shop.engine.decide(asked("user_id", "u1", on))).expect("memory is there").json;
    shop.send(&track("Visit", r#""userId":"u1""#, ""));
    let mut answers = vec![answer(&shop, "one"), answer(&shop, "two")];
    let before = Arc::clone(&shop.engine);
    // Another process works by another charter, with fewer actions, and other names and figures.
    let other = SHOP.replace("visits:     {count: visit}", "seen: {count: visit}").replace(
        "banner: {when: visits >= 1, value: 1}",
        "poster: {when: seen >= 1, value: 7, propensity: 0.25, lever: 3, context: [{when: stage = 'choice', weight: 2}]}",
    );
    let sorry = other.lines().find(|line| line.trim_start().starts_with("sorry:")).expect("it is there").to_owned();
    change(&mut shop, &other.replace(&sorry, ""), "2026-03-02T10:00");
    answers.push(answer(&shop, "three"));
    assert!(answers[0].contains("banner") && answers[2].contains("poster"), "{answers:?}");
    for engine in [&before, &shop.engine] {
        let told = block_on(engine.evaluated(None, 10)).expect("memory is there").decisions;
        assert_eq!(told.len(), answers.len());
        for (told, answer) in told.iter().zip(&answers) {
            let same = answer.strip_suffix('}').expect("an object");
            assert!(told.get().starts_with(same), "{} was answered, and {} told", answer, told.get());
        }
        let known: Vec<serde_json::Value> =
            told.iter().map(|told| serde_json::from_str(told.get()).expect("it is JSON")).collect();
        assert_eq!((&known[0]["known"]["visits"], &known[2]["known"]["seen"]), (&1.into(), &1.into()));
        assert_eq!((&known[0]["known"]["seen"], &known[2]["known"]["visits"]), (&().into(), &().into()));
    }
    let timeline = shop.customer("user_id", "u1").expect("known").timeline;
    let told: Vec<&str> = timeline.iter().filter(|one| one.kind == "decision").map(|one| one.what.get()).collect();
    assert_eq!(told, answers);
    shop.is_its_replay();
}

/// One that has no actions.
const WITHOUT_ACTIONS: &str =
    "charter: 1\nmoments: {visit: {when: event = 'Visit'}}\nfeatures: {seen: {count: visit}}\n";

/// The decisions of the log, as they are told.
fn told(shop: &Shop) -> Vec<serde_json::Value> {
    let told = block_on(shop.engine.evaluated(None, 10)).expect("the log can be read").decisions;
    told.iter().map(|told| serde_json::from_str(told.get()).expect("it is JSON")).collect()
}

#[test]
fn what_was_decided_before_there_were_actions_is_told_by_whichever_charter() {
    for is_kept in [true, false] {
        let mut shop = Shop::new();
        change(&mut shop, WITHOUT_ACTIONS, "2026-03-02T09:10");
        shop.send(&track("Visit", r#""userId":"u1""#, ""));
        let decided = block_on(shop.engine.decide(asked("user_id", "u1", "one"))).expect("memory is there");
        assert_eq!(decided.action, None);
        if !is_kept {
            // Programs before this one kept nothing of such a charter.
            forget_terms(&shop);
        }
        change(&mut shop, SHOP, "2026-03-02T10:00");
        let told = told(&shop);
        assert_eq!((told.len(), &told[0]["action"], &told[0]["actions"]), (1, &().into(), &serde_json::json!([])));
        assert_eq!(told[0]["charter"], decided.charter.as_str());
        let known = if is_kept { serde_json::json!({ "moment": "visit", "seen": 1 }) } else { serde_json::json!({}) };
        assert_eq!(told[0]["known"], known);
        let timeline = shop.customer("user_id", "u1").expect("known").timeline;
        assert_eq!(timeline.iter().filter(|one| one.kind == "decision").count(), 1);
        follow(&shop);
    }
}

#[test]
fn an_engine_is_opened_by_another_charter_where_nothing_can_be_written() {
    let shop = Shop::new();
    shop.send(&track("Visit", r#""userId":"u1""#, ""));
    let watched = Watched::new(&shop.keep);
    watched.is_full.store(true, Ordering::Relaxed);
    let other = SHOP.replace("value: 5", "value: 6");
    let engine = open(&other, &watched, &shop.clock, Options::default()).expect("reading goes on");
    assert!(block_on(engine.customer("user_id", "u1")).expect("reading goes on").is_some());
    block_on(engine.decide(asked("user_id", "u1", "one"))).expect_err("there is no room");
    watched.is_full.store(false, Ordering::Relaxed);
    let records = || block_on(shop.keep.records("terms/", None, 10)).expect("memory is there").len();
    assert_eq!(records(), 0, "nothing was decided yet");
    let decided = block_on(engine.decide(asked("user_id", "u1", "one"))).expect("there is room");
    assert_eq!(records(), 1);
    let told = told(&shop);
    assert_eq!(told[0]["charter"], decided.charter.as_str());
}

/// As if nothing had been kept of any charter.
fn forget_terms(shop: &Shop) {
    let records = block_on(shop.keep.records("terms/", None, 10)).expect("memory is there");
    let gone = |record: &keep::Record| RecordChange { name: record.name.clone(), expected: None, bytes: None };
    let records = records.iter().map(gone).collect();
    block_on(shop.keep.commit(Commit { records, ..Commit::default() })).expect("memory is there");
}

#[test]
fn a_decision_whose_charter_is_not_kept_is_damage() {
    let mut shop = Shop::new();
    block_on(shop.engine.decide(asked("user_id", "u1", "one"))).expect("memory is there");
    forget_terms(&shop);
    change(&mut shop, &SHOP.replace("value: 5", "value: 6"), "2026-03-02T10:00");
    let told = block_on(shop.engine.evaluated(None, 10)).expect_err("nobody knows its actions");
    assert!(told.to_string().contains("nothing is kept of the charter"), "{told}");
    // What the customer has had is known without.
    follow(&shop);
}

/// The same, with another label: what is known by it has to be built anew.
fn renamed() -> String {
    SHOP.replace("visit:     {stage", "visit:     {label: A visit, stage")
}

fn wake(shop: &Shop) {
    while shop.wake() > 0 {}
    shop.is_its_replay();
}

fn follow(shop: &Shop) {
    let (_go, stop) = tokio::sync::watch::channel(false);
    assert!(block_on(shop.engine.follow(&stop)).expect("memory is there").whole);
    shop.is_its_replay();
}

#[test]
fn what_fell_due_before_a_state_is_read_again_is_told_and_acted_on() {
    let visit = |shop: &Shop| drop(shop.send(&track("Visit", r#""userId":"u1""#, "")));
    let ask = |shop: &Shop| drop(block_on(shop.engine.decide(asked("user_id", "u1", "page"))));
    // Whoever comes first, be it long after, and whether the server stood still or not.
    for (first, at) in [
        (&wake as &dyn Fn(&Shop), "2026-03-04T09:05"),
        (&wake, "2026-03-04T21:05"),
        (&follow, "2026-03-04T09:05"),
        (&follow, "2026-03-04T21:05"),
        (&visit, "2026-03-04T09:05"),
        (&ask, "2026-03-04T21:05"),
    ] {
        let mut shop = Shop::new();
        shop.send(&track("Order", r#""userId":"u1""#, ""));
        change(&mut shop, &renamed(), at);
        first(&shop);
        wake(&shop);
        assert_eq!(shop.deliveries("mail").len(), 1, "the promise was for 9:00");
        assert_eq!(shop.customer("user_id", "u1").expect("known").expectations[0].broken, 1);
    }
    // Found to be somebody else in the same moment, of whom nothing was due.
    let mut shop = Shop::new();
    shop.send(&track("Order", r#""anonymousId":"a1""#, ""));
    shop.at("2026-03-02T10:00").send(&track("Visit", r#""userId":"u1""#, ""));
    change(&mut shop, &renamed(), "2026-03-04T09:05");
    shop.send(&track("Visit", r#""userId":"u1","anonymousId":"a1""#, ""));
    wake(&shop);
    assert_eq!(shop.customer("user_id", "u1").expect("known").keys.len(), 2);
    assert_eq!(shop.deliveries("mail").len(), 1);
}

#[test]
fn what_would_have_been_due_long_ago_by_another_charter_brings_about_nothing() {
    let mut shop = Shop::new();
    shop.send(&track("Order", r#""userId":"u1""#, ""));
    change(&mut shop, &SHOP.replace("within: 2d", "within: 1h"), "2026-03-02T20:00");
    follow(&shop);
    wake(&shop);
    assert_eq!(shop.customer("user_id", "u1").expect("known").expectations[0].broken, 1);
    assert_eq!(shop.deliveries("mail").len(), 0, "nobody had been promised that");
}

#[test]
fn every_event_may_bring_about_an_action_though_its_state_is_read_again() {
    let ticket = || track("Ticket", r#""userId":"u1""#, CONSENTS);
    let page = |at: &str| track("Visit", r#""userId":"u1""#, &format!(r#","timestamp":"2026-03-{at}:00Z""#));
    let mut shop = Shop::new();
    shop.send(&ticket());
    change(&mut shop, &renamed(), "2026-03-02T12:00");
    shop.send(&[ticket(), page("02T10:00")].join(","));
    assert_eq!(shop.deliveries("crm").len(), 1, "the second ticket, whatever comes after it");
    shop.is_its_replay();
    // One that came too late for the state to take it in.
    let shop = Shop::new();
    shop.send(&ticket());
    for minute in 10..30 {
        shop.send(&page(&format!("02T08:{minute}")));
    }
    shop.at("2026-03-02T12:00").send(&[page("01T10:00"), ticket(), page("02T10:00")].join(","));
    assert_eq!(shop.deliveries("crm").len(), 1);
    shop.is_its_replay();
}
