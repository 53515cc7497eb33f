//! Keys, numbers and links.

use std::collections::BTreeSet;

use keep::{Commit, Customer, KeyNumber, Link, Wanted};

use super::{commit, conflict, key};
use crate::homes::Home;

pub(crate) async fn keys_have_one_number_and_may_change_their_customer(home: &mut Home) {
    let keep = home.keep();
    let keys = vec![key(0, 0, "a"), key(1, 0, "b"), key(2, 2, "c")];
    keep.commit(Commit { keys: keys.clone(), ..commit() }).await.unwrap();
    assert_eq!(
        keep.keys(&[KeyNumber(2), KeyNumber(0), KeyNumber(7)]).await.unwrap(),
        [keys[0].clone(), keys[2].clone()]
    );
    assert_eq!(keep.keys_of(&[Customer(2), Customer(0)]).await.unwrap(), keys);
    for taken in [key(3, 3, "a"), key(1, 1, "d")] {
        let known = keep.commit(Commit { keys: vec![taken.clone(), key(9, 9, "z")], ..commit() }).await;
        assert_eq!(conflict(known).keys, [taken.bytes], "a key has one number, a number one key");
    }
    // A merge: `c` and `b` are one person's.
    keep.commit(Commit { keys: vec![key(1, 2, "b")], ..commit() }).await.unwrap();
    assert_eq!(keep.keys_of(&[Customer(0)]).await.unwrap(), [key(0, 0, "a")]);
    assert_eq!(keep.keys_of(&[Customer(2)]).await.unwrap(), [key(1, 2, "b"), key(2, 2, "c")]);
    let every = keep.every_key(None, 2).await.unwrap();
    assert_eq!(every, [key(0, 0, "a"), key(1, 2, "b")]);
    assert_eq!(keep.every_key(Some(KeyNumber(1)), 2).await.unwrap(), [key(2, 2, "c")]);
    let loaded = keep.load(&Wanted { keys: vec![b"b".to_vec(), b"z".to_vec()], ..Wanted::default() }).await.unwrap();
    assert_eq!(loaded.keys, [Some((KeyNumber(1), Customer(2))), None]);
}

fn link(low: u32, high: u32, undo: bool, at_us: i64) -> Link {
    Link { low: KeyNumber(low), high: KeyNumber(high), undo, at_us }
}

pub(crate) async fn links_are_evidence_with_the_earliest_time(home: &mut Home) {
    let keep = home.keep();
    let links = vec![link(0, 1, false, 50), link(1, 2, false, 70), link(0, 300, false, -5)];
    keep.commit(Commit { links, ..commit() }).await.unwrap();
    keep.commit(Commit { links: vec![link(0, 1, false, 60), link(1, 2, false, 65)], ..commit() }).await.unwrap();
    keep.commit(Commit { links: vec![link(0, 1, true, 80)], ..commit() }).await.unwrap();
    let of = async |keys: &[u32], limit| {
        let keys: Vec<_> = keys.iter().copied().map(KeyNumber).collect();
        keep.links(&keys, limit).await.unwrap()
    };
    assert_eq!(of(&[1], 10).await, [link(0, 1, false, 50), link(0, 1, true, 80), link(1, 2, false, 65)]);
    assert_eq!(of(&[300], 10).await, [link(0, 300, false, -5)]);
    let all = [link(0, 1, false, 50), link(0, 1, true, 80), link(0, 300, false, -5), link(1, 2, false, 65)];
    assert_eq!(of(&[2, 0, 1], 10).await, all, "each once");
    assert_eq!(of(&[0, 1, 2], 2).await.len(), 2);
    assert_eq!(of(&[9], 10).await, vec![]);
    let after = async |after, limit| keep.every_link(after, limit).await.unwrap();
    assert_eq!(after(None, 3).await, all[..3]);
    assert_eq!(after(Some(all[0]), 9).await, all[1..]);
    assert_eq!(after(Some(all[3]), 9).await, vec![]);
    keep.commit(Commit { links: vec![link(4, 5, true, 80)], ..commit() }).await.unwrap();
    let pairs = [(1, 2), (4, 5), (0, 1), (2, 3), (0, 300), (1, 2)].map(|(low, high)| (KeyNumber(low), KeyNumber(high)));
    let found = [Some(65), None, Some(50), None, Some(-5), Some(65)];
    assert_eq!(keep.evidence(&pairs).await.unwrap(), found, "what is said against a link is none");
    assert_eq!(keep.evidence(&[]).await.unwrap(), []);
}

pub(crate) async fn numbers_are_given_once(home: &mut Home) {
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..10 {
        let keep = if n % 2 == 0 { home.keep() } else { home.another() };
        tasks.spawn(async move { keep.reserve(7, None).await.unwrap().collect::<Vec<_>>() });
    }
    let all: Vec<u32> = tasks.join_all().await.into_iter().flatten().collect();
    let distinct: BTreeSet<u32> = all.iter().copied().collect();
    assert_eq!((all.len(), distinct.len()), (70, 70));
    let keep = home.keep();
    let above = keep.reserve(2, Some(KeyNumber(1_000_000))).await.unwrap();
    assert_eq!(above, 1_000_001..1_000_003);
    assert!(keep.reserve(1, None).await.unwrap().start >= 1_000_003);
    assert!(keep.reserve(1, Some(KeyNumber(u32::MAX))).await.is_err());
    keep.commit(Commit { keys: vec![key(1_000_002, 1, "k")], ..commit() }).await.unwrap();
    home.restart().await;
    assert!(home.keep().reserve(1, None).await.unwrap().start >= 1_000_003, "what was used is not given again");
}
