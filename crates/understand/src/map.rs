//! The journey map: which moment directly follows which, how often, for how many customers, after what time.

mod by_type;

use std::cmp::Reverse;
use std::sync::Arc;

use evidence::{Doubt, Share, counted};
use journey::{Fold, Hands, Journey, Moment, Moments, Setting};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::compare::Shares;
use crate::count::{Customers, Pairs, Seen, at};
use crate::durations::{self, Durations, Times};
use crate::kept;
use crate::limits::EXACT_TIMES_BYTES;
use crate::question::{Names, Question, number, yes_or_no};
use crate::sketch::RELATIVE_ERROR;
use crate::table::{Cell, Table};
use crate::{Comparison, Error};

pub use by_type::{ByType, OfType};

/// The options of the map.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// Whether the times between moments are measured.
    pub times: bool,
    /// Durations that are kept exactly, in bytes; beyond, medians and percentiles come from a sketch.
    pub exact_bytes: u64,
    /// How many edges are shown, the most frequent first; 0 for all.
    pub limit: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { times: true, exact_bytes: EXACT_TIMES_BYTES, limit: 0 }
    }
}

impl Question for Options {
    const NAME: &'static str = "map";
    const OPTIONS: &'static [(&'static str, &'static str)] = &[
        ("times", "`false`: without the times between moments"),
        ("exact_bytes", "how many bytes of times are kept before medians become approximate"),
        ("limit", "how many edges are listed; 0 for all"),
    ];
    type Answer = Answer;
    type Fold = MapFold;

    fn set(&mut self, option: &str, value: &str) -> Result<(), Error> {
        match option {
            "times" => self.times = yes_or_no(Self::NAME, option, value)?,
            "exact_bytes" => self.exact_bytes = number(Self::NAME, option, value)? as u64,
            "limit" => self.limit = number(Self::NAME, option, value)?,
            _ => return Err(Error::unknown_option(Self::NAME, option, Self::OPTIONS)),
        }
        Ok(())
    }

    fn limit(&self) -> usize {
        self.limit
    }

    fn fold(&self, _: &Setting) -> MapFold {
        MapFold {
            options: self.clone(),
            journeys: 0,
            customers: Customers::default(),
            pairs: Pairs::default(),
            edges: Vec::new(),
            moments: Vec::new(),
            durations: Durations::new(self.exact_bytes),
        }
    }

    fn compare(a: (&str, MapFold), b: (&str, MapFold), moments: &Moments) -> Result<Comparison<Answer>, Error> {
        // Both lists whole: an edge that one group leaves out of its list would look as if it never occurred there.
        let whole = |mut fold: MapFold| {
            fold.options.limit = 0;
            fold.finish(moments)
        };
        Ok(Comparison::new((a.0, whole(a.1)?), (b.0, whole(b.1)?), shares))
    }

    fn tables(answer: &Answer) -> Vec<Table> {
        tables(answer)
    }
}

/// The journeys as a graph.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// The number of journeys.
    pub journeys: u64,
    /// The number of customers.
    pub customers: u64,
    /// The number of events.
    pub events: u64,
    /// Whether the times are exact.
    pub times: Times,
    /// How many edges are shown.
    pub shown: u64,
    /// How many edges there are.
    pub of: u64,
    /// The moments that occur, most frequent first.
    pub moments: Vec<MomentCount>,
    /// Which moment directly follows which inside a journey, most frequent first.
    pub edges: Vec<Edge>,
    /// The moments that journeys start with, most frequent first.
    pub starts: Vec<Terminal>,
    /// The moments that journeys end with, most frequent first.
    pub ends: Vec<Terminal>,
    /// What stands against these figures.
    pub doubts: Vec<Doubt>,
}

/// How often a moment occurs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MomentCount {
    /// The moment.
    pub moment: Arc<str>,
    /// How many events are of it.
    pub events: u64,
    /// How many customers had it.
    pub customers: u64,
    /// `customers` as a share of all customers.
    pub customers_share: Option<f64>,
    /// Lower end of the 95 % interval of that share.
    pub customers_share_low: Option<f64>,
    /// Upper end.
    pub customers_share_high: Option<f64>,
}

/// One moment directly following another inside a journey.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Edge {
    /// The moment before.
    pub from: Arc<str>,
    /// The moment after.
    pub to: Arc<str>,
    /// How often.
    pub count: u64,
    /// For how many customers.
    pub customers: u64,
    /// `customers` as a share of all customers.
    pub customers_share: Option<f64>,
    /// Lower end of the 95 % interval of that share.
    pub customers_share_low: Option<f64>,
    /// Upper end.
    pub customers_share_high: Option<f64>,
    /// Median time from one to the other in seconds; null when times were not asked for.
    pub median_s: Option<f64>,
    /// 90th percentile of that time in seconds.
    pub p90_s: Option<f64>,
    /// Mean of that time in seconds.
    pub mean_s: Option<f64>,
}

/// How many journeys start, or end, with a moment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Terminal {
    /// The moment.
    pub moment: Arc<str>,
    /// How many journeys.
    pub count: u64,
    /// As a share of all journeys.
    pub share: Option<f64>,
    /// Lower end of the 95 % interval of that share.
    pub share_low: Option<f64>,
    /// Upper end.
    pub share_high: Option<f64>,
}

/// What the map counts.
#[derive(Debug)]
pub struct MapFold {
    options: Options,
    journeys: u64,
    customers: Customers,
    pairs: Pairs,
    edges: Vec<Followed>,
    moments: Vec<Happened>,
    durations: Durations,
}

#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
struct Followed {
    count: u64,
    seen: Seen,
}

/// Events are not counted: each is followed by another, or it is the end of its journey.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
struct Happened {
    starts: u64,
    ends: u64,
    seen: Seen,
}

/// What is kept of the map.
#[derive(Serialize, Deserialize)]
struct Kept {
    journeys: u64,
    customers: Customers,
    pairs: Vec<(Moment, Moment)>,
    edges: Vec<Followed>,
    moments: Vec<Happened>,
    durations: durations::Kept,
}

impl MapFold {
    #[inline]
    fn walk<const TIMES: bool>(&mut self, journey: &Journey<'_>) {
        let turn = self.customers.turn;
        let mut from = journey.moments[0];
        let mut before = journey.at_us[0];
        for (to, at_us) in journey.moments[1..].iter().copied().zip(journey.at_us[1..].iter().copied()) {
            let slot = match self.pairs.find(from, to) {
                Some(slot) => slot,
                None => self.slot(from, to),
            };
            let edge = &mut self.edges[slot];
            edge.count += 1;
            edge.seen.note(turn);
            self.moments[to.index()].seen.note(turn);
            if TIMES {
                // Times never decrease, so the difference is right as an unsigned number even from one end of time to
                // the other.
                self.durations.push(slot, at_us.wrapping_sub(before).cast_unsigned());
            }
            (from, before) = (to, at_us);
        }
    }

    /// The slot of a pair, with room in every list that is indexed by it.
    #[cold]
    fn slot(&mut self, from: Moment, to: Moment) -> usize {
        let slot = self.pairs.slot(from, to);
        at(&mut self.edges, slot);
        at(&mut self.moments, from.max(to).index());
        self.durations.grow(self.pairs.len());
        slot
    }
}

impl Fold for MapFold {
    type Answer = Result<Answer, Error>;

    #[inline]
    fn journey(&mut self, journey: &Journey<'_>) {
        let (Some(first), Some(last)) = (journey.moments.first(), journey.moments.last()) else { return };
        self.customers.enter(journey.customer);
        self.journeys += 1;
        let start = at(&mut self.moments, first.index());
        start.starts += 1;
        start.seen.note(self.customers.turn);
        if self.options.times {
            self.walk::<true>(journey);
            self.durations.added(journey.moments.len() as u64 - 1);
        } else {
            self.walk::<false>(journey);
        }
        self.moments[last.index()].ends += 1;
    }

    fn merge(&mut self, other: Self) {
        self.journeys += other.journeys;
        self.customers.merge(&other.customers);
        let slots: Vec<usize> = other.pairs.iter().map(|(from, to)| self.slot(from, to)).collect();
        for (slot, theirs) in slots.iter().zip(&other.edges) {
            self.edges[*slot].count += theirs.count;
            self.edges[*slot].seen.merge(theirs.seen);
        }
        for (moment, theirs) in other.moments.iter().enumerate() {
            let ours = at(&mut self.moments, moment);
            ours.starts += theirs.starts;
            ours.ends += theirs.ends;
            ours.seen.merge(theirs.seen);
        }
        self.durations.merge(other.durations, &slots);
    }

    fn settle(&mut self, hands: &dyn Hands) {
        self.durations.settle(hands);
    }

    fn keep(&mut self) -> Option<Vec<u8>> {
        kept::keep(&Kept {
            journeys: self.journeys,
            customers: self.customers.clone(),
            pairs: self.pairs.iter().collect(),
            edges: self.edges.clone(),
            moments: self.moments.clone(),
            durations: self.durations.keep()?,
        })
    }

    fn resume(&mut self, kept: &[u8]) -> bool {
        let Some(kept) = kept::resume::<Kept>(kept) else { return false };
        for (from, to) in kept.pairs {
            self.slot(from, to);
        }
        self.journeys = kept.journeys;
        self.customers = kept.customers;
        self.edges = kept.edges;
        self.moments = kept.moments;
        self.durations.resume(kept.durations);
        true
    }

    fn subtract(&mut self, other: Self) {
        self.journeys -= other.journeys;
        self.customers.subtract(&other.customers);
        let slots: Vec<usize> = other.pairs.iter().map(|(from, to)| self.slot(from, to)).collect();
        for (slot, theirs) in slots.iter().zip(&other.edges) {
            self.edges[*slot].count -= theirs.count;
            self.edges[*slot].seen.subtract(theirs.seen);
        }
        for (ours, theirs) in self.moments.iter_mut().zip(&other.moments) {
            ours.starts -= theirs.starts;
            ours.ends -= theirs.ends;
            ours.seen.subtract(theirs.seen);
        }
        self.durations.subtract(other.durations, &slots);
    }

    fn finish(self, moments: &Moments) -> Result<Answer, Error> {
        let names = Names::of(moments);
        let all = self.customers.count();
        let mut events: Vec<u64> = self.moments.iter().map(|moment| moment.ends).collect();
        for ((from, _), edge) in self.pairs.iter().zip(&self.edges) {
            events[from.index()] += edge.count;
        }
        let times = if self.options.times { self.durations.times() } else { Times::None };
        let summaries = self.durations.finish();
        let edges = self.pairs.iter().zip(&self.edges).zip(summaries);
        // What was taken out leaves pairs behind that occur no more.
        let mut edges: Vec<_> = edges.filter(|((_, edge), _)| edge.count > 0).collect();
        edges.sort_unstable_by_key(|((pair, edge), _)| (Reverse(edge.count), names.rank(pair.0), names.rank(pair.1)));
        let of = edges.len();
        if self.options.limit > 0 {
            edges.truncate(self.options.limit);
        }
        let edges: Vec<Edge> = edges
            .into_iter()
            .map(|(((from, to), edge), summary)| {
                let share = Share::new(edge.seen.count(), all);
                Edge {
                    from: names.name(from),
                    to: names.name(to),
                    count: edge.count,
                    customers: share.count,
                    customers_share: share.share,
                    customers_share_low: share.low,
                    customers_share_high: share.high,
                    median_s: summary.map(|s| s.median_s),
                    p90_s: summary.map(|s| s.p90_s),
                    mean_s: summary.map(|s| s.mean_s),
                }
            })
            .collect();
        let shown = edges.len() as u64;
        let doubts = [
            Doubt::few("journeys", self.journeys),
            Doubt::truncated("edges", shown, of as u64),
            (times == Times::Sketch)
                .then(|| Doubt::Approximate { what: "median_s and p90_s".to_owned(), relative_error: RELATIVE_ERROR }),
        ];
        Ok(Answer {
            journeys: self.journeys,
            customers: all,
            events: events.iter().sum(),
            times,
            shown,
            of: of as u64,
            moments: moment_counts(&self.moments, &events, all, &names),
            edges,
            starts: terminals(self.moments.iter().map(|moment| moment.starts), self.journeys, &names),
            ends: terminals(self.moments.iter().map(|moment| moment.ends), self.journeys, &names),
            doubts: doubts.into_iter().flatten().collect(),
        })
    }
}

fn moment_counts(moments: &[Happened], events: &[u64], all: u64, names: &Names) -> Vec<MomentCount> {
    let mut counts: Vec<_> =
        (0..).map(Moment).zip(moments.iter().zip(events)).filter(|(_, (_, events))| **events > 0).collect();
    counts.sort_unstable_by_key(|(moment, (_, events))| (Reverse(**events), names.rank(*moment)));
    let count = |(moment, (happened, events)): (Moment, (&Happened, &u64))| {
        let share = Share::new(happened.seen.count(), all);
        MomentCount {
            moment: names.name(moment),
            events: *events,
            customers: share.count,
            customers_share: share.share,
            customers_share_low: share.low,
            customers_share_high: share.high,
        }
    };
    counts.into_iter().map(count).collect()
}

fn terminals(counts: impl Iterator<Item = u64>, journeys: u64, names: &Names) -> Vec<Terminal> {
    let mut counts: Vec<(Moment, u64)> = (0..).map(Moment).zip(counts).filter(|(_, count)| *count > 0).collect();
    counts.sort_unstable_by_key(|(moment, count)| (Reverse(*count), names.rank(*moment)));
    let terminal = |(moment, count)| {
        let share = Share::new(count, journeys);
        let (share_low, share_high) = (share.low, share.high);
        Terminal { moment: names.name(moment), count, share: share.share, share_low, share_high }
    };
    counts.into_iter().map(terminal).collect()
}

/// Per edge, the share of customers who took it: customers are independent of each other, their steps are not.
fn shares(answer: &Answer) -> Shares {
    let edges = answer.edges.iter();
    let by_name =
        edges.map(|e| (format!("{} → {}", e.from, e.to), Share::new(e.customers, answer.customers))).collect();
    Shares { of: answer.customers, by_name }
}

fn tables(answer: &Answer) -> Vec<Table> {
    let mut edges = Table::new(
        "What directly follows what",
        &[
            "from",
            "to",
            "count",
            "customers",
            "customers_share",
            "customers_share_low",
            "customers_share_high",
            "median_s",
            "p90_s",
            "mean_s",
        ],
    );
    let seconds = |time: Option<f64>| time.map_or(Cell::Empty, Cell::Seconds);
    for edge in &answer.edges {
        edges.row([
            Cell::Text(Arc::clone(&edge.from)),
            Cell::Text(Arc::clone(&edge.to)),
            Cell::Count(edge.count),
            Cell::Count(edge.customers),
            Cell::share(edge.customers_share),
            Cell::share(edge.customers_share_low),
            Cell::share(edge.customers_share_high),
            seconds(edge.median_s),
            seconds(edge.p90_s),
            seconds(edge.mean_s),
        ]);
    }
    let shares = ["customers_share", "customers_share_low", "customers_share_high"];
    let headers = [&["moment", "events", "customers"][..], &shares, &["starts", "ends"]].concat();
    let mut moments = Table::new("Moments", &headers);
    let count = |terminals: &[Terminal], moment: &Arc<str>| {
        terminals.iter().find(|terminal| terminal.moment == *moment).map_or(0, |terminal| terminal.count)
    };
    for moment in &answer.moments {
        moments.row([
            Cell::Text(Arc::clone(&moment.moment)),
            Cell::Count(moment.events),
            Cell::Count(moment.customers),
            Cell::share(moment.customers_share),
            Cell::share(moment.customers_share_low),
            Cell::share(moment.customers_share_high),
            Cell::Count(count(&answer.starts, &moment.moment)),
            Cell::Count(count(&answer.ends, &moment.moment)),
        ]);
    }
    let events = counted(answer.events, "event", "events");
    let journeys = counted(answer.journeys, "journey", "journeys");
    let customers = counted(answer.customers, "customer", "customers");
    moments.notes.push(format!("{events} in {journeys} of {customers}"));
    vec![edges.doubts(&answer.doubts), moments]
}

#[cfg(test)]
mod tests;
