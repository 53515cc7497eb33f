use super::*;
use crate::plan::read as read_all;
use crate::sniff::Format;
use crate::testing::Notebook;

fn check(text: &str, map: &str) -> (Notebook, Summary) {
    let map = if map.is_empty() { Mapping::default() } else { Mapping::parse_map(map).expect("a map") };
    let options = Options { map, ..Options::default() };
    let plan = crate::plan::plan(Format::Jsonl, text.as_bytes(), &options).expect("a plan");
    let mut notebook = Notebook::default();
    let input = std::io::BufReader::with_capacity(5, text.as_bytes());
    let summary = read_all(&plan, Box::new(input), &mut notebook).expect("readable");
    let passed_over: u64 = summary.passed_over.values().sum();
    assert_eq!(summary.rows, summary.events + summary.rejected_total() + passed_over, "no row is lost");
    (notebook, summary)
}

const FLAT: [&str; 2] = [
    r#"{"user_id": 7, "event":"A \"x\"", "timestamp":"2026-03-02T09:00:00Z", "n": 1.50, "list": [1, {"a":2}], "none": null}"#,
    r#"{"event":"B","new":true,"timestamp":"2026-03-02T10:00:00Z","user_id":12345678901234567890}"#,
];

#[test]
fn objects_in_lines_in_arrays_and_one_after_another() {
    let expected = [
        r#"2026-03-02T09:00:00Z A "x" [user_id=7] properties={"n":1.5,"list":[1, {"a":2}]}"#,
        r#"2026-03-02T10:00:00Z B [user_id=12345678901234567890] properties={"new":true}"#,
    ];
    let [a, b] = FLAT;
    let spread = |text: &str| text.replace(", \"", ",\n\"");
    for text in [
        format!("{a}\n{b}\n"),
        format!("\n{a}\r\n\n{b}"),
        format!("[{a},{b}]"),
        format!("[\n  {a},\n  {b}\n]\n"),
        format!("{}\n{}", spread(a), spread(b)),
    ] {
        assert_eq!(check(&text, "").0.events, expected, "{text}");
    }
}

#[test]
fn members_that_come_late_are_kept() {
    let mut text = "{\"user_id\":7,\"event\":\"A\",\"at\":\"2026-03-02T09:00:00Z\"}\n".repeat(30_000);
    text += r#"{"user_id":1,"event":"A","at":"2026-03-02T09:00:00Z","late":{"x":1},"none":null}"#;
    let (notebook, _) = check(&text, "");
    assert_eq!(
        notebook.events.last().map(String::as_str),
        Some(r#"2026-03-02T09:00:00Z A [user_id=1] properties={"late":{"x":1}}"#)
    );
}

#[test]
fn nested_members_are_reached_by_their_path() {
    let text = r#"{"user":{"id":"u1","geo":{"city":"Bonn"}},"what":"A","at":"2026-03-02T09:00:00Z"}"#;
    let (notebook, _) = check(text, "customer=user.id,event=what,traits=user.geo.city");
    assert_eq!(
        notebook.events,
        [concat!(
            "2026-03-02T09:00:00Z A [user_id=u1] ",
            r#"properties={"user":{"id":"u1","geo":{"city":"Bonn"}}} traits={"user.geo.city":"Bonn"}"#
        )]
    );
}

#[test]
fn properties_and_traits_are_not_nested_twice() {
    let text = r#"{"user_id":"u1","event":"A","time":1772442000,"properties":{"a":1},"traits":{"plan":"x"},"b":2}"#;
    let (notebook, _) = check(text, "");
    assert_eq!(
        notebook.events,
        [r#"2026-03-02T09:00:00Z A [user_id=u1] properties={"a":1,"b":2} traits={"plan":"x"}"#]
    );
}

#[test]
fn messages_of_the_segment_api_are_told_by_their_members() {
    let text = concat!(
        r#"{"type":"track","event":"A","userId":"u1","timestamp":"2026-03-02T09:00:00Z"}"#,
        "\n",
        r#"{"type":"identify","userId":"u1","traits":{"email":"a@b.de"},"timestamp":"2026-03-02T09:00:01Z"}"#,
        "\n",
        r#"{"type":"alias","userId":"u1","previousId":"u1"}"#,
        "\n",
        r#"{"type":"track","userId":"u1","timestamp":"2026-03-02T09:00:00Z"}"#,
    );
    let (notebook, summary) = check(text, "");
    assert_eq!(notebook.events.len(), 2);
    assert_eq!(notebook.rejected, ["4: missing-event: a track message needs an event"]);
    assert_eq!(summary.passed_over.get("alias to itself"), Some(&1));
}

#[test]
fn messages_stay_messages_when_only_their_channel_is_given() {
    let text = concat!(
        r#"{"type":"track","event":"A","userId":"u1","timestamp":"2026-03-02T09:00:00Z"}"#,
        "\n",
        r#"{"type":"page","name":"/help","userId":"u1","timestamp":"2026-03-02T09:00:01Z"}"#,
    );
    let (notebook, _) = check(text, "channel='web',source='site'");
    assert_eq!(notebook.rejected, [] as [&str; 0]);
    assert!(notebook.events[1].contains("Page Viewed") && notebook.events[1].contains("channel=web"), "{notebook:?}");
}

#[test]
fn lines_that_are_no_objects_are_named_and_kept() {
    let mut text = FLAT.join("\n");
    text += "\nno json\n[1,2]\n{\"user_id\":1\n\"text\"\n{\"user_id\":1,\"event\":\"C\",\"timestamp\":\"soon\"}\n{\"a\":\"\0\"}\n";
    text += r#"{"user_id":1,"event":"D","timestamp":"2026-03-02T11:00:00Z"}"#;
    let (notebook, _) = check(&text, "");
    let reasons: Vec<String> =
        notebook.rejected.iter().map(|line| line.split(": ").take(2).collect::<Vec<_>>().join(" ")).collect();
    assert_eq!(reasons, ["3 bad-json", "4 not-an-object", "5 bad-json", "6 not-an-object", "7 bad-time", "8 nul-byte"]);
    assert_eq!(notebook.rows[0], b"no json");
    assert_eq!(notebook.events.len(), 3);
}

#[test]
fn a_file_without_objects_says_so() {
    let options = Options::default();
    let error =
        |text: &str| crate::plan::plan(Format::Jsonl, text.as_bytes(), &options).expect_err("nothing").to_string();
    assert_eq!(error(""), "the file is empty");
    assert!(error("[1,2,3]").contains("no JSON object"), "{}", error("[1,2,3]"));
    assert!(error("{broken").contains("`{broken`"));
}

#[test]
fn an_object_without_end_does_not_fill_the_memory() {
    let mut text = format!("[{},\n{{\"user_id\": \"", FLAT[0]);
    text.extend(std::iter::repeat_n('x', 20 << 20));
    text.push('\n');
    text.push_str(FLAT[1]);
    text.push(']');
    let (notebook, _) = check(&text, "");
    assert!(notebook.rejected.iter().any(|line| line.contains("line-too-long")), "{:?}", notebook.rejected);
    assert_eq!(notebook.events.len(), 2);
}
