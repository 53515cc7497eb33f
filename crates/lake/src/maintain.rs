//! Keeping the lake in shape: compaction, taking back a link, erasing a customer.
//!
//! All three are [`rebuild`](crate::rebuild) with other rows in; only what is committed besides differs.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use listen::stitch::{Customers, Graph, Node, Rules};
use serde::Serialize;

use crate::error::Error;
use crate::identity::{Identity, append, complete};
use crate::import::run_on_buckets;
use crate::kept;
use crate::limits::BUCKETS;
use crate::objects::{Mentions, mentions_of};
use crate::quarantine;
use crate::rebuild::{Known, SeenIds, build_run, filed_under, keys_without, unfile};
use crate::schema::LINKS;
use crate::spill::{Nodes, Row, Spill};
use crate::store::{Lake, Lock, bucket_of, fingerprint, number};
use crate::table::{DataFile, Purpose, Table};
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
            self.rebuild(&lock, &Change::none(&identity, &identity), rules, go, Purpose::Compact).await?;
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
    async fn rebuild(
        &mut self,
        lock: &Lock,
        change: &Change<'_>,
        rules: &Rules,
        files: Vec<DataFile>,
        purpose: Purpose,
    ) -> Result<u64, Error> {
        let (mut customers_table, mut links_table) = self.identity_tables(lock).await?;
        let root = self.events.root().to_owned();
        let Identity { graph, .. } = change.after;
        let customers = graph.resolve();
        let mut rows = Spill::new(&self.home().join("tmp").join("rebuild"), BUCKETS)?;
        let mut words = Words::default();
        let paths: Vec<String> = files.iter().map(|file| file.path.clone()).collect();
        let (mut gone, mut left) = (0, Vec::new());
        unfile(&change.before.graph, &mut words, &root, &paths, |nodes, row| {
            if change.takes(nodes) {
                gone += 1;
                return Ok(());
            }
            left.clear();
            left.extend(nodes.iter().filter(|node| !change.keys.contains(node)));
            let keys = match row.texts[1] {
                Some(keys) if left.len() < nodes.len() => Some(keys_without(&change.before.graph, keys, &change.keys)?),
                _ => None,
            };
            let mut row = Row { nodes: Nodes::Given(&left), ..*row };
            row.texts[1] = keys.as_deref().or(row.texts[1]);
            let properties = row.texts[3].and_then(|json| change.mentions.without(json));
            row.texts[3] = properties.as_deref().or(row.texts[3]);
            rows.push(bucket_of(filed_under(graph, &customers, &left, row.at_us)), &row)
        })?;
        let known = Known { graph, customers: &customers, words: &words };
        let version = self.events.version() + 1;
        let built = run_on_buckets(&std::sync::atomic::AtomicBool::new(false), |bucket, bytes| {
            rows.load(bucket, bytes)?;
            build_run(&known, bytes, |_| true, |_| Ok(SeenIds::default()), &[], (&root, bucket, version))
        })?;
        let mut numbers = vec![(number::RULES_FILED, fingerprint(rules))];
        let links = if purpose == Purpose::Erase {
            let version = change.after.prepare_links(&links_table)?;
            numbers.push((number::LINKS_REPLACED, version));
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
        let graph = &mut identity.graph;
        let (a, b) = (find(graph, a)?, find(graph, b)?);
        let taken_back = graph.is_undone(a, b);
        if !taken_back && !graph.neighbours(a).contains(&b) {
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
        let (_, mut links) = self.identity_tables(&lock).await?;
        let mut merged = Vec::new();
        // Once is enough, but a process that was killed may not have come further than this.
        if !taken_back {
            graph.undo(a, b);
            let last = graph.undone().find(|(low, high, _)| (*low, *high) == (a.min(b), a.max(b)));
            merged = append(&mut links, LINKS, &identity.links_batch(&Vec::from_iter(last), true)?).await?;
        }
        self.links_are(&links, &merged).await
    }

    /// Takes in that two keys are one customer's because a person says so, whatever the rules have to say about it. Rows stay
    /// where they are; whose they are is resolved when they are read, and by the next compaction.
    ///
    /// # Errors
    /// [`Error::NotFound`] when one of the keys is unknown.
    pub async fn merge(&mut self, a: (&str, &str), b: (&str, &str), rules: &Rules) -> Result<(), Error> {
        let lock = self.lock().await?;
        let mut identity = self.identity(rules.clone()).await?;
        let graph = &mut identity.graph;
        let (a, b) = (find(graph, a)?, find(graph, b)?);
        let (_, mut links) = self.identity_tables(&lock).await?;
        let mut merged = Vec::new();
        // Once is enough, but a process that was killed may not have come further than this.
        if a != b && !graph.is_said(a, b) {
            graph.say(a, b);
            let last = graph.links().into_iter().find(|(low, high, _)| (*low, *high) == (a.min(b), a.max(b)));
            merged = append(&mut links, LINKS, &identity.links_batch(&Vec::from_iter(last), false)?).await?;
        }
        self.links_are(&links, &merged).await
    }

    /// Has the events know all links that have been written, and deletes the files in whose place others came.
    async fn links_are(&mut self, links: &Table, merged: &[PathBuf]) -> Result<(), Error> {
        let version = i64::try_from(links.version()).unwrap_or(i64::MAX);
        self.events.commit(Purpose::Append, Vec::new(), Vec::new(), &[(number::LINKS, version)]).await?;
        merged.iter().try_for_each(|path| std::fs::remove_file(path).map_err(Error::file("delete", path)))
    }

    /// Erases a customer: every event, key, link and rejected row that names it, from every file. Events of others that came
    /// with one of its keys as well stay, without that key.
    ///
    /// `now` is the time to put on the receipt.
    ///
    /// # Errors
    /// [`Error::NotFound`] when the key is unknown; file and table errors. One that comes before the commit leaves the lake
    /// as it was, and the same call does everything; after one that comes later, whatever is left goes when the next call
    /// that writes begins.
    pub async fn erase(&mut self, key: (&str, &str), rules: &Rules, now: &str) -> Result<Receipt, Error> {
        let lock = self.lock().await?;
        let identity = self.identity(rules.clone()).await?;
        let node = find(&identity.graph, key)?;
        let customers = identity.graph.resolve();
        let customer = customers.of(node);
        let keys: BTreeSet<Node> =
            (0u32..).take(identity.graph.len()).map(Node).filter(|n| customers.of(*n) == customer).collect();
        let after = identity.without(&keys, rules.clone());
        let mut change = Change { customers: Some((customers, customer)), keys, ..Change::none(&identity, &after) };
        let mut files = self.files_concerned(&change).await?;
        change.mentions =
            mentions_of(self.events.root(), &files, |keys| change.takes(keys), &identity.graph, &change.keys)?;
        for file in self.events.files().await? {
            let is_new = files.iter().all(|concerned| concerned.path != file.path);
            if is_new && change.mentions.are_in(&self.events.root().join(&file.path))? {
                files.push(file);
            }
        }
        let mut places: Vec<String> = files.iter().map(|file| format!("lake/events/{}", file.path)).collect();
        let (customers_table, links_table) = self.identity_tables(&lock).await?;
        for (folder, table) in [("customers", &customers_table), ("links", &links_table)] {
            places.extend(table.files().await?.into_iter().map(|file| format!("lake/{folder}/{}", file.path)));
        }
        let theirs: Vec<(&str, &str)> = change.keys.iter().map(|n| identity.graph.key(*n)).collect();
        let quarantined_rows = quarantine::erase(&self.home().join("quarantine"), &theirs, &mut places)?;
        places.extend(kept::names(self.home()));
        let events = self.rebuild(&lock, &change, rules, files, Purpose::Erase).await?;
        kept::sweep(self.home(), self.events.version(), self.events.transaction(number::REFILED).await?)?;
        let mut by_kind: BTreeMap<String, u64> = BTreeMap::new();
        for (kind, _) in &theirs {
            *by_kind.entry((*kind).to_owned()).or_default() += 1;
        }
        Ok(Receipt {
            request_sha256: sha256(&format!("{}:{}", key.0, key.1)),
            keys: by_kind,
            events,
            links: (identity.graph.links().len() - after.graph.links().len()) as u64,
            quarantined_rows,
            places,
            at: now.to_owned(),
        })
    }

    /// The files that may hold a row with one of the keys that go, or one whose customer is another one without them.
    async fn files_concerned(&self, change: &Change<'_>) -> Result<Vec<DataFile>, Error> {
        let filed = &change.before.filed;
        let near = change.before.around(&change.keys);
        let moves = change.after.moves(&change.after.graph.resolve());
        let buckets: BTreeSet<u32> = near
            .iter()
            .filter_map(|node| filed.get(node.0 as usize))
            .chain(moves.renamed.keys())
            .chain(&moves.split)
            .map(|customer| bucket_of(*customer))
            .collect();
        Ok(self.events.files().await?.into_iter().filter(|file| buckets.contains(&file.bucket)).collect())
    }
}

/// What becomes of rows that are put into new runs.
struct Change<'a> {
    /// What is known of keys and links.
    before: &'a Identity,
    /// Who is who, and whose rows go.
    customers: Option<(Customers, Node)>,
    /// Keys that go.
    keys: BTreeSet<Node>,
    /// How rows of others name whose rows go.
    mentions: Mentions,
    /// What will be known.
    after: &'a Identity,
}

impl<'a> Change<'a> {
    /// Nothing goes.
    fn none(before: &'a Identity, after: &'a Identity) -> Self {
        Self { before, customers: None, keys: BTreeSet::new(), mentions: Mentions::default(), after }
    }

    /// Whether a row that came with these keys goes.
    fn takes(&self, keys: &[Node]) -> bool {
        self.customers
            .as_ref()
            .is_some_and(|(customers, gone)| self.before.graph.customer(keys, customers) == Some(*gone))
    }
}

fn find(graph: &Graph, (kind, value): (&str, &str)) -> Result<Node, Error> {
    graph.find(kind, value).ok_or_else(|| Error::NotFound {
        what: format!("no event came with {kind} `{value}`: give a key as KIND:VALUE, such as user_id:u17"),
    })
}

/// The SHA-256 of a text, in hexadecimal digits.
pub(crate) fn sha256(text: &str) -> String {
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
