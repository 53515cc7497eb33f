//! `report`: one self-contained HTML file.

mod topics;

use std::path::Path;
use std::process::ExitCode;

use event::Timestamp;
use lake::Lake;
use report::{
    Answers, Compared, FileRead, Finding, Made, MapOptions, Period, Reading, ReportData, Section, Words, findings,
    most_telling, render, section,
};
use understand::{Answered, Comparison, View, funnel, map, variants};

use crate::args::{ReportArgs, SelectArgs};
use crate::draw;
use crate::error::Error;
use crate::history;
use crate::home::Home;
use crate::question::{Asking, answer_all, began, unknown_members};

use topics::{Topic, Topics};

/// Writes the report.
pub(crate) async fn run(home: &Home, args: &ReportArgs, as_json: bool) -> Result<ExitCode, Error> {
    check_name(&args.output)?;
    let asks = Asks { steps: args.steps.as_deref(), within: args.within.as_deref(), patterns: &args.pattern };
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

/// A report under the name of something else would be opened as that.
fn check_name(path: &Path) -> Result<(), Error> {
    match path.extension().map(|ending| ending.to_string_lossy().to_lowercase()) {
        Some(ending) if !matches!(ending.as_str(), "html" | "htm" | "xhtml") => {
            let page = path.with_extension("html");
            let pdf = if ending == "pdf" { "; for a PDF, open it in a browser and print it" } else { "" };
            Err(Error::Usage(format!("--output: the report is one HTML file: name it {}{pdf}", page.display())))
        }
        _ => Ok(()),
    }
}

/// Findings in their own words, as a list.
pub(crate) fn texts(found: &[Finding]) -> Vec<&str> {
    found.iter().map(|finding| finding.text.as_str()).collect()
}

/// Moments in a funnel that nobody asked for.
const FUNNEL_STEPS: usize = 5;

/// What a report asks besides what it always asks.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Asks<'a> {
    /// The moments of the funnel; without them, those of the commonest path, up to where the charter says that the journey
    /// succeeds.
    pub(crate) steps: Option<&'a str>,
    /// The time that the funnel may take.
    pub(crate) within: Option<&'a str>,
    /// Patterns that journeys are looked through for.
    pub(crate) patterns: &'a [String],
}

/// Writes the report of a home, and gives what it found.
pub(crate) async fn write(
    home: &Home,
    select: &SelectArgs,
    asks: Asks<'_>,
    path: &Path,
) -> Result<Vec<Finding>, Error> {
    let lake = Lake::open(&home.path).await?;
    let until_us = lake.ends().await?.until_us;
    let since_us = began(&lake, home, select).await?;
    let days = (until_us - since_us.unwrap_or(until_us)) / 86_400_000_000;
    let words = Words::of(&home.charter);
    let mut topics = Topics::of(&home.charter, select, asks, days)?;
    if let Some(steps) = asks.steps {
        add_funnel(&mut topics, select, steps, asks)?;
    }
    let mut told = Told { left_out: topics.left_out(home.charter_path.is_some()), ..Told::default() };
    told.take(&lake, home, topics.all, &words).await?;
    // Which steps a funnel may have is known only now.
    if asks.steps.is_none()
        && let Some(steps) = told.variants.as_ref().and_then(|variants| usual_steps(variants, goals(home, select)))
    {
        let mut topics = Topics::default();
        add_funnel(&mut topics, select, &steps, asks)?;
        told.take(&lake, home, topics.all, &words).await?;
    }
    for unknown in unknown_members(&lake, &home.charter, select, &told.plain).await? {
        draw::note(&format!("note: {unknown}"));
    }
    if told.map.as_ref().is_some_and(|map| map.journeys == 0) {
        let what = "no journey fits what was asked for, so no report was written".to_owned();
        return Err(Error::Input { path: home.path.clone(), what });
    }
    let mut candidates = findings(&Answers {
        words: &words,
        map: told.map.as_ref(),
        variants: told.variants.as_ref(),
        journey: select.journey.as_deref().map(|name| journey_label(home, name)),
        funnel: told.funnel.as_ref(),
        steps_chosen: asks.steps.is_some(),
        compared: told.compared.as_ref(),
    });
    candidates.extend(told.sections.iter().filter_map(|section| section.says.clone()));
    let found = most_telling(candidates);
    let data = ReportData {
        organisation: home.charter.organisation.clone(),
        definition: home.charter.definition.clone(),
        simulated: home.is_simulated(),
        period: period(since_us, home, until_us, select),
        selection: selection(select, home),
        reading: reading(&lake, home).await?,
        findings: found.clone(),
        words,
        map: told.map,
        map_options: MapOptions::default(),
        variants: told.variants,
        funnel: told.funnel,
        steps: None,
        sections: told.sections,
        left_out: told.left_out,
        compared: told.compared,
        made: made(home),
    };
    std::fs::write(path, render(&data)).map_err(Error::file("write", path))?;
    Ok(found)
}

/// The funnel, and the two groups that are compared by it.
fn add_funnel(topics: &mut Topics, select: &SelectArgs, steps: &str, asks: Asks<'_>) -> Result<(), Error> {
    let options = [("steps", steps)].into_iter().chain(asks.within.map(|within| ("within", within)));
    let view = View::parse("funnel", options)?;
    let one_group = SelectArgs { compare: None, compare_names: None, ..select.clone() };
    topics.add(one_group, vec![view.clone()], None, false);
    if select.compare.is_some() {
        topics.add(select.clone(), vec![view], None, false);
    }
    Ok(())
}

/// What the answers say.
#[derive(Default)]
struct Told {
    map: Option<map::Answer>,
    variants: Option<variants::Answer>,
    funnel: Option<funnel::Answer>,
    compared: Option<Compared>,
    sections: Vec<Section>,
    left_out: Vec<(String, String)>,
    /// The answers that have a part of the page of their own.
    plain: Vec<Box<dyn Answered>>,
}

impl Told {
    /// Asks everything in one pass.
    async fn take(&mut self, lake: &Lake, home: &Home, topics: Vec<Topic>, words: &Words) -> Result<(), Error> {
        let asking = |topic: &Topic| (topic.select.clone(), topic.views.clone());
        let asked: Vec<(SelectArgs, Vec<View>)> = topics.iter().map(asking).collect();
        let askings: Vec<Asking<'_>> = asked
            .iter()
            .map(|(select, views)| Asking { charter: &home.charter, select: select.clone(), views })
            .collect();
        let answers = answer_all(lake, home, &home.rules(), &askings).await?;
        for (topic, answers) in topics.iter().zip(answers) {
            for (view, answer) in topic.views.iter().zip(answers) {
                self.tell(topic, view, answer, words);
            }
        }
        Ok(())
    }

    fn tell(&mut self, topic: &Topic, view: &View, answered: Box<dyn Answered>, words: &Words) {
        let answer = answered.answer();
        if let Some(map) = answer.downcast_ref::<map::Answer>() {
            self.map = Some(map.clone());
        } else if let Some(variants) = answer.downcast_ref::<variants::Answer>() {
            self.variants = Some(variants.clone());
        } else if let Some(funnel) = answer.downcast_ref::<funnel::Answer>() {
            self.funnel = Some(funnel.clone());
        } else if let Some(both) = answer.downcast_ref::<Comparison<funnel::Answer>>() {
            self.compared = Some(Compared::from(both));
        } else {
            self.section(topic, view, answered.as_ref(), words);
            return;
        }
        self.plain.push(answered);
    }

    fn section(&mut self, topic: &Topic, view: &View, answer: &dyn Answered, words: &Words) {
        let subject = match view {
            View::Paths(options) => Some(options.pattern.as_str()),
            _ => topic.journey.as_deref(),
        };
        match section(view, answer, subject, words) {
            Ok(mut section) => {
                if topic.whole {
                    section.scope =
                        Some("About all events of these customers, not only those of the journey".to_owned());
                }
                self.sections.push(section);
            }
            Err(why) => self.left_out.push((view.heading().0.to_owned(), why)),
        }
    }
}

fn made(home: &Home) -> Made {
    let now = jiff::Zoned::now().with_time_zone(home.charter.timezone.clone());
    Made {
        at: now.strftime("%Y-%m-%d %H:%M %Z").to_string(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        charter_hash: home.charter_path.as_ref().map(|_| home.charter.hash.clone()),
    }
}

/// The moments with which the journeys that were asked for reach their goal; none where nothing says so.
fn goals<'a>(home: &'a Home, select: &SelectArgs) -> &'a [String] {
    let journey = home.charter.journeys.iter().find(|journey| Some(&journey.name) == select.journey.as_ref());
    journey.map_or(&[], |journey| &journey.succeeds)
}

/// The first distinct moments of the commonest path that has at least two; where there are goals, of the commonest that
/// gets to one, which is the last.
fn usual_steps(variants: &variants::Answer, goals: &[String]) -> Option<String> {
    let is_goal = |moment: &str| goals.iter().any(|goal| goal == moment);
    let distinct = |sequence: &[std::sync::Arc<str>]| {
        let mut steps: Vec<String> = Vec::new();
        for moment in sequence {
            if !steps.iter().any(|known| **known == **moment) {
                steps.push(moment.to_string());
            }
            if is_goal(moment) {
                break;
            }
        }
        let goal = steps.pop_if(|last| is_goal(last));
        steps.truncate(FUNNEL_STEPS - usize::from(goal.is_some()));
        steps.extend(goal);
        steps
    };
    let gets_there = |steps: &Vec<String>| goals.is_empty() || steps.last().is_some_and(|last| is_goal(last));
    let paths = || variants.variants.iter().map(|v| distinct(&v.sequence)).filter(|steps| steps.len() > 1);
    let steps = paths().find(gets_there).or_else(|| {
        // No path that is listed gets there, so it is put behind the commonest.
        let mut steps = paths().next()?;
        steps.truncate(FUNNEL_STEPS - 1);
        steps.extend(goals.first().cloned());
        Some(steps)
    })?;
    Some(serde_json::Value::from(steps).to_string())
}

/// What the charter calls a journey.
fn journey_label<'a>(home: &'a Home, name: &'a str) -> &'a str {
    let journey = home.charter.journeys.iter().find(|journey| journey.name == name);
    journey.map_or(name, |journey| &journey.label)
}

/// What narrows the answers down, besides the period.
fn selection(select: &SelectArgs, home: &Home) -> Vec<String> {
    let journey = select.journey.as_ref().map(|name| journey_label(home, name).to_owned());
    let named = [
        ("journeys of", &select.of),
        ("journeys:", &journey),
        ("only customers of the segment", &select.segment),
        ("only journeys with an event where", &select.with),
        ("only events where", &select.events),
    ];
    named.iter().filter_map(|(what, value)| value.as_ref().map(|value| format!("{what} {value}"))).collect()
}

/// The period of the journeys: as it was given, or else that of the data.
fn period(since_us: Option<i64>, home: &Home, until_us: i64, select: &SelectArgs) -> Option<Period> {
    let shown = |us: i64| {
        let zoned = Timestamp::from_micros(us).to_jiff().to_zoned(home.charter.timezone.clone());
        zoned.strftime("%Y-%m-%d").to_string()
    };
    let given = |to: &String| format!("before {to}");
    since_us.map(|since_us| Period {
        from: select.from.clone().unwrap_or_else(|| shown(since_us)),
        to: select.to.as_ref().map_or_else(|| shown(until_us), given),
    })
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
