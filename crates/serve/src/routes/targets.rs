//! Where actions go: targets, what waits there, and what was given up.

use std::time::Duration;

use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use engine::deliver::{Error, Put, Secret};
use keep::RecordChange;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Call, Route, Where, json as answer};
use crate::access::Access;
use crate::keys::Role;
use crate::problem::{Code, Problem};

/// A target as it is put.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    url: String,
    #[serde(default)]
    allow: Vec<String>,
    #[serde(default)]
    secret: Option<String>,
}

/// Why it is paused.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Pause {
    #[serde(default)]
    why: String,
}

/// What is sent again: one, or all.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Resend {
    #[serde(default)]
    id: Option<String>,
}

const ADMIN: Access = Access::Role(Role::Admin);
const READ: Access = Access::Role(Role::Read);

pub(super) fn routes() -> Vec<Route> {
    let list = |name: &str| json!({"type": "object", "required": [name], "properties": {name: {"type": "array", "items": {"type": "object"}}}});
    let secret = || {
        json!({"type": "object", "required": ["secret"], "properties": {
            "secret": {"type": "string", "description": "What signs now."},
        }})
    };
    let routes = vec![
        Route::get("/api/v1/targets", READ, "All targets, with how much waits and was given up.", |call| {
            Box::pin(list_targets(call))
        })
        .answers(200, "application/json", list("targets")),
        Route::put("/api/v1/targets/{name}", ADMIN, "Makes a target, or changes it.", |call| Box::pin(put(call)))
            .takes("application/json", body_schema())
            .answers(200, "application/json", secret()),
        Route::delete("/api/v1/targets/{name}", ADMIN, "Removes a target; what waits is kept.", |call| {
            Box::pin(remove(call))
        })
        .answers(204, "", json!({})),
        Route::post("/api/v1/targets/{name}/pause", ADMIN, "Holds what is posted to a target.", |call| {
            Box::pin(pause(call))
        })
        .may_take(json!({"type": "object", "properties": {"why": {"type": "string"}}}))
        .answers(204, "", json!({})),
        Route::post("/api/v1/targets/{name}/resume", ADMIN, "Lets a target go on, whatever held it.", |call| {
            Box::pin(resume(call))
        })
        .answers(204, "", json!({})),
        Route::post(
            "/api/v1/targets/{name}/rotate",
            ADMIN,
            "Makes another secret; the old one signs along for a day.",
            |call| Box::pin(rotate(call)),
        )
        .answers(200, "application/json", secret()),
        Route::get("/api/v1/targets/{name}/waiting", READ, "What waits at a target, the first due first.", |call| {
            Box::pin(waiting(call))
        })
        .with(Where::Query, "limit", super::limit_schema(), "How many.")
        .answers(200, "application/json", list("waiting")),
        Route::get("/api/v1/targets/{name}/dead", READ, "What was given up at a target.", |call| Box::pin(dead(call)))
            .with(Where::Query, "after", json!({"type": "string"}), "`next` of the page before.")
            .with(Where::Query, "limit", super::limit_schema(), "How many.")
            .answers(200, "application/json", dead_schema()),
        Route::post("/api/v1/targets/{name}/resend", ADMIN, "Sends again what was given up: one, or all.", |call| {
            Box::pin(resend(call))
        })
        .may_take(json!({"type": "object", "properties": {"id": {"type": ["string", "null"]}}}))
        .answers(
            200,
            "application/json",
            json!({
                "type": "object",
                "required": ["resent"],
                "properties": {"resent": {"type": "integer"}},
            }),
        ),
    ];
    let named = |route: Route| {
        let has_name = route.path.contains("{name}");
        if has_name { route.with(Where::Path, "name", json!({"type": "string"}), "The target.") } else { route }
    };
    routes.into_iter().map(named).collect()
}

fn dead_schema() -> Value {
    json!({
        "type": "object",
        "required": ["dead", "next"],
        "properties": {
            "dead": {"type": "array", "items": {"type": "object"}},
            "next": {"type": ["string", "null"], "description": "`after` of the next page."},
        },
    })
}

fn body_schema() -> Value {
    json!({
        "type": "object",
        "required": ["url"],
        "additionalProperties": false,
        "properties": {
            "url": {"type": "string"},
            "allow": {
                "type": "array",
                "items": {"type": "string"},
                "description": "Hosts and addresses that it may have although they are private.",
            },
            "secret": {"type": ["string", "null"], "description": "`whsec_…`; left out: the present one, or one that is made."},
        },
    })
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let code = match error {
            Error::Invalid { .. } => Code::InvalidRequest,
            Error::NotFound { .. } => Code::UnknownName,
            Error::Changed { .. } | Error::Unreadable { .. } => Code::Conflict,
            Error::NoRandomness { .. } => Code::Internal,
            Error::Keep { source } => return engine::Error::from(source).into(),
        };
        Self::new(code, error.to_string())
    }
}

/// What is noted with a change: who changed which target.
fn noted(call: &Call, what: &str) -> [RecordChange; 1] {
    [call.note(what, call.path("name"))]
}

fn nothing() -> Response {
    StatusCode::NO_CONTENT.into_response()
}

async fn list_targets(call: Call) -> Result<Response, Problem> {
    let targets = call.app.counted.targets(&call.app.outbox, Duration::ZERO).await?;
    answer(&json!({ "targets": targets }))
}

async fn put(mut call: Call) -> Result<Response, Problem> {
    let Body { url, allow, secret } = call.json()?;
    let secret = secret.map(|text| Secret::parse(&text)).transpose()?;
    let put = Put { name: call.path("name").to_owned(), url, allow, secret };
    let secret = call.app.outbox.put(put, &noted(&call, "target put")).await?;
    answer(&json!({"secret": secret.reveal()}))
}

async fn remove(call: Call) -> Result<Response, Problem> {
    call.app.outbox.remove(call.path("name"), &noted(&call, "target removed")).await?;
    Ok(nothing())
}

async fn pause(mut call: Call) -> Result<Response, Problem> {
    let Pause { why } = if call.body.bytes.is_empty() { Pause::default() } else { call.json()? };
    call.app.outbox.pause(call.path("name"), &why, &noted(&call, "target paused")).await?;
    Ok(nothing())
}

async fn resume(call: Call) -> Result<Response, Problem> {
    call.app.outbox.go_on(call.path("name"), &noted(&call, "target resumed")).await?;
    Ok(nothing())
}

async fn rotate(call: Call) -> Result<Response, Problem> {
    let note = noted(&call, "target got another secret");
    let secret = call.app.outbox.rotate(call.path("name"), None, &note).await?;
    answer(&json!({"secret": secret.reveal()}))
}

async fn waiting(call: Call) -> Result<Response, Problem> {
    answer(&json!({"waiting": call.app.outbox.waiting(call.path("name"), call.limit()?).await?}))
}

async fn dead(call: Call) -> Result<Response, Problem> {
    let (after, limit) = (call.query("after"), call.limit()?);
    let dead = call.app.outbox.dead(call.path("name"), after.as_deref(), limit).await?;
    let next = dead.last().filter(|_| dead.len() == limit).map(|last| last.id.clone());
    answer(&json!({"dead": dead, "next": next}))
}

async fn resend(mut call: Call) -> Result<Response, Problem> {
    let Resend { id } = if call.body.bytes.is_empty() { Resend::default() } else { call.json()? };
    let (name, note) = (call.path("name"), noted(&call, "given up deliveries sent again"));
    let resent = match &id {
        Some(id) => call.app.outbox.resend(name, id, &note).await.map(|()| 1)?,
        None => call.app.outbox.resend_all(name, &note).await?,
    };
    answer(&json!({ "resent": resent }))
}
