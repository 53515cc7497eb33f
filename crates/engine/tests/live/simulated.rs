//! Two nodes under one seed: storage that fails or is full, answers that are lost, crashes, duplicates, late events,
//! shared devices, words about keys, customers who are erased, clocks that differ, time that passes, targets that fail.
//! After each run: what was acknowledged is in the log once, every state is its replay, no timer is lost, no occasion
//! was decided twice, whatever was posted arrived under one id, and history has every event once. On the way nobody who refused
//! something consents to it again without having said so, and nobody gets more than a cap allows, whoever falls apart.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use engine::deliver::{Answer, Outbox, Put, Request, Target, Wire, message_id};
use engine::{Ask, Clock, Engine, Error, History, Options, Part, Reached, Telling, Took, decision_of};
use event::Timestamp;
use futures::executor::block_on;
use keep::{Fault, Keep, Memory, Operation};
use listen::intake::{Body, Endpoint, Received};

use crate::{Told, open};

/// How a run is repeated, after its seed.
const AGAIN: &str = "-p engine --test live";

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
  call:   {when: tickets_7d >= 2, cap: {per: 14d, times: 1}, quiet: \"22:00-06:00\", value: 5, propensity: {from: outcome.order}, deliver: {webhook: crm}}
  sorry:  {when: broken >= 1, purpose: service, cap: {per: 7d, times: 1}, value: 9, deliver: {webhook: mail}}
  banner: {when: visits >= 1, value: 1}
deciding: {explore_share: 0.1, random_share: 0.1, none_share: 0.1}
";

/// Numbers that look like chance: `SplitMix64`.
#[derive(Debug)]
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

/// History that forgets nothing, and fails now and then, before or after it took something in.
#[derive(Debug, Default)]
struct Past {
    taken: Mutex<(u64, BTreeMap<String, u32>)>,
    failing: Mutex<u64>,
}

/// A receiver that has a message, loses it, or loses the answer.
#[derive(Debug)]
struct Receiver {
    chance: Mutex<Chance>,
    /// By id, the messages that arrived.
    got: Mutex<BTreeMap<String, BTreeSet<Vec<u8>>>>,
}

#[async_trait]
impl Wire for Receiver {
    async fn send(&self, _: &Target, request: &Request<'_>) -> Answer {
        let lot = self.chance.lock().expect("nobody panics").below(6);
        if lot != 0 {
            let id = request.header("webhook-id").expect("all have one").to_owned();
            let at_s: i64 = request.header("webhook-timestamp").expect("all have one").parse().expect("a number");
            let (hour, body) = (at_s / 3_600 % 24, String::from_utf8_lossy(request.body));
            assert!((6..22).contains(&hour) || !body.contains(r#""action":"call""#), "it came at night, at {hour}");
            let mut got = self.got.lock().expect("nobody panics");
            got.entry(id).or_default().insert(request.body.to_vec());
        }
        match lot {
            0 | 1 => Answer::Failed { why: "nothing came back".to_owned() },
            2 => Answer::Status { status: 503, retry_after: Some("90".to_owned()), text: String::new() },
            _ => Answer::Status { status: 204, retry_after: None, text: String::new() },
        }
    }
}

/// A clock that is wrong by so much.
#[derive(Debug)]
struct Wrong {
    clock: Arc<Told>,
    by_us: i64,
}

impl Clock for Wrong {
    fn now_us(&self) -> i64 {
        self.clock.now_us() + self.by_us
    }
}

#[async_trait]
impl History for Past {
    async fn reached(&self) -> Result<Reached, Error> {
        Ok(Reached { position: self.taken.lock().expect("nobody panics").0, ..Reached::default() })
    }

    async fn take(&self, part: Arc<Part>) -> Result<(), Error> {
        let mut failing = self.failing.lock().expect("nobody panics");
        *failing += 1;
        if failing.is_multiple_of(3) {
            return Err(Error::Busy);
        }
        let mut taken = self.taken.lock().expect("nobody panics");
        // Another node was here in between.
        if taken.0 > part.from() {
            return Err(Error::Busy);
        }
        taken.0 = part.until();
        part.tell(&mut |telling| {
            if let Telling::Event(event) = telling {
                *taken.1.entry(event.message_id.expect("all have one").to_owned()).or_default() += 1;
            }
            Ok::<(), Error>(())
        })?;
        if failing.is_multiple_of(5) { Err(Error::Busy) } else { Ok(()) }
    }
}

/// A process: an engine, and an outbox beside it.
struct Node {
    engine: Arc<Engine>,
    outbox: Outbox,
    reached: Option<Reached>,
}

struct World {
    chance: Chance,
    keep: Arc<Memory>,
    clock: Arc<Told>,
    nodes: Vec<Node>,
    receiver: Arc<Receiver>,
    history: Past,
    sent: u64,
    /// Messages that may be sent again.
    again: Vec<String>,
    acknowledged: BTreeSet<String>,
    /// Keys that were erased: nothing is asked about the messages from before, and what went out may be more than is known of.
    erased: BTreeSet<String>,
    /// By key, since when whoever has it refuses to be served.
    refused: BTreeMap<(&'static str, &'static str), i64>,
    /// Messages that were taken in, states that were built anew, timers, decisions, deliveries.
    happened: [u64; 5],
}

const DAY_US: i64 = 86_400_000_000;

/// All keys that are sent, but for those that are sent in the place of erased ones.
fn keys() -> impl Iterator<Item = (&'static str, &'static str)> {
    let users = ["u1", "u2", "u3", "u4", "u5", "u6"].map(|value| ("user_id", value));
    let devices = ["a1", "a2", "a3", "a4", "kiosk"].map(|value| ("anonymous_id", value));
    users.into_iter().chain(devices).chain(["x@y.de", "z@y.de"].map(|value| ("email", value)))
}

/// Of actions that are delivered, how long nobody gets another one.
const CAPS_US: [(&str, i64); 2] = [("call", 14 * DAY_US), ("sorry", 7 * DAY_US)];

/// By how much the clock of the second node may be wrong.
const WRONG_US: [i64; 5] = [0, 3_000_000, -3_000_000, 600_000_000, -600_000_000];

fn faults(seed: u64) -> impl FnMut(Operation) -> Option<Fault> {
    let mut faults = Chance(seed ^ 0xFA17);
    let severity = [u64::MAX, 40, 12][usize::try_from(seed % 3).expect("it is small")];
    move |operation| {
        if !faults.one_in(severity) {
            return None;
        }
        Some(match (operation, faults.below(3)) {
            (Operation::Load | Operation::Take | Operation::Read, _) => Fault::Lost { written: false },
            (_, 0) => Fault::Busy,
            (_, 1) => Fault::Full { written: faults.one_in(2) },
            (_, _) => Fault::Lost { written: faults.one_in(2) },
        })
    }
}

impl World {
    fn new(seed: u64) -> Self {
        let chance = Mutex::new(Chance(seed ^ 0x3E11));
        let mut world = Self {
            chance: Chance(seed),
            keep: Arc::new(Memory::new(365 * DAY_US)),
            clock: Arc::new(Told(AtomicI64::new(20_000 * DAY_US))),
            nodes: Vec::new(),
            receiver: Arc::new(Receiver { chance, got: Mutex::default() }),
            history: Past::default(),
            sent: 0,
            again: Vec::new(),
            acknowledged: BTreeSet::new(),
            erased: BTreeSet::new(),
            refused: BTreeMap::new(),
            happened: [0; 5],
        };
        let wrong_us = WRONG_US[usize::try_from(seed % 5).expect("it is small")];
        for by_us in [0, wrong_us] {
            let node = world.node(by_us).expect("memory is there");
            world.nodes.push(node);
        }
        for name in ["crm", "mail"] {
            let put =
                Put { name: name.to_owned(), url: format!("https://{name}.example/"), allow: Vec::new(), secret: None };
            block_on(world.nodes[0].outbox.put(put, &[])).expect("nothing fails yet");
        }
        world.keep.order_faults(faults(seed));
        world
    }

    /// Another process, whose clock is wrong by so much.
    fn node(&mut self, by_us: i64) -> Result<Node, Error> {
        self.sent += 1;
        let clock = Arc::new(Wrong { clock: Arc::clone(&self.clock), by_us });
        let engine = open(SHOP, &self.keep, &clock, Options { seed: Some(7), node: self.sent })?;
        let (keep, clock): (Arc<dyn Keep>, Arc<dyn Clock>) = (Arc::<Memory>::clone(&self.keep), clock);
        let outbox = Outbox::new(keep, clock, Arc::<Receiver>::clone(&self.receiver));
        let outbox = outbox.asking(Arc::<Engine>::clone(&engine));
        Ok(Node { engine, outbox, reached: None })
    }

    /// One of the processes.
    fn any(&mut self) -> usize {
        usize::try_from(self.chance.below(2)).expect("it is small")
    }

    fn engine(&mut self) -> Arc<Engine> {
        let node = self.any();
        Arc::clone(&self.nodes[node].engine)
    }

    /// Puts another process in the place of this one, whose work is added up.
    fn replace(&mut self, at: usize, node: Node) {
        let old = std::mem::replace(&mut self.nodes[at], node);
        let counts = old.engine.counts();
        let each =
            [&counts.stored, &counts.rebuilt, &counts.timers, &counts.decided].map(|n| n.load(Ordering::Relaxed));
        let delivered = old.outbox.counts().delivered;
        for (sum, count) in self.happened.iter_mut().zip(each.into_iter().chain([delivered])) {
            *sum += count;
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
        let at = match chance.below(80) {
            0 => "1970-01-01T00:00:00Z".to_owned(),
            1 => "2100-02-29T24:00:00Z".to_owned(),
            2 => "2100-01-01T00:00:00Z".to_owned(),
            _ => Timestamp::from_micros(now_us - late_us).to_string(),
        };
        let _ = write!(more, r#","timestamp":"{at}""#);
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
        let mut messages: Vec<String> = (0..n).map(|_| self.message()).collect();
        for key in &self.erased {
            let again = |text: &mut String| *text = text.replace(&format!("\"{key}\""), &format!("\"{key}+\""));
            messages.iter_mut().for_each(again);
        }
        self.again.extend(messages.iter().cloned());
        let body = format!("{{\"batch\":[{}]}}", messages.join(","));
        let body = Body::parse(body.as_bytes(), Endpoint::Batch).expect("a body");
        let engine = self.engine();
        let mut inbox = engine.inbox();
        body.read(&Received { at: inbox.received(), source: None, peer: None }, &mut inbox).expect("nobody stops it");
        if let Ok(took) = block_on(engine.take(inbox)) {
            for (took, message) in took.iter().zip(&messages) {
                assert!(matches!(took, Took::Stored | Took::Duplicate), "{took:?} {message}");
                let id = message.split("\"messageId\":\"").nth(1).and_then(|rest| rest.split('"').next());
                self.acknowledged.insert(id.expect("all have one").to_owned());
            }
        }
    }

    /// What a person says of two keys, or asks for somebody.
    fn say_or_ask(&mut self) {
        let engine = self.engine();
        let user = self.chance.of(&["u1", "u2", "u3", "a1"]);
        let kind = if user.starts_with('u') { "user_id" } else { "anonymous_id" };
        match self.chance.below(5) {
            0 => {
                let (a, b) = (self.chance.of(&["u1", "u2", "u3"]), self.chance.of(&["a1", "a2", "kiosk"]));
                let _ = block_on(engine.unlink(("user_id", a), ("anonymous_id", b), &[]));
            }
            1 => {
                let (a, b) = (self.chance.of(&["u1", "u2"]), self.chance.of(&["u5", "u6"]));
                let _ = block_on(engine.link(("user_id", a), ("user_id", b), &[]));
            }
            2 => {
                let said = BTreeMap::from([("service".to_owned(), self.chance.one_in(2))]);
                let _ = block_on(engine.consent(kind, user, &said));
            }
            _ => {
                // As long as it is remembered: a day is not too long.
                let occasion = format!("page {} of day {}", self.chance.below(3), self.clock.now_us() / DAY_US);
                let ask = Ask {
                    keys: vec![(kind.to_owned(), user.to_owned())],
                    occasion: Some(engine::Occasion::Named(occasion)),
                };
                let _ = block_on(engine.decide(ask));
            }
        }
    }

    /// Somebody is erased. Their keys do not come again, because what others sent with one of them names it still.
    fn erase(&mut self) {
        let known = |keep: &Memory| loop {
            let Ok(keys) = block_on(keep.every_key(None, 1_000)) else { continue };
            break keys
                .into_iter()
                .map(|key| String::from_utf8(key.bytes).expect("it is text"))
                .collect::<BTreeSet<_>>();
        };
        let before = known(&self.keep);
        let lot = usize::try_from(self.chance.below(20)).expect("it is small");
        let Some((kind, value)) = before.iter().nth(lot).and_then(|key| key.split_once('\0')) else { return };
        while block_on(self.engine().erase(&[(kind.to_owned(), value.to_owned())])).is_err() {}
        let after = known(&self.keep);
        self.erased.extend(before.difference(&after).filter_map(|key| Some(key.split_once('\0')?.1.to_owned())));
        (self.again, self.acknowledged) = Default::default();
    }

    fn live(&mut self, seed: u64) {
        if seed % 4 == 1 && self.chance.one_in(20) {
            self.erase();
        }
        match self.chance.below(22) {
            0..=2 => self.say_or_ask(),
            3 => {
                // The process dies, and another one begins.
                let at = self.any();
                let by_us = if at == 0 { 0 } else { WRONG_US[usize::try_from(seed % 5).expect("it is small")] };
                if let Ok(node) = self.node(by_us) {
                    self.replace(at, node);
                }
            }
            4..=6 => {
                let step_us = i64::try_from(self.chance.below(72)).expect("small") * 3_600_000_000;
                self.clock.0.fetch_add(step_us, Ordering::Relaxed);
                let _ = block_on(self.engine().wake_some());
            }
            7 => {
                let at = self.any();
                let node = &mut self.nodes[at];
                if block_on(node.engine.export_some(&self.history, &mut node.reached)).is_err() {
                    node.reached = None;
                }
            }
            8 | 9 => {
                let at = self.any();
                let before = self.got();
                let _ = block_on(self.nodes[at].outbox.deliver_due());
                for (id, message) in self.got().into_iter().filter(|(id, _)| !before.contains_key(id)) {
                    let refused = |(_, key): &&(&str, &str)| message.contains(&format!(r#""subject":"{key}""#));
                    let refused =
                        self.refused.keys().find(refused).filter(|_| message.contains(r#""purpose":"service""#));
                    assert!(refused.is_none(), "{refused:?} had refused {id}: {message}");
                }
            }
            _ => self.send(),
        }
        self.clock.0.fetch_add(1 + i64::try_from(self.chance.below(60_000_000)).expect("small"), Ordering::Relaxed);
    }

    /// What arrived, by id.
    fn got(&self) -> BTreeMap<String, String> {
        let got = self.receiver.got.lock().expect("nobody panics");
        let text = |messages: &BTreeSet<Vec<u8>>| messages.iter().map(|m| String::from_utf8_lossy(m)).collect();
        got.iter().map(|(id, messages)| (id.clone(), text(messages))).collect()
    }

    /// Everybody who is known wants to be served, so that nothing is withheld any more.
    fn everybody_consents(&self) {
        let said = BTreeMap::from([("service".to_owned(), true)]);
        for key in block_on(self.keep.every_key(None, 1_000)).expect("nothing fails") {
            let key = String::from_utf8(key.bytes).expect("it is text");
            let (kind, value) = key.split_once('\0').expect("it has a kind");
            block_on(self.nodes[0].engine.consent(kind, value, &said)).expect("nothing fails");
        }
    }

    /// Who had refused to be served and consents now has said so since, whoever it was one with meanwhile.
    fn a_refusal_stays(&mut self) {
        for key in keys() {
            let shown = loop {
                if let Ok(shown) = block_on(self.nodes[0].engine.customer(key.0, key.1)) {
                    break shown;
                }
            };
            let said = shown.and_then(|shown| shown.consents.into_iter().next());
            let said = said.map(|said| {
                let at = Timestamp::parse(&said.at, &jiff::tz::TimeZone::UTC).expect("a time");
                (said.granted, at.as_micros())
            });
            if let Some(refused_us) = self.refused.remove(&key) {
                let (granted, at_us) = said.expect("what was said is not forgotten");
                assert!(!granted || at_us > refused_us, "{key:?} consents again, and has not said so");
            }
            self.refused.extend(said.filter(|(granted, _)| !granted).map(|(_, at_us)| (key, at_us)));
        }
    }

    /// Whoever was sent something by a key is sent no more by it than the caps allow.
    fn nobody_gets_too_much(&self) {
        let mut got: BTreeMap<(String, String), Vec<i64>> = BTreeMap::new();
        for message in self.receiver.got.lock().expect("nobody panics").values().flatten() {
            let message: serde_json::Value = serde_json::from_slice(message).expect("it is JSON");
            let text = |value: &serde_json::Value| {
                value.as_str().unwrap_or_else(|| panic!("{value} is no text in {message}")).to_owned()
            };
            let at = Timestamp::parse(&text(&message["time"]), &jiff::tz::TimeZone::UTC).expect("a time");
            let whom = (text(&message["subject"]), text(&message["data"]["action"]));
            got.entry(whom).or_default().push(at.as_micros());
        }
        for ((subject, action), mut times) in got {
            times.sort_unstable();
            let (_, per_us) = CAPS_US.iter().find(|(name, _)| *name == action).expect("no other is delivered");
            // A clock that is ahead lets others forget too soon.
            let per_us = per_us - 2 * WRONG_US[3];
            let too_soon = times.windows(2).find(|pair| pair[1] - pair[0] < per_us);
            assert!(too_soon.is_none(), "{subject} got {action} too often: {times:?}");
        }
    }

    /// All that is due was worked off: nobody waits for a time that has passed.
    fn no_timer_is_lost(&self) {
        let now = Timestamp::from_micros(self.clock.now_us()).to_string();
        for (kind, value) in keys() {
            let shown = block_on(self.nodes[0].engine.customer(kind, value)).expect("nothing fails");
            let wakes = shown.and_then(|shown| shown.wakes_at);
            assert!(wakes.as_ref().is_none_or(|at| *at > now), "{value} should have woken at {wakes:?}");
        }
    }

    /// Whatever was decided was decided once for its occasion, and arrives under one id, always with the same message.
    fn every_action_goes_out_once(&self) {
        let outbox = &self.nodes[0].outbox;
        // What was withheld, too.
        for name in ["crm", "mail"] {
            drop(block_on(outbox.resend_all(name, &[])));
        }
        while block_on(self.keep.queues()).expect("nothing fails").iter().any(|queue| queue.waiting > 0) {
            self.clock.0.fetch_add(2 * DAY_US + 5 * 3_600_000_000, Ordering::Relaxed);
            block_on(outbox.deliver_due()).expect("nothing fails");
            for name in ["crm", "mail"] {
                drop(block_on(outbox.go_on(name, &[])));
                drop(block_on(outbox.resend_all(name, &[])));
            }
        }
        let (mut posted, mut occasions) = (BTreeSet::new(), BTreeSet::new());
        for logged in block_on(self.keep.log(0, 1_000_000)).expect("nothing fails") {
            let Some(decided) = block_on(decision_of(&*self.keep, &logged)).expect("it can be read") else { continue };
            let (customer, occasion) = (decided.customer.to_string(), decided.occasion);
            let Some(action) = decided.action else { continue };
            assert!(occasions.insert((customer.clone(), occasion.clone())), "decided twice: {}", decided.json);
            if let Some(target) = decided.delivered_to {
                posted.insert(message_id(&[&target, &customer, &action, &occasion]));
            }
        }
        let got = self.receiver.got.lock().expect("nobody panics");
        assert!(got.values().all(|messages| messages.len() == 1), "an id has come with two messages");
        let known = got.keys().filter(|id| self.erased.is_empty() || posted.contains(*id));
        assert!(posted.iter().eq(known), "{posted:?} were posted, {:?} arrived", got.keys());
    }

    /// Nothing fails any more: what has to hold then.
    fn end(&mut self) {
        self.keep.order_faults(|_| None);
        for at in 0..2 {
            let node = self.node(0).expect("nothing fails");
            self.replace(at, node);
        }
        // Leases of timers that were taken end.
        self.clock.0.fetch_add(DAY_US, Ordering::Relaxed);
        let engine = Arc::clone(&self.nodes[0].engine);
        while block_on(engine.wake_some()).expect("nothing fails") > 0 {}
        self.no_timer_is_lost();
        block_on(self.nodes[1].engine.learn()).expect("nothing fails");
        assert_eq!(self.nodes[1].engine.learnt(), engine.learnt(), "nodes that have learnt different things");
        self.everybody_consents();
        let mut reached = None;
        let mut tries = 0;
        loop {
            match block_on(engine.export_some(&self.history, &mut reached)) {
                Ok(false) => break,
                Ok(true) => {}
                Err(_) => reached = None,
            }
            tries += 1;
            assert!(tries < 100, "history never ends");
        }
        let taken = self.history.taken.lock().expect("nobody panics");
        assert!(taken.1.values().all(|times| *times == 1), "an event is in history twice");
        for id in &self.acknowledged {
            assert!(taken.1.contains_key(id), "{id} was acknowledged and is lost");
        }
        drop(taken);
        self.every_action_goes_out_once();
        if self.erased.is_empty() {
            self.nobody_gets_too_much();
        }
        let compared = block_on(engine.compare_with_log()).expect("nothing fails");
        assert_eq!(compared.differing, [0; 0], "states that are not their replay");
    }
}

#[test]
fn whatever_happens_nothing_is_lost_and_every_state_is_its_replay() {
    let (mut happened, mut runs) = ([0; 5], 0);
    testkit::each_seed(AGAIN, 1_000, |seed| {
        let mut world = World::new(seed);
        for _ in 0..40 + seed % 80 {
            world.live(seed);
            // It takes longer than all else, and where somebody is erased nobody else is as they were.
            if seed % 4 == 2 {
                world.a_refusal_stays();
            }
        }
        world.end();
        for (sum, count) in happened.iter_mut().zip(world.happened) {
            *sum += count;
        }
        runs += 1;
    });
    // What never happens proves nothing.
    assert!(runs < 1_000 || happened.iter().all(|n| *n > 1_000), "{happened:?}");
}
