//! Two groups side by side, and how they differ.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use evidence::{Difference, Doubt, Share};
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
    /// What stands against these figures.
    pub doubts: Vec<Doubt>,
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
        Self { groups, differences, doubts: doubts.into_iter().flatten().collect() }
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

/// A number from 0 to 1 in a form that sorts.
fn ordered(size: f64) -> u64 {
    size.to_bits()
}
