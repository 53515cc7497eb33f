//! OCEL as JSON.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::stage::Stage;
use super::{Out, declared};
use crate::error::Error;
use crate::export::fields::Kind;

/// Writes the log.
pub(super) fn write(stage: &Stage, mut out: Out) -> Result<(), Error> {
    let types: Vec<Value> =
        stage.object_types()?.into_iter().map(|name| json!({"name": name, "attributes": []})).collect();
    out.put(&format!("{{\"objectTypes\":{},\n", Value::from(types)))?;
    let attribute = |(name, kind): (&String, &Kind)| json!({"name": name, "type": type_name(*kind)});
    let types = stage
        .event_types
        .iter()
        .map(|(name, own)| json!({"name": name, "attributes": own.iter().map(attribute).collect::<Vec<_>>()}));
    out.put(&format!("\"eventTypes\":{},\n\"objects\":[", Value::from(types.collect::<Vec<_>>())))?;
    let mut separator = "\n";
    stage.each_object(|id, kind| {
        let object = json!({"id": id, "type": kind, "attributes": [], "relationships": []});
        out.put(&format!("{}{object}", std::mem::replace(&mut separator, ",\n")))
    })?;
    out.put("],\n\"events\":[")?;
    separator = "\n";
    stage.each_event(|event| {
        let mut attributes = String::new();
        for field in declared(stage, event) {
            let value = match field.kind {
                Kind::Text => Value::from(field.value).to_string(),
                // As it was written: a number of JSON may have more digits than one of a computer.
                _ => field.value.into_owned(),
            };
            attributes.push_str(if attributes.is_empty() { "" } else { "," });
            let _ = write!(attributes, "{{\"name\":{},\"value\":{value}}}", Value::from(field.name));
        }
        let related = |(id, qualifier): &(String, String)| json!({"objectId": id, "qualifier": qualifier});
        let relationships = Value::from(event.objects.iter().map(related).collect::<Vec<_>>());
        let [id, kind, at] = [&event.id, &event.kind, &event.at].map(|text| Value::from(text.as_str()));
        out.put(&format!(
            "{}{{\"id\":{id},\"type\":{kind},\"time\":{at},\"attributes\":[{attributes}],\
             \"relationships\":{relationships}}}",
            std::mem::replace(&mut separator, ",\n")
        ))
    })?;
    out.put("]}\n")?;
    out.finish()
}

/// How OCEL calls a kind of value.
pub(super) fn type_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Truth => "boolean",
        Kind::Integer => "integer",
        Kind::Float => "float",
        Kind::Text => "string",
    }
}
