//! The charter of a world: what there is of everything, and sometimes nothing of it.

use std::fmt::Write;

use crate::Random;

/// Where and when a world is, which lives have to know.
#[derive(Debug, Clone)]
pub(super) struct Setting {
    /// When its first event may be, in microseconds since 1970.
    pub(super) since_us: i64,
    /// How many days it lasts.
    pub(super) days: u32,
    /// The names that events have.
    pub(super) names: Vec<&'static str>,
}

/// Zones with a day near which worlds begin: clocks change, a day is left out, a year has 53 weeks or a leap day.
const PLACES: [(&str, &str); 8] = [
    ("Europe/Berlin", "2025-03-20"),
    ("Europe/Berlin", "2025-10-15"),
    ("Africa/Cairo", "2025-04-18"),
    ("Australia/Lord_Howe", "2025-03-27"),
    ("Pacific/Apia", "2011-12-22"),
    ("America/New_York", "2024-02-20"),
    ("UTC", "2020-12-18"),
    ("Asia/Kolkata", "2025-06-01"),
];

/// All moments that a world may have.
pub(super) const MOMENTS: [&str; 11] =
    ["visit", "search", "cart", "order", "delivered", "ticket", "work", "done", "invite", "survey", "login"];

const SPANS: [&str; 6] = ["6h", "1d", "2d", "3d", "7d", "14d"];

/// A charter, and what lives have to know of it.
pub(super) fn write(random: &mut Random) -> (Setting, String) {
    let (zone, day) = *random.pick(&PLACES);
    let date: jiff::civil::Date = day.parse().expect("a date");
    let days = *random.pick(&[12, 30, 80, 150]);
    let since_us = date.to_zoned(jiff::tz::TimeZone::UTC).expect("a time").timestamp().as_microsecond();
    let mut names = MOMENTS.to_vec();
    names.push("noise");
    let setting = Setting { since_us, days, names };
    let mut text = format!("charter: 1\ntimezone: {zone}\n");
    if random.chance(0.08) {
        // A charter that says next to nothing: every name is a moment.
        return (setting, text);
    }
    let line = |text: &mut String, line: String| writeln!(text, "{line}").expect("a text");
    if random.chance(0.7) {
        line(&mut text, "currency: EUR".to_owned());
    }
    let hours = *random.pick(&["", ", hours: \"08:00-18:00\"", ", hours: \"09:30-17:15\""]);
    let weekdays = random.pick(&["mon-fri", "mon-sat"]);
    let holiday = date.checked_add(jiff::Span::new().days(i64::from(random.below(days)))).expect("a date");
    line(&mut text, format!("calendar: {{days: {weekdays}{hours}, holidays: [{holiday}]}}"));
    let web = if random.chance(0.5) { "{when: \"source = 'site'\"}" } else { "{}" };
    line(&mut text, format!("channels: {{web: {web}, app: {{}}, call: {{human: true}}, shop: {{human: true}}}}"));
    if random.chance(0.7) {
        line(&mut text, "departments: {sales: {}, service: {}}".to_owned());
    }
    let staged = random.chance(0.9);
    let stages = stages(random);
    if staged {
        let goals = stages.iter().map(|(name, goal)| format!("{name}: {{{goal}}}"));
        line(&mut text, format!("stages: {{{}}}", goals.collect::<Vec<_>>().join(", ")));
    }
    moments(random, &mut text, &stages[..if staged { stages.len() } else { 0 }]);
    for part in [journeys, interactions, outcomes, surveys, expectations, segments] {
        if random.chance(0.9) {
            part(random, &mut text);
        }
    }
    (setting, text)
}

fn stages(random: &mut Random) -> Vec<(&'static str, String)> {
    let count = 2 + random.below(3) as usize;
    let goal = |random: &mut Random| match random.below(6) {
        0 => "goal: reach",
        1 => "goal: conversion",
        2 => "goal: basket",
        3 => "goal: lifetime",
        4 => "goal: advocacy",
        _ => "label: Anything",
    };
    ["choice", "deal", "use", "review"].into_iter().take(count).map(|name| (name, goal(random).to_owned())).collect()
}

fn moments(random: &mut Random, text: &mut String, stages: &[(&'static str, String)]) {
    text.push_str("moments:\n");
    for name in MOMENTS {
        let mut parts = Vec::new();
        if !stages.is_empty() && random.chance(0.75) {
            parts.push(format!("stage: {}", random.pick(stages).0));
        }
        if random.chance(0.6) {
            parts.push(format!("owner: {}", random.pick(&["sales", "service"])));
        }
        let when = match name {
            // What is no large order is none at all.
            "order" if random.chance(0.3) => "event = 'order' and properties.total > 5".to_owned(),
            name => format!("event = '{name}'"),
        };
        parts.push(format!("when: \"{when}\""));
        writeln!(text, "  {name}: {{{}}}", parts.join(", ")).expect("a text");
    }
}

/// Drawn journeys from the simple to the intricate.
const DRAWN: [&str; 8] = [
    "visit cart order",
    "visit (search | cart)* cart order",
    "visit .. cart .. order",
    "visit search? (cart search)+ order",
    "(visit | search) .. order",
    "visit !order* order",
    "visit cart@web order{<2d}",
    "visit . cart? order",
];

fn journeys(random: &mut Random, text: &mut String) {
    let after = *random.pick(&["1d", "3d", "7d", "14d", "1bd", "3bd"]);
    let abandoned = if random.chance(0.9) { format!(", abandoned_after: {after}") } else { String::new() };
    let succeeds = random.pick(&["order", "[order, delivered]", "done"]);
    let drawn = *random.pick(&DRAWN);
    let promised = *random.pick(&["cart..order: 1d", "visit..cart: 1bd", "cart..order: 2d, visit..search: 6h"]);
    let designed =
        if random.chance(0.85) { format!(", designed: \"{drawn}\", promised: {{{promised}}}") } else { String::new() };
    let starts = random.pick(&["[visit, search]", "visit", "[visit, ticket]"]);
    writeln!(text, "journeys:\n  purchase: {{starts: {starts}, succeeds: {succeeds}{abandoned}{designed}}}")
        .expect("a text");
    if random.chance(0.6) {
        let span = random.pick(&SPANS);
        writeln!(text, "  care: {{starts: ticket, succeeds: done, abandoned_after: {span}}}").expect("a text");
    }
}

fn interactions(random: &mut Random, text: &mut String) {
    text.push_str("interactions:\n");
    let window = |random: &mut Random| {
        let span = *random.pick(&SPANS);
        if random.chance(0.9) { format!(", window: {span}") } else { String::new() }
    };
    let key = random.pick(&["key: properties.ticket_id, ", "key: case_id, ", ""]);
    let request = random.pick(&["request: properties.topic, ", "request: properties.topic, ", ""]);
    let opens = random.pick(&["[ticket]", "[ticket]", "[ticket, visit]"]);
    let resolves = random.pick(&["[done]", "[done]", "[done, delivered]"]);
    let span = window(random);
    writeln!(text, "  help: {{{key}{request}opens: {opens}, resolves: {resolves}{span}}}").expect("a text");
    if random.chance(0.4) {
        let span = window(random);
        let request = random.pick(&["request: properties.topic, ", ""]);
        writeln!(text, "  shopping: {{{request}opens: [visit, cart], resolves: [cart, order]{span}}}").expect("a text");
    }
}

fn outcomes(random: &mut Random, text: &mut String) {
    let horizon = |random: &mut Random| {
        let span = *random.pick(&SPANS);
        if random.chance(0.7) { format!(", horizon: {span}") } else { String::new() }
    };
    let first = horizon(random);
    writeln!(text, "outcomes:\n  sale: {{when: moment = 'order', value: properties.total{first}}}").expect("a text");
    if random.chance(0.7) {
        let second = horizon(random);
        let value = random.pick(&[", value: 12.5", ""]);
        writeln!(text, "  complaint: {{when: \"moment = 'ticket' and channel = 'call'\", bad: true{value}{second}}}")
            .expect("a text");
    }
    if random.chance(0.5) {
        let third = horizon(random);
        writeln!(text, "  visit: {{when: moment = 'visit', value: 2{third}}}").expect("a text");
    }
}

fn surveys(random: &mut Random, text: &mut String) {
    let kind = random.pick(&["nps", "csat", "ces"]);
    let reason = random.pick(&[", reason: properties.reason", ""]);
    let asked = random.pick(&["", ", asked: order", ", asked: visit"]);
    writeln!(text, "surveys:\n  said: {{moment: survey, score: properties.score, kind: {kind}{reason}{asked}}}")
        .expect("a text");
    if random.chance(0.4) {
        let moment = random.pick(&["survey", "done"]);
        writeln!(text, "  ease: {{moment: {moment}, score: properties.ease, kind: csat}}").expect("a text");
    }
}

fn expectations(random: &mut Random, text: &mut String) {
    let within = |random: &mut Random| *random.pick(&["6h", "1d", "2d", "3d", "0bd", "1bd", "3bd"]);
    let (first, second) = (within(random), within(random));
    let owner = random.pick(&[", owner: sales", ""]);
    writeln!(
        text,
        "expectations:\n  delivery: {{after: order, promise: delivered, within: {first}{owner}}}\n  answer: {{after: \
         ticket, promise: done, within: {second}, owner: service}}"
    )
    .expect("a text");
    if random.chance(0.3) {
        // What fulfils one promise makes the next.
        text.push_str("  again: {after: visit, promise: visit, within: 2d, owner: sales}\n");
    }
}

/// Every fact of a customer comes up in one of these.
const SEGMENTS: [&str; 24] = [
    "events > 6",
    "first < '2024-01-01' or days > 20.5",
    "last >= '2025-04-01T00:00:00Z'",
    "days_since_first >= 20",
    "days_since_last < 10",
    "days_between_median <= 1",
    "channels >= 2",
    "stage = 'deal'",
    "first_moment = 'visit'",
    "last_moment <> 'survey'",
    "count_of.order >= 2",
    "first_of.order < last_of.visit",
    "days_since_first_of.ticket > 10",
    "not (days_since_last_of.cart > 5)",
    "share_of_channel.call > 0.2",
    "journeys_of.purchase > 1",
    "succeeded_of.purchase = abandoned_of.purchase",
    "outcomes_of.sale between 1 and 3",
    "value_of.sale > 50 or value_of.sale = 0",
    "events > 1000",
    "last_of.order - first_of.visit > '9d'",
    "first_of.ticket - first between '1h' and interval '20 days'",
    "not (last_of.visit - last_of.order > '0s') or (last - first) / events < '12h'",
    "first_of.cart + '3d' < last_of.order",
];

fn segments(random: &mut Random, text: &mut String) {
    let has = |part: &str| text.contains(part);
    let possible = |segment: &&&str| {
        (has("stages:") || !segment.contains("stage"))
            && (has("journeys:") || !segment.contains("purchase"))
            && (has("outcomes:") || !segment.contains("sale"))
    };
    let possible: Vec<&str> = SEGMENTS.iter().filter(possible).copied().collect();
    let chosen: Vec<&str> = (0..4).map(|_| *random.pick(&possible)).collect();
    text.push_str("segments:\n");
    if random.chance(0.5) {
        text.push_str("  mixed: group1 and not (group2 or group3)\n");
    }
    for (i, segment) in chosen.iter().enumerate() {
        writeln!(text, "  group{i}: \"{segment}\"").expect("a text");
    }
}
