//! Expectations, absences, conformance and paths through the real program: on the simulated organisation, of which is written
//! down what happened, and where the charter or the question lacks something.
#![expect(clippy::unwrap_used, reason = "a test may fail anywhere")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

fn telecom() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../charters/telecom")
}

fn run(home: &Path, charter: Option<&Path>, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_desireline"));
    command.arg("--home").arg(home).args(args);
    charter.map(|charter| command.arg("--charter").arg(charter));
    command.output().unwrap()
}

fn json(home: &Path, charter: &Path, args: &[&str]) -> Value {
    let out = run(home, Some(charter), &[args, &["--json"]].concat());
    assert!(out.status.success(), "{args:?}: {}", String::from_utf8_lossy(&out.stderr));
    serde_json::from_slice(&out.stdout).unwrap()
}

fn fails(home: &Path, charter: Option<&Path>, args: &[&str], code: i32, said: &str) {
    let out = run(home, charter, args);
    let err = String::from_utf8(out.stderr).unwrap();
    assert!(out.status.code() == Some(code) && err.contains(said), "{args:?}: {:?} {err}", out.status);
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("{value}"))
}

#[test]
fn the_simulated_organisation_kept_and_broke_what_was_written_down() {
    let home = tempfile::tempdir().unwrap();
    let charter = telecom().join("charter.yaml");
    let data = |file: &str| telecom().join("data").join(file).to_str().unwrap().to_owned();
    let files =
        ["web.jsonl.gz", "app.jsonl.gz", "calls.csv", "shop.csv", "tickets.csv.gz", "orders.csv", "deliveries.csv"];
    let files: Vec<String> = files.into_iter().chain(["surveys.csv", "contracts.csv"]).map(data).collect();
    let files: Vec<&str> = files.iter().map(String::as_str).collect();
    json(home.path(), &charter, &[["import"].as_slice(), &files].concat());
    let truth: Value = serde_json::from_str(&std::fs::read_to_string(data("truth.json")).unwrap()).unwrap();
    let truth = &truth["happened"]["counts"];

    let names = "expectations,absences,conformance,paths,map";
    let all = json(home.path(), &charter, &["view", names, "--pattern", "order", "--limit", "0"]);
    let [delivery, answer] = [0, 1].map(|i| &all["expectations"]["expectations"][i]);
    let came = |balance: &Value| number(&balance["kept"]) + number(&balance["late"]);
    assert_eq!(number(&delivery["balance"]["made"]), number(&truth["orders"]));
    assert_eq!(came(&delivery["balance"]), number(&truth["deliveries"]));
    assert_eq!(number(&delivery["balance"]["late"]), number(&truth["deliveries, late"]));
    // Some tickets came with an address that is nobody's and were rejected row by row, so a few of them are missing.
    let nearly = |ours: u64, truth: &Value| ours <= number(truth) && ours * 100 >= number(truth) * 97;
    assert!(nearly(number(&answer["balance"]["made"]), &truth["tickets"]), "{answer}");
    assert!(nearly(came(&answer["balance"]), &truth["tickets, closed"]), "{answer}");
    assert!(nearly(number(&answer["balance"]["late"]), &truth["tickets, closed late"]), "{answer}");
    // It planted that broken promises make customers leave, 22 points more often.
    let churn = delivery["outcomes"].as_array().unwrap().iter().find(|outcome| outcome["outcome"] == "churn").unwrap();
    assert!(churn["difference_high"].as_f64().unwrap() < 0.0, "{churn}");

    let absence = &all["absences"]["absences"][0];
    assert_eq!((&absence["what"], &absence["count"]), (&"delivery".into(), &delivery["balance"]["broken"]));
    let orders = all["map"]["moments"].as_array().unwrap().iter().find(|moment| moment["moment"] == "order").unwrap();
    assert_eq!(all["paths"]["matching_customers"], orders["customers"]);
    let purchases = json(home.path(), &charter, &["view", "map,variants", "--journey", "purchase", "--limit", "0"]);
    assert_eq!(all["conformance"]["journeys"], purchases["map"]["journeys"]);
    assert_eq!(all["conformance"]["variants"], purchases["variants"]["of"]);
    let drawn = "^ visit+ search product cart checkout order $";
    let paths = json(home.path(), &charter, &["view", "paths", "--pattern", drawn, "--journey", "purchase"]);
    assert_eq!(paths["matching"], all["conformance"]["fitting"], "as drawn is what the drawing matches");

    fails(home.path(), Some(&charter), &["view", "paths", "--pattern", "oder"], 4, "did you mean `order`?");
    fails(home.path(), Some(&charter), &["view", "paths", "--pattern", "order@wbe"], 4, "did you mean `web`?");
    fails(home.path(), Some(&charter), &["view", "paths", "--pattern", "(order"], 2, "this bracket is never closed");
    fails(home.path(), Some(&charter), &["view", "paths"], 2, "write a pattern");
}

#[test]
fn a_charter_that_promises_and_draws_nothing() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("x.csv");
    std::fs::write(&file, "customer,event,at\na,visit,2026-01-01\na,order,2026-01-02\n").unwrap();
    assert!(run(home.path(), None, &["import", file.to_str().unwrap()]).status.success());
    let lacks = |section: &str| format!("is about the charter's `{section}:`, of which it has none: add some, such as");
    fails(home.path(), None, &["view", "expectations"], 2, &lacks("expectations"));
    fails(home.path(), None, &["view", "conformance"], 2, &lacks("designed"));
    assert!(run(home.path(), None, &["view", "absences"]).status.success(), "silence needs no charter");
    let out = run(home.path(), None, &["view", "paths", "--pattern", "^visit order{<0s}", "--csv"]);
    assert!(String::from_utf8(out.stdout).unwrap().starts_with("pattern,journeys,matching,"));
}
