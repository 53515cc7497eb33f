//! The API of `PostHog`, as far as it takes events in.
//!
//! Source: `PostHog`, "Capture and batch API endpoints".

use axum::response::Response;
use engine::Inbox;
use listen::intake::{Body, Endpoint, from_posthog};
use serde_json::json;

use super::{Call, Route, intake, json as answer};
use crate::access::Access;
use crate::problem::Problem;

pub(super) fn routes() -> Vec<Route> {
    let route = |path| {
        Route::post(path, Access::Body, "Takes in events as the clients of PostHog send them.", |call| {
            Box::pin(take(call))
        })
        .takes("application/json", json!({"type": ["object", "array"]}))
        .answers(
            200,
            "application/json",
            json!({"type": "object", "required": ["status"], "properties": {"status": {"const": 1}}}),
        )
    };
    ["/batch", "/capture", "/e", "/i/v0/e"].map(route).to_vec()
}

/// Bad events do not lose their neighbours; they are among the rejected, as these clients look for nothing in the answer.
async fn take(call: Call) -> Result<Response, Problem> {
    intake::take(call, Box::new(read)).await?;
    answer(&json!({"status": 1}))
}

fn read(call: &mut Call, inbox: &mut Inbox<'_>) -> Result<(), Problem> {
    call.decompress()?;
    let sent_ms = call.query("_").and_then(|sent| sent.parse().ok());
    let batch = from_posthog(&call.body.bytes, sent_ms, inbox.received())?;
    let body = Body::parse(batch.as_bytes(), Endpoint::Batch)?;
    let key = call.admit(if call.key.is_some() { None } else { body.write_key() })?;
    call.body.grow(batch.len() + body.shared_bytes())?;
    body.read(&intake::received(call, &key, inbox), inbox).map_err(intake::stopped)
}
