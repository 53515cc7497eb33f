//! What moments and stages are called on the page, and which colour they have.

use std::collections::BTreeMap;

use charter::Charter;
use understand::map;

/// The labels of moments and of what else the charter names, and the stages that moments belong to. Without a charter a moment is called what its event is
/// called.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Words {
    stages: Vec<String>,
    moments: BTreeMap<String, Named>,
    /// The labels of everything else that has one.
    others: BTreeMap<(Noun, String), String>,
}

/// What else than a moment a name may be of: a channel and a moment may have the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Noun {
    Channel,
    Department,
    Expectation,
    Interaction,
    Journey,
    Outcome,
    Segment,
    Stage,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Named {
    label: String,
    stage: Option<usize>,
}

impl Words {
    /// The words of a charter.
    pub fn of(charter: &Charter) -> Self {
        let moments = charter.moments.iter().enumerate().map(|(i, moment)| {
            let named = Named { label: moment.label.clone(), stage: charter.stage_of(i) };
            (moment.name.clone(), named)
        });
        let mut others = BTreeMap::new();
        let mut learn = |noun: Noun, name: &str, label: &str| {
            others.insert((noun, name.to_owned()), label.to_owned());
        };
        charter.channels.iter().for_each(|one| learn(Noun::Channel, &one.name, &one.label));
        charter.departments.iter().for_each(|one| learn(Noun::Department, &one.name, &one.label));
        charter.expectations.iter().for_each(|one| learn(Noun::Expectation, &one.name, &one.label));
        charter.interactions.iter().for_each(|one| learn(Noun::Interaction, &one.name, &one.label));
        charter.journeys.iter().for_each(|one| learn(Noun::Journey, &one.name, &one.label));
        charter.outcomes.iter().for_each(|one| learn(Noun::Outcome, &one.name, &one.label));
        charter.segments.iter().for_each(|one| learn(Noun::Segment, &one.name, &one.label));
        charter.stages.iter().for_each(|one| learn(Noun::Stage, &one.name, &one.label));
        let stages = charter.stages.iter().map(|stage| stage.label.clone()).collect();
        Self { stages, moments: moments.collect(), others }
    }

    /// What something else than a moment is called.
    pub(crate) fn of_kind<'a>(&'a self, noun: Noun, name: &'a str) -> &'a str {
        self.others.get(&(noun, name.to_owned())).map_or(name, |label| label)
    }

    /// What a moment is called.
    pub fn label<'a>(&'a self, moment: &'a str) -> &'a str {
        self.moments.get(moment).map_or(moment, |named| &named.label)
    }

    /// The stage of a moment, as a position in [`stages`](Self::stages).
    pub fn stage(&self, moment: &str) -> Option<usize> {
        self.moments.get(moment)?.stage
    }

    /// What a comparison names, with labels in the place of moments: `a → b`, `step 2: a`, `2. a, of the first step`.
    pub(crate) fn label_all(&self, what: &str) -> String {
        match What::of(what) {
            What::At(step, moment) => format!("step {step}: {}", self.label(moment)),
            What::Reached(number, moment, of) => format!("{number}. {}, of {of}", self.label(moment)),
            What::Path(path) => path.iter().map(|moment| self.label(moment)).collect::<Vec<_>>().join(" → "),
        }
    }

    /// What the stages are called, in the charter's order.
    pub fn stages(&self) -> &[String] {
        &self.stages
    }
}

/// What a comparison is about, as the views name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum What<'a> {
    /// `step 2: a`: a moment at a step.
    At(usize, &'a str),
    /// `2. a, of the first step`: the number of a moment of a funnel, the moment, and of what it is a share.
    Reached(usize, &'a str, &'a str),
    /// `a → b`: moments that follow each other directly.
    Path(Vec<&'a str>),
}

impl<'a> What<'a> {
    pub(crate) fn of(what: &'a str) -> Self {
        let at = || {
            let (step, moment) = what.strip_prefix("step ")?.split_once(": ")?;
            Some(What::At(step.parse().ok()?, moment))
        };
        let reached = || {
            let (number, rest) = what.split_once(". ")?;
            let (moment, of) = rest.rsplit_once(", of ")?;
            Some(What::Reached(number.parse().ok()?, moment, of))
        };
        at().or_else(reached).unwrap_or_else(|| What::Path(what.split(" → ").collect()))
    }
}

/// Which of the palette's colours a moment has: its stage's or, where there are no stages, its own if it is a frequent
/// one.
#[derive(Debug, Clone, Default)]
pub(crate) struct Colours {
    by_moment: BTreeMap<String, usize>,
}

/// How many colours people can tell apart, colour-blind people too.
pub(crate) const COLOURS: usize = 8;

impl Colours {
    pub(crate) fn of(words: &Words, map: Option<&map::Answer>) -> Self {
        if !words.stages.is_empty() {
            let stage = |(name, named): (&String, &Named)| Some((name.clone(), named.stage? % COLOURS));
            return Self { by_moment: words.moments.iter().filter_map(stage).collect() };
        }
        let frequent = map.map_or(&[][..], |map| &map.moments).iter().take(COLOURS);
        Self { by_moment: frequent.enumerate().map(|(i, moment)| (moment.moment.to_string(), i)).collect() }
    }

    /// The CSS class that gives the colour.
    pub(crate) fn class(&self, moment: &str) -> String {
        self.by_moment.get(moment).map_or_else(|| "cx".to_owned(), |colour| format!("c{colour}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comparisons_speak_in_labels() {
        let text = "charter: 1\nmoments: {a: {label: Arrival, when: \"event = 'a'\"}}\n";
        let words = Words::of(&Charter::parse(text).expect("the charter is well written").0);
        let told =
            ["a → x → a", "step 2: a", "2. a, of the first step", "step 1: (ended)"].map(|what| words.label_all(what));
        assert_eq!(
            told,
            ["Arrival → x → Arrival", "step 2: Arrival", "2. Arrival, of the first step", "step 1: (ended)"]
        );
    }
}
