//! The live side of a home: what is kept there, the engine over it, and the lake as its history.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use engine::{Clock as _, Engine, Error, History as _, HomeClock, Options, SystemClock};
use evidence::counted;
use keep::{Commit, Embedded, EmbeddedOptions, Keep, Postgres, RecordChange, Version};
use lake::{Lake, Origin, Said, Told};
use listen::{NamesNobody, Sink as _, Stop};
use tokio::sync::watch;

use crate::draw;
use crate::home::Home;

mod lake_history;

use lake_history::{LakeHistory, TURN_EVERY, is_anothers_turn, unavailable};

/// The folder of live state in a home.
pub(crate) const LIVE: &str = "live";

/// How often a home is asked what time it is: clocks of machines move apart by some milliseconds in that time.
const CLOCK_EVERY: Duration = Duration::from_mins(1);

/// The live side of a home.
#[derive(Clone)]
pub(crate) struct Live {
    pub(crate) keep: Arc<dyn Keep>,
    pub(crate) engine: Arc<Engine>,
    pub(crate) history: Arc<LakeHistory>,
    /// Whether others may write to it, too.
    shared: bool,
    clock: Arc<HomeClock>,
}

impl Live {
    /// Opens it, and makes it where there is none: in the home, or in a database that others share.
    pub(crate) async fn open(home: &Home, url: Option<&str>) -> Result<Self, crate::error::Error> {
        std::fs::create_dir_all(&home.path).map_err(crate::error::Error::file("make the folder", &home.path))?;
        let known_us = home.charter.message_ids_us.unwrap_or(keep::limits::MESSAGES_KNOWN_US);
        let keep: Arc<dyn Keep> = if let Some(url) = url {
            Arc::new(Postgres::connect(url, known_us).await?)
        } else {
            let options = EmbeddedOptions { messages_known_us: known_us, ..EmbeddedOptions::default() };
            Arc::new(Embedded::open(home.path.join(LIVE), options)?)
        };
        Self::over(keep, home, url.is_some()).await
    }

    /// The engine of a home over what is kept, which others may write to where it is shared.
    pub(crate) async fn over(keep: Arc<dyn Keep>, home: &Home, shared: bool) -> Result<Self, crate::error::Error> {
        let clock = Arc::new(HomeClock::new(Arc::new(SystemClock)));
        clock.put_right(&*keep).await?;
        let node = clock.now_us().cast_unsigned() ^ (u64::from(std::process::id()) << 48);
        let options = Options { node, ..Options::default() };
        let engine =
            Engine::open(Arc::clone(&keep), Arc::clone(&home.charter), Arc::<HomeClock>::clone(&clock), options)
                .await?;
        let history = Arc::new(LakeHistory::new(home.path.clone(), home.rules()));
        Ok(Self { keep, engine, history, shared, clock })
    }

    /// Goes by the clock of the home from now on, whatever becomes of that of this machine.
    pub(crate) async fn keep_time(self, mut stopping: watch::Receiver<bool>) {
        let keeping = async {
            loop {
                tokio::time::sleep(CLOCK_EVERY).await;
                // As long as the home cannot be asked nothing is done by this clock either.
                let _ = self.clock.put_right(&*self.keep).await;
            }
        };
        tokio::select! {
            _ = stopping.wait_for(|stop| *stop) => {}
            () = keeping => {}
        }
    }

    /// Opens it if there is one.
    pub(crate) async fn existing(home: &Home, url: Option<&str>) -> Result<Option<Self>, crate::error::Error> {
        if url.is_none() && !home.path.join(LIVE).is_dir() {
            return Ok(None);
        }
        Self::open(home, url).await.map(Some)
    }

    /// Tells it everything that was imported and that it was not told yet, so that it knows customers as if all had been
    /// sent; says how many events that were. What was told already when somebody ended it is not taken in twice.
    /// Ends with an error when `stop` says so; what was told by then is told once more the next time, and taken in once.
    pub(crate) async fn learn(&self, stop: &watch::Receiver<bool>) -> Result<u64, Error> {
        let first = self.is_new(stop).await?;
        if !first {
            self.lacks_nothing().await?;
        }
        // Before anything comes in: once the log has grown, it can no longer be told that it was shorter.
        self.engine.go_on_from(&*self.history).await?;
        let mut learnt = 0;
        // Before the lake is opened, which may hold somebody who is being erased.
        let _telling = self.history.nobody_is_erased(stop).await?;
        if let Some(lake) = self.history.lake().await? {
            if first {
                draw::note("learning from what was imported: this start takes longer");
                // As long as nothing is there, all follows this charter; said later, all that was learnt would be read again.
                self.engine.follow(stop).await?;
            }
            let (lake, events, told) = self.tell(lake, stop).await?;
            learnt = events;
            if first {
                self.learn_words(&lake).await?;
            }
            // Where nobody else writes to the log, the lake has all of it, so nothing of it has to go there. Otherwise what was
            // told goes there, too, and is recognised.
            let until = if first && !self.shared { Some(self.keep.log_span().await?.end) } else { None };
            if let Some(Told::Before(seq)) = told {
                // Before the lake: what it takes for told is what live state knows, unless that is set back.
                self.say_told(&lake, seq).await?;
            }
            if told.is_some() || until.is_some() {
                self.history.note(Origin::Live { until }, told).await?;
            }
        }
        if first {
            self.say(TOLD, BY_LAKE, Version::NONE).await?;
        }
        Ok(learnt)
    }

    /// The same for whoever does nothing but wait for it.
    pub(crate) async fn learn_now(&self) -> Result<(), Error> {
        let (_never, stop) = watch::channel(false);
        self.learn(&stop).await.map(drop)
    }

    /// Notes in live state what it was told, unless somebody else has noted something since this version; says whether it has.
    async fn say(&self, name: &str, text: &str, expected: Version) -> Result<bool, Error> {
        let (name, bytes) = (name.to_owned(), Some(text.as_bytes().to_vec()));
        let record = RecordChange { name, expected: Some(expected), bytes };
        let now_us = self.engine.clock().now_us();
        match self.keep.commit(Commit { now_us, records: vec![record], ..Commit::default() }).await {
            Ok(_) => Ok(true),
            Err(keep::Error::Conflict(_)) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Notes in live state that it was told what had arrived before this number, unless somebody else has told it more meanwhile:
    /// with less than the lake takes for told, it would pass for set back.
    async fn say_told(&self, lake: &Lake, seq: i64) -> Result<(), Error> {
        let name = told_of(lake)?;
        loop {
            let (version, known) = said(&*self.keep, &name).await?.unwrap_or((Version::NONE, String::new()));
            let is_more = known.parse().is_ok_and(|known: i64| known >= seq);
            if is_more || self.say(&name, &seq.to_string(), version).await? {
                return Ok(());
            }
        }
    }

    /// Where live state was set back, it has been told less than the lake knows: then it is told that again.
    async fn lacks_nothing(&self) -> Result<(), Error> {
        let Some(lake) = self.history.lake().await? else { return Ok(()) };
        let (in_lake, own) = (lake.told_before().await.map_err(unavailable)?, told_of(&lake)?);
        let known = match (said(&*self.keep, &own).await?, said(&*self.keep, TOLD).await?) {
            (Some((_, known)), _) => known.parse().ok(),
            (None, Some((_, text))) if text == BY_LAKE => Some(0),
            // An older program noted one number for all lakes, or that alone that anything was told.
            (None, Some((_, known))) if !self.shared => known.parse().ok(),
            (None, _) => None,
        };
        let Some(known) = known else {
            // Somebody else may have said so by now.
            return self.say(&own, &in_lake.to_string(), Version::NONE).await.map(drop);
        };
        if known >= in_lake {
            return Ok(());
        }
        if !lake.remembers_since(known).await.map_err(unavailable)? {
            draw::note("live state was set back so far that not everything can be told again that was imported since");
        }
        self.history.note(Origin::Live { until: None }, Some(Told::BackTo(known))).await
    }

    /// Whether nobody has told live state anything yet. Then all that the lake has is new to it, and what the lake knows of a
    /// log was of another one.
    async fn is_new(&self, stop: &watch::Receiver<bool>) -> Result<bool, Error> {
        if self.is_told().await? {
            return Ok(false);
        }
        // As long as it is our turn, nobody who shares the home hands anything over: what is noted here comes before that.
        let _turn = self.history.next_turn(stop).await?;
        if self.is_told().await? {
            return Ok(false);
        }
        if self.history.lake().await?.is_some() {
            let until = Some(self.keep.log_span().await?.start);
            self.history.note(Origin::Live { until }, Some(Told::Nothing)).await?;
        }
        Ok(true)
    }

    async fn is_told(&self) -> Result<bool, Error> {
        is_told(&*self.keep).await
    }

    /// Learns what is imported while a server runs, soon after.
    pub(crate) async fn keep_learning(self, mut stopping: watch::Receiver<bool>) {
        let mut is_first = true;
        while !*stopping.borrow() {
            // Why it cannot be told is said by who tries to learn.
            if is_first || self.history.has_untold().await.unwrap_or(true) {
                match self.learn(&stopping).await {
                    Ok(learnt) => {
                        is_first = false;
                        if learnt > 0 {
                            draw::remark("learnt", &format!("learnt from {}", counted(learnt, "event", "events")), &[]);
                        }
                    }
                    Err(_) if *stopping.borrow() => {}
                    // An import may hold the lake.
                    Err(error) => draw::note(&format!("what was imported is not known live yet: {error}")),
                }
            }
            let _ = tokio::time::timeout(LOOKED_EVERY, stopping.changed()).await;
        }
    }

    /// Tells it what it was not told, and says how many events that were and how much has been told with them.
    async fn tell(&self, lake: Lake, stop: &watch::Receiver<bool>) -> Result<(Lake, u64, Option<Told>), Error> {
        let (engine, runtime) = (Arc::clone(&self.engine), tokio::runtime::Handle::current());
        let (rules, stop) = (self.history.rules.clone(), stop.clone());
        let telling = tokio::task::spawn_blocking(move || {
            let (events, said) = (AtomicU64::new(0), Mutex::new(Instant::now()));
            let telling = lake.tell(&rules, |all| {
                for part in all.chunks(TOLD_AT_ONCE) {
                    if *stop.borrow() {
                        return Err(Stopped(Error::Busy));
                    }
                    let mut inbox = engine.inbox();
                    for event in part {
                        match inbox.event(event) {
                            // By a charter that was changed since, its keys name nobody.
                            Err(Stop(error)) if error.is::<NamesNobody>() => {}
                            done => done.map_err(|Stop(error)| Stopped(Error::Damaged(error.to_string())))?,
                        }
                    }
                    runtime.block_on(engine.take(inbox)).map_err(Stopped)?;
                    let told = events.fetch_add(part.len() as u64, Ordering::Relaxed) + part.len() as u64;
                    if let Ok(mut said) = said.try_lock()
                        && said.elapsed() > PROGRESS_EVERY
                    {
                        *said = Instant::now();
                        draw::remark(
                            "learning",
                            &format!("learnt from {} so far", counted(told, "event", "events")),
                            &[],
                        );
                    }
                }
                Ok::<(), Stopped>(())
            });
            runtime.block_on(telling).map(|told| (lake, events.into_inner(), told))
        });
        let told = telling.await.map_err(|error| Error::Damaged(error.to_string()))?;
        told.map_err(|Stopped(error)| error)
    }

    /// Tells it what people said about keys.
    async fn learn_words(&self, lake: &Lake) -> Result<(), Error> {
        for Said { linked, a, b } in lake.said(&self.history.rules).await.map_err(unavailable)? {
            let (a, b) = ((a.0.as_str(), a.1.as_str()), (b.0.as_str(), b.1.as_str()));
            self.engine.hear(linked, a, b).await?;
        }
        Ok(())
    }

    /// Hands everything to the lake that the log has now and the lake has not. What comes in meanwhile need not be there, or
    /// this would not end where other nodes take events in; as long as they hand over themselves they are waited for.
    pub(crate) async fn export(&self) -> Result<(), Error> {
        let end = self.keep.log_span().await?.end;
        let (mut reached, mut since) = (0, Instant::now());
        loop {
            match self.export_before(end).await {
                Err(error) if is_anothers_turn(&error) => {
                    let now = self.history.reached().await?.position;
                    if now > reached {
                        (reached, since) = (now, Instant::now());
                    } else if since.elapsed() > TURN_WAITED {
                        return Err(error);
                    }
                    tokio::time::sleep(TURN_EVERY).await;
                }
                done => return done,
            }
        }
    }

    /// The same as far as this position of the log, as long as it is nobody else's turn.
    async fn export_before(&self, end: u64) -> Result<(), Error> {
        let mut reached = Some(self.engine.go_on_from(&*self.history).await?);
        while reached.is_none_or(|reached| reached.position < end) {
            if !self.engine.export_some(&*self.history, &mut reached).await? {
                break;
            }
        }
        Ok(())
    }
}

/// The record that says that live state was told what had been imported. Before which arrival number that was is noted beside
/// it for each lake, because homes that share live state count what arrives each for itself.
const TOLD: &str = "told what was imported";
/// What it says: of a lake for which nothing is noted, nothing was told.
const BY_LAKE: &str = "by lake";

/// The record that says before which arrival number all was told that was imported into a lake.
fn told_of(lake: &Lake) -> Result<String, Error> {
    Ok(format!("{TOLD} {}", lake.id().map_err(unavailable)?))
}

/// What a record says, and which writing of it.
async fn said(keep: &dyn Keep, name: &str) -> Result<Option<(Version, String)>, Error> {
    let first = keep.records(name, None, 1).await?.pop().filter(|record| record.name == name);
    Ok(first.map(|record| (record.version, String::from_utf8_lossy(&record.bytes).into_owned())))
}

/// Whether live state was told what had been imported; what the lake knows of a log was of another one before.
pub(crate) async fn is_told(keep: &dyn Keep) -> Result<bool, Error> {
    Ok(said(keep, TOLD).await?.is_some())
}

/// How often a server looks whether anything was imported, or its charter changed.
pub(crate) const LOOKED_EVERY: Duration = Duration::from_secs(1);
/// How long somebody who needs it done now tries, as long as nobody else gets further either.
const TURN_WAITED: Duration = Duration::from_mins(1);
/// How often it is said how far learning has come.
const PROGRESS_EVERY: Duration = Duration::from_secs(2);
/// Events that are told at once.
const TOLD_AT_ONCE: usize = 2_000;

/// Why telling ended.
struct Stopped(Error);

impl From<lake::Error> for Stopped {
    fn from(error: lake::Error) -> Self {
        Self(unavailable(error))
    }
}

#[cfg(test)]
mod tests {
    use event::{Event, Key, Timestamp};
    use lake::ImportOptions;

    use super::*;

    /// Takes an event of somebody in.
    async fn take(node: &Live, user: &str, at_s: i64) {
        let keys = [Key { kind: "user_id", value: user }];
        let mut inbox = node.engine.inbox();
        inbox.event(&Event::new("Visit", Timestamp::from_micros(at_s * 1_000_000), &keys)).expect("it fits");
        node.engine.take(inbox).await.expect("taken in");
    }

    /// Imports these events into the lake of a home.
    async fn import(home: &Home, events: std::ops::Range<u32>) {
        let lake = Lake::open_or_create(&home.path).await.expect("a lake");
        let options = ImportOptions { rules: home.rules(), ..ImportOptions::default() };
        let mut importer = lake.importer(options).await.expect("it starts");
        importer.begin_file("events").expect("it begins");
        for n in events {
            let (user, message_id) = (format!("u{n}"), format!("m{}-{n}", home.path.display()));
            let keys = [Key { kind: "user_id", value: &user }];
            let event = Event::new("Visit", Timestamp::from_micros(i64::from(n)), &keys);
            importer.event(&Event { message_id: Some(&message_id), ..event }).expect("it is taken");
        }
        importer.finish().await.expect("imported");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_is_told_of_one_home_says_nothing_of_another() {
        let folder = tempfile::tempdir().expect("a folder");
        let home = |name: &str| {
            std::fs::create_dir(folder.path().join(name)).expect("a folder");
            Home::new(&folder.path().join(name), None).expect("a home")
        };
        let keep = Embedded::open(folder.path().join(LIVE), EmbeddedOptions::default()).expect("it opens");
        let keep: Arc<dyn Keep> = Arc::new(keep);
        let (large, small) = (home("large"), home("small"));
        let node = async |home: &Home| Live::over(Arc::clone(&keep), home, true).await.expect("a node");
        let (_stop, stop) = watch::channel(false);
        import(&large, 0..200).await;
        import(&small, 0..10).await;
        let [of_large, of_small] = [node(&large).await, node(&small).await];
        let learn = async |node: &Live| node.learn(&stop).await.expect("learnt");
        assert_eq!([learn(&of_large).await, learn(&of_small).await], [200, 10]);
        assert_eq!([learn(&of_large).await, learn(&of_small).await], [0, 0], "each was told");
        // Live state is put back to when it did not know the smaller one.
        let records = keep.records(TOLD, None, 9).await.expect("records");
        let change = |record: &keep::Record, bytes: Option<&str>| {
            let bytes = bytes.map(|text| text.as_bytes().to_vec());
            let records = vec![RecordChange { name: record.name.clone(), expected: None, bytes }];
            keep.commit(Commit { records, ..Commit::default() })
        };
        let of_ten = records.iter().find(|record| record.bytes == b"10").expect("it was noted");
        change(of_ten, None).await.expect("committed");
        assert_eq!([learn(&of_large).await, learn(&of_small).await], [0, 10], "what it lacks");
        // An older program noted but one number, of whichever home.
        for record in &records {
            change(record, (record.name == TOLD).then_some("10")).await.expect("committed");
        }
        assert_eq!([learn(&of_large).await, learn(&of_small).await], [0, 0], "nothing is known of what it lacks");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn who_says_late_how_much_was_told_takes_nothing_back_from_anybody() {
        let folder = tempfile::tempdir().expect("a folder");
        let home = Home::new(folder.path(), None).expect("a home");
        let keep = Embedded::open(home.path.join(LIVE), EmbeddedOptions::default()).expect("it opens");
        let keep: Arc<dyn Keep> = Arc::new(keep);
        let (_stop, stop) = watch::channel(false);
        let [slow, other] = [true, true].map(|shared| Live::over(Arc::clone(&keep), &home, shared));
        let (slow, other) = (slow.await.expect("a node"), other.await.expect("another one"));
        import(&home, 0..5).await;
        assert_eq!(other.learn(&stop).await.expect("learnt"), 5);
        import(&home, 5..8).await;
        let lake = Lake::open(&home.path).await.expect("a lake");
        let (lake, events, told) = slow.tell(lake, &stop).await.expect("told");
        assert_eq!((events, told), (3, Some(Told::Before(8))));
        import(&home, 8..12).await;
        assert_eq!(other.learn(&stop).await.expect("learnt"), 7);
        slow.say_told(&lake, 8).await.expect("noted");
        slow.history.note(Origin::Live { until: None }, told).await.expect("noted");
        assert_eq!(other.learn(&stop).await.expect("learnt"), 0, "it was told all");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_another_node_took_in_before_an_erasure_is_not_handed_over_after_it() {
        // Of whom the lake has something by then, and of whom it has nothing; also where whoever erased them came no further than
        // live state, and all that says so is that it is done again.
        for (first, again) in [("gone", false), ("stays", false), ("stays", true)] {
            is_not_handed_over_after_an_erasure(first, again).await;
        }
    }

    async fn is_not_handed_over_after_an_erasure(first: &str, again: bool) {
        let folder = tempfile::tempdir().expect("a folder");
        let home = Home::new(folder.path(), None).expect("a home");
        let keep = Embedded::open(home.path.join(LIVE), EmbeddedOptions::default()).expect("it opens");
        let keep: Arc<dyn Keep> = Arc::new(keep);
        let node = Live::over(Arc::clone(&keep), &home, true).await.expect("a node");
        let other = Live::over(Arc::clone(&keep), &home, true).await.expect("another one");
        let mut reached = None;
        take(&node, first, 1).await;
        assert!(node.engine.export_some(&*node.history, &mut reached).await.expect("handed over"));
        // What comes now goes to history from memory.
        take(&node, "gone", 2).await;
        take(&node, "stays", 3).await;
        let forget = async |keys: &[(String, String)]| {
            let forgotten = other.engine.erase(keys).await.expect("erased");
            Ok::<_, lake::Error>(forgotten.keys)
        };
        if again {
            forget(&[("user_id".to_owned(), "gone".to_owned())]).await.expect("erased");
        }
        let mut lake = Lake::open(&home.path).await.expect("a lake");
        let receipt = lake.erase_with_live(("user_id", "gone"), &home.rules(), "now", forget).await.expect("erased");
        assert_eq!(receipt.is_of_nobody(), first == "stays");
        for _ in 0..3 {
            if node.engine.export_some(&*node.history, &mut reached).await.is_err() {
                reached = None;
            }
        }
        let lake = Lake::open(&home.path).await.expect("a lake");
        let of_others = if first == "stays" { 2 } else { 1 };
        assert_eq!(lake.size(&home.rules()).await.expect("a size").0, of_others, "events in the lake");
        assert!(lake.person("user_id:gone", &home.rules()).await.expect("readable").is_err(), "who is gone");
    }
}
