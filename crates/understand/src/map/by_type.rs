//! The maps of several types of objects side by side: one event may be a step of an order and of each of its items.
//!
//! This is the object-centric directly-follows graph: every edge belongs to one type, and counts each object that took it
//! ("total objects" in Berti and van der Aalst, "OC-PM: analyzing object-centric event logs and process models", 2023;
//! `customers` is their "unique objects").

use std::any::Any;
use std::slice;
use std::sync::Arc;

use evidence::Doubt;
use schemars::{JsonSchema, schema_for};
use serde::{Deserialize, Serialize};

use super::{Answer, Options};
use crate::question::Question;
use crate::table::{Cell, Table};
use crate::views::Answered;

/// The map of each of several types of objects.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ByType {
    /// The types, in the order in which they were asked for.
    pub types: Vec<OfType>,
}

/// The map of one type of objects.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OfType {
    /// The type of the objects whose journeys these are; `customers` counts them.
    pub of: String,
    /// Their map.
    pub answer: Answer,
}

impl ByType {
    /// The JSON Schema of the answer.
    pub fn schema() -> serde_json::Value {
        schema_for!(Self).to_value()
    }
}

impl Answered for ByType {
    fn view(&self) -> &'static str {
        Options::NAME
    }

    fn json(&self, indented: bool) -> String {
        let text = if indented { serde_json::to_string_pretty(self) } else { serde_json::to_string(self) };
        text.expect("answers are made of texts, numbers and lists")
    }

    /// The tables of each type below each other, with the type in the first column.
    fn tables(&self) -> Vec<Table> {
        let mut all: Vec<Table> = Vec::new();
        for OfType { of, answer } in &self.types {
            for (at, table) in super::tables(answer).into_iter().enumerate() {
                let name = Cell::Text(Arc::from(of.as_str()));
                let rows = table.rows.into_iter().map(|row| [slice::from_ref(&name), row.as_slice()].concat());
                let notes = table.notes.into_iter().map(|note| format!("{of}: {note}"));
                if all.len() == at {
                    let headers = std::iter::once("of".to_owned()).chain(table.headers).collect();
                    all.push(Table { title: table.title, headers, rows: Vec::new(), notes: Vec::new() });
                }
                all[at].rows.extend(rows);
                all[at].notes.extend(notes);
            }
        }
        all
    }

    fn doubt(&mut self, doubt: Doubt) {
        self.types.iter_mut().for_each(|of| of.answer.doubts.push(doubt.clone()));
    }

    fn answer(&self) -> &dyn Any {
        self
    }
}
