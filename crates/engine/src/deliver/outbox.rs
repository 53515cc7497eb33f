//! The outbox: takes what is due, sends it, and writes down what came of it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use futures::future::join_all;
use futures::stream::FuturesUnordered;
use futures::stream::StreamExt as _;
use hashbrown::HashMap;
use keep::{Commit, Delivery, Keep, Outcome, Post, RecordChange, Settled, Take};
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep};

use super::counts::{Counters, Counts};
use super::error::Error;
use super::gate::{Gate, Sending};
use super::judge::{Verdict, judge};
use super::limits::{IN_FLIGHT, LEASE_US, PAGE, POLL, REFRESH, TRIES_MAX, UNSURE_KNOWN, UNSURE_US, UNSURE_US_MAX};
use super::stored::{self, Known, record_name};
use super::target::Target;
use super::wire::{Answer, Request, Wire};
use crate::clock::Clock;

/// Delivers what is posted, and manages where it goes.
#[derive(Debug)]
pub struct Outbox {
    pub(super) keep: Arc<dyn Keep>,
    pub(super) clock: Arc<dyn Clock>,
    wire: Arc<dyn Wire>,
    gate: Option<Arc<dyn Gate>>,
    lanes: Mutex<BTreeMap<String, Arc<Lane>>>,
    /// Rings when there is another target, or one less.
    pub(super) targets: Notify,
    counters: Counters,
}

/// What the process knows of a target's queue.
#[derive(Debug, Default)]
pub(super) struct Lane {
    /// Rings when something may be due.
    pub(super) bell: Notify,
    /// Until when the target wants to be left alone.
    pub(super) quiet_until_us: AtomicI64,
    /// Deliveries of which it cannot be told whether they may be sent, by their ids: until when each was put off last, and by how much.
    unsure: Mutex<HashMap<Vec<u8>, (i64, i64)>>,
}

impl Lane {
    /// It cannot be told now whether this delivery may be sent: says until when it waits.
    fn unsure(&self, id: &[u8], now_us: i64) -> i64 {
        let mut unsure = self.unsure.lock().unwrap_or_else(PoisonError::into_inner);
        let by_us = unsure.get(id).map_or(UNSURE_US, |(_, by_us)| by_us.saturating_mul(2).min(UNSURE_US_MAX));
        let until_us = now_us.saturating_add(by_us);
        if unsure.len() >= UNSURE_KNOWN {
            // Somebody else has sent them, or they are gone.
            unsure.retain(|_, (until_us, _)| until_us.saturating_add(LEASE_US) > now_us);
        }
        if unsure.len() < UNSURE_KNOWN || unsure.contains_key(id) {
            unsure.insert(id.to_owned(), (until_us, by_us));
        }
        until_us
    }

    /// It could be told.
    fn sure(&self, id: &[u8]) {
        self.unsure.lock().unwrap_or_else(PoisonError::into_inner).remove(id);
    }
}

/// A delivery that was tried, or could not be, and what came of it.
#[derive(Debug)]
struct Tried {
    known: Known,
    delivery: Delivery,
    came: Came,
    at_us: i64,
    /// Whether there is no such target any more.
    removed: bool,
}

#[derive(Debug)]
enum Came {
    Answered(Answer),
    /// It may not be sent, or not now.
    NotSent(Outcome),
}

impl Came {
    fn verdict(&self, target: &Target, delivery: &Delivery, at_us: i64) -> Verdict {
        match self {
            Came::Answered(answer) => judge(target, delivery, answer, at_us),
            Came::NotSent(outcome) => Verdict { outcome: outcome.clone(), target: None, quiet_until_us: None },
        }
    }
}

impl Outbox {
    /// An outbox that sends over this wire what is posted to `keep`.
    pub fn new(keep: Arc<dyn Keep>, clock: Arc<dyn Clock>, wire: Arc<dyn Wire>) -> Self {
        let (lanes, targets, counters) = (Mutex::default(), Notify::new(), Counters::default());
        Self { keep, clock, wire, gate: None, lanes, targets, counters }
    }

    /// The same, which asks this one before each attempt whether it may be made.
    #[must_use]
    pub fn asking(self, gate: Arc<dyn Gate>) -> Self {
        Self { gate: Some(gate), ..self }
    }

    /// Something was posted to this target. What nobody tells is found a moment later all the same.
    pub fn posted(&self, target: &str) {
        self.lane(target).bell.notify_one();
    }

    /// What was done since the process began.
    pub fn counts(&self) -> Counts {
        self.counters.read()
    }

    /// Delivers until `stop` is true, a task for each target; then ends when what was begun has ended. Whoever drops it gives up
    /// what was begun: it is sent again when its lease ends.
    pub async fn run(self: Arc<Self>, mut stop: watch::Receiver<bool>) {
        let mut tasks = JoinSet::new();
        let mut running = BTreeMap::new();
        loop {
            // Where targets cannot be read, those that are known go on.
            for name in self.target_names().await.unwrap_or_default() {
                let task = running.get(&name);
                if task.is_none_or(tokio::task::AbortHandle::is_finished) {
                    let work = Arc::clone(&self).work(name.clone(), stop.clone());
                    running.insert(name, tasks.spawn(work));
                }
            }
            while tasks.try_join_next().is_some() {}
            tokio::select! {
                () = stopped(&mut stop) => break,
                () = sleep(REFRESH) => {}
                () = self.targets.notified() => {}
            }
        }
        while tasks.join_next().await.is_some() {}
    }

    /// Attempts once whatever is due now, target by target, and says how many attempts that were. For simulations, whose
    /// clock stands still meanwhile.
    ///
    /// # Errors
    /// When live state cannot be read. What was tried and could not be written down is tried again when its lease ends.
    pub async fn deliver_due(&self) -> Result<usize, Error> {
        let mut attempts = 0;
        for name in self.target_names().await? {
            while let Some(taken) = self.take(&name, IN_FLIGHT).await?.filter(|taken| !taken.is_empty()) {
                attempts += taken.len();
                join_all(taken.into_iter().map(|(known, delivery)| self.attempt(known, delivery))).await;
            }
        }
        Ok(attempts)
    }

    /// Works on the queue of a target until it is there no more, or `stop` is true.
    async fn work(self: Arc<Self>, name: String, mut stop: watch::Receiver<bool>) {
        let lane = self.lane(&name);
        let mut attempts = FuturesUnordered::new();
        let mut unsettled: Vec<Tried> = Vec::new();
        let mut poll = interval(POLL);
        poll.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut going_on = true;
        loop {
            if !going_on && attempts.is_empty() {
                self.settle_all(&mut unsettled).await;
                return;
            }
            // Nothing more is sent while nothing can be written down (a full disk), or it would be sent again and again.
            if going_on && unsettled.is_empty() {
                match self.take(&name, IN_FLIGHT - attempts.len()).await {
                    Ok(Some(taken)) => attempts.extend(taken.into_iter().map(|(known, it)| self.attempt(known, it))),
                    Ok(None) => going_on = false,
                    // Live state cannot be read for now.
                    Err(_) => {}
                }
            }
            tokio::select! {
                Some(left) = attempts.next() => unsettled.extend(left),
                () = lane.bell.notified(), if going_on => {}
                () = stopped(&mut stop), if going_on => going_on = false,
                _ = poll.tick() => self.settle_all(&mut unsettled).await,
            }
        }
    }

    /// Takes what is due at a target, up to so many, with what is known of it. `None`: there is no such target.
    async fn take(&self, name: &str, limit: usize) -> Result<Option<Vec<(Known, Delivery)>>, Error> {
        let Some(known) = self.known(name).await? else { return Ok(None) };
        let now_us = self.clock.now_us();
        let is_quiet = now_us < self.lane(name).quiet_until_us.load(Ordering::Relaxed);
        if limit == 0 || is_quiet || known.target.hold.is_some() {
            return Ok(Some(Vec::new()));
        }
        let taken = self.keep.deliveries(name, Take { now_us, limit, lease_us: LEASE_US }).await?;
        Ok(Some(taken.into_iter().map(|delivery| (known.clone(), delivery)).collect()))
    }

    /// Sends it if it may be sent, and writes down what came of it. What could not be written down comes back.
    async fn attempt(&self, known: Known, delivery: Delivery) -> Option<Tried> {
        let sending = match &self.gate {
            Some(gate) => self.ask(gate, &known.target.name, &delivery.post).await,
            None => Sending::Now,
        };
        let came = match sending.outcome() {
            Some(outcome) => Came::NotSent(outcome),
            None => Came::Answered(self.send(&known, &delivery).await),
        };
        let at_us = self.clock.now_us();
        self.settle(Tried { known, delivery, came, at_us, removed: false }).await
    }

    /// Whether it may be sent; where that cannot be told, not yet.
    async fn ask(&self, gate: &Arc<dyn Gate>, target: &str, post: &Post) -> Sending {
        let asked = gate.ask(post, self.clock.now_us()).await;
        let lane = self.lane(target);
        asked.inspect(|_| lane.sure(&post.id)).unwrap_or_else(|error| Sending::NotBefore {
            until_us: lane.unsure(&post.id, self.clock.now_us()),
            why: format!("it cannot be told whether it may be sent: {error}"),
        })
    }

    async fn send(&self, known: &Known, delivery: &Delivery) -> Answer {
        let answer = match Request::new(&known.target, &delivery.post, self.clock.now_us()) {
            Some(request) => self.wire.send(&known.target, &request).await,
            None => Answer::Failed { why: "its id cannot be that of a webhook".to_owned() },
        };
        self.counters.answered(&answer);
        answer
    }

    /// Writes down what came of an attempt; comes back with it where that is not possible for now.
    async fn settle(&self, mut tried: Tried) -> Option<Tried> {
        for _ in 0..TRIES_MAX {
            let Tried { known, delivery, came, at_us, removed } = &tried;
            let mut verdict = came.verdict(&known.target, delivery, *at_us);
            verdict.target.take_if(|_| *removed);
            match self.keep.commit(commit(known, delivery, &verdict, self.clock.now_us())).await {
                Ok(_) => {
                    self.counters.settled(&verdict.outcome);
                    if let Some(until_us) = verdict.quiet_until_us {
                        self.lane(&known.target.name).quiet_until_us.fetch_max(until_us, Ordering::Relaxed);
                    }
                    return None;
                }
                // Somebody else took it when its lease had ended, or its customer was erased.
                Err(keep::Error::Conflict(conflict)) if !conflict.settled.is_empty() => return None,
                // The target is not as it was when this was sent.
                Err(keep::Error::Conflict(_)) => match self.known(&known.target.name).await {
                    Ok(Some(now)) => tried.known = now,
                    Ok(None) => tried.removed = true,
                    Err(_) => return Some(tried),
                },
                Err(_) => return Some(tried),
            }
        }
        Some(tried)
    }

    /// Writes down what could not be written down before, and keeps what still cannot.
    async fn settle_all(&self, unsettled: &mut Vec<Tried>) {
        let left = join_all(unsettled.drain(..).map(|tried| self.settle(tried))).await;
        unsettled.extend(left.into_iter().flatten());
    }

    pub(super) fn lane(&self, target: &str) -> Arc<Lane> {
        let mut lanes = self.lanes.lock().expect("nothing panics while it holds the lanes");
        Arc::clone(lanes.entry(target.to_owned()).or_default())
    }

    /// What is kept of a target.
    pub(super) async fn known(&self, name: &str) -> Result<Option<Known>, Error> {
        let name = record_name(name);
        let found = self.keep.records(&name, None, 1).await?;
        found.first().filter(|record| record.name == name).map(stored::decode).transpose()
    }

    pub(super) async fn target_names(&self) -> Result<Vec<String>, Error> {
        let mut names: Vec<String> = Vec::new();
        loop {
            let after = names.last().map(|name| record_name(name));
            let page = self.keep.records(stored::PREFIX, after.as_deref(), PAGE).await?;
            let is_last = page.len() < PAGE;
            names.extend(
                page.into_iter().filter_map(|record| Some(record.name.strip_prefix(stored::PREFIX)?.to_owned())),
            );
            if is_last {
                return Ok(names);
            }
        }
    }
}

/// Writes down what became of a delivery and its target, if the target is as it was.
fn commit(known: &Known, delivery: &Delivery, verdict: &Verdict, now_us: i64) -> Commit {
    let settled = Settled { id: delivery.post.id.clone(), lease: delivery.lease, outcome: verdict.outcome.clone() };
    let mut commit = Commit { now_us, settled: vec![settled], ..Commit::default() };
    if let Some(target) = &verdict.target {
        let bytes = Some(stored::encode(target));
        commit.records = vec![RecordChange { name: record_name(&target.name), expected: Some(known.version), bytes }];
        if target.hold.is_some() && known.target.hold.is_none() {
            commit.paused = vec![(target.name.clone(), true)];
        }
    }
    commit
}

/// Waits until it is to end; also when whoever would say so is gone.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    // An error says that nobody can say so any more.
    let _ = stop.wait_for(|stop| *stop).await;
}
