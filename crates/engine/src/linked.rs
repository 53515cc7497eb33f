//! Links that are known to be kept, so that the same evidence is not looked up again and again: nearly every message that comes
//! with two keys says only what is known.

use hashbrown::HashMap;
use keep::{KeyNumber, Link};

use crate::limits::LINKS_REMEMBERED;

/// Pairs of keys, the smaller number first.
type Pair = (KeyNumber, KeyNumber);

/// With the time of the earliest evidence, in microseconds since 1970. What was not asked for since the newer ones were a half of
/// all is forgotten.
#[derive(Debug, Default)]
pub(crate) struct Linked {
    newer: HashMap<Pair, i64>,
    older: HashMap<Pair, i64>,
}

impl Linked {
    /// Whether the link of these two is known to be kept, by evidence that is no later than this.
    pub(crate) fn knows(&mut self, pair: Pair, at_us: i64) -> bool {
        if let Some(known) = self.newer.get(&pair) {
            return *known <= at_us;
        }
        let Some(known) = self.older.remove(&pair) else { return false };
        self.put(pair, known);
        known <= at_us
    }

    /// Remembers links that are kept. Evidence for a link that was taken back is kept as well.
    pub(crate) fn remember(&mut self, links: &[Link]) {
        for link in links.iter().filter(|link| !link.undo) {
            let pair = (link.low, link.high);
            let known = self.older.remove(&pair).unwrap_or(link.at_us);
            self.put(pair, known.min(link.at_us));
        }
    }

    fn put(&mut self, pair: Pair, at_us: i64) {
        if self.newer.len() >= LINKS_REMEMBERED / 2 {
            self.older = std::mem::take(&mut self.newer);
        }
        let known = self.newer.entry(pair).or_insert(at_us);
        *known = at_us.min(*known);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_is_remembered_and_what_is_not_gives_way() {
        let link = |n: usize, at_us| {
            let low = KeyNumber(u32::try_from(n).expect("few"));
            Link { low, high: KeyNumber(low.0 + 1), undo: false, at_us }
        };
        let pair = |n| (link(n, 0).low, link(n, 0).high);
        let mut linked = Linked::default();
        linked.remember(&[link(0, 5), link(1, 5), link(0, 7), Link { undo: true, ..link(2, 5) }]);
        assert!(linked.knows(pair(0), 5) && !linked.knows(pair(0), 4) && !linked.knows(pair(2), 9));
        for n in 2..2 * LINKS_REMEMBERED {
            linked.remember(&[link(n, 5)]);
            assert!(linked.knows(pair(0), 5), "it is asked for again and again");
        }
        assert!(!linked.knows(pair(1), 5));
        assert!(linked.newer.len() + linked.older.len() <= LINKS_REMEMBERED);
    }
}
