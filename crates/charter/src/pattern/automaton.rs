//! The automaton of a pattern: one state per step, by Glushkov's construction.

use super::parse::Tree;

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
    /// Only on this channel.
    pub channel: Option<String>,
    /// Only so long after the moment before it; the first moment of a journey has none before it and is not accepted.
    pub time: Option<TimeTest>,
}

/// One moment of a journey, as a pattern sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Step<'a> {
    /// Its position in [`Pattern::moments`](super::Pattern::moments); `None` for a moment that the pattern does not
    /// name.
    pub moment: Option<u8>,
    /// The channel, where it is known.
    pub channel: Option<&'a str>,
    /// How long after the moment before it, in microseconds; `None` for the first of a journey.
    pub since_us: Option<i64>,
}

impl Step<'_> {
    /// A moment of which nothing else is known.
    pub fn at(moment: Option<u8>) -> Self {
        Self { moment, channel: None, since_us: None }
    }
}

impl TimeTest {
    fn accepts(self, since_us: i64) -> bool {
        (self.or_equal && since_us == self.limit_us)
            || (if self.at_most { since_us < self.limit_us } else { since_us > self.limit_us })
    }
}

impl StepTest {
    /// Whether this step of the pattern accepts that moment of a journey.
    pub fn accepts(&self, step: &Step<'_>) -> bool {
        let moment = match &self.moment {
            MomentTest::Any => true,
            MomentTest::Is(symbol) => step.moment == Some(*symbol),
            MomentTest::AnyBut(symbols) => step.moment.is_none_or(|moment| !symbols.contains(&moment)),
        };
        moment
            && self.channel.as_deref().is_none_or(|channel| step.channel == Some(channel))
            && self.time.is_none_or(|time| step.since_us.is_some_and(|since| time.accepts(since)))
    }
}

/// A set of states; state 0 is the start.
type States = [u64; 4];

fn has(states: &States, state: usize) -> bool {
    states[state / 64] & (1 << (state % 64)) != 0
}

fn put(states: &mut States, state: usize) {
    states[state / 64] |= 1 << (state % 64);
}

/// States and edges of a pattern: state 0 is the start, state `i` is reached by a moment that `tests[i - 1]` accepts.
#[derive(Debug, Clone, PartialEq)]
pub struct Automaton {
    tests: Vec<StepTest>,
    follow: Vec<States>,
    accepting: States,
}

/// What Glushkov's construction knows of a part: whether it may be empty, and where it begins and ends.
struct Part {
    empty: bool,
    first: Vec<usize>,
    last: Vec<usize>,
}

impl Automaton {
    pub(super) fn new(tree: &Tree) -> Self {
        let mut automaton = Self { tests: Vec::new(), follow: vec![States::default()], accepting: States::default() };
        let whole = automaton.part(tree);
        automaton.connect(&[0], &whole.first);
        for state in whole.last {
            put(&mut automaton.accepting, state);
        }
        if whole.empty {
            put(&mut automaton.accepting, 0);
        }
        automaton
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
        let states = self.follow.get(state).copied().unwrap_or_default();
        (1..self.states()).filter(move |target| has(&states, *target))
    }

    /// Whether a journey may end in `state`.
    pub fn accepts(&self, state: usize) -> bool {
        state < self.states() && has(&self.accepting, state)
    }

    /// Whether the pattern occurs in `journey`, from its start, to its end, or anywhere.
    pub(super) fn find(&self, journey: &[Step<'_>], from_start: bool, to_end: bool) -> bool {
        let done = |states: &States| (0..4).any(|i| states[i] & self.accepting[i] != 0);
        let mut start = States::default();
        put(&mut start, 0);
        let mut current = start;
        for step in journey {
            if !to_end && done(&current) {
                return true;
            }
            let mut reachable = States::default();
            for (block, bits) in current.iter().enumerate() {
                let mut bits = *bits;
                while bits != 0 {
                    let follow = &self.follow[block * 64 + bits.trailing_zeros() as usize];
                    (0..4).for_each(|i| reachable[i] |= follow[i]);
                    bits &= bits - 1;
                }
            }
            current = States::default();
            for (block, bits) in reachable.iter().enumerate() {
                let mut bits = *bits;
                while bits != 0 {
                    let state = block * 64 + bits.trailing_zeros() as usize;
                    if self.tests[state - 1].accepts(step) {
                        put(&mut current, state);
                    }
                    bits &= bits - 1;
                }
            }
            if !from_start {
                put(&mut current, 0);
            }
        }
        done(&current)
    }
}
