//! Where in a journey a pattern occurs, and which moment is which step of it.
//!
//! A journey may hold many occurrences, and one of them many readings. The one that is told is the one that starts first;
//! of those, the one that ends first; and inside of it every next step of the pattern is taken as early as it can be, so
//! that `..` and loops are as short as they can be. All three are found in time linear in the length of the journey.

use std::ops::Range;

use super::automaton::{START, States, both, each, put};
use super::{Pattern, Step};

/// An occurrence of a pattern in a journey.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Occurrence {
    /// The moments of the journey, by position; empty where the pattern occurs without any.
    pub moments: Range<usize>,
    /// For each of these moments the state of the automaton after it, which is the step of the pattern that it is.
    pub states: Vec<usize>,
}

/// So many starts are followed to see whether they come to an end; where none did, all are looked at from the end.
const STARTS_TRIED: usize = 4;

/// Finds occurrences, with the memory that this takes.
#[derive(Debug, Clone, Default)]
pub struct Finder {
    /// For each moment of the journey from some position on: the states after it from which the pattern can be completed.
    hopeful: Vec<States>,
    found: Occurrence,
}

impl Finder {
    /// The first occurrence of a pattern in a journey, if there is one.
    ///
    /// ```
    /// use charter::{Pattern, Step, pattern::Finder};
    ///
    /// let pattern = Pattern::parse("visit .. order").expect("it is correct");
    /// let journey = ["cart", "visit", "visit", "order", "order"].map(|name| Step::at(pattern.symbol(name)));
    /// let mut finder = Finder::default();
    /// assert_eq!(finder.first(&pattern, &journey).expect("it occurs").moments, 1..4);
    /// ```
    pub fn first(&mut self, pattern: &Pattern, journey: &[Step]) -> Option<&Occurrence> {
        let automaton = pattern.automaton();
        self.found.moments = 0..0;
        self.found.states.clear();
        let empty = automaton.accepts(0);
        if empty && (!pattern.to_end || journey.is_empty()) {
            return Some(&self.found);
        }
        let Some((start, end)) = self.extent(pattern, journey) else {
            // With `$`, nothing at all may stand at the end.
            let at_end = empty && !pattern.from_start;
            self.found.moments = journey.len()..journey.len();
            return at_end.then_some(&self.found);
        };
        self.hope(pattern, journey, start..end);
        let mut current = START;
        for (i, step) in journey[start..end].iter().enumerate() {
            let next = self.next(pattern, &current, step, i);
            let furthest = each(&next).last().expect("it was found that the pattern can be completed here");
            self.found.states.push(furthest);
            current = States::default();
            put(&mut current, furthest);
        }
        self.found.moments = start..end;
        Some(&self.found)
    }

    /// Where the first occurrence that has a moment starts and ends.
    fn extent(&mut self, pattern: &Pattern, journey: &[Step]) -> Option<(usize, usize)> {
        let automaton = pattern.automaton();
        let begins = |i: &usize| both(automaton.first(), &automaton.accepted(&journey[*i])) != States::default();
        let starts = if pattern.from_start { 0..journey.len().min(1) } else { 0..journey.len() };
        let mut starts = starts.filter(begins);
        // Nearly always the first comes to an end, or none does, which is told in one pass.
        let first = starts.next()?;
        if let Some(end) = end(pattern, journey, first) {
            return Some((first, end));
        }
        if !pattern.matches(journey) {
            return None;
        }
        for start in starts.by_ref().take(STARTS_TRIED) {
            if let Some(end) = end(pattern, journey, start) {
                return Some((start, end));
            }
        }
        let further = starts.next()?;
        self.hope(pattern, journey, 0..journey.len());
        let is_start = |i: &usize| self.next(pattern, &START, &journey[*i], *i) != States::default();
        let start = (further..journey.len()).find(is_start)?;
        Some((start, end(pattern, journey, start).expect("it was found that the pattern can be completed")))
    }

    /// The states after `step` that the pattern can be completed from; `hopeful` knows the step by the position `at`.
    fn next(&self, pattern: &Pattern, current: &States, step: &Step, at: usize) -> States {
        both(&pattern.automaton().step(current, step), &self.hopeful[at])
    }

    /// Learns after which moments of `range` which states are hopeful, backwards; completed means at the end of the range
    /// if it is not the whole journey, or if the pattern says so, otherwise anywhere.
    fn hope(&mut self, pattern: &Pattern, journey: &[Step], range: Range<usize>) {
        let automaton = pattern.automaton();
        let anywhere = !pattern.to_end && range == (0..journey.len());
        self.hopeful.clear();
        self.hopeful.resize(range.len(), States::default());
        let mut after = *automaton.accepting();
        let done = if anywhere { *automaton.accepting() } else { States::default() };
        let mut idle = Idle::new(pattern);
        for (at, i) in range.clone().enumerate().rev() {
            self.hopeful[at] = after;
            if idle.is(&journey[i]) {
                continue;
            }
            let before = automaton.before(&both(&after, &automaton.accepted(&journey[i])));
            let now = std::array::from_fn(|block| before[block] | done[block]);
            idle.note(&journey[i], now == after);
            after = now;
        }
    }
}

/// The moment that changed nothing when it came last: while nothing else comes, it changes nothing again. Most moments of
/// most journeys are such, as those that `..` passes over.
struct Idle {
    /// Whether steps that are the same moment are all alike.
    plain: bool,
    /// Whether `moment` is one that changed nothing.
    known: bool,
    moment: Option<u8>,
}

impl Idle {
    fn new(pattern: &Pattern) -> Self {
        Self { plain: !pattern.automaton().is_conditional(), known: false, moment: None }
    }

    #[inline]
    fn is(&self, step: &Step) -> bool {
        self.known && self.moment == step.moment
    }

    #[inline]
    fn note(&mut self, step: &Step, same: bool) {
        (self.known, self.moment) = (same && self.plain, step.moment);
    }
}

/// Where the occurrence that starts at `start` ends first, if there is one.
fn end(pattern: &Pattern, journey: &[Step], start: usize) -> Option<usize> {
    let automaton = pattern.automaton();
    let mut current = START;
    let mut idle = Idle::new(pattern);
    for (i, step) in journey.iter().enumerate().skip(start) {
        if idle.is(step) {
            continue;
        }
        let next = automaton.step(&current, step);
        idle.note(step, next == current);
        current = next;
        if !pattern.to_end && automaton.is_done(&current) {
            return Some(i + 1);
        }
        if current == States::default() {
            return None;
        }
    }
    (pattern.to_end && automaton.is_done(&current)).then_some(journey.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn first(pattern: &str, journey: &str) -> Option<(Range<usize>, Vec<String>)> {
        let pattern = Pattern::parse(pattern).expect("it is correct");
        let steps: Vec<Step> = journey.split_whitespace().map(|name| Step::at(pattern.symbol(name))).collect();
        let mut finder = Finder::default();
        let found = finder.first(&pattern, &steps)?;
        Some((found.moments.clone(), found.states.iter().map(|state| pattern.step_text(*state)).collect()))
    }

    fn told(range: Range<usize>, states: &str) -> (Range<usize>, Vec<String>) {
        (range, states.split_whitespace().map(str::to_owned).collect())
    }

    #[test]
    fn it_starts_first_then_ends_first_then_goes_on_early() {
        assert_eq!(first("a .. b", "x a y a b b"), Some(told(1..5, "a . . b")));
        assert_eq!(
            first("a .. c | b", "a b c"),
            Some(told(0..3, "a . c")),
            "the first start, although `b` would end earlier"
        );
        assert_eq!(first("a .. (b | c)+ .. d", "a x b c b d"), Some(told(0..6, "a . b . . d")), "the loop is short");
        assert_eq!(first("a .. b$", "a b a b"), Some(told(0..4, "a . . b")), "`$` alone makes it long");
        assert_eq!(first("^ a b", "x a b"), None);
        assert_eq!(first("a* b", "x a a b"), Some(told(1..4, "a a b")));
        assert_eq!(first("a*", "x a"), Some(told(0..0, "")));
        assert_eq!(first("a* $", "a x"), Some(told(2..2, "")));
        assert_eq!(first("a* $", "x a"), Some(told(1..2, "a")));
        assert_eq!(first("^ a* $", "x"), None);
        assert_eq!(first("a b c | b", "a b x"), Some(told(1..2, "b")), "a start that comes to nothing is none");
    }

    #[test]
    fn what_cannot_match_and_what_always_does() {
        let extremes = |text: &str| {
            let pattern = Pattern::parse(text).expect(text);
            (pattern.can_match(), pattern.matches_always())
        };
        assert_eq!(extremes("a{<0s}"), (false, false));
        assert_eq!(extremes("^ a{<2d}"), (false, false), "the first moment has none before it");
        assert_eq!(extremes("a{<=0s}"), (true, false));
        assert_eq!(extremes("a b{<0s} | c"), (true, false));
        assert_eq!(extremes("a*"), (true, true));
        assert_eq!(extremes("^ a* $"), (true, false));
        assert_eq!(extremes(".."), (true, true));
    }

    #[test]
    fn moments_without_which_it_occurs_nowhere() {
        let needed = |text: &str| {
            let pattern = Pattern::parse(text).expect(text);
            let names = pattern.automaton().needed().map(|symbol| pattern.moments()[usize::from(symbol)].name.clone());
            names.collect::<Vec<_>>().concat()
        };
        for (text, wanted) in
            [("a .. b", "ab"), ("a | b", ""), ("a? b+ !c", "b"), ("(a b | a c)+ d{<2d}", "ad"), (".", "")]
        {
            assert_eq!(needed(text), wanted, "{text}");
        }
        // As many as a pattern may name, in one step.
        let names: Vec<String> = (0..256).map(|n| format!("m{n}")).collect();
        assert_eq!(needed(&format!("last !({})", names[..255].join(" | "))), "last");
        assert_eq!(needed(&format!("!({})", names.join(" | "))), "");
    }

    #[test]
    fn steps_are_written_as_they_were_read() {
        for text in ["order@web{<2d}", "!a", "!(a | b)", "'Order Completed'", ".", "a{>=30m}"] {
            assert_eq!(Pattern::parse(text).expect(text).step_text(1), text);
        }
    }

    proptest! {
        #[test]
        fn it_is_the_first_of_all(
            text in prop::sample::select(vec!["a b", "a .. b", "(a | b)+ c", "a? b* c", "a !a b", "b+ $", "^ a .. c", "a (b a)* c? $"]),
            journey in prop::collection::vec(prop::option::of(0u8..3), 0..14),
        ) {
            let pattern = Pattern::parse(text).expect("it is correct");
            let journey: Vec<Step> = journey.into_iter().map(Step::at).collect();
            let anchored = |start: usize, end: usize| {
                (!pattern.from_start || start == 0)
                    && (!pattern.to_end || end == journey.len())
                    && pattern.matches_whole(&journey[start..end])
            };
            let all = (0..=journey.len()).flat_map(|start| (start..=journey.len()).map(move |end| (start, end)));
            let expected = all.into_iter().find(|(start, end)| anchored(*start, *end)).map(|(start, end)| start..end);
            let mut finder = Finder::default();
            let found = finder.first(&pattern, &journey).cloned();
            prop_assert_eq!(found.as_ref().map(|found| found.moments.clone()), expected.clone());
            prop_assert_eq!(pattern.matches(&journey), expected.is_some());
            if let Some(found) = found {
                let met = |symbol| journey.iter().any(|step| step.moment == Some(symbol));
                prop_assert!(pattern.automaton().needed().all(met));
                let mut before = 0;
                for (state, step) in found.states.iter().zip(&journey[found.moments]) {
                    prop_assert!(pattern.automaton().next(before).any(|next| next == *state));
                    prop_assert!(pattern.automaton().test(*state).expect("a step").accepts(step));
                    before = *state;
                }
                prop_assert!(pattern.automaton().accepts(before));
            }
        }
    }
}
