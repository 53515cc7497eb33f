//! Every fact of a customer, on a log that is small enough to count by hand.

use journey::{Member, Run, Runs, Segment, Selection};
use testkit::{Told, told};

const CHARTER: &str = "\
charter: 1
stages: {look: {label: Look}, deal: {label: Deal}}
channels: {web: {label: Web}, call: {label: Call}}
moments:
  visit: {stage: look, when: \"event = 'visit'\"}
  order: {stage: deal, when: \"event = 'order'\"}
  note: {when: \"event = 'note'\"}
journeys:
  purchase: {starts: [visit], succeeds: order, abandoned_after: 3d}
outcomes:
  order: {when: moment = 'order', value: properties.total}
  visit: {when: moment = 'visit', value: 2}
segments:
  noted: days_since_last_of.note > 3
  looking: count_of.visit > 0
";

/// Ann: 5 events over 10 days; bob: one visit on day 9; cid: two orders in one second. Until day 10.
const LOG: &str = "\
ann: visit@0{channel=web} visit@1d{channel=web} order@2d{channel=call total=30} note@4d{channel=web} order@10d{total=12.5}
bob: visit@9d{channel=call}
cid: order@1d{total=5} order@1d{}";

fn members_of(told: &Told, condition: &str) -> Vec<i64> {
    let condition = told.charter.customer_condition(condition).unwrap_or_else(|error| panic!("{error:?}"));
    let log = told.log(None, |charter, wanted| Segment::wants(&condition, charter, wanted));
    let member = Member { segment: Segment::new(&condition, &log.setting()), belongs: true };
    let chosen = |member: Member| {
        let selection = Selection { segments: vec![member], ..Selection::default() };
        let (mut runs, mut customers) = (Runs::default(), Vec::new());
        let mut each = |run: &Run<'_>| selection.journeys(run, |journey, _| customers.push(journey.customer));
        runs.feed(&log.columns(), &mut each);
        runs.finish(&mut each);
        customers
    };
    let mut all = chosen(member.clone());
    let members = all.clone();
    all.extend(chosen(Member { belongs: false, ..member }));
    all.sort_unstable();
    assert_eq!(all, [1, 2, 3], "who does not belong to it is among the others");
    members
}

#[test]
fn every_fact_is_what_it_says() {
    let told = told(CHARTER, LOG);
    let (ann, bob, cid) = (1, 2, 3);
    for (condition, expected) in [
        ("events = 5", vec![ann]),
        ("first = '1970-01-01T00:00:00Z'", vec![ann]),
        ("last >= '1970-01-10'", vec![ann, bob]),
        ("days = 10", vec![ann]),
        ("days_since_first = 1", vec![bob]),
        ("days_since_last = 9", vec![cid]),
        ("days_between_median = 1.5", vec![ann]),
        ("days_between_median is null", vec![bob]),
        ("channels = 2", vec![ann]),
        ("channels = 0", vec![cid]),
        ("stage = 'deal'", vec![ann, cid]),
        ("first_moment = 'visit'", vec![ann, bob]),
        ("last_moment = 'order'", vec![ann, cid]),
        ("count_of.order = 2", vec![ann, cid]),
        ("first_of.order = '1970-01-03'", vec![ann]),
        ("last_of.order = '1970-01-02'", vec![cid]),
        ("last_of.note is null", vec![bob, cid]),
        ("days_since_first_of.order = 8", vec![ann]),
        ("days_since_last_of.order < 1", vec![ann]),
        ("share_of_channel.web = 0.6", vec![ann]),
        ("share_of_channel.call = 1", vec![bob]),
        ("journeys_of.purchase = 1", vec![ann, bob]),
        ("succeeded_of.purchase = 1", vec![ann]),
        ("abandoned_of.purchase = 1", vec![]),
        ("outcomes_of.visit = 2", vec![ann]),
        ("value_of.order = 42.5", vec![ann]),
        ("value_of.order = 5", vec![cid]),
        ("value_of.visit = 4", vec![ann]),
        ("events > 100", vec![]),
        ("first_of.order - first_of.visit = '2d'", vec![ann]),
        ("last - first < '1d'", vec![bob, cid]),
        ("(last_of.order - first_of.order) / (count_of.order - 1) between '7d' and '9d'", vec![ann]),
        ("last_of.note + '6d' = last_of.order and last - '2026-03-01' < '0s'", vec![ann]),
        ("first_of.order - first_of.visit is null", vec![bob, cid]),
        ("looking and not noted", vec![bob]),
        ("not noted", vec![bob, cid]),
    ] {
        assert_eq!(members_of(&told, condition), expected, "{condition}");
    }
}

#[test]
fn only_what_is_counted_from_now_changes_by_itself() {
    let told = told(CHARTER, LOG);
    for (condition, changes) in
        [("events > 1 and first < '2026-01-01'", false), ("events > 1 or days_since_last > 3", true)]
    {
        let condition = told.charter.customer_condition(condition).expect("it is right");
        let log = told.log(None, |_, _| {});
        assert_eq!(Segment::new(&condition, &log.setting()).depends_on_now(), changes);
    }
}
