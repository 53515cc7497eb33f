//! Who is erased is in no file any more, whatever brought the keys together; and of others nothing is lost.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use arrow::util::display::{ArrayFormatter, FormatOptions};
use charter::keys::{Key, Keys as KeysOfCharter};
use event::{Column, Normalise};
use lake::{Error, ImportOptions, Lake, Writer};
use listen::stitch::{KeyRule, Rules};
use listen::{Reason, Rejection, Sink as _};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use proptest::prelude::*;

use crate::home::{Keys, Model, Row, export, import_by, runtime, sequences_by, spread, without_ballast};

/// All files of a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

/// Every row of a Parquet file: its values by column.
fn rows_of(path: &Path) -> Vec<BTreeMap<String, String>> {
    let file = std::fs::File::open(path).expect("a file");
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).expect("Parquet").build().expect("a reader");
    let mut rows = Vec::new();
    for batch in reader.map(|batch| batch.expect("a batch")) {
        let options = FormatOptions::default();
        let columns: Vec<_> =
            batch.columns().iter().map(|c| ArrayFormatter::try_new(c, &options).expect("shown")).collect();
        let schema = batch.schema();
        let row = |at: usize| {
            let values = schema.fields().iter().zip(&columns);
            values.map(|(field, column)| (field.name().clone(), column.value(at).to_string())).collect()
        };
        rows.extend((0..batch.num_rows()).map(row));
    }
    rows
}

fn is_parquet(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending == "parquet")
}

/// Where one of these texts stands: in a value of a table, or anywhere in another file.
fn named_in(home: &Path, names: &BTreeSet<String>) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for path in files(home) {
        let texts = if is_parquet(&path) {
            rows_of(&path).into_iter().flat_map(BTreeMap::into_values).collect()
        } else {
            vec![String::from_utf8_lossy(&std::fs::read(&path).expect("a file")).into_owned()]
        };
        let is_named = |text: &&String| names.iter().any(|name| text.to_lowercase().contains(&name.to_lowercase()));
        found.extend(texts.iter().filter(is_named).map(|text| (path.clone(), text.clone())));
    }
    found
}

/// By message id: the keys of each event, but for those of ballast.
fn events_of(home: &Path) -> BTreeMap<String, BTreeSet<(String, String)>> {
    let events = files(&home.join("lake/events")).into_iter().filter(|path| is_parquet(path));
    let rows = events.flat_map(|path| rows_of(&path)).filter(|row| row["event"] != "ballast");
    let keys = |json: &str| {
        let kinds: BTreeMap<String, serde_json::Value> = serde_json::from_str(json).expect("keys");
        let each = |(kind, values): (String, serde_json::Value)| {
            let values = values.as_array().cloned().unwrap_or_else(|| vec![values]);
            values.into_iter().map(move |value| (kind.clone(), value.as_str().expect("a text").to_owned()))
        };
        kinds.into_iter().flat_map(each).collect()
    };
    rows.map(|row| (row["message_id"].clone(), keys(&row["keys"]))).collect()
}

fn rule(kind: &str, priority: u32, unique: bool, limit: Option<u32>) -> KeyRule {
    KeyRule { kind: kind.to_owned(), priority, unique, limit, normalise: Normalise::Trim }
}

/// Rules by which one kind or another is shared soon, and comes first or last.
fn rules(n: usize) -> Rules {
    let kinds = match n {
        0 => return Rules::default(),
        1 => [rule("user_id", 3, true, None), rule("email", 2, false, Some(1)), rule("phone", 1, false, None)],
        2 => [rule("user_id", 1, false, Some(2)), rule("email", 2, true, None), rule("phone", 3, false, Some(1))],
        _ => [rule("user_id", 2, true, None), rule("email", 3, false, Some(2)), rule("phone", 1, false, Some(2))],
    };
    Rules::new(kinds.to_vec(), [])
}

#[derive(Debug, Clone)]
enum Step {
    Import(Vec<(Keys, u8)>),
    Export(Vec<(Keys, u8)>),
    Unmerge(usize),
    Erase(usize),
    Compact,
}

/// Up to four keys come together.
fn step() -> impl Strategy<Value = Step> {
    let key = prop_oneof![
        (0..4u8).prop_map(|n| ("user_id", format!("u-{n}-"))),
        (0..4u8).prop_map(|n| ("email", format!("e-{n}-@x.org"))),
        (0..3u8).prop_map(|n| ("phone", format!("+49301234{n}"))),
    ];
    let events = || prop::collection::vec((prop::collection::vec(key.clone(), 1..5), 0..40u8), 1..8);
    prop_oneof![
        4 => events().prop_map(Step::Import),
        4 => events().prop_map(Step::Export),
        2 => any::<usize>().prop_map(Step::Unmerge),
        4 => any::<usize>().prop_map(Step::Erase),
        1 => Just(Step::Compact),
    ]
}

/// A lake in the making, and what it should know.
struct Life {
    home: PathBuf,
    by: Rules,
    model: Model,
    writer: Writer,
    /// The keys of who was erased and did not come again.
    gone: BTreeSet<String>,
}

impl Life {
    async fn bring(&mut self, events: &[(Keys, u8)], live: bool) {
        let row = |(n, (keys, at)): (usize, &(Keys, u8))| Row {
            id: Some(format!("m{}", self.model.arrived + n)),
            ..Row::new(keys.clone(), &format!("e{n}"), i64::from(*at) * 1_000_000)
        };
        let rows: Vec<Row> = events.iter().enumerate().map(row).collect();
        let taken = if self.model.arrived == 0 { spread(&rows) } else { rows.clone() };
        self.model.arrived += rows.len();
        if live {
            export(&mut self.writer, &taken, &self.by, self.model.arrived).await;
        } else {
            import_by(&self.home, &taken, &self.by).await;
            self.reject(&rows).await;
        }
        for (_, value) in rows.iter().flat_map(|row| &row.keys) {
            self.gone.remove(value);
        }
        self.model.rows.extend(rows);
    }

    /// The same rows once more, and none of them is read.
    async fn reject(&self, rows: &[Row]) {
        let lake = Lake::open(&self.home).await.expect("a lake");
        let options = ImportOptions { rules: self.by.clone(), ..ImportOptions::default() };
        let mut importer = lake.importer(options).await.expect("an importer");
        importer.begin_file("bad.csv").expect("a file");
        for (line, row) in (1..).zip(rows) {
            let row = format!("{:?},never", row.keys);
            let (reason, detail) = (Reason::MissingEvent, "it says not what happened".into());
            importer.reject(&Rejection { line, reason, detail, row: row.as_bytes() }).expect("it is put aside");
        }
        importer.finish().await.expect("committed");
    }

    async fn carry_out(&mut self, step: &Step) {
        let mut lake = match step {
            Step::Import(events) => return self.bring(events, false).await,
            Step::Export(events) => return self.bring(events, true).await,
            _ => Lake::open(&self.home).await.expect("a lake"),
        };
        let keys: Vec<&(&'static str, String)> = self.model.rows.iter().flat_map(|row| &row.keys).collect();
        match step {
            Step::Unmerge(n) => {
                let links = self.model.links(&self.by);
                let Some([a, b]) = links.get(n % links.len().max(1)).cloned() else { return };
                lake.unmerge((&a.0, &a.1), (&b.0, &b.1), &self.by).await.expect("there is a link");
                self.model.undone.insert([a, b]);
            }
            Step::Compact => drop(lake.compact(&self.by).await.expect("compacted")),
            Step::Erase(n) if !keys.is_empty() => {
                let key = keys[n % keys.len()].clone();
                let before = lake.size(&self.by).await.expect("a size").0;
                let receipt = lake.erase((key.0, &key.1), &self.by, "now").await.expect("the key is known");
                assert_eq!(before - lake.size(&self.by).await.expect("a size").0, receipt.events);
                self.gone.extend(self.model.erase(&self.by, &key));
            }
            _ => {}
        }
    }

    async fn check(&self) -> Result<(), TestCaseError> {
        prop_assert_eq!(named_in(&self.home, &self.gone), []);
        let owned = |row: &Row| row.keys.iter().map(|(kind, value)| ((*kind).to_owned(), value.clone())).collect();
        let rows = self.model.rows.iter().map(|row| (row.id.clone().expect("an id"), owned(row)));
        prop_assert_eq!(events_of(&self.home), rows.collect::<BTreeMap<_, _>>());
        let told = without_ballast(sequences_by(&self.home, &self.by).await);
        prop_assert_eq!(told, self.model.told(&self.by));
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn who_is_erased_is_named_nowhere_and_others_lose_nothing(
        n in 0..4usize, first in prop::collection::vec(step(), 0..4), steps in prop::collection::vec(step(), 1..12)
    ) {
        runtime().block_on(async {
            let folder = tempfile::tempdir().expect("a folder");
            let home = folder.path().to_owned();
            let writer = Writer::new(&home);
            let (model, gone) = (Model::default(), BTreeSet::new());
            let mut life = Life { home, by: rules(n), model, writer, gone };
            for step in first.iter().chain(&steps) {
                if life.model.arrived == 0 && !matches!(step, Step::Import(_) | Step::Export(_)) {
                    continue;
                }
                life.carry_out(step).await;
                life.check().await?;
            }
            Ok::<_, TestCaseError>(())
        })?;
    }
}

fn keys(keys: &[(&'static str, &str)]) -> Keys {
    keys.iter().map(|(kind, value)| (*kind, (*value).to_owned())).collect()
}

/// Erases customers one after the other by their keys; afterwards none of these names is there, and so many events are.
async fn erases(home: &Path, by: &Rules, erased: &[(&str, &str)], names: &[&str], events: usize) {
    let mut lake = Lake::open(home).await.expect("a lake");
    for key in erased {
        lake.erase(*key, by, "now").await.expect("the key is known");
    }
    let names = names.iter().map(|name| (*name).to_owned()).collect();
    assert_eq!(named_in(home, &names), []);
    assert_eq!(events_of(home).len(), events);
}

#[test]
fn a_key_goes_though_what_linked_it_with_another_ones_event_is_erased() {
    runtime().block_on(async {
        let home = tempfile::tempdir().expect("a folder");
        let phone = ("phone", "+49301234");
        let by = Rules::new(vec![rule("phone", 1, false, None), rule("user_id", 2, true, None)], []);
        let rows = [
            // Everybody calls from it, so that it is nobody's.
            Row::new(keys(&[phone, ("user_id", "bob"), ("device", "gone-device")]), "call", 1),
            Row::new(keys(&[phone, ("user_id", "cleo")]), "call", 2),
            // The device is this one's, so that it is not bob's.
            Row::new(keys(&[("user_id", "dan"), ("device", "gone-device")]), "visit", 0),
        ];
        import_by(home.path(), &spread(&rows), &by).await;
        erases(home.path(), &by, &[phone, ("device", "gone-device")], &["49301234", "gone-device", "dan"], 2).await;
    });
}

#[test]
fn a_key_goes_from_rows_that_came_when_the_rules_took_it_for_nobodys_or_compared_it_otherwise() {
    runtime().block_on(async {
        let email = |normalise| KeyRule { normalise, ..rule("email", 2, false, Some(1)) };
        let by = |junk: &str, normalise| {
            Rules::new(vec![rule("user_id", 1, true, None), email(normalise)], [junk.to_owned()])
        };
        let (ann, bob) = (("user_id", "ann-gone"), ("user_id", "bob"));
        let junk_then = (by("shop@x.org", Normalise::Email), by("", Normalise::Email));
        let otherwise_then = (by("", Normalise::Trim), by("", Normalise::Email));
        for (then, now) in [junk_then, otherwise_then] {
            let home = tempfile::tempdir().expect("a folder");
            let theirs =
                [Row::new(keys(&[ann, ("email", "shop@x.org")]), "order", 1), Row::new(keys(&[ann]), "visit", 2)];
            import_by(home.path(), &spread(&theirs), &now).await;
            let of_bob = Row::new(keys(&[bob, ("email", "Shop@x.org")]), "order", 3);
            import_by(home.path(), &spread(&[of_bob]), &then).await;
            erases(home.path(), &now, &[ann], &["shop@x.org", "ann-gone"], 1).await;
        }
    });
}

#[test]
fn what_a_key_was_taken_from_goes_from_the_rows_of_others() {
    runtime().block_on(async {
        let home = tempfile::tempdir().expect("a folder");
        let from = |name: &str, column| Key { from: Some(column), limit: Some(1), ..Key::new(name) };
        let kinds = vec![
            Key { unique: true, priority: Some(1), ..Key::new("user_id") },
            from("email", Column::Property(vec!["to".to_owned(), "email".to_owned()])),
            from("case", Column::CaseId),
            from("clerk", Column::Resource),
            from("message", Column::MessageId),
        ];
        let by = Rules::from(&KeysOfCharter { kinds, junk: Vec::new() });
        let properties = |email: &str| Some(format!(r#"{{"n":1.50,"to":{{"email":"{email}","name":"x"}}}}"#));
        let row = |user: &str, at: i64| {
            let words = [None, Some("gone-case".to_owned()), None, None, Some("gone-clerk".to_owned())];
            let row = Row::new(keys(&[("user_id", user)]), "order", at);
            Row { words, properties: properties("gone@x.org"), id: Some("gone-message".to_owned()), ..row }
        };
        // The one came first, so that the others have what is another one's already.
        import_by(home.path(), &spread(&[row("ann", 1), row("bob", 2), row("cleo", 3)]), &by).await;
        let names = ["gone-case", "gone-clerk", "gone@x.org", "gone-message"];
        let erased = ["case:gone-case", "clerk:gone-clerk", "email:gone@x.org", "message:gone-message"];
        let erased: Vec<(&str, &str)> = erased.iter().filter_map(|key| key.split_once(':')).collect();
        let mut lake = Lake::open(home.path()).await.expect("a lake");
        for key in erased {
            // Who has one of them may have the others.
            drop(lake.erase(key, &by, "now").await);
        }
        assert_eq!(named_in(home.path(), &names.map(str::to_owned).into()), []);
        let events = files(&home.path().join("lake/events")).into_iter().filter(|path| is_parquet(path));
        let left: Vec<String> = events
            .flat_map(|path| rows_of(&path))
            .filter(|row| row["event"] == "order")
            .map(|row| row["properties"].clone())
            .collect();
        assert!(!left.is_empty(), "others lose nothing but that");
        assert!(left.iter().all(|json| json == r#"{"n":1.50,"to":{"name":"x"}}"#), "{left:?}");
    });
}

#[test]
fn rows_that_waited_for_who_is_erased_stay_with_their_own_key() {
    runtime().block_on(async {
        let (home, by) = (tempfile::tempdir().expect("a folder"), Rules::default());
        let (user, device) = (("user_id", "u1"), ("anonymous_id", "a1"));
        let row = |of: &[(&'static str, &str)], event, at| Row::new(keys(of), event, at);
        import_by(home.path(), &spread(&[row(&[user], "a", 1), row(&[device], "b", 2)]), &by).await;
        let mut writer = Writer::new(home.path());
        export(&mut writer, &[row(&[user, device], "login", 3)], &by, 1).await;
        // Alone in its run, and filed under the user's number.
        export(&mut writer, &[row(&[device], "later", 4)], &by, 2).await;
        let mut lake = Lake::open(home.path()).await.expect("a lake");
        lake.unmerge(user, device, &by).await.expect("there is a link");
        lake.erase(user, &by, "now").await.expect("erased");
        let told = without_ballast(sequences_by(home.path(), &by).await);
        assert_eq!(told, [(vec![("b".to_owned(), 2), ("later".to_owned(), 4)], 1)].into());
    });
}

/// Puts rows into the quarantine.
async fn refuse(home: &Path, rows: &[&str]) {
    let lake = Lake::open_or_create(home).await.expect("a lake");
    let mut importer = lake.importer(ImportOptions::default()).await.expect("an importer");
    importer.begin_file("bad.csv").expect("a file");
    for (line, row) in (1..).zip(rows) {
        let (reason, detail) = (Reason::MissingEvent, "it says not what happened".into());
        importer.reject(&Rejection { line, reason, detail, row: row.as_bytes() }).expect("it is put aside");
    }
    importer.finish().await.expect("committed");
}

#[test]
fn who_is_named_by_rejected_rows_alone_is_erased_from_them() {
    runtime().block_on(async {
        let (home, by) = (tempfile::tempdir().expect("a folder"), Rules::default());
        refuse(home.path(), &["u9,never", "+49 (0)30 123-456,never", "abc,12,null,never"]).await;
        let mut lake = Lake::open(home.path()).await.expect("a lake");
        // Numbers of ours, values with a colon, and what names nobody.
        for other in [("customer", "12"), ("auth0", "abc"), ("user_id", "null"), ("user_id ", "u9"), ("erased", "12")] {
            let erased = lake.erase(other, &by, "now").await;
            assert!(matches!(erased, Err(Error::NotFound { .. })), "{other:?}: {erased:?}");
        }
        for key in [("user_id", "u9"), ("phone", "0049 30 123456")] {
            let receipt = lake.erase(key, &by, "now").await.expect("it is named");
            assert_eq!((receipt.quarantined_rows, receipt.keys.len()), (1, 0), "{receipt:?}");
            assert!(matches!(lake.erase(key, &by, "now").await, Err(Error::NotFound { .. })), "{key:?} is gone");
        }
    });
}

#[test]
fn whoever_has_a_key_that_live_state_knew_is_erased_too() {
    runtime().block_on(async {
        let (home, by) = (tempfile::tempdir().expect("a folder"), Rules::default());
        let row = |of: &[(&'static str, &str)], event, at| Row::new(keys(of), event, at);
        let rows = [
            row(&[("user_id", "gone-1")], "a", 1),
            row(&[("user_id", "gone-2"), ("email", "gone-2@x.org")], "b", 2),
            row(&[("user_id", "stays")], "c", 3),
        ];
        import_by(home.path(), &spread(&rows), &by).await;
        refuse(home.path(), &["gone-1", "gone-3", "stays"]).await;
        let (mut lake, mut asked) = (Lake::open(home.path()).await.expect("a lake"), Vec::new());
        let own = |(kind, value): (&str, &str)| (kind.to_owned(), value.to_owned());
        let (device, email) = (own(("anonymous_id", "gone-3")), own(("email", "gone-2@x.org")));
        // Live state knows by a device alone that the first two are one, and a third by what the lake says of the second.
        let forget = async |keys: &[(String, String)]| {
            asked.push(keys.to_vec());
            let theirs = [device.clone(), own(("user_id", "gone-1")), own(("user_id", "gone-2"))];
            Ok::<_, Error>(theirs.into_iter().filter(|_| asked.len() == 1).collect())
        };
        let receipt = lake.erase_with_live(("anonymous_id", "gone-3"), &by, "now", forget).await.expect("erased");
        assert_eq!((receipt.events, receipt.quarantined_rows), (2, 2), "{receipt:?}");
        assert_eq!(receipt.keys, [("email".to_owned(), 1), ("user_id".to_owned(), 2)].into());
        assert_eq!((asked[0].as_slice(), asked.len()), ([device].as_slice(), 2));
        assert!(asked[1].contains(&email), "what the lake knows besides: {asked:?}");
        assert_eq!(named_in(home.path(), &BTreeSet::from(["gone".to_owned()])), []);
        assert_eq!(events_of(home.path()).len(), 1);
    });
}

#[test]
fn what_cannot_be_forgotten_live_stays_in_the_lake_and_waits_for_nobody() {
    runtime().block_on(async {
        let (home, by) = (tempfile::tempdir().expect("a folder"), Rules::default());
        import_by(home.path(), &[Row::new(keys(&[("user_id", "u")]), "a", 1)], &by).await;
        let mut lake = Lake::open(home.path()).await.expect("a lake");
        let fails = async |_: &[(String, String)]| {
            let lock = std::fs::File::open(home.path().join("lock")).expect("a lock");
            assert!(lock.try_lock().is_err(), "nobody else writes meanwhile");
            Err(Error::Interrupted)
        };
        let erased = lake.erase_with_live(("user_id", "u"), &by, "now", fails).await;
        assert!(matches!(erased, Err(Error::Interrupted)), "{erased:?}");
        assert_eq!(lake.size(&by).await.expect("a size").0, 1);
    });
}

#[test]
fn a_key_as_other_rules_wrote_it_once_is_found_as_it_is_written_now() {
    runtime().block_on(async {
        let email = |normalise| KeyRule { normalise, ..rule("email", 2, false, Some(1)) };
        let by = |normalise| Rules::new(vec![rule("user_id", 1, true, None), email(normalise)], []);
        let (then, now) = (by(Normalise::Trim), by(Normalise::Email));
        let row = |of: &[(&'static str, &str)], event, at| Row::new(keys(of), event, at);
        let ann = [("user_id", "ann"), ("email", "Ann@X.org")];
        // Whose it is, and of how many it would be.
        for (other, left) in [("bob@x.org", 1), ("ANN@x.org", 3)] {
            let home = tempfile::tempdir().expect("a folder");
            let bob = [("user_id", "bob"), ("email", other)];
            import_by(home.path(), &spread(&[row(&ann, "a", 1), row(&ann[1..], "b", 2), row(&bob, "c", 3)]), &then)
                .await;
            let mut lake = Lake::open(home.path()).await.expect("a lake");
            let erased = lake.erase(("email", "ann@x.org"), &now, "now").await;
            assert_eq!(erased.is_ok(), left == 1, "{other}: {erased:?}");
            assert_eq!(events_of(home.path()).len(), left, "{other}");
        }
    });
}

#[test]
fn who_has_a_key_as_other_rules_wrote_it_once_takes_nobody_along_who_has_it_now() {
    runtime().block_on(async {
        let email = |normalise| KeyRule { normalise, ..rule("email", 2, false, Some(1)) };
        let by = |normalise| Rules::new(vec![rule("user_id", 1, true, None), email(normalise)], []);
        let (then, now) = (by(Normalise::Trim), by(Normalise::Email));
        let row = |user, email, at| Row::new(keys(&[("user_id", user), ("email", email)]), "a", at);
        for asked in [("user_id", "once"), ("user_id", "now")] {
            let home = tempfile::tempdir().expect("a folder");
            import_by(home.path(), &spread(&[row("once", "Ann@X.org", 1)]), &then).await;
            import_by(home.path(), &spread(&[row("now", "ann@x.org", 2)]), &now).await;
            let (mut lake, mut told) = (Lake::open(home.path()).await.expect("a lake"), BTreeSet::new());
            let forget = async |keys: &[(String, String)]| {
                told.extend(keys.iter().map(|(_, value)| value.clone()));
                Ok::<_, Error>(keys.iter().cloned().collect())
            };
            lake.erase_with_live(asked, &now, "now", forget).await.expect("erased");
            assert_eq!(events_of(home.path()).len(), 1, "{asked:?}");
            assert!(!told.contains(if asked.1 == "now" { "Ann@X.org" } else { "ann@x.org" }), "{told:?}");
        }
    });
}
