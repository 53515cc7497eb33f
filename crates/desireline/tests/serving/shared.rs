//! Two nodes on one database: killed in turn, cut off from it, while both are sent the same. What was acknowledged is in the
//! log and in every lake once, every state is its replay, no cap is exceeded, and what was posted arrives under one id.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use keep::Keep as _;
use testkit::{Postgres, rounds, soak};

use crate::receiver::Receiver;
use crate::support::{Running, ask, ask_whole, desireline};

const CHARTER: &str = "\
charter: 1
stages: {choice: {}, use: {}}
moments:
  visit: {stage: choice, when: event = 'Visit'}
  order: {stage: use, when: event = 'Order'}
expectations:
  again: {after: order, promise: visit, within: 1s}
features:
  visits: {count: visit}
  late: {broken: again}
actions:
  call: {when: visits >= 1, cap: {per: 1d, times: 3}, value: 9, deliver: {webhook: crm}}
  sorry: {when: late >= 1, cap: {per: 1d, times: 20}, value: 1, deliver: {webhook: crm}}
";

/// Where the nodes are, which changes when one is started again.
type Addresses = Arc<Mutex<[String; 2]>>;

/// Sends every batch to both nodes, one after the other, and gives the ids that either of them acknowledged.
fn load(addresses: &Addresses, sender: usize, stop: &AtomicBool, count: &AtomicUsize) -> BTreeSet<String> {
    let mut acknowledged = BTreeSet::new();
    for batch in 0.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let ids: Vec<String> = (0..5).map(|n| format!("s{sender}-{batch}-{n}")).collect();
        let messages = ids.iter().enumerate().map(|(n, id)| {
            let (event, who) = (if n % 3 == 0 { "Order" } else { "Visit" }, (batch * 7 + n * 3) % 40);
            format!(
                r#"{{"type":"track","event":"{event}","messageId":"{id}","userId":"u{who}","anonymousId":"a{who}"}}"#
            )
        });
        // The last one has no name, and is refused.
        let refused = [format!(r#"{{"type":"track","messageId":"r{sender}-{batch}","userId":"u1"}}"#)];
        let body = format!("{{\"batch\":[{}]}}", messages.chain(refused).collect::<Vec<_>>().join(","));
        for node in [sender % 2, 1 - sender % 2] {
            let address = addresses.lock().expect("nobody panics")[node].clone();
            match ask_whole(&address, "POST /v1/batch", "", &body) {
                Some((200, ..)) => {
                    acknowledged.extend(ids.iter().cloned());
                    count.fetch_add(1, Ordering::Relaxed);
                }
                Some((status, head, body)) => {
                    assert!(matches!(status, 429 | 503), "{status} {body}");
                    assert!(head.to_ascii_lowercase().contains("\r\nretry-after: "), "{head}");
                }
                // It is dead just now.
                None => std::thread::sleep(Duration::from_millis(20)),
            }
        }
    }
    acknowledged
}

/// Two nodes and those who send to them.
struct Pair {
    homes: [PathBuf; 2],
    url: String,
    nodes: [Option<Running>; 2],
    addresses: Addresses,
    stop: Arc<AtomicBool>,
    /// Batches that were acknowledged.
    count: Arc<AtomicUsize>,
    senders: Vec<std::thread::JoinHandle<BTreeSet<String>>>,
}

impl Pair {
    fn start(homes: [PathBuf; 2], url: String, receiver: &Receiver) -> Self {
        for home in &homes {
            std::fs::create_dir_all(home).expect("a folder");
            std::fs::write(home.join("charter.yaml"), CHARTER).expect("a file");
        }
        let stop = Arc::new(AtomicBool::new(false));
        let mut pair = Self {
            homes,
            url,
            nodes: [None, None],
            addresses: Arc::default(),
            stop,
            count: Arc::default(),
            senders: Vec::new(),
        };
        (0..2).for_each(|node| pair.start_node(node));
        let target = format!(r#"{{"url":"{}","allow":["127.0.0.1"]}}"#, receiver.url());
        let put = pair.nodes[0].as_ref().expect("it runs").admin("PUT /api/v1/targets/crm", &target);
        assert_eq!(put.0, 200, "{}", put.1);
        for sender in 0..3 {
            let (addresses, stop) = (Arc::clone(&pair.addresses), Arc::clone(&pair.stop));
            let count = Arc::clone(&pair.count);
            pair.senders.push(std::thread::spawn(move || load(&addresses, sender, &stop, &count)));
        }
        pair
    }

    fn start_node(&mut self, node: usize) {
        let running = Running::start_with(&self.homes[node], &["--keep", &self.url]);
        self.addresses.lock().expect("nobody panics")[node].clone_from(&running.address);
        self.nodes[node] = Some(running);
    }

    fn kill(&mut self, node: usize) {
        self.nodes[node].take().expect("it runs").kill();
    }

    /// Waits until so many more batches are acknowledged.
    fn go_on(&self, batches: usize) {
        let before = self.count.load(Ordering::Relaxed);
        wait_until("batches are acknowledged", || self.count.load(Ordering::Relaxed) >= before + batches);
    }

    /// Ends the senders, and gives what was acknowledged.
    fn end_of_load(&mut self) -> BTreeSet<String> {
        self.stop.store(true, Ordering::Relaxed);
        self.senders.drain(..).flat_map(|sender| sender.join().expect("no sender panics")).collect()
    }

    fn stop(&mut self) {
        self.nodes.iter_mut().filter_map(Option::take).for_each(Running::stop);
    }

    fn json(&self, node: usize, arguments: &[&str]) -> serde_json::Value {
        let output = desireline()
            .arg("--home")
            .arg(&self.homes[node])
            .arg("--json")
            .args(arguments)
            .output()
            .expect("it starts");
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{out}{err}");
        serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out}"))
    }

    /// What has to hold once everything stands still.
    fn is_whole(&self, acknowledged: &BTreeSet<String>, server: &Postgres, receiver: &Receiver) {
        let log = Log::read(&self.url);
        assert!(acknowledged.len() > 50, "too little was sent to prove anything: {}", acknowledged.len());
        let stored: BTreeSet<String> = log.messages.iter().cloned().collect();
        assert_eq!(stored.len(), log.messages.len(), "a message is in the log twice");
        let lost: Vec<&String> = acknowledged.difference(&stored).collect();
        assert!(lost.is_empty(), "{} of {} are lost: {:?}", lost.len(), acknowledged.len(), lost.first());
        for node in 0..2 {
            let rows = self.json(node, &["sql", "select message_id from events"]).to_string();
            let in_lake: Vec<&str> = rows.split('"').filter(|part| part.starts_with('s')).collect();
            let distinct: BTreeSet<&str> = in_lake.iter().copied().collect();
            assert_eq!(distinct.len(), in_lake.len(), "an event is in the lake of node {node} twice");
            assert!(stored.iter().map(String::as_str).eq(distinct), "the lake of node {node} is not the log");
            assert_eq!(self.json(node, &["replay", "--keep", &self.url])["equal"], true);
        }
        for home in BTreeSet::from_iter(&self.homes) {
            let rows = refused_rows(home);
            assert!(rows > 0 && rows == log.refused, "{rows} rows are in quarantine, {} were refused", log.refused);
        }
        let mut times: BTreeMap<(&str, &str), usize> = BTreeMap::new();
        log.decided.iter().for_each(|(_, customer, action)| *times.entry((customer, action)).or_default() += 1);
        for ((customer, action), times) in times {
            let most = if action == "call" { 3 } else { 20 };
            assert!(times <= most, "{action} was chosen {times} times for {customer}");
        }
        let waiting = server.sql("select convert_from(id, 'UTF8') from outbox").into_iter().collect::<BTreeSet<_>>();
        let posted: BTreeSet<String> = log.decided.iter().map(|(id, ..)| id.clone()).collect();
        assert_eq!(posted.len(), log.decided.len(), "two decisions for one occasion");
        let arrived = receiver.got();
        assert!(arrived.values().all(|bodies| bodies.len() == 1), "an id has come with two messages");
        let arrived: BTreeSet<String> = arrived.into_keys().collect();
        assert!(arrived.is_subset(&posted), "a message came that nobody decided");
        let lost: Vec<_> = posted.iter().filter(|id| !arrived.contains(*id) && !waiting.contains(*id)).collect();
        assert!(lost.is_empty(), "{} of {} posts are lost: {:?}", lost.len(), posted.len(), lost.first());
        assert!(arrived.len() > 10, "too little arrived to prove anything: {}", arrived.len());
    }
}

/// The rows in the quarantine of a home.
fn refused_rows(home: &Path) -> usize {
    let files = std::fs::read_dir(home.join("quarantine")).expect("rows were refused");
    let text = |file: std::fs::DirEntry| std::fs::read_to_string(file.path()).expect("text");
    files.flatten().map(|file| text(file).lines().count()).sum()
}

/// What the log says.
#[derive(Default)]
struct Log {
    messages: Vec<String>,
    refused: usize,
    /// The id under which it is posted, whose customer, the action.
    decided: Vec<(String, String, String)>,
}

impl Log {
    fn read(url: &str) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("threads");
        let pages = runtime.block_on(async {
            let keep = keep::Postgres::connect(url, keep::limits::MESSAGES_KNOWN_US).await.expect("it is there");
            let (mut pages, mut at) = (Vec::new(), 0);
            loop {
                let page = keep.log(at, 1_000).await.expect("it can be read");
                let Some(last) = page.last() else { return pages };
                at = last.position + 1;
                for logged in page {
                    let decided = engine::decision_of(&keep, &logged).await.expect("it can be read");
                    pages.push((logged, decided));
                }
            }
        });
        let mut log = Self::default();
        for (logged, decided) in pages {
            let text = String::from_utf8_lossy(&logged.bytes);
            match logged.kind {
                1 => {
                    let id = text.split("\"messageId\":\"").nth(1).and_then(|rest| rest.split('"').next());
                    log.messages.push(id.expect("all have one").to_owned());
                }
                3 => {
                    let decided = decided.expect("it is one");
                    let Some(action) = decided.action else { continue };
                    let customer = decided.customer.to_string();
                    let of = ["crm", &customer, &action, &decided.occasion];
                    log.decided.push((engine::deliver::message_id(&of), customer, action));
                }
                4 => log.refused += 1,
                _ => {}
            }
        }
        log
    }
}

/// Kills one node and then the other, again and again, over a home of each, or one that they share.
fn killed_in_turn(homes: impl Fn(&Path) -> [PathBuf; 2]) {
    let Some(server) = Postgres::start() else { return };
    let (folder, receiver) = (tempfile::tempdir().expect("a folder"), Receiver::start());
    let mut pair = Pair::start(homes(folder.path()), server.url(), &receiver);
    for kill in rounds(3, 20) {
        pair.go_on(12 + (kill * 7 % 20) as usize);
        let node = (kill % 2) as usize;
        pair.kill(node);
        std::thread::sleep(Duration::from_millis(u64::from(kill) * 97 % 400));
        pair.start_node(node);
    }
    pair.go_on(12);
    let acknowledged = pair.end_of_load();
    if soak().is_some() {
        wait_until("what a dead node held is taken over", || {
            let now_us = "(extract(epoch from now()) * 1e6)::bigint";
            let open =
                format!("select count(*) from timers where due_us < {now_us} union all select count(*) from outbox");
            server.sql(&open).iter().all(|count| count == "0")
        });
    }
    pair.stop();
    pair.is_whole(&acknowledged, &server, &receiver);
}

pub(crate) fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < Duration::from_mins(2), "it is waited for in vain: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn two_nodes_with_a_home_each_survive_each_others_kill() {
    killed_in_turn(|folder| [folder.join("one"), folder.join("other")]);
}

#[test]
fn two_nodes_that_share_a_home_survive_each_others_kill() {
    killed_in_turn(|folder| [folder.join("home"), folder.join("home")]);
}

#[test]
fn a_database_that_goes_away_under_load_is_waited_for() {
    let Some(mut server) = Postgres::start() else { return };
    let (folder, receiver) = (tempfile::tempdir().expect("a folder"), Receiver::start());
    let mut pair = Pair::start([folder.path().join("one"), folder.path().join("other")], server.url(), &receiver);
    let said = |addresses: &Addresses, node: usize| {
        let address = addresses.lock().expect("nobody panics")[node].clone();
        let body = r#"{"event":"Visit","userId":"u1","messageId":"s9-0-0"}"#;
        ask(&address, "POST /v1/track", "", body).expect("it runs all the time").0
    };
    for round in rounds(2, 20) {
        pair.go_on(12);
        let cut = "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'desireline'";
        assert!(!server.sql(cut).is_empty());
        wait_until("both take events in again", || (0..2).all(|node| said(&pair.addresses, node) == 200));
        server.crash();
        for node in 0..2 {
            assert!(matches!(said(&pair.addresses, node), 429 | 503), "round {round}: there is no database");
        }
        server.run();
        wait_until("both take events in again", || (0..2).all(|node| said(&pair.addresses, node) == 200));
    }
    pair.go_on(12);
    let acknowledged = pair.end_of_load();
    pair.stop();
    pair.is_whole(&acknowledged, &server, &receiver);
}
