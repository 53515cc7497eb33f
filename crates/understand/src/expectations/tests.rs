use journey::{Cut, Selection};
use proptest::prelude::*;
use testkit::{answer, answer_split, splits, told};

use super::*;

const CHARTER: &str = "\
charter: 1
timezone: Europe/Berlin
calendar: {days: mon-fri, hours: \"08:00-18:00\"}
departments: {logistics: {}, service: {}}
moments:
  order: {when: event = 'order'}
  delivered: {when: event = 'delivered'}
  ticket: {when: event = 'ticket'}
  done: {when: event = 'done'}
  churn: {when: event = 'churn'}
  visit: {when: event = 'visit'}
interactions:
  support: {opens: [ticket], resolves: [done], key: properties.number}
outcomes:
  churn: {when: moment = 'churn', horizon: 10d, bad: true}
expectations:
  delivery: {label: In three days, after: order, promise: delivered, within: 3d, owner: logistics}
  answer: {after: ticket, promise: done, within: 1bd, owner: service}
  unowned: {after: visit, promise: order, within: 1h}
";

fn log_of(text: &str, journey: Option<&str>) -> testkit::Log {
    log_by(CHARTER, text, journey)
}

fn log_by(charter: &str, text: &str, journey: Option<&str>) -> testkit::Log {
    let options = Options::default();
    told(charter, text).log(journey, |charter, wanted| options.wants(charter, wanted).expect("there are expectations"))
}

fn ask(text: &str) -> Answer {
    let log = log_of(text, None);
    answer(&log, &Selection::default(), || Options::default().fold(&log.setting())).expect("an answer")
}

/// Made, kept, late, never, pending.
fn counts(balance: &Balance) -> [u64; 5] {
    assert_eq!(balance.broken, balance.late + balance.never);
    [balance.made, balance.kept, balance.late, balance.never, balance.pending]
}

#[test]
fn kept_late_never_and_pending_by_owner_and_channel() {
    let answer = ask("\
a: order@0d{channel=web} delivered@3d visit@20d
b: order@0d{channel=web} delivered@5d churn@6d
c: order@0d{channel=call} churn@9d
d: order@18d{channel=call}
e: order@1d delivered@8d visit@8d");
    let delivery = &answer.expectations[0];
    assert_eq!(counts(&delivery.balance), [5, 1, 2, 1, 1]);
    assert_eq!(delivery.balance.kept_share, Some(0.25));
    let share = Share::new(1, 4);
    assert_eq!((delivery.balance.kept_share_low, delivery.balance.kept_share_high), (share.low, share.high));
    // Late by two and by four days.
    assert_eq!(delivery.late_median_s, Some(3.0 * 86_400.0));
    assert!((delivery.late_p90_s.expect("some were late") - 3.8 * 86_400.0).abs() < 1e-6);
    let channels: Vec<_> = delivery.channels.iter().map(|c| (c.channel.as_deref(), counts(&c.balance))).collect();
    let web = (Some("web"), [2, 1, 1, 0, 0]);
    assert_eq!(channels, [(Some("call"), [2, 0, 0, 1, 1]), web, (None, [1, 0, 1, 0, 0])]);
    let owners: Vec<_> = answer.owners.iter().map(|o| (o.owner.as_deref(), counts(&o.balance))).collect();
    assert_eq!(owners, [(Some("logistics"), [5, 1, 2, 1, 1]), (None, [2, 0, 0, 1, 1])], "a visit promises an order");
    assert_eq!((answer.journeys, answer.customers), (5, 5));
    assert_eq!(delivery.within, "3d");
}

#[test]
fn whoever_owns_a_promise_has_a_row_whether_the_charter_lists_departments_or_not() {
    let unlisted = CHARTER.replace("departments: {logistics: {}, service: {}}\n", "");
    let log = log_by(&unlisted, "a: order@0d delivered@3d visit@20d; b: ticket@0d; c: order@1d", None);
    let answer = answer(&log, &Selection::default(), || Options::default().fold(&log.setting())).expect("an answer");
    let owners: Vec<_> = answer.owners.iter().map(|o| (o.owner.as_deref(), o.balance.made)).collect();
    assert_eq!(owners, [(Some("logistics"), 2), (Some("service"), 1), (None, 1)]);
}

#[test]
fn what_followed_is_counted_from_when_it_fell_due() {
    let answer = ask("\
a: order@0d delivered@1d churn@2d visit@4d churn@12d
b: order@0d delivered@5d churn@6d
c: order@0d
d: order@15d visit@20d");
    let delivery = &answer.expectations[0];
    let next: Vec<_> = delivery.next.iter().map(|next| (next.moment.as_deref(), next.kept, next.broken)).collect();
    assert_eq!(next, [(Some("visit"), 1, 1), (None, 0, 1), (Some("delivered"), 0, 1)]);
    assert_eq!(delivery.next[0].broken_share, Some(1.0 / 3.0));
    // The churn before it fell due is no result of it; the horizon of the last order is not over.
    let churn = &delivery.outcomes[0];
    let groups: Vec<_> = churn.groups.iter().map(|g| (&*g.group, g.count, g.of)).collect();
    assert_eq!(groups, [("kept", 1, 1), ("broken", 1, 2)]);
    assert_eq!((churn.difference, churn.bad), (Some(0.5), true));
    assert!(answer.doubts.contains(&Doubt::NotRandomised));
}

#[test]
fn late_data_count_by_when_it_happened() {
    let in_order = ask("a: order@0d delivered@2d; b: visit@9d");
    let late = ask("a: delivered@2d order@0d; b: visit@9d");
    assert_eq!(in_order, late);
    assert_eq!(counts(&late.expectations[0].balance), [1, 1, 0, 0, 0]);
}

#[test]
fn the_same_promise_twice_is_matched_by_key_or_first_in_first_out() {
    let twice = ask("a: order@0d order@2d delivered@4d; b: visit@30d");
    assert_eq!(counts(&twice.expectations[0].balance), [2, 0, 1, 1, 0], "the first was meant, and it came late");
    let by_case = ask("a: order@0d{case_id=1} order@2d{case_id=2} delivered@4d{case_id=2}; b: visit@30d");
    assert_eq!(counts(&by_case.expectations[0].balance), [2, 1, 0, 1, 0]);
    let again = ask("a: order@0d{case_id=1} order@1d{case_id=1} delivered@2d{case_id=1}; b: visit@30d");
    assert_eq!(counts(&again.expectations[0].balance), [1, 1, 0, 0, 0], "a second attempt promises nothing new");
    let unclear =
        |answer: &Answer| answer.doubts.iter().any(|doubt| matches!(doubt, Doubt::Unclear { n: 1, of: 2, .. }));
    assert_eq!((unclear(&twice), unclear(&by_case), unclear(&again)), (true, false, false));
    let by_ticket = ask("a: ticket@4d{number=7} ticket@4d{number=8} done@4d{number=8} done@12d{number=7}");
    assert_eq!(counts(&by_ticket.expectations[1].balance), [2, 1, 1, 0, 0], "by the key of the interaction");
    let unasked = ask("a: delivered@1d; b: visit@30d");
    assert_eq!((counts(&unasked.expectations[0].balance), unasked.expectations[0].unasked), ([0; 5], 1));
    assert_eq!(unasked.expectations[0].balance.share(), Share::new(0, 0), "nothing is known");
}

#[test]
fn business_days_are_those_of_the_charter() {
    // 1970-01-02 was a Friday; Berlin was an hour ahead. Friday 15:00 there plus one business day is Monday 15:00.
    let answer = ask("a: ticket@38h done@110h; b: ticket@38h done@111h; c: visit@30d");
    assert_eq!(counts(&answer.expectations[1].balance), [2, 1, 1, 0, 0]);
    assert_eq!(answer.expectations[1].late_median_s, Some(3600.0));
}

#[test]
fn what_one_journey_promises_the_next_may_fulfil() {
    let log = log_of("a: visit@0d order@1d delivered@2d visit@3d order@4d; b: visit@30d", None);
    // Journeys end with an order, so deliveries lie in the next one or in none.
    let order = log.moments.find("order").expect("it is a moment").index();
    let succeeds: Vec<bool> = (0..log.moments.len()).map(|moment| moment == order).collect();
    let cut = Cut { succeeds, until_us: log.setting.until_us, ..Cut::default() };
    let selection = Selection { cut: Some(cut.clone()), ..Selection::default() };
    let found = answer(&log, &selection, || Options::default().fold(&log.setting())).expect("an answer");
    assert_eq!(counts(&found.expectations[0].balance), [2, 1, 0, 1, 0]);
    let later = Selection { cut: Some(cut), from_us: Some(86_400_000_000), ..Selection::default() };
    let found = answer(&log, &later, || Options::default().fold(&log.setting())).expect("an answer");
    assert_eq!(counts(&found.expectations[0].balance), [1, 0, 0, 1, 0], "only those of the journeys that count");
}

#[test]
fn without_expectations_the_charter_lacks_something() {
    let error = Options::default().wants(&Charter::without_file(), &mut Wanted::default()).expect_err("it has none");
    assert!(error.to_string().contains("`expectations:`, of which it has none: add some, such as\n  delivery:"));
}

#[test]
fn tables_show_what_is_known() {
    let tables = Options::tables(&ask("a: order@0d delivered@3d delivered@4d; b: order@1d churn@5d visit@20d"));
    assert_eq!(tables[0].title, "Expectations");
    assert!(tables[0].csv().starts_with("expectation,within,owner,made,kept,late,never,pending,kept_share,"));
    assert!(tables[0].notes.iter().any(|note| note.contains("1 times `delivered` came")), "{:?}", tables[0].notes);
    assert!(tables.iter().any(|table| table.title == "Outcomes after `delivery` fell due"));
}

/// Worlds in which promises overlap, with and without keys.
fn worlds() -> impl Strategy<Value = String> {
    let names = prop::sample::select(vec!["order", "delivered", "ticket", "done", "churn", "visit"]);
    let event = (0..6u8, names, 0..400u16, prop::option::of(1..3u8));
    prop::collection::vec(event, 0..60).prop_map(|events| {
        let told = |(customer, name, hour, key): (u8, &str, u16, Option<u8>)| {
            let key = key.map_or(String::new(), |key| format!("case_id={key} number={key} channel=c{key}"));
            format!("u{customer}: {name}@{hour}h{{{key}}}")
        };
        events.into_iter().map(told).collect::<Vec<_>>().join("\n")
    })
}

proptest! {
    #[test]
    fn any_split_gives_the_same_answer_and_it_adds_up(text in worlds(), split in splits()) {
        let log = log_of(&text, None);
        let whole = answer(&log, &Selection::default(), || Options { limit: 0 }.fold(&log.setting())).expect("an answer");
        let parts = answer_split(&log, &Selection::default(), &split, || Options { limit: 0 }.fold(&log.setting()));
        prop_assert_eq!(&parts.expect("an answer"), &whole);
        for expected in &whole.expectations {
            let after = log.moments.find(&expected.after).expect("a moment of the charter");
            let events = log.moment.iter().filter(|moment| **moment == after).count() as u64;
            prop_assert!(expected.balance.made <= events, "every such moment makes one promise, or speaks of an open one");
            let promise = log.moments.find(&expected.promise).expect("a moment of the charter");
            let came = log.moment.iter().filter(|moment| **moment == promise).count() as u64;
            prop_assert_eq!(expected.balance.kept + expected.balance.late + expected.unasked, came);
            let channels = expected.channels.iter().map(|channel| channel.balance.made).sum::<u64>();
            prop_assert_eq!(channels, expected.balance.made);
            let broken: u64 = expected.next.iter().map(|next| next.broken).sum();
            prop_assert_eq!(broken, expected.balance.broken, "all broken ones are due");
        }
        let owned: u64 = whole.owners.iter().map(|owner| owner.balance.made).sum();
        prop_assert_eq!(owned, whole.expectations.iter().map(|expected| expected.balance.made).sum::<u64>());
    }
}

#[test]
fn two_groups_are_compared_by_what_was_kept() {
    let fed = |log: &testkit::Log| {
        let mut fold = Options::default().fold(&log.setting());
        let mut runs = journey::Runs::default();
        let mut each = |run: &journey::Run<'_>| Selection::default().journeys(run, |journey, _| fold.journey(journey));
        runs.feed(&log.columns(), &mut each);
        runs.finish(&mut each);
        fold
    };
    let one = log_of("a: order@0d delivered@1d; b: order@0d delivered@1d; z: visit@30d", None);
    let other = log_of("a: order@0d delivered@1d; b: order@0d; z: visit@30d", None);
    let compared = Options::compare(("one", fed(&one)), ("other", fed(&other)), &one.moments).expect("an answer");
    let kept =
        compared.differences.iter().find(|difference| difference.what == "delivery: kept").expect("it is compared");
    assert_eq!([kept.a_count, kept.a_of, kept.b_count, kept.b_of], [2, 2, 1, 2]);
}
