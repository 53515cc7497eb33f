//! Charters, right and wrong, and what is said about them.

use std::fmt::Write;

use charter::actions::{Measure, Propensity};
use charter::journeys::Worth;
use charter::pilots::AnsweredBy;
use charter::scenario::{Expected, Standing};
use charter::sources::{Aggregate, Members, Taken, Taking};
use charter::{Answer, Charter, EventFacts, Facts, Problem};
use event::{Column, Normalise, Span, Value};
use proptest::prelude::*;

const TELECOM: &str = include_str!("golden/telecom.yaml");

fn telecom() -> Charter {
    let (charter, warnings) =
        Charter::parse(TELECOM).unwrap_or_else(|problems| panic!("{}", render(TELECOM, &problems)));
    insta::assert_snapshot!("telecom_warnings", render(TELECOM, &warnings));
    charter
}

fn render(text: &str, problems: &[Problem]) -> String {
    problems.iter().map(|problem| problem.render("charter.yaml", text)).collect::<Vec<_>>().join("\n")
}

fn complaints(text: &str) -> String {
    match Charter::parse(text) {
        Ok((_, warnings)) => render(text, &warnings),
        Err(problems) => render(text, &problems),
    }
}

/// Complaints about a charter of version 1 with this text under the first line.
fn about(text: &str) -> String {
    complaints(&format!("charter: 1\n{text}"))
}

#[test]
fn a_count_in_a_window_is_compared_with_no_more_than_is_known() {
    let about = |feature: &str, when: &str| {
        about(&format!("features: {{f: {{count: a, {feature}}}}}\nactions:\n  a: {{when: \"{when}\", value: 1}}\n"))
    };
    for fine in ["f >= 64", "f > 64", "f between 1 and 64", "f * 2 > 100"] {
        assert_eq!(about("within: 7d", fine), "");
    }
    for beyond in ["f >= 65", "100 <= f", "f between 1 and 65", "f in (1, 65)", "f > 1 and not f < 100"] {
        let told = about("within: 7d", beyond);
        assert!(told.contains("error[DL-C012]: `f` counts up to 64 within its time"), "{beyond}: {told}");
        assert_eq!(about("", beyond), "");
    }
}

#[test]
fn channels_in_conditions_about_customers_are_those_of_the_charter() {
    let about = |channel: &str| {
        about(&format!("channels: {{web: {{}}}}\nactions:\n  a: {{when: \"channel = '{channel}'\", value: 1}}\n"))
    };
    assert_eq!(about("web"), "");
    assert!(about("wbe").contains("error[DL-C008]: there is no channel `wbe`"), "{}", about("wbe"));
    assert!(about("letter").contains("warning[DL-C020]"), "{}", about("letter"));
}

#[test]
fn what_means_nothing_is_told() {
    let action = |more: &str| format!("actions:\n  a: {{when: 'true', {more}}}\n");
    let bad = "outcomes: {churn: {when: event = 'Gone', bad: true}}\n";
    let long = "x".repeat(65);
    let cases = [
        (action("propensity: 0.5"), "`a` has no `value`, so that it scores 0 whatever its `propensity` is"),
        (action("value: 1, lever: 0"), "a `lever` of 0 does not keep it from being chosen"),
        (action("value: 1, context: [{when: 'true', weight: 0}]"), "a `weight` of 0 does not keep it"),
        (action("value: 1, cap: {per: 0s, times: 1}"), "a cap over no time keeps nothing out"),
        ("caps: [{per: 0s, times: 1}]\n".to_owned(), "a cap over no time keeps nothing out"),
        (action("value: 1, quiet: 08:00-08:00"), "never end, so that it is never chosen"),
        (format!("{bad}{}", action("value: 1, propensity: {from: outcome.churn}")), "`churn` is a bad outcome"),
        (format!("actions:\n  a: {{when: \"properties.url = '{long}'\", value: 1}}\n"), "never equal a longer one"),
        (format!("stakes: {{high: \"source = '{long}'\", then: person}}\n"), "never equal a longer one"),
        ("caps: [{channel: sms, per: 7d, times: 1}]\n".to_owned(), "no action has the channel `sms`"),
        (
            "features: {nps: {count: t}}\nsurveys: {nps: {moment: s, score: properties.s, kind: nps}}\n".to_owned(),
            "there is a survey `nps`, too",
        ),
        ("calendar: {days: []}\n".to_owned(), "nobody ever works"),
        ("tests: [{name: t, events: [], expect: {}}]\n".to_owned(), "the test `t` expects nothing"),
    ];
    for (text, wanted) in cases {
        let told = about(&text);
        assert!(told.starts_with("warning[DL-C022]: ") && told.contains(wanted), "{text}{told}");
        assert_eq!(told.matches("DL-C022").count(), 1, "{told}");
    }
    for fine in ["value: 1, lever: 1, propensity: 0.5", "cap: {per: 1d, times: 1}", "value: 1, quiet: 20:00-08:00"] {
        assert_eq!(about(&action(fine)), "");
    }
}

#[test]
fn a_cap_counts_no_further_than_is_remembered() {
    let about =
        |times: u32| about(&format!("actions:\n  a: {{when: 'true', value: 1, cap: {{per: 1d, times: {times}}}}}\n"));
    assert_eq!(about(64), "");
    assert!(about(65).contains("error[DL-C012]: a cap counts up to 64"), "{}", about(65));
}

#[test]
fn a_drawing_that_says_nothing_of_any_journey_is_told() {
    let about = |drawn: &str| {
        let moments = "moments:\n  a: {when: event = 'a'}\n  b: {when: event = 'b'}\n";
        about(&format!("{moments}journeys:\n  way: {{designed: \"{drawn}\"}}\n"))
    };
    // A drawing is of whole journeys, so that nothing comes before its first moment, with `^` or without.
    for none in ["a{<0d} b", "^ a{<2d} b", "a{<2d} b", "(a{<2d} | b{>1h}) a"] {
        assert!(
            about(none).contains("warning[DL-C021]: no journey can be like this drawing"),
            "{none}: {}",
            about(none)
        );
    }
    for all in [".*", "(a | !a)+", ".+", "a? .*"] {
        assert!(about(all).contains("warning[DL-C021]: every journey is like this drawing"), "{all}: {}", about(all));
    }
    for some in ["a b", "a .*", ".* b", "a* b*", "(a | b)*", ".@web*", "(a{<2d} | b) a", "a b{<2d}"] {
        assert_eq!(about(some).matches("DL-C021").count(), 0, "{some}: {}", about(some));
    }
}

#[test]
fn a_form_of_times_and_a_call_that_cannot_be_carried_out_are_told() {
    let source = |at: &str, total: &str| {
        let text = format!(
            "charter: 1\nsources:\n  a.csv: {{event: e, user_id: u, at: {{column: t, format: \"{at}\"}}, properties: {{x: {total}}}}}\n"
        );
        Charter::parse(&text)
            .map_err(|problems| problems.iter().map(|problem| problem.reason.clone()).collect::<Vec<_>>())
    };
    assert!(source("%d.%m.%Y %H:%M", "Total (EUR)").is_ok());
    assert!(source("%s", "total").is_ok(), "seconds since 1970 are a date");
    assert_eq!(source("%H:%M", "total").expect_err("no date"), ["`%H:%M` has no whole date"]);
    let told = source("%d/%m/%K", "summ(total)").expect_err("both are wrong");
    assert!(told[0].starts_with("`%d/%m/%K` is no form of times: "), "{told:?}");
    assert_eq!(told[1], "`summ(total)` does not say what to take");
}

#[test]
fn the_example_reads_as_it_is_meant() {
    let charter = telecom();
    assert_eq!(charter.organisation.as_deref(), Some("Example Telecom"));
    assert_eq!(charter.timezone.iana_name(), Some("Europe/Berlin"));
    assert_eq!(charter.calendar.holidays.len(), 2);
    assert_eq!(charter.calendar.closes.hour(), 18);

    let email = charter.keys.kind("email").expect("it is listed");
    assert_eq!((email.normalise, email.limit, email.personal), (Normalise::Email, Some(3), true));
    assert_eq!(email.from.as_ref().map(ToString::to_string).as_deref(), Some("traits.email"));
    assert!(charter.keys.is_junk(" NULL ") && charter.keys.is_junk("") && !charter.keys.is_junk("u1"));

    let tickets = charter.source_for("exports/tickets.csv").expect("it is listed");
    assert_eq!(tickets.keys, [("user_id".to_owned(), Taken::Column { column: "caller".to_owned(), format: None })]);
    let format = Some("%d/%m/%Y %H:%M".to_owned());
    assert_eq!(tickets.at, Some(Taken::Column { column: "updated".to_owned(), format }));
    assert_eq!(tickets.unknown, ["?"]);
    let orders = charter.source_for("orders-1.parquet").expect("it is listed");
    assert_eq!(orders.event, Some(Taken::Literal("Order Completed".to_owned())));
    assert!(matches!(&orders.properties, Some(Members::Listed(members)) if members.len() == 2));

    assert_eq!(
        charter.stages.iter().map(|s| s.name.as_str()).collect::<Vec<_>>(),
        ["presale", "choice", "deal", "use", "review"]
    );
    assert_eq!(charter.moments.len(), 9);
    assert_eq!(charter.moment("order").and_then(|m| charter.stage_of(m)), Some(2));
    let purchase = &charter.journeys[0];
    assert_eq!((purchase.starts.len(), purchase.succeeds.len()), (2, 1));
    assert_eq!(purchase.promised[0].within, Span::seconds(600));
    assert!(purchase.designed.as_ref().is_some_and(|pattern| pattern.moments().len() == 5));
    assert!(
        matches!(&charter.outcomes[0].value, Some(Worth::Column(column)) if column.to_string() == "properties.total")
    );
    assert_eq!(charter.expectations[0].within, Span::BusinessDays(3));
    assert!(matches!(&charter.features[3].measure, Measure::Broken(name) if name == "delivery"));
    assert_eq!(charter.actions[0].propensity, Some(Propensity::Learnt("renewal".to_owned())));
    assert_eq!(charter.pilots[0].guardrails, ["churn"]);
    assert_eq!(charter.checklists[0].questions[1].answer, AnsweredBy::Person);

    let test = &charter.tests[0];
    assert_eq!(test.events[0].at.to_string(), "2026-03-02T08:00:00Z", "in the zone of the charter");
    assert_eq!(test.expect.last(), Some(&Expected::Expectation("answer".to_owned(), Standing::Pending)));
    let keys = test.events[0].keys();
    assert_eq!(test.events[0].event(&keys).event, "Ticket Opened");
}

struct Named(&'static str);

impl Facts for Named {
    fn get(&self, column: &Column) -> Answer<'_> {
        if *column == Column::Event { Value::Text(self.0).into() } else { Answer::Pending }
    }
}

#[test]
fn the_first_moment_whose_condition_holds_is_the_one() {
    let charter = telecom();
    assert_eq!(charter.moment_of(&Named("Order Completed")), charter.moment("order"));
    assert_eq!(charter.moment_of(&Named("Something else")), None);
    let (charter, _) = Charter::parse(
        "charter: 1\nmoments:\n  big: {when: event = 'Order' and properties.total > 100}\n  order: {when: event = 'Order'}\n",
    )
    .expect("it is correct");
    assert_eq!(charter.try_moment_of(&Named("Order")), Err(0));
    assert_eq!(charter.try_moment_of(&Named("Visit")), Ok(None));
    assert!(charter.condition("moment = 'big' and properties.total > 5").is_ok());
    assert!(charter.condition("moment = 'bigg'").is_err());
    let telecom = telecom();
    let event = EventFacts { event: &Named("Order Completed"), moment: Some("order"), stage: Some("deal") };
    assert!(telecom.outcomes[0].when.holds(&event));
    assert!(telecom.condition("stage = 'deal' and event like 'Order%'").expect("it is correct").holds(&event));
    assert!(!telecom.actions[0].when.holds(&event), "nothing is known about earlier tickets");
}

#[test]
fn ten_mistakes_are_ten_problems() {
    let text = include_str!("golden/ten_mistakes.yaml");
    let problems = Charter::parse(text).expect_err("it has ten mistakes");
    assert_eq!(problems.len(), 10, "{}", render(text, &problems));
    insta::assert_snapshot!(render(text, &problems));
}

#[test]
fn every_other_kind_of_mistake_is_explained() {
    let texts = [
        "organisation: A: B",
        "channels:\n\tweb: {}",
        "channels:\n  web: {human: yes}",
        "channels:\n  web: {}\n  web: {}",
        "channels:\n  no: {label: no}\n  off: {label: 5}",
        "channels: [web]",
        "channels:\n  ? [web]\n  : {}",
        "stages:\n  review: {label: Review, end or repurchase, goal: advocacy}\nmoments:\n  a: {stage: review, when: event = 'a'}",
        "stages:\n  use: {goal: speed}",
        "moments:\n  visit:\n  order: {}",
        "moments:\n  a: {when: event = 'x'}\n  b: {when: event = 'x'}",
        "moments:\n  a: {when: \"event = 'x' and\"}",
        "moments:\n  a:\n    when: >\n      event = 'x' and\n      chanel = 'web'",
        "timezone: Europe/Berln",
        "timezone: 5",
        "currency: euro",
        "message_ids: 3bd",
        "calendar: {days: mon-fry, hours: 8-18, holidays: [25.12.2026]}",
        "calendar: {hours: \"22:00-06:00\"}",
        "keys:\n  email: {normalise: mail, limit: 0, from: trait.email, unique: 1}",
        "sources:\n  \"*.csv\": {evnt: x}",
        "sources:\n  \"*.csv\": {at: a, start: b}\n  \"b*.csv\": {end: e}",
        "sources:\n  \"*.csv\": {properties: {total: sum(amount), mean: avg(x)}, delimiter: ab, at: {column: d, format: DMY}}",
        "outcomes:\n  o: {when: tickets > 1, value: total}",
        "outcomes:\n  o: {horizon: 3 days, when: moment = 'x'}",
        "moments:\n  a: {when: event = 'a'}\noutcomes:\n  o: {when: moment = 'b'}",
        "features:\n  f: {count: a, since: b}\n  g: {within: 3d}\n  event: {count: a}\n  h: {count: a, value: properties.x}",
        "features:\n  f: {since: a}\nactions:\n  x: {when: f > '3 days'}\n  y: {when: f > 3d}\n  z: {when: f > '3d'}",
        "actions:\n  x: {when: stage = 'use', propensity: 2, value: -1, quiet: night, cap: {per: 3 days}, deliver: {mail: x}}",
        "actions:\n  x: {when: \"true\", propensity: {from: renewal}}",
        "actions:\n  x: {when: \"true\", lever: -1, context: [{when: event = 5}, {wen: x, weight: 2}, {when: \"true\", weight: -2}]}",
        "deciding: {explore: 0.1, random_share: 0.6, none_share: 0.7}",
        "deciding: {explore_share: 5}",
        "moments:\n  a: {when: event = 'a'}\nsurveys:\n  s: {moment: a, score: properties.x, kind: nps, asked: a}",
        "expectations:\n  e: {after: a, promise: a, within: 3d, warn: 1bd}",
        "outcomes:\n  o: {when: event = 'a', horizon: 5bd}\ninteractions:\n  i: {opens: [a], window: 2bd}",
        "caps: [{channel: web, per: 7d, times: 0.5}]",
        "stakes: {high: \"5\", then: robot}",
        "pilots:\n  p: {arms: {a: 1}, measures: {primary: x}}",
        "beliefs:\n  b: {claim: c, of: nps >= 9, outcome: o, direction: up}",
        "tests:\n  - {name: t, events: [{event: x}], expect: {stage: none, result: 5, feature.f: 1}}\n  - events: 5",
        "checklists:\n  use:\n    - {answer: {view: map}}\n    - {ask: q, answer: machine}",
        "journeys:\n  j: {designed: \"a (b\", promised: {a: 3d, b..c: soon}}\nmoments:\n  a: {when: event = 'a'}",
        "departments:\n  d: {}",
        "definition: [a]\n---\ncharter: 1",
        "a: &a [*a]",
        "moments:\n  a: {when: event = 'a', label: [}\n  b: {wen: x}\n\tc: {}\n  d: {when: evnt = 'd'}\n\
         stages:\n  x: {label: a: b}\n  y: {gaol: reach}\noutcomes:\n  o: {when: moment = 'zzz', bad: 5}\ncurrency: EU",
        "moments:\n  a: {when: event = 'a'\njourneys:\n  j: {succeed: a}",
        "definition: \"no end\nmoments: {a: {wen: x}}",
        "moments: {\n  a: {wen: x}\n}\nstages: {x: {}}}",
    ];
    let mut report = String::new();
    for text in texts {
        let _ = writeln!(report, "=== {}\n{}", text.replace('\n', "\n    "), about(text));
    }
    for text in
        ["", "# nothing\n", "charter: 2", "organisation: x", "[1, 2]", "just text", "charter: one", "charter: [", "}"]
    {
        let _ = writeln!(report, "=== {text:?} alone\n{}", complaints(text));
    }
    insta::assert_snapshot!(report);
}

#[test]
fn anchors_and_merges_save_repetition() {
    let text = "charter: 1\nmoments:\n  a: &base {label: A, scope: ux, when: event = 'a'}\n  b: {<<: *base, when: event = 'b'}\n";
    let (charter, _) = Charter::parse(text).expect("it is correct");
    assert_eq!((charter.moments[1].label.as_str(), charter.moments[1].when.text()), ("A", "event = 'b'"));

    let mut bomb = String::from("charter: 1\nx0: &x0 [1,1,1,1,1,1,1,1,1,1]\n");
    for i in 1..12 {
        let _ = writeln!(bomb, "x{i}: &x{i} [{}]", vec![format!("*x{}", i - 1); 10].join(","));
    }
    assert!(complaints(&bomb).contains("DL-C016"));
    insta::assert_snapshot!("nested", complaints(&"[".repeat(1_000)));
    assert!(complaints(&("charter: ".to_owned() + &"{a: ".repeat(100_000))).contains("DL-C0"));
}

#[test]
fn the_hash_follows_the_content_and_not_the_layout() {
    let hash = |text: &str| Charter::parse(text).expect(text).0.hash;
    let one = hash("charter: 1\ncurrency: EUR # euro\n");
    assert_eq!(one, hash("# a comment\r\n{charter: 1, currency: \"EUR\"}\r\n"));
    assert_ne!(one, hash("charter: 1\ncurrency: USD\n"));
    assert_ne!(hash("charter: 1\nkeys: {junk: [\"1\"]}"), hash("charter: 1\nkeys: {junk: [\"2\"]}"));
    assert_eq!(one.len(), 64);
}

#[test]
fn rows_of_one_event_can_be_summed() {
    let text = "charter: 1\nsources:\n  a.csv:\n    one_per: basket_id\n    customer: household\n    \
                properties: [store, {total: sum(sales_value), rows: count(), shop: \"'x'\", d: Duration (s)}]\n";
    let (charter, _) = Charter::parse(text).unwrap_or_else(|p| panic!("{}", render(text, &p)));
    let Some(Members::Listed(members)) = &charter.sources[0].properties else { panic!("they are listed") };
    let taken: Vec<&Taking> = members.iter().map(|member| &member.from).collect();
    assert_eq!(
        taken,
        [
            &Taking::Column(Aggregate::First, "store".to_owned()),
            &Taking::Column(Aggregate::Sum, "sales_value".to_owned()),
            &Taking::Rows,
            &Taking::Literal("x".to_owned()),
            &Taking::Column(Aggregate::First, "Duration (s)".to_owned()),
        ]
    );
}

/// That every problem stands where it says, and can be drawn.
fn check_places(text: &str) {
    let problems = match Charter::parse(text) {
        Ok((_, warnings)) => warnings,
        Err(problems) => {
            assert!(!problems.is_empty(), "a charter is refused for a reason");
            problems
        }
    };
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    for problem in problems {
        assert!(text.get(problem.bytes.clone()).is_some(), "{problem:?}");
        assert!(problem.line <= text.lines().count().max(1) + 1, "{problem:?}");
        problem.render("x", text);
    }
}

proptest! {
    #[test]
    fn arbitrary_text_never_panics(text in "\\PC{0,80}") {
        check_places(&text);
    }

    #[test]
    fn arbitrary_yaml_never_panics(words in prop::collection::vec(prop::sample::select(vec![
        "charter: 1", "\n", "\n  ", "\n    ", "moments:", "when:", "event = 'a'", "{", "}", "[", "]", ",", ": ", "- ", "&a ",
        "*a", "<<: ", "!!str ", "|", ">", "\"", "'", "#", "tests:", "a", "5", "null", "ä", "\t", "? ", "---", "...", "\r\n",
        "sources:", "keys:", "\u{feff}",
    ]), 0..40)) {
        check_places(&words.concat());
    }

    #[test]
    fn a_damaged_example_never_panics(
        cut in 0usize..TELECOM.len(),
        length in 0usize..40,
        insert in "[a-z:{}\\[\\]'\"|>#&*!%@ \n\täß-]{0,6}",
    ) {
        let start = TELECOM.floor_char_boundary(cut);
        let end = TELECOM.floor_char_boundary((cut + length).min(TELECOM.len())).max(start);
        let text = [TELECOM.get(..start).unwrap_or(""), &insert, TELECOM.get(end..).unwrap_or("")].concat();
        check_places(&text);
    }
}
