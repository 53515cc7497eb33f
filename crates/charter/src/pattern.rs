//! Patterns over the moments of a journey: how a charter draws the journey that was meant, and how views choose paths.
//!
//! | written | means |
//! |---|---|
//! | `a b` | `a`, directly followed by `b` |
//! | `a .. b` | `a`, eventually followed by `b` |
//! | `a \| b`, `( )` | one or the other; grouping |
//! | `a?`, `a*`, `a+` | at most once, any number of times, at least once |
//! | `!a`, `!(a \| b)` | any moment but these |
//! | `.` | any moment |
//! | `^`, `$` | the start and the end of the journey; only at the start and the end of the pattern |
//! | `a@web` | `a`, on the channel `web` |
//! | `a{<2d}` | `a`, less than two days after the moment before it; also `<=`, `>`, `>=` |
//! | `'Order Completed'` | a moment whose name is not a plain word |
//!
//! A pattern compiles to Glushkov's automaton: one state per step of the pattern besides the start, no empty edges, and
//! every edge into a state tests the same step. That is the form in which both matching and alignment walk it, in time
//! linear in the length of the journey. (Glushkov 1961; the bound on states is [`PATTERN_STEPS_MAX`].)

mod align;
mod automaton;
mod occurrence;
mod parse;

use std::ops::Range;

use event::Span;

pub use align::{Aligner, Alignment};
pub use automaton::{Automaton, MomentTest, Step, StepTest, TimeTest};
pub use occurrence::{Finder, Occurrence};

/// The most steps in one pattern.
pub const PATTERN_STEPS_MAX: usize = 255;

/// A pattern over moments, ready to be matched.
///
/// ```
/// use charter::{Pattern, Step};
///
/// let pattern = Pattern::parse("visit .. order").expect("it is correct");
/// let journey = ["visit", "cart", "order"].map(|name| Step::at(pattern.symbol(name)));
/// assert!(pattern.matches(&journey));
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Pattern {
    text: String,
    moments: Vec<Named>,
    channels: Vec<Named>,
    automaton: Automaton,
    from_start: bool,
    to_end: bool,
}

/// A moment or a channel that a pattern names, and where it does so first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// The name.
    pub name: String,
    /// Where it stands in the pattern, in bytes.
    pub bytes: Range<usize>,
}

/// Why a text is not a pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct PatternError {
    /// Where in the text, in bytes.
    pub bytes: Range<usize>,
    /// What is wrong.
    pub reason: String,
    /// What would be right, where that can be said.
    pub hint: Option<String>,
}

impl Pattern {
    /// Reads a pattern. Whether its moments exist is checked by whoever knows them, by [`Pattern::moments`].
    ///
    /// # Errors
    /// When the text is not a pattern.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        let parsed = parse::parse(text)?;
        let automaton = Automaton::new(&parsed.root);
        Ok(Self {
            text: text.to_owned(),
            moments: parsed.moments,
            channels: parsed.channels,
            automaton,
            from_start: parsed.from_start,
            to_end: parsed.to_end,
        })
    }

    /// The text that it was read from.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The moments that it names, each once; their positions here are the symbols that [`Step`] speaks of.
    pub fn moments(&self) -> &[Named] {
        &self.moments
    }

    /// The channels that it names, each once; their positions here are what [`Step::channel`] speaks of.
    pub fn channels(&self) -> &[Named] {
        &self.channels
    }

    /// The number by which [`Step::moment`] speaks of a moment; `None` for one that the pattern does not name.
    pub fn symbol(&self, moment: &str) -> Option<u8> {
        let position = self.moments.iter().position(|named| named.name == moment)?;
        u8::try_from(position).ok()
    }

    /// The compiled form, for alignment.
    pub fn automaton(&self) -> &Automaton {
        &self.automaton
    }

    /// A step of the pattern as it is written, such as `order@web{<2d}`; `state` is that of the automaton after it, and
    /// the start is nothing.
    pub fn step_text(&self, state: usize) -> String {
        let Some(test) = self.automaton.test(state) else { return String::new() };
        let name = |symbol: &u8| quoted(&self.moments[usize::from(*symbol)].name);
        let mut text = match &test.moment {
            MomentTest::Any => ".".to_owned(),
            MomentTest::Is(symbol) => name(symbol),
            MomentTest::AnyBut(symbols) => match symbols.as_slice() {
                [one] => format!("!{}", name(one)),
                all => format!("!({})", all.iter().map(name).collect::<Vec<_>>().join(" | ")),
            },
        };
        if let Some(channel) = test.channel {
            text.push('@');
            text.push_str(&self.channels[usize::from(channel)].name);
        }
        if let Some(time) = test.time {
            let sign = if time.at_most { '<' } else { '>' };
            let equal = if time.or_equal { "=" } else { "" };
            text = format!("{text}{{{sign}{equal}{}}}", Span::Elapsed(time.limit_us));
        }
        text
    }

    /// Whether some journey matches: `false` for a pattern that asks for what cannot be, such as a moment less than no
    /// time after the one before it.
    pub fn can_match(&self) -> bool {
        self.automaton.is_possible(self.from_start)
    }

    /// Whether some journey as a whole is what the pattern draws. It begins where the journey does, so that a time since the
    /// moment before cannot be asked of its first step.
    pub fn can_draw(&self) -> bool {
        self.automaton.is_possible(true)
    }

    /// Whether every journey matches, because nothing is a match already and may stand anywhere.
    pub fn matches_always(&self) -> bool {
        self.automaton.accepts(0) && !(self.from_start && self.to_end)
    }

    /// Whether every journey as a whole is what the pattern draws, so that none can part from it: `.*`.
    pub fn draws_everything(&self) -> bool {
        let named = u8::try_from(self.moments.len()).unwrap_or(u8::MAX);
        self.automaton.accepts_all(&(0..named).map(Some).chain([None]))
    }

    /// Whether the pattern occurs in the journey: anywhere, unless `^` or `$` says where. Never allocates.
    pub fn matches(&self, journey: &[Step]) -> bool {
        self.automaton.find(journey, self.from_start, self.to_end)
    }

    /// Whether the journey as a whole is what the pattern draws, from its first moment to its last.
    pub fn matches_whole(&self, journey: &[Step]) -> bool {
        self.automaton.find(journey, true, true)
    }
}

/// A name as it stands in a pattern.
fn quoted(name: &str) -> String {
    let plain = name.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '-');
    if plain { name.to_owned() } else { format!("'{name}'") }
}

#[cfg(test)]
mod tests;
