//! A few of the worlds through the real program: its files, its lake, its command line.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use sim::oracle;
use sim::world::{Question, World};

use crate::compare;

/// The program, which lies beside the tests once the workspace was built.
fn program() -> Option<PathBuf> {
    let tests = std::env::current_exe().expect("a test is a file");
    let folder = tests.parent().and_then(Path::parent).expect("tests lie in a folder of the target");
    let program = folder.join(format!("desireline{}", std::env::consts::EXE_SUFFIX));
    program.is_file().then_some(program)
}

fn run(program: &Path, home: &Path, args: &[String]) -> Result<Vec<u8>, String> {
    let mut command = Command::new(program);
    command.arg("--home").arg(home.join("home")).args(args).env_remove("DESIRELINE_HOME");
    command.arg("--charter").arg(home.join("charter.yaml"));
    let out = command.output().expect("it is a program");
    if out.status.success() { Ok(out.stdout) } else { Err(String::from_utf8_lossy(&out.stderr).into_owned()) }
}

fn typed(question: &Question) -> Vec<String> {
    let options = question.options.iter().chain(&question.selection);
    let options = options.flat_map(|(name, value)| [format!("--{}", name.replace('_', "-")), value.clone()]);
    ["view".to_owned(), question.view.to_owned()].into_iter().chain(options).chain(["--json".to_owned()]).collect()
}

/// Customers are numbered as they come, so of lists of them only the length is compared; and of findings only those that are
/// about the events themselves.
fn without_numbers(value: &mut Value) {
    match value {
        Value::Object(members) => {
            for (name, member) in members.iter_mut() {
                let list = member.as_array().filter(|list| list.iter().all(Value::is_i64));
                if let Some(list) = list.filter(|_| ["examples", "customers"].contains(&name.as_str())) {
                    *member = list.len().into();
                }
                if let Some(findings) = member.as_array_mut().filter(|_| name == "findings") {
                    let others = ["unknown_moments", "rejected", "sent_again", "future"];
                    findings.retain(|finding| !others.iter().any(|other| finding["kind"] == *other));
                }
                without_numbers(member);
            }
        }
        Value::Array(list) => list.iter_mut().for_each(without_numbers),
        _ => {}
    }
}

#[test]
#[expect(clippy::print_stderr, reason = "a test says why it skips")]
fn the_program_says_of_random_worlds_what_the_oracle_says() {
    let Some(program) = program() else {
        eprintln!("skipped: the program is not built; `cargo nextest run --workspace` builds it");
        return;
    };
    let mut told = String::new();
    for seed in 1..=3 {
        let world = World::new(seed);
        let home = tempfile::tempdir().expect("a folder");
        std::fs::write(home.path().join("charter.yaml"), &world.text).expect("a file");
        let events = home.path().join("events.csv");
        std::fs::write(&events, world.csv()).expect("a file");
        let import = ["import".to_owned(), events.to_str().expect("a path").to_owned()];
        run(&program, home.path(), &import).unwrap_or_else(|error| panic!("world {seed}: {error}"));
        // The first round of questions: every view once.
        for question in world.questions.iter().take(world.questions.len() / 2) {
            let found = run(&program, home.path(), &typed(question));
            let differences = match (found, oracle::answer(&world.charter, &world.events, question)) {
                (Err(_), None) => Vec::new(),
                (Ok(_), None) => vec!["it answers, though the charter has not what it is about".to_owned()],
                (Err(error), Some(_)) => vec![error],
                (Ok(found), Some(mut wanted)) => {
                    let mut found: Value = serde_json::from_slice(&found).expect("JSON");
                    [&mut wanted, &mut found].into_iter().for_each(without_numbers);
                    compare::differences(question.view, &wanted, &found)
                }
            };
            if !differences.is_empty() {
                writeln!(told, "world {seed}: {question}\n    {}", differences.join("\n    ")).expect("a text");
            }
        }
    }
    assert!(told.is_empty(), "\n{told}");
}
