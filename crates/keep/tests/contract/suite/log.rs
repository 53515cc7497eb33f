//! The log.

use std::collections::{BTreeMap, BTreeSet};

use keep::{Commit, Customer, Entry, Error, Fate, Logged};

use super::{NOW_US, commit, entry, erase};
use crate::homes::Home;

async fn texts(home: &Home, from: u64, limit: usize) -> Vec<(u64, String)> {
    let page = home.keep().log(from, limit).await.unwrap();
    page.into_iter().map(|logged| (logged.position, String::from_utf8(logged.bytes).unwrap())).collect()
}

/// Commits of 1, 2, 3 … entries, named by their positions.
async fn fill(home: &Home, commits: u64) -> u64 {
    let mut position = 0;
    for n in 1..=commits {
        let entries = (position..position + n).map(|at| entry(i64::try_from(at).unwrap(), &at.to_string())).collect();
        let committed = home.keep().commit(Commit { entries, ..commit() }).await.unwrap();
        assert_eq!(committed.position, position);
        position += n;
    }
    position
}

pub(crate) async fn positions_are_dense_and_in_order(home: &mut Home) {
    let next = fill(home, 5).await;
    assert_eq!(home.keep().log_span().await.unwrap(), 0..next);
    let all: Vec<_> = (0..next).map(|at| (at, at.to_string())).collect();
    assert_eq!(texts(home, 0, 1000).await, all);
    let nothing = home.keep().commit(commit()).await.unwrap();
    assert_eq!(nothing.position, next, "no entry, no position");
    let logged = &home.keep().log(3, 1).await.unwrap()[0];
    assert_eq!((logged.customer, logged.kind, logged.at_us, logged.erased), (Customer(3), 1, NOW_US, false));
}

pub(crate) async fn the_log_is_read_in_pages(home: &mut Home) {
    let next = fill(home, 6).await;
    for limit in [1, 2, 7, 100] {
        let mut from = 0;
        while from < next {
            let page = texts(home, from, limit).await;
            let expected: Vec<_> = (from..next).take(limit).map(|at| (at, at.to_string())).collect();
            assert_eq!(page, expected);
            from += page.len() as u64;
        }
        assert_eq!(texts(home, next, limit).await, vec![]);
        assert_eq!(texts(home, next + 5, limit).await, vec![]);
    }
    for (bytes, from) in [(1, 0), (1, 4), (1 << 20, 0), (1 << 20, 4)] {
        let (mut at, mut read) = (from, Vec::new());
        while at < next {
            for chunk in home.keep().chunks(at, bytes).await.unwrap() {
                let mut entry = |logged: Logged<&[u8]>| {
                    read.push((logged.position, String::from_utf8(logged.bytes.to_vec()).unwrap()));
                    Ok::<_, Error>(())
                };
                chunk.each(&mut entry).unwrap();
                at = chunk.end();
            }
        }
        assert_eq!(read, texts(home, from, 100).await);
        assert_eq!(home.keep().chunks(next, bytes).await.unwrap(), vec![]);
    }
}

pub(crate) async fn the_log_is_truncated_up_to_a_position(home: &mut Home) {
    let next = fill(home, 5).await;
    let keep = home.keep();
    // In the middle of the entries of one commit.
    keep.truncate(8).await.unwrap();
    assert_eq!(keep.log_span().await.unwrap(), 8..next);
    assert_eq!(texts(home, 8, 1).await, [(8, "8".to_owned())]);
    assert!(matches!(keep.log(7, 1).await, Err(Error::Truncated { first: 8 })));
    keep.truncate(3).await.expect("that was done already");
    assert_eq!(keep.log_span().await.unwrap(), 8..next);
    keep.truncate(next + 100).await.unwrap();
    assert_eq!(keep.log_span().await.unwrap(), next..next);
    let committed = keep.commit(Commit { entries: vec![entry(1, "more")], ..commit() }).await.unwrap();
    assert_eq!(committed.position, next, "positions go on where they were");
    assert_eq!(texts(home, next, 9).await, [(next, "more".to_owned())]);
}

/// Everything of some customers, read page by page, in order.
async fn texts_of(home: &Home, customers: &[i64], limit: usize) -> Vec<(u64, String)> {
    let customers: Vec<Customer> = customers.iter().copied().map(Customer).collect();
    let (mut all, mut before) = (Vec::new(), u64::MAX);
    loop {
        let page = home.keep().log_of(&customers, before, limit).await.unwrap();
        assert!(page.is_sorted_by(|a, b| a.position > b.position), "the newest first");
        let Some(last) = page.last() else { break };
        assert!(last.position < before, "no entry comes twice");
        before = last.position;
        all.extend(page.into_iter().map(|logged| (logged.position, String::from_utf8(logged.bytes).unwrap())));
    }
    all.reverse();
    all
}

pub(crate) async fn entries_are_found_by_whose_they_are(home: &mut Home) {
    // Three customers in turn, in commits of several entries.
    let whose = |position: u64| i64::try_from(position % 3).unwrap() - 1;
    let mut next = 0;
    for n in [1, 4, 2, 9, 1, 1, 5] {
        let entries = (next..next + n).map(|at| entry(whose(at), &at.to_string())).collect();
        home.keep().commit(Commit { entries, ..commit() }).await.unwrap();
        next += n;
    }
    let expected = |of: &[i64], from: u64| {
        let of: Vec<_> = (from..next).filter(|at| of.contains(&whose(*at))).map(|at| (at, at.to_string())).collect();
        of
    };
    for of in [&[][..], &[-1], &[1], &[0, -1], &[-1, 0, 1, 7], &[7]] {
        for limit in [1, 3, 100] {
            assert_eq!(texts_of(home, of, limit).await, expected(of, 0), "of {of:?}, {limit} at a time");
        }
    }
    home.keep().truncate(5).await.unwrap();
    assert_eq!(texts_of(home, &[0, 1], 2).await, expected(&[0, 1], 5));
    home.keep().truncate(11).await.unwrap();
    home.restart().await;
    assert_eq!(texts_of(home, &[0], 2).await, expected(&[0], 11), "in the middle of the entries of one commit");
    let keep = home.keep();
    erase(&*keep, &[1]).await;
    assert_eq!(texts_of(home, &[1], 9).await, vec![]);
    assert_eq!(texts_of(home, &[0, 1], 9).await, expected(&[0], 11));
}

pub(crate) async fn an_erasure_says_of_each_entry_what_becomes_of_it(home: &mut Home) {
    for texts in [&["1a", "1b", "2c", "1d", "3e"][..], &["1f"], &["2g", "1h", "1i"], &["1j"]] {
        let entries = texts.iter().map(|text| entry(text.get(..1).unwrap().parse().unwrap(), text)).collect();
        home.keep().commit(Commit { entries, ..commit() }).await.unwrap();
    }
    let is_now = async |home: &Home, expected: &[(i64, &[&str])]| {
        for limit in [1, 2, 100] {
            let mut all = Vec::new();
            for (customer, of) in expected {
                let found = texts_of(home, &[*customer], limit).await;
                assert_eq!(found.iter().map(|(_, text)| text.as_str()).collect::<Vec<_>>(), *of, "of {customer}");
                all.extend(found);
            }
            all.sort();
            assert_eq!(texts_of(home, &[1, 2, 3, 4], limit).await, all, "{limit} at a time");
        }
    };
    let under = |customer| Fate::FiledUnder(Customer(customer));
    let fates = [(1, Fate::Emptied), (3, under(2)), (5, under(4)), (7, Fate::Emptied), (8, under(1)), (99, under(1))];
    let erased = home.keep().erase(&[], &BTreeSet::new(), &BTreeMap::from(fates)).await.unwrap();
    assert_eq!(erased.entries, 2);
    is_now(home, &[(1, &["1a", "1i", "1j"]), (2, &["2c", "1d", "2g"]), (3, &["3e"]), (4, &["1f"])]).await;
    home.restart().await;
    // What is erased stays erased; what nothing is said of stays as it is, also in the same commit.
    let fates = [(1, under(2)), (0, Fate::Emptied), (7, Fate::Emptied), (8, Fate::Emptied)];
    assert_eq!(home.keep().erase(&[], &BTreeSet::new(), &BTreeMap::from(fates)).await.unwrap().entries, 2);
    is_now(home, &[(1, &["1j"]), (2, &["2c", "1d", "2g"]), (3, &["3e"]), (4, &["1f"])]).await;
    let log = home.keep().log(0, 100).await.unwrap();
    let erased: Vec<u64> = log.iter().filter(|logged| logged.erased).map(|logged| logged.position).collect();
    assert_eq!((log.len(), erased), (10, vec![0, 1, 7, 8]), "positions stay");
    home.keep().truncate(5).await.unwrap();
    is_now(home, &[(1, &["1j"]), (2, &["2g"]), (3, &[]), (4, &["1f"])]).await;
}

pub(crate) async fn entries_of_any_size_come_back(home: &mut Home) {
    let keep = home.keep();
    let mut word = 1_u64;
    let mut noise = |bytes: usize| -> Vec<u8> {
        let next = || {
            word = word.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            word.to_le_bytes()[7]
        };
        std::iter::repeat_with(next).take(bytes).collect()
    };
    let bodies = vec![
        Vec::new(),
        vec![0],
        noise(511),
        noise(100_000),
        vec![b'a'; 3_000_000],
        noise(3_000_000),
        noise(6_000_000),
        noise(9),
    ];
    let entries: Vec<_> = bodies.iter().map(|bytes| Entry { bytes: bytes.clone(), ..entry(1, "") }).collect();
    keep.commit(Commit { entries: entries[..4].to_vec(), ..commit() }).await.unwrap();
    keep.commit(Commit { entries: entries[4..].to_vec(), ..commit() }).await.unwrap();
    let mut back = Vec::new();
    let mut pages = 0;
    while back.len() < bodies.len() {
        back.extend(keep.log(back.len() as u64, 100).await.unwrap().into_iter().map(|logged| logged.bytes));
        pages += 1;
    }
    assert!(back == bodies);
    assert_eq!(pages, 2, "a page is bounded by its bytes");
}
