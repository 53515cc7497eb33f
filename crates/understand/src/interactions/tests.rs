use std::collections::BTreeMap;
use std::fmt::Write;

use evidence::Doubt;
use journey::Selection;
use proptest::prelude::*;
use testkit::{answer_split, splits};

use super::*;

const MOMENTS: &str = "charter: 1\nmoments:\n  ticket: {when: \"event = 'ticket'\"}\n  work: {when: \"event = 'work'\"}\n  \
                       done: {when: \"event = 'done'\"}\n";

fn charter(interaction: &str) -> String {
    format!("{MOMENTS}interactions:\n  help: {{opens: [ticket], resolves: [done], {interaction}}}\n")
}

const KEYED: &str = "request: properties.topic, key: properties.id, window: 7d";

fn log(charter: &str, text: &str) -> testkit::Log {
    testkit::told(charter, text).log(None, |charter, wanted| {
        Options::default().wants(charter, wanted).expect("the charter has interactions");
    })
}

fn ask(charter: &str, text: &str) -> Kind {
    let log = log(charter, text);
    let options = Options { limit: 0 };
    let answer = testkit::answer(&log, &Selection::default(), || options.fold(&log.setting())).expect("an answer");
    answer.interactions[0].clone()
}

const TICKETS: &str = "\
ann: ticket@0{channel=web topic=bill id=1} work@1h{id=1 department=billing resource=b1} done@2h{id=1}
ann: ticket@3d{channel=call topic=bill id=2} done@4d{id=2 resource=b2}
bob: ticket@0{channel=web topic=net id=3} ticket@10m{channel=web topic=net id=3} ticket@2h{channel=call topic=net id=3}
bob: work@3h{id=3} done@4h{id=3 resource=n1}
cat: ticket@1d{channel=app topic=bill id=4}
dan: done@1d{id=9 topic=bill} ticket@29d{channel=web topic=bill id=5}
eve: ticket@1d{channel=web topic=bill id=6} done@2d{id=6} done@3d{id=6} other@30d
";

#[test]
fn figures_by_hand() {
    let kind = ask(&charter(KEYED), TICKETS);
    let all = &kind.figures;
    assert_eq!((all.opened, all.resolved, all.open, all.abandoned), (6, 4, 1, 1));
    assert_eq!((all.judged, all.accurate, all.first_contact), (4, 3, 2), "ann came back, bob took two contacts");
    assert_eq!((kind.unopened, kind.resolved_again, kind.without_key, kind.without_request), (1, 1, 0, 0));
    assert_eq!(all.resolved_share, Some(0.8));
    let some = |numbers: [f64; 2]| numbers.map(Some);
    assert_eq!([all.contacts_mean, all.contacts_median], some([1.25, 1.0]));
    assert_eq!([all.switches_mean, all.switches_median], some([0.25, 0.0]));
    assert_eq!([all.repeats_mean, all.repeats_median], some([0.5, 0.0]));
    assert_eq!([all.elapsed_mean_s, all.elapsed_median_s], some([13.5 * 3600.0, 14.0 * 3600.0]));
}

/// The same log, of whose texts only so many are told apart.
fn bounded(mut log: testkit::Log, most: usize) -> testkit::Log {
    let (names, words) = (log.setting.words.names(), Words::up_to(most));
    for word in log.details.words.iter_mut().flatten().filter(|word| **word != Word::NONE) {
        *word = words.word(&names[word.index()]);
    }
    log.setting.words = words;
    log
}

#[test]
fn requests_beyond_the_bound_of_texts_are_still_told_apart() {
    let text = "\
ann: ticket@0h{topic=a id=1} ticket@1h{topic=b id=2} ticket@2h{topic=c id=3} done@3h{topic=b id=2} done@4h{topic=c id=3}
ann: ticket@5h{topic=b id=4}
bob: ticket@0h{topic=c id=5} done@1h{topic=d id=6} done@2h{topic=c id=5}
cat: other@30d";
    for interaction in [KEYED, "request: properties.topic, window: 7d"] {
        let told = |log: testkit::Log| {
            let options = Options { limit: 0 };
            testkit::answer(&log, &Selection::default(), || options.fold(&log.setting())).expect("an answer")
        };
        let all = told(log(&charter(interaction), text));
        let few = told(bounded(log(&charter(interaction), text), 1));
        let (all_of, few_of) = (&all.interactions[0], &few.interactions[0]);
        assert_eq!(all_of.figures, few_of.figures, "{interaction}");
        assert_eq!((few_of.figures.opened, few_of.figures.accurate, few_of.unopened), (5, 2, 1), "{interaction}");
        let requests: Vec<_> = few_of.requests.iter().map(|one| (one.request.as_deref(), one.figures.opened)).collect();
        assert_eq!(requests, [(Some("(other)"), 4), (Some("a"), 1)], "{interaction}");
        let crowded = |answer: &Answer| answer.doubts.iter().any(|doubt| doubt.to_string().contains("distinct ones"));
        assert_eq!((crowded(&all), crowded(&few)), (false, true), "{interaction}");
    }
}

#[test]
fn groups_and_usual_paths_by_hand() {
    let kind = ask(&charter(KEYED), TICKETS);
    let groups = |list: &[Group]| -> Vec<(String, u64)> {
        list.iter().map(|g| (g.name.as_deref().unwrap_or("-").to_owned(), g.figures.opened)).collect()
    };
    let wanted = |list: &[(&str, u64)]| -> Vec<(String, u64)> {
        list.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect()
    };
    assert_eq!(groups(&kind.channels), wanted(&[("web", 4), ("app", 1), ("call", 1)]));
    assert_eq!(groups(&kind.departments), wanted(&[("-", 5), ("billing", 1)]));
    assert_eq!(groups(&kind.resources), wanted(&[("-", 3), ("b1", 1), ("b2", 1), ("n1", 1)]));
    let [bill, net] = kind.requests.as_slice() else { panic!("{:?}", kind.requests) };
    assert_eq!((bill.request.as_deref(), bill.figures.opened, bill.ways), (Some("bill"), 5, 3));
    let usual = bill.usual.as_ref().expect("some are over");
    assert_eq!((usual.path.join(" "), usual.result, usual.count), ("ticket done".to_owned(), Ended::Resolved, 2));
    assert_eq!(usual.share, Some(0.5));
    let quarter: f64 = 0.25;
    let entropy = -2.0 * quarter * quarter.ln() - 0.5 * 0.5_f64.ln();
    let repeatable = 1.0 - entropy / 3.0_f64.ln();
    assert!((bill.repeatable.expect("some are over") - repeatable).abs() < 1e-12);
    assert_eq!((net.repeatable, net.ways), (Some(1.0), 1));
    assert!((kind.repeatable.expect("some are over") - (4.0 * repeatable + 1.0) / 5.0).abs() < 1e-12);
    let back = &kind.recontacts[0];
    assert_eq!((back.from.as_deref(), back.to.as_deref(), back.count), (Some("web"), Some("call"), 1));
    assert_eq!(kind.recontacts.len(), 1);
}

#[test]
fn without_a_key_the_topic_ties_events_together_for_the_window() {
    let text = "ann: ticket@0{topic=a} work@1h{topic=a} done@2h{topic=a} ticket@5h{topic=b} ticket@3d{topic=b}\n\
                bob: ticket@0{topic=a} done@25h{topic=a}";
    let kind = ask(&charter("request: properties.topic, window: 1d"), text);
    let all = &kind.figures;
    assert_eq!((all.opened, all.resolved, all.open, all.abandoned), (4, 1, 1, 2));
    assert_eq!(kind.unopened, 1, "the day was over when bob's was resolved");
    let a = &kind.requests[0];
    assert_eq!((a.request.as_deref(), a.ways), (Some("a"), 2));
}

#[test]
fn with_neither_key_nor_request_all_of_a_customer_is_one_request() {
    let kind = ask(&charter("window: 1d"), "ann: ticket@0 work@1h done@2h ticket@3h done@4h other@9d; bob: done@1h");
    let all = &kind.figures;
    assert_eq!((all.opened, all.resolved, all.judged, all.accurate, all.first_contact), (2, 2, 2, 1, 1));
    assert_eq!((kind.unopened, kind.requests.len()), (1, 1));
    let usual = kind.requests[0].usual.as_ref().expect("some are over");
    assert_eq!(usual.path.join(" "), "ticket done", "nothing says that the work was on it");
}

#[test]
fn what_names_no_key_or_no_request_is_counted() {
    let text = "ann: ticket@0{topic=a} done@1h{topic=a} ticket@2h{id=1} done@3h{id=1} ticket@4h done@5h other@30d";
    let kind = ask(&charter(KEYED), text);
    let all = &kind.figures;
    assert_eq!((all.opened, all.resolved, kind.without_key, kind.without_request), (3, 3, 2, 2));
    assert_eq!((all.accurate, all.first_contact), (3, 3), "unknown requests are not the same request");
}

#[test]
fn what_is_not_over_yet_is_not_judged() {
    let text = "ann: ticket@0{topic=a id=1} done@1d{id=1} ticket@2d{topic=a id=2} done@3d{id=2} other@8d";
    let kind = ask(&charter(KEYED), text);
    assert_eq!((kind.figures.resolved, kind.figures.judged, kind.recontacts.len()), (2, 0, 1));
    let kind = ask(&charter("key: properties.id"), text);
    assert_eq!(
        (kind.figures.resolved, kind.figures.judged, kind.recontacts.len()),
        (2, 0, 0),
        "no window, no judgement"
    );
}

#[test]
fn a_second_ticket_while_the_first_is_open_is_a_second_contact() {
    let text = "ann: ticket@0{topic=a id=1} ticket@1h{topic=a id=2} done@2h{id=1} done@3h{id=2} other@30d";
    let all = ask(&charter(KEYED), text).figures;
    assert_eq!((all.judged, all.accurate, all.first_contact), (2, 2, 1));
}

#[test]
fn repeatable_is_one_for_one_way_and_zero_for_equal_ways() {
    assert!((answer::repeatable(vec![9]) - 1.0).abs() < 1e-12);
    assert!(answer::repeatable(vec![3, 3, 3]).abs() < 1e-12);
}

#[test]
fn a_charter_without_interactions_is_told_what_to_add() {
    let charter = Charter::without_file();
    let error = Options::default().wants(&charter, &mut Wanted::default()).expect_err("there are none");
    assert!(error.to_string().contains("interactions:\n  ticket: {request: properties.topic"), "{error}");
}

#[test]
fn a_list_that_is_cut_off_says_so() {
    let log = log(&charter(KEYED), TICKETS);
    let answer = testkit::answer(&log, &Selection::default(), || Options { limit: 1 }.fold(&log.setting()));
    let answer = answer.expect("an answer");
    assert_eq!(answer.interactions[0].channels.len(), 1);
    assert!(answer.doubts.contains(&Doubt::Truncated { what: "channels".to_owned(), shown: 1, of: 3 }));
    let tables = Options::tables(&answer);
    assert_eq!(tables[0].rows.len(), 2);
    assert!(tables.iter().all(|table| table.rows.iter().all(|row| row.len() == table.headers.len())));
}

/// Customer, moment, half days, key, topic, channel; 0 for none.
type Row = (usize, usize, u64, u64, u64, u64);

fn told(rows: &[Row]) -> String {
    let mut text = String::new();
    for (customer, moment, at, key, topic, channel) in rows {
        let carried = [("id", key), ("topic", topic), ("channel", channel)].map(|(name, value)| match value {
            0 => String::new(),
            value => format!("{name}={name}-{value}"),
        });
        let moment = ["ticket", "work", "done"][*moment];
        writeln!(text, "{customer}: {moment}@{}h{{{}}}", at * 12, carried.join(" ")).expect("text");
    }
    text
}

fn rows() -> impl Strategy<Value = Vec<Row>> {
    prop::collection::vec((0usize..4, 0usize..3, 0u64..60, 0u64..4, 0u64..3, 0u64..3), 0..40)
}

/// Opened, resolved, abandoned, judged, accurate, at first contact, in the plainest way: identity by identity, then every
/// pair of an interaction and a contact.
fn plainly(rows: &[Row], keyed: bool) -> [u64; 6] {
    const WINDOW: u64 = 14;
    let until = rows.iter().map(|row| row.2).max().unwrap_or(0);
    let mut figures = [0; 6];
    for customer in 0..4 {
        let mut events: Vec<Row> = rows.iter().copied().filter(|row| row.0 == customer).collect();
        events.sort_by_key(|row| row.2);
        let key = |row: &Row| if keyed { row.3 } else { 0 };
        // Of other moments, a keyed interaction's request is not asked.
        let topic = |row: &Row| if keyed && row.1 == 1 { 0 } else { row.4 };
        let mut identities: BTreeMap<(u64, u64), Vec<usize>> = BTreeMap::new();
        for (i, row) in events.iter().enumerate() {
            match (key(row), topic(row)) {
                (0, 0) if row.1 == 1 => {}
                (0, topic) => identities.entry((0, topic)).or_default().push(i),
                (key, _) => identities.entry((key, 0)).or_default().push(i),
            }
        }
        let mut found: Vec<Vec<usize>> = Vec::new();
        for ((key, _), members) in identities {
            let mut present: Option<Vec<usize>> = None;
            for i in members {
                if let Some(open) = &present {
                    let lapsed = key == 0 && events[i].2 - events[open[open.len() - 1]].2 > WINDOW;
                    found.extend(if lapsed { present.take() } else { None });
                }
                match &mut present {
                    None if events[i].1 == 0 => present = Some(vec![i]),
                    None => {}
                    Some(open) => open.push(i),
                }
                found.extend(if events[i].1 == 2 { present.take() } else { None });
            }
            found.extend(present);
        }
        for interaction in &found {
            let (first, last) = (interaction[0], interaction[interaction.len() - 1]);
            let (resolved, over) = (events[last].1 == 2, until - events[last].2 > WINDOW);
            let judged = resolved && over;
            let own = &events[first];
            let others: Vec<usize> = (first + 1..events.len())
                .filter(|i| events[*i].1 == 0 && !interaction.contains(i))
                .filter(|i| {
                    let same = |a: u64, b: u64| a != 0 && a == b;
                    same(key(&events[*i]), key(own)) || same(topic(&events[*i]), topic(own))
                })
                .collect();
            let again = others.iter().any(|i| *i > last && events[*i].2 - events[last].2 <= WINDOW);
            let joined = others.iter().any(|i| *i < last);
            let contacts: Vec<&Row> = interaction.iter().map(|i| &events[*i]).filter(|row| row.1 == 0).collect();
            let changes = contacts.windows(2).filter(|two| two[0].2 != two[1].2 || two[0].5 != two[1].5).count();
            let abandoned = !resolved && over;
            let all =
                [true, resolved, abandoned, judged, judged && !again, judged && !again && !joined && changes == 0];
            for (figure, holds) in figures.iter_mut().zip(all) {
                *figure += u64::from(holds);
            }
        }
    }
    figures
}

proptest! {
    #[test]
    fn interactions_are_those_of_the_plainest_way(rows in rows(), keyed in any::<bool>()) {
        let interaction = if keyed { KEYED } else { "request: properties.topic, window: 7d" };
        let figures = ask(&charter(interaction), &told(&rows)).figures;
        let Figures { opened, resolved, abandoned, judged, accurate, first_contact, .. } = figures;
        prop_assert_eq!([opened, resolved, abandoned, judged, accurate, first_contact], plainly(&rows, keyed));
        prop_assert_eq!(opened, resolved + abandoned + figures.open);
    }

    #[test]
    fn any_split_gives_the_same_answer(rows in rows(), split in splits(), limit in 0usize..3) {
        let log = log(&charter(KEYED), &told(&rows));
        let new = || Options { limit }.fold(&log.setting());
        let found = answer_split(&log, &Selection::default(), &split, new).expect("an answer");
        prop_assert_eq!(found, testkit::answer(&log, &Selection::default(), new).expect("an answer"));
    }
}
