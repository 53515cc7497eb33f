//! The server as a process: killed under load again and again, it has what it acknowledged, once, live and in the lake.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

const CHARTER: &str = "\
charter: 1
stages: {choice: {}, use: {}}
moments:
  visit: {stage: choice, when: event = 'Visit'}
  order: {stage: use, when: event = 'Order'}
expectations:
  again: {after: order, promise: visit, within: 1d}
features:
  visits: {count: visit}
";

/// How often the process is killed; more by `KILLS=20`.
fn kills() -> u32 {
    std::env::var("KILLS").ok().and_then(|kills| kills.parse().ok()).unwrap_or(4)
}

fn desireline() -> Command {
    Command::new(env!("CARGO_BIN_EXE_desireline"))
}

/// A server that runs.
struct Running {
    child: Child,
    address: String,
}

impl Running {
    fn start(home: &Path) -> Self {
        let mut child = desireline()
            .arg("--home")
            .arg(home)
            .args(["serve", "--listen", "127.0.0.1:0", "--write-key", "wk_test", "--api-key", "ak_test"])
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let mut lines = BufReader::new(child.stderr.take().expect("it is piped")).lines();
        let address = lines
            .by_ref()
            .map_while(Result::ok)
            .find_map(|line| Some(line.split_once("listening on http://")?.1.split(';').next()?.to_owned()))
            .expect("it says where it listens");
        // Whatever else it says must not fill the pipe.
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, address }
    }

    fn kill(mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it was killed");
    }

    fn stop(mut self) {
        let stopped = Command::new("sh").args(["-c", "kill -INT $0", &self.child.id().to_string()]).status();
        assert!(stopped.expect("kill is there").success());
        assert!(self.child.wait().expect("it ends").success());
    }
}

/// Sends a request, and gives the status and the body; `None` when the server is gone.
fn ask(address: &str, request: &str, key: &str, body: &str) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(20))).ok()?;
    let head = format!(
        "{request} HTTP/1.1\r\nHost: {address}\r\nX-API-Key: {key}\r\nAuthorization: Basic d2tfdGVzdDo=\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body.as_bytes())).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let status = answer.split(' ').nth(1)?.parse().ok()?;
    Some((status, answer.split_once("\r\n\r\n")?.1.to_owned()))
}

/// Sends batches until the server is gone, and gives the ids of all that was acknowledged.
fn load(address: &str, prefix: &str, stop: &AtomicBool) -> Vec<String> {
    let mut acknowledged = Vec::new();
    for batch in 0.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let ids: Vec<String> = (0..10).map(|n| format!("{prefix}-{batch}-{n}")).collect();
        let messages = ids.iter().enumerate().map(|(n, id)| {
            let event = if n % 3 == 0 { "Order" } else { "Visit" };
            let ids = format!(r#""userId":"u{}","anonymousId":"a{}""#, (batch * 7 + n) % 50, (batch * 7 + n) % 50);
            format!(r#"{{"type":"track","event":"{event}","messageId":"{id}",{ids}}}"#)
        });
        let body = format!("{{\"batch\":[{}]}}", messages.collect::<Vec<_>>().join(","));
        match ask(address, "POST /v1/batch", "", &body) {
            Some((200, _)) => acknowledged.extend(ids),
            Some((status, body)) => assert!(status == 503 || status == 429, "{status} {body}"),
            None => break,
        }
    }
    acknowledged
}

#[test]
fn what_was_acknowledged_is_there_once_however_often_it_is_killed() {
    let folder = tempfile::tempdir().expect("a folder");
    let home = folder.path().join("home");
    std::fs::create_dir_all(&home).expect("a folder");
    std::fs::write(home.join("charter.yaml"), CHARTER).expect("a file");
    let mut acknowledged: BTreeSet<String> = BTreeSet::new();
    for kill in 0..kills() {
        let running = Running::start(&home);
        let stop = Arc::new(AtomicBool::new(false));
        let senders: Vec<_> = (0..3)
            .map(|sender| {
                let (address, stop) = (running.address.clone(), Arc::clone(&stop));
                std::thread::spawn(move || load(&address, &format!("k{kill}-s{sender}"), &stop))
            })
            .collect();
        std::thread::sleep(Duration::from_millis(300 + u64::from(kill) * 173 % 700));
        running.kill();
        stop.store(true, Ordering::Relaxed);
        for sender in senders {
            acknowledged.extend(sender.join().expect("no sender panics"));
        }
    }
    assert!(acknowledged.len() > 100, "too little was sent to prove anything: {}", acknowledged.len());
    let running = Running::start(&home);
    running.stop();
    let replay = desireline().arg("--home").arg(&home).args(["--json", "replay"]).output().expect("the program starts");
    assert!(replay.status.success(), "{}", String::from_utf8_lossy(&replay.stdout));
    let stored = desireline()
        .arg("--home")
        .arg(&home)
        .args(["--json", "sql", "select message_id from events"])
        .output()
        .expect("the program starts");
    assert!(stored.status.success(), "{}", String::from_utf8_lossy(&stored.stderr));
    let rows: serde_json::Value = serde_json::from_slice(&stored.stdout).expect("JSON");
    let text = rows.to_string();
    let mut ids: Vec<&str> = text.split('"').filter(|part| part.starts_with('k') && part.contains("-s")).collect();
    let all = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(all, ids.len(), "an event is in the lake twice");
    let missing: Vec<&String> = acknowledged.iter().filter(|id| ids.binary_search(&id.as_str()).is_err()).collect();
    assert!(missing.is_empty(), "{} acknowledged messages are lost: {:?}", missing.len(), missing.first());
}

/// Files under a folder that hold these bytes.
fn files_with(folder: &Path, bytes: &[u8]) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("it can be read").path();
        if path.is_dir() {
            found.extend(files_with(&path, bytes));
        } else if std::fs::read(&path).expect("a file").windows(bytes.len()).any(|window| window == bytes) {
            found.push(path);
        }
    }
    found
}

#[test]
fn who_is_erased_is_in_no_file_and_who_is_taken_apart_is_two_everywhere() {
    let folder = tempfile::tempdir().expect("a folder");
    let home = folder.path().join("home");
    std::fs::create_dir_all(&home).expect("a folder");
    std::fs::write(home.join("charter.yaml"), CHARTER).expect("a file");
    let run = |arguments: &[&str]| {
        let output = desireline().arg("--home").arg(&home).args(arguments).output().expect("the program starts");
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("text")
    };
    let running = Running::start(&home);
    let send = |message: &str| ask(&running.address, "POST /v1/track", "", message).expect("it answers").0;
    assert_eq!(send(r#"{"userId":"gone-person","anonymousId":"gone-device","event":"Order"}"#), 200);
    assert_eq!(send(r#"{"userId":"gone-person"}"#), 400, "it says not what happened");
    assert_eq!(send(r#"{"userId":"stays","anonymousId":"shared","event":"Visit"}"#), 200);
    assert_eq!(send(r#"{"userId":"stays","event":"Order"}"#), 200);
    let busy = desireline().arg("--home").arg(&home).args(["erase", "user_id:gone-person"]).output();
    assert_eq!(busy.expect("the program starts").status.code(), Some(5), "a server runs on this home");
    running.stop();

    let receipt: serde_json::Value = serde_json::from_str(&run(&["erase", "user_id:gone-person"])).expect("JSON");
    assert_eq!((&receipt["events"], &receipt["live"]["states"]), (&1.into(), &1.into()), "{receipt}");
    for name in ["gone-person", "gone-device"] {
        assert_eq!(files_with(&home, name.as_bytes()), [""; 0].map(std::path::PathBuf::from), "{name}");
    }
    run(&["unmerge", "user_id:stays", "anonymous_id:shared"]);
    run(&["replay"]);
    let running = Running::start(&home);
    let read = |key: &str| ask(&running.address, &format!("GET /api/v1/customers/{key}"), "ak_test", "");
    assert_eq!(read("user_id:gone-person").expect("it answers").0, 404);
    assert!(read("user_id:stays").expect("it answers").1.contains("\"events\":2"));
    assert!(read("anonymous_id:shared").expect("it answers").1.contains("\"events\":0"));
    running.stop();
    let links = run(&["--json", "customer", "user_id:stays"]);
    assert!(links.contains("taken_back"), "{links}");
}
