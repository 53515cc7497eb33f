//! What all requests share, and the way of each of them: its body, its route, what is added to every answer.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, HttpBody as _};
use axum::http::header::CONNECTION;
use axum::http::request::Parts;
use axum::http::{HeaderValue, Method, Request, Uri};
use axum::response::{IntoResponse as _, Response};
use engine::Engine;
use engine::deliver::Outbox;
use tokio::sync::{Semaphore, watch};
use tower::ServiceExt as _;

use crate::access;
use crate::body::{self, Received};
use crate::cors;
use crate::counted::Counted;
use crate::keys::{Keys, KeysError, Store};
use crate::limits::{BODIES_BYTES_MAX, STREAMS_MAX};
use crate::metrics::{Answers, Metrics};
use crate::problem::{Code, Problem};
use crate::room::{Room, Strangers};
use crate::routes::{self, Pending, Place, Route};
use crate::sender::sender;
use crate::server::{Happened, Options};
use crate::traces;

/// What all requests share.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) options: Options,
    pub(crate) engine: Arc<Engine>,
    pub(crate) outbox: Arc<Outbox>,
    pub(crate) store: Store,
    pub(crate) keys: Keys,
    pub(crate) metrics: Metrics,
    pub(crate) routes: Vec<Route>,
    /// How the answers of each route turned out.
    pub(crate) answers: Vec<Answers>,
    /// Room for the bodies of those whose key is known, and for all others.
    room: Room,
    strangers: Strangers,
    /// What waits at each target.
    pub(crate) counted: Counted,
    /// Places for readers of streams.
    pub(crate) streams: Arc<Semaphore>,
    /// The place for a backup that is being made.
    pub(crate) backing_up: Arc<Semaphore>,
    /// Whether the server is to stop.
    pub(crate) stop: watch::Receiver<bool>,
}

impl App {
    pub(crate) fn new(options: Options, engine: Arc<Engine>, outbox: Arc<Outbox>, stop: watch::Receiver<bool>) -> Self {
        let routes = routes::all();
        let answers = routes.iter().map(|_| Answers::default()).collect();
        Self {
            store: Store(Arc::clone(engine.keep())),
            keys: Keys::new(&options.keys, options.requests_per_second),
            metrics: Metrics::default(),
            room: Room::new(BODIES_BYTES_MAX),
            strangers: Strangers::default(),
            counted: Counted::default(),
            streams: Arc::new(Semaphore::new(STREAMS_MAX)),
            backing_up: Arc::new(Semaphore::new(1)),
            engine,
            outbox,
            options,
            routes,
            answers,
            stop,
        }
    }

    /// Reads the kept keys again.
    pub(crate) async fn read_keys(&self) -> Result<(), KeysError> {
        self.keys.replace(&self.store.all().await?);
        Ok(())
    }

    /// Answers a request, whatever it is.
    pub(crate) async fn answer(&self, router: Router, peer: SocketAddr, request: Request<Body>) -> Response {
        let (mut head, body) = request.into_parts();
        without_last_slash(&mut head);
        let open = cors::is_open(head.uri.path());
        let asked = if open { head.headers.clone() } else { axum::http::HeaderMap::new() };
        let method = head.method.clone();
        let span = self.options.traces.as_ref().map(|traces| traces.begin(&method, &head.headers));
        let room = if body.is_end_stream() || access::is_known(self, &head) {
            self.room.clone()
        } else {
            let peer = peer.ip().to_canonical();
            self.strangers.room(sender(&self.options.proxies, peer, &head.headers).unwrap_or(peer))
        };
        let mut response = match body::read(&head, body, &room, self.options.body_time_max).await {
            Ok(_) if open && method == Method::OPTIONS => cors::options(&head),
            Ok(received) => self.routed(router, peer, head, received).await,
            Err(problem) => {
                // Not all of the body was read, so whatever comes next on this connection is no request.
                let mut response = problem.into_response();
                response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
                response
            }
        };
        if open {
            cors::allow(&asked, response.headers_mut());
        }
        let answers = match response.extensions().get::<Place>() {
            Some(Place(place)) => &self.answers[*place],
            None => &self.metrics.elsewhere,
        };
        answers.count(response.status().as_u16());
        if response.status().is_server_error() {
            let (method, route, status) = (method.as_str(), self.route_of(&response), response.status());
            let (text, status) = (format!("{method} {route}: answered {status}"), status.as_str());
            let fields = [("method", method), ("route", route), ("status", status)];
            (self.options.log)(&Happened { fields: &fields, ..Happened::new("server_error", &text) });
        }
        if let Some(span) = span {
            traces::end(span, &method, self.route_of(&response), response.status());
        }
        response
    }

    fn route_of(&self, response: &Response) -> &'static str {
        response.extensions().get::<Place>().map_or("elsewhere", |Place(place)| self.routes[*place].path)
    }

    async fn routed(&self, router: Router, peer: SocketAddr, mut head: Parts, received: Received) -> Response {
        let now_us = self.engine.clock().now_us();
        head.extensions.insert(Pending { peer: peer.ip().to_canonical(), received: Arc::new(received), now_us });
        let routed = router.oneshot(Request::from_parts(head, Body::empty())).await;
        let Ok(response) = routed;
        response
    }
}

/// An address means the same with a slash at its end. A redirect would lose what is sent: clients take it for an answer.
fn without_last_slash(head: &mut Parts) {
    let path = head.uri.path();
    let trimmed = path.trim_end_matches('/');
    if trimmed.len() == path.len() || trimmed.is_empty() {
        return;
    }
    let shorter = match head.uri.query() {
        Some(query) => format!("{trimmed}?{query}"),
        None => trimmed.to_owned(),
    };
    if let Ok(uri) = shorter.parse::<Uri>() {
        head.uri = uri;
    }
}

impl From<KeysError> for Problem {
    fn from(error: KeysError) -> Self {
        match error {
            KeysError::Keep(error) => engine::Error::from(error).into(),
            KeysError::Unknown(_) => Self::new(Code::UnknownName, error.to_string()),
            KeysError::Invalid(detail) => Self::invalid(detail),
            KeysError::LastAdmin => Self::new(Code::Conflict, error.to_string()),
        }
    }
}

impl From<engine::Error> for Problem {
    fn from(error: engine::Error) -> Self {
        let code = match error {
            engine::Error::Busy => Code::Busy,
            engine::Error::Full => Code::Full,
            engine::Error::Unavailable(_) => Code::Unavailable,
            engine::Error::Invalid(_) => Code::InvalidRequest,
            engine::Error::Damaged(_) => Code::Internal,
        };
        Self::new(code, error.to_string())
    }
}
