use std::fmt::Write;

use journey::{Cut, Selection};
use proptest::prelude::*;
use testkit::{answer_split, splits};

use super::*;
use crate::{map, variants};

const CHARTER: &str = "\
charter: 1
currency: EUR
moments:
  visit: {when: \"event = 'visit'\"}
  cart: {when: \"event = 'cart'\"}
  order: {when: \"event = 'order'\"}
journeys:
  buy: {starts: [visit], succeeds: order, abandoned_after: 7d}
outcomes:
  cart: {when: moment = 'cart', value: properties.total}
  order: {when: moment = 'order', value: properties.total}
  visits: {when: moment = 'visit', value: 0.5, bad: true}
  unpriced: {when: moment = 'visit'}
";

fn log(text: &str) -> testkit::Log {
    testkit::told(CHARTER, text).log(Some("buy"), |charter, wanted| {
        Options::default().wants(charter, wanted).expect("the charter has journeys");
    })
}

fn selection(log: &testkit::Log) -> Selection {
    let mask = |name: &str| {
        let mut mask = vec![false; 3];
        mask[log.moments.find(name).expect("a moment").index()] = true;
        mask
    };
    let cut = Cut {
        starts: mask("visit"),
        succeeds: mask("order"),
        abandoned_after: Some(event::Deadline::Elapsed(7 * 86_400_000_000)),
        until_us: log.setting.until_us,
    };
    Selection { cut: Some(cut), ..Selection::default() }
}

fn ask(text: &str) -> Answer {
    let log = log(text);
    testkit::answer(&log, &selection(&log), || Options { limit: 0 }.fold(&log.setting())).expect("an answer")
}

const TEXT: &str = "\
ann: visit@0 cart@1h{total=20} cart@3h{total=10} visit@10d order@11d{total=50}
bob: visit@0 cart@2h{total=40} order@3h{total=40}
cat: visit@0
dan: visit@29d cart@30d{total=7}
";

#[test]
fn endings_by_hand() {
    let answer = ask(TEXT);
    assert_eq!((answer.journeys, answer.succeeded, answer.open, answer.abandoned), (5, 2, 1, 2));
    assert_eq!(answer.abandoned_share, Some(0.5));
    let endings: Vec<_> = answer
        .moments
        .iter()
        .map(|e| (&*e.moment, e.journeys, e.abandoned, e.open, e.succeeded, e.events, e.went_on))
        .collect();
    let wanted = [("visit", 5, 1, 0, 0, 5, 4), ("cart", 3, 1, 1, 0, 4, 2), ("order", 2, 0, 0, 2, 2, 0)];
    assert_eq!(endings, wanted);
    let [visit, cart, order] = answer.moments.as_slice() else { panic!("three moments") };
    // On from a visit: 1 h, 2 h, 1 d, 1 d; on from a cart: 2 h, 1 h.
    assert_eq!((visit.wait_median_s, cart.wait_median_s), (Some(13.0 * 3_600.0), Some(5_400.0)));
    assert_eq!((order.wait_median_s, order.wait_p90_s), (None, None));
    assert!((cart.wait_p90_s.expect("two") - 3_600.0 * 1.9).abs() < 1e-6);
    assert_eq!(cart.abandoned_share, Some(1.0 / 3.0));
}

#[test]
fn values_by_hand() {
    let answer = ask(TEXT);
    assert_eq!(answer.currency.as_deref(), Some("EUR"));
    assert_eq!((answer.value.total, answer.value.mean), (30.0, Some(15.0)), "ann's carts, and nothing in cat's visit");
    let outcomes: Vec<_> = answer
        .outcomes
        .iter()
        .map(|o| (&*o.outcome, o.abandoned, o.in_abandoned.total, o.succeeded, o.in_succeeded.total))
        .collect();
    assert_eq!(outcomes, [("cart", 1, 30.0, 1, 40.0), ("order", 0, 0.0, 2, 90.0), ("visits", 2, 1.0, 2, 1.0)]);
    let cart = &answer.moments[1];
    assert_eq!((cart.value.total, cart.value.mean), (30.0, Some(30.0)));
    assert_eq!(cart.others_value_mean, Some(80.0), "bob's; dan may still go on from here");
}

#[test]
fn who_came_back_by_hand() {
    let answer = ask(TEXT);
    let back = answer.came_back;
    assert_eq!((back.count, back.median_s), (1, Some((10.0 * 24.0 - 3.0) * 3_600.0)), "ann");
    assert_eq!(back.share, Some(0.5));
    assert_eq!((answer.moments[0].came_back.count, answer.moments[1].came_back.count), (0, 1));
    // A period leaves out the journey that ann came back with, not that she did.
    let log = log(TEXT);
    let early = Selection { to_us: Some(86_400_000_000), ..selection(&log) };
    let answer = testkit::answer(&log, &early, || Options::default().fold(&log.setting())).expect("an answer");
    assert_eq!((answer.journeys, answer.came_back.count), (3, 1));
}

#[test]
fn a_charter_without_journeys_is_told_what_to_add() {
    let error = Options::default().wants(&Charter::without_file(), &mut Wanted::default()).expect_err("none");
    assert!(error.to_string().contains("`journeys:`"), "{error}");
    assert!(error.to_string().contains("abandoned_after: 14d"), "{error}");
}

#[test]
fn journeys_that_never_end_are_open() {
    let log = log(TEXT);
    let mut selection = selection(&log);
    selection.cut.as_mut().expect("a cut").abandoned_after = None;
    let answer = testkit::answer(&log, &selection, || Options::default().fold(&log.setting())).expect("an answer");
    assert_eq!((answer.journeys, answer.succeeded, answer.open, answer.abandoned), (4, 2, 2, 0));
    assert_eq!(answer.moments.iter().map(|ending| ending.abandoned).sum::<u64>(), 0);
}

#[test]
fn amounts_that_are_none_count_nothing_and_it_is_told() {
    let answer = ask("ann: visit@0 cart@1h{total=much} cart@2h visit@30d\nbob: visit@0 cart@1h{total=8} cart@2h");
    let cart = &answer.outcomes[0];
    assert_eq!((cart.abandoned, cart.in_abandoned), (2, Value { priced: 1, total: 8.0, mean: Some(8.0) }));
    assert_eq!(answer.value, Value { priced: 1, total: 8.0, mean: Some(4.0) });
    assert_eq!(millionths(f64::MAX), millionths(1e25));
}

proptest! {
    #[test]
    fn any_split_gives_the_same_answer_and_it_adds_up(
        rows in prop::collection::vec((0usize..5, 0usize..3, 0u64..80, 0u64..9), 0..50),
        split in splits(),
    ) {
        let mut text = String::new();
        for (customer, moment, at, total) in &rows {
            let moment = ["visit", "cart", "order"][*moment];
            writeln!(text, "{customer}: {moment}@{}h{{total={total}.1}}", at * 12).expect("text");
        }
        let log = log(&text);
        let selection = selection(&log);
        let new = || Options { limit: 0 }.fold(&log.setting());
        let whole = testkit::answer(&log, &selection, new).expect("an answer");
        prop_assert_eq!(&answer_split(&log, &selection, &split, new).expect("an answer"), &whole);
        prop_assert_eq!(whole.journeys, whole.succeeded + whole.open + whole.abandoned);

        let map = testkit::answer(&log, &selection, || map::Options::default().fold(&log.setting())).expect("a map");
        let paths = testkit::answer(&log, &selection, || variants::Options { limit: 0 }.fold(&log.setting()));
        prop_assert_eq!(whole.journeys, map.journeys);
        prop_assert_eq!(whole.journeys, paths.expect("paths").variants.iter().map(|v| v.count).sum::<u64>());
        for ending in &whole.moments {
            let ends = map.ends.iter().find(|end| end.moment == ending.moment).map_or(0, |end| end.count);
            prop_assert_eq!(ending.abandoned + ending.open + ending.succeeded, ends);
            let on_map = map.moments.iter().find(|moment| moment.moment == ending.moment).expect("on the map");
            prop_assert_eq!(ending.events, on_map.events);
            prop_assert_eq!(ending.went_on + ends, ending.events);
        }
        prop_assert_eq!(whole.moments.iter().map(|e| e.abandoned).sum::<u64>(), whole.abandoned);
    }
}
