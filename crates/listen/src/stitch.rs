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

mod names;
mod rules;
pub mod said;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::hash::BuildHasher;

use event::Normalise;
use hashbrown::{HashMap, HashTable};
use rapidhash::fast::RandomState;

pub use names::Names;

pub use rules::{KeyRule, Rules};

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
    /// Text of all values, one after the other; `ends[n]` is where the value of node `n` ends.
    text: String,
    ends: Vec<usize>,
    kind_of: Vec<u8>,
    by_value: HashTable<u32>,
    hasher: RandomState,
    /// Pairs (smaller, larger) with the time of the first evidence, in microseconds since 1970.
    links: HashMap<(Node, Node), i64, RandomState>,
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
            text: String::new(),
            ends: Vec::new(),
            kind_of: Vec::new(),
            by_value: HashTable::new(),
            hasher: RandomState::default(),
            links: HashMap::with_hasher(RandomState::default()),
            undone: BTreeMap::new(),
            last: None,
        }
    }

    /// How many keys are known.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether no key is known.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// How many links are known, those taken back included.
    pub fn links_len(&self) -> usize {
        self.links.len()
    }

    fn kind_index(&mut self, kind: &str) -> u8 {
        let known = self.kinds.iter().position(|rule| rule.kind == kind);
        let index = known.unwrap_or_else(|| {
            // Beyond the limit, kinds share the last number: their values may collide, so they are made distinct below.
            if self.kinds.len() == KINDS_MAX {
                return KINDS_MAX - 1;
            }
            self.kinds.push(KeyRule { kind: kind.to_owned(), ..self.rules.rule(kind).clone() });
            self.kinds.len() - 1
        });
        u8::try_from(index).expect("fewer kinds than 256")
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
        let node = u32::try_from(self.ends.len()).expect("fewer than 2^32 keys fit in memory");
        self.text.push_str(value);
        self.ends.push(self.text.len());
        self.kind_of.push(kind);
        let (text, ends, kind_of, hasher) = (&self.text, &self.ends, &self.kind_of, &self.hasher);
        self.by_value.insert_unique(hash, node, |n| hasher.hash_one((kind_of[*n as usize], slice_of(text, ends, *n))));
        Node(node)
    }

    fn hash(&self, kind: u8, value: &str) -> u64 {
        self.hasher.hash_one((kind, value))
    }

    fn is(&self, node: u32, kind: u8, value: &str) -> bool {
        self.kind_of[node as usize] == kind && slice_of(&self.text, &self.ends, node) == value
    }

    /// The kind and the comparable value of a node.
    pub fn key(&self, node: Node) -> (&str, &str) {
        (&self.kinds[usize::from(self.kind_of[node.0 as usize])].kind, slice_of(&self.text, &self.ends, node.0))
    }

    /// Takes in the evidence of one event at `at_us`, microseconds since 1970: all its keys are one person's. The first
    /// key by priority is linked with each of the others.
    ///
    /// Returns whether any link is new.
    pub fn link(&mut self, keys: &[Node], at_us: i64) -> bool {
        let Some(first) = keys.iter().copied().min_by_key(|n| self.rank(*n)) else { return false };
        let mut new = false;
        for other in keys.iter().copied().filter(|n| *n != first) {
            new |= self.restore_link(first, other, said::evidence_us(at_us));
        }
        new
    }

    /// A link as it is kept, be it evidence or what a person said. Returns whether it is new.
    pub fn restore_link(&mut self, a: Node, b: Node, at_us: i64) -> bool {
        let entry = self.links.entry((a.min(b), a.max(b)));
        let new = matches!(entry, hashbrown::hash_map::Entry::Vacant(_));
        let earliest = entry.or_insert(at_us);
        *earliest = at_us.min(*earliest);
        new
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
        self.links.contains_key(&(a.min(b), a.max(b)))
    }

    /// Takes in that two keys are one customer's because a person says so.
    pub fn say(&mut self, a: Node, b: Node) {
        self.restore_link(a, b, self.next_word_us(a, b));
    }

    fn next_word_us(&self, a: Node, b: Node) -> i64 {
        let pair = (a.min(b), a.max(b));
        said::next_us(self.links.get(&pair).into_iter().chain(self.undone.get(&pair)).copied())
    }

    /// Whether the link of two keys was taken back, and no person has said otherwise since.
    pub fn is_undone(&self, a: Node, b: Node) -> bool {
        let pair = (a.min(b), a.max(b));
        let link_us = self.links.get(&pair).copied().unwrap_or(i64::MAX);
        !said::holds(link_us, self.undone.get(&pair).copied())
    }

    /// Whether two keys are one customer's because a person says so.
    pub fn is_said(&self, a: Node, b: Node) -> bool {
        let link_us = self.links.get(&(a.min(b), a.max(b)));
        link_us.is_some_and(|at_us| said::is_said(*at_us)) && !self.is_undone(a, b)
    }

    /// Links in force, whether they are followed or not, each with its time.
    fn in_force(&self) -> impl Iterator<Item = (&(Node, Node), i64)> {
        let each = self.links.iter().map(|(pair, at_us)| (pair, *at_us));
        each.filter(|(pair, at_us)| said::holds(*at_us, self.undone.get(*pair).copied()))
    }

    /// All links with the time of their first evidence, in order of their nodes.
    pub fn links(&self) -> Vec<(Node, Node, i64)> {
        let mut links: Vec<_> = self.links.iter().map(|((a, b), at)| (*a, *b, *at)).collect();
        links.sort_unstable();
        links
    }

    /// The links that were ever taken back, with the time of the last word about it, in order of their nodes.
    pub fn undone(&self) -> impl Iterator<Item = (Node, Node, i64)> {
        self.undone.iter().map(|((a, b), at_us)| (*a, *b, *at_us))
    }

    /// The nodes that are linked with this one directly.
    pub fn neighbours(&self, node: Node) -> Vec<Node> {
        let mut all: Vec<Node> = self
            .in_force()
            .filter_map(|((a, b), _)| if *a == node { Some(*b) } else { (*b == node).then_some(*a) })
            .collect();
        all.sort_unstable();
        all
    }

    fn rule_of(&self, node: Node) -> &KeyRule {
        &self.kinds[usize::from(self.kind_of[node.0 as usize])]
    }

    /// Which of several keys comes first: by priority, then by its text, so that the order of rows does not matter.
    fn rank(&self, node: Node) -> (u32, &str, &str) {
        let (kind, value) = self.key(node);
        (self.rule_of(node).priority, kind, value)
    }

    /// Who is who, from all the evidence. Depends on the set of links and the rules alone, not on their order.
    pub fn resolve(&self) -> Customers {
        let mut refused = Vec::new();
        let shared = self.shared(&mut refused);
        let mut links: Vec<_> = self.in_force().collect();
        links.retain(|((a, b), at)| said::is_said(*at) || (!shared.contains(a) && !shared.contains(b)));
        links.sort_by_cached_key(|((a, b), at)| {
            let (a, b) = (self.key(*a), self.key(*b));
            (*at, a.min(b), a.max(b))
        });
        let mut union = Union::new(self.len());
        let mut counts: HashMap<u32, BTreeMap<u8, u32>, RandomState> = HashMap::with_hasher(RandomState::default());
        for ((a, b), at) in links {
            let (a_root, b_root) = (union.find(a.0), union.find(b.0));
            if a_root == b_root {
                continue;
            }
            let count_of = |root: u32, counts: &HashMap<_, BTreeMap<u8, u32>, _>| {
                counts.get(&root).cloned().unwrap_or_else(|| BTreeMap::from([(self.kind_of[root as usize], 1)]))
            };
            let (of_a, of_b) = (count_of(a_root, &counts), count_of(b_root, &counts));
            let mut together = of_a.clone();
            for (kind, n) in &of_b {
                *together.entry(*kind).or_default() += n;
            }
            let most = |kind: u8| self.kinds[usize::from(kind)].most();
            // Whoever has too many because a person said so may still get others that are not.
            let grows = |kind: &u8| of_a.contains_key(kind) && of_b.contains_key(kind);
            let too_many = |(kind, n): &(&u8, &u32)| grows(kind) && most(**kind).is_some_and(|most| **n > most);
            if let Some((kind, _)) = together.iter().find(too_many).filter(|_| !said::is_said(at)) {
                let [from, to] = [a, b].map(|node| self.key(*node)).map(|(k, value)| (k.to_owned(), value.to_owned()));
                let of = self.kinds[usize::from(*kind)].kind.clone();
                refused.push(Refusal::Conflict { from, to, of });
                continue;
            }
            counts.remove(&a_root);
            counts.remove(&b_root);
            counts.insert(union.join(a_root, b_root), together);
        }
        refused.sort_unstable();
        Customers { roots: union.roots(), shared, refused }
    }

    /// Keys that came with more keys of a kind than one person may have. A unique key is one person's by definition: what is
    /// too much for it is refused link by link.
    fn shared(&self, refused: &mut Vec<Refusal>) -> BTreeSet<Node> {
        let mut neighbours: HashMap<(Node, u8), u32, RandomState> = HashMap::with_hasher(RandomState::default());
        for (pair, _) in self.in_force().filter(|(_, at)| !said::is_said(*at)) {
            for (node, other) in [(pair.0, pair.1), (pair.1, pair.0)] {
                if !self.rule_of(node).unique {
                    *neighbours.entry((node, self.kind_of[other.0 as usize])).or_default() += 1;
                }
            }
        }
        let mut shared = BTreeSet::new();
        for ((node, kind), count) in neighbours {
            let rule = &self.kinds[usize::from(kind)];
            if rule.most().is_some_and(|most| count > most) {
                shared.insert(node);
                let (kind, value) = self.key(node);
                refused.push(Refusal::SharedKey {
                    kind: kind.to_owned(),
                    value: value.to_owned(),
                    with: rule.kind.clone(),
                    count,
                });
            }
        }
        shared
    }

    /// Whose event it is that came with these keys: the customer of the first key by priority that is not shared; where
    /// all are, the first.
    pub fn customer(&self, keys: &[Node], customers: &Customers) -> Option<Node> {
        if let [only] = keys {
            return Some(customers.of(*only));
        }
        let best = keys.iter().copied().min_by(|a, b| {
            let rank = |n: Node| (customers.shared.contains(&n), self.rank(n));
            rank(*a).cmp(&rank(*b))
        })?;
        Some(customers.of(best))
    }
}

fn slice_of<'a>(text: &'a str, ends: &[usize], node: u32) -> &'a str {
    let node = node as usize;
    let start = if node == 0 { 0 } else { ends[node - 1] };
    text.get(start..ends[node]).expect("ends lie between values")
}

/// Who is who: every key's customer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Customers {
    roots: Vec<u32>,
    shared: BTreeSet<Node>,
    /// What was not followed, and why.
    pub refused: Vec<Refusal>,
}

impl Customers {
    /// The customer of a key, named by its oldest key.
    pub fn of(&self, key: Node) -> Node {
        Node(self.roots[key.0 as usize])
    }

    /// Keys that came with more keys of a kind than one person may have, and so glue nobody.
    pub fn shared(&self) -> &BTreeSet<Node> {
        &self.shared
    }

    /// How many customers there are.
    pub fn len(&self) -> usize {
        self.roots.iter().enumerate().filter(|(n, root)| **root as usize == *n).count()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.roots.is_empty()
    }

    /// The largest customers by number of keys, for a look at whether anybody grew abnormally.
    pub fn largest(&self, n: usize) -> Vec<(Node, usize)> {
        let mut sizes: BTreeMap<u32, usize> = BTreeMap::new();
        for root in &self.roots {
            *sizes.entry(*root).or_default() += 1;
        }
        let mut sizes: Vec<_> = sizes.into_iter().filter(|(_, size)| *size > 1).collect();
        sizes.sort_by_key(|(root, size)| (Reverse(*size), *root));
        sizes.truncate(n);
        sizes.into_iter().map(|(root, size)| (Node(root), size)).collect()
    }
}

/// Disjoint sets; the root of a set is its smallest member.
struct Union {
    parent: Vec<u32>,
}

impl Union {
    fn new(len: usize) -> Self {
        Self { parent: (0..u32::try_from(len).expect("nodes are numbered in 32 bits")).collect() }
    }

    fn find(&mut self, mut n: u32) -> u32 {
        while self.parent[n as usize] != n {
            let up = self.parent[self.parent[n as usize] as usize];
            self.parent[n as usize] = up;
            n = up;
        }
        n
    }

    /// Joins two sets by their roots and returns the new root.
    fn join(&mut self, a: u32, b: u32) -> u32 {
        let (root, other) = (a.min(b), a.max(b));
        self.parent[other as usize] = root;
        root
    }

    fn roots(mut self) -> Vec<u32> {
        for n in 0..self.parent.len() {
            let n = u32::try_from(n).expect("nodes are numbered in 32 bits");
            self.parent[n as usize] = self.find(n);
        }
        self.parent
    }
}

#[cfg(test)]
mod tests;
