//! Files into the lake: read once, stitched in memory, written sorted, committed all at once.
//!
//! No event of an import is visible before its one commit, so a crash, a full disk or Ctrl-C leaves the events as they were, and
//! the same command again completes it. Keys and links are written just before that: where it fails in between, they stay, and
//! who is who is told by them, too.

mod said;
mod work;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use event::Event;
use listen::stitch::{Customers, Node, Refusal, Rules};
use listen::{Rejection, Sink, Stop};

use crate::cores::run_on_all_cores;
use crate::error::Error;
use crate::identity::{Identity, Moves, complete};
use crate::kept;
use crate::limits::{BUCKETS, LOCK_WAITED, LOCK_WAITED_LIVE};
use crate::message_id;
use crate::open_file::OpenFile;
use crate::quarantine::{Quarantine, names_nobody};
use crate::rebuild::{Built, Known, build_run, filed_under, forward, keys_json, unfile};
use crate::spill::{Nodes, Row, Spill};
use crate::store::{Lake, Lock, bucket_of, fingerprint, nobody, number};
use crate::table::{DataFile, Purpose};
use crate::told::{Numbers, Origin, Told};
use crate::waiting::{self, Waiting, rows_under};
use crate::words::Words;
use crate::writer::Stock;

use work::{Runs, Work, remove_files};

/// How an import is done.
#[derive(Debug, Clone, Default)]
pub struct ImportOptions {
    /// By which rules keys lead to customers.
    pub rules: Rules,
    /// Set to stop the import; nothing of it is kept then.
    pub interrupted: Arc<AtomicBool>,
    /// Where its events come from.
    pub origin: Origin,
    /// What has been told to live state; rides in the commit.
    pub told: Option<Told>,
}

impl ImportOptions {
    fn is_live(&self) -> bool {
        matches!(self.origin, Origin::Live { .. })
    }

    /// How long it waits for whoever writes to the lake.
    pub(crate) fn waits(&self) -> Duration {
        if self.is_live() { LOCK_WAITED_LIVE } else { LOCK_WAITED }
    }
}

/// By file and by the name of the reason: how many rows were rejected.
pub type Rejected = BTreeMap<String, BTreeMap<String, u64>>;

/// What an import did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Imported {
    /// Events that are new in the lake.
    pub events: u64,
    /// Events that were there already.
    pub duplicates: u64,
    /// Rows that were rejected, by file and by the name of the reason.
    pub rejected: Rejected,
    /// Where the rejected rows are.
    pub quarantine: Vec<PathBuf>,
    /// Customers in the lake now, of which every one has events.
    pub customers: u64,
    /// Keys that are known now.
    pub keys: u64,
    /// Links that were not followed, and keys that glue nobody.
    pub refused: Vec<Refusal>,
    /// The customers with the most keys, as (kind, value, keys).
    pub largest: Vec<(String, String, u64)>,
}

/// Takes in events and rejections, and puts them into the lake when it is [`finish`](Self::finish)ed.
#[derive(Debug)]
pub struct Importer {
    stock: Stock,
    options: ImportOptions,
    words: Words,
    spill: Spill,
    quarantine: Quarantine,
    file: u32,
    seq: u64,
    events: u64,
    nodes: Vec<Node>,
    keys: String,
    /// Words against links.
    taken_back: Vec<(Node, Node, i64)>,
    /// Goes last, when what waited in files has gone: the next one makes files of the same names.
    _lock: Lock,
}

impl Imported {
    /// Rows that were rejected, by the name of the reason.
    pub fn rejected_by_reason(&self) -> BTreeMap<String, u64> {
        let mut all = BTreeMap::new();
        for (reason, count) in self.rejected.values().flatten() {
            *all.entry(reason.clone()).or_default() += count;
        }
        all
    }
}

impl Lake {
    /// Starts an import. Takes the right to write until the importer is gone.
    ///
    /// # Errors
    /// [`Error::Locked`] when another process writes; file and table errors.
    pub async fn importer(mut self, options: ImportOptions) -> Result<Importer, Error> {
        let lock = self.lock().await?;
        let (customers_table, links_table) = self.identity_tables(&lock).await?;
        let (identity, knows_all) = self.identity_now(options.rules.clone()).await?;
        // Whoever goes on after others have written, or after a restart, knows who is who as if it had always written.
        let waiting = if options.is_live() && knows_all { self.waiting(&options.rules).await? } else { None };
        let known = waiting.map(|waiting| (identity.graph.resolve(), waiting));
        let known = known.filter(|(customers, waiting)| identity.is_filed_by(customers, &waiting.renamed));
        let (customers, waiting) = known.unzip();
        let waiting = waiting.unwrap_or_default();
        let stock = Stock { lake: self, customers_table, links_table, identity, customers, waiting };
        Importer::begin(stock, lock, options).await
    }
}

impl Importer {
    /// Starts an import into a lake of which all this is known.
    pub(crate) async fn begin(stock: Stock, lock: Lock, options: ImportOptions) -> Result<Self, Error> {
        let seq = stock.lake.events.transaction(number::NEXT_SEQ).await?.unwrap_or_default().cast_unsigned();
        let (home, folder) = (stock.lake.home(), stock.lake.home().join("tmp"));
        Ok(Self {
            spill: Spill::new(&folder.join("rows"), BUCKETS)?,
            quarantine: Quarantine::new(folder.join("rejected"), home.join("quarantine"), options.is_live()),
            stock,
            _lock: lock,
            options,
            words: Words::default(),
            file: 0,
            seq,
            events: 0,
            nodes: Vec::new(),
            keys: String::new(),
            taken_back: Vec::new(),
        })
    }

    /// Says which file the next events and rejections come from. Rejections of a live log are added to what the quarantine
    /// has under that name, once each, in the order of their lines.
    ///
    /// # Errors
    /// When the quarantine cannot be written.
    pub fn begin_file(&mut self, name: &str) -> Result<(), Error> {
        self.file += 1;
        self.quarantine.begin(name)
    }

    /// By which rules keys lead to customers.
    pub(crate) fn rules(&self) -> &Rules {
        &self.options.rules
    }

    /// What the lake says of [erasures](Lake::erasures), as long as this is there: nobody is erased meanwhile.
    ///
    /// # Errors
    /// When the lake cannot be read.
    pub async fn erasures(&self) -> Result<u64, Error> {
        self.stock.lake.erasures().await
    }

    /// How many events were taken in.
    pub fn events(&self) -> u64 {
        self.events
    }

    /// Takes in an event; whether any of its keys names somebody, if it has keys.
    fn take(&mut self, event: &Event<'_>) -> Result<bool, Error> {
        if self.events.is_multiple_of(1024) && self.options.interrupted.load(Ordering::Relaxed) {
            return Err(Error::Interrupted);
        }
        let further = self.options.rules.further_keys(event);
        let further = further.iter().map(|(kind, value)| (kind.as_str(), value.as_str()));
        let keys = || event.keys.iter().map(|key| (key.kind, key.value)).chain(further.clone());
        self.nodes.clear();
        let mut as_given = true;
        for (kind, value) in keys() {
            match self.stock.identity.graph.admit(kind, value) {
                Some(node) => {
                    as_given &= self.stock.identity.graph.key(node).1 == value;
                    if !self.nodes.contains(&node) {
                        self.nodes.push(node);
                    }
                }
                None => as_given = false,
            }
        }
        if self.nodes.is_empty() && !event.keys.is_empty() {
            return Ok(false);
        }
        if self.nodes.len() > 1 {
            self.stock.identity.graph.link(&self.nodes, event.at.as_micros());
        }
        if !as_given {
            keys_json(keys(), &mut self.keys);
        }
        let words = [event.event].map(Some).into_iter().chain([
            event.channel,
            event.source,
            event.resource,
            event.department,
            event.phase,
        ]);
        let mut numbers = [0; crate::spill::WORDS];
        for (number, word) in numbers.iter_mut().zip(words) {
            *number = self.words.number(word);
        }
        let row = Row {
            at_us: event.at.as_micros(),
            seq: self.seq,
            hash: event.message_id.map_or_else(|| message_id::content_hash(event), message_id::hash),
            file: self.file,
            nodes: Nodes::Given(&self.nodes),
            words: numbers,
            received_at_us: event.received_at.map(event::Timestamp::as_micros),
            texts: [
                event.message_id,
                (!as_given).then_some(self.keys.as_str()),
                event.case_id,
                event.properties,
                event.traits,
            ],
        };
        // Who is who is known at the end; until then the first key stands for the customer.
        let customer = self.nodes.first().map_or_else(|| nobody(row.at_us), |first| i64::from(first.0));
        self.spill.push(bucket_of(customer), &row)?;
        self.seq += 1;
        self.events += 1;
        Ok(true)
    }

    /// Sorts everything, writes it and commits it.
    ///
    /// # Errors
    /// When something cannot be written. No event of the import is kept then, but its links may be, and count. Only where what
    /// followed the commit failed, such as a checkpoint for which there was no room, all of it is kept but its rejected rows, which
    /// are there once it is repeated.
    pub async fn finish(self) -> Result<(Lake, Imported), Error> {
        let rules = self.options.rules.clone();
        let (stock, mut imported) = self.store().await?;
        imported.keys = stock.identity.keys();
        if let Some(customers) = &stock.customers {
            imported.refused.clone_from(&customers.refused);
            imported.largest = largest(&stock.identity, customers);
        }
        imported.customers = stock.lake.size(&rules).await?.1;
        Ok((stock.lake, imported))
    }

    /// The same without counting what else is in the lake; gives what is known of it, for the next import.
    pub(crate) async fn store(mut self) -> Result<(Stock, Imported), Error> {
        let news = self.stock.identity.graph.take_news();
        let taken_back = std::mem::take(&mut self.taken_back);
        let (customers, moves) = self.who_is_who(&[news.as_slice(), &taken_back].concat());
        let (moves, waiting) = self.wait(moves).await?;
        let mut work = self.plan(moves).await?;
        let built = self.build(&customers, &mut work, &waiting).await?;
        let mut imported = Imported {
            events: built.iter().map(|b| b.new).sum(),
            duplicates: built.iter().map(|b| b.duplicates).sum(),
            ..Imported::default()
        };
        let Stock { customers_table, links_table, identity, .. } = &mut self.stock;
        let merged = identity.save(customers_table, links_table, &customers, &news, &taken_back).await?;
        identity.are_filed(&customers, !work.moves.is_empty());
        let links = i64::try_from(links_table.version()).unwrap_or(i64::MAX);
        let mut numbers: Numbers =
            vec![(number::NEXT_SEQ.into(), self.seq.cast_signed()), (number::LINKS.into(), links)];
        if waiting.renamed.is_empty() {
            let rules = (number::RULES_FILED.into(), fingerprint(&self.options.rules));
            numbers.extend([(number::LINKS_FILED.into(), links), rules]);
        }
        let (brings, next) = (imported.events > 0, self.seq.cast_signed());
        numbers.extend(self.stock.lake.live_numbers(&self.options, brings, next).await?);
        let rejected = if self.options.is_live() { Some(self.quarantine.finish()?) } else { None };
        if self.changes_anything(&imported, &work, &numbers).await? {
            self.commit(built, &work, &waiting, numbers).await?;
            for path in merged {
                let _ = std::fs::remove_file(path);
            }
        } else {
            // The same file again: the new runs would only say once more what is there.
            let built = built.iter().filter_map(|b| b.add.as_ref());
            remove_files(self.stock.lake.events.root(), built.map(|add| add.path.as_str()));
        }
        (imported.rejected, imported.quarantine) = match rejected {
            Some(rejected) => rejected,
            None => self.quarantine.finish()?,
        };
        self.stock.customers = Some(customers);
        self.stock.waiting = waiting;
        Ok((self.stock, imported))
    }

    /// Who is who with this evidence and these words, and whose rows do not lie where they belong.
    fn who_is_who(&mut self, news: &[(Node, Node, i64)]) -> (Customers, Moves) {
        let Stock { identity, waiting, customers, .. } = &mut self.stock;
        if let Some(mut customers) = customers.take() {
            let moves = identity.moves_again(&mut customers, news, &waiting.renamed);
            return (customers, moves);
        }
        let customers = identity.graph.resolve();
        let moves = identity.moves(&customers);
        (customers, moves)
    }

    /// Which rows are put where they belong now, and which wait: those of whoever writes again and again, as long as that is
    /// all there is to it.
    async fn wait(&self, moves: Moves) -> Result<(Moves, Waiting), Error> {
        let Stock { lake, waiting, .. } = &self.stock;
        let rules_filed = lake.events.transaction(number::RULES_FILED).await?;
        if !self.options.is_live() || rules_filed != Some(fingerprint(&self.options.rules)) {
            return Ok((moves, Waiting::default()));
        }
        let files = lake.events.files().await?;
        let count = |customers: &[i64]| rows_under(lake.events.root(), &files, customers);
        Ok(match waiting.after(&moves, files.iter().map(|file| file.rows).sum(), count)? {
            Some(waiting) => (Moves::default(), waiting),
            None => (moves, Waiting::default()),
        })
    }

    /// Whether there is anything to say that the lake does not say yet.
    async fn changes_anything(&self, imported: &Imported, work: &Work, numbers: &Numbers) -> Result<bool, Error> {
        let lake = &self.stock.lake;
        for (name, number) in numbers {
            let matters =
                [number::LOG_POSITION, number::TOLD_SEQ, number::LINKS, number::LINKS_FILED, number::RULES_FILED];
            let matters = matters.contains(&name.as_ref());
            if (matters || name.starts_with(number::UNTOLD)) && lake.events.transaction(name).await? != Some(*number) {
                return Ok(true);
            }
        }
        Ok(imported.events > 0 || !work.moves.is_empty())
    }

    async fn commit(
        &mut self,
        built: Vec<Built>,
        work: &Work,
        waiting: &Waiting,
        mut numbers: Numbers,
    ) -> Result<(), Error> {
        let Stock { lake, customers_table, links_table, identity, .. } = &mut self.stock;
        let add = built.into_iter().filter_map(|b| b.add).collect();
        let remove = work.replaced().map(|file| file.remove.clone()).collect();
        let mut replaced = None;
        if !work.moves.is_empty() {
            let version = identity.prepare_customers(customers_table, |node| identity.filed[node.0 as usize])?;
            numbers.push((number::CUSTOMERS_REPLACED.into(), version));
            numbers.push((number::REFILED.into(), lake.events.next_version()));
            replaced = Some(version);
        }
        if !waiting.renamed.is_empty() {
            let links = i64::try_from(links_table.version()).unwrap_or(i64::MAX);
            lake.say_waiting(waiting, links, &self.options.rules).await?;
        }
        let numbers: Vec<(&str, i64)> = numbers.iter().map(|(name, number)| (name.as_ref(), *number)).collect();
        lake.events.commit(Purpose::Append, add, remove, &numbers).await?;
        if let Some(version) = replaced {
            complete(customers_table, version).await?;
            customers_table.replace(version);
            kept::sweep(lake.home(), lake.events.version(), lake.events.transaction(number::REFILED).await?)?;
            waiting::forget(lake.home());
        }
        remove_files(lake.events.root(), work.replaced().map(|file| file.path.as_str()));
        Ok(())
    }

    /// Which runs are rebuilt because rows of their bucket move.
    async fn plan(&self, moves: Moves) -> Result<Work, Error> {
        let mut work = Work { moves, ..Work::default() };
        let mut by_bucket: BTreeMap<u32, Vec<DataFile>> = BTreeMap::new();
        for file in self.stock.lake.events.files().await? {
            by_bucket.entry(file.bucket).or_default().push(file);
        }
        let leaving: Vec<u32> =
            work.moves.renamed.keys().chain(&work.moves.split).map(|customer| bucket_of(*customer)).collect();
        for (bucket, runs) in by_bucket {
            if leaving.contains(&bucket) {
                work.leaving.extend(runs);
                continue;
            }
            work.runs.insert(bucket, Runs { staying: runs, merged: Vec::new() });
        }
        Ok(work)
    }

    async fn build(&mut self, customers: &Customers, work: &mut Work, waiting: &Waiting) -> Result<Vec<Built>, Error> {
        let Stock { lake, identity, .. } = &self.stock;
        let root = lake.events.root().to_owned();
        let there_before = match self.options.origin {
            Origin::Live { until: Some(_) } => lake.events.transaction(number::IMPORTED_SEQ).await?.unwrap_or_default(),
            _ => i64::MAX,
        };
        let mut moved = Spill::new(&lake.home().join("tmp").join("moved"), BUCKETS)?;
        let leaving: Vec<String> = work.leaving.iter().map(|file| file.path.clone()).collect();
        let graph = &identity.graph;
        unfile(graph, &mut self.words, &root, &leaving, |nodes, row, _| {
            moved.push(bucket_of(filed_under(graph, customers, nodes, row.at_us)), row)
        })?;
        let known = Known { graph, customers, words: &self.words };
        // Without links every row has one key, and waits where it belongs. A link that is not followed is enough to change
        // that: of two keys that are two customers, the preferred one's bucket may not be that of the first.
        if graph.links_len() > 0 {
            forward(&known, &self.spill, &mut moved, BUCKETS)?;
        }
        let (spill, moved) = (&self.spill, &moved);
        for (bucket, runs) in &mut work.runs {
            runs.merge_due(spill.rows(*bucket) + moved.rows(*bucket));
        }
        let work = &*work;
        let there = work.there(&root, waiting, there_before);
        let version = lake.events.version() + 1;
        run_on_buckets(&self.options.interrupted, |bucket, bytes| {
            if spill.rows(bucket) == 0 && moved.rows(bucket) == 0 {
                return Ok(Built::default());
            }
            let none = Runs::default();
            let Runs { merged, .. } = work.runs.get(&bucket).unwrap_or(&none);
            let merged: Vec<OpenFile> =
                merged.iter().map(|file| OpenFile::open(&root.join(&file.path))).collect::<Result<_, _>>()?;
            let is_here = |customer| bucket_of(customer) == bucket;
            let ids = Some(|of: &[i64]| there.ids(of));
            build_run(&known, &[moved, spill], bytes, is_here, ids, &merged, (&root, bucket, version))
        })
    }
}

/// The customers with the most keys.
fn largest(identity: &Identity, customers: &Customers) -> Vec<(String, String, u64)> {
    let named = |(root, keys): (Node, usize)| {
        let (kind, value) = identity.graph.key(root);
        (kind.to_owned(), value.to_owned(), keys as u64)
    };
    customers.largest(5).into_iter().map(named).collect()
}

/// Builds every bucket, on all cores; `build` gets a buffer for the bucket's rows that is empty and used again.
pub(crate) fn run_on_buckets(
    interrupted: &AtomicBool,
    build: impl Fn(u32, &mut Vec<u8>) -> Result<Built, Error> + Sync,
) -> Result<Vec<Built>, Error> {
    let next = AtomicU32::new(0);
    let done = Mutex::new(Vec::new());
    run_on_all_cores(|| {
        let mut bytes = Vec::new();
        loop {
            let bucket = next.fetch_add(1, Ordering::Relaxed);
            if bucket >= BUCKETS {
                return Ok(());
            }
            if interrupted.load(Ordering::Relaxed) {
                return Err(Error::Interrupted);
            }
            bytes.clear();
            let built = build(bucket, &mut bytes)?;
            done.lock().expect("no holder of this lock panics").push(built);
        }
    })?;
    Ok(done.into_inner().expect("no holder of this lock panics"))
}

impl Sink for Importer {
    fn event(&mut self, event: &Event<'_>) -> Result<(), Stop> {
        match self.take(event) {
            Ok(true) => Ok(()),
            Ok(false) => Err(Stop::new(names_nobody(event))),
            Err(error) => Err(Stop::new(error)),
        }
    }

    fn reject(&mut self, rejection: &Rejection<'_>) -> Result<(), Stop> {
        if self.options.interrupted.load(Ordering::Relaxed) {
            return Err(Stop::new(Error::Interrupted));
        }
        let (reason, detail) = (rejection.reason.name(), &rejection.detail);
        self.quarantine.put(reason, rejection.line, detail, rejection.row).map_err(Stop::new)
    }
}
