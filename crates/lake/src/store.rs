//! A lake in a home folder: its tables, its lock, who may write.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use arrow::array::AsArray;
use arrow::datatypes::Int64Type;
use hashbrown::HashSet;
use listen::stitch::Rules;
use rapidhash::fast::RandomState;
use rapidhash::v3::rapidhash_v3;

use crate::cores::run_on_all_cores;
use crate::error::Error;
use crate::identity::{Identity, complete, read_columns};
use crate::kept;
use crate::limits::{BUCKETS, CUSTOMERS_PER_BLOCK, LOCK_TRIED_EVERY, LOCK_WAITED};
use crate::open_file::OpenFile;
use crate::scan::{Part, Projection, read_part};
use crate::schema::{CUSTOMERS, Column, EVENTS, LINKS, event_column};
use crate::table::Table;
use crate::torn;
use crate::waiting;

/// Numbers that ride in the commits of the events table.
pub(crate) mod number {
    /// The arrival number that the next event gets.
    pub(crate) const NEXT_SEQ: &str = "next_seq";
    /// The arrival number before which events are looked for that come from a live log: after the last one that came from a file, or
    /// that the log may be sent once more because it was set back.
    pub(crate) const IMPORTED_SEQ: &str = "imported_seq";
    /// The arrival number before which everything was told to live state, or came from there.
    pub(crate) const TOLD_SEQ: &str = "told_seq";
    /// How many ranges of arrival numbers came from files and may lie behind that; where each begins and ends is noted beside.
    pub(crate) const UNTOLD: &str = "untold";
    /// How many ranges of arrival numbers came from files and were told; where each of the latest begins and ends is noted beside.
    pub(crate) const TOLD: &str = "told";
    /// The position of a live log before which everything is here.
    pub(crate) const LOG_POSITION: &str = "log_position";
    /// The version of the links table that is current.
    pub(crate) const LINKS: &str = "links";
    /// The version of the links table by which rows are filed.
    pub(crate) const LINKS_FILED: &str = "links_filed";
    /// The fingerprint of the rules by which rows are filed.
    pub(crate) const RULES_FILED: &str = "rules_filed";
    /// The version of the events with which rows went to other customers, or away, last.
    pub(crate) const REFILED: &str = "refiled";
    /// The version of the events with which somebody was erased last.
    pub(crate) const ERASED: &str = "erased";
    /// The version of the table of keys whose rows took the place of all others last.
    pub(crate) const CUSTOMERS_REPLACED: &str = "customers_replaced";
    /// The same of the links.
    pub(crate) const LINKS_REPLACED: &str = "links_replaced";
}

/// A small table beside the events.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Small {
    /// Its folder, and what SQL calls it.
    pub name: &'static str,
    pub columns: &'static [Column],
    /// The number of the version whose rows took the place of all others last.
    replaced: &'static str,
}

/// The table of keys.
pub(crate) const KEYS: Small = Small { name: "customers", columns: CUSTOMERS, replaced: number::CUSTOMERS_REPLACED };

/// The table of links.
pub(crate) const EVIDENCE: Small = Small { name: "links", columns: LINKS, replaced: number::LINKS_REPLACED };

/// All events of an organisation at rest, in a home folder.
#[derive(Debug)]
pub struct Lake {
    home: PathBuf,
    pub(crate) events: Table,
    /// How long it waits for whoever writes to it.
    pub(crate) waits: Duration,
}

/// The right to write to a home; one process has it at a time.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

/// As long as it is there, nobody writes to the lake.
#[derive(Debug)]
pub struct Held {
    _lock: Lock,
}

impl Lake {
    /// Opens the lake in this home.
    ///
    /// # Errors
    /// [`Error::NoLake`] when there is none, [`Error::NewerFormat`] when a newer program wrote it.
    pub async fn open(home: &Path) -> Result<Self, Error> {
        Self::open_within(home, LOCK_WAITED).await
    }

    /// The same, and waits so long for whoever writes to it.
    pub(crate) async fn open_within(home: &Path, most: Duration) -> Result<Self, Error> {
        let lake = home.join("lake");
        if torn::is_torn(&lake)? {
            let _lock = lock(home, most).await?;
            torn::mend(&lake)?;
        }
        Self::open_whole(home, most).await
    }

    async fn open_whole(home: &Path, waits: Duration) -> Result<Self, Error> {
        match Table::open(&folder(home, "events")).await? {
            Some(events) => Ok(Self { home: home.to_owned(), events, waits }),
            None => Err(Error::NoLake { path: home.to_owned() }),
        }
    }

    /// Opens the lake in this home, or makes one.
    ///
    /// # Errors
    /// As [`open`](Self::open), when the folder cannot be written, and [`Error::Locked`] when another process makes one.
    pub async fn open_or_create(home: &Path) -> Result<Self, Error> {
        Self::open_or_create_within(home, LOCK_WAITED).await
    }

    /// The same, and waits so long for whoever writes to it.
    pub(crate) async fn open_or_create_within(home: &Path, waits: Duration) -> Result<Self, Error> {
        match Self::open_within(home, waits).await {
            Err(Error::NoLake { .. }) => {}
            other => return other,
        }
        // Of two first imports at once, one makes the tables.
        let _lock = lock(home, waits).await?;
        match Self::open_whole(home, waits).await {
            Err(Error::NoLake { .. }) => {
                let events = Table::create(&folder(home, "events"), EVENTS, true).await?;
                Ok(Self { home: home.to_owned(), events, waits })
            }
            other => other,
        }
    }

    /// The home folder.
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// What it is called among others, wherever it lies: by chance when it was made.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub fn id(&self) -> Result<String, Error> {
        self.events.id()
    }

    /// Commits that a power cut tore, and that were put aside: nobody was told that they were done.
    pub fn torn(&self) -> Vec<PathBuf> {
        torn::put_aside(&self.home.join("lake"))
    }

    /// The position of a live log before which everything is here; 0 where nothing came from one.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub async fn log_position(&self) -> Result<u64, Error> {
        Ok(self.events.transaction(number::LOG_POSITION).await?.unwrap_or_default().cast_unsigned())
    }

    /// A number that is another one whenever somebody was [erased](Self::erase); 0 where nobody was.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub async fn erasures(&self) -> Result<u64, Error> {
        Ok(self.events.transaction(number::ERASED).await?.unwrap_or_default().cast_unsigned())
    }

    /// Since when anything is known: the time of the earliest event, in microseconds since 1970.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub async fn since_us(&self) -> Result<Option<i64>, Error> {
        Ok(self.events.files().await?.iter().filter_map(|file| file.at_min_us).min())
    }

    /// The time of the earliest event, where so many runs begin within a week of it that it can hardly be a wrong date: as
    /// many as half of all buckets have. Customers are in buckets as chance has it.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub async fn begins_us(&self) -> Result<Option<i64>, Error> {
        const WEEK_US: u64 = 7 * 86_400_000_000;
        let begins: Vec<i64> = self.events.files().await?.iter().filter_map(|file| file.at_min_us).collect();
        let first_us = begins.iter().copied().min();
        let soon = |first_us: &i64| begins.iter().filter(|at_us| at_us.abs_diff(*first_us) <= WEEK_US).count();
        Ok(first_us.filter(|first_us| soon(first_us) >= BUCKETS as usize / 2))
    }

    /// How many events there are, and how many customers have any: those that every view sees. A key may be known that no
    /// event is filed under, because it only ever came with a better one to which it is not joined, a shared telephone, or because
    /// people said something of it before any event came with it.
    ///
    /// # Errors
    /// When the log, the tables of keys and links, or an event file cannot be read.
    pub async fn size(&self, rules: &Rules) -> Result<(u64, u64), Error> {
        let (parts, rerouted) = self.settled(async |lake| lake.parts(rules).await).await?;
        let customer = event_column("customer");
        let projection = Projection { columns: vec![customer], dictionaries: false };
        let next = AtomicUsize::new(0);
        let (events, customers) = (AtomicU64::new(0), AtomicU64::new(0));
        run_on_all_cores(|| {
            while let Some(part) = parts.get(next.fetch_add(1, Ordering::Relaxed)) {
                // All events of a customer lie in one part, and in each of its runs side by side. Who is counted does not
                // depend on their order in time, so runs need not be merged but where rows come from elsewhere.
                let (mut rows, mut distinct) = (0, HashSet::with_hasher(RandomState::default()));
                let run = |run: &OpenFile| Part { runs: vec![run.clone()], ..*part };
                let alone = if rerouted.is_some() { vec![part.clone()] } else { part.runs.iter().map(run).collect() };
                for part in &alone {
                    let mut last = None;
                    read_part(part, &projection, rerouted.as_ref(), |batch| {
                        let of = batch.column(0).as_primitive::<Int64Type>().values();
                        rows += of.len() as u64;
                        for customer in of.iter().copied() {
                            if last.replace(customer) != Some(customer) {
                                distinct.insert(customer);
                            }
                        }
                        Ok(())
                    })?;
                }
                events.fetch_add(rows, Ordering::Relaxed);
                customers.fetch_add(distinct.len() as u64, Ordering::Relaxed);
            }
            Ok(())
        })?;
        Ok((events.into_inner(), customers.into_inner()))
    }

    /// Keeps everybody from writing: what a process that was killed has left is cleared away, and all files stay as they are.
    ///
    /// # Errors
    /// [`Error::Locked`] when another process writes; file and table errors.
    pub async fn hold(&mut self) -> Result<Held, Error> {
        Ok(Held { _lock: self.lock().await? })
    }

    /// Takes the right to write; completes and clears away what a process that was killed has left.
    pub(crate) async fn lock(&mut self) -> Result<Lock, Error> {
        let lock = lock(&self.home, self.waits).await?;
        torn::mend(&self.home.join("lake"))?;
        // Whoever had the lock before may have committed since this lake was opened.
        self.events = Self::open_whole(&self.home, self.waits).await?.events;
        // Before the small tables follow: if a power cut took that commit from the events, these could not be read any more.
        self.events.settle().await?;
        let (mut customers, mut links) = self.identity_tables(&lock).await?;
        for table in [&mut customers, &mut links] {
            if let Some(version) = table.prepared() {
                torn::durable(table.root(), table.version())?;
                complete(table, version).await?;
            }
            table.settle().await?;
        }
        for table in [&self.events, &customers, &links] {
            table.remove_orphans().await?;
        }
        kept::sweep(&self.home, self.events.version(), self.events.transaction(number::REFILED).await?)?;
        waiting::sweep(&self.home, self.events.transaction(number::LINKS).await?.unwrap_or_default());
        // Only who has the lock keeps rows here.
        let rows = self.home.join("tmp");
        if rows.exists() {
            std::fs::remove_dir_all(&rows).map_err(Error::file("clear", &rows))?;
        }
        Ok(lock)
    }

    /// The tables of keys and of links, made where there are none yet: only for who has the right to write.
    pub(crate) async fn identity_tables(&self, _: &Lock) -> Result<(Table, Table), Error> {
        let open_or_create = async |which: Small| {
            let root = folder(&self.home, which.name);
            let table = match Table::open(&root).await? {
                Some(table) => table,
                None => Table::create(&root, which.columns, false).await?,
            };
            self.prepared(table, which).await
        };
        Ok((open_or_create(KEYS).await?, open_or_create(EVIDENCE).await?))
    }

    async fn prepared(&self, table: Table, which: Small) -> Result<Table, Error> {
        Ok(table.with_replaced(self.events.transaction(which.replaced).await?))
    }

    /// One of them as it is; `None`, which is empty, where there is none yet.
    pub(crate) async fn identity_table(&self, which: Small) -> Result<Option<Table>, Error> {
        match Table::open(&folder(&self.home, which.name)).await? {
            Some(table) => self.prepared(table, which).await.map(Some),
            None => Ok(None),
        }
    }

    /// All keys and links, under these rules.
    pub(crate) async fn identity(&self, rules: Rules) -> Result<Identity, Error> {
        Ok(self.identity_now(rules).await?.0)
    }

    /// The same, and whether the events know all these links.
    pub(crate) async fn identity_now(&self, rules: Rules) -> Result<(Identity, bool), Error> {
        let (customers, links) = (self.identity_table(KEYS).await?, self.identity_table(EVIDENCE).await?);
        let is_current = self.is_current(links.as_ref()).await?;
        let filed = is_current && self.is_filed(&rules).await?;
        Ok((Identity::load(customers.as_ref(), links.as_ref(), rules, filed).await?, is_current))
    }

    /// By key: its customer, where that is the one that stands in the table of keys; `None` where it has to be worked out.
    pub(crate) async fn customers_of_keys(&self, rules: &Rules) -> Result<Option<Vec<i64>>, Error> {
        let links = self.identity_table(EVIDENCE).await?;
        if !self.is_current(links.as_ref()).await? {
            return Ok(None);
        }
        let Some(renamed) = self.filed(rules).await? else { return Ok(None) };
        let position = CUSTOMERS.iter().position(|(name, ..)| *name == "customer").expect("it is one of the columns");
        let batches = read_columns(self.identity_table(KEYS).await?.as_ref(), Some(&[position])).await?;
        let customers = batches.iter().flat_map(|batch| batch.column(0).as_primitive::<Int64Type>().values());
        Ok(Some(customers.map(|filed| *renamed.get(filed).unwrap_or(filed)).collect()))
    }

    /// Whether the events know all these links.
    async fn is_current(&self, links: Option<&Table>) -> Result<bool, Error> {
        let version = links.and_then(|links| i64::try_from(links.version()).ok());
        Ok(version == self.events.transaction(number::LINKS).await?)
    }

    /// What `take` takes, all of one state of the lake: where a commit of somebody else comes in between, it is taken from
    /// the newer state instead. Taking is opening files; it is short, and what is open stays readable.
    pub(crate) async fn settled<T>(&self, take: impl AsyncFn(&Self) -> Result<T, Error>) -> Result<T, Error> {
        let mut newest = None;
        loop {
            let lake = newest.as_ref().unwrap_or(self);
            match take(lake).await {
                Err(error) if error.may_be_overtaken() && !lake.events.is_latest()? => {
                    newest = Some(Self::open(&self.home).await?);
                }
                taken => return taken,
            }
        }
    }

    /// Whether every row lies where these rules and the links that are known now put it.
    pub(crate) async fn is_filed(&self, rules: &Rules) -> Result<bool, Error> {
        let links = self.events.transaction(number::LINKS).await?;
        Ok(links == self.events.transaction(number::LINKS_FILED).await?
            && self.events.transaction(number::RULES_FILED).await? == Some(fingerprint(rules)))
    }
}

/// Takes the right to write, as soon as nobody has it, and waits so long for that: a server writes what came in every second, which
/// takes a moment.
pub(crate) async fn lock(home: &Path, most: Duration) -> Result<Lock, Error> {
    let path = home.join("lock");
    let file = File::create(&path).map_err(Error::file("make", &path))?;
    let begun = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(Lock { _file: file }),
            Err(std::fs::TryLockError::WouldBlock) if begun.elapsed() < most => {
                tokio::time::sleep(LOCK_TRIED_EVERY).await;
            }
            Err(std::fs::TryLockError::WouldBlock) => return Err(Error::Locked { path: home.to_owned() }),
            Err(std::fs::TryLockError::Error(source)) => return Err(Error::File { doing: "lock", path, source }),
        }
    }
}

/// The fingerprint of rules as a number that a commit can carry.
pub(crate) fn fingerprint(rules: &Rules) -> i64 {
    (rules.fingerprint() >> 1).cast_signed()
}

/// The folder of a table.
pub(crate) fn folder(home: &Path, table: &str) -> PathBuf {
    home.join("lake").join(table)
}

/// Under which number an event is filed that is nobody's: below those of customers, one in each bucket. It follows from its
/// time, which it keeps.
pub(crate) fn nobody(at_us: i64) -> i64 {
    -1 - CUSTOMERS_PER_BLOCK * (rapidhash_v3(&at_us.to_le_bytes()) % u64::from(BUCKETS)).cast_signed()
}

/// The bucket in which a customer's events lie.
pub(crate) fn bucket_of(customer: i64) -> u32 {
    u32::try_from((customer / CUSTOMERS_PER_BLOCK).rem_euclid(i64::from(BUCKETS)))
        .expect("a remainder of the bucket count")
}
