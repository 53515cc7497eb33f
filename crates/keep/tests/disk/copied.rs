//! A copy that is made while commits go on is of one moment.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use keep::{Customer, Embedded, EmbeddedOptions, Error, Keep, MessageId, Version, Wanted};

use super::erased::erase;
use super::{log, one};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_is_of_one_moment() {
    is_of_one_moment(EmbeddedOptions::default(), 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn so_it_is_while_rows_are_folded_and_customers_erased() {
    is_of_one_moment(EmbeddedOptions { fresh_bytes: 2_000, ..EmbeddedOptions::default() }, 3).await;
}

/// Commits until it is told to stop; returns how many it were.
async fn commits(keep: Arc<Embedded>, mut version: Version, stop: Arc<AtomicBool>) -> usize {
    let mut n = 50;
    while !stop.load(Ordering::Relaxed) {
        version = keep.commit(one(1, &n.to_string(), version, &(n + 1).to_string())).await.unwrap().version;
        n += 1;
    }
    n
}

async fn is_of_one_moment(options: EmbeddedOptions, erased: i64) {
    let open = |folder: &Path| Embedded::open(folder, options).unwrap();
    let [folder, target] = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let keep = Arc::new(open(folder.path()));
    let stop = Arc::new(AtomicBool::new(false));
    let mut version = Version::NONE;
    for n in 0..50 {
        version = keep.commit(one(1, &n.to_string(), version, &(n + 1).to_string())).await.unwrap().version;
    }
    let writer = tokio::spawn(commits(Arc::clone(&keep), version, Arc::clone(&stop)));
    let eraser = tokio::spawn({
        let keep = Arc::clone(&keep);
        async move {
            for customer in 100..100 + erased {
                keep.commit(one(customer, &format!("erased {customer}"), Version::NONE, "state")).await.unwrap();
                assert_eq!(erase(&*keep, customer).await.states, 1);
            }
        }
    });
    keep.copy_to(target.path()).await.unwrap();
    eraser.await.unwrap();
    stop.store(true, Ordering::Relaxed);
    let all = writer.await.unwrap();
    let again = keep.copy_to(target.path()).await.expect_err("a copy is there");
    assert!(matches!(again, Error::Invalid { .. }));

    let copy = open(target.path());
    for (keep, least, most) in [(&copy, 50, all), (&*keep, all, all)] {
        let mut all = log(keep).await;
        all.retain(|(customer, _)| *customer == 1);
        let entries = all.len();
        assert!((least..=most).contains(&entries));
        assert_eq!(keep.log_of(&[Customer(1)], u64::MAX, 1_000).await.unwrap().len(), entries.min(1_000));
        let messages = all.iter().map(|(_, message)| MessageId::of(message.as_bytes())).collect();
        let loaded = keep.load(&Wanted { messages, ..Wanted::default() }).await.unwrap();
        assert!(loaded.known.iter().all(|known| *known));
        let loaded = keep.load(&Wanted { customers: vec![Customer(1)], ..Wanted::default() }).await.unwrap();
        assert_eq!(loaded.states[0].bytes, entries.to_string().into_bytes());
        keep.commit(one(1, "next", loaded.states[0].version, "next")).await.expect("it is a home like any other");
    }
}
