//! Journeys of objects (`--of`), through the real program: on a log that is small enough to count by hand, and on the example
//! logs of pm4py, of which `pm4py/ocdfg.json` has what pm4py finds (`pm4py/ocdfg.py --reference` writes it).
#![expect(clippy::print_stderr, clippy::unwrap_used, reason = "a test says why it skips, and may fail anywhere")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{Value, json};

/// Order o1 is of two customers and has two items; o2 has one item and nobody who ordered it. Items are packed together.
const LOG: &str = r#"{"objectTypes":[],"eventTypes":[],
"objects":[{"id":"ann","type":"customer"},{"id":"bob","type":"customer"},{"id":"o1","type":"order"},{"id":"o2","type":"order"},
 {"id":"i1","type":"item"},{"id":"i2","type":"item"},{"id":"i3","type":"item"}],
"events":[
{"id":"1","type":"place","time":"2026-03-02T09:00:00Z","attributes":[{"name":"total","value":12.5}],"relationships":[
 {"objectId":"ann","qualifier":"by"},{"objectId":"bob","qualifier":"for"},{"objectId":"o1","qualifier":"is"},{"objectId":"i1","qualifier":"has"},{"objectId":"i2","qualifier":"has"}]},
{"id":"2","type":"place","time":"2026-03-02T10:00:00Z","relationships":[{"objectId":"o2","qualifier":"is"},{"objectId":"i3","qualifier":"has"}]},
{"id":"3","type":"pack","time":"2026-03-03T09:00:00Z","relationships":[{"objectId":"i1","qualifier":""},{"objectId":"i2","qualifier":""},{"objectId":"i3","qualifier":""}]},
{"id":"4","type":"pay","time":"2026-03-02T09:00:00Z","relationships":[{"objectId":"o1","qualifier":""},{"objectId":"ann","qualifier":""},{"objectId":"o1","qualifier":"twice"}]},
{"id":"5","type":"lost","time":"2026-03-04T09:00:00Z","relationships":[{"objectId":"i1","qualifier":""}]}]}"#;

fn run(home: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_desireline")).arg("--home").arg(home).args(args).output().unwrap()
}

#[track_caller]
fn ok(home: &Path, args: &[&str]) -> String {
    let out = run(home, args);
    assert!(out.status.success(), "{args:?}: {}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).unwrap()
}

#[track_caller]
fn fails(home: &Path, args: &[&str], code: i32, said: &str) {
    let out = run(home, args);
    let err = String::from_utf8(out.stderr).unwrap();
    assert_eq!(out.status.code(), Some(code), "{args:?}: {err}");
    assert!(err.contains(said), "{said:?} was not said in {err}");
}

fn map(home: &Path, of: &str) -> Value {
    serde_json::from_str(&ok(home, &["view", "map", "--of", of, "--json"])).unwrap()
}

/// From, to, count, objects; sorted.
fn edges(map: &Value) -> Vec<Value> {
    let edge = |edge: &Value| json!([edge["from"], edge["to"], edge["count"], edge["customers"]]);
    let mut edges: Vec<Value> = map["edges"].as_array().unwrap().iter().map(edge).collect();
    edges.sort_by_key(ToString::to_string);
    edges
}

fn home_with_log() -> tempfile::TempDir {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("log.jsonocel");
    std::fs::write(&file, LOG).unwrap();
    ok(home.path(), &["import", file.to_str().unwrap(), "--customer", "customer"]);
    home
}

#[test]
fn every_type_of_objects_has_its_journeys() {
    let home = home_with_log();
    let home = home.path();
    let orders = map(home, "order");
    assert_eq!(edges(&orders), [json!(["place", "pay", 1, 1])]);
    assert_eq!((&orders["journeys"], &orders["events"]), (&json!(2), &json!(3)), "bob's copy is no event of its own");
    let items = map(home, "item");
    assert_eq!(edges(&items), [json!(["pack", "lost", 1, 1]), json!(["place", "pack", 3, 3])]);
    assert_eq!(edges(&map(home, "customer")), [json!(["place", "pay", 1, 1])]);
    // Without `--of`, customers as ever, and nobody's events are no one's.
    let customers: Value = serde_json::from_str(&ok(home, &["view", "map", "--json"])).unwrap();
    assert_eq!((&customers["customers"], &customers["events"]), (&json!(2), &json!(3)));
    let both = map(home, "order,item");
    assert_eq!(both, json!({"types": [{"of": "order", "answer": orders}, {"of": "item", "answer": items}]}));
    let csv = ok(home, &["view", "map", "--of", "order,item", "--csv"]);
    let rows: Vec<&str> = csv.lines().map(|line| line.split(",1,").next().unwrap()).collect();
    assert_eq!(rows.len(), 4, "{csv}");
    assert!(rows[0].starts_with("of,from,to,count,") && rows[1] == "order,place,pay", "{csv}");
    let svg = ok(home, &["view", "map", "--of", "order,item", "--svg"]);
    assert!(svg.contains("● order (2 journeys)") && svg.contains("◆ item (3 journeys)"), "{svg}");
    assert!(svg.contains("edge k0") && svg.contains("edge k1") && svg.contains("stroke-dasharray:9 4"));
}

#[test]
fn every_view_and_every_option_is_asked_of_objects_too() {
    let home = home_with_log();
    let home = home.path();
    for view in understand::View::names() {
        let more: &[&str] = match view {
            "funnel" => &["--steps", "place,pack"],
            "paths" => &["--pattern", "place .. pack"],
            "sankey" => &["--from-moment", "place"],
            _ => &[],
        };
        let out = run(home, &[&["view", view, "--of", "item", "--json"], more].concat());
        let err = String::from_utf8(out.stderr).unwrap();
        // Without a charter some views say what they would need; none fails for any other reason.
        assert!(out.status.success() || err.contains("charter") || err.contains("needs"), "{view}: {err}");
    }
    let journeys = |more: &[&str]| -> Value {
        let args = [&["view", "map", "--of", "item", "--json"], more].concat();
        serde_json::from_str::<Value>(&ok(home, &args)).unwrap()["journeys"].clone()
    };
    assert_eq!(journeys(&["--where", "event = 'lost'"]), 1);
    assert_eq!(journeys(&["--where", "properties.total > 12"]), 2);
    assert_eq!(journeys(&["--events", "event <> 'place'"]), 3);
    assert_eq!(journeys(&["--segment", "events >= 3"]), 1);
    assert_eq!(journeys(&["--from", "2026-03-02T09:30:00Z"]), 1);
    let compared = ok(home, &["view", "map", "--of", "item", "--compare", "event = 'lost'", "--json"]);
    let compared: Value = serde_json::from_str(&compared).unwrap();
    assert_eq!(compared["groups"][0]["answer"]["journeys"], 1);
    let report = home.join("report.html");
    ok(home, &["report", "--of", "item", "-o", report.to_str().unwrap()]);
    let page = std::fs::read_to_string(report).unwrap();
    assert!(page.contains("journeys of item") && page.contains("pack"));
}

#[test]
fn what_cannot_be_asked_says_what_can() {
    let home = home_with_log();
    let home = home.path();
    fails(home, &["view", "map", "--of", "oder"], 4, "did you mean `order`?");
    fails(home, &["view", "map", "--of", "shipment"], 4, "the objects customer, item, order; the keys user_id");
    fails(home, &["view", "map", "--of", "order,itm"], 4, "did you mean `item`?");
    fails(home, &["view", "map", "--of", "properties.totl"], 4, "did you mean `properties.total`?");
    fails(home, &["view", "variants", "--of", "order,item"], 2, "only `view map`");
    fails(home, &["view", "map", "--of", "order,item", "--compare", "event = 'pay'"], 2, "only `view map`");
    fails(home, &["view", "map", "--of", "order,"], 2, "give a name");
}

#[test]
fn cases_and_keys_have_journeys_of_their_own() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("tickets.csv");
    let rows = "user,event,at,ticket,agent\nu1,open,2026-03-02 09:00,t1,a\nu2,answer,2026-03-02 10:00,t1,b\n\
                u1,open,2026-03-02 11:00,t2,a\n";
    std::fs::write(&file, rows).unwrap();
    let columns = "user_id=user,event=event,at=at,case_id=ticket,resource=agent";
    ok(home.path(), &["import", file.to_str().unwrap(), "--map", columns]);
    assert_eq!(edges(&map(home.path(), "case_id")), [json!(["open", "answer", 1, 1])]);
    assert_eq!(edges(&map(home.path(), "user_id")), [json!(["open", "open", 1, 1])]);
    assert_eq!(edges(&map(home.path(), "resource")), [json!(["open", "open", 1, 1])]);
    fails(home.path(), &["view", "map", "--of", "order"], 4, "the keys user_id; the columns case_id, resource");
}

#[test]
fn logs_come_back_from_exports_with_all_their_objects() {
    let home = home_with_log();
    for name in ["out.jsonocel", "out.xmlocel", "out.sqlite"] {
        let file = home.path().join(name);
        ok(home.path(), &["export", file.to_str().unwrap()]);
        let other = tempfile::tempdir().unwrap();
        ok(other.path(), &["import", file.to_str().unwrap(), "--customer", "customer"]);
        for of in ["order", "item"] {
            assert_eq!(map(other.path(), of), map(home.path(), of), "{name}");
        }
    }
    let out = run(home.path(), &["export", home.path().join("out.csv").to_str().unwrap()]);
    assert!(String::from_utf8(out.stderr).unwrap().contains("3 events are no customer's"));
}

/// An answer that is kept goes on without the events that are nobody's, also where they are all that is new.
#[test]
fn what_is_nobodys_changes_no_kept_answer() {
    let home = home_with_log();
    let home = home.path();
    let ask = |how: &[&str]| ok(home, &[&["view", "map,variants,quality", "--json"], how].concat());
    let first = ask(&[]);
    assert_eq!(ask(&[]), first);
    let event = |n: usize, object: &str| {
        let about = format!(r#"[{{"objectId":"{object}","qualifier":""}}]"#);
        format!(r#"{{"id":"more {n}","type":"lost","time":"2026-03-03T09:00:00Z","relationships":{about}}}"#)
    };
    for (n, objects) in [["i1", "i2", "i3"], ["i1", "ann", "o2"]].into_iter().enumerate() {
        let events: Vec<String> = (0..).zip(objects).map(|(i, object)| event(10 * n + i, object)).collect();
        let (before, _) = LOG.split_once("\"events\":[").unwrap();
        let file = home.join(format!("more{n}.jsonocel"));
        std::fs::write(&file, format!("{before}\"events\":[{}]}}", events.join(","))).unwrap();
        ok(home, &["import", file.to_str().unwrap(), "--customer", "customer"]);
        let again = ask(&[]);
        assert_eq!(again, ask(&["--afresh"]), "after import {n}");
        assert_eq!(again == first, n == 0, "the second import has an event of ann");
    }
    let items = map(home, "item");
    assert_eq!((&items["journeys"], &items["events"]), (&json!(3), &json!(11)));
}

fn examples() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/ocel");
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!("skipped: the example logs of pm4py are not in {}", folder.display());
    None
}

/// By object type: from, to, count, objects.
type ByType = BTreeMap<String, Vec<Value>>;

#[test]
fn maps_of_objects_are_those_of_pm4py() {
    let Some(folder) = examples() else { return };
    let reference: BTreeMap<String, ByType> = serde_json::from_str(include_str!("pm4py/ocdfg.json")).unwrap();
    for (log, types) in reference {
        let formats = ["jsonocel", "xmlocel", "sqlite"].map(|ending| folder.join(format!("{log}.{ending}")));
        for file in formats.into_iter().filter(|file| file.is_file()) {
            let home = tempfile::tempdir().unwrap();
            // Whichever type is the customer, all others have their journeys too.
            let customer = types.keys().next_back().unwrap();
            ok(home.path(), &["import", file.to_str().unwrap(), "--customer", customer, "--timezone", "UTC"]);
            for (of, expected) in &types {
                let mut expected = expected.clone();
                expected.sort_by_key(ToString::to_string);
                assert_eq!(edges(&map(home.path(), of)), expected, "{of} in {}", file.display());
            }
        }
    }
}
