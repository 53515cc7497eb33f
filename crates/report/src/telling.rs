//! A sentence from figures: how it is put together, and what it rests on.

use evidence::{FEW, Share, counted, grouped};

use crate::data::Unit;
use crate::figures::{interval, percent, plain, points, time_in_words, with_interval};

/// Something worth telling, with what it rests on.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// What it is about.
    pub kind: Kind,
    /// The finding in plain words, one or a few sentences.
    pub text: String,
    /// How telling it is, from 0 to 1.
    pub strength: f64,
    /// How many customers, or journeys where the answer counts only these, it rests on.
    pub n: u64,
    /// The figures in the text, in their order.
    pub figures: Vec<Figure>,
}

/// What a finding is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Whether few paths cover most journeys.
    Concentration,
    /// Where most customers are lost in the funnel.
    Loss,
    /// Where the longest typical wait is.
    Waiting,
    /// What is repeated directly.
    Repeats,
    /// Where journeys end.
    Ends,
    /// How two groups differ.
    Comparison,
    /// Journeys that were abandoned.
    Abandonment,
    /// How far journeys are as they were drawn.
    Conformance,
    /// Journeys that hold a pattern.
    Paths,
    /// Changes of channel.
    Channels,
    /// A stage's measure and its change.
    Stages,
    /// Who comes back.
    Retention,
    /// Groups of customers.
    Segments,
    /// How requests were resolved.
    Interactions,
    /// Promises kept and broken.
    Expectations,
    /// What did not happen.
    Absences,
    /// What customers say.
    Surveys,
    /// What they say beside what they do.
    SayDo,
    /// What stands against the data.
    Quality,
}

/// A figure in the text of a finding.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Figure {
    /// A number of things.
    Count(u64),
    /// A share with its interval.
    Share(Share),
    /// A share with its interval, where it does not stand in parentheses itself.
    Estimate(Share),
    /// A share that is given without interval, since it is about what is listed and not a sample of anything.
    Part(f64),
    /// A length of time in seconds.
    Seconds(f64),
    /// A difference of shares, and the ends of its interval.
    Difference(f64, f64, f64),
    /// A score, an amount or a mean.
    Number(f64),
}

impl Figure {
    /// How the figure reads in the text.
    pub fn shown(&self) -> String {
        match self {
            Figure::Count(n) => grouped(*n),
            Figure::Share(share) => with_interval(share),
            Figure::Estimate(share) => format!("{} ({})", percent(share.share), interval(share.low, share.high)),
            Figure::Part(share) => percent(*share),
            Figure::Seconds(seconds) => time_in_words(*seconds),
            Figure::Difference(difference, low, high) => {
                // Without signs: an interval whose ends have the same one, as it leaves out zero.
                let (near, far) = if *difference < 0.0 { (high, low) } else { (low, high) };
                let near = points(*near);
                let near = near.split(' ').next().unwrap_or_default();
                format!("{}, from {near} to {}", points(*difference), points(*far))
            }
            Figure::Number(number) => plain(*number),
        }
    }
}

/// A text and the figures in it, written together so that they cannot differ.
#[derive(Default)]
pub(crate) struct Telling {
    text: String,
    figures: Vec<Figure>,
}

impl Telling {
    pub(crate) fn say(&mut self, text: &str) -> &mut Self {
        self.text.push_str(text);
        self
    }

    pub(crate) fn moment(&mut self, name: &str) -> &mut Self {
        self.say("‘").say(name).say("’")
    }

    /// The name of a group: as it is where it is plain words, in quotes where it is a condition.
    pub(crate) fn group(&mut self, name: &str) -> &mut Self {
        let plain = name.chars().all(|c| c.is_alphanumeric() || " ,-’".contains(c));
        if plain { self.say(name) } else { self.moment(name) }
    }

    pub(crate) fn figure(&mut self, figure: Figure) -> &mut Self {
        self.figures.push(figure);
        self.say(&figure.shown())
    }

    pub(crate) fn count(&mut self, n: u64) -> &mut Self {
        self.figure(Figure::Count(n))
    }

    pub(crate) fn things(&mut self, n: u64, one: &str, many: &str) -> &mut Self {
        self.figures.push(Figure::Count(n));
        self.say(&counted(n, one, many))
    }

    /// Ends the finding; one that rests on few cases says so and gives way to others.
    pub(crate) fn finding(&mut self, kind: Kind, strength: f64, n: u64, unit: Unit) -> Finding {
        let few = n < FEW;
        if few {
            let (one, many) = unit.nouns();
            self.say(" Only ").things(n, one, many).say(": too few to say much.");
        }
        let strength = if few { strength * 0.2 } else { strength }.clamp(0.0, 1.0);
        let Telling { text, figures } = std::mem::take(self);
        Finding { kind, text, strength, n, figures }
    }
}
