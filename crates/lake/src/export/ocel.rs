//! OCEL 2.0 as JSON: customers, and whatever else events were about, as objects.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::{Out, Row, Write, members};
use crate::error::Error;

/// The whole log is held in memory, because OCEL lists its types, which are known only at the end, first.
pub(super) struct OcelOut {
    out: Out,
    events: Vec<Value>,
    objects: Map<String, Value>,
}

impl OcelOut {
    pub(super) fn new(out: Out) -> Self {
        Self { out, events: Vec::new(), objects: Map::new() }
    }
}

/// The object type of customers.
const CUSTOMER: &str = "customer";

impl Write for OcelOut {
    fn event(&mut self, row: &Row<'_>) -> Result<(), Error> {
        let customer = row.key.1.to_owned();
        self.objects
            .entry(customer.clone())
            .or_insert_with(|| json!({"id": customer, "type": CUSTOMER, "attributes": [], "relationships": []}));
        let mut relationships = vec![json!({"objectId": customer, "qualifier": CUSTOMER})];
        let mut attributes = Vec::new();
        let named = [
            ("channel", row.channel),
            ("resource", row.resource),
            ("department", row.department),
            ("case_id", row.case_id),
            ("phase", row.phase),
        ];
        for (name, value) in named {
            attributes.extend(value.map(|value| json!({"name": name, "value": value})));
        }
        for (name, value) in members(row.properties) {
            if let ("objects", Value::Array(objects)) = (name.as_str(), &value) {
                for object in objects {
                    let [id, kind, qualifier] =
                        ["id", "type", "qualifier"].map(|m| object[m].as_str().unwrap_or_default());
                    self.objects
                        .entry(id.to_owned())
                        .or_insert_with(|| json!({"id": id, "type": kind, "attributes": [], "relationships": []}));
                    relationships.push(json!({"objectId": id, "qualifier": qualifier}));
                }
            } else {
                let value = if let Value::String(text) = value { text } else { value.to_string() };
                attributes.push(json!({"name": name, "value": value}));
            }
        }
        self.events.push(json!({
            "id": row.message_id,
            "type": row.event,
            "time": row.at.to_string(),
            "attributes": attributes,
            "relationships": relationships,
        }));
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<(), Error> {
        let types_of = |items: &mut dyn Iterator<Item = &Value>| {
            let mut types: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
            for item in items {
                let names = types.entry(item["type"].as_str().unwrap_or_default().to_owned()).or_default();
                let attributes = item["attributes"].as_array().into_iter().flatten();
                names.extend(attributes.filter_map(|a| a["name"].as_str().map(str::to_owned)));
            }
            let attribute = |name: String| json!({"name": name, "type": "string"});
            let kind = |(name, names): (String, BTreeSet<String>)| json!({"name": name, "attributes": names.into_iter().map(attribute).collect::<Vec<_>>()});
            types.into_iter().map(kind).collect::<Vec<_>>()
        };
        let log = json!({
            "objectTypes": types_of(&mut self.objects.values()),
            "eventTypes": types_of(&mut self.events.iter()),
            "objects": self.objects.values().collect::<Vec<_>>(),
            "events": self.events,
        });
        self.out.put(&log.to_string())?;
        self.out.finish()
    }
}
