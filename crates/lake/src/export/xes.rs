//! XES: one trace a customer.

use std::fmt::Write as _;

use serde_json::Value;

use super::{Out, Row, Write, members};
use crate::error::Error;

pub(super) struct XesOut {
    out: Out,
    trace: Option<i64>,
}

/// Properties with this prefix are the trace's, not the event's, as the import of XES writes them.
const OF_TRACE: &str = "case:";

impl XesOut {
    pub(super) fn new(mut out: Out) -> Result<Self, Error> {
        out.put(concat!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n",
            "<log xes.version=\"1849-2016\" xmlns=\"http://www.xes-standard.org/\">\n",
            "<extension name=\"Concept\" prefix=\"concept\" uri=\"http://www.xes-standard.org/concept.xesext\"/>\n",
            "<extension name=\"Time\" prefix=\"time\" uri=\"http://www.xes-standard.org/time.xesext\"/>\n",
            "<extension name=\"Organizational\" prefix=\"org\" uri=\"http://www.xes-standard.org/org.xesext\"/>\n",
            "<extension name=\"Lifecycle\" prefix=\"lifecycle\" uri=\"http://www.xes-standard.org/lifecycle.xesext\"/>\n",
        ))?;
        Ok(Self { out, trace: None })
    }
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' => out.push_str("&#10;"),
            '\r' => out.push_str("&#13;"),
            '\t' => out.push_str("&#9;"),
            // XML 1.0 has no way to write these.
            '\0'..' ' | '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

fn attribute(key: &str, value: &Value, out: &mut String) {
    let simple = |kind: &str, value: &str| format!("<{kind} key=\"{}\" value=\"{}\"/>\n", escaped(key), escaped(value));
    match value {
        Value::Null => {}
        Value::Bool(truth) => out.push_str(&simple("boolean", &truth.to_string())),
        Value::Number(n) if n.is_i64() => out.push_str(&simple("int", &n.to_string())),
        Value::Number(n) => out.push_str(&simple("float", &n.to_string())),
        Value::String(text) => out.push_str(&simple("string", text)),
        nested => out.push_str(&simple("string", &nested.to_string())),
    }
}

impl Write for XesOut {
    fn event(&mut self, row: &Row<'_>) -> Result<(), Error> {
        let mut text = String::new();
        let properties = members(row.properties);
        if self.trace != Some(row.customer) {
            if self.trace.is_some() {
                text.push_str("</trace>\n");
            }
            self.trace = Some(row.customer);
            text.push_str("<trace>\n");
            attribute("concept:name", &row.key.1.into(), &mut text);
            for (key, value) in &properties {
                if let Some(key) = key.strip_prefix(OF_TRACE) {
                    attribute(key, value, &mut text);
                }
            }
        }
        text.push_str("<event>\n");
        let at = row.at.to_jiff().strftime("%Y-%m-%dT%H:%M:%S%.6f+00:00");
        let _ = writeln!(text, "<date key=\"time:timestamp\" value=\"{at}\"/>");
        let named = [
            ("concept:name", Some(row.event)),
            ("org:resource", row.resource),
            ("org:group", row.department),
            ("lifecycle:transition", row.phase),
            ("channel", row.channel),
            ("case_id", row.case_id),
        ];
        for (key, value) in named {
            attribute(key, &value.map_or(Value::Null, Value::from), &mut text);
        }
        let own = properties.iter().filter(|(key, _)| !key.starts_with(OF_TRACE));
        own.for_each(|(key, value)| attribute(key, value, &mut text));
        text.push_str("</event>\n");
        self.out.put(&text)
    }

    fn finish(mut self: Box<Self>) -> Result<(), Error> {
        self.out.put(if self.trace.is_some() { "</trace>\n</log>\n" } else { "</log>\n" })?;
        self.out.finish()
    }
}
