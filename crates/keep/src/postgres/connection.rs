//! Connections: one that is lost is made again when it is needed next.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::Mutex;
use tokio_postgres::config::SslMode;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Config, NoTls, Row, Statement};

use crate::error::Error;
use crate::limits::{ANSWER_TIME_MAX, CONNECT_SECONDS, READERS, SILENT_SECONDS};
use crate::postgres::queries::{self, Queries};

/// Parameters of a query.
pub(super) type Params<'a> = &'a [&'a (dyn ToSql + Sync)];

/// A connection with its statements.
pub(super) struct Connection {
    pub(super) client: Client,
    queries: Queries,
    /// Whether an answer did not come in time.
    is_silent: AtomicBool,
    silences: Silences,
    /// How many there were when it was made.
    silences_before: usize,
}

/// How often an answer did not come in time, on any connection of a node: those that were made before are on the same way.
#[derive(Debug, Clone, Default)]
pub(super) struct Silences(Arc<AtomicUsize>);

impl Connection {
    pub(super) async fn open(config: &Config, silences: &Silences) -> Result<Self, Error> {
        // Also where somebody takes the connection and says nothing.
        let opening = tokio::time::timeout(ANSWER_TIME_MAX, Self::open_patiently(config, silences)).await;
        opening.unwrap_or_else(|late| Err(Error::unavailable("connect to PostgreSQL")(late)))
    }

    async fn open_patiently(config: &Config, silences: &Silences) -> Result<Self, Error> {
        let silences_before = silences.0.load(Ordering::Relaxed);
        let (client, connection) =
            config.connect(NoTls).await.map_err(|error| explain("connect to PostgreSQL", error))?;
        // Ends with the connection, and what it has to say comes back to whoever waits for an answer.
        tokio::spawn(async move { drop(connection.await) });
        let settings = settings();
        client.batch_execute(&settings).await.map_err(|error| explain("connect to PostgreSQL", error))?;
        let queries = queries::prepare(&client).await.map_err(|error| explain("prepare statements", error))?;
        let (is_silent, silences) = (AtomicBool::new(false), silences.clone());
        Ok(Self { client, queries, is_silent, silences, silences_before })
    }

    /// Whether it is not to be used again.
    pub(super) fn is_lost(&self) -> bool {
        self.client.is_closed() || self.silences.0.load(Ordering::Relaxed) != self.silences_before
    }

    /// Waits for an answer, which may never come: where the way to the server is gone, nobody need say so.
    pub(super) async fn answer<T>(
        &self,
        doing: &'static str,
        asked: impl Future<Output = Result<T, tokio_postgres::Error>>,
    ) -> Result<T, Error> {
        let time_max = if self.is_silent.load(Ordering::Relaxed) { Duration::ZERO } else { ANSWER_TIME_MAX };
        match tokio::time::timeout(time_max, asked).await {
            Ok(answer) => answer.map_err(|error| explain(doing, error)),
            Err(late) => {
                self.is_silent.store(true, Ordering::Relaxed);
                // Those that are noticed on several connections at once are one.
                let [before, after] = [self.silences_before, self.silences_before + 1];
                let _ = self.silences.0.compare_exchange(before, after, Ordering::Relaxed, Ordering::Relaxed);
                Err(Error::unavailable(doing)(late))
            }
        }
    }

    /// Runs statements that give no rows.
    pub(super) async fn run(&self, doing: &'static str, sql: &str) -> Result<(), Error> {
        self.answer(doing, self.client.batch_execute(sql)).await
    }

    pub(super) fn statement(&self, query: &'static str) -> &Statement {
        self.queries.get(query).expect("every query is in the list of those that are prepared")
    }

    /// Runs a query. Those that are awaited together go out together, in the order in which they are polled first.
    pub(super) async fn rows(&self, query: &'static str, params: Params<'_>) -> Result<Vec<Row>, Error> {
        self.answer("ask PostgreSQL", self.client.query(self.statement(query), params)).await
    }

    /// The same of a query that looks at all there is, and may take long.
    pub(super) async fn long_rows(&self, query: &'static str, params: Params<'_>) -> Result<Vec<Row>, Error> {
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
    silences: Silences,
    connections: Vec<Mutex<Option<Arc<Connection>>>>,
    next: AtomicUsize,
}

impl Pool {
    pub(super) fn new(config: Config, silences: Silences) -> Self {
        let connections = (0..READERS).map(|_| Mutex::new(None)).collect();
        Self { config, silences, connections, next: AtomicUsize::new(0) }
    }

    pub(super) async fn get(&self) -> Result<Arc<Connection>, Error> {
        let turn = self.next.fetch_add(1, Ordering::Relaxed) % self.connections.len();
        let mut slot = self.connections[turn].lock().await;
        if let Some(connection) = slot.as_ref().filter(|connection| !connection.is_lost()) {
            return Ok(Arc::clone(connection));
        }
        let connection = Arc::new(Connection::open(&self.config, &self.silences).await?);
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
    let silent = Duration::from_secs(SILENT_SECONDS);
    config.application_name("desireline").tcp_user_timeout(silent);
    config.keepalives_idle(silent).keepalives_interval(Duration::from_secs(2)).keepalives_retries(3);
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
