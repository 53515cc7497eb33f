//! Rows that wait to be put where they belong.
//!
//! A visitor who logs in becomes somebody who was known before, and the rows of both belong together from then on. To put them
//! there, whole buckets are written again. Who writes to the lake every second lets all rows of such a customer lie until there
//! are many, or until it has been long, and says beside the lake whose they are: so a reader need not know who is who. What is
//! said holds for one state of links, rules and places; where it does not hold or cannot be read, a reader works it out.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use listen::stitch::Rules;
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::identity::Moves;
use crate::limits::{WAITING_EVENTS_MIN, WAITING_EVENTS_ROWS, WAITING_FILES, WAITING_MAX, WAITING_MIN, WAITING_ROWS};
use crate::open_file::OpenFile;
use crate::run_file::Places;
use crate::store::{Lake, bucket_of, fingerprint, number};
use crate::table::DataFile;
use crate::touched::rows_of;

/// By customer under which rows lie: whose they all are.
pub(crate) type Renamed = BTreeMap<i64, i64>;

/// What waits, as whoever writes again and again knows it.
#[derive(Debug, Default)]
pub(crate) struct Waiting {
    pub(crate) renamed: Renamed,
    /// How many events that are; no fewer.
    events: u64,
    /// Since when something waits, in microseconds since 1970.
    since_us: Option<i64>,
}

impl Waiting {
    /// What waits after these moves, in a lake of so many rows; `count` says how many rows are filed under customers, who are in
    /// ascending order. `None` where they may not wait: only whole customers do, not too many, not with too many events and
    /// not for long.
    pub(crate) fn after(
        &self,
        moves: &Moves,
        rows: u64,
        count: impl FnOnce(&[i64]) -> Result<u64, Error>,
    ) -> Result<Option<Self>, Error> {
        if moves.is_empty() {
            return Ok(Some(Self::default()));
        }
        let since_us = self.since_us.unwrap_or_else(now_us);
        // A clock that is put back by less than that makes it so much later; set otherwise, it makes it seem long too soon.
        let is_long = u128::from(now_us().abs_diff(since_us)) >= WAITING_MAX.as_micros();
        let many = WAITING_MIN.max(rows / WAITING_ROWS);
        if !moves.split.is_empty() || moves.renamed.len() as u64 > many || is_long {
            return Ok(None);
        }
        let new: Vec<i64> = moves.renamed.keys().filter(|filed| !self.renamed.contains_key(filed)).copied().collect();
        let events = self.events + if new.is_empty() { 0 } else { count(&new)? };
        let may_wait = events <= WAITING_EVENTS_MIN.max(rows / WAITING_EVENTS_ROWS);
        Ok(may_wait.then(|| Self { renamed: moves.renamed.clone(), events, since_us: Some(since_us) }))
    }
}

fn now_us() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(now.as_micros()).unwrap_or(i64::MAX)
}

/// How many rows of these files are filed under these customers, who are in ascending order.
pub(crate) fn rows_under(root: &Path, files: &[DataFile], customers: &[i64]) -> Result<u64, Error> {
    let mut by_bucket: BTreeMap<u32, Vec<i64>> = BTreeMap::new();
    for customer in customers {
        by_bucket.entry(bucket_of(*customer)).or_default().push(*customer);
    }
    let mut rows = 0;
    for file in files {
        if let Some(theirs) = by_bucket.get(&file.bucket) {
            let run = Places::of(&OpenFile::open(&root.join(&file.path))?, false)?;
            rows += rows_of(&run, theirs)?.row_count() as u64;
        }
    }
    Ok(rows)
}

/// What is said beside the lake of the rows that wait by a version of the links.
#[derive(Debug, Serialize, Deserialize)]
struct Said {
    /// The fingerprint of the rules by which it was worked out.
    rules: i64,
    /// With which version of the events rows were put in other places last.
    refiled: Option<i64>,
    /// Since when any wait, in microseconds since 1970.
    #[serde(default)]
    since_us: Option<i64>,
    renamed: Vec<(i64, i64)>,
}

fn folder(home: &Path) -> PathBuf {
    home.join("lake").join("waiting")
}

fn file(home: &Path, links: i64) -> PathBuf {
    folder(home).join(format!("{links:020}.json"))
}

impl Lake {
    /// Whose rows wait, where all others lie where these rules and the links that are known now put them; `None` where that has
    /// to be worked out.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub(crate) async fn filed(&self, rules: &Rules) -> Result<Option<Renamed>, Error> {
        Ok(self.waits(rules).await?.map(|said| said.renamed.into_iter().collect()))
    }

    /// The same, as whoever goes on writing has to know it.
    pub(crate) async fn waiting(&self, rules: &Rules) -> Result<Option<Waiting>, Error> {
        let Some(said) = self.waits(rules).await? else { return Ok(None) };
        let renamed: Renamed = said.renamed.into_iter().collect();
        let customers: Vec<i64> = renamed.keys().copied().collect();
        let events = rows_under(self.events.root(), &self.events.files().await?, &customers)?;
        Ok(Some(Waiting { renamed, events, since_us: said.since_us }))
    }

    async fn waits(&self, rules: &Rules) -> Result<Option<Said>, Error> {
        let (fingerprint, refiled) = (fingerprint(rules), self.events.transaction(number::REFILED).await?);
        if self.is_filed(rules).await? {
            return Ok(Some(Said { rules: fingerprint, refiled, since_us: None, renamed: Vec::new() }));
        }
        let Some(links) = self.events.transaction(number::LINKS).await? else { return Ok(None) };
        let said = std::fs::read(file(self.home(), links)).ok();
        let said: Option<Said> = said.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        Ok(said.filter(|said| said.rules == fingerprint && said.refiled == refiled))
    }

    /// Says which rows wait once these links are known. What cannot be said has to be worked out by readers.
    pub(crate) async fn say_waiting(&self, waiting: &Waiting, links: i64, rules: &Rules) -> Result<(), Error> {
        let refiled = self.events.transaction(number::REFILED).await?;
        let renamed = waiting.renamed.iter().map(|(filed, customer)| (*filed, *customer)).collect();
        let said = Said { rules: fingerprint(rules), refiled, since_us: waiting.since_us, renamed };
        let (folder, path) = (folder(self.home()), file(self.home(), links));
        let bytes = serde_json::to_vec(&said).expect("numbers can be said");
        if std::fs::read(&path).is_ok_and(|there| there == bytes) {
            return Ok(());
        }
        let draft = path.with_extension("tmp");
        let written = std::fs::create_dir_all(&folder)
            .and_then(|()| std::fs::write(&draft, bytes))
            .and_then(|()| std::fs::rename(&draft, &path));
        let Ok(old) = written.and_then(|()| std::fs::read_dir(&folder)) else { return Ok(()) };
        keep(old, links - WAITING_FILES..=links);
        Ok(())
    }
}

/// Deletes what was said with versions of the links that the events do not know: a process that was killed left it, or the log
/// was put back, and the next links get that number. Only for who has the right to write.
pub(crate) fn sweep(home: &Path, links: i64) {
    if let Ok(all) = std::fs::read_dir(folder(home)) {
        keep(all, 0..=links);
    }
}

/// Deletes what was said with other versions than these.
fn keep(all: std::fs::ReadDir, versions: RangeInclusive<i64>) {
    for path in all.filter_map(|entry| Some(entry.ok()?.path())) {
        let version = path.file_stem().and_then(|stem| stem.to_str()?.parse::<i64>().ok());
        if version.is_none_or(|version| !versions.contains(&version)) {
            let _ = std::fs::remove_file(path);
        }
    }
}

/// Deletes all that was said; it is void once rows are put in other places.
pub(crate) fn forget(home: &Path) {
    let _ = std::fs::remove_dir_all(folder(home));
}
