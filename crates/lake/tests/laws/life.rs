//! Whatever happens to a lake, in whatever order (imports, links taken back, customers erased, rules changed, files merged), it
//! tells the same journeys as all rows read again from the beginning.

use event::Normalise;
use lake::{Error, Lake, Said, Writer};
use listen::stitch::{KeyRule, Rules};
use proptest::prelude::*;

use crate::home::{Keys, Model, Row, export, hear, import_by, runtime, sequences_by, spread, without_ballast};

#[derive(Debug, Clone)]
enum Step {
    Import(Vec<(Keys, u8, u8)>),
    /// The same, by the one who writes again and again.
    Export(Vec<(Keys, u8, u8)>),
    /// Whoever writes again and again begins anew.
    Restart,
    /// Takes back one of the links; or the same as a word that comes with a live log, by the one who writes again and again.
    Unmerge(usize, bool),
    /// Erases the customer of one of the keys.
    Erase(usize),
    Compact,
    Rules(usize),
}

fn key() -> impl Strategy<Value = (&'static str, String)> {
    prop_oneof![
        (0..5u8).prop_map(|n| ("user_id", format!("u{n}"))),
        (0..5u8).prop_map(|n| ("email", format!("E{n}@x.org"))),
        (0..5u8).prop_map(|n| ("anonymous_id", format!("a{n}"))),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let keys = prop_oneof![key().prop_map(|one| vec![one]), (key(), key()).prop_map(|(one, other)| vec![one, other]),];
    let events = || prop::collection::vec((keys.clone(), 0..4u8, 0..40u8), 1..10);
    prop_oneof![
        4 => events().prop_map(Step::Import),
        8 => events().prop_map(Step::Export),
        2 => Just(Step::Restart),
        2 => any::<(usize, bool)>().prop_map(|(n, is_word)| Step::Unmerge(n, is_word)),
        2 => any::<usize>().prop_map(Step::Erase),
        1 => Just(Step::Compact),
        2 => (0..4usize).prop_map(Step::Rules),
    ]
}

/// Rules that differ in priorities and limits.
fn rules(n: usize) -> Rules {
    let rule = |kind: &str, priority, unique, limit, normalise| KeyRule {
        kind: kind.to_owned(),
        priority,
        unique,
        limit,
        normalise,
    };
    let (email, anonymous) = match n {
        0 => return Rules::default(),
        1 => (rule("email", 2, true, None, Normalise::Email), rule("anonymous_id", 3, false, Some(2), Normalise::Trim)),
        2 => (rule("email", 0, false, Some(1), Normalise::Email), rule("anonymous_id", 3, true, None, Normalise::Trim)),
        _ => (rule("email", 3, false, None, Normalise::Email), rule("anonymous_id", 2, false, None, Normalise::Trim)),
    };
    Rules::new(vec![rule("user_id", 1, n != 3, None, Normalise::Trim), email, anonymous], ["null".to_owned()])
}

/// A lake in the making.
struct Life {
    model: Model,
    by: Rules,
    writer: Writer,
    /// Nothing came yet.
    first: bool,
}

async fn carry_out(home: &std::path::Path, step: &Step, life: &mut Life) {
    let Life { model, by, writer, first } = life;
    match step {
        Step::Import(events) | Step::Export(events) => {
            let row = |(n, (keys, event, at)): (usize, &(Keys, u8, u8))| {
                // Many share a time, so that the order of arrival decides.
                let mut row = Row::new(keys.clone(), &format!("e{event}"), i64::from(*at) * 1_000_000);
                row.id = Some(format!("{}", model.arrived + n));
                row
            };
            let rows: Vec<Row> = events.iter().enumerate().map(row).collect();
            let taken = if *first { spread(&rows) } else { rows.clone() };
            model.arrived += rows.len();
            if matches!(step, Step::Import(_)) {
                import_by(home, &taken, by).await;
            } else {
                export(writer, &taken, by, model.arrived).await;
            }
            model.rows.extend(rows);
        }
        Step::Restart => *writer = Writer::new(home),
        Step::Unmerge(n, is_word) => {
            let links = model.links(by);
            if links.is_empty() {
                return;
            }
            let [a, b] = links[n % links.len()].clone();
            if *is_word {
                hear(writer, &[Said { linked: false, a: a.clone(), b: b.clone() }], by).await;
            } else {
                let mut lake = Lake::open(home).await.expect("a lake");
                lake.unmerge((&a.0, &a.1), (&b.0, &b.1), by).await.expect("there is a link");
            }
            model.undone.insert([a, b]);
        }
        Step::Erase(n) => {
            let keys: Keys = model.rows.iter().flat_map(|row| row.keys.clone()).collect();
            if keys.is_empty() {
                return;
            }
            let key = &keys[n % keys.len()];
            let mut lake = Lake::open(home).await.expect("a lake");
            let before = lake.size(by).await.expect("a size");
            let receipt = lake.erase((key.0, &key.1), by, "now").await.expect("the key is known");
            let after = lake.size(by).await.expect("a size");
            assert_eq!(before.0 - after.0, receipt.events);
            model.erase(by, key);
            let again = lake.erase((key.0, &key.1), by, "now").await;
            assert!(matches!(again, Err(Error::NotFound { .. })), "{again:?}");
        }
        Step::Compact => {
            let mut lake = Lake::open(home).await.expect("a lake");
            let done = lake.compact(by).await.expect("compacted");
            assert!(done.files_after <= done.files_before + 64);
        }
        Step::Rules(n) => *by = rules(*n),
    }
}

async fn told(home: &std::path::Path, by: &Rules) -> crate::home::Told {
    without_ballast(sequences_by(home, by).await)
}

/// The same journeys, from SQL.
async fn told_by_sql(home: &std::path::Path, by: &Rules) -> crate::home::Told {
    let lake = Lake::open(home).await.expect("a lake");
    let query = "select customer, event, cast(at as bigint), seq from events where event <> 'ballast' order by 1, 3, 4";
    let mut by_customer: std::collections::BTreeMap<String, Vec<(String, i64)>> = std::collections::BTreeMap::new();
    for row in lake.sql(query, by, &[]).await.expect("an answer").rows {
        let [customer, event, at, _] =
            <[Option<String>; 4]>::try_from(row).expect("four columns").map(|v| v.expect("no null"));
        by_customer.entry(customer).or_default().push((event, at.parse().expect("a number")));
    }
    let mut told = crate::home::Told::new();
    for sequence in by_customer.into_values() {
        *told.entry(sequence).or_default() += 1;
    }
    told
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn a_lake_tells_what_all_rows_read_again_would(steps in prop::collection::vec(step(), 1..16)) {
        runtime().block_on(async {
            let home = tempfile::tempdir().expect("a folder");
            let (model, by) = (Model::default(), Rules::default());
            let mut life = Life { model, by, writer: Writer::new(home.path()), first: true };
            for (n, step) in steps.iter().enumerate() {
                let brings = matches!(step, Step::Import(_) | Step::Export(_));
                if life.first && !brings && !matches!(step, Step::Rules(_)) {
                    continue;
                }
                carry_out(home.path(), step, &mut life).await;
                life.first &= !brings;
                if life.first {
                    continue;
                }
                let Life { model, by, .. } = &life;
                prop_assert_eq!(told(home.path(), by).await, model.told(by), "after step {} {:?}", n, step);
                prop_assert_eq!(told_by_sql(home.path(), by).await, model.told(by), "SQL, after step {} {:?}", n, step);
            }
            let Life { model, by, first, .. } = life;
            if !first {
                Lake::open(home.path()).await.expect("a lake").compact(&by).await.expect("compacted");
                prop_assert_eq!(told(home.path(), &by).await, model.told(&by), "compacted");
            }
            Ok(())
        })?;
    }
}

#[test]
fn rules_that_do_not_name_a_kind_of_key_read_it_all_the_same() {
    runtime().block_on(async {
        let home = tempfile::tempdir().expect("a folder");
        let row = |user: &str, at: i64| {
            Row::new(vec![("user_id", user.to_owned()), ("email", "Ann@X.org".to_owned())], "visit", at)
        };
        let alone = Row::new(vec![("email", " ann@x.org".to_owned())], "order", 3);
        // One customer by these rules, so that every row has to be looked at when they change.
        import_by(home.path(), &[row("u1", 1), row("u2", 2), alone], &rules(3)).await;
        let only_users =
            KeyRule { kind: "user_id".to_owned(), priority: 1, unique: true, limit: None, normalise: Normalise::Trim };
        // It used to call the lake damaged.
        let told = sequences_by(home.path(), &Rules::new(vec![only_users], Vec::new())).await;
        let events: u64 = told.iter().map(|(sequence, customers)| sequence.len() as u64 * customers).sum();
        assert!(events == 3 && told.len() > 1, "two users are two customers now: {told:?}");
    });
}

#[test]
fn rows_that_come_from_another_bucket_count_as_written() {
    runtime().block_on(async {
        let home = tempfile::tempdir().expect("a folder");
        let user = || ("user_id", "u1".to_owned());
        let mut rows = vec![Row::new(vec![user()], "first", 0)];
        // So that the keys that come later lie in another bucket than the first one.
        rows.extend((0..300).map(|n| Row::new(vec![("ballast", format!("b{n}"))], "ballast", n)));
        import_by(home.path(), &rows, &Rules::default()).await;
        for n in 0..20i64 {
            let keys = vec![("anonymous_id", format!("a{n}")), user()];
            import_by(home.path(), &[Row::new(keys, &format!("e{n}"), n)], &Rules::default()).await;
            let runs = std::fs::read_dir(home.path().join("lake/events/bucket=0")).expect("a folder").count();
            assert!(runs <= 8, "{runs} runs after import {n}");
        }
        let told = told(home.path(), &Rules::default()).await;
        assert!(told.keys().all(|sequence| sequence.len() == 21) && told.len() == 1, "all are the user's: {told:?}");
    });
}

#[test]
fn many_small_imports_are_one_and_stay_within_the_limit_of_runs() {
    runtime().block_on(async {
        let home = tempfile::tempdir().expect("a folder");
        let mut model = Model::default();
        for n in 0..30i64 {
            // Larger ones first, so that not each one is merged into the one before.
            let size = if n < 12 { 1 << (12 - n) } else { 3 };
            let row =
                |i: i64| Row::new(vec![("user_id", format!("u{}", i % 7))], &format!("e{n}-{i}"), (i % 50) * 1000);
            let rows: Vec<Row> = (0..size).map(row).collect();
            import_by(home.path(), &rows, &Rules::default()).await;
            model.rows.extend(rows);
            assert_eq!(told(home.path(), &Rules::default()).await, model.told(&Rules::default()), "import {n}");
            let runs = std::fs::read_dir(home.path().join("lake/events/bucket=0")).expect("a folder").count();
            assert!(runs <= 8, "{runs} runs after import {n}");
        }
    });
}
