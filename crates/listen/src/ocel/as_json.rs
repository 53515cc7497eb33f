//! OCEL as JSON.

use std::borrow::Cow;
use std::fmt;
use std::io::Read;

use serde::Deserializer as _;
use serde::de::{SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::json::{self, Members, identifier, text};
use crate::plan::{Plan, ReadError};
use crate::sink::{Reason, Sink, Stop, Summary};

use super::{Declared, Emitter, Found, Objects, hold, push_attribute};

/// Reads a file of OCEL 2.0 or 1.0.
pub(crate) fn read_json(input: impl Read, plan: &Plan, sink: &mut dyn Sink) -> Result<Summary, ReadError> {
    let bytes = hold(input)?;
    let not_readable = |what: String| ReadError::NotReadable { what };
    let file = std::str::from_utf8(&bytes).map_err(|e| not_readable(format!("the JSON is not UTF-8: {e}")))?;
    let file = Members::parse(file).map_err(|e| not_readable(format!("broken JSON: {e}")))?;
    let old = file.get("ocel:events").is_some() || file.get("ocel:objects").is_some();
    let (events, objects) = if old { ("ocel:events", "ocel:objects") } else { ("events", "objects") };
    let (Some(events), Some(described)) = (file.get(events), file.get(objects)) else {
        return Err(not_readable(format!("this JSON is not OCEL: it needs `{events}` and `{objects}`")));
    };
    let mut objects = Objects::default();
    let entries = if old { named(described) } else { listed(described) };
    for (id, object) in entries.map_err(|e| not_readable(format!("the objects are not as OCEL has them: {e}")))? {
        read_object(id, object, &mut objects);
    }
    let mut declared = Declared::default();
    for one in file.get("eventTypes").and_then(|types| listed(types).ok()).unwrap_or_default() {
        declare(one.1, &mut declared);
    }
    let mut emitter = Emitter::new(&objects, plan, sink)?;
    let entries = if old { named(events) } else { listed(events) };
    for (id, event) in entries.map_err(|e| not_readable(format!("the events are not as OCEL has them: {e}")))? {
        take(id.as_ref(), event, &declared, &mut emitter)?;
    }
    Ok(emitter.finish())
}

type Entries<'a> = Result<Vec<(Option<Cow<'a, str>>, &'a str)>, serde_json::Error>;

/// The entries of an array.
fn listed(array: &str) -> Entries<'_> {
    let mut json = serde_json::Deserializer::from_str(array);
    let values = json.deserialize_seq(Listing)?;
    Ok(values.into_iter().map(|value| (None, value)).collect())
}

/// The entries of an object, with their names.
fn named(object: &str) -> Entries<'_> {
    Ok(Members::parse(object)?.0.into_iter().map(|(name, value)| (Some(name), value)).collect())
}

struct Listing;

impl<'a> Visitor<'a> for Listing {
    type Value = Vec<&'a str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'a>>(self, mut array: A) -> Result<Self::Value, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = array.next_element::<&'a RawValue>()? {
            values.push(value.get());
        }
        Ok(values)
    }
}

/// The first of these members that is there, as text.
fn field<'a>(object: &Members<'a>, names: [&str; 2]) -> Option<Cow<'a, str>> {
    names.iter().find_map(|name| object.get(name)).and_then(identifier)
}

fn read_object<'a>(id: Option<Cow<'a, str>>, object: &'a str, objects: &mut Objects<'a>) {
    // What is not described as an object has to be is missing, and so are the references to it.
    let Ok(object) = Members::parse(object) else { return };
    let (Some(id), Some(kind)) =
        (id.or_else(|| field(&object, ["id", "ocel:oid"])), field(&object, ["type", "ocel:type"]))
    else {
        return;
    };
    let attributes = object.get("attributes").or_else(|| object.get("ocel:ovmap"));
    objects.with_attributes += u64::from(attributes.is_some_and(|json| json.len() > 2));
    objects.add(id, kind);
}

fn declare<'a>(declaration: &'a str, declared: &mut Declared<'a>) {
    let Ok(declaration) = Members::parse(declaration) else { return };
    let Some(name) = field(&declaration, ["name", "name"]) else { return };
    for (_, attribute) in declaration.get("attributes").and_then(|list| listed(list).ok()).unwrap_or_default() {
        let Ok(attribute) = Members::parse(attribute) else { continue };
        let (Some(member), Some(kind)) = (field(&attribute, ["name", "name"]), field(&attribute, ["type", "type"]))
        else {
            continue;
        };
        declared.add(name.clone(), member, &kind);
    }
}

fn take<'a>(
    id: Option<&Cow<'a, str>>,
    event: &'a str,
    declared: &Declared<'_>,
    emitter: &mut Emitter<'_, '_>,
) -> Result<(), Stop> {
    let raw = || match id {
        Some(id) => format!("{{{}:{event}}}", serde_json::Value::from(id.as_ref())).into_bytes(),
        None => event.as_bytes().to_vec(),
    };
    let Ok(members) = Members::parse(event) else {
        return emitter.reject(Reason::NotAnObject, "the event is not a JSON object", &raw);
    };
    let name = field(&members, ["type", "ocel:activity"]).unwrap_or_default();
    let mut found = Found {
        id: id.cloned().or_else(|| field(&members, ["id", "ocel:eid"])).unwrap_or_default(),
        time: field(&members, ["time", "ocel:timestamp"]).unwrap_or_default(),
        name,
        ..Found::default()
    };
    let read = relations(&members, &mut found).and_then(|()| attributes(&members, declared, &mut found));
    match read {
        Ok(()) => emitter.take(&found, &raw),
        Err(detail) => emitter.reject(Reason::BadField, detail, &raw),
    }
}

fn relations<'a>(event: &Members<'a>, found: &mut Found<'a>) -> Result<(), &'static str> {
    if let Some(list) = event.get("relationships") {
        for (_, relation) in listed(list).map_err(|_| "relationships is not an array")? {
            let relation = Members::parse(relation).map_err(|_| "a relationship is not an object")?;
            let object = field(&relation, ["objectId", "object-id"]).ok_or("a relationship has no objectId")?;
            found.objects.push((object, field(&relation, ["qualifier", "qualifier"]).unwrap_or_default()));
        }
    }
    if let Some(list) = event.get("ocel:omap") {
        for (_, object) in listed(list).map_err(|_| "ocel:omap is not an array")? {
            found.objects.push((identifier(object).ok_or("ocel:omap has an id that is no text")?, Cow::Borrowed("")));
        }
    }
    Ok(())
}

fn attributes(event: &Members<'_>, declared: &Declared<'_>, found: &mut Found<'_>) -> Result<(), &'static str> {
    let mut all: Vec<(Cow<'_, str>, &str)> = Vec::new();
    if let Some(list) = event.get("attributes") {
        for (_, attribute) in listed(list).map_err(|_| "attributes is not an array")? {
            let attribute = Members::parse(attribute).map_err(|_| "an attribute is not an object")?;
            let name = field(&attribute, ["name", "name"]).ok_or("an attribute has no name")?;
            all.extend(attribute.get("value").map(|value| (name, value)));
        }
    }
    if let Some(map) = event.get("ocel:vmap") {
        all.extend(Members::parse(map).map_err(|_| "ocel:vmap is not an object")?.0);
    }
    for (name, value) in all {
        match text(value) {
            Some(text) => push_attribute(&mut found.attributes, &name, &text, declared.kind(&found.name, &name)),
            None if value == "null" => {}
            None => {
                json::push_name(&mut found.attributes, &name);
                found.attributes.push_str(value);
            }
        }
    }
    Ok(())
}
