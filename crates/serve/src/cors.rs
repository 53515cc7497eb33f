//! What browsers ask before they send from another site, and the headers without which they hide the answer.
//!
//! Addresses at which events are sent are open to all sites: whether a site may use a key is decided by the key. Our own API
//! is for servers and for pages of our own.

use axum::body::Body;
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS, ALLOW, ORIGIN, VARY,
};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::Response;

/// Addresses that are not open to pages of other sites.
const CLOSED: [&str; 5] = ["/api", "/metrics", "/healthz", "/readyz", "/openapi.json"];

const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, POST, OPTIONS");
const WEBHOOK_ORIGIN: HeaderName = HeaderName::from_static("webhook-request-origin");

/// Whether pages of other sites may send to this address.
pub(crate) fn is_open(path: &str) -> bool {
    !CLOSED.iter().any(|closed| path.strip_prefix(closed).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')))
}

/// The answer to `OPTIONS` at an open address, which comes before keys are looked at.
pub(crate) fn options(head: &Parts) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    let headers = response.headers_mut();
    if let Some(origin) = head.headers.get(WEBHOOK_ORIGIN) {
        // CloudEvents, "HTTP 1.1 Web Hooks for Event Delivery", 4: the sender asks whether it is welcome.
        headers.insert("webhook-allowed-origin", origin.clone());
        headers.insert("webhook-allowed-rate", HeaderValue::from_static("*"));
        headers.insert(ALLOW, HeaderValue::from_static("POST"));
        *response.status_mut() = StatusCode::OK;
        return response;
    }
    headers.insert(ALLOW, METHODS);
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, METHODS);
    headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("7200"));
    if let Some(asked) = head.headers.get(ACCESS_CONTROL_REQUEST_HEADERS) {
        // A `*` would not cover `Authorization`.
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, asked.clone());
    }
    response
}

/// Adds to any answer of an open address, errors too, what lets a page of another site read it.
pub(crate) fn allow(asked: &HeaderMap, answer: &mut HeaderMap) {
    answer.append(VARY, HeaderValue::from_static("Origin"));
    let Some(origin) = asked.get(ORIGIN) else { return };
    answer.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
    answer.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("ETag, Retry-After"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_api_is_closed() {
        for path in ["/api/v1/events", "/metrics", "/healthz", "/api"] {
            assert!(!is_open(path), "{path}");
        }
        for path in ["/v1/t", "/sourceConfig", "/ofrep/v1/evaluate/flags", "/apix", "/"] {
            assert!(is_open(path), "{path}");
        }
    }
}
