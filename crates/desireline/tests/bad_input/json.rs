//! Every command that does something says on `--json` what it did, and nothing else on standard output.

use std::path::Path;

use crate::home::{Ended, Home, PROGRAM, many};

#[test]
fn commands_answer_as_json() {
    let home = Home::new();
    home.import(&home.file("x.csv", many(300, 20)), &[]);
    let beside = |name: &str| home.path().join("..").join(name).to_str().unwrap().to_owned();
    let csv = beside("all.csv");
    let exported = home.run(&["export", &csv, "--json"]).json();
    assert_eq!(exported, serde_json::json!({ "file": csv, "events": 300, "customers": 20, "left_out": 0 }));
    let page = beside("report.html");
    let report = home.run(&["report", "-o", &page, "--json"]).json();
    assert_eq!(report["report"], page.as_str());
    assert!(report["findings"].as_array().unwrap().iter().all(serde_json::Value::is_string), "{report}");
    assert!(Path::new(&page).is_file());
    let linked = home.file("y.csv", "user_id,email,event,at\nu1,a@b.de,x,2026-01-01\n");
    home.import(&linked, &[]);
    let unmerged = home.run(&["unmerge", "user_id:u1", "email:a@b.de", "--json"]).json();
    assert_eq!(unmerged, serde_json::json!({ "unmerged": ["user_id:u1", "email:a@b.de"] }));
}

const TESTS: &str = "\
charter: 1
moments:
  order: {when: \"event = 'order'\"}
tests:
  - {name: right, events: [{event: order, at: 2026-01-01, user_id: u}], expect: {moments: [order]}}
  - {name: wrong, events: [{event: visit, at: 2026-01-01, user_id: u}], expect: {moments: [order]}}
";

#[test]
fn tests_of_a_charter_answer_as_json() {
    let home = Home::new();
    let charter = home.file("charter.yaml", TESTS);
    let ended = home.run(&["test", &charter, "--json"]);
    ended.expect(1, &["1 of 2 tests fail"]);
    let answer: serde_json::Value = serde_json::from_str(&ended.out).unwrap();
    assert_eq!((&answer["passed"], &answer["failed"]), (&1.into(), &1.into()), "{answer}");
    assert_eq!(answer["tests"][0]["wrong"], serde_json::json!([]));
    assert!(answer["tests"][1]["wrong"][0].as_str().unwrap().starts_with("moments: expected order"), "{answer}");
}

#[test]
fn the_demo_without_its_organisations_says_what_to_do() {
    let home = Home::new();
    let folder = home.path().join("../nowhere");
    let demo = ["demo", "--json", "--charters", folder.to_str().unwrap(), "-o", folder.to_str().unwrap()];
    let ended = Ended::from(std::process::Command::new(PROGRAM).args(demo).output().unwrap());
    ended.expect(3, &["run this in a checkout of the project, or give --charters"]);
    assert!(!folder.exists());
}
