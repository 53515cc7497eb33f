//! The quarantine: rejected rows, from the import that rejects them until their customer is erased.
//!
//! They wait beside the import, and are put where people look for them when it is committed, so that they tell of the same
//! rows as the lake. Those of a live log are there just before the commit: a file is imported again where something went
//! wrong, but a log is not told again once its position has moved.
//!
//! A rejected row is no event, so nothing says for certain whom it names: with a customer goes every row in which one of its
//! keys stands as a word, however it was written. Rather one row too many than one too few.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use event::Event;
use listen::NamesNobody;

use crate::error::Error;
use crate::import::Rejected;

/// How much of a file's end is read first to find the rows that a log has there.
const END_BYTES: u64 = 64 << 10;

/// How much at most: a part of a log that was not handed over to its end, which takes up more here than there. So much is read
/// only where all of it may be of that part.
const END_BYTES_MAX: u64 = 256 << 20;

/// Rejected rows, one JSON object a line, in one file per input.
#[derive(Debug)]
pub(crate) struct Quarantine {
    /// Where they wait until the import is committed.
    waiting: PathBuf,
    folder: PathBuf,
    /// Whether rows come from a log, and are added to those that are there.
    adds: bool,
    /// The name of the input, and of the file for its rejected rows.
    input: String,
    name: String,
    open: Option<BufWriter<File>>,
    files: Vec<String>,
    /// By input and reason.
    counts: Rejected,
}

impl Quarantine {
    pub(crate) fn new(waiting: PathBuf, folder: PathBuf, adds: bool) -> Self {
        Self {
            waiting,
            folder,
            adds,
            input: String::new(),
            name: String::new(),
            open: None,
            files: Vec::new(),
            counts: BTreeMap::new(),
        }
    }

    pub(crate) fn begin(&mut self, name: &str) -> Result<(), Error> {
        self.close()?;
        let safe = |c: char| if c.is_alphanumeric() || "._-".contains(c) { c } else { '_' };
        let safe: String = name.chars().map(safe).collect();
        // Files of several folders may have the same name.
        let is_free = |name: &String| self.adds || !self.files.contains(name);
        self.name = numbered(&safe).find(is_free).expect("numbers do not end");
        name.clone_into(&mut self.input);
        Ok(())
    }

    fn close(&mut self) -> Result<(), Error> {
        if let Some(file) = self.open.take() {
            let path = self.waiting.join(&self.name);
            let file = file.into_inner().map_err(|e| Error::file("write", &path)(e.into_error()))?;
            file.sync_all().map_err(Error::file("sync", &path))?;
        }
        Ok(())
    }

    pub(crate) fn put(&mut self, reason: &str, line: u64, detail: &str, row: &[u8]) -> Result<(), Error> {
        let path = self.waiting.join(&self.name);
        if self.open.is_none() {
            std::fs::create_dir_all(&self.waiting).map_err(Error::file("make the folder", &self.waiting))?;
            let is_new = !self.files.contains(&self.name);
            let mut how = OpenOptions::new();
            let how = if is_new { how.write(true).create(true).truncate(true) } else { how.append(true) };
            self.open = Some(BufWriter::new(how.open(&path).map_err(Error::file("make", &path))?));
            if is_new {
                self.files.push(self.name.clone());
            }
        }
        *self.counts.entry(self.input.clone()).or_default().entry(reason.to_owned()).or_default() += 1;
        let record = serde_json::json!({
            "line": line, "reason": reason, "detail": detail, "row": String::from_utf8_lossy(row),
        });
        let file = self.open.as_mut().expect("opened above");
        writeln!(file, "{record}").map_err(Error::file("write", &path))
    }

    /// Puts the files where people look for them.
    pub(crate) fn finish(&mut self) -> Result<(Rejected, Vec<PathBuf>), Error> {
        self.close()?;
        let mut kept = Vec::new();
        for name in &self.files {
            std::fs::create_dir_all(&self.folder).map_err(Error::file("make the folder", &self.folder))?;
            let from = self.waiting.join(name);
            if self.adds {
                let to = self.folder.join(format!("{name}.jsonl"));
                add(&from, &to).map_err(Error::file("add to", &to))?;
                kept.push(to);
                continue;
            }
            // A file that was imported before gave the same rows; another one of this name did not.
            let free = |to: &PathBuf| !to.exists() || same_bytes(&from, to).unwrap_or(false);
            let mut places = numbered(name).map(|name| self.folder.join(format!("{name}.jsonl")));
            let to = places.find(free).expect("numbers do not end");
            std::fs::rename(&from, &to).and_then(|()| sync_name(&to)).map_err(Error::file("keep", &to))?;
            kept.push(to);
        }
        Ok((std::mem::take(&mut self.counts), kept))
    }
}

impl Drop for Quarantine {
    fn drop(&mut self) {
        // Rows of an import that was not completed. Left over, they would be of people whom nobody can erase.
        let _ = std::fs::remove_dir_all(&self.waiting);
    }
}

/// Adds rows of a log to a file, for good. Whoever added rows and did not come as far as the commit is told the same part of
/// the log again: what stands at the end of the file already is not added once more.
fn add(from: &Path, to: &Path) -> std::io::Result<()> {
    let rows = std::fs::read_to_string(from)?;
    let is_new = !to.exists();
    let mut file = OpenOptions::new().create(true).read(true).append(true).open(to)?;
    let end = rows_since(&mut file, rows.lines().next().and_then(line_of).unwrap_or_default())?;
    let there: BTreeSet<&[u8]> = end.split_inclusive(|byte| *byte == b'\n').collect();
    let new: String = rows.split_inclusive('\n').filter(|row| !there.contains(row.as_bytes())).collect();
    file.write_all(new.as_bytes())?;
    file.sync_all()?;
    if is_new { sync_name(to) } else { Ok(()) }
}

/// Has the name of a file be there after a power cut, and that of its folder, which may be new.
fn sync_name(path: &Path) -> std::io::Result<()> {
    path.ancestors().skip(1).take(2).try_for_each(|folder| File::open(folder)?.sync_all())
}

/// The end of a file, as far as rows may stand there that a log has at this line or later. A last row that was not written to
/// its end is cut off: it was never committed, and comes again.
fn rows_since(file: &mut File, line: u64) -> std::io::Result<Vec<u8>> {
    let (length, mut read) = (file.metadata()?.len(), END_BYTES);
    let mut after = None;
    loop {
        let begins = length.saturating_sub(read);
        file.seek(SeekFrom::Start(begins))?;
        let mut end = Vec::new();
        file.read_to_end(&mut end)?;
        let line_in = |row: &[u8]| line_of(std::str::from_utf8(row).ok()?);
        let mut rows = end.split_inclusive(|byte| *byte == b'\n');
        // The first one need not be whole.
        let first = rows.nth(1).and_then(line_in);
        let last = after.or_else(|| rows.rev().find_map(line_in));
        // Lines ascend, but where a log was set back: what stands before that is not of this log.
        let may_begin_before = first.is_none_or(|first| first >= line && last.is_none_or(|last| first <= last));
        if begins > 0 && read < END_BYTES_MAX && may_begin_before {
            (read, after) = (read * 2, first);
            continue;
        }
        let whole = end.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        if whole < end.len() {
            file.set_len(begins + whole as u64)?;
            end.truncate(whole);
        }
        return Ok(end);
    }
}

/// Where a row stands in its input.
fn line_of(row: &str) -> Option<u64> {
    serde_json::from_str::<serde_json::Value>(row).ok()?["line"].as_u64()
}

/// Why an event with these keys is not taken, and all it said: a row that other rows had a part in is not at hand any more.
pub(crate) fn names_nobody(event: &Event<'_>) -> NamesNobody {
    let keys: Vec<String> = event.keys.iter().map(|key| format!("{}={:?}", key.kind, key.value)).collect();
    let inner = |text: Option<&str>| text.and_then(|text| serde_json::from_str::<serde_json::Value>(text).ok());
    let row = serde_json::json!({
        "event": event.event, "keys": keys, "at": event.at.to_string(), "channel": event.channel,
        "source": event.source, "message_id": event.message_id, "resource": event.resource,
        "department": event.department, "case_id": event.case_id, "phase": event.phase,
        "properties": inner(event.properties), "traits": inner(event.traits),
    });
    NamesNobody { detail: format!("{} names nobody", keys.join(", ")), row: row.to_string() }
}

/// A name, then the same name with 2, 3 and so on.
fn numbered(name: &str) -> impl Iterator<Item = String> + '_ {
    std::iter::once(name.to_owned()).chain((2..).map(move |n: u64| format!("{name}.{n}")))
}

fn same_bytes(one: &Path, other: &Path) -> std::io::Result<bool> {
    let (one, other) = (File::open(one)?, File::open(other)?);
    if one.metadata()?.len() != other.metadata()?.len() {
        return Ok(false);
    }
    let (mut one, mut other) = (BufReader::new(one), BufReader::new(other));
    loop {
        let (a, b) = (one.fill_buf()?, other.fill_buf()?);
        let both = a.len().min(b.len());
        if a[..both] != b[..both] {
            return Ok(false);
        }
        if both == 0 {
            return Ok(a.is_empty() && b.is_empty());
        }
        one.consume(both);
        other.consume(both);
    }
}

/// Takes every line in which one of these values of keys stands out of the files of a folder; gives how many, and adds the files
/// to `places`.
pub(crate) fn erase(folder: &Path, values: &[&str], places: &mut Vec<String>) -> Result<u64, Error> {
    let names: Vec<Name> = values.iter().copied().map(Name::new).collect();
    let mut gone = 0;
    let Ok(entries) = std::fs::read_dir(folder) else { return Ok(0) };
    let mut paths: Vec<PathBuf> = entries.filter_map(|entry| entry.ok().map(|entry| entry.path())).collect();
    paths.sort();
    for path in paths {
        let text = std::fs::read_to_string(&path).map_err(Error::file("read", &path))?;
        let (theirs, others): (Vec<&str>, Vec<&str>) = text.lines().partition(|line| {
            let line = comparable(&plain(line));
            names.iter().any(|name| name.is_in(&line))
        });
        if theirs.is_empty() {
            continue;
        }
        gone += theirs.len() as u64;
        let temporary = path.with_extension("tmp");
        let mut file = std::fs::File::create(&temporary).map_err(Error::file("make", &temporary))?;
        for line in others {
            writeln!(file, "{line}").map_err(Error::file("write", &temporary))?;
        }
        file.sync_all().map_err(Error::file("sync", &temporary))?;
        std::fs::rename(&temporary, &path).and_then(|()| sync_name(&path)).map_err(Error::file("replace", &path))?;
        places.push(format!("quarantine/{}", path.file_name().unwrap_or_default().to_string_lossy()));
    }
    Ok(gone)
}

/// All texts of a line of a quarantine file; the line itself where it is not as we write it.
fn plain(line: &str) -> String {
    let Ok(serde_json::Value::Object(record)) = serde_json::from_str(line) else { return line.to_owned() };
    let texts: Vec<&str> = record.values().filter_map(serde_json::Value::as_str).collect();
    // A row of JSON or CSV has escapes of its own.
    let unescaped = texts.join("\n").replace("\\\"", "\"").replace("\"\"", "\"").replace("\\\\", "\\");
    format!("{}\n{unescaped}", texts.join("\n"))
}

/// A text as keys are compared: without regard to case, and to how space is written.
fn comparable(text: &str) -> String {
    text.to_lowercase().split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A key value as it may stand in a row.
struct Name {
    text: String,
    /// What a telephone number looks like whatever stands between its digits.
    digits: Option<String>,
}

/// Fewer digits than these are no telephone number.
const PHONE_DIGITS_MIN: usize = 6;

impl Name {
    fn new(value: &str) -> Self {
        let digits = value.strip_prefix('+').unwrap_or(value);
        let is_phone = digits.len() >= PHONE_DIGITS_MIN && digits.bytes().all(|b| b.is_ascii_digit());
        Self { text: comparable(value), digits: is_phone.then(|| digits.to_owned()) }
    }

    fn is_in(&self, line: &str) -> bool {
        stands_in(&self.text, line)
            || self.digits.as_ref().is_some_and(|digits| {
                let joined: String = line.replace("(0)", "").chars().filter(|c| !" +-./()".contains(*c)).collect();
                joined.contains(digits)
            })
    }
}

/// Whether a word stands in a line with no letter or digit before or after it.
fn stands_in(word: &str, line: &str) -> bool {
    let part_of_word = |c: char| c.is_alphanumeric();
    !word.is_empty()
        && line.match_indices(word).any(|(at, found)| {
            let before = line.get(..at).and_then(|before| before.chars().next_back());
            let after = line.get(at + found.len()..).and_then(|after| after.chars().next());
            !before.is_some_and(part_of_word) && !after.is_some_and(part_of_word)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows of about so many bytes, at these lines.
    fn rows(lines: std::ops::Range<u64>, bytes: usize) -> String {
        let row = |line| serde_json::json!({"line": line, "reason": "r", "detail": "", "row": "x".repeat(bytes)});
        lines.map(|line| row(line).to_string() + "\n").collect()
    }

    #[test]
    fn a_large_part_of_a_log_that_is_told_again_is_there_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let [from, to] = ["from", "to"].map(|name| folder.path().join(name));
        std::fs::write(&to, rows(0..100, 10)).expect("written");
        let told = |lines: std::ops::Range<u64>| {
            std::fs::write(&from, rows(lines, 10_000)).expect("written");
            add(&from, &to).expect("added");
        };
        told(100..700);
        // As it was, cut otherwise, and with more behind.
        for again in [100..700, 100..300, 300..900] {
            told(again);
        }
        let expected = rows(0..100, 10) + &rows(100..900, 10_000);
        assert!(std::fs::read_to_string(&to).expect("a file") == expected, "each row is there once, in order");
    }

    #[test]
    fn little_is_read_of_what_a_log_said_before_it_was_set_back() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("rows");
        std::fs::write(&path, rows(1_000..2_000, 1_000) + &rows(10..12, 1_000)).expect("written");
        let mut file = OpenOptions::new().read(true).write(true).open(&path).expect("a file");
        let end = rows_since(&mut file, 12).expect("read");
        assert_eq!(end.len() as u64, END_BYTES);
    }

    #[test]
    fn rows_that_name_a_key_go_however_it_was_written() {
        let folder = tempfile::tempdir().expect("a folder");
        let line =
            |row: &str| serde_json::json!({"line": 1, "reason": "no-time", "detail": "", "row": row}).to_string();
        let theirs = [
            "7,Visit,never",
            "x,ANN@Example.com,never",
            "x;+49 (0)30 / 123-456;never",
            r#"{"user_id":"O\"Hara","at":"never"}"#,
            r#""O""Hara",Visit,never"#,
        ];
        let others = ["77,Visit,never", "a7,Visit,never", "joann@example.community,never"];
        let text: Vec<String> = theirs.iter().chain(&others).map(|row| line(row)).collect();
        let path = folder.path().join("a.csv.jsonl");
        std::fs::write(&path, text.join("\n")).expect("written");
        let keys = ["7", "ann@example.com", "+4930123456", "O\"Hara"];
        let mut places = Vec::new();
        assert_eq!(erase(folder.path(), &keys, &mut places).expect("erased"), theirs.len() as u64);
        let left = std::fs::read_to_string(&path).expect("a file");
        assert_eq!(left.lines().collect::<Vec<_>>(), others.map(line));
        assert_eq!(places, ["quarantine/a.csv.jsonl"]);
    }
}
