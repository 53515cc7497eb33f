//! Reading typed values out of the YAML tree, collecting every problem on the way.
//!
//! Each `read_…` returns `None` after reporting what is wrong, and reading goes on, so that one run reports all
//! mistakes.

mod names;
mod times;

use std::ops::Range;

use event::Column;
use jiff::tz::TimeZone;

use crate::actions::WINDOW_MAX;
use crate::condition::{Condition, ConditionError, EventColumns};
use crate::nearest;
use crate::pattern::Pattern;
use crate::problem::{Code, Problem};
use crate::words::{CustomerWords, Fact};
use crate::yaml::{Node, Scalar, Value};

pub(crate) use names::{Kind, Names};

/// The state of reading one charter.
pub(crate) struct Reader<'t> {
    text: &'t str,
    pub(crate) problems: Vec<Problem>,
    pub(crate) zone: TimeZone,
    pub(crate) names: Names,
}

/// The entries of a map whose keys are known in advance.
pub(crate) struct Fields<'n> {
    what: &'static str,
    node: &'n Node,
    /// Keys that do not exist, which were reported.
    unknown: Vec<&'n str>,
}

impl<'n> Fields<'n> {
    /// The value of a key; `None` where it is missing or nothing.
    pub(crate) fn get(&self, key: &str) -> Option<&'n Node> {
        let Value::Map(entries) = &self.node.value else { return None };
        let found = entries.iter().find(|(k, _)| k.scalar().is_some_and(|s| s.text == key));
        found.map(|(_, value)| value).filter(|value| !value.is_null())
    }

    /// Whether a key is missing, and not just misspelt, which has been reported.
    pub(crate) fn is_missing(&self, key: &str) -> bool {
        // What is not even a map has been reported as that.
        let readable = matches!(self.node.value, Value::Map(_)) || self.node.is_null();
        readable && self.get(key).is_none() && nearest::nearest(key, self.unknown.iter().copied()).is_none()
    }

    /// Where the whole map stands.
    pub(crate) fn bytes(&self) -> Range<usize> {
        self.node.bytes.clone()
    }
}

impl<'t> Reader<'t> {
    pub(crate) fn new(text: &'t str) -> Self {
        Self { text, problems: Vec::new(), zone: TimeZone::UTC, names: Names::default() }
    }

    pub(crate) fn report(&mut self, code: Code, bytes: Range<usize>, reason: impl Into<String>, hint: Option<String>) {
        self.problems.push(Problem::at(code, self.text, bytes, reason.into(), hint));
    }

    /// The line on which a part of the text begins, from 1.
    pub(crate) fn line(&self, bytes: &Range<usize>) -> usize {
        self.text.bytes().take(bytes.start).filter(|b| *b == b'\n').count() + 1
    }

    fn wrong_type(&mut self, node: &Node, wanted: &str, hint: Option<String>) {
        let reason = format!("{wanted} is needed here, but this is {}", node.kind());
        self.report(Code::WrongType, node.bytes.clone(), reason, hint);
    }

    /// A map that may only have the keys of `known`.
    pub(crate) fn fields<'n>(&mut self, node: &'n Node, what: &'static str, known: &[&str]) -> Fields<'n> {
        let mut unknown = Vec::new();
        for (key, _) in self.entries(node, what) {
            if !known.contains(&key.text) {
                let hint = nearest::hint(key.text, known.iter().copied());
                self.report(Code::UnknownKey, key.bytes, format!("{what} has no key `{}`", key.text), hint);
                unknown.push(key.text);
            }
        }
        Fields { what, node, unknown }
    }

    /// The entries of a map whose keys are names; nothing at all is an empty map.
    pub(crate) fn entries<'n>(&mut self, node: &'n Node, what: &str) -> Vec<(Name<'n>, &'n Node)> {
        let Value::Map(entries) = &node.value else {
            if !node.is_null() {
                self.wrong_type(node, "a map", Some(format!("{what} is written as `key: value` pairs")));
            }
            return Vec::new();
        };
        let mut named = Vec::with_capacity(entries.len());
        for (key, value) in entries {
            match key.scalar() {
                Some(scalar) if !scalar.text.is_empty() => {
                    named.push((Name { text: &scalar.text, bytes: key.bytes.clone() }, value));
                }
                _ => self.wrong_type(key, "a name", None),
            }
        }
        named
    }

    /// The value of a key that has to be there.
    pub(crate) fn required<'n>(&mut self, fields: &Fields<'n>, key: &str) -> Option<&'n Node> {
        if fields.is_missing(key) {
            self.report(Code::MissingKey, fields.bytes(), format!("{} needs `{key}:`", fields.what), None);
        }
        fields.get(key)
    }

    /// A text. Numbers and truth values are not quietly taken for texts: `no` and `1.10` were seldom meant as they
    /// read.
    pub(crate) fn text(&mut self, node: &Node) -> Option<String> {
        let Some(scalar) = node.scalar() else {
            self.wrong_type(node, "a text", None);
            return None;
        };
        if node.is_null() || scalar.truth().is_some() || scalar.number().is_some() {
            let hint = Some(format!("put it in quotes: \"{}\"", scalar.text));
            self.wrong_type(node, "a text", hint);
            return None;
        }
        Some(scalar.text.clone())
    }

    /// A value that stands for itself as data: a text, number or truth value, as its text.
    pub(crate) fn datum(&mut self, node: &Node) -> Option<String> {
        match node.scalar() {
            Some(scalar) if !node.is_null() => Some(scalar.text.clone()),
            _ => {
                self.wrong_type(node, "a value", None);
                None
            }
        }
    }

    pub(crate) fn flag(&mut self, node: &Node) -> Option<bool> {
        let found = node.scalar().and_then(Scalar::truth);
        if found.is_none() {
            let word = node.scalar().map(|s| s.text.to_lowercase());
            let hint = match word.as_deref() {
                Some("yes" | "on" | "y") => Some("write `true`".to_owned()),
                Some("no" | "off" | "n") => Some("write `false`".to_owned()),
                _ => Some("write `true` or `false`, without quotes".to_owned()),
            };
            self.wrong_type(node, "true or false", hint);
        }
        found
    }

    pub(crate) fn number(&mut self, node: &Node) -> Option<f64> {
        let found = node.scalar().and_then(Scalar::number);
        if found.is_none() {
            self.wrong_type(node, "a number", None);
        }
        found
    }

    /// A number between `least` and `most`.
    pub(crate) fn number_within(&mut self, node: &Node, least: f64, most: f64) -> Option<f64> {
        let number = self.number(node)?;
        if (least..=most).contains(&number) {
            return Some(number);
        }
        let range = if most.is_finite() { format!("between {least} and {most}") } else { format!("at least {least}") };
        self.report(Code::OutOfRange, node.bytes.clone(), format!("a number {range} is needed here"), None);
        None
    }

    /// A whole number, at least `least`.
    pub(crate) fn whole(&mut self, node: &Node, least: u32) -> Option<u32> {
        let number = self.number(node)?;
        let found = node.scalar().and_then(|s| s.text.parse().ok()).filter(|n| *n >= least);
        if found.is_none() {
            let reason = format!("a whole number of at least {least} is needed here, not {number}");
            self.report(Code::OutOfRange, node.bytes.clone(), reason, None);
        }
        found
    }

    /// One word of a fixed list.
    pub(crate) fn word<T: Copy>(&mut self, node: &Node, what: &str, known: &[(&str, T)]) -> Option<T> {
        let text = self.text(node)?;
        let found = known.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
        if found.is_none() {
            let hint = nearest::hint(&text, known.iter().map(|(word, _)| *word));
            self.report(Code::BadValue, node.bytes.clone(), format!("`{text}` is not {what}"), hint);
        }
        found
    }

    /// A name that the charter has to define somewhere.
    pub(crate) fn reference(&mut self, node: &Node, kind: Kind) -> Option<String> {
        let name = self.text(node)?;
        self.check_reference(&name, kind, node.bytes.clone()).then_some(name)
    }

    /// Names that the charter has to define; one alone need not be written as a list.
    pub(crate) fn references(&mut self, node: &Node, kind: Kind) -> Vec<String> {
        node.items().into_iter().filter_map(|item| self.reference(item, kind)).collect()
    }

    pub(crate) fn check_reference(&mut self, name: &str, kind: Kind, bytes: Range<usize>) -> bool {
        if self.names.use_name(kind, name) {
            return true;
        }
        let known = || self.names.of(kind).iter().map(String::as_str);
        if kind == Kind::Channel && nearest::nearest(name, known()).is_none() {
            // Events may bring channels that nobody thought of, so only a slip of the pen is an error.
            let hint = Some("add it under `channels:`".to_owned());
            self.report(Code::UnlistedChannel, bytes, format!("`{name}` is not in the list of channels"), hint);
            return true;
        }
        let hint = nearest::hint(name, known()).or_else(|| Some(format!("define it under `{}:`", kind.section())));
        self.report(Code::UnknownName, bytes, format!("there is no {} `{name}`", kind.noun()), hint);
        false
    }

    pub(crate) fn column(&mut self, node: &Node) -> Option<Column> {
        let text = self.text(node)?;
        let column = Column::from_parts(text.split('.')).filter(|_| !text.split('.').any(str::is_empty));
        if column.is_none() {
            let known = Column::NAMED.iter().map(|(name, _)| *name).chain(["properties.…", "traits.…"]);
            let hint = nearest::hint(&text, known);
            self.report(Code::UnknownColumn, node.bytes.clone(), format!("an event has no column `{text}`"), hint);
        }
        column
    }

    /// A condition over the columns of an event.
    pub(crate) fn condition(&mut self, node: &Node) -> Option<Condition> {
        let text = self.condition_text(node)?;
        let parsed = Condition::parse(&text, &self.zone);
        self.checked(node, parsed)
    }

    /// A condition over an event that has become a moment, or, where `live`, over what is known about its customer.
    pub(crate) fn fact_condition(&mut self, node: &Node, live: bool) -> Option<Condition<Fact>> {
        let text = self.condition_text(node)?;
        let words = CustomerWords { names: &self.names, live };
        let parsed = Condition::parse_with(&text, &words, &self.zone);
        let condition = self.checked(node, parsed)?;
        if live {
            self.check_windows(node, &condition);
            for channel in condition.compared_with(&Fact::Event(Column::Channel)) {
                self.check_reference(channel, Kind::Channel, node.bytes.clone());
            }
        }
        Some(condition)
    }

    /// That no count inside of a window is compared with more than is known of it.
    fn check_windows(&mut self, node: &Node, condition: &Condition<Fact>) {
        for fact in condition.columns() {
            let Fact::Feature(name) = fact else { continue };
            let beyond = |number: &f64| *number > f64::from(WINDOW_MAX);
            let beyond = condition.numbers_compared_with(fact).into_iter().find(beyond);
            if let Some(beyond) = beyond.filter(|_| self.names.windowed.contains(name)) {
                let reason =
                    format!("`{name}` counts up to {WINDOW_MAX} within its time, and is compared with {beyond}");
                let hint = Some("count over a shorter time, or without `within`".to_owned());
                self.report(Code::OutOfRange, node.bytes.clone(), reason, hint);
            }
        }
    }

    /// The text of a condition; `true` alone is one too, which YAML takes for a truth value.
    pub(crate) fn condition_text(&mut self, node: &Node) -> Option<String> {
        match node.scalar().and_then(Scalar::truth) {
            Some(truth) => Some(truth.to_string()),
            None => self.text(node),
        }
    }

    /// The condition, or nothing after saying what is wrong with it.
    pub(crate) fn checked<C>(
        &mut self,
        node: &Node,
        parsed: Result<Condition<C>, ConditionError>,
    ) -> Option<Condition<C>> {
        parsed
            .map_err(|error| {
                let bytes = node.inside(&error.bytes);
                self.report(Code::BadCondition, bytes, error.fault.to_string(), error.hint);
            })
            .ok()
    }

    /// A pattern, whose moments and channels have to exist.
    pub(crate) fn pattern(&mut self, node: &Node) -> Option<Pattern> {
        let text = self.text(node)?;
        match Pattern::parse(&text) {
            Ok(pattern) => {
                for moment in pattern.moments() {
                    self.check_reference(&moment.name, Kind::Moment, node.inside(&moment.bytes));
                }
                for channel in pattern.channels() {
                    self.check_reference(&channel.name, Kind::Channel, node.inside(&channel.bytes));
                }
                Some(pattern)
            }
            Err(error) => {
                self.report(Code::BadPattern, node.inside(&error.bytes), error.reason, error.hint);
                None
            }
        }
    }

    /// Whether a name would hide a column of the events in conditions; reported where it does.
    pub(crate) fn check_not_a_column(&mut self, name: &Name<'_>) {
        let words = CustomerWords { names: &self.names, live: false };
        let taken = crate::condition::Vocabulary::find(&words, &[name.text]).is_some()
            || crate::condition::Vocabulary::find(&EventColumns, &[name.text]).is_some();
        if taken {
            let reason = format!("`{}` has a meaning in conditions already", name.text);
            self.report(Code::Contradiction, name.bytes.clone(), reason, Some("choose another name".to_owned()));
        }
    }
}

/// A key of a map, and where it stands.
#[derive(Debug, Clone)]
pub(crate) struct Name<'n> {
    pub(crate) text: &'n str,
    pub(crate) bytes: Range<usize>,
}

impl Name<'_> {
    pub(crate) fn owned(&self) -> String {
        self.text.to_owned()
    }
}
