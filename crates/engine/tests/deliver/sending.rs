//! Over real HTTP: what is sent, and what follows from each way of answering it.

use std::sync::Arc;
use std::time::Duration;

use engine::deliver::Webhooks;
use keep::{Embedded, EmbeddedOptions, Fault, Keep, Memory, Operation};
use tokio::sync::watch;

use crate::receiver::{Receiver, Reply, TAKEN};
use crate::setting::{HOUR_US, NOW_US, SECOND_US, Setting};

#[tokio::test]
async fn a_message_is_a_signed_cloud_event_and_comes_again_under_its_id() {
    let mut receiver = Receiver::start(|n, _| if n == 0 { Reply::Status(500, "", "no room") } else { TAKEN }).await;
    let setting = Setting::real();
    let secret = setting.target("crm", &receiver.url()).await;
    let id = setting.post("crm", "ann").await;
    assert_eq!(setting.deliver().await, 1);
    assert_eq!(setting.why("crm").await, "answered 500: no room");
    setting.clock.advance(6 * SECOND_US);
    assert_eq!(setting.deliver().await, 1);
    let [first, again] = receiver.came().try_into().unwrap();
    assert!(first.head.starts_with("POST /hook?from=desireline HTTP/1.1\r\n"), "{}", first.head);
    assert_eq!(first.header("content-type"), "application/cloudevents+json; charset=utf-8");
    assert_eq!(first.header("user-agent"), "desireline");
    for got in [&first, &again] {
        assert_eq!((got.id(), &got.body), (id.as_str(), &first.body), "the same id and bytes at every attempt");
        assert!(got.is_signed_by(&secret));
    }
    let seconds = NOW_US / SECOND_US;
    assert_eq!(first.header("webhook-timestamp"), seconds.to_string());
    assert_eq!(again.header("webhook-timestamp"), (seconds + 6).to_string(), "the time of the attempt");
    let event: serde_json::Value = serde_json::from_slice(&first.body).unwrap();
    let expected = serde_json::json!({
        "specversion": "1.0", "id": id, "source": "/desireline/shop", "type": "desireline.action.decided",
        "subject": "ann", "time": "2026-03-01T09:00:00Z", "datacontenttype": "application/json",
        "data": {"action": "call-back", "note": "Ё \"quoted\""},
    });
    assert_eq!(event, expected);
    assert!(setting.keep.queues().await.unwrap().is_empty(), "what arrived is forgotten");
    let counts = setting.outbox.counts();
    assert_eq!((counts.delivered, counts.failed, counts.refused, counts.given_up), (1, 1, 0, 0));
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let mut elsewhere = Receiver::start(|_, _| TAKEN).await;
    let location: &'static str = format!("location: {}\r\n", elsewhere.url()).leak();
    for status in [301, 302, 303, 307, 308] {
        let receiver = Receiver::start(move |_, _| Reply::Status(status, location, "")).await;
        let setting = Setting::real();
        setting.target("crm", &receiver.url()).await;
        setting.post("crm", "ann").await;
        assert_eq!(setting.deliver().await, 1);
        assert_eq!(setting.why("crm").await, format!("answered {status}: redirects are not followed"));
    }
    assert!(elsewhere.came().is_empty());
}

#[tokio::test]
async fn every_way_of_not_answering_is_a_failure_that_says_so() {
    for (reply, why) in [
        (Reply::Hang, "no answer within 300ms"),
        (Reply::Drip, "no answer within 300ms"),
        (Reply::Status(199, "", ""), "no answer within 300ms"),
        (Reply::Close, "connection closed before message completed"),
        (Reply::Nonsense, "invalid HTTP version parsed"),
        (Reply::Endless(503), "answered 503: xxxxxxxx"),
        (Reply::Status(400, "", "<p>\u{7}bad"), "answered 400: <p> bad"),
    ] {
        let receiver = Receiver::start(move |_, _| reply).await;
        let setting = if why.starts_with("no answer") { Setting::impatient() } else { Setting::real() };
        setting.target("crm", &receiver.url()).await;
        setting.post("crm", "ann").await;
        assert_eq!(setting.deliver().await, 1);
        let said = setting.why("crm").await;
        assert!(said.contains(why) && said.len() < 300, "{reply:?}: {said}");
        assert!(!said.contains("/hook"), "the address may be a secret: {said}");
    }
    let gone = Receiver::start(|_, _| TAKEN).await;
    let setting = Setting::real();
    setting.target("crm", &gone.url()).await;
    drop(gone);
    tokio::task::yield_now().await;
    setting.post("crm", "ann").await;
    setting.deliver().await;
    let why = setting.why("crm").await;
    assert!(why.contains("Connection refused"), "{why}");
}

#[tokio::test]
async fn a_good_status_is_enough_whatever_else_is_sent() {
    for reply in
        [Reply::Endless(200), Reply::Status(201, "x-y: z\r\n", "{}"), Reply::Status(299, "retry-after: 9\r\n", "")]
    {
        let receiver = Receiver::start(move |_, _| reply).await;
        let setting = Setting::real();
        setting.target("crm", &receiver.url()).await;
        setting.post("crm", "ann").await;
        assert_eq!(setting.deliver().await, 1);
        assert!(setting.keep.queues().await.unwrap().is_empty(), "{reply:?}");
    }
}

#[tokio::test]
async fn a_target_that_is_gone_is_held_with_all_that_waits() {
    let mut receiver = Receiver::start(|n, _| if n == 0 { Reply::Status(410, "", "") } else { TAKEN }).await;
    let setting = Setting::real();
    setting.target("crm", &receiver.url()).await;
    let first = setting.post("crm", "ann").await;
    setting.deliver().await;
    let second = setting.post("crm", "bob").await;
    setting.clock.advance(100 * HOUR_US);
    assert_eq!(setting.deliver().await, 0, "nothing is sent");
    let [shown] = setting.outbox.targets().await.unwrap().try_into().unwrap();
    let hold = shown.hold.unwrap();
    assert_eq!((hold.by, hold.why.as_str(), shown.waiting, shown.dead), ("gone", "answered 410", 2, 0));
    setting.outbox.go_on("crm", &[]).await.unwrap();
    assert_eq!(setting.deliver().await, 2);
    let mut ids: Vec<_> = receiver.came().iter().map(|got| got.id().to_owned()).collect();
    assert_eq!(ids.remove(0), first);
    ids.sort();
    let mut both = vec![first, second];
    both.sort();
    assert_eq!(ids, both);
    assert!(setting.keep.queues().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_target_that_asks_for_time_is_left_alone() {
    let mut receiver =
        Receiver::start(|n, _| if n == 0 { Reply::Status(429, "Retry-After: 120\r\n", "") } else { TAKEN }).await;
    let setting = Setting::real();
    setting.target("crm", &receiver.url()).await;
    setting.post("crm", "ann").await;
    setting.deliver().await;
    // What is posted meanwhile waits as well.
    setting.post("crm", "bob").await;
    setting.clock.advance(119 * SECOND_US);
    assert_eq!(setting.deliver().await, 0);
    setting.clock.advance(SECOND_US);
    assert_eq!(setting.deliver().await, 2);
    assert_eq!(receiver.came().len(), 3);
}

#[tokio::test]
async fn a_target_that_hangs_slows_nobody_else() {
    let mut slow = Receiver::start(|_, _| Reply::Hang).await;
    let mut quick = Receiver::start(|_, _| TAKEN).await;
    let setting = Setting::real();
    setting.target("slow", &slow.url()).await;
    setting.target("quick", &quick.url()).await;
    let (end, stop) = watch::channel(false);
    let running = tokio::spawn(Arc::clone(&setting.outbox).run(stop));
    for n in 0..20 {
        setting.post("slow", &n.to_string()).await;
    }
    for _ in 0..16 {
        slow.next().await;
    }
    let started = std::time::Instant::now();
    for n in 0..100 {
        let id = setting.post("quick", &n.to_string()).await;
        assert_eq!(quick.next().await.id(), id);
    }
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
    assert!(slow.came().is_empty(), "no more attempts at a time than there may be");
    // Ends without waiting for those that hang, which are sent again when their leases end.
    running.abort();
    drop(end);
}

#[tokio::test]
async fn what_waits_goes_out_many_at_a_time_and_stopping_ends_what_was_begun() {
    let mut receiver = Receiver::start(|_, _| TAKEN).await;
    let setting = Setting::real();
    setting.target("crm", &receiver.url()).await;
    let mut ids = Vec::new();
    for n in 0..300 {
        ids.push(setting.post("crm", &n.to_string()).await);
    }
    let (end, stop) = watch::channel(false);
    let running = tokio::spawn(Arc::clone(&setting.outbox).run(stop));
    let mut came = Vec::new();
    for _ in 0..200 {
        came.push(receiver.next().await.id().to_owned());
    }
    end.send(true).unwrap();
    running.await.unwrap();
    let left = setting.outbox.waiting("crm", 1_000).await.unwrap();
    came.extend(receiver.came().iter().map(|got| got.id().to_owned()));
    came.extend(left.iter().map(|waiting| waiting.id.clone()));
    came.sort();
    ids.sort();
    assert!(came == ids, "everything arrived or waits, and nothing did both: {} of {}", came.len(), ids.len());
}

#[tokio::test]
async fn it_ends_when_nobody_is_left_to_stop_it() {
    let mut receiver = Receiver::start(|_, _| TAKEN).await;
    let setting = Setting::real();
    setting.target("crm", &receiver.url()).await;
    let (end, stop) = watch::channel(false);
    let running = tokio::spawn(Arc::clone(&setting.outbox).run(stop));
    setting.post("crm", "ann").await;
    receiver.next().await;
    drop(end);
    running.await.unwrap();
    assert!(setting.keep.queues().await.unwrap().is_empty(), "what was begun is ended");
}

#[tokio::test]
async fn what_cannot_be_written_down_is_not_sent_again_and_nothing_more_is_sent() {
    let mut receiver = Receiver::start(|_, _| TAKEN).await;
    let keep = Arc::new(Memory::default());
    let setting = Setting::new(Arc::clone(&keep) as Arc<dyn Keep>, Arc::new(Webhooks::default()));
    setting.target("crm", &receiver.url()).await;
    let mut ids = Vec::new();
    for n in 0..40 {
        ids.push(setting.post("crm", &n.to_string()).await);
    }
    // The disk is full for 50 tries to write something down, which is more than those under way make before the next look.
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    let mut tries = 0;
    keep.order_faults(move |operation| {
        let is_full = operation == Operation::Commit && tries < 50;
        tries += i32::from(operation == Operation::Commit);
        if is_full {
            let _ = tell.send(tries);
        }
        is_full.then_some(Fault::Full { written: false })
    });
    let (end, stop) = watch::channel(false);
    let running = tokio::spawn(Arc::clone(&setting.outbox).run(stop));
    while told.recv().await != Some(50) {
        // Leases end in the meantime.
        setting.clock.advance(40 * SECOND_US);
    }
    assert!(receiver.came().len() <= 16, "no more than what was under way");
    while !keep.queues().await.unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
    end.send(true).unwrap();
    running.await.unwrap();
    let counts = setting.outbox.counts();
    assert_eq!((counts.delivered, counts.failed), (40, 0), "each of them once");
}

/// Killed while the receiver has the message and has not answered: it comes again, under the same id.
async fn killed_in_the_middle<K: Keep + 'static>(keep: K, again: impl AsyncFnOnce(Arc<K>) -> Arc<K>) {
    let mut receiver = Receiver::start(|n, _| if n == 0 { Reply::Hang } else { TAKEN }).await;
    let keep = Arc::new(keep);
    let setting = Setting::new(Arc::clone(&keep) as Arc<dyn Keep>, Arc::new(Webhooks::default()));
    let secret = setting.target("crm", &receiver.url()).await;
    let id = setting.post("crm", "ann").await;
    let (_end, stop) = watch::channel(false);
    let running = tokio::spawn(Arc::clone(&setting.outbox).run(stop.clone()));
    assert_eq!(receiver.next().await.id(), id);
    running.abort();
    assert!(running.await.unwrap_err().is_cancelled());
    drop(setting);
    let keep: Arc<dyn Keep> = again(keep).await;
    let setting = Setting::new(Arc::clone(&keep), Arc::new(Webhooks::default()));
    let running = tokio::spawn(Arc::clone(&setting.outbox).run(stop));
    let got = receiver.next().await;
    assert_eq!(got.id(), id);
    assert!(got.is_signed_by(&secret), "targets are kept as well");
    while !keep.queues().await.unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
    running.abort();
}

#[tokio::test]
async fn whoever_is_killed_delivers_again_memory() {
    killed_in_the_middle(Memory::default(), async |keep| {
        keep.restart();
        keep
    })
    .await;
}

#[tokio::test]
async fn whoever_is_killed_delivers_again_embedded() {
    let folder = tempfile::tempdir().unwrap();
    let keep = Embedded::open(folder.path(), EmbeddedOptions::default()).unwrap();
    killed_in_the_middle(keep, async |keep| {
        keep.close().await;
        drop(keep);
        Arc::new(Embedded::open(folder.path(), EmbeddedOptions::default()).unwrap())
    })
    .await;
}
