//! Who is who around some keys: the same rules and the same code as for files, over as much of the graph as can matter.
//!
//! A link concerns the customers of its two ends and, because a refused link may be followed once a customer has fallen
//! apart, those that are linked with them. A key that too many people use glues nobody, so nothing is looked for beyond it.

use std::collections::{BTreeMap, BTreeSet};

use hashbrown::HashMap;
use keep::{Customer, Keep, KeyNumber, Link};
use listen::stitch::{Customers, Graph, Node, Rules, said};

use crate::limits::{AROUND_KEYS_MAX, AROUND_LINKS_MAX};
use crate::message::{Ranked, key_of};

/// A part of the graph, with who is who in it.
#[derive(Debug)]
pub(crate) struct Around {
    graph: Graph,
    /// By node.
    keys: Vec<Known>,
    node_of: BTreeMap<KeyNumber, Node>,
    by_bytes: HashMap<Vec<u8>, KeyNumber>,
    customers: Customers,
    /// Keys of whose events another key may be preferred now, because a key glues nobody any more, or does again.
    unsettled: BTreeSet<KeyNumber>,
}

#[derive(Debug, Clone)]
struct Known {
    number: KeyNumber,
    bytes: Vec<u8>,
    before: Customer,
    /// Whether all about it was looked at; others only count as neighbours.
    inside: bool,
}

/// A key and whose it was; new ones are nobody's but their own.
#[derive(Debug, Clone)]
pub(crate) struct Seed {
    pub(crate) number: KeyNumber,
    pub(crate) customer: Customer,
    pub(crate) bytes: Vec<u8>,
    /// It was never seen before, so that nothing stands around it.
    pub(crate) new: bool,
}

impl From<keep::Key> for Seed {
    fn from(key: keep::Key) -> Self {
        Self { number: key.number, customer: key.customer, bytes: key.bytes, new: false }
    }
}

/// How much is looked at, besides what is asked about.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Most {
    keys: usize,
    links: usize,
}

impl Most {
    /// While somebody waits.
    pub(crate) const IN_A_REQUEST: Most = Most { keys: AROUND_KEYS_MAX, links: AROUND_LINKS_MAX };
    /// Everything: memory follows the number of keys, as in an import of files.
    pub(crate) const ALL: Most = Most { keys: usize::MAX, links: usize::MAX };
}

/// Who is who, as far as it was looked at.
pub(crate) trait WhoIsWho {
    /// Whose a key is now.
    fn customer_of(&self, key: KeyNumber) -> Option<Customer>;

    /// Whose event it is that came with these keys.
    fn whose(&self, keys: &[Ranked]) -> Option<Customer>;

    /// Whose everything is that stands under a number in the log, where that is one customer's, whatever keys it came with.
    fn sure(&self, _filed: Customer) -> Option<Customer> {
        None
    }
}

/// A key that belongs to another customer now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Moved {
    pub(crate) key: keep::Key,
    pub(crate) from: Customer,
}

/// How far apart in links two keys of one event can be: all came with the first of them.
const HOPS_IN_AN_EVENT: usize = 2;

impl Around {
    /// Looks at everything around these keys, with links that are new or taken back. `None` where there is too much to look at.
    pub(crate) async fn look(
        keep: &dyn Keep,
        rules: &Rules,
        seeds: &[Seed],
        new: &[Link],
        most: Most,
    ) -> Result<Option<Self>, keep::Error> {
        Self::look_without(keep, rules, seeds, new, &BTreeSet::new(), most).await
    }

    /// The same as it is once these keys are gone, which are none of the seeds.
    pub(crate) async fn look_without(
        keep: &dyn Keep,
        rules: &Rules,
        seeds: &[Seed],
        new: &[Link],
        gone: &BTreeSet<KeyNumber>,
        most: Most,
    ) -> Result<Option<Self>, keep::Error> {
        let mut found: BTreeMap<KeyNumber, Known> = BTreeMap::new();
        for seed in seeds {
            let key = Known { number: seed.number, bytes: seed.bytes.clone(), before: seed.customer, inside: true };
            found.insert(seed.number, key);
        }
        let mut kept: BTreeSet<Link> = BTreeSet::new();
        let new_seeds = || seeds.iter().filter(|seed| seed.new);
        let mut visited: BTreeSet<Customer> = new_seeds().map(|seed| seed.customer).collect();
        let mut next: BTreeSet<Customer> = seeds.iter().filter(|seed| !seed.new).map(|seed| seed.customer).collect();
        let mut asked: BTreeSet<KeyNumber> = new_seeds().map(|seed| seed.number).collect();
        let mut crossed: BTreeSet<KeyNumber> = BTreeSet::new();
        loop {
            let customers: Vec<Customer> = next.iter().copied().collect();
            visited.append(&mut next);
            for key in keep.keys_of(&customers).await? {
                let key = Known { number: key.number, bytes: key.bytes, before: key.customer, inside: true };
                found.entry(key.number).and_modify(|known| known.inside = true).or_insert(key);
            }
            let numbers: Vec<KeyNumber> =
                found.values().filter(|key| key.inside).map(|key| key.number).filter(|n| asked.insert(*n)).collect();
            let near = keep.links(&numbers, most.links.saturating_add(numbers.len())).await?;
            if near.len() >= most.links.saturating_add(numbers.len()) || found.len() - seeds.len() > most.keys {
                return Ok(None);
            }
            let ends = near.iter().flat_map(|link| [link.low, link.high]);
            let far: BTreeSet<KeyNumber> = ends.filter(|number| !found.contains_key(number)).collect();
            kept.extend(near);
            for key in keep.keys(&far.into_iter().collect::<Vec<_>>()).await? {
                let key = Known { number: key.number, bytes: key.bytes, before: key.customer, inside: false };
                found.insert(key.number, key);
            }
            let stays = |link: &&Link| !gone.contains(&link.low) && !gone.contains(&link.high);
            let links = merged(kept.iter().chain(new).filter(stays));
            next = beyond(&found, &links, rules, &crossed).difference(&visited).copied().collect();
            if !next.is_empty() {
                continue;
            }
            let flipped = &flipped(&found, &kept, &links, rules) - gone;
            if crossed.is_superset(&flipped) {
                found.retain(|number, _| !gone.contains(number));
                return Ok(Some(Self::resolve(found, &links, crossed, rules)));
            }
            // Any two keys that came in one event came with the same one.
            for _ in 0..HOPS_IN_AN_EVENT {
                let near = if crossed.is_superset(&flipped) { crossed.clone() } else { flipped.clone() };
                let of_near = |link: &&Link| near.contains(&link.low) || near.contains(&link.high);
                crossed.extend(links.iter().filter(of_near).flat_map(|link| [link.low, link.high]));
                crossed.extend(&flipped);
            }
            next = beyond(&found, &links, rules, &crossed).difference(&visited).copied().collect();
        }
    }

    fn resolve(
        found: BTreeMap<KeyNumber, Known>,
        links: &BTreeSet<Link>,
        unsettled: BTreeSet<KeyNumber>,
        rules: &Rules,
    ) -> Self {
        let (graph, node_of) = graph(&found, links, rules);
        let keys: Vec<Known> = found.into_values().collect();
        let customers = graph.resolve();
        let by_bytes = keys.iter().map(|key| (key.bytes.clone(), key.number)).collect();
        Self { graph, keys, node_of, by_bytes, customers, unsettled }
    }

    /// Keys that belong to another customer now, in the order of their numbers.
    pub(crate) fn moved(&self) -> Vec<Moved> {
        let inside = self.keys.iter().filter(|key| key.inside);
        let moved = inside.filter_map(|key| {
            let customer = self.owner(key.number)?;
            let moved = keep::Key { number: key.number, customer, bytes: key.bytes.clone() };
            (customer != key.before).then_some(Moved { key: moved, from: key.before })
        });
        moved.collect()
    }

    fn owner(&self, key: KeyNumber) -> Option<Customer> {
        let root = self.customers.of(*self.node_of.get(&key)?);
        Some(customer_named_by(self.keys.get(root.0 as usize)?.number))
    }

    /// Whose event it is that came with the keys of these numbers.
    pub(crate) fn whose_of(&self, keys: &[KeyNumber]) -> Option<Customer> {
        let nodes: Vec<Node> = keys.iter().filter_map(|key| self.node_of.get(key).copied()).collect();
        let root = self.graph.customer(&nodes, &self.customers)?;
        Some(customer_named_by(self.keys.get(root.0 as usize)?.number))
    }

    /// Whether all about a key was looked at: its customer is known, and so are all other keys of theirs.
    pub(crate) fn has_inside(&self, key: KeyNumber) -> bool {
        self.node_of.get(&key).is_some_and(|node| self.keys[node.0 as usize].inside)
    }

    /// Whether all about a customer was looked at. Of others some keys may be here, too, as neighbours.
    pub(crate) fn covers(&self, customer: Customer) -> bool {
        let is_theirs = |key: &Known| key.before == customer || self.owner(key.number) == Some(customer);
        self.keys.iter().any(|key| key.inside && is_theirs(key))
    }

    /// All keys of these customers, by their numbers: under any of them there may be something in the log.
    pub(crate) fn numbers_of(&self, customers: &BTreeSet<Customer>) -> BTreeSet<KeyNumber> {
        let concerned = self.keys.iter().filter(|key| {
            customers.contains(&key.before) || self.owner(key.number).is_some_and(|now| customers.contains(&now))
        });
        concerned.map(|key| key.number).collect()
    }

    /// Whose the keys of a customer are now.
    pub(crate) fn now_of(&self, customer: Customer) -> BTreeSet<Customer> {
        let keys = self.keys.iter().filter(|key| key.inside && key.before == customer);
        keys.filter_map(|key| self.owner(key.number)).collect()
    }

    /// Customers to whom events may have come from others, or gone, although none of their keys moved.
    pub(crate) fn unsettled(&self) -> BTreeSet<Customer> {
        let inside = self.keys.iter().filter(|key| key.inside && self.unsettled.contains(&key.number));
        inside.filter_map(|key| self.owner(key.number)).collect()
    }
}

impl WhoIsWho for Around {
    fn customer_of(&self, key: KeyNumber) -> Option<Customer> {
        self.owner(key)
    }

    fn whose(&self, keys: &[Ranked]) -> Option<Customer> {
        let around = keys.iter().filter_map(|key| self.by_bytes.get(key.bytes()).copied());
        self.whose_of(&around.collect::<Vec<_>>())
    }
}

/// Each link once, by its earliest evidence.
fn merged<'a>(links: impl Iterator<Item = &'a Link>) -> BTreeSet<Link> {
    let mut earliest: BTreeMap<(KeyNumber, KeyNumber, bool), i64> = BTreeMap::new();
    for link in links {
        let at_us = earliest.entry((link.low, link.high, link.undo)).or_insert(link.at_us);
        *at_us = link.at_us.min(*at_us);
    }
    earliest.into_iter().map(|((low, high, undo), at_us)| Link { low, high, undo, at_us }).collect()
}

/// The graph of these keys and links, with the node of each key. In the order of their numbers, so that a customer is named by
/// its oldest key.
fn graph(
    found: &BTreeMap<KeyNumber, Known>,
    links: &BTreeSet<Link>,
    rules: &Rules,
) -> (Graph, BTreeMap<KeyNumber, Node>) {
    let mut graph = Graph::new(rules.clone());
    let mut node_of = BTreeMap::new();
    for (number, key) in found {
        let (kind, value) = key_of(&key.bytes).unwrap_or_default();
        node_of.insert(*number, graph.restore(kind, value));
    }
    for link in links {
        let (Some(low), Some(high)) = (node_of.get(&link.low), node_of.get(&link.high)) else { continue };
        if link.undo {
            graph.restore_undo(*low, *high, link.at_us);
        } else {
            graph.restore_link(*low, *high, link.at_us);
        }
    }
    (graph, node_of)
}

/// Keys that glue nobody by `now`, and did by `before`, or the reverse.
fn flipped(
    found: &BTreeMap<KeyNumber, Known>,
    before: &BTreeSet<Link>,
    now: &BTreeSet<Link>,
    rules: &Rules,
) -> BTreeSet<KeyNumber> {
    if before == now {
        return BTreeSet::new();
    }
    let shared = |links: &BTreeSet<Link>| {
        let (graph, node_of) = graph(found, links, rules);
        let customers = graph.resolve();
        let shared = node_of.into_iter().filter(|(_, node)| customers.shared().contains(node));
        shared.map(|(number, _)| number).collect::<BTreeSet<_>>()
    };
    let (before, now) = (shared(before), shared(now));
    let inside = |number: &KeyNumber| found.get(number).is_some_and(|key| key.inside);
    before.symmetric_difference(&now).copied().filter(inside).collect()
}

/// The customer whose oldest key has this number.
pub(crate) fn customer_named_by(key: KeyNumber) -> Customer {
    Customer(i64::from(key.0))
}

/// Customers of keys that are linked with one inside, which itself glues, or is looked beyond all the same.
fn beyond(
    found: &BTreeMap<KeyNumber, Known>,
    links: &BTreeSet<Link>,
    rules: &Rules,
    crossed: &BTreeSet<KeyNumber>,
) -> BTreeSet<Customer> {
    let undone: BTreeMap<(KeyNumber, KeyNumber), i64> =
        links.iter().filter(|link| link.undo).map(|link| ((link.low, link.high), link.at_us)).collect();
    let in_force = |link: &&Link| said::holds(link.at_us, undone.get(&(link.low, link.high)).copied());
    let followed = || links.iter().filter(|link| !link.undo).filter(in_force);
    let kind = |number: KeyNumber| found.get(&number).and_then(|key| key_of(&key.bytes)).map(|(kind, _)| kind);
    let mut neighbours: BTreeMap<(KeyNumber, &str), u32> = BTreeMap::new();
    for link in followed().filter(|link| !said::is_said(link.at_us)) {
        for (near, far) in [(link.low, link.high), (link.high, link.low)] {
            if let Some(kind) = kind(far) {
                *neighbours.entry((near, kind)).or_default() += 1;
            }
        }
    }
    let shared: BTreeSet<KeyNumber> = neighbours
        .iter()
        .filter(|((near, of), count)| kind(*near).is_some_and(|kind| rules.is_too_many(kind, of, **count)))
        .map(|((near, _), _)| *near)
        .collect();
    let mut beyond = BTreeSet::new();
    for link in followed() {
        for (near, far) in [(link.low, link.high), (link.high, link.low)] {
            let (Some(near_key), Some(far_key)) = (found.get(&near), found.get(&far)) else { continue };
            let glues = said::is_said(link.at_us) || !shared.contains(&near);
            if near_key.inside && (crossed.contains(&near) || glues) {
                beyond.insert(far_key.before);
            }
        }
    }
    beyond
}
