use proptest::prelude::*;

use super::*;

const SPACING: Spacing = Spacing { node_width: 160.0, lane_gap: 100.0, node_gap: 30.0, line_gap: 12.0 };

fn graphs() -> impl Strategy<Value = Graph> {
    (1usize..=60, 1usize..9, any::<bool>()).prop_flat_map(|(nodes, lanes, by_flow)| {
        let node = (0..lanes, 30.0f64..90.0).prop_map(|(lane, height)| Node { lane, height });
        let edge = (0..nodes, 0..nodes, 1u32..10_000);
        let edges = prop::collection::vec(edge, 0..=600).prop_map(|edges| {
            let edge =
                |(from, to, weight)| Edge { from, to, weight: f64::from(weight), width: f64::from(weight % 9) + 1.0 };
            edges.into_iter().map(edge).collect::<Vec<_>>()
        });
        (prop::collection::vec(node, nodes), edges).prop_map(move |(mut nodes, edges)| {
            if by_flow {
                let lane_of = lanes_from_flow(nodes.len(), &edges, &[], lanes);
                nodes.iter_mut().zip(lane_of).for_each(|(node, lane)| node.lane = lane);
            }
            Graph { nodes, edges, lanes }
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn boxes_keep_their_lanes_and_distances_and_lines_their_ends(graph in graphs()) {
        let drawn = layout(&graph, &SPACING);
        prop_assert_eq!(&drawn, &layout(&graph, &SPACING), "the same graph gives the same picture");
        for (i, a) in drawn.nodes.iter().enumerate() {
            prop_assert!((a.x - drawn.lanes[graph.nodes[i].lane]).abs() < 1e-6);
            for b in &drawn.nodes[i + 1..] {
                prop_assert!(!a.touches(b, SPACING.node_gap - 1e-6), "{a:?} {b:?}");
            }
        }
        for (edge, route) in graph.edges.iter().zip(&drawn.routes) {
            for (end, node) in [(route.start, edge.from), (route.end(), edge.to)] {
                let at = Rect { x: end.x, y: end.y, width: 0.0, height: 0.0 };
                prop_assert!(at.touches(&drawn.nodes[node], 1e-6), "{route:?}");
            }
            for point in route.points() {
                prop_assert!(point.x.is_finite() && point.y.is_finite());
                prop_assert!((-1e-6..=drawn.width + 1e-6).contains(&point.x));
                prop_assert!((-1e-6..=drawn.height + 1e-6).contains(&point.y));
            }
        }
    }

    #[test]
    fn lines_to_other_lanes_pass_no_box(graph in graphs()) {
        let drawn = layout(&graph, &SPACING);
        for (edge, route) in graph.edges.iter().zip(&drawn.routes) {
            if graph.nodes[edge.from].lane == graph.nodes[edge.to].lane {
                continue;
            }
            for step in 0..=40 {
                let at = route.at(f64::from(step) / 40.0);
                let others = drawn.nodes.iter().enumerate().filter(|(i, _)| *i != edge.from && *i != edge.to);
                for (_, node) in others {
                    let between = at.x > node.x + 1e-6 && at.x < node.right() - 1e-6;
                    let inside = between && at.y > node.y && at.y < node.bottom();
                    prop_assert!(!inside, "{edge:?} passes through {node:?} at {at:?}");
                }
            }
        }
    }
}

fn edge(from: usize, to: usize, weight: f64) -> Edge {
    Edge { from, to, weight, width: 2.0 }
}

#[test]
fn lanes_follow_the_flow() {
    // 0 → 1 → 2 → 3, with a way back from 2 to 1 and a rare side path 1 → 4 → 3.
    let edges =
        [edge(0, 1, 90.0), edge(1, 2, 80.0), edge(2, 3, 70.0), edge(2, 1, 60.0), edge(1, 4, 5.0), edge(4, 3, 5.0)];
    assert_eq!(lanes_from_flow(5, &edges, &[100, 0, 0, 0, 0], 8), [0, 1, 2, 3, 2]);
    assert_eq!(lanes_from_flow(5, &edges, &[100, 0, 0, 0, 0], 2), [0, 0, 1, 1, 1]);
}

#[test]
fn crossing_lines_are_disentangled() {
    let node = |lane| Node { lane, height: 40.0 };
    let graph = Graph {
        nodes: vec![node(0), node(0), node(1), node(1)],
        edges: vec![edge(0, 3, 1.0), edge(1, 2, 1.0)],
        lanes: 2,
    };
    let drawn = layout(&graph, &SPACING);
    let above = |a: usize, b: usize| drawn.nodes[a].y < drawn.nodes[b].y;
    assert_eq!(above(0, 1), above(3, 2));
}

/// Several types of objects take the same way: every line is seen.
#[test]
fn lines_between_the_same_boxes_lie_apart() {
    let node = |lane| Node { lane, height: 40.0 };
    let ways = [(0, 1), (1, 0), (0, 0), (0, 2), (2, 0), (0, 3), (3, 0)];
    let edge = |(from, to)| Edge { from, to, weight: 1.0, width: 2.0 };
    let edges: Vec<Edge> = ways.iter().flat_map(|way| [*way, *way, *way, *way]).map(edge).collect();
    let drawn = layout(&Graph { nodes: vec![node(0), node(0), node(0), node(1)], edges, lanes: 2 }, &SPACING);
    let middles: Vec<Point> = drawn.routes.iter().map(|route| route.at(0.5)).collect();
    for (i, a) in middles.iter().enumerate() {
        for b in &middles[i + 1..] {
            assert!((a.x - b.x).hypot(a.y - b.y) > 1.0, "{a:?} {b:?}");
        }
    }
}
