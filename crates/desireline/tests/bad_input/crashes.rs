//! Imports that are killed, interrupted, run twice at once, or find no room on the disk.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::home::{Ended, Home, PROGRAM, many};

const ROWS: u64 = 150_000;

fn start(home: &Home, file: &str) -> Child {
    let mut command = home.command(&["import", file, "--json"]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Waits until something is there; false when the child ended before.
fn wait_for(child: &mut Child, there: impl Fn() -> bool) -> bool {
    let start = Instant::now();
    while !there() {
        if child.try_wait().unwrap().is_some() {
            return false;
        }
        assert!(start.elapsed() < Duration::from_mins(2), "nothing happens");
        sleep(Duration::from_millis(1));
    }
    true
}

fn has_run(home: &Path) -> bool {
    crate::home::files_in(&home.join("lake/events")).iter().any(|path| path.extension().is_some_and(|e| e == "parquet"))
}

/// The same command completes the import: every row is there once.
#[track_caller]
fn completes(home: &Home, file: &str, before: u64) {
    let seen = home.run(&["view", "map", "--json"]);
    if seen.code != 4 {
        let events = seen.json()["events"].as_u64().unwrap();
        assert!(events == before || events == before + ROWS, "{events}: all of an import, or nothing");
    }
    let done = home.import(file, &[]);
    assert_eq!(done["events"].as_u64().unwrap() + done["duplicates"].as_u64().unwrap(), ROWS, "{done}");
    assert_eq!(home.events(), before + ROWS);
    let counted = home.run(&["sql", "select count(*) n, count(distinct seq) d from events", "--json"]).json();
    assert_eq!((&counted[0]["n"], &counted[0]["d"]), (&(before + ROWS).into(), &(before + ROWS).into()));
    assert_eq!(crate::home::files_in(&home.path().join("tmp")), Vec::<std::path::PathBuf>::new());
}

enum Stage {
    Reading,
    Writing,
}

/// When an import is killed: so many milliseconds after it began to do this.
const STAGES: [(Stage, &[u64]); 2] =
    [(Stage::Reading, &[0, 40, 150, 400, 700]), (Stage::Writing, &[0, 20, 60, 120, 200])];

#[test]
fn killed_at_any_time_and_completed_by_the_same_command() {
    let mut killed = 0;
    for (stage, ms) in STAGES.iter().flat_map(|(stage, all)| all.iter().map(move |ms| (stage, ms))) {
        let home = Home::new();
        let before = 300;
        home.import(&home.file("first.csv", many(before, 20).replace("2026-01", "2025-03")), &[]);
        let runs = crate::home::files_in(&home.path().join("lake/events")).len();
        let file = home.file("x.csv", many(ROWS, 9_000));
        let mut child = start(&home, &file);
        let running = wait_for(&mut child, || match stage {
            Stage::Reading => home.path().join("tmp/rows").exists(),
            Stage::Writing => crate::home::files_in(&home.path().join("lake/events")).len() > runs,
        });
        sleep(Duration::from_millis(*ms));
        let still = running && child.try_wait().unwrap().is_none();
        child.kill().unwrap();
        child.wait().unwrap();
        killed += u32::from(still);
        completes(&home, &file, before);
    }
    assert!(killed >= 5, "only {killed} imports were killed before they were done");
}

#[test]
fn killed_while_the_first_files_are_written() {
    let home = Home::new();
    let file = home.file("x.csv", many(ROWS, 9_000));
    let mut child = start(&home, &file);
    wait_for(&mut child, || has_run(&home.path()));
    child.kill().unwrap();
    child.wait().unwrap();
    completes(&home, &file, 0);
}

#[test]
fn ctrl_c_keeps_nothing_and_says_so() {
    let home = Home::new();
    let file = home.file("x.csv", many(ROWS, 9_000));
    let mut child = start(&home, &file);
    assert!(wait_for(&mut child, || home.path().join("tmp/rows").exists()));
    let sent = Command::new("sh").args(["-c", "kill -INT $0", &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
    let ended = Ended::from(child.wait_with_output().unwrap());
    ended.expect(130, &["stopped; nothing of this import was kept, and the same command completes it"]);
    home.keeps_nothing();
    completes(&home, &file, 0);
}

#[test]
fn two_imports_at_once() {
    let home = Home::new();
    let file = home.file("x.csv", many(ROWS, 9_000));
    let (one, two) = (start(&home, &file), start(&home, &file));
    let ended = [one, two].map(|child| Ended::from(child.wait_with_output().unwrap()));
    assert!(ended.iter().any(|one| one.code == 0), "{ended:?}");
    for one in ended.iter().filter(|one| one.code != 0) {
        one.expect(5, &["another desireline works on"]);
    }
    completes(&home, &file, 0);
}

#[test]
fn questions_while_imports_replace_files() {
    let home = Home::new();
    let months: Vec<String> =
        (1..=6).map(|n| many(20_000, 3_000).replace("2026-01", &format!("2026-{n:02}"))).collect();
    home.import(&home.file("0.csv", &months[0]), &[]);
    std::thread::scope(|scope| {
        let writing = scope.spawn(|| {
            for (n, month) in (1..).zip(&months[1..]) {
                home.import(&home.file(&format!("{n}.csv"), month), &[]);
            }
        });
        let mut before = 0;
        while !writing.is_finished() {
            let events = home.events();
            assert!(events.is_multiple_of(20_000) && events >= before, "{events} after {before}");
            before = events;
        }
    });
    assert_eq!(home.events(), 120_000);
}

#[test]
fn sql_and_exports_while_imports_and_compactions_replace_files() {
    let home = Home::new();
    let months: Vec<String> =
        (1..=5).map(|n| many(20_000, 3_000).replace("2026-01", &format!("2026-{n:02}"))).collect();
    home.import(&home.file("0.csv", &months[0]), &[]);
    let file = home.file("log.csv", "");
    std::thread::scope(|scope| {
        let writing = scope.spawn(|| {
            for (n, month) in (1..).zip(&months[1..]) {
                home.import(&home.file(&format!("{n}.csv"), month), &[]);
                home.run(&["compact"]).expect(0, &[]);
            }
        });
        let mut asked = 0;
        while !writing.is_finished() {
            let counted = home.run(&["sql", "select count(*) n, count(distinct customer) c from events", "--json"]);
            let counted = counted.json();
            assert!(counted[0]["n"].as_u64().unwrap().is_multiple_of(20_000), "{counted}");
            assert_eq!(counted[0]["c"], 3_000);
            home.run(&["export", &file]).expect(0, &["events of 3,000 customers"]);
            let rows = std::fs::read_to_string(&file).unwrap().lines().count() - 1;
            assert!(rows > 0 && rows.is_multiple_of(20_000), "{rows}");
            asked += 1;
        }
        assert!(asked > 1, "nothing was asked while files were replaced");
    });
    assert_eq!(home.events(), 100_000);
}

/// A limit for the size of a file stands in for a full disk: every write beyond it fails.
#[test]
fn files_that_cannot_grow_and_a_retry() {
    let home = Home::new();
    let file = home.file("x.csv", many(ROWS, 9_000));
    for blocks in ["1", "16", "200", "700"] {
        let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$@\"");
        let home_path = home.path();
        let mut limited = Command::new("sh");
        limited.args(["-c", &script, "sh", PROGRAM, "--home", home_path.to_str().unwrap(), "import", &file]);
        let ended = Ended::from(limited.stdin(Stdio::null()).output().unwrap());
        ended.expect(1, &["File too large"]);
        home.keeps_nothing();
    }
    completes(&home, &file, 0);
}

/// A real full disk, in a mount of its own, where the system lets us make one.
#[test]
fn a_full_disk_and_a_retry() {
    for size in ["64k", "3m", "16m"] {
        let home = Home::new();
        let file = home.file("x.csv", many(ROWS, 9_000));
        std::fs::create_dir(home.path()).unwrap();
        let script = format!(
            r#"mount -t tmpfs -o size={size} none "$1" || exit 99
            "$2" --home "$1" import "$3" >&2; echo "first $?"
            mount -o remount,size=1g "$1" || exit 99
            "$2" --home "$1" import "$3" >&2; echo "second $?"
            "$2" --home "$1" view map --json"#
        );
        let home_path = home.path();
        let mut unshared = Command::new("unshare");
        unshared.args(["--user", "--map-root-user", "--mount", "sh", "-c", &script, "sh"]);
        unshared.args([home_path.to_str().unwrap(), PROGRAM, &file]).stdin(Stdio::null());
        let ended = match unshared.output() {
            Ok(output) => Ended::from(output),
            Err(error) => {
                eprintln!("skipped: unshare cannot be run: {error}");
                return;
            }
        };
        if !ended.out.contains("first") {
            eprintln!("skipped: a disk of our own cannot be mounted here: {}", ended.err);
            return;
        }
        let lines: Vec<&str> = ended.out.lines().collect();
        assert_eq!(lines[..2], ["first 1", "second 0"], "{size}: {ended:?}");
        assert!(ended.err.contains("No space left on device"), "{size}: {}", ended.err);
        let map: serde_json::Value = serde_json::from_str(lines[2]).unwrap();
        assert_eq!(map["events"], ROWS, "{size}");
    }
}
