//! The real program on the simulated organisation of `charters/telecom`: views about what customers do over time and say
//! must give what is computed here from the rows themselves, in the plainest way.
#![expect(clippy::unwrap_used, reason = "a test may fail anywhere")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use jiff::tz::TimeZone;
use serde_json::Value;

fn telecom() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../charters/telecom")
}

fn json(home: &Path, args: &[&str]) -> Value {
    let charter = telecom().join("charter.yaml");
    let mut command = Command::new(env!("CARGO_BIN_EXE_desireline"));
    let out = command.arg("--home").arg(home).arg("--charter").arg(charter).args(args).arg("--json").output().unwrap();
    assert!(out.status.success(), "{args:?}: {}", String::from_utf8_lossy(&out.stderr));
    serde_json::from_slice(&out.stdout).unwrap()
}

fn count(value: &Value, name: &str) -> u64 {
    value[name].as_u64().unwrap_or_else(|| panic!("no `{name}` in {value}"))
}

#[test]
fn views_of_customers_are_what_the_rows_say() {
    let home = tempfile::tempdir().unwrap();
    let data = telecom().join("data");
    let file = |name: &str| data.join(name).to_str().unwrap().to_owned();
    let files =
        ["orders.csv", "surveys.csv", "contracts.csv", "deliveries.csv", "shop.csv", "tickets.csv.gz"].map(file);
    let import: Vec<&str> = std::iter::once("import").chain(files.iter().map(String::as_str)).collect();
    json(home.path(), &import);
    retention_of_orders(home.path());
    scores(home.path(), &std::fs::read_to_string(data.join("surveys.csv")).unwrap());
    stages_and_deeds(home.path());
}

/// Cohorts by the month of the first order in Berlin; who orders again in which later month.
fn retention_of_orders(home: &Path) {
    let query = "select customer, cast(cast(at as bigint) as varchar) at from events where event = 'Order Booked'";
    let berlin = TimeZone::get("Europe/Berlin").unwrap();
    let mut months: BTreeMap<String, BTreeSet<i32>> = BTreeMap::new();
    for row in json(home, &["sql", query]).as_array().unwrap() {
        let at_us: i64 = row["at"].as_str().unwrap().parse().unwrap();
        let day = jiff::Timestamp::from_microsecond(at_us).unwrap().to_zoned(berlin.clone()).date();
        let month = i32::from(day.year()) * 12 + i32::from(day.month()) - 1;
        months.entry(row["customer"].to_string()).or_default().insert(month);
    }
    let mut cohorts: BTreeMap<i32, (u64, [u64; 12])> = BTreeMap::new();
    for months in months.values() {
        let first = *months.first().unwrap();
        let (customers, returned) = cohorts.entry(first).or_default();
        *customers += 1;
        months.iter().skip(1).for_each(|month| returned[usize::try_from(month - first).unwrap() - 1] += 1);
    }
    assert!(cohorts.len() >= 12 && cohorts.values().any(|(_, returned)| returned[0] > 0), "{cohorts:?}");
    let options = ["view", "retention", "--by", "month", "--events", "event = 'Order Booked'"];
    let answer = json(home, &options);
    let found = answer["cohorts"].as_array().unwrap();
    assert_eq!(found.len(), cohorts.len());
    for (cohort, (month, (customers, returned))) in found.iter().zip(&cohorts) {
        assert_eq!(cohort["cohort"], format!("{}-{:02}", month / 12, month % 12 + 1));
        assert_eq!(count(cohort, "customers"), *customers);
        for (cell, returned) in cohort["periods"].as_array().unwrap().iter().zip(returned) {
            let over = count(cell, "of") > 0;
            assert_eq!((count(cell, "of") + count(cell, "pending"), cell["share"].is_null()), (*customers, !over));
            assert!(!over || count(cell, "returned") == *returned, "{cohort}");
        }
    }
    assert_eq!(count(&answer, "customers"), months.len() as u64);
}

/// NPS, out of the file.
fn scores(home: &Path, file: &str) {
    let given: Vec<u64> = file.lines().skip(1).filter_map(|line| line.split(',').nth(3)?.parse().ok()).collect();
    let (promoters, detractors) =
        (given.iter().filter(|s| **s >= 9).count(), given.iter().filter(|s| **s <= 6).count());
    let answer = json(home, &["view", "surveys"]);
    let nps = &answer["surveys"][0];
    let score = &nps["score"];
    assert_eq!((count(score, "n"), count(nps, "out_of_range"), &nps["asked"]), (given.len() as u64, 0, &Value::Null));
    let expected = 100.0 * (promoters as f64 - detractors as f64) / given.len() as f64;
    assert!((score["nps"].as_f64().unwrap() - expected).abs() < 1e-9, "{score} is not {expected}");
    for list in ["by_moment", "by_channel"] {
        let n: u64 = nps[list].as_array().unwrap().iter().map(|by| count(&by["score"], "n")).sum();
        assert_eq!(n, given.len() as u64, "{list}");
    }
}

/// What several views show is the same in all of them.
fn stages_and_deeds(home: &Path) {
    let all = json(home, &["view", "stages,surveys,say-do,map"]);
    let nps = &all["surveys"]["surveys"][0];
    let review = all["stages"]["stages"].as_array().unwrap().iter().find(|stage| stage["stage"] == "review").unwrap();
    assert_eq!(review["measures"][0]["measure"], "nps");
    assert_eq!(review["measures"][0]["value"], nps["score"]["nps"]);
    assert_eq!(review["measures"][0]["low"], nps["score"]["nps_low"]);
    assert_eq!(
        (&all["stages"]["customers"], &all["stages"]["journeys"]),
        (&all["map"]["customers"], &all["map"]["journeys"])
    );
    let in_stages = all["stages"]["stages"].as_array().unwrap().iter().map(|stage| count(stage, "events")).sum::<u64>();
    let events = all["map"]["moments"].as_array().unwrap().iter().map(|moment| count(moment, "events")).sum::<u64>();
    assert_eq!(in_stages, events, "every moment of this charter belongs to a stage");
    let said = &all["say-do"]["surveys"][0];
    assert_eq!(said["answers"], nps["score"]["n"]);
    for deed in said["deeds"].as_array().unwrap() {
        let followed: u64 = deed["groups"].as_array().unwrap().iter().map(|group| count(group, "of")).sum();
        assert_eq!(followed + count(deed, "pending"), count(said, "answers"), "{deed}");
    }
}
