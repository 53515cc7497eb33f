//! Answers as plain figures by name, so that two answers of one view can be set side by side, whatever the view.

use std::collections::BTreeMap;

use schemars::{JsonSchema, schema_for};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

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
    /// `change` in multiples of what chance does to figures that are counted of so few: of a count, the square root of it;
    /// of a share or another figure with an interval, a quarter of its width; of a time or a mean, itself over the square
    /// root of the largest count beside it. It puts changes in an order and is no test: both figures are of the same events.
    pub weight: f64,
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
    let bits = |figure: Option<Figure>| figure.map(|figure| figure.value.to_bits());
    let changed = both
        .filter(|(_, old, new)| bits(*old) != bits(*new))
        .filter(|(name, old, new)| (old.is_some() && new.is_some()) || counts(name));
    changed.map(|(figure, old, new)| Changed::of(view, figure, old, new)).collect()
}

/// The weightiest first, so that 5 that became 0 do not stand before 5,000 that became 4,000; of equal ones the larger
/// change, then by name. What only one answer has comes behind what both have.
pub fn sort_by_size(changes: &mut [Changed]) {
    changes.sort_by(|a, b| {
        let size = |c: &Changed| (c.old.is_some() && c.new.is_some(), c.weight, c.change.abs());
        let ((a_both, a_weight, a_change), (b_both, b_weight, b_change)) = (size(a), size(b));
        let by_size = b_both.cmp(&a_both).then(b_weight.total_cmp(&a_weight)).then(b_change.total_cmp(&a_change));
        by_size.then_with(|| (&a.view, &a.figure).cmp(&(&b.view, &b.figure)))
    });
}

/// The JSON Schema of a list of changes.
pub fn schema() -> Value {
    schema_for!(Vec<Changed>).to_value()
}

/// The changes as a table, of at most so many rows.
pub fn table(changes: &[Changed], rows: usize) -> Table {
    let mut table = Table::new("What changes", &["view", "figure", "old", "new", "change", "relative", "weight"]);
    for c in changes.iter().take(rows) {
        let number = |n: Option<f64>| n.map_or(Cell::Empty, |n| Cell::Text(plain(n).as_str().into()));
        let text = |text: &str| Cell::Text(text.into());
        let (old, new, change) = (number(c.old), number(c.new), text(&format!("{:+}", rounded(c.change))));
        let (relative, weight) = (text(&format!("{:+.1} %", c.relative * 100.0)), text(&format!("{:.1}", c.weight)));
        table.row([text(&c.view), text(&c.figure), old, new, change, relative, weight]);
    }
    if changes.len() > rows {
        table.notes.push(format!("{} of {} figures that change are shown", rows, changes.len()));
    }
    table
}

/// The changes as CSV, with numbers as they are.
pub fn csv(changes: &[Changed]) -> String {
    let mut table = Table::new("What changes", &["view", "figure", "old", "new", "change", "relative", "weight"]);
    for c in changes {
        let texts = [&c.view, &c.figure].map(|text| Cell::Text(text.as_str().into()));
        let figures = [c.old, c.new].map(|n| n.map_or(Cell::Empty, Cell::Number));
        let rest = [c.change, c.relative, c.weight].map(Cell::Number);
        table.row([texts.as_slice(), &figures, &rest].concat());
    }
    table.csv()
}

fn plain(number: f64) -> String {
    rounded(number).to_string()
}

fn rounded(number: f64) -> f64 {
    if number.abs() >= 1000.0 { number.round() } else { (number * 10_000.0).round() / 10_000.0 }
}

impl Changed {
    fn of(view: &str, figure: &str, old: Option<Figure>, new: Option<Figure>) -> Self {
        let number = |figure: Option<Figure>| figure.map(|figure| figure.value);
        let (before, after) = (number(old).unwrap_or(0.0), number(new).unwrap_or(0.0));
        let (change, larger) = (after - before, before.abs().max(after.abs()));
        let relative = if larger > 0.0 { change / larger } else { 0.0 };
        let spread = [old, new].into_iter().flatten().map(|figure| figure.variance).sum::<f64>().sqrt();
        let weight = if spread > 0.0 { change.abs() / spread } else { 0.0 };
        Self {
            view: view.to_owned(),
            figure: figure.to_owned(),
            old: number(old),
            new: number(new),
            change,
            relative: relative.clamp(-1.0, 1.0),
            weight,
        }
    }
}

/// A number of an answer, and how far chance moves it: see [`Changed::weight`].
#[derive(Debug, Clone, Copy)]
struct Figure {
    value: f64,
    variance: f64,
}

impl Figure {
    /// The member of this name.
    fn of(name: &str, number: &serde_json::Number, members: &Map<String, Value>) -> Self {
        let value = number.as_f64().unwrap_or(f64::NAN);
        let end = |end: &str| {
            let plain = if name == "value" || name == "share" { members.get(end) } else { None };
            members.get(&format!("{name}_{end}")).or(plain).and_then(Value::as_f64)
        };
        let of_interval = end("low").zip(end("high")).map(|(low, high)| ((high - low) / 4.0).powi(2));
        let variance = of_interval.unwrap_or_else(|| {
            if number.is_f64() {
                let n = members.values().filter_map(Value::as_u64).max().unwrap_or(1).max(1);
                value.powi(2) / n as f64
            } else {
                value.abs()
            }
        });
        Self { value, variance }
    }
}

/// Every number of an answer by its place.
fn figures(answer: &Value) -> BTreeMap<String, Figure> {
    let mut figures = BTreeMap::new();
    collect(linked(answer).as_ref().unwrap_or(answer), "", &mut figures);
    figures
}

/// The answer with links from and to what tells nodes apart, in place of their positions; `None` where it has none.
fn linked(answer: &Value) -> Option<Value> {
    let nodes = answer.get("nodes")?.as_array()?;
    let mut named = answer.clone();
    for link in named.get_mut("links")?.as_array_mut()? {
        for end in ["from", "to"] {
            let node = usize::try_from(link[end].as_u64()?).ok()?;
            link[end] = identity(nodes.get(node)?, node).into();
        }
    }
    Some(named)
}

fn collect(value: &Value, place: &str, figures: &mut BTreeMap<String, Figure>) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                let is_interval = name.ends_with("_low") || name.ends_with("_high") || name == "low" || name == "high";
                let dot = if place.is_empty() { "" } else { "." };
                let place = format!("{place}{dot}{name}");
                match member {
                    _ if is_interval || name == "doubts" => {}
                    Value::Number(_) if NUMBERS.contains(&name.as_str()) => {}
                    Value::Number(number) => _ = figures.insert(place, Figure::of(name, number, members)),
                    other => collect(other, &place, figures),
                }
            }
        }
        Value::Array(items) => {
            for (number, item) in items.iter().enumerate() {
                // A number alone is no figure: such lists name customers as examples.
                collect(item, &format!("{place}[{}]", identity(item, number)), figures);
            }
        }
        Value::Null | Value::Bool(_) | Value::String(_) | Value::Number(_) => {}
    }
}

/// Members by which things of the charter are called: where an item has one, all its other texts only describe it.
const NAMES: [&str; 9] =
    ["expectation", "interaction", "survey", "segment", "stage", "measure", "outcome", "deed", "cohort"];
/// Members that describe an item and do not name it.
const DESCRIBE: [&str; 10] = ["label", "within", "unit", "goal", "when", "first", "last", "nearest", "why", "to_do"];
/// Numbers that tell an item from the others and are no figures; `to` only says how far `from` goes.
const NUMBERS: [&str; 5] = ["step", "score", "channels", "from", "to"];

/// What tells an item of a list from the others: its name, or else its texts and such numbers, or else its place.
fn identity(item: &Value, number: usize) -> String {
    let mut texts = Vec::new();
    if let Value::Object(members) = item {
        if let Some(name) = NAMES.iter().find_map(|name| members.get(*name)?.as_str()) {
            return name.to_owned();
        }
        // Who owns a moment describes it; of departments themselves it is the name. Findings say in words what they count.
        let names = |name: &str| match name {
            "owner" => !members.contains_key("moment") && !members.contains_key("after"),
            "what" => !members.contains_key("where"),
            name => !DESCRIBE.contains(&name),
        };
        for (name, member) in members.iter().filter(|(name, _)| names(name)) {
            match member {
                Value::String(text) => texts.push(text.clone()),
                // What comes from nobody knows where is not what goes there.
                Value::Null if matches!(name.as_str(), "from" | "to") && !members["from"].is_number() => {
                    texts.push("(none)".to_owned());
                }
                Value::Array(items) if items.iter().all(Value::is_string) && !items.is_empty() => {
                    texts.extend(items.iter().filter_map(Value::as_str).map(str::to_owned));
                }
                _ => {}
            }
        }
        // Steps of one moment differ by their number.
        let numbers = NUMBERS.iter().filter(|name| **name != "to").filter_map(|name| members.get(*name));
        texts.extend(numbers.filter(|number| number.is_number()).map(Value::to_string));
    }
    let nameless = || item.as_object().is_some_and(|members| members.values().any(Value::is_null));
    match texts.as_slice() {
        [] if nameless() => "(none)".to_owned(),
        [] => number.to_string(),
        texts => texts.join(", "),
    }
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
        assert!((found[0].relative - 1.0 / 3.0).abs() < 1e-12 && (found[0].weight - 1.0 / 5f64.sqrt()).abs() < 1e-12);
        assert_eq!(changes("map", &old, &old), []);
    }

    #[test]
    fn what_only_describes_an_item_may_change_and_is_no_figure() {
        let answer = |within: &str, label: &str, owner: &str, share: f64, late_median_s: f64| {
            let balance = json!({"made": 100, "kept_share": share, "kept_share_low": 0.5, "kept_share_high": 0.7});
            json!({"expectations": [{"expectation": "delivery", "label": label, "within": within, "owner": owner,
                "balance": balance, "late_median_s": late_median_s}],
                "skipped": [{"moment": "cart", "owner": owner, "count": 3}]})
        };
        let old = answer("3bd", "Delivered", "logistics", 0.6, 3600.0);
        assert_eq!(changes("expectations", &old, &answer("3bd", "On time", "service", 0.6, 3600.0)), []);
        let found = changes("expectations", &old, &answer("4bd", "Delivered", "logistics", 0.7, 1800.0));
        let names: Vec<&str> = found.iter().map(|c| c.figure.as_str()).collect();
        assert_eq!(names, ["expectations[delivery].balance.kept_share", "expectations[delivery].late_median_s"]);
        assert!((found[0].weight - 0.1 / (0.05 * 2f64.sqrt())).abs() < 1e-9, "{}", found[0].weight);
    }

    #[test]
    fn small_counts_do_not_stand_on_top() {
        let answer =
            |few: u64, many: u64| json!({"moments": [{"moment": "a", "events": few}, {"moment": "b", "events": many}]});
        let mut found = changes("map", &answer(5, 5000), &answer(0, 4000));
        sort_by_size(&mut found);
        assert_eq!(found[0].figure, "moments[b].events");
        assert!((found[1].weight - 5f64.sqrt()).abs() < 1e-12 && (found[1].relative + 1.0).abs() < 1e-12);
    }

    #[test]
    fn items_are_told_apart_by_the_numbers_that_they_are_about() {
        let gone = |old: &Value, new: &Value| {
            let told = |c: Changed| (c.figure, c.old, c.new);
            changes("v", old, new).into_iter().map(told).collect::<Vec<_>>()
        };
        let spread = |channels: u64| json!({"channels": channels, "journeys": 7, "share": 0.2, "succeeded": null});
        let (old, new) =
            (json!({"spread": [spread(1), spread(2), spread(3)]}), json!({"spread": [spread(2), spread(3)]}));
        assert_eq!(gone(&old, &new), [("spread[1].journeys".to_owned(), Some(7.0), None)]);

        let given = |score: u64, count: u64| json!({"score": score, "count": count});
        let survey = |given: &[Value]| json!({"surveys": [{"survey": "nps", "distribution": given}]});
        let (old, new) = (survey(&[given(9, 4), given(3, 2)]), survey(&[given(3, 2)]));
        assert_eq!(gone(&old, &new), [("surveys[nps].distribution[9].count".to_owned(), Some(4.0), None)]);

        let cell = |from: u64, to: Option<u64>, returned: u64| json!({"from": from, "to": to, "returned": returned});
        let (old, new) = (json!({"all": [cell(1, None, 4), cell(2, None, 3)]}), json!({"all": [cell(2, Some(2), 3)]}));
        assert_eq!(gone(&old, &new), [("all[1].returned".to_owned(), Some(4.0), None)], "`to` is no figure");

        let again = |from: Option<&str>, to: Option<&str>| json!({"from": from, "to": to, "count": 1});
        let (old, new) =
            (json!([again(None, Some("web")), again(Some("web"), None)]), json!([again(None, Some("web"))]));
        assert_eq!(gone(&old, &new), [("[web, (none)].count".to_owned(), Some(1.0), None)]);

        let (old, new) = (json!({"count": 2, "customers": [3, 5]}), json!({"count": 2, "customers": [4, 5]}));
        assert_eq!(gone(&old, &new), [], "customers that are named as examples are no figures");
    }

    #[test]
    fn links_are_told_apart_by_the_nodes_between_which_they_lie() {
        let flow = |moments: &[&str]| {
            let node = |(step, moment): (usize, &str)| json!({"step": step.min(1), "kind": "moment", "moment": moment, "count": 9});
            let nodes: Vec<Value> = moments.iter().copied().enumerate().map(node).collect();
            let link = |to: usize| json!({"from": 0, "to": to, "count": moments[to].len()});
            json!({"from": moments[0], "nodes": nodes, "links": (1..moments.len()).map(link).collect::<Vec<_>>()})
        };
        let found = changes("sankey", &flow(&["a", "cart", "order"]), &flow(&["a", "order"]));
        let names: Vec<_> = found.iter().map(|c| (c.figure.as_str(), c.old, c.new)).collect();
        let (link, node) = ("links[moment, a, 0, moment, cart, 1].count", "nodes[moment, cart, 1].count");
        assert_eq!(names, [(link, Some(4.0), None), (node, Some(9.0), None)]);
    }
}
