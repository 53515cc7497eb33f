use super::*;
use crate::intake::normalised;
use crate::intake::tests::{Desk, at, received};
use crate::sniff::Format;
use crate::testing::Notebook;

const CHARTER: &str = r#"
charter: 1
timezone: Europe/Berlin
keys: {user_id: {unique: true}, email: {from: traits.mail, normalise: email}}
sources:
  tickets: {event: status, user_id: caller.id, at: {column: updated, format: "%d/%m/%Y %H:%M"}, channel: "'call'", message_id: no, properties: [topic, n], traits: {mail: caller.mail}, unknown: ["?"]}
  "crm-*": {event: "'Contacted'", user_id: who}
  calls: {event: what, user_id: who, start: began, end: ended, message_id: id}
  baskets: {event: "'Bought'", user_id: who, one_per: basket}
  nobody: {event: "'Bought'"}
  nothing: {user_id: who}
"#;

fn sources() -> Sources {
    Sources::of(&Charter::parse(CHARTER).expect("a charter").0)
}

fn check(name: &str, body: &str) -> Desk {
    let mut desk = Desk { sources: sources(), ..Desk::default() };
    let sources = sources();
    let rows = Rows::parse(body.as_bytes()).expect(body);
    rows.read(sources.named(name).expect(name), &received(), &mut desk).expect("a desk takes everything");
    desk
}

#[test]
fn a_row_is_read_as_its_source_says() {
    let desk = check(
        "tickets",
        r#"{"status":"open","caller":{"id":7,"mail":"a@b.de"},"updated":"02/03/2026 10:00","no":"t1","topic":"?","n":"12","other":1}"#,
    );
    assert_eq!(
        desk.events,
        [
            r#"2026-03-02T09:00:00Z open [user_id=7 email=a@b.de] received_at=2026-03-02T09:00:00.123456Z channel=call message_id=t1 properties={"n":12} traits={"mail":"a@b.de"}"#
        ]
    );
    let view = normalised(&desk.texts[0], &sources()).expect("kept");
    assert_eq!(
        (at(&view, "/type"), at(&view, "/userId"), at(&view, "/timestamp")),
        ("\"track\"".into(), "\"7\"".into(), "\"2026-03-02T09:00:00Z\"".into())
    );
}

#[test]
fn rows_are_the_events_that_a_file_of_them_gives() {
    let rows = [
        r#"{"status":"open","caller":{"id":"u1","mail":"a@b.de"},"updated":"02/03/2026 10:00","no":"t1","topic":"x","n":1.50}"#,
        r#"{"status":"closed","caller":{"id":"u2"},"updated":"13/03/2026 10:00","no":"t2","topic":{"a":[1]},"n":2,"channel":"web"}"#,
        r#"{"caller":{"id":"u2"},"updated":"13/03/2026 10:00","no":"t3"}"#,
        r#"{"status":"open","caller":{"id":"?"},"updated":"13/03/2026 10:00","no":"t4"}"#,
        r#"{"status":"open","caller":{"id":"u"},"updated":"soon","no":"t5"}"#,
    ];
    let charter = Charter::parse(CHARTER).expect("a charter").0;
    let map = Mapping::of_source(&charter.sources[0], &charter.keys).expect("a mapping");
    let options = Options { map, zone: charter.timezone.clone(), ..Options::default() };
    let text = rows.join("\n");
    let plan = crate::plan::plan(Format::Jsonl, text.as_bytes(), &options).expect("a plan");
    let mut file = Notebook::default();
    crate::plan::read(&plan, Box::new(text.as_bytes()), &mut file).expect("readable");
    let desk = check("tickets", &format!("[{}]", rows.join(",")));
    let posted: Vec<String> =
        desk.events.iter().map(|event| event.replace(" received_at=2026-03-02T09:00:00.123456Z", "")).collect();
    assert_eq!(posted, file.events);
    assert_eq!(posted.len(), 2);
    let reasons = |lines: &[String]| -> Vec<String> {
        lines.iter().filter_map(|line| line.split_once(": ").map(|(_, rest)| rest.to_owned())).collect()
    };
    let rejected: Vec<String> = desk.lines[2..].to_vec();
    for (posted, filed) in rejected.iter().zip(reasons(&file.rejected)) {
        assert!(posted.ends_with(&filed), "{posted} | {filed}");
    }
    assert_eq!(rejected.len(), 3);
}

#[test]
fn a_row_without_a_time_happened_when_it_arrived() {
    let desk = check(
        "crm-1",
        r#"[{"who":"u","note":"2020-01-01"},{"who":"u","timestamp":"2026-01-02T00:00:00Z"},{"who":"u","timestamp":1772442000}]"#,
    );
    assert_eq!(
        desk.events,
        [
            r#"2026-03-02T09:00:00.123456Z Contacted [user_id=u] received_at=2026-03-02T09:00:00.123456Z properties={"note":"2020-01-01"}"#,
            "2026-01-02T00:00:00Z Contacted [user_id=u] received_at=2026-03-02T09:00:00.123456Z",
            "2026-03-02T09:00:00Z Contacted [user_id=u] received_at=2026-03-02T09:00:00.123456Z",
        ]
    );
    let desk = check(
        "crm-1",
        r#"[{"who":"u","timestamp":"13/04/2026"},{"who":"u","timestamp":"03/04/2026"},{"who":"u","timestamp":"soon"}]"#,
    );
    let reasons: Vec<&str> = desk.lines.iter().map(|line| line.split(':').next().expect("a reason")).collect();
    assert_eq!(reasons, ["0 - bad-time", "1 - bad-time", "2 - bad-time"]);
    assert_eq!(desk.lines[0], "0 - bad-time: `timestamp` may be read in two ways; add `format:` to the source");
    assert!(desk.lines[1].ends_with("add `format: dmy` or `format: mdy` to the source"), "{}", desk.lines[1]);
    let said = &desk.lines[2];
    assert!(said.contains("may say its form: `at: {column: timestamp, format: \"") && !said.contains("--"), "{said}");
}

#[test]
fn a_beginning_and_an_end_are_two() {
    let desk = check(
        "calls",
        r#"{"what":"Call","who":"u","began":"2026-03-02T08:00:00Z","ended":"2026-03-02T08:05:00Z","id":"c"}"#,
    );
    assert_eq!(desk.lines, ["0 c#start u: Call", "0 c#complete u: Call"]);
    assert_eq!(at(&desk.texts[1], "/part"), "1");
}

#[test]
fn sources_that_need_a_file_say_so() {
    let sources = sources();
    for (name, part) in [
        ("other", "have none that is called `other`"),
        ("baskets", "one_per"),
        ("nobody", "add a key"),
        ("nothing", "add `event:`"),
    ] {
        let error = sources.named(name).map(|_| ()).expect_err(name).to_string();
        assert!(error.contains(part), "{error}");
    }
}

#[test]
fn bodies_that_are_no_objects_say_so() {
    for (body, part) in [("", "not JSON"), ("7", "neither"), ("{", "not JSON"), ("\"{}\"", "neither")] {
        let error = Rows::parse(body.as_bytes()).map(|_| ()).expect_err(body).to_string();
        assert!(error.contains(part), "{error}");
    }
    let desk = check("crm-1", r#"[7,{"who":null},{"who":"u"}]"#);
    assert_eq!(desk.lines[0], "0 - not-an-object: the message is not a JSON object");
    assert!(desk.lines[1].starts_with("1 - missing-customer"), "{}", desk.lines[1]);
    assert_eq!(desk.lines[2], "2 - u: Contacted");
    let desk = check("crm-1", &format!(r#"{{"who":"{}"}}"#, "u".repeat(1_025)));
    assert_eq!(desk.lines, ["0 - bad-field: user_id has 1025 bytes, and may have 1024"]);
}
