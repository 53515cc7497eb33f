//! Interactions, channels and abandonment through the real program: on the simulated organisation, which wrote down what it
//! planted, and on a real log of a help desk, whose figures were computed from the XES file by a program of their own.
#![expect(clippy::print_stderr, clippy::unwrap_used, reason = "a test says why it skips, and may fail anywhere")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

fn desireline(home: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_desireline"));
    command.arg("--home").arg(home).args(args).env_remove("DESIRELINE_HOME").output().unwrap()
}

fn json(home: &Path, args: &[&str]) -> Value {
    let out = desireline(home, &[args, &["--json"]].concat());
    assert!(out.status.success(), "{args:?}: {}", String::from_utf8_lossy(&out.stderr));
    serde_json::from_slice(&out.stdout).unwrap()
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("{value} is no count"))
}

#[test]
fn the_simulated_organisation_has_what_was_planted() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../charters/telecom");
    let (charter, data) = (folder.join("charter.yaml"), folder.join("data"));
    let [charter, files] = [&charter, &data].map(|path| path.to_str().unwrap());
    let truth: Value = serde_json::from_str(&std::fs::read_to_string(data.join("truth.json")).unwrap()).unwrap();
    let planted = &truth["happened"]["counts"];
    let home = tempfile::tempdir().unwrap();
    json(home.path(), &["import", files, "--charter", charter]);
    let ask = |views: &str, more: &[&str]| json(home.path(), &[&["view", views, "--charter", charter], more].concat());

    let both = ask("abandonment,interactions,channels", &["--limit", "0"]);
    let ticket = &both["interactions"]["interactions"][0];
    let figures = &ticket["figures"];
    let told = |status: &str| {
        let query = format!("select count(*) n from events where source = 'tickets' and event = '{status}'");
        number(&json(home.path(), &["sql", &query])[0]["n"])
    };
    // Some rows of tickets name no caller but an address that everybody types; those are nobody's.
    let (opened, closed) = (told("New"), told("Closed"));
    assert!(opened <= number(&planted["tickets"]) && opened > number(&planted["tickets"]) * 98 / 100);
    assert_eq!(number(&figures["opened"]), opened);
    let strays = number(&ticket["unopened"]) + number(&ticket["resolved_again"]);
    assert_eq!(number(&figures["resolved"]) + strays, closed);
    let sum = ["resolved", "open", "abandoned"].map(|name| number(&figures[name])).into_iter().sum::<u64>();
    assert_eq!(number(&figures["opened"]), sum);
    let requests = ticket["requests"].as_array().unwrap();
    let of_requests = requests.iter().map(|request| number(&request["figures"]["opened"])).sum::<u64>();
    assert_eq!(of_requests, sum, "every ticket has a topic, and there are few topics");

    let purchase = &both["abandonment"];
    let paths = ask("map,variants", &["--journey", "purchase", "--limit", "1"]);
    let parts = ["succeeded", "open", "abandoned"].map(|name| number(&purchase[name]));
    assert_eq!(number(&purchase["journeys"]), parts.into_iter().sum::<u64>());
    assert_eq!(
        (&purchase["journeys"], &purchase["journeys"]),
        (&paths["map"]["journeys"], &paths["variants"]["journeys"])
    );
    let orders = purchase["moments"].as_array().unwrap().iter().find(|moment| moment["moment"] == "order").unwrap();
    assert_eq!(number(&orders["succeeded"]), parts[0]);

    let channels = &both["channels"];
    let on = channels["channels"].as_array().unwrap().iter().map(|channel| number(&channel["events"])).sum::<u64>();
    assert_eq!(on + number(&channels["without_channel"]), number(&channels["events"]));
    assert!(number(&channels["without_channel"]) > 0, "deliveries come without one");
    let known = ["web", "app", "call", "shop", "email"];
    assert!(channels["channels"].as_array().unwrap().iter().all(|c| known.contains(&c["channel"].as_str().unwrap())));
}

#[test]
fn a_charter_that_lacks_what_a_view_is_about_is_told_what_to_add() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("x.csv");
    std::fs::write(&file, "customer,event,at\na,visit,2025-01-01\nb,visit,2025-01-02\n").unwrap();
    json(home.path(), &["import", file.to_str().unwrap()]);
    for (view, said) in [("interactions", "`interactions:`"), ("abandonment", "`journeys:`")] {
        let out = desireline(home.path(), &["view", view]);
        let said_so = String::from_utf8_lossy(&out.stderr).contains(said);
        assert!(out.status.code() == Some(2) && said_so, "{out:?}");
    }
    assert_eq!(json(home.path(), &["view", "channels"])["without_channel"], 2);
}

const HELP_DESK: &str = "\
charter: 1
moments:
  insert: {when: \"event = 'Insert ticket'\"}
  assign: {when: \"event = 'Assign seriousness'\"}
  take: {when: \"event = 'Take in charge ticket'\"}
  wait: {when: \"event = 'Wait'\"}
  resolve: {when: \"event = 'Resolve ticket'\"}
interactions:
  ticket: {key: case_id, request: properties.product, opens: [insert, assign], resolves: [resolve], window: 30d}
";

fn real(log: &str) -> Option<PathBuf> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data").join(log);
    if file.is_file() {
        return Some(file);
    }
    eprintln!("skipped: there is no {}", file.display());
    None
}

/// A real log by a charter: what asks a view of it.
fn asked(log: &str, map: &[&str], charter: &str) -> Option<impl Fn(&[&str]) -> Value + use<>> {
    let file = real(log)?;
    let home = tempfile::tempdir().unwrap();
    let written = home.path().join("charter.yaml");
    std::fs::write(&written, charter).unwrap();
    let with = ["--charter".to_owned(), written.to_str().unwrap().to_owned()];
    let ask = move |args: &[&str]| json(home.path(), &[args, &[with[0].as_str(), &with[1]]].concat());
    ask(&[&["import", file.to_str().unwrap()], map].concat());
    Some(ask)
}

#[test]
fn tickets_of_a_real_help_desk() {
    let Some(file) = real("helpdesk_italian/helpdesk.xes.gz") else { return };
    let home = tempfile::tempdir().unwrap();
    let charter = home.path().join("charter.yaml");
    let others = ["Closed", "Require upgrade", "Create SW anomaly", "Resolve SW anomaly", "Schedule intervention"];
    let others = others.iter().chain(&["VERIFIED", "RESOLVED", "INVALID", "DUPLICATE"]).enumerate();
    let others: Vec<String> = others.map(|(i, name)| format!("  o{i}: {{when: \"event = '{name}'\"}}\n")).collect();
    let others = others.concat();
    std::fs::write(&charter, HELP_DESK.replace("interactions:", &format!("{others}interactions:"))).unwrap();
    let charter = charter.to_str().unwrap();
    json(home.path(), &["import", file.to_str().unwrap(), "--customer", "customer", "--charter", charter]);
    let answer = json(home.path(), &["view", "interactions", "--limit", "0", "--charter", charter]);
    let ticket = &answer["interactions"][0];
    let figures = &ticket["figures"];
    let counts = ["opened", "resolved", "open", "abandoned", "judged", "accurate", "first_contact"];
    assert_eq!(counts.map(|name| number(&figures[name])), [4503, 4492, 2, 9, 4443, 2363, 1936]);
    assert_eq!((number(&ticket["unopened"]), number(&ticket["resolved_again"])), (90, 401));
    let measures = ["contacts_mean", "repeats_mean", "elapsed_mean_s", "elapsed_median_s"];
    let wanted = [1.060_774_710_596_616, 0.271_371_326_803_205_7, 957_922.496_660_730_2, 515_235.0];
    for (name, wanted) in measures.into_iter().zip(wanted) {
        let found = figures[name].as_f64().unwrap();
        assert!((found / wanted - 1.0).abs() < 1e-9, "{name}: {found}, not {wanted}");
    }
    assert!((ticket["repeatable"].as_f64().unwrap() - 0.547_939_520_436_265_4).abs() < 1e-9);
    let products = ticket["requests"].as_array().unwrap();
    let first = &products[0];
    assert_eq!((products.len(), &first["request"], number(&first["ways"])), (21, &Value::from("Value 1"), 79));
    assert_eq!(number(&first["usual"]["count"]), 827);
    assert_eq!(first["usual"]["path"], serde_json::json!(["assign", "take", "resolve"]));
}

const HOSPITAL: &str = "\
charter: 1
moments:
  arrive: {when: \"event = 'ER Registration'\"}
  back: {when: \"event = 'Return ER'\"}
  blood: {when: \"event = 'Leucocytes'\"}
  lactate: {when: \"event = 'LacticAcid'\"}
  home: {when: \"event = 'Release A'\"}
  elsewhere: {when: \"event like 'Release %'\"}
interactions:
  stay: {opens: [arrive, back], resolves: [home, elsewhere], window: 28d}
";

/// Who was sent home and came back within 28 days was not healed: patients with sepsis in a Dutch hospital.
#[test]
fn stays_in_a_real_hospital() {
    let Some(ask) = asked("sepsis/SEPSIS.xes.gz", &[], HOSPITAL) else { return };
    let answer = ask(&["view", "interactions"]);
    let stay = &answer["interactions"][0];
    let counts = ["opened", "resolved", "open", "abandoned", "judged", "accurate", "first_contact"];
    assert_eq!(counts.map(|name| number(&stay["figures"][name])), [1344, 764, 5, 575, 764, 657, 657]);
    assert_eq!((number(&stay["unopened"]), number(&stay["resolved_again"])), (18, 0));
    assert_eq!(number(&stay["recontacts"][0]["count"]), 107);
    let elapsed = ["elapsed_mean_s", "elapsed_median_s"].map(|name| stay["figures"][name].as_f64().unwrap());
    assert!((elapsed[0] / 601_374.869_109_947 - 1.0).abs() < 1e-9 && (elapsed[1] - 471_186.5).abs() < 1e-6);
    let funnel = ask(&["view", "funnel", "--steps", "arrive,blood,lactate,home", "--within", "7d"]);
    let reached = funnel["steps"].as_array().unwrap().iter().map(|step| number(&step["customers"]));
    assert_eq!(reached.collect::<Vec<_>>(), [1050, 1008, 539, 249]);
}

const PERMITS: &str = "\
charter: 1
moments:
  received: {when: \"event = 'Confirmation of receipt'\"}
  decided: {when: \"event = 'T10 Determine necessity to stop indication'\"}
  sent: {when: \"event = 'T05 Print and send confirmation of receipt'\"}
  advice: {when: \"event = 'T06 Determine necessity of stop advice'\"}
  other: {when: \"event <> ''\"}
expectations:
  decision: {after: received, promise: decided, within: 7d}
journeys:
  permit: {starts: received, succeeds: decided, abandoned_after: 14d}
";

/// Applications for permits in a Dutch town.
#[test]
fn permits_of_a_real_town() {
    let map = "user_id=case:concept:name,event=concept:name,at=time:timestamp,channel=case:channel";
    let Some(ask) = asked("receipt_wabo/receipt.csv", &["--map", map], PERMITS) else { return };
    let answer = ask(&["view", "expectations"]);
    let decision = &answer["expectations"][0];
    let balance = ["kept", "late", "never", "pending"].map(|name| number(&decision["balance"][name]));
    assert_eq!((balance, number(&decision["unasked"])), ([1083, 200, 144, 7], 0));
    assert!((decision["late_median_s"].as_f64().unwrap() - 590_271.088_5).abs() < 1e-6);
    let left = ask(&["view", "abandonment"]);
    assert_eq!(["succeeded", "abandoned", "open"].map(|name| number(&left[name])), [1204, 223, 7]);
    let places = left["moments"]
        .as_array()
        .unwrap()
        .iter()
        .map(|place| (place["moment"].as_str().unwrap().to_owned(), number(&place["abandoned"])));
    let wanted = [("received", 132), ("sent", 52), ("advice", 24)];
    let places: Vec<(String, u64)> = places.filter(|(name, _)| wanted.iter().any(|(known, _)| known == name)).collect();
    assert_eq!(places, wanted.map(|(name, count)| (name.to_owned(), count)));
    let channels = ask(&["view", "channels"]);
    let used = channels["channels"].as_array().unwrap().iter().map(|c| (number(&c["events"]), number(&c["customers"])));
    assert_eq!(used.collect::<Vec<_>>(), [(7478, 1250), (657, 109), (308, 53), (128, 21), (6, 1)]);
}

const CLAIMS: &str = "\
charter: 1
moments:
  ask: {when: \"event = 'register request'\"}
  again: {when: \"event = 'reinitiate request'\"}
  decide: {when: \"event = 'decide'\"}
  pay: {when: \"event = 'pay compensation'\"}
  refuse: {when: \"event = 'reject request'\"}
interactions:
  claim: {opens: [ask, again], resolves: [decide]}
";

/// Six claims that can be counted by looking at them: the third is taken up again once, the fifth twice.
#[test]
fn six_claims_counted_by_eye() {
    let Some(ask) = asked("pm4py_example_logs/01_running-example.xes.gz", &[], CLAIMS) else { return };
    let answer = ask(&["view", "interactions"]);
    let figures = &answer["interactions"][0]["figures"];
    assert_eq!(["opened", "resolved", "judged"].map(|name| number(&figures[name])), [9, 9, 0], "there is no window");
    let matching = |pattern: &str| number(&ask(&["view", "paths", "--pattern", pattern])["matching"]);
    assert_eq!(["again .. again", "again", "pay $", "^ ask decide refuse $"].map(matching), [1, 2, 3, 2]);
}
