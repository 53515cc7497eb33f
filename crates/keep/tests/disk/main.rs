//! What an embedded home does on a disk: killed, torn, full, and with erased bytes in old files.
#![expect(clippy::unwrap_used, reason = "a test may fail anywhere")]

mod copied;
mod counted;
mod erased;
mod full;
mod killed;
mod torn;

use std::path::Path;

use keep::{Change, Commit, Customer, Embedded, EmbeddedOptions, Entry, Keep, MessageId, StateChange, Version};

const NOW_US: i64 = 1_790_000_000_000_000;

fn open(folder: &Path) -> Embedded {
    Embedded::open(folder, EmbeddedOptions::default()).unwrap()
}

/// A commit of one message of a customer: an entry with the message, and a state.
fn one(customer: i64, message: &str, expected: Version, state: &str) -> Commit {
    let change = Change::Put(state.as_bytes().to_vec());
    Commit {
        now_us: NOW_US,
        messages: vec![MessageId::of(message.as_bytes())],
        entries: vec![Entry {
            customer: Customer(customer),
            kind: 0,
            at_us: NOW_US,
            bytes: message.as_bytes().to_vec(),
        }],
        states: vec![StateChange { customer: Customer(customer), expected, change }],
        ..Commit::default()
    }
}

/// All entries of the log, in order.
async fn log(keep: &dyn Keep) -> Vec<(i64, String)> {
    let span = keep.log_span().await.unwrap();
    let mut all = Vec::new();
    while span.start + (all.len() as u64) < span.end {
        let from = span.start + all.len() as u64;
        for logged in keep.log(from, 1000).await.unwrap() {
            assert_eq!(logged.position, span.start + all.len() as u64);
            all.push((logged.customer.0, String::from_utf8_lossy(&logged.bytes).into_owned()));
        }
    }
    all
}

#[tokio::test]
async fn one_process_has_it_open() {
    let folder = tempfile::tempdir().unwrap();
    let first = open(folder.path());
    let second = Embedded::open(folder.path(), EmbeddedOptions::default()).expect_err("it is open");
    assert!(matches!(second, keep::Error::Locked { .. }), "{second:?}");
    drop(first);
    open(folder.path());
}

#[tokio::test]
async fn a_newer_store_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    drop(open(folder.path()));
    let version = folder.path().join("version");
    let mut bytes = std::fs::read(&version).unwrap();
    bytes[3] = 4;
    std::fs::write(&version, bytes).unwrap();
    let refused = Embedded::open(folder.path(), EmbeddedOptions::default()).expect_err("it is newer");
    assert!(matches!(refused, keep::Error::NewerFormat { found: 4, known: 3 }), "{refused:?}");
}
