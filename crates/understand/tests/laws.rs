//! What holds between answers, whatever the events: any split gives the same answer, and two views that show the same
//! number agree.

use std::collections::BTreeMap;
use std::sync::Arc;

use evidence::Doubt;
use journey::{AnyFold, Cut, Runs, Selection, flag};
use proptest::prelude::*;
use testkit::{Log, answer, answer_split, logs, splits};
use understand::sankey::{self, NodeKind};
use understand::{Question, View, funnel, map, steps, variants};

fn cut(seconds: Option<i64>) -> Selection {
    let cut = seconds.map(|s| Cut { abandoned_after: Some(event::Deadline::Elapsed(s * 1_300_001)), ..Cut::default() });
    Selection { cut, ..Selection::default() }
}

fn ask<Q: Question>(options: &Q, log: &Log, selection: &Selection) -> Q::Answer {
    answer(log, selection, || options.fold(&log.setting())).expect("known moments")
}

fn same<Q: Question + std::fmt::Debug>(options: &Q, log: &Log, split: &testkit::Split) -> Result<(), TestCaseError>
where
    Q::Answer: std::fmt::Debug,
{
    let found = answer_split(log, &cut(Some(5)), split, || options.fold(&log.setting()));
    prop_assert_eq!(found, answer(log, &cut(Some(5)), || options.fold(&log.setting())));
    Ok(())
}

/// Both groups of a comparison, as one pass over the log finds them.
fn compare(view: &View, log: &Log) -> Box<dyn understand::Answered> {
    let selection = Selection { compare: true, ..Selection::default() };
    let mut folds = [view.fold(&log.setting()), view.fold(&log.setting())];
    let mut runs = Runs::default();
    let mut each =
        |run: &journey::Run<'_>| selection.journeys(run, |journey, group| folds[group].journeys(&[*journey]));
    runs.feed(&log.columns(), &mut each);
    runs.finish(&mut each);
    let [a, b] = folds;
    view.compare(("with".to_owned(), a), ("without".to_owned(), b), &log.moments).expect("known moments")
}

type Counts = BTreeMap<Arc<str>, u64>;

fn terminals(list: &[map::Terminal]) -> Counts {
    list.iter().map(|terminal| (Arc::clone(&terminal.moment), terminal.count)).collect()
}

proptest! {
    #[test]
    fn any_split_and_any_order_of_merging_gives_the_same_answer(
        log in logs(9, 90, 5),
        split in splits(),
        bytes in 0u64..300,
    ) {
        same(&map::Options { exact_bytes: bytes, ..map::Options::default() }, &log, &split)?;
        same(&variants::Options { limit: 3 }, &log, &split)?;
        same(&steps::Options { steps: 4 }, &log, &split)?;
        same(&sankey::Options { limit: 2, ..sankey::Options::default() }, &log, &split)?;
        let steps = ["a", "b", "a"].map(str::to_owned).to_vec();
        let funnel = funnel::Options { steps, ..funnel::Options::default() };
        same(&funnel, &log, &split)?;
    }

    #[test]
    fn views_that_show_the_same_number_agree(log in logs(9, 90, 4), silence in prop::option::of(1i64..9)) {
        let selection = cut(silence);
        let map = ask(&map::Options::default(), &log, &selection);
        let all_paths = ask(&variants::Options { limit: 0 }, &log, &selection);
        let steps = ask(&steps::Options { steps: 3 }, &log, &selection);
        let begin = ask(&sankey::Options { limit: 0, ..sankey::Options::default() }, &log, &selection);

        prop_assert_eq!((map.journeys, map.customers), (all_paths.journeys, all_paths.customers));
        prop_assert_eq!((map.journeys, map.customers), (steps.journeys, steps.customers));
        let starts = terminals(&map.starts);
        let first_step = steps.steps[0].moments.iter().map(|at| (Arc::clone(&at.moment), at.count));
        prop_assert_eq!(&first_step.collect::<Counts>(), &starts);
        let mut first = Counts::new();
        let mut last = Counts::new();
        for variant in &all_paths.variants {
            *first.entry(Arc::clone(&variant.sequence[0])).or_insert(0) += variant.count;
            *last.entry(Arc::clone(&variant.sequence[variant.sequence.len() - 1])).or_insert(0) += variant.count;
        }
        prop_assert_eq!(&first, &starts);
        prop_assert_eq!(&last, &terminals(&map.ends));
        prop_assert_eq!(all_paths.variants.iter().map(|v| v.count * v.sequence.len() as u64).sum::<u64>(), map.events);
        let begins = begin.nodes.iter().filter(|node| node.step == 0);
        prop_assert_eq!(&begins.map(|n| (n.moment.clone().expect("a moment"), n.count)).collect::<Counts>(), &starts);

        for (step, at) in (0i64..).zip(&steps.steps) {
            let until_now = |kind| {
                let nodes = begin.nodes.iter().filter(|node| node.kind == kind && node.step <= step);
                nodes.map(|node| node.count).sum::<u64>()
            };
            prop_assert_eq!((until_now(NodeKind::Open), until_now(NodeKind::Ended)), (at.open, at.ended));
        }

        for moment in &map.moments {
            let name = moment.moment.to_string();
            let out: u64 = map.edges.iter().filter(|edge| edge.from == moment.moment).map(|edge| edge.count).sum();
            let into: u64 = map.edges.iter().filter(|edge| edge.to == moment.moment).map(|edge| edge.count).sum();
            let ended = terminals(&map.ends).get(&moment.moment).copied().unwrap_or(0);
            prop_assert_eq!(out + ended, moment.events);
            prop_assert_eq!(into + starts.get(&moment.moment).copied().unwrap_or(0), moment.events);

            let funnel = funnel::Options { steps: vec![name.clone()], ..funnel::Options::default() };
            prop_assert_eq!(ask(&funnel, &log, &selection).steps[0].customers, moment.customers);

            let from = sankey::Options { from: Some(name), steps: 1, limit: 0, ..sankey::Options::default() };
            let flow = ask(&from, &log, &selection);
            prop_assert_eq!(flow.occurrences, moment.events);
            let mut outside = 0;
            for link in &flow.links {
                let Some(to) = &flow.nodes[link.to].moment else {
                    outside += link.count;
                    continue;
                };
                let edge = map.edges.iter().find(|edge| edge.from == moment.moment && edge.to == *to);
                prop_assert_eq!(edge.map(|edge| edge.count), Some(link.count));
            }
            prop_assert_eq!(outside, ended, "what ended, and what may still go on");
        }
    }

    #[test]
    fn groups_of_a_comparison_are_the_answers_for_each_alone(log in logs(30, 90, 3)) {
        for name in ["map", "variants", "steps"] {
            let limit = (name != "steps").then_some(("limit", "2"));
            let view = View::parse(name, limit).expect("a view");
            let compared = compare(&view, &log);
            let json: serde_json::Value = serde_json::from_str(&compared.json(false)).expect("JSON");
            let groups = json["groups"].as_array().expect("groups");
            let journeys = groups.iter().map(|group| group["answer"]["journeys"].as_u64().expect("a number"));
            let journeys: u64 = journeys.sum();
            let all: std::collections::BTreeSet<i64> = log.customer.iter().copied().collect();
            prop_assert_eq!(journeys, all.len() as u64);
            for difference in json["differences"].as_array().expect("differences") {
                if difference["a_of"] == 0 || difference["b_of"] == 0 {
                    prop_assert!(difference["difference"].is_null());
                    continue;
                }
                let number = |name: &str| difference[name].as_f64().expect("a number");
                let (low, difference, high) = (number("low"), number("difference"), number("high"));
                prop_assert!(low <= difference + 1e-12 && difference <= high + 1e-12);
                prop_assert!((number("a") - number("b") - number("difference")).abs() < 1e-12);
            }
        }
    }
}

#[test]
fn a_comparison_looks_up_in_both_groups_what_is_typical_in_one() {
    let log = testkit::log("1: a b+; 2: a b+; 3: a c+; 4: x; 5: x; 6: a c; 7: a c; 8: a c");
    let view = View::parse("variants", [("limit", "1")]).expect("a view");
    let compared = compare(&view, &log);
    let comparison: &understand::Comparison<variants::Answer> = compared.answer().downcast_ref().expect("of variants");
    let differences: Vec<_> =
        comparison.differences.iter().map(|d| (&*d.what, d.a_count, d.a_of, d.b_count, d.b_of)).collect();
    assert_eq!(differences, [("a → b", 2, 3, 0, 5), ("a → c", 1, 3, 3, 5)]);
    assert!(comparison.doubts.contains(&Doubt::NotRandomised));
    assert_eq!(compared.tables()[0].title, "variants: with against without");
    let csv = compared.raw_tables()[0].csv();
    assert!(csv.starts_with("what,a_group,a,a_count,a_of,b_group,b,b_count,b_of,difference,low,high\r\na → b,with,"));
}

/// A charter that has what views are about.
const CHARTER: &str = "\
charter: 1
stages: {early: {goal: reach}, late: {goal: advocacy}}
moments: {a: {stage: early, when: event = 'a'}, b: {stage: late, when: event = 'b'}}
interactions: {talk: {opens: [a], resolves: [b], window: 7d}}
outcomes: {done: {when: moment = 'b', horizon: 30d}}
surveys: {nps: {moment: b, score: properties.score, kind: nps}}
segments: {many: events > 3}
journeys: {way: {starts: a, succeeds: b, designed: a b}}
expectations: {back: {after: a, promise: b, within: 1bd}}
";

#[test]
fn every_view_answers_for_no_events_and_round_trips() {
    for name in View::names() {
        let options: &[(&str, &str)] = match name {
            "funnel" => &[("steps", "a,b")],
            "paths" => &[("pattern", "a .. b")],
            _ => &[],
        };
        let view = View::parse(name, options.iter().copied()).expect(name);
        let text = serde_json::to_string(&view).expect("plain data");
        assert_eq!(serde_json::from_str::<View>(&text).expect("as written"), view);
        let told = testkit::told(CHARTER, "");
        let log = told.log(Some("way"), |charter, wanted| view.wants(charter, wanted).expect(name));
        let answered = view.finish(view.fold(&log.setting()), &log.moments).expect(name);
        assert_eq!(answered.view(), name);
        let indented: serde_json::Value = serde_json::from_str(&answered.json(true)).expect("JSON");
        let schema = view.schema();
        let listed: Vec<&String> = schema["properties"].as_object().expect("an object").keys().collect();
        assert!(indented.as_object().expect("an object").keys().eq(listed), "{name}");
        assert!(view.comparison_schema()["properties"]["differences"].is_object(), "{name}");
        for table in answered.tables() {
            assert!(table.rows.iter().all(|row| row.len() == table.headers.len()), "{name}: {}", table.title);
        }
        assert!(!answered.raw_tables()[0].csv().is_empty());
    }
}

#[test]
fn what_is_misspelt_is_told() {
    let error = |name, options: &[(&'static str, &'static str)]| {
        View::parse(name, options.iter().copied()).expect_err("misspelt").to_string()
    };
    let known = View::names().join(", ");
    assert_eq!(error("funel", &[]), format!("`funel` is no view (did you mean `funnel`?); there are {known}"));
    let takes = "steps, within, from_first";
    let wrong = error("funnel", &[("step", "a")]);
    assert_eq!(wrong, format!("`funnel` has no option `step` (did you mean `steps`?); it takes {takes}"));
    assert!(error("variants", &[("limit", "many")]).contains("a whole number"));
    assert!(error("funnel", &[]).contains("the moments in order"));
}

#[test]
fn several_views_share_one_pass() {
    let log = testkit::log("1: a b*; 2: a; 3: b*");
    let views: Vec<View> = ["map", "steps"].map(|name| View::named(name).expect("a view")).into();
    let mut folds: Vec<Box<dyn AnyFold>> = views.iter().map(|view| view.fold(&log.setting())).collect();
    let selection = Selection { with: true, ..Selection::default() };
    assert_eq!(log.flags, [0, flag::WHERE, 0, flag::WHERE]);
    let mut runs = Runs::default();
    let mut each = |run: &journey::Run<'_>| {
        selection.journeys(run, |journey, _| folds.iter_mut().for_each(|fold| fold.journeys(&[*journey])));
    };
    runs.feed(&log.columns(), &mut each);
    runs.finish(&mut each);
    for (view, fold) in views.iter().zip(folds) {
        let json = view.finish(fold, &log.moments).expect("an answer").json(false);
        assert!(json.contains("\"journeys\":2"), "{json}");
    }
}
