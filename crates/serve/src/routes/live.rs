//! What changes, as it changes: server-sent events.
//!
//! Source: WHATWG, HTML, "Server-sent events".

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::HeaderValue;
use axum::http::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE};
use axum::response::Response;
use engine::Change;
use serde_json::json;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{OwnedSemaphorePermit, watch};

use super::{Call, Route, Where};
use crate::access::Access;
use crate::keys::Role;
use crate::problem::{Code, Problem};

/// What it answers with.
pub(crate) const EVENTS: &str = "text/event-stream";

pub(super) fn routes() -> Vec<Route> {
    let about =
        "What changes about customers, as server-sent events: `change`, or `missed` where the reader was too slow.";
    vec![
        Route::get("/api/v1/live", Access::Role(Role::Read), about, |call| Box::pin(async move { live(&call) }))
            .with(Where::Query, "customer", json!({"type": "integer"}), "The number of a customer; otherwise all.")
            .answers(200, EVENTS, json!({"type": "string"})),
    ]
}

fn live(call: &Call) -> Result<Response, Problem> {
    // Whoever does not know that the answer never ends would wait for its end.
    if !call.header(ACCEPT.as_str()).is_some_and(|accepted| accepted.contains(EVENTS)) {
        return Err(Problem::new(Code::NotAcceptable, format!("this is a stream: ask with `Accept: {EVENTS}`")));
    }
    let customer = call.query("customer").map(|text| text.parse::<i64>()).transpose();
    let customer = customer.map_err(|_| Problem::invalid("`customer` is the number of a customer"))?;
    let place = Arc::clone(&call.app.streams).try_acquire_owned();
    let place = place.map_err(|_| Problem::new(Code::Busy, "too many streams are open"))?;
    let (app, key) = (Arc::clone(&call.app), call.key.clone());
    let may_read = move || key.as_ref().is_some_and(|key| app.keys.have(key, app.engine.clock().now_us()));
    let stream = Stream {
        changes: call.app.engine.changes(),
        customer,
        may_read: Box::new(may_read),
        alive_every: call.app.options.alive_every,
        stop: call.app.stop.clone(),
        _place: place,
    };
    let events = futures::stream::unfold(stream, |mut stream| async move {
        let text = stream.next().await?;
        Some((Ok::<_, Infallible>(Bytes::from(text)), stream))
    });
    let mut response = Response::new(Body::from_stream(events));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(EVENTS));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// One reader.
struct Stream {
    changes: Receiver<Arc<Change>>,
    customer: Option<i64>,
    /// Whether the key with which it was asked for is in force still.
    may_read: Box<dyn Fn() -> bool + Send>,
    alive_every: Duration,
    stop: watch::Receiver<bool>,
    _place: OwnedSemaphorePermit,
}

impl Stream {
    /// What is written next; `None` at the end.
    async fn next(&mut self) -> Option<String> {
        // Of what is written here: changes of others say nothing to whoever reads.
        let mut alive = pin!(tokio::time::sleep(self.alive_every));
        let text = loop {
            let change = tokio::select! {
                change = self.changes.recv() => change,
                _ = self.stop.wait_for(|stop| *stop) => return None,
                () = &mut alive => break ": alive\n\n".to_owned(),
            };
            match change {
                Ok(change) if self.customer.is_none_or(|wanted| wanted == change.customer) => {
                    break event("change", &json!(*change));
                }
                Ok(_) => {}
                Err(RecvError::Lagged(missed)) => break event("missed", &json!({ "missed": missed })),
                Err(RecvError::Closed) => return None,
            }
        };
        (self.may_read)().then_some(text)
    }
}

/// An event; JSON has no line breaks of its own.
fn event(name: &str, data: &serde_json::Value) -> String {
    format!("event: {name}\ndata: {data}\n\n")
}
