//! docs/guide/quality.md: what the events themselves tell. The texts of findings are left out.

use std::collections::BTreeMap;

use event::Timestamp;
use serde_json::{Value, json};

use super::figures::{count, object, share, wilson};
use super::log::{Journey, Log, Seen, early};

/// Kinds of findings, the weightiest first.
const KINDS: [&str; 11] = [
    "moment_never_occurs",
    "silent",
    "gap_days",
    "gap_hours",
    "long_ago",
    "clock_ahead",
    "late",
    "repeated",
    "burst",
    "midnight",
    "new_year",
];

/// Events by hour, as the clocks of the charter's zone show it.
type Hours = BTreeMap<i64, u64>;

/// The kind of a finding, how many, and where.
type Found = Vec<(&'static str, u64, String)>;

pub(super) fn answer(log: &Log<'_>) -> Value {
    let events: Vec<&Seen<'_>> = log.journeys.iter().flat_map(Journey::events).collect();
    let customers = log.customers();
    let single = customers.iter().filter(|customer| customer.run.len() == 1).count() as u64;
    let (n, people) = (events.len() as u64, customers.len() as u64);
    let local = |at_us: i64| Timestamp::from_micros(at_us).to_jiff().to_zoned(log.charter.timezone.clone()).datetime();
    let is_midnight = |seen: &&&Seen<'_>| {
        let time = local(seen.at_us);
        (time.hour(), time.minute(), time.second(), time.subsec_nanosecond()) == (0, 0, 0, 0)
    };
    let second = |seen: &Seen<'_>| (seen.event.customer, seen.at_us.div_euclid(1_000_000));
    let mut repeated: BTreeMap<&String, u64> = BTreeMap::new();
    for journey in &log.journeys {
        for ((_, moment), times) in count(journey.events().iter().map(|seen| (second(seen), &seen.moment))) {
            *repeated.entry(moment).or_default() += times - 1;
        }
    }
    let again: u64 = repeated.values().sum();
    let midnight = events.iter().filter(is_midnight).count() as u64;
    let feeds = |of: &dyn Fn(&Seen<'_>) -> Option<String>| -> BTreeMap<String, Hours> {
        let mut feeds: BTreeMap<String, Hours> = BTreeMap::new();
        for seen in &events {
            let name = of(seen).unwrap_or_else(|| "(none)".to_owned());
            *feeds.entry(name).or_default().entry(hour(log, seen.at_us)).or_default() += 1;
        }
        feeds
    };
    let channels = feeds(&|seen| seen.channel.clone());
    let sources = feeds(&|seen| seen.event.columns.get("source").cloned());
    let all: Hours = count(events.iter().map(|seen| hour(log, seen.at_us)));
    let end = trimmed(&all, 168).last().map_or(0, |(hour, _)| *hour);
    let mut found = Found::new();
    let moments = log.charter.moments.iter().map(|moment| &moment.name);
    let never = moments.filter(|name| !events.iter().any(|seen| seen.moment == **name));
    found.extend(never.map(|name| ("moment_never_occurs", 0, format!("moment {name}"))));
    series(log, &all, &channels, &sources, end, &mut found);
    let each_day = all.iter().filter(|(hour, _)| hour.div_euclid(24) <= end.div_euclid(24));
    let each_day: Vec<i64> = each_day
        .flat_map(|(hour, n)| std::iter::repeat_n(hour.div_euclid(24), usize::try_from(*n).expect("few")))
        .collect();
    let long_ago = early(&each_day) as u64;
    found.extend((long_ago > 0).then(|| ("long_ago", long_ago, "all events".to_owned())));
    let behind = |seen: &&Seen<'_>| seen.event.received_us - seen.at_us;
    let ahead = events.iter().filter(|seen| behind(seen) < -5 * 60 * 1_000_000).count() as u64;
    let late = events.iter().filter(|seen| behind(seen) > 30 * 86_400 * 1_000_000).count() as u64;
    for (kind, number) in [("clock_ahead", ahead), ("late", late)] {
        found.extend((number > 0).then(|| (kind, number, "all events".to_owned())));
    }
    for (moment, times) in repeated.into_iter().filter(|(_, times)| *times > 0) {
        let of = events.iter().filter(|seen| seen.moment == *moment).count() as u64;
        found.extend((times * 100 >= of).then(|| ("repeated", times, format!("moment {moment}"))));
    }
    let seconds = |journey: &Journey<'_>| count(journey.events().iter().map(second)).into_values();
    let bursts: u64 = log.journeys.iter().flat_map(seconds).filter(|times| *times > 10).sum();
    found.extend((bursts > 0).then(|| ("burst", bursts, "all events".to_owned())));
    for (name, hours) in &sources {
        let of_source = |seen: &&&Seen<'_>| seen.event.columns.get("source").map_or("(none)", String::as_str) == name;
        let of = events.iter().filter(of_source).filter(is_midnight);
        let new_year = of.clone().filter(|seen| local(seen.at_us).date().day_of_year() == 1).count() as u64;
        let (number, of) = (of.count() as u64, hours.values().sum());
        let place = format!("source {name}");
        found.extend(
            (number >= 20 && wilson(number, of).is_some_and(|share| share[1] > 0.01))
                .then(|| ("midnight", number, place.clone())),
        );
        found.extend(
            (new_year >= 20 && wilson(new_year, number).is_some_and(|share| share[1] > 0.02))
                .then_some(("new_year", new_year, place)),
        );
    }
    let mut findings = sorted(found);
    if single * 2 > people && people >= 20 {
        findings.push(json!({"kind": "single_customers", "where": "all events", "count": single}));
    }
    // What is about less than one in a thousand events comes last, but for what is missing or dated wrongly.
    findings.sort_by_key(|finding| {
        let weighty = ["moment_never_occurs", "silent", "gap_days", "gap_hours", "future", "long_ago"];
        let count = finding["count"].as_u64().expect("a count");
        !weighty.iter().any(|kind| finding["kind"] == *kind) && count * 1000 < n
    });
    let told = |feeds: &BTreeMap<String, Hours>| -> Vec<Value> {
        feeds.iter().map(|(name, hours)| feed(name, hours, end)).collect()
    };
    object([
        json!({
            "events": n,
            "customers": people,
            "single_customers": single,
            "repeated_events": again,
            "midnight_events": midnight,
            "channels": told(&channels),
            "sources": told(&sources),
            "findings": findings,
        }),
        share("single_share", single, people),
        share("repeated_share", again, n),
        share("midnight_share", midnight, n),
    ])
}

/// The hour since 1970 that clocks show.
fn hour(log: &Log<'_>, at_us: i64) -> i64 {
    let local = Timestamp::from_micros(at_us).to_jiff().to_zoned(log.charter.timezone.clone()).datetime();
    let shown = local.to_zoned(jiff::tz::TimeZone::UTC).expect("a time").timestamp().as_second();
    shown.div_euclid(3_600)
}

fn days(hours: &Hours) -> Hours {
    let mut days = Hours::new();
    for (hour, n) in hours {
        *days.entry(hour.div_euclid(24)).or_default() += n;
    }
    days
}

/// Without the first and the last, as long as they are at most one event in a thousand and more than a week lies between
/// them and the rest; a week is so many slots.
fn trimmed(slots: &Hours, week: i64) -> Vec<(i64, u64)> {
    let all: Vec<(i64, u64)> = slots.iter().map(|(slot, n)| (*slot, *n)).collect();
    let stray = slots.values().sum::<u64>() / 1_000;
    let before = |i: usize| all[..=i].iter().map(|(_, n)| n).sum::<u64>();
    let after = |i: usize| all[i..].iter().map(|(_, n)| n).sum::<u64>();
    // Between a slot and the next.
    let far = |i: usize| all[i + 1].0 - all[i].0 > week;
    let gaps = all.len().saturating_sub(1);
    let first = (0..gaps).filter(|i| before(*i) <= stray && far(*i)).max().map_or(0, |i| i + 1);
    let last = (0..gaps).filter(|i| after(i + 1) <= stray && far(*i)).min().map_or(all.len(), |i| i + 1);
    all.get(first..last).map_or_else(Vec::new, <[_]>::to_vec)
}

/// Of ten times from one day with events to the next, nine are at most so long.
fn usual_gap(days: &Hours) -> u64 {
    let all: Vec<i64> = days.keys().copied().collect();
    let gaps: Vec<i64> = all.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let holds = |gap: &&i64| gaps.iter().filter(|other| other <= gap).count() * 10 >= gaps.len() * 9;
    gaps.iter().filter(holds).min().map_or(0, |gap| gap.unsigned_abs())
}

fn silent_days(hours: &Hours, end: i64) -> u64 {
    let last = hours.keys().last().copied().unwrap_or(0);
    u64::try_from(end.div_euclid(24) - last.div_euclid(24)).unwrap_or(0)
}

fn feed(name: &str, hours: &Hours, end: i64) -> Value {
    let shown = |hour: Option<&i64>| {
        let at = jiff::Timestamp::from_second(hour.expect("some event") * 3_600).expect("a time");
        at.strftime("%Y-%m-%d %H:00").to_string()
    };
    json!({
        "name": name,
        "events": hours.values().sum::<u64>(),
        "first": shown(hours.keys().next()),
        "last": shown(hours.keys().last()),
        "days": days(hours).len(),
        "gap_days_p90": usual_gap(&days(hours)),
        "silent_days": silent_days(hours, end),
    })
}

/// Gaps, and channels and sources that fell silent.
fn series(
    log: &Log<'_>,
    all: &Hours,
    channels: &BTreeMap<String, Hours>,
    sources: &BTreeMap<String, Hours>,
    end: i64,
    found: &mut Found,
) {
    let epoch = jiff::civil::date(1970, 1, 1);
    let since_1970 = |date: &jiff::civil::Date| i64::from((*date - epoch).get_days());
    let holidays: Vec<i64> = log.charter.calendar.holidays.iter().map(since_1970).collect();
    let mut series = vec![("all events".to_owned(), all.clone())];
    for (kind, feeds) in [("channel", channels), ("source", sources)] {
        // One alone is the same as all.
        let several = feeds.iter().filter(|_| feeds.len() > 1);
        series.extend(several.map(|(name, hours)| (format!("{kind} {name}"), hours.clone())));
    }
    for (i, (place, hours)) in series.iter().enumerate() {
        let of_days = gaps(&trimmed(&days(hours), 7), 7, 1, &|day| holidays.contains(&day));
        let known = |hour: i64| {
            let day = hour.div_euclid(24);
            holidays.contains(&day) || of_days.iter().any(|(from, to, _)| (*from..*to).contains(&day))
        };
        let of_hours = gaps(&trimmed(hours, 168), 168, 24, &known);
        found.extend(of_days.iter().map(|(_, _, usual)| ("gap_days", *usual, place.clone())));
        found.extend(of_hours.iter().map(|(_, _, usual)| ("gap_hours", *usual, place.clone())));
        let (silent, usual) = (silent_days(hours, end), usual_gap(&days(hours)).max(1));
        let events: u64 = hours.values().sum();
        if i > 0 && events >= 20 && silent >= 3 && silent >= 5 * usual {
            found.push(("silent", events, place.clone()));
        }
    }
}

/// Where nothing is although at least 20 events are usual: from, to, how many.
fn gaps(slots: &[(i64, u64)], week: i64, short: i64, is_free: &dyn Fn(i64) -> bool) -> Vec<(i64, i64, u64)> {
    let (Some((first, _)), Some((last, _))) = (slots.first(), slots.last()) else { return Vec::new() };
    let period = if last - first >= 4 * week { week } else { short };
    // By place in the period: the lower median of all such slots between the first and the last.
    let known: BTreeMap<i64, u64> = slots.iter().copied().collect();
    let usual: Vec<u64> = (0..period)
        .map(|place| {
            let same = (*first..=*last).filter(|slot| slot.rem_euclid(period) == place);
            let mut counts: Vec<u64> = same.map(|slot| known.get(&slot).copied().unwrap_or(0)).collect();
            counts.sort_unstable();
            counts.get(counts.len().saturating_sub(1) / 2).copied().unwrap_or(0)
        })
        .collect();
    let usual = |slot: i64| usual[usize::try_from(slot.rem_euclid(period)).expect("a place")];
    let mut found = Vec::new();
    for pair in slots.windows(2) {
        let (from, to) = (pair[0].0 + 1, pair[1].0);
        let expected = (from..to).filter(|slot| !is_free(*slot)).map(usual).sum();
        if expected >= 20 {
            found.push((from, to, expected));
        }
    }
    found
}

/// The weightiest first; of each kind the ten largest.
fn sorted(mut found: Found) -> Vec<Value> {
    let weight = |kind: &str| KINDS.iter().position(|known| *known == kind).expect("a kind");
    found.sort_by_key(|(kind, number, place)| (weight(kind), std::cmp::Reverse(*number), place.clone()));
    let mut listed = Vec::new();
    for of_kind in found.chunk_by(|a, b| a.0 == b.0) {
        let rows = of_kind.iter().take(10);
        listed.extend(rows.map(|(kind, number, place)| json!({"kind": kind, "where": place, "count": number})));
    }
    listed
}
