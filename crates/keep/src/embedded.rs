//! The home of one process: a folder, in which files of our own keep the states of customers, the ids of messages and who is where in
//! the log, and an LSM store all other tables.
//! Every answer waits for a flush to the disk, and one flush is for everybody who waits.

mod cache;
mod copy;
mod files;
mod fold;
mod fresh;
mod journal;
mod purge;
mod runs;
mod sealed;
mod states;
mod writer;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::{Range, RangeInclusive};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, RwLock};
use std::thread::JoinHandle;

use async_trait::async_trait;
use tokio::sync::{mpsc, oneshot};

use crate::commit::{Commit, Link};
use crate::error::Error;
use crate::ledger::chunk::Chunk;
use crate::ledger::{self, Prepared, Shared};
use crate::limits::{
    CACHE_BYTES, FRESH_BYTES, INLINE_ROWS_MAX, MESSAGES_KNOWN_US, MESSAGES_KNOWN_US_MIN, QUEUED_BYTES_MAX,
    QUEUED_COMMITS_MAX,
};
use crate::loaded::{
    Committed, Customer, Dead, Delivery, Due, Erased, Fate, Key, KeyNumber, Loaded, Logged, Queue, Record, Stored,
    Take, Waiting, Wanted,
};
use crate::{Keep, store::Read};
use files::Files;
use writer::{Job, Writer};

/// How an embedded home is opened.
#[derive(Debug, Clone, Copy)]
pub struct EmbeddedOptions {
    /// For how long message ids are known, in microseconds, and at most a third longer.
    pub messages_known_us: i64,
    /// Blocks of files, and rows, that are held in memory, in bytes.
    pub cache_bytes: u64,
    /// Rows that came in last are held in memory up to this size, in bytes, before they are put into the tables.
    pub fresh_bytes: usize,
}

impl Default for EmbeddedOptions {
    fn default() -> Self {
        Self { messages_known_us: MESSAGES_KNOWN_US, cache_bytes: CACHE_BYTES, fresh_bytes: FRESH_BYTES }
    }
}

/// Live state in a folder. One process has it open at a time.
#[derive(Debug)]
pub struct Embedded {
    inner: Arc<Inner>,
    jobs: mpsc::Sender<Job>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// What readers and the thread that writes share.
#[derive(Debug)]
struct Inner {
    folder: PathBuf,
    options: EmbeddedOptions,
    /// `None` when it was closed, or could not be opened again after the disk was full.
    files: RwLock<Option<Arc<Files>>>,
    shared: Arc<Shared>,
    queued_bytes: AtomicUsize,
}

impl Inner {
    fn files(&self) -> Result<Arc<Files>, Error> {
        let files = self.files.read().expect("nothing panics while it holds the files");
        files.as_ref().map(Arc::clone).ok_or_else(closed)
    }

    fn set_files(&self, files: Option<Files>) {
        *self.files.write().expect("nothing panics while it holds the files") = files.map(Arc::new);
    }
}

fn closed() -> Error {
    Error::unavailable("live state was closed")(std::io::Error::from(std::io::ErrorKind::NotConnected))
}

impl Embedded {
    /// Opens the home in a folder, which is made if it is not there. Blocks for as long as that takes: after a crash, what was
    /// written last is read again.
    ///
    /// # Errors
    /// [`Error::Locked`] where another process has it open, [`Error::NewerFormat`], [`Error::Corrupt`], or whatever the disk
    /// has to say.
    pub fn open(folder: impl AsRef<Path>, options: EmbeddedOptions) -> Result<Self, Error> {
        let options =
            EmbeddedOptions { messages_known_us: options.messages_known_us.max(MESSAGES_KNOWN_US_MIN), ..options };
        let shared = Arc::new(Shared::default());
        let files = Files::open(folder.as_ref(), &options)?;
        let inner = Arc::new(Inner {
            folder: folder.as_ref().to_owned(),
            options,
            files: RwLock::new(Some(Arc::new(files))),
            shared,
            queued_bytes: AtomicUsize::new(0),
        });
        let (jobs, waiting) = mpsc::channel(QUEUED_COMMITS_MAX);
        let writer = Writer::open(Arc::clone(&inner))?;
        let thread = std::thread::Builder::new().name("keep".to_owned()).spawn(move || writer.run(waiting));
        let thread = thread.map_err(Error::unavailable("start the thread that writes"))?;
        Ok(Self { inner, jobs, thread: Mutex::new(Some(thread)) })
    }

    /// Reads as of one moment. A few rows are read right here, because handing them to another thread costs more than they do;
    /// many, which may have to wait for a disk, where nothing else waits for this thread.
    async fn read<T: Send + 'static>(
        &self,
        rows: usize,
        work: impl FnOnce(&dyn Read, &Shared) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let inner = Arc::clone(&self.inner);
        let read = move || {
            let files = inner.files()?;
            work(&files.view(), &inner.shared)
        };
        if rows <= INLINE_ROWS_MAX { read() } else { blocking(read).await }
    }

    /// Takes something, as of a moment after the lock on the leases was taken.
    async fn take<T: Send + 'static>(
        &self,
        take: Take,
        work: impl FnOnce(&mut ledger::Leases, &dyn Read) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let inner = Arc::clone(&self.inner);
        let taken = move || {
            let files = inner.files()?;
            let mut leases = inner.shared.leases();
            work(&mut leases, &files.view())
        };
        if take.limit <= INLINE_ROWS_MAX { taken() } else { blocking(taken).await }
    }

    /// Has the thread that writes do something between two groups of commits.
    async fn between_commits<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Writer) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let (answer, answered) = oneshot::channel();
        let job = Job::Work(Box::new(move |writer| {
            // Whoever asked may have gone; what was asked for is done all the same.
            let _ = answer.send(work(writer));
        }));
        self.jobs.send(job).await.map_err(|_| closed())?;
        answered.await.map_err(|_| closed())?
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, Error> + Send + 'static) -> Result<T, Error> {
    tokio::task::spawn_blocking(work).await.map_err(Error::unavailable("read live state"))?
}

impl Drop for Embedded {
    fn drop(&mut self) {
        // The thread ends when nobody can send to it any more, and the folder is free when the thread has ended.
        let (unconnected, _) = mpsc::channel(1);
        self.jobs = unconnected;
        let thread = self.thread.lock().ok().and_then(|mut thread| thread.take());
        if let Some(thread) = thread {
            // Its panic was reported where it happened.
            let _ = thread.join();
        }
    }
}

#[async_trait]
impl Keep for Embedded {
    async fn load(&self, wanted: &Wanted) -> Result<Loaded, Error> {
        let rows = wanted.messages.len() + 2 * wanted.keys.len() + wanted.customers.len();
        if rows <= INLINE_ROWS_MAX {
            return ledger::load(&self.inner.files()?.view(), wanted);
        }
        let wanted = wanted.clone();
        self.read(rows, move |read, _| ledger::load(read, &wanted)).await
    }

    async fn commit(&self, commit: Commit) -> Result<Committed, Error> {
        let now_us = commit.now_us;
        let prepared = Box::new(Prepared::new(commit)?);
        let bytes = prepared.bytes;
        let (answer, answered) = oneshot::channel();
        let before = self.inner.queued_bytes.fetch_add(bytes, Ordering::Relaxed);
        // One commit always fits, however large: it was looked at before.
        let fits = before == 0 || before + bytes <= QUEUED_BYTES_MAX;
        let sent = if fits {
            self.jobs.try_send(Job::Commit { prepared, now_us, answer }).map_err(|error| match error {
                mpsc::error::TrySendError::Full(_) => Error::Busy,
                mpsc::error::TrySendError::Closed(_) => closed(),
            })
        } else {
            Err(Error::Busy)
        };
        if let Err(error) = sent {
            self.inner.queued_bytes.fetch_sub(bytes, Ordering::Relaxed);
            return Err(error);
        }
        answered.await.map_err(|_| closed())?
    }

    async fn reserve(&self, count: u32, above: Option<KeyNumber>) -> Result<Range<u32>, Error> {
        self.inner.shared.reserve(count, above)
    }

    async fn keys(&self, numbers: &[KeyNumber]) -> Result<Vec<Key>, Error> {
        let numbers = numbers.to_vec();
        self.read(numbers.len(), move |read, _| ledger::keys_by_number(read, &numbers)).await
    }

    async fn keys_of(&self, customers: &[Customer]) -> Result<Vec<Key>, Error> {
        let customers = customers.to_vec();
        self.read(customers.len(), move |read, _| ledger::keys_of(read, &customers)).await
    }

    async fn links(&self, keys: &[KeyNumber], limit: usize) -> Result<Vec<Link>, Error> {
        let keys = keys.to_vec();
        self.read(keys.len(), move |read, _| ledger::links(read, &keys, limit)).await
    }

    async fn evidence(&self, pairs: &[(KeyNumber, KeyNumber)]) -> Result<Vec<Option<i64>>, Error> {
        let pairs = pairs.to_vec();
        self.read(pairs.len(), move |read, _| ledger::evidence(read, &pairs)).await
    }

    async fn every_key(&self, after: Option<KeyNumber>, limit: usize) -> Result<Vec<Key>, Error> {
        self.read(limit, move |read, _| ledger::every_key(read, after, limit)).await
    }

    async fn every_link(&self, after: Option<Link>, limit: usize) -> Result<Vec<Link>, Error> {
        self.read(limit, move |read, _| ledger::every_link(read, after, limit)).await
    }

    async fn states(&self, generation: u32, after: Option<Customer>, limit: usize) -> Result<Vec<Stored>, Error> {
        self.read(limit, move |read, _| ledger::states(read, generation, after, limit)).await
    }

    async fn drop_generation(&self, generation: u32) -> Result<(), Error> {
        self.between_commits(move |writer| writer.drop_generation(generation)).await
    }

    async fn log_span(&self) -> Result<Range<u64>, Error> {
        self.read(1, |read, _| ledger::log_span(read)).await
    }

    async fn log(&self, from: u64, limit: usize) -> Result<Vec<Logged>, Error> {
        self.read(limit, move |read, _| ledger::log(read, from, limit)).await
    }

    async fn chunks(&self, from: u64, bytes: usize) -> Result<Vec<Chunk>, Error> {
        self.read(usize::MAX, move |read, _| ledger::chunks(read, from, bytes)).await
    }

    async fn log_of(&self, customers: &[Customer], before: u64, limit: usize) -> Result<Vec<Logged>, Error> {
        let customers = customers.to_vec();
        self.read(limit, move |read, _| ledger::log_of(read, &customers, before, limit)).await
    }

    async fn truncate(&self, before: u64) -> Result<(), Error> {
        self.between_commits(move |writer| writer.truncate(before)).await
    }

    async fn due(&self, generation: u32, take: Take) -> Result<Vec<Due>, Error> {
        self.take(take, move |leases, read| leases.take_timers(read, generation, take)).await
    }

    async fn deliveries(&self, target: &str, take: Take) -> Result<Vec<Delivery>, Error> {
        let target = target.to_owned();
        self.take(take, move |leases, read| leases.take_deliveries(read, &target, take)).await
    }

    async fn queues(&self) -> Result<Vec<Queue>, Error> {
        let inner = Arc::clone(&self.inner);
        // With a view for each page: whoever writes waits for one, and not for all of them.
        let counted = move || {
            let mut counting = ledger::Counting::default();
            while counting.page(&inner.files()?.view())? {}
            Ok(counting.finish())
        };
        blocking(counted).await
    }

    async fn waiting(&self, target: &str, limit: usize) -> Result<Vec<Waiting>, Error> {
        let target = target.to_owned();
        self.read(limit, move |read, _| ledger::waiting(read, &target, limit)).await
    }

    async fn dead(&self, target: &str, after: Option<&[u8]>, limit: usize) -> Result<Vec<Dead>, Error> {
        let (target, after) = (target.to_owned(), after.map(<[u8]>::to_vec));
        self.read(limit, move |read, _| ledger::dead(read, &target, after.as_deref(), limit)).await
    }

    async fn records(&self, prefix: &str, after: Option<&str>, limit: usize) -> Result<Vec<Record>, Error> {
        let (prefix, after) = (prefix.to_owned(), after.map(str::to_owned));
        self.read(limit, move |read, _| ledger::records(read, &prefix, after.as_deref(), limit)).await
    }

    async fn erase(
        &self,
        customers: &[Customer],
        keys: &BTreeSet<KeyNumber>,
        entries: &BTreeMap<u64, Fate>,
    ) -> Result<Erased, Error> {
        let (customers, keys, entries) = (customers.to_vec(), keys.clone(), entries.clone());
        let (files, erased) = self.between_commits(move |writer| writer.erase(&customers, &keys, &entries)).await?;
        // The bytes are in older files still; commits go on while those are rewritten.
        blocking(move || purge::purge(&files)).await?;
        Ok(erased)
    }

    async fn skew_us(&self, _now_us: i64) -> Result<RangeInclusive<i64>, Error> {
        Ok(0..=0)
    }

    async fn copy_to(&self, folder: &Path) -> Result<(), Error> {
        let (files, still) = self.between_commits(Writer::still).await?;
        let folder = folder.to_owned();
        blocking(move || copy::copy(&files, still, &folder)).await
    }

    async fn close(&self) {
        // Closed already where nobody answers.
        let close = |writer: &mut Writer| {
            writer.close();
            Ok(())
        };
        let _ = self.between_commits(close).await;
    }
}
