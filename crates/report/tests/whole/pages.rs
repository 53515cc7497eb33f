//! Whole pages and pictures from logs, through the real folds.

use std::path::{Path, PathBuf};

use journey::Selection;
use proptest::prelude::*;
use quick_xml::Reader;
use quick_xml::events::Event;
use report::{Answers, Compared, MapOptions, ReportData, Unit, Words, draw_map, findings, most_telling, render};
use testkit::{Log, answer, log};
use understand::{Differing, Question, funnel, map, steps, variants};

use crate::findings::two_groups;
use crate::logs::{letter_words, receipt, shop, shop_words};

fn ask<Q: Question>(log: &Log, options: &Q) -> Q::Answer {
    answer(log, &Selection::default(), || options.fold(&log.setting())).expect("the options fit the log")
}

/// All answers about a log.
fn report_on(log: &Log, words: Words, steps: &[&str]) -> ReportData {
    let mut data = ReportData {
        words,
        map: Some(ask(log, &map::Options::default())),
        variants: Some(ask(log, &variants::Options { limit: 10 })),
        steps: Some(ask(log, &steps::Options { steps: 8 })),
        ..ReportData::default()
    };
    if !steps.is_empty() {
        let steps = steps.iter().map(|step| (*step).to_owned()).collect();
        data.funnel = Some(ask(log, &funnel::Options { steps, ..funnel::Options::default() }));
    }
    let answers = Answers {
        words: &data.words,
        map: data.map.as_ref(),
        variants: data.variants.as_ref(),
        journey: None,
        funnel: data.funnel.as_ref(),
        steps_chosen: true,
        compared: None,
    };
    data.findings = most_telling(findings(&answers));
    data.reading.events = data.map.as_ref().map_or(0, |map| map.events);
    data.reading.customers = data.map.as_ref().map_or(0, |map| map.customers);
    data
}

/// That a page or picture can be read by any XML parser, runs nothing and asks nobody for anything.
pub(crate) fn check_text(text: &str) {
    let mut reader = Reader::from_str(text);
    reader.config_mut().check_end_names = true;
    let mut open: Vec<String> = Vec::new();
    loop {
        match reader.read_event() {
            Ok(Event::Start(start)) => {
                attributes(&start);
                open.push(start.name().as_ref().to_owned());
            }
            Ok(Event::Empty(start)) => attributes(&start),
            Ok(Event::End(_)) => drop(open.pop()),
            Ok(Event::Eof) => break,
            Ok(_) => {}
            Err(error) => panic!("{error} at {}", reader.error_position()),
        }
    }
    assert!(open.is_empty(), "left open: {open:?}");
    assert!(!text.contains("<script") && !text.contains("@import") && !text.contains("url("));
}

fn attributes(start: &quick_xml::events::BytesStart<'_>) {
    for attribute in start.attributes() {
        let attribute = attribute.expect("attributes are quoted and come once");
        let key = attribute.key.as_ref().to_owned();
        let inside = key == "href" && attribute.value.starts_with('#');
        assert!((key != "href" || inside) && key != "src" && !key.starts_with("on"), "{key}");
        let value = attribute.value.to_string();
        assert!(key == "xmlns" || !(value.contains("http:") || value.contains("https:")), "{key}={value}");
    }
}

/// Keeps a page for a person to look at.
#[expect(clippy::disallowed_methods, reason = "a test may write to the scratch folder; the crate may not")]
fn scratch(name: &str, page: &str) {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, page).expect("the scratch folder can be written");
}

const SMALL: &str = "
    ann: visit search@1m cart@3m order@5m delivered@2d
    bob: visit search@2m search@4m cart@9m
    cem: visit cart@10m visit@1d cart@25h order@26h delivered@4d ticket@5d
    dan: search visit@1h";

#[test]
fn a_small_page() {
    let mut data = report_on(&log(SMALL), shop_words(), &["visit", "cart", "order"]);
    data.organisation = Some("Corner & Sons".to_owned());
    data.definition = Some("Customers get what they came for.\n".to_owned());
    data.period = Some(report::Period { from: "1 January 2026".to_owned(), to: "31 January 2026".to_owned() });
    data.reading.rejected = vec![("no time".to_owned(), 2)];
    data.reading.files = vec![report::FileRead { name: "shop.csv".to_owned(), events: 19, rejected: 2 }];
    data.reading.duplicates = Some(1);
    data.made = report::Made {
        at: "1 February 2026, 09:30".to_owned(),
        version: "0.0.0".to_owned(),
        charter_hash: Some("c0ffee".to_owned()),
    };
    let page = render(&data);
    check_text(&page);
    insta::assert_snapshot!("small_page", page);
}

#[test]
fn a_small_picture_without_a_charter() {
    let log = log(SMALL);
    let picture = draw_map(&ask(&log, &map::Options::default()), &Words::default(), &MapOptions::default());
    check_text(&picture.svg);
    insta::assert_snapshot!("small_map", format!("{}\n{}", picture.notes.join("\n"), picture.svg));
}

#[test]
fn a_page_about_many_customers() {
    let mut data = report_on(&shop(), shop_words(), &["visit", "cart", "checkout", "order", "delivered"]);
    data.organisation = Some("Example Shop".to_owned());
    data.simulated = true;
    data.compared = Some(two_groups(&shop()));
    let page = render(&data);
    check_text(&page);
    assert!(page.contains("Simulated data: these customers were made up by a program."));
    assert_eq!(page, render(&data), "the same data give the same page");
    scratch("shop.html", &page);
}

#[test]
#[expect(clippy::print_stderr, reason = "a test that proves nothing has to say so")]
fn a_page_about_a_real_log() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/receipt_wabo/receipt.csv");
    let Some(log) = receipt(&path) else {
        eprintln!("skipped: {} is not there", path.display());
        return;
    };
    let data =
        report_on(&log, Words::default(), &["Confirmation of receipt", "T06 Determine necessity of stop advice"]);
    let map = data.map.as_ref().expect("asked for");
    assert_eq!((map.journeys, map.events, map.moments.len()), (1_434, 8_577, 27));
    let page = render(&data);
    check_text(&page);
    scratch("receipt.html", &page);
}

#[test]
fn a_page_about_nothing() {
    let page = render(&report_on(&Log::default(), Words::default(), &[]));
    check_text(&page);
    check_text(&render(&ReportData::default()));
    assert!(!page.contains("NaN") && !page.contains("inf"));
}

const NO_DIFFERENCE: Differing = Differing {
    what: String::new(),
    a: Some(0.0),
    b: Some(0.0),
    difference: Some(0.0),
    low: Some(-0.1),
    high: Some(0.1),
    a_count: 0,
    a_of: 10,
    b_count: 0,
    b_of: 10,
};

#[test]
fn names_cannot_break_out() {
    let names = ["<script>alert(1)</script>", "a\" onload=\"x", "😀 & 'ok'", "הזמנה חדשה", "]]>\u{0}\u{202e}x", "   "];
    let events = names.iter().zip(0..).map(|(name, at)| (1, *name, at * 1_000_000, 0));
    let log = Log::new(events);
    let mut data = report_on(&log, Words::default(), &names);
    data.organisation = Some(names[0].to_owned());
    data.definition = Some(names[1].to_owned());
    data.reading.files = vec![report::FileRead { name: names[0].to_owned(), events: 1, rejected: 0 }];
    data.reading.rejected = vec![(names[4].to_owned(), 1)];
    data.selection = vec![names[0].to_owned()];
    let differing = |what: &&str| Differing { what: (*what).to_owned(), a: Some(0.00001), ..NO_DIFFERENCE };
    data.compared = Some(Compared {
        a: names[0].to_owned(),
        b: names[1].to_owned(),
        unit: Unit::Customers,
        differences: names.iter().map(differing).collect(),
        doubts: Vec::new(),
    });
    let page = render(&data);
    check_text(&page);
    assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;"));
}

#[test]
fn what_is_left_out_is_said() {
    let log = shop();
    let answer = ask(&log, &map::Options::default());
    let options = MapOptions { moments_max: 5, edges_max: 3, coverage: None };
    let picture = draw_map(&answer, &shop_words(), &options);
    let boxes = picture.svg.matches("<g class=\"node ").count();
    let lines = picture.svg.matches("<g class=\"edge").count();
    assert_eq!((boxes, lines), (5, 4), "five boxes are held together by four lines at least");
    let said = format!("Drawn: 5 of {} moments, and 4 of {} edges, which are ", answer.moments.len(), answer.of);
    assert!(picture.notes[0].starts_with(&said), "{:?}", picture.notes);
    let whole = MapOptions { moments_max: usize::MAX, edges_max: usize::MAX, coverage: None };
    let picture = draw_map(&answer, &shop_words(), &whole);
    assert_eq!(picture.notes[0], "All moments and all edges are drawn.");
    let half = MapOptions { coverage: Some(0.5), ..whole };
    let picture = draw_map(&answer, &shop_words(), &half);
    assert!(picture.svg.matches("<g class=\"edge").count() < answer.edges.len());
}

/// By shape in the picture: x, y, width, height of the rectangles behind an element.
fn rectangles(svg: &str, before: &str) -> Vec<[f64; 4]> {
    let number = |part: &str, name: &str| -> f64 {
        let rest = part.split_once(&format!("{name}=\"")).expect("the attribute is there").1;
        rest.split('"').next().expect("it ends").parse().expect("it is a number")
    };
    svg.split(before)
        .skip(1)
        .map(|part| part.split_once("<rect").expect("a rectangle").1)
        .map(|part| [" x", " y", " width", " height"].map(|name| number(part, name)))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn pictures_of_any_log_are_sound(
        log in testkit::logs(40, 400, 60),
        edges_max in 0usize..600,
        stages in any::<bool>(),
    ) {
        let answer = ask(&log, &map::Options::default());
        let words = if stages { letter_words() } else { Words::default() };
        let options = MapOptions { moments_max: 60, edges_max, coverage: None };
        let picture = draw_map(&answer, &words, &options);
        check_text(&picture.svg);
        prop_assert_eq!(&picture, &draw_map(&answer, &words, &options));
        let boxes = rectangles(&picture.svg, "<g class=\"node ");
        prop_assert_eq!(boxes.len(), answer.moments.len());
        let classes = ["class=\"figure\">", "class=\"figure back\">"];
        let figures = classes.map(|class| rectangles(&picture.svg, class)).concat();
        let all: Vec<&[f64; 4]> = boxes.iter().chain(&figures).collect();
        for (i, a) in all.iter().enumerate() {
            for b in &all[i + 1..] {
                let apart = a[0] + a[2] <= b[0] || b[0] + b[2] <= a[0] || a[1] + a[3] <= b[1] || b[1] + b[3] <= a[1];
                prop_assert!(apart, "{a:?} lies over {b:?}");
            }
        }
    }

    #[test]
    fn pages_of_any_log_are_sound(log in testkit::logs(9, 60, 12)) {
        let page = render(&report_on(&log, Words::default(), &[]));
        check_text(&page);
        prop_assert!(!page.contains("NaN"));
    }
}
