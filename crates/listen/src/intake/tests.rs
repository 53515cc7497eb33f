use super::*;
use crate::Sink as _;
use crate::sink::NamesNobody;
use crate::testing::Notebook;

/// What came out of a body, one line each.
#[derive(Default)]
pub(super) struct Desk {
    pub(super) lines: Vec<String>,
    pub(super) texts: Vec<String>,
    pub(super) events: Vec<String>,
    pub(super) ids: u32,
    pub(super) junk: &'static str,
    pub(super) sources: Sources,
}

impl Receiver for Desk {
    fn accepted(&mut self, accepted: &Accepted<'_>) -> Result<(), Stop> {
        let Accepted { index, text, message_id, keys, event, .. } = *accepted;
        if keys.iter().all(|key| key.value == self.junk) {
            return Err(Stop::new(NamesNobody { detail: "nobody".to_owned(), row: String::new() }));
        }
        assert!(!text.contains("wk_"), "the write key is kept: {text}");
        let said = event.map(|event| notes(event));
        let of: Vec<&str> = keys.iter().map(|key| key.value).collect();
        self.lines.push(format!(
            "{index} {} {}: {}",
            message_id.unwrap_or("-"),
            of.join(" "),
            event.map_or("nothing", |e| e.event)
        ));
        // What is kept gives the same again, and looks as its sender would write it.
        let mut again = Vec::new();
        let mut note = |event: &Event<'_>| {
            again.push(notes(event));
            Ok(())
        };
        replay(text, &self.sources, &mut note).expect(text);
        assert_eq!(again, Vec::from_iter(said.clone()), "{text}");
        let view = normalised(text, &self.sources).expect(text);
        serde_json::from_str::<serde_json::Value>(&view).expect(&view);
        self.texts.push(text.to_owned());
        self.events.extend(said);
        Ok(())
    }

    fn rejected(&mut self, rejected: &Rejected<'_>) -> Result<(), Stop> {
        let Rejected { index, message_id, reason, detail, text } = *rejected;
        assert!(!text.contains("wk_"), "the write key is kept: {text}");
        self.lines.push(format!("{index} {} {reason}: {detail}", message_id.unwrap_or("-")));
        self.texts.push(text.to_owned());
        Ok(())
    }

    fn new_id(&mut self) -> String {
        self.ids += 1;
        format!("new{}", self.ids)
    }
}

fn notes(event: &Event<'_>) -> String {
    let mut notebook = Notebook::default();
    notebook.event(event).expect("a notebook takes everything");
    notebook.events.remove(0)
}

const AT: &str = "2026-03-02T09:00:00.123456Z";

pub(super) fn received() -> Received<'static> {
    Received {
        at: AT.parse::<jiff::Timestamp>().map(|at| Timestamp::from_micros(at.as_microsecond())).expect("a time"),
        source: None,
        peer: None,
    }
}

fn read(body: &str, endpoint: Endpoint, received: &Received<'_>) -> Desk {
    let mut desk = Desk::default();
    let body = Body::parse(body.as_bytes(), endpoint).expect(body);
    body.read(received, &mut desk).expect("a desk takes everything");
    desk
}

fn batch(body: &str) -> Desk {
    read(body, Endpoint::Batch, &received())
}

/// The member of a kept text at a path.
pub(super) fn at(text: &str, path: &str) -> String {
    let value: serde_json::Value = serde_json::from_str(text).expect(text);
    value.pointer(path).map_or_else(|| "none".to_owned(), ToString::to_string)
}

#[test]
fn a_bad_message_does_not_lose_its_neighbours() {
    let desk = batch(
        r#"{"batch":[{"type":"track","event":"Good","userId":"u","messageId":"ok"},{"type":"track","userId":"u","messageId":"noname"},
        {"type":"bogus","userId":"u"},7,{"type":"track","event":"A"},{"type":"Page","anonymousId":"a"},null,{"userId":"u"}],"sentAt":"2026-03-02T09:00:00Z"}"#,
    );
    assert_eq!(
        desk.lines,
        [
            "0 ok u: Good",
            "1 noname missing-event: a track message needs an event",
            "2 - unknown-type: `bogus` is not track, identify, page, screen, group or alias",
            "3 - not-an-object: the message is not a JSON object",
            "4 - missing-customer: neither userId nor anonymousId has a value",
            "5 new3 a: Page Viewed",
            "6 - not-an-object: the message is not a JSON object",
            "7 - unknown-type: the message has no `type`",
        ]
    );
}

#[test]
fn the_address_says_the_type_and_the_key_is_not_kept() {
    for (name, kind) in Kind::NAMED {
        let body = format!(
            r#"{{"writeKey":"wk_1","userId":"u","event":"E","groupId":"g","previousId":"p","type":"bogus","messageId":"m-{name}","receivedAt":"2020-01-01T00:00:00Z","source":"x"}}"#
        );
        for named in [name, name.get(..1).expect("a letter")] {
            let desk = read(&body, Endpoint::named(named).expect(named), &received());
            assert_eq!(at(&desk.texts[0], "/type"), format!("{:?}", kind.name()));
            assert_eq!(at(&desk.texts[0], "/receivedAt"), format!("{AT:?}"), "the sender's is not trusted");
            assert!(desk.events[0].contains(&format!("received_at={AT}")) && !desk.events[0].contains("source"));
        }
    }
}

#[test]
fn what_the_batch_says_lies_under_what_each_message_says() {
    let desk = batch(
        r#"{"sentAt":"2026-03-02T08:00:00.123456Z","timestamp":"2001-01-01T00:00:00Z","context":{"app":{"a":1},"locale":"de"},"integrations":{"All":true,"Mail":true},
        "batch":[{"type":"track","event":"A","userId":"u","timestamp":"2026-03-02T07:59:00.123456Z","context":{"locale":"fr"},"integrations":{"Mail":false},"sentAt":null},
        {"type":"track","event":"B","userId":"u","sentAt":"2026-03-02T09:00:00Z","context":null}]}"#,
    );
    assert_eq!(
        desk.events[0],
        r#"2026-03-02T08:59:00.123456Z A [user_id=u] received_at=2026-03-02T09:00:00.123456Z message_id=new1 properties={"context":{"app":{"a":1},"locale":"fr"}}"#
    );
    assert_eq!(at(&desk.texts[0], "/integrations"), r#"{"All":true,"Mail":false}"#);
    assert_eq!(at(&desk.texts[1], "/context"), r#"{"app":{"a":1},"locale":"de"}"#);
    assert_eq!(at(&desk.texts[1], "/sentAt"), r#""2026-03-02T09:00:00Z""#, "its own");
    assert!(desk.events[1].starts_with("2026-03-02T09:00:00.123456Z B"), "the time of the batch is nobody's");
}

#[test]
fn addresses_are_noted_for_browsers_only() {
    let of = Received { peer: Some("::ffff:203.0.113.9".parse().expect("an address")), ..received() };
    let ip = |context: &str| {
        let body = format!(r#"{{"event":"A","userId":"u","context":{context}}}"#);
        at(&read(&body, Endpoint::Message(Kind::Track), &of).texts[0], "/context/ip")
    };
    assert_eq!(ip(r#"{"library":{"name":"analytics.js","version":"npm:next-1.84.3"}}"#), r#""203.0.113.9""#);
    assert_eq!(ip(r#"{"library":{"name":"RudderLabs JavaScript SDK"},"ip":null}"#), r#""203.0.113.9""#);
    assert_eq!(ip(r#"{"library":{"name":"analytics.js"},"ip":"10.0.0.1"}"#), r#""10.0.0.1""#, "what is said stands");
    assert_eq!(ip(r#"{"library":{"name":"analytics.js"},"ip":"0.0.0.0"}"#), "none", "is not wanted");
    assert_eq!(ip(r#"{"library":{"name":"analytics-python"}}"#), "none", "the peer is a server");
    assert_eq!(ip(r#"{"x":"analytics.js"}"#), "none");
    assert_eq!(ip("{}"), "none");
    let unknown =
        read(r#"{"event":"A","userId":"u","context":{"ip":"0.0.0.0"}}"#, Endpoint::Message(Kind::Track), &received());
    assert_eq!(at(&unknown.texts[0], "/context"), "{}");
}

#[test]
fn the_source_is_that_of_the_write_key() {
    let of = Received { source: Some("web \"shop\""), ..received() };
    let desk = read(r#"{"event":"A","userId":"u","source":"other"}"#, Endpoint::Message(Kind::Track), &of);
    assert!(desk.events[0].contains(r#"source=web "shop""#), "{:?}", desk.events);
}

#[test]
fn an_alias_to_itself_is_kept_and_says_nothing() {
    let desk = batch(
        r#"{"batch":[{"type":"alias","userId":"u1","previousId":"u1","anonymousId":"a","messageId":"m"},{"type":"alias","from":"a1","to":7}]}"#,
    );
    assert_eq!(desk.lines, ["0 m u1: nothing", "1 new1 7 a1: Aliased"]);
    assert_eq!(at(&normalised(&desk.texts[1], &Sources::default()).expect("kept"), "/userId"), r#""7""#);
    assert_eq!(at(&normalised(&desk.texts[1], &Sources::default()).expect("kept"), "/previousId"), r#""a1""#);
}

#[test]
fn keys_that_name_nobody_are_a_rejection() {
    let mut desk = Desk { junk: "undefined", ..Desk::default() };
    let body = Body::parse(br#"{"userId":"undefined","event":"A","messageId":"m"}"#, Endpoint::Message(Kind::Track))
        .expect("a body");
    body.read(&received(), &mut desk).expect("goes on");
    assert_eq!(desk.lines, ["0 m junk-key: nobody"]);
}

#[test]
fn what_is_too_large_is_named() {
    let long = "x".repeat(crate::limits::MESSAGE_BYTES_MAX);
    let desk = batch(&format!(
        r#"{{"batch":[{{"type":"track","event":"Big","userId":"u","messageId":"m","writeKey":"wk_1","properties":{{"x":"ä{long}"}}}},{{"type":"track","event":"A","userId":"u","messageId":"{}"}}]}}"#,
        "é".repeat(257)
    ));
    assert!(desk.lines[0].starts_with("0 m too-large: 262"), "{}", desk.lines[0]);
    assert_eq!(desk.texts[0].len(), crate::limits::LINE_BYTES_KEPT);
    assert!(desk.lines[1].ends_with("bad-field: messageId has 257 characters, and may have 256"), "{}", desk.lines[1]);
    let long = batch(&format!(r#"{{"batch":[{{"type":"track","event":"A","userId":"{}"}}]}}"#, "u".repeat(1_025)));
    assert_eq!(long.lines, ["0 - bad-field: userId has 1025 bytes, and may have 1024"]);
    let error = |body: String| Body::parse(body.as_bytes(), Endpoint::Batch).map(|body| body.len());
    assert_eq!(error(format!("{{\"batch\":[{}1]}}", "1,".repeat(MESSAGES_MAX - 1))), Ok(MESSAGES_MAX));
    assert_eq!(
        error(format!("{{\"batch\":[{}1]}}", "1,".repeat(MESSAGES_MAX))),
        Err(BodyError::TooMany { count: MESSAGES_MAX + 1 })
    );
    let context = format!(r#"{{"x":"{}"}}"#, "y".repeat(ENVELOPE_BYTES_MAX));
    let bytes = context.len();
    assert_eq!(error(format!(r#"{{"batch":[],"context":{context}}}"#)), Err(BodyError::EnvelopeTooLarge { bytes }));
    let sent_at = format!(r#""{}""#, "y".repeat((1 << 12) - 2));
    let shared = |count: usize| error(format!(r#"{{"batch":[1{}],"sentAt":{sent_at}}}"#, ",1".repeat(count - 1)));
    assert_eq!(shared(1 << 10), Ok(1 << 10));
    assert_eq!(shared(1025), Err(BodyError::TooMuchShared { count: 1025, bytes: 1 << 12 }));
}

#[test]
fn bodies_of_which_nothing_can_be_read_say_why() {
    for (body, endpoint, expected) in [
        ("", Endpoint::Batch, "the body is not JSON"),
        (r#"{"batch":["#, Endpoint::Batch, "the body is not JSON"),
        (r#"{"batch":[1,]}"#, Endpoint::Batch, "the body is not JSON"),
        (r#"{"batch":[]} x"#, Endpoint::Batch, "the body is not JSON"),
        ("{\"batch\":[\"\u{1}\"]}", Endpoint::Batch, "the body is not JSON"),
        ("[]", Endpoint::Batch, "the body is not a JSON object"),
        (r#"{"batch":{}}"#, Endpoint::Batch, "`batch` is not a list"),
        (r#"{"batch":null}"#, Endpoint::Batch, "the body has no `batch`"),
        ("{}", Endpoint::Batch, "the body has no `batch`"),
        ("7", Endpoint::Message(Kind::Track), "the body is not a JSON object"),
        ("{", Endpoint::Message(Kind::Track), "the body is not JSON"),
    ] {
        let error = Body::parse(body.as_bytes(), endpoint).expect_err(body).to_string();
        assert!(error.starts_with(expected), "{body}: {error}");
    }
    assert!(Body::parse(b"{\"batch\":[\"\xff\"]}", Endpoint::Batch).is_err(), "not UTF-8");
    assert!(
        Body::parse(b"\xef\xbb\xbf{\"batch\":[]}", Endpoint::Batch).expect("a mark of UTF-8 is no harm").is_empty()
    );
}

#[test]
fn the_write_key_is_found_in_the_body() {
    let key = |body: &str, endpoint| Body::parse(body.as_bytes(), endpoint).expect(body).write_key();
    assert_eq!(key(r#"{"batch":[{"writeKey":"b"}],"writeKey":"a"}"#, Endpoint::Batch).as_deref(), Some("a"));
    assert_eq!(key(r#"{"batch":[{"writeKey":"b"},{"writeKey":"c"}]}"#, Endpoint::Batch).as_deref(), Some("b"));
    assert_eq!(key(r#"{"writeKey":"a"}"#, Endpoint::Message(Kind::Page)).as_deref(), Some("a"));
    for none in
        [r#"{"batch":[]}"#, r#"{"batch":[1]}"#, r#"{"batch":[{}],"writeKey":null}"#, r#"{"batch":[],"writeKey":""}"#]
    {
        assert_eq!(key(none, Endpoint::Batch), None, "{none}");
    }
}

#[test]
fn gzip_is_undone_as_far_as_it_may_go() {
    let gzip = |bytes: &[u8]| {
        let mut out = Vec::new();
        let mut encoder = flate2::read::GzEncoder::new(bytes, flate2::Compression::fast());
        std::io::Read::read_to_end(&mut encoder, &mut out).expect("memory");
        out
    };
    let small = gzip(b"{\"batch\":[]}");
    for said in [Some("gzip"), Some(" GZIP"), Some("x-gzip"), None, Some("identity")] {
        assert_eq!(decode(&small, said, 100).expect("gzip"), &b"{\"batch\":[]}"[..], "{said:?}");
    }
    assert_eq!(decode(&gzip(&vec![b' '; 1 << 20]), None, 1 << 20).expect("fits").len(), 1 << 20);
    assert_eq!(decode(&gzip(&vec![b' '; 100 << 20]), None, 1 << 20), Err(BodyError::TooLarge { max: 1 << 20 }));
    assert_eq!(decode(b"{}", None, 1), Err(BodyError::TooLarge { max: 1 }));
    for broken in [&b"not gzip"[..], b"", &small[..small.len() - 3], &small[..5]] {
        assert!(matches!(decode(broken, Some("gzip"), 100), Err(BodyError::BrokenGzip { .. })), "{broken:?}");
    }
    for other in ["br", "deflate", "zstd", "gzip, gzip"] {
        assert!(matches!(decode(b"{}", Some(other), 100), Err(BodyError::UnknownEncoding { .. })), "{other}");
    }
}

#[test]
fn halves_of_characters_do_not_cost_a_message() {
    let check =
        |text: &str| String::from_utf8(decode(text.as_bytes(), None, 1000).expect("small").into_owned()).expect("text");
    let whole = r#"{"a":"\ud83d\ude00 \uD83D\uDE00 \\ud83d \u00e4"}"#;
    assert_eq!(check(whole), whole);
    assert_eq!(check(r#""\ud83d""#), r#""\ufffd""#);
    assert_eq!(check(r#""\ude00\ud83d\ud83d\ude00\u""#), r#""\ufffd\ufffd\ud83d\ude00\u""#);
    assert_eq!(check(r"\ud83"), r"\ud83");
}

#[test]
fn an_event_of_a_file_is_kept_as_it_is() {
    let keys = [
        Key { kind: "user_id", value: "ä\"1\"" },
        Key { kind: "user_id", value: "2" },
        Key { kind: "phone", value: "+49" },
    ];
    let all = Event {
        received_at: Some(Timestamp::from_micros(-7)),
        channel: Some("shop"),
        source: Some("crm\n"),
        message_id: Some("~00ff"),
        resource: Some("ann"),
        department: Some(""),
        case_id: Some("c/1"),
        phase: Some("start"),
        properties: Some(r#"{"a":{"b":[1,"ü"]}}"#),
        traits: Some("{}"),
        ..Event::new("Order", Timestamp::from_micros(1_700_000_000_000_001), &keys)
    };
    for event in [all, Event::new("", Timestamp::from_micros(i64::MIN), &[])] {
        let text = record(&event);
        let mut found = Vec::new();
        replay(&text, &Sources::default(), &mut |again| {
            found.push(*again == event);
            Ok(())
        })
        .expect(&text);
        assert_eq!(found, [true], "{text}");
        let view: serde_json::Value =
            serde_json::from_str(&normalised(&text, &Sources::default()).unwrap_or_else(|_| "null".to_owned()))
                .expect("JSON");
        assert!(view.is_null() || view["event"] == event.event, "{view}");
    }
}
