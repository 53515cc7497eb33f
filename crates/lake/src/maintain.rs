//! Keeping the lake in shape: compaction, and what people say of links.
//!
//! Compaction and [erasing](crate::erase) are [`rebuild`](crate::rebuild) with other rows in; only what is committed besides
//! differs.

use std::collections::BTreeMap;
use std::path::Path;

use listen::stitch::{Graph, Node, Rules};
use serde::Serialize;

use crate::erase::Gone;
use crate::error::Error;
use crate::identity::{Identity, complete, is_erased};
use crate::import::run_on_buckets;
use crate::limits::BUCKETS;
use crate::rebuild::{Known, SeenIds, build_run, filed_under, unfile};
use crate::spill::{Row, Spill};
use crate::store::{Lake, Lock, bucket_of, fingerprint, number};
use crate::table::{DataFile, Purpose};
use crate::waiting;
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

impl Lake {
    /// Merges the runs of every bucket into one, and puts every row where it belongs now.
    ///
    /// # Errors
    /// When another process writes, or a file cannot be read or written.
    pub async fn compact(&mut self, rules: &Rules) -> Result<Compacted, Error> {
        let lock = self.lock().await?;
        let identity = self.identity(rules.clone()).await?;
        let files = self.events.files().await?;
        let mut runs: BTreeMap<u32, usize> = BTreeMap::new();
        for file in &files {
            *runs.entry(file.bucket).or_default() += 1;
        }
        // Where rows move, every bucket may get some.
        let moving = !identity.moves(&identity.graph.resolve()).is_empty();
        let go: Vec<DataFile> = files.iter().filter(|file| moving || runs[&file.bucket] > 1).cloned().collect();
        if !go.is_empty() || !self.is_filed(rules).await? {
            let change = Change { before: &identity, gone: None, after: &identity };
            self.rebuild(&lock, &change, rules, go).await?;
        }
        let after = self.events.files().await?;
        Ok(Compacted {
            files_before: files.len(),
            files_after: after.len(),
            events: after.iter().map(|file| file.rows).sum(),
        })
    }

    /// Puts the rows of these files, as far as they stay, into new runs. Commits that, and what it means for keys and links,
    /// at once; gives how many rows went.
    pub(crate) async fn rebuild(
        &mut self,
        lock: &Lock,
        change: &Change<'_>,
        rules: &Rules,
        files: Vec<DataFile>,
    ) -> Result<u64, Error> {
        let purpose = if change.gone.is_some() { Purpose::Erase } else { Purpose::Compact };
        let (mut customers_table, mut links_table) = self.identity_tables(lock).await?;
        let root = self.events.root().to_owned();
        let Identity { graph, .. } = change.after;
        let customers = graph.resolve();
        let mut rows = Spill::new(&self.home().join("tmp").join("rebuild"), BUCKETS)?;
        let mut words = Words::default();
        let paths: Vec<String> = files.iter().map(|file| file.path.clone()).collect();
        let mut gone = 0;
        unfile(&change.before.graph, &mut words, &root, &paths, |nodes, row, words| {
            let mut put = |nodes: &[Node], row: &Row<'_>| {
                rows.push(bucket_of(filed_under(graph, &customers, nodes, row.at_us)), row)
            };
            match change.gone {
                Some(theirs) if theirs.takes(nodes) => gone += 1,
                Some(theirs) => theirs.taken_out_of(nodes, row, words, put)?,
                None => put(nodes, row)?,
            }
            Ok(())
        })?;
        let known = Known { graph, customers: &customers, words: &words };
        let version = self.events.version() + 1;
        let built = run_on_buckets(&std::sync::atomic::AtomicBool::new(false), |bucket, bytes| {
            let nothing_comes = None::<fn(&[i64]) -> Result<SeenIds, Error>>;
            build_run(&known, &[&rows], bytes, |_| true, nothing_comes, &[], (&root, bucket, version))
        })?;
        let mut numbers = vec![(number::RULES_FILED, fingerprint(rules))];
        let links = if purpose == Purpose::Erase {
            let version = change.after.prepare_links(&links_table)?;
            numbers.extend([(number::LINKS_REPLACED, version), (number::ERASED, self.events.next_version())]);
            version
        } else {
            i64::try_from(links_table.version()).unwrap_or(i64::MAX)
        };
        let replaced = change.after.prepare_customers(&customers_table, |node| i64::from(customers.of(node).0))?;
        numbers.extend([(number::LINKS, links), (number::LINKS_FILED, links), (number::CUSTOMERS_REPLACED, replaced)]);
        numbers.push((number::REFILED, self.events.next_version()));
        let new = purpose == Purpose::Erase;
        let add =
            built.into_iter().filter_map(|b| b.add).map(|add| deltalake_core::kernel::Add { data_change: new, ..add });
        let remove = files.iter().map(|file| {
            let mut remove = file.remove.clone();
            remove.data_change = new;
            remove
        });
        self.events.commit(purpose, add.collect(), remove.collect(), &numbers).await?;
        waiting::forget(self.home());
        complete(&mut customers_table, replaced).await?;
        if purpose == Purpose::Erase {
            complete(&mut links_table, links).await?;
        }
        delete(&root, &paths)?;
        Ok(gone)
    }

    /// Takes back the direct link between two keys, for good. Rows stay where they are; whose they are is resolved when
    /// they are read, and by the next compaction.
    ///
    /// # Errors
    /// [`Error::NotFound`] when one of the keys is unknown or nothing links them directly; the message says what does.
    pub async fn unmerge(&mut self, a: (&str, &str), b: (&str, &str), rules: &Rules) -> Result<(), Error> {
        let lock = self.lock().await?;
        let mut identity = self.identity(rules.clone()).await?;
        let (a, b) = (find(&identity.graph, a)?, find(&identity.graph, b)?);
        let taken_back = take_back(&mut identity.graph, a, b)?;
        let (mut customers_table, mut links_table) = self.identity_tables(&lock).await?;
        let customers = identity.graph.resolve();
        let taken_back = taken_back.as_slice();
        let merged = identity.save(&mut customers_table, &mut links_table, &customers, &[], taken_back).await?;
        // Where nothing is new, a process that was killed may not have come further than this.
        let version = i64::try_from(links_table.version()).unwrap_or(i64::MAX);
        if self.events.transaction(number::LINKS).await? != Some(version) {
            self.events.commit(Purpose::Append, Vec::new(), Vec::new(), &[(number::LINKS, version)]).await?;
        }
        merged.iter().try_for_each(|path| std::fs::remove_file(path).map_err(Error::file("delete", path)))
    }
}

/// Takes back the link of two keys; gives the word against it where that is new.
pub(crate) fn take_back(graph: &mut Graph, a: Node, b: Node) -> Result<Option<(Node, Node, i64)>, Error> {
    if graph.is_undone(a, b) {
        return Ok(None);
    }
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
    Ok(graph.undone().find(|(low, high, _)| (*low, *high) == (a.min(b), a.max(b))))
}

/// What becomes of rows that are put into new runs.
pub(crate) struct Change<'a> {
    /// What is known of keys and links.
    pub(crate) before: &'a Identity,
    /// Whose rows go.
    pub(crate) gone: Option<&'a Gone<'a>>,
    /// What will be known.
    pub(crate) after: &'a Identity,
}

/// The node of a key that somebody asks for.
pub(crate) fn find(graph: &Graph, key: (&str, &str)) -> Result<Node, Error> {
    graph.find(key.0, key.1).filter(|node| !is_erased(graph, *node)).ok_or_else(|| unknown(key))
}

/// The node of a key in the form in which it is kept somewhere else, or else, if that is not known here, as somebody may ask for it.
pub(crate) fn kept_as(graph: &Graph, key: (&str, &str)) -> Option<Node> {
    let kept = graph.restored(key.0, key.1).filter(|node| !is_erased(graph, *node));
    kept.or_else(|| find(graph, key).ok())
}

/// The error for a key that nobody has.
pub(crate) fn unknown((kind, value): (&str, &str)) -> Error {
    let what = format!("no event came with {kind} `{value}`: give a key as KIND:VALUE, such as user_id:u17");
    Error::NotFound { what }
}

/// Deletes files that no commit names any more, because what they hold must be gone.
fn delete(root: &Path, paths: &[String]) -> Result<(), Error> {
    for path in paths {
        let full = root.join(path);
        std::fs::remove_file(&full).map_err(Error::file("delete", &full))?;
    }
    Ok(())
}
