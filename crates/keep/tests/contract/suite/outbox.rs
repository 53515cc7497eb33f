//! The outbox.

use keep::{Commit, Customer, Delivery, Keep, Outcome, Post, Queue, Settled, Waiting};

use super::{NOW_US, SECOND_US, commit, conflict, take};
use crate::homes::Home;

pub(crate) fn post(target: &str, id: &str, due_us: i64) -> Post {
    let (target, bytes) = (target.to_owned(), format!("body of {id}").into_bytes());
    Post { target, id: id.as_bytes().to_vec(), customer: Customer(1), due_us, bytes }
}

async fn send(keep: &dyn Keep, posts: Vec<Post>) {
    keep.commit(Commit { posts, ..commit() }).await.unwrap();
}

fn ids(deliveries: &[Delivery]) -> Vec<String> {
    deliveries.iter().map(|delivery| String::from_utf8(delivery.post.id.clone()).unwrap()).collect()
}

fn settled(delivery: &Delivery, outcome: Outcome) -> Commit {
    let settled = vec![Settled { id: delivery.post.id.clone(), lease: delivery.lease, outcome }];
    Commit { settled, ..commit() }
}

fn retry(due_us: i64) -> Outcome {
    Outcome::Retry { due_us, why: "503".to_owned() }
}

fn queue(target: &str, waiting: u64, first_due_us: Option<i64>, dead: u64, paused: bool) -> Queue {
    Queue { target: target.to_owned(), paused, waiting, first_due_us, dead }
}

pub(crate) async fn deliveries_go_out_by_target_and_time(home: &mut Home) {
    let (keep, other) = (home.keep(), home.another());
    let posts = vec![
        post("crm", "b", NOW_US),
        post("crm", "a", NOW_US - 1),
        post("crm", "c", NOW_US + 1),
        post("mail", "d", 7),
    ];
    send(&*keep, posts.clone()).await;
    let first = keep.deliveries("crm", take(NOW_US, 1)).await.unwrap();
    assert_eq!((first[0].post.clone(), first[0].attempts), (posts[1].clone(), 0));
    assert_eq!(
        ids(&other.deliveries("crm", take(NOW_US, 10)).await.unwrap()),
        ["b"],
        "taken ones are shown to nobody else"
    );
    assert_eq!(ids(&keep.deliveries("mail", take(NOW_US, 10)).await.unwrap()), ["d"], "targets do not see each other");
    assert_eq!(keep.deliveries("cr", take(NOW_US, 10)).await.unwrap(), vec![]);
    let waiting = keep.waiting("crm", 2).await.unwrap();
    let untried = |post: &Post| Waiting { post: post.clone(), attempts: 0, why: String::new() };
    assert_eq!(waiting, [untried(&posts[1]), untried(&posts[0])], "those that are taken wait as well");
    assert_eq!(keep.waiting("cr", 10).await.unwrap(), vec![]);
    let queues = keep.queues().await.unwrap();
    assert_eq!(queues, [queue("crm", 3, Some(NOW_US - 1), 0, false), queue("mail", 1, Some(7), 0, false)]);
}

pub(crate) async fn deliveries_come_back_done_later_or_dead(home: &mut Home) {
    let keep = home.keep();
    send(&*keep, vec![post("crm", "a", 1), post("crm", "b", 2), post("crm", "c", 3)]).await;
    let taken = keep.deliveries("crm", take(NOW_US, 10)).await.unwrap();
    keep.commit(settled(&taken[0], Outcome::Done)).await.unwrap();
    keep.commit(settled(&taken[1], retry(NOW_US + 5))).await.unwrap();
    keep.commit(settled(&taken[2], Outcome::Dead { why: "410".to_owned() })).await.unwrap();
    assert_eq!(keep.queues().await.unwrap(), [queue("crm", 1, Some(NOW_US + 5), 1, false)]);
    assert_eq!(keep.deliveries("crm", take(NOW_US, 10)).await.unwrap(), vec![]);
    let waiting = keep.waiting("crm", 10).await.unwrap();
    assert_eq!(waiting, [Waiting { post: post("crm", "b", NOW_US + 5), attempts: 1, why: "503".to_owned() }]);
    let again = keep.deliveries("crm", take(NOW_US + 5, 10)).await.unwrap();
    assert_eq!((ids(&again), again[0].attempts), (vec!["b".to_owned()], 1));
    let dead = keep.dead("crm", None, 10).await.unwrap();
    assert_eq!((dead[0].post.clone(), dead[0].attempts, dead[0].why.as_str()), (post("crm", "c", 3), 1, "410"));
    assert_eq!(keep.dead("crm", Some(b"c"), 10).await.unwrap(), vec![]);
    assert_eq!(keep.dead("mail", None, 10).await.unwrap(), vec![]);
    // Sent again by hand; what is not dead is left alone.
    keep.commit(Commit { resent: vec![b"c".to_vec(), b"b".to_vec(), b"nothing".to_vec()], ..commit() }).await.unwrap();
    let resent = keep.deliveries("crm", take(NOW_US, 10)).await.unwrap();
    assert_eq!((ids(&resent), resent[0].attempts, resent[0].post.due_us), (vec!["c".to_owned()], 0, NOW_US));
    assert_eq!(keep.dead("crm", None, 10).await.unwrap(), vec![]);
    let long = Outcome::Dead { why: "ä".repeat(5_000) };
    keep.commit(settled(&resent[0], long)).await.unwrap();
    let why = &keep.dead("crm", None, 10).await.unwrap()[0].why;
    assert!(why.len() <= 1_000 && why.starts_with("ää"));
}

pub(crate) async fn a_paused_target_holds_what_waits(home: &mut Home) {
    let keep = home.keep();
    send(&*keep, vec![post("crm", "a", 1), post("mail", "b", 1)]).await;
    let pause = |paused| Commit { paused: vec![("crm".to_owned(), paused)], ..commit() };
    keep.commit(pause(true)).await.unwrap();
    keep.commit(pause(true)).await.unwrap();
    assert_eq!(keep.deliveries("crm", take(NOW_US, 10)).await.unwrap(), vec![]);
    assert_eq!(ids(&keep.deliveries("mail", take(NOW_US, 10)).await.unwrap()), ["b"]);
    send(&*keep, vec![post("crm", "c", 2)]).await;
    let queues = keep.queues().await.unwrap();
    assert_eq!(queues, [queue("crm", 2, Some(1), 0, true), queue("mail", 1, Some(1), 0, false)]);
    home.restart().await;
    let keep = home.keep();
    assert_eq!(keep.deliveries("crm", take(NOW_US, 10)).await.unwrap(), vec![], "a pause outlives the process");
    keep.commit(pause(false)).await.unwrap();
    assert_eq!(ids(&keep.deliveries("crm", take(NOW_US, 10)).await.unwrap()), ["a", "c"]);
}

pub(crate) async fn a_delivery_that_was_taken_by_another_is_not_settled(home: &mut Home) {
    let (slow, quick) = (home.keep(), home.another());
    send(&*slow, vec![post("crm", "a", 1)]).await;
    let first = slow.deliveries("crm", take(NOW_US, 10)).await.unwrap();
    assert_eq!(quick.deliveries("crm", take(NOW_US + 29 * SECOND_US, 10)).await.unwrap(), vec![]);
    let second = quick.deliveries("crm", take(NOW_US + 31 * SECOND_US, 10)).await.unwrap();
    assert_eq!(ids(&second), ["a"]);
    let late = conflict(slow.commit(settled(&first[0], retry(NOW_US))).await);
    assert_eq!(late.settled, [b"a".to_vec()]);
    quick.commit(settled(&second[0], Outcome::Done)).await.unwrap();
    conflict(quick.commit(settled(&second[0], Outcome::Done)).await);
    assert_eq!(quick.queues().await.unwrap(), vec![]);
}

pub(crate) async fn an_id_is_delivered_once(home: &mut Home) {
    let keep = home.keep();
    send(&*keep, vec![post("crm", "a", 1)]).await;
    send(&*keep, vec![post("crm", "a", 2), post("mail", "a", 3)]).await;
    assert_eq!(keep.queues().await.unwrap(), [queue("crm", 1, Some(1), 0, false)]);
    let taken = keep.deliveries("crm", take(NOW_US, 10)).await.unwrap();
    keep.commit(settled(&taken[0], Outcome::Dead { why: String::new() })).await.unwrap();
    send(&*keep, vec![post("crm", "a", 4)]).await;
    assert_eq!(keep.queues().await.unwrap(), [queue("crm", 0, None, 1, false)], "given up is given up");
}

pub(crate) async fn a_delivery_that_is_being_settled_is_shown_to_nobody(home: &mut Home) {
    let keep = home.keep();
    let posts: Vec<_> = (0..2_000).map(|n| post("crm", &format!("{n:04}"), 1)).collect();
    send(&*keep, posts.clone()).await;
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..16 {
        let keep = if n % 2 == 0 { home.keep() } else { home.another() };
        tasks.spawn(async move {
            let mut taken = Vec::new();
            loop {
                let next = keep.deliveries("crm", take(NOW_US, 3)).await.unwrap();
                if next.is_empty() {
                    return taken;
                }
                taken.extend(ids(&next));
                for delivery in &next {
                    keep.commit(settled(delivery, Outcome::Done)).await.unwrap();
                }
            }
        });
    }
    let mut taken: Vec<_> = tasks.join_all().await.into_iter().flatten().collect();
    taken.sort();
    let doubles: Vec<_> = taken.windows(2).filter(|two| two[0] == two[1]).collect();
    assert!(doubles.is_empty(), "{doubles:?}");
    assert!(keep.queues().await.unwrap().is_empty());
}
