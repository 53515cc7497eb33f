//! The charter by which the server works: its words, for whoever shows them.

use axum::response::Response;
use charter::Charter;
use serde_json::{Value, json};

use super::{Call, Route, json as answer};
use crate::access::Access;
use crate::keys::Role;
use crate::problem::Problem;

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get(
            "/api/v1/charter",
            Access::Role(Role::Read),
            "The names and labels of what the charter in force has.",
            |call| Box::pin(async move { shown(&call) }),
        )
        .answers(200, "application/json", schema()),
    ]
}

fn schema() -> Value {
    let named = || json!({"type": "array", "items": {"type": "object", "required": ["name"]}});
    let text = || json!({"type": ["string", "null"]});
    let mut properties = json!({
        "hash": {"type": "string", "description": "Of its file: another charter has another one."},
        "organisation": text(),
        "definition": text(),
        "currency": text(),
        "timezone": text(),
    });
    let lists = [
        "channels",
        "departments",
        "stages",
        "moments",
        "journeys",
        "interactions",
        "expectations",
        "outcomes",
        "segments",
        "features",
        "actions",
    ];
    for name in lists {
        properties[name] = named();
    }
    json!({"type": "object", "required": ["hash"], "properties": properties})
}

fn shown(call: &Call) -> Result<Response, Problem> {
    answer(&words(call.app.engine.charter()))
}

fn words(charter: &Charter) -> Value {
    let labelled = |name: &str, label: &str| json!({"name": name, "label": label});
    let stage = |stage: &charter::moments::Stage| labelled(&stage.name, &stage.label);
    json!({
        "hash": charter.hash,
        "organisation": charter.organisation,
        "definition": charter.definition,
        "currency": charter.currency,
        "timezone": charter.timezone.iana_name(),
        "channels": charter.channels.iter().map(|it| labelled(&it.name, &it.label)).collect::<Vec<_>>(),
        "departments": charter.departments.iter().map(|it| labelled(&it.name, &it.label)).collect::<Vec<_>>(),
        "stages": charter.stages.iter().map(stage).collect::<Vec<_>>(),
        "moments": charter.moments.iter().map(|it| {
            json!({"name": it.name, "label": it.label, "stage": it.stage, "owner": it.owner})
        }).collect::<Vec<_>>(),
        "journeys": charter.journeys.iter().map(|it| labelled(&it.name, &it.label)).collect::<Vec<_>>(),
        "interactions": charter.interactions.iter().map(|it| labelled(&it.name, &it.label)).collect::<Vec<_>>(),
        "expectations": charter.expectations.iter().map(|it| labelled(&it.name, &it.label)).collect::<Vec<_>>(),
        "outcomes": charter.outcomes.iter().map(|it| labelled(&it.name, &it.label)).collect::<Vec<_>>(),
        "segments": charter.segments.iter().map(|it| labelled(&it.name, &it.label)).collect::<Vec<_>>(),
        "features": charter.features.iter().map(|it| json!({"name": it.name})).collect::<Vec<_>>(),
        "actions": charter.actions.iter().map(|it| {
            json!({"name": it.name, "label": it.label, "channel": it.channel, "purpose": it.purpose})
        }).collect::<Vec<_>>(),
    })
}
