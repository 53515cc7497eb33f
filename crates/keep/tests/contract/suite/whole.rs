//! Cases about everything at once.

use std::collections::BTreeSet;

use keep::{
    Change, Commit, Conflict, Customer, Entry, Erased, Error, Keep, Key, KeyNumber, Link, MessageId, RecordChange,
    StateChange, Timer, Version, Wanted,
};

use super::outbox::post;
use super::{NOW_US, all_of, commit, conflict, entry, erase, id, key, put, state, take, timer};
use crate::homes::Home;
use crate::model;

/// Something of each kind for a customer.
fn everything(customer: i64) -> Commit {
    let number = u32::try_from(customer).unwrap();
    let named = |what: &str| format!("{what}-secret{customer}-");
    Commit {
        messages: vec![id(&named("message"))],
        entries: vec![entry(customer, &named("entry")), entry(99, "of another"), entry(customer, &named("more"))],
        states: vec![put(customer, Version::NONE, &named("state"))],
        keys: vec![key(number, customer, &named("key")), key(number + 1, customer, &named("other"))],
        links: vec![
            Link { low: KeyNumber(number), high: KeyNumber(number + 1), undo: false, at_us: 1 },
            Link { low: KeyNumber(5), high: KeyNumber(number), undo: true, at_us: 1 },
        ],
        timers: vec![Timer { bytes: named("timer").into_bytes(), ..timer(customer, &named("id"), NOW_US) }],
        posts: vec![keep::Post { customer: Customer(customer), ..post("crm", &named("delivery"), 1) }],
        ..commit()
    }
}

pub(crate) async fn erased_customers_are_nowhere(home: &mut Home) {
    let keep = home.keep();
    keep.reserve(22, None).await.unwrap();
    for customer in [10, 20] {
        keep.commit(everything(customer)).await.unwrap();
    }
    keep.commit(Commit {
        generation: 1,
        ..Commit { entries: vec![], messages: vec![], posts: vec![], ..everything(10) }
    })
    .await
    .unwrap();
    let erased = erase(&*keep, &[10, 77]).await;
    let keys: BTreeSet<Key> = erased.keys.iter().cloned().collect();
    assert_eq!(keys, everything(10).keys.into_iter().collect());
    assert_eq!(erased, Erased { states: 2, timers: 2, deliveries: 1, keys: erased.keys.clone(), links: 2, entries: 2 });
    assert_eq!(erase(&*keep, &[10]).await, Erased::default());

    assert_eq!(state(&*keep, 10).await.0, Version::NONE);
    assert_eq!(keep.keys_of(&[Customer(10)]).await.unwrap(), vec![]);
    assert_eq!(keep.links(&[KeyNumber(10), KeyNumber(11)], 9).await.unwrap(), vec![]);
    assert_eq!(keep.states(1, None, 9).await.unwrap(), vec![]);
    let log = keep.log(0, 100).await.unwrap();
    assert_eq!(log.iter().map(|logged| logged.position).collect::<Vec<_>>(), [0, 1, 2, 3, 4, 5], "positions stay");
    let erased: Vec<_> = log.iter().map(|logged| logged.erased).collect();
    assert_eq!(erased, [true, false, true, false, false, false]);
    assert_eq!((log[0].customer, log[0].at_us, log[0].bytes.len()), (Customer(0), 0, 0));

    assert_eq!(state(&*keep, 20).await.1, "state-secret20-");
    for others in [&[20][..], &[20, 21, 22]] {
        let keys = others.iter().copied().map(KeyNumber).collect();
        let entries = all_of(&*keep, &[20]).await;
        let found = conflict(keep.erase(&[Customer(20)], &keys, &entries).await);
        let more = everything(20).keys.into_iter().filter(|key| !keys.contains(&key.number)).map(|key| key.bytes);
        assert_eq!(found, Conflict { keys: more.collect(), ..Conflict::default() });
    }
    assert_eq!(all_of(&*keep, &[20]).await.len(), 2, "nothing is written where they have other keys by now");
    assert_eq!(keep.keys_of(&[Customer(20)]).await.unwrap().len(), 2);
    assert_eq!(keep.links(&[KeyNumber(20)], 9).await.unwrap().len(), 2);
    assert_eq!(keep.due(0, take(NOW_US, 9)).await.unwrap().len(), 1);
    assert_eq!(keep.deliveries("crm", take(NOW_US, 9)).await.unwrap().len(), 1);
    let known =
        keep.load(&Wanted { messages: vec![id("message-secret10-")], ..Wanted::default() }).await.unwrap().known;
    assert_eq!(known, [true], "a message that was taken in does not come in again");
    erase(&*keep, &[20]).await;
    home.restart().await;
    assert_eq!(home.keep().keys(&[KeyNumber(20), KeyNumber(21)]).await.unwrap(), vec![]);
    assert!(home.keep().reserve(1, None).await.unwrap().start >= 22, "the numbers of erased keys are not given again");
}

pub(crate) async fn bytes_of_any_kind_are_kept(home: &mut Home) {
    let keep = home.keep();
    let odd: Vec<Vec<u8>> =
        vec![vec![1; 300], vec![0], vec![0, 0], vec![0xff; 5], b"'; drop table states; --".to_vec(), "ß\u{0}".into()];
    let keys: Vec<Key> = odd
        .iter()
        .zip(0..)
        .map(|(bytes, n)| Key { number: KeyNumber(n), customer: Customer(n.into()), bytes: bytes.clone() })
        .collect();
    let timers: Vec<Timer> =
        odd.iter().map(|bytes| Timer { id: bytes.clone(), bytes: bytes.clone(), ..timer(1, "", 1) }).collect();
    let posts: Vec<_> =
        odd.iter().map(|bytes| keep::Post { id: bytes.clone(), bytes: bytes.clone(), ..post("x", "", 1) }).collect();
    let entries: Vec<_> =
        odd.iter().map(|bytes| Entry { bytes: bytes.clone(), kind: 255, ..entry(i64::MIN, "") }).collect();
    let change =
        StateChange { customer: Customer(i64::MAX), expected: Version::NONE, change: Change::Put(odd[3].clone()) };
    let all = Commit { keys: keys.clone(), timers, posts, entries, states: vec![change], ..commit() };
    keep.commit(all).await.unwrap();
    let loaded = keep
        .load(&Wanted { keys: odd.clone(), customers: vec![Customer(i64::MAX)], ..Wanted::default() })
        .await
        .unwrap();
    assert!(loaded.keys.iter().zip(0..).all(|(found, n)| *found == Some((KeyNumber(n), Customer(n.into())))));
    assert_eq!(loaded.state(Customer(i64::MAX)).unwrap().bytes, odd[3]);
    assert_eq!(keep.keys(&(0..6).map(KeyNumber).collect::<Vec<_>>()).await.unwrap(), keys);
    let sorted = |mut all: Vec<Vec<u8>>| {
        all.sort();
        all
    };
    let due = keep.due(0, take(NOW_US, 9)).await.unwrap();
    assert_eq!(due.into_iter().map(|due| due.timer.id).collect::<Vec<_>>(), sorted(odd.clone()));
    let deliveries = keep.deliveries("x", take(NOW_US, 9)).await.unwrap();
    assert_eq!(deliveries.into_iter().map(|delivery| delivery.post.id).collect::<Vec<_>>(), sorted(odd.clone()));
    let log = keep.log(0, 9).await.unwrap();
    assert_eq!((log[0].kind, log[0].customer), (255, Customer(i64::MIN)));
    assert_eq!(log.into_iter().map(|logged| logged.bytes).collect::<Vec<_>>(), odd);
}

/// Adds one to the number that is a customer's state, as the engine would: load, step, commit, and again after a conflict.
async fn count_one(keep: &dyn Keep, customer: i64, message: MessageId) {
    loop {
        let wanted = Wanted { messages: vec![message], customers: vec![Customer(customer)], ..Wanted::default() };
        let loaded = keep.load(&wanted).await.unwrap();
        assert!(!loaded.known[0], "nobody else brings it");
        let stored = loaded.state(Customer(customer)).unwrap();
        let before: u64 = std::str::from_utf8(&stored.bytes).unwrap().parse().unwrap_or(0);
        let next = Commit {
            messages: vec![message],
            entries: vec![entry(customer, &(before + 1).to_string())],
            states: vec![put(customer, stored.version, &(before + 1).to_string())],
            ..commit()
        };
        match keep.commit(next).await {
            Ok(_) => return,
            Err(Error::Conflict(conflict)) => assert_eq!(conflict.customers, [Customer(customer)]),
            Err(error) => panic!("{error:?}"),
        }
    }
}

pub(crate) async fn many_at_once_lose_nothing(home: &mut Home) {
    const TASKS: u64 = 12;
    const EACH: u64 = 15;
    let mut tasks = tokio::task::JoinSet::new();
    for task in 0..TASKS {
        let keep = if task % 2 == 0 { home.keep() } else { home.another() };
        tasks.spawn(async move {
            for n in 0..EACH {
                let message = id(&format!("{task} {n}"));
                count_one(&*keep, i64::try_from((task + n) % 4).unwrap(), message).await;
            }
        });
    }
    tasks.join_all().await;
    let keep = home.keep();
    let mut sum = 0;
    for customer in 0..4 {
        sum += state(&*keep, customer).await.1.parse::<u64>().unwrap();
    }
    assert_eq!(sum, TASKS * EACH);
    let log = keep.log(0, 10_000).await.unwrap();
    assert_eq!(log.len() as u64, TASKS * EACH);
    for customer in 0..4 {
        let counts: Vec<u64> = log
            .iter()
            .filter(|l| l.customer.0 == customer)
            .map(|l| String::from_utf8_lossy(&l.bytes).parse().unwrap())
            .collect();
        assert!(
            counts.iter().copied().eq(1..=counts.len() as u64),
            "the log has each customer's entries in the order of commits"
        );
    }
}

pub(crate) async fn everything_is_there_after_a_restart(home: &mut Home) {
    let record = RecordChange { name: "charter".to_owned(), expected: None, bytes: Some(b"7".to_vec()) };
    home.keep().commit(Commit { records: vec![record], ..everything(10) }).await.unwrap();
    home.keep().commit(everything(20)).await.unwrap();
    let before = model::Picture::take(&*home.keep()).await;
    home.restart().await;
    assert_eq!(model::Picture::take(&*home.keep()).await, before);
    let keep = home.keep();
    let next = keep.commit(Commit { entries: vec![entry(1, "next")], ..commit() }).await.unwrap();
    assert_eq!(next.position, 6);
    assert!(next.version > before.newest_version(), "no version comes again");
}

pub(crate) async fn random_commits_have_the_effect_of_the_model(home: &mut Home) {
    for seed in 0..3 {
        model::run(home, seed, 60).await;
    }
}
