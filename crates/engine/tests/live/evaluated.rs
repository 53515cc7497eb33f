//! Decisions, gone through by whoever wants to know what another policy would have been worth.

use std::collections::BTreeMap;
use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::atomic::Ordering;

use engine::Options;
use futures::executor::block_on;
use serde_json::Value;

use crate::open;
use crate::stories::{Shop, asked, track};
use crate::watched::Watched;

const GUIDE: &str = include_str!("../../../../docs/guide/decisions.md");

const CHARTER: &str = "\
charter: 1
timezone: UTC
keys: {user_id: {unique: true, priority: 1}, anonymous_id: {limit: 9}}
moments: {visit: {when: event = 'Visit'}, order: {when: event = 'Order'}}
outcomes: {order: {when: moment = 'order', horizon: 1d}}
features: {visits: {count: visit}}
actions:
  call: {when: visits >= 1, value: 2}
  mail: {when: visits >= 1 and channel = 'web', value: 1}
  none_of_all: {when: visits >= 1000, value: 9}
deciding: {explore_share: 0.4, random_share: 0.1, none_share: 0.1}
";

fn chance(seed: u64) -> f64 {
    let mixed = (seed + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let mixed = (mixed ^ (mixed >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    ((mixed ^ (mixed >> 32)) >> 11) as f64 / (1u64 << 53) as f64
}

/// How probable an order is after what is done, by how often the customer has been here.
fn truth(action: Option<&str>, visits: usize) -> f64 {
    match (action, visits) {
        (Some("mail"), ..=2) => 0.5,
        (Some("mail"), _) => 0.1,
        (Some("call"), ..=2) => 0.2,
        (Some("call"), _) => 0.4,
        _ => 0.05,
    }
}

const CUSTOMERS: u64 = 3_000;

/// A day on which everybody comes once or more, is asked about, and orders or does not.
fn day() -> Shop {
    let mut shop = Shop::new();
    shop.engine = open(CHARTER, &shop.keep, &shop.clock, Options { seed: Some(5), node: 1 }).expect("memory is there");
    for n in 0..CUSTOMERS {
        let (user, visits) = (format!("u{n}"), usize::try_from(n % 4 + 1).expect("few"));
        let ids = format!(r#""userId":"{user}""#);
        let visit = |visit: usize| {
            let more = format!(r#","context":{{"channel":"web"}},"properties":{{"visit":{visit}}}"#);
            track("Visit", &ids, &more)
        };
        shop.send(&(0..visits).map(visit).collect::<Vec<_>>().join(","));
        let decided = block_on(shop.engine.decide(asked("user_id", &user, "page"))).expect("memory is there");
        shop.clock.0.fetch_add(1_000_000, Ordering::Relaxed);
        if chance(n) < truth(decided.action.as_deref(), visits) {
            // By a device that is found to be theirs only later.
            shop.send(&track("Order", &format!(r#""anonymousId":"a{n}""#), ""));
        }
        shop.send(&track("Seen", &format!(r#""userId":"{user}","anonymousId":"a{n}""#), ""));
    }
    shop
}

/// All pages.
fn evaluated(shop: &Shop, limit: usize) -> Vec<String> {
    let (mut lines, mut after) = (Vec::new(), None);
    loop {
        let page = block_on(shop.engine.evaluated(after, limit)).expect("memory is there");
        lines.extend(page.decisions.iter().map(|decision| decision.get().to_owned()));
        after = page.next;
        if after.is_none() {
            return lines;
        }
    }
}

#[test]
fn where_nothing_is_decided_for_long_a_page_ends_and_says_where_it_goes_on() {
    let mut shop = Shop::new();
    shop.engine = open(CHARTER, &shop.keep, &shop.clock, Options::default()).expect("memory is there");
    for n in 0..3 {
        block_on(shop.engine.decide(asked("user_id", &format!("u{n}"), "page"))).expect("memory is there");
        let visits: Vec<String> = (0..2_500).map(|n| track("Visit", &format!(r#""userId":"v{n}""#), "")).collect();
        visits.chunks(500).for_each(|some| drop(shop.send(&some.join(","))));
    }
    let page = |after| block_on(shop.engine.evaluated(after, 1)).expect("memory is there");
    let (mut pages, mut after) = (Vec::new(), None);
    loop {
        let page = page(after);
        pages.push(page.decisions.len());
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(pages, [1, 0, 0, 1, 0, 0, 1, 0, 0, 0]);
    assert_eq!(evaluated(&shop, 1_000).len(), 3);
}

#[test]
fn a_page_reads_the_history_of_a_customer_once() {
    let mut shop = Shop::new();
    let watched = Watched::new(&shop.keep);
    shop.engine = open(CHARTER, &watched, &shop.clock, Options::default()).expect("memory is there");
    let entries = 2 * 150;
    for n in 0..150 {
        shop.send(&track("Visit", r#""userId":"u1""#, ""));
        block_on(shop.engine.decide(asked("user_id", "u1", &format!("page {n}")))).expect("memory is there");
        shop.clock.0.fetch_add(1_000_000, Ordering::Relaxed);
    }
    shop.send(&track("Order", r#""userId":"u1""#, ""));
    // Somebody else beside it, of whom nothing came.
    block_on(shop.engine.decide(asked("user_id", "u2", "page"))).expect("memory is there");
    watched.entries_of.store(0, Ordering::Relaxed);
    let page = evaluated(&shop, 1_000);
    assert_eq!(watched.entries_of.load(Ordering::Relaxed), entries + 2);
    assert_eq!(page.iter().filter(|line| line.contains(r#""came_at":"2026"#)).count(), 150);
    assert_eq!(page, evaluated(&shop, 7), "it does not depend on where a page ends");
}

/// The example of the guide, in another language.
fn weighted(lines: &[String]) -> BTreeMap<&'static str, f64> {
    let (mut sums, mut n) = ([0.0; 4], 0.0);
    for line in lines {
        let decision: Value = serde_json::from_str(line).expect("it is JSON");
        let outcome = &decision["outcomes"]["order"];
        let Some(action) = decision["action"].as_str().filter(|_| outcome["over"] == true) else { continue };
        let visits = decision["known"]["visits"].as_u64().expect("a number");
        let actions = decision["actions"].as_array().expect("a list");
        let chosen = actions.iter().find(|one| one["action"] == action).expect("it is one of them");
        let is_policy = action == if visits <= 2 { "mail" } else { "call" };
        let weight = f64::from(u8::from(is_policy)) / chosen["probability"].as_f64().expect("a number");
        let came = f64::from(u8::from(!outcome["came_at"].is_null()));
        n += 1.0;
        for (sum, more) in sums.iter_mut().zip([came, weight * came, weight, weight * weight]) {
            *sum += more;
        }
    }
    let [came, total, weights, squares] = sums;
    BTreeMap::from([
        ("decisions", n),
        ("logged", came / n),
        ("weighted", total / n),
        ("self_normalised", total / weights),
        ("worth", weights * weights / squares),
    ])
}

#[test]
fn decisions_tell_what_another_policy_would_have_been_worth() {
    let shop = day();
    let today = evaluated(&shop, 1_000);
    let over = |lines: &[String]| lines.iter().filter(|line| line.contains(r#""over":true"#)).count();
    assert!(over(&today) < today.len() / 2, "as long as an order may come, it is not known that none did");
    shop.clock.0.fetch_add(2 * 86_400_000_000, Ordering::Relaxed);
    let lines = evaluated(&shop, 700);
    assert_eq!((lines.len(), over(&lines)), (3_000, 3_000));
    let first: Value = serde_json::from_str(&lines[0]).expect("it is JSON");
    assert_eq!((&first["known"]["visits"], &first["known"]["moment"]), (&1.into(), &"visit".into()));
    let none = |line: &&String| line.contains(r#""arm":"none""#) && line.contains(r#""withheld":"call""#);
    assert!((200..400).contains(&lines.iter().filter(none).count()));

    let found = weighted(&lines);
    assert!(found["decisions"] > 2_500.0 && found["worth"] > 500.0, "{found:?}");
    assert!((found["logged"] - 0.3).abs() < 0.04, "{found:?}");
    for estimate in ["weighted", "self_normalised"] {
        assert!((found[estimate] - 0.45).abs() < 0.06, "half order after a mail, four in ten after a call: {found:?}");
    }
    match_the_guide(&lines, &found);
}

/// Runs the program of the guide, where there is a Python.
#[expect(clippy::print_stderr, reason = "whoever runs the tests is told what was not tested")]
fn match_the_guide(lines: &[String], wanted: &BTreeMap<&'static str, f64>) {
    let program = GUIDE.split("```python\n").nth(1).and_then(|rest| rest.split("```").next()).expect("it is there");
    let python = Command::new("python3").args(["-c", program]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let Ok(mut python) = python else {
        eprintln!("skipped: there is no python3 to run the program of the guide");
        return;
    };
    let mut input = python.stdin.take().expect("it is piped");
    input.write_all(lines.join("\n").as_bytes()).expect("it reads all of it");
    drop(input);
    let output = python.wait_with_output().expect("it ends");
    let found: BTreeMap<String, f64> = serde_json::from_slice(&output.stdout).expect("it prints an object");
    assert_eq!(found.len(), wanted.len());
    for (name, wanted) in wanted {
        assert!((found[*name] - wanted).abs() < 1e-9, "{name}: {found:?}, {wanted}");
    }
}
