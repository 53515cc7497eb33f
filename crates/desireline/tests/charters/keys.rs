//! `keys:`: a key that is taken from another column of the event.

use crate::home::Home;

const CHARTER: &str = "charter: 1\nkeys:\n  user_id: {unique: true, priority: 1}\n  anonymous_id: {limit: 200}\n  \
                       email: {from: traits.email, normalise: email, limit: 3}\n  \
                       card: {from: properties.pay.card, limit: 2}\n";

fn customers(home: &Home, charter: &str, files: &[&str]) -> u64 {
    let args: Vec<&str> = ["import"].iter().chain(files).copied().chain(["--charter", charter, "--json"]).collect();
    home.run(&args).json()["customers"].as_u64().unwrap()
}

const WEB: &str = r#"{"type":"track","event":"Visit","anonymousId":"a1","timestamp":"2026-03-02T09:00:00Z"}
{"type":"identify","anonymousId":"a1","timestamp":"2026-03-02T09:01:00Z","traits":{"email":"Ann@Example.com"}}
{"type":"track","event":"Paid","userId":"u7","timestamp":"2026-03-04T09:00:00Z","properties":{"pay":{"card":"4711"}}}
{"type":"track","event":"Paid","anonymousId":"a2","timestamp":"2026-03-05T09:00:00Z","properties":{"pay":{"card":4711}}}
"#;
const CALLS: &str = "email,event,at\nann@example.com,Call,2026-03-03T09:00:00Z\n";

#[test]
fn a_key_is_taken_from_traits_and_properties() {
    let home = Home::new();
    let (web, calls) = (home.file("web.jsonl", WEB), home.file("calls.csv", CALLS));
    let charter = home.file("charter.yaml", CHARTER);
    assert_eq!(customers(&home, &charter, &[&web, &calls]), 2, "a1 is who called, and a2 pays with the card of u7");
    let without = home
        .file("without.yaml", CHARTER.replace("from: traits.email, ", "").replace("from: properties.pay.card, ", ""));
    assert_eq!(customers(&Home::new(), &without, &[&web, &calls]), 4);
    let count = "select count(*) n from events where lower(keys) like '%ann@example.com%'";
    assert_eq!(home.run(&["sql", count, "--json"]).json()[0]["n"], 2, "the event keeps the key");
}

#[test]
fn importing_again_adds_the_keys_of_a_changed_charter_and_no_events() {
    let home = Home::new();
    let (web, calls) = (home.file("web.jsonl", WEB), home.file("calls.csv", CALLS));
    let without = home.file("without.yaml", CHARTER.replace("from: traits.email, ", ""));
    assert_eq!(customers(&home, &without, &[&web, &calls]), 3);
    let charter = home.file("charter.yaml", CHARTER);
    assert_eq!(customers(&home, &charter, &[&web, &calls]), 2);
    assert_eq!(home.events(), 5);
}

#[test]
fn a_row_whose_only_key_is_a_trait_is_somebodys() {
    let home = Home::new();
    let source = "sources:\n  calls.csv: {event: event, at: at, traits: {email: mail}}\n";
    let charter = home.file("charter.yaml", format!("{CHARTER}{source}"));
    let calls = home.file("calls.csv", CALLS.replace("email", "mail"));
    assert_eq!(customers(&home, &charter, &[&calls]), 1);
}

#[test]
fn tests_of_a_charter_know_it() {
    let home = Home::new();
    let events = "[{at: 2026-03-02, anonymous_id: a1, event: x, traits: {email: Ann@Example.com}}, \
                  {at: 2026-03-03, email: ann@example.com, event: x}]";
    let test = format!("tests:\n  - {{name: one, events: {events}, expect: {{customers: 1}}}}\n");
    home.run(&["test", &home.file("charter.yaml", format!("{CHARTER}{test}"))]).expect(0, &[]);
}
