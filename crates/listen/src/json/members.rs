//! The members of a JSON object as they stand in the text, without building a tree.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;

use serde::Deserializer as _;
use serde::de::{MapAccess, Visitor};
use serde_json::value::RawValue;

/// The members of an object, in order: names, and values as JSON text.
#[derive(Debug, Default)]
pub(crate) struct Members<'a>(pub(crate) Vec<(Cow<'a, str>, &'a str)>);

impl<'a> Members<'a> {
    /// Reads the text of an object.
    pub(crate) fn parse(text: &'a str) -> Result<Self, serde_json::Error> {
        // Growing costs more than room that is not used; most objects have fewer.
        let mut members = Members(Vec::with_capacity(12));
        members.fill(text)?;
        Ok(members)
    }

    /// As [`parse`](Self::parse), into the memory of members that are no longer needed.
    pub(crate) fn fill(&mut self, text: &'a str) -> Result<(), serde_json::Error> {
        self.0.clear();
        let mut json = serde_json::Deserializer::from_str(text);
        json.deserialize_map(Filling(&mut self.0))?;
        json.end()
    }

    /// The value of a member as JSON text; of several with the name, the last. `null` is no value.
    pub(crate) fn get(&self, name: &str) -> Option<&'a str> {
        let found = self.0.iter().rev().find(|(known, _)| known == name).map(|(_, value)| *value);
        found.filter(|value| *value != "null")
    }

    /// These members, with those of `beneath` before them that they do not have.
    pub(crate) fn over(self, beneath: &Members<'a>) -> Self {
        if beneath.0.is_empty() {
            return self;
        }
        // Somebody may send thousands of members, and as many of them again.
        let names: BTreeSet<&str> = self.0.iter().map(|(name, _)| name.as_ref()).collect();
        let mut both: Vec<_> = beneath.0.iter().filter(|(name, _)| !names.contains(name.as_ref())).cloned().collect();
        both.extend(self.0);
        Members(both)
    }

    /// Without the member of this name.
    pub(crate) fn remove(&mut self, name: &str) {
        self.0.retain(|(known, _)| known != name);
    }

    /// With this member, whatever it was before.
    pub(crate) fn set(&mut self, name: &'static str, value: &'a str) {
        self.remove(name);
        self.0.push((Cow::Borrowed(name), value));
    }

    /// The text of an object with these members.
    pub(crate) fn to_json(&self) -> String {
        let mut out = String::new();
        push_members(&mut out, self, &[]);
        if out.is_empty() { "{}".to_owned() } else { out + "}" }
    }
}

struct Filling<'m, 'a>(&'m mut Vec<(Cow<'a, str>, &'a str)>);

impl<'a> Visitor<'a> for Filling<'_, 'a> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key::<Name<'a>>()? {
            let value: &'a RawValue = map.next_value()?;
            self.0.push((name.0, value.get()));
        }
        Ok(())
    }
}

/// A member name, borrowed where it has no escapes.
#[derive(serde::Deserialize)]
pub(crate) struct Name<'a>(#[serde(borrow)] pub(crate) Cow<'a, str>);

/// The text of a JSON string, without its escapes; `None` if it is no string.
pub(crate) fn text(json: &str) -> Option<Cow<'_, str>> {
    let inner = json.strip_prefix('"')?.strip_suffix('"')?;
    if memchr::memchr(b'\\', inner.as_bytes()).is_none() {
        return Some(Cow::Borrowed(inner));
    }
    serde_json::from_str(json).ok().map(Cow::Owned)
}

/// The text that a JSON value is as an identifier: strings without quotes, numbers as they stand, blank ones not at
/// all.
pub(crate) fn identifier(json: &str) -> Option<Cow<'_, str>> {
    let identifier = match json.as_bytes().first()? {
        b'"' => text(json)?,
        b'-' | b'0'..=b'9' => Cow::Borrowed(json),
        _ => return None,
    };
    Some(identifier).filter(|text| !text.trim().is_empty())
}

/// Appends the members of an object to one that is being written (see [`push_name`](super::push_name)), apart from
/// those named.
pub(crate) fn push_members(out: &mut String, object: &Members<'_>, except: &[&str]) {
    for (name, value) in object.0.iter().filter(|(name, _)| !except.contains(&name.as_ref())) {
        super::push_name(out, name);
        out.push_str(value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_keep_order_and_text() {
        let members =
            Members::parse(r#" {"a": 1.50, "b\n":"x\"y", "c": {"d":[1, 2]}, "a": null} "#).expect("an object");
        let names: Vec<&str> = members.0.iter().map(|(name, _)| name.as_ref()).collect();
        assert_eq!(names, ["a", "b\n", "c", "a"]);
        assert_eq!(members.get("a"), None, "the last one counts, and null is no value");
        assert_eq!(members.get("c"), Some(r#"{"d":[1, 2]}"#));
        assert_eq!(text(members.get("b\n").expect("there")).as_deref(), Some("x\"y"));
    }

    #[test]
    fn other_texts_are_no_objects() {
        for text in ["", "[]", "1", "{", "{}x", "{\"a\":}", "null"] {
            assert!(Members::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn identifiers_are_texts_or_numbers() {
        assert_eq!(identifier("12345678901234567890").as_deref(), Some("12345678901234567890"));
        assert_eq!(identifier("\"u1\"").as_deref(), Some("u1"));
        for none in ["\"\"", "\" \"", "null", "true", "{}", ""] {
            assert_eq!(identifier(none), None, "{none}");
        }
    }
}
