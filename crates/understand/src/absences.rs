//! What did not happen: absences are events too, although nobody sends them.
//!
//! A promised moment that had not come when it fell due, a stage that a customer never entered, a silence longer than is
//! usual for that person. All follow from the times of events and from up to when events are known.

use std::sync::Arc;

use charter::{Charter, journeys::Journey as Drawn};
use evidence::{Doubt, Share};
use journey::{Fold, Journey, Moments, Run, Setting, Wanted};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::compare::Shares;
use crate::count::Customers;
use crate::examples::Examples;
use crate::expectations::{Promises, names, watch};
use crate::kept;
use crate::pending::Pending;
use crate::promises::{State, Watch};
use crate::question::Question;
use crate::stages::staged;
use crate::table::{Cell, Table};
use crate::{Comparison, Error};

/// The options of the absences: none.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Options {}

impl Question for Options {
    const NAME: &'static str = "absences";
    const TITLE: &'static str = "What did not happen";
    const ABOUT: &'static str = "Absences are events too, although nobody sends them: a stage that was never entered, a silence \
         longer than is usual for that person.";
    const OPTIONS: &'static [(&'static str, &'static str)] = &[];
    type Answer = Answer;
    type Fold = AbsencesFold;

    fn set(&mut self, option: &str, _: &str) -> Result<(), Error> {
        Err(Error::unknown_option(Self::NAME, option, Self::OPTIONS))
    }

    fn wants(&self, charter: &Charter, wanted: &mut Wanted) -> Result<(), Error> {
        Promises::new(charter, wanted);
        Ok(())
    }

    fn names(&self, charter: &Charter, _: Option<&Drawn>) -> Vec<String> {
        names(charter).into_iter().chain(staged(charter)).collect()
    }

    fn fold(&self, setting: &Setting) -> AbsencesFold {
        let charter = Arc::clone(&setting.charter);
        AbsencesFold {
            promises: Promises::new(&charter, &mut (*setting.wanted).clone()),
            watch: watch(&charter, &setting.moments),
            until_us: setting.until_us,
            moments: setting.moments.clone(),
            stages: Vec::new(),
            entered: vec![false; charter.stages.len()],
            gaps_us: Vec::new(),
            customers: Customers::default(),
            counts: Counts {
                promised: vec![Counted::default(); charter.expectations.len()],
                never: vec![Counted::default(); charter.stages.len()],
                passed_over: vec![Counted::default(); charter.stages.len()],
                silent: Counted::default(),
            },
            pending: Pending::new(setting.until_us),
            charter,
        }
    }

    fn compare(
        a: (&str, AbsencesFold),
        b: (&str, AbsencesFold),
        moments: &Moments,
    ) -> Result<Comparison<Answer>, Error> {
        Ok(Comparison::new((a.0, a.1.finish(moments)?), (b.0, b.1.finish(moments)?), shares))
    }

    fn tables(answer: &Answer) -> Vec<Table> {
        vec![table(answer)]
    }
}

/// What did not happen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// The number of customers.
    pub customers: u64,
    /// The absences: promises and stages in the order of the charter, silence last.
    pub absences: Vec<Absence>,
    /// What stands against these figures.
    pub doubts: Vec<Doubt>,
}

/// What kind of thing did not happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A promised moment had not come when it fell due. Counts promises, of those kept and broken.
    Promise,
    /// A customer never entered a stage. Counts customers, of all.
    Stage,
    /// A customer entered a later stage and never this one. Counts customers, of those who entered a later one.
    StagePassedOver,
    /// A customer has been silent for longer than is usual for them. Counts customers, of those of whom enough is known to
    /// say what is usual.
    Silence,
}

/// One thing that did not happen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Absence {
    /// Its kind.
    pub kind: Kind,
    /// The expectation or the stage; null for silence.
    pub what: Option<String>,
    /// How often it did not happen.
    pub count: u64,
    /// Of how many.
    pub of: u64,
    /// As a share.
    pub share: Option<f64>,
    /// Lower end of the 95 % interval of that share.
    pub share_low: Option<f64>,
    /// Upper end.
    pub share_high: Option<f64>,
    /// Of promises, how many were fulfilled after all, too late; otherwise null.
    pub came_late: Option<u64>,
    /// The numbers of some customers to whom it happened, the smallest.
    pub customers: Vec<i64>,
}

/// What the absences count.
#[derive(Debug)]
pub struct AbsencesFold {
    charter: Arc<Charter>,
    promises: Promises,
    watch: Watch,
    until_us: i64,
    moments: Moments,
    /// By moment, as far as moments are known, its stage.
    stages: Vec<Option<usize>>,
    /// By stage, whether the customer at hand entered it.
    entered: Vec<bool>,
    gaps_us: Vec<i64>,
    customers: Customers,
    counts: Counts,
    pending: Pending,
}

/// What is counted of whom; promises and stages in the order of the charter.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Counts {
    promised: Vec<Counted>,
    never: Vec<Counted>,
    passed_over: Vec<Counted>,
    silent: Counted,
}

impl Counts {
    fn all(&mut self) -> impl Iterator<Item = &mut Counted> {
        let Self { promised, never, passed_over, silent } = self;
        promised.iter_mut().chain(never).chain(passed_over).chain([silent])
    }
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Counted {
    count: u64,
    of: u64,
    late: u64,
    examples: Examples,
}

impl Counted {
    fn note(&mut self, absent: bool, customer: i64) {
        self.of += 1;
        if absent {
            self.count += 1;
            self.examples.note(customer);
        }
    }

    fn merge(&mut self, other: &Self) {
        self.count += other.count;
        self.of += other.of;
        self.late += other.late;
        self.examples.merge(&other.examples);
    }

    fn subtract(&mut self, other: &Self) {
        self.count -= other.count;
        self.of -= other.of;
        self.late -= other.late;
        self.examples.subtract(&other.examples);
    }

    fn absence(self, kind: Kind, what: Option<&str>) -> Absence {
        let share = Share::new(self.count, self.of);
        Absence {
            kind,
            what: what.map(str::to_owned),
            count: share.count,
            of: share.of,
            share: share.share,
            share_low: share.low,
            share_high: share.high,
            came_late: (kind == Kind::Promise).then_some(self.late),
            customers: self.examples.finish(),
        }
    }
}

/// Only times without any event that last this long are silences: shorter ones lie within one visit, and would make
/// everybody who clicks fast look lost a minute later.
const SILENCE_MIN_US: i64 = 24 * 3_600_000_000;
/// From so many earlier silences it can be said what is usual for a person.
const SILENCES_MIN: usize = 5;
/// Longer than usual is longer than this many times the 90th percentile of the earlier ones.
const TIMES_USUAL: i64 = 3;

impl AbsencesFold {
    fn look_at_promises(&mut self, journey: &Journey<'_>) {
        self.promises.look(&mut self.watch, journey);
        for made in self.watch.made() {
            let counted = &mut self.counts.promised[made.rule];
            match made.state(self.until_us) {
                State::Pending => self.pending.note(journey.customer, made.due_us),
                State::Kept => counted.note(false, journey.customer),
                State::Never => counted.note(true, journey.customer),
                State::Late(_) => {
                    counted.note(true, journey.customer);
                    counted.late += 1;
                }
            }
        }
    }

    fn look_at_stages(&mut self, run: &Run<'_>) {
        self.entered.fill(false);
        for moment in run.moments {
            if moment.index() >= self.stages.len() {
                self.learn();
            }
            if let Some(stage) = self.stages[moment.index()] {
                self.entered[stage] = true;
            }
        }
        let mut later = false;
        for (stage, entered) in self.entered.iter().enumerate().rev() {
            self.counts.never[stage].note(!entered, run.customer);
            if later {
                self.counts.passed_over[stage].note(!entered, run.customer);
            }
            later |= entered;
        }
    }

    #[cold]
    fn learn(&mut self) {
        let stage = |name: &Arc<str>| self.charter.stage_of(self.charter.moment(name)?);
        self.stages = self.moments.names().iter().map(stage).collect();
    }

    fn look_at_silence(&mut self, run: &Run<'_>) {
        let Some(last_us) = run.at_us.last() else { return };
        self.gaps_us.clear();
        let gaps_us = run.at_us.windows(2).map(|pair| pair[1] - pair[0]);
        self.gaps_us.extend(gaps_us.filter(|gap_us| *gap_us >= SILENCE_MIN_US));
        if self.gaps_us.len() < SILENCES_MIN {
            return;
        }
        // The nearest rank: the smallest gap that at least nine in ten do not exceed.
        let rank = (self.gaps_us.len() * 9).div_ceil(10) - 1;
        let (_, usual_us, _) = self.gaps_us.select_nth_unstable(rank);
        let limit_us = usual_us.saturating_mul(TIMES_USUAL);
        let silent = self.until_us.saturating_sub(*last_us) > limit_us;
        self.counts.silent.note(silent, run.customer);
        if !silent {
            self.pending.note(run.customer, last_us.saturating_add(limit_us).saturating_add(1));
        }
    }
}

impl Fold for AbsencesFold {
    type Answer = Result<Answer, Error>;

    fn journey(&mut self, journey: &Journey<'_>) {
        // All is about customers and their whole runs, whichever of their journeys count.
        if !self.customers.enter(journey.customer) {
            return;
        }
        if !self.counts.promised.is_empty() {
            self.look_at_promises(journey);
        }
        if !self.counts.never.is_empty() {
            self.look_at_stages(journey.run);
        }
        self.look_at_silence(journey.run);
    }

    fn merge(&mut self, mut other: Self) {
        self.customers.merge(&other.customers);
        self.counts.all().zip(other.counts.all()).for_each(|(ours, theirs)| ours.merge(theirs));
        self.pending.merge(other.pending);
    }

    fn keep(&mut self) -> Option<Vec<u8>> {
        let exhausted = self.counts.all().any(|counted| counted.examples.exhausted());
        if exhausted { None } else { kept::keep(&(&self.customers, &self.counts, self.pending.keep())) }
    }

    fn resume(&mut self, kept: &[u8]) -> bool {
        let Some((customers, counts, pending)) = kept::resume(kept) else { return false };
        (self.customers, self.counts) = (customers, counts);
        self.pending.resume(pending);
        true
    }

    fn due(&self, until_us: i64) -> Option<Vec<i64>> {
        self.pending.due(until_us)
    }

    fn subtract(&mut self, mut other: Self) {
        self.customers.subtract(&other.customers);
        self.counts.all().zip(other.counts.all()).for_each(|(ours, theirs)| ours.subtract(theirs));
        self.pending.subtract(other.pending);
    }

    fn finish(self, _: &Moments) -> Result<Answer, Error> {
        let Counts { promised, never, passed_over, silent } = self.counts;
        let promised = self.charter.expectations.iter().zip(promised);
        let mut absences: Vec<Absence> =
            promised.map(|(promise, counted)| counted.absence(Kind::Promise, Some(&promise.name))).collect();
        for ((stage, never), passed_over) in self.charter.stages.iter().zip(never).zip(passed_over) {
            absences.push(never.absence(Kind::Stage, Some(&stage.name)));
            absences.push(passed_over.absence(Kind::StagePassedOver, Some(&stage.name)));
        }
        // Nothing comes after the last stage, so nobody passes over it.
        if !self.charter.stages.is_empty() {
            absences.pop();
        }
        absences.push(silent.absence(Kind::Silence, None));
        let customers = self.customers.count();
        Ok(Answer { customers, absences, doubts: Doubt::few("customers", customers).into_iter().collect() })
    }
}

/// What an absence is called in a list.
fn name(absence: &Absence) -> String {
    let what = absence.what.as_deref().unwrap_or_default();
    match absence.kind {
        Kind::Promise => format!("`{what}` had not come when it fell due"),
        Kind::Stage => format!("never entered the stage `{what}`"),
        Kind::StagePassedOver => format!("entered a later stage, but never `{what}`"),
        Kind::Silence => "silent for longer than is usual for them".to_owned(),
    }
}

fn shares(answer: &Answer) -> Shares {
    let absences = answer.absences.iter();
    let by_name = absences.map(|absence| (name(absence), Share::new(absence.count, absence.of))).collect();
    Shares { of: answer.customers, by_name }
}

fn table(answer: &Answer) -> Table {
    let headers = ["absence", "count", "of", "share", "share_low", "share_high", "came_late", "customers"];
    let mut table = Table::new("What did not happen", &headers);
    for absence in &answer.absences {
        let customers: Vec<String> = absence.customers.iter().map(ToString::to_string).collect();
        table.row([
            Cell::Text(name(absence).into()),
            Cell::Count(absence.count),
            Cell::Count(absence.of),
            Cell::share(absence.share),
            Cell::share(absence.share_low),
            Cell::share(absence.share_high),
            absence.came_late.map_or(Cell::Empty, Cell::Count),
            Cell::Text(customers.join(" ").into()),
        ]);
    }
    table.notes.push("promises are counted of those kept and broken, all else in customers".to_owned());
    if let Some(customer) = answer.absences.iter().find_map(|absence| absence.customers.first()) {
        table
            .notes
            .push(format!("customers: the first few; look at one with `desireline customer customer:{customer}`"));
    }
    table.doubts(&answer.doubts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expectations;
    use journey::Selection;
    use proptest::prelude::*;
    use testkit::{answer, answer_split, splits, told};

    const CHARTER: &str = "\
charter: 1
stages: {presale: {}, deal: {}, use: {}}
moments:
  visit: {stage: presale, when: event = 'visit'}
  order: {stage: deal, when: event = 'order'}
  delivered: {stage: use, when: event = 'delivered'}
  other: {when: event = 'other'}
expectations:
  delivery: {after: order, promise: delivered, within: 3d}
";

    fn log_of(text: &str) -> testkit::Log {
        told(CHARTER, text).log(None, |charter, wanted| {
            Options {}.wants(charter, wanted).expect("always");
            expectations::Options::default().wants(charter, wanted).expect("there are some");
        })
    }

    fn ask(text: &str) -> Vec<(String, u64, u64, Vec<i64>)> {
        let log = log_of(text);
        let answer = answer(&log, &Selection::default(), || Options {}.fold(&log.setting())).expect("an answer");
        answer.absences.into_iter().map(|a| (name(&a), a.count, a.of, a.customers)).collect()
    }

    #[test]
    fn promises_and_stages_that_did_not_come() {
        let found = ask("\
a: visit@0d order@1d delivered@9d
b: order@0d
c: visit@0d order@20d
d: delivered@0d
e: other@3d");
        let told =
            |(name, count, of, customers): (&str, u64, u64, &[i64])| (name.to_owned(), count, of, customers.to_vec());
        let expected = [
            ("`delivery` had not come when it fell due", 2, 2, [1, 2].as_slice()),
            ("never entered the stage `presale`", 3, 5, &[2, 4, 5]),
            ("entered a later stage, but never `presale`", 2, 4, &[2, 4]),
            ("never entered the stage `deal`", 2, 5, &[4, 5]),
            ("entered a later stage, but never `deal`", 1, 2, &[4]),
            ("never entered the stage `use`", 3, 5, &[2, 3, 5]),
            ("silent for longer than is usual for them", 0, 0, &[]),
        ];
        assert_eq!(found, expected.map(told));
    }

    #[test]
    fn silence_is_measured_by_what_is_usual_for_the_person() {
        let silent = |text: &str| {
            let (_, count, of, _) = ask(text).pop().expect("silence stands last");
            (count, of)
        };
        // Every second day, and then nothing for seven days: more than three times two.
        assert_eq!(silent("a: visit@0d visit@2d visit@4d visit@6d visit@8d visit@10d; z: other@17d"), (1, 1));
        assert_eq!(
            silent("a: visit@0d visit@2d visit@4d visit@6d visit@8d visit@10d; z: other@16d"),
            (0, 1),
            "not longer"
        );
        assert_eq!(
            silent("a: visit@0d visit@2d visit@4d visit@6d visit@8d; z: other@99d"),
            (0, 0),
            "too little is known"
        );
        let clicks = "a: visit@0s visit@2s visit@4s visit@6s visit@8s visit@10s; z: other@99d";
        assert_eq!(silent(clicks), (0, 0), "clicks of one visit say nothing");
        assert_eq!(silent("a: visit@0d visit@9d visit@11d visit@13d visit@15d visit@17d; z: other@44d"), (0, 1));
    }

    proptest! {
        #[test]
        fn any_split_gives_the_same_answer_and_broken_promises_are_those_of_the_expectations(
            events in prop::collection::vec((0..5u8, 0..4usize, 0..60u8), 0..60),
            split in splits(),
        ) {
            let names = ["visit", "order", "delivered", "other"];
            let text = events.iter().map(|(who, what, day)| format!("u{who}: {}@{day}d", names[*what]));
            let log = log_of(&text.collect::<Vec<_>>().join("\n"));
            let everything = Selection::default();
            let whole = answer(&log, &everything, || Options {}.fold(&log.setting())).expect("an answer");
            let parts = answer_split(&log, &everything, &split, || Options {}.fold(&log.setting()));
            prop_assert_eq!(&parts.expect("an answer"), &whole);
            let options = expectations::Options::default();
            let promises = answer(&log, &everything, || options.fold(&log.setting())).expect("an answer");
            let balance = promises.expectations[0].balance;
            let delivery = &whole.absences[0];
            prop_assert_eq!((delivery.count, delivery.of), (balance.broken, balance.kept + balance.broken));
            prop_assert_eq!(delivery.came_late, Some(balance.late));
        }
    }
}
