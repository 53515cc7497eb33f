//! Clients that do not wait for what they have asked for.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use charter::Charter;
use engine::deliver::{Outbox, SystemLookup, Webhooks};
use keep::{Embedded, EmbeddedOptions, Keep};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::watch;

use crate::support::{ADMIN, open, request};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_changed_is_noted_also_when_its_client_is_gone() {
    let folder = tempfile::tempdir().expect("a folder");
    // On a disk a change takes a while, in which a client can go.
    let keep = Arc::new(Embedded::open(folder.path(), EmbeddedOptions::default()).expect("a new home"));
    let (stop, stopped) = watch::channel(false);
    let server = open(Arc::clone(&keep), Charter::without_file(), |_| {}, stopped, Arc::default()).await;
    let server = server.expect("it starts");
    let address = server.address();
    let run = tokio::spawn(server.run());
    let send = async |method: &str, name: &str, body: &str| {
        let mut stream = TcpStream::connect(address).await.expect("it listens");
        let path = format!("/api/v1/targets/{name}");
        stream.write_all(&request(method, &path, &[("X-API-Key", ADMIN)], body.as_bytes())).await.expect("it reads");
        stream
    };
    let names: Vec<String> = (0..40).map(|n| format!("crm{n}")).collect();
    for name in &names {
        let mut answer = String::new();
        let mut stream = send("PUT", name, r#"{"url":"https://crm.example/hook"}"#).await;
        stream.read_to_string(&mut answer).await.expect("it answers");
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
    for name in &names {
        drop(send("DELETE", name, "").await);
    }
    let wire = Arc::new(Webhooks::new(Arc::new(SystemLookup)));
    let kept: Arc<dyn Keep> = Arc::<Embedded>::clone(&keep);
    let outbox = Outbox::new(kept, Arc::new(engine::SystemClock), wire);
    // Of those who went before anything was begun, nothing is. What was begun goes on for a moment.
    let (began, mut equal) = (Instant::now(), 0);
    while equal < 30 {
        let there: BTreeSet<String> =
            outbox.targets().await.expect("it can be read").into_iter().map(|target| target.name).collect();
        let entries = keep.records("audit/", None, 1_000).await.expect("it can be read");
        let entries = entries.iter().map(|record| serde_json::from_slice(&record.bytes).expect("JSON"));
        let noted = entries.filter(|entry: &serde_json::Value| entry["what"] == "target removed");
        let noted: BTreeSet<String> = noted.map(|entry| entry["of"].as_str().expect("a name").to_owned()).collect();
        let removed: BTreeSet<String> = names.iter().filter(|name| !there.contains(*name)).cloned().collect();
        equal = if removed == noted && !removed.is_empty() { equal + 1 } else { 0 };
        let (removed, noted) = (removed.len(), noted.len());
        assert!(began.elapsed() < Duration::from_secs(20), "{removed} were removed, and {noted} removals noted");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    stop.send_replace(true);
    run.await.expect("it does not panic");
}
