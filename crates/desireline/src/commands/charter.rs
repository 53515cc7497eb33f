//! `check`, `test`, `schema`: the charter as code.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use charter::Charter;
use charter::scenario::{Ending, Expected, Scenario};
use evidence::counted;
use listen::stitch::{Graph, Rules};
use understand::View;

use crate::args::Args;
use crate::draw;
use crate::error::Error;
use crate::home::read_charter;

fn path_of(args: &Args, file: Option<&Path>) -> Result<PathBuf, Error> {
    let in_home = args.home.join("charter.yaml");
    let known =
        file.map(Path::to_owned).or_else(|| args.charter.clone()).or_else(|| in_home.is_file().then_some(in_home));
    known.ok_or_else(|| Error::Usage("which charter? name its file, as in `desireline check charter.yaml`".to_owned()))
}

/// Reports everything that is wrong with a charter, or says what it defines.
pub(crate) fn check(args: &Args, file: Option<&Path>) -> Result<ExitCode, Error> {
    let path = path_of(args, file)?;
    if args.json {
        return check_for_machines(&path);
    }
    let charter = read_charter(&path)?;
    let counts = [
        ("moments", charter.moments.len()),
        ("stages", charter.stages.len()),
        ("journeys", charter.journeys.len()),
        ("interactions", charter.interactions.len()),
        ("expectations", charter.expectations.len()),
        ("outcomes", charter.outcomes.len()),
        ("segments", charter.segments.len()),
        ("actions", charter.actions.len()),
        ("tests", charter.tests.len()),
    ];
    let counts: Vec<String> = counts
        .iter()
        .filter(|(_, n)| *n > 0)
        .map(|(what, n)| counted(*n as u64, what.trim_end_matches('s'), what))
        .collect();
    let hash = charter.hash.get(..12).unwrap_or(&charter.hash);
    draw::data(&format!("{} is in order ({hash}): {}", path.display(), counts.join(", ")));
    Ok(ExitCode::SUCCESS)
}

/// The same as JSON: all problems, warnings included, with their places.
fn check_for_machines(path: &Path) -> Result<ExitCode, Error> {
    let text = std::fs::read_to_string(path).map_err(|error| Error::unreadable(path, &error))?;
    let (problems, hash) = match Charter::parse(&text) {
        Ok((charter, warnings)) => (warnings, Some(charter.hash)),
        Err(problems) => (problems, None),
    };
    let problem = |problem: &charter::Problem| {
        serde_json::json!({
            "code": problem.code.as_str(),
            "severity": match problem.code.severity() {
                charter::Severity::Error => "error",
                charter::Severity::Warning => "warning",
            },
            "line": problem.line,
            "column": problem.column,
            "reason": problem.reason,
            "quote": problem.quote,
            "hint": problem.hint,
        })
    };
    let all: Vec<_> = problems.iter().map(problem).collect();
    let answer = serde_json::json!({ "in_order": hash.is_some(), "hash": hash, "problems": all });
    draw::data(&answer.to_string());
    match hash {
        Some(_) => Ok(ExitCode::SUCCESS),
        None => Err(Error::Charter { path: path.to_owned(), problems, rendered: String::new() }),
    }
}

/// Prints a JSON Schema.
pub(crate) fn schema(of: &str) -> Result<ExitCode, Error> {
    let schema = match of {
        "charter" => charter::schema(),
        "diff" => understand::changes_schema(),
        "customer" => understand::person::schema(),
        "map-by-type" => understand::map::ByType::schema(),
        view => View::named(view)?.schema(),
    };
    draw::data(&format!("{schema:#}"));
    Ok(ExitCode::SUCCESS)
}

/// Runs the `tests:` of a charter.
pub(crate) fn test(args: &Args, file: Option<&Path>) -> Result<ExitCode, Error> {
    let path = path_of(args, file)?;
    let charter = read_charter(&path)?;
    let (mut failed, mut left_out) = (0, 0);
    let mut tests = Vec::new();
    for scenario in &charter.tests {
        let ran = run_scenario(&charter, scenario);
        left_out += ran.left_out;
        if args.json {
            failed += usize::from(!ran.wrong.is_empty());
            tests.push(serde_json::json!({ "test": scenario.name, "line": scenario.line, "wrong": ran.wrong }));
        } else if ran.wrong.is_empty() {
            draw::data(&format!("ok      {}", scenario.name));
        } else {
            failed += 1;
            draw::data(&format!("FAILED  {} ({}:{})", scenario.name, path.display(), scenario.line));
            ran.wrong.iter().for_each(|wrong| draw::data(&format!("        {wrong}")));
        }
    }
    let passed = charter.tests.len() - failed;
    if args.json {
        let answer = serde_json::json!({ "passed": passed, "failed": failed, "left_out": left_out, "tests": tests });
        draw::data(&answer.to_string());
    } else {
        draw::data(&format!("{passed} passed, {failed} failed"));
    }
    if left_out > 0 {
        draw::note(&format!(
            "{left_out} expectations about actions, features, outcomes or promises were not looked at: this version does not compute them yet"
        ));
    }
    if failed > 0 { Err(Error::Tests { failed, all: charter.tests.len() }) } else { Ok(ExitCode::SUCCESS) }
}

struct Ran {
    wrong: Vec<String>,
    left_out: usize,
}

fn run_scenario(charter: &Charter, scenario: &Scenario) -> Ran {
    let mut events: Vec<_> = scenario.events.iter().collect();
    events.sort_by_key(|event| event.at);
    let rules = Rules::from(&charter.keys);
    let mut graph = Graph::new(rules.clone());
    let (mut moments, mut at_us) = (Vec::new(), Vec::new());
    for scenario_event in &events {
        let keys = scenario_event.keys();
        let event = scenario_event.event(&keys);
        let further = rules.further_keys(&event);
        let further = further.iter().map(|(kind, value)| (kind.as_str(), value.as_str()));
        let all = keys.iter().map(|key| (key.kind, key.value)).chain(further);
        let nodes: Vec<_> = all.filter_map(|(kind, value)| graph.admit(kind, value)).collect();
        graph.link(&nodes, scenario_event.at.as_micros());
        // Without moments in the charter, every event is one.
        let by_name = charter.moments.is_empty().then_some(event.event);
        let moment = charter.moment_of(&event).map(|moment| charter.moments[moment].name.as_str());
        if let Some(moment) = moment.or(by_name) {
            moments.push(moment.to_owned());
            at_us.push(scenario_event.at.as_micros());
        }
    }
    let mut ran = Ran { wrong: Vec::new(), left_out: 0 };
    let mut same = |what: &str, expected: String, found: String| {
        if expected != found {
            ran.wrong.push(format!("{what}: expected {expected}, found {found}"));
        }
    };
    for expected in &scenario.expect {
        match expected {
            Expected::Moments(wanted) => same("moments", wanted.join(", "), moments.join(", ")),
            Expected::Stage(wanted) => {
                let stage_of = |name: &String| charter.moments[charter.moment(name)?].stage.clone();
                let stage = moments.iter().rev().find_map(stage_of);
                let shown = |stage: &Option<String>| stage.clone().unwrap_or_else(|| "none".to_owned());
                same("stage", shown(wanted), shown(&stage));
            }
            Expected::Customers(wanted) => same("customers", wanted.to_string(), graph.resolve().len().to_string()),
            Expected::Journeys(name, wanted) => {
                let endings = endings(charter, scenario, name, &moments, &at_us);
                let shown = |all: &[Ending]| format!("{all:?}").to_lowercase();
                same(&format!("journey.{name}"), shown(wanted), shown(&endings));
            }
            Expected::Action(_) | Expected::Expectation(..) | Expected::Feature(..) | Expected::Outcome(..) => {
                ran.left_out += 1;
            }
        }
    }
    ran
}

fn endings(charter: &Charter, scenario: &Scenario, name: &str, moments: &[String], at_us: &[i64]) -> Vec<Ending> {
    let numbers = journey::Moments::new();
    let until = scenario.until.map_or_else(|| at_us.last().copied().unwrap_or_default(), event::Timestamp::as_micros);
    let select = crate::args::SelectArgs { journey: Some(name.to_owned()), ..crate::args::SelectArgs::default() };
    let Ok(asked) = crate::question::ask(&select, charter, &numbers, until) else { return Vec::new() };
    let moments: Vec<journey::Moment> = moments.iter().map(|name| numbers.intern(name)).collect();
    let run = journey::Run::plain(0, &moments, at_us);
    let mut endings = Vec::new();
    if !moments.is_empty() {
        asked.selected[0].1.journeys(&run, |journey, _| {
            endings.push(match journey.ending {
                journey::Ending::Succeeded => Ending::Succeeded,
                journey::Ending::Abandoned => Ending::Abandoned,
                journey::Ending::Open | journey::Ending::Whole => Ending::Open,
            });
        });
    }
    endings
}
