//! What the times of events tell against them.

use evidence::{Share, counted};

use super::{EVENTS_MIN, Finding, Kind, Seen};
use crate::quality::hours::shown_day;
use crate::quality::series::Series;

/// More than this share at midnight was not measured to the second: by chance it is one in 86,400.
const MIDNIGHT_SHARE: f64 = 0.01;

/// Few events far before all others.
pub(super) fn long_ago(all: &Series, end: i64, found: &mut Vec<Finding>) {
    let Some((count, first, since)) = all.early(end) else { return };
    found.push(Finding {
        kind: Kind::LongAgo,
        place: "all events".to_owned(),
        count,
        what: format!(
            "{} from {}, before all others, which begin on {}",
            counted(count, "event is", "events are"),
            shown_day(first),
            shown_day(since)
        ),
        why: "a wrong date, most likely: a customer seems to be known for years, and what is far back comes first"
            .to_owned(),
        to_do: format!(
            "correct the date and import again, or leave it out with --events \"at >= '{}'\"",
            shown_day(since)
        ),
    });
}

/// Events in the future, before or long after they were received, and at times that were not measured.
pub(super) fn clocks(seen: &Seen<'_>, found: &mut Vec<Finding>) {
    let counts = seen.counts;
    let of_received = format!("of {} events of which it is known when they were received", counts.received);
    let mut push = |kind, place: &str, count: u64, what: String, why: &str, to_do: &str| {
        if count > 0 {
            let (place, why, to_do) = (place.to_owned(), why.to_owned(), to_do.to_owned());
            found.push(Finding { kind, place, count, what, why, to_do });
        }
    };
    let order = "the order of events, and every time between two of them, may be wrong";
    push(
        Kind::Future,
        "all events",
        counts.future,
        format!("{} in the future", counted(counts.future, "event lies", "events lie")),
        order,
        "correct the clock of the sender, or read day and month the other way round with --dates",
    );
    push(
        Kind::ClockAhead,
        "all events",
        counts.ahead,
        format!("{} {of_received} happened more than 5 minutes after that", counts.ahead),
        order,
        "correct the clock of the sender, or let it send `sentAt`",
    );
    push(
        Kind::Late,
        "all events",
        counts.late,
        format!("{} {of_received} came more than 30 days late", counts.late),
        "answers about the last weeks change when late events come",
        "see what holds them back; until then leave the latest weeks out with --to",
    );
    let name = |place: usize| match place {
        0 => "source (none)".to_owned(),
        1 => "source (others)".to_owned(),
        known => format!("source {}", seen.words[known - 2]),
    };
    let all = |list: &[u64]| list.iter().sum::<u64>();
    for (source, midnight) in counts.midnight.iter().enumerate() {
        let (series, new_year) = (name(source), counts.new_year.get(source).copied().unwrap_or(0));
        let of_source = seen.sources.iter().find(|(name, _)| series == format!("source {name}"));
        let events = of_source.map_or(0, |(_, series)| series.summary(seen.end).events);
        let share = Share::new((*midnight).min(events), events);
        if *midnight >= EVENTS_MIN && share.low > Some(MIDNIGHT_SHARE) {
            push(
                Kind::Midnight,
                &series,
                *midnight,
                format!("{:.0} % of its events are exactly at midnight", share.share.unwrap_or_default() * 100.0),
                "only the day was recorded: what happened first on a day, and times of less than a day, mean nothing",
                "map a column with the time of day, or ask in days",
            );
        }
        // By chance one midnight in 365 is a new year's.
        if new_year >= EVENTS_MIN && Share::new(new_year, *midnight).low > Some(0.02) {
            push(
                Kind::NewYear,
                &series,
                new_year,
                format!("{new_year} events are exactly at the beginning of a year"),
                "this is what a missing date often becomes: these events are in the wrong place of their journeys",
                "map another column for the time, or name the value under `unknown:` of the source",
            );
        }
    }
    debug_assert!(all(&counts.new_year) <= all(&counts.midnight), "new year is a midnight");
}
