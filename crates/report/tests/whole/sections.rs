//! What every view says on the page, through the real folds.

use std::fmt::Write;

use journey::{Cut, Runs, Selection, Wanted};
use report::{ReportData, Section, Words, render, section};
use testkit::{Told, told};
use understand::View;

use crate::pages::check_text;

const CHARTER: &str = "\
charter: 1
currency: EUR
channels: {web: {label: Web site}, call: {label: Call <centre>, human: true}}
departments: {shop: {label: The shop}, service: {label: Customer service}}
stages:
  choice: {label: Search & choice, goal: conversion}
  deal: {label: Deal, goal: basket}
  use: {label: Use, goal: advocacy}
moments:
  visit: {label: Visit, stage: choice, owner: shop, when: event = 'visit'}
  cart: {label: Put into the cart, stage: choice, owner: shop, when: event = 'cart'}
  order: {label: Order, stage: deal, owner: shop, when: event = 'order'}
  delivered: {label: Delivered, stage: use, owner: shop, when: event = 'delivered'}
  ticket: {label: Ticket, stage: use, owner: service, when: event = 'ticket'}
  done: {label: Ticket closed, stage: use, owner: service, when: event = 'done'}
  survey: {label: Survey answered, stage: use, owner: service, when: event = 'survey'}
  churn: {label: Left, stage: use, when: event = 'churn'}
journeys:
  purchase:
    {label: From visit to order, starts: visit, succeeds: order, abandoned_after: 5d, designed: visit+ cart order,
     promised: {cart..order: 1h}}
interactions:
  help: {label: Help, request: properties.topic, key: properties.id, opens: [ticket], resolves: [done], window: 7d}
outcomes:
  order: {label: An order, when: moment = 'order', value: properties.total, horizon: 20d}
  churn: {label: Left us, when: moment = 'churn', horizon: 20d, bad: true}
surveys: {nps: {moment: survey, score: properties.nps, kind: nps, reason: properties.reason}}
expectations:
  delivery: {label: Delivered within two days, after: order, promise: delivered, within: 2d, owner: shop}
segments: {loyal: {label: Ordered twice, when: count_of.order >= 2}, nobody: {label: Nobody, when: events > 1000}}
";

/// Customers of four kinds, forty of each, whose lives begin on different days.
fn lives() -> Told {
    let mut text = String::new();
    for (i, life) in [
        "visit{channel=web} cart@1h{channel=web} order@90m{total=50 channel=web} delivered@1d survey@2d{nps=9 reason=quick} \
         visit@40d{channel=web} cart@40d{channel=web} order@41d{total=70 channel=web} delivered@42d",
        "visit{channel=web} cart@2h{channel=web} order@5h{total=20 channel=call} delivered@9d \
         ticket@10d{topic=late id=1 channel=call} done@11d{topic=late id=1} ticket@12d{topic=late id=2 channel=web} done@14d{topic=late id=2} \
         survey@15d{nps=2 reason=slow} churn@20d",
        "visit{channel=web} visit@1h{channel=web} ticket@2h{topic=how id=1 channel=call} done@3h{topic=how id=1} visit@30d{channel=call}",
        "visit{channel=web} cart@3h{channel=web} visit@20d{channel=web} cart@20d{channel=web} order@20d{total=30 channel=web}",
    ]
    .iter()
    .enumerate()
    {
        for customer in 0..40 {
            // Every event of a life moves with its beginning; a bare name follows at once.
            let begins = format!("visit@{customer}h");
            let moved = life.replacen("visit", &begins, 1);
            writeln!(text, "c{i}_{customer}: {moved}").expect("writing to a string does not fail");
        }
    }
    told(CHARTER, &text)
}

/// What a view says of these lives; with `journey` of the cut of that name.
fn say(told: &Told, view: &View, journey: Option<&str>) -> Result<Section, String> {
    let log =
        told.log(journey, |charter, wanted: &mut Wanted| view.wants(charter, wanted).expect("the charter has it"));
    let setting = log.setting();
    let of = |name: &str| told.charter.journeys.iter().find(|journey| journey.name == name).expect("a journey");
    let cut = journey.map(|name| Cut::of(of(name), &told.charter.calendar, &log.moments, setting.until_us));
    let selection = Selection { cut, ..Selection::default() };
    let mut fold = view.fold(&setting);
    let mut runs = Runs::default();
    let mut each = |run: &journey::Run<'_>| selection.journeys(run, |journey, _| fold.journeys(&[*journey]));
    runs.feed(&log.columns(), &mut each);
    runs.finish(&mut each);
    let answer = view.finish(fold, &log.moments).expect("an answer");
    section(view, answer.as_ref(), journey, &Words::of(&told.charter))
}

fn all(told: &Told) -> Vec<(&'static str, Result<Section, String>)> {
    let view = |name: &str| View::parse(name, []).expect("it asks enough by itself");
    let pattern = View::parse("paths", [("pattern", "ticket .. done")]).expect("a pattern");
    let purchase = ["abandonment", "channels", "conformance"].map(|name| (view(name), Some("purchase")));
    let whole =
        ["stages", "retention", "segments", "interactions", "expectations", "absences", "surveys", "say-do", "quality"];
    let whole = whole.map(|name| (view(name), None));
    let asked = purchase.into_iter().chain([(pattern, None)]).chain(whole);
    asked.map(|(view, journey)| (view.name(), say(told, &view, journey))).collect()
}

/// The text of a page, a line for each element that stands on one.
fn text_of(page: &str) -> String {
    let body = page.split_once("<body>").map_or(page, |(_, body)| body);
    let mut text = String::new();
    for part in body.replace("<th", " | <th").replace("<td", " | <td").split('<') {
        let (_, said) = part.split_once('>').unwrap_or(("", part));
        text.push_str(said);
    }
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn every_view_has_something_to_say() {
    let told = lives();
    let words = Words::of(&told.charter);
    let sections: Vec<Section> = all(&told)
        .into_iter()
        .map(|(name, said)| {
            let mut section = said.unwrap_or_else(|why| panic!("{name}: {why}"));
            // What stands behind is tested where it is made.
            section.tables.clear();
            section
        })
        .collect();
    assert!(sections.iter().all(|section| section.says.is_some()));
    let page = render(&ReportData { sections, words, simulated: true, ..ReportData::default() });
    check_text(&page);
    assert!(page.contains("<nav aria-label=\"Contents\">") && page.contains("href=\"#expectations\""));
    assert!(!page.contains("NaN") && !page.contains("inf "));
    insta::assert_snapshot!("sections", text_of(&page));
}

#[test]
fn nothing_to_say_is_said_with_a_reason() {
    let told = told(CHARTER, "ann: visit; bob: visit");
    for (name, said) in all(&told) {
        match said {
            Ok(section) => assert!(section.says.is_some(), "{name}"),
            Err(why) => assert!(why.len() > 20 && !why.ends_with('.'), "{name}: {why}"),
        }
    }
    let silent = |name: &str| {
        let told = all(&told).into_iter().find(|(view, _)| *view == name).expect("asked");
        told.1.expect_err("nothing of the kind happened")
    };
    assert_eq!(silent("expectations"), "no promise of the charter is decided: none was made, or none is due yet");
    assert_eq!(silent("surveys"), "no survey of the charter has an answer with a score");
    let left_out = vec![("What customers say".to_owned(), silent("surveys"))];
    let page = render(&ReportData { left_out, ..ReportData::default() });
    assert!(page.contains("<b>What customers say:</b> No survey of the charter has an answer with a score."));
}

#[test]
fn tables_stand_behind_with_the_labels_of_the_charter() {
    let told = lives();
    let section = say(&told, &View::parse("channels", []).expect("a view"), Some("purchase")).expect("channels");
    let page =
        render(&ReportData { sections: vec![section], words: Words::of(&told.charter), ..ReportData::default() });
    check_text(&page);
    let behind = page.split_once("<details><summary>The figures as tables").expect("folded").1;
    assert!(behind.contains("<bdi>Call &lt;centre&gt;</bdi>") && !behind.contains("<bdi>call</bdi>"));
}
