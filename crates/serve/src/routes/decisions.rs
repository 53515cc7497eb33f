//! Decisions as they were made, to be evaluated.

use axum::response::Response;
use serde_json::json;

use super::{Call, Route, Where, json as answer};
use crate::access::Access;
use crate::keys::Role;
use crate::problem::Problem;

pub(super) fn routes() -> Vec<Route> {
    let about = "Every decision in the order in which it was made, with what was known then and what followed.";
    let decisions = json!({
        "type": "object",
        "required": ["decisions", "next"],
        "properties": {
            "decisions": {"type": "array", "items": {"$ref": "#/components/schemas/Evaluated"}},
            "next": {"type": ["integer", "null"], "description": "`after` of the next page; this one may have fewer than `limit`, or none."},
        },
    });
    vec![
        Route::get("/api/v1/decisions", Access::Role(Role::Read), about, |call| Box::pin(list(call)))
            .with(Where::Query, "after", json!({"type": "integer", "minimum": 0}), "`next` of the page before.")
            .with(Where::Query, "limit", super::limit_schema(), "How many.")
            .answers(200, "application/json", decisions),
    ]
}

async fn list(call: Call) -> Result<Response, Problem> {
    let after = call.query("after").map(|text| text.parse::<u64>()).transpose();
    let after = after.map_err(|_| Problem::invalid("`after` is a number: `next` of the page before"))?;
    answer(&call.app.engine.evaluated(after, call.limit()?).await?)
}
