//! docs/guide/retention.md

use std::collections::BTreeMap;

use event::Timestamp;
use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;
use jiff::{Span, ToSpan};
use serde_json::{Value, json};

use super::figures::wilson;
use super::log::{Customer, Log, shown};
use crate::world::Question;

/// When each period begins, and its first day.
type Periods = Vec<(i64, Date)>;

/// A cell: its first and last period after the first, how many came back, of how many, and for how many it is not over.
#[derive(Debug, Clone, Copy)]
struct Cell {
    from: usize,
    to: Option<usize>,
    returned: u64,
    of: u64,
    pending: u64,
}

pub(super) fn answer(log: &Log<'_>, question: &Question) -> Value {
    let by = question.option("by").unwrap_or("week");
    let mode = question.option("mode").unwrap_or("classic");
    let cohorts = periods(log, by);
    let counted = if mode == "bounded" { periods(log, "day") } else { cohorts.clone() };
    let spans = spans(question, mode);
    let (mut all, mut without) = (BTreeMap::<usize, (u64, Vec<Cell>)>::new(), 0);
    for customer in log.customers() {
        match came(customer, question) {
            None => without += 1,
            Some((first_us, returns)) => {
                let first = place(&counted, first_us);
                let later: Vec<usize> = returns.iter().map(|at_us| place(&counted, *at_us) - first).collect();
                let empty =
                    spans.iter().map(|(from, to)| Cell { from: *from, to: *to, returned: 0, of: 0, pending: 0 });
                let cohort = all.entry(place(&cohorts, first_us)).or_insert_with(|| (0, empty.collect()));
                cohort.0 += 1;
                for cell in &mut cohort.1 {
                    // The last period that counts is over when the one after it begins.
                    let over = counted[first + cell.to.unwrap_or(cell.from) + 1].0 <= log.until_us;
                    let came_back = later.iter().any(|k| *k >= cell.from && cell.to.is_none_or(|to| *k <= to));
                    cell.of += u64::from(over);
                    cell.pending += u64::from(!over);
                    cell.returned += u64::from(over && came_back);
                }
            }
        }
    }
    let cells = |cells: &[Cell]| cells.iter().map(told).collect::<Vec<_>>();
    let together = |i: usize| {
        let sum = |of: fn(&Cell) -> u64| all.values().map(|(_, cells)| of(&cells[i])).sum();
        let (from, to) = spans[i];
        Cell { from, to, returned: sum(|c| c.returned), of: sum(|c| c.of), pending: sum(|c| c.pending) }
    };
    let together: Vec<Cell> = (0..spans.len()).filter(|_| !all.is_empty()).map(together).collect();
    let told = all.iter().map(|(number, (customers, of_cohort))| {
        let (start_us, day) = cohorts[*number];
        json!({
            "cohort": name(by, day),
            "begins": shown(log.charter, start_us),
            "customers": customers,
            "periods": cells(of_cohort),
        })
    });
    json!({
        "by": by,
        "mode": mode,
        "moment": question.option("moment"),
        "returns": question.option("returns"),
        "until": shown(log.charter, log.until_us),
        "customers": all.values().map(|(customers, _)| customers).sum::<u64>(),
        "without_moment": without,
        "all": cells(&together),
        "cohorts": told.collect::<Vec<_>>(),
    })
}

/// When a customer came first, and when again; the whole run counts.
fn came(customer: &Customer<'_>, question: &Question) -> Option<(i64, Vec<i64>)> {
    let run = &customer.run;
    let first = match question.option("moment") {
        None => 0,
        Some(moment) => run.iter().position(|seen| seen.moment == moment)?,
    };
    let returns = run[first + 1..].iter().filter(|seen| question.option("returns").is_none_or(|r| r == seen.moment));
    Some((run[first].at_us, returns.map(|seen| seen.at_us).collect()))
}

fn spans(question: &Question, mode: &str) -> Vec<(usize, Option<usize>)> {
    let periods = question.option("periods").map_or(12, |periods| periods.parse().expect("a number"));
    if mode != "bounded" {
        return (1..=periods).map(|k| (k, (mode == "classic").then_some(k))).collect();
    }
    let mut spans = Vec::new();
    let mut from = 1;
    for last in question.option("brackets").unwrap_or("1,3,7,14,30").split(',') {
        let last: usize = last.parse().expect("a day");
        spans.push((from, Some(last)));
        from = last + 1;
    }
    spans
}

/// The periods of the charter's zone, from well before the first event to well after the last. A day that was left out
/// begins when the next one does, and is none.
fn periods(log: &Log<'_>, by: &str) -> Periods {
    let zone = &log.charter.timezone;
    let day_of = |at_us: i64| Timestamp::from_micros(at_us).to_jiff().to_zoned(zone.clone()).date();
    let step: Span = match by {
        "day" => 1.day(),
        "week" => 7.days(),
        _ => 1.month(),
    };
    let mut day = day_of(log.since_us).checked_sub(40.days()).expect("a date");
    while !(by == "day" || by == "week" && day.weekday() == Weekday::Monday || by == "month" && day.day() == 1) {
        day = day.tomorrow().expect("a date");
    }
    let end = day_of(log.until_us).checked_add(400.days()).expect("a date");
    let mut periods = Periods::new();
    while day < end {
        let start_us = midnight(day, zone);
        periods.retain(|(before_us, _)| *before_us < start_us);
        periods.push((start_us, day));
        day = day.checked_add(step).expect("a date");
    }
    periods
}

fn midnight(day: Date, zone: &TimeZone) -> i64 {
    Timestamp::from_naive(day.at(0, 0, 0, 0), zone).expect("a time").as_micros()
}

fn place(periods: &Periods, at_us: i64) -> usize {
    periods.iter().rposition(|(start_us, _)| *start_us <= at_us).expect("periods begin before all events")
}

fn name(by: &str, day: Date) -> String {
    match by {
        "day" => day.to_string(),
        "week" => format!("{}-W{:02}", day.iso_week_date().year(), day.iso_week_date().week()),
        _ => format!("{}-{:02}", day.year(), day.month()),
    }
}

fn told(cell: &Cell) -> Value {
    let share = wilson(cell.returned, cell.of);
    json!({
        "from": cell.from,
        "to": cell.to,
        "returned": cell.returned,
        "of": cell.of,
        "pending": cell.pending,
        "share": share.map(|share| share[0]),
        "share_low": share.map(|share| share[1]),
        "share_high": share.map(|share| share[2]),
    })
}
