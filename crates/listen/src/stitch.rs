//! Stitching: which keys belong to one customer.
//!
//! Every event that comes with two keys is *evidence* that they are one person's. The evidence is kept; who is who is computed
//! from it, again each time, as a pure function of the set of links and the rules. So the order of files does not matter, a
//! new rule re-reads the past, and taking back a link ([`Graph::undo`]) gives what would have been without it.
//!
//! Gluing two people together is worse than missing one, so in doubt a link is refused, and the refusal is reported:
//! a key that is seen with more keys of a kind than one person may have (a kiosk, a family phone, `support@`) is *shared* and
//! glues nobody; a link that would give a customer two unique keys, or more of a kind than its limit, is not followed. What a
//! person [says](Graph::say) is followed before all evidence and whatever the rules have to say about it.

mod links;
mod names;
mod resolve;
mod rules;
pub mod said;
mod texts;

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::hash::BuildHasher;

use event::Normalise;
use hashbrown::HashTable;
use rapidhash::fast::RandomState;

use links::{Links, Put};
pub use names::Names;
pub use resolve::{Again, Customers, Union};
pub use rules::{KeyRule, Rules, text_of};
use texts::Texts;

/// A number for a text, the same on every machine: to count distinct values without keeping them.
pub fn fingerprint(text: &str) -> u64 {
    rapidhash::v3::rapidhash_v3(text.as_bytes())
}

/// A key value, as a dense number in the order in which keys became known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Node(pub u32);

/// A link that was not followed, or a key that glues nobody.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Refusal {
    /// This key came with more keys of one kind than one person may have.
    SharedKey {
        /// The kind of the shared key.
        kind: String,
        /// Its value.
        value: String,
        /// The kind of which there are too many.
        with: String,
        /// How many there are.
        count: u32,
    },
    /// Following this link would have given one customer more keys of a kind than one person may have.
    Conflict {
        /// One end, as kind and value.
        from: (String, String),
        /// The other end.
        to: (String, String),
        /// The kind of which there would be too many.
        of: String,
    },
}

/// All keys and the evidence that links them.
#[derive(Debug)]
pub struct Graph {
    rules: Rules,
    kinds: Vec<KeyRule>,
    /// The values, by node.
    values: Texts,
    kind_of: Vec<u8>,
    by_value: HashTable<u32>,
    hasher: RandomState,
    /// With the time of the first evidence.
    links: Links,
    /// Pairs that are new, or have a new time, since somebody [asked](Self::take_news).
    news: Vec<(Node, Node)>,
    /// Pairs that were taken back, with the time of the last word.
    undone: BTreeMap<(Node, Node), i64>,
    /// Reused for normalising.
    last: Option<(u8, String, Node)>,
}

/// More kinds of key than anybody has.
const KINDS_MAX: usize = 255;

impl Graph {
    /// No keys yet.
    pub fn new(rules: Rules) -> Self {
        Self {
            kinds: rules.kinds.clone(),
            rules,
            values: Texts::default(),
            kind_of: Vec::new(),
            by_value: HashTable::new(),
            hasher: RandomState::default(),
            links: Links::default(),
            news: Vec::new(),
            undone: BTreeMap::new(),
            last: None,
        }
    }

    /// How many keys are known.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether no key is known.
    pub fn is_empty(&self) -> bool {
        self.values.len() == 0
    }

    /// How many links are known, those taken back included.
    pub fn links_len(&self) -> usize {
        self.links.len()
    }

    /// Whether a key of this kind is known, or the rules name it.
    pub fn has_kind(&self, kind: &str) -> bool {
        self.kinds.iter().any(|rule| rule.kind == kind)
    }

    fn known_kind(&self, kind: &str) -> Option<u8> {
        let known = self.kinds.iter().position(|rule| rule.kind == kind);
        // Beyond the limit, kinds share the last number.
        let index = known.or((self.kinds.len() == KINDS_MAX).then_some(KINDS_MAX - 1))?;
        Some(u8::try_from(index).expect("fewer kinds than 256"))
    }

    fn kind_index(&mut self, kind: &str) -> u8 {
        self.known_kind(kind).unwrap_or_else(|| {
            self.kinds.push(KeyRule { kind: kind.to_owned(), ..self.rules.rule(kind).clone() });
            u8::try_from(self.kinds.len() - 1).expect("fewer kinds than 256")
        })
    }

    /// The node of this key, which becomes known if it was not; `None` when the value names nobody: it is junk, or not
    /// of its kind (an e-mail address without `@`).
    pub fn admit(&mut self, kind: &str, value: &str) -> Option<Node> {
        if let Some((index, last, node)) = &self.last
            && last == value
            && self.kinds[usize::from(*index)].kind == kind
        {
            return Some(*node);
        }
        if self.rules.is_junk(value) {
            return None;
        }
        let index = self.kind_index(kind);
        let comparable = self.kinds[usize::from(index)].normalise.apply(value)?;
        let node = self.intern(index, &comparable);
        self.last = Some((index, value.to_owned(), node));
        Some(node)
    }

    /// The node of a key as [`key`](Self::key) once gave it: its value is comparable already, and no rule is asked.
    pub fn restore(&mut self, kind: &str, value: &str) -> Node {
        let index = self.kind_index(kind);
        self.intern(index, value)
    }

    /// The node that [`restore`](Self::restore) gives, if the key is known.
    pub fn restored(&self, kind: &str, value: &str) -> Option<Node> {
        self.known(self.known_kind(kind)?, value)
    }

    /// The node of this key, if it is known: in the form that the rules make of it, or else in one that other rules may have
    /// made of it when it came.
    pub fn find(&self, kind: &str, value: &str) -> Option<Node> {
        let index = self.kinds.iter().position(|rule| rule.kind == kind)?;
        let forms = [self.kinds[index].normalise, Normalise::Trim, Normalise::Email, Normalise::Phone];
        let index = u8::try_from(index).ok()?;
        forms.iter().find_map(|form| self.known(index, &form.apply(value)?))
    }

    /// The node of a comparable value, if it is known.
    fn known(&self, kind: u8, value: &str) -> Option<Node> {
        self.by_value.find(self.hash(kind, value), |n| self.is(*n, kind, value)).map(|n| Node(*n))
    }

    fn intern(&mut self, kind: u8, value: &str) -> Node {
        if let Some(known) = self.known(kind, value) {
            return known;
        }
        let hash = self.hash(kind, value);
        let node = self.values.push(value);
        self.kind_of.push(kind);
        let (values, kind_of, hasher) = (&self.values, &self.kind_of, &self.hasher);
        self.by_value.insert_unique(hash, node, |n| hasher.hash_one((kind_of[*n as usize], values.get(*n))));
        Node(node)
    }

    fn hash(&self, kind: u8, value: &str) -> u64 {
        self.hasher.hash_one((kind, value))
    }

    fn is(&self, node: u32, kind: u8, value: &str) -> bool {
        self.kind_of[node as usize] == kind && self.values.get(node) == value
    }

    /// The kind and the comparable value of a node.
    pub fn key(&self, node: Node) -> (&str, &str) {
        (&self.kinds[usize::from(self.kind_of[node.0 as usize])].kind, self.values.get(node.0))
    }

    /// Takes in the evidence of one event at `at_us`, microseconds since 1970: all its keys are one person's. The first
    /// key by priority is linked with each of the others.
    ///
    /// Returns whether any link is new.
    pub fn link(&mut self, keys: &[Node], at_us: i64) -> bool {
        let Some(first) = self.first(keys) else { return false };
        let mut new = false;
        for other in keys.iter().copied().filter(|n| *n != first) {
            new |= self.restore_link(first, other, said::evidence_us(at_us));
        }
        new
    }

    /// A link as it is kept, be it evidence or what a person said. Returns whether it is new.
    pub fn restore_link(&mut self, a: Node, b: Node, at_us: i64) -> bool {
        let put = self.links.put(a, b, at_us);
        if put != Put::Known {
            self.note(a.min(b), a.max(b));
        }
        put == Put::New
    }

    /// Takes note of news about a pair. Of old events that come one before the other each is earlier evidence: memory follows the
    /// number of pairs, not that of events.
    fn note(&mut self, a: Node, b: Node) {
        if self.news.len() == self.news.capacity() {
            self.news.sort_unstable();
            self.news.dedup();
            // Half of it is free, so that sorting pays.
            self.news.reserve(self.news.len() + 1);
        }
        self.news.push((a, b));
    }

    /// The links that are new or have an earlier time since the last call, each once, in order of their nodes.
    pub fn take_news(&mut self) -> Vec<(Node, Node, i64)> {
        let mut news = std::mem::take(&mut self.news);
        news.sort_unstable();
        news.dedup();
        let at_us = |a, b| self.links.at_us(a, b).expect("what is new is there");
        news.into_iter().map(|(a, b)| (a, b, at_us(a, b))).collect()
    }

    /// That a link was taken back, as it is kept.
    pub fn restore_undo(&mut self, a: Node, b: Node, at_us: i64) {
        let last = self.undone.entry((a.min(b), a.max(b))).or_insert(at_us);
        *last = at_us.min(*last);
    }

    /// Takes the link of two keys back, for good: evidence for it that comes later is kept and not followed. Only a person can
    /// [say](Self::say) otherwise.
    ///
    /// Returns whether there is such a link.
    pub fn undo(&mut self, a: Node, b: Node) -> bool {
        self.restore_undo(a, b, self.next_word_us(a, b));
        self.links.at_us(a, b).is_some()
    }

    /// Takes in that two keys are one customer's because a person says so.
    pub fn say(&mut self, a: Node, b: Node) {
        self.restore_link(a, b, self.next_word_us(a, b));
    }

    fn next_word_us(&self, a: Node, b: Node) -> i64 {
        let pair = (a.min(b), a.max(b));
        said::next_us(self.links.at_us(a, b).into_iter().chain(self.undone.get(&pair).copied()))
    }

    /// Whether the link of two keys was taken back, and no person has said otherwise since.
    pub fn is_undone(&self, a: Node, b: Node) -> bool {
        let pair = (a.min(b), a.max(b));
        let link_us = self.links.at_us(a, b).unwrap_or(i64::MAX);
        !said::holds(link_us, self.undone.get(&pair).copied())
    }

    /// Whether two keys are one customer's because a person says so.
    pub fn is_said(&self, a: Node, b: Node) -> bool {
        self.links.at_us(a, b).is_some_and(said::is_said) && !self.is_undone(a, b)
    }

    /// Links in force, whether they are followed or not, each with its time.
    fn in_force(&self) -> impl Iterator<Item = (Node, Node, i64)> {
        self.links.iter().filter(|link| self.holds(link))
    }

    /// Links in force that a node is an end of.
    fn in_force_of(&self, node: Node) -> impl Iterator<Item = (Node, Node, i64)> {
        self.links.of(node).filter(|link| self.holds(link))
    }

    fn holds(&self, (a, b, at_us): &(Node, Node, i64)) -> bool {
        said::holds(*at_us, self.undone.get(&(*a, *b)).copied())
    }

    /// All links with the time of their first evidence, in order of their nodes.
    pub fn links(&self) -> Vec<(Node, Node, i64)> {
        let mut links: Vec<_> = self.links.iter().collect();
        links.sort_unstable();
        links
    }

    /// The links that were ever taken back, with the time of the last word about it, in order of their nodes.
    pub fn undone(&self) -> impl Iterator<Item = (Node, Node, i64)> {
        self.undone.iter().map(|((a, b), at_us)| (*a, *b, *at_us))
    }

    /// The nodes that ever came with this one as a link, whatever became of it.
    pub fn linked(&self, node: Node) -> impl Iterator<Item = Node> {
        self.links.of(node).map(move |(a, b, _)| if a == node { b } else { a })
    }

    /// The nodes that are linked with this one directly, by links in force.
    pub fn neighbours(&self, node: Node) -> Vec<Node> {
        let mut all: Vec<Node> = self.in_force_of(node).map(|(a, b, _)| if a == node { b } else { a }).collect();
        all.sort_unstable();
        all
    }

    fn rule_of(&self, node: Node) -> &KeyRule {
        &self.kinds[usize::from(self.kind_of[node.0 as usize])]
    }

    /// Which of several keys comes first: by priority, then by its text, so that the order of rows does not matter.
    fn by_rank(&self, a: Node, b: Node) -> Ordering {
        let priority = |node: Node| self.rule_of(node).priority;
        priority(a).cmp(&priority(b)).then_with(|| self.key(a).cmp(&self.key(b)))
    }

    /// The first of several keys, with which their event links all others.
    pub fn first(&self, keys: &[Node]) -> Option<Node> {
        keys.iter().copied().min_by(|a, b| self.by_rank(*a, *b))
    }

    /// Whose event it is that came with these keys: the customer of the first key by priority that is not shared; where
    /// all are, the first.
    pub fn customer(&self, keys: &[Node], customers: &Customers) -> Option<Node> {
        if let [only] = keys {
            return Some(customers.of(*only));
        }
        let best = keys.iter().copied().min_by(|a, b| {
            let is_shared = |node: &Node| customers.shared().contains(node);
            is_shared(a).cmp(&is_shared(b)).then_with(|| self.by_rank(*a, *b))
        })?;
        Some(customers.of(best))
    }
}

#[cfg(test)]
mod tests;
