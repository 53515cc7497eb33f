//! Keys and links at rest, and what follows from them for rows that are filed already.
//!
//! Rows keep the keys that they came with, and are filed under the customer that the keys meant then. When the evidence or
//! the rules change, [`Identity::moves`] says whose rows no longer lie where they belong.
//!
//! Which values name nobody and how values are made comparable is decided when an event arrives, so a change of these rules
//! is for later imports; a change of priorities and limits is for everything.
//!
//! The table of events is the one whose commits count. Where the small tables have to change with it, their new files are
//! written first, the commit names their versions, and they follow ([`complete`]): a process that is killed in between leaves
//! a lake that reads right and that the next writer completes.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, BooleanArray, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use arrow::datatypes::{Int64Type, TimestampMicrosecondType};
use listen::stitch::{Again, Customers, Graph, Names, Node, Rules, said};

use crate::error::Error;
use crate::limits::{BATCH_BYTES, WRITE_BATCH_ROWS};
use crate::schema::{CUSTOMERS, LINKS, arrow_schema, utc};
use crate::table::Table;
use crate::waiting::Renamed;

mod small;

pub(crate) use small::{append, complete, read_all, read_columns};
use small::{prepare, read_each};

/// All keys and links of a lake, with where each key's events are filed.
#[derive(Debug)]
pub(crate) struct Identity {
    /// The keys, in order of their numbers, and the evidence.
    pub graph: Graph,
    /// By node: the customer under which its events are filed. Nodes beyond its end are new. Events that came while others
    /// of the key waited may lie under whoever its customer was by then.
    pub filed: Vec<i64>,
    /// The keys that were shared when rows were filed; `None` when that is not known.
    shared_when_filed: Option<BTreeSet<Node>>,
}

/// The kind of a key that was erased; its number stays taken.
pub(crate) const ERASED: &str = "erased";

/// Whether this was the number of a key that was erased.
pub(crate) fn is_erased(graph: &Graph, key: Node) -> bool {
    graph.key(key).0 == ERASED
}

/// How far apart in links two keys of one event can be: all came with the first of them.
const HOPS_IN_AN_EVENT: usize = 2;

/// Rows that no longer lie where they belong.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Moves {
    /// Customers whose rows all belong to another one now.
    pub renamed: BTreeMap<i64, i64>,
    /// Customers whose rows belong to several now: each row's own keys say to whom.
    pub split: Vec<i64>,
}

impl Moves {
    /// Whether every row lies where it belongs.
    pub(crate) fn is_empty(&self) -> bool {
        self.renamed.is_empty() && self.split.is_empty()
    }
}

impl Identity {
    /// Nobody is known yet.
    pub(crate) fn new(rules: Rules) -> Self {
        Self { graph: Graph::new(rules), filed: Vec::new(), shared_when_filed: None }
    }

    /// Reads all keys and links; `filed` says that rows are filed by just these links and rules.
    pub(crate) async fn load(
        customers: Option<&Table>,
        links: Option<&Table>,
        rules: Rules,
        filed: bool,
    ) -> Result<Self, Error> {
        let mut this = Self::new(rules);
        // They are written in order of their numbers, file after file.
        read_each(customers, None, |batch| {
            let (number, customer) =
                (batch.column(0).as_primitive::<Int64Type>(), batch.column(3).as_primitive::<Int64Type>());
            let (kind, value) = (batch.column(1).as_string::<i32>(), batch.column(2).as_string::<i32>());
            for (i, number) in number.values().iter().enumerate() {
                let node = this.graph.restore(kind.value(i), value.value(i));
                if i64::from(node.0) != *number {
                    return Err(Error::Corrupt { what: format!("key number {number} is there twice or out of order") });
                }
                this.filed.push(customer.value(i));
            }
            Ok(())
        })
        .await?;
        read_each(links, None, |batch| {
            let at = batch.column(0).as_primitive::<TimestampMicrosecondType>();
            let text = |column: usize| batch.column(column).as_string::<i32>();
            let undo = batch.column(5).as_boolean();
            for i in 0..batch.num_rows() {
                let a = this.graph.restore(text(1).value(i), text(2).value(i));
                let b = this.graph.restore(text(3).value(i), text(4).value(i));
                if undo.value(i) {
                    this.graph.restore_undo(a, b, at.value(i));
                } else {
                    this.graph.restore_link(a, b, at.value(i));
                }
            }
            Ok(())
        })
        .await?;
        // All of it is written down.
        this.graph.take_news();
        this.shared_when_filed = filed.then(|| this.graph.resolve().shared().clone());
        Ok(this)
    }

    /// What would be known had these keys never come; numbers stay as they are. Evidence that links two of the keys `beside` is
    /// left out, to be learnt anew; what a person said stays.
    pub(crate) fn without(&self, gone: &BTreeSet<Node>, beside: &BTreeSet<Node>, rules: Rules) -> Self {
        let mut graph = Graph::new(rules);
        for n in (0u32..).take(self.graph.len()) {
            let (kind, value) = self.graph.key(Node(n));
            if gone.contains(&Node(n)) {
                graph.restore(ERASED, &n.to_string());
            } else {
                graph.restore(kind, value);
            }
        }
        let stays = |a: &Node, b: &Node| !gone.contains(a) && !gone.contains(b);
        let is_learnt = |a: &Node, b: &Node, at| !said::is_said(at) && beside.contains(a) && beside.contains(b);
        let links = self.graph.links().into_iter();
        for (a, b, at) in links.filter(|(a, b, at)| stays(a, b) && !is_learnt(a, b, *at)) {
            graph.restore_link(a, b, at);
        }
        for (a, b, at) in self.graph.undone().filter(|(a, b, _)| stays(a, b)) {
            graph.restore_undo(a, b, at);
        }
        Self { graph, filed: self.filed.clone(), shared_when_filed: None }
    }

    /// What customers are called whose rows lie where they are filed, but for these.
    pub(crate) fn names(&self, renamed: &Renamed) -> Names<'_> {
        let filed = |(n, filed): (u32, &i64)| {
            let now = *renamed.get(filed).unwrap_or(filed);
            u32::try_from(now).ok().map(Node).filter(|_| !is_erased(&self.graph, Node(n)))
        };
        Names::new(&self.graph, (0..).zip(&self.filed).map(filed).collect())
    }

    /// How many keys there are; those that were erased do not count.
    pub(crate) fn keys(&self) -> u64 {
        (0u32..).take(self.graph.len()).filter(|n| !is_erased(&self.graph, Node(*n))).count() as u64
    }

    /// These keys and all that may have come in one event with one of them.
    pub(crate) fn around(&self, keys: &BTreeSet<Node>) -> BTreeSet<Node> {
        let (mut all, mut last) = (keys.clone(), keys.clone());
        for _ in 0..HOPS_IN_AN_EVENT {
            let near = last.iter().flat_map(|node| self.graph.linked(*node));
            last = near.filter(|node| !all.contains(node)).collect();
            all.extend(&last);
        }
        all
    }

    /// Keys of which another key of an event may have been preferred when it was filed, and is not now, or the reverse.
    /// That matters only where the two are not one customer, which is where a link is not followed.
    fn preferred_differently(&self, customers: &Customers) -> BTreeSet<Node> {
        let had_rows = |node: &Node| (node.0 as usize) < self.filed.len();
        if let Some(then) = &self.shared_when_filed {
            return then.symmetric_difference(customers.shared()).copied().filter(had_rows).collect();
        }
        let apart = |a: Node, b: Node| {
            customers.of(a) != customers.of(b) || self.filed.get(a.0 as usize) != self.filed.get(b.0 as usize)
        };
        let links = self.graph.links().into_iter();
        let apart = links.filter(|(a, b, _)| had_rows(a) && had_rows(b) && apart(*a, *b));
        apart.flat_map(|(a, b, _)| [a, b]).collect()
    }

    /// Whose rows no longer lie where they belong, now that `customers` is who is who.
    pub(crate) fn moves(&self, customers: &Customers) -> Moves {
        let now = (0u32..).zip(&self.filed).map(|(n, filed)| (*filed, i64::from(customers.of(Node(n)).0)));
        let mut now: Vec<(i64, i64)> = now.collect();
        now.sort_unstable();
        now.dedup();
        let uncertain = self.around(&self.preferred_differently(customers));
        let uncertain: BTreeSet<i64> =
            uncertain.iter().filter_map(|node| self.filed.get(node.0 as usize).copied()).collect();
        let mut moves = Moves::default();
        for of_one in now.chunk_by(|one, other| one.0 == other.0) {
            let (filed, customer) = of_one[0];
            if of_one.len() > 1 || uncertain.contains(&filed) {
                moves.split.push(filed);
            } else if filed != customer {
                moves.renamed.insert(filed, customer);
            }
        }
        moves
    }

    /// Whether the rows of every key lie where `customers` puts them, but for those that are `waiting`. Not so where a process
    /// that was killed, or found no room on the disk, has written keys and not the links that they came with.
    pub(crate) fn is_filed_by(&self, customers: &Customers, waiting: &Renamed) -> bool {
        let whose = |filed: &i64| *waiting.get(filed).unwrap_or(filed);
        let mut keys = (0u32..).zip(&self.filed);
        self.filed.len() == self.graph.len()
            && keys.all(|(n, filed)| whose(filed) == i64::from(customers.of(Node(n)).0))
    }

    /// The same as [`moves`](Self::moves) after this evidence, where all rows but those that are `waiting` lay where they
    /// belong before it, by `customers`: whom it does not concern is not looked at. Puts in `customers` who is who now.
    pub(crate) fn moves_again(
        &self,
        customers: &mut Customers,
        news: &[(Node, Node, i64)],
        waiting: &Renamed,
    ) -> Moves {
        let Again { moved, shared } = self.graph.resolve_again(customers, news);
        let had_rows = |node: &Node| (node.0 as usize) < self.filed.len();
        // Whose the rows of a key were: those that are filed under whoever it was at the time wait to be filed under that one.
        let was = |node: Node| {
            let filed = self.filed[node.0 as usize];
            *waiting.get(&filed).unwrap_or(&filed)
        };
        let shared = shared.into_iter().filter(had_rows).collect();
        let uncertain = self.around(&shared).into_iter().filter(had_rows);
        let mut split: BTreeSet<i64> = uncertain.map(was).collect();
        let mut now: BTreeMap<i64, i64> = BTreeMap::new();
        for node in moved {
            let (was, customer) = (was(node), i64::from(customers.of(node).0));
            // A customer is named by one of its own keys: as long as that stays, so do others.
            let named_by = u32::try_from(was).map_or(node, Node);
            let stays = i64::from(customers.of(named_by).0) == was;
            if stays || *now.entry(was).or_insert(customer) != customer {
                split.insert(was);
            }
        }
        let here = now.keys().chain(&split).map(|was| (*was, *was));
        let mut moves = Moves::default();
        for (filed, was) in waiting.iter().map(|(filed, was)| (*filed, *was)).chain(here) {
            let customer = *now.get(&was).unwrap_or(&was);
            if split.contains(&was) {
                moves.split.push(filed);
            } else if filed != customer {
                moves.renamed.insert(filed, customer);
            }
        }
        moves.split.sort_unstable();
        moves.split.dedup();
        moves
    }

    /// Takes note that all rows of new keys lie where they belong; those of `all` keys, where nothing waits.
    pub(crate) fn are_filed(&mut self, customers: &Customers, all: bool) {
        self.filed.truncate(if all { 0 } else { self.filed.len() });
        let rest = (0u32..).take(self.graph.len()).skip(self.filed.len());
        self.filed.extend(rest.map(|n| i64::from(customers.of(Node(n)).0)));
    }

    /// Writes these links, whose first evidence is new or earlier, and those that were taken back, and keys that are new, so that
    /// a later crash finds them known. Gives the files to delete once the events are committed.
    ///
    /// Links go first. Whoever finds links that the events do not know works out anew whose rows are; a key without the link
    /// because of which it is filed under somebody else would seem to be right.
    pub(crate) async fn save(
        &self,
        customers_table: &mut Table,
        links_table: &mut Table,
        customers: &Customers,
        links: &[(Node, Node, i64)],
        undone: &[(Node, Node, i64)],
    ) -> Result<Vec<PathBuf>, Error> {
        let (mut merged, rows) = (Vec::new(), links.len() + undone.len());
        if rows > 0 {
            let batches = self.links_batches(links, false).chain(self.links_batches(undone, true));
            merged.extend(append(links_table, LINKS, batches, rows).await?);
        }
        let new: Vec<u32> =
            (self.filed.len()..self.graph.len()).map(|n| u32::try_from(n).expect("nodes have 32 bits")).collect();
        if !new.is_empty() {
            let batches = self.customers_batches(&new, |node| i64::from(customers.of(node).0));
            merged.extend(append(customers_table, CUSTOMERS, batches, new.len()).await?);
        }
        Ok(merged)
    }

    /// Writes what will take the place of all keys; gives the version to [`complete`].
    ///
    /// `filed` says where the rows of a key are filed.
    pub(crate) fn prepare_customers(&self, table: &Table, filed: impl Fn(Node) -> i64) -> Result<i64, Error> {
        let all: Vec<u32> = (0..).take(self.graph.len()).collect();
        prepare(table, CUSTOMERS, self.customers_batches(&all, filed))
    }

    /// Writes what will take the place of all links; gives the version to [`complete`].
    pub(crate) fn prepare_links(&self, table: &Table) -> Result<i64, Error> {
        let (links, undone) = (self.graph.links(), self.graph.undone().collect::<Vec<_>>());
        prepare(table, LINKS, self.links_batches(&links, false).chain(self.links_batches(&undone, true)))
    }

    /// The rows of the table of keys for these, a few at a time: a column has no room for the values of all.
    fn customers_batches(
        &self,
        nodes: &[u32],
        filed: impl Fn(Node) -> i64,
    ) -> impl Iterator<Item = Result<RecordBatch, Error>> {
        let key = |n: &u32| self.graph.key(Node(*n));
        portions(nodes, move |n| bytes(key(n))).map(move |nodes| {
            let columns: Vec<ArrayRef> = vec![
                Arc::new(Int64Array::from_iter_values(nodes.iter().map(|n| i64::from(*n)))),
                Arc::new(StringArray::from_iter_values(nodes.iter().map(|n| key(n).0))),
                Arc::new(StringArray::from_iter_values(nodes.iter().map(|n| key(n).1))),
                Arc::new(Int64Array::from_iter_values(nodes.iter().map(|n| filed(Node(*n))))),
            ];
            Ok(RecordBatch::try_new(arrow_schema(CUSTOMERS), columns)?)
        })
    }

    /// The rows of the table of links for these, a few at a time.
    pub(crate) fn links_batches(
        &self,
        links: &[(Node, Node, i64)],
        undo: bool,
    ) -> impl Iterator<Item = Result<RecordBatch, Error>> {
        portions(links, |(a, b, _)| bytes(self.graph.key(*a)) + bytes(self.graph.key(*b))).map(move |links| {
            let text = |pick: &dyn Fn(&(Node, Node, i64)) -> String| -> ArrayRef {
                Arc::new(StringArray::from_iter_values(links.iter().map(pick)))
            };
            let at_us = TimestampMicrosecondArray::from_iter_values(links.iter().map(|(_, _, at)| *at));
            let columns: Vec<ArrayRef> = vec![
                Arc::new(at_us.with_timezone(utc())),
                text(&|(a, ..)| self.graph.key(*a).0.to_owned()),
                text(&|(a, ..)| self.graph.key(*a).1.to_owned()),
                text(&|(_, b, _)| self.graph.key(*b).0.to_owned()),
                text(&|(_, b, _)| self.graph.key(*b).1.to_owned()),
                Arc::new(BooleanArray::from(vec![undo; links.len()])),
            ];
            Ok(RecordBatch::try_new(arrow_schema(LINKS), columns)?)
        })
    }
}

/// How much text a key is.
fn bytes((kind, value): (&str, &str)) -> usize {
    kind.len() + value.len()
}

/// All of these in portions of which none has more text than a batch may have, or it is one.
fn portions<T>(mut all: &[T], bytes: impl Fn(&T) -> usize) -> impl Iterator<Item = &[T]> {
    std::iter::from_fn(move || {
        let mut left = BATCH_BYTES;
        let fits = |one: &&T| {
            let fits = bytes(one) <= left;
            left = left.saturating_sub(bytes(one));
            fits
        };
        let count = all.iter().take(WRITE_BATCH_ROWS).take_while(fits).count().max(1);
        let (portion, rest) = all.split_at(count.min(all.len()));
        all = rest;
        (!portion.is_empty()).then_some(portion)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::ROW_GROUP_BYTES;
    use crate::portions::text_bytes;

    #[test]
    fn keys_that_are_large_are_written_a_few_at_a_time() {
        let mut identity = Identity::new(Rules::default());
        let large = "x".repeat(1 << 20);
        let keys: Vec<Node> = (0..40).map(|n| identity.graph.restore("user_id", &format!("{n}{large}"))).collect();
        let links: Vec<(Node, Node, i64)> = keys.windows(2).map(|pair| (pair[0], pair[1], 1)).collect();
        let numbers: Vec<u32> = keys.iter().map(|key| key.0).collect();
        let (of_keys, of_links) = (identity.customers_batches(&numbers, |_| 0), identity.links_batches(&links, false));
        let rows = |batches: &mut dyn Iterator<Item = Result<RecordBatch, Error>>| -> usize {
            let rows = |batch: Result<RecordBatch, Error>| {
                let batch = batch.expect("a batch");
                let bytes = text_bytes(&batch, 0..batch.num_rows());
                assert!(bytes <= BATCH_BYTES, "{bytes} bytes in {} rows", batch.num_rows());
                batch.num_rows()
            };
            batches.map(rows).sum()
        };
        assert_eq!((rows(&mut of_keys.into_iter()), rows(&mut of_links.into_iter())), (40, 39));
    }

    #[tokio::test]
    async fn keys_that_are_large_are_read_a_few_at_a_time() {
        let mut identity = Identity::new(Rules::default());
        let large = "x".repeat(1 << 20);
        let keys: Vec<Node> = (0..40).map(|n| identity.graph.restore("user_id", &format!("{n}{large}"))).collect();
        // Of one large key with many small ones the file has its text once, and each row that is read has it.
        let small: Vec<Node> = (0..200).map(|n| identity.graph.restore("phone", &n.to_string())).collect();
        let links: Vec<(Node, Node, i64)> = small.iter().map(|small| (keys[0], *small, 1)).collect();
        let numbers: Vec<u32> = keys.iter().map(|key| key.0).collect();
        let folder = tempfile::tempdir().expect("a folder");
        let (roots, rows) = ([folder.path().join("keys"), folder.path().join("links")], [40, 200]);
        let mut of_keys = Table::create(&roots[0], CUSTOMERS, false).await.expect("made");
        let batches = identity.customers_batches(&numbers, |_| 0);
        append(&mut of_keys, CUSTOMERS, batches, rows[0]).await.expect("written");
        let mut of_links = Table::create(&roots[1], LINKS, false).await.expect("made");
        append(&mut of_links, LINKS, identity.links_batches(&links, false), rows[1]).await.expect("written");
        for (table, rows, bytes_max) in [(of_keys, rows[0], BATCH_BYTES), (of_links, rows[1], ROW_GROUP_BYTES)] {
            let mut read = 0;
            let each = |batch: RecordBatch| {
                let bytes = text_bytes(&batch, 0..batch.num_rows());
                assert!(bytes <= bytes_max, "{bytes} bytes in {} rows", batch.num_rows());
                read += batch.num_rows();
                Ok(())
            };
            read_each(Some(&table), None, each).await.expect("read");
            assert_eq!(read, rows);
        }
    }

    #[tokio::test]
    async fn no_batch_of_keys_or_links_has_many_rows() {
        let mut identity = Identity::new(Rules::default());
        let keys: Vec<Node> = (0..5_000).map(|n| identity.graph.restore("user_id", &n.to_string())).collect();
        let links: Vec<(Node, Node, i64)> = keys.iter().map(|key| (keys[0], *key, 1)).collect();
        let folder = tempfile::tempdir().expect("a folder");
        let mut table = Table::create(folder.path(), LINKS, false).await.expect("made");
        append(&mut table, LINKS, identity.links_batches(&links, false), links.len()).await.expect("written");
        let mut rows = Vec::new();
        let each = |batch: RecordBatch| {
            rows.push(batch.num_rows());
            Ok(())
        };
        read_each(Some(&table), None, each).await.expect("read");
        assert!(rows.iter().all(|rows| *rows <= 1024), "{rows:?}");
        assert_eq!(rows.iter().sum::<usize>(), links.len());
    }
}
