//! The live side under one seed: storage that fails, answers that are lost, crashes, duplicates, late events, shared devices,
//! links that are taken back, time that passes. After each run: what was acknowledged is in the log once, every state is its
//! replay, no timer is lost, no action was decided twice for one occasion, and history has every event once.
//!
//! `SEED=17 cargo nextest run -p engine --test live` repeats one run.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use engine::{Ask, Clock, Engine, Error, History, Options, Part, Telling, Took};
use event::Timestamp;
use futures::executor::block_on;
use keep::{Fault, Memory, Operation};
use listen::intake::{Body, Endpoint, Received};

use crate::{Told, open};

const SHOP: &str = "\
charter: 1
timezone: UTC
keys:
  user_id:      {unique: true, priority: 1}
  email:        {from: traits.email, normalise: email, limit: 2}
  anonymous_id: {limit: 3}
stages: {choice: {}, use: {}}
moments:
  visit:     {stage: choice, when: event = 'Visit'}
  order:     {stage: use, when: event = 'Order'}
  delivered: {stage: use, when: event = 'Delivered'}
  ticket:    {stage: use, when: event = 'Ticket'}
  done:      {stage: use, when: event = 'Done'}
journeys:
  purchase: {starts: visit, succeeds: order, abandoned_after: 3d}
interactions:
  support: {opens: [ticket], resolves: [done], window: 1d}
expectations:
  delivery: {after: order, promise: delivered, within: 2d, warn: 12h}
outcomes:
  order: {when: moment = 'order', horizon: 5d}
features:
  visits:     {count: visit}
  tickets_7d: {count: ticket, within: 7d}
  broken:     {broken: delivery}
actions:
  call:   {when: tickets_7d >= 2, cap: {per: 14d, times: 1}, value: 5, propensity: {from: outcome.order}, deliver: {webhook: crm}}
  sorry:  {when: broken >= 1, purpose: service, cap: {per: 7d, times: 1}, value: 9, deliver: {webhook: mail}}
  banner: {when: visits >= 1, value: 1}
deciding: {explore_share: 0.1, random_share: 0.1, none_share: 0.1}
";

/// Numbers that look like chance: `SplitMix64`.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    fn of<'a>(&mut self, all: &[&'a str]) -> &'a str {
        let at = self.below(all.len() as u64);
        all[usize::try_from(at).expect("it is small")]
    }
}

/// History that forgets nothing, and fails now and then after it took something in.
#[derive(Debug, Default)]
struct Past {
    taken: Mutex<(u64, BTreeMap<String, u32>)>,
    failing: Mutex<u64>,
}

#[async_trait]
impl History for Past {
    async fn position(&self) -> Result<u64, Error> {
        Ok(self.taken.lock().expect("nobody panics").0)
    }

    async fn take(&self, part: Arc<Part>) -> Result<(), Error> {
        let mut failing = self.failing.lock().expect("nobody panics");
        *failing += 1;
        if failing.is_multiple_of(3) {
            return Err(Error::Busy);
        }
        let mut taken = self.taken.lock().expect("nobody panics");
        taken.0 = part.until();
        part.tell(&mut |telling| {
            if let Telling::Event(event) = telling {
                *taken.1.entry(event.message_id.expect("all have one").to_owned()).or_default() += 1;
            }
            Ok::<(), Error>(())
        })
    }
}

struct World {
    chance: Chance,
    keep: Arc<Memory>,
    clock: Arc<Told>,
    engine: Arc<Engine>,
    history: Past,
    sent: u64,
    /// Messages that may be sent again.
    again: Vec<String>,
    acknowledged: BTreeSet<String>,
    /// Messages that were taken in, states that were built anew, timers, decisions.
    happened: [u64; 4],
}

const DAY_US: i64 = 86_400_000_000;

fn options(node: u64) -> Options {
    Options { seed: 7, node }
}

impl World {
    fn new(seed: u64) -> Self {
        let clock = Arc::new(Told(AtomicI64::new(20_000 * DAY_US)));
        let keep = Arc::new(Memory::new(365 * DAY_US));
        let engine = open(SHOP, &keep, &clock, options(0)).expect("memory is there");
        let mut faults = Chance(seed ^ 0xFA17);
        let severity = [u64::MAX, 40, 12][usize::try_from(seed % 3).expect("it is small")];
        keep.order_faults(move |operation| {
            if !faults.one_in(severity) {
                return None;
            }
            Some(match (operation, faults.below(3)) {
                (Operation::Load | Operation::Take | Operation::Read, _) => Fault::Lost { written: false },
                (_, 0) => Fault::Busy,
                (_, 1) => Fault::Full { written: faults.one_in(2) },
                (_, _) => Fault::Lost { written: faults.one_in(2) },
            })
        });
        let (history, again, acknowledged) = (Past::default(), Vec::new(), BTreeSet::new());
        Self { chance: Chance(seed), keep, clock, engine, history, sent: 0, again, acknowledged, happened: [0; 4] }
    }

    /// Adds up what the engine did, before another one takes its place.
    fn tally(&mut self) {
        let counts = self.engine.counts();
        let each = [&counts.stored, &counts.rebuilt, &counts.timers, &counts.decided];
        for (sum, counter) in self.happened.iter_mut().zip(each) {
            *sum += counter.load(Ordering::Relaxed);
        }
    }

    fn message(&mut self) -> String {
        if !self.again.is_empty() && self.chance.one_in(6) {
            let at = self.chance.below(self.again.len() as u64);
            return self.again[usize::try_from(at).expect("it is small")].clone();
        }
        self.sent += 1;
        let chance = &mut self.chance;
        let event = chance.of(&["Visit", "Visit", "Order", "Delivered", "Ticket", "Done", "Nothing"]);
        let user = chance.of(&["u1", "u2", "u3", "u4", "u5", "u6"]);
        let device = chance.of(&["a1", "a2", "a3", "a4", "kiosk"]);
        let ids = match chance.below(5) {
            0 => format!(r#""userId":"{user}""#),
            1 | 2 => format!(r#""anonymousId":"{device}""#),
            _ => format!(r#""userId":"{user}","anonymousId":"{device}""#),
        };
        let mut more = String::new();
        let now_us = self.clock.now_us();
        let late_us = match chance.below(8) {
            0 => i64::try_from(chance.below(10)).expect("small") * DAY_US / 2,
            1 => i64::try_from(chance.below(3_600)).expect("small") * 1_000_000,
            2 => -i64::try_from(chance.below(3_600)).expect("small") * 1_000_000,
            _ => 0,
        };
        let _ = write!(more, r#","timestamp":"{}""#, Timestamp::from_micros(now_us - late_us));
        if chance.one_in(10) {
            more.push_str(r#","context":{"consent":{"categoryPreferences":{"service":true}}}"#);
        }
        if chance.one_in(12) {
            let email = chance.of(&["x@y.de", "z@y.de"]);
            return format!(
                r#"{{"type":"identify","messageId":"m{}",{ids},"traits":{{"email":"{email}"}}{more}}}"#,
                self.sent
            );
        }
        format!(r#"{{"type":"track","event":"{event}","messageId":"m{}",{ids}{more}}}"#, self.sent)
    }

    fn send(&mut self) {
        let n = 1 + self.chance.below(4);
        let messages: Vec<String> = (0..n).map(|_| self.message()).collect();
        self.again.extend(messages.iter().cloned());
        let body = format!("{{\"batch\":[{}]}}", messages.join(","));
        let body = Body::parse(body.as_bytes(), Endpoint::Batch).expect("a body");
        let engine = Arc::clone(&self.engine);
        let mut inbox = engine.inbox();
        let received = Received { at: inbox.received(), source: None, peer: None };
        body.read(&received, &mut inbox).expect("nobody stops it");
        if let Ok(took) = block_on(engine.take(inbox)) {
            for (took, message) in took.iter().zip(&messages) {
                assert!(matches!(took, Took::Stored | Took::Duplicate), "{took:?} {message}");
                let id = message.split("\"messageId\":\"").nth(1).and_then(|rest| rest.split('"').next());
                self.acknowledged.insert(id.expect("all have one").to_owned());
            }
        }
    }

    fn live(&mut self) {
        match self.chance.below(20) {
            0 => {
                let (a, b) = (self.chance.of(&["u1", "u2", "u3"]), self.chance.of(&["a1", "a2", "kiosk"]));
                let _ = block_on(self.engine.unlink(("user_id", a), ("anonymous_id", b)));
            }
            1 => {
                // The process dies, and another one begins.
                if let Ok(engine) = open(SHOP, &self.keep, &self.clock, options(self.sent + 1)) {
                    self.tally();
                    self.engine = engine;
                }
            }
            2 | 3 => {
                let user = self.chance.of(&["u1", "u2", "u3", "a1"]);
                let kind = if user.starts_with('u') { "user_id" } else { "anonymous_id" };
                let occasion = format!("page {}", self.chance.below(3));
                let ask = Ask { keys: vec![(kind.to_owned(), user.to_owned())], occasion: Some(occasion) };
                let _ = block_on(self.engine.decide(ask));
            }
            4..=6 => {
                let step_us = i64::try_from(self.chance.below(72)).expect("small") * 3_600_000_000;
                self.clock.0.fetch_add(step_us, Ordering::Relaxed);
                let _ = block_on(self.engine.wake_some());
            }
            7 => {
                let _ = block_on(self.engine.export_some(&self.history, &mut None));
            }
            _ => self.send(),
        }
        self.clock.0.fetch_add(1 + i64::try_from(self.chance.below(60_000_000)).expect("small"), Ordering::Relaxed);
    }

    /// All that is due was worked off: nobody waits for a time that has passed.
    fn no_timer_is_lost(&self, seed: u64) {
        let now = Timestamp::from_micros(self.clock.now_us()).to_string();
        let users = ["u1", "u2", "u3", "u4", "u5", "u6"].map(|value| ("user_id", value));
        let devices = ["a1", "a2", "a3", "a4", "kiosk"].map(|value| ("anonymous_id", value));
        let emails = ["x@y.de", "z@y.de"].map(|value| ("email", value));
        for (kind, value) in users.into_iter().chain(devices).chain(emails) {
            let shown = block_on(self.engine.customer(kind, value)).expect("nothing fails");
            let wakes = shown.and_then(|shown| shown.wakes_at);
            assert!(wakes.as_ref().is_none_or(|at| *at > now), "seed {seed}: {value} should have woken at {wakes:?}");
        }
    }

    /// Nothing fails any more: what has to hold then.
    fn end(&mut self, seed: u64) {
        self.keep.order_faults(|_| None);
        self.tally();
        self.engine = open(SHOP, &self.keep, &self.clock, options(u64::MAX)).expect("nothing fails");
        // Leases of timers that were taken end.
        self.clock.0.fetch_add(DAY_US, Ordering::Relaxed);
        while block_on(self.engine.wake_some()).expect("nothing fails") > 0 {}
        self.no_timer_is_lost(seed);
        let mut position = None;
        let mut tries = 0;
        while !matches!(block_on(self.engine.export_some(&self.history, &mut position)), Ok(false)) {
            tries += 1;
            assert!(tries < 100, "seed {seed}: history never ends");
        }
        let taken = self.history.taken.lock().expect("nobody panics");
        assert!(taken.1.values().all(|times| *times == 1), "seed {seed}: an event is in history twice");
        for id in &self.acknowledged {
            assert!(taken.1.contains_key(id), "seed {seed}: {id} was acknowledged and is lost");
        }
        let compared = block_on(self.engine.compare_with_log()).expect("nothing fails");
        assert_eq!(compared.differing, [0; 0], "seed {seed}: states that are not their replay");
    }
}

#[test]
fn whatever_happens_nothing_is_lost_and_every_state_is_its_replay() {
    let (from, to) = match std::env::var("SEED").ok().and_then(|seed| seed.parse::<u64>().ok()) {
        Some(seed) => (seed, seed + 1),
        None => (0, 1_000),
    };
    let mut happened = [0; 4];
    for seed in from..to {
        let mut world = World::new(seed);
        for _ in 0..40 + seed % 80 {
            world.live();
        }
        world.end(seed);
        for (sum, count) in happened.iter_mut().zip(world.happened) {
            *sum += count;
        }
    }
    // What never happens proves nothing.
    assert!(to - from == 1 || happened.iter().all(|n| *n > 1_000), "{happened:?}");
}
