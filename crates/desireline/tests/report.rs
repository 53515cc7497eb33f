//! The report and the tables of all views, through the program, on the simulated example and on a plain file.
#![expect(clippy::unwrap_used, reason = "a test may fail anywhere")]

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

struct Home(tempfile::TempDir);

impl Home {
    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_desireline"));
        command.arg("--home").arg(self.0.path().join("home")).args(args).env_remove("COLUMNS");
        command
    }

    fn run(&self, args: &[&str]) -> Output {
        let out = self.command(args).output().unwrap();
        assert!(out.status.success(), "{args:?}: {}", String::from_utf8_lossy(&out.stderr));
        out
    }

    fn report(&self, args: &[&str]) -> (String, Value) {
        let path = self.0.path().join("report.html");
        let out = self.run(&[&["report", "--json", "-o", path.to_str().unwrap()], args].concat());
        (std::fs::read_to_string(path).unwrap(), serde_json::from_slice(&out.stdout).unwrap())
    }
}

fn ids(page: &str) -> Vec<&str> {
    page.split("<section").skip(1).map(|part| part.split("id=\"").nth(1).unwrap().split('"').next().unwrap()).collect()
}

#[test]
fn a_report_without_a_charter_says_what_a_charter_would_add() {
    let home = Home(tempfile::tempdir().unwrap());
    let file = home.0.path().join("orders.csv");
    let rows = (1..=50)
        .map(|n| format!("u{n},visit,2026-03-{:02} 10:00\nu{n},order,2026-03-{:02} 11:00\n", n % 20 + 1, n % 20 + 1));
    std::fs::write(&file, format!("user_id,event,time\n{}", rows.collect::<String>())).unwrap();
    home.run(&["import", file.to_str().unwrap(), "--yes"]);
    let (page, _) = home.report(&[]);
    assert_eq!(ids(&page)[..4], ["findings", "read", "map", "variants"]);
    assert!(page.contains("Promises kept and broken; ") && page.contains("proposes a first one"), "{:?}", ids(&page));
    assert!(page.contains("desireline report --pattern"), "what has to be asked for is said");
    let (page, _) = home.report(&["--pattern", "visit .. order"]);
    assert!(ids(&page).contains(&"paths") && page.contains("50 of 50 journeys"));
}

#[test]
fn every_view_has_its_section_and_fits_the_terminal() {
    let charters = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../charters/telecom");
    let home = Home(tempfile::tempdir().unwrap());
    let charter = charters.join("charter.yaml");
    let with_charter = |args: &[&'static str]| -> Vec<String> {
        let charter = ["--charter".to_owned(), charter.to_str().unwrap().to_owned()];
        charter.into_iter().chain(args.iter().map(|arg| (*arg).to_owned())).collect()
    };
    let data = charters.join("data");
    home.run(&["--charter", charter.to_str().unwrap(), "import", data.to_str().unwrap()]);
    let report = with_charter(&["--pattern", "checkout_fail .. call"]);
    let (page, said) = home.report(&report.iter().map(String::as_str).collect::<Vec<_>>());
    let expected = [
        "findings",
        "read",
        "map",
        "variants",
        "funnel",
        "abandonment",
        "abandonment-2",
        "conformance",
        "conformance-2",
        "paths",
        "channels",
        "channels-2",
        "stages",
        "retention",
        "segments",
        "interactions",
        "expectations",
        "absences",
        "surveys",
        "say-do",
        "quality",
        "how",
    ];
    assert_eq!(ids(&page), expected);
    assert!(said["findings"].as_array().unwrap().len() == 3);
    assert!(!page.contains("http://") || page.matches("http://").count() == page.matches("http://www.w3.org/").count());
    let all = understand::View::names().join(",");
    let options = ["--steps", "visit,order", "--from-moment", "ticket", "--pattern", "ticket .. ticket_done"];
    for columns in [80, 120] {
        let args = [["--charter", charter.to_str().unwrap(), "view", &all].as_slice(), &options].concat();
        let out = home.command(&args).env("COLUMNS", columns.to_string()).output().unwrap();
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        let text = String::from_utf8(out.stdout).unwrap();
        let widest = text.lines().max_by_key(|line| line.trim_end().chars().count()).unwrap();
        assert!(widest.trim_end().chars().count() <= columns, "at {columns}: {widest}");
    }
}
