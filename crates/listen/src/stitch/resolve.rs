//! Who is who, from all the evidence: at once, or again after a little more of it.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use hashbrown::{HashMap, HashSet};
use rapidhash::fast::RandomState;

use super::{Graph, Node, Refusal, said};

/// Who is who: every key's customer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Customers {
    pub(super) roots: Vec<u32>,
    shared: BTreeSet<Node>,
    /// What was not followed, and why, when all was resolved at once.
    pub refused: Vec<Refusal>,
}

/// What is different after more evidence.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Again {
    /// Keys that were somebody else's before, in order; those that are new are not among them.
    pub moved: Vec<Node>,
    /// Keys that are shared now and were not, or the reverse.
    pub shared: BTreeSet<Node>,
}

/// How many keys a customer has of each kind, in the order of kinds.
type Counts = Vec<(u8, u32)>;

/// Counts of many customers, of whom most have the same.
#[derive(Default)]
struct Counted {
    /// Whose are not those of one key alone, by root.
    of: HashMap<u32, u32, RandomState>,
    different: Vec<Counts>,
    number_of: HashMap<Counts, u32, RandomState>,
}

impl Counted {
    fn get(&self, root: u32) -> Option<&Counts> {
        self.of.get(&root).map(|number| &self.different[*number as usize])
    }

    fn join(&mut self, from: [u32; 2], to: u32, counts: Counts) {
        for root in &from {
            self.of.remove(root);
        }
        let (different, next) = (&mut self.different, self.number_of.len());
        let number = *self.number_of.entry(counts).or_insert_with_key(|counts| {
            different.push(counts.clone());
            u32::try_from(next).expect("there are no more of them than keys")
        });
        self.of.insert(to, number);
    }
}

impl Graph {
    /// Who is who, from all the evidence. Depends on the set of links and the rules alone, not on their order.
    pub fn resolve(&self) -> Customers {
        let mut refused = Vec::new();
        let mut shared = BTreeSet::new();
        for node in (0u32..).take(self.len()).map(Node) {
            for (kind, count) in self.too_many(node) {
                shared.insert(node);
                let (key, rule) = (self.key(node), &self.kinds[usize::from(kind)]);
                let (kind, value) = (key.0.to_owned(), key.1.to_owned());
                refused.push(Refusal::SharedKey { kind, value, with: rule.kind.clone(), count });
            }
        }
        let links = self.in_force().filter(|link| glues(&shared, link)).collect();
        let mut union = Union::new(self.len());
        refused.extend(self.follow(links, &mut union, |node| node.0, Node));
        refused.sort_unstable();
        Customers { roots: union.roots(), shared, refused }
    }

    /// Who is who after more evidence, where `customers` was who was who before it. Looks at those only who are linked with an
    /// end of a link that is new, has a new time or was taken back, and comes to what [`resolve`](Self::resolve) comes to; only
    /// what is refused is not told again.
    pub fn resolve_again(&self, customers: &mut Customers, news: &[(Node, Node, i64)]) -> Again {
        let before = customers.roots.len();
        customers.roots.extend((0u32..).take(self.len()).skip(before));
        let ends: BTreeSet<Node> = news.iter().flat_map(|(a, b, _)| [*a, *b]).collect();
        let mut again = Again::default();
        for node in &ends {
            let is_shared = !self.too_many(*node).is_empty();
            let changed = if is_shared { customers.shared.insert(*node) } else { customers.shared.remove(node) };
            if changed {
                again.shared.insert(*node);
            }
        }
        let (mut concerned, mut waiting): (HashSet<Node>, VecDeque<Node>) = (HashSet::new(), VecDeque::new());
        concerned.extend(&ends);
        waiting.extend(&ends);
        let mut links = Vec::new();
        while let Some(node) = waiting.pop_front() {
            for link @ (a, b, _) in self.in_force_of(node) {
                let is_followed = glues(&customers.shared, &link);
                // What a shared key does not glue any more it may have glued before.
                if is_followed || again.shared.contains(&node) {
                    let other = if a == node { b } else { a };
                    if concerned.insert(other) {
                        waiting.push_back(other);
                    }
                }
                if is_followed && a == node {
                    links.push(link);
                }
            }
        }
        let mut nodes: Vec<Node> = concerned.into_iter().collect();
        nodes.sort_unstable();
        let place = |node: Node| nodes.partition_point(|other| *other < node);
        let place = |node| u32::try_from(place(node)).expect("nodes have 32 bits");
        let mut union = Union::new(nodes.len());
        self.follow(links, &mut union, place, |place| nodes[place as usize]);
        for (node, root) in nodes.iter().zip(union.roots()) {
            let root = nodes[root as usize].0;
            let was = std::mem::replace(&mut customers.roots[node.0 as usize], root);
            if was != root && (node.0 as usize) < before {
                again.moved.push(*node);
            }
        }
        again
    }

    /// Joins those whom these links join, the earliest first; says which are refused. Nodes have places in the union, in the
    /// order of nodes.
    fn follow(
        &self,
        mut links: Vec<(Node, Node, i64)>,
        union: &mut Union,
        place: impl Fn(Node) -> u32,
        node: impl Fn(u32) -> Node,
    ) -> Vec<Refusal> {
        links.sort_by_cached_key(|(a, b, at)| {
            let (a, b) = (self.key(*a), self.key(*b));
            (*at, a.min(b), a.max(b))
        });
        let mut refused = Vec::new();
        let mut counted = Counted::default();
        for (a, b, at) in links {
            let (a_root, b_root) = (union.find(place(a)), union.find(place(b)));
            if a_root == b_root {
                continue;
            }
            let mut together = Counts::new();
            let mut too_many: Option<u8> = None;
            for root in [a_root, b_root] {
                let alone = [(self.kind_of[node(root).0 as usize], 1)];
                for (kind, count) in counted.get(root).map_or(&alone[..], Vec::as_slice) {
                    match together.binary_search_by_key(kind, |(kind, _)| *kind) {
                        Err(place) => together.insert(place, (*kind, *count)),
                        // Whoever has too many because a person said so may still get others that are not.
                        Ok(known) => {
                            together[known].1 += count;
                            let most = self.kinds[usize::from(*kind)].most();
                            let exceeds = most.is_some_and(|most| together[known].1 > most);
                            too_many = too_many.or(exceeds.then_some(*kind));
                        }
                    }
                }
            }
            if let Some(kind) = too_many.filter(|_| !said::is_said(at)) {
                let [from, to] = [a, b].map(|node| self.key(node)).map(|(k, value)| (k.to_owned(), value.to_owned()));
                let of = self.kinds[usize::from(kind)].kind.clone();
                refused.push(Refusal::Conflict { from, to, of });
                continue;
            }
            let root = union.join(a_root, b_root);
            counted.join([a_root, b_root], root, together);
        }
        refused
    }

    /// The kinds of which a key came with more keys than one person may have, and how many: then it is shared. A unique key is
    /// one person's by definition: what is too much for it is refused link by link.
    fn too_many(&self, node: Node) -> Vec<(u8, u32)> {
        if self.rule_of(node).unique {
            return Vec::new();
        }
        let mut counts: Vec<(u8, u32)> = Vec::new();
        for (a, b, _) in self.in_force_of(node).filter(|(_, _, at)| !said::is_said(*at)) {
            let kind = self.kind_of[(if a == node { b } else { a }).0 as usize];
            match counts.iter_mut().find(|(known, _)| *known == kind) {
                Some((_, count)) => *count += 1,
                None => counts.push((kind, 1)),
            }
        }
        counts.retain(|(kind, count)| self.kinds[usize::from(*kind)].most().is_some_and(|most| *count > most));
        counts
    }
}

/// Whether a link glues two keys, unless that is too much for a customer: a shared key glues nobody but whom a person said.
fn glues(shared: &BTreeSet<Node>, (a, b, at_us): &(Node, Node, i64)) -> bool {
    said::is_said(*at_us) || (!shared.contains(a) && !shared.contains(b))
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
#[derive(Debug)]
pub struct Union {
    parent: Vec<u32>,
}

impl Union {
    /// So many sets of one member each, numbered from 0.
    pub fn new(len: usize) -> Self {
        Self { parent: (0..u32::try_from(len).expect("nodes are numbered in 32 bits")).collect() }
    }

    /// The root of the set of a member.
    pub fn find(&mut self, mut n: u32) -> u32 {
        while self.parent[n as usize] != n {
            let up = self.parent[self.parent[n as usize] as usize];
            self.parent[n as usize] = up;
            n = up;
        }
        n
    }

    /// Joins two sets by their roots and returns the new root.
    pub fn join(&mut self, a: u32, b: u32) -> u32 {
        let (root, other) = (a.min(b), a.max(b));
        self.parent[other as usize] = root;
        root
    }

    /// The root of every member.
    pub fn roots(mut self) -> Vec<u32> {
        for n in 0..self.parent.len() {
            let n = u32::try_from(n).expect("nodes are numbered in 32 bits");
            self.parent[n as usize] = self.find(n);
        }
        self.parent
    }
}
