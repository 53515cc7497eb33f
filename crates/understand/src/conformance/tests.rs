use charter::Step;
use charter::pattern::Aligner;
use evidence::{Doubt, Share};
use journey::{Cut, Selection};
use proptest::prelude::*;
use serde_json::Value;
use testkit::{answer, answer_split, splits, told};

use super::*;
use crate::{Balance, OutcomeBetween};

const CHARTER: &str = "\
charter: 1
calendar: {days: mon-fri}
departments: {web: {}, service: {}}
moments:
  visit: {owner: web, when: event = 'visit'}
  search: {owner: web, when: event = 'search'}
  cart: {when: event = 'cart'}
  order: {owner: web, when: event = 'order'}
  help: {owner: service, when: event = 'help'}
  churn: {when: event = 'churn'}
journeys:
  purchase:
    starts: [visit]
    succeeds: order
    abandoned_after: 5d
    designed: visit search* cart order
    promised: {cart..order: 1h}
outcomes:
  churn: {when: moment = 'churn', horizon: 10d, bad: true}
";

fn log_of(charter: &str, text: &str) -> testkit::Log {
    let options = Options::default();
    told(charter, text).log(Some("purchase"), |charter, wanted| options.wants(charter, wanted).expect("it is drawn"))
}

/// The charter's journey, as the program cuts it.
fn selection(log: &testkit::Log) -> Selection {
    let mask = |name: &str| {
        let moment = log.moments.find(name).expect("a moment of the charter").index();
        (0..log.moments.len()).map(|i| i == moment).collect()
    };
    let cut = Cut {
        starts: mask("visit"),
        succeeds: mask("order"),
        abandoned_after: Some(event::Deadline::Elapsed(5 * 86_400_000_000)),
        until_us: log.setting.until_us,
    };
    Selection { cut: Some(cut), ..Selection::default() }
}

fn ask_by(charter: &str, text: &str) -> Answer {
    let log = log_of(charter, text);
    answer(&log, &selection(&log), || Options::default().fold(&log.setting())).expect("an answer")
}

const LOG: &str = "\
a: visit@0h search@1h cart@2h order@150m
b: visit@0h cart@2h help@3h order@4h
c: visit@0h search@1h help@2h help@3h churn@9d
d: visit@0h
e: visit@0h order@1h churn@99d
f: visit@100d search@2401h";

fn moves(moved: &[Moved]) -> Vec<(&str, u64, u64, Option<&str>)> {
    moved.iter().map(|m| (&*m.moment, m.count, m.journeys, m.owner.as_deref())).collect()
}

#[test]
fn what_is_skipped_and_added_and_whose_it_is() {
    let answer = ask_by(CHARTER, LOG);
    assert_eq!((answer.journeys, answer.customers, answer.variants), (6, 6, Some(6)));
    // c, d and f lack cart and order, e lacks the cart.
    assert_eq!(moves(&answer.skipped), [("cart", 4, 4, None), ("order", 3, 3, Some("web"))]);
    assert_eq!(moves(&answer.added), [("help", 3, 2, Some("service"))]);
    // Worst is the length and the three steps of the shortest drawn journey.
    let fitness = [1.0, 1.0 - 1.0 / 7.0, 1.0 - 4.0 / 7.0, 1.0 - 2.0 / 4.0, 1.0 - 1.0 / 5.0, 1.0 - 2.0 / 5.0];
    assert!((answer.fitness.expect("there are journeys") - fitness.iter().sum::<f64>() / 6.0).abs() < 1e-12);
    let share = Share::new(1, 6);
    assert_eq!((answer.fitting, answer.fitting_share_low, answer.fitting_share_high), (1, share.low, share.high));
    let endings: Vec<_> = answer.endings.iter().map(|e| (&*e.ending, e.journeys, e.fitting)).collect();
    assert_eq!(endings, [("succeeded", 3, 1), ("abandoned", 2, 0), ("open", 1, 0)]);
    let departments: Vec<_> = answer.departments.iter().map(|d| (d.owner.as_deref(), d.skipped, d.added)).collect();
    assert_eq!(departments, [(Some("web"), 3, 0), (Some("service"), 0, 3), (None, 4, 0)]);
}

#[test]
fn moves_are_those_of_their_owners_whether_the_charter_lists_departments_or_not() {
    let unlisted = ask_by(&CHARTER.replace("departments: {web: {}, service: {}}\n", ""), LOG);
    assert_eq!(unlisted.departments, ask_by(CHARTER, LOG).departments);
}

#[test]
fn a_drawing_whose_first_moment_waits_for_one_before_it_is_doubted() {
    let doubted = |drawn: &str| {
        let answer = ask_by(&CHARTER.replace("visit search* cart order", drawn), LOG);
        assert_eq!(answer.fitting, 0, "{drawn}");
        answer.doubts.iter().any(|doubt| doubt.to_string().contains("journey can be like the drawing"))
    };
    assert!(doubted("\"visit{<2d} search* cart order\"") && doubted("\"^ visit{<2d} search* cart order\""));
    assert!(!doubted("\"visit cart cart order\""));
}

#[test]
fn where_journeys_part_and_what_becomes_of_them() {
    let answer = ask_by(CHARTER, LOG);
    let partings: Vec<_> =
        answer.partings.iter().map(|p| (p.after.as_deref(), p.journeys, &*p.came[0].moment)).collect();
    assert_eq!(partings, [(Some("cart"), 1, "help"), (Some("search"), 1, "help"), (Some("visit"), 1, "order")]);
    let success = |between: &OutcomeBetween| -> Vec<_> { between.groups.iter().map(|g| (g.count, g.of)).collect() };
    // After the visit a, b and c went on as drawn and are over, e parted; d and f did neither or are open.
    assert_eq!(success(&answer.partings[2].success), [(2, 3), (1, 1)]);
    assert_eq!(success(&answer.partings[0].success), [(1, 1), (1, 1)]);
    // a and d kept to it, b, c and e parted.
    assert_eq!(success(&answer.success), [(1, 2), (2, 3)]);
    // What came within ten days of the visit: of a, b and c, which went on, c churned, and of e, which parted, nobody.
    assert_eq!(success(&answer.partings[2].outcomes[0]), [(1, 3), (0, 1)]);
    assert_eq!(success(&answer.partings[1].outcomes[0]), [(0, 1), (1, 1)], "after the search");
    // Of those that are over, c churned within ten days of its end and e did not.
    assert_eq!(success(&answer.outcomes[0]), [(0, 2), (1, 3)]);
    assert!(answer.doubts.contains(&Doubt::NotRandomised));
}

#[test]
fn what_parting_costs_is_said_in_money_where_the_charter_says_what_an_outcome_is_worth() {
    let charter = CHARTER.replace("outcomes:", "outcomes:\n  sale: {when: moment = 'order', value: 10, horizon: 10d}");
    let sale = &ask_by(&charter, LOG).partings[2].outcomes[0];
    let groups: Vec<_> = sale.groups.iter().map(|group| (group.count, group.of, group.value_mean)).collect();
    // After the visit a, b and c went on, of whom a and b ordered; e parted with an order.
    assert_eq!(groups, [(2, 3, Some(20.0 / 3.0)), (1, 1, Some(10.0))]);
    assert_eq!((sale.value_difference, sale.value_difference_low), (Some(20.0 / 3.0 - 10.0), None), "e is one alone");
    let table =
        Options::tables(&ask_by(&charter, LOG)).into_iter().find(|table| table.title.ends_with("part after `visit`"));
    assert_eq!(table.expect("a table").rows[1][0], crate::Cell::Text("sale: value per case".into()));
}

#[test]
fn promised_times_count_from_the_first_attempt() {
    let answer = ask_by(
        CHARTER,
        "a: visit@0h cart@1h order@90m; b: visit@0h cart@1h cart@5h order@330m; c: visit@0h cart@1h; z: visit@99d",
    );
    let promised = &answer.promised[0];
    assert_eq!((promised.from.as_str(), promised.to.as_str(), promised.within.as_str()), ("cart", "order", "1h"));
    let Balance { made, kept, late, never, pending, .. } = promised.balance;
    assert_eq!([made, kept, late, never, pending], [3, 1, 1, 1, 0]);
    assert_eq!(promised.median_s, Some(9_000.0));
    let open = ask_by(CHARTER, "a: visit@0h cart@1h; z: visit@90m");
    assert_eq!(open.promised[0].balance.pending, 1);
}

#[test]
fn conditions_on_channel_and_time_are_heeded() {
    let charter = CHARTER.replace("visit search* cart order", "visit search* cart@web order{<2h}");
    let answer =
        ask_by(&charter, "a: visit@0h cart@1h{channel=web} order@2h; b: visit@0h cart@1h{channel=call} order@9h");
    assert_eq!((answer.fitting, answer.journeys, answer.variants), (1, 2, None));
    assert_eq!(moves(&answer.skipped), [("cart", 1, 1, None), ("order", 1, 1, Some("web"))]);
    assert_eq!(moves(&answer.added), [("cart", 1, 1, None), ("order", 1, 1, Some("web"))]);
}

#[test]
fn a_charter_that_draws_nothing_says_what_to_add() {
    let error =
        Options::default().wants(&Charter::without_file(), &mut Wanted::default()).expect_err("nothing is drawn");
    assert!(error.to_string().contains("designed: \"visit .. cart checkout order\""), "{error}");
    let other = format!("{CHARTER}\n").replace("outcomes:", "  other: {starts: [help]}\noutcomes:");
    let mut log = log_of(&other, LOG);
    log.setting.journey = Some("other".to_owned());
    let error = answer(&log, &Selection::default(), || Options::default().fold(&log.setting())).expect_err("not drawn");
    let expected = "the journey `other` of the charter has no `designed:`; those that have one: `purchase`";
    assert_eq!(error.to_string(), expected);
}

#[test]
fn tables_show_what_is_known() {
    let tables = Options::tables(&ask_by(CHARTER, LOG));
    let headers =
        "move,moment,owner,count,journeys,journeys_share,journeys_share_low,journeys_share_high\r\nskipped,cart,,4,4,";
    assert!(tables[0].csv().starts_with(headers));
    assert!(
        tables[0].notes[1].contains("6 journeys, 16.7 % of them as drawn from start to end"),
        "{:?}",
        tables[0].notes
    );
    let titles: Vec<&str> = tables.iter().map(|table| table.title.as_str()).collect();
    assert!(titles.contains(&"Promised times") && titles.contains(&"Where journeys part from the drawing"));
}

/// What pm4py's optimal alignments cost on the same nets; `tests/pm4py/alignments.py` says how they were computed.
#[test]
fn costs_are_those_of_optimal_alignments_of_pm4py() {
    let reference: Value = serde_json::from_str(include_str!("../../tests/pm4py/alignments.json")).expect("JSON");
    let mut compared = 0;
    for plan in reference["plans"].as_array().expect("plans") {
        let text = plan["pattern"].as_str().expect("a pattern");
        let pattern = Pattern::parse(text).expect(text);
        let mut aligner = Aligner::new(&pattern);
        let shortest = f64::from(aligner.shortest());
        let list = |name: &str| plan[name].as_str().expect(name).split_whitespace();
        let (mut sum, mut fitting, mut count) = (0.0, 0, 0);
        for (journey, expected) in list("journeys").zip(list("costs")) {
            let steps: Vec<Step> = journey.chars().map(|c| Step::at(pattern.symbol(&c.to_string()))).collect();
            let cost = aligner.align(&steps).cost;
            assert_eq!(cost.to_string(), expected, "{text} on {journey}");
            sum += 1.0 - f64::from(cost) / (steps.len() as f64 + shortest);
            fitting += u32::from(cost == 0);
            count += 1;
        }
        let number = |name: &str| plan[name].as_f64().expect(name);
        assert!((sum / f64::from(count) - number("average_trace_fitness")).abs() < 1e-4, "{text}");
        assert!((f64::from(fitting * 100) / f64::from(count) - number("percentage_of_fitting_traces")).abs() < 1e-9);
        compared += count;
    }
    assert_eq!(compared, 1_200);
}

proptest! {
    #[test]
    fn any_split_gives_the_same_answer_and_it_adds_up(
        events in prop::collection::vec((0..7u8, 0..6usize, 0..300u16, 0..3u8), 0..70),
        conditional in any::<bool>(),
        split in splits(),
    ) {
        let charter = if conditional { CHARTER.replace("* cart order", "* cart@c1 order{<9h}") } else { CHARTER.to_owned() };
        let names = ["visit", "search", "cart", "order", "help", "churn"];
        let text = events.iter().map(|(who, what, hour, c)| format!("u{who}: {}@{hour}h{{channel=c{c}}}", names[*what]));
        let log = log_of(&charter, &text.collect::<Vec<_>>().join("\n"));
        let whole = answer(&log, &selection(&log), || Options { limit: 0 }.fold(&log.setting())).expect("an answer");
        let parts = answer_split(&log, &selection(&log), &split, || Options { limit: 0 }.fold(&log.setting()));
        prop_assert_eq!(&parts.expect("an answer"), &whole);
        prop_assert_eq!(whole.endings.iter().map(|ending| ending.journeys).sum::<u64>(), whole.journeys);
        let over = whole.endings.iter().filter(|ending| ending.ending != "open").map(|ending| ending.journeys).sum::<u64>();
        prop_assert_eq!(whole.success.groups.iter().map(|group| group.of).sum::<u64>(), over);
        for parting in &whole.partings {
            prop_assert_eq!(parting.came.iter().map(|came| came.journeys).sum::<u64>(), parting.journeys);
        }
        let parted: u64 = whole.partings.iter().map(|parting| parting.journeys).sum();
        prop_assert!(parted + whole.fitting <= whole.journeys);
        let moved = |moves: &[Moved]| moves.iter().map(|moved| moved.count).sum::<u64>();
        let by_department = |of: fn(&Department) -> u64| whole.departments.iter().map(of).sum::<u64>();
        prop_assert_eq!(by_department(|d| d.skipped), moved(&whole.skipped));
        prop_assert_eq!(by_department(|d| d.added), moved(&whole.added));
    }
}
