//! Timers that fell due while nobody looked, as many as there are customers: they are worked off, each once, and requests
//! have their turn meanwhile.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use engine::{Ask, Engine, Options};
use keep::{Embedded, EmbeddedOptions, Keep, Memory};
use listen::intake::{Body, Endpoint, Received};
use tokio::sync::watch;

use crate::{Told, open};

const SHOP: &str = "\
charter: 1
stages: {use: {}}
moments:
  order:     {stage: use, when: event = 'Order'}
  delivered: {stage: use, when: event = 'Delivered'}
expectations:
  delivery: {after: order, promise: delivered, within: 2d}
features:
  orders: {count: order}
  broken: {broken: delivery}
actions:
  sorry: {when: broken >= 1, value: 9, deliver: {webhook: mail}}
";

const DAY_US: i64 = 86_400_000_000;

/// Takes in an order of each of these customers.
async fn order(engine: &Engine, customers: std::ops::Range<usize>) {
    let order = |n| format!(r#"{{"type":"track","event":"Order","messageId":"m{n}","userId":"u{n}"}}"#);
    let body = format!("{{\"batch\":[{}]}}", customers.map(order).collect::<Vec<_>>().join(","));
    let mut inbox = engine.inbox();
    let received = Received { at: inbox.received(), source: None, peer: None };
    let body = Body::parse(body.as_bytes(), Endpoint::Batch).expect("a body");
    body.read(&received, &mut inbox).expect("nobody stops it");
    engine.take(inbox).await.expect("there is room");
}

/// Has so many timers worked off, and gives how many requests were answered meanwhile, and how long it took.
async fn work_off(keep: Arc<impl Keep + 'static>, customers: usize) -> (usize, Duration) {
    const AT_ONCE: usize = 1_000;
    let clock = Arc::new(Told(AtomicI64::new(20_000 * DAY_US)));
    let engine = open(SHOP, &keep, &clock, Options::default()).expect("it is there");
    for from in (0..customers).step_by(AT_ONCE) {
        order(&engine, from..(from + AT_ONCE).min(customers)).await;
    }
    clock.0.fetch_add(3 * DAY_US, Ordering::Relaxed);
    let (stop, stopping) = watch::channel(false);
    let (began, running) = (Instant::now(), tokio::spawn(Arc::clone(&engine).run(stopping)));
    let mut served = 0;
    while engine.counts().timers.load(Ordering::Relaxed) < customers as u64 {
        // About others, as whoever is asked about is looked at, and needs no timer for it.
        let new = customers + served;
        order(&engine, new..new + 1).await;
        let user = ("user_id".to_owned(), format!("u{new}"));
        engine.decide(Ask { keys: vec![user], occasion: None }).await.expect("there is room");
        served += 1;
        // As a server does between two requests.
        tokio::task::yield_now().await;
    }
    let took = began.elapsed();
    stop.send_replace(true);
    running.await.expect("it does not panic");
    assert_eq!(engine.counts().timers.load(Ordering::Relaxed), customers as u64, "each goes off once");
    assert_eq!(engine.wake_some().await.expect("it is there"), 0, "none is left");
    let compared = engine.compare_with_log().await.expect("it is there");
    assert_eq!(compared.differing, [0; 0], "states that are not their replay");
    (served, took)
}

#[tokio::test]
async fn requests_have_their_turn_while_timers_are_worked_off() {
    let (served, _) = work_off(Arc::new(Memory::new(365 * DAY_US)), 20_000).await;
    // There is one thread, so whoever gives way is followed by somebody else: a request after every 256 timers.
    assert!(served >= 20_000 / 256, "{served} requests were answered meanwhile");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[expect(clippy::print_stderr, reason = "the long form measures")]
async fn a_million_timers_are_worked_off() {
    let customers = if testkit::soak().is_some() { 1_000_000 } else { 5_000 };
    let folder = tempfile::tempdir().expect("a folder");
    let keep = Embedded::open(folder.path(), EmbeddedOptions::default()).expect("a new home");
    let (served, took) = work_off(Arc::new(keep), customers).await;
    assert!(served >= customers / 5_000, "{served} requests were answered meanwhile");
    let rate = customers as f64 / took.as_secs_f64();
    eprintln!("{customers} timers in {took:.1?}, {rate:.0}/s; {served} orders and {served} decisions meanwhile");
}
