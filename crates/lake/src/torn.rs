//! What a power cut leaves of a log: a last commit, or a checkpoint, that was not on the disk yet.
//!
//! A commit is made durable before anybody is told of it and before the files that it replaces are deleted
//! ([`durable`]), so one that is torn was never answered, and everything before it still holds: it is put aside.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::kept;

/// Tables whose logs are looked at.
const TABLES: [&str; 3] = ["events", "customers", "links"];

fn log_of(table: &Path) -> PathBuf {
    table.join("_delta_log")
}

fn sync(path: &Path) -> Result<(), Error> {
    File::open(path).and_then(|file| file.sync_all()).map_err(Error::file("sync", path))
}

/// Makes this commit of a table durable, and the checkpoint that may have been made of it.
pub(crate) fn durable(table: &Path, version: u64) -> Result<(), Error> {
    let log = log_of(table);
    sync(&log.join(format!("{version:020}.json")))?;
    let checkpoint = log.join(format!("{version:020}.checkpoint.parquet"));
    if checkpoint.exists() {
        sync(&checkpoint)?;
        // Whoever was killed before it was written left none, and none is needed: checkpoints are looked for then.
        let last = log.join(LAST_CHECKPOINT);
        if last.exists() {
            sync(&last)?;
        }
    }
    sync(&log)
}

const LAST_CHECKPOINT: &str = "_last_checkpoint";

/// Of which version the last checkpoint of a log is.
pub(crate) fn last_checkpoint(log: &Path) -> Option<u64> {
    let text = std::fs::read(log.join(LAST_CHECKPOINT)).ok()?;
    serde_json::from_slice::<serde_json::Value>(&text).ok()?.get("version")?.as_u64()
}

/// The latest version of a log, where no commit after this one says a number of this name; `None` where one does, or may have gone
/// again.
pub(crate) fn unsaid_until(log: &Path, mut version: u64, number: &str) -> Result<Option<u64>, Error> {
    loop {
        let next = log.join(format!("{:020}.json", version + 1));
        match std::fs::read_to_string(&next) {
            Ok(commit) if commit.contains(&format!("\"{number}\"")) => return Ok(None),
            Ok(_) => version += 1,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(is_latest(log, version)?.then_some(version));
            }
            Err(error) => return Err(Error::file("read", &next)(error)),
        }
    }
}

/// Whether nobody has committed to a log after this version.
pub(crate) fn is_latest(log: &Path, version: u64) -> Result<bool, Error> {
    let next = log.join(format!("{:020}.json", version + 1));
    // The next one may have gone again; then there is a checkpoint of it, or of a later one.
    let checkpoint = last_checkpoint(log).is_some_and(|last| last > version);
    Ok(!checkpoint && !next.try_exists().map_err(Error::file("look for", &next))?)
}

/// Whether the end of any log of a lake is torn. Whoever writes puts whole files into a log, so nobody is at work on it.
pub(crate) fn is_torn(lake: &Path) -> Result<bool, Error> {
    for table in TABLES {
        if !torn(&log_of(&lake.join(table)))?.is_empty() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The commits and checkpoints that were put aside, in order of their names.
pub(crate) fn put_aside(lake: &Path) -> Vec<PathBuf> {
    let entries = TABLES.iter().filter_map(|table| std::fs::read_dir(log_of(&lake.join(table))).ok()).flatten();
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let mut aside: Vec<PathBuf> = paths.filter(|path| path.extension().is_some_and(|end| end == TORN)).collect();
    aside.sort();
    aside
}

/// How the names of those end.
const TORN: &str = "torn";

/// Puts aside what is torn: only for who has the right to write.
pub(crate) fn mend(lake: &Path) -> Result<(), Error> {
    for table in TABLES {
        for path in torn(&log_of(&lake.join(table)))? {
            let mut aside = path.clone().into_os_string();
            aside.push(".");
            aside.push(TORN);
            std::fs::rename(&path, &aside).map_err(Error::file("put aside", &path))?;
            // It may have been counted already; the next commit gets the same number.
            lake.parent().map_or(Ok(()), kept::forget)?;
        }
    }
    Ok(())
}

/// The last commit of a log and its last checkpoint, where they are not whole.
fn torn(log: &Path) -> Result<Vec<PathBuf>, Error> {
    let entries = match std::fs::read_dir(log) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Error::file("read the folder", log)(error)),
    };
    let (mut commit, mut checkpoint) = (None, None);
    for name in entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()) {
        let (version, kind) = name.split_once('.').unwrap_or((&name, ""));
        if version.len() != 20 || !version.bytes().all(|byte| byte.is_ascii_digit()) {
            continue;
        }
        match kind {
            "json" => commit = commit.max(Some(name)),
            "checkpoint.parquet" => checkpoint = checkpoint.max(Some(name)),
            _ => {}
        }
    }
    let (mut torn, mut of_torn) = (Vec::new(), None);
    if let Some(name) = commit {
        let path = log.join(&name);
        let bytes = std::fs::read(&path).map_err(Error::file("read", &path))?;
        if !is_whole(&bytes) {
            torn.push(path);
            of_torn = Some(name.replace("json", "checkpoint.parquet"));
        }
    }
    if let Some((path, name)) = checkpoint.map(|name| (log.join(&name), name))
        && (of_torn == Some(name) || !ends_as_parquet(&path).map_err(Error::file("read", &path))?)
    {
        torn.push(path);
        // It says which checkpoint is the last one; without it they are looked for.
        torn.extend(Some(log.join(LAST_CHECKPOINT)).filter(|path| path.exists()));
    }
    Ok(torn)
}

/// Whether a file ends as Parquet does; the beginning of a large one is not read.
fn ends_as_parquet(path: &Path) -> std::io::Result<bool> {
    let mut file = File::open(path)?;
    let mut end = [0; 4];
    if file.metadata()?.len() < end.len() as u64 {
        return Ok(false);
    }
    file.seek(SeekFrom::End(-4))?;
    file.read_exact(&mut end)?;
    Ok(end == *b"PAR1")
}

/// Where a commit says how many lines it has.
pub(crate) const LINES: &str = "lines";

/// Whether a commit is there to its end. Ours say in their first line how many they have; of others every line has to be one.
fn is_whole(commit: &[u8]) -> bool {
    let mut lines =
        commit.trim_ascii_end().split(|byte| *byte == b'\n').map(serde_json::from_slice::<serde_json::Value>);
    let first = lines.next().and_then(Result::ok);
    let Some(first) = first else { return false };
    let Ok(rest) = lines.collect::<Result<Vec<_>, _>>() else { return false };
    let says = first.get("commitInfo").and_then(|info| info.get(LINES)?.as_u64());
    says.is_none_or(|lines| lines == rest.len() as u64 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commit_is_whole_to_its_last_line_alone() {
        let ours = b"{\"commitInfo\":{\"lines\":3}}\n{\"remove\":{}}\n{\"txn\":{}}";
        for end in 0..ours.len() {
            assert!(!is_whole(&ours[..end]), "{}", String::from_utf8_lossy(&ours[..end]));
        }
        assert!(is_whole(ours));
        // Others end every line, and say nothing of their number.
        assert!(is_whole(b"{\"commitInfo\":{}}\n{\"add\":{}}\n"));
        assert!(!is_whole(b"{\"commitInfo\":{}}\n{\"add\":") && !is_whole(b"") && !is_whole(b"\n"));
    }
}
