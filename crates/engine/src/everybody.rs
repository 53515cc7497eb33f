//! Who is who among all keys at once: where rules may have something to refuse, by the same code as for files.

use hashbrown::HashMap;
use keep::{Customer, Keep, Key, KeyNumber, Link};
use listen::stitch::{Customers, Graph, Node, Rules, Union};
use rapidhash::fast::RandomState;

use crate::identity::{WhoIsWho, customer_named_by};
use crate::limits::ROWS_AT_ONCE;
use crate::message::{Ranked, key_of};

/// Who is who among all keys that were ever linked; each of the others is a customer of its own, and need not be known.
#[derive(Debug)]
pub(crate) struct Everybody {
    /// Of keys around which the rules may refuse something: of all others it says nothing, and [`WhoIsWho::sure`] all.
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
        settle_simple(&mut sure, &links, keep, rules).await?;
        let mut graph = Graph::new(rules.clone());
        let mut numbers: Vec<KeyNumber> = Vec::new();
        // In the order of their numbers, so that a customer is named by its oldest key.
        each_asked(keep, &sure, |key| {
            let (kind, value) = key_of(&key.bytes).unwrap_or_default();
            if graph.restore(kind, value).0 as usize == numbers.len() {
                numbers.push(key.number);
            }
        })
        .await?;
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

/// Most people are told without a graph: where all that is linked with each other, by whatever way, has no more keys of a kind than
/// one person may have, and no link was taken back, there is nothing that the rules could refuse. It is one customer, named
/// by its oldest key.
async fn settle_simple(sure: &mut [Sure], links: &[Link], keep: &dyn Keep, rules: &Rules) -> Result<(), keep::Error> {
    let mut near = Union::new(sure.len());
    for link in links {
        let roots = (near.find(link.low.0), near.find(link.high.0));
        near.join(roots.0, roots.1);
    }
    let near = near.roots();
    // By root: how many keys are not known yet; none where something is not simple.
    let mut left = vec![0u32; near.len()];
    for (number, root) in near.iter().enumerate().filter(|(number, _)| sure[*number] == Sure::Asked) {
        debug_assert!(*root as usize <= number, "a root is the smallest of its set");
        left[*root as usize] += 1;
    }
    // By kind: its number, and how many one person may have.
    let mut kinds: HashMap<String, u32, RandomState> = HashMap::default();
    let mut most: Vec<Option<u32>> = Vec::new();
    let mut keys: Vec<(u32, u32)> = Vec::with_capacity(sure.len());
    each_asked(keep, sure, |key| {
        let (kind, _) = key_of(&key.bytes).unwrap_or_default();
        let next = u32::try_from(most.len()).expect("there are no more kinds than keys");
        let kind = *kinds.entry_ref(kind).or_insert_with(|| {
            most.push(rules.most(kind));
            next
        });
        keys.push((near[key.number.0 as usize], kind));
    })
    .await?;
    keys.sort_unstable();
    let mut simple = vec![false; near.len()];
    for all in keys.chunk_by(|a, b| a.0 == b.0) {
        let may_have =
            |of_kind: &[(u32, u32)]| most[of_kind[0].1 as usize].is_none_or(|most| of_kind.len() <= most as usize);
        let root = all[0].0 as usize;
        simple[root] = all.len() == left[root] as usize && all.chunk_by(|a, b| a.1 == b.1).all(may_have);
    }
    for link in links.iter().filter(|link| link.undo) {
        simple[near[link.low.0 as usize] as usize] = false;
    }
    for (sure, root) in sure.iter_mut().zip(near).filter(|(_, root)| simple[*root as usize]) {
        *sure = Sure::One(KeyNumber(root));
    }
    Ok(())
}

/// The keys of which it is not known whose they are, in the order of their numbers.
async fn each_asked(keep: &dyn Keep, sure: &[Sure], mut each: impl FnMut(&Key)) -> Result<(), keep::Error> {
    let is_asked = |number: KeyNumber| sure.get(number.0 as usize) == Some(&Sure::Asked);
    let asked: Vec<KeyNumber> = (0..).map(KeyNumber).take(sure.len()).filter(|number| is_asked(*number)).collect();
    let Some(last_asked) = asked.last() else { return Ok(()) };
    if asked.len().saturating_mul(PASSED_OVER) < sure.len() {
        for some in asked.chunks(ROWS_AT_ONCE) {
            keep.keys(some).await?.iter().for_each(&mut each);
        }
        return Ok(());
    }
    let mut after = None;
    loop {
        let page = keep.every_key(after, ROWS_AT_ONCE).await?;
        let Some(last) = page.last() else { return Ok(()) };
        after = Some(last.number);
        page.iter().filter(|key| is_asked(key.number)).for_each(&mut each);
        if last.number >= *last_asked {
            return Ok(());
        }
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
        if let Some(Sure::One(number)) = self.sure.get(key.0 as usize) {
            return Some(customer_named_by(*number));
        }
        self.named_by(self.customers.of(node_of(&self.numbers, key)?))
    }

    fn whose(&self, keys: &[Ranked]) -> Option<Customer> {
        let known = keys.iter().filter_map(|key| self.graph.restored(key.kind(), key.value()));
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use futures::executor::block_on;
    use keep::{Commit, Memory};
    use proptest::prelude::*;

    use super::*;
    use crate::identity::{Around, Most, Seed};

    /// Keys of three kinds, of which one person has one, up to two, or as many as they like.
    fn rules() -> Rules {
        let keys = "charter: 1\nkeys:\n  user_id: {unique: true}\n  device: {limit: 2}\n  email: {unique: false}\n";
        Rules::from(&charter::Charter::parse(keys).expect("a charter").0.keys)
    }

    proptest! {
        #[test]
        fn who_is_who_is_as_the_graph_says(
            kinds in prop::collection::vec(0..3usize, 2..24),
            pairs in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), 0..9i64, 0..8u8), 0..24),
        ) {
            let rules = rules();
            let key = |(number, kind): (usize, &usize)| Key {
                number: KeyNumber(u32::try_from(number).expect("few")),
                customer: Customer(i64::try_from(number).expect("few")),
                bytes: crate::message::key_bytes(["user_id", "device", "email"][*kind], &format!("k{number}")),
            };
            let keys: Vec<Key> = kinds.iter().enumerate().map(key).collect();
            let link = |(a, b, at_us, undo): (prop::sample::Index, prop::sample::Index, i64, u8)| {
                let (a, b) = (a.get(&keys).number, b.get(&keys).number);
                (a != b).then_some(Link { low: a.min(b), high: a.max(b), undo: undo == 0, at_us })
            };
            let links: Vec<Link> = pairs.into_iter().filter_map(link).collect();
            let keep: Arc<dyn Keep> = Arc::new(Memory::default());
            let commit = Commit { keys: keys.clone(), links: links.clone(), ..Commit::default() };
            block_on(keep.commit(commit)).expect("memory is there");
            let everybody = block_on(Everybody::look(&*keep, &rules)).expect("memory is there");
            let seeds: Vec<Seed> = keys.iter().cloned().map(Seed::from).collect();
            let around = block_on(Around::look(&*keep, &rules, &seeds, &[], Most::ALL)).expect("memory is there");
            let around = around.expect("there is no limit");
            for key in &keys {
                let alone = customer_named_by(key.number);
                let whose = around.customer_of(key.number).unwrap_or(alone);
                prop_assert_eq!(everybody.customer_of(key.number).unwrap_or(alone), whose, "{:?}", key);
                // Whatever was filed under this key's number came with keys that were linked with it.
                if let Some(sure) = everybody.sure(alone) {
                    prop_assert_eq!(sure, whose, "{:?}", key);
                }
            }
        }
    }
}
