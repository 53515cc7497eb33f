//! The lines between boxes, as smooth curves.
//!
//! A line to a later lane leaves on the right and arrives on the left, one to an earlier lane the other way round, so
//! that going back is seen as going back. Inside a lane, lines to the next box go straight, and others around the boxes
//! between, downwards on the right and upwards on the left. A repeat is a loop on top of its box.

use super::order::Items;
use super::{Edge, Graph, Point, Rect, Spacing};

/// Which way a line goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    /// To a later lane.
    Forward,
    /// To an earlier lane.
    Back,
    /// Down or up in its lane.
    Inside,
    /// To the box that it comes from.
    Repeat,
}

/// A line of cubic Bézier curves, each given by its two control points and its end.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Route {
    pub(crate) direction: Direction,
    pub(crate) start: Point,
    pub(crate) curves: Vec<[Point; 3]>,
}

impl Route {
    /// The point at `t` from 0 to 1, where all curves count alike.
    pub(crate) fn at(&self, t: f64) -> Point {
        let count = self.curves.len() as f64;
        let mut from = self.start;
        for (i, curve) in self.curves.iter().enumerate() {
            let here = t * count - i as f64;
            if here <= 1.0 {
                return on_curve(from, curve, here.max(0.0));
            }
            from = curve[2];
        }
        from
    }

    pub(crate) fn end(&self) -> Point {
        self.curves.last().map_or(self.start, |curve| curve[2])
    }

    /// Where the line comes from just before its end, as a direction of length 1.
    pub(crate) fn arrival(&self) -> Point {
        let end = self.end();
        let before = self.curves.last().map_or(self.start, |curve| curve[1]);
        let length = (end.x - before.x).hypot(end.y - before.y).max(1e-9);
        Point { x: (end.x - before.x) / length, y: (end.y - before.y) / length }
    }

    /// The end and all control points: the line lies inside their hull.
    pub(crate) fn points(&self) -> impl Iterator<Item = Point> {
        std::iter::once(self.start).chain(self.curves.iter().flatten().copied())
    }

    pub(super) fn move_by(&mut self, by: Point) {
        for point in std::iter::once(&mut self.start).chain(self.curves.iter_mut().flatten()) {
            point.x += by.x;
            point.y += by.y;
        }
    }
}

fn on_curve(from: Point, [first, second, end]: &[Point; 3], t: f64) -> Point {
    let rest = 1.0 - t;
    let shares = [rest * rest * rest, 3.0 * rest * rest * t, 3.0 * rest * t * t, t * t * t];
    let points = [from, *first, *second, *end];
    let sum = |of: fn(&Point) -> f64| shares.iter().zip(&points).map(|(share, point)| share * of(point)).sum();
    Point { x: sum(|point| point.x), y: sum(|point| point.y) }
}

/// A line's end at the side of a box, and where it leads, which decides how high it is among the others there.
struct Port {
    node: usize,
    right: bool,
    towards: f64,
    edge: usize,
    is_end: bool,
}

/// The line of every edge.
pub(super) fn routes(
    graph: &Graph,
    items: &Items,
    middles: &[f64],
    nodes: &[Rect],
    lanes: &[f64],
    spacing: &Spacing,
) -> Vec<Route> {
    let kinds: Vec<Kind> = graph.edges.iter().map(|edge| Kind::of(graph, items, edge.from, edge.to)).collect();
    let ports = ports(&kinds, items, middles, nodes);
    // How many lines between the same boxes, each of another type, come before a line.
    let nth = |i: usize| {
        let same = |other: &&Edge| (other.from, other.to) == (graph.edges[i].from, graph.edges[i].to);
        graph.edges[..i].iter().filter(same).count()
    };
    kinds
        .iter()
        .enumerate()
        .map(|(i, kind)| {
            let edge = graph.edges[i];
            let ends = [ports[i][0], ports[i][1]];
            match kind {
                Kind::Across { forward } => {
                    let bends: Vec<Point> = items.chains[i][1..items.chains[i].len() - 1]
                        .iter()
                        .map(|item| Point { x: lanes[items.all[*item].lane], y: middles[*item] })
                        .collect();
                    across(*forward, ends, &bends, spacing.node_width)
                }
                Kind::Next { down } => next(*down, &nodes[edge.from], &nodes[edge.to], nth(i)),
                Kind::Around { down, boxes } => around(*down, ends, *boxes + nth(i), spacing),
                Kind::Repeat => repeat(&nodes[edge.from], nth(i)),
            }
        })
        .collect()
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Across { forward: bool },
    Next { down: bool },
    Around { down: bool, boxes: usize },
    Repeat,
}

impl Kind {
    fn of(graph: &Graph, items: &Items, from: usize, to: usize) -> Self {
        if from == to {
            return Kind::Repeat;
        }
        let (lane_from, lane_to) = (graph.nodes[from].lane, graph.nodes[to].lane);
        if lane_from != lane_to {
            return Kind::Across { forward: lane_from < lane_to };
        }
        let down = items.at[from] < items.at[to];
        let between = items.at[from].min(items.at[to]) + 1..items.at[from].max(items.at[to]);
        let passed = &items.lanes[lane_from][between];
        let boxes = passed.iter().filter(|item| items.all[**item].is_node).count();
        if passed.is_empty() { Kind::Next { down } } else { Kind::Around { down, boxes } }
    }
}

/// By edge, where it starts and where it ends.
fn ports(kinds: &[Kind], items: &Items, middles: &[f64], nodes: &[Rect]) -> Vec<[Point; 2]> {
    let mut ports = Vec::new();
    for (edge, kind) in kinds.iter().enumerate() {
        let chain = &items.chains[edge];
        let (from, to) = (chain[0], chain[chain.len() - 1]);
        let (leaves_right, arrives_right) = match kind {
            Kind::Across { forward } => (*forward, !forward),
            Kind::Around { down, .. } => (*down, *down),
            Kind::Next { .. } | Kind::Repeat => continue,
        };
        ports.push(Port { node: from, right: leaves_right, towards: middles[chain[1]], edge, is_end: false });
        let before = middles[chain[chain.len() - 2]];
        ports.push(Port { node: to, right: arrives_right, towards: before, edge, is_end: true });
    }
    ports.sort_by(|a, b| {
        (a.node, a.right).cmp(&(b.node, b.right)).then(a.towards.total_cmp(&b.towards)).then(a.edge.cmp(&b.edge))
    });
    let mut points = vec![[Point { x: 0.0, y: 0.0 }; 2]; kinds.len()];
    for side in ports.chunk_by(|a, b| (a.node, a.right) == (b.node, b.right)) {
        let step = 1.0 / (side.len() as f64 + 1.0);
        for (i, port) in side.iter().enumerate() {
            let node = &nodes[port.node];
            let x = if port.right { node.right() } else { node.x };
            let y = node.y + node.height * step * (i as f64 + 1.0);
            points[port.edge][usize::from(port.is_end)] = Point { x, y };
        }
    }
    points
}

/// From a box to one in another lane, through the places that the line has in the lanes between.
fn across(forward: bool, ends: [Point; 2], bends: &[Point], lane_width: f64) -> Route {
    let mut at = ends[0];
    let mut curves = Vec::new();
    for bend in bends {
        let (enters, leaves) = (bend.x, bend.x + lane_width);
        let (enters, leaves) = if forward { (enters, leaves) } else { (leaves, enters) };
        let (enter, leave) = (Point { x: enters, y: bend.y }, Point { x: leaves, y: bend.y });
        curves.push(level(at, enter));
        curves.push(level(enter, leave));
        at = leave;
    }
    curves.push(level(at, ends[1]));
    Route { direction: if forward { Direction::Forward } else { Direction::Back }, start: ends[0], curves }
}

/// A curve that is level at both ends.
fn level(from: Point, to: Point) -> [Point; 3] {
    let half = (to.x - from.x) / 2.0;
    [Point { x: from.x + half, y: from.y }, Point { x: to.x - half, y: to.y }, to]
}

/// Straight down or up to the next box, beside the lines before.
fn next(down: bool, from: &Rect, to: &Rect, nth: usize) -> Route {
    let beside = if down { 0.3 + 0.16 * nth as f64 } else { (0.06 + 0.16 * nth as f64).max(0.14) };
    let share = beside.min(0.94);
    let x = from.x + from.width * share;
    let (start, end) = if down { (from.bottom(), to.y) } else { (from.y, to.bottom()) };
    let third = (end - start) / 3.0;
    let curve = [Point { x, y: start + third }, Point { x, y: end - third }, Point { x, y: end }];
    Route { direction: Direction::Inside, start: Point { x, y: start }, curves: vec![curve] }
}

/// Around the boxes between two boxes of a lane.
fn around(down: bool, ends: [Point; 2], boxes: usize, spacing: &Spacing) -> Route {
    let away = (34.0 + 10.0 * boxes as f64).min(spacing.lane_gap * 0.8);
    let x = if down { away } else { -away };
    let [start, end] = ends;
    let curve = [Point { x: start.x + x, y: start.y }, Point { x: end.x + x, y: end.y }, end];
    Route { direction: Direction::Inside, start, curves: vec![curve] }
}

/// A loop on top of a box, left of the loops before.
fn repeat(node: &Rect, nth: usize) -> Route {
    let right = node.right() - 16.0 - (30.0 * nth as f64).min(node.width - 60.0);
    let left = right - 24.0;
    let above = node.y - 26.0;
    let curve = [Point { x: left - 4.0, y: above }, Point { x: right + 4.0, y: above }, Point { x: right, y: node.y }];
    Route { direction: Direction::Repeat, start: Point { x: left, y: node.y }, curves: vec![curve] }
}
