//! `report`: one self-contained HTML file.

use std::path::Path;
use std::process::ExitCode;

use charter::Charter;
use event::Timestamp;
use lake::Lake;
use report::{
    Answers, Compared, FileRead, Finding, Made, MapOptions, Period, Reading, ReportData, Section, Words, findings,
    most_telling, render,
};
use understand::{Answered, Comparison, View, funnel, map, variants};

use crate::args::{ReportArgs, SelectArgs};
use crate::draw;
use crate::error::Error;
use crate::history;
use crate::home::Home;
use crate::question::{answer, unknown_members};

/// Writes the report.
pub(crate) async fn run(home: &Home, args: &ReportArgs, as_json: bool) -> Result<ExitCode, Error> {
    let asks = Asks { steps: args.steps.as_deref(), within: args.within.as_deref() };
    let found = write(home, &args.select, asks, &args.output).await?;
    if as_json {
        draw::data(&serde_json::json!({ "report": args.output, "findings": texts(&found) }).to_string());
        return Ok(ExitCode::SUCCESS);
    }
    draw::note(&format!("the report is in {}", args.output.display()));
    for finding in &found {
        draw::note(&format!("• {}", finding.text));
    }
    Ok(ExitCode::SUCCESS)
}

/// Findings in their own words, as a list.
pub(crate) fn texts(found: &[Finding]) -> Vec<&str> {
    found.iter().map(|finding| finding.text.as_str()).collect()
}

/// Moments in a funnel that nobody asked for.
const FUNNEL_STEPS: usize = 5;
/// Paths that the report lists.
const PATHS: usize = 10;

/// What a report asks besides the map and the paths.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Asks<'a> {
    /// The moments of the funnel; without them, those of the commonest path.
    pub(crate) steps: Option<&'a str>,
    /// The time that the funnel may take.
    pub(crate) within: Option<&'a str>,
}

/// Writes the report of a home, and gives what it found.
pub(crate) async fn write(
    home: &Home,
    select: &SelectArgs,
    asks: Asks<'_>,
    path: &Path,
) -> Result<Vec<Finding>, Error> {
    let lake = Lake::open(&home.path).await?;
    let until_us = lake.until_us().await?;
    let one_group = SelectArgs { compare: None, ..select.clone() };
    let mut views = vec![View::parse("map", [])?, View::parse("variants", [("limit", PATHS.to_string().as_str())])?];
    views.extend(others(&home.charter));
    let answers = answer(&lake, home, &one_group, &views).await?;
    for unknown in unknown_members(&lake, &home.charter, select, &answers).await? {
        draw::note(&format!("note: {unknown}"));
    }
    let sections = views.iter().zip(&answers).filter(|(view, _)| !view.heading().0.is_empty());
    let sections = sections.map(|(view, answer)| section(view, answer.as_ref())).collect();
    let map: map::Answer = typed(answers[0].as_ref());
    let variants: variants::Answer = typed(answers[1].as_ref());
    let steps = asks.steps.map_or_else(|| usual_steps(&variants), str::to_owned);
    let (mut funnel, mut compared) = (None, None);
    if !steps.is_empty() {
        let options = [("steps", steps.as_str())].into_iter().chain(asks.within.map(|within| ("within", within)));
        let view = [View::parse("funnel", options)?];
        funnel = Some(typed::<funnel::Answer>(answer(&lake, home, &one_group, &view).await?[0].as_ref()));
        if select.compare.is_some() {
            let both = answer(&lake, home, select, &view).await?;
            compared = Some(Compared::from(&typed::<Comparison<funnel::Answer>>(both[0].as_ref())));
        }
    }
    let words = Words::of(&home.charter);
    let found = most_telling(findings(&Answers {
        words: &words,
        map: Some(&map),
        variants: Some(&variants),
        funnel: funnel.as_ref(),
        compared: compared.as_ref(),
    }));
    let data = ReportData {
        organisation: home.charter.organisation.clone(),
        definition: home.charter.definition.clone(),
        simulated: is_simulated(home),
        period: period(&lake, home, until_us).await?,
        selection: selection(select),
        reading: reading(&lake, home).await?,
        findings: found.clone(),
        words,
        map: Some(map),
        map_options: MapOptions::default(),
        variants: Some(variants),
        funnel,
        steps: None,
        sections,
        compared,
        made: made(home),
    };
    std::fs::write(path, render(&data)).map_err(Error::file("write", path))?;
    Ok(found)
}

/// The views that this charter can answer without more being said, and that have no part of the page of their own.
fn others(charter: &Charter) -> Vec<View> {
    let can = |view: &View| {
        let asks_enough = !view.heading().0.is_empty() && view.check().is_ok();
        asks_enough && view.wants(charter, &mut journey::Wanted::default()).is_ok()
    };
    View::all().into_iter().filter(can).collect()
}

fn section(view: &View, answer: &dyn Answered) -> Section {
    let (title, about) = view.heading();
    Section { title: title.to_owned(), about: about.to_owned(), tables: answer.tables() }
}

fn made(home: &Home) -> Made {
    let now = jiff::Zoned::now().with_time_zone(home.charter.timezone.clone());
    Made {
        at: now.strftime("%Y-%m-%d %H:%M %Z").to_string(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        charter_hash: home.charter_path.as_ref().map(|_| home.charter.hash.clone()),
    }
}

/// The answer of a view whose kind is known.
fn typed<A: Clone + 'static>(answered: &dyn Answered) -> A {
    answered.answer().downcast_ref::<A>().expect("the view of this kind was asked").clone()
}

/// The first distinct moments of the commonest path that has at least two.
fn usual_steps(variants: &variants::Answer) -> String {
    let distinct = |sequence: &[std::sync::Arc<str>]| {
        let mut steps: Vec<String> = Vec::new();
        for moment in sequence {
            if !steps.iter().any(|known| **known == **moment) {
                steps.push(moment.to_string());
            }
        }
        steps.truncate(FUNNEL_STEPS);
        steps
    };
    let steps =
        variants.variants.iter().map(|v| distinct(&v.sequence)).find(|steps| steps.len() > 1).unwrap_or_default();
    if steps.is_empty() { String::new() } else { serde_json::Value::from(steps).to_string() }
}

/// An organisation that says so itself is simulated, and so is everything that is shown of it.
pub(crate) fn is_simulated(home: &Home) -> bool {
    home.charter.organisation.as_deref().is_some_and(|name| name.to_lowercase().contains("simulated"))
}

fn selection(select: &SelectArgs) -> Vec<String> {
    let named = [
        ("journeys of", &select.of),
        ("journey", &select.journey),
        ("only customers of the segment", &select.segment),
        ("only journeys with an event where", &select.with),
        ("only events where", &select.events),
        ("journeys that start from", &select.from),
        ("journeys that start before", &select.to),
    ];
    named.iter().filter_map(|(what, value)| value.as_ref().map(|value| format!("{what} {value}"))).collect()
}

async fn period(lake: &Lake, home: &Home, until_us: i64) -> Result<Option<Period>, Error> {
    let shown = |us: i64| {
        let zoned = Timestamp::from_micros(us).to_jiff().to_zoned(home.charter.timezone.clone());
        zoned.strftime("%Y-%m-%d").to_string()
    };
    Ok(lake.since_us().await?.map(|since_us| Period { from: shown(since_us), to: shown(until_us) }))
}

async fn reading(lake: &Lake, home: &Home) -> Result<Reading, Error> {
    let history = history::read(&home.path);
    let (events, customers) = lake.size(&home.rules()).await?;
    let file = |(name, (events, rejected)): (String, (u64, u64))| FileRead { name, events, rejected };
    Ok(Reading {
        files: history.files.into_iter().map(file).collect(),
        events,
        customers,
        keys: Some(history.keys),
        links_refused: Some(history.refused),
        duplicates: Some(history.duplicates),
        rejected: history.rejected.into_iter().collect(),
    })
}
