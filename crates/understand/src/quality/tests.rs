use journey::Selection;
use proptest::prelude::*;
use testkit::{Told, answer, answer_split, splits, told};

use super::hours::DAY_US;
use super::*;

fn ask(told: &Told, options: &Options) -> Answer {
    let log = told.log(None, |charter, wanted| options.wants(charter, wanted).expect("nothing is needed"));
    answer(&log, &Selection::default(), || options.fold(&log.setting())).expect("an answer")
}

fn kinds(answer: &Answer) -> Vec<(Kind, &str, u64)> {
    answer.findings.iter().map(|f| (f.kind, f.place.as_str(), f.count)).collect()
}

/// An event at 9 o'clock of each of these days for each of `n` customers.
fn daily(n: u64, days: &(impl Iterator<Item = u64> + Clone), carries: &str) -> String {
    let line = |c: u64| {
        let events: Vec<String> = days.clone().map(|day| format!("visit@{}h{{{carries}}}", day * 24 + 9)).collect();
        format!("{carries}{c}: {}", events.join(" "))
    };
    (0..n).map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn gaps_and_feeds_that_fell_silent() {
    let log = [
        daily(30, &(0..56).filter(|day| *day != 20), "channel=web"),
        daily(30, &(0..30), "channel=app"),
        daily(1, &(0..30), "channel=shop"),
    ];
    let found = ask(&told("charter: 1\n", &log.join("\n")), &Options::default());
    assert_eq!(
        kinds(&found),
        [(Kind::Silent, "channel app", 900), (Kind::Silent, "channel shop", 30), (Kind::GapDays, "channel web", 30),]
    );
    assert!(found.findings[2].what.contains("from 1970-01-21 to before 1970-01-22"), "{:?}", found.findings[2]);
    let app = &found.channels[0];
    assert_eq!((&*app.name, app.events, app.days, app.gap_days_p90, app.silent_days), ("app", 900, 30, 1, 26));
    assert_eq!((app.first.as_str(), app.last.as_str()), ("1970-01-01 09:00", "1970-01-30 09:00"));
}

#[test]
fn what_repeats_and_what_no_person_does() {
    let robot = format!("robot: {}", "click@100 ".repeat(12));
    let text = format!("ann: order@5 order@5 visit@5 order@6\n{robot}\nbob: visit@1");
    let found = ask(&told("charter: 1\n", &text), &Options::default());
    assert_eq!((found.events, found.customers, found.single_customers), (17, 3, 1));
    assert_eq!(found.repeated_events, 12, "one of ann, eleven of the robot");
    assert_eq!(
        kinds(&found),
        [(Kind::Repeated, "moment click", 11), (Kind::Repeated, "moment order", 1), (Kind::Burst, "all events", 12)]
    );
}

#[test]
fn clocks_that_are_wrong() {
    // 1970 began with a Thursday; day 365 is the first of January 1971, and Berlin is an hour ahead of UTC.
    let midnights = |n: u64, day: u64| {
        (0..n).map(|i| format!("m{day}-{i}: visit@{}h", day * 24 - 1)).collect::<Vec<_>>().join("\n")
    };
    let text = format!("{}\n{}\nlater: visit@400d", midnights(25, 365), midnights(25, 10));
    let now_us = 399 * DAY_US;
    let found = ask(&told("charter: 1\ntimezone: Europe/Berlin\n", &text), &Options { now_us: Some(now_us) });
    assert_eq!(found.midnight_events, 50);
    let clocks: Vec<_> =
        kinds(&found).into_iter().filter(|(kind, ..)| (Kind::Future..=Kind::NewYear).contains(kind)).collect();
    assert_eq!(
        clocks,
        [(Kind::Future, "all events", 1), (Kind::Midnight, "source (none)", 50), (Kind::NewYear, "source (none)", 25)]
    );
}

#[test]
fn moments_that_never_occur_and_events_that_are_none() {
    let charter =
        "charter: 1\nmoments:\n  visit: {when: \"event = 'visit'\"}\n  order: {when: \"event = 'Order Complete'\"}\n";
    let told = told(charter, "ann: visit other\nbob: visit");
    let found = ask(&told, &Options::default());
    assert_eq!(kinds(&found), [(Kind::MomentNeverOccurs, "moment order", 0)]);
    let besides = Besides {
        whole: true,
        left_out: [("Order Completed".to_owned(), 1), ("other".to_owned(), 3)].into(),
        rejected: [("bad_time".to_owned(), 4)].into(),
        sent_again: 2,
        stitched_customers: 1,
    };
    let completed = complete(found, &besides, &told.charter);
    let found = completed.answer().downcast_ref::<Answer>().expect("its own answer");
    assert_eq!(
        kinds(found),
        [
            (Kind::MomentNeverOccurs, "moment order", 0),
            (Kind::UnknownMoments, "all events", 4),
            (Kind::Rejected, "reason bad_time", 4),
            (Kind::SentAgain, "all imports", 2),
        ]
    );
    assert!(found.findings[0].to_do.starts_with("did you mean `Order Completed`?"), "{}", found.findings[0].to_do);
    let unknown = found.unknown.as_ref().expect("it was counted");
    assert_eq!(unknown.share, Some(4.0 / 6.0));
    let names: Vec<_> = unknown.names.iter().map(|n| (n.event.as_str(), n.events, n.nearest.as_deref())).collect();
    assert_eq!(names, [("other", 3, None), ("Order Completed", 1, Some("order"))]);
}

#[test]
fn what_is_kept_goes_on_and_can_be_taken_out() {
    let options = Options::default();
    let told = told("charter: 1\n", "ann: visit{channel=web} order@1d order@1d\nbob: visit{channel=app}");
    let log = told.log(None, |charter, wanted| options.wants(charter, wanted).expect("nothing is needed"));
    let seen = || {
        let mut fold = options.fold(&log.setting());
        let mut runs = journey::Runs::default();
        let mut each =
            |run: &journey::Run<'_>| Selection::default().journeys(run, |journey, _| Fold::journey(&mut fold, journey));
        runs.feed(&log.columns(), &mut each);
        runs.finish(&mut each);
        fold
    };
    let mut twice = options.fold(&log.setting());
    assert!(twice.resume(&seen().keep().expect("it keeps")));
    twice.merge(seen());
    twice.subtract(seen());
    assert_eq!(twice.finish(&log.moments), seen().finish(&log.moments));
}

proptest! {
    #[test]
    fn any_split_gives_the_same_answer(split in splits()) {
        let options = Options::default();
        let text = format!("{}\n{}\nx: a@5 a@5 b@3d", daily(3, &(0..40), "channel=web"), daily(9, &(0..9), "source=shop"));
        let told = told("charter: 1\n", &text);
        let log = told.log(None, |charter, wanted| options.wants(charter, wanted).expect("nothing is needed"));
        let new = || options.fold(&log.setting());
        prop_assert_eq!(answer_split(&log, &Selection::default(), &split, new), answer(&log, &Selection::default(), new));
    }
}
