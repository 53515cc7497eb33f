use journey::Selection;

use super::*;

const CHARTER: &str = "charter: 1
currency: EUR
stages:
  presale: {goal: reach}
  choice: {goal: conversion}
  deal: {goal: basket}
  use: {goal: lifetime}
  review: {goal: advocacy, label: Review}
moments:
  visit: {stage: presale, when: \"event = 'visit'\"}
  cart: {stage: choice, when: \"event = 'cart'\"}
  order: {stage: deal, when: \"event = 'order'\"}
  help: {stage: use, when: \"event = 'help'\"}
  survey: {stage: review, when: \"event = 'survey'\"}
  other: {when: \"event = 'other'\"}
outcomes:
  order: {when: moment = 'order', value: properties.total}
  gift: {when: \"moment = 'order' and properties.gift = 'yes'\", value: 5}
surveys:
  csat: {moment: survey, score: properties.csat, kind: csat}
  nps: {moment: survey, score: properties.nps, kind: nps}
";

/// Two hundred days, so that each half has a hundred.
const LOG: &str = "1: visit@0d cart@1d other@2d order@3d{total=10} help@10d help@30d visit@31d;
    2: visit@5d cart@6d visit@7d; 3: cart@110d order@111d{total=30 gift=yes} order@112d{total=x} survey@113d{nps=10};
    4: help@180d survey@190d{nps=2 csat=4}; 5: visit@150d; 6: other@200d";

fn log(charter: &str, text: &str) -> testkit::Log {
    testkit::told(charter, text).log(None, |charter, wanted| {
        Options::default().wants(charter, wanted).expect("it has stages");
    })
}

fn ask(log: &testkit::Log) -> Answer {
    testkit::answer(log, &Selection::default(), || Options::default().fold(&log.setting())).expect("an answer")
}

fn measure<'a>(answer: &'a Answer, stage: &str, at: usize) -> &'a Measure {
    &answer.stages.iter().find(|s| &*s.stage == stage).expect(stage).measures[at]
}

#[test]
fn every_goal_by_hand() {
    let answer = ask(&log(CHARTER, LOG));
    let counts: Vec<_> = answer.stages.iter().map(|s| (&*s.stage, s.customers, s.events, s.fell_back)).collect();
    assert_eq!(
        counts,
        [("presale", 3, 5, 0), ("choice", 3, 3, 2), ("deal", 2, 3, 1), ("use", 2, 3, 1), ("review", 2, 2, 0)]
    );
    let reached = measure(&answer, "presale", 0);
    assert_eq!((reached.count, reached.n, reached.value), (Some(3), 6, Some(0.5)));
    // The earlier half knows customers 1 and 2, the later one 3, 4, 5 and 6.
    assert_eq!((reached.earlier, reached.later, reached.change), (Some(1.0), Some(0.25), Some(-0.75)));
    let difference = evidence::Difference::between(Share::new(1, 4), Share::new(2, 2));
    assert_eq!((reached.change_low, reached.change_high), (difference.low, difference.high));

    let went_on = measure(&answer, "choice", 0);
    assert_eq!((went_on.count, went_on.n), (Some(2), 3), "going back to a visit is not going on");
    assert_eq!((went_on.earlier, went_on.later), (Some(0.5), Some(1.0)));

    // 10, 30 and the gift of 5; an order without a number counts as none, and is told.
    let (outcome, customer) = (measure(&answer, "deal", 0), measure(&answer, "deal", 1));
    assert_eq!((outcome.n, outcome.value, outcome.unit.as_str()), (3, Some(15.0), "EUR"));
    assert_eq!((customer.n, customer.value), (2, Some(22.5)));
    assert_eq!((customer.earlier, customer.later, customer.change), (Some(10.0), Some(35.0), Some(25.0)));
    assert!(answer.doubts.iter().any(|doubt| doubt.to_string().starts_with("1 outcome is left out")));

    let (days, active) = (measure(&answer, "use", 0), measure(&answer, "use", 1));
    assert_eq!((days.n, days.value, days.earlier, days.later), (2, Some(10.0), Some(20.0), Some(0.0)));
    // On day 200, help of day 180 is not long ago; on day 100, that of day 30 is.
    assert_eq!((active.count, active.n, active.earlier, active.later), (Some(1), 2, Some(0.0), Some(1.0)));

    // An NPS goes before other surveys: one promoter, one detractor.
    let nps = measure(&answer, "review", 0);
    assert_eq!((nps.measure.as_str(), nps.unit.as_str(), nps.n, nps.value), ("nps", "points", 2, Some(0.0)));
    assert_eq!((nps.low, nps.change_low, nps.change_high), (None, None, None), "two answers say nothing");
    let said: Vec<String> = answer.doubts.iter().map(ToString::to_string).collect();
    assert!(said.iter().any(|said| said.starts_with("only 2 answers of nps; ")), "{said:?}");
    assert_eq!((answer.middle.as_deref(), &*answer.stages[4].label), (Some("1970-04-11T00:00:00+00:00"), "Review"));
}

#[test]
fn transitions_and_stays_by_hand() {
    let answer = ask(&log(CHARTER, LOG));
    let day = 86_400.0;
    let found: Vec<_> =
        answer.transitions.iter().map(|t| (&*t.from, &*t.to, t.back, t.count, t.median_s.expect("a time"))).collect();
    assert_eq!(
        found,
        [
            ("presale", "choice", false, 2, day),
            // Over a moment without a stage.
            ("choice", "deal", false, 2, 1.5 * day),
            ("choice", "presale", true, 1, day),
            ("deal", "use", false, 1, 7.0 * day),
            ("deal", "review", false, 1, day),
            ("use", "presale", true, 1, day),
            ("use", "review", false, 1, 10.0 * day),
        ]
    );
    let back = Share::new(2, 9);
    assert_eq!((answer.back, answer.back_share, answer.back_share_high), (2, back.share, back.high));
    // Stays in `use`: of the first customer day 10 to 31, of the fourth day 180 to 190.
    assert_eq!(
        (answer.stages[3].stay_median_s, answer.stages[3].lifetime_median_s),
        (Some(15.5 * day), Some(10.0 * day))
    );
    assert_eq!(answer.stages[4].stay_median_s, None, "nothing followed");
    let tables = Options::tables(&answer);
    assert!(tables[0].csv().starts_with("stage,goal,customers,measure,"));
    assert!(tables[2].notes[0].starts_with("22.2 % "), "{:?}", tables[2].notes);
}

#[test]
fn without_surveys_advocacy_is_coming_back_and_the_last_stage_succeeds() {
    let charter = "charter: 1
stages: {deal: {goal: advocacy}, use: {goal: advocacy}, end: {goal: conversion}}
moments:
  order: {stage: deal, when: \"event = 'order'\"}
  help: {stage: use, when: \"event = 'help'\"}
  ask: {stage: end, when: \"event = 'ask'\"}
  renewed: {stage: end, when: \"event = 'renewed'\"}
  paid: {when: \"event = 'paid'\"}
journeys: {life: {succeeds: [renewed, paid]}}
";
    let text = "1: order help order ask renewed; 2: order help ask; 3: help; 4: ask paid";
    let answer = ask(&log(charter, text));
    let back = measure(&answer, "use", 0);
    assert_eq!((back.measure.as_str(), back.count, back.n), ("came back to an earlier stage", Some(1), 3));
    let succeeded = measure(&answer, "end", 0);
    assert_eq!(
        (succeeded.measure.as_str(), succeeded.count, succeeded.n),
        ("succeeded", Some(2), 3),
        "with a stage and without"
    );
    let endless = charter.replace("journeys: {life: {succeeds: [renewed, paid]}}\n", "");
    assert_eq!(ask(&log(&endless, text)).stages[2].measures, [], "nothing says what success is");
}

#[test]
fn the_period_that_was_asked_for_is_halved() {
    let mut log = log(CHARTER, LOG);
    log.setting.from_us = Some(0);
    log.setting.to_us = Some(10 * 86_400_000_000);
    let answer = ask(&log);
    // To day 10 without it; the halves are five days each, and no customer is inactive in so short a time.
    assert_eq!(answer.middle.as_deref(), Some("1970-01-06T00:00:00+00:00"));
    let reached = measure(&answer, "presale", 0);
    assert_eq!((reached.earlier, reached.later), (Some(1.0), Some(1.0)));
    assert_eq!(answer.stages[3].measures.len(), 1);
}

#[test]
fn what_comes_after_the_period_makes_nobody_active_in_it() {
    let mut log = log(CHARTER, "1: help@0d help@99d; 2: help@75d help@99d; 3: other@99d");
    (log.setting.from_us, log.setting.to_us) = (Some(0), Some(80 * 86_400_000_000));
    let answer = ask(&log);
    let active = measure(&answer, "use", 1);
    assert_eq!((active.measure.as_str(), active.count, active.n), ("active in the last 30 days", Some(1), 2));
}

#[test]
fn the_period_before_is_compared_where_it_is_known() {
    let day = 86_400_000_000;
    // Twenty days before the period, and twenty of it; who starts before is not in it, whatever comes later.
    let mut log =
        log(CHARTER, "1: visit@5d cart@6d visit@25d; 2: visit@19d cart@21d; 3: visit@22d; 4: visit@30d cart@50d");
    (log.setting.from_us, log.setting.to_us) = (Some(20 * day), Some(40 * day));
    log.setting.began_us = 0;
    log.setting.before_us = log.setting.period_before_us();
    assert_eq!(log.setting.before_us, Some(0));
    let selection = Selection { from_us: Some(0), to_us: Some(40 * day), ..Selection::default() };
    let answer = testkit::answer(&log, &selection, || Options::default().fold(&log.setting())).expect("an answer");
    assert_eq!((answer.before, answer.journeys, answer.customers), (true, 2, 2));
    let times = [&answer.since, &answer.middle, &answer.until].map(|time| time.clone().expect("a period"));
    assert_eq!(times, ["1970-01-01T00:00:00+00:00", "1970-01-21T00:00:00+00:00", "1970-02-10T00:00:00+00:00"]);
    let reached = measure(&answer, "choice", 0);
    assert_eq!((reached.count, reached.n), (Some(0), 1), "the cart of the fourth");
    // Of the period before, only what happened inside of it counts: the second has no cart there.
    let reached = measure(&answer, "presale", 0);
    assert_eq!((reached.earlier, reached.later, reached.n), (Some(1.0), Some(1.0), 2));
    log.setting.began_us = 1;
    assert_eq!(log.setting.period_before_us(), None, "the lake does not have all of it");
}

/// Customers who are all alike, one more every other day, each with a moment of stage `use` a week up to the last day.
fn alike(last: i64) -> testkit::Log {
    let days = |first: i64| (first..=last).step_by(7).map(|day| format!("help@{day}d")).collect::<Vec<_>>().join(" ");
    log(CHARTER, &(0..=last).step_by(2).map(|first| format!("{first}: {}", days(first))).collect::<Vec<_>>().join(";"))
}

/// The answer about the days from one to before another, of which the last may not be over, with the period before.
fn ask_of(log: &testkit::Log, from: Option<i64>, to: i64) -> Answer {
    let (mut log, day) = (log.clone(), 86_400_000_000);
    (log.setting.from_us, log.setting.to_us) = (from.map(|from| from * day), Some(to * day));
    (log.setting.began_us, log.setting.until_us) = (0, *log.at_us.iter().max().expect("events"));
    log.setting.before_us = log.setting.period_before_us();
    let from_us = log.setting.before_us.or(log.setting.from_us);
    let selection = Selection { from_us, to_us: log.setting.to_us, ..Selection::default() };
    testkit::answer(&log, &selection, || Options::default().fold(&log.setting())).expect("an answer")
}

#[test]
fn a_period_that_is_not_over_is_compared_with_as_long_a_time_before_it() {
    let log = alike(450);
    let [over, running] = [451, 365 + 365].map(|to| ask_of(&log, Some(365), to));
    assert!(over.before && running.before);
    assert_eq!(over.stages[3].measures, running.stages[3].measures);
    let days = measure(&running, "use", 0);
    assert!(days.change.expect("two periods").abs() < 1.0, "{days:?}");
    assert!(!ask_of(&log, Some(500), 600).before, "nothing is known of it");
}

#[test]
fn nobody_is_active_or_not_in_a_part_that_is_too_short_for_it() {
    let log = alike(450);
    // What is known ends with the first moment of day 450, and either part is 30 days and that moment long.
    let short = ask_of(&log, Some(420), 800);
    assert!(short.before);
    assert_eq!(short.stages[3].measures.len(), 1, "{:?}", short.stages[3].measures);
    let active = measure(&ask_of(&log, Some(419), 800), "use", 1).clone();
    assert_eq!((active.value, active.earlier, active.later), (Some(1.0), Some(1.0), Some(1.0)));
}

#[test]
fn a_period_begins_where_moments_are_known() {
    let log = alike(450);
    let whole = ask_of(&log, None, 451);
    assert!(!whole.before && whole.stages[3].measures[0].change.is_some());
    for early in [-1, -365] {
        assert_eq!(ask_of(&log, Some(early), 451), whole);
    }
}

#[test]
fn a_half_without_moments_is_told() {
    let answer = ask(&log(CHARTER, "1: other@0d visit@0d cart@1d; 2: visit@2d; 3: visit@190d other@200d"));
    assert!(!answer.doubts.iter().any(|doubt| matches!(doubt, Doubt::Missing { .. })), "{:?}", answer.doubts);
    let mut log = log(CHARTER, "1: visit@1d cart@2d");
    (log.setting.from_us, log.setting.to_us, log.setting.until_us) = (Some(0), None, 100 * 86_400_000_000);
    let answer = ask(&log);
    let said: Vec<String> = answer.doubts.iter().map(ToString::to_string).collect();
    let missing = "no moment from 1970-02-20T12:00:00+00:00 to 1970-04-11T00:00:00+00:00: nothing is said of changes";
    assert!(said.iter().any(|one| one == missing), "{said:?}");
    assert!(answer.stages.iter().flat_map(|stage| &stage.measures).all(|measure| measure.change.is_none()));
}

#[test]
fn a_charter_without_stages_says_what_to_add() {
    let error = Options::default().wants(&Charter::without_file(), &mut Wanted::default()).expect_err("none");
    let text = error.to_string();
    assert!(
        text.contains("the charter's `stages:`, of which it has none") && text.contains("stages: {choice:"),
        "{text}"
    );
}

proptest::proptest! {
    #[test]
    fn any_split_gives_the_same_answer(
        split in testkit::splits(),
        moments in proptest::collection::vec((1i64..8, 0usize..6, 0i64..3000), 0..60),
    ) {
        let name = |i: usize| ["visit", "cart", "order{total=7.1 gift=yes}", "help", "survey{nps=9}", "other"][i];
        let event = |(customer, i, hours): &(i64, usize, i64)| {
            let (moment, carried) = name(*i).split_at(name(*i).find('{').unwrap_or(name(*i).len()));
            format!("{customer}: {moment}@{hours}h{carried}")
        };
        let log = log(CHARTER, &moments.iter().map(event).collect::<Vec<_>>().join(";"));
        let cut = journey::Cut { abandoned_after: Some(event::Deadline::Elapsed(200 * 3_600_000_000)), ..journey::Cut::default() };
        let selection = Selection { cut: Some(cut), ..Selection::default() };
        let new = || Options::default().fold(&log.setting());
        let whole = testkit::answer(&log, &selection, new);
        proptest::prop_assert_eq!(&testkit::answer_split(&log, &selection, &split, new), &whole);
        let whole = whole.expect("an answer");
        let (customers, events): (u64, u64) = (whole.customers, whole.stages.iter().map(|stage| stage.events).sum());
        proptest::prop_assert!(whole.stages.iter().all(|stage| stage.customers <= customers));
        proptest::prop_assert!(events <= moments.len() as u64);
    }
}
