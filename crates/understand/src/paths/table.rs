//! The paths as tables, and what two groups are compared by.

use std::sync::Arc;

use evidence::Share;

use super::{Answer, Extent, GROUPS};
use crate::compare::Shares;
use crate::outcomes;
use crate::table::{Cell, Table};

pub(super) fn shares(answer: &Answer) -> Shares {
    let share = Share::new(answer.matching, answer.journeys);
    Shares { of: answer.journeys, by_name: [("matching".to_owned(), share)].into() }
}

pub(super) fn tables(answer: &Answer) -> Vec<Table> {
    let headers = [
        "pattern",
        "journeys",
        "matching",
        "matching_share",
        "matching_share_low",
        "matching_share_high",
        "matching_customers",
    ];
    let mut table = Table::new("Journeys that match", &headers);
    table.row([
        Cell::Text(answer.pattern.as_str().into()),
        Cell::Count(answer.journeys),
        Cell::Count(answer.matching),
        Cell::share(answer.matching_share),
        Cell::share(answer.matching_share_low),
        Cell::share(answer.matching_share_high),
        Cell::Count(answer.matching_customers),
    ]);
    table.notes.extend(
        match answer.extent {
            Extent::Some => None,
            Extent::None => Some("no journey matches"),
            Extent::All => Some("every journey matches, so the pattern tells none from another"),
            Extent::Impossible => Some("no journey can ever match: the pattern asks for what cannot be"),
            Extent::Always => Some("every journey matches, whatever it holds: the pattern asks for nothing"),
        }
        .map(str::to_owned),
    );
    if !answer.examples.is_empty() {
        let examples: Vec<String> = answer.examples.iter().map(ToString::to_string).collect();
        table.notes.push(format!(
            "customers whose journeys match, the first few: {}; look at one with `desireline customer customer:{}`",
            examples.join(", "),
            examples[0]
        ));
    }
    let mut tables = vec![table.doubts(&answer.doubts)];
    let mut table = Table::new("Times between the parts", &["from", "to", "count", "median_s", "p90_s"]);
    let whole = answer.whole.map(|took| ("(first)", "(last)", took));
    let parts = answer.parts.iter().map(|part| (part.from.as_str(), part.to.as_str(), part.took));
    for (from, to, took) in parts.chain(whole) {
        let (from, to): (Arc<str>, Arc<str>) = (from.into(), to.into());
        let seconds = [took.median_s, took.p90_s].map(Cell::Seconds);
        table.row([&[Cell::Text(from), Cell::Text(to), Cell::Count(took.count)], seconds.as_slice()].concat());
    }
    if !table.rows.is_empty() {
        tables.push(table);
    }
    if !answer.outcomes.is_empty() {
        let title = "Outcomes from the start of journeys";
        tables.push(outcomes::table(title, GROUPS, &answer.outcomes));
    }
    tables
}
