//! The quality of data as tables: findings, shares, channels and sources, events that are no moment.

use std::sync::Arc;

use super::Answer;
use crate::table::{Cell, Table};

pub(super) fn tables(answer: &Answer) -> Vec<Table> {
    let mut main = Table::new("Findings", &["finding", "where", "count", "what", "why", "do"]);
    for finding in &answer.findings {
        main.row([
            Cell::Text(finding.kind.name().into()),
            Cell::Text(finding.place.as_str().into()),
            Cell::Count(finding.count),
            Cell::Text(finding.what.as_str().into()),
            Cell::Text(finding.why.as_str().into()),
            Cell::Text(finding.to_do.as_str().into()),
        ]);
    }
    let [events, customers] = [answer.events, answer.customers].map(Cell::Count);
    main.notes.push(format!("looked at {events} events of {customers} customers"));
    if answer.findings.is_empty() {
        main.notes.push("nothing was found that stands against these data".to_owned());
    }
    let mut all = vec![main.doubts(&answer.doubts), shares_table(answer)];
    for (title, feeds) in [("Channels", &answer.channels), ("Sources", &answer.sources)] {
        let mut table = Table::new(title, &["name", "events", "first", "last", "days", "gap_days_p90", "silent_days"]);
        for feed in feeds {
            table.row([
                Cell::Text(Arc::clone(&feed.name)),
                Cell::Count(feed.events),
                Cell::Text(feed.first.as_str().into()),
                Cell::Text(feed.last.as_str().into()),
                Cell::Count(feed.days),
                Cell::Count(feed.gap_days_p90),
                Cell::Count(feed.silent_days),
            ]);
        }
        all.push(table);
    }
    if let Some(unknown) = answer.unknown.as_ref().filter(|unknown| unknown.events > 0) {
        let mut table = Table::new("Events that are no moment", &["event", "events", "nearest_moment"]);
        for name in &unknown.names {
            let nearest = name.nearest.clone().map_or(Cell::Empty, |name| Cell::Text(name.into()));
            table.row([Cell::Text(name.event.as_str().into()), Cell::Count(name.events), nearest]);
        }
        all.push(table);
    }
    all
}

fn shares_table(answer: &Answer) -> Table {
    let mut table = Table::new("Shares", &["of", "count", "share", "share_low", "share_high"]);
    let mut row = |what: &str, count: u64, shares: [Option<f64>; 3]| {
        let counted = [Cell::Text(what.into()), Cell::Count(count)];
        table.row([counted.as_slice(), &shares.map(Cell::share)].concat());
    };
    if let (Some(count), Some(share), Some(low), Some(high)) =
        (answer.stitched_customers, answer.stitched_share, answer.stitched_share_low, answer.stitched_share_high)
    {
        row("customers with more than one key", count, [share, low, high].map(Some));
    }
    if answer.customers > 0 {
        let single = [answer.single_share, answer.single_share_low, answer.single_share_high];
        row("customers with one event", answer.single_customers, single);
    }
    if answer.events > 0 {
        let repeated = [answer.repeated_share, answer.repeated_share_low, answer.repeated_share_high];
        row("events that are there before", answer.repeated_events, repeated);
        let midnight = [answer.midnight_share, answer.midnight_share_low, answer.midnight_share_high];
        row("events at midnight", answer.midnight_events, midnight);
    }
    if let Some(unknown) = &answer.unknown {
        let shares = [unknown.share, unknown.share_low, unknown.share_high];
        row("events that are no moment", unknown.events, shares);
    }
    table
}
