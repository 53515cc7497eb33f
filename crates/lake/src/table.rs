//! One Delta table: its files, its commits, its transactions. The log is delta-rs'; the files are ours, because delta-rs' own
//! writer and compaction do not keep the order that everything here rests on.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{SystemTime, UNIX_EPOCH};

use deltalake_core::kernel::transaction::{CommitBuilder, CommitProperties};
use deltalake_core::kernel::{Action, Add, Remove, Transaction};
use deltalake_core::operations::create::CreateBuilder;
use deltalake_core::protocol::{DeltaOperation, SaveMode};
use deltalake_core::{DeltaTable, DeltaTableBuilder};
use event::Timestamp;
use futures::TryStreamExt;
use jiff::tz::TimeZone;
use url::Url;

use crate::error::Error;
use crate::limits::{FORMAT, RUNS_MAX};
use crate::schema::{self, BUCKET, Column, Type};
use crate::torn;

/// The name under which the lake's format is kept among a table's properties.
const FORMAT_PROPERTY: &str = "desireline.format";

/// What a table says of itself. Commits go once they are an hour old and a checkpoint says the same: a server makes several
/// a second. Of files that were replaced nothing has to be remembered, since they are deleted at once, and whoever reads them
/// holds them open.
fn properties() -> [(&'static str, Option<String>); 3] {
    let own = |text: &str| Some(text.to_owned());
    [
        (FORMAT_PROPERTY, Some(FORMAT.to_string())),
        ("delta.logRetentionDuration", own("interval 1 hour")),
        ("delta.deletedFileRetentionDuration", own("interval 0 seconds")),
    ]
}

/// After so many commits, which is when delta-rs makes a checkpoint, it is looked which may go.
const LOG_TENDED_EVERY: u64 = 100;

/// A file of a table.
#[derive(Debug, Clone)]
pub(crate) struct DataFile {
    /// Where it is, relative to the table.
    pub path: String,
    /// Its size in bytes.
    pub size: u64,
    /// The bucket whose events it holds; 0 where the table has none.
    pub bucket: u32,
    /// How many rows it has.
    pub rows: u64,
    /// The time of its earliest event, in microseconds since 1970.
    pub at_min_us: Option<i64>,
    /// The time of its latest event, in microseconds since 1970.
    pub at_max_us: Option<i64>,
    /// The least arrival number of its events, where the log says so.
    pub seq_min: Option<i64>,
    /// When it was written, in microseconds since 1970.
    pub written_us: i64,
    /// The entry that would take it out of the table.
    pub remove: Remove,
}

/// What a commit does, for the table's history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// New rows.
    Append,
    /// The same rows in other files.
    Compact,
    /// Rows taken out.
    Erase,
}

/// A Delta table in a local folder.
#[derive(Debug)]
pub(crate) struct Table {
    delta: DeltaTable,
    root: PathBuf,
    partitioned: bool,
    replaced: Option<i64>,
    /// Its files at a version, once anybody has asked: reading them out of the log takes a good part of a short question.
    files: Mutex<Option<(u64, Vec<DataFile>)>>,
    /// The numbers that were asked for or committed: each is read out of the whole log since its last checkpoint.
    numbers: Mutex<HashMap<String, Option<i64>>>,
}

impl Table {
    /// Opens the table in this folder; `None` when there is none.
    pub(crate) async fn open(root: &Path) -> Result<Option<Self>, Error> {
        if !has_log(root)? {
            return Ok(None);
        }
        let delta = DeltaTableBuilder::from_url(url_of(root)?)?.load().await?;
        let metadata = delta.snapshot()?.metadata();
        let found = metadata.configuration().get(FORMAT_PROPERTY).and_then(|v| v.parse().ok()).unwrap_or(FORMAT);
        if found > FORMAT {
            return Err(Error::NewerFormat { path: root.to_owned(), found, known: FORMAT });
        }
        let partitioned = metadata.partition_columns().iter().any(|column| column == BUCKET);
        Ok(Some(Self::new(delta, root, partitioned)))
    }

    fn new(delta: DeltaTable, root: &Path, partitioned: bool) -> Self {
        let (files, numbers) = (Mutex::default(), Mutex::default());
        Self { delta, root: root.to_owned(), partitioned, replaced: None, files, numbers }
    }

    /// Makes a table in this folder, by bucket where `partitioned`.
    pub(crate) async fn create(root: &Path, columns: &[Column], partitioned: bool) -> Result<Self, Error> {
        std::fs::create_dir_all(root).map_err(Error::file("make the folder", root))?;
        let mut columns = columns.to_vec();
        if partitioned {
            columns.push((BUCKET, Type::Int, false));
        }
        let delta = CreateBuilder::new()
            .with_location(url_of(root)?.as_str())
            .with_columns(schema::delta_columns(&columns))
            .with_partition_columns(partitioned.then_some(BUCKET))
            .with_configuration(properties())
            .with_raise_if_key_not_exists(false)
            .await?;
        torn::durable(root, delta.version().unwrap_or_default())?;
        Ok(Self::new(delta, root, partitioned))
    }

    /// What the table is called in itself: by chance when it was made.
    pub(crate) fn id(&self) -> Result<String, Error> {
        Ok(self.delta.snapshot()?.metadata().id().to_owned())
    }

    /// Makes sure of what a process that was killed may have left undone, or an older one did not know: the last commit is on
    /// the disk before another comes after it, and the table says how long commits stay.
    pub(crate) async fn settle(&mut self) -> Result<(), Error> {
        torn::durable(&self.root, self.version())?;
        let configuration = self.delta.snapshot()?.metadata().configuration().clone();
        let is_said = |(name, value): &(&str, Option<String>)| configuration.get(*name) == value.as_ref();
        // The first rows of a small table are its first version, by which a reader knows them.
        if self.files().await?.is_empty() || properties().iter().all(is_said) {
            return Ok(());
        }
        let said = properties().into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
        let table = self.delta.clone().set_tbl_properties().with_properties(said.collect());
        self.delta = table.with_raise_if_not_exists(false).await?;
        torn::durable(&self.root, self.version())
    }

    /// The folder of the table.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// The number of the latest commit.
    pub(crate) fn version(&self) -> u64 {
        self.delta.version().unwrap_or_default()
    }

    /// The number that the next commit gets.
    pub(crate) fn next_version(&self) -> i64 {
        i64::try_from(self.version() + 1).expect("commits are counted in 63 bits")
    }

    /// Whether nobody has committed since this table was opened.
    pub(crate) fn is_latest(&self) -> Result<bool, Error> {
        torn::is_latest(&self.root.join("_delta_log"), self.version())
    }

    /// Says which version's rows took the place of all others last, as far as the events know.
    pub(crate) fn with_replaced(self, replaced: Option<i64>) -> Self {
        Self { replaced, ..self }
    }

    /// The same, of a version that was put in the place of all others just now.
    pub(crate) fn replace(&mut self, version: i64) {
        self.replaced = Some(version);
    }

    /// That version.
    pub(crate) fn replaced(&self) -> Option<i64> {
        self.replaced
    }

    /// The version of which the rows are written and count already, though the table's own log does not name them yet.
    pub(crate) fn prepared(&self) -> Option<i64> {
        self.replaced.filter(|version| *version >= self.next_version())
    }

    /// Deletes data files of ours that no commit names: an import or a compaction that was killed left them. Only for who
    /// has the right to write.
    pub(crate) async fn remove_orphans(&self) -> Result<(), Error> {
        let named: BTreeSet<PathBuf> = self.files().await?.iter().map(|file| self.root.join(&file.path)).collect();
        let list = |folder: &Path| -> Result<Vec<PathBuf>, Error> {
            let entries = std::fs::read_dir(folder).map_err(Error::file("read the folder", folder))?;
            Ok(entries.filter_map(|entry| entry.ok().map(|entry| entry.path())).collect())
        };
        let mut inside = list(&self.root)?;
        if self.partitioned {
            let is_bucket = |path: &PathBuf| {
                path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("bucket=")) && path.is_dir()
            };
            let buckets: Vec<PathBuf> = inside.iter().filter(|path| is_bucket(path)).cloned().collect();
            for bucket in buckets {
                inside.append(&mut list(&bucket)?);
            }
        }
        let is_ours = |path: &Path| {
            let stem = path.file_stem().unwrap_or_default().to_string_lossy();
            path.extension().is_some_and(|e| e == "parquet")
                && stem.len() == 12
                && stem.bytes().all(|b| b.is_ascii_digit())
        };
        for path in inside.iter().filter(|path| is_ours(path) && !named.contains(*path)) {
            std::fs::remove_file(path).map_err(Error::file("delete", path))?;
        }
        Ok(())
    }

    /// All files, in order of their names.
    pub(crate) async fn files(&self) -> Result<Vec<DataFile>, Error> {
        let known = || self.files.lock().expect("no holder of this lock panics");
        if let Some((_, files)) = known().as_ref().filter(|(version, _)| *version == self.version()) {
            return Ok(files.clone());
        }
        let files = self.read_files().await?;
        *known() = Some((self.version(), files.clone()));
        Ok(files)
    }

    async fn read_files(&self) -> Result<Vec<DataFile>, Error> {
        let log_store = self.delta.log_store();
        let snapshot = self.delta.snapshot()?.snapshot();
        let mut views = snapshot.file_views(log_store.as_ref(), None);
        let mut files = Vec::new();
        while let Some(view) = views.try_next().await? {
            if view.deletion_vector_descriptor().is_some() {
                let what = format!("{} has a deletion vector, which only another writer could have made", view.path());
                return Err(Error::Corrupt { what });
            }
            let bucket = match view.partition_values_map().get(BUCKET) {
                Some(Some(bucket)) => {
                    bucket.parse().map_err(|_| Error::Corrupt { what: format!("bucket {bucket:?}") })?
                }
                _ => 0,
            };
            let stats: Option<serde_json::Value> =
                view.stats().as_deref().and_then(|stats| serde_json::from_str(stats).ok());
            let stat = |which: &str, column: &str| stats.as_ref()?.get(which)?.get(column);
            files.push(DataFile {
                path: view.path().into_owned(),
                size: u64::try_from(view.size()).unwrap_or_default(),
                bucket,
                rows: view.num_records().unwrap_or_default() as u64,
                at_min_us: stat("minValues", "at").and_then(at_us),
                at_max_us: stat("maxValues", "at").and_then(at_us),
                seq_min: stat("minValues", "seq").and_then(serde_json::Value::as_i64),
                written_us: view.modification_time().saturating_mul(1000),
                remove: view.remove_action(true),
            });
        }
        files.sort_by(|a, b| (a.bucket, &a.path).cmp(&(b.bucket, &b.path)));
        Ok(files)
    }

    /// The number that was committed last under this name, if any.
    pub(crate) async fn transaction(&self, name: &str) -> Result<Option<i64>, Error> {
        let known = || self.numbers.lock().expect("no holder of this lock panics");
        if let Some(number) = known().get(name) {
            return Ok(*number);
        }
        let log_store = self.delta.log_store();
        let number = self.delta.snapshot()?.transaction_version(log_store.as_ref(), name).await?;
        known().insert(name.to_owned(), number);
        Ok(number)
    }

    /// Adds and removes files and sets named numbers, all at once or not at all; when it returns, that is on the disk.
    pub(crate) async fn commit(
        &mut self,
        purpose: Purpose,
        add: Vec<Add>,
        remove: Vec<Remove>,
        numbers: &[(&str, i64)],
    ) -> Result<(), Error> {
        let transactions = numbers.iter().map(|(name, number)| Transaction::new(*name, *number)).collect();
        let actions: Vec<Action> =
            remove.into_iter().map(Action::Remove).chain(add.into_iter().map(Action::Add)).collect();
        // The first one says what the commit is.
        let lines = 1 + actions.len() + numbers.len();
        let operation = match purpose {
            Purpose::Append => DeltaOperation::Write {
                mode: SaveMode::Append,
                partition_by: self.partitioned.then(|| vec![BUCKET.to_owned()]),
                predicate: None,
            },
            Purpose::Compact => DeltaOperation::Optimize { predicate: None, target_size: 0 },
            Purpose::Erase => DeltaOperation::Delete { predicate: None },
        };
        // Looking for commits that may go reads the whole folder of the log; they go after a checkpoint alone.
        let tended = (self.version() + 1).is_multiple_of(LOG_TENDED_EVERY);
        let properties = CommitProperties::default()
            .with_application_transactions(transactions)
            .with_metadata([(torn::LINES.to_owned(), lines.into())]);
        let commit = CommitBuilder::from(properties.with_cleanup_expired_logs(Some(tended)))
            .with_actions(actions)
            .build(Some(self.delta.snapshot()?.snapshot()), self.delta.log_store(), operation)
            .await?;
        torn::durable(&self.root, commit.version())?;
        self.delta.state = Some(commit.snapshot());
        let known = numbers.iter().map(|(name, number)| ((*name).to_owned(), Some(*number)));
        self.numbers.lock().expect("no holder of this lock panics").extend(known);
        Ok(())
    }
}

/// How many of the latest files, of a bucket or of a small table, are merged with `new` rows. None, as long as there are few;
/// then many at once, down to one that is much larger than all behind it: so every row is written again only a logarithmic
/// number of times.
pub(crate) fn due(runs: &[DataFile], new: u64) -> usize {
    if new == 0 || runs.len() < RUNS_MAX {
        return 0;
    }
    let (mut merged, mut rows) = (0, new);
    for run in runs.iter().rev() {
        if merged >= RUNS_MAX / 2 && run.rows > rows.saturating_mul(2) {
            break;
        }
        merged += 1;
        rows += run.rows;
    }
    merged
}

/// Whether a table was ever committed here. The folder of its log alone is left by a program that was killed, or found no
/// room on the disk, before the first commit.
fn has_log(root: &Path) -> Result<bool, Error> {
    let log = root.join("_delta_log");
    let entries = match std::fs::read_dir(&log) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(Error::file("read the folder", &log)(error)),
    };
    let is_commit = |name: &Path| name.extension().is_some_and(|ending| ending == "json" || ending == "parquet");
    Ok(entries.filter_map(Result::ok).any(|entry| is_commit(Path::new(&entry.file_name()))))
}

/// A time as Delta's statistics name it.
fn at_us(stat: &serde_json::Value) -> Option<i64> {
    Timestamp::parse(stat.as_str()?, &TimeZone::UTC).ok().map(Timestamp::as_micros)
}

/// The log entry for a file that was written into the table's folder; `stats` is Delta's JSON.
pub(crate) fn add_entry(
    root: &Path,
    path: String,
    bucket: Option<u32>,
    stats: String,
    new: bool,
) -> Result<Add, Error> {
    let full = root.join(&path);
    let size = std::fs::metadata(&full).map_err(Error::file("look at", &full))?.len();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    Ok(Add {
        path,
        partition_values: bucket.map(|b| HashMap::from([(BUCKET.to_owned(), Some(b.to_string()))])).unwrap_or_default(),
        size: i64::try_from(size).unwrap_or(i64::MAX),
        modification_time: i64::try_from(now).unwrap_or(i64::MAX),
        data_change: new,
        stats: Some(stats),
        ..Add::default()
    })
}

/// A folder as the URL that delta-rs wants.
fn url_of(folder: &Path) -> Result<Url, Error> {
    let absolute = std::path::absolute(folder).map_err(Error::file("find", folder))?;
    Url::from_directory_path(&absolute)
        .map_err(|()| Error::Invalid { what: format!("{} is not a folder", folder.display()) })
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::time::Duration;

    use arrow::array::RecordBatch;

    use super::*;
    use crate::identity;
    use crate::schema::LINKS;

    fn log(root: &Path) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(root.join("_delta_log")).expect("a log");
        let files = entries.map(|entry| entry.expect("an entry").path());
        files.filter(|path| path.extension().is_some_and(|ending| ending == "json")).collect()
    }

    #[test]
    fn old_commits_go_and_whoever_opened_the_table_before_knows_that_it_is_not_the_latest() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = &folder.path().join("events");
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let mut table = Table::create(root, LINKS, false).await.expect("made");
            let early = Table::open(root).await.expect("opened").expect("there");
            for number in 1..=250 {
                if number == 150 {
                    let old = SystemTime::now() - Duration::from_hours(2);
                    for path in log(root) {
                        File::open(path).and_then(|file| file.set_modified(old)).expect("dated back");
                    }
                }
                table.commit(Purpose::Append, Vec::new(), Vec::new(), &[("n", number)]).await.expect("committed");
            }
            assert!(log(root).len() < 160, "{} of 251 commits are left", log(root).len());
            assert!(!early.is_latest().expect("looked") && table.is_latest().expect("looked"));
            let again = Table::open(root).await.expect("opened").expect("there");
            assert_eq!((again.version(), again.transaction("n").await.expect("read")), (250, Some(250)));
            // A power cut may leave a checkpoint that is empty; the one before says the same with the commits since.
            let last = torn::last_checkpoint(&root.join("_delta_log")).expect("there is one");
            std::fs::write(root.join(format!("_delta_log/{last:020}.checkpoint.parquet")), "").expect("written");
            assert!(torn::is_torn(folder.path()).expect("looked"));
            torn::mend(folder.path()).expect("put aside");
            assert!(!torn::is_torn(folder.path()).expect("looked"));
            assert!(torn::put_aside(folder.path())[0].ends_with(format!("{last:020}.checkpoint.parquet.torn")));
            let again = Table::open(root).await.expect("opened").expect("there");
            assert_eq!((again.version(), again.transaction("n").await.expect("read")), (250, Some(250)));
        });
    }

    /// Makes a table with just so many commits that the last one is followed by a checkpoint.
    async fn with_first_checkpoint(root: &Path) {
        let mut table = Table::create(root, LINKS, false).await.expect("made");
        for number in 1..=99 {
            table.commit(Purpose::Append, Vec::new(), Vec::new(), &[("n", number)]).await.expect("committed");
        }
    }

    #[test]
    fn a_torn_commit_goes_with_its_checkpoint() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = &folder.path().join("events");
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            with_first_checkpoint(root).await;
            assert_eq!(torn::last_checkpoint(&root.join("_delta_log")), Some(99));
            std::fs::write(root.join(format!("_delta_log/{:020}.json", 99)), "").expect("written");
            torn::mend(folder.path()).expect("put aside");
            let mut again = Table::open(root).await.expect("opened").expect("there");
            assert_eq!((again.version(), again.transaction("n").await.expect("read")), (98, Some(98)));
            again.settle().await.expect("settled");
        });
    }

    #[test]
    fn whoever_was_killed_before_a_first_checkpoint_was_said_to_be_the_last_keeps_nobody_from_writing() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = &folder.path().join("events");
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            with_first_checkpoint(root).await;
            std::fs::remove_file(root.join("_delta_log/_last_checkpoint")).expect("removed");
            let mut again = Table::open(root).await.expect("opened").expect("there");
            again.settle().await.expect("settled");
            again.commit(Purpose::Append, Vec::new(), Vec::new(), &[("n", 100)]).await.expect("committed");
            let again = Table::open(root).await.expect("opened").expect("there");
            assert_eq!((again.version(), again.transaction("n").await.expect("read")), (100, Some(100)));
        });
    }

    #[test]
    fn a_table_of_an_older_program_learns_how_long_commits_stay() {
        let folder = tempfile::tempdir().expect("a folder");
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let columns = schema::delta_columns(LINKS);
            let url = url_of(folder.path()).expect("a folder");
            let made = CreateBuilder::new().with_location(url.as_str()).with_columns(columns);
            made.with_configuration([(FORMAT_PROPERTY, Some("1"))])
                .with_raise_if_key_not_exists(false)
                .await
                .expect("made");
            let mut table = Table::open(folder.path()).await.expect("opened").expect("there");
            table.settle().await.expect("settled");
            // What comes first is its first version.
            let link = RecordBatch::new_empty(schema::arrow_schema(LINKS));
            identity::append(&mut table, LINKS, std::iter::once(Ok(link)), 1).await.expect("written");
            for _ in 0..2 {
                table.settle().await.expect("settled");
                assert_eq!(table.version(), 2, "it is said once");
                identity::read_all(Some(&table)).await.expect("read");
            }
            let again = Table::open(folder.path()).await.expect("opened").expect("there");
            let said = again.delta.snapshot().expect("a snapshot").metadata().configuration().clone();
            for (name, value) in properties() {
                assert_eq!(said.get(name), value.as_ref(), "{name}");
            }
        });
    }
}
