//! `diff` through the program: what a changed charter changes, and that an unchanged one changes nothing.
#![expect(clippy::unwrap_used, reason = "a test may fail anywhere")]

use std::path::Path;
use std::process::Command;

fn desireline(home: &Path, args: &[&str]) -> String {
    data_and_notes(home, args).0
}

fn data_and_notes(home: &Path, args: &[&str]) -> (String, String) {
    let out = Command::new(env!("CARGO_BIN_EXE_desireline")).arg("--home").arg(home).args(args).output().unwrap();
    let notes = String::from_utf8(out.stderr).unwrap();
    assert!(out.status.success(), "{notes}");
    (String::from_utf8(out.stdout).unwrap(), notes)
}

#[test]
fn figures_that_change_are_listed_and_no_others() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("home");
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let events =
        "customer,event,at\nann,visit,2026-01-01\nann,order,2026-01-02\nbob,visit,2026-01-01\nbob,look,2026-01-03\n";
    let charter = |visit: &str, after: &str| {
        format!(
            "charter: 1\nmoments:\n  visit: {{when: \"event {visit}\"}}\n  order: {{when: \"event = 'order'\"}}\n\
             journeys:\n  purchase: {{starts: [visit], succeeds: order, abandoned_after: {after}}}\n"
        )
    };
    let old = file("old.yaml", &charter("= 'visit'", "14d"));
    let new = file("new.yaml", &charter("in ('visit', 'look')", "14d"));
    desireline(&home, &["import", &file("events.csv", events)]);
    let found: serde_json::Value = serde_json::from_str(&desireline(&home, &["diff", &old, &new, "--json"])).unwrap();
    let figure = |view: &str, name: &str| {
        let all = found.as_array().unwrap();
        let one = all.iter().find(|c| c["view"] == view && c["figure"] == name);
        one.map(|c| (c["old"].as_f64(), c["new"].as_f64()))
    };
    assert_eq!(figure("map", "events"), Some((Some(3.0), Some(4.0))));
    assert_eq!(figure("map", "moments[visit].events"), Some((Some(2.0), Some(3.0))));
    assert_eq!(figure("map", "edges[visit, visit].count"), Some((None, Some(1.0))));
    assert_eq!(figure("map", "edges[visit, order].count"), None, "it did not change");
    assert_eq!(desireline(&home, &["diff", &old, &old]).trim(), "no figure changes");
    let acts = |value: u32, more: &str| {
        let features = "features: {visits: {count: visit}}\n";
        let actions =
            format!("actions: {{call: {{when: visits > 1, value: {value}}}, mail: {{when: visits > 2, value: 1}}}}\n");
        file(&format!("acts{value}.yaml"), &(charter("= 'visit'", "14d") + features + &actions + more))
    };
    let (one, two) = (acts(1, ""), acts(2, "caps: [{per: 7d, times: 1}]\n"));
    let (data, notes) = data_and_notes(&home, &["diff", &one, &two]);
    assert_eq!(data.trim(), "no figure changes");
    assert!(
        notes.contains(&format!(
            "actions (call), caps changed, too, which no figure here tells: `desireline replay --policy {two}`"
        )),
        "{notes}"
    );
    assert!(!data_and_notes(&home, &["diff", &one, &one]).1.contains("replay"), "nothing changed");
    let csv = desireline(&home, &["diff", &old, &new, "--csv"]);
    assert_eq!(csv.lines().count(), found.as_array().unwrap().len() + 1);
    assert!(csv.starts_with("view,figure,old,new,change,relative,weight\r\n"), "{csv}");
    let first: serde_json::Value =
        serde_json::from_str(&desireline(&home, &["diff", &old, &new, "--json", "--limit", "2"])).unwrap();
    assert_eq!(first.as_array().unwrap()[..], found.as_array().unwrap()[..2]);
    let table = desireline(&home, &["diff", &old, &new, "--limit", "1"]);
    assert!(table.contains("1 of "), "what is left out is said: {table}");
    let all = |more: &[&str]| desireline(&home, &[&["diff", &old, &new, "--limit", "0"], more].concat());
    assert_eq!(all(&["--json"]), desireline(&home, &["diff", &old, &new, "--json"]), "0 is all, as in every view");
    assert_eq!(all(&["--csv"]), csv);
    assert!(all(&[]).lines().count() > found.as_array().unwrap().len(), "{}", all(&[]));
}
