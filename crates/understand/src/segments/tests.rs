use journey::{Cut, Selection};
use proptest::prelude::*;
use testkit::{answer, answer_split, splits, told};

use super::*;

const CHARTER: &str = "\
charter: 1
channels: {web: {label: Web}, call: {label: Call}}
moments:
  visit: {when: \"event = 'visit'\"}
  order: {when: \"event = 'order'\"}
journeys:
  purchase: {starts: [visit], succeeds: order}
outcomes:
  order: {when: moment = 'order', value: properties.total}
segments:
  buyers: {label: Buyers, when: value_of.order >= 10}
  callers: share_of_channel.call >= 0.5
  nobody: events > 1000
";

const LOG: &str = "\
ann: visit@0{channel=web} order@1d{channel=web total=10} visit@2d{channel=web} order@3d{total=1}
bob: visit@0{channel=call} order@1d{channel=call total=20}
cid: order@0{channel=call total=3}
dan: visit@5d{channel=web}";

fn ask(options: &Options, journey: Option<&str>) -> Answer {
    let log = told(CHARTER, LOG).log(journey, |charter, wanted| options.wants(charter, wanted).expect("segments"));
    let setting = log.setting();
    let cut = setting
        .journey()
        .map(|journey| Cut::of(journey, &setting.charter.calendar, &setting.moments, setting.until_us));
    answer(&log, &Selection { cut, ..Selection::default() }, || options.fold(&log.setting())).expect("an answer")
}

#[test]
fn customers_events_outcomes_and_overlaps() {
    let found = ask(&Options::default(), None);
    assert_eq!((found.customers, found.events, found.journeys), (4, 8, 4));
    let shown: Vec<_> = found
        .segments
        .iter()
        .map(|s| (&*s.segment, s.customers, s.events, s.journeys, s.first_moment.as_deref(), s.outcomes[0].customers))
        .collect();
    assert_eq!(
        shown,
        [("buyers", 2, 6, 2, Some("visit"), 2), ("callers", 2, 3, 2, Some("order"), 2), ("nobody", 0, 0, 0, None, 0),]
    );
    assert_eq!(found.segments[0].label, "Buyers");
    let share = Share::new(2, 4);
    let [low, high] = [found.segments[0].customers_share_low, found.segments[0].customers_share_high];
    assert_eq!((low, high), (share.low, share.high));
    let overlaps: Vec<_> = found.overlaps.iter().map(|o| (&*o.a, &*o.b, o.customers)).collect();
    assert_eq!(overlaps, [("buyers", "callers", 1), ("buyers", "nobody", 0), ("callers", "nobody", 0)]);
    let notes = &tables(&found)[0].notes;
    assert!(notes.contains(&"`nobody` is empty: events > 1000 holds for no customer".to_owned()), "{notes:?}");
}

#[test]
fn with_a_cut_membership_is_still_that_of_the_whole_run() {
    let found = ask(&Options::default(), Some("purchase"));
    let shown: Vec<_> = found.segments.iter().map(|s| (s.customers, s.events, s.journeys)).collect();
    assert_eq!((found.customers, found.events, found.journeys), (3, 7, 4), "cid has no journey of this kind");
    assert_eq!(shown, [(2, 6, 3), (1, 2, 1), (0, 0, 0)]);
}

#[test]
fn one_of_ones_own_comes_last() {
    let own = Options { sql: Some("first_of.visit is null".to_owned()) };
    let found = ask(&own, None);
    assert_eq!((&*found.segments[3].segment, found.segments[3].customers), ("first_of.visit is null", 1));
    let mut wanted = Wanted::default();
    let wrong = Options { sql: Some("count_of.oder > 1".to_owned()) };
    let charter = told(CHARTER, LOG).charter;
    let error = wrong.wants(&charter, &mut wanted).expect_err("no such moment").to_string();
    assert!(error.contains("did you mean `count_of.order`?"), "{error}");
    let none = Options::default().wants(&Charter::without_file(), &mut wanted).expect_err("nothing to show");
    assert_eq!(none, Error::NoSegments);
}

#[test]
fn what_is_kept_goes_on_and_can_be_taken_out() {
    let options = Options::default();
    let log = told(CHARTER, LOG).log(None, |charter, wanted| options.wants(charter, wanted).expect("segments"));
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
    assert_eq!(twice.counts, seen().counts);
    let keeps = |sql: &str| Options { sql: Some(sql.to_owned()) }.fold(&log.setting()).keep().is_some();
    assert!(keeps("days_since_last > 3"), "it is known when time changes who belongs to it");
    assert!(!keeps("days_since_last > days_between_median"), "it is not");
}

proptest! {
    #[test]
    fn any_split_gives_the_same_answer(split in splits()) {
        let options = Options { sql: Some("channels = 1 or stage is null".to_owned()) };
        let log = told(CHARTER, LOG).log(None, |charter, wanted| options.wants(charter, wanted).expect("segments"));
        let new = || options.fold(&log.setting());
        prop_assert_eq!(answer_split(&log, &Selection::default(), &split, new), answer(&log, &Selection::default(), new));
    }
}
