//! What is kept of answers never changes one: asked again after whatever happened, a question is answered as if it had never
//! been asked.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use charter::{Condition, Fact};
use event::Deadline;
use jiff::tz::TimeZone;
use journey::{AnyFold, Cut, Ending, Fold, Journey, Moments, Selection};
use lake::{Before, Lake, Lens, Question, Vocabulary, Writer};
use listen::stitch::Rules;
use proptest::prelude::*;

use crate::conditions::Words;
use crate::home::{Row, export, import, runtime, spread};

/// A journey as moments, times and how it ended.
type Told = (Vec<(u32, i64)>, u8);

/// How many journeys there are of each kind.
#[derive(Default)]
struct Ended(BTreeMap<Told, u64>);

/// By journey as names and times, and how it ended.
type Answer = BTreeMap<(Vec<(String, i64)>, u8), u64>;

impl Fold for Ended {
    type Answer = Answer;

    fn journey(&mut self, journey: &Journey<'_>) {
        let ending = match journey.ending {
            Ending::Whole => 0,
            Ending::Succeeded => 1,
            Ending::Abandoned => 2,
            Ending::Open => 3,
        };
        let sequence = journey.moments.iter().map(|m| m.0).zip(journey.at_us.iter().copied()).collect();
        *self.0.entry((sequence, ending)).or_default() += 1;
    }

    fn merge(&mut self, other: Self) {
        other.0.into_iter().for_each(|(told, n)| *self.0.entry(told).or_default() += n);
    }

    fn finish(self, moments: &Moments) -> Answer {
        let names = moments.names();
        let named =
            |told: Vec<(u32, i64)>| told.into_iter().map(|(m, at)| (names[m as usize].to_string(), at)).collect();
        self.0.into_iter().map(|((sequence, ending), n)| ((named(sequence), ending), n)).collect()
    }

    fn keep(&mut self) -> Option<Vec<u8>> {
        postcard::to_stdvec(&self.0).ok()
    }

    fn resume(&mut self, kept: &[u8]) -> bool {
        postcard::from_bytes(kept).is_ok_and(|kept| {
            self.0 = kept;
            true
        })
    }

    fn subtract(&mut self, other: Self) {
        for (told, n) in other.0 {
            *self.0.get_mut(&told).expect("what is taken out was put in") -= n;
        }
        self.0.retain(|_, n| *n > 0);
    }
}

/// What a test asks.
#[derive(Debug, Clone, Default)]
pub(crate) struct Asks {
    events: Option<&'static str>,
    with: Option<&'static str>,
    compare: Option<&'static str>,
    from_us: Option<i64>,
    cut: bool,
}

fn condition(text: &str) -> Condition<Fact> {
    Condition::parse_with(text, &Words, &TimeZone::UTC).expect("a condition")
}

impl Asks {
    fn lens(&self) -> Lens {
        let [events, with, compare] = [self.events, self.with, self.compare].map(|text| text.map(condition));
        // Only what is called so is a moment, the rest is left out.
        let moment = |name: &str| lake::Seen {
            name: name.to_owned(),
            stage: None,
            when: Condition::parse(&format!("event = '{name}'"), &TimeZone::UTC).expect("a condition"),
        };
        let moments = if self.cut { ["a", "b", "c"].map(moment).into() } else { Vec::new() };
        Lens { events, with, compare, moments, ..Lens::default() }
    }

    /// Of journeys that are cut out.
    pub(crate) fn cut() -> Self {
        Self { cut: true, ..Self::default() }
    }

    /// `a` starts a journey, `b` ends it, and so do ten microseconds of silence.
    fn selection(&self, moments: &Moments, until_us: i64) -> Selection {
        let mask = |name: &str| {
            let number = moments.intern(name).index();
            (0..=number).map(|n| n == number).collect()
        };
        let abandoned_after = Some(Deadline::Elapsed(10));
        let cut = self.cut.then(|| Cut { starts: mask("a"), succeeds: mask("b"), abandoned_after, until_us });
        let compare = self.compare.is_some();
        Selection { cut, from_us: self.from_us, with: self.with.is_some(), compare, ..Selection::default() }
    }
}

/// What is answered.
#[derive(Debug, PartialEq)]
pub(crate) struct Answered {
    groups: Vec<Answer>,
    left_out: BTreeMap<String, u64>,
}

/// The answer, from what is kept where something is; and how many events were read for it.
async fn ask_in(home: &Path, asks: &Asks, keep: bool) -> (Answered, u64) {
    let rules = Rules::default();
    let lake = Lake::open(home).await.expect("a lake");
    let keeping = if keep { lake.keeping(&rules).await.expect("a log") } else { None };
    let name = format!("{asks:?}");
    let kept = keeping.as_ref().and_then(|keeping| keeping.find(&name));
    let vocabulary = kept.as_ref().map_or_else(Vocabulary::default, lake::Kept::vocabulary);
    let until_us = lake.ends().await.expect("a log").until_us;
    let folds = || vec![Box::new(Ended::default()) as Box<dyn AnyFold>];
    let selection = |until_us| asks.selection(&vocabulary.moments, until_us);
    let question = Question {
        selected: vec![(asks.lens(), selection(until_us))],
        vocabulary: vocabulary.clone(),
        folds: Box::new(folds),
        names: vec![name],
        kept: kept.as_ref().map(|kept| Before {
            kept,
            selections: vec![selection(kept.until_us())],
            folds: Box::new(folds),
        }),
    };
    let mut answered = lake.ask(&rules, &[question], keeping.as_ref()).await.expect("an answer");
    let groups = answered.groups.remove(0).into_iter().flatten();
    let groups =
        groups.map(|fold| fold.into_any().downcast::<Ended>().expect("of this kind").finish(&vocabulary.moments));
    (Answered { groups: groups.collect(), left_out: answered.left_out.remove(0) }, answered.events)
}

pub(crate) async fn ask(home: &Path, asks: &Asks) -> (Answered, u64) {
    ask_in(home, asks, true).await
}

/// As if nothing had ever been asked.
pub(crate) async fn afresh(home: &Path, asks: &Asks) -> Answered {
    ask_in(home, asks, false).await.0
}

/// The files in which something is kept.
fn kept(home: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(home.join("kept")) else { return Vec::new() };
    let all = entries.map(|entry| entry.expect("an entry").path());
    all.filter(|path| path.file_name().is_some_and(|name| name != "lock")).collect()
}

fn all_asks() -> Vec<Asks> {
    vec![
        Asks::default(),
        Asks { cut: true, ..Asks::default() },
        Asks { cut: true, from_us: Some(30), with: Some("channel = 'web'"), ..Asks::default() },
        Asks { events: Some("channel = 'web'"), compare: Some("event = 'c'"), ..Asks::default() },
    ]
}

fn row(user: u8, event: &str, at: i64, channel: Option<&str>) -> Row {
    let words = [channel.map(str::to_owned), None, None, None, None];
    Row { words, ..Row::new(vec![("user_id", format!("u{user}"))], event, at) }
}

/// What happens to a lake between two questions.
#[derive(Debug, Clone)]
enum Step {
    Import(Vec<Row>),
    /// The same, by the one who writes again and again; here rows of people who are joined may wait.
    Export(Vec<Row>),
    /// Somebody who was known by a device alone becomes one of the customers.
    LogIn(u8, u8),
    Compact,
    /// Two customers come with one address.
    Link(u8, u8),
    Unmerge(u8),
    Erase(u8),
}

fn rows(most: usize) -> impl Strategy<Value = Vec<Row>> {
    let event = prop::sample::select(&["a", "b", "c", "d"][..]);
    let channel = prop::sample::select(&[Some("web"), Some("call"), None][..]);
    let row = (0u8..18, event, 0i64..120, channel).prop_map(|(user, event, at, channel)| {
        let mut row = row(user, event, at, channel);
        if user > 11 {
            row.keys = vec![("anonymous_id", format!("a{}", user - 12))];
        }
        if user == 11 {
            // Nobody's, so no customer is touched.
            row.keys.clear();
        }
        row
    });
    prop::collection::vec(row, 1..most)
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => rows(6).prop_map(Step::Import),
        8 => rows(6).prop_map(Step::Export),
        8 => (0u8..6, 0u8..12).prop_map(|(device, user)| Step::LogIn(device, user)),
        1 => Just(Step::Compact),
        1 => (0u8..12, 0u8..12).prop_map(|(a, b)| Step::Link(a, b)),
        1 => (0u8..12).prop_map(Step::Unmerge),
        1 => (0u8..12).prop_map(Step::Erase),
    ];
    prop::collection::vec(step, 1..9)
}

async fn carry_out(home: &Path, writer: &mut Writer, position: usize, step: &Step) {
    let rules = Rules::default();
    let key = |user: u8| format!("u{user}");
    let mail = |user: u8| format!("u{user}@x.org");
    match step {
        Step::Import(rows) => drop(import(home, rows).await),
        Step::Export(rows) => export(writer, rows, &rules, position).await,
        Step::LogIn(device, user) => {
            let keys = vec![("anonymous_id", format!("a{device}")), ("user_id", key(*user))];
            export(writer, &[Row::new(keys, "c", 60)], &rules, position).await;
        }
        Step::Compact => {
            let mut lake = Lake::open(home).await.expect("a lake");
            lake.compact(&rules).await.expect("compacted");
        }
        Step::Link(a, b) => {
            let both = |user: &u8| Row::new(vec![("user_id", key(*user)), ("email", mail(*a))], "c", i64::from(*user));
            import(home, &[both(a), both(b)]).await;
        }
        // Where there is no such link or nobody of that name, nothing happens.
        Step::Unmerge(a) => {
            let mut lake = Lake::open(home).await.expect("a lake");
            drop(lake.unmerge(("user_id", &key(*a)), ("email", &mail(*a)), &rules).await);
        }
        Step::Erase(a) => {
            let mut lake = Lake::open(home).await.expect("a lake");
            drop(lake.erase(("user_id", &key(*a)), &rules, "now").await);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn asked_again_is_answered_as_if_never_asked(first in rows(60), steps in steps()) {
        runtime().block_on(async {
            let home = tempfile::tempdir().expect("a folder");
            import(home.path(), &spread(&first)).await;
            for asks in all_asks() {
                ask(home.path(), &asks).await;
            }
            let mut writer = Writer::new(home.path());
            for (position, step) in (1..).zip(&steps) {
                carry_out(home.path(), &mut writer, position, step).await;
                for asks in all_asks() {
                    let (found, _) = ask(home.path(), &asks).await;
                    prop_assert_eq!(found, afresh(home.path(), &asks).await, "{:?} after {:?}", asks, step);
                }
            }
            Ok(())
        })?;
    }
}

pub(crate) fn many() -> Vec<Row> {
    let event = |n: i64| if n % 3 == 0 { "a" } else { "c" };
    (0..3_000).map(|n| Row::new(vec![("user_id", format!("u{}", n % 1_000))], event(n), n)).collect()
}

#[test]
fn only_the_events_of_those_who_are_touched_are_read() {
    runtime().block_on(async {
        let home = tempfile::tempdir().expect("a folder");
        import(home.path(), &many()).await;
        let asks = Asks { cut: true, ..Asks::default() };
        let (first, read) = ask(home.path(), &asks).await;
        assert_eq!(read, 3_000);
        assert_eq!(ask(home.path(), &asks).await, (first, 0), "nothing is new");
        // One event between those of a customer, which moves the end of time by nothing.
        import(home.path(), &[Row::new(vec![("user_id", "u7".to_owned())], "b", 1_500)]).await;
        let (found, read) = ask(home.path(), &asks).await;
        assert_eq!((&found, read), (&afresh(home.path(), &asks).await, 4));
        // One event of somebody new, by which the journeys are over that were open: those of three customers.
        let open = found.groups[0].iter().filter(|((_, ending), _)| *ending == 3).map(|(_, n)| n).sum::<u64>();
        import(home.path(), &[Row::new(vec![("user_id", "new".to_owned())], "a", 3_200)]).await;
        let (found, read) = ask(home.path(), &asks).await;
        assert_eq!(found, afresh(home.path(), &asks).await);
        assert_eq!(read, 1 + 3 * open);
        assert!(open > 2, "some were open: {open}");
    });
}

#[test]
fn many_imports_make_few_files_of_keys_and_links_and_what_is_kept_holds() {
    runtime().block_on(async {
        let home = tempfile::tempdir().expect("a folder");
        import(home.path(), &many()).await;
        let asks = Asks::default();
        ask(home.path(), &asks).await;
        let parquet = |table: &str| {
            let entries = std::fs::read_dir(home.path().join("lake").join(table)).expect("a folder");
            entries.filter(|entry| entry.as_ref().expect("an entry").path().extension().is_some()).count()
        };
        let mut writer = Writer::new(home.path());
        for n in 0..70u16 {
            let keys = vec![("user_id", format!("new{n}")), ("email", format!("new{n}@x.org"))];
            export(&mut writer, &[Row::new(keys, "a", 1_000 + i64::from(n))], &Rules::default(), usize::from(n) + 1)
                .await;
            assert!(parquet("customers") <= 10 && parquet("links") <= 10, "after {n}");
        }
        let (found, read) = ask(home.path(), &asks).await;
        assert_eq!((&found, read), (&afresh(home.path(), &asks).await, 70), "only what is new is read");
        // Who is who is known as before.
        let size = Lake::open(home.path()).await.expect("a lake").size(&Rules::default()).await.expect("a size");
        assert_eq!(size, (3_070, 1_070));
        let imported = import(home.path(), &[]).await;
        assert_eq!((imported.keys, imported.customers), (1_140, 1_070));
    });
}

#[test]
fn what_is_kept_outlives_the_commit_that_it_was_counted_of() {
    runtime().block_on(async {
        let home = tempfile::tempdir().expect("a folder");
        import(home.path(), &many()).await;
        let asks = Asks::default();
        ask(home.path(), &asks).await;
        let mut writer = Writer::new(home.path());
        let new = |n: usize| Row::new(vec![("user_id", "new".to_owned())], "a", i64::try_from(n).expect("small"));
        for n in 0..120 {
            export(&mut writer, &[new(n)], &Rules::default(), n + 1).await;
        }
        // As if two hours had gone by, and then as many commits as it takes for somebody to look after old ones.
        let log = home.path().join("lake/events/_delta_log");
        let commit = |version: usize| log.join(format!("{version:020}.json"));
        let before = std::time::SystemTime::now() - std::time::Duration::from_hours(2);
        for version in 0..=120 {
            std::fs::File::open(commit(version)).and_then(|file| file.set_modified(before)).expect("dated back");
        }
        for n in 120..230 {
            export(&mut writer, &[new(n)], &Rules::default(), n + 1).await;
        }
        assert!(!commit(1).exists(), "the commit that was asked has gone");
        let (found, read) = ask(home.path(), &asks).await;
        assert_eq!((&found, read), (&afresh(home.path(), &asks).await, 230), "only what is new is read");
    });
}

#[test]
fn what_is_damaged_cut_off_or_of_another_question_is_not_used() {
    runtime().block_on(async {
        let home = tempfile::tempdir().expect("a folder");
        import(home.path(), &many()[..60]).await;
        let [asks, other] = [Asks::default(), Asks { cut: true, ..Asks::default() }];
        let expected = afresh(home.path(), &asks).await;
        ask(home.path(), &asks).await;
        let [file] = kept(home.path()).try_into().expect("one file");
        let good = std::fs::read(&file).expect("a file");
        assert_eq!(ask(home.path(), &asks).await.1, 0, "it is used");
        for place in 0..good.len() {
            let mut bad = good.clone();
            bad[place] ^= 1 << (place % 8);
            std::fs::write(&file, bad).expect("written");
            // What is not used is written again, by an answer that has read everything.
            assert_eq!(ask(home.path(), &asks).await, (answered(&expected), 60), "byte {place}");
            assert_eq!(std::fs::read(&file).expect("a file"), good);
            if place % 16 == 0 {
                std::fs::write(&file, &good[..place]).expect("written");
                assert_eq!(ask(home.path(), &asks).await, (answered(&expected), 60), "cut off at {place}");
            }
        }
        ask(home.path(), &other).await;
        let [second] =
            kept(home.path()).into_iter().filter(|path| *path != file).collect::<Vec<_>>().try_into().expect("one");
        std::fs::copy(&second, &file).expect("copied");
        assert_eq!(ask(home.path(), &asks).await, (answered(&expected), 60), "of another question");
    });
}

fn answered(like: &Answered) -> Answered {
    Answered { groups: like.groups.clone(), left_out: like.left_out.clone() }
}

#[test]
fn another_lake_in_the_same_place_is_asked_afresh() {
    runtime().block_on(async {
        let home = tempfile::tempdir().expect("a folder");
        let asks = Asks::default();
        import(home.path(), &many()[..60]).await;
        ask(home.path(), &asks).await;
        std::fs::remove_dir_all(home.path().join("lake")).expect("removed");
        // As many events, of as many customers, in as many commits.
        let others: Vec<Row> = many()[..60].iter().map(|row| Row { event: "x".to_owned(), ..row.clone() }).collect();
        import(home.path(), &others).await;
        assert_eq!(ask(home.path(), &asks).await, (afresh(home.path(), &asks).await, 60));
    });
}

#[test]
fn erasing_a_customer_leaves_nothing_that_was_counted_and_says_so() {
    runtime().block_on(async {
        let home = tempfile::tempdir().expect("a folder");
        import(home.path(), &many()[..60]).await;
        for asks in all_asks() {
            ask(home.path(), &asks).await;
        }
        let files = kept(home.path());
        assert_eq!(files.len(), all_asks().len());
        let mut lake = Lake::open(home.path()).await.expect("a lake");
        let receipt = lake.erase(("user_id", "u7"), &Rules::default(), "now").await.expect("erased");
        assert_eq!(kept(home.path()), Vec::<PathBuf>::new());
        for file in files {
            let place = format!("kept/{}", file.file_name().expect("a name").to_string_lossy());
            assert!(receipt.places.contains(&place), "{place} is not in {:?}", receipt.places);
        }
        // A process that was killed before it cleared away is completed by the next that writes.
        ask(home.path(), &all_asks()[0]).await;
        let stale = kept(home.path()).remove(0);
        let bytes = std::fs::read(&stale).expect("a file");
        lake.erase(("user_id", "u8"), &Rules::default(), "now").await.expect("erased");
        std::fs::write(&stale, bytes).expect("written");
        import(home.path(), &many()[..3]).await;
        assert_eq!(kept(home.path()), Vec::<PathBuf>::new());
    });
}

#[test]
fn a_home_in_which_nothing_can_be_kept_answers_all_the_same() {
    runtime().block_on(async {
        let home = tempfile::tempdir().expect("a folder");
        import(home.path(), &many()[..60]).await;
        // In the way of the folder, for whoever may write everywhere too.
        std::fs::write(home.path().join("kept"), b"").expect("written");
        for _ in 0..2 {
            assert_eq!(ask(home.path(), &Asks::default()).await.1, 60);
        }
        import(home.path(), &many()[60..70]).await;
        let mut lake = Lake::open(home.path()).await.expect("a lake");
        lake.erase(("user_id", "u7"), &Rules::default(), "now").await.expect("erased");
    });
}

#[test]
fn many_may_ask_while_somebody_imports() {
    let home = tempfile::tempdir().expect("a folder");
    let rows = many();
    runtime().block_on(async { import(home.path(), &rows[..600]).await });
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                runtime().block_on(async {
                    for asks in all_asks().iter().cycle().take(24) {
                        ask(home.path(), asks).await;
                    }
                });
            });
        }
        scope.spawn(|| {
            runtime().block_on(async {
                for part in rows[600..1_200].chunks(100) {
                    import(home.path(), part).await;
                }
            });
        });
    });
    runtime().block_on(async {
        for asks in all_asks() {
            assert_eq!(ask(home.path(), &asks).await.0, afresh(home.path(), &asks).await, "{asks:?}");
        }
    });
}
