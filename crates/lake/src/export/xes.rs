//! XES: one trace a customer.

use std::fmt::Write as _;

use super::fields::{Field, Kind, field, fields, members};
use super::xml::escaped;
use super::{Out, Row, Write};
use crate::error::Error;

pub(super) struct XesOut {
    out: Out,
    open: bool,
}

/// Properties with this prefix are the trace's, not the event's, as the import of XES writes them.
const OF_TRACE: &str = "case:";

/// How XES calls what an event has of its own, in the order of [`fields`].
const COLUMNS: [&str; 6] = ["channel", "source", "org:resource", "org:group", "case_id", "lifecycle:transition"];

/// What else has a meaning.
const TAKEN: [&str; 3] = ["concept:name", "time:timestamp", "identity:id"];

impl XesOut {
    pub(super) fn new(mut out: Out) -> Result<Self, Error> {
        out.put(concat!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n",
            "<log xes.version=\"1849-2016\" xmlns=\"http://www.xes-standard.org/\">\n",
            "<extension name=\"Concept\" prefix=\"concept\" uri=\"http://www.xes-standard.org/concept.xesext\"/>\n",
            "<extension name=\"Time\" prefix=\"time\" uri=\"http://www.xes-standard.org/time.xesext\"/>\n",
            "<extension name=\"Organizational\" prefix=\"org\" uri=\"http://www.xes-standard.org/org.xesext\"/>\n",
            "<extension name=\"Lifecycle\" prefix=\"lifecycle\" uri=\"http://www.xes-standard.org/lifecycle.xesext\"/>\n",
            "<extension name=\"Identity\" prefix=\"identity\" uri=\"http://www.xes-standard.org/identity.xesext\"/>\n",
        ))?;
        Ok(Self { out, open: false })
    }
}

fn attribute(field: &Field<'_>, out: &mut String) {
    let tag = match field.kind {
        Kind::Truth => "boolean",
        Kind::Integer => "int",
        Kind::Float => "float",
        Kind::Text => "string",
    };
    let _ = writeln!(out, "<{tag} key=\"{}\" value=\"{}\"/>", escaped(&field.name), escaped(&field.value));
}

fn text(key: &'static str, value: &str, out: &mut String) {
    attribute(&Field { name: key.into(), kind: Kind::Text, value: value.into() }, out);
}

impl Write for XesOut {
    fn event(&mut self, row: &Row<'_>) -> Result<(), Error> {
        let mut out = String::new();
        if row.new_customer {
            out.push_str(if self.open { "</trace>\n<trace>\n" } else { "<trace>\n" });
            self.open = true;
            text("concept:name", row.customer, &mut out);
            for (name, json) in members(row.properties) {
                if let Some(field) = name.strip_prefix(OF_TRACE).and_then(|name| field(name.to_owned(), json.get())) {
                    attribute(&field, &mut out);
                }
            }
        }
        out.push_str("<event>\n");
        text("concept:name", row.event, &mut out);
        let at = row.at.to_jiff().strftime("%Y-%m-%dT%H:%M:%S%.6f+00:00");
        let _ = writeln!(out, "<date key=\"time:timestamp\" value=\"{at}\"/>");
        text("identity:id", row.message_id, &mut out);
        let own = fields(row, COLUMNS, &TAKEN);
        own.iter().filter(|field| !field.name.starts_with(OF_TRACE)).for_each(|field| attribute(field, &mut out));
        out.push_str("</event>\n");
        self.out.put(&out)
    }

    fn finish(mut self: Box<Self>) -> Result<(), Error> {
        self.out.put(if self.open { "</trace>\n</log>\n" } else { "</log>\n" })?;
        self.out.finish()
    }
}
