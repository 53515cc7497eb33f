//! A backup: a folder with everything of a home, and the list of its files. The list is written last, so half a backup has none.
//!
//! The lake is copied first, while nobody writes to it, and live state afterwards, as of one moment. So live state is never
//! behind the lake, and what the lake lacks is handed to it again when the restored home is served.

use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::future::BoxFuture;
use keep::Keep;
use lake::Lake;
use serde::{Deserialize, Serialize};
use serve::{Backup, Backups};
use sha2::{Digest, Sha256};

use crate::error::Error;
use crate::home::{Home, free_bytes};
use crate::live::LIVE;

/// The list of files, by whose name a whole backup is known.
const LIST: &str = "backup.json";
/// The folder in a home where a server makes backups, unless it is told otherwise.
pub(crate) const BACKUPS: &str = "backups";
/// The format of the list.
const FORMAT: u32 = 1;
/// The charter in a backup, wherever it lay.
const CHARTER: &str = "charter.yaml";
/// What is copied of a home besides its charter and live state. What was counted for answers is counted again.
const PARTS: [&str; 3] = ["lake", "quarantine", "imports.jsonl"];
/// What is being restored lies beside the home, under a name that ends like this, until all of it is there.
const UNFINISHED: &str = "restoring";
/// How long it is waited for somebody who writes to the lake.
const WAIT_MAX: Duration = Duration::from_mins(1);
const TRY_EVERY: Duration = Duration::from_millis(50);
/// Room that a backup leaves on its disk, in bytes: everything else goes on meanwhile.
const ROOM_LEFT: u64 = 32 << 20;

/// What a backup holds.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Contents {
    format: u32,
    /// The version of the program that made it.
    program: String,
    pub(crate) made_at: String,
    /// Whether live state is in it. In a database it is not, and has to be backed up there.
    pub(crate) live: bool,
    files: Vec<Listed>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Listed {
    path: String,
    bytes: u64,
    sha256: String,
}

impl Contents {
    /// How many files there are.
    pub(crate) fn files(&self) -> u64 {
        self.files.len() as u64
    }

    /// How large they are together.
    pub(crate) fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }

    /// Reads the list of a backup, which is whole if it has one.
    pub(crate) fn read(folder: &Path) -> Result<Self, Error> {
        let wrong = |what: String| Error::Input { path: folder.to_owned(), what };
        let text = std::fs::read(folder.join(LIST)).map_err(|error| match error.kind() {
            ErrorKind::NotFound if folder.is_dir() => wrong(format!(
                "this is no whole backup: `{LIST}`, which is written last, is not there; take another one, or make it again"
            )),
            _ => Error::unreadable(folder, &error),
        })?;
        let contents: Self =
            serde_json::from_slice(&text).map_err(|error| wrong(format!("`{LIST}` cannot be read: {error}")))?;
        if contents.format > FORMAT {
            return Err(wrong(format!(
                "it was made by a newer program, desireline {}: use that one",
                contents.program
            )));
        }
        Ok(contents)
    }
}

/// What is backed up.
#[derive(Debug, Clone)]
pub(crate) struct Whole {
    home: PathBuf,
    charter: Option<PathBuf>,
    /// Live state; `None` where there is none, or it is in a database.
    live: Option<Arc<dyn Keep>>,
}

impl Whole {
    pub(crate) fn new(home: &Home, live: Option<Arc<dyn Keep>>) -> Self {
        Self { home: home.path.clone(), charter: home.charter_path.clone(), live }
    }
}

/// Makes a backup in a folder that is empty or not there. Where that goes wrong the folder is as it was: half a backup is of no
/// use, and on the disk of the home it would leave no room for what comes in.
pub(crate) async fn make(whole: &Whole, to: &Path) -> Result<Contents, Error> {
    let is_new = !to.exists();
    std::fs::create_dir_all(to).map_err(Error::file("make the folder", to))?;
    if !is_empty(to)? {
        return Err(Error::Usage(format!("{} is not empty: name a folder that is, or a new one", to.display())));
    }
    let made = fill(whole, to).await;
    if made.is_err() {
        // What cannot be cleared has no list, so nobody takes it for a backup.
        let _ = clear(to, is_new);
    }
    made
}

/// Empties a folder, and removes it.
fn clear(folder: &Path, and_itself: bool) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() { std::fs::remove_dir_all(path)? } else { std::fs::remove_file(path)? }
    }
    if and_itself { std::fs::remove_dir(folder) } else { Ok(()) }
}

/// Refuses what does not fit, as far as can be told: until it failed, there would be no room for anything that comes in.
fn check_room(whole: &Whole, to: &Path) -> Result<(), Error> {
    let Some(free) = free_bytes(to) else { return Ok(()) };
    let parts = PARTS.into_iter().chain(whole.live.is_some().then_some(LIVE));
    let bytes: u64 = parts.map(|part| size(&whole.home.join(part))).sum();
    if bytes.saturating_add(ROOM_LEFT) <= free {
        return Ok(());
    }
    let (of, free) = (bytes.div_ceil(1 << 20), free >> 20);
    let what =
        format!("no room for a backup of {of} MiB: {free} MiB are free, of which it leaves some; name another folder");
    Err(Error::Input { path: to.to_owned(), what })
}

/// How large all files at a path are, about: some may come and go.
fn size(path: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(path) else { return std::fs::metadata(path).map_or(0, |file| file.len()) };
    entries.flatten().map(|entry| size(&entry.path())).sum()
}

async fn fill(whole: &Whole, to: &Path) -> Result<Contents, Error> {
    check_room(whole, to)?;
    let mut files = Vec::new();
    if let Some(charter) = &whole.charter {
        files.push(copy(charter, &to.join(CHARTER), CHARTER)?);
    }
    {
        let _nobody_writes = hold(&whole.home).await?;
        for part in PARTS {
            let from = whole.home.join(part);
            for path in files_under(&from)? {
                let name = name(part, &from, &path);
                files.push(copy(&path, &to.join(&name), &name)?);
            }
        }
    }
    if let Some(live) = &whole.live {
        let folder = to.join(LIVE);
        live.copy_to(&folder).await?;
        for path in files_under(&folder)? {
            files.push(list(&path, name(LIVE, &folder, &path))?);
        }
    }
    let contents = Contents {
        format: FORMAT,
        program: env!("CARGO_PKG_VERSION").to_owned(),
        made_at: jiff::Timestamp::now().to_string(),
        live: whole.live.is_some(),
        files,
    };
    let text = serde_json::to_string_pretty(&contents).expect("a list is valid JSON");
    write_whole(&to.join(LIST), text.as_bytes())?;
    Ok(contents)
}

/// Makes a home of a backup, where there is none yet. Until all of it is there and as it was, there is no home.
pub(crate) fn restore(from: &Path, home: &Path) -> Result<Contents, Error> {
    let contents = Contents::read(from)?;
    if home.exists() && !is_empty(home)? {
        let what = format!("{} is not empty: name a new home, as --home NEW", home.display());
        return Err(Error::Usage(what));
    }
    let staging = beside(home)?;
    let mark = staging.join(UNFINISHED);
    if staging.exists() {
        // Only what a restoring that was cut off has left is cleared away.
        if !mark.is_file() {
            return Err(Error::Usage(format!("{} is in the way: move it elsewhere", staging.display())));
        }
        std::fs::remove_dir_all(&staging).map_err(Error::file("clear", &staging))?;
    }
    std::fs::create_dir_all(&staging).map_err(Error::file("make the folder", &staging))?;
    write_whole(&mark, b"")?;
    for listed in &contents.files {
        let wrong = |what: &str| Error::Input { path: from.join(&listed.path), what: what.to_owned() };
        if !Path::new(&listed.path).components().all(|part| matches!(part, Component::Normal(_))) {
            return Err(wrong("this is no path in a backup"));
        }
        let source = from.join(&listed.path);
        if !source.is_file() {
            return Err(wrong("it is missing: the backup is not whole any more"));
        }
        let copied = copy(&source, &staging.join(&listed.path), &listed.path)?;
        if (copied.bytes, &copied.sha256) != (listed.bytes, &listed.sha256) {
            return Err(wrong("it is not as it was when the backup was made"));
        }
    }
    std::fs::remove_file(&mark).map_err(Error::file("delete", &mark))?;
    if home.exists() {
        std::fs::remove_dir(home).map_err(Error::file("replace", home))?;
    }
    std::fs::rename(&staging, home).map_err(Error::file("make", home))?;
    Ok(contents)
}

fn beside(home: &Path) -> Result<PathBuf, Error> {
    let name = home.file_name().ok_or_else(|| Error::Usage(format!("{} cannot be a new home", home.display())))?;
    let mut name = name.to_owned();
    name.push(".");
    name.push(UNFINISHED);
    Ok(home.with_file_name(name))
}

/// The right to write to the lake, so that nobody else does; `None` where there is no lake.
async fn hold(home: &Path) -> Result<Option<lake::Held>, Error> {
    let began = Instant::now();
    loop {
        let held = match Lake::open(home).await {
            Ok(mut lake) => lake.hold().await,
            Err(lake::Error::NoLake { .. }) => return Ok(None),
            Err(error) => Err(error),
        };
        match held {
            Err(lake::Error::Locked { .. }) if began.elapsed() < WAIT_MAX => tokio::time::sleep(TRY_EVERY).await,
            held => return Ok(Some(held?)),
        }
    }
}

fn is_empty(folder: &Path) -> Result<bool, Error> {
    let mut there = std::fs::read_dir(folder).map_err(Error::file("read the folder", folder))?;
    Ok(there.next().is_none())
}

/// All files at a path, which may be one itself or not be there, in order.
fn files_under(path: &Path) -> Result<Vec<PathBuf>, Error> {
    if path.is_file() {
        return Ok(vec![path.to_owned()]);
    }
    let mut found = Vec::new();
    let mut folders = if path.is_dir() { vec![path.to_owned()] } else { Vec::new() };
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).map_err(Error::file("read the folder", &folder))? {
            let path = entry.map_err(Error::file("read the folder", &folder))?.path();
            if path.is_dir() { folders.push(path) } else { found.push(path) }
        }
    }
    found.sort_unstable();
    Ok(found)
}

/// What a file is called in a backup, with slashes.
fn name(part: &str, from: &Path, path: &Path) -> String {
    let rest = path.strip_prefix(from).unwrap_or(Path::new(""));
    let rest = rest.components().map(|part| part.as_os_str().to_string_lossy());
    std::iter::once(part.into()).chain(rest).collect::<Vec<_>>().join("/")
}

/// Copies a file, and returns when it is on the disk.
fn copy(from: &Path, to: &Path, name: &str) -> Result<Listed, Error> {
    if let Some(folder) = to.parent() {
        std::fs::create_dir_all(folder).map_err(Error::file("make the folder", folder))?;
    }
    let mut target = File::create(to).map_err(Error::file("make", to))?;
    let listed = read(from, name.to_owned(), &mut |bytes| target.write_all(bytes).map_err(Error::file("write", to)))?;
    target.sync_all().map_err(Error::file("write", to))?;
    Ok(listed)
}

/// Lists a file that is there already, and returns when it is on the disk.
fn list(path: &Path, name: String) -> Result<Listed, Error> {
    let listed = read(path, name, &mut |_| Ok(()))?;
    File::open(path).and_then(|file| file.sync_all()).map_err(Error::file("write", path))?;
    Ok(listed)
}

fn read(path: &Path, name: String, see: &mut dyn FnMut(&[u8]) -> Result<(), Error>) -> Result<Listed, Error> {
    let mut file = File::open(path).map_err(Error::file("read", path))?;
    let (mut hash, mut bytes, mut buffer) = (Sha256::new(), 0, vec![0; 1 << 20]);
    loop {
        let n = file.read(&mut buffer).map_err(Error::file("read", path))?;
        if n == 0 {
            break;
        }
        hash.update(&buffer[..n]);
        see(&buffer[..n])?;
        bytes += n as u64;
    }
    let sha256 = hash.finalize().iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
    Ok(Listed { path: name, bytes, sha256 })
}

/// Writes a file so that it is there whole, or not at all, and durable.
fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let part = path.with_extension("part");
    let written = File::create(&part).and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()));
    written.and_then(|()| std::fs::rename(&part, path)).map_err(Error::file("write", path))?;
    let folder = path.parent().unwrap_or(Path::new("."));
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(Error::file("write", folder))
}

/// Backups of a server that runs, side by side in a folder.
#[derive(Debug)]
pub(crate) struct Shelf {
    pub(crate) whole: Whole,
    pub(crate) folder: PathBuf,
}

impl Backups for Shelf {
    fn make(&self, name: String) -> BoxFuture<'static, Result<Backup, String>> {
        let (whole, folder) = (self.whole.clone(), self.folder.join(&name));
        let runtime = tokio::runtime::Handle::current();
        // Copying would keep requests waiting.
        let making = move || {
            let made = runtime.block_on(make(&whole, &folder));
            made.map(|contents| shown(name, &folder, Some(&contents))).map_err(|error| error.in_full())
        };
        Box::pin(async move { tokio::task::spawn_blocking(making).await.map_err(|error| error.to_string())? })
    }

    fn list(&self) -> Result<Vec<Backup>, String> {
        let entries = match std::fs::read_dir(&self.folder) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(|error| error.to_string())?,
        };
        let folders = entries.filter_map(Result::ok).map(|entry| entry.path()).filter(|path| path.is_dir());
        let each = folders.filter_map(|folder| {
            let name = folder.file_name()?.to_string_lossy().into_owned();
            Some(shown(name, &folder, Contents::read(&folder).ok().as_ref()))
        });
        let mut all: Vec<Backup> = each.collect();
        all.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(all)
    }
}

fn shown(name: String, folder: &Path, contents: Option<&Contents>) -> Backup {
    Backup {
        name,
        folder: folder.display().to_string(),
        whole: contents.is_some(),
        made_at: contents.map(|contents| contents.made_at.clone()),
        live: contents.is_some_and(|contents| contents.live),
        files: contents.map_or(0, Contents::files),
        bytes: contents.map_or(0, Contents::bytes),
    }
}
