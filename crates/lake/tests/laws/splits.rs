//! What must hold however events reach the lake: any split over imports and any order of them gives the same journeys, the same
//! events twice are once, and every event is somebody's.

use proptest::prelude::*;

use crate::home::{Keys, Row, import, runtime, sequences};

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
            Row { id: id.then(|| format!("m{at}")), ..Row::new(keys, &format!("e{event}"), at) }
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
        let row = |keys: &[(&'static str, &str)], event: &str, at| {
            Row::new(keys.iter().map(|(kind, value)| (*kind, (*value).to_owned())).collect(), event, at)
        };
        import(home.path(), &[row(&[("user_id", "u")], "b", 2), row(&[("anonymous_id", "a")], "a", 1)]).await;
        assert_eq!(sequences(home.path()).await.len(), 2, "nothing links them yet");
        import(home.path(), &[row(&[("user_id", "u"), ("anonymous_id", "a")], "c", 3)]).await;
        let all = sequences(home.path()).await;
        let expected = vec![("a".to_owned(), 1), ("b".to_owned(), 2), ("c".to_owned(), 3)];
        assert_eq!(all.into_keys().collect::<Vec<_>>(), [expected]);
    });
}
