//! How much of a map is drawn: the whole of a busy map is a ball of wool, so the strongest edges that hold it together
//! are drawn, and the picture says what share of all they are.

use std::collections::BTreeMap;

use understand::map;

use super::MapOptions;

/// What is drawn of a map, as positions in the answer's lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Shown {
    /// Positions in `moments`.
    pub(super) moments: Vec<usize>,
    /// Positions in `edges`, with the ends as positions in the list above; the strongest first.
    pub(super) edges: Vec<(usize, usize, usize)>,
}

/// Chooses the most frequent moments, the strongest edges that connect them as far as any do, and then the strongest
/// others.
pub(super) fn choose(answer: &map::Answer, options: &MapOptions) -> Shown {
    let moments: Vec<usize> = (0..answer.moments.len().min(options.moments_max)).collect();
    let places: BTreeMap<&str, usize> = moments.iter().map(|i| (&*answer.moments[*i].moment, *i)).collect();
    let mut all: Vec<(usize, usize, usize)> = answer
        .edges
        .iter()
        .enumerate()
        .filter_map(|(i, edge)| Some((i, *places.get(&*edge.from)?, *places.get(&*edge.to)?)))
        .collect();
    all.sort_by_key(|(i, ..)| std::cmp::Reverse(answer.edges[*i].count));
    let needed = connecting(&all, moments.len());
    let mut room = options.edges_max.saturating_sub(needed.iter().filter(|needed| **needed).count());
    let mut covered =
        all.iter().zip(&needed).filter(|(_, needed)| **needed).map(|(e, _)| answer.edges[e.0].count).sum::<u64>();
    let transitions: u64 = answer.edges.iter().map(|edge| edge.count).sum();
    let enough = |covered: u64| options.coverage.is_some_and(|share| covered as f64 >= share * transitions as f64);
    let mut edges = Vec::new();
    for (edge, needed) in all.into_iter().zip(needed) {
        if needed {
            edges.push(edge);
        } else if room > 0 && !enough(covered) {
            room -= 1;
            covered += answer.edges[edge.0].count;
            edges.push(edge);
        }
    }
    Shown { moments, edges }
}

/// By edge, whether it is part of the heaviest tree that connects the moments (Kruskal 1956); `edges` has the heaviest
/// first.
fn connecting(edges: &[(usize, usize, usize)], moments: usize) -> Vec<bool> {
    let mut group: Vec<usize> = (0..moments).collect();
    let joins = |(_, from, to): &(usize, usize, usize)| {
        let (a, b) = (group[*from], group[*to]);
        if a != b {
            group.iter_mut().filter(|g| **g == b).for_each(|g| *g = a);
        }
        a != b
    };
    edges.iter().map(joins).collect()
}
