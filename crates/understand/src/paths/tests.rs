use journey::Selection;
use proptest::prelude::*;
use testkit::{answer, answer_split, splits, told};

use super::*;

const CHARTER: &str = "\
charter: 1
channels: {web: {}, shop: {}}
moments:
  visit: {when: event = 'visit'}
  search: {when: event = 'search'}
  cart: {when: event = 'cart'}
  order: {when: event = 'order'}
  renewed: {when: event = 'renewed'}
outcomes:
  renewal: {when: moment = 'renewed', horizon: 10d}
";

fn options(pattern: &str) -> Options {
    let mut options = Options::default();
    options.set("pattern", pattern).expect("an option");
    options.check().expect(pattern);
    options
}

fn log_of(text: &str, pattern: &str) -> testkit::Log {
    told(CHARTER, text).log(None, |charter, wanted| options(pattern).wants(charter, wanted).expect("it can be asked"))
}

fn ask(text: &str, pattern: &str) -> Result<Answer, Error> {
    let log = log_of(text, pattern);
    answer(&log, &Selection::default(), || options(pattern).fold(&log.setting()))
}

const LOG: &str = "\
a: visit@0m search@1m cart@2m visit@3m order@10m order@20m renewed@1d
b: visit@0m cart@4m order@6m
c: search@0m visit@0m renewed@2d
d: cart@0m order@1m
z: visit@30d";

#[test]
fn journeys_that_match_their_times_and_what_became_of_them() {
    let answer = ask(LOG, "visit .. (cart | search)+ .. order").expect("an answer");
    assert_eq!((answer.matching, answer.journeys, answer.matching_customers, answer.customers), (2, 5, 2, 5));
    let share = Share::new(2, 5);
    assert_eq!((answer.matching_share_low, answer.matching_share_high), (share.low, share.high));
    assert_eq!((answer.examples.as_slice(), answer.extent), ([1, 2].as_slice(), Extent::Some));
    // a: visit, search after one minute, order nine minutes later; b: visit, cart after four, order two later.
    let parts: Vec<_> = answer
        .parts
        .iter()
        .map(|p| (&*p.from, p.from_step, &*p.to, p.to_step, p.took.count, p.took.median_s))
        .collect();
    let expected = [
        ("visit", 1, "cart", 3, 1, 240.0),
        ("visit", 1, "search", 4, 1, 60.0),
        ("cart", 3, "order", 6, 1, 120.0),
        ("search", 4, "order", 6, 1, 540.0),
    ];
    assert_eq!(parts, expected);
    assert_eq!(answer.whole, Some(Took { count: 2, median_s: 480.0, p90_s: 576.0 }));
    let groups: Vec<_> = answer.outcomes[0].groups.iter().map(|g| (&*g.group, g.count, g.of)).collect();
    assert_eq!(groups, [("matching", 1, 2), ("others", 1, 2)], "the horizon of the last journey is not over");
}

#[test]
fn channels_times_and_ends() {
    let log = "a: visit@0h order@1h{channel=web}; b: visit@0h order@1h{channel=shop}; c: visit@0h order@3h{channel=web} visit@4h";
    let matching = |pattern: &str| ask(log, pattern).expect("an answer").examples;
    assert_eq!(matching("order@web"), [1, 3]);
    assert_eq!(matching("order{<2h}"), [1, 2]);
    assert_eq!(matching("order@web{<2h}"), [1]);
    assert_eq!(matching("order $"), [1, 2]);
    assert_eq!(matching("^ order"), [] as [i64; 0]);
    assert_eq!(matching(".@shop"), [2]);
}

#[test]
fn patterns_that_match_nothing_or_everything_say_so() {
    let extent = |pattern: &str| {
        let answer = ask(LOG, pattern).expect("an answer");
        (answer.extent, table::tables(&answer)[0].notes.join("; "))
    };
    for (pattern, expected, note) in [
        ("renewed visit", Extent::None, "no journey matches"),
        ("visit | cart", Extent::All, "every journey matches, so the pattern tells none from another"),
        ("order{<0s}", Extent::Impossible, "no journey can ever match: the pattern asks for what cannot be"),
        ("^ visit{>1d}", Extent::Impossible, "no journey can ever match"),
        ("visit*", Extent::Always, "every journey matches, whatever it holds"),
        ("..", Extent::Always, "the pattern asks for nothing"),
    ] {
        let (found, notes) = extent(pattern);
        assert_eq!(found, expected, "{pattern}");
        assert!(notes.contains(note), "{pattern}: {notes}");
    }
    let nothing_before = ask(LOG, "visit*").expect("an answer");
    assert_eq!((nothing_before.matching, nothing_before.whole), (5, None), "an empty occurrence takes no time");
}

#[test]
fn what_is_misspelt_is_told() {
    let wrong = ask(LOG, "visit .. oder").expect_err("no such moment");
    assert_eq!(wrong.to_string(), "`oder` is no moment of these events (did you mean `order`?)");
    let wants = |pattern| options(pattern).wants(&told(CHARTER, "").charter, &mut Wanted::default());
    let wrong = wants("order@wbe").expect_err("no such channel");
    assert_eq!(wrong.to_string(), "the charter has no channel `wbe` (did you mean `web`?)");
    let mut broken = Options::default();
    assert!(broken.check().expect_err("nothing").to_string().contains("write a pattern, as in"));
    broken.pattern = "visit .. (order".to_owned();
    let wrong = broken.check().expect_err("an open bracket").to_string();
    assert_eq!(wrong, "`pattern` of `paths` is no pattern: this bracket is never closed, at `(` in `visit .. (order`");
}

proptest! {
    #[test]
    fn any_split_gives_the_same_answer_and_a_pattern_and_its_absence_are_all(
        events in prop::collection::vec((0..6u8, 0..5usize, 0..400u16, any::<bool>()), 0..70),
        pattern in prop::sample::select(vec!["visit .. order", "(cart | search)+ order@web", "visit{<1d} !order", "^ visit .. order $"]),
        split in splits(),
    ) {
        let names = ["visit", "search", "cart", "order", "renewed"];
        let channel = |web: bool| if web { "web" } else { "shop" };
        let text = events.iter().map(|(who, what, hour, web)| format!("u{who}: {}@{hour}h{{channel={}}}", names[*what], channel(*web)));
        let log = log_of(&text.collect::<Vec<_>>().join("\n"), pattern);
        let whole = answer(&log, &Selection::default(), || options(pattern).fold(&log.setting())).expect("an answer");
        let parts = answer_split(&log, &Selection::default(), &split, || options(pattern).fold(&log.setting()));
        prop_assert_eq!(&parts.expect("an answer"), &whole);
        prop_assert_eq!(whole.matching, whole.matching_customers, "each customer has one journey");
        prop_assert!(whole.matching == 0 || !whole.examples.is_empty());
        prop_assert!(whole.parts.iter().all(|part| part.took.median_s <= part.took.p90_s));
        prop_assert!(whole.whole.is_none_or(|took| took.count <= whole.matching));
    }
}
