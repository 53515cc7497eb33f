//! Keys, made and withdrawn over the API, and who changed what.

use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};

use super::{Call, Route, Where, json as answer};
use crate::access::Access;
use crate::keys::{Kept, Making, Role};
use crate::problem::Problem;

pub(super) fn routes() -> Vec<Route> {
    let admin = Access::Role(Role::Admin);
    let key = || json!({"$ref": "#/components/schemas/Key"});
    let list =
        json!({"type": "object", "required": ["keys"], "properties": {"keys": {"type": "array", "items": key()}}});
    let entries = json!({
        "type": "object",
        "required": ["entries", "next"],
        "properties": {
            "entries": {"type": "array", "items": {"type": "object"}},
            "next": {"type": ["string", "null"]},
        },
    });
    vec![
        Route::get("/api/v1/keys", admin, "All keys that are kept, without the keys themselves.", |call| {
            Box::pin(list_keys(call))
        })
        .answers(200, "application/json", list),
        Route::post("/api/v1/keys", admin, "Makes a key, and shows it once.", |call| Box::pin(make(call)))
            .takes("application/json", json!({"$ref": "#/components/schemas/NewKey"}))
            .answers(201, "application/json", key()),
        Route::delete("/api/v1/keys/{id}", admin, "Withdraws a key.", |call| Box::pin(withdraw(call)))
            .with(Where::Path, "id", json!({"type": "string"}), "The id of the key.")
            .answers(204, "", json!({})),
        Route::get("/api/v1/audit", admin, "Who changed what, in the order of time.", |call| {
            Box::pin(entries_of(call))
        })
        .with(Where::Query, "after", json!({"type": "string"}), "`next` of the page before.")
        .with(Where::Query, "limit", super::limit_schema(), "How many.")
        .answers(200, "application/json", entries),
    ]
}

fn shown(kept: &Kept) -> Value {
    let time = |us: i64| event::Timestamp::from_micros(us).to_string();
    json!({
        "id": kept.id,
        "name": kept.name,
        "roles": kept.roles,
        "source": kept.source,
        "origins": kept.origins,
        "per_second": kept.per_second,
        "expires": kept.expires_us.map(time),
        "made": time(kept.made_us),
        "made_by": kept.made_by,
    })
}

async fn list_keys(call: Call) -> Result<Response, Problem> {
    let keys: Vec<Value> = call.app.store.all().await?.iter().map(|(kept, _)| shown(kept)).collect();
    answer(&json!({ "keys": keys }))
}

async fn make(mut call: Call) -> Result<Response, Problem> {
    let making: Making = call.json()?;
    let made = call.app.store.make(making, call.who(), call.now_us).await?;
    call.app.read_keys().await?;
    let mut shown = shown(&made.kept);
    shown["key"] = Value::String(made.text);
    let mut response = answer(&shown)?;
    *response.status_mut() = StatusCode::CREATED;
    Ok(response)
}

async fn withdraw(call: Call) -> Result<Response, Problem> {
    let admin_is_given = call.app.keys.admin_is_given();
    call.app.store.withdraw(call.path("id"), admin_is_given, call.who(), call.now_us).await?;
    call.app.read_keys().await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn entries_of(call: Call) -> Result<Response, Problem> {
    let (entries, next) = call.app.store.entries(call.query("after").as_deref(), call.limit()?).await?;
    answer(&json!({"entries": entries, "next": next}))
}
