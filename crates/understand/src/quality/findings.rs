//! What was found: each finding says what, where, how often, why it matters and what to do.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

use charter::Charter;
use charter::moments::Moment;
use evidence::{Share, counted};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::hours::{shown, shown_day};
use super::series::{Gap, Series};
use super::{Answer, BURST_EVENTS, Counts, Options};
use crate::views::answered;
use event::similar;

use crate::Answered;

mod clocks;

/// A kind of finding, the weightiest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A moment of the charter of which there is no event.
    MomentNeverOccurs,
    /// Events that are no moment of the charter.
    UnknownMoments,
    /// Rows that were not read.
    Rejected,
    /// A channel or source of which nothing comes any more.
    Silent,
    /// Days without any event.
    GapDays,
    /// Hours without any event.
    GapHours,
    /// Events that lie in the future.
    Future,
    /// Few events that lie far before all others.
    LongAgo,
    /// Events that were received before they happened.
    ClockAhead,
    /// Events that were received long after they happened.
    Late,
    /// Events of the same customer, moment and second.
    Repeated,
    /// More events of one customer in one second than a person makes.
    Burst,
    /// Events exactly at midnight.
    Midnight,
    /// Events exactly at the beginning of a year.
    NewYear,
    /// Customers of whom one event is known.
    SingleCustomers,
    /// Events that were imported before.
    SentAgain,
}

impl Kind {
    /// Its name, as in the JSON.
    pub fn name(self) -> &'static str {
        match self {
            Kind::MomentNeverOccurs => "moment_never_occurs",
            Kind::UnknownMoments => "unknown_moments",
            Kind::Rejected => "rejected",
            Kind::Silent => "silent",
            Kind::GapDays => "gap_days",
            Kind::GapHours => "gap_hours",
            Kind::Future => "future",
            Kind::LongAgo => "long_ago",
            Kind::ClockAhead => "clock_ahead",
            Kind::Late => "late",
            Kind::Repeated => "repeated",
            Kind::Burst => "burst",
            Kind::Midnight => "midnight",
            Kind::NewYear => "new_year",
            Kind::SingleCustomers => "single_customers",
            Kind::SentAgain => "sent_again",
        }
    }
}

/// Something that stands against the data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Finding {
    /// Its kind.
    pub kind: Kind,
    /// Where: all events, a channel, a source, a moment, a reason.
    #[serde(rename = "where")]
    pub place: String,
    /// How many: events, rows, customers; of gaps, the events that would have been usual.
    pub count: u64,
    /// What was found.
    pub what: String,
    /// Why it matters.
    pub why: String,
    /// What to do.
    pub to_do: String,
}

/// Events that are no moment of the charter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Unknown {
    /// How many.
    pub events: u64,
    /// As a share of all events, moments or not.
    pub share: Option<f64>,
    /// Lower end of the 95 % interval of that share.
    pub share_low: Option<f64>,
    /// Upper end.
    pub share_high: Option<f64>,
    /// The most frequent names, at most 20.
    pub names: Vec<UnknownName>,
}

/// The name of such events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UnknownName {
    /// The name.
    pub event: String,
    /// How many events.
    pub events: u64,
    /// The moment of the charter that it looks like.
    pub nearest: Option<String>,
}

/// What only imports, keys and the lake know.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Besides {
    /// Whether the answer is about the whole lake, as the rest is: of a part of it, that would be shares of something else.
    pub whole: bool,
    /// By name: events that are no moment of the charter.
    pub left_out: BTreeMap<String, u64>,
    /// By reason: rows that were not read.
    pub rejected: BTreeMap<String, u64>,
    /// Events that were imported again.
    pub sent_again: u64,
    /// Customers to whom more than one key leads.
    pub stitched_customers: u64,
}

/// Findings of one kind that are listed; the largest.
const LISTED_MAX: usize = 10;
/// What is about less than one in so many events is light.
const LIGHT: u64 = 1_000;
/// Unknown names that are listed.
const NAMES_MAX: usize = 20;
/// A channel is silent when it is so many times its usual gap, and at least so many days.
const SILENT_GAPS: u64 = 5;
const SILENT_DAYS_MIN: u64 = 3;
/// Of fewer events nothing is concluded.
const EVENTS_MIN: u64 = 20;

/// What the fold saw.
pub(super) struct Seen<'a> {
    pub(super) counts: &'a Counts,
    pub(super) all: &'a Series,
    pub(super) channels: &'a [(Arc<str>, Series)],
    pub(super) sources: &'a [(Arc<str>, Series)],
    pub(super) end: i64,
    pub(super) holidays: &'a [i64],
    pub(super) words: &'a [Arc<str>],
    pub(super) moments: &'a [Arc<str>],
    pub(super) charter: &'a Charter,
}

/// All findings of the fold, the weightiest first.
pub(super) fn found(seen: &Seen<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    never(seen, &mut found);
    let feeds = |kind: &'static str, feeds: &'_ [(Arc<str>, Series)]| -> Vec<(String, Series)> {
        // One feed alone is the same as all.
        let several = feeds.len() > 1;
        feeds.iter().filter(|_| several).map(|(name, one)| (format!("{kind} {name}"), one.clone())).collect()
    };
    let mut all = vec![("all events".to_owned(), seen.all.clone())];
    all.extend(feeds("channel", seen.channels));
    all.extend(feeds("source", seen.sources));
    for (place, series) in &all {
        gaps(place, series, seen.holidays, &mut found);
    }
    for (place, series) in all.iter().skip(1) {
        silent(place, series, seen.end, &mut found);
    }
    clocks::long_ago(seen.all, seen.end, &mut found);
    clocks::clocks(seen, &mut found);
    repeats(seen, &mut found);
    let counts = seen.counts;
    if counts.single_customers * 2 > counts.customers && counts.customers >= EVENTS_MIN {
        let share = 100.0 * counts.single_customers as f64 / counts.customers as f64;
        found.push(Finding {
            kind: Kind::SingleCustomers,
            place: "all events".to_owned(),
            count: counts.single_customers,
            what: format!("of {share:.0} % of the customers only one event is known"),
            why: "a single event is no journey: the same person may be several customers whose keys were never joined"
                .to_owned(),
            to_do: "see whether events carry a key that other events carry too, and name it under `keys:`".to_owned(),
        });
    }
    sorted(found, counts.events)
}

impl Finding {
    /// Whether it is about so few of all events that it hardly moves any figure. What is missing or dated wrongly moves
    /// figures however little there is of it.
    fn is_light(&self, events: u64) -> bool {
        let counts = !matches!(
            self.kind,
            Kind::MomentNeverOccurs | Kind::Silent | Kind::GapDays | Kind::GapHours | Kind::Future | Kind::LongAgo
        );
        counts && self.count.saturating_mul(LIGHT) < events
    }
}

/// The weightiest first: what is about next to none of so many events comes last. Of one kind the largest, and no more than
/// can be read.
fn sorted(mut found: Vec<Finding>, events: u64) -> Vec<Finding> {
    let weight = |finding: &Finding| (finding.is_light(events), finding.kind, Reverse(finding.count));
    found.sort_by(|a, b| weight(a).cmp(&weight(b)).then_with(|| a.place.cmp(&b.place)));
    let mut listed: BTreeMap<Kind, usize> = BTreeMap::new();
    found.retain(|finding| {
        let listed = listed.entry(finding.kind).or_default();
        *listed += 1;
        *listed <= LISTED_MAX
    });
    found
}

fn never(seen: &Seen<'_>, found: &mut Vec<Finding>) {
    for moment in &seen.charter.moments {
        let number = seen.moments.iter().position(|name| **name == *moment.name);
        let events = number.and_then(|number| seen.counts.moments.get(number)).copied().unwrap_or(0);
        if events == 0 {
            found.push(Finding {
                kind: Kind::MomentNeverOccurs,
                place: format!("moment {}", moment.name),
                count: 0,
                what: format!("no event is of the moment `{}`: {}", moment.name, moment.when.text()),
                why: "journeys, promises and outcomes that need it never happen".to_owned(),
                to_do: "compare its `when:` with the names in the data, or import what is missing".to_owned(),
            });
        }
    }
}

fn gaps(place: &str, series: &Series, holidays: &[i64], found: &mut Vec<Finding>) {
    let finding = |kind, gap: Gap, length: String, from: String, to: String| Finding {
        kind,
        place: place.to_owned(),
        count: gap.usual,
        what: format!("no event for {length}, from {from} to before {to}; about {} are usual then", gap.usual),
        why: "a feed that broke looks like customers who stayed away".to_owned(),
        to_do: "import what is missing for this time, or leave the time out with --from and --to".to_owned(),
    };
    let length = |n: i64, unit: &str| format!("{n} {unit}{}", if n == 1 { "" } else { "s" });
    for gap in series.day_gaps(holidays) {
        let days = length(gap.to - gap.from, "day");
        found.push(finding(Kind::GapDays, gap, days, shown_day(gap.from), shown_day(gap.to)));
    }
    for gap in series.hour_gaps(holidays) {
        let hours = length(gap.to - gap.from, "hour");
        found.push(finding(Kind::GapHours, gap, hours, shown(gap.from), shown(gap.to)));
    }
}

fn silent(place: &str, series: &Series, end: i64, found: &mut Vec<Finding>) {
    let summary = series.summary(end);
    let usual = summary.gap_days_p90.max(1);
    if summary.events < EVENTS_MIN || summary.silent_days < SILENT_DAYS_MIN.max(usual * SILENT_GAPS) {
        return;
    }
    found.push(Finding {
        kind: Kind::Silent,
        place: place.to_owned(),
        count: summary.events,
        what: format!(
            "nothing since {}: silent for {} days, where {usual} is usual",
            shown(summary.last),
            summary.silent_days
        ),
        why: "what customers do there is missing from every journey since".to_owned(),
        to_do: "see whether it was switched off or its export broke".to_owned(),
    });
}

fn repeats(seen: &Seen<'_>, found: &mut Vec<Finding>) {
    let counts = seen.counts;
    for (moment, repeated) in counts.repeated.iter().enumerate().filter(|(_, n)| **n > 0) {
        let of = counts.moments.get(moment).copied().unwrap_or(0);
        // A few are clicked twice; one in a hundred is a fault.
        if Share::new((*repeated).min(of), of).share < Some(0.01) {
            continue;
        }
        found.push(Finding {
            kind: Kind::Repeated,
            place: format!("moment {}", seen.moments[moment]),
            count: *repeated,
            what: format!("{repeated} of {of} events are there before, of the same customer in the same second"),
            why: "counts of it are too high, and it seems to follow itself".to_owned(),
            to_do: "give each event an id (`message_id`), one row per fact (`one_per`), or import each file once"
                .to_owned(),
        });
    }
    if counts.burst_seconds > 0 {
        found.push(Finding {
            kind: Kind::Burst,
            place: "all events".to_owned(),
            count: counts.burst_events,
            what: format!(
                "{} more than {BURST_EVENTS} events in one second, {}",
                counted(counts.burst_customers, "customer has", "customers have"),
                counted(counts.burst_seconds, "time", "times")
            ),
            why: "no person is so fast: a robot, a batch job, or many people under one key".to_owned(),
            to_do: "look at one with `desireline customer`, and leave them out or name the key under `junk:`"
                .to_owned(),
        });
    }
}

/// What a moment that never occurs may have been meant to be, of the names of events that are no moment.
pub(crate) fn near<'a>(moment: &Moment, others: &(impl Iterator<Item = &'a str> + Clone)) -> Option<String> {
    let mut near: Vec<String> = Vec::new();
    for text in moment.when.texts().into_iter().chain([moment.name.as_str()]) {
        for name in similar(text, others.clone()) {
            if !near.contains(&name) {
                near.push(name);
            }
        }
    }
    let said = || format!("did you mean `{}`? events of this name are no moment", near.join("`, `"));
    (!near.is_empty()).then(said)
}

/// What was put aside on import, and what came again.
fn imported(besides: &Besides, found: &mut Vec<Finding>) {
    for (reason, rows) in besides.rejected.iter().filter(|(_, rows)| **rows > 0) {
        found.push(Finding {
            kind: Kind::Rejected,
            place: format!("reason {reason}"),
            count: *rows,
            what: format!("{} put aside", counted(*rows, "row was", "rows were")),
            why: "what they say is missing".to_owned(),
            to_do: "look at them in `quarantine/` of the home, correct the source or its mapping, and import again"
                .to_owned(),
        });
    }
    if besides.sent_again > 0 {
        found.push(Finding {
            kind: Kind::SentAgain,
            place: "all imports".to_owned(),
            count: besides.sent_again,
            what: format!("{} again and not taken twice", counted(besides.sent_again, "event came", "events came")),
            why: "none: it says that imports overlap".to_owned(),
            to_do: "nothing".to_owned(),
        });
    }
}

/// The answer with what the fold could not see.
pub fn complete(mut answer: Answer, besides: &Besides, charter: &Charter) -> Box<dyn Answered> {
    if besides.whole {
        let stitched = Share::new(besides.stitched_customers.min(answer.customers), answer.customers);
        answer.stitched_customers = Some(besides.stitched_customers);
        [answer.stitched_share, answer.stitched_share_low, answer.stitched_share_high] =
            [stitched.share, stitched.low, stitched.high];
        unknown(&mut answer, besides, charter);
    }
    for finding in answer.findings.iter_mut().filter(|finding| finding.kind == Kind::MomentNeverOccurs) {
        let moment = charter.moments.iter().find(|moment| finding.place == format!("moment {}", moment.name));
        let Some(moment) = moment else { continue };
        if let Some(near) = near(moment, &besides.left_out.keys().map(String::as_str)) {
            finding.to_do = near;
        }
    }
    imported(besides, &mut answer.findings);
    answer.findings = sorted(answer.findings, answer.events);
    answered(&Options::default(), answer)
}

/// Says which events are no moment.
fn unknown(answer: &mut Answer, besides: &Besides, charter: &Charter) {
    let unknown: u64 = besides.left_out.values().sum();
    let share = Share::new(unknown, answer.events + unknown);
    let mut names: Vec<(&String, &u64)> = besides.left_out.iter().collect();
    names.sort_by_key(|(name, n)| (Reverse(**n), *name));
    let texts: Vec<(&str, &str)> = charter
        .moments
        .iter()
        .flat_map(|moment| {
            moment.when.texts().into_iter().chain([moment.name.as_str()]).map(|text| (text, moment.name.as_str()))
        })
        .collect();
    let moment_like = |name: &str| {
        let near = similar(name, texts.iter().map(|(text, _)| *text));
        let near = near.first()?;
        texts.iter().find(|(text, _)| text == near).map(|(_, moment)| (*moment).to_owned())
    };
    let listed: Vec<UnknownName> = names
        .iter()
        .take(NAMES_MAX)
        .map(|(name, n)| UnknownName { event: (*name).clone(), events: **n, nearest: moment_like(name) })
        .collect();
    if unknown > 0 {
        answer.findings.push(Finding {
            kind: Kind::UnknownMoments,
            place: "all events".to_owned(),
            count: unknown,
            what: format!(
                "{:.1} % of the events are no moment of the charter, most of them `{}`",
                share.share.unwrap_or_default() * 100.0,
                listed.first().map_or("", |name| &name.event)
            ),
            why: "no view sees them".to_owned(),
            to_do: "add a moment for those that matter, and leave the others".to_owned(),
        });
    }
    answer.unknown = Some(Unknown {
        events: unknown,
        share: share.share,
        share_low: share.low,
        share_high: share.high,
        names: listed,
    });
}
