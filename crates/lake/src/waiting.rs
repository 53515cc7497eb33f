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

/// What waits, as whoever writes again and again knows it.
#[derive(Debug, Default)]
pub(crate) struct Waiting {
    pub(crate) renamed: Renamed,
    /// Since when something waits, as far as that is known.
    since: Option<Instant>,
}

impl Waiting {
    /// What has waited before.
    pub(crate) fn before(renamed: Renamed) -> Self {
        Self { since: (!renamed.is_empty()).then(Instant::now), renamed }
    }

    /// What waits after these moves, in a lake of so many rows. `None` where they may not wait: only whole customers do, not too
    /// many and not for long.
    pub(crate) fn after(&self, moves: &Moves, rows: u64) -> Option<Self> {
        let many = WAITING_MIN.max(rows / WAITING_ROWS);
        let may_wait = moves.split.is_empty()
            && moves.renamed.len() as u64 <= many
            && self.since.is_none_or(|since| since.elapsed() < WAITING_MAX);
        let since = if moves.is_empty() { None } else { self.since.or_else(|| Some(Instant::now())) };
        may_wait.then(|| Self { renamed: moves.renamed.clone(), since })
    }
}

/// What is said beside the lake of the rows that wait by a version of the links.
#[derive(Debug, Serialize, Deserialize)]
struct Said {
    /// The fingerprint of the rules by which it was worked out.
    rules: i64,
    /// With which version of the events rows were put in other places last.
    refiled: Option<i64>,
    renamed: Vec<(i64, i64)>,
}

fn folder(home: &Path) -> PathBuf {
    home.join("lake").join("waiting")
}

fn file(home: &Path, links: i64) -> PathBuf {
    folder(home).join(format!("{links:020}.json"))
}

impl Lake {
    /// Whose rows wait, where all others lie where these rules and the links that are known now put them; `None` where that has
    /// to be worked out.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub(crate) async fn filed(&self, rules: &Rules) -> Result<Option<Renamed>, Error> {
        if self.is_filed(rules).await? {
            return Ok(Some(Renamed::new()));
        }
        let Some(links) = self.events.transaction(number::LINKS).await? else { return Ok(None) };
        let said = std::fs::read(file(self.home(), links)).ok();
        let said: Option<Said> = said.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let refiled = self.events.transaction(number::REFILED).await?;
        let holds = |said: &Said| said.rules == fingerprint(rules) && said.refiled == refiled;
        Ok(said.filter(holds).map(|said| said.renamed.into_iter().collect()))
    }

    /// Says which rows wait once these links are known. What cannot be said has to be worked out by readers.
    pub(crate) async fn say_waiting(&self, renamed: &Renamed, links: i64, rules: &Rules) -> Result<(), Error> {
        let refiled = self.events.transaction(number::REFILED).await?;
        let renamed = renamed.iter().map(|(filed, customer)| (*filed, *customer)).collect();
        let said = Said { rules: fingerprint(rules), refiled, renamed };
        let (folder, path) = (folder(self.home()), file(self.home(), links));
        let bytes = serde_json::to_vec(&said).expect("numbers can be said");
        if std::fs::read(&path).is_ok_and(|there| there == bytes) {
            return Ok(());
        }
        let draft = path.with_extension("tmp");
        let written = std::fs::create_dir_all(&folder)
            .and_then(|()| std::fs::write(&draft, bytes))
            .and_then(|()| std::fs::rename(&draft, &path));
        let Ok(old) = written.and_then(|()| std::fs::read_dir(&folder)) else { return Ok(()) };
        for path in old.filter_map(|entry| Some(entry.ok()?.path())) {
            let number = path.file_stem().and_then(|stem| stem.to_str()?.parse::<i64>().ok());
            if number.is_none_or(|number| number < links - WAITING_FILES) {
                let _ = std::fs::remove_file(path);
            }
        }
        Ok(())
    }
}

/// Deletes all that was said; it is void once rows are put in other places.
pub(crate) fn forget(home: &Path) {
    let _ = std::fs::remove_dir_all(folder(home));
}
