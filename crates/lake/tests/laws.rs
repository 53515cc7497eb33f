//! What must hold however events reach the lake: any split over imports and any order of them gives the same journeys, the same
//! events twice are once, and every event is somebody's.

use std::collections::BTreeMap;

use event::{Event, Key, Timestamp};
use journey::{AnyFold, Fold, Journey, Moments};
use lake::{ImportOptions, Lake, Question};
use listen::Sink;
use proptest::prelude::*;

/// How many journeys have each sequence of (moment, time).
#[derive(Default)]
struct Sequences(BTreeMap<Vec<(u32, i64)>, u64>);

impl Fold for Sequences {
    type Answer = BTreeMap<Vec<(String, i64)>, u64>;

    fn journey(&mut self, journey: &Journey<'_>) {
        let sequence = journey.moments.iter().map(|m| m.0).zip(journey.at_us.iter().copied()).collect();
        *self.0.entry(sequence).or_default() += 1;
    }

    fn merge(&mut self, other: Self) {
        other.0.into_iter().for_each(|(sequence, n)| *self.0.entry(sequence).or_default() += n);
    }

    fn finish(self, moments: &Moments) -> Self::Answer {
        let names = moments.names();
        let named = |sequence: Vec<(u32, i64)>| {
            sequence.into_iter().map(|(m, at)| (names[m as usize].to_string(), at)).collect()
        };
        self.0.into_iter().map(|(sequence, n)| (named(sequence), n)).collect()
    }
}

type Keys = Vec<(&'static str, String)>;

/// An event as a test writes it.
#[derive(Debug, Clone, PartialEq)]
struct Row {
    keys: Keys,
    event: String,
    at: i64,
    id: Option<String>,
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime")
}

async fn import(home: &std::path::Path, rows: &[Row]) -> lake::Imported {
    let lake = Lake::open_or_create(home).await.expect("a lake");
    let mut importer = lake.importer(ImportOptions::default()).await.expect("an importer");
    importer.begin_file("test").expect("a file");
    for row in rows {
        let keys: Vec<Key<'_>> = row.keys.iter().map(|(kind, value)| Key { kind, value }).collect();
        let mut event = Event::new(&row.event, Timestamp::from_micros(row.at), &keys);
        event.message_id = row.id.as_deref();
        importer.event(&event).expect("taken in");
    }
    importer.finish().await.expect("committed").1
}

async fn sequences(home: &std::path::Path) -> BTreeMap<Vec<(String, i64)>, u64> {
    let lake = Lake::open(home).await.expect("a lake");
    let moments = Moments::new();
    let make = || vec![Box::new(Sequences::default()) as Box<dyn AnyFold>];
    let answered = lake.ask(&Question::default(), &moments, make).await.expect("an answer");
    let fold = answered.groups.into_iter().flatten().next().expect("one fold");
    fold.into_any().downcast::<Sequences>().expect("of this kind").finish(&moments)
}

fn rows() -> impl Strategy<Value = Vec<Row>> {
    let key = prop_oneof![
        (0..400u16).prop_map(|n| vec![("user_id", format!("u{n}"))]),
        (0..12u8).prop_map(|n| vec![("anonymous_id", format!("a{n}"))]),
        (0..12u8, 0..12u8).prop_map(|(a, u)| vec![("anonymous_id", format!("a{a}")), ("user_id", format!("u{u}"))]),
    ];
    let row = (key, 0..4u8, any::<bool>());
    // Times are distinct, because the order of equal ones is that of arrival, which a shuffle changes.
    prop::collection::vec(row, 1..60).prop_map(|rows| {
        let row = |(at, (keys, event, id)): (i64, (Keys, u8, bool))| {
            let at = at * 1_000_000;
            Row { keys, event: format!("e{event}"), at, id: id.then(|| format!("m{at}")) }
        };
        (0i64..).zip(rows).map(row).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn any_split_and_order_of_imports_gives_the_same_journeys(rows in rows(), parts in 1usize..4, seed in any::<u64>()) {
        runtime().block_on(async {
            let (whole, split) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
            let imported = import(whole.path(), &rows).await;
            prop_assert_eq!(imported.events, rows.len() as u64);
            let mut shuffled = rows.clone();
            shuffled.sort_by_key(|row| (row.at.cast_unsigned() / 1_000_000).wrapping_mul(seed | 1).rotate_left(17));
            let mut events = 0;
            for part in shuffled.chunks(shuffled.len().div_ceil(parts)) {
                events += import(split.path(), part).await.events;
            }
            prop_assert_eq!(events, rows.len() as u64);
            let expected = sequences(whole.path()).await;
            prop_assert_eq!(&sequences(split.path()).await, &expected);
            prop_assert_eq!(expected.iter().map(|(s, n)| s.len() as u64 * n).sum::<u64>(), rows.len() as u64);
            Ok(())
        })?;
    }

    #[test]
    fn the_same_events_twice_are_once(rows in rows()) {
        runtime().block_on(async {
            let home = tempfile::tempdir().expect("a folder");
            // Equal rows in one file are different events; the file again brings nothing new.
            let mut doubled = rows.clone();
            doubled.extend(rows.iter().filter(|row| row.id.is_none()).cloned());
            prop_assert_eq!(import(home.path(), &doubled).await.events, doubled.len() as u64);
            let before = sequences(home.path()).await;
            let again = import(home.path(), &doubled).await;
            prop_assert_eq!((again.events, again.duplicates), (0, doubled.len() as u64));
            prop_assert_eq!(sequences(home.path()).await, before);
            Ok(())
        })?;
    }
}

#[test]
fn a_customer_that_is_known_only_later_gets_the_earlier_events() {
    runtime().block_on(async {
        let home = tempfile::tempdir().expect("a folder");
        let row = |keys: &[(&'static str, &str)], event: &str, at| Row {
            keys: keys.iter().map(|(kind, value)| (*kind, (*value).to_owned())).collect(),
            event: event.into(),
            at,
            id: None,
        };
        import(home.path(), &[row(&[("user_id", "u")], "b", 2), row(&[("anonymous_id", "a")], "a", 1)]).await;
        assert_eq!(sequences(home.path()).await.len(), 2, "nothing links them yet");
        import(home.path(), &[row(&[("user_id", "u"), ("anonymous_id", "a")], "c", 3)]).await;
        let all = sequences(home.path()).await;
        let expected = vec![("a".to_owned(), 1), ("b".to_owned(), 2), ("c".to_owned(), 3)];
        assert_eq!(all.into_keys().collect::<Vec<_>>(), [expected]);
    });
}
