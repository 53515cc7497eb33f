//! Customers as they are now, and the links between their keys that a person sets right.

use std::collections::BTreeMap;

use axum::response::Response;
use serde::Deserialize;
use serde_json::json;

use super::{Call, Route, Where, json as answer};
use crate::access::Access;
use crate::keys::Role;
use crate::problem::{Code, Problem};

/// Two keys, as kind and value.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Pair {
    from: Named,
    to: Named,
}

/// A key.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Named {
    kind: String,
    value: String,
}

pub(super) fn routes() -> Vec<Route> {
    let about =
        "A customer as it is now: stage, journeys, interactions, promises, features, consents, decisions, timeline.";
    [
        Route::get("/api/v1/customers/{key}", Access::Role(Role::Read), about, |call| Box::pin(customer(call)))
            .with(Where::Path, "key", json!({"type": "string"}), "A key as `kind:value`, percent-encoded.")
            .answers(200, "application/json", json!({"$ref": "#/components/schemas/Customer"})),
        Route::put(
            "/api/v1/customers/{key}/consent",
            Access::Role(Role::Ingest),
            "Takes in what a customer says about purposes: whether each may be done, from now on.",
            |call| Box::pin(consent(call)),
        )
        .with(Where::Path, "key", json!({"type": "string"}), "A key as `kind:value`, percent-encoded.")
        .takes(
            "application/json",
            json!({
                "type": "object",
                "minProperties": 1,
                "additionalProperties": {"type": "boolean"},
                "description": "By purpose: {\"marketing\": true, \"analytics\": false}.",
            }),
        )
        .answers(
            200,
            "application/json",
            json!({"type": "object", "required": ["customer"], "properties": {"customer": {"type": "integer"}}}),
        ),
    ]
    .into_iter()
    .chain(links())
    .collect()
}

/// What a person says of two keys.
fn links() -> [Route; 2] {
    let key = || {
        json!({
            "type": "object",
            "required": ["kind", "value"],
            "additionalProperties": false,
            "properties": {"kind": {"type": "string"}, "value": {"type": "string"}},
        })
    };
    let pair = json!({
        "type": "object",
        "required": ["from", "to"],
        "additionalProperties": false,
        "properties": {"from": key(), "to": key()},
    });
    [
        Route::delete(
            "/api/v1/links",
            Access::Role(Role::Admin),
            "Takes back that two keys are one customer's.",
            |call| Box::pin(unlink(call)),
        )
        .takes("application/json", pair.clone())
        .answers(
            200,
            "application/json",
            json!({
                "type": "object",
                "required": ["found"],
                "properties": {"found": {"type": "boolean", "description": "Whether there was such a link."}},
            }),
        ),
        Route::post(
            "/api/v1/links",
            Access::Role(Role::Admin),
            "Says that two keys are one customer's, even where the rules would keep them apart.",
            |call| Box::pin(link(call)),
        )
        .takes("application/json", pair)
        .answers(
            200,
            "application/json",
            json!({
                "type": "object",
                "required": ["changed"],
                "properties": {"changed": {"type": "boolean", "description": "Whether that was not said before."}},
            }),
        ),
    ]
}

fn key(call: &Call) -> Result<(&str, &str), Problem> {
    let wrong = || Problem::invalid("a key has a kind and a value, such as user_id:42");
    call.path("key").split_once(':').ok_or_else(wrong)
}

async fn customer(call: Call) -> Result<Response, Problem> {
    let (kind, value) = key(&call)?;
    let shown = call.app.engine.customer(kind, value).await?;
    answer(&shown.ok_or_else(|| Problem::from(Code::UnknownCustomer))?)
}

async fn consent(mut call: Call) -> Result<Response, Problem> {
    let said: BTreeMap<String, bool> = call.json()?;
    let (kind, value) = key(&call)?;
    let customer = call.app.engine.consent(kind, value, &said).await?;
    answer(&json!({ "customer": customer }))
}

/// What stands in the list of changes: not the values, which are personal.
fn of_both(from: &Named, to: &Named) -> String {
    format!("a {} and a {}", from.kind, to.kind)
}

async fn unlink(mut call: Call) -> Result<Response, Problem> {
    let Pair { from, to } = call.json()?;
    let note = call.note("link taken back", &of_both(&from, &to));
    let found = call.app.engine.unlink((&from.kind, &from.value), (&to.kind, &to.value), &[note]).await?;
    answer(&json!({ "found": found }))
}

async fn link(mut call: Call) -> Result<Response, Problem> {
    let Pair { from, to } = call.json()?;
    let note = call.note("keys linked", &of_both(&from, &to));
    let changed = call.app.engine.link((&from.kind, &from.value), (&to.kind, &to.value), &[note]).await?;
    answer(&json!({ "changed": changed }))
}
