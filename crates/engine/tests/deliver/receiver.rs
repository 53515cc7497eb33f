//! A receiver of webhooks that behaves as it is told, request by request.

use std::sync::Arc;

use engine::deliver::Secret;
use hmac::{Hmac, KeyInit, Mac};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;

/// What a receiver does with a request.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Reply {
    /// Answers: status, further header lines, body.
    Status(u16, &'static str, &'static str),
    /// Never answers.
    Hang,
    /// Closes the connection.
    Close,
    /// Answers with this status and a body that does not end.
    Endless(u16),
    /// Sends a header that does not end, byte by byte.
    Drip,
    /// Is no HTTP.
    Nonsense,
}

/// Answers that it has it.
pub(crate) const TAKEN: Reply = Reply::Status(204, "", "");

/// A request that came in.
#[derive(Debug, Clone)]
pub(crate) struct Got {
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Got {
    pub(crate) fn header(&self, name: &str) -> &str {
        let line = |line: &'_ str| line.split_once(": ").is_some_and(|(this, _)| this.eq_ignore_ascii_case(name));
        self.head.lines().find(|text| line(text)).map_or("", |line| line.split_once(": ").unwrap().1)
    }

    pub(crate) fn id(&self) -> &str {
        self.header("webhook-id")
    }

    /// Whether one of its signatures is by this secret: written down from the text of the specification.
    pub(crate) fn is_signed_by(&self, secret: &Secret) -> bool {
        use base64::prelude::{BASE64_STANDARD, Engine};
        let key = BASE64_STANDARD.decode(secret.reveal().trim_start_matches("whsec_")).unwrap();
        let mut content = format!("{}.{}.", self.id(), self.header("webhook-timestamp")).into_bytes();
        content.extend_from_slice(&self.body);
        self.header("webhook-signature").split(' ').any(|signature| {
            let given = BASE64_STANDARD.decode(signature.strip_prefix("v1,").unwrap()).unwrap();
            Hmac::<sha2::Sha256>::new_from_slice(&key).unwrap().chain_update(&content).verify_slice(&given).is_ok()
        })
    }
}

/// A receiver; dropped, it is gone.
#[derive(Debug)]
pub(crate) struct Receiver {
    pub(crate) port: u16,
    got: UnboundedReceiver<Got>,
    task: JoinHandle<()>,
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Receiver {
    /// Starts one that decides by the number of the request and the request.
    pub(crate) async fn start(decide: impl Fn(usize, &Got) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (sender, got) = unbounded_channel();
        let count = std::sync::atomic::AtomicUsize::new(0);
        let decide = Arc::new(move |got: &Got| decide(count.fetch_add(1, std::sync::atomic::Ordering::SeqCst), got));
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (sender, decide) = (sender.clone(), Arc::clone(&decide));
                tokio::spawn(async move { serve(stream, sender, &*decide).await });
            }
        });
        Self { port, got, task }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/hook?from=desireline", self.port)
    }

    /// The next request.
    pub(crate) async fn next(&mut self) -> Got {
        self.got.recv().await.expect("the receiver runs")
    }

    /// The requests that have come in by now.
    pub(crate) fn came(&mut self) -> Vec<Got> {
        std::iter::from_fn(|| self.got.try_recv().ok()).collect()
    }
}

async fn serve(mut stream: TcpStream, sender: UnboundedSender<Got>, decide: &(dyn Fn(&Got) -> Reply + Send + Sync)) {
    while let Some(got) = read(&mut stream).await {
        let reply = decide(&got);
        let _ = sender.send(got);
        let sent = match reply {
            Reply::Status(status, headers, body) => {
                let length = if status == 204 { String::new() } else { format!("content-length: {}\r\n", body.len()) };
                stream.write_all(format!("HTTP/1.1 {status} x\r\n{headers}{length}\r\n{body}").as_bytes()).await
            }
            Reply::Hang => std::future::pending().await,
            Reply::Close => return,
            Reply::Endless(status) => {
                let _ = stream.write_all(format!("HTTP/1.1 {status} x\r\n\r\n").as_bytes()).await;
                while stream.write_all(&[b'x'; 4_096]).await.is_ok() {}
                return;
            }
            Reply::Drip => {
                let _ = stream.write_all(b"HTTP/1.1 200 x\r\nx-slow: ").await;
                while stream.write_all(b"x").await.is_ok() {
                    tokio::time::sleep(std::time::Duration::from_millis(5)).await;
                }
                return;
            }
            Reply::Nonsense => stream.write_all(b"SSH-2.0-OpenSSH_9.2\r\n").await,
        };
        if sent.is_err() {
            return;
        }
    }
}

/// One request; none when the connection ends.
async fn read(stream: &mut TcpStream) -> Option<Got> {
    let mut bytes = Vec::new();
    let head_ends = loop {
        if let Some(at) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break at;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8(bytes[..head_ends].to_vec()).unwrap();
    let mut got = Got { head, body: bytes[head_ends + 4..].to_vec() };
    let length: usize = got.header("content-length").parse().unwrap();
    while got.body.len() < length {
        if stream.read_buf(&mut got.body).await.ok()? == 0 {
            return None;
        }
    }
    Some(got)
}
