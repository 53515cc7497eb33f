//! Timers.

use std::collections::BTreeSet;

use keep::{Commit, Customer, Due, Fired, Keep, Lease, Timer, TimerId, Version, Was};

use super::{NOW_US, SECOND_US, commit, conflict, load_customers, take, timer};
use crate::homes::Home;

fn fired(due: &[Due]) -> Vec<Fired> {
    due.iter().map(|due| Fired { customer: due.timer.customer, id: due.timer.id.clone(), lease: due.lease }).collect()
}

fn names(due: &[Due]) -> Vec<String> {
    due.iter().map(|due| String::from_utf8(due.timer.bytes.clone()).unwrap()).collect()
}

async fn set(keep: &dyn Keep, timers: Vec<keep::Timer>) {
    keep.commit(Commit { timers, ..commit() }).await.unwrap();
}

pub(crate) async fn timers_fall_due_in_order_and_fire_once(home: &mut Home) {
    let (keep, other) = (home.keep(), home.another());
    let timers =
        vec![timer(1, "b", NOW_US), timer(2, "a", -5), timer(1, "a", NOW_US - 1), timer(3, "later", NOW_US + 1)];
    set(&*keep, timers).await;
    let due = keep.due(0, take(NOW_US, 2)).await.unwrap();
    assert_eq!(names(&due), ["2 a", "1 a"]);
    assert_eq!((due[0].timer.due_us, due[0].timer.customer), (-5, Customer(2)));
    let rest = other.due(0, take(NOW_US, 10)).await.unwrap();
    assert_eq!(names(&rest), ["1 b"], "what is taken is shown to nobody else");
    keep.commit(Commit { fired: fired(&due), ..commit() }).await.unwrap();
    let twice = conflict(keep.commit(Commit { fired: fired(&due[..1]), ..commit() }).await);
    assert_eq!(twice.fired, [TimerId { customer: Customer(2), id: b"a".to_vec() }]);
    other.commit(Commit { fired: fired(&rest), ..commit() }).await.unwrap();
    assert_eq!(names(&keep.due(0, take(NOW_US + 1, 10)).await.unwrap()), ["3 later"]);
}

pub(crate) async fn a_timer_is_replaced_by_its_id(home: &mut Home) {
    let keep = home.keep();
    set(&*keep, vec![timer(1, "a", NOW_US), timer(1, "ab", NOW_US), timer(2, "a", NOW_US)]).await;
    set(&*keep, vec![timer(1, "a", NOW_US + 10)]).await;
    assert_eq!(names(&keep.due(0, take(NOW_US, 10)).await.unwrap()), ["1 ab", "2 a"]);
    let clear = |customer, id: &str| TimerId { customer: Customer(customer), id: id.as_bytes().to_vec() };
    keep.commit(Commit { cleared: vec![clear(1, "ab"), clear(1, "nothing")], ..commit() }).await.unwrap();
    let later = take(NOW_US + 100 * SECOND_US, 10);
    let due = keep.due(0, later).await.unwrap();
    assert_eq!(names(&due), ["2 a", "1 a"]);
    // Built anew: all of one customer go, and what is set in the same commit stays.
    set(&*keep, vec![timer(1, "x", NOW_US), timer(10, "x", NOW_US)]).await;
    keep.commit(Commit { unset: vec![Customer(1)], timers: vec![timer(1, "new", NOW_US)], ..commit() }).await.unwrap();
    let due = keep.due(0, take(NOW_US + 200 * SECOND_US, 10)).await.unwrap();
    assert_eq!(names(&due), ["1 new", "2 a", "10 x"]);
}

pub(crate) async fn what_a_timer_replaces_is_believed_until_somebody_changes_it(home: &mut Home) {
    let (keep, other) = (home.keep(), home.another());
    let as_of = load_customers(&*keep, &[1, 2, 3]).await.as_of;
    let set_since = async |node: &dyn Keep, as_of: Version, set: &[(i64, i64, Was)]| {
        let set = set.iter().map(|(n, due_us, was)| Timer { was: *was, ..timer(*n, "a", NOW_US + due_us) });
        node.commit(Commit { as_of, timers: set.collect(), ..commit() }).await.unwrap();
    };
    // Two who know of none, one after the other, and one who says the same of one timer twice.
    set_since(&*keep, as_of, &[(1, 10, Was::Unset), (2, 20, Was::Unset)]).await;
    set_since(&*other, as_of, &[(1, 5, Was::Unset), (3, 30, Was::Unset), (3, 31, Was::Unset)]).await;
    let as_of = load_customers(&*keep, &[1, 2, 3]).await.as_of;
    // Of two who know of the same one, the second replaces that of the first; who cleared it is found out, too.
    set_since(&*other, as_of, &[(1, 6, Was::Due(NOW_US + 5)), (2, 21, Was::Due(NOW_US + 20))]).await;
    set_since(&*keep, as_of, &[(1, 7, Was::Due(NOW_US + 5))]).await;
    let cleared = vec![TimerId { customer: Customer(3), id: b"a".to_vec() }];
    keep.commit(Commit { as_of, cleared, ..commit() }).await.unwrap();
    set_since(&*other, as_of, &[(3, 32, Was::Due(NOW_US + 31))]).await;
    let due = keep.due(0, take(NOW_US + 100, 10)).await.unwrap();
    let found: Vec<_> = due.iter().map(|due| (due.timer.customer.0, due.timer.due_us - NOW_US)).collect();
    assert_eq!(found, [(1, 7), (2, 21), (3, 32)], "each once");
    keep.commit(Commit { fired: fired(&due), ..commit() }).await.unwrap();
    assert_eq!(keep.due(0, take(NOW_US + 100 * SECOND_US, 10)).await.unwrap(), vec![]);
}

pub(crate) async fn a_timer_that_was_replaced_does_not_fire(home: &mut Home) {
    let keep = home.keep();
    set(&*keep, vec![timer(1, "a", NOW_US), timer(2, "b", NOW_US), timer(3, "c", NOW_US)]).await;
    let due = keep.due(0, take(NOW_US, 10)).await.unwrap();
    set(&*keep, vec![timer(1, "a", NOW_US)]).await;
    let cleared = vec![TimerId { customer: Customer(2), id: b"b".to_vec() }];
    keep.commit(Commit { cleared, ..commit() }).await.unwrap();
    let lost = conflict(keep.commit(Commit { fired: fired(&due), ..commit() }).await);
    assert_eq!(lost.fired.iter().map(|timer| timer.customer.0).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(names(&keep.due(0, take(NOW_US, 10)).await.unwrap()), ["1 a"], "the new one is due, and free");
    let made_up = Fired { customer: Customer(3), id: b"c".to_vec(), lease: Lease(u64::from(u32::MAX)) };
    conflict(keep.commit(Commit { fired: vec![made_up], ..commit() }).await);
}

pub(crate) async fn a_timer_that_fired_may_be_set_again_in_the_same_commit(home: &mut Home) {
    let keep = home.keep();
    set(&*keep, vec![timer(1, "a", NOW_US)]).await;
    for n in 1..4 {
        let due = keep.due(0, take(NOW_US + n, 10)).await.unwrap();
        assert_eq!(due.len(), 1);
        keep.commit(Commit { fired: fired(&due), timers: vec![timer(1, "a", NOW_US + n + 1)], ..commit() })
            .await
            .unwrap();
    }
    assert_eq!(keep.due(0, take(NOW_US + 3, 10)).await.unwrap(), vec![]);
}

pub(crate) async fn what_a_dead_node_had_taken_is_free_when_its_lease_ends(home: &mut Home) {
    let (dead, alive) = (home.keep(), home.another());
    set(&*dead, vec![timer(1, "a", NOW_US)]).await;
    let taken = dead.due(0, take(NOW_US, 10)).await.unwrap();
    assert_eq!(alive.due(0, take(NOW_US + 29 * SECOND_US, 10)).await.unwrap(), vec![]);
    let again = alive.due(0, take(NOW_US + 31 * SECOND_US, 10)).await.unwrap();
    assert_eq!(names(&again), ["1 a"]);
    // It was not dead, only slow: too late all the same.
    let late = conflict(dead.commit(Commit { fired: fired(&taken), ..commit() }).await);
    assert_eq!(late.fired.len(), 1);
    alive.commit(Commit { fired: fired(&again), ..commit() }).await.unwrap();
    assert_eq!(alive.due(0, take(NOW_US + 100 * SECOND_US, 10)).await.unwrap(), vec![]);
}

pub(crate) async fn a_timer_before_those_that_were_first_is_found(home: &mut Home) {
    let keep = home.keep();
    set(&*keep, vec![timer(1, "a", NOW_US), timer(2, "b", NOW_US + 50)]).await;
    let due = keep.due(0, take(NOW_US, 10)).await.unwrap();
    keep.commit(Commit { fired: fired(&due), ..commit() }).await.unwrap();
    assert_eq!(keep.due(0, take(NOW_US, 10)).await.unwrap(), vec![]);
    set(&*keep, vec![timer(3, "c", NOW_US - 100)]).await;
    assert_eq!(names(&keep.due(0, take(NOW_US, 10)).await.unwrap()), ["3 c"]);
    assert_eq!(names(&keep.due(0, take(NOW_US + 50, 10)).await.unwrap()), ["2 b"]);
}

pub(crate) async fn a_backlog_of_timers_is_worked_off_in_pages(home: &mut Home) {
    const TIMERS: i64 = 6_000;
    let (keep, other) = (home.keep(), home.another());
    for from in (0..TIMERS).step_by(2_000) {
        set(&*keep, (from..from + 2_000).map(|n| timer(n, "t", NOW_US - n)).collect()).await;
    }
    let mut seen = BTreeSet::new();
    let mut count = 0;
    for page in 0.. {
        let node = if page % 2 == 0 { &keep } else { &other };
        let due = node.due(0, take(NOW_US, 500)).await.unwrap();
        if due.is_empty() {
            break;
        }
        assert!(due.is_sorted_by_key(|due| due.timer.due_us));
        count += due.len();
        seen.extend(due.iter().map(|due| due.timer.customer.0));
        node.commit(Commit { fired: fired(&due), ..commit() }).await.unwrap();
    }
    assert_eq!((count, seen.len()), (6_000, 6_000), "each once");
}
