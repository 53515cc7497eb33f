//! The HTTP API of Segment, as its clients and those of `RudderStack` speak it.
//!
//! Source: Segment, "HTTP Tracking API"; `RudderStack`, "HTTP API"; and what the clients themselves do: they take 2xx and
//! 3xx for stored, and everything but exactly 200 may be sent again.

use std::time::Instant;

use axum::response::Response;
use engine::Inbox;
use listen::intake::{Body, BodyError, Endpoint};
use serde_json::{Value, json};

use super::decide::{Noted, decided};
use super::{Call, Route, Where, intake, json as answer, written};
use crate::access::Access;
use crate::keys::Role;
use crate::problem::{Code, Problem};

/// Addresses of one message each.
const MESSAGES: [&str; 12] = [
    "/v1/track",
    "/v1/identify",
    "/v1/page",
    "/v1/screen",
    "/v1/group",
    "/v1/alias",
    "/v1/t",
    "/v1/i",
    "/v1/p",
    "/v1/s",
    "/v1/g",
    "/v1/a",
];

/// Addresses of many messages.
const BATCHES: [&str; 4] = ["/v1/batch", "/v1/b", "/v1/import", "/beacon/v1/batch"];

/// What the parameter says.
const DECIDE: &str = "Whether what to do next is decided, too, and answered as `decision`; needs the role `decide`.";

pub(super) fn routes() -> Vec<Route> {
    let success = json!({"$ref": "#/components/schemas/Success"});
    let one = |path| {
        Route::post(path, Access::Body, "Takes in one message of the type that the address says.", |call| {
            Box::pin(take(call))
        })
        .with(Where::Query, "writeKey", json!({"type": "string"}), "The write key, where no header has it.")
        .with(Where::Query, "decide", json!({"type": "boolean"}), DECIDE)
        .takes("application/json", json!({"$ref": "#/components/schemas/Message"}))
        .answers(200, "application/json", success.clone())
    };
    let many = |path| {
        Route::post(path, Access::Body, "Takes in a batch of messages of any type, each for itself.", |call| {
            Box::pin(take(call))
        })
        .with(Where::Query, "writeKey", json!({"type": "string"}), "The write key, where no header has it.")
        .takes("application/json", batch_schema())
        .answers(200, "application/json", json!({"$ref": "#/components/schemas/Taken"}))
    };
    let dropped = Route::post("/v1/m", Access::Open, "Takes no note of what clients measure of themselves.", |_| {
        Box::pin(async { answer(&json!({"success": true})) })
    })
    .takes("text/plain", json!({}))
    .answers(200, "application/json", success.clone());
    MESSAGES.into_iter().map(one).chain(BATCHES.into_iter().map(many)).chain([dropped]).collect()
}

fn batch_schema() -> Value {
    json!({
        "type": "object",
        "required": ["batch"],
        "properties": {
            "batch": {"type": "array", "items": {"$ref": "#/components/schemas/Message"}},
            "sentAt": {"type": "string"},
            "writeKey": {"type": "string"},
            "context": {"type": "object"},
            "integrations": {"type": "object"},
        },
    })
}

async fn take(call: Call) -> Result<Response, Problem> {
    let began = Instant::now();
    let last = call.head.uri.path().rsplit('/').next().unwrap_or_default();
    let endpoint = Endpoint::named(last).ok_or(Code::NotFound)?;
    let noted = call.says("decide")?.then(Noted::default);
    let of_event = noted.clone();
    let read = move |call: &mut Call, inbox: &mut Inbox<'_>| read(call, endpoint, of_event.as_ref(), inbox);
    let (call, took) = intake::take(call, Box::new(read)).await?;
    let answered = match endpoint {
        Endpoint::Message(_) => intake::single(&took)?,
        Endpoint::Batch => return intake::batch(&took),
    };
    let Some(noted) = noted else { return Ok(answered) };
    let decision = decided(&call, noted.ask(), began).await?;
    Ok(written(format!("{{\"success\":true,\"decision\":{decision}}}")))
}

/// Reads a body, and whose it is; takes note of the event where a decision is to follow.
fn read(call: &mut Call, endpoint: Endpoint, noted: Option<&Noted>, inbox: &mut Inbox<'_>) -> Result<(), Problem> {
    call.decompress()?;
    let bytes = call.body.bytes.clone();
    let body = Body::parse(&bytes, endpoint)?;
    let key = call.admit(if call.key.is_some() { None } else { body.write_key() })?;
    call.body.grow(body.shared_bytes())?;
    let received = intake::received(call, &key, inbox);
    let done = match noted {
        Some(_) if !key.may(Role::Decide) => {
            return Err(Problem::new(Code::NotAllowed, "`decide` needs a key with the role `decide`, too"));
        }
        Some(noted) => body.read(&received, &mut noted.on(inbox)),
        None => body.read(&received, inbox),
    };
    done.map_err(intake::stopped)
}

impl From<BodyError> for Problem {
    fn from(error: BodyError) -> Self {
        let code = match error {
            BodyError::UnknownEncoding { .. } => Code::UnknownEncoding,
            BodyError::UnknownForm { .. } => Code::UnknownFormat,
            BodyError::BrokenGzip { .. } => Code::BrokenGzip,
            BodyError::TooLarge { .. }
            | BodyError::TooMany { .. }
            | BodyError::EnvelopeTooLarge { .. }
            | BodyError::TooMuchShared { .. } => Code::TooLarge,
            BodyError::NotJson { .. } => Code::NotJson,
            BodyError::WrongForm { .. } => Code::WrongForm,
        };
        Self::new(code, error.to_string())
    }
}
