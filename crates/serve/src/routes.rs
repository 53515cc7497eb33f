//! Every address, once: the router and the `OpenAPI` document are made of the same list.

mod call;
mod route;

mod backups;
mod charter;
mod cloud_events;
mod customers;
mod decide;
mod decisions;
mod events;
mod health;
mod intake;
mod keys;
mod live;
mod models;
mod posthog;
mod segment;
mod settings;
mod targets;
mod to_the_end;
mod webhooks;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{MethodFilter, on};

pub(crate) use call::{Call, Pending, Place, json, written};
pub(crate) use live::EVENTS;
pub(crate) use route::{Handler, Route, Where};

use crate::app::App;
use crate::problem::{Code, Problem};

/// All routes.
pub(crate) fn all() -> Vec<Route> {
    [
        segment::routes(),
        settings::routes(),
        cloud_events::routes(),
        posthog::routes(),
        webhooks::routes(),
        decide::routes(),
        decisions::routes(),
        customers::routes(),
        events::routes(),
        live::routes(),
        models::routes(),
        targets::routes(),
        charter::routes(),
        backups::routes(),
        keys::routes(),
        health::routes(),
    ]
    .concat()
}

/// The router of these routes.
pub(crate) fn router(app: &Arc<App>) -> Router {
    let mut router = Router::new();
    for (place, route) in app.routes.iter().enumerate() {
        let filter = MethodFilter::try_from(route.method.clone()).expect("routes have methods that are known");
        let app = Arc::clone(app);
        let handler = move |request: Request<Body>| Call::answer(Arc::clone(&app), place, request);
        router = router.route(route.path, on(filter, handler));
    }
    router.fallback(nowhere).method_not_allowed_fallback(otherwise)
}

async fn nowhere() -> Response {
    Problem::from(Code::NotFound).into_response()
}

async fn otherwise() -> Response {
    Problem::from(Code::MethodNotAllowed).into_response()
}

/// How many rows may be asked for.
fn limit_schema() -> serde_json::Value {
    serde_json::json!({"type": "integer", "minimum": 1, "maximum": crate::limits::ROWS_MAX})
}
