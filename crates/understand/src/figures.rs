//! Answers as plain figures by name, so that two answers of one view can be set side by side, whatever the view.

use std::collections::BTreeMap;

use schemars::{JsonSchema, schema_for};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::table::{Cell, Table};

/// One figure that differs between two answers to the same question.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Changed {
    /// The view.
    pub view: String,
    /// The figure: its place in the answer, with lists told apart by what stands in them, such as
    /// `edges[visit, order].count`.
    pub figure: String,
    /// What it was; null where there was no such figure.
    pub old: Option<f64>,
    /// What it is; null where there is no such figure.
    pub new: Option<f64>,
    /// `new - old`, a missing figure being 0.
    pub change: f64,
    /// `change` as a share of the larger of the two, from -1 to 1.
    pub relative: f64,
}

/// How two answers of a view differ: the figures that changed.
///
/// Ends of intervals are left out: they follow from the figures. Of what only one answer has, the counts are told and not
/// the shares and times besides.
pub fn changes(view: &str, old: &Value, new: &Value) -> Vec<Changed> {
    let (old, new) = (figures(old), figures(new));
    let mut names: Vec<&String> = old.keys().chain(new.keys()).collect();
    names.sort_unstable();
    names.dedup();
    let both = names.into_iter().map(|name| (name, old.get(name).copied(), new.get(name).copied()));
    let counts = |name: &str| !name.ends_with("_s") && !name.ends_with("share") && !name.contains(".of_");
    let changed = both
        .filter(|(_, old, new)| old.map(f64::to_bits) != new.map(f64::to_bits))
        .filter(|(name, old, new)| (old.is_some() && new.is_some()) || counts(name));
    changed.map(|(figure, old, new)| Changed::of(view, figure, old, new)).collect()
}

/// The largest first: by relative change, of equal ones by the change itself; then by name. What only one answer has comes
/// behind what both have.
pub fn sort_by_size(changes: &mut [Changed]) {
    changes.sort_by(|a, b| {
        let size = |c: &Changed| (c.old.is_some() && c.new.is_some(), c.relative.abs(), c.change.abs());
        let ((a_both, a_relative, a_change), (b_both, b_relative, b_change)) = (size(a), size(b));
        let by_size = b_both.cmp(&a_both).then(b_relative.total_cmp(&a_relative)).then(b_change.total_cmp(&a_change));
        by_size.then_with(|| (&a.view, &a.figure).cmp(&(&b.view, &b.figure)))
    });
}

/// The JSON Schema of a list of changes.
pub fn schema() -> Value {
    schema_for!(Vec<Changed>).to_value()
}

/// The changes as a table, of at most so many rows.
pub fn table(changes: &[Changed], rows: usize) -> Table {
    let mut table = Table::new("What changes", &["view", "figure", "old", "new", "change", "relative"]);
    for c in changes.iter().take(rows) {
        let number = |n: Option<f64>| n.map_or(Cell::Empty, |n| Cell::Text(plain(n).as_str().into()));
        let text = |text: &str| Cell::Text(text.into());
        let (old, new, change) = (number(c.old), number(c.new), text(&format!("{:+}", rounded(c.change))));
        table.row([text(&c.view), text(&c.figure), old, new, change, text(&format!("{:+.1} %", c.relative * 100.0))]);
    }
    if changes.len() > rows {
        table.notes.push(format!("{} of {} figures that change are shown", rows, changes.len()));
    }
    table
}

fn plain(number: f64) -> String {
    rounded(number).to_string()
}

fn rounded(number: f64) -> f64 {
    if number.abs() >= 1000.0 { number.round() } else { (number * 10_000.0).round() / 10_000.0 }
}

impl Changed {
    fn of(view: &str, figure: &str, old: Option<f64>, new: Option<f64>) -> Self {
        let (before, after) = (old.unwrap_or(0.0), new.unwrap_or(0.0));
        let (change, larger) = (after - before, before.abs().max(after.abs()));
        let relative = if larger > 0.0 { change / larger } else { 0.0 };
        Self { view: view.to_owned(), figure: figure.to_owned(), old, new, change, relative: relative.clamp(-1.0, 1.0) }
    }
}

/// Every number of an answer by its place.
fn figures(answer: &Value) -> BTreeMap<String, f64> {
    let mut figures = BTreeMap::new();
    collect(answer, "", &mut figures);
    figures
}

fn collect(value: &Value, place: &str, figures: &mut BTreeMap<String, f64>) {
    match value {
        Value::Number(number) => {
            figures.insert(place.to_owned(), number.as_f64().unwrap_or(f64::NAN));
        }
        Value::Object(members) => {
            for (name, member) in members {
                let is_interval = name.ends_with("_low") || name.ends_with("_high") || name == "low" || name == "high";
                if !is_interval && name != "doubts" {
                    let dot = if place.is_empty() { "" } else { "." };
                    collect(member, &format!("{place}{dot}{name}"), figures);
                }
            }
        }
        Value::Array(items) => {
            for (number, item) in items.iter().enumerate() {
                collect(item, &format!("{place}[{}]", identity(item, number)), figures);
            }
        }
        Value::Null | Value::Bool(_) | Value::String(_) => {}
    }
}

/// What tells an item of a list from the others: its texts, or else its place.
fn identity(item: &Value, number: usize) -> String {
    let mut texts = Vec::new();
    if let Value::Object(members) = item {
        for member in members.values() {
            match member {
                Value::String(text) => texts.push(text.clone()),
                Value::Array(items) if items.iter().all(Value::is_string) && !items.is_empty() => {
                    texts.extend(items.iter().filter_map(Value::as_str).map(str::to_owned));
                }
                _ => {}
            }
        }
        // Steps of one moment differ by their number.
        texts.extend(members.get("step").and_then(Value::as_u64).map(|step| step.to_string()));
    }
    if texts.is_empty() { number.to_string() } else { texts.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn figures_are_found_by_what_they_are_about_and_not_by_their_place() {
        let old = json!({"journeys": 10, "edges": [
            {"from": "a", "to": "b", "count": 4, "share": 0.4, "share_low": 0.1},
            {"from": "b", "to": "c", "count": 2, "share": 0.2, "share_low": 0.0},
        ], "doubts": [{"n": 3}]});
        let new = json!({"journeys": 10, "edges": [
            {"from": "b", "to": "c", "count": 3, "share": 0.3, "share_low": 0.1},
            {"from": "c", "to": "c", "count": 1, "share": 0.1, "share_low": 0.1},
        ], "doubts": []});
        let mut found = changes("map", &old, &new);
        sort_by_size(&mut found);
        let seen: Vec<_> = found.iter().map(|c| (c.figure.as_str(), c.old, c.new)).collect();
        assert_eq!(
            seen,
            [
                ("edges[b, c].count", Some(2.0), Some(3.0)),
                ("edges[b, c].share", Some(0.2), Some(0.3)),
                ("edges[a, b].count", Some(4.0), None),
                ("edges[c, c].count", None, Some(1.0)),
            ]
        );
        assert!((found[0].relative - 1.0 / 3.0).abs() < 1e-12);
        assert_eq!(changes("map", &old, &old), []);
    }
}
