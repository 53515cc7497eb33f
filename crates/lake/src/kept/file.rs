//! The files in which answers are kept: `kept/NAME` in the home, of which the oldest in use make room.
//!
//! A mark, a hash of all that follows, the length of the head, the head, and what each group's fold has kept.

use std::fs::File;
use std::io::{Error, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use journey::Dues;
use rapidhash::v3::{DEFAULT_RAPID_SECRETS, RapidStreamHasherV3, rapidhash_v3};
use serde::{Deserialize, Serialize};

use crate::ask::LeftOut;
use crate::error;
use crate::kept::Mark;
use crate::limits::KEPT_BYTES_MAX;
use crate::waiting::Renamed;

/// The format of what is kept. What was kept in another one is not looked at.
pub(super) const FORMAT: u32 = 4;

/// What a file begins with.
const BEGINS: &[u8; 8] = b"DLKEPT01";

/// The file that is locked by whoever keeps or clears away.
const LOCK: &str = "lock";

/// How many drafts this process has begun, so that each has a name of its own.
static DRAFTS: AtomicU64 = AtomicU64::new(0);

/// Where the head begins.
const HEAD_AT: usize = 24;

/// Of a file's head, enough to know which state of the lake it is about.
const MARK_BYTES: u64 = 1 << 10;

/// All that is kept beside what folds have counted.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Head {
    /// Of what, hashed.
    pub(super) name: String,
    pub(crate) mark: Mark,
    /// Whose rows were filed under somebody else.
    pub(crate) renamed: Renamed,
    /// The names of moments, by number.
    pub(super) moments: Vec<Arc<str>>,
    /// Other words, by number.
    pub(super) words: Vec<Arc<str>>,
    pub(crate) left_out: Vec<LeftOut>,
    pub(crate) dues: Dues,
    /// By group: how many bytes its fold has kept.
    pub(super) lengths: Vec<usize>,
}

fn folder(home: &Path) -> PathBuf {
    home.join("kept")
}

/// What is kept under a name: its file, and the head of it with where it ends.
pub(super) fn read(home: &Path, name: &str) -> Option<(Vec<u8>, Head, usize)> {
    let file = std::fs::read(folder(home).join(name)).ok()?;
    let rest = file.strip_prefix(BEGINS)?;
    let (hash, rest) = rest.split_first_chunk::<8>()?;
    if rapidhash_v3(rest) != u64::from_le_bytes(*hash) {
        return None;
    }
    let (length, rest) = rest.split_first_chunk::<8>()?;
    let head = rest.get(..usize::try_from(u64::from_le_bytes(*length)).ok()?)?;
    let end = HEAD_AT + head.len();
    let head: Head = postcard::from_bytes(head).ok().filter(|head: &Head| head.name == name)?;
    Some((file, head, end))
}

/// Says that a file was of use. That it cannot be said makes it older than it is.
pub(super) fn used(home: &Path, name: &str) {
    let _ = File::open(folder(home).join(name)).and_then(|file| file.set_modified(SystemTime::now()));
}

/// Writes what is kept under a name, unless somebody has committed in the meantime: the customers who were erased then may
/// be in it.
pub(super) fn write(home: &Path, head: &Head, groups: &[Vec<u8>], is_latest: impl Fn() -> bool) -> Result<(), Error> {
    let name = &head.name;
    let head = postcard::to_stdvec(head).map_err(|error| Error::new(ErrorKind::InvalidData, error))?;
    let bytes = HEAD_AT + head.len() + groups.iter().map(Vec::len).sum::<usize>();
    if bytes as u64 > KEPT_BYTES_MAX {
        return Ok(());
    }
    let length = (head.len() as u64).to_le_bytes();
    let mut hasher = RapidStreamHasherV3::new(&DEFAULT_RAPID_SECRETS);
    [&length[..], &head].into_iter().chain(groups.iter().map(Vec::as_slice)).for_each(|part| hasher.write(part));
    let folder = folder(home);
    std::fs::create_dir_all(&folder)?;
    let number = DRAFTS.fetch_add(1, Ordering::Relaxed);
    let draft = folder.join(format!("{name}.{}-{number}.tmp", std::process::id()));
    let mut file = File::create(&draft)?;
    let parts = [&BEGINS[..], &hasher.finish().to_le_bytes(), &length, &head];
    let written = parts.into_iter().chain(groups.iter().map(Vec::as_slice)).try_for_each(|part| file.write_all(part));
    let put = written.and_then(|()| {
        let _lock = lock(&folder)?;
        if is_latest() { std::fs::rename(&draft, folder.join(name)) } else { Err(ErrorKind::Other.into()) }
    });
    if put.is_err() {
        let _ = std::fs::remove_file(&draft);
    }
    make_room(&folder)?;
    put
}

/// Deletes what was used least lately, until the rest is no more than may be kept.
fn make_room(folder: &Path) -> Result<(), Error> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_name() == LOCK {
            continue;
        }
        let metadata = entry.metadata()?;
        files.push((std::cmp::Reverse(metadata.modified()?), metadata.len(), entry.path()));
    }
    files.sort();
    let mut bytes = 0;
    for (_, size, path) in files {
        bytes += size;
        if bytes > KEPT_BYTES_MAX {
            std::fs::remove_file(path)?;
        }
    }
    Ok(())
}

/// Between whoever keeps and whoever clears away.
fn lock(folder: &Path) -> Result<File, Error> {
    let file = File::create(folder.join(LOCK))?;
    file.lock()?;
    Ok(file)
}

/// Where answers are kept, from the home.
pub(crate) fn names(home: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(folder(home)) else { return Vec::new() };
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let mut names: Vec<String> = names.filter(|name| name != LOCK).map(|name| format!("kept/{name}")).collect();
    names.sort();
    names
}

/// Deletes what was counted before rows were put in other places or taken out: it may tell of somebody who is erased, and is
/// void in any case. So is what was counted of a later state than this `version`, which only an older lake put in the place of
/// another one can have. Only for who has the right to write.
pub(crate) fn sweep(home: &Path, version: u64, refiled: Option<i64>) -> Result<(), error::Error> {
    delete(home, |path| mark_of(path).is_none_or(|mark| mark.refiled != refiled || mark.version > version))
}

/// Deletes all that is kept.
pub(crate) fn forget(home: &Path) -> Result<(), error::Error> {
    delete(home, |_| true)
}

fn delete(home: &Path, is_void: impl Fn(&Path) -> bool) -> Result<(), error::Error> {
    let folder = folder(home);
    let names = names(home);
    if names.is_empty() {
        return Ok(());
    }
    let _lock = lock(&folder).map_err(error::Error::file("lock", &folder))?;
    for path in names.iter().map(|name| home.join(name)) {
        // Whoever is still at work on a draft finds that it is gone, and keeps nothing.
        let draft = path.extension().is_some();
        if draft || is_void(&path) {
            match std::fs::remove_file(&path) {
                Err(error) if error.kind() != ErrorKind::NotFound => {
                    return Err(error::Error::file("delete", &path)(error));
                }
                _ => {}
            }
        }
    }
    Ok(())
}

/// Which state of the lake a file is about; `None` where that cannot be told.
fn mark_of(path: &Path) -> Option<Mark> {
    let mut bytes = Vec::new();
    File::open(path).ok()?.take(MARK_BYTES).read_to_end(&mut bytes).ok()?;
    let head = bytes.strip_prefix(BEGINS)?.get(HEAD_AT - BEGINS.len()..)?;
    postcard::take_from_bytes::<(&str, Mark)>(head).ok().map(|((_, mark), _)| mark)
}
