//! The real way to targets: HTTP, to addresses that were looked at first.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::{Client, Response, redirect, retry};
use tokio::time::timeout;
use url::Host;

use super::address::meant;
use super::limits::{ANSWER_BYTES_MAX, ANSWER_REST, ATTEMPT, IDLE, LINES_MAX};
use super::target::Target;
use super::wire::{Answer, Request, Wire};

/// Which addresses a host has. A trait, so that tests can have it change its mind.
#[async_trait]
pub trait Lookup: Send + Sync + std::fmt::Debug {
    /// The addresses of a host.
    ///
    /// # Errors
    /// When it has none, or nobody can say.
    async fn lookup(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>>;
}

/// As the machine resolves names.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemLookup;

#[async_trait]
impl Lookup for SystemLookup {
    async fn lookup(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        Ok(tokio::net::lookup_host((host, port)).await?.collect())
    }
}

/// Sends over HTTP. The host is resolved and looked at before every attempt, and connections are made to no other addresses than
/// those that were found good. Redirects are not followed, proxies not used.
#[derive(Debug)]
pub struct Webhooks {
    lookup: Arc<dyn Lookup>,
    attempt: Duration,
    lines: Mutex<BTreeMap<Vec<Host>, Line>>,
}

/// The connections of all targets that allow the same, usually nothing. Others do not use them: what is good for one is not for
/// another. One for each target would cost too much, since making a client reads the certificates of the machine.
#[derive(Debug, Clone)]
struct Line {
    client: Client,
    pinned: Arc<Pinned>,
}

/// The addresses of each host that were found good the last time.
#[derive(Debug, Default)]
struct Pinned(Mutex<BTreeMap<String, Vec<SocketAddr>>>);

impl Pinned {
    fn pin(&self, host: &str, mut addresses: Vec<SocketAddr>) {
        // The port is that of the request: targets on one host may have several.
        for address in &mut addresses {
            address.set_port(0);
        }
        self.0.lock().expect("nothing panics while it holds the addresses").insert(host.to_owned(), addresses);
    }
}

impl Resolve for Pinned {
    fn resolve(&self, host: Name) -> Resolving {
        let pinned = self.0.lock().expect("nothing panics while it holds the addresses");
        let addresses = pinned.get(host.as_str()).cloned().unwrap_or_default();
        Box::pin(std::future::ready(Ok(Box::new(addresses.into_iter()) as Addrs)))
    }
}

impl Default for Webhooks {
    fn default() -> Self {
        Self::new(Arc::new(SystemLookup))
    }
}

#[async_trait]
impl Wire for Webhooks {
    async fn send(&self, target: &Target, request: &Request<'_>) -> Answer {
        match timeout(self.attempt, self.post(target, request)).await {
            Ok(Ok(response)) => read(response).await,
            Ok(Err(answer)) => answer,
            Err(_) => Answer::Failed { why: format!("no answer within {:?}", self.attempt) },
        }
    }
}

impl Webhooks {
    /// Sends to the addresses that this finds.
    pub fn new(lookup: Arc<dyn Lookup>) -> Self {
        Self { lookup, attempt: ATTEMPT, lines: Mutex::default() }
    }

    /// Waits for an answer for so long; no longer than [`ATTEMPT`].
    #[must_use]
    pub fn waiting(self, attempt: Duration) -> Self {
        Self { attempt: attempt.min(ATTEMPT), ..self }
    }

    /// Sends it and waits for the status.
    async fn post(&self, target: &Target, request: &Request<'_>) -> Result<Response, Answer> {
        let addresses = self.addresses(target).await?;
        let failed = |error: reqwest::Error| Answer::Failed { why: explain(error) };
        let line = self.line(target).map_err(failed)?;
        line.pinned.pin(target.url.host_str().unwrap_or_default(), addresses);
        let mut post = line.client.post(target.url.clone()).body(request.body.to_vec());
        for (name, value) in &request.headers {
            post = post.header(*name, value);
        }
        post.send().await.map_err(failed)
    }

    /// The addresses of a target to which a message may go.
    async fn addresses(&self, target: &Target) -> Result<Vec<SocketAddr>, Answer> {
        let failed = |why: String| Answer::Failed { why };
        let port = target.url.port_or_known_default().unwrap_or(443);
        let (host, found) = match target.url.host() {
            Some(Host::Ipv4(ip)) => (ip.to_string(), vec![SocketAddr::new(IpAddr::V4(ip), port)]),
            Some(Host::Ipv6(ip)) => (ip.to_string(), vec![SocketAddr::new(IpAddr::V6(ip), port)]),
            Some(Host::Domain(host)) => {
                let found = self.lookup.lookup(host, port).await;
                (host.to_owned(), found.map_err(|error| failed(format!("{host} has no address ({error})")))?)
            }
            None => return Err(failed("its address names no host".to_owned())),
        };
        let mut refused = None;
        let mut good = found;
        good.retain(|address| match target.check(address.ip()) {
            Ok(()) => true,
            Err(kind) => {
                refused.get_or_insert((meant(address.ip()), kind));
                false
            }
        });
        match (good.is_empty(), refused) {
            (false, _) => Ok(good),
            (true, None) => Err(failed(format!("{host} has no address"))),
            (true, Some((ip, kind))) => {
                let why = format!("not sent: {host} is {ip}, {}; name it in `allow` if that is meant", kind.name());
                Err(Answer::Refused { why })
            }
        }
    }

    fn line(&self, target: &Target) -> reqwest::Result<Line> {
        let mut lines = self.lines.lock().expect("nothing panics while it holds the lines");
        if let Some(line) = lines.get(&target.allow) {
            return Ok(line.clone());
        }
        if lines.len() >= LINES_MAX {
            lines.clear();
        }
        let pinned = Arc::new(Pinned::default());
        let line = Line { client: client(Arc::clone(&pinned))?, pinned };
        lines.insert(target.allow.clone(), line.clone());
        Ok(line)
    }
}

fn client(pinned: Arc<Pinned>) -> reqwest::Result<Client> {
    Client::builder()
        .user_agent("desireline")
        .dns_resolver(pinned)
        .redirect(redirect::Policy::none())
        .referer(false)
        .no_proxy()
        // Tries again by the schedule, and nowhere else.
        .retry(retry::never())
        .pool_idle_timeout(IDLE)
        .build()
}

/// Reads an answer as far as it is of use. Its status has decided already, so that nothing here can fail.
async fn read(mut response: Response) -> Answer {
    let status = response.status().as_u16();
    let retry_after = response.headers().get("retry-after").and_then(|value| value.to_str().ok()).map(str::to_owned);
    let mut bytes = Vec::new();
    // What is read to its end leaves the connection to be used again.
    let rest = async {
        while let Ok(Some(chunk)) = response.chunk().await {
            bytes.extend_from_slice(&chunk);
            if bytes.len() > ANSWER_BYTES_MAX {
                break;
            }
        }
    };
    // Whoever is slower is not waited for.
    let _ = timeout(ANSWER_REST, rest).await;
    Answer::Status { status, retry_after, text: String::from_utf8_lossy(&bytes).into_owned() }
}

/// Why there was no answer: the causes of an error, without the address of the target, which some receivers make a secret.
fn explain(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut why = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(error) = cause {
        let text = error.to_string();
        if !why.contains(&text) {
            why = format!("{why}: {text}");
        }
        cause = error.source();
    }
    why
}
