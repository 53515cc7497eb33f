//! Any JSON objects, as the charter's `sources:` read them.

use axum::response::Response;
use engine::Inbox;
use listen::intake::{Rows, SourceError};
use serde_json::json;

use super::{Call, Route, Where, intake};
use crate::access::Access;
use crate::keys::Role;
use crate::problem::{Code, Problem};

pub(super) fn routes() -> Vec<Route> {
    let about =
        "Takes in JSON objects, one or a list, by the mapping that the charter's `sources:` have under this name.";
    vec![
        Route::post("/v1/webhooks/{source}", Access::Role(Role::Ingest), about, |call| Box::pin(take(call)))
            .with(Where::Path, "source", json!({"type": "string"}), "The source.")
            .with(Where::Query, "writeKey", json!({"type": "string"}), "The write key, where no header has it.")
            .takes("application/json", json!({"type": ["object", "array"]}))
            .answers(
                200,
                "application/json",
                json!({"anyOf": [
                    {"$ref": "#/components/schemas/Success"},
                    {"$ref": "#/components/schemas/Taken"},
                ]}),
            ),
    ]
}

async fn take(call: Call) -> Result<Response, Problem> {
    let (_, took) = intake::take(call, Box::new(read)).await?;
    if took.len() == 1 { intake::single(&took) } else { intake::batch(&took) }
}

fn read(call: &mut Call, inbox: &mut Inbox<'_>) -> Result<(), Problem> {
    call.decompress()?;
    let source = call.app.engine.sources().named(call.path("source"))?;
    let key = call.key.as_ref().ok_or(Code::MissingKey)?;
    let received = intake::received(call, key, inbox);
    Rows::parse(&call.body.bytes)?.read(source, &received, inbox).map_err(intake::stopped)
}

impl From<SourceError> for Problem {
    fn from(error: SourceError) -> Self {
        let code = match error {
            SourceError::Unknown { .. } => Code::UnknownName,
            SourceError::NotForObjects { .. } => Code::InvalidRequest,
        };
        Self::new(code, error.to_string())
    }
}
