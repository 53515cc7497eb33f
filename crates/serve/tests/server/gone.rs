//! Clients that do not wait for what they have asked for, and servers that do not live to do all of it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use charter::Charter;
use engine::deliver::{Outbox, SystemLookup, Webhooks};
use keep::{Embedded, EmbeddedOptions, Fault, Keep, Operation};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::watch;

use crate::support::{ADMIN, open, request, start};

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

#[tokio::test]
async fn a_change_is_noted_in_the_commit_that_makes_it() {
    let server = start().await;
    let ann = r#"{"type":"identify","userId":"ann","anonymousId":"a1"}"#;
    assert_eq!(server.post("/v1/batch", format!(r#"{{"batch":[{ann}]}}"#)).await.status, 200);
    let pair = r#"{"from":{"kind":"user_id","value":"ann"},"to":{"kind":"anonymous_id","value":"a1"}}"#;
    for (method, path, body, what) in [
        ("PUT", "targets/crm", r#"{"url":"https://crm.example/hook"}"#, "target put"),
        ("POST", "targets/crm/pause", "", "target paused"),
        ("POST", "targets/crm/resume", "", "target resumed"),
        ("POST", "targets/crm/rotate", "", "target got another secret"),
        ("DELETE", "targets/crm", "", "target removed"),
        ("DELETE", "links", pair, "link taken back"),
        ("POST", "links", pair, "keys linked"),
    ] {
        // As if the process were killed after the first commit.
        let mut commits = 0;
        server.keep.order_faults(move |operation| {
            commits += u32::from(operation == Operation::Commit);
            (operation == Operation::Commit && commits > 1).then_some(Fault::Lost { written: false })
        });
        let answer = server.ask(method, &format!("/api/v1/{path}"), &[("X-API-Key", ADMIN)], body).await;
        server.keep.order_faults(|_| None);
        assert_eq!(answer.status / 100, 2, "{method} {path}: {answer:?}");
        let entries = server.get("/api/v1/audit", ADMIN).await.json();
        let noted = entries["entries"].as_array().expect("a list").iter().any(|entry| entry["what"] == what);
        assert!(noted, "{what}: {entries}");
    }
    server.stop().await;
}
