//! `check`, `test`, `schema`: the charter as code.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use act::Plan;
use charter::Charter;
use evidence::counted;
use understand::View;

use crate::args::Args;
use crate::draw;
use crate::error::Error;
use crate::home::read_charter;
use crate::scenario;

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
        "comparison" => understand::comparison_schema(),
        "diff" => understand::changes_schema(),
        "customer" => understand::person::schema(),
        "map-by-type" => understand::map::ByType::schema(),
        view => View::named(view)
            .map_err(|error| {
                Error::NotFound(format!(
                    "{error}; besides, there are charter, comparison, customer, diff and map-by-type"
                ))
            })?
            .schema(),
    };
    draw::data(&format!("{schema:#}"));
    Ok(ExitCode::SUCCESS)
}

/// Runs the `tests:` of a charter.
pub(crate) fn test(args: &Args, file: Option<&Path>) -> Result<ExitCode, Error> {
    let path = path_of(args, file)?;
    let plan = Plan::new(Arc::new(read_charter(&path)?));
    let charter = plan.charter();
    let mut failed = 0;
    let mut tests = Vec::new();
    for scenario in &charter.tests {
        let wrong = scenario::run(&plan, scenario);
        if args.json {
            failed += usize::from(!wrong.is_empty());
            tests.push(serde_json::json!({ "test": scenario.name, "line": scenario.line, "wrong": wrong }));
        } else if wrong.is_empty() {
            draw::data(&format!("ok      {}", scenario.name));
        } else {
            failed += 1;
            draw::data(&format!("FAILED  {} ({}:{})", scenario.name, path.display(), scenario.line));
            for wrong in wrong {
                draw::data(&format!("        {wrong}"));
            }
        }
    }
    let passed = charter.tests.len() - failed;
    if args.json {
        let answer = serde_json::json!({ "passed": passed, "failed": failed, "tests": tests });
        draw::data(&answer.to_string());
    } else {
        draw::data(&format!("{passed} passed, {failed} failed"));
    }
    if failed > 0 { Err(Error::Tests { failed, all: charter.tests.len() }) } else { Ok(ExitCode::SUCCESS) }
}
