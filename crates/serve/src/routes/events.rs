//! What came in: events as they were taken in, and what could not be one.

use std::borrow::Cow;

use axum::response::Response;
use listen::intake::{Sources, is_row, normalised};
use serde::Deserialize;
use serde_json::json;

use super::{Call, Route, Where, json as answer};
use crate::access::Access;
use crate::keys::Role;
use crate::problem::Problem;

pub(super) fn routes() -> Vec<Route> {
    let text = || json!({"type": "string"});
    let next = || json!({"type": ["integer", "null"], "description": "`after` of the next page."});
    let after = || json!({"type": "integer", "minimum": 0});
    let read = Access::Role(Role::Read);
    let events = json!({
        "type": "object",
        "required": ["events", "next"],
        "properties": {"events": {"type": "array", "items": {"type": "object"}}, "next": next()},
    });
    let rejected = json!({
        "type": "object",
        "required": ["rejected", "next"],
        "properties": {
            "rejected": {"type": "array", "items": {
                "type": "object",
                "required": ["position", "at", "reason", "detail", "message_id", "text"],
                "properties": {
                    "position": {"type": "integer"},
                    "at": text(),
                    "reason": text(),
                    "detail": text(),
                    "message_id": {"type": ["string", "null"]},
                    "text": text(),
                },
            }},
            "next": next(),
        },
    });
    vec![
        Route::get("/api/v1/events", read, "Events as their senders wrote them, the newest first.", |call| {
            Box::pin(list(call))
        })
        .with(Where::Query, "messageId", text(), "Its id.")
        .with(Where::Query, "userId", text(), "Its user.")
        .with(Where::Query, "anonymousId", text(), "Its anonymous id.")
        .with(Where::Query, "type", text(), "track, identify, page, screen, group or alias.")
        .with(Where::Query, "event", text(), "Its name.")
        .with(Where::Query, "after", after(), "`next` of the page before.")
        .with(Where::Query, "limit", super::limit_schema(), "How many.")
        .answers(200, "application/json", events),
        Route::get("/api/v1/rejected", read, "What could not be an event, in the order in which it came.", |call| {
            Box::pin(list_rejected(call))
        })
        .with(Where::Query, "after", after(), "`next` of the page before.")
        .with(Where::Query, "limit", super::limit_schema(), "How many.")
        .answers(200, "application/json", rejected),
    ]
}

/// What is asked of an event.
struct Wanted {
    message_id: Option<String>,
    user_id: Option<String>,
    anonymous_id: Option<String>,
    kind: Option<String>,
    event: Option<String>,
}

/// What an event says about it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Said<'a> {
    #[serde(borrow)]
    message_id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    user_id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    anonymous_id: Option<Cow<'a, str>>,
    #[serde(borrow, rename = "type")]
    kind: Option<Cow<'a, str>>,
    #[serde(default)]
    event: serde_json::Value,
}

impl Wanted {
    fn is(&self, text: &str, sources: &Sources) -> bool {
        let asked = [&self.message_id, &self.user_id, &self.anonymous_id, &self.event];
        // Most are told by their text alone. What senders may escape in one way or another has to be looked at, and so has a row:
        // what happened, and whose it is, may stand in the charter.
        let plain = |value: &str| value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-. ".contains(&byte));
        if !is_row(text) && asked.into_iter().flatten().any(|value| plain(value) && !text.contains(value.as_str())) {
            return false;
        }
        let Ok(text) = normalised(text, sources) else { return false };
        let Ok(said) = serde_json::from_str::<Said<'_>>(&text) else { return false };
        let same = |wanted: &Option<String>, said: Option<&str>| wanted.is_none() || wanted.as_deref() == said;
        same(&self.message_id, said.message_id.as_deref())
            && same(&self.user_id, said.user_id.as_deref())
            && same(&self.anonymous_id, said.anonymous_id.as_deref())
            && same(&self.kind, said.kind.as_deref())
            && same(&self.event, said.event.as_str())
    }
}

async fn list(call: Call) -> Result<Response, Problem> {
    let wanted = Wanted {
        message_id: call.query("messageId"),
        user_id: call.query("userId"),
        anonymous_id: call.query("anonymousId"),
        kind: call.query("type"),
        event: call.query("event"),
    };
    let sources = call.app.engine.sources();
    let (after, limit) = (after(&call)?, call.limit()?);
    let found = call.app.engine.messages(&|text| wanted.is(text, sources), after, limit).await?;
    let next = found.last().filter(|_| found.len() == limit).map(|(position, _)| *position);
    let events: Vec<_> = found.into_iter().map(|(_, message)| message).collect();
    answer(&json!({"events": events, "next": next}))
}

/// Where the page before ended.
fn after(call: &Call) -> Result<Option<u64>, Problem> {
    let after = call.query("after").map(|text| text.parse()).transpose();
    after.map_err(|_| Problem::invalid("`after` is a number: `next` of the page before"))
}

async fn list_rejected(call: Call) -> Result<Response, Problem> {
    let (after, limit) = (after(&call)?, call.limit()?);
    let rejected = call.app.engine.refused(after, limit).await?;
    let next = rejected.last().filter(|_| rejected.len() == limit).map(|last| last.position);
    answer(&json!({"rejected": rejected, "next": next}))
}
