//! The least that taking in a batch can cost on a machine: a server that reads JSON, writes the body to a file, flushes it to the
//! disk together with whatever else waits, and answers. It knows no customers, recognises nothing that comes twice, and forgets
//! everything. What `load` gets out of it is what `desireline serve` is measured against.
//!
//! ```text
//! cargo run --release --workspace --example ceiling -- 127.0.0.1:8098 FILE
//! cargo run --release --workspace --example load -- ingest 127.0.0.1:8098 any
//! ```
#![expect(clippy::unwrap_used, reason = "a tool for whoever measures")]

use std::borrow::Cow;
use std::fs::File;
use std::io::Write as _;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use axum::routing::post;
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::{mpsc, oneshot};

/// A body, and whoever waits until it is on the disk.
type Job = (Bytes, oneshot::Sender<()>);

const GROUP_BYTES_MAX: usize = 8 << 20;
const BODY_BYTES_MAX: usize = 5 << 20;

#[derive(Deserialize)]
struct Batch<'a> {
    #[serde(borrow)]
    batch: Vec<Message<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Message<'a> {
    #[serde(borrow)]
    r#type: Cow<'a, str>,
    #[serde(borrow)]
    event: Cow<'a, str>,
    #[serde(borrow, rename = "messageId")]
    id: Cow<'a, str>,
    #[serde(borrow)]
    user_id: Cow<'a, str>,
    #[serde(borrow)]
    anonymous_id: Cow<'a, str>,
    properties: Value,
    context: Value,
}

impl Message<'_> {
    fn is_whole(&self) -> bool {
        let texts = [&self.r#type, &self.event, &self.id, &self.user_id, &self.anonymous_id];
        texts.iter().all(|text| !text.is_empty()) && self.properties.is_object() && self.context.is_object()
    }
}

async fn take(State(jobs): State<mpsc::Sender<Job>>, body: Bytes) -> StatusCode {
    let whole = serde_json::from_slice(&body).is_ok_and(|Batch { batch }| batch.iter().all(Message::is_whole));
    if !whole {
        return StatusCode::BAD_REQUEST;
    }
    let (answer, answered) = oneshot::channel();
    let sent = jobs.send((body, answer)).await;
    if sent.is_ok() && answered.await.is_ok() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }
}

/// Writes all that waits, flushes once, answers all.
fn write(mut file: File, mut jobs: mpsc::Receiver<Job>) {
    let (mut bytes, mut answers) = (Vec::with_capacity(GROUP_BYTES_MAX), Vec::new());
    let mut next = jobs.blocking_recv();
    while let Some((body, answer)) = next {
        bytes.extend_from_slice(&u32::try_from(body.len()).unwrap().to_le_bytes());
        bytes.extend_from_slice(&body);
        answers.push(answer);
        next = if bytes.len() < GROUP_BYTES_MAX { jobs.try_recv().ok() } else { None };
        if next.is_none() {
            file.write_all(&bytes).unwrap();
            file.sync_data().unwrap();
            bytes.clear();
            for answer in answers.drain(..) {
                let _ = answer.send(());
            }
            next = jobs.blocking_recv();
        }
    }
}

#[tokio::main]
async fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, address, path] = arguments.as_slice() else { panic!("usage: ceiling ADDRESS FILE") };
    let file = File::create(path).unwrap();
    let (jobs, waiting) = mpsc::channel(4_096);
    std::thread::spawn(move || write(file, waiting));
    let router = Router::new().route("/v1/batch", post(take));
    let router = router.layer(DefaultBodyLimit::max(BODY_BYTES_MAX)).with_state(jobs);
    let listener = tokio::net::TcpListener::bind(address).await.unwrap();
    axum::serve(listener, router).await.unwrap();
}
