//! Killed under load again and again, it has what it acknowledged, once, live and in the lake.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::CHARTER;
use crate::support::{Running, ask, desireline};

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
    for kill in testkit::rounds(4, 20) {
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
