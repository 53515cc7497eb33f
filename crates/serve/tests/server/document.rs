//! The `OpenAPI` document, and the page of errors.

use std::collections::BTreeSet;

use serde_json::Value;
use serve::Code;

use crate::support::{ADMIN, READ, WRITE, basic, start, start_with};

#[tokio::test]
async fn whatever_is_answered_stands_in_the_document() {
    let server = start().await;
    let document = server.ask("GET", "/openapi.json", &[], "").await.json();
    assert_eq!(document["openapi"], "3.1.0");
    assert_eq!(document, server.ask("GET", "/api/v1/openapi.json", &[], "").await.json());
    let mut names = BTreeSet::new();
    let paths = document["paths"].as_object().expect("an object");
    assert!(paths.len() > 20);
    for (path, operations) in paths {
        for (method, operation) in operations.as_object().expect("an object") {
            assert!(names.insert(operation["operationId"].to_string()), "{path} {method}: its name is not its own");
            let answer = ask(&server, method, path).await;
            assert!(answer.status != 405 && answer.status < 500, "{method} {path}: {answer:?}");
            let responses = &operation["responses"];
            let described = &responses[answer.status.to_string()];
            let content = answer.header("content-type").split(';').next().unwrap_or_default();
            let known = answer.body.is_empty() || described["content"][content].is_object();
            assert!(described.is_object() && known, "{method} {path}: {answer:?} is not in {responses}");
        }
    }
    every_reference_leads_somewhere(&document, &document);
    server.stop().await;
}

#[tokio::test]
async fn the_document_says_what_routes_take_and_answer() {
    let server = start().await;
    let document = server.ask("GET", "/openapi.json", &[], "").await.json();
    let operation = |path: &str, method: &str| document["paths"][path][method].clone();
    for path in ["/api/v1/targets/{name}/pause", "/api/v1/targets/{name}/resend", "/api/v1/backups"] {
        assert_eq!(operation(path, "post")["requestBody"]["required"], false, "{path}");
    }
    assert_eq!(operation("/v1/track", "post")["requestBody"]["required"], true);
    let events = operation("/v1/cloudevents", "post");
    for content in ["application/cloudevents+json", "application/cloudevents-batch+json", "*/*"] {
        assert!(events["requestBody"]["content"][content]["schema"].is_object(), "{content}: {events}");
    }
    let parameters = |operation: &Value| {
        let each = operation["parameters"].as_array().expect("a list").iter();
        each.map(|it| format!("{} {}", it["in"].as_str().unwrap_or(""), it["name"].as_str().unwrap_or("")))
            .collect::<Vec<_>>()
    };
    for parameter in ["query writeKey", "header ce-specversion", "header ce-id", "header ce-subject"] {
        assert!(parameters(&events).contains(&parameter.to_owned()), "{parameter}: {events}");
    }
    let dead = operation("/api/v1/targets/{name}/dead", "get");
    let dead = &dead["responses"]["200"]["content"]["application/json"]["schema"];
    assert!(dead["properties"]["next"].is_object() && dead["properties"]["dead"].is_object(), "{dead}");
    let metrics = operation("/metrics", "get")["responses"]["200"]["content"].clone();
    for content in ["text/plain", "application/openmetrics-text"] {
        assert!(metrics[content].is_object(), "{content}: {metrics}");
    }
    server.stop().await;
}

#[tokio::test]
async fn who_has_no_key_is_told_how_to_name_one() {
    let server = start().await;
    for (path, key) in [("/api/v1/events", ""), ("/api/v1/events", "ak_unknown")] {
        let answer = server.get(path, key).await;
        assert_eq!((answer.status, answer.header("www-authenticate")), (401, "Bearer"), "RFC 9110, 15.5.2: {key}");
    }
    assert_eq!(server.post("/v1/track", "{}").await.header("www-authenticate"), "");
    server.stop().await;
}

#[tokio::test]
async fn every_member_of_decisions_and_customers_is_described() {
    let text = "
charter: 1
stages: {use: {}}
moments: {ticket: {stage: use, when: event = 'Ticket'}, done: {stage: use, when: event = 'Done'}}
journeys: {support: {starts: [ticket], succeeds: done, abandoned_after: 1d}}
interactions: {help: {key: properties.ticket, opens: [ticket], resolves: [done], window: 1d}}
expectations: {answer: {after: ticket, promise: done, within: 1d}}
features: {tickets: {count: ticket}}
outcomes: {done: {when: moment = 'done'}}
actions: {call: {when: tickets > 0, purpose: service, propensity: {from: outcome.done}}, letter: {when: tickets > 9}}
";
    let charter = charter::Charter::parse(text).unwrap_or_else(|problems| panic!("{problems:?}")).0;
    let server = start_with(charter, |_| {}).await;
    let write = basic(WRITE);
    let ticket = r#"{"userId":"ann","anonymousId":"a1","event":"Ticket","properties":{"ticket":"1"}}"#;
    let sent = [("POST", "/v1/track", ticket), ("PUT", "/api/v1/customers/user_id:ann/consent", r#"{"service":true}"#)];
    for (method, path, body) in sent {
        assert_eq!(server.ask(method, path, &[("Authorization", &write)], body).await.status, 200, "{path}");
    }
    let question = r#"{"keys":{"user_id":"ann"}}"#;
    let decision = server.ask("POST", "/api/v1/decide", &[("X-API-Key", ADMIN)], question).await.json();
    assert_eq!(decision["action"], "call", "{decision}");
    let customer = server.get("/api/v1/customers/user_id:ann", ADMIN).await.json();
    let schemas = &server.ask("GET", "/openapi.json", &[], "").await.json()["components"]["schemas"];
    described(&decision, &schemas["Decision"], "Decision");
    described(&customer, &schemas["Customer"], "Customer");
    let models = server.get("/api/v1/models", READ).await.json();
    assert_eq!((&models["models"][0]["action"], &models["models"][0]["calibration"]), (&"call".into(), &Value::Null));
    described(&models["models"][0], &schemas["Model"], "Model");
    let page = server.get("/api/v1/decisions?limit=1", READ).await.json();
    let mut evaluated = page["decisions"][0].clone();
    let outcome = &evaluated["outcomes"]["done"];
    assert_eq!((&outcome["came_at"], &outcome["over"]), (&Value::Null, &false.into()));
    assert_eq!(evaluated["known"], serde_json::json!({"moment": "ticket", "stage": "use", "tickets": 1}));
    let besides = &schemas["Evaluated"]["allOf"][1];
    described(outcome, &besides["properties"]["outcomes"]["additionalProperties"], "Evaluated.outcomes");
    let members = evaluated.as_object_mut().expect("an object");
    for name in besides["required"].as_array().expect("a list").iter().filter_map(Value::as_str) {
        assert!(members.remove(name).is_some(), "{name}");
    }
    described(&evaluated, &schemas["Decision"], "Evaluated");
    let rest = server.get(&format!("/api/v1/decisions?after={}", page["next"]), READ).await.json();
    assert_eq!(rest, serde_json::json!({"decisions": [], "next": null}));
    for list in ["keys", "links", "journeys", "interactions", "expectations", "consents", "decided", "timeline"] {
        assert!(customer[list].as_array().is_some_and(|list| !list.is_empty()), "{list} shows nothing: {customer}");
    }
    server.stop().await;
}

/// Whether a value has the members that its schema lists, all of them and no others.
fn described(value: &Value, schema: &Value, of: &str) {
    if let (Some(members), Some(properties)) = (value.as_object(), schema["properties"].as_object()) {
        let names: BTreeSet<&String> = members.keys().collect();
        assert_eq!(names, properties.keys().collect(), "{of}");
        assert_eq!(schema["required"].as_array().map(Vec::len), Some(names.len()), "{of}: all of it is always there");
        members.iter().for_each(|(name, value)| described(value, &properties[name], &format!("{of}.{name}")));
    }
    value.as_array().into_iter().flatten().for_each(|value| described(value, &schema["items"], of));
    let names = schema["enum"].as_array();
    assert!(names.is_none_or(|names| names.contains(value)), "{of}: {value} is none of {names:?}");
}

async fn ask(server: &crate::support::Running, method: &str, path: &str) -> crate::support::Reply {
    let path = path.replace(['{', '}', '*'], "");
    let (method, body) = (method.to_ascii_uppercase(), if method == "post" || method == "put" { "{}" } else { "" });
    server.ask(&method, &path, &[("X-API-Key", ADMIN)], body).await
}

fn every_reference_leads_somewhere(value: &Value, document: &Value) {
    if let Some(reference) = value["$ref"].as_str() {
        let place = reference.strip_prefix('#').expect("references stay in the document");
        assert!(document.pointer(place).is_some(), "{reference}");
    }
    let members = value.as_object().into_iter().flat_map(|object| object.values());
    members
        .chain(value.as_array().into_iter().flatten())
        .for_each(|value| every_reference_leads_somewhere(value, document));
}

#[test]
fn every_code_has_its_place_on_the_page_of_errors() {
    let page = include_str!("../../../../docs/http-errors.md");
    let headings: Vec<&str> = page.lines().filter_map(|line| line.strip_prefix("## ")).collect();
    let codes: Vec<&str> = Code::ALL.iter().map(|code| code.name()).collect();
    assert_eq!(headings, codes);
    for code in Code::ALL {
        let section = format!("## {}\n**{}** ({})", code.name(), code.title().trim_end_matches('.'), code.status());
        assert!(page.contains(&section), "{section}");
    }
}
