//! The shared home: the whole contract, and what happens when the server or a node goes away in the middle.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use keep::{Commit, Customer, Error, Fate, Fired, Keep, Key, MessageId, Take, Version, Wanted};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::homes;
use crate::suite::{NOW_US, SECOND_US, commit, entry, key, put, state, timer};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_whole_contract_holds() {
    let Some(server) = testkit::Postgres::start().map(Arc::new) else { return };
    for (name, case) in crate::cases() {
        eprintln!("{name}");
        let mut home = homes::postgres(&server, name).await;
        case(&mut home).await;
    }
}

#[tokio::test]
async fn an_address_that_is_none_and_a_server_that_is_not_there_are_told_apart() {
    let connect = async |url: &str| keep::Postgres::connect(url, 1).await.expect_err("there is nothing");
    assert!(matches!(connect("postgres:/nowhere").await, Error::Invalid { .. }));
    assert!(matches!(connect("postgres://a@127.0.0.1:1/b").await, Error::Unavailable { .. }));
    assert!(matches!(connect("postgres://a@127.0.0.1:1/b?sslmode=require").await, Error::Invalid { .. }));
}

#[tokio::test]
async fn another_format_is_refused() {
    let Some(server) = testkit::Postgres::start() else { return };
    let url = server.schema("newer");
    homes::connect(&url).await.close().await;
    server.sql("update newer.head set format = 8");
    let refused = keep::Postgres::connect(&url, homes::KNOWN_US).await.expect_err("it is newer");
    assert!(matches!(refused, Error::NewerFormat { found: 8, known: 7 }));
    server.sql("update newer.head set format = 6");
    let refused = keep::Postgres::connect(&url, homes::KNOWN_US).await.expect_err("it is older");
    assert!(matches!(refused, Error::OlderFormat { found: 6, known: 7 }));
}

#[tokio::test]
async fn clocks_are_compared_with_the_servers() {
    let Some(server) = testkit::Postgres::start() else { return };
    let keep = homes::connect(&server.schema("clock")).await;
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let now_us = i64::try_from(now.as_micros()).unwrap();
    // The server is on this machine: a clock that is an hour behind is found out to the second.
    let skew_us = keep.skew_us(now_us - 3600 * SECOND_US).await.unwrap();
    let off = |skew_us: &i64| (skew_us - 3600 * SECOND_US).abs();
    assert!(off(skew_us.start()).max(off(skew_us.end())) < 5 * SECOND_US, "{skew_us:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_nodes_that_meet_a_new_key_at_once_one_takes_it_in() {
    let Some(server) = testkit::Postgres::start() else { return };
    let url = server.schema("met");
    let nodes = [homes::connect(&url).await, homes::connect(&url).await];
    for round in 0..400_u32 {
        let meet = |node: u32| {
            let keys: Vec<Key> = (0..5_u32)
                .map(|n| {
                    let number = round * 10 + node * 5 + n;
                    key(number, number.into(), &format!("{round}/{n}"))
                })
                .collect();
            let states = keys.iter().map(|key| put(key.customer.0, Version::NONE, "met")).collect();
            nodes[node as usize].commit(Commit { keys, states, ..commit() })
        };
        let (one, other) = tokio::join!(meet(0), meet(1));
        assert!(one.is_ok() != other.is_ok(), "round {round}: {one:?} {other:?}");
    }
    let strays = "select count(*) from met.states where customer not in (select number from met.keys)";
    assert_eq!(server.sql(strays), ["0"], "who has a state has its key");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_erasures_at_once_none_brings_back_what_the_other_has_erased() {
    let Some(server) = testkit::Postgres::start() else { return };
    let url = server.schema("erasing");
    let nodes = [homes::connect(&url).await, homes::connect(&url).await];
    for _ in 0..20 {
        let entries = (0..2_000).map(|n| entry(n % 2, "of two in one commit")).collect();
        let first = nodes[0].commit(Commit { entries, ..commit() }).await.unwrap().position;
        let erase = async |node: usize| {
            let entries = (0..1_000).map(|n| (first + 2 * n + node as u64, Fate::Emptied)).collect();
            nodes[node].erase(&[], &BTreeSet::new(), &entries).await.unwrap().entries
        };
        assert_eq!(tokio::join!(erase(0), erase(1)), (1_000, 1_000));
        let log = nodes[0].log(first, 2_000).await.unwrap();
        assert_eq!(log.iter().filter(|logged| !logged.erased).count(), 0);
    }
}

/// One who writes as long as it may: counts up customers, each message brought until it is known.
async fn write(keep: Arc<dyn Keep>, writer: i64, stop: Arc<AtomicBool>, done: Arc<AtomicUsize>) -> i64 {
    let mut n = 0;
    while !stop.load(Ordering::Relaxed) {
        let message = MessageId::of(format!("{writer} {n}").as_bytes());
        loop {
            let wanted = Wanted { messages: vec![message], customers: vec![Customer(n % 3)], ..Wanted::default() };
            let Ok(loaded) = keep.load(&wanted).await else {
                tokio::time::sleep(Duration::from_millis(5)).await;
                continue;
            };
            if loaded.known[0] {
                // It was written, though nobody could say so.
                break;
            }
            let stored = &loaded.states[0];
            let count: u64 = std::str::from_utf8(&stored.bytes).unwrap().parse().unwrap_or(0);
            let next = Commit {
                messages: vec![message],
                entries: vec![entry(n % 3, &format!("{writer} {n}"))],
                states: vec![put(n % 3, stored.version, &(count + 1).to_string())],
                ..commit()
            };
            match keep.commit(next).await {
                Ok(_) => break,
                Err(Error::Conflict(_)) => {}
                Err(Error::Unavailable { .. } | Error::Busy) => tokio::time::sleep(Duration::from_millis(5)).await,
                Err(error) => panic!("{error:?}"),
            }
        }
        n += 1;
        done.fetch_add(1, Ordering::Relaxed);
    }
    n
}

/// Everything that was answered is there once, and each state counts its entries.
async fn assert_whole(keep: &dyn Keep, written: &[i64]) {
    let mut expected: Vec<String> = Vec::new();
    for (writer, count) in written.iter().enumerate() {
        expected.extend((0..*count).map(|n| format!("{writer} {n}")));
    }
    let mut log = Vec::new();
    let span = keep.log_span().await.unwrap();
    while (log.len() as u64) < span.end {
        log.extend(keep.log(log.len() as u64, 10_000).await.unwrap());
    }
    assert!(log.iter().zip(0..).all(|(logged, position)| logged.position == position));
    for customer in 0..3 {
        let entries = log.iter().filter(|logged| logged.customer.0 == customer).count();
        assert_eq!(state(keep, customer).await.1, entries.to_string());
    }
    let mut found: Vec<String> = log.into_iter().map(|logged| String::from_utf8(logged.bytes).unwrap()).collect();
    found.sort();
    expected.sort();
    assert!(found == expected, "{} entries, {} were answered", found.len(), expected.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_or_doubled_when_the_server_crashes_and_connections_are_cut() {
    let Some(mut server) = testkit::Postgres::start() else { return };
    let url = server.schema("cut");
    let (stop, done) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let mut writers = Vec::new();
    for writer in 0..4 {
        let keep = homes::connect(&url).await;
        writers.push(tokio::spawn(write(keep, writer, Arc::clone(&stop), Arc::clone(&done))));
    }
    for round in 0..6 {
        let before = done.load(Ordering::Relaxed);
        while done.load(Ordering::Relaxed) < before + 40 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        if round % 2 == 0 {
            let cut = "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'desireline'";
            assert!(!server.sql(cut).is_empty());
        } else {
            server = tokio::task::spawn_blocking(move || {
                server.crash_and_restart();
                server
            })
            .await
            .unwrap();
        }
    }
    stop.store(true, Ordering::Relaxed);
    let mut written = Vec::new();
    for writer in writers {
        written.push(writer.await.unwrap());
    }
    assert_whole(&*homes::connect(&url).await, &written).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_nodes_share_timers_and_none_fires_twice() {
    const TIMERS: i64 = 3_000;
    let Some(server) = testkit::Postgres::start() else { return };
    let url = server.schema("timers");
    let first = homes::connect(&url).await;
    let timers = (0..TIMERS).map(|n| timer(n, "t", NOW_US - n)).collect();
    first.commit(Commit { timers, ..commit() }).await.unwrap();
    let mut nodes = Vec::new();
    for node in 0..3 {
        let keep = homes::connect(&url).await;
        nodes.push(tokio::spawn(async move {
            let mut fired_here = 0;
            for page in 0.. {
                let take = Take { now_us: NOW_US, limit: 70, lease_us: SECOND_US };
                let due = keep.due(0, take).await.unwrap();
                if due.is_empty() {
                    break;
                }
                // One node forgets a page, as if it had been killed; its lease is over at a later time only.
                if node == 0 && page == 1 {
                    continue;
                }
                let fired = due.iter().map(|due| Fired {
                    customer: due.timer.customer,
                    id: due.timer.id.clone(),
                    lease: due.lease,
                });
                let entries = due.iter().map(|due| entry(due.timer.customer.0, "fired")).collect();
                fired_here += due.len();
                keep.commit(Commit { fired: fired.collect(), entries, ..commit() }).await.unwrap();
            }
            fired_here
        }));
    }
    let mut fired = Vec::new();
    for node in nodes {
        fired.push(node.await.unwrap());
    }
    let rest = first.due(0, Take { now_us: NOW_US + 2 * SECOND_US, limit: 1000, lease_us: SECOND_US }).await.unwrap();
    assert_eq!((fired.iter().sum::<usize>() + rest.len(), rest.len()), (3_000, 70), "{fired:?}");
    assert_eq!(first.log_span().await.unwrap(), 0..2_930);
    assert_eq!(state(&*first, 1).await.0, Version::NONE);
}

/// A way to a server, on which everything that goes on can be forgotten: not a byte comes through any more, and nobody is told.
async fn way(port: u16) -> (u16, watch::Sender<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let here = listener.local_addr().unwrap().port();
    let (forget, forgotten) = watch::channel(());
    tokio::spawn(async move {
        while let Ok((mut near, _)) = listener.accept().await {
            let mut forgotten = forgotten.clone();
            forgotten.mark_unchanged();
            tokio::spawn(async move {
                let mut far = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
                tokio::select! {
                    _ = tokio::io::copy_bidirectional(&mut near, &mut far) => {}
                    Ok(()) = forgotten.changed() => std::future::pending().await,
                }
            });
        }
    });
    (here, forget)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_way_to_the_server_that_is_gone_is_given_up_for_another() {
    let Some(server) = testkit::Postgres::start() else { return };
    let url = server.schema("way");
    let port = url.split(':').next_back().and_then(|rest| rest.split('/').next()).unwrap();
    let (here, forget) = way(port.parse().unwrap()).await;
    let keep = homes::connect(&url.replace(port, &here.to_string())).await;
    let appended = |text: &str| Commit { entries: vec![entry(1, text)], ..commit() };
    keep.commit(appended("before")).await.unwrap();
    // On every connection.
    for _ in 0..6 {
        assert_eq!(keep.log_span().await.unwrap(), 0..1);
    }
    forget.send(()).unwrap();
    let (written, read) = tokio::time::timeout(Duration::from_secs(25), async {
        tokio::join!(keep.commit(appended("lost")), keep.log_span())
    })
    .await
    .expect("neither waits for ever");
    assert!(matches!((&written, &read), (Err(Error::Unavailable { .. }), Err(Error::Unavailable { .. }))));
    let began = Instant::now();
    keep.commit(appended("after")).await.unwrap();
    for _ in 0..6 {
        assert_eq!(keep.log_span().await.unwrap(), 0..2);
    }
    assert!(began.elapsed() < Duration::from_secs(10), "all of them are given up at once: {:?}", began.elapsed());
}

/// Has something to itself by a statement that locks it, as who takes long in the server has, until it is dropped.
async fn hold(server: &testkit::Postgres, locks: &str) -> tokio_postgres::Client {
    let (client, connection) = tokio_postgres::connect(&server.url(), tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    client.batch_execute(&format!("begin; {locks}")).await.unwrap();
    client
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_takes_long_holds_up_nobody_and_is_not_given_up() {
    let Some(server) = testkit::Postgres::start() else { return };
    let url = server.schema("long");
    let keep = homes::connect(&url).await;
    keep.commit(Commit { messages: vec![MessageId::of(b"m1")], entries: vec![entry(1, "one")], ..commit() })
        .await
        .unwrap();
    let processes =
        || server.sql("select pid from pg_stat_activity where application_name = 'desireline' order by pid");
    // On every connection for reading.
    for _ in 0..6 {
        keep.log_span().await.unwrap();
    }
    let before = processes();
    assert_eq!(before.len(), 4);
    let held = [hold(&server, "lock table long.outbox").await, hold(&server, "lock table long.seen").await];
    let (counting, writing) = (Arc::clone(&keep), Arc::clone(&keep));
    let counted = tokio::spawn(async move { counting.queues().await });
    let next = Commit { messages: vec![MessageId::of(b"m2")], entries: vec![entry(1, "two")], ..commit() };
    let written = tokio::spawn(async move { writing.commit(next).await });
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(17) {
        let asked = Instant::now();
        assert_eq!(keep.log_span().await.unwrap(), 0..1);
        assert!(asked.elapsed() < Duration::from_secs(5), "nobody waits behind who counts");
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    assert!(!counted.is_finished() && !written.is_finished(), "they wait");
    drop(held);
    assert_eq!(counted.await.unwrap().unwrap().len(), 0);
    assert_eq!(written.await.unwrap().unwrap().position, 1);
    let after = processes();
    assert!(before.iter().all(|process| after.contains(process)), "none was given up: {before:?} {after:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_erasure_that_takes_long_holds_up_nobody() {
    let Some(server) = testkit::Postgres::start() else { return };
    let keep = homes::connect(&server.schema("slow")).await;
    let states = vec![put(1, Version::NONE, "one"), put(2, Version::NONE, "two")];
    keep.commit(Commit { states, entries: vec![entry(1, "one"), entry(2, "two")], ..commit() }).await.unwrap();
    // It gets no further in the log than here.
    let held = hold(&server, "select from slow.log for update").await;
    let erasing = Arc::clone(&keep);
    let fates = [(0, Fate::Emptied)].into();
    let erased = tokio::spawn(async move { erasing.erase(&[Customer(1)], &BTreeSet::new(), &fates).await });
    while server.sql("select count(*) from pg_locks where not granted") == ["0"] {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let version = async |customer| state(&*keep, customer).await.0;
    let states = vec![put(1, version(1).await, "one more"), put(2, version(2).await, "two more")];
    let written = tokio::time::timeout(Duration::from_secs(10), keep.commit(Commit { states, ..commit() })).await;
    written.expect("it waits for nobody").unwrap();
    drop(held);
    let erased = erased.await.unwrap().unwrap();
    assert_eq!((erased.states, erased.entries), (1, 1));
    assert_eq!((state(&*keep, 1).await.1.as_str(), state(&*keep, 2).await.1.as_str()), ("", "two more"));
}
