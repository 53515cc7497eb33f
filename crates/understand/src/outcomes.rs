//! What the business got after something, for cases that came about in one of two ways: the part that views share which say
//! what something costs.
//!
//! A case is followed from a time that both ways have in common, so that neither has more time for an outcome than the other,
//! and it counts only once the outcome's horizon is over: who was last seen yesterday did not yet fail to renew within 90
//! days.

use charter::Charter;
use charter::journeys::{Outcome, Worth};
use evidence::{Difference, Doubt, MeanDifference, Share, Sums};
use journey::{Journey, Of, Run, Wanted, flag};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::pending::Pending;
use crate::table::{Cell, Table};

/// An outcome of the charter among the cases of two groups.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OutcomeBetween {
    /// The outcome.
    pub outcome: String,
    /// Whether less of it is better.
    pub bad: bool,
    /// How long after a case it counts as its result, in seconds; null where the charter gives no horizon: then until the
    /// end of what is known.
    pub horizon_s: Option<f64>,
    /// The two groups.
    pub groups: Vec<OutcomeAmong>,
    /// The share of the first group less that of the second.
    pub difference: Option<f64>,
    /// Lower end of the 95 % interval of the difference.
    pub difference_low: Option<f64>,
    /// Upper end.
    pub difference_high: Option<f64>,
    /// The mean value of the first group less that of the second; null where the charter says no value.
    pub value_difference: Option<f64>,
    /// Lower end of its 95 % interval (Welch).
    pub value_difference_low: Option<f64>,
    /// Upper end.
    pub value_difference_high: Option<f64>,
}

/// An outcome among the cases of one group.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OutcomeAmong {
    /// What the group is called.
    pub group: String,
    /// After how many cases the outcome came, within the horizon.
    pub count: u64,
    /// Of how many cases whose horizon is over.
    pub of: u64,
    /// As a share.
    pub share: Option<f64>,
    /// Lower end of the 95 % interval of that share.
    pub share_low: Option<f64>,
    /// Upper end.
    pub share_high: Option<f64>,
    /// What it was worth, per case, whether it came or not; null where the charter says no value.
    pub value_mean: Option<f64>,
    /// Lower end of its 95 % interval (Student's t); null with fewer than two cases, or all equal.
    pub value_mean_low: Option<f64>,
    /// Upper end.
    pub value_mean_high: Option<f64>,
}

/// What an event that is an outcome is worth.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Amount {
    Each(f64),
    /// The number at this position.
    Number(usize),
}

impl Amount {
    /// What the charter says of an outcome, which is the condition at this position.
    pub(crate) fn of(worth: &Worth, holds: usize, wanted: &mut Wanted) -> Self {
        match worth {
            Worth::Amount(amount) => Amount::Each(*amount),
            Worth::Column(column) => Amount::Number(wanted.number(column, Of::Condition(holds))),
        }
    }
}

/// The charter's outcomes, as they are looked for in runs.
#[derive(Debug, Clone)]
pub(crate) struct Outcomes {
    all: Vec<Outcome>,
    /// By outcome, the flag of events that are it.
    flags: Vec<u64>,
    /// By outcome, what it is worth.
    amounts: Vec<Option<Amount>>,
    horizons_us: Vec<Option<i64>>,
    until_us: i64,
    /// Whose times are known.
    customer: Option<i64>,
    /// By outcome, where it came in the run at hand.
    came: Vec<Vec<usize>>,
}

impl Outcomes {
    /// The outcomes of a charter, whose conditions become wanted.
    pub(crate) fn new(charter: &Charter, wanted: &mut Wanted, until_us: i64) -> Self {
        let mut each = |outcome: &Outcome| {
            let holds = wanted.condition(&outcome.when);
            (flag::wanted(holds), outcome.value.as_ref().map(|worth| Amount::of(worth, holds, wanted)))
        };
        let (flags, amounts) = charter.outcomes.iter().map(&mut each).unzip();
        Self {
            all: charter.outcomes.clone(),
            flags,
            amounts,
            horizons_us: charter.outcomes.iter().map(|outcome| outcome.horizon?.as_micros()).collect(),
            until_us,
            customer: None,
            came: vec![Vec::new(); charter.outcomes.len()],
        }
    }

    /// Whether the charter has none.
    pub(crate) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Nothing counted yet.
    pub(crate) fn counts(&self) -> Counts {
        Counts(vec![[Group::default(); 2]; self.all.len()])
    }

    /// Counts a case of a journey's customer in one of two groups: what came with the event at `first` of the run or later,
    /// and from `from_us` on, when the horizon begins. What is not over is pending.
    pub(crate) fn count(
        &mut self,
        journey: &Journey<'_>,
        first: usize,
        from_us: i64,
        group: usize,
        counts: &mut Counts,
        pending: &mut Pending,
    ) {
        if self.customer != Some(journey.customer) {
            self.customer = Some(journey.customer);
            self.learn(journey.run);
        }
        for (n, counts) in counts.0.iter_mut().enumerate() {
            let end_us = self.horizons_us[n].map_or(self.until_us, |horizon_us| from_us.saturating_add(horizon_us));
            if end_us > self.until_us || from_us > self.until_us {
                pending.note(journey.customer, end_us.max(from_us));
                continue;
            }
            let came = &self.came[n];
            let at_us = journey.run.at_us;
            // Positions are in the order of times, so both bounds are one.
            let next = came.partition_point(|at| *at < first || at_us[*at] < from_us);
            let in_time = || came[next..].iter().take_while(|at| at_us[**at] <= end_us);
            let group = &mut counts[group];
            group.count += u64::from(in_time().next().is_some());
            group.of += 1;
            if let Some(amount) = self.amounts[n] {
                let value = |at: &usize| match amount {
                    Amount::Each(amount) => amount,
                    Amount::Number(position) => journey.run.details.numbers[position][journey.run.begins + at],
                };
                // One of which nobody said what it is worth adds nothing.
                group.value.add(in_time().map(value).filter(|value| !value.is_nan()).sum());
            }
        }
    }

    /// Finds the outcomes of a run in one pass over its flags.
    fn learn(&mut self, run: &Run<'_>) {
        let any = self.flags.iter().fold(0, |all, flag| all | flag);
        self.came.iter_mut().for_each(Vec::clear);
        for (i, flags) in run.flags.iter().enumerate().filter(|(_, flags)| *flags & any != 0) {
            for (came, flag) in self.came.iter_mut().zip(&self.flags) {
                if flags & flag != 0 {
                    came.push(i);
                }
            }
        }
    }

    /// What was counted, in the order of the charter.
    pub(crate) fn finish(&self, counts: &Counts, groups: [&str; 2]) -> Vec<OutcomeBetween> {
        let each = self.all.iter().zip(&counts.0);
        each.map(|(outcome, counts)| {
            let mut between = OutcomeBetween::new(&outcome.name, groups, counts.map(|group| [group.count, group.of]));
            if outcome.value.is_some() {
                between.weigh(counts.map(|group| group.value));
            }
            between.bad = outcome.bad;
            between.horizon_s = outcome.horizon.and_then(event::Span::as_micros).map(|us| us as f64 / 1e6);
            between
        })
        .collect()
    }
}

impl OutcomeBetween {
    /// A good outcome without a horizon: in each group, after how many cases it came, and of how many.
    pub(crate) fn new(outcome: &str, groups: [&str; 2], counts: [[u64; 2]; 2]) -> Self {
        let shares = counts.map(|[count, of]| Share::new(count, of));
        let Difference { difference, low, high, .. } = Difference::between(shares[0], shares[1]);
        let among = |(group, share): (&str, Share)| OutcomeAmong {
            group: group.to_owned(),
            count: share.count,
            of: share.of,
            share: share.share,
            share_low: share.low,
            share_high: share.high,
            value_mean: None,
            value_mean_low: None,
            value_mean_high: None,
        };
        Self {
            outcome: outcome.to_owned(),
            bad: false,
            horizon_s: None,
            groups: groups.into_iter().zip(shares).map(among).collect(),
            difference,
            difference_low: low,
            difference_high: high,
            value_difference: None,
            value_difference_low: None,
            value_difference_high: None,
        }
    }

    /// Says what it was worth in each group.
    fn weigh(&mut self, values: [Sums; 2]) {
        let means = values.map(|sums| sums.mean());
        for (group, mean) in self.groups.iter_mut().zip(means) {
            (group.value_mean, group.value_mean_low, group.value_mean_high) = (mean.mean, mean.low, mean.high);
        }
        let MeanDifference { difference, low, high } = MeanDifference::between(means[0], means[1]);
        (self.value_difference, self.value_difference_low, self.value_difference_high) = (difference, low, high);
    }
}

/// What is counted by outcome and group.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Counts(Vec<[Group; 2]>);

/// After how many cases an outcome came, of how many, and what it was worth after each.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Group {
    count: u64,
    of: u64,
    value: Sums,
}

impl Counts {
    pub(crate) fn merge(&mut self, other: &Self) {
        for (ours, theirs) in self.0.iter_mut().flatten().zip(other.0.iter().flatten()) {
            ours.count += theirs.count;
            ours.of += theirs.of;
            ours.value.merge(&theirs.value);
        }
    }

    pub(crate) fn subtract(&mut self, other: &Self) {
        for (ours, theirs) in self.0.iter_mut().flatten().zip(other.0.iter().flatten()) {
            ours.count -= theirs.count;
            ours.of -= theirs.of;
            ours.value.subtract(&theirs.value);
        }
    }
}

/// What stands against the differences of outcomes, where there are any.
pub(crate) fn doubts(between: &[OutcomeBetween]) -> Vec<Doubt> {
    let any = (!between.is_empty()).then_some(Doubt::NotRandomised);
    any.into_iter().chain(Doubt::many_compared(between.len() as u64)).collect()
}

/// The outcomes as a table; `title` says after what.
pub(crate) fn table(title: &str, groups: [&str; 2], between: &[OutcomeBetween]) -> Table {
    let headers = ["outcome", groups[0], groups[1], "difference", "low", "high"];
    let mut table = Table::new(title, &headers);
    for outcome in between {
        let bad = if outcome.bad { " (bad)" } else { "" };
        let differences = [outcome.difference, outcome.difference_low, outcome.difference_high];
        let mut row = vec![Cell::Text(format!("{}{bad}", outcome.outcome).into())];
        row.extend(outcome.groups.iter().map(|group| Cell::share(group.share)));
        row.extend(differences.map(Cell::difference));
        table.row(row);
        // Where nobody is in one group there is no difference, but the other has its value.
        if outcome.groups.iter().any(|group| group.value_mean.is_some()) {
            let number = |number: Option<f64>| number.map_or(Cell::Empty, Cell::Number);
            let differences = [outcome.value_difference, outcome.value_difference_low, outcome.value_difference_high];
            let mut row = vec![Cell::Text(format!("{}{bad}: value per case", outcome.outcome).into())];
            row.extend(outcome.groups.iter().map(|group| number(group.value_mean)));
            row.extend(differences.map(number));
            table.row(row);
        }
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use journey::{Runs, Selection};

    const CHARTER: &str = "\
charter: 1
outcomes:
  order: {when: event = 'order', horizon: 10s}
  any_time: {when: event = 'order'}
";

    /// Counts a case of group 0 at every `case` event.
    fn counted(log: &str, from_s: i64) -> Vec<[[u64; 2]; 2]> {
        let told = testkit::told(CHARTER, log);
        let log = told.log(None, |charter, wanted| {
            Outcomes::new(charter, wanted, 0);
        });
        let setting = log.setting();
        let mut outcomes = Outcomes::new(&setting.charter, &mut (*setting.wanted).clone(), setting.until_us);
        let mut counts = outcomes.counts();
        let mut runs = Runs::default();
        let case = log.moments.find("case").expect("there is one");
        let mut each = |run: &Run<'_>| {
            Selection::default().journeys(run, |journey, _| {
                for i in (0..journey.moments.len()).filter(|i| journey.moments[*i] == case) {
                    let from_us = journey.at_us[i] + from_s * 1_000_000;
                    outcomes.count(journey, i + 1, from_us, 0, &mut counts, &mut Pending::new(setting.until_us));
                }
            });
        };
        runs.feed(&log.columns(), &mut each);
        runs.finish(&mut each);
        let plain = counts.0.iter().map(|counts| counts.map(|group| [group.count, group.of]));
        plain.collect()
    }

    #[test]
    fn the_value_of_one_group_is_told_where_nobody_is_in_the_other() {
        let told = |counts: [[u64; 2]; 2], values: [&[f64]; 2]| {
            let mut between = OutcomeBetween::new("order", ["with", "without"], counts);
            between.weigh(values.map(|values| {
                let mut sums = Sums::default();
                assert!(values.iter().all(|value| sums.add(*value)));
                sums
            }));
            table("After it", ["with", "without"], &[between]).rows
        };
        let rows = told([[2, 2], [0, 0]], [&[10.0, 20.0], &[]]);
        assert_eq!(rows.len(), 2);
        assert_eq!(rows[1][1..4], [Cell::Number(15.0), Cell::Empty, Cell::Empty]);
        assert_eq!(told([[0, 0], [0, 0]], [&[], &[]]).len(), 1, "of nothing there is no value");
    }

    #[test]
    fn only_what_comes_after_and_within_counts_and_only_where_the_time_is_over() {
        // The last event is at 100: until then everything is known.
        let end = "z: x@100";
        assert_eq!(
            counted(&format!("a: order@0 case@0; {end}"), 0),
            [[[0, 1], [0, 0]]; 2],
            "before it, at the same time"
        );
        assert_eq!(counted(&format!("a: case@0 order@10; {end}"), 0), [[[1, 1], [0, 0]]; 2]);
        assert_eq!(counted(&format!("a: case@0 order@11; {end}"), 0), [[[0, 1], [0, 0]], [[1, 1], [0, 0]]]);
        assert_eq!(counted(&format!("a: case@91; {end}"), 0), [[[0, 0], [0, 0]], [[0, 1], [0, 0]]], "not yet over");
        assert_eq!(counted(&format!("a: case@0 order@3; {end}"), 5), [[[0, 1], [0, 0]]; 2], "before it counts");
        assert_eq!(counted(&format!("a: case@0 order@15 case@20 order@40; {end}"), 5)[0], [[1, 2], [0, 0]]);
    }
}
