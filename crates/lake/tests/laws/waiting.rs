//! Rows of customers who became somebody else wait where they are, and nobody sees a difference.

use std::path::{Path, PathBuf};

use lake::{Lake, Writer};
use listen::stitch::Rules;
use proptest::prelude::*;

use crate::home::{Keys, Model, Row, export, import, runtime, sequences, spread, without_ballast};
use crate::kept::{Asks, afresh, ask, many};

/// The files of events, and when they were written.
fn written(home: &Path) -> Vec<(PathBuf, std::time::SystemTime)> {
    let mut files = Vec::new();
    for bucket in std::fs::read_dir(home.join("lake/events")).expect("a folder") {
        let bucket = bucket.expect("an entry").path();
        if !bucket.ends_with("_delta_log") && bucket.is_dir() {
            let runs = std::fs::read_dir(bucket).expect("a folder").map(|run| run.expect("an entry"));
            files.extend(runs.map(|run| (run.path(), run.metadata().expect("a file").modified().expect("a time"))));
        }
    }
    files.sort();
    files
}

#[test]
fn whoever_logs_in_has_no_other_rows_written_again() {
    runtime().block_on(async {
        let home = tempfile::tempdir().expect("a folder");
        let user = |n: usize| ("user_id", format!("u{n}"));
        let device = |n: usize| ("anonymous_id", format!("a{n}"));
        let visits = (0..40).map(|n| Row::new(vec![device(n)], "a", 2_000 + i64::try_from(n).expect("small")));
        // One device is of two users.
        let shared = [1, 2].map(|n| Row::new(vec![("anonymous_id", "shared".to_owned()), user(n)], "a", 2_100));
        import(home.path(), &spread(&[&many()[2_900..], &visits.collect::<Vec<_>>(), &shared].concat())).await;
        let asks = Asks::cut();
        ask(home.path(), &asks).await;
        let mut writer = Writer::new(home.path());
        export(&mut writer, &[Row::new(vec![user(0)], "c", 3_000)], &Rules::default(), 1).await;
        let before = written(home.path());
        for n in 0..40 {
            if n == 20 {
                writer = Writer::new(home.path());
            }
            let login = Row::new(vec![device(n), user(n + 900)], "b", 3_001);
            export(&mut writer, &[login], &Rules::default(), n + 2).await;
            let (found, read) = ask(home.path(), &asks).await;
            assert_eq!(found, afresh(home.path(), &asks).await, "after {n}");
            assert!(read < 40, "{read} events were read after {n}");
        }
        let after = written(home.path());
        let same = before.iter().filter(|file| after.contains(file)).count();
        assert!(same + 12 >= before.len(), "{same} of {} files are as they were", before.len());
        // They are one customer to everybody, and stay so once their rows are put where they belong.
        let rules = Rules::default();
        let mut lake = Lake::open(home.path()).await.expect("a lake");
        let told = lake.person("anonymous_id:a7", &rules).await.expect("a lake").expect("a person");
        assert_eq!((told.keys.len(), told.events.len()), (2, 3));
        let query = "select count(distinct customer), count(*) from customers where value in ('a7', 'u907')";
        let whose = lake.sql(query, &rules, &[]).await.expect("an answer").rows;
        assert_eq!(whose, [[Some("1".to_owned()), Some("2".to_owned())]]);
        let size = lake.size(&rules).await.expect("a size");
        let expected = afresh(home.path(), &asks).await;
        lake.compact(&rules).await.expect("compacted");
        assert_eq!(lake.size(&rules).await.expect("a size"), size);
        assert_eq!(ask(home.path(), &asks).await.0, expected);
    });
}

/// What is said of rows that wait, if any do.
fn said(home: &Path) -> Option<PathBuf> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(home.join("lake/waiting"))
        .into_iter()
        .flatten()
        .map(|file| file.expect("an entry").path())
        .collect();
    files.sort();
    files.pop()
}

#[test]
fn customers_with_many_events_do_not_wait() {
    runtime().block_on(async {
        let (home, rules) = (tempfile::tempdir().expect("a folder"), Rules::default());
        let user = |n: i64| ("user_id", format!("u{n}"));
        let device = |n: i64| ("anonymous_id", format!("a{n}"));
        let events = |n: i64, count: i64| (0..count).map(move |at| Row::new(vec![device(n)], "a", at));
        let users = (0..4).map(|n| Row::new(vec![user(n)], "a", n));
        let rows: Vec<Row> = users.chain((0..3).flat_map(|n| events(n, 40_000))).chain(events(3, 2)).collect();
        import(home.path(), &rows).await;
        for (n, waits) in [(0, true), (1, false), (2, true), (3, true)] {
            // What waits was not learnt by who counts it.
            let mut writer = Writer::new(home.path());
            let login = Row::new(vec![device(n), user(n)], "b", 50_000);
            let position = usize::try_from(n + 1).expect("small");
            export(&mut writer, &[login], &rules, position).await;
            assert_eq!(said(home.path()).is_some(), waits, "after {n}");
            let told = sequences(home.path()).await;
            let events = told.iter().map(|(sequence, customers)| sequence.len() as u64 * customers).sum::<u64>();
            assert_eq!((events, told.values().sum()), ((rows.len() + position) as u64, 8 - position as u64));
        }
    });
}

#[test]
fn an_hour_is_over_though_others_have_written_since() {
    runtime().block_on(async {
        let (home, rules) = (tempfile::tempdir().expect("a folder"), Rules::default());
        let user = |n: usize| ("user_id", format!("u{n}"));
        let device = |n: usize| ("anonymous_id", format!("a{n}"));
        let rows: Vec<Row> = (0..3).flat_map(|n| [user(n), device(n)]).map(|key| Row::new(vec![key], "a", 1)).collect();
        import(home.path(), &spread(&rows)).await;
        let login = |n: usize| [Row::new(vec![device(n), user(n)], "b", 2)];
        export(&mut Writer::new(home.path()), &login(0), &rules, 1).await;
        let path = said(home.path()).expect("they wait");
        let mut what: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).expect("a file")).expect("JSON");
        let since_us = what["since_us"].as_i64().expect("since when");
        export(&mut Writer::new(home.path()), &login(1), &rules, 2).await;
        let path = said(home.path()).expect("they wait");
        what = serde_json::from_slice(&std::fs::read(&path).expect("a file")).expect("JSON");
        assert_eq!(what["since_us"], since_us, "since the first of them");
        what["since_us"] = (since_us - 3_600_000_000).into();
        std::fs::write(&path, what.to_string()).expect("written");
        export(&mut Writer::new(home.path()), &login(2), &rules, 3).await;
        assert_eq!(said(home.path()), None);
    });
}

/// Tells the same as all rows read again, after each export.
async fn exported_one_by_one(first: &[Row], later: &[Vec<Row>]) {
    let (home, rules) = (tempfile::tempdir().expect("a folder"), Rules::default());
    import(home.path(), &spread(first)).await;
    let mut writer = Writer::new(home.path());
    let mut model = Model { rows: first.to_vec(), ..Model::default() };
    for (position, rows) in (1..).zip(later) {
        export(&mut writer, rows, &rules, position).await;
        model.rows.extend_from_slice(rows);
        assert_eq!(without_ballast(sequences(home.path()).await), model.told(&rules), "after {position} of {later:?}");
    }
}

fn row(keys: &[(&'static str, &str)], event: &str, at: i64) -> Row {
    Row::new(keys.iter().map(|(kind, value)| (*kind, (*value).to_owned())).collect(), event, at)
}

#[test]
fn rows_that_came_while_others_waited_go_with_their_key() {
    let (d, e, p) = (("anonymous_id", "d"), ("email", "e@x.org"), ("phone", "+49301234567"));
    let first = [row(&[("user_id", "u1"), e], "a", 3), row(&[("user_id", "u2"), p], "b", 6), row(&[d], "c", 4)];
    // The last one was late: the device was the other user's before.
    let later = [row(&[d, e], "d", 10), row(&[d], "e", 11), row(&[d, p], "f", 5)];
    runtime().block_on(exported_one_by_one(&first, &later.map(|row| vec![row])));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn rows_wait_and_nobody_sees_a_difference(events in prop::collection::vec(prop::collection::vec(
        (prop::collection::vec((0..4usize, 0..4u8), 1..3), 0..40u8), 1..4), 1..9))
    {
        let kinds = ["user_id", "email", "phone", "anonymous_id"];
        let key = |(kind, n): &(usize, u8)| (kinds[*kind], [format!("u{n}"), format!("e{n}@x.org"), format!("+4930123456{n}"), format!("a{n}")][*kind].clone());
        let mut arrived = 0;
        let mut row = |(keys, at): &(Vec<(usize, u8)>, u8)| {
            arrived += 1;
            let keys: Keys = keys.iter().map(key).collect();
            Row { id: Some(arrived.to_string()), ..Row::new(keys, &format!("e{arrived}"), i64::from(*at)) }
        };
        let mut all: Vec<Vec<Row>> = events.iter().map(|rows| rows.iter().map(&mut row).collect()).collect();
        let first = all.remove(0);
        runtime().block_on(exported_one_by_one(&first, &all));
    }
}
