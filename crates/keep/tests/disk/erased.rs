//! Erased customers leave no byte on the disk.

use std::path::{Path, PathBuf};

use keep::{
    Change, Commit, Customer, Embedded, EmbeddedOptions, Entry, Erased, Fate, Keep, Key, KeyNumber, Post, StateChange,
    Timer, Version,
};

use super::NOW_US;

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for file in std::fs::read_dir(folder).unwrap() {
        let file = file.unwrap();
        if file.file_type().unwrap().is_dir() { found.extend(files(&file.path())) } else { found.push(file.path()) }
    }
    found
}

/// The files in which these bytes occur. One that the store deletes meanwhile has none.
fn with(folder: &Path, bytes: &[u8]) -> Vec<PathBuf> {
    let read = |path: &PathBuf| match std::fs::read(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
        read => read.unwrap(),
    };
    let occurs = |path: &PathBuf| read(path).windows(bytes.len()).any(|window| window == bytes);
    files(folder).into_iter().filter(occurs).collect()
}

fn of(customer: i64, number: u32, name: &str, expected: Version) -> Commit {
    let bytes = name.as_bytes().to_vec();
    let number = KeyNumber(number);
    let customer = Customer(customer);
    Commit {
        now_us: NOW_US,
        entries: vec![Entry { customer, kind: 0, at_us: NOW_US, bytes: bytes.clone() }],
        states: vec![StateChange { customer, expected, change: Change::Put(bytes.clone()) }],
        keys: vec![Key { number, customer, bytes: bytes.clone() }],
        timers: vec![Timer {
            customer,
            id: bytes.clone(),
            due_us: NOW_US,
            bytes: bytes.clone(),
            was: keep::Was::Unset,
        }],
        posts: vec![Post { target: "crm".to_owned(), id: bytes.clone(), customer, due_us: NOW_US, bytes }],
        ..Commit::default()
    }
}

/// All entries of a customer, to be emptied.
/// Erases a customer with all that the log has of it.
pub(super) async fn erase(keep: &dyn Keep, customer: i64) -> Erased {
    let customers = [Customer(customer)];
    let found = keep.log_of(&customers, u64::MAX, 1_000).await.unwrap();
    let entries = found.into_iter().map(|logged| (logged.position, Fate::Emptied)).collect();
    let keys = keep.keys_of(&customers).await.unwrap().iter().map(|key| key.number).collect();
    keep.erase(&customers, &keys, &entries).await.unwrap()
}

#[tokio::test]
async fn no_file_holds_a_byte_of_the_erased() {
    leaves_no_byte(EmbeddedOptions::default()).await;
}

#[tokio::test]
async fn nor_does_one_where_each_commit_is_in_files_of_its_own() {
    leaves_no_byte(EmbeddedOptions { fresh_bytes: 1, ..EmbeddedOptions::default() }).await;
}

async fn leaves_no_byte(options: EmbeddedOptions) {
    let open = |folder: &Path| Embedded::open(folder, options).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let keep = open(folder.path());
    let mut last = Version::NONE;
    for round in 0..3 {
        // Replaced states lie in older files too.
        last = keep.commit(of(1, round, &format!("Rosalind Franklin {round}"), last)).await.unwrap().version;
    }
    keep.commit(of(2, 9, "Maurice Wilkins", Version::NONE)).await.unwrap();
    let found = keep.log_of(&[Customer(1)], u64::MAX, 1_000).await.unwrap();
    let place = |position: u64| [(1_u64 << 63 | 1).to_be_bytes(), (!position).to_be_bytes()].concat();
    let places = || found.iter().flat_map(|logged| with(folder.path(), &place(logged.position))).collect::<Vec<_>>();
    assert!(!with(folder.path(), b"Rosalind").is_empty() && !places().is_empty());
    erase(&keep, 1).await;
    assert_eq!(with(folder.path(), b"Rosalind"), Vec::<PathBuf>::new());
    assert_eq!(places(), Vec::<PathBuf>::new(), "where in the log the erased are");
    assert!(!with(folder.path(), b"Wilkins").is_empty());
    keep.close().await;
    drop(keep);
    let keep = open(folder.path());
    assert_eq!(with(folder.path(), b"Rosalind"), Vec::<PathBuf>::new());
    assert_eq!(keep.log_span().await.unwrap(), 0..4);
    assert_eq!(keep.keys(&[KeyNumber(1), KeyNumber(9)]).await.unwrap().len(), 1);
    // It goes on as if nothing had been: written to, closed, opened, and erased from again.
    for round in 10..13 {
        let (customer, name) = (i64::from(round), format!("Raymond Gosling {round}"));
        keep.commit(of(customer, round, &name, Version::NONE)).await.unwrap();
    }
    keep.close().await;
    drop(keep);
    let keep = open(folder.path());
    assert_eq!(keep.log_span().await.unwrap(), 0..7);
    erase(&keep, 10).await;
    keep.close().await;
    drop(keep);
    let keep = open(folder.path());
    keep.commit(of(14, 14, "John Randall", Version::NONE)).await.unwrap();
    keep.close().await;
    drop(keep);
    assert_eq!(open(folder.path()).log_span().await.unwrap(), 0..8);
    assert_eq!(with(folder.path(), b"Gosling 10"), Vec::<PathBuf>::new());
}
