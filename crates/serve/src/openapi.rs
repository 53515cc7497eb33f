//! The `OpenAPI` 3.1 document, made of the list that the router is made of.

mod schemas;

use std::collections::BTreeMap;

use axum::http::Method;
use serde_json::{Map, Value, json};

use crate::access::Access;
use crate::problem::Code;
use crate::routes::{EVENTS, Route, Where};

/// The document of these routes.
pub(crate) fn document(routes: &[Route]) -> Value {
    let mut paths: BTreeMap<&str, Map<String, Value>> = BTreeMap::new();
    for route in routes {
        let method = route.method.as_str().to_ascii_lowercase();
        paths.entry(route.path).or_default().insert(method, operation(route));
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Desireline",
            "version": "1",
            "description": "Events in, customers as they are now, and what to do for them next.",
            "license": {"name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
                "bearer": {"type": "http", "scheme": "bearer"},
                "writeKey": {"type": "http", "scheme": "basic", "description": "The write key as user, without a password."},
            },
            "schemas": schemas::all(),
        },
    })
}

/// The name of an operation: its method and address in words.
fn name(route: &Route) -> String {
    let path = route.path.trim_matches('/').replace(['{', '}', '*'], "").replace(['/', '.', '-'], "_");
    format!("{}_{path}", route.method.as_str().to_ascii_lowercase())
}

fn operation(route: &Route) -> Value {
    let parameters: Vec<Value> = route
        .parameters
        .iter()
        .map(|parameter| {
            let place = match parameter.place {
                Where::Path => "path",
                Where::Query => "query",
                Where::Header => "header",
            };
            json!({
                "name": parameter.name,
                "in": place,
                "required": parameter.place == Where::Path,
                "description": parameter.about,
                "schema": parameter.schema,
            })
        })
        .collect();
    let mut operation = json!({
        "operationId": name(route),
        "summary": route.about,
        "parameters": parameters,
        "responses": responses(route),
        "security": security(route),
    });
    for (content, schema) in &route.body {
        operation["requestBody"]["required"] = json!(!route.body_is_optional);
        operation["requestBody"]["content"][*content] = json!({ "schema": schema });
    }
    operation
}

fn security(route: &Route) -> Value {
    match route.access {
        Access::Open => json!([]),
        Access::Role(crate::keys::Role::Ingest) | Access::Body => {
            json!([{"writeKey": []}, {"key": []}, {"bearer": []}])
        }
        Access::Role(_) => json!([{"key": []}, {"bearer": []}]),
    }
}

fn responses(route: &Route) -> Map<String, Value> {
    let mut problems: BTreeMap<u16, Vec<&str>> = BTreeMap::new();
    for code in Code::ALL.iter().filter(|code| may_come(route, **code)) {
        problems.entry(code.status()).or_default().push(code.title());
    }
    let schema = json!({"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}});
    let problem = |titles: &[&str]| json!({"description": titles.join(" Or: "), "content": schema});
    let mut responses: Map<String, Value> =
        problems.iter().map(|(status, titles)| (status.to_string(), problem(titles))).collect();
    for answer in &route.answers {
        let response =
            responses.entry(answer.status.to_string()).or_insert_with(|| json!({"description": "It worked."}));
        if !answer.content.is_empty() {
            response["content"][answer.content] = json!({"schema": answer.schema});
        }
    }
    responses
}

/// Whether a route may answer with this. What concerns the body comes everywhere: anybody may send one.
fn may_come(route: &Route, code: Code) -> bool {
    match code.status() {
        401 | 403 | 429 => route.access != Access::Open,
        406 => route.answers.iter().any(|answer| answer.content == EVENTS),
        409 => route.method != Method::GET,
        _ => true,
    }
}
