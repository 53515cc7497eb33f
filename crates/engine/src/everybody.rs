//! Who is who among all keys at once: the same rules and the same code as for files.

use keep::{Customer, Keep, Key, KeyNumber, Link};
use listen::stitch::{Customers, Graph, Node, Rules, Union};

use crate::identity::{WhoIsWho, customer_named_by};
use crate::limits::ROWS_AT_ONCE;
use crate::message::{Ranked, key_of};

/// Who is who among all keys that were ever linked; each of the others is a customer of its own, and need not be known.
#[derive(Debug)]
pub(crate) struct Everybody {
    graph: Graph,
    customers: Customers,
    /// By node, and in order: a key that comes later has a higher number.
    numbers: Vec<KeyNumber>,
    /// By number, see [`WhoIsWho::sure`]; numbers beyond are those of keys that are not linked.
    sure: Vec<Sure>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sure {
    /// It is not linked, and so a customer of its own.
    Itself,
    /// All that was ever linked with it, by whatever way, is one customer's.
    One(KeyNumber),
    /// It takes the keys of an event to say whose it is.
    Asked,
}

/// Looking a key up costs about as much as passing over so many.
const PASSED_OVER: usize = 4;

impl Everybody {
    pub(crate) async fn look(keep: &dyn Keep, rules: &Rules) -> Result<Self, keep::Error> {
        let links = every_link(keep).await?;
        let mut sure = Vec::new();
        for number in links.iter().flat_map(|link| [link.low, link.high]) {
            let at = number.0 as usize;
            sure.resize(sure.len().max(at + 1), Sure::Itself);
            sure[at] = Sure::Asked;
        }
        let mut graph = Graph::new(rules.clone());
        let mut numbers: Vec<KeyNumber> = Vec::new();
        // In the order of their numbers, so that a customer is named by its oldest key.
        for key in linked_keys(keep, &sure).await? {
            let (kind, value) = key_of(&key.bytes).unwrap_or_default();
            if graph.restore(kind, value).0 as usize == numbers.len() {
                numbers.push(key.number);
            }
        }
        let mut near = Union::new(numbers.len());
        for link in links {
            let ends = (node_of(&numbers, link.low), node_of(&numbers, link.high));
            let (Some(low), Some(high)) = ends else { continue };
            let roots = (near.find(low.0), near.find(high.0));
            near.join(roots.0, roots.1);
            if link.undo {
                graph.restore_undo(low, high, link.at_us);
            } else {
                graph.restore_link(low, high, link.at_us);
            }
        }
        let customers = graph.resolve();
        note_who_is_sure(&mut sure, &numbers, &customers, &near.roots());
        Ok(Self { graph, customers, numbers, sure })
    }

    fn named_by(&self, root: Node) -> Option<Customer> {
        self.numbers.get(root.0 as usize).copied().map(customer_named_by)
    }
}

async fn every_link(keep: &dyn Keep) -> Result<Vec<Link>, keep::Error> {
    let mut links: Vec<Link> = Vec::new();
    loop {
        let page = keep.every_link(links.last().copied(), ROWS_AT_ONCE).await?;
        if page.is_empty() {
            return Ok(links);
        }
        links.extend(page);
    }
}

/// The keys that are linked, in the order of their numbers.
async fn linked_keys(keep: &dyn Keep, sure: &[Sure]) -> Result<Vec<Key>, keep::Error> {
    let is_linked = |number: KeyNumber| sure.get(number.0 as usize) == Some(&Sure::Asked);
    let linked: Vec<KeyNumber> = (0..).map(KeyNumber).take(sure.len()).filter(|number| is_linked(*number)).collect();
    let mut keys: Vec<Key> = Vec::with_capacity(linked.len());
    if linked.len().saturating_mul(PASSED_OVER) < sure.len() {
        for some in linked.chunks(ROWS_AT_ONCE) {
            keys.extend(keep.keys(some).await?);
        }
        return Ok(keys);
    }
    let mut after = None;
    loop {
        let page = keep.every_key(after, ROWS_AT_ONCE).await?;
        let Some(last) = page.last() else { return Ok(keys) };
        after = Some(last.number);
        keys.extend(page.into_iter().filter(|key| is_linked(key.number)));
    }
}

/// Keys of one event were linked when it came, and it was filed under a customer of theirs: where all who are near each other
/// by links of whatever kind are one customer, it is that one's.
fn note_who_is_sure(sure: &mut [Sure], numbers: &[KeyNumber], customers: &Customers, near: &[u32]) {
    let owner = |node: usize| customers.of(Node(u32::try_from(node).expect("nodes have 32 bits")));
    let mut several = vec![false; near.len()];
    for (node, root) in near.iter().enumerate() {
        several[*root as usize] |= owner(node) != owner(*root as usize);
    }
    for (node, root) in near.iter().enumerate().filter(|(_, root)| !several[**root as usize]) {
        sure[numbers[node].0 as usize] = Sure::One(numbers[owner(*root as usize).0 as usize]);
    }
}

fn node_of(numbers: &[KeyNumber], number: KeyNumber) -> Option<Node> {
    let node = numbers.binary_search(&number).ok()?;
    u32::try_from(node).ok().map(Node)
}

impl WhoIsWho for Everybody {
    fn customer_of(&self, key: KeyNumber) -> Option<Customer> {
        self.named_by(self.customers.of(node_of(&self.numbers, key)?))
    }

    fn whose(&self, keys: &[Ranked]) -> Option<Customer> {
        let known = keys.iter().filter_map(|key| self.graph.restored(&key.kind, &key.value));
        self.named_by(self.graph.customer(&known.collect::<Vec<_>>(), &self.customers)?)
    }

    fn sure(&self, filed: Customer) -> Option<Customer> {
        match usize::try_from(filed.0).ok().and_then(|number| self.sure.get(number)) {
            Some(Sure::One(number)) => Some(customer_named_by(*number)),
            Some(Sure::Asked) => None,
            Some(Sure::Itself) | None => Some(filed),
        }
    }
}
