//! Nodes that start over imports while another one on the same database takes events in, and erasing beside nodes that serve.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use serde_json::Value;
use testkit::Postgres;

use crate::CHARTER;
use crate::shared::wait_until;
use crate::support::{Running, TICKETS, desireline};

/// Imports so many events that learning from them takes a while.
fn import_many(home: &Path, events: usize) {
    let rows: Vec<String> = (0..events).map(|n| format!("u{},Visit,{}", n % 500, 1_700_000_000 + n)).collect();
    let path = home.with_extension("csv");
    std::fs::write(&path, format!("user_id,event,at\n{}\n", rows.join("\n"))).expect("a file");
    let import = desireline().arg("--home").arg(home).arg("import").arg(&path).output().expect("it starts");
    assert!(import.status.success(), "{}", String::from_utf8_lossy(&import.stderr));
}

/// How many rows a lake has of the customers whose key is like this.
fn rows_of(home: &Path, like: &str) -> i64 {
    let query = format!("select count(*) as n from events where keys like '{like}'");
    let output = desireline().arg("--home").arg(home).args(["--json", "sql", &query]).output().expect("it starts");
    let rows: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    rows[0]["n"].as_i64().unwrap_or_else(|| panic!("{rows}"))
}

/// Erases a customer beside nodes that serve, and gives the receipt, or what is said instead.
fn erase(home: &Path, server: &Postgres, key: &str) -> Result<Value, String> {
    let erase = desireline().arg("--home").arg(home).args(["erase", key, "--keep", &server.url()]).output();
    let erase = erase.expect("it starts");
    if !erase.status.success() {
        return Err(String::from_utf8_lossy(&erase.stderr).into_owned());
    }
    Ok(serde_json::from_slice(&erase.stdout).expect("JSON"))
}

/// Waits until something of an import is told.
fn wait_until_learning(server: &Postgres) {
    wait_until("something is told", || {
        let is_there = server.sql("select 1 from pg_tables where tablename = 'log'").len() == 1;
        is_there && server.sql("select 1 from log limit 1").len() == 1
    });
}

/// Two nodes on one database, of which the first learns from an import when the other one starts; what comes in until the
/// first one serves, too, and after, is in the lakes of both.
fn beside_one_that_learns(homes: &[PathBuf; 2]) {
    let Some(server) = Postgres::start() else { return };
    for home in homes {
        std::fs::create_dir_all(home).expect("a folder");
        std::fs::write(home.join("charter.yaml"), CHARTER.to_owned() + TICKETS).expect("a file");
    }
    let events = 20_000;
    import_many(&homes[0], events);
    let (ready, is_ready) = mpsc::channel();
    let start = |home: PathBuf| {
        let (url, ready) = (server.url(), ready.clone());
        std::thread::spawn(move || ready.send(Running::start_with(&home, &["--keep", &url])));
    };
    start(homes[0].clone());
    wait_until_learning(&server);
    start(homes[1].clone());
    let (first, mut sent) = (is_ready.recv().expect("one starts"), 0);
    let mut send = |node: &Running| {
        node.ticket("ann");
        sent += 1;
    };
    let second = loop {
        send(&first);
        match is_ready.recv_timeout(Duration::from_millis(20)) {
            Ok(second) => break second,
            Err(error) => assert_eq!(error, mpsc::RecvTimeoutError::Timeout),
        }
    };
    for _ in 0..20 {
        send(&first);
        send(&second);
        std::thread::sleep(Duration::from_millis(50));
    }
    first.stop();
    second.stop();
    for home in homes {
        assert_eq!(rows_of(home, "%ann%"), sent, "what came in meanwhile");
        assert_eq!(rows_of(home, "%"), sent + i64::try_from(events).expect("few"));
        let replay = desireline().arg("--home").arg(home).args(["--json", "replay", "--keep", &server.url()]).output();
        let replay: Value = serde_json::from_slice(&replay.expect("it starts").stdout).expect("JSON");
        assert_eq!(replay["equal"], true, "{replay}");
    }
}

#[test]
fn what_comes_in_while_another_node_learns_reaches_its_lake() {
    let folder = tempfile::tempdir().expect("a folder");
    beside_one_that_learns(&[folder.path().join("one"), folder.path().join("other")]);
}

#[test]
fn what_comes_in_while_another_node_of_the_home_learns_is_not_skipped() {
    let folder = tempfile::tempdir().expect("a folder");
    beside_one_that_learns(&[folder.path().join("home"), folder.path().join("home")]);
}

#[test]
fn who_is_erased_while_a_node_learns_does_not_come_back() {
    let Some(server) = Postgres::start() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let home = folder.path().join("home");
    std::fs::create_dir_all(&home).expect("a folder");
    std::fs::write(home.join("charter.yaml"), CHARTER).expect("a file");
    import_many(&home, 20_000);
    let node = std::thread::scope(|scope| {
        let starting = scope.spawn(|| Running::start_with(&home, &["--keep", &server.url()]));
        wait_until_learning(&server);
        // Of the last ones that are told.
        assert_eq!(erase(&home, &server, "user_id:u499").expect("it is erased")["events"], 40);
        starting.join().expect("it starts")
    });
    let status = |key: &str| node.admin(&format!("GET /api/v1/customers/user_id:{key}"), "").0;
    assert_eq!([status("u498"), status("u499")], [200, 404], "who is known live");
    node.stop();
    assert_eq!((rows_of(&home, "%u499%"), rows_of(&home, "%")), (0, 19_960), "what is in the lake");
}

#[test]
fn a_customer_is_erased_beside_nodes_that_take_events_in() {
    let Some(server) = Postgres::start() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let home = folder.path().join("home");
    std::fs::create_dir_all(&home).expect("a folder");
    std::fs::write(home.join("charter.yaml"), CHARTER).expect("a file");
    let nodes = [(); 2].map(|()| Running::start_with(&home, &["--keep", &server.url()]));
    let gone = ["user_id:gone-1", "user_id:gone-2", "user_id:gone-3"];
    (1..=3).for_each(|n| nodes[0].send(&format!(r#"{{"userId":"gone-{n}","event":"Visit"}}"#)));
    let (stop, mut erased) = (AtomicBool::new(false), Vec::new());
    std::thread::scope(|scope| {
        for (sender, node) in nodes.iter().enumerate() {
            let stop = &stop;
            scope.spawn(move || {
                for n in (0..).take_while(|_| !stop.load(Ordering::Relaxed)) {
                    node.send(&format!(r#"{{"userId":"s{sender}-{}","event":"Visit"}}"#, n % 50));
                }
            });
        }
        erased = gone.iter().map(|key| erase(&home, &server, key)).collect();
        stop.store(true, Ordering::Relaxed);
    });
    nodes.into_iter().for_each(Running::stop);
    for receipt in erased {
        assert_eq!(receipt.expect("it is erased")["events"], 1);
    }
    assert_eq!(rows_of(&home, "%gone%"), 0);
}
