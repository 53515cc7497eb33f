//! How far a journey is from what a pattern draws: the cheapest set of moments that were skipped and added.
//!
//! The exact optimum over the product of the journey and the automaton (Adriansyah, "Aligning observed and modeled
//! behavior", 2014): a moment that both have costs nothing, one that the pattern draws and the journey skips costs 1, one that
//! the journey adds costs 1. An automaton without empty edges makes this a walk along the journey with one row of costs, one
//! per state. How many steps lie between two states is known beforehand, so that however many are skipped at once, that is
//! one number. The work is the length of the journey times the states, and at worst times the states once more.
//!
//! Conditions on channel and time count for the moments that both have; whether a step that was skipped could have met them
//! is not asked.

use super::automaton::Automaton;
use super::{Pattern, Step};

/// More than any cost: the journeys and patterns of which the costs are sums are far shorter.
const FAR: u32 = 1 << 30;

/// Up to this many moments all rows of costs are held; of longer ones one in so many, and the others are computed again.
const ROWS_HELD: usize = 1 << 10;

/// What the cheapest alignment of a journey holds.
///
/// Where several are equally cheap, it ends with the first step of the pattern that it can end with; going back from there,
/// moments that both have are taken wherever that is possible, and of the ways to skip from one step to another the one over
/// the steps that stand first in the pattern.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Alignment {
    /// How many moments are skipped or added.
    pub cost: u32,
    /// Of each step that is skipped: its state, and before which moment of the journey, or at its length; from the end of
    /// the journey to its start.
    pub skipped: Vec<(usize, usize)>,
    /// The moments that are added, by position; from the end of the journey to its start.
    pub added: Vec<usize>,
}

/// Aligns journeys with one pattern.
#[derive(Debug, Clone)]
pub struct Aligner {
    automaton: Automaton,
    /// At `to * states + from`: how many steps it takes at least, one or more, from a state to another.
    steps: Vec<u32>,
    /// By state, how many steps it takes to one that a journey may end in.
    to_end: Vec<u32>,
    /// By symbol, and last for moments that the pattern does not name: the states that accept it, conditions aside.
    accepting: Vec<Vec<usize>>,
    conditional: bool,
    /// Rows of costs by state: those held on the way, and all of the stretch that is being gone back over.
    held: Vec<u32>,
    rows: Vec<u32>,
    /// Room for a row and the one after it.
    turns: (Vec<u32>, Vec<u32>),
    found: Alignment,
}

impl Aligner {
    /// An aligner for a pattern. Whether it says `^` and `$` does not matter: the journey as a whole is aligned.
    ///
    /// ```
    /// use charter::{Pattern, Step, pattern::Aligner};
    ///
    /// let pattern = Pattern::parse("visit cart checkout order").expect("it is correct");
    /// let journey = ["visit", "search", "cart", "order"].map(|name| Step::at(pattern.symbol(name)));
    /// let alignment = Aligner::new(&pattern).align(&journey).clone();
    /// assert_eq!((alignment.cost, alignment.added, alignment.skipped), (2, vec![1], vec![(3, 3)]));
    /// ```
    pub fn new(pattern: &Pattern) -> Self {
        let automaton = pattern.automaton().clone();
        let states = automaton.states();
        let mut steps = vec![FAR; states * states];
        for from in 0..states {
            let mut reached: Vec<usize> = automaton.next(from).collect();
            let mut distance = 1;
            while !reached.is_empty() {
                for to in &reached {
                    steps[to * states + from] = distance;
                }
                let further = reached.iter().flat_map(|state| automaton.next(*state));
                let mut further: Vec<usize> = further.filter(|to| steps[to * states + from] == FAR).collect();
                further.sort_unstable();
                further.dedup();
                reached = further;
                distance += 1;
            }
        }
        let end = |from: usize| {
            let there = if automaton.accepts(from) { 0 } else { FAR };
            (0..states).filter(|to| automaton.accepts(*to)).map(|to| steps[to * states + from]).fold(there, u32::min)
        };
        let symbols = pattern.moments().len();
        let accepts =
            |symbol: Option<u8>, state: &usize| automaton.test(*state).is_some_and(|test| test.moment.accepts(symbol));
        let by_symbol = |symbol: usize| {
            let symbol = if symbol < symbols { u8::try_from(symbol).ok() } else { None };
            (0..states).filter(|state| accepts(symbol, state)).collect()
        };
        Self {
            to_end: (0..states).map(end).collect(),
            accepting: (0..=symbols).map(by_symbol).collect(),
            conditional: automaton.is_conditional(),
            steps,
            automaton,
            held: Vec::new(),
            rows: Vec::new(),
            turns: (Vec::new(), Vec::new()),
            found: Alignment::default(),
        }
    }

    /// The cost of a journey without any moment: the steps of the shortest journey that the pattern draws. Together with
    /// the length of a journey it is the worst that an alignment can cost.
    pub fn shortest(&self) -> u32 {
        self.to_end[0]
    }

    /// The cheapest alignment of a whole journey.
    pub fn align(&mut self, journey: &[Step]) -> &Alignment {
        let states = self.automaton.states();
        let stretch = if journey.len() <= ROWS_HELD { journey.len().max(1) } else { journey.len().isqrt() };
        let (mut row, mut next) = std::mem::take(&mut self.turns);
        row.resize(states, FAR);
        row.fill(FAR);
        row[0] = 0;
        next.resize(states, FAR);
        self.held.clear();
        // All but the last stretch.
        let last = journey.len().saturating_sub(1) / stretch * stretch;
        for (i, step) in journey[..last].iter().enumerate() {
            if i % stretch == 0 {
                self.held.extend_from_slice(&row);
            }
            self.advance(&row, &mut next, step);
            std::mem::swap(&mut row, &mut next);
        }
        self.held.extend_from_slice(&row);
        self.turns = (row, next);
        self.fill(&journey[last..], last / stretch);
        let end = |state: usize| self.rows[self.rows.len() - states + state] + self.to_end[state];
        let state = (0..states).min_by_key(|state| end(*state)).expect("there is the start");
        self.found.cost = end(state);
        self.found.skipped.clear();
        self.found.added.clear();
        self.skip_to_end(state, journey.len());
        self.go_back(journey, stretch, state);
        debug_assert_eq!(self.found.cost as usize, self.found.skipped.len() + self.found.added.len());
        &self.found
    }

    /// The costs after one more moment.
    #[inline]
    fn advance(&self, row: &[u32], next: &mut [u32], step: &Step) {
        for (after, before) in next.iter_mut().zip(row) {
            *after = before + 1;
        }
        for state in self.candidates(step) {
            let steps = &self.steps[state * row.len()..][..row.len()];
            let cheapest = row.iter().zip(steps).map(|(cost, steps)| cost + steps).fold(2 * FAR, u32::min);
            // The last of these steps is the moment itself.
            next[*state] = next[*state].min(cheapest - 1);
        }
    }

    /// The states that this moment may lead to.
    fn candidates(&self, step: &Step) -> impl Iterator<Item = &usize> {
        let symbol = step.moment.map_or(self.accepting.len() - 1, usize::from);
        let met = |state: &&usize| self.automaton.test(**state).is_some_and(|test| test.accepts(step));
        self.accepting[symbol].iter().filter(move |state| !self.conditional || met(state))
    }

    /// Computes the rows of a stretch from the one that was held before it.
    fn fill(&mut self, journey: &[Step], number: usize) {
        let states = self.automaton.states();
        let mut rows = std::mem::take(&mut self.rows);
        rows.clear();
        rows.extend_from_slice(&self.held[number * states..][..states]);
        rows.resize((journey.len() + 1) * states, 0);
        for (i, step) in journey.iter().enumerate() {
            let (before, after) = rows.split_at_mut((i + 1) * states);
            self.advance(&before[i * states..], &mut after[..states], step);
        }
        self.rows = rows;
    }

    fn go_back(&mut self, journey: &[Step], stretch: usize, mut state: usize) {
        let states = self.automaton.states();
        for i in (0..journey.len()).rev() {
            if (i + 1) % stretch == 0 && i + 1 < journey.len() {
                self.fill(&journey[i + 1 - stretch..=i], i / stretch);
            }
            let at = i % stretch;
            let (before, after) = self.rows[at * states..][..2 * states].split_at(states);
            let cost = after[state];
            let from = self.candidates(&journey[i]).find(|candidate| **candidate == state).and_then(|_| {
                let steps = &self.steps[state * states..][..states];
                (0..states).find(|from| before[*from] + steps[*from] - 1 == cost)
            });
            match from {
                None => self.found.added.push(i),
                Some(from) => {
                    self.skip(from, state, i);
                    state = from;
                }
            }
        }
        debug_assert_eq!(state, 0, "every alignment begins at the start");
    }

    /// Notes the steps between two states, both left out, as skipped before the moment at `i`.
    fn skip(&mut self, from: usize, to: usize, i: usize) {
        let states = self.automaton.states();
        let noted = self.found.skipped.len();
        let mut state = from;
        let mut left = self.steps[to * states + from];
        while left > 1 {
            left -= 1;
            let on_the_way = |next: &usize| self.steps[to * states + next] == left;
            state = self.automaton.next(state).find(on_the_way).expect("there is a way of this length");
            self.found.skipped.push((state, i));
        }
        self.found.skipped[noted..].reverse();
    }

    /// Notes the steps from a state to the nearest end as skipped at the end of the journey.
    fn skip_to_end(&mut self, from: usize, i: usize) {
        if self.to_end[from] == 0 {
            return;
        }
        let states = self.automaton.states();
        let is_end = |to: &usize| self.automaton.accepts(*to) && self.steps[to * states + from] == self.to_end[from];
        let to = (0..states).find(is_end).expect("some end is that near");
        self.found.skipped.push((to, i));
        self.skip(from, to, i);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(pattern: &Pattern, journey: &str) -> Vec<Step> {
        journey.split_whitespace().map(|name| Step::at(pattern.symbol(name))).collect()
    }

    /// The cost, and the moves told: `+x` at a place is added, `-x` before a place is skipped.
    fn aligned(pattern: &str, journey: &str) -> (u32, Vec<String>) {
        let pattern = Pattern::parse(pattern).expect("it is correct");
        let alignment = Aligner::new(&pattern).align(&steps(&pattern, journey)).clone();
        let skipped = alignment.skipped.iter().map(|(state, i)| format!("-{}@{i}", pattern.step_text(*state)));
        let added = alignment.added.iter().map(|i| format!("+{i}"));
        (alignment.cost, skipped.rev().chain(added.rev()).collect())
    }

    fn told(cost: u32, moves: &str) -> (u32, Vec<String>) {
        (cost, moves.split_whitespace().map(str::to_owned).collect())
    }

    #[test]
    fn the_moves_of_small_journeys() {
        let plan = "visit (search | cart)* cart checkout order";
        assert_eq!(aligned(plan, "visit search cart search cart checkout order"), told(0, ""));
        assert_eq!(aligned(plan, "visit search checkout order"), told(1, "-cart@2"));
        assert_eq!(aligned(plan, "visit cart help checkout"), told(2, "-order@4 +2"));
        assert_eq!(aligned(plan, ""), told(4, "-visit@0 -cart@0 -checkout@0 -order@0"));
        assert_eq!(aligned(plan, "order visit"), told(4, "-cart@2 -checkout@2 -order@2 +0"));
        assert_eq!(aligned("a*", "a x a"), told(1, "+1"));
        assert_eq!(aligned("a (b c)+", "a b c b"), told(1, "-c@4"));
        assert_eq!(aligned("a .. b", "x a y y b"), told(1, "+0"));
        assert_eq!(aligned("a b{<0s}", "a b"), told(2, "-b{<0s}@2 +1"), "a condition that is not met");
    }

    #[test]
    fn long_journeys_are_gone_back_over_in_stretches() {
        let pattern = Pattern::parse("(a b c)+ d").expect("it is correct");
        let mut aligner = Aligner::new(&pattern);
        // Of nine moments three are too many: `x`, `a` and `x` once more.
        let rounds = ["a b x", "a c a", "b c x"].map(|round| steps(&pattern, round));
        let journey: Vec<Step> = rounds.iter().cycle().take(3_000).flatten().copied().collect();
        assert!(journey.len() > ROWS_HELD);
        let alignment = aligner.align(&journey).clone();
        let (skipped, added) = (alignment.skipped.len(), alignment.added.len());
        assert_eq!((alignment.cost, skipped, added), (3_001, 1, 3_000));
        assert!(alignment.added.is_sorted_by(|a, b| a > b) && alignment.skipped.is_sorted_by(|a, b| a.1 >= b.1));
        assert_eq!(alignment.skipped[0], (4, journey.len()), "`d` at the end");
    }
}
