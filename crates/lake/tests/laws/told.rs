//! What live state is told: what came from files, once, and never what it handed over itself.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Mutex;

use event::Event;
use lake::{Error, Lake, Origin, Said, Told, Writer};
use listen::stitch::Rules;
use proptest::prelude::*;

use crate::home::{Row, import, linked, note, runtime, say, take_from_live};

#[derive(Debug, Clone)]
enum Step {
    /// So many events of files.
    Import(usize),
    /// So many events of a live log.
    Live(usize),
    /// Everything is told; then other steps come before it is noted.
    Tell(Vec<Step>),
    Compact,
    /// Live state is another one, which knows nothing.
    New,
    /// It is as it was before it was told something for the last so many times.
    SetBack(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let quick = || {
        prop_oneof![
            3 => (1..4usize).prop_map(Step::Import),
            3 => (0..4usize).prop_map(Step::Live),
            1 => Just(Step::Compact),
        ]
    };
    prop_oneof![
        6 => quick(),
        2 => prop::collection::vec(quick(), 0..3).prop_map(Step::Tell),
        1 => Just(Step::New),
        2 => (1..3usize).prop_map(Step::SetBack),
    ]
}

/// What live state hears of all that it was not told.
async fn tell(lake: &Lake) -> (Option<Told>, Vec<Row>) {
    let heard = Mutex::new(Vec::new());
    let rules = Rules::default();
    let telling = lake.tell(&rules, |events| {
        let row = |event: &Event<'_>| {
            let kinds = ["user_id", "anonymous_id"];
            let kind = |kind| kinds.into_iter().find(|known| *known == kind).expect("one of the two");
            let keys = event.keys.iter().map(|key| (kind(key.kind), key.value.to_owned())).collect();
            Row { id: event.message_id.map(str::to_owned), ..Row::new(keys, event.event, event.at.as_micros()) }
        };
        heard.lock().expect("nobody panics").extend(events.iter().map(row));
        Ok::<(), Error>(())
    });
    let told = telling.await.expect("told");
    (told, heard.into_inner().expect("nobody panics"))
}

fn names(rows: &[Row]) -> Vec<String> {
    rows.iter().map(|row| row.event.clone()).collect()
}

/// A lake, and what should be known of it.
struct Life<'a> {
    home: &'a Path,
    writer: Writer,
    arrived: usize,
    all: Vec<String>,
    untold: Vec<String>,
    /// What was told, each time, and before which arrival number everything had been told with it.
    tellings: Vec<(i64, Vec<String>)>,
}

impl Life<'_> {
    /// So many new events of a few customers. Every other one has no message id, and of files the last of those comes twice.
    fn rows(&mut self, events: usize, files: bool) -> Vec<Row> {
        let from = self.arrived;
        self.arrived += events;
        let row = |n: usize| {
            let keys = vec![("user_id", format!("u{}", n % 3)), ("anonymous_id", format!("a{}", n % 7))];
            let id = n.is_multiple_of(2).then(|| format!("m{n}"));
            Row { id, ..Row::new(keys, &format!("e{n}"), i64::try_from(n % 5).expect("few")) }
        };
        let mut rows: Vec<Row> = (from..self.arrived).map(row).collect();
        rows.extend(rows.last().filter(|row| files && row.id.is_none()).cloned());
        self.all.extend(names(&rows));
        rows
    }

    async fn quick(&mut self, step: &Step) {
        match step {
            Step::Import(events) => {
                let rows = self.rows(*events, true);
                import(self.home, &rows).await;
                self.untold.extend(names(&rows));
            }
            Step::Live(events) => {
                let rows = self.rows(*events, false);
                take_from_live(&mut self.writer, &rows, &Rules::default(), self.arrived as u64).await;
            }
            Step::Compact => {
                if let Ok(mut lake) = Lake::open(self.home).await {
                    lake.compact(&Rules::default()).await.expect("compacted");
                }
            }
            Step::Tell(_) | Step::New | Step::SetBack(_) => unreachable!("they are not quick"),
        }
    }

    async fn carry_out(&mut self, step: &Step) {
        match step {
            Step::Tell(meanwhile) => {
                let Ok(lake) = Lake::open(self.home).await else { return };
                let (told, heard) = tell(&lake).await;
                let (mut names, mut untold) = (names(&heard), std::mem::take(&mut self.untold));
                names.sort();
                untold.sort();
                assert_eq!(names, untold, "each once");
                for step in meanwhile {
                    self.quick(step).await;
                }
                if let Some(Told::Before(seq)) = told {
                    note(&mut self.writer, Origin::Live { until: None }, told).await;
                    self.tellings.push((seq, names));
                }
                // It is in the log now, and comes from there.
                take_from_live(&mut self.writer, &heard, &Rules::default(), self.arrived as u64).await;
                let events = Lake::open(self.home).await.expect("a lake").size(&Rules::default()).await;
                assert_eq!(events.expect("a size").0, self.all.len() as u64, "the lake has each once");
            }
            Step::New => {
                note(&mut self.writer, Origin::Live { until: Some(0) }, Some(Told::Nothing)).await;
                self.untold.clone_from(&self.all);
                self.tellings.clear();
            }
            Step::SetBack(times) => {
                // What it was told when it was new is there as long as it is the same one.
                let kept = self.tellings.len().saturating_sub(*times).max(1);
                let again = self.tellings.split_off(kept.min(self.tellings.len()));
                if let (Some((seq, _)), false) = (self.tellings.last(), again.is_empty()) {
                    note(&mut self.writer, Origin::Live { until: None }, Some(Told::BackTo(*seq))).await;
                    self.untold.extend(again.into_iter().flat_map(|(_, names)| names));
                }
            }
            quick => self.quick(quick).await,
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn what_came_from_files_is_told_once_and_nothing_else(steps in prop::collection::vec(step(), 1..14)) {
        let home = tempfile::tempdir().expect("a folder");
        runtime().block_on(async {
            let (home, writer) = (home.path(), Writer::new(home.path()));
            let mut life = Life { home, writer, arrived: 0, all: Vec::new(), untold: Vec::new(), tellings: Vec::new() };
            let last = [Step::Tell(Vec::new()), Step::Tell(Vec::new())];
            for step in steps.iter().chain(&last) {
                life.carry_out(step).await;
            }
        });
    }
}

#[test]
fn what_a_live_log_that_was_set_back_is_sent_once_more_is_there_once() {
    runtime().block_on(async {
        let home = tempfile::tempdir().expect("a folder");
        let row = |id: &str| Row { id: Some(id.to_owned()), ..Row::new(vec![("user_id", "u".to_owned())], id, 1) };
        let mut writer = Writer::new(home.path());
        let by = Rules::default();
        take_from_live(&mut writer, &[row("a"), row("b")], &by, 2).await;
        note(&mut writer, Origin::Live { until: Some(1) }, None).await;
        // Live state does not know the second one any more, and takes it in.
        take_from_live(&mut writer, &[row("b"), row("c")], &by, 3).await;
        let events = Lake::open(home.path()).await.expect("a lake").size(&by).await.expect("a size").0;
        assert_eq!(events, 3);
    });
}

#[test]
fn only_the_latest_that_was_told_is_remembered() {
    let home = tempfile::tempdir().expect("a folder");
    runtime().block_on(async {
        let (home, writer) = (home.path(), Writer::new(home.path()));
        let mut life = Life { home, writer, arrived: 0, all: Vec::new(), untold: Vec::new(), tellings: Vec::new() };
        for _ in 0..66 {
            for step in [Step::Import(2), Step::Live(1), Step::Tell(Vec::new())] {
                life.carry_out(&step).await;
            }
        }
        let remembers = async |telling: usize| {
            let (seq, lake) = (life.tellings[telling].0, Lake::open(home).await.expect("a lake"));
            lake.remembers_since(seq).await.expect("it can be read")
        };
        assert_eq!([remembers(0).await, remembers(1).await, remembers(65).await], [false, true, true]);
        life.carry_out(&Step::SetBack(64)).await;
        life.carry_out(&Step::Tell(Vec::new())).await;
    });
}

#[test]
fn where_two_write_in_turn_neither_reads_the_whole_log_to_know_that_all_is_told() {
    runtime().block_on(async {
        let folder = tempfile::tempdir().expect("a folder");
        let (home, by) = (folder.path(), Rules::default());
        let row = |id: &str| Row::new(vec![("user_id", "u".to_owned())], id, 1);
        let (mut one, mut other) = (Writer::new(home), Writer::new(home));
        take_from_live(&mut one, &[row("a")], &by, 1).await;
        take_from_live(&mut other, &[row("b")], &by, 2).await;
        assert!(!one.has_untold().await.expect("read"), "all came from live state");
        take_from_live(&mut other, &[row("c")], &by, 3).await;
        // Whoever reads all of the log needs its first commit.
        let first = home.join(format!("lake/events/_delta_log/{:020}.json", 0));
        std::fs::rename(&first, home.join("away")).expect("renamed");
        assert!(!one.has_untold().await.expect("no more is read than the commit since"));
        std::fs::rename(home.join("away"), &first).expect("renamed");
        import(home, &[row("d")]).await;
        take_from_live(&mut other, &[row("e")], &by, 4).await;
        assert!(one.has_untold().await.expect("read"), "some came from a file");
        let (told, _) = tell(&Lake::open(home).await.expect("a lake")).await;
        note(&mut other, Origin::Live { until: None }, told).await;
        assert!(!one.has_untold().await.expect("read"), "all was told");
    });
}

#[test]
fn who_says_late_how_much_was_told_takes_nothing_back() {
    runtime().block_on(async {
        let home = tempfile::tempdir().expect("a folder");
        let row = |n: i64| Row::new(vec![("user_id", format!("u{n}"))], "a", n);
        import(home.path(), &(0..5).map(row).collect::<Vec<_>>()).await;
        let mut writer = Writer::new(home.path());
        for seq in [5, 3] {
            note(&mut writer, Origin::Live { until: None }, Some(Told::Before(seq))).await;
        }
        assert!(!writer.has_untold().await.expect("read"));
        let lake = Lake::open(home.path()).await.expect("a lake");
        assert_eq!(lake.told_before().await.expect("read"), 5);
    });
}

#[test]
fn what_people_said_of_keys_without_an_event_is_known_when_one_comes() {
    runtime().block_on(async {
        let (home, by) = (tempfile::tempdir().expect("a folder"), Rules::default());
        let (user, email, phone) = (("user_id", "u"), ("email", "u@x.org"), ("phone", "+4930123456"));
        let row = |(kind, value): (&'static str, &str), at| Row::new(vec![(kind, value.to_owned())], "a", at);
        import(home.path(), &[row(user, 1)]).await;
        let apart = |a, b| Said { linked: false, ..linked(a, b) };
        let words = [
            apart(email, phone),
            linked(user, email),
            linked(user, phone),
            apart(user, phone),
            linked(("email", "names nobody"), user),
            linked(user, phone),
            apart(user, phone),
        ];
        say(home.path(), &words, &by).await;
        let mut writer = Writer::new(home.path());
        take_from_live(&mut writer, &[row(email, 2), row(phone, 3)], &by, 1).await;
        let mut lake = Lake::open(home.path()).await.expect("a lake");
        let customers = async |lake: &Lake| lake.size(&by).await.expect("a size").1;
        assert_eq!(customers(&lake).await, 2, "the telephone is somebody else's");
        lake.compact(&by).await.expect("compacted");
        assert_eq!(customers(&lake).await, 2);
        let expected = [linked(email, user), apart(user, phone)];
        let mut said = lake.said(&by).await.expect("read");
        said.sort_by_key(|said| !said.linked);
        let sorted = |Said { linked, a, b }: Said| (linked, BTreeSet::from([a, b]));
        assert_eq!(said.into_iter().map(sorted).collect::<Vec<_>>(), expected.map(sorted));
    });
}

#[test]
fn many_words_of_people_are_one_commit_and_what_is_said_already_is_none() {
    runtime().block_on(async {
        let (home, by) = (tempfile::tempdir().expect("a folder"), Rules::default());
        let key = |n: i64| ("user_id", format!("u{n}"));
        let rows: Vec<Row> = (0..20).map(|n| Row::new(vec![key(n)], "a", n)).collect();
        import(home.path(), &rows).await;
        let commits = || {
            let commits = |table: &str| {
                let log = std::fs::read_dir(home.path().join("lake").join(table).join("_delta_log"));
                log.map_or(0, Iterator::count)
            };
            ["events", "links", "customers"].map(commits)
        };
        let words: Vec<Said> = (1..20).map(|n| linked(("user_id", &key(n - 1).1), ("user_id", &key(n).1))).collect();
        let before = commits();
        say(home.path(), &words, &by).await;
        let lake = Lake::open(home.path()).await.expect("a lake");
        assert_eq!(lake.size(&by).await.expect("a size"), (20, 1));
        let after = commits();
        assert_eq!(after, [before[0] + 1, before[1] + 1, before[2]]);
        say(home.path(), &words, &by).await;
        assert_eq!(commits(), after);
    });
}

#[test]
fn what_is_said_of_a_key_is_said_of_no_other_one_that_is_like_it() {
    runtime().block_on(async {
        let (home, by) = (tempfile::tempdir().expect("a folder"), Rules::default());
        let row = |(kind, value): (&'static str, &str), at| Row::new(vec![(kind, value.to_owned())], "a", at);
        let (user, ann, case) = (("user_id", "u"), ("user_id", "ann@x.org"), ("case", "20240001"));
        import(home.path(), &[row(user, 1), row(ann, 2), row(case, 3)]).await;
        let words = [linked(user, ("case", "2024-0001")), linked(user, ("user_id", "ANN@x.org"))];
        say(home.path(), &words, &by).await;
        let mut lake = Lake::open(home.path()).await.expect("a lake");
        assert_eq!(lake.size(&by).await.expect("a size"), (3, 3));
        lake.unmerge(user, ("case", "2024-0001"), &by).await.expect("it was said of this one");
    });
}

#[test]
fn a_word_about_what_names_nobody_changes_nothing() {
    runtime().block_on(async {
        let (home, by) = (tempfile::tempdir().expect("a folder"), Rules::default());
        import(home.path(), &[Row::new(vec![("user_id", "u".to_owned())], "a", 1)]).await;
        let files = || ["events", "links", "customers"].map(|table| files_of(&home.path().join("lake").join(table)));
        let before = files();
        let words = [linked(("user_id", "new"), ("email", "nobody")), linked(("email", "nobody"), ("user_id", "new"))];
        say(home.path(), &words, &by).await;
        assert_eq!(files(), before);
    });
}

/// All files under a folder, in order.
fn files_of(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    let mut files: Vec<_> = entries.flat_map(|path| if path.is_dir() { files_of(&path) } else { vec![path] }).collect();
    files.sort();
    files
}

#[test]
fn a_commit_says_each_number_once() {
    runtime().block_on(async {
        let home = tempfile::tempdir().expect("a folder");
        let mut writer = Writer::new(home.path());
        let row = Row::new(vec![("user_id", "u".to_owned())], "a", 1);
        take_from_live(&mut writer, &[row], &Rules::default(), 2).await;
        // A new live state beside an old lake.
        note(&mut writer, Origin::Live { until: Some(0) }, Some(Told::Nothing)).await;
        let log = std::fs::read_dir(home.path().join("lake/events/_delta_log")).expect("a log");
        let commits = log.map(|entry| entry.expect("an entry").path()).filter(|path| path.extension().is_some());
        let last = std::fs::read_to_string(commits.max().expect("a commit")).expect("text");
        let line = |line| serde_json::from_str::<serde_json::Value>(line).expect("JSON");
        let names = last.lines().map(line).filter_map(|line| Some(line.get("txn")?["appId"].to_string()));
        let mut names: Vec<String> = names.collect();
        names.sort();
        let all = names.clone();
        names.dedup();
        assert!(names.len() > 2);
        assert_eq!(all, names);
    });
}
