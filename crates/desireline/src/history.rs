//! What was imported and rejected, import by import, so that the report can say what its figures rest on.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;

use serde_json::{Value, json};

use crate::commands::import::Done;
use crate::error::Error;

/// The file in the home, one JSON object per import and line.
const FILE: &str = "imports.jsonl";

/// Everything that was ever read into a home. A file that was imported again counts once, as it was last.
#[derive(Debug, Default)]
pub(crate) struct History {
    /// By file name: events and rejected rows.
    pub(crate) files: BTreeMap<String, (u64, u64)>,
    /// By reason: rejected rows of the files as they were last.
    pub(crate) rejected: BTreeMap<String, u64>,
    /// Events that came again and were not taken twice.
    pub(crate) duplicates: u64,
    /// Keys that are known.
    pub(crate) keys: u64,
    /// Links that were not followed.
    pub(crate) refused: u64,
}

/// Adds an import.
pub(crate) fn add(home: &Path, done: &Done) -> Result<(), Error> {
    let files: Vec<Value> = done
        .files
        .iter()
        .map(|file| {
            let rejected = done.imported.rejected.get(&file.name).cloned().unwrap_or_default();
            let mut record = file.read_as.json();
            record["name"] = json!(file.name);
            record["events"] = json!(file.events);
            record["rejected"] = json!(rejected);
            record
        })
        .collect();
    let record = json!({
        "at": jiff::Timestamp::now().to_string(),
        "files": files,
        "events": done.imported.events,
        "duplicates": done.imported.duplicates,
        "keys": done.imported.keys,
        "refused": done.imported.refused.len(),
    });
    let path = home.join(FILE);
    let open = OpenOptions::new().create(true).read(true).append(true).open(&path);
    add_line(&mut open.map_err(Error::file("open", &path))?, &record).map_err(Error::file("write", &path))
}

/// Adds a line at once, so that those of two imports that end together do not mix. One that was not written to its end, on a
/// full disk, is not gone on with.
fn add_line(file: &mut File, record: &Value) -> std::io::Result<()> {
    let mut last = [b'\n'];
    if file.seek(SeekFrom::End(0))? > 0 {
        file.seek(SeekFrom::End(-1))?;
        file.read_exact(&mut last)?;
    }
    let begin = if last == *b"\n" { "" } else { "\n" };
    file.write_all(format!("{begin}{record}\n").as_bytes())
}

fn records(home: &Path) -> Vec<Value> {
    // A line that ends within a letter is one that cannot be read, like any other.
    let text = std::fs::read(home.join(FILE)).unwrap_or_default();
    String::from_utf8_lossy(&text).lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

/// Every file of every import, in their order, as it was noted.
pub(crate) fn files(home: &Path) -> Vec<Value> {
    let of_record = |record: Value| record["files"].as_array().cloned().unwrap_or_default();
    records(home).into_iter().flat_map(of_record).collect()
}

/// Reads all imports of a home; a line that cannot be read is passed over.
pub(crate) fn read(home: &Path) -> History {
    let mut history = History::default();
    let mut by_file: BTreeMap<String, BTreeMap<String, u64>> = BTreeMap::new();
    for record in records(home) {
        let number = |value: &Value| value.as_u64().unwrap_or_default();
        for file in record["files"].as_array().into_iter().flatten() {
            let name = file["name"].as_str().unwrap_or_default().to_owned();
            let reasons = file["rejected"].as_object().into_iter().flatten();
            let reasons: BTreeMap<String, u64> = reasons.map(|(reason, n)| (reason.clone(), number(n))).collect();
            history.files.insert(name.clone(), (number(&file["events"]), reasons.values().sum()));
            by_file.insert(name, reasons);
        }
        history.duplicates += number(&record["duplicates"]);
        history.keys = number(&record["keys"]);
        history.refused = number(&record["refused"]);
    }
    for (reason, n) in by_file.into_values().flatten() {
        *history.rejected.entry(reason).or_default() += n;
    }
    history
}
