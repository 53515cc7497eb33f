//! docs/guide/sankey.md

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::figures::{first, limit, most_frequent, object, share};
use super::log::{Ending, Log};
use crate::world::Question;

/// What is there at a step, in the order in which it is listed among what is equally frequent.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Node {
    Moment(String),
    Other,
    Open,
    Outside,
}

pub(super) fn answer(log: &Log<'_>, question: &Question) -> Value {
    let steps: usize = question.option("steps").map_or(5, |steps| steps.parse().expect("a number"));
    let (from, to) = (question.option("from_moment"), question.option("to_moment"));
    let paths = paths(log, question);
    // Of every step, which moments are shown: the most frequent.
    let shown: Vec<Vec<String>> = (0..=steps)
        .map(|step| {
            let counts = super::figures::count(paths.iter().filter_map(|path| path.moments.get(step).cloned()));
            first(most_frequent(counts), limit(question, 10)).into_iter().map(|(moment, _)| moment).collect()
        })
        .collect();
    let node = |path: &Path, step: usize| match path.moments.get(step) {
        None if path.open => Node::Open,
        None => Node::Outside,
        Some(moment) if shown[step].contains(moment) => Node::Moment(moment.clone()),
        Some(_) => Node::Other,
    };
    let mut nodes: BTreeMap<(usize, Node), Vec<&str>> = BTreeMap::new();
    let mut links: BTreeMap<(usize, Node, Node), u64> = BTreeMap::new();
    for path in &paths {
        // A journey that is over is told at the first step that it does not reach.
        for step in 0..=steps.min(path.moments.len()) {
            let moment = path.moments.get(step).map_or("", String::as_str);
            nodes.entry((step, node(path, step))).or_default().push(moment);
            if step > 0 {
                *links.entry((step, node(path, step - 1), node(path, step))).or_default() += 1;
            }
        }
    }
    let mut order: Vec<((usize, Node), Vec<&str>)> = nodes.into_iter().collect();
    order.sort_by_key(|((step, node), there)| {
        (*step, !matches!(node, Node::Moment(_)), std::cmp::Reverse(there.len()), node.clone())
    });
    let place = |step: usize, node: &Node| {
        order.iter().position(|((at, there), _)| *at == step && there == node).expect("links are between nodes")
    };
    let all = paths.len() as u64;
    let mut told: Vec<(usize, usize, u64)> = links
        .iter()
        .map(|((step, near, far), count)| {
            let (near, far) = (place(step - 1, near), place(*step, far));
            if to.is_some() { (far, near, *count) } else { (near, far, *count) }
        })
        .collect();
    told.sort_unstable();
    let links = told
        .into_iter()
        .map(|(from, to, count)| object([json!({"from": from, "to": to, "count": count}), share("share", count, all)]));
    let nodes = order.iter().map(|((step, node), there)| {
        let step = i64::try_from(*step).expect("few steps") * if to.is_some() { -1 } else { 1 };
        let (kind, moment) = kind_of(node, to.is_some());
        let moments = super::figures::count(there.iter().filter(|moment| !moment.is_empty())).len();
        let count = there.len() as u64;
        object([
            json!({"step": step, "kind": kind, "moment": moment, "moments": moments, "count": count}),
            share("share", count, all),
        ])
    });
    json!({
        "from": from,
        "to": to,
        "journeys": log.journeys.iter().filter(|journey| occurs(&journey.moments(), from.or(to))).count(),
        "occurrences": all,
        "nodes": nodes.collect::<Vec<_>>(),
        "links": links.collect::<Vec<_>>(),
    })
}

fn kind_of(node: &Node, back: bool) -> (&str, Option<&String>) {
    match node {
        Node::Moment(moment) => ("moment", Some(moment)),
        Node::Other => ("other", None),
        Node::Open => ("open", None),
        Node::Outside => (if back { "started" } else { "ended" }, None),
    }
}

fn occurs(moments: &[&str], anchor: Option<&str>) -> bool {
    anchor.is_none_or(|anchor| moments.contains(&anchor))
}

/// What is seen from a place.
struct Path {
    moments: Vec<String>,
    /// Whether more may follow.
    open: bool,
}

/// From every place that is looked at: the moments from there on, or back from there.
fn paths(log: &Log<'_>, question: &Question) -> Vec<Path> {
    let (from, to) = (question.option("from_moment"), question.option("to_moment"));
    let mut paths = Vec::new();
    for journey in &log.journeys {
        let moments: Vec<String> = journey.moments().into_iter().map(str::to_owned).collect();
        let mut places: Vec<usize> = match from.or(to) {
            None => vec![0],
            Some(anchor) => (0..moments.len()).filter(|i| moments[*i] == anchor).collect(),
        };
        if question.option("first_only").is_some() {
            places.truncate(1);
        }
        for place in places {
            let (moments, open) = match to {
                None => (moments[place..].to_vec(), journey.ending == Ending::Open),
                Some(_) => (moments[..=place].iter().rev().cloned().collect(), false),
            };
            paths.push(Path { moments, open });
        }
    }
    paths
}
