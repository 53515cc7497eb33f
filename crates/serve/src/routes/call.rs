//! A request that reached its route: whose it is, what it brings, and how it is answered.

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{FromRequestParts as _, RawPathParams};
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use axum::http::{HeaderValue, Method, Request};
use axum::response::{IntoResponse as _, Response};
use keep::RecordChange;
use listen::intake::decode;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::to_the_end::ToTheEnd;
use super::{Route, Where};
use crate::access::{self, Access};
use crate::app::App;
use crate::body::Received;
use crate::keys::{Key, Role, note};
use crate::limits::{ANSWER_TIME_MAX, BODY_BYTES_MAX, ROWS, ROWS_MAX};
use crate::problem::{Code, Problem};
use crate::sender::sender;

/// What the server knows of a request besides its head.
#[derive(Debug, Clone)]
pub(crate) struct Pending {
    pub(crate) peer: IpAddr,
    pub(crate) received: Arc<Received>,
    pub(crate) now_us: i64,
}

/// A request at its route.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) app: Arc<App>,
    pub(crate) head: Parts,
    pub(crate) peer: IpAddr,
    /// When it was received, in microseconds since 1970.
    pub(crate) now_us: i64,
    /// Its body.
    pub(crate) body: Received,
    /// The key with which it is made; none where none is needed, or it may still stand in the body.
    pub(crate) key: Option<Arc<Key>>,
    /// The parts of the path that are named, decoded.
    names: Vec<(String, String)>,
}

/// By which the server finds the route of an answer again, to count it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place(pub(crate) usize);

/// What is answered as soon as the server runs.
pub(super) const ALIVE: &str = "/healthz";

impl Call {
    /// Answers a request at the route with this number.
    pub(crate) async fn answer(app: Arc<App>, place: usize, request: Request<Body>) -> Response {
        let (head, _) = request.into_parts();
        let mut response = match Self::admitted(app, place, head).await {
            Ok((handler, call)) => {
                let answered = tokio::time::timeout(ANSWER_TIME_MAX, run(handler, call)).await;
                let late = |_| Err(Problem::new(Code::Unavailable, "it took too long; it may have been done"));
                answered.unwrap_or_else(late)
            }
            Err(problem) => Err(problem),
        }
        .unwrap_or_else(Problem::into_response);
        response.extensions_mut().insert(Place(place));
        response
    }

    async fn admitted(app: Arc<App>, place: usize, mut head: Parts) -> Result<(super::Handler, Self), Problem> {
        let route = &app.routes[place];
        let is_learning = app.options.learning.as_ref().is_some_and(|learning| *learning.borrow());
        if is_learning && route.path != ALIVE {
            return Err(Problem::new(Code::Unavailable, "the server is still learning from what was imported"));
        }
        let pending = head.extensions.remove::<Pending>().expect("the server says what it knows of every request");
        let key = access::admitted(&app, route.access, &head, pending.now_us)?;
        check_query(route, &head)?;
        let names = RawPathParams::from_request_parts(&mut head, &()).await;
        let names = names.map_err(|_| Problem::invalid("the path is not UTF-8 where it is decoded"))?;
        let names = names.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let Pending { peer, received, now_us } = pending;
        let body = Arc::into_inner(received).expect("the server hands it over");
        Ok((route.handler, Self { app: Arc::clone(&app), head, peer, now_us, body, key, names }))
    }

    /// Undoes the compression of the body.
    pub(crate) fn decompress(&mut self) -> Result<(), Problem> {
        let decoded = decode(&self.body.bytes, self.header("content-encoding"), BODY_BYTES_MAX)?;
        if let Cow::Owned(bytes) = decoded {
            self.body.grow(bytes.len())?;
            self.body.bytes = Bytes::from(bytes);
        }
        Ok(())
    }

    /// Who sent it; `None` where a proxy that is trusted does not say so.
    pub(crate) fn sender(&self) -> Option<IpAddr> {
        sender(&self.app.options.proxies, self.peer, &self.head.headers)
    }

    /// A named part of the path.
    pub(crate) fn path(&self, name: &str) -> &str {
        self.names.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }

    /// A parameter of the query; an empty one is as good as none.
    pub(crate) fn query(&self, name: &str) -> Option<String> {
        let query = self.head.uri.query()?;
        let found = url::form_urlencoded::parse(query.as_bytes()).find(|(known, _)| known == name);
        found.map(|(_, value)| value.into_owned()).filter(|value| !value.is_empty())
    }

    /// Whether the query says so.
    pub(crate) fn says(&self, name: &str) -> Result<bool, Problem> {
        match self.query(name).as_deref() {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(_) => Err(Problem::invalid(format!("`{name}` is true or false"))),
        }
    }

    /// How many rows are asked for.
    pub(crate) fn limit(&self) -> Result<usize, Problem> {
        let Some(text) = self.query("limit") else { return Ok(ROWS) };
        let limit = text.parse().ok().filter(|limit| (1..=ROWS_MAX).contains(limit));
        limit.ok_or_else(|| Problem::invalid(format!("`limit` is a number from 1 to {ROWS_MAX}")))
    }

    /// A header, where it is text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.headers.get(name)?.to_str().ok()
    }

    /// The body, read as JSON.
    pub(crate) fn json<T: DeserializeOwned>(&mut self) -> Result<T, Problem> {
        self.decompress()?;
        serde_json::from_slice(&self.body.bytes).map_err(|error| {
            let code = if error.is_data() { Code::WrongForm } else { Code::NotJson };
            Problem::new(code, error.to_string())
        })
    }

    /// The key that stands in the body, where the head had none.
    pub(crate) fn admit(&self, text: Option<String>) -> Result<Arc<Key>, Problem> {
        match (&self.key, text) {
            (Some(key), _) => Ok(Arc::clone(key)),
            (None, Some(text)) => access::admit(&self.app, &text, Role::Ingest, &self.head.headers, self.now_us),
            (None, None) => Err(access::missing(Role::Ingest)),
        }
    }

    /// Who does it, for the list of changes.
    pub(crate) fn who(&self) -> &str {
        self.key.as_ref().map_or("", |key| &key.id)
    }

    /// What is written into that list with the change.
    pub(crate) fn note(&self, what: &str, of: &str) -> RecordChange {
        note(self.now_us, self.who(), what, of)
    }
}

/// Runs what answers. What changes something runs to its end, also where its client is gone, or is told that it takes too long: the
/// change may be made already, and what follows from it is not done yet.
async fn run(handler: super::Handler, call: Call) -> Result<Response, Problem> {
    if call.head.method.is_safe() {
        return handler(call).await;
    }
    ToTheEnd::new(handler(call)).await
}

/// What our own API is asked has to be meant: a filter that is misspelt would be one that is not there. What clients of others
/// ask may have anything besides.
fn check_query(route: &Route, head: &Parts) -> Result<(), Problem> {
    let is_ours =
        route.method == Method::GET && matches!(route.access, Access::Role(_)) && route.path.starts_with("/api/");
    let Some(query) = head.uri.query().filter(|_| is_ours) else { return Ok(()) };
    let known: Vec<&str> =
        route.parameters.iter().filter(|known| known.place == Where::Query).map(|known| known.name).collect();
    let Some((name, _)) = url::form_urlencoded::parse(query.as_bytes()).find(|(name, _)| !known.contains(&&**name))
    else {
        return Ok(());
    };
    let hint = match (event::nearest(&name, known.iter().copied()), known.as_slice()) {
        (Some(near), _) => format!("did you mean `{near}`?"),
        (None, []) => "this address has none".to_owned(),
        (None, known) => format!("there are {}", known.join(", ")),
    };
    Err(Problem::invalid(format!("there is no parameter `{name}` here: {hint}")))
}

/// An answer in JSON.
pub(crate) fn json(value: &impl Serialize) -> Result<Response, Problem> {
    let body = serde_json::to_vec(value).map_err(|error| Problem::new(Code::Internal, error.to_string()))?;
    Ok(written(body))
}

/// An answer that is JSON already.
pub(crate) fn written(json: impl Into<Body>) -> Response {
    let mut response = Response::new(json.into());
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
