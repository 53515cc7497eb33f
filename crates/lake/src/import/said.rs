//! What people said of keys, on its way into the lake with what came in around it.

use listen::stitch::{Graph, Node, Rules};

use super::Importer;
use crate::maintain::take_back;
use crate::told::Said;

impl Importer {
    /// Takes in what a person said of two keys, after all words before it, whatever the rules have to say about it: a key may come
    /// to be known by that alone. What is said already changes nothing, and neither does a word against a link that nothing here
    /// tells of, or about a value that names nobody.
    pub fn say(&mut self, Said { linked, a, b }: &Said) {
        let (graph, rules) = (&mut self.stock.identity.graph, &self.options.rules);
        let (a, b) = ((a.0.as_str(), a.1.as_str()), (b.0.as_str(), b.1.as_str()));
        if *linked {
            join(graph, rules, a, b);
        } else if let (Some(a), Some(b)) = (as_said(graph, rules, a), as_said(graph, rules, b)) {
            // There may be no evidence here for what is taken back.
            self.taken_back.extend(take_back(graph, a, b).ok().flatten());
        }
    }
}

/// The node of a key of which people said something: in the form in which it was said, or else in that which these rules make of
/// it. In another one it may be somebody else's.
fn as_said(graph: &Graph, rules: &Rules, (kind, value): (&str, &str)) -> Option<Node> {
    graph.restored(kind, value).or_else(|| graph.restored(kind, &rules.comparable(kind, value)?))
}

/// Has two keys be one customer's, where both name somebody.
fn join(graph: &mut Graph, rules: &Rules, a: (&str, &str), b: (&str, &str)) {
    // Before either becomes known: where one names nobody, nothing is said.
    let names_somebody =
        |key: &(&str, &str)| as_said(graph, rules, *key).is_some() || rules.names_somebody(key.0, key.1);
    if ![a, b].iter().all(names_somebody) {
        return;
    }
    let mut node = |key: (&str, &str)| as_said(graph, rules, key).or_else(|| graph.admit(key.0, key.1));
    if let (Some(a), Some(b)) = (node(a), node(b))
        && a != b
        && !graph.is_said(a, b)
    {
        graph.say(a, b);
    }
}
