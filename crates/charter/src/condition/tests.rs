use std::collections::BTreeMap;
use std::fmt::Write;

use event::{Column, Timestamp, Value};
use jiff::tz::TimeZone;
use proptest::prelude::*;

use super::*;

fn berlin() -> TimeZone {
    TimeZone::get("Europe/Berlin").expect("bundled")
}

/// Columns by name; what is not listed is pending, or NULL when everything is known.
struct Known<'a> {
    columns: BTreeMap<&'a str, Value<'a>>,
    all: bool,
}

impl Facts for Known<'_> {
    fn get(&self, column: &Column) -> Answer<'_> {
        match self.columns.get(column.to_string().as_str()) {
            Some(value) => (*value).into(),
            None if self.all => Value::Null.into(),
            None => Answer::Pending,
        }
    }
}

const EVENT: [(&str, Value<'_>); 9] = [
    ("event", Value::Text("Order Completed")),
    ("channel", Value::Text("web")),
    ("at", Value::Time(Timestamp::from_micros(1_772_442_000_000_000))), // 2026-03-02T09:00:00Z
    ("properties.total", Value::Float(99.5)),
    ("properties.items", Value::Int(7)),
    ("properties.code", Value::Text("7")),
    ("properties.word", Value::Text("seven")),
    ("properties.gift", Value::Bool(true)),
    ("properties.promised", Value::Text("2026-02-28T10:00")),
];

fn parse(text: &str) -> Condition {
    Condition::parse(text, &berlin()).unwrap_or_else(|e| panic!("{text}: {e} {:?} {:?}", e.bytes, e.hint))
}

fn says(text: &str) -> Truth {
    parse(text).eval(&Known { columns: EVENT.into_iter().collect(), all: true })
}

#[test]
fn conditions_that_hold() {
    for text in [
        "event = 'Order Completed'",
        "EVENT = 'Order Completed'",
        "event <> 'Visit' and not event != 'Order Completed'",
        "event in ('Visit', 'Order Completed')",
        "event not in ('Visit', 'Click')",
        "event like 'Order%' and event ilike '%COMPLETED' and event not like 'order%'",
        "properties.total > 99 and properties.total < 100",
        "properties.total between 99 and 100",
        "properties.total not between 1 and 2",
        "properties.items = 7.0",
        "properties.code = 7 and properties.code < 10 and properties.code in (6, 7) and 6.5 < properties.code",
        "properties.code + 1 = 8",
        "properties.items / 2 = 3.5",
        "7 / 2 = 3 and 7 % 4 = 3 and 7 / 2.0 = 3.5 and 1 + 2 * 3 - 4 = 3 and -7 / 2 = -3",
        "properties.gift and properties.gift = true and properties.gift is true",
        "properties.missing is null and properties.total is not null",
        "traits.plan is null or false",
        "lower(channel) = 'web' and upper(channel) = 'WEB' and length(channel) = 3",
        "coalesce(properties.missing, properties.items, 1) = 7",
        "abs(-3) = 3 and abs(properties.total - 200) > 100",
        "cast(properties.code as bigint) = 7 and properties.code::double < 7.5",
        "cast(properties.items as text) = '7'",
        "at = '2026-03-02T10:00'",
        "at = '2026-03-02 10:00:00'",
        "at = timestamp '2026-03-02T09:00:00Z'",
        "at >= '2026-03-02' and at < '2026-03-03'",
        "at between '2026-03-01' and '2026-04-01'",
        "(event = 'x' or channel = 'web') and (case_id is null)",
        "(properties.total > 1) is not unknown and (case_id = 'x') is unknown",
        "properties.\"Order Total\" is null",
        "null is null",
        "at - '2026-03-01T10:00' = '1d' and at - '2026-03-01T10:00' between '1h' and '1d'",
        "at - '1d' = '2026-03-01T10:00' and '1d' + at = '2026-03-03T10:00' and at + interval '36 hours' > '2026-03-03'",
        "at - properties.promised > interval '1' day and properties.promised - at < '0s'",
        "(at - '2026-03-01T10:00') / 2 = '12h' and 1.5 * (at - '2026-03-01T10:00') > '1d'",
        "(at - '2026-03-01T10:00') / '12h' = 2 and at - '2026-03-01T10:00' + '1d' = '2d' and abs('2026-03-01T10:00' - at) = '1d'",
        "2 * '12h' = at - '2026-03-01T10:00' and '2d' / 2 = '1d' and '4d' / 2 * 2 = '4d' and at > at - '5d' * 1.5",
        "'2026-03-01T10:00' - at = '-1d' and at - '2026-03-01T10:00' > '-5d' and at - '-1d' > at and -1 * '1d' = '-1d'",
        "at - received_at is null and coalesce(at - received_at, at - at) = '0s'",
    ] {
        assert_eq!(says(text), Truth::True, "{text}");
    }
}

#[test]
fn what_is_missing_or_of_another_kind_is_null() {
    for text in [
        "case_id = 'x'",
        "not case_id = 'x'",
        "properties.word = 7",
        "properties.word < 10",
        "properties.total = 'abc'",
        "properties.items / 0 = 1",
        "properties.items % 0 = 1",
        "9223372036854775807 + 1 > 0",
        "properties.word + 1 = 8",
        "case_id in ('a', 'b')",
        "event in ('a', null)",
        "event not in ('a', null)",
        "event not in ('a', null) or event not in ('Order Completed', 'a')",
        "channel = null or case_id <> 'a' or case_id <> 'b'",
        "cast(channel as int) = 1",
        "properties.code > at",
        "event = null",
        "properties.total and true",
        "at - properties.word > '1d'",
        "at - received_at > '1d'",
        "(at - '2026-03-01') / '0d' > 1",
    ] {
        assert_eq!(says(text), Truth::Null, "{text}");
    }
    assert_eq!(says("case_id = 'x' and event = 'y'"), Truth::False);
    assert_eq!(says("case_id = 'x' or event like 'O%'"), Truth::True);
}

#[test]
fn words_that_sql_reserves_are_members_too() {
    for word in
        ["order", "value", "end", "case", "group", "select", "from", "at", "key", "date", "type", "name", "user"]
    {
        assert_eq!(parse(&format!("properties.{word} = 1")).columns()[0].to_string(), format!("properties.{word}"));
    }
}

#[test]
fn an_event_name_alone_decides_most_conditions() {
    let named = Known { columns: BTreeMap::from([("event", Value::Text("Visit"))]), all: false };
    for (text, expected) in [
        ("event = 'Visit'", Truth::True),
        ("event = 'Order' and properties.total > 5", Truth::False),
        ("properties.total > 5 and event = 'Order'", Truth::False),
        ("event = 'Visit' or properties.total > 5", Truth::True),
        ("event = 'Visit' and properties.total > 5", Truth::Pending),
        ("event = 'Visit' and not properties.total > 5", Truth::Pending),
        ("event in ('Visit', channel)", Truth::True),
        ("event in ('Order', channel)", Truth::Pending),
        ("coalesce(event, channel) = 'Visit'", Truth::True),
        ("coalesce(channel, event) = 'Visit'", Truth::Pending),
        ("channel is null", Truth::Pending),
        ("channel = null", Truth::Null),
        ("lower(event) like 'v%'", Truth::True),
    ] {
        assert_eq!(parse(text).eval(&named), expected, "{text}");
    }
}

#[test]
fn columns_are_listed_once() {
    let condition = parse("event = 'a' or (event = 'b' and properties.x.y > length(channel))");
    assert_eq!(
        condition.columns().iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["event", "properties.x.y", "channel"]
    );
}

/// Each mistake with the part of the text that is blamed, the reason and the hint.
#[test]
fn mistakes_are_explained() {
    let mut report = String::new();
    for text in [
        "evnt = 'x'",
        "event = \"Order\"",
        "event = 5",
        "event == 'x' && y",
        "event = 'x' and",
        "event = 'x' and (channel = 'web'",
        "event = 'unfinished",
        "event",
        "at > 'yesterday'",
        "at > 5",
        "channel + 1 > 2",
        "event like channel",
        "nonsense(event) = 1",
        "count(*) > 1",
        "lower(event, channel) = 'x'",
        "case when event = 'x' then true end",
        "event in (select 1)",
        "properties = 'x'",
        "event = 'a' event = 'b'",
        "",
        "not channel",
        "größe = 'ä' or evnt = 'x'",
        "event = 'x'\n  or chanel = 'web'",
        "coalesce(event, 5) = 'x'",
        "1e999 > 1",
        "exists (select 1)",
        "impact = 'Low'",
        "at - received_at > 30",
        "at - 30 > '2026-03-01'",
        "at + received_at > '2026-03-01'",
        "at - received_at > '2026-03-01'",
        "at + '2026-03-01' > at",
        "at - received_at > '3bd'",
        "at - received_at > interval '1 month'",
        "datediff(at, received_at) > 30",
        "at * 2 > at",
        "at > at + 2 + '5d'",
        "2 / '5d' > 1",
        "at - received_at > '-3bd'",
        "at - received_at > '- 5d'",
    ] {
        let error = Condition::parse(text, &berlin()).expect_err(text);
        let blamed = text.get(error.bytes.clone()).expect("on character boundaries");
        let _ = writeln!(report, "{text:?}\n  at   {blamed:?}\n  is   {error}");
        if let Some(hint) = error.hint {
            let _ = writeln!(report, "  hint {hint}");
        }
    }
    insta::assert_snapshot!(report);
}

#[test]
fn too_long_is_refused_before_it_can_hurt() {
    for text in [
        "(".repeat(10_000),
        "not ".repeat(900) + "true",
        "- ".repeat(900) + "1 > 0",
        "1".to_owned() + &"+1".repeat(900) + " > 0",
        "event = 'a' or ".repeat(10_000),
        format!("event in ({}'z')", "'a',".repeat(30_000)),
        format!("cast(event as {}int{}) = 1", "array<".repeat(400), ">".repeat(400)),
    ] {
        assert!(Condition::parse(&text, &berlin()).is_err());
    }
    let many: Vec<String> = (0..2_000).map(|i| format!("'{i}'")).collect();
    assert!(Condition::parse(&format!("event in ({})", many.join(", ")), &berlin()).is_ok());
    assert!(Condition::parse(&vec!["event = 'a'"; 300].join(" or "), &berlin()).is_ok());
}

/// Small conditions over columns `a`, `b`, `c` of the properties, each true, false, NULL or pending.
fn conditions() -> impl Strategy<Value = String> {
    let leaf =
        prop_oneof![Just("properties.a"), Just("properties.b"), Just("properties.c"), Just("true"), Just("null")];
    leaf.prop_map(str::to_owned).prop_recursive(4, 24, 3, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} and {b})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} or {b})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} = {b})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} in (true, {b}))")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("(coalesce({a}, {b}))")),
            inner.clone().prop_map(|a| format!("({a} is null)")),
            inner.clone().prop_map(|a| format!("({a} is true)")),
            inner.prop_map(|a| format!("(not {a})")),
        ]
    })
}

fn truths() -> impl Strategy<Value = [Truth; 3]> {
    prop::array::uniform3(prop::sample::select(vec![Truth::True, Truth::False, Truth::Null, Truth::Pending]))
}

fn facts(truths: [Truth; 3]) -> Known<'static> {
    let value = |truth| match truth {
        Truth::True => Some(Value::Bool(true)),
        Truth::False => Some(Value::Bool(false)),
        Truth::Null => Some(Value::Null),
        Truth::Pending => None,
    };
    let names = ["properties.a", "properties.b", "properties.c"];
    Known {
        columns: names.into_iter().zip(truths).filter_map(|(name, t)| Some((name, value(t)?))).collect(),
        all: false,
    }
}

/// What was pending, now known: as `later` says, or NULL.
fn learn(now: Truth, later: Truth) -> Truth {
    match (now, later) {
        (Truth::Pending, Truth::Pending) => Truth::Null,
        (Truth::Pending, later) => later,
        (now, _) => now,
    }
}

proptest! {
    #[test]
    fn an_answer_stays_whatever_is_learnt_later(text in conditions(), now in truths(), later in truths()) {
        let condition = parse(&text);
        let early = condition.eval(&facts(now));
        let learnt = std::array::from_fn(|i| learn(now[i], later[i]));
        let late = condition.eval(&facts(learnt));
        prop_assert_ne!(late, Truth::Pending, "everything is known");
        if early != Truth::Pending {
            prop_assert_eq!(early, late, "{}", text);
        }
    }

    #[test]
    fn the_laws_of_three_valued_logic(a in conditions(), b in conditions(), c in conditions(), known in truths()) {
        // Without pending: of that, only what the test above says is promised.
        let facts = facts(known.map(|truth| learn(truth, Truth::Null)));
        let same = |left: String, right: String| {
            prop_assert_eq!(parse(&left).eval(&facts), parse(&right).eval(&facts), "{} against {}", left, right);
            Ok(())
        };
        same(format!("not ({a} and {b})"), format!("not {a} or not {b}"))?;
        same(format!("{a} and {b}"), format!("{b} and {a}"))?;
        same(format!("{a} or ({b} and {c})"), format!("({a} or {b}) and ({a} or {c})"))?;
        same(format!("not not {a}"), format!("{a} and true"))?;
        same(format!("{a} and ({a} or {b})"), format!("{a} or ({a} and {b})"))?;
    }

    #[test]
    fn arbitrary_text_never_panics(text in ".{0,60}") {
        let _ = Condition::parse(&text, &TimeZone::UTC);
    }

    #[test]
    fn arbitrary_tokens_never_panic(tokens in prop::collection::vec(prop::sample::select(vec![
        "event", "at", "properties", ".", "x", "(", ")", "'a'", "5", "=", "<", "and", "or", "not", "in", "between", "like",
        "is", "null", "+", "-", "/", ",", "cast", "as", "int", "lower", "timestamp", "::", "case", "when", "[", "]", "\"",
        "{", "}", ":", "interval", "day", "'3d'", "*", "$", "array", "struct", "select", "from", "ä",
    ]), 0..16)) {
        let text = tokens.join(" ");
        match Condition::parse(&text, &TimeZone::UTC) {
            Ok(condition) => {
                condition.eval(&Known { columns: EVENT.into_iter().collect(), all: false });
            }
            Err(error) => prop_assert!(text.get(error.bytes).is_some(), "the blamed part lies in the text"),
        }
    }
}

#[test]
fn the_numbers_between_which_a_column_makes_no_difference() {
    let bounds = |text: &str| parse(text).bounds(&Column::Property(vec!["n".to_owned()]));
    assert_eq!(bounds("properties.n > 3 and not 4.5 >= properties.n or event = 'x'"), Some(vec![3.0, 4.5]));
    assert_eq!(bounds("properties.n in (1, 2) or properties.n between 5 and 7"), Some(vec![1.0, 2.0, 5.0, 7.0]));
    assert_eq!(bounds("properties.n is null and properties.m > 3"), Some(vec![]));
    for more in
        ["properties.n + 1 > 3", "properties.n > properties.m", "3 in (properties.n, 4)", "abs(properties.n) = 3"]
    {
        assert_eq!(bounds(more), None, "{more}");
    }
}
