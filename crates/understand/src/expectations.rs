//! What customers were led to expect, and what came of it: every promise of the charter kept, broken or pending, how late the
//! late ones were, and what followed a broken one against a kept one.

use std::collections::BTreeMap;
use std::sync::Arc;

use charter::Charter;
use charter::journeys::{Expectation, Journey as Drawn};
use event::Column;
use evidence::{Doubt, Share};
use journey::{Fold, Hands, Journey, Moments, Of, Setting, Wanted, Word, Words};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::compare::Shares;
use crate::count::{Customers, at};
use crate::durations::{Durations, Times};
use crate::kept;
use crate::limits::EXACT_TIMES_BYTES;
use crate::outcomes::{Counts, Outcomes};
use crate::pending::Pending;
use crate::promises::{Balance, Rule, State, Tally, Watch};
use crate::question::{Question, number};
use crate::table::Table;
use crate::{Comparison, Error, OutcomeBetween};

mod finish;

/// The options of the expectations.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// How many of the moments that followed are shown for each expectation, the most frequent first; 0 for all.
    pub limit: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { limit: 5 }
    }
}

const EXAMPLE: &str = "  delivery: {after: order, promise: delivered, within: 3bd, owner: logistics}";

impl Question for Options {
    const NAME: &'static str = "expectations";
    const TITLE: &'static str = "Promises kept and broken";
    const ABOUT: &'static str = "What customers may expect after a moment, and whether it came in time. What is neither fulfilled \
         nor due yet is pending.";
    const OPTIONS: &'static [(&'static str, &'static str)] =
        &[("limit", "how many of the moments that followed are listed; 0 for all")];
    type Answer = Answer;
    type Fold = ExpectationsFold;

    fn set(&mut self, option: &str, value: &str) -> Result<(), Error> {
        match option {
            "limit" => self.limit = number(Self::NAME, option, value)?,
            _ => return Err(Error::unknown_option(Self::NAME, option, Self::OPTIONS)),
        }
        Ok(())
    }

    fn wants(&self, charter: &Charter, wanted: &mut Wanted) -> Result<(), Error> {
        if charter.expectations.is_empty() {
            return Err(Error::charter_lacks(Self::NAME, "expectations", EXAMPLE));
        }
        Promises::new(charter, wanted);
        channel(charter, wanted);
        Outcomes::new(charter, wanted, 0);
        Ok(())
    }

    fn names(&self, charter: &Charter, _: Option<&Drawn>) -> Vec<String> {
        names(charter)
    }

    fn fold(&self, setting: &Setting) -> ExpectationsFold {
        let mut wanted = (*setting.wanted).clone();
        let outcomes = Outcomes::new(&setting.charter, &mut wanted, setting.until_us);
        let rules = setting.charter.expectations.len();
        let counted = Counted {
            channels: BTreeMap::new(),
            unasked: 0,
            unclear: 0,
            next: [Vec::new(), Vec::new()],
            nothing: [0; 2],
            outcomes: outcomes.counts(),
        };
        let mut late = Durations::new(EXACT_TIMES_BYTES);
        late.grow(rules);
        ExpectationsFold {
            limit: self.limit,
            charter: Arc::clone(&setting.charter),
            words: setting.words.clone(),
            until_us: setting.until_us,
            channel: channel(&setting.charter, &mut wanted),
            promises: Promises::new(&setting.charter, &mut wanted),
            watch: watch(&setting.charter, &setting.moments),
            outcomes,
            journeys: 0,
            customers: Customers::default(),
            counted: vec![counted; rules],
            late,
            pending: Pending::new(setting.until_us),
        }
    }

    fn compare(
        a: (&str, ExpectationsFold),
        b: (&str, ExpectationsFold),
        moments: &Moments,
    ) -> Result<Comparison<Answer>, Error> {
        Ok(Comparison::new((a.0, a.1.finish(moments)?), (b.0, b.1.finish(moments)?), shares))
    }

    fn tables(answer: &Answer) -> Vec<Table> {
        finish::tables(answer)
    }
}

/// The channels of the events that made promises.
fn channel(charter: &Charter, wanted: &mut Wanted) -> usize {
    let mut after: Vec<String> = charter.expectations.iter().map(|expectation| expectation.after.clone()).collect();
    after.sort_unstable();
    after.dedup();
    wanted.word(&Column::Channel, Of::Moments(after))
}

/// The moments of all promises.
pub(crate) fn names(charter: &Charter) -> Vec<String> {
    charter.expectations.iter().flat_map(|one| [one.after.clone(), one.promise.clone()]).collect()
}

/// The charter's expectations, as they are looked for.
pub(crate) fn watch(charter: &Charter, moments: &Moments) -> Watch {
    let rule = |expectation: &Expectation| Rule {
        after: expectation.after.clone(),
        promise: expectation.promise.clone(),
        within: expectation.within,
        once: false,
    };
    Watch::new(charter.expectations.iter().map(rule).collect(), &charter.calendar, moments)
}

/// The key of an expectation is that of the interaction that opens with what makes the promise and is resolved by what
/// fulfils it; where there is none, the case of the events.
pub(crate) fn key_of(charter: &Charter, expectation: &Expectation) -> Column {
    let mut interactions = charter.interactions.iter();
    let interaction = interactions.find(|interaction| {
        interaction.opens.contains(&expectation.after) && interaction.resolves.contains(&expectation.promise)
    });
    interaction.and_then(|interaction| interaction.key.clone()).unwrap_or(Column::CaseId)
}

/// Which events belong to the same promise.
#[derive(Debug)]
pub(crate) struct Promises {
    /// By expectation, the position of its key among what is wanted.
    keys: Vec<usize>,
}

impl Promises {
    pub(crate) fn new(charter: &Charter, wanted: &mut Wanted) -> Self {
        let key = |expectation: &Expectation| {
            let moments = vec![expectation.after.clone(), expectation.promise.clone()];
            wanted.key(&key_of(charter, expectation), Of::Moments(moments))
        };
        Self { keys: charter.expectations.iter().map(key).collect() }
    }

    /// Finds the promises of the whole run that a journey is a part of.
    pub(crate) fn look(&self, watch: &mut Watch, journey: &Journey<'_>) {
        let run = journey.run;
        let key = |rule: usize, i: usize| run.details.keys[self.keys[rule]][run.begins + i];
        watch.look(run.moments, run.at_us, key);
    }
}

/// What became of the charter's expectations.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// The number of journeys.
    pub journeys: u64,
    /// The number of customers, with or without promises.
    pub customers: u64,
    /// Whether the times are exact.
    pub times: Times,
    /// The expectations in the order of the charter.
    pub expectations: Vec<Expected>,
    /// Those of each owner together, departments in the order of the charter, those of nobody last.
    pub owners: Vec<Owner>,
    /// What stands against these figures.
    pub doubts: Vec<Doubt>,
}

/// One expectation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Expected {
    /// Its name.
    pub expectation: String,
    /// How it is shown.
    pub label: String,
    /// The moment that makes the promise.
    pub after: String,
    /// The moment that fulfils it.
    pub promise: String,
    /// Within how long, as the charter writes it.
    pub within: String,
    /// The department that promises it.
    pub owner: Option<String>,
    /// What became of it.
    pub balance: Balance,
    /// Median of by how much the late ones were late, in seconds of elapsed time; null where none was.
    pub late_median_s: Option<f64>,
    /// Their 90th percentile.
    pub late_p90_s: Option<f64>,
    /// How many promised moments came that no promise had been open for.
    pub unasked: u64,
    /// What became of it by the channel of what made the promise, most promises first.
    pub channels: Vec<ByChannel>,
    /// What came next after it fell due, most frequent first.
    pub next: Vec<Next>,
    /// What the business got after a kept one and after a broken one, from when it fell due.
    pub outcomes: Vec<OutcomeBetween>,
}

/// The promises that were made on one channel.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ByChannel {
    /// The channel; null where it is not known.
    pub channel: Option<Arc<str>>,
    /// What became of them.
    pub balance: Balance,
}

/// The promises of one department.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Owner {
    /// The department; null for what nobody owns.
    pub owner: Option<String>,
    /// What became of them.
    pub balance: Balance,
}

/// What came next after promises fell due. Shares are of those kept, or broken, that are due.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Next {
    /// The first moment after; null where nothing came so far.
    pub moment: Option<Arc<str>>,
    /// After how many kept ones.
    pub kept: u64,
    /// As a share.
    pub kept_share: Option<f64>,
    /// Lower end of the 95 % interval of that share.
    pub kept_share_low: Option<f64>,
    /// Upper end.
    pub kept_share_high: Option<f64>,
    /// After how many broken ones.
    pub broken: u64,
    /// As a share.
    pub broken_share: Option<f64>,
    /// Lower end of the 95 % interval of that share.
    pub broken_share_low: Option<f64>,
    /// Upper end.
    pub broken_share_high: Option<f64>,
}

/// What the expectations count.
#[derive(Debug)]
pub struct ExpectationsFold {
    limit: usize,
    charter: Arc<Charter>,
    words: Words,
    until_us: i64,
    channel: usize,
    promises: Promises,
    watch: Watch,
    outcomes: Outcomes,
    journeys: u64,
    customers: Customers,
    /// By expectation.
    counted: Vec<Counted>,
    /// By expectation, by how much the late ones were late.
    late: Durations,
    pending: Pending,
}

/// What is counted of one expectation; where there are two, the first is of kept ones and the second of broken ones.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Counted {
    channels: BTreeMap<Word, Tally>,
    unasked: u64,
    /// Of those made, how many while another was open that may have been the same.
    unclear: u64,
    /// By moment, how often it came next.
    next: [Vec<u64>; 2],
    nothing: [u64; 2],
    outcomes: Counts,
}

impl Fold for ExpectationsFold {
    type Answer = Result<Answer, Error>;

    fn journey(&mut self, journey: &Journey<'_>) {
        self.journeys += 1;
        if self.customers.enter(journey.customer) {
            // What makes a promise in one journey may be fulfilled in the next, so the whole run is looked at, once.
            self.promises.look(&mut self.watch, journey);
            for (counted, unasked) in self.counted.iter_mut().zip(self.watch.unasked()) {
                counted.unasked += unasked;
            }
        }
        let run = journey.run;
        let channels = &run.details.words[self.channel];
        let made = self.watch.made();
        let first = made.partition_point(|made| made.at < journey.start);
        let end = journey.start + journey.moments.len();
        for made in made[first..].iter().take_while(|made| made.at < end) {
            let counted = &mut self.counted[made.rule];
            let state = made.state(self.until_us);
            counted.channels.entry(channels[run.begins + made.at]).or_default().add(state);
            counted.unclear += u64::from(made.unclear);
            if let State::Late(by_us) = state {
                self.late.push(made.rule, by_us);
                self.late.added(1);
            }
            if made.due_us > self.until_us {
                self.pending.note(journey.customer, made.due_us);
                continue;
            }
            let group = usize::from(state != State::Kept);
            match run.moments.get(run.at_us.partition_point(|at_us| *at_us <= made.due_us)) {
                Some(moment) => *at(&mut counted.next[group], moment.index()) += 1,
                None => counted.nothing[group] += 1,
            }
            let (outcomes, pending) = (&mut counted.outcomes, &mut self.pending);
            self.outcomes.count(journey, made.at + 1, made.due_us, group, outcomes, pending);
        }
    }

    fn merge(&mut self, other: Self) {
        self.journeys += other.journeys;
        self.customers.merge(&other.customers);
        for (ours, theirs) in self.counted.iter_mut().zip(other.counted) {
            ours.merge(theirs);
        }
        let same: Vec<usize> = (0..self.counted.len()).collect();
        self.late.merge(other.late, &same);
        self.pending.merge(other.pending);
    }

    fn settle(&mut self, hands: &dyn Hands) {
        self.late.settle(hands);
    }

    fn keep(&mut self) -> Option<Vec<u8>> {
        let counted = (self.journeys, &self.customers, &self.counted);
        kept::keep(&(counted, self.late.keep()?, self.pending.keep()))
    }

    fn resume(&mut self, kept: &[u8]) -> bool {
        let Some((counted, late, pending)) = kept::resume(kept) else { return false };
        (self.journeys, self.customers, self.counted) = counted;
        self.pending.resume(pending);
        self.late.resume(late);
        true
    }

    fn due(&self, until_us: i64) -> Option<Vec<i64>> {
        self.pending.due(until_us)
    }

    fn subtract(&mut self, other: Self) {
        self.journeys -= other.journeys;
        self.customers.subtract(&other.customers);
        for (ours, theirs) in self.counted.iter_mut().zip(other.counted) {
            ours.subtract(theirs);
        }
        let same: Vec<usize> = (0..self.counted.len()).collect();
        self.late.subtract(other.late, &same);
        self.pending.subtract(other.pending);
    }

    fn finish(self, moments: &Moments) -> Result<Answer, Error> {
        Ok(finish::answer(self, moments))
    }
}

impl Counted {
    fn merge(&mut self, other: Self) {
        for (channel, tally) in other.channels {
            self.channels.entry(channel).or_default().merge(tally);
        }
        self.unasked += other.unasked;
        self.unclear += other.unclear;
        for group in 0..2 {
            self.nothing[group] += other.nothing[group];
            for (moment, count) in other.next[group].iter().enumerate() {
                *at(&mut self.next[group], moment) += count;
            }
        }
        self.outcomes.merge(&other.outcomes);
    }

    fn subtract(&mut self, other: Self) {
        for (channel, tally) in other.channels {
            self.channels.entry(channel).or_default().subtract(tally);
        }
        self.channels.retain(|_, tally| *tally != Tally::default());
        self.unasked -= other.unasked;
        self.unclear -= other.unclear;
        for group in 0..2 {
            self.nothing[group] -= other.nothing[group];
            for (moment, count) in other.next[group].iter().enumerate() {
                *at(&mut self.next[group], moment) -= count;
            }
        }
        self.outcomes.subtract(&other.outcomes);
    }
}

fn shares(answer: &Answer) -> Shares {
    let mut by_name: BTreeMap<String, Share> = BTreeMap::new();
    for expected in &answer.expectations {
        by_name.insert(format!("{}: kept", expected.expectation), expected.balance.share());
    }
    Shares { of: 0, by_name }
}

#[cfg(test)]
mod tests;
