//! Interactions as tables.

use std::sync::Arc;

use super::answer::{Answer, Figures, Group, Kind, Request};
use crate::table::{Cell, Table};

/// What stands for what has no name; the parentheses keep it apart from a name.
pub(super) const UNNAMED: &str = "(none)";

pub(super) fn tables(answer: &Answer) -> Vec<Table> {
    let mut tables = vec![main(answer)];
    for kind in &answer.interactions {
        for (what, groups) in
            [("channel", &kind.channels), ("department", &kind.departments), ("resource", &kind.resources)]
        {
            tables.push(by(kind, what, groups));
        }
        tables.push(usual(kind));
        tables.push(recontacts(kind));
    }
    tables.retain(|table| !table.rows.is_empty());
    if tables.is_empty() {
        tables.push(main(answer));
    }
    tables
}

const HEADERS: [&str; 29] = [
    "opened",
    "resolved",
    "open",
    "abandoned",
    "resolved_share",
    "resolved_share_low",
    "resolved_share_high",
    "first_contact_share",
    "first_contact_share_low",
    "first_contact_share_high",
    "accurate_share",
    "accurate_share_low",
    "accurate_share_high",
    "contacts_mean",
    "contacts_mean_low",
    "contacts_mean_high",
    "switches_mean",
    "switches_mean_low",
    "switches_mean_high",
    "repeats_mean",
    "repeats_mean_low",
    "repeats_mean_high",
    "elapsed_mean_s",
    "elapsed_mean_s_low",
    "elapsed_mean_s_high",
    "elapsed_median_s",
    "ces_mean",
    "ces_mean_low",
    "ces_mean_high",
];

fn cells(figures: &Figures) -> [Cell; 29] {
    let number = |number: Option<f64>| number.map_or(Cell::Empty, Cell::Number);
    let seconds = |seconds: Option<f64>| seconds.map_or(Cell::Empty, Cell::Seconds);
    [
        Cell::Count(figures.opened),
        Cell::Count(figures.resolved),
        Cell::Count(figures.open),
        Cell::Count(figures.abandoned),
        Cell::share(figures.resolved_share),
        Cell::share(figures.resolved_share_low),
        Cell::share(figures.resolved_share_high),
        Cell::share(figures.first_contact_share),
        Cell::share(figures.first_contact_share_low),
        Cell::share(figures.first_contact_share_high),
        Cell::share(figures.accurate_share),
        Cell::share(figures.accurate_share_low),
        Cell::share(figures.accurate_share_high),
        number(figures.contacts_mean),
        number(figures.contacts_mean_low),
        number(figures.contacts_mean_high),
        number(figures.switches_mean),
        number(figures.switches_mean_low),
        number(figures.switches_mean_high),
        number(figures.repeats_mean),
        number(figures.repeats_mean_low),
        number(figures.repeats_mean_high),
        seconds(figures.elapsed_mean_s),
        seconds(figures.elapsed_mean_s_low),
        seconds(figures.elapsed_mean_s_high),
        seconds(figures.elapsed_median_s),
        number(figures.ces_mean),
        number(figures.ces_mean_low),
        number(figures.ces_mean_high),
    ]
}

pub(crate) fn named(name: Option<&Arc<str>>) -> Cell {
    Cell::Text(name.map_or_else(|| UNNAMED.into(), Arc::clone))
}

fn main(answer: &Answer) -> Table {
    let headers: Vec<&str> = ["interaction", "request"].into_iter().chain(HEADERS).chain(["repeatable"]).collect();
    let mut table = Table::new("Interactions", &headers);
    let mut row = |kind: &Kind, request: Cell, figures: &Figures, repeatable: Option<f64>| {
        let mut row = vec![Cell::Text(Arc::clone(&kind.interaction)), request];
        row.extend(cells(figures));
        row.push(repeatable.map_or(Cell::Empty, Cell::Number));
        table.row(row);
    };
    for kind in &answer.interactions {
        row(kind, Cell::Text("(all)".into()), &kind.figures, kind.repeatable);
        for Request { request, figures, repeatable, .. } in &kind.requests {
            row(kind, named(request.as_ref()), figures, *repeatable);
        }
    }
    for kind in &answer.interactions {
        table.notes.extend(notes(kind));
    }
    table.doubts(&answer.doubts)
}

fn notes(kind: &Kind) -> Vec<String> {
    let judged = match kind.window_s {
        Some(window) => format!(
            "{}: first contact and accuracy of the {} that were resolved more than {} before the last event",
            kind.interaction,
            Cell::Count(kind.figures.judged),
            Cell::Seconds(window)
        ),
        None => format!(
            "{}: the charter names no `window:`, so nothing is said of first contact and accuracy",
            kind.interaction
        ),
    };
    let strays = [
        (kind.without_key, "opened without a key"),
        (kind.without_request, "opened without a request"),
        (kind.unopened, "resolved without being open, which count nowhere"),
        (kind.resolved_again, "resolved once more, which count nowhere"),
    ];
    let stray = |(count, what)| format!("{}: {} {what}", kind.interaction, Cell::Count(count));
    std::iter::once(judged).chain(strays.into_iter().filter(|(count, _)| *count > 0).map(stray)).collect()
}

fn by(kind: &Kind, what: &str, groups: &[Group]) -> Table {
    let headers: Vec<&str> = std::iter::once(what).chain(HEADERS).collect();
    let mut table = Table::new(&format!("Interactions `{}` by {what}", kind.interaction), &headers);
    // One group without a name says nothing that the first table does not say.
    for Group { name, figures } in groups.iter().filter(|group| groups.len() > 1 || group.name.is_some()) {
        table.row([[named(name.as_ref())].as_slice(), &cells(figures)].concat());
    }
    table
}

fn usual(kind: &Kind) -> Table {
    let title = format!("The usual path of each request of `{}`", kind.interaction);
    let headers = ["request", "path", "result", "count", "share", "share_low", "share_high", "ways"];
    let mut table = Table::new(&title, &headers);
    for request in &kind.requests {
        let Some(usual) = &request.usual else { continue };
        let result = match usual.result {
            super::Ended::Resolved => "resolved",
            super::Ended::Abandoned => "abandoned",
        };
        table.row([
            named(request.request.as_ref()),
            Cell::Text(usual.path.join(" → ").into()),
            Cell::Text(result.into()),
            Cell::Count(usual.count),
            Cell::share(usual.share),
            Cell::share(usual.share_low),
            Cell::share(usual.share_high),
            Cell::Count(request.ways),
        ]);
    }
    table
}

fn recontacts(kind: &Kind) -> Table {
    let title = format!("New contacts after `{}` was resolved", kind.interaction);
    let mut table = Table::new(&title, &["from", "to", "count", "share", "share_low", "share_high"]);
    for recontact in &kind.recontacts {
        table.row([
            named(recontact.from.as_ref()),
            named(recontact.to.as_ref()),
            Cell::Count(recontact.count),
            Cell::share(recontact.share),
            Cell::share(recontact.share_low),
            Cell::share(recontact.share_high),
        ]);
    }
    table
}
