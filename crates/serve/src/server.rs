//! The server: listens, takes connections in, and stops without letting go of what it has begun.

mod bounded;
mod connection;
mod tls;

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use engine::Engine;
use engine::deliver::Outbox;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};

use crate::app::App;
use crate::backups::Backups;
use crate::keys::{Given, KeysError, Making, Role};
use crate::limits::{
    ALIVE_EVERY, BODY_TIME_MAX, CONNECTIONS_MAX, HEAD_TIME_MAX, KEYS_READ_EVERY, REQUESTS_PER_SECOND_MAX, STOP_TIME_MAX,
};
use crate::routes;
use crate::traces::Traces;

/// Whoever is told what goes wrong while the server runs: one line each, without anything personal.
pub type Log = Arc<dyn Fn(&Happened<'_>) + Send + Sync>;

/// Something that went wrong.
#[derive(Debug, Clone, Copy)]
pub struct Happened<'a> {
    /// What, by a name that stays.
    pub what: &'static str,
    /// The same for people.
    pub text: &'a str,
    /// What is known of it besides, by names that stay.
    pub fields: &'a [(&'static str, &'a str)],
}

impl<'a> Happened<'a> {
    pub(crate) fn new(what: &'static str, text: &'a str) -> Self {
        Self { what, text, fields: &[] }
    }
}

/// How the server is set up.
#[derive(Clone)]
pub struct Options {
    /// Where it listens.
    pub listen: SocketAddr,
    /// Whoever listens there already, for a server that takes the place of another one: nobody is refused meanwhile.
    pub listener: Option<Arc<std::net::TcpListener>>,
    /// The files of a certificate and its private key, both in PEM, for HTTPS.
    pub tls: Option<(PathBuf, PathBuf)>,
    /// Keys that are given, besides those that are kept.
    pub keys: Vec<Given>,
    /// The address under which it is known outside, such as `https://journeys.example`; otherwise it is what the client says.
    pub public_url: Option<String>,
    /// Who may say on whose behalf a request is made (`X-Forwarded-For`).
    pub proxies: Vec<IpAddr>,
    /// Says for how long nothing is taken in or answered yet, but that it runs; otherwise it is ready at once.
    pub learning: Option<watch::Receiver<bool>>,
    /// Whoever makes backups; otherwise there are none.
    pub backups: Option<Arc<dyn Backups>>,
    /// Connections at a time; beyond them, new ones wait.
    pub connections_max: usize,
    /// How long the head of a request may take, and how long a connection may do nothing, or its client read nothing.
    pub head_time_max: Duration,
    /// How long the body of a request may take.
    pub body_time_max: Duration,
    /// How often a stream without changes says that it is alive.
    pub alive_every: Duration,
    /// Requests per second of a key that says nothing else.
    pub requests_per_second: u32,
    /// Whoever collects traces.
    pub traces: Option<Arc<Traces>>,
    /// Whoever is told what goes wrong.
    pub log: Log,
}

impl Options {
    /// As they are where nothing else is said.
    pub fn new(listen: SocketAddr) -> Self {
        Self {
            listen,
            listener: None,
            tls: None,
            keys: Vec::new(),
            public_url: None,
            proxies: Vec::new(),
            learning: None,
            backups: None,
            connections_max: CONNECTIONS_MAX,
            head_time_max: HEAD_TIME_MAX,
            body_time_max: BODY_TIME_MAX,
            alive_every: ALIVE_EVERY,
            requests_per_second: REQUESTS_PER_SECOND_MAX,
            traces: None,
            log: Arc::new(|_| {}),
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options").field("listen", &self.listen).field("tls", &self.tls).finish_non_exhaustive()
    }
}

/// Why a server does not start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Anybody could reach it, and nobody would be asked for a key that its owner knows.
    #[error(
        "{0} can be reached from other machines, and there are no keys: give some, or listen on 127.0.0.1 first and make some"
    )]
    NoKeys(SocketAddr),
    /// The address cannot be listened on.
    #[error("{address} cannot be listened on")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Traces cannot be sent as the environment says.
    #[error("traces cannot be sent as OTEL_EXPORTER_OTLP_ENDPOINT and its like say: {0}")]
    Traces(String),
    /// The certificate or its key cannot be used.
    #[error("the certificate cannot be used: {0}")]
    Tls(String),
    /// What is kept cannot be reached, or is broken.
    #[error("the keys cannot be read: {0}")]
    Keys(String),
}

impl From<KeysError> for Error {
    fn from(error: KeysError) -> Self {
        Error::Keys(error.to_string())
    }
}

/// Keys that were made because there were none, to be shown now and never again.
pub struct FirstKeys {
    /// May send events.
    pub write_key: String,
    /// May do everything.
    pub admin_key: String,
}

impl fmt::Debug for FirstKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FirstKeys { .. }")
    }
}

/// A server that listens.
#[derive(Debug)]
pub struct Server {
    app: Arc<App>,
    listener: TcpListener,
    tls: Option<Arc<rustls::ServerConfig>>,
    first_keys: Option<FirstKeys>,
}

impl Server {
    /// Listens; answers are given from [`run`](Self::run) on.
    ///
    /// Where there are no keys yet it makes two, if only this machine can reach it. It stops when `stop` says so.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn open(
        options: Options,
        engine: Arc<Engine>,
        outbox: Arc<Outbox>,
        stop: watch::Receiver<bool>,
    ) -> Result<Self, Error> {
        let address = options.listen;
        let tls = options.tls.as_ref().map(|(certificate, key)| tls::config(certificate, key)).transpose()?;
        let app = Arc::new(App::new(options, engine, outbox, stop));
        app.read_keys().await?;
        let not_heard = |source| Error::Listen { address, source };
        let listener = match &app.options.listener {
            Some(listener) => listener.try_clone().and_then(TcpListener::from_std).map_err(not_heard)?,
            None => TcpListener::bind(address).await.map_err(not_heard)?,
        };
        let mut first_keys = None;
        if app.keys.is_empty() {
            if !address.ip().to_canonical().is_loopback() {
                return Err(Error::NoKeys(address));
            }
            first_keys = Some(make_first_keys(&app).await?);
        }
        Ok(Self { app, listener, tls, first_keys })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.listener.local_addr().unwrap_or(self.app.options.listen)
    }

    /// Whether there is a key that may do everything; without one nobody can make another.
    pub fn has_admin_key(&self) -> bool {
        self.app.keys.have_admin(self.app.engine.clock().now_us())
    }

    /// The keys that were made because there were none.
    pub fn first_keys(&self) -> Option<&FirstKeys> {
        self.first_keys.as_ref()
    }

    /// Answers until it is told to stop, and then finishes what is being answered, for a while at most. Gives whoever listens, who
    /// still does: connections wait until it is dropped, or another server takes them.
    pub async fn run(self) -> Option<Arc<std::net::TcpListener>> {
        let Self { app, listener, tls, .. } = self;
        let tls = tls.map(tokio_rustls::TlsAcceptor::from);
        let reading = tokio::spawn(read_keys(Arc::clone(&app)));
        let router = routes::router(&app);
        let places = Arc::new(Semaphore::new(app.options.connections_max));
        let graceful = GracefulShutdown::new();
        let mut stop = app.stop.clone();
        let accept = async {
            loop {
                let Ok(place) = Arc::clone(&places).acquire_owned().await else { break };
                match listener.accept().await {
                    Ok((stream, peer)) => {
                        let served = connection::serve(
                            Arc::clone(&app),
                            router.clone(),
                            graceful.watcher(),
                            tls.clone(),
                            stream,
                            peer,
                        );
                        tokio::spawn(async move {
                            served.await;
                            drop(place);
                        });
                    }
                    // A client that went away again, or no room for another file: neither ends the server.
                    Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
                }
            }
        };
        tokio::select! {
            () = accept => {}
            // Whoever told us may be gone: that is an end, too.
            _ = stop.wait_for(|stop| *stop) => {}
        }
        let listener = listener.into_std().ok().map(Arc::new);
        reading.abort();
        if tokio::time::timeout(STOP_TIME_MAX, graceful.shutdown()).await.is_err() {
            (app.options.log)(&Happened::new(
                "stopped_late",
                "some requests were not answered in time, and were let go of",
            ));
        }
        listener
    }
}

async fn make_first_keys(app: &App) -> Result<FirstKeys, Error> {
    let now_us = app.engine.clock().now_us();
    let making = |name: &str, role| Making::new(name, vec![role]);
    let write_key = app.store.make(making("first write key", Role::Ingest), "the server", now_us).await?.text;
    let admin_key = app.store.make(making("first admin key", Role::Admin), "the server", now_us).await?.text;
    app.read_keys().await?;
    Ok(FirstKeys { write_key, admin_key })
}

/// Reads the keys again and again, for those that another node made or withdrew.
async fn read_keys(app: Arc<App>) {
    loop {
        tokio::time::sleep(KEYS_READ_EVERY).await;
        if let Err(error) = app.read_keys().await {
            let text = format!("the keys cannot be read: {error}");
            (app.options.log)(&Happened::new("keys_unreadable", &text));
        }
    }
}
