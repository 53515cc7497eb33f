//! Links that are known to be kept, so that the same evidence is not looked up again and again: nearly every message that comes
//! with two keys says only what is known.

use keep::{KeyNumber, Link};

use crate::limits::LINKS_REMEMBERED;

/// Pairs of keys, the smaller number first.
type Pair = (KeyNumber, KeyNumber);

/// The numbers of a pair, and the time of its earliest evidence in seconds since 1970, rounded up: nothing later is unknown for
/// it. No pair where both numbers are 0. Of words, because memory for many words that are 0 is had from the system, which
/// gives it when it is first written to.
type Known = [u32; 3];

/// Pairs of one hash that there is room for: those that were asked for last, the latest first.
const SET_PAIRS: usize = 8;

/// Links that are known to be kept.
#[derive(Debug, Default)]
pub(crate) struct Linked {
    sets: Vec<[Known; SET_PAIRS]>,
}

impl Linked {
    /// Whether the link of these two is known to be kept, by evidence that is no later than this.
    pub(crate) fn knows(&mut self, pair: Pair, at_us: i64) -> bool {
        let Some(set) = self.sets.get_mut(place(pair)) else { return false };
        first(set, pair) && i64::from(set[0][2]) * SECOND_US <= at_us
    }

    /// Remembers links that are kept. Evidence for a link that was taken back is kept as well.
    pub(crate) fn remember(&mut self, links: &[Link]) {
        if self.sets.is_empty() && !links.is_empty() {
            self.sets = vec![[[0; 3]; SET_PAIRS]; LINKS_REMEMBERED / SET_PAIRS];
        }
        for link in links.iter().filter(|link| !link.undo) {
            // What is known since before 1970, as all that a person said is, is known for whatever is not before it.
            let seconds = (-(-link.at_us).div_euclid(SECOND_US)).max(0);
            let Ok(seconds) = u32::try_from(seconds) else { continue };
            let pair = (link.low, link.high);
            let set = &mut self.sets[place(pair)];
            if first(set, pair) {
                set[0][2] = seconds.min(set[0][2]);
            } else {
                set.rotate_right(1);
                set[0] = [link.low.0, link.high.0, seconds];
            }
        }
    }
}

const SECOND_US: i64 = 1_000_000;

/// Where a pair is, if it is remembered. Numbers are given by us, so nobody can choose pairs of one hash.
fn place((low, high): Pair) -> usize {
    let hash = ((u64::from(low.0) << 32) | u64::from(high.0)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let hash = (hash ^ (hash >> 32)).wrapping_mul(0xD6E8_FEB8_6659_FD93);
    let place = (u128::from(hash) * (LINKS_REMEMBERED / SET_PAIRS) as u128) >> 64;
    usize::try_from(place).expect("less than there are")
}

/// Puts a pair before the others of its set; whether it is there.
fn first(set: &mut [Known; SET_PAIRS], (low, high): Pair) -> bool {
    let Some(at) = set.iter().position(|known| known[..2] == [low.0, high.0]) else { return false };
    set[..=at].rotate_right(1);
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(n: u32, at_us: i64) -> Link {
        Link { low: KeyNumber(n), high: KeyNumber(n + 1), undo: false, at_us }
    }

    fn knows(linked: &mut Linked, n: u32, at_us: i64) -> bool {
        linked.knows((KeyNumber(n), KeyNumber(n + 1)), at_us)
    }

    #[test]
    fn what_is_asked_for_is_remembered_and_what_is_not_gives_way() {
        let mut linked = Linked::default();
        assert!(!knows(&mut linked, 0, 9), "nothing is known at first");
        for n in 0..2 * u32::try_from(LINKS_REMEMBERED).expect("few") {
            linked.remember(&[link(n, 5)]);
            assert!(knows(&mut linked, 0, SECOND_US), "it is asked for again and again");
        }
        assert!(!knows(&mut linked, 1, SECOND_US));
        let known = linked.sets.as_flattened().iter().filter(|known| **known != [0; 3]).count();
        assert!(known > LINKS_REMEMBERED * 9 / 10, "places are used alike: {known}");
    }

    #[test]
    fn a_link_is_known_from_its_earliest_evidence_on() {
        let mut linked = Linked::default();
        let (one, two) = (SECOND_US, 2 * SECOND_US);
        linked.remember(&[link(0, 5), link(1, two), link(1, one), link(1, two), Link { undo: true, ..link(2, 5) }]);
        assert!(knows(&mut linked, 0, one) && !knows(&mut linked, 0, 4), "nothing earlier than the evidence is known");
        assert!(knows(&mut linked, 1, one) && !knows(&mut linked, 1, one - 1));
        assert!(!knows(&mut linked, 2, 9) && !knows(&mut linked, 3, 9));
        linked.remember(&[link(3, i64::MIN + 1), link(4, -1), link(5, i64::MAX)]);
        assert!(knows(&mut linked, 3, 0) && !knows(&mut linked, 3, -1));
        assert!(knows(&mut linked, 4, 0) && !knows(&mut linked, 4, -1));
        assert!(!knows(&mut linked, 5, i64::MAX), "later than what can be said");
    }
}
