//! Keeping the lake in shape: compaction, taking back a link, erasing a customer.
//!
//! All three are [`rebuild`](crate::rebuild) with other rows in; only what is committed besides differs.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::{Path, PathBuf};

use listen::stitch::{Graph, Node, Rules};
use serde::Serialize;

use crate::error::Error;
use crate::identity::{Identity, append, replace};
use crate::import::run_on_buckets;
use crate::limits::BUCKETS;
use crate::rebuild::{Known, SeenIds, build_run, unfile};
use crate::schema::LINKS;
use crate::spill::Spill;
use crate::store::{Lake, bucket_of, fingerprint, number};
use crate::table::{DataFile, Purpose};
use crate::words::Words;

/// What compaction did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Compacted {
    /// Files before.
    pub files_before: usize,
    /// Files after.
    pub files_after: usize,
    /// Events in the lake.
    pub events: u64,
}

/// What erasing a customer did, and where: to be kept as proof.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Receipt {
    /// The SHA-256 of the key that was asked for, as `kind:value`: names the request without repeating the person.
    pub request_sha256: String,
    /// Keys that led to the customer, by kind.
    pub keys: BTreeMap<String, u64>,
    /// Events that are gone.
    pub events: u64,
    /// Links that are gone.
    pub links: u64,
    /// Lines of quarantine files that are gone.
    pub quarantined_rows: u64,
    /// Every file that held something of the customer: rewritten without it, or deleted.
    pub places: Vec<String>,
    /// When, in UTC.
    pub at: String,
}

impl Lake {
    /// Merges the runs of every bucket into one, and puts every row where it belongs now.
    ///
    /// # Errors
    /// When another process writes, or a file cannot be read or written.
    pub async fn compact(&mut self, rules: &Rules) -> Result<Compacted, Error> {
        let _lock = self.lock()?;
        let identity = self.identity(rules.clone()).await?;
        let files = self.events.files().await?;
        let customers = identity.graph.resolve();
        let moves = identity.moves(&customers);
        let mut runs: BTreeMap<u32, usize> = BTreeMap::new();
        for file in &files {
            *runs.entry(file.bucket).or_default() += 1;
        }
        let untouched = |bucket: u32| runs.get(&bucket) == Some(&1);
        let leaving: BTreeSet<u32> =
            moves.renamed.keys().chain(&moves.split).map(|customer| bucket_of(*customer)).collect();
        // A bucket to which rows come keeps its run beside the new one, unless it is rebuilt as well.
        let go: Vec<DataFile> = files
            .iter()
            .filter(|f| !untouched(f.bucket) || leaving.contains(&f.bucket) || !moves.is_empty())
            .cloned()
            .collect();
        if !go.is_empty() {
            self.rebuild(&identity, rules, go, |_| true, Purpose::Compact).await?;
        }
        let after = self.events.files().await?;
        Ok(Compacted {
            files_before: files.len(),
            files_after: after.len(),
            events: after.iter().map(|file| file.rows).sum(),
        })
    }

    /// Puts the rows of these files, as far as `keep` says for their customers, into new runs.
    async fn rebuild(
        &mut self,
        identity: &Identity,
        rules: &Rules,
        files: Vec<DataFile>,
        keep: impl Fn(i64) -> bool + Sync,
        purpose: Purpose,
    ) -> Result<u64, Error> {
        let (mut customers_table, links_table) = self.identity_tables().await?;
        let root = self.events.root().to_owned();
        let customers = identity.graph.resolve();
        let folder = self.home().join("tmp").join("rebuild");
        let mut rows = Spill::new(&folder, BUCKETS)?;
        let mut words = Words::default();
        let paths: Vec<String> = files.iter().map(|file| file.path.clone()).collect();
        let mut dropped = 0;
        unfile(&identity.graph, &mut words, &root, &paths, |nodes, row| {
            let customer = identity.graph.customer(nodes, &customers).expect("a row of the lake has a key");
            let customer = i64::from(customer.0);
            if keep(customer) {
                return rows.push(bucket_of(customer), row);
            }
            dropped += 1;
            Ok(())
        })?;
        let known = Known { graph: &identity.graph, customers: &customers, words: &words };
        let version = self.events.version() + 1;
        let built = run_on_buckets(&std::sync::atomic::AtomicBool::new(false), |bucket, bytes| {
            rows.load(bucket, bytes)?;
            let path = format!("bucket={bucket}/{version:012}.parquet");
            build_run(&known, bytes, |_| true, SeenIds::default(), &root, path, bucket)
        })?;
        let links = i64::try_from(links_table.version()).unwrap_or(i64::MAX);
        let numbers = [(number::LINKS, links), (number::LINKS_FILED, links), (number::RULES_FILED, fingerprint(rules))];
        let new = purpose == Purpose::Erase;
        let add =
            built.into_iter().filter_map(|b| b.add).map(|add| deltalake_core::kernel::Add { data_change: new, ..add });
        let remove = files.iter().map(|file| {
            let mut remove = file.remove.clone();
            remove.data_change = new;
            remove
        });
        self.events.commit(purpose, add.collect(), remove.collect(), &numbers).await?;
        if !identity.moves(&customers).is_empty() {
            identity.rewrite(&mut customers_table, &customers).await?;
        }
        delete(&root, &paths)?;
        Ok(dropped)
    }

    /// Takes back the direct link between two keys, for good. Rows stay where they are; whose they are is resolved when
    /// they are read, and by the next compaction.
    ///
    /// # Errors
    /// [`Error::NotFound`] when one of the keys is unknown or nothing links them directly; the message says what does.
    pub async fn unmerge(&mut self, a: (&str, &str), b: (&str, &str), rules: &Rules) -> Result<(), Error> {
        let _lock = self.lock()?;
        let mut identity = self.identity(rules.clone()).await?;
        let graph = &mut identity.graph;
        let (a, b) = (find(graph, a)?, find(graph, b)?);
        if !graph.neighbours(a).contains(&b) {
            let name = |node: Node| format!("{}:{}", graph.key(node).0, graph.key(node).1);
            let linked = |node: Node| match graph.neighbours(node).as_slice() {
                [] => format!("nothing is linked with {}", name(node)),
                all => {
                    let all: Vec<String> = all.iter().map(|n| name(*n)).collect();
                    format!("{} is linked with {}", name(node), all.join(", "))
                }
            };
            let what = format!("{} and {} are not linked directly: {}; {}", name(a), name(b), linked(a), linked(b));
            return Err(Error::NotFound { what });
        }
        graph.undo(a, b);
        let batch = identity.links_batch(&[(a, b, 0)], true)?;
        let (_, mut links) = self.identity_tables().await?;
        append(&mut links, LINKS, &batch).await?;
        let version = i64::try_from(links.version()).unwrap_or(i64::MAX);
        self.events.commit(Purpose::Append, Vec::new(), Vec::new(), &[(number::LINKS, version)]).await
    }

    /// Erases a customer: every event, key, link and rejected row that names it, from every file.
    ///
    /// `now` is the time to put on the receipt.
    ///
    /// # Errors
    /// [`Error::NotFound`] when the key is unknown; file and table errors, after which the same call completes it.
    pub async fn erase(&mut self, key: (&str, &str), rules: &Rules, now: &str) -> Result<Receipt, Error> {
        let _lock = self.lock()?;
        let identity = self.identity(rules.clone()).await?;
        let node = find(&identity.graph, key)?;
        let customers = identity.graph.resolve();
        let customer = customers.of(node);
        let all: Vec<u32> = (0..).take(identity.graph.len()).collect();
        let theirs: BTreeSet<Node> = all.iter().map(|n| Node(*n)).filter(|n| customers.of(*n) == customer).collect();
        let filed: BTreeSet<u32> = theirs
            .iter()
            .filter_map(|n| identity.filed.get(n.0 as usize))
            .chain([&i64::from(customer.0)])
            .map(|customer| bucket_of(*customer))
            .collect();
        let files: Vec<DataFile> =
            self.events.files().await?.into_iter().filter(|f| filed.contains(&f.bucket)).collect();
        let mut places: Vec<String> = files.iter().map(|file| format!("lake/events/{}", file.path)).collect();
        let events = self.rebuild(&identity, rules, files, |c| c != i64::from(customer.0), Purpose::Erase).await?;
        let links = self.erase_identity(&identity, &theirs, &mut places).await?;
        let values: Vec<&str> = theirs.iter().map(|n| identity.graph.key(*n).1).collect();
        let quarantined_rows = erase_quarantine(&self.home().join("quarantine"), &values, &mut places)?;
        let mut keys: BTreeMap<String, u64> = BTreeMap::new();
        for node in &theirs {
            *keys.entry(identity.graph.key(*node).0.to_owned()).or_default() += 1;
        }
        Ok(Receipt {
            request_sha256: sha256(&format!("{}:{}", key.0, key.1)),
            keys,
            events,
            links,
            quarantined_rows,
            places,
            at: now.to_owned(),
        })
    }

    /// Leaves the keys in their places, so that numbers stay, but without what they were.
    async fn erase_identity(
        &mut self,
        identity: &Identity,
        theirs: &BTreeSet<Node>,
        places: &mut Vec<String>,
    ) -> Result<u64, Error> {
        let (mut customers_table, mut links_table) = self.identity_tables().await?;
        let links = identity.graph.links();
        let (gone, stay): (Vec<_>, Vec<_>) =
            links.into_iter().partition(|(a, b, _)| theirs.contains(a) || theirs.contains(b));
        for (table, columns) in [(&mut customers_table, crate::schema::CUSTOMERS), (&mut links_table, LINKS)] {
            for file in table.files().await? {
                let folder = if columns == LINKS { "links" } else { "customers" };
                places.push(format!("lake/{folder}/{}", file.path));
            }
        }
        let batch = identity.customers_without(theirs)?;
        replace(&mut customers_table, crate::schema::CUSTOMERS, &batch).await?;
        let undone: Vec<_> = identity
            .graph
            .undone()
            .filter(|(a, b)| !theirs.contains(a) && !theirs.contains(b))
            .map(|(a, b)| (a, b, 0))
            .collect();
        let batches = [identity.links_batch(&stay, false)?, identity.links_batch(&undone, true)?];
        let batch = arrow::compute::concat_batches(&crate::schema::arrow_schema(LINKS), &batches)?;
        replace(&mut links_table, LINKS, &batch).await?;
        let version = i64::try_from(links_table.version()).unwrap_or(i64::MAX);
        let numbers = [(number::LINKS, version), (number::LINKS_FILED, version)];
        self.events.commit(Purpose::Erase, Vec::new(), Vec::new(), &numbers).await?;
        Ok(gone.len() as u64)
    }
}

fn find(graph: &Graph, (kind, value): (&str, &str)) -> Result<Node, Error> {
    graph.find(kind, value).ok_or_else(|| Error::NotFound {
        what: format!("no event came with {kind} `{value}`: give a key as KIND:VALUE, such as user_id:u17"),
    })
}

fn sha256(text: &str) -> String {
    use sha2::Digest;
    let mut hex = String::new();
    for byte in sha2::Sha256::digest(text.as_bytes()) {
        let _ = std::fmt::Write::write_fmt(&mut hex, format_args!("{byte:02x}"));
    }
    hex
}

/// Deletes files that no commit names any more, because what they hold must be gone.
fn delete(root: &Path, paths: &[String]) -> Result<(), Error> {
    for path in paths {
        let full = root.join(path);
        std::fs::remove_file(&full).map_err(Error::file("delete", &full))?;
    }
    Ok(())
}

/// Takes every line that contains one of the values out of the quarantine files.
fn erase_quarantine(folder: &Path, values: &[&str], places: &mut Vec<String>) -> Result<u64, Error> {
    let mut gone = 0;
    let Ok(entries) = std::fs::read_dir(folder) else { return Ok(0) };
    let mut paths: Vec<PathBuf> = entries.filter_map(|entry| entry.ok().map(|entry| entry.path())).collect();
    paths.sort();
    for path in paths {
        let text = std::fs::read_to_string(&path).map_err(Error::file("read", &path))?;
        let (theirs, others): (Vec<&str>, Vec<&str>) =
            text.lines().partition(|line| values.iter().any(|value| line.contains(value)));
        if theirs.is_empty() {
            continue;
        }
        gone += theirs.len() as u64;
        let temporary = path.with_extension("tmp");
        let mut file = std::fs::File::create(&temporary).map_err(Error::file("make", &temporary))?;
        for line in others {
            writeln!(file, "{line}").map_err(Error::file("write", &temporary))?;
        }
        file.sync_all().map_err(Error::file("sync", &temporary))?;
        std::fs::rename(&temporary, &path).map_err(Error::file("replace", &path))?;
        places.push(format!("quarantine/{}", path.file_name().unwrap_or_default().to_string_lossy()));
    }
    Ok(gone)
}
