//! Rows that wait to be put where they belong.
//!
//! A visitor who logs in becomes somebody who was known before, and the rows of both belong together from then on. To put them
//! there, whole buckets are written again. Who writes to the lake every second lets all rows of such a customer lie until there
//! are many, or until it has been long, and says beside the lake whose they are: so a reader need not know who is who. What is
//! said holds for one state of links, rules and places; where it does not hold or cannot be read, a reader works it out.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use listen::stitch::Rules;
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::identity::Moves;
use crate::limits::{WAITING_FILES, WAITING_MAX, WAITING_MIN, WAITING_ROWS};
use crate::store::{Lake, fingerprint, number};

/// By customer under which rows lie: whose they all are.
pub(crate) type Renamed = BTreeMap<i64, i64>;

/// Whether every row lies where it belongs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Filed {
    /// But for those of these customers, which are all somebody else's.
    But(Renamed),
    /// It has to be worked out.
    Unknown,
}

/// What waits, as whoever writes again and again knows it.
#[derive(Debug, Default)]
pub(crate) struct Waiting {
    pub(crate) renamed: Renamed,
    /// Since when something waits.
    since: Option<Instant>,
}

impl Waiting {
    /// Whether these moves may wait in a lake of so many rows: only whole customers, not too many and not for long.
    fn has_room_for(&self, moves: &Moves, rows: u64) -> bool {
        let many = WAITING_MIN.max(rows / WAITING_ROWS);
        moves.split.is_empty()
            && moves.renamed.len() as u64 <= many
            && self.since.is_none_or(|since| since.elapsed() < WAITING_MAX)
    }

    /// What waits after these moves, if they may wait.
    pub(crate) fn after(&self, moves: &Moves, rows: u64) -> Option<Self> {
        let since = if moves.is_empty() { None } else { self.since.or_else(|| Some(Instant::now())) };
        self.has_room_for(moves, rows).then(|| Self { renamed: moves.renamed.clone(), since })
    }
}

/// What is said beside the lake, and of which state of it.
#[derive(Debug, Serialize, Deserialize)]
struct Said {
    /// The version of the links by which it was worked out, and the fingerprint of the rules.
    links: i64,
    rules: i64,
    /// With which version of the events rows were put in other places last.
    refiled: Option<i64>,
    renamed: Vec<(i64, i64)>,
}

fn folder(home: &Path) -> PathBuf {
    home.join("lake").join("waiting")
}

fn file(home: &Path, version: i64) -> PathBuf {
    folder(home).join(format!("{version:020}.json"))
}

impl Lake {
    /// Whether every row lies where these rules and the links that are known now put it.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub(crate) async fn filed(&self, rules: &Rules) -> Result<Filed, Error> {
        if self.is_filed(rules).await? {
            return Ok(Filed::But(Renamed::new()));
        }
        let Some(version) = self.events.transaction(number::WAITING).await? else { return Ok(Filed::Unknown) };
        let Ok(bytes) = std::fs::read(file(self.home(), version)) else { return Ok(Filed::Unknown) };
        let Ok(said) = serde_json::from_slice::<Said>(&bytes) else { return Ok(Filed::Unknown) };
        let holds = Some(said.links) == self.events.transaction(number::LINKS).await?
            && said.rules == fingerprint(rules)
            && said.refiled == self.events.transaction(number::REFILED).await?;
        Ok(if holds { Filed::But(said.renamed.into_iter().collect()) } else { Filed::Unknown })
    }

    /// Says which rows wait once these links are known; gives the version to name in the commit. What cannot be said has to be
    /// worked out by readers.
    pub(crate) async fn say_waiting(&self, renamed: &Renamed, links: i64, rules: &Rules) -> Result<i64, Error> {
        let version = self.events.next_version();
        let refiled = self.events.transaction(number::REFILED).await?;
        let renamed = renamed.iter().map(|(filed, customer)| (*filed, *customer)).collect();
        let said = Said { links, rules: fingerprint(rules), refiled, renamed };
        let bytes = serde_json::to_vec(&said).expect("numbers can be said");
        let (folder, path) = (folder(self.home()), file(self.home(), version));
        std::fs::create_dir_all(&folder).map_err(Error::file("make", &folder))?;
        std::fs::write(&path, bytes).map_err(Error::file("write", &path))?;
        let old = std::fs::read_dir(&folder).map_err(Error::file("read", &folder))?;
        for path in old.filter_map(|entry| Some(entry.ok()?.path())) {
            let number = path.file_stem().and_then(|stem| stem.to_str()?.parse::<i64>().ok());
            if number.is_none_or(|number| number < version - WAITING_FILES) {
                let _ = std::fs::remove_file(path);
            }
        }
        Ok(version)
    }
}
