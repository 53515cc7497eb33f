use super::*;
use journey::Selection;

fn map(log: &str, options: &Options) -> Answer {
    let log = testkit::log(log);
    testkit::answer(&log, &Selection::default(), || options.fold(&log.setting())).expect("always an answer")
}

#[test]
fn pairs_are_counted_with_their_times() {
    let answer =
        map("ann: visit@0 cart@10 order@40; bob: visit@0 cart@20 visit@30 cart@70; eve: visit", &Options::default());
    let edges: Vec<_> =
        answer.edges.iter().map(|e| (&*e.from, &*e.to, e.count, e.customers, e.median_s, e.p90_s, e.mean_s)).collect();
    assert_eq!(
        edges,
        [
            ("visit", "cart", 3, 2, Some(20.0), Some(36.0), Some(70.0 / 3.0)),
            ("cart", "order", 1, 1, Some(30.0), Some(30.0), Some(30.0)),
            ("cart", "visit", 1, 1, Some(10.0), Some(10.0), Some(10.0)),
        ]
    );
    let moments: Vec<_> = answer.moments.iter().map(|m| (&*m.moment, m.events, m.customers)).collect();
    assert_eq!(moments, [("visit", 4, 3), ("cart", 3, 2), ("order", 1, 1)]);
    assert_eq!((answer.journeys, answer.customers, answer.events, answer.times), (3, 3, 8, Times::Exact));
    assert_eq!(answer.starts.iter().map(|t| (&*t.moment, t.count)).collect::<Vec<_>>(), [("visit", 3)]);
    let ends: Vec<_> = answer.ends.iter().map(|t| (&*t.moment, t.count)).collect();
    assert_eq!(ends, [("cart", 1), ("order", 1), ("visit", 1)]);
}

#[test]
fn a_part_of_the_edges_says_that_it_is_a_part() {
    let answer = map("ann: a b c d; bob: a b", &Options { limit: 1, ..Options::default() });
    assert_eq!((answer.edges.len(), answer.shown, answer.of), (1, 1, 3));
    assert!(answer.doubts.contains(&Doubt::Truncated { what: "edges".to_owned(), shown: 1, of: 3 }));
}

#[test]
fn over_the_budget_the_answer_says_that_it_is_approximate() {
    let text = "ann: a@0 b@100 a@300 b@700";
    let sketch = map(text, &Options { exact_bytes: 16, ..Options::default() });
    let exact = map(text, &Options { exact_bytes: 24, ..Options::default() });
    assert_eq!((sketch.times, exact.times), (Times::Sketch, Times::Exact));
    assert!(sketch.doubts.iter().any(|doubt| matches!(doubt, Doubt::Approximate { .. })));
    let none = map(text, &Options { times: false, ..Options::default() });
    assert_eq!((none.times, none.edges[0].median_s), (Times::None, None));
}

#[test]
fn times_from_one_end_of_time_to_the_other() {
    let log = testkit::Log::new([(1, "a", i64::MIN, 0), (1, "b", i64::MAX, 0)]);
    let answer = testkit::answer(&log, &Selection::default(), || Options::default().fold(&log.setting()))
        .expect("always an answer");
    assert_eq!(answer.edges[0].mean_s, Some(u64::MAX as f64 / 1e6));
}
