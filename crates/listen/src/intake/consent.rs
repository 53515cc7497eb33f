//! What a message says about what its sender may be asked or told.
//!
//! Source: Segment, "Consent Management" (`context.consent.categoryPreferences`); `RudderStack`, "Add the Consent Object to
//! Event Payloads" (`context.consentManagement`).

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use crate::json::{self, Members};

/// What somebody decided about a purpose.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Consent {
    /// The purpose, by the name that the sender gives it.
    pub purpose: String,
    /// Whether it may be done.
    pub granted: bool,
}

/// The consents that stand in a message, in the order of their purposes. What is both granted and denied is denied; what
/// is neither true nor false is nothing.
///
/// ```
/// let message = r#"{"context":{"consent":{"categoryPreferences":{"Advertising":false,"Analytics":true}}}}"#;
/// let consents = listen::intake::consents(message);
/// assert!(consents[1].purpose == "Analytics" && consents[1].granted && !consents[0].granted);
/// ```
pub fn consents(message: &str) -> Vec<Consent> {
    // Most messages say nothing about it, and need not be looked into.
    if memchr::memmem::find(message.as_bytes(), b"onsent").is_none() {
        return Vec::new();
    }
    let mut known = BTreeMap::new();
    let mut add = |purpose: &str, granted: bool| {
        if !purpose.trim().is_empty() {
            *known.entry(purpose.to_owned()).or_insert(true) &= granted;
        }
    };
    let message = Members::parse(message).ok();
    let context = inner(message.as_ref(), "context");
    let preferences = inner(inner(context.as_ref(), "consent").as_ref(), "categoryPreferences");
    for (purpose, value) in preferences.iter().flat_map(|preferences| &preferences.0) {
        match *value {
            "true" => add(purpose, true),
            "false" => add(purpose, false),
            _ => {}
        }
    }
    let management = inner(context.as_ref(), "consentManagement");
    for (list, granted) in [("allowedConsentIds", true), ("deniedConsentIds", false)] {
        let list = management.as_ref().and_then(|management| management.get(list));
        let ids: Vec<&RawValue> = list.and_then(|list| serde_json::from_str(list).ok()).unwrap_or_default();
        ids.iter().filter_map(|id| json::identifier(id.get())).for_each(|id| add(&id, granted));
    }
    known.into_iter().map(|(purpose, granted)| Consent { purpose, granted }).collect()
}

fn inner<'a>(object: Option<&Members<'a>>, name: &str) -> Option<Members<'a>> {
    Members::parse(object?.get(name)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(context: &str) -> String {
        let said = consents(&format!(r#"{{"type":"track","context":{context}}}"#));
        let said = said.iter().map(|consent| format!("{}{}", if consent.granted { '+' } else { '-' }, consent.purpose));
        said.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn of_both_senders() {
        assert_eq!(
            check(r#"{"consent":{"categoryPreferences":{"b":true,"a":false,"c":"yes","d":null," ":true}}}"#),
            "-a +b"
        );
        assert_eq!(
            check(
                r#"{"consentManagement":{"provider":"oneTrust","allowedConsentIds":["C1",2],"deniedConsentIds":["C3"]}}"#
            ),
            "+2 +C1 -C3"
        );
    }

    #[test]
    fn what_is_denied_anywhere_is_denied() {
        let both = r#"{"consent":{"categoryPreferences":{"a":true,"b":false}},"consentManagement":{"allowedConsentIds":["b"],"deniedConsentIds":["a"]}}"#;
        assert_eq!(check(both), "-a -b");
    }

    #[test]
    fn other_shapes_say_nothing() {
        for context in
            [r#""consent""#, r#"{"consent":[]}"#, r#"{"consentManagement":{"allowedConsentIds":{"a":1}}}"#, "{}"]
        {
            assert_eq!(check(context), "", "{context}");
        }
        assert_eq!(consents("consent"), []);
    }
}
