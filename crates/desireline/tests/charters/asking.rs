//! Questions on a terminal. A real one: `script` (util-linux) makes it.

use std::io::Write as _;
use std::process::{Command, Stdio};

use crate::home::{Ended, Home, PROGRAM};

/// Runs an import on a terminal on which somebody types `typed`; `None`, said visibly, where no terminal can be made.
fn on_a_terminal(home: &Home, file: &str, options: &str, typed: &str) -> Option<Ended> {
    let known = Command::new("script")
        .arg("--version")
        .output()
        .is_ok_and(|output| String::from_utf8_lossy(&output.stdout).contains("util-linux"));
    if !known {
        eprintln!("SKIPPED: `script` of util-linux is not here, so there is no terminal to ask on");
        return None;
    }
    let line = format!("'{PROGRAM}' --home '{}' import '{file}' {options}", home.path().display());
    let mut script = Command::new("script")
        .args(["--quiet", "--return", "--command", &line, "/dev/null"])
        .env_remove("CI")
        .env_remove("DESIRELINE_HOME")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    script.stdin.take().unwrap().write_all(typed.as_bytes()).unwrap();
    let mut ended = Ended::from(script.wait_with_output().unwrap());
    // A terminal has one screen: what was said and what was answered stand on it together.
    ended.err = ended.out.clone();
    Some(ended)
}

const DATES: &str = "customer,event,at\na,x,01/02/2026\nb,y,03/04/2026\n";

#[test]
fn day_or_month_first_is_asked() {
    let home = Home::new();
    let file = home.file("x.csv", DATES);
    let Some(ended) = on_a_terminal(&home, &file, "", "d\n") else { return };
    ended.expect(0, &["day first (d) or month first (m)?", "2 events"]);
    let first = home.run(&["sql", "select cast(min(at) as varchar) at from events", "--json"]).json();
    assert!(first[0]["at"].as_str().unwrap().starts_with("2026-02-01"), "{first}");
    let Some(ended) = on_a_terminal(&Home::new(), &file, "--yes", "d\n") else { return };
    ended.expect(3, &["give --dates dmy or --dates mdy"]);
    assert!(!ended.out.contains("day first (d)"), "{}", ended.out);
}

/// Nothing is named as usual: two columns repeat, and both could be what happened or who it was.
const ROWS: &str = "kunde,was,wann\nk1,kauf,2026-01-01\nk2,kauf,2026-01-02\nk1,besuch,2026-01-03\nk2,kauf,2026-01-04\n\
                    k3,besuch,2026-01-05\nk1,kauf,2026-01-06\nk3,kauf,2026-01-07\nk4,kauf,2026-01-08\nk4,besuch,2026-01-09\n";

fn keys(home: &Home) -> String {
    let rows = home.run(&["sql", "select distinct event from events order by 1", "--json"]).json();
    rows.to_string()
}

#[test]
fn a_guess_that_is_not_sure_is_asked_and_can_be_taken_or_changed() {
    let taken = Home::new();
    let file = taken.file("x.csv", ROWS);
    let Some(ended) = on_a_terminal(&taken, &file, "", "\n\n") else { return };
    ended.expect(
        0,
        &["which column says what happened? `was` is a guess", "(Enter takes the guess)", "9 events of 4 customers"],
    );
    assert!(!ended.out.contains("please look"), "what was confirmed is no guess any more: {}", ended.out);
    assert_eq!(keys(&taken), r#"[{"event":"besuch"},{"event":"kauf"}]"#);

    let changed = Home::new();
    let Some(ended) = on_a_terminal(&changed, &file, "", "kund\nkunde\nwas\n") else { return };
    ended.expect(0, &["there is no column `kund`; did you mean `kunde`?", "9 events of 2 customers"]);

    let quiet = Home::new();
    let Some(ended) = on_a_terminal(&quiet, &file, "--yes", "") else { return };
    ended.expect(0, &["(a guess: please look)"]);
    assert!(!ended.out.contains("which column"), "{}", ended.out);
}

#[test]
fn what_cannot_be_guessed_is_asked() {
    let home = Home::new();
    let file = home.file("x.csv", "a,b,c\nx1,2026-01-01,p\nx2,2026-01-02,q\nx3,2026-01-03,r\n");
    home.refuses(&file, &[], &["no column says what happened", "--map event=COLUMN"]);
    let Some(ended) = on_a_terminal(&home, &file, "", "c\na\n") else { return };
    ended.expect(0, &["which column says what happened? nothing looks like it", "3 events of 3 customers"]);
}
