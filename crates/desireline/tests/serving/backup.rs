//! Backups: of a home, of a server that runs, half ones, and what is restored of them.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::CHARTER;
use crate::support::{Place, Running, ask, desireline};

fn restore(from: &Path, home: &Path) -> (i32, String) {
    let output = desireline().arg("--home").arg(home).arg("restore").arg(from).output().expect("the program starts");
    (output.status.code().expect("it ends"), String::from_utf8(output.stderr).expect("text"))
}

fn count(home: &Path) -> i64 {
    let sql = ["--json", "sql", "select count(*) as n from events"];
    let output = desireline().arg("--home").arg(home).args(sql).output().expect("the program starts");
    let rows: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let text = rows.to_string();
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    digits.parse().unwrap_or_else(|_| panic!("{text}"))
}

#[test]
fn a_server_that_runs_is_backed_up_under_load_and_goes_on_elsewhere() {
    let place = Place::new(CHARTER);
    let running = place.start();
    running.send(r#"{"userId":"first","event":"Order","messageId":"m0"}"#);
    let (stop, address) = (Arc::new(AtomicBool::new(false)), running.address.clone());
    let sender = std::thread::spawn({
        let stop = Arc::clone(&stop);
        move || {
            let mut sent: u64 = 0;
            while !stop.load(Ordering::Relaxed) {
                sent += 1;
                let message = format!(r#"{{"userId":"u{}","event":"Visit","messageId":"m{sent}"}}"#, sent % 20);
                assert_eq!(ask(&address, "POST /v1/track", "", &message).expect("it answers").0, 200);
            }
            sent
        }
    });
    let (status, made) = running.admin("POST /api/v1/backups", r#"{"name":"monday"}"#);
    assert_eq!((status, &made["whole"], &made["live"]), (201, &true.into(), &true.into()), "{made}");
    stop.store(true, Ordering::Relaxed);
    let sent = i64::try_from(sender.join().expect("it does not panic")).expect("few");
    assert_eq!(running.admin("POST /api/v1/backups", r#"{"name":"monday"}"#).0, 409);
    assert_eq!(running.admin("POST /api/v1/backups", r#"{"name":"../monday"}"#).0, 400);
    assert_eq!(running.admin("POST /api/v1/backups", "").0, 201, "called by the time");
    let listed = running.admin("GET /api/v1/backups", "").1;
    assert_eq!(listed["backups"].as_array().map(Vec::len), Some(2), "{listed}");
    let audit = running.admin("GET /api/v1/audit", "").1.to_string();
    assert!(audit.contains("backup begun"), "{audit}");
    running.stop();

    let (again, backup) = (place.beside("again"), place.home.join("backups/monday"));
    let (code, said) = restore(&backup, &again);
    assert_eq!(code, 0, "{said}");
    // What the lake lacked is handed to it, and all states are what follows from the log.
    let running = Running::start(&again);
    let (status, shown) = running.admin("GET /api/v1/customers/user_id:first", "");
    assert_eq!((status, &shown["events"]), (200, &1.into()));
    running.send(r#"{"userId":"first","event":"Order","messageId":"m0"}"#);
    assert_eq!(running.admin("GET /api/v1/customers/user_id:first", "").1["events"], 1, "it is known still");
    running.stop();
    let replay = desireline().arg("--home").arg(&again).args(["--json", "replay"]).output().expect("it starts");
    let replay: serde_json::Value = serde_json::from_slice(&replay.stdout).expect("JSON");
    assert_eq!(replay["equal"], true, "{replay}");
    let entries = replay["entries"].as_i64().expect("a number");
    assert!((1..=sent + 1).contains(&entries) && count(&again) == entries, "{entries} of {sent}: {}", count(&again));
    // A home that is there is never replaced.
    let (code, said) = restore(&backup, &again);
    assert!(code == 2 && said.contains("not empty"), "{code} {said}");
}

#[test]
fn half_a_backup_says_so_and_so_does_a_damaged_one() {
    let place = Place::new(CHARTER);
    let running = place.start();
    running.send(r#"{"userId":"ann","event":"Order"}"#);
    let to = place.beside("tuesday");
    let (code, _, said) = place.run(&["backup", to.to_str().expect("text")]);
    assert!(code == 5 && said.contains("/api/v1/backups"), "a server runs: {code} {said}");
    running.stop();
    let made = place.json(&["backup", to.to_str().expect("text")]);
    assert!(made["files"].as_u64().is_some_and(|files| files > 5), "{made}");
    let (code, _, said) = place.run(&["backup", to.to_str().expect("text")]);
    assert!(code == 2 && said.contains("not empty"), "{code} {said}");

    let home = place.beside("restored");
    let list = to.join("backup.json");
    let text = std::fs::read(&list).expect("it is there");
    std::fs::remove_file(&list).expect("it is there");
    let (code, said) = restore(&to, &home);
    assert!(code == 3 && said.contains("no whole backup") && !home.exists(), "{code} {said}");
    std::fs::write(&list, &text).expect("a file");
    let charter = to.join("charter.yaml");
    std::fs::write(&charter, CHARTER.replace("1d", "2d")).expect("a file");
    let (code, said) = restore(&to, &home);
    assert!(code == 3 && said.contains("charter.yaml") && !home.exists(), "{code} {said}");
    std::fs::remove_file(&charter).expect("it is there");
    let (code, said) = restore(&to, &home);
    assert!(code == 3 && said.contains("missing") && !home.exists(), "{code} {said}");
    // Restoring that was cut off before is begun anew.
    std::fs::write(&charter, CHARTER).expect("a file");
    let (code, said) = restore(&to, &home);
    assert_eq!(code, 0, "{said}");
    assert_eq!(count(&home), 1);
    let (code, said) = restore(&place.beside("nowhere"), &place.beside("other"));
    assert!(code == 3 && said.contains("no such file"), "{code} {said}");
}

#[test]
fn a_backup_that_does_not_fit_leaves_the_room_that_there_was() {
    let Some(disk) = testkit::SmallDisk::new(64) else { return };
    let home = disk.path().join("home");
    let large = home.join("quarantine/large.jsonl");
    std::fs::create_dir_all(home.join("quarantine")).expect("a folder");
    std::fs::write(home.join("charter.yaml"), CHARTER).expect("a file");
    // A hole takes no room, and a copy of it does.
    std::fs::File::create(&large).and_then(|file| file.set_len(200 << 20)).expect("a file");
    let running = Running::start(&home);
    running.send(r#"{"userId":"ann","event":"Order"}"#);
    let (status, said) = running.admin("POST /api/v1/backups", r#"{"name":"monday"}"#);
    assert!(status == 500 && said["detail"].as_str().is_some_and(|said| said.contains("no room")), "{said}");
    for _ in 0..20 {
        running
            .send(&format!(r#"{{"userId":"ann","event":"Order","properties":{{"note":"{}"}}}}"#, "n".repeat(20_000)));
    }
    assert_eq!(running.admin("GET /api/v1/backups", "").1["backups"], serde_json::json!([]));
    running.stop();
}

#[test]
fn of_a_backup_that_goes_wrong_nothing_stays() {
    let place = Place::new(CHARTER);
    let running = place.start();
    running.send(r#"{"userId":"ann","event":"Order"}"#);
    running.stop();
    std::fs::create_dir_all(place.home.join("quarantine")).expect("a folder");
    std::os::unix::fs::symlink("nowhere", place.home.join("quarantine/x.jsonl")).expect("a link");
    let to = place.beside("tuesday");
    let backup = || place.run(&["backup", to.to_str().expect("text")]);
    let (code, _, said) = backup();
    assert!(code == 1 && said.contains("x.jsonl") && !to.exists(), "{code} {said}");
    // A folder that was there stays, empty as it was.
    std::fs::create_dir(&to).expect("a folder");
    assert_eq!(backup().0, 1);
    assert_eq!(std::fs::read_dir(&to).expect("it is there").count(), 0);
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("a folder").map(|entry| entry.expect("an entry")) {
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &to);
        } else {
            std::fs::copy(entry.path(), to).expect("copied");
        }
    }
}

#[test]
fn live_state_that_was_set_back_behind_the_lake_goes_on_and_says_so() {
    let place = Place::new(CHARTER);
    let send = |running: &Running, ids: std::ops::Range<u32>| {
        ids.for_each(|n| running.send(&format!(r#"{{"userId":"u{n}","event":"Visit","messageId":"m{n}"}}"#)));
    };
    let running = place.start();
    send(&running, 0..2);
    running.stop();
    let (live, before) = (place.home.join("live"), place.beside("before"));
    copy(&live, &before);
    let running = place.start();
    send(&running, 2..8);
    running.stop();
    assert_eq!(count(&place.home), 8);

    std::fs::remove_dir_all(&live).expect("removed");
    copy(&before, &live);
    let doctor = || place.run(&["doctor", "--listen", "127.0.0.1:0"]);
    let (code, out, err) = doctor();
    assert!(code == 1 && out.contains("BAD   live") && out.contains("lacks 6 entries"), "{out}{err}");
    let running = place.start();
    send(&running, 8..11);
    running.stop();
    assert_eq!(count(&place.home), 11, "what was answered is in the lake");
    let (code, out, err) = doctor();
    assert!(code == 0 && out.contains("good  live"), "{out}{err}");
    let running = place.start();
    send(&running, 11..19);
    running.stop();
    assert_eq!(count(&place.home), 19);
}

#[test]
fn live_state_that_was_set_back_is_told_again_what_was_imported_since() {
    let place = Place::new(CHARTER);
    let learn = |message: &str| {
        let running = place.start();
        running.send(message);
        running.stop();
    };
    place.import("first.csv", "u1,Visit,2026-01-01T08:00Z,f1\nu2,Visit,2026-01-01T08:00Z,f2\n");
    learn(r#"{"userId":"u1","event":"Visit","messageId":"m1"}"#);
    let (live, before) = (place.home.join("live"), place.beside("before"));
    copy(&live, &before);
    place.import(
        "second.csv",
        "u2,Order,2026-01-02T08:00Z,f3\nu3,Visit,2026-01-02T08:00Z,\nu3,Visit,2026-01-02T08:00Z,\n",
    );
    learn(r#"{"userId":"u1","event":"Visit","messageId":"m2"}"#);
    place.import("third.csv", "u4,Visit,2026-01-03T08:00Z,f4\n");
    learn(r#"{"userId":"u4","event":"Order","messageId":"m3"}"#);
    assert_eq!(count(&place.home), 9);

    std::fs::remove_dir_all(&live).expect("removed");
    copy(&before, &live);
    place.import("fourth.csv", "u5,Visit,2026-01-04T08:00Z,f5\n");
    for _ in 0..2 {
        let running = place.start();
        let events =
            |user: &str| running.admin(&format!("GET /api/v1/customers/user_id:{user}"), "").1["events"].as_u64();
        // What came live since is lost to live state: its log is gone.
        assert_eq!(["u1", "u2", "u3", "u4", "u5"].map(events), [2, 2, 2, 1, 1].map(Some));
        running.stop();
    }
    assert_eq!(count(&place.home), 10, "the lake has nothing twice");
    let (code, out, err) = place.run(&["replay"]);
    assert_eq!(code, 0, "{out}{err}");
}
