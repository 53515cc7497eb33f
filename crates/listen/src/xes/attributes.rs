//! The attributes of a log, trace or event, written as JSON while they are read.

use quick_xml::events::BytesStart;

use crate::json;
use crate::limits::XML_DEPTH_MAX;
use crate::xml;

use super::Failure;

/// The attributes of one log, trace or event; its memory is used again for the next.
pub(super) struct Attributes {
    /// The attributes with a role: their names, and values as text.
    roles: Vec<(&'static str, Option<String>)>,
    /// An attribute whose value is wanted too, although it stays among the others.
    watched: Option<(String, Option<String>)>,
    prefix: &'static str,
    /// The others: `{"a":1,"b":2`, or nothing.
    json: String,
    open: Vec<Open>,
    pub(super) outside_trace: bool,
}

/// An attribute that has been opened and not closed.
struct Open {
    kind: Kind,
    /// Whether it has had attributes of its own.
    children: bool,
    /// Where in the JSON it begins, if it has a role and therefore only stays if it has children.
    undo: Option<usize>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// With this value, which has been written.
    Scalar {
        value_at: usize,
    },
    List,
    Container,
    /// `<values>` of a list, which adds nothing.
    Values,
}

impl Attributes {
    pub(super) fn new(roles: &[&'static str], prefix: &'static str) -> Self {
        Self::with_watched(roles, prefix, None)
    }

    pub(super) fn with_watched(roles: &[&'static str], prefix: &'static str, watched: Option<&str>) -> Self {
        Self {
            roles: roles.iter().map(|role| (*role, None)).collect(),
            watched: watched.map(|name| (name.to_owned(), None)),
            prefix,
            json: String::new(),
            open: Vec::new(),
            outside_trace: false,
        }
    }

    pub(super) fn clear(&mut self) {
        self.roles.iter_mut().for_each(|(_, value)| *value = None);
        if let Some((_, value)) = &mut self.watched {
            *value = None;
        }
        self.json.clear();
        self.open.clear();
    }

    /// The value of an attribute with a role; blank ones are none.
    pub(super) fn get(&self, role: &str) -> Option<&str> {
        let found = self.roles.iter().find(|(name, _)| *name == role)?;
        found.1.as_deref().filter(|value| !value.trim().is_empty())
    }

    /// The value of the attribute that is watched.
    pub(super) fn watched(&self) -> Option<&str> {
        self.watched.as_ref()?.1.as_deref().filter(|value| !value.trim().is_empty())
    }

    /// The other attributes: `{"a":1,"b":2`, or nothing.
    pub(super) fn members(&self) -> &str {
        &self.json
    }

    /// The other attributes as a JSON object; they are gone afterwards.
    pub(super) fn take(&mut self) -> String {
        let mut json = std::mem::take(&mut self.json);
        json.push_str(if json.is_empty() { "{}" } else { "}" });
        json
    }

    /// Takes in an attribute element.
    pub(super) fn open(&mut self, element: &BytesStart<'_>, empty: bool) -> Result<(), Failure> {
        let tag = element.name();
        if tag.as_ref() == "values" {
            if !empty {
                self.open.push(Open { kind: Kind::Values, children: false, undo: None });
            }
            return Ok(());
        }
        if self.open.len() >= XML_DEPTH_MAX {
            return Err(Failure::What(format!("attributes nested more than {XML_DEPTH_MAX} deep")));
        }
        let [key, value] = xml::attributes(element, ["key", "value"])?;
        let Some(key) = key else { return Err(Failure::What(format!("<{}> without a key", tag.as_ref()))) };
        let value = value.unwrap_or_default();
        let mut undo = None;
        if self.open.is_empty() {
            if let Some((_, text)) = self.watched.as_mut().filter(|(name, _)| *name == *key) {
                *text = Some(value.clone().into_owned());
            }
            if let Some((_, text)) = self.roles.iter_mut().find(|(role, _)| *role == key) {
                *text = Some(value.clone().into_owned());
                if empty {
                    return Ok(());
                }
                undo = Some(self.json.len());
            }
        }
        self.name(&key);
        let kind = match tag.as_ref() {
            "list" => Kind::List,
            "container" => Kind::Container,
            _ => Kind::Scalar { value_at: self.json.len() },
        };
        match kind {
            Kind::List => self.json.push('['),
            Kind::Container => self.json.push('{'),
            _ => push_value(&mut self.json, tag.as_ref(), &value),
        }
        self.open.push(Open { kind, children: false, undo });
        if empty {
            self.close();
        }
        Ok(())
    }

    /// Writes the name of an attribute inside the one that is open, making that one an object if need be.
    fn name(&mut self, key: &str) {
        let parent = self.open.iter_mut().rev().find(|open| open.kind != Kind::Values);
        let Some(parent) = parent else {
            self.json.push(if self.json.is_empty() { '{' } else { ',' });
            let full = [self.prefix, key].concat();
            json::push_string(&mut self.json, &full);
            self.json.push(':');
            return;
        };
        if let (Kind::Scalar { value_at }, false) = (parent.kind, parent.children) {
            self.json.insert_str(value_at, "{\"value\":");
            self.json.push_str(",\"attributes\":{");
        } else if parent.children {
            self.json.push(',');
        }
        if parent.kind == Kind::List {
            self.json.push('{');
        }
        parent.children = true;
        json::push_string(&mut self.json, key);
        self.json.push(':');
    }

    /// Closes the attribute that was opened last.
    pub(super) fn close(&mut self) {
        let Some(open) = self.open.pop() else { return };
        match open.kind {
            Kind::Scalar { .. } if open.children => self.json.push_str("}}"),
            Kind::List => self.json.push(']'),
            Kind::Container => self.json.push('}'),
            Kind::Scalar { .. } | Kind::Values => {}
        }
        if let (Some(start), false) = (open.undo, open.children) {
            self.json.truncate(start);
        }
        let parent = self.open.iter().rev().find(|open| open.kind != Kind::Values);
        if open.kind != Kind::Values && parent.is_some_and(|parent| parent.kind == Kind::List) {
            self.json.push('}');
        }
    }
}

/// Writes a value as its type says; one that is not of its type stays a text.
fn push_value(out: &mut String, tag: &str, value: &str) {
    match tag {
        "int" => match value.trim().parse() {
            Ok(number) => json::push_int(out, number),
            Err(_) => json::push_string(out, value),
        },
        "float" => match value.trim().parse::<f64>() {
            Ok(number) if number.is_finite() => json::push_float(out, number),
            _ => json::push_string(out, value),
        },
        "boolean" => match value.trim() {
            "true" | "1" => out.push_str("true"),
            "false" | "0" => out.push_str("false"),
            _ => json::push_string(out, value),
        },
        _ => json::push_string(out, value),
    }
}
