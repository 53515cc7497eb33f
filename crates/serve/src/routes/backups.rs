//! Backups, made while everything goes on.

use std::sync::Arc;

use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Call, Route, json as answer};
use crate::access::Access;
use crate::backups::Backups;
use crate::keys::Role;
use crate::limits::{BACKUP_NAME_MAX, BACKUP_TIME_MAX};
use crate::problem::{Code, Problem};
use crate::server::Happened;

/// Which backup is to be made.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Making {
    #[serde(default)]
    name: Option<String>,
}

pub(super) fn routes() -> Vec<Route> {
    let admin = Access::Role(Role::Admin);
    let backup = || json!({"$ref": "#/components/schemas/Backup"});
    let list = json!({
        "type": "object",
        "required": ["backups"],
        "properties": {"backups": {"type": "array", "items": backup()}},
    });
    let making = json!({
        "type": "object",
        "additionalProperties": false,
        "properties": {"name": {
            "type": ["string", "null"],
            "description": "Letters, digits, `.`, `-` and `_`; otherwise it is called by the time.",
        }},
    });
    vec![
        Route::get("/api/v1/backups", admin, "All backups that were made here.", |call| {
            Box::pin(async move { list_all(&call) })
        })
        .answers(200, "application/json", list),
        Route::post("/api/v1/backups", admin, "Makes a backup of everything while the server goes on.", |call| {
            Box::pin(make(call))
        })
        .may_take(making)
        .answers(201, "application/json", backup())
        .answers(202, "application/json", accepted()),
    ]
}

/// What is answered where it takes longer than an answer may.
fn accepted() -> Value {
    json!({
        "type": "object",
        "required": ["name", "whole"],
        "properties": {"name": {"type": "string"}, "whole": {"const": false}},
    })
}

fn backups(call: &Call) -> Result<&Arc<dyn Backups>, Problem> {
    let backups = call.app.options.backups.as_ref();
    backups.ok_or_else(|| Problem::new(Code::UnknownName, "this server makes no backups"))
}

fn list_all(call: &Call) -> Result<Response, Problem> {
    let all = backups(call)?.list().map_err(|error| Problem::new(Code::Internal, error))?;
    answer(&json!({ "backups": all }))
}

async fn make(mut call: Call) -> Result<Response, Problem> {
    let backups = Arc::clone(backups(&call)?);
    let Making { name } = if call.body.bytes.is_empty() { Making::default() } else { call.json()? };
    let name = match name {
        Some(name) if is_name(&name) => name,
        Some(_) => {
            let detail = format!(
                "a backup is called by 1 to {BACKUP_NAME_MAX} letters, digits, `.`, `-` and `_`, and not by `.` first"
            );
            return Err(Problem::invalid(detail));
        }
        None => event::Timestamp::from_micros(call.now_us).to_string().replace(':', "-"),
    };
    let busy = || Problem::new(Code::Conflict, "a backup is being made: come again when it is done");
    let place = Arc::clone(&call.app.backing_up).try_acquire_owned().map_err(|_| busy())?;
    let broken = |error: String| Problem::new(Code::Internal, error);
    if backups.list().map_err(broken)?.iter().any(|known| known.name == name) {
        return Err(Problem::new(Code::Conflict, format!("there is a backup `{name}`: choose another name")));
    }
    call.app.store.note(call.now_us, call.note("backup begun", &name)).await?;
    let (making, log) = (backups.make(name.clone()), Arc::clone(&call.app.options.log));
    // A client that goes away does not stop what has begun.
    let task = tokio::spawn(async move {
        let _place = place;
        let made = making.await;
        if let Err(error) = &made {
            log(&Happened::new("backup_failed", &format!("a backup failed: {error}")));
        }
        made
    });
    let Ok(ended) = tokio::time::timeout(BACKUP_TIME_MAX, task).await else {
        return with(StatusCode::ACCEPTED, &json!({"name": name, "whole": false}));
    };
    let made = ended.map_err(|error| broken(error.to_string()))?.map_err(broken)?;
    with(StatusCode::CREATED, &json!(made))
}

fn with(status: StatusCode, value: &Value) -> Result<Response, Problem> {
    let mut response = answer(value)?;
    *response.status_mut() = status;
    Ok(response)
}

/// Whether it can be the name of a folder, and of none but a new one.
fn is_name(name: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
    (1..=BACKUP_NAME_MAX).contains(&name.len()) && !name.starts_with('.') && name.bytes().all(is_letter)
}
