//! What waits is counted while commits go on.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use keep::{Commit, Customer, Keep, Post, Version};

use super::{NOW_US, one, open};

const WAITING: u32 = 200_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn counting_what_waits_holds_up_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let keep = Arc::new(open(folder.path()));
    let post = |n: u32| Post {
        target: "crm".to_owned(),
        id: n.to_be_bytes().to_vec(),
        customer: Customer(1),
        due_us: NOW_US,
        bytes: Vec::new(),
    };
    for first in (0..WAITING).step_by(20_000) {
        let posts = (first..first + 20_000).map(post).collect();
        keep.commit(Commit { now_us: NOW_US, posts, ..Commit::default() }).await.unwrap();
    }
    // One after the other, as somebody does who asks again as soon as there is an answer.
    let counted = Arc::new(AtomicUsize::new(0));
    let counting = tokio::spawn({
        let (keep, counted) = (Arc::clone(&keep), Arc::clone(&counted));
        async move {
            for _ in 0..20 {
                let queues = keep.queues().await.unwrap();
                assert_eq!((queues.len(), queues[0].waiting), (1, u64::from(WAITING)));
                counted.fetch_add(1, Ordering::Relaxed);
            }
        }
    });
    let (mut commits, mut within): (i64, u32) = (0, 0);
    while !counting.is_finished() {
        let before = counted.load(Ordering::Relaxed);
        keep.commit(one(100 + commits, &format!("message {commits}"), Version::NONE, "state")).await.unwrap();
        commits += 1;
        // It began and ended while one and the same count was at work.
        within += u32::from(counted.load(Ordering::Relaxed) == before);
    }
    counting.await.unwrap();
    assert!(within > 0, "none of {commits} commits went on while all was counted 20 times");
}
