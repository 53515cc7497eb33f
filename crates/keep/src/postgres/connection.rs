//! Connections: one that is lost is made again when it is needed next.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::Mutex;
use tokio_postgres::config::SslMode;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Config, NoTls, Row, Statement};

use crate::error::Error;
use crate::limits::{CONNECT_SECONDS, READERS, SILENT_SECONDS};
use crate::postgres::queries::{self, Queries};

/// Parameters of a query.
pub(super) type Params<'a> = &'a [&'a (dyn ToSql + Sync)];

/// A connection with its statements.
pub(super) struct Connection {
    pub(super) client: Client,
    queries: Queries,
}

impl Connection {
    pub(super) async fn open(config: &Config) -> Result<Self, Error> {
        let (client, connection) =
            config.connect(NoTls).await.map_err(|error| explain("connect to PostgreSQL", error))?;
        // Ends with the connection, and what it has to say comes back to whoever waits for an answer.
        tokio::spawn(async move { drop(connection.await) });
        let settings = settings();
        client.batch_execute(&settings).await.map_err(|error| explain("connect to PostgreSQL", error))?;
        let queries = queries::prepare(&client).await.map_err(|error| explain("prepare statements", error))?;
        Ok(Self { client, queries })
    }

    pub(super) fn statement(&self, query: &'static str) -> &Statement {
        self.queries.get(query).expect("every query is in the list of those that are prepared")
    }

    /// Runs a query. Those that are awaited together go out together, in the order in which they are polled first.
    pub(super) async fn rows(&self, query: &'static str, params: Params<'_>) -> Result<Vec<Row>, Error> {
        self.client.query(self.statement(query), params).await.map_err(|error| explain("ask PostgreSQL", error))
    }
}

/// What is different from the server's own settings: an answer is durable whatever the server thinks, a node that stands still
/// in the middle of a commit holds up others only so long, and one whose machine is gone is noticed.
fn settings() -> String {
    let mut settings = String::new();
    let silent = SILENT_SECONDS;
    let _ = write!(
        settings,
        "set idle_in_transaction_session_timeout = '{silent}s'; set tcp_keepalives_idle = {silent}; \
         set tcp_keepalives_interval = 2; set tcp_keepalives_count = 3; set client_min_messages = warning; \
         select set_config('synchronous_commit', 'on', false) where current_setting('synchronous_commit') = 'off'"
    );
    settings
}

/// A few connections that everybody reads through, each for many at once.
pub(super) struct Pool {
    config: Config,
    connections: Vec<Mutex<Option<Arc<Connection>>>>,
    next: AtomicUsize,
}

impl Pool {
    pub(super) fn new(config: Config) -> Self {
        let connections = (0..READERS).map(|_| Mutex::new(None)).collect();
        Self { config, connections, next: AtomicUsize::new(0) }
    }

    pub(super) async fn get(&self) -> Result<Arc<Connection>, Error> {
        let turn = self.next.fetch_add(1, Ordering::Relaxed) % self.connections.len();
        let mut slot = self.connections[turn].lock().await;
        if let Some(connection) = slot.as_ref().filter(|connection| !connection.client.is_closed()) {
            return Ok(Arc::clone(connection));
        }
        let connection = Arc::new(Connection::open(&self.config).await?);
        *slot = Some(Arc::clone(&connection));
        Ok(connection)
    }

    pub(super) async fn close(&self) {
        for connection in &self.connections {
            *connection.lock().await = None;
        }
    }
}

/// The settings of an address.
pub(super) fn config(url: &str) -> Result<Config, Error> {
    let mut config: Config = url.parse().map_err(|error| Error::Invalid {
        what: format!("this is no address of PostgreSQL ({error}): write postgres://user:password@host:5432/database"),
    })?;
    if config.get_ssl_mode() == SslMode::Require {
        let what = "PostgreSQL over TLS is not supported: reach it through a private network or a tunnel, without sslmode=require";
        return Err(Error::Invalid { what: what.to_owned() });
    }
    config.application_name("desireline").keepalives_idle(Duration::from_secs(SILENT_SECONDS));
    if config.get_connect_timeout().is_none() {
        config.connect_timeout(Duration::from_secs(CONNECT_SECONDS));
    }
    Ok(config)
}

/// What the server says, by what can be done about it.
pub(super) fn explain(doing: &'static str, error: tokio_postgres::Error) -> Error {
    let is_full = error.code().is_some_and(|code| *code == SqlState::DISK_FULL);
    if is_full { Error::Full } else { Error::unavailable(doing)(error) }
}

/// Whether two nodes got into each other's way: the same again mostly works.
pub(super) fn is_collision(error: &Error) -> bool {
    let Error::Unavailable { source, .. } = error else { return false };
    let code = source.downcast_ref::<tokio_postgres::Error>().and_then(tokio_postgres::Error::code);
    code.is_some_and(|code| {
        [SqlState::UNIQUE_VIOLATION, SqlState::T_R_DEADLOCK_DETECTED, SqlState::T_R_SERIALIZATION_FAILURE]
            .contains(code)
    })
}
