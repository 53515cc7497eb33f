//! What is kept of answers: what folds have counted, so that the next time they go on from there.
//!
//! Beside it stands of which state of the lake it was counted ([`Mark`]). It holds for every later state in which rows have
//! only come to those that were there; whatever else may have happened to the lake makes it void. It is a copy of what the
//! events say and never needed: what cannot be read or written is passed over, and the question asked afresh.

mod file;

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::thread::JoinHandle;

use journey::{AnyFold, Dues};
use listen::stitch::Rules;
use rapidhash::v3::rapidhash_v3;
use serde::{Deserialize, Serialize};

use crate::ask::{LeftOut, Taken, Vocabulary};
use crate::cores::each_on_all_cores;
use crate::error::Error;
use crate::limits::{WRITTEN_MIN, WRITTEN_PER_EVENT};
use crate::store::{Lake, number};
use crate::torn;
use crate::waiting::Renamed;

pub(crate) use file::{Head, forget, names, sweep};

/// Which state of the lake something was counted of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Mark {
    /// The number of the commit that made this state.
    pub(crate) version: u64,
    /// A hash of that commit: another lake in the same place has another.
    commit: u64,
    /// A hash of what the table is called in itself, for when that commit has gone, as old ones do.
    table: u64,
    /// The arrival number that the next event gets: all rows with smaller ones had been counted.
    pub(crate) next_seq: i64,
    /// The time of the first event and the end of what is known, in microseconds since 1970.
    since_us: i64,
    pub(crate) until_us: i64,
    /// How many events lie after that: they become known as time goes by, without anything having come.
    ahead: u64,
    /// With which version of the events rows were put in other places or taken out last.
    pub(crate) refiled: Option<i64>,
}

/// A state of the lake, and whose rows were filed under somebody else.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Then {
    pub(crate) mark: Mark,
    pub(crate) renamed: Renamed,
}

/// What is kept in a home, for questions to the lake as it was when it was opened.
#[derive(Debug)]
pub struct Keeping {
    home: PathBuf,
    /// The folder of the log of the events.
    log: PathBuf,
    pub(crate) now: Then,
    /// By which rules the lake is asked, which are those by which its rows are filed.
    rules: i64,
    /// What is being written, while the answer is made.
    writing: Mutex<Vec<JoinHandle<()>>>,
}

/// What was counted of a question before.
pub struct Kept {
    pub(crate) head: Head,
    file: Vec<u8>,
    /// Where in the file is what folds have kept.
    begins: usize,
}

/// What it took to go on from what was kept.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Again {
    /// Bytes that were kept.
    pub(crate) bytes: u64,
    /// Events that were read.
    pub(crate) events: u64,
}

impl Again {
    /// Whether keeping it anew takes less time than reading those events once more.
    fn pays(self) -> bool {
        self.bytes <= WRITTEN_MIN.max(self.events.saturating_mul(WRITTEN_PER_EVENT))
    }
}

/// What was counted of a question.
pub(crate) struct Counted {
    /// By group: its folds.
    pub(crate) groups: Vec<Vec<Box<dyn AnyFold>>>,
    /// By selection.
    pub(crate) left_out: Vec<LeftOut>,
    /// Whose open journey becomes abandoned when nothing more happens.
    pub(crate) dues: Dues,
}

impl std::fmt::Debug for Kept {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Kept").field("head", &self.head).field("bytes", &self.file.len()).finish_non_exhaustive()
    }
}

impl Lake {
    /// What is kept of earlier answers and may be used now. `None` where rows do not lie where these rules put them, but for
    /// those that wait: then nothing that was counted before can be told apart from what was not, and nothing is kept.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub async fn keeping(&self, rules: &Rules) -> Result<Option<Keeping>, Error> {
        let Some(renamed) = self.filed(rules).await? else { return Ok(None) };
        let log = self.events.root().join("_delta_log");
        let version = self.events.version();
        // A commit that has been taken away, as old ones may be, cannot be compared any more.
        let Some(commit) = hash_of_commit(&log, version) else { return Ok(None) };
        let Some(next_seq) = self.events.transaction(number::NEXT_SEQ).await? else { return Ok(None) };
        let ends = self.ends().await?;
        let mark = Mark {
            version,
            commit,
            table: rapidhash_v3(self.events.id()?.as_bytes()),
            next_seq,
            since_us: self.since_us().await?.unwrap_or_default(),
            until_us: ends.until_us,
            ahead: ends.ahead,
            refiled: self.events.transaction(number::REFILED).await?,
        };
        Ok(Some(Keeping {
            home: self.home().to_owned(),
            log,
            now: Then { mark, renamed },
            rules: crate::store::fingerprint(rules),
            writing: Mutex::default(),
        }))
    }
}

fn hash_of_commit(log: &Path, version: u64) -> Option<u64> {
    std::fs::read(log.join(format!("{version:020}.json"))).ok().map(|bytes| rapidhash_v3(&bytes))
}

impl Keeping {
    /// Whether it is about just what was taken.
    pub(crate) fn is_about(&self, taken: &Taken) -> bool {
        self.now.mark.version == taken.version && taken.renamed().as_ref() == Some(&self.now.renamed)
    }

    /// What is kept under this name: a text from which everything follows that the answer depends on besides the events.
    /// `None` where nothing is, or where more has happened to the lake since than that rows came.
    pub fn find(&self, name: &str) -> Option<Kept> {
        self.wait();
        let name = self.name(name);
        let (file, head, begins) = file::read(&self.home, &name)?;
        let (then, now) = (&head.mark, &self.now.mark);
        let only_grew = then.ahead == 0
            && now.ahead == 0
            && then.until_us <= now.until_us
            && then.refiled == now.refiled
            && then.since_us == now.since_us
            && then.version <= now.version
            && then.next_seq <= now.next_seq
            && then.table == now.table
            && hash_of_commit(&self.log, then.version).is_none_or(|commit| commit == then.commit);
        if !only_grew {
            return None;
        }
        file::used(&self.home, &name);
        Some(Kept { head, file, begins })
    }

    /// Keeps what each fold of a question has counted in all groups, different folds on different cores; by fold, whether it
    /// can be kept. That it could not be written does not matter here.
    ///
    /// What went on from what was kept before is not written where that would take longer than reading once more what was
    /// read for it: then the next time goes on from what was kept before, too.
    pub(crate) fn keep(
        &self,
        names: &[String],
        vocabulary: &Vocabulary,
        counted: &mut Counted,
        again: Option<Again>,
    ) -> Vec<bool> {
        let mut by_fold: Vec<Vec<&mut dyn AnyFold>> = names.iter().map(|_| Vec::new()).collect();
        for folds in &mut counted.groups {
            by_fold.iter_mut().zip(folds).for_each(|(groups, fold)| groups.push(fold.as_mut()));
        }
        let (left_out, dues) = (&counted.left_out, &counted.dues);
        each_on_all_cores(names.iter().zip(by_fold).collect(), |(name, groups)| {
            self.keep_fold(name, vocabulary, groups, (left_out, dues), again)
        })
    }

    fn keep_fold(
        &self,
        name: &str,
        vocabulary: &Vocabulary,
        groups: Vec<&mut dyn AnyFold>,
        (left_out, dues): (&[LeftOut], &Dues),
        again: Option<Again>,
    ) -> bool {
        if again.is_some_and(|again| !again.pays()) {
            return groups.into_iter().all(AnyFold::can_keep);
        }
        let groups: Option<Vec<Vec<u8>>> = groups.into_iter().map(AnyFold::keep).collect();
        let Some(groups) = groups else { return false };
        let head = Head {
            name: self.name(name),
            mark: self.now.mark.clone(),
            renamed: self.now.renamed.clone(),
            moments: vocabulary.moments.names(),
            words: vocabulary.words.names(),
            left_out: left_out.to_vec(),
            dues: dues.clone(),
            lengths: groups.iter().map(Vec::len).collect(),
        };
        // Whatever comes after so many words are known is called alike, in whatever order it came.
        if head.words.len() < journey::WORDS_MAX {
            let (home, log, version) = (self.home.clone(), self.log.clone(), self.now.mark.version);
            let is_latest = move || torn::is_latest(&log, version).unwrap_or(false);
            // A home that cannot be written to is asked like any other.
            let write = move || _ = file::write(&home, &head, &groups, is_latest);
            let writing = std::thread::Builder::new().spawn(write);
            self.writing.lock().expect("no holder of this lock panics").extend(writing);
        }
        true
    }

    /// Until all is written.
    fn wait(&self) {
        let writing = std::mem::take(&mut *self.writing.lock().expect("no holder of this lock panics"));
        for one in writing {
            let _ = one.join();
        }
    }

    fn name(&self, name: &str) -> String {
        crate::erase::sha256(&format!("{}\n{}\n{name}", file::FORMAT, self.rules))
    }
}

impl Drop for Keeping {
    fn drop(&mut self) {
        self.wait();
    }
}

impl Kept {
    /// Of which state of the lake it was counted.
    pub(crate) fn then(&self) -> Then {
        Then { mark: self.head.mark.clone(), renamed: self.head.renamed.clone() }
    }

    /// Up to when events were known then, in microseconds since 1970.
    pub fn until_us(&self) -> i64 {
        self.head.mark.until_us
    }

    /// The names that had numbers then, with the same numbers.
    pub fn vocabulary(&self) -> Vocabulary {
        let vocabulary = Vocabulary::default();
        self.head.moments.iter().for_each(|name| _ = vocabulary.moments.intern(name));
        self.head.words.iter().for_each(|name| _ = vocabulary.words.word(name));
        vocabulary
    }

    /// Gives a fold of the first group what was counted then; whether that is known.
    pub fn resume(&self, fold: &mut dyn AnyFold) -> bool {
        self.groups().next().is_some_and(|bytes| fold.resume(bytes))
    }

    /// How many bytes folds have kept.
    pub(crate) fn bytes(&self) -> u64 {
        (self.file.len() - self.begins) as u64
    }

    /// By group: what its fold has kept.
    pub(crate) fn groups(&self) -> impl Iterator<Item = &[u8]> {
        let mut rest = &self.file[self.begins..];
        self.head.lengths.iter().map_while(move |length| {
            let (group, after) = rest.split_at_checked(*length)?;
            rest = after;
            Some(group)
        })
    }
}
