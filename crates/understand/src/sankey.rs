//! The flow: where journeys go from a moment, or where they come from when they reach it, step by step.

mod flow;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use charter::Charter;
use charter::journeys::Journey as Drawn;
use evidence::{Doubt, Share, counted};
use journey::{Ending, Fold, Journey, Moment, Moments, Setting};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::compare::Shares;
use crate::count::{Pairs, at};
use crate::kept;
use crate::limits::STEPS_MAX;
use crate::question::{Names, Question, known_moment, number, yes_or_no};
use crate::table::{Cell, Table};
use crate::{Comparison, Error};

use flow::Flow;

/// The options of the flow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// The moment to go forwards from; without `from` and `to`, the start of each journey.
    pub from: Option<String>,
    /// The moment to go backwards from.
    pub to: Option<String>,
    /// How many steps are gone.
    pub steps: usize,
    /// How many moments are shown at each step, the most frequent ones; the rest is shown together. 0 for all.
    pub limit: usize,
    /// Whether only the first occurrence in each journey counts, not every one.
    pub first_only: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { from: None, to: None, steps: 5, limit: 10, first_only: false }
    }
}

impl Question for Options {
    const NAME: &'static str = "sankey";
    const OPTIONS: &'static [(&'static str, &'static str)] = &[
        ("from_moment", "the moment that the paths come from"),
        ("to_moment", "the moment that the paths lead to"),
        ("steps", "how many steps it goes"),
        ("limit", "how many moments are told apart at each step, the rest being `other`; 0 for all"),
        ("first_only", "only the first such moment of each journey"),
    ];
    type Answer = Answer;
    type Fold = SankeyFold;

    fn set(&mut self, option: &str, value: &str) -> Result<(), Error> {
        match option {
            "from_moment" => self.from = Some(value.to_owned()),
            "to_moment" => self.to = Some(value.to_owned()),
            "steps" => self.steps = number(Self::NAME, option, value)?,
            "limit" => self.limit = number(Self::NAME, option, value)?,
            "first_only" => self.first_only = yes_or_no(Self::NAME, option, value)?,
            _ => return Err(Error::unknown_option(Self::NAME, option, Self::OPTIONS)),
        }
        Ok(())
    }

    fn check(&self) -> Result<(), Error> {
        if let (Some(_), Some(to)) = (&self.from, &self.to) {
            return Err(Error::wrong_value(
                Self::NAME,
                "to_moment",
                to,
                "either --from-moment or --to-moment, not both",
            ));
        }
        if self.first_only && self.from.is_none() && self.to.is_none() {
            let expected = "--from-moment or --to-moment with it: the start of a journey comes once";
            return Err(Error::wrong_value(Self::NAME, "first_only", "true", expected));
        }
        let some = (1..=STEPS_MAX).contains(&self.steps);
        let expected = format!("a number from 1 to {STEPS_MAX}");
        if some { Ok(()) } else { Err(Error::wrong_value(Self::NAME, "steps", &self.steps.to_string(), &expected)) }
    }

    fn names(&self, _: &Charter, _: Option<&Drawn>) -> Vec<String> {
        self.from.iter().chain(&self.to).cloned().collect()
    }

    fn fold(&self, setting: &Setting) -> SankeyFold {
        SankeyFold {
            options: Options { steps: self.steps.min(STEPS_MAX), ..self.clone() },
            moments: setting.moments.clone(),
            anchor: None,
            journeys: 0,
            anchors: Vec::new(),
            pairs: Pairs::default(),
            counts: Vec::new(),
            open: Vec::new(),
        }
    }

    fn compare(a: (&str, SankeyFold), b: (&str, SankeyFold), moments: &Moments) -> Result<Comparison<Answer>, Error> {
        let names = Names::of(moments);
        let (flow_a, flow_b) = (a.1.flow(moments)?, b.1.flow(moments)?);
        // What is frequent in either group is shown of both.
        let shown: Vec<BTreeSet<Moment>> =
            flow_a.frequent(&names).into_iter().zip(flow_b.frequent(&names)).map(|(a, b)| &a | &b).collect();
        let answer_b = flow_b.answer(&shown, &names);
        Ok(Comparison::new((a.0, flow_a.answer(&shown, &names)), (b.0, answer_b), shares))
    }

    fn tables(answer: &Answer) -> Vec<Table> {
        vec![table(answer)]
    }
}

/// The flow from or to a moment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// The moment that it goes forwards from.
    pub from: Option<Arc<str>>,
    /// The moment that it goes backwards from.
    pub to: Option<Arc<str>>,
    /// The number of journeys in which it occurs.
    pub journeys: u64,
    /// How often it occurs; every share is of this.
    pub occurrences: u64,
    /// What is there at each step, from step 0 on, most frequent first.
    pub nodes: Vec<Node>,
    /// What leads where, in the order of time.
    pub links: Vec<Link>,
    /// What stands against these figures.
    pub doubts: Vec<Doubt>,
}

/// What a node stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum NodeKind {
    /// A moment.
    Moment,
    /// All moments at this step that are not shown on their own.
    Other,
    /// The journey has not come to this step and may still go on.
    Open,
    /// The journey ended before this step.
    Ended,
    /// The journey started after this step (when going backwards).
    Started,
}

/// Something that is there at a step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Node {
    /// Which step: 0 is where the flow is looked at from, before it are -1, -2 …, after it 1, 2 …
    pub step: i64,
    /// What it stands for.
    pub kind: NodeKind,
    /// The moment, if it is one.
    pub moment: Option<Arc<str>>,
    /// How many moments it stands for.
    pub moments: u64,
    /// How often.
    pub count: u64,
    /// As a share of all occurrences.
    pub share: Option<f64>,
    /// Lower end of the 95 % interval of that share.
    pub share_low: Option<f64>,
    /// Upper end.
    pub share_high: Option<f64>,
}

/// A way from one node to another.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Link {
    /// The node before, as a position in `nodes`.
    pub from: usize,
    /// The node after, as a position in `nodes`.
    pub to: usize,
    /// How often.
    pub count: u64,
    /// As a share of all occurrences.
    pub share: Option<f64>,
    /// Lower end of the 95 % interval of that share.
    pub share_low: Option<f64>,
    /// Upper end.
    pub share_high: Option<f64>,
}

/// What the flow counts.
#[derive(Debug)]
pub struct SankeyFold {
    options: Options,
    moments: Moments,
    /// The moment that it is looked at from, once it is known.
    anchor: Option<Moment>,
    journeys: u64,
    /// By moment, what is at step 0.
    anchors: Vec<u64>,
    /// Neighbours as they were walked: the first is nearer to step 0.
    pairs: Pairs,
    /// By slot and step (`slot * steps + step`), how often.
    counts: Vec<u64>,
    /// By moment and step (`moment * steps + step`), how often a journey that may still go on has come there and no further.
    open: Vec<u64>,
}

impl SankeyFold {
    /// The moment that the flow is looked at from, as soon as any event is of it.
    #[inline]
    fn anchor(&mut self) -> Option<Moment> {
        if self.anchor.is_none() {
            self.anchor =
                self.options.from.as_deref().or(self.options.to.as_deref()).and_then(|name| self.moments.find(name));
        }
        self.anchor
    }

    /// Counts what follows on the first of these moments; `open` says that more may follow on the last.
    fn walk(&mut self, mut moments: impl Iterator<Item = Moment>, open: bool) {
        let Some(mut near) = moments.next() else { return };
        *at(&mut self.anchors, near.index()) += 1;
        let steps = self.options.steps;
        let mut step = 0;
        for far in moments.take(steps) {
            let slot = match self.pairs.find(near, far) {
                Some(slot) => slot,
                None => self.slot(near, far),
            };
            self.counts[slot * steps + step] += 1;
            near = far;
            step += 1;
        }
        if open && step < steps {
            *at(&mut self.open, near.index() * steps + step) += 1;
        }
    }

    #[cold]
    #[inline(never)]
    fn slot(&mut self, near: Moment, far: Moment) -> usize {
        let slot = self.pairs.slot(near, far);
        at(&mut self.counts, self.pairs.len() * self.options.steps - 1);
        slot
    }

    fn flow(self, moments: &Moments) -> Result<Flow, Error> {
        if let Some(name) = self.options.from.as_ref().or(self.options.to.as_ref()) {
            known_moment(moments, name)?;
        }
        let steps = self.options.steps;
        let mut nodes = vec![BTreeMap::new(); steps + 1];
        nodes[0] = (0..).map(Moment).zip(self.anchors.iter().copied()).filter(|(_, count)| *count > 0).collect();
        let mut links = vec![BTreeMap::new(); steps];
        for (pair, counts) in self.pairs.iter().zip(self.counts.chunks(steps)) {
            for (step, count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
                links[step].insert(pair, *count);
                *nodes[step + 1].entry(pair.1).or_insert(0) += count;
            }
        }
        let mut open = vec![BTreeMap::new(); steps];
        for (moment, counts) in (0..).map(Moment).zip(self.open.chunks(steps)) {
            for (step, count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
                open[step].insert(moment, *count);
            }
        }
        Ok(Flow {
            occurrences: self.anchors.iter().sum(),
            journeys: self.journeys,
            options: self.options,
            nodes,
            links,
            open,
        })
    }
}

impl Fold for SankeyFold {
    type Answer = Result<Answer, Error>;

    #[inline]
    fn journey(&mut self, journey: &Journey<'_>) {
        let moments = journey.moments;
        let open = journey.ending == Ending::Open;
        if self.options.from.is_none() && self.options.to.is_none() {
            self.journeys += 1;
            self.walk(moments.iter().copied(), open);
            return;
        }
        let Some(anchor) = self.anchor() else { return };
        let mut occurs = false;
        for place in (0..moments.len()).filter(|place| moments[*place] == anchor) {
            if occurs && self.options.first_only {
                break;
            }
            occurs = true;
            if self.options.to.is_some() {
                self.walk(moments[..=place].iter().rev().copied(), false);
            } else {
                self.walk(moments[place..].iter().copied(), open);
            }
        }
        self.journeys += u64::from(occurs);
    }

    fn merge(&mut self, other: Self) {
        self.journeys += other.journeys;
        for (ours, theirs) in [(&mut self.anchors, &other.anchors), (&mut self.open, &other.open)] {
            for (place, count) in theirs.iter().enumerate() {
                *at(ours, place) += count;
            }
        }
        let steps = self.options.steps;
        for ((near, far), theirs) in other.pairs.iter().zip(other.counts.chunks(steps)) {
            let slot = self.slot(near, far);
            for (ours, count) in self.counts[slot * steps..].iter_mut().zip(theirs) {
                *ours += count;
            }
        }
    }

    fn keep(&mut self) -> Option<Vec<u8>> {
        kept::keep(&(self.journeys, &self.anchors, self.pairs.iter().collect::<Vec<_>>(), &self.counts, &self.open))
    }

    fn resume(&mut self, kept: &[u8]) -> bool {
        let Some((journeys, anchors, pairs, counts, open)) = kept::resume(kept) else { return false };
        (self.journeys, self.anchors, self.open) = (journeys, anchors, open);
        for (near, far) in Vec::into_iter(pairs) {
            self.slot(near, far);
        }
        self.counts = counts;
        true
    }

    fn subtract(&mut self, other: Self) {
        self.journeys -= other.journeys;
        for (ours, theirs) in [(&mut self.anchors, &other.anchors), (&mut self.open, &other.open)] {
            ours.iter_mut().zip(theirs).for_each(|(ours, count)| *ours -= count);
        }
        let steps = self.options.steps;
        for ((near, far), theirs) in other.pairs.iter().zip(other.counts.chunks(steps)) {
            let slot = self.slot(near, far);
            for (ours, count) in self.counts[slot * steps..].iter_mut().zip(theirs) {
                *ours -= count;
            }
        }
    }

    fn finish(self, moments: &Moments) -> Result<Answer, Error> {
        let names = Names::of(moments);
        let flow = self.flow(moments)?;
        let shown = flow.frequent(&names);
        Ok(flow.answer(&shown, &names))
    }
}

fn label(node: &Node) -> Arc<str> {
    match (&node.moment, node.kind) {
        (Some(moment), _) => Arc::clone(moment),
        (None, NodeKind::Started) => "(started)".into(),
        (None, NodeKind::Open) => "(open)".into(),
        (None, NodeKind::Ended) => "(ended)".into(),
        (None, _) => "(other)".into(),
    }
}

fn shares(answer: &Answer) -> Shares {
    let name = |node: &Node| format!("step {}: {}", node.step, label(node));
    let by_name = answer.nodes.iter().map(|node| (name(node), Share::new(node.count, answer.occurrences))).collect();
    Shares { of: answer.occurrences, by_name }
}

fn table(answer: &Answer) -> Table {
    let title = match (&answer.from, &answer.to) {
        (Some(from), _) => format!("What follows on {from}"),
        (_, Some(to)) => format!("What leads to {to}"),
        _ => "How journeys begin".to_owned(),
    };
    let mut table = Table::new(&title, &["step", "from", "to", "count", "share", "share_low", "share_high"]);
    for link in &answer.links {
        let (from, to) = (&answer.nodes[link.from], &answer.nodes[link.to]);
        let step = format!("{} to {}", from.step, to.step);
        table.row([
            Cell::Text(step.into()),
            Cell::Text(label(from)),
            Cell::Text(label(to)),
            Cell::Count(link.count),
            Cell::share(link.share),
            Cell::share(link.share_low),
            Cell::share(link.share_high),
        ]);
    }
    let occurrences = counted(answer.occurrences, "occurrence", "occurrences");
    let journeys = counted(answer.journeys, "journey", "journeys");
    table.notes.push(format!("{occurrences} in {journeys}; shares are of the occurrences"));
    table.doubts(&answer.doubts)
}
