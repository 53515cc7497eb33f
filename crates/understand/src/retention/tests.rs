use event::Timestamp;
use journey::Selection;

use super::*;

/// A log whose times are local: `1: a@2024-02-28T12:00 b@2024-02-29`; everything is known up to `until`.
fn log(zone: &str, until: &str, text: &str) -> testkit::Log {
    let local = jiff_zone(zone);
    let at_us = |time: &str| Timestamp::parse(time, &local).expect(time).as_micros();
    let mut events = Vec::new();
    for (customer, line) in (1..).zip(text.split(';')) {
        let (_, rest) = line.split_once(':').expect("a customer");
        for event in rest.split_whitespace() {
            let (name, time) = event.split_once('@').expect("a time");
            events.push((customer, name, at_us(time), 0));
        }
    }
    let mut log = testkit::Log::new(events);
    let charter = charter::Charter::parse(&format!("charter: 1\ntimezone: {zone}\n")).expect("a charter").0;
    log.setting.charter = std::sync::Arc::new(charter);
    log.setting.until_us = at_us(until);
    log
}

fn jiff_zone(zone: &str) -> jiff::tz::TimeZone {
    jiff::tz::TimeZone::get(zone).expect("bundled")
}

#[test]
fn brackets_are_for_the_mode_that_has_them_and_small_cohorts_are_doubted() {
    let parse = |options: &[(&str, &str)]| crate::View::parse("retention", options.iter().copied());
    let error = parse(&[("brackets", "1,2")]).expect_err("not bounded").to_string();
    assert!(error.contains("write `--mode bounded` with it"), "{error}");
    let error = parse(&[("mode", "bounded"), ("periods", "3")]).expect_err("bounded").to_string();
    assert!(error.contains("write `--brackets` in its place"), "{error}");
    assert!(parse(&[("brackets", "1,2"), ("mode", "bounded")]).is_ok() && parse(&[]).is_ok());
    let log = log("UTC", "2024-03-30", "1: a@2024-03-01 b@2024-03-09; 2: a@2024-03-02; 3: a@2024-03-12");
    let answer = ask(&Options::default(), &log);
    assert!(answer.doubts.iter().any(|d| d.to_string().starts_with("2 of 2 cohorts have fewer than 30 customers")));
    let each = &Options::tables(&answer)[2];
    assert_eq!((each.title.as_str(), each.headers.len()), ("Each cohort", 7));
    assert!(!each.rows.is_empty());
}

fn ask(options: &Options, log: &testkit::Log) -> Answer {
    testkit::answer(log, &Selection::default(), || options.fold(&log.setting())).expect("an answer")
}

/// Name, customers, and returned of how many.
type Shown<'a> = (&'a str, u64, Vec<(u64, u64)>);

fn triangle(answer: &Answer) -> Vec<Shown<'_>> {
    let cells = |cells: &[Cell]| cells.iter().map(|cell| (cell.returned, cell.of)).collect();
    answer.cohorts.iter().map(|c| (c.cohort.as_str(), c.customers, cells(&c.periods))).collect()
}

fn by(by: Period, mode: Mode, periods: usize) -> Options {
    Options { by, mode, periods, ..Options::default() }
}

const WEEKS: &str = "1: a@2021-01-04 a@2021-01-05 b@2021-01-12 a@2021-01-26;
    2: a@2021-01-06T12:00 b@2021-01-20; 3: b@2021-01-10T23:59 a@2021-01-11T00:00; 4: a@2021-01-12";

#[test]
fn times_are_those_of_the_charters_zone() {
    let answer = ask(&by(Period::Day, Mode::Classic, 1), &log("Europe/Berlin", "2026-07-02T09:42", "1: a@2026-01-05"));
    assert_eq!(
        (answer.cohorts[0].begins.as_str(), answer.until.as_str()),
        ("2026-01-05T00:00:00+01:00", "2026-07-02T09:42:00+02:00")
    );
}

#[test]
fn weeks_by_hand() {
    // Known to the end of the week of 18 January: for the first week two are over, for the second one.
    let log = log("UTC", "2021-01-25", WEEKS);
    let classic = ask(&by(Period::Week, Mode::Classic, 3), &log);
    assert_eq!(
        triangle(&classic),
        [("2021-W01", 3, vec![(2, 3), (1, 3), (0, 0)]), ("2021-W02", 1, vec![(0, 1), (0, 0), (0, 0)])]
    );
    let all: Vec<_> = classic.all.iter().map(|c| (c.returned, c.of, c.pending)).collect();
    assert_eq!(all, [(2, 4, 0), (1, 3, 1), (0, 0, 4)]);
    let share = Share::new(2, 4);
    assert_eq!((classic.all[0].share, classic.all[0].share_low), (share.share, share.low));
    assert_eq!((classic.all[2].share, classic.all[2].share_high), (None, None));
    assert_eq!((classic.cohorts[0].begins.as_str(), classic.customers), ("2021-01-04T00:00:00+00:00", 4));

    let rolling = ask(&by(Period::Week, Mode::Rolling, 3), &log);
    // The first came again in the fourth week, so also "in week 2 or later".
    assert_eq!(
        triangle(&rolling),
        [("2021-W01", 3, vec![(3, 3), (2, 3), (0, 0)]), ("2021-W02", 1, vec![(0, 1), (0, 0), (0, 0)])]
    );
}

#[test]
fn a_moment_begins_and_a_moment_returns() {
    let log = log("UTC", "2021-03-01", WEEKS);
    let options =
        Options { moment: Some("b".to_owned()), returns: Some("a".to_owned()), ..by(Period::Week, Mode::Classic, 2) };
    let answer = ask(&options, &log);
    // The third had `b` a minute before the week was over, and `a` at the first instant of the next.
    assert_eq!(
        triangle(&answer),
        [
            ("2021-W01", 1, vec![(1, 1), (0, 1)]),
            ("2021-W02", 1, vec![(0, 1), (1, 1)]),
            ("2021-W03", 1, vec![(0, 1), (0, 1)])
        ]
    );
    assert_eq!((answer.customers, answer.without_moment), (3, 1));
    let unknown = Options { moment: Some("bb".to_owned()), ..Options::default() };
    let error = testkit::answer(&log, &Selection::default(), || unknown.fold(&log.setting())).expect_err("unknown");
    assert!(error.to_string().contains("there are a, b"), "{error}");
}

#[test]
fn brackets_count_days_from_each_customers_own_first_day() {
    let text = "1: a@2024-02-28T23:00 a@2024-02-29T01:00 a@2024-03-02; 2: a@2024-02-27 a@2024-03-05; 3: a@2024-03-01";
    let log = log("UTC", "2024-03-06", text);
    let options = Options { brackets: vec![1, 3, 7], ..by(Period::Month, Mode::Bounded, 9) };
    let answer = ask(&options, &log);
    // Over the leap day: 2 March is three days after 28 February, 5 March seven after 27 February.
    assert_eq!(
        triangle(&answer),
        [("2024-02", 2, vec![(1, 2), (1, 2), (1, 1)]), ("2024-03", 1, vec![(0, 1), (0, 1), (0, 0)])]
    );
    let spans: Vec<_> = answer.all.iter().map(|cell| (cell.from, cell.to)).collect();
    assert_eq!(spans, [(1, Some(1)), (2, Some(3)), (4, Some(7))]);
    assert_eq!(answer.all[2].pending, 2, "28 February and 1 March have not seen seven days");
    assert!(Options::tables(&answer)[0].csv().starts_with("cohort,customers,day 1,days 2 to 3,days 4 to 7\r\n"));
}

#[test]
fn days_are_those_of_the_zone() {
    let days = by(Period::Day, Mode::Classic, 2);
    // In Samoa the 31st followed the 29th.
    let samoa = log("Pacific/Apia", "2012-01-03", "1: a@2011-12-29T20:00 a@2011-12-31T00:00");
    assert_eq!(triangle(&ask(&days, &samoa)), [("2011-12-29", 1, vec![(1, 1), (0, 1)])]);
    // In Cairo the day began at 01:00, on Lord Howe it was half an hour longer.
    let cairo = log("Africa/Cairo", "2023-05-03", "1: a@2023-04-27T23:59 a@2023-04-28T01:00 a@2023-04-29T00:00");
    assert_eq!(triangle(&ask(&days, &cairo)), [("2023-04-27", 1, vec![(1, 1), (1, 1)])]);
    let howe = log("Australia/Lord_Howe", "2024-04-09", "1: a@2024-04-06T00:00 a@2024-04-07T23:59; 2: a@2024-04-07");
    assert_eq!(
        triangle(&ask(&days, &howe)),
        [("2024-04-06", 1, vec![(1, 1), (0, 1)]), ("2024-04-07", 1, vec![(0, 1), (0, 0)])]
    );
    // The week 53 of 2020 is followed by the week 1 of 2021, the month of the leap day by March.
    let weeks = log("UTC", "2022-01-01", "1: a@2021-01-03 a@2021-01-04");
    assert_eq!(triangle(&ask(&by(Period::Week, Mode::Classic, 1), &weeks)), [("2020-W53", 1, vec![(1, 1)])]);
    let months = log("UTC", "2025-01-01", "1: a@2024-01-31 a@2024-02-29 a@2024-03-01");
    let answer = ask(&by(Period::Month, Mode::Classic, 3), &months);
    assert_eq!(triangle(&answer), [("2024-01", 1, vec![(1, 1), (1, 1), (0, 1)])]);
}

#[test]
fn a_cohort_of_one_nobody_at_all_and_years_that_nobody_means() {
    let one = ask(&Options::default(), &log("UTC", "2021-12-01", "1: a@2021-01-04"));
    assert_eq!((one.customers, one.all[0].returned), (1, 0));
    assert!(matches!(one.doubts[0], Doubt::FewCases { n: 1, .. }));
    let none = ask(&Options::default(), &testkit::log(""));
    assert_eq!((none.customers, none.cohorts.len(), none.all.len()), (0, 0, 0));
    let broken = ask(&Options::default(), &log("UTC", "2021-12-01", "1: a@0001-01-01 a@2021-01-05; 2: a@2021-01-05"));
    assert_eq!(broken.customers, 1);
    assert!(broken.doubts.iter().any(|doubt| matches!(doubt, Doubt::LeftOut { n: 1, .. })), "{:?}", broken.doubts);
}

#[test]
fn a_customer_counts_once_however_many_journeys_it_has() {
    let log = log("UTC", "2021-03-01", WEEKS);
    let cut = journey::Cut {
        abandoned_after: Some(event::Deadline::Elapsed(86_400_000_000)),
        until_us: i64::MAX,
        ..journey::Cut::default()
    };
    let selection = Selection { cut: Some(cut), ..Selection::default() };
    let options = Options::default();
    let cut = testkit::answer(&log, &selection, || options.fold(&log.setting())).expect("an answer");
    assert_eq!(cut, ask(&options, &log));
}

#[test]
fn options_that_make_no_question() {
    let set = |option: &str, value: &str| {
        let mut options = Options::default();
        options.set(option, value).and_then(|()| options.check()).map_err(|error| error.to_string())
    };
    for (option, value) in [
        ("by", "fortnight"),
        ("mode", "rollin"),
        ("periods", "0"),
        ("periods", "100000"),
        ("brackets", "7,3"),
        ("brackets", "0,3"),
        ("brackets", ""),
        ("brackets", "1,2,99999999"),
    ] {
        assert!(set(option, value).expect_err(value).contains("write "), "{option} {value}");
    }
    assert!(set("brackets", "1, 7,30").expect_err("days are not counted in brackets").contains("--mode bounded"));
    let mut bounded = Options { mode: Mode::Bounded, ..Options::default() };
    bounded.set("brackets", "1, 7,30").and_then(|()| bounded.check()).expect("brackets of a bounded one");
}

proptest::proptest! {
    #[test]
    fn any_split_gives_the_same_answer_and_what_was_kept_goes_on(
        log in testkit::logs(9, 90, 3),
        split in testkit::splits(),
        mode in proptest::sample::select(vec![Mode::Classic, Mode::Rolling, Mode::Bounded]),
    ) {
        let options = by(Period::Day, mode, 3);
        let new = || options.fold(&log.setting());
        let whole = testkit::answer(&log, &Selection::default(), new);
        let found = testkit::answer_split(&log, &Selection::default(), &split, new);
        proptest::prop_assert_eq!(&found, &whole);

        let mut folds = [new(), new()];
        let mut runs = journey::Runs::default();
        let mut each = |run: &Run<'_>| {
            let fold = &mut folds[usize::try_from(run.customer % 2).expect("0 or 1")];
            Selection::default().journeys(run, |journey, _| fold.journey(journey));
        };
        runs.feed(&log.columns(), &mut each);
        runs.finish(&mut each);
        let [mut even, mut odd] = folds;
        let (kept, kept_odd) = (even.keep().expect("it keeps"), odd.keep().expect("it keeps"));
        let mut resumed = new();
        proptest::prop_assert!(resumed.resume(&kept));
        resumed.merge(odd);
        let mut taken_out = new();
        proptest::prop_assert!(taken_out.resume(&kept_odd));
        resumed.subtract(taken_out);
        proptest::prop_assert_eq!(&resumed.counts, &even.counts);
    }
}
