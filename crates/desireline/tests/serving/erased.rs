//! Who is erased, and who is taken apart, with a server and without.

use std::path::Path;

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
