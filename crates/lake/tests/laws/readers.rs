//! Questions beside somebody who writes: they see one state of the lake, whatever becomes of its files, and write nothing.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use lake::{ExportFormat, Lake, Lens};
use listen::stitch::Rules;

use crate::home::{Row, Sequences, Told, answer_after, import, runtime, sequences};

fn rows(from: i64) -> Vec<Row> {
    let key = |n: i64| vec![("user_id", format!("u{}", n % 400)), ("email", format!("u{}@x.org", n % 400))];
    (from..from + 2_000).map(|n| Row::new(key(n), "visit", n)).collect()
}

/// Everything below a folder, by path.
fn contents(folder: &Path) -> BTreeMap<PathBuf, Option<Vec<u8>>> {
    let mut all = BTreeMap::new();
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            all.extend(contents(&path));
            all.insert(path, None);
        } else {
            all.insert(path.clone(), Some(std::fs::read(path).expect("a file")));
        }
    }
    all
}

async fn told(lake: &Lake, before: impl Fn() + Sync) -> Told {
    let new = || {
        before();
        Sequences::default()
    };
    answer_after(lake, &Rules::default(), Lens::default(), new).await
}

async fn count(lake: &Lake) -> Option<String> {
    let query = "select count(*) from events e join customers c on c.number = e.customer";
    lake.sql(query, &Rules::default(), &[]).await.expect("rows").rows.remove(0).remove(0)
}

async fn exported(lake: &Lake, folder: &Path) -> u64 {
    let file = folder.join("log.csv");
    lake.export(ExportFormat::Csv, &file, &Rules::default()).await.expect("exported").events
}

#[test]
fn a_lake_that_was_opened_before_others_wrote_answers() {
    runtime().block_on(async {
        let (home, folder) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
        import(home.path(), &rows(0)).await;
        import(home.path(), &rows(10_000)).await;
        let early = [0; 3].map(|_| Lake::open(home.path()));
        let [sql, export, size] = futures_of(early).await;
        // All files of that state go: three imports that merge runs, and a compaction.
        for from in [20_000, 30_000, 40_000] {
            import(home.path(), &rows(from)).await;
        }
        Lake::open(home.path()).await.expect("a lake").compact(&Rules::default()).await.expect("compacted");
        assert_eq!(count(&sql).await.as_deref(), Some("10000"));
        assert_eq!(exported(&export, folder.path()).await, 10_000);
        // Events from where it was opened, customers from where it is read: both are still right.
        assert_eq!(size.size(&Rules::default()).await.expect("a size").1, 400);
    });
}

async fn futures_of<F: Future<Output = Result<Lake, lake::Error>>>(all: [F; 3]) -> [Lake; 3] {
    let [a, b, c] = all;
    [a.await, b.await, c.await].map(|lake| lake.expect("a lake"))
}

#[test]
fn a_question_that_has_begun_is_answered_though_its_files_are_deleted() {
    runtime().block_on(async {
        let home = tempfile::tempdir().expect("a folder");
        import(home.path(), &rows(0)).await;
        import(home.path(), &rows(10_000)).await;
        let before = sequences(home.path()).await;
        let lake = Lake::open(home.path()).await.expect("a lake");
        let once = std::sync::Once::new();
        // Folds are made when the files have been chosen and none has been read.
        let found = told(&lake, || {
            once.call_once(|| {
                std::thread::scope(|scope| {
                    let write = || {
                        runtime().block_on(async {
                            import(home.path(), &rows(20_000)).await;
                            let mut lake = Lake::open(home.path()).await.expect("a lake");
                            lake.compact(&Rules::default()).await.expect("compacted");
                        });
                    };
                    scope.spawn(write).join().expect("written");
                });
            });
        });
        assert_eq!(found.await, before);
        assert_ne!(sequences(home.path()).await, before);
    });
}

#[test]
fn questions_write_nothing() {
    runtime().block_on(async {
        let (home, folder) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
        // No table of keys or links yet: as after a first import that found nothing, or was killed.
        let lake = Lake::open_or_create(home.path()).await.expect("a lake");
        let before = contents(home.path());
        assert_eq!(count(&lake).await.as_deref(), Some("0"));
        assert_eq!(exported(&lake, folder.path()).await, 0);
        assert_eq!(lake.size(&Rules::default()).await.expect("a size"), (0, 0));
        assert_eq!(told(&lake, || ()).await, Told::new());
        assert_eq!(contents(home.path()), before);
    });
}

#[test]
fn what_is_asked_of_keys_at_the_end_of_a_question_is_answered_though_others_wrote() {
    runtime().block_on(async {
        let home = tempfile::tempdir().expect("a folder");
        let row = |keys: Vec<(&'static str, String)>, at| Row::new(keys, "visit", at);
        let (user, device) = (|| ("user_id", "u".to_owned()), || ("anonymous_id", "a".to_owned()));
        import(home.path(), &[row(vec![user()], 1), row(vec![device()], 2)]).await;
        let early = Lake::open(home.path()).await.expect("a lake");
        assert_eq!(early.stitched_customers(&Rules::default()).await.expect("a count"), 0);
        import(home.path(), &[row(vec![user(), device()], 3)]).await;
        assert_eq!(early.stitched_customers(&Rules::default()).await.expect("a count"), 1);
    });
}
