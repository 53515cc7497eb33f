//! A commit that is written while whoever wrote it is told that it failed.

use keep::{Commit, Delivery, Due, Fault, Keep, Memory, Operation};

use crate::homes::KNOWN_US;

use crate::suite::{NOW_US, SECOND_US, commit, post, take, timer};

/// Commits something that is written, and answered as if it might not have been.
async fn lost(keep: &Memory, commit: Commit) {
    keep.order_faults(|operation| (operation == Operation::Commit).then_some(Fault::Full { written: true }));
    assert!(keep.commit(commit).await.is_err());
    keep.order_faults(|_| None);
}

#[tokio::test]
async fn a_delivery_that_was_written_all_the_same_goes_out() {
    let keep = Memory::new(KNOWN_US);
    let posts = |id: &str, due_us| Commit { posts: vec![post("crm", id, due_us)], ..commit() };
    keep.commit(posts("later", NOW_US + SECOND_US)).await.unwrap();
    assert_eq!(keep.deliveries("crm", take(NOW_US, 10)).await.unwrap(), vec![], "now it is known to be the first");
    lost(&keep, posts("now", NOW_US)).await;
    let ids = |taken: Vec<Delivery>| taken.into_iter().map(|delivery| delivery.post.id).collect::<Vec<_>>();
    assert_eq!(ids(keep.deliveries("crm", take(NOW_US, 10)).await.unwrap()), [b"now".to_vec()]);
}

#[tokio::test]
async fn a_timer_that_was_written_all_the_same_goes_off() {
    let keep = Memory::new(KNOWN_US);
    let timers = |id: &str, due_us| Commit { timers: vec![timer(1, id, due_us)], ..commit() };
    keep.commit(timers("later", NOW_US + SECOND_US)).await.unwrap();
    assert_eq!(keep.due(0, take(NOW_US, 10)).await.unwrap(), vec![], "now it is known to be the first");
    lost(&keep, timers("now", NOW_US)).await;
    let ids = |taken: Vec<Due>| taken.into_iter().map(|due| due.timer.id).collect::<Vec<_>>();
    assert_eq!(ids(keep.due(0, take(NOW_US, 10)).await.unwrap()), [b"now".to_vec()]);
}
