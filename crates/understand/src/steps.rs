//! The step matrix: what share of journeys is at which moment at their first, second, third … step.

use std::cmp::Reverse;
use std::sync::Arc;

use evidence::{Doubt, Share, counted};
use journey::{Ending, Fold, Journey, Moment, Moments, Setting};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::compare::Shares;
use crate::count::{Customers, at};
use crate::kept;
use crate::limits::STEPS_MAX;
use crate::question::{Names, Question, number};
use crate::table::{Cell, Table};
use crate::{Comparison, Error};

/// The options of the step matrix.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// How many steps from the start of a journey are shown.
    pub steps: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { steps: 10 }
    }
}

impl Question for Options {
    const NAME: &'static str = "steps";
    const OPTIONS: &'static [(&'static str, &'static str)] = &[("steps", "how many steps it goes")];
    type Answer = Answer;
    type Fold = StepsFold;

    fn set(&mut self, option: &str, value: &str) -> Result<(), Error> {
        match option {
            "steps" => self.steps = number(Self::NAME, option, value)?,
            _ => return Err(Error::unknown_option(Self::NAME, option, Self::OPTIONS)),
        }
        Ok(())
    }

    fn check(&self) -> Result<(), Error> {
        let some = (1..=STEPS_MAX).contains(&self.steps);
        let expected = format!("a number from 1 to {STEPS_MAX}");
        if some { Ok(()) } else { Err(Error::wrong_value(Self::NAME, "steps", &self.steps.to_string(), &expected)) }
    }

    fn fold(&self, _: &Setting) -> StepsFold {
        let steps = self.steps.min(STEPS_MAX);
        StepsFold {
            counts: vec![Vec::new(); steps],
            open: vec![0; steps],
            journeys: 0,
            customers: Customers::default(),
        }
    }

    fn compare(a: (&str, StepsFold), b: (&str, StepsFold), moments: &Moments) -> Result<Comparison<Answer>, Error> {
        Ok(Comparison::new((a.0, a.1.finish(moments)?), (b.0, b.1.finish(moments)?), shares))
    }

    fn tables(answer: &Answer) -> Vec<Table> {
        vec![table(answer)]
    }

    fn raw_tables(answer: &Answer) -> Vec<Table> {
        vec![list(answer)]
    }
}

/// The first steps of all journeys.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// The number of journeys.
    pub journeys: u64,
    /// The number of customers.
    pub customers: u64,
    /// The steps from the start on.
    pub steps: Vec<Step>,
    /// What stands against these figures.
    pub doubts: Vec<Doubt>,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// Which step, from 1.
    pub step: u64,
    /// How many journeys are at which moment, the most frequent first.
    pub moments: Vec<At>,
    /// How many journeys have not come so far, and may still go on.
    pub open: u64,
    /// As a share of all journeys.
    pub open_share: Option<f64>,
    /// Lower end of the 95 % interval of that share.
    pub open_share_low: Option<f64>,
    /// Upper end.
    pub open_share_high: Option<f64>,
    /// How many journeys ended before this step; a customer's whole run ends with its last moment.
    pub ended: u64,
    /// As a share of all journeys.
    pub ended_share: Option<f64>,
    /// Lower end of the 95 % interval of that share.
    pub ended_share_low: Option<f64>,
    /// Upper end.
    pub ended_share_high: Option<f64>,
}

/// How many journeys are at a moment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct At {
    /// The moment.
    pub moment: Arc<str>,
    /// How many journeys.
    pub count: u64,
    /// As a share of all journeys, open and ended ones included.
    pub share: Option<f64>,
    /// Lower end of the 95 % interval of that share.
    pub share_low: Option<f64>,
    /// Upper end.
    pub share_high: Option<f64>,
}

/// What the step matrix counts.
#[derive(Debug)]
pub struct StepsFold {
    /// By step, by moment.
    counts: Vec<Vec<u64>>,
    /// By step, how many journeys that may still go on are not there, but were one step before.
    open: Vec<u64>,
    journeys: u64,
    customers: Customers,
}

impl Fold for StepsFold {
    type Answer = Result<Answer, Error>;

    #[inline]
    fn journey(&mut self, journey: &Journey<'_>) {
        self.customers.enter(journey.customer);
        self.journeys += 1;
        for (counts, moment) in self.counts.iter_mut().zip(journey.moments) {
            *at(counts, moment.index()) += 1;
        }
        if let Some(open) = self.open.get_mut(journey.moments.len()).filter(|_| journey.ending == Ending::Open) {
            *open += 1;
        }
    }

    fn merge(&mut self, other: Self) {
        self.journeys += other.journeys;
        self.customers.merge(&other.customers);
        self.open.iter_mut().zip(&other.open).for_each(|(ours, more)| *ours += more);
        for (ours, theirs) in self.counts.iter_mut().zip(&other.counts) {
            for (moment, count) in theirs.iter().enumerate() {
                *at(ours, moment) += count;
            }
        }
    }

    fn keep(&mut self) -> Option<Vec<u8>> {
        kept::keep(&(self.journeys, &self.customers, &self.counts, &self.open))
    }

    fn resume(&mut self, kept: &[u8]) -> bool {
        let Some((journeys, customers, counts, open)) = kept::resume(kept) else { return false };
        *self = Self { counts, open, journeys, customers };
        true
    }

    fn subtract(&mut self, other: Self) {
        self.journeys -= other.journeys;
        self.customers.subtract(&other.customers);
        self.open.iter_mut().zip(&other.open).for_each(|(ours, fewer)| *ours -= fewer);
        for (ours, theirs) in self.counts.iter_mut().zip(&other.counts) {
            for (ours, count) in ours.iter_mut().zip(theirs) {
                *ours -= count;
            }
        }
    }

    fn finish(self, moments: &Moments) -> Result<Answer, Error> {
        let names = Names::of(moments);
        let mut open = 0;
        let step = |(number, (counts, more)): (u64, (&Vec<u64>, &u64))| {
            open += more;
            step(number, counts, open, self.journeys, &names)
        };
        let steps = (1..).zip(self.counts.iter().zip(&self.open)).map(step).collect();
        Ok(Answer {
            journeys: self.journeys,
            customers: self.customers.count(),
            steps,
            doubts: Doubt::few("journeys", self.journeys).into_iter().collect(),
        })
    }
}

fn step(number: u64, counts: &[u64], open: u64, journeys: u64, names: &Names) -> Step {
    let ended = Share::new(journeys - counts.iter().sum::<u64>() - open, journeys);
    let open = Share::new(open, journeys);
    let mut counts: Vec<(Moment, u64)> =
        (0..).map(Moment).zip(counts.iter().copied()).filter(|(_, c)| *c > 0).collect();
    counts.sort_unstable_by_key(|(moment, count)| (Reverse(*count), names.rank(*moment)));
    let at = |(moment, count)| {
        let share = Share::new(count, journeys);
        At { moment: names.name(moment), count, share: share.share, share_low: share.low, share_high: share.high }
    };
    Step {
        step: number,
        moments: counts.into_iter().map(at).collect(),
        open: open.count,
        open_share: open.share,
        open_share_low: open.low,
        open_share_high: open.high,
        ended: ended.count,
        ended_share: ended.share,
        ended_share_low: ended.low,
        ended_share_high: ended.high,
    }
}

fn shares(answer: &Answer) -> Shares {
    let mut all = Vec::new();
    for step in &answer.steps {
        let name = |what: &str| format!("step {}: {what}", step.step);
        all.extend(step.moments.iter().map(|at| (name(&at.moment), Share::new(at.count, answer.journeys))));
        all.push((name(ENDED), Share::new(step.ended, answer.journeys)));
        all.extend((step.open > 0).then(|| (name(OPEN), Share::new(step.open, answer.journeys))));
    }
    Shares { of: answer.journeys, by_name: all.into_iter().collect() }
}

/// What stands for the journeys that are over; the parentheses keep it apart from a moment of that name.
const ENDED: &str = "(ended)";
/// The same for those that may still go on; where there are none, nothing is said of it.
const OPEN: &str = "(open)";

fn table(answer: &Answer) -> Table {
    let numbers: Vec<String> = answer.steps.iter().map(|step| step.step.to_string()).collect();
    let headers: Vec<&str> = std::iter::once("moment").chain(numbers.iter().map(String::as_str)).collect();
    let mut table = Table::new("Share of journeys at each step", &headers);
    // In the order in which moments matter from the first step on.
    let mut moments: Vec<&Arc<str>> = Vec::new();
    let mut cells = hashbrown::HashMap::with_hasher(rapidhash::fast::SeedableState::fixed());
    for (i, step) in answer.steps.iter().enumerate() {
        for at in &step.moments {
            let row: &mut Vec<Cell> = cells.entry(&at.moment).or_insert_with(|| {
                moments.push(&at.moment);
                vec![Cell::share(0.0); answer.steps.len()]
            });
            row[i] = Cell::share(at.share);
        }
    }
    for moment in moments {
        let row = cells.remove(moment).unwrap_or_default();
        table.row([vec![Cell::Text(Arc::clone(moment))], row].concat());
    }
    let mut last = |name: &str, share: fn(&Step) -> Option<f64>| {
        let shares = answer.steps.iter().map(|step| Cell::share(share(step)));
        table.row(std::iter::once(Cell::Text(name.into())).chain(shares).collect::<Vec<_>>());
    };
    if answer.steps.iter().any(|step| step.open > 0) {
        last(OPEN, |step| step.open_share);
    }
    last(ENDED, |step| step.ended_share);
    table
        .notes
        .push(format!("{}; each column adds up to all of them", counted(answer.journeys, "journey", "journeys")));
    table.doubts(&answer.doubts)
}

/// The same as one row for each moment at each step, with counts and intervals.
fn list(answer: &Answer) -> Table {
    let mut list =
        Table::new("Share of journeys at each step", &["step", "moment", "count", "share", "share_low", "share_high"]);
    for step in &answer.steps {
        let open = (OPEN.into(), step.open, [step.open_share, step.open_share_low, step.open_share_high]);
        let over = (ENDED.into(), step.ended, [step.ended_share, step.ended_share_low, step.ended_share_high]);
        let moments =
            step.moments.iter().map(|at| (Arc::clone(&at.moment), at.count, [at.share, at.share_low, at.share_high]));
        for (moment, count, shares) in moments.chain((step.open > 0).then_some(open)).chain([over]) {
            let begins = [Cell::Count(step.step), Cell::Text(moment), Cell::Count(count)];
            list.row([begins, shares.map(Cell::share)].concat());
        }
    }
    list.doubts(&answer.doubts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use journey::Selection;

    #[test]
    fn every_step_adds_up_to_all_journeys() {
        let log = testkit::log("1: a b c; 2: a c; 3: b");
        let answer = testkit::answer(&log, &Selection::default(), || Options { steps: 4 }.fold(&log.setting()))
            .expect("an answer");
        let found: Vec<(Vec<_>, u64)> = answer
            .steps
            .iter()
            .map(|step| (step.moments.iter().map(|at| (&*at.moment, at.count)).collect(), step.ended))
            .collect();
        let wanted = [(vec![("a", 2), ("b", 1)], 0), (vec![("b", 1), ("c", 1)], 1), (vec![("c", 1)], 2), (vec![], 3)];
        assert_eq!(found, wanted);
        let table = table(&answer);
        assert_eq!(table.headers, ["moment", "1", "2", "3", "4"]);
        assert_eq!(table.rows.len(), 4);
        let csv = Options::raw_tables(&answer)[0].csv();
        assert!(csv.starts_with("step,moment,count,share,share_low,share_high\r\n1,a,2,0.666"), "{csv}");
        assert_eq!(csv.lines().count(), 1 + 3 + 3 + 2 + 1, "every moment at every step, and the end");
    }

    #[test]
    fn a_journey_that_may_still_go_on_has_not_ended() {
        // Known up to 99 h; after 10 h of silence a journey is over.
        let log = testkit::log("1: a@0h b@1h; 2: a@89h b@90h; 3: a@98h; 4: a@0h b@1h c@2h; 5: a@99h");
        let silence = Some(event::Deadline::Elapsed(10 * 3_600_000_000));
        let cut = journey::Cut { abandoned_after: silence, until_us: 99 * 3_600_000_000, ..journey::Cut::default() };
        let selection = Selection { cut: Some(cut), ..Selection::default() };
        let ask = |selection| testkit::answer(&log, selection, || Options { steps: 4 }.fold(&log.setting()));
        let answer = ask(&selection).expect("an answer");
        let found: Vec<(u64, u64)> = answer.steps.iter().map(|step| (step.open, step.ended)).collect();
        assert_eq!(found, [(0, 0), (2, 0), (3, 1), (3, 2)]);
        let rows = table(&answer).rows;
        assert_eq!(rows[3][0], Cell::Text("(open)".into()));
        assert_eq!(rows[3][1..], [0.0, 0.4, 0.6, 0.6].map(Cell::Share));
        assert!(list(&answer).csv().contains("\r\n2,(open),2,0.4,"));
        let whole = ask(&Selection::default()).expect("an answer");
        assert!(whole.steps.iter().all(|step| step.open == 0), "nothing says that a whole run goes on");
        assert!(!list(&whole).csv().contains("(open)"));
    }

    #[test]
    fn no_steps_are_no_question() {
        assert!(Options { steps: 0 }.check().is_err());
        assert!(Options { steps: STEPS_MAX + 1 }.check().is_err());
    }
}
