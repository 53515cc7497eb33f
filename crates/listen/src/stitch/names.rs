//! What a customer is called where only one word says who it is: in files for other tools.
//!
//! A key has a kind and a value, and `user_id:7` is somebody else than `email:7`. A file has one column for the customer, so
//! a value alone could merge two people, and the kind before every value would be noise. So the value stands alone wherever
//! that can be nobody else, and `kind:value` stands for it otherwise.

use std::borrow::Cow;
use std::fmt::Write as _;

use super::{Graph, Node};

/// The names of customers: no two have the same one, and none has a character that XML cannot say.
#[derive(Debug)]
pub struct Names<'a> {
    graph: &'a Graph,
    /// By key: whose it is; `None` where it is nobody's.
    customer_of: Vec<Option<Node>>,
    /// By customer: the key that names it; the customer itself where it has none.
    naming: Vec<Node>,
    /// What no value that stands alone begins with.
    prefixes: Vec<String>,
}

impl<'a> Names<'a> {
    /// Names by the keys of this graph; `customer_of` says by key whose it is, `None` where it is nobody's.
    ///
    /// Of a customer's keys the first by the priorities of the rules names it, and among those of one kind the first by its
    /// text, so that the order in which keys came does not matter.
    pub fn new(graph: &'a Graph, customer_of: Vec<Option<Node>>) -> Self {
        let numbers = || (0u32..).take(graph.len()).map(Node);
        let mut naming: Vec<Node> = numbers().collect();
        let mut named = vec![false; graph.len()];
        for (key, customer) in numbers().zip(&customer_of) {
            let Some(customer) = customer else { continue };
            let at = customer.0 as usize;
            if !named[at] || graph.by_rank(key, naming[at]).is_lt() {
                (naming[at], named[at]) = (key, true);
            }
        }
        let prefixes = graph.kinds.iter().map(|rule| prefix(&rule.kind)).collect();
        Self { graph, customer_of, naming, prefixes }
    }

    /// The kind and value of the key that names a customer.
    pub fn key(&self, customer: Node) -> (&'a str, &'a str) {
        self.graph.key(self.naming[customer.0 as usize])
    }

    /// The name of a customer: the value of that key where nobody else has a key with this value and it does not look like
    /// a name with a kind; otherwise the kind, a colon and the value. In names with a kind, `%` and what XML cannot say are
    /// written as `%` and the two hexadecimal digits of each byte, and so are colons in the kind.
    pub fn name(&self, customer: Node) -> Cow<'a, str> {
        let (kind, value) = self.key(customer);
        let has_prefix = || self.prefixes.iter().any(|prefix| value.starts_with(prefix.as_str()));
        if self.is_alone(customer, value) && !has_prefix() && !value.contains(xml_cannot_say) {
            return value.into();
        }
        let mut name = prefix(kind);
        encode(value, |c| c == '%' || xml_cannot_say(c), &mut name);
        name.into()
    }

    /// Whether all keys with this value are this customer's.
    fn is_alone(&self, customer: Node, value: &str) -> bool {
        let mut kinds = (0u8..=u8::MAX).take(self.graph.kinds.len());
        kinds.all(|kind| {
            let key = self.graph.known(kind, value);
            let owner = key.and_then(|key| self.customer_of.get(key.0 as usize).copied().flatten());
            owner.is_none_or(|owner| owner == customer)
        })
    }
}

fn prefix(kind: &str) -> String {
    let mut prefix = String::new();
    encode(kind, |c| c == '%' || c == ':' || xml_cannot_say(c), &mut prefix);
    prefix.push(':');
    prefix
}

fn encode(text: &str, special: impl Fn(char) -> bool, out: &mut String) {
    for c in text.chars() {
        if special(c) {
            for byte in c.encode_utf8(&mut [0; 4]).bytes() {
                let _ = write!(out, "%{byte:02X}");
            }
        } else {
            out.push(c);
        }
    }
}

fn xml_cannot_say(c: char) -> bool {
    (c < ' ' && !matches!(c, '\t' | '\n' | '\r')) || matches!(c, '\u{fffe}' | '\u{ffff}')
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;
    use crate::stitch::Rules;

    /// The keys of each event.
    type Events<'a> = &'a [&'a [(&'a str, &'a str)]];

    fn graph(events: Events<'_>) -> Graph {
        let mut graph = Graph::new(Rules::default());
        for keys in events {
            let nodes: Vec<Node> = keys.iter().filter_map(|(kind, value)| graph.admit(kind, value)).collect();
            graph.link(&nodes, 0);
        }
        graph
    }

    fn names(graph: &Graph) -> Vec<String> {
        let customers = graph.resolve();
        let nodes = || (0u32..).take(graph.len()).map(Node);
        let names = Names::new(graph, nodes().map(|key| Some(customers.of(key))).collect());
        nodes().filter(|key| customers.of(*key) == *key).map(|customer| names.name(customer).into_owned()).collect()
    }

    #[test]
    fn a_value_stands_alone_where_it_can_be_nobody_else() {
        let cases: [(Events<'_>, &[&str]); 7] = [
            (&[&[("user_id", "7")], &[("user_id", "8")]], &["7", "8"]),
            (&[&[("user_id", "7")], &[("case", "7")], &[("case", "8")]], &["user_id:7", "case:7", "8"]),
            // One person may have the same word as two keys.
            (&[&[("user_id", "ann@x.org"), ("email", "ann@x.org")]], &["ann@x.org"]),
            // The key that comes first by priority names, whichever came first.
            (&[&[("anonymous_id", "a1")], &[("anonymous_id", "a1"), ("user_id", "7")]], &["7"]),
            (
                &[&[("user_id", "case:7")], &[("user_id", "7")], &[("case", "7")]],
                &["user_id:case:7", "user_id:7", "case:7"],
            ),
            (&[&[("user_id", "a\u{1}")], &[("user_id", "a%01")]], &["user_id:a%01", "a%01"]),
            (
                &[&[("a:b", "c")], &[("a", "b:c")], &[("x", "c")], &[("x", "b:c")]],
                &["a%3Ab:c", "a:b:c", "x:c", "x:b:c"],
            ),
        ];
        for (events, expected) in cases {
            assert_eq!(names(&graph(events)), expected);
        }
    }

    const KINDS: [&str; 6] = ["user_id", "email", "a", "a:b", "a%3Ab", "user_id:a"];
    const PIECES: [&str; 8] = ["a", "b", ":", "user_id", "%3A", "%01", "\u{1}", "@x"];

    proptest! {
        #[test]
        fn no_two_customers_have_one_name(
            events in prop::collection::vec(
                prop::collection::vec(
                    (prop::sample::select(&KINDS[..]), prop::collection::vec(prop::sample::select(&PIECES[..]), 1..4)),
                    1..3,
                ),
                1..20,
            ),
        ) {
            let mut graph = Graph::new(Rules::default());
            for keys in &events {
                let nodes: Vec<Node> =
                    keys.iter().filter_map(|(kind, pieces)| graph.admit(kind, &pieces.concat())).collect();
                graph.link(&nodes, 0);
            }
            let names = names(&graph);
            prop_assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len(), "{:?}", names);
            prop_assert!(names.iter().all(|name| !name.contains(xml_cannot_say)));
        }
    }
}
