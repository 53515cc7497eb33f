//! The thread that writes. There is one, so that commits are decided one after the other, and it takes all that waits at once,
//! so that they share a flush.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::runtime::Runtime;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use crate::embedded::files::{Beneath, Files};
use crate::embedded::{Inner, closed};
use crate::error::Error;
use crate::ledger::{Ledger, Prepared};
use crate::limits::{GROUP_BYTES_MAX, RESTING_AFTER, ROOM_BYTES};
use crate::loaded::{Committed, Customer, Erased, Fate, KeyNumber};
use crate::store::{Read, Table, Writes};

/// Something to be done between two groups of commits.
type Work = Box<dyn FnOnce(&mut Writer) + Send>;

/// What the thread is asked to do.
pub(super) enum Job {
    Commit { prepared: Box<Prepared>, now_us: i64, answer: oneshot::Sender<Result<Committed, Error>> },
    Work(Work),
}

/// Those who wait for the same flush.
#[derive(Default)]
struct Group {
    commits: Vec<Prepared>,
    answers: Vec<oneshot::Sender<Result<Committed, Error>>>,
    bytes: usize,
    now_us: i64,
}

pub(super) struct Writer {
    inner: Arc<Inner>,
    /// `None` after something went wrong in writing: then nobody knows what is on the disk until it is read again.
    ledger: Option<Ledger>,
}

impl Writer {
    pub(super) fn open(inner: Arc<Inner>) -> Result<Self, Error> {
        let mut writer = Self { inner, ledger: None };
        writer.begin()?;
        Ok(writer)
    }

    /// Takes up what is on the disk.
    fn begin(&mut self) -> Result<(), Error> {
        let files = self.inner.files()?;
        let known_us = self.inner.options.messages_known_us;
        let ledger = Ledger::open(&files.view(), known_us, Arc::clone(&self.inner.shared))?;
        if files.view().tables().is_empty() {
            // Where only the journal said something, an older program would take the home for an empty one.
            let head = ledger.head(&files.view());
            files.write(head)?;
            files.settle()?;
        }
        self.ledger = Some(ledger);
        Ok(())
    }

    pub(super) fn run(mut self, mut jobs: mpsc::Receiver<Job>) {
        // Where there is none it does not rest, and nothing is lost by that.
        let clock = tokio::runtime::Builder::new_current_thread().enable_time().build().ok();
        let mut next = self.next(clock.as_ref(), &mut jobs);
        while let Some(job) = next {
            next = match job {
                Job::Work(work) => {
                    work(&mut self);
                    None
                }
                commit @ Job::Commit { .. } => self.commit_all(commit, &mut jobs),
            };
            next = next.or_else(|| self.next(clock.as_ref(), &mut jobs));
        }
        self.close();
    }

    /// The next job; nothing when there will be none any more. Rests when it waits for long.
    fn next(&mut self, clock: Option<&Runtime>, jobs: &mut mpsc::Receiver<Job>) -> Option<Job> {
        let waited = match (jobs.try_recv(), clock) {
            (Ok(job), _) => return Some(job),
            (Err(_), None) => return jobs.blocking_recv(),
            (Err(_), Some(clock)) => clock.block_on(async { timeout(RESTING_AFTER, jobs.recv()).await }),
        };
        waited.unwrap_or_else(|_| {
            // What cannot be put away is looked at by whoever writes next.
            let _ = self.inner.files().and_then(|files| self.minded(files.rest()));
            jobs.blocking_recv()
        })
    }

    /// Commits this one and those that wait behind it. Returns the first job that has to wait for the next round.
    fn commit_all(&mut self, first: Job, jobs: &mut mpsc::Receiver<Job>) -> Option<Job> {
        let mut group = Group::default();
        let mut next = Some(first);
        while let Some(Job::Commit { prepared, now_us, answer }) = next {
            group.bytes += prepared.bytes;
            group.now_us = group.now_us.max(now_us);
            group.commits.push(*prepared);
            group.answers.push(answer);
            next = if group.bytes < GROUP_BYTES_MAX { jobs.try_recv().ok() } else { None };
        }
        let Group { commits, answers, bytes, now_us } = group;
        let results = self.commit(commits, now_us).unwrap_or_else(|error| vec![Err(error); answers.len()]);
        self.inner.queued_bytes.fetch_sub(bytes, Ordering::Relaxed);
        for (answer, result) in answers.into_iter().zip(results) {
            // Whoever asked may have gone; it is committed all the same.
            let _ = answer.send(result);
        }
        next
    }

    fn commit(&mut self, commits: Vec<Prepared>, now_us: i64) -> Result<Vec<Result<Committed, Error>>, Error> {
        let (files, ledger) = self.ready()?;
        let (writes, results) = ledger.commit(&files.view(), commits)?;
        self.write(&files, writes)?;
        let tables = files.view().tables();
        let expired = self.ledger.as_ref().map(|ledger| ledger.expired(&tables, now_us)).unwrap_or_default();
        // What is written is answered, whatever becomes of this: it is tried again with the next commit.
        let _ = self.minded(files.drop_tables(&expired));
        Ok(results)
    }

    /// The files and the ledger; read again from the disk if something went wrong before.
    fn ready(&mut self) -> Result<(Arc<Files>, &mut Ledger), Error> {
        if self.ledger.is_none() {
            self.revive()?;
        }
        let ledger = self.ledger.as_mut().ok_or_else(closed)?;
        Ok((self.inner.files()?, ledger))
    }

    fn write(&mut self, files: &Files, writes: Writes) -> Result<(), Error> {
        if writes.is_empty() {
            return Ok(());
        }
        let ledger = self.ledger.as_mut().ok_or_else(closed)?;
        let note = ledger.note(&writes)?;
        let written = files.write(writes).map(|()| ledger.written(note));
        self.minded(written)?;
        // What is written is there, also where it cannot be put into the tables.
        let _ = self.minded(files.go_on());
        Ok(())
    }

    /// Takes note of what went wrong on the disk: what is there has to be read again before anything else is written.
    fn minded<T>(&mut self, done: Result<T, Error>) -> Result<T, Error> {
        if done.is_err() {
            self.ledger = None;
        }
        done
    }

    /// After writing failed the store takes nothing any more, because it cannot know what is on the disk. It is opened again,
    /// which reads what is, as soon as there is room; until then reading goes on.
    fn revive(&mut self) -> Result<(), Error> {
        if self.inner.files.read().expect("nothing panics while it holds the files").is_some() {
            self.look_for_room()?;
        }
        let old = self.inner.files.write().expect("nothing panics while it holds the files").take();
        if let Some(mut old) = old {
            // Readers hold it for as long as they read.
            while let Err(held) = Arc::try_unwrap(old) {
                old = held;
                std::thread::sleep(Duration::from_millis(1));
            }
        }
        let files = Files::open(&self.inner.folder, &self.inner.options)?;
        self.inner.set_files(Some(files));
        self.begin()?;
        let files = self.inner.files()?;
        // Otherwise more and more would gather that cannot be put into the tables.
        let settled = if files.is_full() { files.settle() } else { Ok(()) };
        self.minded(settled)
    }

    fn look_for_room(&self) -> Result<(), Error> {
        let path = self.inner.folder.join("room");
        let written =
            std::fs::write(&path, vec![0x5a; ROOM_BYTES]).and_then(|()| std::fs::File::open(&path)?.sync_all());
        let removed = std::fs::remove_file(&path);
        written.and(removed).map_err(|error| super::files::explain("look for room", &self.inner.folder, error.into()))
    }

    pub(super) fn truncate(&mut self, before: u64) -> Result<(), Error> {
        let (files, ledger) = self.ready()?;
        let writes = ledger.truncate(&files.view(), before)?;
        self.write(&files, writes)
    }

    /// Erases customers from the journal and what is read; their bytes are in files of the tables still.
    pub(super) fn erase(
        &mut self,
        customers: &[Customer],
        keys: &BTreeSet<KeyNumber>,
        entries: &BTreeMap<u64, Fate>,
    ) -> Result<(Arc<Files>, Erased), Error> {
        let (files, ledger) = self.ready()?;
        let (writes, erased) = ledger.erase(&files.view(), customers, keys, entries)?;
        self.write(&files, writes)?;
        self.minded(files.settle())?;
        Ok((files, erased))
    }

    /// Everything as of now, while commits go on.
    pub(super) fn still(&mut self) -> Result<(Arc<Files>, Beneath), Error> {
        let (files, _) = self.ready()?;
        let still = self.minded(files.still())?;
        Ok((files, still))
    }

    pub(super) fn drop_generation(&mut self, generation: u32) -> Result<(), Error> {
        let (files, ledger) = self.ready()?;
        ledger.changed();
        let gone = [Table::States(generation), Table::Timers(generation), Table::TimersDue(generation)];
        self.minded(files.drop_tables(&gone))
    }

    pub(super) fn close(&mut self) {
        self.ledger = None;
        self.inner.set_files(None);
    }
}
