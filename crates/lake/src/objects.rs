//! Customers whom rows of others name: an event that several customers share is a row of each, and every one of them lists
//! all of them in the property `objects`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use arrow::array::AsArray;
use listen::stitch::{Graph, Node};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::error::Error;
use crate::limits::BATCH_ROWS;
use crate::open_file::OpenFile;
use crate::rebuild::nodes_of_keys;
use crate::run_file::read_run;
use crate::schema::event_column;
use crate::table::DataFile;

/// The property with the objects that an event is about.
const OBJECTS: &str = "objects";

/// The objects, by type and id, that a customer is.
#[derive(Debug, Default)]
pub(crate) struct Mentions(BTreeSet<(String, String)>);

/// The objects that a customer is: those that rows of theirs, in these files, call by one of their keys. The type is not that
/// of the key, so nothing else tells them from an object of another type with the same id.
pub(crate) fn mentions_of(
    root: &Path,
    files: &[DataFile],
    is_theirs: impl Fn(&[Node]) -> bool,
    graph: &Graph,
    keys: &BTreeSet<Node>,
) -> Result<Mentions, Error> {
    let values: BTreeSet<&str> = keys.iter().map(|node| graph.key(*node).1).collect();
    let (mut mentions, mut nodes) = (Mentions::default(), Vec::new());
    for file in files {
        let columns = [event_column("keys"), event_column("properties")];
        for batch in read_run(&OpenFile::open(&root.join(&file.path))?, &columns, false, BATCH_ROWS)? {
            let batch = batch?;
            let [keys, properties] = [0, 1].map(|column| batch.column(column).as_string::<i32>());
            for (keys, properties) in keys.iter().zip(properties.iter()) {
                let Some(objects) = properties.and_then(objects) else { continue };
                nodes_of_keys(graph, keys.unwrap_or_default(), &mut nodes)?;
                if is_theirs(&nodes) {
                    mentions.0.extend(objects.iter().filter_map(named).filter(|(_, id)| values.contains(id.as_str())));
                }
            }
        }
    }
    Ok(mentions)
}

impl Mentions {
    /// Whether a row of a run has one of them.
    pub(crate) fn are_in(&self, run: &Path) -> Result<bool, Error> {
        if self.0.is_empty() {
            return Ok(false);
        }
        for batch in read_run(&OpenFile::open(run)?, &[event_column("properties")], false, BATCH_ROWS)? {
            let batch = batch?;
            if batch.column(0).as_string::<i32>().iter().flatten().any(|json| self.without(json).is_some()) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Properties without them; `None` where none of them is there.
    pub(crate) fn without(&self, properties: &str) -> Option<String> {
        if self.0.is_empty() {
            return None;
        }
        let all = objects(properties)?;
        let left: Vec<&Value> = all.iter().filter(|one| named(one).is_none_or(|one| !self.0.contains(&one))).collect();
        if left.len() == all.len() {
            return None;
        }
        with_member(properties, OBJECTS, Some(&serde_json::to_string(&left).expect("it was JSON")))
    }
}

/// A JSON object with another value of a member, or without it; all other members stay as they are written.
fn with_member(json: &str, name: &str, value: Option<&str>) -> Option<String> {
    let members: BTreeMap<String, &RawValue> = serde_json::from_str(json).ok()?;
    let member = |(own, json): (&String, &&RawValue)| {
        let json = if own == name { value? } else { json.get() };
        Some(format!("{}:{json}", Value::from(own.as_str())))
    };
    Some(format!("{{{}}}", members.iter().filter_map(member).collect::<Vec<_>>().join(",")))
}

/// A JSON object without the member at a path; `None` where there is none.
pub(crate) fn without_member(json: &str, path: &[String]) -> Option<String> {
    let (first, rest) = path.split_first()?;
    let members: BTreeMap<String, &RawValue> = serde_json::from_str(json).ok()?;
    let own = members.get(first)?;
    if rest.is_empty() {
        return with_member(json, first, None);
    }
    with_member(json, first, Some(&without_member(own.get(), rest)?))
}

/// The objects in properties, where there are any.
fn objects(properties: &str) -> Option<Vec<Value>> {
    if !properties.contains(OBJECTS) {
        return None;
    }
    let members: BTreeMap<String, &RawValue> = serde_json::from_str(properties).ok()?;
    serde_json::from_str(members.get(OBJECTS)?.get()).ok()
}

/// Type and id of an object.
fn named(object: &Value) -> Option<(String, String)> {
    Some((object["type"].as_str()?.to_owned(), object["id"].as_str()?.to_owned()))
}
