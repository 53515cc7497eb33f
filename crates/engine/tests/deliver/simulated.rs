//! A simulated receiver and a clock that is set: days of failures, faults of the home, pauses.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use engine::Clock;
use engine::deliver::limits::DELAYS_US;
use engine::deliver::{Answer, Request, Target, Wire};
use keep::{Fault, Keep, Memory, Operation};

use crate::setting::{HOUR_US, NOW_US, SECOND_US, Setting};

/// Answers with a status that may change, and remembers what it was sent.
#[derive(Debug, Default)]
struct Simulated {
    status: Mutex<u16>,
    got: Mutex<Vec<String>>,
}

#[async_trait]
impl Wire for Simulated {
    async fn send(&self, _: &Target, request: &Request<'_>) -> Answer {
        self.got.lock().unwrap().push(request.header("webhook-id").unwrap().to_owned());
        Answer::Status { status: *self.status.lock().unwrap(), retry_after: None, text: String::new() }
    }
}

impl Simulated {
    fn answers(&self, status: u16) {
        *self.status.lock().unwrap() = status;
    }

    fn got(&self) -> Vec<String> {
        std::mem::take(&mut *self.got.lock().unwrap())
    }
}

async fn setting(status: u16) -> (Setting, Arc<Memory>, Arc<Simulated>) {
    let (keep, wire) = (Arc::new(Memory::default()), Arc::new(Simulated::default()));
    wire.answers(status);
    let setting = Setting::new(Arc::clone(&keep) as Arc<dyn Keep>, Arc::clone(&wire) as Arc<dyn Wire>);
    setting.target("crm", "https://crm.example/hook").await;
    (setting, keep, wire)
}

/// Sets the clock to when the next delivery is due, and attempts it; `false` when none waits.
async fn on_to_the_next(setting: &Setting) -> bool {
    let queues = setting.keep.queues().await.unwrap();
    let Some(due_us) = queues.iter().filter_map(|queue| queue.first_due_us).min() else { return false };
    assert!(due_us > setting.clock.now_us() || setting.clock.now_us() == NOW_US);
    setting.clock.set(due_us - 1);
    assert!(due_us == NOW_US || setting.deliver().await == 0, "not before its time");
    setting.clock.set(due_us);
    setting.deliver().await > 0
}

#[tokio::test]
async fn attempts_are_those_of_the_schedule_and_what_is_given_up_can_be_sent_again() {
    let (setting, _, wire) = setting(500).await;
    let id = setting.post("crm", "ann").await;
    let mut times_us = Vec::new();
    while on_to_the_next(&setting).await {
        times_us.push(setting.clock.now_us());
    }
    assert_eq!(wire.got(), vec![id.clone(); 10]);
    assert_eq!(times_us[0], NOW_US);
    for (n, delay_us) in DELAYS_US.iter().enumerate().skip(1) {
        let waited_us = times_us[n] - times_us[n - 1];
        assert!((waited_us - delay_us).abs() <= delay_us / 10, "attempt {n}: {waited_us} instead of {delay_us}");
    }
    assert!(times_us[9] - NOW_US > 60 * HOUR_US);
    let [dead] = setting.outbox.dead("crm", None, 10).await.unwrap().try_into().unwrap();
    assert_eq!((&dead.id, dead.attempts, dead.why.as_str()), (&id, 10, "answered 500"));
    let message: serde_json::Value = serde_json::from_str(dead.message.unwrap().get()).unwrap();
    assert_eq!(message["subject"], "ann");
    assert_eq!(setting.outbox.counts().given_up, 1);
    setting.clock.advance(HOUR_US);
    assert_eq!(setting.deliver().await, 0, "given up is given up");
    // Sent again, it has all its attempts before it.
    setting.outbox.resend("crm", &id, &[]).await.unwrap();
    assert_eq!(setting.deliver().await, 1);
    wire.answers(204);
    assert!(on_to_the_next(&setting).await);
    assert_eq!(wire.got(), vec![id.clone(); 2]);
    assert!(setting.keep.queues().await.unwrap().is_empty());
    let nothing = setting.outbox.resend("crm", &id, &[]).await.unwrap_err().to_string();
    assert_eq!(nothing, format!("there is no dead delivery `{id}` of target `crm`"));
}

#[tokio::test]
async fn all_that_was_given_up_can_be_sent_again_at_once() {
    let (setting, _, wire) = setting(500).await;
    let mut ids = Vec::new();
    for n in 0..1_200 {
        ids.push(setting.post("crm", &n.to_string()).await);
    }
    for attempt in 1..=10 {
        assert_eq!(setting.deliver().await, 1_200);
        setting.wait_after(attempt);
    }
    setting.outbox.pause("crm", "until they are well", &[]).await.unwrap();
    let first = setting.outbox.dead("crm", None, 700).await.unwrap();
    let rest = setting.outbox.dead("crm", Some(&first[699].id), 700).await.unwrap();
    let pages: Vec<_> = first.iter().chain(&rest).map(|dead| dead.id.clone()).collect();
    ids.sort();
    assert_eq!(pages, ids);
    // One in the middle, by its id.
    setting.outbox.resend("crm", &ids[600], &[]).await.unwrap();
    assert_eq!(setting.outbox.resend_all("crm", &[]).await.unwrap(), 1_199);
    assert_eq!(setting.deliver().await, 0, "on hold: it waits");
    wire.answers(200);
    wire.got();
    setting.outbox.go_on("crm", &[]).await.unwrap();
    assert_eq!(setting.deliver().await, 1_200);
    let mut got = wire.got();
    got.sort();
    assert_eq!(got, ids);
}

#[tokio::test]
async fn a_target_at_which_everything_fails_for_five_days_is_held() {
    let (setting, _, wire) = setting(503).await;
    for day in 0..20 {
        setting.clock.set(NOW_US + day * 12 * HOUR_US);
        // One success in between, and the days are counted anew.
        wire.answers(if day == 4 { 200 } else { 503 });
        setting.post("crm", &day.to_string()).await;
        setting.deliver().await;
        let target = setting.outbox.target("crm").await.unwrap();
        assert_eq!(target.hold.is_some(), day >= 15, "half day {day}");
        assert_eq!(target.failing_since_us.is_some(), day != 4);
    }
    let [shown] = setting.outbox.targets().await.unwrap().try_into().unwrap();
    let hold = shown.hold.unwrap();
    let why = "everything has failed since 2026-03-03T21:00:00Z; the last time: answered 503";
    assert_eq!((hold.by, hold.since.as_str(), hold.why.as_str()), ("failing", "2026-03-08T21:00:00Z", why));
    wire.answers(200);
    wire.got();
    setting.outbox.go_on("crm", &[]).await.unwrap();
    assert_eq!(setting.deliver().await as u64, shown.waiting);
    assert_eq!(setting.outbox.target("crm").await.unwrap().failing_since_us, None);
}

#[tokio::test]
async fn a_paused_target_holds_and_goes_on_with_everything() {
    let (setting, keep, wire) = setting(200).await;
    setting.outbox.pause("crm", "they move house", &[]).await.unwrap();
    let first = setting.post("crm", "ann").await;
    assert_eq!(setting.deliver().await, 0);
    setting.clock.advance(100 * HOUR_US);
    keep.restart();
    let second = setting.post("crm", "bob").await;
    assert_eq!(setting.deliver().await, 0);
    let [shown] = setting.outbox.targets().await.unwrap().try_into().unwrap();
    assert_eq!((shown.waiting, shown.dead, shown.hold.unwrap().why.as_str()), (2, 0, "they move house"));
    // To put it again, with another address, is not to go on.
    setting.target("crm", "https://new.example/hook").await;
    assert_eq!(setting.deliver().await, 0);
    setting.outbox.go_on("crm", &[]).await.unwrap();
    assert_eq!(setting.deliver().await, 2);
    assert_eq!(wire.got(), [first, second]);
}

#[tokio::test]
async fn a_target_that_is_removed_keeps_what_waits_for_one_of_its_name() {
    let (setting, _, wire) = setting(200).await;
    setting.outbox.remove("crm", &[]).await.unwrap();
    let id = setting.post("crm", "ann").await;
    assert_eq!(setting.deliver().await, 0);
    let [shown] = setting.outbox.targets().await.unwrap().try_into().unwrap();
    assert_eq!((shown.url, shown.waiting), (None, 1));
    assert!(setting.outbox.remove("crm", &[]).await.is_err());
    setting.target("crm", "https://crm.example/hook").await;
    assert_eq!(setting.deliver().await, 1);
    assert_eq!(wire.got(), [id]);
}

#[test]
fn whatever_befalls_the_home_everything_arrives() {
    testkit::each_seed("-p engine --test deliver", 1_000, |seed| {
        futures::executor::block_on(everything_arrives(seed + 1));
    });
}

async fn everything_arrives(seed: u64) {
    let (setting, keep, wire) = setting(200).await;
    let mut ids = Vec::new();
    for n in 0..20 {
        ids.push(setting.post("crm", &n.to_string()).await);
    }
    let mut draw = seed;
    let mut dice = move |sides: u64| {
        draw ^= draw << 13;
        draw ^= draw >> 7;
        draw ^= draw << 17;
        draw % sides
    };
    let mut faults = dice;
    keep.order_faults(move |operation| match (operation, faults(8)) {
        (Operation::Commit | Operation::Take, 0) => Some(Fault::Lost { written: true }),
        (Operation::Commit, 1) | (Operation::Read, 0) => Some(Fault::Lost { written: false }),
        (Operation::Commit, 2) => Some(Fault::Busy),
        _ => None,
    });
    for _ in 0..30 {
        wire.answers([200, 200, 500, 503][usize::try_from(dice(4)).unwrap()]);
        // What could not be read or written is not an end: the process goes on, or is started again.
        let _ = setting.outbox.deliver_due().await;
        if dice(5) == 0 {
            keep.restart();
        }
        setting.clock.advance(i64::try_from(dice(600)).unwrap() * SECOND_US);
    }
    keep.order_faults(|_| None);
    wire.answers(200);
    for _ in 0..12 {
        setting.clock.advance(27 * HOUR_US);
        setting.deliver().await;
    }
    let mut times: BTreeMap<String, usize> = BTreeMap::new();
    for id in wire.got() {
        *times.entry(id).or_default() += 1;
    }
    ids.sort();
    assert_eq!(times.into_keys().collect::<Vec<_>>(), ids);
    assert!(setting.keep.queues().await.unwrap().is_empty());
}
