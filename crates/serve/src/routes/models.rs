//! What was learnt of what follows decisions.

use axum::response::Response;
use serde_json::json;

use super::{Call, Route, json as answer};
use crate::access::Access;
use crate::keys::Role;
use crate::problem::Problem;

pub(super) fn routes() -> Vec<Route> {
    let about = "What was learnt for each action: how probable its outcome was said to be, and how often it came.";
    let models = json!({
        "type": "object",
        "required": ["models"],
        "properties": {"models": {"type": "array", "items": {"$ref": "#/components/schemas/Model"}}},
    });
    vec![
        Route::get("/api/v1/models", Access::Role(Role::Read), about, |call| Box::pin(async move { models_of(&call) }))
            .answers(200, "application/json", models),
    ]
}

fn models_of(call: &Call) -> Result<Response, Problem> {
    answer(&json!({"models": call.app.engine.learnt()}))
}
