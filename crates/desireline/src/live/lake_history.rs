//! The lake as the history of live state: who hands over takes turns, and nobody learns from the lake while somebody is erased.

use std::collections::BTreeSet;
use std::fs::{File, TryLockError};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use engine::{Error, History, Part, Reached, Telling};
use evidence::counted;
use lake::{ImportOptions, Importer, Lake, Origin, Said, Told, Writer};
use listen::stitch::Rules;
use listen::{NamesNobody, Reason, Rejection, Sink, Stop};
use tokio::sync::watch;

use crate::draw;
use crate::error::in_full;

/// How often it is tried to have the turn to hand over.
pub(super) const TURN_EVERY: Duration = Duration::from_millis(100);
/// The name of the threads that hand over to history.
const HANDING_OVER: &str = "history";
/// From so many entries of the log on, history is so far behind that handing over is done with all there is.
const BEHIND: u64 = 30_000;
/// Reasons that are told why nothing is handed over.
const REASONS_MAX: usize = 16;
/// The file that is locked by those who tell live state what the lake has, and by whoever erases somebody.
const TELLING: &str = "telling";

/// A lake in a home folder, into which the live side exports.
#[derive(Debug, Clone)]
pub(crate) struct LakeHistory {
    home: PathBuf,
    pub(super) rules: Rules,
    writer: Arc<tokio::sync::Mutex<Writer>>,
    reasons: Arc<Reasons>,
}

impl LakeHistory {
    /// The lake of this home, whose keys are made comparable by these rules.
    pub(super) fn new(home: PathBuf, rules: Rules) -> Self {
        let writer = Arc::new(tokio::sync::Mutex::new(Writer::new(&home)));
        Self { home, rules, writer, reasons: Arc::default() }
    }

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
    pub(super) async fn next_turn(&self, stop: &watch::Receiver<bool>) -> Result<File, Error> {
        as_soon_as_free(|| self.turn(), || !*stop.borrow()).await
    }

    /// Keeps everybody from being erased until it is dropped, by whoever reads from the lake what live state is told: opened
    /// before, its files outlive that they are deleted.
    pub(super) async fn nobody_is_erased(&self, stop: &watch::Receiver<bool>) -> Result<File, Error> {
        as_soon_as_free(|| self.locked(TELLING, File::try_lock_shared), || !*stop.borrow()).await
    }

    /// Keeps everybody from telling live state what the lake has, until it is dropped.
    pub(crate) async fn nobody_tells(&self) -> Result<File, Error> {
        let mut is_said = false;
        let say = || {
            if !std::mem::replace(&mut is_said, true) {
                draw::note(
                    "a server learns from what was imported, or somebody else is erased: this waits until it is done",
                );
            }
            true
        };
        as_soon_as_free(|| self.locked(TELLING, File::try_lock), say).await
    }

    /// The lake, if there is one.
    pub(super) async fn lake(&self) -> Result<Option<Lake>, Error> {
        match Lake::open(&self.home).await {
            Err(lake::Error::NoLake { .. }) => Ok(None),
            lake => lake.map(Some).map_err(unavailable),
        }
    }

    pub(super) async fn has_untold(&self) -> Result<bool, lake::Error> {
        self.writer.lock().await.has_untold().await
    }

    fn options(&self, origin: Origin, told: Option<Told>) -> ImportOptions {
        ImportOptions { rules: self.rules.clone(), origin, told, ..ImportOptions::default() }
    }

    /// Notes something in the lake, without any event.
    pub(super) async fn note(&self, origin: Origin, told: Option<Told>) -> Result<(), Error> {
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
        let origin = Origin::Live { until: Some(part.until()) };
        let mut importer = writer.importer(self.options(origin, None)).await?;
        // It may be of somebody who was erased since it was gathered: the log has that no more.
        if importer.erasures().await? != part.erasures() {
            return Err(lake::Error::Overtaken);
        }
        importer.begin_file("live")?;
        part.tell(&mut |telling| take_event(&mut importer, &telling))?;
        // A file for each day, whatever events it comes between: two that are equal are two only in one file.
        let mut day = String::new();
        part.tell_but_events(&mut |telling| {
            hear(&mut importer, &telling);
            put_aside(&mut importer, &telling, &mut day)
        })?;
        writer.finish(importer).await
    }
}

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

/// Has the lake hear what a person said of two keys.
fn hear(importer: &mut Importer, telling: &Telling<'_>) {
    let owned = |key: &(&str, &str)| (key.0.to_owned(), key.1.to_owned());
    match telling {
        Telling::Linked { a, b } => importer.say(&Said { linked: true, a: owned(a), b: owned(b) }),
        Telling::Unlinked { a, b } => importer.say(&Said { linked: false, a: owned(a), b: owned(b) }),
        Telling::Event(_) | Telling::Refused { .. } => {}
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

pub(super) fn unavailable(error: lake::Error) -> Error {
    Error::Unavailable(Arc::new(error))
}

/// Whether nothing is wrong but that somebody else hands over, or writes to the lake.
pub(super) fn is_anothers_turn(error: &Error) -> bool {
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
        let gives_way = part.until().saturating_sub(part.from()) < BEHIND;
        let thread = std::thread::Builder::new().name(HANDING_OVER.to_owned());
        apart(gives_way, async move || lake.take_in(&part).await, |work| thread.spawn(work).map(drop)).await?;
        self.reasons.forget();
        Ok(())
    }

    fn missed(&self, error: &Error) {
        let why: &(dyn std::error::Error + 'static) = match error {
            Error::Unavailable(cause) => &**cause,
            other => other,
        };
        if !is_anothers_turn(error) && self.reasons.is_new(why) {
            let text =
                format!("nothing is handed over to the lake, and it is tried again every second: {}", in_full(why));
            draw::remark("lake_waits", &text, &[]);
        }
    }
}

/// Why nothing was handed over, each reason once, until something is: the innermost cause, since what it stopped may be another
/// file each time.
#[derive(Debug, Default)]
struct Reasons(Mutex<BTreeSet<String>>);

impl Reasons {
    /// Takes note of a reason, and says whether it is new. Beyond so many, what differs is no reason.
    fn is_new(&self, error: &(dyn std::error::Error + 'static)) -> bool {
        let mut cause = error;
        while let Some(behind) = cause.source() {
            cause = behind;
        }
        let mut said = self.0.lock().expect("no holder of this lock panics");
        said.len() < REASONS_MAX && said.insert(cause.to_string())
    }

    fn forget(&self) {
        self.0.lock().expect("no holder of this lock panics").clear();
    }
}

/// Does it in a thread that `start` starts. Sorting and writing would keep requests waiting: it is done beside them, and after them
/// where it gives way. In a runtime of its own, because threads that are started for it give way as it does.
async fn apart(
    gives_way: bool,
    work: impl AsyncFnOnce() -> Result<(), lake::Error> + Send + 'static,
    start: impl FnOnce(Box<dyn FnOnce() + Send>) -> std::io::Result<()>,
) -> Result<(), Error> {
    let (taken, taking) = tokio::sync::oneshot::channel();
    let work = move || {
        // First: making the runtime starts one of those threads.
        if gives_way {
            keep::give_way();
        }
        // Made here: where no thread can be started this is dropped by a worker of the server, on which no runtime may be.
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .thread_name(HANDING_OVER)
            .build();
        let done = runtime.map_err(|error| Error::Unavailable(Arc::new(error)));
        // Who waits for it may have gone.
        let _ = taken.send(done.and_then(|runtime| runtime.block_on(work()).map_err(unavailable)));
    };
    start(Box::new(work)).map_err(|error| Error::Unavailable(Arc::new(error)))?;
    // Nothing else keeps it from saying how it ended.
    taking.await.map_err(|_| Error::Damaged("a panic ended the thread that hands over".to_owned()))?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn where_no_thread_can_be_started_it_can_be_tried_again() {
        let none = |_| Err(std::io::ErrorKind::WouldBlock.into());
        let done = apart(false, async || Ok(()), none).await;
        assert!(matches!(done, Err(Error::Unavailable(_))), "{done:?}");
        apart(false, async || Ok(()), in_a_thread).await.expect("done");
    }

    fn in_a_thread(work: Box<dyn FnOnce() + Send>) -> std::io::Result<()> {
        std::thread::Builder::new().spawn(work).map(drop)
    }

    #[test]
    fn a_reason_is_told_once_whatever_file_it_stops() {
        let full = |file: &str| {
            let source = std::io::Error::from(std::io::ErrorKind::StorageFull);
            lake::Error::File { doing: "write", path: file.into(), source }
        };
        let damaged = lake::Error::Corrupt { what: "a row".to_owned() };
        let reasons = Reasons::default();
        let new = || [full("a"), full("b"), full("a")].map(|error| reasons.is_new(&error));
        assert_eq!(new(), [true, false, false]);
        assert_eq!([(); 2].map(|()| reasons.is_new(&damaged)), [true, false]);
        assert_eq!(new(), [false; 3]);
        reasons.forget();
        assert_eq!(new(), [true, false, false]);
        for n in 0..100 {
            reasons.is_new(&lake::Error::Corrupt { what: format!("row {n}") });
        }
        assert!(!reasons.is_new(&lake::Error::Corrupt { what: "another row".to_owned() }), "they do not end");
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn threads_that_are_started_for_it_give_way_as_it_does() {
        let niceness = || {
            let stat = std::fs::read_to_string("/proc/thread-self/stat").expect("the system tells it");
            let (_, fields) = stat.rsplit_once(')').expect("a name");
            fields.split_whitespace().nth(16).expect("a niceness").parse::<i32>().expect("a number")
        };
        let (tell, told) = std::sync::mpsc::channel();
        let work = async move || {
            let beside = tokio::spawn(async move { niceness() }).await.expect("no panic");
            let _ = tell.send([niceness(), beside]);
            Ok(())
        };
        apart(true, work, in_a_thread).await.expect("done");
        let [own, beside] = told.recv().expect("told");
        assert!(own >= niceness().max(9), "{own}");
        assert_eq!(beside, own);
    }

    #[tokio::test]
    async fn a_panic_while_handing_over_is_an_error() {
        let done = apart(false, async || panic!("the disk is made of cheese"), in_a_thread).await;
        assert!(matches!(&done, Err(Error::Damaged(why)) if why.contains("panic")), "{done:?}");
    }
}
