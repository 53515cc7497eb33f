//! Journeys that match a pattern: how many and whose, how long it takes from one part of the pattern to the next, and what
//! becomes of those that match against those that do not.

use charter::journeys::Journey as Drawn;
use charter::pattern::{Finder, MomentTest, Occurrence};
use charter::{Charter, Pattern};
use evidence::{Doubt, Share};
use journey::{Dues, Fold, Hands, Journey, Moment, Moments, Setting, Wanted};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::count::{Customers, Pairs, Seen};
use crate::durations::{self, Durations, Times};
use crate::examples::Examples;
use crate::kept;
use crate::limits::EXACT_TIMES_BYTES;
use crate::outcomes::{self, Counts, Outcomes};
use crate::pending::Pending;
use crate::question::{Question, known_moment};
use crate::sketch::RELATIVE_ERROR;
use crate::table::Table;
use crate::trail::{self, Trail};
use crate::{Comparison, Error, OutcomeBetween};

mod table;
#[cfg(test)]
mod tests;

/// The options of the paths.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// The pattern, in the language of the charter, such as `visit .. (cart | search)+ .. order`.
    pub pattern: String,
}

impl Options {
    fn parsed(&self) -> Result<Pattern, Error> {
        Pattern::parse(&self.pattern).map_err(|wrong| Error::WrongPattern {
            view: Self::NAME.to_owned(),
            option: "pattern".to_owned(),
            place: self.pattern.get(wrong.bytes.clone()).unwrap_or_default().to_owned(),
            pattern: self.pattern.clone(),
            reason: wrong.reason,
            hint: wrong.hint,
        })
    }
}

impl Question for Options {
    const NAME: &'static str = "paths";
    const TITLE: &'static str = "Journeys that hold a pattern";
    const ABOUT: &'static str = "How many journeys hold the steps of a pattern in its order, how long that took, and what came of \
         it.";
    const OPTIONS: &'static [(&'static str, &'static str)] =
        &[("pattern", "what a journey has to hold, such as \"visit .. (cart | search)+ .. order\"")];
    type Answer = Answer;
    type Fold = PathsFold;

    fn set(&mut self, option: &str, value: &str) -> Result<(), Error> {
        match option {
            "pattern" => value.clone_into(&mut self.pattern),
            _ => return Err(Error::unknown_option(Self::NAME, option, Self::OPTIONS)),
        }
        Ok(())
    }

    fn check(&self) -> Result<(), Error> {
        if self.pattern.trim().is_empty() {
            return Err(Error::wrong_value(Self::NAME, "pattern", "", "a pattern, as in \"visit .. order\""));
        }
        self.parsed().map(|_| ())
    }

    fn wants(&self, charter: &Charter, wanted: &mut Wanted) -> Result<(), Error> {
        let pattern = self.parsed()?;
        trail::known_channels(&pattern, charter)?;
        trail::channel(&pattern, wanted);
        Outcomes::new(charter, wanted, 0);
        Ok(())
    }

    fn names(&self, _: &Charter, _: Option<&Drawn>) -> Vec<String> {
        let named = |pattern: Pattern| pattern.moments().iter().map(|named| named.name.clone()).collect();
        self.parsed().map(named).unwrap_or_default()
    }

    fn fold(&self, setting: &Setting) -> PathsFold {
        let mut wanted = (*setting.wanted).clone();
        let outcomes = Outcomes::new(&setting.charter, &mut wanted, setting.until_us);
        let sought = self.parsed().ok().map(|pattern| Sought {
            trail: Trail::new(&pattern, &mut wanted, &setting.moments, &setting.words),
            finder: Finder::default(),
            pattern,
        });
        PathsFold {
            options: self.clone(),
            sought,
            journeys: 0,
            customers: Customers::default(),
            matching: 0,
            matching_customers: Seen::default(),
            steps: Pairs::default(),
            durations: Durations::new(EXACT_TIMES_BYTES),
            counts_by_step: Vec::new(),
            examples: Examples::default(),
            counts: outcomes.counts(),
            pending: Pending::new(setting.until_us),
            outcomes,
        }
    }

    fn compare(a: (&str, PathsFold), b: (&str, PathsFold), moments: &Moments) -> Result<Comparison<Answer>, Error> {
        Ok(Comparison::new((a.0, a.1.finish(moments)?), (b.0, b.1.finish(moments)?), table::shares))
    }

    fn tables(answer: &Answer) -> Vec<Table> {
        table::tables(answer)
    }
}

/// Journeys that match a pattern.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// The pattern.
    pub pattern: String,
    /// How much of all it matches.
    pub extent: Extent,
    /// The number of journeys.
    pub journeys: u64,
    /// The number of customers.
    pub customers: u64,
    /// How many journeys match.
    pub matching: u64,
    /// As a share of all journeys.
    pub matching_share: Option<f64>,
    /// Lower end of the 95 % interval of that share.
    pub matching_share_low: Option<f64>,
    /// Upper end.
    pub matching_share_high: Option<f64>,
    /// How many customers have a journey that matches.
    pub matching_customers: u64,
    /// Whether the times are exact.
    pub times: Times,
    /// From the first to the last named moment of the first occurrence in each journey; null where no occurrence has two.
    pub whole: Option<Took>,
    /// From each named moment of the first occurrence in a journey to the next one, in the order of the pattern.
    pub parts: Vec<Part>,
    /// What the business got from the start of journeys that match, and of those that do not.
    pub outcomes: Vec<OutcomeBetween>,
    /// The numbers of some customers whose journeys match, the smallest.
    pub examples: Vec<i64>,
    /// What stands against these figures.
    pub doubts: Vec<Doubt>,
}

/// How much of all a pattern matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Extent {
    /// Some journeys and not others.
    Some,
    /// None of these journeys.
    None,
    /// All of these journeys.
    All,
    /// No journey that there could be: it asks for what cannot be.
    Impossible,
    /// Every journey that there could be: it asks for nothing.
    Always,
}

/// A step of the pattern that names a moment, or excludes some, and the next one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// The step as it is written.
    pub from: String,
    /// The number of that step in the pattern, from 1; `..` and `.` count as steps.
    pub from_step: u64,
    /// The next step as it is written.
    pub to: String,
    /// Its number.
    pub to_step: u64,
    /// How long it took.
    pub took: Took,
}

/// How long something took.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Took {
    /// How often it happened.
    pub count: u64,
    /// Median in seconds.
    pub median_s: f64,
    /// 90th percentile in seconds.
    pub p90_s: f64,
}

/// What the paths count.
#[derive(Debug)]
pub struct PathsFold {
    options: Options,
    sought: Option<Sought>,
    journeys: u64,
    customers: Customers,
    matching: u64,
    matching_customers: Seen,
    /// Steps that follow each other, as the numbers of their states; from the first to the last is told as from 0 to 0.
    steps: Pairs,
    durations: Durations,
    counts_by_step: Vec<u64>,
    examples: Examples,
    outcomes: Outcomes,
    counts: Counts,
    pending: Pending,
}

/// What is kept of the paths.
#[derive(Serialize, Deserialize)]
struct Kept {
    journeys: u64,
    customers: Customers,
    matching: u64,
    matching_customers: Seen,
    steps: Vec<(Moment, Moment)>,
    counts_by_step: Vec<u64>,
    durations: durations::Kept,
    examples: Examples,
    counts: Counts,
    pending: Dues,
}

/// The pattern, at work.
#[derive(Debug)]
struct Sought {
    pattern: Pattern,
    trail: Trail,
    finder: Finder,
}

/// Stands for the first and the last step together.
const WHOLE: (Moment, Moment) = (Moment(0), Moment(0));

impl PathsFold {
    fn matches(&mut self, journey: &Journey<'_>) -> bool {
        let Some(Sought { pattern, trail, finder }) = &mut self.sought else { return false };
        if !trail.may_occur(journey.moments) {
            return false;
        }
        let Some(found) = finder.first(pattern, trail.steps(journey)) else { return false };
        let Occurrence { moments, states } = found;
        let mut first: Option<i64> = None;
        let mut before: Option<(usize, i64)> = None;
        let mut parts = 0;
        for (state, at_us) in states.iter().zip(&journey.at_us[moments.clone()]) {
            let test = pattern.automaton().test(*state);
            if test.is_none_or(|test| test.moment == MomentTest::Any) {
                continue;
            }
            if let Some((from, from_us)) = before {
                parts += 1;
                let pair = (step(from), step(*state));
                took(&mut self.steps, &mut self.durations, &mut self.counts_by_step, pair, at_us.abs_diff(from_us));
            }
            first = first.or(Some(*at_us));
            before = Some((*state, *at_us));
        }
        if let (Some(first_us), Some((_, last_us))) = (first, before)
            && parts > 0
        {
            took(&mut self.steps, &mut self.durations, &mut self.counts_by_step, WHOLE, last_us.abs_diff(first_us));
        }
        true
    }
}

fn step(state: usize) -> Moment {
    Moment(u32::try_from(state).expect("a pattern has few steps"))
}

fn took(
    steps: &mut Pairs,
    durations: &mut Durations,
    counts: &mut Vec<u64>,
    (from, to): (Moment, Moment),
    took_us: u64,
) {
    let slot = steps.find(from, to).unwrap_or_else(|| steps.slot(from, to));
    counts.resize(steps.len(), 0);
    counts[slot] += 1;
    durations.grow(steps.len());
    durations.push(slot, took_us);
    durations.added(1);
}

impl Fold for PathsFold {
    type Answer = Result<Answer, Error>;

    fn journey(&mut self, journey: &Journey<'_>) {
        self.journeys += 1;
        self.customers.enter(journey.customer);
        let matches = self.matches(journey);
        if matches {
            self.matching += 1;
            self.matching_customers.note(self.customers.turn);
            self.examples.note(journey.customer);
        }
        // What the journey starts with may be an outcome itself, so all from the start on counts.
        self.outcomes.count(
            journey,
            journey.start,
            journey.at_us[0],
            usize::from(!matches),
            &mut self.counts,
            &mut self.pending,
        );
    }

    fn merge(&mut self, other: Self) {
        self.journeys += other.journeys;
        self.customers.merge(&other.customers);
        self.matching += other.matching;
        self.matching_customers.merge(other.matching_customers);
        let slots: Vec<usize> = other.steps.iter().map(|(from, to)| self.steps.slot(from, to)).collect();
        self.durations.grow(self.steps.len());
        self.durations.merge(other.durations, &slots);
        self.counts_by_step.resize(self.steps.len(), 0);
        for (slot, count) in slots.iter().zip(&other.counts_by_step) {
            self.counts_by_step[*slot] += count;
        }
        self.examples.merge(&other.examples);
        self.counts.merge(&other.counts);
        self.pending.merge(other.pending);
    }

    fn settle(&mut self, hands: &dyn Hands) {
        self.durations.settle(hands);
    }

    fn keep(&mut self) -> Option<Vec<u8>> {
        if self.examples.exhausted() {
            return None;
        }
        kept::keep(&Kept {
            journeys: self.journeys,
            customers: self.customers.clone(),
            matching: self.matching,
            matching_customers: self.matching_customers,
            steps: self.steps.iter().collect(),
            counts_by_step: self.counts_by_step.clone(),
            durations: self.durations.keep()?,
            examples: self.examples.clone(),
            counts: self.counts.clone(),
            pending: self.pending.keep(),
        })
    }

    fn resume(&mut self, kept: &[u8]) -> bool {
        let Some(kept) = kept::resume::<Kept>(kept) else { return false };
        for (from, to) in kept.steps {
            self.steps.slot(from, to);
        }
        self.journeys = kept.journeys;
        self.customers = kept.customers;
        self.matching = kept.matching;
        self.matching_customers = kept.matching_customers;
        self.counts_by_step = kept.counts_by_step;
        self.durations.resume(kept.durations);
        self.examples = kept.examples;
        self.counts = kept.counts;
        self.pending.resume(kept.pending);
        true
    }

    fn due(&self, until_us: i64) -> Option<Vec<i64>> {
        self.pending.due(until_us)
    }

    fn subtract(&mut self, other: Self) {
        self.journeys -= other.journeys;
        self.customers.subtract(&other.customers);
        self.matching -= other.matching;
        self.matching_customers.subtract(other.matching_customers);
        let slots: Vec<usize> = other.steps.iter().map(|(from, to)| self.steps.slot(from, to)).collect();
        self.durations.subtract(other.durations, &slots);
        for (slot, count) in slots.iter().zip(&other.counts_by_step) {
            self.counts_by_step[*slot] -= count;
        }
        self.examples.subtract(&other.examples);
        self.counts.subtract(&other.counts);
        self.pending.subtract(other.pending);
    }

    fn finish(self, moments: &Moments) -> Result<Answer, Error> {
        let pattern = self.options.parsed()?;
        for named in pattern.moments() {
            known_moment(moments, &named.name)?;
        }
        let times = self.durations.times();
        let summaries = self.durations.finish();
        let mut parts = Vec::new();
        let mut whole = None;
        for ((pair, count), summary) in self.steps.iter().zip(self.counts_by_step).zip(summaries) {
            let Some(summary) = summary else { continue };
            let took = Took { count, median_s: summary.median_s, p90_s: summary.p90_s };
            if pair == WHOLE {
                whole = Some(took);
                continue;
            }
            let [from, to] = [pair.0.index(), pair.1.index()];
            parts.push(Part {
                from: pattern.step_text(from),
                from_step: from as u64,
                to: pattern.step_text(to),
                to_step: to as u64,
                took,
            });
        }
        parts.sort_by_key(|part| (part.from_step, part.to_step));
        let outcomes = self.outcomes.finish(&self.counts, GROUPS);
        let share = Share::new(self.matching, self.journeys);
        let approximate = (times == Times::Sketch)
            .then(|| Doubt::Approximate { what: "median_s and p90_s".to_owned(), relative_error: RELATIVE_ERROR });
        let doubts = Doubt::few("journeys", self.journeys).into_iter().chain(approximate);
        Ok(Answer {
            extent: extent(&pattern, share),
            pattern: self.options.pattern,
            journeys: self.journeys,
            customers: self.customers.count(),
            matching: share.count,
            matching_share: share.share,
            matching_share_low: share.low,
            matching_share_high: share.high,
            matching_customers: self.matching_customers.count(),
            times,
            whole,
            parts,
            examples: self.examples.finish(),
            doubts: doubts.chain(outcomes::doubts(&outcomes)).collect(),
            outcomes,
        })
    }
}

const GROUPS: [&str; 2] = ["matching", "others"];

fn extent(pattern: &Pattern, matching: Share) -> Extent {
    match matching.count {
        _ if !pattern.can_match() => Extent::Impossible,
        _ if pattern.matches_always() => Extent::Always,
        0 => Extent::None,
        count if count == matching.of => Extent::All,
        _ => Extent::Some,
    }
}
