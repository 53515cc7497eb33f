//! OCEL as XML.

use std::fmt::Write as _;

use super::json::type_name;
use super::stage::Stage;
use super::{Out, declared};
use crate::error::Error;
use crate::export::xml::escaped;

/// Writes the log.
pub(super) fn write(stage: &Stage, mut out: Out) -> Result<(), Error> {
    out.put("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<log>\n<object-types>\n")?;
    for name in stage.object_types()? {
        out.put(&format!("<object-type name=\"{}\"><attributes/></object-type>\n", escaped(&name)))?;
    }
    out.put("</object-types>\n<event-types>\n")?;
    for (name, own) in &stage.event_types {
        let mut text = format!("<event-type name=\"{}\"><attributes>", escaped(name));
        for (name, kind) in own {
            let _ = write!(text, "<attribute name=\"{}\" type=\"{}\"/>", escaped(name), type_name(*kind));
        }
        out.put(&text)?;
        out.put("</attributes></event-type>\n")?;
    }
    out.put("</event-types>\n<objects>\n")?;
    stage.each_object(|id, kind| {
        out.put(&format!("<object id=\"{}\" type=\"{}\"><attributes/></object>\n", escaped(id), escaped(kind)))
    })?;
    out.put("</objects>\n<events>\n")?;
    stage.each_event(|event| {
        let [id, kind, at] = [&event.id, &event.kind, &event.at].map(|text| escaped(text));
        let mut text = format!("<event id=\"{id}\" type=\"{kind}\" time=\"{at}\"><attributes>");
        for field in declared(stage, event) {
            let (name, value) = (escaped(&field.name), escaped(&field.value));
            let _ = write!(text, "<attribute name=\"{name}\">{value}</attribute>");
        }
        text.push_str("</attributes><objects>");
        for (id, qualifier) in &event.objects {
            let (id, qualifier) = (escaped(id), escaped(qualifier));
            let _ = write!(text, "<relationship object-id=\"{id}\" qualifier=\"{qualifier}\"/>");
        }
        text.push_str("</objects></event>\n");
        out.put(&text)
    })?;
    out.put("</events>\n</log>\n")?;
    out.finish()
}
