//! Retention as tables: the triangle of cohorts, and all of them together with intervals.

use event::Period;

use super::{Answer, Cell as Part, Mode};
use crate::table::{Cell, Table};

pub(super) fn tables(answer: &Answer) -> Vec<Table> {
    vec![triangle(answer), together(answer), each(answer)]
}

/// What a cell counts, in words: `week 3`, `week 3 or later`, `days 4 to 7`.
pub(super) fn span(answer: &Answer, part: &Part) -> String {
    let unit = if answer.mode == Mode::Bounded { Period::Day } else { answer.by };
    match part.to {
        None => format!("{unit} {} or later", part.from),
        Some(to) if to == part.from => format!("{unit} {to}"),
        Some(to) => format!("{unit}s {} to {to}", part.from),
    }
}

fn triangle(answer: &Answer) -> Table {
    let spans: Vec<String> = answer.all.iter().map(|part| span(answer, part)).collect();
    let headers: Vec<&str> = ["cohort", "customers"].into_iter().chain(spans.iter().map(String::as_str)).collect();
    let mut table = Table::new("Share of each cohort that came back", &headers);
    let cells = |parts: &[Part]| -> Vec<Cell> { parts.iter().map(|part| Cell::share(part.share)).collect() };
    for cohort in &answer.cohorts {
        let first = [Cell::Text(cohort.cohort.as_str().into()), Cell::Count(cohort.customers)];
        table.row([first.as_slice(), &cells(&cohort.periods)].concat());
    }
    // The parentheses keep it apart from a cohort.
    let all = [Cell::Text("(all)".into()), Cell::Count(answer.customers)];
    table.row([all.as_slice(), &cells(&answer.all)].concat());
    let first = answer.moment.as_ref().map_or_else(|| "event".to_owned(), |moment| format!("`{moment}`"));
    table.notes.push(format!("a cohort is the {} of a customer's first {first}", answer.by));
    table.notes.push(format!("what is not over by {} is left out and empty here", answer.until));
    if answer.without_moment > 0 {
        table.notes.push(format!("{} customers never had {first}", Cell::Count(answer.without_moment)));
    }
    table.doubts(&answer.doubts)
}

/// The shares of each cohort with their intervals.
fn each(answer: &Answer) -> Table {
    let headers = ["cohort", "after", "returned", "of", "share", "share_low", "share_high"];
    let mut table = Table::new("Each cohort", &headers);
    for cohort in &answer.cohorts {
        for part in cohort.periods.iter().filter(|part| part.share.is_some()) {
            let names = [Cell::Text(cohort.cohort.as_str().into()), Cell::Text(span(answer, part).into())];
            let shares = [part.share, part.share_low, part.share_high];
            let shares = shares.map(Cell::share);
            table.row([names.as_slice(), &[Cell::Count(part.returned), Cell::Count(part.of)], &shares].concat());
        }
    }
    table
}

fn together(answer: &Answer) -> Table {
    let headers = ["after", "returned", "of", "share", "share_low", "share_high", "pending"];
    let mut table = Table::new("All cohorts together", &headers);
    for part in &answer.all {
        let shares = [part.share, part.share_low, part.share_high].map(Cell::share);
        let counts = [Cell::Text(span(answer, part).into()), Cell::Count(part.returned), Cell::Count(part.of)];
        table.row([counts.as_slice(), &shares, &[Cell::Count(part.pending)]].concat());
    }
    table
}
