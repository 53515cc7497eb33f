//! Every answer is as its JSON Schema says, and so is every comparison, also of a group in which nobody is; and a table has
//! the intervals that stand in its answer.

use std::collections::BTreeSet;

use journey::{AnyFold, Cut, Runs, Selection};
use serde_json::Value;
use testkit::{Log, told};
use understand::{Answered, View, comparison_schema};

/// A charter that has what views are about.
const CHARTER: &str = "\
charter: 1
channels: {web: {when: channel = 'web'}, call: {when: channel = 'call'}}
stages: {early: {goal: reach}, late: {goal: advocacy}}
moments: {a: {stage: early, when: event = 'a'}, b: {stage: late, when: event = 'b'}, c: {when: event = 'c'}}
interactions: {talk: {opens: [a], resolves: [b], window: 7d}}
outcomes: {done: {when: moment = 'b', horizon: 30d}}
surveys: {nps: {moment: b, score: properties.score, kind: nps, reason: properties.why}}
segments: {many: events > 3}
journeys: {way: {starts: a, succeeds: b, abandoned_after: 5h, designed: a b}}
expectations: {back: {after: a, promise: b, within: 1bd}}
";

const EVENTS: &str = "\
ann: a@1h+{channel=web} c@2h{channel=call} b@3h{score=9 why=quick} a@4h{channel=web}
bob: a@1h{channel=call} b@30h{score=2} c@31h
eve: a@5h{channel=web} c@40h
";

fn options(name: &str) -> &'static [(&'static str, &'static str)] {
    match name {
        "funnel" => &[("steps", "b,c,a")],
        "paths" => &[("pattern", "a .. b")],
        _ => &[],
    }
}

/// The answer about all journeys, or about those with a mark against the others.
fn answer(view: &View, log: &Log, compare: bool) -> Value {
    serde_json::from_str(&answered(view, log, compare).json(false)).expect("JSON")
}

fn answered(view: &View, log: &Log, compare: bool) -> Box<dyn Answered> {
    let setting = log.setting();
    let cut = setting.journey().map(|way| Cut::of(way, &setting.charter.calendar, &setting.moments, setting.until_us));
    let selection = Selection { cut, compare, ..Selection::default() };
    let mut folds: Vec<Box<dyn AnyFold>> = (0..2).map(|_| view.fold(&setting)).collect();
    let mut runs = Runs::default();
    let mut each =
        |run: &journey::Run<'_>| selection.journeys(run, |journey, group| folds[group].journeys(&[*journey]));
    runs.feed(&log.columns(), &mut each);
    runs.finish(&mut each);
    let b = folds.pop().expect("two");
    let a = folds.pop().expect("two");
    let answered = if compare {
        view.compare(("marked".to_owned(), a), ("others".to_owned(), b), &log.moments)
    } else {
        view.finish(a, &log.moments)
    };
    answered.expect("known moments")
}

#[test]
fn a_table_has_the_intervals_that_its_answer_has() {
    let mut without = Vec::new();
    for name in View::names() {
        let view = View::parse(name, options(name).iter().copied()).expect(name);
        let told = told(CHARTER, EVENTS);
        let log = told.log(Some("way"), |charter, wanted| view.wants(charter, wanted).expect(name));
        let answered = answered(&view, &log, false);
        let mut figures = BTreeSet::new();
        collect(&serde_json::from_str(&answered.json(false)).expect("JSON"), "", &mut figures);
        for table in answered.tables() {
            for (n, header) in table.headers.iter().enumerate().filter(|(_, header)| figures.contains(*header)) {
                let beside = |end: &str, n: usize| {
                    table.headers.get(n).is_some_and(|next| *next == end || *next == format!("{header}_{end}"))
                };
                if !beside("low", n + 1) || !beside("high", n + 2) {
                    without.push(format!("{name}: `{header}` of `{}`", table.title));
                }
            }
        }
    }
    assert_eq!(without, [""; 0]);
}

/// The names of figures that have an interval, in nested objects as tables call them: `came_back_share`.
fn collect(value: &Value, within: &str, figures: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                if let Some(figure) = name.strip_suffix("_low").filter(|figure| members.contains_key(*figure)) {
                    figures.extend([figure.to_owned(), format!("{within}{figure}")]);
                }
                collect(member, &format!("{name}_"), figures);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, within, figures)),
        _ => {}
    }
}

#[test]
fn answers_are_as_their_schemas_say() {
    // With a mark on ann's first journey, on nothing, and without any event.
    for events in [EVENTS, &EVENTS.replace('+', ""), ""] {
        for name in View::names() {
            let view = View::parse(name, options(name).iter().copied()).expect(name);
            let told = told(CHARTER, events);
            let log = told.log(Some("way"), |charter, wanted| view.wants(charter, wanted).expect(name));
            check(name, &answer(&view, &log, false), &view.schema());
            let comparison = answer(&view, &log, true);
            check(name, &comparison, &view.comparison_schema());
            check(name, &comparison, &comparison_schema());
            let groups = comparison["groups"].as_array().expect("two groups");
            for group in groups {
                check(name, &group["answer"], &view.schema());
            }
        }
    }
}

#[track_caller]
fn check(name: &str, value: &Value, schema: &Value) {
    if let Err(what) = fits(value, schema, schema) {
        panic!("{name}: {what}\nin {value}");
    }
}

/// What schemas say for people only.
const SAID: [&str; 9] =
    ["$schema", "$defs", "title", "description", "format", "default", "examples", "deprecated", "$id"];

/// Whether a value is as a schema says; `root` has the definitions.
fn fits(value: &Value, schema: &Value, root: &Value) -> Result<(), String> {
    let Value::Object(rules) = schema else {
        return if *schema == Value::Bool(true) { Ok(()) } else { Err(format!("{value}: nothing may be here")) };
    };
    for (rule, said) in rules {
        let list = || said.as_array().map_or(&[][..], Vec::as_slice);
        let holds = match rule.as_str() {
            "$ref" => {
                let path = said.as_str().expect("a path").trim_start_matches('#');
                fits(value, root.pointer(path).expect("it is defined"), root)?;
                true
            }
            "anyOf" => list().iter().any(|one| fits(value, one, root).is_ok()),
            "oneOf" => list().iter().filter(|one| fits(value, one, root).is_ok()).count() == 1,
            "type" => said.as_str().map_or_else(
                || list().iter().any(|one| is_of(value, one.as_str().expect("a type"))),
                |one| is_of(value, one),
            ),
            "const" => value == said,
            "enum" => list().contains(value),
            "minimum" => value.as_f64().is_none_or(|number| number >= said.as_f64().expect("a number")),
            "maximum" => value.as_f64().is_none_or(|number| number <= said.as_f64().expect("a number")),
            "minItems" => value.as_array().is_none_or(|items| items.len() as u64 >= said.as_u64().expect("a number")),
            "maxItems" => value.as_array().is_none_or(|items| items.len() as u64 <= said.as_u64().expect("a number")),
            "required" => list().iter().all(|name| value.get(name.as_str().expect("a name")).is_some()),
            "properties" => {
                for (name, schema) in said.as_object().expect("by name") {
                    value.get(name).map_or(Ok(()), |member| fits(member, schema, root))?;
                }
                true
            }
            "additionalProperties" => {
                let known = |name: &String| rules.get("properties").is_some_and(|all| all.get(name).is_some());
                for (name, member) in value.as_object().into_iter().flatten().filter(|(name, _)| !known(name)) {
                    fits(member, said, root).map_err(|what| format!("`{name}`: {what}"))?;
                }
                true
            }
            "items" => {
                let first = rules.get("prefixItems").and_then(Value::as_array).map_or(0, Vec::len);
                value.as_array().into_iter().flatten().skip(first).try_for_each(|item| fits(item, said, root))?;
                true
            }
            "prefixItems" => {
                let items = value.as_array().into_iter().flatten();
                items.zip(list()).try_for_each(|(item, schema)| fits(item, schema, root))?;
                true
            }
            said if SAID.contains(&said) => true,
            other => return Err(format!("this test does not know `{other}`")),
        };
        if !holds {
            return Err(format!("{value} is not as `{rule}`: {said} says"));
        }
    }
    Ok(())
}

fn is_of(value: &Value, kind: &str) -> bool {
    match kind {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "string" => value.is_string(),
        "integer" => value.is_u64() || value.is_i64(),
        "number" => value.is_number(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("no kind of JSON: {other}"),
    }
}
