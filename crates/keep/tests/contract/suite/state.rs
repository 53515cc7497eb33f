//! Messages, states and records.

use keep::{Change, Commit, Conflict, Customer, Error, RecordChange, StateChange, Version, Wanted};

use super::{NOW_US, SECOND_US, commit, conflict, entry, id, key, load_customers, put, state, timer};
use crate::homes::{Home, KNOWN_US};

pub(crate) async fn nothing_is_known_at_first(home: &mut Home) {
    let keep = home.keep();
    let wanted =
        Wanted { messages: vec![id("a")], keys: vec![b"k".to_vec()], customers: vec![Customer(5)], generation: 0 };
    let loaded = keep.load(&wanted).await.unwrap();
    assert_eq!((loaded.known, loaded.keys), (vec![false], vec![None]));
    assert_eq!(loaded.states.len(), 1);
    assert_eq!((loaded.states[0].version, loaded.states[0].bytes.len()), (Version::NONE, 0));
    assert_eq!(keep.log_span().await.unwrap(), 0..0);
    assert_eq!(keep.log(0, 10).await.unwrap(), vec![]);
    assert_eq!(keep.queues().await.unwrap(), vec![]);
}

pub(crate) async fn what_was_committed_is_loaded(home: &mut Home) {
    let keep = home.keep();
    let first = keep
        .commit(Commit {
            messages: vec![id("m1")],
            entries: vec![entry(0, "one")],
            states: vec![put(0, Version::NONE, "s0"), put(3, Version::NONE, "s3")],
            keys: vec![key(0, 0, "user:ann"), key(1, 0, "email:ann@example.org"), key(3, 3, "user:bob")],
            ..commit()
        })
        .await
        .unwrap();
    assert_eq!(first.position, 0);
    let wanted = Wanted {
        messages: vec![id("m1"), id("m2")],
        keys: ["email:ann@example.org", "nobody", "user:ann", "user:bob"].map(|key| key.as_bytes().to_vec()).to_vec(),
        customers: vec![Customer(9), Customer(0)],
        generation: 0,
    };
    let loaded = keep.load(&wanted).await.unwrap();
    assert_eq!(loaded.known, [true, false]);
    let customers: Vec<_> =
        loaded.keys.iter().map(|found| found.map(|(number, customer)| (number.0, customer.0))).collect();
    assert_eq!(customers, [Some((1, 0)), None, Some((0, 0)), Some((3, 3))]);
    let states: Vec<_> = loaded.states.iter().map(|s| (s.customer.0, s.version, s.bytes.as_slice())).collect();
    assert_eq!(states, [(0, first.version, &b"s0"[..]), (3, first.version, b"s3"), (9, Version::NONE, b"")]);
}

pub(crate) async fn a_message_is_taken_in_once(home: &mut Home) {
    let keep = home.keep();
    keep.commit(Commit { messages: vec![id("a"), id("b")], ..commit() }).await.unwrap();
    let again =
        keep.commit(Commit { messages: vec![id("b"), id("c")], states: vec![put(1, Version::NONE, "x")], ..commit() });
    assert_eq!(conflict(again.await), Conflict { messages: vec![id("b")], ..Conflict::default() });
    let loaded = keep.load(&Wanted { messages: vec![id("a"), id("b"), id("c")], ..Wanted::default() }).await.unwrap();
    assert_eq!(loaded.known, [true, true, false]);
}

pub(crate) async fn of_many_who_bring_a_message_one_wins(home: &mut Home) {
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..16 {
        let keep = if n % 2 == 0 { home.keep() } else { home.another() };
        tasks.spawn(async move {
            let one = Commit { messages: vec![id("the one")], entries: vec![entry(n, "the one")], ..commit() };
            keep.commit(one).await
        });
    }
    let results = tasks.join_all().await;
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
    results.into_iter().filter(Result::is_err).for_each(|lost| assert_eq!(conflict(lost).messages, [id("the one")]));
    assert_eq!(home.keep().log_span().await.unwrap(), 0..1);
}

pub(crate) async fn messages_are_forgotten_when_their_time_is_over(home: &mut Home) {
    let keep = home.keep();
    let known = async |message: &str| {
        keep.load(&Wanted { messages: vec![id(message)], ..Wanted::default() }).await.unwrap().known[0]
    };
    let at = |seconds: i64, message: &str| Commit {
        now_us: NOW_US + seconds * SECOND_US,
        messages: vec![id(message)],
        ..commit()
    };
    keep.commit(at(0, "first")).await.unwrap();
    keep.commit(at(KNOWN_US / SECOND_US - 1, "second")).await.unwrap();
    assert!(known("first").await, "it is known for as long as was asked for");
    assert!(conflict(keep.commit(at(KNOWN_US / SECOND_US - 1, "first")).await).messages == [id("first")]);
    keep.commit(at(KNOWN_US / SECOND_US + 20, "third")).await.unwrap();
    assert!(!known("first").await, "and not for much longer");
    assert!(known("second").await && known("third").await);
    keep.commit(at(KNOWN_US / SECOND_US + 20, "first")).await.expect("it is new again");
}

pub(crate) async fn nobody_overwrites_what_was_not_loaded(home: &mut Home) {
    let (keep, other) = (home.keep(), home.another());
    let first = keep.commit(Commit { states: vec![put(1, Version::NONE, "one")], ..commit() }).await.unwrap();
    let second = other.commit(Commit { states: vec![put(1, first.version, "two")], ..commit() }).await.unwrap();
    assert_ne!(first.version, second.version);
    for stale in [Version::NONE, first.version] {
        let late = Commit { states: vec![put(1, stale, "late"), put(2, Version::NONE, "two")], ..commit() };
        assert_eq!(conflict(keep.commit(late).await).customers, [Customer(1)]);
    }
    let absent = keep.commit(Commit { states: vec![put(7, first.version, "x")], ..commit() }).await;
    assert_eq!(conflict(absent).customers, [Customer(7)]);
    assert_eq!(state(&*keep, 1).await, (second.version, "two".to_owned()));
    assert_eq!(state(&*keep, 2).await.0, Version::NONE);
}

pub(crate) async fn a_conflict_leaves_nothing_behind(home: &mut Home) {
    let keep = home.keep();
    keep.commit(Commit { messages: vec![id("known")], ..commit() }).await.unwrap();
    let all = Commit {
        messages: vec![id("known"), id("new")],
        entries: vec![entry(1, "e")],
        states: vec![put(1, Version::NONE, "s")],
        keys: vec![key(0, 1, "k")],
        links: vec![keep::Link { low: keep::KeyNumber(0), high: keep::KeyNumber(1), undo: false, at_us: 5 }],
        timers: vec![timer(1, "t", 0)],
        posts: vec![super::outbox::post("crm", "d", 0)],
        paused: vec![("crm".to_owned(), true)],
        records: vec![RecordChange { name: "r".to_owned(), expected: None, bytes: Some(vec![1]) }],
        ..commit()
    };
    conflict(keep.commit(all).await);
    let wanted =
        Wanted { messages: vec![id("new")], keys: vec![b"k".to_vec()], customers: vec![Customer(1)], generation: 0 };
    let loaded = keep.load(&wanted).await.unwrap();
    assert_eq!((loaded.known[0], loaded.keys[0], loaded.states[0].version), (false, None, Version::NONE));
    assert_eq!(keep.log_span().await.unwrap(), 0..0);
    assert_eq!(keep.links(&[keep::KeyNumber(0)], 10).await.unwrap(), vec![]);
    assert_eq!(keep.due(0, super::take(NOW_US, 10)).await.unwrap(), vec![]);
    assert_eq!(keep.queues().await.unwrap(), vec![]);
    assert_eq!(keep.records("", None, 10).await.unwrap(), vec![]);
}

pub(crate) async fn a_state_may_be_relied_on_without_changing_it(home: &mut Home) {
    let keep = home.keep();
    let first = keep.commit(Commit { states: vec![put(1, Version::NONE, "one")], ..commit() }).await.unwrap();
    let hold = |expected| StateChange { customer: Customer(1), expected, change: Change::Hold };
    keep.commit(Commit { states: vec![hold(first.version), put(2, Version::NONE, "two")], ..commit() }).await.unwrap();
    assert_eq!(state(&*keep, 1).await, (first.version, "one".to_owned()));
    let stale = Commit { states: vec![hold(Version::NONE), put(3, Version::NONE, "three")], ..commit() };
    assert_eq!(conflict(keep.commit(stale).await).customers, [Customer(1)]);
    assert_eq!(load_customers(&*keep, &[3]).await.states[0].version, Version::NONE);
}

pub(crate) async fn a_state_that_came_back_is_another_one(home: &mut Home) {
    let keep = home.keep();
    let first = keep.commit(Commit { states: vec![put(1, Version::NONE, "a")], ..commit() }).await.unwrap();
    let delete = StateChange { customer: Customer(1), expected: first.version, change: Change::Delete };
    keep.commit(Commit { states: vec![delete], ..commit() }).await.unwrap();
    assert_eq!(state(&*keep, 1).await, (Version::NONE, String::new()));
    let back = keep.commit(Commit { states: vec![put(1, Version::NONE, "a")], ..commit() }).await.unwrap();
    assert_ne!(back.version, first.version, "whoever loaded the first one would not see that it was gone meanwhile");
}

pub(crate) async fn states_are_read_in_pages(home: &mut Home) {
    let keep = home.keep();
    let states = [-3, 0, 1, 2, 255, 256, 70_000].map(|n| put(n, Version::NONE, &n.to_string()));
    keep.commit(Commit { states: states.to_vec(), ..commit() }).await.unwrap();
    let mut seen = Vec::new();
    let mut after = None;
    loop {
        let page = keep.states(0, after, 3).await.unwrap();
        assert!(page.len() <= 3);
        let Some(last) = page.last() else { break };
        after = Some(last.customer);
        seen.extend(page.into_iter().map(|stored| (stored.customer.0, String::from_utf8(stored.bytes).unwrap())));
    }
    assert_eq!(seen, [-3, 0, 1, 2, 255, 256, 70_000].map(|n| (n, n.to_string())));
}

pub(crate) async fn generations_do_not_see_each_other(home: &mut Home) {
    let keep = home.keep();
    let of = |generation, text: &str| Commit {
        generation,
        states: vec![put(1, Version::NONE, text)],
        timers: vec![timer(1, text, NOW_US)],
        ..commit()
    };
    keep.commit(of(0, "old")).await.unwrap();
    keep.commit(of(1, "new")).await.unwrap();
    let text = async |generation| {
        let wanted = Wanted { generation, customers: vec![Customer(1)], ..Wanted::default() };
        String::from_utf8(keep.load(&wanted).await.unwrap().states[0].bytes.clone()).unwrap()
    };
    assert_eq!((text(0).await, text(1).await, text(2).await), ("old".to_owned(), "new".to_owned(), String::new()));
    keep.drop_generation(0).await.unwrap();
    assert_eq!((text(0).await, text(1).await), (String::new(), "new".to_owned()));
    assert_eq!(keep.due(0, super::take(NOW_US, 10)).await.unwrap(), vec![]);
    assert_eq!(keep.due(1, super::take(NOW_US, 10)).await.unwrap()[0].timer.id, b"new");
    keep.commit(of(0, "again")).await.expect("a generation may come back");
    assert_eq!(text(0).await, "again");
    assert_eq!(keep.due(0, super::take(NOW_US, 10)).await.unwrap()[0].timer.id, b"again");
}

fn record(name: &str, expected: Option<Version>, bytes: Option<&str>) -> Commit {
    let bytes = bytes.map(|bytes| bytes.as_bytes().to_vec());
    Commit { records: vec![RecordChange { name: name.to_owned(), expected, bytes }], ..commit() }
}

pub(crate) async fn records_change_when_they_are_as_expected(home: &mut Home) {
    let keep = home.keep();
    let first = keep.commit(record("exported", Some(Version::NONE), Some("1"))).await.unwrap();
    let stale = keep.commit(record("exported", Some(Version::NONE), Some("2"))).await;
    assert_eq!(conflict(stale).records, ["exported"]);
    let second = keep.commit(record("exported", Some(first.version), Some("3"))).await.unwrap();
    let found = keep.records("exported", None, 10).await.unwrap();
    assert_eq!((found[0].version, found[0].bytes.as_slice()), (second.version, &b"3"[..]));
    keep.commit(record("exported", None, Some("4"))).await.expect("nothing is expected");
    keep.commit(record("exported", None, None)).await.unwrap();
    assert_eq!(keep.records("", None, 10).await.unwrap(), vec![]);
    conflict(keep.commit(record("exported", Some(second.version), Some("5"))).await);
}

pub(crate) async fn records_are_listed_by_prefix(home: &mut Home) {
    let keep = home.keep();
    for name in ["audit/2", "model/a", "audit/1", "audit", "audit/3", "auditor", "a%"] {
        keep.commit(record(name, None, Some(name))).await.unwrap();
    }
    let names = async |prefix: &str, after: Option<&str>, limit| {
        let page = keep.records(prefix, after, limit).await.unwrap();
        page.into_iter().map(|record| record.name).collect::<Vec<_>>()
    };
    assert_eq!(names("audit/", None, 2).await, ["audit/1", "audit/2"]);
    assert_eq!(names("audit/", Some("audit/2"), 2).await, ["audit/3"]);
    assert_eq!(names("", None, 10).await, ["a%", "audit", "audit/1", "audit/2", "audit/3", "auditor", "model/a"]);
    assert_eq!(names("a%", None, 10).await, ["a%"]);
    assert_eq!(names("b", None, 10).await, Vec::<String>::new());
}

pub(crate) async fn what_is_too_large_is_refused(home: &mut Home) {
    let keep = home.keep();
    let long = "x".repeat(keep::limits::KEY_BYTES_MAX);
    keep.commit(Commit { keys: vec![key(0, 0, &long)], ..commit() }).await.expect("the largest key fits");
    let longer = Commit { keys: vec![key(1, 1, &format!("{long}x"))], messages: vec![id("m")], ..commit() };
    assert!(matches!(keep.commit(longer).await, Err(Error::TooLarge { what: "a key", .. })));
    let large = vec![0; keep::limits::VALUE_BYTES_MAX + 1];
    let change = StateChange { customer: Customer(1), expected: Version::NONE, change: Change::Put(large) };
    assert!(matches!(keep.commit(Commit { states: vec![change], ..commit() }).await, Err(Error::TooLarge { .. })));
    for empty in [
        Commit { keys: vec![key(1, 1, "")], ..commit() },
        Commit { posts: vec![super::outbox::post("crm", "", 0)], ..commit() },
        Commit { paused: vec![(String::new(), true)], ..commit() },
        record("", None, None),
        record("zero \0 byte", None, None),
    ] {
        assert!(matches!(keep.commit(empty).await, Err(Error::Invalid { .. })));
    }
    let known = keep.load(&Wanted { messages: vec![id("m")], ..Wanted::default() }).await.unwrap().known;
    assert_eq!(known, [false]);
}
