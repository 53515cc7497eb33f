//! Whose request it is, and whether it may be made: the one place where keys are asked for.

use std::sync::Arc;

use axum::http::HeaderMap;
use axum::http::header::{AUTHORIZATION, ORIGIN};
use axum::http::request::Parts;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;

use crate::app::App;
use crate::keys::{Key, Role};
use crate::problem::{Code, Problem};

/// What is needed to make a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// Nothing.
    Open,
    /// A key that may be used for this.
    Role(Role),
    /// A key that may ingest, which may also stand in the body: then the route asks for it itself.
    Body,
}

/// The key with which a request is made; none where none is needed, or it may still stand in the body.
pub(crate) fn admitted(app: &App, access: Access, head: &Parts, now_us: i64) -> Result<Option<Arc<Key>>, Problem> {
    let (role, in_body) = match access {
        Access::Open => return Ok(None),
        Access::Role(role) => (role, false),
        Access::Body => (Role::Ingest, true),
    };
    match named(head, role) {
        Some(text) => admit(app, &text, role, &head.headers, now_us).map(Some),
        None if in_body => Ok(None),
        None => Err(missing(role)),
    }
}

/// Whether a request has a key in its head that somebody was given, whatever it may be used for.
pub(crate) fn is_known(app: &App, head: &Parts) -> bool {
    let found = |text: String| app.keys.find(&text, app.engine.clock().now_us());
    named(head, Role::Ingest).and_then(found).is_some()
}

/// The key with this text, if it may be used for this, and from this site, and does not send too much.
pub(crate) fn admit(app: &App, text: &str, role: Role, headers: &HeaderMap, now_us: i64) -> Result<Arc<Key>, Problem> {
    let unknown = || {
        if role == Role::Ingest {
            return Problem::new(Code::InvalidWriteKey, "unknown write key");
        }
        Problem::new(Code::InvalidApiKey, "unknown key")
    };
    let key = app.keys.find(text, now_us).ok_or_else(unknown)?;
    if !key.may(role) {
        return Err(Problem::new(Code::NotAllowed, format!("this needs a key with the role `{role}`")));
    }
    let origin = headers.get(ORIGIN).and_then(|origin| origin.to_str().ok());
    if let Some(origin) = origin
        && !key.origins.is_empty()
        && !key.origins.iter().any(|allowed| allowed == origin)
    {
        return Err(Code::OriginNotAllowed.into());
    }
    key.takes(now_us)
        .map_err(|seconds| Problem { retry_after_seconds: Some(seconds), ..Problem::from(Code::TooManyRequests) })?;
    Ok(key)
}

/// That a request has no key.
pub(crate) fn missing(role: Role) -> Problem {
    let where_to = if role == Role::Ingest {
        "send a write key: as the user of `Authorization: Basic`, or as `writeKey`"
    } else {
        "send a key as `X-API-Key`, or as `Authorization: Bearer`"
    };
    Problem::new(Code::MissingKey, where_to)
}

/// The key that stands in the head of a request. The query counts for sending alone: beacons cannot set headers, and
/// addresses are written into logs by proxies, where a secret has no business.
fn named(head: &Parts, role: Role) -> Option<String> {
    let header = |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let scheme = |wanted: &str| {
        let (scheme, rest) = header(AUTHORIZATION.as_str())?.split_once(' ')?;
        scheme.eq_ignore_ascii_case(wanted).then(|| rest.trim())
    };
    let found = (role == Role::Ingest).then(|| scheme("basic").and_then(basic)).flatten();
    let found = found.or_else(|| header("x-api-key").map(str::to_owned)).filter(|key| !key.is_empty());
    let found = found.or_else(|| scheme("bearer").map(str::to_owned)).filter(|key| !key.is_empty());
    let query = || {
        let query = head.uri.query().filter(|_| role == Role::Ingest)?;
        let named = url::form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "writeKey");
        named.map(|(_, key)| key.trim().to_owned()).filter(|key| !key.is_empty())
    };
    found.or_else(query)
}

/// The user of `Authorization: Basic`; the password does not matter, and may be missing with its colon.
fn basic(encoded: &str) -> Option<String> {
    let decoded = STANDARD_NO_PAD.decode(encoded.trim_end_matches('=')).ok()?;
    let text = String::from_utf8(decoded).ok()?;
    let user = text.split_once(':').map_or(text.as_str(), |(user, _)| user);
    Some(user.trim().to_owned()).filter(|user| !user.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::Request;

    fn check(role: Role, uri: &str, headers: &[(&str, &str)]) -> String {
        let mut request = Request::builder().uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (head, ()) = request.body(()).expect("a request").into_parts();
        named(&head, role).unwrap_or_default()
    }

    #[test]
    fn the_first_key_that_is_there_counts() {
        let basic = ("authorization", "Basic d2tfMTo="); // wk_1:
        assert_eq!(check(Role::Ingest, "/v1/t?writeKey=wk_2", &[basic]), "wk_1");
        assert_eq!(check(Role::Ingest, "/v1/t", &[("authorization", "basic d2tfMQ")]), "wk_1");
        assert_eq!(check(Role::Ingest, "/v1/t?a=b&writeKey=wk%5F2", &[]), "wk_2");
        assert_eq!(check(Role::Ingest, "/v1/t", &[("x-api-key", "ak_1")]), "ak_1");
        assert_eq!(check(Role::Read, "/", &[("x-api-key", ""), ("authorization", "Bearer  ak_2")]), "ak_2");
    }

    #[test]
    fn what_is_no_key_is_none() {
        for header in ["Basic", "Basic ", "Basic Og==", "Basic !!", "Basic //79", "Bearer", "Bearer ", "wk_1"] {
            assert_eq!(check(Role::Ingest, "/v1/t?writeKey=", &[("authorization", header)]), "", "{header}");
        }
        assert_eq!(check(Role::Read, "/?writeKey=wk_2", &[("authorization", "Basic d2tfMTo=")]), "");
    }
}
