//! The real program on real logs must give what others computed: `reference/event_logs.json` holds the answers of pm4py and
//! pandas. The logs may not be copied into the project, so this skips, and says so, where the folder is missing.
#![expect(clippy::print_stderr, clippy::unwrap_used, reason = "a test says why it skips, and may fail anywhere")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

fn data() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!("skipped: the real logs are not in {}", folder.display());
    None
}

fn desireline(home: &Path, args: &[&str]) -> String {
    let out = Command::new(env!("CARGO_BIN_EXE_desireline")).arg("--home").arg(home).args(args).output().unwrap();
    assert!(out.status.success(), "{args:?}: {}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).unwrap()
}

fn json(home: &Path, args: &[&str]) -> Value {
    serde_json::from_str(&desireline(home, args)).unwrap()
}

fn counts(items: &Value, name: &str, count: &str) -> BTreeMap<String, u64> {
    let pair = |item: &Value| (item[name].as_str().unwrap().to_owned(), item[count].as_u64().unwrap());
    items.as_array().unwrap().iter().map(pair).collect()
}

fn reference_counts(object: &Value) -> BTreeMap<String, u64> {
    object.as_object().unwrap().iter().map(|(name, n)| (name.clone(), n.as_u64().unwrap())).collect()
}

/// Published figures are rounded to a tenth of a second.
fn same_seconds(ours: &Value, theirs: &Value) -> bool {
    (ours.as_f64().unwrap() - theirs.as_f64().unwrap()).abs() <= 0.051
}

fn check_map(map: &Value, expected: &Value) {
    assert_eq!(counts(&map["moments"], "moment", "events"), reference_counts(&expected["activity_counts"]));
    assert_eq!(counts(&map["starts"], "moment", "count"), reference_counts(&expected["start_activities"]));
    assert_eq!(counts(&map["ends"], "moment", "count"), reference_counts(&expected["end_activities"]));
    let edges = map["edges"].as_array().unwrap();
    assert_eq!(edges.len() as u64, expected["dfg_edges"].as_u64().unwrap());
    assert_eq!(
        edges.iter().map(|e| e["count"].as_u64().unwrap()).sum::<u64>(),
        expected["dfg_total"].as_u64().unwrap()
    );
    let self_loops = edges.iter().filter(|e| e["from"] == e["to"]).map(|e| e["count"].as_u64().unwrap()).sum::<u64>();
    assert_eq!(self_loops, expected["self_loops"].as_u64().unwrap());
    for row in expected["dfg"].as_array().unwrap() {
        let edge = edges.iter().find(|e| e["from"] == row[0] && e["to"] == row[1]).unwrap_or_else(|| panic!("{row}"));
        assert_eq!(edge["count"], row[2], "{row}");
        assert!(same_seconds(&edge["mean_s"], &row[3]), "{row}: {edge}");
        assert!(same_seconds(&edge["median_s"], &row[4]), "{row}: {edge}");
    }
}

fn check_variants(variants: &Value, expected: &Value) {
    assert_eq!(variants["journeys"], expected["cases"]);
    let all = variants["variants"].as_array().unwrap();
    assert_eq!(all.len() as u64, expected["variants"].as_u64().unwrap());
    for row in expected["top_variants"].as_array().unwrap() {
        let found = all.iter().find(|v| v["sequence"] == row["activities"]).unwrap_or_else(|| panic!("{row}"));
        assert_eq!(found["count"], row["count"], "{row}");
    }
    let mut sizes: Vec<u64> = all.iter().map(|v| v["count"].as_u64().unwrap()).collect();
    sizes.sort_unstable_by(|a, b| b.cmp(a));
    assert_eq!(sizes.iter().take(10).sum::<u64>(), expected["cases_covered_by_top10_variants"].as_u64().unwrap());
}

#[test]
fn maps_and_variants_of_real_logs_are_those_of_pm4py() {
    let Some(data) = data() else { return };
    let reference: Value =
        serde_json::from_str(&std::fs::read_to_string(data.join("reference/event_logs.json")).unwrap()).unwrap();
    for (log, expected) in reference.as_object().unwrap() {
        let home = tempfile::tempdir().unwrap();
        let file = data.join(log);
        let imported = json(home.path(), &["import", file.to_str().unwrap(), "--json"]);
        assert_eq!((&imported["events"], &imported["customers"]), (&expected["events"], &expected["cases"]), "{log}");
        let both = json(home.path(), &["view", "map,variants", "--limit", "0", "--json"]);
        check_map(&both["map"], expected);
        check_variants(&both["variants"], expected);
        let times = json(
            home.path(),
            &["sql", "select cast(min(at) as varchar) low, cast(max(at) as varchar) high from events", "--json"],
        );
        for (ours, theirs) in [("low", "first_event"), ("high", "last_event")] {
            let prefix = |text: &Value| text.as_str().unwrap().replace('T', " ").chars().take(19).collect::<String>();
            assert_eq!(prefix(&times[0][ours]), prefix(&expected[theirs]), "{log}");
        }
    }
}
