//! Erasing a customer: every event, key, link and rejected row that names it, from every file.
//!
//! Whether a row names the customer is asked of the row itself, and of every row of the lake. Links do not lead to all that do:
//! a key may have come when the rules took it for nobody's or compared it otherwise, and what linked two keys of a row may have
//! been erased since. Of 10 million rows that takes a second (0.93 on two cores), and it leaves no doubt.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use arrow::array::{Array, AsArray};
use arrow::datatypes::TimestampMicrosecondType;
use charter::{Answer, Facts, json_path};
use event::{Column, Value};
use listen::stitch::{Customers, Graph, Node, Rules, text_of};
use serde::Serialize;

use crate::cores::each_on_all_cores;
use crate::error::Error;
use crate::identity::{ERASED, Identity};
use crate::kept;
use crate::lens::{Row as BatchRow, column_of};
use crate::limits::BATCH_ROWS;
use crate::maintain::{Change, find, kept_as, unknown};
use crate::objects::{Mentions, mentions_of, without_member};
use crate::open_file::OpenFile;
use crate::person::{Key, number_of};
use crate::quarantine;
use crate::rebuild::{keys_without, nodes_of_keys};
use crate::run_file::read_run;
use crate::scan::Projection;
use crate::spill::{Nodes, Row, TEXTS};
use crate::store::{Lake, Lock, bucket_of, number};
use crate::table::{DataFile, Purpose};
use crate::words::Words;

/// What erasing a customer did, and where: to be kept as proof. Keys, events and links are those of the lake.
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

impl Receipt {
    /// Whether nothing in the lake or among rejected rows named the key.
    pub fn is_of_nobody(&self) -> bool {
        self.keys.is_empty() && self.quarantined_rows == 0
    }
}

impl Lake {
    /// Erases a customer: every event, key, link and rejected row that names it, from every file. Events of others that came
    /// with one of its keys as well stay, without that key.
    ///
    /// `now` is the time to put on the receipt.
    ///
    /// # Errors
    /// [`Error::NotFound`] when nothing names the key; file and table errors. After one that comes before the commit the same call
    /// does everything; after one that comes later, whatever is left goes when the next call that writes begins.
    pub async fn erase(&mut self, key: (&str, &str), rules: &Rules, now: &str) -> Result<Receipt, Error> {
        let receipt = self.erase_with_live(key, rules, now, async |_| Ok::<_, Error>(BTreeSet::new())).await?;
        if receipt.is_of_nobody() { Err(unknown(key)) } else { Ok(receipt) }
    }

    /// The same together with live state: while nobody else writes to the lake, `forget` has live state forget whose these keys are,
    /// and gives all by which it knew them. Whoever has one of those is erased here, too; where the lake has more keys of theirs,
    /// `forget` is asked once more. It counts as an erasure in any case, so that whoever still has something of them in memory does
    /// not hand it over.
    ///
    /// # Errors
    /// As [`erase`](Self::erase), but a key that nothing names gives a receipt [of nobody](Receipt::is_of_nobody); the error of
    /// `forget`, which leaves the lake as it was, but not live state where it had been asked before. After one that comes before the
    /// commit the lake knows no more than it did: by which other keys live state knew them has to be told anew, each in a call.
    pub async fn erase_with_live<E: From<Error>>(
        &mut self,
        key: (&str, &str),
        rules: &Rules,
        now: &str,
        mut forget: impl AsyncFnMut(&[Key]) -> Result<BTreeSet<Key>, E>,
    ) -> Result<Receipt, E> {
        let lock = self.lock().await?;
        let identity = self.identity(rules.clone()).await?;
        let (graph, customers) = (&identity.graph, identity.graph.resolve());
        let owned = |(kind, value): (&str, &str)| (kind.to_owned(), value.to_owned());
        let comparable = rules.comparable(key.0, key.1).map(|value| (key.0.to_owned(), value.into_owned()));
        let mut keys: BTreeSet<Key> = comparable.into_iter().chain([owned(key)]).collect();
        let (mut told, mut known_live) = (BTreeSet::new(), false);
        let asked = find(graph, key).ok().or_else(|| as_written_once(graph, &customers, rules, key));
        let mut nodes: BTreeSet<Node> = asked.into_iter().collect();
        let gone = loop {
            let gone = Gone::of(graph, &customers, rules, &nodes);
            // Other forms of a key may be somebody else's in live state.
            let theirs = gone.keys.iter().filter(|node| gone.theirs.contains(&customers.of(**node)));
            keys.extend(theirs.map(|node| owned(graph.key(*node))));
            let untold: Vec<Key> = keys.difference(&told).cloned().collect();
            if untold.is_empty() {
                break gone;
            }
            // What was told is not told again: as it is known no more, it could be taken for another form of itself.
            let known = forget(&untold).await?;
            known_live |= !known.is_empty();
            nodes.extend(known.iter().filter_map(|(kind, value)| kept_as(graph, (kind, value))));
            keys.extend(known);
            told.clone_from(&keys);
        };
        keys.extend(gone.keys.iter().map(|node| owned(graph.key(*node))));
        if gone.keys.is_empty() && !known_live && !may_be_a_key(graph, rules, key) {
            keys.clear();
        }
        let mut receipt = Receipt {
            request_sha256: sha256(&format!("{}:{}", key.0, key.1)),
            keys: BTreeMap::new(),
            events: 0,
            links: 0,
            quarantined_rows: 0,
            places: Vec::new(),
            at: now.to_owned(),
        };
        if gone.keys.is_empty() {
            self.erase_rejected(&keys, &mut receipt)?;
            let erased = (number::ERASED, self.events.next_version());
            self.events.commit(Purpose::Append, Vec::new(), Vec::new(), &[erased]).await?;
        } else {
            self.erase_found(&lock, (&identity, gone, rules), &keys, &mut receipt).await?;
        }
        Ok(receipt)
    }

    /// Erases rejected rows that name one of these keys.
    fn erase_rejected(&self, keys: &BTreeSet<Key>, receipt: &mut Receipt) -> Result<(), Error> {
        let values: Vec<&str> = keys.iter().map(|(_, value)| value.as_str()).collect();
        let folder = self.home().join("quarantine");
        receipt.quarantined_rows = quarantine::erase(&folder, &values, &mut receipt.places)?;
        Ok(())
    }

    /// Erases whoever is gone, and rejected rows that name one of these keys.
    async fn erase_found(
        &mut self,
        lock: &Lock,
        (identity, mut gone, rules): (&Identity, Gone<'_>, &Rules),
        keys: &BTreeSet<Key>,
        receipt: &mut Receipt,
    ) -> Result<(), Error> {
        let (root, all) = (self.events.root().to_owned(), self.events.files().await?);
        let found = gone.look(&root, &all)?;
        let mut after = identity.without(&gone.keys, &found.beside, rules.clone());
        gone.link_anew(&root, &all, &found.beside, &mut after.graph)?;
        let files = gone.files_concerned(&root, all, &found.naming, (identity, &after))?;
        receipt.places.extend(files.iter().map(|file| format!("lake/events/{}", file.path)));
        let (customers_table, links_table) = self.identity_tables(lock).await?;
        for (folder, table) in [("customers", &customers_table), ("links", &links_table)] {
            receipt.places.extend(table.files().await?.into_iter().map(|file| format!("lake/{folder}/{}", file.path)));
        }
        self.erase_rejected(keys, receipt)?;
        receipt.places.extend(kept::names(self.home()));
        let change = Change { before: identity, gone: Some(&gone), after: &after };
        receipt.events = self.rebuild(lock, &change, rules, files).await?;
        kept::sweep(self.home(), self.events.version(), self.events.transaction(number::REFILED).await?)?;
        for node in &gone.keys {
            *receipt.keys.entry(identity.graph.key(*node).0.to_owned()).or_default() += 1;
        }
        let links = identity.graph.links();
        let is_theirs = |(a, b, _): &&(Node, Node, i64)| gone.keys.contains(a) || gone.keys.contains(b);
        receipt.links = links.iter().filter(is_theirs).count() as u64;
        Ok(())
    }
}

/// A key that is known alone as other rules once wrote it, by what these make of it. Where several customers have such a key, it
/// is none of them: these rules would not know whose it is.
fn as_written_once(graph: &Graph, customers: &Customers, rules: &Rules, key: (&str, &str)) -> Option<Node> {
    let comparable = rules.comparable(key.0, key.1)?;
    let is_it = |node: &Node| {
        let (kind, value) = graph.key(*node);
        kind == key.0 && rules.comparable(kind, value).as_ref() == Some(&comparable)
    };
    let mut forms = (0u32..).take(graph.len()).map(Node).filter(is_it);
    let first = forms.next()?;
    forms.all(|other| customers.of(other) == customers.of(first)).then_some(first)
}

/// Whether what nobody is known by may be a key all the same. A value with a colon, one that names nobody and the number of a
/// customer, which `customer:NUMBER` is where no key is of that kind, stand in rejected rows of anybody.
fn may_be_a_key(graph: &Graph, rules: &Rules, (kind, value): (&str, &str)) -> bool {
    let is_number = number_of(kind, value).is_some() && (0..).take(graph.len()).all(|n| graph.key(Node(n)).0 != kind);
    !is_number && kind != ERASED && graph.has_kind(kind) && rules.names_somebody(kind, value)
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

/// The customers who go.
pub(crate) struct Gone<'a> {
    graph: &'a Graph,
    rules: &'a Rules,
    customers: &'a Customers,
    theirs: BTreeSet<Node>,
    keys: BTreeSet<Node>,
    /// How rows of others name the customer besides.
    mentions: Mentions,
}

/// What there is of a customer in rows.
struct Found {
    /// By file: whether a row of it names the customer.
    naming: Vec<bool>,
    /// Keys of others that came with one of the customer's.
    beside: BTreeSet<Node>,
}

impl<'a> Gone<'a> {
    /// The customers of these keys.
    fn of(graph: &'a Graph, customers: &'a Customers, rules: &'a Rules, nodes: &BTreeSet<Node>) -> Self {
        let theirs: BTreeSet<Node> = nodes.iter().map(|node| customers.of(*node)).collect();
        let all = || (0u32..).take(graph.len()).map(Node);
        let mut keys: BTreeSet<Node> = all().filter(|node| theirs.contains(&customers.of(*node))).collect();
        // A key as other rules once wrote it, under which no row is found any more: these find the customer's in its place.
        let kinds: BTreeSet<&str> = keys.iter().map(|node| graph.key(*node).0).collect();
        let is_another_form = |node: &Node| {
            let (kind, value) = graph.key(*node);
            kinds.contains(kind) && graph.find(kind, value).is_some_and(|found| keys.contains(&found))
        };
        let other_forms: Vec<Node> = all().filter(is_another_form).collect();
        keys.extend(other_forms);
        Self { graph, rules, customers, theirs, keys, mentions: Mentions::default() }
    }

    /// Whether a row that came with these keys goes.
    pub(crate) fn takes(&self, keys: &[Node]) -> bool {
        self.graph.customer(keys, self.customers).is_some_and(|customer| self.theirs.contains(&customer))
    }

    /// Whether a column that keys of a kind are taken from says one of the customer's.
    fn is_said_by(&self, row: &impl Facts, kind: &str, column: &Column) -> bool {
        let key = text_of(row, column).and_then(|text| self.graph.find(kind, &text));
        key.is_some_and(|key| self.keys.contains(&key))
    }

    /// Looks for the customer in all rows of these files.
    fn look(&self, root: &Path, files: &[DataFile]) -> Result<Found, Error> {
        let columns = self.rules.taken_from().map(|(_, column)| column_of(column)).collect();
        let projection = Projection { columns, dictionaries: false }.with(&["keys"]);
        let place =
            |column: &Column| projection.columns.binary_search(&column_of(column)).expect("it is one of the columns");
        let taken_from: Vec<_> = self.rules.taken_from().map(|(kind, column)| (kind, column, place(column))).collect();
        let look = |file: &DataFile| {
            let (mut names, mut beside) = (false, BTreeSet::new());
            self.each_row(&root.join(&file.path), &projection, |row, nodes, is_new| {
                if is_new && nodes.iter().any(|node| self.keys.contains(node)) {
                    names = true;
                    beside.extend(nodes.iter().copied().filter(|node| !self.keys.contains(node)));
                }
                let mut said = taken_from.iter().filter(|(_, _, place)| row.batch.column(*place).is_valid(row.at));
                names = names || said.any(|(kind, column, _)| self.is_said_by(row, kind, column));
            })?;
            Ok::<_, Error>((names, beside))
        };
        let mut found = Found { naming: Vec::with_capacity(files.len()), beside: BTreeSet::new() };
        for looked in each_on_all_cores(files.iter().collect(), look) {
            let (names, beside) = looked?;
            found.naming.push(names);
            found.beside.extend(beside);
        }
        Ok(found)
    }

    /// Has a graph know what the rows that stay say of keys that came with the customer's: they may have been linked by one of
    /// these, or by an event that goes.
    fn link_anew(
        &self,
        root: &Path,
        files: &[DataFile],
        beside: &BTreeSet<Node>,
        graph: &mut Graph,
    ) -> Result<(), Error> {
        if beside.len() < 2 {
            return Ok(());
        }
        let projection = Projection { columns: Vec::new(), dictionaries: false }.with(&["at", "keys"]);
        let at = projection.position("at");
        let look = |file: &DataFile| {
            let (mut together, mut earliest) = (Vec::new(), BTreeMap::<Vec<Node>, i64>::new());
            self.each_row(&root.join(&file.path), &projection, |row, nodes, is_new| {
                if is_new {
                    together = self.linked_by(nodes, beside);
                }
                if !together.is_empty() {
                    let at_us = row.batch.column(at).as_primitive::<TimestampMicrosecondType>().value(row.at);
                    let earliest = earliest.entry(together.clone()).or_insert(at_us);
                    *earliest = at_us.min(*earliest);
                }
            })?;
            Ok::<_, Error>(earliest)
        };
        for looked in each_on_all_cores(files.iter().collect(), look) {
            for (together, at_us) in looked? {
                graph.link(&together, at_us);
            }
        }
        Ok(())
    }

    /// Those of these keys that a row with such `nodes` links with each other, where it stays; otherwise none.
    fn linked_by(&self, nodes: &[Node], keys: &BTreeSet<Node>) -> Vec<Node> {
        if nodes.iter().filter(|node| keys.contains(node)).count() < 2 || self.takes(nodes) {
            return Vec::new();
        }
        let stays = |node: &Node| {
            let (kind, value) = self.graph.key(*node);
            !self.keys.contains(node) && self.rules.names_somebody(kind, value)
        };
        let mut left: Vec<Node> = nodes.iter().copied().filter(stays).collect();
        let first = self.graph.first(&left);
        left.retain(|node| keys.contains(node));
        if left.len() > 1 && first.is_some_and(|first| left.contains(&first)) { left } else { Vec::new() }
    }

    /// Shows every row of a run with its keys, and whether they are others than those of the row before.
    fn each_row(
        &self,
        run: &Path,
        projection: &Projection,
        mut each: impl FnMut(&BatchRow<'_>, &[Node], bool),
    ) -> Result<(), Error> {
        let keys = projection.position("keys");
        let (mut last, mut nodes) = (None::<String>, Vec::new());
        for batch in read_run(&OpenFile::open(run)?, &projection.columns, false, BATCH_ROWS)? {
            let batch = batch?;
            let texts = batch.column(keys).as_string::<i32>();
            for at in 0..batch.num_rows() {
                let is_new = last.as_deref() != Some(texts.value(at));
                if is_new {
                    nodes_of_keys(self.graph, texts.value(at), &mut nodes)?;
                    texts.value(at).clone_into(last.get_or_insert_default());
                }
                each(&BatchRow::new(&batch, at, projection), &nodes, is_new);
            }
        }
        Ok(())
    }

    /// Of all files those with a row that names the customer, or that is another one's without it. Also those with rows that
    /// lie where they do not belong already: some may lie under the customer's number because of a link that goes.
    fn files_concerned(
        &mut self,
        root: &Path,
        all: Vec<DataFile>,
        naming: &[bool],
        (before, after): (&Identity, &Identity),
    ) -> Result<Vec<DataFile>, Error> {
        let moves = [before.moves(self.customers), after.moves(&after.graph.resolve())];
        let moving = moves.iter().flat_map(|moves| moves.renamed.keys().chain(&moves.split));
        let moving: BTreeSet<u32> = moving.map(|customer| bucket_of(*customer)).collect();
        let with_theirs: Vec<DataFile> =
            all.iter().zip(naming).filter(|(_, names)| **names).map(|(file, _)| file.clone()).collect();
        self.mentions = mentions_of(root, &with_theirs, |keys| self.takes(keys), self.graph, &self.keys)?;
        let mut concerned = Vec::new();
        for (file, names) in all.into_iter().zip(naming) {
            if *names || moving.contains(&file.bucket) || self.mentions.are_in(&root.join(&file.path))? {
                concerned.push(file);
            }
        }
        Ok(concerned)
    }

    /// Puts a row of somebody else that came with these keys, without whatever names the customer.
    pub(crate) fn taken_out_of(
        &self,
        nodes: &[Node],
        row: &Row<'_>,
        words: &Words,
        mut put: impl FnMut(&[Node], &Row<'_>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let left: Vec<Node> = nodes.iter().copied().filter(|node| !self.keys.contains(node)).collect();
        let mut texts: [Option<Cow<'_, str>>; TEXTS] = row.texts.map(|text| text.map(Cow::Borrowed));
        let mut numbers = row.words;
        if let Some(keys) = row.texts[1].filter(|_| left.len() < nodes.len()) {
            texts[1] = Some(keys_without(self.graph, keys, &self.keys)?.into());
        }
        let facts = Told { row, words };
        for (_, column) in self.rules.taken_from().filter(|(kind, column)| self.is_said_by(&facts, kind, column)) {
            let json = |text: &mut Option<Cow<'_, str>>, path: &[String]| {
                if let Some(less) = text.as_deref().and_then(|json| without_member(json, path)) {
                    *text = Some(less.into());
                }
            };
            match (column, word_of(column)) {
                // What tells it from others is then a number that was made of it, by which it is recognised as before.
                (Column::MessageId, _) => texts[0] = None,
                (Column::CaseId, _) => texts[2] = None,
                (Column::Property(path), _) => json(&mut texts[3], path),
                (Column::Trait(path), _) => json(&mut texts[4], path),
                // Without its name an event is none, and a time is nobody's.
                (Column::Event, _) | (_, None) => {}
                (_, Some(word)) => numbers[word] = 0,
            }
        }
        if let Some(less) = texts[3].as_deref().and_then(|json| self.mentions.without(json)) {
            texts[3] = Some(less.into());
        }
        let texts = texts.each_ref().map(Option::as_deref);
        put(&left, &Row { nodes: Nodes::Given(&left), words: numbers, texts, ..*row })
    }
}

/// Where the word of a column stands in [`Row::words`].
fn word_of(column: &Column) -> Option<usize> {
    let words = [Column::Event, Column::Channel, Column::Source, Column::Resource, Column::Department, Column::Phase];
    words.iter().position(|word| word == column)
}

/// What a row says that waits.
struct Told<'a> {
    row: &'a Row<'a>,
    words: &'a Words,
}

impl Facts for Told<'_> {
    fn get(&self, column: &Column) -> Answer<'_> {
        let text = match column {
            Column::Property(path) => return json_path(self.row.texts[3], path),
            Column::Trait(path) => return json_path(self.row.texts[4], path),
            Column::MessageId => self.row.texts[0],
            Column::CaseId => self.row.texts[2],
            other => word_of(other).and_then(|word| self.words.text(self.row.words[word])),
        };
        text.map_or(Value::Null, Value::Text).into()
    }
}
