//! Surveys as tables: all surveys, then what stands behind each.

use std::sync::Arc;

use charter::journeys::SurveyKind;

use super::{Answer, By, Survey};
use crate::scores::{Score, kind_name};
use crate::table::{Cell, Table};

const FIGURES: [&str; 10] = [
    "n",
    "mean",
    "mean_low",
    "mean_high",
    "top_share",
    "top_share_low",
    "top_share_high",
    "low_share",
    "low_share_low",
    "low_share_high",
];

/// What only answers on the scale of NPS come to.
const NPS: [&str; 3] = ["nps", "nps_low", "nps_high"];

const RESPONSE: [&str; 3] = ["response_share", "response_share_low", "response_share_high"];

pub(super) fn tables(answer: &Answer) -> Vec<Table> {
    let unscored = ["out_of_range", "not_whole", "unreadable", "without_score"];
    let any_nps = answer.surveys.iter().any(is_nps);
    let headers = [["survey", "kind"].as_slice(), &FIGURES, nps_headers(any_nps), &unscored, &RESPONSE].concat();
    let mut all = Table::new("What customers answered", &headers);
    for survey in &answer.surveys {
        let names = [&survey.survey, &survey.kind].map(|name| Cell::Text(Arc::clone(name)));
        let mut response =
            [survey.response_share, survey.response_share_low, survey.response_share_high].map(Cell::share);
        if survey.asked.is_none() {
            response[0] = Cell::Text("not known".into());
        }
        let unscored =
            [survey.out_of_range, survey.not_whole, survey.unreadable, survey.without_score].map(Cell::Count);
        all.row([names.as_slice(), &figures(&survey.score, any_nps), &unscored, &response].concat());
    }
    all.notes.push("top: 9 and 10 of NPS, 4 and 5 of CSAT, 5 to 7 of CES; low: to 6, to 2, to 3".to_owned());
    if answer.surveys.iter().any(|survey| survey.asked.is_none()) {
        all.notes.push(
            "who was asked is not known: name the moment of asking in the charter (`asked:`), or with --asked"
                .to_owned(),
        );
    }
    let mut tables = vec![all.doubts(&answer.doubts)];
    for survey in &answer.surveys {
        tables.extend([
            by(survey, "by the moment before", "moment", &survey.by_moment),
            by(survey, "by the channel before", "channel", &survey.by_channel),
        ]);
        if !survey.by_segment.is_empty() {
            tables.push(by_segment(survey));
        }
        if !survey.reasons.is_empty() {
            tables.push(by(survey, "by reason", "reason", &survey.reasons));
        }
    }
    tables
}

fn is_nps(survey: &Survey) -> bool {
    &*survey.kind == kind_name(SurveyKind::Nps)
}

fn nps_headers(with: bool) -> &'static [&'static str] {
    if with { &NPS } else { &[] }
}

fn figures(score: &Score, with_nps: bool) -> Vec<Cell> {
    let number = |number: Option<f64>| number.map_or(Cell::Empty, Cell::Number);
    let top = [score.top_share, score.top_share_low, score.top_share_high].map(Cell::share);
    let low = [score.low_share, score.low_share_low, score.low_share_high].map(Cell::share);
    let means = [score.mean, score.mean_low, score.mean_high].map(number);
    let nps = [score.nps, score.nps_low, score.nps_high].map(number);
    [[Cell::Count(score.n)].as_slice(), &means, &top, &low, if with_nps { &nps } else { &[] }].concat()
}

fn by_segment(survey: &Survey) -> Table {
    let headers = [["segment", "customers"].as_slice(), &FIGURES, nps_headers(is_nps(survey)), &RESPONSE].concat();
    let mut table = Table::new(&format!("{}: by segment", survey.survey), &headers);
    for of in &survey.by_segment {
        let first = [Cell::Text(Arc::clone(&of.segment)), Cell::Count(of.customers)];
        let response = [of.response_share, of.response_share_low, of.response_share_high].map(Cell::share);
        table.row([first.as_slice(), &figures(&of.score, is_nps(survey)), &response].concat());
    }
    table
}

fn by(survey: &Survey, title: &str, header: &str, all: &[By]) -> Table {
    let headers = [[header].as_slice(), &FIGURES, nps_headers(is_nps(survey))].concat();
    let mut table = Table::new(&format!("{}: {title}", survey.survey), &headers);
    for by in all {
        table.row([[Cell::Text(Arc::clone(&by.name))].as_slice(), &figures(&by.score, is_nps(survey))].concat());
    }
    table
}
