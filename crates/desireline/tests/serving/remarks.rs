//! What the server says while it runs: by names that stay, and in time.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::support::{Place, ask, desireline};

const DELIVERING: &str = "\
charter: 1
stages: {choice: {}}
moments:
  visit: {stage: choice, when: event = 'Visit'}
features:
  visits: {count: visit}
actions:
  letter: {when: visits >= 1, value: 2, deliver: {webhook: crm}}
";

/// The remarks of a server that is ended with it.
struct Remarks {
    server: std::process::Child,
    lines: Box<dyn Iterator<Item = String>>,
}

impl Remarks {
    fn of(place: &Place, more: &[&str]) -> Self {
        let mut server = desireline()
            .arg("--home")
            .arg(&place.home)
            .args(["serve", "--listen", "127.0.0.1:0", "--log", "json"])
            .args(more)
            .env("DESIRELINE_API_KEYS", "")
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let lines = BufReader::new(server.stderr.take().expect("it is piped")).lines().map_while(Result::ok);
        Self { server, lines: Box::new(lines) }
    }

    /// The next remark of this name; those before it are passed over.
    fn next(&mut self, what: &str) -> Value {
        let mut remarks =
            self.lines.by_ref().map(|line| serde_json::from_str::<Value>(&line).unwrap_or_else(|_| panic!("{line}")));
        remarks.find(|remark| remark["what"] == what).unwrap_or_else(|| panic!("it ended without saying {what}"))
    }
}

impl Drop for Remarks {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

#[test]
fn keys_targets_in_trouble_and_a_mended_charter_are_told() {
    let place = Place::new(DELIVERING);
    let mut remarks = Remarks::of(&place, &[]);
    let listening = remarks.next("listening");
    let address = listening["address"].as_str().expect("an address").trim_start_matches("http://");
    let made = remarks.next("keys_made");
    let admin = made["admin_key"].as_str().expect("an empty variable gives no key, so one is made");
    assert!(made["write_key"].as_str().is_some_and(|key| key.starts_with("wk_")), "{made}");
    assert_eq!(remarks.next("target_without_address")["target"], "crm");

    let put = r#"{"url":"https://crm.example/hook"}"#;
    assert_eq!(ask(address, "PUT /api/v1/targets/crm", admin, put).expect("it answers").0, 200);
    assert_eq!(ask(address, "POST /api/v1/targets/crm/pause", admin, "").expect("it answers").0, 204);
    let held = remarks.next("target_on_hold");
    assert_eq!((&held["target"], &held["by"]), (&"crm".into(), &"person".into()), "{held}");

    let write = |text: &str| std::fs::write(place.home.join("charter.yaml"), text).expect("a file");
    write("charter: 1\nmoments: {visit: {when: event ==}}\n");
    remarks.next("charter_refused");
    write(DELIVERING);
    remarks.next("charter_mended");
}

#[test]
fn whoever_gives_write_keys_alone_is_told_that_nobody_can_make_keys() {
    let place = Place::new(DELIVERING);
    let mut remarks = Remarks::of(&place, &["--write-key", "wk_test"]);
    let said = remarks.next("no_admin_key");
    assert!(said["text"].as_str().is_some_and(|text| text.contains("--api-key")), "{said}");
}

#[test]
fn why_nothing_is_handed_over_is_told_once() {
    let place = Place::new(DELIVERING);
    let mut remarks = Remarks::of(&place, &["--write-key", "wk_test", "--api-key", "ak_test"]);
    let listening = remarks.next("listening");
    let address = listening["address"].as_str().expect("an address").trim_start_matches("http://");
    // Where the rows of an import are sorted.
    let in_the_way = place.home.join("tmp");
    std::fs::write(&in_the_way, "").expect("a file");
    let visit = r#"{"userId":"u1","event":"Visit"}"#;
    assert_eq!(ask(address, "POST /v1/track", "", visit).expect("it answers").0, 200);
    let said = remarks.next("lake_waits");
    let text = said["text"].as_str().expect("text");
    assert!(text.contains(in_the_way.to_str().expect("text")) && !text.contains("u1"), "{text}");
    // It is tried again by then.
    std::thread::sleep(Duration::from_millis(2_500));
    std::fs::remove_file(&in_the_way).expect("it is there");
    let stopped = Command::new("sh").args(["-c", "kill -INT $0", &remarks.server.id().to_string()]).status();
    assert!(stopped.expect("kill is there").success());
    let more: Vec<String> = remarks.lines.by_ref().collect();
    assert!(more.iter().any(|line| line.contains("stopped")), "{more:?}");
    assert!(!more.iter().any(|line| line.contains("lake_waits")), "{more:?}");
    assert!(place.json(&["sql", "select event from events"]).to_string().contains("Visit"));
}
