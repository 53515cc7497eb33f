use super::*;
use journey::Selection;

fn links(log: &str, options: &Options) -> Vec<(i64, String, String, u64)> {
    let log = testkit::log(log);
    let answer = testkit::answer(&log, &Selection::default(), || options.fold(&log.setting())).expect("known moments");
    let node = |i: usize| &answer.nodes[i];
    let link = |l: &Link| (node(l.from).step, label(node(l.from)).to_string(), label(node(l.to)).to_string(), l.count);
    answer.links.iter().map(link).collect()
}

fn link(step: i64, from: &str, to: &str, count: u64) -> (i64, String, String, u64) {
    (step, from.to_owned(), to.to_owned(), count)
}

#[test]
fn forwards_from_every_occurrence() {
    let options = Options { from: Some("a".to_owned()), steps: 2, ..Options::default() };
    let found = links("1: a b a; 2: x a b c d", &options);
    let wanted = [link(0, "a", "b", 2), link(0, "a", "(ended)", 1), link(1, "b", "a", 1), link(1, "b", "c", 1)];
    assert_eq!(found, wanted);
    let first = links("1: a b a; 2: x a b c d", &Options { first_only: true, ..options });
    assert_eq!(first, [link(0, "a", "b", 2), link(1, "b", "a", 1), link(1, "b", "c", 1)]);
}

#[test]
fn the_first_of_a_journey_is_that_of_a_moment() {
    let parse = |options: &[(&str, &str)]| crate::View::parse("sankey", options.iter().copied());
    let error = parse(&[("first_only", "true")]).expect_err("of no moment").to_string();
    assert!(error.contains("write --from-moment or --to-moment with it"), "{error}");
    assert!(parse(&[("first_only", "true"), ("to_moment", "a")]).is_ok());
}

#[test]
fn backwards_the_links_still_go_with_time() {
    let options = Options { to: Some("c".to_owned()), steps: 2, ..Options::default() };
    let found = links("1: a b c; 2: b c d", &options);
    assert_eq!(found, [link(-1, "b", "c", 2), link(-2, "a", "b", 1), link(-2, "(started)", "b", 1)]);
}

#[test]
fn rare_moments_are_shown_together() {
    let options = Options { steps: 1, limit: 1, ..Options::default() };
    let log = testkit::log("1: a b; 2: a b; 3: a c; 4: a d; 5: x");
    let answer = testkit::answer(&log, &Selection::default(), || options.fold(&log.setting())).expect("an answer");
    let nodes: Vec<_> = answer.nodes.iter().map(|n| (n.step, label(n).to_string(), n.moments, n.count)).collect();
    let node = |step, label: &str, moments, count| (step, label.to_owned(), moments, count);
    let wanted = [
        node(0, "a", 1, 4),
        node(0, "(other)", 1, 1),
        node(1, "b", 1, 2),
        node(1, "(other)", 2, 2),
        node(1, "(ended)", 0, 1),
    ];
    assert_eq!(nodes, wanted);
    assert!(answer.doubts.iter().any(|doubt| matches!(doubt, Doubt::Truncated { shown: 2, of: 5, .. })));
}

#[test]
fn a_journey_that_may_still_go_on_has_not_ended() {
    // Known up to 99 h; after 10 h of silence a journey is over.
    let log = testkit::log("1: a@0h b@1h; 2: a@89h b@90h; 3: a@98h; 4: a@0h b@1h c@2h; 5: a@95h b@96h a@97h");
    let silence = Some(event::Deadline::Elapsed(10 * 3_600_000_000));
    let cut = journey::Cut { abandoned_after: silence, until_us: 99 * 3_600_000_000, ..journey::Cut::default() };
    let selection = Selection { cut: Some(cut), ..Selection::default() };
    let ask = |selection: &Selection, options: Options| {
        let answer = testkit::answer(&log, selection, || options.fold(&log.setting())).expect("an answer");
        let outside = answer.nodes.iter().filter(|node| node.moment.is_none());
        outside.map(|node| (node.step, label(node).to_string(), node.count)).collect::<Vec<_>>()
    };
    let outside = |step, label: &str, count| (step, label.to_owned(), count);
    let begin = Options { steps: 3, ..Options::default() };
    let told = [(1, "(open)", 1), (2, "(open)", 1), (2, "(ended)", 1), (3, "(open)", 1), (3, "(ended)", 1)];
    assert_eq!(ask(&selection, begin.clone()), told.map(|(step, label, count)| outside(step, label, count)));
    let from = Options { from: Some("a".to_owned()), steps: 1, ..Options::default() };
    assert_eq!(ask(&selection, from), [outside(1, "(open)", 2)], "3 and the second of 5");
    let to = Options { to: Some("a".to_owned()), steps: 1, ..Options::default() };
    assert_eq!(ask(&selection, to), [outside(-1, "(started)", 5)], "what came before is over");
    let whole = ask(&Selection::default(), begin);
    assert!(whole.iter().all(|(_, label, _)| label == "(ended)"), "nothing says that a whole run goes on: {whole:?}");
}

#[test]
fn from_and_to_at_once_are_no_question() {
    let both = Options { from: Some("a".to_owned()), to: Some("b".to_owned()), ..Options::default() };
    assert!(both.check().is_err());
}
