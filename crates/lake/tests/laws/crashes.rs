//! A process that is killed between any two commits leaves a lake that reads as before or as after, and the next one that
//! writes completes it and clears away what was left.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use lake::{Error, Lake, Writer};
use listen::stitch::Rules;

use crate::home::{Row, Told, export, import, linked, runtime, say, sequences, spread, without_ballast};

fn row(keys: &[(&'static str, &str)], event: &str, at: i64) -> Row {
    Row::new(keys.iter().map(|(kind, value)| (*kind, (*value).to_owned())).collect(), event, at)
}

fn files(folder: &Path) -> BTreeSet<PathBuf> {
    let mut all = BTreeSet::new();
    let Ok(entries) = std::fs::read_dir(folder) else { return all };
    for entry in entries.map(|entry| entry.expect("an entry").path()) {
        if entry.is_dir() {
            all.append(&mut files(&entry));
        } else {
            all.insert(entry);
        }
    }
    all
}

fn copy(from: &Path, to: &Path, wanted: impl Fn(&str) -> bool) {
    for file in files(from) {
        let inside = file.strip_prefix(from).expect("inside");
        if wanted(&inside.to_string_lossy()) {
            let target = to.join(inside);
            std::fs::create_dir_all(target.parent().expect("a folder")).expect("made");
            std::fs::copy(&file, &target).expect("copied");
        }
    }
}

fn commits(home: &Path, table: &str) -> BTreeSet<PathBuf> {
    let log = home.join("lake").join(table).join("_delta_log");
    files(&log).into_iter().map(|file| file.strip_prefix(home).expect("inside").to_owned()).collect()
}

/// The states in which a process killed between two commits leaves the home: all data files of before and after, and the
/// commits up to one of them, in this order of tables; also where a power cut leaves the next one torn: without anything, in
/// the middle, and at every end of a line but the last.
fn states(before: &Path, after: &Path, order: &[&str]) -> Vec<(String, tempfile::TempDir)> {
    let mut new: Vec<PathBuf> = Vec::new();
    for table in order {
        let known: BTreeSet<PathBuf> = commits(before, table).into_iter().chain(new.iter().cloned()).collect();
        new.extend(commits(after, table).into_iter().find(|commit| !known.contains(commit)));
    }
    let all = ["events", "customers", "links"].map(|table| commits(after, table).len() - commits(before, table).len());
    assert_eq!(all.iter().sum::<usize>(), new.len(), "all commits are in the order {order:?}");
    let whole = (0..=new.len()).map(|n| (n, None));
    let cuts = |n: usize| {
        let bytes = std::fs::read(after.join(&new[n])).expect("a commit");
        let ends = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at);
        ends.chain([0, bytes.len() / 2]).map(move |at| (n, Some(at))).collect::<Vec<_>>()
    };
    let torn = (0..new.len()).flat_map(cuts);
    whole
        .chain(torn)
        .map(|(n, torn)| {
            let home = tempfile::tempdir().expect("a folder");
            copy(after, home.path(), |path| !path.contains("_delta_log"));
            copy(before, home.path(), |_| true);
            for commit in &new[..n] {
                std::fs::copy(after.join(commit), home.path().join(commit)).expect("copied");
            }
            if let Some(left) = torn {
                let bytes = std::fs::read(after.join(&new[n])).expect("a commit");
                std::fs::write(home.path().join(&new[n]), &bytes[..left]).expect("written");
            }
            (format!("{n} of the commits of {order:?}, and a torn one: {torn:?}"), home)
        })
        .collect()
}

/// Data files of the events and the small tables, which must be the ones that the log names.
async fn no_orphans(home: &Path) {
    let lake = Lake::open(home).await.expect("a lake");
    let size = lake.size(&Rules::default()).await.expect("a size").0;
    drop(lake);
    let rows = |table: &str| -> u64 {
        let parquet = files(&home.join("lake").join(table))
            .into_iter()
            .filter(|file| file.extension().is_some_and(|e| e == "parquet"));
        let rows = |path: PathBuf| {
            let file = std::fs::File::open(path).expect("a file");
            let builder =
                parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder::try_new(file).expect("Parquet");
            u64::try_from(builder.metadata().file_metadata().num_rows()).expect("a count")
        };
        parquet.map(rows).sum()
    };
    assert_eq!(rows("events"), size);
    assert!(files(&home.join("tmp")).is_empty());
}

async fn told(home: &Path) -> Told {
    without_ballast(sequences(home).await)
}

/// Rows whose customers change when `later` comes.
fn first() -> Vec<Row> {
    spread(&[
        row(&[("user_id", "u")], "a", 1),
        row(&[("anonymous_id", "x")], "b", 2),
        row(&[("user_id", "v")], "c", 3),
        row(&[("user_id", "v"), ("email", "v@x.org")], "d", 4),
        row(&[("email", "v@x.org"), ("anonymous_id", "y")], "e", 5),
    ])
}

fn later() -> Vec<Row> {
    vec![row(&[("user_id", "u"), ("anonymous_id", "x")], "f", 6)]
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Step {
    Import,
    Compact,
    Unmerge,
    Say,
    Erase,
}

async fn carry_out(home: &Path, step: Step) -> Result<(), Error> {
    let rules = Rules::default();
    let mut lake = Lake::open(home).await?;
    match step {
        Step::Import => drop(import(home, &later()).await),
        Step::Compact => drop(lake.compact(&rules).await?),
        Step::Unmerge => lake.unmerge(("user_id", "v"), ("email", "v@x.org"), &rules).await?,
        Step::Say => {
            // No event came with the key in between.
            let said = ["u", "v"].map(|user| linked(("user_id", user), ("phone", "+4930123456")));
            say(home, &said, &rules).await;
        }
        Step::Erase => drop(lake.erase(("user_id", "v"), &rules, "now").await?),
    }
    Ok(())
}

async fn check(before: &Path, step: Step, order: &[&str]) -> tempfile::TempDir {
    let after = tempfile::tempdir().expect("a folder");
    copy(before, after.path(), |_| true);
    carry_out(after.path(), step).await.expect("carried out");
    let (was, is) = (told(before).await, told(after.path()).await);
    for (what, home) in states(before, after.path(), order) {
        let now = told(home.path()).await;
        assert!(now == was || now == is, "{step:?}, {what}: {now:?}");
        let done = carry_out(home.path(), step).await;
        let complete = matches!(done, Ok(())) || (step == Step::Erase && matches!(done, Err(Error::NotFound { .. })));
        assert!(complete, "{step:?}, {what}: {done:?}");
        assert_eq!(told(home.path()).await, is, "{step:?}, {what}, completed");
        no_orphans(home.path()).await;
        // What rows are filed under must be known right, or taking back a link would not be seen.
        if step == Step::Import {
            let mut lake = Lake::open(home.path()).await.expect("a lake");
            lake.unmerge(("user_id", "u"), ("anonymous_id", "x"), &Rules::default()).await.expect("there is a link");
            let apart = told(home.path()).await;
            let expected = Told::from([
                (vec![("a".to_owned(), 1), ("f".to_owned(), 6)], 1),
                (vec![("b".to_owned(), 2)], 1),
                (vec![("c".to_owned(), 3), ("d".to_owned(), 4), ("e".to_owned(), 5)], 1),
            ]);
            assert_eq!(apart, expected, "{what}, then taken back");
        }
        carry_out(home.path(), Step::Compact).await.expect("compacted");
        no_orphans(home.path()).await;
    }
    after
}

#[test]
fn a_process_killed_between_two_commits_loses_nothing_and_the_same_command_completes() {
    runtime().block_on(async {
        let home = tempfile::tempdir().expect("a folder");
        import(home.path(), &first()).await;
        let linked = check(home.path(), Step::Import, &["links", "events", "customers"]).await;
        let apart = check(linked.path(), Step::Unmerge, &["links", "events"]).await;
        check(apart.path(), Step::Compact, &["events", "customers"]).await;
        check(linked.path(), Step::Say, &["links", "customers", "events"]).await;
        check(linked.path(), Step::Erase, &["events", "customers", "links"]).await;
    });
}

/// What is told once a new key has come alone and then with somebody else, live, where a process in which it came with somebody
/// was killed after so many of its commits, which came in this order.
async fn goes_on_live(order: &[&str], commits: usize) -> Told {
    let [before, after] = [tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder")];
    import(before.path(), &first()).await;
    copy(before.path(), after.path(), |_| true);
    let new = ("anonymous_id", "z");
    import(after.path(), &[row(&[("user_id", "u"), new], "f", 6)]).await;
    let (what, home) = states(before.path(), after.path(), order).swap_remove(commits);
    assert!(what.starts_with(&format!("{commits} of")) && what.ends_with("None"), "{what}");
    let mut writer = Writer::new(home.path());
    export(&mut writer, &[row(&[new], "g", 7)], &Rules::default(), 1).await;
    export(&mut writer, &[row(&[new, ("user_id", "v")], "h", 8)], &Rules::default(), 2).await;
    told(home.path()).await
}

#[test]
fn a_key_of_a_killed_process_is_whose_its_links_say() {
    runtime().block_on(async {
        let sequence = |names: &str| -> Vec<(String, i64)> {
            names.chars().map(|name| (name.to_string(), i64::from(u32::from(name) - u32::from('a') + 1))).collect()
        };
        let told = |sequences: &[&str]| -> Told { sequences.iter().map(|names| (sequence(names), 1)).collect() };
        // Where its link with the one is known, it came with two users, and joins neither.
        let of_the_other = told(&["a", "b", "cdegh"]);
        let of_neither = told(&["a", "b", "cdeh", "g"]);
        let order = ["links", "customers", "events"];
        let expected = [&of_the_other, &of_neither, &of_neither, &told(&["af", "b", "cdeh", "g"])];
        for (commits, expected) in expected.into_iter().enumerate() {
            assert_eq!(&goes_on_live(&order, commits).await, expected, "after {commits} of {order:?}");
        }
        // As programs wrote them that came before.
        assert_eq!(goes_on_live(&["customers", "links", "events"], 1).await, of_the_other);
    });
}

#[test]
fn what_is_said_of_rows_that_wait_goes_where_the_log_was_put_back() {
    runtime().block_on(async {
        let [before, after] = [tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder")];
        import(before.path(), &first()).await;
        copy(before.path(), after.path(), |_| true);
        export(&mut Writer::new(after.path()), &later(), &Rules::default(), 1).await;
        let is_said = |path: &str| path.starts_with("lake/waiting");
        copy(after.path(), before.path(), is_said);
        assert!(files(before.path()).iter().any(|path| path.starts_with(before.path().join("lake/waiting"))));
        // The links get the number that they had in what was put back.
        let said = [linked(("email", "v@x.org"), ("anonymous_id", "x"))];
        say(before.path(), &said, &Rules::default()).await;
        let sequence = |names: &str, at: &[i64]| (names.chars().map(String::from).zip(at.iter().copied()).collect(), 1);
        assert_eq!(told(before.path()).await, [sequence("a", &[1]), sequence("bcde", &[2, 3, 4, 5])].into());
    });
}

#[test]
fn what_a_killed_import_left_is_taken_away_and_nothing_else() {
    runtime().block_on(async {
        let home = tempfile::tempdir().expect("a folder");
        import(home.path(), &first()).await;
        let before = files(&home.path().join("lake"));
        let bucket = home.path().join("lake/events/bucket=0");
        for orphan in ["000000000099.parquet", "notes.txt", "of-somebody-else.parquet"] {
            std::fs::write(bucket.join(orphan), b"x").expect("written");
        }
        std::fs::create_dir_all(home.path().join("tmp/rows")).expect("made");
        std::fs::write(home.path().join("tmp/rows/0.rows"), b"x").expect("written");
        import(home.path(), &[]).await;
        let after = files(&home.path().join("lake"));
        let new: Vec<_> = after.difference(&before).map(|path| path.file_name().expect("a name").to_owned()).collect();
        assert_eq!(new, ["notes.txt", "of-somebody-else.parquet"]);
        assert!(before.is_subset(&after));
        assert!(files(&home.path().join("tmp")).is_empty());
    });
}

#[test]
fn whoever_gets_the_right_to_write_finds_nothing_of_the_one_before() {
    let home = tempfile::tempdir().expect("a folder");
    let waiting = |home: &Path| [home.join("tmp/rows"), home.join("tmp/rejected")].map(|folder| folder.exists());
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let rows: Vec<Row> = (0..20_000).map(|n| row(&[("user_id", &format!("u{n}"))], "visit", n)).collect();
            runtime().block_on(async { import(home.path(), &rows).await });
        });
        // Once the import is at work, until it lets go.
        while waiting(home.path()) == [false; 2] {
            std::thread::yield_now();
        }
        let lock = std::fs::File::open(home.path().join("lock")).expect("a lock");
        while lock.try_lock().is_err() {
            std::hint::spin_loop();
        }
        assert_eq!(waiting(home.path()), [false; 2]);
    });
}
