//! A power cut in the middle of writing: the last batch, which nobody was told of, is there in part.

use std::fs;
use std::path::{Path, PathBuf};

use keep::{Embedded, EmbeddedOptions, Error, Keep, Version};

use super::{log, one, open};

const COMMITS: usize = 6;

/// The folder as it is on the disk, and where the last batch of its journal begins and ends.
struct Image {
    folder: tempfile::TempDir,
    begin: usize,
    end: usize,
}

fn journal(folder: &Path) -> PathBuf {
    let files = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    files.filter(|path| path.extension().is_some_and(|extension| extension == "journal")).max().unwrap()
}

fn written(folder: &Path) -> usize {
    fs::read(journal(folder)).unwrap().len()
}

fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    fs::create_dir_all(to)?;
    for file in fs::read_dir(from)? {
        let file = file?;
        let target = to.join(file.file_name());
        if file.file_type()?.is_dir() {
            copy(&file.path(), &target)?;
        } else {
            fs::copy(file.path(), target)?;
        }
    }
    Ok(())
}

async fn image() -> Image {
    let live = tempfile::tempdir().unwrap();
    let keep = open(live.path());
    let mut begin = 0;
    for n in 0..COMMITS {
        begin = written(live.path());
        let message = format!("{n} {}", "long ".repeat(50));
        keep.commit(one(i64::try_from(n).unwrap(), &message, Version::NONE, &"state".repeat(60))).await.unwrap();
    }
    // What is at work in there may take a file away meanwhile; then the copy is none of one moment.
    let folder = loop {
        let folder = tempfile::tempdir().unwrap();
        match copy(live.path(), folder.path()) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            copied => {
                copied.unwrap();
                break folder;
            }
        }
    };
    let end = written(folder.path());
    assert!(begin > 0 && end > begin + 300);
    Image { folder, begin, end }
}

/// A copy of the image whose journal was changed.
fn damaged(image: &Image, change: impl FnOnce(&mut Vec<u8>)) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    copy(image.folder.path(), folder.path()).unwrap();
    let path = journal(folder.path());
    let mut bytes = fs::read(&path).unwrap();
    change(&mut bytes);
    fs::write(path, bytes).unwrap();
    folder
}

/// It opens with all that was answered, goes on, and opens again.
async fn assert_whole(folder: &Path, commits: usize, what: &str) {
    for opened in 0..2 {
        let keep = open(folder);
        assert_eq!(log(&keep).await.len(), commits + opened, "{what}");
        let again = format!("again {opened}");
        keep.commit(one(100 + i64::try_from(opened).unwrap(), &again, Version::NONE, "s")).await.unwrap();
    }
}

#[tokio::test]
async fn a_batch_that_ends_too_early_is_as_if_it_had_not_been() {
    let image = image().await;
    assert_whole(damaged(&image, |_| {}).path(), COMMITS, "untouched").await;
    let length = image.end - image.begin;
    for cut in [0, 5, 14, length / 2, length - 13, length - 1] {
        let at = image.begin + cut;
        let short = damaged(&image, |journal| journal.truncate(at));
        assert_whole(short.path(), COMMITS - 1, &format!("cut off after {cut} of {length} bytes")).await;
        let zeros = damaged(&image, |journal| journal[at..].fill(0));
        assert_whole(zeros.path(), COMMITS - 1, &format!("zeros after {cut} of {length} bytes")).await;
    }
}

#[tokio::test]
async fn a_batch_with_a_hole_is_as_if_it_had_not_been() {
    let image = image().await;
    let length = image.end - image.begin;
    for at in [0, 13, 60, length / 2, length - 20] {
        // A disk writes no less than a sector; this is far less.
        let hole = image.begin + at..(image.begin + at + 40).min(image.end);
        let zeros = damaged(&image, |journal| journal[hole.clone()].fill(0));
        assert_whole(zeros.path(), COMMITS - 1, &format!("a hole at {at} of {length} bytes")).await;
        let noise = damaged(&image, |journal| journal[hole.clone()].fill(0xa7));
        assert_whole(noise.path(), COMMITS - 1, &format!("noise at {at} of {length} bytes")).await;
    }
}

#[tokio::test]
async fn damage_before_what_was_answered_is_an_error_and_cuts_off_nothing() {
    let image = image().await;
    for at in [5, 14, image.begin / 2, image.begin - 3] {
        let damaged = damaged(&image, |journal| journal[at] ^= 0x55);
        let before = fs::read(journal(damaged.path())).unwrap();
        let refused = Embedded::open(damaged.path(), EmbeddedOptions::default()).expect_err("it is damaged");
        assert!(matches!(refused, Error::Corrupt { .. }), "{refused:?}");
        assert!(fs::read(journal(damaged.path())).unwrap() == before);
    }
}

/// Numbers that look like chance: `SplitMix64`.
fn chance(seed: &mut u64) -> usize {
    *seed = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mixed = (*seed ^ (*seed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    usize::try_from((mixed ^ (mixed >> 31)) >> 33).unwrap()
}

#[tokio::test]
async fn whatever_is_changed_in_a_journal_it_opens_or_says_that_it_is_damaged() {
    let image = image().await;
    let mut opened = 0;
    for seed in 0..150 {
        let mut lots = seed;
        let damaged = damaged(&image, |journal| {
            for _ in 0..=chance(&mut lots) % 3 {
                let at = chance(&mut lots) % (image.end - 40);
                let many = chance(&mut lots) % 40;
                match chance(&mut lots) % 4 {
                    0 => journal[at] ^= 1 << (chance(&mut lots) % 8),
                    1 => journal[at..at + many].fill(u8::try_from(chance(&mut lots) % 256).unwrap()),
                    2 => drop(journal.drain(at..at + many)),
                    _ => journal.copy_within(at / 2..at / 2 + many, at),
                }
            }
        });
        match Embedded::open(damaged.path(), EmbeddedOptions::default()) {
            Ok(keep) => {
                opened += 1;
                assert!(log(&keep).await.len() <= COMMITS, "seed {seed}");
            }
            Err(error) => {
                let told =
                    matches!(error, Error::Corrupt { .. } | Error::NewerFormat { .. } | Error::OlderFormat { .. });
                assert!(told, "{seed}: {error:?}");
            }
        }
    }
    // What never happens proves nothing.
    assert!((5..145).contains(&opened), "{opened} of 150 opened");
}
