//! The stage board as tables: measures, stages, transitions.

use std::sync::Arc;

use super::Answer;
use crate::table::{Cell, Table};

pub(super) fn tables(answer: &Answer) -> Vec<Table> {
    vec![board(answer), stages(answer), transitions(answer)]
}

fn board(answer: &Answer) -> Table {
    let headers = [
        "stage",
        "goal",
        "customers",
        "measure",
        "unit",
        "n",
        "value",
        "low",
        "high",
        "earlier",
        "later",
        "change",
        "change_low",
        "change_high",
    ];
    let mut table = Table::new("Stage board", &headers);
    for stage in &answer.stages {
        let goal = stage.goal.as_ref().map_or(Cell::Empty, |goal| Cell::Text(Arc::clone(goal)));
        let first = [Cell::Text(Arc::clone(&stage.stage)), goal, Cell::Count(stage.customers)];
        if stage.measures.is_empty() {
            table.row([first.as_slice(), &vec![Cell::Empty; headers.len() - first.len()]].concat());
        }
        for measure in &stage.measures {
            let share = measure.unit == "share";
            let figure =
                |figure: Option<f64>| figure.map_or(Cell::Empty, if share { Cell::Share } else { Cell::Number });
            let change =
                |change: Option<f64>| change.map_or(Cell::Empty, if share { Cell::Difference } else { Cell::Number });
            let named = [&measure.measure, &measure.unit].map(|text| Cell::Text(text.as_str().into()));
            let figures = [measure.value, measure.low, measure.high, measure.earlier, measure.later].map(figure);
            let changes = [measure.change, measure.change_low, measure.change_high].map(change);
            let n = [Cell::Count(measure.n)];
            table.row([first.as_slice(), &named, &n, &figures, &changes].concat());
        }
    }
    if let (Some(since), Some(middle), Some(until)) = (&answer.since, &answer.middle, &answer.until) {
        let what = if answer.before { "the period before, " } else { "" };
        table.notes.push(format!("change: {middle} to {until} against {what}{since} to {middle}, each for itself"));
    }
    table.doubts(&answer.doubts)
}

fn stages(answer: &Answer) -> Table {
    let headers = ["stage", "label", "customers", "events", "fell_back"];
    let shares = ["fell_back_share", "fell_back_share_low", "fell_back_share_high"];
    let headers = [headers.as_slice(), &shares, &["stay_median_s", "lifetime_median_s"]].concat();
    let mut table = Table::new("Customers in each stage", &headers);
    let seconds = |seconds: Option<f64>| seconds.map_or(Cell::Empty, Cell::Seconds);
    for stage in &answer.stages {
        let names = [&stage.stage, &stage.label].map(|name| Cell::Text(Arc::clone(name)));
        let counts = [stage.customers, stage.events, stage.fell_back].map(Cell::Count);
        let times = [stage.stay_median_s, stage.lifetime_median_s].map(seconds);
        let shares = [stage.fell_back_share, stage.fell_back_share_low, stage.fell_back_share_high].map(Cell::share);
        table.row([names.as_slice(), &counts, &shares, &times].concat());
    }
    table
}

fn transitions(answer: &Answer) -> Table {
    let mut table = Table::new("From stage to stage", &["from", "to", "back", "count", "customers", "median_s"]);
    for transition in &answer.transitions {
        let names = [&transition.from, &transition.to].map(|name| Cell::Text(Arc::clone(name)));
        let back = if transition.back { Cell::Text("back".into()) } else { Cell::Empty };
        let counts = [transition.count, transition.customers].map(Cell::Count);
        let median = transition.median_s.map_or(Cell::Empty, Cell::Seconds);
        table.row([names.as_slice(), &[back], &counts, &[median]].concat());
    }
    let [share, low, high] = [answer.back_share, answer.back_share_low, answer.back_share_high].map(Cell::share);
    if share != Cell::Empty {
        table.notes.push(format!("{share} ({low} to {high}) of the changes lead to an earlier stage"));
    }
    table
}
