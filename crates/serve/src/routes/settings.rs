//! What clients in browsers ask before they send: Segment and `PostHog` their settings, `RudderStack` its source.

use axum::http::HeaderValue;
use axum::http::header::{CACHE_CONTROL, HOST, ORIGIN};
use axum::response::Response;
use serde_json::{Value, json};

use super::{Call, Route, Where, json as answer};
use crate::access::Access;
use crate::keys::Role;
use crate::problem::{Code, Problem};

pub(super) fn routes() -> Vec<Route> {
    let object = || json!({"type": "object"});
    vec![
        Route::get("/v1/projects/{key}/settings", Access::Open, "The settings of analytics.js.", |call| {
            Box::pin(async move { settings(&call) })
        })
        .with(Where::Path, "key", json!({"type": "string"}), "A write key.")
        .answers(200, "application/json", object()),
        Route::get("/array/{key}/config", Access::Open, "The settings of posthog-js.", |call| {
            Box::pin(async move { posthog(&call) })
        })
        .with(Where::Path, "key", json!({"type": "string"}), "A write key.")
        .answers(200, "application/json", object()),
        Route::get(
            "/sourceConfig",
            Access::Role(Role::Ingest),
            "The settings of the RudderStack JavaScript SDK.",
            |call| Box::pin(async move { source_config(&call) }),
        )
        .with(Where::Query, "writeKey", json!({"type": "string"}), "A write key.")
        .answers(200, "application/json", object()),
    ]
}

fn settings(call: &Call) -> Result<Response, Problem> {
    let (protocol, host) = address(call);
    of_public_key(call, &segment(call.path("key"), protocol, &host))
}

/// Without an answer to this, it would not compress, and what it sends as its page is left would be of a form for which a browser has
/// to ask first, and cannot any more.
fn posthog(call: &Call) -> Result<Response, Problem> {
    of_public_key(call, &json!({"supportedCompression": ["gzip-js"], "hasFeatureFlags": false}))
}

/// Answers with settings, where the address names a key that may stand in a web page.
fn of_public_key(call: &Call, settings: &Value) -> Result<Response, Problem> {
    let found = call.app.keys.find(call.path("key"), call.now_us);
    // A key that is a secret has no business in a web page: it is not confirmed.
    if !found.is_some_and(|key| key.is_public()) {
        return Err(Problem::new(Code::UnknownName, "unknown write key"));
    }
    let mut response = answer(settings)?;
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"));
    Ok(response)
}

/// More integrations, or plugins, would make the client load code from elsewhere.
fn segment(key: &str, protocol: &str, host: &str) -> Value {
    json!({
        "integrations": {"Segment.io": {
            "apiKey": key,
            "apiHost": format!("{host}/v1"),
            "protocol": protocol,
            "bundlingStatus": "unbundled",
            "unbundledIntegrations": [],
            "addBundledMetadata": false,
            "versionSettings": {"version": "4.4.7", "componentTypes": ["browser"]},
        }},
        "plan": {"track": {"__default": {"enabled": true, "integrations": {}}}},
        "edgeFunction": {},
        "middlewareSettings": {},
        "enabledMiddleware": {},
        "metrics": {"sampleRate": 0},
        "legacyVideoPluginsEnabled": false,
        "remotePlugins": [],
    })
}

fn source_config(call: &Call) -> Result<Response, Problem> {
    let key = call.key.as_ref().ok_or(Code::MissingKey)?;
    let off = json!({"enabled": false});
    answer(&json!({"source": {
        "id": key.id,
        "name": key.source.as_deref().unwrap_or("web"),
        "writeKey": call.query("writeKey").unwrap_or_default(),
        "enabled": true,
        "workspaceId": "desireline",
        "updatedAt": "2026-01-01T00:00:00.000Z",
        "config": {"statsCollection": {"errors": off, "metrics": off}},
        "destinations": [],
        "connections": [],
    }}))
}

/// The protocol and host under which the client reaches the server.
fn address(call: &Call) -> (&'static str, String) {
    if let Some(url) = call.app.options.public_url.as_deref() {
        let (protocol, host) = url.split_once("://").unwrap_or(("https", url));
        return (if protocol == "http" { "http" } else { "https" }, host.trim_end_matches('/').to_owned());
    }
    let trusted = call.app.options.proxies.contains(&call.peer);
    let forwarded = |name| call.header(name).filter(|_| trusted);
    // A page that came over HTTPS can send over nothing else, whatever stands before the server.
    let of_https = call.header(ORIGIN.as_str()).is_some_and(|origin| origin.starts_with("https://"));
    let https = of_https || call.app.options.tls.is_some() || forwarded("x-forwarded-proto") == Some("https");
    let host = forwarded("x-forwarded-host").or_else(|| call.header(HOST.as_str())).unwrap_or_default();
    (if https { "https" } else { "http" }, host.to_owned())
}
