//! Saying and doing as tables: every survey with every deed, then by reason; and what two groups are compared by.

use std::collections::BTreeMap;
use std::sync::Arc;

use evidence::Share;

use super::{Agreement, Answer, Survey};
use crate::compare::Shares;
use crate::table::{Cell, Table};

pub(super) fn tables(answer: &Answer) -> Vec<Table> {
    let headers = [
        "survey",
        "deed",
        "said_well",
        "said_neither",
        "said_badly",
        "difference",
        "difference_low",
        "difference_high",
        "as_said_share",
        "as_said_share_low",
        "as_said_share_high",
        "agreement",
        "pending",
    ];
    let mut all = Table::new("What was said, and the share that then did it", &headers);
    for survey in &answer.surveys {
        for done in &survey.deeds {
            let share = |i: usize| Cell::share(done.groups.get(i).and_then(|group| group.share));
            let differences = [done.difference, done.difference_low, done.difference_high].map(Cell::difference);
            let agreement = match done.agreement {
                Agreement::Agrees => "agrees",
                Agreement::Diverges => "DIVERGES",
                Agreement::Undecided => "undecided",
            };
            let names = [&survey.survey, &done.deed].map(|name| Cell::Text(Arc::clone(name)));
            let as_said = [done.as_said_share, done.as_said_share_low, done.as_said_share_high].map(Cell::share);
            let rest = [Cell::Text(agreement.into()), Cell::Count(done.pending)];
            all.row([names.as_slice(), &[share(0), share(1), share(2)], &differences, &as_said, &rest].concat());
        }
    }
    all.notes.push("well: promoters, 4 and 5 of CSAT, 5 to 7 of CES; badly: detractors, to 2, to 3".to_owned());
    all.notes.push("pending answers are left out: the time after them is not over".to_owned());
    let reasons = answer.surveys.iter().filter(|survey| !survey.reasons.is_empty()).map(by_reason);
    std::iter::once(all.doubts(&answer.doubts)).chain(reasons).collect()
}

fn by_reason(survey: &Survey) -> Table {
    let deeds = survey.deeds.iter().map(|done| &*done.deed);
    let headers: Vec<&str> = ["reason", "answers"].into_iter().chain(deeds).collect();
    let mut table = Table::new(&format!("{}: what was done, by reason", survey.survey), &headers);
    for reason in &survey.reasons {
        let first = [Cell::Text(Arc::clone(&reason.reason)), Cell::Count(reason.answers)];
        let shares = reason.deeds.iter().map(|g| Cell::share(g.share));
        table.row([first.as_slice(), &shares.collect::<Vec<_>>()].concat());
    }
    table
}

pub(super) fn shares(answer: &Answer) -> Shares {
    let mut by_name = BTreeMap::new();
    for survey in &answer.surveys {
        for done in &survey.deeds {
            for group in &done.groups {
                let name = format!("{}: {} after {}", survey.survey, done.deed, group.said);
                by_name.insert(name, Share::new(group.did, group.of));
            }
        }
    }
    Shares { of: answer.surveys.first().map_or(0, |survey| survey.answers), by_name }
}
