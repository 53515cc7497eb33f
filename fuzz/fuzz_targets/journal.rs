//! The journal of live state, as a disk may have left it: it opens, or says that it is damaged.
#![no_main]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use futures::executor::block_on;
use keep::{Commit, Customer, Embedded, EmbeddedOptions, Entry, Error, Keep};
use libfuzzer_sys::fuzz_target;

/// A home with two commits, whose journal is changed.
static HOME: LazyLock<(tempfile::TempDir, Vec<u8>)> = LazyLock::new(|| {
    let live = tempfile::tempdir().expect("a folder");
    let keep = Embedded::open(live.path(), EmbeddedOptions::default()).expect("a new home");
    for n in 0..2 {
        let entry = Entry { customer: Customer(n), kind: 1, at_us: n, bytes: vec![b'x'; 40] };
        block_on(keep.commit(Commit { entries: vec![entry], ..Commit::default() })).expect("there is room");
    }
    // As it is on the disk now: closing would write the tables.
    let image = tempfile::tempdir().expect("a folder");
    copy(live.path(), image.path());
    let path = journal(image.path());
    let mut bytes = fs::read(&path).expect("it is there");
    bytes.truncate(bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1));
    fs::write(path, &bytes).expect("there is room");
    (image, bytes)
});

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for file in fs::read_dir(from).expect("a folder") {
        let file = file.expect("it can be read");
        let target = to.join(file.file_name());
        if file.file_type().expect("it has one").is_dir() {
            copy(&file.path(), &target);
        } else {
            fs::copy(file.path(), target).expect("there is room");
        }
    }
}

fn journal(folder: &Path) -> PathBuf {
    let files = fs::read_dir(folder).expect("a folder").map(|file| file.expect("it can be read").path());
    files.filter(|path| path.extension().is_some_and(|end| end == "journal")).max().expect("a home has one")
}

fuzz_target!(|change: (u16, u16, Vec<u8>)| {
    let (image, bytes) = &*HOME;
    let (at, gone, new) = change;
    let at = usize::from(at) % (bytes.len() + 1);
    let end = (at + usize::from(gone)).min(bytes.len());
    let changed = [&bytes[..at], &new, &bytes[end..]].concat();
    let folder = tempfile::tempdir().expect("a folder");
    copy(image.path(), folder.path());
    fs::write(journal(folder.path()), changed).expect("there is room");
    match Embedded::open(folder.path(), EmbeddedOptions::default()) {
        Ok(keep) => assert!(block_on(keep.log(0, 10)).expect("it can be read").len() <= 2),
        Err(error) => assert!(matches!(error, Error::Corrupt { .. } | Error::NewerFormat { .. }), "{error:?}"),
    }
});
