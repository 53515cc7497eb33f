//! The typical paths: which sequences of moments journeys have, and how many journeys have each.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::sync::Arc;

use evidence::{Doubt, Share, counted};
use journey::{Fold, Hands, Journey, Moments, Setting};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::compare::Shares;
use crate::count::Customers;
use crate::kept;
use crate::question::{Names, Question, number};
use crate::sequences::{Sequences, Waiting, decode};
use crate::table::{Cell, Table};
use crate::{Comparison, Error};

/// The options of the variants.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// How many variants are shown, the most frequent first; 0 for all.
    pub limit: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { limit: 20 }
    }
}

impl Question for Options {
    const NAME: &'static str = "variants";
    const OPTIONS: &'static [(&'static str, &'static str)] = &[("limit", "how many paths are listed; 0 for all")];
    type Answer = Answer;
    type Fold = VariantsFold;

    fn set(&mut self, option: &str, value: &str) -> Result<(), Error> {
        match option {
            "limit" => self.limit = number(Self::NAME, option, value)?,
            _ => return Err(Error::unknown_option(Self::NAME, option, Self::OPTIONS)),
        }
        Ok(())
    }

    fn limit(&self) -> usize {
        self.limit
    }

    fn fold(&self, _: &Setting) -> VariantsFold {
        VariantsFold {
            limit: self.limit,
            journeys: 0,
            customers: Customers::default(),
            sequences: Sequences::default(),
            waiting: Waiting::default(),
        }
    }

    fn compare(
        mut a: (&str, VariantsFold),
        mut b: (&str, VariantsFold),
        moments: &Moments,
    ) -> Result<Comparison<Answer>, Error> {
        a.1.sequences.add_waiting(&mut a.1.waiting);
        b.1.sequences.add_waiting(&mut b.1.waiting);
        let names = Names::of(moments);
        // What is typical in either group is looked up in both.
        let typical = |fold: &VariantsFold| -> Vec<Vec<u8>> {
            fold.top(&names).into_iter().map(|number| fold.sequences.bytes_of(number).to_vec()).collect()
        };
        let either: BTreeSet<Vec<u8>> = typical(&a.1).into_iter().chain(typical(&b.1)).collect();
        let answer = |fold: &mut VariantsFold| {
            let shown: Vec<&[u8]> = either.iter().map(Vec::as_slice).collect();
            let counts = fold.sequences.counts_of(&shown);
            fold.answer(shown.into_iter().zip(counts).collect(), &names)
        };
        Ok(Comparison::new((a.0, answer(&mut a.1)), (b.0, answer(&mut b.1)), shares))
    }

    fn tables(answer: &Answer) -> Vec<Table> {
        vec![table(answer)]
    }
}

/// The typical paths.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// The number of journeys.
    pub journeys: u64,
    /// The number of customers.
    pub customers: u64,
    /// How many variants are shown.
    pub shown: u64,
    /// How many variants there are.
    pub of: u64,
    /// The share of journeys that have one of the variants shown.
    pub covered_share: Option<f64>,
    /// The variants, most frequent first.
    pub variants: Vec<Variant>,
    /// What stands against these figures.
    pub doubts: Vec<Doubt>,
}

/// A sequence of moments that journeys have from start to end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Variant {
    /// The moments in order, repeats kept.
    pub sequence: Vec<Arc<str>>,
    /// How many journeys have it.
    pub count: u64,
    /// As a share of all journeys.
    pub share: Option<f64>,
    /// Lower end of the 95 % interval of that share.
    pub share_low: Option<f64>,
    /// Upper end.
    pub share_high: Option<f64>,
    /// The share of journeys that have this variant or one before it in the list.
    pub covered_share: Option<f64>,
}

/// What the variants count.
#[derive(Debug)]
pub struct VariantsFold {
    limit: usize,
    journeys: u64,
    customers: Customers,
    sequences: Sequences,
    waiting: Waiting,
}

impl Fold for VariantsFold {
    type Answer = Result<Answer, Error>;

    #[inline]
    fn journey(&mut self, journey: &Journey<'_>) {
        self.customers.enter(journey.customer);
        self.journeys += 1;
        if self.waiting.push(journey.moments) {
            self.sequences.add_waiting(&mut self.waiting);
        }
    }

    fn merge(&mut self, mut other: Self) {
        self.sequences.add_waiting(&mut self.waiting);
        other.sequences.add_waiting(&mut other.waiting);
        self.journeys += other.journeys;
        self.customers.merge(&other.customers);
        self.sequences.merge(other.sequences);
    }

    fn size(&self) -> usize {
        self.sequences.len()
    }

    fn settle(&mut self, _: &dyn Hands) {
        self.sequences.add_waiting(&mut self.waiting);
    }

    fn keep(&mut self) -> Option<Vec<u8>> {
        self.sequences.add_waiting(&mut self.waiting);
        kept::keep_in(&(self.journeys, &self.customers, self.sequences.keep()?), self.sequences.room())
    }

    fn can_keep(&mut self) -> bool {
        self.sequences.can_keep()
    }

    fn resume(&mut self, kept: &[u8]) -> bool {
        let Some((journeys, customers, sequences)) = kept::resume(kept) else { return false };
        (self.journeys, self.customers) = (journeys, customers);
        self.sequences.resume(sequences);
        true
    }

    fn subtract(&mut self, mut other: Self) {
        self.sequences.add_waiting(&mut self.waiting);
        other.sequences.add_waiting(&mut other.waiting);
        self.journeys -= other.journeys;
        self.customers.subtract(&other.customers);
        self.sequences.subtract(other.sequences);
    }

    fn finish(mut self, moments: &Moments) -> Result<Answer, Error> {
        self.sequences.add_waiting(&mut self.waiting);
        let names = Names::of(moments);
        let top = self.top(&names);
        let shown =
            top.into_iter().map(|number| (self.sequences.bytes_of(number), self.sequences.count(number))).collect();
        Ok(self.answer(shown, &names))
    }
}

impl VariantsFold {
    /// The numbers of the most frequent sequences, in no order; all of them where there is no limit.
    fn top(&self, names: &Names) -> Vec<usize> {
        let (all, limit) = (self.sequences.len(), self.limit);
        if limit == 0 || limit >= all {
            return self.sequences.numbers().collect();
        }
        let item = |number: usize| (self.sequences.bytes_of(number), self.sequences.count(number));
        // Most sequences lose against the least of those kept, at one comparison each, in the order they lie in memory.
        let kept_max = limit.saturating_mul(2).max(256);
        let mut kept: Vec<usize> = Vec::with_capacity(kept_max.min(all));
        let mut least = None;
        for number in self.sequences.numbers() {
            if least.is_some_and(|least| order(&item(number), &item(least), names) == Ordering::Greater) {
                continue;
            }
            kept.push(number);
            if kept.len() == kept_max {
                least = Some(keep(&mut kept, limit, |a, b| order(&item(*a), &item(*b), names)));
            }
        }
        if kept.len() > limit {
            keep(&mut kept, limit, |a, b| order(&item(*a), &item(*b), names));
        }
        kept
    }

    fn answer(&self, mut shown: Vec<(&[u8], u64)>, names: &Names) -> Answer {
        shown.sort_unstable_by(|a, b| order(a, b, names));
        let mut covered = 0;
        let variants: Vec<Variant> = shown
            .into_iter()
            .map(|(bytes, count)| {
                covered += count;
                let share = Share::new(count, self.journeys);
                Variant {
                    sequence: decode(bytes).map(|moment| names.name(moment)).collect(),
                    count,
                    share: share.share,
                    share_low: share.low,
                    share_high: share.high,
                    covered_share: Share::new(covered, self.journeys).share,
                }
            })
            .collect();
        let (shown, of) = (variants.len() as u64, self.sequences.numbers().count() as u64);
        let doubts = [Doubt::few("journeys", self.journeys), Doubt::truncated("variants", shown, of)];
        Answer {
            journeys: self.journeys,
            customers: self.customers.count(),
            shown,
            of,
            covered_share: Share::new(covered, self.journeys).share,
            variants,
            doubts: doubts.into_iter().flatten().collect(),
        }
    }
}

/// Keeps the first `limit` of a list and gives back the last one of them.
fn keep(kept: &mut Vec<usize>, limit: usize, order: impl Fn(&usize, &usize) -> Ordering) -> usize {
    kept.select_nth_unstable_by(limit - 1, order);
    kept.truncate(limit);
    kept[limit - 1]
}

/// The most frequent first; among equals, by the names of the moments one after the other.
fn order(a: &(&[u8], u64), b: &(&[u8], u64), names: &Names) -> Ordering {
    let ranks = |bytes| decode(bytes).map(|moment| names.rank(moment));
    b.1.cmp(&a.1).then_with(|| ranks(a.0).cmp(ranks(b.0)))
}

fn path(sequence: &[Arc<str>]) -> String {
    sequence.join(" → ")
}

fn shares(answer: &Answer) -> Shares {
    let variants = answer.variants.iter();
    let by_name = variants.map(|v| (path(&v.sequence), Share::new(v.count, answer.journeys))).collect();
    Shares { of: answer.journeys, by_name }
}

fn table(answer: &Answer) -> Table {
    let mut table =
        Table::new("Typical paths", &["sequence", "count", "share", "share_low", "share_high", "covered_share"]);
    for variant in &answer.variants {
        table.row([
            Cell::Path(variant.sequence.clone()),
            Cell::Count(variant.count),
            Cell::share(variant.share),
            Cell::share(variant.share_low),
            Cell::share(variant.share_high),
            Cell::share(variant.covered_share),
        ]);
    }
    let (journeys, covered) = (counted(answer.journeys, "journey", "journeys"), Cell::share(answer.covered_share));
    table.notes.push(format!("{journeys}, {covered} of them shown"));
    table.doubts(&answer.doubts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use journey::Selection;

    fn variants(log: &str, limit: usize) -> Answer {
        let log = testkit::log(log);
        testkit::answer(&log, &Selection::default(), || Options { limit }.fold(&log.setting()))
            .expect("always an answer")
    }

    #[test]
    fn the_most_frequent_come_first_then_by_name() {
        let answer = variants("1: z b; 2: z a; 3: z b; 4: a a a; 5: z a; 6: z", 0);
        let found: Vec<_> = answer.variants.iter().map(|v| (path(&v.sequence), v.count)).collect();
        let wanted = [("z → a", 2), ("z → b", 2), ("a → a → a", 1), ("z", 1)];
        assert_eq!(found, wanted.map(|(path, count)| (path.to_owned(), count)));
        assert_eq!(answer.variants[1].covered_share, Some(4.0 / 6.0));
    }

    #[test]
    fn a_part_is_the_beginning_of_the_whole() {
        let log = (0..700).map(|i| format!("{i}: a b{} c{}", i % 23, i % 31)).collect::<Vec<_>>().join("\n");
        let all = variants(&log, 0);
        assert_eq!((all.of, all.shown), (700, 700));
        for limit in [1, 20, 300, 699] {
            let part = variants(&log, limit);
            assert_eq!(part.variants, all.variants[..limit]);
            assert_eq!((part.shown, part.of), (limit as u64, 700));
            assert!(part.doubts.contains(&Doubt::Truncated {
                what: "variants".to_owned(),
                shown: part.shown,
                of: 700
            }));
        }
    }
}
