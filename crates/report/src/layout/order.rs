//! The order of things in a lane: few crossings, and neighbours near each other.

use super::{Graph, Spacing};

/// What has a place in a lane: first all nodes of the graph, by number, then the places where lines cross a lane.
#[derive(Debug)]
pub(super) struct Items {
    pub(super) all: Vec<Item>,
    /// By lane, the items from top to bottom.
    pub(super) lanes: Vec<Vec<usize>>,
    /// By edge: the items that its line goes through, from its start to its end.
    pub(super) chains: Vec<Vec<usize>>,
    /// By item: where it is in its lane.
    pub(super) at: Vec<usize>,
    /// By item: neighbours one lane to the left, and one lane to the right.
    sides: [Vec<Vec<usize>>; 2],
    /// By item: neighbours in the same lane.
    inside: Vec<Vec<usize>>,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Item {
    pub(super) lane: usize,
    pub(super) height: f64,
    pub(super) is_node: bool,
}

const LEFT: usize = 0;
const RIGHT: usize = 1;
/// After so many sweeps the order hardly changes any more.
const SWEEPS_MAX: usize = 12;
/// Rounds of swapping neighbours.
const SWAPS_MAX: usize = 8;

impl Items {
    pub(super) fn of(graph: &Graph, spacing: &Spacing) -> Self {
        let mut all: Vec<Item> =
            graph.nodes.iter().map(|node| Item { lane: node.lane, height: node.height, is_node: true }).collect();
        let mut chains = Vec::with_capacity(graph.edges.len());
        for edge in &graph.edges {
            let (from, to) = (all[edge.from].lane, all[edge.to].lane);
            let mut chain = vec![edge.from];
            let crossed: Vec<usize> = if from < to { (from + 1..to).collect() } else { (to + 1..from).rev().collect() };
            for lane in crossed {
                chain.push(all.len());
                all.push(Item { lane, height: edge.width.max(spacing.line_gap), is_node: false });
            }
            chain.push(edge.to);
            chains.push(chain);
        }
        let empty = vec![Vec::new(); all.len()];
        let mut items = Self {
            lanes: vec![Vec::new(); graph.lanes],
            at: vec![0; all.len()],
            sides: [empty.clone(), empty.clone()],
            inside: empty,
            all,
            chains,
        };
        items.connect();
        for (item, place) in items.all.iter().enumerate() {
            items.lanes[place.lane].push(item);
        }
        items.number();
        items
    }

    fn connect(&mut self) {
        for chain in &self.chains {
            for pair in chain.windows(2) {
                let (a, b) = (pair[0], pair[1]);
                match self.all[a].lane.cmp(&self.all[b].lane) {
                    std::cmp::Ordering::Less => {
                        self.sides[RIGHT][a].push(b);
                        self.sides[LEFT][b].push(a);
                    }
                    std::cmp::Ordering::Greater => {
                        self.sides[LEFT][a].push(b);
                        self.sides[RIGHT][b].push(a);
                    }
                    std::cmp::Ordering::Equal if a != b => {
                        self.inside[a].push(b);
                        self.inside[b].push(a);
                    }
                    std::cmp::Ordering::Equal => {}
                }
            }
        }
    }

    fn number(&mut self) {
        for lane in &self.lanes {
            for (place, item) in lane.iter().enumerate() {
                self.at[*item] = place;
            }
        }
    }

    /// All neighbours in other lanes, each as often as lines lead there.
    pub(super) fn neighbours(&self, item: usize) -> impl Iterator<Item = usize> {
        self.sides.iter().flat_map(move |side| &side[item]).copied()
    }

    /// Where an item wants to be, from 0 to 1: the mean place of its neighbours on some sides; its own if it has none.
    fn barycentre(&self, item: usize, sides: &[usize]) -> f64 {
        let share = |i: usize| (self.at[i] as f64 + 0.5) / self.lanes[self.all[i].lane].len() as f64;
        let mut sum = 0.0;
        let mut count = 0.0;
        for neighbour in sides.iter().flat_map(|side| &self.sides[*side][item]) {
            sum += share(*neighbour);
            count += 1.0;
        }
        if count > 0.0 { sum / count } else { share(item) }
    }

    fn sort_lane(&mut self, lane: usize, sides: &[usize]) {
        let mut keyed: Vec<(f64, usize)> =
            self.lanes[lane].iter().map(|item| (self.barycentre(*item, sides), *item)).collect();
        // Stable, so that equals stay as they are.
        keyed.sort_by(|a, b| a.0.total_cmp(&b.0));
        self.lanes[lane] = keyed.into_iter().map(|(_, item)| item).collect();
        for (place, item) in self.lanes[lane].iter().enumerate() {
            self.at[*item] = place;
        }
    }

    /// How many lines cross between lanes, and how far lines go inside lanes.
    fn cost(&self) -> usize {
        let mut cost = 0;
        for lane in &self.lanes {
            let mut ends: Vec<(usize, usize)> = Vec::new();
            for item in lane {
                ends.extend(self.sides[RIGHT][*item].iter().map(|right| (self.at[*item], self.at[*right])));
                cost +=
                    self.inside[*item].iter().map(|other| self.at[*item].abs_diff(self.at[*other])).sum::<usize>() / 2;
            }
            for (i, a) in ends.iter().enumerate() {
                cost += ends[i + 1..].iter().filter(|b| (a.0 < b.0 && a.1 > b.1) || (a.0 > b.0 && a.1 < b.1)).count();
            }
        }
        cost
    }

    /// How many of the lines of two neighbours in a lane cross when `a` is above `b`.
    fn crossings(&self, a: usize, b: usize) -> usize {
        let side = |side: &Vec<Vec<usize>>| {
            let above = |a_end: &usize| side[b].iter().filter(|b_end| self.at[*a_end] > self.at[**b_end]).count();
            side[a].iter().map(above).sum::<usize>()
        };
        self.sides.iter().map(side).sum()
    }

    /// By how much longer the lines inside the lane get when `a` moves one place towards the bottom and `b` towards the
    /// top.
    fn stretch(&self, a: usize, b: usize) -> (usize, usize) {
        let split = |item: usize, other: usize, down: bool| {
            let ends = self.inside[item].iter().filter(|end| **end != other);
            let longer = ends.clone().filter(|end| (self.at[**end] < self.at[item]) == down).count();
            (longer, ends.count() - longer)
        };
        let (a, b) = (split(a, b, true), split(b, a, false));
        (a.0 + b.0, a.1 + b.1)
    }

    /// Swaps neighbours in the lanes as long as that helps.
    fn swap_neighbours(&mut self) {
        for _ in 0..SWAPS_MAX {
            let mut changed = false;
            for lane in 0..self.lanes.len() {
                for place in 1..self.lanes[lane].len() {
                    let (a, b) = (self.lanes[lane][place - 1], self.lanes[lane][place]);
                    let (longer, shorter) = self.stretch(a, b);
                    if self.crossings(b, a) + longer < self.crossings(a, b) + shorter {
                        self.lanes[lane].swap(place - 1, place);
                        self.at.swap(a, b);
                        changed = true;
                    }
                }
            }
            if !changed {
                return;
            }
        }
    }
}

/// Orders the items of every lane by barycentre sweeps and swaps, and keeps the best order seen.
pub(super) fn arrange(items: &mut Items) {
    let count = items.lanes.len();
    items.swap_neighbours();
    let mut best = (items.cost(), items.lanes.clone());
    for sweep in 0..SWEEPS_MAX {
        if sweep % 2 == 0 {
            (1..count).for_each(|lane| items.sort_lane(lane, &[LEFT]));
        } else {
            (0..count.saturating_sub(1)).rev().for_each(|lane| items.sort_lane(lane, &[RIGHT]));
        }
        items.swap_neighbours();
        let cost = items.cost();
        if cost < best.0 {
            best = (cost, items.lanes.clone());
        }
    }
    items.lanes = best.1;
    items.number();
}
