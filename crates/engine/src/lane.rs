//! Batches that come at the same time are taken in together: one load, one step for each customer, one commit. So no two of
//! them are in each other's way, and what a commit costs is shared.
//!
//! There is no task for it. Whoever gets a lane takes along all that waits, its own batch with the others, while those that come
//! meanwhile gather for the next turn. There are a few lanes, so that one group is worked on while another one is written, and a
//! batch about somebody who is in another lane just now waits for that one. One more lane takes small batches alone, because
//! somebody who asks what to do next is waiting behind them, and has no time for a large group. A batch that takes the history of a customer is left
//! to its sender, so that it holds up nobody else.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use hashbrown::HashSet;
use tokio::sync::{Notify, Semaphore, SemaphorePermit, oneshot};

use crate::engine::Engine;
use crate::error::Error;
use crate::limits::{BATCHES_WAITING, LANES, QUICK_MESSAGES, TOGETHER_BYTES, TOGETHER_MESSAGES};
use crate::message::{Inbox, Item, Took};
use crate::take::Undone;

/// Where batches wait, and what is on its way.
#[derive(Debug)]
pub(crate) struct Lanes {
    inner: Mutex<Inner>,
    turns: Semaphore,
    /// The lane of small batches.
    quick: Semaphore,
    /// Told when a group is through.
    through: Notify,
}

#[derive(Debug, Default)]
struct Inner {
    waiting: VecDeque<Batch>,
    /// Keys, by their hashes, of all groups that are on their way.
    busy: HashSet<u64>,
}

/// A batch of one sender.
#[derive(Debug)]
struct Batch {
    items: Vec<Item>,
    /// By their hashes. Two that share one wait for each other, no more.
    keys: Vec<u64>,
    now_us: i64,
    answer: oneshot::Sender<Answer>,
}

/// What its sender is told.
#[derive(Debug)]
enum Answer {
    Done(Result<Vec<Took>, Error>),
    /// It takes the history of a customer, which takes time.
    Alone(Vec<Item>),
}

/// Batches that are on their way; they are through when it is dropped.
struct Group<'l> {
    lanes: &'l Lanes,
    batches: Vec<Batch>,
    keys: Vec<u64>,
}

impl Drop for Group<'_> {
    fn drop(&mut self) {
        // Those who wait for somebody else would wake each other, again and again, each by finding nothing to do.
        if self.keys.is_empty() {
            return;
        }
        let mut inner = self.lanes.inner();
        for key in &self.keys {
            inner.busy.remove(key);
        }
        drop(inner);
        self.lanes.through.notify_waiters();
    }
}

impl Default for Lanes {
    fn default() -> Self {
        let (turns, quick) = (Semaphore::new(LANES), Semaphore::new(1));
        Self { inner: Mutex::default(), turns, quick, through: Notify::new() }
    }
}

impl Lanes {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn join(&self, items: Vec<Item>, now_us: i64) -> Result<oneshot::Receiver<Answer>, Error> {
        let (answer, answered) = oneshot::channel();
        let keys = items.iter().flat_map(Item::key_hashes).collect();
        let mut inner = self.inner();
        if inner.waiting.len() >= BATCHES_WAITING {
            return Err(Error::Busy);
        }
        inner.waiting.push_back(Batch { items, keys, now_us, answer });
        Ok(answered)
    }

    /// Waits for a lane, and says whether it takes small batches alone.
    async fn lane(&self, small: bool) -> (Option<SemaphorePermit<'_>>, bool) {
        // Nobody closes them.
        tokio::select! {
            biased;
            turn = self.turns.acquire() => (turn.ok(), false),
            turn = self.quick.acquire(), if small => (turn.ok(), true),
        }
    }

    /// Those that have been waiting for longest and can go, as many as are taken in together; of small ones alone, or of all.
    fn next(&self, quick: bool) -> Group<'_> {
        let mut group = Group { lanes: self, batches: Vec::new(), keys: Vec::new() };
        let mut inner = self.inner();
        let (mut messages, mut bytes) = (0, 0);
        // About whom somebody waits already: nobody overtakes, or who is about many could wait for ever.
        let mut behind: HashSet<u64> = HashSet::new();
        for batch in std::mem::take(&mut inner.waiting) {
            let full = messages >= TOGETHER_MESSAGES || bytes >= TOGETHER_BYTES;
            if full
                || (quick && !batch.is_small())
                || batch.keys.iter().any(|key| inner.busy.contains(key) || behind.contains(key))
            {
                behind.extend(&batch.keys);
                inner.waiting.push_back(batch);
            } else {
                messages += batch.items.len();
                bytes += batch.items.iter().map(Item::bytes).sum::<usize>();
                group.batches.push(batch);
            }
        }
        group.keys = group.batches.iter_mut().flat_map(|batch| std::mem::take(&mut batch.keys)).collect();
        inner.busy.extend(&group.keys);
        drop(inner);
        group
    }
}

impl Engine {
    /// Takes in messages, and says what became of each, in their order. When it returns, they are durable.
    ///
    /// # Errors
    /// When they cannot be taken in now; then it is safe to send all of them again, and those that were taken in are
    /// recognised.
    pub async fn take(&self, inbox: Inbox<'_>) -> Result<Vec<Took>, Error> {
        let now_us = inbox.received().as_micros();
        let small = inbox.items.len() <= QUICK_MESSAGES;
        let mut answered = self.lanes.join(inbox.items, now_us)?;
        let answer = loop {
            tokio::select! {
                biased;
                // Whoever took it along may have gone.
                answer = &mut answered => break answer.map_err(|_| Error::Busy)?,
                (turn, quick) = self.lanes.lane(small) => {
                    let through = self.lanes.through.notified();
                    let group = self.lanes.next(quick);
                    if !group.batches.is_empty() {
                        self.take_together(group).await;
                        continue;
                    }
                    drop(turn);
                    tokio::select! {
                        biased;
                        answer = &mut answered => break answer.map_err(|_| Error::Busy)?,
                        () = through => {}
                    }
                }
            }
        };
        let took = match answer {
            Answer::Done(took) => took?,
            Answer::Alone(items) => {
                let _turn = self.turn().await?;
                self.take_alone(&items.iter().collect::<Vec<_>>(), now_us).await?
            }
        };
        self.count(&took);
        Ok(took)
    }

    /// Takes in what is together, and answers.
    async fn take_together(&self, mut group: Group<'_>) {
        let batches = std::mem::take(&mut group.batches);
        // What is received a moment later than it says is received all the same.
        let Some(now_us) = batches.iter().map(|batch| batch.now_us).max() else { return };
        let items: Vec<&Item> = batches.iter().flat_map(|batch| &batch.items).collect();
        match self.take_at_once(&items, now_us).await {
            Ok(took) => {
                drop(group);
                let mut took = took.into_iter();
                for batch in batches {
                    let own = took.by_ref().take(batch.items.len()).collect();
                    batch.tell(Answer::Done(Ok(own)));
                }
            }
            // What is in the way of one is not to be in the way of the others.
            Err(_) if batches.len() > 1 => {
                for batch in batches {
                    let items: Vec<&Item> = batch.items.iter().collect();
                    let took = self.take_at_once(&items, batch.now_us).await;
                    batch.end(took);
                }
            }
            Err(undone) => batches.into_iter().for_each(|batch| batch.end(Err(undone.clone()))),
        }
    }
}

impl Batch {
    fn is_small(&self) -> bool {
        self.items.len() <= QUICK_MESSAGES
    }

    fn end(mut self, took: Result<Vec<Took>, Undone>) {
        let answer = match took {
            Ok(took) => Answer::Done(Ok(took)),
            Err(Undone::TooMuchAround | Undone::TakesHistory) => Answer::Alone(std::mem::take(&mut self.items)),
            Err(Undone::Failed(error)) => Answer::Done(Err(error.into())),
        };
        self.tell(answer);
    }

    fn tell(self, answer: Answer) {
        // Whoever asked may have gone; what was done is done all the same.
        let _ = self.answer.send(answer);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::Ordering;

    use charter::Charter;
    use futures::executor::block_on;
    use futures::future::{join, join_all};
    use keep::{Keep, Memory, Wanted};
    use listen::intake::{Body, Endpoint, Received};

    use super::*;
    use crate::{Options, SystemClock};

    const SHOP: &str = "charter: 1\nmoments: {visit: {when: event = 'Visit'}}\nfeatures: {visits: {count: visit}}\n";

    fn engine() -> (Arc<Memory>, Arc<Engine>) {
        let charter = Charter::parse(SHOP).unwrap_or_else(|problems| panic!("{problems:#?}")).0;
        let keep = Arc::new(Memory::default());
        let opened =
            Engine::open(Arc::<Memory>::clone(&keep), Arc::new(charter), Arc::new(SystemClock), Options::default());
        (keep, block_on(opened).expect("memory is there"))
    }

    fn visits<'e>(engine: &'e Engine, user: &str, times: &[&str]) -> Inbox<'e> {
        let visit = |time: &&str| {
            format!(
                r#"{{"type":"track","event":"Visit","userId":"{user}","messageId":"{user} {time}","timestamp":"{time}"}}"#
            )
        };
        let body = format!("{{\"batch\":[{}]}}", times.iter().map(visit).collect::<Vec<_>>().join(","));
        let mut inbox = engine.inbox();
        let received = Received { at: inbox.received(), source: None, peer: None };
        let body = Body::parse(body.as_bytes(), Endpoint::Batch).expect("a body");
        body.read(&received, &mut inbox).expect("nobody stops it");
        inbox
    }

    /// Has these taken in once all of them wait.
    fn take_all(engine: &Engine, inboxes: Vec<Inbox<'_>>) -> Vec<Vec<Took>> {
        let held = engine.lanes.turns.try_acquire_many(u32::try_from(LANES).expect("few")).expect("they are free");
        let quick = engine.lanes.quick.try_acquire().expect("it is free");
        let all = join_all(inboxes.into_iter().map(|inbox| engine.take(inbox)));
        let (took, ()) = block_on(join(all, async { drop((held, quick)) }));
        took.into_iter().map(|took| took.expect("memory takes it")).collect()
    }

    fn commits(keep: &Memory) -> u64 {
        let as_of = block_on(keep.load(&Wanted::default())).expect("memory is there").as_of.0;
        // The first one has made the home's seed.
        as_of - 1
    }

    fn is_its_replay(engine: &Arc<Engine>) {
        let compared = block_on(engine.compare_with_log()).expect("memory is there");
        assert_eq!(compared.differing, [0; 0], "of {} customers", compared.customers);
    }

    #[test]
    fn batches_that_wait_go_together_and_each_hears_of_its_own() {
        let (keep, engine) = engine();
        let inboxes = vec![
            visits(&engine, "ann", &["2026-01-01", "2026-01-02"]),
            visits(&engine, "bob", &[]),
            visits(&engine, "ann", &["2026-01-02", "2026-01-03"]),
        ];
        let took = take_all(&engine, inboxes);
        assert_eq!(took, [vec![Took::Stored, Took::Stored], vec![], vec![Took::Duplicate, Took::Stored]]);
        assert_eq!(commits(&keep), 1);
        is_its_replay(&engine);
    }

    #[test]
    fn one_that_takes_history_goes_alone() {
        let (keep, engine) = engine();
        let days: Vec<String> = (10..28).map(|day| format!("2026-01-{day}")).collect();
        let days: Vec<&str> = days.iter().map(String::as_str).collect();
        take_all(&engine, vec![visits(&engine, "ann", &days)]);
        let inboxes = vec![visits(&engine, "ann", &["2026-01-01"]), visits(&engine, "bob", &["2026-01-01"])];
        assert_eq!(take_all(&engine, inboxes), [[Took::Stored], [Took::Stored]]);
        assert_eq!((commits(&keep), engine.counts().rebuilt.load(Ordering::Relaxed)), (3, 1));
        is_its_replay(&engine);
    }

    #[test]
    fn whoever_is_about_somebody_on_the_way_waits() {
        let (_, engine) = engine();
        let lanes = &engine.lanes;
        let join = |user| lanes.join(visits(&engine, user, &["2026-01-01"]).items, 0).expect("there is room");
        let _ann = join("ann");
        let group = lanes.next(false);
        let mut both = visits(&engine, "ann", &["2026-01-01"]).items;
        both.extend(visits(&engine, "carl", &["2026-01-01"]).items);
        let _others = (lanes.join(both, 0).expect("there is room"), join("bob"), join("carl"));
        assert_eq!(
            lanes.next(false).batches.len(),
            1,
            "bob need not wait, and carl does not overtake the one about both"
        );
        assert!(lanes.next(false).batches.is_empty());
        drop(group);
        assert_eq!(lanes.next(false).batches.len(), 2);
    }

    #[test]
    fn small_batches_need_not_wait_for_large_ones() {
        let (_, engine) = engine();
        let lanes = &engine.lanes;
        let days: Vec<String> = (10..=10 + QUICK_MESSAGES).map(|day| format!("2026-01-{day}")).collect();
        let days: Vec<&str> = days.iter().map(String::as_str).collect();
        let join = |user, days| lanes.join(visits(&engine, user, days).items, 0).expect("there is room");
        let _all = (join("ann", days.as_slice()), join("ann", &["2026-02-01"]), join("bob", &["2026-02-01"]));
        let quick = lanes.next(true);
        assert_eq!(quick.batches.len(), 1, "bob goes, and who is about the same customer as a large one waits for it");
        assert_eq!(lanes.next(false).batches.len(), 2);
    }
}
