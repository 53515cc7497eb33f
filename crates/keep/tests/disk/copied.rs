//! A copy that is made while commits go on is of one moment.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use keep::{Customer, Error, Keep, Version, Wanted};

use super::{log, one, open};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_is_of_one_moment() {
    let [folder, target] = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let keep = Arc::new(open(folder.path()));
    let stop = Arc::new(AtomicBool::new(false));
    let mut version = Version::NONE;
    for n in 0..50 {
        version = keep.commit(one(1, &n.to_string(), version, &(n + 1).to_string())).await.unwrap().version;
    }
    let writer = tokio::spawn({
        let (keep, stop) = (Arc::clone(&keep), Arc::clone(&stop));
        async move {
            let mut n = 50;
            while !stop.load(Ordering::Relaxed) {
                version = keep.commit(one(1, &n.to_string(), version, &(n + 1).to_string())).await.unwrap().version;
                n += 1;
            }
            n
        }
    });
    keep.copy_to(target.path()).await.unwrap();
    stop.store(true, Ordering::Relaxed);
    let all = writer.await.unwrap();
    let again = keep.copy_to(target.path()).await.expect_err("a copy is there");
    assert!(matches!(again, Error::Invalid { .. }));

    let copy = open(target.path());
    let entries = log(&copy).await.len();
    assert!((50..=all).contains(&entries));
    let loaded = copy.load(&Wanted { customers: vec![Customer(1)], ..Wanted::default() }).await.unwrap();
    assert_eq!(loaded.states[0].bytes, entries.to_string().into_bytes());
    copy.commit(one(1, "next", loaded.states[0].version, "next")).await.expect("it is a home like any other");
}
