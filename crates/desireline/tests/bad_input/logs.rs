//! XES and OCEL that are not as they should be.

use crate::home::Home;

const XES: &str = r#"<?xml version="1.0"?><log xes.version="1.0"><trace><string key="concept:name" value="c1"/>"#;

fn xes_event(more: &str) -> String {
    format!(
        r#"<event><string key="concept:name" value="A"/><date key="time:timestamp" value="2026-01-01T10:00:00Z"/>{more}</event>"#
    )
}

#[test]
fn xes_with_nested_and_list_attributes() {
    let home = Home::new();
    let nested = r#"<string key="k" value="v"><int key="inner" value="3"/></string>
        <list key="l"><values><string key="e" value="1"/><string key="e" value="2"/></values></list>"#;
    let file = home.file("x.xes", format!("{XES}{}{}</trace></log>", xes_event(nested), xes_event("")));
    home.import_gives(&file, &[], 2, &[]);
    let kept = home.run(&["sql", "select properties from events order by seq", "--json"]).json();
    let properties = kept[0]["properties"].as_str().unwrap();
    assert!(["inner", "\"1\"", "\"2\""].iter().all(|part| properties.contains(part)), "{properties}");
}

#[test]
fn xes_nested_without_end() {
    let home = Home::new();
    let deep = format!("{}{}", r#"<string key="k" value="v">"#.repeat(5_000), "</string>".repeat(5_000));
    let file = home.file("x.xes", format!("{XES}{}{}</trace></log>", xes_event(&deep), xes_event("")));
    home.refuses(&file, &[], &["attributes nested more than 64 deep", "nothing of this import was kept"]);
}

#[test]
fn broken_xml() {
    let home = Home::new();
    for (name, text) in [
        ("tag.xes", format!("{XES}{}<event><foo</event></trace></log>", xes_event(""))),
        ("cut.xes", format!("{XES}{}{}", xes_event(""), xes_event("").get(..60).unwrap())),
        ("crossed.xes", format!("{XES}{}</log></trace>", xes_event(""))),
    ] {
        home.refuses(&home.file(name, text), &[], &["broken XML at byte", "nothing of this import was kept"]);
    }
}

#[test]
fn an_entity_bomb() {
    let home = Home::new();
    let bomb = r#"<!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;">]>"#;
    let body = XES.replace("?>", &format!("?>{bomb}"));
    let text = format!("{body}{}</trace></log>", xes_event(r#"<string key="k" value="&c;"/>"#));
    home.refuses(&home.file("x.xes", text), &[], &["the XML defines entities of its own", "may expand without end"]);
    let ocel = format!(r#"<?xml version="1.0"?>{bomb}<log><object-types/><event-types/><objects/><events/></log>"#);
    home.refuses(&home.file("x.xml", ocel), &[], &["the XML defines entities of its own"]);
}

#[test]
fn ocel_with_dangling_references() {
    let home = Home::new();
    let event = |id: &str, objects: &[&str]| {
        let relations: Vec<String> =
            objects.iter().map(|id| format!(r#"{{"objectId":"{id}","qualifier":"of"}}"#)).collect();
        format!(
            r#"{{"id":"{id}","type":"A","time":"2026-01-01T10:00:00Z","attributes":[],"relationships":[{}]}}"#,
            relations.join(",")
        )
    };
    let text = format!(
        r#"{{"objectTypes":[{{"name":"customer","attributes":[]}}],"eventTypes":[{{"name":"A","attributes":[]}}],
            "objects":[{{"id":"c1","type":"customer","attributes":[]}}],"events":[{},{},{}]}}"#,
        event("e1", &["c1"]),
        event("e2", &["nobody"]),
        event("e3", &["c1", "nobody"]),
    );
    let file = home.file("x.json", text);
    let kept = home.import_gives(&file, &[], 1, &[("dangling-reference", 2)]);
    assert!(kept[0].2.contains("e2") && kept[1].2.contains("e3"), "{kept:?}");
    let unsaid = home.run(&["import", &file, "--customer", "buyer"]);
    unsaid.expect(3, &["no objects of type `buyer`", "customer (1)"]);
    assert!(!unsaid.err.contains("repair"), "nothing is wrong with the file: {}", unsaid.err);
    let draft = home.run(&["init", &file, "--customer", "customer"]);
    let charter = home.file("charter.yaml", &draft.out);
    assert!(draft.out.contains("object_type: \"customer\""), "{}", draft.out);
    home.run(&["check", &charter]).expect(0, &[]);
}

#[test]
fn json_lines_that_are_none() {
    let home = Home::new();
    let good = r#"{"user_id":"a","event":"x","at":"2026-01-01T10:00:00Z"}"#;
    let file = home.file("x.jsonl", format!("{good}\n{{\"user_id\":\n[1,2]\n\n{}\n", good.replace("\"a\"", "\"b\"")));
    let kept = home.import_gives(&file, &[], 2, &[("bad-json", 1), ("not-an-object", 1)]);
    assert_eq!(kept.iter().map(|one| one.0).collect::<Vec<_>>(), [2, 3]);
}
