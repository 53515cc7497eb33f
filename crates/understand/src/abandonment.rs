//! Abandonment: where journeys end without success, after what wait, with what in them, and who came back.
//!
//! What ends at a moment is set beside what goes on from there: a silence says something only beside the silences that
//! are usual at that moment. A journey that may still go on counts neither way.

mod answer;

#[cfg(test)]
mod tests;

use charter::Charter;
use charter::journeys::Outcome;
use journey::{Ending, Fold, Hands, Journey, Moment, Moments, Setting, Wanted};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use answer::{Answer, Place, Returned, Value, Valued};

use crate::count::{Customers, at};
use crate::durations::Durations;
use crate::kept;
use crate::limits::EXACT_TIMES_BYTES;
use crate::outcomes::Amount;
use crate::question::{Question, number};
use crate::table::Table;
use crate::{Comparison, Error};

/// The options of the abandonment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// How many moments are shown, those first at which most journeys end; 0 for all.
    pub limit: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { limit: 20 }
    }
}

const EXAMPLE: &str = "journeys:\n  purchase: {starts: [visit, search], succeeds: order, abandoned_after: 14d}";

impl Question for Options {
    const NAME: &'static str = "abandonment";
    const TITLE: &'static str = "Where journeys end without success";
    const ABOUT: &'static str = "A journey is abandoned when nothing follows for as long as the charter says and it has not reached \
         its goal. Journeys that may still go on count neither way.";
    const OPTIONS: &'static [(&'static str, &'static str)] = &[("limit", "how many moments are listed; 0 for all")];
    const ABOUT_JOURNEYS: bool = true;
    type Answer = Answer;
    type Fold = AbandonmentFold;

    fn set(&mut self, option: &str, value: &str) -> Result<(), Error> {
        match option {
            "limit" => self.limit = number(Self::NAME, option, value)?,
            _ => return Err(Error::unknown_option(Self::NAME, option, Self::OPTIONS)),
        }
        Ok(())
    }

    fn wants(&self, charter: &Charter, wanted: &mut Wanted) -> Result<(), Error> {
        if charter.journeys.is_empty() {
            return Err(Error::charter_lacks(Self::NAME, "journeys", EXAMPLE));
        }
        charter.outcomes.iter().for_each(|outcome| {
            worth(outcome, wanted);
        });
        Ok(())
    }

    fn fold(&self, setting: &Setting) -> AbandonmentFold {
        let mut wanted = (*setting.wanted).clone();
        let outcomes = setting.charter.outcomes.iter();
        let outcomes: Vec<Priced> = outcomes.filter_map(|outcome| worth(outcome, &mut wanted)).collect();
        let mut starts = Vec::new();
        let journey = setting.journey();
        for name in journey.map(|journey| journey.starts.as_slice()).unwrap_or_default() {
            *at(&mut starts, setting.moments.intern(name).index()) = true;
        }
        AbandonmentFold {
            limit: self.limit,
            journey: setting.journey.clone(),
            abandoned_after: journey.and_then(|journey| journey.abandoned_after).map(|span| span.to_string()),
            currency: setting.charter.currency.clone(),
            starts,
            counts: Counts {
                customers: Customers::default(),
                endings: [0; ENDINGS],
                values: vec![[Sum::default(); ENDINGS]; outcomes.len()],
                moments: Vec::new(),
            },
            outcomes,
            waits: Durations::new(EXACT_TIMES_BYTES),
            returns: Durations::new(EXACT_TIMES_BYTES),
            journeys: 0,
            seen: Vec::new(),
        }
    }

    fn compare(
        a: (&str, AbandonmentFold),
        b: (&str, AbandonmentFold),
        moments: &Moments,
    ) -> Result<Comparison<Answer>, Error> {
        let [of_a, of_b] = answer::answers([a.1, b.1], moments);
        Ok(Comparison::new((a.0, of_a), (b.0, of_b), answer::shares))
    }

    fn tables(answer: &Answer) -> Vec<Table> {
        answer::tables(answer)
    }
}

/// An outcome that is worth something, and where its events are told and priced.
#[derive(Debug)]
struct Priced {
    name: String,
    /// Whether less of it is better; then it does not add to what a journey is worth.
    bad: bool,
    holds: usize,
    amount: Amount,
}

fn worth(outcome: &Outcome, wanted: &mut Wanted) -> Option<Priced> {
    let value = outcome.value.as_ref()?;
    let holds = wanted.condition(&outcome.when);
    let amount = Amount::of(value, holds, wanted);
    Some(Priced { name: outcome.name.clone(), bad: outcome.bad, holds, amount })
}

/// How many ways there are for a journey to end.
const ENDINGS: usize = 3;
const SUCCEEDED: usize = 0;
const OPEN: usize = 1;
const ABANDONED: usize = 2;

/// Amounts that were added up, as whole millionths, so that the sum does not depend on the order.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
struct Sum {
    journeys: u64,
    /// How many of these have an amount at all.
    priced: u64,
    millionths: i128,
}

impl Sum {
    /// Adds a journey that has this amount, or none.
    fn add(&mut self, millionths: Option<i128>) {
        self.journeys += 1;
        self.priced += u64::from(millionths.is_some());
        self.millionths += millionths.unwrap_or(0);
    }

    fn merge(&mut self, other: Sum) {
        self.journeys += other.journeys;
        self.priced += other.priced;
        self.millionths += other.millionths;
    }

    fn subtract(&mut self, other: Sum) {
        self.journeys -= other.journeys;
        self.priced -= other.priced;
        self.millionths -= other.millionths;
    }
}

/// What is counted at a moment.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
struct At {
    events: u64,
    went_on: u64,
    /// Journeys that ever were here, and what was in those that ended elsewhere or succeeded.
    journeys: u64,
    others: Sum,
    /// Journeys whose last moment it is, by how they ended.
    ended: [u64; ENDINGS],
    /// What was in those that were abandoned here.
    left: Sum,
    came_back: u64,
}

impl At {
    fn counts(&mut self) -> [&mut u64; 4 + ENDINGS] {
        let [succeeded, open, abandoned] = &mut self.ended;
        let Self { events, went_on, journeys, came_back, .. } = self;
        [events, went_on, journeys, came_back, succeeded, open, abandoned]
    }
}

/// What is counted, but for the times.
#[derive(Debug, Serialize, Deserialize)]
struct Counts {
    customers: Customers,
    endings: [u64; ENDINGS],
    /// By outcome, by ending, over the journeys that have it.
    values: Vec<[Sum; ENDINGS]>,
    moments: Vec<At>,
}

impl Counts {
    /// Does the same with each count and each sum of two.
    fn each(&mut self, other: &mut Self, count: impl Fn(&mut u64, u64), sum: impl Fn(&mut Sum, Sum)) {
        self.endings.iter_mut().zip(other.endings).for_each(|(ours, theirs)| count(ours, theirs));
        let values = self.values.iter_mut().flatten().zip(other.values.iter().flatten());
        values.for_each(|(ours, theirs)| sum(ours, *theirs));
        self.moments.resize(self.moments.len().max(other.moments.len()), At::default());
        for (ours, theirs) in self.moments.iter_mut().zip(&mut other.moments) {
            sum(&mut ours.others, theirs.others);
            sum(&mut ours.left, theirs.left);
            ours.counts().into_iter().zip(theirs.counts()).for_each(|(ours, theirs)| count(ours, *theirs));
        }
    }
}

/// What the abandonment counts.
#[derive(Debug)]
pub struct AbandonmentFold {
    limit: usize,
    journey: Option<String>,
    abandoned_after: Option<String>,
    currency: Option<String>,
    /// By moment: whether it starts a journey. Empty: anything does.
    starts: Vec<bool>,
    outcomes: Vec<Priced>,
    counts: Counts,
    /// By moment, how long it took to go on from there.
    waits: Durations,
    /// How long it took until another journey began: of all, then by last moment.
    returns: Durations,
    /// How many journeys this fold saw itself.
    journeys: u64,
    /// By moment, the last of them that was there.
    seen: Vec<u64>,
}

impl Fold for AbandonmentFold {
    type Answer = Result<Answer, Error>;

    fn journey(&mut self, journey: &Journey<'_>) {
        self.counts.customers.enter(journey.customer);
        let ending = match journey.ending {
            Ending::Succeeded => SUCCEEDED,
            Ending::Abandoned => ABANDONED,
            // Of a whole run nothing says that it is over.
            Ending::Open | Ending::Whole => OPEN,
        };
        self.journeys += 1;
        self.counts.endings[ending] += 1;
        let value = self.value(journey, ending);
        let last = journey.moments.len() - 1;
        self.visit(journey, ending, value);
        let moment = journey.moments[last].index();
        let at = &mut self.counts.moments[moment];
        at.ended[ending] += 1;
        if ending == ABANDONED {
            at.left.add(value);
            if let Some(again_us) = self.comes_back(journey) {
                self.counts.moments[moment].came_back += 1;
                let wait = again_us.wrapping_sub(journey.at_us[last]).cast_unsigned();
                self.returns.push(0, wait);
                self.returns.push(moment + 1, wait);
                self.returns.added(2);
            }
        }
    }

    fn merge(&mut self, mut other: Self) {
        self.counts.customers.merge(&other.counts.customers);
        self.grow(other.counts.moments.len());
        self.counts.each(&mut other.counts, |ours, theirs| *ours += theirs, Sum::merge);
        let same: Vec<usize> = (0..=other.counts.moments.len()).collect();
        self.waits.merge(other.waits, &same);
        self.returns.merge(other.returns, &same);
    }

    fn settle(&mut self, hands: &dyn Hands) {
        self.waits.settle(hands);
        self.returns.settle(hands);
    }

    fn keep(&mut self) -> Option<Vec<u8>> {
        kept::keep(&(&self.counts, self.waits.keep()?, self.returns.keep()?))
    }

    fn resume(&mut self, kept: &[u8]) -> bool {
        let Some((counts, waits, returns)) = kept::resume(kept) else { return false };
        self.counts = counts;
        self.waits.resume(waits);
        self.returns.resume(returns);
        true
    }

    fn subtract(&mut self, mut other: Self) {
        self.counts.customers.subtract(&other.counts.customers);
        self.counts.each(&mut other.counts, |ours, theirs| *ours -= theirs, Sum::subtract);
        let same: Vec<usize> = (0..=other.counts.moments.len()).collect();
        self.waits.subtract(other.waits, &same);
        self.returns.subtract(other.returns, &same);
    }

    fn finish(self, moments: &Moments) -> Result<Answer, Error> {
        let [answer] = answer::answers([self], moments);
        Ok(answer)
    }
}

impl AbandonmentFold {
    fn grow(&mut self, len: usize) {
        if self.counts.moments.len() < len {
            self.counts.moments.resize(len, At::default());
            self.waits.grow(len);
            self.returns.grow(len + 1);
        }
    }

    /// Counts what a journey does at each of its moments.
    fn visit(&mut self, journey: &Journey<'_>, ending: usize, value: Option<i128>) {
        let most = journey.moments.iter().max().map_or(0, |moment| moment.index() + 1);
        self.grow(most);
        if self.seen.len() < most {
            self.seen.resize(most, 0);
        }
        let last = journey.moments.len() - 1;
        let here = |moment: &Moment| ending != SUCCEEDED && *moment == journey.moments[last];
        for (i, moment) in journey.moments.iter().enumerate() {
            let at = &mut self.counts.moments[moment.index()];
            at.events += 1;
            if i < last {
                at.went_on += 1;
                let wait = journey.at_us[i + 1].wrapping_sub(journey.at_us[i]).cast_unsigned();
                self.waits.push(moment.index(), wait);
            }
            let seen = &mut self.seen[moment.index()];
            if *seen != self.journeys {
                *seen = self.journeys;
                at.journeys += 1;
                if !here(moment) {
                    at.others.add(value);
                }
            }
        }
        self.waits.added(last as u64);
    }

    /// What was in a journey, all outcomes together, in millionths; nothing where no event says what it is worth.
    fn value(&mut self, journey: &Journey<'_>, ending: usize) -> Option<i128> {
        let mut all = None;
        let outcomes = self.outcomes.iter().zip(&mut self.counts.values);
        for (outcome, values) in outcomes.filter(|(outcome, _)| journey.holds_anywhere(outcome.holds)) {
            let mut sum = None;
            for i in (0..journey.moments.len()).filter(|i| journey.holds(outcome.holds, *i)) {
                let amount = match outcome.amount {
                    Amount::Each(amount) => amount,
                    Amount::Number(position) => journey.numbers(position)[i],
                };
                if amount.is_finite() {
                    sum = Some(sum.unwrap_or(0) + millionths(amount));
                }
            }
            values[ending].add(sum);
            if let Some(sum) = sum.filter(|_| !outcome.bad) {
                all = Some(all.unwrap_or(0) + sum);
            }
        }
        all
    }

    /// When the customer starts another journey, whether or not the question is about that one.
    fn comes_back(&self, journey: &Journey<'_>) -> Option<i64> {
        let end = journey.start + journey.moments.len();
        let starts =
            |moment: &Moment| self.starts.is_empty() || self.starts.get(moment.index()).copied().unwrap_or(false);
        let next = journey.run.moments[end..].iter().position(starts)?;
        Some(journey.run.at_us[end + next])
    }
}

/// An amount as whole millionths; amounts too large for any currency are cut off.
#[expect(clippy::cast_possible_truncation, reason = "bounded first")]
fn millionths(amount: f64) -> i128 {
    const MOST: f64 = 1e24;
    (amount * 1e6).round().clamp(-MOST, MOST) as i128
}
