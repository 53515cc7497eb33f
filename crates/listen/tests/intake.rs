//! Bodies of requests as clients write them, and as nobody should: every message comes out once, in order, and what is kept
//! of it is read again as the same event.

use std::net::IpAddr;

use event::{Event, Timestamp};
use listen::intake::{
    Accepted, Body, CloudEvents, Endpoint, Received, Receiver, Rejected, Rows, Sources, consents, decode, normalised,
    replay,
};
use listen::{Stop, segment::Kind};
use proptest::prelude::*;
use serde_json::{Value, json};

/// An event in one text.
fn notes(event: &Event<'_>) -> String {
    format!("{event:?}")
}

#[derive(Default)]
struct Checking {
    seen: Vec<usize>,
    accepted: Vec<String>,
    sources: Sources,
    ids: u32,
    /// Rows are kept as they came; only messages have a write key.
    rows: bool,
}

impl Receiver for Checking {
    fn accepted(&mut self, accepted: &Accepted<'_>) -> Result<(), Stop> {
        let Accepted { index, text, message_id, keys, event, .. } = *accepted;
        self.seen.push(index);
        assert!(!keys.is_empty(), "nobody knows whose it is: {text}");
        let kept: Value = serde_json::from_str(text).expect("what is kept is JSON");
        assert!(kept.get("writeKey").is_none() && kept.get("receivedAt").is_some(), "{text}");
        let (mut again, mut count) = (None, 0);
        replay(text, &self.sources, &mut |event| {
            count += 1;
            again = Some(notes(event));
            Ok(())
        })
        .expect(text);
        assert_eq!(again, event.map(notes), "{text}");
        assert_eq!(count, usize::from(event.is_some()));
        assert_eq!(event.map_or(message_id, |event| event.message_id), message_id);
        let view: Value = serde_json::from_str(&normalised(text, &self.sources).expect(text)).expect("JSON");
        if let Some(event) = event {
            assert_eq!(view["timestamp"].as_str(), Some(event.at.to_string().as_str()));
        }
        consents(text);
        self.accepted.push(text.to_owned());
        Ok(())
    }

    fn rejected(&mut self, rejected: &Rejected<'_>) -> Result<(), Stop> {
        self.seen.push(rejected.index);
        assert!(!rejected.detail.is_empty());
        assert!(self.rows || !rejected.text.contains("\"writeKey\""), "{}", rejected.text);
        Ok(())
    }

    fn new_id(&mut self) -> String {
        self.ids += 1;
        format!("made-{}", self.ids)
    }
}

fn received(at_us: i64, peer: Option<IpAddr>) -> Received<'static> {
    Received { at: Timestamp::from_micros(at_us), source: Some("web"), peer }
}

/// 2026-03-02T09:00:00Z.
const NOW_US: i64 = 1_772_442_000_000_000;

fn read(body: &[u8], endpoint: Endpoint) -> Option<Checking> {
    let mut checking = Checking::default();
    let body = decode(body, None, 1 << 20).ok()?;
    let body = Body::parse(&body, endpoint).ok()?;
    let (at, peer) = (received(NOW_US, Some(IpAddr::from([203, 0, 113, 9]))), &mut checking);
    body.read(&at, peer).expect("nothing stops it");
    assert!(checking.seen.iter().copied().eq(0..body.len()), "every message once, in order");
    Some(checking)
}

/// What `@segment/analytics-node` 3 posts to `/v1/batch`.
const NODE: &str = r#"{"batch":[{"type":"track","userId":"u","event":"Order Completed","properties":{"revenue":14.99,"nested":{"a":null}},"context":{"library":{"name":"@segment/analytics-node","version":"3.1.0"}},"integrations":{"All":true,"Mail":false},"messageId":"node-next-1772441999000-2b1f","timestamp":"2026-03-02T08:59:59.000Z","_metadata":{"nodeVersion":"20.1.0","jsRuntime":"node"}},
{"type":"page","userId":"u","category":"Docs","name":"Home","properties":{"url":"http://x.test/","category":"Docs","name":"Home"},"context":{"library":{"name":"@segment/analytics-node","version":"3.1.0"}},"integrations":{},"messageId":"node-next-2","timestamp":"2026-03-02T08:59:59.000Z"}],"writeKey":"wk_1","sentAt":"2026-03-02T09:00:00.000Z"}"#;
/// What `segment-analytics-python` 2 posts to `/v1/batch`: absent ids are null, numbers are ids.
const PYTHON: &str = r#"{"batch": [{"integrations": {}, "anonymousId": null, "timestamp": "2026-03-02T08:59:59.123456+00:00", "context": {"library": {"name": "analytics-python", "version": "2.4.0"}}, "type": "track", "userId": 12345, "event": "Numeric", "properties": {}, "messageId": "p8"},
{"integrations": {}, "previousId": "prev", "timestamp": "2026-03-02T08:59:59+00:00", "context": {}, "userId": "py", "type": "alias", "messageId": "p7"}], "sentAt": "2026-03-02T09:00:00.5Z", "writeKey": "wk_1"}"#;
/// What analytics.js posts to `/v1/i`, as text/plain.
const BROWSER: &str = r#"{"timestamp":"2026-03-02T08:59:59.900Z","integrations":{},"userId":"web","type":"identify","traits":{"plan":"premium"},"context":{"page":{"path":"/p","referrer":"","search":"?utm_source=news","title":"Accept","url":"http://shop.test/p"},"userAgent":"Mozilla/5.0","locale":"en-US","library":{"name":"analytics.js","version":"npm:next-1.84.3"},"campaign":{"source":"news"}},"messageId":"ajs-next-1","anonymousId":"a","writeKey":"wk_1","sentAt":"2026-03-02T09:00:00.000Z","_metadata":{"bundled":["Segment.io"],"unbundled":[],"bundledIds":[]}}"#;
/// What the Node library of `RudderStack` posts: an envelope with a time of its own, traits of identify in the context alone.
const RUDDER: &str = r#"{"batch":[{"type":"identify","userId":"rn","context":{"traits":{"plan":"gold"},"library":{"name":"@rudderstack/rudder-sdk-node","version":"3.0.13"}},"originalTimestamp":"2025-06-01T00:00:00.000Z","sentAt":"2026-03-02T09:00:00.000Z","messageId":"r1","channel":"server","_metadata":{"nodeVersion":"20"}},
{"type":"group","userId":"rn","groupId":"rg","traits":{"size":3},"context":{},"originalTimestamp":"2026-03-02T08:59:59.000Z","sentAt":"2026-03-02T09:00:00.000Z","messageId":"r5"}],"sentAt":"2026-03-02T09:00:00.000Z","timestamp":"2026-03-02T09:00:00.000Z"}"#;

fn views(body: &str, endpoint: Endpoint) -> Vec<Value> {
    let checking = read(body.as_bytes(), endpoint).expect(body);
    let view = |text: &String| serde_json::from_str(&normalised(text, &Sources::default()).expect(text)).expect("JSON");
    checking.accepted.iter().map(view).collect()
}

#[test]
fn what_clients_send_looks_as_they_sent_it() {
    let [track, page] = &views(NODE, Endpoint::Batch)[..] else { panic!("two messages") };
    assert_eq!(track["properties"], json!({"revenue":14.99,"nested":{"a":null}}));
    assert_eq!(
        (&track["integrations"]["Mail"], &track["context"]["library"]["name"]),
        (&json!(false), &json!("@segment/analytics-node"))
    );
    assert_eq!((&page["name"], &page["category"], &page["type"]), (&json!("Home"), &json!("Docs"), &json!("page")));
    let [numeric, alias] = &views(PYTHON, Endpoint::Batch)[..] else { panic!("two messages") };
    assert_eq!((&numeric["userId"], &numeric["anonymousId"]), (&json!("12345"), &Value::Null));
    assert_eq!(numeric["timestamp"], json!("2026-03-02T08:59:59.123456Z"));
    assert_eq!((&alias["previousId"], &alias["userId"]), (&json!("prev"), &json!("py")));
    let [identify] = &views(BROWSER, Endpoint::Message(Kind::Identify))[..] else { panic!("one message") };
    assert_eq!((&identify["traits"]["plan"], &identify["context"]["page"]["path"]), (&json!("premium"), &json!("/p")));
    assert_eq!((&identify["anonymousId"], &identify["context"]["ip"]), (&json!("a"), &json!("203.0.113.9")));
    let [identify, group] = &views(RUDDER, Endpoint::Batch)[..] else { panic!("two messages") };
    assert_eq!((&identify["traits"]["plan"], &identify["timestamp"]), (&json!("gold"), &json!("2025-06-01T00:00:00Z")));
    assert_eq!((&group["groupId"], &group["traits"]["size"]), (&json!("rg"), &json!(3)));
    let names = ["messageId", "type", "event", "name", "category", "userId", "anonymousId", "groupId", "previousId"];
    let more =
        ["properties", "traits", "context", "integrations", "originalTimestamp", "sentAt", "receivedAt", "timestamp"];
    assert!(names.iter().chain(&more).all(|name| group.get(name).is_some()), "{group}");
}

/// Any JSON value, with the names that mean something among the others.
fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        prop_oneof!["u[0-9]", "2026-03-0[1-9]T09:00:00Z", "0\\.0\\.0\\.0", ".{0,6}", "analytics\\.js"]
            .prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 5, |inner| {
        let name = prop_oneof![
            Just("traits".to_owned()),
            Just("ip".to_owned()),
            Just("library".to_owned()),
            Just("name".to_owned()),
            Just("consent".to_owned()),
            Just("row".to_owned()),
            ".{0,4}",
        ];
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map(name, inner, 0..5)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn message() -> impl Strategy<Value = Value> {
    const NAMES: [&str; 20] = [
        "userId",
        "anonymousId",
        "previousId",
        "from",
        "to",
        "groupId",
        "event",
        "name",
        "category",
        "messageId",
        "writeKey",
        "timestamp",
        "originalTimestamp",
        "sentAt",
        "receivedAt",
        "channel",
        "properties",
        "traits",
        "context",
        "integrations",
    ];
    let kind = prop_oneof![
        8 => proptest::sample::select(&["track", "Identify", "page", "screen", "group", "alias"][..]).prop_map(Value::from),
        1 => json_value(),
    ];
    let id = prop_oneof![3 => "[uU ]?[0-9]".prop_map(Value::from), 1 => Just(Value::Null)];
    let others = proptest::collection::btree_map(proptest::sample::select(&NAMES[..]), json_value(), 0..8);
    (kind, id, others).prop_map(|(kind, id, others)| {
        let mut message = json!({"type": kind, "userId": id, "event": "E"});
        message
            .as_object_mut()
            .expect("an object")
            .extend(others.into_iter().map(|(name, value)| (name.to_owned(), value)));
        message
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn every_message_comes_out_once_and_reads_back_equal(
        messages in proptest::collection::vec(prop_oneof![6 => message(), 1 => json_value()], 0..6),
        context in json_value(), integrations in json_value(), sent_at in json_value(),
    ) {
        let body = json!({"batch": messages, "context": context, "integrations": integrations, "sentAt": sent_at});
        read(body.to_string().as_bytes(), Endpoint::Batch).expect("a body of the right form");
    }

    #[test]
    fn one_message_reads_back_equal(message in message(), kind in 0..6_usize) {
        read(message.to_string().as_bytes(), Endpoint::Message(Kind::NAMED[kind].1)).expect("an object");
    }

    #[test]
    fn any_bytes_are_a_body_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        read(&bytes, Endpoint::Batch);
        any_other(&bytes);
    }

    #[test]
    fn damaged_bodies_do_not_panic(
        which in 0..5_usize,
        damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        cut in proptest::option::of(any::<prop::sample::Index>()),
        zipped in any::<bool>(),
    ) {
        let mut bytes = [NODE, PYTHON, BROWSER, RUDDER, CLOUD][which].as_bytes().to_vec();
        if zipped {
            let mut out = Vec::new();
            let mut encoder = flate2::read::GzEncoder::new(&bytes[..], flate2::Compression::fast());
            std::io::Read::read_to_end(&mut encoder, &mut out).expect("memory");
            bytes = out;
        }
        for (at, byte) in damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        read(&bytes, Endpoint::Batch);
        read(&bytes, Endpoint::Message(Kind::Track));
        any_other(&bytes);
    }
}

const CLOUD: &str = r#"[{"specversion":"1.0","id":"1","source":"/shop","type":"order.placed","subject":"u1","time":"2026-02-03T04:05:06.789Z","data":{"total":12.5},"shopname":"x"},
{"specversion":"1.0","id":"2","source":"/shop","type":"order.placed","subject":"u1","data_base64":"YQ=="}]"#;

/// Reads bytes as events of the other forms, with the same promises.
fn any_other(bytes: &[u8]) {
    let mut checking = Checking::default();
    let at = received(NOW_US, None);
    let headers: [(&str, &[u8]); 1] = [("content-type", b"application/cloudevents-batch+json")];
    let in_headers: [(&str, &[u8]); 5] =
        [("ce-specversion", b"1.0"), ("ce-id", bytes), ("ce-source", b"/x"), ("ce-type", b"t"), ("ce-subject", bytes)];
    for headers in [&headers[..], &in_headers[..]] {
        if let Ok(events) = CloudEvents::parse(headers, bytes) {
            checking.seen.clear();
            events.read(&Sources::default(), &at, &mut checking).expect("nothing stops it");
            assert!(checking.seen.iter().copied().eq(0..events.len()), "every event once, in order");
        }
    }
    if let Ok(rows) = Rows::parse(bytes) {
        let sources = of_charter();
        let mut checking = Checking { sources: of_charter(), rows: true, ..Checking::default() };
        rows.read(sources.named("x").expect("there"), &at, &mut checking).expect("nothing stops it");
        assert!(checking.seen.is_sorted(), "in order");
    }
}

fn of_charter() -> Sources {
    let text =
        "charter: 1\nkeys: {user_id: {unique: true}}\nsources: {x: {event: type, user_id: subject, start: time}}";
    Sources::of(&charter::Charter::parse(text).expect("a charter").0)
}
