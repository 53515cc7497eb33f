//! The same file read otherwise: what its events were before stays, and what they are now comes to it.
//!
//! Events without an id of their sender are told apart by all that they say, so a file that is imported again with a
//! corrected mapping is there twice, and nothing in the lake looks wrong.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use serde_json::{Value, json};

use crate::sources::Source;

/// How a file was read: what each role was taken from, and the time zone of times that have none.
pub(crate) type Reading = BTreeMap<String, String>;

/// What a file holds and how it is read, as the list of imports keeps it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ReadAs {
    /// Its size and a mark of its content; `None` where it cannot be looked at.
    pub(crate) content: Option<String>,
    pub(crate) reading: Reading,
}

/// How much of a file is looked at from either end. Two files of the same size that differ in between alone are taken for
/// one, which costs a warning.
const LOOKED_AT: u64 = 1 << 20;

impl ReadAs {
    pub(crate) fn of(source: &Source) -> Self {
        let plan = &source.plan;
        let mut reading = plan.mapping.shown();
        reading.insert("timezone".to_owned(), plan.zone.iana_name().unwrap_or("UTC").to_owned());
        reading.extend(plan.customer.clone().map(|customer| ("customer".to_owned(), customer)));
        Self { content: content(&source.path).ok(), reading }
    }

    /// As it stands in the list of imports.
    pub(crate) fn json(&self) -> Value {
        json!({ "content": self.content, "reading": self.reading })
    }

    /// How the same content was read the last time that it gave events, if it never was as it is now. Of a reading that
    /// gave none, nothing is there that could stay.
    pub(crate) fn before(&self, files: &[Value]) -> Option<Reading> {
        let content = self.content.as_deref()?;
        let same = files.iter().filter(|file| file["content"] == content && file["events"] != 0);
        let readings = same.filter_map(|file| serde_json::from_value(file["reading"].clone()).ok());
        let readings: Vec<Reading> = readings.collect();
        if readings.contains(&self.reading) { None } else { readings.into_iter().next_back() }
    }

    /// What is read otherwise than it was: ``at from `date+time`, before from `date` ``.
    pub(crate) fn changes(&self, before: &Reading) -> String {
        let roles: BTreeSet<&String> = self.reading.keys().chain(before.keys()).collect();
        let shown =
            |reading: &Reading, role: &str| reading.get(role).map_or("nothing".to_owned(), |x| format!("`{x}`"));
        let changed = roles.into_iter().filter(|role| self.reading.get(*role) != before.get(*role));
        let said = changed
            .map(|role| format!("{role} from {}, before from {}", shown(&self.reading, role), shown(before, role)));
        said.collect::<Vec<_>>().join("; ")
    }
}

/// What somebody should know of files that were imported before with another reading.
pub(crate) fn warning(name: &str, now: &ReadAs, before: &Reading) -> String {
    format!(
        "{name} was imported before and read otherwise ({}): what comes out differently is taken as new events, and those \
         of before stay; where this reading is meant to replace that one, import all files into a new home, such as \
         --home NEW",
        now.changes(before)
    )
}

fn content(path: &Path) -> std::io::Result<String> {
    let mut file = File::open(path)?;
    let size = file.metadata()?.len();
    let mut bytes = Vec::new();
    file.by_ref().take(LOOKED_AT).read_to_end(&mut bytes)?;
    if size > LOOKED_AT {
        file.seek(SeekFrom::Start(size.saturating_sub(LOOKED_AT).max(LOOKED_AT)))?;
        file.take(LOOKED_AT).read_to_end(&mut bytes)?;
    }
    Ok(format!("{size}-{:016x}", listen::stitch::fingerprint(&String::from_utf8_lossy(&bytes))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_as(content: &str, at: &str) -> ReadAs {
        let reading = BTreeMap::from([("at".to_owned(), at.to_owned()), ("event".to_owned(), "status".to_owned())]);
        ReadAs { content: Some(content.to_owned()), reading }
    }

    #[test]
    fn only_the_same_content_with_another_reading_is_told() {
        let known = [read_as("9-a", "date").json(), json!({ "name": "from before contents were kept" })];
        let other = read_as("9-a", "date+time");
        let before = other.before(&known).expect("it was read otherwise");
        assert_eq!(other.changes(&before), "at from `date+time`, before from `date`");
        assert_eq!(read_as("9-a", "date").before(&known), None);
        assert_eq!(read_as("9-b", "date+time").before(&known), None);
        let both = [&known[..], &[other.json()]].concat();
        assert_eq!(other.before(&both), None, "it was read like this before");
        assert_eq!(read_as("9-a", "date").before(&both), None, "and like this too");
        let with = |events: u64| {
            let mut file = read_as("9-a", "date").json();
            file["events"] = json!(events);
            other.before(&[file])
        };
        assert!(with(0).is_none() && with(1).is_some(), "a reading that gave no events leaves nothing");
    }
}
