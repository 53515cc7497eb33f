//! What findings say, against figures that are counted another way.

use std::fmt::Write;

use crate::logs;
use evidence::{Difference, Doubt, FEW, Share};
use journey::{Selection, flag};
use report::{Answers, Compared, Figure, Finding, Kind, Unit, Words, findings, most_telling};
use testkit::{Log, answer, log};
use understand::{Differing, Question, funnel, map, variants};

fn ask<Q: Question>(log: &Log, options: &Q) -> Q::Answer {
    answer(log, &Selection::default(), || options.fold(&log.setting())).expect("the options fit the log")
}

fn find(log: &Log, steps: &[&str], words: &Words, compared: Option<&Compared>) -> Vec<Finding> {
    let map = ask(log, &map::Options::default());
    let variants = ask(log, &variants::Options::default());
    let steps: Vec<String> = steps.iter().map(|step| (*step).to_owned()).collect();
    let funnel = (!steps.is_empty()).then(|| ask(log, &funnel::Options { steps, ..funnel::Options::default() }));
    findings(&Answers {
        words,
        map: Some(&map),
        variants: Some(&variants),
        journey: None,
        funnel: funnel.as_ref(),
        steps_chosen: true,
        compared,
    })
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
            "Concentration: 60 of 100 journeys (60 %, 50–69 %) take one and the same path; there are 4 different ones.",
            "Loss: Of 100 customers with ‘mail’, 60 (60 %, 50–69 %) get from there to ‘order’ by way of the steps \
             between. Most stop between ‘visit’ and ‘order’: 35 of 95 (37 %, 28–47 %) who come so far have no ‘order’ \
             after that; what they had before does not count.",
            "Waiting: The longest wait is from ‘mail’ to ‘visit’: half of the time it takes 24 hours or more, one time \
             in ten 24 hours or more (95 times, for 95 customers; among the steps that at least 5 % of the customers \
             take).",
            "Repeats: 25 of 100 customers (25 %, 18–34 %) have ‘visit’ directly after ‘visit’, 25 times in all.",
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
        "No path is typical: 50 journeys take 25 different ones. The most frequent is taken by 2 of them (4 %, 1–13 %), \
         the 20 most frequent together by 80 %."
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
            .starts_with("Of 2 customers with ‘Visit’, 1 (50 %, 9–91 %) gets from there to ‘Order placed’.")
    );
    let waiting = &of(&found, Kind::Waiting).text;
    assert!(waiting.contains("it takes 24 hours or more") && waiting.contains("(1 time, for 1 customer;"), "{waiting}");
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

fn nothing(words: &Words) -> Answers<'_> {
    Answers { words, map: None, variants: None, journey: None, funnel: None, steps_chosen: false, compared: None }
}

#[test]
fn nothing_is_found_where_nothing_is() {
    assert_eq!(find(&Log::default(), &[], &Words::default(), None), []);
    assert_eq!(findings(&nothing(&Words::default())), []);
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
        "Customers go directly from ‘mail’ to ‘order’ far more often in marked than in others: 40 of 50 (80 %, 67–89 %) \
         against 20 of 100 (20 %, 13–29 %). The difference (60 points, from 44 to 71 points) is associated with \
         what tells the two apart; that does not show that it comes from it. 2 differences were looked at, so some of \
         it may be chance."
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

/// Two groups in a funnel from `visit` to `order`: all of one and half of the other get to `cart`, a fifth and two fifths
/// to `order`.
#[test]
fn of_a_funnel_what_gets_furthest_is_told() {
    let differing = |what: &str, a_count, b_count| {
        let [a, b] = [a_count, b_count].map(|count| Share::new(count, 200));
        let Difference { difference, low, high, .. } = Difference::between(a, b);
        let (what, a, b) = (what.to_owned(), a.share, b.share);
        Differing { what, a, b, difference, low, high, a_count, a_of: 200, b_count, b_of: 200 }
    };
    let compared = Compared {
        a: "carts that were shared".to_owned(),
        b: "channel = 'web'".to_owned(),
        unit: Unit::Customers,
        differences: vec![
            differing("2. cart, of the first step", 199, 100),
            differing("3. order, of the first step", 40, 80),
            differing("4. return, of the first step", 10, 12),
            differing("1. visit, of all customers", 200, 200),
        ],
        doubts: Vec::new(),
    };
    let words = logs::shop_words();
    let answers = Answers { compared: Some(&compared), ..nothing(&words) };
    let found = findings(&answers);
    let told = &of(&found, Kind::Comparison).text;
    assert!(!told.contains("may be in both"), "{told}");
    let shared = Compared { doubts: vec![Doubt::InBothGroups], ..compared.clone() };
    let found = findings(&Answers { compared: Some(&shared), ..answers });
    assert!(of(&found, Kind::Comparison).text.ends_with(" A customer may be in both."));
    let begin = "Customers with ‘Visit’ get to ‘Order placed’ far less often in carts that were shared than in ‘channel = \
                 'web'’: 40 of 200 (20 %, 15–26 %) against 80 of 200 (40 %, 33–47 %).";
    assert!(told.starts_with(begin), "{told}");
}

/// A repeat is telling where it is more than the frequency of the moment explains.
#[test]
fn what_repeats_more_than_its_frequency_explains_is_told() {
    let log = repeated(&[
        (40, "visit cart visit cart visit order"),
        (30, "visit visit order"),
        (30, "visit call call order"),
    ]);
    let repeats = find(&log, &[], &Words::default(), None);
    assert!(of(&repeats, Kind::Repeats).text.contains("have ‘call’ directly after ‘call’"), "{repeats:?}");
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

/// Who had the last step before the others is not said to be lost, and steps that nobody chose are less telling.
#[test]
fn a_loss_says_which_journeys_and_that_the_order_counts() {
    let log = repeated(&[(40, "order visit cart"), (60, "visit cart order")]);
    let steps = ["visit", "cart", "order"].map(str::to_owned).to_vec();
    let funnel = ask(&log, &funnel::Options { steps, ..funnel::Options::default() });
    let words = Words::default();
    let chosen =
        Answers { journey: Some("To the order"), funnel: Some(&funnel), steps_chosen: true, ..nothing(&words) };
    let found = findings(&chosen);
    let told = &of(&found, Kind::Loss).text;
    assert!(told.starts_with("Of 100 customers with ‘visit’ in journeys ‘To the order’, 60 "), "{told}");
    assert!(
        told.contains("have no ‘order’ after that; what they had before does not count.") && !told.contains("lost")
    );
    let usual = findings(&Answers { steps_chosen: false, ..chosen });
    assert!(of(&usual, Kind::Loss).strength < of(&found, Kind::Loss).strength);
}

/// Who has the last step when the window is over does have it: the loss does not say that nobody of them has.
#[test]
fn a_loss_inside_a_window_says_so() {
    let log = repeated(&[(80, "visit@0 cart@1d order@2d"), (120, "visit@0 cart@1d order@40d")]);
    let steps = ["visit", "cart", "order"].map(str::to_owned).to_vec();
    let funnel = ask(&log, &funnel::Options { steps, within: Some("14d".to_owned()), ..funnel::Options::default() });
    let words = Words::default();
    let found = findings(&Answers { funnel: Some(&funnel), steps_chosen: true, ..nothing(&words) });
    let told = &of(&found, Kind::Loss).text;
    assert!(told.contains(": 120 of 200 "), "{told}");
    let end = "who come so far have no ‘order’ after that within 14 days of the first step; what they had before or later \
               does not count.";
    assert!(told.ends_with(end), "{told}");
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
