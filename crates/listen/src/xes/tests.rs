use super::*;
use crate::plan::{Options, plan, read as read_all};
use crate::sniff::Format;
use crate::testing::Notebook;

fn check(text: &str, options: &Options) -> (Notebook, Result<Summary, ReadError>) {
    let plan = plan(Format::Xes, text.as_bytes(), options).expect("a plan");
    let mut notebook = Notebook::default();
    let input = std::io::BufReader::with_capacity(5, text.as_bytes());
    let summary = read_all(&plan, Box::new(input), &mut notebook);
    (notebook, summary)
}

const LOG: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<!-- a log --><log xes.version="1.0" xmlns="http://www.xes-standard.org/">
<extension name="Concept" prefix="concept" uri="http://x"/>
<global scope="event"><date key="time:timestamp" value="1970-01-01T00:00:00Z"/></global>
<classifier name="Activity" keys="concept:name lifecycle:transition"/>
<float key="mean" value="1.5"><float key="Ann" value="0.1"/></float>
<trace><string key="concept:name" value="c1"/><string key="channel" value="web"/>
<event>
<string key="concept:name" value="A &amp; &quot;B&quot; &#228;"/><date key="time:timestamp" value="2026-03-02T10:00:00.500+01:00"/>
<string key="org:resource" value="Ann"/><string key="org:group" value="G"/><string key="org:role" value="R"/>
<string key="lifecycle:transition" value="start"/><int key="n" value="7"/><float key="cost:total" value="1.50"/>
<boolean key="ok" value="true"/><int key="bad" value="x"/><float key="nan" value="NaN"/>
<string key="nested" value="v"><int key="deep" value="1"><string key="deeper" value="2"/></int></string>
<list key="list"><values><string key="a" value="1"/><string key="a" value="2"/></values></list>
<list key="old"><string key="x" value="1"/></list><list key="none"/>
<container key="box"><id key="i" value="u"/><list key="l"><values><container key="c"/></values></list></container>
</event>
<event><string key="concept:name" value="C"><string key="why" value="w"/></string><date key="time:timestamp" value="2026-03-02T11:00:00"/>
<id key="identity:id" value="e2"></id></event>
</trace>
<trace><string key="concept:name" value="c2"/></trace>
</log>"#;

#[test]
fn every_kind_of_attribute_is_kept() {
    let (notebook, summary) = check(LOG, &Options::default());
    let summary = summary.expect("readable");
    assert_eq!(
        notebook.events,
        [
            concat!(
                r#"2026-03-02T09:00:00.5Z A & "B" ä [case=c1] resource=Ann department=G phase=start properties={"org:role":"R","n":7,"#,
                r#""cost:total":1.5,"ok":true,"bad":"x","nan":"NaN","#,
                r#""nested":{"value":"v","attributes":{"deep":{"value":1,"attributes":{"deeper":"2"}}}},"#,
                r#""list":[{"a":"1"},{"a":"2"}],"old":[{"x":"1"}],"none":[],"box":{"i":"u","l":[{"c":{}}]},"case:channel":"web"}"#
            ),
            concat!(
                r#"2026-03-02T11:00:00Z C [case=c1] message_id=e2 "#,
                r#"properties={"concept:name":{"value":"C","attributes":{"why":"w"}},"case:channel":"web"}"#
            ),
        ]
    );
    assert_eq!(
        summary.about.as_deref(),
        Some(concat!(
            r#"{"extensions":[{"name":"Concept","prefix":"concept","uri":"http://x"}],"#,
            r#""classifiers":[{"name":"Activity","keys":"concept:name lifecycle:transition"}],"#,
            r#""global_event":{"time:timestamp":"1970-01-01T00:00:00Z"},"#,
            r#""attributes":{"mean":{"value":1.5,"attributes":{"Ann":0.1}}}}"#
        ))
    );
    assert_eq!(summary.warnings.len(), 1, "one time has no offset: {:?}", summary.warnings);
}

#[test]
fn an_attribute_can_be_the_customer() {
    let options = Options { customer: Some("channel".to_owned()), ..Options::default() };
    let (notebook, _) = check(LOG, &options);
    assert!(
        notebook.events[0].contains("[user_id=web]") && notebook.events[0].contains("case_id=c1"),
        "{}",
        notebook.events[0]
    );
    let options = Options { customer: Some("n".to_owned()), ..Options::default() };
    let (notebook, _) = check(LOG, &options);
    assert!(notebook.events[0].contains("[user_id=7]"));
    assert_eq!(notebook.rejected, ["2: missing-customer: no attribute `n`"]);
}

#[test]
fn a_map_can_say_who_the_customer_is_and_nothing_else() {
    let with = |map: &str| Options { map: crate::Mapping::parse_map(map).expect("a map"), ..Options::default() };
    let (notebook, _) = check(LOG, &with("customer=channel"));
    assert!(notebook.events[0].contains("[user_id=web]"), "{}", notebook.events[0]);
    for map in ["event=x", "customer=a,event=x", "email=x"] {
        let error = plan(Format::Xes, LOG.as_bytes(), &with(map)).expect_err(map).to_string();
        assert!(error.contains("--customer"), "{error}");
    }
}

#[test]
fn naive_times_take_the_zone() {
    let zone = jiff::tz::TimeZone::get("Europe/Berlin").expect("bundled");
    let (notebook, _) = check(LOG, &Options { zone, ..Options::default() });
    assert!(notebook.events[1].starts_with("2026-03-02T10:00:00Z"));
}

#[test]
fn events_that_are_none_are_named_and_kept() {
    let text = r#"<log><event><string key="concept:name" value="A"/><date key="time:timestamp" value="2026-03-02"/></event>
<trace><string key="concept:name" value="c"/><event/>
<event><string key="concept:name" value="A"/><date key="time:timestamp" value="soon"/></event>
<event><string key="concept:name" value="A"/><date key="time:timestamp" value="9999-12-31T00:00:00Z"/></event>
<event><string key="x" value="1"/><date key="time:timestamp" value="2026-03-02T00:00:00Z"/></event></trace></log>"#;
    let (notebook, summary) = check(text, &Options::default());
    assert_eq!(
        notebook.rejected,
        [
            "1: missing-customer: the trace has no concept:name",
            "2: missing-time: the event has no time:timestamp",
            "3: bad-time: `soon` is not a time of ISO 8601",
            "4: placeholder-date: `9999-12-31T00:00:00Z` stands for no date",
            "5: missing-event: the event has no concept:name",
        ]
    );
    let row = String::from_utf8(notebook.rows[4].clone()).expect("JSON");
    assert_eq!(
        row,
        r#"{"case:concept:name":"c","time:timestamp":"2026-03-02T00:00:00Z","properties":{"x":1}}"#
            .replace(":1}", ":\"1\"}")
    );
    assert_eq!(summary.expect("readable").rows, 5);
}

#[test]
fn broken_xml_gives_the_events_before_it_and_its_position() {
    let (before, _) = LOG.split_once("value=\"C\">").expect("there");
    let (notebook, summary) = check(before, &Options::default());
    assert_eq!(notebook.events.len(), 1);
    let error = summary.expect_err("cut");
    assert!(matches!(error, ReadError::Xml { events: 1, position, .. } if position > 1_000), "{error}");
    for (text, part) in [
        ("<log><trace></log>", "trace"),
        ("<log><trace><event><string value=\"x\"/></event></trace></log>", "without a key"),
        ("<log><trace><string key=\"a\" value=\"&foo;\"/></trace></log>", "foo"),
        ("<log><trace>", "open"),
        ("<html></html>", "<html> where <log>"),
        ("<?xml version=\"1.0\"?>", "not XES"),
    ] {
        let error = check(text, &Options::default()).1.expect_err(text).to_string();
        assert!(error.contains(part), "{text}: {error}");
    }
}

#[test]
fn an_entity_bomb_is_refused_by_name() {
    let bomb =
        r#"<?xml version="1.0"?><!DOCTYPE log [<!ENTITY a "lol"><!ENTITY b "&a;&a;&a;&a;">]><log><trace/></log>"#;
    let error = check(bomb, &Options::default()).1.expect_err("refused");
    assert!(matches!(error, ReadError::Entities { .. }), "{error}");
    assert!(error.to_string().contains("entities"));
}

#[test]
fn depth_and_length_have_bounds() {
    let deep = "<string key=\"a\" value=\"1\">".repeat(100);
    let error = check(&format!("<log><trace><event>{deep}"), &Options::default()).1.expect_err("too deep").to_string();
    assert!(error.contains("nested more than 64 deep"), "{error}");
    let long = format!("<log><trace><string key=\"a\" value=\"{}\"/></trace></log>", "x".repeat(20 << 20));
    let error = check(&long, &Options::default()).1.expect_err("too long");
    let source = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
    assert!(source.contains("more than 16777216 bytes"), "{error}: {source}");
}
