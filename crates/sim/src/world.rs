//! Random worlds: small organisations with their customers, each from one number, in which whatever a view has to get right
//! comes up: ties in time, promises kept to the microsecond and broken by one, requests without a number, scores out of
//! range, days that last 23 hours.
//!
//! A world is made to be asked about in two ways that have nothing in common: by the program, and by the oracle of this crate.

mod charter;
mod lives;
mod questions;

use std::collections::BTreeMap;
use std::fmt;

use ::charter::{Answer, Charter, Facts};
use event::{Column, Timestamp, Value};

use crate::Random;

/// A small organisation and everything that is known of its customers.
#[derive(Debug, Clone)]
pub struct World {
    /// The number from which it was made.
    pub seed: u64,
    /// Its charter, as it is written.
    pub text: String,
    /// Its charter, as it is read.
    pub charter: Charter,
    /// The events in the order of arrival.
    pub events: Vec<Event>,
    /// What is asked about it.
    pub questions: Vec<Question>,
}

/// One event.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Whose it is.
    pub customer: i64,
    /// What happened, as the event calls it.
    pub name: String,
    /// When, in microseconds since 1970.
    pub at_us: i64,
    /// When it was received.
    pub received_us: i64,
    /// `channel`, `source`, `resource`, `department` and `case_id`, as far as it has them.
    pub columns: BTreeMap<&'static str, String>,
    /// Its properties; what looks like a number is one.
    pub properties: BTreeMap<&'static str, String>,
}

/// A question to one view.
#[derive(Debug, Clone, Default)]
pub struct Question {
    /// The view.
    pub view: &'static str,
    /// Its options.
    pub options: Vec<(&'static str, String)>,
    /// The options that all views take (`journey`, `where`, `events`, `segment`, `from`, `to`, `compare`).
    pub selection: Vec<(&'static str, String)>,
}

impl World {
    /// The world of this number.
    ///
    /// # Panics
    /// When its charter is wrong, which is a mistake of this module.
    pub fn new(seed: u64) -> Self {
        let mut random = Random::member(seed, 1);
        let (setting, text) = charter::write(&mut random);
        let charter = Charter::parse(&text).unwrap_or_else(|wrong| panic!("world {seed}: {wrong:#?}\n{text}")).0;
        let events = lives::live(&mut Random::member(seed, 2), &setting, &charter);
        let questions = questions::ask(&mut Random::member(seed, 3), &charter, &events);
        Self { seed, text, charter, events, questions }
    }
}

impl World {
    /// Its events as a file, a row each, with a heading; none of the values needs quotes.
    pub fn csv(&self) -> String {
        let (columns, properties) = (["channel", "source", "resource", "department", "case_id"], lives::PROPERTIES);
        let names: Vec<&str> = columns.into_iter().chain(properties).collect();
        let mut text = format!("user_id,event,at,received_at,{}\n", names.join(","));
        for event in &self.events {
            let time = |us: i64| Timestamp::from_micros(us).to_string();
            let value = |name: &&str| event.columns.get(name).or_else(|| event.properties.get(name)).cloned();
            let quoted = |text: String| if text.contains(',') { format!("\"{text}\"") } else { text };
            let values: Vec<String> = names.iter().map(|name| quoted(value(name).unwrap_or_default())).collect();
            let (at, received) = (time(event.at_us), time(event.received_us));
            let row = format!("c{},{},{at},{received},{}\n", event.customer, event.name, values.join(","));
            text.push_str(&row);
        }
        text
    }
}

impl Question {
    /// The value of an option of the view.
    pub fn option(&self, name: &str) -> Option<&str> {
        self.options.iter().find(|(option, _)| *option == name).map(|(_, value)| value.as_str())
    }

    /// The value of an option that all views take.
    pub fn select(&self, name: &str) -> Option<&str> {
        self.selection.iter().find(|(option, _)| *option == name).map(|(_, value)| value.as_str())
    }
}

/// As it is typed.
impl fmt::Display for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "view {}", self.view)?;
        let options = self.options.iter().chain(&self.selection);
        options.into_iter().try_for_each(|(name, value)| write!(f, " --{} {value:?}", name.replace('_', "-")))
    }
}

impl Facts for Event {
    fn get(&self, column: &Column) -> Answer<'_> {
        match column {
            Column::Event => Value::Text(&self.name).into(),
            Column::At => Value::Time(Timestamp::from_micros(self.at_us)).into(),
            Column::ReceivedAt => Value::Time(Timestamp::from_micros(self.received_us)).into(),
            Column::Property(path) => match self.properties.get(path.join(".").as_str()) {
                Some(text) => text.parse().map_or(Value::Text(text), Value::Float).into(),
                None => Value::Null.into(),
            },
            named => {
                let value = self.columns.get(named.to_string().as_str());
                value.map_or(Value::Null, |text| Value::Text(text)).into()
            }
        }
    }
}
