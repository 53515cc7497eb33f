//! The `OpenAPI` document, and the page of errors.

use std::collections::BTreeSet;

use serde_json::Value;
use serve::Code;

use crate::support::{ADMIN, start};

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
