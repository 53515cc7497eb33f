//! What was imported, before there was a server and while there is one.

use std::fs::File;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures::executor::block_on;
use keep::{Embedded, EmbeddedOptions, Keep as _};

use crate::CHARTER;
use crate::support::{Place, Running, TICKETS};

const ROWS: &str = "user_id,anonymous_id,event,at\nu1,,Visit,2026-01-01T08:00Z\nu1,a1,Order,2026-01-02T08:00Z\n\
                    ,a1,Visit,2026-01-02T09:00Z\n,a2,Visit,2026-01-03T08:00Z\nu2,,Order,2026-01-04T08:00Z\nu2,a3,Visit,2026-01-04T09:00Z\n";

#[test]
fn who_was_imported_is_known_live_once_and_as_people_said() {
    let place = Place::new(CHARTER);
    let rows = place.beside("rows.csv");
    std::fs::write(&rows, ROWS).expect("a file");
    let (code, _, err) = place.run(&["import", rows.to_str().expect("text")]);
    assert_eq!(code, 0, "{err}");
    assert_eq!(place.run(&["unmerge", "user_id:u2", "anonymous_id:a3"]).0, 0);
    let map = place.json(&["view", "map"]);

    // The second start has learnt already.
    for _ in 0..2 {
        let running = place.start();
        let (status, u1) = running.admin("GET /api/v1/customers/anonymous_id:a1", "");
        assert_eq!((status, &u1["events"], &u1["features"]["visits"]), (200, &3.into(), &2.into()), "{u1}");
        assert_eq!(u1["stage"]["stage"], "choice");
        assert_eq!((&u1["expectations"][0]["kept"], &u1["expectations"][0]["pending"]), (&1.into(), &0.into()), "{u1}");
        assert_eq!(u1["timeline"].as_array().map(Vec::len), Some(3));
        assert_eq!(running.admin("GET /api/v1/customers/user_id:u2", "").1["events"], 2);
        assert_eq!(running.admin("GET /api/v1/customers/anonymous_id:a3", "").1["events"], 0, "it was taken apart");
        running.stop();
    }
    assert_eq!(place.json(&["view", "map"]), map, "the lake has nothing twice");
    let compared = place.json(&["replay"]);
    assert_eq!(compared["equal"], true, "{compared}");

    // What comes now goes on from there.
    let running = place.start();
    running.send(r#"{"userId":"u1","event":"Visit"}"#);
    assert_eq!(running.admin("GET /api/v1/customers/user_id:u1", "").1["features"]["visits"], 3);
    running.stop();
    // Three that were learnt and one that came; what was said of the two who were taken apart is of others.
    assert_eq!(place.json(&["erase", "user_id:u1"])["live"]["entries"], 4);
}

#[test]
fn what_is_imported_later_is_known_live_soon_and_once() {
    let place = Place::new(CHARTER);
    let events = |running: &Running, key: &str| {
        running.admin(&format!("GET /api/v1/customers/user_id:{key}"), "").1["events"].as_u64().unwrap_or_default()
    };
    let soon = |running: &Running, key: &str, wanted: u64| {
        let begun = Instant::now();
        while events(running, key) != wanted {
            assert!(begun.elapsed() < Duration::from_mins(1), "{key} has {} events", events(running, key));
            std::thread::sleep(Duration::from_millis(100));
        }
    };

    let running = place.start();
    running.send(r#"{"userId":"u1","event":"Visit","messageId":"m1"}"#);
    place.import("first.csv", "u1,Order,2026-01-02T08:00Z,m2\nu2,Visit,2026-01-02T08:00Z,m3\n");
    soon(&running, "u2", 1);
    soon(&running, "u1", 2);
    // Of what comes in both ways at once, too, each is there once.
    for n in 0..20 {
        running.send(&format!(r#"{{"userId":"u3","event":"Visit","messageId":"s{n}"}}"#));
    }
    place.import(
        "second.csv",
        "u3,Order,2026-01-03T08:00Z,m4\nu3,Visit,2026-01-03T08:00Z,m5\nu1,Order,2026-01-02T08:00Z,m2\n",
    );
    soon(&running, "u3", 22);
    assert_eq!(events(&running, "u1"), 2);
    running.stop();

    place.import("third.csv", "u4,Visit,2026-01-04T08:00Z,m6\n");
    let running = place.start();
    assert_eq!(events(&running, "u4"), 1, "it is known before anybody is answered");
    assert_eq!([1, 2, 3].map(|n| events(&running, &format!("u{n}"))), [2, 1, 22]);
    running.stop();
    let quality = place.json(&["view", "quality"]);
    assert_eq!((&quality["events"], &quality["customers"]), (&26.into(), &4.into()), "the lake has each once");
    let compared = place.json(&["replay"]);
    assert_eq!(compared["equal"], true, "{compared}");
}

#[test]
fn what_an_import_that_failed_after_its_commit_brought_is_known_live() {
    let place = Place::new(CHARTER);
    // No import can be noted.
    std::fs::create_dir(place.home.join("imports.jsonl")).expect("a folder");
    let running = place.start();
    let path = place.beside("rows.csv");
    std::fs::write(&path, "user_id,event,at\nu1,Visit,2026-01-02T08:00Z\n").expect("a file");
    let (code, _, err) = place.run(&["import", path.to_str().expect("text")]);
    assert_eq!(code, 1, "{err}");
    assert_eq!(place.json(&["sql", "select count(*) as n from events"])[0]["n"], 1, "it was committed");
    let begun = Instant::now();
    while events_of(&running, "u1") != 1 {
        assert!(begun.elapsed() < Duration::from_secs(30), "it is waited for in vain");
        std::thread::sleep(Duration::from_millis(100));
    }
    running.stop();
}

#[test]
fn what_is_learnt_at_a_first_start_is_known_to_follow_the_charter_before_it_is_read_again() {
    let place = Place::new(CHARTER);
    place.import("first.csv", "u1,Visit,2026-01-01T08:00Z,f1\n");
    let running = place.start();
    running.send(r#"{"userId":"u1","event":"Visit"}"#);
    running.stop();
    let keep = Embedded::open(place.home.join("live"), EmbeddedOptions::default()).expect("it was closed");
    let noted = |name| {
        let records = block_on(keep.records(name, None, 1)).expect("it can be read");
        records.first().unwrap_or_else(|| panic!("`{name}` is noted")).version
    };
    assert!(noted("live state follows") < noted("told what was imported"), "said later, all of it would be read again");
}

/// A charter by which message ids are forgotten soon, and tickets come without any.
fn forgetting() -> String {
    [CHARTER, "message_ids: 1s\n", TICKETS].concat()
}

/// Keeps a server from handing anything over to the lake, until it is dropped.
fn handing_over(place: &Place) -> File {
    let file = File::create(place.home.join("handing-over")).expect("a file");
    file.lock().expect("it can be locked");
    file
}

/// What came over the wire, with ids or without, is in the log and in the lake, this often, and both agree.
fn is_there_once(place: &Place, events: i64) {
    let replay = place.json(&["replay"]);
    assert_eq!(replay["equal"], true, "{replay}");
    let rows = place.json(&["sql", "select count(*) as n from events"]);
    assert_eq!(rows[0]["n"], events, "rows of the lake: {rows}");
}

fn events_of(running: &Running, key: &str) -> i64 {
    running.admin(&format!("GET /api/v1/customers/user_id:{key}"), "").1["events"].as_i64().unwrap_or_default()
}

#[test]
fn what_came_live_is_not_told_back_after_a_word() {
    let place = Place::new(&forgetting());
    let running = place.start();
    running.send(r#"{"userId":"u1","event":"Visit","messageId":"m1"}"#);
    running.send(r#"{"userId":"u2","event":"Visit","messageId":"m2"}"#);
    // Events and a word about them are handed over together.
    let held = handing_over(&place);
    running.ticket("u1");
    let pair = r#"{"from":{"kind":"user_id","value":"u1"},"to":{"kind":"user_id","value":"u2"}}"#;
    assert_eq!(running.admin("POST /api/v1/links", pair).0, 200);
    running.send(r#"{"userId":"u1","event":"Order","messageId":"m3"}"#);
    drop(held);
    running.ticket("u2");
    running.send(r#"{"userId":"u2","event":"Order","messageId":"m4"}"#);
    assert_eq!(events_of(&running, "u1"), 6);
    running.stop();
    is_there_once(&place, 6);

    std::thread::sleep(Duration::from_secs(2));
    for _ in 0..2 {
        let running = place.start();
        assert_eq!(events_of(&running, "u1"), 6, "nothing is new");
        running.stop();
    }
    is_there_once(&place, 6);
}

#[test]
fn what_came_live_beside_imports_is_not_told_back() {
    let place = Place::new(&forgetting());
    let running = place.start();
    let stop = AtomicBool::new(false);
    let sent = std::thread::scope(|scope| {
        let sending = scope.spawn(|| {
            let mut sent = 0;
            while !stop.load(Ordering::Relaxed) {
                running.ticket("u1");
                sent += 1;
                std::thread::sleep(Duration::from_millis(50));
            }
            sent
        });
        for n in 0..4 {
            let path = place.beside(&format!("{n}.csv"));
            std::fs::write(&path, format!("user_id,event,at\nu2,Visit,2026-01-0{}T08:00Z\n", n + 1)).expect("a file");
            let (code, _, err) = place.run(&["import", path.to_str().expect("text")]);
            assert_eq!(code, 0, "{err}");
            std::thread::sleep(Duration::from_millis(700));
        }
        // Longer than ids are known, so that whatever would be told back would be new.
        std::thread::sleep(Duration::from_secs(3));
        stop.store(true, Ordering::Relaxed);
        sending.join().expect("it does not panic")
    });
    assert_eq!((events_of(&running, "u1"), events_of(&running, "u2")), (sent, 4));
    running.stop();
    let running = place.start();
    assert_eq!((events_of(&running, "u1"), events_of(&running, "u2")), (sent, 4));
    running.stop();
    is_there_once(&place, sent + 4);
}

#[test]
fn what_people_said_of_keys_without_an_event_is_known_to_a_new_live_state() {
    let place = Place::new(CHARTER);
    place.import("rows.csv", "u1,Visit,2026-01-02T08:00Z,m1\nu2,Visit,2026-01-02T09:00Z,m2\n");
    let running = place.start();
    assert_eq!(running.admin("PUT /api/v1/customers/phone:+4930123456/consent", r#"{"marketing": true}"#).0, 200);
    for user in ["u1", "u2"] {
        let pair = format!(
            r#"{{"from":{{"kind":"user_id","value":"{user}"}},"to":{{"kind":"phone","value":"+4930123456"}}}}"#
        );
        assert_eq!(running.admin("POST /api/v1/links", &pair).1["changed"], true);
    }
    running.stop();
    assert_eq!(place.json(&["customer", "user_id:u1"])["events"].as_array().map(Vec::len), Some(2));
    std::fs::remove_dir_all(place.home.join("live")).expect("nobody has it open");
    let running = place.start();
    let u1 = running.admin("GET /api/v1/customers/user_id:u1", "").1;
    assert_eq!((&u1["events"], u1["keys"].as_array().map(Vec::len)), (&2.into(), Some(3)), "{u1}");
    running.stop();
    let compared = place.json(&["replay"]);
    assert_eq!(compared["equal"], true, "{compared}");
}
