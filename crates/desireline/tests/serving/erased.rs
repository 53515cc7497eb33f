//! Who is erased, and who is taken apart, with a server and without.

use std::path::Path;
use std::time::Duration;

use crate::CHARTER;
use crate::support::{Place, Running, ask, desireline};

/// Files under a folder that hold these bytes.
fn files_with(folder: &Path, bytes: &[u8]) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("it can be read").path();
        if path.is_dir() {
            found.extend(files_with(&path, bytes));
        } else if std::fs::read(&path).expect("a file").windows(bytes.len()).any(|window| window == bytes) {
            found.push(path);
        }
    }
    found
}

#[test]
fn who_is_erased_is_in_no_file_and_who_is_taken_apart_is_two_everywhere() {
    let folder = tempfile::tempdir().expect("a folder");
    let home = folder.path().join("home");
    std::fs::create_dir_all(&home).expect("a folder");
    std::fs::write(home.join("charter.yaml"), CHARTER).expect("a file");
    let run = |arguments: &[&str]| {
        let output = desireline().arg("--home").arg(&home).args(arguments).output().expect("the program starts");
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("text")
    };
    let running = Running::start(&home);
    let send = |message: &str| ask(&running.address, "POST /v1/track", "", message).expect("it answers").0;
    assert_eq!(send(r#"{"userId":"gone-person","anonymousId":"gone-device","event":"Order"}"#), 200);
    assert_eq!(send(r#"{"userId":"gone-person"}"#), 400, "it says not what happened");
    assert_eq!(send(r#"{"userId":"stays","anonymousId":"shared","event":"Visit"}"#), 200);
    assert_eq!(send(r#"{"userId":"stays","event":"Order"}"#), 200);
    let busy = desireline().arg("--home").arg(&home).args(["erase", "user_id:gone-person"]).output();
    assert_eq!(busy.expect("the program starts").status.code(), Some(5), "a server runs on this home");
    running.stop();

    let receipt: serde_json::Value = serde_json::from_str(&run(&["erase", "user_id:gone-person"])).expect("JSON");
    assert_eq!((&receipt["events"], &receipt["live"]["states"]), (&1.into(), &2.into()), "{receipt}");
    for name in ["gone-person", "gone-device"] {
        assert_eq!(files_with(&home, name.as_bytes()), [""; 0].map(std::path::PathBuf::from), "{name}");
    }
    run(&["unmerge", "user_id:stays", "anonymous_id:shared"]);
    run(&["replay"]);
    let running = Running::start(&home);
    let read = |key: &str| ask(&running.address, &format!("GET /api/v1/customers/{key}"), "ak_test", "");
    assert_eq!(read("user_id:gone-person").expect("it answers").0, 404);
    assert!(read("user_id:stays").expect("it answers").1.contains("\"events\":2"));
    assert!(read("anonymous_id:shared").expect("it answers").1.contains("\"events\":0"));
    running.stop();
    let links = run(&["--json", "customer", "user_id:stays"]);
    assert!(links.contains("taken_back"), "{links}");
}

#[test]
fn who_is_known_live_alone_is_erased_with_a_receipt() {
    for has_lake in [true, false] {
        let place = Place::new(CHARTER);
        let running = place.start();
        if has_lake {
            let visit = r#"{"userId":"stays","event":"Visit"}"#;
            assert_eq!(ask(&running.address, "POST /v1/track", "", visit).expect("it answers").0, 200);
        }
        let said = running.admin("PUT /api/v1/customers/user_id:u9/consent", r#"{"marketing": true}"#);
        assert_eq!(said.0, 200, "{said:?}");
        running.stop();
        assert_eq!(place.home.join("lake").exists(), has_lake);
        let receipt = place.json(&["erase", "user_id:u9"]);
        assert_eq!((&receipt["live"]["keys"], &receipt["live"]["entries"]), (&1.into(), &1.into()), "{receipt}");
        assert_eq!((&receipt["events"], &receipt["keys"]), (&0.into(), &serde_json::json!({})), "{receipt}");
        let (code, _, why) = place.run(&["erase", "user_id:u9"]);
        assert_eq!(code, 4, "{why}");
        assert!(why.contains("no event came with `user_id:u9`"), "{why}");
        let running = place.start();
        assert_eq!(running.admin("GET /api/v1/customers/user_id:u9", "").0, 404);
        assert_eq!(running.admin("GET /api/v1/customers/user_id:stays", "").0, if has_lake { 200 } else { 404 });
        running.stop();
    }
}

#[test]
fn who_is_erased_is_named_by_kind_and_value_in_either_place() {
    let place = Place::new(CHARTER);
    let running = place.start();
    running.send(r#"{"userId":"auth0:abc","event":"Order"}"#);
    let refused = ask(&running.address, "POST /v1/track", "", r#"{"userId":"abc 0"}"#).expect("it answers");
    assert_eq!(refused.0, 400, "it says not what happened");
    running.stop();
    assert!(place.run(&["customer", "customer:0"]).0 == 0 && place.run(&["customer", "auth0:abc"]).0 == 0);
    for other in ["auth0:abc", "customer:0", "user_id :auth0:abc"] {
        let (code, out, why) = place.run(&["erase", other]);
        assert_eq!(code, 4, "{other}: {out}");
        assert!(why.contains("`user_id:auth0:abc`"), "{why}");
    }
    let running = place.start();
    assert_eq!(running.admin("GET /api/v1/customers/user_id:auth0:abc", "").0, 200, "known live");
    running.stop();
    let receipt = place.json(&["erase", "user_id:auth0:abc"]);
    assert_eq!((&receipt["events"], &receipt["live"]["keys"]), (&1.into(), &1.into()), "{receipt}");
    assert_eq!(receipt["quarantined_rows"], 0, "that is somebody else's: {receipt}");
    assert_eq!(files_with(&place.home, b"auth0"), [""; 0].map(std::path::PathBuf::from));
}

#[test]
fn who_is_one_with_somebody_because_a_person_says_so_is_erased_by_either_key() {
    // A key that no event came with before it was said, one with which one came after it, and one that has more.
    for key in ["email:gone@x.org", "email:late@x.org", "user_id:gone-user"] {
        let place = Place::new(CHARTER);
        let running = place.start();
        running.send(r#"{"userId":"gone-user","event":"Order"}"#);
        for email in ["gone@x.org", "late@x.org"] {
            let consent = format!("PUT /api/v1/customers/email:{email}/consent");
            assert_eq!(running.admin(&consent, r#"{"marketing": true}"#).0, 200);
            let pair = format!(
                r#"{{"from":{{"kind":"email","value":"{email}"}},"to":{{"kind":"user_id","value":"gone-user"}}}}"#
            );
            assert_eq!(running.admin("POST /api/v1/links", &pair).1["changed"], true);
        }
        running.send(r#"{"context":{"traits":{"email":"late@x.org"}},"anonymousId":"gone-device","event":"Visit"}"#);
        running.stop();
        let known = place.json(&["customer", "user_id:gone-user"]);
        assert_eq!(known["keys"].as_array().map(Vec::len), Some(4), "{known}");
        let receipt = place.json(&["erase", key]);
        assert_eq!((&receipt["events"], &receipt["live"]["keys"]), (&2.into(), &4.into()), "{key}: {receipt}");
        for name in ["gone-", "gone@", "late@"] {
            assert_eq!(files_with(&place.home, name.as_bytes()), [""; 0].map(std::path::PathBuf::from), "{name}");
        }
    }
}

#[test]
fn rejected_rows_of_who_was_erased_before_go_with_a_receipt() {
    let place = Place::new(CHARTER);
    let refuse = || {
        let running = place.start();
        assert_eq!(ask(&running.address, "POST /v1/track", "", r#"{"userId":"u9"}"#).expect("it answers").0, 400);
        running
    };
    let running = refuse();
    assert_eq!(running.admin("PUT /api/v1/customers/user_id:u9/consent", r#"{"marketing": true}"#).0, 200);
    running.stop();
    assert_eq!(place.json(&["erase", "user_id:u9"])["quarantined_rows"], 1);
    // As in a second home on the same live state.
    refuse().stop();
    let (code, receipt, why) = place.run(&["erase", "user_id:u9"]);
    assert!(code == 0 && why.contains("nobody is known by `user_id:u9`: 1 rejected row"), "{why}");
    let receipt: serde_json::Value = serde_json::from_str(&receipt).expect("JSON");
    assert_eq!((&receipt["quarantined_rows"], &receipt["live"]["keys"]), (&1.into(), &0.into()), "{receipt}");
    assert_eq!(place.run(&["erase", "user_id:u9"]).0, 4);
}

#[test]
fn nobody_is_forgotten_live_while_another_writes_to_the_lake() {
    let place = Place::new(CHARTER);
    let running = place.start();
    running.send(r#"{"userId":"u1","event":"Order"}"#);
    running.stop();
    let lock = std::fs::File::create(place.home.join("lock")).expect("a file");
    lock.lock().expect("nobody writes");
    let mut erasing =
        desireline().arg("--home").arg(&place.home).args(["erase", "user_id:u1"]).spawn().expect("the program starts");
    // By then it has come as far as it can.
    std::thread::sleep(Duration::from_secs(2));
    assert!(erasing.try_wait().expect("it can be asked").is_none(), "it waits");
    erasing.kill().and_then(|()| erasing.wait()).expect("it is ended");
    drop(lock);
    let receipt = place.json(&["erase", "user_id:u1"]);
    assert_eq!((&receipt["live"]["keys"], &receipt["events"]), (&1.into(), &1.into()), "{receipt}");
}

/// A home in which a server took a message in, and a file was imported since.
fn imported_since(message: &str, rows: &str) -> Place {
    let place = Place::new(CHARTER);
    let running = place.start();
    running.send(message);
    running.stop();
    let path = place.beside("rows.csv");
    std::fs::write(&path, rows).expect("a file");
    let (code, _, why) = place.run(&["import", path.to_str().expect("text")]);
    assert_eq!(code, 0, "{why}");
    place
}

#[test]
fn who_was_imported_and_taken_apart_by_a_person_is_erased_alone() {
    let place = imported_since(
        r#"{"userId":"other","event":"Visit"}"#,
        "user_id,phone,event,at\nu1,+4930123456,Order,2026-01-01T08:00Z\n",
    );
    assert_eq!(place.run(&["unmerge", "user_id:u1", "phone:+4930123456"]).0, 0);
    let running = place.start();
    let phone = running.admin("GET /api/v1/customers/phone:+4930123456", "").1;
    assert_eq!((&phone["events"], phone["keys"].as_array().map(Vec::len)), (&0.into(), Some(1)), "{phone}");
    running.stop();
    let receipt = place.json(&["erase", "phone:+4930123456"]);
    assert_eq!((&receipt["events"], &receipt["keys"]), (&0.into(), &serde_json::json!({"phone": 1})), "{receipt}");
    assert_eq!(place.json(&["customer", "user_id:u1"])["events"].as_array().map(Vec::len), Some(1));
}

#[test]
fn who_is_erased_takes_nobody_along_with_whom_a_device_was_shared_in_an_import() {
    let place = imported_since(
        r#"{"userId":"u1","anonymousId":"d","event":"Visit"}"#,
        "user_id,anonymous_id,event,at\nu2,d,Order,2026-01-01T08:00Z\n,d,Visit,2026-01-01T07:00Z\n",
    );
    let receipt = place.json(&["erase", "user_id:u1"]);
    assert_eq!((&receipt["events"], &receipt["keys"]), (&1.into(), &serde_json::json!({"user_id": 1})), "{receipt}");
    assert_eq!(place.json(&["customer", "anonymous_id:d"])["events"].as_array().map(Vec::len), Some(2), "those of u2");
}

#[test]
fn who_cannot_be_erased_from_the_lake_any_more_is_told_by_which_keys_live_state_knew_them() {
    let place = Place::new(CHARTER);
    let running = place.start();
    running.send(r#"{"userId":"u1","anonymousId":"a1","event":"Order"}"#);
    running.stop();
    // It cannot be read as rejected rows are.
    let in_the_way = place.home.join("quarantine").join("folder");
    std::fs::create_dir_all(&in_the_way).expect("a folder");
    let (code, _, why) = place.run(&["erase", "user_id:u1"]);
    assert_eq!(code, 1, "{why}");
    assert!(why.contains("erase each of `anonymous_id:a1`, `user_id:u1` again"), "{why}");
    std::fs::remove_dir(&in_the_way).expect("it is empty");
    assert_eq!(place.json(&["erase", "anonymous_id:a1"])["events"], 1);
    assert_eq!(place.run(&["erase", "user_id:u1"]).0, 4);
}
