//! A disk that is full: nothing that was answered is lost, reading goes on, and writing does when there is room.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;

use keep::{Change, Commit, Customer, Embedded, EmbeddedOptions, Error, Keep, MessageId, StateChange, Version, Wanted};

use testkit::SmallDisk;

use super::{NOW_US, log, one};

/// Bytes that do not compress.
fn noise(seed: u64, bytes: usize) -> Vec<u8> {
    let mut word = seed;
    let next = || {
        word = word.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        word.to_le_bytes()[7]
    };
    std::iter::repeat_with(next).take(bytes).collect()
}

fn large(n: u64) -> Commit {
    let message = format!("message {n}");
    let mut commit = one(i64::try_from(n).unwrap(), &message, Version::NONE, "state");
    commit.entries[0].bytes = [message.as_bytes(), b" ", &noise(n, 200_000)].concat();
    commit
}

fn number(entry: &str) -> u64 {
    entry.split(' ').nth(1).unwrap().parse().unwrap()
}

#[tokio::test]
async fn writing_goes_on_when_there_is_room_again() {
    goes_on(EmbeddedOptions::default()).await;
}

#[tokio::test]
async fn so_it_does_when_there_was_none_for_the_tables() {
    goes_on(EmbeddedOptions { fresh_bytes: 2 << 20, ..EmbeddedOptions::default() }).await;
}

/// More and more of the states on the disk are replaced ones: writing new files without them takes room.
#[tokio::test]
async fn no_state_is_lost_when_there_was_none_to_reclaim_some() {
    let Some(disk) = SmallDisk::new(160) else { return };
    let filler = disk.path().join("filler");
    std::fs::write(&filler, vec![1; 100 << 20]).unwrap();
    let home = disk.path().join("home");
    let options = EmbeddedOptions { fresh_bytes: 2 << 20, ..EmbeddedOptions::default() };
    let mut keep = Embedded::open(&home, options).unwrap();
    // What each state may be: as it was answered last, or as it was tried since.
    let mut states: BTreeMap<i64, Vec<Vec<u8>>> = BTreeMap::new();
    let (mut refused, mut written) = (0, 0);
    for n in 0..2_000_u64 {
        // In no order, so that no file is of no use at all: 35 MB that are, and as much again before it is made less.
        let customer = i64::try_from(n.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32).unwrap() % 175;
        let wanted = Wanted { customers: vec![Customer(customer)], ..Wanted::default() };
        let loaded = keep.load(&wanted).await.expect("reading goes on");
        let may_be = states.entry(customer).or_insert_with(|| vec![vec![]]);
        assert!(may_be.contains(&loaded.states[0].bytes), "{n}");
        let state = noise(n, 200_000);
        let change = Change::Put(state.clone());
        let changes = vec![StateChange { customer: Customer(customer), expected: loaded.states[0].version, change }];
        match keep.commit(Commit { now_us: NOW_US, states: changes, ..Commit::default() }).await {
            Ok(_) => {
                *may_be = vec![state];
                written += usize::from(refused == 20);
            }
            Err(Error::Full | Error::Unavailable { .. }) => {
                may_be.push(state);
                refused += 1;
                assert!(refused <= 20, "there is room again");
            }
            Err(error) => panic!("{error:?}"),
        }
        if refused == 20 && filler.exists() {
            std::fs::remove_file(&filler).unwrap();
        }
        if written > 0 && written % 200 == 0 {
            keep.close().await;
            keep = Embedded::open(&home, options).unwrap();
        }
    }
    assert!(refused == 20 && written > 1_000, "{refused} refused, {written} written since");
}

/// A file that takes all the room of a disk but this much.
fn filler(disk: &SmallDisk, left: u64) -> std::path::PathBuf {
    let path = disk.path().join("filler");
    let mut file = std::fs::File::create(&path).unwrap();
    while file.write_all(&[1; 1 << 12]).is_ok() {}
    file.set_len(file.metadata().unwrap().len() - left).unwrap();
    path
}

/// Message ids whose time is over go with their table, and before that everything is put into the tables, which takes room.
#[tokio::test]
async fn what_is_written_is_answered_also_where_there_is_no_room_to_forget_messages() {
    let Some(disk) = SmallDisk::new(160) else { return };
    let options = EmbeddedOptions { messages_known_us: 1_000_000, ..EmbeddedOptions::default() };
    let keep = Embedded::open(disk.path().join("home"), options).unwrap();
    for n in 0..100 {
        keep.commit(large(n)).await.unwrap();
    }
    let filler = filler(&disk, 4 << 20);
    let later = |n| Commit { now_us: NOW_US + 10_000_000, ..large(n) };
    keep.commit(later(100)).await.expect("it is written");
    let full = keep.commit(later(101)).await;
    assert!(matches!(full, Err(Error::Full)), "{full:?}");
    std::fs::remove_file(filler).unwrap();
    for n in 102..105 {
        keep.commit(later(n)).await.expect("there is room again");
    }
    keep.copy_to(&disk.path().join("copy")).await.expect("there is room for a copy");
    let numbers: Vec<u64> = log(&keep).await.iter().map(|(_, entry)| number(entry)).collect();
    assert_eq!(numbers, (0..=100).chain(102..105).collect::<Vec<_>>(), "each is there once");
}

async fn goes_on(options: EmbeddedOptions) {
    let open = |folder: &Path| Embedded::open(folder, options).unwrap();
    let Some(disk) = SmallDisk::new(160) else { return };
    let filler = disk.path().join("filler");
    std::fs::write(&filler, vec![1; 100 << 20]).unwrap();
    let home = disk.path().join("home");
    let keep = open(&home);
    let mut answered = Vec::new();
    let mut refused = 0;
    let mut n = 0;
    while refused < 5 {
        assert!(n < 2_000, "60 MiB hold 200 kB no more than 300 times");
        match keep.commit(large(n)).await {
            Ok(_) => answered.push(n),
            Err(Error::Full | Error::Unavailable { .. }) => refused += 1,
            Err(error) => panic!("{error:?}"),
        }
        n += 1;
    }
    assert!(answered.len() > 20, "{}", answered.len());
    let full = keep.commit(large(n)).await;
    assert!(matches!(full, Err(Error::Full)), "{full:?}");
    let wanted =
        Wanted { customers: vec![Customer(3)], messages: vec![MessageId::of(b"message 3")], ..Wanted::default() };
    let loaded = keep.load(&wanted).await.expect("reading goes on");
    assert_eq!((loaded.known[0], loaded.states[0].bytes.as_slice()), (true, &b"state"[..]));

    std::fs::remove_file(filler).unwrap();
    for m in n + 1..n + 20 {
        keep.commit(large(m)).await.expect("there is room again");
        answered.push(m);
    }
    for opened in 0..2 {
        let reopened;
        let keep: &dyn Keep = if opened == 0 {
            &keep
        } else {
            keep.close().await;
            reopened = open(&home);
            &reopened
        };
        let numbers: Vec<u64> = log(keep).await.iter().map(|(_, entry)| number(entry)).collect();
        let there: std::collections::BTreeSet<_> = numbers.iter().copied().collect();
        assert_eq!(there.len(), numbers.len(), "none twice");
        assert!(answered.iter().all(|n| there.contains(n)), "none lost");
    }
}
