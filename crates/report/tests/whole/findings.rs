//! What findings say, against figures that are counted another way.

use std::fmt::Write;

use crate::logs;
use evidence::{FEW, Share};
use journey::{Selection, flag};
use report::{Answers, Compared, Figure, Finding, Kind, Words, findings, most_telling};
use testkit::{Log, answer, log};
use understand::{Question, funnel, map, variants};

fn ask<Q: Question>(log: &Log, options: &Q) -> Q::Answer {
    answer(log, &Selection::default(), || options.fold(&log.setting())).expect("the options fit the log")
}

fn find(log: &Log, steps: &[&str], words: &Words, compared: Option<&Compared>) -> Vec<Finding> {
    let map = ask(log, &map::Options::default());
    let variants = ask(log, &variants::Options::default());
    let steps: Vec<String> = steps.iter().map(|step| (*step).to_owned()).collect();
    let funnel = (!steps.is_empty()).then(|| ask(log, &funnel::Options { steps, ..funnel::Options::default() }));
    findings(&Answers { words, map: Some(&map), variants: Some(&variants), funnel: funnel.as_ref(), compared })
}

fn of(findings: &[Finding], kind: Kind) -> &Finding {
    findings.iter().find(|finding| finding.kind == kind).unwrap_or_else(|| panic!("no {kind:?} in {findings:?}"))
}

/// `times` customers with the same journey each.
fn repeated(journeys: &[(u64, &str)]) -> Log {
    let mut text = String::new();
    for (i, (times, journey)) in journeys.iter().enumerate() {
        for customer in 0..*times {
            write!(text, "c{i}_{customer}: {journey};").expect("writing to a string does not fail");
        }
    }
    log(&text)
}

#[test]
fn each_finding_says_what_is_in_the_log() {
    let log = repeated(&[
        (60, "mail@0 visit@1d order@2d"),
        (25, "mail@0 visit@1d visit@25h"),
        (10, "mail@0 visit@1d"),
        (5, "mail@0"),
    ]);
    let found = find(&log, &["mail", "visit", "order"], &Words::default(), None);
    let texts: Vec<String> = found.iter().map(|finding| format!("{:?}: {}", finding.kind, finding.text)).collect();
    assert_eq!(
        texts,
        [
            "Concentration: One path out of 4 covers 60 of 100 journeys (60 %, 50–69 %).",
            "Loss: Of 100 customers with ‘mail’, 60 (60 %, 50–69 %) got as far as ‘order’; the largest loss is between \
             ‘visit’ and ‘order’: 35 of 95 (37 %, 28–47 %) did not get on.",
            "Waiting: Among the steps that at least 5 % of the customers take, the longest typical wait is between \
             ‘mail’ \
             and ‘visit’: 95 times, for 95 customers; half of them took 24 h or more, one in ten 24 h or more.",
            "Repeats: ‘visit’ is followed directly by another one 25 times, for 25 of 100 customers (25 %, 18–34 %).",
            "Ends: Journeys end most often with ‘order’: 60 of 100 (60 %, 50–69 %), then with ‘visit’: 35 (35 %, \
             26–45 %).",
        ]
    );
}

#[test]
fn paths_may_be_one_or_none_alike() {
    let say = |log: &Log| of(&find(log, &[], &Words::default(), None), Kind::Concentration).text.clone();
    assert_eq!(say(&repeated(&[(30, "a b")])), "There is one path only: 30 journeys take it.");
    assert!(say(&log("x: a; y: b; z: c")).starts_with("No two of 3 journeys are alike."));
    let few = repeated(&[(20, "a"), (19, "b"), (21, "c")]);
    assert_eq!(say(&few), "The 2 most frequent of 3 different paths cover 68 % of 60 journeys.");
    let many: Vec<String> = (0..25).map(|i| format!("a a{i}")).collect();
    let many: Vec<(u64, &str)> = many.iter().map(|path| (2, path.as_str())).collect();
    assert_eq!(
        say(&repeated(&many)),
        "No path is typical: the most frequent of 25 different ones is taken by 2 of 50 journeys (4 %, 1–13 %), and \
         the 20 \
         most frequent together by 80 %."
    );
}

#[test]
fn labels_and_numbers_agree_with_their_nouns() {
    let words = logs::shop_words();
    let log = log("a: visit@0 order@1d; b: visit@0");
    let found = find(&log, &["visit", "order"], &words, None);
    assert!(
        of(&found, Kind::Loss)
            .text
            .starts_with("Of 2 customers with ‘Visit’, 1 (50 %, 9–91 %) got as far as ‘Order placed’.")
    );
    assert!(of(&found, Kind::Waiting).text.contains("1 time, for 1 customer; half of them took 24 h or more"));
}

#[test]
fn few_customers_are_not_believed_in_silence() {
    let few = repeated(&[(29, "mail visit visit"), (0, "mail")]);
    for finding in find(&few, &["mail", "visit", "visit", "visit"], &Words::default(), None) {
        assert!(finding.n < FEW && finding.text.contains("Only 29 ") && finding.text.ends_with("too few to say much."));
    }
    let enough = repeated(&[(30, "mail visit visit")]);
    for finding in find(&enough, &["mail", "visit", "visit", "visit"], &Words::default(), None) {
        assert!(!finding.text.contains("Only "), "{}", finding.text);
    }
}

#[test]
fn nothing_is_found_where_nothing_is() {
    assert_eq!(find(&Log::default(), &[], &Words::default(), None), []);
    let nothing = Answers { words: &Words::default(), map: None, variants: None, funnel: None, compared: None };
    assert_eq!(findings(&nothing), []);
}

/// Two groups by the mark of `--compare`, in a map.
pub(crate) fn two_groups(log: &Log) -> Compared {
    let options = map::Options::default();
    let fold = |with: bool| {
        let mut fold = options.fold(&log.setting());
        let mut runs = journey::Runs::default();
        let mut each = |run: &journey::Run<'_>| {
            let marked = run.flags.iter().any(|flags| flags & flag::COMPARE != 0);
            if marked == with {
                Selection::default().journeys(run, |journey, _| journey::Fold::journey(&mut fold, journey));
            }
        };
        runs.feed(&log.columns(), &mut each);
        runs.finish(&mut each);
        fold
    };
    let comparison = map::Options::compare(("marked", fold(true)), ("others", fold(false)), &log.moments);
    Compared::from(&comparison.expect("a map can be compared"))
}

#[test]
fn two_groups_are_associated_with_what_differs() {
    let log = repeated(&[(40, "mail+ order"), (10, "mail+ visit"), (20, "mail order"), (80, "mail visit")]);
    let compared = two_groups(&log);
    let found = find(&log, &[], &Words::default(), Some(&compared));
    let finding = of(&found, Kind::Comparison);
    assert_eq!(
        finding.text,
        "‘mail → order’: 40 of 50 customers in ‘marked’ (80 %, 67–89 %) against 20 of 100 customers in ‘others’ (20 %, \
         13–29 %). The difference (60 points, from 44 points to 71 points) is associated with the groups, and not shown \
         to come from what tells them apart. It was picked from 2 differences as one of the largest, so some of it may \
         be chance."
    );
    assert_eq!(finding.n, 50);
    let chosen = repeated(&[(40, "order+"), (40, "visit order+"), (80, "visit leave")]);
    let found = find(&chosen, &[], &Words::default(), Some(&two_groups(&chosen)));
    assert!(
        found.iter().all(|finding| finding.kind != Kind::Comparison),
        "nobody of the others has what chose the group"
    );
    let alike = repeated(&[(20, "mail+ order"), (20, "mail+ visit"), (20, "mail order"), (20, "mail visit")]);
    let found = find(&alike, &[], &Words::default(), Some(&two_groups(&alike)));
    assert!(found.iter().all(|finding| finding.kind != Kind::Comparison));
}

#[test]
fn three_of_different_kinds_are_told_the_strongest_first() {
    let log = logs::shop();
    let found = find(&log, &["visit", "cart", "order"], &logs::shop_words(), Some(&two_groups(&log)));
    let twice: Vec<Finding> = found.iter().chain(&found).cloned().collect();
    let told = most_telling(twice);
    assert_eq!(told, most_telling(found.clone()));
    assert_eq!(told.len(), 3);
    assert!(told.windows(2).all(|pair| pair[0].strength >= pair[1].strength && pair[0].kind != pair[1].kind));
    let weakest = told.last().expect("three").strength;
    let kinds: Vec<Kind> = told.iter().map(|finding| finding.kind).collect();
    assert!(found.iter().all(|finding| kinds.contains(&finding.kind) || finding.strength <= weakest));
}

/// Every number in a text is one of the figures, and every figure is in the text.
#[test]
fn texts_hold_their_figures_and_no_others() {
    let log = logs::shop();
    for finding in find(&log, &["visit", "cart", "order"], &logs::shop_words(), None) {
        let mut rest = finding.text.as_str();
        for figure in &finding.figures {
            let shown = figure.shown();
            let (before, after) = rest.split_once(&shown).unwrap_or_else(|| panic!("{shown} is not in {rest}"));
            assert!(!before.contains(|c: char| c.is_ascii_digit()), "{before} has a number that is no figure");
            rest = after;
        }
        assert!(!rest.contains(|c: char| c.is_ascii_digit()), "{rest} has a number that is no figure");
    }
}

#[test]
fn the_loss_of_a_shop_counted_by_hand() {
    let log = logs::shop();
    let names = log.moments.names();
    // Customers who have a cart at some time after a visit, and an order at some time after that.
    let (mut visited, mut filled, mut ordered) = (0, 0, 0);
    let rows: Vec<usize> = (0..log.customer.len()).collect();
    for run in rows.chunk_by(|a, b| log.customer[*a] == log.customer[*b]) {
        let mut steps = ["visit", "cart", "order"].into_iter().peekable();
        for i in run {
            steps.next_if(|step| **step == *names[log.moment[*i].index()]);
        }
        let left = steps.count();
        visited += u64::from(left <= 2);
        filled += u64::from(left <= 1);
        ordered += u64::from(left == 0);
    }
    let found = find(&log, &["visit", "cart", "order"], &Words::default(), None);
    let expected = [
        Figure::Count(visited),
        Figure::Count(ordered),
        Figure::Share(Share::new(ordered, visited)),
        Figure::Count(visited - filled),
        Figure::Count(visited),
        Figure::Share(Share::new(visited - filled, visited)),
    ];
    assert_eq!(of(&found, Kind::Loss).figures, expected);
}
