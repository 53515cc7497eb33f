//! Two nodes whose clocks differ.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

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
    one.put(put).await.unwrap();
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
