//! Lanes where no charter gives stages: how far along the dominant flow a moment typically comes.

use std::cmp::Reverse;

use super::Edge;

/// The lane of each of `nodes` nodes, from 0 to at most `lanes - 1`.
///
/// Every node follows the one that leads to it most often, strongest edges first and without going round in a circle;
/// where that makes more layers than lanes, neighbouring layers share one, so that the lanes hold about equally many
/// nodes.
pub(crate) fn lanes_from_flow(nodes: usize, edges: &[Edge], starts: &[u64], lanes: usize) -> Vec<usize> {
    let layers = layers(nodes, edges, starts);
    let deepest = layers.iter().copied().max().unwrap_or(0);
    if deepest < lanes {
        return layers;
    }
    let sizes: Vec<usize> = (0..=deepest).map(|layer| layers.iter().filter(|l| **l == layer).count()).collect();
    let lane_of = shared(&sizes, lanes.max(1));
    layers.into_iter().map(|layer| lane_of[layer]).collect()
}

fn layers(nodes: usize, edges: &[Edge], starts: &[u64]) -> Vec<usize> {
    let mut by_weight: Vec<&Edge> = edges.iter().filter(|edge| edge.from != edge.to).collect();
    // The sort is stable: among equals the order of the answer decides.
    by_weight.sort_by(|a, b| b.weight.total_cmp(&a.weight));
    let mut before: Vec<Option<usize>> = vec![None; nodes];
    // Where most journeys start is in front, whatever leads back to it.
    let first = (0..nodes).max_by_key(|node| (starts.get(*node).copied().unwrap_or(0), Reverse(*node)));
    for edge in by_weight {
        if Some(edge.to) == first || before[edge.to].is_some() || comes_before(&before, edge.to, edge.from) {
            continue;
        }
        before[edge.to] = Some(edge.from);
    }
    (0..nodes).map(|node| std::iter::successors(before[node], |from| before[*from]).count()).collect()
}

/// Whether `node` is among those before `other`.
fn comes_before(before: &[Option<usize>], node: usize, other: usize) -> bool {
    std::iter::successors(Some(other), |at| before[*at]).any(|at| at == node)
}

/// By layer, its lane: the cut into `lanes` neighbouring runs whose largest holds as few nodes as possible.
fn shared(sizes: &[usize], lanes: usize) -> Vec<usize> {
    let cut = |most: usize| {
        let (mut lane, mut held) = (0, 0);
        let mut lane_of = Vec::with_capacity(sizes.len());
        for size in sizes {
            if held > 0 && held + size > most {
                (lane, held) = (lane + 1, 0);
            }
            held += size;
            lane_of.push(lane);
        }
        lane_of
    };
    let total = sizes.iter().sum();
    (1..=total).map(cut).find(|lane_of| lane_of.last().is_none_or(|last| *last < lanes)).unwrap_or_else(|| cut(total))
}
