//! Retention: who comes back, how long after coming first, by when they came first.
//!
//! Customers who came first in the same day, week or month are a cohort. What has not come to its end by the time up to
//! which events are known is left out of the shares and called pending: otherwise every young cohort would seem to stay
//! away.

use std::collections::BTreeMap;
use std::sync::Arc;

use charter::Charter;
use charter::journeys::Journey as Drawn;
use event::{Period, Periods};
use evidence::{Doubt, FEW, Share};
use journey::{Fold, Journey, Moment, Moments, Run, Setting};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::compare::Shares;
use crate::count::{Customers, at};
use crate::kept;
use crate::limits::RETENTION_PERIODS_MAX;
use crate::person::shown;
use crate::question::{Question, known_moment, number};
use crate::{Comparison, Error, Table};

mod table;
#[cfg(test)]
mod tests;

/// The options of retention.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// What a cohort has in common: `day`, `week` (ISO 8601) or `month` of its customers' first event.
    #[schemars(with = "String")]
    pub by: Period,
    /// The moment whose first occurrence puts a customer into a cohort; without it, the first event.
    pub moment: Option<String>,
    /// The moment that counts as coming back; without it, any event.
    pub returns: Option<String>,
    /// What counts as being retained.
    pub mode: Mode,
    /// How many periods after the first are shown; not with `bounded`.
    pub periods: usize,
    /// With `bounded`: the last days of the brackets, counted from the customer's first day.
    pub brackets: Vec<u32>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            by: Period::Week,
            moment: None,
            returns: None,
            mode: Mode::Classic,
            periods: 12,
            brackets: vec![1, 3, 7, 14, 30],
        }
    }
}

/// What counts as being retained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Coming back in exactly the period that is so many periods after the first.
    Classic,
    /// Coming back in that period or in any later one.
    Rolling,
    /// Coming back on any of some days, counted from the customer's first day.
    Bounded,
}

const MODES: [(&str, Mode); 3] = [("classic", Mode::Classic), ("rolling", Mode::Rolling), ("bounded", Mode::Bounded)];

impl Question for Options {
    const NAME: &'static str = "retention";
    const TITLE: &'static str = "Who comes back";
    const ABOUT: &'static str = "Customers who came first in the same period are a cohort. A share says how many of them were back \
         so long after; what is not over yet is left out.";
    const OPTIONS: &'static [(&'static str, &'static str)] = &[
        ("by", "what a cohort has in common: day, week or month of its first event"),
        ("moment", "the moment whose first occurrence puts a customer into a cohort, instead of the first event"),
        ("returns", "the moment that counts as coming back, instead of any event"),
        ("mode", "classic: back in that period; rolling: in it or later; bounded: on days of a bracket"),
        ("periods", "how many periods after the first are shown"),
        ("brackets", "with --mode bounded: the last days of the brackets, such as 1,3,7,14,30"),
    ];
    type Answer = Answer;
    type Fold = RetentionFold;

    fn set(&mut self, option: &str, value: &str) -> Result<(), Error> {
        let wrong = |expected: &str| Error::wrong_value(Self::NAME, option, value, expected);
        match option {
            "by" => self.by = value.parse().map_err(|_| wrong("day, week or month"))?,
            "moment" => self.moment = Some(value.to_owned()),
            "returns" => self.returns = Some(value.to_owned()),
            "mode" => {
                let mode = MODES.iter().find(|(name, _)| *name == value);
                self.mode = mode.ok_or_else(|| wrong("classic, rolling or bounded"))?.1;
            }
            "periods" => self.periods = number(Self::NAME, option, value)?,
            "brackets" => {
                let days = value.split(',').map(|day| day.trim().parse());
                self.brackets = days.collect::<Result<_, _>>().map_err(|_| wrong(BRACKETS))?;
            }
            _ => return Err(Error::unknown_option(Self::NAME, option, Self::OPTIONS)),
        }
        Ok(())
    }

    fn check(&self) -> Result<(), Error> {
        if !(1..=RETENTION_PERIODS_MAX).contains(&self.periods) {
            let expected = format!("a number from 1 to {RETENTION_PERIODS_MAX}");
            return Err(Error::wrong_value(Self::NAME, "periods", &self.periods.to_string(), &expected));
        }
        if self.mode != Mode::Bounded && self.brackets != Self::default().brackets {
            let given: Vec<String> = self.brackets.iter().map(ToString::to_string).collect();
            let expected = "`--mode bounded` with it: only then are days counted in brackets";
            return Err(Error::wrong_value(Self::NAME, "brackets", &given.join(","), expected));
        }
        if self.mode == Mode::Bounded && self.periods != Self::default().periods {
            let expected = "`--brackets` in its place: with `--mode bounded`, days are counted in brackets";
            return Err(Error::wrong_value(Self::NAME, "periods", &self.periods.to_string(), expected));
        }
        let rising = self.brackets.windows(2).all(|pair| pair[0] < pair[1]);
        let some = (1..=RETENTION_PERIODS_MAX).contains(&self.brackets.len());
        if !rising || !some || self.brackets[0] == 0 || self.brackets.iter().any(|day| *day > DAYS_MAX) {
            let given: Vec<String> = self.brackets.iter().map(ToString::to_string).collect();
            return Err(Error::wrong_value(Self::NAME, "brackets", &given.join(","), BRACKETS));
        }
        Ok(())
    }

    fn names(&self, _: &Charter, _: Option<&Drawn>) -> Vec<String> {
        self.moment.iter().chain(&self.returns).cloned().collect()
    }

    fn fold(&self, setting: &Setting) -> RetentionFold {
        let zone = &setting.charter.timezone;
        let counted = if self.mode == Mode::Bounded { Period::Day } else { self.by };
        RetentionFold {
            options: self.clone(),
            charter: Arc::clone(&setting.charter),
            moments: setting.moments.clone(),
            until_us: setting.until_us,
            periods: Periods::new(counted, zone.clone()),
            cohorts: Periods::new(self.by, zone.clone()),
            moment: None,
            returns: None,
            customers: Customers::default(),
            counts: Counts::default(),
        }
    }

    fn compare(
        a: (&str, RetentionFold),
        b: (&str, RetentionFold),
        moments: &Moments,
    ) -> Result<Comparison<Answer>, Error> {
        let (of_a, of_b) = (a.1.finish(moments)?, b.1.finish(moments)?);
        // What is over for one group only is nothing of the other yet; what is over for neither is left out.
        let over = |answer: &Answer| answer.all.iter().take_while(|cell| cell.of > 0).count();
        let most = over(&of_a).max(over(&of_b));
        Ok(Comparison::new((a.0, of_a), (b.0, of_b), |answer| shares(answer, most)))
    }

    fn tables(answer: &Answer) -> Vec<Table> {
        table::tables(answer)
    }
}

const BRACKETS: &str = "rising numbers of days from 1 to 36500, as in 1,3,7,14,30";
/// A hundred years.
const DAYS_MAX: u32 = 36_500;

/// Who comes back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// What a cohort has in common: `day`, `week` or `month`.
    #[schemars(with = "String")]
    pub by: Period,
    /// What counts as being retained.
    pub mode: Mode,
    /// The moment whose first occurrence puts a customer into a cohort; null: the first event.
    pub moment: Option<String>,
    /// The moment that counts as coming back; null: any event.
    pub returns: Option<String>,
    /// Up to when events are known (RFC 3339, in the charter's time zone): what is not over by then is pending.
    pub until: String,
    /// The number of customers who are in a cohort.
    pub customers: u64,
    /// The number of customers who are in none, because they never had `moment`.
    pub without_moment: u64,
    /// All cohorts together, as far as their periods are over.
    pub all: Vec<Cell>,
    /// The cohorts, the earliest first; those without a customer are left out.
    pub cohorts: Vec<Cohort>,
    /// What stands against these figures.
    pub doubts: Vec<Doubt>,
}

/// Customers who came first in the same period.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cohort {
    /// The period: `2025-03-31`, `2025-W14` or `2025-03`, in the time zone of the charter.
    pub cohort: String,
    /// When the period begins (RFC 3339, in the charter's time zone).
    pub begins: String,
    /// How many customers.
    pub customers: u64,
    /// Who came back, period by period or bracket by bracket.
    pub periods: Vec<Cell>,
}

/// How many came back so long after coming first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cell {
    /// The first period after the first one that counts; with `bounded`, the first day of the bracket.
    pub from: u32,
    /// The last one; null with `rolling`: any later one counts.
    pub to: Option<u32>,
    /// How many of `of` came back.
    pub returned: u64,
    /// How many customers for whom this is over.
    pub of: u64,
    /// How many customers for whom it is not, and who are left out.
    pub pending: u64,
    /// `returned / of`; null while it is over for nobody.
    pub share: Option<f64>,
    /// Lower end of the 95 % interval of that share.
    pub share_low: Option<f64>,
    /// Upper end.
    pub share_high: Option<f64>,
}

/// What retention counts.
#[derive(Debug)]
pub struct RetentionFold {
    options: Options,
    charter: Arc<Charter>,
    moments: Moments,
    until_us: i64,
    /// What is counted in.
    periods: Periods,
    /// What cohorts are named by; the same but with `bounded`.
    cohorts: Periods,
    moment: Option<Moment>,
    returns: Option<Moment>,
    customers: Customers,
    counts: Counts,
}

/// All that is counted: differences of whole numbers, so that it can be kept and taken out again.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
struct Counts {
    /// By the number of the first period (with `bounded`, the first day).
    rows: BTreeMap<i32, Row>,
    without_moment: u64,
    /// Customers whose first event lies in a year without numbers.
    outside: u64,
}

#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
struct Row {
    customers: u64,
    /// How many came back: by period with `classic`, by bracket with `bounded`, by their last period with `rolling`.
    returned: Vec<u64>,
}

impl RetentionFold {
    /// The number of a moment, once an event is of it; names become known while events are read.
    fn learn(&mut self) {
        let find = |known: Option<Moment>, name: &Option<String>| {
            known.or_else(|| name.as_ref().and_then(|name| self.moments.find(name)))
        };
        let found = (find(self.moment, &self.options.moment), find(self.returns, &self.options.returns));
        (self.moment, self.returns) = found;
    }

    fn customer(&mut self, run: &Run<'_>) {
        self.learn();
        let start = match (&self.options.moment, self.moment) {
            (None, _) => Some(0),
            (Some(_), moment) => run.moments.iter().position(|m| Some(*m) == moment),
        };
        let Some(start) = start else {
            self.counts.without_moment += 1;
            return;
        };
        let Some(first) = self.periods.number(run.at_us[start]) else {
            self.counts.outside += 1;
            return;
        };
        let row = self.counts.rows.entry(first).or_default();
        row.customers += 1;
        let any = self.options.returns.is_none();
        let events = run.moments[start + 1..].iter().zip(&run.at_us[start + 1..]);
        let mut returns = events.filter(|(moment, _)| any || Some(**moment) == self.returns).map(|(_, at_us)| *at_us);
        match self.options.mode {
            Mode::Classic => {
                let most = i64::try_from(self.options.periods).unwrap_or(i64::MAX);
                each_period(&mut self.periods, first, returns, |after| {
                    if after <= most {
                        *at(&mut row.returned, position(after - 1)) += 1;
                    }
                    after < most
                });
            }
            Mode::Bounded => {
                let brackets = &self.options.brackets;
                let mut done = 0;
                each_period(&mut self.periods, first, returns, |after| {
                    let bracket = brackets.partition_point(|last| i64::from(*last) < after);
                    if bracket >= done && bracket < brackets.len() {
                        *at(&mut row.returned, bracket) += 1;
                        done = bracket + 1;
                    }
                    bracket < brackets.len()
                });
            }
            Mode::Rolling => {
                // Only the last one matters, and it is the last of the run that counts at all.
                let last = returns.next_back().and_then(|last| self.periods.number(last));
                let after = last.map_or(0, |last| i64::from(last) - i64::from(first));
                if after > 0 {
                    *at(&mut row.returned, position(after).min(self.options.periods) - 1) += 1;
                }
            }
        }
    }

    /// How many came back in each cell of a row, and whether that cell is over.
    fn cells(&mut self, first: i32, row: &Row) -> Vec<Cell> {
        let returned = |i: usize| row.returned.get(i).copied().unwrap_or(0);
        let count = |mode: Mode, i: usize| match mode {
            Mode::Rolling => row.returned.iter().skip(i).sum(),
            Mode::Classic | Mode::Bounded => returned(i),
        };
        let spans = spans(&self.options);
        let mut cells = Vec::with_capacity(spans.len());
        for (i, (from, to)) in spans.into_iter().enumerate() {
            let end = first.saturating_add_unsigned(to.unwrap_or(from)).saturating_add(1);
            let over = self.until_us == i64::MAX || self.periods.start(end).is_some_and(|end| end <= self.until_us);
            let (of, pending) = if over { (row.customers, 0) } else { (0, row.customers) };
            cells.push(cell(from, to, if over { count(self.options.mode, i) } else { 0 }, of, pending));
        }
        cells
    }
}

/// Which periods or days each cell counts.
fn spans(options: &Options) -> Vec<(u32, Option<u32>)> {
    let periods = 1..=u32::try_from(options.periods).unwrap_or(u32::MAX);
    match options.mode {
        Mode::Classic => periods.map(|period| (period, Some(period))).collect(),
        Mode::Rolling => periods.map(|period| (period, None)).collect(),
        Mode::Bounded => {
            let before = std::iter::once(0).chain(options.brackets.iter().copied());
            before.zip(&options.brackets).map(|(before, last)| (before + 1, Some(*last))).collect()
        }
    }
}

fn cell(from: u32, to: Option<u32>, returned: u64, of: u64, pending: u64) -> Cell {
    let share = Share::new(returned, of);
    Cell { from, to, returned, of, pending, share: share.share, share_low: share.low, share_high: share.high }
}

fn position(after: i64) -> usize {
    usize::try_from(after).expect("after the first period")
}

/// Calls `each` with every period after `first` in which one of the times lies, counted from `first`, as long as it says
/// so. The times never decrease, so those in the same period cost one comparison.
fn each_period(periods: &mut Periods, first: i32, times: impl Iterator<Item = i64>, mut each: impl FnMut(i64) -> bool) {
    let mut next_us = periods.start(first.saturating_add(1)).unwrap_or(i64::MAX);
    for at_us in times {
        if at_us < next_us {
            continue;
        }
        let Some(number) = periods.number(at_us) else { return };
        if !each(i64::from(number) - i64::from(first)) {
            return;
        }
        next_us = periods.start(number.saturating_add(1)).unwrap_or(i64::MAX);
    }
}

impl Fold for RetentionFold {
    type Answer = Result<Answer, Error>;

    #[inline]
    fn journey(&mut self, journey: &Journey<'_>) {
        // Customers come back, not journeys: the whole run counts, and once.
        if self.customers.enter(journey.customer) {
            self.customer(journey.run);
        }
    }

    fn merge(&mut self, other: Self) {
        self.customers.merge(&other.customers);
        self.counts.without_moment += other.counts.without_moment;
        self.counts.outside += other.counts.outside;
        for (number, row) in other.counts.rows {
            let ours = self.counts.rows.entry(number).or_default();
            ours.customers += row.customers;
            for (i, count) in row.returned.iter().enumerate() {
                *at(&mut ours.returned, i) += count;
            }
        }
    }

    fn finish(mut self, moments: &Moments) -> Result<Answer, Error> {
        for name in self.options.moment.iter().chain(&self.options.returns) {
            known_moment(moments, name)?;
        }
        let mut cohorts: BTreeMap<i32, (u64, Vec<Cell>)> = BTreeMap::new();
        let mut all: Vec<Cell> = Vec::new();
        for (first, row) in std::mem::take(&mut self.counts.rows) {
            let cells = self.cells(first, &row);
            add(&mut all, &cells);
            let begins = self.periods.start(first).and_then(|start| self.cohorts.number(start));
            let cohort = cohorts.entry(begins.unwrap_or(first)).or_default();
            cohort.0 += row.customers;
            add(&mut cohort.1, &cells);
        }
        let customers = cohorts.values().map(|(customers, _)| customers).sum();
        let cohort = |(number, (customers, periods))| {
            let begins = shown(self.cohorts.start(number).unwrap_or_default(), &self.charter);
            Cohort { cohort: self.cohorts.name(number), begins, customers, periods }
        };
        let few = cohorts.values().filter(|(customers, _)| *customers < FEW).count() as u64;
        let why = format!("have fewer than {FEW} customers, so that a share says little");
        let small = Doubt::unclear("cohorts", few, cohorts.len() as u64, &why);
        let outside = Doubt::left_out(
            "customers",
            self.counts.outside,
            "first seen before the year 1800 or after 2199, where no clock is to be trusted",
        );
        Ok(Answer {
            by: self.options.by,
            mode: self.options.mode,
            moment: self.options.moment.clone(),
            returns: self.options.returns.clone(),
            until: shown(self.until_us, &self.charter),
            customers,
            without_moment: self.counts.without_moment,
            all,
            cohorts: cohorts.into_iter().map(cohort).collect(),
            doubts: Doubt::few("customers", customers).into_iter().chain(small).chain(outside).collect(),
        })
    }

    fn keep(&mut self) -> Option<Vec<u8>> {
        kept::keep(&self.counts)
    }

    fn resume(&mut self, kept: &[u8]) -> bool {
        kept::resume(kept).map(|counts| self.counts = counts).is_some()
    }

    fn subtract(&mut self, other: Self) {
        self.counts.without_moment -= other.counts.without_moment;
        self.counts.outside -= other.counts.outside;
        for (number, row) in other.counts.rows {
            let ours = self.counts.rows.entry(number).or_default();
            ours.customers -= row.customers;
            for (i, count) in row.returned.iter().enumerate() {
                *at(&mut ours.returned, i) -= count;
            }
            if ours.customers == 0 {
                self.counts.rows.remove(&number);
            }
        }
    }
}

/// Adds cells to others of the same spans.
fn add(sums: &mut Vec<Cell>, more: &[Cell]) {
    if sums.is_empty() {
        sums.extend_from_slice(more);
        return;
    }
    for (sum, cell_) in sums.iter_mut().zip(more) {
        *sum = cell(sum.from, sum.to, sum.returned + cell_.returned, sum.of + cell_.of, sum.pending + cell_.pending);
    }
}

/// The shares of the first spans.
fn shares(answer: &Answer, spans: usize) -> Shares {
    let cells = answer.all.iter().take(spans);
    let by_name = cells.map(|cell| (table::span(answer, cell), Share::new(cell.returned, cell.of))).collect();
    Shares { of: answer.customers, by_name }
}
