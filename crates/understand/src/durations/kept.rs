//! Durations that go on another day from what was kept of them.

use std::sync::OnceLock;

use journey::{Hands, OneHand};
use serde::{Deserialize, Serialize};

use super::windows::{self, List, Room};
use super::{Durations, Times};
use crate::sketch::Sketch;

/// What is kept of all lists.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Kept {
    /// Of durations that fit the budget.
    Exact(Vec<List>),
    /// Of more.
    Sketches(Vec<Sketch>),
}

/// What lists were when they were kept; what came since is in the lists themselves.
#[derive(Debug)]
pub(super) struct Base {
    pub(super) kept: Kept,
    /// What is to be taken out.
    minus: Option<Box<Durations>>,
}

/// Lists are looked at in so many heaps, by whoever has a hand free.
const HEAPS: usize = 16;

impl Durations {
    /// What has to be known of these lists to go on from them; nothing where so much came or went that their figures are not
    /// known any more. Only [`finish`](Self::finish) makes sense afterwards.
    pub(crate) fn keep(&mut self) -> Option<Kept> {
        self.settle(&OneHand);
        match &self.base.as_ref()?.kept {
            Kept::Exact(lists) => {
                let lists = lists.iter().map(List::trimmed).collect::<Option<_>>()?;
                Some(Kept::Exact(windows::packed(lists)))
            }
            sketches @ Kept::Sketches(_) => Some(sketches.clone()),
        }
        .filter(|_| !self.exhausted)
    }

    /// Takes up what was kept.
    pub(crate) fn resume(&mut self, kept: Kept) {
        let kept = match kept {
            Kept::Exact(lists) => Kept::Exact(windows::unpacked(lists)),
            sketches @ Kept::Sketches(_) => sketches,
        };
        self.grow(kept.len());
        self.base = Some(Base { kept, minus: None });
    }

    /// Takes out other lists; `slots` says which of ours each of theirs is.
    pub(crate) fn subtract(&mut self, other: Self, slots: &[usize]) {
        if self.base.is_none() {
            self.settle(&OneHand);
        }
        let (len, exact_max) = (self.cursors.len(), self.exact_max);
        let base = self.base.as_mut().expect("what is settled has a base");
        let minus = base.minus.get_or_insert_with(|| Box::new(Self::with_room(exact_max)));
        minus.grow(len);
        minus.merge(other, slots);
    }

    /// Makes one of what was kept, what came since and what is to be taken out.
    pub(crate) fn settle(&mut self, hands: &dyn Hands) {
        let slots = self.cursors.len();
        let Some(Base { kept, minus }) = self.base.take() else {
            let kept = self.of_all(hands);
            self.base = Some(Base { kept, minus: None });
            return;
        };
        let mut minus = minus.unwrap_or_else(|| Box::new(Self::with_room(self.exact_max)));
        let kept = match kept {
            Kept::Exact(mut lists) => {
                lists.resize_with(slots, List::default);
                // Neither can be more than all there are, unless all are more than fit.
                self.exhausted |= !(self.exact && minus.exact);
                self.exhausted |= !change(&mut lists, self, &mut minus);
                self.exhausted |= lists.iter().map(List::count).sum::<u64>() > self.exact_max;
                Kept::Exact(lists)
            }
            Kept::Sketches(mut sketches) => {
                sketches.resize_with(slots, Sketch::default);
                self.sketch();
                minus.sketch();
                sketches.iter_mut().zip(self.sketches.drain(..)).for_each(|(ours, plus)| ours.merge(&plus));
                for (ours, minus) in sketches.iter_mut().zip(&minus.sketches) {
                    self.exhausted |= !ours.subtract(minus);
                }
                self.exhausted |= sketches.iter().map(Sketch::count).sum::<u64>() <= self.exact_max;
                Kept::Sketches(sketches)
            }
        };
        self.base = Some(Base { kept, minus: None });
    }

    /// What is kept of lists that have no base.
    fn of_all(&mut self, hands: &dyn Hands) -> Kept {
        if !self.exact {
            self.sketch();
            return Kept::Sketches(std::mem::take(&mut self.sketches));
        }
        let mut lists = vec![List::default(); self.cursors.len()];
        let all = self.close_all();
        let found: Vec<OnceLock<List>> = vec![OnceLock::new(); all.len()];
        // In a few heaps, each with a part of the long lists, which were met first: so memory is used again.
        hands.share(HEAPS, &|heap| {
            let mut room = Room::default();
            for (pieces, found) in all.iter().zip(&found).skip(heap).step_by(HEAPS) {
                found.get_or_init(|| List::of(pieces.parts(), &mut room));
            }
        });
        for (pieces, found) in all.iter().zip(found) {
            lists[pieces.slot()] = found.into_inner().unwrap_or_default();
        }
        drop(all);
        self.forget();
        // Others have use for the room, and a program that ends with it ends later.
        self.blocks = Vec::new();
        Kept::Exact(lists)
    }
}

/// Changes each list by what came and what went; whether all that went was there.
fn change(lists: &mut [List], plus: &mut Durations, minus: &mut Durations) -> bool {
    let mut gone: Vec<Vec<u64>> = vec![Vec::new(); lists.len()];
    minus.drain(|slot, list| gone[slot] = list.to_vec());
    let mut known = true;
    plus.drain(|slot, list| known &= lists[slot].change(list, &mut std::mem::take(&mut gone[slot])));
    let left = lists.iter_mut().zip(gone).filter(|(_, gone)| !gone.is_empty());
    left.fold(known, |known, (list, mut gone)| list.change(&mut [], &mut gone) && known)
}

impl Base {
    pub(super) fn times(&self) -> Times {
        match self.kept {
            Kept::Exact(_) => Times::Exact,
            Kept::Sketches(_) => Times::Sketch,
        }
    }
}

impl Kept {
    /// How many lists there are.
    fn len(&self) -> usize {
        match self {
            Kept::Exact(lists) => lists.len(),
            Kept::Sketches(sketches) => sketches.len(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SAME: [usize; 2] = [0, 1];

    fn of(exact_bytes: u64, lists: &[Vec<u64>; 2]) -> Durations {
        let mut durations = Durations::new(exact_bytes);
        durations.grow(2);
        for (slot, list) in lists.iter().enumerate() {
            for duration in list {
                durations.push(slot, *duration);
                durations.added(1);
            }
        }
        durations
    }

    fn resumed(exact_bytes: u64, kept: Kept) -> Durations {
        let mut durations = Durations::new(exact_bytes);
        durations.resume(kept);
        durations
    }

    /// What lists are after some came and went, and the same from what was kept, where it is known.
    type Both = (Durations, Option<Durations>, Option<Kept>);

    fn changed(exact_bytes: u64, kept: Kept, stay: &[Vec<u64>; 2], out: &[Vec<u64>; 2], came: &[Vec<u64>; 2]) -> Both {
        let mut again = resumed(exact_bytes, kept);
        again.subtract(of(exact_bytes, out), &SAME);
        again.merge(of(exact_bytes, came), &SAME);
        let next = again.keep();
        let mut fresh = of(exact_bytes, stay);
        fresh.merge(of(exact_bytes, came), &SAME);
        (fresh, next.is_some().then_some(again), next)
    }

    fn durations() -> impl Strategy<Value = [Vec<u64>; 2]> {
        let few = prop::collection::vec(0u64..20, 0..400);
        let many = prop::collection::vec((any::<u64>(), 1u32..64).prop_map(|(value, shift)| value >> shift), 0..700);
        (few, many).prop_map(|(few, many)| [few, many])
    }

    fn lists(all: &[Vec<u64>; 2], wanted: impl Fn(usize) -> bool) -> [Vec<u64>; 2] {
        let part = |list: &Vec<u64>| list.iter().enumerate().filter(|(i, _)| wanted(*i)).map(|(_, d)| *d).collect();
        [part(&all[0]), part(&all[1])]
    }

    proptest! {
        #[test]
        fn figures_are_those_of_all_durations_or_none(
            all in durations(),
            more in durations(),
            (touched, new, lost) in (1usize..40, 1usize..40, 1usize..40),
            budget in prop::option::of(0u64..9_000),
        ) {
            let exact_bytes = budget.unwrap_or(1 << 20);
            let mut kept = of(exact_bytes, &all).keep();
            prop_assert!(kept.is_some(), "all were seen");
            let mut now = all;
            for round in 0..3 {
                let Some(state) = kept else { return Ok(()) };
                let out = lists(&now, |i| i % touched == round);
                let stay = lists(&now, |i| i % touched != round);
                let mut came = lists(&out, |i| i % lost != 0);
                (0..2).for_each(|slot| came[slot].extend(more[slot].iter().skip(round).step_by(3 * new)));
                let (fresh, again, next) = changed(exact_bytes, state, &stay, &out, &came);
                if let Some(again) = again {
                    prop_assert_eq!(again.times(), fresh.times());
                    prop_assert_eq!(again.finish(), fresh.finish());
                }
                now = [[&stay[0][..], &came[0]].concat(), [&stay[1][..], &came[1]].concat()];
                kept = next;
            }
        }
    }

    #[test]
    fn a_few_that_come_and_go_leave_figures_exact_and_many_do_not() {
        let spread = |count: u64| (0..count).map(|i| i.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 20).collect::<Vec<_>>();
        let all = [spread(100_000), vec![0; 5_000]];
        let kept = of(1 << 30, &all).keep().expect("all were seen");
        let Kept::Exact(lists) = &kept else { panic!("they fit") };
        assert!(postcard::to_stdvec(lists).expect("plain numbers").len() < 15_000, "a few windows");
        let (out, stay) = (self::lists(&all, |i| i % 50 == 0), self::lists(&all, |i| i % 50 != 0));
        // Whoever is touched does the same again and a little more, of which much is like what was there.
        let mut came = out.clone();
        came[0].extend(spread(100).iter().map(|duration| duration / 2 + 7));
        came[1].extend([0; 100]);
        let (fresh, again, _) = changed(1 << 30, kept.clone(), &stay, &out, &came);
        assert_eq!(again.map(Durations::finish), Some(fresh.finish()));
        // Whoever comes back after long makes only long ones.
        let long = [vec![u64::MAX >> 20; 500], vec![u64::MAX >> 20; 60]];
        let nothing = [vec![], vec![]];
        let (fresh, again, _) = changed(1 << 30, kept.clone(), &all, &nothing, &long);
        assert_eq!(again.map(Durations::finish), Some(fresh.finish()), "one in two hundred");
        let all_later = [spread(2_000).iter().map(|_| 1).collect(), vec![]];
        let (_, again, next) = changed(1 << 30, kept, &all, &nothing, &all_later);
        assert!(again.is_none() && next.is_none(), "the middle is another one");
    }
}
