use journey::Selection;

use super::*;

const CHARTER: &str = "charter: 1
channels: {web: {}, call: {human: true}}
moments:
  call: {when: \"event = 'call'\"}
  order: {when: \"event = 'order'\"}
  ended: {when: \"event = 'ended'\"}
  ticket: {when: \"event = 'ticket'\"}
  survey: {when: \"event = 'survey'\"}
interactions: {help: {opens: [ticket]}}
outcomes:
  order: {when: moment = 'order', horizon: 30d}
  churn: {when: moment = 'ended', bad: true}
surveys:
  nps: {moment: survey, score: properties.nps, kind: nps, reason: properties.why}
";

fn ask(options: &Options, text: &str) -> Answer {
    let log = testkit::told(CHARTER, text).log(None, |charter, wanted| {
        options.wants(charter, wanted).expect("it has surveys and outcomes");
    });
    testkit::answer(&log, &Selection::default(), || options.fold(&log.setting())).expect("an answer")
}

fn groups(done: &Done) -> Vec<(&str, u64, u64)> {
    done.groups.iter().map(|group| (&*group.said, group.did, group.of)).collect()
}

#[test]
fn deeds_by_hand() {
    // Known to day 100: the answers of day 80 wait for `churn` (90 days) but not for `order` (30 days) of day 0.
    let answer = ask(
        &Options::default(),
        "1: survey@0d{nps=9 why=quick} order@30d ended@90d;
         2: survey@0d{nps=2 why=price} order@31d ticket@40d;
         3: order@0d survey@1d{nps=8} call@2d{channel=call};
         4: survey@80d{nps=10} order@81d;
         5: survey@5d{nps=99} order@6d; 6: order@100d",
    );
    let survey = &answer.surveys[0];
    assert_eq!((survey.answers, survey.deeds.len()), (4, 3));
    let [order, churn, contact] = survey.deeds.as_slice() else { panic!("{survey:?}") };
    // On the last day of the horizon counts, a day later does not; what came before the answer does not.
    assert_eq!(groups(order), [("promoters", 1, 1), ("passives", 0, 1), ("detractors", 0, 1)]);
    assert_eq!((order.pending, order.within_s), (1, 30.0 * 86_400.0));
    assert_eq!((order.as_said, order.agreement), (2, Agreement::Undecided));
    assert_eq!(groups(churn), [("promoters", 1, 1), ("passives", 0, 1), ("detractors", 0, 1)]);
    assert_eq!((churn.as_said, churn.bad, churn.within_s), (0, true, 90.0 * 86_400.0));
    assert_eq!(
        (&*contact.deed, groups(contact)[2], groups(contact)[1]),
        (CONTACT, ("detractors", 1, 1), ("passives", 1, 1))
    );
    let reasons: Vec<_> = survey.reasons.iter().map(|r| (&*r.reason, r.answers, r.deeds[0].did)).collect();
    assert_eq!(reasons, [("(none)", 2, 0), ("price", 1, 0), ("quick", 1, 1)]);
}

#[test]
fn divergence_is_flagged() {
    let story = |promoters: &str, detractors: &str| {
        let one = |c: usize| {
            let (score, then) = if c.is_multiple_of(2) { (10, promoters) } else { (0, detractors) };
            format!("{c}: survey@0d{{nps={score}}} {then}@5d call@200d")
        };
        let answer = ask(&Options::default(), &(0..40).map(one).collect::<Vec<_>>().join(";"));
        answer.surveys[0].deeds.iter().map(|done| done.agreement).collect::<Vec<_>>()
    };
    assert_eq!(story("ended", "order"), [Agreement::Diverges, Agreement::Diverges, Agreement::Undecided]);
    assert_eq!(story("order", "ended"), [Agreement::Agrees, Agreement::Agrees, Agreement::Undecided]);
}

#[test]
fn a_charter_without_outcomes_says_what_to_add() {
    let charter = CHARTER
        .replace("outcomes:\n  order: {when: moment = 'order', horizon: 30d}\n", "")
        .replace("  churn: {when: moment = 'ended', bad: true}\n", "");
    let charter = Charter::parse(&charter).expect("a charter").0;
    let error = Options::default().wants(&charter, &mut Wanted::default()).expect_err("none").to_string();
    assert!(error.contains("the charter's `outcomes:`, of which it has none"), "{error}");
    assert!(Options { within: "soon".to_owned(), ..Options::default() }.check().is_err());
}

proptest::proptest! {
    #[test]
    fn any_split_gives_the_same_answer(split in testkit::splits(), seed in 0u64..50) {
        let text: Vec<String> = (1..8u64)
            .map(|c| format!("{c}: survey{{nps={} why=w{}}} order@{}d ended@{}d", (c + seed) % 12, c % 3, c * 7, c * seed))
            .collect();
        let options = Options::default();
        let log = testkit::told(CHARTER, &text.join(";")).log(None, |charter, wanted| {
            options.wants(charter, wanted).expect("it has surveys and outcomes");
        });
        let new = || options.fold(&log.setting());
        let whole = testkit::answer(&log, &Selection::default(), new);
        proptest::prop_assert_eq!(&testkit::answer_split(&log, &Selection::default(), &split, new), &whole);
    }
}
