//! The segments: how many customers belong to each, what they do and reach, and how segments overlap.

use std::collections::BTreeMap;
use std::sync::Arc;

use charter::journeys::Journey as Drawn;
use charter::{Charter, Condition, CustomerFact};
use evidence::{Doubt, Share};
use journey::{Fold, Journey, Moments, Segment, Setting, Wanted};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::compare::Shares;
use crate::kept;
use crate::pending::Pending;
use crate::question::{Names, Question};
use crate::table::{Cell, Table};
use crate::{Comparison, Error};

/// The options of the segments.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// A segment of one's own, as SQL over the facts of a customer, beside those of the charter.
    pub sql: Option<String>,
}

/// What a segment is called, and its condition.
type Named = (Arc<str>, Condition<CustomerFact>);

impl Options {
    /// Name and condition of every segment: those of the charter, then one's own.
    fn segments(&self, charter: &Charter) -> Result<Vec<Named>, Error> {
        let of_charter = charter.segments.iter().map(|segment| (segment.name.as_str().into(), segment.when.clone()));
        let mut all: Vec<_> = of_charter.collect();
        if let Some(text) = &self.sql {
            let own = charter.customer_condition(text).map_err(|wrong| Error::WrongCondition {
                view: Self::NAME.to_owned(),
                option: "sql".to_owned(),
                reason: wrong.to_string(),
                hint: wrong.hint,
            })?;
            all.push((text.as_str().into(), own));
        }
        if all.is_empty() { Err(Error::NoSegments) } else { Ok(all) }
    }
}

impl Question for Options {
    const NAME: &'static str = "segments";
    const TITLE: &'static str = "Groups of customers";
    const ABOUT: &'static str = "The segments of the charter: who belongs to each, what they do, and what they reach. A customer may \
         belong to several.";
    const OPTIONS: &'static [(&'static str, &'static str)] =
        &[("sql", "one more segment: a condition over the facts of a customer, such as \"count_of.order >= 3\"")];
    type Answer = Answer;
    type Fold = SegmentsFold;

    fn set(&mut self, option: &str, value: &str) -> Result<(), Error> {
        match option {
            "sql" => self.sql = Some(value.to_owned()),
            _ => return Err(Error::unknown_option(Self::NAME, option, Self::OPTIONS)),
        }
        Ok(())
    }

    fn wants(&self, charter: &Charter, wanted: &mut Wanted) -> Result<(), Error> {
        for (_, condition) in self.segments(charter)? {
            Segment::wants(&condition, charter, wanted);
        }
        for outcome in &charter.outcomes {
            wanted.condition(&outcome.when);
        }
        Ok(())
    }

    fn names(&self, charter: &Charter, _: Option<&Drawn>) -> Vec<String> {
        let segments = self.segments(charter).unwrap_or_default();
        segments.iter().flat_map(|(_, condition)| charter.moments_in(condition)).collect()
    }

    fn fold(&self, setting: &Setting) -> SegmentsFold {
        let charter = &setting.charter;
        // Without segments the question was refused before, by `wants`.
        let segments = self.segments(charter).unwrap_or_default();
        let mut wanted = (*setting.wanted).clone();
        let outcomes: Vec<usize> = charter.outcomes.iter().map(|outcome| wanted.condition(&outcome.when)).collect();
        let (len, of_outcomes) = (segments.len(), outcomes.len());
        SegmentsFold {
            segments: segments.iter().map(|(_, condition)| Segment::new(condition, setting)).collect(),
            named: segments,
            labels: charter.segments.iter().map(|segment| (segment.name.clone(), segment.label.clone())).collect(),
            outcomes,
            outcome_names: charter.outcomes.iter().map(|outcome| outcome.name.as_str().into()).collect(),
            customer: None,
            member: vec![false; len],
            reached: vec![false; of_outcomes],
            counts: Counts {
                customers: 0,
                events: 0,
                journeys: 0,
                of: vec![OfSegment { reached: vec![0; of_outcomes], ..OfSegment::default() }; len],
                both: vec![0; len * len],
            },
            pending: Pending::new(setting.until_us),
        }
    }

    fn compare(
        a: (&str, SegmentsFold),
        b: (&str, SegmentsFold),
        moments: &Moments,
    ) -> Result<Comparison<Answer>, Error> {
        Ok(Comparison::new((a.0, a.1.finish(moments)?), (b.0, b.1.finish(moments)?), shares))
    }

    fn tables(answer: &Answer) -> Vec<Table> {
        tables(answer)
    }
}

/// Who belongs to which segment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// The number of customers, in a segment or not.
    pub customers: u64,
    /// The number of their events.
    pub events: u64,
    /// The number of their journeys.
    pub journeys: u64,
    /// The segments, in the order of the charter.
    pub segments: Vec<One>,
    /// Every pair of segments, in the same order.
    pub overlaps: Vec<Overlap>,
    /// What stands against these figures.
    pub doubts: Vec<Doubt>,
}

/// One segment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct One {
    /// Its name; of one's own, its condition.
    pub segment: Arc<str>,
    /// How the charter shows it.
    pub label: String,
    /// Its condition.
    pub when: String,
    /// How many customers belong to it; none where nobody is like this.
    pub customers: u64,
    /// As a share of all customers.
    pub customers_share: Option<f64>,
    /// Lower end of the 95 % interval of that share.
    pub customers_share_low: Option<f64>,
    /// Upper end.
    pub customers_share_high: Option<f64>,
    /// The number of their events.
    pub events: u64,
    /// The number of their journeys.
    pub journeys: u64,
    /// The commonest first moment of their journeys; of equally common ones the first by name. Null where there is none.
    pub first_moment: Option<Arc<str>>,
    /// The share of journeys that begin with it.
    pub first_moment_share: Option<f64>,
    /// How many of its customers had each outcome of the charter, in the order of the charter.
    pub outcomes: Vec<Reached>,
}

/// An outcome among the customers of a segment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Reached {
    /// The outcome.
    pub outcome: Arc<str>,
    /// How many customers had it at least once.
    pub customers: u64,
    /// As a share of the customers of the segment.
    pub customers_share: Option<f64>,
    /// Lower end of the 95 % interval of that share.
    pub customers_share_low: Option<f64>,
    /// Upper end.
    pub customers_share_high: Option<f64>,
}

/// Customers who belong to two segments.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Overlap {
    /// One segment.
    pub a: Arc<str>,
    /// The other.
    pub b: Arc<str>,
    /// How many customers belong to both.
    pub customers: u64,
    /// As a share of those of `a`.
    pub of_a: Option<f64>,
    /// As a share of those of `b`.
    pub of_b: Option<f64>,
}

/// What the segments count.
#[derive(Debug)]
pub struct SegmentsFold {
    named: Vec<Named>,
    labels: BTreeMap<String, String>,
    segments: Vec<Segment>,
    /// By outcome, the position of its condition.
    outcomes: Vec<usize>,
    outcome_names: Vec<Arc<str>>,
    customer: Option<i64>,
    /// By segment: whether the present customer belongs to it.
    member: Vec<bool>,
    /// By outcome: whether the present customer had it.
    reached: Vec<bool>,
    counts: Counts,
    /// Who belongs to other segments later.
    pending: Pending,
}

/// Differences only, so that what was counted can be kept, and taken out again.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Counts {
    customers: u64,
    events: u64,
    journeys: u64,
    of: Vec<OfSegment>,
    /// At `a * len + b`, for `a < b`: customers of both.
    both: Vec<u64>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct OfSegment {
    customers: u64,
    events: u64,
    journeys: u64,
    /// By moment: journeys that begin with it.
    first: Vec<u64>,
    /// By outcome: customers.
    reached: Vec<u64>,
}

impl Counts {
    /// Does `with` to every count and its counterpart.
    fn each(&mut self, other: &Self, with: impl Fn(&mut u64, u64)) {
        let all = |ours: &mut Vec<u64>, theirs: &[u64]| {
            ours.resize(ours.len().max(theirs.len()), 0);
            ours.iter_mut().zip(theirs).for_each(|(ours, theirs)| with(ours, *theirs));
        };
        with(&mut self.customers, other.customers);
        with(&mut self.events, other.events);
        with(&mut self.journeys, other.journeys);
        all(&mut self.both, &other.both);
        for (ours, theirs) in self.of.iter_mut().zip(&other.of) {
            with(&mut ours.customers, theirs.customers);
            with(&mut ours.events, theirs.events);
            with(&mut ours.journeys, theirs.journeys);
            all(&mut ours.first, &theirs.first);
            all(&mut ours.reached, &theirs.reached);
        }
    }
}

impl SegmentsFold {
    #[inline(never)]
    fn enter(&mut self, journey: &Journey<'_>) {
        self.customer = Some(journey.customer);
        self.reached.fill(false);
        for (member, segment) in self.member.iter_mut().zip(&self.segments) {
            *member = segment.holds(journey.run);
            if let Some(due_us) = segment.due_us(journey.run) {
                self.pending.note(journey.customer, due_us);
            }
        }
        let len = self.member.len();
        self.counts.customers += 1;
        for a in (0..len).filter(|a| self.member[*a]) {
            self.counts.of[a].customers += 1;
            for b in (a + 1..len).filter(|b| self.member[*b]) {
                self.counts.both[a * len + b] += 1;
            }
        }
    }
}

impl Fold for SegmentsFold {
    type Answer = Result<Answer, Error>;

    fn journey(&mut self, journey: &Journey<'_>) {
        if self.customer != Some(journey.customer) {
            self.enter(journey);
        }
        let events = journey.moments.len() as u64;
        let first = journey.moments[0].index();
        self.counts.events += events;
        self.counts.journeys += 1;
        for (_, of) in self.member.iter().zip(&mut self.counts.of).filter(|(member, _)| **member) {
            of.events += events;
            of.journeys += 1;
            *crate::count::at(&mut of.first, first) += 1;
        }
        for (n, (reached, position)) in self.reached.iter_mut().zip(&self.outcomes).enumerate() {
            if *reached || !journey.holds_anywhere(*position) {
                continue;
            }
            *reached = true;
            for (_, of) in self.member.iter().zip(&mut self.counts.of).filter(|(member, _)| **member) {
                of.reached[n] += 1;
            }
        }
    }

    fn merge(&mut self, other: Self) {
        self.customer = None;
        self.counts.each(&other.counts, |ours, theirs| *ours += theirs);
        self.pending.merge(other.pending);
    }

    fn keep(&mut self) -> Option<Vec<u8>> {
        // Where nobody knows when time decides about customers, what was counted today says nothing about tomorrow.
        self.segments.iter().all(Segment::knows_dues).then(|| kept::keep(&(&self.counts, self.pending.keep())))?
    }

    fn resume(&mut self, kept: &[u8]) -> bool {
        let Some((counts, pending)) = kept::resume(kept) else { return false };
        self.counts = counts;
        self.pending.resume(pending);
        true
    }

    fn due(&self, until_us: i64) -> Option<Vec<i64>> {
        self.pending.due(until_us)
    }

    fn subtract(&mut self, other: Self) {
        self.customer = None;
        self.counts.each(&other.counts, |ours, theirs| *ours -= theirs);
        self.pending.subtract(other.pending);
    }

    fn finish(self, moments: &Moments) -> Result<Answer, Error> {
        let (names, counts) = (Names::of(moments), &self.counts);
        let mut segments = Vec::with_capacity(self.named.len());
        for ((name, condition), of) in self.named.iter().zip(&counts.of) {
            let share = Share::new(of.customers, counts.customers);
            let by_moment = (0..).map(journey::Moment).zip(&of.first).filter(|(_, n)| **n > 0);
            let first = by_moment.max_by_key(|(moment, n)| (**n, std::cmp::Reverse(names.rank(*moment))));
            let reached = |(outcome, customers): (&Arc<str>, &u64)| {
                let share = Share::new(*customers, of.customers);
                Reached {
                    outcome: Arc::clone(outcome),
                    customers: *customers,
                    customers_share: share.share,
                    customers_share_low: share.low,
                    customers_share_high: share.high,
                }
            };
            segments.push(One {
                segment: Arc::clone(name),
                label: self.labels.get(&**name).cloned().unwrap_or_else(|| name.to_string()),
                when: condition.text().to_owned(),
                customers: of.customers,
                customers_share: share.share,
                customers_share_low: share.low,
                customers_share_high: share.high,
                events: of.events,
                journeys: of.journeys,
                first_moment_share: first.map(|(_, n)| *n as f64 / of.journeys as f64),
                first_moment: first.map(|(moment, _)| names.name(moment)),
                outcomes: self.outcome_names.iter().zip(&of.reached).map(reached).collect(),
            });
        }
        let few = |one: &One| Doubt::few(&format!("customers in `{}`", one.segment), one.customers);
        Ok(Answer {
            customers: counts.customers,
            events: counts.events,
            journeys: counts.journeys,
            overlaps: overlaps(&segments, &counts.both),
            doubts: segments.iter().filter(|one| one.customers > 0).filter_map(few).collect(),
            segments,
        })
    }
}

fn overlaps(segments: &[One], both: &[u64]) -> Vec<Overlap> {
    let len = segments.len();
    let pairs = (0..len).flat_map(|a| (a + 1..len).map(move |b| (a, b)));
    let overlap = |(a, b): (usize, usize)| {
        let customers = both[a * len + b];
        let of = |segment: &One| Share::new(customers, segment.customers).share;
        Overlap {
            a: Arc::clone(&segments[a].segment),
            b: Arc::clone(&segments[b].segment),
            customers,
            of_a: of(&segments[a]),
            of_b: of(&segments[b]),
        }
    };
    pairs.map(overlap).collect()
}

fn shares(answer: &Answer) -> Shares {
    let share = |one: &One| (one.segment.to_string(), Share::new(one.customers, answer.customers));
    Shares { of: answer.customers, by_name: answer.segments.iter().map(share).collect() }
}

fn tables(answer: &Answer) -> Vec<Table> {
    let headers = [
        "segment",
        "customers",
        "customers_share",
        "customers_share_low",
        "customers_share_high",
        "events",
        "journeys",
        "first_moment",
        "first_moment_share",
    ];
    let mut main = Table::new("Segments", &headers);
    let mut outcomes = Table::new(
        "Outcomes by segment",
        &["segment", "outcome", "customers", "customers_share", "customers_share_low", "customers_share_high"],
    );
    for one in &answer.segments {
        main.row([
            Cell::Text(Arc::clone(&one.segment)),
            Cell::Count(one.customers),
            Cell::share(one.customers_share),
            Cell::share(one.customers_share_low),
            Cell::share(one.customers_share_high),
            Cell::Count(one.events),
            Cell::Count(one.journeys),
            one.first_moment.clone().map_or(Cell::Empty, Cell::Text),
            Cell::share(one.first_moment_share),
        ]);
        for reached in &one.outcomes {
            outcomes.row([
                Cell::Text(Arc::clone(&one.segment)),
                Cell::Text(Arc::clone(&reached.outcome)),
                Cell::Count(reached.customers),
                Cell::share(reached.customers_share),
                Cell::share(reached.customers_share_low),
                Cell::share(reached.customers_share_high),
            ]);
        }
    }
    main.notes.push(format!("{} customers in all", Cell::Count(answer.customers)));
    let empty = answer.segments.iter().filter(|one| one.customers == 0);
    main.notes.extend(empty.map(|one| format!("`{}` is empty: {} holds for no customer", one.segment, one.when)));
    let mut overlaps = Table::new("Overlaps", &["a", "b", "customers", "of_a", "of_b"]);
    for overlap in &answer.overlaps {
        overlaps.row([
            Cell::Text(Arc::clone(&overlap.a)),
            Cell::Text(Arc::clone(&overlap.b)),
            Cell::Count(overlap.customers),
            Cell::share(overlap.of_a),
            Cell::share(overlap.of_b),
        ]);
    }
    let more = [outcomes, overlaps].into_iter().filter(|table| !table.rows.is_empty());
    std::iter::once(main.doubts(&answer.doubts)).chain(more).collect()
}

#[cfg(test)]
mod tests;
