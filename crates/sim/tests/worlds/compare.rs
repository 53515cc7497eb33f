//! Where the answer of a view differs from that of the oracle.

use serde_json::Value;

use crate::shares::Shares;

/// Where they differ, the first few places. What the oracle leaves out is not looked at.
pub(crate) fn differences(view: &str, wanted: &Value, found: &Value) -> Vec<String> {
    let mut all = Vec::new();
    match wanted["groups"].as_array() {
        None => look(view, "", wanted, found, &mut all),
        Some(groups) => {
            for (i, group) in groups.iter().enumerate() {
                let place = format!("groups[{i}]");
                look(view, &format!("{place}.name"), &group["name"], &found["groups"][i]["name"], &mut all);
                look(view, &place, &group["answer"], &found["groups"][i]["answer"], &mut all);
            }
            let shares = [0, 1].map(|group: usize| Shares::of(view, &found["groups"][group]["answer"]));
            looked_up(&found["differences"], &shares, &mut all);
            compared(&found["differences"], &mut all);
        }
    }
    all.truncate(5);
    all
}

fn look(view: &str, place: &str, wanted: &Value, found: &Value, all: &mut Vec<String>) {
    match (wanted, found) {
        (Value::Object(wanted), Value::Object(_)) => {
            for (name, value) in wanted {
                if view == "conformance" && name == "moves" {
                    moves(place, value, found, all);
                    continue;
                }
                look(view, &format!("{place}.{name}"), value, &found[name], all);
            }
        }
        (Value::Array(wanted), Value::Array(found)) => {
            if wanted.len() != found.len() {
                all.push(format!("{place}: {} of the oracle, {} of the view", wanted.len(), found.len()));
            }
            for (i, (wanted, found)) in wanted.iter().zip(found).enumerate() {
                look(view, &format!("{place}[{i}]"), wanted, found, all);
            }
        }
        (Value::Number(wanted_number), Value::Number(found_number)) => {
            let (a, b) = (wanted_number.as_f64().expect("a number"), found_number.as_f64().expect("a number"));
            let whole = found_number.is_u64() || found_number.is_i64();
            if (a - b).abs() > if whole { 0.0 } else { tolerance(place) * a.abs().max(1.0) } {
                all.push(format!("{place}: {wanted} of the oracle, {found} of the view"));
            }
        }
        _ if wanted == found => {}
        _ => all.push(format!("{place}: {wanted} of the oracle, {found} of the view")),
    }
}

/// Ends of intervals of means hang on a quantile of Student's t, which the oracle adds up in small steps.
fn tolerance(place: &str) -> f64 {
    let of_means = ["mean_low", "mean_high", "mean_s_low", "mean_s_high", ".low", ".high", "change_low", "change_high"];
    if of_means.iter().any(|end| place.ends_with(end)) { 1e-6 } else { 1e-9 }
}

/// Which of equally cheap alignments is told is open: every move is between its bounds, and all together are as many.
fn moves(place: &str, wanted: &Value, found: &Value, all: &mut Vec<String>) {
    let mut sum = 0;
    for list in ["skipped", "added"] {
        let rows = found[list].as_array().map_or(&[][..], Vec::as_slice);
        let count = |name: &str| rows.iter().find(|row| row["moment"] == *name).map_or(0, |row| number(row, "count"));
        let bounds = wanted[list].as_object().expect("bounds by name");
        let names = bounds.keys().map(String::as_str).chain(rows.iter().filter_map(|row| row["moment"].as_str()));
        for name in names {
            let [least, most] =
                [0, 1].map(|i: usize| bounds.get(name).and_then(|bound| bound[i].as_u64()).unwrap_or(0));
            if !(least..=most).contains(&count(name)) {
                let found = count(name);
                all.push(format!("{place}.{list}: {name}: {least} to {most} of the oracle, {found} of the view"));
            }
        }
        sum += rows.iter().map(|row| number(row, "count")).sum::<u64>();
    }
    if sum != number(wanted, "all") {
        all.push(format!("{place}: {} moves of the oracle, {sum} of the view", wanted["all"]));
    }
}

fn number(of: &Value, name: &str) -> u64 {
    of[name].as_u64().unwrap_or(u64::MAX)
}

/// What is compared stands in the answer of either group, and nothing that stands there is left out.
fn looked_up(differences: &Value, shares: &[Shares; 2], all: &mut Vec<String>) {
    let rows = differences.as_array().map_or(&[][..], Vec::as_slice);
    for row in rows {
        let what = row["what"].as_str().unwrap_or_default();
        for (group, other, name) in [(0, 1, "a"), (1, 0, "b")] {
            let found = [number(row, &format!("{name}_count")), number(row, &format!("{name}_of"))];
            let wanted = shares[group].find(what, &shares[other]);
            if wanted != Some(found) {
                all.push(format!("differences: {what}: {found:?} of `{name}`, {wanted:?} in its answer"));
            }
        }
    }
    for what in shares.iter().flat_map(Shares::names).filter(|what| rows.iter().all(|row| row["what"] != **what)) {
        all.push(format!("differences: nothing is said of {what}"));
    }
}

/// Differences of shares are those of their own counts, with Newcombe's interval, the largest first.
fn compared(differences: &Value, all: &mut Vec<String>) {
    let Some(differences) = differences.as_array() else {
        all.push("there are no differences".to_owned());
        return;
    };
    let mut before = f64::INFINITY;
    for row in differences {
        let number = |name: &str| row[name].as_f64().unwrap_or(f64::NAN);
        let of = |group: &str| [number(&format!("{group}_count")), number(&format!("{group}_of"))];
        if of("a")[1] == 0.0 || of("b")[1] == 0.0 {
            // Where there is nothing to compare with, there is no difference, and it comes last.
            if ["difference", "low", "high"].iter().any(|name| !row[*name].is_null()) {
                all.push(format!("differences: {row}, of nothing"));
            }
            before = 0.0;
            continue;
        }
        let wanted = newcombe(of("a"), of("b"));
        let found = ["difference", "low", "high"].map(number);
        if wanted.iter().zip(found).any(|(wanted, found)| (wanted - found).abs() > 1e-9) || found[0].abs() > before {
            all.push(format!("differences: {row}, not {wanted:?}"));
        }
        before = found[0].abs();
    }
}

fn newcombe(a: [f64; 2], b: [f64; 2]) -> [f64; 3] {
    let wilson = |[count, n]: [f64; 2]| {
        let (p, z) = (count / n, 1.959_963_984_540_054_f64);
        let middle = p + z * z / (2.0 * n);
        let spread = z * (p * (1.0 - p) / n + z * z / (4.0 * n * n)).sqrt();
        [p, (middle - spread) / (1.0 + z * z / n), (middle + spread) / (1.0 + z * z / n)]
    };
    let ([p, low, high], [q, least, most]) = (wilson(a), wilson(b));
    let below = ((p - low).powi(2) + (most - q).powi(2)).sqrt();
    let above = ((high - p).powi(2) + (q - least).powi(2)).sqrt();
    [p - q, p - q - below, p - q + above]
}
