//! `CloudEvents` over HTTP: in the body, as a list, or in headers.
//!
//! Source: `CloudEvents` 1.0.2, "HTTP Protocol Binding" and "HTTP 1.1 Web Hooks for Event Delivery"; what a sender asks
//! first is answered where browsers are.

use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use engine::{Inbox, Took};
use listen::intake::CloudEvents;
use serde_json::json;

use super::intake;
use super::{Call, Route, Where};
use crate::access::Access;
use crate::keys::Role;
use crate::problem::{Code, Problem};

pub(super) fn routes() -> Vec<Route> {
    let event = json!({
        "type": "object",
        "required": ["specversion", "id", "source", "type"],
        "properties": {
            "specversion": {"const": "1.0"},
            "id": {"type": "string", "minLength": 1},
            "source": {"type": "string", "minLength": 1},
            "type": {"type": "string", "minLength": 1},
            "subject": {"type": "string"},
            "time": {"type": "string"},
            "data": {},
        },
    });
    let about = "Takes in CloudEvents 1.0: one, a list (application/cloudevents-batch+json), or one in headers.";
    let text = || json!({"type": "string"});
    let route = Route::post("/v1/cloudevents", Access::Role(Role::Ingest), about, |call| Box::pin(take(call)))
        .with(Where::Query, "writeKey", text(), "The write key, where no header has it.")
        .takes("application/cloudevents-batch+json", json!({"type": "array", "items": event.clone()}))
        .takes("application/cloudevents+json", event)
        .takes("*/*", json!({"description": "The data of an event that is in headers."}))
        .answers(202, "", json!({}))
        .answers(200, "application/json", json!({"$ref": "#/components/schemas/Taken"}));
    let in_header = |route: Route, name| route.with(Where::Header, name, text(), "Of an event in headers.");
    vec![
        ["ce-specversion", "ce-id", "ce-source", "ce-type", "ce-subject", "ce-time"].into_iter().fold(route, in_header),
    ]
}

async fn take(call: Call) -> Result<Response, Problem> {
    let (_, took) = intake::take(call, Box::new(read)).await?;
    if took.len() == 1 {
        intake::single(&took)?;
    } else if took.iter().any(|took| matches!(took, Took::Refused { .. })) {
        return intake::batch(&took);
    }
    Ok(StatusCode::ACCEPTED.into_response())
}

fn read(call: &mut Call, inbox: &mut Inbox<'_>) -> Result<(), Problem> {
    call.decompress()?;
    let headers: Vec<(&str, &[u8])> =
        call.head.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
    let events = CloudEvents::parse(&headers, &call.body.bytes)?;
    let key = call.key.as_ref().ok_or(Code::MissingKey)?;
    events.read(call.app.engine.sources(), &intake::received(call, key, inbox), inbox).map_err(intake::stopped)
}
