use std::collections::{BTreeMap, BTreeSet};

use super::*;

fn small() -> Export {
    simulate(Settings { customers: 1_000, seed: 3 })
}

fn file(export: &Export, name: &str) -> String {
    export.files().find(|(of, _)| *of == name).expect("one of the files").1
}

/// The cells of a comma-separated file without its header; none of them is quoted.
fn rows(export: &Export, name: &str) -> Vec<Vec<String>> {
    file(export, name).lines().skip(1).map(|line| line.split(',').map(str::to_owned).collect()).collect()
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_another_gives_others() {
    let files = |seed| simulate(Settings { customers: 200, seed }).files().collect::<Vec<_>>();
    assert_eq!(files(1), files(1));
    assert_ne!(files(1), files(2));
}

#[test]
fn every_line_has_as_many_cells_as_its_header_and_lines_are_in_time_order() {
    let export = small();
    for (name, text) in export.files().filter(|(name, _)| name.contains(".csv")) {
        let separator = if name == "calls.csv" { ';' } else { ',' };
        let cells: BTreeSet<usize> = text.lines().map(|line| line.split(separator).count()).collect();
        assert_eq!(cells.len(), 1, "{name}");
    }
    for (name, column) in [("tickets.csv", 3), ("orders.csv", 3), ("shop.csv", 0), ("contracts.csv", 0)] {
        assert!(rows(&export, name).is_sorted_by_key(|row| row[column].clone()), "{name}");
    }
    for line in file(&export, "web.jsonl").lines().chain(file(&export, "app.jsonl").lines()) {
        let message: serde_json::Value = serde_json::from_str(line).expect("a line of JSON");
        assert!(message["anonymousId"].is_string() && message["timestamp"].is_string(), "{line}");
    }
}

#[test]
fn what_was_planted_can_be_counted_in_the_files() {
    let export = simulate(Settings { customers: 4_000, seed: 11 });
    let truth: serde_json::Value = serde_json::from_str(export.truth()).expect("truth.json is JSON");
    let counts = &truth["happened"]["counts"];
    let late = rows(&export, "deliveries.csv").iter().filter(|row| row[5] == "no").count();
    assert_eq!(counts["deliveries, late"], late);
    let ended = rows(&export, "contracts.csv").iter().filter(|row| row[1] == "Contract Ended").count();
    assert_eq!(counts["ended"], ended);
    let share = |name: &str| truth["happened"][name].as_f64().expect("a share");
    assert!((0.18..0.30).contains(&share("delivery_promises_broken")));
    assert!(share("churn_after_broken_promise") > share("churn_without_broken_promise") + 0.10);
    assert!(share("churn_after_second_ticket") > share("churn_without_second_ticket") + 0.05);
}

#[test]
fn hand_overs_cost_time() {
    let export = small();
    let mut handovers: BTreeMap<String, usize> = BTreeMap::new();
    let mut same_day = [[0usize; 2]; 2];
    for row in rows(&export, "tickets.csv") {
        match row[4].as_str() {
            "Assigned" => *handovers.entry(row[0].clone()).or_default() += 1,
            "Closed" => {
                let handed = usize::from(handovers.contains_key(&row[0]));
                same_day[handed][usize::from(row[2].get(..10) == row[3].get(..10))] += 1;
            }
            _ => {}
        }
    }
    let share = |handed: usize| same_day[handed][1] as f64 / (same_day[handed][0] + same_day[handed][1]) as f64;
    assert!(
        share(0) > share(1) + 0.3,
        "closed on the day they came: {} without, {} with hand-over",
        share(0),
        share(1)
    );
}

#[test]
fn identities_are_as_difficult_as_promised() {
    let export = small();
    let digits = |phone: &str| phone.replace("(0)", "").chars().filter(char::is_ascii_digit).collect::<String>();
    let mut customers_of: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for row in rows(&export, "contracts.csv") {
        let phone = digits(&row[4]);
        let phone = phone.trim_start_matches("00").to_owned();
        customers_of.entry(phone).or_default().insert(row[2].clone());
    }
    assert_eq!(customers_of.values().filter(|customers| customers.len() == 3).count(), 10, "families share a phone");
    assert_eq!(customers_of.values().filter(|customers| customers.len() == 2).count(), 0);
    assert!(file(&export, "tickets.csv").contains(",test@test.com,"));
    let mut users_of_kiosk: BTreeSet<String> = BTreeSet::new();
    for line in file(&export, "web.jsonl").lines().filter(|line| line.contains("kiosk-00")) {
        let message: serde_json::Value = serde_json::from_str(line).expect("a line of JSON");
        users_of_kiosk.extend(message["userId"].as_str().map(str::to_owned));
    }
    assert!(users_of_kiosk.len() > 5, "a kiosk has many users: {}", users_of_kiosk.len());
}
