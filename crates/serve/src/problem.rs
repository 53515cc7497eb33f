//! What went wrong, as senders are told: RFC 9457, with the members that client libraries look for.
//!
//! Every code stands in `docs/http-errors.md`, with what to do about it.

use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::json;
use tokio::task::JoinError;

use crate::limits::RETRY_AFTER_SECONDS;

/// Names a code, its status and what it means, once.
macro_rules! codes {
    ($($code:ident $status:literal $name:literal $title:literal;)*) => {
        /// What went wrong, by a name that stays.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Code {
            $(#[doc = $title] $code,)*
        }

        impl Code {
            /// All of them.
            pub const ALL: &[Code] = &[$(Code::$code),*];

            /// Its name.
            pub fn name(self) -> &'static str {
                match self { $(Code::$code => $name),* }
            }

            /// The HTTP status that it is answered with.
            pub fn status(self) -> u16 {
                match self { $(Code::$code => $status),* }
            }

            /// What it means, in a few words.
            pub fn title(self) -> &'static str {
                match self { $(Code::$code => $title),* }
            }
        }
    };
}

codes! {
    NotJson 400 "not_json" "The body is not JSON.";
    WrongForm 400 "wrong_form" "The body is JSON of another form than is expected here.";
    BrokenGzip 400 "broken_gzip" "The body is not whole gzip.";
    BrokenBody 400 "broken_body" "The body broke off.";
    InvalidEvent 400 "invalid_event" "The message cannot be an event.";
    InvalidRequest 400 "invalid_request" "Something in the request is not as it should be.";
    MissingKey 401 "missing_key" "The request has no key.";
    InvalidWriteKey 401 "invalid_write_key" "The write key is not known.";
    InvalidApiKey 401 "invalid_api_key" "The key is not known.";
    NotAllowed 403 "not_allowed" "The key may not do this.";
    OriginNotAllowed 403 "origin_not_allowed" "The write key may not be used on this site.";
    NotFound 404 "not_found" "There is nothing at this address.";
    UnknownCustomer 404 "unknown_customer" "Nobody with this key is known.";
    UnknownName 404 "unknown_name" "Nothing with this name is known.";
    MethodNotAllowed 405 "method_not_allowed" "This address knows other methods.";
    NotAcceptable 406 "not_acceptable" "This address answers with something that the request does not ask for.";
    TooSlow 408 "too_slow" "The body took too long.";
    Conflict 409 "conflict" "Somebody else changed it at the same time.";
    TooLarge 413 "too_large" "The body is larger than it may be.";
    UnknownEncoding 415 "unknown_encoding" "The body is compressed in a way that is not understood.";
    UnknownFormat 415 "unknown_format" "The content type is not understood here.";
    TooManyRequests 429 "too_many_requests" "The key sends more than it may.";
    Internal 500 "internal" "Something broke here.";
    Busy 503 "busy" "More is waiting than may wait.";
    Full 503 "full" "There is no room left where live state is kept.";
    Unavailable 503 "unavailable" "Live state cannot be reached.";
}

/// An answer that says what went wrong.
#[derive(Debug, Clone)]
pub(crate) struct Problem {
    pub(crate) code: Code,
    /// What exactly is wrong; for people.
    pub(crate) detail: String,
    /// After how many seconds to come again.
    pub(crate) retry_after_seconds: Option<u64>,
}

impl Problem {
    /// A problem, with what exactly is wrong.
    pub(crate) fn new(code: Code, detail: impl Into<String>) -> Self {
        let retry = matches!(code.status(), 429 | 503).then_some(RETRY_AFTER_SECONDS);
        Self { code, detail: detail.into(), retry_after_seconds: retry }
    }

    /// That something in the request is not as it should be.
    pub(crate) fn invalid(detail: impl Into<String>) -> Self {
        Self::new(Code::InvalidRequest, detail)
    }
}

/// All there is to say about it.
impl From<Code> for Problem {
    fn from(code: Code) -> Self {
        Self::new(code, code.title())
    }
}

/// A panic: its text may quote what was sent, or what is kept.
impl From<JoinError> for Problem {
    fn from(_: JoinError) -> Self {
        Code::Internal.into()
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.code.status()).expect("every code has a status that exists");
        let body = json!({
            "type": format!("urn:desireline:problem:{}", self.code.name()),
            "title": self.code.title(),
            "status": status.as_u16(),
            "detail": self.detail,
            "success": false,
            "code": self.code.name(),
            "message": self.detail,
        });
        let mut response = Response::new(Body::from(body.to_string()));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if status == StatusCode::UNAUTHORIZED {
            // RFC 9110, 15.5.2. Not `Basic`, for which browsers would ask whoever is in front of them.
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(seconds) = self.retry_after_seconds {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}
