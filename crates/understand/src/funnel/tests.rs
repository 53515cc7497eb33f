use super::*;
use journey::{Cut, Selection};

fn funnel(log: &str, steps: &str, within: &str, from_first: bool) -> Vec<(u64, Option<f64>)> {
    let mut options = Options { from_first, ..Options::default() };
    for (option, value) in [("steps", steps), ("within", within)] {
        options.set(option, value).expect(value);
    }
    let log = testkit::log(log);
    let answer = testkit::answer(&log, &Selection::default(), || options.fold(&log.setting())).expect("known moments");
    answer.steps.iter().map(|step| (step.customers, step.median_s)).collect()
}

#[test]
fn the_best_chain_over_every_start_counts() {
    let log = "ann: a@0 a@100 b@105 c@110";
    assert_eq!(funnel(log, "a,b,c", "20s", false), [(1, None), (1, Some(5.0)), (1, Some(5.0))]);
    assert_eq!(funnel(log, "a,b,c", "20s", true), [(1, None), (0, None), (0, None)]);
    // The later start at 90 never meets a `b` before 100; the earlier one does.
    assert_eq!(funnel("ann: a@0 b@1 a@90 c@100", "a,b,c", "100s", false)[2], (1, Some(99.0)));
    assert_eq!(funnel("ann: a@0 b@1 a@90 c@101", "a,b,c", "100s", false)[2], (0, None));
}

#[test]
fn one_event_is_one_step_and_steps_may_repeat() {
    assert_eq!(
        funnel("ann: a; bob: a a; eve: a b a a", "a,a,a", "1d", false),
        [(3, None), (2, Some(1.5)), (1, Some(1.0))]
    );
    assert_eq!(
        funnel("ann: a; bob: a a; eve: a b a a", "a,a,a", "1d", true),
        [(3, None), (2, Some(1.5)), (1, Some(1.0))]
    );
}

#[test]
fn ties_count_in_arrival_order() {
    for from_first in [false, true] {
        assert_eq!(funnel("ann: a@5 b@5; bob: b@5 a@5", "a,b", "0s", from_first), [(2, None), (1, Some(0.0))]);
    }
}

#[test]
fn a_customer_with_several_journeys_counts_once() {
    let options = Options { steps: ["a", "b", "c"].map(str::to_owned).to_vec(), ..Options::default() };
    let log = testkit::log("ann: a@0 b@1 a@100 b@103 c@104 a@300");
    let cut = Cut { abandoned_after: Some(event::Deadline::Elapsed(50_000_000)), ..Cut::default() };
    let selection = Selection { cut: Some(cut), ..Selection::default() };
    let answer = testkit::answer(&log, &selection, || options.fold(&log.setting())).expect("known moments");
    let steps: Vec<_> = answer.steps.iter().map(|step| (step.customers, step.median_s)).collect();
    assert_eq!(steps, [(1, None), (1, Some(1.0)), (1, Some(1.0))]);
    assert_eq!((answer.journeys, answer.customers), (3, 1));
}

#[test]
fn an_unknown_moment_is_told_with_what_was_meant() {
    let options = Options { steps: ["visit", "oder"].map(str::to_owned).to_vec(), ..Options::default() };
    let log = testkit::log("ann: visit order");
    let error = testkit::answer(&log, &Selection::default(), || options.fold(&log.setting())).expect_err("unknown");
    assert_eq!(error.to_string(), "`oder` is no moment of these events (did you mean `order`?)");
}

#[test]
fn steps_are_read_with_commas_or_as_a_list() {
    assert_eq!(steps("a, b,c"), Ok(["a", "b", "c"].map(str::to_owned).to_vec()));
    assert_eq!(steps(r#"["a, b","c"]"#), Ok(["a, b", "c"].map(str::to_owned).to_vec()));
    assert!(steps("[1]").is_err());
    assert!(Options::default().check().is_err());
    assert!(Options::default().set("within", "3bd").is_err(), "a funnel has no calendar");
}
