//! The files of an embedded home: tables of the store, read as of one moment, changed all at once.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::{Arc, RwLock};

use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode, Readable, Snapshot};

use crate::embedded::mend;
use crate::error::Error;
use crate::limits::{FRESH_BYTES, FRESH_BYTES_BUSY, JOURNAL_BYTES_MAX};
use crate::store::{Read, Table, Visit, Writes};

type Tables = Arc<BTreeMap<Table, Keyspace>>;

/// The store, open.
pub(super) struct Files {
    pub(super) db: Database,
    folder: PathBuf,
    tables: RwLock<Tables>,
}

impl std::fmt::Debug for Files {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Files").field("folder", &self.folder).finish_non_exhaustive()
    }
}

impl Files {
    pub(super) fn open(folder: &Path, cache_bytes: u64) -> Result<Self, Error> {
        mend_alone(folder)?;
        let builder = Database::builder(folder).cache_size(cache_bytes).max_journaling_size(JOURNAL_BYTES_MAX);
        let db = builder.open().map_err(|error| explain("open live state", folder, error))?;
        let mut tables = BTreeMap::new();
        for name in db.list_keyspace_names() {
            let Some(table) = Table::named(&name) else { continue };
            let keyspace = db.keyspace(&name, KeyspaceCreateOptions::default);
            tables.insert(table, keyspace.map_err(|error| explain("open a table of live state", folder, error))?);
        }
        Ok(Self { db, folder: folder.to_owned(), tables: RwLock::new(Arc::new(tables)) })
    }

    pub(super) fn tables(&self) -> Tables {
        Arc::clone(&self.tables.read().expect("nothing panics while it holds the tables"))
    }

    /// Everything as of now.
    pub(super) fn view(&self) -> View<'_> {
        // The tables first: one that comes later is empty in this snapshot, one that is missing in it would be an error.
        let tables = self.tables();
        View { files: self, snapshot: self.db.snapshot(), tables }
    }

    pub(super) fn explain(&self, doing: &'static str) -> impl Fn(fjall::Error) -> Error {
        move |error| explain(doing, &self.folder, error)
    }

    /// Writes all of it, or nothing, and returns when it is on the disk.
    pub(super) fn write(&self, writes: Writes) -> Result<(), Error> {
        let failed = self.explain("write live state");
        let mut batch = self.db.batch().durability(Some(PersistMode::SyncData));
        let mut tables = self.tables();
        for ((table, key), value) in writes {
            if !tables.contains_key(&table) {
                self.create(table)?;
                tables = self.tables();
            }
            let keyspace = &tables[&table];
            match value {
                Some(value) => batch.insert(keyspace, key, value),
                None => batch.remove(keyspace, key),
            }
        }
        batch.commit().map_err(failed)
    }

    fn create(&self, table: Table) -> Result<(), Error> {
        let keyspace = self.db.keyspace(&table.name(), || settings(table)).map_err(self.explain("make a table"))?;
        self.change(|tables| tables.insert(table, keyspace));
        Ok(())
    }

    /// Drops tables with all that is in them.
    pub(super) fn drop_tables(&self, gone: &[Table]) -> Result<(), Error> {
        for table in gone {
            if let Some(keyspace) = self.change(|tables| tables.remove(table)) {
                self.db.delete_keyspace(keyspace).map_err(self.explain("drop a table"))?;
            }
        }
        Ok(())
    }

    fn change<T>(&self, change: impl FnOnce(&mut BTreeMap<Table, Keyspace>) -> T) -> T {
        let mut shared = self.tables.write().expect("nothing panics while it holds the tables");
        let mut tables = BTreeMap::clone(&shared);
        let changed = change(&mut tables);
        *shared = Arc::new(tables);
        changed
    }
}

/// Mends the journal while nobody else has the folder open: what another process writes just now would look unfinished.
fn mend_alone(folder: &Path) -> Result<(), Error> {
    let lock = match std::fs::File::open(folder.join("lock")) {
        Ok(lock) => lock,
        // A folder without a lock is none of the store's yet.
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(explain("open live state", folder, error.into())),
    };
    match lock.try_lock() {
        Ok(()) => mend::mend(folder),
        Err(std::fs::TryLockError::WouldBlock) => Err(Error::Locked { path: folder.to_owned() }),
        Err(std::fs::TryLockError::Error(error)) => Err(explain("lock live state", folder, error.into())),
    }
}

fn settings(table: Table) -> KeyspaceCreateOptions {
    // Message ids are many, small, and looked for all the time: a small table of them stays in the caches of the processor.
    let busy = matches!(table, Table::States(_) | Table::Log);
    KeyspaceCreateOptions::default().max_memtable_size(if busy { FRESH_BYTES_BUSY } else { FRESH_BYTES })
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
    files: &'a Files,
    snapshot: Snapshot,
    tables: Tables,
}

impl View<'_> {
    fn explain(&self) -> impl Fn(fjall::Error) -> Error {
        self.files.explain("read live state")
    }
}

impl Read for View<'_> {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        let Some(keyspace) = self.tables.get(&table) else { return Ok(None) };
        Ok(self.snapshot.get(keyspace, key).map_err(self.explain())?.map(|value| value.to_vec()))
    }

    fn has(&self, table: Table, key: &[u8]) -> Result<bool, Error> {
        let Some(keyspace) = self.tables.get(&table) else { return Ok(false) };
        self.snapshot.contains_key(keyspace, key).map_err(self.explain())
    }

    fn scan(&self, table: Table, from: &[u8], visit: &mut Visit<'_>) -> Result<(), Error> {
        let Some(keyspace) = self.tables.get(&table) else { return Ok(()) };
        for row in self.snapshot.range(keyspace, from..) {
            let (key, value) = row.into_inner().map_err(self.explain())?;
            if visit(&key, &value)?.is_break() {
                break;
            }
        }
        Ok(())
    }

    fn tables(&self) -> Vec<Table> {
        self.tables.keys().copied().collect()
    }
}
