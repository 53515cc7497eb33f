//! Journeys of objects, keys and cases are those that the plainest way finds, however rows came, lie and fit into memory.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use journey::{AnyFold, Fold, Selection};
use lake::{Error, Lake, Lens, Of, Question, Vocabulary};
use listen::stitch::Rules;
use proptest::prelude::*;
use serde_json::json;

use crate::home::{Model, Row, Sequences, Told, import, runtime, sequences};

const NAMES: [&str; 4] = ["order", "item", "user_id", "case_id"];

/// The customer, if any; case, time, objects, the event that it is a part of, and its own id.
type Drawn = (Option<u8>, Option<u8>, i64, Vec<(bool, u8)>, Option<u8>, Option<u8>);

fn rows() -> impl Strategy<Value = Vec<Row>> {
    let objects = prop::collection::vec((any::<bool>(), 0u8..6), 0..5);
    let few = || prop::option::of(0u8..4);
    let row = (prop::option::weighted(0.7, 0u8..5), few(), 0i64..12, objects, few(), few());
    prop::collection::vec(row, 1..40).prop_map(|rows| {
        let row = |(n, (customer, case, at, objects, same, id)): (usize, Drawn)| {
            let object = |(order, id): &(bool, u8)| {
                json!({"id": format!("{id}\"\\"), "type": if *order { "order" } else { "item" }, "qualifier": "q"})
            };
            let mut properties = json!({"n": n, "objects": objects.iter().map(object).collect::<Vec<_>>()});
            if let Some(same) = same {
                properties["same_event"] = format!("e{same}").into();
            }
            let keys = customer.map(|customer| ("user_id", format!("u{customer}")));
            let mut row = Row::new(keys.into_iter().collect(), ["a", "b", "c"][n % 3], at);
            row.words[1] = case.map(|case| format!("case {case}"));
            // Without a customer, an id of another event would make it a repetition of that.
            row.id = id.filter(|_| customer.is_some()).map(|id| format!("m{id}.{n}"));
            Row { properties: Some(properties.to_string()), ..row }
        };
        rows.into_iter().enumerate().map(row).collect()
    })
}

/// The ids of the objects of a name that a row is about, and what tells which event it is.
fn about(row: &Row, n: usize, name: &str) -> (BTreeSet<String>, String) {
    let properties: serde_json::Value =
        serde_json::from_str(row.properties.as_deref().expect("all have")).expect("JSON");
    let text = |value: &serde_json::Value| value.as_str().expect("a text").to_owned();
    let objects = properties["objects"].as_array().expect("a list").iter().filter(|object| object["type"] == name);
    let mut ids: BTreeSet<String> = objects.map(|object| text(&object["id"])).collect();
    let same = properties.get("same_event").map_or_else(|| format!("row {n}"), text);
    ids.extend(row.keys.iter().filter(|(kind, _)| *kind == name).map(|(_, value)| value.clone()));
    ids.extend(row.words[1].clone().filter(|_| name == "case_id"));
    (ids, same)
}

fn told(rows: &[Row], name: &str) -> Told {
    let mut objects: BTreeMap<String, Vec<(i64, String, String)>> = BTreeMap::new();
    for (n, row) in rows.iter().enumerate() {
        let (ids, same) = about(row, n, name);
        for id in ids {
            objects.entry(id).or_default().push((row.at, row.event.clone(), same.clone()));
        }
    }
    let mut told = Told::new();
    for mut events in objects.into_values() {
        events.sort_by_key(|(at, ..)| *at);
        let mut seen = BTreeSet::new();
        events.retain(|(at, _, same)| seen.insert((*at, same.clone())));
        *told.entry(events.into_iter().map(|(at, event, _)| (event, at)).collect()).or_default() += 1;
    }
    told
}

async fn ask(home: &Path, of: &Of) -> Result<Told, Error> {
    let lake = Lake::open(home).await.expect("a lake");
    let vocabulary = Vocabulary::default();
    let folds = Box::new(|| vec![Box::new(Sequences::default()) as Box<dyn AnyFold>]);
    let selected = vec![(Lens::default(), Selection::default())];
    let question = Question { selected, vocabulary: vocabulary.clone(), folds, names: Vec::new(), kept: None };
    let answered = lake.ask_of(of, &[question]).await?;
    let fold = answered.groups.into_iter().flatten().flatten().next().expect("one fold");
    Ok(fold.into_any().downcast::<Sequences>().expect("of this kind").finish(&vocabulary.moments))
}

async fn check(home: &Path, rows: &[Row]) -> Result<(), TestCaseError> {
    for name in NAMES {
        let expected = told(rows, name);
        // Where little has room, every pass opens all files again, so one name has to do.
        let narrow = (name == "item").then(|| Of::named(name).within(400));
        for of in narrow.into_iter().chain([Of::named(name)]) {
            match ask(home, &of).await {
                Ok(found) => prop_assert_eq!(&found, &expected, "{:?}", of),
                Err(Error::NotFound { .. }) => prop_assert!(expected.is_empty(), "{:?}: {:?}", of, expected),
                Err(error) => return Err(TestCaseError::fail(format!("{of:?}: {error:?}"))),
            }
        }
    }
    let of_customers = rows.iter().filter(|row| !row.keys.is_empty()).cloned().collect();
    let model = Model { rows: of_customers, ..Model::default() };
    prop_assert_eq!(sequences(home).await, model.told(&Rules::default()), "nobody's events are no customer's");
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    #[test]
    fn every_object_has_its_own_journey(rows in rows(), cut in 0usize..40) {
        runtime().block_on(async {
            let home = tempfile::tempdir().expect("a folder");
            let (first, second) = rows.split_at(cut.min(rows.len()));
            import(home.path(), first).await;
            import(home.path(), second).await;
            check(home.path(), &rows).await?;
            let again = import(home.path(), second).await;
            prop_assert_eq!(again.events, 0, "the same again is nothing new");
            let compacted = Lake::open(home.path()).await.expect("a lake").compact(&Rules::default()).await;
            prop_assert_eq!(compacted.expect("compacted").events, rows.len() as u64);
            check(home.path(), &rows).await
        })?;
    }
}

#[test]
fn a_name_that_nothing_has_is_told_what_there_is() {
    runtime().block_on(async {
        let home = tempfile::tempdir().expect("a folder");
        let about = json!({"ticket": 7, "objects": [{"id": "o1", "type": "order"}]}).to_string();
        let mut row =
            Row { properties: Some(about), ..Row::new(vec![("email", "ann@example.com".to_owned())], "a", 1) };
        row.words[4] = Some("Bo".to_owned());
        import(home.path(), &[row]).await;
        let error = async |name: &str| ask(home.path(), &Of::named(name)).await.expect_err(name).to_string();
        assert!(error("ordr").await.contains("did you mean `order`?"));
        assert!(error("Email").await.contains("did you mean `email`?"));
        let all = error("case_id").await;
        assert!(all.contains("there are the objects order; the keys email; the columns resource"), "{all}");
        assert!(error("properties.tickt").await.contains("did you mean `properties.ticket`?"));
    });
}

/// Who shares an event may be erased; the event stays in the journeys of what it was about, as the other customer's.
#[test]
fn an_event_that_customers_share_is_one_event_as_long_as_one_of_them_is_there() {
    runtime().block_on(async {
        let home = tempfile::tempdir().expect("a folder");
        let object = |id: &str, of: &str| json!({"id": id, "type": of});
        let all = [object("o1", "order"), object("u1", "Client"), object("u2", "Client"), object("u2", "order")];
        let about = json!({"n": 1.5, "objects": all, "same_event": "e1"}).to_string();
        let row = |key: Option<&str>, at| Row {
            properties: Some(about.clone()),
            ..Row::new(key.map(|key| ("user_id", key.to_owned())).into_iter().collect(), "meet", at)
        };
        import(home.path(), &[row(Some("u1"), 1), row(Some("u2"), 1), row(None, 2)]).await;
        let expected = Told::from([(vec![("meet".to_owned(), 1), ("meet".to_owned(), 2)], 2)]);
        let of = Of::named("order");
        let one_part_a_pass = of.clone().within(1);
        assert_eq!(ask(home.path(), &one_part_a_pass).await.expect("an answer"), expected);
        assert_eq!(ask(home.path(), &of).await.expect("an answer"), expected);
        let mut lake = Lake::open(home.path()).await.expect("a lake");
        lake.erase(("user_id", "u1"), &Rules::default(), "now").await.expect("erased");
        assert_eq!(ask(home.path(), &of).await.expect("an answer"), expected);
        let left = lake.sql("select properties from events", &Rules::default(), &[]).await.expect("rows").rows;
        let all = [object("o1", "order"), object("u2", "Client"), object("u2", "order")];
        let about = json!({"n": 1.5, "objects": all, "same_event": "e1"}).to_string();
        assert_eq!(left, [[Some(about)]], "the other customer's row names them no more");
    });
}
