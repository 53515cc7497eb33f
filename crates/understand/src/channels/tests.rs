use std::fmt::Write;

use journey::{Cut, Selection};
use proptest::prelude::*;
use testkit::{answer_split, splits};

use super::*;

const CHARTER: &str = "\
charter: 1
moments:
  ask: {when: \"event = 'ask'\"}
  login: {when: \"event = 'login'\"}
  form: {when: \"event = 'form'\"}
  done: {when: \"event = 'done'\"}
journeys:
  buy: {starts: [ask, login, form], succeeds: done, abandoned_after: 7d}
interactions:
  help: {opens: [ask], resolves: [done], key: properties.id}
";

fn log(text: &str, journey: Option<&str>) -> testkit::Log {
    testkit::told(CHARTER, text).log(journey, |charter, wanted| {
        Options::default().wants(charter, wanted).expect("channels need nothing of a charter");
    })
}

fn selection(log: &testkit::Log) -> Selection {
    let mask = |names: &[&str]| {
        let mut mask = vec![false; 4];
        for name in names {
            mask[log.moments.find(name).expect("a moment").index()] = true;
        }
        mask
    };
    let cut = log.setting.journey.is_some().then(|| Cut {
        starts: mask(&["ask", "login", "form"]),
        succeeds: mask(&["done"]),
        abandoned_after: Some(event::Deadline::Elapsed(7 * 86_400_000_000)),
        until_us: log.setting.until_us,
    });
    Selection { cut, ..Selection::default() }
}

fn ask_with(text: &str, journey: Option<&str>, identifies: &str) -> Answer {
    let log = log(text, journey);
    let mut options = Options::default();
    options.set("identifies", identifies).expect("names");
    testkit::answer(&log, &selection(&log), || options.fold(&log.setting())).expect("known moments")
}

const TEXT: &str = "\
ann: ask@0{channel=web id=1} form@1h form@2h{channel=call id=1} done@3h{channel=call id=1}
bob: ask@0{channel=web} ask@1h{channel=call} ask@3h{channel=web}
cat: ask@20d{channel=web} form@21d{channel=call}
dan: form@0
";

#[test]
fn use_switches_and_losses_by_hand() {
    let whole = ask_with(TEXT, None, "");
    assert_eq!((whole.journeys, whole.customers, whole.events, whole.without_channel), (4, 4, 10, 2));
    let used: Vec<_> = whole.channels.iter().map(|c| (&*c.channel, c.events, c.customers, c.journeys)).collect();
    assert_eq!(used, [("call", 4, 3, 3), ("web", 4, 3, 3)]);
    let pairs = |answer: &Answer| -> Vec<(String, u64, u64, u64, u64)> {
        let pair = |p: &Switch| (format!("{} {}", p.from, p.to), p.count, p.customers, p.lost, p.pending);
        answer.pairs.iter().map(pair).collect()
    };
    // Cat's call and bob's second visit are the last that is known of them.
    assert_eq!(pairs(&whole), [("web call".to_owned(), 3, 3, 1, 0), ("call web".to_owned(), 1, 1, 1, 0)]);
    assert_eq!((whole.pairs[0].median_s, whole.pairs[1].median_s), (7_200.0, 7_200.0));
    assert_eq!((whole.loss, whole.switching_journeys, whole.switches), (Loss::NothingFollowed, 3, 4));
    let spread: Vec<_> = whole.spread.iter().map(|s| (s.channels, s.journeys, s.succeeded)).collect();
    assert_eq!(spread, [(0, 1, None), (2, 3, None)]);

    let cut = ask_with(TEXT, Some("buy"), "");
    assert_eq!(pairs(&cut), [("web call".to_owned(), 3, 3, 0, 1), ("call web".to_owned(), 1, 1, 1, 0)]);
    assert_eq!(cut.pairs[1].lost_share, Some(1.0));
    let spread: Vec<_> = cut.spread.iter().map(|s| (s.channels, s.journeys, s.succeeded, s.succeeded_share)).collect();
    assert_eq!(spread, [(0, 1, Some(0), Some(0.0)), (2, 3, Some(1), Some(0.5))]);
    assert_eq!(cut.loss, Loss::Abandoned);
}

/// One interaction over two channels or more; each letter is a moment, `|` a change of channel.
fn carried(path: &str, identifies: &str) -> (u64, u64) {
    let mut text = "ann:".to_owned();
    let mut channel = 0;
    for (hour, letter) in path.chars().filter(|c| *c != ' ').enumerate() {
        let moment = match letter {
            'a' => "ask",
            'l' => "login",
            'f' => "form",
            'd' => "done",
            _ => {
                channel += 1;
                continue;
            }
        };
        write!(text, " {moment}@{hour}h{{channel=c{channel} id=1}}").expect("text");
    }
    let context = ask_with(&text, None, identifies).context.expect("the charter has interactions");
    (context.switches, context.carried_over)
}

#[test]
fn context_is_carried_over_or_not() {
    assert_eq!(carried("a f | d", ""), (1, 1), "goes on");
    assert_eq!(carried("a f | f d", ""), (1, 1), "goes on with the step where it was left");
    assert_eq!(carried("a f | a f d", ""), (1, 0), "asks again");
    assert_eq!(carried("a | a d", ""), (1, 0), "asks again at once");
    assert_eq!(carried("a l f | l d", ""), (1, 0), "back to an earlier step");
    assert_eq!(carried("a l | l d", ""), (1, 1), "nobody said that this is saying who one is");
    assert_eq!(carried("a l | l d", "login"), (1, 0), "says again who they are");
    assert_eq!(carried("a f | l f l d", ""), (1, 1), "back only behind what is new since");
    assert_eq!(carried("a f | l | f d", ""), (2, 1), "the second change leads back before what was reached");
    assert_eq!(carried("a f d", ""), (0, 0));
}

#[test]
fn one_is_said_as_one_and_shares_come_with_their_intervals() {
    let one = ask_with("ann: ask@0{channel=web id=1} form@1h{channel=call id=1}", None, "");
    let tables = Options::tables(&one);
    assert_eq!(tables[0].notes[1], "1 journey changes the channel, 100.0 % of 1");
    let changes = tables[1].csv();
    assert!(changes.contains(",switches,carried_over_share,carried_over_share_low,carried_over_share_high\r\n"));
    assert!(changes.contains(",3600,1,1,0.20"), "{changes}");
    let said = "switches: inside of interactions; 1 change together, context carried over in 100.0 % (20.7–100.0)";
    assert_eq!(tables[1].notes[1], said);
    let named: Vec<String> =
        answer::shares(&one, &[]).by_name.into_keys().filter(|name| name.ends_with("channels")).collect();
    assert_eq!(named, ["journeys on 2 channels"]);
    let plain = ask_with("ann: ask@0{channel=web}", None, "");
    assert!(answer::shares(&plain, &[]).by_name.contains_key("journeys on 1 channel"));
}

#[test]
fn a_misspelt_moment_is_told() {
    let log = log("ann: ask@0{channel=web}", None);
    let options = Options { identifies: vec!["logn".to_owned()] };
    let error = testkit::answer(&log, &Selection::default(), || options.fold(&log.setting())).expect_err("misspelt");
    assert_eq!(error.to_string(), "`logn` is no moment of these events (did you mean `login`?)");
}

proptest! {
    #[test]
    fn any_split_gives_the_same_answer(
        rows in prop::collection::vec((0usize..5, 0usize..4, 0u64..60, 0u64..3, 0u64..4), 0..50),
        split in splits(),
        cut in any::<bool>(),
    ) {
        let mut text = String::new();
        for (customer, moment, at, id, channel) in &rows {
            let moment = ["ask", "login", "form", "done"][*moment];
            let channel = if *channel == 0 { String::new() } else { format!("channel=c{channel}") };
            writeln!(text, "{customer}: {moment}@{}h{{id=i{id} {channel}}}", at * 12).expect("text");
        }
        let log = log(&text, cut.then_some("buy"));
        let new = || Options::default().fold(&log.setting());
        let whole = testkit::answer(&log, &selection(&log), new).expect("an answer");
        prop_assert_eq!(&answer_split(&log, &selection(&log), &split, new).expect("an answer"), &whole);
        prop_assert_eq!(whole.channels.iter().map(|c| c.events).sum::<u64>() + whole.without_channel, whole.events);
        prop_assert_eq!(whole.spread.iter().map(|s| s.journeys).sum::<u64>(), whole.journeys);
        for pair in &whole.pairs {
            prop_assert!(pair.lost + pair.pending <= pair.count && pair.customers <= pair.count);
        }
    }
}
