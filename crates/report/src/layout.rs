//! Where the boxes and lines of a journey map lie: a layered drawing with one lane per column.
//!
//! After Sugiyama, Tagawa and Toda ("Methods for visual understanding of hierarchical system structures", 1981): a line
//! that crosses a lane gets a place of its own in it, the places in a lane are ordered so that few lines cross, and
//! then moved up and down towards their neighbours. Everything is computed from the graph alone, in a fixed order, so
//! that the same answer gives the same picture.

mod lanes;
mod order;
mod place;
mod route;

pub(crate) use lanes::lanes_from_flow;
pub(crate) use route::{Direction, Route};

/// What is to be drawn.
#[derive(Debug, Clone, Default)]
pub(crate) struct Graph {
    pub(crate) nodes: Vec<Node>,
    pub(crate) edges: Vec<Edge>,
    /// The number of lanes; some may be without nodes.
    pub(crate) lanes: usize,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Node {
    pub(crate) lane: usize,
    pub(crate) height: f64,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Edge {
    pub(crate) from: usize,
    pub(crate) to: usize,
    pub(crate) weight: f64,
    /// How thick the line is.
    pub(crate) width: f64,
}

/// The distances that a drawing keeps.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spacing {
    pub(crate) node_width: f64,
    /// Between two lanes.
    pub(crate) lane_gap: f64,
    /// Between two boxes of a lane.
    pub(crate) node_gap: f64,
    /// Between a box and a line that passes it, and between two lines.
    pub(crate) line_gap: f64,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Point {
    pub(crate) x: f64,
    pub(crate) y: f64,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Rect {
    pub(crate) x: f64,
    pub(crate) y: f64,
    pub(crate) width: f64,
    pub(crate) height: f64,
}

impl Rect {
    /// Whether two boxes come closer than `apart`.
    pub(crate) fn touches(&self, other: &Rect, apart: f64) -> bool {
        self.x < other.x + other.width + apart
            && other.x < self.x + self.width + apart
            && self.y < other.y + other.height + apart
            && other.y < self.y + self.height + apart
    }

    pub(crate) fn middle(&self) -> f64 {
        self.y + self.height / 2.0
    }

    fn right(&self) -> f64 {
        self.x + self.width
    }

    fn bottom(&self) -> f64 {
        self.y + self.height
    }
}

/// Where everything lies; the smallest coordinate is 0 in both directions.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Layout {
    pub(crate) width: f64,
    pub(crate) height: f64,
    /// The left ends of the lanes' boxes.
    pub(crate) lanes: Vec<f64>,
    /// By node.
    pub(crate) nodes: Vec<Rect>,
    /// By edge.
    pub(crate) routes: Vec<Route>,
}

/// Draws a graph.
pub(crate) fn layout(graph: &Graph, spacing: &Spacing) -> Layout {
    let mut items = order::Items::of(graph, spacing);
    order::arrange(&mut items);
    let middles = place::middles(&items, spacing);
    let mut lanes: Vec<f64> =
        (0..graph.lanes).map(|lane| lane as f64 * (spacing.node_width + spacing.lane_gap)).collect();
    let mut nodes: Vec<Rect> = graph
        .nodes
        .iter()
        .zip(&middles)
        .map(|(node, middle)| Rect {
            x: lanes.get(node.lane).copied().unwrap_or(0.0),
            y: middle - node.height / 2.0,
            width: spacing.node_width,
            height: node.height,
        })
        .collect();
    let mut routes = route::routes(graph, &items, &middles, &nodes, &lanes, spacing);
    let bounds = bounds(&nodes, &routes);
    let by = Point { x: -bounds.x, y: -bounds.y };
    for x in &mut lanes {
        *x += by.x;
    }
    for node in &mut nodes {
        node.x += by.x;
        node.y += by.y;
    }
    for route in &mut routes {
        route.move_by(by);
    }
    Layout { width: bounds.width, height: bounds.height, lanes, nodes, routes }
}

fn bounds(nodes: &[Rect], routes: &[Route]) -> Rect {
    let corners = nodes.iter().flat_map(|r| [Point { x: r.x, y: r.y }, Point { x: r.right(), y: r.bottom() }]);
    let points = corners.chain(routes.iter().flat_map(Route::points));
    let (mut low, mut high) = (Point { x: 0.0, y: 0.0 }, Point { x: 0.0, y: 0.0 });
    for (i, point) in points.enumerate() {
        if i == 0 {
            (low, high) = (point, point);
        }
        low = Point { x: low.x.min(point.x), y: low.y.min(point.y) };
        high = Point { x: high.x.max(point.x), y: high.y.max(point.y) };
    }
    Rect { x: low.x, y: low.y, width: high.x - low.x, height: high.y - low.y }
}

#[cfg(test)]
mod tests;
