use super::*;
use crate::sink::Sink;
use crate::testing::Notebook;

fn check(text: &str, arrival: Arrival) -> Result<(String, Doubts), String> {
    let mut notebook = Notebook::default();
    let taken = message(text, arrival, &mut |event| notebook.event(event)).map_err(|error| error.to_string())?;
    match taken {
        Taken::Event(doubts) => Ok((notebook.events.remove(0), doubts)),
        Taken::Nothing => Err("nothing".to_owned()),
    }
}

fn event(text: &str) -> String {
    check(text, Arrival::Recorded).expect(text).0
}

fn now() -> Arrival {
    Arrival::At(Timestamp::parse("2026-03-02T09:00:00Z", &jiff::tz::TimeZone::UTC).expect("a time"))
}

#[test]
fn every_type_is_an_event() {
    let cases = [
        (
            r#"{"type":"track","event":"Order Completed","userId":"u1","anonymousId":"a1","messageId":"m1","timestamp":"2026-03-02T09:00:00Z","properties":{"total":1.50},"context":{"channel":"web","page":{"url":"/x"}}}"#,
            r#"2026-03-02T09:00:00Z Order Completed [user_id=u1 anonymous_id=a1] channel=web message_id=m1 properties={"total":1.50,"context":{"channel":"web","page":{"url":"/x"}}}"#,
        ),
        (
            r#"{"type":"Identify","userId":12345,"timestamp":1772442000,"traits":{"email":"a@b.de"},"context":{"traits":{"email":"old@b.de","plan":"x"}}}"#,
            r#"2026-03-02T09:00:00Z Identified [user_id=12345] traits={"plan":"x","email":"a@b.de"}"#,
        ),
        (
            r#"{"type":"page","name":"Home","category":"Start","anonymousId":"a1","userId":null,"timestamp":1772442000000,"properties":{"name":"Home page"}}"#,
            r#"2026-03-02T09:00:00Z Page Viewed [anonymous_id=a1] properties={"name":"Home page","category":"Start"}"#,
        ),
        (
            r#"{"type":"screen","name":"Main","anonymousId":"a1","timestamp":"2026-03-02T10:00:00+01:00"}"#,
            r#"2026-03-02T09:00:00Z Screen Viewed [anonymous_id=a1] properties={"name":"Main"}"#,
        ),
        (
            r#"{"type":"group","groupId":"g1","userId":"u1","anonymousId":"a1","timestamp":"2026-03-02T09:00:00","traits":{"size":5}}"#,
            r#"2026-03-02T09:00:00Z Group Joined [user_id=u1] properties={"groupId":"g1","traits":{"size":5}}"#,
        ),
        (
            r#"{"type":"alias","userId":"u1","previousId":"a1","timestamp":"2026-03-02T09:00:00Z"}"#,
            "2026-03-02T09:00:00Z Aliased [user_id=u1 anonymous_id=a1]",
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(event(text), expected);
    }
}

#[test]
fn the_clock_of_the_sender_is_corrected() {
    let at = |fields: &str, arrival| {
        let text = format!(r#"{{"type":"track","event":"A","userId":"u",{fields}}}"#);
        let (event, doubts) = check(&text, arrival).expect("an event");
        (event.split(' ').next().expect("a time").to_owned(), doubts)
    };
    let none = Doubts::default();
    let is = |time: &str, doubts| (time.to_owned(), doubts);
    // Their clock is an hour behind: sent at 8:00 by it, arrived at 9:00 by ours, happened ten minutes before.
    let late = r#""originalTimestamp":"2026-03-02T07:50:00Z","sentAt":"2026-03-02T08:00:00Z""#;
    assert_eq!(at(late, now()), is("2026-03-02T08:50:00Z", none));
    let archive = format!(r#"{late},"receivedAt":"2026-03-02T09:00:00Z","timestamp":"2026-03-02T08:50:00Z""#);
    assert_eq!(at(&archive, Arrival::Recorded), is("2026-03-02T08:50:00Z", none), "an archive gives the same");
    let delayed = r#""timestamp":"2026-03-02T08:50:00Z","sentAt":"2026-03-02T08:59:56Z""#;
    assert_eq!(at(delayed, now()), is("2026-03-02T08:50:00Z", none), "four seconds are the network");
    assert_eq!(at(r#""sentAt":"2026-03-02T08:00:00Z""#, now()), is("2026-03-02T09:00:00Z", none));
    let ahead = Doubts { from_the_future: true, ..none };
    assert_eq!(at(r#""timestamp":"2027-03-02T08:00:00Z""#, now()), is("2026-03-02T09:00:00Z", ahead));
    let unreadable = Doubts { unreadable_time: true, ..none };
    assert_eq!(at(r#""timestamp":"yesterday""#, now()), is("2026-03-02T09:00:00Z", unreadable));
    assert_eq!(at(r#""receivedAt":"2020-01-01T00:00:00Z""#, now()), is("2026-03-02T09:00:00Z", none), "not trusted");
    let millennia = r#""timestamp":"1970-01-02T00:00:00Z","sentAt":"9998-01-01T00:00:00Z""#;
    assert_eq!(at(millennia, now()), is("1970-01-02T00:00:00Z", none), "a clock beyond belief corrects nothing");
}

#[test]
fn messages_that_are_no_events_say_why() {
    let at = r#""timestamp":"2026-03-02T09:00:00Z""#;
    for (text, part) in [
        ("{".to_owned(), "bad-json"),
        ("[1]".to_owned(), "not-an-object"),
        (format!(r#"{{"type":"buy","userId":"u",{at}}}"#), "unknown-type: `buy`"),
        (format!(r#"{{"userId":"u",{at}}}"#), "unknown-type"),
        (format!(r#"{{"type":"track","userId":"u",{at}}}"#), "missing-event"),
        (format!(r#"{{"type":"track","event":"A","userId":" ",{at}}}"#), "missing-customer"),
        (format!(r#"{{"type":"track","event":"A","userId":{{}},{at}}}"#), "bad-field: userId"),
        (format!(r#"{{"type":"track","event":"A","userId":"u","properties":[],{at}}}"#), "bad-field: properties"),
        (format!(r#"{{"type":"alias","userId":"u",{at}}}"#), "missing-customer: an alias"),
        (format!(r#"{{"type":"alias","previousId":"u",{at}}}"#), "missing-customer: an alias"),
        (format!(r#"{{"type":"group","userId":"u","groupId":null,{at}}}"#), "bad-field: a group message needs groupId"),
        (
            format!(r#"{{"type":"group","userId":"u","groupId":1,"traits":"x",{at}}}"#),
            "bad-field: traits is not an object",
        ),
        (format!(r#"{{"type":"alias","userId":"u","previousId":"u",{at}}}"#), "nothing"),
        (r#"{"type":"track","event":"A","userId":"u"}"#.to_owned(), "missing-time"),
        (r#"{"type":"track","event":"A","userId":"u","timestamp":"soon"}"#.to_owned(), "bad-time: \"soon\""),
        (r#"{"type":"track","event":"A","userId":"u","timestamp":1e300}"#.to_owned(), "year-out-of-range"),
        (r#"{"type":"track","event":"A","userId":"u","timestamp":"0001-01-01"}"#.to_owned(), "placeholder-date"),
    ] {
        let error = check(&text, Arrival::Recorded).expect_err(&text);
        assert!(error.starts_with(part), "{text}: {error}");
    }
}
