//! What was counted as nodes and links: the frequent moments of each step, the rest together, and what lies outside.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use evidence::{Doubt, Share};
use journey::Moment;

use super::{Answer, Link, Node, NodeKind, Options};
use crate::question::Names;

/// All counts by step.
pub(super) struct Flow {
    pub(super) options: Options,
    pub(super) journeys: u64,
    pub(super) occurrences: u64,
    /// By step: how often each moment is there.
    pub(super) nodes: Vec<BTreeMap<Moment, u64>>,
    /// By step: how often which moment follows on which, as they were walked.
    pub(super) links: Vec<BTreeMap<(Moment, Moment), u64>>,
    /// By step: how often a journey that may still go on has come to which moment and no further.
    pub(super) open: Vec<BTreeMap<Moment, u64>>,
}

/// What is shown as one node at a step, in the order of nodes of one count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    /// A moment, by the rank of its name.
    Moment(u32, Moment),
    Other,
    /// Nothing yet: the journey has not come so far and may still go on.
    Open,
    /// Nothing: the journey does not reach so far.
    Outside,
}

impl Flow {
    /// The moments that are shown at each step.
    pub(super) fn frequent(&self, names: &Names) -> Vec<BTreeSet<Moment>> {
        let limit = if self.options.limit == 0 { usize::MAX } else { self.options.limit };
        let frequent = |nodes: &BTreeMap<Moment, u64>| {
            let mut order: Vec<(Moment, u64)> = nodes.iter().map(|(moment, count)| (*moment, *count)).collect();
            order.sort_unstable_by_key(|(moment, count)| (Reverse(*count), names.rank(*moment)));
            order.into_iter().take(limit).map(|(moment, _)| moment).collect()
        };
        self.nodes.iter().map(frequent).collect()
    }

    pub(super) fn answer(&self, shown: &[BTreeSet<Moment>], names: &Names) -> Answer {
        let place = |step: usize, moment: Moment| {
            if shown[step].contains(&moment) { Place::Moment(names.rank(moment), moment) } else { Place::Other }
        };
        let mut links: BTreeMap<(usize, Place, Place), u64> = BTreeMap::new();
        for (step, counts) in self.links.iter().enumerate() {
            let mut rest = self.nodes[step].clone();
            for ((near, far), count) in counts {
                *links.entry((step, place(step, *near), place(step + 1, *far))).or_insert(0) += count;
                *rest.entry(*near).or_insert(0) -= count;
            }
            for (near, count) in rest {
                let open = self.open[step].get(&near).copied().unwrap_or(0);
                for (far, count) in [(Place::Open, open), (Place::Outside, count - open)] {
                    if count > 0 {
                        *links.entry((step, place(step, near), far)).or_insert(0) += count;
                    }
                }
            }
        }
        let mut counts: BTreeMap<(usize, Place), (u64, u64)> = BTreeMap::new();
        for (step, nodes) in self.nodes.iter().enumerate() {
            for (moment, count) in nodes {
                let node = counts.entry((step, place(step, *moment))).or_insert((0, 0));
                *node = (node.0 + count, node.1 + 1);
            }
        }
        for ((step, _, far), count) in &links {
            if matches!(far, Place::Open | Place::Outside) {
                counts.entry((step + 1, *far)).or_insert((0, 0)).0 += count;
            }
        }
        let mut order: Vec<_> = counts.into_iter().collect();
        order.sort_by_key(|((step, place), (count, _))| (*step, !matches!(place, Place::Moment(..)), Reverse(*count)));
        let positions: BTreeMap<(usize, Place), usize> =
            order.iter().enumerate().map(|(i, (key, _))| (*key, i)).collect();
        let nodes: Vec<Node> =
            order.iter().map(|((step, place), counts)| self.node(*step, *place, *counts, names)).collect();
        let links = links.into_iter().map(|((step, near, far), count)| {
            let (near, far) = (positions[&(step, near)], positions[&(step + 1, far)]);
            let share = Share::new(count, self.occurrences);
            let (from, to) = if self.options.to.is_some() { (far, near) } else { (near, far) };
            Link { from, to, count, share: share.share, share_low: share.low, share_high: share.high }
        });
        let mut links: Vec<Link> = links.collect();
        links.sort_by_key(|link| (link.from, link.to));
        let merged: u64 = nodes.iter().filter(|node| node.kind == NodeKind::Other).map(|node| node.moments).sum();
        let all: u64 = nodes.iter().map(|node| node.moments).sum();
        let doubts = [
            Doubt::few("occurrences", self.occurrences),
            Doubt::truncated("moments by step, the rest as `other`,", all - merged, all),
        ];
        Answer {
            from: self.options.from.as_deref().map(Arc::from),
            to: self.options.to.as_deref().map(Arc::from),
            journeys: self.journeys,
            occurrences: self.occurrences,
            nodes,
            links,
            doubts: doubts.into_iter().flatten().collect(),
        }
    }

    fn node(&self, step: usize, place: Place, (count, moments): (u64, u64), names: &Names) -> Node {
        let backwards = self.options.to.is_some();
        let (kind, moment) = match place {
            Place::Moment(_, moment) => (NodeKind::Moment, Some(names.name(moment))),
            Place::Other => (NodeKind::Other, None),
            Place::Open => (NodeKind::Open, None),
            Place::Outside if backwards => (NodeKind::Started, None),
            Place::Outside => (NodeKind::Ended, None),
        };
        let step = i64::try_from(step).expect("few steps");
        let share = Share::new(count, self.occurrences);
        let (share, share_low, share_high) = (share.share, share.low, share.high);
        Node { step: if backwards { -step } else { step }, kind, moment, moments, count, share, share_low, share_high }
    }
}
