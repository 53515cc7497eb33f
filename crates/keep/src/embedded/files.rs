//! The files of an embedded home: a journal, files of states and runs, and the other tables in a store. What is written goes into the journal
//! and, in memory, before the rows of the tables; when enough has gathered it is folded into the tables, once for each row, and the
//! journal is deleted.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::iter::Peekable;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};
use std::thread::JoinHandle;

use fjall::{Database, Keyspace, Readable, Slice, Snapshot};

use crate::embedded::EmbeddedOptions;
use crate::embedded::cache::Cache;
use crate::embedded::fold;
use crate::embedded::fresh::{self, Fresh};
use crate::embedded::journal::Journal;
use crate::embedded::runs::Runs;
use crate::embedded::sealed;
use crate::embedded::states::States;
use crate::error::Error;
use crate::give_way::give_way;
use crate::limits::{JOURNAL_BYTES_MAX, RESTING_SHARE};
use crate::store::{Read, Table, Visit, Writes};

/// The files, open.
pub(super) struct Files {
    pub(super) shared: Arc<Shared>,
    fresh_bytes: usize,
    writing: Mutex<Writing>,
}

/// What only the one who writes needs.
struct Writing {
    journal: Journal,
    /// Folds what was set apart.
    folding: Option<JoinHandle<Result<(), Error>>>,
    /// Whether somebody had to wait for what was folded last: then what is folded next does not give way.
    waited: bool,
}

/// What readers, the one who writes and the one who folds share.
pub(super) struct Shared {
    pub(super) db: Database,
    pub(super) folder: PathBuf,
    /// What came in last. Only the one who writes changes it; a reader holds it, so that it sees one moment.
    active: RwLock<Fresh>,
    beneath: RwLock<Beneath>,
    /// Held by the one who writes or deletes files of states and runs.
    rewriting: Mutex<()>,
    pub(super) cache: Cache,
}

/// What does not change any more.
#[derive(Clone)]
pub(super) struct Beneath {
    /// What is being folded.
    pub(super) apart: Option<Arc<Fresh>>,
    pub(super) settled: Arc<Settled>,
}

/// What is in the tables.
#[derive(Clone)]
pub(super) struct Settled {
    /// Those of the store.
    pub(super) tables: BTreeMap<Table, Keyspace>,
    pub(super) snapshot: Snapshot,
    /// By their generation.
    pub(super) states: BTreeMap<u32, Arc<States>>,
    pub(super) runs: BTreeMap<Table, Arc<Runs>>,
}

impl Settled {
    /// All tables that there are.
    fn tables(&self) -> Vec<Table> {
        let states = self.states.keys().map(|generation| Table::States(*generation));
        states.chain(self.runs.keys().copied()).chain(self.tables.keys().copied()).collect()
    }
}

impl std::fmt::Debug for Files {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Files").field("folder", &self.shared.folder).finish_non_exhaustive()
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        // The folder is free when nobody folds any more. What could not be folded is in the journal.
        let _ = self.writing().folded();
    }
}

impl Files {
    pub(super) fn open(folder: &Path, options: &EmbeddedOptions) -> Result<Self, Error> {
        // Three eighths are for keys, the rest for blocks of the tables. Of several threads one would go round and round until the
        // others have merged what there is to merge.
        let keys_bytes = options.cache_bytes / 8 * 3;
        let builder = Database::builder(folder).cache_size(options.cache_bytes - keys_bytes).worker_threads(1);
        let db = builder.open().map_err(|error| explain("open live state", folder, error))?;
        let mut tables = BTreeMap::new();
        for name in db.list_keyspace_names() {
            let Some(table) = Table::named(&name) else { continue };
            let keyspace = db.keyspace(&name, || fold::settings(table));
            tables.insert(table, keyspace.map_err(|error| explain("open a table of live state", folder, error))?);
        }
        let mut active = Fresh::default();
        let journal = Journal::open(folder, &mut |record| active.put_all(record))?;
        let (mut states, mut runs) = (BTreeMap::new(), BTreeMap::new());
        for table in sealed::tables(folder)? {
            if let Table::States(generation) = table {
                states.insert(generation, Arc::new(States::open(folder, generation)?));
            } else {
                runs.insert(table, Arc::new(Runs::open(folder, table)?));
            }
        }
        let settled = Arc::new(Settled { tables, snapshot: db.snapshot(), states, runs });
        let shared = Arc::new(Shared {
            db,
            folder: folder.to_owned(),
            active: RwLock::new(active),
            beneath: RwLock::new(Beneath { apart: None, settled }),
            rewriting: Mutex::default(),
            cache: Cache::new(keys_bytes),
        });
        let writing = Mutex::new(Writing { journal, folding: None, waited: false });
        Ok(Self { shared, fresh_bytes: options.fresh_bytes, writing })
    }

    fn writing(&self) -> MutexGuard<'_, Writing> {
        self.writing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Everything as of now. Nothing is written for as long as somebody holds it.
    pub(super) fn view(&self) -> View<'_> {
        View { shared: &self.shared, active: Some(self.active()), beneath: self.shared.beneath() }
    }

    /// Everything as of now, for as long as it is needed: writing goes on meanwhile. For the one who writes: somebody else who
    /// waited for readers here would hold up those who have what the one who writes waits for.
    pub(super) fn still(&self) -> Result<Beneath, Error> {
        let mut writing = self.writing();
        writing.folded()?;
        self.set_apart(&mut writing, false)?;
        let beneath = self.shared.beneath();
        self.fold(&mut writing)?;
        Ok(beneath)
    }

    pub(super) fn view_of(&self, still: Beneath) -> View<'_> {
        View { shared: &self.shared, active: None, beneath: still }
    }

    /// Writes all of it, or nothing, and returns when it is on the disk.
    pub(super) fn write(&self, writes: Writes) -> Result<(), Error> {
        self.writing().journal.append(|record| fresh::encode(&writes, record))?;
        let mut active = self.shared.active.write().expect("nothing panics while it writes");
        for (table, rows) in writes {
            self.shared.cache.remove(table, rows.iter().map(|(key, _)| key));
            active.put(table, rows);
        }
        Ok(())
    }

    /// Whether enough has gathered to be put into the tables.
    pub(super) fn is_full(&self) -> bool {
        let journal = self.writing().journal.bytes();
        self.active().bytes() >= self.fresh_bytes || journal >= JOURNAL_BYTES_MAX
    }

    /// Begins to put what has gathered into the tables, if it is enough, and says what went wrong with what was put there before.
    /// What is written is not concerned: it is in the journal.
    pub(super) fn go_on(&self) -> Result<(), Error> {
        let is_full = self.is_full();
        let mut writing = self.writing();
        if is_full {
            writing.waited = writing.folding.as_ref().is_some_and(|folding| !folding.is_finished());
        }
        if is_full || writing.folding.as_ref().is_some_and(JoinHandle::is_finished) {
            writing.folded()?;
        }
        if is_full { self.put_away(&mut writing, true) } else { Ok(()) }
    }

    /// The same where nothing has come for a while, of less: it would stay in memory for as long as nothing comes. So would room
    /// for more.
    pub(super) fn rest(&self) -> Result<(), Error> {
        let mut writing = self.writing();
        writing.folded()?;
        if self.active().bytes() >= self.fresh_bytes / RESTING_SHARE {
            return self.put_away(&mut writing, false);
        }
        if self.active().has_room_to_spare() {
            self.shared.active.write().expect("nothing panics while it writes").shrink();
        }
        Ok(())
    }

    /// Puts everything into the tables. For the one who writes.
    pub(super) fn settle(&self) -> Result<(), Error> {
        let mut writing = self.writing();
        writing.folded()?;
        self.put_away(&mut writing, false)?;
        writing.folded()
    }

    /// Begins to put what has gathered into the tables; nothing is being folded. There may be room for as much again.
    fn put_away(&self, writing: &mut Writing, room: bool) -> Result<(), Error> {
        self.set_apart(writing, room)?;
        self.fold(writing)
    }

    fn active(&self) -> RwLockReadGuard<'_, Fresh> {
        self.shared.active.read().expect("nothing panics while it writes")
    }

    /// Sets apart what is to be folded; nothing is being folded.
    fn set_apart(&self, writing: &mut Writing, room: bool) -> Result<(), Error> {
        if self.shared.beneath().apart.is_some() {
            // It could not be folded, and is in the journal alone until that is read again.
            let failed = std::io::Error::from(ErrorKind::Interrupted);
            return Err(Error::unavailable("put rows into the tables of live state")(failed));
        }
        writing.journal.turn()?;
        let mut active = self.shared.active.write().expect("nothing panics while it writes");
        self.shared.change(|beneath| beneath.apart = Some(Arc::new(active.take(room))));
        Ok(())
    }

    /// Begins to fold what was set apart.
    fn fold(&self, writing: &mut Writing) -> Result<(), Error> {
        let (shared, number, waited) = (Arc::clone(&self.shared), writing.journal.number(), writing.waited);
        let folding = std::thread::Builder::new().name("keep-fold".to_owned());
        let folding = folding.spawn(move || {
            if !waited {
                give_way();
            }
            fold::fold(&shared, number)
        });
        writing.folding = Some(folding.map_err(Error::unavailable("start the thread that folds"))?);
        Ok(())
    }

    /// Drops a table that has a folder of its own, if it is there.
    fn drop_folder(&self, table: Table) -> Result<(), Error> {
        let _turn = self.shared.rewriting();
        if !self.shared.beneath().settled.tables().contains(&table) {
            return Ok(());
        }
        sealed::set_aside(&self.shared.folder, table)?;
        self.shared.change_settled(|settled| match table {
            Table::States(generation) => drop(settled.states.remove(&generation)),
            _ => drop(settled.runs.remove(&table)),
        });
        sealed::remove(&self.shared.folder, table)
    }

    /// Drops tables with all that is in them.
    pub(super) fn drop_tables(&self, gone: &[Table]) -> Result<(), Error> {
        if gone.is_empty() {
            return Ok(());
        }
        self.settle()?;
        for table in gone {
            let failed = |error| explain("drop a table", &self.shared.folder, error);
            if sealed::holds(*table) {
                self.drop_folder(*table)?;
                continue;
            }
            let dropped = self.shared.change_settled(|settled| {
                settled.snapshot = self.shared.db.snapshot();
                settled.tables.remove(table)
            });
            if let Some(keyspace) = dropped {
                self.shared.db.delete_keyspace(keyspace).map_err(failed)?;
            }
        }
        Ok(())
    }
}

impl Writing {
    /// Waits until what was set apart is folded.
    fn folded(&mut self) -> Result<(), Error> {
        let folding = self.folding.take();
        folding.map_or(Ok(()), |folding| folding.join().expect("a panic is one here, too"))
    }
}

impl Shared {
    pub(super) fn beneath(&self) -> Beneath {
        self.beneath.read().expect("nothing panics while it holds it").clone()
    }

    /// Waits for its turn to write or delete files of states: those who do it build on what is there.
    pub(super) fn rewriting(&self) -> MutexGuard<'_, ()> {
        self.rewriting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn change_settled<T>(&self, change: impl FnOnce(&mut Settled) -> T) -> T {
        self.change(|beneath| change(Arc::make_mut(&mut beneath.settled)))
    }

    pub(super) fn change<T>(&self, change: impl FnOnce(&mut Beneath) -> T) -> T {
        change(&mut self.beneath.write().expect("nothing panics while it holds it"))
    }
}

/// What the store says, by what can be done about it.
pub(super) fn explain(doing: &'static str, folder: &Path, error: fjall::Error) -> Error {
    let io = match &error {
        fjall::Error::Io(io) | fjall::Error::Storage(fjall::LsmError::Io(io)) => Some(io.kind()),
        _ => None,
    };
    match (&error, io) {
        (_, Some(ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge)) => Error::Full,
        (_, Some(_)) | (fjall::Error::Poisoned, _) => Error::unavailable(doing)(error),
        (fjall::Error::Locked, _) => Error::Locked { path: folder.to_owned() },
        (fjall::Error::InvalidVersion(_), _) if format_of_store(folder) > Some(STORE_FORMAT) => {
            Error::NewerFormat { found: format_of_store(folder).unwrap_or_default().into(), known: STORE_FORMAT.into() }
        }
        _ => Error::corrupt(format!("could not {doing} in {}: {error}", folder.display())),
    }
}

/// The format of the store that is known here.
const STORE_FORMAT: u8 = 3;

/// The format of the store, as its file `version` says: `FJL` and one byte.
fn format_of_store(folder: &Path) -> Option<u8> {
    let version = std::fs::read(folder.join("version")).ok()?;
    version.strip_prefix(b"FJL").and_then(|rest| rest.first().copied())
}

/// The tables as of one moment.
pub(super) struct View<'a> {
    shared: &'a Shared,
    /// `None` where nothing came in since.
    active: Option<RwLockReadGuard<'a, Fresh>>,
    beneath: Beneath,
}

impl View<'_> {
    fn explain(&self, error: fjall::Error) -> Error {
        explain("read live state", &self.shared.folder, error)
    }

    /// What is new, the newest first.
    fn fresh(&self) -> impl Iterator<Item = &Fresh> {
        self.active.as_deref().into_iter().chain(self.beneath.apart.as_deref())
    }

    fn keyspace(&self, table: Table) -> Option<&Keyspace> {
        self.beneath.settled.tables.get(&table)
    }

    /// The states, where it is a table of them and there are any.
    fn states(&self, table: Table) -> Option<&States> {
        let Table::States(generation) = table else { return None };
        self.beneath.settled.states.get(&generation).map(|states| &**states)
    }

    fn runs(&self, table: Table) -> Option<&Runs> {
        self.beneath.settled.runs.get(&table).map(|runs| &**runs)
    }

    /// The rows of a table that are settled, in order, from a key on.
    fn settled(&self, table: Table, from: &[u8]) -> Box<dyn Iterator<Item = Result<(Slice, Slice), Error>> + '_> {
        if let Some(states) = self.states(table) {
            return Box::new(states.from(from));
        }
        if let Some(runs) = self.runs(table) {
            return Box::new(runs.from(from).map(|key| Ok((Slice::from(key?), Slice::from([])))));
        }
        let rows = self.keyspace(table).map(|keyspace| self.beneath.settled.snapshot.range(keyspace, from..));
        let rows = rows.into_iter().flatten().map(fjall::Guard::into_inner);
        Box::new(rows.map(|row| row.map_err(|error| self.explain(error))))
    }
}

impl Read for View<'_> {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Slice>, Error> {
        if let Some(row) = self.fresh().find_map(|fresh| fresh.get(table, key)) {
            return Ok(row);
        }
        if let Some(states) = self.states(table) {
            return states.get(key);
        }
        if let Some(runs) = self.runs(table) {
            return Ok(runs.has(key)?.then(|| Slice::from([])));
        }
        let Some(keyspace) = self.keyspace(table) else { return Ok(None) };
        // Who holds no active rows does not know what came since.
        let cache = self.active.is_some().then_some(&self.shared.cache);
        if let Some(row) = cache.and_then(|cache| cache.get(table, key)) {
            return Ok(Some(row));
        }
        let row = self.beneath.settled.snapshot.get(keyspace, key).map_err(|error| self.explain(error))?;
        if let (Some(cache), Some(row)) = (cache, &row) {
            cache.put(table, key, row);
        }
        Ok(row)
    }

    fn has(&self, table: Table, key: &[u8]) -> Result<bool, Error> {
        if let Some(row) = self.fresh().find_map(|fresh| fresh.get(table, key)) {
            return Ok(row.is_some());
        }
        if let Some(states) = self.states(table) {
            return Ok(states.has(key));
        }
        if let Some(runs) = self.runs(table) {
            return runs.has(key);
        }
        let Some(keyspace) = self.keyspace(table) else { return Ok(false) };
        self.beneath.settled.snapshot.contains_key(keyspace, key).map_err(|error| self.explain(error))
    }

    fn scan(&self, table: Table, from: &[u8], visit: &mut Visit<'_>) -> Result<(), Error> {
        let mut fresh: Vec<Peekable<_>> = self.fresh().map(|fresh| fresh.from(table, from).peekable()).collect();
        let mut settled = self.settled(table, from).peekable();
        loop {
            let first = fresh.iter_mut().filter_map(|rows| rows.peek().map(|(key, _)| key)).min();
            let next = match (first, settled.peek()) {
                (Some(first), Some(Ok((key, _)))) if first <= key => Some(first.clone()),
                (Some(first), None) => Some(first.clone()),
                (None, None) => return Ok(()),
                // A row of the tables comes first, or what went wrong there.
                (_, Some(_)) => None,
            };
            let Some(next) = next else {
                let Some(row) = settled.next() else { return Ok(()) };
                let (key, value) = row?;
                if visit(&key, &value)?.is_break() {
                    return Ok(());
                }
                continue;
            };
            settled.next_if(|row| row.as_ref().is_ok_and(|(key, _)| *key == next));
            let rows = fresh.iter_mut().filter_map(|rows| rows.next_if(|(key, _)| *key == next));
            // All of them are to go on; the first is the newest.
            let rows: Vec<Option<Slice>> = rows.map(|(_, row)| row).collect();
            if let Some(Some(value)) = rows.first()
                && visit(&next, value)?.is_break()
            {
                return Ok(());
            }
        }
    }

    fn tables(&self) -> Vec<Table> {
        let fresh = self.fresh().flat_map(Fresh::tables);
        let mut tables: Vec<Table> = fresh.chain(self.beneath.settled.tables()).collect();
        tables.sort_unstable();
        tables.dedup();
        tables
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::map::Map;

    #[test]
    fn whoever_rests_puts_away_what_is_worth_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let options = EmbeddedOptions { fresh_bytes: 200 * RESTING_SHARE, ..EmbeddedOptions::default() };
        let files = Files::open(folder.path(), &options).expect("a home");
        let row = |n: u8| (Slice::from([n]), Some(Slice::from([n; 40])));
        let write = |n: u8| {
            let rows = Map::InOrder(BTreeMap::from([row(n)]));
            files.write(Writes::from([(Table::Records, rows)])).expect("room");
        };
        let rest = || files.rest().and_then(|()| files.writing().folded()).expect("room");
        write(1);
        rest();
        assert!(files.active().bytes() > 0, "one row is not worth it");
        write(2);
        rest();
        assert_eq!(files.active().bytes(), 0);
        let got = |n: u8| files.view().get(Table::Records, &[n]).expect("it can be read");
        assert_eq!([1, 2].map(got), [1, 2].map(|n| row(n).1));
    }
}
