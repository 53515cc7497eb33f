//! Connections: one that is lost is made again when it is needed next.

use std::fmt::Write as _;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::Mutex;
use tokio_postgres::config::SslMode;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Config, NoTls, Row, Statement};

use crate::error::Error;
use crate::limits::{ANSWER_TIME_MAX, AT_WORK_TIME_MAX, CONNECT_SECONDS, READERS, SILENT_SECONDS};
use crate::postgres::queries::{self, Queries};

/// Parameters of a query.
pub(super) type Params<'a> = &'a [&'a (dyn ToSql + Sync)];

/// A connection with its statements.
pub(super) struct Connection {
    client: Client,
    queries: Queries,
    config: Config,
    /// The process of the server at its other end.
    process: i32,
    /// When the server said last that it is at work for this connection.
    at_work: Mutex<Option<Instant>>,
    /// Whether the way to the server is gone.
    is_silent: AtomicBool,
    silences: Silences,
    /// How many there were when it was made.
    silences_before: usize,
}

/// How often a way to the server was found to be gone, on any connection of a node: those that were made before are on the same way.
#[derive(Debug, Clone, Default)]
pub(super) struct Silences(Arc<AtomicUsize>);

/// Connects, for something that is long, or a transaction of its own: nobody waits behind it.
pub(super) async fn connect(config: &Config) -> Result<Client, Error> {
    // Also where somebody takes the connection and says nothing.
    let connected = tokio::time::timeout(ANSWER_TIME_MAX, connect_patiently(config)).await;
    connected.unwrap_or_else(|late| Err(Error::unavailable(CONNECT)(late)))
}

const CONNECT: &str = "connect to PostgreSQL";

async fn connect_patiently(config: &Config) -> Result<Client, Error> {
    let (client, connection) = config.connect(NoTls).await.map_err(|error| explain(CONNECT, error))?;
    // Ends with the connection, and what it has to say comes back to whoever waits for an answer.
    tokio::spawn(async move { drop(connection.await) });
    client.batch_execute(&settings()).await.map_err(|error| explain(CONNECT, error))?;
    Ok(client)
}

impl Connection {
    pub(super) async fn open(config: &Config, silences: &Silences) -> Result<Self, Error> {
        let opening = tokio::time::timeout(ANSWER_TIME_MAX, Self::open_patiently(config, silences)).await;
        opening.unwrap_or_else(|late| Err(Error::unavailable(CONNECT)(late)))
    }

    async fn open_patiently(config: &Config, silences: &Silences) -> Result<Self, Error> {
        let silences_before = silences.0.load(Ordering::Relaxed);
        let client = connect_patiently(config).await?;
        let process = client.query_one("select pg_backend_pid()", &[]).await;
        let process = process.map_err(|error| explain(CONNECT, error))?.get(0);
        let queries = queries::prepare(&client).await.map_err(|error| explain("prepare statements", error))?;
        let (at_work, is_silent) = (Mutex::new(None), AtomicBool::new(false));
        let (config, silences) = (config.clone(), silences.clone());
        Ok(Self { client, queries, config, process, at_work, is_silent, silences, silences_before })
    }

    /// Whether it is not to be used again.
    pub(super) fn is_lost(&self) -> bool {
        self.client.is_closed() || self.silences.0.load(Ordering::Relaxed) != self.silences_before
    }

    /// Waits for an answer, as long as it takes; but it may never come: where the way to the server is gone, nobody need say so.
    async fn answer<T>(
        &self,
        doing: &'static str,
        asked: impl Future<Output = Result<T, tokio_postgres::Error>>,
    ) -> Result<T, Error> {
        let mut asked = pin!(asked);
        loop {
            let time_max = if self.is_silent.load(Ordering::Relaxed) { Duration::ZERO } else { ANSWER_TIME_MAX };
            match tokio::time::timeout(time_max, &mut asked).await {
                Ok(answer) => return answer.map_err(|error| explain(doing, error)),
                Err(late) if self.is_gone().await => return Err(Error::unavailable(doing)(late)),
                // It takes long, or something in front of it does, or waits for a lock.
                Err(_) => {}
            }
        }
    }

    /// Whether the way to the server is gone, once an answer is late: then the server, asked on another way, knows of nothing that it
    /// has to do here, or cannot be asked either.
    async fn is_gone(&self) -> bool {
        // Of all whose answers are late one asks.
        let mut at_work = self.at_work.lock().await;
        if self.is_silent.load(Ordering::Relaxed) || at_work.is_some_and(|said| said.elapsed() < ANSWER_TIME_MAX) {
            return self.is_silent.load(Ordering::Relaxed);
        }
        let said = tokio::time::timeout(AT_WORK_TIME_MAX, is_at_work(&self.config, self.process)).await;
        if let Ok(Ok(true)) = said {
            *at_work = Some(Instant::now());
            return false;
        }
        self.is_silent.store(true, Ordering::Relaxed);
        // Those that are noticed on several connections at once are one.
        let [before, after] = [self.silences_before, self.silences_before + 1];
        let _ = self.silences.0.compare_exchange(before, after, Ordering::Relaxed, Ordering::Relaxed);
        true
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
}

/// Whether a process of the server has something to do, or had a moment ago: between two of many short statements it has not.
async fn is_at_work(config: &Config, process: i32) -> Result<bool, Error> {
    let query = "select state = 'active' or state_change > clock_timestamp() - interval '10 seconds'
                 from pg_stat_activity where pid = $1";
    let row = connect_patiently(config).await?.query_opt(query, &[&process]).await;
    let row = row.map_err(|error| explain("ask PostgreSQL what it does", error))?;
    Ok(row.and_then(|row| row.get(0)).unwrap_or(false))
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
