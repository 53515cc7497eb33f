//! The automaton of a pattern: one state per step, by Glushkov's construction.

use std::collections::BTreeSet;

use super::parse::Tree;

/// So many sets of states are looked at when a pattern is asked whether it excludes anything.
const SETS_MAX: usize = 1 << 12;

/// Which moments a step accepts, by their position in [`Pattern::moments`](super::Pattern::moments).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MomentTest {
    /// Any moment, also one that the pattern does not name.
    Any,
    /// This one.
    Is(u8),
    /// Any but these.
    AnyBut(Vec<u8>),
}

/// How long after the moment before it a step has to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeTest {
    /// At most the limit; otherwise at least.
    pub at_most: bool,
    /// The limit itself is accepted.
    pub or_equal: bool,
    /// The limit in microseconds.
    pub limit_us: i64,
}

/// What a step of a pattern accepts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepTest {
    /// Which moments.
    pub moment: MomentTest,
    /// Only on this channel, by its position in [`Pattern::channels`](super::Pattern::channels).
    pub channel: Option<u8>,
    /// Only so long after the moment before it; the first moment of a journey has none before it and is not accepted.
    pub time: Option<TimeTest>,
}

/// One moment of a journey, as a pattern sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Step {
    /// Its position in [`Pattern::moments`](super::Pattern::moments); `None` for a moment that the pattern does not
    /// name.
    pub moment: Option<u8>,
    /// The position of its channel in [`Pattern::channels`](super::Pattern::channels); `None` for one that the pattern
    /// does not name, and where it is not known.
    pub channel: Option<u8>,
    /// How long after the moment before it, in microseconds; `None` for the first of a journey.
    pub since_us: Option<i64>,
}

impl Step {
    /// A moment of which nothing else is known.
    pub fn at(moment: Option<u8>) -> Self {
        Self { moment, channel: None, since_us: None }
    }
}

impl TimeTest {
    /// Whether any time is accepted at all: moments are in order, so none is negative.
    fn is_possible(self) -> bool {
        !self.at_most || self.or_equal || self.limit_us > 0
    }

    fn accepts(self, since_us: i64) -> bool {
        (self.or_equal && since_us == self.limit_us)
            || (if self.at_most { since_us < self.limit_us } else { since_us > self.limit_us })
    }
}

impl MomentTest {
    /// Whether it accepts this symbol, or where there is none a moment that the pattern does not name.
    pub(super) fn accepts(&self, symbol: Option<u8>) -> bool {
        match self {
            MomentTest::Any => true,
            MomentTest::Is(wanted) => symbol == Some(*wanted),
            MomentTest::AnyBut(others) => symbol.is_none_or(|symbol| !others.contains(&symbol)),
        }
    }
}

impl StepTest {
    /// Whether this step of the pattern accepts that moment of a journey.
    pub fn accepts(&self, step: &Step) -> bool {
        self.moment.accepts(step.moment)
            && self.channel.is_none_or(|channel| step.channel == Some(channel))
            && self.time.is_none_or(|time| step.since_us.is_some_and(|since| time.accepts(since)))
    }

    /// Whether it asks for more than the moment.
    pub fn is_conditional(&self) -> bool {
        self.channel.is_some() || self.time.is_some()
    }
}

/// A set of states; state 0 is the start.
pub(super) type States = [u64; 4];

/// The states that are in both.
#[inline]
pub(super) fn both(a: &States, b: &States) -> States {
    std::array::from_fn(|i| a[i] & b[i])
}

pub(super) fn has(states: &States, state: usize) -> bool {
    states[state / 64] & (1 << (state % 64)) != 0
}

pub(super) fn put(states: &mut States, state: usize) {
    states[state / 64] |= 1 << (state % 64);
}

/// States and edges of a pattern: state 0 is the start, state `i` is reached by a moment that `tests[i - 1]` accepts.
#[derive(Debug, Clone, PartialEq)]
pub struct Automaton {
    tests: Vec<StepTest>,
    follow: Vec<States>,
    /// By state, those that it follows.
    precede: Vec<States>,
    accepting: States,
    /// By symbol, and first for moments that the pattern does not name: the states that accept it, conditions aside.
    by_symbol: Vec<States>,
    /// The states that ask for more than the moment.
    conditional: States,
}

/// What Glushkov's construction knows of a part: whether it may be empty, and where it begins and ends.
struct Part {
    empty: bool,
    first: Vec<usize>,
    last: Vec<usize>,
}

impl Automaton {
    pub(super) fn new(tree: &Tree) -> Self {
        let mut automaton = Self {
            tests: Vec::new(),
            follow: vec![States::default()],
            precede: Vec::new(),
            accepting: States::default(),
            by_symbol: Vec::new(),
            conditional: States::default(),
        };
        let whole = automaton.part(tree);
        automaton.connect(&[0], &whole.first);
        for state in whole.last {
            put(&mut automaton.accepting, state);
        }
        if whole.empty {
            put(&mut automaton.accepting, 0);
        }
        automaton.prepare();
        automaton
    }

    /// Works out beforehand what a step is asked most.
    fn prepare(&mut self) {
        let symbols = self.tests.iter().flat_map(|test| match &test.moment {
            MomentTest::Any => &[],
            MomentTest::Is(symbol) => std::slice::from_ref(symbol),
            MomentTest::AnyBut(symbols) => symbols.as_slice(),
        });
        let last = symbols.copied().max();
        for symbol in std::iter::once(None).chain((0..=last.unwrap_or(0)).map(Some)) {
            let mut states = States::default();
            for (state, _) in (1..).zip(&self.tests).filter(|(_, test)| test.moment.accepts(symbol)) {
                put(&mut states, state);
            }
            self.by_symbol.push(states);
        }
        for (state, _) in (1..).zip(&self.tests).filter(|(_, test)| test.is_conditional()) {
            put(&mut self.conditional, state);
        }
        self.precede = vec![States::default(); self.follow.len()];
        for (from, follow) in self.follow.iter().enumerate() {
            each(follow).for_each(|to| put(&mut self.precede[to], from));
        }
    }

    fn connect(&mut self, from: &[usize], to: &[usize]) {
        for source in from {
            for target in to {
                put(&mut self.follow[*source], *target);
            }
        }
    }

    fn part(&mut self, tree: &Tree) -> Part {
        match tree {
            Tree::Step(test) => {
                self.tests.push(test.clone());
                self.follow.push(States::default());
                let state = self.tests.len();
                Part { empty: false, first: vec![state], last: vec![state] }
            }
            Tree::Sequence(trees) => {
                let mut sum = Part { empty: true, first: Vec::new(), last: Vec::new() };
                for tree in trees {
                    let next = self.part(tree);
                    self.connect(&sum.last, &next.first);
                    if sum.empty {
                        sum.first.extend_from_slice(&next.first);
                    }
                    if next.empty {
                        sum.last.extend_from_slice(&next.last);
                    } else {
                        sum.last = next.last;
                    }
                    sum.empty &= next.empty;
                }
                sum
            }
            Tree::Either(trees) => {
                let mut sum = Part { empty: false, first: Vec::new(), last: Vec::new() };
                for tree in trees {
                    let next = self.part(tree);
                    sum.first.extend(next.first);
                    sum.last.extend(next.last);
                    sum.empty |= next.empty;
                }
                sum
            }
            Tree::Optional(inner) => Part { empty: true, ..self.part(inner) },
            Tree::AnyNumber(inner) | Tree::AtLeastOnce(inner) => {
                let part = self.part(inner);
                self.connect(&part.last, &part.first);
                Part { empty: part.empty || matches!(tree, Tree::AnyNumber(_)), ..part }
            }
        }
    }

    /// How many states there are, the start included.
    pub fn states(&self) -> usize {
        self.follow.len()
    }

    /// What a moment must be to reach `state`; `None` for the start.
    pub fn test(&self, state: usize) -> Option<&StepTest> {
        self.tests.get(state.checked_sub(1)?)
    }

    /// The states that can be reached from `state` by one moment, in ascending order.
    pub fn next(&self, state: usize) -> impl Iterator<Item = usize> + '_ {
        self.follow.get(state).into_iter().flat_map(each)
    }

    /// Whether a journey may end in `state`.
    pub fn accepts(&self, state: usize) -> bool {
        state < self.states() && has(&self.accepting, state)
    }

    /// Whether a step asks for more than the moment.
    pub fn is_conditional(&self) -> bool {
        self.tests.iter().any(StepTest::is_conditional)
    }

    /// The moments, by their position in [`Pattern::moments`](super::Pattern::moments), that every journey has in which the
    /// pattern occurs: without the states that are one of them, no way leads to the end.
    pub fn needed(&self) -> impl Iterator<Item = u8> + '_ {
        let named = self.by_symbol.iter().skip(1).zip(0..=u8::MAX);
        named.map(|(_, symbol)| symbol).filter(|symbol| {
            let others = |state: usize| self.tests[state - 1].moment != MomentTest::Is(*symbol);
            let (mut met, mut ways) = (START, vec![0]);
            while let Some(state) = ways.pop() {
                for next in self.next(state).filter(|next| others(*next)) {
                    if !has(&met, next) {
                        put(&mut met, next);
                        ways.push(next);
                    }
                }
            }
            !self.is_done(&met)
        })
    }

    /// The states that accept a moment, from wherever they are reached.
    #[inline]
    pub(super) fn accepted(&self, step: &Step) -> States {
        // A symbol beyond those that are asked for is like one that the pattern does not name.
        let number = step.moment.map_or(0, |symbol| usize::from(symbol) + 1);
        let mut states = *self.by_symbol.get(number).unwrap_or(&self.by_symbol[0]);
        let conditional = both(&states, &self.conditional);
        if conditional == States::default() {
            return states;
        }
        for state in each(&conditional) {
            if !self.tests[state - 1].accepts(step) {
                states[state / 64] &= !(1 << (state % 64));
            }
        }
        states
    }

    /// The states that the first moment may lead to.
    pub(super) fn first(&self) -> &States {
        &self.follow[0]
    }

    /// The states after one more moment.
    #[inline]
    pub(super) fn step(&self, current: &States, step: &Step) -> States {
        both(&union(&self.follow, current), &self.accepted(step))
    }

    /// The states from which any of these can be reached by one moment.
    #[inline]
    pub(super) fn before(&self, states: &States) -> States {
        union(&self.precede, states)
    }

    /// Whether a journey may end in any of these states.
    pub(super) fn is_done(&self, states: &States) -> bool {
        (0..4).any(|i| states[i] & self.accepting[i] != 0)
    }

    /// The states that a journey may end in.
    pub(super) fn accepting(&self) -> &States {
        &self.accepting
    }

    /// Whether the pattern occurs in `journey`, from its start, to its end, or anywhere.
    pub(super) fn find(&self, journey: &[Step], from_start: bool, to_end: bool) -> bool {
        let mut current = START;
        for step in journey {
            if !to_end && self.is_done(&current) {
                return true;
            }
            current = self.step(&current, step);
            if !from_start {
                put(&mut current, 0);
            } else if current == States::default() {
                return false;
            }
        }
        self.is_done(&current)
    }

    /// How many moments of a journey are the beginning of one that the pattern draws from start to end.
    pub fn beginning(&self, journey: &[Step]) -> usize {
        // Every state lies on a way to the end, so that a beginning is one as long as any state is left.
        let mut current = START;
        let parts = |step: &Step| {
            current = self.step(&current, step);
            current == States::default()
        };
        journey.iter().position(parts).unwrap_or(journey.len())
    }

    /// Whether every journey of these moments, of which nothing else is known, ends in an accepting state.
    pub(super) fn accepts_all(&self, moments: &(impl Iterator<Item = Option<u8>> + Clone)) -> bool {
        let (mut known, mut next) = (BTreeSet::from([START]), vec![START]);
        while let Some(current) = next.pop() {
            for moment in moments.clone() {
                let after = self.step(&current, &Step::at(moment));
                if !self.is_done(&after) {
                    return false;
                }
                if known.insert(after) {
                    next.push(after);
                }
            }
            // What needs so many sets of states excludes something by all that is known of patterns.
            if known.len() > SETS_MAX {
                return false;
            }
        }
        true
    }

    /// Whether any journey at all ends in an accepting state, if the first moment of the pattern is the first of the
    /// journey or not.
    pub(super) fn is_possible(&self, from_start: bool) -> bool {
        let mut reached = START;
        let mut open = vec![0];
        while let Some(state) = open.pop() {
            for next in self.next(state).filter(|next| !has(&reached, *next)).collect::<Vec<_>>() {
                let time = self.tests[next - 1].time;
                // The first moment of a journey has none before it.
                let first = from_start && state == 0 && time.is_some();
                if !first && time.is_none_or(TimeTest::is_possible) {
                    put(&mut reached, next);
                    open.push(next);
                }
            }
        }
        self.is_done(&reached)
    }
}

/// Before the first moment.
pub(super) const START: States = [1, 0, 0, 0];

/// All states that any state of a set has in a list of sets by state.
#[inline]
fn union(sets: &[States], of: &States) -> States {
    let mut all = States::default();
    for (block, bits) in of.iter().enumerate() {
        let mut bits = *bits;
        while bits != 0 {
            let set = &sets[block * 64 + bits.trailing_zeros() as usize];
            (0..4).for_each(|i| all[i] |= set[i]);
            bits &= bits - 1;
        }
    }
    all
}

/// The states of a set, in ascending order.
pub(super) fn each(states: &States) -> impl Iterator<Item = usize> + '_ {
    states.iter().enumerate().flat_map(|(block, bits)| {
        let mut bits = *bits;
        std::iter::from_fn(move || {
            let state = (bits != 0).then(|| block * 64 + bits.trailing_zeros() as usize)?;
            bits &= bits - 1;
            Some(state)
        })
    })
}
