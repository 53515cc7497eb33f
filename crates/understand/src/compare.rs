//! Two groups side by side, and how they differ.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use evidence::{Difference, Doubt, Mean, MeanDifference, Share, Z};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::table::{Cell, Table};

/// The answers for two groups and their differences, the largest first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Comparison<A> {
    /// The two groups.
    pub groups: Vec<Group<A>>,
    /// Every share that both answers have, and how it differs.
    pub differences: Vec<Differing>,
    /// Every mean and score that both answers have, and how it differs, in the order of their names.
    pub means: Vec<MeanDiffering>,
    /// What stands against these figures.
    pub doubts: Vec<Doubt>,
}

/// One mean or score in both groups. The interval of a difference of means is Welch's at 95 %, that of NPS follows from the
/// standard errors of both.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MeanDiffering {
    /// What it is the mean of, or the score.
    pub what: String,
    /// The mean in the first group.
    pub a: f64,
    /// The mean in the second group.
    pub b: f64,
    /// `a - b`.
    pub difference: f64,
    /// Lower end of the interval of the difference; null where a group has fewer than two cases.
    pub low: Option<f64>,
    /// Upper end of the interval of the difference.
    pub high: Option<f64>,
    /// Of how many cases in the first group.
    pub a_n: u64,
    /// Of how many cases in the second group.
    pub b_n: u64,
}

/// A mean, or a score with its standard error.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Figured {
    Mean(Mean),
    Score { n: u64, score: Option<f64>, error: Option<f64> },
}

/// Means and scores by what they are of.
pub(crate) type Means = BTreeMap<String, Figured>;

impl From<Mean> for Figured {
    fn from(mean: Mean) -> Self {
        Self::Mean(mean)
    }
}

/// One group and its answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Group<A> {
    /// What the group is called.
    pub name: String,
    /// The answer for its journeys alone.
    pub answer: A,
}

/// One share in both groups. The interval is Newcombe's hybrid score interval at 95 %.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Differing {
    /// What it is a share of.
    pub what: String,
    /// The share in the first group.
    pub a: f64,
    /// The share in the second group.
    pub b: f64,
    /// `a - b`.
    pub difference: f64,
    /// Lower end of the interval of the difference.
    pub low: f64,
    /// Upper end of the interval of the difference.
    pub high: f64,
    /// How many in the first group.
    pub a_count: u64,
    /// Of how many.
    pub a_of: u64,
    /// How many in the second group.
    pub b_count: u64,
    /// Of how many.
    pub b_of: u64,
}

/// The shares of an answer by what they are shares of.
pub(crate) struct Shares {
    /// Of how many a share is that the other group has and this one has not.
    pub(crate) of: u64,
    pub(crate) by_name: BTreeMap<String, Share>,
}

impl<A> Comparison<A> {
    /// Sets two answers side by side.
    pub(crate) fn new(a: (&str, A), b: (&str, A), shares: impl Fn(&A) -> Shares) -> Self {
        let (shares_a, shares_b) = (shares(&a.1), shares(&b.1));
        let share =
            |shares: &Shares, what: &str| shares.by_name.get(what).copied().unwrap_or_else(|| Share::new(0, shares.of));
        let mut all: Vec<&String> = shares_a.by_name.keys().chain(shares_b.by_name.keys()).collect();
        all.sort_unstable();
        all.dedup();
        let mut differences: Vec<Differing> =
            all.into_iter().map(|what| Differing::new(what, share(&shares_a, what), share(&shares_b, what))).collect();
        // The names are in order already, and the sort keeps the order of equals.
        differences.sort_by_key(|d| Reverse(ordered(d.difference.abs())));
        let doubts = [Some(Doubt::NotRandomised), Doubt::many_compared(differences.len() as u64)];
        let groups = [a, b].into_iter().map(|(name, answer)| Group { name: name.to_owned(), answer }).collect();
        Self { groups, differences, means: Vec::new(), doubts: doubts.into_iter().flatten().collect() }
    }

    /// With the means and scores that both answers have.
    pub(crate) fn with_means(mut self, means: impl Fn(&A) -> Means) -> Self {
        let [a, b] = [0, 1].map(|group: usize| means(&self.groups[group].answer));
        self.means = a.into_iter().filter_map(|(what, a)| MeanDiffering::new(&what, a, *b.get(&what)?)).collect();
        let many = Doubt::many_compared((self.differences.len() + self.means.len()) as u64);
        self.doubts.retain(|doubt| !matches!(doubt, Doubt::ManyCompared { .. }));
        self.doubts.extend(many);
        self
    }

    /// The differences of means and scores as a table; `None` where there are none.
    pub(crate) fn means_table(&self, title: &str) -> Option<Table> {
        let names: Vec<&str> = self.groups.iter().map(|group| &*group.name).collect();
        let title = format!("{title}, means: {}", names.join(" against "));
        let mut table = Table::new(&title, &[&["what"][..], &names, &["difference", "low", "high"]].concat());
        for d in &self.means {
            let ends = [d.low, d.high].map(|end| end.map_or(Cell::Empty, Cell::Number));
            let figures = [d.a, d.b, d.difference].map(Cell::Number);
            table.row([[Cell::Text(d.what.as_str().into())].as_slice(), &figures, &ends].concat());
        }
        (!table.rows.is_empty()).then_some(table)
    }

    /// The differences as a table of at most `limit` rows; 0 for all.
    pub(crate) fn table(&self, title: &str, limit: usize) -> Table {
        let names: Vec<&str> = self.groups.iter().map(|group| &*group.name).collect();
        let title = format!("{title}: {}", names.join(" against "));
        let mut table = Table::new(&title, &[&["what"][..], &names, &["difference", "low", "high"]].concat());
        for d in &self.differences {
            let shares = [d.a, d.b].map(Cell::Share);
            let differences = [d.difference, d.low, d.high].map(Cell::Difference);
            table.row([[Cell::Text(d.what.as_str().into())].as_slice(), &shares, &differences].concat());
        }
        table.cut(limit, "differences");
        table.doubts(&self.doubts)
    }
}

impl Differing {
    fn new(what: &str, a: Share, b: Share) -> Self {
        let Difference { difference, low, high, .. } = Difference::between(a, b);
        let what = what.to_owned();
        let (a_count, a_of, b_count, b_of) = (a.count, a.of, b.count, b.of);
        Self { what, a: a.share, b: b.share, difference, low, high, a_count, a_of, b_count, b_of }
    }
}

impl MeanDiffering {
    fn new(what: &str, a: Figured, b: Figured) -> Option<Self> {
        let (a_n, b_n, mean_a, mean_b, ends) = match (a, b) {
            (Figured::Mean(a), Figured::Mean(b)) => {
                let between = MeanDifference::between(a, b);
                (a.n, b.n, a.mean?, b.mean?, between.low.zip(between.high))
            }
            (Figured::Score { n, score, error }, Figured::Score { n: b_n, score: b, error: of_b }) => {
                let (a, b) = (score?, b?);
                let spread = error.zip(of_b).map(|(of_a, of_b)| Z * of_a.hypot(of_b));
                (n, b_n, a, b, spread.map(|spread| (a - b - spread, a - b + spread)))
            }
            _ => return None,
        };
        Some(Self {
            what: what.to_owned(),
            a: mean_a,
            b: mean_b,
            difference: mean_a - mean_b,
            low: ends.map(|ends| ends.0),
            high: ends.map(|ends| ends.1),
            a_n,
            b_n,
        })
    }
}

/// A number from 0 to 1 in a form that sorts.
fn ordered(size: f64) -> u64 {
    size.to_bits()
}
