use super::*;
use crate::plan::{Options, plan, read as read_all};
use crate::sniff::Format;
use crate::testing::Notebook;

fn check(bytes: &[u8], customer: Option<&str>) -> (Notebook, Result<Summary, ReadError>) {
    let format = Format::detect("x.jsonocel", bytes).expect("OCEL");
    let options = Options { customer: customer.map(str::to_owned), ..Options::default() };
    let plan = plan(format, bytes, &options).expect("a plan");
    let mut notebook = Notebook::default();
    let summary = read_all(&plan, Box::new(bytes), &mut notebook);
    (notebook, summary)
}

const JSON: &str = r#"{"events":[
{"id":"e1","type":"Place","time":"2026-03-02T09:00:00Z","attributes":[{"name":"n","value":"7"},{"name":"s","value":"7"},{"name":"x","value":null}],
 "relationships":[{"objectId":"c1","qualifier":"by"},{"objectId":"o1","qualifier":"of"}]},
{"id":"e2","type":"Meet","time":"2026-03-02 10:00:00","relationships":[{"objectId":"c1","qualifier":""},{"objectId":"c2","qualifier":""},{"objectId":"c1","qualifier":"again"}]},
{"id":"e3","type":"Lost","time":"2026-03-02T09:00:00Z","relationships":[{"objectId":"c9","qualifier":""}]},
{"id":"e4","type":"Pack","time":"2026-03-02T09:00:00Z","relationships":[{"objectId":"o1","qualifier":""}]},
{"id":"e5","type":"Bad","time":"soon","relationships":[{"objectId":"c1","qualifier":""}]},
{"id":"e6","type":"Worse","time":"2026-03-02T09:00:00Z","relationships":7}, 8],
"objects":[{"id":"c1","type":"Customer","attributes":[{"name":"a","value":"1","time":"1970-01-01T00:00:00Z"}]},{"id":"c2","type":"Customer"},{"id":"o1","type":"Order"}],
"objectTypes":[],"eventTypes":[{"name":"Place","attributes":[{"name":"n","type":"integer"},{"name":"s","type":"string"}]}]}"#;

#[test]
fn events_go_to_each_of_their_customers() {
    let (notebook, summary) = check(JSON.as_bytes(), Some("customer"));
    let summary = summary.expect("readable");
    assert_eq!(
        notebook.events,
        [
            r#"2026-03-02T09:00:00Z Place [user_id=c1] message_id=e1 properties={"n":7,"s":"7","objects":[{"id":"c1","type":"Customer","qualifier":"by"},{"id":"o1","type":"Order","qualifier":"of"}]}"#,
            r#"2026-03-02T10:00:00Z Meet [user_id=c1] message_id=e2#c1 properties={"objects":[{"id":"c1","type":"Customer"},{"id":"c2","type":"Customer"},{"id":"c1","type":"Customer","qualifier":"again"}],"same_event":"e2"}"#,
            r#"2026-03-02T10:00:00Z Meet [user_id=c2] message_id=e2#c2 properties={"objects":[{"id":"c1","type":"Customer"},{"id":"c2","type":"Customer"},{"id":"c1","type":"Customer","qualifier":"again"}],"same_event":"e2"}"#,
            r#"2026-03-02T09:00:00Z Pack [] message_id=e4 properties={"objects":[{"id":"o1","type":"Order"}]}"#,
        ]
    );
    assert_eq!(
        notebook.rejected,
        [
            "3: dangling-reference: the event refers to object `c9`, which is not in the file",
            "5: bad-time: `soon` is not a time of ISO 8601",
            "6: bad-field: relationships is not an array",
            "7: not-an-object: the event is not a JSON object",
        ]
    );
    assert_eq!((summary.rows, summary.warnings.len()), (7, 3), "{:?}", summary.warnings);
    assert!(notebook.rows[1].starts_with(b"{\"id\":\"e5\""));
}

#[test]
fn the_customer_is_asked_for_unless_there_is_one_type() {
    let error = check(JSON.as_bytes(), None).1.expect_err("two types").to_string();
    assert!(error.contains("which type") && error.contains("Customer (2), Order (1)"), "{error}");
    let error = check(JSON.as_bytes(), Some("Person")).1.expect_err("no such type").to_string();
    assert!(error.contains("no objects of type `Person`"), "{error}");
    let one = JSON.replace("\"Order\"", "\"Customer\"");
    assert_eq!(check(one.as_bytes(), None).0.events.len(), 5, "the order is a customer now, of Place and Pack");
}

const XML: &str = r#"<?xml version="1.0"?><log>
<event-types><event-type name="Place"><attributes><attribute name="n" type="integer"/></attributes></event-type></event-types>
<events>stray text
<event id="e1" type="Place" time="2026-03-02T09:00:00Z"><attributes><attribute name="n">7</attribute><attribute name="s">a &amp; b</attribute><attribute name="none"/></attributes>
<objects><relationship object-id="c1" qualifier="by"></relationship><object object-id="o1" qualifier="of"/></objects></event>
<event id="e2" type="Bad" time="soon">text<objects><relationship object-id="c1" qualifier=""/></objects></event>
</events>
<objects><object id="c1" type="Customer"/><object id="o1" type="Order"><attributes><attribute name="p" time="2026-01-01T00:00:00Z">1</attribute></attributes><objects><relationship object-id="c1" qualifier=""/></objects></object></objects></log>"#;

#[test]
fn xml_is_read_like_json() {
    let (notebook, summary) = check(XML.as_bytes(), Some("Customer"));
    assert_eq!(
        notebook.events,
        [
            r#"2026-03-02T09:00:00Z Place [user_id=c1] message_id=e1 properties={"n":7,"s":"a & b","objects":[{"id":"c1","type":"Customer","qualifier":"by"},{"id":"o1","type":"Order","qualifier":"of"}]}"#
        ]
    );
    assert_eq!(notebook.rejected, ["2: bad-time: `soon` is not a time of ISO 8601"]);
    assert!(notebook.rows[0].starts_with(b"<event id=\"e2\"") && notebook.rows[0].ends_with(b"</event>"));
    assert_eq!(summary.expect("readable").warnings.len(), 1);
}

#[test]
fn broken_files_say_what_is_wrong() {
    let error = |text: &str| check(text.as_bytes(), Some("Customer")).1.expect_err(text).to_string();
    assert!(error(JSON.strip_suffix('}').expect("an object")).contains("broken JSON"));
    assert!(error(r#"{"objectTypes":[]}"#).contains("not OCEL"));
    assert!(error(r#"{"events":[],"objects":7}"#).contains("the objects are not as OCEL has them"));
    let events = r#"{"events":7,"objects":[{"id":"c","type":"Customer"}]}"#;
    assert!(error(events).contains("the events are not as OCEL has them"));
    let cut = error("<log><object-types/><objects>");
    assert!(cut.contains("XML"), "{cut}");
    let bomb = r#"<!DOCTYPE log [<!ENTITY a "b">]><log><object-types/></log>"#;
    assert!(matches!(check(bomb.as_bytes(), None).1, Err(ReadError::Entities { .. })));
    assert!(error("SQLite format 3\0 and then nothing").contains("SQLite"));
    let moved = XML.replace("</event>\n</events>", "</event></wrong>");
    let objects_first = moved.replacen(
        "<events>",
        "<objects><object id=\"c1\" type=\"Customer\"/><object id=\"o1\" type=\"Order\"/></objects><events>",
        1,
    );
    let (notebook, summary) = check(objects_first.as_bytes(), Some("Customer"));
    assert_eq!(notebook.events.len(), 1, "what comes before the break is read");
    assert!(matches!(summary, Err(ReadError::Xml { events: 1, .. })), "{summary:?}");
}

#[test]
fn databases_with_loose_ends_are_read_as_far_as_they_go() {
    let database = rusqlite::Connection::open_in_memory().expect("memory");
    let tables = r"create table event_map_type (ocel_type, ocel_type_map); insert into event_map_type values ('A b', 'Ab');
        create table object_map_type (ocel_type, ocel_type_map); insert into object_map_type values ('C', 'C');
        create table event (ocel_id, ocel_type); insert into event values ('e1', 'A b'), ('e2', 'A b'), ('e3', 'A b');
        create table object (ocel_id, ocel_type); insert into object values ('c', 'C');
        create table event_Ab (ocel_id, ocel_time, n integer, x real);
        insert into event_Ab values ('e1', '2026-03-02 09:00:00', 1, null), ('e2', 'soon', 1, 0.5);
        create table object_C (ocel_id, ocel_time, ocel_changed_field, a); insert into object_C values ('c', '', null, 1);
        create table event_object (ocel_event_id, ocel_object_id, ocel_qualifier);
        insert into event_object values ('e1', 'c', 'q'), ('e2', 'c', ''), ('e3', 'c', ''), ('e9', 'c', '');";
    database.execute_batch(tables).expect("valid SQL");
    let bytes = database.serialize("main").expect("memory").to_vec();
    let (notebook, summary) = check(&bytes, None);
    let objects = r#""objects":[{"id":"c","type":"C","qualifier":"q"}]"#;
    assert_eq!(
        notebook.events,
        [format!(r#"2026-03-02T09:00:00Z A b [user_id=c] message_id=e1 properties={{"n":1,{objects}}}"#)]
    );
    assert_eq!(
        notebook.rejected,
        [
            "1: missing-time: the event has no time",
            "3: bad-time: `soon` is not a time of ISO 8601",
            "4: dangling-reference: the event `e9` has objects (1), and is not in the file",
        ]
    );
    assert_eq!(summary.expect("readable").warnings.len(), 1, "the object has attributes");
}
