//! What alignments add up to.

use std::collections::BTreeMap;

use charter::Pattern;
use charter::pattern::{Alignment, MomentTest};
use journey::Moment;
use serde::{Deserialize, Serialize};

use crate::count::at;

/// Moves, fitness and partings of journeys. All are counts, so that any order of adding gives the same.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Tally {
    /// By ending, by what an alignment costs and how many moments the journey has: how many journeys.
    pub(super) costs: [BTreeMap<(u32, u64), u64>; 4],
    /// By label of the plan: how often it was skipped, and in how many journeys.
    pub(super) skipped: Vec<[u64; 2]>,
    /// By moment: how often it was added, and in how many journeys.
    pub(super) added: Vec<[u64; 2]>,
    /// By the last moment that followed the plan, none for the start.
    pub(super) places: BTreeMap<Option<Moment>, Place>,
    /// Of journeys that are over, those that never parted and those that did: how many succeeded, and of how many.
    pub(super) success: [[u64; 2]; 2],
    /// The moments or states of the journey at hand, so that each counts once in it.
    #[serde(skip)]
    met: Vec<usize>,
}

/// A place of the plan, as journeys went on from it.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Place {
    /// By the moment that came instead of what is drawn: how many journeys.
    pub(super) came: BTreeMap<Moment, u64>,
    /// Of journeys that are over, those that went on as drawn and those that parted: how many succeeded, and of how many.
    pub(super) success: [[u64; 2]; 2],
}

/// What is skipped when a state of the plan is, by state: the number of the moment in the pattern, and for steps that are not
/// one moment the number of moments and that of the state.
pub(super) fn labels(pattern: &Pattern) -> Vec<usize> {
    let label = |state: usize| match pattern.automaton().test(state).map(|test| &test.moment) {
        Some(MomentTest::Is(symbol)) => usize::from(*symbol),
        _ => pattern.moments().len() + state,
    };
    (0..pattern.automaton().states()).map(label).collect()
}

/// What is skipped, as it is called.
pub(super) fn name(pattern: &Pattern, label: usize) -> String {
    match pattern.moments().get(label) {
        Some(named) => named.name.clone(),
        None => pattern.step_text(label - pattern.moments().len()),
    }
}

impl Tally {
    /// Adds journeys with the same moments: `labels` says which moment a state of the plan is, `endings` how many journeys
    /// ended in each way, `beginning` how many of the moments follow the plan.
    pub(super) fn note(
        &mut self,
        moments: &[Moment],
        alignment: &Alignment,
        labels: &[usize],
        endings: &[u64; 4],
        beginning: usize,
    ) {
        let journeys: u64 = endings.iter().sum();
        for (costs, count) in self.costs.iter_mut().zip(endings).filter(|(_, count)| **count > 0) {
            *costs.entry((alignment.cost, moments.len() as u64)).or_default() += count;
        }
        let Self { skipped, added, met, .. } = self;
        count_moves(skipped, met, alignment.skipped.iter().map(|(state, _)| labels[*state]), journeys);
        count_moves(added, met, alignment.added.iter().map(|i| moments[*i].index()), journeys);
        self.note_places(moments, beginning, endings);
    }

    fn note_places(&mut self, moments: &[Moment], beginning: usize, endings: &[u64; 4]) {
        let [succeeded, abandoned, open, whole] = *endings;
        let over = [succeeded, succeeded + abandoned];
        let parted = beginning < moments.len();
        add(&mut self.success[usize::from(parted)], over);
        let before = |i: usize| i.checked_sub(1).map(|i| moments[i]);
        if parted {
            let place = self.places.entry(before(beginning)).or_default();
            *place.came.entry(moments[beginning]).or_default() += succeeded + abandoned + open + whole;
            add(&mut place.success[1], over);
        }
        // Whoever parts after a moment did not go on from it as drawn, even if that went well an earlier time.
        let parting = parted.then(|| before(beginning));
        self.met.clear();
        for i in 0..beginning.min(moments.len()) {
            let key = before(i).map_or(0, |moment| moment.index() + 1);
            if parting == Some(before(i)) || self.met.contains(&key) {
                continue;
            }
            self.met.push(key);
            add(&mut self.places.entry(before(i)).or_default().success[0], over);
        }
    }

    pub(super) fn merge(&mut self, other: Self) {
        for (ours, theirs) in self.costs.iter_mut().zip(other.costs) {
            for (cost, count) in theirs {
                *ours.entry(cost).or_default() += count;
            }
        }
        for (ours, theirs) in [(&mut self.skipped, other.skipped), (&mut self.added, other.added)] {
            for (i, counts) in theirs.into_iter().enumerate() {
                add(at(ours, i), counts);
            }
        }
        for (key, theirs) in other.places {
            let ours = self.places.entry(key).or_default();
            for (moment, count) in theirs.came {
                *ours.came.entry(moment).or_default() += count;
            }
            (0..2).for_each(|group| add(&mut ours.success[group], theirs.success[group]));
        }
        (0..2).for_each(|group| add(&mut self.success[group], other.success[group]));
    }

    /// Takes out journeys that all were added before.
    pub(super) fn subtract(&mut self, other: &Self) {
        for (ours, theirs) in self.costs.iter_mut().zip(&other.costs) {
            take_out(ours, theirs);
        }
        for (ours, theirs) in [(&mut self.skipped, &other.skipped), (&mut self.added, &other.added)] {
            ours.iter_mut().zip(theirs).for_each(|(ours, theirs)| subtract(ours, *theirs));
        }
        for (key, theirs) in &other.places {
            let ours = self.places.entry(*key).or_default();
            take_out(&mut ours.came, &theirs.came);
            (0..2).for_each(|group| subtract(&mut ours.success[group], theirs.success[group]));
        }
        (0..2).for_each(|group| subtract(&mut self.success[group], other.success[group]));
    }
}

/// Takes counts out; what is left of nothing is not there.
fn take_out<K: Ord + Copy>(ours: &mut BTreeMap<K, u64>, theirs: &BTreeMap<K, u64>) {
    for (key, count) in theirs {
        *ours.entry(*key).or_default() -= count;
    }
    ours.retain(|_, count| *count > 0);
}

fn subtract(ours: &mut [u64; 2], theirs: [u64; 2]) {
    ours[0] -= theirs[0];
    ours[1] -= theirs[1];
}

fn add(ours: &mut [u64; 2], theirs: [u64; 2]) {
    ours[0] += theirs[0];
    ours[1] += theirs[1];
}

/// Counts moves that so many journeys have alike; `met` is room to see which come again.
fn count_moves(counts: &mut Vec<[u64; 2]>, met: &mut Vec<usize>, moves: impl Iterator<Item = usize>, journeys: u64) {
    met.clear();
    met.extend(moves);
    met.sort_unstable();
    for same in met.chunk_by(|a, b| a == b) {
        add(at(counts, same[0]), [journeys * same.len() as u64, journeys]);
    }
}
