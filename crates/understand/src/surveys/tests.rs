use journey::Selection;

use super::*;

const CHARTER: &str = "charter: 1
channels: {web: {}, call: {human: true}}
moments:
  call: {when: \"event = 'call'\"}
  order: {when: \"event = 'order'\"}
  invited: {when: \"event = 'invited'\"}
  survey: {when: \"event = 'survey'\"}
segments:
  callers: count_of.call >= 1
  nobody: count_of.order >= 9
surveys:
  nps: {moment: survey, score: properties.nps, kind: nps, reason: properties.why}
  csat: {moment: survey, score: properties.csat, kind: csat}
";

const LOG: &str = "1: call{channel=call} invited survey{nps=9 csat=5 why=quick} survey{nps=3 why=price};
    2: order{channel=web} invited invited survey{nps=10 csat=2 why=quick};
    3: survey{nps=11} survey{csat=4.5} survey{nps=7 csat=0}";

fn ask(options: &Options, text: &str) -> Answer {
    let log = testkit::told(CHARTER, text).log(None, |charter, wanted| {
        options.wants(charter, wanted).expect("it has surveys");
    });
    testkit::answer(&log, &Selection::default(), || options.fold(&log.setting())).expect("an answer")
}

fn counts(all: &[By]) -> Vec<(&str, u64, Option<f64>)> {
    all.iter().map(|by| (&*by.name, by.score.n, by.score.mean)).collect()
}

#[test]
fn answers_by_hand() {
    let answer = ask(&Options::default(), LOG);
    let [nps, csat] = answer.surveys.as_slice() else { panic!("{answer:?}") };
    // 9, 3, 10 and 7 count; 11 does not, and two events carry no score of this survey.
    assert_eq!((nps.score.n, nps.customers, nps.score.mean), (4, 3, Some(7.25)));
    assert_eq!((nps.score.nps, nps.out_of_range, nps.not_whole, nps.without_score), (Some(25.0), 1, 0, 1));
    let distribution: Vec<_> = nps.distribution.iter().map(|given| (given.score, given.count)).collect();
    assert_eq!(distribution, [(3, 1), (7, 1), (9, 1), (10, 1)]);
    // The moment before is no answer itself.
    assert_eq!(counts(&nps.by_moment), [("invited", 3, Some(22.0 / 3.0)), ("(none)", 1, Some(7.0))]);
    assert_eq!(counts(&nps.reasons), [("quick", 2, Some(9.5)), ("(none)", 1, Some(7.0)), ("price", 1, Some(3.0))]);
    assert_eq!((csat.score.n, csat.out_of_range, csat.not_whole, csat.without_score), (2, 1, 1, 2));
    assert_eq!((csat.score.top_share, csat.score.nps), (Some(0.5), None));
    assert!(answer.doubts.iter().any(|doubt| doubt.to_string().contains("outside of the scale")));
    assert_eq!((nps.asked, nps.response_share), (None, None), "nothing tells who was asked");
    let table = Options::tables(&answer);
    let with_nps = |title: &str| {
        let found = table.iter().find(|table| table.title.starts_with(title)).expect(title);
        found.headers.iter().any(|header| header == "nps")
    };
    assert!(with_nps("What customers") && with_nps("nps: by the moment") && !with_nps("csat: by the moment"));
    assert_eq!(table[0].for_people().rows[0].last(), Some(&crate::Cell::Text("not known".into())));
}

#[test]
fn a_text_that_is_no_score_is_told_with_an_example_and_is_an_answer_all_the_same() {
    let log = "1: invited survey{nps=9,0}; 2: invited survey{nps=n/a}; 3: invited survey{nps=9,0} survey{nps=};
        4: invited survey{}";
    let answer = ask(&Options { asked: Some("invited".to_owned()), ..Options::default() }, log);
    let nps = &answer.surveys[0];
    assert_eq!((nps.score.n, nps.unreadable, nps.without_score), (0, 3, 2));
    assert_eq!((nps.asked, nps.response_share), (Some(4), Some(0.75)));
    let doubts: Vec<String> = answer.doubts.iter().map(ToString::to_string).collect();
    let told = "3 scores of nps are left out: no number, such as `9,0`: a decimal comma is not read";
    assert!(doubts.iter().any(|doubt| doubt == told), "{doubts:?}");
    let words = ask(&Options::default(), "1: survey{nps=ten}");
    assert!(words.doubts.iter().any(|doubt| doubt.to_string().ends_with("such as `ten`")), "{:?}", words.doubts);
}

#[test]
fn the_channel_is_that_of_the_moment_before() {
    let answer = ask(&Options::default(), "1: call{channel=call} survey{nps=9 channel=web}; 2: survey{nps=1}");
    assert_eq!(counts(&answer.surveys[0].by_channel), [("(none)", 1, Some(1.0)), ("call", 1, Some(9.0))]);
}

#[test]
fn who_was_asked_is_known_where_a_moment_says_so() {
    let answer = ask(&Options { asked: Some("invited".to_owned()), ..Options::default() }, LOG);
    let nps = &answer.surveys[0];
    assert_eq!((nps.asked, nps.response_share), (Some(3), Some(2.0 / 3.0)));
    let unknown = Options { asked: Some("invitd".to_owned()), ..Options::default() };
    let log = testkit::told(CHARTER, LOG).log(None, |charter, wanted| unknown.wants(charter, wanted).expect("surveys"));
    let error = testkit::answer(&log, &Selection::default(), || unknown.fold(&log.setting())).expect_err("unknown");
    assert!(error.to_string().contains("did you mean `invited`"), "{error}");
}

#[test]
fn the_charter_says_with_which_moment_each_survey_asks() {
    let asks = CHARTER.replace("kind: csat}", "kind: csat, asked: invited}");
    let ask = |options: &Options| {
        let log =
            testkit::told(&asks, LOG).log(None, |charter, wanted| options.wants(charter, wanted).expect("surveys"));
        let answer = testkit::answer(&log, &Selection::default(), || options.fold(&log.setting())).expect("an answer");
        answer.surveys.iter().map(|survey| (survey.asked, survey.response_share)).collect::<Vec<_>>()
    };
    assert_eq!(ask(&Options::default()), [(None, None), (Some(3), Some(2.0 / 3.0))]);
    let own = Options { asked: Some("call".to_owned()), ..Options::default() };
    assert_eq!(ask(&own), [(Some(1), Some(1.0)); 2], "the option is said in place of the charter");
}

#[test]
fn segments_answer_for_themselves() {
    let answer = ask(&Options { asked: Some("invited".to_owned()), ..Options::default() }, LOG);
    let [callers, nobody] = answer.surveys[0].by_segment.as_slice() else { panic!("{answer:?}") };
    // Of 9, 3, 10 and 7 the caller gave 9 and 3, and was asked once of three times.
    assert_eq!(
        (&*callers.segment, callers.customers, callers.score.n, callers.score.nps),
        ("callers", 1, 2, Some(0.0))
    );
    assert_eq!((callers.asked, callers.response_share), (Some(1), Some(1.0)));
    assert_eq!((&*nobody.segment, nobody.customers, nobody.score.n, nobody.score.top_share), ("nobody", 0, 0, None));
    assert_eq!((nobody.asked, nobody.response_share), (Some(0), None), "a share of nothing is nothing");
    let table = Options::tables(&answer).into_iter().find(|table| table.title == "nps: by segment").expect("a table");
    assert_eq!((table.rows.len(), table.rows[1].last()), (2, Some(&crate::Cell::Empty)));
}

#[test]
fn a_charter_without_surveys_says_what_to_add() {
    let error = Options::default().wants(&Charter::without_file(), &mut Wanted::default()).expect_err("none");
    let text = error.to_string();
    assert!(
        text.contains("the charter's `surveys:`, of which it has none") && text.contains("surveys: {nps:"),
        "{text}"
    );
}

proptest::proptest! {
    #[test]
    fn any_split_gives_the_same_answer_and_what_was_kept_can_be_taken_out(split in testkit::splits(), seed in 0u64..50) {
        let text: Vec<String> = (1..8u64)
            .map(|c| format!("{c}: call invited survey{{nps={} csat={}}} order survey{{nps=x{}}}", (c + seed) % 12, (c * seed) % 7, c % 3))
            .collect();
        let options = Options { asked: Some("invited".to_owned()), limit: 2 };
        let log = testkit::told(CHARTER, &text.join(";")).log(None, |charter, wanted| {
            options.wants(charter, wanted).expect("it has surveys");
        });
        let new = || options.fold(&log.setting());
        let whole = testkit::answer(&log, &Selection::default(), new);
        proptest::prop_assert_eq!(&testkit::answer_split(&log, &Selection::default(), &split, new), &whole);

        let mut folds = [new(), new()];
        let mut runs = journey::Runs::default();
        let mut each = |run: &journey::Run<'_>| {
            let fold = &mut folds[usize::try_from(run.customer % 2).expect("0 or 1")];
            Selection::default().journeys(run, |journey, _| fold.journey(journey));
        };
        runs.feed(&log.columns(), &mut each);
        runs.finish(&mut each);
        let [mut even, mut odd] = folds;
        let mut resumed = new();
        proptest::prop_assert!(resumed.resume(&even.keep().expect("it keeps")));
        let mut out = new();
        proptest::prop_assert!(out.resume(&odd.keep().expect("it keeps")));
        resumed.merge(odd);
        resumed.subtract(out);
        proptest::prop_assert_eq!(&resumed.tallies, &even.tallies);
    }
}
