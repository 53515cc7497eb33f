//! A journey as a pattern sees it.

use charter::pattern::MomentTest;
use charter::{Charter, Pattern, Step};
use event::Column;
use journey::{Journey, Moment, Moments, Of, Wanted, Word, Words};

/// Turns journeys into the steps that a pattern is matched against, in a buffer of its own.
#[derive(Debug, Clone)]
pub(crate) struct Trail {
    names: Vec<String>,
    moments: Moments,
    /// By moment, as far as moments are known, a step of it.
    plain: Vec<Step>,
    /// The moments without which the pattern occurs nowhere, as bits by their number in it; and by moment its own bit.
    needed: u64,
    needs: Vec<u64>,
    /// The channels of the pattern, by their number in it.
    channels: Vec<Word>,
    /// The position of the channel among what is wanted, where the pattern asks for it.
    channel: Option<usize>,
    /// Whether the pattern asks for times.
    timed: bool,
    steps: Vec<Step>,
}

/// The position of the channels of events, where a pattern asks for them.
pub(crate) fn channel(pattern: &Pattern, wanted: &mut Wanted) -> Option<usize> {
    let is_of = |test: &charter::pattern::StepTest| match &test.moment {
        MomentTest::Is(symbol) => Some(pattern.moments()[usize::from(*symbol)].name.clone()),
        MomentTest::Any | MomentTest::AnyBut(_) => None,
    };
    let automaton = pattern.automaton();
    let tests = (0..automaton.states()).filter_map(|state| automaton.test(state));
    let asking = tests.filter(|test| test.channel.is_some());
    // Only of the moments that stand with a channel, unless one of them may be any.
    let mut of: Vec<Option<String>> = asking.map(is_of).collect();
    if of.is_empty() {
        return None;
    }
    of.sort_unstable();
    of.dedup();
    let of = of.into_iter().collect::<Option<Vec<String>>>().map_or(Of::All, Of::Moments);
    Some(wanted.word(&Column::Channel, of))
}

/// The error for a channel of a pattern that the charter does not have, where it says which there are.
pub(crate) fn known_channels(pattern: &Pattern, charter: &Charter) -> Result<(), crate::Error> {
    let known = || charter.channels.iter().map(|channel| channel.name.as_str());
    let unknown = pattern.channels().iter().find(|named| !known().any(|name| name == named.name));
    match unknown.filter(|_| !charter.channels.is_empty()) {
        None => Ok(()),
        Some(named) => Err(crate::Error::UnknownChannel {
            channel: named.name.clone(),
            nearest: event::similar(&named.name, known()),
        }),
    }
}

impl Trail {
    pub(crate) fn new(pattern: &Pattern, wanted: &mut Wanted, moments: &Moments, words: &Words) -> Self {
        Self {
            names: pattern.moments().iter().map(|named| named.name.clone()).collect(),
            moments: moments.clone(),
            plain: Vec::new(),
            needed: pattern.automaton().needed().fold(0, |all, symbol| all | bit(symbol)),
            needs: Vec::new(),
            channels: pattern.channels().iter().map(|named| words.word(&named.name)).collect(),
            channel: channel(pattern, wanted),
            timed: (0..pattern.automaton().states())
                .filter_map(|state| pattern.automaton().test(state))
                .any(|test| test.time.is_some()),
            steps: Vec::new(),
        }
    }

    /// Whether a journey has every moment without which the pattern does not occur: sooner told than whether it does.
    pub(crate) fn may_occur(&mut self, moments: &[Moment]) -> bool {
        self.know(moments);
        moments.iter().fold(0, |met, moment| met | self.needs[moment.index()]) == self.needed
    }

    /// The steps of a journey.
    pub(crate) fn steps(&mut self, journey: &Journey<'_>) -> &[Step] {
        self.moments(journey.moments);
        let pairs = if self.timed { journey.at_us } else { &[] }.windows(2);
        for (step, pair) in self.steps.iter_mut().skip(1).zip(pairs) {
            step.since_us = Some(pair[1] - pair[0]);
        }
        if let Some(channel) = self.channel {
            for (step, word) in self.steps.iter_mut().zip(journey.words(channel)) {
                let position = self.channels.iter().position(|channel| channel == word);
                step.channel = position.and_then(|position| u8::try_from(position).ok());
            }
        }
        &self.steps
    }

    /// The steps of moments of which nothing else is known.
    pub(crate) fn moments(&mut self, moments: &[Moment]) -> &[Step] {
        self.steps.clear();
        self.know(moments);
        self.steps.extend(moments.iter().map(|moment| self.plain[moment.index()]));
        &self.steps
    }

    #[inline]
    fn know(&mut self, moments: &[Moment]) {
        if moments.iter().max().is_some_and(|last| last.index() >= self.plain.len()) {
            self.learn();
        }
    }

    #[cold]
    fn learn(&mut self) {
        let symbol = |name: &str| u8::try_from(self.names.iter().position(|known| known == name)?).ok();
        self.plain = self.moments.names().iter().map(|name| Step::at(symbol(name))).collect();
        self.needs = self.plain.iter().map(|step| step.moment.map_or(0, bit) & self.needed).collect();
    }
}

/// The bit of a moment by its number in a pattern; those beyond the first 64 have none.
fn bit(symbol: u8) -> u64 {
    1u64.checked_shl(u32::from(symbol)).unwrap_or(0)
}
