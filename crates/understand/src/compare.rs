//! Two groups side by side, and how they differ.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use evidence::{Difference, Doubt, Mean, MeanDifference, Share, Z};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::table::{Cell, Table};
use crate::views::Doubted;

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
    /// Lower end of the interval of the difference; null where a group has no interval of its own.
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

/// One share in both groups. The interval is Newcombe's hybrid score interval at 95 %. A group in which there is nothing
/// to have a share of has none, and no difference from the other.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Differing {
    /// What it is a share of.
    pub what: String,
    /// The share in the first group.
    pub a: Option<f64>,
    /// The share in the second group.
    pub b: Option<f64>,
    /// `a - b`.
    pub difference: Option<f64>,
    /// Lower end of the interval of the difference.
    pub low: Option<f64>,
    /// Upper end of the interval of the difference.
    pub high: Option<f64>,
    /// How many in the first group.
    pub a_count: u64,
    /// Of how many.
    pub a_of: u64,
    /// How many in the second group.
    pub b_count: u64,
    /// Of how many.
    pub b_of: u64,
}

/// The JSON Schema of the answer for two groups, whatever the view: the answer of each group is as the schema of the view
/// says.
pub fn schema() -> serde_json::Value {
    schemars::schema_for!(Comparison<serde_json::Value>).to_value()
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
        differences.sort_by_key(|d| Reverse(ordered(d.difference.unwrap_or_default().abs())));
        let known = differences.iter().filter(|d| d.difference.is_some()).count() as u64;
        let empty = |name: &str, shares: &Shares| {
            let nothing = shares.of == 0 && shares.by_name.values().all(|share| share.of == 0);
            nothing.then(|| Doubt::EmptyGroup { group: name.to_owned() })
        };
        let empty = [empty(a.0, &shares_a), empty(b.0, &shares_b)];
        let doubts = [Some(Doubt::NotRandomised), Doubt::many_compared(known)].into_iter().chain(empty);
        let groups = [a, b].into_iter().map(|(name, answer)| Group { name: name.to_owned(), answer }).collect();
        Self { groups, differences, means: Vec::new(), doubts: doubts.flatten().collect() }
    }

    /// With the means and scores that both answers have.
    pub(crate) fn with_means(mut self, means: impl Fn(&A) -> Means) -> Self {
        let [a, b] = [0, 1].map(|group: usize| means(&self.groups[group].answer));
        self.means = a.into_iter().filter_map(|(what, a)| MeanDiffering::new(&what, a, *b.get(&what)?)).collect();
        let known = self.differences.iter().filter(|d| d.difference.is_some()).count();
        let many = Doubt::many_compared((known + self.means.len()) as u64);
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
            let shares = [d.a, d.b].map(Cell::share);
            let differences = [d.difference, d.low, d.high].map(Cell::difference);
            table.row([[Cell::Text(d.what.as_str().into())].as_slice(), &shares, &differences].concat());
        }
        table.cut(limit, "differences");
        table.doubts(&self.doubts)
    }

    /// The same for a program, which does not know what the groups are called: under the names of the JSON answer, with
    /// the names and the counts of both.
    pub(crate) fn raw_table(&self, title: &str, limit: usize) -> Table {
        let headers =
            ["what", "a_group", "a", "a_count", "a_of", "b_group", "b", "b_count", "b_of", "difference", "low", "high"];
        let mut table = Table { headers: headers.map(str::to_owned).to_vec(), ..self.table(title, limit) };
        for (row, d) in table.rows.iter_mut().zip(&self.differences) {
            let name = |group: usize| Cell::Text(self.groups[group].name.as_str().into());
            let [what, a, b, difference, low, high] = <[Cell; 6]>::try_from(std::mem::take(row)).expect("six columns");
            let group = |group, share, count, of| [name(group), share, Cell::Count(count), Cell::Count(of)];
            let groups = [group(0, a, d.a_count, d.a_of), group(1, b, d.b_count, d.b_of)].concat();
            *row = [vec![what], groups, vec![difference, low, high]].concat();
        }
        table
    }
}

impl Differing {
    fn new(what: &str, a: Share, b: Share) -> Self {
        let between = Difference::between(a, b);
        Self {
            what: what.to_owned(),
            a: a.share,
            b: b.share,
            difference: between.difference,
            low: between.low,
            high: between.high,
            a_count: a.count,
            a_of: a.of,
            b_count: b.count,
            b_of: b.of,
        }
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

/// Leaves in a list of each answer what is among the first `limit` in any of them, so that what is shown of one group can be
/// looked up in the other; 0 leaves all. A list that is no longer whole is doubted.
pub(crate) fn shorten<A: Doubted, T, K: Ord + Clone>(
    answers: &mut [A],
    limit: usize,
    what: &str,
    list: impl Fn(&mut A) -> &mut Vec<T>,
    name: impl Fn(&T) -> &K,
) {
    let mut first: BTreeSet<K> = BTreeSet::new();
    for answer in answers.iter_mut() {
        first.extend(list(answer).iter().take(limit).map(|one| name(one).clone()));
    }
    for answer in answers {
        let list = list(answer);
        let of = list.len() as u64;
        list.retain(|one| limit == 0 || first.contains(name(one)));
        let doubt = Doubt::truncated(what, list.len() as u64, of);
        answer.doubts_mut().extend(doubt);
    }
}

/// A number from 0 to 1 in a form that sorts.
fn ordered(size: f64) -> u64 {
    size.to_bits()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Groups of 4 and of nobody.
    fn with_nobody() -> Comparison<()> {
        let shares = |of: u64| Shares { of, by_name: BTreeMap::from([("a".to_owned(), Share::new(of / 2, of))]) };
        let mut groups = [4, 0].into_iter();
        // Both answers are nothing, so the shares tell the groups apart by their turn.
        let turn = std::cell::RefCell::new(&mut groups);
        Comparison::new(("Web", ()), ("App", ()), |()| shares(turn.borrow_mut().next().expect("two groups")))
    }

    #[test]
    fn nobody_has_no_share_and_no_difference() {
        let comparison = with_nobody();
        let [d] = comparison.differences.as_slice() else { panic!("{comparison:?}") };
        assert_eq!((d.a, d.b, d.difference, d.low, d.high), (Some(0.5), None, None, None, None));
        assert!(comparison.doubts.contains(&Doubt::EmptyGroup { group: "App".to_owned() }));
        let table = comparison.table("map", 0);
        assert_eq!(table.rows[0][1..], [Cell::Share(0.5), Cell::Empty, Cell::Empty, Cell::Empty, Cell::Empty]);
        assert_eq!(
            comparison.raw_table("map", 0).csv(),
            "what,a_group,a,a_count,a_of,b_group,b,b_count,b_of,difference,low,high\r\na,Web,0.5,2,4,App,,0,0,,,\r\n"
        );
    }
}
