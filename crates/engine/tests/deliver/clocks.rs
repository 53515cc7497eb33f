//! Two nodes whose clocks differ.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use engine::deliver::{Answer, Outbox, Put, Request, Target, Wire};
use engine::{Clock, HomeClock, SystemClock};
use keep::{Commit, Customer, Keep, Post};
use tokio::sync::Semaphore;

use crate::setting::SECOND_US;

/// The clock of this machine, as one would have it that is ahead.
#[derive(Debug)]
struct Ahead;

impl Clock for Ahead {
    fn now_us(&self) -> i64 {
        SystemClock.now_us() + 61 * SECOND_US
    }
}

/// A target that takes its time.
#[derive(Debug)]
struct Slow {
    requests: AtomicUsize,
    begun: Semaphore,
    ended: Semaphore,
}

#[async_trait]
impl Wire for Slow {
    async fn send(&self, _target: &Target, _request: &Request<'_>) -> Answer {
        self.requests.fetch_add(1, Ordering::Relaxed);
        self.begun.add_permits(1);
        self.ended.acquire().await.unwrap().forget();
        Answer::Status { status: 204, retry_after: None, text: String::new() }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_has_taken_is_not_sent_by_another_whose_clock_is_ahead() {
    let Some(server) = testkit::Postgres::start() else { return };
    let url = server.schema("clocks");
    let wire = Arc::new(Slow { requests: AtomicUsize::new(0), begun: Semaphore::new(0), ended: Semaphore::new(0) });
    let node = async |own: Arc<dyn Clock>| {
        let keep: Arc<dyn Keep> = Arc::new(keep::Postgres::connect(&url, 30 * SECOND_US).await.unwrap());
        let clock = Arc::new(HomeClock::new(own));
        clock.put_right(&*keep).await.unwrap();
        (Arc::clone(&keep), Outbox::new(keep, clock, Arc::<Slow>::clone(&wire)))
    };
    let ((keep, one), (_, other)) = (node(Arc::new(SystemClock)).await, node(Arc::new(Ahead)).await);
    let put = Put { name: "crm".to_owned(), url: "https://crm.example".to_owned(), allow: Vec::new(), secret: None };
    one.put(put, &[]).await.unwrap();
    let now_us = SystemClock.now_us();
    let (target, id, bytes) = ("crm".to_owned(), b"msg_1".to_vec(), b"{}".to_vec());
    let posts = vec![Post { target, id, customer: Customer(1), due_us: now_us, bytes }];
    keep.commit(Commit { now_us, posts, ..Commit::default() }).await.unwrap();
    let meanwhile = async {
        wire.begun.acquire().await.unwrap().forget();
        // One that sent it too would wait for its answer.
        let sent = tokio::select! {
            sent = other.deliver_due() => sent.unwrap(),
            _ = wire.begun.acquire() => 1,
        };
        wire.ended.add_permits(2);
        sent
    };
    let (sent, again) = tokio::join!(one.deliver_due(), meanwhile);
    assert_eq!((sent.unwrap(), again, wire.requests.load(Ordering::Relaxed)), (1, 0, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_is_long_on_its_way_does_not_move_the_clock() {
    let Some(server) = testkit::Postgres::start().map(Arc::new) else { return };
    let keep = Arc::new(keep::Postgres::connect(&server.schema("late"), 30 * SECOND_US).await.unwrap());
    let clock = HomeClock::new(Arc::new(SystemClock));
    clock.put_right(&*keep).await.unwrap();
    // Whatever is asked on any connection waits behind this.
    let holding = Arc::clone(&server);
    let held = tokio::task::spawn_blocking(move || holding.sql("begin; lock table late.keys; select pg_sleep(4)"));
    let locks = "select count(*) from pg_locks where relation = 'late.keys'::regclass and granted";
    while server.sql(locks) != ["1"] {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let waiting: Vec<_> = (0..6)
        .map(|_| {
            let keep = Arc::clone(&keep);
            tokio::spawn(async move { keep.every_key(None, 1).await })
        })
        .collect();
    while server.sql("select count(*) from pg_locks where not granted") != ["3"] {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let began = Instant::now();
    clock.put_right(&*keep).await.unwrap();
    assert!(began.elapsed().as_millis() > 500, "it waits");
    let off_us = clock.now_us() - SystemClock.now_us();
    assert!(off_us.abs() < SECOND_US / 10, "{off_us} us off, on the same machine");
    for waiting in waiting {
        assert!(waiting.await.unwrap().unwrap().is_empty());
    }
    held.await.unwrap();
}
