//! A server over what is kept in memory, and a client that sends what it is told, byte for byte.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use charter::Charter;
use engine::deliver::{Outbox, SystemLookup, Webhooks};
use engine::{Engine, SystemClock};
use keep::{Keep, Memory};
use serde_json::Value;
use serve::{Given, Options, Role, Server};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Keys that every server here is given.
pub(crate) const WRITE: &str = "wk_accept";
pub(crate) const READ: &str = "ak_read_secret";
pub(crate) const ADMIN: &str = "ak_admin_secret";

/// A server that runs.
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    pub(crate) keep: Arc<Memory>,
    pub(crate) log: Arc<Mutex<Vec<String>>>,
    /// The admin key that was made, where none was given.
    pub(crate) first_admin: Option<String>,
    stop: watch::Sender<bool>,
    run: JoinHandle<()>,
}

/// A server as most tests want it.
pub(crate) async fn start() -> Running {
    start_with(Charter::without_file(), |_| {}).await
}

/// A server by a charter, set up differently.
pub(crate) async fn start_with(charter: Charter, change: impl FnOnce(&mut Options)) -> Running {
    let keep = Arc::new(Memory::new(keep::limits::MESSAGES_KNOWN_US));
    let (stop, stopped) = watch::channel(false);
    let log = Arc::new(Mutex::new(Vec::new()));
    let (server, log) = (open(Arc::clone(&keep), charter, change, stopped, Arc::clone(&log)).await, log);
    let server = server.expect("it starts");
    let first_admin = server.first_keys().map(|keys| keys.admin_key.clone());
    Running {
        address: server.address(),
        keep,
        log,
        first_admin,
        stop,
        run: tokio::spawn(async { drop(server.run().await) }),
    }
}

/// A server that does not run yet.
pub(crate) async fn open(
    keep: Arc<impl Keep + 'static>,
    charter: Charter,
    change: impl FnOnce(&mut Options),
    stopped: watch::Receiver<bool>,
    log: Arc<Mutex<Vec<String>>>,
) -> Result<Server, serve::Error> {
    let keep: Arc<dyn Keep> = keep;
    let clock = Arc::new(SystemClock);
    let wire = Arc::new(Webhooks::new(Arc::new(SystemLookup)));
    let outbox = Arc::new(Outbox::new(Arc::clone(&keep), Arc::<SystemClock>::clone(&clock), wire));
    let engine = Engine::open(keep, Arc::new(charter), clock, engine::Options::default()).await;
    let mut options = Options::new(SocketAddr::from(([127, 0, 0, 1], 0)));
    let given = |text: &str, role| Given { text: text.to_owned(), roles: vec![role], source: None };
    options.keys = vec![given(WRITE, Role::Ingest), given(READ, Role::Read), given(ADMIN, Role::Admin)];
    options.log = Arc::new(move |line| log.lock().expect("no test panics here").push(line.text.to_owned()));
    change(&mut options);
    Server::open(options, engine.expect("memory can be reached"), outbox, stopped).await
}

impl Running {
    /// Sends a request, and reads the answer to its end.
    pub(crate) async fn ask(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl AsRef<[u8]>,
    ) -> Reply {
        let bytes = request(method, path, headers, body.as_ref());
        self.send(&bytes).await
    }

    /// Posts with the write key.
    pub(crate) async fn post(&self, path: &str, body: impl AsRef<[u8]>) -> Reply {
        self.ask("POST", path, &[("Authorization", &basic(WRITE))], body).await
    }

    /// Gets with this key.
    pub(crate) async fn get(&self, path: &str, key: &str) -> Reply {
        self.ask("GET", path, &[("X-API-Key", key)], "").await
    }

    /// Sends bytes, and reads what comes until the server closes.
    pub(crate) async fn send(&self, bytes: &[u8]) -> Reply {
        let mut stream = TcpStream::connect(self.address).await.expect("it listens");
        stream.write_all(bytes).await.expect("it reads all of it");
        let mut answer = Vec::new();
        let read = tokio::time::timeout(Duration::from_mins(1), stream.read_to_end(&mut answer)).await;
        read.expect("it answers in time").expect("it does not cut the connection");
        Reply::read(&answer)
    }

    /// What is kept of what was sent.
    pub(crate) async fn entries(&self) -> usize {
        self.keep.log(0, 100_000).await.expect("memory can be read").len()
    }

    /// Tells the server to stop, and waits until it has.
    pub(crate) async fn stop(self) {
        self.stop.send_replace(true);
        self.run.await.expect("it does not panic");
    }

    /// Tells the server to stop.
    pub(crate) fn tell_to_stop(&self) {
        self.stop.send_replace(true);
    }
}

/// A request as bytes, after whose answer the server closes.
pub(crate) fn request(method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let mut head = format!("{method} {path} HTTP/1.1\r\nHost: h.test\r\nConnection: close\r\n");
    if !body.is_empty() || method == "POST" {
        write!(head, "Content-Length: {}\r\n", body.len()).expect("a string takes everything");
    }
    for (name, value) in headers {
        write!(head, "{name}: {value}\r\n").expect("a string takes everything");
    }
    [head.as_bytes(), b"\r\n", body].concat()
}

/// `Authorization: Basic` of a write key.
pub(crate) fn basic(key: &str) -> String {
    use base64::Engine as _;
    format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(format!("{key}:")))
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Reply {
    fn read(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes);
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let mut lines = head.lines();
        let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok()).unwrap_or(0);
        let headers = lines.filter_map(|line| line.split_once(": "));
        let headers = headers.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned())).collect();
        Self { status, headers, body: body.to_owned() }
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Status and code, such as `401 missing_key`.
    pub(crate) fn said(&self) -> String {
        let code = serde_json::from_str::<Value>(&self.body).unwrap_or_default()["code"].clone();
        format!("{} {}", self.status, code.as_str().unwrap_or("-"))
    }
}
