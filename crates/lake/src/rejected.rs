//! Rejected rows on their way into the quarantine: they wait beside the import, and are put where people look for them when
//! it is committed, so that they tell of the same rows as the lake.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

use event::Event;

use crate::error::Error;
use crate::import::Rejected;

/// The name of the reason for a row none of whose keys names anybody.
const JUNK_KEY: &str = "junk-key";

/// Rejected rows, one JSON object a line, in one file per input.
#[derive(Debug)]
pub(crate) struct Quarantine {
    /// Where they wait until the import is committed.
    waiting: PathBuf,
    folder: PathBuf,
    /// The name of the input, and of the file for its rejected rows.
    input: String,
    name: String,
    open: Option<BufWriter<File>>,
    files: Vec<String>,
    /// By input and reason.
    counts: Rejected,
}

impl Quarantine {
    pub(crate) fn new(waiting: PathBuf, folder: PathBuf) -> Self {
        Self {
            waiting,
            folder,
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
        self.name = numbered(&safe).find(|name| !self.files.contains(name)).expect("numbers do not end");
        name.clone_into(&mut self.input);
        Ok(())
    }

    fn close(&mut self) -> Result<(), Error> {
        if let Some(file) = self.open.take() {
            let path = self.waiting.join(&self.name);
            file.into_inner().map_err(|e| Error::file("write", &path)(e.into_error()))?;
        }
        Ok(())
    }

    pub(crate) fn put(&mut self, reason: &str, line: Option<u64>, detail: &str, row: &[u8]) -> Result<(), Error> {
        let path = self.waiting.join(&self.name);
        if self.open.is_none() {
            std::fs::create_dir_all(&self.waiting).map_err(Error::file("make the folder", &self.waiting))?;
            self.open = Some(BufWriter::new(File::create(&path).map_err(Error::file("make", &path))?));
            self.files.push(self.name.clone());
        }
        *self.counts.entry(self.input.clone()).or_default().entry(reason.to_owned()).or_default() += 1;
        let record = serde_json::json!({
            "line": line, "reason": reason, "detail": detail, "row": String::from_utf8_lossy(row),
        });
        let file = self.open.as_mut().expect("opened above");
        writeln!(file, "{record}").map_err(Error::file("write", &path))
    }

    /// A row whose keys name nobody. Which line it was on is not known any more, so that all it said is kept.
    pub(crate) fn junk(&mut self, event: &Event<'_>) -> Result<(), Error> {
        let keys: Vec<String> = event.keys.iter().map(|key| format!("{}={:?}", key.kind, key.value)).collect();
        let detail = format!("{} names nobody", keys.join(", "));
        let inner = |text: Option<&str>| text.and_then(|text| serde_json::from_str::<serde_json::Value>(text).ok());
        let row = serde_json::json!({
            "event": event.event, "keys": keys, "at": event.at.to_string(), "channel": event.channel,
            "source": event.source, "message_id": event.message_id, "resource": event.resource,
            "department": event.department, "case_id": event.case_id, "phase": event.phase,
            "properties": inner(event.properties), "traits": inner(event.traits),
        });
        self.put(JUNK_KEY, None, &detail, row.to_string().as_bytes())
    }

    /// Puts the files where people look for them.
    pub(crate) fn finish(&mut self) -> Result<(Rejected, Vec<PathBuf>), Error> {
        self.close()?;
        let mut kept = Vec::new();
        for name in &self.files {
            std::fs::create_dir_all(&self.folder).map_err(Error::file("make the folder", &self.folder))?;
            let from = self.waiting.join(name);
            // A file that was imported before gave the same rows; another one of this name did not.
            let free = |to: &PathBuf| !to.exists() || same_bytes(&from, to).unwrap_or(false);
            let mut places = numbered(name).map(|name| self.folder.join(format!("{name}.jsonl")));
            let to = places.find(free).expect("numbers do not end");
            std::fs::rename(&from, &to).map_err(Error::file("keep", &to))?;
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
