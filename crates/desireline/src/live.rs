//! The live side of a home: what is kept there, the engine over it, and the lake as its history.

use std::fs::{File, TryLockError};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use engine::{Clock as _, Engine, Error, History, HomeClock, Options, Part, Reached, SystemClock, Telling};
use evidence::counted;
use keep::{Commit, Embedded, EmbeddedOptions, Keep, Postgres, RecordChange, Version};
use lake::{ImportOptions, Importer, Lake, Origin, Said, Told, Writer};
use listen::stitch::Rules;
use listen::{NamesNobody, Reason, Rejection, Sink, Stop};
use tokio::sync::watch;

use crate::draw;
use crate::home::Home;

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
        let writer = Arc::new(tokio::sync::Mutex::new(Writer::new(&home.path)));
        let history = Arc::new(LakeHistory { home: home.path.clone(), rules: home.rules(), writer });
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

    /// Opens it if there is one, and brings the lake up to date with it.
    pub(crate) async fn exported(home: &Home, url: Option<&str>) -> Result<Option<Self>, crate::error::Error> {
        let live = Self::existing(home, url).await?;
        if let Some(live) = &live {
            live.export().await?;
        }
        Ok(live)
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
            if told.is_some() && !first {
                // Before the lake: what it takes for told is what live state knows, unless that is set back.
                self.say_told(told, None).await?;
            }
            if told.is_some() || until.is_some() {
                self.history.note(Origin::Live { until }, told).await?;
            }
            if first {
                self.say_told(told, Some(Version::NONE)).await?;
            }
        } else if first {
            self.say_told(None, Some(Version::NONE)).await?;
        }
        Ok(learnt)
    }

    /// Notes in live state how much it was told.
    async fn say_told(&self, told: Option<Told>, expected: Option<Version>) -> Result<(), Error> {
        let before_seq = if let Some(Told::Before(seq)) = told { seq } else { 0 };
        let record = RecordChange { name: TOLD.to_owned(), expected, bytes: Some(before_seq.to_string().into_bytes()) };
        let now_us = self.engine.clock().now_us();
        match self.keep.commit(Commit { now_us, records: vec![record], ..Commit::default() }).await {
            // Somebody else has said so by now.
            Ok(_) | Err(keep::Error::Conflict(_)) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Where live state was set back, it has been told less than the lake knows: then it is told that again.
    async fn lacks_nothing(&self) -> Result<(), Error> {
        let Some(lake) = self.history.lake().await? else { return Ok(()) };
        let in_lake = lake.told_before().await.map_err(unavailable)?;
        let Some(record) = self.keep.records(TOLD, None, 1).await?.pop() else { return Ok(()) };
        let Some(known) = String::from_utf8(record.bytes).ok().and_then(|text| text.parse().ok()) else {
            // It was noted by a program that did not say how much.
            return self.say_told(Some(Told::Before(in_lake)), Some(record.version)).await;
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
            match if linked { self.engine.link(a, b, &[]).await } else { self.engine.unlink(a, b, &[]).await } {
                // No event that is still there came with one of the keys.
                Ok(_) | Err(Error::Invalid(_)) => {}
                Err(error) => return Err(error),
            }
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

/// The record that says that live state was told what had been imported, and before which arrival number that was.
const TOLD: &str = "told what was imported";

/// Whether live state was told what had been imported; what the lake knows of a log was of another one before.
pub(crate) async fn is_told(keep: &dyn Keep) -> Result<bool, Error> {
    Ok(!keep.records(TOLD, None, 1).await?.is_empty())
}

/// How often a server looks whether anything was imported, or its charter changed.
pub(crate) const LOOKED_EVERY: Duration = Duration::from_secs(1);
/// How often it is tried to have the turn to hand over.
const TURN_EVERY: Duration = Duration::from_millis(100);
/// How long somebody who needs it done now tries, as long as nobody else gets further either.
const TURN_WAITED: Duration = Duration::from_mins(1);
/// How often it is said how far learning has come.
const PROGRESS_EVERY: Duration = Duration::from_secs(2);
/// The name of the threads that hand over to history.
const HANDING_OVER: &str = "history";
/// From so many entries of the log on, history is so far behind that handing over is done with all there is.
const BEHIND: u64 = 30_000;
/// Events that are told at once.
const TOLD_AT_ONCE: usize = 2_000;

/// Why telling ended.
struct Stopped(Error);

impl From<lake::Error> for Stopped {
    fn from(error: lake::Error) -> Self {
        Self(unavailable(error))
    }
}

/// A lake in a home folder, into which the live side exports.
#[derive(Debug, Clone)]
pub(crate) struct LakeHistory {
    home: PathBuf,
    rules: Rules,
    writer: Arc<tokio::sync::Mutex<Writer>>,
}

/// What a person said of two keys, each as kind and value: whether they are one customer's.
struct Word {
    linked: bool,
    a: (String, String),
    b: (String, String),
}

impl LakeHistory {
    /// The right to hand over to the lake, until it is dropped.
    fn turn(&self) -> Result<File, lake::Error> {
        self.locked("handing-over", File::try_lock)
    }

    /// A file of the home, which somebody else may have locked.
    fn locked(&self, name: &str, lock: fn(&File) -> Result<(), TryLockError>) -> Result<File, lake::Error> {
        let path = self.home.join(name);
        let file = File::create(&path).map(|file| (lock(&file), file));
        match file {
            Ok((Ok(()), file)) => Ok(file),
            Ok((Err(TryLockError::WouldBlock), _)) => Err(lake::Error::Locked { path: self.home.clone() }),
            Ok((Err(TryLockError::Error(source)), _)) | Err(source) => {
                Err(lake::Error::File { doing: "lock", path, source })
            }
        }
    }

    /// The same as soon as nobody else has it.
    async fn next_turn(&self, stop: &watch::Receiver<bool>) -> Result<File, Error> {
        as_soon_as_free(|| self.turn(), || !*stop.borrow()).await
    }

    /// Keeps everybody from being erased until it is dropped, by whoever reads from the lake what live state is told: opened
    /// before, its files outlive that they are deleted.
    async fn nobody_is_erased(&self, stop: &watch::Receiver<bool>) -> Result<File, Error> {
        as_soon_as_free(|| self.locked(TELLING, File::try_lock_shared), || !*stop.borrow()).await
    }

    /// Keeps everybody from telling live state what the lake has, until it is dropped.
    pub(crate) async fn nobody_tells(&self) -> Result<File, Error> {
        let mut is_said = false;
        let say = || {
            if !std::mem::replace(&mut is_said, true) {
                draw::note("a server learns from what was imported; nobody is erased before it is done");
            }
            true
        };
        as_soon_as_free(|| self.locked(TELLING, File::try_lock), say).await
    }

    /// The lake, if there is one.
    async fn lake(&self) -> Result<Option<Lake>, Error> {
        match Lake::open(&self.home).await {
            Err(lake::Error::NoLake { .. }) => Ok(None),
            lake => lake.map(Some).map_err(unavailable),
        }
    }

    async fn has_untold(&self) -> Result<bool, lake::Error> {
        self.writer.lock().await.has_untold().await
    }

    fn options(&self, origin: Origin, told: Option<Told>) -> ImportOptions {
        ImportOptions { rules: self.rules.clone(), origin, told, ..ImportOptions::default() }
    }

    /// Notes something in the lake, without any event.
    async fn note(&self, origin: Origin, told: Option<Told>) -> Result<(), Error> {
        let note = async |writer: &mut Writer| {
            let importer = writer.importer(self.options(origin, told)).await?;
            writer.finish(importer).await
        };
        note(&mut *self.writer.lock().await).await.map_err(unavailable)
    }

    async fn take_in(&self, part: &Part) -> Result<(), lake::Error> {
        // Nodes that share a home take turns, and each goes on where the lake is now: what was refused and what people said
        // would otherwise be told once more, and after what was said since.
        let (_turn, mut writer) = (self.turn()?, self.writer.lock().await);
        let position = writer.log_position().await?;
        if position > part.from() || (part.is_set_back() && position < part.from()) {
            return Err(lake::Error::Overtaken);
        }
        if part.is_set_back() {
            let until = Some(part.until());
            let importer = writer.importer(self.options(Origin::Live { until }, None)).await?;
            writer.finish(importer).await?;
            say_set_back(part.from() - part.until());
            return Ok(());
        }
        let mut said: Vec<Word> = Vec::new();
        part.tell(&mut |telling| {
            let owned = |key: (&str, &str)| (key.0.to_owned(), key.1.to_owned());
            match telling {
                Telling::Linked { a, b } => said.push(Word { linked: true, a: owned(a), b: owned(b) }),
                Telling::Unlinked { a, b } => said.push(Word { linked: false, a: owned(a), b: owned(b) }),
                Telling::Event(_) | Telling::Refused { .. } => {}
            }
            Ok::<(), lake::Error>(())
        })?;
        // The position may only be there once all is; without it the same part comes again, and changes nothing.
        let position = Some(part.until());
        let live = |until| self.options(Origin::Live { until }, None);
        let mut importer = writer.importer(live(position.filter(|_| said.is_empty()))).await?;
        // It may be of somebody who was erased since it was gathered: the log has that no more.
        if importer.erasures().await? != part.erasures() {
            return Err(lake::Error::Overtaken);
        }
        importer.begin_file("live")?;
        part.tell(&mut |telling| take_event(&mut importer, &telling))?;
        // A file for each day, whatever events it comes between: two that are equal are two only in one file.
        let mut day = String::new();
        part.tell(&mut |telling| put_aside(&mut importer, &telling, &mut day))?;
        writer.finish(importer).await?;
        if said.is_empty() {
            return Ok(());
        }
        let mut lake = Lake::open(&self.home).await?;
        for Word { linked, a, b } in &said {
            let (a, b) = ((a.0.as_str(), a.1.as_str()), (b.0.as_str(), b.1.as_str()));
            let rules = &self.rules;
            match if *linked { lake.merge(a, b, rules).await } else { lake.unmerge(a, b, rules).await } {
                // No event came with one of the keys, or there was no evidence here for what was taken back.
                Ok(()) | Err(lake::Error::NotFound { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        let importer = writer.importer(live(position)).await?;
        writer.finish(importer).await
    }
}

/// The file that is locked by those who tell live state what the lake has, and by whoever erases somebody.
const TELLING: &str = "telling";

/// What `lock` gives once nobody else has it, as long as `wait` says so.
async fn as_soon_as_free(
    lock: impl Fn() -> Result<File, lake::Error>,
    mut wait: impl FnMut() -> bool,
) -> Result<File, Error> {
    loop {
        match lock() {
            Err(lake::Error::Locked { .. }) if wait() => tokio::time::sleep(TURN_EVERY).await,
            locked => return locked.map_err(unavailable),
        }
    }
}

/// Says that live state was put back to an earlier state than the lake knows of.
fn say_set_back(entries: u64) {
    let text = format!(
        "live state was set back: it lacks {} of its log that the lake has. Decisions are made without them; what comes in \
         from now on is handed over to the lake",
        counted(entries, "entry", "entries")
    );
    draw::remark("live_set_back", &text, &[("entries", &entries.to_string())]);
}

/// Puts an event into the lake.
fn take_event(importer: &mut Importer, telling: &Telling<'_>) -> Result<(), lake::Error> {
    let Telling::Event(event) = telling else { return Ok(()) };
    match importer.event(event) {
        // The live side took it in by an older charter, by which its keys named somebody.
        Err(Stop(error)) if error.is::<NamesNobody>() => Ok(()),
        done => done.map_err(of_lake),
    }
}

/// Puts a message that was refused beside the others of the day on which it came; `day` is that of the one before.
fn put_aside(importer: &mut Importer, telling: &Telling<'_>, day: &mut String) -> Result<(), lake::Error> {
    let Telling::Refused { position, at_us, reason, detail, text } = telling else { return Ok(()) };
    let at = event::Timestamp::from_micros(*at_us).to_string();
    let came = at.split_once('T').map_or(at.as_str(), |(day, _)| day);
    if came != day.as_str() {
        came.clone_into(day);
        importer.begin_file(&format!("live.{day}"))?;
    }
    let known = Reason::ALL.iter().find(|known| known.name() == *reason);
    let refused = Rejection {
        line: position.saturating_add(1),
        reason: known.copied().unwrap_or(Reason::BadField),
        detail: (*detail).into(),
        row: text.as_bytes(),
    };
    importer.reject(&refused).map_err(of_lake)
}

fn of_lake(Stop(error): Stop) -> lake::Error {
    match error.downcast::<lake::Error>() {
        Ok(error) => *error,
        Err(other) => lake::Error::Corrupt { what: other.to_string() },
    }
}

fn unavailable(error: lake::Error) -> Error {
    Error::Unavailable(Arc::new(error))
}

/// Whether nothing is wrong but that somebody else hands over, or writes to the lake.
fn is_anothers_turn(error: &Error) -> bool {
    let Error::Unavailable(cause) = error else { return false };
    matches!(cause.downcast_ref(), Some(lake::Error::Locked { .. } | lake::Error::Overtaken))
}

#[async_trait]
impl History for LakeHistory {
    async fn reached(&self) -> Result<Reached, Error> {
        let Some(lake) = self.lake().await? else { return Ok(Reached::default()) };
        let position = lake.log_position().await.map_err(unavailable)?;
        Ok(Reached { position, erasures: lake.erasures().await.map_err(unavailable)? })
    }

    async fn take(&self, part: Arc<Part>) -> Result<(), Error> {
        let lake = self.clone();
        let (taken, taking) = tokio::sync::oneshot::channel();
        // Sorting and writing would keep requests waiting: it is done beside them, and after them as long as it keeps up. In a
        // runtime of its own, because threads that are started for it give way as it does.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().thread_name(HANDING_OVER).build();
        let runtime = runtime.map_err(|error| Error::Unavailable(Arc::new(error)))?;
        let work = move || {
            if part.until().saturating_sub(part.from()) < BEHIND {
                keep::give_way();
            }
            // Who waits for it may have gone.
            let _ = taken.send(runtime.block_on(lake.take_in(&part)));
        };
        let thread = std::thread::Builder::new().name(HANDING_OVER.to_owned());
        thread.spawn(work).map_err(|error| Error::Unavailable(Arc::new(error)))?;
        taking.await.map_err(|error| Error::Damaged(error.to_string()))?.map_err(unavailable)
    }
}

#[cfg(test)]
mod tests {
    use event::{Event, Key, Timestamp};

    use super::*;

    /// Takes an event of somebody in.
    async fn take(node: &Live, user: &str, at_s: i64) {
        let keys = [Key { kind: "user_id", value: user }];
        let mut inbox = node.engine.inbox();
        inbox.event(&Event::new("Visit", Timestamp::from_micros(at_s * 1_000_000), &keys)).expect("it fits");
        node.engine.take(inbox).await.expect("taken in");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_another_node_took_in_before_an_erasure_is_not_handed_over_after_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let home = Home::new(folder.path(), None).expect("a home");
        let keep = Embedded::open(home.path.join(LIVE), EmbeddedOptions::default()).expect("it opens");
        let keep: Arc<dyn Keep> = Arc::new(keep);
        let node = Live::over(Arc::clone(&keep), &home, true).await.expect("a node");
        let other = Live::over(Arc::clone(&keep), &home, true).await.expect("another one");
        let mut reached = None;
        take(&node, "gone", 1).await;
        assert!(node.engine.export_some(&*node.history, &mut reached).await.expect("handed over"));
        // What comes now goes to history from memory.
        take(&node, "gone", 2).await;
        take(&node, "stays", 3).await;
        other.engine.erase(&[("user_id".to_owned(), "gone".to_owned())]).await.expect("erased");
        let mut lake = Lake::open(&home.path).await.expect("a lake");
        lake.erase(("user_id", "gone"), &home.rules(), "now").await.expect("erased");
        for _ in 0..3 {
            if node.engine.export_some(&*node.history, &mut reached).await.is_err() {
                reached = None;
            }
        }
        let lake = Lake::open(&home.path).await.expect("a lake");
        assert_eq!(lake.size(&home.rules()).await.expect("a size").0, 1, "events in the lake");
        assert!(lake.person("user_id:gone", &home.rules()).await.expect("readable").is_err(), "who is gone");
    }
}
