use super::*;
use crate::Problem;

const CHARTER: &str = "\
charter: 1
stages:
  deal: {label: Deal}
channels: {web: {}, call: {}}
moments:
  visit: {when: \"event = 'visit'\"}
  order: {stage: deal, when: \"event = 'order'\"}
journeys:
  purchase: {succeeds: order}
outcomes:
  order: {when: moment = 'order', value: properties.total}
segments:
";

fn read(segments: &str) -> Result<Vec<Segment>, String> {
    let text = format!("{CHARTER}{segments}");
    let shown = |problems: Vec<Problem>| problems.iter().map(|p| p.render("c", &text)).collect::<String>();
    Charter::parse(&text).map(|(charter, _)| charter.segments).map_err(shown)
}

fn complaint(condition: &str) -> String {
    read(&format!("  x: \"{condition}\"\n")).expect_err("it is wrong")
}

#[test]
fn a_segment_is_a_condition_with_or_without_a_label() {
    let found = read(
        "  loyal: count_of.order >= 3 and days_since_last <= 90\n  big: {label: Big spender, when: value_of.order > 5}\n",
    )
    .expect("they are right");
    let shown: Vec<_> = found.iter().map(|s| (s.name.as_str(), s.label.as_str(), s.when.columns())).collect();
    let order = || "order".to_owned();
    assert_eq!(
        shown,
        [
            ("loyal", "loyal", [CustomerFact::CountOf(order()), CustomerFact::DaysSinceLast].as_slice()),
            ("big", "Big spender", &[CustomerFact::ValueOf(order())]),
        ]
    );
}

#[test]
fn every_name_is_found_and_has_its_type() {
    let text = "events > 1 and first < '2026-01-01' and last is not null and days > 1.5 and days_since_first > 1 \
                and days_between_median < 3 and channels = 2 and stage = 'deal' and first_moment = 'visit' \
                and last_moment in ('visit', 'order') and first_of.visit < '2026-01-01' and last_of.visit is null \
                and days_since_first_of.order > 1 and days_since_last_of.order > 2 and share_of_channel.web >= 0.5 \
                and journeys_of.purchase > 1 and succeeded_of.purchase = 1 and abandoned_of.purchase = 0 \
                and outcomes_of.order > 0";
    let found = read(&format!("  all: \"{text}\"\n")).expect("all names exist");
    assert_eq!(found[0].when.columns().len(), 19);
}

#[test]
fn what_is_misspelt_or_of_another_type_is_explained() {
    assert!(complaint("count_of.oder > 1").contains("hint: did you mean `count_of.order`?"));
    assert!(complaint("days_since_lst > 1").contains("hint: did you mean `days_since_last`?"));
    assert!(complaint("share_of_channel.wbe > 1").contains("hint: did you mean `share_of_channel.web`?"));
    let nothing_near = complaint("properties.total > 1");
    assert!(nothing_near.contains("there is no column `properties.total` here"), "{nothing_near}");
    assert!(nothing_near.contains("a customer has events, first,"), "{nothing_near}");
    assert!(nothing_near.contains("value_of.OUTCOME"), "{nothing_near}");
    assert!(complaint("stage = 'dael'").contains("`stage` is never 'dael'"));
    assert!(complaint("events = 'many'").contains("cannot be compared"));
    assert!(complaint("events + 1").contains("true or false is needed"));
    assert!(read("  \"a,b\": events > 1\n").expect_err("a comma").contains("cannot be asked for"));
    assert!(read("  x: {label: Nothing}\n").expect_err("no condition").contains("a segment needs `when:`"));
}

/// A customer of whom every count is the same.
struct Alike(i64);

impl crate::Facts<CustomerFact> for Alike {
    fn get(&self, fact: &CustomerFact) -> crate::Answer<'_> {
        let value =
            if matches!(fact, CustomerFact::FirstOf(_)) { event::Value::Null } else { event::Value::Int(self.0) };
        value.into()
    }
}

#[test]
fn a_segment_may_name_others_before_or_after_it() {
    let text = "  both: many and not (\"few-er\" or late)\n  many: {when: events > 3}\n  few-er: events < 9 and not many\n  \
                late: first_of.order > '2026-01-01'\n";
    let found = read(text).expect("they are right");
    let names: Vec<_> = found.iter().map(|segment| segment.name.as_str()).collect();
    assert_eq!(names, ["both", "many", "few-er", "late"], "in the order of the charter");
    let belongs = |n: i64| found.iter().map(|segment| segment.when.holds(&Alike(n))).collect::<Vec<_>>();
    // Who is late is NULL, and so does not hold.
    assert_eq!(belongs(4), [true, true, false, false]);
    assert_eq!(belongs(2), [false, false, true, false]);
    assert_eq!(found[0].when.columns(), [CustomerFact::Events, CustomerFact::FirstOf("order".to_owned())]);

    let (charter, _) = Charter::parse(&format!("{CHARTER}{text}")).expect("it is right");
    let own = charter.customer_condition("not both and events < 3").expect("it may name them too");
    assert!(own.holds(&Alike(2)) && !own.holds(&Alike(4)));
}

#[test]
fn segments_that_name_themselves_or_nobody_are_explained() {
    let circle = read("  x: events > 1 and a\n  a: b or c\n  b: events > 3\n  c: not a\n").expect_err("a circle");
    assert!(circle.contains("in a circle: `a` names `c` names `a`"), "{circle}");
    assert_eq!(circle.matches("error[").count(), 1, "it is said once: {circle}");
    assert!(read("  a: not a\n").expect_err("itself").contains("in a circle: `a` names `a`"));
    let wrong = read("  a: b\n  b: evnts > 1\n").expect_err("what it names is wrong");
    assert!(wrong.contains("did you mean `events`?") && wrong.matches("error[").count() == 1, "{wrong}");
    assert!(read("  loyal: events > 1\n  a: loyl\n").expect_err("misspelt").contains("did you mean `loyal`?"));
    assert!(
        read("  big-one: events > 1\n  a: bigone\n").expect_err("misspelt").contains("did you mean `\"big-one\"`?")
    );
    assert!(read("  loyal: events > 1\n  a: loyal > 3\n").expect_err("no number").contains("cannot be compared"));
    assert!(read("  stage: events > 1\n").expect_err("a fact").contains("`stage` has a meaning in conditions already"));
}

#[test]
fn what_segments_take_in_is_bounded() {
    let doubling: Vec<String> = (1..40).map(|i| format!("  s{i}: s{0} or s{0}\n", i - 1)).collect();
    let doubling = doubling.concat();
    let wrong = read(&format!("  s0: events > 1\n{doubling}")).expect_err("it doubles each time");
    assert!(wrong.contains("too long") && wrong.contains("it takes in the conditions that it names"), "{wrong}");
    let chain: String = (1..300).map(|i| format!("  s{i}: not s{}\n", i - 1)).rev().collect();
    assert_eq!(read(&format!("{chain}  s0: events > 1\n")).expect("a long chain").len(), 300);
}

#[test]
fn names_of_customers_are_told_from_others() {
    for name in ["count_of.oder", "Share_Of_Channel.fax", "days_since_last", "count_of.a.b"] {
        assert!(CustomerFact::is_named(name), "{name}");
    }
    for name in ["event", "properties.total", "count_of", "events.x", "days_since_lst"] {
        assert!(!CustomerFact::is_named(name), "{name}");
    }
}

#[test]
fn without_a_list_any_moment_may_be_meant() {
    let charter = Charter::without_file();
    let found = charter.customer_condition("count_of.\"Order Completed\" > 1").expect("a name in quotes");
    assert_eq!(found.columns(), [CustomerFact::CountOf("Order Completed".to_owned())]);
    assert!(charter.customer_condition("journeys_of.purchase > 1").is_err(), "journeys only a charter can define");
}

#[test]
fn a_condition_is_about_the_moments_that_it_names_and_those_of_what_it_names() {
    let (charter, _) = Charter::parse(&format!("{CHARTER}  x: events > 1\n")).expect("it is right");
    let about = |text: &str| charter.moments_in(&charter.customer_condition(text).expect(text));
    for text in [
        "count_of.order >= 1 and days_since_last < 5",
        "first_of.order - first < '3d'",
        "first_moment in ('order') or days > 3",
        "not ('order' = last_moment)",
        "stage = 'deal'",
        "succeeded_of.purchase >= 1",
        "value_of.order > 5",
    ] {
        assert_eq!(about(text), ["order"], "{text}");
    }
    assert!(about("events > 3 and share_of_channel.web > 0.5 and x").is_empty());

    let of_events = |charter: &Charter, text: &str| charter.moments_of(&charter.condition(text).expect(text));
    for text in
        ["moment = 'order'", "stage in ('deal') and channel = 'web'", "not (moment in ('order') or event = 'x')"]
    {
        assert_eq!(of_events(&charter, text), ["order"], "{text}");
    }
    assert_eq!(
        of_events(&Charter::without_file(), "event = 'x' or moment = 'y'"),
        ["y", "x"],
        "every event is a moment"
    );
}
