//! `sources:`: rows of a file as events.

use serde_json::{Value, json};

use crate::home::Home;

/// Imports `file` as the charter says, and gives the properties and traits of its events, in the order of time.
#[track_caller]
fn members(source: &str, file: (&str, &str)) -> Vec<(Value, Value)> {
    let home = Home::new();
    let charter = home.file("charter.yaml", format!("charter: 1\nsources:\n  \"{}\": {source}\n", file.0));
    let path = home.file(file.0, file.1);
    home.run(&["import", &path, "--charter", &charter]).expect(0, &["as the charter says"]);
    let rows = home.run(&["sql", "select properties, traits from events order by at", "--json"]).json();
    let object = |text: &Value| text.as_str().map_or(Value::Null, |text| serde_json::from_str(text).unwrap());
    rows.as_array().unwrap().iter().map(|row| (object(&row["properties"]), object(&row["traits"]))).collect()
}

#[test]
fn the_rows_of_a_basket_become_one_event_in_every_way_that_there_is() {
    let source = r#"{event: "'Order'", user_id: who, at: at, one_per: basket, traits: {town: last(town), visits: count(town)},
        properties: [shop, {rows: count(), kind: "'retail'", total: sum(price), mean: mean(price), low: min(price),
        high: max(price), first: first(item), last: last(item), items: list(item), kinds: distinct(item), noted: count(note),
        latest: max(day), note: last(note)}]}"#;
    let rows = "who,at,basket,shop,item,price,town,note,day\n\
                ann,2026-03-02T09:00,b1,s1,milk,1.5,Bonn,,2026-03-01\n\
                ann,2026-03-02T09:01,b1,s1,bread,10,Köln,,2026-02-28\n\
                ann,2026-03-02T09:02,b1,s1,milk,2,,,\n\
                ben,2026-03-03T09:00,b2,s2,tea,3,,good,2026-01-01\n";
    let found = members(source, ("orders.csv", rows));
    assert_eq!(
        found,
        [
            (
                json!({"shop": "s1", "rows": 3, "kind": "retail", "total": 13.5, "mean": 4.5, "low": 1.5, "high": 10,
                       "first": "milk", "last": "milk", "items": ["milk", "bread", "milk"], "kinds": 2, "noted": 0,
                       "latest": "2026-03-01"}),
                json!({"town": "Köln", "visits": 2})
            ),
            (
                json!({"shop": "s2", "rows": 1, "kind": "retail", "total": 3, "mean": 3.0, "low": 3, "high": 3,
                       "first": "tea", "last": "tea", "items": ["tea"], "kinds": 1, "noted": 1,
                       "latest": "2026-01-01", "note": "good"}),
                json!({"visits": 0})
            ),
        ]
    );
}

#[test]
fn all_columns_without_a_role_can_be_traits() {
    let rows = "who,what,at,town,age\nann,visit,2026-03-02,Bonn,40\n";
    let (town, age) = (json!({"town": "Bonn"}), json!({"town": "Bonn", "age": 40}));
    let of = |members_of: &str| {
        let source = format!("{{event: what, user_id: who, at: at, {members_of}}}");
        members(&source, ("people.csv", rows)).remove(0)
    };
    assert_eq!(of("traits: all"), (Value::Null, age.clone()));
    assert_eq!(of("traits: all, properties: all"), (age.clone(), age.clone()));
    assert_eq!(of("traits: all, properties: [age]"), (json!({"age": 40}), town.clone()));
    assert_eq!(of("traits: [town]"), (json!({"age": 40}), town));
    let lines = "{\"who\":\"ann\",\"what\":\"visit\",\"at\":\"2026-03-02\",\"town\":\"Bonn\",\"age\":40}\n";
    let many = lines.repeat(10_001) + &lines.replace("age", "years").replace("03-02", "03-03");
    let source = "{event: what, user_id: who, at: at, traits: all}";
    let found = members(source, ("people.jsonl", &many));
    assert_eq!(found.first(), Some(&(Value::Null, age)));
    let late = (Value::Null, json!({"town": "Bonn", "years": 40}));
    assert_eq!(found.last(), Some(&late), "what first appears far into the file is a trait too");
}

#[test]
fn what_cannot_be_carried_out_is_said_when_the_charter_is_read() {
    let home = Home::new();
    let source = "{user_id: who, properties: {total: sum(price), mean: avg(price)}}";
    let charter = home.file("charter.yaml", format!("charter: 1\nsources:\n  \"*.csv\": {source}\n"));
    home.run(&["check", &charter]).expect(3, &["`sum(price)` needs several rows per event", "mean(c)"]);
}
