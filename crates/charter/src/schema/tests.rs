use serde_json::Value;

use super::*;
use crate::Charter;
use crate::problem::Problem;
use crate::yaml::{self, Node};

/// YAML as an editor gives it to a validator.
fn json(node: &Node) -> Value {
    match &node.value {
        _ if node.is_null() => Value::Null,
        yaml::Value::List(items) => items.iter().map(json).collect(),
        yaml::Value::Map(entries) => {
            entries.iter().map(|(k, v)| (k.scalar().expect("a name").text.clone(), json(v))).collect()
        }
        yaml::Value::Scalar(scalar) => match (scalar.truth(), scalar.number()) {
            (Some(truth), _) => truth.into(),
            (None, Some(number)) => scalar.text.parse::<i64>().map_or_else(|_| number.into(), Into::into),
            _ => scalar.text.clone().into(),
        },
    }
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(n) if n.is_i64() => "integer",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// As much of JSON Schema as [`schema`] uses; what is wrong, with its place. Patterns over texts are left out.
fn faults(root: &Value, schema: &Value, value: &Value, place: &str) -> Vec<String> {
    if let Some(target) = schema["$ref"].as_str() {
        let name = target.strip_prefix("#/$defs/").expect("references lead to definitions");
        assert!(root["$defs"][name].is_object(), "{name} is not defined");
        return faults(root, &root["$defs"][name], value, place);
    }
    let mut wrong = Vec::new();
    let mut check = |right: bool, what: &str| {
        if !right {
            wrong.push(format!("{place}: {what}"));
        }
    };
    let wanted: Vec<&str> = match &schema["type"] {
        Value::String(one) => vec![one],
        Value::Array(several) => several.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    let found = type_of(value);
    let fits = wanted.contains(&found) || (found == "integer" && wanted.contains(&"number"));
    check(wanted.is_empty() || fits, &format!("{found} instead of {wanted:?}"));
    check(schema["const"].is_null() || schema["const"] == *value, "not the constant");
    check(schema["enum"].as_array().is_none_or(|known| known.contains(value)), "none of the words");
    if let Some(minimum) = schema["minimum"].as_f64() {
        check(value.as_f64().is_none_or(|n| n >= minimum), "too small");
    }
    if let Some(options) = schema["anyOf"].as_array() {
        check(options.iter().any(|option| faults(root, option, value, place).is_empty()), "none of the alternatives");
    }
    if let (Some(items), Some(values)) = (schema.get("items"), value.as_array()) {
        wrong.extend(values.iter().flat_map(|value| faults(root, items, value, place)));
    }
    let Some(entries) = value.as_object() else { return wrong };
    for required in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        if !entries.contains_key(required) {
            wrong.push(format!("{place}: without {required}"));
        }
    }
    for (key, value) in entries {
        let place = format!("{place}.{key}");
        let by_pattern = schema["patternProperties"].as_object().and_then(|patterns| {
            patterns.iter().find(|(p, _)| key.starts_with(&p.trim_start_matches('^').replace('\\', ""))).map(|(_, s)| s)
        });
        match schema["properties"].get(key).or(by_pattern).or(schema.get("additionalProperties")) {
            Some(Value::Bool(false)) => wrong.push(format!("{place}: no such key")),
            Some(inner) => wrong.extend(faults(root, inner, value, &place)),
            None => {}
        }
    }
    wrong
}

fn check(text: &str) -> Vec<String> {
    let mut problems: Vec<Problem> = Vec::new();
    let root = yaml::read(text, &mut problems).root.expect("it is YAML");
    let schema = schema();
    faults(&schema, &schema, &json(&root), "charter")
}

#[test]
fn charters_that_parse_are_valid() {
    let texts = [
        include_str!("../../tests/golden/telecom.yaml"),
        "charter: 1",
        "charter: 1\nchannels:\n  web:\n  shop: {}\ndepartments:\nmoments: {a: {when: true}}\ncaps: {per: 7d, times: 1}",
        "charter: 1\nsources: {\"*.csv\": {event: 5, customer: id, at: {column: d, format: \"%d.%m.%Y\"}, properties: all, unknown: [0, x]}}",
        "charter: 1\nsources: {\"*.csv\": {one_per: b, properties: [a, 5, {t: sum(v)}], traits: {x: y}}}",
        "charter: 1\ncalendar: {days: [mon, tue], holidays: 2026-12-25}\nkeys: {junk: x, email: }",
        "charter: 1\nfeatures: {f: {last: a, value: properties.x, within: 3d}}\nactions: {a: {when: f > 1, propensity: 0.5}}",
        "charter: 1\njourneys: {j: {starts: a}}\ntests:\n  - {name: t, events: {user_id: 1, event: a, at: 2026-01-01}, \
         expect: {stage: , customers: 1, journey.j: [open], moments: a}}",
    ];
    for text in texts {
        if let Err(problems) = Charter::parse(text) {
            panic!("{}", problems.iter().map(|p| p.render("charter", text)).collect::<String>());
        }
        assert_eq!(check(text), Vec::<String>::new(), "{text}");
    }
}

#[test]
fn mistakes_of_shape_are_found() {
    for (text, place) in [
        ("moments: {}", "charter: without charter"),
        ("charter: 1\nnonsense: 1", "charter.nonsense: no such key"),
        ("charter: 1\nmoments: {a: {wen: x}}", "charter.moments.a: without when"),
        ("charter: 1\nchannels: {a: {human: yes}}", "charter.channels.a.human: string instead of [\"boolean\"]"),
        ("charter: 1\nstages: {a: {goal: speed}}", "charter.stages.a.goal: none of the words"),
        ("charter: 1\nkeys: {a: {limit: 0}}", "charter.keys.a.limit: too small"),
    ] {
        let found = check(text);
        assert!(found.iter().any(|fault| fault == place), "{text}: {found:?}");
    }
}

#[test]
fn it_stays_as_it_is_published() {
    insta::assert_json_snapshot!(schema());
}
