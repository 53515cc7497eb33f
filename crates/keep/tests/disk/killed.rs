//! Killed while it writes: what was answered is there, once.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use keep::{Customer, Embedded, EmbeddedOptions, Keep, Wanted};

use super::{log, one};

const FOLDER: &str = "KEEP_TEST_FOLDER";
const ROUND: &str = "KEEP_TEST_ROUND";
const WRITERS: i64 = 8;

/// Opens a home in which little fits into memory, so that it is killed while rows are folded into its tables, too.
fn open(folder: &Path) -> Embedded {
    Embedded::open(folder, EmbeddedOptions { fresh_bytes: 4_000, ..EmbeddedOptions::default() }).unwrap()
}

/// Not a test: what the test below starts and kills. Writes until then, and says what was answered.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "started by the test below"]
async fn child_that_writes() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let round = std::env::var(ROUND).unwrap();
    let keep = Arc::new(open(folder.as_ref()));
    let mut writers = tokio::task::JoinSet::new();
    for customer in 0..WRITERS {
        let (keep, round) = (Arc::clone(&keep), round.clone());
        writers.spawn(async move {
            // Bounded, should nobody come to kill it.
            for n in 0..20_000 {
                let loaded =
                    keep.load(&Wanted { customers: vec![Customer(customer)], ..Wanted::default() }).await.unwrap();
                let count: u64 = std::str::from_utf8(&loaded.states[0].bytes).unwrap().parse().unwrap_or(0);
                let message = format!("{round} {customer} {n}");
                keep.commit(one(customer, &message, loaded.states[0].version, &(count + 1).to_string())).await.unwrap();
                writeln!(std::io::stdout().lock(), "answered {message}").unwrap();
            }
        });
    }
    writers.join_all().await;
}

#[tokio::test]
async fn what_was_answered_is_there_once_after_every_kill() {
    const ROUNDS: usize = 22;
    let folder = tempfile::tempdir().unwrap();
    let mut answered = BTreeSet::new();
    for round in 0..ROUNDS {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--ignored", "--exact", "killed::child_that_writes", "--nocapture"])
            .env(FOLDER, folder.path())
            .env(ROUND, round.to_string())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let told = |line: String| line.strip_prefix("answered ").map(str::to_owned);
        // Killed at another moment each time; what it had said before that counts.
        let enough = 10 + round * 13;
        answered.extend(lines.by_ref().filter_map(told).take(enough));
        child.kill().unwrap();
        answered.extend(lines.filter_map(told));
        child.wait().unwrap();

        let keep = open(folder.path());
        let entries = log(&keep).await;
        let mut counts: BTreeMap<i64, u64> = BTreeMap::new();
        let mut distinct = BTreeSet::new();
        for (customer, message) in &entries {
            *counts.entry(*customer).or_default() += 1;
            assert!(distinct.insert(message.clone()), "{message} twice, round {round}");
        }
        let lost: Vec<_> = answered.difference(&distinct).collect();
        assert!(lost.is_empty(), "round {round} lost {lost:?}");
        // What was written and not answered is at most what was on its way.
        assert!(distinct.len() <= answered.len() + (round + 1) * 8, "{} {}", distinct.len(), answered.len());
        for (customer, count) in counts {
            let loaded = keep.load(&Wanted { customers: vec![Customer(customer)], ..Wanted::default() }).await.unwrap();
            assert_eq!(
                loaded.states[0].bytes,
                count.to_string().into_bytes(),
                "the state is as its log, round {round}"
            );
        }
        let messages = distinct.iter().map(|message| keep::MessageId::of(message.as_bytes())).collect();
        let loaded = keep.load(&Wanted { messages, ..Wanted::default() }).await.unwrap();
        assert!(loaded.known.iter().all(|known| *known), "round {round}");
    }
    assert!(answered.len() > ROUNDS * 10);
}
