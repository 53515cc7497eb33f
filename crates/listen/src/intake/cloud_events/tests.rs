use super::*;
use crate::intake::tests::{Desk, at, received};

fn check(headers: &[(&str, &str)], body: &str) -> Result<Desk, BodyError> {
    let headers: Vec<(&str, &[u8])> = headers.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
    let events = CloudEvents::parse(&headers, body.as_bytes())?;
    let charter = "charter: 1\nkeys: {user_id: {unique: true}}\nsources: {/crm/calls: {event: type, user_id: data.customer.id, properties: [data.n], start: time, end: data.end}, /crm/files: {event: type}}";
    let sources = || Sources::of(&charter::Charter::parse(charter).expect("a charter").0);
    let mut desk = Desk { sources: sources(), ..Desk::default() };
    events.read(&sources(), &received(), &mut desk).expect("a desk takes everything");
    Ok(desk)
}

const ORDER: &str = r#"{"specversion":"1.0","id":"1","source":"/shop","type":"order.placed","subject":"u1","time":"2026-02-03T04:05:06.789Z","data":{"total":12.5},"shopname":"x","trace":null}"#;

#[test]
fn one_as_json() {
    let desk = check(&[("Content-Type", "Application/CloudEvents+json; charset=UTF-8")], ORDER).expect("an event");
    let id = message_id("/shop", "1");
    assert_eq!(
        desk.events,
        [format!(
            r#"2026-02-03T04:05:06.789Z order.placed [user_id=u1] received_at=2026-03-02T09:00:00.123456Z message_id={id} properties={{"total":12.5,"context":{{"cloudevent":{{"id":"1","source":"/shop","shopname":"x"}}}}}}"#
        )]
    );
    assert_ne!(message_id("/shop", "1"), message_id("/shop/", "1"));
    assert_ne!(message_id("a", "bc"), message_id("ab", "c"), "where one part ends is part of the identity");
}

#[test]
fn many_as_a_list_are_all_or_none() {
    let kind = [("content-type", "application/cloudevents-batch+json")];
    let other = ORDER.replace(r#""subject":"u1","#, "").replace("\"1\"", "\"2\"");
    let desk = check(&kind, &format!("[{ORDER},{other}]")).expect("events");
    assert!(
        desk.lines[0].ends_with("u1: order.placed")
            && desk.lines[1].ends_with("missing-customer: the event has no `subject`"),
        "{:?}",
        desk.lines
    );
    let nameless = ORDER.replace(r#""source":"/shop""#, r#""source":"""#);
    for (body, part) in [
        (format!("[{ORDER},{nameless}]"), "event 1: it needs id, source and type"),
        (format!("[{ORDER},7]"), "event 1: it is not a JSON object"),
        (ORDER.to_owned(), "a batch of events is a JSON list"),
        ("[".to_owned(), "the body is not JSON"),
    ] {
        let error = check(&kind, &body).map(|desk| desk.lines).expect_err(&body).to_string();
        assert!(error.starts_with(part), "{body}: {error}");
    }
    assert_eq!(check(&kind, "[]").expect("none").lines, [] as [&str; 0]);
}

#[test]
fn one_in_headers() {
    let base = [("ce-specversion", "1.0"), ("CE-ID", "p"), ("ce-source", "/accept"), ("ce-type", "t")];
    let with = |more: &[(&'static str, &'static str)], body: &str| check(&[&base[..], more].concat(), body);
    let json =
        [("content-type", "application/json"), ("ce-subject", "caf%C3%A9%20x"), ("ce-shop", r#""a \"b\" 100%""#)];
    let desk = with(&json, r#"{"a":1}"#).expect("an event");
    let text = &desk.texts[0];
    assert_eq!(at(text, "/userId"), r#""café x""#);
    assert_eq!(at(text, "/properties"), r#"{"a":1}"#);
    assert_eq!(at(text, "/context/cloudevent/shop"), r#""a \"b\" 100%""#);
    assert_eq!(at(text, "/context/cloudevent/datacontenttype"), r#""application/json""#);
    let data = |kind: &'static str, body: &str| {
        let desk = with(&[("ce-subject", "u"), ("content-type", kind)], body).expect("an event");
        at(&desk.texts[0], "/properties")
    };
    assert_eq!(data("application/vnd.shop+json", "[1]"), r#"{"data":[1]}"#);
    assert_eq!(data("text/plain; charset=utf-8", "a\"b"), r#"{"data":"a\"b"}"#);
    assert_eq!(data("application/octet-stream", "a"), r#"{"data_base64":"YQ=="}"#);
    assert_eq!(data("application/json", ""), "none");
    assert!(matches!(with(&json, "{"), Err(BodyError::NotJson { .. })));
    assert!(matches!(with(&[("ce-subject", "%ff")], ""), Err(BodyError::WrongForm { .. })));
}

#[test]
fn what_is_not_understood_is_named() {
    for kind in ["application/cloudevents+avro", "application/cloudevents-batch+xml", "application/json", ""] {
        let error = check(&[("content-type", kind)], ORDER).map(|desk| desk.lines);
        assert_eq!(error, Err(BodyError::UnknownForm { content_type: kind.to_owned() }));
    }
    let old = ORDER.replace("\"1.0\"", "\"0.3\"");
    let error = check(&[("content-type", "application/cloudevents+json")], &old).map(|desk| desk.lines);
    assert_eq!(error.expect_err("0.3").to_string(), "event 0: specversion is `0.3`, and 1.0 is understood");
}

#[test]
fn base64_is_that_of_the_rfc() {
    // RFC 4648, section 10.
    for (text, expected) in [
        ("", ""),
        ("f", "Zg=="),
        ("fo", "Zm8="),
        ("foo", "Zm9v"),
        ("foob", "Zm9vYg=="),
        ("fooba", "Zm9vYmE="),
        ("foobar", "Zm9vYmFy"),
    ] {
        assert_eq!(base64(text.as_bytes()), expected);
    }
    assert_eq!(base64(&[0xff, 0xef, 0xbe]), "/+++");
}

#[test]
fn the_charter_says_how_a_source_is_read() {
    let kind = [("content-type", "application/cloudevents+json")];
    let call = r#"{"specversion":"1.0","id":"1","source":"/crm/calls","type":"call","time":"2026-02-03T04:05:06Z","data":{"customer":{"id":7},"n":1,"end":"2026-02-03T04:06:00Z"}}"#;
    let desk = check(&kind, call).expect("an event");
    let id = message_id("/crm/calls", "1");
    assert_eq!(desk.lines, [format!("0 {id} 7: call"), format!("0 {id}#1 7: call")]);
    assert!(desk.events[0].starts_with("2026-02-03T04:05:06Z call [user_id=7]"), "{}", desk.events[0]);
    assert!(desk.events[0].ends_with(r#"phase=start properties={"data.n":1}"#), "{}", desk.events[0]);
    // One that is meant for files only changes nothing.
    let file = ORDER.replace("/shop", "/crm/files");
    assert!(check(&kind, &file).expect("an event").lines[0].ends_with("u1: order.placed"));
}
