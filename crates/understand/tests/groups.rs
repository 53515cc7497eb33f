//! Two groups side by side: what only one of them has, and what lists do not show.

use journey::{AnyFold, Cut, Runs, Selection};
use serde_json::Value;
use testkit::told;
use understand::View;

/// The events with a `+` mark journeys of the first group.
fn compare(charter: &str, journey: Option<&str>, view: (&str, &[(&str, &str)]), events: &str) -> Value {
    let view = View::parse(view.0, view.1.iter().copied()).expect("a view");
    let log = told(charter, events).log(journey, |charter, wanted| view.wants(charter, wanted).expect("a charter"));
    let setting = log.setting();
    let cut = setting.journey().map(|way| Cut::of(way, &setting.charter.calendar, &setting.moments, setting.until_us));
    let selection = Selection { cut, compare: true, ..Selection::default() };
    let mut folds: [Box<dyn AnyFold>; 2] = [view.fold(&setting), view.fold(&setting)];
    let mut runs = Runs::default();
    let mut each =
        |run: &journey::Run<'_>| selection.journeys(run, |journey, group| folds[group].journeys(&[*journey]));
    runs.feed(&log.columns(), &mut each);
    runs.finish(&mut each);
    let [a, b] = folds;
    let compared = view.compare(("a".to_owned(), a), ("b".to_owned(), b), &log.moments).expect("known moments");
    serde_json::from_str(&compared.json(false)).expect("JSON")
}

/// The differences: what, how many of how many in either group, and whether a difference is given.
fn differences(compared: &Value) -> Vec<(&str, [u64; 2], [u64; 2], bool)> {
    let count = |row: &Value, name: &str| row[name].as_u64().expect("a count");
    let row = |row| {
        let [a, b] =
            ["a", "b"].map(|group| [count(row, &format!("{group}_count")), count(row, &format!("{group}_of"))]);
        (row["what"].as_str().expect("a name"), a, b, row["difference"].is_number())
    };
    let mut rows: Vec<_> = compared["differences"].as_array().expect("differences").iter().map(row).collect();
    rows.sort_unstable();
    rows
}

const PLAIN: &str = "charter: 1\n";

#[test]
fn what_is_pending_for_one_group_is_not_compared() {
    // Weeks begin on day 4, 11, 18 …; the second group came first in the last week but one, and no later week is over.
    let events = "1: a@4d+ a@12d a@19d; 2: a@5d+ a@13d a@26d; 3: a@26d a@33d; 4: a@27d a@37d";
    let compared = compare(PLAIN, None, ("retention", &[("periods", "6")]), events);
    let nothing = [0, 0];
    assert_eq!(
        differences(&compared),
        [("week 1", [2, 2], nothing, false), ("week 2", [1, 2], nothing, false), ("week 3", [1, 2], nothing, false),],
        "and what is over for neither is left out"
    );
    let doubts = compared["doubts"].to_string();
    assert!(!doubts.contains("empty_group"), "both groups have customers: {doubts}");
}

#[test]
fn a_change_of_channel_that_one_group_does_not_have_is_not_lost_there_either() {
    let events = "1: x@0+{channel=web} x@1h{channel=call}; 2: x@0{channel=web} x@1h{channel=web}; 3: x@0{channel=shop}";
    let compared = compare(PLAIN, None, ("channels", &[]), events);
    assert_eq!(
        differences(&compared),
        [
            ("journeys on 1 channel", [0, 1], [2, 2], true),
            ("journeys on 2 channels", [1, 1], [0, 2], true),
            ("journeys on call", [1, 1], [0, 2], true),
            ("journeys on shop", [0, 1], [1, 2], true),
            ("journeys on web", [1, 1], [1, 2], true),
            ("journeys that change the channel", [1, 1], [0, 2], true),
            ("lost from web to call", [1, 1], [0, 0], false),
        ]
    );
}

const CHARTER: &str = "\
charter: 1
moments: {visit: {when: event = 'visit'}, cart: {when: event = 'cart'}, order: {when: event = 'order'}}
journeys: {way: {starts: visit, succeeds: order, abandoned_after: 1d}}
interactions: {help: {opens: [visit], resolves: [order], request: properties.topic, window: 1d}}
";

const WAYS: &str = "\
1: visit@0d+{topic=bill} cart@1h order@2h{topic=bill}
2: visit@0d+{topic=bill} cart@1h
3: visit@0d+{topic=bill} cart@1h
4: visit@0d+{topic=fee} order@3h{topic=fee}
5: visit@0d{topic=fee}
6: visit@0d{topic=fee} order@1h{topic=fee}
7: visit@0d{topic=fee}
8: visit@0d{topic=bill} cart@1h order@5h{topic=bill}
9: visit@99d
";

#[test]
fn the_limit_of_a_list_changes_no_difference() {
    for view in ["abandonment", "interactions", "map", "variants"] {
        let asked = |limit| compare(CHARTER, Some("way"), (view, &[("limit", limit)]), WAYS);
        let [short, whole] = ["1", "0"].map(asked);
        for list in ["differences", "means"] {
            let [shown, all] = [&short, &whole].map(|compared| compared[list].as_array().expect("a list").clone());
            assert!(list == "means" || !shown.is_empty(), "{view}");
            for row in &shown {
                assert!(all.contains(row), "{view}: {row} is not in {all:?}");
            }
        }
    }
    // What is first in either group is told of both.
    let left = compare(CHARTER, Some("way"), ("abandonment", &[("limit", "1")]), WAYS);
    let found = differences(&left);
    assert!(found.contains(&("abandoned at cart, of those who were there", [2, 3], [0, 1], true)), "{found:?}");
    assert!(found.contains(&("abandoned at visit, of those who were there", [0, 4], [2, 5], true)), "{found:?}");
    assert_eq!(left["groups"][0]["answer"]["moments"].as_array().expect("a list").len(), 2);
    assert!(left["groups"][0]["answer"]["doubts"].to_string().contains("truncated"));
    let helped = compare(CHARTER, None, ("interactions", &[("limit", "1")]), WAYS);
    let means = helped["means"].as_array().expect("means");
    let elapsed = means.iter().find(|row| row["what"] == "help, bill: seconds until resolved").expect("a mean of both");
    assert_eq!((elapsed["a"].as_f64(), elapsed["b"].as_f64()), (Some(7_200.0), Some(18_000.0)));
}
