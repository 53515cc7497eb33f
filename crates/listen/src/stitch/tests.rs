use super::*;
use std::collections::BTreeSet;

use event::Event;
use proptest::prelude::*;

/// Events as lists of `kind:value`, in time order.
fn graph(events: &[&[&str]]) -> Graph {
    let mut graph = Graph::new(Rules::default());
    for (at, keys) in (0i64..).zip(events) {
        let nodes: Vec<Node> = keys
            .iter()
            .filter_map(|key| {
                let (kind, value) = key.split_once(':').expect("kind:value");
                graph.admit(kind, value)
            })
            .collect();
        graph.link(&nodes, at);
    }
    graph
}

fn same(graph: &Graph, a: &str, b: &str) -> bool {
    let customers = graph.resolve();
    let of = |key: &str| {
        let (kind, value) = key.split_once(':').expect("kind:value");
        customers.of(graph.find(kind, value).expect("known"))
    };
    of(a) == of(b)
}

#[test]
fn keys_that_come_together_are_one_customer() {
    let graph = graph(&[
        &["anonymous_id:a"],
        &["anonymous_id:a", "user_id:u"],
        &["user_id:u", "email:Ann@Example.com"],
        &["email:ann@example.com", "phone:+49 30 123456"],
    ]);
    assert!(same(&graph, "anonymous_id:a", "phone:004930123456"));
    assert_eq!(graph.resolve().len(), 1);
}

#[test]
fn two_unique_keys_are_never_one_customer() {
    let graph = graph(&[&["email:a@x.org", "user_id:1"], &["user_id:1", "user_id:2"]]);
    assert!(!same(&graph, "user_id:1", "user_id:2"));
    assert_eq!(graph.resolve().refused.len(), 1);
}

#[test]
fn a_shared_device_or_mailbox_glues_nobody() {
    let graph = graph(&[
        &["anonymous_id:kiosk", "user_id:1"],
        &["anonymous_id:kiosk", "user_id:2"],
        &["user_id:1", "email:one@x.org"],
    ]);
    for user in ["user_id:1", "user_id:2"] {
        assert!(!same(&graph, "anonymous_id:kiosk", user), "{user}");
    }
    assert!(same(&graph, "user_id:1", "email:one@x.org"), "other evidence still counts");
    let customers = graph.resolve();
    let refused =
        [Refusal::SharedKey { kind: "anonymous_id".into(), value: "kiosk".into(), with: "user_id".into(), count: 2 }];
    assert_eq!(customers.refused, refused);
    let nodes = [graph.find("anonymous_id", "kiosk"), graph.find("user_id", "2")].map(|n| n.expect("known"));
    assert_eq!(graph.customer(&nodes, &customers), Some(nodes[1]), "an event with both is the user's");
}

#[test]
fn more_of_a_kind_than_the_limit_are_not_followed() {
    let events: Vec<[String; 2]> = (0..5).map(|n| ["user_id:1".to_owned(), format!("email:{n}@x.org")]).collect();
    let events: Vec<Vec<&str>> = events.iter().map(|e| e.iter().map(String::as_str).collect()).collect();
    let graph = graph(&events.iter().map(Vec::as_slice).collect::<Vec<_>>());
    assert!(same(&graph, "user_id:1", "email:2@x.org"));
    assert!(!same(&graph, "user_id:1", "email:3@x.org"), "the first three stay");
    assert_eq!(graph.resolve().refused.len(), 2);
}

#[test]
fn junk_names_nobody() {
    let mut graph = Graph::new(Rules::default());
    for (kind, value) in [("user_id", "null"), ("user_id", " NULL "), ("email", "not an address"), ("user_id", "")] {
        assert_eq!(graph.admit(kind, value), None, "{kind}:{value}");
    }
}

#[test]
fn kinds_without_a_rule_are_unique() {
    let graph = graph(&[&["card:1", "card:2"]]);
    assert!(!same(&graph, "card:1", "card:2"));
}

#[test]
fn a_key_is_found_in_the_form_that_other_rules_gave_it() {
    let mut graph = Graph::new(Rules::new(Vec::new(), []));
    let ann = graph.restore("email", "ann@x.org");
    assert_eq!(graph.find("email", " Ann@X.org"), Some(ann));
    assert_eq!(graph.find("email", "bob@x.org"), None);
}

fn any_key() -> impl Strategy<Value = String> {
    prop_oneof![
        (0..4u8).prop_map(|n| format!("user_id:{n}")),
        (0..6u8).prop_map(|n| format!("email:{n}@x.org")),
        (0..6u8).prop_map(|n| format!("anonymous_id:{n}")),
    ]
}

/// Every key with the smallest text of its customer, which does not depend on the numbering of nodes.
fn partition(graph: &Graph) -> BTreeMap<String, String> {
    let customers = graph.resolve();
    let text = |n: u32| {
        let (kind, value) = graph.key(Node(n));
        format!("{kind}:{value}")
    };
    let mut smallest: BTreeMap<Node, String> = BTreeMap::new();
    let all: Vec<u32> = (0..).take(graph.len()).collect();
    for n in &all {
        let name = smallest.entry(customers.of(Node(*n))).or_insert_with(|| text(*n));
        *name = text(*n).min(name.clone());
    }
    all.iter().map(|n| (text(*n), smallest[&customers.of(Node(*n))].clone())).collect()
}

fn build(events: &[(i64, Vec<String>)], undo: Option<(&str, &str)>) -> Graph {
    let mut graph = Graph::new(Rules::default());
    for (at, keys) in events {
        let nodes: Vec<Node> = keys
            .iter()
            .filter_map(|key| key.split_once(':').and_then(|(kind, value)| graph.admit(kind, value)))
            .collect();
        graph.link(&nodes, *at);
    }
    if let Some((a, b)) = undo {
        let find = |key: &str| key.split_once(':').and_then(|(kind, value)| graph.find(kind, value));
        if let (Some(a), Some(b)) = (find(a), find(b)) {
            graph.undo(a, b);
        }
    }
    graph
}

proptest! {
    #[test]
    fn who_is_who_does_not_depend_on_the_order_of_events(
        events in prop::collection::vec((0i64..50, prop::collection::vec(any_key(), 1..3)), 0..30),
        shuffle in any::<u64>(),
    ) {
        let mut other = events.clone();
        other.sort_by_key(|(at, keys)| {
            rapidhash::v3::rapidhash_v3_seeded(format!("{at}{keys:?}").as_bytes(), &rapidhash::v3::RapidSecrets::seed(shuffle))
        });
        prop_assert_eq!(partition(&build(&events, None)), partition(&build(&other, None)));
    }

    #[test]
    fn a_link_taken_back_never_was(
        events in prop::collection::vec((0i64..50, prop::collection::vec(any_key(), 1..2)), 0..20),
        links in prop::collection::vec((0i64..50, any_key(), any_key()), 1..8),
        taken in 0usize..8,
    ) {
        let taken = &links[taken % links.len()];
        let pair = |l: &(i64, String, String)| (l.1.clone().min(l.2.clone()), l.1.clone().max(l.2.clone()));
        let with: Vec<_> = events.iter().cloned()
            .chain(links.iter().map(|l| (l.0, vec![l.1.clone(), l.2.clone()]))).collect();
        let without: Vec<_> = events.iter().cloned()
            .chain(links.iter().map(|l| if pair(l) == pair(taken) { (l.0, vec![l.1.clone()]) } else { (l.0, vec![l.1.clone(), l.2.clone()]) }))
            .chain([(0, vec![taken.2.clone()])]).collect();
        let undone = build(&with, Some((&taken.1, &taken.2)));
        let mut never = build(&without, None);
        for (_, keys) in &with {
            for (kind, value) in keys.iter().filter_map(|k| k.split_once(':')) {
                never.admit(kind, value);
            }
        }
        prop_assert_eq!(partition(&undone), partition(&never));
    }

    #[test]
    fn no_customer_has_two_unique_keys(
        events in prop::collection::vec((0i64..50, prop::collection::vec(any_key(), 1..4)), 0..40),
    ) {
        let partition = partition(&build(&events, None));
        let mut users: BTreeMap<&str, u32> = BTreeMap::new();
        for (key, customer) in &partition {
            if key.starts_with("user_id") { *users.entry(customer).or_default() += 1; }
        }
        prop_assert!(users.values().all(|n| *n == 1));
    }
}

#[test]
fn further_keys_are_taken_where_the_charter_says_and_the_event_lacks_them() {
    let rules = Rules::default();
    let keys = [event::Key { kind: "user_id", value: "u" }, event::Key { kind: "phone", value: "030 1" }];
    let at = event::Timestamp::from_micros(0);
    let traits = Some(r#"{"email":"Ann@Example.com","phone":"030 2"}"#);
    let event = Event { traits, ..Event::new("x", at, &keys) };
    let email = ("email".to_owned(), "Ann@Example.com".to_owned());
    assert_eq!(rules.further_keys(&event), [email], "the phone that the event came with stands");
    for none in [None, Some("{}"), Some(r#"{"email":null,"phone":true}"#), Some("{broken")] {
        assert_eq!(rules.further_keys(&Event { traits: none, keys: &keys[..1], ..event }), []);
    }
    let number = Event { traits: Some(r#"{"phone":4930123456}"#), keys: &keys[..1], ..event };
    assert_eq!(rules.further_keys(&number), [("phone".to_owned(), "4930123456".to_owned())]);
}

#[test]
fn a_word_of_a_person_is_followed_before_all_evidence_and_the_last_one_counts() {
    let mut graph = Graph::new(Rules::default());
    let node = |graph: &mut Graph, kind: &str, value: &str| graph.admit(kind, value).expect("it names somebody");
    let [u1, u2] = ["u1", "u2"].map(|value| node(&mut graph, "user_id", value));
    let [a1, a2] = ["a1", "a2"].map(|value| node(&mut graph, "anonymous_id", value));
    graph.link(&[u1, a1], 10);
    graph.link(&[u2, a2], 20);
    // An event that pretends to be a word is evidence, and is refused like any other.
    graph.link(&[u1, u2], said::next_us([]));
    assert_ne!(graph.resolve().of(u1), graph.resolve().of(u2));
    for word in 0..4 {
        graph.say(u1, u2);
        let (customers, last) = (graph.resolve(), graph.links()[0].2);
        assert!(graph.is_said(u1, u2) && [u2, a1, a2].iter().all(|of| customers.of(*of) == customers.of(u1)), "{word}");
        assert!(customers.refused.is_empty());
        // Whoever has two because a person said so may get others still.
        let late = node(&mut graph, "anonymous_id", "late");
        graph.link(&[u2, late], 30);
        assert_eq!(graph.resolve().of(late), graph.resolve().of(u1));
        assert!(graph.undo(u1, u2) && graph.is_undone(u1, u2));
        graph.link(&[u1, u2], 5);
        assert_ne!(graph.resolve().of(u1), graph.resolve().of(u2), "evidence is not enough");
        assert!(said::is_said(last) && graph.links()[0].2 == last);
    }
    // In whatever order what is kept comes back.
    let mut again = Graph::new(Rules::default());
    for (kind, value) in [("user_id", "u1"), ("user_id", "u2"), ("anonymous_id", "a1")] {
        again.restore(kind, value);
    }
    let words: Vec<i64> = (0..3)
        .scan(Vec::new(), |known, _| {
            known.push(said::next_us(known.iter().copied()));
            known.last().copied()
        })
        .collect();
    again.restore_link(u1, u2, words[2]);
    again.restore_undo(u1, u2, words[1]);
    again.restore_link(u1, u2, words[0]);
    assert!(again.is_said(u1, u2));
}

proptest! {
    /// However evidence comes in parts, and words of people between: resolving again what it concerns is resolving everything.
    #[test]
    fn resolving_again_is_resolving_everything(
        parts in prop::collection::vec(
            prop::collection::vec((prop::collection::vec((0usize..4, 0u8..6), 1..4), 0i64..20, 0u8..12), 1..6),
            1..8,
        ),
    ) {
        let kinds = ["user_id", "email", "phone", "anonymous_id"];
        let mut graph = Graph::new(Rules::default());
        let mut customers = graph.resolve();
        for part in parts {
            let mut taken_back = Vec::new();
            for (keys, at_us, word) in part {
                let value = |kind: usize, n: u8| if kind == 1 { format!("k{n}@x.org") } else { format!("0301234{n}") };
                let nodes: Vec<Node> =
                    keys.iter().filter_map(|(kind, n)| graph.admit(kinds[*kind], &value(*kind, *n))).collect();
                match (word, nodes.as_slice()) {
                    (0, [a, b, ..]) if a != b => graph.say(*a, *b),
                    (1 | 2, [a, b, ..]) if graph.neighbours(*a).contains(b) => {
                        graph.undo(*a, *b);
                        taken_back.push((*a, *b, at_us));
                    }
                    _ => { graph.link(&nodes, at_us); }
                }
            }
            let before = customers.clone();
            let news = [graph.take_news(), taken_back].concat();
            let again = graph.resolve_again(&mut customers, &news);
            let all = graph.resolve();
            let known = || (0u32..).take(graph.len()).map(Node);
            prop_assert!(known().all(|node| customers.of(node) == all.of(node)));
            prop_assert_eq!(customers.shared(), all.shared());
            let was = (0u32..).take(before.roots.len()).map(Node);
            let moved: Vec<Node> = was.filter(|node| before.of(*node) != all.of(*node)).collect();
            prop_assert_eq!(&again.moved, &moved);
            let flipped: BTreeSet<Node> = before.shared().symmetric_difference(all.shared()).copied().collect();
            prop_assert_eq!(&again.shared, &flipped);
        }
    }
}
